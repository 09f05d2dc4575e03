"""Undo: both sides as they were, and nothing that somebody else wrote since is lost."""

from dataclasses import replace
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..calsync.errors import AnswerLost, Unavailable
from ..calsync.providers.memory import MemoryProvider
from ..calsync.recurrence import instance_id
from .sync_case import SyncCase

ANN, TARGET = "ann@example.com", "odoo-ann@example.com"


class Repeated(Exception):
    """What makes Odoo begin a call anew."""


@tagged("post_install", "-at_install")
class TestSyncUndo(SyncCase):
    def setUp(self):
        super().setUp()
        self.account = self.connect(self.ann)

    def run_of(self, account=None):
        """The last run that did anything, for its owner."""
        account = account or self.account
        run = account.run_ids.filtered("line_ids")[:1]
        return run.with_user(account.user_id)

    def pushed(self, kind, **values):
        """A run that has done nothing but ``kind`` to the one event of the target."""
        meeting = self.meeting(name="Planning", **values)
        self.sync()
        if kind == "pushed_patch":
            meeting.with_user(self.ann).write({"location": "Room 1"})
            self.sync()
        elif kind == "pushed_delete":
            meeting.with_user(self.ann).write({"active": False})
            self.sync()
        run = self.run_of()
        self.assertEqual(run.line_ids.mapped("kind"), [kind])
        return run

    def named(self, calendar=TARGET):
        return [event.fields.name for event in self.remote(calendar)]

    # ------------------------------------------------------------ the provider's side

    def test_what_somebody_changed_there_since_is_never_overwritten(self):
        for kind in ("pushed_insert", "pushed_patch"):
            with self.subTest(kind):
                run = self.pushed(kind)
                remote_id = run.line_ids.remote_id
                self.server.edit(TARGET, remote_id, name="Theirs")
                self.server.requests.clear()
                with self.assertRaisesRegex(UserError, "Planning"):
                    run.action_undo()
                self.assertEqual(self.written(), [])
                self.assertNotEqual(run.state, "undone")
                self.server.remove(TARGET, remote_id)
                self.sync()

    def test_nothing_is_undone_here_when_something_stands_in_the_way_there(self):
        remote = self.put(name="Lunch")
        self.meeting(name="Planning")
        self.sync()
        run = self.run_of()
        [there] = self.remote(TARGET)
        self.server.edit(TARGET, there.remote_id, name="Theirs")
        with self.assertRaisesRegex(UserError, "Planning"):
            run.action_undo()
        self.assertTrue(self.event_of(remote).active)
        self.assertEqual(self.named(), ["Theirs"])

    def test_what_was_deleted_and_is_there_again_is_not_doubled(self):
        run = self.pushed("pushed_delete")
        there = self.server.everything(TARGET)[run.line_ids.remote_id]
        self.server.put(TARGET, replace(there, status="confirmed"))
        with self.assertRaisesRegex(UserError, "Planning"):
            run.action_undo()
        self.assertEqual(len(self.remote(TARGET)), 1)

    def test_what_is_gone_already_need_not_be_deleted(self):
        run = self.pushed("pushed_insert")
        self.server.remove(TARGET, run.line_ids.remote_id)
        self.server.requests.clear()
        run.action_undo()
        self.assertEqual(run.state, "undone")
        self.assertEqual(self.written(), [])

    def test_an_edit_between_the_look_and_the_write_is_not_overwritten(self):
        run = self.pushed("pushed_patch")
        get = MemoryProvider.get

        def slow(provider, *args):
            answers = get(provider, *args)
            self.server.edit(TARGET, run.line_ids.remote_id, name="Theirs")
            return answers

        with (
            patch.object(MemoryProvider, "get", slow),
            self.assertRaises(UserError),
            self.env.cr.savepoint(),
        ):
            run.action_undo()
        [there] = self.remote(TARGET)
        self.assertEqual(
            (there.fields.name, there.fields.location), ("Theirs", "Room 1")
        )

    def test_a_provider_that_does_not_answer_stops_the_undo(self):
        run = self.pushed("pushed_insert")
        self.server.fail(Unavailable(), "get")
        with self.assertRaisesRegex(UserError, "could not be brought back"):
            run.action_undo()
        self.assertEqual(self.named(), ["Planning"])

    def test_only_what_differs_is_written_back(self):
        run = self.pushed("pushed_patch")
        run.action_undo()
        [there] = self.remote(TARGET)
        self.assertEqual((there.fields.name, there.fields.location), ("Planning", ""))
        self.assertQuiet()

    # ------------------------------------------------------------ repeated calls

    def test_a_call_that_odoo_repeats_finds_its_own_work_done(self):
        for kind, names in (
            ("pushed_insert", []),
            ("pushed_patch", ["Planning"]),
            ("pushed_delete", ["Planning"]),
        ):
            with self.subTest(kind):
                run = self.pushed(kind)
                with self.assertRaises(Repeated), self.env.cr.savepoint():
                    run.action_undo()
                    raise Repeated
                self.env.invalidate_all()
                self.server.requests.clear()
                run.action_undo()
                self.assertEqual(self.written(), [])
                self.assertEqual(run.state, "undone")
                self.assertEqual(self.named(), names)
                self.assertFalse(any(e.fields.location for e in self.remote(TARGET)))
                self.assertQuiet()
                for event in self.remote(TARGET):
                    self.server.remove(TARGET, event.remote_id)
                self.sync()

    def test_an_answer_that_was_lost_is_no_second_event(self):
        run = self.pushed("pushed_delete")
        self.server.fail(AnswerLost(), "insert", after=True)
        with self.assertRaises(UserError), self.env.cr.savepoint():
            run.action_undo()
        self.env.invalidate_all()
        run.action_undo()
        self.assertEqual(self.named(), ["Planning"])
        self.assertQuiet()

    # ------------------------------------------------------------ runs

    def test_a_run_that_was_killed_is_not_going_on(self):
        self.put(name="Lunch")
        self.sync()
        run = self.run_of()
        run.sudo().state = "running"
        self.account.claim = run.sudo().claim
        with self.assertRaisesRegex(UserError, "going on"):
            run.action_undo()
        for claim in (False, "another run's"):
            with self.subTest(claim=claim):
                run.sudo().state = "running"
                self.account.claim = claim
                run.action_undo()
                self.assertEqual(run.state, "undone")
                self.assertFalse(self.account.claim, "a run on its way stops")

    # ------------------------------------------------------------ shared meetings

    def test_the_copies_of_others_follow(self):
        self.connect(self.bob)
        meeting = self.meeting(
            name="Planning",
            partner_ids=[(6, 0, (self.ann | self.bob).partner_id.ids)],
        )
        self.sync()
        [there] = self.remote(TARGET)
        self.server.edit(TARGET, there.remote_id, location="Park")
        self.sync()
        self.sync()
        [copy] = self.remote("odoo-bob@example.com")
        self.assertEqual(copy.fields.location, "Park")
        self.run_of().action_undo()
        self.assertFalse(meeting.location)
        self.sync()
        [copy] = self.remote("odoo-bob@example.com")
        self.assertFalse(copy.fields.location)
        self.assertQuiet()

    def test_the_copies_of_others_leave_and_come_back(self):
        self.connect(self.bob)
        meeting = self.meeting(
            name="Planning",
            partner_ids=[(6, 0, (self.ann | self.bob).partner_id.ids)],
        )
        self.sync()
        [there] = self.remote(TARGET)
        self.server.remove(TARGET, there.remote_id)
        self.sync()
        self.sync()
        self.assertEqual(self.remote("odoo-bob@example.com"), [])
        self.run_of().action_undo()
        self.assertTrue(meeting.active)
        self.sync()
        self.assertEqual(self.named("odoo-bob@example.com"), ["Planning"])
        self.assertQuiet()

    # ------------------------------------------------------------ series

    def recurrence(self):
        return self.meeting(
            name="Stand-up",
            recurrency=True,
            rrule_type="daily",
            interval=1,
            end_type="count",
            count=5,
        ).recurrence_id.calendar_event_ids

    def test_a_series_leaves_the_provider_and_stays_in_odoo(self):
        events = self.recurrence()
        self.sync()
        self.assertEqual(self.named(), ["Stand-up"])
        self.run_of().action_undo()
        self.assertEqual(self.remote(TARGET), [])
        self.assertQuiet()
        self.assertEqual(len(events.filtered("active")), 5)
        events[0].with_user(self.ann).write({"location": "Room 1"})
        self.sync()
        self.assertIn("Stand-up", self.named(), "changed again, it is written again")
        self.assertQuiet()

    def test_an_occurrence_changed_there_keeps_its_series(self):
        self.recurrence()
        self.sync()
        [master] = self.remote(TARGET)
        first = instance_id(master.remote_id, master.fields.when.start)
        self.server.edit(TARGET, first, name="Theirs")
        with self.assertRaisesRegex(UserError, "Stand-up"):
            self.run_of().action_undo()
        self.assertCountEqual(self.named(), ["Stand-up", "Theirs"])

    def test_an_edited_occurrence_is_as_it_was(self):
        master = self.put(name="Daily", recurrence=("RRULE:FREQ=DAILY;COUNT=5",))
        self.sync()
        second = self.event_of_start(master, 1)
        second.with_user(self.ann).write({"name": "Retro"})
        self.sync()
        self.assertCountEqual(self.named(ANN), ["Daily", "Retro"])
        self.run_of().action_undo()
        self.assertCountEqual(self.named(ANN), ["Daily", "Daily"])
        self.assertQuiet()

    def event_of_start(self, master, number):
        series = self.env["calendar.sync.series"].search(
            [("remote_id", "=", master.remote_id)]
        )
        return series.link_ids.event_id.sorted("start")[number]
