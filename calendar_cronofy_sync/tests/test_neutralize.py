"""A neutralised copy of a database touches nobody's calendar."""

from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import tagged

from .common import ConnectCase


@tagged("post_install", "-at_install")
class TestNeutralize(ConnectCase):
    def test_a_copy_has_no_permission_no_client_and_no_run(self):
        active, broken = self.connect(self.ann), self.connect(self.bob)
        broken.sudo().state = "reconnect"
        revoked = self.connect(self.colleague, email="bob@example.com").sudo()
        revoked._revoke("keep")
        active.sudo().calendar_ids.sync_token = "token"
        self.env.flush_all()
        queries = list(get_neutralization_queries(["calendar_cronofy_sync"]))
        self.assertTrue(queries)
        for query in queries:
            self.cr.execute(query)
        self.env.invalidate_all()
        self.env.registry.clear_all_caches()
        accounts = (active + broken + revoked).sudo()
        self.assertEqual(accounts.mapped("state"), ["paused", "paused", "revoked"])
        self.assertFalse(any(accounts.mapped("grant")))
        self.assertFalse(any(accounts.mapped("next_sync")))
        self.assertFalse(any(active.sudo().calendar_ids.mapped("sync_token")))
        self.assertEqual(len(active.calendar_ids), 3, "the settings can be looked at")
        for name in ("google_client_secret", "cronofy_client_secret"):
            self.assertFalse(
                self.env["ir.config_parameter"]
                .sudo()
                .get_param(f"calendar_cronofy_sync.{name}")
            )
        for name in ("ir_cron_sync", "ir_cron_housekeeping"):
            self.assertFalse(self.env.ref(f"calendar_cronofy_sync.{name}").active)
