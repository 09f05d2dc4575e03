"""The Cronofy simulator speaks Cronofy's protocol: the official client says so.

``pycronofy`` is used as it is; only its base addresses point at the simulator. What
it does not cover (access modes, statuses, signatures) is asked for over plain HTTP.
"""

import base64
import hashlib
import hmac
import json
import re
import threading
from datetime import date, datetime, timedelta, timezone
from html import unescape
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pycronofy
import pytest
import requests
from pycronofy.batch import BatchBuilder
from pycronofy.exceptions import PyCronofyPartialSuccessError, PyCronofyRequestError

from simulators.cronofy import DEMO_CLIENT, DEMO_SECRET, CronofySimulator
from simulators.cronofy.demo import seed

UTC = timezone.utc
NOW = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)  # a Monday
REDIRECT = "https://odoo.example/calendar_sync/callback/cronofy"
EVENT = {
    "event_id": "m1",
    "summary": "Interview",
    "description": "with\r\ntea  ",
    "start": "2026-03-10T09:00:00Z",
    "end": "2026-03-10T10:00:00Z",
}


@pytest.fixture
def sim():
    with CronofySimulator() as simulator:
        simulator.set_clock(NOW.isoformat(), frozen=True)
        yield simulator


@pytest.fixture
def calendar(sim):
    return sim.add_person("ann")["calendars"]["Calendar"]


def client_for(sim, person=None, scope="read_write create_calendar"):
    client = pycronofy.Client(client_id=DEMO_CLIENT, client_secret=DEMO_SECRET)
    client.request_handler.base_url = client.app_base_url = sim.url
    if person:
        tokens = sim.grant(person, scope)
        client.auth.update(
            access_token=tokens["access_token"], refresh_token=tokens["refresh_token"]
        )
    return client


def client_get(sim, client, path, **query):
    header = {"Authorization": client.auth.get_authorization()}
    return requests.get(sim.url + path, params=query, headers=header, timeout=5)


def fields(html):
    """The hidden inputs and the radio values of a page."""
    hidden = dict(re.findall(r"type='hidden' name='(\w+)' value='([^']*)'", html))
    radios = re.findall(r"type='radio' name='(\w+)' value='([^']*)'", html)
    return {name: unescape(value) for name, value in hidden.items()}, radios


def walk_through(sim, address, mode="read_write", decision="allow", session=None):
    """Click through both pages; the query that comes back to the application."""
    session = session or requests.Session()
    first = session.get(address, timeout=5)
    hidden, radios = fields(first.text)
    profile = next(value for name, value in radios if name == "profile")
    second = session.post(
        sim.url + "/oauth/authorize/calendar",
        data=hidden | {"profile": profile, "mode": mode, "do": "connect"},
        timeout=5,
    )
    assert "Allow access?" in second.text
    third = session.post(
        sim.url + "/oauth/authorize/consent",
        data=fields(second.text)[0] | {"do": decision},
        allow_redirects=False,
        timeout=5,
    )
    back = urlsplit(third.headers["Location"])
    return {name: values[0] for name, values in parse_qs(back.query).items()}


# ------------------------------------------------------------------------ authorisation


def test_two_pages_lead_to_tokens(sim, calendar):
    client = client_for(sim)
    address = client.user_auth_link(
        REDIRECT, scope="free_busy_write", state="s1", avoid_linking=True
    )
    answer = walk_through(sim, address)
    assert answer["state"] == "s1"
    client.get_authorization_from_code(answer["code"])
    assert client.userinfo()["email"] == "ann@example.com"
    with pytest.raises(PyCronofyRequestError) as used:
        client.get_authorization_from_code(answer["code"])
    assert used.value.response.status_code == 400


def test_the_person_denies(sim, calendar):
    address = client_for(sim).user_auth_link(REDIRECT, state="s2")
    answer = walk_through(sim, address, decision="deny")
    assert answer == {"error": "access_denied", "state": "s2"}


@pytest.mark.parametrize(
    ("service", "mode", "name"),
    [
        ("office365", "read_write", "exchange"),
        ("office365", "free_busy", "ms_graph_free_busy"),
        ("google", "free_busy", "google_free_busy"),
        ("icloud", "no_access", "cronofy"),
    ],
)
def test_access_modes_show_in_the_provider_name(sim, service, mode, name):
    sim.add_person("eve", service=service)
    client = client_for(sim)
    address = client.user_auth_link(REDIRECT, scope="free_busy_write list_calendars")
    answer = walk_through(sim, address, mode=mode)
    client.get_authorization_from_code(answer["code"])
    assert client.list_profiles()[0]["provider_name"] == name


def test_a_service_without_free_busy_mode_says_so(sim):
    sim.add_person("eve", service="icloud")
    address = client_for(sim).user_auth_link(REDIRECT, scope="free_busy_write")
    hidden, radios = fields(requests.get(address, timeout=5).text)
    answer = requests.post(
        sim.url + "/oauth/authorize/calendar",
        data=hidden | {"profile": radios[0][1], "mode": "free_busy"},
        timeout=5,
    )
    assert "does not offer" in answer.text


def test_the_same_browser_links_two_calendars_unless_told_not_to(sim):
    for key in ("ann", "bob"):
        sim.add_person(key)
    subs = {}
    for linking in (True, False):
        session, found = requests.Session(), []
        for number in (0, 1):
            address = client_for(sim).user_auth_link(
                REDIRECT, scope="read_account", avoid_linking=not linking
            )
            page = session.get(address, timeout=5)
            hidden, radios = fields(page.text)
            page = session.post(
                sim.url + "/oauth/authorize/calendar",
                data=hidden | {"profile": radios[number][1]},
                timeout=5,
            )
            answer = session.post(
                sim.url + "/oauth/authorize/consent",
                data=fields(page.text)[0] | {"do": "allow"},
                allow_redirects=False,
                timeout=5,
            )
            query = parse_qs(urlsplit(answer.headers["Location"]).query)
            client = client_for(sim)
            client.get_authorization_from_code(query["code"][0], REDIRECT)
            found.append(client.userinfo()["sub"])
        subs[linking] = found
        sim.store.accounts.clear()
    assert subs[True][0] == subs[True][1]
    assert subs[False][0] != subs[False][1]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"client_id": "who"}, 400),
        ({"redirect_uri": "javascript:alert(1)"}, 400),
        ({"scope": "everything"}, 303),
        ({"response_type": "token"}, 303),
    ],
)
def test_wrong_requests_for_consent(sim, calendar, change, status):
    query = {
        "client_id": DEMO_CLIENT,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "read_account",
    } | change
    address = f"{sim.url}/oauth/authorize?{urlencode(query)}"
    answer = requests.get(address, allow_redirects=False, timeout=5)
    assert answer.status_code == status
    if status == 303:
        assert "error=" in answer.headers["Location"]


def test_refresh_and_expiry(sim, calendar):
    client = client_for(sim, "ann")
    old = client.auth.access_token
    sim.advance_clock(hours=2)
    with pytest.raises(PyCronofyRequestError) as expired:
        client.account()
    assert expired.value.response.status_code == 401
    refresh_token = client.auth.refresh_token
    sim.set_tokens(rotating=True)
    client.refresh_authorization()
    assert client.auth.access_token != old
    assert client.auth.refresh_token != refresh_token
    assert client.account()["email"] == "ann@example.com"


@pytest.mark.parametrize("by", ["token", "refresh_token", "sub"])
def test_revoke_and_revoke_again(sim, calendar, by):
    client = client_for(sim, "ann")
    data = {"client_id": DEMO_CLIENT, "client_secret": DEMO_SECRET}
    data |= {
        "token": {"token": client.auth.access_token},
        "refresh_token": {"token": client.auth.refresh_token},
        "sub": {"sub": client.userinfo()["sub"]},
    }[by]
    for _again in range(2):
        answer = requests.post(sim.url + "/oauth/token/revoke", json=data, timeout=5)
        assert answer.status_code == 200
    with pytest.raises(PyCronofyRequestError):
        client.account()
    with pytest.raises(PyCronofyRequestError) as dead:
        client.refresh_authorization()
    assert dead.value.response.status_code == 400


def test_data_centers_do_not_know_each_others_tokens(sim, calendar):
    token = sim.grant("ann")["access_token"]
    with CronofySimulator(data_center="us") as other:
        answer = requests.get(
            other.url + "/v1/userinfo",
            headers={"Authorization": f"Bearer {token}"},
            timeout=5,
        )
    assert answer.status_code == 401


# --------------------------------------------------------------------------- calendars


def test_calendars_and_a_new_one(sim, calendar):
    client = client_for(sim, "ann")
    profile = client.list_profiles()[0]["profile_id"]
    client.create_calendar(profile, "Odoo")
    names = [entry["calendar_name"] for entry in client.list_calendars()]
    assert names == ["Calendar", "Odoo"]
    with pytest.raises(PyCronofyRequestError) as twice:
        client.create_calendar(profile, "Odoo")
    assert twice.value.response.status_code == 422
    [row] = twice.value.response.json()["errors"]["name"]
    assert row["key"] == "errors.duplicate_calendar_name"


def test_an_application_calendar_belongs_to_nobody(sim):
    client = client_for(sim)
    made = client.application_calendar("rooms")
    assert made["sub"].startswith("apc_")
    assert client.application_calendar("rooms")["sub"] == made["sub"]
    info = client.userinfo()
    assert info["cronofy.type"] == "application_calendar"
    (calendar,) = client.list_calendars()
    client.upsert_event(calendar["calendar_id"], dict(EVENT))
    assert len(client.read_events().all()) == 1


# ------------------------------------------------------------------------------ events


def test_upsert_read_and_delete(sim, calendar):
    client = client_for(sim, "ann")
    client.upsert_event(calendar, dict(EVENT))
    client.upsert_event(calendar, EVENT | {"summary": "Moved"})
    (event,) = client.read_events(calendar_ids=[calendar]).all()
    assert event["event_id"] == "m1"
    assert event["summary"] == "Moved"
    assert event["description"] == "with\ntea", "the service tidies texts"
    assert event["options"]["update"]
    client.delete_event(calendar, "m1")
    assert client.read_events().all() == []
    (event,) = client.read_events(include_deleted=True).all()
    assert event["deleted"]


def test_what_is_wrong_is_named(sim, calendar):
    client = client_for(sim, "ann")
    with pytest.raises(PyCronofyRequestError) as refusal:
        client.upsert_event(
            calendar, EVENT | {"event_id": "", "description": "x" * 4097}
        )
    errors = refusal.value.response.json()["errors"]
    assert errors["event_id"] == [{"key": "errors.required", "description": "required"}]
    assert "description" in errors


@pytest.mark.parametrize(
    "wrong",
    [
        {"end": "2026-03-10T08:00:00Z"},
        {"end": "2026-03-11"},
        {"start": "2026-03-10T09:00:00+01:00"},
        {"start": "2026-03-10", "end": "2026-03-10"},
        {"summary": ""},
        {"summary": None},
        {"summary": "s" * 1025},
        {"event_id": "i" * 65},
        {"tzid": "Mars/Base"},
        {"reminders": [{"minutes": n} for n in range(6)]},
        {"attendees": {"invite": [{"email": "nobody"}]}},
        {"color": "red"},
    ],
)
def test_bodies_that_are_refused(sim, calendar, wrong):
    client = client_for(sim, "ann")
    with pytest.raises(PyCronofyRequestError) as refusal:
        client.upsert_event(calendar, EVENT | wrong)
    assert refusal.value.response.status_code == 422
    assert sim.events(calendar=calendar) == []


def test_writes_arrive_later_or_never(sim, calendar):
    client = client_for(sim, "ann")
    sim.set_write_delay(30)
    client.upsert_event(calendar, dict(EVENT))
    assert client.read_events().all() == []
    sim.advance_clock(31)
    assert len(client.read_events().all()) == 1
    sim.fail_writes()
    client.upsert_event(calendar, EVENT | {"event_id": "m2"})
    sim.advance_clock(31)
    assert len(client.read_events().all()) == 1


def test_pages_have_absolute_addresses(sim, calendar):
    client = client_for(sim, "ann")
    sim.add_series("ann", None, "Daily", "2026-03-09 09:00", "2026-03-09 09:15", 1, 7)
    sim.set_page_size(3)
    pages = client.read_events()
    assert pages.total == 3
    assert pages.next_page_url.startswith(sim.url + "/v1/events/pages/")
    assert len({event["event_uid"] for event in pages.all()}) == 7
    assert pages.json()["pages"] == {"current": 3, "total": 3, "next_page": ""}
    first = client.read_events(only_managed=True).json()["pages"]
    assert first == {"current": 1, "total": 1}
    later = client.read_events().next_page_url
    sim.forget_pages()
    with pytest.raises(PyCronofyRequestError) as forgotten:
        client.request_handler.get(url=later)
    assert forgotten.value.response.status_code == 404
    sim.add_person("bob")
    other = client_for(sim, "bob")
    with pytest.raises(PyCronofyRequestError) as foreign:
        other.request_handler.get(url=client.read_events().next_page_url)
    assert foreign.value.response.status_code == 404


def test_addresses_in_answers_have_the_host_that_was_asked(sim, calendar):
    """Else a client that pins its host would refuse them."""
    client = client_for(sim, "ann")
    client.request_handler.base_url = sim.url.replace("127.0.0.1", "localhost")
    sim.add_series("ann", None, "Daily", "2026-03-09 09:00", "2026-03-09 09:15", 1, 3)
    sim.set_page_size(2)
    pages = client.read_events()
    assert pages.next_page_url.startswith("http://localhost:")
    assert len(pages.all()) == 3
    url = client.get_conferencing_services_auth_link(REDIRECT, "zoom")
    assert url.startswith("http://localhost:")


def test_what_a_listing_contains(sim, calendar):
    client = client_for(sim, "ann")
    client.upsert_event(calendar, dict(EVENT))
    for day in ("2026-01-24", "2026-01-28", "2026-09-20", "2026-10-10"):
        next_day = date.fromisoformat(day) + timedelta(days=1)
        sim.add_event("ann", summary=day, start=day, end=next_day.isoformat())

    def names(**query):
        return {event["summary"] for event in client.read_events(**query)}

    assert names() == {"Interview", "2026-01-28", "2026-09-20"}
    assert names(include_managed=False) == {"2026-01-28", "2026-09-20"}
    assert names(only_managed=True) == {"Interview"}
    assert names(from_date=date(2026, 3, 1), to_date=date(2026, 3, 31)) == {"Interview"}
    sim.advance_clock(60)
    sim.change_event("m1", summary="Changed")
    assert names(last_modified=NOW + timedelta(seconds=30)) == {"Changed"}
    for query in ({"from": "2025-12-01"}, {"to": "2027-03-01"}, {"tzid": "Mars/Base"}):
        answer = client_get(sim, client, "/v1/events", **{"tzid": "UTC"} | query)
        assert answer.status_code == 422, query


def test_a_series_arrives_expanded_at_local_time(sim, calendar):
    sim.add_series("ann", None, "Weekly", "2026-03-24 09:00", "2026-03-24 10:00", 7, 2)
    before, after = client_for(sim, "ann").read_events(localized_times=True).all()
    assert before["series_identifier"] == after["series_identifier"]
    assert before["event_uid"] != after["event_uid"]
    assert before["start"]["time"] == "2026-03-24T09:00:00+01:00"
    assert after["start"]["time"] == "2026-03-31T09:00:00+02:00"


def test_a_batch_of_which_all_went_well_is_a_207_too(sim, calendar):
    client = client_for(sim, "ann")
    builder = BatchBuilder()
    builder.upsert_event(calendar, EVENT)
    builder.delete_event(calendar, "never there")
    done = client.batch(builder)
    assert [entry.status() for entry in done.entries] == [202, 202]
    assert not done.has_errors()
    header = {"Authorization": client.auth.get_authorization()}
    plain = requests.post(
        sim.url + "/v1/batch",
        json={"batch": builder.build()},
        headers=header,
        timeout=5,
    )
    assert (plain.status_code, plain.json()) == (
        207,
        {"batch": [{"status": 202}, {"status": 202}]},
    )


@pytest.mark.parametrize(
    "part",
    [
        {"method": "GET", "relative_url": "/v1/userinfo"},
        {"method": "POST", "relative_url": "/v1/batch", "data": {"batch": []}},
        {"method": "POST", "relative_url": "/v1/channels", "data": {}},
        {},
        None,
    ],
)
def test_what_does_not_belong_into_a_batch(sim, calendar, part):
    header = {"Authorization": client_for(sim, "ann").auth.get_authorization()}
    answer = requests.post(
        sim.url + "/v1/batch", json={"batch": [part]}, headers=header, timeout=5
    )
    assert answer.status_code == 207
    assert [entry["status"] for entry in answer.json()["batch"]] == [422]


def test_batch_answers_each_part(sim, calendar):
    client = client_for(sim, "ann")
    builder = BatchBuilder()
    builder.upsert_event(calendar, EVENT)
    builder.upsert_event(calendar, EVENT | {"event_id": "m2", "summary": None})
    builder.delete_event("cal_unknown", "m3")
    # the client takes 202 for success and, by a bug of its own, 402 and 502 too
    with pytest.raises(PyCronofyPartialSuccessError) as partial:
        client.batch(builder)
    statuses = [entry.status() for entry in partial.value.batch_response.entries]
    assert statuses == [202, 422, 404]
    too_many = BatchBuilder()
    for number in range(51):
        too_many.delete_event(calendar, str(number))
    with pytest.raises(PyCronofyRequestError) as refusal:
        client.batch(too_many)
    assert refusal.value.response.status_code == 422


def test_other_people_and_other_applications_stay_apart(sim, calendar):
    sim.add_person("bob")
    client_for(sim, "ann").upsert_event(calendar, dict(EVENT))
    with pytest.raises(PyCronofyRequestError) as foreign:
        client_for(sim, "bob").upsert_event(calendar, dict(EVENT))
    assert foreign.value.response.status_code == 404
    sim.add_client("other", "secret")
    tokens = sim.grant("ann", "read_write", client="other")
    client = client_for(sim)
    client.auth.update(access_token=tokens["access_token"])
    (event,) = client.read_events(include_managed=False).all()
    assert "event_id" not in event


# --------------------------------------------------------------------------- free/busy


def test_free_busy(sim, calendar):
    client = client_for(sim, "ann", "free_busy_write")
    client.upsert_event(calendar, dict(EVENT))
    sim.add_event("ann", None, "Off", "2026-03-12", "2026-03-13")
    sim.add_event(
        "ann",
        None,
        "Gym",
        "2026-03-13 18:00",
        "2026-03-13 19:00",
        transparency="transparent",
    )
    sim.add_event(
        "ann", None, "Maybe", "2026-03-14 10:00", "2026-03-14 11:00", status="tentative"
    )
    sim.add_event(
        "ann",
        None,
        "No",
        "2026-03-15 10:00",
        "2026-03-15 11:00",
        participation_status="declined",
    )
    found = client.read_free_busy(tzid="Europe/Berlin", include_managed=False).all()
    assert [(entry["start"], entry["free_busy_status"]) for entry in found] == [
        ("2026-03-12", "busy"),
        ("2026-03-13T17:00:00Z", "free"),
        ("2026-03-14T09:00:00Z", "tentative"),
        ("2026-03-15T09:00:00Z", "free"),
    ]
    assert "summary" not in found[0]
    assert len(client.read_free_busy(tzid="Europe/Berlin").all()) == 5
    assert client_get(sim, client, "/v1/events", tzid="UTC").status_code == 403


def test_what_the_lower_access_modes_hide(sim, calendar):
    client = client_for(sim, "ann")
    sim.add_event("ann", None, "Secret", "2026-03-12", "2026-03-13")
    client.upsert_event(calendar, dict(EVENT))
    for mode, busy in (("read_write", 2), ("free_busy", 2), ("no_access", 1)):
        sim.set_mode("ann", mode)
        assert len(client.read_free_busy().all()) == busy, mode
    sim.set_mode("ann", "free_busy")
    assert [event["summary"] for event in client.read_events()] == ["Interview"]
    client.upsert_event(calendar, EVENT | {"event_id": "m2"})
    statuses = {e["event_id"]: e["participation_status"] for e in client.read_events()}
    assert statuses["m2"] == "needs_action", "it came as an invitation"


# ---------------------------------------------------------------------------- refusals


def test_rights(sim, calendar):
    client = client_for(sim, "ann", "free_busy")
    for path in ("/v1/account", "/v1/calendars", "/v1/events"):
        assert client_get(sim, client, path, tzid="UTC").status_code == 403, path
    assert client_get(sim, client, "/v1/free_busy", tzid="UTC").status_code == 200
    client.auth.update(access_token="wrong")
    assert client_get(sim, client, "/v1/free_busy", tzid="UTC").status_code == 401


def test_a_disconnected_profile_is_locked_and_tells(sim, calendar, mailbox):
    client = client_for(sim, "ann")
    client.create_notification_channel(mailbox.url, [calendar])
    sim.disconnect_profile("ann")
    with pytest.raises(PyCronofyRequestError) as locked:
        client.upsert_event(calendar, dict(EVENT))
    assert locked.value.response.status_code == 423
    profile = client.userinfo()["cronofy.data"]["profiles"][0]
    assert profile["profile_connected"] is False
    assert requests.get(profile["profile_relink_url"], timeout=5).ok
    requests.post(profile["profile_relink_url"], timeout=5)
    client.upsert_event(calendar, dict(EVENT))
    sim.wait_for_mail()
    kinds = [json.loads(body)["notification"]["type"] for _sig, body in mailbox.letters]
    assert kinds == ["verification", "profile_disconnected", "profile_connected"]


def test_plan_limits_and_read_only(sim, calendar):
    client = client_for(sim, "ann")
    sim.set_plan(["push", "availability"])
    with pytest.raises(PyCronofyRequestError) as plan:
        client.create_notification_channel("https://odoo.example/n")
    assert plan.value.response.status_code == 402
    sim.set_calendar(calendar, readonly=True)
    with pytest.raises(PyCronofyRequestError) as readonly:
        client.upsert_event(calendar, dict(EVENT))
    assert readonly.value.response.status_code == 422


def test_rate_limits_per_application(sim, calendar):
    client = client_for(sim, "ann")
    sim.set_limits(per_second=3, per_minute=5)
    statuses = []
    for number in range(8):
        if number == 4:
            sim.advance_clock(2)
        statuses.append(client_get(sim, client, "/v1/userinfo").status_code)
    assert statuses == [200, 200, 200, 429, 200, 200, 429, 429]


def test_faults_of_the_control_interface(sim, calendar):
    client = client_for(sim, "ann")
    requests.post(
        sim.url + "/control/set_fault",
        json={"fault": "503", "match": {"path": "userinfo"}},
        timeout=5,
    ).raise_for_status()
    assert client_get(sim, client, "/v1/userinfo").status_code == 503
    assert client_get(sim, client, "/v1/userinfo").status_code == 200
    sim.set_fault("drop", {"path": "/events$"}, when="after")
    with pytest.raises(requests.ConnectionError):
        client.upsert_event(calendar, dict(EVENT))
    assert len(sim.events("ann")) == 1, "applied, and the answer lost"


# ----------------------------------------------------------------------- notifications


class Mailbox(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.letters.append((self.headers["Cronofy-HMAC-SHA256"], body))
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args):
        """Silent."""


@pytest.fixture
def mailbox():
    server = HTTPServer(("127.0.0.1", 0), Mailbox)
    server.letters, server.answers = [], []
    server.url = f"http://127.0.0.1:{server.server_address[1]}/notify/t0ken"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_notifications_are_signed_with_every_secret(sim, calendar, mailbox):
    client = client_for(sim, "ann")
    channel = client.create_notification_channel(mailbox.url, [calendar])
    sim.rotate_secret("second")
    sim.add_event("ann", None, "Lunch", "2026-03-12 12:00", "2026-03-12 13:00")
    assert sim.wait_for_mail()
    (first, verification), (both, change) = mailbox.letters
    assert json.loads(verification)["notification"] == {"type": "verification"}
    assert json.loads(change)["notification"]["type"] == "change"
    assert json.loads(change)["notification"]["changes_since"] <= "2026-03-09T08:00:00Z"
    assert json.loads(change)["channel"] == channel
    assert client.hmac_valid(first, verification.decode())
    assert client.hmac_valid(both, change.decode())
    second = hmac.new(b"second", change, hashlib.sha256).digest()
    assert both.split(",")[1] == base64.b64encode(second).decode()


def test_the_applications_own_writes_are_not_notified(sim, calendar, mailbox):
    client = client_for(sim, "ann")
    client.create_notification_channel(mailbox.url, [calendar])
    client.upsert_event(calendar, dict(EVENT))
    sim.wait_for_mail()
    assert len(mailbox.letters) == 1
    sim.change_event("m1", summary="By hand")
    sim.wait_for_mail()
    assert len(mailbox.letters) == 2


@pytest.mark.parametrize("refusal", [302, 404, 410, 503])
def test_whatever_is_not_2xx_is_tried_again(sim, calendar, mailbox, refusal):
    client = client_for(sim, "ann")
    mailbox.answers += [refusal, 200]
    sim.courier.retry_after = 0.01
    channel = client.create_notification_channel(mailbox.url, [calendar])
    sim.wait_for_mail()
    assert len(mailbox.letters) == 2
    assert mailbox.letters[0] == mailbox.letters[1]
    sim.advance_clock(hours=25)
    client.refresh_authorization()
    assert client.list_notification_channels() == [channel]


def test_after_a_day_of_refusals_a_channel_is_closed_for_good(sim, calendar, mailbox):
    client = client_for(sim, "ann")
    mailbox.answers += [404] * 4
    sim.courier.retry_after = 0.01
    channel = client.create_notification_channel(mailbox.url, [calendar])
    sim.wait_for_mail()
    assert client.list_notification_channels() == [channel]
    sim.advance_clock(hours=25)
    client.refresh_authorization()
    assert client.list_notification_channels() == []
    sim.add_event("ann", None, "Lunch", "2026-03-12 12:00", "2026-03-12 13:00")
    sim.wait_for_mail()
    assert len(mailbox.letters) == 4


def test_channels_are_closed_and_listed(sim, calendar, mailbox):
    client = client_for(sim, "ann")
    channel = client.create_notification_channel(mailbox.url)
    assert client.list_notification_channels() == [channel]
    # what is default is not shown
    assert channel["filters"] == {}
    client.close_notification_channel(channel["channel_id"])
    assert client.list_notification_channels() == []
    with pytest.raises(PyCronofyRequestError) as long:
        client.create_notification_channel(mailbox.url + "x" * 128)
    assert long.value.response.status_code == 422


def test_what_notifications_tell(sim, calendar, mailbox):
    client = client_for(sim, "ann")
    sim.set_initial_sync("ann")
    client.create_notification_channel(mailbox.url, [calendar])
    sim.set_initial_sync("ann", False)
    sim.connect_conferencing("ann")
    sim.disconnect_conferencing("ann")
    sim.request_erasure("ann")
    sim.wait_for_mail()
    told = [json.loads(body)["notification"] for _sig, body in mailbox.letters]
    assert [notification["type"] for notification in told] == [
        "verification",
        "profile_initial_sync_completed",
        "conferencing_profile_disconnected",
        "gdpr_requested",
    ]
    assert not any("changes_since" in notification for notification in told)
    with pytest.raises(PyCronofyRequestError) as gone:
        client.refresh_authorization()
    assert gone.value.response.json() == {"error": "invalid_grant"}


# ---------------------------------------------------- events that the person has made


def walk_through_permissions(client, calendar, decision="allow"):
    asked = client.elevated_permissions(
        [{"calendar_id": calendar, "permission_level": "unrestricted"}], REDIRECT
    )
    assert "Calendar" in requests.get(asked["url"], timeout=5).text
    answer = requests.post(
        asked["url"], data={"do": decision}, allow_redirects=False, timeout=5
    )
    assert answer.headers["Location"] == REDIRECT


def external(event_uid, **more):
    return {name: value for name, value in EVENT.items() if name != "event_id"} | {
        "event_uid": event_uid,
        **more,
    }


def test_external_events_take_elevated_access(sim, calendar):
    client = client_for(sim, "ann")
    uid = sim.add_event("ann", None, "Mine", "2026-03-12 12:00", "2026-03-12 13:00")
    (event,) = client.read_events().all()
    assert event["options"]["update"] and "event_id" not in event
    walk_through_permissions(client, calendar, "deny")
    for call in (
        lambda: client.upsert_event(calendar, external(uid)),
        lambda: client.delete_external_event(calendar, uid),
    ):
        with pytest.raises(PyCronofyRequestError) as small:
            call()
        assert small.value.response.status_code == 403
    assert client.list_calendars()[0]["permission_level"] == "sandbox"
    walk_through_permissions(client, calendar)
    assert client.list_calendars()[0]["permission_level"] == "unrestricted"
    client.upsert_event(calendar, external(uid, summary="Changed"))
    (event,) = client.read_events().all()
    assert (event["event_uid"], event["summary"]) == (uid, "Changed")
    assert "event_id" not in event
    with pytest.raises(PyCronofyPartialSuccessError) as partial:
        client.batch(
            BatchBuilder()
            .delete_external_event(calendar, uid)
            .delete_external_event(calendar, "m1")
        )
    statuses = [entry.status() for entry in partial.value.batch_response.entries]
    assert statuses == [202, 422]
    assert client.read_events().all() == []
    with pytest.raises(PyCronofyRequestError) as gone:
        client.upsert_event(calendar, external(uid))
    assert gone.value.response.status_code == 404


def test_what_is_refused_with_elevated_access_too(sim, calendar):
    client = client_for(sim, "ann")
    sim.elevate("ann")
    with pytest.raises(PyCronofyRequestError) as wrong:
        client.delete_external_event(calendar, "m1")
    keys = [row["key"] for row in wrong.value.response.json()["errors"]["event_uid"]]
    assert keys == ["errors.must_be_external_event_uid"]
    [uid, _second] = sim.add_series(
        "ann", None, "Weekly", "2026-03-12 12:00", "2026-03-12 13:00", 7, 2
    )
    assert not client.read_events().all()[0]["options"]["update"]
    with pytest.raises(PyCronofyRequestError) as recurring:
        client.upsert_event(calendar, external(uid))
    assert recurring.value.response.status_code == 403


# ------------------------------------------------------------------------ conferencing


def test_conferencing_is_connected_and_put_on_an_event(sim, calendar):
    client = client_for(sim, "ann")
    address = client.get_conferencing_services_auth_link(REDIRECT, "zoom")
    page = requests.get(address, timeout=5)
    assert "Zoom" in page.text
    back = requests.post(
        address,
        data={"provider_name": "zoom", "do": "allow"},
        allow_redirects=False,
        timeout=5,
    )
    assert back.headers["Location"] == REDIRECT
    (profile,) = client.userinfo()["cronofy.data"]["conferencing_profiles"]
    assert profile["provider_name"] == "zoom"
    link = "{{ cronofy.conferencing.join_url }}"
    for profile_id in ("default", profile["profile_id"]):
        client.upsert_event(
            calendar,
            EVENT | {"description": link, "conferencing": {"profile_id": profile_id}},
        )
        (event,) = client.read_events().all()
        assert event["conferencing"]["provider_name"] == "zoom"
        assert event["description"] == event["meeting_url"]
    with pytest.raises(PyCronofyRequestError) as unknown:
        client.upsert_event(calendar, EVENT | {"conferencing": {"profile_id": "pro_x"}})
    assert unknown.value.response.status_code == 422


# -------------------------------------------------------------------------------- demo


def test_the_demo_and_its_pages(sim):
    seed(sim)
    assert set(sim.store.people) == {"ann", "bob", "carla", "dan"}
    client = client_for(sim, "bob")
    events = client.read_events().all()
    assert len(events) > 40
    page = requests.get(sim.url + "/?person=bob", timeout=5).text
    assert "Bob Brown" in page and "<script" not in page
    calendar = sim.calendar_ids("bob")["Calendar"]
    requests.post(
        sim.url + "/web/add",
        data={
            "person": "bob",
            "calendar": calendar,
            "summary": "<b>By hand</b>",
            "start": "2026-03-10T07:00",
            "end": "2026-03-10T07:30",
        },
        timeout=5,
    ).raise_for_status()
    added = next(e for e in client.read_events() if e["summary"] == "<b>By hand</b>")
    assert added["start"] == "2026-03-10T06:00:00Z"
    page = requests.get(f"{sim.url}/web/event/{added['event_uid']}", timeout=5).text
    assert "&lt;b&gt;By hand" in page and "<b>By hand" not in page
    requests.post(
        f"{sim.url}/web/event/{added['event_uid']}", data={"do": "delete"}, timeout=5
    ).raise_for_status()
    assert len(client.read_events().all()) == len(events)


# ------------------------------------------------------------------------ availability


def test_availability_through_the_client(sim, calendar):
    client = client_for(sim, "ann")
    sub = client.userinfo()["sub"]
    sim.add_event("ann", None, "Busy", "2026-03-10 10:00", "2026-03-10 16:00", tz="UTC")
    period = {"start": "2026-03-10T09:00:00Z", "end": "2026-03-10T18:00:00Z"}
    people = [{"sub": sub}]
    periods = client.availability({"members": list(people)}, 60, [dict(period)])
    assert [(p["start"][11:16], p["end"][11:16]) for p in periods] == [
        ("09:00", "10:00"),
        ("16:00", "18:00"),
    ]
    slots = client.availability(
        {"members": list(people)},
        60,
        [dict(period)],
        start_interval=30,
        response_format="overlapping_slots",
    )
    starts = [slot["start"][11:16] for slot in slots]
    assert starts == ["09:00", "16:00", "16:30", "17:00"]
    chosen = client.availability(
        {"members": list(people)},
        60,
        query_slots=[{"start": f"2026-03-10T{hour}:00:00Z"} for hour in ("09", "15")],
        response_format="slots",
    )
    assert [slot["start"][11:16] for slot in chosen] == ["09:00"]
