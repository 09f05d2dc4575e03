"""Sent is not stored: what a service accepts and keeps otherwise, field by field.

One table of what services do to a field, for each way to write one, at each service:
all cases of one way stand side by side in one run.
"""

from datetime import timedelta

from odoo.tests import tagged

from ..calsync.mapping import plain_words
from ..calsync.mapping_cronofy import cronofy_event
from ..calsync.plan import kept
from ..calsync.values import When
from .cronofy_case import CronofyCase
from .cronofy_case import needs_simulator as needs_cronofy
from .google_case import GoogleCase
from .google_case import needs_simulator as needs_google
from .sync_case import SyncCase

LONG = "Bring the minutes of last time and two pens for each of us"
#: what a person types; every value differs from that of a new meeting
TYPED = {
    "description": f"<p>Agenda</p><p>{LONG}</p>",
    "location": f"Room 1. {LONG}",
    "privacy": "private",
    "show_as": "free",
}
TEXTS = ("name", "description", "location")
#: what the service does -> do the two sides still say the same?
TEXT_HABITS = {
    "shortened": True,
    "normalised": True,
    "dropped": False,
    "replaced": False,
    "ignored": False,
}
OTHER_HABITS = {
    "when": {"normalised": True, "replaced": False, "ignored": False},
    "privacy": {"normalised": True, "dropped": False, "replaced": False}
    | {"ignored": False},
    "show_as": {"normalised": True, "dropped": False, "replaced": False}
    | {"ignored": False},
}
HABITS = dict.fromkeys(TEXTS, TEXT_HABITS) | OTHER_HABITS
CASES = [
    (name, habit, same)
    for name, habits in HABITS.items()
    for habit, same in habits.items()
]


class StoredMixin:
    """``treat(remote id, field, habit)``, ``shown(remote id)``, ``verbs()``."""

    def start(self):
        self.account = self.connect(self.ann, sync_private=True)
        self.account.target_calendar_id.default_privacy = "public"

    def typed(self, name, number, day=2):
        """The values that a person types into one field."""
        if name == "name":
            return {name: f"Budget {number}. {LONG}"}
        if name != "when":
            return {name: TYPED[name]}
        when = self.at(day + number, 9)
        later = {"start": when.start, "stop": when.stop}
        return {
            key: value.replace(tzinfo=None) + timedelta(hours=2)
            for key, value in later.items()
        }

    def make(self, number, **values):
        values = {"name": f"Meeting {number}", **values}
        return self.meeting(when=self.at(2 + number, 9), **values)

    def make_series(self, number, **values):
        return self.make(
            number,
            recurrency=True,
            rrule_type="daily",
            interval=1,
            end_type="count",
            count=3,
            event_tz="Europe/Berlin",
            **values,
        ).recurrence_id

    def check(self, done, most):
        """Two runs later, and a third that does nothing.

        :param done: {(field, habit, same): (event, what was typed)}
        :param most: writes that are allowed
        """
        for case, (event, _typed) in done.items():
            name, habit, _same = case
            self.treat(self.series_id(event) or self.link(event).remote_id, name, habit)
        self.forget_writes()
        self.later()
        self.sync()
        self.sync()
        written = [verb for verb in self.verbs() if verb != "delete"]
        for case, (event, typed) in done.items():
            with self.subTest(case=case):
                self.check_case(*case, event, typed)
        self.assertLessEqual(len(written), most, written)
        self.assertNothingHappens()

    def check_case(self, name, habit, same, event, typed):
        link = self.link(event)
        here, there = event._sync_fields(), self.shown(link)
        ours, theirs = getattr(here, name), getattr(there, name)
        lines = self.lost(event, name)
        self.assertEqual(link.state, "synced")
        if same:
            self.assertEqual(ours, typed)
            self.assertTrue(kept(name, ours, theirs), (ours, theirs))
            self.assertFalse(lines)
            return
        if name == "privacy" and theirs == "default":
            theirs = "public"
        if name == "name" and not theirs:
            theirs = "(No title)"
        if name == "description":
            ours, theirs = plain_words(ours), plain_words(theirs)
        self.assertEqual(ours, theirs)
        self.assertNotEqual(ours, typed)
        lost = [line.lost[name] for line in lines]
        if name == "when":
            lost = list(map(When.from_json, lost))
        self.assertIn(typed, lost)
        self.assertTrue(all("did not keep" in line.detail for line in lines))

    def lost(self, event, name):
        family = event.sync_link_ids.series_id.link_ids.event_id | event
        lines = self.env["calendar.sync.run.line"].search(
            [("event_id", "in", family.ids), ("kind", "=", "conflict")]
        )
        return lines.filtered(lambda line: name in line.lost)

    def link(self, event):
        return event.sync_link_ids.filtered(lambda one: one.account_id == self.account)

    def series_id(self, event):
        return ""

    def later(self):
        """Some time after what was written before."""

    def assertNothingHappens(self):
        self.forget_writes()
        stamps = {e: e.write_date for e in self.env["calendar.event"].search([])}
        lines = self.env["calendar.sync.run.line"].search_count([])
        self.sync()
        self.assertEqual(self.verbs(), [])
        self.assertEqual(self.env["calendar.sync.run.line"].search_count([]), lines)
        self.assertEqual(
            {e: e.write_date for e in self.env["calendar.event"].search([])}, stamps
        )

    # ------------------------------------------------------------ the ways to write

    def test_a_new_meeting(self):
        self.start()
        done = {}
        for number, case in enumerate(CASES):
            name, habit, _same = case
            if (name, habit) == ("when", "ignored"):
                continue  # a meeting without a time is none
            values = self.typed(name, number)
            event = self.make(number)
            event.with_context(no_mail_to_attendees=True).write(values)
            done[case] = event, getattr(event._sync_fields(), name)
        self.check(done, len(done))

    def test_a_changed_meeting(self):
        self.start()
        events = [self.make(number) for number, _case in enumerate(CASES)]
        self.sync()
        done = {}
        for number, (event, case) in enumerate(zip(events, CASES, strict=True)):
            event.write(self.typed(case[0], number))
            done[case] = event, getattr(event._sync_fields(), case[0])
        self.check(done, len(done))

    def test_a_changed_occurrence(self):
        self.start()
        made = [self.make_series(number) for number, _case in enumerate(CASES)]
        self.sync()
        done = {}
        for number, (series, case) in enumerate(zip(made, CASES, strict=True)):
            event = series.calendar_event_ids.sorted("start")[1]
            event.write(
                {
                    "recurrence_update": "self_only",
                    **self.typed(case[0], number, 3),
                }
            )
            done[case] = event, getattr(event._sync_fields(), case[0])
        self.check(done, len(done))

    def test_services_that_insist_on_different_values_do_not_take_turns(self):
        """Of the copies of one meeting the organiser's leads."""
        self.start()
        self.other = self.connect_other()
        event = self.make(1)
        event.partner_ids += self.bob.partner_id
        self.sync()
        for number, link in enumerate(event.sync_link_ids.sorted("id")):
            self.treat(link.remote_id, "location", ("replaced", "shortened")[number])
            self.treat(link.remote_id, "name", ("shortened", "dropped")[number])
        event.write({"name": f"Budget. {LONG}", "location": f"Room 1. {LONG}"})
        for _run in range(3):
            self.later()
            self.sync()
        self.assertEqual(event.name, f"Budget. {LONG}")
        self.assertEqual(event.location, "Something else")
        self.assertNothingHappens()

    def connect_other(self):
        return self.connect(self.bob)


class SeriesMixin:
    """The service knows series."""

    def test_a_new_series(self):
        self.start()
        done = {}
        for number, case in enumerate(CASES):
            name, habit, _same = case
            if (name, habit) == ("when", "ignored"):
                continue
            values = self.typed(name, number)
            event = self.make_series(number, **values).calendar_event_ids[0]
            done[case] = event, getattr(event._sync_fields(), name)
        self.series_id = lambda event: self.series_of(event)
        self.check(done, len(done))

    def test_a_changed_series(self):
        self.start()
        made = [self.make_series(number) for number, _case in enumerate(CASES)]
        self.sync()
        done = {}
        for number, (series, case) in enumerate(zip(made, CASES, strict=True)):
            name, habit, _same = case
            if (name, habit) == ("when", "ignored"):
                continue  # (Odoo may make another series of it)
            first = series.calendar_event_ids.sorted("start")[0]
            values = self.typed(name, number)
            first.write({"recurrence_update": "all_events", **values})
            title = values.get("name", f"Meeting {number}")
            events = self.env["calendar.event"].search([("name", "=", title)])
            event = events.sorted("start")[0]
            done[case] = event, getattr(event._sync_fields(), name)
        self.series_id = lambda event: self.series_of(event)
        self.check(done, len(done))

    def series_of(self, event):
        series = self.env["calendar.sync.series"].search(
            [("recurrence_id", "=", event.recurrence_id.id)]
        )
        return series.remote_id


@tagged("post_install", "-at_install")
class TestStoredMemory(SeriesMixin, StoredMixin, SyncCase):
    def treat(self, remote_id, name, habit):
        self.server.treat(remote_id, name, habit)

    def shown(self, link):
        return self.server._present(link.calendar_id.remote_id, link.remote_id).fields

    def verbs(self):
        return self.written()

    def forget_writes(self):
        self.server.requests.clear()


@tagged("post_install", "-at_install")
@needs_google
class TestStoredGoogle(SeriesMixin, StoredMixin, GoogleCase):
    NAMES = {
        "name": "summary",
        "when": "time",
        "privacy": "visibility",
        "show_as": "transparency",
    }

    def treat(self, remote_id, name, habit):
        self.sim.treat(remote_id, self.NAMES.get(name, name), habit)

    def shown(self, link):
        return self.server._present(link.calendar_id.remote_id, link.remote_id).fields

    def verbs(self):
        """(a batch is one request with many parts, which the simulator notes each)"""
        return self.written()

    def forget_writes(self):
        self.server.requests.clear()


@tagged("post_install", "-at_install")
@needs_cronofy
class TestStoredCronofy(StoredMixin, CronofyCase):
    NAMES = {
        "name": "summary",
        "when": "time",
        "privacy": "private",
        "show_as": "transparency",
    }

    def start(self):
        self.account.sync_private = True
        self.account.target_calendar_id.default_privacy = "public"

    def treat(self, remote_id, name, habit):
        self.sim.treat(remote_id, self.NAMES.get(name, name), habit)

    def shown(self, link):
        items = self.sim.events("ann", "Odoo")
        [item] = [i for i in items if i.get("event_id") == link.remote_id]
        return cronofy_event(item).fields

    def later(self):
        self.sim.advance_clock(minutes=5)

    def verbs(self):
        return [
            entry
            for entry in self.sim.journal(method="POST", path="/v1/batch")
            for _part in entry.get("parts", [None])
        ]

    def forget_writes(self):
        self.sim.clear_journal()

    def test_a_change_that_is_never_shown_is_not_repeated_for_ever(self):
        """Cronofy accepts it, its calendar service does not know such a thing: that
        looks like a write on its way, for some runs."""
        self.start()
        event = self.make(1)
        self.sync()
        remote_id = self.link(event).remote_id
        self.sim.treat(remote_id, "private", "ignored", noticed=False)
        event.privacy = "private"
        self.forget_writes()
        for _run in range(4):
            self.later()
            self.sync()
        self.assertEqual(len(self.verbs()), 3)
        self.assertEqual(self.link(event).state, "synced")
        self.assertNotEqual(event.privacy, "private")
        self.assertEqual(event.sync_conflict_ids.lost, {"privacy": "private"})
        self.assertNothingHappens()
        # the next change is one like any other
        event.name = "Renamed"
        self.later()
        self.sync()
        self.assertIn("Renamed", self.there())
        self.assertNothingHappens()
