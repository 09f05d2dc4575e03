"""Nonsense at every door: no traceback, and the right kind of answer.

What chance makes is the same in every run. The answers of the services themselves are
in ``tests/properties`` of the repository; here are the doors that only Odoo has.
"""

import random
from datetime import datetime, timedelta, timezone
from unittest.mock import patch
from urllib.parse import urlsplit

from lxml import html

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..calsync.errors import SyncError
from ..calsync.mapping import google_event
from ..calsync.providers.cronofy import HMAC_HEADER
from ..calsync.providers.google import GoogleProvider
from ..calsync.providers.memory import MemoryProvider
from ..calsync.values import Page
from ..controllers import interview as interview_page
from ..controllers import notify
from ..controllers.limit import Limit
from .common import ConnectMixin
from .interview_common import InterviewCase
from .sync_case import SyncCase

UTC = timezone.utc
#: how many of each; with those of tests/properties more than ten thousand
ITEMS, NOTIFICATIONS, CALLBACKS, PAGES = 1200, 500, 300, 500
JUNK = (
    "", " ", "0", "1", "-1", "x", "None", "null", "%", "%00", "\x00", "a\x00b", "\x7f",
    "ä", "日本", "\u202e", "\ufffe", "😀" * 20, "x" * 3000, "9" * 30, "9" * 5000, "1e9",
    "²", "٣", "0x1f", "../../etc/passwd", "<script>x</script>", "'; DROP TABLE x",
    "${7*7}", "{{7*7}}", "%(x)s", "{0}", "\r\nSet-Cookie: a=b", "//evil.example",
    "https://evil.example/", "javascript:alert(1)", "2026-02-30", "0000-00-00",
    "9999-12-31", "2026-11-30", "de_DE", "de-DE", "xx", "Mars/Base", "Europe/Berlin",
    "a=b&c=d", "[]", "{}", "true", "\\", '"', "\t", "\u2028",
)  # fmt: skip


DOORS = ("", "/book", "/move", "/none", "/cancel", "/calendar.ics")
FORBIDDEN = frozenset(
    "script iframe object embed form input button meta base link style".split()
)


def spoil(rnd, data, times):
    """A copy of some JSON with junk in a few places."""
    if rnd.random() < 0.15 or not times:
        return junk_value(rnd) if times else data
    if isinstance(data, dict) and data:
        data = dict(data)
        key = rnd.choice(sorted(data))
        if rnd.random() < 0.2:
            del data[key]
        else:
            data[key] = spoil(rnd, data[key], 1)
        return spoil(rnd, data, times - 1) if times > 1 else data
    if isinstance(data, list) and data:
        data = list(data)
        at = rnd.randrange(len(data))
        data[at] = spoil(rnd, data[at], 1)
        return data
    return junk_value(rnd)


def junk_value(rnd):
    odd = (None, True, 0, -1, 10**25, 1e300, [], {}, [None], {"date": "2026-11-30"})
    return rnd.choice(odd) if rnd.random() < 0.4 else rnd.choice(JUNK)


@tagged("post_install", "-at_install")
class TestFuzzedCalendar(SyncCase):
    """A calendar full of nonsense, read by the engine."""

    def item(self, number):
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(
            days=1 + number % 90
        )
        when = {"dateTime": start.isoformat(), "timeZone": "Europe/Berlin"}
        stop = {"dateTime": (start + timedelta(hours=1)).isoformat()}
        item = {
            "id": f"event{number:05}",
            "iCalUID": f"event{number:05}@google.com",
            "etag": '"1"',
            "status": "confirmed",
            "summary": f"Event {number}",
            "description": "<b>x</b>",
            "location": "Room",
            "visibility": "public",
            "start": when,
            "end": stop,
            "organizer": {"email": "ann@example.com", "self": True},
            "attendees": [{"email": "bob@example.com", "responseStatus": "accepted"}],
        }
        if number % 4 == 0:
            item["recurrence"] = ["RRULE:FREQ=WEEKLY;COUNT=3"]
        if number % 8 == 1:
            item |= {
                "recurringEventId": f"event{number - 1:05}",
                "originalStartTime": when,
            }
        return item

    def test_nonsense_costs_what_is_right_nothing(self):
        rnd = random.Random(19)
        bad = [spoil(rnd, self.item(n), rnd.randint(1, 4)) for n in range(ITEMS)]
        good = [self.item(n) for n in range(50_002, 50_010, 4)]
        items = [google_event(i, calendar_tz="Europe/Berlin") for i in bad + good]
        rnd.shuffle(items)

        def changes(provider, calendar_id, token, window):
            chosen = items if not token and calendar_id == "ann@example.com" else []
            middle = len(chosen) // 2
            yield Page(events=tuple(chosen[:middle]), token="", full=not token)
            yield Page(events=tuple(chosen[middle:]), token="next", full=not token)

        self.connect(self.ann)
        with patch.object(MemoryProvider, "changes", changes):
            self.sync()
            events = self.env["calendar.event"]
            for item in good:
                self.assertTrue(events.search([("name", "=", item["summary"])]))
            run = self.env["calendar.sync.run"].search([], limit=1, order="id desc")
            self.assertEqual(run.state, "done")
            failed = self.env["calendar.sync.link"].search_count(
                [("state", "=", "failed")]
            )
            self.assertTrue(failed, "what could not be read is shown")
            self.sync()

    def test_html_from_outside_is_harmless(self):
        """In the event, in its chatter, and in what people are told of it."""
        attacks = (
            "<script>alert(1)</script>",
            '<img src="x" onerror="alert(1)">',
            '<a href="javascript:alert(1)">x</a>',
            '<a href="JaVaScRiPt&colon;alert(1)">x</a>',
            '<a href="data:text/html,<script>alert(1)</script>">x</a>',
            '<iframe src="https://evil.example"></iframe>',
            '<object data="x"></object><embed src="x">',
            '<form action="https://evil.example"><input name="password"></form>',
            '<div style="position:fixed;top:0;left:0;width:100%;height:100%">x</div>',
            '<div class="modal fixed-top position-fixed vh-100">x</div>',
            "<svg><script>alert(1)</script></svg>",
            '<math><mtext><style><img src=x onerror="alert(1)"></style></mtext></math>',
            '<p style="background:url(javascript:alert(1))">x</p>',
            "<meta http-equiv=refresh content='0;url=https://evil.example'>",
            "<base href='https://evil.example'>",
            "<b onmouseover=alert(1)>x</b>",
            "<style>body{display:none}</style>",
        )
        account = self.connect(self.ann)
        for number, attack in enumerate(attacks):
            self.put(name=f"E{number} {attack}", description=attack, location=attack)
        self.sync()
        links = self.env["calendar.sync.link"].search(
            [("account_id", "=", account.id), ("origin", "=", "remote")]
        )
        self.assertEqual(len(links.event_id), len(attacks))
        account._needs_attention("\n".join(attacks))
        texts = [str(event.description or "") for event in links.event_id]
        about = [("model", "=", "calendar.event"), ("res_id", "in", links.event_id.ids)]
        texts += map(str, self.env["mail.message"].search(about).mapped("body"))
        notes = self.env["mail.activity"].search([("user_id", "=", self.ann.id)])
        texts += map(str, notes.mapped("note"))
        for text in filter(None, texts):
            with self.subTest(text=text[:80]):
                self.assertHarmless(text)

    def assertHarmless(self, text):
        """What a browser makes of it: no script, no form, nothing over the page."""
        tree = html.fromstring(f"<div>{text}</div>")
        for node in tree.iter(html.etree.Element):
            self.assertNotIn(node.tag, FORBIDDEN)
            for name, value in node.attrib.items():
                self.assertFalse(name.startswith("on"), name)
                self.assertNotIn(name, ("class", "id", "action", "formaction"))
                if name in ("href", "src"):
                    scheme = urlsplit("".join(value.split())).scheme.lower()
                    self.assertIn(scheme, ("", "http", "https", "mailto"))
                if name == "style":
                    for word in ("position:", "url(", "z-index", "expression"):
                        self.assertNotIn(word, value.replace(" ", "").lower())


class DoorCase(HttpCase):
    def knock(self, path, *, body=None, headers=None, files=None, method="GET"):
        """The status of the answer to one request; a 500 is what we look for."""
        answer = self.url_open(
            path,
            data=body,
            headers=headers,
            files=files,
            method=method,
            allow_redirects=False,
        )
        self.assertLess(answer.status_code, 500, f"{method} {path} {body} {headers}")
        self.assertNotIn("Traceback", answer.text)
        place = answer.headers.get("Location", "")
        self.assertNotIn("evil.example", place.partition("?")[0])
        self.assertNotIn("a=b", answer.headers.get("Set-Cookie", ""))
        return answer.status_code


@tagged("post_install", "-at_install")
class TestFuzzedDoors(ConnectMixin, DoorCase):
    def setUp(self):
        super().setUp()
        self.patch(notify, "FORGED", Limit(10**6, 60))

    @mute_logger("odoo.http", "werkzeug")
    def test_notifications(self):
        rnd = random.Random(7)
        account = self.connect(self.ann).sudo()
        calendar = account.calendar_ids.filtered("is_primary")
        channel, request = self.env["calendar.sync.channel"]._prepare(calendar)
        self.env.flush_all()
        words = [w for w in JUNK if w.isascii() and w.isprintable() and w == w.strip()]
        words += [request["channel_id"], "ä".encode().decode("latin-1")]
        for _ in range(NOTIFICATIONS):
            headers = {
                name: rnd.choice(words)
                for name in ("X-Goog-Channel-ID", "X-Goog-Channel-Token", HMAC_HEADER)
                if rnd.random() < 0.8
            }
            headers["Content-Type"] = rnd.choice(
                [
                    "application/json",
                    "multipart/form-data",
                    "multipart/form-data; boundary=x",
                    "application/x-www-form-urlencoded; charset=utf-7",
                    "x",
                ]
            )
            body = rnd.choice(JUNK).encode() * rnd.randint(0, 3)
            door = rnd.choice(
                [
                    "google",
                    "cronofy/x",
                    "cronofy/%00",
                    "cronofy/%ff",
                    "cronofy/" + "é" * 9,
                ]
            )
            with self.subTest(door=door, headers=headers):
                status = self.knock(
                    f"/calendar_sync/notify/{door}",
                    body=body,
                    headers=headers,
                    method="POST",
                )
                self.assertIn(status, (400, 404, 413))
        channel.invalidate_recordset()
        self.assertFalse(channel.notified)

    @mute_logger("odoo.http", "werkzeug")
    def test_the_way_back_from_the_consent_page(self):
        rnd = random.Random(11)
        self.ann.password = f"{self.ann.login}-password"
        self.authenticate(self.ann.login, f"{self.ann.login}-password")

        def exchange(app, *, code, verifier, redirect_uri):
            raise SyncError("no")

        with patch.object(GoogleProvider, "exchange", exchange):
            for _ in range(CALLBACKS):
                query = "&".join(
                    f"{name}={quoted(rnd.choice(JUNK))}"
                    for name in ("state", "code", "error", "scope", "mode", "provider")
                    for _again in range(rnd.choice([0, 1, 1, 2]))
                )
                door = rnd.choice(
                    ["callback/google", "callback/cronofy", "callback/x", "connect/%00"]
                )
                with self.subTest(door=door, query=query):
                    status = self.knock(f"/calendar_sync/{door}?{query}")
                    self.assertIn(status, (400, 404))
        own = self.env["calendar.sync.account"].search([("user_id", "=", self.ann.id)])
        self.assertFalse(own)


@tagged("post_install", "-at_install")
class TestFuzzedPage(InterviewCase, DoorCase):
    @mute_logger("odoo.http", "werkzeug")
    def test_the_applicants_page(self):
        rnd = random.Random(13)
        for name in ("WRONG", "RIGHT", "ASKED"):
            self.patch(interview_page, name, Limit(10**6, 60))
        self.new_interview(self.ann).action_find_slots()  # "1" may be one of its ids
        interview = self.new_interview(self.ann)
        interview.action_find_slots()
        interview.action_offer()
        self.env.flush_all()
        right = interview.access_token
        self.opener.cookies.clear()
        wrong = (right[:-1], f"0-{right}", right.upper(), "x", "--", "9" * 400, "%00")
        for name, door in (("slot_id", "/book"), ("message", "/none"), ("day", "")):
            for word in JUNK:  # each of them once, where it matters most
                with self.subTest(name=name, word=word[:20]):
                    self.knock(
                        f"/interview/{right}{door}",
                        body={name: word, "a": "b"} if door else None,
                        method="POST" if door else "GET",
                    )
        for number in range(PAGES):
            token = right if rnd.random() < 0.7 else rnd.choice(wrong + JUNK[20:30])
            door = rnd.choice(DOORS)
            values = {
                name: rnd.choice(JUNK)
                for name in ("slot_id", "tz", "lang", "day", "message", "thanks")
                if rnd.random() < 0.6
            }
            path = f"/interview/{quoted(token)}{door}"
            method = rnd.choice(["GET", "POST"])
            with self.subTest(number=number, path=path, values=values, method=method):
                if method == "GET":
                    query = "&".join(f"{k}={quoted(v)}" for k, v in values.items())
                    self.knock(f"{path}?{query}")
                    continue
                files = {}
                if values and rnd.random() < 0.2:  # a file where a text belongs
                    name = rnd.choice(sorted(values))
                    files = {name: ("x.txt", b"x")}
                    del values[name]
                self.knock(path, body={**values, "a": "b"}, files=files, method="POST")
        interview.invalidate_recordset()
        self.assertEqual(interview.state, "offered")


def quoted(text):
    """Percent-encoded, so that it reaches Odoo as it is."""
    if text.startswith("%"):
        return text
    return "".join(f"%{byte:02X}" for byte in text.encode())
