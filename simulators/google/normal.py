"""What Google makes of the text that clients send: the same event, other characters."""

import re
from html import escape
from html.parser import HTMLParser
from typing import Any

KEPT = {
    "a": ("href",),
    "b": (),
    "br": (),
    "em": (),
    "i": (),
    "li": (),
    "ol": (),
    "p": (),
    "s": (),
    "span": (),
    "strong": (),
    "u": (),
    "ul": (),
}
#: tags of HTML that are dropped around their text; other names are no tags but words:
#: readers of meeting links meet "Click here to join the meeting<https://teams...>" in
#: descriptions that Google lists. What Google does with them in a patch, nobody tells.
DROPPED = frozenset(
    "abbr address article aside big blockquote body center cite code dd del details "
    "dfn div dl dt figure font footer form h1 h2 h3 h4 h5 h6 header hr html img input "
    "ins kbd label link main mark meta nav pre q samp section small strike sub sup "
    "summary svg table tbody td tfoot th thead time tr tt var video wbr".split()
)
SILENT = ("script", "style", "head", "title", "iframe", "object")
DESCRIPTION = 8192
MAX_KEY, MAX_VALUE, MAX_PROPERTIES = 44, 1024, 300
MAX_TEXT = 1024


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self._silent += 1
        elif tag in KEPT and not self._silent:
            kept = "".join(
                f' {name}="{escape(value or "")}"'
                for name, value in attrs
                if name in KEPT[tag]
                and not (value or "").strip().lower().startswith("javascript:")
            )
            self.parts.append(f"<{tag}{kept}>")
        elif tag not in DROPPED and not self._silent:
            self.parts.append(escape(self.get_starttag_text() or "", quote=False))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in SILENT:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in KEPT and tag != "br" and not self._silent:
            self.parts.append(f"</{tag}>")
        elif tag not in (*KEPT, *DROPPED) and not self._silent:
            self.parts.append(f"&lt;/{tag}&gt;")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(escape(data, quote=False))


def description(text: str) -> str:
    """Allowed tags without their attributes, LF line ends, no trailing blanks."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    names = {
        name.lower() for name in re.findall(r"</?([a-zA-Z][a-zA-Z0-9]*)[\s/>]", text)
    }
    if names & {*KEPT, *DROPPED, *SILENT}:
        cleaner = _Cleaner()
        cleaner.feed(text)
        cleaner.close()
        text = "".join(cleaner.parts)
    lines = [line.rstrip() for line in text.replace("\xa0", " ").split("\n")]
    return "\n".join(lines).strip()[:DESCRIPTION].rstrip()


def one_line(text: str) -> str:
    return " ".join(text.split())[:MAX_TEXT].rstrip()


def properties(extended: dict) -> dict:
    """Keys that are too long vanish, values that are too long are cut."""
    found: dict[str, dict[str, str]] = {}
    room = MAX_PROPERTIES
    for kind in ("private", "shared"):
        kept = {
            key: str(value)[:MAX_VALUE]
            for key, value in (extended.get(kind) or {}).items()
            if len(key) <= MAX_KEY and value is not None
        }
        kept = dict(list(kept.items())[:room])
        room -= len(kept)
        if kept:
            found[kind] = kept
    return found


def attendees(rows: list[dict]) -> list[dict]:
    """Sorted by address, each once, with the fields that Google fills in."""
    found: dict[str, dict] = {}
    for row in rows:
        email = row["email"].strip().lower()
        clean = {
            key: value
            for key, value in row.items()
            if value not in (None, "", False) and key not in ("self", "organizer")
        }
        clean = {**clean, "email": email}
        clean["responseStatus"] = row.get("responseStatus") or "needsAction"
        found[email] = clean
    return [found[email] for email in sorted(found)]


def strip_empty(fields: dict[str, Any]) -> dict[str, Any]:
    """Without what Google does not send back: nulls, "", [], {}."""
    return {
        key: value for key, value in fields.items() if value not in (None, "", [], {})
    }
