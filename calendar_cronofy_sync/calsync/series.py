"""A series laid out as single events, and recognised again after it was moved.

The plan knows no series: it sees occurrences, each under its instance id. What a master
and its exceptions mean for them is worked out here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from itertools import islice

from .recurrence import expand, instance_id, lengths, zone
from .values import Fields, RemoteEvent, When, Window, from_moment, moment

#: Odoo makes no more events than 720 of a series
MOST = 750
#: later than any rule's end
FAR = datetime(9000, 1, 1, tzinfo=timezone.utc)

#: versions of occurrences that merely follow their master; never sent as If-Match
DERIVED = "master:"


def occurrences(
    master: RemoteEvent,
    exceptions: Mapping[str, RemoteEvent],
    window: Window,
) -> Iterator[RemoteEvent]:
    """The occurrences that end in the window, as events of their own.

    :param exceptions: by :func:`.values.moment` of their original start; a cancelled
        one is yielded as cancelled
    :raises RuleUnreadable: the rule cannot be expanded
    """
    for start, length in _between(master.recurrence, master.fields.when, window):
        exception = exceptions.get(moment(start))
        if exception is None:
            yield _follow(master, start, length)
        elif not exception.cancelled:
            yield _complete(exception, master)
        else:
            yield replace(exception, remote_id=instance_of(master, start))
    # exceptions may have been moved into the window from outside of it
    for exception in exceptions.values():
        if _moved_in(exception, master, window):
            yield _complete(exception, master)


def first(
    master: RemoteEvent,
    exceptions: Mapping[str, RemoteEvent],
    window: Window,
) -> Iterator[RemoteEvent]:
    """The first appointment of a series of which nothing else can be read, not even its
    zone."""
    when = replace(master.fields.when, tz="")
    alone = replace(master, recurrence=(), fields=replace(master.fields, when=when))
    return occurrences(alone, exceptions, window)


def original(master: RemoteEvent) -> RemoteEvent:
    """The original appointment of a series, as a single event."""
    return replace(master, recurrence=())


def instance_of(master: RemoteEvent, start: datetime | date) -> str:
    """The id of the occurrence of ``master`` whose original start this is."""
    return instance_id(master.remote_id, start)


def moved(
    before: RemoteEvent, after: RemoteEvent, keys: Iterable[str]
) -> dict[str, str]:
    """Where occurrences of a moved series went: {old original start: new one}.

    When the master's start moves, so do all ids. An occurrence is recognised by keeping
    its distance on the clock of the series' zone; a day that becomes a time, or the
    other way round, keeps it from midnight.
    """
    old, new = before.fields.when, after.fields.when
    if old.start == new.start and (old.tz == new.tz or not (old.tz and new.tz)):
        return {}
    shift = _clock(new.start, new.tz) - _clock(old.start, old.tz)
    return {
        key: moment(_unclock(_clock(from_moment(key), old.tz) + shift, new))
        for key in keys
    }


def heirs(
    left: Iterable[str],
    free: Iterable[str],
    old: RemoteEvent,
    new: RemoteEvent,
    pivot: str = "",
) -> dict[str, str]:
    """Which new date each old one became, when a series was changed: {old original
    start: new one}. Those that correspond to none are left out.

    :param left: original starts that the series has no more
    :param free: those that it has now and did not have
    :param pivot: which old date became the new first one, where that is not the old
        first one: at a split
    """
    before, after = old.fields.when, new.fields.when
    begin = from_moment(pivot) if pivot else before.start
    shift = _clock(after.start, after.tz) - _clock(begin, before.tz)
    at = {key: _clock(from_moment(key), before.tz) for key in sorted(left)}
    of = {key: _clock(from_moment(key), after.tz) for key in sorted(free)}
    found: dict[str, str] = {}
    for label, by in (
        (lambda clock: clock, shift),  # the same distance from the first one
        (datetime.date, shift),
        (datetime.date, timedelta()),
        (_period(old, new), shift),
    ):
        if label is None:
            continue
        places: dict[object, list[str]] = {}
        for key, clock in of.items():
            places.setdefault(label(clock), []).append(key)
        for key, clock in list(at.items()):
            if fitting := places.get(label(clock + by)):
                found[key] = fitting.pop(0)
                del at[key], of[found[key]]
    if len(at) == len(of) and _ends(new.recurrence):
        found.update(zip(at, of, strict=True))  # as many as before: in order
    return found


def before(keys: Iterable[str], old: When, tail: When) -> frozenset[str]:
    """Those that a series keeps of its dates when another one goes on from the day on
    which ``tail`` starts; all, if that began earlier than the series itself."""
    cut = _clock(tail.start, tail.tz).date()
    if _clock(old.start, old.tz).date() >= cut:
        return frozenset(keys)
    return frozenset(k for k in keys if _clock(from_moment(k), old.tz).date() < cut)


#: what "the one of the same week" is, of a rule that goes on repeating by weeks
_PERIODS: Mapping[str, Callable[[datetime], object]] = {
    "WEEKLY": lambda clock: clock.isocalendar()[:2],
    "MONTHLY": lambda clock: (clock.year, clock.month),
    "YEARLY": lambda clock: clock.year,
}


def _period(old: RemoteEvent, new: RemoteEvent) -> Callable[[datetime], object] | None:
    one, other = (_freq(event.recurrence) for event in (old, new))
    return _PERIODS.get(one) if one == other else None


def _freq(lines: Sequence[str]) -> str:
    found = re.search(r"FREQ=([A-Z]+)", "\n".join(lines).upper())
    return found[1] if found else ""


def _ends(lines: Sequence[str]) -> bool:
    """Do all rules of the series end?"""
    rules = [line.upper() for line in lines if line.upper().startswith("RRULE")]
    return all("COUNT=" in rule or "UNTIL=" in rule for rule in rules)


def dates(lines: Sequence[str], first: When, window: Window) -> frozenset[str]:
    """The :func:`.values.moment` of each start that falls into the window.

    :param first: when the rule's first appointment takes place
    :raises RuleUnreadable: the rule cannot be expanded
    """
    return frozenset(moment(start) for start, _ in _between(lines, first, window))


def reaching(window: Window, keys: Iterable[str]) -> Window:
    """The window, prolonged until it holds all these original starts: occurrences that
    exist lie as far ahead as they like."""
    last = max(keys, default="")
    if not last:
        return window
    beyond = _aware(from_moment(last), "UTC") + timedelta(days=1)
    return replace(window, horizon=max(window.horizon, beyond))


@dataclass(frozen=True, slots=True)
class Layout:
    """How a series made in Odoo is written: its rule, and which event is which."""

    #: RRULE and EXDATE lines
    recurrence: tuple[str, ...]
    #: {event key: original start} of the events that have a place in the rule
    places: Mapping[object, datetime | date]
    #: keys of the events that have none: to be written as single events
    strays: tuple[object, ...]


def lay_out(
    rule: str,
    first: When,
    events: Sequence[tuple[object, When]],
    gone: Collection[str] = (),
) -> Layout:
    """Fit the events of a recurrence made in Odoo to its rule.

    An event that stands where the rule says has that place; the others take the places
    that are left, in order, and places without an event become EXDATEs.

    :param rule: RRULE line
    :param first: when the rule's first appointment takes place
    :param events: (key, when) of the events that exist
    :param gone: :func:`.values.moment` of the places whose occurrence was deleted
        remotely: an occurrence does not come back, so no event gets one of them
    :raises RuleUnreadable: the rule cannot be expanded
    """
    starts = [when.start for _key, when in events if when.allday == first.allday]
    last = max(starts, default=first.start)
    # a rule without end has more places than Odoo made events: those are left alone
    ends = re.search(r"\b(COUNT|UNTIL)=", rule)
    until = (FAR.date() if first.allday else FAR) if ends else last + timedelta(days=1)
    found = expand([rule], first.start, tz=first.tz or "UTC", until=until)
    slots = [o.start for o in islice(found, MOST) if ends or o.start <= last]
    taken = {moment(slot): slot for slot in slots}
    blocked = [taken.pop(key) for key in list(taken) if key in gone]
    places, others = {}, []
    for key, when in sorted(events, key=lambda pair: moment(pair[1].start)):
        slot = taken.pop(moment(when.start), None)
        if slot is None:
            others.append(key)
        else:
            places[key] = slot
    free = sorted(taken.values())
    places.update(zip(others, free, strict=False))
    strays = tuple(others[len(free) :])
    exdates = [_exdate(slot) for slot in sorted([*free[len(others) :], *blocked])]
    return Layout((rule, *exdates), places, strays)


def _exdate(slot: datetime | date) -> str:
    if isinstance(slot, datetime):
        return "EXDATE:" + moment(slot).replace("-", "").replace(":", "")
    return "EXDATE;VALUE=DATE:" + slot.strftime("%Y%m%d")


def _between(
    lines: Sequence[str], when: When, window: Window
) -> Iterator[tuple[datetime | date, timedelta]]:
    """The starts that end in the window, and how long each takes; ``when`` is the first
    appointment."""
    tz, usual = when.tz or "UTC", when.stop - when.start
    own = {moment(s): n for s, n in lengths(lines, when.start, tz=tz).items()}
    longest = max(usual, *own.values(), timedelta())
    since, until = window.start - longest - timedelta(days=1), window.horizon
    for occurrence in expand(
        lines,
        when.start,
        tz=tz,
        until=until.date() if when.allday else until,
        since=since.date() if when.allday else since,
    ):
        length = own.get(moment(occurrence.start), usual)
        if _aware(occurrence.start, when.tz) + length > window.start:
            yield occurrence.start, length


def _follow(
    master: RemoteEvent, start: datetime | date, length: timedelta
) -> RemoteEvent:
    when = master.fields.when
    stop = start + length
    if isinstance(start, datetime):
        # the length is real time, the start wall-clock time
        stop = start.astimezone(timezone.utc) + length
    return replace(
        master,
        remote_id=instance_of(master, start),
        etag=f"{DERIVED}{master.etag}",
        fields=replace(master.fields, when=When(start, stop, when.tz)),
        recurrence=(),
        master_id=master.remote_id,
        original_start=start,
        url="",
    )


def _complete(exception: RemoteEvent, master: RemoteEvent) -> RemoteEvent:
    """Exceptions carry all their fields; only ids and people may be left to the
    master."""
    return replace(
        exception,
        ical_uid=exception.ical_uid or master.ical_uid,
        organizer=exception.organizer or master.organizer,
    )


def _moved_in(exception: RemoteEvent, master: RemoteEvent, window: Window) -> bool:
    if exception.cancelled or exception.fields is None:
        return False
    original_start = exception.original_start
    tz = master.fields.when.tz
    length = master.fields.when.stop - master.fields.when.start
    planned = _aware(original_start, tz)
    inside = planned + length > window.start and planned < window.horizon
    if inside:
        return False
    stop = _aware(exception.fields.when.stop, tz)
    return stop > window.start and _aware(exception.fields.when.start, tz) < (
        window.horizon
    )


def _aware(value: datetime | date, tz: str) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day, tzinfo=zone(tz or "UTC"))


def _clock(value: datetime | date, tz: str) -> datetime:
    """The naive time on the wall of the zone."""
    return _aware(value, tz).astimezone(zone(tz or "UTC")).replace(tzinfo=None)


def _unclock(value: datetime, when: When) -> datetime | date:
    if when.allday:
        return value.date()
    return value.replace(tzinfo=zone(when.tz or "UTC"))


def fields_at(master: Fields, start: datetime | date) -> Fields:
    """The fields of the occurrence that follows its master at ``start``."""
    when = master.when
    return replace(master, when=When(start, start + (when.stop - when.start), when.tz))
