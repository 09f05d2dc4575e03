"""What the engine may expect of any provider: one suite, run against each of them.

The worlds that the tests run in, and how to add one, are in ``worlds.py``.
"""

from contextlib import ExitStack
from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import urlencode

import pytest

from calsync import errors, transport
from calsync.mapping import normal
from calsync.plan import kept
from calsync.values import Channel, Fields, When, Window, Write
from tests.contract.worlds import (
    ALLDAY,
    ANN,
    BERLIN,
    CALLBACK,
    NINE,
    NOW,
    TIMED,
    WEEKLY,
    WORLDS,
    at,
    occurrence,
    without_waiting,
)

WINDOW = Window(NOW - timedelta(days=30), NOW + timedelta(days=365))


@pytest.fixture(scope="session", params=WORLDS, ids=lambda world: world.name)
def make_world(request):
    """Makes fresh worlds of one provider; a simulator of its own starts once."""
    with ExitStack() as stack:
        if hasattr(request.param, "running"):
            stack.enter_context(request.param.running())
        yield request.param


@pytest.fixture
def world(make_world, request, monkeypatch):
    marker = request.node.get_closest_marker("needs")
    for feature in marker.args if marker else ():
        if feature not in make_world.features:
            pytest.skip(f"{make_world.name} does not have: {feature}")
    world = make_world()
    monkeypatch.setattr(transport, "time", without_waiting(world.clock))
    return world


@pytest.fixture
def provider(world):
    provider = world.provider()
    yield provider
    provider.close()


def everything(provider, world, token="", calendar=None):
    """The events of all pages by id, and the token for the next time."""
    pages = list(provider.changes(calendar or world.calendar, token, WINDOW))
    assert [bool(page.token) for page in pages] == [False] * (len(pages) - 1) + [True]
    events = {event.remote_id: event for page in pages for event in page.events}
    return events, pages[-1].token


def insert(world, fields=TIMED, **more):
    return Write(verb="insert", remote_id=world.new_id(), fields=fields, **more)


def patch(remote_id, fields, *names, **more):
    return Write(
        verb="patch",
        remote_id=remote_id,
        fields=fields,
        changed=frozenset(names),
        **more,
    )


def delete(remote_id, **more):
    return Write(verb="delete", remote_id=remote_id, **more)


def do(provider, world, write, calendar=None):
    """The event that one write leads to; raises its error."""
    [outcome] = provider.push(calendar or world.calendar, [write])
    assert outcome.key == write.key
    if outcome.error:
        raise outcome.error
    return outcome.event


# ------------------------------------------------------------------------------ reading


def test_a_listing_has_everything_and_a_token(world, provider):
    one, two = world.put(TIMED), world.put(ALLDAY)
    pages = list(provider.changes(world.calendar, "", WINDOW))
    assert all(page.full for page in pages)
    assert pages[-1].timezone == BERLIN
    events = {event.remote_id: event for page in pages for event in page.events}
    assert normal(events[one].fields) == world.kept(TIMED)
    assert events[one].fields.when.tz == BERLIN
    assert normal(events[two].fields) == world.kept(ALLDAY)
    assert events[one].organized_by_self and events[one].writable
    assert bool(events[one].ical_uid) is ("uids" in world.features)


def test_nothing_changed_is_one_page_without_events(world, provider):
    world.put(TIMED)
    _, token = everything(provider, world)
    before = provider.request_count
    [page] = provider.changes(world.calendar, token, WINDOW)
    assert not page.events and page.token and not page.full
    assert provider.request_count == before + 1


@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_of_any_size_have_the_same_events(world, provider, size):
    ids = {world.put(replace(TIMED, name=str(n), when=at(n))) for n in range(5)}
    world.set_page_size(size)
    events, _ = everything(provider, world)
    assert set(events) == ids


def test_a_delta_has_what_was_made_changed_and_deleted(world, provider):
    kept, changed, deleted = (world.put(replace(TIMED, name=n)) for n in "abc")
    _, token = everything(provider, world)
    made = world.put(ALLDAY)
    world.edit(changed, replace(TIMED, name="b2", when=at(1)), "name", "when")
    world.remove(deleted)
    events, next_token = everything(provider, world, token)
    assert set(events) == {made, changed, deleted}
    assert (events[changed].fields.name, events[changed].fields.when) == ("b2", at(1))
    assert events[deleted].cancelled
    assert everything(provider, world, token)[0].keys() == events.keys()
    assert everything(provider, world, next_token)[0] == {}
    assert kept not in events


def test_what_changes_while_pages_are_read_comes_with_the_next_token(world, provider):
    ids = [world.put(replace(TIMED, name=str(n))) for n in range(4)]
    world.set_page_size(1)
    pages = provider.changes(world.calendar, "", WINDOW)
    next(pages)
    for remote_id in ids:
        world.edit(remote_id, replace(TIMED, name="late"), "name")
    token = list(pages)[-1].token
    events, _ = everything(provider, world, token)
    assert {event.fields.name for event in events.values()} == {"late"}
    assert set(events) == set(ids)


@pytest.mark.needs("lists")
def test_a_listing_leaves_out_what_ended_before_the_window(world, provider):
    world.put(replace(TIMED, when=at(-40)))
    inside = world.put(replace(TIMED, when=at(-20)))
    assert set(everything(provider, world)[0]) == {inside}


@pytest.mark.needs("tokens")
def test_a_dead_token_asks_for_a_new_listing(world, provider):
    world.put(TIMED)
    _, token = everything(provider, world)
    world.expire_tokens()
    with pytest.raises(errors.TokenInvalid):
        list(provider.changes(world.calendar, token, WINDOW))
    assert len(everything(provider, world)[0]) == 1


def test_a_strange_token_asks_for_a_new_listing(world, provider):
    with pytest.raises(errors.TokenInvalid):
        list(provider.changes(world.calendar, "strange", WINDOW))


@pytest.mark.needs("tokens")
def test_a_token_may_die_between_two_pages(world, provider):
    for n in range(3):
        world.put(replace(TIMED, name=str(n)))
    _, token = everything(provider, world)
    for n in range(3):
        world.put(replace(TIMED, name=str(n)))
    world.set_page_size(1)
    pages = provider.changes(world.calendar, token, WINDOW)
    next(pages)
    world.expire_tokens()
    with pytest.raises(errors.TokenInvalid):
        list(pages)


def test_an_unreadable_event_does_not_hide_the_others(world, provider):
    bad, good = world.put(TIMED), world.put(ALLDAY)
    world.spoil(bad)
    events, _ = everything(provider, world)
    assert "no start" in events[bad].problem
    assert not events[good].problem and events[good].fields.name == "Fair"


def test_a_calendar_that_is_not_there_is_not_found(world, provider):
    with pytest.raises(errors.NotFound):
        list(provider.changes("nobody@example.com", "", WINDOW))
    found = provider.get("nobody@example.com", ["event0"])
    assert isinstance(found["event0"], errors.NotFound)
    for write in (insert(world), patch("event0", TIMED, "name"), delete("event0")):
        with pytest.raises(errors.NotFound):
            do(provider, world, write, "nobody@example.com")


def test_single_events_can_be_asked_for(world, provider):
    there, deleted = world.put(TIMED), world.put(TIMED)
    world.remove(deleted)
    found = provider.get(world.calendar, [there, deleted, "never0there", there])
    assert found[there].fields.name == "Planning"
    assert isinstance(found[deleted], errors.Gone) or found[deleted].cancelled
    if "absence" in world.features:
        assert isinstance(found["never0there"], errors.Gone)
    else:
        assert isinstance(found["never0there"], errors.NotFound)


@pytest.mark.needs("series")
def test_a_series_is_its_master_and_its_exceptions(world, provider):
    master = world.put(TIMED, recurrence=WEEKLY)
    moved, cancelled = occurrence(master, 7), occurrence(master, 14)
    world.edit(moved, replace(TIMED, when=at(8)), "when")
    world.remove(cancelled)
    world.set_page_size(3)
    [page] = provider.changes(world.calendar, "", WINDOW)
    assert page.events[0].remote_id == master
    events = {event.remote_id: event for event in page.events}
    assert set(events) == {master, moved, cancelled}
    assert events[master].recurrence == WEEKLY
    assert events[moved].master_id == events[cancelled].master_id == master
    assert events[moved].original_start == at(7).start
    assert events[moved].fields.when == at(8)
    assert events[cancelled].cancelled
    assert events[cancelled].original_start == at(14).start


@pytest.mark.needs("series")
def test_an_old_series_that_goes_on_is_listed(world, provider):
    goes_on = world.put(replace(TIMED, when=at(-49)), recurrence=WEEKLY)
    world.put(replace(TIMED, when=at(-91)), recurrence=WEEKLY)
    assert set(everything(provider, world)[0]) == {goes_on}


@pytest.mark.needs("series")
def test_deleting_a_series_cancels_its_master(world, provider):
    master = world.put(TIMED, recurrence=WEEKLY)
    _, token = everything(provider, world)
    world.remove(master)
    assert everything(provider, world, token)[0][master].cancelled


# ------------------------------------------------------------------------------ writing


@pytest.mark.parametrize(
    "fields",
    [
        TIMED,
        ALLDAY,
        Fields(when=TIMED.when),
        replace(TIMED, privacy="private", show_as="free"),
        replace(TIMED, description="<p>One</p><p>Two <strong>three</strong></p>"),
        replace(TIMED, name="Grüße <& \"'", location="Straße 5, 東京"),
        replace(TIMED, when=When(*[at(0).start, at(0).stop])),
        replace(ALLDAY, when=When(date(2026, 3, 28), date(2026, 3, 31))),
    ],
    ids="timed allday empty private html text zoneless spring".split(),
)
def test_a_round_trip_changes_nothing(world, provider, fields):
    write = insert(world, fields, key=("mine", 1), mark="mark")
    event = do(provider, world, write)
    assert event.remote_id == write.remote_id
    assert normal(event.fields) == world.kept(fields)
    assert event.mark == world.mark_of(write)
    listed, _ = everything(provider, world)
    assert listed == {write.remote_id: event}
    assert provider.get(world.calendar, [write.remote_id]) == listed
    assert not world.mails()


@pytest.mark.needs("duplicates")
def test_an_id_is_taken_once_and_for_all(world, provider):
    write = insert(world)
    do(provider, world, write)
    with pytest.raises(errors.Duplicate):
        do(provider, world, write)
    do(provider, world, delete(write.remote_id))
    with pytest.raises(errors.Duplicate):
        do(provider, world, write)


@pytest.mark.needs("patches")
def test_a_patch_leaves_alone_what_it_does_not_name(world, provider):
    remote_id = world.put(TIMED)
    world.edit(remote_id, replace(TIMED, location="Room 2"), "location")
    event = do(provider, world, patch(remote_id, replace(TIMED, name="New"), "name"))
    assert (event.fields.name, event.fields.location) == ("New", "Room 2")
    assert normal(event.fields).description == normal(TIMED).description
    assert not world.mails()


@pytest.mark.parametrize("name", ["name", "description", "location"])
def test_a_patch_can_empty_a_field(world, provider, name):
    remote_id = world.put(TIMED)
    event = do(provider, world, patch(remote_id, replace(TIMED, **{name: ""}), name))
    assert getattr(event.fields, name) == ""


def test_an_event_can_become_all_day_and_timed_again(world, provider):
    remote_id = world.put(TIMED)
    for fields in (ALLDAY, TIMED):
        event = do(provider, world, patch(remote_id, fields, "when"))
        assert event.fields.when == fields.when


@pytest.mark.needs("versions")
@pytest.mark.parametrize("verb", ["patch", "delete"])
def test_a_write_on_an_old_version_is_a_conflict(world, provider, verb):
    remote_id = world.put(TIMED)
    before = provider.get(world.calendar, [remote_id])[remote_id]
    world.edit(remote_id, replace(TIMED, name="Theirs"), "name")
    if verb == "patch":
        write = patch(remote_id, replace(TIMED, location="X"), "location")
    else:
        write = delete(remote_id)
    with pytest.raises(errors.Conflict):
        do(provider, world, replace(write, etag=before.etag))
    event = provider.get(world.calendar, [remote_id])[remote_id]
    assert (event.fields.name, event.fields.location) == ("Theirs", "Room 1")
    do(provider, world, replace(write, etag=event.etag))


@pytest.mark.needs("versions")
def test_the_answer_to_a_write_carries_the_new_version(world, provider):
    event = do(provider, world, insert(world))
    for name in "abc":
        write = patch(event.remote_id, replace(TIMED, name=name), "name")
        event = do(provider, world, replace(write, etag=event.etag))
    found = provider.get(world.calendar, [event.remote_id])[event.remote_id]
    assert found.etag == event.etag


def test_deleting_what_is_gone_is_a_success(world, provider):
    remote_id = world.put(TIMED)
    for _ in range(2):
        assert do(provider, world, delete(remote_id)) is None
    assert do(provider, world, delete("never0there")) is None
    events, _ = everything(provider, world)
    assert not [event for event in events.values() if not event.cancelled]
    assert not world.mails()


@pytest.mark.needs("duplicates")
def test_patching_what_is_gone_says_so(world, provider):
    remote_id = world.put(TIMED)
    world.remove(remote_id)
    for gone in (remote_id, "never0there"):
        with pytest.raises(errors.Gone):
            do(provider, world, patch(gone, TIMED, "name"))


def test_a_meeting_without_length_goes_out_a_minute_long(world, provider):
    """Be it accepted without length or not."""
    point = replace(TIMED, when=When(at(0).start, at(0).start, at(0).tz))
    write = replace(insert(world), fields=point)
    event = do(provider, world, write)
    assert event.fields.when in (point.when, point.when.lasting())
    assert kept("when", point.when, event.fields.when)


@pytest.mark.needs("strict")
def test_one_refused_write_does_not_stop_the_others(world, provider):
    good, bad, fine = (insert(world, key=n) for n in range(3))
    bad = replace(bad, fields=replace(TIMED, when=When(at(0).stop, at(0).start)))
    outcomes = provider.push(world.calendar, [good, bad, fine])
    assert [outcome.key for outcome in outcomes] == [0, 1, 2]
    assert outcomes[0].event and outcomes[2].event
    assert isinstance(outcomes[1].error, errors.Rejected)
    assert str(outcomes[1].error)


def test_many_writes_go_fifty_to_a_request_and_in_order(world, provider):
    writes = [
        insert(world, replace(TIMED, name=str(n), when=at(n % 7)), key=n)
        for n in range(120)
    ]
    everything(provider, world)
    before = provider.request_count
    outcomes = provider.push(world.calendar, writes)
    assert provider.request_count == before + world.requests_for(120)
    assert [outcome.key for outcome in outcomes] == list(range(120))
    assert [outcome.event.fields.name for outcome in outcomes] == [
        str(n) for n in range(120)
    ]


def test_no_write_is_no_request(world, provider):
    assert provider.push(world.calendar, []) == []
    assert provider.get(world.calendar, []) == {}
    assert provider.request_count == 0


def test_later_writes_to_an_event_build_on_earlier_ones(world, provider):
    first = insert(world)
    then = patch(first.remote_id, replace(TIMED, name="Second"), "name")
    made, changed, deleted = provider.push(
        world.calendar, [first, then, delete(first.remote_id)]
    )
    assert made.event.fields.name == "Planning"
    assert changed.event.fields.name == "Second"
    assert not deleted.error
    found = provider.get(world.calendar, [first.remote_id])[first.remote_id]
    assert isinstance(found, errors.Gone) or found.cancelled


@pytest.mark.needs("series")
def test_a_series_is_written_with_its_exceptions_at_once(world, provider):
    write = insert(world, recurrence=WEEKLY)
    moved, cancelled = (occurrence(write.remote_id, days) for days in (7, 14))
    outcomes = provider.push(
        world.calendar,
        [write, patch(moved, replace(TIMED, when=at(8)), "when"), delete(cancelled)],
    )
    assert not [outcome.error for outcome in outcomes if outcome.error]
    events, _ = everything(provider, world)
    assert events[write.remote_id].recurrence == WEEKLY
    assert events[moved].fields.when == at(8)
    assert events[moved].fields.name == "Planning"
    assert events[moved].original_start == at(7).start
    assert events[cancelled].cancelled


@pytest.mark.needs("series")
def test_an_occurrence_waits_for_its_series(world, provider):
    write = insert(world, recurrence=WEEKLY)
    empty = When(NINE, NINE - timedelta(hours=1))
    refused = replace(write, fields=replace(TIMED, when=empty))
    follows = patch(occurrence(write.remote_id, 7), TIMED, "name")
    series, single = provider.push(world.calendar, [refused, follows])
    assert isinstance(series.error, errors.Rejected)
    assert single.error is series.error


@pytest.mark.needs("series")
def test_an_occurrence_that_the_rule_does_not_know_is_gone(world, provider):
    master = world.put(TIMED, recurrence=WEEKLY)
    with pytest.raises(errors.Gone):
        do(provider, world, patch(occurrence(master, 3), TIMED, "name"))
    found = provider.get(world.calendar, [occurrence(master, 7), occurrence(master, 3)])
    assert found[occurrence(master, 7)].fields.when == at(7)
    assert isinstance(found[occurrence(master, 3)], errors.Gone)


@pytest.mark.needs("series")
def test_the_rule_of_a_series_can_change_and_go(world, provider):
    master = world.put(TIMED, recurrence=WEEKLY)
    write = patch(master, replace(TIMED, name="Jour fixe"), "name")
    assert do(provider, world, write).recurrence == WEEKLY
    shorter = ("RRULE:FREQ=WEEKLY;COUNT=2",)
    write = patch(master, TIMED, recurrence=shorter)
    event = do(provider, world, write)
    assert event.recurrence == shorter and event.fields.name == "Jour fixe"
    assert do(provider, world, patch(master, TIMED, recurrence=())).recurrence == ()


@pytest.mark.parametrize("role", ["reader", "freeBusyReader"])
@pytest.mark.needs("calendars")
def test_a_calendar_that_may_only_be_read_is_not_written(world, provider, role):
    calendar = world.new_calendar(role=role)
    with pytest.raises(errors.Forbidden):
        do(provider, world, insert(world), calendar)
    assert everything(provider, world, calendar=calendar)[0] == {}


@pytest.mark.needs("video")
def test_a_video_conference_can_be_asked_for(world, provider):
    event = do(provider, world, insert(world, video="default"))
    assert event.video.startswith("https://")
    other = world.put(TIMED)
    assert do(provider, world, patch(other, TIMED, "name")).video == ""
    link = do(provider, world, patch(other, TIMED, video="default")).video
    assert link.startswith("https://")
    changed = do(provider, world, patch(other, replace(TIMED, name="New"), "name"))
    assert changed.video == link


@pytest.mark.needs("answers")
def test_an_invitation_can_be_answered_and_not_changed(world, provider):
    remote_id = world.invite(TIMED)
    events, _ = everything(provider, world)
    event = events[remote_id]
    assert event.response == "needsAction"
    assert not event.writable and not event.organized_by_self
    assert {ANN, "bob@example.com"} <= event.emails
    with pytest.raises(errors.Forbidden):
        do(provider, world, patch(remote_id, replace(TIMED, name="Mine"), "name"))
    for answer in ("tentative", "declined", "accepted"):
        event = do(provider, world, patch(remote_id, TIMED, response=answer))
        assert event.response == answer
        assert {ANN, "bob@example.com"} <= event.emails
    assert event.fields.name == "Planning"
    assert not world.mails()


@pytest.mark.needs("answers")
def test_who_is_not_invited_cannot_answer(world, provider):
    remote_id = world.put(TIMED)
    with pytest.raises(errors.Forbidden):
        do(provider, world, patch(remote_id, TIMED, response="accepted"))


# ------------------------------------------------------------------------- bad weather


def test_a_read_that_fails_in_passing_is_tried_again_or_unavailable(world, provider):
    world.put(TIMED)
    world.fail("down", "changes")
    try:
        events, _ = everything(provider, world)
    except errors.Unavailable:
        events, _ = everything(provider, world)
    assert len(events) == 1
    world.fail("down", "changes", times=10)
    with pytest.raises(errors.Unavailable):
        everything(provider, world)
    assert sum(world.clock.slept) < 10


def test_a_long_wait_is_left_to_the_caller(world, provider):
    world.fail("limit", "changes")
    with pytest.raises(errors.RateLimited) as caught:
        everything(provider, world)
    assert caught.value.retry_after == 3600
    assert not world.clock.slept


def test_a_limited_write_is_reported_and_not_tried_again(world, provider):
    write = insert(world)
    world.fail("limit", "insert")
    with pytest.raises(errors.RateLimited):
        do(provider, world, write)
    assert everything(world.provider(), world)[0] == {}
    assert do(world.provider(), world, write)


@pytest.mark.parametrize("verb", ["push", "insert"])
@pytest.mark.parametrize("what", ["down", "lost"])
def test_a_write_that_landed_without_an_answer_can_be_found(
    world, provider, what, verb
):
    if (what, verb) == ("down", "push") and world.name == "memory":
        pytest.skip("memory: a server that is down has not carried anything out")
    write = insert(world)
    world.fail("lost" if world.name == "memory" else what, verb, after=True)
    with pytest.raises(errors.AnswerLost):
        do(provider, world, write)
    found = provider.get(world.calendar, [write.remote_id])[write.remote_id]
    assert normal(found.fields) == world.kept(TIMED)
    assert len(everything(provider, world)[0]) == 1


def test_when_a_request_is_lost_the_rest_is_not_sent(world, provider):
    writes = [insert(world, key=n) for n in range(60)]
    world.fail("lost", "push", after=True)
    outcomes = provider.push(world.calendar, writes)
    assert all(isinstance(done.error, errors.Unavailable) for done in outcomes)
    assert all(isinstance(done.error, errors.AnswerLost) for done in outcomes[:50])
    assert len(everything(provider, world)[0]) in (50, 60)


def test_a_withdrawn_grant_is_said_to_be_gone(world, provider):
    write = insert(world)
    world.withdraw()
    with pytest.raises(errors.AuthExpired):
        everything(provider, world)
    with pytest.raises(errors.AuthExpired):
        do(provider, world, write)
    with pytest.raises(errors.AuthExpired):
        provider.calendars()


def test_no_error_tells_a_secret(world):
    provider = world.provider()
    world.withdraw()
    with pytest.raises(errors.SyncError) as caught:
        provider.calendars()
    secrets = {provider.grant.access_token, provider.grant.refresh_token} - {ANN}
    shown = (
        f"{caught.value!r} {caught.value.reason} {provider.grant!r} {caught.getrepr()}"
    )
    assert not [secret for secret in secrets if secret and secret in shown]
    provider.close()


# ------------------------------------------------------------------- calendars and busy


def test_who_is_connected_and_what_they_see(world, provider):
    assert provider.identity() == ANN
    second = world.new_calendar()
    listed = {calendar.remote_id: calendar for calendar in provider.calendars()}
    assert set(listed) == {world.calendar, second}
    assert listed[world.calendar].is_primary and listed[world.calendar].writable
    assert listed[world.calendar].timezone == BERLIN
    assert not listed[second].is_primary and listed[second].name


@pytest.mark.needs("calendars")
def test_a_calendar_can_be_created_and_used(world, provider):
    made = provider.create_calendar("Odoo", BERLIN)
    assert (made.name, made.timezone, made.writable) == ("Odoo", BERLIN, True)
    assert made.remote_id in {row.remote_id for row in provider.calendars()}
    event = do(provider, world, insert(world), made.remote_id)
    events, _ = everything(provider, world, calendar=made.remote_id)
    assert events == {event.remote_id: event}
    assert event.writable and event.organized_by_self


def test_busy_times_are_merged_and_nothing_else_is_told(world, provider):
    day = (NINE.replace(hour=0), NINE.replace(hour=0) + timedelta(days=7))
    world.put(TIMED)
    world.put(replace(TIMED, when=at(0, 1)))
    world.put(replace(TIMED, when=at(1), show_as="free"))
    world.put(replace(TIMED, when=at(2), privacy="private"))
    world.remove(world.put(replace(TIMED, when=at(3))))
    busy = provider.busy([world.calendar, "nobody@example.com"], *day)
    assert busy[world.calendar] == (
        (at(0).start, at(0, 1).stop),
        (at(2).start, at(2).stop),
    )
    assert isinstance(busy["nobody@example.com"], errors.SyncError)


@pytest.mark.needs("far")
def test_busy_times_over_a_long_range(world, provider):
    days = (5, 100, 250)
    for day in days:
        world.put(replace(TIMED, when=at(day)))
    busy = provider.busy([world.calendar], NINE, NINE + timedelta(days=300))
    assert [start for start, _ in busy[world.calendar]] == [
        at(day).start for day in days
    ]


@pytest.mark.needs("series")
def test_busy_times_know_series_and_their_exceptions(world, provider):
    master = world.put(TIMED, recurrence=("RRULE:FREQ=DAILY;COUNT=4",))
    world.remove(occurrence(master, 1))
    world.edit(occurrence(master, 2), replace(TIMED, when=at(2, 5)), "when")
    busy = provider.busy([world.calendar], NINE, NINE + timedelta(days=10))
    assert [start for start, _ in busy[world.calendar]] == [
        at(0).start,
        at(2, 5).start,
        at(3).start,
    ]


@pytest.mark.needs("answers")
def test_a_declined_invitation_is_not_busy(world, provider):
    remote_id = world.invite(TIMED)
    busy = provider.busy([world.calendar], NINE, NINE + timedelta(days=1))
    assert len(busy[world.calendar]) == 1
    do(provider, world, patch(remote_id, TIMED, response="declined"))
    busy = provider.busy([world.calendar], NINE, NINE + timedelta(days=1))
    assert busy[world.calendar] == ()


# ------------------------------------------------------------------------ notifications


def test_changes_can_be_notified(world, provider):
    channel = provider.watch(
        world.calendar, address="https://odoo.example/n", channel_id="one", secret="s"
    )
    assert channel.channel_id
    provider.unwatch(channel)
    provider.unwatch(channel)
    provider.unwatch(Channel(channel_id="unknown", resource_id="unknown"))


@pytest.mark.needs("silence")
def test_a_calendar_without_notifications_says_so(world, provider):
    silent = world.new_calendar(silent=True)
    with pytest.raises(errors.Unsupported):
        provider.watch(silent, address="https://x.example/", channel_id="c", secret="s")


# ------------------------------------------------------------------------------ consent


def connect(world, mode="two_way", **consent):
    """Go through the consent page; the grant."""
    cls = world.provider_class
    asked = cls.authorize(
        world.application, mode, redirect_uri=CALLBACK, state="s1", hint=ANN
    )
    assert urlencode({"state": "s1"}) in asked.url
    assert asked.verifier not in asked.url or not asked.verifier
    return cls.exchange(
        world.application,
        code=world.consent(asked.url, **consent),
        verifier=asked.verifier,
        redirect_uri=CALLBACK,
    )


@pytest.mark.parametrize("mode", ["two_way", "availability"])
def test_consent_gives_a_grant_that_covers_the_mode(world, mode):
    grant = connect(world, mode)
    assert grant.access_token and grant.refresh_token
    assert world.provider_class.missing_scopes(mode, grant.scopes) == ()


def test_availability_asks_for_less(world):
    cls = world.provider_class
    less, more = cls.scopes("availability"), cls.scopes("two_way")
    assert set(less) != set(more) and len(less) <= len(more)
    assert cls.missing_scopes("two_way", less)
    assert not cls.missing_scopes("two_way", more)


def test_a_code_that_is_not_good_gives_nothing(world):
    with pytest.raises(errors.AuthExpired):
        world.provider_class.exchange(
            world.application, code="used", verifier="x" * 50, redirect_uri=CALLBACK
        )


def test_revoking_twice_is_revoking_once(world):
    grant = connect(world)
    for _ in range(2):
        world.provider_class.revoke(world.application, grant)
    with pytest.raises(errors.AuthExpired):
        world.provider().identity() if world.name == "memory" else _use(world, grant)


def _use(world, grant):
    provider = world.provider_class(world.application, grant)
    try:
        return provider.identity()
    finally:
        provider.close()
