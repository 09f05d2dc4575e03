"""What the scenarios share: Odoo with real cursors, Google's simulator in a process of
its own (50 ms per request), and a stopwatch that counts what costs."""

import json
import os
import socket
import subprocess
import sys
import time
import tracemalloc
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

LATENCY = 0.05
SCOPES = [
    f"https://www.googleapis.com/auth/calendar.{name}"
    for name in ("events", "calendarlist.readonly", "events.freebusy", "app.created")
]
MONDAY = (datetime.now(timezone.utc) + timedelta(days=7)).replace(
    hour=8, minute=0, second=0, microsecond=0
)


class Simulator:
    """Google's simulator, driven over its control API."""

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simulators.google", "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
        )
        for _attempt in range(100):
            try:
                self.control("counters")
                break
            except OSError:
                time.sleep(0.1)
        return self

    def __exit__(self, *_error):
        self.process.terminate()
        self.process.wait(10)

    def control(self, name, **values):
        request = urllib.request.Request(
            f"{self.url}/control/{name}",
            json.dumps(values).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)["result"]


@dataclass
class Figures:
    seconds: float = 0.0
    requests: int = 0
    queries: int = 0
    #: bytes at the peak, of Python objects
    memory: int = 0


@contextmanager
def measured(odoo=None, *, memory=False):
    from odoo import sql_db

    figures = Figures()
    queries = sql_db.sql_counter
    requests = odoo.requests() if odoo else 0
    if memory:
        tracemalloc.start()
    started = time.perf_counter()
    yield figures
    figures.seconds = time.perf_counter() - started
    figures.queries = sql_db.sql_counter - queries
    if memory:
        figures.memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if odoo:
        figures.requests = odoo.requests() - requests


class Odoo:
    """A database of Odoo with the addon, or without it."""

    def __init__(self, database):
        import odoo.tools
        from odoo.modules.registry import Registry

        self.database = database
        odoo.tools.config.parse_config(
            ["-c", os.environ["CALSYNC_CONF"], "-d", database, "--log-level=error"]
        )
        self.registry = Registry(database)

    @contextmanager
    def env(self, user=1):
        import odoo.api

        with self.registry.cursor() as cr:
            yield odoo.api.Environment(cr, user, {})

    def point_at(self, simulator):
        """A new world: what earlier scenarios connected takes no part in it."""
        url = simulator.url
        with self.env() as env:
            env["calendar.sync.account"].search([]).write({"state": "paused"})
            for name, value in {
                "google_client_id": "demo-client",
                "google_client_secret": "demo-secret",
                "google_api_url": f"{url}/calendar/v3/",
                "google_auth_url": f"{url}/o/oauth2/v2/auth",
                "google_token_url": f"{url}/token",
                "google_revoke_url": f"{url}/revoke",
            }.items():
                env["ir.config_parameter"].set_param(
                    f"calendar_cronofy_sync.{name}", value
                )

    def connect(self, simulator, login, *, target=False):
        """A user with an active account at the simulator; their id."""
        from odoo.addons.calendar_cronofy_sync.calsync.values import Grant

        email = f"{login}@example.com"
        simulator.control("create_user", email=email)
        tokens = simulator.control(
            "grant_tokens", user=email, client_id="demo-client", scopes=SCOPES
        )
        with self.env() as env:
            user = (
                env["res.users"]
                .with_context(no_reset_password=True)
                .create({"name": login, "login": login, "email": email})
            )
            account = env["calendar.sync.account"].create(
                {"user_id": user.id, "provider": "google", "email": email}
            )
            account._store_grant(
                Grant(
                    access_token=tokens["access_token"],
                    refresh_token=tokens["refresh_token"],
                    expiry=datetime.now(timezone.utc) + timedelta(hours=1),
                    scopes=tuple(SCOPES),
                )
            )
            calendar = env["calendar.sync.calendar"].create(
                {
                    "account_id": account.id,
                    "remote_id": email,
                    "name": email,
                    "access_role": "owner",
                    "is_primary": True,
                    "is_source": True,
                }
            )
            account.write(
                {
                    "state": "active",
                    "next_sync": datetime(2020, 1, 1),
                    "target_calendar_id": calendar.id if target else False,
                }
            )
            return user.id

    def requests(self):
        """HTTP requests of all runs so far; a batch is one."""
        with self.env() as env:
            env.cr.execute(
                "SELECT COALESCE(sum(request_count), 0) FROM calendar_sync_run"
            )
            return env.cr.fetchone()[0]

    def sync(self):
        with self.env() as env:
            env["calendar.sync.account"]._cron_sync()

    def make_due(self):
        with self.env() as env:
            env["calendar.sync.account"].search([]).write(
                {"next_sync": datetime(2020, 1, 1)}
            )


def quiet_create(env, user_id, count, name="Floor"):
    """The floor: one quiet batched create of ``count`` events."""
    from odoo import Command

    from odoo.addons.calendar_cronofy_sync.models.calendar_event import QUIET

    partner = env["res.users"].browse(user_id).partner_id.id
    start = MONDAY.replace(tzinfo=None)
    return (
        env["calendar.event"]
        .with_context(**QUIET)
        .create(
            [
                {
                    "name": f"{name} {n}",
                    "start": start + timedelta(minutes=30 * n),
                    "stop": start + timedelta(minutes=30 * n + 30),
                    "allday": False,
                    "description": f"<p>Agenda of meeting {n}</p>",
                    "location": f"Room {n % 7}",
                    "privacy": "public",
                    "show_as": "busy",
                    "user_id": user_id,
                    "partner_ids": [Command.set([partner])],
                    "attendee_ids": [
                        Command.create({"partner_id": partner, "state": "accepted"})
                    ],
                }
                for n in range(count)
            ]
        )
    )


def remote_events(count):
    return [
        {
            "summary": f"Meeting {n}",
            "description": f"<p>Agenda of meeting {n}</p>",
            "location": f"Room {n % 7}",
            "visibility": "public",
            "start": {"dateTime": (MONDAY + timedelta(minutes=30 * n)).isoformat()},
            "end": {"dateTime": (MONDAY + timedelta(minutes=30 * n + 30)).isoformat()},
        }
        for n in range(count)
    ]
