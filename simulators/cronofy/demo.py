"""Four interviewers with weeks of appointments around today, for a first look."""

from datetime import date, timedelta

from .server import CronofySimulator
from .store import DAYS_BACK

#: key: (name, service, calendars)
PEOPLE = {
    "ann": ("Ann Adams", "office365", ["Calendar", "Family"]),
    "bob": ("Bob Brown", "outlook_com", ["Calendar"]),
    "carla": ("Carla Costa", "icloud", ["Home", "Work"]),
    "dan": ("Dan Dietrich", "exchange", ["Calendar"]),
}
#: weekday, from, to, title; each person lives the rows whose number fits
WEEK = (
    (0, "09:00", "09:30", "Team meeting"),
    (0, "13:00", "14:30", "Customer call"),
    (1, "10:00", "11:30", "Project review"),
    (1, "15:00", "16:00", "One to one"),
    (2, "09:30", "12:00", "Workshop"),
    (2, "14:00", "15:00", "Planning"),
    (3, "08:30", "10:00", "Budget"),
    (3, "16:00", "17:00", "Retrospective"),
    (4, "11:00", "12:00", "Demo"),
    (4, "13:30", "14:00", "Supplier call"),
)
WEEKS_AHEAD = 8


def seed(sim: CronofySimulator) -> None:
    """Fill an empty simulator."""
    today = sim.clock.now().date()
    monday = today - timedelta(days=today.weekday())
    for number, (key, (name, service, calendars)) in enumerate(PEOPLE.items()):
        sim.add_person(key, name, service=service, calendars=calendars)
        _week(sim, key, number, monday)
        _specials(sim, key, calendars[-1], number, monday)


def _week(sim: CronofySimulator, key: str, number: int, monday: date) -> None:
    for week in range(-2, WEEKS_AHEAD):
        for row, (weekday, start, end, title) in enumerate(WEEK):
            if row == 0:
                continue  # the team meeting is a series
            if (row + number + week) % 3:
                day = monday + timedelta(days=7 * week + weekday)
                sim.add_event(
                    key, summary=title, start=f"{day} {start}", end=f"{day} {end}"
                )


def _specials(
    sim: CronofySimulator, key: str, calendar: str, number: int, monday: date
) -> None:
    _weekday, start, end, title = WEEK[0]
    first = monday - timedelta(days=14)
    sim.add_series(
        key,
        summary=title,
        start=f"{first} {start}",
        end=f"{first} {end}",
        every=7,
        count=DAYS_BACK // 7 + WEEKS_AHEAD,
    )
    day = monday + timedelta(days=7 + number)
    sim.add_event(
        key,
        calendar,
        "Day off",
        day.isoformat(),
        (day + timedelta(days=1)).isoformat(),
        extended_transparency="out_of_office",
    )
    day = monday + timedelta(days=2 + number % 2)
    sim.add_event(
        key,
        calendar,
        "Dentist",
        f"{day} 17:00",
        f"{day} 18:00",
        private=True,
    )
