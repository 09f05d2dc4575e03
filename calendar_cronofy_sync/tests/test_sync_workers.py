"""Several workers at once, each with a connection of its own to the database."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from threading import Barrier
from unittest.mock import patch

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, get_db_name, tagged

from ..models.calendar_sync_run import Superseded


@tagged("post_install", "-at_install")
class TestSyncWorkers(BaseCase):
    """What is committed here is taken away again at the end."""

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        with self.worker() as env:
            users = env["res.users"].create(
                [
                    {
                        "name": f"Worker test {n}",
                        "login": f"worker_test_{n}",
                        "email": f"worker{n}@example.com",
                    }
                    for n in range(3)
                ]
            )
            self.users = users.ids
            busy = env["calendar.sync.account"].search([("state", "=", "active")])
            self.busy = busy.ids
            busy.write({"state": "paused"})
            self.accounts = (
                env["calendar.sync.account"]
                .create(
                    [
                        {
                            "user_id": user.id,
                            "provider": "google",
                            "email": user.email,
                            "state": "active",
                            "next_sync": datetime(2020, 1, 1),
                        }
                        for user in users
                    ]
                )
                .ids
            )
        self.addCleanup(self.clean)

    def clean(self):
        with self.worker() as env:
            env["calendar.sync.account"].browse(self.accounts).unlink()
            users = env["res.users"].browse(self.users)
            partners = users.partner_id
            users.unlink()
            partners.unlink()
            env["calendar.sync.account"].browse(self.busy).write({"state": "active"})

    @contextmanager
    def worker(self):
        with self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def claim(self, env, but=()):
        run = env["calendar.sync.account"]._claim(but)
        return run and run.account_id.id

    def test_notifications_at_the_same_time_do_not_fail(self):
        """Of one calendar, and while the cron notes that it was called."""
        with self.worker() as env:
            calendar = env["calendar.sync.calendar"].create(
                {"account_id": self.accounts[0], "remote_id": "x", "name": "x"}
            )
            channel, _request = env["calendar.sync.channel"]._prepare(calendar)
            triggers = env["ir.cron.trigger"].search([]).ids
            name = channel.name
        self.addCleanup(self.untrigger, triggers)

        def hear():
            with self.worker() as env:
                channel = env["calendar.sync.channel"]._named(name)
                ready.wait(5)
                with channel._on_its_own() as channel:
                    channel._heard()
            return True

        ready = Barrier(3)
        with ThreadPoolExecutor(2) as pool, self.assertNoLogs("odoo.sql_db", "ERROR"):
            both = [pool.submit(hear) for _n in range(2)]
            with self.worker() as env:
                # neither of them sees this when it begins
                env["calendar.sync.channel"]._named(name)._heard()
                env.cr.execute("UPDATE ir_cron SET lastcall = now()")
                ready.wait(5)
                time.sleep(0.3)
            self.assertTrue(all(one.result(10) for one in both))
        with self.worker() as env:
            self.assertTrue(env["calendar.sync.channel"]._named(name).notified)

    def untrigger(self, known):
        with self.worker() as env:
            env["ir.cron.trigger"].search([("id", "not in", known)]).unlink()

    def test_two_workers_never_have_the_same_account(self):
        with self.worker() as one, self.worker() as two:
            claimed = [self.claim(env) for env in (one, two, one, two)]
        self.assertEqual(sorted(claimed[:3]), sorted(self.accounts))
        self.assertFalse(claimed[3])

    def test_an_account_that_another_worker_is_looking_at_is_skipped(self):
        with self.worker() as one, self.worker() as two:
            one.cr.execute(
                "SELECT id FROM calendar_sync_account WHERE id = %s FOR NO KEY UPDATE",
                [self.accounts[0]],
            )
            claimed = [self.claim(two), self.claim(two), self.claim(two)]
        self.assertEqual(sorted(claimed[:2]), sorted(self.accounts[1:]))
        self.assertFalse(claimed[2])

    def test_a_claim_that_collides_is_tried_again(self):
        """The snapshot of one worker is older than what another one has stored."""
        with self.worker() as one, self.worker() as two:
            one.cr.execute("SELECT count(*) FROM calendar_sync_account")
            self.assertTrue(self.claim(two))
            self.assertTrue(self.claim(one))

    def test_a_forgotten_run_stops_when_its_account_was_taken_over(self):
        with self.worker() as one, self.worker() as two:
            old = one["calendar.sync.account"]._claim(())
            account = two["calendar.sync.account"].browse(old.account_id.id)
            account.next_sync = datetime(2020, 1, 1)
            two.cr.commit()
            others = [key for key in self.accounts if key != account.id]
            new = two["calendar.sync.account"]._claim(others)
            self.assertEqual(new.account_id, account)
            done = []
            with self.assertRaises(Superseded):
                old._transact(done.append, "old")
            new._transact(done.append, "new")
            self.assertEqual(done, ["new"])

    def test_a_run_that_collides_with_an_edit_sees_it(self):
        """A user's write between our reading and our writing is not overwritten."""
        with self.worker() as one, self.worker() as two:
            run = one["calendar.sync.account"]._claim(())
            key = run.account_id.id
            seen = []

            def work():
                account = one["calendar.sync.account"].browse(key)
                seen.append(account.attention_text)
                if len(seen) == 1:
                    two.cr.execute(
                        "UPDATE calendar_sync_account SET attention_text = 'typed' "
                        "WHERE id = %s",
                        [key],
                    )
                    two.cr.commit()
                account.failures += 1

            with patch.object(type(run), "_hold", lambda run: None):
                run._transact(work)
            self.assertEqual(seen, [False, "typed"])
