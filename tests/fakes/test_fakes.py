"""Our provider works with Googles that other people made up.

Minutehand's fake was written claim by claim from Google's pages, each with its source.
It lacks batches, ``calendarList.get``, masks that name a field it does not have, and
changes of single occurrences (all 501 or 400); the first and third are made up for by
:mod:`.relay`.

emulate's has calendars, single events and busy times. It lacks batches, the client's
own ids, patches, sync tokens, series and the creation of calendars: it can judge
availability alone.
"""

from datetime import timedelta

import pytest

from calsync import errors
from calsync.intervals import union
from calsync.providers.google import GoogleProvider
from calsync.values import Application, Fields, Grant, Window, Write
from tests.contract.worlds import ALLDAY, ANN, BERLIN, NINE, NOW, TIMED, WEEKLY, at

WINDOW = Window(NOW - timedelta(days=30), NOW + timedelta(days=365))
HOUR = timedelta(hours=1)


def connected(url):
    app = Application(
        client_id="client",
        client_secret="secret",
        api_url=f"{url}/calendar/v3/",
        auth_url=f"{url}/o/oauth2/v2/auth",
        token_url=f"{url}/token",
        revoke_url=f"{url}/revoke",
    )
    scopes = GoogleProvider.scopes("two_way")
    grant = Grant(access_token="token", refresh_token="token", scopes=scopes)
    return GoogleProvider(app, grant)


# --------------------------------------------------------------------------- minutehand


@pytest.fixture
def provider(minutehand):
    provider = connected(minutehand)
    yield provider
    provider.close()


@pytest.fixture
def calendar(provider):
    """A fresh calendar: each test makes its own."""
    return provider.create_calendar("Odoo", BERLIN).remote_id


def name(calendar, number):
    """An id of an event: Minutehand's are taken in all calendars at once."""
    return f"{calendar[:20]}{number}"


def insert(calendar, number=1, fields=TIMED, **more):
    remote_id = name(calendar, number)
    return Write(verb="insert", remote_id=remote_id, fields=fields, **more)


def patch(calendar, fields, *names):
    return Write(
        verb="patch",
        remote_id=name(calendar, 1),
        fields=fields,
        changed=frozenset(names),
    )


def changes(provider, calendar, token=""):
    """Events by id, and the token."""
    pages = list(provider.changes(calendar, token, WINDOW))
    return {e.remote_id: e for page in pages for e in page.events}, pages[-1].token


def test_minutehand_lists_the_calendars(provider, calendar):
    found = {c.remote_id: c for c in provider.calendars()}
    assert found[ANN].is_primary and found[ANN].timezone == BERLIN
    assert (found[calendar].name, found[calendar].access_role) == ("Odoo", "owner")


@pytest.mark.parametrize("fields", [TIMED, ALLDAY], ids=lambda fields: fields.name)
def test_minutehand_keeps_what_is_written(provider, calendar, fields):
    [outcome] = provider.push(calendar, [insert(calendar, 1, fields)])
    assert outcome.error is None
    events, _token = changes(provider, calendar)
    assert events[name(calendar, 1)].fields == outcome.event.fields == fields


def test_minutehand_tells_what_changed(provider, calendar):
    provider.push(calendar, [insert(calendar, number) for number in (1, 2, 3)])
    _events, token = changes(provider, calendar)
    renamed = Fields(name="Plans", when=at(1))
    writes = [patch(calendar, renamed, "name", "when")]
    writes.append(Write(verb="delete", remote_id=name(calendar, 2)))
    assert [o.error for o in provider.push(calendar, writes)] == [None, None]
    events, token = changes(provider, calendar, token)
    assert set(events) == {name(calendar, 1), name(calendar, 2)}
    assert events[name(calendar, 1)].fields.name == "Plans"
    assert events[name(calendar, 1)].fields.when == at(1)
    assert events[name(calendar, 1)].fields.location == TIMED.location
    assert events[name(calendar, 2)].status == "cancelled"
    assert changes(provider, calendar, token)[0] == {}


def test_minutehand_asks_for_a_new_listing_after_a_strange_token(provider, calendar):
    with pytest.raises(errors.TokenInvalid):
        changes(provider, calendar, "strange")


def test_minutehand_knows_an_id_for_good(provider, calendar):
    provider.push(calendar, [insert(calendar)])
    [again] = provider.push(calendar, [insert(calendar)])
    assert isinstance(again.error, errors.Duplicate)
    delete = Write(verb="delete", remote_id=name(calendar, 1))
    for _time in range(2):
        assert provider.push(calendar, [delete])[0].error is None
    [again] = provider.push(calendar, [insert(calendar)])
    assert isinstance(again.error, errors.Duplicate)
    [late] = provider.push(calendar, [patch(calendar, TIMED, "name")])
    assert isinstance(late.error, errors.Gone)


def test_minutehand_refuses_an_old_version(provider, calendar):
    [made] = provider.push(calendar, [insert(calendar)])
    provider.push(
        calendar, [patch(calendar, Fields(name="Plans", when=TIMED.when), "name")]
    )
    stale = Write(verb="delete", remote_id=name(calendar, 1), etag=made.event.etag)
    [outcome] = provider.push(calendar, [stale])
    assert isinstance(outcome.error, errors.Conflict)


def test_minutehand_knows_series_and_their_busy_times(provider, calendar):
    provider.push(calendar, [insert(calendar, recurrence=WEEKLY)])
    events, _token = changes(provider, calendar)
    assert events[name(calendar, 1)].recurrence == WEEKLY
    busy = provider.busy([calendar], NOW, NOW + timedelta(days=60))[calendar]
    # nine o'clock in Berlin, where the clocks change on 29 March
    starts = [at(7 * week, 0 if week < 4 else -1).start for week in range(8)]
    assert [(i.start, i.stop) for i in union(busy)] == [(s, s + HOUR) for s in starts]


# ------------------------------------------------------------------------------ emulate


def test_emulate_lists_a_calendar_and_its_events(emulate):
    provider = connected(emulate)
    [calendar] = provider.calendars()
    assert (calendar.is_primary, calendar.timezone) == (True, BERLIN)
    pages = list(provider.changes("primary", "", WINDOW))
    names = {event.fields.name for page in pages for event in page.events}
    assert names == {"Planning", "Review"}
    provider.close()


def test_emulate_says_when_somebody_is_busy(emulate):
    """It does not merge what overlaps; and of a calendar that it leaves out nothing is
    known, which is not the same as free."""
    provider = connected(emulate)
    busy = provider.busy(["primary", "bob@example.com"], NOW, NOW + timedelta(days=9))
    provider.close()
    assert [(i.start, i.stop) for i in busy["primary"]] == [(NINE, NINE + 2 * HOUR)]
    assert isinstance(busy["bob@example.com"], errors.SyncError)
