"""Series laid out as single events, recognised after a move, and laid out from Odoo."""

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from calsync.errors import RuleUnreadable
from calsync.recurrence import expand
from calsync.series import (
    DERIVED,
    dates,
    fields_at,
    heirs,
    instance_of,
    lay_out,
    moved,
    occurrences,
    original,
    reaching,
)
from calsync.values import Fields, Person, RemoteEvent, When, Window, moment

UTC, BERLIN = timezone.utc, ZoneInfo("Europe/Berlin")
# the clocks go forward on the 29th
START = datetime(2026, 3, 27, 9, tzinfo=BERLIN)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WINDOW = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 30, tzinfo=UTC))
ANN = Person(email="ann@example.com", is_self=True)


def series(*lines, start=START, length=HOUR, **values):
    return RemoteEvent(
        remote_id="weekly",
        ical_uid="weekly@x",
        etag="7",
        fields=Fields(
            name="Stand-up", when=When(start, start + length, "Europe/Berlin")
        ),
        recurrence=lines or ("RRULE:FREQ=DAILY;COUNT=5",),
        organizer=ANN,
        **values,
    )


def laid_out(master, *exceptions, window=WINDOW):
    by_start = {moment(e.original_start): e for e in exceptions}
    return list(occurrences(master, by_start, window))


def exception(master, number, **values):
    start = START + number * DAY
    values.setdefault("fields", fields_at(master.fields, start))
    return RemoteEvent(
        remote_id=instance_of(master, start),
        master_id=master.remote_id,
        original_start=start,
        etag="9",
        **values,
    )


def starts(events):
    return [event.fields.when.start.astimezone(BERLIN) for event in events]


# ------------------------------------------------------------------------- occurrences


def test_occurrences_keep_the_hour_and_the_length_over_the_change_of_the_clocks():
    events = laid_out(series())
    assert starts(events) == [START + n * DAY for n in range(5)]
    assert {e.fields.when.stop - e.fields.when.start for e in events} == {HOUR}
    assert {moment(e.fields.when.start)[11:13] for e in events} == {"08", "07"}


def test_an_occurrence_over_the_change_of_the_clocks_lasts_as_long_as_the_others():
    night = datetime(2026, 3, 27, 23, tzinfo=BERLIN)
    events = laid_out(series(start=night, length=6 * HOUR))
    lengths = {
        e.fields.when.stop.astimezone(UTC) - e.fields.when.start.astimezone(UTC)
        for e in events
    }
    assert lengths == {6 * HOUR}


def test_an_occurrence_is_an_event_of_its_own_that_follows_its_master():
    first = laid_out(series())[0]
    assert first.remote_id == "weekly_20260327T080000Z"
    assert first.master_id == "weekly" and first.original_start == START
    assert first.ical_uid == "weekly@x" and first.organizer == ANN
    assert first.etag == f"{DERIVED}7" and first.recurrence == ()


def test_all_day_occurrences():
    day = date(2026, 3, 27)
    events = laid_out(series(start=day, length=DAY))
    assert [e.fields.when.start for e in events] == [day + n * DAY for n in range(5)]
    assert events[0].remote_id == "weekly_20260327"
    assert {e.fields.when.allday for e in events} == {True}


def test_only_what_ends_within_the_window_and_starts_before_its_horizon():
    window = Window(START + DAY + HOUR, START + 3 * DAY)
    assert starts(laid_out(series(), window=window)) == [START + 2 * DAY]
    window = Window(START + DAY + HOUR / 2, START + 3 * DAY)
    assert starts(laid_out(series(), window=window)) == [START + DAY, START + 2 * DAY]


def test_a_long_series_from_long_ago_costs_only_the_window():
    master = series("RRULE:FREQ=DAILY", start=datetime(1990, 1, 1, 9, tzinfo=BERLIN))
    assert len(laid_out(master)) == 60


@pytest.mark.parametrize("rule", ["RRULE:FREQ=SOMETIMES", "RRULE:", "nonsense"])
def test_what_cannot_be_read_is_said(rule):
    with pytest.raises(RuleUnreadable):
        laid_out(series(rule))


def test_the_window_reaches_as_far_as_there_are_occurrences():
    assert reaching(WINDOW, []) == WINDOW
    assert reaching(WINDOW, ["2026-04-01T09:00:00Z", "2026-04-02"]) == WINDOW
    for key in ("2028-02-28T23:30:00Z", "2028-02-28"):
        far = reaching(WINDOW, ["2026-04-01T09:00:00Z", key])
        assert far.start == WINDOW.start
        assert datetime(2028, 2, 29, tzinfo=UTC) <= far.horizon
        assert far.horizon <= datetime(2028, 3, 1, tzinfo=UTC)


def test_two_ways_to_say_the_same_dates():
    when = When(START, START + HOUR, "Europe/Berlin")
    daily = dates(["RRULE:FREQ=DAILY;COUNT=3"], when, WINDOW)
    assert daily == dates(["RRULE:FREQ=DAILY;UNTIL=20260329T220000Z"], when, WINDOW)
    assert daily > dates(
        ["RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20260328T080000Z"], when, WINDOW
    )
    # nine o'clock by another clock, from the change of the clocks on
    utc = replace(when, tz="UTC")
    assert daily != dates(["RRULE:FREQ=DAILY;COUNT=3"], utc, WINDOW)


def test_the_original_appointment_of_a_series():
    master = series()
    assert original(master) == replace(master, recurrence=())


# -------------------------------------------------------------------------- exceptions


def test_a_changed_occurrence_replaces_its_place():
    master = series()
    special = exception(master, 1, fields=replace(master.fields, name="Special"))
    events = laid_out(master, special)
    assert [e.fields.name for e in events] == ["Stand-up", "Special"] + ["Stand-up"] * 3
    assert events[1].etag == "9"
    # people and the iCalUID may be left to the master
    assert events[1].ical_uid == "weekly@x" and events[1].organizer == ANN


def test_a_cancelled_occurrence_is_told_as_cancelled_under_its_id():
    master = series()
    bare = exception(master, 2, status="cancelled", fields=None)
    events = laid_out(master, bare)
    assert [e.cancelled for e in events] == [False, False, True, False, False]
    assert events[2].remote_id == "weekly_20260329T070000Z"


def test_an_exdate_is_no_occurrence():
    master = series("RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20260328T080000Z")
    assert starts(laid_out(master)) == [START, START + 2 * DAY]


def move(master, number, by):
    when = fields_at(master.fields, START + number * DAY).when
    when = When(when.start + by, when.stop + by, when.tz)
    return exception(master, number, fields=replace(master.fields, when=when))


def test_an_occurrence_moved_within_its_day_keeps_its_place_and_id():
    master = series()
    events = laid_out(master, move(master, 1, 2 * HOUR))
    assert events[1].remote_id == "weekly_20260328T080000Z"
    assert starts(events)[1] == START + DAY + 2 * HOUR


@pytest.mark.parametrize("number, by", [(-60, 58 * DAY), (300, -298 * DAY)])
def test_an_occurrence_moved_into_the_window_from_outside_is_there_once(number, by):
    long_ago = datetime(2025, 3, 27, 9, tzinfo=BERLIN)
    master = series("RRULE:FREQ=DAILY", start=long_ago)
    plain = laid_out(master)
    events = laid_out(master, move(master, number, by))
    assert len(events) == len(plain) + 1
    assert len({e.remote_id for e in events}) == len(events)


def test_an_occurrence_moved_out_of_the_window_is_followed():
    master = series()
    events = laid_out(master, move(master, 1, 300 * DAY))
    assert len(events) == 5
    assert starts(events)[1] == START + 301 * DAY


def test_the_borders_of_the_window_yield_each_occurrence_at_most_once():
    master = series("RRULE:FREQ=DAILY")
    for hours in range(0, 49):
        window = Window(START + DAY, START + 3 * DAY + hours * HOUR)
        exceptions = [move(master, n, HOUR) for n in range(6)]
        ids = [e.remote_id for e in laid_out(master, *exceptions, window=window)]
        assert len(ids) == len(set(ids)), hours


# ------------------------------------------------------------------------ moved series


def shifted(master, by):
    when = master.fields.when
    when = When(when.start + by, when.stop + by, when.tz)
    return replace(master, fields=replace(master.fields, when=when))


@pytest.mark.parametrize("by", [HOUR, -HOUR, DAY, 7 * DAY])
def test_occurrences_of_a_moved_series_are_recognised_over_the_change_of_the_clocks(by):
    before = series("RRULE:FREQ=DAILY;COUNT=5")
    after = shifted(before, by)
    old = [moment(e.original_start) for e in laid_out(before)]
    new = [moment(e.original_start) for e in laid_out(after)]
    assert [moved(before, after, old)[key] for key in old] == new


def test_a_series_that_did_not_move_says_nothing():
    before = series()
    keys = [moment(START)]
    assert moved(before, replace(before, etag="8"), keys) == {}


def test_a_series_that_becomes_all_day_keeps_its_days_and_back():
    timed, days = series(), series(start=START.date(), length=DAY)
    old = [moment(e.original_start) for e in laid_out(timed)]
    new = [moment(e.original_start) for e in laid_out(days)]
    there = dict(zip(old, new, strict=True))
    assert moved(timed, days, old) == heirs(old, new, timed, days) == there
    back = dict(zip(new, old, strict=True))
    assert moved(days, timed, new) == heirs(new, old, days, timed) == back


def keys_of(master):
    return [moment(e.original_start) for e in laid_out(master)]


@pytest.mark.parametrize(
    "before, after, days, by",
    [
        # Mondays, moved by hours, to another day, and to two days later in the week
        ("FREQ=WEEKLY;COUNT=4", "FREQ=WEEKLY;COUNT=4", 0, 3 * HOUR),
        ("FREQ=WEEKLY;COUNT=4", "FREQ=WEEKLY;COUNT=4", 0, DAY),
        ("FREQ=WEEKLY;COUNT=4;BYDAY=FR", "FREQ=WEEKLY;COUNT=4;BYDAY=SU", 0, 2 * DAY),
        # the third Friday becomes the second Saturday
        ("FREQ=MONTHLY;BYDAY=4FR;COUNT=2", "FREQ=MONTHLY;BYDAY=2SA;COUNT=2", 0, DAY),
        (
            "FREQ=MONTHLY;BYMONTHDAY=27;COUNT=2",
            "FREQ=MONTHLY;BYDAY=-1MO;COUNT=2",
            0,
            DAY,
        ),
        ("FREQ=DAILY;COUNT=5", "FREQ=DAILY;COUNT=5", 0, DAY),
    ],
)
def test_as_many_dates_as_before_all_have_their_heir(before, after, days, by):
    long = Window(WINDOW.start, WINDOW.horizon + 400 * DAY)
    old, new = series(f"RRULE:{before}"), series(f"RRULE:{after}", start=START + by)
    mine, yours = (
        {moment(e.original_start) for e in laid_out(s, window=long)} for s in (old, new)
    )
    found = heirs(mine - yours, yours - mine, old, new)
    assert set(found) == mine - yours and set(found.values()) == yours - mine


def test_a_date_that_corresponds_to_none_has_no_heir():
    old = series("RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR")
    new = series("RRULE:FREQ=WEEKLY;BYDAY=MO,FR")
    left = set(keys_of(old)) - set(keys_of(new))
    assert left and heirs(left, [], old, new) == {}
    assert heirs([moment(START)], [moment(START + 99 * DAY)], old, new) == {}


def test_at_a_split_the_distance_counts_from_where_it_was_split():
    head, tail = series("RRULE:FREQ=DAILY"), series(start=START + 2 * DAY + HOUR)
    old = [moment(START + n * DAY) for n in range(2, 7)]
    new = keys_of(tail)
    expected = dict(zip(old, new, strict=True))
    assert heirs(old, new, head, tail, pivot=old[0]) == expected


def test_an_occurrence_is_as_long_as_its_period_says():
    period = "RDATE;VALUE=PERIOD:20260402T080000Z/PT3H"
    events = laid_out(series("RRULE:FREQ=DAILY;COUNT=2", period))
    lengths = [e.fields.when.stop - e.fields.when.start for e in events]
    assert lengths == [HOUR, HOUR, 3 * HOUR]


def test_a_moved_all_day_series():
    day = date(2026, 3, 27)
    before, after = (series(start=d, length=DAY) for d in (day, day + DAY))
    assert moved(before, after, ["2026-03-28"]) == {"2026-03-28": "2026-03-29"}


# --------------------------------------------------------------------- series of Odoo

FIRST = When(START, START + HOUR, "Europe/Berlin")


def whens(*numbers, by=timedelta()):
    return [
        (n, When(START + n * DAY + by, START + n * DAY + by + HOUR)) for n in numbers
    ]


def remote_starts(layout, first=FIRST):
    """What the provider makes of it."""
    found = expand(layout.recurrence, first.start, tz=first.tz, until=START + 99 * DAY)
    return [occurrence.start for occurrence in found]


def test_events_that_stand_where_the_rule_says():
    layout = lay_out("RRULE:FREQ=DAILY;COUNT=3", FIRST, whens(0, 1, 2))
    assert layout.recurrence == ("RRULE:FREQ=DAILY;COUNT=3",)
    assert layout.places == {n: START + n * DAY for n in range(3)}
    assert layout.strays == ()


@pytest.mark.parametrize("rule", ["COUNT=4", "UNTIL=20260330T070000Z"])
@pytest.mark.parametrize("numbers", [(0, 1, 3), (0, 1, 2), (0,), (1, 2, 3), (0, 3)])
def test_the_provider_has_no_occurrence_that_odoo_has_not(rule, numbers):
    layout = lay_out(f"RRULE:FREQ=DAILY;{rule}", FIRST, whens(*numbers))
    assert remote_starts(layout) == [START + n * DAY for n in numbers]
    assert set(layout.places) == set(numbers)


def test_a_rule_without_end_has_more_places_than_odoo_made_events():
    layout = lay_out("RRULE:FREQ=DAILY", FIRST, whens(0, 2))
    assert layout.recurrence == ("RRULE:FREQ=DAILY", "EXDATE:20260328T080000Z")


def test_a_moved_event_takes_the_place_that_is_left():
    events = whens(0, 2) + [("moved", When(START + DAY + HOUR, START + DAY + 2 * HOUR))]
    layout = lay_out("RRULE:FREQ=DAILY;COUNT=3", FIRST, events)
    assert layout.places["moved"] == START + DAY
    assert layout.recurrence == ("RRULE:FREQ=DAILY;COUNT=3",)


def test_a_place_that_was_deleted_remotely_is_given_to_no_event():
    second = moment(FIRST.start + DAY)
    layout = lay_out("RRULE:FREQ=DAILY;COUNT=3", FIRST, whens(0, 1, 2), {second})
    assert list(layout.places) == [0, 2]
    assert layout.strays == (1,)
    assert len(layout.recurrence) == 2, "its date is taken out"


def test_an_event_without_a_place_is_a_stray():
    events = [*whens(0, 1), ("extra", When(START + HOUR, START + 2 * HOUR))]
    layout = lay_out("RRULE:FREQ=DAILY;COUNT=2", FIRST, events)
    assert layout.strays == ("extra",)
    assert set(layout.places) == {0, 1}


def test_an_all_day_series_of_odoo():
    day = date(2026, 3, 27)
    first = When(day, day + DAY)
    events = [(n, When(day + n * DAY, day + (n + 1) * DAY)) for n in (0, 2)]
    layout = lay_out("RRULE:FREQ=DAILY;COUNT=4", first, events)
    assert layout.recurrence == (
        "RRULE:FREQ=DAILY;COUNT=4",
        "EXDATE;VALUE=DATE:20260328",
        "EXDATE;VALUE=DATE:20260330",
    )
    found = expand(layout.recurrence, day, tz="UTC", until=date(2026, 5, 1))
    assert [o.start for o in found] == [day, day + 2 * DAY]


def test_no_event_at_all():
    layout = lay_out("RRULE:FREQ=DAILY;COUNT=2", FIRST, [])
    assert layout.places == {} and layout.strays == ()
