"""Free slots: Cronofy's worked examples, panels, odd clocks, and the reasons."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from calsync.availability import (
    Group,
    Member,
    Relaxation,
    Slot,
    Step,
    find_sequences,
    find_slots,
)
from calsync.intervals import Interval

UTC = timezone.utc
DAY = datetime(2024, 5, 6, tzinfo=UTC)  # a Monday


def minutes(number):
    return timedelta(minutes=number)


HOUR = minutes(60)


def at(text, day=0):
    """``"9:30"`` of a day."""
    hour, minute = text.split(":")
    return DAY + timedelta(days=day, hours=int(hour), minutes=int(minute))


def span(text, day=0):
    """``"9:00-12:30"`` of a day."""
    start, stop = text.split("-")
    return Interval(at(start, day), at(stop, day))


def spans(text, day=0):
    return tuple(span(word, day) for word in text.split())


def person(key, busy="", hours=None, **options):
    return Member(key, None if hours is None else spans(hours), spans(busy), **options)


def everybody(*members, required=None):
    return [Group(tuple(members), required)]


def search(groups, window="9:00-12:00", duration=HOUR, step=HOUR, tz="UTC", **options):
    window = spans(window) if isinstance(window, str) else window
    return find_slots(groups, window, duration, step=step, tz=tz, **options)


def times(found):
    """``["9:00", …]``: when the slots start."""
    return [f"{slot.start.hour}:{slot.start:%M}" for slot in found.slots]


def starts(groups, *args, **options):
    return times(search(groups, *args, **options))


# -- Cronofy's worked examples (its documentation and client libraries) ----------------


def test_e1_two_interviewers_and_one_of_three_rooms():
    """All who are free are named; buffers do not reach beyond window or hours."""
    window = [span("9:00-18:00"), span("9:00-18:00", 1)]
    hours = (span("9:00-10:00"), span("10:00-12:00", 1))
    groups = [
        Group((Member("A", hours), Member("B", hours))),
        Group(
            (
                Member("R1", None, spans("8:00-17:00", 1)),
                Member("R2", None, spans("8:00-17:00", 1)),
                Member("R3", None, spans("9:00-18:00")),
            ),
            required=1,
        ),
    ]
    found = search(
        groups,
        window,
        buffer_before=minutes(30),
        buffer_after=minutes(15),
        overlapping=False,
    )
    assert found.slots == [
        Slot(at("9:00"), at("10:00"), frozenset({"A", "B", "R1", "R2"})),
        Slot(at("10:00", 1), at("11:00", 1), frozenset({"A", "B", "R3"})),
        Slot(at("11:00", 1), at("12:00", 1), frozenset({"A", "B", "R3"})),
    ]


def test_e2_periods_of_two_people():
    """Between nine and eleven both are free: every half hour of it can be had."""
    groups = everybody(person("1", "11:00-18:00"), person("2", "11:30-18:00"))
    found = search(groups, "9:00-18:00", minutes(30), minutes(30))
    assert times(found) == ["9:00", "9:30", "10:00", "10:30"]
    assert {slot.members for slot in found.slots} == {frozenset({"1", "2"})}


def test_e3_slots_name_who_is_free():
    groups = everybody(person("1", "10:00-18:00"), person("2"), required=1)
    found = search(groups, "9:00-11:00")
    assert [(slot.start, slot.members) for slot in found.slots] == [
        (at("9:00"), {"1", "2"}),
        (at("10:00"), {"2"}),
    ]


def test_e4_buffers_on_both_sides_need_two_free_hours_for_one():
    groups = everybody(person("1", "9:00-10:00 12:00-13:00"), person("2"))
    half = minutes(30)
    options = {"window": "9:00-18:00", "step": half, "buffer_before": half}
    found = starts(groups, **options, buffer_after=half)
    assert found[:3] == ["10:30", "13:30", "14:00"]
    found = starts(groups, **options, buffer_after=minutes(31))
    assert found[:2] == ["13:30", "14:00"]


def test_e5_two_explicit_starts():
    """Query slots are a window as long as the slot."""
    window = [Interval(at("9:00"), at("9:30")), Interval(at("9:00", 1), at("9:30", 1))]
    found = search(
        everybody(person("1")),
        window,
        minutes(30),
        minutes(30),
        buffer_before=minutes(30),
        buffer_after=minutes(45),
    )
    assert [slot.start for slot in found.slots] == [at("9:00"), at("9:00", 1)]


def test_e6_a_quota_is_time_when_somebody_is_busy():
    """Limits per day come in as busy days; the engine knows nothing else of them."""
    full = Member("1", None, (Interval(DAY, DAY + timedelta(days=1)),))
    window = [span("9:00-10:00"), span("9:00-10:00", 1)]
    assert [s.start for s in search(everybody(full), window).slots] == [at("9:00", 1)]


def test_e7_the_grid_is_the_clock_and_not_the_end_of_a_meeting():
    groups = everybody(person("1", "10:00-11:00"))
    found = starts(groups, "10:00-14:00", minutes(30), buffer_before=minutes(10))
    assert found == ["12:00", "13:00"]


def test_e11_two_interviews_in_a_row():
    steps = [
        Step(everybody(person("1", "10:00-11:00 12:00-13:00")), HOUR),
        Step(
            everybody(person("2", "9:00-10:00 11:00-12:00")), HOUR, (HOUR * 0, HOUR * 0)
        ),
    ]
    found = find_sequences(steps, spans("9:00-13:00"), step=HOUR, tz="UTC")
    assert [[(s.start.hour, *s.members) for s in way] for way in found] == [
        [(9, "1"), (10, "2")],
        [(11, "1"), (12, "2")],
    ]


# -- panels ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "required, expected",
    [
        pytest.param(None, ["11:00"], id="all"),
        pytest.param(0, ["11:00"], id="0 is all, too"),
        pytest.param(3, ["11:00"], id="as many as there are"),
        pytest.param(2, ["9:00", "11:00"], id="two of three"),
        pytest.param(1, ["9:00", "10:00", "11:00"], id="one of three"),
        pytest.param(4, [], id="more than there are"),
    ],
)
def test_so_many_of_a_group(required, expected):
    members = [
        person("a", "10:00-11:00"),
        person("b", "10:00-11:00"),
        person("c", "9:00-10:00"),
    ]
    assert starts(everybody(*members, required=required)) == expected


def test_the_same_people_for_the_whole_slot():
    """Two half hours of different people are no hour."""
    members = person("a", "9:30-10:00"), person("b", "9:00-9:30")
    assert starts(everybody(*members, required=1), "9:00-10:00") == []


def test_every_group_must_be_satisfied():
    groups = [
        *everybody(person("a", "9:00-10:00")),
        *everybody(person("b", "10:00-11:00"), person("c", "10:00-12:00"), required=1),
    ]
    found = search(groups)
    assert [(s.start, s.members) for s in found.slots] == [(at("11:00"), {"a", "b"})]


def test_one_person_in_two_groups():
    """Counts in both; and what one of the two says of them holds for both."""
    ann = person("ann", "9:00-10:00")
    groups = [
        *everybody(ann),
        *everybody(ann, person("bob", "10:00-11:00"), required=1),
        *everybody(person("ann", hours="8:00-11:00")),
    ]
    found = search(groups)
    assert [(s.start, s.members) for s in found.slots] == [(at("10:00"), {"ann"})]


def test_the_same_person_twice_in_a_group_is_one():
    groups = everybody(person("a"), person("a"), required=2)
    assert starts(groups) == []


@pytest.mark.parametrize(
    "groups",
    [[], [Group(())], [Group((), 0)]],
    ids=["none", "of nobody", "0 of nobody"],
)
def test_without_people_every_place_on_the_grid_is_a_slot(groups):
    found = search(groups)
    assert times(found) == ["9:00", "10:00", "11:00"]
    assert found.slots[0].members == frozenset()


def test_what_nobody_knows_any_more_is_never_free():
    ann = person("ann", "9:00-10:00", "8:00-13:00", until=at("12:00"))
    found = search(everybody(ann), "8:00-14:00")
    assert times(found) == ["8:00", "10:00", "11:00"]
    lost = {reason.kind: reason.starts for reason in found.reasons}
    assert lost == {"hours": 1, "unknown": 1, "busy": 1, "group": 3}
    found = search(everybody(ann), "8:00-14:00", buffer_after=minutes(15))
    assert times(found) == ["10:00"], "who knows what comes after 12:00"


def test_somebody_unknown_is_never_free():
    ann, zoe = person("ann"), person("zoe", unknown=True)
    assert starts(everybody(ann, zoe)) == []
    assert search(everybody(ann, zoe, required=1)).slots[0].members == {"ann"}
    assert starts([*everybody(zoe), *everybody(person("zoe"))]) == []
    assert starts([*everybody(person("zoe")), *everybody(zoe)]) == []


# -- hours, window, buffers, notice ----------------------------------------------------


@pytest.mark.parametrize(
    "hours, expected",
    [
        pytest.param(None, ["9:00", "10:00", "11:00"], id="always"),
        pytest.param("", [], id="never"),
        pytest.param("10:00-12:00", ["10:00", "11:00"], id="some"),
        pytest.param("9:30-11:30", ["10:00"], id="the whole slot lies inside"),
        pytest.param("9:00-9:30 9:30-10:00", ["9:00"], id="across two that touch"),
        pytest.param("9:00-9:30 9:31-10:00", [], id="not across a gap"),
    ],
)
def test_hours(hours, expected):
    assert starts(everybody(person("a", hours=hours))) == expected


@pytest.mark.parametrize(
    "window, expected",
    [
        pytest.param("", [], id="none"),
        pytest.param("9:00-9:30 9:30-10:00", ["9:00"], id="two that touch"),
        pytest.param(
            "10:00-12:00 9:00-11:00", ["9:00", "10:00", "11:00"], id="overlap"
        ),
        pytest.param("9:01-10:59", [], id="no whole hour on the clock"),
        pytest.param("9:00-9:59", [], id="too short"),
        pytest.param("9:00-10:00", ["9:00"], id="just long enough"),
    ],
)
def test_window(window, expected):
    assert starts(everybody(person("a")), window) == expected


@pytest.mark.parametrize(
    "before, after, expected",
    [
        pytest.param(0, 0, ["9:00", "9:30", "11:00", "11:30"], id="none"),
        pytest.param(1, 0, ["9:00", "9:30", "11:30"], id="before"),
        pytest.param(0, 1, ["9:00", "11:00", "11:30"], id="after"),
        pytest.param(30, 30, ["9:00", "11:30"], id="just wide enough"),
        pytest.param(31, 0, ["9:00", "9:30"], id="the end of the range is no limit"),
        pytest.param(0, 61, ["11:00", "11:30"], id="nor is its begin"),
    ],
)
def test_buffers_keep_away_from_busy_times_only(before, after, expected):
    groups = everybody(person("a", "10:00-11:00", hours="9:00-12:00"))
    options = {"buffer_before": minutes(before), "buffer_after": minutes(after)}
    half = minutes(30)
    assert starts(groups, "9:00-12:00", half, half, **options) == expected


def test_busy_times_outside_of_the_window_have_buffers_too():
    groups = everybody(person("a", "8:00-9:00 12:00-12:30"))
    both = {"buffer_before": minutes(1), "buffer_after": minutes(1)}
    assert starts(groups, **both) == ["10:00"]


def test_a_busy_time_without_length_blocks_nothing():
    groups = everybody(person("a", "9:30-9:30"))
    assert starts(groups, "9:00-10:00", buffer_before=HOUR) == ["9:00"]


@pytest.mark.parametrize(
    "moment, expected",
    [("9:00", ["9:00", "10:00", "11:00"]), ("9:01", ["10:00", "11:00"]), ("11:01", [])],
)
def test_not_before(moment, expected):
    assert starts(everybody(person("a")), not_before=at(moment)) == expected


@pytest.mark.parametrize(
    "overlapping, expected",
    [
        (True, ["9:00", "9:15", "9:30", "10:30", "10:45", "11:00"]),
        (False, ["9:00", "10:30"]),
    ],
)
def test_overlapping(overlapping, expected):
    groups = everybody(person("a", "10:15-10:30"))
    found = search(
        groups, "9:00-11:45", minutes(45), minutes(15), overlapping=overlapping
    )
    assert times(found) == expected


def test_slots_that_do_not_overlap_may_touch_and_change_their_people():
    groups = everybody(person("a", "10:00-11:00"), person("b"), required=1)
    found = search(groups, "9:00-11:00", minutes(60), minutes(20), overlapping=False)
    assert [(s.start, s.members) for s in found.slots] == [
        (at("9:00"), {"a", "b"}),
        (at("10:00"), {"b"}),
    ]


def test_slots_are_in_utc_whatever_the_zones_of_the_question():
    tokyo = ZoneInfo("Asia/Tokyo")
    window = [(at("9:00").astimezone(tokyo), at("10:00"))]
    busy = ((at("8:00"), at("9:30").astimezone(ZoneInfo("America/Havana"))),)
    found = search(everybody(Member("a", None, busy)), window, minutes(30), minutes(30))
    assert found.slots == [(at("9:30"), at("10:00"), {"a"})]
    assert found.slots[0].start.tzinfo is UTC


# -- the grid --------------------------------------------------------------------------


def grid(tz, first, last, step, duration=1):
    """What the clock shows at the starts of all slots of a window on that clock."""
    zone = ZoneInfo(tz)
    window = [
        tuple(datetime.fromisoformat(t).replace(tzinfo=zone) for t in (first, last))
    ]
    found = search([], window, minutes(duration), minutes(step), tz)
    local = [slot.start.astimezone(zone) for slot in found.slots]
    assert found.slots == sorted(set(found.slots))
    return [f"{moment:%H:%M %z}" for moment in local]


@pytest.mark.parametrize(
    "tz, first, last, step, expected",
    [
        pytest.param(
            "Asia/Kathmandu",
            "2024-05-06T09:10",
            "2024-05-06T11:10",
            60,
            ["10:00 +0545", "11:00 +0545"],
            id="Kathmandu: whole hours there, not in UTC",
        ),
        pytest.param(
            "Pacific/Chatham",
            "2024-09-29T01:30",
            "2024-09-29T05:00",
            30,
            [
                "01:30 +1245",
                "02:00 +1245",
                "02:30 +1245",
                "04:00 +1345",
                "04:30 +1345",
            ],
            id="Chatham: 02:45 becomes 03:45",
        ),
        pytest.param(
            "Europe/Berlin",
            "2024-03-31T00:30",
            "2024-03-31T05:00",
            60,
            ["01:00 +0100", "03:00 +0200", "04:00 +0200"],
            id="Berlin gap",
        ),
        pytest.param(
            "Europe/Berlin",
            "2024-10-27T01:30",
            "2024-10-27T04:00",
            30,
            [
                "01:30 +0200",
                "02:00 +0200",
                "02:30 +0200",
                "02:00 +0100",
                "02:30 +0100",
                "03:00 +0100",
                "03:30 +0100",
            ],
            id="Berlin fold: the hour comes twice",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "2024-04-07T01:00",
            "2024-04-07T04:00",
            60,
            ["01:00 +1100", "02:00 +1030", "03:00 +1030"],
            id="Lord Howe fold: half an hour comes twice",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "2024-04-07T01:00",
            "2024-04-07T02:31",
            30,
            ["01:00 +1100", "01:30 +1100", "01:30 +1030", "02:00 +1030", "02:30 +1030"],
            id="Lord Howe fold, half hours",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "2024-10-06T01:00",
            "2024-10-06T04:00",
            60,
            ["01:00 +1030", "03:00 +1100"],
            id="Lord Howe gap: there is no 02:00",
        ),
        pytest.param(
            "Antarctica/Troll",
            "2024-03-31T00:00",
            "2024-03-31T05:00",
            60,
            ["00:00 +0000", "03:00 +0200", "04:00 +0200"],
            id="Troll gap of two hours",
        ),
        pytest.param(
            "Antarctica/Troll",
            "2024-10-27T00:30",
            "2024-10-27T04:00",
            60,
            [
                "01:00 +0200",
                "02:00 +0200",
                "01:00 +0000",
                "02:00 +0000",
                "03:00 +0000",
            ],
            id="Troll fold of two hours",
        ),
        pytest.param(
            "America/Havana",
            "2024-03-09T23:00",
            "2024-03-10T03:00",
            60,
            ["23:00 -0500", "01:00 -0400", "02:00 -0400"],
            id="Havana has no midnight",
        ),
        pytest.param(
            "America/Havana",
            "2024-11-02T23:00",
            "2024-11-03T02:00",
            60,
            ["23:00 -0400", "00:00 -0400", "00:00 -0500", "01:00 -0500"],
            id="Havana has two midnights",
        ),
        pytest.param(
            "Asia/Beirut",
            "2024-10-26T22:00",
            "2024-10-27T01:00",
            60,
            ["22:00 +0300", "23:00 +0300", "23:00 +0200", "00:00 +0200"],
            id="Beirut: the day goes back to 23:00",
        ),
        pytest.param(
            "Pacific/Apia",
            "2011-12-29T22:00",
            "2011-12-31T02:00",
            60,
            ["22:00 -1000", "23:00 -1000", "00:00 +1400", "01:00 +1400"],
            id="Samoa had no 30 December",
        ),
        pytest.param(
            "UTC",
            "2024-05-06T20:00",
            "2024-05-07T08:00",
            7 * 60,
            ["21:00 +0000", "00:00 +0000", "07:00 +0000"],
            id="every midnight the step begins anew",
        ),
        pytest.param(
            "UTC",
            "2024-05-06T00:00",
            "2024-05-08T12:00",
            2000,
            ["00:00 +0000", "00:00 +0000", "00:00 +0000"],
            id="a step longer than the day",
        ),
    ],
)
def test_the_grid_is_what_the_clock_shows(tz, first, last, step, expected):
    assert grid(tz, first, last, step) == expected


def test_a_slot_has_its_length_across_a_change_of_the_clock():
    zone = ZoneInfo("Europe/Berlin")
    window = [
        (datetime(2024, 3, 31, 1, tzinfo=zone), datetime(2024, 3, 31, 4, tzinfo=zone))
    ]
    found = search([], window, 2 * HOUR, HOUR, "Europe/Berlin")
    assert [(s.start.hour, s.stop.hour) for s in found.slots] == [(0, 2)]


@pytest.mark.parametrize("tz", ["GMT+05:45", timezone(timedelta(minutes=345))])
def test_fixed_offsets_are_zones(tz):
    assert starts([], "9:00-10:30", minutes(1), tz=tz) == ["9:15", "10:15"]


# -- questions that make no sense ------------------------------------------------------


@pytest.mark.parametrize(
    "options, message",
    [
        ({"duration": minutes(0)}, "duration"),
        ({"duration": minutes(-5)}, "duration"),
        ({"duration": 60}, "duration"),
        ({"step": minutes(0)}, "step"),
        ({"step": minutes(-5)}, "step"),
        ({"buffer_before": minutes(-1)}, "buffer"),
        ({"buffer_after": 15}, "buffer"),
        ({"tz": "Mars/Olympus"}, "time zone"),
        ({"tz": ""}, "time zone"),
        ({"not_before": datetime(2024, 5, 6)}, "aware"),
        ({"window": [(datetime(2024, 5, 6), at("9:00"))]}, "aware"),
        ({"window": [(at("10:00"), at("9:00"))]}, "before it starts"),
        ({"groups": everybody(Member("a", ((at("10:00"), at("9:00")),)))}, "before it"),
        ({"groups": everybody(Member("a", None, ((DAY, DAY.date()),)))}, "aware"),
        ({"groups": everybody(person("a"), required=-1)}, "-1"),
        ({"window": [(DAY, DAY.replace(year=9000))]}, "too long"),
        (
            {"window": [(datetime.min.replace(tzinfo=UTC), DAY)], "step": 9000 * HOUR},
            "leaves the calendar",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        search(**{"groups": everybody(person("a")), **options})


# -- reasons ---------------------------------------------------------------------------


def told(found):
    return [str(reason) for reason in found.reasons]


@pytest.mark.parametrize(
    "options, expected",
    [
        pytest.param(
            {"window": ""}, ["There is no time to search in"], id="an empty range"
        ),
        pytest.param(
            {"window": "9:00-9:30"}, ["No part of the range is long enough"], id="short"
        ),
        pytest.param(
            {"window": "9:01-10:59"},
            ["No slot of this length begins on the clock grid in the range"],
            id="the grid",
        ),
        pytest.param(
            {"not_before": at("15:00")}, ["3 of 3 starts are too soon"], id="notice"
        ),
        pytest.param({}, [], id="nothing is missing"),
    ],
)
def test_reasons_of_the_range(options, expected):
    assert told(search([], **options)) == expected


def test_each_start_is_lost_once_per_member():
    """First to the hours, then to busy times, then to the buffers."""
    ann = person("Ann", "11:00-13:00 15:00-15:30", hours="10:00-18:00")
    found = search(everybody(ann), "9:00-18:00", buffer_before=minutes(30))
    assert told(found) == [
        "Ann: 1 of 9 starts are outside of working hours",
        "Ann: 3 of 9 starts fall on busy times",
        "Ann: 1 of 9 starts are too close to busy times",
        "Panel 1: too few people are free at 5 of 9 starts",
    ]
    assert [(r.kind, r.group, r.member, r.time) for r in found.reasons] == [
        ("hours", 0, "Ann", HOUR),
        ("busy", 0, "Ann", minutes(150)),
        ("buffer", 0, "Ann", minutes(60)),
        ("group", 0, None, minutes(0)),
    ]
    assert times(found) == ["10:00", "14:00", "16:00", "17:00"]


def test_what_cannot_be_is_said():
    found = search(everybody(person("Ann"), person("Zoe", unknown=True), required=3))
    assert told(found) == [
        "Panel 1 needs 3 people and has 2",
        "Zoe: it is not known when they are free",
        "Panel 1: too few people are free at 3 of 3 starts",
    ]


def test_panels_that_never_meet():
    groups = [
        *everybody(person("Ann", "9:00-10:30")),
        *everybody(person("Bob", "10:30-12:00")),
    ]
    assert told(search(groups))[-1] == (
        "Every panel has times of its own, but none that suits all of them"
    )


# -- relaxations -----------------------------------------------------------------------


def offered(found):
    return [str(relaxation) for relaxation in found.relaxations]


def test_nothing_to_relax():
    assert offered(search(everybody(person("Ann")))) == []


def test_without_the_one_who_is_in_the_way():
    groups = everybody(person("Ann", "9:00-11:00"), person("Bob", "11:00-12:00"))
    assert offered(search(groups)) == [
        "1 of 2 in panel 1: 3 slots",
        "Without Ann: 2 slots",
        "Without Bob: 1 slot",
    ]


def test_relaxations_count_what_is_there_already():
    groups = everybody(person("Ann", "9:00-11:00"), person("Bob"))
    found = search(groups)
    assert len(found.slots) == 1
    assert offered(found) == ["1 of 2 in panel 1: 3 slots", "Without Ann: 3 slots"]


def test_two_are_left_out_when_one_is_not_enough():
    members = [
        person("Ann", "9:00-12:00"),
        person("Bob", "9:00-11:00"),
        person("Cid"),
        person("Dan", "11:00-12:00"),
    ]
    assert offered(search(everybody(*members))) == [
        "Without Ann and Bob: 2 slots",
        "Without Ann and Dan: 1 slot",
    ]


def test_somebody_unknown_can_be_left_out():
    found = search(everybody(person("Ann"), person("Zoe", unknown=True)))
    assert "Without Zoe: 3 slots" in offered(found)


def test_a_panel_is_never_emptied():
    assert offered(search(everybody(person("Ann", "9:00-12:00")))) == []


def test_leaving_out_one_of_a_choice_opens_nothing():
    members = [person("Ann", "9:00-12:00"), person("Bob", "9:00-12:00"), person("Cid")]
    assert offered(search(everybody(*members, required=2))) == [
        "1 of 3 in panel 1: 3 slots"
    ]


def test_leaving_somebody_out_leaves_the_other_panels_as_they_are():
    choice = everybody(person("Cid", "9:00-12:00"), person("Dan"), required=1)
    found = search([*everybody(person("Ann", "9:00-12:00"), person("Bob")), *choice])
    assert offered(found)[1:] == ["Without Ann: 3 slots"]
    both = [*choice, *everybody(person("Cid", "9:00-12:00"), person("Dan"))]
    assert offered(search(both))[1:] == ["Without Cid: 3 slots"]


def test_an_impossible_number_is_brought_down():
    found = search(everybody(person("Ann"), person("Bob"), required=5))
    assert found.relaxations[0] == Relaxation(
        kind="required", slots=3, group=0, required=2, size=2
    )


def test_buffers_notice_and_length():
    ann = person("Ann", "9:00-9:50 10:55-12:00")
    options = {
        "buffer_before": minutes(15),
        "not_before": at("9:30"),
        "step": minutes(5),
    }
    found = search(everybody(ann), **options)
    assert offered(found) == ["Without buffers: 2 slots", "50 minutes long: 1 slot"]
    found = search(everybody(person("Bob")), not_before=at("10:30"))
    assert offered(found) == ["At shorter notice: 3 slots"]


def test_a_finer_grid_when_there_is_nothing_else():
    ann = person("Ann", "9:00-9:15 10:15-12:00")
    found = search(everybody(ann))
    assert "Every 15 minutes: 1 slot" in offered(found)
    assert found.relaxations[0].step == minutes(15)


def test_further_days():
    ann = person("Ann", "9:00-12:00")
    friday = span("9:00-12:00", 4)
    found = search(everybody(ann), further=[friday, span("9:00-12:00")])
    assert offered(found) == ["Also 2024-05-10 09:00 to 2024-05-10 12:00: 3 slots"]
    assert found.relaxations[0].range == friday


def test_relaxations_count_slots_that_do_not_overlap():
    ann = person("Ann", "9:00-11:00")
    found = search(everybody(ann, person("Bob")), step=minutes(15), overlapping=False)
    assert "Without Ann: 3 slots" in offered(found)


# -- several in a row ------------------------------------------------------------------


def sequence(*steps, window="9:00-13:00", **options):
    found = find_sequences(steps, spans(window), step=minutes(30), tz="UTC", **options)
    return [" ".join(f"{s.start.hour}:{s.start:%M}" for s in way) for way in found]


def test_gaps_between_interviews():
    ann, bob = everybody(person("Ann")), everybody(person("Bob", "10:00-11:00"))
    gap = (minutes(30), minutes(60))
    assert sequence(Step(ann, HOUR), Step(bob, HOUR, gap), window="9:00-13:00") == [
        "9:00 11:00",
        "9:30 11:00",
        "10:00 11:30",
        "10:30 12:00",
    ]


def test_a_later_second_where_the_earliest_leads_nowhere():
    a, b = everybody(person("A", "9:30-13:00")), everybody(person("B", "12:00-13:00"))
    c = everybody(person("C", "9:00-12:00"))
    half = minutes(30)
    close = (minutes(0), minutes(0))
    steps = Step(a, half), Step(b, half), Step(c, half, close)
    assert sequence(*steps) == ["9:00 11:30 12:00"]


def test_sequences_that_do_not_overlap():
    ann = everybody(person("Ann"))
    steps = Step(ann, HOUR), Step(ann, HOUR)
    assert sequence(*steps, overlapping=False) == ["9:00 10:00", "11:00 12:00"]
    assert len(sequence(*steps)) == 5


def test_one_person_is_not_in_two_places():
    ann = everybody(person("Ann"))
    assert sequence(Step(ann, HOUR), Step(ann, HOUR), window="9:00-10:30") == []


def test_no_steps_no_sequences():
    assert sequence() == []


@pytest.mark.parametrize(
    "gap", [(minutes(-1), None), (minutes(5), minutes(4))], ids=["negative", "reversed"]
)
def test_gaps_that_make_no_sense(gap):
    with pytest.raises(ValueError, match="gap"):
        sequence(Step([], HOUR), Step([], HOUR, gap))
