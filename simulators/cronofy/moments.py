"""A point in time as Cronofy writes it: a day, or an instant with an optional zone."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UTC = timezone.utc

DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
#: the three spellings of UTC that the service takes; no other offset is allowed
INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d+)?(?:Z|UTC|\+00:00)\Z"
)


@cache
def zone(name: str) -> ZoneInfo:
    """A zone by its IANA name; ValueError if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise ValueError(f"unknown time zone {name!r}") from None


@dataclass(frozen=True)
class Moment:
    """Either ``day``, or ``at`` (aware UTC) with the zone it was entered in."""

    day: date | None = None
    at: datetime | None = None
    tzid: str | None = None

    @property
    def all_day(self) -> bool:
        return self.day is not None

    def instant(self, tzid: str) -> datetime:
        """UTC; a day begins at midnight in ``tzid``."""
        if self.at is not None:
            return self.at
        return midnight(self.day, tzid)

    def plus(self, span: timedelta) -> "Moment":
        if self.day is not None:
            return Moment(day=self.day + span)
        return Moment(at=self.at + span, tzid=self.tzid)

    def json(self, localized: bool = False, tzid: str = "Etc/UTC") -> object:
        """As the service sends it: text, or with ``localized`` text and zone."""
        if self.day is not None:
            # also with localized_times: the tests of Cronofy's SDKs
            return self.day.isoformat()
        if not localized:
            return utc_text(self.at)
        name = self.tzid or tzid
        local = self.at.astimezone(zone(name)).isoformat(timespec="seconds")
        return {"time": local, "tzid": name}


def midnight(day: date, tzid: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone(tzid)).astimezone(UTC)


def utc_text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(value: object, tzid: str | None = None) -> Moment:
    """What a request sent; ValueError if it is no time.

    :param tzid: the zone of the whole request, for values that name none
    """
    if isinstance(value, dict):
        tzid = value.get("tzid") or tzid
        value = value.get("time")
    if tzid:
        zone(tzid)
    if not isinstance(value, str):
        raise ValueError("no time")
    if DAY.match(value):
        return Moment(day=date.fromisoformat(value))
    if match := INSTANT.match(value):
        at = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
        return Moment(at=at, tzid=tzid)
    raise ValueError(f"no ISO 8601 time in UTC: {value!r}")


def instant(value: object) -> datetime:
    """An instant that a request sent; ValueError for a day."""
    moment = parse(value)
    if moment.at is None:
        raise ValueError(f"a time of day is missing: {value!r}")
    return moment.at


def entered(value: str | date | datetime, tzid: str) -> Moment:
    """What a person typed: ``2026-01-05``, or ``2026-01-05 09:00`` in ``tzid``.

    A text or a datetime with an offset means that instant.
    """
    if isinstance(value, str):
        value = value.strip().replace("Z", "+00:00")
        value = (
            date.fromisoformat(value)
            if DAY.match(value)
            else (datetime.fromisoformat(value))
        )
    if not isinstance(value, datetime):
        return Moment(day=value)
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone(tzid))
    return Moment(at=value.astimezone(UTC).replace(microsecond=0), tzid=tzid)
