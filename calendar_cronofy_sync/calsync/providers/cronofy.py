"""Cronofy: Outlook, Exchange, iCloud and others behind one interface.

What differs from a calendar service of its own:

* A write is *accepted* (202) and reaches the calendar some time later, or never.
  :meth:`CronofyProvider.push` therefore reads back until it sees what it wrote. What it
  does not see in time is reported as :class:`Unconfirmed`: the engine tries again, and
  since an upsert of the same event twice is one event, that does no harm.
* There is no If-Match. Before a patch the events that changed in the last minutes are
  listed; one that is not in the version we build on is a :class:`Conflict`.
* There is no sync token. The watermark of the last listing takes its place, with an
  overlap; a change seen twice is recognised by its version.
* There are no series, only their occurrences (``series`` is False).
* Foreign events are known from 42 days back to 201 days ahead.

The facts that the documentation leaves open are constants here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from ..errors import (
    AnswerLost,
    AuthExpired,
    Conflict,
    Duplicate,
    Forbidden,
    Gone,
    Misconfigured,
    NotFound,
    PlaceRefused,
    PlanLimit,
    RateLimited,
    Rejected,
    ScopeMissing,
    SyncError,
    TokenInvalid,
    TokenRefused,
    Unavailable,
    Unconfirmed,
    Unsupported,
)
from ..intervals import Interval, union
from ..mapping import known_zone
from ..mapping_cronofy import (
    FOREIGN,
    changeable,
    clean,
    cronofy_body,
    cronofy_event,
    cronofy_said,
    is_foreign,
    name_of,
    tidy,
)
from ..transport import (
    TIMEOUT,
    Limiter,
    Reply,
    Wire,
    error_of,
    insist,
    oauth_error,
    retry_after,
    shared_limiter,
)
from ..values import (
    Application,
    Authorization,
    Channel,
    Grant,
    Outcome,
    Page,
    RemoteCalendar,
    RemoteEvent,
    Window,
    Write,
)

T = TypeVar("T")
UTC = timezone.utc

#: Where the data of an application lives; ``us`` has no suffix.
DATA_CENTERS = ("us", "de", "uk", "au", "ca", "sg")
#: Days that Cronofy keeps its copies: of the person's own events after the last
#: permission, of events that an application wrote after the permission has ended.
KEEPS_EXTERNAL, KEEPS_MANAGED = 30, 90

# Not documented: whether ``free_busy`` alone may list calendars and read the account;
# so both are asked for by name. ``free_busy`` is the smallest scope that tells busy
# times, and lets the person choose that Cronofy itself sees nothing else.
SCOPES = {
    "availability": ("free_busy", "list_calendars", "read_account"),
    "two_way": (
        "read_events",
        "create_event",
        "delete_event",
        "create_calendar",
        "list_calendars",
        "read_account",
    ),
}
#: what a scope grants beside itself
COVERED = {
    "free_busy_write": {"free_busy", "read_free_busy", "create_event", "delete_event"},
    "read_free_busy": {"free_busy"},
    "read_events": {"free_busy", "read_free_busy"},
    "read_only": {"read_account", "list_calendars", "read_events", "free_busy"},
    "write_only": {"create_event", "delete_event"},
    "read_write": {
        "read_account",
        "list_calendars",
        "read_events",
        "free_busy",
        "create_event",
        "delete_event",
    },
}

#: requests of one application, over all its users
PER_SECOND, PER_MINUTE = 50, 500
BATCH = 50
#: days that Cronofy's copy of a calendar spans, seen from today
DAYS_BACK, DAYS_AHEAD = 42, 201
PAST = "Cronofy tells no busy times from so long ago."
FAR = "Cronofy tells busy times no further than 201 days ahead."
#: Which states of a period keep a slot from being free. Cronofy shows "tentative" and
#: "unknown" apart from "busy"; whoever offers slots had better believe both.
BLOCKING = frozenset({"busy", "tentative", "unknown"})

#: Not documented: whether ``last_modified`` means Cronofy's time or the calendar
#: service's, which may be minutes older. A listing starts this much before the last.
OVERLAP = timedelta(minutes=10)
#: events in the overlap that are told apart; more are simply told once more
REMEMBERED = 500
#: Not documented: how long deleted events are listed. After so long, list everything.
TOKEN_LIFE = timedelta(days=28)
#: before every change: a token that is too old
LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: how far back a write looks for changes by others; the delta has seen older ones
LOOK_BACK = timedelta(hours=1)
#: seconds to wait before each look for a write; then it counts as not confirmed
CONFIRM = (0.0, 0.5, 1.0, 2.0, 4.0)
#: the look that takes in all our events: a write that changed nothing is not recent
THOROUGH = 2
#: clocks and seconds are not exact: a write may be stamped this much too early
SLACK = timedelta(seconds=2)

LONGEST_ADDRESS = 128
READ_ONLY = "Only events that were made in Odoo can be changed."
LOST = "Cronofy has lost the connection to the calendar: connect it again."
EXPIRY_MARGIN = timedelta(seconds=60)

HMAC_HEADER = "Cronofy-HMAC-SHA256"


def hosts(data_center: str) -> tuple[str, str]:
    """Addresses of the API and of the hosted pages.

    :raises PlaceRefused: there is no such data center
    """
    name = data_center.strip().lower() or "us"
    if name not in DATA_CENTERS:
        raise PlaceRefused(
            f"Cronofy has no data center named {data_center!r}.", reason="unknown"
        )
    suffix = "" if name == "us" else f"-{name}"
    return f"https://api{suffix}.cronofy.com", f"https://app{suffix}.cronofy.com"


def secrets_in(text: str) -> list[str]:
    """The secrets in force: two, parted by a comma or blanks, while one replaces the
    other. The first is the one we use."""
    return re.findall(r"[^\s,]+", text)


def secrets_of(app: Application) -> list[str]:
    return secrets_in(app.client_secret) or [""]


def verified(body: bytes, header: str | None, secrets: Iterable[str]) -> bool:
    """Did Cronofy send this notification?

    :param body: as it came over the wire, not parsed and written again
    :param header: value of :data:`HMAC_HEADER`; one signature per secret in force there
    :param secrets: those in force here (two while one is being replaced)
    """
    given = [part.strip().encode() for part in (header or "").split(",")]
    known = [
        base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest())
        for secret in secrets
        if secret
    ]
    # every pair is compared, so that the time taken tells nothing
    matches = [hmac.compare_digest(one, other) for one in given for other in known]
    return any(matches)


def notification(body: bytes) -> tuple[str, str]:
    """The kind of a notification whose signature is right, and the address that it was
    meant for, "" where it does not tell them."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""

    def part(name: str, value: str) -> str:
        found = data.get(name) if isinstance(data, dict) else None
        return _str(found.get(value)) if isinstance(found, dict) else ""

    return part("notification", "type"), part("channel", "callback_url")


class CronofyLimiter(Limiter):
    """Keeps an application below both of its limits."""

    def __init__(self, **how: Any) -> None:
        super().__init__(project=PER_MINUTE, period=60.0, **how)
        self._burst = Limiter(project=PER_SECOND, period=1.0, **how)

    def wait(self, cost: int = 1, user: Any = None, **how: Any) -> None:
        self._burst.wait(cost, **how)
        return super().wait(cost, user, **how)


def _limiter(app: Application) -> Limiter:
    key = ("cronofy", app.api_url, app.client_id)
    return shared_limiter(key, CronofyLimiter)


# ------------------------------------------------------------------- what answers mean


def _accepted(status: int) -> bool:
    return 200 <= status < 300


def cronofy_error(reply: Reply, *, write: bool = False) -> SyncError:
    """The meaning of a refusal by the API."""
    data = _json(reply)
    fields = data.get("errors")
    told = _told(fields)
    if reply.status == 403:
        return ScopeMissing(reason="403")
    if reply.status == 422 and isinstance(fields, dict) and "calendar_id" in fields:
        return Forbidden(reason=_keys(fields))
    if reply.status == 422:
        return Rejected(told, reason=_keys(fields) or "422")
    if reply.status == 402:
        return PlanLimit(
            "The Cronofy plan of this installation does not include this: your "
            "administrator can have it extended.",
            reason="402",
        )
    if reply.status == 423:
        return AuthExpired(LOST, reason="423")
    if reply.status == 410:
        # cronofy-csharp knows it, and nobody says what is gone then: paths name
        # calendars, and a missing calendar is no deletion of its events
        return NotFound(reason="410")
    wait = retry_after(reply.headers.get("retry-after") or "")
    if reply.status == 429:
        # counted for the application, over all its users
        return RateLimited(retry_after=wait, project=True, reason="429")
    return error_of(reply.status, message=told, write=write)


def _grant_error(reply: Reply) -> SyncError:
    """The meaning of a refusal by the token endpoint."""
    word = _json(reply).get("error")
    # an unknown client is refused with 400 (cronofy-csharp, tests of RevokeToken)
    if reply.status == 401 and not word:
        word = "invalid_client"
    error = oauth_error(reply.status, [word], reply.headers.get("retry-after") or "")
    if error.reason == "invalid_client":
        told = "Cronofy does not know this client id and secret."
        return Misconfigured(told, reason=error.reason)
    return error


def _json(reply: Reply) -> dict[str, Any]:
    """The body; {} if it is none, as many refusals have none."""
    try:
        data = json.loads(reply.body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _told(fields: Any) -> str:
    """``summary: required; end: must be after start``."""
    if not isinstance(fields, dict):
        return ""
    parts = [
        f"{name}: {', '.join(_sayings(rows))}" for name, rows in sorted(fields.items())
    ]
    return "; ".join(parts)[:500]


def _sayings(rows: Any) -> list[str]:
    if not isinstance(rows, list):
        return []
    return [
        str(row.get("description") or row.get("key") or "")
        for row in rows
        if isinstance(row, dict)
    ]


def _keys(fields: Any) -> str:
    if not isinstance(fields, dict):
        return ""
    rows = [row for some in fields.values() if isinstance(some, list) for row in some]
    return ",".join(str(row.get("key")) for row in rows if isinstance(row, dict))[:200]


def _object(reply: Reply, name: str, kind: type[T]) -> T:
    """A part of the answer.

    :raises Unavailable: it is not there, or something else
    """
    data = reply.json()
    part = data.get(name) if isinstance(data, dict) else None
    if not isinstance(part, kind):
        raise Unavailable(reason=f"answer without {name}")
    return part


def _utc_text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _from_utc_text(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


# --------------------------------------------------------------------- what was listed


@dataclass
class Watermark:
    """Up to where a calendar has been listed; its text is our synchronisation token."""

    #: the next listing has what was changed since
    since: datetime
    #: the first day that was beyond Cronofy's reach
    reach: date
    #: digests of the events that the overlap will list again; None: too many
    seen: set[str] | None

    @classmethod
    def at(cls, begun: datetime, reach: date) -> Watermark:
        since = (begun - OVERLAP).replace(microsecond=0)
        return cls(since, reach, set())

    @classmethod
    def of_unread(cls, reach: date) -> Watermark:
        """That of a calendar which Cronofy has not read completely: what it reads later
        may have been changed long ago, so that everything is listed again."""
        return cls(LONG_AGO, reach, set())

    @classmethod
    def from_token(cls, token: str) -> Watermark:
        """
        :raises TokenInvalid: it is none of ours
        """
        try:
            since, reach, seen = json.loads(token)
            return cls(_from_utc_text(since), date.fromisoformat(reach), set(seen))
        except (TypeError, ValueError) as err:
            raise TokenInvalid(reason="unreadable") from err

    def to_token(self) -> str:
        seen = sorted(self.seen or ())
        return json.dumps([_utc_text(self.since), self.reach.isoformat(), seen])

    def see(self, events: Iterable[RemoteEvent]) -> None:
        """Remember those that will be listed again, unless they are too many."""
        if self.seen is None:
            return
        self.seen.update(_digest(e) for e in events if _stamp(e) >= self.since)
        if len(self.seen) > REMEMBERED:
            self.seen = None

    def unseen(self, events: Iterable[RemoteEvent]) -> tuple[RemoteEvent, ...]:
        return tuple(e for e in events if _digest(e) not in (self.seen or ()))


def _digest(event: RemoteEvent) -> str:
    text = f"{event.remote_id} {event.etag}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


# --------------------------------------------------------------------------- provider


class CronofyProvider:
    """One account at Cronofy.

    :param limiter: None: the one that all accounts of the application share
    :param now: the time here; what Cronofy's answers say of theirs corrects it
    """

    #: Cronofy lays every series out and takes none
    series = False
    forgetful = True
    conferencing = "profiles"
    erases = True

    def __init__(
        self,
        app: Application,
        grant: Grant,
        *,
        limiter: Limiter | None = None,
        timeout: tuple[float, float] = TIMEOUT,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.app, self.grant = app, grant
        self._limiter = limiter or _limiter(app)
        self._wire = _wire(app, self._limiter, timeout)
        self._here, self._sleep = now, sleep
        #: their clock minus ours
        self._ahead = timedelta()
        self._userinfo: dict[str, Any] = {}
        #: calendars whose foreign events may be changed; None: not asked yet
        self._open: frozenset[str] | None = None
        #: calendars that were looked at before the first write
        self._written_to: set[str] = set()

    @property
    def request_count(self) -> int:
        return self._wire.count

    def close(self) -> None:
        self._wire.close()

    # consent

    @staticmethod
    def scopes(mode: str) -> tuple[str, ...]:
        return SCOPES[mode]

    @staticmethod
    def missing_scopes(mode: str, granted: Iterable[str]) -> tuple[str, ...]:
        granted = set(granted)
        covered = granted.union(*(COVERED.get(scope, set()) for scope in granted))
        return tuple(scope for scope in SCOPES[mode] if scope not in covered)

    @staticmethod
    def authorize(
        app: Application,
        mode: str,
        *,
        redirect_uri: str,
        state: str,
        hint: str = "",
    ) -> Authorization:
        """The address of the consent pages. There is no PKCE.

        :param hint: Cronofy's name of a calendar service to preselect
        """
        query = {
            "response_type": "code",
            "client_id": app.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(SCOPES[mode]),
            "state": state,
            # without it, two people who use one browser become one account, which
            # nobody but Cronofy's support can part again
            "avoid_linking": "true",
        }
        if hint and "@" not in hint:
            query["provider_name"] = hint
        return Authorization(url=f"{_consent_page(app)}?{urlencode(query)}")

    @staticmethod
    def exchange(
        app: Application, *, code: str, verifier: str, redirect_uri: str
    ) -> Grant:
        data = _token_request(
            app,
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
            },
        )
        return _grant(data, Grant(), datetime.now(UTC))

    @staticmethod
    def revoke(app: Application, grant: Grant, *, erase: bool = False) -> None:
        """Withdraw this grant; another one on the same account stays alive."""
        data: dict[str, Any] = {
            "client_id": app.client_id,
            "client_secret": secrets_of(app)[0],
        }
        token = grant.refresh_token or grant.access_token
        if not token and not grant.subject:
            return
        data |= {"token": token} if token else {"sub": grant.subject}
        if erase:  # cronofy-csharp, RevokeTokenRequest
            data["request_pii_erasure"] = True
        wire = _wire(app, _limiter(app))
        try:
            reply = insist(lambda: _post_json(wire, app.revoke_url, data))
        finally:
            wire.close()
        error = None if _accepted(reply.status) else _grant_error(reply)
        if error and not isinstance(error, AuthExpired):
            raise error

    # the account

    def identity(self) -> str:
        info = self._info()
        profiles = self._profiles(info)
        names = [_str(profile.get("profile_name")) for profile in profiles]
        # an application calendar is nobody's: its account is all that it is known by
        names = [_str(info.get("email")), *names, _str(info.get("sub"))]
        return next(filter(None, names), "")

    def _info(self, *, fresh: bool = False) -> dict[str, Any]:
        if fresh or not self._userinfo:
            info = self._call("GET", "/v1/userinfo").json()
            if not isinstance(info, dict):
                raise Unavailable(reason="userinfo")
            self._userinfo = info
        return self._userinfo

    @staticmethod
    def _profiles(info: dict[str, Any]) -> list[dict[str, Any]]:
        data = info.get("cronofy.data")
        profiles = data.get("profiles") if isinstance(data, dict) else None
        return _rows(profiles)

    def _zone(self, info: dict[str, Any]) -> str:
        """The account's zone, "" where Cronofy does not know it."""
        name = _str(info.get("zoneinfo"))
        return "" if name in ("Etc/UTC", "UTC") else known_zone(name)

    def calendars(self) -> list[RemoteCalendar]:
        rows = _rows(_object(self._call("GET", "/v1/calendars"), "calendars", list))
        info = self._info()
        zone, ours = self._zone(info), _is_applications(info)
        self._open = frozenset(
            _str(row.get("calendar_id"))
            for row in rows
            if row.get("permission_level") == "unrestricted"
        )
        return [
            _calendar(row, zone, ours)
            for row in rows
            if _str(row.get("calendar_id")) and row.get("calendar_deleted") is not True
        ]

    def create_calendar(self, name: str, timezone: str) -> RemoteCalendar:
        """A new calendar in the account's first profile that takes one.

        Cronofy knows no zone of a calendar. One of this name that is there already is
        taken over, because not every calendar service bears two of a name.
        """
        profiles = [
            profile
            for profile in self._profiles(self._info(fresh=True))
            if profile.get("profile_connected") is not False and _is_open(profile)
        ]
        if not profiles:
            raise Forbidden(
                "The calendar was connected in a way that does not let us create one."
            )
        data = {"profile_id": profiles[0].get("profile_id"), "name": name}
        try:
            reply = self._call("POST", "/v1/calendars", data)
        except Rejected as err:
            same = [c for c in self.calendars() if c.name == name and c.writable]
            if "duplicate_calendar_name" not in err.reason or not same:
                raise
            return same[0]
        return _calendar(_object(reply, "calendar", dict), self._zone(self._info()))

    def permissions_url(self, calendar_ids: Sequence[str], *, redirect_uri: str) -> str:
        """Where the person allows that foreign events of these calendars are changed;
        "" where an administrator has allowed it for everybody, and it is done.

        Cronofy, developers/api/authorization/extended-permissions
        """
        wanted = [
            {"calendar_id": calendar_id, "permission_level": "unrestricted"}
            for calendar_id in calendar_ids
        ]
        data = {"permissions": wanted, "redirect_uri": redirect_uri}
        asked = self._call("POST", "/v1/permissions", data)
        url = _str(_object(asked, "permissions_request", dict).get("url"))
        if url and not url.startswith(("https://", "http://")):
            raise Unavailable(reason="no address")
        self._open = None
        return url

    def _unrestricted(self, calendar_id: str) -> bool:
        if self._open is None:
            self.calendars()
        return calendar_id in (self._open or ())

    # reading

    def changes(self, calendar_id: str, token: str, window: Window) -> Iterator[Page]:
        """See :class:`.base.Provider`. Occurrences reach as far as Cronofy's copy."""
        mark = Watermark.from_token(token) if token else None
        zone = "" if mark else self._zone(self._info())
        # both may hold: connected, and not read yet (Cronofy, developers/api/identity/
        # userinfo; tests of cronofy-csharp and cronofy-ruby)
        unread = not mark and isinstance(
            self._state(self._info(), calendar_id), Unavailable
        )
        query = self._reach(window) | {
            "calendar_ids[]": calendar_id,
            "include_managed": "true",
        }
        if mark:
            query |= {
                "last_modified": _utc_text(mark.since),
                "include_deleted": "true",
                # what left the window is told once more, with its new time
                "include_moved": "true",
            }
        reach = date.fromisoformat(query["to"])
        rolled = mark is not None and mark.reach < reach
        new = None
        for events, final in self._listing(query):
            new = new or (
                Watermark.of_unread(reach)
                if unread
                else Watermark.at(self._now(), reach)
            )
            if mark and mark.since < new.since - TOKEN_LIFE:
                raise TokenInvalid(reason="too old")
            new.see(events)
            yield Page(
                events=mark.unseen(events) if mark else events,
                token=new.to_token() if final and not rolled else "",
                full=mark is None,
                timezone=zone,
            )
        if rolled:
            # days that came into Cronofy's reach: what is there has not changed
            query = self._reach(window) | {
                "calendar_ids[]": calendar_id,
                "include_managed": "true",
                "from": mark.reach.isoformat(),
            }
            for events, final in self._listing(query):
                yield Page(events=events, token=new.to_token() if final else "")

    def _reach(self, window: Window | None = None) -> dict[str, str]:
        """The part of the window that Cronofy answers for, in whole days."""
        today = self._now().date()
        start = today - timedelta(days=DAYS_BACK)
        if window is not None:
            start = max(start, window.start.astimezone(UTC).date())
        stop = today + timedelta(days=DAYS_AHEAD)
        return {
            "tzid": "Etc/UTC",
            "from": start.isoformat(),
            "to": stop.isoformat(),
            "localized_times": "true",
        }

    def _listing(
        self, query: Mapping[str, str]
    ) -> Iterator[tuple[tuple[RemoteEvent, ...], bool]]:
        """Page by page: the events, and whether that was the last page."""
        for items, final in self._pages("events", query):
            yield tuple(map(self._event, items)), final

    def _event(self, item: Any) -> RemoteEvent:
        guests = isinstance(item, dict) and (
            item.get("attendees") or item.get("organizer")
        )
        email = self.identity() if guests else ""
        # (asked for only where the answer counts: a quiet run asks nothing more)
        free = changeable(item, email) and self._unrestricted(
            _str(item.get("calendar_id"))
        )
        return cronofy_event(item, email=email, unrestricted=free)

    def _pages(
        self, kind: str, query: Mapping[str, str]
    ) -> Iterator[tuple[list[Any], bool]]:
        reply = self._call("GET", f"/v1/{kind}?{urlencode(query, doseq=True)}")
        asked = set()
        while True:
            following = _object(reply, "pages", dict).get("next_page")
            yield _object(reply, kind, list), not following
            if not following:
                return
            if str(following) in asked:
                raise Unavailable(reason="pages go round in a circle")
            asked.add(str(following))
            # an absolute address; the wire lets no token go to another host
            try:
                reply = self._call("GET", str(following))
            except NotFound as err:
                # the page has expired (pycronofy, test_pagination); the calendar is
                # there, as the first page has shown
                raise Unavailable(reason="page gone") from err

    def get(
        self, calendar_id: str, remote_ids: Sequence[str]
    ) -> Mapping[str, RemoteEvent | SyncError]:
        """There is no way to ask for one event, so the calendar is listed.

        An event that is listed as deleted is gone. One that is not listed at all may be
        beyond Cronofy's reach, or accepted and not written yet: nothing is known.
        """
        found: dict[str, RemoteEvent] = {}
        try:
            if not all(map(is_foreign, remote_ids)):
                found |= self._recent(calendar_id, None, ())
            if any(map(is_foreign, remote_ids)):
                query = self._reach() | {
                    "calendar_ids[]": calendar_id,
                    "include_deleted": "true",
                }
                for events, _final in self._listing(query):
                    found |= {event.remote_id: event for event in events}
        except NotFound as err:
            return dict.fromkeys(remote_ids, err)
        return {remote_id: _present(found.get(remote_id)) for remote_id in remote_ids}

    def busy(
        self, calendar_ids: Sequence[str], start: datetime, stop: datetime
    ) -> Mapping[str, tuple[Interval, ...] | SyncError]:
        info = self._info(fresh=True)
        found: dict[str, list[Interval] | SyncError] = {
            calendar_id: self._state(info, calendar_id) or []
            for calendar_id in calendar_ids
        }
        asked = [key for key, value in found.items() if isinstance(value, list)]
        oldest, _newest = self._cached()
        newest, beyond = self.busy_until()
        if not asked or stop <= start:
            return {key: _merged(value) for key, value in found.items()}
        if start < oldest:
            return found | dict.fromkeys(asked, Unsupported(PAST, reason="window"))
        if stop > newest:
            return found | dict.fromkeys(asked, beyond)
        tzid = self._zone(info) or "Etc/UTC"
        zone = ZoneInfo(tzid)
        query = {
            "calendar_ids[]": asked,
            "tzid": tzid,
            "from": start.astimezone(zone).date().isoformat(),
            "to": (stop.astimezone(zone).date() + timedelta(days=1)).isoformat(),
            # without it our own events would look free
            "include_managed": "true",
        }
        for items, _final in self._pages("free_busy", query):
            for item in items:
                self._note_busy(found, item, zone, Interval(start, stop))
        return {key: _merged(value) for key, value in found.items()}

    def busy_until(self) -> tuple[datetime, SyncError]:
        return self._cached()[1], Unsupported(FAR, reason="window")

    def _cached(self) -> tuple[datetime, datetime]:
        today = datetime.combine(self._now().date(), datetime.min.time(), UTC)
        return (
            today - timedelta(days=DAYS_BACK),
            today + timedelta(days=DAYS_AHEAD - 1),
        )

    def _state(self, info: dict[str, Any], calendar_id: str) -> SyncError | None:
        """Why nothing is known of a calendar, None if it is."""
        ours = _is_applications(info)
        for profile in self._profiles(info):
            ids = {
                _str(row.get("calendar_id"))
                for row in _rows(profile.get("profile_calendars"))
                if row.get("calendar_deleted") is not True
            }
            if calendar_id not in ids:
                continue
            if profile.get("profile_connected") is False:
                return AuthExpired(LOST, reason="disconnected")
            if profile.get("profile_initial_sync_required") is True:
                return Unavailable(
                    "Cronofy has not read the calendar yet.", reason="pending"
                )
            if profile.get("provider_name") == "cronofy" and not ours:
                return Unsupported(
                    "Cronofy was not given access to the calendar.", reason="no access"
                )
            return None
        return NotFound(reason="calendar")

    def _note_busy(
        self,
        found: dict[str, list[Interval] | SyncError],
        item: Any,
        zone: ZoneInfo,
        window: Interval,
    ) -> None:
        try:
            periods = found.get(item["calendar_id"])
            if not isinstance(periods, list):
                return
            if item.get("free_busy_status", "unknown") == "free":
                return
            start = max(_instant(item["start"], zone), window.start)
            stop = min(_instant(item["end"], zone), window.stop)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            # a period that cannot be read might be any time: then nothing is known
            broken = Unavailable(reason="unreadable period")
            for key, value in found.items():
                if isinstance(value, list):
                    found[key] = broken
            return
        if start < stop:
            periods.append(Interval(start, stop))

    # writing

    def push(self, calendar_id: str, writes: Sequence[Write]) -> list[Outcome]:
        """See :class:`.base.Provider`; each write is looked for before it is reported.

        Requests: one before, one per 50 writes, and at least one after. Further calls
        that only insert need none before.
        """
        outcomes: dict[int, Outcome] = {}
        writes = [write.sendable() for write in writes]
        try:
            self._refuse(calendar_id, writes, outcomes)
            for step in _steps(writes):
                numbers = [number for number in step if number not in outcomes]
                accepted = self._send(calendar_id, writes, numbers, outcomes)
                self._confirm(calendar_id, writes, accepted, outcomes)
        except SyncError as err:
            # these were not sent
            kind = (
                Unavailable(reason=err.reason) if isinstance(err, AnswerLost) else err
            )
            for number, write in enumerate(writes):
                outcomes.setdefault(number, Outcome(key=write.key, error=kind))
        return [outcomes[number] for number in range(len(writes))]

    def _refuse(
        self, calendar_id: str, writes: Sequence[Write], outcomes: dict[int, Outcome]
    ) -> None:
        """Note what cannot be sent, and what somebody else changed meanwhile."""
        recent: dict[str, RemoteEvent] = {}
        foreign = any(is_foreign(write.remote_id) for write in writes)
        closed = foreign and not self._unrestricted(calendar_id)
        # an insert meets an event of its id only if an earlier run has written it
        first = calendar_id not in self._written_to
        if any(write.etag or first for write in writes):
            recent = self._recent(calendar_id, self._now() - LOOK_BACK, writes)
            self._written_to.add(calendar_id)
        known = set()
        for number, write in enumerate(writes):
            error = _unfit(write)
            if closed and is_foreign(write.remote_id):
                error = Forbidden(READ_ONLY)
            if write.remote_id not in known:  # later writes build on the first
                error = error or _outdated(write, recent.get(write.remote_id))
            known.add(write.remote_id)
            if error:
                outcomes[number] = Outcome(key=write.key, error=error)

    def _recent(
        self, calendar_id: str, since: datetime | None, writes: Iterable[Write]
    ) -> dict[str, RemoteEvent]:
        """Our events that changed since (None: all), by remote id; foreign ones, too,
        where some of ``writes`` are theirs.

        Without a window: our own events are bound by none.
        """
        foreign = any(is_foreign(write.remote_id) for write in writes)
        query = {
            "calendar_ids[]": calendar_id,
            "include_managed": "true",
            # one that was moved out of Cronofy's reach is still to be found
            **({"include_moved": "true"} if foreign else {"only_managed": "true"}),
            "include_deleted": "true",
            "tzid": "Etc/UTC",
            "localized_times": "true",
        }
        if since is not None:
            query["last_modified"] = _utc_text(since)
        return {
            event.remote_id: event
            for events, _final in self._listing(query)
            for event in events
        }

    def _send(
        self,
        calendar_id: str,
        writes: Sequence[Write],
        numbers: Sequence[int],
        outcomes: dict[int, Outcome],
    ) -> dict[int, datetime]:
        """Batch after batch; when each of the writes that were accepted was.

        :raises SyncError: the rest was not sent, what was sent is confirmed
        """
        accepted: dict[int, datetime] = {}
        for at in range(0, len(numbers), BATCH):
            part = numbers[at : at + BATCH]
            try:
                answers = self._batch(calendar_id, [writes[n] for n in part])
            except SyncError as err:
                self._report(writes, part, outcomes, err)
                self._confirm(calendar_id, writes, accepted, outcomes)
                raise
            for number, answer in zip(part, answers, strict=True):
                if error := _part_error(answer, writes[number]):
                    self._report(writes, [number], outcomes, error)
                    if isinstance(error, RateLimited):
                        self._limiter.penalise(1.0)
                else:
                    accepted[number] = self._now()
        return accepted

    def _batch(self, calendar_id: str, writes: Sequence[Write]) -> list[Any]:
        path = f"/v1/calendars/{quote(calendar_id, safe='')}/events"
        batch = [
            {
                "method": "DELETE" if write.verb == "delete" else "POST",
                "relative_url": path,
                "data": name_of(write.remote_id)
                if write.verb == "delete"
                else cronofy_body(write),
            }
            for write in writes
        ]
        reply = self._call("POST", "/v1/batch", {"batch": batch}, write=True)
        try:
            answers = _object(reply, "batch", list)
        except Unavailable as err:
            raise AnswerLost(reason=err.reason) from err
        if len(answers) != len(batch):
            raise AnswerLost(reason="batch of another length")
        return answers

    @staticmethod
    def _report(
        writes: Sequence[Write],
        numbers: Iterable[int],
        outcomes: dict[int, Outcome],
        error: SyncError,
    ) -> None:
        for number in numbers:
            outcomes[number] = Outcome(key=writes[number].key, error=error)

    def _confirm(
        self,
        calendar_id: str,
        writes: Sequence[Write],
        accepted: Mapping[int, datetime],
        outcomes: dict[int, Outcome],
    ) -> None:
        """Look for what was accepted, a little longer each time."""
        waiting = dict(accepted)
        late: SyncError = Unconfirmed(reason="not listed")
        for look, wait in enumerate(CONFIRM):
            if not waiting:
                break
            if wait:
                self._sleep(wait)
            thorough = look == THOROUGH
            since = None if thorough else min(waiting.values()) - SLACK
            sought = [writes[number] for number in waiting]
            try:
                shown = self._recent(calendar_id, since, sought)
            except SyncError as err:
                late = AnswerLost(reason=err.reason)
                break
            for number, sent in list(waiting.items()):
                write, event = writes[number], shown.get(writes[number].remote_id)
                absent = thorough and event is None and write.verb == "delete"
                if absent or _landed(write, event, sent):
                    gone = write.verb == "delete"
                    outcomes[number] = Outcome(
                        key=write.key,
                        event=None if gone else event,
                        sent=None if gone else cronofy_said(write),
                    )
                    del waiting[number]
        for number in waiting:
            write = writes[number]
            sent = None if write.verb == "delete" else cronofy_said(write)
            outcomes[number] = Outcome(key=write.key, error=late, sent=sent)

    # notifications

    def watch(
        self, calendar_id: str, *, address: str, channel_id: str, secret: str
    ) -> Channel:
        """Cronofy names the channel itself, signs with the client's secret, and its
        channels do not expire.

        One channel for all calendars of an account would do (128 are possible). There
        is one for each, as elsewhere: a calendar is then watched and left alone without
        the others, and the engine needs no second kind of channel.
        """
        if len(address) > LONGEST_ADDRESS:
            raise Unsupported("The address for notifications is too long for Cronofy.")
        filters = {"calendar_ids": [calendar_id], "only_managed": False}
        data = {"callback_url": address, "filters": filters}
        try:
            reply = self._call("POST", "/v1/channels", data)
        except (PlanLimit, Rejected, Forbidden) as err:
            raise Unsupported(str(err), reason=err.reason) from err
        channel = _object(reply, "channel", dict)
        if not isinstance(channel.get("channel_id"), str):
            raise Unavailable(reason="channel without id")
        return Channel(channel_id=channel["channel_id"], address=address)

    def unwatch(self, channel: Channel) -> None:
        path = f"/v1/channels/{quote(channel.channel_id, safe='')}"
        with suppress(NotFound):
            self._call("DELETE", path)

    def check(self, calendar_ids: Sequence[str]) -> None:
        """Cronofy goes on listing what it knew of a calendar that it has lost."""
        info = self._info(fresh=True)
        for calendar_id in calendar_ids:
            error = self._state(info, calendar_id)
            if isinstance(error, AuthExpired):
                raise error

    def channels(self) -> list[Channel]:
        """The subscriptions that are open, for comparing with those we know of."""
        rows = _object(self._call("GET", "/v1/channels"), "channels", list)
        return [
            Channel(channel_id=row["channel_id"], address=_str(row.get("callback_url")))
            for row in _rows(rows)
            if isinstance(row.get("channel_id"), str)
        ]

    # conferencing

    def conferencing_url(self, *, redirect_uri: str, provider_name: str = "") -> str:
        """Where the person connects a video conferencing service to their account.

        :param provider_name: ``zoom``, ``ms_teams``, … ; "" lets the person choose
        """
        data = {"redirect_uri": redirect_uri}
        if provider_name:
            data["provider_name"] = provider_name
        reply = self._call("POST", "/v1/conferencing_service_authorizations", data)
        url = _object(reply, "authorization_request", dict).get("url")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise Unavailable(reason="no address")
        return url

    def conferencing_profiles(self) -> dict[str, str]:
        """{profile id: name of the service} of what is connected."""
        data = self._info(fresh=True).get("cronofy.data")
        rows = data.get("conferencing_profiles") if isinstance(data, dict) else None
        return {
            _str(row["profile_id"]): _str(row.get("provider_name"))
            for row in _rows(rows)
            if _str(row.get("profile_id")) and row.get("profile_connected") is not False
        }

    # requests

    def _now(self) -> datetime:
        """Their time, as far as their answers have told it."""
        return self._here() + self._ahead

    def _call(
        self, method: str, path: str, data: Any = None, *, write: bool = False
    ) -> Reply:
        """One request in the name of the account; tried again where that is safe.

        :param path: below the API's address, or a whole address
        """
        if self._expired():
            self._refresh()
        reply = self._insist(method, path, data, write)
        if reply.status == 401:
            # the token may have been refreshed elsewhere, or its time told wrongly
            self._refresh()
            reply = self._insist(method, path, data, write)
            if reply.status == 401:
                # the permission was confirmed a moment ago: only the token endpoint
                # says that it is gone
                raise TokenRefused(reason="401")
        # a batch is answered with 207 whatever became of its parts (Cronofy,
        # developers/api/batch); those who read the parts judge them
        if not _accepted(reply.status):
            raise cronofy_error(reply, write=write)
        return reply

    def _insist(self, method: str, path: str, data: Any, write: bool) -> Reply:
        url = path if "://" in path else self.app.api_url.rstrip("/") + path
        headers = {
            "Authorization": f"Bearer {self.grant.access_token}",
            "Accept": "application/json",
        }
        body = None
        if data is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
            body = json.dumps(data)

        def once() -> Reply:
            reply = self._wire.send(method, url, headers=headers, body=body)
            self._learn_time(reply)
            if reply.status == 429 or reply.status >= 500:
                error = cronofy_error(reply, write=write)
                if isinstance(error, RateLimited):
                    self._limiter.penalise(error.retry_after or 1.0)
                raise error
            return reply

        # a write that failed is the engine's to repeat: it may have another by then
        return once() if write else insist(once, sleep=self._sleep)

    def _learn_time(self, reply: Reply) -> None:
        try:
            told = parsedate_to_datetime(reply.headers.get("date") or "")
        except (TypeError, ValueError):
            return
        if told.tzinfo is not None:
            self._ahead = told - self._here()

    def _expired(self) -> bool:
        expiry = self.grant.expiry
        if not self.grant.access_token:
            return True
        return expiry is not None and self._here() >= expiry - EXPIRY_MARGIN

    def _refresh(self) -> None:
        if not self.grant.refresh_token:
            raise AuthExpired(reason="no refresh token")
        data = _token_request(
            self.app,
            {"grant_type": "refresh_token", "refresh_token": self.grant.refresh_token},
            wire=self._wire,
        )
        self.grant = _grant(data, self.grant, self._here())


# ----------------------------------------------------------------------------- tokens


def _consent_page(app: Application) -> str:
    """The application knows the host of the hosted pages, or the page itself."""
    if urlsplit(app.auth_url).path.strip("/"):
        return app.auth_url
    return app.auth_url.rstrip("/") + "/oauth/authorize"


def _wire(
    app: Application, limiter: Limiter, timeout: tuple[float, float] = TIMEOUT
) -> Wire:
    return Wire(
        app.api_url, app.token_url, app.revoke_url, timeout=timeout, limiter=limiter
    )


def _post_json(wire: Wire, url: str, data: Mapping[str, Any]) -> Reply:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    reply = wire.send("POST", url, headers=headers, body=json.dumps(dict(data)))
    if reply.status == 429 or reply.status >= 500:
        raise cronofy_error(reply)
    return reply


def _token_request(
    app: Application, data: Mapping[str, str], wire: Wire | None = None
) -> dict[str, Any]:
    """The token endpoint's answer; no error of it carries what was sent."""
    data = {
        "client_id": app.client_id,
        "client_secret": secrets_of(app)[0],
        **data,
    }
    used = wire or _wire(app, _limiter(app))
    # a code is good for one use: sent twice, it would look like a stolen one
    repeatable = data["grant_type"] == "refresh_token"
    try:
        reply = insist(
            lambda: _post_json(used, app.token_url, data), repeatable=repeatable
        )
    finally:
        if wire is None:
            used.close()
    if not _accepted(reply.status):
        raise _grant_error(reply)
    answer = reply.json()
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
        raise Unavailable(reason="answer without a token")
    return answer


def _grant(data: Mapping[str, Any], before: Grant, now: datetime) -> Grant:
    """The grant that a token answer describes; what it leaves out stays."""
    seconds = data.get("expires_in")
    known = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    scope = data.get("scope")
    return Grant(
        access_token=data["access_token"],
        refresh_token=str(data.get("refresh_token") or before.refresh_token),
        expiry=now + timedelta(seconds=seconds) if known else None,
        scopes=tuple(scope.split()) if isinstance(scope, str) else before.scopes,
        subject=str(data.get("sub") or data.get("account_id") or before.subject),
    )


# ------------------------------------------------------------------------- small parts


def _str(value: Any) -> str:
    """The value if it is a text that a database can hold, else an empty one."""
    return clean(value) if isinstance(value, str) else ""


def _rows(value: Any) -> list[dict[str, Any]]:
    """The objects in a list, if it is one."""
    rows = value if isinstance(value, list) else []
    return [row for row in rows if isinstance(row, dict)]


def _is_open(profile: Mapping[str, Any]) -> bool:
    """Does the person let Cronofy read and write this profile?"""
    name = _str(profile.get("provider_name"))
    return name != "cronofy" and not name.endswith("_free_busy")


def _is_applications(info: Mapping[str, Any]) -> bool:
    """Is it an application calendar? That has no service behind it that could be
    closed (tests of cronofy-csharp and cronofy-ruby)."""
    return info.get("cronofy.type") == "application_calendar"


def _calendar(row: Mapping[str, Any], zone: str, ours: bool = False) -> RemoteCalendar:
    """
    :param ours: it is the application's own
    """
    if not ours and not _is_open(row):
        role = "freeBusyReader"
    else:
        role = "reader" if row.get("calendar_readonly") is True else "owner"
    return RemoteCalendar(
        remote_id=_str(row.get("calendar_id")),
        name=_str(row.get("calendar_name")),
        timezone=zone,
        access_role=role,
        is_primary=row.get("calendar_primary") is True,
        restricted=role == "owner" and row.get("permission_level") != "unrestricted",
    )


def _present(event: RemoteEvent | None) -> RemoteEvent | SyncError:
    if event is None:
        return NotFound("Cronofy does not list the event.", reason="not listed")
    return Gone(reason="deleted") if event.cancelled else event


def _instant(value: Any, zone: ZoneInfo) -> datetime:
    if isinstance(value, Mapping):
        value = value["time"]
    if "T" not in value:
        day = date.fromisoformat(value)
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    at = datetime.fromisoformat(value.replace("Z", "+00:00"))
    if at.tzinfo is None:
        raise ValueError("no offset")
    return at.astimezone(UTC)


def _merged(value: list[Interval] | SyncError) -> tuple[Interval, ...] | SyncError:
    return value if isinstance(value, SyncError) else tuple(union(value))


def _steps(writes: Sequence[Write]) -> list[list[int]]:
    """The numbers of the writes, so that no step has two of one event."""
    steps: list[list[int]] = []
    taken: dict[str, int] = {}
    for number, write in enumerate(writes):
        step = taken[write.remote_id] = taken.get(write.remote_id, -1) + 1
        if step == len(steps):
            steps.append([])
        steps[step].append(number)
    return steps


def _unfit(write: Write) -> SyncError | None:
    """Why a write cannot be said to Cronofy at all."""
    if is_foreign(write.remote_id) and write.verb == "insert":
        # once it is gone it cannot be made again: Cronofy, edit-external-events
        return Forbidden(READ_ONLY, reason="insert")
    if write.recurrence:
        return Unsupported("Cronofy knows no series, only their occurrences.")
    if write.verb != "delete" and write.fields is None:
        return Rejected("A write without fields.")
    return None


def _outdated(write: Write, now: RemoteEvent | None) -> SyncError | None:
    """What became of the event since the version that the write builds on."""
    if now is None or (now.cancelled and write.verb in ("insert", "delete")):
        return None
    if now.cancelled:
        return Gone(reason="deleted")
    if write.verb == "insert":
        return Duplicate()
    if write.etag and write.etag != now.etag:
        return Conflict()
    return None


def _landed(write: Write, event: RemoteEvent | None, sent: datetime) -> bool:
    """Does the calendar show what was written?"""
    if event is None:
        return False
    if write.verb == "delete":
        return event.cancelled
    if event.cancelled or event.fields is None:
        return False
    if write.video and not event.video:
        return False
    old = bool(write.etag) and event.etag == write.etag
    return _same(cronofy_body(write), event) or (
        not old and _stamp(event) >= sent - SLACK
    )


def _same(body: dict[str, Any], event: RemoteEvent) -> bool:
    """Is the event what the body says, in the body's own words?"""
    write = Write(verb="insert", remote_id=event.remote_id, fields=event.fields)
    shown = cronofy_body(write)
    names = set(shown) - {"tzid", "description"}
    return all(body.get(name) == shown[name] for name in names) and (
        tidy(body.get("description", "")) == shown.get("description", "")
    )


def _stamp(event: RemoteEvent) -> datetime:
    """When the event was changed, by Cronofy's clock; long ago where it is not told."""
    try:
        return _from_utc_text(event.etag.partition("/")[0])
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _foreign_error(reply: Reply, write: Write) -> SyncError | None:
    """What a refusal means of an event that is not ours: no right to it, or it went
    away. Which of the statuses Cronofy uses for either is not documented, and whatever
    it is concerns this event alone."""
    fields = _json(reply).get("errors")
    if reply.status == 404:
        return None if write.verb == "delete" else Conflict(reason="404")
    if reply.status == 403:
        return Forbidden(READ_ONLY, reason="403")
    if reply.status == 422 and isinstance(fields, dict) and "event_uid" in fields:
        return Forbidden(READ_ONLY, reason=_keys(fields))
    return cronofy_error(reply, write=True)


def _part_error(answer: Any, write: Write) -> SyncError | None:
    """What one part of a batch says, None if it was accepted."""
    status = answer.get("status") if isinstance(answer, dict) else None
    if not isinstance(status, int):
        return AnswerLost(reason="part without status")
    if _accepted(status):
        return None
    if status in (404, 410) and write.verb == "delete":
        return None  # a deletion twice is a deletion; the calendar is looked at anyway
    reply = Reply(status, {}, json.dumps(answer.get("data")).encode())
    if is_foreign(write.remote_id):
        return _foreign_error(reply, write)
    return cronofy_error(reply, write=True)


__all__ = [
    "FOREIGN",
    "HMAC_HEADER",
    "CronofyLimiter",
    "CronofyProvider",
    "cronofy_error",
    "hosts",
    "notification",
    "secrets_in",
    "secrets_of",
    "verified",
]
