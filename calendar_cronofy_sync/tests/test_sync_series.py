"""Series: the dates of RFC 5545, their exceptions, and the way back."""

from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo.tests import tagged

from ..calsync.errors import AnswerLost, Conflict, Unavailable
from ..calsync.recurrence import instance_id
from ..calsync.values import When
from .sync_case import SyncCase


@tagged("post_install", "-at_install")
class TestSyncSeries(SyncCase):
    def series(self, rule="RRULE:FREQ=DAILY;COUNT=5", **values):
        values.setdefault("when", self.at(2))
        return self.put(recurrence=(rule,), name="Stand-up", **values)

    def occurrences(self, master):
        series = self.env["calendar.sync.series"].search(
            [("remote_id", "=", master.remote_id)]
        )
        events = series.link_ids.event_id
        return events.filtered("active").sorted("start")

    def instance(self, master, number):
        start = master.fields.when.start + timedelta(days=number)
        return instance_id(master.remote_id, start)

    def test_all_occurrences_arrive_with_their_exceptions(self):
        self.connect(self.ann)
        master = self.series()
        self.server.edit("ann@example.com", self.instance(master, 1), name="Special")
        self.server.remove("ann@example.com", self.instance(master, 2))
        self.sync()
        events = self.occurrences(master)
        self.assertEqual(
            events.mapped("name"), ["Stand-up", "Special", "Stand-up", "Stand-up"]
        )
        start = master.fields.when.start.replace(tzinfo=None)
        self.assertEqual([(event.start - start).days for event in events], [0, 1, 3, 4])
        self.assertFalse(any(events.mapped("recurrence_id")))
        self.assertQuiet()

    def test_an_occurrence_edited_in_odoo_changes_that_occurrence_remotely(self):
        self.connect(self.ann)
        master = self.series()
        self.sync()
        third = self.occurrences(master)[2]
        third.with_user(self.ann).write({"name": "Retro"})
        self.sync()
        there = self.server.events("ann@example.com")
        self.assertEqual(there[self.instance(master, 2)].fields.name, "Retro")
        self.assertEqual(there[master.remote_id].fields.name, "Stand-up")
        self.assertQuiet()

    def test_an_occurrence_deleted_in_odoo_is_cancelled_remotely(self):
        self.connect(self.ann)
        master = self.series()
        self.sync()
        self.occurrences(master)[0].with_user(self.ann).unlink()
        self.sync()
        calendar = self.server.calendars["ann@example.com"]
        self.assertTrue(calendar.events[self.instance(master, 0)].cancelled)
        self.assertEqual(len(self.occurrences(master)), 4)
        self.assertQuiet()

    def test_a_series_moved_remotely_keeps_its_events(self):
        self.connect(self.ann)
        master = self.series()
        self.sync()
        before = self.occurrences(master)
        when = self.at(2, 11)
        self.server.edit("ann@example.com", master.remote_id, when=when)
        self.sync()
        after = self.occurrences(master)
        self.assertEqual(after, before)
        self.assertEqual(after[0].start, when.start.replace(tzinfo=None))
        self.assertQuiet()

    def test_a_shortened_rule_archives_what_it_has_no_more(self):
        self.connect(self.ann)
        master = self.series()
        self.sync()
        before = self.occurrences(master)
        self.server.edit(
            "ann@example.com",
            master.remote_id,
            recurrence=("RRULE:FREQ=DAILY;COUNT=3",),
        )
        self.sync()
        self.assertEqual(self.occurrences(master), before[:3])
        self.assertFalse(any(before[3:].mapped("active")))
        self.assertQuiet()

    def test_a_deleted_series_archives_all_of_it(self):
        self.connect(self.ann)
        master = self.series()
        self.sync()
        before = self.occurrences(master)
        self.server.remove("ann@example.com", master.remote_id)
        self.sync()
        self.assertFalse(any(before.mapped("active")))
        self.assertQuiet()

    def test_an_unreadable_rule_is_shown_and_stops_nothing(self):
        account = self.connect(self.ann)
        self.series(rule="RRULE:FREQ=SOMETIMES")
        single = self.put(name="Lunch")
        self.sync()
        self.assertTrue(self.event_of(single))
        series = account.calendar_ids.series_ids
        self.assertEqual(series.state, "failed")
        self.assertIn("Stand-up", account.attention)

    def test_original_policy_brings_the_original_appointment_only(self):
        account = self.connect(self.ann, recurrence_policy="original")
        master = self.series()
        self.server.edit("ann@example.com", self.instance(master, 1), name="Special")
        self.sync()
        event = self.event_of(master)
        self.assertEqual(event.start, master.fields.when.start.replace(tzinfo=None))
        self.assertEqual(len(account.link_ids), 1)
        self.assertQuiet()
        account.with_user(self.ann).recurrence_policy = "series"
        self.sync()
        self.assertEqual(len(self.occurrences(master)), 5)
        self.assertQuiet()

    def test_the_horizon_rolls_on_without_a_request_for_it(self):
        self.connect(self.ann)
        self.env["ir.config_parameter"].set_param(
            "calendar_cronofy_sync.horizon_days", "10"
        )
        master = self.series(rule="RRULE:FREQ=DAILY")
        self.sync()
        before = len(self.occurrences(master))
        self.env["ir.config_parameter"].set_param(
            "calendar_cronofy_sync.horizon_days", "20"
        )
        self.sync()
        self.assertEqual(len(self.occurrences(master)), before + 10)
        self.assertQuiet()

    def test_an_all_day_series(self):
        self.connect(self.ann)
        day = self.at(2).start.date()
        master = self.series(when=When(day, day + timedelta(days=1)))
        self.sync()
        events = self.occurrences(master)
        self.assertEqual(
            events.mapped("start_date"), [day + timedelta(days=n) for n in range(5)]
        )
        self.assertQuiet()

    # ------------------------------------------------------------ made in Odoo

    def recurring(self, **values):
        when = self.at(2)
        return (
            self.env["calendar.event"]
            .with_user(self.ann)
            .with_context(
                no_mail_to_attendees=True,
                skip_contact_description=True,
                dont_notify=True,
            )
            .create(
                {
                    "name": "Weekly",
                    "start": when.start.replace(tzinfo=None),
                    "stop": when.stop.replace(tzinfo=None),
                    "recurrency": True,
                    "rrule_type": "daily",
                    "end_type": "count",
                    "count": 4,
                    "interval": 1,
                    "event_tz": "Europe/Berlin",
                    **values,
                }
            )
            .recurrence_id
        )

    def test_a_series_made_in_odoo_is_written_as_a_series(self):
        self.connect(self.ann)
        recurrence = self.recurring()
        self.assertEqual(len(recurrence.calendar_event_ids), 4)
        self.sync()
        [master] = self.remote("odoo-ann@example.com")
        self.assertIn("FREQ=DAILY", master.recurrence[0])
        self.assertIn("COUNT=4", master.recurrence[0])
        self.assertEqual(master.fields.name, "Weekly")
        self.assertEqual(
            set(recurrence.calendar_event_ids.sync_link_ids.mapped("state")), {"synced"}
        )
        self.assertQuiet()

    def test_one_occurrence_changed_in_odoo_becomes_an_exception(self):
        self.connect(self.ann)
        recurrence = self.recurring()
        self.sync()
        events = recurrence.calendar_event_ids.sorted("start")
        events[1].write({"name": "Special", "recurrence_update": "self_only"})
        events[2].with_user(self.ann).unlink()
        self.sync()
        [master] = [e for e in self.remote("odoo-ann@example.com") if e.recurrence]
        there = self.server.events("odoo-ann@example.com")
        self.assertEqual(there[self.instance(master, 1)].fields.name, "Special")
        self.assertEqual(master.fields.name, "Weekly")
        self.assertTrue(any("EXDATE" in line for line in master.recurrence))
        self.assertQuiet()

    def test_all_occurrences_moved_in_odoo_move_the_series(self):
        self.connect(self.ann)
        recurrence = self.recurring()
        self.sync()
        base = recurrence.base_event_id
        base.with_context(no_mail_to_attendees=True, dont_notify=True).write(
            {
                "start": base.start + relativedelta(hours=2),
                "stop": base.stop + relativedelta(hours=2),
                "recurrence_update": "all_events",
            }
        )
        self.sync()
        [master] = self.remote("odoo-ann@example.com")
        self.assertEqual(master.fields.when.start, self.at(2, 11).start)
        events = self.env["calendar.event"].search([("name", "=", "Weekly")])
        self.assertEqual(len(events), 4)
        self.assertEqual(set(events.sync_link_ids.mapped("state")), {"synced"})
        self.assertQuiet()

    def test_a_series_made_in_odoo_and_renamed_remotely_is_renamed(self):
        self.connect(self.ann)
        recurrence = self.recurring()
        self.sync()
        [master] = self.remote("odoo-ann@example.com")
        self.server.edit("odoo-ann@example.com", master.remote_id, name="Renamed")
        self.sync()
        self.assertEqual(set(recurrence.calendar_event_ids.mapped("name")), {"Renamed"})
        self.assertQuiet()

    def test_a_series_made_in_odoo_and_moved_remotely_keeps_its_meetings(self):
        self.connect(self.ann)
        events = self.recurring().calendar_event_ids.sorted("start")
        self.sync()
        [master] = self.remote("odoo-ann@example.com")
        self.server.edit("odoo-ann@example.com", master.remote_id, when=self.at(2, 14))
        self.sync()
        self.assertEqual(len(events.exists().filtered("active")), 4)
        self.assertEqual(events[0].start, self.at(2, 14).start.replace(tzinfo=None))
        self.assertQuiet()

    def test_a_series_deleted_in_odoo_is_deleted_remotely(self):
        self.connect(self.ann)
        recurrence = self.recurring()
        self.sync()
        recurrence.calendar_event_ids.with_user(self.ann).unlink()
        self.sync()
        self.assertEqual(self.remote("odoo-ann@example.com"), [])
        self.assertQuiet()

    def test_a_change_of_a_series_whose_answer_is_lost_arrives_once(self):
        self.connect(self.ann)
        for error in (Unavailable(), Conflict(), AnswerLost()):
            with self.subTest(error=type(error).__name__):
                recurrence = self.recurring(name=type(error).__name__)
                events = recurrence.calendar_event_ids.sorted("start")
                self.sync()
                events[-1].with_user(self.ann).unlink()
                events[0].with_user(self.ann).with_context(
                    no_mail_to_attendees=True, dont_notify=True
                ).write({"location": "Room", "recurrence_update": "all_events"})
                lost = isinstance(error, AnswerLost)
                self.server.fail(error, "patch", after=lost)
                self.sync()
                self.sync()
                [master] = [
                    event
                    for event in self.remote("odoo-ann@example.com")
                    if event.fields.name == type(error).__name__ and event.recurrence
                ]
                self.assertEqual(master.fields.location, "Room")
                self.assertTrue(any("EXDATE" in line for line in master.recurrence))
                self.assertTrue(recurrence.exists(), "Odoo still leads it")
                exceptions = self.server.calendars["odoo-ann@example.com"].exceptions
                self.assertFalse(exceptions(master.remote_id))
                self.assertEqual(len(recurrence.calendar_event_ids), 3)
                self.assertQuiet()

    def test_an_occurrence_deleted_there_and_restored_here_is_written_again(self):
        self.connect(self.ann)
        events = self.standup().calendar_event_ids.sorted("start")
        self.sync()
        home = "odoo-ann@example.com"
        self.server.remove(home, events[2].sync_link_ids.remote_id)
        self.sync()
        self.sync()
        self.assertFalse(events[2].active)
        events[2].with_user(self.ann).write({"active": True})
        self.sync()
        link = events[2].sync_link_ids
        there = self.server._present(home, link.remote_id)
        self.assertFalse(there.cancelled)
        self.assertEqual(there.fields.when.start.replace(tzinfo=None), events[2].start)
        self.assertTrue(all(events.mapped("active")))
        self.assertQuiet()

    # ------------------------------------------------------------ on both sides already

    def standup(self, **values):
        """A daily recurrence made in Odoo, as :meth:`series` is one made there."""
        when = self.at(2)
        return (
            self.env["calendar.event"]
            .with_user(self.ann)
            .with_context(no_mail_to_attendees=True, dont_notify=True)
            .create(
                {
                    "name": "Stand-up",
                    "start": when.start.replace(tzinfo=None),
                    "stop": when.stop.replace(tzinfo=None),
                    "recurrency": True,
                    "rrule_type": "daily",
                    "end_type": "count",
                    "count": 5,
                    "event_tz": "Europe/Berlin",
                    **values,
                }
            )
            .recurrence_id.sudo()
        )

    def mine(self):
        return self.env["calendar.event"].search(
            [("partner_ids", "in", self.ann.partner_id.ids)]
        )

    def test_a_series_on_both_sides_before_the_first_run_is_bound_not_copied(self):
        account = self.connect(self.ann)
        recurrence = self.standup()
        master = self.series()
        self.server.edit("ann@example.com", self.instance(master, 1), name="Special")
        events = recurrence.calendar_event_ids.sorted("start")
        self.sync()
        self.assertEqual(self.mine().sorted("start"), events)
        self.assertEqual(
            events.mapped("name"),
            ["Stand-up", "Special", "Stand-up", "Stand-up", "Stand-up"],
        )
        self.assertFalse(self.remote("odoo-ann@example.com"))
        self.assertFalse(self.written())
        self.assertEqual(account.run_ids.line_ids.mapped("kind"), ["updated"] * 2)
        self.assertQuiet()
        # from now on it is one series
        events[0].with_user(self.ann).write(
            {"name": "Sit-down", "recurrence_update": "all_events"}
        )
        self.sync()
        there = self.server.events("ann@example.com")[master.remote_id]
        self.assertEqual(there.fields.name, "Sit-down")
        self.server.edit("ann@example.com", master.remote_id, location="Kitchen")
        self.sync()
        self.assertEqual(set(self.mine().mapped("location")), {"Kitchen"})
        self.assertQuiet()

    def test_a_series_that_lacks_the_same_date_on_both_sides_is_bound(self):
        self.connect(self.ann)
        events = self.standup().calendar_event_ids.sorted("start")
        master = self.series()
        self.server.remove("ann@example.com", self.instance(master, 3))
        events[3].with_user(self.ann).unlink()
        self.sync()
        self.assertEqual(self.mine(), events.exists())
        self.assertFalse(self.written())
        self.assertQuiet()

    def test_a_date_that_only_one_side_has_is_deleted_on_neither(self):
        """Nothing was agreed yet, so nothing was deleted: they are two series."""
        for here in (True, False):
            with self.subTest(here=here), self.env.cr.savepoint() as savepoint:
                self.server.__init__()
                self.connect(self.ann)
                events = self.standup().calendar_event_ids.sorted("start")
                master = self.series()
                if here:
                    events[3].with_user(self.ann).unlink()
                else:
                    self.server.remove("ann@example.com", self.instance(master, 3))
                self.sync()
                self.assertEqual(len(self.mine()), 9)
                self.assertTrue(all(events.exists().mapped("active")))
                self.assertQuiet()
                savepoint.rollback()
                self.env.invalidate_all(flush=False)

    def test_a_series_of_the_same_title_and_other_dates_is_another_one(self):
        self.connect(self.ann)
        recurrence = self.standup(count=4)
        master = self.series()
        self.sync()
        self.assertFalse(recurrence.calendar_event_ids & self.occurrences(master))
        self.assertEqual(len(self.mine()), 9)
        self.assertEqual(len(self.remote("odoo-ann@example.com")), 1)
        self.assertQuiet()

    def test_a_series_that_is_only_shown_to_its_owner_is_not_bound(self):
        """Odoo could not lead what it may not write."""
        account = self.connect(self.ann)
        account.calendar_ids.filtered("is_source").access_role = "reader"
        self.server.share("ann@example.com", "ann@example.com", "reader")
        self.standup()
        self.series()
        self.sync()
        self.assertEqual(len(self.mine()), 10)
        self.assertQuiet()

    def test_a_preview_shows_a_series_on_both_sides_as_recognised(self):
        account = self.connect(self.ann, state="setup")
        self.standup()
        self.series()
        action = account.with_user(self.ann).action_preview()
        preview = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(
            preview.line_ids.mapped(lambda line: (line.kind, line.name)),
            [("updated", "Stand-up")],
        )
        self.assertFalse(account.link_ids)
