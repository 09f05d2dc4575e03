"""What applications write: checked at once, answered with 202, applied later."""

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from simulators.habits import Habits
from simulators.kit import Clock

from .errors import Problems, invalid, refused
from .moments import Moment, parse
from .store import READ_WRITE, Account, Calendar, Event, Store, new_id

#: [recalled] longest event_id
MAX_ID = 64
MAX_SUMMARY = 1024
MAX_DESCRIPTION = 4096
MAX_REMINDERS = 5
TRANSPARENCY = ("opaque", "transparent")
EXTENDED = (*TRANSPARENCY, "working_elsewhere", "tentative", "out_of_office", "unknown")
COLOR = re.compile(r"#[0-9a-fA-F]{6}\Z")
TEMPLATE = "{{ cronofy.conferencing.join_url }}"


@dataclass
class Writes:
    """The writes that were accepted and are on their way to the calendar service."""

    store: Store
    clock: Clock
    delay: float = 0.0
    habits: Habits = field(default_factory=Habits)
    """What the calendar service makes of a field."""
    failing: int = 0
    """So many of the next accepted writes never arrive, and nobody is told."""
    _queue: list[tuple[datetime, Any]] = field(default_factory=list)

    def accept(self, action: Any) -> None:
        if self.failing:
            self.failing -= 1
            return
        self._queue.append((self.clock.now() + timedelta(seconds=self.delay), action))
        self.settle()

    def settle(self, everything: bool = False) -> int:
        """Apply what is due; how many."""
        now = self.clock.now()
        due = [action for at, action in self._queue if everything or at <= now]
        self._queue = [
            entry for entry in self._queue if not (everything or entry[0] <= now)
        ]
        for action in due:
            action()
        return len(due)

    def clear(self) -> None:
        self._queue.clear()
        self.habits.clear()
        self.delay, self.failing = 0.0, 0

    def __len__(self) -> int:
        return len(self._queue)


def _text(data: dict, name: str, most: int, problems: Problems) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        problems.required(name)
    elif len(value) > most:
        problems.add(name, "too_long", f"must be at most {most} characters")
    else:
        return value
    return ""


def _external(uid: Any, problems: Problems) -> None:
    """Cronofy, developers/api/events/edit-external-events; tests of cronofy-csharp."""
    if not str(uid).startswith("evt_external_"):
        problems.add(
            "event_uid", "must_be_external_event_uid", "must be an external event's"
        )


def _mail_guests(store: Store, event: Event) -> None:
    """The calendar service tells the guests of a meeting what became of it; an
    application cannot ask it not to. (No source says otherwise.)"""
    store.mailed += [guest["email"] for guest in event.attendees]


def _moments(data: dict, problems: Problems) -> tuple[Moment | None, Moment | None]:
    found = []
    for name in ("start", "end"):
        try:
            found.append(parse(data[name], data.get("tzid")))
        except KeyError:
            problems.required(name)
        except ValueError as error:
            problems.add(name, "invalid", str(error))
    if len(found) < 2:
        return None, None
    start, end = found
    if start.all_day != end.all_day:
        problems.add("end", "invalid", "start and end must both be dates or both times")
    elif (end.day or end.at) < (start.day or start.at):
        problems.add("end", "invalid", "must not be before start")
    elif start.all_day and end.day == start.day:
        problems.add("end", "invalid", "the end of an all-day event is exclusive")
    return start, end


def _invited(data: dict, problems: Problems) -> list[dict]:
    invite = (data.get("attendees") or {}).get("invite") or []
    for person in invite:
        if "@" not in str(person.get("email", "")):
            problems.add("attendees.invite.email", "invalid", "must be an address")
    return [
        {
            "email": person.get("email"),
            "display_name": person.get("display_name"),
            "status": "needs_action",
        }
        for person in invite
    ]


def _conferencing(data: Any, calendar: Calendar, account: Account) -> dict | None:
    if not data:
        return None
    profile_id = data.get("profile_id")
    if profile_id == "explicit":
        if not data.get("join_url"):
            raise invalid("conferencing.join_url", "required", "required")
        return {
            "provider_name": "explicit",
            "provider_description": data.get("provider_description", ""),
            "join_url": data["join_url"],
        }
    integrated = calendar.profile.integrated
    connected = {p["profile_id"]: p["provider_name"] for p in account.conferencing}
    if profile_id == "integrated" or (profile_id == "default" and not connected):
        provider = integrated
    elif profile_id == "default":
        provider = next(iter(connected.values()))
    else:
        provider = connected.get(profile_id)
    if provider is None:
        raise invalid("conferencing.profile_id", "invalid", "no such profile")
    host = provider.replace("_", "-")
    return {
        "provider_name": provider,
        "join_url": f"https://{host}.example/j/{secrets.token_hex(6)}",
    }


def as_service_keeps(text: str) -> str:
    """A description as it comes back: no CR, no blanks at line ends or around it."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


def _name(data: dict, problems: Problems) -> tuple[str, str]:
    """The event_id and the event_uid, one of them empty. An event_id takes precedence:
    Cronofy, developers/calendars-events/editing-events."""
    if "event_uid" in data and not data.get("event_id"):
        _external(data["event_uid"], problems)
        return "", str(data["event_uid"])
    event_id = _text(data, "event_id", MAX_ID, problems)
    if event_id and not event_id.isascii():
        problems.add("event_id", "invalid", "must be ASCII")
    if data.get("event_id") == "":
        problems.required("event_id")
    return event_id, ""


def _texts(data: dict, problems: Problems) -> tuple[str, str]:
    """Title and description."""
    summary = _text(data, "summary", MAX_SUMMARY, problems)
    if data.get("summary") in (None, ""):
        # of a missing one: cronofy-node's batch test; an empty one is not sent by
        # cronofy-csharp (UpsertEventRequestBuilder), and no answer to it is known
        problems.errors["summary"] = [
            {"key": "errors.required", "description": "summary must be specified"}
        ]
    # optional: Cronofy, developers/api/events/upsert-event
    if data.get("description") is None:
        return summary, ""
    return summary, _text(data, "description", MAX_DESCRIPTION, problems)


def _looks(data: dict, all_day: bool, problems: Problems) -> dict[str, Any]:
    """How the event shows, beside its texts and times."""
    transparency = data.get("transparency", "transparent" if all_day else "opaque")
    if transparency not in TRANSPARENCY:
        problems.add("transparency", "invalid", "opaque or transparent")
    extended = data.get("extended_transparency", "unknown")
    if extended not in EXTENDED:
        problems.add("extended_transparency", "invalid", "unknown value")
    if len(data.get("reminders") or ()) > MAX_REMINDERS:
        problems.add("reminders", "invalid", f"at most {MAX_REMINDERS}")
    if data.get("color") and not COLOR.match(data["color"]):
        problems.add("color", "invalid", "must be #RRGGBB")
    return {
        "transparency": transparency,
        "extended_transparency": extended,
        "private": bool(data.get("event_private", False)),
        "color": data.get("color"),
        "tags": [tag["value"] for tag in (data.get("tags") or {}).get("private", ())],
    }


def _changeable(calendar: Calendar, uid: str) -> Event:
    """An external event that its calendar lets applications change."""
    found = calendar.events.get(uid)
    # once it is deleted it cannot be made again, and recurring ones are not editable:
    # Cronofy, developers/api/events/edit-external-events
    if found is None or found.deleted:
        raise refused(404)
    if not found.editable or found.series:
        raise refused(403)
    return found


def upsert(
    store: Store,
    account: Account,
    calendar: Calendar,
    client: str,
    data: dict,
    habits: Habits | None = None,
) -> Any:
    """Check the body; the action that applies it."""
    problems = Problems()
    event_id, uid = _name(data, problems)
    summary, description = _texts(data, problems)
    start, end = _moments(data, problems)
    looks = _looks(data, start is not None and start.all_day, problems)
    location = data.get("location") or {}
    if not isinstance(location, dict):
        problems.add("location", "invalid", "must be an object")
        location = {}
    invited = _invited(data, problems)
    problems.check()
    external = _changeable(calendar, uid) if uid else None
    conferencing = _conferencing(data.get("conferencing"), calendar, account)
    place = location.get("description") or ""
    if conferencing:
        description = description.replace(TEMPLATE, conferencing["join_url"])
        place = place.replace(TEMPLATE, conferencing["join_url"])
    said = {
        "summary": summary.strip(),
        "description": as_service_keeps(description),
        "start": start,
        "end": end,
        "location": place.strip(),
        **looks,
    }
    if "url" in data:
        said["url"] = data["url"]
    if "conferencing" in data:
        said["conferencing"] = conferencing

    def made(values: dict) -> Event:
        event = Event(
            uid=new_id("evt_external_"),
            calendar_id=calendar.id,
            created=store.clock.now(),
            updated=store.clock.now(),
            event_id=event_id,
            client=client,
            participation_status=(
                "accepted"
                if calendar.profile.mode == READ_WRITE
                else "needs_action"  # it arrives as an invitation by mail
            ),
            **values,
        )
        calendar.events[event.uid] = event
        return event

    def apply() -> None:
        if external and external.deleted:
            return
        if external:
            _mail_guests(store, external)
        event = external or calendar.managed(client, event_id)
        values = _kept(habits, event_id or uid, said, event) if habits else said
        event = event or made(values)
        # whether a write of which the calendar kept nothing counts as a change: unknown
        told = said if habits and event_id not in habits.unnoticed else {}
        changed = event.deleted or any(
            getattr(event, name) != value for name, value in {**values, **told}.items()
        )
        event.deleted = False
        event.move(values["start"], values["end"])
        for name, value in values.items():
            setattr(event, name, value)
        known = {person["email"] for person in event.attendees}
        event.attendees = event.attendees + [
            person for person in invited if person["email"] not in known
        ]
        if changed:
            event.updated = store.clock.now()

    return apply


def _kept(habits: Habits, event_id: str, said: dict, event: Event | None) -> dict:
    """What the calendar service makes of the fields, and Cronofy shows."""
    before = event and {
        **{name: getattr(event, name) for name in said},
        "time": (event.start, event.end),
    }
    sent = {**said, "time": (said["start"], said["end"])}
    kept = habits.apply(event_id, sent, before)
    start, end = kept.pop("time")
    empty = {"transparency": "opaque", "private": False}
    for name in ("summary", "description", "location", *empty):
        if kept[name] is None:
            kept[name] = empty.get(name, "")
    return {**kept, "start": start, "end": end}


def delete(store: Store, calendar: Calendar, client: str, data: dict) -> Any:
    """Check the body; the action that deletes the event. Unknown ones are accepted."""
    event_id, uid = data.get("event_id"), data.get("event_uid")
    if not event_id and not uid:
        raise invalid("event_id", "required", "required")
    external = None
    if not event_id:
        problems = Problems()
        _external(uid, problems)
        problems.check()
        external = _changeable(calendar, uid)

    def apply() -> None:
        event = external or calendar.managed(client, event_id)
        if event and not event.deleted:
            if external:
                _mail_guests(store, event)
            event.deleted = True
            event.updated = store.clock.now()

    return apply
