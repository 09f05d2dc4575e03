"""Series: the examples of RFC 5545, the clocks that jump, and what cannot be read."""

import time
from datetime import date, datetime, timedelta, timezone
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from calsync.errors import RuleUnreadable
from calsync.recurrence import (
    Occurrence,
    base_id,
    expand,
    instance_id,
    lengths,
    normal_form,
    unreadable,
    zone,
)

UTC = timezone.utc
BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
FAR = date(2100, 1, 1)


def minutes(number):
    return timedelta(minutes=number)


def days(text):
    """``1997-09-02 03 10-01``: a day of the same month, or month and day."""
    result = []
    for word in text.split():
        parts = [int(part) for part in word.split("-")]
        before = result[-1] if result else None
        known = [before.year, before.month] if before else []
        result.append(date(*known[: 3 - len(parts)], *parts))
    return result


def starts(lines, start, *, tz=BERLIN, until=FAR, **options):
    lines = [lines] if isinstance(lines, str) else lines
    return [o.start for o in expand(lines, start, tz=tz, until=until, **options)]


def clock(lines, start, **options):
    """The starts as texts with their offsets."""
    return [f"{s:%Y-%m-%d %H:%M %z}" for s in starts(lines, start, **options)]


# The examples of section 3.8.5.3; all begin at 09:00 in New York.
EXAMPLES = [
    ("FREQ=DAILY;COUNT=10", "1997-09-02 03 04 05 06 07 08 09 10 11"),
    ("FREQ=DAILY;INTERVAL=10;COUNT=5", "1997-09-02 12 22 10-02 12"),
    (
        "FREQ=YEARLY;UNTIL=19980131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA",
        "1997-09-02 " + " ".join(f"1998-01-{n:02}" for n in range(1, 32)),
    ),
    ("FREQ=WEEKLY;COUNT=10", "1997-09-02 09 16 23 30 10-07 14 21 28 11-04"),
    (
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU;COUNT=6",
        "1997-09-02 16 30 10-14 28 11-11",
    ),
    (
        "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH",
        "1997-09-02 04 09 11 16 18 23 25 30 10-02",
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971001T000000Z;WKST=SU;BYDAY=MO,WE,FR",
        "1997-09-02 03 05 15 17 19 29",
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
        "1997-09-02 04 16 18 30 10-02 14 16",
    ),
    (
        "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
        "1997-09-02 22 10-20 11-17 12-22 1998-01-19",
    ),
    ("FREQ=MONTHLY;COUNT=5;BYMONTHDAY=-3", "1997-09-02 28 10-29 11-28 12-29"),
    (
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
        "1997-09-02 15 10-02 15 11-02 15 12-02 15 1998-01-02 15",
    ),
    (
        "FREQ=MONTHLY;COUNT=8;BYMONTHDAY=1,-1",
        "1997-09-02 30 10-01 31 11-01 30 12-01 31",
    ),
    (
        "FREQ=MONTHLY;INTERVAL=18;COUNT=11;BYMONTHDAY=10,11,12,13,14,15",
        "1997-09-02 10 11 12 13 14 15 1999-03-10 11 12 13",
    ),
    ("FREQ=MONTHLY;INTERVAL=2;BYDAY=TU;COUNT=6", "1997-09-02 09 16 23 30 11-04"),
    (
        "FREQ=YEARLY;COUNT=6;BYMONTH=6,7",
        "1997-09-02 1998-06-02 07-02 1999-06-02 07-02 2000-06-02",
    ),
    (
        "FREQ=YEARLY;INTERVAL=3;COUNT=8;BYDAY=20MO,-1FR",
        "1997-09-02 12-26 2000-05-15 12-29 2003-05-19 12-26 2006-05-15 12-29",
    ),
    (
        "FREQ=YEARLY;INTERVAL=3;COUNT=7;BYYEARDAY=1,100,200",
        "1997-09-02 2000-01-01 04-09 07-18 2003-01-01 04-10 07-19",
    ),
    (
        "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;COUNT=4",
        "1997-09-02 1998-05-11 1999-05-17 2000-05-15",
    ),
    (
        "FREQ=YEARLY;BYMONTH=3;BYDAY=TH;COUNT=6",
        "1997-09-02 1998-03-05 12 19 26 1999-03-04",
    ),
    (
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=5",
        "1997-09-02 1998-02-13 03-13 11-13 1999-08-13",
    ),
    (
        "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13;COUNT=5",
        "1997-09-02 13 10-11 11-08 12-13",
    ),
    (
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8;COUNT=4",
        "1997-09-02 11-04 2001-11-06 2005-11-08",
    ),
    (
        "FREQ=MONTHLY;COUNT=4;BYDAY=TU,WE,TH;BYSETPOS=3",
        "1997-09-02 04 10-07 11-06",
    ),
    (
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2;COUNT=5",
        "1997-09-02 29 10-30 11-27 12-30",
    ),
    ("FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", "1997-09-02 15 30 10-15 30"),
]


@pytest.mark.parametrize("rule, expected", EXAMPLES)
def test_examples_of_the_rfc(rule, expected):
    """Where the RFC's own start differs, it counts as the first occurrence here."""
    nine = datetime(1997, 9, 2, 9)
    found = starts(f"RRULE:{rule}", nine, tz=NEW_YORK, until=date(2010, 1, 1))
    assert [start.replace(tzinfo=None) for start in found] == [
        datetime.combine(day, nine.time()) for day in days(expected)
    ]


@pytest.mark.parametrize(
    "wkst, expected",
    [("MO", "1997-08-05 10 19 24"), ("SU", "1997-08-05 17 19 31")],
)
def test_the_start_of_the_week_decides(wkst, expected):
    rule = f"RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST={wkst}"
    assert starts(rule, date(1997, 8, 5)) == days(expected)


@pytest.mark.parametrize(
    "rule, expected",
    [
        (
            "FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z",
            ["09:00", "12:00", "15:00"],
        ),
        (
            "FREQ=MINUTELY;INTERVAL=90;COUNT=4",
            ["09:00", "10:30", "12:00", "13:30"],
        ),
        (
            "FREQ=DAILY;BYHOUR=9,10;BYMINUTE=0,20,40;COUNT=7",
            ["09:00", "09:20", "09:40", "10:00", "10:20", "10:40", "09:00"],
        ),
        (
            "FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10;COUNT=7",
            ["09:00", "09:20", "09:40", "10:00", "10:20", "10:40", "09:00"],
        ),
        ("FREQ=HOURLY;BYMINUTE=0,30;BYSETPOS=-1;COUNT=3", ["09:00", "09:30", "10:30"]),
        ("FREQ=HOURLY;BYHOUR=8,17;COUNT=4", ["09:00", "17:00", "08:00", "17:00"]),
        ("FREQ=SECONDLY;INTERVAL=1800;COUNT=3", ["09:00", "09:30", "10:00"]),
    ],
)
def test_times_of_the_day(rule, expected):
    found = starts(f"RRULE:{rule}", datetime(1997, 9, 2, 9), tz=NEW_YORK)
    assert [f"{start:%H:%M}" for start in found] == expected


@pytest.mark.parametrize(
    "lines, start, expected",
    [
        pytest.param([], "2024-01-01", "2024-01-01", id="no line"),
        pytest.param(
            ["RRULE:FREQ=YEARLY;COUNT=4"],
            "2024-02-29",
            "2024-02-29 2028-02-29 2032-02-29 2036-02-29",
            id="leap days only",
        ),
        pytest.param(
            ["RRULE:FREQ=MONTHLY;COUNT=4"],
            "2024-01-31",
            "2024-01-31 03-31 05-31 07-31",
            id="long months only",
        ),
        pytest.param(
            ["RRULE:FREQ=MONTHLY;BYDAY=1MO,3MO;COUNT=4"],
            "2024-01-01",
            "2024-01-01 15 02-05 19",
            id="first and third Monday",
        ),
        pytest.param(
            ["RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=3"],
            "2024-01-03",
            "2024-01-03 08 15",
            id="the start counts though it does not fit",
        ),
        pytest.param(
            ["RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=3", "EXDATE;VALUE=DATE:20240103"],
            "2024-01-03",
            "2024-01-08 15",
            id="an excluded start still counts",
        ),
        pytest.param(
            ["RRULE:FREQ=DAILY;COUNT=3", "RRULE:FREQ=WEEKLY;COUNT=3"],
            "2024-01-01",
            "2024-01-01 02 03 08 15",
            id="two rules",
        ),
        pytest.param(
            ["RDATE;VALUE=DATE:20240120,20240110", "RDATE;VALUE=DATE:20240110"],
            "2024-01-01",
            "2024-01-01 10 20",
            id="RDATE alone, in disorder, twice",
        ),
        pytest.param(
            ["RDATE;VALUE=DATE:20231225", "RRULE:FREQ=DAILY;COUNT=2"],
            "2024-01-01",
            "2023-12-25 2024-01-01 02",
            id="RDATE before the start",
        ),
        pytest.param(
            ["RRULE:FREQ=DAILY;COUNT=9", "EXRULE:FREQ=WEEKLY;BYDAY=SA,SU"],
            "2024-01-01",
            "2024-01-01 02 03 04 05 08 09",
            id="EXRULE",
        ),
        pytest.param(
            ["RRULE:FREQ=DAILY;COUNT=3", "RDATE:20240102,20240105", "EXDATE:20240105"],
            "2024-01-01",
            "2024-01-01 02 03",
            id="EXDATE wins over RDATE",
        ),
        pytest.param(
            ["RRULE:FREQ=DAILY;UNTIL=20240103"],
            "2024-01-01",
            "2024-01-01 02 03",
            id="UNTIL as a date",
        ),
        pytest.param(
            ["RRULE:FREQ=DAILY;UNTIL=20240103T235959Z"],
            "2024-01-01",
            "2024-01-01 02 03",
            id="UNTIL as a time in an all-day series: its date as written",
        ),
        pytest.param(
            ["RRULE:FREQ=DAILY;UNTIL=20231231"],
            "2024-01-01",
            "2024-01-01",
            id="UNTIL before the start",
        ),
        pytest.param(
            ["RRULE:FREQ=DAILY;COUNT=4", "EXDATE:20240102T000000Z,20240103T090000"],
            "2024-01-01",
            "2024-01-01 04",
            id="EXDATE as a time in an all-day series: its date as written",
        ),
        pytest.param(
            ["RRULE:FREQ=DAILY;BYHOUR=9,10;BYMINUTE=30;COUNT=2"],
            "2024-01-01",
            "2024-01-01 02",
            id="hours mean nothing in an all-day series",
        ),
        pytest.param(
            ["RRULE:FREQ=YEARLY;INTERVAL=2;BYWEEKNO=1;BYDAY=MO;COUNT=3"],
            "2018-01-01",
            "2018-01-01 2019-12-30 2022-01-03",
            id="week 1 of 2020 begins in 2019",
        ),
        pytest.param(
            ["RRULE:FREQ=YEARLY;INTERVAL=2;BYWEEKNO=1;BYDAY=MO;COUNT=3"],
            "2019-12-30",
            "2019-12-30 2022-01-03 2024-01-01",
            id="a start in December belongs to the week's year",
        ),
        pytest.param(
            ["RRULE:FREQ=YEARLY;BYWEEKNO=-1;BYDAY=SU;COUNT=3"],
            "2020-01-05",
            "2020-01-05 2021-01-03 2022-01-02",
            id="the last week may end in January",
        ),
        pytest.param(
            ["RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=WE;COUNT=3"],
            "2020-12-30",
            "2020-12-30 2026-12-30 2032-12-29",
            id="years with 53 weeks",
        ),
        pytest.param(
            ["RRULE:FREQ=YEARLY;BYWEEKNO=20;COUNT=3"],
            "2024-05-14",
            "2024-05-14 2025-05-13 2026-05-12",
            id="a week without a day has the day of the start",
        ),
        pytest.param(
            ["RRULE:FREQ=YEARLY;BYYEARDAY=-1,366;COUNT=4"],
            "2023-12-31",
            "2023-12-31 2024-12-31 2025-12-31 2026-12-31",
            id="the last day of the year",
        ),
        pytest.param(
            ["RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO;COUNT=3"],
            "2044-02-29",
            "2044-02-29 2072-02-29 2112-02-29",
            id="29 February on a Monday",
        ),
        pytest.param(
            ["RRULE:FREQ=YEARLY;BYMONTH=1,12;BYDAY=-1FR,1MO;COUNT=5"],
            "2024-01-01",
            "2024-01-01 26 12-02 27 2025-01-06",
            id="weekdays counted in the months of a yearly rule",
        ),
        pytest.param(
            ["RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1,-1;COUNT=4"],
            "2024-01-03",
            "2024-01-03 05 08 12",
            id="positions in the first week count from its Monday",
        ),
    ],
)
def test_all_day_series(lines, start, expected):
    until = date(2150, 1, 1)
    assert starts(lines, date.fromisoformat(start), until=until) == days(expected)


@pytest.mark.parametrize(
    "lines, expected",
    [
        pytest.param(["EXDATE:20240102T080000Z"], "01 03 04", id="in UTC"),
        pytest.param(["EXDATE:20240102T090000"], "01 03 04", id="on its own clock"),
        pytest.param(
            ["EXDATE;TZID=America/New_York:20240102T030000"], "01 03 04", id="elsewhere"
        ),
        pytest.param(
            ['EXDATE;TZID="Asia/Tokyo":20240102T170000'], "01 03 04", id="quoted zone"
        ),
        pytest.param(["EXDATE;VALUE=DATE:20240102"], "01 03 04", id="the whole day"),
        pytest.param(["EXDATE:20240102T080000Z,20240103"], "01 04", id="several"),
        pytest.param(["EXDATE:20240102T090001"], "01 02 03 04", id="another time"),
        pytest.param(
            ["RDATE;TZID=America/New_York:20240110T030000"],
            "01 02 03 04 10",
            id="RDATE",
        ),
        pytest.param(
            [
                "RDATE;VALUE=PERIOD:20240110T080000Z/PT1H,20240109T080000Z/20240109T100000Z"
            ],
            "01 02 03 04 09 10",
            id="periods",
        ),
        pytest.param(["RDATE;VALUE=DATE:20240110"], "01 02 03 04 10", id="RDATE's day"),
        pytest.param(["RDATE:20240102T080000Z"], "01 02 03 04", id="there already"),
    ],
)
def test_dates_of_a_timed_series_name_instants(lines, expected):
    nine = datetime(2024, 1, 1, 9)
    assert starts(["RRULE:FREQ=DAILY;COUNT=4", *lines], nine) == [
        datetime(2024, 1, int(day), 9, tzinfo=ZoneInfo(BERLIN))
        for day in expected.split()
    ]


@pytest.mark.parametrize(
    "until, count",
    [
        pytest.param("20240103T080000Z", 3, id="UTC, inclusive"),
        pytest.param("20240103T075959Z", 2, id="UTC, a second before"),
        pytest.param("20240103T090000", 3, id="on its own clock"),
        pytest.param("20240103T085959", 2, id="on its own clock, a second before"),
        pytest.param("20240103", 3, id="a date includes the day"),
        pytest.param("20240103t080000z", 3, id="lower case"),
        pytest.param("20231201T000000Z", 1, id="before the start, which stays"),
    ],
)
def test_until_of_a_timed_series(until, count):
    assert (
        len(starts(f"RRULE:FREQ=DAILY;UNTIL={until}", datetime(2024, 1, 1, 9))) == count
    )


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["rrule:freq=weekly;byday=mo,we;count=4"], id="lower case"),
        pytest.param(["RRULE:FREQ=WEEKLY;BYDAY=MO,", " WE;COUNT=4"], id="folded"),
        pytest.param("RRULE:FREQ=WEEKLY;BYDAY=MO,WE;\r\n\tCOUNT=4\r\n", id="one text"),
        pytest.param(["RRULE:COUNT=4;FREQ=WEEKLY;BYDAY=WE,MO;"], id="another order"),
        pytest.param(["RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=4;X-NOTE=1"], id="private"),
        pytest.param(["", "RRULE:FREQ=WEEKLY;BYDAY=WE, MO;COUNT=4", " "], id="blanks"),
    ],
)
def test_tolerated_spellings(lines):
    found = [o.start for o in expand(lines, date(2024, 1, 1), tz=BERLIN, until=FAR)]
    assert found == days("2024-01-01 03 08 10")
    assert normal_form(lines) == ("RRULE:FREQ=WEEKLY;COUNT=4;BYDAY=MO,WE",)


@pytest.mark.parametrize(
    "line",
    [
        "FREQ=DAILY",
        "DTSTART:20240101T090000Z",
        "RRULE:",
        "RRULE:COUNT=3",
        "RRULE:FREQ=SOMETIMES",
        "RRULE:FREQ=DAILY;FREQ=WEEKLY",
        "RRULE:FREQ=DAILY;COUNT=0",
        "RRULE:FREQ=DAILY;COUNT=-1",
        "RRULE:FREQ=DAILY;COUNT=x",
        "RRULE:FREQ=DAILY;INTERVAL=0",
        "RRULE:FREQ=DAILY;INTERVAL=1.5",
        "RRULE:FREQ=DAILY;UNTIL=tomorrow",
        "RRULE:FREQ=DAILY;UNTIL=20240230",
        "RRULE:FREQ=DAILY;BYMONTH=13",
        "RRULE:FREQ=DAILY;BYMONTH=0",
        "RRULE:FREQ=DAILY;BYMONTH=",
        "RRULE:FREQ=DAILY;BYHOUR=24",
        "RRULE:FREQ=WEEKLY;BYDAY=XX",
        "RRULE:FREQ=WEEKLY;WKST=1MO",
        "RRULE:FREQ=MONTHLY;BYDAY=0MO",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=32",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=0",
        "RRULE:FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0",
        "RRULE:FREQ=YEARLY;BYEASTER=0",
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=MONTHLY;BYMONTH=2,4;BYMONTHDAY=-31,31",
        "RRULE:FREQ=YEARLY;BYMONTH=5;BYYEARDAY=1",
        "RRULE:RSCALE=CHINESE;FREQ=YEARLY",
        "EXDATE:",
        "EXDATE:yesterday",
        "EXDATE:20241301",
        "EXDATE:20240101T250000",
        "EXDATE;TZID=Mars/Olympus:20240101T090000",
        "RDATE:20240101T090000Z/soon",
        "RDATE:20240101T090000Z/P",
        "EXRULE:FREQ=NEVER",
        "ATTENDEE:mailto:ann@example.com",
    ],
)
def test_unreadable_lines_are_named(line):
    with pytest.raises(RuleUnreadable) as caught:
        expand([line], datetime(2024, 1, 1, 9), tz=BERLIN, until=FAR)
    assert line in str(caught.value) or "Mars/Olympus" in str(caught.value)


# What dateutil finds, but for BYWEEKNO with BYDAY=1MO, of which it finds nothing.
LIMITS = [
    ("FREQ=WEEKLY;BYMONTHDAY=13;COUNT=4", "2024-01-01 13 02-13 03-13"),
    ("FREQ=WEEKLY;BYDAY=FR;BYMONTHDAY=13;COUNT=3", "2024-01-01 09-13 12-13"),
    ("FREQ=WEEKLY;BYYEARDAY=1,60;COUNT=3", "2024-01-01 02-29 2025-01-01"),
    ("FREQ=MONTHLY;BYYEARDAY=100,-1;COUNT=3", "2024-01-01 04-09 12-31"),
    ("FREQ=DAILY;BYYEARDAY=60;COUNT=3", "2024-01-01 02-29 2025-03-01"),
    ("FREQ=MONTHLY;BYWEEKNO=20;BYDAY=MO;COUNT=3", "2024-01-01 05-13 2025-05-12"),
    ("FREQ=WEEKLY;BYWEEKNO=-1;BYDAY=WE;COUNT=3", "2024-01-01 12-25 2025-12-24"),
    ("FREQ=DAILY;BYWEEKNO=2;COUNT=8", "2024-01-01 08 09 10 11 12 13 14"),
    ("FREQ=WEEKLY;BYDAY=1MO;COUNT=3", "2024-01-01 08 15"),
    ("FREQ=DAILY;BYDAY=-1SU,2MO;COUNT=4", "2024-01-01 07 08 14"),
    ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO;COUNT=2", "2024-01-01 05-13"),
    ("FREQ=MONTHLY;BYSETPOS=1;COUNT=3", "2024-01-01 02-01 03-01"),
    ("FREQ=DAILY;COUNT=3;UNTIL=20240110", "2024-01-01 02 03"),
    ("FREQ=DAILY;COUNT=30;UNTIL=20240102", "2024-01-01 02"),
]


@pytest.mark.parametrize("rule, expected", LIMITS)
def test_parts_that_the_rfc_does_not_allow_together_are_limits(rule, expected):
    assert starts(f"RRULE:{rule}", date(2024, 1, 1)) == days(expected)
    nine = datetime(2024, 1, 1, 9)
    timed = [s.date() for s in starts(f"RRULE:{rule}", nine)]
    assert timed == days(expected)


@pytest.mark.parametrize(
    "rule, expected",
    [
        ("FREQ=YEARLY;BYMONTHDAY=25", "2015-12-25 2016-12-25 2017-12-25"),
        ("FREQ=YEARLY;WKST=MO;BYMONTHDAY=25", "2015-12-25 2016-12-25 2017-12-25"),
        ("FREQ=YEARLY;INTERVAL=1;BYMONTHDAY=25", "2015-12-25 2016-12-25 2017-12-25"),
        ("FREQ=YEARLY;INTERVAL=2;BYMONTHDAY=25", "2015-12-25 2017-12-25 2019-12-25"),
        ("FREQ=YEARLY;BYMONTHDAY=-1,25", "2015-12-25 31 2016-12-25"),
        # (other parts than the day of the month: as the RFC says)
        ("FREQ=YEARLY;BYMONTHDAY=13;BYDAY=FR", "2015-12-25 2016-05-13 2017-01-13"),
        ("FREQ=YEARLY;BYMONTHDAY=25;BYMONTH=1,12", "2015-12-25 2016-01-25 12-25"),
    ],
)
def test_yearly_on_a_day_of_the_month_is_once_a_year_as_google_means_it(rule, expected):
    assert starts(f"RRULE:{rule}", date(2015, 12, 25))[:3] == days(expected)


def test_a_birthday_from_decades_back_and_one_on_the_last_of_february():
    every = starts("RRULE:FREQ=YEARLY", date(1950, 5, 9), since=date(2024, 1, 1))
    assert every[:2] == days("2024-05-09 2025-05-09")
    leap = "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1"
    since = date(2024, 1, 1)
    assert starts(leap, date(1952, 2, 29), since=since)[:3] == days(
        "2024-02-29 2025-02-28 2026-02-28"
    )


SPURIOUS = "RRULE:DATE;TZID=Europe/Warsaw:20230818T020000,20230819T020000"


@pytest.mark.parametrize(
    "bad",
    [
        SPURIOUS,
        "RRULE:FREQ=SOMETIMES",
        "EXDATE:yesterday",
        "EXDATE;TZID=Mars/X:20240101",
    ],
)
def test_a_line_that_cannot_be_read_costs_only_itself(bad):
    rule, start = "RRULE:FREQ=DAILY;COUNT=3", date(2023, 8, 2)
    for lines in ([bad, rule], [rule, bad]):
        assert starts(lines, start) == days("2023-08-02 03 04")
        [error] = unreadable(lines, start, tz=BERLIN)
        assert bad in str(error) or "Mars/X" in str(error)
    assert unreadable([rule], start, tz=BERLIN) == []
    with pytest.raises(RuleUnreadable):
        expand([bad], start, tz=BERLIN, until=FAR)


@pytest.mark.parametrize(
    "line, length",
    [
        ("RDATE;VALUE=PERIOD:20240105T080000Z/20240105T110000Z", 180),
        ("RDATE;VALUE=PERIOD:20240105T080000Z/PT2H30M", 150),
        ("RDATE;VALUE=PERIOD;TZID=Europe/Berlin:20240105T090000/20240105T093000", 30),
        ("RDATE;VALUE=PERIOD:20240105T080000Z/P1DT1H", 25 * 60),
        ("RDATE;VALUE=PERIOD:20240105T080000Z/P1W", 7 * 24 * 60),
    ],
)
def test_the_length_of_a_period_is_known(line, length):
    nine = datetime(2024, 1, 1, 9)
    [_, at] = starts(line, nine)
    assert lengths(line, nine, tz=BERLIN) == {at: minutes(length)}


def test_a_day_of_a_period_is_a_day_of_the_calendar():
    line = "RDATE;VALUE=PERIOD;TZID=Europe/Berlin:20240330T120000/P1D"
    nine = datetime(2024, 1, 1, 9)
    assert list(lengths(line, nine, tz=BERLIN).values()) == [minutes(23 * 60)]


def test_a_period_that_ends_before_it_starts_is_a_mere_date():
    line = "RDATE;VALUE=PERIOD:20240105T080000Z/20240105T070000Z"
    nine = datetime(2024, 1, 1, 9)
    assert len(starts(line, nine)) == 2
    assert lengths(line, nine, tz=BERLIN) == {}


@pytest.mark.parametrize(
    "name",
    ["Mars/Olympus", "Europe", "../../etc/passwd", "", None, "GMT+99", "x" * 9999],
)
def test_unknown_zones_are_unreadable(name):
    with pytest.raises(RuleUnreadable, match="time zone"):
        expand([], datetime(2024, 1, 1, 9), tz=name, until=FAR)


@pytest.mark.parametrize(
    "name, hours",
    [("GMT+02:00", 2), ("UTC-5", -5), ("GMT+0530", 5.5), ("UTC", 0), ("Asia/Tokyo", 9)],
)
def test_zones(name, hours):
    noon = datetime(2024, 1, 1, 12, tzinfo=zone(name))
    assert noon.utcoffset() == timedelta(hours=hours)
    assert zone(noon.tzinfo) is noon.tzinfo


@pytest.mark.parametrize(
    "lines",
    [
        "RRULE:FREQ=SECONDLY",
        "RRULE:FREQ=MINUTELY",
        "RRULE:FREQ=MINUTELY;BYSECOND=0;BYSETPOS=2",
        "RRULE:FREQ=SECONDLY;COUNT=999999999999",
        "RRULE:FREQ=DAILY;BYMONTH=1;BYDAY=MO;BYSETPOS=2",
        "RRULE:FREQ=HOURLY;BYMINUTE=1;BYSETPOS=-2",
        "RRULE:FREQ=YEARLY;BYDAY=MO,TU;BYHOUR={0};BYMINUTE={0},30,40;BYSECOND={0},30",
        "RRULE:FREQ=DAILY\nEXRULE:FREQ=SECONDLY",
    ],
)
def test_endless_rules_end_in_an_error(lines):
    begun = time.monotonic()
    numbers = ",".join(str(n) for n in range(24))
    series = expand(
        lines.format(numbers),
        datetime(1990, 1, 1, 9),
        tz=BERLIN,
        until=date(9000, 1, 1),
        since=date(2020, 1, 1) if "COUNT" in lines else None,
    )
    with pytest.raises(RuleUnreadable, match="far too many occurrences, or none"):
        list(series)
    assert time.monotonic() - begun < 30  # seconds, where it would be hours


def test_a_dense_rule_is_lazy():
    nine = datetime(2024, 1, 1, 9)
    series = expand(["RRULE:FREQ=SECONDLY"], nine, tz="UTC", until=FAR)
    assert [o.start.second for o in islice(series, 3)] == [0, 1, 2]


@pytest.mark.parametrize(
    "tz, start, rule, expected",
    [
        pytest.param(
            BERLIN,
            "2024-03-30T09:00",
            "FREQ=DAILY;COUNT=3",
            ["03-30 09:00 +0100", "03-31 09:00 +0200", "04-01 09:00 +0200"],
            id="the wall clock is held",
        ),
        pytest.param(
            BERLIN,
            "2024-03-30T02:30",
            "FREQ=DAILY;COUNT=3",
            ["03-30 02:30 +0100", "03-31 03:30 +0200", "04-01 02:30 +0200"],
            id="Berlin gap",
        ),
        pytest.param(
            BERLIN,
            "2024-10-26T02:30",
            "FREQ=DAILY;COUNT=3",
            ["10-26 02:30 +0200", "10-27 02:30 +0200", "10-28 02:30 +0100"],
            id="Berlin fold",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "2024-10-05T02:15",
            "FREQ=DAILY;COUNT=3",
            ["10-05 02:15 +1030", "10-06 02:45 +1100", "10-07 02:15 +1100"],
            id="Lord Howe gap of 30 minutes",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "2024-04-06T01:45",
            "FREQ=DAILY;COUNT=3",
            ["04-06 01:45 +1100", "04-07 01:45 +1100", "04-08 01:45 +1030"],
            id="Lord Howe fold of 30 minutes",
        ),
        pytest.param(
            "Antarctica/Troll",
            "2024-03-30T01:30",
            "FREQ=DAILY;COUNT=3",
            ["03-30 01:30 +0000", "03-31 03:30 +0200", "04-01 01:30 +0200"],
            id="Troll gap of two hours",
        ),
        pytest.param(
            "America/Havana",
            "2024-03-09T00:30",
            "FREQ=DAILY;COUNT=3",
            ["03-09 00:30 -0500", "03-10 01:30 -0400", "03-11 00:30 -0400"],
            id="Havana has no midnight",
        ),
        pytest.param(
            "America/Havana",
            "2024-11-02T00:30",
            "FREQ=DAILY;COUNT=3",
            ["11-02 00:30 -0400", "11-03 00:30 -0400", "11-04 00:30 -0500"],
            id="Havana has two midnights",
        ),
        pytest.param(
            "Asia/Beirut",
            "2024-03-30T00:00",
            "FREQ=DAILY;COUNT=3",
            ["03-30 00:00 +0200", "03-31 01:00 +0300", "04-01 00:00 +0300"],
            id="Beirut has no midnight",
        ),
        pytest.param(
            "Asia/Kathmandu",
            "2024-03-30T09:00",
            "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3",
            ["03-30 09:00 +0545", "03-31 09:00 +0545", "04-30 09:00 +0545"],
            id="Kathmandu is 45 minutes off",
        ),
        pytest.param(
            "Pacific/Chatham",
            "2024-09-28T03:00",
            "FREQ=DAILY;COUNT=3",
            ["09-28 03:00 +1245", "09-29 04:00 +1345", "09-30 03:00 +1345"],
            id="Chatham gap at 02:45",
        ),
        pytest.param(
            "Pacific/Apia",
            "2011-12-28T01:00",
            "FREQ=DAILY;UNTIL=20120101",
            [
                "12-28 01:00 -1000",
                "12-29 01:00 -1000",
                "12-31 01:00 +1400",
                "01-01 01:00 +1400",
            ],
            id="Samoa had no 30 December",
        ),
        pytest.param(
            BERLIN,
            "2024-03-31T01:00",
            "FREQ=MINUTELY;INTERVAL=30;COUNT=8",
            [
                "03-31 01:00 +0100",
                "03-31 01:30 +0100",
                "03-31 03:00 +0200",
                "03-31 03:30 +0200",
                "03-31 04:00 +0200",
                "03-31 04:30 +0200",
            ],
            id="skipped times fall on later ones, in order and once",
        ),
        pytest.param(
            BERLIN,
            "2024-03-31T01:15",
            "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=15,40;BYSETPOS=1,3,5,6;UNTIL=20240331",
            [
                "03-31 01:15 +0100",
                "03-31 03:15 +0200",
                "03-31 03:40 +0200",
            ],
            id="skipped times between later ones",
        ),
    ],
)
def test_clocks_that_jump(tz, start, rule, expected):
    found = clock(f"RRULE:{rule}", datetime.fromisoformat(start), tz=tz)
    assert [text[5:] for text in found] == expected


def test_a_start_in_the_second_of_two_hours_is_kept():
    second = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo(BERLIN), fold=1)
    assert clock("RRULE:FREQ=DAILY;COUNT=2", second) == [
        "2024-10-27 02:30 +0100",
        "2024-10-28 02:30 +0100",
    ]


def test_a_start_in_another_zone_repeats_on_the_clock_of_the_series():
    """Google sends an offset with the start, and the zone beside it."""
    start = datetime(2024, 3, 25, 8, tzinfo=UTC)
    assert clock("RRULE:FREQ=WEEKLY;COUNT=2", start) == [
        "2024-03-25 09:00 +0100",
        "2024-04-01 09:00 +0200",
    ]


def test_without_a_zone_the_start_has_one():
    start = datetime(2024, 3, 25, 8, tzinfo=UTC)
    assert (
        clock("RRULE:FREQ=WEEKLY;COUNT=2", start, tz="")[1] == "2024-04-01 08:00 +0000"
    )
    assert starts("RRULE:FREQ=WEEKLY;COUNT=2", date(2024, 3, 25), tz=None) == days(
        "2024-03-25 04-01"
    )


@pytest.mark.parametrize(
    "since, until, expected",
    [
        pytest.param(None, date(2024, 1, 4), "01 02 03", id="until is exclusive"),
        pytest.param(date(2024, 1, 2), date(2024, 1, 4), "02 03", id="since is not"),
        pytest.param(
            datetime(2024, 1, 2, 9),
            datetime(2024, 1, 4, 9),
            "02 03",
            id="its own clock",
        ),
        pytest.param(
            datetime(2024, 1, 2, 8, 1, tzinfo=UTC),
            datetime(2024, 1, 4, 8, 1, tzinfo=UTC),
            "03 04",
            id="any zone",
        ),
        pytest.param(date(2024, 1, 9), date(2024, 1, 9), "", id="nothing between"),
        pytest.param(
            datetime.min.replace(tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
            "01 02 03 04",
            id="all time",
        ),
    ],
)
def test_since_and_until(since, until, expected):
    nine = datetime(2024, 1, 1, 9)
    rule = "RRULE:FREQ=DAILY;COUNT=4"
    expected = [int(day) for day in expected.split()]
    assert [s.day for s in starts(rule, nine, since=since, until=until)] == expected


def test_since_leaps_over_what_comes_before():
    """A walk through thirty years of minutes would end in an error."""
    start, since = datetime(1990, 1, 1, 9), datetime(2024, 1, 1, 9)
    until = since + minutes(22)
    found = starts("RRULE:FREQ=MINUTELY;INTERVAL=11", start, since=since, until=until)
    assert [
        (moment.replace(tzinfo=None) - start) % minutes(11) for moment in found
    ] == [minutes(0)] * 2
    assert found[0] - found[-1] == minutes(-11)


@pytest.mark.parametrize("tz", ["America/Havana", "Pacific/Apia", "UTC"])
def test_the_end_of_the_calendar_is_the_end(tz):
    until = datetime.max.replace(tzinfo=UTC)
    for start in (datetime(9999, 12, 1, 9), date(9999, 12, 1), date(9999, 12, 31)):
        found = starts("RRULE:FREQ=DAILY;BYHOUR=0,23", start, tz=tz, until=until)
        assert all(moment.year == 9999 for moment in found)


def test_limits_of_an_all_day_series_are_midnights():
    rule = "RRULE:FREQ=DAILY;COUNT=9"
    tokyo = {"tz": "Asia/Tokyo", "until": datetime(2024, 1, 3, 15, tzinfo=UTC)}
    assert starts(rule, date(2024, 1, 1), **tokyo) == days("2024-01-01 02 03")
    tokyo["until"] += timedelta(minutes=1)
    assert starts(rule, date(2024, 1, 1), **tokyo) == days("2024-01-01 02 03 04")


# -- exceptions ------------------------------------------------------------------------

NINE = datetime(2024, 1, 1, 9, tzinfo=UTC)


def day(number, hour=9):
    return NINE.replace(day=number, hour=hour)


@pytest.mark.parametrize(
    "exceptions, expected",
    [
        pytest.param([], [(1, 1), (2, 2), (3, 3), (4, 4)], id="none"),
        pytest.param([day(2)], [(1, 1), (3, 3), (4, 4)], id="cancelled"),
        pytest.param(
            [Occurrence(None, day(2))], [(1, 1), (3, 3), (4, 4)], id="cancelled, named"
        ),
        pytest.param(
            [day(2).astimezone(ZoneInfo(BERLIN))],
            [(1, 1), (3, 3), (4, 4)],
            id="cancelled, in another zone",
        ),
        pytest.param([date(2024, 1, 2)], [(1, 1), (3, 3), (4, 4)], id="a whole day"),
        pytest.param(
            [Occurrence(day(10), day(2))],
            [(1, 1), (3, 3), (4, 4), (10, 2)],
            id="moved to the end",
        ),
        pytest.param(
            [Occurrence(day(3), day(2))],
            [(1, 1), (3, 3), (3, 2), (4, 4)],
            id="moved onto another",
        ),
        pytest.param(
            [Occurrence(day(2), day(20))],
            [(1, 1), (2, 2), (2, 20), (3, 3), (4, 4)],
            id="moved from where the rule knows nothing",
        ),
        pytest.param(
            [Occurrence(day(29), day(3))],
            [(1, 1), (2, 2), (4, 4)],
            id="moved beyond the end",
        ),
        pytest.param(
            [Occurrence(day(10), day(2)), day(2)],
            [(1, 1), (3, 3), (4, 4)],
            id="moved, then cancelled",
        ),
        pytest.param([day(15)], [(1, 1), (2, 2), (3, 3), (4, 4)], id="unknown"),
    ],
)
def test_exceptions(exceptions, expected):
    found = expand(
        ["RRULE:FREQ=DAILY;COUNT=4"],
        NINE,
        tz="UTC",
        until=date(2024, 1, 25),
        exceptions=exceptions,
    )
    assert [(o.start.day, o.original_start.day) for o in found] == expected


def test_an_exception_may_become_an_all_day_one():
    found = expand(
        ["RRULE:FREQ=DAILY;COUNT=2"],
        NINE,
        tz="UTC",
        until=FAR,
        exceptions=[Occurrence(date(2024, 1, 5), NINE)],
    )
    assert list(found) == [(day(2), day(2)), (date(2024, 1, 5), NINE)]


def test_exceptions_of_an_all_day_series():
    found = expand(
        ["RRULE:FREQ=DAILY;COUNT=4"],
        date(2024, 1, 1),
        tz=BERLIN,
        until=FAR,
        exceptions=[date(2024, 1, 2), Occurrence(date(2024, 1, 9), date(2024, 1, 1))],
    )
    first, second, moved = days("2024-01-03 04 09")
    assert list(found) == [(first, first), (second, second), (moved, date(2024, 1, 1))]


# -- names and normal forms ------------------------------------------------------------


def test_instance_ids():
    start = datetime(2024, 7, 1, 9, tzinfo=ZoneInfo(BERLIN))
    assert instance_id("abc", start) == "abc_20240701T070000Z"
    assert instance_id("abc", date(2024, 7, 1)) == "abc_20240701"


def test_occurrences_of_the_tail_of_a_split_are_named_after_its_base():
    start = datetime(2021, 5, 21, 9, tzinfo=ZoneInfo(NEW_YORK))
    assert instance_id("b_R20210510T130000", start) == "b_20210521T130000Z"
    assert instance_id("b_R20210510", date(2021, 5, 21)) == "b_20210521"
    assert base_id("b_R20210510T130000") == "b"
    assert base_id("b_R20210510T130000_R20210601T130000") == "b"
    assert base_id("_6tln_R5") == "_6tln_R5"


@pytest.mark.parametrize(
    "lines, expected",
    [
        (
            ["RRULE:INTERVAL=1;BYDAY=FR,MO;WKST=MO;FREQ=WEEKLY"],
            ["RRULE:FREQ=WEEKLY;BYDAY=MO,FR"],
        ),
        (
            ["RRULE:FREQ=MONTHLY;BYDAY=+1MO,-1FR;BYMONTH=12,2"],
            ["RRULE:FREQ=MONTHLY;BYMONTH=2,12;BYDAY=1MO,-1FR"],
        ),
        (
            [
                "EXDATE;TZID=Europe/Berlin:20240109T090000",
                "RRULE:FREQ=DAILY;WKST=SU",
                "exdate;tzid=Europe/Berlin:20240102t090000,20240109T090000",
                "RDATE;VALUE=DATE:20240201",
            ],
            [
                "RRULE:FREQ=DAILY;WKST=SU",
                "EXDATE;TZID=Europe/Berlin:20240102T090000,20240109T090000",
                "RDATE;VALUE=DATE:20240201",
            ],
        ),
        ([], []),
    ],
)
def test_normal_form(lines, expected):
    assert normal_form(lines) == tuple(expected)
    assert normal_form(normal_form(lines)) == tuple(expected)


def test_a_normal_form_needs_readable_lines():
    with pytest.raises(RuleUnreadable, match="BYMONTH"):
        normal_form(["RRULE:FREQ=DAILY;BYMONTH=x"])
