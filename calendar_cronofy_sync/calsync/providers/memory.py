"""A calendar service that is nothing but code, as strict as the real ones.

:class:`MemoryServer` is the service, with the people who use it (its public methods)
and the faults it can have. :class:`MemoryProvider` is one account's connection to it.
There is no clock and no chance in it: the same calls give the same answers. Providers
may be used in several threads; the server answers one at a time.

It behaves like Google where that matters to a synchronisation: ids stay taken after a
deletion, texts are rewritten, versions change with every change, a change of a series
reaches its exceptions, and a deleted occurrence is a bare cancelled item.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlencode
from weakref import WeakValueDictionary
from zoneinfo import ZoneInfo

from ..errors import (
    AnswerLost,
    AuthExpired,
    Conflict,
    Duplicate,
    Forbidden,
    Gone,
    NotFound,
    Rejected,
    RuleUnreadable,
    SyncError,
    TokenInvalid,
    Unavailable,
    Unsupported,
)
from ..intervals import Interval, union
from ..mapping import description_told, family, is_occurrence
from ..recurrence import Occurrence, expand, instance_id
from ..values import (
    FIELD_NAMES,
    Application,
    Authorization,
    Channel,
    Fields,
    Grant,
    Outcome,
    Page,
    Person,
    RemoteCalendar,
    RemoteEvent,
    When,
    Window,
    Write,
)

T = TypeVar("T")

BATCH = 50
PAGE_SIZE = 2500
SCOPES = {"two_way": ("events", "calendars", "busy"), "availability": ("busy",)}

_ID = re.compile(r"[a-v0-9]{5,1024}")
_INSTANCE = re.compile(r"(.+)_(\d{8})(?:T(\d{6})Z)?")
_EVENT_FIELDS = frozenset(RemoteEvent.__dataclass_fields__)


@dataclass
class _Calendar:
    """A calendar with everything that ever was in it."""

    remote_id: str
    name: str
    timezone: str
    #: {account: role}
    roles: dict[str, str]
    color: str = ""
    #: whose primary calendar it is
    primary_of: str = ""
    #: tokens from before its last change are dead
    epoch: int = 0
    events: dict[str, RemoteEvent] = field(default_factory=dict)
    #: {event id: number of its last change}, oldest change first
    log: dict[str, int] = field(default_factory=dict)

    def exceptions(self, master_id: str) -> list[RemoteEvent]:
        return [e for e in self.events.values() if e.master_id == master_id]


@dataclass
class _Fault:
    """A failure that waits for its call."""

    error: SyncError
    verb: str
    times: int
    skip: int
    after: bool


def _one_at_a_time(method: Callable[..., T]) -> Callable[..., T]:
    """Let a method of the server, or of its provider, run under the server's lock."""

    @wraps(method)
    def locked(self: Any, *args: Any, **options: Any) -> T:
        with getattr(self, "_server", self)._lock:
            return method(self, *args, **options)

    return locked


class MemoryServer:
    """The service and the people who use it."""

    def __init__(self, *, page_size: int = PAGE_SIZE) -> None:
        self.page_size = page_size
        self.calendars: dict[str, _Calendar] = {}
        #: accounts whose grant was withdrawn
        self.revoked: set[str] = set()
        #: calendars that have no change notifications
        self.silent: set[str] = set()
        #: {channel id: (calendar id, address, secret)}
        self.channels: dict[str, tuple[str, str, str]] = {}
        #: "verb" of every request, in order; writes by their own verbs
        self.requests: list[str] = []
        #: does an occurrence share the visibility of its series, as at Google?
        self.one_visibility = False
        #: {(event id, field): what the service does to it when it is written}
        self.habits: dict[tuple[str, str], str] = {}
        self._changes = 0
        self._faults: list[_Fault] = []
        self._lock = threading.RLock()
        self.url = f"memory://{id(self)}/"
        _servers[self.url] = self

    @property
    def application(self) -> Application:
        """The client that is registered here."""
        return Application(
            client_id="client",
            client_secret="secret",
            api_url=self.url,
            auth_url=self.url + "consent",
            token_url=self.url + "token",
            revoke_url=self.url + "revoke",
        )

    # ------------------------------------------------------------ what people do here

    def add_account(self, email: str, timezone: str = "UTC") -> str:
        """A person with a primary calendar; its id is the address."""
        calendar = _Calendar(email, email, timezone, {email: "owner"}, primary_of=email)
        self.calendars[email] = calendar
        return email

    def add_calendar(
        self, account: str, remote_id: str, *, name: str = "", role: str = "owner"
    ) -> str:
        """A further calendar that the account sees in the given role."""
        tz = self.calendars[account].timezone
        self.calendars[remote_id] = _Calendar(
            remote_id, name or remote_id, tz, {account: role}
        )
        return remote_id

    @_one_at_a_time
    def share(self, calendar_id: str, account: str, role: str) -> None:
        """Give an account a role; ``none`` takes the calendar from it."""
        calendar = self.calendars[calendar_id]
        calendar.epoch += 1
        calendar.roles[account] = role
        if role == "none":
            del calendar.roles[account]

    @_one_at_a_time
    def put(self, calendar_id: str, event: RemoteEvent) -> RemoteEvent:
        """Lay an event into a calendar as it is, under a new version."""
        calendar = self.calendars[calendar_id]
        self._changes += 1
        event = replace(
            event,
            etag=f'"{self._changes}"',
            ical_uid=event.ical_uid or f"{event.master_id or event.remote_id}@memory",
        )
        calendar.events[event.remote_id] = event
        calendar.log.pop(event.remote_id, None)
        calendar.log[event.remote_id] = self._changes
        return event

    @_one_at_a_time
    def edit(self, calendar_id: str, remote_id: str, **changes: Any) -> RemoteEvent:
        """Change fields (``name="x"``) or anything else of an event or occurrence."""
        event = self._present(calendar_id, remote_id)
        fields = {name: changes.pop(name) for name in FIELD_NAMES if name in changes}
        if unknown := set(changes) - _EVENT_FIELDS:
            raise TypeError(f"no such field: {unknown}")
        changed = replace(event, fields=replace(event.fields, **fields), **changes)
        return self._change(calendar_id, event, changed, frozenset(fields))

    @_one_at_a_time
    def remove(self, calendar_id: str, remote_id: str) -> None:
        """Delete an event, a series with all its exceptions, or one occurrence."""
        event = self._present(calendar_id, remote_id)
        if event.master_id:
            event = replace(event, fields=None, organizer=None, attendees=())
        self.put(calendar_id, replace(event, status="cancelled", recurrence=()))
        for exception in self.calendars[calendar_id].exceptions(remote_id):
            if not exception.cancelled:
                self.put(calendar_id, replace(exception, status="cancelled"))

    @_one_at_a_time
    def events(self, calendar_id: str) -> dict[str, RemoteEvent]:
        """What is in the calendar now, without the cancelled ones."""
        events = self.calendars[calendar_id].events
        return {key: event for key, event in events.items() if not event.cancelled}

    @_one_at_a_time
    def everything(self, calendar_id: str) -> dict[str, RemoteEvent]:
        """What is in the calendar and what was deleted from it."""
        return dict(self.calendars[calendar_id].events)

    @_one_at_a_time
    def expire_tokens(self) -> None:
        """No token handed out so far is good any more."""
        for calendar in self.calendars.values():
            calendar.epoch += 1

    @_one_at_a_time
    def fail(
        self,
        error: SyncError,
        verb: str = "",
        *,
        times: int = 1,
        skip: int = 0,
        after: bool = False,
    ) -> None:
        """Let the next calls fail.

        :param verb: name of a method of the provider, or of a single write (insert,
            patch, delete); "" = any request
        :param skip: so many matching calls are let pass first
        :param after: it is carried out, and only the answer is lost
        """
        self._faults.append(_Fault(error, verb, times, skip, after))

    @_one_at_a_time
    def treat(self, remote_id: str, name: str, habit: str) -> None:
        """Let the service deal with a field of an event in a way of its own.

        :param habit: a key of :data:`HABITS`
        """
        self.habits[remote_id, name] = habit

    @_one_at_a_time
    def mend(self) -> None:
        """No failure waits for its call any more."""
        self._faults.clear()

    # ------------------------------------------------------- what the provider asks for

    def _call(self, verb: str) -> SyncError | None:
        """Note the call and raise its fault; one that comes after is returned."""
        self.requests.append(verb)
        for fault in self._faults:
            if fault.verb not in ("", verb):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            if not fault.times:
                self._faults.remove(fault)
            if fault.after:
                return fault.error
            raise fault.error
        return None

    def _seen(self, calendar_id: str, account: str) -> tuple[_Calendar, str]:
        """The calendar and the account's role there."""
        calendar = self.calendars.get(calendar_id)
        if calendar is None or account not in calendar.roles:
            raise NotFound
        return calendar, calendar.roles[account]

    def _present(self, calendar_id: str, remote_id: str) -> RemoteEvent:
        """The event, cancelled or not, or an occurrence worked out from its series."""
        calendar = self.calendars[calendar_id]
        if remote_id in calendar.events:
            return calendar.events[remote_id]
        event = _occurrence(calendar, remote_id)
        if event is None:
            raise Gone
        return event

    def _change(
        self,
        calendar_id: str,
        before: RemoteEvent,
        after: RemoteEvent,
        names: frozenset[str],
    ) -> RemoteEvent:
        """Store a changed event; a series takes its exceptions along."""
        after = self._one_visibility(calendar_id, before, after)
        after = self.put(calendar_id, after)
        if not before.recurrence:
            return after
        values = {name: getattr(after.fields, name) for name in names - {"when"}}
        moved = (before.recurrence, before.fields.when) != (
            after.recurrence,
            after.fields.when,
        )
        calendar = self.calendars[calendar_id]
        for exception in calendar.exceptions(after.remote_id):
            if moved and not _falls_on(calendar, after, exception.original_start):
                self.put(calendar_id, replace(exception, status="cancelled"))
            elif exception.fields and values:
                fields = replace(exception.fields, **values)
                self.put(calendar_id, replace(exception, fields=fields))
        return after

    def _one_visibility(
        self, calendar_id: str, before: RemoteEvent, after: RemoteEvent
    ) -> RemoteEvent:
        """An occurrence is no more visible than it was, and one that is less so takes
        its series along."""
        # Google Calendar API, release notes of 2026-07-07
        master = self.calendars[calendar_id].events.get(after.master_id)
        if master is None or not self.one_visibility:
            return after
        if after.fields is None or before.fields is None:
            return after
        old, new = before.fields.privacy, after.fields.privacy
        if _hidden(new) < _hidden(old):
            return replace(after, fields=replace(after.fields, privacy=old))
        if _hidden(new) > _hidden(old):
            fields = replace(master.fields, privacy=new)
            self._change(
                calendar_id,
                master,
                replace(master, fields=fields),
                frozenset({"privacy"}),
            )
        return after


_servers: WeakValueDictionary[str, MemoryServer] = WeakValueDictionary()


class MemoryProvider:
    """One account at a :class:`MemoryServer`."""

    series = True
    forgetful = False
    erases = False
    conferencing = "memory"

    def __init__(self, server: MemoryServer, account: str) -> None:
        self._server, self._account = server, account
        self.grant = Grant(access_token=account, refresh_token=account)
        self.request_count = 0

    # ------------------------------------------------------------------------- consent

    @staticmethod
    def scopes(mode: str) -> tuple[str, ...]:
        return SCOPES[mode]

    @staticmethod
    def missing_scopes(mode: str, granted: Iterable[str]) -> tuple[str, ...]:
        granted = set(granted)
        return tuple(scope for scope in SCOPES[mode] if scope not in granted)

    @staticmethod
    def authorize(
        app: Application, mode: str, *, redirect_uri: str, state: str, hint: str = ""
    ) -> Authorization:
        query = {"redirect_uri": redirect_uri, "state": state, "login_hint": hint}
        url = f"{app.auth_url}?{urlencode(query)}"
        return Authorization(url=url, verifier="verifier")

    @staticmethod
    def exchange(
        app: Application, *, code: str, verifier: str, redirect_uri: str
    ) -> Grant:
        """The code is the address of the account."""
        server = _servers[app.api_url]
        if verifier != "verifier" or code not in server.calendars:
            raise AuthExpired
        server.revoked.discard(code)
        return Grant(access_token=code, refresh_token=code, scopes=SCOPES["two_way"])

    @staticmethod
    def revoke(app: Application, grant: Grant) -> None:
        _servers[app.api_url].revoked.add(grant.refresh_token)

    # ------------------------------------------------------------------------- reading

    @_one_at_a_time
    def identity(self) -> str:
        self._request("identity")
        return self._account

    @_one_at_a_time
    def calendars(self) -> list[RemoteCalendar]:
        self._request("calendars")
        return [
            _listed(calendar, self._account)
            for calendar in self._server.calendars.values()
            if self._account in calendar.roles
        ]

    @_one_at_a_time
    def create_calendar(self, name: str, timezone: str) -> RemoteCalendar:
        lost = self._request("create_calendar")
        remote_id = f"calendar{len(self._server.calendars)}"
        self._server.add_calendar(self._account, remote_id, name=name)
        self._server.calendars[remote_id].timezone = timezone
        if lost:
            raise lost
        return _listed(self._server.calendars[remote_id], self._account)

    def changes(self, calendar_id: str, token: str, window: Window) -> Iterator[Page]:
        listing = self._listing(calendar_id, token, window)
        while True:
            with self._server._lock:
                page = next(listing)
            yield page
            if page.token:
                return

    def _listing(self, calendar_id: str, token: str, window: Window) -> Iterator[Page]:
        lost = self._request("changes")
        calendar, role = self._server._seen(calendar_id, self._account)
        since = _read_token(calendar, token) if token else 0
        # what changes from here on belongs to the next token
        until, epoch = self._server._changes, calendar.epoch
        wanted = [
            remote_id
            for remote_id, change in calendar.log.items()
            if change > since
            and (token or _listable(calendar, calendar.events[remote_id], window))
        ]
        size = self._server.page_size
        for at in range(0, max(len(wanted), 1), size):
            if at:
                lost = self._request("changes")
            if calendar.epoch != epoch:
                raise TokenInvalid
            if lost:
                raise lost
            events = [_view(calendar.events[i], role) for i in wanted[at : at + size]]
            last = at + size >= len(wanted)
            yield Page(
                events=tuple(sorted(events, key=lambda event: bool(event.master_id))),
                token=f"{epoch}:{until}" if last else "",
                full=not token,
                timezone=calendar.timezone,
                access_role=role,
            )

    @_one_at_a_time
    def get(
        self, calendar_id: str, remote_ids: Sequence[str]
    ) -> Mapping[str, RemoteEvent | SyncError]:
        found: dict[str, RemoteEvent | SyncError] = {}
        for chunk in _chunks(remote_ids):
            try:
                lost = self._request("get")
                _, role = self._server._seen(calendar_id, self._account)
                if lost:
                    raise lost
            except SyncError as err:
                found |= dict.fromkeys(chunk, err)
                continue
            for remote_id in chunk:
                try:
                    event = self._server._present(calendar_id, remote_id)
                    found[remote_id] = _view(event, role)
                except Gone as err:
                    found[remote_id] = err
        return found

    @_one_at_a_time
    def busy(
        self, calendar_ids: Sequence[str], start: datetime, stop: datetime
    ) -> Mapping[str, tuple[Interval, ...] | SyncError]:
        lost = self._request("busy")
        if lost:
            raise lost
        found: dict[str, tuple[Interval, ...] | SyncError] = {}
        for calendar_id in calendar_ids:
            try:
                calendar, _ = self._server._seen(calendar_id, self._account)
                found[calendar_id] = tuple(_busy(calendar, start, stop))
            except SyncError as err:
                found[calendar_id] = err
        return found

    def busy_until(self) -> None:
        """As far as asked."""

    # ------------------------------------------------------------------------- writing

    @_one_at_a_time
    def push(self, calendar_id: str, writes: Sequence[Write]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        stop: SyncError | None = None
        for chunk in _chunks(writes):
            lost = stop
            try:
                if not stop:
                    lost = self._request("push")
                    done = self._in_turn(calendar_id, chunk)
            except SyncError as err:
                lost = err
            if lost:
                done = [Outcome(key=write.key, error=lost) for write in chunk]
                stop = Unavailable() if isinstance(lost, AnswerLost) else lost
            outcomes += done
        return outcomes

    def _in_turn(self, calendar_id: str, writes: Iterable[Write]) -> list[Outcome]:
        """Carry out writes, each unless one that it builds on has failed."""
        outcomes = []
        failed: dict[str, Exception] = {}
        for write in writes:
            error = failed.get(family(write.remote_id)) or failed.get(write.remote_id)
            if error:
                outcome = Outcome(key=write.key, error=error)
            else:
                outcome = self._outcome(calendar_id, write)
            if outcome.error:
                known = write.remote_id
                failed[known if is_occurrence(known) else family(known)] = outcome.error
            outcomes.append(outcome)
        return outcomes

    def _outcome(self, calendar_id: str, write: Write) -> Outcome:
        try:
            lost = self._server._call(write.verb)
            event = self._carry_out(calendar_id, write.sendable())
            if lost:
                raise lost
            return Outcome(key=write.key, event=event)
        except SyncError as err:
            return Outcome(key=write.key, error=err)

    def _carry_out(self, calendar_id: str, write: Write) -> RemoteEvent | None:
        calendar, role = self._server._seen(calendar_id, self._account)
        if role not in ("owner", "writer"):
            raise Forbidden
        if write.verb == "insert":
            return self._insert(calendar, write)
        try:
            event = self._server._present(calendar_id, write.remote_id)
        except Gone:
            event = None
        if event is None or event.cancelled:
            if write.verb == "delete":
                return None
            raise Gone
        if write.etag and write.etag != event.etag:
            raise Conflict
        if write.verb == "delete":
            self._server.remove(calendar_id, write.remote_id)
            return None
        return self._patch(calendar, event, write)

    def _insert(self, calendar: _Calendar, write: Write) -> RemoteEvent:
        if not _ID.fullmatch(write.remote_id):
            raise Rejected("Invalid resource id value.")
        if write.remote_id in calendar.events:
            raise Duplicate
        _check(write.fields.when)
        event = RemoteEvent(
            remote_id=write.remote_id,
            fields=self._treated(write, None),
            recurrence=write.recurrence or (),
            organizer=Person(email=calendar.remote_id, is_self=True),
            mark=write.mark,
            url=f"https://memory.example/{write.remote_id}",
            video=_video(write),
        )
        return self._server.put(calendar.remote_id, event)

    def _patch(
        self, calendar: _Calendar, event: RemoteEvent, write: Write
    ) -> RemoteEvent:
        changed = write.changed
        changes: dict[str, Any] = {}
        if changed or write.recurrence is not None:
            if not event.writable:
                raise Forbidden
        if changed:
            told = self._treated(write, event.fields)
            _check(told.when)
            changes["fields"] = replace(
                event.fields, **{name: getattr(told, name) for name in changed}
            )
        if write.recurrence is not None:
            if event.master_id:
                raise Rejected("Invalid recurrence.")
            changes["recurrence"] = write.recurrence
        if write.video:
            changes["video"] = _video(write)
        if write.mark:
            changes["mark"] = write.mark
        if write.response:
            changes["attendees"] = _answered(event, write.response)
        after = replace(event, **changes)
        if after == event:
            return event
        return self._server._change(calendar.remote_id, event, after, changed)

    def _treated(self, write: Write, before: Fields | None) -> Fields:
        """What the service makes of the fields that it is sent."""
        fields = _rewritten(write)
        values = {
            name: HABITS[habit](
                name, getattr(fields, name), getattr(before, name, None)
            )
            for (remote_id, name), habit in self._server.habits.items()
            if remote_id == write.remote_id
        }
        return replace(fields, **values)

    # ------------------------------------------------------------------- notifications

    @_one_at_a_time
    def watch(
        self, calendar_id: str, *, address: str, channel_id: str, secret: str
    ) -> Channel:
        self._request("watch")
        self._server._seen(calendar_id, self._account)
        if calendar_id in self._server.silent:
            raise Unsupported
        if channel_id in self._server.channels:
            raise Rejected("Channel id not unique.")
        self._server.channels[channel_id] = (calendar_id, address, secret)
        return Channel(channel_id=channel_id, resource_id=calendar_id)

    @_one_at_a_time
    def unwatch(self, channel: Channel) -> None:
        self._request("unwatch")
        self._server.channels.pop(channel.channel_id, None)

    def close(self) -> None:
        pass

    def _request(self, verb: str) -> SyncError | None:
        self.request_count += 1
        if self._account in self._server.revoked:
            raise AuthExpired
        return self._server._call(verb)


# ----------------------------------------------------------------------------- details


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[at : at + BATCH] for at in range(0, len(items), BATCH))


def _listed(calendar: _Calendar, account: str) -> RemoteCalendar:
    return RemoteCalendar(
        remote_id=calendar.remote_id,
        name=calendar.name,
        timezone=calendar.timezone,
        access_role=calendar.roles[account],
        is_primary=calendar.primary_of == account,
        color=calendar.color,
    )


def _read_token(calendar: _Calendar, token: str) -> int:
    epoch, _, change = token.partition(":")
    if epoch != str(calendar.epoch) or not change.isdigit():
        raise TokenInvalid
    return int(change)


def _listable(calendar: _Calendar, event: RemoteEvent, window: Window) -> bool:
    """Does a listing of everything show the event?"""
    if event.problem:
        return True
    if event.master_id:
        # exceptions, cancelled ones included, come with their series
        master = calendar.events.get(event.master_id)
        return not (master.cancelled if master else event.cancelled)
    if event.cancelled:
        return False
    if not event.recurrence:
        return _ends_after(calendar, event.fields.when, window.start)
    length = event.fields.when.stop - event.fields.when.start
    try:
        since = window.start - length - timedelta(days=1)
        later = _starts(calendar, event, window.horizon, since)
        return any(
            _ends_after(calendar, When(at.start, at.start + length), window.start)
            for at in later
        )
    except (RuleUnreadable, OverflowError):
        # the service takes rules that we cannot expand
        return True


def _ends_after(calendar: _Calendar, when: When, moment: datetime) -> bool:
    return _instant(when.stop, calendar) > moment


def _instant(at: datetime | date, calendar: _Calendar) -> datetime:
    if isinstance(at, datetime):
        return at
    return datetime.combine(at, time(), ZoneInfo(calendar.timezone)).astimezone(
        timezone.utc
    )


def _starts(
    calendar: _Calendar, master: RemoteEvent, until: datetime, since: datetime
) -> Iterator[Occurrence]:
    when = master.fields.when
    return expand(
        master.recurrence,
        when.start,
        tz=when.tz or calendar.timezone,
        until=until.date() if when.allday else until,
        since=since.date() if when.allday else since,
    )


def _view(event: RemoteEvent, role: str) -> RemoteEvent:
    """What the role may see of the event."""
    hidden = role == "freeBusyReader" or (
        role == "reader" and event.fields and event.fields.privacy not in _OPEN
    )
    if event.fields and hidden:
        fields = Fields(
            when=event.fields.when, privacy="private", show_as=event.fields.show_as
        )
        event = replace(event, fields=fields, attendees=(), organizer=None)
    if role not in ("owner", "writer"):
        event = replace(event, writable=False)
    return event


_OPEN = ("default", "public")


def _hidden(privacy: str) -> int:
    return ("public", "default").index(privacy) if privacy in _OPEN else 2


def _normalised(name: str, sent: Any, before: Any) -> Any:
    match name:
        case "when":
            return sent if sent.allday else replace(sent, tz="Asia/Tokyo")
        case "description":
            return f"<p>{sent}</p>\n" if sent else ""
        case "name" | "location":
            return sent.replace(" ", "  ")
    return sent


def _replaced(name: str, sent: Any, before: Any) -> Any:
    match name:
        case "when":
            later = timedelta(days=1) if sent.allday else timedelta(minutes=30)
            return When(sent.start + later, sent.stop + later, sent.tz)
        case "privacy":
            return "public" if sent == "private" else "private"
        case "show_as":
            return "busy" if sent == "free" else "free"
    return "Something else"


_TEXTS = ("name", "description", "location")
_DEFAULTS = {"privacy": "default", "show_as": "busy"}


def _dropped(name: str, sent: Any, before: Any) -> Any:
    return sent if name == "when" else _DEFAULTS.get(name, "")


#: what a service may do to a field: habit(name, value as it was sent, value before)
HABITS: dict[str, Callable[[str, Any, Any], Any]] = {
    "shortened": lambda name, sent, before: (
        sent[: len(sent) * 2 // 3] if name in _TEXTS else sent
    ),
    "dropped": _dropped,
    "replaced": _replaced,
    "ignored": lambda name, sent, before: (
        _dropped(name, sent, before) if before is None else before
    ),
    "normalised": _normalised,
}


def _rewritten(write: Write) -> Fields:
    """The texts as the service keeps them."""
    fields = write.fields
    return replace(
        fields,
        name=" ".join(fields.name.split()),
        location=" ".join(fields.location.split()),
        description=description_told(write, fields.description),
    )


def _video(write: Write) -> str:
    return f"https://video.example/{write.remote_id}" if write.video else ""


def _check(when: When) -> None:
    if when.stop <= when.start:
        raise Rejected("The specified time range is empty.")


def _answered(event: RemoteEvent, response: str) -> tuple[Person, ...]:
    if not any(person.is_self for person in event.attendees):
        raise Forbidden
    return tuple(
        replace(person, response=response) if person.is_self else person
        for person in event.attendees
    )


def _occurrence(calendar: _Calendar, remote_id: str) -> RemoteEvent | None:
    """An occurrence that nobody touched yet, from its series."""
    match = _INSTANCE.fullmatch(remote_id)
    master = calendar.events.get(match[1]) if match else None
    if master is None or master.cancelled or not master.recurrence:
        return None
    original: datetime | date = datetime.strptime(match[2], "%Y%m%d").date()
    if match[3]:
        clock = datetime.strptime(match[3], "%H%M%S").time()
        original = datetime.combine(original, clock, timezone.utc)
    if not _falls_on(calendar, master, original):
        return None
    when = master.fields.when
    length = when.stop - when.start
    return replace(
        master,
        remote_id=remote_id,
        master_id=master.remote_id,
        original_start=original,
        recurrence=(),
        etag=f'{master.etag[:-1]}/{remote_id}"',
        fields=replace(master.fields, when=When(original, original + length, when.tz)),
    )


def _falls_on(
    calendar: _Calendar, master: RemoteEvent, original: datetime | date | None
) -> bool:
    """Does the rule of the series put an occurrence there?"""
    when = master.fields.when
    if not master.recurrence or isinstance(original, datetime) is when.allday:
        return False
    step = timedelta(days=1) if when.allday else timedelta(seconds=1)
    found = expand(
        master.recurrence,
        when.start,
        tz=when.tz or calendar.timezone,
        until=original + step,
        since=original,
    )
    return any(at.original_start == original for at in found)


def _busy(calendar: _Calendar, start: datetime, stop: datetime) -> list[Interval]:
    """The busy times of a calendar within the range."""
    taken = [
        (max(begin, start), min(end, stop))
        for when in _whens(calendar, start, stop)
        for begin, end in [
            (_instant(when.start, calendar), _instant(when.stop, calendar))
        ]
        if begin < stop and end > start
    ]
    return union(taken)


def _whens(calendar: _Calendar, start: datetime, stop: datetime) -> Iterator[When]:
    for event in calendar.events.values():
        if event.cancelled or event.fields is None:
            continue
        if event.fields.show_as == "free" or event.response == "declined":
            continue
        when = event.fields.when
        if not event.recurrence:
            yield when
            continue
        length = when.stop - when.start
        for at in _starts(calendar, event, stop, start - length):
            if instance_id(event.remote_id, at.original_start) not in calendar.events:
                yield When(at.start, at.start + length)
