"""Who sees and does what, and that nobody's busy times are kept anywhere."""

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL

from .interview_common import InterviewCase, span

INTERVIEWER = "hr_recruitment.group_hr_recruitment_interviewer"


@tagged("post_install", "-at_install")
class TestInterviewRights(InterviewCase):
    def setUp(self):
        super().setUp()
        self.interview = self.new_interview(self.ann)
        self.interview.action_find_slots()

    def seen_by(self, user):
        return self.env["hr.interview"].with_user(user).search([])

    def test_interviewers_see_their_own_and_change_nothing(self):
        mine = self.interview.with_user(self.ann)
        self.assertEqual(self.seen_by(self.ann), mine)
        self.assertEqual(mine.name, "Interview with Alex Applicant")
        self.assertEqual(len(mine.slot_ids), 8)
        for act in (
            lambda: mine.write({"duration": 30}),
            lambda: mine.action_find_slots(),
            lambda: mine.action_book(mine.slot_ids[0].id),
            lambda: mine.action_cancel(),
            lambda: mine.get_schedule(),
            lambda: mine.read(["access_token"]),
        ):
            with self.assertRaises(AccessError):
                act()
        self.interview._ensure_token()
        self.assertFalse(mine.share_url)

    def test_others_see_nothing(self):
        self.assertFalse(self.seen_by(self.bob))
        portal = new_test_user(self.env, "portia", "base.group_portal")
        with self.assertRaises(AccessError):
            self.seen_by(portal)

    def test_a_recruiter_without_officers_rights_plans_for_their_applicants(self):
        rudi = new_test_user(self.env, "rudi", INTERVIEWER)
        self.assertFalse(self.seen_by(rudi))
        self.applicant.user_id = rudi
        self.assertEqual(self.seen_by(rudi), self.interview)
        own = self.interview.with_user(rudi)
        own.duration = 30
        own.action_find_slots()
        own.action_offer()
        self.assertTrue(own.share_url)

    def test_officers_see_all(self):
        officer = new_test_user(
            self.env, "olga", "hr_recruitment.group_hr_recruitment_user"
        )
        self.assertIn(self.interview, self.seen_by(officer))

    def test_officers_see_nothing_of_other_companies(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.applicant.job_id = False
        self.applicant.company_id = other
        self.env.flush_all()
        self.assertEqual(self.interview.sudo().company_id, other)
        for model in ("hr.interview", "hr.interview.panel", "hr.interview.slot"):
            ours = [("applicant_id", "=", self.applicant.id)]
            if model != "hr.interview":
                ours = [("interview_id", "=", self.interview.id)]
            self.assertTrue(self.env[model].search(ours), model)
            seen = self.env[model].with_user(self.recruiter).search(ours)
            self.assertFalse(seen, model)

    def test_nobody_reads_or_makes_claims(self):
        admin = self.env.ref("base.user_admin")
        for user in (self.ann, self.recruiter, admin):
            with self.assertRaises(AccessError):
                self.env["hr.interview.claim"].with_user(user).search([])

    def test_methods_with_an_underscore_are_all_that_skips_the_rights(self):
        with self.assertRaises(AccessError):
            self.interview.with_user(self.bob).action_swap(self.ann.id, self.bob.id)
        with self.assertRaises(AccessError):
            self.interview.action_ask_to_connect(self.dora.id)

    def test_a_colleague_is_asked_to_connect(self):
        before = self.env["mail.message"].sudo().search([])
        self.interview.action_ask_to_connect(self.ann.id)
        message = self.env["mail.message"].sudo().search([]) - before
        self.assertEqual(message.notified_partner_ids, self.ann.partner_id)
        self.assertIn("/odoo/calendar-services", message.body)

    def test_nothing_of_anyones_busy_times_is_stored_or_logged(self):
        self.live[self.ann.id] = [span("Mo", "08:17", "09:43")]
        with self.assertLogs("odoo", level="DEBUG") as logs:
            self.interview.action_find_slots()
            self.interview.get_schedule()
            offered = self.slot(self.interview, "12:00")
            self.interview.action_offer(offered.ids, hold=True)
            self.interview._slots_for_page()
            self.interview.action_book(offered.id)
            self.env.flush_all()
        self.assertIn("calendar_event", self.tables_holding("12:00"), "it does look")
        for text in ("08:17", "09:43"):
            self.assertEqual(self.tables_holding(text), [], text)
            self.assertNotIn(text, "\n".join(logs.output))

    def tables_holding(self, text):
        """The tables in which some row, read as text, contains it."""
        self.env.cr.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema"
        )
        found = []
        for (table,) in self.env.cr.fetchall():
            rows = SQL(
                "SELECT 1 FROM %s AS t WHERE t::text LIKE %s LIMIT 1",
                SQL.identifier(table),
                f"%2026-11-30%{text}%",
            )
            if self.env.execute_query(rows):
                found.append(table)
        return found
