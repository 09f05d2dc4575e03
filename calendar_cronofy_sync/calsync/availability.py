"""Free slots for a panel of people, and why there are few or none.

::

    member: hours - (busy times widened by the buffers) -> where a slot may start
    group:  all of its members, or at least N, free for the whole slot
    slot:   starts on the clock grid in the window; every group is satisfied

* The window and the hours are merged first: a slot may lie across two that touch. It
  must fit into them; the buffers keep it away from busy times only.
* The grid holds the times that a clock in ``tz`` shows when a multiple of ``step`` has
  passed since midnight: in a repeated hour twice, in a skipped one not at all. It
  begins anew at every midnight, also when the step does not divide the day.
* N of a group means the same N people from begin to end. A slot names everybody who is
  free, not a choice of N. A group of nobody, of whom all are needed, is satisfied.
* One key is one person, in whatever groups: busy in one is busy in all.
* Somebody unknown (their calendar could not be asked) is never free.

Inside, times are whole microseconds since 1970 and places on the grid are indexes. Who
is free changes at few places, so each stretch between two of them is looked at once,
whatever the number of slots in it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import cached_property
from typing import Any, NamedTuple

from .errors import RuleUnreadable
from .intervals import Interval, difference, intersection, union
from .recurrence import zone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TICK = timedelta(microseconds=1)
_ALWAYS = [Interval(-(10**18), 10**18)]
_NONE = timedelta()

#: Starts that one search looks at: 28 years of quarters of an hour.
MOST_STARTS = 1_000_000

_Pairs = Sequence[tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who may be needed.

    :param key: who it is, the same in every group
    :param hours: when they work; None = always
    :param busy: when they cannot; aware, in any order, overlapping or not
    :param unknown: nobody could say when they are busy: they do not count as free
    :param until: the same, but only from then on
    """

    key: str
    hours: _Pairs | None = None
    busy: _Pairs = ()
    unknown: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """People of whom all (None or 0) or at least ``required`` are needed."""

    members: Sequence[Member]
    required: int | None = None


class Slot(NamedTuple):
    """A time that can be booked, in UTC, and everybody who is free all through it."""

    start: datetime
    stop: datetime
    members: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One cause of missing slots, by ``kind``; ``str()`` says it in English.

    ``starts`` of ``total`` places on the grid are lost by it; of several causes that
    meet in one place the first in this table counts.
    """

    kind: str
    #: index of the group, and key of the member in it
    group: int | None = None
    member: str | None = None
    starts: int = 0
    total: int = 0
    #: how much of the window it covers
    time: timedelta = _NONE
    #: how many the group needs, and how many it has
    required: int = 0
    size: int = 0

    def __str__(self) -> str:
        panel = None if self.group is None else self.group + 1
        return REASONS[self.kind].format(r=self, panel=panel)


REASONS = {
    "no_range": "There is no time to search in",
    "range_short": "No part of the range is long enough",
    "off_grid": "No slot of this length begins on the clock grid in the range",
    "notice": "{r.starts} of {r.total} starts are too soon",
    "impossible": "Panel {panel} needs {r.required} people and has {r.size}",
    "hours": "{r.member}: {r.starts} of {r.total} starts are outside of working hours",
    "unknown": "{r.member}: it is not known when they are free",
    "busy": "{r.member}: {r.starts} of {r.total} starts fall on busy times",
    "buffer": "{r.member}: {r.starts} of {r.total} starts are too close to busy times",
    "group": "Panel {panel}: too few people are free at {r.starts} of {r.total} starts",
    "together": "Every panel has times of its own, but none that suits all of them",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """One change of the question, and how many slots there would be with it."""

    kind: str
    slots: int
    #: what would be used instead, as far as the kind says
    group: int | None = None
    required: int = 0
    size: int = 0
    members: tuple[str, ...] = ()
    duration: timedelta = _NONE
    step: timedelta = _NONE
    range: Interval | None = None

    def __str__(self) -> str:
        panel = None if self.group is None else self.group + 1
        who = " and ".join(self.members)
        minutes = (self.duration or self.step) // timedelta(minutes=1)
        text = RELAXATIONS[self.kind].format(r=self, panel=panel, who=who, m=minutes)
        return f"{text}: {self.slots} slot{'' if self.slots == 1 else 's'}"


#: From the smallest change to the largest; the order in which they are offered.
RELAXATIONS = {
    "buffers": "Without buffers",
    "step": "Every {m} minutes",
    "duration": "{m} minutes long",
    "range": "Also {r.range.start:%Y-%m-%d %H:%M} to {r.range.stop:%Y-%m-%d %H:%M}",
    "required": "{r.required} of {r.size} in panel {panel}",
    "without": "Without {who}",
    "notice": "At shorter notice",
}


def find_slots(
    groups: Sequence[Group],
    window: Iterable[tuple[datetime, datetime]],
    duration: timedelta,
    *,
    step: timedelta,
    tz: str | tzinfo,
    buffer_before: timedelta | int = 0,
    buffer_after: timedelta | int = 0,
    not_before: datetime | None = None,
    overlapping: bool = True,
    further: Iterable[tuple[datetime, datetime]] = (),
) -> SlotSearch:
    """Every slot in which all groups are satisfied, in order.

    :param groups: without any, every place on the grid is a slot
    :param window: where to look; intervals of aware datetimes
    :param step: of the clock grid in ``tz`` on which slots start
    :param buffer_before: free of busy times ahead of a slot; 0 = none
    :param not_before: no slot starts earlier (the minimum notice)
    :param overlapping: False = no slot starts before the one before it ends
    :param further: where one could look as well, for the relaxations: hours and busy
        times must be known there, too
    :raise ValueError: for a question that makes no sense: naive times, reversed
        intervals, no duration, a negative buffer, an unknown zone, a range of decades
    """
    try:
        return SlotSearch(
            _Search(
                _Query(
                    people=_people(groups),
                    groups=tuple(_need(group) for group in groups),
                    window=tuple(_ticks(window)),
                    further=tuple(_ticks(further)),
                    duration=_positive("duration", duration),
                    grid=_Grid(_positive("step", step), _zone(tz)),
                    before=_buffer(buffer_before),
                    after=_buffer(buffer_after),
                    earliest=None if not_before is None else _tick(not_before),
                    overlapping=overlapping,
                )
            )
        )
    except OverflowError as err:
        raise ValueError("the range leaves the calendar") from err


class SlotSearch:
    """The slots, and on request why there are not more and what would help."""

    def __init__(self, search: _Search) -> None:
        self._search = search
        self.slots: list[Slot] = search.slots()

    @cached_property
    def reasons(self) -> list[Reason]:
        """What takes starts away, per group and member; never empty without slots."""
        return list(_reasons(self._search))

    @cached_property
    def relaxations(self) -> list[Relaxation]:
        """Single changes that give more slots, the smallest change first."""
        found = list(_relaxations(self._search))
        order = list(RELAXATIONS)
        return sorted(
            found, key=lambda r: (order.index(r.kind), len(r.members), -r.slots)
        )


# -- the question ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Person:
    hours: list[Interval]
    busy: list[Interval]
    unknown: bool
    beyond: list[Interval]  # what nobody knows


@dataclass(frozen=True, slots=True)
class _Need:
    keys: tuple[str, ...]
    required: int


@dataclass(frozen=True, slots=True)
class _Query:
    people: dict[str, _Person]
    groups: tuple[_Need, ...]
    window: tuple[Interval, ...]
    further: tuple[Interval, ...]
    duration: int
    grid: _Grid
    before: int
    after: int
    earliest: int | None
    overlapping: bool


def _people(groups: Sequence[Group]) -> dict[str, _Person]:
    people: dict[str, _Person] = {}
    seen: dict[str, list[Member]] = {}
    for member in (m for group in groups for m in group.members):
        before = seen.setdefault(member.key, [])
        if any(member is other for other in before):
            continue
        before.append(member)
        hours = _ALWAYS if member.hours is None else _ticks(member.hours)
        person = _Person(hours, _ticks(member.busy), member.unknown, _beyond(member))
        known = people.get(member.key)
        people[member.key] = person if known is None else _merged(person, known)
    return people


def _merged(one: _Person, other: _Person) -> _Person:
    return _Person(
        intersection(one.hours, other.hours),
        union(one.busy, other.busy),
        one.unknown or other.unknown,
        union(one.beyond, other.beyond),
    )


def _beyond(member: Member) -> list[Interval]:
    if member.until is None:
        return []
    return intersection(_ALWAYS, [(_tick(member.until), _ALWAYS[0].stop)])


def _need(group: Group) -> _Need:
    keys = tuple(dict.fromkeys(member.key for member in group.members))
    required = group.required or len(keys)
    if required < 0:
        raise ValueError(f"a group cannot need {required} people")
    return _Need(keys, required)


def _positive(name: str, value: timedelta) -> int:
    if not isinstance(value, timedelta) or value <= _NONE:
        raise ValueError(f"the {name} must be a positive timedelta, not {value!r}")
    return value // _TICK


def _buffer(value: timedelta | int) -> int:
    if value == 0:
        return 0
    if not isinstance(value, timedelta) or value < _NONE:
        raise ValueError(f"a buffer must be a timedelta or 0, not {value!r}")
    return value // _TICK


def _zone(tz: str | tzinfo) -> tzinfo:
    try:
        return zone(tz)
    except RuleUnreadable as err:
        raise ValueError(str(err)) from err


def _tick(moment: datetime) -> int:
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ValueError(f"an aware datetime is needed, not {moment!r}")
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _moment(tick: int) -> datetime:
    return _EPOCH + timedelta(microseconds=tick)


def _ticks(pairs: Iterable[tuple[datetime, datetime]]) -> list[Interval]:
    return union((_tick(start), _tick(stop)) for start, stop in pairs)


# -- the grid --------------------------------------------------------------------------


class _Grid:
    """The places at which a clock shows a multiple of the step since midnight."""

    def __init__(self, step: int, tz: tzinfo) -> None:
        self.step = step
        self.tz = tz
        self._days: dict[date, Sequence[int]] = {}

    def between(self, ranges: Iterable[Interval]) -> list[int]:
        """The ticks of the grid in disjoint half-open ranges, ascending."""
        found: list[int] = []
        ranges = list(ranges)
        if sum(stop - start for start, stop in ranges) > MOST_STARTS * self.step:
            raise ValueError("the range is too long for so small a step")
        for start, stop in ranges:
            # a day may show again after midnight, and be another in another zone
            first = _moment(start).astimezone(self.tz).date() - timedelta(days=1)
            last = _moment(stop).astimezone(self.tz).date() + timedelta(days=1)
            inside: set[int] = set()
            for n in range((last - first).days + 1):
                ticks = self._day(first + timedelta(days=n))
                inside.update(
                    ticks[bisect_left(ticks, start) : bisect_left(ticks, stop)]
                )
            found += sorted(inside)
        return found

    def _day(self, day: date) -> Sequence[int]:
        if day not in self._days:
            self._days[day] = self._ticks_of(day)
        return self._days[day]

    def _ticks_of(self, day: date) -> Sequence[int]:
        midnight = datetime.combine(day, time())
        offset = self._offset(midnight)
        length = 86_400_000_000
        if offset == self._offset(midnight + timedelta(days=1)):
            begin = _tick((midnight - offset).replace(tzinfo=timezone.utc))
            return range(begin, begin + length, self.step)
        return self._ticks_of_long_or_short(midnight, length)

    def _ticks_of_long_or_short(self, midnight: datetime, length: int) -> list[int]:
        """A day on which the clock is changed: try every time it may show, twice."""
        found = set()
        for passed in range(0, length, self.step):
            wall = midnight + timedelta(microseconds=passed)
            for fold in (0, 1):
                moment = (wall - self._offset(wall, fold)).replace(tzinfo=timezone.utc)
                if moment.astimezone(self.tz).replace(tzinfo=None) == wall:
                    found.add(_tick(moment))
        return sorted(found)

    def _offset(self, wall: datetime, fold: int = 0) -> timedelta:
        return self.tz.utcoffset(wall.replace(tzinfo=self.tz, fold=fold)) or _NONE


# -- the search ------------------------------------------------------------------------


class _Run(NamedTuple):
    """A stretch of the grid on which the same people are free, as bits."""

    begin: int
    end: int
    free: int


class _Search:
    """Who is free where on the grid."""

    def __init__(self, query: _Query) -> None:
        self.query = query
        ranges = _starts_in(query.window, query.duration)
        if query.earliest is not None:
            ranges = intersection(ranges, [(query.earliest, _ALWAYS[0].stop)])
        self.grid = query.grid.between(ranges)
        self.bits = {key: 1 << n for n, key in enumerate(query.people)}
        self.needs = [
            (sum(self.bits[key] for key in need.keys), need.required)
            for need in query.groups
        ]
        self.runs = list(self._runs())

    def slots(self) -> list[Slot]:
        members: dict[int, frozenset[str]] = {}
        found = []
        length = timedelta(microseconds=self.query.duration)
        for begin, end, free in self._good_runs(self.satisfied):
            if free not in members:
                members[free] = frozenset(
                    k for k, bit in self.bits.items() if free & bit
                )
            for place in range(begin, end):
                start = _moment(self.grid[place])
                found.append(Slot(start, start + length, members[free]))
        return found

    def count(self, satisfied: Callable[[int], bool] | None = None) -> int:
        """How many slots there are, or would be if ``satisfied`` decided."""
        runs = self._good_runs(satisfied or self.satisfied)
        return sum(end - begin for begin, end, _ in runs)

    def satisfied(self, free: int) -> bool:
        return all((free & mask).bit_count() >= n for mask, n in self.needs)

    def starts_of(
        self, person: _Person, before: int, after: int, *taken: list[Interval]
    ) -> list[tuple[int, int]]:
        """The places on the grid where a slot lies in the person's hours and keeps away
        from what is taken, as index ranges."""
        length = self.query.duration
        blocked = [
            (start - length - after + 1, stop + before) for start, stop in union(*taken)
        ]
        starts = difference(_starts_in(person.hours, length), blocked)
        return [
            (begin, end)
            for start, stop in starts
            for begin, end in [
                (bisect_left(self.grid, start), bisect_left(self.grid, stop))
            ]
            if begin < end
        ]

    def _runs(self) -> Iterator[_Run]:
        changes = {0: 0, len(self.grid): 0}
        for key, person in self.query.people.items():
            if person.unknown:
                continue
            bit = self.bits[key]
            taken = person.busy, person.beyond
            margins = self.query.before, self.query.after
            for pair in self.starts_of(person, *margins, *taken):
                for place in pair:
                    changes[place] = changes.get(place, 0) ^ bit
        free = 0
        places = sorted(changes)
        for begin, end in zip(places, places[1:], strict=False):
            free ^= changes[begin]
            yield _Run(begin, end, free)

    def _good_runs(self, satisfied: Callable[[int], bool]) -> Iterator[_Run]:
        """The runs in which a slot may start; one place each when none may overlap."""
        verdicts: dict[int, bool] = {}
        place = 0  # the first one that is behind the slot before
        for run in self.runs:
            if run.free not in verdicts:
                verdicts[run.free] = satisfied(run.free)
            if not verdicts[run.free]:
                continue
            if self.query.overlapping:
                yield run
                continue
            place = max(place, run.begin)
            while place < run.end:
                yield _Run(place, place + 1, run.free)
                place = bisect_left(self.grid, self.grid[place] + self.query.duration)


def _starts_in(intervals: Iterable[Interval], length: int) -> list[Interval]:
    """Where something of that length may start to lie inside one of the intervals."""
    return [
        Interval(start, stop - length + 1)
        for start, stop in intervals
        if stop - start >= length
    ]


# -- why, and what would help ----------------------------------------------------------


def _reasons(search: _Search) -> Iterator[Reason]:
    query = search.query
    total = len(search.grid)
    yield from _reasons_of_the_range(search)
    for n, need in enumerate(query.groups):
        size = len(need.keys)
        if need.required > size:
            yield Reason(kind="impossible", group=n, required=need.required, size=size)
        for key in need.keys:
            yield from _reasons_of(search, n, key)
        mask, required = search.needs[n]
        missing = sum(
            run.end - run.begin
            for run in search.runs
            if (run.free & mask).bit_count() < required
        )
        if missing:
            yield Reason(
                kind="group",
                group=n,
                starts=missing,
                total=total,
                required=required,
                size=size,
            )
    if total and _only_together(search):
        yield Reason(kind="together", starts=total, total=total)


def _reasons_of_the_range(search: _Search) -> Iterator[Reason]:
    query = search.query
    ranges = _starts_in(query.window, query.duration)
    if not query.window:
        yield Reason(kind="no_range")
    elif not ranges:
        yield Reason(kind="range_short")
    else:
        every = len(query.grid.between(ranges))
        if not every:
            yield Reason(kind="off_grid")
        elif every > len(search.grid):
            lost = every - len(search.grid)
            yield Reason(kind="notice", starts=lost, total=every)


def _reasons_of(search: _Search, group: int, key: str) -> Iterator[Reason]:
    query = search.query
    person = query.people[key]
    total = len(search.grid)
    if person.unknown:
        yield Reason(kind="unknown", group=group, member=key, starts=total, total=total)
        return
    working = intersection(query.window, person.hours)
    near = union(
        (start - query.before, stop + query.after) for start, stop in person.busy
    )
    unknown, taken = person.beyond, (person.busy, person.beyond)
    causes = [
        (
            "hours",
            search.starts_of(person, 0, 0),
            difference(query.window, person.hours),
        ),
        (
            "unknown",
            search.starts_of(person, 0, 0, unknown),
            intersection(working, unknown),
        ),
        (
            "busy",
            search.starts_of(person, 0, 0, *taken),
            intersection(working, person.busy),
        ),
        (
            "buffer",
            search.starts_of(person, query.before, query.after, *taken),
            difference(intersection(working, near), person.busy),
        ),
    ]
    left = total
    for kind, places, covered in causes:
        now = sum(end - begin for begin, end in places)
        if now < left:
            yield Reason(
                kind=kind,
                group=group,
                member=key,
                starts=left - now,
                total=total,
                time=timedelta(
                    microseconds=sum(stop - start for start, stop in covered)
                ),
            )
        left = now


def _only_together(search: _Search) -> bool:
    """No slots, although every group alone would have some."""
    return not search.count() and all(
        any((run.free & mask).bit_count() >= required for run in search.runs)
        for mask, required in search.needs
    )


def _relaxations(search: _Search) -> Iterator[Relaxation]:
    query = search.query
    now = search.count()
    for relaxation in (
        *_other_queries(query, now),
        *_fewer_people(search),
        *_without_members(search, now),
    ):
        if relaxation.slots > now:
            yield relaxation


def _other_queries(query: _Query, now: int) -> Iterator[Relaxation]:
    def count(**changes: Any) -> int:
        return _Search(replace(query, **changes)).count()

    if query.before or query.after:
        yield Relaxation(kind="buffers", slots=count(before=0, after=0))
    if query.earliest is not None:
        yield Relaxation(kind="notice", slots=count(earliest=None))
    for more in query.further:
        yield Relaxation(
            kind="range",
            slots=count(window=tuple(union(query.window, [more]))),
            range=Interval(_moment(more.start), _moment(more.stop)),
        )
    for length in _shorter(query.duration):
        slots = count(duration=length)
        if slots > now:
            duration = timedelta(microseconds=length)
            yield Relaxation(kind="duration", slots=slots, duration=duration)
            break
    # A finer grid only ever gives more: it is worth a word when there is nothing else.
    for step in () if now else _finer(query.grid.step):
        slots = count(grid=_Grid(step, query.grid.tz))
        if slots:
            yield Relaxation(
                kind="step", slots=slots, step=timedelta(microseconds=step)
            )
            break


_MINUTE = 60_000_000
_USUAL_LENGTHS = [
    n * _MINUTE for n in (180, 150, 120, 90, 75, 60, 50, 45, 40, 30, 20, 15)
]


def _shorter(duration: int) -> Iterable[int]:
    """Usual lengths that are shorter, down to half."""
    return (n for n in _USUAL_LENGTHS if duration // 2 <= n < duration)


def _finer(step: int) -> Iterable[int]:
    """The step halved, as long as it remains whole minutes and at least five."""
    while step % (2 * _MINUTE) == 0 and step // 2 >= 5 * _MINUTE:
        step //= 2
        yield step


def _fewer_people(search: _Search) -> Iterator[Relaxation]:
    """One fewer in a group."""
    for n, need in enumerate(search.query.groups):
        size = len(need.keys)
        fewer = min(need.required - 1, size)
        if fewer < 1:
            continue
        needs = list(search.needs)
        needs[n] = (needs[n][0], fewer)
        slots = search.count(_satisfies(needs))
        yield Relaxation(
            kind="required", slots=slots, group=n, required=fewer, size=size
        )


def _without_members(search: _Search, now: int) -> Iterator[Relaxation]:
    """Without whoever alone is missing somewhere; two or three if one is not enough.

    Only who is needed for certain: leaving somebody out of "2 of 4" opens nothing.
    """
    missing = {_missing(search.needs, run.free) for run in search.runs}
    for size in (1, 2, 3):
        found = []
        for bits in (b for b in missing if b.bit_count() == size):
            keys = tuple(key for key, bit in search.bits.items() if bits & bit)
            needs = [_left(mask, required, bits) for mask, required in search.needs]
            if any(
                mask and not left
                for (mask, _), (left, _) in zip(search.needs, needs, strict=True)
            ):
                continue  # nobody would remain in a group
            slots = search.count(_satisfies(needs))
            found.append(Relaxation(kind="without", slots=slots, members=keys))
        yield from found
        if now or any(relaxation.slots for relaxation in found):
            return


def _missing(needs: list[tuple[int, int]], free: int) -> int:
    """Who is not free of those that are needed for certain."""
    missing = 0
    for mask, required in needs:
        if required == mask.bit_count():
            missing |= mask & ~free
    return missing


def _left(mask: int, required: int, without: int) -> tuple[int, int]:
    left = mask & ~without
    everybody = required == mask.bit_count()
    return left, left.bit_count() if everybody else required


def _satisfies(needs: list[tuple[int, int]]) -> Callable[[int], bool]:
    return lambda free: all((free & mask).bit_count() >= n for mask, n in needs)


# -- several in a row ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One of several interviews in a row.

    :param gap: how long after the end of the one before it begins at the earliest, and
        at the latest (None = any time later); of the first one it means nothing
    """

    groups: Sequence[Group]
    duration: timedelta
    gap: tuple[timedelta, timedelta | None] = field(default=(_NONE, None))


def find_sequences(
    steps: Sequence[Step],
    window: Iterable[tuple[datetime, datetime]],
    *,
    overlapping: bool = True,
    **options: Any,
) -> list[tuple[Slot, ...]]:
    """Ways to hold all the interviews in order, one for each slot the first can have.

    Each is the one in which every next interview begins as early as the gaps and the
    ones after it allow.

    :param overlapping: False = no way begins before the one before it ends
    :param options: as for :func:`find_slots`
    """
    if any(
        low < _NONE or (high is not None and high < low) for low, high in _gaps(steps)
    ):
        raise ValueError(
            "a gap must not be negative, nor its maximum below its minimum"
        )
    window = list(window)
    slots = [
        find_slots(step.groups, window, step.duration, **options).slots
        for step in steps
    ]
    return list(_ways(steps, slots, overlapping))


def _gaps(steps: Sequence[Step]) -> list[tuple[timedelta, timedelta | None]]:
    return [step.gap for step in steps]


def _ways(
    steps: Sequence[Step], slots: list[list[Slot]], overlapping: bool
) -> Iterator[tuple[Slot, ...]]:
    starts = [[slot.start for slot in found] for found in slots]
    dead: set[tuple[int, int]] = set()  # (step, index of its slot): leads nowhere

    def rest(n: int, stop: datetime) -> tuple[Slot, ...] | None:
        """The steps from n on, after one that stops then."""
        if n == len(steps):
            return ()
        low, high = steps[n].gap
        for place in range(bisect_left(starts[n], stop + low), len(starts[n])):
            slot = slots[n][place]
            if high is not None and slot.start > stop + high:
                break
            if (n, place) not in dead:
                tail = rest(n + 1, slot.stop)
                if tail is not None:
                    return (slot, *tail)
                dead.add((n, place))
        return None

    free_from = None
    for first in slots[0] if slots else ():
        if not overlapping and free_from is not None and first.start < free_from:
            continue
        tail = rest(1, first.stop)
        if tail is not None:
            way = (first, *tail)
            free_from = way[-1].stop
            yield way
