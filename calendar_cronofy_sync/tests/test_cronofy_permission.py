"""Appointments that a person made elsewhere: read-only, until they allow more."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from .cronofy_case import CronofyCase, needs_simulator

SOURCE = "Calendar"


@tagged("post_install", "-at_install")
@needs_simulator
class TestCronofyPermission(CronofyCase):
    def setUp(self):
        super().setUp()
        self.lunch = self.enter()
        self.account._fetch_calendars()
        self.sync()
        self.event = self.here("Lunch").with_user(self.ann)

    def allow(self):
        """What the page there comes to, and the way back."""
        self.sim.elevate("ann", SOURCE)
        changed = self.account._look_at_permissions()
        self.sync()
        return changed

    def seen_in(self, event, **values):
        """Change an appointment as its owner does in the form."""
        with Form(event.with_context(no_mail_to_attendees=True)) as form:
            for name, value in values.items():
                setattr(form, name, value)

    def test_without_the_permission_the_form_is_read_only_and_says_why(self):
        self.assertTrue(self.account.with_user(self.ann).restricted)
        self.assertIn("allow Odoo to change", self.event.sync_read_only)
        self.assertFalse(self.event.user_can_edit)
        with self.assertRaises(AssertionError):
            self.seen_in(self.event, name="Mine")
        action = self.event.action_open_sync_account()
        self.assertEqual(action["res_id"], self.account.id)
        # nobody else is told of the connection
        self.assertFalse(self.event.with_user(self.bob).sudo().sync_read_only)
        mine = self.meeting(name="Mine").with_user(self.ann)
        self.sync()
        self.assertFalse(mine.sync_read_only)
        self.assertTrue(mine.user_can_edit)

    def test_with_it_changes_go_out(self):
        changed = self.allow()
        self.assertEqual(changed.mapped("name"), [SOURCE])
        self.assertFalse(self.account.with_user(self.ann).restricted)
        self.event.invalidate_recordset()
        self.assertFalse(self.event.sync_read_only)
        self.seen_in(self.event, name="Late lunch", location="Canteen")
        self.sync()
        [there] = self.sim.events("ann", SOURCE)
        self.assertEqual(there["summary"], "Late lunch")
        self.assertEqual(there["location"], {"description": "Canteen"})
        self.assertEqual(there["event_uid"], self.lunch)
        self.assertNotIn("event_id", there)
        self.quiet()
        self.sim.change_event(self.lunch, summary="Later lunch")
        self.sync()
        self.assertEqual(self.event.name, "Later lunch")
        self.quiet()
        self.event.unlink()
        self.sync()
        self.assertEqual(self.sim.events("ann", SOURCE), [])
        self.assertEqual(self.sim.outbox(), [])
        self.quiet()

    def test_a_right_that_was_taken_back_puts_things_back(self):
        self.allow()
        self.sim.restrict("ann")
        self.event.with_context(no_mail_to_attendees=True).name = "Mine"
        self.sync()
        self.sync()
        self.assertEqual(self.event.name, "Lunch")
        self.assertEqual(set(self.there(SOURCE)), {"Lunch"})
        self.assertIn("Mine", str(self.account.run_ids.line_ids.mapped("lost")))
        self.event.invalidate_recordset()
        self.assertTrue(self.event.sync_read_only)
        self.quiet()

    def test_what_cannot_be_deleted_there_leaves_odoo_and_asks_no_more(self):
        self.event.sudo().unlink()
        self.sync()
        self.assertEqual(set(self.there(SOURCE)), {"Lunch"})
        links = self.account.link_ids
        self.assertEqual(set(links.mapped("state")), {"synced"})
        self.assertFalse(self.here("Lunch"))
        before = self.sim.counters()["total"]
        self.sync()
        quiet = self.sim.counters()["total"] - before
        self.assertLessEqual(quiet, 4, "two listings, and what may be changed in them")

    def test_meetings_with_guests_stay_as_they_are(self):
        self.enter("Team", attendees=[{"email": "guest@example.org"}])
        self.allow()
        team = self.here("Team").with_user(self.ann)
        self.assertIn("guests", team.sync_read_only)
        self.assertFalse(team.user_can_edit)
        team.sudo().with_context(no_mail_to_attendees=True).name = "Mine"
        self.sync()
        self.assertEqual((team.name, self.sim.outbox()), ("Team", []))

    def test_somebody_elses_connection_is_not_asked_for(self):
        with self.assertRaises(AccessError):
            self.account.with_user(self.bob).action_allow_changes()

    def test_a_plan_without_it_is_said_plainly(self):
        self.sim.set_plan(["permissions"])
        with self.assertRaisesRegex(UserError, "plan"):
            self.account.with_user(self.ann).action_allow_changes()
