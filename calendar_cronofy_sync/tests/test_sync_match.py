"""What is on both sides when somebody connects is one thing, whoever brought it."""

from datetime import timedelta

from odoo.tests import tagged

from ..calsync.values import When
from ..models.calendar_sync_match import google_name
from .sync_case import SyncCase


@tagged("post_install", "-at_install")
class TestSyncMatch(SyncCase):
    def days(self, first=3, count=1):
        start = self.at(first).start.date()
        return When(start, start + timedelta(days=count))

    def brought(self, name, first, count=1, hour="00:00:00"):
        """An all-day event as Odoo's other connectors write it: from midnight on."""
        when = self.days(first, count)
        return self.meeting(
            name=name,
            allday=True,
            start=f"{when.start} {hour}",
            stop=f"{when.stop - timedelta(days=1)} {hour}",
        )

    def test_all_day_events_are_recognised_by_their_days(self):
        account = self.connect(self.ann)
        account.target_calendar_id = account.calendar_ids.filtered("is_primary")
        pairs = [
            (self.brought("Fair", 3), self.put(name="Fair", when=self.days(3))),
            (self.brought("Tour", 4, 3), self.put(name="Tour", when=self.days(4, 3))),
            (
                self.brought("Form", 9, hour="08:00:00"),
                self.put(name="Form", when=self.days(9)),
            ),
        ]
        self.sync()
        for event, remote in pairs:
            self.assertEqual(self.event_of(remote), event, event.name)
        self.assertEqual(len(self.remote("ann@example.com")), 3)
        self.assertEqual(self.written(), [])
        self.assertQuiet()

    def test_other_days_are_another_event(self):
        self.connect(self.ann)
        event = self.brought("Fair", 3, 2)
        remote = self.put(name="Fair", when=self.days(3))
        self.sync()
        self.assertNotEqual(self.event_of(remote), event)

    def test_an_event_without_title_is_recognised(self):
        self.connect(self.ann)
        event = self.meeting(name="(No title)", when=self.at(3))
        remote = self.put(name="", when=self.at(3))
        self.sync()
        self.assertEqual(self.event_of(remote), event)
        self.assertQuiet()

    def test_of_two_alike_each_is_recognised_once(self):
        self.connect(self.ann)
        events = self.brought("Fair", 3) | self.brought("Fair", 3)
        remotes = [self.put(name="Fair", when=self.days(3)) for _n in range(2)]
        self.sync()
        self.assertEqual(self.event_of(remotes[0]) | self.event_of(remotes[1]), events)

    def test_an_occurrence_has_one_name_however_its_series_was_split(self):
        for given, name in [
            ("b_R20210510T160000_20210521T160000Z", "b_20210521T160000Z"),
            ("b_R20210510_20210521", "b_20210521"),
            ("b_20210521T160000Z", "b_20210521T160000Z"),
            ("b_R20210510T160000", "b_R20210510T160000"),
            ("plain", "plain"),
        ]:
            self.assertEqual(google_name(given), name)

    def test_a_series_of_which_dates_are_at_home_there_is_not_written_out(self):
        account = self.connect(self.ann)
        account.recurrence_policy = "series"
        event = self.meeting(
            name="Weekly",
            when=self.at(3),
            recurrency=True,
            rrule_type="weekly",
            interval=1,
            end_type="count",
            count=6,
            **{self.at(3).start.strftime("%a").lower(): True},
        )
        series = event.recurrence_id.calendar_event_ids
        self.env["calendar.sync.link"].search([]).unlink()
        self.env["calendar.sync.series"].search([]).unlink()
        self.env["calendar.sync.link"].create(
            {
                "event_id": series[0].id,
                "calendar_id": account.calendar_ids.filtered("is_primary").id,
                "remote_id": "elsewhere",
                "origin": "remote",
            }
        )
        self.env.flush_all()
        self.assertFalse(series._sync_unlisted(account))
