"""A record outlives whatever becomes of its series at Google: cut in two ("this and
following"), moved, all-day, by another rule; and what Google tells of series that are
broken, gone or somebody else's."""

from datetime import timedelta

from odoo.tests import tagged

from ..calsync.recurrence import instance_id
from ..calsync.values import When, moment
from .google_case import GoogleCase, needs_simulator

ANN, BOB = "ann@example.com", "bob@example.com"
RULE = "RRULE:FREQ=DAILY;COUNT=6"


class SeriesCase(GoogleCase):
    def setUp(self):
        super().setUp()
        self.account = self.connect(self.ann)

    def series(self, rule=RULE, **values):
        values.setdefault("when", self.at(2))
        return self.put(
            recurrence=(rule,), remote_id="standup", name="Stand-up", **values
        )

    def synced(self, *args, **values):
        """The master, and its events with something that Odoo alone knows."""
        master = self.series(*args, **values)
        self.sync()
        events = self.events()
        for number, event in enumerate(events):
            event.message_post(body=f"chatter {number}")
        return master, events

    def events(self):
        links = self.env["calendar.sync.link"].search([("series_id", "!=", False)])
        return links.event_id.filtered("active").sorted("start")

    def id_of(self, master, number):
        start = master.fields.when.start + timedelta(days=number)
        return instance_id(master.remote_id, start)

    def split(self, master, number, **changes):
        return self.sim.split_series(ANN, self.id_of(master, number), changes)

    def times(self, when):
        return {
            "start": {"dateTime": moment(when.start), "timeZone": when.tz},
            "end": {"dateTime": moment(when.stop), "timeZone": when.tz},
        }

    def day(self, day):
        return {"date": day.isoformat(), "dateTime": None, "timeZone": None}

    def assertKept(self, before):
        """The same records, none other, each with what was said about it."""
        after = self.events()
        self.assertEqual(after, before)
        self.assertEqual(len(after), len(before))
        self.assertEqual(self.env["calendar.event"].search([]) & after, after)
        self.assertFalse(
            self.env["calendar.sync.run.line"].search(
                [("kind", "in", ("deleted", "pushed_insert"))]
            )
        )
        for event in after:
            self.assertIn("chatter", event.message_ids.mapped("body")[0])
        self.assertQuiet()


@tagged("post_install", "-at_install")
@needs_simulator
class TestSyncSplits(SeriesCase):
    def test_the_dates_after_a_split_keep_their_records(self):
        master, events = self.synced()
        tail = self.split(master, 2)
        start = master.fields.when.start + timedelta(days=2)
        self.assertEqual(tail["id"], f"standup_R{start:%Y%m%dT%H%M%S}")
        self.sync()
        self.assertKept(events)
        self.assertEqual(
            events.sync_link_ids.mapped("remote_id"),
            [self.id_of(master, number) for number in range(6)],
        )
        self.assertEqual(len(events.sync_link_ids.series_id), 2)

    def test_a_renamed_tail_is_renamed(self):
        master, events = self.synced()
        self.split(master, 2, summary="Coffee")
        self.sync()
        self.assertKept(events)
        self.assertEqual(events.mapped("name"), ["Stand-up"] * 2 + ["Coffee"] * 4)

    def edit_and_delete_dates_of_a_tail(self, known):
        self.sim.set_behaviour(tail_addresses=known)
        master, events = self.synced()
        self.split(master, 2)
        self.sync()
        events[4].with_user(self.ann).write({"name": "Retro"})
        self.sync()
        self.assertKept(events)
        there = self.server.events(ANN)
        self.assertEqual(len(there), 3)
        self.assertEqual(there[self.id_of(master, 4)].fields.name, "Retro")
        events[5].with_user(self.ann).unlink()
        self.sync()
        there = self.server._present(ANN, self.id_of(master, 5))
        self.assertTrue(there.cancelled)

    def test_a_date_of_the_tail_edited_in_odoo_is_that_date_at_google(self):
        self.edit_and_delete_dates_of_a_tail(known=False)

    def test_and_where_google_knows_its_longer_name(self):
        self.edit_and_delete_dates_of_a_tail(known=True)

    def test_a_date_of_the_tail_renamed_at_google_is_the_same_record(self):
        master, events = self.synced()
        self.split(master, 2)
        self.sync()
        self.server.edit(ANN, self.id_of(master, 4), name="Special")
        self.sync()
        self.assertKept(events)
        self.assertEqual(events[4].name, "Special")
        self.server.remove(ANN, self.id_of(master, 3))
        self.sync()
        self.assertEqual(self.events(), events - events[3])

    def test_splits_of_splits(self):
        master, events = self.synced()
        self.split(master, 4, summary="Late")
        self.split(master, 1, summary="Early")
        self.sync()
        self.split(master, 5, summary="Last")
        self.sync()
        self.assertKept(events)
        self.assertEqual(
            events.mapped("name"), ["Stand-up"] + ["Early"] * 3 + ["Late", "Last"]
        )

    def split_and_move(self, allday=False, **changes):
        master, events = self.synced()
        self.split(master, 2, **changes)
        self.sync()
        self.assertKept(events)
        self.assertEqual(events.mapped("allday"), [False] * 2 + [allday] * 4)
        return events

    def test_the_parts_of_a_split_may_come_page_by_page(self):
        self.server.page_size = 1
        events = self.split_and_move(**self.times(self.at(4, 14)))
        self.assertEqual(events[3].start.hour, 14)

    def test_the_later_part_of_a_split_may_come_first(self):
        self.sim.set_behaviour(tail_first=True)
        self.server.page_size = 1
        events = self.split_and_move(**self.times(self.at(4, 14)))
        self.assertEqual(events[3].start.hour, 14)

    def test_a_split_may_move_what_follows_by_hours(self):
        self.split_and_move(**self.times(self.at(4, 15)))

    def test_a_split_may_move_what_follows_by_a_day(self):
        self.split_and_move(**self.times(self.at(5)))

    def test_a_split_may_move_what_follows_to_whole_days(self):
        start, end = (self.day(self.at(n).start.date()) for n in (4, 5))
        self.split_and_move(allday=True, start=start, end=end)

    def test_exceptions_after_a_split_are_reset(self):
        master = self.series()
        self.server.edit(ANN, self.id_of(master, 4), name="Special")
        self.server.remove(ANN, self.id_of(master, 3))
        self.sync()
        events = self.events()
        self.assertEqual(events.mapped("name").count("Special"), 1)
        self.split(master, 2)
        self.sync()
        self.assertEqual(len(self.events()), 6)
        self.assertEqual(self.events() & events, events)
        self.assertEqual(set(events.mapped("name")), {"Stand-up"})
        self.assertQuiet()

    def test_a_series_made_in_odoo_may_be_split_at_google(self):
        when = self.at(2)
        recurrence = (
            self.env["calendar.event"]
            .with_user(self.ann)
            .with_context(no_mail_to_attendees=True, dont_notify=True)
            .create(
                {
                    "name": "Weekly",
                    "start": when.start.replace(tzinfo=None),
                    "stop": when.stop.replace(tzinfo=None),
                    "recurrency": True,
                    "rrule_type": "daily",
                    "end_type": "count",
                    "count": 5,
                    "event_tz": "Europe/Berlin",
                }
            )
            .recurrence_id
        )
        events = recurrence.calendar_event_ids.sorted("start")
        self.sync()
        home = self.account.target_calendar_id.remote_id
        master = events.sync_link_ids.series_id.remote_id
        third = events[2].sync_link_ids.remote_id
        self.sim.split_series(ANN, third, {"summary": "Later"}, home)
        self.sync()
        self.assertEqual(self.events(), events)
        self.assertEqual(events.mapped("name"), ["Weekly"] * 2 + ["Later"] * 3)
        self.assertQuiet()
        self.sim.patch_event(ANN, master, {"recurrence": None}, home)
        self.sync()
        self.assertEqual(events.filtered("active"), events - events[1])
        self.assertEqual(events[0].sync_link_ids.remote_id, master)
        self.assertQuiet()

    def test_a_shared_series_is_split_for_all_its_people(self):
        self.connect(self.bob)
        guests = tuple(map(self.person, (ANN, BOB)))
        master, events = self.synced(attendees=guests)
        self.assertEqual(len(events.sync_link_ids), 12)
        self.split(master, 2, **self.times(self.at(4, 15)), summary="Late")
        self.sync()
        self.assertKept(events)
        self.assertEqual(events.mapped("name"), ["Stand-up"] * 2 + ["Late"] * 4)
        self.assertEqual(len(events.sync_link_ids), 12)

    def test_ids_of_the_old_kind_are_recognised_and_corrected(self):
        """Links were once made as ``<id>_R…_<time>``."""
        master, events = self.synced()
        tail = self.split(master, 2)["id"]
        self.sync()
        for link in events[2:].sync_link_ids:
            link.remote_id = link.remote_id.replace("standup_", f"{tail}_")
        events[3].with_user(self.ann).write({"name": "Mine"})
        self.sync()
        self.assertKept(events)
        there = self.server.events(ANN)[self.id_of(master, 3)]
        self.assertEqual(there.fields.name, "Mine")
        self.server.edit(ANN, tail, location="Room 5")
        self.sync()
        self.assertKept(events)
        self.assertEqual(
            events.sync_link_ids.mapped("remote_id"),
            [self.id_of(master, number) for number in range(6)],
        )

    def test_an_id_that_is_not_known_is_no_deletion(self):
        master, events = self.synced()
        link = events[2].sync_link_ids
        link.remote_id = "nobody_20200101T090000Z"
        events[2].with_user(self.ann).write({"name": "Retro"})
        self.sync()
        self.assertKept(events)
        self.assertEqual(link.remote_id, self.id_of(master, 2))
        there = self.server.events(ANN)
        self.assertEqual(there[link.remote_id].fields.name, "Retro")


@tagged("post_install", "-at_install")
@needs_simulator
class TestSyncSeriesChanges(SeriesCase):
    def patch(self, master, **changes):
        self.sim.patch_event(ANN, master.remote_id, changes)
        self.sync()

    def test_a_series_renamed_and_moved_keeps_its_records(self):
        master, events = self.synced()
        self.patch(master, summary="Coffee")
        self.assertKept(events)
        self.patch(master, **self.times(self.at(2, 14)))
        self.assertKept(events)
        self.patch(master, **self.times(self.at(3, 14)))
        self.assertKept(events)
        self.assertEqual(events.mapped("name"), ["Coffee"] * 6)

    def test_whole_days_and_back(self):
        master, events = self.synced()
        day = self.at(2).start.date()
        days = {"start": self.day(day), "end": self.day(day + timedelta(days=1))}
        self.patch(master, **days)
        self.assertKept(events)
        self.assertEqual(set(events.mapped("allday")), {True})
        times = self.times(self.at(2, 10))
        for value in times.values():
            value["date"] = None
        self.patch(master, **times)
        self.assertKept(events)
        self.assertEqual(set(events.mapped("allday")), {False})
        self.assertEqual({event.start.hour for event in events}, {10})

    def test_another_day_of_the_week(self):
        when = self.at(2)
        master, events = self.synced("RRULE:FREQ=WEEKLY;COUNT=4")
        days = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
        later = when.start + timedelta(days=2)
        self.patch(
            master,
            recurrence=[f"RRULE:FREQ=WEEKLY;COUNT=4;BYDAY={days[later.weekday()]}"],
            **self.times(When(later, later + timedelta(hours=1), when.tz)),
        )
        self.assertKept(events)
        self.assertEqual(events[0].start, later.replace(tzinfo=None))

    def test_a_series_that_stops_repeating_and_repeats_again_is_the_same_record(self):
        master, events = self.synced()
        self.patch(master, recurrence=None)
        self.assertEqual(self.event_of(master), events[0])
        self.assertEqual(events.filtered("active"), events[0])
        self.assertQuiet()
        self.patch(master, recurrence=[RULE])
        self.assertEqual(self.events()[0], events[0])
        self.assertEqual(len(self.events()), 6)
        self.assertQuiet()

    def test_a_rule_with_fewer_dates_keeps_those_that_stay(self):
        master, events = self.synced()
        self.patch(master, recurrence=["RRULE:FREQ=DAILY;INTERVAL=2;COUNT=3"])
        self.assertEqual(self.events(), events[0] | events[2] | events[4])
        self.assertQuiet()


@tagged("post_install", "-at_install")
@needs_simulator
class TestSyncBrokenSeries(SeriesCase):
    SPURIOUS = "RRULE:DATE;TZID=Europe/Warsaw:20230818T020000,20230819T020000"

    def plant(self, master, **raw):
        self.sim.plant_event(ANN, master.remote_id, raw)
        self.sync()

    def test_a_line_that_cannot_be_read_costs_only_itself(self):
        master = self.series()
        self.plant(master, recurrence=[self.SPURIOUS, RULE])
        self.assertEqual(len(self.events()), 6)
        self.assertIn("Stand-up", self.account.attention)
        self.assertQuiet()

    def test_at_least_the_first_date_stands_and_nothing_goes_for_an_error(self):
        master = self.series()
        self.plant(master, recurrence=[self.SPURIOUS])
        [event] = self.events()
        start = master.fields.when.start.replace(tzinfo=None)
        self.assertEqual(event.start, start)
        self.assertIn("Stand-up", self.account.attention)
        self.plant(master, recurrence=[RULE])
        self.assertEqual(len(self.events()), 6)
        self.assertFalse(self.account.attention)
        self.plant(master, recurrence=["RRULE:FREQ=SOMETIMES"])
        self.assertEqual(len(self.events()), 6)

    def test_an_occurrence_is_as_long_as_its_period(self):
        day = self.at(5).start
        self.series(f"RDATE;VALUE=PERIOD:{day:%Y%m%dT%H%M%SZ}/PT3H")
        self.sync()
        self.assertEqual(self.events().mapped("duration"), [1, 3])
        self.assertQuiet()

    def test_ends_at_or_before_the_start_and_none(self):
        first, day = self.at(3), self.at(3).start.date()
        cases = {
            "day": {"start": self.day(day), "end": self.day(day - timedelta(days=1))},
            "timed up": {
                **self.times(first),
                "end": {"dateTime": moment(first.start - timedelta(hours=1))},
            },
            "empty": {**self.times(first), "end": None, "endTimeUnspecified": True},
        }
        for name, raw in cases.items():
            remote_id = f"event{len(name)}"
            self.put(remote_id=remote_id, name=name)
            self.sim.plant_event(ANN, remote_id, raw)
        self.sync()
        found = self.env["calendar.event"].search([("name", "in", list(cases))])
        found = {event.name: event for event in found}
        self.assertEqual(found["day"].start_date, day)
        self.assertEqual(found["day"].stop_date, day)
        for name in ("timed up", "empty"):
            self.assertEqual(found[name].start, first.start.replace(tzinfo=None))
            self.assertEqual(found[name].stop, found[name].start)
        self.assertQuiet()

    def test_tombstones_in_full_lists_are_nothing(self):
        self.put(remote_id="event1", name="Lunch")
        self.put(remote_id="event2", name="Dinner")
        self.sync()
        self.server.remove(ANN, "event1")
        self.sim.set_paging(tombstones=True)
        self.sim.expire_tokens("sync")
        self.sync()
        self.sim.expire_tokens("sync")
        self.assertQuiet()
        names = self.account.link_ids.mapped("event_id.name")
        self.assertEqual(names, ["Dinner"])

    def test_whole_days_of_a_room_are_whole_days(self):
        room = "c_room@resource.calendar.google.com"
        self.server.add_calendar(ANN, room)
        self.env["calendar.sync.calendar"].create(
            {
                "account_id": self.account.id,
                "remote_id": room,
                "name": "Room",
                "access_role": "owner",
                "is_source": True,
            }
        )
        day = self.at(3).start.date()
        days = When(day, day + timedelta(days=2))
        self.put(room, "event1", name="Trade fair", when=days)
        daily = {"recurrence": ("RRULE:FREQ=DAILY;COUNT=3",)}
        days = When(day, day + timedelta(days=1))
        self.put(room, "event2", name="Closed", when=days, **daily)
        self.sync()
        fair = self.env["calendar.event"].search([("name", "=", "Trade fair")])
        self.assertTrue(fair.allday)
        self.assertEqual(fair.start_date, day)
        self.assertEqual(fair.stop_date, day + timedelta(days=1))
        events = self.events()
        self.assertEqual(len(events), 3)
        self.assertEqual(set(events.mapped("allday")), {True})
        events[1].with_user(self.ann).write({"name": "Open"})
        self.sync()
        self.assertIn("Open", [event.fields.name for event in self.remote(room)])
        self.assertQuiet()

    def test_cancelled_series_in_full_lists_are_nothing(self):
        master, events = self.synced()
        self.server.remove(ANN, master.remote_id)
        self.sync()
        self.assertFalse(any(events.mapped("active")))
        self.sim.expire_tokens("sync")
        self.assertQuiet()
        self.assertFalse(any(events.mapped("active")))


@tagged("post_install", "-at_install")
@needs_simulator
class TestSyncOneOccurrence(SeriesCase):
    """Invited to one date of somebody's series."""

    def setUp(self):
        super().setUp()
        self.server.add_account(BOB)
        self.master = self.put(
            BOB,
            remote_id="bobstandup",
            name="Bob's",
            when=self.at(2),
            recurrence=(RULE,),
        )

    def invite(self, remote_id):
        guests = {"attendees": [{"email": ANN}]}
        self.sim.patch_event(BOB, remote_id, guests, sendUpdates="all")

    def found(self):
        return self.env["calendar.event"].search(
            [("partner_ids", "in", self.ann.partner_id.ids)], order="start"
        )

    def test_there_is_one_appointment_and_another_one_later(self):
        for policy in ("series", "original"):
            with self.subTest(policy):
                self.account.recurrence_policy = policy
                self.invite(self.id_of(self.master, 1))
                self.sync()
                [event] = self.found()
                start = self.master.fields.when.start + timedelta(days=1)
                self.assertEqual(event.start, start.replace(tzinfo=None))
                self.assertQuiet()
                self.invite(self.id_of(self.master, 3))
                self.sync()
                self.assertEqual(len(self.found()), 2)
                self.sim.patch_event(
                    BOB, self.id_of(self.master, 1), {"summary": "Other"}
                )
                self.sync()
                self.assertEqual(event.name, "Other")
                self.sim.expire_tokens("sync")
                self.assertQuiet()
                self.assertEqual(len(self.found()), 2)
                self.sim.delete_event(
                    BOB, self.id_of(self.master, 3), sendUpdates="all"
                )
                self.sync()
                self.assertEqual(self.found(), event)
                self.assertQuiet()
                self.tearDown_case()

    def tearDown_case(self):
        self.env["calendar.sync.account"].search([]).unlink()
        self.found().unlink()
        self.server = type(self.server)(self.sim)
        self.account = self.connect(self.ann)
        self.server.add_account(BOB)
        self.put(
            BOB,
            remote_id="bobstandup",
            name="Bob's",
            when=self.at(2),
            recurrence=(RULE,),
        )

    def test_the_whole_series_later_is_no_double(self):
        self.invite(self.id_of(self.master, 1))
        self.invite(self.id_of(self.master, 3))
        self.sync()
        one, two = self.found()
        self.invite(self.master.remote_id)
        self.sync()
        self.assertEqual(len(self.found()), 6)
        self.assertEqual(self.found()[1], one)
        self.assertEqual(self.found()[3], two)
        self.assertQuiet()
