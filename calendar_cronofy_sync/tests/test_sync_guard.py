"""Masses of deletions are a question, on either side; the rest goes on."""

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .sync_case import SyncCase

ANN, HOME = "ann@example.com", "odoo-ann@example.com"


@tagged("post_install", "-at_install")
class TestSyncGuard(SyncCase):
    def setUp(self):
        super().setUp()
        self.account = self.connect(self.ann)
        self.source = self.account.calendar_ids.filtered("is_source")
        self.target = self.account.target_calendar_id

    def imported(self, count):
        remotes = [self.put(name=f"Event {n}") for n in range(count)]
        self.sync()
        return remotes, [self.event_of(remote) for remote in remotes]

    def active(self, events):
        return sum(bool(event.exists().active) for event in events)

    def test_the_border_is_more_than_ten_and_more_than_half(self):
        for count, gone, asked in ((20, 10, False), (24, 12, False), (21, 11, True)):
            with self.subTest(count=count, gone=gone):
                remotes, events = self.imported(count)
                for remote in remotes[:gone]:
                    self.server.remove(ANN, remote.remote_id)
                self.sync()
                self.assertEqual(bool(self.account.attention), asked)
                self.assertEqual(self.active(events), count if asked else count - gone)
                if asked:
                    self.source.with_user(self.ann).action_apply_held()
                for event in events:
                    event.exists().with_user(self.ann).unlink()
                self.source.release = True
                self.sync()

    def test_of_a_calendar_that_is_gone_nothing_is_asked(self):
        """Its buttons are gone with it."""
        remotes, events = self.imported(12)
        for remote in remotes:
            self.server.remove(ANN, remote.remote_id)
        self.sync()
        self.assertTrue(self.account.held)
        self.server.share(self.source.remote_id, self.source.remote_id, "none")
        self.account._retire(self.source)
        self.sync()
        self.assertFalse(self.account.held)
        self.assertNotIn("apply", self.account.attention)
        self.assertEqual(self.active(events), 12)

    def test_a_series_counts_once(self):
        master = self.put(
            name="Stand-up", when=self.at(2), recurrence=("RRULE:FREQ=DAILY;COUNT=30",)
        )
        self.put(name="Other")
        self.sync()
        self.server.remove(ANN, master.remote_id)
        self.sync()
        self.assertFalse(self.account.attention)
        self.assertEqual(
            self.env["calendar.event"].search_count([("name", "=", "Stand-up")]), 0
        )

    def test_a_listing_that_is_suddenly_empty_deletes_nothing(self):
        _remotes, events = self.imported(12)
        calendar = self.server.calendars[ANN]
        kept = dict(calendar.log)
        calendar.log.clear()  # the list is empty, each event by itself is there
        self.server.expire_tokens()
        self.sync()
        self.assertEqual(self.active(events), 12)
        self.assertFalse(self.account.attention)
        calendar.log.update(kept)
        self.sync()
        self.assertQuiet()

    def test_what_came_back_before_the_answer_is_not_deleted(self):
        remotes, events = self.imported(12)
        for remote in remotes:
            self.server.remove(ANN, remote.remote_id)
        self.sync()
        self.assertIn("12", self.account.attention)
        # taken out of the bin again at the provider
        self.server.edit(ANN, remotes[0].remote_id, status="confirmed")
        self.sync()
        self.source.with_user(self.ann).action_apply_held()
        self.sync()
        self.assertTrue(events[0].active)
        self.assertEqual(self.active(events), 1)
        self.assertFalse(self.account.attention)
        self.assertQuiet()

    def test_the_rest_goes_on_while_deletions_in_odoo_wait(self):
        remotes, events = self.imported(14)
        for event in events[:12]:
            event.with_user(self.ann).unlink()
        events[12].with_user(self.ann).write({"name": "Edited"})
        self.sync()
        self.assertEqual(len(self.remote(ANN)), 14, "nothing is deleted")
        self.assertIn("12", self.account.attention)
        there = self.server.events(ANN)
        self.assertEqual(there[remotes[12].remote_id].fields.name, "Edited")
        events[13].with_user(self.ann).write({"name": "Edited later"})
        self.server.edit(ANN, remotes[13].remote_id, location="Park")
        new = self.put(name="New")
        self.sync()
        self.assertTrue(self.event_of(new))
        there = self.server.events(ANN)[remotes[13].remote_id]
        self.assertEqual(there.fields.name, "Edited later")
        self.assertEqual(events[13].location, "Park")
        self.assertEqual(len(self.remote(ANN)), 15)
        self.source.with_user(self.ann).action_apply_held()
        self.sync()
        self.assertEqual(len(self.remote(ANN)), 3)
        self.assertFalse(self.account.attention)
        self.assertQuiet()

    def many_series(self):
        for n in range(12):
            when = self.at(2 + n % 3, 8)
            self.env["calendar.event"].with_user(self.ann).with_context(
                no_mail_to_attendees=True, dont_notify=True
            ).create(
                {
                    "name": f"Series {n}",
                    "start": when.start.replace(tzinfo=None),
                    "stop": when.stop.replace(tzinfo=None),
                    "recurrency": True,
                    "rrule_type": "daily",
                    "end_type": "count",
                    "count": 2,
                    "event_tz": "Europe/Berlin",
                }
            )
        self.sync()
        self.assertEqual(len(self.remote(HOME)), 12)
        return self.env["calendar.event"].search([("name", "like", "Series ")])

    def test_series_of_odoo_deleted_in_masses_are_a_question(self):
        events = self.many_series()
        self.assertEqual(len(events), 24)
        events.with_user(self.ann).unlink()
        self.sync()
        self.assertEqual(len(self.remote(HOME)), 12)
        self.assertIn("12", self.account.attention)
        self.target.with_user(self.ann).action_apply_held()
        self.sync()
        self.assertEqual(len(self.remote(HOME)), 0)
        self.assertFalse(self.account.attention)
        self.assertQuiet()

    def test_series_and_meetings_of_odoo_are_restored(self):
        events = self.many_series()
        meetings = [
            self.meeting(name=f"Series {n}", when=self.at(4)) for n in range(12)
        ]
        self.sync()
        events.with_user(self.ann).unlink()
        for meeting in meetings[:6]:
            meeting.with_user(self.ann).unlink()
        for meeting in meetings[6:]:
            meeting.with_user(self.ann).write({"active": False})
        self.sync()
        self.assertEqual(len(self.remote(HOME)), 24)
        self.target.with_user(self.ann).action_restore_held()
        self.sync()
        self.sync()
        events = self.env["calendar.event"].search([("name", "like", "Series ")])
        self.assertEqual(len(events), 36)
        self.assertEqual(len(self.remote(HOME)), 24)
        self.assertFalse(self.account.attention)
        self.assertQuiet()

    def test_one_occurrence_of_each_of_many_series_is_no_question(self):
        events = self.many_series()
        for event in events.recurrence_id.mapped("calendar_event_ids")[::2]:
            event.with_user(self.ann).unlink()
        self.sync()
        self.assertFalse(self.account.attention)
        self.assertQuiet()

    def test_a_first_export_of_many_is_no_question(self):
        for n in range(30):
            self.meeting(name=f"Meeting {n}")
        self.sync()
        self.assertEqual(len(self.remote(HOME)), 30)
        self.assertFalse(self.account.attention)

    def test_an_emptied_target_is_not_refilled_without_asking(self):
        meetings = [self.meeting(name=f"Meeting {n}") for n in range(12)]
        self.sync()
        for copy in self.remote(HOME):
            self.server.remove(HOME, copy.remote_id)
        for meeting in meetings:
            meeting.with_user(self.ann).write({"location": "Room"})
        self.sync()
        self.sync()
        self.assertEqual(self.active(meetings), 12)
        self.assertEqual(self.remote(HOME), [])
        self.assertIn("12", self.account.attention)
        self.target.with_user(self.ann).action_apply_held()
        self.sync()
        self.assertEqual(len(self.remote(HOME)), 12)
        self.assertFalse(self.account.attention)
        self.assertQuiet()

    def test_only_the_owner_decides(self):
        remotes, events = self.imported(12)
        for remote in remotes:
            self.server.remove(ANN, remote.remote_id)
        self.sync()
        for action in ("action_apply_held", "action_restore_held"):
            with self.assertRaises(AccessError):
                getattr(self.source.with_user(self.bob), action)()
        self.assertEqual(self.active(events), 12)
