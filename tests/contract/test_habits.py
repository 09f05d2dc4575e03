"""What the simulated services do to fields, and Google to one occurrence."""

from datetime import datetime, timedelta, timezone

import pytest

from calsync.providers.memory import MemoryServer
from calsync.values import Fields, RemoteEvent, When
from simulators.google import GoogleSimulator

ANN = "ann@example.com"
NINE = datetime(2026, 3, 3, 9, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def google():
    with GoogleSimulator() as sim:
        sim.create_user(ANN)
        yield sim


def series(sim, **more):
    return sim.insert_event(
        ANN,
        {
            "summary": "Weekly",
            "start": {"dateTime": "2026-03-03T09:00:00Z", "timeZone": "UTC"},
            "end": {"dateTime": "2026-03-03T10:00:00Z", "timeZone": "UTC"},
            "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"],
            **more,
        },
    )["id"]


def visibility(sim, event_id):
    return sim.get_event(ANN, event_id).get("visibility", "default")


# Google Calendar API, release notes of 2026-07-07
@pytest.mark.parametrize(
    "before, said, one, all_of_them",
    [
        ("private", "public", "private", "private"),
        ("private", "default", "private", "private"),
        ("default", "public", "default", "default"),
        ("default", "private", "private", "private"),
        ("public", "private", "private", "private"),
        ("public", "default", "default", "default"),
        ("private", "confidential", "confidential", "private"),
    ],
)
def test_the_visibility_of_one_occurrence(google, before, said, one, all_of_them):
    master = series(google, visibility=before)
    second = f"{master}_20260304T090000Z"
    answer = google.patch_event(ANN, second, {"visibility": said})
    assert answer.get("visibility", "default") == one
    assert visibility(google, second) == one
    assert visibility(google, master) == all_of_them
    assert visibility(google, f"{master}_20260305T090000Z") == all_of_them


@pytest.mark.parametrize(
    "habit, kept",
    [
        ("shortened", "Lunch with "),
        ("dropped", None),
        ("replaced", "Something else"),
        ("ignored", "Weekly"),
        ("normalised", "Lunch with Bob..."),
    ],
)
def test_a_habit_is_in_the_answer_and_in_the_event(google, habit, kept):
    event_id = series(google)
    google.treat(event_id, "summary", habit)
    answer = google.patch_event(ANN, event_id, {"summary": "Lunch with Bob..."})
    assert answer.get("summary", "").split() == (kept or "").split()
    assert google.get_event(ANN, event_id).get("summary") == answer.get("summary")


@pytest.mark.parametrize(
    "text",
    [
        "join<https://teams.example.com/l/1> and <Name>",
        "a < b &amp; c",
        "x<y and y>z",
        "<!-- not -->",
    ],
)
def test_words_in_angle_brackets_stay(google, text):
    event_id = series(google, description=text)
    assert google.get_event(ANN, event_id)["description"] == text


def test_the_service_that_is_code_may_be_like_google():
    server = MemoryServer()
    server.add_account(ANN)
    server.one_visibility = True
    fields = Fields(
        name="x", when=When(NINE, NINE + timedelta(hours=1), "UTC"), privacy="private"
    )
    rule = ("RRULE:FREQ=DAILY;COUNT=3",)
    server.put(ANN, RemoteEvent(remote_id="series", fields=fields, recurrence=rule))
    second = "series_20260304T090000Z"
    assert server.edit(ANN, second, privacy="public").fields.privacy == "private"
    server.edit(ANN, "series", privacy="public")
    server.edit(ANN, second, privacy="private")
    assert server.events(ANN)["series"].fields.privacy == "private"
