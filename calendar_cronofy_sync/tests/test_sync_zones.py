"""A zone that the service does not know does not keep a meeting in Odoo."""

from zoneinfo import available_timezones

from odoo.tests import tagged

from .google_case import GoogleCase, needs_simulator

HOME = "odoo-ann@example.com"


@tagged("post_install", "-at_install")
@needs_simulator
class TestUnknownZone(GoogleCase):
    def setUp(self):
        super().setUp()
        self.ann.tz = "Europe/Kyiv"
        self.account = self.connect(self.ann)
        self.unknown("Europe/Kyiv")

    def unknown(self, *names):
        for name in names:
            self.sim.forget_zone(name)

    def series(self):
        return self.meeting(
            name="Series",
            when=self.at(days=2),
            recurrency=True,
            rrule_type="weekly",
            mon=True,
            tue=True,
            wed=True,
            thu=True,
            fri=True,
            sat=True,
            sun=True,
            end_type="count",
            count=3,
            interval=1,
            event_tz="Europe/Kyiv",
        )

    def test_single_meetings_and_series_go_out_and_keep_their_zone_here(self):
        series, single = self.series(), self.meeting(name="Single")
        self.sync()
        there = {remote.fields.name: remote for remote in self.remote(HOME)}
        self.assertEqual(set(there), {"Single", "Series"})
        self.assertEqual(there["Series"].fields.when.tz, "Europe/Kiev")
        self.assertEqual(series.recurrence_id.event_tz, "Europe/Kyiv")
        links = (single | series.recurrence_id.calendar_event_ids).sync_link_ids
        self.assertEqual(set(links.mapped("state")), {"synced"})
        self.assertQuiet()
        stop = self.at(minutes=90).stop.replace(tzinfo=None)
        single.with_user(self.ann).write({"stop": stop})
        series.with_user(self.ann).write({"name": "Renamed"})
        self.sync()
        self.assertEqual(self.account.sudo().link_ids.filtered("error").ids, [])
        self.assertQuiet()

    def test_where_the_old_name_is_unknown_too_another_zone_says_the_same(self):
        self.unknown("Europe/Kiev")
        self.series()
        self.sync()
        [there] = self.remote(HOME)
        self.assertEqual(there.fields.when.tz, "Europe/Athens")
        self.assertQuiet()

    def test_a_service_that_knows_no_zone_refuses_in_words(self):
        self.unknown(*available_timezones())
        series = self.series()
        self.sync()
        self.assertFalse(self.remote(HOME))
        self.assertTrue(series.active)
        self.assertTrue(self.account.attention)
