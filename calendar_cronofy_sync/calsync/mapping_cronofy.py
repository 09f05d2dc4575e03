"""A Cronofy event and the neutral one, both ways.

:func:`cronofy_event` takes whatever Cronofy sends and never raises: what cannot be read
arrives as an event with ``problem`` set. :func:`cronofy_body` says all mapped fields in
Cronofy's words: its write replaces the event, there is no partial one.

An event that we made (*managed*) goes by the ``event_id`` we gave it. Any other goes by
its ``event_uid`` behind :data:`FOREIGN`, so that the two can never be taken for each
other. Foreign events are ours to change only in a calendar whose person allowed it by a
permission of its own (*unrestricted*); a meeting with guests not even then, because the
calendar service would write to them.

Cronofy lays every series out: an occurrence is an event of its own here, and all of one
series have the same ``series_id``. There is no rule, no master and no original start.

Descriptions are plain text there. They arrive as HTML with the same lines, so that
everybody above deals with HTML alone; what is sent is the text of the HTML. The engine
keeps both sides' own values, so that Odoo's markup stays while the text is the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from html import escape, unescape
from typing import Any, NamedTuple

from .errors import ItemUnreadable
from .mapping import (
    LONGEST_DESCRIPTION,
    LONGEST_LINE,
    UTC,
    YEARS,
    cut,
    google_html,
    has_markup,
    known_zone,
    same_lines,
)
from .values import Fields, Person, RemoteEvent, When, Write

#: what the remote id of an event that is not ours begins with
FOREIGN = "uid:"

#: characters; longer ones are refused with 422
LONGEST_SUMMARY = 1024
LONGEST_TEXT = 4096

#: what stands for a title where there is none, because Cronofy refuses an empty one
#: (cronofy-csharp, UpsertEventRequestBuilder; 422 in cronofy-node's batch test)
NO_TITLE = "(No title)"
#: ends the version of a foreign event that may be changed: when that permission comes
#: or goes, every such event is a new version, and looked at again
WRITABLE = "/w"

#: Cronofy's words for an answer; what it does not know is not answered
RESPONSES = {
    "needs_action": "needsAction",
    "accepted": "accepted",
    "declined": "declined",
    "tentative": "tentative",
}


def is_foreign(remote_id: str) -> bool:
    return remote_id.startswith(FOREIGN)


# ------------------------------------------------------------------------ from an item


def cronofy_event(
    item: Any, *, email: str = "", unrestricted: bool = False
) -> RemoteEvent:
    """The event that an item of Cronofy's listing describes.

    :param email: the account's own address, to tell its person among the guests
    :param unrestricted: may foreign events of its calendar be changed?
    """
    try:
        return _event(item, email, unrestricted)
    except ItemUnreadable as err:
        problem = str(err)
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError):
        problem = "The event is not in the form that Cronofy documents."
    return _unreadable(item, problem)


def _event(item: dict[str, Any], email: str, unrestricted: bool) -> RemoteEvent:
    managed = _line(item.get("event_id"))
    uid = _line(item.get("event_uid"))
    if not managed and not uid:
        raise ItemUnreadable("The event has no id.")
    # event_status: in old recordings only (fixtures of cronofy-csharp and pycronofy)
    status = item.get("status") or item.get("event_status") or "confirmed"
    cancelled = item.get("deleted") is True or status == "cancelled"
    fields = None
    try:
        fields = Fields(**{name: read(item) for name, read, _tell in CRONOFY})
    except ItemUnreadable:
        if not cancelled:  # a cancelled item needs nothing but its id
            raise
    attendees = tuple(_person(row, email) for row in item.get("attendees") or ())
    organizer = item.get("organizer") or {}
    writable = _option(item, "update") if managed else changeable(item, email)
    writable = writable and (bool(managed) or unrestricted)
    return RemoteEvent(
        remote_id=managed or FOREIGN + uid,
        etag=version(item) + (WRITABLE if writable and not managed else ""),
        status="cancelled"
        if cancelled
        else ("tentative" if status == "tentative" else "confirmed"),
        fields=fields,
        organizer=_person(organizer, email) if organizer.get("email") else None,
        attendees=_with_own_answer(attendees, item, email, bool(managed)),
        mark=managed,
        writable=writable,
        url=_address(item.get("url")),
        series_id=_line(item.get("series_identifier")),
        video=_address(
            item.get("meeting_url") or (item.get("conferencing") or {}).get("join_url")
        ),
    )


def changeable(item: Any, email: str) -> bool:
    """Is it a foreign event that could be changed, if its person allows that?

    Its calendar must allow it (``options.update``), and recurring ones cannot be
    changed at all (Cronofy, developers/api/events/edit-external-events).
    """
    if not isinstance(item, dict) or item.get("event_id") or item.get("recurring"):
        return False
    options = item.get("options")
    if not isinstance(options, dict) or options.get("update") is not True:
        return False
    people = [*_list(item.get("attendees")), item.get("organizer")]
    addresses = {str(p.get("email")).lower() for p in people if isinstance(p, dict)}
    return addresses <= {email.lower()} - {""}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def version(item: dict[str, Any]) -> str:
    """A tag that changes with the event.

    ``updated`` alone counts in seconds: two changes within one would look like one. So
    the content goes with it.
    """
    content = [
        item.get(name)
        for name in (
            "summary",
            "description",
            "start",
            "end",
            "location",
            "transparency",
            "event_private",
            "participation_status",
            "deleted",
            "status",
            "event_status",
            "meeting_url",
        )
    ]
    return f"{_line(item.get('updated'))}/{_digest(repr(content))}"


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "replace"))
    return digest.hexdigest()[:16]


def _unreadable(item: Any, problem: str) -> RemoteEvent:
    """As much as can be said of an item that cannot be understood."""
    known = {}
    if isinstance(item, dict):
        known = {
            key: value
            for key in ("event_id", "event_uid", "series_identifier")
            if isinstance(value := item.get(key), str) and len(value) <= LONGEST_LINE
        }
        known = {key: clean(value) for key, value in known.items()}
    uid = known.get("event_uid", "")
    managed = known.get("event_id", "")
    deleted = isinstance(item, dict) and item.get("deleted") is True
    try:
        etag = version(item)
    except (AttributeError, ItemUnreadable):
        etag = ""
    return RemoteEvent(
        remote_id=managed or (FOREIGN + uid if uid else ""),
        etag=etag,
        status="cancelled" if deleted else "confirmed",
        mark=managed,
        writable=False,
        problem=problem,
        series_id=known.get("series_identifier", ""),
    )


def _when(item: dict[str, Any]) -> When:
    start, tz = _moment(item.get("start"), "start")
    stop, _tz = _moment(item.get("end"), "end")
    if isinstance(start, datetime) is not isinstance(stop, datetime):
        raise ItemUnreadable("The event starts at a time of day and ends without one.")
    if stop < start:
        raise ItemUnreadable("The event ends before it starts.")
    if stop == start and not isinstance(start, datetime):
        stop += timedelta(days=1)
    return When(start, stop, tz)


def _moment(value: Any, which: str) -> tuple[datetime | date, str]:
    """The instant (UTC) or day, and the zone it was entered in."""
    tz = ""
    if value is None:
        raise ItemUnreadable(f"The event has no {which}.")
    try:
        if isinstance(value, dict):
            tz, value = value.get("tzid") or "", value["time"]
        if "T" in value:
            at = datetime.fromisoformat(value.replace("Z", "+00:00"))
            if at.tzinfo is None:
                raise ValueError("no offset")
            at = at.astimezone(UTC).replace(microsecond=0)
        else:
            at, tz = date.fromisoformat(value), ""
    except (KeyError, TypeError, ValueError, OverflowError) as err:
        raise ItemUnreadable(f"The {which} of the event cannot be read.") from err
    if at.year not in YEARS:
        raise ItemUnreadable(f"The {which} of the event lies in the year {at.year}.")
    return at, known_zone(tz)


def _person(row: dict[str, Any], email: str) -> Person:
    address = _line(row.get("email"))
    return Person(
        email=address,
        name=_line(row.get("display_name")),
        response=RESPONSES.get(row.get("status"), "needsAction"),
        is_self=bool(email) and address.lower() == email.lower(),
    )


def _with_own_answer(
    attendees: tuple[Person, ...], item: dict[str, Any], email: str, managed: bool
) -> tuple[Person, ...]:
    """The guests, the account's own person among them where they answered.

    Cronofy tells the own answer beside the guests, and its address there may be
    another. A managed event that waits for an answer (access modes in which it arrives
    as an invitation) is ours all the same.
    """
    answer = RESPONSES.get(item.get("participation_status"))
    if any(person.is_self for person in attendees):
        return attendees
    if answer == "declined" or (answer and attendees and not managed):
        own = Person(email=email, response=answer, is_self=True)
        return (*attendees, own)
    return attendees


def _option(item: dict[str, Any], name: str) -> bool:
    return (item.get("options") or {}).get(name, True) is True


def _address(value: Any) -> str:
    text = _line(value)
    return text if text.startswith(("https://", "http://")) else ""


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ItemUnreadable("A text of the event is not a text.")
    return clean(value)


def clean(text: str) -> str:
    """What a database can hold: without NUL and without half characters."""
    text = text.replace("\x00", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _line(value: Any) -> str:
    text = _text(value)
    if len(text) > LONGEST_LINE:
        raise ItemUnreadable("A text of the event is too long.")
    return text


def _title(item: dict[str, Any]) -> str:
    text = _line(item.get("summary"))
    return "" if text.strip() == NO_TITLE else text


def _description(item: dict[str, Any]) -> str:
    text = _text(item.get("description"))
    if len(text) > LONGEST_DESCRIPTION:
        raise ItemUnreadable(
            f"The description of the event is too long ({len(text):,} characters)."
        )
    return html_of(text)


# -------------------------------------------------------------------------- to a body


def cronofy_body(write: Write) -> dict[str, Any]:
    """The body of an upsert: all mapped fields, and no guest.

    Without guests the calendar service has nobody to send a mail to. What a patch does
    not change is said as it stands there.
    """
    body = name_of(write.remote_id)
    for name, _read, tell in CRONOFY:
        new = write.known is None or name in write.changed
        body |= tell(getattr(write.fields if new else write.known, name))
    body["description"] = _description_told(write)
    if write.video:
        body["conferencing"] = {"profile_id": write.video}
    if is_foreign(write.remote_id):
        for name in _best_unsaid(write):
            del body[name]
    return body


def name_of(remote_id: str) -> dict[str, Any]:
    """How a write names its event. With an ``event_id`` beside it the ``event_uid``
    would not count (Cronofy, developers/calendars-events/editing-events)."""
    if is_foreign(remote_id):
        return {"event_uid": remote_id.removeprefix(FOREIGN)}
    return {"event_id": remote_id}


def _best_unsaid(write: Write) -> set[str]:
    """Values of a foreign event that did not change, and that would lose by being said:
    a text that we would have to cut, and what stands for more than busy or free
    (tentative, out of office). Whether Cronofy keeps what is left out is not
    documented; these are its defaults else."""
    same = {"description", "show_as"} - write.changed
    unsaid = set()
    if "description" in same:
        if len(text_of(write.fields.description)) > LONGEST_TEXT:
            unsaid.add("description")
    default = "free" if write.fields.when.allday else "busy"
    if "show_as" in same and write.fields.show_as == default:
        unsaid.add("transparency")
    return unsaid


def cronofy_said(write: Write) -> Fields:
    """The fields of a write as Cronofy would show them."""
    return cronofy_event(cronofy_body(write)).fields or write.fields


def _description_told(write: Write) -> str:
    """The text of the description; lines that say the same stay as they stand there."""
    if write.known is None:
        return cut(text_of(write.fields.description), LONGEST_TEXT)
    there = _text_behind(write.known.description)
    text = text_of(write.fields.description)
    if "description" not in write.changed or text == tidy(there):
        return cut(there, LONGEST_TEXT)
    lines = same_lines(text.splitlines(), there.splitlines(), _squeezed)
    return cut("\n".join(lines), LONGEST_TEXT)


def _squeezed(line: str) -> str:
    return " ".join(line.split())


def _when_body(when: When) -> dict[str, Any]:
    body = {"start": _moment_body(when.start), "end": _moment_body(when.stop)}
    if tz := not when.allday and known_zone(when.tz):
        body["tzid"] = tz
    return body


def _moment_body(at: datetime | date) -> str:
    if isinstance(at, datetime):
        return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return at.isoformat()


class _Mapped(NamedTuple):
    """One mapped field: its name, how it is read, and how it is told."""

    name: str
    read: Callable[[dict[str, Any]], Any]
    tell: Callable[[Any], dict[str, Any]]


#: The table. Cronofy knows private or not: what is not arrives as ``default``, which
#: each source translates, and all-day events are told as busy or free like any other.
CRONOFY: tuple[_Mapped, ...] = (
    _Mapped(
        "name",
        _title,
        lambda value: {
            "summary": cut(" ".join(value.split()), LONGEST_SUMMARY) or NO_TITLE
        },
    ),
    _Mapped("when", _when, _when_body),
    _Mapped(
        "description",
        _description,
        lambda value: {},  # it takes two sides: see _description_told
    ),
    _Mapped(
        "location",
        lambda item: _line((item.get("location") or {}).get("description")),
        lambda value: {
            "location": {"description": cut(" ".join(value.split()), LONGEST_SUMMARY)}
        },
    ),
    _Mapped(
        "privacy",
        lambda item: "private" if item.get("event_private") is True else "default",
        lambda value: {"event_private": value in ("private", "confidential")},
    ),
    _Mapped(
        "show_as",
        lambda item: "free" if item.get("transparency") == "transparent" else "busy",
        lambda value: {"transparency": "transparent" if value == "free" else "opaque"},
    ),
)

# ------------------------------------------------------------------------ descriptions

_LINK = re.compile(r'<a href="([^"]*)">(.*?)</a>', re.DOTALL)
_ITEM = re.compile(r"\s*<li>\s*")
_LIST_END = re.compile(r"\s*</?[uo]l>\s*")
_TAG = re.compile(r"<[^>]*>")


def text_of(html: str) -> str:
    """The text of a description: its lines, list items and link addresses.

    What comes back from it by :func:`html_of` has the same text again.
    """
    if not has_markup(html):
        return tidy(html.replace("\xa0", " "))
    simple = google_html(html)
    if simple == html.strip() and "<" not in simple:
        text = unescape(simple)
    else:
        # lines are parted by tags; a line end of the source is a blank
        text = re.sub(r"\s*\n\s*", " ", simple)
        text = _LINK.sub(_link_text, text)
        text = _ITEM.sub("\n- ", text)
        text = _LIST_END.sub("\n", text)
        text = text.replace("<br>", "\n")
        text = unescape(_TAG.sub("", text))
    return tidy(text.replace("\xa0", " "))


def _link_text(match: re.Match[str]) -> str:
    address, words = match.groups()
    shown = _TAG.sub("", words).strip()
    target = address.removeprefix("mailto:").removeprefix("tel:")
    if not shown or shown in (address, target):
        return target
    return f"{words} ({target})"


def tidy(text: str) -> str:
    """Lines without blanks at their ends, no more than one empty one in a row."""
    text = "\n".join(line.strip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def html_of(text: str) -> str:
    """HTML that shows a plain text as it is."""
    lines = text.strip().splitlines()
    return "<br>".join(escape(line.rstrip(), quote=False) for line in lines)


def _text_behind(html: str) -> str:
    """The text that :func:`html_of` has shown."""
    return unescape(html.replace("<br>", "\n"))
