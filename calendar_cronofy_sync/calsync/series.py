"""A series laid out as single events, and recognised again after it was moved.

The plan knows no series: it sees occurrences, each under its instance id. What a master
and its exceptions mean for them is worked out here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from itertools import islice

from .recurrence import Occurrence, expand, instance_id, zone
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
    for occurrence in _starts(master, window):
        key = moment(occurrence.start)
        exception = exceptions.get(key)
        if exception is None:
            yield _follow(master, occurrence.start)
        elif not exception.cancelled:
            yield _complete(exception, master)
        else:
            yield replace(exception, remote_id=instance_of(master, occurrence.start))
    # exceptions may have been moved into the window from outside of it
    for exception in exceptions.values():
        if _moved_in(exception, master, window):
            yield _complete(exception, master)


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
    its distance on the clock of the series' zone. Occurrences that cannot be recognised
    are left out.
    """
    old, new = before.fields.when, after.fields.when
    if old.allday != new.allday or old.start == new.start:
        return {}
    shift = _clock(new.start, new.tz) - _clock(old.start, old.tz)
    return {
        key: moment(_unclock(_clock(from_moment(key), old.tz) + shift, new))
        for key in keys
    }


def dates(lines: Sequence[str], first: When, window: Window) -> frozenset[str]:
    """The :func:`.values.moment` of each start that falls into the window.

    :param first: when the rule's first appointment takes place
    :raises RuleUnreadable: the rule cannot be expanded
    """
    return frozenset(moment(found.start) for found in _between(lines, first, window))


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
    starts = [when.start for _key, when in events]
    last = max(starts, default=first.start)
    # a rule without end has more places than Odoo made events: those are left alone
    ends = re.search(r"\b(COUNT|UNTIL)=", rule)
    until = (FAR.date() if first.allday else FAR) if ends else last + timedelta(days=1)
    found = expand([rule], first.start, tz=first.tz or "UTC", until=until)
    slots = [o.start for o in islice(found, MOST) if ends or o.start <= last]
    taken = {moment(slot): slot for slot in slots}
    blocked = [taken.pop(key) for key in list(taken) if key in gone]
    places, others = {}, []
    for key, when in sorted(events, key=lambda pair: pair[1].start):
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


def _starts(master: RemoteEvent, window: Window) -> Iterator[Occurrence]:
    return _between(master.recurrence, master.fields.when, window)


def _between(lines: Sequence[str], when: When, window: Window) -> Iterator[Occurrence]:
    """The occurrences that end in the window; ``when`` is the first appointment."""
    length = when.stop - when.start
    since, until = window.start - length - timedelta(days=1), window.horizon
    for occurrence in expand(
        lines,
        when.start,
        tz=when.tz or "UTC",
        until=until.date() if when.allday else until,
        since=since.date() if when.allday else since,
    ):
        if _aware(occurrence.start, when.tz) + length > window.start:
            yield occurrence


def _follow(master: RemoteEvent, start: datetime | date) -> RemoteEvent:
    when = master.fields.when
    stop = start + (when.stop - when.start)
    if isinstance(start, datetime):
        # the length is real time, the start wall-clock time
        stop = start.astimezone(timezone.utc) + (when.stop - when.start)
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
