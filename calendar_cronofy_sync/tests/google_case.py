"""A world for tests with Google: its simulator over HTTP, and accounts that use it.

An addon that was installed alone has no simulator.
"""

import unittest
from unittest.mock import patch

from ..calsync.errors import Gone
from ..calsync.mapping import google_body, google_event
from ..calsync.providers.google import GoogleProvider
from ..calsync.transport import Limiter
from ..calsync.values import Fields, Grant, Write
from ..models.calendar_sync_grant import CalendarSyncAccount as Granted
from .simulator_case import SimulatorMixin
from .sync_case import SyncCase

try:
    from simulators.google import GoogleSimulator
    from simulators.kit import Refusal
except ImportError:
    GoogleSimulator = Refusal = None

needs_simulator = unittest.skipUnless(
    GoogleSimulator, "the simulator is no part of the addon"
)

ZONE = "Europe/Berlin"
#: the method of the API behind a request that changes an event
VERBS = {"POST": "insert", "PATCH": "patch", "DELETE": "delete"}
#: where Odoo would be told of changes; nobody listens there
ADDRESS = "http://localhost:8069"


class GoogleServer:
    """What people do at Google, in the words of
    :class:`~.calsync.providers.memory.MemoryServer`."""

    def __init__(self, sim):
        self._sim = sim
        self._owners = {}
        self.requests = Requests(sim)
        sim.reset()
        sim.set_behaviour(http_loopback=True)
        sim.set_notifications(hold=True)

    # ------------------------------------------------------------ accounts, calendars

    def add_account(self, email, timezone=ZONE):
        self._owners[email] = email
        return self._sim.create_user(email, timezone=timezone)

    def add_calendar(self, account, remote_id, *, name=""):
        self._owners[remote_id] = account
        return self._sim.create_calendar(
            account, name or remote_id, ZONE, calendar_id=remote_id
        )

    def share(self, calendar, account, role):
        self._sim.share(calendar, account, role)

    # ------------------------------------------------------------ events

    def put(self, calendar, event):
        """Somebody enters an event; its guests get copies."""
        write = Write(
            verb="insert",
            remote_id=event.remote_id,
            fields=event.fields,
            recurrence=event.recurrence or None,
        )
        guests = [{"email": person.email} for person in event.attendees]
        body = {**google_body(write), **({"attendees": guests} if guests else {})}
        self._sim.insert_event(self._owners[calendar], body, calendar)
        return self._present(calendar, event.remote_id)

    def edit(self, calendar, remote_id, **values):
        write = Write(
            verb="patch",
            remote_id=remote_id,
            fields=Fields(**{"when": None, **values}),
            changed=frozenset(values),
        )
        body = google_body(write)
        self._sim.patch_event(self._owners[calendar], remote_id, body, calendar)

    def split(self, calendar, remote_id, **values):
        """Somebody changes an occurrence and all that follow."""
        write = Write(
            verb="patch",
            remote_id=remote_id,
            fields=Fields(**{"when": None, **values}),
            changed=frozenset(values),
        )
        self._sim.split_series(
            self._owners[calendar], remote_id, google_body(write), calendar
        )

    def remove(self, calendar, remote_id):
        """Somebody deletes an event, and Google tells the guests."""
        owner = self._owners[calendar]
        self._sim.delete_event(owner, remote_id, calendar, sendUpdates="all")

    def answer(self, calendar, remote_id, answer):
        self._sim.respond(calendar, remote_id, answer)

    def everything(self, calendar):
        return {event.remote_id: event for event in self._listed(calendar, True)}

    def events(self, calendar):
        return {event.remote_id: event for event in self._listed(calendar, False)}

    def _listed(self, calendar, deleted):
        items = self._sim.list_events(
            self._owners[calendar], calendar, showDeleted=deleted
        )
        read = (google_event(item, calendar_tz=ZONE) for item in items)
        return [event for event in read if deleted or not event.cancelled]

    def _present(self, calendar, remote_id):
        try:
            item = self._sim.get_event(self._owners[calendar], remote_id, calendar)
        except Refusal as err:
            raise Gone from err
        return google_event(item, calendar_tz=ZONE)

    # ------------------------------------------------------------ the service

    @property
    def page_size(self):
        return self._sim.lister.paging.page_size

    @page_size.setter
    def page_size(self, size):
        self._sim.set_paging(page_size=size)

    def expire_tokens(self):
        self._sim.expire_tokens("sync")

    def mend(self):
        """No fault waits for its request any more."""
        self._sim.clear_faults()

    def mails(self):
        return len(self._sim.outbox())


class Requests:
    """The verbs of the requests, as :attr:`MemoryServer.requests` keeps them."""

    def __init__(self, sim):
        self._sim = sim

    def __iter__(self):
        for entry in self._sim.journal(path="/calendars/[^/]+/events"):
            if entry["status"] < 300 and "/watch" not in entry["path"]:
                yield VERBS.get(entry["method"], "changes")

    def clear(self):
        self._sim.clear_journal()


class GoogleCase(SimulatorMixin, SyncCase):
    """Accounts at the simulated Google instead of the service that is code."""

    simulator = GoogleSimulator

    def setUp(self):
        super().setUp()
        icp = self.env["ir.config_parameter"].sudo()
        for name, value in {
            "web.base.url": ADDRESS,
            "calendar_cronofy_sync.google_client_id": "demo-client",
            "calendar_cronofy_sync.google_client_secret": "demo-secret",
            "calendar_cronofy_sync.google_api_url": f"{self.sim.url}/calendar/v3/",
            "calendar_cronofy_sync.google_token_url": f"{self.sim.url}/token",
        }.items():
            icp.set_param(name, value)
        self.server = GoogleServer(self.sim)
        self.grants = {}

        def provider(account):
            return GoogleProvider(
                account._application(), self.grants[account.email], limiter=Limiter()
            )

        def store(account, grant):
            self.grants[account.email] = grant

        self.startPatcher(patch.object(Granted, "_provider", provider))
        self.startPatcher(patch.object(Granted, "_store_grant", store))

    def connect(self, user, **values):
        account = super().connect(user, **values)
        scopes = GoogleProvider.scopes("two_way")
        tokens = self.sim.grant_tokens(user.email, "demo-client", list(scopes))
        self.grants[user.email] = Grant(
            access_token=tokens["access_token"],
            refresh_token=tokens["refresh_token"],
            scopes=scopes,
        )
        return account
