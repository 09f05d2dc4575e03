"""Recurrences of Odoo that reach further ahead than series are laid out: Odoo makes
their meetings for years, and all of them stay."""

from datetime import timedelta

from odoo.tests import tagged

from ..calsync.values import When
from .sync_case import SyncCase

HOME = "odoo-ann@example.com"
WEEKS = 120


@tagged("post_install", "-at_install")
class TestSyncFar(SyncCase):
    def setUp(self):
        super().setUp()
        self.account = self.connect(self.ann)

    def weekly(self, **values):
        """A meeting a week for more than two years."""
        when = self.at(1)
        return (
            self.env["calendar.event"]
            .with_user(self.ann)
            .with_context(no_mail_to_attendees=True, dont_notify=True)
            .create(
                {
                    "name": "Jour fixe",
                    "start": when.start.replace(tzinfo=None),
                    "stop": when.stop.replace(tzinfo=None),
                    "recurrency": True,
                    "rrule_type": "weekly",
                    when.start.strftime("%a").lower(): True,
                    "end_type": "count",
                    "count": WEEKS,
                    "event_tz": "UTC",
                    **values,
                }
            )
            .recurrence_id.sudo()
            .calendar_event_ids
        )

    def master(self):
        [master] = self.remote(HOME)
        return master

    def test_all_meetings_stay_and_the_rule_is_written_as_it_is(self):
        for values in ({}, {"allday": True}, {"end_type": "forever", "count": 0}):
            with self.subTest(values=values):
                events = self.weekly(**values)
                self.sync()
                self.sync()
                self.assertTrue(all(events.mapped("active")))
                self.assertEqual(len(self.master().recurrence), 1, "no EXDATE")
                self.assertQuiet()
                events.unlink()
                self.sync()

    def test_a_change_there_reaches_all_of_them(self):
        events = self.weekly()
        self.sync()
        self.server.edit(HOME, self.master().remote_id, name="Jour mobile")
        self.sync()
        self.assertEqual(set(events.mapped("name")), {"Jour mobile"})
        self.assertTrue(all(events.mapped("active")))
        self.assertQuiet()

    def test_a_move_there_takes_all_of_them_along(self):
        events = self.weekly()
        self.sync()
        before = {event: event.start for event in events}
        master, shift = self.master(), timedelta(days=14, hours=1)
        when = master.fields.when
        self.server.edit(
            HOME,
            master.remote_id,
            when=When(when.start + shift, when.stop + shift, when.tz),
        )
        self.sync()
        self.assertTrue(all(events.mapped("active")))
        self.assertEqual({e.start - before[e] for e in events}, {shift})
        self.assertQuiet()

    def test_an_earlier_end_there_takes_the_last_ones(self):
        events = self.weekly().sorted("start")
        self.sync()
        master = self.master()
        rule = master.recurrence[0].replace(f"COUNT={WEEKS}", f"COUNT={WEEKS - 5}")
        self.server.edit(HOME, master.remote_id, recurrence=(rule,))
        self.sync()
        self.assertTrue(all(events[:-5].mapped("active")))
        self.assertFalse(any(events[-5:].mapped("active")))
        self.assertQuiet()

    def test_one_of_the_last_changes_on_either_side(self):
        events = self.weekly().sorted("start")
        self.sync()
        events[-1].with_user(self.ann).write({"name": "Farewell"})
        self.sync()
        self.assertIn("Farewell", [e.fields.name for e in self.remote(HOME)])
        link = events[-2].sync_link_ids
        self.server.edit(HOME, link.remote_id, name="Last but one")
        self.sync()
        self.assertEqual(events[-2].name, "Last but one")
        self.assertTrue(all(events.mapped("active")))
        self.assertQuiet()
