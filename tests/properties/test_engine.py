"""Random histories of the engine alone: whatever happens, the sides agree in the end.

The rules are what people, the provider and the network do, also in the middle of a run
and to a run; the laws are checked when all has come to rest. The same over Odoo itself,
with meetings of several people and far fewer histories, is ``test_sync_convergence`` of
the addon.
"""

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from functools import partial
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from calsync.errors import (
    AnswerLost,
    Conflict,
    Gone,
    RateLimited,
    Rejected,
    SyncError,
    TokenInvalid,
    Unavailable,
)
from calsync.plan import HIDDEN, Policy, alike, ended, localised
from calsync.providers.memory import MemoryProvider, MemoryServer
from calsync.recurrence import expand, instance_id
from calsync.values import FIELD_NAMES, Fields, Person, RemoteEvent, When, Window

from .replica import Replica, Run, Superseded

UTC = timezone.utc
#: Ann's own calendar, the one for Odoo's meetings, and one that she may only read
ANN, HOME, TEAM = CALENDARS = ("ann@example.com", "home", "team")
WINDOW = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
#: so few that they meet each other
MOST = 6
TEXTS = ("name", "description", "location")
PRIVACY = ("default", "public", "private", "confidential")


def at(month, day, hour, length=1):
    start = datetime(2026, month, day, hour, tzinfo=UTC)
    return When(start, start + timedelta(hours=length), "Europe/Berlin")


#: the clocks go forward on March 29th; the last one is over before the window opens
TIMES = (
    at(3, 27, 9),
    at(3, 28, 9),
    at(3, 28, 23, length=2),
    When(date(2026, 3, 28), date(2026, 3, 29)),
    at(2, 1, 9),
)
FAULTS = (
    (Unavailable(), ""),
    (RateLimited(retry_after=1), ""),
    (TokenInvalid(), "changes"),
    (AnswerLost(), ""),
    (AnswerLost(), "insert"),
    (AnswerLost(), "patch"),
    (AnswerLost(), "delete"),
    (Conflict(), "patch"),
    (Conflict(), "delete"),
    (Rejected(), "insert"),
    (Rejected(), "patch"),
)

calendars = st.sampled_from(CALENDARS)
indexes = st.integers(0, 30)
choices = st.integers(0, 4)
#: what a person does to an event: a new value of a field, or the end of it
deeds = st.tuples(st.sampled_from((*FIELD_NAMES, "name", "delete")), choices)
#: with a few events a run has made its listings at the sixth point
points = st.sampled_from((1, 2, 4, 6, 7, 8, 9, 12, 20))


class Account(MemoryProvider):
    """Ann's connection, through which nothing is tried that she may not do."""

    def push(self, calendar_id, writes):
        assert calendar_id != TEAM, "a read-only side is left alone"
        return super().push(calendar_id, writes)


class Process:
    """A run on its way, from point to point: a request is sent, its answer is taken.
    Between two of them anything may happen."""

    def __init__(self, run):
        self.steps = run.steps()
        self.request, self.resume = None, partial(next, self.steps)
        self.over = False

    def go(self, points=1000):
        for _point in range(points):
            if self.over:
                break
            if self.request:
                self.send()
            else:
                self.take()

    def send(self):
        try:
            self.resume = partial(self.steps.send, self.request())
        except SyncError as error:
            self.resume = partial(self.steps.throw, error)
        self.request = None

    def take(self):
        try:
            self.request = self.resume()
        except (StopIteration, SyncError, Superseded):
            self.over = True

    def supersede(self):
        """What it was about to send may come late: its version or its id is refused
        then. Not so an insert after the deletion of the same; that arrives before."""
        if self.request and self.request.func.__name__ == "push":
            if any(write.verb == "insert" for write in self.request.args[-1]):
                self.send()


class Engine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.server = MemoryServer()
        self.server.add_account(ANN, "Europe/Berlin")
        self.server.add_calendar(ANN, HOME)
        self.server.add_calendar(ANN, TEAM, role="reader")
        self.replica = Replica(dict.fromkeys(CALENDARS, Policy(window=WINDOW)), HOME)
        #: the run that goes on is the last one, the others were superseded
        self.processes = []
        self.numbers = count(1)
        self.made = 0
        #: words that people typed and nobody replaced or deleted since
        self.typed = set()
        #: remote ids of what people deleted or hid, there and here
        self.gone_there, self.gone_here = set(), set()
        #: (remote id, field) that people changed there
        self.edited_there = set()

    @initialize(
        read_home=st.booleans(),
        privacy=st.sampled_from(("public", "private")),
        there=st.lists(calendars, max_size=2),
        series=st.lists(calendars, max_size=1),
        here=st.integers(0, 2),
    )
    def begin(self, read_home, privacy, there, series, here):
        """Some events that both sides know."""
        policies = self.replica.policies
        for calendar, policy in policies.items():
            source = read_home or calendar != HOME
            policies[calendar] = replace(policy, source=source, default_privacy=privacy)
        for number, calendar in enumerate(there):
            self.make_there(calendar, choice=number, invited=False)
        for calendar in series:
            self.make_series_there(calendar, choice=0, length=3)
        for number in range(here):
            self.make_here(choice=number)
        self.sync()

    def teardown(self):
        self.come_to_rest()

    def room(self):
        return self.made < MOST

    # ------------------------------------------------------------ what people type

    def value(self, name, choice, *, word=None):
        """A new value of a field: one like no other, or one of a few."""
        match name:
            case "when":
                return TIMES[choice]
            case "privacy":
                return PRIVACY[choice % 4]
            case "show_as":
                return ("busy", "free")[choice % 2]
            case _:
                return self.text(word or name) if choice < 3 else "AB"[choice - 3]

    def text(self, word):
        word = f"{word}{next(self.numbers)}x"
        self.typed.add(word)
        return f" <p>{word}</p>  and" if word.startswith("description") else f" {word} "

    def replaced(self, *texts):
        """A person saw these and replaced or deleted them."""
        seen = " ".join(texts)
        self.typed = {word for word in self.typed if word not in seen}

    def deleted(self, *events):
        self.replaced(*(getattr(fields, name) for fields in events for name in TEXTS))

    # ------------------------------------------------------------ at the provider

    def remotes(self, wanted=lambda event: True):
        return [
            (calendar, event)
            for calendar in CALENDARS
            for event in self.server.events(calendar).values()
            if wanted(event)
        ]

    def present(self, calendar, remote_id):
        try:
            return self.server._present(calendar, remote_id)
        except Gone:
            return RemoteEvent(remote_id=remote_id, status="cancelled")

    def instance(self, index, choice):
        """An occurrence that is still there, be it one that nobody touched."""
        found = self.remotes(lambda event: event.recurrence)
        if not found:
            return None
        calendar, master = found[index % len(found)]
        ids = instances(master)
        remote_id = ids[choice % len(ids)]
        if self.processes and remote_id not in self.server.everything(calendar):
            # it has no version of its own that a write could insist on
            return None
        event = self.present(calendar, remote_id)
        return None if event.cancelled else (calendar, event)

    def put(self, calendar, choice, *, word="name", **values):
        self.made += 1
        fields = Fields(name=self.text(word), when=TIMES[choice])
        remote_id = f"there{next(self.numbers)}"
        event = RemoteEvent(remote_id=remote_id, fields=fields, **values)
        self.server.put(calendar, event)

    @precondition(room)
    @rule(calendar=calendars, choice=choices, invited=st.booleans())
    def make_there(self, calendar, choice, invited):
        boss = Person(email="boss@example.com")
        ann = Person(email=ANN, is_self=True, response="accepted")
        people = {"organizer": boss, "attendees": (boss, ann), "writable": False}
        self.put(calendar, choice, **(people if invited else {}))

    @precondition(room)
    @rule(calendar=calendars, choice=st.integers(0, 3), length=st.integers(2, 4))
    def make_series_there(self, calendar, choice, length):
        lines = (f"RRULE:FREQ=DAILY;COUNT={length}",)
        self.put(calendar, choice, word="every", recurrence=lines)

    @rule(index=indexes, deed=deeds)
    def act_there(self, index, deed):
        if found := self.remotes():
            self.do_there(*found[index % len(found)], *deed)

    @rule(index=indexes, choice=choices, deed=deeds)
    def act_on_instance_there(self, index, choice, deed):
        if found := self.instance(index, choice):
            self.do_there(*found, *deed)

    def do_there(self, calendar, event, name, choice):
        """Somebody changes a field there, or deletes the event."""
        seen = self.reached(calendar, event)
        if name == "delete" or (name == "when" and event.recurrence):
            # exceptions may go with their places
            self.gone_there.add(event.remote_id)
            self.deleted(*seen, *self.occurrences_here(event))
        elif name in TEXTS:
            self.replaced(*(getattr(fields, name) for fields in seen))
        if name == "delete":
            self.server.remove(calendar, event.remote_id)
            return
        if name == "privacy":
            self.hide(event)
        self.edited_there.add((event.remote_id, name))
        value = self.value(name, choice, word="every" if event.recurrence else name)
        self.server.edit(calendar, event.remote_id, **{name: value})

    def reached(self, calendar, event):
        """What a change of the event replaces: with a series, in its exceptions, too.
        (An occurrence that nobody touched only repeats its series.)"""
        events = self.server.calendars[calendar].events
        return [
            found.fields
            for found in events.values()
            if event.remote_id in (found.remote_id, found.master_id) and found.fields
        ]

    def occurrences_here(self, master):
        return [
            self.replica.events[row.event].fields
            for row in self.replica.rows.values()
            if row.place[0] == master.remote_id and row.event in self.replica.events
        ]

    def hide(self, event):
        """Perhaps it may not be shown in Odoo any more, or not out of it."""
        self.gone_there.add(event.remote_id)
        self.gone_here.add(event.remote_id)

    @rule(index=indexes, response=st.sampled_from(("accepted", "declined")))
    def answer_there(self, index, response):
        if found := self.remotes(lambda event: event.attendees):
            calendar, event = found[index % len(found)]
            self.hide(event)
            boss, ann = event.attendees
            people = boss, replace(ann, response=response)
            self.server.edit(calendar, event.remote_id, attendees=people)

    @rule(index=indexes)
    def touch_there(self, index):
        """A new version, with nothing new that concerns us."""
        if found := self.remotes():
            calendar, event = found[index % len(found)]
            self.server.edit(calendar, event.remote_id, url=event.url + "x")

    @rule(index=indexes)
    def garble_there(self, index):
        """The item cannot be read, for a while."""
        singles = self.remotes(lambda e: not e.recurrence and not e.master_id)
        if singles:
            calendar, event = singles[index % len(singles)]
            problem = "" if event.problem else "broken"
            self.server.edit(calendar, event.remote_id, problem=problem)

    # ------------------------------------------------------------ in Odoo

    def pick(self, index):
        found = sorted(self.replica.active())
        return found[index % len(found)] if found else None

    @precondition(room)
    @rule(choice=choices)
    def make_here(self, choice):
        self.made += 1
        self.replica.make(Fields(name=self.text("name"), when=TIMES[choice]))

    @rule(index=indexes, deed=deeds)
    def act_here(self, index, deed):
        if event := self.pick(index):
            self.do_here(event, *deed)

    def do_here(self, event, name, choice):
        fields, rows = self.replica.events[event].fields, self.replica.of(event)
        if name == "delete":
            self.gone_here.update(row.remote_id for row in rows)
            self.deleted(fields)
            if choice % 2:
                self.replica.unlink(event)
            else:
                self.replica.archive(event)
            return
        if name in TEXTS:
            self.replaced(getattr(fields, name))
        if name == "privacy":
            for row in rows:
                self.hide(row)
        self.replica.edit(event, **{name: self.value(name, choice)})

    @rule(index=indexes, here=deeds, there=deeds)
    def act_on_both(self, index, here, there):
        """The same event, at the same time."""
        pairs = [
            (row.event, row.calendar, remote)
            for row in self.replica.rows.values()
            for remote in [self.server.events(row.calendar).get(row.remote_id)]
            if remote and row.event in self.replica.active()
        ]
        if pairs:
            event, calendar, remote = pairs[index % len(pairs)]
            self.do_here(event, *here)
            self.do_there(calendar, remote, *there)

    @rule(index=indexes)
    def restore_here(self, index):
        """(but nothing that lives on there, where only Odoo may not show it)"""
        journal, team = self.replica.journal, self.replica.at(TEAM)
        kept = {line.event for line in journal if line.kind == "withdraw"}
        kept |= {row.event for row in team.values()} | set(self.replica.active())
        if found := sorted(set(self.replica.events) - kept):
            self.replica.restore(found[index % len(found)])

    # ------------------------------------------------------------ provider and network

    @rule(size=st.sampled_from((1, 2, 3, 2500)))
    def page_size(self, size):
        self.server.page_size = size

    @rule()
    def expire_tokens(self):
        self.server.expire_tokens()

    @rule(fault=st.sampled_from(FAULTS), skip=st.integers(0, 2))
    def fail(self, fault, skip):
        error, verb = fault
        after = isinstance(error, AnswerLost)
        self.server.fail(error, verb, skip=skip, after=after)

    # ------------------------------------------------------------ runs

    @rule(points=points)
    def start(self, points):
        """A run is due, be another one on its way. A notification may be lost, doubled
        or late, which is to say that runs come at any time."""
        for process in self.processes:
            process.supersede()
        run = Run(self.replica, Account(self.server, ANN), CALENDARS)
        self.processes.append(Process(run))
        self.proceed(-1, points)

    @precondition(lambda self: self.processes)
    @rule(index=indexes, points=points)
    def proceed(self, index, points):
        process = self.processes[index % len(self.processes)]
        process.go(points)
        if process.over:
            self.processes.remove(process)

    @precondition(lambda self: self.processes)
    @rule(index=indexes)
    def kill(self, index):
        del self.processes[index % len(self.processes)]

    @rule()
    def sync(self):
        self.start(points=1000)

    # ------------------------------------------------------------ laws

    def come_to_rest(self):
        while self.processes:
            self.proceed(0, points=1000)
        self.server.mend()
        for calendar, event in self.remotes(lambda event: event.problem):
            self.server.edit(calendar, event.remote_id, problem="")
        for _run in range(3):
            self.replica.retry()
            self.sync()
        self.nothing_moves()
        self.sides_agree()
        self.all_is_linked()
        self.nothing_is_doubled()
        self.nothing_is_lost()
        self.nobody_loses_against_himself()
        self.nothing_is_deleted_but_by_people()

    def nothing_moves(self):
        before = dict(self.replica.events), dict(self.replica.rows)
        self.server.requests.clear()
        self.sync()
        assert not {"insert", "patch", "delete"} & set(self.server.requests)
        assert (self.replica.events, self.replica.rows) == before

    def sides_agree(self):
        for row in self.replica.rows.values():
            assert row.state == "synced", row
            event = self.replica.active().get(row.event)
            remote = self.present(row.calendar, row.remote_id)
            if event is None:
                assert row.calendar == TEAM or not self.wanted(remote), row
                continue
            if self.over(event) and (remote.cancelled or self.over(remote)):
                continue
            assert not remote.cancelled, row
            made_here = row.origin == "odoo" or row.generation
            assert made_here or not hidden(remote), row
            policy = self.replica.policies[row.calendar]
            ours, theirs = (localised(e.fields, policy) for e in (event, remote))
            wanted = self.replica.pending(row).wanted
            assert wanted or theirs.privacy in HIDDEN, row
            for name in FIELD_NAMES:
                mine, yours = getattr(ours, name), getattr(theirs, name)
                assert alike(name, mine, yours), (row, name, mine, yours)

    def all_is_linked(self):
        linked = Counter(row.event for row in self.replica.rows.values())
        for number, event in self.replica.active().items():
            assert linked[number] <= 1, event
            if event.fields.privacy not in HIDDEN and not self.over(event):
                assert linked[number], event
        for calendar, event in self.remotes():
            for remote_id in instances(event):
                remote = self.present(calendar, remote_id)
                source = self.replica.policies[calendar].source or remote.mark
                if self.wanted(remote):
                    linked = remote_id in self.replica.at(calendar)
                    assert linked is bool(source), remote

    def nothing_is_doubled(self):
        here = self.replica.active().values()
        there = [remote for _, remote in self.remotes(lambda e: not hidden(e))]
        for side in here, there:
            words = Counter(event.fields.name.strip() for event in side)
            twice = {word for word in words if words[word] > 1}
            assert not [word for word in twice if word.startswith("name")]

    def nothing_is_lost(self):
        here = self.replica.active().values()
        there = (remote for _, remote in self.remotes())
        kept = [event.fields for side in (here, there) for event in side]
        kept += [line.kept for line in self.replica.journal]
        everywhere = str(kept)
        assert not {word for word in self.typed if word not in everywhere}

    def nobody_loses_against_himself(self):
        for line in self.replica.journal:
            for name in line.kept if line.kind == "conflict" else ():
                ids = family(line.remote_id)
                assert any((i, name) in self.edited_there for i in ids), line

    def nothing_is_deleted_but_by_people(self):
        for line in self.replica.journal:
            ids = family(line.remote_id)
            if line.kind in ("archive", "withdraw"):
                assert ids & (self.gone_there | self.gone_here), line
            elif line.kind == "push delete":
                assert ids & self.gone_here, line

    def wanted(self, remote):
        return not (remote.cancelled or hidden(remote) or self.over(remote))

    def over(self, event):
        return ended(event.fields, WINDOW)


def instances(event):
    """The ids of the appointments that a remote event stands for."""
    if not event.recurrence:
        return [event.remote_id]
    when = event.fields.when
    until = when.start + timedelta(days=10)
    found = expand(event.recurrence, when.start, tz="Europe/Berlin", until=until)
    return [instance_id(event.remote_id, at.original_start) for at in found]


def family(remote_id):
    """An occurrence and its series."""
    return {remote_id, remote_id.split("_")[0]}


def hidden(remote):
    """May Odoo not show it?"""
    return remote.fields.privacy in HIDDEN or remote.response == "declined"


def test_random_histories_converge():
    few = (
        {"max_examples": 300} if settings.get_current_profile_name() == "fixed" else {}
    )
    run_state_machine_as_test(Engine, settings=settings(**few))
