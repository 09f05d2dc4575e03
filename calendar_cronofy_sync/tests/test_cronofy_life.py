"""Life with Cronofy: nightly looks, video services, moving to another provider,
leaving."""

from datetime import timedelta
from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged

from ..calsync.errors import AuthExpired
from ..models.calendar_sync_grant import CalendarSyncAccount as Granted
from .cronofy_case import CronofyCase, needs_simulator
from .interview_common import RECRUITER
from .sync_case import SyncCase
from .test_cronofy import WEEKLY

TARGET, PRIMARY = "odoo-ann@example.com", "ann@example.com"


@tagged("post_install", "-at_install")
@needs_simulator
class TestCronofyNight(CronofyCase):
    def channels(self):
        """Addresses of the open channels at Cronofy."""
        return sorted(
            channel.callback_url
            for channel in self.sim.store.channels.values()
            if not channel.closed
        )

    def night(self):
        self.env["calendar.sync.account"]._look_again()
        self.sync()

    def test_what_a_delta_has_missed_is_found_at_night(self):
        uid = self.enter("Lunch")
        self.sync()
        event = self.here("Lunch")
        # the change is there, and its time is older than what deltas look for
        _calendar, remote = self.sim.store.event(uid)
        remote.summary = "Brunch"
        remote.updated -= timedelta(hours=1)
        self.sync()
        self.assertEqual(event.name, "Lunch")
        self.night()
        self.assertEqual(event.name, "Brunch")
        self.quiet()

    def test_the_first_run_opens_the_channels(self):
        self.assertEqual(self.account.run_ids.mapped("state"), ["done"])
        self.assertEqual(len(self.channels()), 2)

    def test_a_calendar_that_cronofy_has_lost_is_told_of(self):
        """It goes on listing what it knew; a notification says so, or the night."""
        channel = self.env["calendar.sync.channel"].search([], limit=1)
        for look in (
            lambda: channel._told("profile_disconnected"),
            self.env["calendar.sync.account"]._look_again,
        ):
            self.sim.disconnect_profile("ann")
            self.sync()
            self.assertEqual(self.account.state, "active")
            look()
            self.sync(fails=True)
            self.assertEqual(self.account.state, "reconnect")
            self.assertIn("connect again", self.account.attention)
            self.account.run_ids.filtered(lambda r: r.state == "failed").unlink()
            self.sim.reconnect_profile("ann")
            self.account.write({"state": "active", "failures": 0})
            self.sync()
            self.assertEqual(self.account.state, "active")
        # nobody is believed who only says so
        channel._told("profile_disconnected")
        self.sync()
        self.assertEqual(self.account.state, "active")

    def test_what_cronofy_had_not_read_yet_comes_when_it_has(self):
        for number in range(12):
            self.enter(f"Lunch {number}")
        self.sync()
        self.sim.set_initial_sync("ann")
        self.account.calendar_ids._list_again()
        self.sync()
        self.assertEqual(len(self.here_all()), 12, "nothing is deleted for it")
        self.enter("Dinner")
        self.sim.advance_clock(hours=1)
        self.sync()
        self.assertFalse(self.here("Dinner"))
        self.sim.set_initial_sync("ann", False)
        self.sync()
        self.assertTrue(self.here("Dinner"))
        # read anew after a token was good: the notification has everything listed
        channel = self.env["calendar.sync.channel"].search(
            [("calendar_id.name", "=", "Calendar")]
        )
        channel._told("profile_initial_sync_completed")
        self.assertFalse(channel.calendar_id.sync_token)
        self.assertTrue(channel.notified)
        self.quiet()

    def test_a_channel_that_cronofy_has_closed_is_replaced(self):
        """Its address gave no answer for a day."""
        before = self.channels()
        self.sim.advance_clock(hours=1)
        for channel in self.sim.store.channels.values():
            channel.failing = self.sim.clock.now()
        self.sim.advance_clock(hours=25)
        self.sync()
        self.assertEqual(self.channels(), [])
        self.night()
        self.assertEqual(len(self.channels()), 2)
        self.assertFalse(set(self.channels()) & set(before))

    def test_a_lost_channel_is_opened_again_and_a_strange_one_ended(self):
        ours = self.channels()
        self.assertEqual(len(ours), 2)
        base = self.account._base_url()
        remote = self.account._provider()
        calendar = self.account.calendar_ids[0].remote_id
        for address in (
            f"{base}/calendar_sync/notify/cronofy/forgotten",
            "https://another-odoo.example.com/calendar_sync/notify/cronofy/theirs",
        ):
            remote.watch(calendar, address=address, channel_id="", secret="")
        lost = self.env["calendar.sync.channel"].search(
            [("account_id", "=", self.account.id)], limit=1
        )
        remote.unwatch(lost._value())
        remote.close()
        self.night()
        now = self.channels()
        self.assertEqual(len(now), 3, "one for each calendar, and another Odoo's own")
        self.assertFalse([address for address in now if address.endswith("forgotten")])
        self.assertTrue([address for address in now if address.endswith("theirs")])
        self.assertFalse(self.account.reconcile)
        known = self.env["calendar.sync.channel"].search(
            [("account_id", "=", self.account.id)]
        )
        self.assertEqual(len(known), 2)
        self.assertNotIn(lost, known)

    def test_only_forgetful_providers_are_listed_again(self):
        google = SyncCase.connect(self, self.bob)
        self.sync()
        google.calendar_ids[0].sync_token = "kept"
        self.env["calendar.sync.account"]._cron_housekeeping()
        self.assertEqual(google.calendar_ids[0].sync_token, "kept")
        self.assertFalse(any(self.account.calendar_ids.mapped("sync_token")))


@tagged("post_install", "-at_install")
@needs_simulator
class TestCronofyConferencing(CronofyCase):
    def test_what_is_connected_is_shown_and_used(self):
        account = self.account.with_user(self.ann)
        self.assertTrue(account.can_confer)
        self.assertEqual(account._video_profile(), "")
        action = account.action_connect_conferencing()
        self.assertTrue(action["url"].startswith(self.sim.url))
        profile = self.sim.connect_conferencing("ann", "zoom")
        account.action_refresh_conferencing()
        self.assertEqual(account.conferencing_note, "Zoom")
        self.assertEqual(account._video_profile(), profile)

    def test_an_interview_gets_its_link_from_the_organisers_service(self):
        self.sim.connect_conferencing("ann", "zoom")
        self.account.with_user(self.ann).action_refresh_conferencing()
        self.ann.write({"group_ids": [(4, self.env.ref(RECRUITER).id)]})
        applicant = self.env["hr.applicant"].create(
            {"partner_name": "Alex", "email_from": "alex@example.com"}
        )
        interview = (
            self.env["hr.interview"]
            .with_user(self.ann)
            .create(
                {
                    "applicant_id": applicant.id,
                    "video": True,
                    "video_kind": "conference",
                    "panel_ids": [Command.create({"user_ids": [self.ann.id]})],
                }
            )
        )
        interview.action_find_slots()
        interview.action_book(interview.slot_ids[0].id)
        self.assertFalse(interview.event_id.videocall_location, "made by the provider")
        self.sync()
        with patch.object(self.env.registry["mail.mail"], "send"):
            self.env["hr.interview"]._waiting_for_room()._each("_complete")
        [there] = self.sim.events("ann", "Odoo")
        link = there["conferencing"]["join_url"]
        self.assertEqual(interview.event_id.videocall_location, link)
        self.assertFalse(interview.mail_waiting)
        self.sync()
        [there] = self.sim.events("ann", "Odoo")
        self.assertEqual(there["conferencing"]["join_url"], link, "one conference")
        self.quiet()

    def test_nobody_connects_for_somebody_else(self):
        with self.assertRaises(Exception) as refused:
            self.account.with_user(self.bob).action_connect_conferencing()
        self.assertIn("calendar.sync.account", str(refused.exception))

    def test_a_plan_without_video_services_is_said(self):
        self.sim.set_plan(["conferencing"])
        with self.assertRaisesRegex(Exception, "plan"):
            self.account.with_user(self.ann).action_connect_conferencing()


@tagged("post_install", "-at_install")
@needs_simulator
class TestCronofyLeaving(CronofyCase):
    def revoked_there(self):
        return all(grant["revoked"] for grant in self.sim.dump()["authorizations"])

    def test_the_order_of_revoking(self):
        self.meeting(name="Board")
        self.sync()
        self.sync()
        self.sim.clear_journal()
        self.account._revoke("remove_all")
        asked = [(r["method"], r["path"]) for r in self.sim.journal()]
        kinds = [
            kind
            for method, path in asked
            for kind, sign in (
                ("channel", "/v1/channels/"),
                ("events", "/v1/batch"),
                ("token", "/oauth/token/revoke"),
            )
            if sign in path and method in ("DELETE", "POST")
        ]
        self.assertEqual(kinds, sorted(kinds, key="channel events token".split().index))
        self.assertEqual(set(kinds), {"channel", "events", "token"})
        self.assertEqual(self.there(), {})
        self.assertTrue(self.revoked_there())

    def test_who_is_archived_leaves_nothing_open_but_a_proof(self):
        self.sync()
        self.ann.action_archive()
        self.assertEqual(self.account.state, "paused")
        self.env["calendar.sync.account"]._cron_housekeeping()
        self.assertTrue(self.revoked_there())
        self.assertEqual(self.account.state, "revoked")
        self.assertIn("The user was archived.", self.account.closed_note)
        [line] = self.env["calendar.sync.run.line"].search([("kind", "=", "closed")])
        self.assertEqual(line.message, self.account.closed_note)
        self.assertFalse(
            self.env["calendar.sync.channel"].search(
                [("account_id", "=", self.account.id)]
            )
        )

    def test_a_departed_employee_too(self):
        first, second = self.env["hr.employee"].create(
            [{"name": "Ann", "user_id": self.ann.id}, {"name": "Ann, once more"}]
        )
        other = self.env["res.company"].create({"name": "Second company"})
        second.write({"company_id": other.id, "user_id": self.ann.id})
        first.active = False
        self.assertEqual(self.account.state, "active", "she works for the other one")
        second.active = False
        self.assertEqual(self.account.state, "paused")
        self.env["calendar.sync.account"]._cron_housekeeping()
        self.assertTrue(self.revoked_there())
        self.assertIn("The employee was archived.", self.account.closed_note)

    def test_who_connects_again_after_leaving_stays_connected(self):
        employee = self.env["hr.employee"].create(
            {"name": "Ann", "user_id": self.ann.id}
        )
        employee.active = False
        self.account.write({"state": "active"})
        self.env["calendar.sync.account"]._cron_housekeeping()
        self.assertEqual(self.account.state, "active")

    def test_an_unreachable_service_is_said_in_the_proof(self):
        self.sync()
        with patch.object(Granted, "_grant", side_effect=AuthExpired):
            self.account._revoke("keep")
        self.assertEqual(self.account.state, "revoked")
        self.assertIn("Tokens deleted.", self.account.closed_note)

    def test_moving_to_google_and_back(self):
        """Odoo's meetings get one copy in the new home, what came in is recognised, and
        nobody is invited anew."""
        board = self.meeting(name="Board", partner_ids=[(4, self.bob.partner_id.id)])
        self.meeting(name="Weekly", when=self.at(3), recurrency=True, **WEEKLY)
        self.enter("Lunch")
        self.sync()
        lunch = self.here("Lunch")
        self.account._revoke("keep")
        self.assertEqual(len(self.sim.events("ann", "Odoo")), 5)

        google = SyncCase.connect(self, self.ann)
        when = lunch._sync_fields().when
        self.put(PRIMARY, name="Lunch", when=when)
        self.sync()
        self.assertEqual(self.here("Lunch"), lunch, "recognised, not doubled")
        there = self.remote(TARGET)
        self.assertEqual(sorted(e.fields.name for e in there), ["Board", "Weekly"])
        self.assertTrue(all(not event.attendees for event in there))
        self.assertEqual([e.fields.name for e in self.remote(PRIMARY)], ["Lunch"])
        self.assertEqual(board.with_user(self.ann).sync_state, "synced")
        self.assertQuiet()

        board.name = "The board"
        self.sync()
        google._revoke("keep")
        self.grant_again()
        self.sync()
        self.sync()
        names = [event["summary"] for event in self.sim.events("ann", "Odoo")]
        self.assertEqual(sorted(names), ["The board"] + ["Weekly"] * 4)
        self.assertEqual(len(self.here("Lunch").filtered("active")), 1)
        self.assertEqual(self.sim.outbox(), [])
        self.quiet()

    def grant_again(self):
        """The same account at Cronofy is connected once more."""
        tokens = self.sim.grant("ann", "read_write create_calendar")
        grant = self.grants[self.ann.email].__class__(
            access_token=tokens["access_token"], refresh_token=tokens["refresh_token"]
        )
        self.grants[self.ann.email] = grant
        accounts = self.env["calendar.sync.account"].with_user(self.ann)
        listed = self.account._provider().calendars()
        account = accounts._connect("cronofy", "two_way", self.ann.email, grant, listed)
        self.assertEqual(account, self.account)
        account.write({"state": "active"})
