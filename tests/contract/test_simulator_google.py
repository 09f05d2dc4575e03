"""The simulator of Google keeps to Google's rules, whoever talks to it.

The number at the start of a docstring counts the behaviours that a client of Google
Calendar can meet; each has at least one test here. The official client libraries are
used as they are, at the end; everything before speaks plain HTTP.
"""

import base64
import gzip
import hashlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httplib2
import pytest
import requests
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from google_auth_oauthlib.flow import Flow
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from googleapiclient.http import BatchHttpRequest

from simulators.google import GoogleSimulator

pytestmark = pytest.mark.sends_malformed  # and is refused

PREFIX = "https://www.googleapis.com/auth/"
FULL = PREFIX + "calendar"
EVENTS = PREFIX + "calendar.events"
LIST = PREFIX + "calendar.calendarlist.readonly"
ANN, BOB, CARLA = "ann@example.com", "bob@example.com", "carla@example.com"
CALLBACK = "http://localhost:8069/callback"
BERLIN = "Europe/Berlin"


@pytest.fixture(scope="module")
def server():
    with GoogleSimulator() as simulator:
        yield simulator


@pytest.fixture
def sim(server):
    """A fresh world with Ann, Bob and Carla, on the morning of 2 March 2026."""
    server.reset()
    server.set_clock("2026-03-02T08:00:00Z")
    for email in (ANN, BOB, CARLA):
        server.create_user(email)
    return server


class Client:
    """Plain HTTP as one user."""

    def __init__(self, sim, user, *scopes):
        self.sim = sim
        self.tokens = sim.grant_tokens(user, "demo-client", list(scopes or [FULL]))
        self.session = requests.Session()
        self.auth = {"Authorization": "Bearer " + self.tokens["access_token"]}

    def send(self, method, path, json=None, headers=None, **params):
        return self.session.request(
            method,
            f"{self.sim.url}/calendar/v3/{path}",
            params={k: _text(v) for k, v in params.items()},
            json=json,
            headers={**self.auth, **(headers or {})},
            timeout=10,
        )

    def ok(self, method, path, json=None, headers=None, **params):
        answer = self.send(method, path, json, headers, **params)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def reason(self, method, path, json=None, headers=None, **params):
        """Status and reason of a refusal."""
        answer = self.send(method, path, json, headers, **params)
        return answer.status_code, answer.json()["error"]["errors"][0]["reason"]

    def insert(self, body=None, **params):
        return self.ok("POST", EV, {**timed(), **(body or {})}, **params)

    def list(self, **params):
        return self.ok("GET", EV, **params)

    def full(self, **params):
        """All items and the sync token."""
        items, page = [], self.list(**params)
        items += page["items"]
        while "nextPageToken" in page:
            page = self.list(**params, pageToken=page["nextPageToken"])
            items += page["items"]
        return items, page["nextSyncToken"]


EV = "calendars/primary/events"


def _text(value):
    return str(value).lower() if isinstance(value, bool) else value


def timed(start="2026-03-09T10:00:00", stop="2026-03-09T11:00:00", zone=BERLIN):
    return {
        "start": {"dateTime": start, "timeZone": zone},
        "end": {"dateTime": stop, "timeZone": zone},
    }


def days(start="2026-03-09", stop="2026-03-10"):
    return {"start": {"date": start}, "end": {"date": stop}}


def weekly(rule="FREQ=WEEKLY;COUNT=4", **more):
    return {**timed(**more), "summary": "Tea", "recurrence": [f"RRULE:{rule}"]}


@pytest.fixture
def ann(sim):
    return Client(sim, ANN)


@pytest.fixture
def bob(sim):
    return Client(sim, BOB)


# -------------------------------------------------------------------------------- OAuth


def auth_url(sim, *scopes, **more):
    query = {
        "client_id": "demo-client",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": " ".join(scopes or [EVENTS]),
        "state": "s-1",
        "access_type": "offline",
        **more,
    }
    return f"{sim.url}/o/oauth2/v2/auth?{urlencode(query)}"


def answer_of(location):
    return {k: v[0] for k, v in parse_qs(urlsplit(location).query).items()}


def exchange(sim, code, secret="demo-secret", **more):
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": "demo-client",
        "client_secret": secret,
        **more,
    }
    return requests.post(sim.url + "/token", form, timeout=10)


def refresh(sim, token, **more):
    form = {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "client_id": "demo-client",
        "client_secret": "demo-secret",
        **more,
    }
    return requests.post(sim.url + "/token", form, timeout=10)


def tokens(sim, *scopes, user=ANN, ticked=None, **more):
    back = answer_of(sim.authorize(auth_url(sim, *scopes, **more), user, ticked))
    return exchange(sim, back["code"]).json()


def test_consent_page_leads_back_with_code_and_state(sim):
    """1: account chooser, consent page with a checkbox for each scope, redirect."""
    chooser = requests.get(auth_url(sim, EVENTS, LIST), timeout=10)
    assert f'name="authuser" value="{ANN}"' in chooser.text
    page = requests.get(auth_url(sim, EVENTS, LIST, authuser=ANN), timeout=10)
    assert 'id="scope-calendar.events"' in page.text
    assert 'id="scope-calendar.calendarlist.readonly"' in page.text
    back = answer_of(sim.authorize(auth_url(sim), ANN))
    assert back["state"] == "s-1" and back["scope"] == EVENTS and back["code"]


def test_the_form_of_the_consent_page_can_be_sent_as_it_is(sim):
    """1"""
    url = auth_url(sim, EVENTS)
    form = {
        "request": urlsplit(url).query,
        "authuser": ANN,
        "scope": EVENTS,
        "decision": "allow",
    }
    answer = requests.post(
        f"{sim.url}/o/oauth2/v2/auth", form, allow_redirects=False, timeout=10
    )
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(CALLBACK + "?")


def test_denied_consent_leads_back_with_access_denied(sim):
    """1"""
    back = answer_of(sim.authorize(auth_url(sim), ANN, deny=True))
    assert back == {"state": "s-1", "error": "access_denied"}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"client_id": "nobody"}, "invalid_client"),
        ({"redirect_uri": "https://evil.example/cb"}, "redirect_uri_mismatch"),
        ({"scope": PREFIX + "calendar.everything"}, "invalid_scope"),
        ({"response_type": "token"}, "invalid_request"),
    ],
)
def test_a_wrong_authorisation_request_is_shown_and_not_sent_back(sim, change, name):
    """1"""
    answer = requests.get(auth_url(sim, **change), timeout=10, allow_redirects=False)
    assert answer.status_code in (400, 401)
    assert name in answer.text


def test_a_code_works_once_for_a_while_and_for_its_redirect_uri(sim):
    """2"""
    code = answer_of(sim.authorize(auth_url(sim), ANN))["code"]
    assert exchange(sim, code).status_code == 200
    assert exchange(sim, code).json()["error"] == "invalid_grant"
    code = answer_of(sim.authorize(auth_url(sim), ANN))["code"]
    assert exchange(sim, code, redirect_uri="http://localhost/x").status_code == 400
    code = answer_of(sim.authorize(auth_url(sim), ANN))["code"]
    sim.advance_clock(601)
    assert exchange(sim, code).json()["error"] == "invalid_grant"
    sim.register_client("other", "secret")
    code = answer_of(sim.authorize(auth_url(sim), ANN))["code"]
    answer = exchange(sim, code, "secret", client_id="other")
    assert answer.json()["error"] == "invalid_grant"


def test_pkce_is_verified(sim):
    """3"""
    verifier = "v" * 60
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    url = auth_url(sim, code_challenge=challenge, code_challenge_method="S256")
    for given, status in ((verifier, 200), ("w" * 60, 400), (None, 400)):
        code = answer_of(sim.authorize(url, ANN))["code"]
        answer = exchange(sim, code, **({"code_verifier": given} if given else {}))
        assert answer.status_code == status
        assert status == 200 or answer.json()["error"] == "invalid_grant"


def test_client_credentials_in_the_body_or_as_basic(sim):
    """4"""
    code = answer_of(sim.authorize(auth_url(sim), ANN))["code"]
    answer = requests.post(
        sim.url + "/token",
        {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK},
        auth=("demo-client", "demo-secret"),
        timeout=10,
    )
    assert answer.status_code == 200
    code = answer_of(sim.authorize(auth_url(sim), ANN))["code"]
    answer = exchange(sim, code, secret="wrong")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_refresh_token_comes_offline_and_on_first_or_repeated_consent(sim):
    """5"""
    assert "refresh_token" not in tokens(sim, access_type="online")
    assert "refresh_token" in tokens(sim)
    assert "refresh_token" not in tokens(sim)
    assert "refresh_token" in tokens(sim, prompt="consent")


def test_refreshing_keeps_or_rotates_the_refresh_token(sim):
    """6"""
    first = tokens(sim)["refresh_token"]
    assert "refresh_token" not in refresh(sim, first).json()
    sim.set_policy(rotate_refresh_tokens=True)
    second = refresh(sim, first).json()["refresh_token"]
    assert refresh(sim, first).json()["error"] == "invalid_grant"
    assert refresh(sim, second).status_code == 200


def test_a_partial_grant_is_told_and_binds_the_refresh(sim):
    """7"""
    found = tokens(sim, EVENTS, LIST, ticked=[LIST])
    assert found["scope"] == LIST
    answer = refresh(sim, found["refresh_token"], scope=f"{LIST} {EVENTS}")
    assert answer.json()["error"] == "invalid_scope"
    assert refresh(sim, found["refresh_token"], scope=LIST).status_code == 200


def test_granted_scopes_can_be_included(sim):
    """7"""
    tokens(sim, EVENTS)
    found = tokens(sim, LIST, include_granted_scopes="true")
    assert set(found["scope"].split()) == {EVENTS, LIST}


def test_an_access_token_expires(sim, ann):
    """8"""
    assert ann.tokens["expires_in"] == 3599
    sim.advance_clock(3600)
    assert ann.reason("GET", EV) == (401, "authError")
    fresh = Client(sim, ANN)
    sim.expire_tokens("access", ANN)
    assert fresh.reason("GET", EV) == (401, "authError")


def test_revoking_one_token_kills_the_grant_of_user_and_project(sim):
    """9"""
    sim.register_client("twin", "secret", project="demo-client")
    one, bob = tokens(sim), tokens(sim, user=BOB)
    twin = sim.grant_tokens(ANN, "twin", [EVENTS])
    answer = requests.post(
        sim.url + "/revoke", {"token": one["access_token"]}, timeout=10
    )
    assert answer.status_code == 200
    assert refresh(sim, one["refresh_token"]).json()["error"] == "invalid_grant"
    answer = refresh(
        sim, twin["refresh_token"], client_id="twin", client_secret="secret"
    )
    assert answer.json()["error"] == "invalid_grant"
    assert refresh(sim, bob["refresh_token"]).status_code == 200
    answer = requests.post(
        sim.url + "/revoke", {"token": one["access_token"]}, timeout=10
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_token")


def test_too_many_or_too_old_refresh_tokens_are_invalid(sim):
    """10"""
    first, second = (tokens(sim, prompt="consent")["refresh_token"] for _ in "ab")
    for _ in range(99):
        sim.grant_tokens(ANN, "demo-client", [EVENTS])
    assert refresh(sim, first).json()["error"] == "invalid_grant"
    assert refresh(sim, second).status_code == 200
    sim.set_policy(refresh_lifetime=7 * 86400)
    weekly_token = tokens(sim, prompt="consent")
    assert weekly_token["refresh_token_expires_in"] == 604800
    sim.advance_clock(days=8)
    assert refresh(sim, weekly_token["refresh_token"]).status_code == 400


def test_calls_without_a_token_or_with_a_wrong_one(sim, ann):
    """11"""
    answer = requests.get(f"{sim.url}/calendar/v3/{EV}", timeout=10)
    assert answer.status_code == 401
    assert answer.json()["error"]["errors"][0]["reason"] == "required"
    assert "www-authenticate" in answer.headers
    wrong = {"Authorization": "Bearer nonsense"}
    assert ann.reason("GET", EV, headers=wrong) == (401, "authError")


@pytest.mark.parametrize(
    ("scope", "method", "path", "allowed"),
    [
        ("calendar.events", "GET", EV, True),
        ("calendar.events", "GET", "users/me/calendarList", False),
        ("calendar.events", "POST", "freeBusy", False),
        ("calendar.events.freebusy", "POST", "freeBusy", True),
        ("calendar.events.readonly", "POST", EV, False),
        ("calendar.calendarlist.readonly", "GET", "users/me/calendarList", True),
        ("calendar.calendarlist.readonly", "GET", EV, False),
        ("calendar.app.created", "POST", "calendars", True),
        ("calendar.settings.readonly", "GET", "users/me/settings", True),
    ],
)
def test_scopes_open_what_the_discovery_document_says(
    sim, scope, method, path, allowed
):
    """12"""
    bodies = {
        EV: timed(),
        "calendars": {"summary": "x"},
        "freeBusy": {
            "timeMin": "2026-03-01T00:00:00Z",
            "timeMax": "2026-03-02T00:00:00Z",
        },
    }
    client = Client(sim, ANN, PREFIX + scope)
    answer = client.send(method, path, bodies[path] if method == "POST" else None)
    if allowed:
        assert answer.status_code == 200
    else:
        assert answer.status_code == 403
        error = answer.json()["error"]
        assert error["errors"][0]["reason"] == "insufficientPermissions"
        assert error["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


def test_app_created_and_owned_scopes_see_only_their_calendars(sim, ann):
    """12"""
    app = Client(sim, ANN, PREFIX + "calendar.app.created")
    made = app.ok("POST", "calendars", {"summary": "Odoo"})
    assert app.ok("GET", f"calendars/{quote(made['id'])}/events")["items"] == []
    assert app.reason("GET", EV) == (404, "notFound")
    shared = sim.create_calendar(BOB, "Team")
    sim.share(shared, ANN, "writer")
    owned = Client(sim, ANN, PREFIX + "calendar.events.owned")
    assert owned.send("GET", EV).status_code == 200
    assert owned.send("GET", f"calendars/{quote(shared)}/events").status_code == 404


def test_userinfo_and_id_token_tell_the_address_only_with_its_scope(sim):
    found = tokens(sim, "openid", "email", EVENTS)
    payload = found["id_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["email"] == ANN and claims["aud"] == "demo-client"
    headers = {"Authorization": "Bearer " + found["access_token"]}
    url = sim.url + "/oauth2/v3/userinfo"
    assert requests.get(url, headers=headers, timeout=10).json()["email"] == ANN
    plain = tokens(sim, EVENTS, prompt="consent")["access_token"]
    url = f"{sim.url}/tokeninfo?access_token={plain}"
    assert "email" not in requests.get(url, timeout=10).json()


# ------------------------------------------------------------- calendars and their list


def test_primary_is_an_alias_for_the_address(ann):
    """13"""
    assert ann.ok("GET", "calendars/primary")["id"] == ANN
    assert ann.ok("GET", f"users/me/calendarList/{quote(ANN)}")["primary"] is True


def test_calendar_list_pages_hides_filters_and_syncs(sim, ann):
    """14"""
    made = [sim.create_calendar(ANN, f"C{n}") for n in range(3)]
    sim.share(sim.create_calendar(BOB, "Bob's"), ANN, "reader")
    page = ann.ok("GET", "users/me/calendarList", maxResults=2)
    assert len(page["items"]) == 2 and "nextSyncToken" not in page
    path = f"users/me/calendarList/{quote(made[0])}"
    ann.ok("PATCH", path, {"hidden": True})
    everything = ann.ok("GET", "users/me/calendarList")
    assert made[0] not in [item["id"] for item in everything["items"]]
    shown = ann.ok("GET", "users/me/calendarList", showHidden=True)
    assert made[0] in [item["id"] for item in shown["items"]]
    owned = ann.ok("GET", "users/me/calendarList", minAccessRole="owner")
    assert {item["accessRole"] for item in owned["items"]} == {"owner"}
    token = everything["nextSyncToken"]
    assert ann.ok("GET", "users/me/calendarList", syncToken=token)["items"] == []
    ann.ok("DELETE", f"calendars/{quote(made[1])}")
    changed = ann.ok("GET", "users/me/calendarList", syncToken=token)["items"]
    assert [(i["id"], i["deleted"]) for i in changed] == [(made[1], True)]
    refused = {"syncToken": token, "minAccessRole": "owner"}
    assert ann.send("GET", "users/me/calendarList", **refused).status_code == 400
    refused = {"syncToken": token, "showHidden": False}
    assert ann.send("GET", "users/me/calendarList", **refused).status_code == 400


def test_a_new_calendar_is_owned_and_listed_and_can_be_deleted(ann):
    """15"""
    made = ann.ok("POST", "calendars", {"summary": "Odoo", "timeZone": "Asia/Tokyo"})
    assert made["id"].endswith("@group.calendar.google.com")
    entry = ann.ok("GET", f"users/me/calendarList/{quote(made['id'])}")
    assert (entry["accessRole"], entry["timeZone"]) == ("owner", "Asia/Tokyo")
    assert ann.send("POST", f"calendars/{quote(made['id'])}/clear").status_code == 400
    assert ann.send("DELETE", f"calendars/{quote(made['id'])}").status_code == 204
    assert ann.reason("GET", f"calendars/{quote(made['id'])}") == (404, "notFound")
    assert ann.send("DELETE", "calendars/primary").status_code == 403
    assert ann.send("POST", "calendars", {"timeZone": BERLIN}).status_code == 400


def test_the_data_owner_cannot_leave_their_calendar(sim, ann):
    """15"""
    made = sim.create_calendar(ANN, "Mine")
    status, reason = ann.reason("DELETE", f"users/me/calendarList/{quote(made)}")
    assert (status, reason) == (403, "cannotUnsubscribeFromOwnedCalendar")


@pytest.mark.parametrize(
    ("role", "read", "write"),
    [
        ("none", 404, 404),
        ("freeBusyReader", 200, 403),
        ("reader", 200, 403),
        ("writerWithoutPrivateAccess", 200, 200),
        ("writer", 200, 200),
        ("owner", 200, 200),
    ],
)
def test_roles_open_and_close(sim, bob, role, read, write):
    """16"""
    sim.share(ANN, BOB, role)
    path = f"calendars/{quote(ANN)}/events"
    assert bob.send("GET", path).status_code == read
    answer = bob.send("POST", path, timed())
    assert answer.status_code == write
    if write == 403:
        assert answer.json()["error"]["errors"][0]["reason"] == "requiredAccessLevel"


def test_private_events_hide_from_readers(sim, ann, bob):
    """16"""
    sim.share(ANN, BOB, "reader")
    ann.insert({"summary": "Doctor", "visibility": "private", "location": "Ulm"})
    seen = bob.ok("GET", f"calendars/{quote(ANN)}/events")["items"][0]
    assert "summary" not in seen and "location" not in seen
    assert seen["visibility"] == "private" and seen["start"]
    sim.share(ANN, BOB, "writer")
    seen = bob.ok("GET", f"calendars/{quote(ANN)}/events")["items"][0]
    assert seen["summary"] == "Doctor"


def test_colours_settings_and_access_rules(sim, ann, bob):
    """17"""
    colors = ann.ok("GET", "colors")
    assert colors["event"]["11"]["background"] == "#dc2127"
    assert len(colors["calendar"]) == 24
    assert ann.ok("GET", "users/me/settings/timezone")["value"] == BERLIN
    rule = ann.ok(
        "POST",
        "calendars/primary/acl",
        {"role": "reader", "scope": {"type": "user", "value": BOB}},
    )
    assert rule["id"] == f"user:{BOB}"
    assert sim.outbox()[0]["to"] == BOB  # sharing is announced by default
    token = ann.ok("GET", "calendars/primary/acl")["nextSyncToken"]
    assert (
        ann.send("DELETE", f"calendars/primary/acl/{quote(rule['id'])}").status_code
        == 204
    )
    gone = ann.ok("GET", "calendars/primary/acl", syncToken=token)["items"]
    assert [(r["id"], r["role"]) for r in gone] == [(rule["id"], "none")]
    assert bob.send("GET", f"calendars/{quote(ANN)}/events").status_code == 404


def test_every_resource_has_kind_etag_and_id(ann):
    """18"""
    event = ann.insert()
    calendar = ann.ok("GET", "calendars/primary")
    entry = ann.ok("GET", "users/me/calendarList/primary")
    for resource in (event, calendar, entry):
        assert resource["kind"].startswith("calendar#") and resource["id"]
        assert resource["etag"].startswith('"') and resource["etag"].endswith('"')
    assert calendar["etag"] != entry["etag"]


# ----------------------------------------------------------------------- writing events


@pytest.mark.parametrize("event_id", ["abcd", "xyzzy", "ABCDE", "a-b-c-d"])
def test_an_illegal_id_is_refused(ann, event_id):
    """19"""
    answer = ann.send("POST", EV, {**timed(), "id": event_id})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Invalid resource id value."


def test_an_id_is_taken_for_ever(ann):
    """20"""
    ann.insert({"id": "abcde"})
    assert ann.reason("POST", EV, {**timed(), "id": "abcde"}) == (409, "duplicate")
    ann.send("DELETE", f"{EV}/abcde")
    assert ann.reason("POST", EV, {**timed(), "id": "abcde"}) == (409, "duplicate")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"summary": "x"}, "required"),
        ({"start": timed()["start"]}, "required"),
        ({"start": {"dateTime": "2026-03-09T10:00:00"}, "end": {}}, "required"),
        (timed(stop="2026-03-09T10:00:00"), "timeRangeEmpty"),
        (days(stop="2026-03-09"), "timeRangeEmpty"),
        ({**timed(), "end": {"date": "2026-03-10"}}, "invalid"),
        ({"start": {**timed()["start"], "date": "2026-03-09"}}, "invalid"),
        (timed(zone="Mars/Olympus"), "invalid"),
        ({**weekly("FREQ=SOMETIMES")}, "invalid"),
        ({**weekly("FREQ=DAILY;COUNT=2;UNTIL=20260401")}, "invalid"),
        (
            {
                "start": {"dateTime": "2026-03-09T10:00:00Z"},
                "end": {"dateTime": "2026-03-09T11:00:00Z"},
                "recurrence": ["RRULE:FREQ=DAILY"],
            },
            "required",
        ),
        ({**timed(), "attendees": [{"displayName": "Bob"}]}, "required"),
        ({**timed(), "attendees": [{"email": "no address"}]}, "invalid"),
        ({**timed(), "colorId": "99"}, "invalid"),
        ({**timed(), "status": "maybe"}, "invalid"),
        ({**timed(), "summry": "typo"}, "badRequest"),
        ({**timed(), "summary": 5}, "invalid"),
        (
            {
                **timed(),
                "reminders": {
                    "useDefault": True,
                    "overrides": [{"method": "popup", "minutes": 5}],
                },
            },
            "cannotUseDefaultRemindersAndSpecifyOverride",
        ),
    ],
)
def test_malformed_events_are_refused(ann, body, reason):
    """21, 22"""
    assert ann.reason("POST", EV, body) == (400, reason)


@pytest.mark.parametrize(
    "params",
    [{"timemin": "x"}, {"orderBy": "colour"}, {"maxResults": "many"}],
)
def test_unknown_parameters_and_values_are_refused(ann, params):
    assert ann.send("GET", EV, **params).status_code == 400


def test_insert_fills_in_what_google_fills_in(ann):
    """23"""
    event = ann.insert({"id": "abcde", "summary": "Tea"})
    assert event["iCalUID"] == "abcde@google.com"
    assert event["creator"] == event["organizer"] == {"email": ANN, "self": True}
    assert (event["sequence"], event["status"]) == (0, "confirmed")
    assert event["eventType"] == "default"
    assert event["reminders"] == {"useDefault": True}
    assert event["created"].endswith("Z") and event["updated"] and event["htmlLink"]
    assert event["start"] == {
        "dateTime": "2026-03-09T10:00:00+01:00",
        "timeZone": BERLIN,
    }


def test_content_comes_back_rewritten(ann):
    """23"""
    event = ann.insert(
        {
            "summary": "  Tea\n time ",
            "description": '<p style="color:red">Hi&nbsp;you<script>x</script></p>\r\n',
            "recurrence": ["RRULE:byday=MO;INTERVAL=1;freq=WEEKLY;UNTIL=20260401"],
            "attendees": [{"email": "Zoe@example.com"}, {"email": BOB}],
            "transparency": "opaque",
            "visibility": "default",
        }
    )
    assert event["summary"] == "Tea time"
    assert event["description"] == "<p>Hi you</p>"
    assert event["recurrence"] == ["RRULE:FREQ=WEEKLY;UNTIL=20260401T215959Z;BYDAY=MO"]
    assert [row["email"] for row in event["attendees"]] == [BOB, "zoe@example.com"]
    assert "transparency" not in event and "visibility" not in event
    again = ann.ok("PATCH", f"{EV}/{event['id']}", {"description": "<p>Hi you</p>"})
    assert again["etag"] == event["etag"]


def test_patch_merges_replaces_arrays_and_clears_with_null(ann):
    """24"""
    event = ann.insert(
        {
            "summary": "Tea",
            "location": "Ulm",
            "attendees": [{"email": BOB}, {"email": CARLA}],
            "extendedProperties": {"private": {"a": "1", "b": "2"}},
        }
    )
    patched = ann.ok(
        "PATCH",
        f"{EV}/{event['id']}",
        {
            "location": None,
            "attendees": [{"email": CARLA}],
            "extendedProperties": {"private": {"b": None, "c": "3"}},
        },
    )
    assert patched["summary"] == "Tea" and "location" not in patched
    assert [row["email"] for row in patched["attendees"]] == [CARLA]
    assert patched["extendedProperties"]["private"] == {"a": "1", "c": "3"}


def test_patch_from_timed_to_all_day_needs_the_nulls(ann):
    """24"""
    event = ann.insert()
    path = f"{EV}/{event['id']}"
    assert ann.reason("PATCH", path, days()) == (400, "invalid")
    null = {"dateTime": None, "timeZone": None}
    body = {name: {**value, **null} for name, value in days().items()}
    assert ann.ok("PATCH", path, body)["start"] == {"date": "2026-03-09"}


def test_put_drops_what_is_left_out(ann):
    """25"""
    event = ann.insert({**weekly(), "location": "Ulm", "attendees": [{"email": BOB}]})
    replaced = ann.ok("PUT", f"{EV}/{event['id']}", {**timed(), "summary": "Tea"})
    assert not {"location", "attendees", "recurrence"} & set(replaced)
    assert replaced["iCalUID"] == event["iCalUID"]
    assert ann.reason("PUT", f"{EV}/{event['id']}", {"summary": "x"})[1] == "required"


def test_a_stale_etag_is_refused_everywhere(sim, ann):
    """26"""
    event = ann.insert()
    path = f"{EV}/{event['id']}"
    stale = {"If-Match": event["etag"]}
    ann.ok("PATCH", path, {"summary": "new"}, headers=stale)
    target = sim.create_calendar(ANN, "Other")
    for method, address, params in (
        ("PATCH", path, {}),
        ("DELETE", path, {}),
        ("POST", f"{path}/move", {"destination": target}),
    ):
        found = ann.reason(method, address, {"summary": "x"}, stale, **params)
        assert found == (412, "conditionNotMet")
    other = f"calendars/{quote(target)}"
    assert ann.send("PATCH", other, {"summary": "x"}, stale).status_code == 412
    rule = f"calendars/primary/acl/{quote('user:' + ANN)}"
    assert ann.send("PATCH", rule, {"role": "owner"}, stale).status_code == 412
    any_etag = {"If-Match": "*"}
    assert ann.send("PATCH", path, {"summary": "y"}, any_etag).status_code == 200


def test_if_none_match_saves_the_body(ann):
    """27"""
    event = ann.insert()
    headers = {"If-None-Match": event["etag"]}
    answer = ann.send("GET", f"{EV}/{event['id']}", headers=headers)
    assert (answer.status_code, answer.content) == (304, b"")


def test_etag_updated_and_sequence_change_when_they_should(sim, ann):
    """28"""
    event = ann.insert({"summary": "Tea"})
    path = f"{EV}/{event['id']}"
    sim.advance_clock(60)
    same = ann.ok("PATCH", path, {"summary": "Tea"})
    assert (same["etag"], same["updated"]) == (event["etag"], event["updated"])
    reminders = {"reminders": {"useDefault": False}}
    reminded = ann.ok("PATCH", path, reminders)
    assert reminded["etag"] != event["etag"]
    assert reminded["updated"] == event["updated"]
    renamed = ann.ok("PATCH", path, {"summary": "Coffee"})
    assert renamed["updated"] > event["updated"] and renamed["sequence"] == 0
    moved = ann.ok("PATCH", path, timed(stop="2026-03-09T12:00:00"))
    assert moved["sequence"] == 1


def test_a_lower_sequence_is_refused(ann):
    """29"""
    event = ann.insert({"sequence": 5})
    path = f"{EV}/{event['id']}"
    answer = ann.send("PATCH", path, {"sequence": 4})
    assert answer.status_code == 400
    message = answer.json()["error"]["message"]
    assert message.startswith("Invalid sequence value.")
    assert ann.ok("PATCH", path, {"sequence": 7})["sequence"] == 7


def test_deleting_twice_and_the_unknown(ann):
    """30"""
    event = ann.insert()
    answer = ann.send("DELETE", f"{EV}/{event['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert ann.reason("DELETE", f"{EV}/{event['id']}") == (410, "deleted")
    assert ann.reason("DELETE", f"{EV}/neverwas") == (404, "notFound")
    assert ann.reason("GET", f"{EV}/neverwas") == (404, "notFound")


def test_a_deleted_event_can_be_read_and_revived_by_its_organizer(ann):
    """31"""
    event = ann.insert({"summary": "Tea"})
    path = f"{EV}/{event['id']}"
    ann.send("DELETE", path)
    gone = ann.ok("GET", path)
    assert (gone["status"], gone["summary"]) == ("cancelled", "Tea")
    assert ann.ok("PATCH", path, {"status": "confirmed"})["status"] == "confirmed"
    assert [item["id"] for item in ann.list()["items"]] == [event["id"]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"iCalUID": None}, "required"),
        ({"id": "abcde"}, "invalid"),
        ({"attendees": []}, "participantIsNeitherOrganizerNorAttendee"),
    ],
)
def test_import_has_its_rules(ann, change, reason):
    """32"""
    body = {
        **timed(),
        "iCalUID": "x@elsewhere",
        "organizer": {"email": "boss@elsewhere.example"},
        "attendees": [{"email": ANN}],
    }
    assert ann.reason("POST", f"{EV}/import", {**body, **change}) == (400, reason)
    event = ann.ok("POST", f"{EV}/import", body)
    assert event["id"].startswith("_") and event["privateCopy"] is True
    assert event["organizer"] == {"email": "boss@elsewhere.example"}
    assert ann.sim.outbox() == []


def test_extended_properties_are_dropped_and_cut_silently(ann):
    """33"""
    event = ann.insert(
        {"extendedProperties": {"private": {"k" * 45: "x", "key": "v" * 2000}}}
    )
    assert event["extendedProperties"]["private"] == {"key": "v" * 1024}


def test_private_properties_stay_on_their_copy(ann, bob):
    """33"""
    event = ann.insert(
        {
            "attendees": [{"email": BOB}],
            "extendedProperties": {"private": {"a": "1"}, "shared": {"s": "1"}},
        }
    )
    path = f"{EV}/{event['id']}"
    assert bob.ok("GET", path)["extendedProperties"] == {"shared": {"s": "1"}}
    bob.ok("PATCH", path, {"extendedProperties": {"private": {"b": "2"}}})
    assert ann.ok("GET", path)["extendedProperties"]["private"] == {"a": "1"}


def test_a_guest_gets_a_copy_and_answers_it(sim, ann, bob):
    """34"""
    event = ann.insert({"summary": "Tea", "attendees": [{"email": BOB}]})
    path = f"{EV}/{event['id']}"
    copy = bob.ok("GET", path)
    assert (copy["id"], copy["iCalUID"]) == (event["id"], event["iCalUID"])
    assert copy["attendees"][0]["self"] is True and "self" not in copy["organizer"]
    found = bob.reason("PATCH", path, {"summary": "Coffee"})
    assert found == (403, "forbiddenForNonOrganizer")
    assert bob.reason("PUT", path, timed())[1] == "forbiddenForNonOrganizer"
    row = {"email": BOB, "responseStatus": "accepted", "comment": "gladly"}
    bob.ok("PATCH", path, {"attendees": [row], "attendeesOmitted": True})
    seen = ann.ok("GET", path)["attendees"][0]
    assert (seen["responseStatus"], seen["comment"]) == ("accepted", "gladly")
    bob.ok("PATCH", path, {"colorId": "5", "reminders": {"useDefault": False}})
    assert "colorId" not in ann.ok("GET", path)


def test_what_the_organizer_changes_reaches_the_guests(ann, bob):
    """34"""
    event = ann.insert({"summary": "Tea", "attendees": [{"email": BOB}]})
    path = f"{EV}/{event['id']}"
    bob.ok("PATCH", path, {"colorId": "5"})
    ann.ok("PATCH", path, {"summary": "Coffee", "location": "Ulm"})
    copy = bob.ok("GET", path)
    assert (copy["summary"], copy["location"], copy["colorId"]) == (
        "Coffee",
        "Ulm",
        "5",
    )
    ann.ok("PATCH", path, {"attendees": []})
    assert bob.ok("GET", path) == {
        "kind": "calendar#event",
        "etag": bob.ok("GET", path)["etag"],
        "id": event["id"],
        "status": "cancelled",
    }


def test_guests_can_modify_when_the_organizer_lets_them(ann, bob):
    """34"""
    event = ann.insert(
        {"summary": "Tea", "guestsCanModify": True, "attendees": [{"email": BOB}]}
    )
    path = f"{EV}/{event['id']}"
    assert bob.ok("PATCH", path, {"summary": "Coffee"})["summary"] == "Coffee"
    assert ann.ok("GET", path)["summary"] == "Coffee"


def test_a_guest_who_deletes_declines(ann, bob):
    """34"""
    event = ann.insert({"summary": "Tea", "attendees": [{"email": BOB}]})
    path = f"{EV}/{event['id']}"
    bob.send("DELETE", path)
    assert bob.ok("GET", path)["status"] == "cancelled"
    assert bob.ok("GET", path)["summary"] == "Tea"
    seen = ann.ok("GET", path)
    assert seen["status"] == "confirmed"
    assert seen["attendees"][0]["responseStatus"] == "declined"


@pytest.mark.parametrize(
    ("how", "mails", "left"),
    [("all", [BOB, "x@out.example"], False), ("externalOnly", ["x@out.example"], False)]
    + [("none", [], True)],
)
def test_mails_go_to_the_outbox_and_silence_leaves_ghosts(
    sim, ann, bob, how, mails, left
):
    """35"""
    guests = [{"email": BOB}, {"email": "x@out.example"}]
    event = ann.insert({"attendees": guests}, sendUpdates=how)
    assert [mail["to"] for mail in sim.outbox()] == mails
    ann.send("DELETE", f"{EV}/{event['id']}", sendUpdates=how)
    assert len(sim.outbox()) == 2 * len(mails)
    copy = bob.ok("GET", f"{EV}/{event['id']}")
    assert (copy["status"] == "confirmed") is left


def test_a_conference_needs_its_version(ann):
    """36"""
    request = {"conferenceData": {"createRequest": {"requestId": "r1"}}}
    event = ann.insert(request)
    assert "hangoutLink" not in event and "conferenceData" not in event
    event = ann.insert(request, conferenceDataVersion=1)
    assert event["hangoutLink"].startswith("https://meet.google.com/")
    again = ann.ok(
        "PATCH", f"{EV}/{event['id']}", request, None, conferenceDataVersion=1
    )
    assert again["hangoutLink"] == event["hangoutLink"]


def test_event_types_are_restricted_and_fixed(sim, ann):
    """37"""
    refused = {**timed(), "eventType": "fromGmail"}
    assert ann.reason("POST", EV, refused) == (400, "eventTypeRestriction")
    focus = ann.insert({"eventType": "focusTime"})
    path = f"{EV}/{focus['id']}"
    found = ann.reason("PATCH", path, {"eventType": "default"})
    assert found == (400, "eventTypeRestriction")
    working = {**days(), "eventType": "workingLocation"}
    assert ann.reason("POST", EV, working)[1] == "malformedWorkingLocationEvent"
    other = quote(sim.create_calendar(ANN, "Other"))
    away = {**timed(), "eventType": "outOfOffice"}
    assert ann.send("POST", f"calendars/{other}/events", away).status_code == 400
    listed = ann.list(eventTypes="focusTime")["items"]
    assert [item["id"] for item in listed] == [focus["id"]]


def test_move_leaves_a_tombstone_and_says_cancelled(sim, ann):
    """38"""
    target = sim.create_calendar(ANN, "Other")
    event = ann.insert({"summary": "Tea"})
    said = ann.ok("POST", f"{EV}/{event['id']}/move", destination=target)
    assert said["status"] == "cancelled"
    moved = ann.ok("GET", f"calendars/{quote(target)}/events/{event['id']}")
    assert (moved["status"], moved["summary"]) == ("confirmed", "Tea")
    assert moved["organizer"] == {
        "email": target,
        "displayName": "Other",
        "self": True,
    }
    left = ann.ok("GET", f"{EV}/{event['id']}")
    assert left["status"] == "cancelled" and "summary" not in left


# --------------------------------------------------------------------- lists and tokens


def many(sim, number, **more):
    for n in range(number):
        sim.insert_event(ANN, {**timed(), "summary": f"E{n:03}", **more})


def test_pages_are_bound_to_their_query(sim, ann):
    """39"""
    many(sim, 260)
    page = ann.list()
    assert len(page["items"]) == 250
    token = page["nextPageToken"]
    rest = ann.list(pageToken=token)["items"]
    seen = {item["id"] for item in page["items"] + rest}
    assert (len(rest), len(seen)) == (10, 260)
    assert ann.reason("GET", EV, pageToken=token, q="x") == (400, "invalid")
    assert ann.reason("GET", EV, pageToken="nonsense") == (400, "invalid")
    assert len(ann.list(maxResults=9999)["items"]) == 260


def test_a_page_token_may_remember_the_query(sim, ann):
    """39"""
    many(sim, 3)
    sim.insert_event(ANN, {**timed(), "summary": "Other"})
    page = ann.list(q="E0", maxResults=2)
    token = page["nextPageToken"]
    assert ann.reason("GET", EV, pageToken=token) == (400, "invalid")
    sim.set_paging(query_in_token=True)
    token = ann.list(q="E0", maxResults=2)["nextPageToken"]
    rest = ann.list(pageToken=token)
    assert [item["summary"] for item in rest["items"]] == ["E002"]
    assert rest == ann.list(q="E0", maxResults=2, pageToken=token)
    assert ann.reason("GET", EV, pageToken=token, q="x") == (400, "invalid")


def test_pages_may_be_short_or_empty(sim, ann):
    """40"""
    many(sim, 5)
    sim.set_paging(page_size=2, empty_pages=2)
    page, sizes = ann.list(), []
    while "nextPageToken" in page:
        assert "nextSyncToken" not in page  # 41
        sizes.append(len(page["items"]))
        page = ann.list(pageToken=page["nextPageToken"])
    assert sizes == [0, 0, 2, 2] and len(page["items"]) == 1
    assert "nextSyncToken" in page


def test_incremental_lists_tell_what_changed_since_the_token(sim, ann):
    """42"""
    many(sim, 3)
    items, token = ann.full()
    assert ann.full(syncToken=token)[0] == []
    ann.ok("PATCH", f"{EV}/{items[0]['id']}", {"summary": "new"})
    ann.send("DELETE", f"{EV}/{items[1]['id']}")
    new = ann.insert({"summary": "newer"})
    for _twice in range(2):
        changed, later = ann.full(syncToken=token)
        assert [(i["id"], i["status"]) for i in changed] == [
            (items[0]["id"], "confirmed"),
            (items[1]["id"], "cancelled"),
            (new["id"], "confirmed"),
        ]
    assert ann.full(syncToken=later)[0] == []


def test_a_change_between_two_pages_is_not_lost(sim, ann):
    """42"""
    many(sim, 4)
    first = ann.list(maxResults=2)
    ann.ok("PATCH", f"{EV}/{first['items'][0]['id']}", {"summary": "late"})
    second = ann.list(maxResults=2, pageToken=first["nextPageToken"])
    changed, _token = ann.full(syncToken=second["nextSyncToken"])
    assert [item["summary"] for item in changed] == ["late"]


def test_deleted_events_in_an_incremental_list_are_bare_unless_asked(ann):
    """42"""
    event = ann.insert({"summary": "Tea"})
    _items, token = ann.full()
    ann.send("DELETE", f"{EV}/{event['id']}")
    assert "summary" not in ann.list(syncToken=token)["items"][0]
    with_details = ann.list(syncToken=token, showDeleted=True)["items"][0]
    assert with_details["summary"] == "Tea"


@pytest.mark.parametrize(
    "extra",
    [
        {"timeMin": "2026-03-01T00:00:00Z"},
        {"timeMax": "2026-03-01T00:00:00Z"},
        {"updatedMin": "2026-03-01T00:00:00Z"},
        {"orderBy": "updated"},
        {"q": "Tea"},
        {"iCalUID": "x"},
        {"privateExtendedProperty": "a=b"},
        {"showDeleted": False},
        {"singleEvents": True},
    ],
)
def test_a_sync_token_allows_no_other_restriction(ann, extra):
    """43"""
    _items, token = ann.full()
    answer = ann.send("GET", EV, syncToken=token, **extra)
    assert answer.status_code == 400
    message = "Sync token cannot be used with other request restrictions."
    assert answer.json()["error"]["message"] == message


def test_malformed_and_dead_tokens(sim, ann):
    """44"""
    answer = ann.send("GET", EV, syncToken="nonsense")
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        400,
        "Invalid sync token value.",
    )
    _items, token = ann.full()
    sim.expire_tokens("sync")
    assert ann.reason("GET", EV, syncToken=token) == (410, "fullSyncRequired")
    _items, token = ann.full()
    sim.share(ANN, BOB, "reader")
    assert ann.reason("GET", EV, syncToken=token) == (410, "fullSyncRequired")
    _items, token = ann.full()
    sim.set_paging(token_lifetime=3600)
    sim.advance_clock(3500)
    assert ann.full(syncToken=token)[0] == []
    sim.advance_clock(200)
    fresh = Client(sim, ANN)
    assert fresh.reason("GET", EV, syncToken=token) == (410, "fullSyncRequired")


def test_a_token_can_die_between_two_pages(sim, ann):
    """44"""
    _items, token = ann.full()
    many(sim, 4)
    page = ann.list(syncToken=token, maxResults=2)
    sim.expire_tokens("sync")
    found = ann.reason(
        "GET", EV, syncToken=token, maxResults=2, pageToken=page["nextPageToken"]
    )
    assert found == (410, "fullSyncRequired")


def test_updated_min_includes_deletions_but_not_the_distant_past(sim, ann):
    """45"""
    old, event = ann.insert(), ann.insert()
    sim.advance_clock(3600)
    ann = Client(sim, ANN)
    ann.send("DELETE", f"{EV}/{event['id']}")
    found = ann.list(updatedMin="2026-03-02T08:30:00Z")
    assert [item["id"] for item in found["items"]] == [event["id"]]
    assert old["id"] not in found and "nextSyncToken" not in found
    reason = ann.reason("GET", EV, updatedMin="2025-01-01T00:00:00Z")
    assert reason == (410, "updatedMinTooLongAgo")


def test_what_is_shown_of_series_and_cancelled_instances(ann):
    """46"""
    series = ann.insert(weekly())
    first = f"{series['id']}_20260309T090000Z"
    ann.send("DELETE", f"{EV}/{first}")
    gone = ann.insert()
    ann.send("DELETE", f"{EV}/{gone['id']}")
    plain = {item["id"]: item for item in ann.list()["items"]}
    assert set(plain) == {series["id"], first}
    assert set(plain[first]) == {
        "kind",
        "etag",
        "id",
        "status",
        "recurringEventId",
        "originalStartTime",
    }
    singles = ann.list(singleEvents=True)["items"]
    assert len(singles) == 3 and all("recurrence" not in item for item in singles)
    everything = ann.list(singleEvents=True, showDeleted=True)["items"]
    assert len(everything) == 5 and series["id"] not in {i["id"] for i in everything}
    deleted = ann.list(showDeleted=True)["items"]
    assert {item["id"] for item in deleted} == {series["id"], first, gone["id"]}


def test_time_bounds_exclude_their_ends(ann):
    """47"""
    event = ann.insert(timed("2026-03-09T10:00:00", "2026-03-09T11:00:00"))
    cases = {
        ("timeMin", "2026-03-09T10:00:00Z"): 0,
        ("timeMin", "2026-03-09T09:59:59Z"): 1,
        ("timeMax", "2026-03-09T09:00:00Z"): 0,
        ("timeMax", "2026-03-09T09:00:01Z"): 1,
    }
    for (name, moment), number in cases.items():
        assert len(ann.list(**{name: moment})["items"]) == number, (name, moment)
    ann.send("DELETE", f"{EV}/{event['id']}")
    ann.insert({**days(), "start": {"date": "2026-03-09"}})
    assert len(ann.list(timeMin="2026-03-09T22:59:00Z")["items"]) == 1  # Berlin
    assert len(ann.list(timeMin="2026-03-09T23:00:00Z")["items"]) == 0
    reason = ann.reason(
        "GET", EV, timeMin="2026-03-09T00:00:00Z", timeMax="2026-03-08T00:00:00Z"
    )
    assert reason == (400, "timeRangeEmpty")


def test_a_series_is_in_the_window_if_an_occurrence_is(ann):
    """47"""
    ann.insert(weekly("FREQ=WEEKLY;COUNT=4"))
    ann.insert(weekly("FREQ=WEEKLY"))
    assert len(ann.list(timeMin="2026-03-30T00:00:00Z")["items"]) == 2
    assert len(ann.list(timeMin="2026-04-30T00:00:00Z")["items"]) == 1


def test_a_sync_token_forgets_the_window_unless_told(sim, ann):
    """42"""
    for remembers in (False, True):
        sim.set_paging(window_in_token=remembers)
        _items, token = ann.full(timeMin="2026-03-20T00:00:00Z")
        ann.insert()
        assert len(ann.full(syncToken=token)[0]) == (0 if remembers else 1)


def test_ordering(ann):
    """48"""
    late = ann.insert(timed("2026-03-10T10:00:00", "2026-03-10T11:00:00"))
    early = ann.insert()
    assert ann.send("GET", EV, orderBy="startTime").status_code == 400
    page = ann.list(orderBy="startTime", singleEvents=True)
    assert [item["id"] for item in page["items"]] == [early["id"], late["id"]]
    assert "nextSyncToken" not in page


def test_filters_and_field_masks(ann):
    """49"""
    tea = ann.insert(
        {
            "summary": "Tea",
            "extendedProperties": {"private": {"a": "1"}},
        }
    )
    ann.insert({"summary": "Coffee", "attendees": [{"email": "x@tea.example"}]})
    assert len(ann.list(q="TEA")["items"]) == 2
    assert len(ann.list(q="coffee")["items"]) == 1
    assert ann.list(iCalUID=tea["iCalUID"])["items"][0]["id"] == tea["id"]
    found = ann.list(privateExtendedProperty="a=1")["items"]
    assert [item["id"] for item in found] == [tea["id"]]
    assert ann.list(sharedExtendedProperty="a=1")["items"] == []
    masked = ann.list(fields="items(id,start/dateTime),nextSyncToken")
    assert set(masked) == {"items", "nextSyncToken"}
    assert masked["items"][0] == {
        "id": tea["id"],
        "start": {"dateTime": "2026-03-09T10:00:00+01:00"},
    }


def test_the_time_zone_parameter_changes_the_offsets(ann):
    """50"""
    event = ann.insert()
    shown = ann.ok("GET", f"{EV}/{event['id']}", timeZone="Asia/Tokyo")
    assert shown["start"] == {
        "dateTime": "2026-03-09T18:00:00+09:00",
        "timeZone": BERLIN,
    }
    assert ann.list(timeZone="Asia/Tokyo")["timeZone"] == "Asia/Tokyo"


def test_many_attendees_are_left_out_on_request(ann):
    guests = [{"email": ANN}, {"email": BOB}, {"email": CARLA}]
    event = ann.insert({"attendees": guests})
    shown = ann.ok("GET", f"{EV}/{event['id']}", maxAttendees=1)
    assert shown["attendeesOmitted"] is True
    assert [row["email"] for row in shown["attendees"]] == [ANN]


def test_who_sees_only_free_and_busy_sees_instances_without_details(sim, ann, bob):
    """51"""
    sim.share(ANN, BOB, "freeBusyReader")
    ann.insert({**weekly(), "location": "Ulm"})
    page = bob.ok("GET", f"calendars/{quote(ANN)}/events")
    assert page["accessRole"] == "freeBusyReader"
    assert len(page["items"]) == 4
    item = page["items"][0]
    assert not {"summary", "location", "recurrence", "attendees"} & set(item)
    assert item["visibility"] == "private" and item["start"]


# --------------------------------------------------------------------------- recurrence


@pytest.mark.parametrize(
    ("lines", "stamps"),
    [
        # the clocks go forward on 29 March: 10:00 stays 10:00
        (
            ["RRULE:FREQ=WEEKLY;COUNT=4"],
            ["0316T090000Z", "0323T090000Z", "0330T080000Z", "0406T080000Z"],
        ),
        (
            ["RRULE:FREQ=WEEKLY;UNTIL=20260330T080000Z"],
            ["0316T090000Z", "0323T090000Z", "0330T080000Z"],
        ),
        (
            [
                "RRULE:FREQ=WEEKLY;COUNT=3",
                "EXDATE;TZID=Europe/Berlin:20260323T100000",
                "RDATE:20260318T090000Z",
            ],
            ["0316T090000Z", "0318T090000Z", "0330T080000Z"],
        ),
        (["RDATE:20260318T090000Z"], ["0316T090000Z", "0318T090000Z"]),
        (
            ["RRULE:FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1;COUNT=2"],
            ["0316T090000Z", "0331T080000Z"],
        ),
        (
            ["RRULE:FREQ=DAILY;COUNT=3", "EXRULE:FREQ=WEEKLY;BYDAY=TU"],
            ["0316T090000Z", "0318T090000Z"],
        ),
    ],
)
def test_series_expand_as_the_rfc_says(ann, lines, stamps):
    """52"""
    start = timed("2026-03-16T10:00:00", "2026-03-16T11:00:00")
    series = ann.insert({**start, "recurrence": lines})
    found = ann.ok("GET", f"{EV}/{series['id']}/instances")["items"]
    assert [item["id"] for item in found] == [
        f"{series['id']}_2026{stamp}" for stamp in stamps
    ]
    assert found[-1]["originalStartTime"] == found[-1]["start"]
    assert found[-1]["start"]["dateTime"][11:16] == "10:00"


def test_all_day_series_count_in_days(ann):
    """52"""
    series = ann.insert({**days(), "recurrence": ["RRULE:FREQ=DAILY;COUNT=2"]})
    found = ann.ok("GET", f"{EV}/{series['id']}/instances")["items"]
    assert [item["id"] for item in found] == [
        f"{series['id']}_20260309",
        f"{series['id']}_20260310",
    ]
    assert found[1]["originalStartTime"] == {"date": "2026-03-10"}


def test_one_instance_changed_or_cancelled_becomes_an_exception(ann):
    """53"""
    series = ann.insert(weekly())
    second = f"{series['id']}_20260316T090000Z"
    moved = ann.ok(
        "PATCH", f"{EV}/{second}", timed("2026-03-17T15:00:00", "2026-03-17T16:00:00")
    )
    assert moved["recurringEventId"] == series["id"]
    assert moved["originalStartTime"]["dateTime"] == "2026-03-16T10:00:00+01:00"
    assert moved["summary"] == "Tea"
    third = f"{series['id']}_20260323T090000Z"
    assert ann.send("DELETE", f"{EV}/{third}").status_code == 204
    assert ann.reason("DELETE", f"{EV}/{third}") == (410, "deleted")
    assert ann.ok("GET", f"{EV}/{series['id']}")["etag"] == series["etag"]
    path = f"{EV}/{series['id']}/instances"
    starts = [item["start"]["dateTime"][:10] for item in ann.ok("GET", path)["items"]]
    assert starts == ["2026-03-09", "2026-03-17", "2026-03-30"]
    assert ann.reason("GET", f"{EV}/{series['id']}_20260310T090000Z")[0] == 404
    back = ann.ok("PATCH", f"{EV}/{third}", {"status": "confirmed"})
    assert (back["status"], back["summary"]) == ("confirmed", "Tea")


def test_a_changed_series_overwrites_and_reemits_its_exceptions(ann):
    """54"""
    series = ann.insert(weekly())
    second = f"{series['id']}_20260316T090000Z"
    third = f"{series['id']}_20260323T090000Z"
    moved = timed("2026-03-17T15:00:00", "2026-03-17T16:00:00")
    ann.ok("PATCH", f"{EV}/{second}", {**moved, "summary": "Cake"})
    ann.send("DELETE", f"{EV}/{third}")
    _items, token = ann.full()
    ann.ok("PATCH", f"{EV}/{series['id']}", {"summary": "Coffee"})
    changed = {item["id"]: item for item in ann.full(syncToken=token)[0]}
    assert set(changed) == {series["id"], second, third}
    assert changed[second]["summary"] == "Coffee"
    assert changed[second]["start"]["dateTime"].startswith("2026-03-17T15:00")
    assert changed[third]["status"] == "cancelled"


def test_a_moved_series_drops_exceptions_that_lost_their_place(ann):
    """54"""
    series = ann.insert(weekly())
    second = f"{series['id']}_20260316T090000Z"
    ann.ok("PATCH", f"{EV}/{second}", {"summary": "Cake"})
    later = timed("2026-03-09T12:00:00", "2026-03-09T13:00:00")
    ann.ok("PATCH", f"{EV}/{series['id']}", later)
    found = ann.ok("GET", f"{EV}/{series['id']}/instances")["items"]
    assert [item["summary"] for item in found] == ["Tea"] * 4
    assert all(item["start"]["dateTime"][11:13] == "12" for item in found)


def test_instances_by_original_start_and_by_instance_id(ann):
    """55"""
    series = ann.insert(weekly())
    path = f"{EV}/{series['id']}/instances"
    second = f"{series['id']}_20260316T090000Z"
    found = ann.ok("GET", path, originalStart="2026-03-16T10:00:00+01:00")["items"]
    assert [item["id"] for item in found] == [second]
    found = ann.ok("GET", f"{EV}/{second}/instances")["items"]
    assert [item["id"] for item in found] == [second]
    ann.send("DELETE", f"{EV}/{second}")
    assert ann.ok("GET", f"{EV}/{second}/instances")["items"] == []
    assert len(ann.ok("GET", path, maxResults=2)["items"]) == 2
    assert len(ann.ok("GET", path, showDeleted=True)["items"]) == 4
    window = {"timeMin": "2026-03-20T00:00:00Z", "timeMax": "2026-03-25T00:00:00Z"}
    assert len(ann.ok("GET", path, **window)["items"]) == 1


def test_this_and_following_makes_a_tail_named_after_its_base(sim, ann, bob):
    """64"""
    series = ann.insert({**weekly(), "attendees": [{"email": BOB}]})
    base, uid = series["id"], series["iCalUID"]
    third = f"{base}_20260323T090000Z"
    ann.ok("PATCH", f"{EV}/{third}", {"summary": "Cake"})
    tail = sim.split_series(ANN, third, {"location": "Garden"})
    assert tail["id"] == f"{base}_R20260323T090000"
    assert tail["iCalUID"] == f"{tail['id']}@google.com" != uid
    assert tail["recurrence"] == ["RRULE:FREQ=WEEKLY;COUNT=2"]
    head = ann.ok("GET", f"{EV}/{base}")
    assert head["recurrence"] == ["RRULE:FREQ=WEEKLY;UNTIL=20260323T085959Z"]
    for client in (ann, bob):
        path = f"{EV}/{tail['id']}/instances"
        found = client.ok("GET", path)["items"]
        assert [item["id"] for item in found] == [third, f"{base}_20260330T080000Z"]
        assert {item["recurringEventId"] for item in found} == {tail["id"]}
        # what was said of an occurrence is reset
        assert {item["summary"] for item in found} == {"Tea"}
        assert len(client.ok("GET", f"{EV}/{base}/instances")["items"]) == 2
    assert ann.ok("PATCH", f"{EV}/{third}", {"summary": "Pie"})["id"] == third
    ann.send("DELETE", f"{EV}/{third}")
    [gone] = [i for i in ann.list(showDeleted=True)["items"] if i["id"] == third]
    assert gone["status"] == "cancelled" and gone["recurringEventId"] == tail["id"]
    # split again: it is named from the base
    last = sim.split_series(ANN, f"{base}_20260330T080000Z")
    assert last["id"] == f"{base}_R20260330T080000"


@pytest.mark.parametrize("known, status", [(False, 404), (True, 200)])
def test_whether_the_longer_name_is_an_address_is_a_switch(sim, ann, known, status):
    """64"""
    base = ann.insert(weekly())["id"]
    tail = sim.split_series(ANN, f"{base}_20260323T090000Z")["id"]
    sim.set_behaviour(tail_addresses=known)
    answer = ann.send("GET", f"{EV}/{tail}_20260330T080000Z")
    assert answer.status_code == status
    if known:
        assert answer.json()["id"] == f"{base}_20260330T080000Z"


def test_whole_days_may_be_split_and_become_times(sim, ann):
    """64"""
    base = ann.insert({**days(), "recurrence": ["RRULE:FREQ=DAILY"]})["id"]
    nulls = {"date": None}
    times = {name: {**at, **nulls} for name, at in timed().items()}
    tail = sim.split_series(ANN, f"{base}_20260312", times)
    assert tail["id"] == f"{base}_R20260309T090000"
    head = ann.ok("GET", f"{EV}/{base}")
    assert head["recurrence"] == ["RRULE:FREQ=DAILY;UNTIL=20260311"]


def test_yearly_on_a_day_of_the_month_is_once_a_year(ann):
    """65"""
    rule = "FREQ=YEARLY;BYMONTHDAY=9"
    series = ann.insert({**days(), "recurrence": [f"RRULE:{rule}"]})
    found = ann.ok("GET", f"{EV}/{series['id']}/instances")["items"]
    assert [item["start"]["date"] for item in found[:2]] == ["2026-03-09", "2027-03-09"]


def test_an_instance_is_as_long_as_its_period(ann):
    period = "RDATE;VALUE=PERIOD:20260310T090000Z/PT3H"
    series = ann.insert({**timed(), "recurrence": [period]})
    found = ann.ok("GET", f"{EV}/{series['id']}/instances")["items"]
    assert [item["end"]["dateTime"][11:13] for item in found] == ["11", "13"]


def test_deleting_a_series_deletes_all_of_it(ann, bob):
    """56"""
    series = ann.insert({**weekly(), "attendees": [{"email": BOB}]})
    second = f"{series['id']}_20260316T090000Z"
    ann.ok("PATCH", f"{EV}/{second}", {"summary": "Cake"})
    assert {i["id"] for i in bob.list()["items"]} == {series["id"], second}
    _items, token = ann.full()
    ann.send("DELETE", f"{EV}/{series['id']}", sendUpdates="all")
    changed = ann.full(syncToken=token)[0]
    assert {i["id"]: i["status"] for i in changed} == {
        series["id"]: "cancelled",
        second: "cancelled",
    }
    # as a cancelled series, and only that, it is in every full list
    assert ann.list(singleEvents=True)["items"] == []
    later = {"timeMin": "2030-01-01T00:00:00Z"}
    for listed in (ann.list(), bob.list(), ann.list(**later)):
        shown = [(i["id"], i["status"]) for i in listed["items"]]
        assert shown == [(series["id"], "cancelled")]


def test_an_invitation_from_outside_looks_foreign_and_is_the_organizers(sim, ann):
    """34"""
    boss = sim.create_outsider("boss@elsewhere.example")
    body = {**timed(), "summary": "Audit", "attendees": [{"email": ANN}]}
    event = sim.insert_event(boss, body)
    copy = ann.ok("GET", f"{EV}/{event['id']}")
    assert copy["id"].startswith("_") and copy["organizer"] == {"email": boss}
    found = ann.reason("PATCH", f"{EV}/{event['id']}", {"summary": "x"})
    assert found == (403, "forbiddenForNonOrganizer")
    assert boss not in requests.get(auth_url(sim), timeout=10).text
    sim.delete_event(boss, event["id"], sendUpdates="all")
    assert ann.ok("GET", f"{EV}/{event['id']}")["status"] == "cancelled"


def test_what_a_guest_removed_stays_removed(sim, ann, bob):
    """34"""
    event = ann.insert({"summary": "Tea", "attendees": [{"email": BOB}]})
    path = f"{EV}/{event['id']}"
    bob.send("DELETE", path)
    ann.ok("PATCH", path, {"summary": "Coffee"})
    assert bob.ok("GET", path)["status"] == "cancelled"


def test_a_guests_own_exception_follows_the_series(ann, bob):
    """54"""
    series = ann.insert({**weekly(), "attendees": [{"email": BOB}]})
    second = f"{EV}/{series['id']}_20260316T090000Z"
    bob.ok("PATCH", second, {"colorId": "5"})
    ann.ok("PATCH", f"{EV}/{series['id']}", {"summary": "Coffee"})
    shown = bob.ok("GET", second)
    assert (shown["summary"], shown["colorId"]) == ("Coffee", "5")


def test_a_guest_of_one_instance_has_the_exception_without_its_series(ann, bob):
    """34"""
    series = ann.insert(weekly())
    second = f"{series['id']}_20260316T090000Z"
    ann.ok("PATCH", f"{EV}/{second}", {"attendees": [{"email": BOB}]})
    assert [item["id"] for item in bob.list()["items"]] == [second]
    assert bob.ok("GET", f"{EV}/{second}")["recurringEventId"] == series["id"]
    assert bob.reason("GET", f"{EV}/{series['id']}") == (404, "notFound")


def test_a_guest_declines_one_instance(ann, bob):
    """34"""
    series = ann.insert({**weekly(), "attendees": [{"email": BOB}]})
    second = f"{EV}/{series['id']}_20260316T090000Z"
    row = {"email": BOB, "responseStatus": "declined"}
    bob.ok("PATCH", second, {"attendees": [row]})
    assert ann.ok("GET", second)["attendees"][0]["responseStatus"] == "declined"
    whole = ann.ok("GET", f"{EV}/{series['id']}")
    assert whole["attendees"][0]["responseStatus"] == "needsAction"


# ------------------------------------------------------ free/busy, watch, batch, limits


def busy(client, *calendars, **body):
    window = {"timeMin": "2026-03-09T00:00:00Z", "timeMax": "2026-03-16T00:00:00Z"}
    items = [{"id": calendar} for calendar in calendars]
    return client.ok("POST", "freeBusy", {**window, "items": items, **body})


def test_busy_times_are_merged_and_know_what_counts(sim, ann, bob):
    """57"""
    ann.insert(timed("2026-03-09T10:00:00", "2026-03-09T11:00:00"))
    ann.insert(timed("2026-03-09T10:30:00", "2026-03-09T12:00:00"))
    ann.insert({**timed(), "transparency": "transparent"})
    ann.insert({**days("2026-03-11", "2026-03-12")})
    declined = ann.insert(
        {**timed("2026-03-12T10:00:00", "2026-03-12T11:00:00")}
        | {"attendees": [{"email": BOB}]}
    )
    sim.respond(BOB, declined["id"], "declined")
    found = busy(ann, ANN, "nobody@example.com")["calendars"]
    assert found[ANN]["busy"] == [
        {"start": "2026-03-09T09:00:00Z", "end": "2026-03-09T11:00:00Z"},
        {"start": "2026-03-10T23:00:00Z", "end": "2026-03-11T23:00:00Z"},
        {"start": "2026-03-12T09:00:00Z", "end": "2026-03-12T10:00:00Z"},
    ]
    assert found["nobody@example.com"] == {
        "errors": [{"domain": "global", "reason": "notFound"}],
        "busy": [],
    }
    assert busy(bob, BOB)["calendars"][BOB]["busy"] == []


def weekly_from(start, stop):
    return {**timed(start, stop), "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]}


def test_busy_times_of_series_follow_their_exceptions(ann):
    """57"""
    series = ann.insert(weekly_from("2026-03-09T08:00:00", "2026-03-09T09:00:00"))
    ann.send("DELETE", f"{EV}/{series['id']}_20260310T070000Z")
    moved = timed("2026-03-11T20:00:00", "2026-03-11T21:00:00")
    ann.ok("PATCH", f"{EV}/{series['id']}_20260311T070000Z", moved)
    assert busy(ann, ANN)["calendars"][ANN]["busy"] == [
        {"start": "2026-03-09T07:00:00Z", "end": "2026-03-09T08:00:00Z"},
        {"start": "2026-03-11T19:00:00Z", "end": "2026-03-11T20:00:00Z"},
    ]


def test_free_busy_has_limits(sim, ann):
    """57"""
    long = {"timeMin": "2026-01-01T00:00:00Z", "timeMax": "2026-06-01T00:00:00Z"}
    assert ann.reason("POST", "freeBusy", long) == (400, "timeRangeTooLong")
    empty = {"timeMin": "2026-01-01T00:00:00Z", "timeMax": "2026-01-01T00:00:00Z"}
    assert ann.reason("POST", "freeBusy", empty) == (400, "timeRangeEmpty")
    found = busy(ann, ANN, BOB, calendarExpansionMax=1)["calendars"]
    assert found[BOB]["errors"][0]["reason"] == "tooManyCalendarsRequested"
    sim.set_behaviour(report_surplus=False)
    assert set(busy(ann, ANN, BOB, calendarExpansionMax=1)["calendars"]) == {ANN}


class Hook:
    """A web hook that notes the headers it gets."""

    def __init__(self):
        self.seen, self.statuses = [], []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                hook.seen.append(dict(self.headers))
                self.send_response(hook.statuses.pop(0) if hook.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/notify"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def states(self):
        return [
            (int(h["X-Goog-Message-Number"]), h["X-Goog-Resource-State"])
            for h in self.seen
        ]


@pytest.fixture(scope="module")
def shared_hook():
    hook = Hook()
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


@pytest.fixture
def hook(sim, shared_hook):
    shared_hook.seen.clear()
    shared_hook.statuses.clear()
    sim.set_behaviour(http_loopback=True)
    return shared_hook


def watching(client, hook, **more):
    body = {"id": "ch-1", "type": "web_hook", "address": hook.url, "token": "secret"}
    return client.ok("POST", f"{EV}/watch", {**body, **more})


def test_a_channel_says_sync_then_exists(sim, ann, bob, hook):
    """58"""
    channel = watching(ann, hook)
    assert channel["kind"] == "api#channel" and channel["token"] == "secret"
    lifetime = int(channel["expiration"]) / 1000 - sim.clock.now().timestamp()
    assert 604_700 < lifetime <= 604_800
    sim.insert_event(BOB, timed())  # another calendar: no word
    ann.insert()
    ann.insert()
    assert sim.watch.courier.wait()
    assert hook.states() == [(1, "sync"), (3, "exists"), (5, "exists")]
    headers = hook.seen[-1]
    assert headers["X-Goog-Channel-ID"] == "ch-1"
    assert headers["X-Goog-Channel-Token"] == "secret"
    assert headers["X-Goog-Resource-ID"] == channel["resourceId"]
    assert headers["User-Agent"].startswith("APIs-Google")


def test_notifications_get_lost_doubled_late_and_out_of_order(sim, ann, hook):
    """58"""
    watching(ann, hook)
    sim.set_notifications(drop=1)
    ann.insert()
    sim.set_notifications(duplicate=1)
    ann.insert()
    assert sim.watch.courier.wait()
    assert [number for number, _state in hook.states()] == [1, 5, 5]
    sim.set_notifications(hold=True, reorder=True)
    for _ in range(3):
        ann.insert()
    assert sim.watch.courier.wait() and len(hook.seen) == 3
    sim.set_notifications(hold=False)
    assert sim.watch.courier.wait() and len(hook.seen) == 6


def test_notifications_are_repeated_after_a_server_error(sim, ann, hook):
    """58"""
    sim.watch.courier.retry_after = 0.01
    hook.statuses[:] = [503, 500, 200]
    watching(ann, hook)
    assert sim.watch.courier.wait()
    assert len(hook.seen) == 3
    assert sim.notifications()[-1]["attempts"] == 3


def test_a_channel_expires(sim, ann, hook):
    """58"""
    watching(ann, hook, params={"ttl": "3600"})
    sim.advance_clock(3601)
    sim.insert_event(ANN, timed())
    assert sim.watch.courier.wait()
    assert hook.states() == [(1, "sync")]


def test_nothing_is_sent_to_other_machines(sim, ann, hook):
    watching(ann, hook, address="https://odoo.example.com/notify")
    assert sim.watch.courier.wait()
    assert sim.notifications()[-1]["attempts"] == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"address": "http://odoo.example.com/x"}, "push.webhookUrlNotHttps"),
        ({"id": "ch-1"}, "channelIdNotUnique"),
        ({"id": "not allowed!"}, "channelIdInvalid"),
        ({"type": "carrier_pigeon"}, "channelTypeUnknown"),
        ({"token": "t" * 257}, "invalid"),
    ],
)
def test_channels_that_are_refused(ann, hook, change, reason):
    """58"""
    watching(ann, hook)
    body = {"id": "ch-2", "type": "web_hook", "address": hook.url}
    assert ann.reason("POST", f"{EV}/watch", {**body, **change}) == (400, reason)


def test_holiday_calendars_and_plain_http_refuse_to_push(sim, ann, hook):
    """58"""
    holidays = quote(sim.create_calendar(ANN, "Holidays", pushes=False))
    body = {"id": "ch-2", "type": "web_hook", "address": hook.url}
    found = ann.reason("POST", f"calendars/{holidays}/events/watch", body)
    assert found == (400, "pushNotSupportedForRequestedResource")
    sim.set_behaviour(http_loopback=False)
    found = ann.reason("POST", f"{EV}/watch", body)
    assert found == (400, "push.webhookUrlNotHttps")


def test_only_who_opened_a_channel_can_stop_it(sim, ann, bob, hook):
    """59"""
    channel = watching(ann, hook)
    stop = {"id": channel["id"], "resourceId": channel["resourceId"]}
    assert bob.send("POST", "channels/stop", stop).status_code == 404
    wrong = {**stop, "resourceId": "x"}
    assert ann.send("POST", "channels/stop", wrong).status_code == 404
    assert ann.send("POST", "channels/stop", stop).status_code == 204
    assert ann.send("POST", "channels/stop", stop).status_code == 404
    ann.insert()
    assert sim.watch.courier.wait() and hook.states() == [(1, "sync")]


def raw_batch(sim, parts, headers=None, path="/batch/calendar/v3"):
    body = "".join(f"--b0\n{part}\n" for part in parts) + "--b0--"
    return requests.post(
        sim.url + path,
        body.encode(),
        headers={"Content-Type": 'multipart/mixed; boundary="b0"', **(headers or {})},
        timeout=10,
    )


def part(number, request):
    return (
        "Content-Type: application/http\nMIME-Version: 1.0\n"
        f"Content-ID: <uuid + {number}>\n\n{request}"
    )


def test_a_batch_answers_each_part_on_its_own(sim, ann, bob):
    """60"""
    body = json.dumps({**timed(), "id": "abcde"})
    insert = (
        f"POST /calendar/v3/{EV}?alt=json HTTP/1.1\nContent-Type: application/json\n"
        f"content-length: {len(body)}\n\n{body}"
    )
    as_bob = "GET /calendar/v3/calendars/primary HTTP/1.1\nAuthorization: {}\n\n"
    parts = [
        part(1, insert),
        part(2, f"GET /calendar/v3/{EV}/unknown HTTP/1.1\n\n"),
        part(3, as_bob.format(bob.auth["Authorization"])),
    ]
    answer = raw_batch(sim, parts, ann.auth)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert answer.headers["Content-Type"].startswith("multipart/mixed; boundary=")
    assert all(f"Content-ID: <response-uuid + {n}>" in text for n in (1, 2, 3))
    assert "HTTP/1.1 200 OK\r\n" in text and "HTTP/1.1 404 Not Found\r\n" in text
    assert BOB in text
    assert sim.counters()["batched"] == 3
    assert raw_batch(sim, parts * 334, ann.auth).status_code == 400
    assert raw_batch(sim, [], ann.auth).status_code == 400


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("rateLimitExceeded", 403, "rateLimitExceeded"),
        ("userRateLimitExceeded", 403, "userRateLimitExceeded"),
        ("quotaExceeded", 403, "quotaExceeded"),
        ("tooManyRequests", 429, "rateLimitExceeded"),
        ("backendError", 500, "backendError"),
        ("serviceUnavailable", 503, "serviceNotAvailable"),
        ("fullSyncRequired", 410, "fullSyncRequired"),
        ("conditionNotMet", 412, "conditionNotMet"),
    ],
)
def test_faults_are_answered_as_google_words_them(sim, ann, fault, status, reason):
    """61"""
    sim.set_fault(fault, {"method": "GET", "path": "/events$"}, retry_after=7)
    answer = ann.send("GET", EV)
    assert answer.status_code == status
    assert answer.json()["error"]["errors"][0]["reason"] == reason
    assert answer.headers["Retry-After"] == "7"
    assert ann.send("GET", EV).status_code == 200


@pytest.mark.parametrize(("when", "landed"), [("before", 404), ("after", 200)])
@pytest.mark.parametrize("fault", ["backendError", "drop", "truncate", "503"])
def test_a_spoilt_write_may_have_landed_or_not(sim, ann, fault, when, landed):
    """61"""
    sim.set_fault(fault, {"method": "POST", "path": "/events$"}, when=when)
    body = {**timed(), "id": "abcde", "description": "x" * 600}
    if fault in ("drop", "truncate"):
        # urllib3 1.26 does not notice that it is cut short, who reads it does
        with pytest.raises((requests.RequestException, ValueError)):
            ann.send("POST", EV, body).json()
        landed = 200 if fault == "truncate" else landed
    else:
        assert ann.send("POST", EV, body).status_code in (500, 503)
    assert ann.send("GET", f"{EV}/abcde").status_code == landed


def test_faults_count_skip_and_meet_single_parts_of_a_batch(sim, ann):
    """61"""
    sim.set_fault("backendError", {"path": "/events$"}, times=2, skip=1)
    found = [ann.send("GET", EV).status_code for _ in range(4)]
    assert found == [200, 500, 500, 200]
    sim.set_fault("rateLimitExceeded", {"path": "/unknown$", "user": ANN})
    parts = [
        part(1, f"GET /calendar/v3/{EV}/unknown HTTP/1.1\n\n"),
        part(2, "GET /calendar/v3/calendars/primary HTTP/1.1\n\n"),
    ]
    text = raw_batch(sim, parts, ann.auth).text
    assert "HTTP/1.1 403 Forbidden" in text and "HTTP/1.1 200 OK" in text


def test_a_stall_ends_without_an_answer(sim, ann):
    """61"""
    sim.set_fault("stall", seconds=0.2)
    with pytest.raises(requests.RequestException):
        ann.send("GET", EV)
    assert sim.journal(path="/events$")[-1]["status"] == 0


def test_the_quota_is_a_sliding_window(sim, ann, bob):
    """61"""
    sim.set_quota(per_user=3)
    assert [ann.send("GET", EV).status_code for _ in range(4)] == [200, 200, 200, 403]
    assert ann.reason("GET", EV) == (403, "userRateLimitExceeded")
    assert bob.send("GET", EV).status_code == 200
    sim.advance_clock(61)
    assert ann.send("GET", EV).status_code == 200
    sim.set_quota(calendars=1)
    assert ann.send("POST", "calendars", {"summary": "1"}).status_code == 200
    assert ann.reason("POST", "calendars", {"summary": "2"}) == (403, "quotaExceeded")


def test_a_long_query_comes_as_post(sim, ann):
    """62"""
    sim.insert_event(ANN, {**timed(), "summary": "Tea"})
    answer = requests.post(
        f"{sim.url}/calendar/v3/{EV}",
        {"q": "tea", "maxResults": "5"},
        headers={**ann.auth, "X-HTTP-Method-Override": "GET"},
        timeout=10,
    )
    assert len(answer.json()["items"]) == 1


def test_gzip_and_pretty_print_on_request(sim, ann):
    """63"""
    many(sim, 3)
    url, headers = f"{sim.url}/calendar/v3/{EV}?prettyPrint=true", ann.auth
    with requests.get(
        url, headers={**headers, "Accept-Encoding": "gzip"}, stream=True, timeout=10
    ) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        text = gzip.decompress(answer.raw.read()).decode()
    assert '\n  "items": [' in text
    plain = requests.get(
        url, headers={**headers, "Accept-Encoding": "identity"}, timeout=10
    )
    assert "Content-Encoding" not in plain.headers
    assert plain.json()["items"] == json.loads(text)["items"]


# ---------------------------------------------------------------------- the control API


def control(sim, name, **body):
    return requests.post(f"{sim.url}/control/{name}", json=body, timeout=10).json()


def test_everything_can_be_driven_from_outside(sim):
    control(sim, "create_user", email="eve@example.com", timezone="UTC")
    made = control(sim, "insert_event", user="eve@example.com", event=timed())
    event_id = made["result"]["id"]
    control(
        sim,
        "patch_event",
        user="eve@example.com",
        event_id=event_id,
        changes={"summary": "Tea"},
    )
    listed = control(sim, "list_events", user="eve@example.com")["result"]
    assert [item["summary"] for item in listed] == ["Tea"]
    wrong = control(sim, "insert_event", user="eve@example.com", event={})
    message = wrong["error"]["error"]["message"]
    assert message == "Missing start time."
    assert "error" in control(sim, "set_fault", fault="nonsense")
    assert "error" in control(sim, "no_such_control")
    dump = control(sim, "dump")["result"]
    events = dump["calendars"]["eve@example.com"]["events"]
    assert events[0]["summary"] == "Tea"


def test_the_journal_knows_who_asked_what(sim, ann):
    ann.list()
    ann.send("GET", f"{EV}/unknown")
    entries = sim.journal(user=ANN, method="GET")
    assert [(entry["path"], entry["status"]) for entry in entries] == [
        (f"/calendar/v3/{EV}", 200),
        (f"/calendar/v3/{EV}/unknown", 404),
    ]
    assert sim.counters()["wire"] == 2


def test_latency_does_not_make_requests_wait_for_each_other(sim):
    clients = [Client(sim, ANN) for _ in range(10)]
    sim.set_latency(0.2)
    started = time.monotonic()
    threads = [threading.Thread(target=client.list) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started < 1.0  # one after another would be 2 seconds


def test_planted_items_and_purged_tombstones(sim, ann):
    event = ann.insert({"summary": "Tea"})
    sim.plant_event(ANN, event["id"], {"start": None, "eventType": "seance"})
    item = ann.list()["items"][0]
    assert "start" not in item and item["eventType"] == "seance"
    ann.send("DELETE", f"{EV}/{event['id']}")
    assert sim.purge_tombstones() == 1
    assert ann.reason("GET", f"{EV}/{event['id']}") == (404, "notFound")


def test_a_big_listing_is_quick(sim, ann):
    many(sim, 2500, description="<p>Some text</p>" * 10)
    ann.list(maxResults=1)
    started = time.monotonic()
    assert len(ann.list(maxResults=2500)["items"]) == 2500
    assert time.monotonic() - started < 2  # generous: the machine may be busy


def test_the_connection_is_kept_alive(sim, ann):
    address = (sim.host, sim.port)
    with socket.create_connection(address, timeout=5) as connection:
        for _twice in range(2):
            connection.sendall(
                f"GET /calendar/v3/colors HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: {ann.auth['Authorization']}\r\n\r\n".encode()
            )
            answer = connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_lost_calendar_leaves_the_list(sim, bob):
    sim.share(ANN, BOB, "reader")
    token = bob.ok("GET", "users/me/calendarList")["nextSyncToken"]
    sim.share(ANN, BOB, "none")
    changed = bob.ok("GET", "users/me/calendarList", syncToken=token)["items"]
    assert [(item["id"], item["deleted"]) for item in changed] == [(ANN, True)]


def test_lists_can_be_blank_by_mishap(sim, ann):
    many(sim, 3)
    sim.set_paging(blank=True)
    items, token = ann.full()
    assert items == [] and token


def test_parallel_writers_and_readers_lose_nothing(sim):
    """42, and two inserts of one id: one wins"""
    failed, statuses = [], []

    def work(number):
        client = Client(sim, ANN)
        for n in range(10):
            client.insert({"id": f"abc{number}n{n}"})
        answer = client.send("POST", EV, {**timed(), "id": "samesame"})
        statuses.append(answer.status_code)
        if len({i["id"] for i in client.full(maxResults=7)[0]}) < 11:
            failed.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and sorted(statuses) == [200] + [409] * 5
    assert len(Client(sim, ANN).full()[0]) == 61


# ------------------------------------------------------------------------- the web page


def test_a_person_edits_appointments_on_the_web_page(sim, ann):
    web = requests.Session()
    assert ANN in web.get(sim.url + "/", timeout=10).text
    form = {
        "user": ANN,
        "calendar": ANN,
        "summary": "From the <page>",
        "start": "2026-03-04T10:00",
        "stop": "2026-03-04T11:00",
        "guests": BOB,
        "repeat": "RRULE:FREQ=WEEKLY;COUNT=6",
    }
    week = web.post(sim.url + "/ui/save", form, timeout=10)
    assert "From the &lt;page&gt;" in week.text
    series = ann.list()["items"][0]
    assert series["summary"] == "From the <page>"
    first = f"{series['id']}_20260304T090000Z"
    assert first in week.text
    keys = {"user": ANN, "calendar": ANN, "id": first}
    assert "edit" in web.get(sim.url + "/ui/event", params=keys, timeout=10).text
    changed = {**form, **keys, "summary": "One", "scope": "one"}
    changed.pop("repeat")
    web.post(sim.url + "/ui/save", changed, timeout=10)
    assert ann.ok("GET", f"{EV}/{first}")["summary"] == "One"
    answer = {**keys, "user": BOB, "calendar": BOB, "answer": "accepted"}
    web.post(sim.url + "/ui/respond", answer, timeout=10)
    row = ann.ok("GET", f"{EV}/{first}")["attendees"][0]
    assert row["responseStatus"] == "accepted"
    web.post(sim.url + "/ui/delete", {**keys, "scope": "series"}, timeout=10)
    assert {item["status"] for item in ann.list()["items"]} == {"cancelled"}


def test_the_web_page_shows_what_is_wrong(sim):
    form = {"user": ANN, "calendar": ANN, "summary": "x"}
    form |= {"start": "2026-03-04T10:00", "stop": "2026-03-04T09:00"}
    page = requests.post(sim.url + "/ui/save", form, timeout=10)
    assert page.status_code == 400 and 'id="error"' in page.text


def test_the_demo_has_four_people_with_full_weeks(server):
    server.reset()
    server.seed_demo()
    for user in ("ann", "bob", "carla", "dan"):
        items = server.list_events(f"{user}@example.com")
        assert len(items) >= 10
        assert any("recurrence" in item for item in items)
    week = requests.get(
        server.url + "/ui/week", params={"user": "ann@example.com"}, timeout=10
    )
    assert week.text.count('class="event') >= 10


# ----------------------------------------------------------- the official Python client


@pytest.fixture
def flow(sim, monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    config = {
        "web": {
            "client_id": "demo-client",
            "client_secret": "demo-secret",
            "auth_uri": sim.url + "/o/oauth2/v2/auth",
            "token_uri": sim.url + "/token",
        }
    }
    return Flow.from_client_config(
        config,
        [EVENTS, LIST],
        redirect_uri=CALLBACK,
        autogenerate_code_verifier=True,  # the default of later versions
    )


def official(sim, user=ANN, *scopes):
    found = sim.grant_tokens(user, "demo-client", list(scopes or [FULL]))
    credentials = Credentials(
        found["access_token"],
        refresh_token=found["refresh_token"],
        token_uri=sim.url + "/token",
        client_id="demo-client",
        client_secret="demo-secret",
    )
    http = AuthorizedHttp(credentials, http=httplib2.Http(timeout=10))
    return build(
        "calendar",
        "v3",
        http=http,
        client_options={"api_endpoint": sim.url + "/calendar/v3/"},
    )


def test_official_flow_with_pkce(sim, flow):
    url, state = flow.authorization_url(prompt="consent")
    assert "code_challenge_method=S256" in url
    location = sim.authorize(url, ANN)
    assert answer_of(location)["state"] == state
    flow.fetch_token(code=answer_of(location)["code"])
    assert flow.credentials.refresh_token
    assert set(flow.credentials.granted_scopes) == {EVENTS, LIST}


def test_official_flow_warns_about_a_partial_grant(sim, flow):
    url, _state = flow.authorization_url(prompt="consent")
    code = answer_of(sim.authorize(url, ANN, [EVENTS]))["code"]
    with pytest.raises(Warning, match="Scope has changed") as caught:
        flow.fetch_token(code=code)
    assert caught.value.token["scope"] == [EVENTS]


def test_official_client_refreshes_an_expired_token(sim):
    service = official(sim)
    sim.expire_tokens("access")
    assert service.calendars().get(calendarId="primary").execute()["id"] == ANN
    sim.expire_tokens("access")
    sim.expire_tokens("refresh")
    with pytest.raises(RefreshError) as caught:
        service.calendars().get(calendarId="primary").execute()
    assert caught.value.args[1]["error"] == "invalid_grant"


def test_official_client_writes_lists_and_deletes(sim):
    service = official(sim)
    events = service.events()
    for number in range(3):
        events.insert(
            calendarId="primary", body={**timed(), "id": f"abcd{number}"}
        ).execute()
    request, found = events.list(calendarId="primary", maxResults=2), []
    while request:
        page = request.execute()
        found += page["items"]
        request = events.list_next(request, page)
    assert len(found) == 3
    stale = events.patch(calendarId="primary", eventId="abcd0", body={"summary": "x"})
    stale.headers["If-Match"] = '"old"'
    with pytest.raises(HttpError) as caught:
        stale.execute()
    assert caught.value.status_code == 412
    assert events.delete(calendarId="primary", eventId="abcd0").execute() == ""
    page = events.list(calendarId="primary", syncToken=page["nextSyncToken"]).execute()
    assert [(i["id"], i["status"]) for i in page["items"]] == [("abcd0", "cancelled")]
    calendar = sim.create_calendar(ANN, "with # and @")
    assert events.list(calendarId=calendar).execute()["items"] == []
    body = {**timed(), "iCalUID": "x@y", "organizer": {"email": ANN}}
    assert events.import_(calendarId="primary", body=body).execute()["id"]
    long_query = events.list(calendarId="primary", q="x" * 3000)
    assert long_query.execute()["items"] == []


def test_official_client_retries_what_it_retries(sim, monkeypatch):
    service = official(sim)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    sim.set_fault("rateLimitExceeded", {"path": "/colors"}, times=2)
    assert service.colors().get().execute(num_retries=2)["kind"] == "calendar#colors"
    sim.set_fault("quotaExceeded", {"path": "/colors"})
    with pytest.raises(HttpError):
        service.colors().get().execute(num_retries=2)


def test_official_client_sends_batches(sim):
    service, got = official(sim), {}
    batch = BatchHttpRequest(
        lambda key, answer, error: got.update({key: error or answer["id"]}),
        batch_uri=sim.url + "/batch/calendar/v3",
    )
    for number in range(50):
        body = {**timed(), "id": f"abcd{number % 49:02}", "summary": "Süß ☕"}
        batch.add(
            service.events().insert(calendarId="primary", body=body),
            request_id=f"{number}",
        )
    batch.execute()
    failed = [error for error in got.values() if isinstance(error, HttpError)]
    assert len(got) == 50 and [error.status_code for error in failed] == [409]
    assert service.events().get(calendarId="primary", eventId="abcd07").execute()[
        "summary"
    ] == ("Süß ☕")
    assert sim.counters()["wire"] == 2
