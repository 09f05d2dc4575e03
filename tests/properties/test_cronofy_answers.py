"""Whatever Cronofy answers, only errors that we have foreseen come out."""

import json
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from calsync.errors import SyncError
from calsync.intervals import Interval
from calsync.providers.cronofy import CronofyProvider
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
    "free_busy_status provider_name profile_id conferencing_profiles"
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
    status=st.sampled_from([200] * 6 + [202, 400, 401, 402, 403, 404, 422, 423, 500]),
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
]


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
    }
    for name, (verb, kind) in verbs.items():
        provider = CronofyProvider(
            APP,
            Grant(access_token="t", refresh_token="r"),
            limiter=Limiter(sleep=lambda _seconds: None),
            now=lambda: NOW,
            sleep=lambda _seconds: None,
        )
        provider._wire = Wire(answers)
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
        assert [type(done) for done in result] == [Outcome] * 3
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
