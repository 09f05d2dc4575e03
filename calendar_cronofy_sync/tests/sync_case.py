"""A world for tests of the synchronisation: two users, a calendar service that is code.

The engine commits after each step; here every commit stays inside the test, as Odoo's
registry test mode makes it.
"""

from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from odoo.tests import TransactionCase, new_test_user

from ..calsync.providers.memory import MemoryProvider, MemoryServer
from ..calsync.values import Fields, Person, RemoteEvent, When
from ..models.calendar_sync_grant import CalendarSyncAccount as Granted

UTC = timezone.utc


class SyncCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ann = new_test_user(
            cls.env, "ann_sync", email="ann@example.com", tz="Europe/Berlin"
        )
        cls.bob = new_test_user(
            cls.env, "bob_sync", email="bob@example.com", tz="Europe/Berlin"
        )
        cls.env["calendar.sync.account"].search([]).write({"state": "paused"})

    def setUp(self):
        super().setUp()
        self.server = MemoryServer()
        self.numbers = iter(range(10_000, 100_000))

        def provider(account):
            return MemoryProvider(self.server, account.email)

        self.startPatcher(patch.object(Granted, "_provider", provider))
        self.startPatcher(patch.object(Granted, "_store_grant", lambda *a: None))

    # ------------------------------------------------------------ the world

    def connect(self, user, **values):
        """An active account of the user, with the primary calendar read and a
        target."""
        email = user.email
        self.server.add_account(email, "Europe/Berlin")
        self.server.add_calendar(email, f"odoo-{email}", name="Odoo")
        account = self.env["calendar.sync.account"].create(
            {
                "user_id": user.id,
                "provider": "google",
                "email": email,
                "state": "active",
                "next_sync": datetime(2020, 1, 1),
                **values,
            }
        )
        primary, target = self.env["calendar.sync.calendar"].create(
            [
                {
                    "account_id": account.id,
                    "remote_id": remote_id,
                    "name": remote_id,
                    "access_role": "owner",
                    "is_primary": remote_id == email,
                    "is_source": remote_id == email,
                }
                for remote_id in (email, f"odoo-{email}")
            ]
        )
        account.target_calendar_id = target
        return account

    def at(self, days=1, hour=9, minutes=60):
        """A time from now: so many days ahead, at this hour (UTC), so long."""
        start = datetime.now(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
        start += timedelta(days=days)
        return When(start, start + timedelta(minutes=minutes), "Europe/Berlin")

    def put(self, calendar="ann@example.com", remote_id=None, **values):
        """Lay an event into a remote calendar."""
        names = ("name", "when", "description", "location", "privacy", "show_as")
        fields = {name: values.pop(name) for name in names if name in values}
        fields.setdefault("when", self.at())
        fields.setdefault("name", "Lunch")
        event = RemoteEvent(
            remote_id=remote_id or f"event{next(self.numbers)}",
            fields=Fields(**fields),
            **values,
        )
        return self.server.put(calendar, event)

    def person(self, email, **values):
        return Person(email=email, **values)

    def meeting(self, user=None, **values):
        """A meeting made in Odoo by a user, as a form would make it."""
        when = values.pop("when", self.at())
        user = user or self.ann
        return (
            self.env["calendar.event"]
            .with_user(user)
            .with_context(no_mail_to_attendees=True, skip_contact_description=True)
            .create(
                {
                    "name": "Meeting",
                    "start": when.start.replace(tzinfo=None),
                    "stop": when.stop.replace(tzinfo=None),
                    **values,
                }
            )
            .sudo()
        )

    def sync(self, *, fails=False):
        """What the cron does in five minutes."""
        self.cron()
        runs = self.env["calendar.sync.run"].search([("state", "=", "failed")])
        self.assertEqual(bool(runs), fails, runs.mapped("error"))

    def cron(self, *, due=True):
        """The same, whatever becomes of it; but never a mail.

        :param due: the time of all accounts has come
        """
        if due:
            accounts = self.env["calendar.sync.account"]
            accounts = accounts.search([("state", "=", "active")])
            accounts.write({"next_sync": datetime(2020, 1, 1)})
        self.env.flush_all()
        mails = self.env["mail.mail"].search_count([])
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            self.env(cr=cr, user=self.env.ref("base.user_root").id)[
                "calendar.sync.account"
            ]._cron_sync()
        self.env.invalidate_all()
        self.assertEqual(self.env["mail.mail"].search_count([]), mails, "no mail, ever")

    def written(self):
        """The requests of the last sync that changed something remotely."""
        return [r for r in self.server.requests if r in ("insert", "patch", "delete")]

    def event_of(self, remote, calendar=None):
        """The Odoo event that is bound to a remote one (archived ones too)."""
        link = self.env["calendar.sync.link"].search(
            [("remote_id", "=", remote.remote_id)]
            + ([("calendar_id.remote_id", "=", calendar)] if calendar else [])
        )
        return link.with_context(active_test=False).event_id

    def remote(self, calendar):
        """The events of a remote calendar, without the cancelled ones."""
        return list(self.server.events(calendar).values())

    def assertQuiet(self):
        """A further run writes nothing on either side."""
        self.server.requests.clear()
        before = self.env["calendar.sync.run.line"].search_count([])
        self.sync()
        self.assertEqual(self.written(), [])
        self.assertEqual(self.env["calendar.sync.run.line"].search_count([]), before)
