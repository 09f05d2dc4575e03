"""Booking an interview: atomic, fair, asked once more, and told once."""

import contextlib
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from psycopg2.errors import SerializationFailure

from odoo import SUPERUSER_ID, Command, api
from odoo.exceptions import UserError
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, get_db_name, tagged

from ..models.hr_interview_booking import CalendarUnreachable
from ..models.hr_interview_claim import SlotTaken
from .interview_common import InterviewCase, span, utc


@tagged("post_install", "-at_install")
class TestParallelChanges(BaseCase):
    """Two workers, each with a connection of its own to the database."""

    @contextlib.contextmanager
    def worker(self):
        with Registry(get_db_name()).cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def setUp(self):
        super().setUp()
        with self.worker() as env:
            applicant = env["hr.applicant"].create({"partner_name": "Worker test"})
            interview = env["hr.interview"].create({"applicant_id": applicant.id})
            self.ids = interview.ids
        self.addCleanup(self.clean)

    def clean(self):
        with self.worker() as env:
            env["hr.interview"].browse(self.ids).applicant_id.unlink()

    def test_who_comes_second_starts_again_and_no_error_is_logged(self):
        with self.worker() as one, self.worker() as two:
            interview = one["hr.interview"].browse(self.ids)
            self.assertEqual(interview.state, "draft")
            two["hr.interview"].browse(self.ids)._cancel()
            two.cr.commit()
            with (
                self.assertNoLogs("odoo.sql_db", "WARNING"),
                self.assertRaises(SerializationFailure),
            ):
                interview._lock()
            one.cr.rollback()


@tagged("post_install", "-at_install")
class TestInterviewBooking(InterviewCase):
    def book(self, interview, clock):
        interview.action_book(self.slot(interview, clock).id)

    def searched(self, *panels, **values):
        interview = self.new_interview(*panels, **values)
        interview.action_find_slots()
        return interview

    def exporting(self, user):
        """A connection to whose target Odoo's meetings are written."""
        account = self.env["calendar.sync.account"].create(
            {"user_id": user.id, "provider": "google", "state": "active"}
        )
        account.target_calendar_id = account.calendar_ids.create(
            {
                "account_id": account.id,
                "remote_id": "odoo",
                "name": "Odoo",
                "access_role": "owner",
            }
        )
        return account

    # -- what a booking makes

    def test_a_booking_is_one_meeting_of_all_interviewers_and_one_mail(self):
        interview = self.searched(self.ann | self.bob, location="Room 1")
        with self.mails() as mails:
            self.book(interview, "09:00")
        event = interview.event_id
        self.assertEqual(interview.state, "booked")
        self.assertEqual(interview.interviewer_ids, self.ann | self.bob)
        self.assertEqual((event.start, event.stop), (utc("Mo 09:00"), utc("Mo 10:00")))
        self.assertEqual(event.partner_ids, (self.ann | self.bob).partner_id)
        self.assertEqual(event.applicant_id, self.applicant)
        self.assertEqual(event.user_id, self.recruiter)
        self.assertEqual(event.location, "Room 1")
        self.assertFalse(event.activity_ids)
        self.assertEqual(len(mails), 1)
        self.assertEqual(mails[0].attachment_ids.mapped("name"), ["interview.ics"])
        self.assertEqual(
            interview.slot_ids.mapped("state"),
            ["booked"],
            "the others are no longer shown",
        )

    def test_the_calendar_entry_names_no_interviewers_address(self):
        interview = self.searched(self.ann)
        self.book(interview, "09:00")
        text = interview._ics("REQUEST").replace("\r\n ", "")
        self.assertIn("DTSTART:20261130T090000Z", text)
        self.assertIn("METHOD:REQUEST", text)
        self.assertNotIn(self.ann.email, text)
        self.assertIn(interview.access_token, text)
        for line in interview._ics().split("\r\n"):
            self.assertLessEqual(len(line.encode()), 75)

    def test_the_calendar_entry_is_well_formed(self):
        interview = self.searched(self.ann)
        self.book(interview, "09:00")
        interview.event_id.location = "Dome 1,\rSky Hill; left\n\u2028door\\2"
        invitation, published = interview._ics("REQUEST"), interview._ics()
        self.assertIn("ATTENDEE", invitation)
        self.assertNotIn("ATTENDEE", published, "RFC 5546, 3.2.1")
        where = r"LOCATION:Dome 1\,\nSky Hill\; left\n\ndoor\\2"
        self.assertIn(where, published.split("\r\n"))

    def test_video_call(self):
        interview = self.searched(video=True)
        self.book(interview, "09:00")
        self.assertIn(
            "/calendar/join_videocall/", interview.event_id.videocall_location
        )
        self.assertIn("URL:", interview._ics())

    def test_what_waits_for_the_network_is_committed_one_by_one(self):
        """And what a person has done meanwhile counts."""
        for number in range(3):
            interview = self.searched(applicant=self.new_applicant(f"Alex {number}"))
            interview.action_book(interview.slot_ids[number].id)
            interview.sudo().mail_waiting = "booked"
        interviews = self.env["hr.interview"]._waiting_for_room()
        steps = []

        def mail(interview, kind):
            steps.append(interview.id)
            if interview == interviews[0]:  # somebody else cancels the last one
                self.env.cr.execute(
                    "UPDATE hr_interview SET mail_waiting = NULL WHERE id = %s",
                    [interviews[2].id],
                )

        with (
            patch.object(self.env.registry["hr.interview"], "_mail", mail),
            patch.object(
                self.env.registry["ir.cron"],
                "_commit_progress",
                lambda *a, **k: steps.append("committed") or 1,
            ),
        ):
            self.env["hr.interview"]._cron_interviews()
        one, two, _three = interviews.ids
        done = "committed"
        self.assertEqual(steps, [done, one, done, two, done, done, done])

    def test_one_line_in_the_chatter_per_change(self):
        interview = self.searched()
        before = self.applicant.message_ids
        self.book(interview, "09:00")
        self.assertEqual(len(self.applicant.message_ids - before), 1)

    def test_odoo_invites_whoever_the_sync_does_not_reach(self):
        """A connection without a calendar for Odoo's meetings reaches nobody."""
        self.exporting(self.ann)
        self.exporting(self.bob).target_calendar_id = False
        interview = self.searched(self.ann | self.bob)
        self.book(interview, "09:00")
        invited = interview._unreached(interview.event_id.sudo()).partner_id
        self.assertEqual(invited, self.bob.partner_id)
        mails = self.env["mail.mail"].sudo().search([("subject", "like", "Invitation")])
        self.assertEqual(mails.recipient_ids, self.bob.partner_id)

    def test_a_busy_time_is_our_own_only_where_we_write_to(self):
        """A slot of the interview itself is free for it, a stranger's time is not."""
        account = self.exporting(self.ann)
        calendar = account.target_calendar_id
        interview = self.searched()
        self.book(interview, "09:00")
        event = interview.event_id.sudo()
        event.sync_link_ids.unlink()
        taken = [span("Mo", "09:00", "10:00")]
        self.live[self.ann.id] = taken

        def free():
            window = (taken[0].start, taken[0].stop)
            people = interview._people(self.ann, *window, interview)
            return not people[self.ann].live

        writing = {
            "mode": "two_way",
            "state": "active",
            "target_calendar_id": calendar.id,
        }
        cases = (
            ({}, True),
            ({"mode": "availability"}, False),
            ({"target_calendar_id": False}, False),
            ({"state": "paused"}, False),
            ({"state": "revoked"}, False),
        )
        for values, ours in cases:
            with self.subTest(values):
                account.write(writing | values)
                self.assertEqual(free(), ours)
        self.env["calendar.sync.link"].create(
            {
                "event_id": event.id,
                "calendar_id": calendar.id,
                "remote_id": "x",
                "origin": "odoo",
            }
        )
        self.assertTrue(free(), "written there before")

    # -- asked once more

    def test_a_slot_that_became_busy_in_the_calendar_is_refused(self):
        interview = self.searched()
        self.live[self.ann.id] = [span("Mo", "09:30", "09:40")]
        with self.assertRaises(SlotTaken):
            self.book(interview, "09:00")
        self.assertEqual(interview.state, "draft")
        self.assertFalse(interview.event_id)

    def test_a_slot_taken_by_a_meeting_of_odoo_is_refused(self):
        interview = self.searched()
        self.meeting(self.ann, "Mo", "09:30", "09:45")
        with self.assertRaises(SlotTaken):
            self.book(interview, "09:00")

    def test_an_unreachable_calendar_refuses_unless_the_company_decided_otherwise(self):
        interview = self.searched()
        del self.live[self.ann.id]
        with self.assertRaises(CalendarUnreachable):
            self.book(interview, "09:00")
        self.env.company.interview_unreachable = "odoo"
        before = self.applicant.message_ids
        self.book(interview, "09:00")
        note = (self.applicant.message_ids - before).body
        self.assertIn("could not be asked", note)
        self.assertIn("<br", note, "line by line")

    def test_slots_are_chosen_by_one_id_or_several_and_nonsense_is_refused(self):
        interview, other = self.searched(), self.searched()
        foreign = other.slot_ids[0].id
        for nonsense in ("5", {"id": 5}, 5.5, [None], ["5"], True, [[5]]):
            with self.subTest(nonsense):
                with self.assertRaisesRegex(UserError, "by its id"):
                    interview.action_offer(nonsense)
                with self.assertRaisesRegex(UserError, "by its id"):
                    interview.action_book(nonsense)
        own = interview.slot_ids[0].id
        for unknown in (2**40, foreign, [own, foreign], -1):
            with self.subTest(unknown):
                with self.assertRaisesRegex(UserError, "Find free slots again"):
                    interview.action_offer(unknown)
                with self.assertRaisesRegex(UserError, "Find free slots again"):
                    interview.action_book(unknown)
        self.assertEqual(interview.state, "draft")
        with self.assertRaises(UserError):
            interview.action_book(interview.slot_ids.ids)
        interview.action_offer(own)
        self.assertEqual(interview.slot_ids.ids, [own])
        interview.action_book([own])
        self.assertEqual(interview.state, "booked")

    def test_what_a_calendar_does_not_tell_yet_is_no_reason_to_book(self):
        interview = self.searched()
        self.until[self.ann.id] = span("Mo", "12:00", "13:00").start
        with self.assertRaisesRegex(CalendarUnreachable, "not so far ahead"):
            self.book(interview, "12:00")
        interview.unknown_policy = "leave_out"
        interview.action_find_slots()
        interview.action_book(self.slot(interview, "10:00").id)
        self.assertEqual(interview.state, "booked")

    def test_only_open_slots_of_this_interview(self):
        interview, other = self.searched(), self.searched()
        with self.assertRaises(SlotTaken):
            interview.action_book(self.slot(other, "09:00").id)
        self.book(interview, "09:00")
        with self.assertRaises(SlotTaken):
            interview.action_book(interview.slot_ids.id)

    # -- two interviews, one interviewer

    def test_two_interviews_cannot_share_an_interviewers_time(self):
        first = self.searched(self.ann)
        second = self.searched(self.ann | self.bob, duration=90, step=30)
        self.book(first, "09:00")
        with self.assertRaises(SlotTaken):
            self.book(second, "08:30")
        second.action_find_slots()
        self.assertNotIn("08:30", self.starts(second))
        self.assertIn("12:00", self.starts(second))

    def test_the_database_itself_refuses_an_overlap(self):
        """What another transaction took meanwhile is invisible, and yet decisive."""
        first, second = self.searched(), self.searched()
        self.book(first, "09:00")
        claims = self.env["hr.interview.claim"]
        with self.assertRaises(SlotTaken):
            claims._take(second, self.ann, utc("Mo 09:59"), utc("Mo 10:30"))
        claims._take(second, self.ann, utc("Mo 10:00"), utc("Mo 10:30"))

    def test_buffers_are_kept_after_booking_and_may_touch_each_other(self):
        first = self.searched(buffer_after=15)
        self.book(first, "09:00")
        second = self.searched(step=15, duration=30)
        self.assertNotIn("10:00", self.starts(second))
        self.assertIn("10:15", self.starts(second))
        third = self.searched(step=15, duration=30, buffer_before=15)
        self.assertIn("10:15", self.starts(third), "15 minutes serve both")
        self.book(third, "10:15")

    # -- N of a panel

    def test_the_one_with_the_fewest_interviews_is_chosen_and_it_is_said_why(self):
        busy = self.searched(self.ann)
        self.book(busy, "07:00")
        interview = self.searched((1, self.ann | self.bob))
        self.book(interview, "09:00")
        self.assertEqual(interview.interviewer_ids, self.bob)
        self.assertIn("fewest", interview.choice_reason)
        self.assertIn("Ann (1)", interview.choice_reason)
        self.assertIn("last 30 days and ahead", interview.choice_reason)
        self.assertEqual(interview._claims().user_id, self.bob, "ann's time is her own")

    def test_another_member_steps_in_when_the_first_is_taken_meanwhile(self):
        interview = self.searched((1, self.ann | self.bob))
        claims = self.env["hr.interview.claim"]
        claims._take(self.searched(), self.ann, utc("Mo 09:00"), utc("Mo 10:00"))
        self.book(interview, "09:00")
        self.assertEqual(interview.interviewer_ids, self.bob)

    # -- moving

    def test_moving_keeps_the_meeting_and_ignores_its_own_time(self):
        interview = self.searched(step=30)
        self.book(interview, "09:00")
        event, token = interview.event_id, interview.access_token
        self.exporting(self.ann)
        self.live[self.ann.id] = [span("Mo", "09:00", "10:00")]  # our own entry
        interview.action_find_slots()
        self.assertIn("09:30", self.starts(interview))
        with self.mails() as mails:
            self.book(interview, "09:30")
        self.assertEqual(interview.event_id, event)
        self.assertEqual(event.start, utc("Mo 09:30"))
        self.assertEqual(interview.access_token, token)
        self.assertEqual(len(mails), 1)
        self.assertEqual(interview._claims().filtered("kind").start, utc("Mo 09:30"))

    def test_in_a_calendar_we_only_ask_a_busy_time_is_somebody_elses(self):
        interview = self.searched(step=30)
        self.book(interview, "09:00")
        self.live[self.ann.id] = [span("Mo", "09:00", "10:00")]
        interview.action_find_slots()
        self.assertNotIn("09:30", self.starts(interview))

    # -- offers and holds

    def test_an_offer_makes_the_link_and_opens_the_composer(self):
        interview = self.searched()
        slots = self.slot(interview, "09:00") | self.slot(interview, "13:00")
        with self.mails() as mails:
            action = interview.action_offer(slots.ids)
        self.assertEqual(interview.state, "offered")
        self.assertEqual(interview.slot_ids, slots)
        self.assertTrue(interview.access_token)
        self.assertIn(interview.access_token, interview.share_url)
        self.assertEqual(action["res_model"], "mail.compose.message")
        self.assertFalse(mails, "the recruiter sends it")
        composer = (
            self.env["mail.compose.message"]
            .with_user(self.recruiter)
            .with_context(**action["context"])
            .create({})
        )
        self.assertIn(interview.access_token, composer.body)
        self.assertEqual(composer.partner_ids, self.applicant.partner_id)
        composer._action_send_mail()
        context = interview.action_compose_offer()["context"]
        again = composer.with_context(**context)
        self.assertEqual(again.create({}).partner_ids, self.applicant.partner_id)

    def test_holds_block_others_and_not_the_offer_itself(self):
        offer = self.searched(step=30)
        slots = self.slot(offer, "09:00") | self.slot(offer, "09:30")
        offer.action_offer(slots.ids, hold=True)
        self.assertTrue(offer.hold)
        self.assertEqual(slots.mapped("state"), ["held", "held"])
        entries = slots.hold_event_id
        self.assertEqual(entries.attendee_ids.mapped("state"), ["tentative"] * 2)
        other = self.searched()
        self.assertNotIn("09:00", self.starts(other))
        self.assertIn("12:00", self.starts(other))
        with self.assertRaises(SlotTaken):
            other._take(self.ann, utc("Mo 09:00"), utc("Mo 09:30"))
        offer.action_book(slots[1].id)
        self.assertFalse(entries.exists())
        self.assertFalse(offer._claims().filtered("held"))
        other.action_find_slots()
        self.assertIn("08:00", self.starts(other))
        self.assertNotIn("09:00", self.starts(other))

    def test_withdrawing_and_expiring_release_what_was_held(self):
        def withdraw(offer):
            offer.action_withdraw()

        def scheduler(offer):
            offer.expires_at = "2026-11-27 09:00:00"
            cron = self.env.ref("calendar_cronofy_sync.ir_cron_interview")
            with self.enter_registry_test_mode(), contextlib.suppress(UserError):
                cron.method_direct_trigger()

        def housekeeping(offer):
            offer.expires_at = "2026-11-27 09:00:00"
            self.env["calendar.sync.account"]._cron_housekeeping()

        for act, state in (
            (withdraw, "draft"),
            (scheduler, "expired"),
            (housekeeping, "expired"),
        ):
            with self.subTest(act.__name__):
                offer = self.searched()
                offer.action_offer(self.slot(offer, "09:00").ids, hold=True)
                entry = offer.slot_ids.hold_event_id
                act(offer)
                self.assertEqual(offer.state, state)
                self.assertFalse(entry.exists())
                self.assertFalse(offer._claims())

    def test_the_scheduler_comes_when_the_offer_ends(self):
        cron = self.env.ref("calendar_cronofy_sync.ir_cron_interview")
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
        offer = self.searched()
        forgotten = offer.searched + timedelta(hours=1)
        offer.action_offer()
        offer.expires_at = "2026-11-29 09:00:00"
        new = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]) - triggers
        self.assertEqual(
            set(new.mapped("call_at")),
            {offer.date_to, offer.expires_at, forgotten},
        )

    def test_somebody_who_deletes_the_tentative_entry_frees_the_slot(self):
        self.book(self.searched(applicant=self.new_applicant("Eve E")), "13:00")
        offer = self.searched()
        offer.action_offer(self.slot(offer, "09:00").ids, hold=True)
        offer.slot_ids.hold_event_id.active = False
        self.assertFalse(offer._claims())
        self.assertEqual(offer.slot_ids.state, "proposed")

    def test_nothing_to_offer(self):
        with self.assertRaises(UserError):
            self.new_interview().action_offer()

    # -- cancelling

    def test_cancelling_archives_the_meeting_and_frees_everybody(self):
        interview = self.searched()
        self.book(interview, "09:00")
        with self.mails() as mails:
            interview.action_cancel()
        self.assertEqual(interview.state, "cancelled")
        self.assertFalse(interview.event_id.active)
        self.assertFalse(interview._claims())
        self.assertEqual(len(mails), 1)
        self.assertIn("09:00", self.starts(self.searched()))

    def test_a_booked_interview_cannot_be_deleted(self):
        interview = self.searched()
        self.book(interview, "09:00")
        with self.assertRaises(UserError):
            interview.unlink()

    # -- by itself

    def test_a_stage_of_the_job_offers_by_itself(self):
        stage = self.env["hr.recruitment.stage"].create({"name": "Interview"})
        self.job.write(
            {
                "interview_stage_id": stage.id,
                "interviewer_ids": [Command.set(self.ann.ids)],
                "interview_days": 7,
            }
        )
        self.asked.clear()
        self.applicant.with_user(self.recruiter).stage_id = stage
        self.assertFalse(self.asked, "no network in the user's own write")
        interview = self.applicant.interview_ids
        self.assertEqual(interview.state, "draft")
        with self.mails() as mails, self.enter_registry_test_mode():
            self.env.ref(
                "calendar_cronofy_sync.ir_cron_interview"
            ).method_direct_trigger()
        self.assertEqual(interview.state, "offered")
        self.assertEqual(len(mails), 1)
        self.assertIn(interview.access_token, mails[0].body_html)

    def test_one_interview_that_fails_stops_no_other(self):
        left, broken, good = (
            self.new_interview(users, applicant=self.new_applicant(name))
            for users, name in (
                (self.bob, "Lea Left"),
                (self.carl, "Bo"),
                (self.ann, "Al"),
            )
        )
        (left | broken | good).sudo().auto_offer = True
        self.bob.active = False
        interviews = self.env.registry["hr.interview"]
        look = interviews._look

        def failing(interview):
            if interview.id == broken.id:
                raise ZeroDivisionError
            return look(interview)

        with (
            self.mails(),
            patch.object(interviews, "_look", failing),
            self.assertLogs("odoo.addons.calendar_cronofy_sync", "ERROR") as log,
            self.enter_registry_test_mode(),
        ):
            self.env.ref(
                "calendar_cronofy_sync.ir_cron_interview"
            ).method_direct_trigger()
        self.assertEqual(good.state, "offered")
        self.assertEqual(len(log.records), 1)
        self.assertTrue(broken.auto_offer, "tried again")
        self.assertFalse(left.auto_offer, "the recruiter is asked")
        self.assertIn("Bob is missing", left.reasons)
        self.assertEqual(left.activity_ids.user_id, self.recruiter)

    # -- who has left

    def test_fewer_than_a_panel_asks_for_are_never_booked(self):
        """Somebody who was archived, as user or as employee, is missing."""
        employee = self.env["hr.employee"].create(
            {"name": "Carl", "user_id": self.carl.id}
        )
        for panel in (
            self.ann | self.bob,
            self.ann | self.carl,
            (2, self.ann | self.bob | self.carl),
        ):
            with self.subTest(panel=panel):
                interview = self.searched(panel)
                slot = self.slot(interview, "09:00")
                self.assertTrue(slot)
                self.bob.active = employee.active = False
                with self.assertRaises(SlotTaken):
                    interview.action_book(slot.id)
                interview.action_find_slots()
                self.assertFalse(interview.slot_ids)
                self.assertIn("is missing", interview.reasons)
                self.assertNotIn("could not be asked", interview.reasons)
                self.bob.active = employee.active = True

    def test_a_missing_member_is_not_needed_where_enough_are_left(self):
        interview = self.searched((1, self.ann | self.bob))
        self.bob.active = False
        self.book(interview, "09:00")
        self.assertEqual(interview.interviewer_ids, self.ann)

    def test_no_policy_makes_a_missing_member_free_or_unneeded(self):
        for policy in ("odoo", "leave_out", "unknown"):
            with self.subTest(policy=policy):
                interview = self.new_interview(
                    self.ann | self.bob, unknown_policy=policy
                )
                self.bob.active = False
                interview.action_find_slots()
                self.assertFalse(interview.slot_ids)
                interview.left_out_user_ids = self.bob
                interview.action_find_slots()
                self.assertTrue(interview.slot_ids, "the recruiter can do without")
                self.bob.active = True

    def test_the_recruiter_is_told_who_is_missing(self):
        offered, booked = self.searched(self.ann | self.bob), self.searched(self.bob)
        offered.action_offer()
        self.book(booked, "09:00")
        self.bob.active = False
        with self.enter_registry_test_mode():
            for _twice in range(2):
                cron = self.env.ref("calendar_cronofy_sync.ir_cron_interview")
                cron.method_direct_trigger()
        for interview in offered | booked:
            activity = interview.sudo().activity_ids
            self.assertEqual(activity.user_id, self.recruiter)
            self.assertIn("Bob", activity.summary)
        self.assertEqual(booked.interviewer_ids, self.bob, "until somebody steps in")
        booked.action_swap(self.bob.id, self.ann.id)
        self.assertEqual(booked.interviewer_ids, self.ann)

    # -- fairness

    def taken(self, user, day):
        """A booked interview of the user at nine o'clock on a day in the past."""
        with freeze_time(f"{day} 06:00:00"):
            interview = self.new_interview(
                user, date_from=day, date_to=day, applicant=self.new_applicant("Al")
            )
            interview.action_find_slots()
            interview.action_book(interview.slot_ids[0].id)

    def test_interviews_count_over_a_rolling_period_whatever_the_range(self):
        """Thirty days back and all that is to come, not the range searched."""
        self.taken(self.ann, "2026-11-10")
        self.taken(self.bob, "2026-09-01")
        self.taken(self.bob, "2026-09-02")
        interview = self.searched((1, self.ann | self.bob))
        self.book(interview, "09:00")
        self.assertEqual(interview.interviewer_ids, self.bob)
        self.assertIn("Ann (1)", interview.choice_reason)
        self.assertIn("30 days", interview.choice_reason)
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("calendar_cronofy_sync.fairness_days", "100")
        interview = self.searched((1, self.ann | self.bob))
        self.book(interview, "13:00")
        self.assertEqual(interview.interviewer_ids, self.ann)

    def test_what_is_to_come_counts_without_an_end(self):
        far = self.new_interview(self.ann, date_from="2027-03-01", date_to="2027-03-01")
        far.action_find_slots()
        far.action_book(far.slot_ids[0].id)
        interview = self.searched((1, self.ann | self.bob))
        self.book(interview, "09:00")
        self.assertEqual(interview.interviewer_ids, self.bob)

    def test_among_equals_whoever_was_booked_longest_ago_is_chosen(self):
        """And not whoever comes first in the alphabet."""
        self.taken(self.bob, "2026-11-09")
        self.taken(self.ann, "2026-11-10")
        interview = self.searched((1, self.ann | self.bob))
        self.book(interview, "09:00")
        self.assertEqual(interview.interviewer_ids, self.bob)
        self.assertIn("longest ago", interview.choice_reason)

    # -- holding

    def test_an_offer_holds_its_slots_as_the_field_says(self):
        for field, told, holds in (
            (True, None, True),
            (True, False, False),
            (False, None, False),
            (False, True, True),
        ):
            with self.subTest(field=field, told=told):
                interview = self.searched(hold=field)
                slot = self.slot(interview, "09:00")
                interview.action_offer(slot.ids, hold=told)
                self.assertEqual(slot.state, "held" if holds else "proposed")
                self.assertEqual(bool(slot.sudo().hold_event_id), holds)
                self.assertEqual(interview.hold, holds)
                interview.action_cancel()
