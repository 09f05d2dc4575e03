"""A series: which occurrences it has. RFC 5545 decides, but for what Google means.

What the RFC leaves open, or decides in a way that surprises:

* The start is the first occurrence, also when the rule does not produce it, and COUNT
  counts it. EXDATE can take it away; it stays counted.
* A rule is followed on the wall clock of the series' zone. A time that the clock skips
  is read with the offset before the gap (02:30 becomes 03:30); of a time that the clock
  repeats the first is meant. What falls on the same instant is one occurrence
  (though COUNT counts every one that the rule produces).
* EXDATE, RDATE and exceptions name instants: their zone need not be that of the series.
  Without a zone they mean the series' own; a bare date takes every occurrence of that
  local day out of a timed series, or adds one at the time of its start.
* Of an all-day series only dates count, as they are written; BYHOUR, BYMINUTE and
  BYSECOND are ignored. A bare date in UNTIL includes that whole day.
* BYWEEKNO counts the weeks of a year of weeks: its first one may begin in December.
* Parts that the RFC does not allow together limit the dates, as other applications
  read them: BYMONTHDAY in a weekly rule, BYWEEKNO in a monthly one, COUNT and UNTIL
  (whichever comes first). Where weekdays cannot be counted, BYDAY=1MO is BYDAY=MO.
* FREQ=YEARLY;BYMONTHDAY=25 is once a year, in the month of the start: so Google writes
  it and so it shows it (gcal_sync, test_yearly_bymonthday_rrule). The RFC says monthly.
* A line that cannot be read costs only itself where others can (:func:`unreadable`).

dateutil's rrule is not used, only compared with in the tests: on a rule that never fits
(30 February, every second with BYSETPOS=2) it looks for hours, it cannot begin in the
middle of a long series, and it reads BYWEEKNO differently at the turn of the year.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from heapq import merge
from itertools import islice, product
from operator import itemgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from .errors import RuleUnreadable
from .values import base_id

#: Days and times that one expansion may look at: a second of work at most, and more
#: than any calendar holds (a daily series of a century).
EFFORT = 300_000
#: What handing out an occurrence costs of it.
_PRICE = 5

_DAY = timedelta(days=1)
_WEEK = tuple(timedelta(days=n) for n in range(7))
_UTC = timezone.utc


class Occurrence(NamedTuple):
    """One appointment of a series.

    Of a timed series both are aware datetimes in its zone, of an all-day one dates.
    """

    #: when it takes place; None, in an exception only, when it was cancelled
    start: datetime | date | None
    #: where the rule puts it, whatever became of it
    original_start: datetime | date


def expand(
    lines: str | Iterable[str],
    start: datetime | date,
    *,
    tz: str | tzinfo | None,
    until: datetime | date,
    exceptions: Iterable[Occurrence | datetime | date] = (),
    since: datetime | date | None = None,
) -> Iterator[Occurrence]:
    """The occurrences of a series that start before ``until``, in order of their start.

    :param lines: RRULE, EXRULE, RDATE and EXDATE lines; none means the start alone
    :param start: of the first occurrence; a date makes the series an all-day one, a
        naive datetime is on the clock of ``tz``
    :param tz: in whose clock the series repeats; only an all-day series, or one whose
        start is aware, may do without
    :param until: exclusive; a date means its local midnight
    :param exceptions: original starts of cancelled occurrences, or Occurrences that
        were moved (or cancelled, with ``start=None``). A moved one is handed out where
        it was moved to, even if the rule does not know its original start: the
        provider holds it, so it exists.
    :param since: hand out only what starts then or later, without walking through what
        comes before
    :raise RuleUnreadable: at the call when no line, or not the zone, can be read; while
        iterating when the rule goes on for ever without, or with far too many, results
    """
    try:
        return _Series(lines, start, tz).expand(since, until, exceptions)
    except OverflowError as err:
        raise RuleUnreadable(f"The series leaves the calendar: {start}.") from err


def unreadable(
    lines: str | Iterable[str], start: datetime | date, *, tz: str | tzinfo | None
) -> list[RuleUnreadable]:
    """What :func:`expand` leaves out: why, for each line that cannot be read."""
    return _Series((), start, tz).read_all(lines)


def lengths(
    lines: str | Iterable[str], start: datetime | date, *, tz: str | tzinfo | None
) -> dict[datetime | date, timedelta]:
    """How long the occurrences are of which the series says so: those of an RDATE with
    periods (RFC 5545, 3.8.5.2). The keys are their starts as :func:`expand` has them.
    """
    series = _Series((), start, tz)
    series.read_all(lines)
    return {
        series._start(place): length
        for place, length in series.lengths.items()
        if place < _END
    }


def instance_id(master_id: str, original_start: datetime | date) -> str:
    """Google's id of one occurrence of a series.

    Those of the tail of a split are named after its base (payloads in odoo/odoo#120798
    and googleapis/google-api-php-client#2009).
    """
    base = base_id(master_id)
    if isinstance(original_start, datetime):
        return f"{base}_{original_start.astimezone(_UTC):%Y%m%dT%H%M%SZ}"
    return f"{base}_{original_start:%Y%m%d}"


def normal_form(lines: str | Iterable[str]) -> tuple[str, ...]:
    """The lines written the one way that makes equal series equal.

    Unfolded and in capitals; the parts of a rule in a fixed order and without defaults;
    all dates of the same kind in one line, in order, once each.
    """
    rules: dict[str, None] = {}
    dates: dict[str, set[str]] = {}
    for line in _unfold(lines):
        name, params, value = _split(line)
        if name.endswith("RULE"):
            _rule(line, value)  # raises when it cannot be read
            rules[f"{name}:{_normal_rule(_parts(line, value))}"] = None
        else:
            items = {item.upper() for item in _items(line, value)}
            for item in items:
                _stamp(line, item)
            kept = "".join(
                f";{key}={params[key]}" for key in ("TZID", "VALUE") if key in params
            )
            dates.setdefault(name + kept, set()).update(items)
    return (*rules, *(f"{key}:{','.join(sorted(dates[key]))}" for key in sorted(dates)))


def zone(tz: str | tzinfo) -> tzinfo:
    """The zone of that name; Google also sends offsets such as ``GMT+02:00``."""
    # A pytz zone must not be attached to a datetime as it is: take its name.
    name = getattr(tz, "zone", None) or tz
    if not isinstance(name, str):
        return name if isinstance(name, tzinfo) else _no_zone(tz)
    fixed = re.fullmatch(r"(?:GMT|UTC)([+-])([0-9]{1,2})(?::?([0-5][0-9]))?", name)
    try:
        if fixed:
            sign, hours, minutes = fixed.groups()
            offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
            return timezone(-offset if sign == "-" else offset)
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # not found; not a key ("../x"); a folder ("Europe")
        return _no_zone(tz)


def _no_zone(tz: object) -> tzinfo:
    raise RuleUnreadable(f"There is no time zone {str(tz)[:100]!r}.")


# -- reading lines ---------------------------------------------------------------------

_LINE = re.compile(r"(RRULE|EXRULE|RDATE|EXDATE)(;.*)?", re.I | re.S)
_STAMP = re.compile(r"([0-9]{8})(?:T([0-9]{4})([0-9]{2})(Z)?)?", re.I)
_PERIOD_END = re.compile(
    r"[0-9]{8}T[0-9]{6}Z?|\+?P(?=[0-9T])(\d+W)?(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?", re.I
)
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_WEEKDAY = re.compile(rf"([+-]?[0-9]{{1,2}})?({'|'.join(_WEEKDAYS)})")
_FREQUENCIES = (
    "YEARLY",
    "MONTHLY",
    "WEEKLY",
    "DAILY",
    "HOURLY",
    "MINUTELY",
    "SECONDLY",
)
_SUBDAILY = _FREQUENCIES[4:]
_BY_NUMBER = {  # part: smallest, largest number, and whether it counts backwards too
    "BYMONTH": (1, 12, False),
    "BYWEEKNO": (1, 53, True),
    "BYYEARDAY": (1, 366, True),
    "BYMONTHDAY": (1, 31, True),
    "BYHOUR": (0, 23, False),
    "BYMINUTE": (0, 59, False),
    "BYSECOND": (0, 60, False),
    "BYSETPOS": (1, 366, True),
}
_PART_ORDER = (
    "FREQ",
    "UNTIL",
    "COUNT",
    "INTERVAL",
    "BYMONTH",
    "BYWEEKNO",
    "BYYEARDAY",
    "BYMONTHDAY",
    "BYDAY",
    "BYHOUR",
    "BYMINUTE",
    "BYSECOND",
    "BYSETPOS",
    "WKST",
)


class _Stamp(NamedTuple):
    """A date, or a time on some clock, as written in a line."""

    day: date
    clock: time | None
    utc: bool


@dataclass(frozen=True, slots=True)
class _Rule:
    """An RRULE or EXRULE; empty sets mean that the part was not given."""

    freq: str
    interval: int
    count: int | None
    until: _Stamp | None
    wkst: int
    bymonth: frozenset[int]
    byweekno: frozenset[int]
    byyearday: frozenset[int]
    bymonthday: frozenset[int]
    #: (ordinal, weekday); ordinal 0 = every one
    byday: frozenset[tuple[int, int]]
    byhour: frozenset[int]
    byminute: frozenset[int]
    bysecond: frozenset[int]
    bysetpos: frozenset[int]


def _unreadable(line: str, why: str) -> RuleUnreadable:
    return RuleUnreadable(f"{why}: {line[:200]}")


def _unfold(lines: str | Iterable[str]) -> list[str]:
    text = lines if isinstance(lines, str) else "\n".join(lines)
    text = re.sub(r"\r?\n[ \t]", "", text)
    return [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def _split(line: str) -> tuple[str, dict[str, str], str]:
    """Name, parameters and value of a line."""
    # No value holds a colon, but the name of a zone may: TZID=GMT+02:00
    head, colon, value = line.rpartition(":")
    match = _LINE.fullmatch(head)
    if not colon or not match:
        raise _unreadable(line, "Not a line of a recurrence")
    params = {}
    for param in filter(None, (match[2] or "").split(";")):
        key, _, content = param.partition("=")
        params[key.strip().upper()] = content.strip().strip('"')
    return match[1].upper(), params, value.strip()


def _items(line: str, value: str) -> list[str]:
    items = [item.strip() for item in value.split(",") if item.strip()]
    if not items:
        raise _unreadable(line, "There is no value")
    return items


def _parts(line: str, value: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in filter(None, value.upper().split(";")):
        name, _, content = (text.strip() for text in part.partition("="))
        # RFC 2445 allowed private parts; RFC 7529 spells out what we take for granted.
        if name.startswith("X-") or part in ("RSCALE=GREGORIAN", "SKIP=OMIT"):
            continue
        if name in parts or name not in _PART_ORDER:
            raise _unreadable(line, f"{name[:20]} is unknown, or given twice")
        parts[name] = content
    return parts


def _rule(line: str, value: str) -> _Rule:
    parts = _parts(line, value)
    freq = parts.get("FREQ", "")
    if freq not in _FREQUENCIES:
        raise _unreadable(line, "There is no known FREQ")
    rule = _Rule(
        freq=freq,
        interval=_positive(line, parts.get("INTERVAL", "1")),
        count=_positive(line, parts["COUNT"]) if "COUNT" in parts else None,
        until=_stamp(line, parts["UNTIL"]) if "UNTIL" in parts else None,
        wkst=_weekday(line, parts.get("WKST", "MO"))[1],
        byday=frozenset(_weekday(line, day) for day in _list(line, parts, "BYDAY")),
        **{name.lower(): _numbers(line, parts, name) for name in _BY_NUMBER},
    )
    if parts.get("WKST", "MO") not in _WEEKDAYS:
        raise _unreadable(line, "WKST is not a weekday")
    if not _has_days(rule):
        raise _unreadable(line, "No day of any year fits")
    counts = rule.freq == "MONTHLY" or rule.freq == "YEARLY" and not rule.byweekno
    if not counts:
        rule = replace(rule, byday=frozenset((0, day) for _nth, day in rule.byday))
    return rule


def _has_days(rule: _Rule) -> bool:
    """False for a rule such as 30 February."""
    if not rule.bymonth and not rule.byyearday:
        return True
    fits = _day_test(replace(rule, byday=frozenset(), byweekno=frozenset()))
    days = (
        date(2023, 1, 1) + n * _DAY for n in range(2 * 365 + 1)
    )  # 2024 is a leap year
    return any(fits(day) for day in days)


def _list(line: str, parts: dict[str, str], name: str) -> list[str]:
    return _items(line, parts[name]) if name in parts else []


def _positive(line: str, text: str) -> int:
    if not re.fullmatch(r"\+?[0-9]{1,18}", text) or not int(text):
        raise _unreadable(line, "COUNT and INTERVAL are positive numbers")
    return int(text)


def _numbers(line: str, parts: dict[str, str], name: str) -> frozenset[int]:
    smallest, largest, signed = _BY_NUMBER[name]
    numbers = set()
    for text in _list(line, parts, name):
        number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,3}", text) else -1000
        if not smallest <= (abs(number) if signed else number) <= largest:
            raise _unreadable(line, f"{name} is out of its range")
        numbers.add(number)
    return frozenset(numbers)


def _weekday(line: str, text: str) -> tuple[int, int]:
    match = _WEEKDAY.fullmatch(text)
    if not match or (match[1] and not 1 <= abs(int(match[1])) <= 53):
        raise _unreadable(line, "Not a weekday")
    return int(match[1] or 0), _WEEKDAYS.index(match[2])


def _stamp(line: str, text: str) -> _Stamp:
    begin, slash, end = text.partition("/")  # of a period only the begin counts
    match = _STAMP.fullmatch(begin)
    if not match or (slash and not _PERIOD_END.fullmatch(end)):
        raise _unreadable(line, "Not a date or time")
    day, hour_minute, second, utc = match.groups()
    try:
        return _Stamp(
            date(int(day[:4]), int(day[4:6]), int(day[6:])),
            # a leap second is the one before, says the RFC
            time(int(hour_minute[:2]), int(hour_minute[2:]), min(int(second), 59))
            if hour_minute
            else None,
            bool(utc),
        )
    except ValueError as err:
        raise _unreadable(line, "There is no such date or time") from err


def _duration(text: str) -> tuple[timedelta, timedelta]:
    """Whole days, and time, of a duration."""
    amount = {unit: int(number) for number, unit in re.findall(r"(\d+)([A-Z])", text)}
    return (
        timedelta(weeks=amount.get("W", 0), days=amount.get("D", 0)),
        timedelta(
            hours=amount.get("H", 0),
            minutes=amount.get("M", 0),
            seconds=amount.get("S", 0),
        ),
    )


def _normal_rule(parts: dict[str, str]) -> str:
    normal = []
    for name in _PART_ORDER:
        value = parts.get(name)
        if value is None or (name, value) in (("INTERVAL", "1"), ("WKST", "MO")):
            continue
        if name.startswith("BY"):
            items = {item.strip().replace("+", "") for item in value.split(",")}
            value = ",".join(sorted(filter(None, items), key=_item_order))
        normal.append(f"{name}={value}")
    return ";".join(normal)


def _item_order(item: str) -> tuple[int, int]:
    if item[-2:] in _WEEKDAYS:
        return _WEEKDAYS.index(item[-2:]), int(item[:-2] or 0)
    return 0, int(item)


# -- the days and times of one rule ----------------------------------------------------


class _Effort:
    """Ends an expansion that leads nowhere."""

    def __init__(self) -> None:
        self.left = EFFORT

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise RuleUnreadable("The rule has far too many occurrences, or none.")


def _walls(
    rule: _Rule, start: datetime, low: datetime, high: datetime, effort: _Effort
) -> Iterator[datetime]:
    """The wall-clock times of a rule from ``start`` on, ascending.

    Without those before ``low`` where they need not be counted, none after ``high``.
    """
    rule = _with_defaults(rule, start)
    low = start if rule.count else max(start, low)
    sets = _short_sets if rule.freq in _SUBDAILY else _long_sets
    try:
        for walls in sets(rule, start, low, high, effort):
            if rule.bysetpos:
                walls = _at_positions(walls, rule.bysetpos)
            for wall in walls:
                if wall > high:
                    return
                if wall >= start:
                    yield wall
    except OverflowError:  # the end of the calendar, year 9999
        return


def _with_defaults(rule: _Rule, start: datetime) -> _Rule:
    """What the rule does not say is taken from the start."""
    given: dict[str, Any] = {}
    weeks = (
        rule.freq == "WEEKLY" or rule.byweekno and rule.freq in ("YEARLY", "MONTHLY")
    )
    if not (rule.byyearday or rule.bymonthday or rule.byday):
        if weeks:
            given["byday"] = frozenset({(0, start.weekday())})
        elif rule.freq in ("YEARLY", "MONTHLY"):
            given["bymonthday"] = frozenset({start.day})
            if rule.freq == "YEARLY" and not rule.bymonth:
                given["bymonth"] = frozenset({start.month})
    elif _once_a_year(rule):
        given["bymonth"] = frozenset({start.month})
    for unit, name in enumerate(("hour", "minute", "second")):
        # an hourly rule makes its own hours, and so on
        if not getattr(rule, f"by{name}") and unit >= _FREQUENCIES.index(rule.freq) - 3:
            given[f"by{name}"] = frozenset({getattr(start, name)})
    return replace(rule, **given) if given else rule


def _once_a_year(rule: _Rule) -> bool:
    """FREQ=YEARLY;BYMONTHDAY=25, as Google means it."""
    others = rule.bymonth or rule.byweekno or rule.byyearday or rule.byday
    return rule.freq == "YEARLY" and bool(rule.bymonthday) and not others


def _at_positions(walls: list[datetime], positions: frozenset[int]) -> list[datetime]:
    size = len(walls)
    found = {p - 1 if p > 0 else size + p for p in positions}
    return [walls[i] for i in sorted(found) if 0 <= i < size]


def _clock_times(rule: _Rule) -> list[time]:
    seconds = {min(second, 59) for second in rule.bysecond}
    return [time(*t) for t in sorted(product(rule.byhour, rule.byminute, seconds))]


def _long_sets(
    rule: _Rule, start: datetime, low: datetime, high: datetime, effort: _Effort
) -> Iterator[list[datetime]]:
    """The times in each year, month, week or day of the rule."""
    times = _clock_times(rule)
    fits = _day_test(rule)
    for days in _periods(rule, start.date(), low.date(), high.date()):
        fitting = [day for day in days if fits(day)]
        effort.spend(len(days) + len(fitting) * len(times))
        yield [datetime.combine(day, clock) for day in fitting for clock in times]


def _periods(
    rule: _Rule, start: date, low: date, high: date
) -> Iterator[list[date] | tuple[date, ...]]:
    """The days of each period that may hold an occurrence between the days given."""
    step = rule.interval

    def skipped(periods: int) -> int:  # one less, for weeks that cross the year
        return max(0, (periods - 1) // step)

    if rule.freq == "YEARLY":
        year = _week_year(start, rule.wkst) if rule.byweekno else start.year
        year += step * skipped(low.year - year)
        while year <= min(high.year + 1, 9998):  # so that no week leaves the calendar
            yield _days_of_year(rule, year)
            year += step
    elif rule.freq == "MONTHLY":
        first, last = _month_number(start), _month_number(high)
        number = first + step * skipped(_month_number(low) - first)
        while number <= last:
            yield _days_of_month(number // 12, number % 12 + 1)
            number += step
    else:
        size = 7 if rule.freq == "WEEKLY" else 1
        if size == 7:
            start -= (start.weekday() - rule.wkst) % 7 * _DAY
        day = start + step * size * skipped((low - start).days // size) * _DAY
        while day <= high:
            yield tuple(day + n for n in _WEEK) if size == 7 else (day,)
            day += step * size * _DAY


def _month_number(day: date) -> int:
    return day.year * 12 + day.month - 1


def _days_of_month(year: int, month: int) -> list[date]:
    return [date(year, month, n + 1) for n in range(monthrange(year, month)[1])]


def _days_of_year(rule: _Rule, year: int) -> list[date]:
    if not rule.byweekno:
        months = sorted(rule.bymonth) or range(1, 13)
        return [day for month in months for day in _days_of_month(year, month)]
    first = _first_week(year, rule.wkst)
    weeks = (_first_week(year + 1, rule.wkst) - first).days // 7
    numbers = {n if n > 0 else weeks + 1 + n for n in rule.byweekno}
    return [
        first + (7 * (number - 1) + n) * _DAY
        for number in sorted(numbers)
        if 1 <= number <= weeks
        for n in range(7)
    ]


def _first_week(year: int, wkst: int) -> date:
    """The first day of the first week with at least four days in the year."""
    fourth = date(year, 1, 4)
    return fourth - (fourth.weekday() - wkst) % 7 * _DAY


def _week_year(day: date, wkst: int) -> int:
    """The year whose weeks the day belongs to."""
    if day >= _first_week(day.year + 1, wkst):
        return day.year + 1
    return day.year - (day < _first_week(day.year, wkst))


def _week_numbers(rule: _Rule, day: date) -> tuple[int, int]:
    """The number of the day's week, counted from the first one and from the last."""
    year = _week_year(day, rule.wkst)
    first, end = (_first_week(y, rule.wkst) for y in (year, year + 1))
    return (day - first).days // 7 + 1, -1 - ((end - day).days - 1) // 7


def _day_test(rule: _Rule) -> Callable[[date], bool]:
    """Whether a day fits the parts that name days (the weeks of a yearly rule are in
    the periods)."""
    tests: list[Callable[[date], bool]] = []
    if rule.byweekno and rule.freq != "YEARLY":
        tests.append(lambda day: not rule.byweekno.isdisjoint(_week_numbers(rule, day)))
    if rule.bymonth:
        tests.append(lambda day: day.month in rule.bymonth)
    if rule.bymonthday:
        tests.append(
            lambda day: (
                day.day in rule.bymonthday
                or day.day - _month_length(day) - 1 in rule.bymonthday
            )
        )
    if rule.byyearday:
        tests.append(
            lambda day: (
                _year_day(day) in rule.byyearday
                or _year_day(day) - _year_length(day) - 1 in rule.byyearday
            )
        )
    if rule.byday:
        tests.append(_weekday_test(rule))

    def fits(day: date) -> bool:
        for test in tests:
            if not test(day):
                return False
        return True

    return fits


def _weekday_test(rule: _Rule) -> Callable[[date], bool]:
    """BYDAY: any such weekday, or the nth of the month or (yearly, no BYMONTH) year."""
    every = {weekday for nth, weekday in rule.byday if not nth}
    counted = {(nth, weekday) for nth, weekday in rule.byday if nth}
    in_year = rule.freq == "YEARLY" and not rule.bymonth

    def fits(day: date) -> bool:
        weekday = day.weekday()
        if weekday in every or not counted:
            return weekday in every
        number = _year_day(day) if in_year else day.day
        size = _year_length(day) if in_year else _month_length(day)
        return ((number - 1) // 7 + 1, weekday) in counted or (
            -((size - number) // 7 + 1),
            weekday,
        ) in counted

    return fits


def _year_day(day: date) -> int:
    return day.toordinal() - date(day.year, 1, 1).toordinal() + 1


def _year_length(day: date) -> int:
    return 366 if monthrange(day.year, 2)[1] == 29 else 365


def _month_length(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def _short_sets(
    rule: _Rule, start: datetime, low: datetime, high: datetime, effort: _Effort
) -> Iterator[list[datetime]]:
    """The times in each hour, minute or second of the rule.

    What does not fit is left in one leap: to the next day, hour or minute.
    """
    hour, minute, second = (
        timedelta(hours=1),
        timedelta(minutes=1),
        timedelta(seconds=1),
    )
    unit = {"HOURLY": hour, "MINUTELY": minute, "SECONDLY": second}[rule.freq]
    first = start.replace(
        minute=0 if unit == hour else start.minute,
        second=start.second if unit == second else 0,
    )
    # an interval longer than the calendar is as good as any
    step = timedelta(seconds=min(rule.interval * unit.seconds, 10**12))
    fits = _day_test(rule)
    day, day_fits = date.min, False
    at = first + max(0, (low - first) // step) * step
    while at <= high:
        effort.spend(1)
        if at.date() != day:
            day = at.date()
            day_fits = fits(day)
        if not day_fits:
            goal = datetime.combine(day + _DAY, time())
        elif rule.byhour and at.hour not in rule.byhour:
            goal = at.replace(minute=0, second=0) + hour
        elif unit < hour and rule.byminute and at.minute not in rule.byminute:
            goal = at.replace(second=0) + minute
        elif unit == second and rule.bysecond and at.second not in rule.bysecond:
            goal = at + second
        else:
            walls = _within(rule, at, unit)
            effort.spend(len(walls))
            yield walls
            goal = at + second
        at = first + -((first - goal) // step) * step


def _within(rule: _Rule, at: datetime, unit: timedelta) -> list[datetime]:
    """The times in the hour, minute or second that begins at ``at``."""
    minutes = rule.byminute if unit.seconds == 3600 else {at.minute}
    seconds = {min(s, 59) for s in rule.bysecond} if unit.seconds > 1 else {at.second}
    return [
        at.replace(minute=minute, second=second)
        for minute, second in sorted(product(minutes, seconds))
    ]


# -- the series ------------------------------------------------------------------------


#: How far a wall may be from its place: no zone is a whole day away from UTC, but a gap
#: may be one long.
_MARGIN = timedelta(days=2)

#: Nothing is looked for after it, so that no zone leads out of the calendar.
_END = datetime(9999, 12, 25)

#: An occurrence and where it is put in order.
_Placed = tuple[datetime, date]  # a datetime is a date, too
_place = itemgetter(0)


class _Series:
    """Rules and dates put together.

    Inside, an occurrence is its *place*, a naive datetime: the instant in UTC, or the
    midnight of the day in an all-day series; times on the series' clock are *walls*.
    """

    def __init__(
        self, lines: str | Iterable[str], start: datetime | date, tz: Any
    ) -> None:
        self.allday = not isinstance(start, datetime)
        self.zone = self._zone(start, tz)
        self.wall = self._wall(start).replace(microsecond=0)
        self.place = (
            start.astimezone(_UTC).replace(tzinfo=None, microsecond=0)
            if isinstance(start, datetime) and start.tzinfo
            else self._place_of(self.wall)
        )
        self.rules: list[_Rule] = []
        self.exrules: list[_Rule] = []
        self.extra: set[datetime] = {self.place}
        self.excluded: set[datetime] = set()
        self.excluded_days: set[date] = set()
        self.lengths: dict[datetime, timedelta] = {}
        lines = _unfold(lines)
        errors = self.read_all(lines)
        if errors and len(errors) == len(lines):
            raise errors[0]

    def read_all(self, lines: str | Iterable[str]) -> list[RuleUnreadable]:
        """Take over what can be read; why the rest cannot."""
        errors = []
        for line in _unfold(lines):
            try:
                self._read(line)
            except RuleUnreadable as err:
                errors.append(err)
            except OverflowError:
                errors.append(_unreadable(line, "There is no such date or time"))
        return errors

    def _zone(self, start: datetime | date, tz: Any) -> tzinfo:
        if tz:
            return zone(tz)
        if not isinstance(start, datetime):
            return _UTC
        return zone(start.tzinfo) if start.tzinfo else _no_zone(tz)

    def _read(self, line: str) -> None:
        name, params, value = _split(line)
        if name.endswith("RULE"):
            rule = _rule(line, value)
            if self.allday and rule.freq in _SUBDAILY:
                raise _unreadable(line, "An all-day series repeats by days")
            if self.allday:
                none: frozenset[int] = frozenset()
                rule = replace(rule, byhour=none, byminute=none, bysecond=none)
            (self.rules if name == "RRULE" else self.exrules).append(rule)
            return
        own = zone(params["TZID"]) if params.get("TZID") else self.zone
        items = _items(line, value)
        stamps = [_stamp(line, item) for item in items]
        if name == "EXDATE":
            whole = [s for s in stamps if s.clock is None and not self.allday]
            self.excluded_days.update(stamp.day for stamp in whole)
            rest = (stamp for stamp in stamps if stamp not in whole)
            self.excluded.update(self._place_of_stamp(stamp, own) for stamp in rest)
            return
        places = [self._place_of_stamp(stamp, own) for stamp in stamps]
        stops = [
            self._stop(line, *pair, own) for pair in zip(items, stamps, strict=True)
        ]
        self.extra.update(places)
        for place, stop in zip(places, stops, strict=True):
            if stop is not None and stop > place:
                self.lengths[place] = stop - place

    def _stop(
        self, line: str, item: str, start: _Stamp, own: tzinfo
    ) -> datetime | None:
        """The place where a period ends; None of a mere date."""
        end = item.partition("/")[2]
        if not end:
            return None
        if _STAMP.fullmatch(end):
            return self._place_of_stamp(_stamp(line, end), own)
        # a day of a duration is one of the calendar (RFC 5545, 3.3.6)
        days, time_of_day = _duration(end)
        stop = self._place_of_stamp(start._replace(day=start.day + days), own)
        return stop if self.allday else stop + time_of_day

    def expand(
        self,
        since: datetime | date | None,
        until: datetime | date,
        exceptions: Iterable[Occurrence | datetime | date],
    ) -> Iterator[Occurrence]:
        changed, days, moved = self._changes(exceptions)
        low = datetime.min if since is None else self._bound(since)
        high = min(self._bound(until), _END)
        extra = [(place, self._start(place)) for place in sorted(self.extra)]
        effort = _Effort()
        regular = self._regular(low, high, extra, self.excluded_days | days, effort)
        untouched = (
            (place, Occurrence(start, start))
            for place, start in regular
            if place not in changed
        )
        return _handed_out(merge(untouched, moved, key=_place), low, high, effort)

    def _regular(
        self,
        low: datetime,
        high: datetime,
        extra: list[_Placed],
        days: set[date],
        effort: _Effort,
    ) -> Iterator[_Placed]:
        """What rules and dates give, without exceptions."""
        streams = [self._by_rule(rule, low, high, effort) for rule in self.rules]
        without = _Followed(
            merge(*(self._by_exrule(r, low, high, effort) for r in self.exrules))
        )
        last = None
        for place, start in merge(extra, *streams, key=_place):
            if place == last or place < low:
                continue
            if place >= high:
                return
            last = place
            if (
                place not in self.excluded
                and not (days and self._day(start) in days)
                and not without.has(place)
            ):
                yield place, start

    def _by_rule(
        self, rule: _Rule, low: datetime, high: datetime, effort: _Effort
    ) -> Iterator[_Placed]:
        """What an RRULE adds to the start, which is there already and counts."""
        walls = self._walls(rule, low, high, effort)
        later = (wall for wall in walls if wall > self.wall)
        counted = later if rule.count is None else islice(later, rule.count - 1)
        return self._in_order(rule, counted, low)

    def _by_exrule(
        self, rule: _Rule, low: datetime, high: datetime, effort: _Effort
    ) -> Iterator[datetime]:
        walls = self._walls(rule, low, high, effort)
        counted = walls if rule.count is None else islice(walls, rule.count)
        return (place for place, _ in self._in_order(rule, counted, low))

    def _walls(
        self, rule: _Rule, low: datetime, high: datetime, effort: _Effort
    ) -> Iterator[datetime]:
        low, high = _earlier(low, _MARGIN), _later(high, _MARGIN)
        return _walls(rule, self.wall, low, high, effort)

    def _in_order(
        self, rule: _Rule, walls: Iterator[datetime], low: datetime
    ) -> Iterator[_Placed]:
        """Wall-clock times as places in ascending order, up to the rule's UNTIL.

        A time in a gap may come to lie behind later ones: it waits for them.
        """
        waiting: list[_Placed] = []
        first_wall = _earlier(low, _MARGIN)
        last_wall, last_place = self._limits(rule)
        for wall in walls:
            if wall > last_wall:
                break
            if wall < first_wall:
                continue
            place = self._place_of(wall)
            if place > last_place:
                continue
            start = self._start(place)
            if isinstance(start, datetime) and start.replace(tzinfo=None) != wall:
                waiting.append((place, start))
                continue
            while waiting and waiting[0][0] <= place:
                yield waiting.pop(0)
            yield place, start
        yield from waiting

    def _limits(self, rule: _Rule) -> tuple[datetime, datetime]:
        """UNTIL as the last wall and the last place."""
        stamp = rule.until
        if stamp is None:
            return datetime.max, datetime.max
        if self.allday or stamp.clock is None:
            return datetime.combine(stamp.day, time.max), datetime.max
        wall = datetime.combine(stamp.day, stamp.clock)
        if not stamp.utc:
            return wall, datetime.max
        return _later(wall, _MARGIN), wall

    def _changes(
        self, exceptions: Iterable[Occurrence | datetime | date]
    ) -> tuple[set[datetime], set[date], list[tuple[datetime, Occurrence]]]:
        """The places and days that exceptions take away, and what they move."""
        moved: dict[datetime | date, tuple[datetime, Occurrence] | None] = {}
        for exception in exceptions:
            if isinstance(exception, tuple):
                start, original = exception
            else:
                start, original = None, exception
            if isinstance(original, datetime) or self.allday:
                key: datetime | date = self._place(original)
                original = self._start(self._place(original))
            else:
                key = original
            moved[key] = None
            if start is not None:
                occurrence = Occurrence(self._value(start), original)
                moved[key] = (self._place(start), occurrence)
        places = {key for key in moved if isinstance(key, datetime)}
        days = {key for key in moved if not isinstance(key, datetime)}
        return places, days, sorted(filter(None, moved.values()), key=_place)

    # -- between values, walls and places --

    def _wall(self, value: datetime | date) -> datetime:
        """On the series' clock; a date is its midnight."""
        if not isinstance(value, datetime):
            return datetime.combine(value, time())
        if value.tzinfo is None:
            return value
        return value.astimezone(self.zone).replace(tzinfo=None)

    def _place_of(self, wall: datetime, own: tzinfo | None = None) -> datetime:
        if self.allday:
            return wall
        clock = own or self.zone
        # fold=0: before a gap, and the first of two
        offset = clock.utcoffset(wall.replace(tzinfo=clock, fold=0))
        return wall.replace(fold=0) - (offset or timedelta())

    def _place_of_stamp(self, stamp: _Stamp, own: tzinfo) -> datetime:
        if self.allday:
            return datetime.combine(stamp.day, time())
        if stamp.clock is None:
            return self._place_of(datetime.combine(stamp.day, self.wall.time()))
        wall = datetime.combine(stamp.day, stamp.clock)
        return wall if stamp.utc else self._place_of(wall, own)

    def _place(self, value: datetime | date) -> datetime:
        if not self.allday and isinstance(value, datetime) and value.tzinfo:
            return value.astimezone(_UTC).replace(tzinfo=None)
        wall = self._wall(value)
        if self.allday:
            return datetime.combine(wall.date(), time())
        return self._place_of(wall)

    def _bound(self, value: datetime | date) -> datetime:
        """A limit as a place; of an all-day series not cut down to the day."""
        try:
            return self._wall(value) if self.allday else self._place(value)
        except OverflowError:
            return datetime.min if value.year < 5000 else datetime.max

    def _start(self, place: datetime) -> datetime | date:
        if self.allday:
            return place.date()
        return self.zone.fromutc(place.replace(tzinfo=self.zone))

    def _value(self, value: datetime | date) -> datetime | date:
        """An aware datetime in the series' zone, or a date as it is."""
        if not isinstance(value, datetime):
            return value
        return (value if value.tzinfo else value.replace(tzinfo=self.zone)).astimezone(
            self.zone
        )

    def _day(self, start: datetime | date) -> date:
        return start.date() if isinstance(start, datetime) else start


def _handed_out(
    placed: Iterable[tuple[datetime, Occurrence]],
    low: datetime,
    high: datetime,
    effort: _Effort,
) -> Iterator[Occurrence]:
    for place, occurrence in placed:
        if low <= place < high:
            effort.spend(_PRICE)
            yield occurrence


class _Followed:
    """An ascending stream that is asked for ascending values."""

    def __init__(self, stream: Iterator[datetime]) -> None:
        self._stream = stream
        self._next: datetime | None = datetime.min

    def has(self, place: datetime) -> bool:
        while self._next is not None and self._next < place:
            self._next = next(self._stream, None)
        return self._next == place


def _earlier(value: datetime, by: timedelta) -> datetime:
    return value - by if value - datetime.min > by else datetime.min


def _later(value: datetime, by: timedelta) -> datetime:
    return value + by if datetime.max - value > by else datetime.max
