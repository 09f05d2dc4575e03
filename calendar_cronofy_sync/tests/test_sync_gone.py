"""Gone has one meaning: a calendar that was deleted there is retired wherever that is
met, and a new one gets everything that belongs there."""

from unittest.mock import patch

from odoo.tests import tagged

from ..calsync.errors import NotFound
from ..calsync.providers.google import GoogleProvider
from .google_case import GoogleCase, needs_simulator


@tagged("post_install", "-at_install")
@needs_simulator
class TestGoneCalendar(GoogleCase):
    def setUp(self):
        super().setUp()
        self.account = self.connect(self.ann)
        self.single = self.meeting(name="Single")
        self.series = self.meeting(
            name="Series",
            when=self.at(days=2),
            recurrency=True,
            rrule_type="daily",
            end_type="count",
            count=3,
            interval=1,
        )
        self.sync()
        self.old = self.account.target_calendar_id
        self.assertEqual(self.names(self.old.remote_id), {"Single", "Series"})

    def names(self, calendar):
        return {remote.fields.name for remote in self.remote(calendar)}

    def another_target(self):
        self.server.add_calendar("ann@example.com", "another@example.com")
        self.account._fetch_calendars()
        calendar = self.account.calendar_ids.filtered(
            lambda one: one.remote_id == "another@example.com"
        )
        self.account.target_calendar_id = calendar
        return calendar

    def check_all_moved(self):
        self.assertFalse(self.old.active)
        self.assertFalse(self.account.target_calendar_id)
        self.assertIn("not there any more", self.account.attention)
        self.sync()
        self.assertIn("not there any more", self.account.attention, "still")
        calendar = self.another_target()
        self.sync()
        self.assertEqual(self.names(calendar.remote_id), {"Single", "Series"})
        self.assertTrue(self.single.active and self.series.active)
        self.assertQuiet()
        self.single.name = "Renamed"
        self.sync()
        self.assertEqual(self.names(calendar.remote_id), {"Renamed", "Series"})

    def test_a_deleted_target_is_retired_and_a_new_one_gets_everything(self):
        """A list with a token of a calendar that was deleted answers 404."""
        self.sim.delete_calendar("ann@example.com", self.old.remote_id)
        self.sync()
        self.check_all_moved()

    def test_the_same_where_a_write_meets_it_first(self):
        """The calendar is deleted between listing it and writing to it."""
        push, remote_id, deleted = GoogleProvider.push, self.old.remote_id, []

        def delete_first(provider, calendar_id, writes):
            if not deleted:
                self.sim.delete_calendar("ann@example.com", remote_id)
                deleted.append(remote_id)
            return push(provider, calendar_id, writes)

        self.single.location = "Room 2"
        with patch.object(GoogleProvider, "push", delete_first):
            self.sync()
        self.check_all_moved()

    def test_a_passing_404_retires_and_deletes_nothing(self):
        changes = GoogleProvider.changes

        def missing(provider, calendar_id, token, window):
            if calendar_id == self.old.remote_id:
                raise NotFound(reason="notFound")
            yield from changes(provider, calendar_id, token, window)

        with patch.object(GoogleProvider, "changes", missing):
            self.cron()
        self.assertTrue(self.old.active)
        self.assertEqual(self.account.target_calendar_id, self.old)
        self.assertTrue(self.single.active and self.series.active)
        self.single.name = "Renamed"
        self.sync()
        self.assertEqual(self.names(self.old.remote_id), {"Renamed", "Series"})
