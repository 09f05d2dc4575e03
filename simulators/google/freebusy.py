"""freebusy.query: merged busy times per calendar."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from ..kit import Response
from . import errors
from .calls import Call
from .discovery import timestamp
from .listing import EventLists
from .moments import zone
from .store import Calendar, Copy, Store, at_least

LONGEST = timedelta(days=90)
MOST_CALENDARS = 50

Span = tuple[datetime, datetime]


class FreeBusy:
    def __init__(self, store: Store, lists: EventLists) -> None:
        self.store, self.lists = store, lists
        self.report_surplus = True
        """Calendars beyond the limit get an error; else they are left out."""

    def query(self, call: Call) -> Response:
        low, high = self._window(call.body)
        tz = call.body.get("timeZone") or "UTC"
        zone(tz)
        most = int(call.body.get("calendarExpansionMax") or MOST_CALENDARS)
        most = min(most, MOST_CALENDARS)
        calendars: dict[str, Any] = {}
        for number, item in enumerate(call.body.get("items") or ()):
            wanted = item.get("id", "")
            if number < most:
                calendars[wanted] = self._calendar(call, wanted, low, high, tz)
            elif self.report_surplus:
                calendars[wanted] = _failed("tooManyCalendarsRequested")
        return Response(
            200,
            {
                "kind": "calendar#freeBusy",
                "timeMin": _show(low, "UTC"),
                "timeMax": _show(high, "UTC"),
                "calendars": calendars,
            },
        )

    def _window(self, body: dict) -> Span:
        ends = []
        for name in ("timeMin", "timeMax"):
            if not body.get(name):
                raise errors.required(f"Missing {name}.")
            try:
                ends.append(timestamp(body[name]))
            except ValueError:
                raise errors.refuse(400, "badRequest", "Bad Request") from None
        low, high = ends
        if low >= high:
            raise errors.refuse(
                400,
                "timeRangeEmpty",
                "The specified time range is empty.",
                "calendar",
                "timeMax",
            )
        if high - low > LONGEST:
            raise errors.refuse(
                400,
                "timeRangeTooLong",
                "The requested time range is too long.",
                "calendar",
                "timeMax",
            )
        return low, high

    def _calendar(
        self, call: Call, wanted: str, low: datetime, high: datetime, tz: str
    ) -> dict:
        calendar = self.store.calendar(wanted, call.user)
        if calendar is None or not at_least(
            self.store.role(calendar, call.user), "freeBusyReader"
        ):
            return _failed("notFound")
        busy = merge(sorted(self._busy(calendar, low, high)))
        return {
            "busy": [
                {"start": _show(max(start, low), tz), "end": _show(min(stop, high), tz)}
                for start, stop in busy
            ]
        }

    def _busy(
        self, calendar: Calendar, low: datetime, high: datetime
    ) -> Iterator[Span]:
        tz = calendar.timezone
        for copy in calendar.events.values():
            if not blocks(copy):
                continue
            first, last = self.store.span(copy)
            if last <= low or first >= high:
                continue
            if not copy.is_series:
                yield first, last
                continue
            for instance in self.lists.expand(copy, low, high):
                yield instance.start.instant(tz), instance.stop.instant(tz)


def blocks(copy: Copy) -> bool:
    """Does this make the owner of its calendar busy?"""
    if copy.cancelled or copy.fields.get("transparency") == "transparent":
        return False
    if copy.fields.get("eventType") in ("workingLocation", "birthday"):
        return False
    row = copy.attendee(copy.calendar)
    return row is None or row.get("responseStatus") != "declined"


def merge(spans: list[Span]) -> list[Span]:
    """Overlapping and touching spans made one; `spans` sorted."""
    merged: list[Span] = []
    for start, stop in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _failed(reason: str) -> dict:
    return {"errors": [{"domain": "global", "reason": reason}], "busy": []}


def _show(at: datetime, tz: str) -> str:
    return at.astimezone(zone(tz)).isoformat(timespec="seconds").replace("+00:00", "Z")
