"""How long the pure engine takes: free slots, their reasons, and long series.

``python -m benchmarks.availability`` prints the median of a few runs of each, in
milliseconds. Nothing is measured but this process: no Odoo, no network, no database.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

# calsync alone: the addon's own package would import Odoo
sys.path.insert(0, str(Path(__file__).parents[1] / "calendar_cronofy_sync"))

from calsync.availability import Group, Member, find_slots  # noqa: E402
from calsync.recurrence import expand  # noqa: E402

UTC = timezone.utc
MONDAY = datetime(2024, 5, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
RUNS = 7


def member(number: int, weeks: int, chance: random.Random) -> Member:
    """Works from nine to five and is in five meetings a day."""
    days = [MONDAY + timedelta(days=n) for n in range(7 * weeks) if n % 7 < 5]
    hours = tuple((day + 7 * HOUR, day + 15 * HOUR) for day in days)
    starts = [
        day + timedelta(minutes=15 * chance.randrange(28, 58)) for day in days * 5
    ]
    return Member(
        f"person {number}",
        hours,
        tuple((start, start + timedelta(minutes=30)) for start in starts),
    )


def panel(size: int, required: int | None, weeks: int = 8) -> list[Group]:
    chance = random.Random(size)
    return [Group(tuple(member(n, weeks, chance) for n in range(size)), required)]


def slots(groups: list[Group], weeks: int = 8, **options: object) -> object:
    window = [(MONDAY, MONDAY + timedelta(weeks=weeks))]
    return find_slots(
        groups,
        window,
        HOUR,
        step=timedelta(minutes=15),
        tz="Europe/Berlin",
        buffer_before=timedelta(minutes=15),
        **options,
    )


def series(rule: str, start: date, **options: object) -> list[object]:
    return list(expand([f"RRULE:{rule}"], start, tz="Europe/Berlin", **options))


def scenarios() -> dict[str, Callable[[], object]]:
    many, choice, three = panel(20, None), panel(20, 2), panel(3, None, weeks=2)
    nine = datetime(2014, 1, 6, 9)
    ten_years = datetime(2024, 1, 1)
    old = datetime(1990, 1, 1, 9)
    year = {"since": datetime(2026, 1, 1), "until": datetime(2027, 1, 1)}

    def why(found: object) -> object:
        return found.reasons, found.relaxations

    return {
        "slots: all of 20, 8 weeks": lambda: slots(many),
        "slots: 2 of 20, 8 weeks": lambda: slots(choice),
        "slots: all of 3, 2 weeks": lambda: slots(three, weeks=2),
        "slots and reasons: all of 20, 8 weeks": lambda: why(slots(many)),
        "slots and reasons: 2 of 20, 8 weeks": lambda: why(slots(choice)),
        "series: weekly, 10 years": lambda: series(
            "FREQ=WEEKLY", nine, until=ten_years
        ),
        "series: last workday, 10 years": lambda: series(
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", nine, until=ten_years
        ),
        "series: daily since 1990, one year": lambda: series("FREQ=DAILY", old, **year),
        "series: daily since 1990, COUNT": lambda: series(
            "FREQ=DAILY;COUNT=20000", old, **year
        ),
    }


def median(scenario: Callable[[], object]) -> float:
    spent = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        scenario()
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent) * 1000


def main() -> None:
    for name, scenario in scenarios().items():
        print(f"{name:40} {median(scenario):8.1f} ms")


if __name__ == "__main__":
    main()
