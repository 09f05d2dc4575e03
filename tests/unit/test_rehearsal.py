"""A rehearsal reads truly, says again what it fetched, and writes nothing."""

from datetime import datetime, timedelta, timezone

import pytest

from calsync.errors import Forbidden, TokenInvalid, Unavailable
from calsync.providers.memory import MemoryProvider, MemoryServer
from calsync.rehearsal import Rehearsal
from calsync.values import Fields, RemoteEvent, When, Window, Write

ANN = "ann@example.com"
START = datetime(2026, 3, 30, 9, tzinfo=timezone.utc)
WINDOW = Window(START - timedelta(days=30), START + timedelta(days=365))


def event(name="Lunch"):
    when = When(START, START + timedelta(hours=1), "Europe/Berlin")
    return RemoteEvent(remote_id=name.lower(), fields=Fields(name=name, when=when))


@pytest.fixture
def server():
    server = MemoryServer(page_size=1)
    server.add_account(ANN)
    for name in ("Lunch", "Dinner", "Supper"):
        server.put(ANN, event(name))
    return server


@pytest.fixture
def rehearsal(server):
    return Rehearsal(MemoryProvider(server, ANN))


def listed(rehearsal, token=""):
    """The names of a listing, the token at its end, and what ended it early."""
    names, last = [], ""
    try:
        for page in rehearsal.changes(ANN, token, WINDOW):
            names += [event.fields.name for event in page.events]
            last = page.token
    except (Forbidden, TokenInvalid, Unavailable) as error:
        return names, last, type(error)
    return names, last, None


def test_what_was_fetched_is_not_asked_for_again(server, rehearsal):
    assert rehearsal.fetch(ANN, "", WINDOW) is None
    server.requests.clear()
    names, token, error = listed(rehearsal)
    assert (names, error) == (["Lunch", "Dinner", "Supper"], None)
    assert token and not server.requests


def test_what_was_not_fetched_is_asked_for(server, rehearsal):
    assert listed(rehearsal)[0] == ["Lunch", "Dinner", "Supper"]
    assert server.requests == ["changes"] * 3


@pytest.mark.parametrize("skip", [0, 2])
def test_an_error_comes_in_its_place(server, rehearsal, skip):
    server.fail(Forbidden(), "changes", skip=skip)
    assert isinstance(rehearsal.fetch(ANN, "", WINDOW), Forbidden)
    names, token, error = listed(rehearsal)
    assert (len(names), token, error) == (skip, "", Forbidden)


def test_a_dead_token_is_followed_by_everything(server, rehearsal):
    _names, token, _error = listed(rehearsal)
    server.expire_tokens()
    assert rehearsal.fetch(ANN, token, WINDOW) is None
    server.requests.clear()
    assert listed(rehearsal, token) == ([], "", TokenInvalid)
    assert len(listed(rehearsal)[0]) == 3
    assert not server.requests


def test_a_write_is_only_pretended(server, rehearsal):
    wanted = event("Breakfast")
    write = Write(verb="insert", remote_id="breakfast", key=1, fields=wanted.fields)
    [outcome] = rehearsal.push(ANN, [write])
    assert (outcome.key, outcome.event.fields) == (1, wanted.fields)
    assert "breakfast" not in server.events(ANN)
