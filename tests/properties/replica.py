"""Odoo's side of the synchronisation in a few dictionaries: what the actions say.

:class:`Replica` is the database and the person in front of it, :class:`Run` carries out
the plan on it as ``calendar_sync_pull``, ``_apply`` and ``_push`` do on Odoo. What is
to be decided, the plan decides. Between two requests all is one transaction.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from calsync.driver import Run as Steps
from calsync.errors import (
    Conflict,
    Duplicate,
    Forbidden,
    Gone,
    RateLimited,
    SyncError,
    TokenInvalid,
    Unavailable,
)
from calsync.plan import (
    HIDDEN,
    Action,
    Link,
    Pending,
    Policy,
    agreed,
    ended,
    localised,
    plan,
    unkept,
)
from calsync.providers.base import Provider
from calsync.series import DERIVED, instance_of, moved, occurrences
from calsync.values import (
    Fields,
    Outcome,
    Page,
    RemoteEvent,
    Write,
    from_moment,
    moment,
)

#: attempts for one event in one run; then it waits for the next
ATTEMPTS = 4
LOOK_AGAIN = (Conflict, Duplicate, Forbidden)
NOTHING: frozenset[str] = frozenset()


class Superseded(Exception):
    """Another run has taken the account over."""


@dataclass(frozen=True, slots=True)
class Event:
    fields: Fields
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Link):
    """A link as it is stored; its event may be archived."""

    calendar: str
    #: synced, pending or failed
    state: str = "synced"
    #: id of the master and moment of the place in it, of an occurrence
    place: tuple[str, str] = ("", "")
    #: how often the remote id had to be chosen anew
    generation: int = 0
    #: the event that comes back when the appointment is wanted again
    former: int | None = None

    @property
    def based(self) -> bool:
        return self.local is not None or self.remote is not None


@dataclass(frozen=True, slots=True)
class Series:
    master: RemoteEvent | None = None
    #: by the moment of their original start
    exceptions: Mapping[str, RemoteEvent] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the journal; what it ``kept`` can be read and taken back there."""

    kind: str
    remote_id: str
    event: int | None
    kept: Any = None


class Replica:
    """Events and links.

    :param policies: {calendar: what is allowed there}
    :param target: the calendar that Odoo's own meetings are written to
    """

    def __init__(self, policies: Mapping[str, Policy], target: str) -> None:
        self.policies, self.target = dict(policies), target
        self.events: dict[int, Event] = {}
        self.rows: dict[int, Row] = {}
        #: by calendar and id of the master
        self.series: dict[tuple[str, str], Series] = defaultdict(Series)
        self.tokens: dict[str, str] = {}
        self.journal: list[Line] = []
        #: the run that may go on
        self.claim = 0
        self._number = 0

    # ------------------------------------------------------------ what there is

    def active(self) -> dict[int, Event]:
        return {number: event for number, event in self.events.items() if event.active}

    def shown(self, event: Event) -> bool:
        return event.active and event.fields.privacy not in HIDDEN

    def over(self, event: Event) -> bool:
        return ended(event.fields, self.policies[self.target].window)

    def shown_now(self, row: Row) -> bool:
        """Is it to be listed?"""
        event = self.active().get(row.event)
        return event is not None and not self.over(event)

    def of(self, event: int) -> list[Row]:
        return [row for row in self.rows.values() if row.event == event]

    def at(self, calendar: str) -> dict[str, Row]:
        """The links of a calendar by remote id."""
        rows = self.rows.values()
        return {row.remote_id: row for row in rows if row.calendar == calendar}

    def pending(self, row: Row) -> Pending:
        """The Odoo side of a link."""
        event = self.active().get(row.event)
        if event is None:
            return Pending(fields=None)
        wanted = row.origin == "remote" or self.shown(event)
        return Pending(fields=event.fields, wanted=wanted)

    # ------------------------------------------------------------ what a person does

    def make(self, fields: Fields) -> None:
        self.events[self.number()] = Event(fields)
        self.enlist()

    def edit(self, number: int, **values: Any) -> None:
        event = self.events[number]
        self._touch(number, replace(event, fields=replace(event.fields, **values)))

    def archive(self, number: int) -> None:
        self._touch(number, replace(self.events[number], active=False))

    def restore(self, number: int) -> None:
        self._touch(number, replace(self.events[number], active=True))

    def unlink(self, number: int) -> None:
        self._touch(number, self.events[number])
        del self.events[number]
        for row in self.of(number):
            if row.etag or row.based:
                self.store(row, event=None)
            else:
                del self.rows[row.key]

    def retry(self) -> None:
        for row in list(self.rows.values()):
            if row.state == "failed":
                self.store(row, state="pending")

    def _touch(self, number: int, event: Event) -> None:
        self.events[number] = event
        for row in self.of(number):
            self.store(row, state="pending")
        self.enlist()

    # ------------------------------------------------------------ bookkeeping

    def number(self) -> int:
        self._number += 1
        return self._number

    def store(self, row: Row, **values: Any) -> None:
        self.rows[row.key] = replace(row, **values)

    def note(self, kind: str, row: Row, kept: Any = None) -> None:
        self.journal.append(Line(kind, row.remote_id, row.event, kept))

    def enlist(self) -> None:
        """Give every event that belongs into the target and has no copy a link."""
        linked = {row.event for row in self.rows.values()}
        for number, event in self.events.items():
            if number not in linked and self.shown(event) and not self.over(event):
                self._link_new(self.number(), number, self.target, "odoo", 0)

    def renew(self, row: Row) -> None:
        """Write it anew, under another id: that of a deleted event stays taken."""
        self._link_new(row.key, row.event, row.calendar, row.origin, row.generation + 1)

    def _link_new(self, key, event, calendar, origin, generation) -> None:
        self.rows[key] = Row(
            key=key,
            event=event,
            calendar=calendar,
            origin=origin,
            generation=generation,
            remote_id=f"odoo{key}g{generation}",
            state="pending",
        )

    def agree(self, row: Row, remote: RemoteEvent, ahead=NOTHING) -> None:
        """Both sides agree, but for the fields in which Odoo stays ahead."""
        ours = self.events[row.event].fields
        theirs = localised(remote.fields, self.policies[row.calendar])
        ours = replace(ours, **{name: getattr(theirs, name) for name in ahead})
        self._agreed(row, ours, remote, "pending" if ahead else "synced")

    def _agreed(self, row, ours, remote, state) -> None:
        self.store(
            row,
            etag=remote.etag,
            state=state,
            local=ours,
            remote=remote.fields,
            sent=None,
            writable=remote.writable,
        )

    # ------------------------------------------------------------ the plan

    def decide(
        self, calendar: str, delta: Iterable[RemoteEvent], rows: Iterable[Row]
    ) -> list[Action]:
        links, pending, marks = {}, {}, {}
        for row in rows:
            event = self.events.get(row.event)
            alive = event is not None and event.active
            links[row.remote_id] = replace(
                row,
                event=row.event if alive else None,
                origin="odoo" if row.generation else row.origin,
            )
            marks[row.key] = f"odoo {row.event}"
            if row.state != "synced" and (row.event is not None or row.based):
                pending[row.remote_id] = self.pending(row)
        policy = replace(self.policies[calendar], marks=marks)
        return plan(links, delta, pending, policy)

    def apply(self, calendar: str, actions: Iterable[Action]) -> None:
        """Carry the actions out; a push is left to the push."""
        ahead = {
            action.remote_id: action.write.changed
            for action in actions
            if action.kind == "push" and action.reason != "anew"
        }
        for action in actions:
            row = self.rows[action.link.key] if action.link else None
            if row is None and action.kind == "skip":
                continue
            method = getattr(self, f"_{action.kind}")
            method(
                row or self._row_of(calendar, action.remote),
                action,
                ahead.get(action.remote_id, NOTHING),
            )

    def _row_of(self, calendar: str, remote: RemoteEvent) -> Row:
        start = remote.original_start
        return Row(
            key=self.number(),
            calendar=calendar,
            remote_id=remote.remote_id,
            place=(remote.master_id, moment(start)) if start else ("", ""),
        )

    def _create(self, row, action, ahead):
        if row.event is None and row.former in self.events and not self.of(row.former):
            row = replace(row, event=row.former)
        self._restore(row, action, ahead)

    def _restore(self, row, action, ahead):
        if row.event in self.events:
            assert not self.events[row.event].active, "it was there all the time"
            self.note("restore", row, self.events[row.event].fields)
        else:
            row = replace(row, event=self.number())
            self.note("create", row)
        self.events[row.event] = Event(action.fields)
        self.agree(replace(row, former=None), action.remote)

    def _update(self, row, action, ahead):
        event = self.events[row.event]
        fields = replace(event.fields, **action.values)
        self.events[row.event] = replace(event, fields=fields)
        writable = self.policies[row.calendar].writable and row.writable
        self.note("conflict" if writable else "put back", row, action.lost)
        self._settle(row, action, ahead)

    def _settle(self, row, action, ahead):
        if action.remote is None:
            self.store(row, state="synced", local=action.fields or row.local)
        elif action.link.event is None:
            self.store(row, state="synced", etag=action.remote.etag)
        else:
            self.agree(row, action.remote, ahead)

    def _archive(self, row, action, ahead):
        event = self.events[row.event]
        # (where nothing can be written anew the archived event keeps what was typed)
        writable = self.policies[row.calendar].writable
        self.note("archive", row, None if writable else event.fields)
        del self.rows[row.key]
        self.events[row.event] = replace(event, active=False)

    def _withdraw(self, row, action, ahead):
        self.rows[row.key] = Row(
            key=row.key,
            calendar=row.calendar,
            remote_id=row.remote_id,
            place=row.place,
            former=row.event,
        )
        event = self.events.get(row.event)
        if event:
            self.note("withdraw", row, event.fields)
            self.events[row.event] = replace(event, active=False)

    def _skip(self, row, action, ahead):
        self.store(row, state="synced")

    def _forget(self, row, action, ahead):
        del self.rows[row.key]

    def _push(self, row, action, ahead):
        if action.reason == "anew":
            self.renew(row)
        elif action.remote is not None:
            self.agree(row, action.remote, ahead)
        else:
            self.store(row, state="pending", etag=action.write.etag)

    def _fail(self, row, action, ahead):
        self.note("fail", row)
        self.store(row, state="failed")

    # ------------------------------------------------------------ what goes out

    def send(self, action: Action) -> Write:
        """What is sent is stored before: it tells what was meant should the answer be
        lost."""
        row, write = self.rows[action.link.key], action.write
        if write.verb == "insert" and row.local:
            return replace(write, fields=row.local)
        if write.verb != "delete":
            name = "local" if write.verb == "insert" else "sent"
            self.store(row, **{name: action.fields})
        return replace(write, etag="") if write.etag.startswith(DERIVED) else write

    def written(
        self,
        row: Row,
        write: Write,
        remote: RemoteEvent | None,
        sent: Fields | None = None,
    ) -> None:
        self.note(f"push {write.verb}", row)
        self._keep_exception(row, remote)
        if write.verb == "delete":
            del self.rows[row.key]
            return
        # somebody may have gone on typing while the request was on its way
        same = self.pending(row) == Pending(fields=write.fields)
        state = "synced" if same else "pending"
        policy = self.policies[row.calendar]
        refused = unkept(write, sent or write.fields, remote.fields, policy)
        if refused:
            lost = {name: getattr(write.fields, name) for name in refused}
            self.note("conflict", row, lost)
        told = agreed(write, row.remote, remote.fields, refused)
        etag = remote.etag if told == remote.fields else ""
        remote = replace(remote, fields=told, etag=etag)
        self._agreed(row, write.fields, remote, state)

    def _keep_exception(self, row: Row, remote: RemoteEvent | None) -> None:
        """An occurrence that was written, or deleted, does not follow its series."""
        master_id, key = row.place
        if known := self.series.get((row.calendar, master_id)):
            exception = remote or RemoteEvent(
                remote_id=row.remote_id,
                status="cancelled",
                master_id=master_id,
                original_start=from_moment(key),
            )
            exceptions = {**known.exceptions, key: exception}
            self.series[row.calendar, master_id] = replace(known, exceptions=exceptions)


class Run:
    """One synchronisation of some calendars, step by step as
    :func:`calsync.driver.drive` wants it."""

    def __init__(
        self, replica: Replica, provider: Provider, calendars: Iterable[str]
    ) -> None:
        self.replica, self.provider, self.calendars = replica, provider, calendars
        self.claim = replica.claim = replica.number()

    def steps(self) -> Steps:
        for calendar in self.calendars:
            try:
                yield from self._list(calendar, self.replica.tokens.get(calendar, ""))
            except TokenInvalid:
                yield from self._list(calendar, "")
        self._transact(self.replica.enlist)
        yield from self._push()

    def _transact(self, work, *args):
        if self.replica.claim != self.claim:
            raise Superseded
        return work(*args)

    def _take(self, calendar: str, items: Iterable[RemoteEvent]) -> set[str]:
        """Plan for some remote items and carry it out; answers with all their ids."""
        flat = {event.remote_id: event for event in self._unfold(calendar, items)}
        rows = self.replica.at(calendar)
        rows = [row for remote_id, row in rows.items() if remote_id in flat]
        actions = self.replica.decide(calendar, flat.values(), rows)
        self.replica.apply(calendar, actions)
        return set(flat)

    # ------------------------------------------------------------ in

    def _list(self, calendar: str, token: str) -> Steps:
        seen: set[str] = set()
        window = self.replica.policies[calendar].window
        pages = self.provider.changes(calendar, token, window)
        while True:
            page = yield partial(next, pages)
            self._transact(self._take_page, calendar, page, seen)
            if page.token:
                break
        answers = {}
        if questions := self._questions(calendar, page, seen):
            answers = yield partial(self.provider.get, calendar, questions)
        self._transact(self._close, calendar, page.token, answers)

    def _take_page(self, calendar: str, page: Page, seen: set[str]) -> None:
        writable = page.access_role in ("owner", "writer")
        policies = self.replica.policies
        policies[calendar] = replace(policies[calendar], writable=writable)
        seen |= self._take(calendar, page.events)
        seen.update(item.remote_id for item in page.events)
        if page.full:
            seen.update(f"/{item.master_id}" for item in page.events)

    def _questions(self, calendar: str, page: Page, seen: set[str]) -> list[str]:
        """What should have been listed and was not, and masters that only their
        exceptions have named."""
        replica = self.replica
        missing = {
            row.place[0] or row.remote_id
            for row in replica.at(calendar).values()
            if page.full and row.etag and row.remote_id not in seen
            if row.state != "synced" or replica.shown_now(row)
        }
        orphans = {
            master_id
            for (place, master_id), series in replica.series.items()
            if place == calendar and (series.master is None or f"/{master_id}" in seen)
        }
        return sorted((missing | orphans) - seen)

    def _close(self, calendar: str, token: str, answers: Mapping[str, Any]) -> None:
        for remote_id, answer in answers.items():
            self._take(calendar, [_present(remote_id, answer)])
        self.replica.tokens[calendar] = token

    # ------------------------------------------------------------ series

    def _unfold(
        self, calendar: str, items: Iterable[RemoteEvent]
    ) -> Iterator[RemoteEvent]:
        """The items with series laid out as occurrences."""
        series, touched = self.replica.series, {}
        for item in items:
            place = calendar, item.master_id or item.remote_id
            before = series[place] if place in series else Series()
            if item.master_id:
                key = moment(item.original_start)
                exceptions = {**before.exceptions, key: item}
                series[place] = replace(before, exceptions=exceptions)
            elif item.recurrence:
                series[place] = replace(before, master=item)
            elif place in series:
                series[place] = Series(master=item)
            else:
                yield item
                continue
            touched.setdefault(place, before.master)
        for place, master in touched.items():
            yield from self._lay_out(place, master)

    def _lay_out(
        self, place: tuple[str, str], before: RemoteEvent | None
    ) -> Iterator[RemoteEvent]:
        calendar, series = place[0], self.replica.series[place]
        rows = [row for row in self.replica.rows.values() if self._in(row, place)]
        if series.master is None:
            return
        window = self.replica.policies[calendar].window
        found = {}
        if not series.master.cancelled:
            for event in occurrences(series.master, series.exceptions, window):
                found[moment(event.original_start)] = event
            if before is not None:
                self._follow_move(series.master, before, rows, found)
        yield from found.values()
        for row in rows:  # what the rule does not have any more
            row = self.replica.rows[row.key]
            past = row.place[1] < moment(window.start)
            past = past and not self.replica.shown_now(row)
            if row.place[1] not in found and (series.master.cancelled or not past):
                yield RemoteEvent(remote_id=row.remote_id, status="cancelled")

    def _in(self, row: Row, place: tuple[str, str]) -> bool:
        return (row.calendar, row.place[0]) == place

    def _follow_move(self, master, before, rows, found) -> None:
        """Let the links of occurrences that moved with their series keep their
        events."""
        left = {row.place[1]: row for row in rows if row.place[1] not in found}
        taken = {row.place[1] for row in rows}
        for old, new in moved(before, master, left).items():
            if new in found and new not in taken:
                self.replica.store(
                    left[old],
                    remote_id=instance_of(master, from_moment(new)),
                    place=(master.remote_id, new),
                )

    # ------------------------------------------------------------ out

    def _push(self) -> Steps:
        tries: Counter[int] = Counter()
        while batch := self._transact(self._next, tries):
            calendar, writes, questions = batch
            if writes:
                outcomes = yield partial(self.provider.push, calendar, writes)
                questions += self._transact(
                    self._take_outcomes, calendar, writes, outcomes
                )
                for outcome in outcomes:
                    if isinstance(outcome.error, RateLimited):
                        raise outcome.error
                    if isinstance(outcome.error, Unavailable):
                        tries[outcome.key] = ATTEMPTS
            if questions:
                answers = yield partial(self.provider.get, calendar, questions)
                self._transact(self._take_present, calendar, answers)

    def _next(self, tries: Counter[int]) -> tuple[str, list[Write], list[str]] | None:
        """The next calendar with something to write, and ids to ask for."""
        replica = self.replica
        while True:
            rows = [
                row
                for row in replica.rows.values()
                if row.state == "pending" and tries[row.key] < ATTEMPTS
            ]
            if not rows:
                return None
            calendar = rows[0].calendar
            rows = [row for row in rows if row.calendar == calendar]
            tries.update(row.key for row in rows)
            lost = [row for row in rows if row.event is None and not row.based]
            rows = [row for row in rows if row not in lost]
            actions = replica.decide(calendar, (), rows)
            pushes = [action for action in actions if action.kind == "push"]
            replica.apply(calendar, [a for a in actions if a.kind != "push"])
            if pushes or lost:
                ids = [row.remote_id for row in lost]
                return calendar, [replica.send(action) for action in pushes], ids

    def _take_outcomes(
        self, calendar: str, writes: Iterable[Write], outcomes: Iterable[Outcome]
    ) -> list[str]:
        """Store what was written; answers with the ids to look at again."""
        replica, again, told = self.replica, [], []
        for write, outcome in zip(writes, outcomes, strict=True):
            row, error = replica.rows.get(write.key), outcome.error
            if row is None:
                continue
            if error is None:
                replica.written(row, write, outcome.event, outcome.sent)
                if outcome.event:
                    told.append(outcome.event)
            elif isinstance(error, Gone):
                self._take(row.calendar, [_present(row.remote_id, error)])
            elif isinstance(error, LOOK_AGAIN):
                writable = row.writable and not isinstance(error, Forbidden)
                replica.store(row, writable=writable)
                again.append(row.remote_id)
            elif not isinstance(error, Unavailable | RateLimited):
                local = None if write.verb == "insert" else row.local
                replica.note("fail", row)
                replica.store(row, state="failed", local=local)
        self._take(calendar, told)
        return again

    def _take_present(self, calendar: str, answers: Mapping[str, Any]) -> None:
        """Plan again from what the provider has now."""
        replica = self.replica
        for remote_id, answer in answers.items():
            if isinstance(answer, Unavailable | RateLimited):
                continue
            row, remote = replica.at(calendar)[remote_id], _present(remote_id, answer)
            if remote.cancelled and row.remote is None and row.based:
                replica.renew(row)
            elif remote.cancelled and not row.based:
                del replica.rows[row.key]
            else:
                writable = remote.writable and row.writable
                self._take(calendar, [replace(remote, writable=writable)])


def _present(remote_id: str, answer: RemoteEvent | SyncError) -> RemoteEvent:
    """What an answer says about the event."""
    if isinstance(answer, Gone):
        return RemoteEvent(remote_id=remote_id, status="cancelled")
    if isinstance(answer, SyncError):
        raise answer
    return answer
