"""At once instead of in five minutes: real channels and notifications, a real cron."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from script.odoo_server import OdooServer, artefacts
from tests.guard import complaints

from .connected import google_event, next_week

#: seconds; the next poll is minutes away
SOON = 20
#: seconds in which further notifications of an account are only collected
HUSH = 5
FLOOD = 200


@pytest.fixture(scope="module")
def odoo(database):
    """With its own cron thread, so that nobody has to run the cron."""
    log = artefacts("e2e") / "test_notifications.log"
    log.unlink(missing_ok=True)
    with OdooServer(database, log, options=("--max-cron-threads=1",)) as server:
        yield server
    assert not complaints(log.read_text())


@pytest.fixture
def ann(person, google, admin, odoo):
    """Connected, and every calendar of hers has a channel; the next poll is far."""
    google.set_behaviour(http_loopback=True)
    admin.call("ir.config_parameter", "set_param", "web.base.url", odoo.url)
    ann = person("ann")
    ann.connect()
    soon(lambda: ann.last_sync())
    soon(lambda: len(channels(google, ann)) == 2)
    quiet(odoo, ann)
    yield ann
    odoo.database.query(
        "UPDATE calendar_sync_account SET state = 'paused' WHERE user_id = %s", ann.uid
    )


def soon(condition):
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline, "not within seconds"
        time.sleep(0.1)


def channels(google, person):
    return [c for c in google.channels() if c["user"] == person.email and c["alive"]]


def runs(odoo, person):
    [[count]] = odoo.database.query(
        "SELECT count(*) FROM calendar_sync_run r JOIN calendar_sync_account a"
        " ON a.id = r.account_id WHERE a.user_id = %s",
        person.uid,
    )
    return count


def quiet(odoo, person):
    """Wait until no run follows another; returns how many there were in all."""
    deadline = time.monotonic() + 2 * SOON
    before = -1
    while before != (before := runs(odoo, person)):
        assert time.monotonic() < deadline, "one run causes the next"
        time.sleep(HUSH + 2)
    return before


def notify(odoo, channel, **headers):
    sent = {
        "X-Goog-Channel-ID": channel["id"],
        "X-Goog-Channel-Token": channel["token"],
        "X-Goog-Resource-State": "exists",
        **headers,
    }
    url = odoo.url + "/calendar_sync/notify/google"
    return requests.post(url, headers=sent, timeout=60).status_code


def test_a_change_in_google_arrives(ann, google):
    event = google.insert_event(ann.email, google_event("Lunch", next_week(1, 12)))
    soon(lambda: ann.names_in_odoo() == ["Lunch"])
    google.patch_event(ann.email, event["id"], {"summary": "Late lunch"})
    soon(lambda: ann.names_in_odoo() == ["Late lunch"])
    google.delete_event(ann.email, event["id"])
    soon(lambda: ann.names_in_odoo() == [])


def test_an_edit_in_odoo_goes_out(ann, odoo):
    meeting = ann.meet("Board meeting", next_week(3, 11))
    soon(lambda: ann.names_in_google() == ["Board meeting"])
    before = quiet(odoo, ann)
    ann.session.call("calendar.event", "write", [meeting], {"name": "Board dinner"})
    soon(lambda: ann.names_in_google() == ["Board dinner"])
    # Google tells us of our own write: one more look, and no more
    assert quiet(odoo, ann) - before <= 3


def test_only_the_channels_own_token_counts(ann, google, odoo):
    channel = channels(google, ann)[0]
    before = quiet(odoo, ann)
    wrong = [
        {"X-Goog-Channel-Token": "wrong"},
        {"X-Goog-Channel-Token": ""},
        {"X-Goog-Channel-ID": "unknown"},
        {"X-Goog-Channel-ID": ""},
    ]
    assert [notify(odoo, channel, **headers) for headers in wrong] == [404] * 4
    url = odoo.url + "/calendar_sync/notify/google"
    assert requests.post(url, timeout=60).status_code == 404
    # the greeting of a new channel is no reason to look
    assert notify(odoo, channel, **{"X-Goog-Resource-State": "sync"}) == 204
    assert quiet(odoo, ann) == before


def test_a_flood_costs_two_runs(ann, google, odoo):
    """The first one is heard at once, and all that come within seconds together."""
    channel = channels(google, ann)[0]
    before = quiet(odoo, ann)
    begun = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _n: notify(odoo, channel), range(FLOOD)))
    lasted = time.monotonic() - begun
    assert answers == [204] * FLOOD
    assert 1 <= quiet(odoo, ann) - before <= 2 + lasted // HUSH


def test_lost_doubled_and_disordered(ann, google):
    """Whatever becomes of the notifications, both sides agree in the end."""
    google.set_notifications(drop=1)
    lost = google.insert_event(ann.email, google_event("Unheard", next_week(1, 8)))
    time.sleep(1)
    assert ann.names_in_odoo() == []
    google.set_notifications(duplicate=20, hold=True, reorder=True)
    for hour in range(9, 14):
        google.insert_event(ann.email, google_event(f"At {hour}", next_week(1, hour)))
    google.patch_event(ann.email, lost["id"], {"summary": "Heard"})
    google.set_notifications(hold=False)
    expected = sorted(["Heard", *(f"At {hour}" for hour in range(9, 14))])
    soon(lambda: ann.names_in_odoo() == expected)
    assert ann.differences() == ({}, {})


def test_revoking_ends_the_channels(ann, google):
    wizard = ann.session.create("calendar.sync.account.revoke", account_id=ann.account)
    ann.session.call("calendar.sync.account.revoke", "action_confirm", [wizard])
    assert channels(google, ann) == []
