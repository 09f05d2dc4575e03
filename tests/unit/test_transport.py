"""What an answer means, when to try again, the quota, and where a secret may go."""

import json
import logging
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zoneinfo import ZoneInfo

import pytest

from calsync import errors, transport
from calsync.transport import (
    Limiter,
    Wire,
    backoff,
    google_error,
    insist,
    mask,
    oauth_error,
    pause,
    wait_after,
)

# --------------------------------------------------------------------------- meanings


def refusal(reason, message="Words.", details=()):
    rows = [{"domain": "global", "reason": reason, "message": message}] * bool(reason)
    error = {"errors": rows, "code": 400, "message": message, "details": list(details)}
    return json.dumps({"error": error}).encode()


@pytest.mark.parametrize(
    "status, reason, expected",
    [
        (400, "invalid", errors.Rejected),
        (400, "timeRangeEmpty", errors.Rejected),
        (400, "pushNotSupportedForRequestedResource", errors.Unsupported),
        (400, "push.webhookUrlNotHttps", errors.Unsupported),
        (401, "push.webhookUrlUnauthorized", errors.Unsupported),
        (401, "authError", errors.TokenRefused),
        (401, "required", errors.TokenRefused),
        (402, "", errors.PlanLimit),
        (403, "rateLimitExceeded", errors.RateLimited),
        (403, "userRateLimitExceeded", errors.RateLimited),
        (403, "quotaExceeded", errors.RateLimited),
        (403, "dailyLimitExceeded", errors.RateLimited),
        (403, "variableTermLimitExceeded", errors.RateLimited),
        (403, "dailyLimitExceededUnreg", errors.Misconfigured),
        (403, "accessNotConfigured", errors.Misconfigured),
        (403, "notACalendarUser", errors.ServiceOff),
        (403, "forbiddenForNonCreator", errors.Forbidden),
        (403, "forbidden", errors.Forbidden),
        (400, "required", errors.Rejected),
        (400, "badRequest", errors.Rejected),
        (410, "", errors.Gone),
        (403, "insufficientPermissions", errors.ScopeMissing),
        (403, "forbiddenForNonOrganizer", errors.Forbidden),
        (403, "requiredAccessLevel", errors.Forbidden),
        (404, "notFound", errors.NotFound),
        (409, "duplicate", errors.Duplicate),
        (409, "conflict", errors.Unavailable),
        (410, "deleted", errors.Gone),
        (410, "fullSyncRequired", errors.TokenInvalid),
        (410, "updatedMinTooLongAgo", errors.TokenInvalid),
        (412, "conditionNotMet", errors.Conflict),
        (429, "", errors.RateLimited),
        (423, "", errors.AuthExpired),
        (500, "backendError", errors.Unavailable),
        (503, "rateLimitExceeded", errors.Unavailable),
        (302, "", errors.Unavailable),
        (418, "", errors.Rejected),
    ],
)
def test_each_refusal_has_one_meaning(status, reason, expected):
    assert type(google_error(status, {}, refusal(reason))) is expected


QUOTA = (
    "Quota exceeded for quota metric 'Queries' and limit 'Queries per {}' of service"
    " 'calendar-json.googleapis.com' for consumer 'project_number:0'."
)


@pytest.mark.parametrize(
    "status, reason, message, project, period",
    [
        (403, "rateLimitExceeded", QUOTA.format("minute per user"), False, 60),
        (429, "rateLimitExceeded", QUOTA.format("minute per user"), False, 60),
        (403, "rateLimitExceeded", QUOTA.format("100 seconds per user"), False, 100),
        (403, "rateLimitExceeded", QUOTA.format("minute"), True, 60),
        (403, "rateLimitExceeded", QUOTA.format("day"), True, 86_400),
        (403, "rateLimitExceeded", QUOTA.format("day per user"), False, 86_400),
        (403, "rateLimitExceeded", "Rate Limit Exceeded", False, 60),
        (403, "userRateLimitExceeded", "User Rate Limit Exceeded", False, 60),
        (403, "userRateLimitExceeded", QUOTA.format("minute"), False, 60),
        (403, "dailyLimitExceeded", "Daily Limit Exceeded", True, 86_400),
        (403, "quotaExceeded", "Calendar usage limits exceeded.", False, 3600),
        (403, "variableTermLimitExceeded", "Words.", False, 3600),
        (429, "", "", False, 60),
    ],
)
def test_a_refusal_says_whose_limit_it_is(status, reason, message, project, period):
    error = google_error(status, {}, refusal(reason, message))
    assert (error.project, error.period) == (project, period)


def test_newer_details_say_whose_limit_it_is_too():
    def of(limit, unit):
        metadata = {"quota_limit": limit, "quota_unit": unit}
        rows = [{"reason": "RATE_LIMIT_EXCEEDED", "metadata": metadata}]
        return google_error(429, {}, refusal("", "Words.", rows))

    mine = of("defaultPerMinutePerUser", "1/min/{project}/{user}")
    ours = of("limit", "1/d/{project}")
    assert (mine.project, mine.period) == (False, 60)
    assert (ours.project, ours.period) == (True, 86_400)


def test_a_used_up_day_ends_at_midnight_pacific_unless_told_otherwise():
    body = refusal("dailyLimitExceeded", "Daily Limit Exceeded")
    wait = google_error(403, {}, body).retry_after
    at = datetime.fromtimestamp(
        datetime.now().timestamp() + wait, ZoneInfo("America/Los_Angeles")
    )
    assert 0 < wait <= 90_000
    assert at.hour == 0 or (at.hour, at.minute) == (23, 59)
    assert google_error(403, {"retry-after": "7"}, body).retry_after == 7


def test_a_foreign_sync_token_is_an_invalid_one():
    body = refusal("invalid", "Invalid sync token value.")
    assert isinstance(google_error(400, {}, body), errors.TokenInvalid)


def test_the_details_of_newer_errors_are_read_too():
    body = refusal("forbidden", details=[{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}])
    assert isinstance(google_error(403, {}, body), errors.ScopeMissing)


def test_a_write_that_met_a_server_error_may_have_landed():
    error = google_error(503, {}, b"", write=True)
    assert isinstance(error, errors.AnswerLost)


def test_the_providers_sentence_is_shown_where_it_judges_the_content():
    assert str(google_error(400, {}, refusal("invalid", "Bad zone."))) == "Bad zone."
    assert "Ann" not in str(google_error(404, {}, refusal("notFound", "Ann's")))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"error": "x"}', b'{"error": {"errors": 1}}']
)
def test_a_body_in_another_shape_leaves_the_status_to_speak(body):
    assert type(google_error(404, {}, body)) is errors.NotFound


@pytest.mark.parametrize(
    "value, expected",
    [
        ("7", 7.0),
        ("Fri, 02 Jan 2026 10:00:30 GMT", 30.0),
        ("Fri, 02 Jan 2026 09:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("٣", None),
        ("9" * 400, 86_400.0),
        ("Fri, 02 Jan 2099 10:00:30 GMT", 86_400.0),
    ],
)
def test_retry_after(value, expected):
    now = datetime(2026, 1, 2, 10, tzinfo=timezone.utc)
    assert transport.retry_after(value, now) == expected


# -------------------------------------------------------------------------- try again


def test_backing_off_doubles_up_to_a_minute_with_jitter():
    shortest = [backoff(attempt, lambda: 0.0) for attempt in range(8)]
    longest = [backoff(attempt, lambda: 1.0) for attempt in range(8)]
    assert longest == [1, 2, 4, 8, 16, 32, 64, 64]
    assert shortest == [length / 2 for length in longest]


def test_a_run_waits_as_told_else_from_one_second_up_to_the_limits_own_period():
    def waits(error, chance):
        return [wait_after(error, n, lambda: chance) for n in range(1, 10)]

    minute, hundred = errors.RateLimited(), errors.RateLimited(period=100.0)
    assert waits(minute, 0.0) == [1, 2, 4, 8, 16, 32, 48, 48, 48]
    assert waits(minute, 1.0) == [1.25, 2.5, 5, 10, 20, 40, 60, 60, 60]
    assert waits(hundred, 1.0)[-1] == 100
    assert waits(errors.RateLimited(period=1.0), 0.0)[-1] == 1
    assert waits(errors.RateLimited(retry_after=1800), 0.0) == [1800] * 9
    assert waits(errors.RateLimited(retry_after=80_000), 1.0) == [80_300] * 9


@pytest.mark.parametrize(
    "status, words, expected",
    [
        (400, [None, "invalid_grant"], errors.AuthExpired),
        (400, ["invalid_rapt", "invalid_grant"], errors.AuthExpired),
        (400, ["something_new", "invalid_grant"], errors.AuthExpired),
        (401, [None, "invalid_client"], errors.Misconfigured),
        (401, [None, "deleted_client"], errors.Misconfigured),
        (401, [None, "disabled_client"], errors.Misconfigured),
        (400, [None, "unauthorized_client"], errors.Misconfigured),
        (400, [None, "something_new"], errors.Unavailable),
        (400, [], errors.Unavailable),
        (500, [None, "invalid_grant"], errors.Unavailable),
        (200, [None, None], errors.Unavailable),
        (429, [], errors.RateLimited),
    ],
)
def test_only_the_token_endpoints_own_word_ends_a_grant(status, words, expected):
    assert type(oauth_error(status, words)) is expected


@pytest.mark.parametrize(
    "error, attempt, repeatable, expected",
    [
        (errors.Unavailable(), 0, True, 1.0),
        (errors.Unavailable(), 1, True, 2.0),
        (errors.Unavailable(), 2, True, None),
        (errors.Unavailable(), 0, False, 1.0),
        (errors.AnswerLost(), 0, True, 1.0),
        (errors.AnswerLost(), 0, False, None),
        (errors.RateLimited(retry_after=3), 0, False, 3),
        (errors.RateLimited(retry_after=0), 0, True, 0),
        (errors.RateLimited(retry_after=600), 0, True, None),
        (errors.RateLimited(), 0, True, 1.0),
        (errors.Rejected(), 0, True, None),
        (errors.AuthExpired(), 0, True, None),
    ],
)
def test_what_is_tried_again(error, attempt, repeatable, expected):
    wait = pause(error, attempt, repeatable=repeatable, chance=lambda: 1.0)
    assert wait == expected


def test_insisting_ends_with_the_answer_or_the_last_error():
    slept = []
    answers = [errors.Unavailable(), errors.RateLimited(retry_after=2), "yes"]

    def call():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert insist(call, sleep=slept.append) == "yes"
    assert len(slept) == 2 and slept[1] == 2
    answers = [errors.Unavailable(reason=str(n)) for n in range(5)]
    with pytest.raises(errors.Unavailable) as caught:
        insist(call, sleep=slept.append)
    assert caught.value.reason == "2"


# ------------------------------------------------------------------------------ quota


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self):
        self.now = 100.0

    def limiter(self, **limits):
        return Limiter(clock=lambda: self.now, sleep=self.sleep, **limits)

    def sleep(self, seconds):
        self.now += seconds


def test_a_user_may_spend_the_quota_at_once_and_then_waits_for_the_window():
    time = Time()
    limiter = time.limiter(user=600, project=10_000)
    limiter.wait(600, "ann")
    with pytest.raises(errors.RateLimited) as caught:
        limiter.wait(1, "ann")
    assert caught.value.retry_after == 60
    limiter.wait(600, "bob")
    assert time.now == 100
    time.now += 57
    limiter.wait(1, "ann")
    assert time.now == 160


def test_the_project_is_limited_over_all_users():
    time = Time()
    limiter = time.limiter(user=600, project=1000)
    limiter.wait(600, "ann")
    time.now += 10
    limiter.wait(400, "bob")
    with pytest.raises(errors.RateLimited) as caught:
        limiter.wait(50, "cid")
    assert caught.value.retry_after == 50


def test_no_window_ever_holds_more_than_the_limit():
    time = Time()
    limiter = time.limiter(user=10)
    sent = []
    for n in range(200):
        cost = 1 + n % 3
        limiter.wait(cost, "ann", at_most=100)
        sent += [time.now] * cost
        time.now += 0.1 * (n % 7)
    for first in sent:
        assert sum(first <= at < first + 60 for at in sent) <= 10


def test_a_request_that_costs_more_than_the_limit_goes_when_nothing_else_did():
    time = Time()
    time.limiter(user=10).wait(50, "ann")
    assert time.now == 100


def test_a_penalty_holds_for_the_user_or_for_all():
    time = Time()
    limiter = time.limiter()
    limiter.penalise(30, "ann")
    limiter.wait(1, "bob")
    with pytest.raises(errors.RateLimited):
        limiter.wait(1, "ann")
    limiter.penalise(3)
    limiter.wait(1, "bob")
    assert time.now == 103


def test_threads_share_one_limit():
    limiter = Limiter(user=20)
    refused = []

    def spend():
        for _ in range(10):
            try:
                limiter.wait(1, "ann", at_most=0)
            except errors.RateLimited:
                refused.append(1)

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 20


def test_a_project_has_one_limiter_in_a_process():
    assert transport.shared_limiter("p") is transport.shared_limiter("p")
    assert transport.shared_limiter("p") is not transport.shared_limiter("q")


# ---------------------------------------------------------------------------- sending


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        if self.path == "/drop":
            self.close_connection = True
            return
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "http://localhost:1/stolen")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = b'{"ok": 1}'
        self.send_response(200)
        length = len(body) * (2 if self.path == "/truncated" else 1)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/truncated":
            self.close_connection = True

    do_POST = do_GET

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_reply_of_any_status_comes_back_and_is_counted(server):
    wire = Wire(server.url)
    assert wire.send("GET", server.url + "/x").json() == {"ok": 1}
    reply = wire.send("GET", server.url + "/redirect")
    assert (reply.status, reply.headers["LOCATION"]) == (
        302,
        "http://localhost:1/stolen",
    )
    assert wire.count == 2
    wire.close()


@pytest.mark.parametrize("path", ["/drop", "/truncated"])
def test_a_lost_answer_is_called_so_and_the_request_not_repeated(server, path):
    wire = Wire(server.url)
    wire.send("GET", server.url + "/warm")
    with pytest.raises(errors.AnswerLost):
        wire.send("POST", server.url + path, body="{}")
    assert [seen for seen, _ in server.seen] == ["/warm", path]
    wire.close()


def test_what_never_arrived_is_merely_unavailable():
    wire = Wire("http://127.0.0.1:1")
    with pytest.raises(errors.Unavailable) as caught:
        wire.send("POST", "http://127.0.0.1:1/x?token=secret")
    assert type(caught.value) is errors.Unavailable
    assert "secret" not in repr(caught.value)
    assert caught.value.__cause__ is None
    wire.close()


def test_nothing_is_sent_to_a_strange_host(server):
    wire = Wire("https://www.googleapis.com")
    with pytest.raises(errors.Misconfigured):
        wire.send("GET", server.url + "/x", headers={"Authorization": "Bearer t"})
    assert not server.seen and wire.count == 0


def test_a_password_file_does_not_replace_the_token(server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login ann password pw\n")
    monkeypatch.setenv("NETRC", str(netrc))
    wire = Wire(server.url)
    wire.send("GET", server.url + "/x", headers={"Authorization": "Bearer token"})
    assert server.seen == [("/x", "Bearer token")]
    wire.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_proxy_is_not_asked_for_this_machine(server, monkeypatch, host):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    url = server.url.replace("127.0.0.1", host)
    wire = Wire(url)
    assert wire.send("GET", url + "/x").status == 200
    wire.close()


@pytest.mark.parametrize(
    "url, allowed",
    [
        ("https://a.example/x", True),
        ("https://A.example/x?y", True),
        ("http://a.example/x", False),
        ("https://a.example:444/x", False),
        ("https://a.example.evil/x", False),
        ("https://evil@b.example/x", False),
        ("https://a.example@evil/x", False),
        ("http://127.0.0.1:80/x", True),
        ("http://10.0.0.1/x", False),
    ],
)
def test_a_token_goes_to_its_host_only_and_safely(url, allowed):
    addresses = ("https://a.example/api", "http://127.0.0.1:80", "http://10.0.0.1/")
    if allowed:
        assert transport.pinned(url, *addresses) == url
    else:
        with pytest.raises(errors.Misconfigured):
            transport.pinned(url, *addresses)


# ---------------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "text",
    [
        "POST /token refresh_token=SECRETSECRET&x=1",
        "{'client_secret': 'SECRETSECRET'}",
        '{"access_token":"SECRETSECRET","expires_in":3599}',
        "Authorization: Bearer SECRETSECRET",
        "authorization: Basic SECRETSECRET=",
        "code=SECRETSECRET&state=x",
        "code_verifier=SECRETSECRET",
        "header bearer SECRETSECRET",
        "got ya29.SECRETSECRET from somewhere",
        "got 1//0SECRETSECRET from somewhere",
        "X-Goog-Channel-Token: SECRETSECRET",
        "got GOCSPX-SECRETSECRET from somewhere",
        "got CRN_SECRETSECRET from somewhere",
    ],
)
def test_secrets_are_masked(text):
    assert "SECRET" not in mask(text)
    assert "***" in mask(text)


@pytest.mark.parametrize(
    "text", ["status code: 404 Not Found", "nextSyncToken page 3", "12 events, 3 links"]
)
def test_harmless_text_stays(text):
    assert mask(text) == text


def test_records_of_the_libraries_are_masked(caplog):
    logger = logging.getLogger("googleapiclient.http")
    with caplog.at_level(logging.DEBUG, logger=logger.name):
        try:
            raise ValueError("refresh_token=SECRETSECRET")
        except ValueError:
            logger.exception("with %s", {"access_token": "SECRETSECRET"})
    assert "SECRET" not in caplog.text
    assert "ValueError" in caplog.text
