"""``./run live`` tries facts in a calendar of its own, cleans up and keeps secrets."""

import pytest
import requests

from calsync.providers.cronofy import CronofyProvider
from simulators.cronofy import DEMO_CLIENT, DEMO_SECRET, CronofySimulator
from simulators.google import GoogleSimulator
from tests.live.__main__ import main
from tests.live.cronofy import Cronofy
from tests.live.facts import NAME, Refused
from tests.live.google import Google

# malformed requests are what several facts are about
pytestmark = pytest.mark.sends_malformed

ANN = "ann@example.com"
SCOPE = "https://www.googleapis.com/auth/calendar"
NEEDED = [".events", ".calendarlist.readonly", ".freebusy", ".app.created"]


@pytest.fixture
def google():
    with GoogleSimulator() as sim:
        sim.create_user(ANN)
        sim.insert_event(ANN, private())
        tokens = sim.grant_tokens(ANN, "demo-client", [SCOPE + part for part in NEEDED])
        sim.environment = {
            "CALSYNC_LIVE_GOOGLE_CLIENT_ID": "demo-client",
            "CALSYNC_LIVE_GOOGLE_CLIENT_SECRET": "demo-secret",
            "CALSYNC_LIVE_GOOGLE_REFRESH_TOKEN": tokens["refresh_token"],
            "CALSYNC_LIVE_GOOGLE_API": f"{sim.url}/calendar/v3/",
            "CALSYNC_LIVE_GOOGLE_TOKEN_URL": f"{sim.url}/token",
        }
        yield sim


@pytest.fixture
def cronofy():
    with CronofySimulator() as sim:
        sim.add_person("ann", email=ANN, tz="Europe/Berlin")
        tokens = sim.grant("ann", " ".join(CronofyProvider.scopes("two_way")))
        sim.environment = {
            "CALSYNC_LIVE_CRONOFY_CLIENT_ID": DEMO_CLIENT,
            "CALSYNC_LIVE_CRONOFY_CLIENT_SECRET": DEMO_SECRET,
            "CALSYNC_LIVE_CRONOFY_REFRESH_TOKEN": tokens["refresh_token"],
            "CALSYNC_LIVE_CRONOFY_DATA_CENTER": "de",
            "CALSYNC_LIVE_CRONOFY_API": sim.url,
        }
        yield sim


def private():
    return {
        "summary": "Doctor",
        "start": {"dateTime": "2026-03-09T10:00:00+01:00"},
        "end": {"dateTime": "2026-03-09T11:00:00+01:00"},
    }


def events_of(sim, calendar):
    """At Cronofy."""
    profiles = [p for each in sim.dump()["people"] for p in each["profiles"]]
    calendars = [c for profile in profiles for c in profile["calendars"]]
    [found] = [c for c in calendars if c["calendar_id"] == calendar]
    return found["events"]


def names(sim):
    """Of Ann's calendars at Google."""
    return [c["summary"] for c in sim.call(ANN, "calendarList.list")["items"]]


def otherwise(text):
    """The facts that were not as we think."""
    lines = [line.split() for line in text.splitlines()]
    return [words[1] for words in lines if words[:1] == ["OTHERWISE"]]


def test_the_simulator_of_google_does_what_we_believe_of_google(google, capsys):
    status = main(["google"], google.environment)
    text = capsys.readouterr().out
    assert (status, otherwise(text)) == (0, []), text


def test_the_simulator_of_cronofy_does_what_we_believe_of_cronofy(cronofy, capsys):
    status = main(["cronofy"], cronofy.environment)
    text = capsys.readouterr().out
    assert (status, otherwise(text)) == (0, []), text


def test_no_secret_is_printed(google, cronofy, capsys):
    for name, sim in (("google", google), ("cronofy", cronofy)):
        main([name], sim.environment)
        text = capsys.readouterr().out
        for variable, value in sim.environment.items():
            if variable.endswith(("SECRET", "TOKEN", "ID")):
                assert value not in text, variable


def test_the_calendar_is_removed_and_nothing_else_touched(google, capsys):
    before = names(google)
    own = google.list_events(ANN)
    main(["google"], google.environment)
    assert names(google) == before and google.list_events(ANN) == own


def test_the_calendar_is_removed_when_the_run_is_broken_off(google):
    findings = Google(google.environment).findings()
    next(findings)
    assert any(name.startswith(NAME) for name in names(google))
    with pytest.raises(KeyboardInterrupt):
        findings.throw(KeyboardInterrupt)
    assert not any(name.startswith(NAME) for name in names(google))


def test_a_calendar_whose_making_went_unanswered_is_removed(google):
    google.set_fault("drop", {"method": "POST", "path": "/calendars$"}, when="after")
    with pytest.raises(requests.ConnectionError):
        next(Google(google.environment).findings())
    assert not any(name.startswith(NAME) for name in names(google))


def test_the_events_at_cronofy_are_removed(cronofy, capsys):
    assert main(["cronofy"], cronofy.environment) == 0
    cronofy.apply_writes()
    calendars = cronofy.calendar_ids("ann")
    [left] = [name for name in calendars if name.startswith(NAME)]
    assert f"The calendar {left!r} is left" in capsys.readouterr().out
    assert not [
        event for event in events_of(cronofy, calendars[left]) if not event["deleted"]
    ]


@pytest.mark.parametrize("kind", [Google, Cronofy])
def test_no_other_calendar_is_ever_asked_for(google, cronofy, kind):
    sim = google if kind is Google else cronofy
    service = kind(sim.environment)
    service.made = ["ours@group.calendar.google.com"]
    for calendar in (ANN, "primary", "ours", "ours@group.calendar.google.com.evil"):
        for method in ("GET", "POST", "PATCH", "DELETE"):
            with pytest.raises(Refused):
                service.request(method, f"calendars/{calendar}/events")
    with pytest.raises(Refused):
        service.request("DELETE", "calendars/primary")


@pytest.mark.parametrize("name", ["google", "cronofy"])
def test_what_is_missing_is_named(name, capsys):
    assert main([name], {}) == 2
    text = capsys.readouterr().out
    assert f"CALSYNC_LIVE_{name.upper()}_REFRESH_TOKEN" in text


def test_a_dead_token_is_said_and_nothing_tried(google, capsys):
    google.revoke_grant(ANN, "demo-client")
    assert main(["google"], google.environment) == 2
    assert "invalid_grant" in capsys.readouterr().out
