"""What is Google's own, beyond the suite of all providers."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import httplib2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calsync import errors, transport
from calsync.plan import alike
from calsync.providers import PROVIDERS
from calsync.providers import google as module
from calsync.providers.google import APP_CREATED, SCOPES, GoogleProvider
from calsync.providers.google_client import project_limiter
from calsync.recurrence import instance_id
from calsync.transport import Limiter
from calsync.values import Application, Fields, Grant, Window, Write
from tests.contract.worlds import (
    ANN,
    CALLBACK,
    NINE,
    NOW,
    TIMED,
    WEEKLY,
    Clock,
    GoogleWorld,
    at,
    occurrence,
    without_waiting,
)

UTC = timezone.utc
WINDOW = Window(NOW - timedelta(days=30), NOW + timedelta(days=365))
PREFIX = "https://www.googleapis.com/auth/calendar"


@pytest.fixture(scope="module")
def simulator():
    with GoogleWorld.running():
        yield


@pytest.fixture
def world(simulator, monkeypatch):
    world = GoogleWorld()
    monkeypatch.setattr(transport, "time", without_waiting(world.clock))
    return world


@pytest.fixture
def provider(world):
    provider = world.provider()
    yield provider
    provider.close()


def insert(number, **more):
    return Write(
        verb="insert", remote_id=f"event{number:05}", key=number, fields=TIMED, **more
    )


def patch(remote_id, *names, **more):
    return Write(
        verb="patch",
        remote_id=remote_id,
        fields=TIMED,
        changed=frozenset(names),
        **more,
    )


def connected(world, grant=None, **app):
    """A provider of an application that differs from the registered one."""
    application = replace(world.application, **app)
    return GoogleProvider(
        application, grant or world.grant(), limiter=world.clock.limiter()
    )


def test_google_is_a_provider():
    assert PROVIDERS["google"] is GoogleProvider


# -------------------------------------------------------------------------- the address


@pytest.mark.parametrize("path", ["", "/", "/calendar/v3", "/calendar/v3/"])
def test_the_address_may_be_the_host_alone(world, path):
    provider = connected(world, api_url=world.sim.url + path)
    assert provider.identity() == ANN
    [outcome] = provider.push(ANN, [insert(1)])
    assert outcome.event
    provider.close()


def test_the_token_goes_to_no_other_host(world):
    provider = connected(world, api_url="http://localhost.evil.example/calendar/v3/")
    with pytest.raises(errors.Misconfigured):
        provider.identity()
    assert provider.request_count == 0


@pytest.mark.parametrize("url", ["http://google.example/auth", "ftp://x/auth", ""])
def test_the_consent_page_is_never_reached_in_plain_text(world, url):
    app = replace(world.application, auth_url=url)
    with pytest.raises(errors.Misconfigured):
        GoogleProvider.authorize(app, "two_way", redirect_uri=CALLBACK, state="s")


def test_the_quota_is_googles_and_shared_by_all_accounts_of_a_project():
    real = Application(
        client_id="one",
        client_secret="",
        api_url="https://www.googleapis.com/calendar/v3/",
        auth_url="",
        token_url="",
        revoke_url="",
    )
    limiter = project_limiter(real)
    assert project_limiter(replace(real, client_secret="new")) is limiter
    assert project_limiter(replace(real, client_id="two")) is not limiter
    limiter.wait(600, "ann")
    with pytest.raises(errors.RateLimited):
        limiter.wait(1, "ann")
    limiter.wait(600, "bob")


# --------------------------------------------------------------------------- the tokens


def test_an_expired_token_is_renewed_and_told(world, provider):
    before = provider.grant
    provider.identity()
    world.sim.expire_tokens("access")
    assert provider.identity() == ANN
    assert provider.grant.access_token != before.access_token
    assert provider.grant.refresh_token == before.refresh_token
    assert provider.grant.expiry > datetime.now(UTC)
    assert set(provider.grant.scopes) == set(before.scopes)
    assert provider.request_count == 4  # asked, refused, renewed, asked again


def test_a_token_that_is_known_to_be_old_is_renewed_first(world):
    grant = replace(world.grant(), expiry=datetime(2020, 1, 1, tzinfo=UTC))
    provider = connected(world, grant)
    assert provider.identity() == ANN
    assert provider.request_count == 2
    provider.close()


def test_a_rotated_refresh_token_is_kept(world):
    world.sim.set_policy(rotate_refresh_tokens=True)
    grant = replace(world.grant(), access_token="", expiry=None)
    provider = connected(world, grant)
    assert provider.identity() == ANN
    assert provider.grant.refresh_token != grant.refresh_token
    provider.close()


def test_a_batch_renews_the_token_too(world, provider):
    world.sim.expire_tokens("access")
    outcomes = provider.push(ANN, [insert(1), insert(2)])
    assert [outcome.error for outcome in outcomes] == [None, None]


@pytest.mark.parametrize(
    "fault, expected",
    [
        ("invalid_grant", errors.AuthExpired),
        ("invalid_rapt", errors.AuthExpired),
        ("invalid_client", errors.Misconfigured),
        ("deleted_client", errors.Misconfigured),
        ("disabled_client", errors.Misconfigured),
        ("unauthorized_client", errors.Misconfigured),
        ("invalid_scope", errors.ScopeMissing),
        ("garbage", errors.Unavailable),
        ("drop", errors.Unavailable),
    ],
)
def test_why_a_token_cannot_be_renewed(world, fault, expected):
    provider = connected(world, replace(world.grant(), access_token=""))
    world.sim.set_fault(match={"path": "^/token$"}, fault=fault, times=0)
    with pytest.raises(expected) as caught:
        provider.identity()
    assert expected is errors.AuthExpired or not isinstance(
        caught.value, errors.AuthExpired
    )
    [outcome] = provider.push(ANN, [insert(1)])
    assert isinstance(outcome.error, expected)
    provider.close()


def test_an_event_of_google_without_length_is_not_sent_back_as_it_is(world, provider):
    remote_id = world.put(TIMED)
    world.sim.shrink_event(ANN, remote_id)
    there = provider.get(ANN, [remote_id])[remote_id].fields
    assert there.when.start == there.when.stop
    for names in (("name",), ("when",)):
        write = Write(
            verb="patch",
            remote_id=remote_id,
            fields=replace(there, name="Renamed"),
            changed=frozenset(names),
        )
        [outcome] = provider.push(ANN, [write])
        assert outcome.error is None
        assert alike("when", outcome.event.fields.when, there.when)


def test_a_session_that_the_organisation_ends_is_told_apart(world):
    provider = connected(world, replace(world.grant(), access_token=""))
    world.sim.set_fault(match={"path": "^/token$"}, fault="invalid_rapt", times=0)
    with pytest.raises(errors.AuthExpired) as caught:
        provider.identity()
    assert caught.value.reason == "invalid_rapt"
    provider.close()


@pytest.mark.parametrize("times", [1, 2])
def test_a_good_token_that_is_refused_now_and_then_is_good(world, provider, times):
    remote_id = world.put(TIMED)
    match = {"method": "GET", "path": "/events$"}
    world.sim.set_fault(match=match, fault="authError", times=times)
    [page] = provider.changes(ANN, "", WINDOW)
    assert [event.remote_id for event in page.events] == [remote_id]


def test_a_good_token_that_is_always_refused_is_tried_later(world, provider):
    world.sim.set_fault(match={"path": "^/calendar/"}, fault="authError", times=0)
    with pytest.raises(errors.TokenRefused):
        provider.identity()
    [outcome] = provider.push(ANN, [insert(1)])
    assert isinstance(outcome.error, errors.TokenRefused)
    assert provider.grant.refresh_token


@pytest.mark.parametrize("what", ["single", "occurrence", "series"])
def test_what_may_not_be_deleted_because_it_is_deleted_counts_as_done(
    world, provider, what
):
    series = world.put(TIMED, recurrence=WEEKLY)
    remote_id = {
        "single": world.put(TIMED),
        "occurrence": occurrence(series, 7),
        "series": series,
    }[what]
    delete = Write(verb="delete", remote_id=remote_id)
    world.sim.set_fault(match={"method": "DELETE"}, fault="forbidden")
    [outcome] = provider.push(ANN, [delete])
    assert isinstance(outcome.error, errors.Forbidden), "it is there"
    world.sim.delete_event(ANN, remote_id)
    world.sim.set_fault(match={"method": "DELETE"}, fault="forbidden")
    [outcome] = provider.push(ANN, [delete])
    assert outcome.error is None


def test_a_calendar_that_is_gone_is_not_found_with_its_sync_token(world, provider):
    calendar = world.new_calendar()
    *_, last = provider.changes(calendar, "", WINDOW)
    world.sim.delete_calendar(ANN, calendar)
    with pytest.raises(errors.NotFound):
        list(provider.changes(calendar, last.token, WINDOW))


@pytest.mark.parametrize("fault", ["fullSyncRequired", "gone"])
def test_a_dead_sync_token_is_told_whatever_the_reason(world, provider, fault):
    *_, last = provider.changes(ANN, "", WINDOW)
    world.sim.set_fault(match={"path": "/events$"}, fault=fault)
    with pytest.raises(errors.TokenInvalid):
        list(provider.changes(ANN, last.token, WINDOW))


def test_a_wrong_client_secret_does_not_cost_the_grant(world):
    grant = replace(world.grant(), access_token="")
    provider = connected(world, grant, client_secret="wrong")
    with pytest.raises(errors.Misconfigured) as caught:
        provider.identity()
    assert "wrong" not in str(caught.value)
    assert provider.grant == grant
    provider.close()
    assert connected(world, grant).identity() == ANN


def test_without_a_refresh_token_an_expired_grant_is_gone(world):
    world.sim.expire_tokens("access")
    provider = connected(world, Grant(access_token="ya29.old"))
    with pytest.raises(errors.AuthExpired):
        provider.identity()
    provider.close()


# ------------------------------------------------------------------------------ consent


def ask(world, mode="two_way", **more):
    return GoogleProvider.authorize(
        world.application, mode, redirect_uri=CALLBACK, state="abc", **more
    )


def exchange(world, code, verifier, **app):
    return GoogleProvider.exchange(
        replace(world.application, **app),
        code=code,
        verifier=verifier,
        redirect_uri=CALLBACK,
    )


def test_consent_is_asked_for_with_pkce_and_for_good(world):
    asked = ask(world, hint=ANN)
    query = {
        key: values[0] for key, values in parse_qs(urlsplit(asked.url).query).items()
    }
    assert query["access_type"] == "offline" and query["prompt"] == "consent"
    assert query["code_challenge_method"] == "S256"
    assert query["login_hint"] == ANN and query["state"] == "abc"
    assert "include_granted_scopes" not in query
    assert len(asked.verifier) >= 43 and asked.verifier not in asked.url
    assert asked.verifier != ask(world).verifier


def test_a_partial_consent_is_a_grant_that_misses_scopes(world):
    asked = ask(world)
    code = world.consent(asked.url, scopes=[SCOPES["two_way"][1]])
    grant = exchange(world, code, asked.verifier)
    missing = GoogleProvider.missing_scopes("two_way", grant.scopes)
    assert set(missing) == set(SCOPES["two_way"]) - {SCOPES["two_way"][1], APP_CREATED}


def test_a_refused_consent_brings_no_code(world):
    assert world.consent(ask(world).url, deny=True) == ""


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"verifier": "x" * 50}, errors.AuthExpired),
        ({"code": "4/0other"}, errors.AuthExpired),
        ({"client_secret": "wrong"}, errors.Misconfigured),
        ({"client_id": "nobody"}, errors.Misconfigured),
        ({"token_url": "http://127.0.0.1:1/token"}, errors.Unavailable),
    ],
)
def test_a_code_is_worth_something_to_us_only(world, change, expected):
    asked = ask(world)
    given = {"code": world.consent(asked.url), "verifier": asked.verifier, **change}
    with pytest.raises(expected):
        exchange(world, given.pop("code"), given.pop("verifier"), **given)


def test_a_code_works_once(world):
    asked = ask(world)
    code = world.consent(asked.url)
    assert exchange(world, code, asked.verifier).refresh_token
    with pytest.raises(errors.AuthExpired):
        exchange(world, code, asked.verifier)


@pytest.mark.parametrize("fault", ["garbage", "503", "truncate"])
def test_a_token_endpoint_in_trouble_is_unavailable(world, fault):
    asked = ask(world)
    code = world.consent(asked.url)
    world.sim.set_fault(match={"path": "^/token$"}, fault=fault)
    with pytest.raises(errors.Unavailable):
        exchange(world, code, asked.verifier)


def test_a_revocation_that_did_not_happen_is_an_error(world):
    world.sim.set_fault(match={"path": "^/revoke$"}, fault="503")
    with pytest.raises(errors.Unavailable):
        GoogleProvider.revoke(world.application, world.grant())
    GoogleProvider.revoke(world.application, Grant())


@pytest.mark.parametrize(
    "granted, missing",
    [
        (SCOPES["two_way"], ()),
        ([PREFIX], ()),
        (
            [PREFIX + ".events", PREFIX + ".readonly"],
            (),
        ),
        (
            [
                PREFIX + ".events",
                PREFIX + ".calendarlist",
                PREFIX + ".events.freebusy",
            ],
            (),
        ),
        ([PREFIX + ".events"], SCOPES["availability"]),
        ([PREFIX + ".readonly"], (PREFIX + ".events",)),
    ],
)
def test_broader_scopes_cover_narrower_ones(granted, missing):
    assert GoogleProvider.missing_scopes("two_way", granted) == missing


def test_the_scopes_authorise_what_each_mode_does(world):
    provider = connected(world, world.grant("availability"))
    assert provider.identity() == ANN
    assert provider.calendars()
    assert provider.busy([ANN], NINE, NINE + timedelta(days=1))[ANN] == ()
    with pytest.raises(errors.ScopeMissing):
        list(provider.changes(ANN, "", WINDOW))
    [outcome] = provider.push(ANN, [insert(1)])
    assert isinstance(outcome.error, errors.ScopeMissing)
    with pytest.raises(errors.ScopeMissing) as caught:
        provider.create_calendar("Odoo", "UTC")
    assert caught.value.scopes == (APP_CREATED,)
    provider.close()


def test_covering_scopes_are_those_of_the_discovery_document():
    """A scope in the table authorises every method that we use its line for."""
    from googleapiclient.discovery_cache import get_static_doc

    resources = json.loads(get_static_doc("calendar", "v3"))["resources"]
    used = {
        module.EVENTS: [
            ("events", name) for name in "list get insert patch delete watch".split()
        ],
        module.CALENDAR_LIST: [("calendarList", "list"), ("calendarList", "get")],
        module.FREE_BUSY: [("freebusy", "query")],
        module.APP_CREATED: [("calendars", "insert")],
    }
    for scope, methods in used.items():
        for resource, method in methods:
            allowed = set(resources[resource]["methods"][method]["scopes"])
            assert module.COVERED_BY[scope] <= allowed, (resource, method)


# ----------------------------------------------------------------------------- listings


@pytest.mark.parametrize(
    "paging",
    [{"empty_pages": 3}, {"page_size": 1, "empty_pages": 1}, {"scrambled": True}],
)
def test_empty_and_scrambled_pages_lose_nothing(world, provider, paging):
    master = world.put(TIMED, recurrence=WEEKLY)
    world.remove(occurrence(master, 7))
    single = world.put(replace(TIMED, when=at(3)))
    world.sim.set_paging(**paging)
    pages = list(provider.changes(ANN, "", WINDOW))
    found = {event.remote_id for page in pages for event in page.events}
    assert found == {master, occurrence(master, 7), single}
    for page in pages:
        kinds = [bool(event.master_id) for event in page.events]
        assert kinds == sorted(kinds)


def test_a_first_listing_of_many_takes_few_requests(provider, monkeypatch):
    monkeypatch.setattr(module, "PAGE_SIZE", 250)  # as if 2,500 were 250
    provider.push(ANN, [insert(n) for n in range(300)])
    before = provider.request_count
    pages = list(provider.changes(ANN, "", WINDOW))
    assert [len(page.events) for page in pages] == [250, 50]
    assert provider.request_count == before + 2


def test_of_a_busy_only_calendar_come_times_without_names(world, provider):
    world.sim.share(world.new_calendar(role="freeBusyReader"), ANN, "freeBusyReader")
    calendar = provider.calendars()[-1]
    assert not calendar.writable
    world.sim.insert_event(
        "bob@example.com",
        {
            "summary": "Secret",
            "start": {"dateTime": "2026-03-03T09:00:00Z"},
            "end": {"dateTime": "2026-03-03T10:00:00Z"},
        },
        calendar=calendar.remote_id,
    )
    [page] = provider.changes(calendar.remote_id, "", WINDOW)
    [event] = page.events
    assert event.fields.name == "" and not event.problem


@pytest.mark.parametrize("fault", ["garbage", "truncate", "drop", "500", "503"])
def test_a_read_survives_one_bad_answer(world, provider, fault):
    remote_id = world.put(TIMED)
    world.sim.set_fault(match={"method": "GET", "path": "/events$"}, fault=fault)
    [page] = provider.changes(ANN, "", WINDOW)
    assert [event.remote_id for event in page.events] == [remote_id]
    world.sim.set_fault(match={"path": "^/batch/"}, fault=fault)
    assert provider.get(ANN, [remote_id])[remote_id].fields
    assert world.clock.slept


def test_a_misconfigured_project_is_told_to_the_administrator(world, provider):
    world.sim.set_fault(match={"path": "/events$"}, fault="accessNotConfigured")
    with pytest.raises(errors.Misconfigured) as caught:
        list(provider.changes(ANN, "", WINDOW))
    assert "disabled" in str(caught.value)


# ------------------------------------------------------------------------------- writes


@pytest.mark.parametrize("fault", ["garbage", "truncate", "drop", "500", "503"])
def test_a_batch_without_an_answer_may_have_landed(world, provider, fault):
    world.sim.set_fault(match={"path": "^/batch/"}, fault=fault, when="after")
    outcomes = provider.push(ANN, [insert(1), insert(2)])
    assert {type(outcome.error) for outcome in outcomes} == {errors.AnswerLost}
    assert world.sim.requests.count(path="^/batch/") == 1
    assert len(world.sim.list_events(ANN)) == 2


@pytest.mark.parametrize(
    "fault, expected",
    [
        ("503", errors.AnswerLost),
        ("conflict", errors.Unavailable),
        ("rateLimitExceeded", errors.RateLimited),
        ("userRateLimitExceeded", errors.RateLimited),
        ("tooManyRequests", errors.RateLimited),
        ("quotaExceeded", errors.RateLimited),
        ("invalid", errors.Rejected),
        ("forbidden", errors.Forbidden),
        ("insufficientPermissions", errors.ScopeMissing),
        ("authError", errors.TokenRefused),
        ("perUser", errors.RateLimited),
        ("dailyLimitExceeded", errors.RateLimited),
        ("notACalendarUser", errors.ServiceOff),
        ("forbiddenForNonOrganizer", errors.Forbidden),
        ("duplicate", errors.Duplicate),
        ("conditionNotMet", errors.Conflict),
        ("badRequest", errors.Rejected),
    ],
)
def test_one_part_of_a_batch_has_its_own_error(world, provider, fault, expected):
    match = {"method": "POST", "body": "event00002"}
    world.sim.set_fault(match={**match, "path": "/events$"}, fault=fault, times=0)
    one, two, three = provider.push(ANN, [insert(1), insert(2), insert(3)])
    assert type(two.error) is expected
    assert one.event and three.event


@pytest.mark.parametrize("fault", ["rateLimitExceeded", "insufficientPermissions"])
def test_what_hinders_all_writes_stops_the_following_batches(world, provider, fault):
    match = {"method": "POST", "path": "/events$", "body": "event00002"}
    world.sim.set_fault(match=match, fault=fault)
    outcomes = provider.push(ANN, [insert(n) for n in range(120)])
    assert [outcome.key for outcome in outcomes] == list(range(120))
    done = [outcome.key for outcome in outcomes if outcome.event]
    assert done == [0, 1, *range(3, 50)]
    assert provider.request_count == 1


def test_a_limited_account_waits_and_others_do_not(world):
    limiter = Limiter(clock=world.clock.monotonic, sleep=world.clock.sleep)
    limited, other = (
        GoogleProvider(world.application, world.grant(), limiter=limiter)
        for _ in range(2)
    )
    match = {"method": "POST", "path": "/events$"}
    world.sim.set_fault(match=match, fault="userRateLimitExceeded", retry_after=3)
    limited.push(ANN, [insert(1)])
    other.push(ANN, [insert(2)])
    assert not world.clock.slept
    limited.push(ANN, [insert(1)])
    assert world.clock.slept == [3]
    world.sim.set_fault(match=match, fault="perUser", retry_after=60)
    limited.push(ANN, [insert(3)])
    [outcome] = other.push(ANN, [insert(4)])
    assert outcome.event
    world.clock.now += 61
    world.sim.set_fault(match=match, fault="perProject", retry_after=60)
    limited.push(ANN, [insert(3)])
    [outcome] = other.push(ANN, [insert(3)])
    assert isinstance(outcome.error, errors.RateLimited)
    assert 0 < outcome.error.retry_after <= 60 and outcome.error.project
    assert len(world.sim.list_events(ANN)) == 3


def test_a_batch_costs_what_its_parts_cost(world):
    limiter = world.clock.limiter()
    spent = []
    limiter.wait = lambda cost, user: spent.append(cost)
    provider = GoogleProvider(world.application, world.grant(), limiter=limiter)
    provider.push(ANN, [insert(n) for n in range(3)])
    provider.push(ANN, [patch("event00001", "name"), patch("event00002", "name")])
    provider.identity()
    assert spent == [3, 6, 1]
    provider.close()


def test_a_missing_event_is_not_gone_when_its_calendar_is(world, provider):
    calendar = world.new_calendar()
    provider.push(calendar, [insert(1)])
    world.sim.delete_calendar(ANN, calendar)
    outcomes = provider.push(
        calendar,
        [patch("event00001", "name"), Write(verb="delete", remote_id="event00001")],
    )
    assert all(isinstance(done.error, errors.SyncError) for done in outcomes)
    assert not [done for done in outcomes if isinstance(done.error, errors.Gone)]


def test_nobody_is_ever_mailed(world, provider):
    world.invite(TIMED)
    body = {
        "summary": "x",
        "start": {"dateTime": "2026-03-03T09:00:00Z"},
        "end": {"dateTime": "2026-03-03T10:00:00Z"},
        "attendees": [{"email": "guest@elsewhere.example"}],
    }
    remote_id = world.sim.insert_event(ANN, body)["id"]
    world.sim.clear_outbox()
    provider.push(ANN, [patch(remote_id, "name", "when", "description")])
    event = provider.get(ANN, [remote_id])[remote_id]
    assert "guest@elsewhere.example" in event.emails
    provider.push(ANN, [Write(verb="delete", remote_id=remote_id)])
    assert world.mails() == 0
    writes = world.sim.requests.entries(path="/events")
    assert {
        entry.query.count("sendUpdates=none")
        for entry in writes
        if entry.method != "GET"
    } == {1}


def test_what_is_not_ours_survives_a_patch(world, provider):
    body = {
        "summary": "x",
        "colorId": "5",
        "guestsCanInviteOthers": False,
        "reminders": {
            "useDefault": False,
            "overrides": [{"method": "popup", "minutes": 7}],
        },
        "extendedProperties": {"private": {"theirs": "1"}, "shared": {"s": "2"}},
        "start": {"dateTime": "2026-03-03T09:00:00Z"},
        "end": {"dateTime": "2026-03-03T10:00:00Z"},
    }
    before = world.sim.insert_event(ANN, body)
    write = patch(before["id"], "name", "when", "privacy", mark="ours")
    [outcome] = provider.push(ANN, [write])
    after = world.sim.get_event(ANN, before["id"])
    for key in ("colorId", "guestsCanInviteOthers", "reminders"):
        assert after[key] == before[key]
    assert after["extendedProperties"] == {
        "private": {"theirs": "1", "odoo": "ours"},
        "shared": {"s": "2"},
    }
    assert outcome.event.etag == after["etag"]


# -------------------------------------------------------------------- busy and channels


def test_a_busy_answer_with_an_error_is_unknown_for_the_whole_range(world, provider):
    calendar = world.new_calendar(role="reader")
    busy = provider.busy([ANN, calendar, "gone@x"], NINE, NINE + timedelta(days=200))
    assert busy[ANN] == () and busy[calendar] == ()
    assert isinstance(busy["gone@x"], errors.NotFound)
    assert provider.request_count == 3


def test_a_missing_busy_answer_is_unknown():
    with pytest.raises(errors.Unavailable):
        module._busy_times(None)
    with pytest.raises(errors.Unavailable):
        module._busy_times({"errors": [{"reason": "internalError"}], "busy": []})


def test_an_address_that_google_does_not_take_is_polled(world, provider):
    with pytest.raises(errors.Unsupported):
        provider.watch(
            ANN, address="http://odoo.example/n", channel_id="one", secret="s"
        )


def test_a_channel_says_when_it_ends(world, provider):
    channel = provider.watch(
        ANN, address="https://odoo.example/n", channel_id="one", secret="s"
    )
    assert channel.resource_id
    assert NOW < channel.expires <= NOW + timedelta(days=8)
    [known] = world.sim.channels()
    provider.unwatch(channel)
    assert not [row for row in world.sim.channels() if row == known]


# ---------------------------------------------------------------------- order of writes


@pytest.mark.parametrize(
    "ids, expected",
    [
        ([], []),
        (["a", "b", "c"], [[0, 1, 2]]),
        (["a", "a", "a"], [[0], [1], [2]]),
        (["a", "a_20260303", "a_20260304", "b"], [[0, 3], [1, 2]]),
        (["a_20260303", "a", "a_20260303"], [[0], [1], [2]]),
        (["a_20260303T080000Z", "a_20260304T080000Z"], [[0, 1]]),
        (["a", "a_20260303", "b", "b_20260303", "a"], [[0, 2], [1, 3], [4]]),
    ],
)
def test_writes_of_one_event_or_series_go_one_after_another(ids, expected):
    writes = [Write(verb="delete", remote_id=remote_id) for remote_id in ids]
    assert module._steps(writes) == expected


# ----------------------------------------------------------------------------- nonsense

nonsense = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "items timeZone nextPageToken id busy calendars errors reason start"
                " attendees email self expiration accessRole ann@example.com".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


class Fixed:
    """A connection on which every answer is the same, once, and then an empty page."""

    def __init__(self, answer):
        self.answers = [answer]

    def request(self, uri, method="GET", body=None, headers=None, **_options):
        answer = self.answers.pop() if self.answers else {}
        response = httplib2.Response(
            {"status": 200, "content-type": "application/json"}
        )
        return response, json.dumps(answer).encode()


CALLS = {
    "identity": lambda provider: provider.identity(),
    "calendars": lambda provider: provider.calendars(),
    "changes": lambda provider: list(provider.changes(ANN, "", WINDOW)),
    "get": lambda provider: provider.get(ANN, ["event00001"]),
    "busy": lambda provider: provider.busy([ANN], NINE, NINE + timedelta(days=1)),
    "watch": lambda provider: provider.watch(
        ANN, address="https://x.example/", channel_id="c", secret="s"
    ),
    "create": lambda provider: provider.create_calendar("Odoo", "UTC"),
    "push": lambda provider: provider.push(ANN, [patch("event00001", "name")]),
    "answer": lambda provider: provider.push(
        ANN, [patch("event00001", response="accepted")]
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@given(answer=nonsense)
def test_no_answer_leads_to_an_error_that_nobody_foresaw(call, answer):
    app = Application(
        client_id="c",
        client_secret="s",
        api_url="http://127.0.0.1:1/",
        auth_url="",
        token_url="http://127.0.0.1:1/token",
        revoke_url="",
    )
    provider = GoogleProvider(app, Grant(access_token="x"), limiter=Limiter())
    provider._http = Fixed(answer)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(transport, "time", without_waiting(Clock()))
        try:
            call(provider)
        except errors.SyncError:
            pass


# ------------------------------------------------------- occurrences and their names


def guessed(verb, number, **more):
    """A write to an occurrence whose id we have worked out wrongly."""
    return Write(
        verb=verb,
        remote_id=f"nobody_2026030{number}T090000Z",
        master_id="event00001",
        original_start=at(number).start,
        **more,
    )


@pytest.fixture
def daily(provider):
    rule = ("RRULE:FREQ=DAILY;COUNT=3",)
    write = Write(
        verb="insert",
        remote_id="event00001",
        fields=Fields(name="Tea", when=at(0)),
        recurrence=rule,
    )
    [made] = provider.push(ANN, [write])
    assert made.error is None
    return made.event


def test_an_occurrence_of_an_unknown_id_is_found_by_its_place(provider, daily):
    fields = Fields(name="Cake", when=at(1))
    write = guessed("patch", 1, fields=fields, changed=frozenset({"name"}))
    [done] = provider.push(ANN, [write])
    assert done.error is None
    assert done.event.remote_id == instance_id(daily.remote_id, at(1).start)
    assert done.event.fields.name == "Cake"
    [done] = provider.push(ANN, [guessed("delete", 1)])
    assert done.error is None
    [done] = provider.push(ANN, [write])
    assert isinstance(done.error, errors.Gone)  # now it is, and Google says so


def test_an_unknown_place_is_no_deletion(provider, daily):
    fields = Fields(name="Cake", when=at(7))
    write = guessed("patch", 7, fields=fields, changed=frozenset({"name"}))
    [done] = provider.push(ANN, [write])
    assert isinstance(done.error, errors.Unavailable)
    [done] = provider.push(ANN, [guessed("delete", 7)])
    assert isinstance(done.error, errors.Unavailable)


def test_an_occurrence_of_no_series_is_gone(provider):
    [done] = provider.push(ANN, [guessed("delete", 1)])
    assert done.error is None
