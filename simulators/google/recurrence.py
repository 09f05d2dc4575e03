"""A series: its normal form, and its occurrences in the wall-clock time of its zone.

A start that does not fit the rule is an occurrence all the same (and counts for COUNT),
as RFC 5545 says that DTSTART is the first instance.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from dateutil.rrule import rrule, rruleset, rrulestr

from .errors import invalid
from .moments import UTC, Moment, zone

PARTS = (
    "FREQ",
    "WKST",
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
)
LINE = re.compile(r"(RRULE|EXRULE|RDATE|EXDATE)((?:;[^:]*)?):(.+)\Z", re.I | re.S)
HORIZON = timedelta(days=365 * 60)
MOST = 25_000  # occurrences looked at; guards against FREQ=SECONDLY


def normal_form(lines: list[str], start: Moment) -> list[str]:
    """The lines as Google gives them back; a Refusal if they cannot be read."""
    found = []
    for line in lines:
        match = LINE.match(line.strip())
        if not match:
            raise invalid("Invalid recurrence rule.", "recurrence")
        name, params, value = match[1].upper(), match[2], match[3].strip()
        if name in ("RRULE", "EXRULE"):
            found.append(f"{name}:{_rule(value, start)}")
        else:
            found.append(f"{name}{params}:{','.join(sorted(value.split(',')))}")
    try:
        next(_locals(found, start), None)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise invalid("Invalid recurrence rule.", "recurrence") from None
    return found


def _rule(text: str, start: Moment) -> str:
    parts = dict(part.upper().split("=", 1) for part in text.split(";") if "=" in part)
    if set(parts) - set(PARTS) or "FREQ" not in parts:
        raise invalid("Invalid recurrence rule.", "recurrence")
    if "UNTIL" in parts and "COUNT" in parts:
        raise invalid("Invalid recurrence rule.", "recurrence")
    if parts.get("INTERVAL") == "1":
        del parts["INTERVAL"]
    if not start.all_day and re.fullmatch(r"\d{8}", parts.get("UNTIL", "")):
        day = datetime.strptime(parts["UNTIL"] + "235959", "%Y%m%d%H%M%S")
        last = start.from_local(day).at
        parts["UNTIL"] = last.strftime("%Y%m%dT%H%M%SZ")
    elif start.all_day and "T" in parts.get("UNTIL", ""):
        parts["UNTIL"] = parts["UNTIL"][:8]
    return ";".join(f"{name}={parts[name]}" for name in PARTS if name in parts)


def starts(lines: list[str], start: Moment) -> Iterator[Moment]:
    """The starts of all occurrences, ascending; endless for an endless rule."""
    for local in _locals(lines, start):
        yield start.from_local(local)


def starts_between(
    lines: list[str], start: Moment, low: datetime | None, high: datetime, tz: str
) -> Iterator[Moment]:
    """Those that begin after `low` (inclusive) and before `high` (exclusive)."""
    for moment in starts(lines, start):
        at = moment.instant(tz)
        if at >= high:
            return
        if low is None or at >= low:
            yield moment


def contains(lines: list[str], start: Moment, wanted: Moment) -> bool:
    """Is there an occurrence that originally starts at `wanted`?"""
    if wanted.all_day != start.all_day:
        return False
    for moment in starts(lines, start):
        key = (moment.day, moment.at)
        if key == (wanted.day, wanted.at):
            return True
        if (moment.day or moment.at) > (wanted.day or wanted.at):
            return False
    return False


def last_start(lines: list[str], start: Moment) -> Moment | None:
    """The start of the last occurrence; None if the series is endless or empty."""
    rules = [line for line in lines if line.startswith("RRULE")]
    if any("UNTIL=" not in line and "COUNT=" not in line for line in rules):
        return None
    return max(starts(lines, start), key=lambda moment: moment.local(), default=None)


def _locals(lines: list[str], start: Moment) -> Iterator[datetime]:
    """Naive wall-clock starts in the zone of `start`."""
    first = start.local()
    included, excluded = rruleset(), set()
    rules = [line.split(":", 1)[1] for line in lines if line.startswith("RRULE")]
    for text in rules:
        included.rrule(_iterable(text, start, first))
    for line in lines:
        if line.startswith("EXRULE"):
            included.exrule(_iterable(line.split(":", 1)[1], start, first))
        elif line.startswith("RDATE"):
            for moment in _dates(line, start):
                included.rdate(moment)
        elif line.startswith("EXDATE"):
            excluded.update(_dates(line, start))
    included.rdate(first)
    limit = first + HORIZON
    for number, local in enumerate(included):
        if local > limit or number > MOST:
            return
        if local not in excluded:
            yield local


def _iterable(text: str, start: Moment, first: datetime) -> rrule:
    """dateutil's rule in naive local time, so that wall-clock time holds across DST."""
    until = re.search(r"UNTIL=(\d{8}T\d{6})Z", text)
    if until:
        at = datetime.strptime(until[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        local = at.astimezone(zone(start.zone or "UTC"))
        text = text.replace(until[0], "UNTIL=" + local.strftime("%Y%m%dT%H%M%S"))
    if _once_a_year(text):
        # Google writes this for once a year (gcal_sync, test_yearly_bymonthday_rrule)
        text += f";BYMONTH={first.month}"
    rule = rrulestr(text, dtstart=first)
    count = re.search(r"COUNT=(\d+)", text)
    if count and int(count[1]) > 1 and next(iter(rule), None) != first:
        text = text.replace(count[0], f"COUNT={int(count[1]) - 1}")
        rule = rrulestr(text, dtstart=first)
    return rule


def _once_a_year(text: str) -> bool:
    parts = dict(part.split("=", 1) for part in text.split(";"))
    others = {"BYMONTH", "BYDAY", "BYYEARDAY", "BYWEEKNO"} & set(parts)
    return parts["FREQ"] == "YEARLY" and "BYMONTHDAY" in parts and not others


def lengths(lines: list[str], start: Moment) -> dict[datetime, timedelta]:
    """How long the periods of an RDATE are, by their wall-clock start (RFC 5545,
    3.8.5.2); days of a duration count 24 hours here."""
    found = {}
    for line in lines:
        if not line.startswith("RDATE") or "/" not in line:
            continue
        head, values = line.split(":", 1)
        for text in values.split(","):
            begin, _, end = text.partition("/")
            [first] = _dates(f"{head}:{begin}", start)
            if end[:1] in "+P":
                amount = {u: int(n) for n, u in re.findall(r"(\d+)([WDHMS])", end)}
                found[first] = timedelta(
                    weeks=amount.get("W", 0),
                    days=amount.get("D", 0),
                    hours=amount.get("H", 0),
                    minutes=amount.get("M", 0),
                    seconds=amount.get("S", 0),
                )
            elif end:
                found[first] = next(_dates(f"{head}:{end}", start)) - first
    return found


def _dates(line: str, start: Moment) -> Iterator[datetime]:
    head, values = line.split(":", 1)
    named = re.search(r"TZID=([^;:]+)", head)
    for text in values.split(","):
        text = text.strip().split("/")[0]
        if len(text) == 8:
            day = datetime.strptime(text, "%Y%m%d")
            # a day in a timed series means the occurrence of that day
            yield (
                day
                if start.all_day
                else datetime.combine(day.date(), start.local().time())
            )
        elif text.endswith("Z"):
            at = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            yield _wall(at, start)
        else:
            local = datetime.strptime(text, "%Y%m%dT%H%M%S")
            tz = zone(named[1]) if named else zone(start.zone or "UTC")
            yield _wall(local.replace(tzinfo=tz), start)


def _wall(at: datetime, start: Moment) -> datetime:
    if start.all_day:
        return datetime(at.year, at.month, at.day)
    return at.astimezone(zone(start.zone or "UTC")).replace(tzinfo=None)
