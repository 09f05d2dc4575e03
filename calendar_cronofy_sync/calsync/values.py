"""The frozen values that travel between the layers.

Times are half-open. Timed ones are aware datetimes, all-day ones are dates whose stop
is exclusive (the day after the last one), as in RFC 5545.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

__all__ = [
    "Application",
    "Authorization",
    "Channel",
    "Fields",
    "Grant",
    "Outcome",
    "Page",
    "Person",
    "RemoteCalendar",
    "RemoteEvent",
    "When",
    "Window",
    "Write",
    "changed",
    "moment",
    "replace",
]

#: the mapped fields, in the order of the table in the README
FIELD_NAMES = ("name", "when", "description", "location", "privacy", "show_as")


def moment(value: datetime | date) -> str:
    """A stable text for a point in time: UTC ``…Z`` for a datetime, the day for a
    date."""
    if isinstance(value, datetime):
        utc = value.astimezone(timezone.utc).replace(microsecond=0, tzinfo=None)
        return utc.isoformat() + "Z"
    return value.isoformat()


def from_moment(text: str) -> datetime | date:
    """The inverse of :func:`moment`."""
    if "T" in text:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(
            tzinfo=timezone.utc
        )
    return date.fromisoformat(text)


_TAIL = re.compile(r"(.+?)(?:_R[0-9]{8}(?:T[0-9]{6})?)+")


def base_id(master_id: str) -> str:
    """The id that all parts of a series share which was split at Google: the tail of
    ``b`` is ``b_R20210510T160000``, split again ``b_R20210601T160000``."""
    match = _TAIL.fullmatch(master_id)
    return match[1] if match else master_id


@dataclass(frozen=True, slots=True)
class When:
    """When an event takes place. Equal when the instants are: the zone does not
    count."""

    start: datetime | date
    stop: datetime | date
    #: IANA name of the zone in which it was entered, "" when unknown
    tz: str = field(default="", compare=False)

    @property
    def allday(self) -> bool:
        return not isinstance(self.start, datetime)

    def lasting(self) -> When:
        """The same, a minute long where it has no length.

        Google shows such events and takes none ("The specified time range is empty.":
        keeper.sh 614 and 616, home-assistant 136804); whether Cronofy does is not
        documented.
        """
        if self.start != self.stop or self.allday:
            return self
        return replace(self, stop=self.start + timedelta(minutes=1))

    def to_json(self) -> list[str]:
        return [moment(self.start), moment(self.stop), self.tz]

    @classmethod
    def from_json(cls, data: list[str]) -> When:
        return cls(from_moment(data[0]), from_moment(data[1]), data[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The mapped fields of one event, and nothing else."""

    name: str = ""
    when: When
    #: HTML as the provider or Odoo holds it (Cronofy: plain text)
    description: str = ""
    location: str = ""
    #: default, public, private or confidential
    privacy: str = "default"
    #: busy or free
    show_as: str = "busy"

    def to_json(self) -> dict[str, Any]:
        return {
            name: value.to_json() if isinstance(value, When) else value
            for name, value in ((f, getattr(self, f)) for f in FIELD_NAMES)
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fields:
        return cls(**{**data, "when": When.from_json(data["when"])})


def changed(before: Fields | None, after: Fields) -> frozenset[str]:
    """The names of the fields in which ``after`` differs (all of them without a
    before)."""
    if before is None:
        return frozenset(FIELD_NAMES)
    return frozenset(f for f in FIELD_NAMES if getattr(before, f) != getattr(after, f))


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """The organiser or a guest of a remote event."""

    email: str
    name: str = ""
    #: needsAction, accepted, declined or tentative (Odoo's and Google's words)
    response: str = "needsAction"
    #: True for the copy's own owner
    is_self: bool = False
    #: a room or a device
    is_resource: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteEvent:
    """One remote item: a single event, a series' master, or one occurrence of a
    series."""

    remote_id: str
    ical_uid: str = ""
    #: version tag, opaque, "" where the provider has none
    etag: str = ""
    #: confirmed, tentative or cancelled; a cancelled item may carry nothing but its id
    status: str = "confirmed"
    fields: Fields | None = None
    #: RRULE/RDATE/EXDATE/EXRULE lines, on a master only
    recurrence: tuple[str, ...] = ()
    #: the id of the master, on an occurrence only
    master_id: str = ""
    #: where the rule puts this occurrence, whatever became of it
    original_start: datetime | date | None = None
    #: None when the provider does not say; then it is the account's own event
    organizer: Person | None = None
    attendees: tuple[Person, ...] = ()
    #: are there guests, as far as is known, whom this copy does not name?
    cut: bool = False
    #: the provider's event type ("default"; Google: outOfOffice, workingLocation, …)
    kind: str = "default"
    #: our own mark on the event, "" on foreign ones; proves nothing, helps to find
    mark: str = ""
    #: may this account change the shared fields of the event?
    writable: bool = True
    #: why the item cannot be synchronised, "" when it can; the rest may be missing then
    problem: str = ""
    #: where a person can look at it
    url: str = ""
    #: what joins the occurrences of a series where they arrive as single events
    #: (Cronofy lays every series out and tells no rule), "" otherwise
    series_id: str = ""
    #: address of the video conference, "" without one
    video: str = ""

    @property
    def cancelled(self) -> bool:
        return self.status == "cancelled"

    @property
    def response(self) -> str:
        """What the account's own person answered; an own event counts as accepted."""
        return next((p.response for p in self.attendees if p.is_self), "accepted")

    @property
    def organized_by_self(self) -> bool:
        return self.organizer is None or self.organizer.is_self

    @property
    def emails(self) -> frozenset[str]:
        """The addresses this copy names as organiser or guest, in lower case."""
        people = self.attendees + ((self.organizer,) if self.organizer else ())
        return frozenset(p.email.lower() for p in people if p.email)

    def to_json(self) -> dict[str, Any]:
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data["fields"] = self.fields and self.fields.to_json()
        data["recurrence"] = list(self.recurrence)
        data["original_start"] = self.original_start and moment(self.original_start)
        data["organizer"] = self.organizer and asdict(self.organizer)
        data["attendees"] = [asdict(person) for person in self.attendees]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RemoteEvent:
        values = dict(data)
        values["fields"] = data["fields"] and Fields.from_json(data["fields"])
        values["recurrence"] = tuple(data["recurrence"])
        values["original_start"] = (
            from_moment(data["original_start"]) if data["original_start"] else None
        )
        values["organizer"] = data["organizer"] and Person(**data["organizer"])
        values["attendees"] = tuple(Person(**person) for person in data["attendees"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCalendar:
    """One calendar of an account, as the provider lists it."""

    remote_id: str
    name: str
    timezone: str = ""
    #: owner, writer, reader or freeBusyReader; unknown roles arrive as reader
    access_role: str = "reader"
    is_primary: bool = False
    #: can only events that Odoo made be changed, until the person allows more?
    restricted: bool = False
    #: #rrggbb or ""
    color: str = ""

    @property
    def writable(self) -> bool:
        return self.access_role in ("owner", "writer")


@dataclass(frozen=True, slots=True)
class Window:
    """Which events are synchronised: ending after ``start``; series up to
    ``horizon``."""

    start: datetime
    horizon: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of changes. ``token`` is set on the last page only."""

    events: tuple[RemoteEvent, ...] = ()
    token: str = ""
    #: True when the page belongs to a listing of everything, not to a delta
    full: bool = False
    #: the calendar's zone as told with the page
    timezone: str = ""
    #: the account's role in the calendar as told with the page, "" when it is not told
    access_role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write to the provider.

    ``insert`` sends all fields (and ``recurrence``) under ``remote_id``, which we chose
    and stored before; ``patch`` sends the ``changed`` fields of ``fields`` and, when
    not None, ``recurrence``; ``delete`` sends nothing.
    """

    verb: str
    remote_id: str
    #: the caller's own reference, returned with the outcome
    key: Any = None
    #: the version we build on ("" = write whatever is there)
    etag: str = ""
    fields: Fields | None = None
    changed: frozenset[str] = frozenset()
    #: the remote side as it was last seen (patch only): what says the same stays as it
    #: stands there
    known: Fields | None = None
    recurrence: tuple[str, ...] | None = None
    mark: str = ""
    #: the account's own answer to an invitation (patch only), "" to leave it alone
    response: str = ""
    #: ask for a video conference on this conferencing profile of the account
    #: (Cronofy: "default", "integrated" or an id), "" to leave it alone
    video: str = ""
    #: the series and the place in it of an occurrence, which is known by these: its
    #: ``remote_id`` may be a mere guess. "" and None on everything else
    master_id: str = ""
    original_start: datetime | date | None = None

    def sendable(self) -> Write:
        """The same, as services take it: nothing without length."""
        if self.fields is None or self.fields.when is None:
            return self
        return replace(
            self, fields=replace(self.fields, when=self.fields.when.lasting())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one :class:`Write`: the event as the provider now has it, or why
    not.

    After a successful delete both are None. ``Gone`` is reported as an error for a
    patch and as success for a delete.
    """

    key: Any
    event: RemoteEvent | None = None
    error: Exception | None = None
    #: the fields as they were said in the provider's own words, read back; None: as the
    #: write has them
    sent: Fields | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The client that an administrator registered with the provider, and its
    addresses."""

    client_id: str
    client_secret: str = field(repr=False)
    api_url: str
    #: Google: consent page; Cronofy: host of the hosted pages
    auth_url: str
    token_url: str
    revoke_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a user granted: the tokens (never shown) and the scopes really given."""

    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    #: aware UTC; None = unknown, use it until it is refused
    expiry: datetime | None = None
    scopes: tuple[str, ...] = ()
    #: the provider's own name of the account (Cronofy: sub), "" where there is none
    subject: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "expiry": self.expiry and moment(self.expiry),
            "scopes": list(self.scopes),
            "subject": self.subject,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Grant:
        expiry = data.get("expiry")
        return cls(
            access_token=data.get("access_token", ""),
            refresh_token=data.get("refresh_token", ""),
            expiry=from_moment(expiry) if expiry else None,
            scopes=tuple(data.get("scopes", ())),
            subject=data.get("subject", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """Where to send the user for consent, and what must be kept until they come
    back."""

    url: str
    #: PKCE code verifier, "" where the provider has no PKCE
    verifier: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A subscription to change notifications."""

    channel_id: str
    resource_id: str = ""
    #: aware UTC; None = does not expire
    expires: datetime | None = None
    #: where its notifications go, "" when that is not told
    address: str = ""
