"""Afterwards: whoever changes it and wherever, one interview, one meeting, one mail."""

from odoo.tests import tagged

from ..models.calendar_event import QUIET
from ..models.hr_interview_claim import SlotTaken
from .interview_common import InterviewCase, span, utc


@tagged("post_install", "-at_install")
class TestInterviewFollow(InterviewCase):
    def booked(self, *panels, clock="09:00", **values):
        interview = self.new_interview(*panels, **values)
        interview.action_find_slots()
        interview.action_book(self.slot(interview, clock).id)
        return interview

    def change(self, interview, act):
        """What ``act`` brought the applicant: mails, and lines in the chatter."""
        before = self.applicant.message_ids
        with self.mails() as mails:
            act(interview.event_id)
        interview.invalidate_recordset()
        return len(mails), len(self.applicant.message_ids - before)

    def test_moved_in_odoo_or_by_the_sync(self):
        for context in ({}, QUIET):
            with self.subTest(context):
                interview = self.booked()
                told = self.change(
                    interview,
                    lambda event, context=context: event.with_context(**context).write(
                        {"start": utc("Tu 12:00"), "stop": utc("Tu 13:00")}
                    ),
                )
                self.assertEqual(told, (1, 1))
                self.assertEqual(interview.state, "booked")
                self.assertEqual(interview.start, utc("Tu 12:00"))
                booked = interview.slot_ids.filtered(lambda s: s.state == "booked")
                for taken in (interview._claims(), booked):
                    self.assertEqual(set(taken.mapped("start")), {utc("Tu 12:00")})
                interview.action_cancel()

    def test_cancelled_in_odoo_or_by_the_sync(self):
        for act in (
            lambda event: event.write({"active": False}),
            lambda event: event.with_context(**QUIET).write({"active": False}),
            lambda event: event.unlink(),
        ):
            interview = self.booked()
            self.assertEqual(self.change(interview, act), (1, 1))
            self.assertEqual(interview.state, "cancelled")
            self.assertFalse(interview._claims())

    def test_other_changes_of_the_meeting_mail_nobody(self):
        interview = self.booked()
        told = self.change(interview, lambda event: event.write({"name": "Better"}))
        self.assertEqual(told, (0, 0))
        told = self.change(interview, lambda event: event.write({"start": event.start}))
        self.assertEqual(told, (0, 0))

    def test_people_may_double_book_by_hand_and_the_recruiter_is_told(self):
        self.booked(self.ann, clock="09:00")
        interview = self.booked(self.ann, clock="12:00")
        interview.event_id.write({"start": utc("Mo 09:30"), "stop": utc("Mo 10:30")})
        self.assertIn("Ann", " ".join(interview.activity_ids.mapped("summary")))
        self.assertEqual(interview.activity_ids[:1].user_id, self.recruiter)

    def test_an_interviewer_who_declines_raises_an_activity_with_substitutes(self):
        self.meeting(self.dora, "Mo", "09:00", "10:00")
        interview = self.booked((1, self.ann | self.bob | self.carl | self.dora))
        self.assertEqual(interview.interviewer_ids, self.ann)
        attendee = interview.event_id.attendee_ids
        attendee.with_user(self.ann).do_decline()
        activity = interview.activity_ids
        self.assertEqual(activity.user_id, self.recruiter)
        self.assertIn("Ann has declined", activity.summary)
        self.assertIn("Bob, Carl", activity.note)
        self.assertNotIn("Dora", activity.note)
        attendee.do_decline()
        self.assertEqual(len(interview.activity_ids), 1, "told once")

    def test_swapping_keeps_the_appointment_and_the_link(self):
        interview = self.booked((1, self.ann | self.bob))
        event, token = interview.event_id, interview.access_token
        told = self.change(
            interview,
            lambda _event: interview.action_swap(self.ann.id, self.bob.id),
        )
        self.assertEqual(told, (0, 1))
        self.assertEqual(interview.event_id, event)
        self.assertEqual(interview.access_token, token)
        self.assertEqual(event.partner_ids, self.bob.partner_id)
        self.assertEqual(interview._claims().user_id, self.bob)
        self.assertEqual(interview.interviewer_ids, self.bob)

    def test_the_wizard_proposes_whom_to_swap(self):
        interview = self.booked((1, self.ann | self.bob | self.carl))
        self.booked(self.bob, clock="12:00")
        interview.event_id.attendee_ids.do_decline()
        wizard = (
            self.env["hr.interview.swap"]
            .with_user(self.recruiter)
            .create({"interview_id": interview.id})
        )
        self.assertEqual(wizard.user_id, self.ann)
        self.assertEqual(wizard.substitute_id, self.carl, "bob has one already")
        wizard.action_confirm()
        self.assertEqual(interview.interviewer_ids, self.carl)

    def test_a_substitute_is_asked_live(self):
        interview = self.booked((1, self.ann | self.bob))
        self.live[self.bob.id] = [span("Mo", "09:00", "09:30")]
        with self.assertRaises(SlotTaken):
            interview.action_swap(self.ann.id, self.bob.id)
        self.assertEqual(interview.interviewer_ids, self.ann)

    def test_an_interviewer_who_becomes_busy_raises_an_activity(self):
        interview = self.booked()
        self.asked.clear()
        self.meeting(self.ann, "Mo", "09:30", "11:00")
        self.assertFalse(self.asked, "no network in the user's own write")
        self.assertIn("Ann has another meeting", interview.activity_ids.summary)

    def test_meetings_elsewhere_in_the_day_disturb_nobody(self):
        interview = self.booked()
        self.meeting(self.ann, "Mo", "10:00", "11:00")
        self.meeting(self.bob, "Mo", "09:00", "10:00")
        self.meeting(self.ann, "Mo", "09:00", "10:00", show_as="free")
        self.assertFalse(interview.activity_ids)

    def test_what_the_sync_brings_in_is_looked_at_by_the_scheduler(self):
        interview = self.booked()
        cron = self.env.ref("calendar_cronofy_sync.ir_cron_interview")
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
        triggers.unlink()
        event = self.env["calendar.event"].with_context(**QUIET)
        for _n in range(3):
            event.create(
                {
                    "name": "Imported",
                    "start": utc("Mo 09:00"),
                    "stop": utc("Mo 09:30"),
                    "partner_ids": [(4, self.ann.partner_id.id)],
                }
            )
        self.assertFalse(interview.activity_ids)
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
        self.assertEqual(len(triggers), 1, "once for the whole transaction")
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.assertEqual(len(interview.activity_ids), 1)

    def test_a_refused_applicant_has_no_open_offer(self):
        interview = self.new_interview()
        interview.action_find_slots()
        interview.action_offer()
        self.applicant.active = False
        self.assertEqual(interview.state, "cancelled")

    def test_a_deleted_applicant_leaves_nothing_in_any_calendar(self):
        for booked in (False, True):
            with self.subTest(booked=booked):
                applicant = self.new_applicant("Alex Again")
                interview = self.new_interview(applicant=applicant)
                interview.action_find_slots()
                slot = self.slot(interview, "09:00")
                if booked:
                    interview.action_book(slot.id)
                else:
                    interview.action_offer(slot.ids, hold=True)
                entries = interview.event_id | slot.sudo().hold_event_id
                self.assertTrue(entries)
                self.env.flush_all()
                applicant.with_user(self.recruiter).unlink()
                self.env.invalidate_all()
                self.assertFalse(interview.exists())
                self.assertFalse(entries.exists().filtered("active"))
