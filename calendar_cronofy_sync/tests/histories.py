"""Random histories of Odoo's own screens, with Google beside them.

A history is a list of steps, each a name and its values, so that one that fails can be
printed and played again as it was::

    Steps(case).play([
        ("begin", {"read": True, "primary": False, "private": False}),
        ("make", {"who": "ann", "day": 1, "rule": "daily", "end": "count", "count": 3}),
        ("rename", {"who": "ann", "pick": 2, "scope": "future_events"}),
    ])

The judge shares nothing with the product: what Odoo has in its database stands against
what ``events.list(singleEvents=true)`` shows, date by date.
"""

import re
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from html import unescape
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.sql_db import Savepoint

from odoo.addons.calendar.models import calendar_recurrence

from . import screens
from .google_case import GoogleServer
from .test_sync_crash import killed_at

UTC = timezone.utc
ANN, BOB = "ann", "bob"
#: how many appointments "for ever" makes here; Odoo itself stops at 720
FOR_EVER = 8
#: days ahead to which series that Google leads are laid out
HORIZON = 400
#: how far the sides are compared
FAR = "2100-01-01T00:00:00Z"
#: (fault, the requests that it strikes)
FAULTS = (
    ("drop", {}),
    ("backendError", {"method": "POST", "path": "/calendars/[^/]+/events"}),
    ("backendError", {"method": "PATCH"}),
    ("backendError", {"method": "DELETE"}),
    ("serviceUnavailable", {"path": "^/batch/"}),
    ("conditionNotMet", {"method": "PATCH"}),
    ("fullSyncRequired", {"method": "GET", "path": "/calendars/[^/]+/events$"}),
)


class Unequal(AssertionError):
    """The sides do not agree in the end."""


class Steps:
    """One history, played in a world of its own."""

    def __init__(self, case):
        self.case, self.env, self.sim = case, case.env, case.sim
        self.users = {ANN: case.ann, BOB: case.bob}
        self.addresses = {who: user.email for who, user in self.users.items()}
        monday = datetime.now(UTC).replace(
            hour=0, minute=0, second=0, microsecond=0, tzinfo=None
        )
        self.monday = monday + timedelta(days=7 - monday.weekday())
        self.numbers = iter(range(1, 10_000))
        #: has anybody changed anything at Google since both sides were at rest?
        self.touched = False
        #: steps that Odoo refused
        self.refused = 0

    @contextmanager
    def world(self):
        savepoint = Savepoint(self.env.cr._obj)
        few = patch.object(calendar_recurrence, "MAX_RECURRENT_EVENT", FOR_EVER)
        try:
            with few:
                yield self
        finally:
            savepoint.close(rollback=True)
            self.env.cr.clear()
            self.env.cr.precommit.clear()
            self.env.transaction.reset()

    def play(self, steps):
        """All of it, and the judgement."""
        with self.world():
            for step in steps:
                self.do(step)
            self.come_to_rest()

    def do(self, step):
        name, values = step
        getattr(self, f"do_{name}")(**values)

    # --------------------------------------------------------------- who and what

    def do_begin(self, read=False, primary=False, private=False):
        case = self.case
        case.server = GoogleServer(self.sim)
        self.accounts = {
            who: case.connect(user, sync_private=private)
            for who, user in self.users.items()
        }
        for account in self.accounts.values():
            account.target_calendar_id.is_source = read
            if primary:
                account.target_calendar_id = account.calendar_ids.filtered("is_primary")
        case.cron()
        self.private = private
        self.mails = self.env["mail.mail"].search_count([])

    def events(self, who="", active=True):
        partners = self.case.ann | self.case.bob
        if who:
            partners = self.users[who]
        return self.env["calendar.event"].search(
            [
                ("partner_ids", "in", partners.partner_id.ids),
                ("active", "=", active),
                ("create_date", "!=", False),
            ],
            order="start, name, id",  # (Odoo makes those of a series in any order)
        )

    def picked(self, who, pick, wanted=lambda event: True, active=True):
        """The event that somebody has before them, with that person's rights."""
        found = self.events(who, active).filtered(wanted)
        if not found:
            return found
        # as the screens do: nobody is asked about a series without one
        event = found[pick % len(found)].with_user(self.users[who])
        return event.with_context(no_mail_to_attendees=True, tz=self.users[who].tz)

    @contextmanager
    def screen(self):
        """What Odoo itself refuses does not happen."""
        savepoint = Savepoint(self.env.cr._obj)
        try:
            yield
            self.env.flush_all()
        except (AccessError, UserError, ValidationError):
            self.refused += 1
            self.env.cr.clear()
            savepoint.close(rollback=True)
            self.env.invalidate_all(flush=False)
        except BaseException:
            savepoint.close(rollback=True)
            raise
        else:
            savepoint.close(rollback=False)

    def name(self):
        return f"n{next(self.numbers)}"

    # --------------------------------------------------------------- at Odoo's screens

    def do_make(
        self, who, day=1, hour=9, days=0, rule="", end="count", count=3, guest=False
    ):
        """:param days: 0: timed, else an all-day meeting of so many days"""
        events = self.env["calendar.event"].with_user(self.users[who])
        events = events.with_context(no_mail_to_attendees=True, tz=self.users[who].tz)
        start = self.monday + timedelta(days=day, hours=hour)
        stop = start + timedelta(hours=1)
        if days:
            start = start.date()
            stop = start + timedelta(days=days - 1)
        first = start if days else start.date()
        series = screens.repeating(rule, end, count, first) if rule else None
        others = [u.partner_id for u in self.users.values() if guest]
        others = [p for p in others if p != self.users[who].partner_id]
        with self.screen():
            screens.make(
                events,
                self.name(),
                start,
                stop,
                allday=bool(days),
                guests=others,
                series=series,
            )

    def _on(self, who, pick, act, wanted=lambda event: True, active=True):
        if event := self.picked(who, pick, wanted, active):
            with self.screen():
                act(event)

    def do_rename(self, who, pick, scope):
        name = self.name()
        self._on(who, pick, lambda e: screens.edit(e, scope, name=name))

    def do_place(self, who, pick, scope):
        name = self.name()
        self._on(who, pick, lambda e: screens.edit(e, scope, location=name))

    def do_describe(self, who, pick, scope):
        text = f"<p>{self.name()}</p>"
        self._on(who, pick, lambda e: screens.edit(e, scope, description=text))

    def do_privacy(self, who, pick, scope, privacy):
        self._on(who, pick, lambda e: screens.edit(e, scope, privacy=privacy))

    def do_show_as(self, who, pick, scope, show_as):
        self._on(who, pick, lambda e: screens.edit(e, scope, show_as=show_as))

    def do_reschedule(self, who, pick, scope, days=0, hours=0, longer=0):
        shift, longer = timedelta(days=days, hours=hours), timedelta(hours=longer)
        self._on(who, pick, lambda e: screens.reschedule(e, scope, shift, longer))

    def do_drag(self, who, pick, scope, days=0, hours=0):
        shift = timedelta(days=days, hours=hours)
        self._on(who, pick, lambda e: screens.drag(e, scope, shift))

    def do_make_allday(self, who, pick, scope):
        self._on(
            who, pick, lambda e: screens.make_allday(e, scope), lambda e: not e.allday
        )

    def do_make_timed(self, who, pick, scope):
        self._on(who, pick, lambda e: screens.make_timed(e, scope), lambda e: e.allday)

    def do_repeat(self, who, pick, rule, end, count):
        self._on(
            who,
            pick,
            lambda e: screens.repeat(e, rule, end, count),
            lambda e: not e.recurrency,
        )

    def do_another_rule(self, who, pick, scope, rule, end, count):
        self._on(
            who,
            pick,
            lambda e: screens.another_rule(e, scope, rule, end, count),
            lambda e: e.recurrence_id,
        )

    def do_another_count(self, who, pick, scope, count):
        self._on(
            who,
            pick,
            lambda e: screens.another_count(e, scope, count),
            lambda e: e.recurrence_id,
        )

    def do_stop_repeating(self, who, pick, scope):
        self._on(
            who,
            pick,
            lambda e: screens.stop_repeating(e, scope),
            lambda e: e.recurrence_id,
        )

    def do_invite(self, who, pick, scope):
        other = self.users[BOB if who == ANN else ANN].partner_id
        self._on(
            who,
            pick,
            lambda e: screens.invite(e, scope, other),
            lambda e: other not in e.partner_ids,
        )

    def do_dismiss(self, who, pick, scope):
        other = self.users[BOB if who == ANN else ANN].partner_id
        self._on(
            who,
            pick,
            lambda e: screens.dismiss(e, scope, other),
            lambda e: other in e.partner_ids,
        )

    def do_hand_over(self, who, pick, scope):
        """Another organiser."""
        other = self.users[BOB if who == ANN else ANN]
        self._on(who, pick, lambda e: screens.edit(e, scope, user_id=other.id))

    def do_answer(self, who, pick, state):
        # (nobody is asked about a meeting of their own)
        self._on(
            who,
            pick,
            lambda e: screens.answer(e, state),
            lambda e: e.with_user(self.users[who]).should_show_status,
        )

    def do_duplicate(self, who, pick):
        self._on(who, pick, screens.duplicate)

    def do_delete(self, who, pick, scope):
        self._on(who, pick, lambda e: screens.delete(e, scope))

    def do_archive(self, who, pick, scope):
        self._on(who, pick, lambda e: screens.archive(e, scope))

    def _rows(self, who, pick, count, act, active=True):
        events = self.events(who, active)
        if events:
            first = pick % len(events)
            user = self.users[who]
            with self.screen():
                rows = events[first : first + count].with_user(user)
                act(rows.with_context(no_mail_to_attendees=True))

    def do_delete_rows(self, who, pick, count):
        self._rows(who, pick, count, screens.delete_rows)

    def do_archive_rows(self, who, pick, count):
        self._rows(who, pick, count, screens.archive_rows)

    def do_unarchive(self, who, pick, count=1):
        self._rows(who, pick, count, screens.unarchive, active=False)

    def do_zone(self, who, tz):
        self.users[who].with_user(self.users[who]).tz = tz

    # --------------------------------------------------------------- at Google

    def calendars(self, who):
        return self.accounts[who].calendar_ids.mapped("remote_id")

    def items(self, who, expanded=False):
        """What the person sees there, as (calendar, item)."""
        query = {"singleEvents": True, "timeMax": FAR} if expanded else {}
        since = (datetime.now(UTC) - timedelta(days=30)).isoformat()
        return [
            (calendar, item)
            for calendar in self.calendars(who)
            for item in self.sim.list_events(
                self.addresses[who], calendar, timeMin=since, **query
            )
            if item.get("status") != "cancelled"
        ]

    def do_make_there(self, who, day, hour=9, days=0, rule="", guest=False):
        self.touched = True
        start = self.monday + timedelta(days=day)
        body = {"summary": self.name()}
        if days:
            body["start"] = {"date": str(start.date())}
            body["end"] = {"date": str((start + timedelta(days=days)).date())}
        else:
            zone = {"timeZone": "Europe/Berlin"}
            start += timedelta(hours=hour)
            stop = start + timedelta(hours=1)
            body["start"] = {"dateTime": start.isoformat() + "Z", **zone}
            body["end"] = {"dateTime": stop.isoformat() + "Z", **zone}
        if rule:
            body["recurrence"] = [f"RRULE:{rule}"]
        if guest:
            other = self.addresses[BOB if who == ANN else ANN]
            body["attendees"] = [{"email": other}]
        self.sim.insert_event(self.addresses[who], body, self.addresses[who])

    def _there(self, who, pick, expanded):
        own = [
            (calendar, item)
            for calendar, item in self.items(who, expanded)
            if item["organizer"].get("self")
        ]
        return own[pick % len(own)] if own else (None, None)

    def do_rename_there(self, who, pick, expanded=False):
        calendar, item = self._there(who, pick, expanded)
        if item:
            self.touched = True
            body = {"summary": self.name()}
            self.sim.patch_event(self.addresses[who], item["id"], body, calendar)

    def do_move_there(self, who, pick, expanded=False, days=0, hours=2):
        calendar, item = self._there(who, pick, expanded)
        if item:
            self.touched = True
            body = {
                end: self._moved(item[end], days, hours) for end in ("start", "end")
            }
            self.sim.patch_event(self.addresses[who], item["id"], body, calendar)

    def _moved(self, end, days, hours):
        if "date" in end:
            day = datetime.fromisoformat(end["date"]) + timedelta(days=days or 1)
            return {"date": str(day.date())}
        at = datetime.fromisoformat(end["dateTime"].replace("Z", "+00:00"))
        at += timedelta(days=days, hours=hours)
        zone = {"timeZone": end["timeZone"]} if "timeZone" in end else {}
        return {"dateTime": at.isoformat(), **zone}

    def do_delete_there(self, who, pick, expanded=False):
        calendar, item = self._there(who, pick, expanded)
        if item:
            self.touched = True
            address = self.addresses[who]
            self.sim.delete_event(address, item["id"], calendar, sendUpdates="all")

    # --------------------------------------------------------------- runs

    def do_run(self):
        before = self.in_odoo()
        outbox = len(self.sim.outbox())
        self.case.cron()
        assert len(self.sim.outbox()) == outbox, "Google tells nobody"
        if not self.touched:
            self.unchanged(before)
        else:
            self.touched = self.unsettled()

    def unsettled(self):
        """May a further run still bring something in?"""
        return True

    def do_run_with_a_fault(self, fault, skip, late=False):
        name, match = FAULTS[fault]
        when = "after" if late and name in ("drop", "backendError") else "before"
        self.sim.set_fault(name, match, skip=skip, when=when)
        self.do_run()
        self.sim.clear_faults()
        self.wait()

    def do_run_killed(self, step):
        before = self.in_odoo()
        with killed_at(step):
            self.case.cron()
        self.env.invalidate_all()
        if not self.touched:
            self.unchanged(before)

    def wait(self):
        for account in self.accounts.values():
            account.write({"state": "active", "failures": 0, "push_after": False})
        self.env["calendar.sync.quota"].search([]).unlink()

    # --------------------------------------------------------------- the laws

    def in_odoo(self):
        """Every meeting, as it stands in the database."""
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT id, active, name, start, stop, allday,
                      CASE WHEN allday THEN start_date END,
                      CASE WHEN allday THEN stop_date END,
                      location, description, privacy, show_as, user_id, recurrence_id,
                      recurrency
                 FROM calendar_event ORDER BY id"""
        )
        return {row[0]: row[1:] for row in self.env.cr.fetchall()}

    def unchanged(self, before):
        """Nobody changed anything at Google: a run changes nothing in Odoo."""
        after = self.in_odoo()
        if before != after:
            names = {*before, *after}
            changes = [
                f"{key}: {_difference(before.get(key), after.get(key))}"
                for key in sorted(names)
                if before.get(key) != after.get(key)
            ]
            raise Unequal("a run changed Odoo:\n" + "\n".join(changes))

    def come_to_rest(self):
        self.sim.clear_faults()
        self.wait()
        for _n in range(5):
            self.case.server.requests.clear()
            lines = self.lines()
            self.do_run()
            if not self.case.written() and self.lines() == lines:
                break
        else:
            raise Unequal("the sides do not come to rest")
        for account in self.accounts.values():
            assert not account.failures, account.run_ids[:1].error
            assert not account.attention, account.attention
        mine = [("account_id", "in", [a.id for a in self.accounts.values()])]
        for model in ("calendar.sync.link", "calendar.sync.series"):
            for row in self.env[model].search(mine):
                if row.state != "synced":
                    raise Unequal(f"{row} {row.remote_id} {row.state} {row.error}")
        for who in self.users:
            self.sides_agree(who)
        self.touched = False
        # the next run is quiet
        before, lines = self.in_odoo(), self.lines()
        self.do_run()
        assert not self.case.written(), self.case.written()
        assert self.lines() == lines, "a quiet run notes nothing"
        self.unchanged(before)

    def lines(self):
        return self.env["calendar.sync.run.line"].search_count([])

    def sides_agree(self, who):
        here, there = Counter(self.here(who)), Counter(self.there(who))
        # whether it is private there, each guest of a meeting says for themselves
        discreet = self.discreet()
        for side in (here, there):
            for key in [key for key in side if key[0] in discreet]:
                del side[key]
        if here != there:
            rows = [
                *(f"only in Odoo   {n} x {key}" for key, n in (here - there).items()),
                *(f"only at Google {n} x {key}" for key, n in (there - here).items()),
            ]
            raise Unequal(f"{who}:\n" + "\n".join(rows[:30]))

    def discreet(self):
        """The titles of meetings of both that are hidden in Odoo."""
        users = self.case.ann | self.case.bob
        return {
            event.name
            for event in self.events()
            if self._hidden(event.privacy) and users.partner_id <= event.partner_ids
        }

    def here(self, who):
        user = self.users[who]
        since = datetime.now() - timedelta(days=30)
        events = self.env["calendar.event"].search(
            [
                ("create_date", "!=", False),
                ("stop", ">", since),
                "|",
                ("user_id", "=", user.id),
                ("partner_ids", "in", user.partner_id.ids),
            ]
        )
        for event in events:
            mine = event.attendee_ids.filtered(
                lambda a: a.partner_id == user.partner_id
            )
            if "declined" in mine.mapped("state") or self._hidden(event.privacy):
                continue
            if event.allday:
                last = event.stop_date + timedelta(days=1)
                times = str(event.start_date), str(last)
            else:
                times = f"{event.start}Z", f"{event.stop}Z"
            yield event.name, *times, event.location or "", _words(event.description)

    def there(self, who):
        for _calendar, item in self.items(who, expanded=True):
            mine = [a for a in item.get("attendees", ()) if a.get("self")]
            if any(a["responseStatus"] == "declined" for a in mine):
                continue
            if self._hidden(item.get("visibility")):
                continue
            times = (_time(item[end]) for end in ("start", "end"))
            place, text = item.get("location", ""), _words(item.get("description"))
            yield item.get("summary", ""), *times, place, text

    def _hidden(self, privacy):
        return privacy in ("private", "confidential") and not self.private


def _difference(one, other):
    if one is None or other is None:
        return f"{one} -> {other}"
    pairs = zip(one, other, strict=True)
    return ", ".join(f"{a!r} -> {b!r}" for a, b in pairs if a != b)


def _words(html):
    """Only what can be read."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html or "")).split())


def _time(end):
    if "date" in end:
        return end["date"]
    at = datetime.fromisoformat(end["dateTime"].replace("Z", "+00:00"))
    return f"{at.astimezone(UTC).replace(tzinfo=None)}Z"


# ------------------------------------------------------------------- random histories

RULES = tuple(screens.RULES)
ENDS = ("count", "count", "end_date", "forever")
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo")


class Chance:
    """Draws histories; the same seed always gives the same ones."""

    def __init__(self, rng, *, google=False):
        self.rng, self.google = rng, google

    def history(self, length):
        pick = self.rng.choice
        yield (
            "begin",
            {
                "read": pick((True, False)),
                "primary": pick((True, False, False)),
                "private": pick((True, False)),
            },
        )
        made = 0
        for number in range(length):
            making = not made or made < 4 and self.rng.random() < 0.2
            if making:
                made += 1
                yield self.making()
            else:
                yield self.step()
            if number < length - 1 and self.rng.random() < 0.6:
                yield self.run()

    def making(self):
        if self.google and self.rng.random() < 0.4:
            return self.make_there()
        return self.make()

    def make(self):
        rng = self.rng
        values = {"who": self.who(), "day": rng.randrange(1, 6)}
        if rng.random() < 0.4:
            values["days"] = rng.choice((1, 1, 3))
        else:
            values["hour"] = rng.randrange(7, 17)
        if rng.random() < 0.6:
            values |= self.rule()
        if rng.random() < 0.3:
            values["guest"] = True
        return "make", values

    def make_there(self):
        rng = self.rng
        values = {"who": self.who(), "day": rng.randrange(1, 6)}
        if rng.random() < 0.3:
            values["days"] = rng.choice((1, 2))
        if rng.random() < 0.4:
            values["rule"] = rng.choice(
                ("FREQ=DAILY;COUNT=4", "FREQ=WEEKLY;COUNT=3", "FREQ=MONTHLY;COUNT=3")
            )
        if rng.random() < 0.3:
            values["guest"] = True
        return "make_there", values

    def who(self):
        return self.rng.choice((ANN, ANN, BOB))

    def rule(self):
        return {
            "rule": self.rng.choice(RULES),
            "end": self.rng.choice(ENDS),
            "count": self.rng.randrange(2, 6),
        }

    def step(self):
        if self.google and self.rng.random() < 0.3:
            return self.step_there()
        return self.step_here()

    def step_there(self):
        rng = self.rng
        values = {
            "who": self.who(),
            "pick": rng.randrange(20),
            "expanded": rng.random() < 0.5,
        }
        name = rng.choice(("rename_there", "move_there", "delete_there"))
        if name == "move_there":
            values |= rng.choice(({"hours": 2}, {"days": 1, "hours": 0}))
        return name, values

    #: (how often, name, does it ask about the series?, what else it needs)
    SCREENS = (
        (4, "rename", True, {}),
        (2, "place", True, {}),
        (2, "describe", True, {}),
        (2, "privacy", True, {"privacy": ("private", "public", "confidential", False)}),
        (1, "show_as", True, {"show_as": ("busy", "free")}),
        (
            5,
            "reschedule",
            True,
            {"days": (0, 0, 1, 7), "hours": (-2, 1, 3), "longer": (0, 0, 1, 24)},
        ),
        (4, "drag", True, {"days": (0, 1, 2, 7), "hours": (-2, 0, 3)}),
        (4, "make_allday", True, {}),
        (4, "make_timed", True, {}),
        (5, "repeat", False, {"rule": RULES, "end": ENDS, "count": (2, 3, 5)}),
        (4, "another_rule", True, {"rule": RULES, "end": ENDS, "count": (2, 3, 5)}),
        (2, "another_count", True, {"count": (1, 2, 4, 6)}),
        (4, "stop_repeating", True, {}),
        (2, "invite", True, {}),
        (2, "dismiss", True, {}),
        (2, "hand_over", True, {}),
        (2, "answer", False, {"state": ("accepted", "tentative", "declined")}),
        (2, "duplicate", False, {}),
        (3, "delete", True, {}),
        (3, "archive", True, {}),
        (1, "delete_rows", False, {"count": (2, 3)}),
        (1, "archive_rows", False, {"count": (2, 3)}),
        (3, "unarchive", False, {"count": (1, 1, 3)}),
    )

    def step_here(self):
        rng = self.rng
        if rng.random() < 0.03:
            return "zone", {"who": self.who(), "tz": rng.choice(ZONES)}
        weights = [row[0] for row in self.SCREENS]
        _often, name, scoped, needs = rng.choices(self.SCREENS, weights)[0]
        values = {"who": self.who(), "pick": rng.randrange(20)}
        if scoped:
            values["scope"] = rng.choice(screens.SCOPES)
        return name, {**values, **{key: rng.choice(of) for key, of in needs.items()}}

    def run(self):
        rng = self.rng
        chance = rng.random()
        if chance < 0.1:
            return "run_killed", {"step": rng.randrange(1, 13)}
        if chance < 0.25:
            return (
                "run_with_a_fault",
                {
                    "fault": rng.randrange(len(FAULTS)),
                    "skip": rng.randrange(4),
                    "late": rng.random() < 0.5,
                },
            )
        return "run", {}


def script(steps):
    """A history as it is written in a test."""
    return "[\n" + "".join(f"    {step!r},\n" for step in steps) + "]"
