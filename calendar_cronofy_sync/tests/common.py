"""The standing cast of the tests, and a calendar service that is nothing but code.

::

    class TestSomething(ConnectCase):
        def test_promise(self):
            account = self.connect(self.ann)           # an active two-way connection
            self.server.put("ann@example.com", event)  # what ann does at her provider
"""

import tempfile
from contextlib import contextmanager
from unittest.mock import patch

from odoo import fields
from odoo.tests import TransactionCase, new_test_user
from odoo.tools import config

from ..calsync.providers import PROVIDERS
from ..calsync.providers.memory import MemoryProvider, MemoryServer
from ..calsync.values import Grant
from ..calsync.vault import new_key

KEY = new_key()


class FakeProvider(MemoryProvider):
    """The memory provider, made as the account makes the real ones."""

    #: the service of the running test
    server = None

    def __init__(self, app, grant, **options):
        super().__init__(self.server, grant.refresh_token)
        self.grant = grant

    @classmethod
    def exchange(cls, app, *, code, verifier, redirect_uri):
        """Also understands the code ``address partial``: not every box was ticked."""
        address, _, boxes = code.partition(" ")
        grant = super().exchange(
            app, code=address, verifier=verifier, redirect_uri=redirect_uri
        )
        if boxes == "partial":
            grant = Grant(refresh_token=address, scopes=("busy",))
        return grant


class ConnectMixin:
    """Users, a service for each provider's name, and connections to it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = MemoryServer()
        cls.env["calendar.sync.account"].search([]).unlink()  # of demo data, if any
        cls.people()
        icp = cls.env["ir.config_parameter"].sudo()
        for name, value in {
            "google_client_id": "client",
            "google_client_secret": "secret",
            "cronofy_client_id": "client",
            "cronofy_client_secret": "secret",
            "google_api_url": cls.server.url,
            "google_auth_url": "https://accounts.example.com/consent",
            "google_revoke_url": cls.server.url + "revoke",
            "cronofy_api_url": cls.server.url,
            "cronofy_app_url": "https://app.example.com",
        }.items():
            icp.set_param(f"calendar_cronofy_sync.{name}", value)
        fake = type("FakeProvider", (FakeProvider,), {"server": cls.server})
        cls.startClassPatcher(patch.dict(PROVIDERS, google=fake, cronofy=fake))
        cls.startClassPatcher(patch.dict(config.options, calendar_sync_key=KEY))

    def setUp(self):
        super().setUp()
        # every test finds the service as it was in the beginning, at the same address
        self.server.__init__()
        self.furnish()

    @classmethod
    def people(cls):
        """ann and bob connect calendars, a colleague does not; portal and admin."""

        def user(name, groups="base.group_user"):
            return new_test_user(
                cls.env,
                f"sync_{name}",  # demo data has an ann, too
                groups,
                name=name.capitalize(),
                email=f"{name}@example.com",
                tz="Europe/Berlin",
            )

        cls.ann, cls.bob, cls.colleague = user("ann"), user("bob"), user("colleague")
        cls.portal = user("portal", "base.group_portal")
        cls.admin = user("boss", "base.group_system")
        cls.furnish()

    @classmethod
    def furnish(cls):
        """What ann and bob have at the service."""
        for name in ("ann", "bob"):
            email = f"{name}@example.com"
            cls.server.add_account(email, "Europe/Berlin")
            cls.server.add_calendar(email, f"{name}-team", name="Team")
            cls.server.add_calendar(
                email, f"{name}-holidays", name="Holidays", role="reader"
            )

    def connect(self, user, *, email="", provider="google", state="active", **values):
        """A connection as it stands after consent and activation, as its user sees it.

        The primary calendar is a source and the target, unless ``values`` say else.
        """
        email = email or user.email
        accounts = self.env["calendar.sync.account"].with_user(user).sudo()
        grant = Grant(
            access_token=email,
            refresh_token=email,
            scopes=FakeProvider.scopes("two_way"),
        )
        self.server.revoked.discard(email)
        mode = values.pop("mode", "two_way")
        remote = PROVIDERS[provider](accounts._application_of(provider), grant)
        account = accounts._connect(provider, mode, email, grant, remote.calendars())
        primary = account.calendar_ids.filtered("is_primary")
        values.setdefault("target_calendar_id", primary.id)
        account.write({**values, "state": state, "next_sync": fields.Datetime.now()})
        return account.with_user(user).sudo(False)

    def calendar(self, account, remote_id):
        """A calendar of the account by its remote id."""
        return account.calendar_ids.filtered(lambda c: c.remote_id == remote_id)

    @contextmanager
    def data_dir(self):
        """An empty data directory instead of the server's, and no key in odoo.conf."""
        with (
            tempfile.TemporaryDirectory() as folder,
            patch.dict(config.options, calendar_sync_key="", data_dir=folder),
        ):
            yield folder


class ConnectCase(ConnectMixin, TransactionCase):
    """A test within one transaction, on the memory provider."""
