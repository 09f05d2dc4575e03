"""Whatever Google sends, only errors that we have foreseen come out.

Items, pages, batch answers, token answers: a right one with something else in one or a
few places, or nonsense altogether. One unreadable item does not cost the others.
"""

import json
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from calsync import transport
from calsync.errors import SyncError
from calsync.mapping import google_event
from calsync.providers import google_client
from calsync.providers.google import GoogleProvider
from calsync.transport import Limiter, Reply, error_of, google_error, mask, retry_after
from calsync.values import (
    Application,
    Channel,
    Fields,
    Grant,
    Outcome,
    RemoteEvent,
    When,
    Window,
    Write,
)

UTC = timezone.utc
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=30), NOW + timedelta(days=365))
URL = "https://www.googleapis.com/calendar/v3/"
APP = Application(
    client_id="c",
    client_secret="GOCSPX-secret",
    api_url=URL,
    auth_url="https://accounts.google.com/o/oauth2/v2/auth",
    token_url="https://oauth2.googleapis.com/token",
    revoke_url="https://oauth2.googleapis.com/revoke",
)
TOKENS = {
    "access_token": "ya29.secret-access",
    "refresh_token": "1//secret-refresh",
    "expires_in": 3599,
    "scope": "https://www.googleapis.com/auth/calendar.events",
    "token_type": "Bearer",
}
ITEM = {
    "kind": "calendar#event",
    "id": "abc123",
    "iCalUID": "abc123@google.com",
    "etag": '"3181"',
    "status": "confirmed",
    "eventType": "default",
    "summary": "Lunch",
    "description": "<b>Bring</b> paper",
    "location": "Room 1",
    "visibility": "private",
    "transparency": "transparent",
    "start": {"dateTime": "2026-03-03T09:00:00+01:00", "timeZone": "Europe/Berlin"},
    "end": {"dateTime": "2026-03-03T10:00:00+01:00", "timeZone": "Europe/Berlin"},
    "recurrence": [
        "RRULE:FREQ=WEEKLY;COUNT=3",
        "EXDATE;TZID=Europe/Berlin:20260310T090000",
    ],
    "recurringEventId": "abc",
    "originalStartTime": {"dateTime": "2026-03-03T09:00:00+01:00"},
    "organizer": {"email": "ann@example.com", "self": True},
    "attendees": [{"email": "bob@example.com", "responseStatus": "accepted"}],
    "guestsCanModify": False,
    "locked": False,
    "hangoutLink": "https://meet.google.com/x",
    "extendedProperties": {"private": {"odoo": "uuid:1"}},
}
ALLDAY = ITEM | {"start": {"date": "2026-03-03"}, "end": {"date": "2026-03-05"}}
PAGE = {
    "kind": "calendar#events",
    "accessRole": "owner",
    "timeZone": "Europe/Berlin",
    "nextSyncToken": "token",
    "items": [ITEM, ALLDAY],
}
CALENDARS = {
    "items": [
        {
            "id": "ann@example.com",
            "summary": "Ann",
            "timeZone": "Europe/Berlin",
            "accessRole": "owner",
            "primary": True,
            "backgroundColor": "#ffffff",
        }
    ]
}
BUSY = {
    "calendars": {
        "ann@example.com": {
            "busy": [{"start": "2026-03-03T09:00:00Z", "end": "2026-03-03T10:00:00Z"}]
        }
    }
}
CHANNEL = {"id": "x", "resourceId": "y", "expiration": "1773000000000"}
ERROR = {
    "error": {
        "code": 403,
        "message": "No",
        "errors": [{"reason": "rateLimitExceeded", "domain": "usageLimits"}],
    }
}
JUNK = (
    None, True, False, 0, -1, 10**30, 1e308, float("inf"), "", " ", "x", "\x00",
    "\ud800",
    "ä" * 50, "x" * 20_000, "0000-00-00", "9999-12-31T23:59:59+23:59", "2026-02-30",
    "2026-03-03T25:00:00Z", "0001-01-01T00:00:00Z", "2026-03-29T02:30:00", "Mars/Base",
    "../../etc/passwd", "<script>alert(1)</script>", "RRULE:FREQ=SECONDLY",
    "RRULE:FREQ=DAILY;INTERVAL=0", "RRULE:FREQ=YEARLY;BYMONTH=99", "EXDATE:x", "RRULE:",
    "%s%n", "'; DROP TABLE x; --", "confidential", "cancelled", "freeBusyReader",
    [], {}, [None], [[]], [{}], {"date": None}, {"dateTime": 5}, {"date": "2026-03-03"},
)  # fmt: skip


def places(value, path=()):
    """Every place within a JSON value."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))


def put(data, path, value):
    if not path:
        return deepcopy(value)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = deepcopy(value)
    return data


@st.composite
def spoilt(draw, *templates, changes=3):
    """One of the templates, with junk in a few places or with places missing."""
    data = deepcopy(draw(st.sampled_from(templates)))
    for _ in range(draw(st.integers(1, changes))):
        path = draw(st.sampled_from(list(places(data))))
        if path and draw(st.booleans()) and draw(st.booleans()):
            inner = data
            for key in path[:-1]:
                inner = inner[key]
            del inner[path[-1]]
        else:
            data = put(data, path, draw(st.sampled_from(JUNK)))
    return data


items = spoilt(ITEM, ALLDAY, changes=4)
headers = st.sampled_from(
    [
        {},
        {"content-type": "application/json; charset=UTF-8"},
        {"content-type": "multipart/mixed; boundary=b"},
        {"content-type": "multipart/mixed"},
        {"retry-after": "-5"},
        {"retry-after": "soon", "content-length": "x"},
        {"location": "https://evil.example/"},
    ]
)
statuses = st.sampled_from(
    [200] * 8 + [204, 302, 400, 401, 403, 404, 409, 410, 412, 429, 500, 503]
)
bodies = (
    spoilt(PAGE, CALENDARS, BUSY, CHANNEL, ITEM, ERROR).map(
        lambda value: json.dumps(value).encode()
    )
    | st.binary(max_size=40)
    | st.sampled_from([b"", b"null", b"[]", b"{", b'"x"', b"1e999", b"[" * 5000])
)
replies = st.builds(Reply, status=statuses, headers=headers, body=bodies)


def part(number, status, body):
    return (
        "--b\r\nContent-Type: application/http\r\n"
        f"Content-ID: <response-{number}>\r\n\r\n"
        f"HTTP/1.1 {status} Any\r\nContent-Type: application/json\r\n"
        f'ETag: "1"\r\n\r\n{body}\r\n'
    )


@st.composite
def batches(draw):
    """The answer to a batch of three, with parts spoilt, missing, doubled or
    swapped."""
    parts = []
    for number in draw(
        st.lists(
            st.sampled_from(
                ["%2B1", "+1", "1", "2", "3", "99", "x", "", "1", "2", "3"]
            ),
            max_size=5,
        )
    ):
        status = draw(st.sampled_from([200, 204, 400, 403, 404, 409, 412, 500, 0, "x"]))
        body = json.dumps(draw(spoilt(ITEM, ERROR, changes=2)))
        parts.append(part(number, status, body))
    text = "".join(parts) + "--b--"
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(text)))
        text = text[:cut]
    kind = draw(
        st.sampled_from(
            ["multipart/mixed; boundary=b"] * 4
            + ["multipart/mixed; boundary=other", "text/html", ""]
        )
    )
    return Reply(
        draw(statuses), {"content-type": kind}, text.encode("utf-8", "replace")
    )


class Wire:
    """Answers with what chance has prepared, then with an empty page."""

    def __init__(self, answers):
        self.answers, self.count, self.sent = list(answers), 0, []

    def send(self, method, url, **request):
        self.count += 1
        self.sent.append((url, request.get("headers") or {}))
        if self.answers:
            return self.answers.pop(0)
        return Reply(200, {}, json.dumps(PAGE | {"items": []}).encode())

    def close(self):
        """Nothing to close."""


FIELDS = Fields(name="x", when=When(NOW, NOW + timedelta(hours=1), "Europe/Berlin"))
WRITES = [
    Write(verb="insert", remote_id="abc123", fields=FIELDS, key=1),
    Write(
        verb="patch",
        remote_id="abc124",
        fields=FIELDS,
        changed=frozenset({"name"}),
        etag="v",
        key=2,
    ),
    Write(verb="delete", remote_id="abc125", key=3),
]


def provider(answers):
    made = GoogleProvider(
        APP,
        Grant(
            access_token=TOKENS["access_token"],
            refresh_token=TOKENS["refresh_token"],
            expiry=datetime.now(UTC) + timedelta(hours=1),
        ),
        limiter=Limiter(sleep=lambda _seconds: None),
    )
    made._wire = made._sender._wire = Wire(answers)
    return made


VERBS = {
    "identity": lambda p: p.identity(),
    "calendars": lambda p: p.calendars(),
    "create": lambda p: p.create_calendar("Odoo", "UTC"),
    "changes": lambda p: list(p.changes("ann@example.com", "", WINDOW)),
    "more changes": lambda p: list(p.changes("ann@example.com", "token", WINDOW)),
    "get": lambda p: p.get("ann@example.com", ["abc123", "abc124"]),
    "busy": lambda p: p.busy(["ann@example.com"], NOW, NOW + timedelta(days=1)),
    "watch": lambda p: p.watch(
        "ann@example.com", address="https://x/", channel_id="c", secret="s"
    ),
    "unwatch": lambda p: p.unwatch(Channel(channel_id="c", resource_id="r")),
    "push": lambda p: p.push("ann@example.com", WRITES),
}


def told_nothing(error):
    """No token in what an error says."""
    text = f"{error} {error!r} {getattr(error, 'reason', '')}"
    assert not any(TOKENS[name] in text for name in ("access_token", "refresh_token"))
    assert APP.client_secret not in text


@settings(max_examples=3000)
@given(items | spoilt(ITEM), st.sampled_from(["Europe/Berlin", "", "Mars/Base"]))
def test_an_item(item, zone):
    event = google_event(item, calendar_tz=zone)
    assert isinstance(event, RemoteEvent)
    if event.fields is not None:
        assert event.fields.when.start <= event.fields.when.stop
    text = json.dumps(event.to_json())
    assert RemoteEvent.from_json(json.loads(text)) == event
    assert "\\u0000" not in text and "\\ud800" not in text, "no database holds them"


@settings(max_examples=400)
@given(st.lists(items, min_size=1, max_size=8))
def test_bad_items_cost_the_good_ones_nothing(bad):
    good = ITEM | {"id": "good1234", "recurringEventId": "", "recurrence": []}
    page = PAGE | {"items": [*bad, good]}
    wire = Reply(200, {}, json.dumps(page).encode())
    [found] = provider([wire]).changes("ann@example.com", "", WINDOW)
    [lunch] = [event for event in found.events if event.remote_id == "good1234"]
    assert lunch.fields.name == "Lunch"
    assert len(found.events) == len(bad) + 1


@settings(max_examples=300)
@given(st.lists(replies, min_size=1, max_size=4))
def test_any_answer(answers):
    with patch.object(transport.time, "sleep"):
        for name, verb in VERBS.items():
            one = provider(answers)
            try:
                result = verb(one)
            except SyncError as err:
                told_nothing(err)
                continue
            check(name, result)
            hosts = {url.split("/")[2] for url, _headers in one._wire.sent}
            assert hosts <= {"www.googleapis.com", "oauth2.googleapis.com"}


@settings(max_examples=400)
@given(st.lists(batches(), min_size=1, max_size=3))
def test_any_answer_to_a_batch(answers):
    with patch.object(transport.time, "sleep"):
        for name in ("push", "get"):
            try:
                result = VERBS[name](provider(answers))
            except SyncError as err:
                told_nothing(err)
                continue
            check(name, result)


def check(name, result):
    if name == "push":
        assert [type(outcome) for outcome in result] == [Outcome] * 3
        assert [outcome.key for outcome in result] == [1, 2, 3]
        for outcome in result:
            assert outcome.error is None or isinstance(outcome.error, SyncError)
    elif name == "get":
        assert set(result) == {"abc123", "abc124"}
        assert all(isinstance(v, (RemoteEvent, SyncError)) for v in result.values())
    elif "changes" in name:
        assert not any(page.token for page in result[:-1])
    elif name == "identity":
        assert isinstance(result, str) and result


@settings(max_examples=400)
@given(
    st.builds(
        Reply,
        status=statuses,
        headers=headers,
        body=spoilt(TOKENS, {"error": "invalid_grant"}).map(
            lambda value: json.dumps(value).encode()
        )
        | bodies,
    )
)
def test_any_answer_of_the_token_endpoint(answer):
    """Of the consent's code, and of a refresh."""
    with patch.object(google_client, "_post", lambda url, **form: answer):
        try:
            grant = GoogleProvider.exchange(
                APP, code="secret-code", verifier="v" * 43, redirect_uri="https://x/"
            )
            assert grant.access_token and grant.refresh_token
            assert all(isinstance(scope, str) for scope in grant.scopes)
            stored = Grant.from_json(json.loads(json.dumps(grant.to_json())))
            assert replace(stored, expiry=grant.expiry) == grant
        except SyncError as err:
            told_nothing(err)
        try:
            GoogleProvider.revoke(APP, Grant(refresh_token=TOKENS["refresh_token"]))
        except SyncError as err:
            told_nothing(err)
    late = provider([Reply(401, {}, json.dumps(ERROR).encode()), answer])
    with patch.object(transport.time, "sleep"):
        try:
            late.calendars()
        except SyncError as err:
            told_nothing(err)


@settings(max_examples=500)
@given(
    st.integers(0, 999),
    st.text(max_size=20) | st.sampled_from(sorted(transport.REASONS)),
    bodies,
    st.text(max_size=12) | st.sampled_from(["1e9", "-1", "²", "99999999999999999999"]),
)
def test_any_refusal_has_a_meaning(status, reason, body, wait):
    assert isinstance(error_of(status, reason, "x"), SyncError)
    assert isinstance(google_error(status, {"retry-after": wait}, body), SyncError)
    seconds = retry_after(wait)
    assert seconds is None or seconds >= 0


@settings(max_examples=300)
@given(
    st.text(max_size=30),
    st.sampled_from(
        [
            "access_token={}",
            '"refresh_token": "{}"',
            "Authorization: Bearer {}",
            "client_secret={}&x=1",
            "code_verifier={}",
            "{{'token': '{}'}}",
        ]
    ),
    st.from_regex(r"[\w.~-]{8,60}", fullmatch=True),
    st.text(max_size=30),
)
def test_masked_whatever_stands_around_it(before, form, secret, after):
    if secret in form:
        return
    assert secret not in mask(f"{before} {form.format(secret)} {after}").replace(
        before, ""
    ).replace(after, "")
