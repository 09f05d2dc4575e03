"""The world behind the API: people, their calendars, and what Cronofy knows of them.

A *person* has *profiles* at calendar services (Outlook, iCloud, …), a profile has
*calendars*, a calendar has *events*. Cronofy's *account* joins one or more profiles;
an *authorization* gives one application a scope on an account.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from simulators.kit import Clock

from .moments import Moment, entered, midnight, utc_text

#: what Cronofy's cache holds of foreign events, seen from today
DAYS_BACK = 42
DAYS_AHEAD = 201

READ_WRITE, FREE_BUSY, NO_ACCESS = "read_write", "free_busy", "no_access"

#: service: (provider_name, provider_name in Free/Busy mode or None, label)
SERVICES = {
    "google": ("google", "google_free_busy", "Google"),
    "gsuite": ("google", "google_free_busy", "Google Workspace"),
    "office365": ("exchange", "ms_graph_free_busy", "Microsoft 365"),
    "outlook_com": ("live_connect", None, "Outlook.com"),
    "exchange": ("exchange", None, "Exchange"),
    "icloud": ("apple", None, "iCloud"),
    # of an application calendar: tests of cronofy-csharp and cronofy-ruby
    "cronofy": ("cronofy", None, "Cronofy"),
}
#: conferencing that comes with the calendar service itself (Read-Write mode only)
INTEGRATED = {"google": "google_meet", "gsuite": "google_meet", "office365": "ms_teams"}

BUSY, FREE, TENTATIVE, UNKNOWN = "busy", "free", "tentative", "unknown"


def new_id(prefix: str, length: int = 24) -> str:
    return prefix + secrets.token_hex(length // 2)


@dataclass
class Event:
    """One event of a calendar; ``event_id`` and ``client`` on managed ones only."""

    uid: str
    calendar_id: str
    summary: str
    start: Moment
    end: Moment
    created: datetime
    updated: datetime
    description: str = ""
    location: str = ""
    transparency: str = "opaque"
    extended_transparency: str = "unknown"
    status: str = "confirmed"
    participation_status: str = "accepted"
    private: bool = False
    attendees: list[dict] = field(default_factory=list)
    organizer: dict | None = None
    categories: list[str] = field(default_factory=list)
    series: str = ""
    url: str | None = None
    color: str | None = None
    conferencing: dict | None = None
    tags: list[str] = field(default_factory=list)
    editable: bool = True
    """May an application with unrestricted rights change it?"""
    geo: tuple[str, str] | None = None
    """Latitude and longitude."""
    event_id: str = ""
    client: str = ""
    deleted: bool = False
    planted: dict[str, Any] = field(default_factory=dict)
    """Shown instead of what is true, to see what a client makes of it."""
    earlier: list[tuple[Moment, Moment]] = field(default_factory=list)
    """The times it had before it was moved."""

    def move(self, start: Moment, end: Moment) -> None:
        if (start, end) != (self.start, self.end):
            self.earlier.append((self.start, self.end))
        self.start, self.end = start, end

    def managed_by(self, client: str) -> bool:
        return bool(self.event_id) and self.client == client

    def blocks(self) -> str:
        """Its free_busy_status."""
        if self.participation_status == "declined" or self.status == "cancelled":
            return FREE
        extended = {
            "opaque": BUSY,
            "out_of_office": BUSY,
            "transparent": FREE,
            "working_elsewhere": FREE,
            "tentative": TENTATIVE,
        }.get(self.extended_transparency)
        if extended:
            return extended
        if self.status == "tentative" or self.participation_status == "tentative":
            return TENTATIVE if self.transparency != "transparent" else FREE
        return {"opaque": BUSY, "transparent": FREE}.get(self.transparency, UNKNOWN)

    def json(
        self, client: str, localized: bool, tzid: str, geo: bool = False
    ) -> dict[str, Any]:
        managed = self.managed_by(client)
        # what the calendar allows, on external events too, and not what the application
        # may: Cronofy, developers/api/events/read-events. Recurring ones are not
        # editable: Cronofy, developers/api/events/edit-external-events
        allowed = managed or (self.editable and not self.series)
        data = {
            "calendar_id": self.calendar_id,
            "event_uid": self.uid,
            "summary": self.summary,
            "description": self.description,
            "start": self.start.json(localized, tzid),
            "end": self.end.json(localized, tzid),
            "deleted": self.deleted,
            "created": utc_text(self.created),
            "updated": utc_text(self.updated),
            "participation_status": self.participation_status,
            "transparency": self.transparency,
            "status": self.status,
            "categories": self.categories,
            "recurring": bool(self.series),
            "event_private": self.private,
            "options": {
                "delete": allowed,
                "update": allowed,
                "change_participation_status": not managed and bool(self.attendees),
            },
        }
        if managed:
            data["event_id"] = self.event_id
        # attendees, location, organizer and conferencing may be missing; places are
        # texts: fixtures of cronofy-csharp and pycronofy
        if self.attendees:
            data["attendees"] = self.attendees
        if self.location:
            data["location"] = {"description": self.location}
        if geo and self.geo:
            lat, long = self.geo
            data["location"] = data.get("location", {}) | {"lat": lat, "long": long}
        if self.organizer:
            data["organizer"] = self.organizer
        if self.series:
            data["series_identifier"] = self.series
        if self.extended_transparency != "unknown":
            data["extended_transparency"] = self.extended_transparency
        if self.url:
            data["url"] = self.url
        if self.conferencing:
            data["conferencing"] = self.conferencing
            data["meeting_url"] = self.conferencing["join_url"]
        return data | self.planted


@dataclass
class Calendar:
    id: str
    profile: "Profile"
    name: str
    readonly: bool = False
    deleted: bool = False
    primary: bool = False
    color: str | None = None
    events: dict[str, Event] = field(default_factory=dict)

    def managed(self, client: str, event_id: str) -> Event | None:
        return next(
            (
                event
                for event in self.events.values()
                if event.event_id == event_id and event.client == client
            ),
            None,
        )

    def json(self, unrestricted: bool = False) -> dict[str, Any]:
        return {
            "calendar_id": self.id,
            "calendar_name": self.name,
            "calendar_readonly": self.readonly,
            "calendar_deleted": self.deleted,
            "calendar_primary": self.primary,
            "calendar_integrated_conferencing_available": self.profile.integrated
            is not None,
            "calendar_attachments_available": self.profile.mode == READ_WRITE,
            "permission_level": "unrestricted" if unrestricted else "sandbox",
        }


@dataclass
class Profile:
    """A person's account at a calendar service."""

    id: str
    person: "Person"
    service: str
    mode: str = READ_WRITE
    connected: bool = True
    initial_sync_required: bool = False
    calendars: list[Calendar] = field(default_factory=list)

    @property
    def provider_name(self) -> str:
        full, lower, _label = SERVICES[self.service]
        return {READ_WRITE: full, FREE_BUSY: lower, NO_ACCESS: "cronofy"}[self.mode]

    @property
    def provider_service(self) -> str:
        return "cronofy" if self.mode == NO_ACCESS else self.service

    @property
    def label(self) -> str:
        return SERVICES[self.service][2]

    @property
    def modes(self) -> tuple[str, ...]:
        """What the person may choose from."""
        lower = SERVICES[self.service][1]
        return (READ_WRITE, FREE_BUSY, NO_ACCESS) if lower else (READ_WRITE, NO_ACCESS)

    @property
    def integrated(self) -> str | None:
        return INTEGRATED.get(self.service) if self.mode == READ_WRITE else None

    @property
    def visible(self) -> list[Calendar]:
        """What Cronofy sees of it."""
        if self.mode == NO_ACCESS:
            return [calendar for calendar in self.calendars if calendar.primary]
        return self.calendars

    def json(self) -> dict[str, Any]:
        return {
            "provider_name": self.provider_name,
            "provider_service": self.provider_service,
            "profile_id": self.id,
            "profile_name": self.person.email,
        }

    def status_json(self, url: str) -> dict[str, Any]:
        data = self.json() | {
            "profile_connected": self.connected,
            "profile_initial_sync_required": self.initial_sync_required,
        }
        if not self.connected or self.initial_sync_required:
            data["profile_relink_url"] = f"{url}/relink/{self.id}"
        return data


@dataclass
class Person:
    key: str
    name: str
    email: str
    tz: str
    profiles: list[Profile] = field(default_factory=list)

    @property
    def calendars(self) -> list[Calendar]:
        return [c for profile in self.profiles for c in profile.calendars]


@dataclass
class Account:
    """What Cronofy calls an account: the profiles that were linked together."""

    sub: str
    profiles: list[Profile] = field(default_factory=list)
    kind: str = "account"
    conferencing: list[dict] = field(default_factory=list)
    rules: dict[str, dict] = field(default_factory=dict)
    periods: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)

    @property
    def person(self) -> Person:
        return self.profiles[0].person

    @property
    def calendars(self) -> list[Calendar]:
        return [c for profile in self.profiles for c in profile.visible]

    @property
    def sync_status(self) -> str:
        if not all(profile.connected for profile in self.profiles):
            return "disconnected"
        if any(profile.initial_sync_required for profile in self.profiles):
            return "pending"
        return "active"


@dataclass
class Authorization:
    """What one application may do with one account."""

    account: Account
    client: str
    scope: tuple[str, ...]
    refresh_token: str
    profile: Profile
    access_tokens: dict[str, datetime] = field(default_factory=dict)
    revoked: bool = False
    erased: bool = False
    """The person's data were to be erased with it."""


@dataclass
class Channel:
    id: str
    account: Account
    client: str
    callback_url: str
    calendar_ids: tuple[str, ...]
    only_managed: bool
    closed: bool = False
    failing: datetime | None = None
    """Since when no notification has been accepted."""

    def json(self) -> dict[str, Any]:
        # only what is not the default: tests of cronofy-csharp and cronofy-ruby
        filters: dict[str, Any] = {}
        if self.only_managed:
            filters["only_managed"] = True
        if self.calendar_ids:
            filters["calendar_ids"] = list(self.calendar_ids)
        return {
            "channel_id": self.id,
            "callback_url": self.callback_url,
            "filters": filters,
        }


class Store:
    """All state, and the rules that do not depend on who asks."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.clear()

    def clear(self) -> None:
        self.people: dict[str, Person] = {}
        self.calendars: dict[str, Calendar] = {}
        self.accounts: dict[str, Account] = {}
        self.authorizations: list[Authorization] = []
        #: guests to whom a calendar service has written because an application changed
        #: or deleted an event of the person's own
        self.mailed: list[str] = []
        self.unrestricted: set[tuple[str, str]] = set()
        """(application, calendar) where external events may be changed, too."""
        self.channels: dict[str, Channel] = {}

    # people

    def add_person(self, key: str, name: str, email: str, tz: str) -> Person:
        if key in self.people:
            raise ValueError(f"{key} exists")
        self.people[key] = Person(key, name, email, tz)
        return self.people[key]

    def add_profile(self, person: Person, service: str) -> Profile:
        if service not in SERVICES:
            raise ValueError(f"unknown service {service!r}")
        profile = Profile(new_id("pro_", 10), person, service)
        person.profiles.append(profile)
        return profile

    def add_calendar(self, profile: Profile, name: str, **more: Any) -> Calendar:
        # a sign, mixed case, an underscore, as the real ones have: clients must quote
        tail = f"{secrets.token_hex(6).upper()}_{len(self.calendars)}"
        calendar_id = f"cal_{secrets.token_hex(5)}@{tail}"
        calendar = Calendar(calendar_id, profile, name, **more)
        calendar.primary = not profile.calendars
        profile.calendars.append(calendar)
        self.calendars[calendar_id] = calendar
        return calendar

    def person(self, key: str) -> Person:
        """By key or address."""
        for person in self.people.values():
            if key in (person.key, person.email):
                return person
        raise ValueError(f"nobody is called {key!r}")

    def calendar(self, person: str | None, calendar: str | None) -> Calendar:
        """By id, or by a person and a name (None: the person's first)."""
        if calendar in self.calendars:
            return self.calendars[calendar]
        if person is None:
            raise ValueError(f"unknown calendar {calendar!r}")
        for found in self.person(person).calendars:
            if calendar in (None, found.name):
                return found
        raise ValueError(f"{person} has no calendar {calendar!r}")

    def profile(self, profile_id: str) -> Profile:
        for person in self.people.values():
            for profile in person.profiles:
                if profile.id == profile_id:
                    return profile
        raise ValueError(f"unknown profile {profile_id!r}")

    # events as their owner handles them

    def put(self, calendar: Calendar, summary: str, start: Any, end: Any, **more: Any):
        tz = more.pop("tz", None) or calendar.profile.person.tz
        now = self.clock.now()
        event = Event(
            uid=new_id("evt_external_"),
            calendar_id=calendar.id,
            summary=summary,
            start=entered(start, tz),
            end=entered(end, tz),
            created=now,
            updated=now,
            **more,
        )
        if event.start.all_day != event.end.all_day:
            raise ValueError("start and end are both days or both times")
        calendar.events[event.uid] = event
        return event

    def event(self, uid: str) -> tuple[Calendar, Event]:
        for calendar in self.calendars.values():
            if uid in calendar.events:
                return calendar, calendar.events[uid]
            for event in calendar.events.values():
                if uid == event.event_id and not event.deleted:
                    return calendar, event
        raise ValueError(f"unknown event {uid!r}")

    def change(self, event: Event, tz: str, **values: Any) -> None:
        times = {
            name: entered(values.pop(name), tz)
            for name in ("start", "end")
            if name in values
        }
        event.move(times.get("start", event.start), times.get("end", event.end))
        for name, value in values.items():
            if not hasattr(event, name) or name in ("uid", "calendar_id"):
                raise ValueError(f"events have no {name!r}")
            setattr(event, name, value)
        event.updated = self.clock.now()

    # accounts

    def account_of(self, profile: Profile) -> Account | None:
        return next((a for a in self.accounts.values() if profile in a.profiles), None)

    def link(self, profile: Profile, into: Account | None = None) -> Account:
        """The account of the profile: its own one, else ``into``, else a new one."""
        account = self.account_of(profile)
        if account is None:
            account = into or Account(new_id("acc_"))
            self.accounts[account.sub] = account
            account.profiles.append(profile)
        return account

    def authorize(
        self, account: Account, client: str, scope: tuple[str, ...], profile: Profile
    ) -> Authorization:
        """A new grant; one that this application had on the account is widened."""
        token = secrets.token_hex(16)
        granted = Authorization(account, client, scope, token, profile)
        self.authorizations.append(granted)
        return granted

    def application_calendar(self, client: str, key: str) -> Authorization:
        """The grant on a calendar that belongs to the application alone."""
        for granted in self.authorizations:
            if granted.client == client and granted.profile.person.key == f"apc {key}":
                return granted
        person = self.add_person(f"apc {key}", "", "", "Etc/UTC")
        profile = self.add_profile(person, "cronofy")
        self.add_calendar(profile, key)
        account = Account(new_id("apc_"), [profile], kind="application_calendar")
        self.accounts[account.sub] = account
        return self.authorize(account, client, ("read_write",), profile)

    def access_token(self, granted: Authorization, lifetime: float) -> str:
        token = secrets.token_hex(16)
        expiry = self.clock.now() + timedelta(seconds=lifetime)
        granted.access_tokens[token] = expiry
        return token

    def by_access_token(self, token: str) -> Authorization | None:
        now = self.clock.now()
        for granted in self.authorizations:
            expiry = granted.access_tokens.get(token)
            if expiry is not None:
                return granted if expiry > now and not granted.revoked else None
        return None

    # what Cronofy's cache shows

    def cached(self) -> tuple[datetime, datetime]:
        """From when to when foreign events are known."""
        today = self.clock.now().date()
        return (
            midnight(today - timedelta(days=DAYS_BACK), "UTC"),
            midnight(today + timedelta(days=DAYS_AHEAD), "UTC"),
        )

    def seen(
        self,
        calendars: list[Calendar],
        client: str,
        tzid: str,
        start: datetime | None,
        stop: datetime | None,
        modes: tuple[str, ...] = (READ_WRITE,),
        moved: bool = False,
    ) -> Iterator[Event]:
        """The events of the cache in a window, deleted ones included.

        Foreign ones are never seen outside the cache, nor in access modes other than
        ``modes``; own ones are bound by nothing but the window that was asked for.
        With ``moved`` an event also counts where it was before.
        """
        oldest, newest = self.cached()
        for calendar in calendars:
            # of a calendar that Cronofy has not read yet it knows nothing (what it
            # answers then is not documented; an empty listing is the worst reading)
            unread = calendar.profile.initial_sync_required
            hidden = unread or calendar.profile.mode not in modes
            for event in calendar.events.values():
                managed = event.managed_by(client)
                if hidden and not managed:
                    continue
                low = start if managed else max(start or oldest, oldest)
                high = stop if managed else min(stop or newest, newest)
                spans = [(event.start, event.end), *(event.earlier if moved else ())]
                if any(
                    (high is None or begin.instant(tzid) < high)
                    and (low is None or finish.instant(tzid) >= low)
                    for begin, finish in spans
                ):
                    yield event

    def snapshot(self) -> dict[str, Any]:
        """JSON values for :meth:`Simulator.dump`."""
        return {
            "people": [
                {
                    "key": person.key,
                    "name": person.name,
                    "email": person.email,
                    "profiles": [
                        profile.status_json("")
                        | {
                            "mode": profile.mode,
                            "calendars": [
                                calendar.json()
                                | {
                                    "events": [
                                        event.json(event.client, False, person.tz)
                                        for event in calendar.events.values()
                                    ]
                                }
                                for calendar in profile.calendars
                            ],
                        }
                        for profile in person.profiles
                    ],
                }
                for person in self.people.values()
            ],
            "accounts": {
                sub: [profile.id for profile in account.profiles]
                for sub, account in self.accounts.items()
            },
            "authorizations": [
                {
                    "sub": granted.account.sub,
                    "scope": list(granted.scope),
                    "revoked": granted.revoked,
                    "erased": granted.erased,
                }
                for granted in self.authorizations
            ],
            "channels": [
                channel.json() | {"closed": channel.closed}
                for channel in self.channels.values()
            ],
        }
