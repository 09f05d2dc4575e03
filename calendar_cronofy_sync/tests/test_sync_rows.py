"""What happens to people who do this job: backups, long guest lists, connections that
end and begin again."""

from odoo.tests import tagged

from .sync_case import SyncCase

ANN, HOME = "ann@example.com", "odoo-ann@example.com"


@tagged("post_install", "-at_install")
class TestSyncRows(SyncCase):
    def setUp(self):
        super().setUp()
        self.account = self.connect(self.ann)

    def names(self, calendar=HOME):
        return sorted(event.fields.name for event in self.remote(calendar))

    def test_after_a_backup_a_new_meeting_does_not_become_the_lost_one(self):
        """The number of the lost record is given a second time."""
        self.sync()
        with self.env.cr.savepoint() as backup:
            lost = self.meeting(name="Lost")
            self.sync()
            number = lost.id
            backup.rollback()
            self.env.invalidate_all()
        self.env.cr.execute(
            "SELECT setval('calendar_event_id_seq', %s, false)", [number]
        )
        new = self.meeting(name="New", when=self.at(4))
        self.assertEqual(new.id, number)
        self.sync()
        self.assertEqual(new.name, "New")
        self.assertEqual(self.names(), ["Lost", "New"])
        self.assertQuiet()

    def test_a_guest_list_that_was_cut_short_takes_nobody_out(self):
        partner = self.env["res.partner"].create(
            {"name": "Carl", "email": "carl@example.com"}
        )
        own = self.person(ANN, is_self=True, response="accepted")
        carl = self.person("carl@example.com")
        remote = self.put(
            attendees=(own, carl), organizer=self.person(ANN, is_self=True)
        )
        self.sync()
        event = self.event_of(remote)
        self.assertIn(partner, event.partner_ids)
        self.server.edit(ANN, remote.remote_id, name="Long", attendees=(own,), cut=True)
        self.sync()
        self.assertEqual(event.name, "Long")
        self.assertIn(partner, event.partner_ids)
        # told in full again, who is missing has left
        self.server.edit(ANN, remote.remote_id, attendees=(own,), cut=False)
        self.sync()
        self.assertNotIn(partner, event.partner_ids)
        self.assertQuiet()

    def test_a_series_is_written_again_after_both_sides_were_removed(self):
        when = self.at(2)
        self.env["calendar.event"].with_user(self.ann).with_context(
            no_mail_to_attendees=True, dont_notify=True
        ).create(
            {
                "name": "Weekly",
                "start": when.start.replace(tzinfo=None),
                "stop": when.stop.replace(tzinfo=None),
                "recurrency": True,
                "rrule_type": "daily",
                "end_type": "count",
                "count": 3,
                "event_tz": "Europe/Berlin",
            }
        )
        self.sync()
        self.assertEqual(self.names(), ["Weekly"])
        self.account._remove("remove_all")
        self.assertEqual(self.names(), [])
        self.sync()
        self.assertEqual(self.names(), ["Weekly"])
        self.assertEqual(set(self.account.link_ids.mapped("state")), {"synced"})
        self.assertQuiet()
