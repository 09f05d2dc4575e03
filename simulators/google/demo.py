"""Four people whose calendars look like a real office's around today."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .server import GoogleSimulator

PEOPLE = {
    "ann": ("Ann Weber", "Europe/Berlin"),
    "bob": ("Bob Martin", "Europe/Paris"),
    "carla": ("Carla Rossi", "Europe/Rome"),
    "dan": ("Dan Miller", "America/New_York"),
}
WEEKS = range(-2, 4)

# who, first day (0 = Monday), time, minutes, title, rule, more
SERIES: list[tuple[str, int, str, int, str, str, dict[str, Any]]] = [
    (
        "ann",
        0,
        "09:15",
        15,
        "Stand-up",
        "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        {"guests": ("bob", "carla")},
    ),
    ("ann", 3, "12:00", 60, "Lunch run", "FREQ=WEEKLY", {"visibility": "private"}),
    ("bob", 1, "10:00", 60, "Sales review", "FREQ=WEEKLY", {"guests": ("ann", "dan")}),
    ("carla", 2, "15:00", 45, "Design critique", "FREQ=WEEKLY;INTERVAL=2", {}),
    (
        "dan",
        4,
        "09:00",
        30,
        "Retrospective",
        "FREQ=WEEKLY;COUNT=10",
        {"guests": ("ann", "bob", "carla")},
    ),
]
# who, day of the week, time, minutes, title, more; one set for each week
WEEKLY: list[tuple[str, int, str, int, str, dict[str, Any]]] = [
    ("ann", 0, "13:30", 60, "Interview preparation", {"location": "Room Ada"}),
    ("ann", 1, "14:00", 90, "Budget draft", {}),
    ("ann", 4, "16:00", 45, "Dentist", {"visibility": "private"}),
    ("bob", 0, "11:00", 60, "Customer call: Brightwater", {"location": "Phone"}),
    ("bob", 2, "09:30", 120, "Offer for Northwind", {}),
    ("bob", 3, "17:00", 60, "Physiotherapy", {"visibility": "private"}),
    ("carla", 1, "11:30", 60, "User interviews", {"guests": ("dan",)}),
    ("carla", 3, "10:00", 90, "Prototype review", {"location": "Studio"}),
    ("dan", 1, "11:00", 60, "Architecture hour", {}),
    ("dan", 2, "13:00", 45, "1:1 with Ann", {"guests": ("ann",)}),
]


def seed(simulator: "GoogleSimulator") -> None:
    """Everything lies relative to the simulator's today."""
    _People(simulator).seed()


class _People:
    def __init__(self, simulator: "GoogleSimulator") -> None:
        self.sim = simulator
        today = simulator.clock.now().date()
        self.monday = today - timedelta(days=today.weekday())

    def seed(self) -> None:
        for name, (full_name, timezone) in PEOPLE.items():
            self.sim.create_user(_mail(name), full_name, timezone)
        extra = self._calendars()
        for who, day, at, minutes, title, rule, more in SERIES:
            body = self._body(who, self._day(-2, day), at, minutes, title, more)
            self._insert(who, {**body, "recurrence": [f"RRULE:{rule}"]})
        for week in WEEKS:
            for who, day, at, minutes, title, more in WEEKLY:
                self._insert(
                    who, self._body(who, self._day(week, day), at, minutes, title, more)
                )
        self._whole_days(extra)
        self._exceptions()
        self._answers()
        self.sim.clear_outbox()

    def _calendars(self) -> dict[str, str]:
        """Name → id of everybody's further calendars; some are shared."""
        found = {}
        for who, name in (
            ("ann", "Family"),
            ("ann", "Recruiting"),
            ("bob", "Training"),
            ("carla", "Studio bookings"),
            ("dan", "On call"),
        ):
            found[name] = self.sim.create_calendar(_mail(who), name)
        self.sim.share(found["Recruiting"], _mail("bob"), "writer")
        self.sim.share(found["Recruiting"], _mail("carla"), "reader")
        self.sim.share(found["On call"], _mail("ann"), "freeBusyReader")
        holidays = self.sim.create_calendar(
            _mail("ann"),
            "Holidays in Germany",
            calendar_id="de.german#holiday@group.v.calendar.google.com",
            pushes=False,
        )
        for who in ("bob", "carla", "dan"):
            self.sim.share(holidays, _mail(who), "reader", subscribe=who != "dan")
        found["Holidays"] = holidays
        return found

    def _whole_days(self, calendars: dict[str, str]) -> None:
        for who, name, week, day, length, title, more in (
            ("ann", "Family", 0, 5, 2, "Weekend at the lake", {}),
            ("ann", "Family", 1, 2, 1, "Emma's birthday", {"free": True}),
            ("ann", "Recruiting", 0, 3, 1, "Careers fair", {}),
            ("bob", None, 1, 0, 5, "Holiday", {}),
            ("bob", "Training", 2, 1, 2, "Negotiation course", {}),
            ("carla", "Studio bookings", 0, 1, 1, "Photo shoot", {}),
            ("dan", "On call", 0, 0, 7, "On call", {"free": True}),
            ("ann", "Holidays", 1, 4, 1, "Public holiday", {"free": True}),
        ):
            first = self._day(week, day)
            body = {
                "summary": title,
                "start": {"date": first.isoformat()},
                "end": {"date": (first + timedelta(days=length)).isoformat()},
                "transparency": "transparent" if more.get("free") else "opaque",
            }
            self._insert(who, body, calendars[name] if name else "primary")

    def _exceptions(self) -> None:
        """One occurrence moved, one renamed, one cancelled."""
        who = _mail("ann")
        series = next(
            event
            for event in self.sim.list_events(who)
            if event.get("summary") == "Stand-up" and "recurrence" in event
        )
        found = self.sim.call(
            who, "events.instances", calendarId="primary", eventId=series["id"]
        )["items"]
        this_week = self._day(0, 0).isoformat()
        week = [item for item in found if item["start"]["dateTime"][:10] >= this_week][
            :5
        ]
        day = week[1]["start"]["dateTime"][:10]
        self.sim.patch_event(
            who,
            week[1]["id"],
            {
                "start": {"dateTime": f"{day}T11:45:00", "timeZone": "Europe/Berlin"},
                "end": {"dateTime": f"{day}T12:00:00", "timeZone": "Europe/Berlin"},
            },
        )
        self.sim.patch_event(who, week[3]["id"], {"summary": "Stand-up with guests"})
        self.sim.delete_event(who, week[4]["id"], sendUpdates="all")

    def _answers(self) -> None:
        """Some accept, some decline, some never answer."""
        wanted = {
            ("bob", "Stand-up"): "accepted",
            ("carla", "Stand-up"): "tentative",
            ("ann", "Sales review"): "accepted",
            ("dan", "Sales review"): "declined",
            ("ann", "Retrospective"): "declined",
            ("ann", "1:1 with Ann"): "accepted",
        }
        for who in PEOPLE:
            for event in self.sim.list_events(_mail(who)):
                answer = wanted.get((who, event.get("summary", "")))
                if answer and "recurringEventId" not in event:
                    self.sim.respond(_mail(who), event["id"], answer)

    def _day(self, week: int, day: int) -> date:
        return self.monday + timedelta(weeks=week, days=day)

    def _body(
        self, who: str, day: date, at: str, minutes: int, title: str, more: dict
    ) -> dict:
        hour, minute = (int(part) for part in at.split(":"))
        end = hour * 60 + minute + minutes
        tz = PEOPLE[who][1]
        body = {
            "summary": title,
            "start": {"dateTime": f"{day}T{at}:00", "timeZone": tz},
            "end": {
                "dateTime": f"{day}T{end // 60:02}:{end % 60:02}:00",
                "timeZone": tz,
            },
        }
        for name in ("location", "visibility"):
            if name in more:
                body[name] = more[name]
        if more.get("guests"):
            body["attendees"] = [{"email": _mail(who), "responseStatus": "accepted"}]
            body["attendees"] += [{"email": _mail(guest)} for guest in more["guests"]]
        return body

    def _insert(self, who: str, body: dict, calendar: str = "primary") -> dict:
        return self.sim.insert_event(_mail(who), body, calendar)


def _mail(name: str) -> str:
    return f"{name}@example.com"
