"""What a run would do, event by event, to be read before it does it."""

from odoo import fields, models

KINDS = [
    ("created", "Create in Odoo"),
    ("updated", "Change in Odoo"),
    ("deleted", "Archive in Odoo"),
    ("declined", "Decline in Odoo"),
    ("withdrawn", "Take out of Odoo"),
    ("pushed_insert", "Create at the provider"),
    ("pushed_patch", "Change at the provider"),
    ("pushed_delete", "Delete at the provider"),
    ("conflict", "Conflict: the provider's value wins"),
    ("held", "Ask before"),
    ("skipped", "Leave out"),
    ("failed", "Cannot be synchronised"),
]


class CalendarSyncPreview(models.TransientModel):
    _name = "calendar.sync.preview"
    _description = "Preview of a Synchronisation"

    account_id = fields.Many2one(
        "calendar.sync.account", required=True, readonly=True, ondelete="cascade"
    )
    state = fields.Selection(related="account_id.state")
    line_ids = fields.One2many(
        "calendar.sync.preview.line", "preview_id", readonly=True
    )
    summary = fields.Text(readonly=True)
    more = fields.Integer("Lines left out", readonly=True)

    def action_activate(self):
        """What was shown is wanted: begin."""
        self.ensure_one()
        account = self.account_id
        if account.state == "paused":
            account.action_resume()
        elif account.state == "active":
            account.action_sync_now()
        else:
            account.action_activate()
        return {"type": "ir.actions.act_window_close"}


class CalendarSyncPreviewLine(models.TransientModel):
    _name = "calendar.sync.preview.line"
    _description = "Line of a Preview"
    _order = "id"

    preview_id = fields.Many2one(
        "calendar.sync.preview", required=True, ondelete="cascade", index=True
    )
    kind = fields.Selection(KINDS, "What", readonly=True)
    calendar = fields.Char(readonly=True)
    name = fields.Char("Event", readonly=True)
    start = fields.Datetime(readonly=True)
    detail = fields.Char(readonly=True)
