"""The applicant's page over HTTP: no login, no script, nothing of the interviewers."""

import re
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

from lxml import html

from odoo import Command
from odoo.sql_db import db_connect
from odoo.tests import HttpCase, tagged

from ..controllers import interview as page
from ..controllers.limit import Limit
from .interview_common import InterviewCase, span, utc


@tagged("post_install", "-at_install")
class TestInterviewPage(InterviewCase, HttpCase):
    def setUp(self):
        super().setUp()
        self.patch(page, "WRONG", Limit(20, 60))
        self.patch(page, "RIGHT", Limit(100, 60))
        self.patch(page, "ASKED", Limit(100, 60))
        self.opener.cookies.clear()

    def offered(self, *panels, slots=None, **values):
        interview = self.new_interview(*panels, **values)
        interview.action_find_slots()
        chosen = [self.slot(interview, clock).id for clock in slots or []] or None
        interview.action_offer(chosen)
        self.env.flush_all()
        return interview

    def get(self, interview, path="", **params):
        query = "&".join(f"{k}={v}" for k, v in params.items())
        url = f"/interview/{interview.access_token}{path}?{query}"
        return self.url_open(url, headers={"Accept-Language": "fr"})

    def post(self, interview, path, **data):
        url = f"/interview/{interview.access_token}{path}"
        answer = self.url_open(url, data={"x": "", **data}, allow_redirects=False)
        interview.invalidate_recordset()
        return answer

    def offered_ids(self, answer):
        inputs = html.fromstring(answer.text).xpath("//input[@name='slot_id']")
        return [int(node.get("value")) for node in inputs]

    def test_the_page_is_a_plain_form_with_one_choice_per_slot(self):
        interview = self.offered(self.ann | self.bob, slots=["09:00", "13:00"])
        answer = self.get(interview)
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(sorted(self.offered_ids(answer)), interview.slot_ids.ids)
        self.assertIn("Astronomer", answer.text)
        self.assertIn("10:00", answer.text)
        self.assertIn("Ann", answer.text)
        self.assertNotIn("ann@", answer.text)
        form = html.fromstring(answer.text).xpath("//form[@method='post']")[0]
        self.assertEqual(
            form.get("action"), f"/interview/{interview.access_token}/book"
        )

    def test_nobody_is_left_to_meet(self):
        interview = self.offered(self.ann)
        self.ann.active = False
        self.env.flush_all()
        answer = self.get(interview)
        self.assertEqual(answer.status_code, 200)
        self.assertFalse(self.offered_ids(answer))
        self.assertIn("no time is free", answer.text)

    def test_no_cookie_no_foreign_host_no_referrer_no_cache(self):
        answer = self.get(self.offered())
        self.assertNotIn("Set-Cookie", answer.headers)
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
        self.assertIn("no-store", answer.headers["Cache-Control"])
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        document = html.fromstring(answer.text)
        loaded = document.xpath("//script/@src | //link/@href | //img/@src")
        for address in loaded:
            self.assertRegex(address, r"^(/[^/]|data:)")

    def test_names_can_be_hidden(self):
        interview = self.offered(show_names=False)
        self.assertNotIn("Ann", self.get(interview).text)

    def test_booking(self):
        interview = self.offered()
        slot = self.slot(interview, "09:00")
        answer = self.post(interview, "/book", slot_id=slot.id)
        self.assertEqual(answer.status_code, 303)
        self.assertEqual(interview.state, "booked")
        self.assertEqual(interview.event_id.start, utc("Mo 09:00"))
        self.assertEqual(
            self.applicant.message_ids[0].author_id, self.applicant.partner_id
        )
        after = self.get(interview)
        self.assertIn("confirmed", after.text)
        self.assertFalse(self.offered_ids(after))

    def test_a_second_confirmation_finds_the_booking(self):
        interview = self.offered()
        first, second = self.slot(interview, "09:00"), self.slot(interview, "10:00")
        self.post(interview, "/book", slot_id=first.id)
        answer = self.post(interview, "/book", slot_id=second.id)
        self.assertEqual(answer.status_code, 409)
        self.assertIn("confirmed", answer.text)
        self.assertEqual(interview.event_id.start, utc("Mo 09:00"))

    def test_somebody_was_faster_and_fresh_slots_are_shown(self):
        interview = self.offered()
        slot = self.slot(interview, "09:00")
        self.live[self.ann.id] = [span("Mo", "09:00", "09:30")]
        answer = self.post(interview, "/book", slot_id=slot.id)
        self.assertEqual(answer.status_code, 409)
        self.assertIn("faster", answer.text)
        self.assertNotIn(slot.id, self.offered_ids(answer))
        self.assertTrue(self.offered_ids(answer))
        self.assertEqual(interview.state, "offered")
        self.assertEqual(slot.state, "gone")

    def test_when_all_offered_slots_are_gone_others_are_offered(self):
        interview = self.offered(slots=["09:00"])
        self.live[self.ann.id] = [span("Mo", "09:00", "09:30")]
        self.assertTrue(self.offered_ids(self.get(interview)))
        interview.refill = False
        interview.slot_ids.filtered(lambda s: s.start != utc("Mo 09:00")).unlink()
        self.assertFalse(self.offered_ids(self.get(interview)))

    def test_an_unreachable_calendar_is_never_a_silent_guess(self):
        interview = self.offered()
        slot = self.slot(interview, "09:00")
        del self.live[self.ann.id]
        self.assertIn(slot.id, self.offered_ids(self.get(interview)))
        answer = self.post(interview, "/book", slot_id=slot.id)
        self.assertEqual(answer.status_code, 503)
        self.assertIn("does not answer", answer.text)
        self.assertIn(slot.id, self.offered_ids(answer), "it is not lost")
        self.assertEqual(interview.state, "offered")

    def test_nonsense_is_answered_politely(self):
        interview, other = self.offered(), self.offered()
        foreign = other.slot_ids[0].id
        for value, status in (
            ("", 400),
            ("x", 409),
            ("999999999", 409),
            (foreign, 409),
        ):
            with self.subTest(value):
                answer = self.post(interview, "/book", slot_id=value)
                self.assertEqual(answer.status_code, status)
                self.assertIn('role="alert"', answer.text)
        self.assertEqual(self.get(interview, tz="Mars/Olympus").status_code, 200)
        self.assertEqual(self.get(interview, day="soon", lang="xx").status_code, 200)

    def test_the_readers_zone_beside_the_companys(self):
        answer = self.get(self.offered(slots=["15:00"]), tz="America/New_York")
        text = html.fromstring(answer.text).text_content()
        self.assertIn("America/New York (UTC-05:00)", text)
        self.assertIn("Europe/Brussels (UTC+01:00)", text)
        self.assertRegex(re.sub(r"\s+", " ", text), r"10:00.AM.{0,60}4:00.PM")

    def duration(self, answer):
        facts = html.fromstring(answer.text).xpath("//dl")[0].text_content()
        found = re.search(r"Duration\s+(\d+) minutes", facts)
        return found and int(found[1])

    def test_how_long_it_really_takes(self):
        interview = self.offered(duration=90, step=90)
        self.assertEqual(self.duration(self.get(interview)), 90)
        self.post(interview, "/book", slot_id=interview.slot_ids[0].id)
        interview.duration = 30  # for the next one
        self.env.flush_all()
        self.assertEqual(self.duration(self.get(interview)), 90)
        self.assertEqual(self.duration(self.get(interview, "/move")), 30)
        event = interview.event_id.sudo()
        event.stop = event.start + timedelta(minutes=45)
        self.env.flush_all()
        self.assertEqual(self.duration(self.get(interview)), 45)

    def test_what_is_offered_is_what_one_gets(self):
        """Slots found for other needs are void, and others are looked for."""
        changes = (
            {"duration": 120},
            {"step": 30},
            {"panel_ids": [Command.create({"user_ids": [Command.set(self.bob.ids)]})]},
        )
        for change in changes:
            with self.subTest(change):
                interview = self.offered(slots=["09:00"])
                before = self.applicant.message_ids
                [old] = interview.slot_ids
                interview.write(change)
                self.env.flush_all()
                self.assertEqual(old.state, "gone")
                told = self.applicant.message_ids - before
                self.assertEqual(len(told), 1)
                self.assertIn("page looks for others", told.body)
                answer = self.post(interview, "/book", slot_id=old.id)
                self.assertEqual(answer.status_code, 409)
                self.assertIn("faster", answer.text)
                fresh = self.offered_ids(answer)
                self.assertTrue(fresh)
                self.assertNotIn(old.id, fresh)
                minutes = self.duration(self.get(interview))
                self.assertEqual(minutes, interview.duration)
        interview = self.offered(slots=["09:00"])
        before = self.applicant.message_ids
        interview.write({"duration": interview.duration, "buffer_before": 5})
        self.assertEqual(interview.slot_ids.state, "proposed", "still what is needed")
        interview.write({"refill": False, "duration": 30})
        told = self.applicant.message_ids - before
        self.assertIn("Withdraw the offer", told.body)

    def test_moving_and_the_deadline(self):
        interview = self.offered()
        self.assertEqual(self.get(interview, "/move").status_code, 409)
        self.post(interview, "/book", slot_id=self.slot(interview, "09:00").id)
        ids = self.offered_ids(self.get(interview, "/move"))
        self.assertTrue(ids)
        interview.invalidate_recordset()
        later = self.slot(interview, "13:00")
        self.assertIn(later.id, ids)
        answer = self.post(interview, "/move", slot_id=later.id)
        self.assertEqual(answer.status_code, 303)
        self.assertEqual(interview.event_id.start, utc("Mo 13:00"))
        interview.deadline = 1000
        self.assertEqual(self.post(interview, "/cancel").status_code, 409)
        self.assertEqual(interview.state, "booked")

    def test_cancelling_tells_the_recruiter(self):
        interview = self.offered()
        self.post(interview, "/book", slot_id=self.slot(interview, "09:00").id)
        self.post(interview, "/cancel", message="I have <b>found</b> a job")
        self.assertEqual(interview.state, "cancelled")
        self.assertFalse(interview.event_id.active)
        activity = interview.activity_ids
        self.assertEqual(activity.user_id, self.recruiter)
        self.assertIn("&lt;b&gt;", activity.note)
        self.assertIn("cancelled", self.get(interview).text)

    def test_none_suits(self):
        interview = self.offered()
        answer = self.post(interview, "/none", message="Only after 18:00")
        self.assertEqual(answer.status_code, 303)
        self.assertEqual(interview.applicant_note, "Only after 18:00")
        self.assertEqual(interview.activity_ids.user_id, self.recruiter)
        self.assertIn("Thank you", self.get(interview, thanks=1).text)

    def test_expired_used_and_withdrawn_are_friendly(self):
        interview = self.offered()
        interview.expires_at = "2026-11-27 09:00:00"
        slot = interview.slot_ids[0]
        for answer in (
            self.get(interview),
            self.post(interview, "/book", slot_id=slot.id),
            self.post(interview, "/none", message="Another week"),
        ):
            self.assertIn("expired", answer.text)
            self.assertEqual(answer.status_code, 410)
        self.assertFalse(interview.applicant_note)
        self.assertEqual(interview.state, "offered")
        self.env["hr.interview"]._expire_offers()
        self.assertEqual(interview.state, "expired")
        self.assertEqual(self.get(interview).status_code, 410)
        interview.action_withdraw()
        answer = self.get(interview)
        self.assertIn("withdrawn", answer.text)
        self.assertEqual(answer.status_code, 410)

    def test_one_link_does_each_deed_a_few_times_only(self):
        """In words, and counted in the database: whatever the number of workers."""
        interview = self.offered()
        for number in range(9):
            answer = self.post(interview, "/none", message=f"Message {number}")
        self.assertEqual(answer.status_code, 429)
        self.assertIn("often enough", answer.text)
        self.assertEqual(interview.applicant_note, "Message 5")
        slots = interview.slot_ids
        self.post(interview, "/book", slot_id=slots[0].id)
        with self.mails() as mails:
            for number in range(9):
                shown = self.offered_ids(self.get(interview, "/move"))
                answer = self.post(interview, "/move", slot_id=shown[number % 2])
        self.assertEqual(answer.status_code, 429)
        self.assertEqual(len(mails), 6)
        self.assertEqual(interview.state, "booked")

    def test_an_address_below_a_link_that_is_none_is_unknown(self):
        interview = self.offered()
        answer = self.get(interview, "/nothing/here")
        self.assertEqual(answer.status_code, 404)
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertIn("does not work", answer.text)

    def test_only_post_changes_anything(self):
        """Odoo lets OPTIONS through to every route that names its methods."""
        interview = self.offered()
        slot = interview.slot_ids[0]
        query = f"slot_id={slot.id}&message=Hello"
        base = f"/interview/{interview.access_token}"

        def knock():
            for path in ("", "/book", "/none", "/move", "/cancel", "/calendar.ics"):
                for method in ("OPTIONS", "HEAD", "PUT", "DELETE", "PATCH"):
                    with self.subTest(path=path, method=method):
                        answer = self.url_open(f"{base}{path}?{query}", method=method)
                        expected = (
                            (204,) if method == "OPTIONS" else (200, 404, 405, 409)
                        )
                        self.assertIn(answer.status_code, expected)
            interview.invalidate_recordset()

        knock()
        self.assertEqual(interview.state, "offered")
        self.assertFalse(interview.applicant_note)
        self.post(interview, "/book", slot_id=slot.id)
        event = interview.event_id
        knock()
        self.assertEqual(interview.state, "booked")
        self.assertEqual(interview.event_id, event)
        self.assertTrue(event.active)

    def test_ics(self):
        interview = self.offered()
        self.assertEqual(self.get(interview, "/calendar.ics").status_code, 404)
        self.post(interview, "/book", slot_id=self.slot(interview, "09:00").id)
        answer = self.get(interview, "/calendar.ics")
        self.assertIn("text/calendar", answer.headers["Content-Type"])
        self.assertIn("BEGIN:VEVENT", answer.text)

    def test_wrong_tokens_are_unknown_and_soon_too_many(self):
        interview = self.offered()
        token = interview.access_token
        body, _dash, signature = token.rpartition("-")
        wrong = [
            "x",
            "-",
            f"{body}-{'0' * len(signature)}",
            f"{interview.id + 1}-{signature}",
            token[:-1],
            interview._new_token(),  # signed by us, and not the interview's
            "%C3%A4-ö",
        ]
        for text in wrong:
            with self.subTest(text):
                self.assertEqual(self.url_open(f"/interview/{text}").status_code, 404)
        statuses = [self.url_open("/interview/guess").status_code for _n in range(20)]
        self.assertEqual(statuses[-1], 429)
        self.patch(page, "RIGHT", Limit(2, 60))
        statuses = [self.get(interview).status_code for _n in range(3)]
        self.assertEqual(statuses, [200, 200, 429])

    @contextmanager
    def another_worker(self, interview, what):
        """Another connection to the database is just doing it."""
        with db_connect(self.env.cr.dbname).cursor() as cr:
            other = self.env(cr=cr)["hr.interview"].browse(interview.id)
            self.assertTrue(other._alone(what))
            yield

    def test_one_look_at_a_time_and_the_others_see_the_offer(self):
        interview = self.offered()
        self.asked.clear()
        with self.another_worker(interview, "look"):
            answer = self.get(interview)
            self.assertEqual(answer.status_code, 200)
            self.assertEqual(sorted(self.offered_ids(answer)), interview.slot_ids.ids)
            self.assertFalse(self.asked, "nobody is asked for it")
            self.assertTrue(self.offered_ids(self.get(self.offered())), "another's")
        self.asked.clear()
        self.get(interview)
        self.assertTrue(self.asked)

    def test_being_looked_for_is_not_the_same_as_none(self):
        interview = self.offered()
        interview.slot_ids.unlink()
        with self.another_worker(interview, "look"):
            text = self.get(interview).text
        self.assertIn("just looking", text)
        self.assertNotIn("no time is free", text)

    def test_a_choice_that_is_sent_twice_waits_for_nothing(self):
        interview = self.offered()
        with self.another_worker(interview, "book"):
            answer = self.post(interview, "/book", slot_id=interview.slot_ids[0].id)
        self.assertEqual(answer.status_code, 409)
        self.assertIn("being confirmed", answer.text)
        self.assertEqual(interview.state, "offered")
        answer = self.post(interview, "/book", slot_id=interview.slot_ids[0].id)
        self.assertEqual(interview.state, "booked")

    def test_who_looks_too_often_is_shown_the_offer_and_nobody_is_asked(self):
        interview = self.offered()
        self.patch(page, "ASKED", Limit(2, 60))
        self.asked.clear()
        answers = [self.get(interview) for _n in range(4)]
        self.assertEqual({answer.status_code for answer in answers}, {200})
        self.assertTrue(all(map(self.offered_ids, answers)))
        self.assertEqual(len(self.asked), 2)
        # a choice is taken all the same, and asks once more
        self.post(interview, "/book", slot_id=interview.slot_ids[0].id)
        self.assertEqual(interview.state, "booked")

    def test_a_sequence_is_chosen_at_once(self):
        panel = [Command.create({"user_ids": [Command.set(self.ann.ids)]})]
        parts = [
            Command.create(
                {
                    "name": name,
                    "applicant_id": self.applicant.id,
                    "sequence": number,
                    "panel_ids": panel,
                }
            )
            for number, name in enumerate(("Talk", "Test"))
        ]
        interview = self.new_interview(child_ids=parts)
        interview.action_find_slots()
        interview.action_offer()
        self.env.flush_all()
        text = html.fromstring(self.get(interview).text).text_content()
        self.assertRegex(text, r"9:00.AM – 11:00.AM")
        self.assertRegex(text, r"9:00.AM – 10:00.AM, 10:00.AM – 11:00.AM")
        slot = self.slot(interview, "08:00").filtered(lambda slot: slot.part_ids)
        self.post(interview, "/book", slot_id=slot.id)
        self.assertEqual(len(interview._events()), 2)
        self.assertEqual(interview._ics().count("BEGIN:VEVENT"), 2)
        told = self.applicant.message_ids[0].body
        self.assertIn("booked", told)

    def test_a_new_plan_has_a_new_link(self):
        interview = self.offered()
        old = interview.access_token
        interview.action_cancel()
        interview.action_draft()
        self.env.flush_all()
        self.assertEqual(self.url_open(f"/interview/{old}").status_code, 404)

    def test_a_second_choice_is_not_taken_in_silence(self):
        interview = self.offered(slots=["09:00", "13:00"])
        first, second = interview.slot_ids
        self.post(interview, "/book", slot_id=first.id)
        answer = self.post(interview, "/book", slot_id=second.id)
        self.assertEqual(answer.status_code, 409)
        [alert] = html.fromstring(answer.text).xpath("//*[@role='alert']")
        self.assertIn("booked already", alert.text_content())
        self.assertEqual(interview.start, first.start)

    def test_language_and_zone_are_kept_on_every_way(self):
        interview = self.offered()
        chosen = {"lang": "en", "tz": "America/New_York"}
        interview.action_book(interview.slot_ids[0].id)
        self.env.flush_all()
        for path in ("", "/move"):
            answer = html.fromstring(self.get(interview, path, **chosen).text)
            ways = answer.xpath("//main//a[starts-with(@href, '/interview/')]/@href")
            self.assertTrue(ways)
            for way in ways:
                self.assertEqual(
                    dict(parse_qsl(urlsplit(way).query)) | chosen,
                    dict(parse_qsl(urlsplit(way).query)),
                    way,
                )

    def test_half_a_link_is_explained_in_the_reader_s_language(self):
        self.env["res.lang"]._activate_lang("de_DE")
        cut = f"/interview/{self.offered().access_token[:-9]}"
        for accepted, lang in (("de-AT,en;q=0.5", "de-DE"), ("fr", "en-US")):
            answer = self.url_open(cut, headers={"Accept-Language": accepted})
            self.assertEqual(answer.status_code, 404)
            document = html.fromstring(answer.text)
            self.assertEqual(document.get("lang"), lang)
            self.assertTrue(document.xpath("//h1"))
            self.assertEqual(answer.headers["Cache-Control"], "no-store")
            self.assertNotIn("Set-Cookie", answer.headers)

    def test_german(self):
        self.env["res.lang"]._activate_lang("de_DE")
        interview = self.offered()
        self.applicant.partner_id.lang = "de_DE"
        document = html.fromstring(self.get(interview).text)
        self.assertEqual(document.get("lang"), "de-DE")
        self.assertIn("Montag", document.text_content())
        english = html.fromstring(self.get(interview, lang="en").text)
        self.assertEqual(english.get("lang"), "en-US")
