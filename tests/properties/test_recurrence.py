"""Series against a slow model of every day, against dateutil, and against noise."""

from calendar import monthrange
from datetime import date, datetime, time, timedelta, timezone
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from hypothesis import example, given
from hypothesis import strategies as st

from calsync.errors import RuleUnreadable
from calsync.recurrence import Occurrence, expand, normal_form

UTC = timezone.utc
WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
ZONES = [
    "Europe/Berlin",
    "America/Havana",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Pacific/Chatham",
]

DAYS = st.dates(date(2019, 12, 20), date(2025, 1, 12))
WEEKDAY = st.sampled_from(WEEKDAYS)
COUNTED = st.tuples(st.sampled_from(["", "1", "2", "-1", "-2", "5"]), WEEKDAY)


def numbers(*ranges):
    choices = st.sampled_from([n for some in ranges for n in some])
    return st.lists(choices, min_size=1, max_size=4, unique=True)


MONTHS = numbers(range(1, 13))
MONTH_DAYS = numbers(range(1, 32), range(-31, 0))
POSITIONS = numbers(range(1, 6), range(-5, 0))


@st.composite
def rules(draw, weeks=True, days=DAYS):
    """(parts, start): a rule of days, of whatever parts, allowed together or not."""
    freq = draw(st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY"]))
    parts = {"FREQ": freq, "INTERVAL": draw(st.integers(1, 4))}
    parts["WKST"] = draw(WEEKDAY)
    if draw(st.booleans()):
        parts["BYMONTH"] = draw(MONTHS)
    if weeks and draw(st.booleans()):
        parts["BYWEEKNO"] = draw(numbers([1, 2, 20, 52, 53, -1, -2, -53]))
    if draw(st.integers(0, 3)) == 0:
        parts["BYYEARDAY"] = draw(numbers(range(1, 367, 5), range(-366, 0, 5)))
    if draw(st.booleans()):
        parts["BYMONTHDAY"] = draw(MONTH_DAYS)
    if draw(st.booleans()):
        words = draw(st.lists(COUNTED, min_size=1, max_size=4, unique=True))
        parts["BYDAY"] = [n + day for n, day in words]
    if draw(st.booleans()):
        parts["BYSETPOS"] = draw(POSITIONS)
    if draw(st.booleans()):
        parts["COUNT"] = draw(st.integers(1, 30))
    return parts, draw(days)


def line(parts):
    def text(value):
        return ",".join(map(str, value)) if isinstance(value, list) else str(value)

    return "RRULE:" + ";".join(f"{name}={text(value)}" for name, value in parts.items())


def found(lines, start, **options):
    """The occurrences, or None where the rule cannot be expanded."""
    try:
        return list(expand(lines, start, **{"tz": "UTC", **options}))
    except RuleUnreadable:
        return None


# -- the slow model --------------------------------------------------------------------


def model(parts, start, until):
    """Every day until then, taken if its period and each part of the rule agree."""
    parts = with_defaults(parts, start)
    wkst = WEEKDAYS.index(parts["WKST"])
    first = period(parts, start, wkst)
    sets = {}
    for n in range(-400, (until - start).days + 400):  # whole periods for BYSETPOS
        day = start + timedelta(n)
        number = period(parts, day, wkst) - first
        if number >= 0 and number % parts["INTERVAL"] == 0 and fits(parts, day, wkst):
            sets.setdefault(number, []).append(day)
    result = []
    for number in sorted(sets):
        chosen = sets[number]
        if "BYSETPOS" in parts:
            size = len(chosen)
            places = {p - 1 if p > 0 else size + p for p in parts["BYSETPOS"]}
            chosen = [day for place, day in enumerate(chosen) if place in places]
        result += [day for day in chosen if day > start]
    result = [start, *result][: parts.get("COUNT")]
    return [day for day in result if day < until]


def with_defaults(parts, start):
    parts = dict(parts)
    freq, named = parts["FREQ"], {"BYYEARDAY", "BYMONTHDAY", "BYDAY"} & set(parts)
    if freq not in ("YEARLY", "MONTHLY") or freq == "YEARLY" and "BYWEEKNO" in parts:
        # where weekdays cannot be counted every one is meant
        parts |= {"BYDAY": [w[-2:] for w in parts["BYDAY"]]} if "BYDAY" in parts else {}
    if freq == "YEARLY" and named == {"BYMONTHDAY"} and "BYWEEKNO" not in parts:
        parts.setdefault("BYMONTH", [start.month])  # what Google means
    if not named:
        if freq == "WEEKLY" or "BYWEEKNO" in parts and freq != "DAILY":
            parts["BYDAY"] = [WEEKDAYS[start.weekday()]]
        elif freq != "DAILY":
            parts["BYMONTHDAY"] = [start.day]
            if freq == "YEARLY":
                parts.setdefault("BYMONTH", [start.month])
    return parts


def period(parts, day, wkst):
    """The number of the year, month, week or day since some beginning."""
    if parts["FREQ"] == "YEARLY":
        return week_of_year(day, wkst)[0] if "BYWEEKNO" in parts else day.year
    if parts["FREQ"] == "MONTHLY":
        return day.year * 12 + day.month
    return (day.toordinal() - 1 - wkst) // (7 if parts["FREQ"] == "WEEKLY" else 1)


def week_of_year(day, wkst):
    """(year, week, weeks of that year): a week belongs to the year of its 4th day."""
    fourth = day - timedelta((day.weekday() - wkst) % 7) + timedelta(3)
    year = fourth.year
    last = date(year, 12, 31)
    while (last - timedelta((last.weekday() - wkst) % 7) + timedelta(3)).year > year:
        last -= timedelta(1)
    fourth_of_last = last - timedelta((last.weekday() - wkst) % 7) + timedelta(3)
    yday, last_yday = (d.timetuple().tm_yday for d in (fourth, fourth_of_last))
    return year, (yday - 1) // 7 + 1, (last_yday - 1) // 7 + 1


def fits(parts, day, wkst):
    yday, length = day.timetuple().tm_yday, date(day.year, 12, 31).timetuple().tm_yday
    month_length = monthrange(day.year, day.month)[1]
    _, week, weeks = week_of_year(day, wkst)
    both_ways = {
        "BYMONTH": {day.month},
        "BYWEEKNO": {week, week - weeks - 1},
        "BYYEARDAY": {yday, yday - length - 1},
        "BYMONTHDAY": {day.day, day.day - month_length - 1},
        "BYDAY": names_of_weekday(parts, day),
    }
    return all(
        names & set(parts[part]) for part, names in both_ways.items() if part in parts
    )


def names_of_weekday(parts, day):
    """MO, 2MO, -3MO: whatever BYDAY may call this day."""
    if parts["FREQ"] == "YEARLY" and "BYMONTH" not in parts:
        same = [date(day.year, 1, 1) + timedelta(n) for n in range(366)]
    else:
        same = [day.replace(day=1) + timedelta(n) for n in range(31)]
    same = [
        d
        for d in same
        if d.weekday() == day.weekday()
        and d.year == day.year
        and (d.month == day.month or len(same) > 31)
    ]
    name = WEEKDAYS[day.weekday()]
    place = same.index(day)
    return {name, f"{place + 1}{name}", f"{place - len(same)}{name}"}


@given(rules())
@example(
    (
        {"FREQ": "YEARLY", "INTERVAL": 1, "WKST": "SU", "BYWEEKNO": [-53]},
        date(2020, 1, 1),
    )
)
def test_every_rule_of_days_means_what_the_model_says(drawn):
    parts, start = drawn
    until = start + timedelta(days=1500)
    occurrences = found([line(parts)], start, until=until)
    expected = model(parts, start, until)
    if occurrences is None:  # impossible days, such as 30 February
        assert expected == [start]
    else:
        assert [o.start for o in occurrences] == expected


# -- dateutil --------------------------------------------------------------------------


@st.composite
def timed_rules(draw):
    parts, start = draw(rules(weeks=False))
    if parts["FREQ"] == "YEARLY" and {"BYMONTHDAY"} == {
        name for name in parts if name.startswith("BY") and name != "BYSETPOS"
    }:
        parts["BYMONTH"] = [start.month]  # without it dateutil does as the RFC says
    # BYDAY=MO,2TU means every Monday and the second Tuesday; dateutil finds neither
    words = parts.get("BYDAY", [])
    if len({len(word) > 2 for word in words}) == 2:
        parts["BYDAY"] = [word for word in words if len(word) > 2]
    if draw(st.booleans()):
        parts["BYHOUR"] = draw(numbers(range(24)))
    if draw(st.booleans()):
        parts["BYMINUTE"] = draw(numbers(range(60)))
    return parts, datetime.combine(start, time(draw(st.integers(0, 23)), 30))


@st.composite
def hourly_rules(draw):
    parts = {
        "FREQ": draw(st.sampled_from(["HOURLY", "MINUTELY", "SECONDLY"])),
        "INTERVAL": draw(st.sampled_from([1, 2, 5, 7, 24, 90, 1440, 5000])),
    }
    for name, values in {
        "BYMONTH": MONTHS,
        "BYMONTHDAY": MONTH_DAYS,
        "BYDAY": st.lists(WEEKDAY, min_size=1, max_size=4, unique=True),
        "BYHOUR": numbers(range(24)),
        "BYMINUTE": numbers(range(60)),
        "BYSECOND": numbers(range(60)),
    }.items():
        if draw(st.integers(0, 2)) == 0:
            parts[name] = draw(values)
    start = datetime.combine(draw(DAYS), time(draw(st.integers(0, 23)), 30, 15))
    return parts, start


def from_dateutil(parts, start, until, most):
    """None where dateutil sees that there is nothing to find, or finds nothing."""
    rest = {name: value for name, value in parts.items() if name != "COUNT"}
    try:
        rule = rrulestr(line(rest), dtstart=start)
        first = rule.after(start, inc=True)
        known = rule.xafter(start)
        known = [] if first is None else list(islice(known, most))
    except ValueError:
        return None
    result = [start, *known][: parts.get("COUNT")]
    return [moment for moment in result if moment < until]


@given(timed_rules())
def test_dateutil_agrees(drawn):
    parts, start = drawn
    until = start + timedelta(days=700)
    occurrences = found([line(parts)], start, until=until.replace(tzinfo=UTC))
    if occurrences is not None:
        mine = [o.start.replace(tzinfo=None) for o in occurrences][:200]
        assert mine == from_dateutil(parts, start, until, 199)


@given(hourly_rules())
def test_dateutil_agrees_within_the_day(drawn):
    parts, start = drawn
    until = start + timedelta(days=400)
    limit = until.replace(tzinfo=UTC)
    try:
        occurrences = list(
            islice(expand([line(parts)], start, tz="UTC", until=limit), 50)
        )
    except RuleUnreadable:
        return
    mine = [o.start.replace(tzinfo=None) for o in occurrences]
    if len(mine) == 50:  # else dateutil may look for more until the year 9999
        theirs = from_dateutil(parts, start, until, 49)
        assert mine == theirs


# -- laws ------------------------------------------------------------------------------

SERIES = st.tuples(timed_rules() | hourly_rules(), st.sampled_from(ZONES))


@given(SERIES, st.integers(-10, 310), st.booleans())
def test_since_only_leaves_out(series, offset, count):
    """The same occurrences as without it, from there on; all in order and once."""
    (parts, start), tz = series
    if count:
        parts["COUNT"] = 40
    until = start + timedelta(days=320)
    since = (start + timedelta(days=offset)).replace(tzinfo=UTC)
    every = found([line(parts)], start, tz=tz, until=until)
    some = found([line(parts)], start, tz=tz, until=until, since=since)
    if every is not None:
        instants = [o.start.astimezone(UTC) for o in every]
        assert instants == sorted(set(instants))
        assert some == [o for o in every if o.start >= since]


@given(SERIES, st.lists(st.integers(0, 60), max_size=8))
def test_exdates_and_exceptions_take_away_the_same(series, chosen):
    (parts, start), tz = series
    until = start + timedelta(days=20)
    every = found([line(parts)], start, tz=tz, until=until)
    if every is None:
        return
    gone = [every[n].start for n in set(chosen) if n < len(every)]
    exdates = [f"EXDATE:{s.astimezone(UTC):%Y%m%dT%H%M%SZ}" for s in gone]
    left = [o for o in every if o.start not in gone]
    assert found([line(parts), *exdates], start, tz=tz, until=until) == left
    assert found([line(parts)], start, tz=tz, until=until, exceptions=gone) == left
    named = [Occurrence(None, s) for s in gone]
    assert found([line(parts)], start, tz=tz, until=until, exceptions=named) == left


@given(SERIES)
def test_the_wall_clock_is_held(series):
    """Every occurrence shows a time of the rule, unless the clock skipped that."""
    (parts, start), tz = series
    until = start + timedelta(days=100)
    occurrences = found([line(parts)], start, tz=tz, until=until) or []
    floating = found([line(parts)], start, tz="UTC", until=until) or []
    walls = {o.start.replace(tzinfo=None) for o in floating}
    for occurrence in occurrences[1:]:
        wall = occurrence.start.replace(tzinfo=None)
        offset = occurrence.start.utcoffset()
        before = (occurrence.start.astimezone(UTC) - timedelta(hours=3)).astimezone(
            ZoneInfo(tz)
        )
        jump = offset - before.utcoffset()
        assert wall in walls or (jump and wall - jump in walls)


@given(rules())
def test_the_normal_form_is_the_same_series(drawn):
    parts, start = drawn
    until = start + timedelta(days=1000)
    occurrences = found([line(parts)], start, until=until)
    if occurrences is not None:
        lines = normal_form([line(parts)])
        assert found(lines, start, until=until) == occurrences
        assert normal_form(lines) == lines


# -- noise -----------------------------------------------------------------------------

WORDS = st.sampled_from(
    """RRULE EXRULE RDATE EXDATE : ; , = FREQ DAILY WEEKLY SECONDLY UNTIL COUNT BYDAY MO
    -1 0 99 BYSETPOS INTERVAL 20240101 20240101T090000Z T Z / P1D TZID Europe/Berlin
    VALUE=DATE 9999999999999999999 WKST BYMONTH 2 30 BYMONTHDAY""".split()
)
NOISE = st.lists(WORDS | st.text(max_size=5), max_size=15).map("".join)
TIMES = st.dates() | st.datetimes() | st.datetimes(timezones=st.timezones())


@given(st.lists(NOISE, max_size=3), TIMES, TIMES, st.sampled_from([*ZONES, "", "x"]))
def test_whatever_comes_in_ends_well(lines, start, until, tz):
    found(lines, start, tz=tz, until=until)


@given(rules(days=st.dates()), TIMES, TIMES, st.lists(TIMES, max_size=3))
def test_absurd_dates_end_well(drawn, since, until, exceptions):
    parts, start = drawn
    moved = [Occurrence(a, b) for a, b in zip(exceptions, exceptions[1:], strict=False)]
    options = {"since": since, "until": until, "exceptions": [*exceptions, *moved]}
    found([line(parts)], start, **options)
    found([line(parts)], datetime.combine(start, time(12)), tz="Asia/Tokyo", **options)
    found([line(parts)], since, tz="America/Havana", until=until)
