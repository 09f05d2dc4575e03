"""Trust where nothing can be trusted: writes that arrive late or never, no versions to
insist on, no deltas to rely on. Killed at every point, and random histories.

``CALSYNC_EXAMPLES`` (``./run test properties --examples N``) sets how many histories
are run; without it they are few and always the same.
"""

import os
from collections import Counter
from contextlib import contextmanager
from itertools import count, product
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from odoo.sql_db import Savepoint
from odoo.tests import tagged

from ..calsync.mapping_cronofy import FOREIGN, cronofy_event
from ..calsync.plan import alike
from ..calsync.transport import Wire
from ..models.calendar_sync_cron import CalendarSyncAccount as Cron
from .cronofy_case import CronofyCase, needs_simulator
from .test_sync_crash import Killed, killed_at

EXAMPLES = int(os.environ.get("CALSYNC_EXAMPLES", 0))
#: so few that the guard against mass changes stays out of the way
MOST = 8
COMPARED = ("name", "when", "location", "description", "show_as")
TEXTS = {"name": "summary", "location": "location", "description": "description"}
HOME, READ = "Odoo", "Calendar"


@contextmanager
def died_at(request, *, sent):
    """Kill the process at its ``request``-th request, before or after it was sent: also
    in the middle of what the engine takes for one step."""
    send, number = Wire.send, 0
    with killed_at(0) as told:

        def dying(wire, *args, **options):
            nonlocal number
            if told["dead"]:
                raise Killed
            number += 1
            if number == request and not sent:
                told["dead"] = True
                raise Killed
            reply = send(wire, *args, **options)
            if number == request:
                told["dead"] = True
                raise Killed
            return reply

        with patch.object(Wire, "send", dying):
            yield told


class TrustCase(CronofyCase):
    def setUp(self):
        super().setUp()
        self.account.unlink()  # every world has its own

    def remotes(self, calendar):
        """{remote id: event} as the provider reads them."""
        found = {}
        for item in self.sim.events("ann", calendar):
            event = cronofy_event(item, email=self.ann.email)
            found[event.remote_id] = event
        return found

    def ready(self):
        """Until nothing holds the account up any more."""
        self.account.write(
            {"state": "active", "failures": 0, "push_after": False, "attention": False}
        )
        self.env["calendar.sync.quota"].search([]).unlink()

    def links(self):
        return (
            self.env["calendar.sync.link"]
            .search([("account_id", "=", self.account.id)])
            .with_context(active_test=False)
        )

    def check_agreement(self):
        """Both sides say the same, every event once."""
        there = {c: self.remotes(c) for c in (HOME, READ)}
        links = self.links()
        for link in links:
            event, about = link.event_id, (link.remote_id, link.event_id.name)
            assert link.state == "synced", (*about, link.state, link.error)
            if not event.active:
                # what came from there cannot be deleted there
                assert link.remote_id.startswith(FOREIGN), about
                continue
            remote = there[link.calendar_id.name].get(link.remote_id)
            assert remote, (*about, "is not there")
            for name in COMPARED:
                mine = getattr(event._sync_fields(), name)
                yours = getattr(remote.fields, name)
                if name == "description":  # there it is a plain text
                    mine, yours = mine.replace("<p>", ""), yours.replace("<p>", "")
                assert alike(name, mine, yours), (*about, name, mine, yours)
        known = {(link.calendar_id.name, link.remote_id) for link in links}
        for calendar, events in there.items():
            for remote_id, event in events.items():
                if event.fields.privacy != "private":
                    assert (calendar, remote_id) in known, event.fields.name
        events = Counter(link.event_id for link in links if link.event_id)
        twice = [event.name for event, count in events.items() if count > 1]
        assert not twice, f"two copies of one event: {twice}"

    def come_to_rest(self):
        for _n in range(6):
            before = self.writes(), self.env["calendar.sync.run.line"].search_count([])
            self.ready()
            self.cron()
            after = self.writes(), self.env["calendar.sync.run.line"].search_count([])
            if before == after and not self.account.failures:
                return
        raise AssertionError(
            f"the sides do not come to rest: {self.account.run_ids[:1].error}"
        )


@tagged("post_install", "-at_install")
@needs_simulator
class TestCronofyCrash(TrustCase):
    def world(self):
        """Everything a run can have to do, at once."""
        self.sim.reset()
        self.account = self.connect(self.ann)
        uids = {name: self.enter(name) for name in ("Stays", "Changes", "Goes")}
        kept, edited, deleted = (self.meeting(name=n) for n in ("One", "Two", "Three"))
        self.sync()
        self.sync()
        self.enter("New there")
        self.meeting(name="New here")
        self.sim.change_event(uids["Changes"], summary="Changed")
        self.sim.delete_event(uids["Goes"])
        copy = self.there()["One"]["event_id"]
        self.sim.change_event(copy, summary="One, there")
        kept.location = "Here"
        edited.name = "Two, here"
        deleted.unlink()
        start, end = self.local(5)
        self.sim.add_series("ann", READ, "Jour", start, end, 1, 3)

    def outcome(self):
        here = sorted((e.name, str(e.start), e.location or "") for e in self.here_all())
        there = sorted(
            (e["summary"], str(e["start"]), str(e.get("location")))
            for calendar in (HOME, READ)
            for e in self.sim.events("ann", calendar)
        )
        return here, there

    @contextmanager
    def another_world(self):
        with self.env.cr.savepoint() as savepoint:
            self.env.invalidate_all()
            self.world()
            yield
            savepoint.rollback()
        self.env.invalidate_all(flush=False)

    def run_to_quiet(self):
        self.come_to_rest()
        self.check_agreement()
        return self.outcome()

    def undisturbed(self):
        """How many requests a run takes, and what both sides look like after it."""
        with self.another_world():
            self.sim.clear_journal()
            self.cron()
            requests = sum(not entry["batched"] for entry in self.sim.journal())
            return requests, self.run_to_quiet()

    def test_killed_at_every_request_and_started_again(self):
        requests, expected = self.undisturbed()
        self.assertGreater(requests, 4)
        for number, sent in product(range(1, requests + 1), (False, True)):
            with self.subTest(number=number, sent=sent), self.another_world():
                with died_at(number, sent=sent) as told:
                    self.cron()
                self.assertTrue(told["dead"])
                self.env.invalidate_all()
                self.assertEqual(self.run_to_quiet(), expected)

    def test_every_answer_lost_once(self):
        requests, expected = self.undisturbed()
        for skip in range(requests):
            with self.subTest(skip=skip), self.another_world():
                self.sim.set_fault("503", {"path": "/v1/.*"}, skip=skip, when="after")
                self.cron()
                self.sim.clear_faults()
                self.assertEqual(self.run_to_quiet(), expected)

    def test_every_write_lost_once(self):
        """Accepted with 202, and never carried out."""
        _requests, expected = self.undisturbed()
        for lost in range(1, 6):
            with self.subTest(lost=lost), self.another_world():
                self.sim.fail_writes(lost)
                self.cron()
                self.sim.fail_writes(0)
                self.assertEqual(self.run_to_quiet(), expected)


indexes = st.integers(0, MOST)
fields = st.sampled_from((*TEXTS, "when"))
times = st.tuples(st.integers(2, 6), st.integers(8, 16))


class Histories(RuleBasedStateMachine):
    """Ann's calendars at Cronofy and Odoo. Set ``case`` to the running test before
    use."""

    case = None

    def __init__(self):
        super().__init__()
        case = self.case
        self.savepoint = Savepoint(case.env.cr._obj)
        self.sim = case.sim
        self.sim.reset()
        case.account = case.connect(case.ann)
        self.numbers = iter(range(1, 10_000))
        self.made = 0
        #: what people typed and nobody replaced or deleted since
        self.typed = set()
        self.lines = case.env["calendar.sync.run.line"]
        self.first = self.lines.search([], order="id desc", limit=1).id or 0

    def teardown(self):
        try:
            self.come_to_rest()
        finally:
            case = self.case
            self.savepoint.close(rollback=True)
            case.env.cr.clear()
            case.env.cr.precommit.clear()
            case.env.transaction.reset()

    # ------------------------------------------------------------ what people do

    def room(self):
        return self.made < MOST

    def calm(self):
        """Nothing of ours is on its way. (What a person types while it is, Cronofy
        itself overwrites: nobody can insist on a version there.)"""
        return not len(self.sim.writes)

    def text(self):
        text = f"text{next(self.numbers)}x"
        self.typed.add(text)
        return text

    def replaced(self, *values):
        """A person saw these values and replaced or deleted them."""
        seen = " ".join(str(value) for value in values if value)
        self.typed = {text for text in self.typed if text not in seen}

    def events(self):
        return self.case.here_all().sorted("id")

    def change_there(self, calendar, index, field, time):
        found = [e for e in self.sim.events("ann", calendar) if not e["event_private"]]
        if not found:
            return
        item = found[index % len(found)]
        uid = item.get("event_id") or item["event_uid"]
        if field == "when":
            start, end = self.case.local(*time)
            self.sim.change_event(uid, start=start, end=end)
            return
        self.replaced(item.get(TEXTS[field]))
        self.sim.change_event(uid, **{TEXTS[field]: self.text()})

    def delete_there(self, calendar, index):
        found = self.sim.events("ann", calendar)
        if found:
            item = found[index % len(found)]
            self.replaced(*(item.get(name) for name in TEXTS.values()))
            self.sim.delete_event(item.get("event_id") or item["event_uid"])

    @precondition(room)
    @rule(time=times, private=st.booleans())
    def make_there(self, time, private):
        self.made += 1
        name = "secret" if private else self.text()
        self.sim.add_event("ann", READ, name, *self.case.local(*time), private=private)

    @precondition(room)
    @rule(time=times)
    def make_here(self, time):
        self.made += 1
        self.case.meeting(name=self.text(), when=self.case.at(*time))

    def ours_to_change(self):
        """Nothing of ours can be on its way to an event made there."""
        return self.calm() or not self.sim.store.unrestricted

    @precondition(ours_to_change)
    @rule(index=indexes, field=fields, time=times)
    def edit_foreign(self, index, field, time):
        self.change_there(READ, index, field, time)

    @precondition(calm)
    @rule(index=indexes, field=fields, time=times)
    def edit_copy(self, index, field, time):
        self.change_there(HOME, index, field, time)

    @precondition(ours_to_change)
    @rule(index=indexes)
    def delete_foreign(self, index):
        self.delete_there(READ, index)

    @precondition(calm)
    @rule(index=indexes)
    def delete_copy(self, index):
        self.delete_there(HOME, index)

    @rule(index=indexes, field=fields, time=times)
    def edit_here(self, index, field, time):
        events = self.events()
        if not events:
            return
        event = events[index % len(events)]
        if field == "when":
            values = event._sync_values({"when": self.case.at(*time)})
        else:
            self.replaced(event[field])
            values = {field: self.text()}
        event.with_user(self.case.ann).with_context(no_mail_to_attendees=True).write(
            values
        )

    @rule(index=indexes)
    def delete_here(self, index):
        events = self.events()
        if events:
            event = events[index % len(events)]
            self.replaced(*(event[name] for name in TEXTS))
            event.with_context(no_mail_to_attendees=True).unlink()

    @rule()
    def allow_changes(self):
        self.sim.elevate("ann", READ)
        self.case.account._look_at_permissions()

    @precondition(calm)
    @rule(looks=st.booleans())
    def take_it_back(self, looks):
        self.sim.restrict("ann")
        if looks:
            self.case.account._look_at_permissions()

    # ------------------------------------------------------------ what Cronofy does

    @rule()
    def writes_take_their_time(self):
        self.sim.set_write_delay(3600)

    @rule()
    def writes_arrive(self):
        self.sim.apply_writes()
        self.sim.set_write_delay(0)

    @rule(count=st.integers(1, 2))
    def writes_get_lost(self, count):
        self.sim.fail_writes(count)

    @rule(size=st.sampled_from((1, 2, 100)))
    def page_size(self, size):
        self.sim.set_page_size(size)

    @rule()
    def expire_tokens(self):
        self.sim.expire_tokens("ann")

    # ------------------------------------------------------------ what we do

    @rule()
    def sync(self):
        self.case.ready()
        self.case.cron()

    @rule(
        status=st.sampled_from(("429", "500", "503")),
        skip=st.integers(0, 6),
        when=st.sampled_from(("before", "after")),
    )
    def sync_with_a_fault(self, status, skip, when):
        self.sim.set_fault(status, {"path": "/v1/.*"}, skip=skip, when=when)
        self.sync()
        self.sim.clear_faults()

    @rule(step=st.integers(1, 12))
    def sync_killed(self, step):
        self.case.ready()
        with killed_at(step):
            self.case.cron()
        self.case.env.invalidate_all()

    @precondition(calm)
    @rule(step=st.integers(1, 8), index=indexes, field=fields, time=times)
    def sync_while_somebody_types(self, step, index, field, time):
        """In the middle of a run, between two of its steps."""
        points = count(1)

        def on_step(accounts, moment):
            if next(points) == step and self.calm():
                self.change_there(HOME, index, field, time)

        with patch.object(Cron, "_on_step", on_step):
            self.sync()

    @rule()
    def night(self):
        self.case.env["calendar.sync.account"]._look_again()

    # ------------------------------------------------------------ the laws

    def come_to_rest(self):
        self.sim.clear_faults()
        self.sim.fail_writes(0)
        self.writes_arrive()
        self.case.come_to_rest()
        self.case.check_agreement()
        self.nothing_is_lost()

    def nothing_is_lost(self):
        """What was typed stands in Odoo, or in the journal as what lost a conflict."""
        events = self.events()
        shown = " ".join(str(e[name]) for e in events for name in TEXTS)
        lines = self.lines.search([("id", ">", self.first)])
        shown += " ".join(str(line.lost) for line in lines)
        missing = {text for text in self.typed if text not in shown}
        assert not missing, f"typed and gone without a trace: {missing}"


@tagged("post_install", "-at_install")
@needs_simulator
class TestCronofyHistories(TrustCase):
    def test_whatever_happens_the_sides_agree(self):
        machine = type("CronofyHistories", (Histories,), {"case": self})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=EXAMPLES or 12,
                stateful_step_count=15,
                deadline=None,
                derandomize=not EXAMPLES,
                database=None,
                print_blob=False,
                # (to make a failing history shorter takes minutes)
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )
