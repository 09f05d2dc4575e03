"""One search for slots over people at Google, at Cronofy, and nowhere.

Both services are the simulators of this repository, over HTTP.
"""

import unittest
from datetime import datetime, timedelta, timezone
from unittest.mock import patch
from zoneinfo import ZoneInfo

from odoo import Command
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import SQL, config

from ..calsync.providers import PROVIDERS
from ..calsync.values import Grant
from ..calsync.vault import new_key
from .cronofy_case import CronofyMixin, needs_simulator, set_parameters
from .interview_common import RECRUITER

try:
    from simulators.google import GoogleSimulator
except ImportError:
    GoogleSimulator = None

BERLIN = ZoneInfo("Europe/Berlin")
HOURS = (8, 9, 10, 11, 13, 14, 15, 16)


@tagged("post_install", "-at_install")
@needs_simulator
@unittest.skipUnless(GoogleSimulator, "the simulator is no part of the addon")
class TestMixedPanel(CronofyMixin, TransactionCase):
    """Working hours are 8-12 and 13-17 o'clock in Berlin, on a Monday to come."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.google = GoogleSimulator().start()
        cls.addClassCleanup(cls.google.stop)
        cls.startClassPatcher(patch.dict(config.options, calendar_sync_key=new_key()))
        set_parameters(cls.env, cls.sim)
        icp = cls.env["ir.config_parameter"].sudo()
        url = cls.google.url
        for name, value in {
            "client_id": "demo-client",
            "client_secret": "demo-secret",
            "api_url": f"{url}/calendar/v3/",
            "auth_url": f"{url}/o/oauth2/v2/auth",
            "token_url": f"{url}/token",
            "revoke_url": f"{url}/revoke",
        }.items():
            icp.set_param(f"calendar_cronofy_sync.google_{name}", value)
        cls.env.company.resource_calendar_id = cls.env["resource.calendar"].create(
            {"name": "Forty hours", "tz": "Europe/Berlin"}
        )
        options = {"tz": "Europe/Berlin"}
        cls.recruiter = new_test_user(cls.env, "rita_mixed", RECRUITER, **options)
        cls.ann, cls.bob, cls.carl = (
            new_test_user(
                cls.env,
                f"{name}_mixed",
                name=name.title(),
                email=f"{name}@example.com",
                **options,
            )
            for name in ("ann", "bob", "carl")
        )
        cls.applicant = cls.env["hr.applicant"].create(
            {"partner_name": "Alex", "email_from": "alex@example.com"}
        )
        today = datetime.now(BERLIN).date()
        cls.monday = today + timedelta(days=7 - today.weekday())

    def setUp(self):
        super().setUp()
        self.sim.reset()
        self.google.reset()
        self.google.create_user("ann@example.com")
        self.sim.add_person("bob", calendars=["Work", "Odoo"])
        self.at_google = self.connect(self.ann, "google", "availability")
        self.at_cronofy = self.connect(self.bob, "cronofy", "availability")

    def connect(self, user, provider, mode):
        """The consent is given, the account is active, all its calendars count."""
        kind = PROVIDERS[provider]
        scopes = kind.scopes(mode)
        if provider == "google":
            tokens = self.google.grant_tokens(user.email, "demo-client", list(scopes))
        else:
            tokens = self.sim.grant(user.email.partition("@")[0], " ".join(scopes))
        grant = Grant(
            access_token=tokens["access_token"],
            refresh_token=tokens["refresh_token"],
            scopes=tuple(scopes),
        )
        accounts = self.env["calendar.sync.account"].with_user(user).sudo()
        with accounts._conversation(provider, grant) as remote:
            calendars = remote.calendars()
        account = accounts._connect(provider, mode, user.email, grant, calendars)
        account.calendar_ids.is_busy = True
        account._start()
        return account

    def at(self, hour):
        return datetime.combine(self.monday, datetime.min.time(), BERLIN).replace(
            hour=hour
        )

    def naive(self, hour):
        return self.at(hour).astimezone(timezone.utc).replace(tzinfo=None)

    def enter_at_google(self, hour):
        times = {
            name: {"dateTime": self.at(h).isoformat(), "timeZone": "Europe/Berlin"}
            for name, h in (("start", hour), ("end", hour + 1))
        }
        self.google.insert_event(
            "ann@example.com", {"summary": "Mixed secret", **times}
        )

    def enter_at_cronofy(self, hour):
        times = [self.at(h).isoformat() for h in (hour, hour + 1)]
        return self.sim.add_event("bob", "Work", "Mixed secret", *times)

    def interview(self, *users, required=0, policy="unknown"):
        members = self.env["res.users"].union(*users)
        interviews = self.env["hr.interview"].with_user(self.recruiter)
        return interviews.create(
            {
                "applicant_id": self.applicant.id,
                "date_from": str(self.monday),
                "date_to": str(self.monday),
                "tz": "Europe/Berlin",
                "step": 60,
                "unknown_policy": policy,
                "panel_ids": [
                    Command.create(
                        {"user_ids": [Command.set(members.ids)], "required": required}
                    )
                ],
            }
        )

    def hours(self, interview):
        """The hours in Berlin at which the slots found now start."""
        interview.action_find_slots()
        found = interview.slot_ids.filtered(lambda slot: slot.state == "proposed")
        starts = (slot.start.replace(tzinfo=timezone.utc) for slot in found)
        return sorted(start.astimezone(BERLIN).hour for start in starts)

    def test_everybody_s_own_calendar_counts(self):
        self.enter_at_google(9)
        self.enter_at_cronofy(10)
        # ours at Cronofy, which its free/busy leaves out unless it is asked for them
        self.sim.put_event(
            "bob",
            {
                "event_id": "ours",
                "summary": "Interview",
                "description": "",
                "start": self.at(11).astimezone(timezone.utc).isoformat()[:19] + "Z",
                "end": self.at(12).astimezone(timezone.utc).isoformat()[:19] + "Z",
            },
            "Odoo",
        )
        self.env["calendar.event"].create(
            {
                "name": "Dentist",
                "start": self.naive(14),
                "stop": self.naive(15),
                "partner_ids": [Command.set(self.carl.partner_id.ids)],
            }
        )
        everybody = (self.ann, self.bob, self.carl)
        interview = self.interview(*everybody, policy="odoo")
        self.assertEqual(self.hours(interview), [8, 13, 15, 16])
        self.assertEqual(interview.unknown_user_ids, self.carl, "said, if not minded")

        interview = self.interview(*everybody)
        self.assertEqual(self.hours(interview), [], "who cannot be asked is not free")
        self.assertIn("Carl", interview.reasons)

        # two of the three: Carl is left out, the others decide
        interview = self.interview(*everybody, required=2)
        self.assertEqual(self.hours(interview), [8, 13, 14, 15, 16])

    def test_what_cronofy_does_not_know_is_unknown(self):
        interview = self.interview(self.ann, self.bob)
        self.assertEqual(self.hours(interview), list(HOURS))
        self.assertFalse(interview.unknown_user_ids)
        sim = self.sim
        broken = {"method": "GET", "path": "/v1/free_busy"}
        for name, make, undo in (
            (
                "disconnected",
                lambda: sim.disconnect_profile("bob"),
                lambda: sim.reconnect_profile("bob"),
            ),
            (
                "pending",
                lambda: sim.set_initial_sync("bob"),
                lambda: sim.reconnect_profile("bob"),
            ),
            (
                "no access",
                lambda: sim.set_mode("bob", "no_access"),
                lambda: sim.set_mode("bob", "read_write"),
            ),
            (
                "an error",
                lambda: sim.set_fault("500", broken, times=10),
                lambda: sim.clear_faults(),
            ),
        ):
            with self.subTest(name):
                make()
                self.assertEqual(self.hours(interview), [])
                self.assertEqual(interview.unknown_user_ids, self.bob)
                undo()
                self.assertEqual(self.hours(interview), list(HOURS))

    def test_two_ways_and_availability_alone_say_the_same(self):
        self.enter_at_cronofy(10)
        interview = self.interview(self.ann, self.bob)
        alone = self.hours(interview)
        self.at_cronofy._revoke("keep")
        self.at_cronofy = self.connect(self.bob, "cronofy", "two_way")
        self.assertEqual(self.hours(interview), alone)

    def test_nothing_of_it_is_stored(self):
        self.enter_at_google(9)
        self.enter_at_cronofy(10)
        interview = self.interview(self.ann, self.bob)
        self.assertEqual(self.hours(interview), [8, 11, 13, 14, 15, 16])
        self.env.flush_all()
        self.cr.execute(
            "SELECT relname FROM pg_class "
            "WHERE relkind = 'r' AND relname !~ '^(pg|sql)_'"
        )
        for (table,) in self.cr.fetchall():
            self.cr.execute(
                SQL(
                    "SELECT count(*) FROM %s t WHERE t::text LIKE '%%Mixed secret%%'",
                    SQL.identifier(table),
                )
            )
            self.assertEqual(self.cr.fetchone(), (0,), table)
