"""Sets of time: union, intersection, difference of half-open intervals.

An interval holds its start and not its stop, so two that touch have nothing in common
and become one in a union. One without length holds nothing and vanishes; one whose stop
lies before its start is a mistake and raises ValueError.

Every function takes intervals in any order, overlapping or not, as :class:`Interval` or
plain pairs, and returns a sorted list of disjoint intervals that do not touch. Sorting
apart, the work is linear. The ends may be anything that compares; aware datetimes are
compared as instants and come back in UTC, because Python compares two datetimes of the
same zone by their clocks, which is wrong in the hour that a clock repeats.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple


class _Pair(NamedTuple):
    start: Any
    stop: Any


class Interval(_Pair):
    """What lies from ``start`` up to, but not including, ``stop``."""

    __slots__ = ()

    def __new__(cls, start: Any, stop: Any) -> Interval:
        if stop < start and _instant(stop) < _instant(start):
            raise ValueError(f"the interval stops before it starts: {start} - {stop}")
        return super().__new__(cls, start, stop)


def union(*sets: Iterable[tuple[Any, Any]]) -> list[Interval]:
    """What lies in at least one of the sets; of a single one, its normal form."""
    result: list[Interval] = []
    ordered = sorted(pair for pairs in sets for pair in _normal(pairs))
    if not ordered:
        return result
    start, stop = ordered[0]
    for next_start, next_stop in ordered[1:]:
        if next_start > stop:
            result.append(Interval._make((start, stop)))
            start, stop = next_start, next_stop
        elif next_stop > stop:
            stop = next_stop
    result.append(Interval._make((start, stop)))
    return result


def intersection(
    first: Iterable[tuple[Any, Any]], *others: Iterable[tuple[Any, Any]]
) -> list[Interval]:
    """What lies in every one of the sets."""
    result = union(first)
    for other in others:
        result = _common(result, union(other))
    return result


def difference(
    first: Iterable[tuple[Any, Any]], *others: Iterable[tuple[Any, Any]]
) -> list[Interval]:
    """What lies in the first set and in none of the others."""
    holes = union(*others)
    result: list[Interval] = []
    i = 0
    for start, stop in union(first):
        while i < len(holes) and holes[i].stop <= start:
            i += 1
        at = i
        while at < len(holes) and holes[at].start < stop:
            if start < holes[at].start:
                result.append(Interval._make((start, holes[at].start)))
            start = holes[at].stop
            at += 1
        if start < stop:
            result.append(Interval._make((start, stop)))
        i = max(i, at - 1)  # the last hole may reach into the next interval
    return result


def complement(
    intervals: Iterable[tuple[Any, Any]], within: Iterable[tuple[Any, Any]]
) -> list[Interval]:
    """What lies in ``within`` and not in the set: the gaps."""
    return difference(within, intervals)


def widen(
    intervals: Iterable[tuple[Any, Any]], before: Any, after: Any
) -> list[Interval]:
    """Every interval made longer at both ends, then united.

    An interval without length stays without: nothing cannot be widened.
    """
    return union((start - before, stop + after) for start, stop in _normal(intervals))


def length(intervals: Iterable[tuple[Any, Any]]) -> timedelta:
    """How much time lies in the set; what overlaps counts once."""
    return sum((stop - start for start, stop in union(intervals)), timedelta())


def _normal(intervals: Iterable[tuple[Any, Any]]) -> Iterable[tuple[Any, Any]]:
    for start, stop in intervals:
        start, stop = _instant(start), _instant(stop)
        if start < stop:
            yield start, stop
        elif stop < start:
            raise ValueError(f"the interval stops before it starts: {start} - {stop}")


def _instant(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo not in (None, timezone.utc):
        return value.astimezone(timezone.utc)
    return value


def _common(first: list[Interval], second: list[Interval]) -> list[Interval]:
    result: list[Interval] = []
    i = j = 0
    while i < len(first) and j < len(second):
        start = max(first[i].start, second[j].start)
        stop = min(first[i].stop, second[j].stop)
        if start < stop:
            result.append(Interval._make((start, stop)))
        if first[i].stop < second[j].stop:
            i += 1
        else:
            j += 1
    return result
