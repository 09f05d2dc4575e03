"""Whatever Cronofy answers, only errors that we have foreseen come out."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calsync import errors
from calsync.errors import SyncError
from calsync.intervals import Interval
from calsync.providers.cronofy import CronofyProvider, notification
from calsync.transport import Limiter, Reply
from calsync.values import (
    Application,
    Channel,
    Fields,
    Grant,
    Outcome,
    RemoteCalendar,
    RemoteEvent,
    When,
    Window,
    Write,
)

NOW = datetime(2026, 3, 2, 8, tzinfo=timezone.utc)
WINDOW = Window(NOW - timedelta(days=30), NOW + timedelta(days=365))
URL = "https://api-de.cronofy.com"
APP = Application(
    client_id="c",
    client_secret="s",
    api_url=URL,
    auth_url=URL,
    token_url=f"{URL}/oauth/token",
    revoke_url=f"{URL}/oauth/token/revoke",
)
#: keys that the provider looks at, so that chance gets somewhere
KEYS = (
    "events pages next_page free_busy calendars calendar batch status data errors "
    "channel channels channel_id authorization_request url access_token expires_in "
    "refresh_token scope sub email zoneinfo cronofy.data profiles profile_calendars "
    "calendar_id profile_connected event_id event_uid summary description start end "
    "time tzid deleted updated location attendees organizer start end "
    "free_busy_status provider_name profile_id conferencing_profiles options update "
    "recurring permission_level permissions_request cronofy.type status"
).split()
WORDS = (
    "cal_1 m1 busy free 2026-03-03 2026-03-03T09:00:00Z Europe/Berlin Mars/Base "
    f"{URL}/v1/events/pages/2 https://evil.example/ exchange confirmed"
).split() + ["", "\ud800", "\x00"]
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 10**20)
    | st.floats()
    | st.sampled_from(WORDS)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=25,
)
bodies = values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=30)
#: the answers that are expected, with something else in one place
RIGHT = (
    {"events": [], "pages": {"current": 1, "total": 1}},
    {"free_busy": [], "pages": {"current": 1, "total": 1}},
    {"cronofy.data": {"profiles": []}, "email": "a@b.example", "zoneinfo": "Etc/UTC"},
    {"calendars": []},
    {"batch": []},
    {"access_token": "t"},
)


@st.composite
def nearly(draw):
    data = dict(draw(st.sampled_from(RIGHT)))
    name = draw(st.sampled_from(sorted(data)))
    data[name] = draw(values)
    return json.dumps(data).encode()


replies = st.builds(
    Reply,
    # 207: Cronofy, developers/api/batch; refusals: its SDKs' error classes
    status=st.sampled_from(
        [200] * 6
        + [202, 204, 207, 301, 400, 401, 402, 403, 404, 410, 422, 423, 429, 500, 503]
    ),
    headers=st.just({}),
    body=bodies | nearly(),
)


class Wire:
    """Answers with what chance has prepared, then with empty pages."""

    def __init__(self, answers):
        self.answers, self.count = list(answers), 0

    def send(self, method, url, **_request):
        self.count += 1
        if self.answers:
            return self.answers.pop(0)
        data = {"events": [], "free_busy": [], "pages": {}, "access_token": "t"}
        return Reply(200, {}, json.dumps(data).encode())

    def close(self):
        """Nothing to close."""


FIELDS = Fields(name="x", when=When(NOW, NOW + timedelta(hours=1)))
WRITES = [
    Write(verb="insert", remote_id="m1", fields=FIELDS),
    Write(verb="patch", remote_id="m2", fields=FIELDS, etag="v"),
    Write(verb="delete", remote_id="m3"),
    Write(verb="patch", remote_id="uid:evt_external_1", fields=FIELDS, etag="v"),
]


def provider_with(wire):
    provider = CronofyProvider(
        APP,
        Grant(access_token="t", refresh_token="r"),
        limiter=Limiter(sleep=lambda _seconds: None),
        now=lambda: NOW,
        sleep=lambda _seconds: None,
    )
    provider._wire = wire
    return provider


@given(st.lists(replies, max_size=6))
def test_any_answer(answers):
    verbs = {
        "identity": (lambda p: p.identity(), str),
        "calendars": (lambda p: p.calendars()[0], (RemoteCalendar, IndexError)),
        "create": (lambda p: p.create_calendar("Odoo", "UTC"), RemoteCalendar),
        "changes": (lambda p: list(p.changes("cal_1", "", WINDOW)), list),
        "get": (lambda p: p.get("cal_1", ["m1", "uid:x"]), dict),
        "push": (lambda p: p.push("cal_1", WRITES), list),
        "busy": (lambda p: p.busy(["cal_1"], NOW, NOW + timedelta(days=1)), dict),
        "channels": (lambda p: p.channels(), list),
        "unwatch": (lambda p: p.unwatch(Channel(channel_id="x")), type(None)),
        "video": (lambda p: p.conferencing_url(redirect_uri="https://x/"), str),
        "profiles": (lambda p: p.conferencing_profiles(), dict),
        "check": (lambda p: p.check(["cal_1"]), type(None)),
        "permissions": (
            lambda p: p.permissions_url(["cal_1"], redirect_uri="https://x/"),
            str,
        ),
    }
    for name, (verb, kind) in verbs.items():
        provider = provider_with(Wire(answers))
        try:
            result = verb(provider)
        except SyncError:
            continue
        except IndexError:
            assert name == "calendars"
            continue
        assert isinstance(result, kind), name
        check(name, result)


def check(name, result):
    if name == "push":
        assert [type(done) for done in result] == [Outcome] * 4
    elif name == "busy":
        [periods] = result.values()
        assert isinstance(periods, SyncError) or all(
            isinstance(period, Interval) for period in periods
        )
    elif name == "get":
        assert set(result) == {"m1", "uid:x"}
        assert all(isinstance(v, (RemoteEvent, SyncError)) for v in result.values())
    elif name == "changes":
        assert result[-1].token and all(page.full for page in result)


told = st.dictionaries(
    st.sampled_from(("notification", "channel")),
    values | st.dictionaries(st.sampled_from(("type", "callback_url")), values),
).map(lambda value: json.dumps(value).encode())


@given(bodies | told)
def test_any_notification(body):
    kind, address = notification(body)
    assert isinstance(kind, str) and isinstance(address, str)


# ------------------------------------------------------------------ batches, in parts


class Service:
    """Carries out what it accepts: each part of a batch as was decided beforehand,
    under the outer status that was."""

    def __init__(self, outer, parts):
        self.outer, self.parts, self.count = outer, list(parts), 0
        self.batches, self.events = [], {}

    def send(self, method, url, body=None, **_request):
        self.count += 1
        if url.endswith("/v1/batch"):
            batch = json.loads(body)["batch"]
            self.batches.append(batch)
            answers = [self.take(entry) for entry in batch]
            return Reply(self.outer, {}, json.dumps({"batch": answers}).encode())
        shown = {"pages": {"current": 1, "total": 1, "next_page": ""}}
        shown["events"] = list(self.events.values())
        return Reply(200, {}, json.dumps(shown).encode())

    def take(self, entry):
        status, data = self.parts.pop(0), entry["data"]
        if status < 300:
            gone = entry["method"] == "DELETE"
            known = self.events.get(data["event_id"], {})
            event = known | data | {"event_uid": "u", "deleted": gone}
            self.events[data["event_id"]] = event | {"updated": "2026-03-02T08:00:01Z"}
            return {"status": status}
        if status == 422:
            # the example of Cronofy's documentation
            row = {"key": "errors.required", "description": "summary must be specified"}
            return {"status": status, "data": {"errors": {"summary": [row]}}}
        return {"status": status}

    def close(self):
        """Nothing to close."""


#: what the refusals mean: Cronofy, developers/api/errors, and its SDKs' error classes
MEANINGS = {
    202: None,
    402: errors.PlanLimit,
    403: errors.ScopeMissing,
    404: errors.NotFound,
    410: errors.NotFound,
    422: errors.Rejected,
    423: errors.AuthExpired,
    429: errors.RateLimited,
    500: errors.AnswerLost,
    502: errors.AnswerLost,
    503: errors.AnswerLost,
    504: errors.AnswerLost,
}
parts_of_batches = st.lists(
    st.sampled_from([202] * 8 + [status for status in MEANINGS if status != 202]),
    min_size=1,
    max_size=60,
)


@given(st.sampled_from((207, 207, 202, 200)), parts_of_batches)
def test_each_part_of_a_batch_is_judged_by_itself(outer, parts):
    service = Service(outer, parts)
    writes = [
        Write(verb="insert", remote_id=f"m{n}", fields=FIELDS, key=n)
        for n in range(len(parts))
    ]
    done = provider_with(service).push("cal_1", writes)
    assert [outcome.key for outcome in done] == list(range(len(parts)))
    for status, outcome in zip(parts, done, strict=True):
        if MEANINGS[status] is None:
            assert outcome.error is None and outcome.event.fields.name == "x"
        else:
            assert isinstance(outcome.error, MEANINGS[status]), outcome
            assert outcome.event is None and str(outcome.error)
    assert [len(batch) for batch in service.batches] == (
        [len(parts)] if len(parts) <= 50 else [50, len(parts) - 50]
    )


@pytest.mark.parametrize("outer", [207, 202, 200])
def test_a_deletion_of_what_is_not_there_is_done(outer):
    service = Service(outer, [404])
    [done] = provider_with(service).push("cal_1", [WRITES[2]])
    assert done.error is None
