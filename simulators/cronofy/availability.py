"""Answers availability queries by trying every candidate against every event.

Deliberately naive: no interval arithmetic, no merging, nothing shared with any client,
so that it can serve as a second opinion. What the documentation leaves open is a
constant here, or said in the comment of the line that decides it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from .errors import Problems, invalid
from .moments import UTC, instant, utc_text, zone
from .store import BUSY, TENTATIVE, UNKNOWN, Account, Event

MAX_MEMBERS = 50
MAX_PERIODS = 64
MAX_RESULTS = 512
FORMATS = ("periods", "slots", "overlapping_slots")
#: which states of an event keep a slot from being offered
BLOCKING = (BUSY, TENTATIVE, UNKNOWN)
MINUTE = timedelta(minutes=1)
WEEKDAYS = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)

Span = tuple[datetime, datetime]


@dataclass
class Member:
    """One participant with everything that decides when they are free."""

    sub: str
    account: Account
    windows: list[Span] | None
    """Only inside one of these; None = always."""
    busy: list[Span]
    constraints: list[dict] = field(default_factory=list)
    managed: list[Event] = field(default_factory=list)

    def free(self, start: datetime, stop: datetime, buffers: "Buffers") -> bool:
        if self.windows is not None and not covered(self.windows, start, stop):
            return False
        guarded = (start - buffers.before, stop + buffers.after)
        if any(b < guarded[1] and e > guarded[0] for b, e in self.busy):
            return False
        return all(self._allows(constraint, start) for constraint in self.constraints)

    def _allows(self, constraint: dict, start: datetime) -> bool:
        tz = zone(constraint.get("tzid") or "Etc/UTC")
        wanted = {tag["value"] for tag in constraint.get("tags", {}).get("private", [])}

        def period(at: datetime) -> tuple[int, ...]:
            local = at.astimezone(tz).date()
            if constraint["period"] == "week":
                return tuple(local.isocalendar())[:2]
            return (local.toordinal(),)

        same = [
            event
            for event in self.managed
            if event.start.at is not None
            and period(event.start.at) == period(start)
            and wanted <= set(event.tags)
        ]
        return len(same) + 1 <= constraint["limit"]


@dataclass(frozen=True)
class Buffers:
    before: timedelta = timedelta()
    after: timedelta = timedelta()


@dataclass
class Group:
    members: list[Member]
    required: int


def covered(windows: list[Span], start: datetime, stop: datetime) -> bool:
    """Is every minute of the span inside one of the windows?"""
    if any(low <= start and stop <= high for low, high in windows):
        return True
    at = start
    while at < stop:
        if not any(low <= at and at + MINUTE <= high for low, high in windows):
            return False
        at += MINUTE
    return True


def available(
    groups: list[Group], start: datetime, stop: datetime, buffers: Buffers
) -> frozenset[str] | None:
    """Everybody who is free in the span, None if a group does not get enough."""
    found: set[str] = set()
    for group in groups:
        free = {m.sub for m in group.members if m.free(start, stop, buffers)}
        if len(free) < group.required:
            return None
        found |= free
    return frozenset(found)


def slots(
    groups: list[Group],
    periods: list[Span],
    duration: timedelta,
    buffers: Buffers,
    interval: timedelta | None,
    overlapping: bool,
) -> Iterator[tuple[datetime, datetime, frozenset[str]]]:
    for low, high in periods:
        step = interval or duration
        start = _on_grid(low, interval) if interval else low
        while start + duration <= high:
            people = available(groups, start, start + duration, buffers)
            if people is not None:
                yield start, start + duration, people
            start += duration if people is not None and not overlapping else step
            if interval:  # after a slot the next candidate is on the clock again
                start = _on_grid(start, interval)


def _on_grid(at: datetime, interval: timedelta) -> datetime:
    """The next multiple of the interval on the clock (of UTC), not before ``at``."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    steps = -((midnight - at) // interval)
    return midnight + steps * interval


def periods(
    groups: list[Group], windows: list[Span], duration: timedelta, buffers: Buffers
) -> Iterator[tuple[datetime, datetime, frozenset[str]]]:
    """Longest stretches in which any start finds the same people free."""
    for low, high in windows:
        first, people = low, None
        start = low
        while True:
            inside = start + duration <= high
            now = (
                available(groups, start, start + duration, buffers) if inside else None
            )
            if now != people:
                if people is not None:
                    yield first, start - MINUTE + duration, people
                first, people = start, now
            if not inside:
                break
            start += MINUTE


# ------------------------------------------------------------------ reading a query


def minutes(value: Any, field_name: str, least: int = 0) -> timedelta:
    """A duration such as ``{"minutes": 30}`` or ``{"hours": 1}``."""
    if isinstance(value, dict) and len(value) == 1:
        unit, number = next(iter(value.items()))
        if unit in ("minutes", "hours", "days") and isinstance(number, int):
            span = timedelta(**{unit: number})
            if span >= timedelta(minutes=least):
                return span
    raise invalid(field_name, "invalid", "must be a duration")


def buffers(data: Any) -> Buffers:
    """``{"before": {"minutes": 30}}``; of a range the minimum counts."""
    found = {}
    for side in ("before", "after"):
        value = (data or {}).get(side)
        if isinstance(value, dict) and "minimum" in value:
            value = value["minimum"]
        elif isinstance(value, dict) and set(value) == {"maximum"}:
            value = None
        if value:
            found[side] = minutes(value, f"buffer.{side}")
    return Buffers(**found)


def spans(data: Any, name: str, most: int = MAX_PERIODS) -> list[Span]:
    """``[{"start", "end"}]`` of a query."""
    if not isinstance(data, list) or not 1 <= len(data) <= most:
        raise invalid(name, "invalid", f"1 to {most} periods are needed")
    found = []
    for entry in data:
        try:
            low, high = instant(entry["start"]), instant(entry["end"])
        except (TypeError, KeyError, ValueError):
            raise invalid(name, "invalid", "start and end must be times") from None
        if low >= high:
            raise invalid(name, "invalid", "end must be after start")
        found.append((low, high))
    return found


def weekly(rule: dict, windows: list[Span]) -> Iterator[Span]:
    """The periods of an Availability Rule on every day that the windows touch."""
    tz = zone(rule["tzid"])
    for low, high in windows:
        day = low.astimezone(tz).date() - timedelta(days=1)
        while day <= high.astimezone(tz).date():
            for period in rule["weekly_periods"]:
                if period["day"] == WEEKDAYS[day.weekday()]:
                    yield tuple(
                        datetime.fromisoformat(f"{day}T{period[side]}:00")
                        .replace(tzinfo=tz)
                        .astimezone(UTC)
                        for side in ("start_time", "end_time")
                    )
            day += timedelta(days=1)


class Reader:
    """Turns the JSON of a query into groups; needs to look up accounts and events."""

    def __init__(
        self,
        account: Callable[[str], Account | None],
        events: Callable[[Account, list[str] | None], list[Event]],
        client: str,
    ) -> None:
        self._account, self._events, self._client = account, events, client
        self.members: dict[str, Member] = {}

    def groups(self, data: Any, windows: list[Span]) -> list[Group]:
        if isinstance(data, dict):
            data = [data]
        problems = Problems()
        if not data or not isinstance(data, list):
            problems.required("participants")
            problems.check()
        found = []
        for entry in data:
            members = [self._member(m, windows) for m in entry.get("members") or ()]
            required = entry.get("required", "all")
            if not members:
                problems.required("participants.members")
            elif required == "all":
                found.append(Group(members, len(members)))
            elif isinstance(required, int) and 1 <= required <= len(members):
                found.append(Group(members, required))
            else:
                problems.add("participants.required", "invalid", "all or a number")
        if len(self.members) > MAX_MEMBERS:
            problems.add("participants", "invalid", f"at most {MAX_MEMBERS} accounts")
        problems.check()
        return found

    def _member(self, data: dict, windows: list[Span]) -> Member:
        account = self._account(data.get("sub", ""))
        if account is None:
            raise invalid("participants.members.sub", "invalid", "unknown account")
        calendar_ids = data.get("calendar_ids")
        limits: list[list[Span]] = []
        if data.get("available_periods") is not None:
            limits.append(spans(data["available_periods"], "available_periods"))
        if data.get("managed_availability"):
            rule_ids = data.get("availability_rule_ids")
            rules = [
                rule
                for rule_id, rule in account.rules.items()
                if rule_ids is None or rule_id in rule_ids
            ]
            # without any rule there is no restriction, unless one was asked for
            if rules or rule_ids or account.periods:
                allowed = [span for rule in rules for span in weekly(rule, windows)]
                limits.append(allowed + list(account.periods.values()))
            if calendar_ids is None:
                named = {c for rule in rules for c in rule.get("calendar_ids", ())}
                calendar_ids = sorted(named) or None
        events = self._events(account, calendar_ids)
        member = Member(
            sub=account.sub,
            account=account,
            windows=_both(limits),
            busy=[
                (
                    event.start.instant(account.person.tz),
                    event.end.instant(account.person.tz),
                )
                for event in events
                if event.blocks() in BLOCKING
            ],
            constraints=data.get("availability_constraints") or [],
            managed=[e for e in events if e.managed_by(self._client)],
        )
        self.members[member.sub] = member
        return member


def _both(limits: list[list[Span]]) -> list[Span] | None:
    """What lies in a span of every list; None without lists."""
    if not limits:
        return None
    found = limits[0]
    for others in limits[1:]:
        found = [
            (max(a, c), min(b, d))
            for a, b in found
            for c, d in others
            if a < d and c < b
        ]
    return found


# ------------------------------------------------------------------------- answering


def _entry(start: datetime, stop: datetime, people: frozenset[str]) -> dict:
    return {
        "start": utc_text(start),
        "end": utc_text(stop),
        "participants": [{"sub": sub} for sub in sorted(people)],
    }


def answer(query: dict, reader: Reader) -> dict[str, Any]:
    """The body for ``POST /availability``."""
    response_format = query.get("response_format", "periods")
    if response_format not in FORMATS:
        raise invalid("response_format", "invalid", "unknown format")
    duration = minutes(query.get("required_duration"), "required_duration", 1)
    buffer = buffers(query.get("buffer"))
    interval = query.get("start_interval")
    interval = minutes(interval, "start_interval", 5) if interval else None
    starts = query.get("query_slots")
    if starts:
        try:
            given = [instant(entry["start"]) for entry in starts]
        except (TypeError, KeyError, ValueError):
            raise invalid("query_slots", "invalid", "start must be a time") from None
        windows = [(at, at + duration) for at in given]
        interval = None
    else:
        name = "query_periods" if "query_periods" in query else "available_periods"
        windows = spans(query.get(name), name)
    groups = reader.groups(query.get("participants"), windows)
    if response_format == "periods":
        found = periods(groups, windows, duration, buffer)
    else:
        found = slots(
            groups,
            windows,
            duration,
            buffer,
            interval,
            response_format == "overlapping_slots",
        )
    most = query.get("max_results") or MAX_RESULTS
    key = "available_periods" if response_format == "periods" else "available_slots"
    entries = [_entry(*one) for one in islice(found, most)]
    data: dict[str, Any] = {key: entries}
    if query.get("include_member_statuses"):
        data["member_statuses"] = [
            {"sub": member.sub, "sync_status": member.account.sync_status}
            for member in reader.members.values()
        ]
    return data


def sequences(query: dict, reader: Reader) -> dict[str, Any]:
    """The body for ``POST /sequenced_availability``; steps by ``ordinal``."""
    name = "query_periods" if "query_periods" in query else "available_periods"
    windows = spans(query.get(name), name)
    steps = sorted(query.get("sequence") or (), key=lambda step: step.get("ordinal", 0))
    if not steps:
        raise invalid("sequence", "required", "required")
    offers = []
    for step in steps:
        own = step.get("query_periods") or step.get("available_periods")
        inside = spans(own, name) if own else windows
        duration = minutes(step.get("required_duration"), "required_duration", 1)
        interval = step.get("start_interval")
        found = slots(
            reader.groups(step.get("participants"), inside),
            inside,
            duration,
            Buffers(),
            minutes(interval, "start_interval", 5) if interval else None,
            True,
        )
        offers.append((step, list(found)))
    chains = [
        [
            {"sequence_id": step["sequence_id"]} | _entry(*slot)
            for (step, _slots), slot in zip(offers, chain, strict=True)
        ]
        for chain in islice(_chains(offers), MAX_RESULTS)
    ]
    return {"sequences": [{"sequence": chain} for chain in chains]}


def _chains(offers: list, sofar: tuple = ()) -> Iterator[tuple]:
    """Every way to put one slot of each step in a row, the gaps being allowed."""
    if len(sofar) == len(offers):
        yield sofar
        return
    step, found = offers[len(sofar)]
    for slot in found:
        if not sofar or _fits(offers[len(sofar) - 1][0], sofar[-1], step, slot):
            yield from _chains(offers, (*sofar, slot))


def _fits(earlier: dict, before: tuple, step: dict, slot: tuple) -> bool:
    """Is the gap between two slots what the buffers of both steps allow?"""
    gap = slot[0] - before[1]
    least, most = timedelta(), None
    for data, side in ((earlier, "after"), (step, "before")):
        limit = (data.get("buffer") or {}).get(side) or {}
        if "minimum" in limit:
            least = max(least, minutes(limit["minimum"], f"buffer.{side}"))
        elif set(limit) <= {"minutes", "hours"} and limit:
            least = max(least, minutes(limit, f"buffer.{side}"))
        if "maximum" in limit:
            ceiling = minutes(limit["maximum"], f"buffer.{side}")
            most = ceiling if most is None else min(most, ceiling)
    return gap >= least and (most is None or gap <= most)
