"""Other people's clients of Google Calendar, as they are published, find their Google.

They were written against the real service by people who know nothing of this one, so
what they expect of an answer is worth more than what we do. Each works as its users
work with it, and judges by its own reading of what comes back:

* gcsa, on top of Google's own client;
* gcal_sync, the client of Home Assistant: answers are parsed by strict models, series
  are expanded by its own calendar, which this file holds against the simulator's;
* gcalcli, a program for the command line.

vdirsyncer's storage for Google cannot be among them: it speaks CalDAV. The client of
Cronofy, pycronofy, is in ``test_simulator_cronofy.py``.
"""

import asyncio
import json
import os
import pickle
import subprocess
import sys
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import aiohttp
import httplib2
import pytest
from gcsa.attendee import Attendee
from gcsa.calendar import Calendar
from gcsa.event import Event
from gcsa.google_calendar import GoogleCalendar
from gcsa.recurrence import MO, WEEKLY, Recurrence
from gcsa.reminders import PopupReminder
from google.oauth2.credentials import Credentials
from googleapiclient.errors import HttpError

from simulators.google import GoogleSimulator

gcal_sync = pytest.importorskip("gcal_sync", reason="it needs Python 3.11")
from gcal_sync.api import (  # noqa: E402
    GoogleCalendarService,
    ListEventsRequest,
    Range,
)
from gcal_sync.auth import AbstractAuth  # noqa: E402
from gcal_sync.model import AccessRole, DateOrDatetime, EventStatusEnum  # noqa: E402
from gcal_sync.model import Event as SyncEvent  # noqa: E402
from gcal_sync.sync import (  # noqa: E402
    CalendarEventSyncManager,
    CalendarListSyncManager,
)

ANN, BOB = "ann@example.com", "bob@example.com"
BERLIN = ZoneInfo("Europe/Berlin")
SCOPE = "https://www.googleapis.com/auth/calendar"
MONDAY = datetime(2026, 3, 9, 10, tzinfo=BERLIN)
WEEK = timedelta(weeks=1)
GOOGLE = "https://www.googleapis.com"


@pytest.fixture(scope="module")
def server():
    with GoogleSimulator() as simulator:
        yield simulator


@pytest.fixture
def sim(server):
    server.reset()
    server.set_clock("2026-03-02T08:00:00Z")
    for email in (ANN, BOB):
        server.create_user(email)
    return server


def credentials(sim, **more):
    tokens = sim.grant_tokens(ANN, "demo-client", [SCOPE])
    return Credentials(
        tokens["access_token"],
        refresh_token=tokens["refresh_token"],
        token_uri=f"{sim.url}/token",
        client_id="demo-client",
        client_secret="demo-secret",
        **more,
    )


# --------------------------------------------------------------------------------- gcsa


@pytest.fixture
def gcsa(sim, monkeypatch):
    """gcsa knows one address; what it sends there comes to the simulator."""
    send = httplib2.Http.request

    def redirected(http, uri, *args, **options):
        return send(http, uri.replace(GOOGLE, sim.url), *args, **options)

    monkeypatch.setattr(httplib2.Http, "request", redirected)
    return GoogleCalendar(credentials=credentials(sim), save_token=False)


def weekly(summary="Tea"):
    return Event(
        summary,
        start=MONDAY,
        end=MONDAY + timedelta(hours=1),
        timezone="Europe/Berlin",
        recurrence=Recurrence.rule(freq=WEEKLY, by_week_day=MO, count=4),
    )


def test_gcsa_reads_what_it_wrote(gcsa):
    """All that an event of gcsa can hold comes back as it was."""
    event = Event(
        "Planning",
        start=MONDAY,
        end=MONDAY + timedelta(hours=1),
        timezone="Europe/Berlin",
        description="Bring paper",
        location="Room 1",
        color_id="5",
        visibility="private",
        transparency="transparent",
        attendees=[Attendee(BOB, display_name="Bob", optional=True)],
        reminders=[PopupReminder(minutes_before_start=15)],
        guests_can_invite_others=False,
    )
    read = gcsa.get_event(gcsa.add_event(event).event_id)
    for name in (
        "summary start end timezone description location color_id visibility "
        "transparency guests_can_invite_others guests_can_modify reminders"
    ).split():
        assert getattr(read, name) == getattr(event, name), name
    [guest] = [a for a in read.attendees if a.email == BOB]
    assert guest.optional and guest.response_status == "needsAction"
    assert read.organizer.email == ANN and read.created and read.updated
    read.summary, read.location = "Plans", None
    assert gcsa.update_event(read).summary == "Plans"
    assert gcsa.get_event(read.event_id).location is None
    gcsa.delete_event(read)
    assert [e.summary for e in gcsa.get_events(MONDAY, MONDAY + WEEK)] == []


def test_gcsa_keeps_whole_days(gcsa):
    fair = Event("Fair", start=date(2026, 3, 9), end=date(2026, 3, 11))
    read = gcsa.get_event(gcsa.add_event(fair).event_id)
    assert (read.start, read.end) == (fair.start, fair.end)


def test_gcsa_pages_through_events_in_order(gcsa, sim):
    sim.set_paging(page_size=2)
    for hour in (5, 1, 4, 2, 3):
        start = MONDAY + timedelta(hours=hour)
        gcsa.add_event(Event(f"{hour}", start=start, timezone="Europe/Berlin"))
    found = gcsa.get_events(
        MONDAY, MONDAY + WEEK, order_by="startTime", single_events=True
    )
    assert [event.summary for event in found] == ["1", "2", "3", "4", "5"]
    assert [e.summary for e in gcsa.get_events(MONDAY, query="4")] == ["4"]


def test_gcsa_moves_one_date_of_a_series_and_deletes_another(gcsa):
    series = gcsa.add_event(weekly())
    dates = list(gcsa.get_instances(series, MONDAY, MONDAY + 5 * WEEK))
    assert [each.start for each in dates] == [MONDAY + n * WEEK for n in range(4)]
    assert {each.recurring_event_id for each in dates} == {series.event_id}
    dates[1].start += timedelta(days=1)
    dates[1].end += timedelta(days=1)
    gcsa.update_event(dates[1])
    gcsa.delete_event(dates[2])
    found = gcsa.get_events(
        MONDAY, MONDAY + 5 * WEEK, order_by="startTime", single_events=True
    )
    moved = MONDAY + WEEK + timedelta(days=1)
    assert [each.start for each in found] == [MONDAY, moved, MONDAY + 3 * WEEK]


def test_gcsa_makes_a_calendar_and_moves_an_event_into_it(gcsa):
    made = gcsa.add_calendar(Calendar("Work", timezone="Europe/Berlin"))
    entry = gcsa.get_calendar_list_entry(made.calendar_id)
    assert (entry.summary, entry.access_role) == ("Work", "owner")
    assert made.calendar_id in {c.calendar_id for c in gcsa.get_calendar_list()}
    event = gcsa.add_event(Event("Tea", start=MONDAY, timezone="Europe/Berlin"))
    gcsa.move_event(event, made.calendar_id)
    assert gcsa.get_event(event.event_id, calendar_id=made.calendar_id).summary == "Tea"
    assert [e.summary for e in gcsa.get_events(MONDAY, MONDAY + WEEK)] == []
    gcsa.delete_calendar(made)
    with pytest.raises(HttpError, match="404"):
        gcsa.get_calendar(made.calendar_id)


def test_gcsa_asks_when_people_are_busy(gcsa, sim):
    gcsa.add_event(weekly())
    asked = gcsa.get_free_busy(
        [ANN, "nobody@example.com"],
        time_min=MONDAY - WEEK,
        time_max=MONDAY + 2 * WEEK,
        ignore_errors=True,
    )
    hour = timedelta(hours=1)
    starts = [MONDAY, MONDAY + WEEK]
    assert asked.calendars[ANN] == [(start, start + hour) for start in starts]
    assert [e["reason"] for e in asked.calendars_errors["nobody@example.com"]] == [
        "notFound"
    ]


def test_gcsa_reads_colours_settings_and_rights(gcsa):
    assert set(gcsa.list_event_colors()) >= {str(n) for n in range(1, 12)}
    assert len(gcsa.list_calendar_colors()) == 24
    settings = gcsa.get_settings()
    assert settings.timezone == "Europe/Berlin" and settings.locale
    assert [rule.role for rule in gcsa.get_acl_rules()] == ["owner"]


# ---------------------------------------------------------------------------- gcal_sync


class Auth(AbstractAuth):
    def __init__(self, session, sim):
        super().__init__(session, f"{sim.url}/calendar/v3")
        tokens = sim.grant_tokens(ANN, "demo-client", [SCOPE])
        self._token = tokens["access_token"]

    async def async_get_access_token(self):
        return self._token


@pytest.fixture
def in_home_assistant(sim):
    """Runs a story, which is given the service of gcal_sync."""

    def run(story):
        async def told():
            async with aiohttp.ClientSession() as session:
                await story(GoogleCalendarService(Auth(session, sim)))

        asyncio.run(told())

    return run


def timed(start=MONDAY, hours=1, **more):
    """A body for the simulator's own user."""

    def end(moment):
        return {"dateTime": moment.isoformat(), "timeZone": "Europe/Berlin"}

    return {"start": end(start), "end": end(start + timedelta(hours=hours)), **more}


def rule(text, start=MONDAY, **more):
    return timed(start, summary="Series", recurrence=text.split(), **more)


async def shown(manager, until=MONDAY + 60 * WEEK):
    """What Home Assistant would show: names and starts."""
    timeline = await manager.store_service.async_get_timeline(BERLIN)
    return [
        (event.summary, event.start.value)
        for event in timeline.overlapping(MONDAY - WEEK, until)
        if event.status != EventStatusEnum.CANCELLED
    ]


def test_gcal_sync_reads_the_list_of_calendars(sim, in_home_assistant):
    """Its models take every entry; it stops at an incremental listing's token."""
    shared = sim.create_calendar(BOB, "Bob's")
    sim.share(shared, ANN, "freeBusyReader")

    async def story(api):
        manager = CalendarListSyncManager(api)
        await manager.run()
        first = (await manager.store_service.async_list_calendars()).calendars
        roles = {calendar.id: calendar.access_role for calendar in first}
        assert roles == {ANN: AccessRole.OWNER, shared: AccessRole.FREE_BUSY_READER}
        sim.create_calendar(ANN, "Work")
        await manager.run()
        names = (await manager.store_service.async_list_calendars()).calendars
        assert "Work" in {calendar.summary for calendar in names}
        basic = await api.async_get_calendar("primary")
        assert (basic.id, basic.timezone) == (ANN, "Europe/Berlin")

    in_home_assistant(story)


def test_gcal_sync_follows_changes_page_by_page(sim, in_home_assistant):
    """Its loop ends only with a sync token, and a dead token means a fresh start."""
    sim.set_paging(page_size=2)
    ids = sim.insert_events(
        ANN,
        [timed(MONDAY + timedelta(hours=n), summary=f"{n}") for n in range(5)],
    )

    async def story(api):
        manager = CalendarEventSyncManager(api, ANN)
        await manager.run()
        assert [name for name, _ in await shown(manager)] == ["0", "1", "2", "3", "4"]
        sim.patch_event(ANN, ids[1], {"summary": "one"})
        sim.delete_event(ANN, ids[2])
        sim.insert_event(ANN, timed(MONDAY + timedelta(hours=5), summary="5"))
        sim.clear_journal()
        await manager.run()
        expected = ["0", "one", "3", "4", "5"]
        assert [name for name, _ in await shown(manager)] == expected
        sim.expire_tokens("sync")
        sim.delete_event(ANN, ids[0])
        await manager.run()
        assert sim.requests.count(status=410) == 1
        assert [name for name, _ in await shown(manager)] == expected[1:]

    in_home_assistant(story)


def test_gcal_sync_writes_and_its_models_read_it_back(sim, in_home_assistant):
    async def story(api):
        event = SyncEvent(
            summary="Tea",
            start=DateOrDatetime(date_time=MONDAY, timezone="Europe/Berlin"),
            end=DateOrDatetime(
                date_time=MONDAY + timedelta(hours=1), timezone="Europe/Berlin"
            ),
            description="Bring cups",
        )
        await api.async_create_event(ANN, event)
        [made] = (await listed(api)).items
        assert made.summary == "Tea" and made.start.value == MONDAY
        await api.async_patch_event(ANN, made.id, {"summary": "Coffee"})
        read = await api.async_get_event(ANN, made.id)
        assert (read.summary, read.description) == ("Coffee", "Bring cups")
        assert read.ical_uuid and read.start == made.start and read.end == made.end
        await api.async_delete_event(ANN, made.id)
        assert (await listed(api)).items == []

    async def listed(api):
        request = ListEventsRequest(calendar_id=ANN, start_time=MONDAY - WEEK)
        return await api.async_list_events(request)

    in_home_assistant(story)


def test_gcal_sync_deletes_one_date_and_then_the_series(sim, in_home_assistant):
    """It computes the name of an occurrence itself; Google knows it by that."""
    master = sim.insert_event(ANN, rule("RRULE:FREQ=WEEKLY;COUNT=4"))

    async def story(api):
        manager = CalendarEventSyncManager(api, ANN)
        delete = manager.store_service.async_delete_event
        await manager.run()
        timeline = await manager.store_service.async_get_timeline(BERLIN)
        second = list(timeline.overlapping(MONDAY, MONDAY + 8 * WEEK))[1]
        await delete(master["iCalUID"], second.id, Range.NONE)
        await manager.run()
        left = [("Series", MONDAY + n * WEEK) for n in (0, 2, 3)]
        assert await shown(manager) == left
        assert in_google(sim, MONDAY + 60 * WEEK) == left
        await delete(master["iCalUID"])
        await manager.run()
        assert await shown(manager) == in_google(sim, MONDAY + 60 * WEEK) == []

    in_home_assistant(story)


def in_google(sim, until):
    """The same as `shown`, as the simulator expands its series."""
    query = {"singleEvents": True, "orderBy": "startTime"}
    items = sim.list_events(ANN, timeMax=until.isoformat(), **query)
    return [(item["summary"], _start(item["start"])) for item in items]


def _start(end):
    if "date" in end:
        return date.fromisoformat(end["date"])
    return datetime.fromisoformat(end["dateTime"].replace("Z", "+00:00"))


@pytest.mark.parametrize(
    "lines",
    [
        "RRULE:FREQ=DAILY;COUNT=10",
        "RRULE:FREQ=DAILY;INTERVAL=3;UNTIL=20260410T080000Z",
        "RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=12",
        "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;WKST=SU;COUNT=6",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=9;COUNT=6",
        "RRULE:FREQ=MONTHLY;BYDAY=2MO;COUNT=6",
        "RRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=6",
        "RRULE:FREQ=YEARLY;COUNT=2",
        # gcal_sync, test_yearly_bymonthday_rrule: once a year
        "RRULE:FREQ=YEARLY;BYMONTHDAY=9",
        "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2MO",
        "RRULE:FREQ=WEEKLY;COUNT=6 EXDATE;TZID=Europe/Berlin:20260316T100000",
        "RRULE:FREQ=WEEKLY;COUNT=3 RDATE;TZID=Europe/Berlin:20260401T100000",
    ],
)
def test_gcal_sync_expands_a_series_as_the_simulator_does(
    sim, in_home_assistant, lines
):
    """Two calendars that share no author show the same dates, over a DST change."""
    start = MONDAY
    if "-1FR" in lines:
        start = datetime(2026, 3, 27, 10, tzinfo=BERLIN)
    sim.insert_event(ANN, rule(lines, start))

    async def story(api):
        manager = CalendarEventSyncManager(api, ANN)
        await manager.run()
        assert await shown(manager) == in_google(sim, MONDAY + 60 * WEEK)

    in_home_assistant(story)


def test_gcal_sync_places_exceptions_in_their_series(sim, in_home_assistant):
    master = sim.insert_event(ANN, rule("RRULE:FREQ=WEEKLY;COUNT=5"))
    dates = instances(sim, master["id"])
    moved = timed(MONDAY + WEEK + timedelta(days=1, hours=3), summary="Moved")
    sim.patch_event(ANN, dates[1]["id"], moved)
    sim.delete_event(ANN, dates[3]["id"])

    async def story(api):
        manager = CalendarEventSyncManager(api, ANN)
        await manager.run()
        assert await shown(manager) == in_google(sim, MONDAY + 60 * WEEK)
        assert len(await shown(manager)) == 4

    in_home_assistant(story)


def test_gcal_sync_reads_both_parts_of_a_series_that_was_split(sim, in_home_assistant):
    """The later part is a series of its own, whose occurrences are named after the
    first; one of them was moved, one deleted."""
    master = sim.insert_event(ANN, rule("RRULE:FREQ=WEEKLY;COUNT=8"))
    dates = instances(sim, master["id"])
    tail = sim.split_series(ANN, dates[3]["id"], {"summary": "Later"})
    dates = instances(sim, tail["id"])
    sim.patch_event(ANN, dates[1]["id"], timed(MONDAY + 4 * WEEK + timedelta(days=1)))
    sim.delete_event(ANN, dates[2]["id"])

    async def story(api):
        manager = CalendarEventSyncManager(api, ANN)
        await manager.run()
        found = await shown(manager)
        assert found == in_google(sim, MONDAY + 60 * WEEK)
        assert [name for name, _start in found] == ["Series"] * 3 + ["Later"] * 4

    in_home_assistant(story)


def instances(sim, master_id):
    arguments = {"calendarId": "primary", "eventId": master_id}
    return sim.call(ANN, "events.instances", **arguments)["items"]


# ------------------------------------------------------------------------------ gcalcli

GCALCLI = """
import json, sys
import httplib2
from gcalcli.cli import main

send = httplib2.Http.request
address, commands = json.loads(sys.argv[1])

def redirected(http, uri, *args, **options):
    uri = uri.replace("https://www.googleapis.com", address)
    return send(http, uri, *args, **options)

httplib2.Http.request = redirected
for command in commands:
    print("\\n-- ", command, flush=True)
    sys.argv = ["gcalcli", "--nocolor", *command]
    main()
"""


def test_gcalcli_lists_adds_finds_and_deletes(sim, tmp_path):
    """A program for the command line has its usual day."""
    home = tmp_path / "gcalcli"
    home.mkdir()
    (home / "oauth").write_bytes(pickle.dumps(credentials(sim)))
    sim.create_calendar(ANN, "Work")
    week = ["2026-03-09", "2026-03-16"]
    add = ["--title=Tea", "--when=2026-03-09 10:00", "--duration=60", "--noprompt"]
    outputs = gcalcli(
        sim,
        tmp_path,
        ["list"],
        ["--calendar=Work", "add", *add, "--where=Room 1", "--description=Cups"],
        ["--calendar=Work", "add", "--title=Fair", "--when=2026-03-10", "--allday"]
        + ["--duration=2", "--noprompt"],
        ["agenda", "--tsv", "--details=location", *week],
        ["delete", "--iamaexpert", "Tea", *week],
        ["agenda", "--tsv", *week],
    )
    assert "Work" in outputs[0] and ANN in outputs[0]
    assert "2026-03-09\t10:00\t2026-03-09\t11:00\tTea\tRoom 1" in outputs[3]
    assert "2026-03-10\t\t2026-03-12\t\tFair" in outputs[3]
    assert "Tea" not in outputs[5] and "Fair" in outputs[5]


def gcalcli(sim, folder, *commands):
    """The outputs of some commands."""
    done = subprocess.run(
        [sys.executable, "-c", GCALCLI, json.dumps([sim.url, commands])],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={
            **os.environ,
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "XDG_CACHE_HOME": str(folder),
            "TZ": "Europe/Berlin",
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split("\n-- ")[1:]
