"""A point in time as an event carries it: a day, or an instant with its zone."""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .discovery import python_iso
from .errors import invalid, refuse, required

UTC = timezone.utc


@cache
def zone(name: str) -> ZoneInfo:
    """A zone by its IANA name; a Refusal if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise refuse(400, "invalid", f"Invalid time zone definition: {name}") from None


@dataclass(frozen=True)
class Moment:
    """Either `day`, or `at` (aware UTC) together with the zone it was meant in."""

    day: date | None = None
    at: datetime | None = None
    zone: str | None = None

    @property
    def all_day(self) -> bool:
        return self.day is not None

    def instant(self, tz: str) -> datetime:
        """UTC; a day begins at midnight in `tz`."""
        if self.at is not None:
            return self.at
        midnight = datetime(self.day.year, self.day.month, self.day.day)
        return midnight.replace(tzinfo=zone(tz)).astimezone(UTC)

    def local(self) -> datetime:
        """Naive wall-clock time, midnight for a day."""
        if self.day is not None:
            return datetime(self.day.year, self.day.month, self.day.day)
        return self.at.astimezone(zone(self.zone or "UTC")).replace(tzinfo=None)

    def from_local(self, local: datetime) -> "Moment":
        """The moment of the same kind and zone at another wall-clock time."""
        if self.day is not None:
            return replace(self, day=local.date())
        at = local.replace(tzinfo=zone(self.zone or "UTC")).astimezone(UTC)
        return replace(self, at=at)

    def plus(self, span: timedelta) -> "Moment":
        if self.day is not None:
            return replace(self, day=self.day + span)
        return replace(self, at=self.at + span)

    def minus(self, other: "Moment") -> timedelta:
        if self.day is not None:
            return self.day - other.day
        return self.at - other.at

    def stamp(self) -> str:
        """What an instance's id ends with."""
        if self.day is not None:
            return self.day.strftime("%Y%m%d")
        return self.at.strftime("%Y%m%dT%H%M%SZ")

    def json(self, tz: str) -> dict:
        """As Google sends it; the offset is that of `tz`."""
        if self.day is not None:
            return {"date": self.day.isoformat()}
        text = self.at.astimezone(zone(tz)).isoformat(timespec="seconds")
        found = {"dateTime": text.replace("+00:00", "Z")}
        if self.zone:
            found["timeZone"] = self.zone
        return found


STAMP = re.compile(r"(.+)_(\d{8})(T\d{6}Z)?\Z")


def split_instance_id(event_id: str) -> tuple[str, Moment] | None:
    """Master's id and original start, if this looks like an instance's id."""
    match = STAMP.match(event_id)
    if not match:
        return None
    try:
        if match[3]:
            at = datetime.strptime(match[2] + match[3], "%Y%m%dT%H%M%SZ")
            return match[1], Moment(at=at.replace(tzinfo=UTC))
        return match[1], Moment(day=datetime.strptime(match[2], "%Y%m%d").date())
    except ValueError:
        return None


TAIL = re.compile(r"(.+?)(?:_R\d{8}(?:T\d{6})?)+\Z")


def base_id(series_id: str) -> str:
    """The id of the series that this one was cut off from; see :mod:`.splits`."""
    match = TAIL.match(series_id)
    return match[1] if match else series_id


def instance_id(series_id: str, original: Moment) -> str:
    return f"{base_id(series_id)}_{original.stamp()}"


def parse(value: dict | None, what: str, calendar_zone: str) -> Moment:
    """A moment from ``start`` or ``end`` as a client sends it; else a Refusal."""
    value = value or {}
    day, text, name = value.get("date"), value.get("dateTime"), value.get("timeZone")
    if not day and not text:
        raise required(f"Missing {what} time.")
    if day and text:
        raise invalid(f"Invalid {what} time: both date and dateTime are given.", what)
    if name:
        zone(name)
    if day:
        return Moment(day=date.fromisoformat(day))
    try:
        at = datetime.fromisoformat(python_iso(text)).replace(microsecond=0)
    except ValueError:
        raise invalid(f"Invalid {what} time.", what) from None
    if at.tzinfo is None:
        if not name:
            raise required(f"Missing time zone definition for {what} time.")
        at = at.replace(tzinfo=zone(name))
    try:
        return Moment(at=at.astimezone(UTC), zone=name or calendar_zone)
    except OverflowError:
        raise invalid(f"Invalid {what} time.", what) from None
