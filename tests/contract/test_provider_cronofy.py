"""What the Cronofy provider does beside what all providers do, over the simulator."""

from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from calsync import errors, transport
from calsync.mapping_cronofy import cronofy_body
from calsync.providers import cronofy
from calsync.providers.cronofy import DAYS_AHEAD, CronofyProvider, hosts, secrets_of
from calsync.values import Grant, When, Window, Write
from simulators.cronofy import DEMO_SECRET
from simulators.cronofy.errors import grant_error
from tests.contract.worlds import (
    ALLDAY,
    ANN,
    NINE,
    NOW,
    TIMED,
    CronofyWorld,
    at,
    without_waiting,
)

WINDOW = Window(NOW - timedelta(days=30), NOW + timedelta(days=365))


@pytest.fixture(scope="module")
def running():
    with CronofyWorld.running():
        yield


@pytest.fixture
def world(running, monkeypatch):
    world = CronofyWorld()
    monkeypatch.setattr(transport, "time", without_waiting(world.clock))
    return world


@pytest.fixture
def sim(world):
    return world.sim


@pytest.fixture
def provider(world):
    provider = world.provider()
    yield provider
    provider.close()


def listed(provider, world, token=""):
    pages = list(provider.changes(world.calendar, token, WINDOW))
    events = {event.remote_id: event for page in pages for event in page.events}
    return events, pages[-1].token


def insert(world, fields=TIMED, **more):
    return Write(verb="insert", remote_id=world.new_id(), fields=fields, **more)


def outcome(provider, world, write):
    [done] = provider.push(world.calendar, [write])
    return done


# ------------------------------------------------------------------------------ consent


@pytest.mark.parametrize(
    ("data_center", "api", "app"),
    [
        ("de", "https://api-de.cronofy.com", "https://app-de.cronofy.com"),
        ("us", "https://api.cronofy.com", "https://app.cronofy.com"),
        ("", "https://api.cronofy.com", "https://app.cronofy.com"),
        ("UK", "https://api-uk.cronofy.com", "https://app-uk.cronofy.com"),
    ],
)
def test_hosts_of_a_data_center(data_center, api, app):
    assert hosts(data_center) == (api, app)


def test_no_host_for_a_data_center_that_is_none():
    with pytest.raises(errors.Misconfigured):
        hosts("de.evil.example/")


@pytest.mark.parametrize("mode", ["two_way", "availability"])
def test_the_request_for_consent(world, mode):
    asked = CronofyProvider.authorize(
        world.application,
        mode,
        redirect_uri="http://localhost/cb",
        state="s",
        hint="apple",
    )
    url = urlsplit(asked.url)
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert url.path == "/oauth/authorize" and not asked.verifier
    assert query["avoid_linking"] == "true", "else two people become one account"
    assert query["provider_name"] == "apple"
    assert set(query["scope"].split()) == set(CronofyProvider.scopes(mode))
    assert ("read_events" in query["scope"]) is (mode == "two_way")


@pytest.mark.parametrize(
    ("mode", "granted", "missing"),
    [
        ("availability", "read_free_busy list_calendars read_account", ()),
        ("availability", "free_busy_write list_calendars read_account", ()),
        ("availability", "read_only", ()),
        ("availability", "free_busy", ("list_calendars", "read_account")),
        ("two_way", "read_write create_calendar", ()),
        ("two_way", "read_write", ("create_calendar",)),
    ],
)
def test_presets_cover_what_they_are_made_of(mode, granted, missing):
    assert CronofyProvider.missing_scopes(mode, granted.split()) == missing


def test_the_smallest_scope_is_enough_for_availability(world):
    provider = world.provider("availability")
    assert provider.identity() == ANN
    assert [c.remote_id for c in provider.calendars()] == [world.calendar]
    world.put(TIMED)
    busy = provider.busy([world.calendar], NINE, NINE + timedelta(days=1))
    assert len(busy[world.calendar]) == 1
    with pytest.raises(errors.ScopeMissing):
        list(provider.changes(world.calendar, "", WINDOW))
    assert isinstance(
        outcome(provider, world, insert(world)).error, errors.ScopeMissing
    )


def test_a_wrong_secret_is_the_administrators_business(world):
    with pytest.raises(errors.Misconfigured):
        CronofyProvider.exchange(
            world.wrong_client(), code="c", verifier="", redirect_uri="http://x/"
        )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        # the application is wrong: nobody's connection ends for it
        ("invalid_client", errors.Misconfigured),
        ("unauthorized_client", errors.Misconfigured),
        ("invalid_request", errors.Misconfigured),
        # the permission is gone
        ("invalid_grant", errors.AuthExpired),
    ],
)
def test_what_a_400_of_the_token_endpoint_means(world, sim, error, kind):
    provider = world.provider()
    sim.expire_tokens()

    def refused(_request):
        raise grant_error(error)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sim.oauth, "check_client", lambda *_client: refused(None))
        with pytest.raises(kind):
            provider.identity()
        if kind is errors.Misconfigured:
            with pytest.raises(kind):
                CronofyProvider.revoke(world.application, provider.grant)


def test_an_unknown_client_is_refused_with_400(world, sim):
    """Also when it withdraws a permission, and the permission stays."""
    provider = world.provider()
    with pytest.raises(errors.Misconfigured):
        CronofyProvider.revoke(world.wrong_client(), provider.grant)
    assert "POST 400" in sim.counters() and "POST 401" not in sim.counters()
    assert provider.identity() == ANN


def test_a_good_token_that_is_refused_twice_is_no_end(world, sim, provider):
    sim.set_fault("401", {"path": "/v1/.*"}, times=2)
    with pytest.raises(errors.Unavailable):
        provider.calendars()
    assert provider.calendars()
    sim.set_fault("401", {"path": "/v1/batch$"}, times=2)
    assert isinstance(outcome(provider, world, insert(world)).error, errors.Unavailable)
    assert outcome(provider, world, insert(world)).error is None


def test_the_newest_refresh_token_is_kept(world, sim):
    provider = world.provider()
    sim.set_tokens(rotating=True)
    for _time in range(3):
        before = provider.grant.refresh_token
        sim.expire_tokens()
        assert provider.calendars()
        assert provider.grant.refresh_token != before


def test_token_answers_of_the_older_shape(world, sim):
    sim.set_tokens(old=True)
    code = sim.issue_code("ann", "read_account list_calendars", "http://localhost/cb")
    grant = CronofyProvider.exchange(
        world.application, code=code, verifier="", redirect_uri="http://localhost/cb"
    )
    assert grant.refresh_token and grant.subject == ""
    provider = CronofyProvider(
        world.application, grant, limiter=world.clock.limiter(), now=sim.clock.now
    )
    sim.expire_tokens()
    assert provider.identity() == ANN
    CronofyProvider.revoke(world.application, provider.grant)
    with pytest.raises(errors.AuthExpired):
        provider.calendars()


@pytest.mark.parametrize("erase", [False, True])
def test_who_leaves_is_erased_at_cronofy_where_they_want_it(world, sim, erase):
    provider = world.provider()
    CronofyProvider.revoke(world.application, provider.grant, erase=erase)
    [granted] = sim.dump()["authorizations"]
    assert (granted["revoked"], granted["erased"]) == (True, erase)


def test_while_a_secret_is_replaced_the_first_is_used(world):
    app = replace(world.application, client_secret=f"{DEMO_SECRET}, older")
    code = world.sim.issue_code("ann", "read_account", "http://localhost/cb")
    redirect = {"verifier": "", "redirect_uri": "http://localhost/cb"}
    grant = CronofyProvider.exchange(app, code=code, **redirect)
    CronofyProvider.revoke(app, grant)
    assert secrets_of(app) == [DEMO_SECRET, "older"]


def test_a_token_that_expired_is_refreshed_once_and_kept(world, sim, provider):
    before = provider.grant
    sim.expire_tokens()
    assert provider.identity() == ANN
    assert provider.grant.access_token != before.access_token
    assert provider.grant.refresh_token == before.refresh_token
    assert provider.grant.expiry > NOW and provider.grant.subject
    # before it expires it is refreshed without being refused first
    sim.clear_journal()
    sim.advance_clock(hours=2)
    provider.calendars()
    assert sim.counters().get("GET 401") is None


def test_revoking_one_grant_leaves_another_on_the_same_account(world, provider):
    other = world.provider()
    CronofyProvider.revoke(world.application, provider.grant)
    assert other.identity() == ANN
    with pytest.raises(errors.AuthExpired):
        provider.identity()


def test_revoking_by_account_where_no_token_is_left(world, provider):
    provider.identity()
    subject = requests.get(
        world.sim.url + "/v1/userinfo",
        headers={"Authorization": f"Bearer {provider.grant.access_token}"},
        timeout=5,
    ).json()["sub"]
    CronofyProvider.revoke(world.application, Grant(subject=subject))
    with pytest.raises(errors.AuthExpired):
        provider.calendars()
    CronofyProvider.revoke(world.application, Grant())


# ------------------------------------------------------ events that the person has made


@pytest.fixture
def theirs(sim):
    uid = sim.add_event("ann", None, "Theirs", "2026-03-03 09:00", "2026-03-03 10:00")
    return f"uid:{uid}"


def change(event, **values):
    return Write(
        verb="patch",
        remote_id=event.remote_id,
        etag=event.etag,
        fields=replace(event.fields, **values),
        changed=frozenset(values),
    )


def test_foreign_events_are_read_and_not_written(world, sim, provider, theirs):
    assert [calendar.restricted for calendar in provider.calendars()] == [True]
    events, _token = listed(provider, world)
    event = events[theirs]
    assert event.fields.name == "Theirs" and not event.writable
    assert provider.get(world.calendar, [event.remote_id]) == events
    for verb in ("patch", "delete"):
        write = Write(verb=verb, remote_id=event.remote_id, fields=TIMED)
        assert isinstance(outcome(provider, world, write).error, errors.Forbidden)
    assert sim.events("ann")[0]["summary"] == "Theirs"
    assert not sim.counters().get("POST 207"), "what is not allowed is not tried"


def test_foreign_events_are_written_where_their_person_allows_it(
    world, sim, provider, theirs
):
    sim.elevate("ann")
    assert [calendar.restricted for calendar in provider.calendars()] == [False]
    events, token = listed(provider, world)
    event = events[theirs]
    assert event.writable
    done = outcome(provider, world, change(event, name="Mine", location="Room 2"))
    assert done.error is None
    assert (done.event.fields.name, done.event.fields.location) == ("Mine", "Room 2")
    assert done.event.writable and done.event.remote_id == theirs
    [there] = sim.events("ann")
    assert there["summary"] == "Mine" and "event_id" not in there
    # it is seen once more as it is known, or not at all
    events, _token = listed(provider, world, token)
    assert [event.etag for event in events.values()] in ([done.event.etag], [])
    gone = Write(verb="delete", remote_id=theirs, etag=done.event.etag)
    assert outcome(provider, world, gone).error is None
    assert sim.events("ann") == [] and sim.outbox() == []


def test_what_an_own_and_a_foreign_write_have_in_common_is_one_batch(
    world, sim, provider, theirs
):
    sim.elevate("ann")
    events, _token = listed(provider, world)
    sim.clear_journal()
    done = provider.push(
        world.calendar, [insert(world, key=1), change(events[theirs], name="Mine")]
    )
    assert [outcome.error for outcome in done] == [None, None]
    assert sim.counters()["POST 207"] == 1


def test_a_permission_that_comes_or_goes_is_a_new_version(world, sim, theirs):
    seen = []
    for turn in (sim.elevate, sim.restrict, sim.elevate):
        turn("ann")
        events, _token = listed(world.provider(), world)
        seen.append((events[theirs].writable, events[theirs].etag))
    assert [writable for writable, _etag in seen] == [True, False, True]
    assert seen[0] == seen[2] and seen[0][1] != seen[1][1]


@pytest.mark.parametrize(
    "more",
    [
        # the calendar does not allow it
        {"editable": False},
        # they would get a mail
        {"attendees": [{"email": "bob@example.com", "status": "accepted"}]},
        {"organizer": {"email": "unknownorganizer@calendar.google.com"}},
        {"attendees": [{"email": ANN}], "organizer": {"email": "bob@example.com"}},
    ],
)
def test_foreign_events_that_stay_as_they_are(world, sim, provider, more):
    sim.elevate("ann")
    uid = sim.add_event(
        "ann", None, "x", "2026-03-03 09:00", "2026-03-03 10:00", **more
    )
    events, _token = listed(provider, world)
    assert not events[f"uid:{uid}"].writable


def test_occurrences_of_a_foreign_series_stay_as_they_are(world, sim, provider):
    sim.elevate("ann")
    sim.add_series("ann", None, "Jour", "2026-03-03 09:00", "2026-03-03 10:00", 7, 3)
    events, _token = listed(provider, world)
    assert not any(event.writable for event in events.values())


def test_a_foreign_event_that_somebody_else_changed_is_a_conflict(
    world, sim, provider, theirs
):
    sim.elevate("ann")
    events, _token = listed(provider, world)
    sim.change_event(theirs.removeprefix("uid:"), summary="By hand")
    write = change(events[theirs], name="Mine")
    assert isinstance(outcome(provider, world, write).error, errors.Conflict)
    sim.delete_event(theirs.removeprefix("uid:"))
    assert isinstance(outcome(provider, world, write).error, errors.Gone)


def test_a_right_that_was_taken_back_meanwhile_concerns_the_event_alone(
    world, sim, provider, theirs
):
    sim.elevate("ann")
    events, _token = listed(provider, world)
    sim.restrict("ann")  # (the provider has asked before)
    first, second = provider.push(
        world.calendar, [change(events[theirs], name="Mine"), insert(world, key=2)]
    )
    assert isinstance(first.error, errors.Forbidden) and second.error is None
    assert sim.events("ann")[0]["summary"] == "Theirs"


def test_what_the_service_means_by_more_than_busy_survives_a_change(
    world, sim, provider
):
    """Nothing is said of what was not changed, where saying it would lose."""
    sim.elevate("ann")
    uid = sim.add_event("ann", None, "x", "2026-03-03 09:00", "2026-03-03 10:00")
    text = "word " * 1200
    sim.plant_event(uid, {"description": text})
    events, _token = listed(provider, world)
    body = cronofy_body(change(events[f"uid:{uid}"], name="y"))
    assert "description" not in body and "transparency" not in body
    assert body["event_uid"] == uid and "event_id" not in body
    body = cronofy_body(
        change(events[f"uid:{uid}"], description="short", show_as="free")
    )
    assert (body["description"], body["transparency"]) == ("short", "transparent")


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_the_page_where_the_person_allows_it(world, sim, provider, decision):
    url = provider.permissions_url([world.calendar], redirect_uri="http://localhost/p")
    answer = requests.post(url, data={"do": decision}, allow_redirects=False, timeout=5)
    assert answer.headers["Location"] == "http://localhost/p"
    [calendar] = provider.calendars()
    assert calendar.restricted is (decision == "deny")


def test_the_page_is_a_matter_of_the_plan(world, sim, provider):
    sim.set_plan(["permissions"])
    with pytest.raises(errors.PlanLimit):
        provider.permissions_url([world.calendar], redirect_uri="http://localhost/p")


# ------------------------------------------------------------------------------ reading


def test_a_series_arrives_as_single_events_of_one_series(world, sim, provider):
    sim.add_series("ann", None, "Jour", "2026-03-03 09:00", "2026-03-03 10:00", 7, 4)
    events, _token = listed(provider, world)
    assert len(events) == 4
    assert len({event.series_id for event in events.values()}) == 1
    assert not any(e.master_id or e.recurrence for e in events.values())
    assert not provider.series
    # over the change of the clocks it stays at nine in Berlin
    starts = sorted(event.fields.when.start.hour for event in events.values())
    assert starts == [8, 8, 8, 8]


def test_what_is_out_of_cronofys_reach_comes_when_it_is_in_it(world, sim, provider):
    sim.add_event("ann", None, "Far", "2026-09-25", "2026-09-26")
    events, token = listed(provider, world)
    assert events == {}
    sim.advance_clock(days=10)
    events, token = listed(provider, world, token)
    assert [event.fields.name for event in events.values()] == ["Far"]
    events, _token = listed(provider, world, token)
    assert events == {}


def test_what_moves_out_of_the_window_is_told(world, sim, provider):
    uid = sim.add_event("ann", None, "Moves", "2026-03-03 09:00", "2026-03-03 10:00")
    _events, token = listed(provider, world)
    sim.change_event(uid, start="2027-03-03 09:00", end="2027-03-03 10:00")
    events, _token = listed(provider, world, token)
    assert events[f"uid:{uid}"].fields.when.start.year == 2027


def test_a_change_that_cronofy_stamps_late_is_not_lost(world, sim, provider):
    """``updated`` may be older than the listing that should have had it."""
    _events, token = listed(provider, world)
    uid = sim.add_event("ann", None, "Late", "2026-03-03 09:00", "2026-03-03 10:00")
    sim.store.event(uid)[1].updated -= timedelta(minutes=8)
    events, token = listed(provider, world, token)
    assert set(events) == {f"uid:{uid}"}
    assert listed(provider, world, token)[0] == {}


def test_two_changes_within_one_second_are_both_told(world, sim, provider):
    sim.set_clock(NOW.isoformat(), frozen=True)
    uid = sim.add_event("ann", None, "One", "2026-03-03 09:00", "2026-03-03 10:00")
    _events, token = listed(provider, world)
    sim.change_event(uid, summary="Two")
    events, _token = listed(provider, world, token)
    assert [event.fields.name for event in events.values()] == ["Two"]


def test_many_changes_are_told_once_more_rather_than_remembered(
    world, sim, provider, monkeypatch
):
    monkeypatch.setattr(cronofy, "REMEMBERED", 3)
    for day in range(1, 6):
        sim.add_event("ann", None, "x", f"2026-03-0{day}", f"2026-03-0{day + 1}")
    _events, token = listed(provider, world)
    assert len(token) < 100
    assert len(listed(provider, world, token)[0]) == 5


def test_what_cronofy_has_not_read_yet_comes_later(world, sim, provider):
    """However long ago it was changed."""
    sim.add_event("ann", None, "Old", "2026-03-03 09:00", "2026-03-03 10:00")
    sim.set_initial_sync("ann")
    sim.advance_clock(hours=1)
    events, token = listed(provider, world)
    assert events == {} and token
    sim.set_initial_sync("ann", False)
    later = world.provider()
    with pytest.raises(errors.TokenInvalid):
        list(later.changes(world.calendar, token, WINDOW))
    events, token = listed(later, world)
    assert [event.fields.name for event in events.values()] == ["Old"]
    assert listed(later, world, token)[0] == {}


def test_an_old_token_asks_for_a_new_listing(world, sim, provider):
    _events, token = listed(provider, world)
    sim.advance_clock(days=30)
    with pytest.raises(errors.TokenInvalid):
        list(provider.changes(world.calendar, token, WINDOW))


def test_no_token_goes_to_another_host(world, sim, provider):
    def elsewhere(page):
        response = type(sim.api)._page(sim.api, page)
        response.data["pages"]["next_page"] = "http://evil.example/v1/events/pages/1"
        return response

    sim.api._page = elsewhere
    try:
        with pytest.raises(errors.Misconfigured):
            list(provider.changes(world.calendar, "", WINDOW))
    finally:
        del sim.api._page


def test_pages_that_go_round_in_a_circle_end(world, sim, provider):
    for day in (3, 4):
        sim.add_event("ann", None, "x", f"2026-03-0{day}", f"2026-03-0{day + 1}")
    sim.set_page_size(1)

    def again(page):
        response = type(sim.api)._page(sim.api, page)
        key = next(iter(sim.api.pages))
        sim.api.pages[key].items *= 2
        response.data["pages"]["next_page"] = f"{sim.url}/v1/events/pages/{key}"
        return response

    sim.api._page = again
    try:
        with pytest.raises(errors.Unavailable):
            list(provider.changes(world.calendar, "", WINDOW))
    finally:
        del sim.api._page


def test_a_page_that_is_gone_is_no_calendar_that_is_gone(world, sim, provider):
    for day in (3, 4):
        sim.add_event("ann", None, "x", f"2026-03-0{day}", f"2026-03-0{day + 1}")
    sim.set_page_size(1)
    pages = provider.changes(world.calendar, "", WINDOW)
    next(pages)
    sim.forget_pages()
    with pytest.raises(errors.Unavailable):
        next(pages)
    assert len(listed(provider, world)[0]) == 2, "from the beginning"


def test_what_may_be_missing_and_what_is_a_text(world, sim, provider):
    uid = sim.add_event(
        "ann",
        None,
        "Lunch",
        "2026-03-03 09:00",
        "2026-03-03 10:00",
        location="Canteen",
        geo=("52.5200", "13.4050"),
    )
    bare = sim.add_event("ann", None, "Bare", "2026-03-04", "2026-03-05")
    shown = {"location": {"lat": "52.5200", "long": "13.4050", "description": "Here"}}
    sim.plant_event(uid, shown | {"conferencing": None, "organizer": None})
    events, _token = listed(provider, world)
    assert events[f"uid:{uid}"].fields.location == "Here"
    event = events[f"uid:{bare}"]
    assert event.fields.when.start == date(2026, 3, 4), (
        "a day also with localized_times"
    )
    assert (event.attendees, event.organizer, event.fields.location) == ((), None, "")


def test_an_application_calendar_is_read_and_written(world, sim):
    tokens = requests.post(
        f"{sim.url}/v1/application_calendars",
        json={
            "client_id": world.application.client_id,
            "client_secret": world.application.client_secret,
            "application_calendar_id": "rooms",
        },
        timeout=5,
    ).json()
    grant = Grant(
        access_token=tokens["access_token"], refresh_token=tokens["refresh_token"]
    )
    provider = CronofyProvider(
        world.application,
        grant,
        limiter=world.clock.limiter(),
        now=sim.clock.now,
        sleep=world.clock.sleep,
    )
    assert provider.identity() == tokens["sub"]
    [calendar] = provider.calendars()
    assert calendar.access_role == "owner"
    [done] = provider.push(calendar.remote_id, [insert(world)])
    assert done.error is None
    busy = provider.busy([calendar.remote_id], NINE, NINE + timedelta(days=1))
    assert len(busy[calendar.remote_id]) == 1


@pytest.mark.parametrize("fault", ["garbage", "truncate"])
def test_an_answer_that_cannot_be_read_is_unavailable(world, sim, provider, fault):
    sim.set_fault(fault, {"path": "/v1/events$"}, times=5)
    with pytest.raises(errors.Unavailable):
        listed(provider, world)


# ------------------------------------------------------------------------------ writing


def test_a_write_is_reported_once_the_calendar_shows_it(world, sim, provider):
    provider._sleep = lambda seconds: sim.advance_clock(seconds)
    sim.set_write_delay(1.2)
    write = insert(world)
    done = outcome(provider, world, write)
    assert done.event.fields.name == "Planning"
    again = replace(write, verb="patch", etag=done.event.etag)
    again = replace(again, fields=replace(TIMED, name="New"), changed={"name"})
    changed = outcome(provider, world, again)
    assert changed.event.fields.name == "New"
    assert outcome(provider, world, replace(write, verb="delete")).error is None
    assert sim.events("ann") == []


def test_a_write_that_never_arrives_is_not_reported_as_done(world, sim, provider):
    lost, fine = insert(world, key=1), insert(world, key=2)
    sim.fail_writes(1)
    first, second = provider.push(world.calendar, [lost, fine])
    assert isinstance(first.error, errors.Unconfirmed)
    assert isinstance(first.error, errors.AnswerLost)
    assert second.event
    assert sum(world.clock.slept) < 10
    assert outcome(provider, world, lost).event, "again, and it is one event"
    assert len(sim.events("ann")) == 2


def test_a_deletion_that_never_arrives_is_not_reported_as_done(world, sim, provider):
    remote_id = world.put(TIMED)
    sim.fail_writes(1)
    done = outcome(provider, world, Write(verb="delete", remote_id=remote_id))
    assert isinstance(done.error, errors.Unconfirmed)


def test_writing_the_same_again_is_done_though_nothing_changes(world, sim, provider):
    write = insert(world)
    outcome(provider, world, write)
    sim.advance_clock(days=1)
    patch = replace(write, verb="patch", changed=frozenset({"description"}))
    done = outcome(provider, world, patch)
    assert done.event.fields.name == "Planning"


def test_an_edit_between_the_listing_and_the_write_is_a_conflict(world, sim, provider):
    remote_id = world.put(TIMED)
    events, _token = listed(provider, world)
    world.edit(remote_id, replace(TIMED, name="By hand"), "name")
    write = Write(
        verb="patch",
        remote_id=remote_id,
        fields=replace(TIMED, location="Elsewhere"),
        changed=frozenset({"location"}),
        etag=events[remote_id].etag,
    )
    assert isinstance(outcome(provider, world, write).error, errors.Conflict)
    world.remove(remote_id)
    assert isinstance(outcome(provider, world, write).error, errors.Gone)
    assert not sim.events("ann")


def test_an_insert_of_an_earlier_life_is_found(world, provider):
    """Written before a crash, changed by hand since: not to be overwritten."""
    write = insert(world)
    outcome(provider, world, write)
    world.edit(write.remote_id, replace(TIMED, name="By hand"), "name")
    later = world.provider()
    assert isinstance(outcome(later, world, write).error, errors.Duplicate)


def test_an_event_that_was_deleted_can_be_written_anew(world, provider):
    remote_id = world.put(TIMED)
    world.remove(remote_id)
    write = Write(verb="insert", remote_id=remote_id, fields=TIMED)
    assert outcome(provider, world, write).event.remote_id == remote_id


def test_an_event_without_a_title_goes_out_and_comes_back_without(world, sim, provider):
    write = insert(world, replace(TIMED, name=""))
    done = outcome(provider, world, write)
    assert done.error is None and done.event.fields.name == ""
    assert sim.events("ann")[0]["summary"] == "(No title)"
    sim.change_event(write.remote_id, summary="Found")
    events, _token = listed(provider, world)
    assert events[write.remote_id].fields.name == "Found"


def test_a_refused_event_says_why_and_stops_nobody(world, sim, provider):
    bad = insert(world, replace(TIMED, when=When(NINE, NINE - timedelta(hours=1))))
    good = insert(world)
    refused, done = provider.push(world.calendar, [bad, good])
    assert isinstance(refused.error, errors.Rejected)
    assert "must not be before start" in str(refused.error)
    assert refused.error.reason == "errors.invalid"
    assert done.event


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("401", errors.TokenRefused),
        ("402", errors.PlanLimit),
        ("403", errors.ScopeMissing),
        ("404", errors.NotFound),
        ("422", errors.Rejected),
        ("423", errors.AuthExpired),
        ("429", errors.RateLimited),
        ("500", errors.AnswerLost),
    ],
)
def test_what_the_statuses_of_a_batch_mean(world, sim, provider, status, kind):
    sim.set_fault(status, {"method": "POST", "path": "/calendars/.*/events$"})
    done = outcome(provider, world, insert(world))
    assert isinstance(done.error, kind) and str(done.error)


def test_a_disconnected_profile_asks_to_connect_again(world, sim, provider):
    sim.disconnect_profile("ann")
    done = outcome(provider, world, insert(world))
    assert isinstance(done.error, errors.AuthExpired)
    assert "connect it again" in str(done.error)


def test_what_cronofy_cannot_hold_is_refused_here(world, provider):
    series = insert(world, recurrence=("RRULE:FREQ=DAILY",))
    assert isinstance(outcome(provider, world, series).error, errors.Unsupported)


def test_nobody_is_invited(world, sim, provider):
    outcome(provider, world, insert(world))
    assert sim.outbox() == [] and "attendees" not in sim.events("ann")[0]


def test_the_event_keeps_its_zone(world, provider):
    done = outcome(provider, world, insert(world))
    assert done.event.fields.when.tz == "Europe/Berlin"


# ------------------------------------------------------------------- calendars and busy


def test_creating_a_calendar_twice_takes_over_the_first(world, provider):
    one = provider.create_calendar("Odoo", "Europe/Berlin")
    assert provider.create_calendar("Odoo", "Europe/Berlin") == one


@pytest.mark.parametrize(
    ("mode", "role"),
    [
        ("read_write", "owner"),
        ("free_busy", "freeBusyReader"),
        ("no_access", "freeBusyReader"),
    ],
)
def test_the_access_mode_decides_the_role(world, sim, provider, mode, role):
    sim.set_mode("ann", mode)
    [calendar] = provider.calendars()
    assert calendar.access_role == role
    if mode != "read_write":
        with pytest.raises(errors.Forbidden):
            provider.create_calendar("Odoo", "Europe/Berlin")


def busy(provider, world, days=7):
    answer = provider.busy([world.calendar], NINE, NINE + timedelta(days=days))
    return answer[world.calendar]


def test_busy_times_in_the_persons_own_zone(world, sim, provider):
    sim.add_event("ann", None, "Off", "2026-03-05", "2026-03-06")
    [(start, stop)] = busy(provider, world)
    assert (start, stop) == (
        at(2).start.replace(hour=23) - timedelta(days=1),
        at(2).start.replace(hour=23),
    )


def test_how_far_busy_times_are_told(world, provider):
    until, beyond = provider.busy_until()
    assert until - NINE > timedelta(days=198)
    assert provider.busy([world.calendar], NINE, until)[world.calendar] == ()
    later = until + timedelta(seconds=1)
    answer = provider.busy([world.calendar], NINE, later)[world.calendar]
    assert isinstance(answer, errors.Unsupported)
    assert str(answer) == str(beyond)
    assert str(DAYS_AHEAD) in str(beyond)


def test_our_own_events_and_doubtful_ones_are_busy(world, sim, provider):
    world.put(TIMED)
    world.put(ALLDAY)  # free
    for number, more in enumerate(
        [
            {"status": "tentative"},
            {"transparency": "unknown"},
            {"extended_transparency": "out_of_office"},
            {"extended_transparency": "working_elsewhere"},
            {"participation_status": "declined"},
        ]
    ):
        day = date(2026, 3, 4) + timedelta(days=number)
        sim.add_event("ann", None, "x", f"{day} 09:00", f"{day} 10:00", **more)
    starts = [start for start, _stop in busy(provider, world)]
    assert starts == [at(0).start, at(1).start, at(2).start, at(3).start]


def test_connected_and_not_read_yet_at_once(world, sim, provider):
    """Both words of a profile may hold."""
    sim.set_initial_sync("ann")
    [profile] = provider._profiles(provider._info())
    assert profile["profile_connected"] and profile["profile_initial_sync_required"]
    assert isinstance(busy(provider, world), errors.Unavailable)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda sim: sim.disconnect_profile("ann"), errors.AuthExpired),
        (lambda sim: sim.set_initial_sync("ann"), errors.Unavailable),
        (lambda sim: sim.set_mode("ann", "no_access"), errors.Unsupported),
    ],
)
def test_stale_knowledge_is_no_knowledge(world, sim, provider, change, kind):
    change(sim)
    assert isinstance(busy(provider, world), kind)


def test_beyond_cronofys_reach_nothing_is_known(world, provider):
    assert isinstance(busy(provider, world, 300), errors.Unsupported)
    assert busy(provider, world, 180) == ()


def test_one_request_for_all_calendars_and_pages(world, sim, provider):
    second = sim.add_calendar("ann", "Second")
    sim.add_event("ann", "Second", "x", "2026-03-04 09:00", "2026-03-04 10:00")
    for day in range(3, 8):
        sim.add_event("ann", None, "x", f"2026-03-0{day}", f"2026-03-0{day + 1}")
    sim.set_page_size(2)
    start, stop = NINE, NINE + timedelta(days=7)
    answer = provider.busy([world.calendar, second], start, stop)
    assert len(answer[world.calendar]) == 1, "merged, and cut at the window's start"
    assert answer[world.calendar][0].start == NINE
    assert len(answer[second]) == 1
    assert len(sim.journal(path="free_busy$")) == 1


def test_a_period_that_cannot_be_read_makes_nothing_known(world, sim, provider):
    world.put(TIMED)
    original = sim.api._first

    def spoilt(granted, kind, items, base):
        items = [item | {"start": "soon"} for item in items]
        return original(granted, kind, items, base)

    sim.api._first = spoilt
    try:
        assert isinstance(busy(provider, world), errors.Unavailable)
    finally:
        del sim.api._first


# ---------------------------------------------------------- notifications, conferencing


def test_channels_are_made_listed_and_closed(world, sim, provider):
    address = "https://odoo.example/calendar_sync/notify/cronofy/t0ken"
    channel = provider.watch(
        world.calendar, address=address, channel_id="ours", secret="s"
    )
    assert provider.channels() == [channel]
    assert sim.dump()["channels"][0]["filters"]["calendar_ids"] == [world.calendar]
    provider.unwatch(channel)
    assert provider.channels() == []


def test_a_channel_that_cannot_be_had_is_polled(world, sim, provider):
    def watch(address="https://odoo.example/n"):
        provider.watch(world.calendar, address=address, channel_id="c", secret="s")

    with pytest.raises(errors.Unsupported):
        watch("https://odoo.example/" + "x" * 120)
    sim.set_plan(["push"])
    with pytest.raises(errors.Unsupported):
        watch()


def test_conferencing_is_connected_and_asked_for(world, sim, provider):
    url = provider.conferencing_url(
        redirect_uri="http://localhost/cb", provider_name="zoom"
    )
    requests.post(
        url,
        data={"provider_name": "zoom", "do": "allow"},
        allow_redirects=False,
        timeout=5,
    ).raise_for_status()
    [(profile_id, name)] = provider.conferencing_profiles().items()
    assert name == "zoom"
    done = outcome(provider, world, insert(world, video=profile_id))
    assert done.event.video.startswith("https://zoom.example/")
    # a later change of the event leaves the conference alone
    patch = Write(
        verb="patch",
        remote_id=done.event.remote_id,
        fields=replace(TIMED, name="Moved"),
        changed=frozenset({"name"}),
        etag=done.event.etag,
    )
    assert outcome(provider, world, patch).event.video == done.event.video


def test_a_conference_is_waited_for(world, sim, provider):
    profile_id = sim.connect_conferencing("ann")
    write = insert(world)
    outcome(provider, world, write)
    provider._sleep = lambda seconds: sim.advance_clock(seconds)
    sim.set_write_delay(1.2)
    patch = replace(write, verb="patch", video=profile_id)
    assert outcome(provider, world, patch).event.video


# ------------------------------------------------------------------------------- limits


def test_a_limiter_keeps_both_limits(world):
    clock = world.clock
    limiter = cronofy.CronofyLimiter(clock=clock.monotonic, sleep=clock.sleep)
    for _ in range(50):
        limiter.wait()
    assert clock.now == 0
    limiter.wait()
    assert clock.now >= 1
    for _ in range(449):
        limiter.wait()
    with pytest.raises(errors.RateLimited):
        limiter.wait()


def test_being_limited_slows_everybody_down(world, sim):
    limiter = world.clock.limiter()
    ann = CronofyProvider(world.application, world.grant(), limiter=limiter)
    sim.set_fault("429", retry_after=3, times=1)
    assert ann.identity() == ANN
    assert world.clock.slept == [3]
