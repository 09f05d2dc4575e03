"""From what a client sends to Google's normal form, with every 400 on the way."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..kit import Refusal, Response
from . import errors, normal, recurrence
from .moments import Moment, parse, zone
from .shape import DEFAULTS, WRITABLE
from .store import Calendar, Copy


@dataclass
class Change:
    """What a write wants of an event: its new content, and which names differ."""

    fields: dict[str, Any]
    start: Moment
    stop: Moment
    names: set[str]
    sequence: int
    """As the client gave it, else 0."""


def changed_names(copy: Copy, fields: dict[str, Any]) -> set[str]:
    return {
        name
        for name in WRITABLE
        if fields.get(name, DEFAULTS.get(name))
        != copy.fields.get(name, DEFAULTS.get(name))
    }


def content(
    body: dict,
    calendar: Calendar,
    args: Mapping[str, Any],
    copy: Copy | None = None,
) -> tuple[dict, Moment, Moment]:
    """The writable fields in Google's normal form, start and end."""
    body = without_nulls(body)
    start, stop = _times(body, calendar, copy)
    fields = {
        name: body[name]
        for name in WRITABLE
        if body.get(name) is not None and name not in ("status", "conferenceData")
    }
    for name in ("summary", "location"):
        if name in fields:
            fields[name] = normal.one_line(fields[name])
    if "description" in fields:
        fields["description"] = normal.description(fields["description"])
    if fields.get("recurrence"):
        if copy and copy.master_id:
            raise errors.invalid("An instance cannot recur.", "recurrence")
        _check_zone(body, start)
        fields["recurrence"] = recurrence.normal_form(fields["recurrence"], start)
    if "attendees" in fields:
        _check_attendees(fields["attendees"])
        fields["attendees"] = normal.attendees(fields["attendees"])
    if "extendedProperties" in fields:
        fields["extendedProperties"] = normal.properties(fields["extendedProperties"])
    fields["reminders"] = _reminders(fields.get("reminders"))
    if copy:
        fields["eventType"] = copy.fields.get("eventType", "default")
    if body.get("status"):
        fields["status"] = body["status"]
    elif copy:
        fields["status"] = copy.fields.get("status", "confirmed")
    _labels(fields, args, copy)
    _check_color(fields)
    _extras(fields, body, args, copy)
    fields = {k: v for k, v in fields.items() if DEFAULTS.get(k, None) != v}
    return normal.strip_empty(fields), start, stop


def _times(body: dict, calendar: Calendar, copy: Copy | None) -> tuple[Moment, Moment]:
    _check_known_zones(body, calendar.unknown_zones)
    start = parse(body.get("start"), "start", calendar.timezone)
    stop = parse(body.get("end"), "end", calendar.timezone)
    if start.all_day != stop.all_day:
        raise errors.invalid(
            "The start and end times must either both be date or both be dateTime."
        )
    # no length is refused, too (keeper.sh 614 and 616, OGCS 2197); the web page makes
    # such events all the same, and they stay as they are (home-assistant 136804)
    as_before = copy and (start, stop) == (copy.start, copy.stop)
    if (stop.day or stop.at) <= (start.day or start.at) and not as_before:
        raise errors.refuse(
            400,
            "timeRangeEmpty",
            "The specified time range is empty.",
            "calendar",
            "timeMax",
        )
    if not datetime(1900, 1, 1) <= start.local() < datetime(9990, 1, 1):
        raise errors.invalid("Invalid start time.", "start")
    return start, stop


def _check_known_zones(body: dict, unknown: set[str]) -> None:
    """One error for each end (n8n #2995, OutlookGoogleCalendarSync #1530)."""
    details = []
    for what in ("start", "end"):
        name = (body.get(what) or {}).get("timeZone") or "UTC"
        try:
            if name in unknown:
                raise errors.invalid(f"Unknown: {name}", "timeZone")
            zone(name)
        except Refusal:
            message = f"Invalid time zone definition for {what} time."
            answer = errors.body(400, "invalid", message)
            details += answer["error"]["errors"]
    if details:
        answer["error"].update(errors=details, message=details[0]["message"])
        raise Refusal(Response(400, answer))


def _check_zone(body: dict, start: Moment) -> None:
    if not start.all_day and not body["start"].get("timeZone"):
        raise errors.required("Missing time zone definition for start time.")


def _check_attendees(rows: list[dict]) -> None:
    for row in rows:
        if not row.get("email"):
            raise errors.required("Missing attendee email.")
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", row["email"]):
            raise errors.invalid("Invalid attendee email.")


def _reminders(given: dict | None) -> dict:
    if given is None:
        return {"useDefault": True}
    overrides = given.get("overrides") or []
    if given.get("useDefault") and overrides:
        raise errors.refuse(
            400,
            "cannotUseDefaultRemindersAndSpecifyOverride",
            "Cannot specify both default reminders and overrides at the same time.",
            "calendar",
        )
    if len(overrides) > 5:
        raise errors.invalid("Too many reminder overrides.")
    for row in overrides:
        if not 0 <= int(row.get("minutes", -1)) <= 40320 or not row.get("method"):
            raise errors.invalid("Invalid reminder override.")
    shown: dict[str, Any] = {"useDefault": bool(given.get("useDefault"))}
    if overrides:
        shown["overrides"] = overrides
    return shown


def _labels(fields: dict, args: Mapping[str, Any], copy: Copy | None) -> None:
    """Of colour and label only that counts which the version names."""
    ignored = "colorId" if args.get("eventLabelVersion") else "eventLabelId"
    fields.pop(ignored, None)
    if copy and ignored in copy.fields:
        fields[ignored] = copy.fields[ignored]


def _check_color(fields: dict) -> None:
    color = fields.get("colorId")
    if color and color not in [str(number) for number in range(1, 12)]:
        raise errors.invalid("Invalid Color Id.")


def _extras(
    fields: dict, body: dict, args: Mapping[str, Any], copy: Copy | None
) -> None:
    """Attachments, source and conference, which need a parameter to count."""
    if not args.get("supportsAttachments"):
        fields["attachments"] = copy.fields.get("attachments") if copy else None
    elif len(fields.get("attachments") or ()) > 25:
        raise errors.invalid("Too many attachments.")
    url = (fields.get("source") or {}).get("url")
    if url and not url.startswith(("http://", "https://")):
        raise errors.invalid("Invalid source url.")
    if args.get("conferenceDataVersion") == 1:
        _conference(fields, body.get("conferenceData"), copy)
    elif copy and "conferenceData" in copy.fields:
        fields["conferenceData"] = copy.fields["conferenceData"]


def _conference(fields: dict, data: dict | None, copy: Copy | None) -> None:
    """A request makes a Meet link; the same request again changes nothing."""
    request = (data or {}).get("createRequest")
    known = (copy.fields.get("conferenceData") if copy else None) or {}
    if request and known.get("createRequest", {}).get("requestId") == request.get(
        "requestId"
    ):
        fields["conferenceData"] = known
    elif request:
        code = "sim-" + uuid.uuid4().hex[:4] + "-" + uuid.uuid4().hex[:3]
        fields["conferenceData"] = {
            "createRequest": {**request, "status": {"statusCode": "success"}},
            "conferenceId": code,
            "conferenceSolution": {
                "key": {"type": "hangoutsMeet"},
                "name": "Google Meet",
            },
            "entryPoints": [
                {
                    "entryPointType": "video",
                    "uri": f"https://meet.google.com/{code}",
                    "label": f"meet.google.com/{code}",
                }
            ],
        }
    elif data:
        fields["conferenceData"] = data


def check_kind(kind: str, body: dict, calendar: Calendar) -> None:
    """What the special types of event demand."""
    if kind == "default":
        return
    if kind == "fromGmail":
        raise errors.refuse(
            400, "eventTypeRestriction", "fromGmail events cannot be created."
        )
    timed = bool((body.get("start") or {}).get("dateTime"))
    problem = None
    if not calendar.primary:
        problem = f"{kind} events can only be created on primary calendars."
    elif kind in ("focusTime", "outOfOffice") and not timed:
        problem = f"A {kind} event must be a timed event."
    elif kind == "birthday" and timed:
        problem = "A birthday event must be an all-day event."
    if problem:
        raise errors.refuse(400, "eventTypeRestriction", problem, "calendar")
    if kind == "workingLocation" and not (
        body.get("workingLocationProperties")
        and body.get("visibility") == "public"
        and body.get("transparency") == "transparent"
    ):
        raise errors.refuse(
            400,
            "malformedWorkingLocationEvent",
            "A working location event must be public, transparent and have"
            " workingLocationProperties.",
            "calendar",
        )


def merge_patch(base: Any, patch: Any) -> Any:
    """JSON merge patch: null clears, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(base) if isinstance(base, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def without_nulls(value: Any) -> Any:
    """A null is as good as nothing, however deep."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value if item is not None]
    return value
