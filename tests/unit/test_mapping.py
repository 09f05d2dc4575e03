"""A Google item and the neutral event: both ways, and whatever nonsense may come."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calsync import mapping
from calsync.mapping import family, google_body, google_event, google_html, known_zone
from calsync.values import FIELD_NAMES, Fields, Person, RemoteEvent, When, Write

UTC, BERLIN = timezone.utc, "Europe/Berlin"
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
ITEM = {
    "kind": "calendar#event",
    "id": "abc12",
    "iCalUID": "abc12@google.com",
    "etag": '"3500"',
    "status": "confirmed",
    "htmlLink": "https://www.google.com/calendar/event?eid=x",
    "summary": "Planning",
    "description": "Bring <b>paper</b>",
    "location": "Room 1",
    "start": {"dateTime": "2026-03-02T10:00:00+01:00", "timeZone": "Europe/Berlin"},
    "end": {"dateTime": "2026-03-02T11:00:00+01:00", "timeZone": "Europe/Berlin"},
    "organizer": {"email": "ann@example.com", "self": True},
    "hangoutLink": "https://meet.google.com/abc",
    "reminders": {"useDefault": True},
    "eventType": "default",
}


def read(**changes):
    """The event of ITEM with some keys changed, or (None) taken out."""
    item = {k: v for k, v in {**ITEM, **changes}.items() if v is not None}
    return google_event(item, calendar_tz="Europe/Berlin")


# ------------------------------------------------------------------------------ reading


def test_an_ordinary_appointment():
    assert read() == RemoteEvent(
        remote_id="abc12",
        ical_uid="abc12@google.com",
        etag='"3500"',
        fields=Fields(
            name="Planning",
            when=When(NINE, NINE + timedelta(hours=1)),
            description="Bring <b>paper</b>",
            location="Room 1",
        ),
        organizer=Person(email="ann@example.com", is_self=True),
        url="https://www.google.com/calendar/event?eid=x",
        video="https://meet.google.com/abc",
    )
    assert read().fields.when.tz == "Europe/Berlin"


def test_every_neutral_field_is_in_the_table_once():
    assert tuple(row.name for row in mapping.GOOGLE) == FIELD_NAMES


def test_what_may_be_missing():
    event = read(summary=None, description=None, location=None, organizer=None)
    assert event.fields == Fields(when=When(NINE, NINE + timedelta(hours=1)))
    assert event.writable and not event.problem


@pytest.mark.parametrize(
    "start, end, expected",
    [
        pytest.param(
            {"date": "2026-03-28"},
            {"date": "2026-03-30"},
            When(date(2026, 3, 28), date(2026, 3, 30)),
            id="two days",
        ),
        pytest.param(
            {"date": "2026-03-28"},
            {"date": "2026-03-28"},
            When(date(2026, 3, 28), date(2026, 3, 29)),
            id="an old one-day event",
        ),
        pytest.param(
            {"dateTime": "2026-03-02T09:00:00Z"},
            {"dateTime": "2026-03-02T09:00:00.500Z"},
            When(NINE, NINE),
            id="without length, fractions dropped",
        ),
        pytest.param(
            {"dateTime": "2026-10-25T02:30:00", "timeZone": "Europe/Berlin"},
            {"dateTime": "2026-10-25T03:30:00", "timeZone": "Europe/Berlin"},
            When(
                datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
                datetime(2026, 10, 25, 2, 30, tzinfo=UTC),
                "Europe/Berlin",
            ),
            id="no offset",
        ),
        pytest.param(
            {"dateTime": "2026-03-02T10:00:00"},
            {"dateTime": "2026-03-02T11:00:00"},
            When(NINE, NINE + timedelta(hours=1)),
            id="neither offset nor zone: the calendar's",
        ),
        pytest.param(
            {"dateTime": "2026-03-02T11:00:00+02:00", "timeZone": "GMT+02:00"},
            {"dateTime": "2026-03-02T12:00:00+02:00", "timeZone": "GMT+02:00"},
            When(NINE, NINE + timedelta(hours=1), "Etc/GMT-2"),
            id="an offset for a zone",
        ),
        pytest.param(
            {"dateTime": "2026-03-02T14:30:00+05:30", "timeZone": "GMT+05:30"},
            {"dateTime": "2026-03-02T15:30:00+05:30", "timeZone": "GMT+05:30"},
            When(NINE, NINE + timedelta(hours=1), ""),
            id="an offset that has no name",
        ),
        pytest.param(
            {"dateTime": "2026-03-02T10:00:00+01:00", "timeZone": "Mars/Olympus"},
            {"dateTime": "2026-03-02T11:00:00+01:00", "timeZone": "Mars/Olympus"},
            When(NINE, NINE + timedelta(hours=1), ""),
            id="an unknown zone",
        ),
    ],
)
def test_when(start, end, expected):
    event = read(start=start, end=end)
    assert not event.problem
    assert event.fields.when == expected
    assert event.fields.when.tz == expected.tz


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"start": None}, "no start"),
        ({"end": None}, "no end"),
        ({"start": {}}, "start of the event cannot be read"),
        ({"start": "2026-03-02"}, "no start"),
        ({"start": {"date": "0000-01-01"}}, "cannot be read"),
        ({"start": {"date": "2026-02-30"}}, "cannot be read"),
        ({"start": {"dateTime": 12}}, "not in the form"),
        ({"start": {"dateTime": "yesterday"}}, "cannot be read"),
        ({"start": {"dateTime": "0001-01-01T00:00:00+14:00"}}, "cannot be read"),
        ({"end": {"dateTime": "9999-12-31T23:00:00Z"}}, "year 9999"),
        ({"start": {"date": "1066-10-14"}}, "year 1066"),
        ({"start": {"date": "2026-03-02"}}, "ends without one"),
        ({"end": {"date": "2026-03-03"}}, "starts at a time"),
        ({"summary": 7}, "not a text"),
        ({"summary": "x" * 20_000}, "too long"),
        ({"description": "x" * 1_000_000}, "1,000,000 characters"),
        ({"description": ["x"]}, "not a text"),
        ({"attendees": "ann"}, "not in the form"),
        ({"attendees": [None]}, "not in the form"),
        ({"organizer": "ann"}, "not in the form"),
        ({"recurrence": "RRULE:FREQ=DAILY"}, "recurrence"),
        ({"recurrence": [1]}, "not a text"),
        ({"extendedProperties": [1]}, "not in the form"),
        ({"eventType": {}}, None),
        ({"recurringEventId": "abc", "originalStartTime": {}}, "original start"),
        ({"recurringEventId": "abc"}, "not in the form"),
    ],
)
def test_bad_items_are_told_and_keep_their_id(changes, words):
    event = read(**changes)
    assert event.remote_id == "abc12"
    if words:
        assert words in event.problem
        assert not event.writable and event.fields is None


@pytest.mark.parametrize("item", [None, 7, "x", [], {}, {"id": 3}, {"id": ""}])
def test_what_is_no_item_is_told(item):
    event = google_event(item, calendar_tz="UTC")
    assert event.problem and event.remote_id == ""


def test_text_that_no_database_holds_is_mended():
    event = read(summary="a\x00b \ud83d", location="\udfff")
    assert (event.fields.name, event.fields.location) == ("ab ?", "?")
    json.dumps(event.to_json()).encode()


@pytest.mark.parametrize(
    "visibility, expected",
    [
        (None, "default"),
        ("default", "default"),
        ("public", "public"),
        ("private", "private"),
        ("confidential", "confidential"),
        ("somethingNew", "private"),
    ],
)
def test_an_unknown_visibility_hides(visibility, expected):
    assert read(visibility=visibility).fields.privacy == expected


def test_transparency():
    assert read(transparency="transparent").fields.show_as == "free"
    assert read(transparency="opaque").fields.show_as == "busy"


@pytest.mark.parametrize(
    "changes, writable",
    [
        ({}, True),
        ({"organizer": {"email": "bob@example.com"}}, False),
        ({"organizer": {"email": "bob@example.com"}, "guestsCanModify": True}, True),
        ({"locked": True}, False),
        ({"eventType": "outOfOffice"}, False),
        ({"eventType": "fromGmail"}, False),
    ],
)
def test_whether_the_account_may_change_it(changes, writable):
    assert read(**changes).writable is writable


def test_people():
    event = read(
        organizer={"email": "Bob@Example.com", "displayName": "Bob"},
        attendees=[
            {"email": "ann@example.com", "self": True, "responseStatus": "tentative"},
            {"email": "room@resource", "resource": True, "responseStatus": "accepted"},
            {"displayName": "somebody", "responseStatus": "maybe"},
        ],
    )
    assert event.response == "tentative"
    assert not event.organized_by_self
    assert event.attendees[1].is_resource
    assert event.attendees[2] == Person(email="", name="somebody")
    assert event.emails == {"bob@example.com", "ann@example.com", "room@resource"}


def test_a_bare_cancelled_item():
    event = google_event({"id": "abc12", "status": "cancelled"}, calendar_tz="UTC")
    assert event == RemoteEvent(remote_id="abc12", status="cancelled")


@pytest.mark.parametrize(
    "changes", [{"end": None}, {"start": {"date": "x"}}, {"attendees": 3}]
)
def test_a_cancelled_item_stays_cancelled_whatever_else_is_wrong(changes):
    assert read(status="cancelled", **changes).cancelled


@pytest.mark.parametrize(
    "event_id, original, expected",
    [
        ("abc_20260302T090000Z", {"dateTime": "2026-03-02T10:00:00+01:00"}, NINE),
        ("abc_20260302", {"date": "2026-03-02"}, date(2026, 3, 2)),
        ("abc_20260302T090000Z", None, NINE),
        ("abc_20260302", None, date(2026, 3, 2)),
    ],
)
def test_a_cancelled_occurrence(event_id, original, expected):
    item = {"id": event_id, "status": "cancelled", "recurringEventId": "abc"}
    if original:
        item["originalStartTime"] = original
    event = google_event(item, calendar_tz="UTC")
    assert (event.master_id, event.original_start) == ("abc", expected)
    assert event.cancelled and event.fields is None and not event.problem


def test_a_series():
    lines = ["EXDATE;TZID=Europe/Berlin:20260309T100000", "RRULE:FREQ=WEEKLY"]
    assert read(recurrence=lines).recurrence == tuple(lines)


def test_our_mark_and_foreign_properties():
    assert read(extendedProperties={"private": {"odoo": "m", "x": "y"}}).mark == "m"
    assert read(extendedProperties={"shared": {"odoo": "m"}}).mark == ""


def test_only_web_addresses_are_links():
    assert read(htmlLink="javascript:alert(1)").url == ""


def test_free_busy_items_have_no_name_and_no_problem():
    event = read(summary=None, description=None, visibility="private")
    assert event.fields.name == "" and not event.problem


nonsense = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["date", "dateTime", "timeZone", "email", "private", "odoo"]
            )
            | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
keys = st.sampled_from(
    [*ITEM, "recurrence", "recurringEventId", "originalStartTime", "attendees"]
    + ["extendedProperties", "visibility", "transparency", "locked"]
)


@given(st.dictionaries(keys, nonsense, max_size=6), nonsense)
def test_no_item_raises_and_everything_can_be_stored(changes, calendar_tz):
    event = google_event({**ITEM, **changes}, calendar_tz=calendar_tz)
    text = json.dumps(event.to_json())
    assert "\\u0000" not in text
    assert RemoteEvent.from_json(json.loads(text)) == event
    assert isinstance(event.problem, str) and event.emails is not None


# ------------------------------------------------------------------------------ writing

TIMED = Fields(
    name="Planning",
    when=When(NINE, NINE + timedelta(hours=1), "Europe/Berlin"),
    description="<p>Bring <strong>paper</strong></p>",
    location="Room 1",
    privacy="private",
    show_as="free",
)
ALLDAY = replace(TIMED, when=When(date(2026, 12, 31), date(2027, 1, 1)))


def test_an_insert_says_everything_and_invites_nobody():
    write = Write(verb="insert", remote_id="abc12", fields=TIMED, mark="mine")
    assert google_body(write) == {
        "id": "abc12",
        "summary": "Planning",
        "start": {"dateTime": "2026-03-02T09:00:00Z", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2026-03-02T10:00:00Z", "timeZone": "Europe/Berlin"},
        "description": "Bring <b>paper</b>",
        "location": "Room 1",
        "visibility": "private",
        "transparency": "transparent",
        "extendedProperties": {"private": {"odoo": "mine"}},
    }


def test_an_insert_leaves_out_what_is_empty():
    write = Write(verb="insert", remote_id="abc12", fields=Fields(when=ALLDAY.when))
    assert google_body(write) == {
        "id": "abc12",
        "start": {"date": "2026-12-31"},
        "end": {"date": "2027-01-01"},
        "visibility": "default",
        "transparency": "opaque",
    }


@pytest.mark.parametrize(
    "fields, name, expected",
    [
        (replace(TIMED, name=""), "name", {"summary": None}),
        (
            replace(TIMED, description="<p><br></p>"),
            "description",
            {"description": None},
        ),
        (replace(TIMED, location=""), "location", {"location": None}),
        (replace(TIMED, privacy="default"), "privacy", {"visibility": "default"}),
        (replace(TIMED, show_as="busy"), "show_as", {"transparency": "opaque"}),
        (
            ALLDAY,
            "when",
            {
                "start": {"date": "2026-12-31", "dateTime": None, "timeZone": None},
                "end": {"date": "2027-01-01", "dateTime": None, "timeZone": None},
            },
        ),
        (
            replace(TIMED, when=When(NINE, NINE)),
            "when",
            {
                "start": {"dateTime": "2026-03-02T09:00:00Z", "date": None},
                "end": {"dateTime": "2026-03-02T09:00:00Z", "date": None},
            },
        ),
    ],
)
def test_a_patch_says_what_changed_and_nothing_else(fields, name, expected):
    write = Write(
        verb="patch", remote_id="abc12", fields=fields, changed=frozenset({name})
    )
    assert google_body(write) == expected


def test_a_series_always_has_a_zone():
    fields = replace(TIMED, when=When(NINE, NINE + timedelta(hours=1)))
    write = Write(
        verb="insert",
        remote_id="abc12",
        fields=fields,
        recurrence=("RRULE:FREQ=DAILY",),
    )
    body = google_body(write)
    assert body["start"]["timeZone"] == body["end"]["timeZone"] == "UTC"
    assert body["recurrence"] == ["RRULE:FREQ=DAILY"]


def test_a_series_can_become_a_single_event():
    assert google_body(Write(verb="patch", remote_id="a", recurrence=())) == {
        "recurrence": None
    }


moments = st.datetimes(datetime(1950, 1, 1), datetime(2200, 1, 1)).map(
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
timed = st.tuples(moments, st.timedeltas(timedelta(0), timedelta(days=40))).map(
    lambda pair: When(
        pair[0], (pair[0] + pair[1]).replace(microsecond=0), "Europe/Berlin"
    )
)
days = st.tuples(st.dates(date(1950, 1, 1), date(2200, 1, 1)), st.integers(1, 40)).map(
    lambda pair: When(pair[0], pair[0] + timedelta(days=pair[1]))
)
lines = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


@given(
    st.builds(
        Fields,
        name=lines,
        when=timed | days,
        location=lines,
        privacy=st.sampled_from(sorted(mapping.PRIVACIES)),
        show_as=st.sampled_from(["busy", "free"]),
    )
)
def test_there_and_back_changes_nothing(fields):
    body = google_body(Write(verb="insert", remote_id="abc12", fields=fields))
    event = google_event(body, calendar_tz="America/New_York")
    assert event.fields == fields
    assert event.fields.when.tz == fields.when.tz


# ------------------------------------------------------------------------- the details


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("UTC", "UTC"),
        ("GMT+02:00", "Etc/GMT-2"),
        ("GMT-3", "Etc/GMT+3"),
        ("UTC+00:00", "UTC"),
        ("GMT+05:30", ""),
        ("GMT+20:00", ""),
        ("", ""),
        ("Europe", ""),
        ("../../etc/passwd", ""),
        ("/etc/localtime", ""),
        ("a\x00b", ""),
        ("x" * 5000, ""),
        (None, ""),
    ],
)
def test_zones(name, expected):
    assert known_zone(name) == expected


@pytest.mark.parametrize(
    "html, expected",
    [
        ("", ""),
        ("plain\ntext", "plain\ntext"),
        ("<p>one</p>", "one"),
        ("<p>one</p><p>two</p>", "one<br>two"),
        ("<p>one<br>two</p>", "one<br>two"),
        ("<div><div>one</div></div><div>two</div>", "one<br>two"),
        ("<p>one</p><p><br></p><p>two</p>", "one<br><br>two"),
        ("<ul>\n<li><p>one</p></li><li>two</li></ul><p>x</p>",
         "<ul>\n<li>one</li><li>two</li></ul>x"),
        ('<a href="https://x/?a=1&amp;b=2" class="btn">x</a>',
         '<a href="https://x/?a=1&amp;b=2">x</a>'),
        ('<a href="javascript:alert(1)">x</a>', "x"),
        ("<h1>Big</h1><strong>b</strong><em>i</em><u>u</u>",
         "Big<br><b>b</b><i>i</i><u>u</u>"),
        ("<script>alert(1)</script>a<style>p{}</style>", "a"),
        ('<img src="x" onerror="y"/>a', "a"),
        ("<b>one <i>two</b> three</i>", "<b>one <i>two</i></b> three"),
        ("<b>open", "<b>open</b>"),
        ("</b>a</p>", "a"),
        ("a &amp; b &lt;c&gt;", "a &amp; b &lt;c&gt;"),
        ("<!-- note -->a", "a"),
    ],
)  # fmt: skip
def test_what_google_gets_of_html(html, expected):
    assert google_html(html) == expected


@pytest.mark.parametrize(
    "one, other",
    [
        ("<p>one</p>", "one"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("one<br/>two", "<div>one</div>\n<div>two</div>"),
        ("<p>a <strong>b</strong></p>", "a\xa0<b>b</b> "),
        ('<p class="x" style="y">a</p>', "a"),
        ("a & b", "a &amp; b"),
        ("<ul><li>a</li><li>b</li></ul>", "<ul>\n <li>a</li>\n <li>b</li>\n</ul>\n"),
    ],
)
def test_rewritten_descriptions_are_the_same(one, other):
    when = TIMED.when
    assert mapping.normal(Fields(when=when, description=one)) == mapping.normal(
        Fields(when=when, description=other)
    )


@pytest.mark.parametrize(
    "one, other",
    [
        ("<b>a</b>", "a"),
        ("a b", "a<br>b"),
        ("<a href='https://x'>a</a>", "a"),
        ("a", ""),
    ],
)
def test_different_descriptions_are_not(one, other):
    assert mapping.normal_html(one) != mapping.normal_html(other)


@given(st.text(st.sampled_from("ab \n<>/&;pbrulia\"'="), max_size=40))
def test_simplifying_ends_and_twice_is_once(text):
    once = google_html("<p>" + text)
    assert google_html(once) == google_html(google_html(once))
    assert mapping.normal_html(once) == mapping.normal_html(google_html(once))


# ------------------------------------------------- times as Google really stores them

DAY = {"start": {"date": "2026-03-02"}, "end": {"date": "2026-03-03"}}


@pytest.mark.parametrize("end", ["2026-03-01", "2026-03-02", "2026-03-03"])
def test_whole_days_that_end_before_they_start_are_one_day(end):
    event = read(**DAY | {"end": {"date": end}})
    assert event.problem == ""
    assert event.fields.when == When(date(2026, 3, 2), date(2026, 3, 3))


@pytest.mark.parametrize(
    "changes",
    [
        {"end": {"dateTime": "2026-03-01T00:00:00Z"}},
        {"end": None, "endTimeUnspecified": True},
    ],
)
def test_times_without_a_sensible_end_have_no_length(changes):
    event = read(**changes)
    assert event.problem == ""
    assert event.fields.when.stop == event.fields.when.start


def test_a_day_without_an_end_is_that_day():
    event = read(**DAY | {"end": None, "endTimeUnspecified": True})
    assert event.fields.when == When(date(2026, 3, 2), date(2026, 3, 3))


def test_rooms_say_whole_days_from_midnight_to_midnight():
    item = {
        **ITEM,
        "start": {"dateTime": "2026-03-02T00:00:00+01:00"},
        "end": {"dateTime": "2026-03-04T00:00:00+01:00"},
    }
    for calendar_id, allday in (
        ("c_1@resource.calendar.google.com", True),
        ("a", False),
    ):
        event = google_event(item, calendar_tz=BERLIN, calendar_id=calendar_id)
        assert event.fields.when.allday is allday
    half = {**item, "end": {"dateTime": "2026-03-02T12:00:00+01:00"}}
    room = "c_1@resource.calendar.google.com"
    event = google_event(half, calendar_tz=BERLIN, calendar_id=room)
    assert not event.fields.when.allday


# Items as others have recorded or described them (gdata-provider fixtures; payloads of
# mails added to a calendar; googleapis.dart #151; the guides to status events).
SHAPES = {
    "no summary, an organizer without address": {
        "summary": None,
        "organizer": {"id": "123", "displayName": "Ann", "self": True},
    },
    "free/busy only": {"summary": None, "visibility": "private", "organizer": None},
    "made from a mail": {
        "id": "_6tlnaqrle5p6cpb4dhmj4phpehko",
        "organizer": {
            "email": "unknownorganizer@calendar.google.com",
            "displayName": "Unknown Organizer",
        },
        "creator": {"email": "ann@example.com", "self": True},
        "privateCopy": True,
        "visibility": "private",
        "transparency": "transparent",
        "guestsCanInviteOthers": False,
        "attendees": [
            {"email": "ann@example.com", "self": True, "responseStatus": "accepted"}
        ],
        "start": {"dateTime": "2026-03-02T09:00:00+01:00"},
        "end": {"dateTime": "2026-03-02T10:00:00+01:00"},
        "source": {"url": "https://mail.google.com/mail?x=1", "title": "Mail"},
    },
    "a birthday": {
        **DAY,
        "eventType": "birthday",
        "birthdayProperties": {"type": "birthday", "contact": "people/c1"},
        "recurrence": ["RRULE:FREQ=YEARLY"],
        "start": {"date": "1952-02-29"},
        "end": {"date": "1952-03-01"},
    },
    "working elsewhere": {
        **DAY,
        "eventType": "workingLocation",
        "workingLocationProperties": {"type": "customLocation", "customLocation": {}},
    },
    "focus": {
        "eventType": "focusTime",
        "focusTimeProperties": {
            "chatStatus": "doNotDisturb",
            "autoDeclineMode": "declineNone",
            "declineMessage": "",
        },
    },
    "locked": {"locked": True, "guestsCanSeeOtherGuests": False},
    "a conference that is still to come": {
        "hangoutLink": None,
        "conferenceData": {
            "createRequest": {"requestId": "x", "status": {"statusCode": "pending"}}
        },
    },
}


@pytest.mark.parametrize("changes", SHAPES.values(), ids=list(SHAPES))
def test_shapes_that_others_have_seen_are_read(changes):
    event = read(**changes)
    assert event.problem == "" and event.fields


def test_what_only_shows_times_or_is_locked_is_read_only():
    assert not read(locked=True).writable
    assert not read(**SHAPES["made from a mail"]).writable


@pytest.mark.parametrize(
    "item",
    [
        {"id": "x1", "status": "cancelled", "kind": "calendar#event", "etag": '"1"'},
        {
            "id": "x1_20240501T070000Z",
            "status": "cancelled",
            "recurringEventId": "x1",
            "originalStartTime": {"dateTime": "2024-05-01T09:00:00+02:00"},
        },
        {
            "id": "x1_20230717T013000Z",
            "status": "cancelled",
            "recurringEventId": "x1_R20230501T013000",
            "originalStartTime": {"dateTime": "2023-07-17T10:30:00+09:00"},
        },
    ],
)
def test_bare_cancelled_items_are_cancelled_and_know_their_place(item):
    event = google_event(item, calendar_tz=BERLIN)
    assert event.cancelled and not event.problem
    assert event.master_id == item.get("recurringEventId", "")
    assert (event.original_start is None) is not bool(event.master_id)


@pytest.mark.parametrize(
    "remote_id",
    ["b", "b_20210521T160000Z", "b_20210521", "b_R20210510T160000", "b_R20210510"],
)
def test_all_parts_of_a_split_series_are_one_family(remote_id):
    assert family(remote_id) == "b"
