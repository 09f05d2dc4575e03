"""A booked interview that somebody moves or deletes in their own calendar."""

from datetime import datetime, timedelta
from unittest.mock import patch

from odoo import Command
from odoo.tests import new_test_user, tagged

from .sync_case import SyncCase

HOME = "odoo-ann@example.com"


@tagged("post_install", "-at_install")
class TestInterviewRemote(SyncCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.recruiter = new_test_user(
            cls.env, "rita_remote", "hr_recruitment.group_hr_recruitment_user"
        )
        cls.applicant = cls.env["hr.applicant"].create(
            {
                "partner_name": "Alex Applicant",
                "email_from": "alex@example.com",
                "user_id": cls.recruiter.id,
            }
        )

    def booked(self):
        """An interview with Ann, on her calendar, and the remote copy."""
        self.connect(self.ann)
        self.sync()
        first = datetime.now() + timedelta(days=3)
        interview = (
            self.env["hr.interview"]
            .with_user(self.recruiter)
            .create(
                {
                    "applicant_id": self.applicant.id,
                    "date_from": first.date().isoformat(),
                    "date_to": (first + timedelta(days=6)).date().isoformat(),
                    "panel_ids": [
                        Command.create({"user_ids": [Command.set(self.ann.ids)]})
                    ],
                }
            )
        )
        interview.action_find_slots()
        interview.action_book(interview.slot_ids[0].id)
        self.sync()
        [remote] = self.remote(HOME)
        return interview.sudo(), remote

    def told(self, act):
        """The mails to the applicant and the lines in the chatter that ``act`` brings,
        once the scheduler has been there."""
        mails, lines = self.env["mail.mail"].search([]), self.applicant.message_ids
        with (
            patch.object(self.env.registry["mail.mail"], "send", lambda *a, **k: None),
            patch.object(type(self), "assertEqual", lambda *a, **k: None),
        ):
            act()
            self.cron()  # it counts mails of its own, not those of interviews
        with self.enter_registry_test_mode():
            cron = self.env.ref("calendar_cronofy_sync.ir_cron_interview")
            cron.method_direct_trigger()
        self.env.invalidate_all()
        new = self.env["mail.mail"].search([]) - mails
        new = new.filtered(lambda mail: self.applicant.partner_id in mail.recipient_ids)
        return len(new), len(self.applicant.message_ids - lines)

    def test_moved_in_the_calendar_moves_the_interview(self):
        interview, remote = self.booked()
        later = self.at(5, 13)
        told = self.told(lambda: self.server.edit(HOME, remote.remote_id, when=later))
        self.assertEqual(interview.state, "booked")
        self.assertEqual(interview.event_id.start, later.start.replace(tzinfo=None))
        self.assertEqual(
            set(interview._claims().mapped("start")),
            {later.start.replace(tzinfo=None)},
        )
        self.assertEqual(told, (1, 1))
        self.assertQuiet()

    def test_deleted_by_an_interviewer_is_declined_and_the_recruiter_is_told(self):
        interview, remote = self.booked()
        mails, _lines = self.told(lambda: self.server.remove(HOME, remote.remote_id))
        self.assertEqual(interview.state, "booked", "the applicant's time is kept")
        answers = interview.event_id.attendee_ids.grouped("partner_id")
        self.assertEqual(answers[self.ann.partner_id].state, "declined")
        self.assertEqual(interview.activity_ids.user_id, self.recruiter)
        self.assertEqual(mails, 0)

    def test_deleted_by_the_organiser_cancels_the_interview(self):
        self.recruiter.email = "rita@example.com"
        self.connect(self.recruiter)
        interview, _remote = self.booked()
        [mine] = self.remote("odoo-rita@example.com")
        told = self.told(
            lambda: self.server.remove("odoo-rita@example.com", mine.remote_id)
        )
        self.assertFalse(interview.event_id.active)
        self.assertEqual(interview.state, "cancelled")
        self.assertFalse(interview._claims())
        self.assertEqual(told, (1, 1))
        self.cron()
        self.assertEqual(self.remote(HOME), [], "nor is it on the interviewer's")
