"""Seeing and taking back: preview, undo, conflicts, notifications."""

import time
from ast import literal_eval
from datetime import timedelta
from unittest.mock import patch

from lxml import etree

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..calsync.errors import Forbidden, RateLimited, Unsupported
from ..calsync.providers.memory import MemoryProvider
from ..models import calendar_sync_cron
from ..models.calendar_sync_cron import CalendarSyncAccount as Cron
from .sync_case import SyncCase


@tagged("post_install", "-at_install")
class TestSyncTrust(SyncCase):
    # ------------------------------------------------------------ preview

    def test_a_preview_shows_everything_and_writes_nothing(self):
        account = self.connect(self.ann, state="setup")
        self.put(name="Lunch")
        self.put(name="Doctor", privacy="private")
        self.put(name="Lunch with Bob", when=self.at(2))
        self.meeting(name="Lunch with Bob", when=self.at(2))
        self.meeting(name="Planning")
        requests = len(self.server.requests)
        action = account.with_user(self.ann).action_preview()
        preview = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(
            sorted(preview.line_ids.mapped(lambda line: (line.kind, line.name))),
            [
                ("created", "Lunch"),
                ("pushed_insert", "Planning"),
                ("skipped", "Doctor"),
                ("updated", "Lunch with Bob"),
            ],
        )
        written = set(self.server.requests[requests:]) & {"insert", "patch", "delete"}
        self.assertEqual(written, set())
        self.assertEqual(self.remote("odoo-ann@example.com"), [])
        self.assertFalse(self.env["calendar.event"].search([("name", "=", "Lunch")]))
        self.assertFalse(account.run_ids)
        self.assertFalse(account.link_ids)
        self.assertEqual(account.state, "setup")

    def test_a_preview_waits_for_the_network_before_it_locks_anything(self):
        account = self.connect(self.ann)
        first, second = self.put(name="Lunch"), self.put(name="Dinner")
        self.sync()
        for remote in (first, second):
            self.server.edit("ann@example.com", remote.remote_id, location="Park")
        self.server.expire_tokens()
        self.server.page_size = 1
        runs, begun = self.env["calendar.sync.run"], []
        known, request = runs.search_count([]), MemoryProvider._request

        def watched(provider, verb):
            begun.append(runs.search_count([]) - known)
            return request(provider, verb)

        with patch.object(MemoryProvider, "_request", watched):
            action = account.with_user(self.ann).action_preview()
        self.assertEqual(begun, [0] * 5, "one dead token each, and three pages")
        preview = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(preview.line_ids.mapped("kind"), ["updated", "updated"])

    def test_an_error_of_a_calendar_stays_that_calendars_in_a_preview(self):
        account = self.connect(self.ann)
        self.put(name="Lunch")
        self.put("odoo-ann@example.com", name="Dinner")
        account.target_calendar_id.is_source = True
        self.server.fail(Forbidden(), "changes")
        action = account.with_user(self.ann).action_preview()
        preview = self.env[action["res_model"]].browse(action["res_id"])
        lines = preview.line_ids.mapped(lambda line: (line.kind, line.name))
        self.assertEqual(sorted(lines), [("created", "Dinner"), ("failed", "")])

    def test_a_preview_of_a_change_tells_it_field_by_field(self):
        account = self.connect(self.ann)
        remote = self.put(name="Lunch")
        self.sync()
        self.server.edit("ann@example.com", remote.remote_id, location="Park")
        action = account.with_user(self.ann).action_preview()
        preview = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(preview.line_ids.kind, "updated")
        self.assertEqual(preview.line_ids.detail, "Location: – → Park")
        self.assertFalse(self.event_of(remote).location)

    def test_a_preview_repeats_what_waits_for_an_answer(self):
        account = self.connect(self.ann)
        remotes = [self.put(name=f"Event {n}") for n in range(12)]
        self.sync()
        for remote in remotes:
            self.server.remove("ann@example.com", remote.remote_id)
        self.sync()
        action = account.with_user(self.ann).action_preview()
        preview = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(preview.summary, account.attention)

    # ------------------------------------------------------------ journal

    def test_a_line_of_the_journal_names_the_appointment_and_its_time(self):
        account = self.connect(self.ann)
        remote = self.put(name="Lunch")
        self.sync()
        start = self.event_of(remote).start
        self.server.remove("ann@example.com", remote.remote_id)
        self.sync()
        line = self.run_of(account).line_ids.with_user(self.ann)
        self.assertEqual((line.kind, line.name), ("deleted", "Lunch"))
        self.assertEqual(line.start, start)

    def test_the_runs_in_which_nothing_happened_are_filtered_out(self):
        account = self.connect(self.ann)
        self.put(name="Lunch")
        self.sync()
        run = self.run_of(account)
        self.sync()
        action = account.with_user(self.ann).action_view_runs()
        self.assertTrue(action["context"]["search_default_changes"])
        view = self.env.ref("calendar_cronofy_sync.calendar_sync_run_view_search")
        [node] = etree.fromstring(view.arch).xpath("//filter[@name='changes']")
        domain = literal_eval(node.get("domain")) + action["domain"]
        self.assertEqual(self.env["calendar.sync.run"].search(domain), run)

    # ------------------------------------------------------------ undo

    def run_of(self, account):
        return account.run_ids.filtered("line_ids")[:1].with_user(self.ann)

    def test_an_import_is_undone_and_stays_undone(self):
        account = self.connect(self.ann)
        self.put(name="Lunch")
        self.sync()
        event = self.env["calendar.event"].search([("name", "=", "Lunch")])
        self.run_of(account).action_undo()
        self.assertFalse(event.active)
        self.assertEqual(self.run_of(account).state, "undone")
        self.assertQuiet()
        self.assertEqual(len(self.remote("ann@example.com")), 1)

    def test_changes_of_both_sides_are_undone(self):
        account = self.connect(self.ann)
        remote = self.put(name="Lunch")
        meeting = self.meeting(name="Planning")
        self.sync()
        self.server.edit("ann@example.com", remote.remote_id, name="Late lunch")
        meeting.with_user(self.ann).write({"location": "Room 1"})
        extra = self.meeting(name="Extra", when=self.at(3))
        self.sync()
        self.run_of(account).action_undo()
        self.assertEqual(self.event_of(remote).name, "Lunch")
        [there] = self.remote("odoo-ann@example.com")
        self.assertEqual((there.fields.name, there.fields.location), ("Planning", ""))
        self.assertTrue(extra.active)
        self.assertEqual(meeting.location, "Room 1")
        self.assertQuiet()

    def test_deletions_are_undone(self):
        account = self.connect(self.ann)
        one, two = self.put(name="One"), self.put(name="Two")
        self.sync()
        first, second = self.event_of(one), self.event_of(two)
        self.server.remove("ann@example.com", one.remote_id)
        second.with_user(self.ann).write({"active": False})
        self.sync()
        self.run_of(account).action_undo()
        self.assertTrue(first.active)
        names = [event.fields.name for event in self.remote("ann@example.com")]
        self.assertEqual(names, ["Two"])

    def test_later_changes_stand_in_the_way_of_undo(self):
        account = self.connect(self.ann)
        remote = self.put(name="Lunch")
        self.sync()
        run = self.run_of(account)
        self.event_of(remote).with_user(self.ann).write({"name": "Mine"})
        with self.assertRaisesRegex(UserError, "Mine"):
            run.action_undo()
        self.assertTrue(self.event_of(remote).active)

    def test_nobody_undoes_the_runs_of_others(self):
        account = self.connect(self.ann)
        self.put(name="Lunch")
        self.sync()
        with self.assertRaises(UserError):
            self.run_of(account).with_user(self.bob).action_undo()

    # ------------------------------------------------------------ conflicts

    def test_what_lost_is_taken_back_with_one_click(self):
        self.connect(self.ann)
        remote = self.put(name="Lunch")
        self.sync()
        event = self.event_of(remote)
        event.with_user(self.ann).write({"name": "Mine"})
        self.server.edit("ann@example.com", remote.remote_id, name="Theirs")
        self.sync()
        conflict = event.with_user(self.ann).sync_conflict_ids
        self.assertEqual(conflict.detail, "Meeting Subject: Mine")
        conflict.action_take_back()
        self.sync()
        [there] = self.remote("ann@example.com")
        self.assertEqual((there.fields.name, event.name), ("Mine", "Mine"))
        self.assertFalse(event.with_user(self.ann).sync_conflict_ids)
        self.assertQuiet()

    # ------------------------------------------------------------ notifications

    def test_every_listed_calendar_gets_one_channel(self):
        """In the first run, so that from then on changes come by notification."""
        account = self.connect(self.ann)
        self.sync()
        self.assertEqual(
            sorted(calendar for calendar, *_ in self.server.channels.values()),
            ["ann@example.com", "odoo-ann@example.com"],
        )
        self.sync()
        self.assertEqual(len(self.server.channels), 2)
        channels = self.env["calendar.sync.channel"].search(
            [("account_id", "=", account.id)]
        )
        _calendar, address, secret = next(iter(self.server.channels.values()))
        self.assertTrue(address.endswith("/calendar_sync/notify/google"))
        self.assertNotIn(secret, channels.mapped("secret"))

    def test_a_calendar_that_refuses_is_polled(self):
        account = self.connect(self.ann)
        self.server.silent.add("ann@example.com")
        self.sync()
        self.sync()
        self.server.requests.clear()
        self.sync()
        self.assertNotIn("watch", self.server.requests)
        self.assertIn("changes", self.server.requests)
        self.assertFalse(account.attention)

    def test_a_channel_is_renewed_with_overlap_and_the_old_one_ended(self):
        account = self.connect(self.ann)
        self.sync()
        self.sync()
        old = set(self.server.channels)
        channels = self.env["calendar.sync.channel"].search(
            [("account_id", "=", account.id)]
        )
        channels.expires = fields.Datetime.now() + timedelta(hours=3)
        self.server.requests.clear()
        self.sync()
        self.assertLess(
            self.server.requests.index("watch"), self.server.requests.index("unwatch")
        )
        self.assertEqual(len(self.server.channels), 2)
        self.assertFalse(set(self.server.channels) & old)

    def test_a_thousand_notifications_make_one_run(self):
        account = self.connect(self.ann)
        self.sync()
        self.sync()
        self.time_passes(account)
        Channel = self.env["calendar.sync.channel"]
        name, (_c, _a, secret) = next(iter(self.server.channels.items()))
        self.env.cr.precommit.data.clear()  # as in a transaction of its own
        triggers = self.env["ir.cron.trigger"].search_count([])
        for _n in range(1000):
            Channel._verified(name, secret)._heard()
        self.assertEqual(self.env["ir.cron.trigger"].search_count([]), triggers + 1)
        runs = len(account.run_ids)
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            Account = self.env(cr=cr, user=1)["calendar.sync.account"]
            Account._cron_sync()
            Account._cron_sync()
        account.invalidate_recordset()
        self.assertEqual(len(account.run_ids), runs + 1)

    def time_passes(self, account):
        """The last run is some while ago, and the next poll is far."""
        account.write(
            {
                "next_sync": fields.Datetime.now() + timedelta(hours=1),
                "hushed_until": False,
            }
        )

    def test_a_flood_while_a_run_is_on_its_way_makes_one_more(self):
        """The first notification is heard at once, and those that follow together."""
        account = self.connect(self.ann)
        self.sync()
        self.sync()
        self.time_passes(account)
        remote = self.put(name="Lunch")
        channel = self.env["calendar.sync.channel"].search(
            [("calendar_id.is_primary", "=", True), ("account_id", "=", account.id)]
        )
        channel._heard()
        runs, begun = len(account.run_ids), []

        def flood(accounts, moment):
            begun.append(time.monotonic())
            if len(begun) == 1:
                self.put(name="Dinner")
            for _n in range(200 if len(begun) <= 4 else 0):
                accounts.env["calendar.sync.channel"].browse(channel.id)._heard()

        with (
            patch.object(calendar_sync_cron, "HUSH", 1),
            patch.object(Cron, "_on_step", flood),
        ):
            self.cron(due=False)
        self.assertEqual(len(account.run_ids), runs + 2)
        self.assertTrue(self.event_of(remote))
        self.assertTrue(self.env["calendar.event"].search([("name", "=", "Dinner")]))
        self.assertGreater(begun[-1] - begun[0], 0.8)

    def test_a_notification_without_the_secret_is_nobody(self):
        self.connect(self.ann)
        self.sync()
        self.sync()
        Channel = self.env["calendar.sync.channel"]
        name, (_c, _a, secret) = next(iter(self.server.channels.items()))
        self.assertTrue(Channel._verified(name, secret))
        self.assertFalse(Channel._verified(name, "wrong"))
        self.assertFalse(Channel._verified(name, None))
        self.assertFalse(Channel._verified("unknown", secret))
        self.assertFalse(Channel._verified(None, None))

    def test_channels_end_with_the_connection(self):
        account = self.connect(self.ann)
        self.sync()
        self.sync()
        self.assertTrue(account._stop_channels(account._provider()))
        self.assertFalse(self.server.channels)

    def test_an_unsupported_watch_is_no_error_of_the_account(self):
        account = self.connect(self.ann)
        self.sync()
        self.server.fail(Unsupported("no push here"), "watch", times=2)
        self.sync()
        self.assertFalse(account.attention)
        self.assertEqual(account.run_ids[:1].state, "done")

    # ------------------------------------------------------------ quota

    def test_a_project_wide_refusal_stops_every_account_of_the_provider(self):
        ann = self.connect(self.ann)
        bob = self.connect(self.bob)
        self.server.fail(RateLimited(retry_after=600, project=True))
        self.sync(fails=True)
        runs = len((ann | bob).run_ids)
        self.sync(fails=True)
        self.assertEqual(len((ann | bob).run_ids), runs, "all wait")
        [quota] = self.env["calendar.sync.quota"].search([])
        wait = (quota.paused_until - fields.Datetime.now()).total_seconds()
        self.assertTrue(590 < wait < 760, wait)

    def test_a_personal_refusal_stops_nobody_else(self):
        self.connect(self.ann)
        bob = self.connect(self.bob)
        remote = self.put("bob@example.com", name="Lunch")
        self.server.fail(RateLimited(reason="rateLimitExceeded"))
        now = fields.Datetime.now()
        self.sync(fails=True)
        [waits] = self.env["calendar.sync.account"].search([("failures", ">", 0)])
        self.assertLessEqual(waits.next_sync, now + timedelta(seconds=5))
        self.assertFalse(waits.attention)
        self.sync(fails=True)
        self.assertTrue(self.event_of(remote))
        self.assertTrue(bob.last_sync)

    def test_refused_writes_are_tried_again_later_and_later(self):
        account = self.connect(self.ann)
        self.sync()
        self.meeting()
        waits = []
        for _n in range(9):
            self.server.fail(RateLimited(), "insert")
            account.push_after = False
            now = fields.Datetime.now()
            self.sync()
            waits.append((account.push_after - now).total_seconds())
        self.assertLess(waits[0], 4)
        self.assertGreater(waits[-1], 40)
        self.assertLess(waits[-1], 64)
        account.push_after = False
        self.sync()
        self.assertEqual(len(self.remote("odoo-ann@example.com")), 1)
        self.assertFalse(account.push_refusals)

    def test_a_used_up_day_is_told_and_waited_for(self):
        account = self.connect(self.ann)
        error = RateLimited(
            retry_after=20_000, project=True, reason="dailyLimitExceeded"
        )
        self.server.fail(error, "changes")
        self.sync(fails=True)
        self.assertEqual(account.state, "active")
        self.assertIn("goes on by itself", account.attention)
        self.assertTrue(self.env["calendar.sync.quota"].search([]))

    def test_reading_goes_on_while_writing_has_to_wait(self):
        account = self.connect(self.ann)
        self.sync()
        meeting = self.meeting()
        self.server.fail(
            RateLimited(retry_after=3600, reason="quotaExceeded"), "insert"
        )
        self.sync()
        self.assertTrue(account.push_after)
        remote = self.put(name="Lunch")
        self.sync()
        self.assertTrue(self.event_of(remote))
        self.assertEqual(meeting.with_user(self.ann).sync_state, "pending")
        account.push_after = fields.Datetime.now() - timedelta(seconds=1)
        self.sync()
        self.assertEqual(len(self.remote("odoo-ann@example.com")), 1)
