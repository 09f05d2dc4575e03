"""Half-open sets of time, case by case."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from calsync.intervals import (
    Interval,
    complement,
    difference,
    intersection,
    length,
    union,
    widen,
)

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "given, expected",
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(3, 5), (1, 2)], [(1, 2), (3, 5)], id="sorted"),
        pytest.param([(1, 3), (3, 5)], [(1, 5)], id="touching"),
        pytest.param([(1, 4), (2, 6)], [(1, 6)], id="overlapping"),
        pytest.param([(1, 9), (2, 3), (4, 5)], [(1, 9)], id="inside"),
        pytest.param([(1, 2), (1, 2)], [(1, 2)], id="the same twice"),
        pytest.param([(4, 4), (1, 2)], [(1, 2)], id="without length"),
        pytest.param([(2, 2), (1, 2), (2, 3)], [(1, 3)], id="between touching ones"),
    ],
)
def test_union(given, expected):
    assert union(given) == expected
    assert union(*([pair] for pair in given)) == expected


@pytest.mark.parametrize(
    "first, second, expected",
    [
        pytest.param([(1, 5)], [(3, 9)], [(3, 5)], id="overlapping"),
        pytest.param([(1, 3)], [(3, 5)], [], id="touching"),
        pytest.param([(1, 9)], [(2, 3), (4, 5)], [(2, 3), (4, 5)], id="inside"),
        pytest.param([(1, 3), (5, 8)], [(2, 6)], [(2, 3), (5, 6)], id="across a gap"),
        pytest.param([(1, 9)], [(4, 4)], [], id="without length"),
        pytest.param([], [(1, 2)], [], id="nothing"),
    ],
)
def test_intersection(first, second, expected):
    assert intersection(first, second) == expected
    assert intersection(second, first) == expected


def test_intersection_of_one_and_of_many():
    assert intersection([(2, 3), (1, 2)]) == [(1, 3)]
    assert intersection([(0, 9)], [(1, 8)], [(2, 4), (6, 10)]) == [(2, 4), (6, 8)]


@pytest.mark.parametrize(
    "first, second, expected",
    [
        pytest.param([(1, 9)], [(3, 5)], [(1, 3), (5, 9)], id="a hole"),
        pytest.param([(1, 9)], [(0, 3), (7, 12)], [(3, 7)], id="both ends"),
        pytest.param([(1, 3)], [(3, 5)], [(1, 3)], id="touching"),
        pytest.param([(1, 3)], [(0, 5)], [], id="all of it"),
        pytest.param([(1, 4), (5, 9)], [(3, 6)], [(1, 3), (6, 9)], id="one for two"),
        pytest.param([(1, 9)], [(4, 4)], [(1, 9)], id="without length"),
        pytest.param([], [(1, 2)], [], id="nothing"),
    ],
)
def test_difference(first, second, expected):
    assert difference(first, second) == expected
    assert complement(second, within=first) == expected


def test_difference_of_several_sets():
    assert difference([(0, 9)], [(1, 2)], [(2, 3), (8, 20)]) == [(0, 1), (3, 8)]


def test_widened_intervals_grow_together():
    assert widen([(10, 20), (24, 30)], before=1, after=3) == [(9, 33)]
    assert widen([(10, 20)], before=0, after=0) == [(10, 20)]
    assert widen([(10, 10)], before=1, after=1) == []


def test_length_counts_what_overlaps_once():
    noon = datetime(2024, 5, 2, 12, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert length([(noon, noon + 2 * hour), (noon + hour, noon + 3 * hour)]) == 3 * hour
    assert length([]) == timedelta()


@pytest.mark.parametrize("function", [union, intersection, difference, length])
def test_a_reversed_interval_is_a_mistake(function):
    with pytest.raises(ValueError, match="before it starts"):
        function([(5, 3)])
    with pytest.raises(ValueError, match="before it starts"):
        Interval(5, 3)


def test_intervals_are_pairs():
    start, stop = Interval(1, 2)
    assert (start, stop) == Interval(1, 2) == Interval(start=1, stop=2)
    assert repr(Interval(1, 2)) == "Interval(start=1, stop=2)"


def test_zones_may_be_mixed():
    nine = datetime(2024, 7, 1, 9, tzinfo=UTC)
    eleven = datetime(2024, 7, 1, 11, tzinfo=BERLIN)  # the same instant
    assert union([(eleven, eleven.replace(hour=12))], [(nine, nine.replace(hour=11))])
    assert union([(eleven, eleven.replace(hour=12))]) == [(nine, nine.replace(hour=10))]


def test_the_repeated_hour_is_told_apart():
    """02:40 the first time comes before 02:20 the second time."""
    first = datetime(2024, 10, 27, 2, 40, tzinfo=BERLIN)
    second = datetime(2024, 10, 27, 2, 20, tzinfo=BERLIN, fold=1)
    assert length([Interval(first, second)]) == timedelta(minutes=40)
    with pytest.raises(ValueError, match="before it starts"):
        union([(second, first)])
