"""How a copy looks to somebody: in full, without details, or as a bare tombstone."""

from .moments import Moment
from .shape import DEFAULTS, HIDDEN_KEEPS, PRIVATE
from .store import Calendar, Copy, at_least, rfc3339


def view(
    copy: Copy,
    calendar: Calendar,
    role: str,
    user: str,
    tz: str | None = None,
    max_attendees: int | None = None,
    bare: bool = False,
) -> dict:
    """The event as this user gets to see it; the caller must not change it."""
    tz = tz or calendar.timezone
    asked = (role, user, tz, max_attendees, bare, calendar.change)
    if copy.rendered and copy.rendered[0] == asked:
        return copy.rendered[1]
    if bare or copy.bare or (copy.cancelled and copy.master_id):
        shown = _bare(copy, tz)
    elif _hidden(copy, role, user):
        shown = _without_details(copy, tz, role)
    else:
        shown = _full(copy, calendar, tz, max_attendees)
    if copy.raw is not None:
        shown = {**shown, **copy.raw}
        shown = {name: value for name, value in shown.items() if value is not None}
    copy.rendered = (asked, shown)
    return shown


def _bare(copy: Copy, tz: str) -> dict:
    shown = {
        "kind": "calendar#event",
        "etag": copy.etag,
        "id": copy.id,
        "status": "cancelled",
    }
    if copy.master_id:
        shown["recurringEventId"] = copy.master_id
        shown["originalStartTime"] = copy.original.json(tz)
    return shown


def _hidden(copy: Copy, role: str, user: str) -> bool:
    if role == "freeBusyReader":
        return True
    return (
        copy.fields.get("visibility") in PRIVATE
        and not at_least(role, "writer")
        and copy.attendee(user) is None
    )


def _without_details(copy: Copy, tz: str, role: str) -> dict:
    fields = {k: v for k, v in copy.fields.items() if k in HIDDEN_KEEPS}
    if role == "freeBusyReader":  # these fields and no others: googleapis.dart #151
        kept = ("id", "status", "visibility", "iCalUID")
        fields = {name: fields[name] for name in kept if name in fields}
    return {
        **_frame(copy, tz),
        **fields,
        "id": copy.id,
        "htmlLink": _address(copy),
        "visibility": "private",
    }


def _address(copy: Copy) -> str:
    return f"https://www.google.com/calendar/event?eid={copy.id}"


def _frame(copy: Copy, tz: str) -> dict:
    shown = {
        "kind": "calendar#event",
        "etag": copy.etag,
        "id": copy.id,
        "status": copy.fields.get("status", "confirmed"),
        "created": rfc3339(copy.created),
        "updated": rfc3339(copy.updated),
        "start": _moment(copy, copy.start, tz),
        "end": _moment(copy, copy.stop, tz),
    }
    if copy.original:
        shown["originalStartTime"] = _moment(copy, copy.original, tz)
    return shown


def _moment(copy: Copy, at: Moment, tz: str) -> dict:
    """Rooms and devices have their whole days from midnight to midnight (gcal_sync,
    _adjust_resource_all_day_event)."""
    if at.all_day and copy.calendar.endswith("@resource.calendar.google.com"):
        at = Moment(at=at.instant(tz))
    return at.json(tz)


def _full(copy: Copy, calendar: Calendar, tz: str, max_attendees: int | None) -> dict:
    shown = _frame(copy, tz)
    for name, value in copy.fields.items():
        if name not in DEFAULTS or DEFAULTS[name] != value:
            shown[name] = value
    for name in ("organizer", "creator"):
        if shown.get(name, {}).get("email") == calendar.id:
            shown[name] = {**shown[name], "self": True}
    for entry in shown.get("conferenceData", {}).get("entryPoints", ()):
        if entry.get("entryPointType") == "video":
            shown["hangoutLink"] = entry["uri"]
    if "attendees" in shown:
        _show_attendees(shown, copy, calendar, max_attendees)
    shown["htmlLink"] = _address(copy)
    return shown


def _show_attendees(
    shown: dict, copy: Copy, calendar: Calendar, most: int | None
) -> None:
    rows = []
    for row in copy.fields["attendees"]:
        row = dict(row)
        if row["email"] == copy.organizer:
            row["organizer"] = True
        if row["email"] == calendar.id:
            row["self"] = True
        rows.append(row)
    secret = copy.fields.get("guestsCanSeeOtherGuests") is False
    if secret and not copy.is_organizers:
        rows = [row for row in rows if row.get("self")]
    if most and len(rows) > most:
        shown["attendeesOmitted"] = True
        rows = [row for row in rows if row.get("self")]
    shown["attendees"] = rows
