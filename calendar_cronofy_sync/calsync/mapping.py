"""A remote event and the neutral one, both ways; the same appointment, other words.

:func:`google_event` takes whatever Google sends and never raises: what cannot be read
arrives as an event with ``problem`` set. :func:`google_body` says a write in Google's
words. :data:`GOOGLE` is the table of the mapped fields; what is not in it is neither
read nor touched.

Text from outside stays as it is, HTML included: the ORM sanitises it. Only characters
that a database cannot hold are taken out.

Plain text is plain text: what stands in angle brackets and is no tag that HTML knows is
words. :func:`shown_html` is what a browser has to be given to show them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from html import escape, unescape
from html.parser import HTMLParser
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from .errors import ItemUnreadable
from .values import Fields, Person, RemoteEvent, When, Write, base_id

UTC = timezone.utc
#: what a calendar can reasonably contain; Odoo fails at the ends of Python's time
YEARS = range(1900, 3000)
#: characters that are read; providers allow far less
LONGEST_DESCRIPTION = 500_000
LONGEST_LINE = 10_000
#: characters that are sent. Descriptions: OutlookGoogleCalendarSync, which compares 8 x
#: 1,024 because Google silently drops the rest. Of titles and places no limit is
#: documented; so long a line is no title.
LONGEST_SENT = {"description": 8192, "name": 1024, "location": 1024}
CUT = "…"

PRIVACIES = frozenset({"default", "public", "private", "confidential"})
RESPONSES = frozenset({"needsAction", "accepted", "declined", "tentative"})
#: key of our mark in the private extended properties
MARK = "odoo"

#: how the ids of calendars of rooms and devices end
ROOMS = "@resource.calendar.google.com"

#: what we ask Google for: the table below and what says whose event it is
GOOGLE_ITEM = (
    "id,iCalUID,etag,status,eventType,htmlLink,summary,description,location,"
    "start,end,endTimeUnspecified,visibility,transparency,recurrence,recurringEventId,originalStartTime,"
    "organizer(email,displayName,self),"
    "attendees(email,displayName,responseStatus,self,resource),"
    "attendeesOmitted,guestsCanSeeOtherGuests,guestsCanModify,locked,hangoutLink,extendedProperties/private"
)

# ----------------------------------------------------------------- from a Google item


def google_event(item: Any, *, calendar_tz: str, calendar_id: str = "") -> RemoteEvent:
    """The event that a Google item describes.

    :param calendar_tz: zone of the calendar, for times that come without one
    :param calendar_id: the calendar: those of rooms say whole days in their own way

    Items of a calendar of which only free/busy is visible carry times and no details:
    they arrive with an empty name and without a problem.
    """
    try:
        if calendar_id.endswith(ROOMS):
            item = _whole_days(item)
        return _google_event(item, calendar_tz)
    except ItemUnreadable as err:
        problem = str(err)
    except (
        AttributeError,
        KeyError,
        LookupError,
        OverflowError,
        TypeError,
        ValueError,
    ):
        problem = "The event is not in the form that Google documents."
    return _unreadable(item, problem)


def _whole_days(item: dict[str, Any]) -> dict[str, Any]:
    """All-day events of a room come from midnight to midnight (gcal_sync,
    _adjust_resource_all_day_event)."""
    names = ("start", "end", "originalStartTime")
    times = {name: item[name] for name in names if item.get(name)}
    texts = {name: value.get("dateTime") or "" for name, value in times.items()}
    if not texts or any(text[10:19] != "T00:00:00" for text in texts.values()):
        return item
    return {**item, **{name: {"date": text[:10]} for name, text in texts.items()}}


def _google_event(item: dict[str, Any], calendar_tz: str) -> RemoteEvent:
    get = item.get
    status = get("status", "confirmed")
    cancelled = status == "cancelled"
    start = get("start")
    organizer = _google_person(row) if (row := get("organizer")) else None
    kind = get("eventType") or "default"
    master_id = _line(get("recurringEventId"))
    own = organizer is None or organizer.is_self
    event_fields = None
    if start is not None or not cancelled:
        try:
            event_fields = Fields(
                **{name: read(item, calendar_tz) for name, read, _ in GOOGLE}
            )
        except ItemUnreadable:
            if not cancelled:  # a cancelled item needs nothing but its id
                raise
    return RemoteEvent(
        remote_id=_remote_id(item),
        ical_uid=_line(get("iCalUID")),
        etag=_line(get("etag")),
        status=status if status in ("cancelled", "tentative") else "confirmed",
        fields=event_fields,
        recurrence=() if master_id else _google_recurrence(get("recurrence")),
        master_id=master_id,
        original_start=_google_original(item, calendar_tz) if master_id else None,
        organizer=organizer,
        attendees=tuple(map(_google_person, get("attendees") or ())),
        # Google Calendar API, Events: attendeesOmitted (maxAttendees cuts the list),
        # guestsCanSeeOtherGuests (a guest is shown none but themselves)
        cut=get("attendeesOmitted") is True
        or (not own and get("guestsCanSeeOtherGuests") is False),
        kind=_line(kind),
        mark=_google_mark(get("extendedProperties")),
        writable=(own or get("guestsCanModify") is True)
        and not get("locked")
        and kind == "default",
        url=_link(get("htmlLink")),
        video=_link(get("hangoutLink")),
    )


def _unreadable(item: Any, problem: str) -> RemoteEvent:
    """As much as can be said of an item that cannot be understood."""
    known = {}
    if isinstance(item, Mapping):
        wanted = ("id", "iCalUID", "etag", "status", "recurringEventId", "htmlLink")
        known = {
            key: value
            for key in wanted
            if isinstance(value := item.get(key), str) and len(value) <= LONGEST_LINE
        }
    return RemoteEvent(
        remote_id=_line(known.get("id")),
        ical_uid=_line(known.get("iCalUID")),
        etag=_line(known.get("etag")),
        status="cancelled" if known.get("status") == "cancelled" else "confirmed",
        master_id=_line(known.get("recurringEventId")),
        url=_link(known.get("htmlLink")),
        writable=False,
        problem=problem,
    )


def _remote_id(item: dict[str, Any]) -> str:
    if not (remote_id := _line(item.get("id"))):
        raise ItemUnreadable("The event has no id.")
    return remote_id


def _google_when(item: dict[str, Any], calendar_tz: str) -> When:
    start, tz = _google_moment(item.get("start"), calendar_tz, "start")
    end = item.get("end")
    if end is None and item.get("endTimeUnspecified") is True:
        end = item["start"]  # (recorded by kewisch/gdata-provider)
    stop, _ = _google_moment(end, calendar_tz, "end")
    if isinstance(start, datetime) is not isinstance(stop, datetime):
        raise ItemUnreadable("The event starts at a time of day and ends without one.")
    # Ends at or before the start are in old data (gcal_sync,
    # test_invalid_rrule_until_spurious_date; keeper.sh #614): one day, or no length.
    shortest = timedelta() if isinstance(start, datetime) else timedelta(days=1)
    return When(start, max(stop, start + shortest), tz)


def _google_moment(
    value: Any, calendar_tz: str, which: str
) -> tuple[datetime | date, str]:
    """The instant (UTC) or day, and the zone it was entered in."""
    if not isinstance(value, dict):
        raise ItemUnreadable(f"The event has no {which}.")
    try:
        if text := value.get("dateTime"):
            tz = known_zone(value.get("timeZone") or "")
            at = read_datetime(text)
            if at.tzinfo is None:
                at = at.replace(tzinfo=ZoneInfo(tz or known_zone(calendar_tz) or "UTC"))
            at = at.astimezone(UTC)
            if at.microsecond:
                at = at.replace(microsecond=0)
        else:
            at, tz = date.fromisoformat(value["date"]), ""
    except (KeyError, TypeError, ValueError, OverflowError) as err:
        raise ItemUnreadable(f"The {which} of the event cannot be read.") from err
    if at.year not in YEARS:
        raise ItemUnreadable(f"The {which} of the event lies in the year {at.year}.")
    return at, tz


#: Python 3.10 reads fractions of 3 or 6 digits only, and no Z
_FRACTION = re.compile(r"\.\d+")


def read_datetime(text: str) -> datetime:
    """The moment that an RFC 3339 text names; naive if it has no offset."""
    if text.endswith(("Z", "z")):
        text = text[:-1] + "+00:00"
    if "." in text:
        text = _FRACTION.sub("", text)
    return datetime.fromisoformat(text)


def _google_original(item: dict[str, Any], calendar_tz: str) -> datetime | date:
    value = item.get("originalStartTime")
    if value is None:
        # the instance id says it too: <master>_20260102T090000Z or <master>_20260102
        day = item["id"].rpartition("_")[2]
        if len(day) == 8:
            return datetime.strptime(day, "%Y%m%d").date()
        return datetime.strptime(day, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return _google_moment(value, calendar_tz, "original start")[0]


_INSTANCE = re.compile(r"(.+)_\d{8}(?:T\d{6}Z)?")


def family(remote_id: str) -> str:
    """The id that all items share at Google which came from one series: its
    occurrences, and the parts into which it was split with all of theirs. (To which
    part an occurrence belongs its id does not tell.)"""
    match = _INSTANCE.fullmatch(remote_id)
    return base_id(match[1] if match else remote_id)


def is_occurrence(remote_id: str) -> bool:
    """Does the id name an occurrence at Google?"""
    return bool(_INSTANCE.fullmatch(remote_id))


def _google_recurrence(lines: Any) -> tuple[str, ...]:
    if not lines:
        return ()
    if not isinstance(lines, list):
        raise ItemUnreadable("The recurrence of the event cannot be read.")
    return tuple(map(_line, lines))


def _google_person(row: dict[str, Any]) -> Person:
    response = row.get("responseStatus")
    return Person(
        email=_line(row.get("email")),
        name=_line(row.get("displayName")),
        response=response if response in RESPONSES else "needsAction",
        is_self=row.get("self") is True,
        is_resource=row.get("resource") is True,
    )


def _google_mark(extended: Any) -> str:
    return _line(((extended or {}).get("private") or {}).get(MARK))


def _google_privacy(item: dict[str, Any], _tz: str) -> str:
    visibility = item.get("visibility") or "default"
    # a word that we do not know must not make anything visible
    return visibility if visibility in PRIVACIES else "private"


def _link(value: Any) -> str:
    text = _line(value)
    return text if text.startswith(("https://", "http://")) else ""


def _line(value: Any) -> str:
    """A short text."""
    text = _text(value)
    if len(text) > LONGEST_LINE:
        raise ItemUnreadable("A text of the event is too long.")
    return text


def _text(value: Any) -> str:
    """A text that a database can hold: without NUL and without half characters."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ItemUnreadable("A text of the event is not a text.")
    if "\x00" in value:
        value = value.replace("\x00", "")
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode()
    return value


def _description(item: dict[str, Any], _tz: str) -> str:
    text = _text(item.get("description"))
    if len(text) > LONGEST_DESCRIPTION:
        raise ItemUnreadable(
            f"The description of the event is too long ({len(text):,} characters)."
        )
    return text


# ------------------------------------------------------------------ to a Google body


def google_body(write: Write) -> dict[str, Any]:
    """The body of an insert or a patch.

    It names no attendee, and in a patch nothing but what changed. A ``None`` in it
    clears the field at Google.
    """
    new = write.verb == "insert"
    body: dict[str, Any] = {"id": write.remote_id} if new else {}
    for name, _, tell in GOOGLE:
        if new or name in write.changed:
            body |= tell(write, getattr(write.fields, name))
    if write.recurrence is not None:
        body["recurrence"] = list(write.recurrence) or None
    if write.mark:
        body["extendedProperties"] = {"private": {MARK: write.mark}}
    if write.video:
        # the same request again makes no second conference
        body["conferenceData"] = {
            "createRequest": {
                "requestId": write.remote_id,
                "conferenceSolutionKey": {"type": "hangoutsMeet"},
            }
        }
    if new:
        body = {key: value for key, value in body.items() if value is not None}
    return body


def google_said(write: Write) -> Fields:
    """The fields of a write as Google would show them."""
    body = google_body(replace(write, verb="insert"))
    return google_event(body, calendar_tz="UTC").fields or write.fields


def _when_body(write: Write, when: When) -> dict[str, Any]:
    # a series is repeated on the clock of a zone, so that Google insists on one
    tz = when.tz or ("UTC" if write.recurrence else "")
    return {
        "start": _moment_body(write, when.start, tz),
        "end": _moment_body(write, when.stop, tz),
    }


def _moment_body(write: Write, at: datetime | date, tz: str) -> dict[str, str | None]:
    if not isinstance(at, datetime):
        body = {"date": at.isoformat()}
        other = {"dateTime": None, "timeZone": None}
    else:
        body = {"dateTime": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        if tz:
            body["timeZone"] = tz
        other = {"date": None}
    # a patch merges: what is not nulled stays, and Google refuses both at once
    return body if write.verb == "insert" else {**body, **other}


class _Mapped(NamedTuple):
    """One mapped field: its name, how it is read, and how it is told."""

    name: str
    read: Callable[[dict[str, Any], str], Any]
    tell: Callable[[Write, Any], dict[str, Any]]


#: The table. ``read(item, calendar_tz)`` gives the neutral value of an item,
#: ``tell(write, value)`` the part of a body that says it.
GOOGLE: tuple[_Mapped, ...] = (
    _Mapped(
        "name",
        lambda item, tz: _line(item.get("summary")),
        lambda write, value: {"summary": cut(value, LONGEST_SENT["name"]) or None},
    ),
    _Mapped("when", _google_when, _when_body),
    _Mapped(
        "description",
        _description,
        lambda write, value: {"description": description_told(write, value) or None},
    ),
    _Mapped(
        "location",
        lambda item, tz: _line(item.get("location")),
        lambda write, value: {"location": cut(value, LONGEST_SENT["location"]) or None},
    ),
    _Mapped(
        "privacy",
        _google_privacy,
        lambda write, value: {"visibility": value},
    ),
    _Mapped(
        "show_as",
        lambda item, tz: (
            "free" if item.get("transparency") == "transparent" else "busy"
        ),
        lambda write, value: {
            "transparency": "transparent" if value == "free" else "opaque"
        },
    ),
)

# ------------------------------------------------------------------------- time zones

_FIXED_ZONE = re.compile(r"(?:GMT|UTC)([+-])0?(\d{1,2})(?::?00)?")


@lru_cache(maxsize=1024)
def known_zone(name: str) -> str:
    """The name of the zone in the IANA database, "" when it has none.

    Google also knows "GMT+02:00"; the database calls that one Etc/GMT-2.
    """
    fixed = _FIXED_ZONE.fullmatch(name) if isinstance(name, str) else None
    if fixed:
        sign, hours = fixed.groups()
        other = "-" if sign == "+" else "+"
        name = f"Etc/GMT{other}{int(hours)}" if int(hours) else "UTC"
    try:
        ZoneInfo(name)
    except (KeyError, OSError, TypeError, ValueError):
        return ""
    return name


# ---------------------------------------------------------------------- descriptions

#: HTML that Google's calendar shows, and the words we know for the same
_INLINE = {
    "a": "a",
    "b": "b",
    "strong": "b",
    "i": "i",
    "em": "i",
    "u": "u",
    "ins": "u",
    "s": "s",
    "del": "s",
    "strike": "s",
}
_LISTS = frozenset({"ul", "ol", "li"})
#: what begins on a line of its own
_BLOCKS = frozenset(
    "address article blockquote div dd dl dt footer h1 h2 h3 h4 h5 h6 header hr main p "
    "pre section table tbody thead tr".split()
)
_NEW_LINE = ("<br", "<li", "</li", "<ul", "</ul", "<ol", "</ol")
_SILENT = frozenset(
    {"script", "style", "head", "title", "iframe", "object", "template"}
)
_SAFE_LINK = re.compile(r"(?:https?|mailto|tel):", re.IGNORECASE)
#: the tags of HTML: those above, and what else Odoo's sanitizer knows; Outlook's o:p
_TAGS = (
    _INLINE.keys()
    | _LISTS
    | _BLOCKS
    | _SILENT
    | frozenset(
        "abbr acronym applet area aside audio base basefont bdi bdo big blink body br "
        "button canvas caption center cite code col colgroup command datalist details "
        "dfn dir embed fieldset figcaption figure font form frame frameset hgroup html "
        "img input isindex kbd keygen label legend link map mark marquee math menu "
        "meta meter nav noscript optgroup option output param progress q rp rt ruby "
        "samp select small source span sub summary sup svg td textarea tfoot th time "
        "track tt var video wbr o:p".split()
    )
)
#: tags that mean something alone: without an attribute and without an end
_ALONE = (
    _INLINE.keys() - {"a"}
    | _LISTS
    | frozenset("br dd dt hr p tbody td tfoot th thead tr wbr".split())
)
_LONE_ATTRIBUTES = "checked|compact|disabled|hidden|noshade|nowrap|open|reversed"
#: a tag, or what is markup without being one. Each attribute begins after a blank or a
#: quote, so that a text can be read as a tag in one way only and none takes long.
_MARKUP = re.compile(
    rf"""<(?P<name>[a-z][a-z0-9:]*)(?=[\s/>])
          (?P<attributes>(?:
              [\s/]
            | (?<=[\s"'])[a-z_:@][-\w:.]*\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=]+)
            | (?<=\s)(?:{_LONE_ATTRIBUTES})(?=[\s/>])
          )*)>
      | </(?P<end>[a-z][a-z0-9:]*)\s*>
      | (?P<other><!--(?:(?!-->|<!--).)*-->|<![^<>]*>|<\?[^<>]*>)
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]*);", re.IGNORECASE)


def _tags(text: str, *, html: bool = False) -> list[re.Match[str]]:
    """The tags in a text: what looks like one of HTML and is used as one.

    ``<label>`` that is never closed and says nothing else is somebody's word; so is a
    comment in a text without a tag, unless we know that it is ``html``.
    """
    found = [
        match
        for match in _MARKUP.finditer(text)
        if match["other"] or (match["name"] or match["end"]).lower() in _TAGS
    ]
    opened = {match["name"].lower() for match in found if match["name"]} | _ALONE
    ended = {match["end"].lower() for match in found if match["end"]} | _ALONE

    def used(match: re.Match[str]) -> bool:
        if match["name"]:
            return match["name"].lower() in ended or "=" in match["attributes"]
        return bool(match["end"]) and match["end"].lower() in opened

    if not html and not any(map(used, found)):
        return []
    return [match for match in found if match["other"] or used(match)]


def _marked_up(
    text: str,
    words: Callable[[str], str],
    tag: Callable[[re.Match[str]], str],
    *,
    html: bool = False,
) -> str:
    """The text with its words and its tags put through a function each."""
    parts, at = [], 0
    for match in _tags(text, html=html):
        parts += [words(text[at : match.start()]), tag(match)]
        at = match.end()
    return "".join([*parts, words(text[at:])])


def _as_html(words: str) -> str:
    """Words as HTML; those that are written as entities stay what they stand for."""
    parts, at = [], 0
    for match in _ENTITY.finditer(words):
        meant = unescape(match[0])
        if len(meant) == 1 and (meant.isprintable() or meant == "\xa0"):
            parts += [escape(words[at : match.start()], quote=False)]
            parts += [escape(meant, quote=False)]
            at = match.end()
    return "".join([*parts, escape(words[at:], quote=False)])


def _same_tag(match: re.Match[str]) -> str:
    return "" if match["other"] else match[0]


def shown_html(text: str) -> str:
    """A description from outside as HTML that shows all its words and its lines."""
    return _marked_up(
        _LINE_END.sub("\n", text),
        lambda words: _as_html(words).replace("\n", "<br>"),
        lambda match: _same_tag(match).replace("\n", " "),
    )


def plain_words(html: str) -> str:
    """What a person reads in a description, line ends and emphasis left out."""
    text = _marked_up(
        html,
        lambda words: unescape(_as_html(words)),
        lambda match: (
            "" if (match["name"] or match["end"] or "").lower() in _FLOWING else " "
        ),
    )
    return " ".join(text.split())


#: tags that part no words
_FLOWING = _INLINE.keys() | frozenset(
    "big code font mark small span sub sup tt".split()
)


def google_html(html: str) -> str:
    """HTML of Odoo in the few tags that Google shows, lines parted by ``<br>``."""
    if not has_markup(html):
        return html.strip()
    parser = _Simplifier()
    parser.feed(_marked_up(html, _as_html, _same_tag, html=True))
    parser.close()
    return parser.result()


_LINE_END = re.compile(r"\r\n?|\n")


def description_told(write: Write, html: str) -> str:
    """The description in Google's words: where a plain text stands there, the lines
    that say the same go back as they stand."""
    simple = google_html(html)
    there = write.known.description if write.known else ""
    if there and normal_html(html) == normal_html(there):
        return there
    if there and not _tags(there) and not _tags(simple.replace("<br>", "\n")):
        end = "\r\n" if "\r\n" in there else "\n"
        lines = same_lines(simple.split("<br>"), _LINE_END.split(there), normal_html)
        simple = end.join(lines)
    return cut_html(simple, LONGEST_SENT["description"])


def same_lines(
    lines: Iterable[str], there: Iterable[str], key: Callable[[str], str]
) -> list[str]:
    """The lines, each as it stands ``there`` where one says the same."""
    known = {key(line): line for line in there}
    return [known.get(key(line), line) for line in lines]


def cut(text: str, longest: int) -> str:
    """The text, its end replaced by an ellipsis where it is too long."""
    if len(text) <= longest:
        return text
    return text[: longest - len(CUT)].rstrip() + CUT


_CUT_THROUGH = re.compile(r"(?:<[^<>]*|&[#\w]*)\Z")


def cut_html(html: str, longest: int) -> str:
    """The same for what :func:`google_html` gives: no tag and no entity is cut
    through, and what is open is closed."""
    room = longest
    while len(html) > longest:
        room -= len(CUT)
        html = _CUT_THROUGH.sub("", html[:room]).rstrip() + CUT
        html = google_html(html) if _tags(html) else html
    return html


def shortened(long: str, short: str) -> bool:
    """Is one the beginning of the other's words, and nothing else? A service may end it
    with dots, and cut through a tag or an entity."""
    short = _CUT_THROUGH.sub("", short).rstrip(" .…")
    return bool(short) and len(short) < len(long) and long.startswith(short)


def normal(fields: Fields) -> Fields:
    """The same fields with texts in a form in which equal ones are equal.

    Providers rewrite markup and white space; Odoo wraps text in paragraphs. Two
    descriptions with the same lines and the same emphasis count as equal.
    """
    return replace(
        fields,
        name=" ".join(fields.name.split()),
        location=" ".join(fields.location.split()),
        description=normal_html(fields.description),
    )


def normal_html(html: str) -> str:
    """A description reduced to its lines and its emphasis."""
    if not html:
        return ""
    simple = google_html(shown_html(html))
    lines = re.split(r"<br>|(?=<li>)|(?=</?[uo]l>)|(?<=</[uo]l>)", simple)
    lines = [" ".join(line.replace("\xa0", " ").split()) for line in lines]
    return "\n".join(line for line in lines if line)


def has_markup(text: str) -> bool:
    return bool(_tags(text, html=True) or _ENTITY.search(text))


class _Simplifier(HTMLParser):
    """Reads any HTML and keeps lists, links, emphasis and line breaks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        #: inline tags that are open, innermost last, as written
        self._open: list[str] = []
        self._silent = 0
        #: the next text belongs on a new line
        self._break = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif self._silent:
            return
        elif tag == "br":
            self._write_break()
            self._parts.append("<br>")
        elif tag in _BLOCKS:
            self._break = True
        elif tag in _LISTS:
            self._break = False
            self._parts.append(f"<{tag}>")
        elif kept := _INLINE.get(tag):
            self._write_break()
            href = dict(attrs).get("href") or "" if kept == "a" else ""
            if kept != "a":
                self._parts.append(f"<{kept}>")
                self._open.append(kept)
            elif _SAFE_LINK.match(href.strip()):
                self._parts.append(f'<a href="{escape(href.strip())}">')
                self._open.append(kept)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _SILENT:  # <script/> is no script
            self.handle_starttag(tag, attrs)
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif self._silent or tag == "br":
            return
        elif tag in _BLOCKS:
            self._break = True
        elif tag in _LISTS:
            self._break = False
            self._parts.append(f"</{tag}>")
        elif (kept := _INLINE.get(tag)) in self._open:
            while self._open:
                inner = self._open.pop()
                self._parts.append(f"</{inner}>")
                if inner == kept:
                    break

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if data.strip():
            self._write_break()
        elif self._break or not self._parts:
            return  # white space between blocks
        self._parts.append(escape(data, quote=False))

    def _write_break(self) -> None:
        if self._break and self._parts and not self._parts[-1].startswith(_NEW_LINE):
            self._parts.append("<br>")
        self._break = False

    def result(self) -> str:
        closing = [f"</{tag}>" for tag in reversed(self._open)]
        text = "".join(self._parts + closing).strip()
        while text.startswith("<br>") or text.endswith("<br>"):
            text = text.removeprefix("<br>").removesuffix("<br>").strip()
        return text
