"""Cronofy's words for an appointment, and ours."""

from dataclasses import replace
from datetime import date, datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calsync.mapping_cronofy import (
    CRONOFY,
    LONGEST_TEXT,
    cronofy_body,
    cronofy_event,
    cut,
    html_of,
    text_of,
    tidy,
)
from calsync.values import FIELD_NAMES, Fields, RemoteEvent, When, Write

UTC = timezone.utc
ITEM = {
    "calendar_id": "cal_1",
    "event_uid": "evt_external_1",
    "summary": "Board meeting",
    "description": "Discuss:\n* plans & <costs>",
    "start": {"time": "2026-07-01T09:00:00+02:00", "tzid": "Europe/Berlin"},
    "end": {"time": "2026-07-01T10:30:00+02:00", "tzid": "Europe/Berlin"},
    "deleted": False,
    "created": "2026-06-01T08:00:00Z",
    "updated": "2026-06-02T08:00:00Z",
    "location": {"description": "Room 5"},
    "participation_status": "accepted",
    "attendees": [],
    "transparency": "opaque",
    "event_status": "confirmed",
    "event_private": False,
    "options": {"delete": False, "update": False},
}
FIELDS = Fields(
    name="Board meeting",
    when=When(
        datetime(2026, 7, 1, 7, tzinfo=UTC),
        datetime(2026, 7, 1, 8, 30, tzinfo=UTC),
        "Europe/Berlin",
    ),
    description="Discuss:<br>* plans &amp; &lt;costs&gt;",
    location="Room 5",
    privacy="default",
    show_as="busy",
)


def write(fields=FIELDS, **more):
    return Write(verb="insert", remote_id="m1", fields=fields, **more)


def test_the_table_has_every_mapped_field():
    assert tuple(row.name for row in CRONOFY) == FIELD_NAMES


def test_a_foreign_event():
    event = cronofy_event(ITEM)
    assert event.remote_id == "uid:evt_external_1"
    assert event.fields == FIELDS
    assert event.fields.when.tz == "Europe/Berlin"
    assert event.etag.startswith("2026-06-02T08:00:00Z/")
    assert not event.writable and not event.problem and not event.mark
    assert event.organized_by_self and event.response == "accepted"


def test_one_of_ours_goes_by_our_own_id():
    event = cronofy_event(ITEM | {"event_id": "m1", "options": {"update": True}})
    assert (event.remote_id, event.mark, event.writable) == ("m1", "m1", True)


def test_an_event_id_cannot_pose_as_a_foreign_one():
    ours = cronofy_event(ITEM | {"event_id": "evt_external_1"})
    assert ours.remote_id != cronofy_event(ITEM).remote_id


@pytest.mark.parametrize(
    ("change", "name", "value"),
    [
        ({"transparency": "transparent"}, "show_as", "free"),
        ({"transparency": "unknown"}, "show_as", "busy"),
        ({"event_private": True}, "privacy", "private"),
        ({"event_private": None}, "privacy", "default"),
        ({"location": None}, "location", ""),
        ({"summary": None}, "name", ""),
        ({"description": None}, "description", ""),
        (
            {"start": "2026-12-31", "end": "2027-01-01"},
            "when",
            When(date(2026, 12, 31), date(2027, 1, 1)),
        ),
        (
            {
                "start": {"time": "2026-12-31", "tzid": "Europe/Berlin"},
                "end": {"time": "2027-01-02", "tzid": "Europe/Berlin"},
            },
            "when",
            When(date(2026, 12, 31), date(2027, 1, 2)),
        ),
        (
            {"start": "2026-03-29T00:30:00Z", "end": "2026-03-29T01:30:00Z"},
            "when",
            When(
                datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
                datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
            ),
        ),
    ],
)
def test_one_field(change, name, value):
    event = cronofy_event(ITEM | change)
    assert not event.problem
    assert getattr(event.fields, name) == value


@pytest.mark.parametrize(
    ("change", "status", "response"),
    [
        ({"deleted": True}, "cancelled", "accepted"),
        ({"event_status": "cancelled"}, "cancelled", "accepted"),
        ({"event_status": "tentative"}, "tentative", "accepted"),
        ({"status": "cancelled", "event_status": "confirmed"}, "cancelled", "accepted"),
        ({"status": "tentative", "event_status": None}, "tentative", "accepted"),
        ({"participation_status": "declined"}, "confirmed", "declined"),
        ({"participation_status": "unknown"}, "confirmed", "accepted"),
        # an event of one's own, without guests, waits for nobody's answer
        ({"participation_status": "needs_action"}, "confirmed", "accepted"),
        (
            {
                "attendees": [{"email": "Ann@x.example", "status": "tentative"}],
                "participation_status": "accepted",
            },
            "confirmed",
            "tentative",
        ),
        (
            {
                "attendees": [{"email": "bob@x.example", "status": "accepted"}],
                "participation_status": "needs_action",
            },
            "confirmed",
            "needsAction",
        ),
    ],
)
def test_status_and_own_answer(change, status, response):
    event = cronofy_event(ITEM | change, email="ann@x.example")
    assert (event.status, event.response) == (status, response)


def test_people():
    item = ITEM | {
        "organizer": {"email": "boss@x.example", "display_name": "The Boss"},
        "attendees": [
            {"email": "ann@x.example", "display_name": "Ann", "status": "accepted"},
            {"email": "bob@x.example", "display_name": None, "status": "nonsense"},
        ],
    }
    event = cronofy_event(item, email="ann@x.example")
    assert not event.organized_by_self
    assert event.emails == {"boss@x.example", "ann@x.example", "bob@x.example"}
    assert [p.response for p in event.attendees] == ["accepted", "needsAction"]
    own = item | {"organizer": {"email": "ANN@x.example"}}
    assert cronofy_event(own, email="ann@x.example").organized_by_self


def test_a_deleted_item_needs_nothing_but_its_id():
    event = cronofy_event({"event_uid": "e1", "deleted": True})
    assert event.cancelled and event.remote_id == "uid:e1" and not event.problem


def test_occurrences_carry_their_series():
    item = ITEM | {"recurring": True, "series_identifier": "s-1"}
    event = cronofy_event(item)
    assert event.series_id == "s-1"
    assert not event.recurrence and not event.master_id


def test_links():
    video = ITEM | {"conferencing": {"join_url": "https://zoom.example/j/1"}}
    assert cronofy_event(video).video == "https://zoom.example/j/1"
    evil = ITEM | {"meeting_url": "javascript:alert(1)", "url": "data:x"}
    assert cronofy_event(evil).video == cronofy_event(evil).url == ""


def test_the_version_tells_two_changes_within_one_second():
    assert cronofy_event(ITEM).etag != cronofy_event(ITEM | {"summary": "Bored"}).etag
    assert cronofy_event(ITEM).etag == cronofy_event(dict(ITEM)).etag


@pytest.mark.parametrize(
    "item",
    [
        None,
        [],
        "text",
        {},
        {"event_uid": 5},
        ITEM | {"start": None},
        ITEM | {"start": "tomorrow"},
        ITEM | {"start": "2026-07-01T09:00:00"},
        ITEM | {"end": "2026-07-02"},
        ITEM | {"end": "2026-06-01T00:00:00Z"},
        ITEM | {"start": "0001-01-01T00:00:00Z"},
        ITEM | {"start": {"tzid": "Europe/Berlin"}},
        ITEM | {"summary": {"text": "no"}},
        ITEM | {"summary": "s" * 20_000},
        ITEM | {"description": "d" * 1_000_000},
        ITEM | {"location": "Room"},
        ITEM | {"attendees": "all"},
        ITEM | {"attendees": [None]},
        ITEM | {"organizer": "me"},
    ],
)
def test_what_cannot_be_read_is_said(item):
    event = cronofy_event(item)
    assert event.problem and not event.writable and event.fields is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(ITEM)), JSON, max_size=6))
def test_whatever_comes_nothing_is_raised(change):
    event = cronofy_event(ITEM | change, email="a@b.example")
    assert isinstance(event, RemoteEvent)
    assert RemoteEvent.from_json(event.to_json()) == event


# ------------------------------------------------------------------------- out and back


def test_a_body():
    assert cronofy_body(write()) == {
        "event_id": "m1",
        "summary": "Board meeting",
        "start": "2026-07-01T07:00:00Z",
        "end": "2026-07-01T08:30:00Z",
        "tzid": "Europe/Berlin",
        "description": "Discuss:\n* plans & <costs>",
        "location": {"description": "Room 5"},
        "event_private": False,
        "transparency": "opaque",
    }


def test_a_body_names_no_guest_and_asks_for_video_only_if_wanted():
    assert not {"attendees", "conferencing"} & set(cronofy_body(write()))
    body = cronofy_body(write(video="default"))
    assert body["conferencing"] == {"profile_id": "default"}


def test_all_day_has_no_zone():
    when = When(date(2026, 7, 1), date(2026, 7, 3), "Europe/Berlin")
    body = cronofy_body(write(replace(FIELDS, when=when)))
    assert (body["start"], body["end"]) == ("2026-07-01", "2026-07-03")
    assert "tzid" not in body


@pytest.mark.parametrize("privacy", ["default", "public", "private", "confidential"])
@pytest.mark.parametrize("show_as", ["busy", "free"])
def test_what_is_written_reads_the_same_again(privacy, show_as):
    fields = replace(
        FIELDS,
        privacy=privacy,
        show_as=show_as,
        name="  Board   meeting ",
        description="<p>Discuss:<br>* <b>plans</b></p><ul><li>x</li></ul>",
    )
    body = cronofy_body(write(fields))
    shown = {
        side: {"time": body[side], "tzid": body["tzid"]} for side in ("start", "end")
    }
    back = cronofy_event(ITEM | body | shown).fields
    assert cronofy_body(write(back)) == body, "a second write would change nothing"
    assert back.show_as == show_as
    assert (back.privacy == "private") is (privacy in ("private", "confidential"))
    assert back.name == "Board meeting"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("<p><br></p>", ""),
        ("plain", "plain"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("<p>one<br>two</p>", "one\ntwo"),
        ("one<br><br>two", "one\n\ntwo"),
        ("<p>a</p>\n\n<p>b</p>", "a\nb"),
        ("<b>bold</b> and <i>it</i>", "bold and it"),
        ("<ul><li>a</li><li>b</li></ul>end", "- a\n- b\nend"),
        ('<a href="https://x.example/">here</a>', "here (https://x.example/)"),
        ('<a href="https://x.example/">https://x.example/</a>', "https://x.example/"),
        ('<a href="mailto:a@x.example">a@x.example</a>', "a@x.example"),
        ("1 &lt; 2 &amp;&nbsp;3", "1 < 2 & 3"),
        ("<p>1 &lt; 2 &amp;&nbsp;3</p><p>x</p>", "1 < 2 & 3\nx"),
        ("a<script>alert(1)</script>b", "ab"),
        ("lines\nof plain\n\n\n\ntext ", "lines\nof plain\n\ntext"),
    ],
)
def test_text_of_html(html, text):
    assert text_of(html) == text


@given(st.text(alphabet="ab<>&; \n\t\"'-*\xa0é", max_size=60))
def test_a_text_survives_html(text):
    plain = tidy(text)
    assert tidy(text_of(html_of(plain)).replace("\xa0", " ")) == tidy(
        plain.replace("\xa0", " ")
    )


@given(st.text(max_size=200))
def test_conversion_is_stable(text):
    once = text_of(text)
    again = text_of(html_of(once))
    assert text_of(html_of(again)) == again


def test_long_texts_are_cut_the_same_way_each_time():
    html = "<p>" + "word " * 3000 + "</p>"
    body = cronofy_body(write(replace(FIELDS, description=html)))
    assert len(body["description"]) <= LONGEST_TEXT
    assert body["description"].endswith("…")
    assert cut(body["description"], LONGEST_TEXT) == body["description"]
