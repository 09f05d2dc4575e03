"""Bring a folder of translations up to date with freshly exported terms.

``merge_translations.py NEW.pot FOLDER`` stores the template and carries the terms of
every ``.po`` file of the folder over: a term that is still there keeps its translation,
one that is gone goes, a new one is empty until somebody translates it. Nothing is
guessed, so nothing is marked fuzzy. Tells what changed and what is untranslated.

The OCA's format leaves a translation empty that is the same as the term; such a term
has the comment ``same as in English``, which tells it from a forgotten one.
"""

import re
import sys
from pathlib import Path

import polib

#: written anew by every export
DATES = re.compile(r'^"(POT-Creation|PO-Revision)-Date: .*\n', re.MULTILINE)
SAME = "same as in English"
SHOWN = 60


def store_template(new: Path, old: Path) -> None:
    """Store the template, unless nothing but its dates has changed."""
    text = new.read_text(encoding="utf-8").rstrip("\n") + "\n"
    known = old.read_text(encoding="utf-8") if old.exists() else ""
    if DATES.sub("", text) != DATES.sub("", known):
        old.write_text(text, encoding="utf-8")


def carry_over(template: polib.POFile, path: Path) -> tuple[list[str], list[str]]:
    """Rewrite a ``.po`` file with the template's terms: (new terms, terms gone)."""
    old = polib.pofile(str(path), wrapwidth=78)
    known = {entry.msgid: entry for entry in old if not entry.obsolete}
    merged = polib.POFile(wrapwidth=78)
    merged.header = old.header
    merged.metadata = dict(old.metadata)
    for term in template:
        entry = polib.POEntry(
            msgid=term.msgid, comment=term.comment, occurrences=term.occurrences
        )
        if before := known.get(term.msgid):
            entry.msgstr = before.msgstr
            entry.flags = before.flags
            entry.tcomment = before.tcomment
        if entry.msgstr == entry.msgid:
            entry.msgstr, entry.tcomment = "", SAME
        elif entry.msgstr and entry.tcomment == SAME:
            entry.tcomment = ""
        merged.append(entry)
    merged.sort(key=lambda entry: entry.msgid)
    text = str(merged).rstrip("\n") + "\n"
    if text != path.read_text(encoding="utf-8"):
        path.write_text(text, encoding="utf-8")
    terms = {entry.msgid for entry in template}
    return sorted(terms - set(known)), sorted(set(known) - terms)


def tell(sign: str, terms: list[str]) -> None:
    for term in terms:
        line = " ".join(term.split())
        sys.stdout.write(f"  {sign} {line[:SHOWN]}{'…' * (len(line) > SHOWN)}\n")


def main() -> int:
    new, folder = map(Path, sys.argv[1:])
    store_template(new, folder / new.name)
    template = polib.pofile(str(folder / new.name), wrapwidth=78)
    for path in sorted(folder.glob("*.po")):
        added, gone = carry_over(template, path)
        merged = polib.pofile(str(path))
        empty = [e.msgid for e in merged.untranslated_entries() if e.tcomment != SAME]
        sys.stdout.write(
            f"{path.name}: {len(merged)} terms, {len(added)} new, {len(gone)} gone, "
            f"{len(empty)} without a translation\n"
        )
        tell("+", added)
        tell("-", gone)
        tell("?", [term for term in empty if term not in added])
    return 0


if __name__ == "__main__":
    sys.exit(main())
