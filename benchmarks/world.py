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

    def grant(self, email, scopes):
        """Tokens of this person, who has an account from now on."""
        self.control("create_user", email=email)
        return self.control(
            "grant_tokens", user=email, client_id="demo-client", scopes=scopes
        )

    def requests(self):
        """HTTP requests so far; a batch is one."""
        return self.control("counters").get("wire", 0)

    def mails(self):
        """How often Google wrote to guests so far."""
        return len(self.control("outbox"))


@dataclass
class Figures:
    seconds: float = 0.0
    requests: int = 0
    queries: int = 0
    #: bytes at the peak, of Python objects
    memory: int = 0
    #: to guests, by Google
    mails: int = 0
    #: events that were written again in Odoo; None where nobody looked
    rewritten: int | None = None

    def __str__(self):
        parts = [
            f"{self.seconds:7.2f} s",
            f"{self.requests:5d} requests",
            f"{self.queries:6d} SQL",
        ]
        if self.memory:
            parts.append(f"{self.memory / 1e6:6.1f} MB")
        return "  ".join(parts)


@contextmanager
def measured(counter=None, *, memory=False):
    """What the block costs.

    :param counter: whose ``requests`` are counted: an Odoo or a simulator
    """
    from odoo import sql_db

    figures = Figures()
    queries = sql_db.sql_counter
    requests = counter.requests() if counter else 0
    if memory:
        tracemalloc.start()
    started = time.perf_counter()
    yield figures
    figures.seconds = time.perf_counter() - started
    figures.queries = sql_db.sql_counter - queries
    if memory:
        figures.memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if counter:
        figures.requests = counter.requests() - requests


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
        tokens = simulator.grant(email, SCOPES)
        with self.env() as env:
            user = new_user(env, login, email)
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


def new_user(env, login, email):
    users = env["res.users"].with_context(no_reset_password=True)
    return users.create({"name": login, "login": login, "email": email})


def quiet_create(env, user_id, count, name="Floor", guest=None):
    """The floor: one quiet batched create of ``count`` events."""
    from odoo.addons.calendar_cronofy_sync.models.calendar_event import QUIET

    events = env["calendar.event"].with_context(**QUIET)
    return events.create(meetings(env, user_id, count, name, guest))


def meetings(env, user_id, count, name, guest=None):
    """The values of ``count`` events of a user, and of a guest if there is one."""
    from odoo import Command

    partner = env["res.users"].browse(user_id).partner_id
    answers = [{"partner_id": partner.id, "state": "accepted"}]
    if guest:
        answers.append({"partner_id": guest.id, "state": "needsAction"})
    start = MONDAY.replace(tzinfo=None)
    return [
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
            "partner_ids": [Command.set([row["partner_id"] for row in answers])],
            "attendee_ids": [Command.create(row) for row in answers],
        }
        for n in range(count)
    ]


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
