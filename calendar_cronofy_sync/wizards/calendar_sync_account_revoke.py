"""Asks what becomes of the events when a connection ends, and ends it."""

from odoo import api, fields, models

from ..calsync.providers import PROVIDERS


class CalendarSyncAccountRevoke(models.TransientModel):
    _name = "calendar.sync.account.revoke"
    _description = "Revoke a Calendar Connection"

    account_id = fields.Many2one(
        "calendar.sync.account", "Connection", required=True, ondelete="cascade"
    )
    events = fields.Selection(
        [
            ("keep", "Keep all events, here and there"),
            (
                "remove_imported",
                "Remove from Odoo what came from the connected calendars",
            ),
            (
                "remove_all",
                "Remove both sides' copies: what came into Odoo, and Odoo's meetings "
                "in the connected calendar",
            ),
        ],
        "What becomes of the events?",
        required=True,
        default="keep",
    )
    # related_sudo=False: a dialog pointed at somebody else's connection tells nothing
    imported_count = fields.Integer(
        related="account_id.imported_count", related_sudo=False
    )
    provider = fields.Selection(related="account_id.provider", related_sudo=False)
    can_erase = fields.Boolean(compute="_compute_can_erase")
    erase = fields.Boolean("Have Cronofy delete what it keeps of you, too")

    @api.depends("account_id")
    def _compute_can_erase(self):
        for wizard in self:
            kind = PROVIDERS.get(wizard.provider)
            wizard.can_erase = bool(kind) and kind.erases

    def action_confirm(self):
        """Revoke at the provider, forget the tokens, and say what could not be done."""
        self.ensure_one()
        account = self.account_id._own()
        problem = account._revoke(self.events, erase=self.erase and self.can_erase)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if problem else "success",
                "sticky": bool(problem),
                "message": problem
                or self.env._(
                    "%(account)s is revoked. Its tokens are deleted.",
                    account=account.display_name,
                ),
                "next": self._way_back(),
            },
        }

    def _way_back(self):
        if self.env.context.get("calendar_sync_from_preferences"):
            return self.env["res.users"]._calendar_services_action()
        return {"type": "ir.actions.act_window_close"}
