"""Texts on both sides: every word that somebody typed is there to be read."""

from odoo.tests import tagged
from odoo.tools import html2plaintext

from ..calsync.mapping import plain_words
from .google_case import GoogleCase, needs_simulator
from .sync_case import SyncCase

TEXTS = [
    "Click here to join<https://teams.example.com/l/1>",
    "________\r\nTeams\r\nJoin<https://teams.example.com/l/1?a=1&copy=2>\r\n+49<tel:+49>",
    "Ann <ann@example.com>, Bob<mailto:bob@example.com>",
    "Dear <Name>",
    "x<y and y>z",
    "a < b, I <3 it, if (a<b) { }",
    "<!-- not --> <y>",
    "tab\tand   blanks\n\n\nlines",
]


class TextMixin:
    def there(self, remote_id):
        return self.server._present("ann@example.com", remote_id).fields.description

    def test_a_plain_text_is_readable_here_and_unchanged_there(self):
        self.connect(self.ann)
        placed = {text: self.enter(number, text) for number, text in enumerate(TEXTS)}
        self.sync()
        before = {text: self.there(remote_id) for text, remote_id in placed.items()}
        for text, remote_id in placed.items():
            with self.subTest(text=text):
                event = self.here(remote_id)
                self.assertEqual(plain_words(event.description), " ".join(text.split()))
                self.assertEqual(" ".join(before[text].split()), " ".join(text.split()))
                event.name = f"Edited {remote_id}"
        self.sync()
        for text, remote_id in placed.items():
            with self.subTest(text=text, edited="title"):
                self.assertEqual(self.there(remote_id), before[text])
                event = self.here(remote_id)
                event.description = f"{event.description}<p>One more line</p>"
        self.sync()
        for text, remote_id in placed.items():
            with self.subTest(text=text, edited="description"):
                end = "\r\n" if "\r\n" in before[text] else "\n"
                expected = f"{before[text]}{end}One more line"
                self.assertEqual(self.there(remote_id), expected)
        self.assertQuiet()

    def here(self, remote_id):
        link = self.env["calendar.sync.link"].search([("remote_id", "=", remote_id)])
        return link.event_id

    def test_a_text_of_odoo_is_readable_on_both_sides(self):
        self.connect(self.ann)
        events = {}
        for text in TEXTS:
            lines = text.replace("&", "&amp;").replace("<", "&lt;").splitlines()
            html = "".join(f"<p>{line}</p>" for line in lines)
            events[text] = self.meeting(description=html)
        self.sync()
        kept = {text: event.description for text, event in events.items()}
        for text, event in events.items():
            with self.subTest(text=text):
                link = event.sync_link_ids
                there = self.server._present(link.calendar_id.remote_id, link.remote_id)
                words = plain_words(there.fields.description)
                self.assertEqual(words, " ".join(text.split()))
                event.name = "Edited"
        self.sync()
        self.assertEqual(
            {text: event.description for text, event in events.items()}, kept
        )
        self.assertQuiet()

    def test_a_text_longer_than_the_service_takes_stays_whole_here(self):
        self.connect(self.ann)
        long = "<p>" + "word &amp; " * 5000 + "</p>"
        event = self.meeting(description=long, name="t" * 5000, location="l" * 5000)
        empty = self.meeting(description="<p><br></p>")
        self.sync()
        kept = event.description
        link = event.sync_link_ids
        there = self.server._present(link.calendar_id.remote_id, link.remote_id).fields
        self.assertLessEqual(len(there.description), 8192)
        self.assertGreater(len(there.description), 8000)
        self.assertQuiet()
        event.name = "Short"
        self.sync()
        self.assertEqual(event.description, kept)
        self.assertEqual(len(html2plaintext(event.location)), 5000)
        self.assertFalse(event.sync_conflict_ids)
        self.assertFalse(empty.sync_conflict_ids)
        self.assertQuiet()
        # the rest of it is kept where somebody replaces the part that stands there
        self.server.edit(
            link.calendar_id.remote_id, link.remote_id, description="A new text"
        )
        self.sync()
        self.assertIn("A new text", event.description)
        self.assertEqual(
            event.sync_conflict_ids.mapped("lost"), [{"description": kept}]
        )


@tagged("post_install", "-at_install")
class TestTextMemory(TextMixin, SyncCase):
    def enter(self, number, text):
        return self.put(description=text, when=self.at(2 + number)).remote_id


@tagged("post_install", "-at_install")
@needs_simulator
class TestTextGoogle(TextMixin, GoogleCase):
    def enter(self, number, text):
        start = self.at(2 + number).start
        item = self.sim.insert_event(
            "ann@example.com",
            {
                "summary": f"Meeting {number}",
                "description": text,
                "start": {"dateTime": start.isoformat()},
                "end": {"dateTime": start.replace(hour=10).isoformat()},
            },
        )
        return item["id"]

    def test_the_visibility_of_one_occurrence_is_that_of_its_series(self):
        """What is private at Google is shown to nobody in Odoo."""
        account = self.connect(self.ann, sync_private=True)
        account.target_calendar_id = account.calendar_ids.filtered("is_primary")
        start = self.at(2).start
        master = self.sim.insert_event(
            "ann@example.com",
            {
                "summary": "Therapy",
                "visibility": "private",
                "start": {"dateTime": start.isoformat(), "timeZone": "Europe/Berlin"},
                "end": {
                    "dateTime": start.replace(hour=10).isoformat(),
                    "timeZone": "Europe/Berlin",
                },
                "recurrence": ["RRULE:FREQ=DAILY;COUNT=4"],
            },
        )
        self.sync()
        series = self.env["calendar.sync.series"].search(
            [("remote_id", "=", master["id"])]
        )
        events = series.link_ids.event_id.sorted("start")
        self.assertEqual(events.mapped("privacy"), ["private"] * 4)
        events[1].with_user(self.ann).privacy = "public"
        self.sync()
        self.assertEqual(events.mapped("privacy"), ["private"] * 4)
        self.assertEqual(events[1].sync_conflict_ids.lost, {"privacy": "public"})
        self.assertQuiet()
        # less visible than its series, it takes the others along
        self.server.edit("ann@example.com", master["id"], privacy="public")
        self.sync()
        events[2].with_user(self.ann).privacy = "private"
        self.sync()
        self.sync()
        self.assertEqual(events.mapped("privacy"), ["private"] * 4)
        self.assertQuiet()
