"""Odd input never stops the rest: whatever comes, the good event beside it arrives."""

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from odoo.tests import tagged

from ..calsync.recurrence import instance_id
from ..calsync.values import When
from .sync_case import SyncCase

UTC = timezone.utc
MINUTE = timedelta(minutes=1)
ANN, HOME = "ann@example.com", "odoo-ann@example.com"


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@tagged("post_install", "-at_install")
class TestSyncRobust(SyncCase):
    def setUp(self):
        super().setUp()
        self.account = self.connect(self.ann)

    def assertTheRestGoesOn(self):
        good = self.put(name="Good", when=self.at(3))
        meeting = self.meeting(name="Planning", when=self.at(4))
        self.sync()
        source = self.account.calendar_ids.filtered("is_source")
        self.assertFalse(source.error)
        self.assertTrue(self.event_of(good).active)
        self.assertEqual(meeting.sync_link_ids.state, "synced")
        self.assertTrue(source.sync_token, "the listing is closed")
        self.assertQuiet()

    def test_absurd_dates(self):
        for n, (start, stop) in enumerate(
            (
                (utc(1, 1, 1), utc(9999, 12, 31)),
                (utc(9999, 12, 31), utc(9999, 12, 31, 23)),
                (date(1, 1, 1), date(9999, 12, 31)),
                (date(9999, 12, 30), date(9999, 12, 31)),
                (utc(2038, 1, 19), utc(2500, 1, 1)),
            )
        ):
            for rule in ((), ("RRULE:FREQ=YEARLY",), ("RRULE:FREQ=DAILY;COUNT=3",)):
                self.put(
                    name=f"Absurd {n}",
                    when=When(start, stop, "Europe/Berlin"),
                    recurrence=rule,
                )
        self.assertTheRestGoesOn()

    def test_odd_rules(self):
        for rule in (
            "RRULE:FREQ=SECONDLY",
            "RRULE:FREQ=MINUTELY;INTERVAL=1",
            "RRULE:FREQ=DAILY;COUNT=0",
            "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
            "RRULE:FREQ=DAILY;UNTIL=19000101T000000Z",
            "RRULE:",
            "nonsense",
            "RRULE:FREQ=DAILY;INTERVAL=0",
            "EXDATE:20200101T000000Z",
            "RDATE;TZID=Mars/Base:20300101T100000",
        ):
            self.put(name=rule, recurrence=(rule,))
        self.assertTheRestGoesOn()

    def test_malformed_items_are_shown(self):
        for n in range(3):
            self.put(name=f"Broken {n}", problem="It has no end.")
        self.put(problem="Nothing can be read.", recurrence=("RRULE:FREQ=DAILY",))
        self.assertTheRestGoesOn()
        failed = self.account.link_ids.filtered(lambda link: link.state == "failed")
        self.assertEqual(len(failed), 4)
        self.assertIn("4", self.account.attention)
        # mended there, they arrive
        for link in failed:
            self.server.edit(ANN, link.remote_id, problem="", recurrence=())
        self.sync()
        self.assertFalse(self.account.attention)
        self.assertQuiet()

    def test_an_item_that_odoo_refuses_does_not_stop_its_page(self):
        odd = [
            self.put(name="backwards", when=When(utc(2030, 1, 2), utc(2030, 1, 1))),
            self.put(name="empty", when=When(utc(2030, 1, 2), utc(2030, 1, 2))),
            self.put(name="x" * 100_000),
            self.put(name="unknown show_as", show_as="perhaps"),
            self.put(name="unknown privacy", privacy="whatever"),
        ]
        self.assertTheRestGoesOn()
        self.assertTrue(odd)

    def test_a_description_of_a_megabyte(self):
        remote = self.put(description="<p>" + "word " * 200_000 + "</p>")
        self.assertTheRestGoesOn()
        event = self.event_of(remote)
        self.assertGreater(len(event.description), 900_000)

    def test_a_description_with_a_script(self):
        remote = self.put(
            description="<p onclick='steal()'>Hello<script>alert(1)</script>"
            "<img src=x onerror=alert(1)><a href='javascript:alert(1)'>x</a></p>"
        )
        self.assertTheRestGoesOn()
        text = self.event_of(remote).description
        for bad in ("<script", "onclick", "onerror", "javascript:"):
            self.assertNotIn(bad, text)
        self.assertIn("Hello", text)
        # what the sanitising took out is no change of ours
        self.assertIn(
            "script", self.server.events(ANN)[remote.remote_id].fields.description
        )

    def test_a_meeting_without_length_stays_so_in_odoo(self):
        meeting = self.meeting(when=self.at(2, minutes=0))
        self.sync()
        self.assertEqual(meeting.sync_link_ids.state, "synced")
        [there] = self.remote(HOME)
        self.assertEqual(there.fields.when.stop - there.fields.when.start, MINUTE)
        self.assertEqual(meeting.start, meeting.stop)
        self.assertQuiet()
        meeting.with_user(self.ann).write({"name": "Renamed"})
        self.sync()
        self.assertQuiet()
        self.server.edit(HOME, there.remote_id, location="Park")
        self.sync()
        self.assertEqual((meeting.location, meeting.start), ("Park", meeting.stop))
        self.assertTheRestGoesOn()
        meeting.with_user(self.ann).write(
            {"start": meeting.start + 60 * MINUTE, "stop": meeting.stop + 60 * MINUTE}
        )
        self.sync()
        self.assertEqual(meeting.start, meeting.stop)
        self.assertQuiet()

    def test_an_empty_title(self):
        remote = self.put(name="")
        self.assertTheRestGoesOn()
        self.assertTrue(self.event_of(remote).name)
        self.assertEqual(self.server.events(ANN)[remote.remote_id].fields.name, "")

    def test_odd_zones(self):
        for tz in (
            "",
            "GMT+02:00",
            "Mars/Base",
            "Australia/Lord_Howe",
            "Antarctica/Troll",
        ):
            when = self.at(2)
            for rule in ((), ("RRULE:FREQ=DAILY;COUNT=2",)):
                self.put(name=tz, when=When(when.start, when.stop, tz), recurrence=rule)
        self.assertTheRestGoesOn()

    def test_an_odd_zone_of_the_user(self):
        self.ann.tz = False
        self.assertTheRestGoesOn()

    def test_moved_into_the_past_and_back(self):
        remote = self.put(name="Lunch")
        meeting = self.meeting(name="Planning")
        self.sync()
        event = self.event_of(remote)
        past = self.at(-400)
        self.server.edit(ANN, remote.remote_id, when=past)
        meeting.with_user(self.ann).write(
            {
                "start": past.start.replace(tzinfo=None),
                "stop": past.stop.replace(tzinfo=None),
            }
        )
        self.sync()
        self.assertEqual(event.start, past.start.replace(tzinfo=None))
        [there] = self.remote(HOME)
        self.assertEqual(there.fields.when, past)
        self.server.expire_tokens()
        self.sync()
        self.assertTrue(event.active, "outside of the window is not deleted")
        self.assertTrue(meeting.active)
        self.server.edit(ANN, remote.remote_id, when=self.at(2))
        self.sync()
        self.assertEqual(event.start, self.at(2).start.replace(tzinfo=None))
        self.assertQuiet()

    def test_all_day_becomes_timed_and_back_on_both_sides(self):
        remote = self.put(name="Fair")
        self.sync()
        event = self.event_of(remote)
        day = self.at(5).start.date()
        allday = When(day, day + timedelta(days=2))
        self.server.edit(ANN, remote.remote_id, when=allday)
        self.sync()
        self.assertTrue(event.allday)
        self.assertEqual(event.stop_date, day + timedelta(days=1))
        event.with_user(self.ann).write(
            {
                "allday": False,
                "start": self.at(6).start.replace(tzinfo=None),
                "stop": self.at(6).stop.replace(tzinfo=None),
            }
        )
        self.sync()
        self.assertEqual(self.remote(ANN)[0].fields.when, self.at(6))
        self.assertQuiet()

    def test_a_single_event_that_becomes_a_series_keeps_its_event(self):
        remote = self.put(name="Stand-up")
        self.sync()
        event = self.event_of(remote)
        self.server.edit(
            ANN, remote.remote_id, recurrence=("RRULE:FREQ=DAILY;COUNT=3",)
        )
        self.sync()
        events = self.env["calendar.event"].search([("name", "=", "Stand-up")])
        self.assertEqual(len(events), 3)
        self.assertIn(event, events)
        self.assertQuiet()
        self.server.edit(ANN, remote.remote_id, recurrence=())
        self.sync()
        events = self.env["calendar.event"].search([("name", "=", "Stand-up")])
        self.assertEqual(len(events), 1)
        self.assertQuiet()

    def test_the_other_policy_makes_no_doubles(self):
        self.account.recurrence_policy = "original"
        master = self.put(
            name="Stand-up", when=self.at(2), recurrence=("RRULE:FREQ=DAILY;COUNT=3",)
        )
        self.sync()
        for policy, count in (("series", 3), ("original", 1), ("series", 3)):
            with self.subTest(policy=policy):
                self.account.with_user(self.ann).recurrence_policy = policy
                self.sync()
                events = self.env["calendar.event"].search([("name", "=", "Stand-up")])
                self.assertEqual(len(events), count)
                self.assertQuiet()
        self.assertIn(master.remote_id, self.server.events(ANN))

    def test_a_series_across_the_change_of_the_clocks_keeps_its_hour(self):
        # two weeks around the last Sunday of March, one year ahead
        start = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0)
        master = self.put(
            name="Stand-up",
            when=When(start, start + timedelta(hours=1), "Europe/Berlin"),
            recurrence=("RRULE:FREQ=WEEKLY;COUNT=40",),
        )
        self.sync()
        berlin = ZoneInfo("Europe/Berlin")
        events = self.env["calendar.event"].search([("name", "=", "Stand-up")])
        hours = {e.start.replace(tzinfo=UTC).astimezone(berlin).hour for e in events}
        self.assertEqual(len(events), 40)
        self.assertEqual(len(hours), 1)
        self.assertEqual(len({event.start.hour for event in events}), 2)
        self.assertEqual(set(events.mapped("duration")), {1.0})
        self.assertTrue(master)
        self.assertQuiet()

    def test_pages_of_one_item_in_any_order(self):
        self.server.page_size = 1
        master = self.put(
            name="Stand-up", when=self.at(2), recurrence=("RRULE:FREQ=DAILY;COUNT=4",)
        )
        first, second = (
            instance_id(master.remote_id, master.fields.when.start + timedelta(days=n))
            for n in (0, 1)
        )
        self.server.edit(ANN, first, name="Special")
        self.server.remove(ANN, second)
        self.sync()
        names = self.env["calendar.event"].search([("user_id", "=", self.ann.id)])
        self.assertEqual(
            sorted(names.mapped("name")), ["Special", "Stand-up", "Stand-up"]
        )
        # the series and its exceptions change, and two occurrences are deleted at once
        self.server.edit(ANN, master.remote_id, location="Park")
        for number in (2, 3):
            self.server.remove(
                ANN,
                instance_id(
                    master.remote_id,
                    master.fields.when.start + timedelta(days=number),
                ),
            )
        self.sync()
        events = self.env["calendar.event"].search([("user_id", "=", self.ann.id)])
        self.assertEqual(events.mapped("location"), ["Park"])
        self.assertQuiet()

    def test_a_confidential_event_is_private_in_odoo(self):
        """Odoo shows a confidential event to all colleagues; the provider to nobody."""
        self.account.sync_private = True
        remote = self.put(name="Dentist", privacy="confidential")
        self.sync()
        event = self.event_of(remote)
        self.assertEqual(event.privacy, "private")
        event.with_user(self.ann).write({"location": "Town"})
        self.sync()
        self.assertEqual(self.remote(ANN)[0].fields.privacy, "confidential")
        self.assertQuiet()

    def test_default_visibility_is_read_as_chosen_for_the_source(self):
        for choice, expected in (("public", "public"), ("private", "private")):
            source = self.account.calendar_ids.filtered("is_source")
            source.with_user(self.ann).default_privacy = choice
            remote = self.put(name=choice)
            self.sync()
            event = self.event_of(remote)
            self.assertEqual(event.privacy, expected)
            self.assertQuiet()

    def test_a_read_only_source_is_never_written_to(self):
        self.server.share(ANN, ANN, "reader")
        remote, gone = self.put(name="Lunch"), self.put(name="Gone")
        self.sync()
        event, other = self.event_of(remote), self.event_of(gone)
        before = dict(self.server.calendars[ANN].events)
        event.with_user(self.ann).write({"name": "Mine"})
        other.with_user(self.ann).unlink()
        self.server.requests.clear()
        self.sync()
        self.assertEqual(self.written(), [])
        self.assertEqual(self.server.calendars[ANN].events, before)
        self.assertEqual(event.name, "Lunch", "the provider's view is the truth")
        [line] = self.account.run_ids.line_ids.filtered("lost")
        self.assertEqual(line.lost, {"name": "Mine"})
        self.assertQuiet()

    def test_an_archived_user_stops_nobody(self):
        self.connect(self.bob)
        remote = self.put(name="Lunch")
        self.sync()
        event = self.event_of(remote)
        self.ann.active = False
        other = self.put("bob@example.com", name="Breakfast")
        self.sync()
        self.assertTrue(self.event_of(other))
        self.assertTrue(event.exists())
        self.assertEqual(len(self.remote(ANN)), 1)

    def test_an_event_deleted_before_it_was_written_leaves_nothing(self):
        meeting = self.meeting()
        meeting.with_user(self.ann).unlink()
        self.server.requests.clear()
        self.sync()
        self.assertEqual(self.written(), [])
        self.assertFalse(self.account.link_ids)
