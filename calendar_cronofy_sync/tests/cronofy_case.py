"""A world for tests with Cronofy: its simulator over HTTP, and accounts that use it.

An addon that was installed alone has no simulator.
"""

import unittest
from datetime import timedelta
from unittest.mock import patch

from ..calsync.providers import cronofy
from ..calsync.providers.cronofy import CronofyProvider
from ..calsync.transport import Limiter
from ..calsync.values import Grant
from ..models.calendar_sync_grant import CalendarSyncAccount as Granted
from .simulator_case import SimulatorMixin
from .sync_case import SyncCase

try:
    from simulators.cronofy import DEMO_CLIENT, DEMO_SECRET, CronofySimulator
except ImportError:
    DEMO_CLIENT = DEMO_SECRET = CronofySimulator = None

needs_simulator = unittest.skipUnless(
    CronofySimulator, "the simulator is no part of the addon"
)


def set_parameters(env, sim):
    """Point the addon to the simulator."""
    icp = env["ir.config_parameter"].sudo()
    for name, value in {
        "client_id": DEMO_CLIENT,
        "client_secret": DEMO_SECRET,
        "api_url": sim.url,
        "app_url": sim.url,
    }.items():
        icp.set_param(f"calendar_cronofy_sync.cronofy_{name}", value)


class CronofyMixin(SimulatorMixin):
    simulator = CronofySimulator


class CronofyCase(CronofyMixin, SyncCase):
    """Ann, connected both ways: her calendars “Calendar” (read) and “Odoo” (target)."""

    def setUp(self):
        super().setUp()
        self.sim.reset()
        self.startPatcher(patch.object(cronofy, "CONFIRM", (0.0, 0.0)))
        self.startPatcher(patch.object(cronofy, "THOROUGH", 1))
        set_parameters(self.env, self.sim)
        self.grants = {}
        make = Granted._provider  # a calendar service that is code, for Google

        def provider(account):
            if account.provider == "google":
                return make(account)
            grant = self.grants[account.email]
            return CronofyProvider(
                account._application(),
                grant,
                limiter=Limiter(),
                sleep=lambda seconds: None,
            )

        self.startPatcher(patch.object(Granted, "_provider", provider))
        self.startPatcher(
            patch.object(Granted, "_grant", lambda account: self.grants[account.email])
        )
        self.account = self.connect(self.ann)
        self.calendar = self.account.target_calendar_id
        self.sync()

    def connect(self, user, **values):
        key = user.email.partition("@")[0]
        found = self.sim.add_person(
            key, email=user.email, tz="Europe/Berlin", calendars=["Calendar", "Odoo"]
        )["calendars"]
        scope = " ".join(CronofyProvider.scopes("two_way"))
        tokens = self.sim.grant(key, scope)
        self.grants[user.email] = Grant(
            access_token=tokens["access_token"], refresh_token=tokens["refresh_token"]
        )
        account = self.env["calendar.sync.account"].create(
            {
                "user_id": user.id,
                "provider": "cronofy",
                "mode": "two_way",
                "email": user.email,
                "state": "active",
                **values,
            }
        )
        calendars = self.env["calendar.sync.calendar"].create(
            [
                {
                    "account_id": account.id,
                    "remote_id": remote_id,
                    "name": name,
                    "access_role": "owner",
                    "is_source": name == "Calendar",
                }
                for name, remote_id in found.items()
            ]
        )
        account.target_calendar_id = calendars[1]
        return account

    def there(self, calendar="Odoo"):
        """What ann sees in a calendar of hers, by title."""
        return {event["summary"]: event for event in self.sim.events("ann", calendar)}

    def local(self, days=2, hours=9):
        """A time on ann's clock, as she would type it."""
        start = self.at(days, hours).start.replace(tzinfo=None)
        return [str(start), str(start + timedelta(hours=1))]

    def enter(self, summary="Lunch", **more):
        start, end = self.local()
        return self.sim.add_event("ann", "Calendar", summary, start, end, **more)

    def here(self, name):
        return (
            self.env["calendar.event"]
            .with_context(active_test=False)
            .search(
                [("name", "=", name), ("partner_ids", "in", self.ann.partner_id.id)]
            )
        )

    def writes(self):
        return self.sim.counters().get("POST 202", 0) + self.sim.counters().get(
            "DELETE 202", 0
        )

    def quiet(self):
        """A further run writes nothing on either side."""
        before = self.writes()
        stamps = self.here_all().mapped("write_date")
        self.sync()
        self.assertEqual(self.writes(), before)
        self.assertEqual(self.here_all().mapped("write_date"), stamps)

    def here_all(self):
        return self.env["calendar.event"].search(
            [("partner_ids", "in", self.ann.partner_id.id)]
        )
