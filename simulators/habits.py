"""What a calendar service may make of a field that an application writes.

A service answers a write with success and keeps something else: Google cuts long
descriptions silently (OutlookGoogleCalendarSync compares the first 8 x 1,024
characters), rewrites HTML, and ignores the visibility of one occurrence (Calendar API,
release notes of 2026-07-07). A habit does the same to any field of any event, so that a
client can be seen to meet it.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any


def _shortened(value: Any, before: Any) -> Any:
    if isinstance(value, str) and " " in value:  # (one of a few words is no text)
        return value[: len(value) * 2 // 3]
    return value


def _dropped(value: Any, before: Any) -> Any:
    """The event is stored as if nobody had said anything; a time cannot be missing."""
    return value if isinstance(value, tuple) else None


def _replaced(value: Any, before: Any) -> Any:
    if isinstance(value, tuple):
        later = timedelta(days=1) if value[0].all_day else timedelta(minutes=30)
        return tuple(moment.plus(later) for moment in value)
    if isinstance(value, bool):
        return not value
    opposite = {
        "private": "public",
        "public": "private",
        "transparent": "opaque",
        "opaque": "transparent",
    }
    return opposite.get(value, "Something else")


def _ignored(value: Any, before: Any) -> Any:
    return value if isinstance(value, tuple) and before is None else before


def _normalised(value: Any, before: Any) -> Any:
    if isinstance(value, str) and " " in value:
        return value.replace(" ", "  ") + " "
    return value


#: habit(value as it was sent, value before or None)
HABITS: dict[str, Callable[[Any, Any], Any]] = {
    "shortened": _shortened,
    "dropped": _dropped,
    "replaced": _replaced,
    "ignored": _ignored,
    "normalised": _normalised,
}


class Habits:
    """Which field of which event the service treats how; ``time`` is the pair of start
    and end."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self.unnoticed: set[str] = set()
        """Ids of events that are not changed by a write of which nothing is kept."""

    def set(
        self, event_id: str, field: str, habit: str, *, noticed: bool = True
    ) -> None:
        if habit not in HABITS:
            raise ValueError(f"unknown habit {habit!r}")
        self._known[event_id, field] = habit
        if not noticed:
            self.unnoticed.add(event_id)

    def clear(self) -> None:
        self._known.clear()
        self.unnoticed.clear()

    def apply(self, event_id: str, sent: dict, before: dict | None) -> dict:
        """The fields as the service keeps them. ``before``: None for a new event."""
        kept = {}
        for (known, field), habit in self._known.items():
            old = (before or {}).get(field)
            if known == event_id and sent.get(field) not in (None, old):
                kept[field] = HABITS[habit](sent[field], old)
        return {**sent, **kept}
