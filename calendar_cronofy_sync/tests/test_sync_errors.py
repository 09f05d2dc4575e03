"""Errors by their meaning: contained, nothing lost, the owner told once."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..calsync.errors import (
    AnswerLost,
    AuthExpired,
    Conflict,
    Duplicate,
    Forbidden,
    Gone,
    KeyUnavailable,
    Misconfigured,
    NotFound,
    RateLimited,
    Rejected,
    ScopeMissing,
    ServiceOff,
    TokenRefused,
    Unavailable,
)
from ..calsync.providers.absent import Absent
from ..calsync.providers.memory import MemoryProvider
from ..models.calendar_sync_cron import CalendarSyncAccount as Cron
from ..models.calendar_sync_grant import CalendarSyncAccount as Granted
from ..models.calendar_sync_run import CalendarSyncRun as Run
from .sync_case import SyncCase

ANN, BOB = "ann@example.com", "bob@example.com"
HOME = f"odoo-{ANN}"


@tagged("post_install", "-at_install")
class TestAccountErrors(SyncCase):
    def setUp(self):
        super().setUp()
        self.account = self.connect(self.ann)
        self.remote_one = self.put(name="Lunch")
        self.sync()
        self.event = self.event_of(self.remote_one)

    def told(self):
        return self.env["mail.activity"].search_count([("user_id", "=", self.ann.id)])

    def test_a_missing_package_stops_this_service_alone(self):
        meeting = self.meeting()
        absent = Absent("googleapiclient.discovery")
        self.startPatcher(patch.object(Granted, "_provider", lambda _self: absent()))
        self.sync(fails=True)
        self.assertEqual(self.account.state, "active")
        self.assertIn("google-api-python-client", self.account.attention)
        self.assertEqual(self.told(), 1)
        self.event.name = "Dinner"
        self.assertEqual(meeting.with_user(self.ann).sync_state, "pending")

    def test_a_lost_grant_is_told_once_and_keeps_everything(self):
        meeting = self.meeting()
        for error, state in (
            (AuthExpired(), "reconnect"),
            (ScopeMissing(), "reconnect"),
            (Misconfigured(), "active"),
        ):
            with self.subTest(error=type(error).__name__):
                self.account.write({"state": "active", "failures": 0})
                self.account._clear_attention()
                before = self.told()
                for _n in range(3):
                    self.account.state = "active"
                    self.server.fail(error, "changes")
                    self.sync(fails=True)
                self.assertEqual(self.account.state, state)
                self.assertTrue(self.account.attention)
                self.assertEqual(self.told(), before + 1, "told once")
                self.assertTrue(self.event.active)
                self.assertEqual(len(self.remote(ANN)), 1)
        self.env["calendar.sync.run"].search([]).unlink()
        self.account.state = "active"
        self.sync()
        self.assertFalse(self.account.attention)
        self.assertEqual(meeting.sync_link_ids.state, "synced")
        self.assertQuiet()

    def test_fresh_tokens_that_are_refused_for_hours_end_a_connection(self):
        """Not before: Google refuses good tokens now and then."""

        def refused(hours):
            if self.account.trouble_since:
                self.account.trouble_since -= timedelta(hours=hours)
            self.server.fail(TokenRefused(), "changes")
            self.sync(fails=True)
            return self.account.state

        for hours in (0, 1, 2, 2):
            self.assertEqual(refused(hours), "active")
            self.assertFalse(self.account.attention, "it passes by itself")
        self.env["calendar.sync.run"].search([]).unlink()
        self.sync()
        self.assertFalse(self.account.trouble, "it has passed")
        self.assertEqual(refused(0), "active")
        self.assertEqual(refused(5), "active")
        self.assertEqual(refused(2), "reconnect")
        self.assertIn("connect again", self.account.attention)

    def test_each_refusal_is_told_to_whom_it_concerns(self):
        for error, word, state in (
            (AuthExpired(reason="invalid_rapt"), "session control", "reconnect"),
            (Misconfigured(reason="deleted_client"), "deleted", "active"),
            (Misconfigured(reason="disabled_client"), "disabled", "active"),
            (Misconfigured(reason="unauthorized_client"), "web applic", "active"),
            (Misconfigured(reason="invalid_client"), "client secret", "active"),
            (Misconfigured(reason="accessNotConfigured"), "enable it", "active"),
            (ServiceOff(reason="notACalendarUser"), "switched off", "active"),
        ):
            with self.subTest(reason=error.reason):
                self.account.write({"state": "active", "failures": 0})
                self.account._clear_attention()
                self.server.fail(error, "changes")
                self.sync(fails=True)
                self.assertEqual(self.account.state, state)
                self.assertIn(word, self.account.attention)

    def test_a_rate_limit_is_waited_for_as_told(self):
        self.server.fail(RateLimited(retry_after=1800), "changes")
        now = fields.Datetime.now()
        self.sync(fails=True)
        wait = self.account.next_sync - now
        self.assertGreaterEqual(wait, timedelta(seconds=1799))
        self.assertLess(wait, timedelta(seconds=2400))
        self.assertEqual(self.account.state, "active")
        self.assertFalse(self.account.attention, "nothing to tell yet")

    def test_passing_failures_are_waited_out_longer_and_longer(self):
        waits = []
        for _n in range(4):
            self.server.fail(Unavailable(), "changes")
            now = fields.Datetime.now()
            self.sync(fails=True)
            waits.append(self.account.next_sync - now)
        self.assertEqual(waits, sorted(waits))
        self.assertGreater(waits[-1], timedelta(minutes=30))
        self.assertTrue(self.account.attention, "told after some patience")
        self.env["calendar.sync.run"].search([]).unlink()
        self.sync()
        self.assertEqual(self.account.failures, 0)
        self.assertFalse(self.account.attention)

    def test_one_bad_account_does_not_stop_the_others(self):
        self.connect(self.bob)
        for error in (AuthExpired(), Unavailable(), RuntimeError("a bug")):
            with self.subTest(error=type(error).__name__):
                provide = Granted._provider

                def provider(account, error=error, provide=provide):
                    if account.email == ANN:
                        raise error
                    return provide(account)

                self.account.state = "active"
                other = self.put(BOB, name="Breakfast")
                with (
                    patch.object(Granted, "_provider", provider),
                    mute_logger("odoo.addons.calendar_cronofy_sync"),
                    mute_logger(Run.__module__),
                ):
                    self.sync(fails=True)
                self.assertTrue(self.event_of(other))

    def test_an_account_revoked_under_way_does_not_stop_the_others(self):
        """Neither a run whose account is gone nor the failure it meets then."""
        self.connect(self.bob)
        for verb in ("pause", "fail"):
            with self.subTest(verb=verb):
                self.account.write({"state": "active", "claim": False})
                other = self.put(BOB, name="Breakfast")
                if verb == "fail":
                    self.server.fail(Unavailable(), "changes")

                def stop(accounts, moment):
                    accounts.browse(self.account.id).state = "paused"
                    accounts.env.cr.commit()  # within the test

                with patch.object(Cron, "_on_step", stop):
                    self.sync()
                self.assertTrue(self.event_of(other))
                self.env.invalidate_all()
                self.assertEqual(self.account.state, "paused")

    def test_a_grant_that_cannot_be_stored_does_not_stop_the_others(self):
        self.connect(self.bob)
        other = self.put(BOB, name="Breakfast")

        def store(account, grant):
            if account.email == ANN:
                raise KeyUnavailable

        with patch.object(Granted, "_store_grant", store):
            self.sync(fails=True)
        self.assertTrue(self.event_of(other))
        self.assertEqual(self.account.state, "reconnect")

    def test_one_bad_calendar_does_not_stop_the_others(self):
        bad = self.env["calendar.sync.calendar"].create(
            {
                "account_id": self.account.id,
                "remote_id": "team",
                "name": "Team",
                "access_role": "owner",
                "is_source": True,
            }
        )
        new = self.put(name="New")
        meeting = self.meeting()
        self.sync()
        self.assertTrue(self.event_of(new))
        self.assertEqual(meeting.sync_link_ids.state, "synced")
        self.assertTrue(bad.error)
        self.assertIn("Team", self.account.attention)

    def test_a_vanished_calendar_deletes_nothing(self):
        for role in ("none", "freeBusyReader"):
            with self.subTest(role=role):
                self.server.share(ANN, ANN, role)
                self.event.with_user(self.ann).write({"name": f"Mine {role}"})
                self.sync()
                self.assertTrue(self.event.active)
                self.assertEqual(self.event.name, f"Mine {role}")
                self.assertTrue(self.account.attention)
        self.server.share(ANN, ANN, "owner")
        self.sync()
        [there] = self.remote(ANN)
        self.assertEqual(there.fields.name, "Mine freeBusyReader")
        self.assertFalse(self.account.attention)
        self.assertQuiet()


@tagged("post_install", "-at_install")
class TestWriteErrors(SyncCase):
    def setUp(self):
        super().setUp()
        self.account = self.connect(self.ann)
        self.remote_one = self.put(name="Lunch")
        self.sync()
        self.event = self.event_of(self.remote_one)
        self.link = self.event.sync_link_ids

    def rename(self, name="Mine"):
        self.event.with_user(self.ann).write({"name": name})

    def there(self):
        return self.server.events(ANN)[self.remote_one.remote_id].fields

    def test_a_stale_version_leads_to_a_merge(self):
        self.rename()
        changes = MemoryProvider.push

        def push(provider, *args):
            # somebody changes it while our request is on its way
            self.server.edit(ANN, self.remote_one.remote_id, location="Park")
            return changes(provider, *args)

        with patch.object(MemoryProvider, "push", push):
            self.sync()
        self.sync()
        self.assertEqual((self.there().name, self.there().location), ("Mine", "Park"))
        self.assertEqual((self.event.name, self.event.location), ("Mine", "Park"))
        self.assertQuiet()

    def test_a_conflict_that_does_not_end_waits_for_the_next_run(self):
        self.rename()
        self.server.fail(Conflict(), "patch", times=99)
        self.sync()
        self.assertLess(len(self.written()), 10)
        self.assertEqual(self.link.state, "pending")
        self.server._faults.clear()
        self.sync()
        self.assertEqual(self.there().name, "Mine")

    def test_what_the_provider_rejects_is_shown_and_not_repeated(self):
        self.rename()
        meeting = self.meeting(name="Other")
        self.server.fail(Rejected("Too long."), "patch")
        self.sync()
        self.assertEqual(self.link.state, "failed")
        self.assertEqual(self.link.error, "Too long.")
        self.assertEqual(meeting.sync_link_ids.state, "synced", "the others go on")
        self.assertTrue(self.account.attention)
        self.server.requests.clear()
        self.sync()
        self.assertEqual(self.written(), [], "no retry of what cannot be")
        self.link.with_user(self.ann).action_retry()
        self.sync()
        self.assertEqual(self.there().name, "Mine")
        self.assertFalse(self.account.attention)
        self.assertQuiet()

    def test_a_forbidden_change_is_taken_back_and_kept_in_the_journal(self):
        self.rename()
        self.server.fail(Forbidden(), "patch", times=9)
        self.sync()
        self.assertEqual(self.event.name, "Lunch")
        line = self.account.run_ids.line_ids.filtered("lost")
        self.assertEqual(line.lost, {"name": "Mine"})
        self.assertEqual(self.there().name, "Lunch")
        self.server._faults.clear()
        self.assertQuiet()

    def test_a_forbidden_new_copy_does_not_cost_the_meeting(self):
        self.server.share(HOME, ANN, "reader")
        meeting = self.meeting(name="Planning")
        for _n in range(2):
            self.sync()
            self.assertTrue(meeting.active)
            self.assertEqual(meeting.name, "Planning")
        self.assertTrue(self.account.attention)
        self.server.share(HOME, ANN, "owner")
        meeting.sync_link_ids.with_user(self.ann).action_retry()
        self.sync()
        self.assertEqual(len(self.remote(HOME)), 1)
        self.assertQuiet()

    def test_a_forbidden_deletion_is_put_back_or_settled(self):
        self.event.with_user(self.ann).write({"active": False})
        self.server.fail(Forbidden(), "delete", times=9)
        self.sync()
        self.assertIn(self.remote_one.remote_id, self.server.events(ANN))
        self.server._faults.clear()
        self.sync()
        self.assertQuiet()

    def test_a_change_to_what_is_gone_writes_it_anew(self):
        self.rename()
        self.server.fail(Gone(), "patch")
        self.sync()
        self.sync()
        self.assertTrue(self.event.active)
        self.assertIn("Mine", [e.fields.name for e in self.remote(ANN)])

    def test_a_lost_answer_makes_no_double_and_loses_nothing(self):
        for verb in ("insert", "patch", "delete"):
            for error in (AnswerLost(), Unavailable()):
                for after in (True, False):
                    self.lost_answer(verb, error, after)

    def lost_answer(self, verb, error, after):
        description = "<p>one</p><ul><li><b>two</b></li></ul>"
        meeting = self.meeting(
            name="Planning  A", description=description, privacy=False
        )
        here = meeting.with_user(self.ann).with_context(no_mail_to_attendees=True)
        if verb != "insert":
            self.sync()
        if verb == "patch":
            here.write({"name": "Planning  B", "location": "Room"})
        if verb == "delete":
            here.write({"active": False})
        before = (meeting.name, meeting.description, meeting.privacy, meeting.location)
        self.server.fail(error, verb, after=after)
        self.sync()
        self.sync()
        expected = [] if verb == "delete" else [" ".join(meeting.name.split())]
        self.assertEqual([e.fields.name for e in self.remote(HOME)], expected)
        self.assertEqual(
            (meeting.name, meeting.description, meeting.privacy, meeting.location),
            before,
        )
        self.assertQuiet()
        here.unlink()
        self.sync()
        self.assertEqual(self.remote(HOME), [])

    def test_a_lost_batch_makes_no_double(self):
        for n in range(3):
            self.meeting(name=f"Planning {n}")
        self.server.fail(AnswerLost(), "push", after=True)
        self.sync(fails=True)
        self.env["calendar.sync.run"].search([]).unlink()
        self.sync()
        self.assertEqual(len(self.remote(HOME)), 3)
        self.assertQuiet()

    def test_a_taken_id_is_compared_and_linked_or_chosen_anew(self):
        meeting = self.meeting(name="Planning")
        self.server.fail(Duplicate(), "insert", after=True)
        self.sync()
        self.assertEqual([e.fields.name for e in self.remote(HOME)], ["Planning"])
        # archived and brought back: the id of the deleted copy stays taken
        meeting.with_user(self.ann).write({"active": False})
        self.sync()
        meeting.with_user(self.ann).write({"active": True})
        self.sync()
        self.assertEqual([e.fields.name for e in self.remote(HOME)], ["Planning"])
        self.assertQuiet()

    def test_an_event_that_always_fails_does_not_stop_the_others(self):
        """A server error for one event is not one of the whole service."""
        meetings = [self.meeting(name=f"Planning {n}") for n in range(60)]
        self.server.fail(Unavailable(), "insert", times=1)
        self.sync()
        states = [m.sync_link_ids.state for m in meetings]
        self.assertEqual(states.count("synced"), 59)
        self.sync()
        self.assertEqual(len(self.remote(HOME)), 60)
        self.assertQuiet()

    def test_typing_goes_on_while_a_push_is_on_its_way(self):
        self.rename("First")
        push = MemoryProvider.push

        def pushed(provider, *args):
            outcomes = push(provider, *args)
            self.rename_elsewhere("Second")
            return outcomes

        with patch.object(MemoryProvider, "push", pushed):
            self.sync()
        self.env.invalidate_all()
        self.assertEqual(self.event.name, "Second")
        self.sync()
        self.assertEqual(self.there().name, "Second")
        self.assertQuiet()

    def rename_elsewhere(self, name):
        """What another process commits meanwhile."""
        self.env.cr.execute(
            "UPDATE calendar_event SET name = %s WHERE id = %s", [name, self.event.id]
        )
        self.env.cr.execute(
            "UPDATE calendar_sync_link SET state = 'pending' WHERE id = %s",
            [self.link.id],
        )

    def test_a_calendar_that_vanishes_under_way_leaves_the_rest_alone(self):
        self.rename()
        meeting = self.meeting(name="Planning")
        self.server.fail(NotFound(), "insert", times=9)
        self.sync()
        self.assertTrue(meeting.active)
        self.assertTrue(self.account.target_calendar_id, "it is listed still")
        self.server._faults.clear()
        self.sync()
        self.assertEqual(len(self.remote(HOME)), 1)
        self.assertEqual(self.there().name, "Mine")

    def test_masters_that_cannot_be_asked_for_are_asked_for_again(self):
        """Exceptions wait for their master as long as it takes."""
        master = self.put(
            name="Stand-up", when=self.at(2), recurrence=("RRULE:FREQ=DAILY;COUNT=3",)
        )
        self.account.calendar_ids.sync_token = False
        calendar = self.server.calendars[ANN]
        calendar.log.pop(master.remote_id)  # the listing forgets the master
        instance = f"{master.remote_id}_{self.at(3).start:%Y%m%dT%H%M%SZ}"
        self.server.edit(ANN, instance, name="Special")
        self.server.fail(Unavailable(), "get")
        self.sync(fails=True)
        self.env["calendar.sync.run"].search([]).unlink()
        self.sync()
        events = self.env["calendar.event"].search(
            [("name", "in", ("Stand-up", "Special"))]
        )
        self.assertEqual(len(events), 3)
        self.assertQuiet()
