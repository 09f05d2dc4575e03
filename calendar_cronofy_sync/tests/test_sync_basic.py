"""Appointments travel both ways, and a second quiet run does nothing."""

from datetime import date
from itertools import count
from unittest.mock import patch

from odoo.tests import tagged

from ..calsync.values import When
from ..models.calendar_sync_cron import CalendarSyncAccount as Cron
from .sync_case import SyncCase


@tagged("post_install", "-at_install")
class TestSyncBasic(SyncCase):
    def test_a_remote_event_arrives_with_all_mapped_fields(self):
        account = self.connect(self.ann)
        remote = self.put(
            name="Lunch",
            when=self.at(2, 12),
            description="<b>soup</b>",
            location="Canteen",
            privacy="public",
            show_as="free",
        )
        self.sync()
        event = self.event_of(remote)
        self.assertEqual(event.name, "Lunch")
        self.assertEqual(event.start, self.at(2, 12).start.replace(tzinfo=None))
        self.assertEqual(event.stop, self.at(2, 12).stop.replace(tzinfo=None))
        self.assertIn("<b>soup</b>", event.description)
        self.assertEqual(event.location, "Canteen")
        self.assertEqual(event.privacy, "public")
        self.assertEqual(event.show_as, "free")
        self.assertEqual(event.user_id, self.ann)
        self.assertEqual(event.partner_ids, self.ann.partner_id)
        self.assertEqual(account.run_ids[:1].created_count, 1)
        self.assertTrue(account.last_sync)
        self.assertQuiet()

    def test_an_all_day_event_keeps_its_days(self):
        self.connect(self.ann)
        first = self.at(3).start.date()
        remote = self.put(when=When(first, date.fromordinal(first.toordinal() + 2)))
        self.sync()
        event = self.event_of(remote)
        self.assertTrue(event.allday)
        self.assertEqual(event.start_date, first)
        self.assertEqual(event.stop_date, date.fromordinal(first.toordinal() + 1))
        self.assertQuiet()

    def test_a_new_target_gets_the_meetings_of_one_that_is_gone(self):
        account = self.connect(self.ann)
        imported = self.put(name="Lunch")
        meeting = self.meeting(name="Board")
        self.sync()
        self.server.calendars.pop("odoo-ann@example.com")
        account._fetch_calendars()
        self.assertFalse(account.target_calendar_id)
        self.server.add_calendar("ann@example.com", "new", name="Odoo")
        account._fetch_calendars()
        account.target_calendar_id = account.calendar_ids.filtered(
            lambda calendar: calendar.remote_id == "new"
        )
        self.sync()
        self.assertEqual([e.fields.name for e in self.remote("new")], ["Board"])
        self.assertEqual(len(meeting.sync_link_ids), 2)
        self.assertEqual(len(self.event_of(imported).sync_link_ids), 1)
        self.assertQuiet()

    def test_a_meeting_goes_to_the_target_and_comes_back_unchanged(self):
        self.connect(self.ann)
        meeting = self.meeting(
            name="Planning", location="Room 1", description="<p>Agenda</p>"
        )
        self.assertEqual(meeting.sudo(False).with_user(self.ann).sync_state, "pending")
        self.sync()
        [remote] = self.remote("odoo-ann@example.com")
        self.assertEqual(remote.fields.name, "Planning")
        self.assertEqual(remote.fields.location, "Room 1")
        self.assertEqual(remote.fields.when, self.at())
        self.assertEqual(remote.attendees, ())
        self.assertEqual(meeting.with_user(self.ann).sync_state, "synced")
        self.assertQuiet()
        self.assertEqual(meeting.description, "<p>Agenda</p>")

    def test_changes_travel_both_ways(self):
        self.connect(self.ann)
        remote = self.put(name="Lunch")
        self.sync()
        event = self.event_of(remote)
        event.with_user(self.ann).write({"name": "Late lunch"})
        self.sync()
        [there] = self.remote("ann@example.com")
        self.assertEqual(there.fields.name, "Late lunch")
        self.server.edit("ann@example.com", remote.remote_id, location="Park")
        self.sync()
        self.assertEqual(event.location, "Park")
        self.assertEqual(event.name, "Late lunch")
        self.assertQuiet()

    def test_different_fields_changed_on_both_sides_are_merged(self):
        self.connect(self.ann)
        remote = self.put(name="Lunch", location="Canteen")
        self.sync()
        event = self.event_of(remote)
        event.with_user(self.ann).write({"name": "Late lunch"})
        self.server.edit("ann@example.com", remote.remote_id, location="Park")
        self.sync()
        self.assertEqual((event.name, event.location), ("Late lunch", "Park"))
        [there] = self.remote("ann@example.com")
        self.assertEqual(
            (there.fields.name, there.fields.location), ("Late lunch", "Park")
        )
        self.assertQuiet()

    def test_of_a_conflict_the_provider_wins_and_what_lost_is_kept(self):
        account = self.connect(self.ann)
        remote = self.put(name="Lunch")
        self.sync()
        event = self.event_of(remote)
        event.with_user(self.ann).write({"name": "Mine"})
        self.server.edit("ann@example.com", remote.remote_id, name="Theirs")
        self.sync()
        self.assertEqual(event.name, "Theirs")
        run = account.run_ids[:1]
        self.assertEqual(run.conflict_count, 1)
        lines = run.line_ids.filtered(lambda line: line.kind == "conflict")
        self.assertEqual(lines.lost, {"name": "Mine"})
        self.assertEqual(lines.event_id, event)
        self.assertQuiet()

    def test_deletions_travel_both_ways(self):
        self.connect(self.ann)
        one, two = self.put(name="One"), self.put(name="Two")
        meeting = self.meeting()
        self.sync()
        first, second = self.event_of(one), self.event_of(two)
        self.server.remove("ann@example.com", one.remote_id)
        second.with_user(self.ann).unlink()
        meeting.with_user(self.ann).write({"active": False})
        self.sync()
        self.assertTrue(first.exists())
        self.assertFalse(first.active)
        self.assertEqual(self.remote("ann@example.com"), [])
        self.assertEqual(self.remote("odoo-ann@example.com"), [])
        self.assertQuiet()

    def test_a_change_wins_over_a_deletion(self):
        self.connect(self.ann)
        one, two = self.put(name="One"), self.put(name="Two")
        self.sync()
        first, second = self.event_of(one), self.event_of(two)
        first.with_user(self.ann).write({"active": False})
        self.server.edit("ann@example.com", one.remote_id, name="One more")
        second.with_user(self.ann).write({"name": "Two more"})
        self.server.remove("ann@example.com", two.remote_id)
        self.sync()
        self.assertTrue(first.active)
        self.assertEqual(first.name, "One more")
        self.assertTrue(second.active)
        names = {e.fields.name for e in self.remote("ann@example.com")}
        self.assertEqual(names, {"One more", "Two more"})
        self.assertQuiet()

    def test_private_events_stay_out_until_they_are_wanted(self):
        account = self.connect(self.ann)
        self.put(name="Doctor", privacy="private")
        secret = self.meeting(name="Secret", privacy="private")
        self.sync()
        self.assertFalse(self.env["calendar.event"].search([("name", "=", "Doctor")]))
        self.assertFalse(self.remote("odoo-ann@example.com"))
        account.with_user(self.ann).write({"sync_private": True})
        self.sync()
        event = self.env["calendar.event"].search([("name", "=", "Doctor")])
        self.assertEqual(event.privacy, "private")
        [there] = self.remote("odoo-ann@example.com")
        self.assertEqual(there.fields.privacy, "private")
        self.assertQuiet()
        account.with_user(self.ann).write({"sync_private": False})
        self.sync()
        self.assertFalse(event.active)
        self.assertTrue(secret.active)
        self.assertEqual(len(self.remote("ann@example.com")), 1)
        self.assertFalse(self.remote("odoo-ann@example.com"))
        self.assertQuiet()
        account.with_user(self.ann).write({"sync_private": True})
        self.sync()
        self.assertTrue(event.active)
        self.assertEqual(len(self.remote("odoo-ann@example.com")), 1)
        self.assertQuiet()

    def test_a_setting_changed_while_a_run_is_on_its_way_counts(self):
        account = self.connect(self.ann)
        self.server.page_size = 1
        for n in range(3):
            self.put(name=f"Doctor {n}", privacy="private")
        for step in range(1, 9):
            with self.subTest(step=step):
                account.with_user(self.ann).write({"sync_private": False})
                self.sync()
                points = count(1)

                def somebody_decides(accounts, moment, step=step, points=points):
                    if next(points) == step:
                        own = accounts.browse(account.id).with_user(self.ann)
                        own.write({"sync_private": True})
                        # in a transaction of its own
                        own.env.cr.commit()  # pylint: disable=invalid-commit

                account.calendar_ids._list_again()
                with patch.object(Cron, "_on_step", somebody_decides):
                    self.cron()
                self.cron()
                found = self.env["calendar.event"].search([("name", "like", "Doctor")])
                self.assertEqual(len(found), 3)
                self.assertQuiet()

    def test_many_private_meetings_leave_the_calendar_without_a_question(self):
        account = self.connect(self.ann, sync_private=True)
        for n in range(12):
            self.meeting(name=f"Secret {n}", when=self.at(n + 1), privacy="private")
        self.sync()
        self.assertEqual(len(self.remote("odoo-ann@example.com")), 12)
        account.with_user(self.ann).write({"sync_private": False})
        self.sync()
        self.assertFalse(self.remote("odoo-ann@example.com"))
        self.assertFalse(account.attention)
        self.assertQuiet()

    def test_default_visibility_is_not_written_back(self):
        self.connect(self.ann)
        remote = self.put(name="Lunch", privacy="default")
        self.sync()
        event = self.event_of(remote)
        self.assertFalse(event.privacy, "it follows its user")
        event.with_user(self.ann).write({"name": "Dinner"})
        self.sync()
        [there] = self.remote("ann@example.com")
        self.assertEqual(there.fields.privacy, "default")
        event.with_user(self.ann).write({"privacy": "private"})
        self.sync()
        [there] = self.remote("ann@example.com")
        self.assertEqual(there.fields.privacy, "private")

    def test_past_declined_and_foreign_kinds_stay_out(self):
        self.connect(self.ann)
        self.put(name="Old", when=self.at(-40))
        self.put(
            name="Declined",
            organizer=self.person("x@example.com"),
            attendees=(
                self.person("ann@example.com", is_self=True, response="declined"),
            ),
        )
        self.put(name="Home office", kind="workingLocation")
        self.put(name="Broken", problem="It has no end.")
        account = self.env["calendar.sync.account"].search(
            [("user_id", "=", self.ann.id)]
        )
        good = self.put(name="Good")
        self.sync()
        names = self.env["calendar.event"].search([("user_id", "=", self.ann.id)])
        self.assertEqual(names.mapped("name"), ["Good"])
        failed = account.link_ids.filtered(lambda link: link.state == "failed")
        self.assertEqual(failed.error, "It has no end.")
        self.assertIn("1", account.attention)
        self.assertTrue(self.event_of(good))

    def test_twelve_of_twenty_deleted_is_a_question(self):
        account = self.connect(self.ann)
        remotes = [self.put(name=f"Event {n}") for n in range(20)]
        self.sync()
        for remote in remotes[:12]:
            self.server.remove("ann@example.com", remote.remote_id)
        self.put(name="New")
        self.sync()
        events = self.env["calendar.event"].search([("user_id", "=", self.ann.id)])
        self.assertEqual(len(events), 21)
        self.assertIn("12", account.attention)
        self.assertIn("20", account.attention)
        calendar = account.calendar_ids.filtered("is_source")
        calendar.with_user(self.ann).action_apply_held()
        events = self.env["calendar.event"].search([("user_id", "=", self.ann.id)])
        self.assertEqual(len(events), 9)
        self.assertFalse(account.attention)
        self.assertQuiet()

    def test_masses_deleted_remotely_can_be_restored_from_odoo(self):
        account = self.connect(self.ann)
        remotes = [self.put(name=f"Event {n}") for n in range(12)]
        self.sync()
        for remote in remotes:
            self.server.remove("ann@example.com", remote.remote_id)
        self.sync()
        calendar = account.calendar_ids.filtered("is_source")
        calendar.with_user(self.ann).action_restore_held()
        self.sync()
        self.assertEqual(len(self.remote("ann@example.com")), 12)
        self.assertFalse(account.attention)
        self.assertQuiet()

    def test_masses_deleted_in_odoo_are_a_question(self):
        account = self.connect(self.ann)
        for n in range(12):
            self.put(name=f"Event {n}")
        self.sync()
        events = self.env["calendar.event"].search([("user_id", "=", self.ann.id)])
        events.with_user(self.ann).unlink()
        self.sync()
        self.assertEqual(len(self.remote("ann@example.com")), 12)
        self.assertIn("12", account.attention)
        calendar = account.calendar_ids.filtered("is_source")
        calendar.with_user(self.ann).action_restore_held()
        self.sync()
        events = self.env["calendar.event"].search([("user_id", "=", self.ann.id)])
        self.assertEqual(len(events), 12)
        self.assertFalse(account.attention)
        self.assertQuiet()
        events = self.env["calendar.event"].search([("user_id", "=", self.ann.id)])
        events.with_user(self.ann).unlink()
        self.sync()
        self.assertEqual(len(self.remote("ann@example.com")), 12)
        calendar.with_user(self.ann).action_apply_held()
        self.sync()
        self.assertEqual(self.remote("ann@example.com"), [])
        self.assertQuiet()

    def test_meetings_on_both_sides_before_the_first_run_are_bound_not_copied(self):
        account = self.connect(self.ann)
        meeting = self.meeting(name="Lunch", when=self.at(2))
        remote = self.put(name="Lunch", when=self.at(2))
        self.sync()
        self.assertEqual(self.event_of(remote), meeting)
        self.assertEqual(self.remote("odoo-ann@example.com"), [])
        self.assertEqual(len(account.link_ids), 1)
        self.assertQuiet()

    def test_a_dead_token_leads_to_a_full_listing_that_loses_nothing(self):
        self.connect(self.ann)
        kept, gone = self.put(name="Kept"), self.put(name="Gone")
        self.sync()
        self.server.remove("ann@example.com", gone.remote_id)
        self.server.expire_tokens()
        new = self.put(name="New")
        self.sync()
        self.assertTrue(self.event_of(kept).active)
        self.assertTrue(self.event_of(new).active)
        gone = self.env["calendar.event"].search(
            [("name", "=", "Gone"), ("active", "=", False)]
        )
        self.assertEqual(len(gone), 1)
        self.assertQuiet()
