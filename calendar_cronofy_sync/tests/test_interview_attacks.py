"""Attacks on interviews from inside: each test is named after what is promised."""

import re
from datetime import timedelta

from freezegun import freeze_time

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import SQL, mute_logger

from ..calsync.intervals import Interval
from ..models.hr_interview_people import aware
from .interview_common import InterviewCase, utc

INTERVIEWER = "hr_recruitment.group_hr_recruitment_interviewer"
RULES = "odoo.addons.base.models.ir_rule"


class AttackCase(InterviewCase):
    """rudi plans his own applicant's interview; everything else is Alex's."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rudi = new_test_user(cls.env, "rudi", INTERVIEWER, tz="Europe/Brussels")
        cls.own_applicant = cls.new_applicant("Olga Own")
        cls.own_applicant.user_id = cls.rudi
        cls.live[cls.rudi.id] = []

    def setUp(self):
        super().setUp()
        self.foreign = self.new_interview(self.ann)
        self.foreign.action_find_slots()
        self.own = self.new_interview(
            self.rudi, applicant=self.own_applicant
        ).with_user(self.rudi)
        self.own.action_find_slots()

    def tables_holding(self, *texts):
        """{text: tables in which some row, read as text, contains it}."""
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema"
        )
        tables = [table for (table,) in self.env.cr.fetchall()]
        pattern = "(" + "|".join(map(re.escape, texts)) + ")"
        found = {}
        for table in tables:
            rows = SQL(
                "SELECT DISTINCT lower((regexp_match(t::text, %s, 'i'))[1]) FROM %s t"
                " WHERE t::text ~* %s",
                pattern,
                SQL.identifier(table),
                pattern,
            )
            for (text,) in self.env.execute_query(rows):
                found.setdefault(text, []).append(table)
        return found

    def link_of(self, interview):
        interview._ensure_token()
        return interview.sudo().access_token


@tagged("post_install", "-at_install")
class TestRights(AttackCase):
    @mute_logger(RULES)
    def test_no_row_is_moved_to_where_its_user_may_not_write(self):
        """The fields are found by looking: every many2one to something with rules."""
        targets = {
            "hr.interview": self.foreign,
            "hr.applicant": self.applicant,
            "hr.interview.slot": self.foreign.slot_ids[:1],
        }
        found = 0
        for rows in (self.own, self.own.panel_ids, self.own.slot_ids[:1]):
            for name, field in rows._fields.items():
                target = targets.get(field.comodel_name)
                if field.type != "many2one" or not field.store or not target:
                    continue
                if field.compute or field.related:
                    continue
                found += 1
                with (
                    self.subTest(model=rows._name, field=name),
                    self.assertRaises(UserError),
                    self.env.cr.savepoint(),
                ):
                    rows.write({name: target.id})
                    self.env.flush_all()
        self.assertGreaterEqual(found, 4)

    @mute_logger(RULES)
    def test_nothing_foreign_is_read_by_joining_its_panel(self):
        token = self.link_of(self.foreign)
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            self.own.panel_ids.write({"interview_id": self.foreign.id})
        self.env.invalidate_all()
        with self.assertRaises(AccessError):
            self.foreign.with_user(self.rudi).read(["applicant_id"])
        self.assertNotIn(self.rudi, self.foreign.panel_ids.user_ids)
        self.assertTrue(token)

    def test_state_and_link_are_not_written_by_hand(self):
        slot = self.own.slot_ids[0]
        for rows, values in (
            (self.own, {"state": "booked"}),
            (self.own, {"access_token": "1-guess"}),
            (slot, {"state": "booked"}),
        ):
            for who in (self.rudi, self.recruiter, self.env.ref("base.user_admin")):
                with (
                    self.subTest(values=values, who=who.login),
                    self.assertRaises(AccessError),
                    self.env.cr.savepoint(),
                ):
                    rows.with_user(who).write(values)
        with self.assertRaises(AccessError):
            self.own.create({"applicant_id": self.own_applicant.id, "state": "booked"})
        self.own.write({"state": "draft"})  # as it is: what a form sends along

    def test_the_own_work_goes_on(self):
        """Each step as the one whose applicant it is, with no other right."""
        self.own.action_offer(self.own.slot_ids[:3].ids, hold=True)
        self.own.action_withdraw()
        self.own.action_find_slots()
        self.own.action_offer()
        self.own.action_book(self.own.slot_ids[0].id)
        self.assertEqual(self.own.state, "booked")
        self.own.action_find_slots()
        free = self.own.slot_ids.filtered(lambda slot: slot.state == "proposed")
        self.own.action_book(free[0].id)
        self.own.action_cancel()
        self.own.action_draft()
        self.assertEqual(self.own.state, "draft")


@tagged("post_install", "-at_install")
class TestMeeting(AttackCase):
    def setUp(self):
        super().setUp()
        self.foreign.action_book(self.foreign.slot_ids[0].id)
        self.event = self.foreign.event_id

    def test_the_meeting_is_private_to_its_people(self):
        self.env.invalidate_all()
        seen = self.event.with_user(self.bob)
        self.assertNotIn("Alex", f"{seen.name} {seen.description}")
        self.env.invalidate_all()
        self.assertIn("Alex", self.event.with_user(self.ann).name)

    def test_a_company_may_show_its_interviews(self):
        self.env.company.interview_private = False
        other = self.new_interview(self.bob)
        other.action_find_slots()
        other.action_book(other.slot_ids[0].id)
        self.assertFalse(other.event_id.privacy)

    def test_nobody_else_moves_or_cancels_it(self):
        """Whatever its privacy, and whatever context they send along."""
        context = {"interview_writing": True, "calendar_sync_applying": True}
        for privacy in ("private", "public"):
            self.event.privacy = privacy
            event = self.event.with_user(self.bob).with_context(**context)
            for name, values in (
                ("write", {"start": "2026-12-01 09:00:00"}),
                ("write", {"partner_ids": [Command.clear()]}),
                ("write", {"active": False}),
                ("action_archive", None),
                ("unlink", None),
            ):
                with (
                    self.subTest(privacy=privacy, name=name, values=values),
                    self.assertRaises(UserError),
                    self.env.cr.savepoint(),
                ):
                    getattr(event, name)(*([values] if values else []))
        self.assertEqual(self.foreign.state, "booked")

    def test_its_people_and_those_who_plan_it_move_it(self):
        start = self.event.start
        for hours, who in enumerate((self.ann, self.recruiter), 1):
            moved = start.replace(hour=start.hour + hours)
            stop = moved.replace(hour=moved.hour + 1)
            self.event.with_user(who).write({"start": moved, "stop": stop})
            self.assertEqual(self.foreign.start, moved)
        self.assertEqual(self.foreign.state, "booked")

    def test_it_reaches_calendars_that_leave_private_appointments_out(self):
        self.assertTrue(self.event._sync_belongs(self.ann, private=False))


@tagged("post_install", "-at_install")
class TestLink(AttackCase):
    """The applicant's link: whoever holds it acts as the applicant."""

    def told(self, user):
        """All that the user reads of messages, attachments and the interview."""
        env = self.env(user=user, su=False)
        texts = []
        for model in ("mail.message", "ir.attachment", "mail.tracking.value"):
            try:
                rows = env[model].search([])
                texts += [str(row) for row in rows.read()]
            except AccessError:
                continue
            if model == "ir.attachment":
                texts += [(row.raw or b"").decode(errors="replace") for row in rows]
        texts.append(str(env["hr.interview"].search([]).read()))
        return "\n".join(texts).replace("\r\n ", "").replace("&#39;", "'")

    def test_interviewers_read_it_nowhere(self):
        """Not in the mails, their attachments, a template or the chatter, and not as
        followers either."""
        self.foreign.message_subscribe(self.ann.partner_id.ids)
        action = self.foreign.action_offer(self.foreign.slot_ids[:2].ids)
        with self.mails() as mails:
            composer = Form(
                self.env["mail.compose.message"]
                .with_user(self.recruiter)
                .with_context(**action["context"])
            ).save()
            composer.action_send_mail()
            self.foreign.action_book(self.foreign.slot_ids[0].id)
        token = self.foreign.sudo().access_token
        self.assertTrue(mails)
        self.env.invalidate_all()
        self.assertIn(token, self.told(self.recruiter), "it is there to be found")
        self.env.invalidate_all()
        self.assertNotIn(token, self.told(self.ann))
        messages = self.env["mail.message"].sudo().search([("body", "ilike", token)])
        self.assertTrue(messages)
        self.assertNotIn(self.ann.partner_id, messages.notified_partner_ids)
        sent = self.env["mail.mail"].sudo().search([("body_html", "ilike", token)])
        self.assertTrue(sent)
        self.assertNotIn(self.ann.partner_id, sent.recipient_ids)


@tagged("post_install", "-at_install")
class TestSearch(AttackCase):
    def test_of_people_of_foreign_companies_nothing_is_told(self):
        other = self.env["res.company"].create({"name": "Other"})
        eve = new_test_user(
            self.env,
            "eve",
            "base.group_user",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        self.meeting(eve, "Mo", "09:00", "10:00")
        self.live[eve.id] = []
        interview = self.new_interview(eve)
        self.asked.clear()
        schedule = interview.get_schedule()
        self.assertNotIn(eve, [user for users in self.asked for user in users])
        (person,) = schedule["people"]
        self.assertFalse(person["busy"] or person["hours"] or schedule["slots"])

    def test_a_search_has_limits(self):
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.foreign.step = 4
        long = self.new_interview(
            self.ann, date_to="2027-11-01", step=5, duration=5, minimum_notice=0
        )
        long.action_find_slots()
        self.assertEqual(len(long.slot_ids), 2000)
        self.assertIn("first 2000 of", long.reasons)


@tagged("post_install", "-at_install")
class TestStorage(AttackCase):
    def test_a_search_leaves_no_busy_time_behind_nor_its_complement(self):
        """200 searches, each with a busy time that begins and ends at odd minutes: an
        hour later nothing of them is in any table."""
        canaries = []
        for number in range(200):
            start = utc("Tu 08:00") + timedelta(minutes=number, seconds=7)
            stop = start + timedelta(minutes=2 * number + 1, seconds=11)
            self.live[self.ann.id] = [Interval(aware(start), aware(stop))]
            canaries += [start.strftime("%H:%M:%S"), stop.strftime("%H:%M:%S")]
            interview = self.new_interview(
                self.ann, date_from="2026-12-01", date_to="2026-12-01", step=5
            )
            interview.action_find_slots()
            if number % 40 == 0:
                self.assertTrue(interview.slot_ids and interview.reasons)
        offered = self.new_interview(self.bob)
        offered.action_find_slots()
        offered.action_offer(offered.slot_ids[:2].ids)
        later = fields.Datetime.now() + timedelta(hours=1, seconds=1)
        with freeze_time(later), self.enter_registry_test_mode():
            self.env.ref(
                "calendar_cronofy_sync.ir_cron_interview"
            ).method_direct_trigger()
        found = self.tables_holding(*(f"2026-12-01 {text}" for text in canaries))
        self.assertEqual(found, {})
        searched = self.env["hr.interview"].search([("date_from", "<", later)])
        slots = self.env["hr.interview.slot"].search([])
        self.assertEqual(slots.interview_id, offered, "what is offered stays")
        self.assertFalse([reason for reason in searched.mapped("reasons") if reason])

    def test_closing_the_dialog_forgets_what_was_not_used(self):
        self.foreign.action_forget_search()
        self.assertFalse(self.foreign.slot_ids or self.foreign.reasons)
        self.own.action_offer(self.own.slot_ids[:2].ids)
        self.own.action_forget_search()
        self.assertEqual(len(self.own.slot_ids), 2)
        with self.assertRaises(AccessError):
            self.foreign.with_user(self.ann).action_forget_search()

    def test_slots_of_an_ended_offer_go(self):
        self.foreign.action_offer()
        self.foreign.expires_at = fields.Datetime.now() - timedelta(hours=1)
        self.env["hr.interview"]._expire_offers()
        self.assertEqual(self.foreign.state, "expired")
        self.assertFalse(self.foreign.slot_ids)

    def test_an_erased_applicant_is_erased_whole(self):
        """Offered, booked, moved, cancelled, and with a sequence: every table."""
        for deed in ("offer", "book", "done", "cancel"):
            with self.subTest(deed=deed), self.mails():
                applicant = self.new_applicant("Zebedee Zyx")
                interview = self.new_interview(self.bob, applicant=applicant)
                interview.action_find_slots()
                action = interview.action_offer(interview.slot_ids[:2].ids, hold=True)
                token = interview.sudo().access_token
                composer = Form(
                    self.env["mail.compose.message"].with_context(**action["context"])
                ).save()
                composer.action_send_mail()
                if deed != "offer":
                    interview.action_book(interview.slot_ids[0].id)
                if deed == "done":
                    interview.sudo().state = "done"
                if deed == "cancel":
                    interview.action_cancel()
                self.assertTrue(self.tables_holding(token))
                partner = applicant.partner_id
                applicant.unlink()
                partner.unlink()
                found = self.tables_holding("zebedee", token)
                self.assertEqual(found, {})


@tagged("post_install", "-at_install")
class TestEndOfLink(AttackCase):
    def test_a_link_ends_a_month_after_the_interview(self):
        self.foreign.action_book(self.foreign.slot_ids[0].id)
        token = self.link_of(self.foreign)
        self.foreign.sudo().state = "done"
        interviews = self.env["hr.interview"]
        self.assertEqual(interviews._from_token(token), self.foreign)
        with freeze_time("2027-01-02"):
            self.assertFalse(interviews._from_token(token))

    def test_a_neutralised_copy_has_no_links(self):
        token = self.link_of(self.foreign)
        self.env.flush_all()
        for query in get_neutralization_queries(["calendar_cronofy_sync"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertFalse(self.env["hr.interview"]._from_token(token))

    def test_nothing_ends_a_line_of_the_calendar_file(self):
        evil = "https://x.example/a\r\nATTENDEE:mailto:eve@example.com"
        with self.assertRaises(ValidationError):
            self.foreign.video_url = evil
        self.foreign.action_book(self.foreign.slot_ids[0].id)
        self.foreign.event_id.sudo().videocall_location = evil
        self.assertNotIn("\nATTENDEE:mailto:eve", self.foreign._ics())

    def test_a_colleague_is_asked_to_connect_once_a_day(self):
        self.foreign.action_ask_to_connect(self.ann.id)
        with self.assertRaises(UserError):
            self.foreign.action_ask_to_connect(self.ann.id)
        with freeze_time(fields.Datetime.now() + timedelta(days=1, minutes=1)):
            self.foreign.action_ask_to_connect(self.ann.id)
