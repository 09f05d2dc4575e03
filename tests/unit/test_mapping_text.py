"""Plain text is plain text: what a person typed between angle brackets is words."""

import re
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html

from calsync.mapping import (
    cut_html,
    google_body,
    google_html,
    normal_html,
    plain_words,
    shown_html,
)
from calsync.mapping_cronofy import cronofy_body, cronofy_event, html_of, text_of
from calsync.values import Fields, When, Write

NINE = datetime(2026, 3, 3, 9, tzinfo=timezone.utc)
WHEN = When(NINE, NINE + timedelta(hours=1))
TEAMS = """________________________________________________________________
Microsoft Teams meeting
Click here to join<https://teams.example.com/l/1?context=%7b%22Tid%22%7d&copy=2>
Or call in (audio only)
+49 30 1234567,,8#<tel:+493012345678,,8#>   Germany, Berlin
Learn more<https://aka.example/Join> | Meeting options<https://teams.example.com/o/?a=1>
"""
PLAIN = [
    "Click here to join<https://teams.example.com/l/1>",
    TEAMS,
    TEAMS.replace("\n", "\r\n"),
    "Ann <ann@example.com>, Bob<mailto:bob@example.com>",
    "Dear <Name>, see </you> and <Name/>",
    "x<y and y>z",
    "a<b and b>c",
    "a < b",
    "I <3 it",
    "if (a<b) { return a<=b && b>c; }",
    "List<String> and vector<int>",
    "<!-- not --> <![CDATA[x]]> <?php echo 1 ?>",
    "AT&T, R&D; &copy=2 &foo;",
    "write a <label> and a <time>, then <link>",
    "tab\tand   blanks\n\n\nlines",
    "1 <",
    "< >",
    "<>",
    "<",
    "a <a",
    "<a b and c>d",
]


def rendered(html):
    """What a browser shows, without the white space."""
    if not html:
        return ""
    element = lxml_html.fragment_fromstring(html, create_parent="div")
    for line_break in element.iter("br"):
        line_break.tail = " " + (line_break.tail or "")
    return " ".join(element.text_content().split())


def told(html, there=None, changed=("description",)):
    """What Google is told of a description."""
    write = Write(
        verb="patch" if there is not None else "insert",
        remote_id="e1",
        fields=Fields(when=WHEN, description=html),
        changed=frozenset(changed),
        known=None if there is None else Fields(when=WHEN, description=there),
    )
    return google_body(write).get("description")


@pytest.mark.parametrize("text", PLAIN)
def test_every_word_of_a_plain_text_is_shown(text):
    assert rendered(shown_html(text)) == " ".join(text.split())
    assert plain_words(shown_html(text)) == plain_words(text) == " ".join(text.split())


WORDS = st.text(
    st.sampled_from("ab <>/&;:=\"'!-?#.@\n\tcopylt") | st.characters(max_codepoint=300),
    max_size=60,
)
TAG = re.compile(r"</?\s*(?:a|b|i|u|s|p|q|br|li|td|tr|tt|ol|hr|dd|dl|dt)\b", re.I)


@given(WORDS)
def test_any_text_without_tags_is_shown_word_by_word(text):
    text = "".join(c for c in text if c.isprintable() or c in "\n\t")
    if TAG.search(text) or re.search(r"&#?\w+;", text):
        return
    assert rendered(shown_html(text)) == " ".join(text.split())


@pytest.mark.parametrize("text", PLAIN)
def test_a_text_goes_back_as_it_stands(text):
    """Nothing is sent when another field is edited; when a line is added, all others
    stand as they stood."""
    html = shown_html(text)
    assert told(html, text) == text
    assert normal_html(html) == normal_html(text)
    there = told(f"{html}<br>One more line", text).replace("\r\n", "\n")
    assert there.endswith("\nOne more line")
    stripped = "\n".join(text.splitlines()).strip()
    assert [line for line in there.split("\n") if line.strip()][:-1] == [
        line for line in stripped.splitlines() if line.strip()
    ]


@pytest.mark.parametrize("text", PLAIN)
def test_a_text_of_odoo_survives_google(text):
    html = "<p>" + "</p><p>".join(shown_html(text).split("<br>")) + "</p>"
    there = told(html)
    assert rendered(there.replace("\n", "<br>")) == " ".join(text.split())
    assert rendered(shown_html(there)) == " ".join(text.split())


@pytest.mark.parametrize("text", PLAIN)
def test_a_text_survives_cronofy(text):
    there = text_of(shown_html(text))
    assert " ".join(there.split()) == " ".join(text.split())
    assert rendered(html_of(text)) == " ".join(text.split())
    # an edit of the title leaves the text as it stands there, blanks and all
    event = cronofy_event(
        {"event_id": "e1", "start": "2026-03-03", "end": "2026-03-04"}
        | {"description": text}
    )
    write = Write(
        verb="patch",
        remote_id="e1",
        fields=replace(event.fields, description="<p>rewritten by Odoo</p>"),
        changed=frozenset({"name"}),
        known=event.fields,
    )
    lines = [line.rstrip() for line in text.strip().splitlines()]
    assert cronofy_body(write)["description"].splitlines() == lines


@pytest.mark.parametrize(
    "text, html",
    [
        ("<b>Ann</b> <ann@example.com>", "<b>Ann</b> &lt;ann@example.com&gt;"),
        ("<B>Big</B><BR/>x<y", "<B>Big</B><BR/>x&lt;y"),
        ("<b>open <Name>", "<b>open &lt;Name&gt;"),
        ('<a href="https://x.example/?a>b">x</a>\ny',
         '<a href="https://x.example/?a>b">x</a><br>y'),
        ("<a\nhref='https://x.example/'>x</a>", "<a href='https://x.example/'>x</a>"),
        ("<p>x</p><!-- a comment -->", "<p>x</p>"),
        ("<p>x<o:p></o:p></p>", "<p>x<o:p></o:p></p>"),
        ("a &lt; b &amp; c&nbsp;d", "a &lt; b &amp; c\xa0d"),
        ("<ul><li>one<li>two</ul>", "<ul><li>one<li>two</ul>"),
        ("one\r\ntwo\rthree", "one<br>two<br>three"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)  # fmt: skip
def test_tags_beside_words(text, html):
    assert shown_html(text) == html


def test_a_text_that_becomes_bold_is_html_from_then_on():
    there = told("Dear &lt;Name&gt;<br><b>new</b>", "Dear <Name>\nold")
    assert there == "Dear &lt;Name&gt;<br><b>new</b>"


@given(st.text(st.sampled_from("ab &<>;\n"), max_size=80), st.integers(12, 60))
def test_a_cut_text_is_a_whole_one(text, longest):
    html = google_html("<p><b>" + shown_html(text) + "</b></p>")
    short = cut_html(html, longest)
    assert len(short) <= longest or not html
    words = plain_words(html)
    assert words.startswith(plain_words(short).removesuffix("…").rstrip())


def test_texts_longer_than_google_takes_are_sent_shortened():
    fields = Fields(
        name="t" * 5000,
        location="l" * 5000,
        description="<p>" + "word &amp; " * 5000 + "</p>",
        when=WHEN,
    )
    body = google_body(Write(verb="insert", remote_id="e1", fields=fields))
    assert len(body["summary"]) == len(body["location"]) == 1024
    assert 8100 < len(body["description"]) <= 8192
    assert unescape(body["description"]).endswith("…")


@pytest.mark.parametrize(
    "text",
    ["<!--", "<a x='", "<a x=a=a", "<a ", "<?", "<!", '<a x="y" ', "</", "&#1", "<b "],
)
def test_no_text_takes_long(text):
    begun = time.monotonic()
    shown_html(text * (200_000 // len(text)) + "<b>")
    assert time.monotonic() - begun < 5
