"""A run may be killed at any point: nothing doubled, nothing lost, nobody mailed.

Every request has two points: before it is sent, and after its answer came. The process
dies there: what is not committed is gone, and nothing of it runs any more.
"""

from contextlib import contextmanager, suppress
from unittest.mock import patch

from odoo.tests import tagged

from ..calsync.errors import AnswerLost
from ..calsync.recurrence import instance_id
from ..models.calendar_sync_cron import CalendarSyncAccount as Cron
from ..models.calendar_sync_run import CalendarSyncRun as Run
from .sync_case import SyncCase

ANN, HOME = "ann@example.com", "odoo-ann@example.com"


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_at(step):
    """Kill the process at its ``step``-th point; tell whether it came that far."""
    told = {"steps": 0, "dead": False}
    transact, rollback = Run._transact, Run._rollback

    def on_step(accounts, moment):
        told["steps"] += 1
        if told["steps"] == step:
            told["dead"] = True
            accounts.env.cr.rollback()
            raise Killed

    def dead_transact(run, work, *args):
        if told["dead"]:  # the driver closes its runs, which a killed process cannot
            raise Killed
        return transact(run, work, *args)

    def dead_rollback(run):
        if not told["dead"]:
            rollback(run)

    with (
        patch.object(Cron, "_on_step", on_step),
        patch.object(Run, "_transact", dead_transact),
        patch.object(Run, "_rollback", dead_rollback),
    ):
        with suppress(Killed):
            yield told


@tagged("post_install", "-at_install")
class TestSyncCrash(SyncCase):
    def world(self):
        """Everything a run can have to do, at once."""
        here = {"no_mail_to_attendees": True, "dont_notify": True}
        self.account = self.connect(self.ann)
        self.kept = [self.put(name=f"Kept {n}") for n in range(6)]
        self.series = self.put(
            name="Stand-up", when=self.at(2), recurrence=("RRULE:FREQ=DAILY;COUNT=4",)
        )
        self.meetings = [self.meeting(name=f"Meeting {n}") for n in range(4)]
        self.weekly = self.recurring("Weekly")
        self.sync()
        # the channels, which the first run has opened, are opened again
        self.env["calendar.sync.channel"].search([]).unlink()
        one, two, three, *_rest = (self.event_of(remote) for remote in self.kept)
        # made, changed and deleted on either side, and both at once
        self.put(name="New there")
        self.meeting(name="New here")
        self.recurring("New series")
        self.put(
            name="New master", when=self.at(5), recurrence=("RRULE:FREQ=DAILY;COUNT=2",)
        )
        one.with_user(self.ann).write({"location": "Here"})
        self.server.edit(ANN, self.kept[0].remote_id, description="There")
        two.with_user(self.ann).unlink()
        self.server.remove(ANN, self.kept[2].remote_id)
        self.meetings[0].with_user(self.ann).write({"name": "Meeting here"})
        self.meetings[1].with_user(self.ann).unlink()
        [copy] = [e for e in self.remote(HOME) if e.fields.name == "Meeting 2"]
        self.server.remove(HOME, copy.remote_id)
        instance = instance_id(self.series.remote_id, self.series.fields.when.start)
        self.server.edit(ANN, instance, name="Special")
        self.weekly.calendar_event_ids[1].with_context(**here).write(
            {"name": "Weekly special", "recurrence_update": "self_only"}
        )

    def recurring(self, name):
        when = self.at(3)
        return (
            self.env["calendar.event"]
            .with_user(self.ann)
            .with_context(no_mail_to_attendees=True, dont_notify=True)
            .create(
                {
                    "name": name,
                    "start": when.start.replace(tzinfo=None),
                    "stop": when.stop.replace(tzinfo=None),
                    "recurrency": True,
                    "rrule_type": "daily",
                    "end_type": "count",
                    "count": 3,
                    "event_tz": "Europe/Berlin",
                }
            )
            .recurrence_id.sudo()
        )

    def outcome(self):
        """Both sides, as texts that can be compared."""
        events = self.env["calendar.event"].search(
            [("sync_link_ids.account_id", "=", self.account.id)]
        )
        here = sorted((e.name, str(e.start), e.location or "") for e in events)
        there = sorted(
            (e.fields.name, str(e.fields.when), e.fields.location, e.recurrence)
            for calendar in (ANN, HOME)
            for e in self.remote(calendar)
        )
        return here, there

    def run_to_quiet(self):
        self.account.write({"state": "active", "failures": 0})
        self.cron()
        self.cron()
        self.assertFalse(self.account.link_ids.filtered(lambda k: k.state != "synced"))
        self.assertNotIn("running", self.account.run_ids.mapped("state"))
        self.account.run_ids.filtered(lambda run: run.state == "failed").unlink()
        self.assertQuiet()
        return self.outcome()

    @contextmanager
    def another_world(self):
        with self.env.cr.savepoint() as savepoint:
            self.env.invalidate_all()
            self.world()
            yield
            savepoint.rollback()
        self.env.invalidate_all(flush=False)
        self.server.__init__()

    def test_killed_at_every_point_and_started_again(self):
        with self.another_world():
            self.server.requests.clear()
            with killed_at(0) as told:
                self.cron()
            points = told["steps"]
            expected = self.run_to_quiet()
        self.assertGreater(points, 10)
        for point in range(1, points + 1):
            with self.subTest(point=point), self.another_world():
                with killed_at(point) as told:
                    self.cron()
                self.assertTrue(told["dead"])
                self.env.invalidate_all()
                self.assertEqual(self.run_to_quiet(), expected)

    def test_every_answer_lost_once(self):
        with self.another_world():
            self.server.requests.clear()
            self.cron()
            requests = len(self.server.requests)
            expected = self.run_to_quiet()
        for point in range(requests):
            with self.subTest(point=point), self.another_world():
                self.server.fail(AnswerLost(), skip=point, after=True)
                self.cron()
                self.assertEqual(self.run_to_quiet(), expected)
