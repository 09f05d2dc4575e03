"""Killed at any step, or never told what became of a request: nothing lost or doubled.

``CALENDAR_SYNC_EVERY_STEP=1`` kills a server at each step of the story; without it at
some, spread over the whole.
"""

import configparser
import os
import re
from pathlib import Path

import pytest
import requests

from script.odoo_server import OdooServer, artefacts, environment
from tests.guard import complaints

from .connected import Connected, google_event, next_week

EVERY_STEP = bool(os.environ.get("CALENDAR_SYNC_EVERY_STEP"))
SAMPLES = 7
ADDONS = Path(__file__).parent / "addons"
#: how often five minutes may pass until all is quiet
PATIENCE = 6


class Crasher:
    """A server that kills itself at a step of the synchronisation."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder

    def arm(self, step: int) -> None:
        """Count anew; 0 = never."""
        (self.folder / "steps").write_text("")
        (self.folder / "at").write_text(str(step))

    @property
    def steps(self) -> int:
        return (self.folder / "steps").stat().st_size


@pytest.fixture(scope="module")
def crasher(database, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crash")
    log = artefacts("e2e") / "test_crash.log"
    log.unlink(missing_ok=True)
    conf = configparser.ConfigParser(interpolation=None)
    conf.read(environment("CALSYNC_CONF"))
    addons = f"--addons-path={conf['options']['addons_path']},{ADDONS}"
    install = (addons, "-i", "calendar_sync_crash")
    with OdooServer(
        database, log, options=install, env={"CALENDAR_SYNC_CRASH": str(folder)}
    ) as server:
        server.options = (addons,)
        crasher = Crasher(server, folder)
        crasher.arm(0)
        yield crasher
    assert not complaints(log.read_text())


@pytest.fixture(scope="module")
def odoo(crasher):
    return crasher.server


def series(start, **values):
    return google_event("Stand-up", start, 15, recurrence=["RRULE:FREQ=DAILY;COUNT=5"])


class Life:
    """A connected person's two busy days, with the cron after each."""

    def __init__(self, odoo, google, admin, name, cron):
        self.google, self.odoo = google, odoo
        self.ann = Connected(odoo, google, admin, name)
        self.cron = cron
        self.mails = self._mails()

    def _mails(self):
        return self.odoo.database.query("SELECT count(*) FROM mail_mail")

    def first_day(self):
        """Both sides have something when the connection is made."""
        ann, put = self.ann, self.google.insert_event
        self.dentist = put(ann.email, google_event("Dentist", next_week(1, 10)))
        self.lunch = put(ann.email, google_event("Lunch", next_week(2, 12)))
        self.visit = put(ann.email, google_event("Visit", next_week(2, 15)))
        self.standup = put(ann.email, series(next_week(0, 9)))
        moved = google_event("Stand-up, late", next_week(2, 11), 15)
        self.google.patch_event(ann.email, self._occurrence(2), moved)
        self.board = ann.meet("Board meeting", next_week(3, 11))
        self.old = ann.meet("Old plan", next_week(4, 11))
        self.training = ann.meet(
            "Training",
            next_week(0, 16),
            recurrency=True,
            rrule_type="weekly",
            interval=1,
            mon=True,
            end_type="count",
            count=3,
        )
        ann.connect()
        self.cron(ann)

    def second_day(self):
        """Everything that can happen to appointments, on both sides at once."""
        ann, google, write = self.ann, self.google, self._write
        google.patch_event(ann.email, self.dentist["id"], {"summary": "Dentist again"})
        google.patch_event(ann.email, self.lunch["id"], {"summary": "Lunch in town"})
        google.delete_event(ann.email, self.visit["id"])
        google.delete_event(ann.email, self._occurrence(4))
        google.insert_event(ann.email, google_event("New there", next_week(4, 8)))
        [lunch] = ann.in_odoo(("name", "=", "Lunch"))
        write(lunch["id"], name="Lunch at the lake", location="Lake")
        write(self.board, location="Room 1")
        [first, *_more] = ann.in_odoo(("name", "=", "Stand-up"))
        write(first["id"], name="Stand-up with cake", recurrence_update="self_only")
        ann.session.call("calendar.event", "unlink", [self.old])
        ann.meet("New here", next_week(4, 14))
        self.cron(ann)

    def _write(self, event, **values):
        self.ann.session.call("calendar.event", "write", [event], values)

    def _occurrence(self, day):
        return next(
            event["id"]
            for event in self.google.list_events(self.ann.email, singleEvents=True)
            if event.get("recurringEventId") == self.standup["id"]
            and event["originalStartTime"]["dateTime"].startswith(
                next_week(day, 9).strftime("%Y-%m-%dT%H")
            )
        )

    def settle(self):
        """Five minutes pass until nothing is written any more."""
        for _n in range(PATIENCE):
            before = len(self.google.journal())
            self.cron(self.ann)
            if not (written := written_since(self.google, before)):
                return
        raise AssertionError(f"never quiet: {written}")

    def check(self):
        """The laws: both sides equal, nothing lost, nothing doubled, nothing mailed."""
        ann = self.ann
        assert ann.differences() == ({}, {})
        assert ann.names_in_odoo() == [
            "Board meeting",
            "Dentist again",
            "Lunch in town",
            "New here",
            "New there",
            "Stand-up",
            "Stand-up",
            "Stand-up with cake",
            "Stand-up, late",
            "Training",
            "Training",
            "Training",
        ]
        [lunch] = ann.in_odoo(("name", "=", "Lunch in town"))
        assert lunch["location"] == "Lake"  # a field that only Odoo changed
        conflicts = ann.session.search(
            "calendar.sync.run.line", [("kind", "=", "conflict")], ["lost"]
        )
        assert [line["lost"] for line in conflicts] == [{"name": "Lunch at the lake"}]
        assert self._mails() == self.mails
        assert self.google.outbox() == []
        states = self.odoo.database.query(
            "SELECT DISTINCT state FROM calendar_sync_link WHERE user_id = %s", ann.uid
        )
        assert states == [("synced",)]
        self.odoo.database.query(
            "UPDATE calendar_sync_account SET state = 'paused' WHERE user_id = %s",
            ann.uid,
        )


def written_since(google, number):
    """The appointments written to Google, from this entry of its journal on."""
    return [
        entry["path"]
        for entry in google.journal()[number:]
        if entry["method"] in ("POST", "PATCH", "PUT", "DELETE")
        and re.search("/calendars/.*/events", entry["path"])
        and not entry["path"].endswith("/watch")
    ]


def live(server, google, admin, name):
    """A life in which the server may die; it is started again, as a guard would, and
    the cron runs again five minutes later."""

    def cron(ann):
        try:
            ann.sync()
        except requests.ConnectionError:
            server.process.wait(20)
            server.start()
            ann.sync()

    life = Life(server, google, admin, name, cron)
    life.first_day()
    life.second_day()
    life.settle()
    life.check()


def test_killed_at_any_step(crasher, google, admin):
    crasher.arm(0)
    live(crasher.server, google, admin, "unharmed")
    steps = crasher.steps
    assert steps > 10
    every = range(1, steps + 1)
    for step in every if EVERY_STEP else every[:: -(-steps // SAMPLES)]:
        crasher.arm(step)
        try:
            live(crasher.server, google, admin, f"killed{step}")
        except Exception as error:
            raise AssertionError(f"killed at step {step} of {steps}") from error
        assert crasher.steps >= step, "the server was not killed"


def test_any_answer_is_lost(crasher, google, admin):
    """Google did as it was told, and the answer never came."""
    crasher.arm(0)
    before = len(google.journal())
    live(crasher.server, google, admin, "heard")
    writes = len(written_since(google, before))
    assert writes > 5
    match = {
        "method": "POST|PATCH|PUT|DELETE",
        "path": "/calendars/.*/events(?!.*watch)",
    }
    for number in range(writes):
        google.set_fault("drop", match, skip=number, when="after")
        try:
            live(crasher.server, google, admin, f"unheard{number}")
        except Exception as error:
            raise AssertionError(f"answer {number} of {writes} was lost") from error
        finally:
            google.clear_faults()
