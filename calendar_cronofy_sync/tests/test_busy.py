"""Busy times: asked live, known or unknown, and kept nowhere."""

import threading
import time
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import config

from ..calsync.errors import AuthExpired, RateLimited, ScopeMissing, Unavailable
from ..calsync.intervals import Interval
from ..calsync.providers import PROVIDERS
from ..calsync.values import Fields, Grant, RemoteEvent, When
from ..calsync.vault import new_key
from ..models import calendar_sync_busy
from .common import ConnectCase

DAY = datetime(2026, 3, 30, tzinfo=timezone.utc)


def at(hour, minutes=60):
    start = DAY + timedelta(hours=hour)
    return start, start + timedelta(minutes=minutes)


@tagged("post_install", "-at_install")
class TestBusy(ConnectCase):
    def put(self, calendar, hour, **values):
        fields = Fields(name="Dentist 4711", when=When(*at(hour)), **values)
        event = RemoteEvent(remote_id=f"event{hour:05}", fields=fields)
        self.server.put(calendar, event)

    def ask(self, *users):
        people = self.env["res.users"].union(*users)
        return self.env["calendar.sync.account"]._busy(
            people, DAY, DAY + timedelta(days=1)
        )

    def test_the_calendars_that_count(self):
        account = self.connect(self.ann)
        self.calendar(account, "ann-team").is_busy = False
        self.put("ann@example.com", 9)
        self.put("ann@example.com", 11, show_as="free")
        self.put("ann-team", 14)
        answer = self.ask(self.ann)[self.ann.id]
        self.assertEqual(answer.intervals, (Interval(*at(9)),))
        self.assertEqual(answer.problem, "")

    def test_several_connections_and_calendars_are_one_answer(self):
        self.connect(self.ann)
        self.connect(self.ann, provider="cronofy", email="bob@example.com")
        self.put("ann@example.com", 9)
        self.put("ann-team", 10)
        self.put("bob@example.com", 20)
        answer = self.ask(self.ann)[self.ann.id]
        self.assertEqual(
            answer.intervals, (Interval(at(9)[0], at(10)[1]), Interval(*at(20)))
        )

    def test_availability_only_answers_as_well(self):
        self.connect(self.ann, mode="availability")
        self.put("ann@example.com", 9)
        self.assertEqual(self.ask(self.ann)[self.ann.id].intervals, (Interval(*at(9)),))

    def test_no_calendar_that_counts_is_known_to_be_free(self):
        account = self.connect(self.ann)
        account.calendar_ids.is_busy = False
        self.assertEqual(self.ask(self.ann)[self.ann.id].intervals, ())
        self.assertNotIn("busy", self.server.requests)

    def test_what_cannot_be_asked_is_unknown(self):
        account = self.connect(self.ann)
        self.put("ann@example.com", 9)
        for state in ("setup", "paused", "reconnect"):
            with self.subTest(state=state):
                account.sudo().state = state
                answer = self.ask(self.ann)[self.ann.id]
                self.assertIsNone(answer.intervals)
                self.assertIn("Google", answer.problem)
        account.sudo().state = "active"
        for error in (AuthExpired(), RateLimited(), Unavailable()):
            with self.subTest(error=type(error).__name__):
                self.server.fail(error, "busy")
                self.assertIsNone(self.ask(self.ann)[self.ann.id].intervals)

    def test_nobody_connected_and_revoked_are_unknown(self):
        account = self.connect(self.ann)
        account.sudo()._revoke("keep")
        for user in (self.ann, self.colleague):
            answer = self.ask(user)[user.id]
            self.assertIsNone(answer.intervals)
            self.assertEqual(answer.problem, "No calendar is connected.")

    def test_one_unknown_connection_makes_the_person_unknown(self):
        self.connect(self.ann)
        other = self.connect(self.ann, provider="cronofy", email="bob@example.com")
        other.sudo().state = "reconnect"
        self.assertIsNone(self.ask(self.ann)[self.ann.id].intervals)

    def test_a_calendar_without_an_answer_is_unknown(self):
        account = self.connect(self.ann)
        self.calendar(account, "ann-team").is_busy = True
        del self.server.calendars["ann-team"]
        self.assertIsNone(self.ask(self.ann)[self.ann.id].intervals)

    def test_a_wrong_key_is_unknown(self):
        account = self.connect(self.ann)
        account.sudo().grant = account._vault().seal({"refresh_token": "x"})
        with patch.dict(config.options, calendar_sync_key=new_key()):
            self.assertIsNone(self.ask(self.ann)[self.ann.id].intervals)

    def test_one_does_not_stop_the_other(self):
        self.connect(self.ann).sudo().state = "reconnect"
        self.connect(self.bob)
        self.put("bob@example.com", 9)
        answers = self.ask(self.ann, self.bob)
        self.assertIsNone(answers[self.ann.id].intervals)
        self.assertEqual(answers[self.bob.id].intervals, (Interval(*at(9)),))

    def test_a_bug_makes_one_person_unknown_and_tells_nothing(self):
        self.connect(self.ann)
        self.connect(self.bob)
        self.put("bob@example.com", 9)
        busy = PROVIDERS["google"].busy

        def broken(provider, *args):
            if provider.grant.refresh_token == "ann@example.com":
                raise ValueError("Dentist 4711")
            return busy(provider, *args)

        with (
            patch.object(PROVIDERS["google"], "busy", broken),
            self.assertLogs("odoo.addons.calendar_cronofy_sync", "ERROR") as log,
        ):
            answers = self.ask(self.ann, self.bob)
        self.assertIsNone(answers[self.ann.id].intervals)
        self.assertEqual(answers[self.bob.id].intervals, (Interval(*at(9)),))
        self.assertIn("ValueError", log.output[0])
        self.assertNotIn("4711", "".join(log.output))

    def test_all_are_asked_at_the_same_time(self):
        self.connect(self.ann)
        self.connect(self.bob)
        both = threading.Barrier(2, timeout=5)

        def busy(provider, calendars, start, stop):
            both.wait()  # breaks unless the two requests are on their way together
            return {calendar: () for calendar in calendars}

        with patch.object(PROVIDERS["google"], "busy", busy):
            answers = self.ask(self.ann, self.bob)
        self.assertEqual([a.intervals for a in answers.values()], [(), ()])

    def test_who_is_too_slow_is_unknown(self):
        self.connect(self.ann)
        done = threading.Event()

        def busy(provider, calendars, start, stop):
            done.wait(5)
            return {calendar: () for calendar in calendars}

        self.addCleanup(done.set)
        with (
            patch.object(calendar_sync_busy, "TIME_LIMIT", 0.05),
            patch.object(PROVIDERS["google"], "busy", busy),
        ):
            before = time.monotonic()
            answer = self.ask(self.ann)[self.ann.id]
        self.assertLess(time.monotonic() - before, 3)
        self.assertIsNone(answer.intervals)
        self.assertIn("in time", answer.problem)

    def test_one_request_per_account(self):
        self.connect(self.ann)
        self.server.requests.clear()
        self.ask(self.ann)
        self.assertEqual(self.server.requests, ["busy"])

    def test_a_recruiter_may_ask_for_others(self):
        self.connect(self.ann)
        accounts = self.env["calendar.sync.account"].with_user(self.colleague)
        answers = accounts._busy(self.ann, DAY, DAY + timedelta(days=1))
        self.assertEqual(answers[self.ann.id].intervals, ())

    def test_nothing_of_it_is_stored_or_logged(self):
        self.connect(self.ann)
        self.put("ann@example.com", 9)
        self.env.flush_all()
        tables = self.written_tables()
        with self.assertLogs("odoo", "DEBUG") as logs:
            self.ask(self.ann)
            self.env.flush_all()
        text = "\n".join(logs.output)
        self.assertNotIn("4711", text)
        self.assertNotIn("2026-03-30T09", text)
        self.assertEqual(self.written_tables(), tables)

    def written_tables(self):
        """How many rows were written in this transaction, by table."""
        self.cr.execute(
            "SELECT relname, n_tup_ins + n_tup_upd FROM pg_stat_xact_user_tables "
            "WHERE n_tup_ins + n_tup_upd > 0"
        )
        return dict(self.cr.fetchall())

    def test_refreshed_tokens_are_kept_after_the_transaction(self):
        account = self.connect(self.ann)
        fresh = Grant(access_token="fresh", refresh_token="ann@example.com")
        with self.refreshing(fresh):
            self.ask(self.ann)
        self.assertNotEqual(account._grant(), fresh, "not in this transaction")
        self.commit()
        self.assertEqual(account._grant(), fresh)

    def test_a_newer_grant_is_let_alone(self):
        account = self.connect(self.ann)
        with self.refreshing(Grant(access_token="fresh", refresh_token="old")):
            self.ask(self.ann)
        newer = Grant(access_token="newer", refresh_token="new")
        account.sudo()._store_grant(newer)
        self.commit()
        self.assertEqual(account._grant(), newer)

    def test_a_lost_connection_is_told_to_its_owner_once(self):
        """Nobody else notices: those who are only asked are never synchronised."""
        for error in (AuthExpired(), ScopeMissing()):
            with self.subTest(error=type(error).__name__):
                account = self.connect(self.ann, mode="availability")
                self.server.fail(error, "busy")
                answer = self.ask(self.ann)[self.ann.id]
                self.assertIn("connected again", answer.problem)
                self.assertEqual(account.state, "active", "not in this transaction")
                self.commit()
                self.assertEqual(account.state, "reconnect")
                self.assertIn("connect again", account.attention)
                told = account.sudo().attention_activity_id
                self.assertEqual(told.user_id, self.ann)
                account.sudo().state = "active"

    def test_what_passes_by_itself_is_not_told(self):
        account = self.connect(self.ann, mode="availability")
        self.server.fail(Unavailable(), "busy")
        self.ask(self.ann)
        self.commit()
        self.assertEqual((account.state, account.attention), ("active", False))

    def refreshing(self, grant):
        """The provider answers, and refreshes the grant as it does."""

        def busy(provider, calendars, start, stop):
            provider.grant = grant
            return {calendar: () for calendar in calendars}

        return patch.object(PROVIDERS["google"], "busy", busy)

    def commit(self):
        """What happens after this transaction happens now."""
        self.env.flush_all()
        with self.enter_registry_test_mode():
            self.env.cr.postcommit.run()
        self.env.invalidate_all()
