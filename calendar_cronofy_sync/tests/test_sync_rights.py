"""Who sees what of events that came from a private calendar: one table."""

from odoo.exceptions import AccessError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .sync_case import SyncCase

ANN = "ann@example.com"


@tagged("post_install", "-at_install")
class TestSyncRights(SyncCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = new_test_user(cls.env, "portal_sync", "base.group_portal")
        cls.admin = new_test_user(cls.env, "admin_sync", "base.group_system")
        cls.others = [cls.bob, cls.admin]

    def setUp(self):
        super().setUp()
        self.account = self.connect(self.ann, sync_private=True)
        self.private = self.put(
            name="Dentist",
            description="root canal",
            location="Clinic",
            privacy="private",
        )
        self.hidden = self.put(
            name="Dentist", description="root canal", privacy="confidential"
        )
        self.public = self.put(name="Lunch", privacy="public")
        self.sync()

    def texts(self, event, user):
        """All that a read of the event tells this user."""
        event = event.with_user(user).sudo(False)
        event.invalidate_recordset()
        return str(event.read(["display_name", "name", "description", "location"]))

    def test_a_private_event_is_a_busy_time_for_colleagues_and_administrators(self):
        for remote in (self.private, self.hidden):
            event = self.event_of(remote)
            self.assertIn("Dentist", self.texts(event, self.ann))
            for user in self.others:
                seen = self.texts(event, user)
                for secret in ("Dentist", "root canal", "Clinic"):
                    self.assertNotIn(secret, seen, user.login)

    def test_a_meeting_of_somebody_private_by_default_is_no_more_visible_there(self):
        self.connect(self.bob)
        for default, told in (("private", "private"), ("public", "default")):
            self.ann.with_user(self.ann).calendar_default_privacy = default
            guests = (self.ann | self.bob).partner_id
            meeting = self.meeting(name=default, partner_ids=[(6, 0, guests.ids)])
            self.assertFalse(meeting.privacy)
            self.sync()
            for home in ("odoo-ann@example.com", "odoo-bob@example.com"):
                seen = {e.fields.name: e.fields.privacy for e in self.remote(home)}
                self.assertEqual(seen[default], told, home)
            self.assertFalse(meeting.privacy, "its organiser's default, as before")
            self.assertQuiet()

    def test_a_public_event_is_everybodys(self):
        event = self.event_of(self.public)
        for user in (self.ann, *self.others):
            self.assertIn("Lunch", self.texts(event, user))

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base.models.ir_model")
    def test_a_portal_user_sees_none_of_it(self):
        for remote in (self.private, self.public):
            event = self.event_of(remote).with_user(self.portal).sudo(False)
            with self.assertRaises(AccessError):
                event.read(["name"])

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base.models.ir_model")
    def test_how_it_is_synchronised_is_told_to_its_owner_only(self):
        event = self.event_of(self.public)
        link = event.sync_link_ids
        self.assertEqual(event.with_user(self.ann).sync_state, "synced")
        self.assertTrue(link.with_user(self.ann).read(["remote_id"]))
        for user in (*self.others, self.portal):
            with self.assertRaises(AccessError):
                link.with_user(user).sudo(False).read(["remote_id"])
        for user in self.others:
            self.assertEqual(event.with_user(user).sudo(False).sync_state, "none")

    def test_a_meeting_with_a_connected_colleague_is_saved_in_the_form(self):
        """Both get a copy at once, and the form tells each of their own alone."""
        bobs = self.connect(self.bob)
        env = self.env(user=self.ann, su=False)
        form = Form(env["calendar.event"], view="calendar.view_calendar_event_form")
        form.name = "Planning"
        form.partner_ids.add(self.bob.partner_id)
        meeting = form.save()
        self.assertEqual(meeting.sync_link_ids.account_id, self.account)
        self.assertEqual(meeting.sync_state, "pending")
        links = self.env["calendar.sync.link"].search([("event_id", "=", meeting.id)])
        self.assertEqual(links.account_id, self.account | bobs)
        Form(meeting, view="calendar.view_calendar_event_form").save()

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base.models.ir_model")
    def test_the_journal_and_the_last_agreement_are_nobody_elses(self):
        lines = self.account.run_ids.line_ids
        self.assertTrue(lines)
        for user in (*self.others, self.portal):
            with self.assertRaises(AccessError):
                lines.with_user(user).sudo(False).read(["before"])
        for user in (self.ann, *self.others):
            with self.assertRaises(AccessError):
                self.account.link_ids.with_user(user).sudo(False).read(["base"])

    def test_no_title_reaches_the_administrators_list(self):
        master = self.put(name="Hush hush", recurrence=("RRULE:FREQ=SOMETIMES",))
        self.put(name="Hush hush", problem="It has no end.")
        self.sync()
        self.assertTrue(self.account.attention)
        account = self.account.with_user(self.admin).sudo(False)
        seen = str(account.read())
        self.assertNotIn("Hush", seen)
        runs = self.account.run_ids.with_user(self.admin).sudo(False)
        self.assertNotIn("Hush", str(runs.read(["state", "error", "display_name"])))
        # its owner finds out which one it is
        series = self.env["calendar.sync.series"].with_user(self.ann).sudo(False)
        broken = series.search([("remote_id", "=", master.remote_id)])
        self.assertEqual(broken.state, "failed")

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base.models.ir_model")
    def test_nobody_retries_or_decides_for_others(self):
        link = self.account.link_ids[:1]
        link.sudo().state = "failed"
        for user in (*self.others, self.portal):
            with self.assertRaises(AccessError):
                link.with_user(user).sudo(False).action_retry()
