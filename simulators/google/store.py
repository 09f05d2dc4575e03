"""What Google remembers: people, calendars, who may see them, and copies of events.

An event that several people attend is a *copy* on each of their calendars, all with
the same id. Every change of a copy takes the next change number; a calendar knows its
copies in the order of their last change, which is what sync tokens are made of.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..kit import Clock
from . import recurrence
from .moments import UTC, Moment

ROLES = (
    "none",
    "freeBusyReader",
    "reader",
    "writerWithoutPrivateAccess",
    "writer",
    "owner",
)
FOR_EVER = datetime.max.replace(tzinfo=UTC)


def at_least(role: str, wanted: str) -> bool:
    return ROLES.index(role) >= ROLES.index(wanted)


def rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class User:
    email: str
    name: str
    timezone: str
    outside: bool = False
    """Somebody who is not with Google, but sends invitations and gets them."""
    settings: dict[str, str] = field(default_factory=dict)
    list_log: dict[str, int] = field(default_factory=dict)
    """Calendar ids of the calendar list in order of their last change."""

    @property
    def subject(self) -> str:
        """The opaque number that id tokens carry."""
        return str(int(hashlib.sha256(self.email.encode()).hexdigest()[:15], 16))


@dataclass
class Entry:
    """A calendar in one user's list."""

    calendar: str
    fields: dict[str, Any] = field(default_factory=dict)
    change: int = 0
    deleted: bool = False


@dataclass
class Rule:
    """One line of an access control list."""

    id: str
    role: str
    scope: dict[str, str]
    change: int


@dataclass
class Copy:
    """One event as it lies on one calendar.

    `fields` has the shape of the API without the times and without what depends on
    who looks. A cancelled copy is a tombstone; if `bare`, only its ids are shown.
    """

    id: str
    calendar: str
    fields: dict[str, Any]
    start: Moment | None
    stop: Moment | None
    original: Moment | None = None
    bare: bool = False
    raw: dict[str, Any] | None = None
    """Planted by a test: shown over everything else, unchecked."""
    seq: int = 0
    change: int = 0
    created: datetime = datetime.min
    updated: datetime = datetime.min
    span: tuple[datetime, datetime] | None = None
    """First start and last end over all occurrences; a cache."""
    rendered: tuple[Any, dict] | None = None
    """The last view and what it was for; a cache."""

    @property
    def cancelled(self) -> bool:
        return self.fields.get("status") == "cancelled"

    @property
    def master_id(self) -> str | None:
        return self.fields.get("recurringEventId")

    @property
    def is_series(self) -> bool:
        return bool(self.fields.get("recurrence"))

    @property
    def etag(self) -> str:
        return f'"{3_500_000_000_000_000 + self.change * 2}"'

    @property
    def organizer(self) -> str:
        return self.fields.get("organizer", {}).get("email", "")

    @property
    def is_organizers(self) -> bool:
        return self.organizer == self.calendar

    def attendee(self, email: str) -> dict | None:
        for row in self.fields.get("attendees", ()):
            if row["email"] == email:
                return row
        return None

    @property
    def duration(self) -> timedelta:
        return self.stop.minus(self.start)


@dataclass
class Calendar:
    id: str
    fields: dict[str, Any]
    owner: str
    """The data owner's e-mail address."""
    primary: bool = False
    pushes: bool = True
    """False for generated calendars (holidays), which refuse watch channels."""
    made_by: str | None = None
    """The project whose app created it, for calendar.app.created."""
    unknown_zones: set[str] = field(default_factory=set)
    """Zones that Google's servers have not learnt yet."""
    change: int = 0
    deleted: bool = False
    token_epoch: int = 0
    rules: dict[str, Rule] = field(default_factory=dict)
    events: dict[str, Copy] = field(default_factory=dict)
    families: dict[str, dict[str, Copy]] = field(default_factory=dict)
    """Exceptions by the id of their series."""
    log: dict[str, int] = field(default_factory=dict)
    """Event id → change number, in ascending order of the numbers."""

    @property
    def timezone(self) -> str:
        return self.fields.get("timeZone", "UTC")

    @property
    def etag(self) -> str:
        return f'"cal-{self.change}"'

    def changed_since(self, change: int) -> list[Copy]:
        """Copies changed after number `change`, oldest change first."""
        found = []
        for event_id in reversed(self.log):
            if self.log[event_id] <= change:
                break
            found.append(self.events[event_id])
        return found[::-1]

    def exceptions(self, master_id: str) -> list[Copy]:
        return list(self.families.get(master_id, {}).values())


class Store:
    """All of it, and the questions that need more than one of its things."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.users: dict[str, User] = {}
        self.calendars: dict[str, Calendar] = {}
        self.entries: dict[tuple[str, str], Entry] = {}
        self.outbox: list[dict] = []
        self.changes = 0
        self.token_epoch = 0
        self.dirty: set[tuple[str, str]] = set()
        """(collection, calendar or user) changed since the watchers were last told."""

    # people and calendars

    def add_user(
        self, email: str, name: str, timezone: str, outside: bool = False
    ) -> User:
        user = self.users[email] = User(email, name, timezone, outside)
        user.settings = {
            "timezone": timezone,
            "locale": "en",
            "weekStart": "1",
            "format24HourTime": "true",
            "dateFieldOrder": "DMY",
            "autoAddHangouts": "false",
            "defaultEventLength": "60",
            "hideInvitations": "false",
            "showDeclinedEvents": "true",
        }
        self.add_calendar(email, email, {"summary": email, "timeZone": timezone}, True)
        return user

    def add_calendar(
        self,
        owner: str,
        calendar_id: str,
        fields: dict,
        primary: bool = False,
    ) -> Calendar:
        fields = {"timeZone": self.users[owner].timezone, **fields}
        calendar = Calendar(calendar_id, fields, owner, primary, change=self.tick())
        self.calendars[calendar_id] = calendar
        self.grant(calendar, "user", owner, "owner")
        self.subscribe(owner, calendar_id, {"selected": True})
        return calendar

    def calendar(self, calendar_id: str, user: str) -> Calendar | None:
        """By id or the alias ``primary``."""
        found = self.calendars.get(user if calendar_id == "primary" else calendar_id)
        return None if found is None or found.deleted else found

    def grant(self, calendar: Calendar, kind: str, value: str, role: str) -> Rule:
        rule_id = f"{kind}:{value}" if value else kind
        scope = {"type": kind, "value": value} if value else {"type": kind}
        rule = Rule(rule_id, role, scope, self.tick())
        calendar.rules[rule_id] = rule
        calendar.token_epoch += 1  # an ACL change kills the sync tokens
        self.dirty.add(("acl", calendar.id))
        entry = self.entries.get((value, calendar.id))
        if entry and role == "none":
            self.touch_entry(value, entry)  # it leaves the list of who lost it
        return rule

    def role(self, calendar: Calendar, user: str) -> str:
        """The user's highest role on the calendar."""
        found = ["none"]
        for rule in calendar.rules.values():
            kind, value = rule.scope["type"], rule.scope.get("value", "")
            if (
                kind == "default"
                or value == user
                or (kind == "domain" and user.endswith("@" + value))
            ):
                found.append(rule.role)
        return max(found, key=ROLES.index)

    def subscribe(self, user: str, calendar_id: str, fields: dict) -> Entry:
        entry = Entry(calendar_id, dict(fields))
        self.entries[user, calendar_id] = entry
        self.touch_entry(user, entry)
        return entry

    def touch_entry(self, user: str, entry: Entry) -> None:
        entry.change = self.tick()
        log = self.users[user].list_log
        log.pop(entry.calendar, None)
        log[entry.calendar] = entry.change
        self.dirty.add(("calendarList", user))

    def list_of(self, user: str) -> Iterator[tuple[Entry, Calendar]]:
        """The user's calendar list in the order of the last change, with deleted."""
        for calendar_id in self.users[user].list_log:
            yield self.entries[user, calendar_id], self.calendars[calendar_id]

    # events

    def tick(self) -> int:
        self.changes += 1
        return self.changes

    def put(self, copy: Copy, updated: bool = True) -> Copy:
        """Store a new or changed copy under the next change number."""
        calendar = self.calendars[copy.calendar]
        copy.change = self.tick()
        copy.span = copy.rendered = None
        now = self.clock.now()
        if copy.id not in calendar.events:
            copy.seq, copy.created = copy.change, now
        if updated or copy.updated == datetime.min:
            copy.updated = now
        calendar.events[copy.id] = copy
        if copy.master_id:
            calendar.families.setdefault(copy.master_id, {})[copy.id] = copy
        calendar.log.pop(copy.id, None)
        calendar.log[copy.id] = copy.change
        self.dirty.add(("events", calendar.id))
        return copy

    def forget(self, copy: Copy) -> None:
        """Remove without a trace, as Google does with old tombstones."""
        calendar = self.calendars[copy.calendar]
        calendar.events.pop(copy.id, None)
        calendar.log.pop(copy.id, None)
        calendar.families.get(copy.master_id or "", {}).pop(copy.id, None)

    def span(self, copy: Copy) -> tuple[datetime, datetime]:
        """First start and last end in UTC over all occurrences."""
        if copy.span is None:
            copy.span = self._span(copy)
        return copy.span

    def _span(self, copy: Copy) -> tuple[datetime, datetime]:
        tz = self.calendars[copy.calendar].timezone
        start, stop = copy.start.instant(tz), copy.stop.instant(tz)
        if not copy.is_series:
            return start, stop
        lines = copy.fields["recurrence"]
        first = next(recurrence.starts(lines, copy.start), copy.start)
        last = recurrence.last_start(lines, copy.start)
        if last is None:
            return first.instant(tz), FOR_EVER
        return first.instant(tz), last.plus(copy.duration).instant(tz)

    def copies(self, event_id: str, except_on: str) -> Iterator[Copy]:
        """The same event on other people's calendars."""
        for calendar in self.calendars.values():
            copy = calendar.events.get(event_id)
            if copy and calendar.id != except_on:
                yield copy
