"""One synchronisation of one account, and its journal."""

from odoo import fields, models


class CalendarSyncRun(models.Model):
    _name = "calendar.sync.run"
    _description = "Synchronisation Run"
    _order = "id desc"

    account_id = fields.Many2one(
        "calendar.sync.account", required=True, index=True, ondelete="cascade"
    )
    user_id = fields.Many2one(related="account_id.user_id", store=True, index=True)
    started = fields.Datetime(default=fields.Datetime.now, readonly=True)
    finished = fields.Datetime(readonly=True)
    state = fields.Selection(
        [
            ("running", "Running"),
            ("done", "Done"),
            ("partial", "To be continued"),
            ("failed", "Failed"),
            ("undone", "Undone"),
        ],
        default="running",
        readonly=True,
    )
    created_count = fields.Integer("Created", readonly=True)
    updated_count = fields.Integer("Updated", readonly=True)
    deleted_count = fields.Integer("Deleted", readonly=True)
    pushed_count = fields.Integer("Written out", readonly=True)
    conflict_count = fields.Integer("Conflicts", readonly=True)
    failed_count = fields.Integer("Failed", readonly=True)
    request_count = fields.Integer("Requests", readonly=True)
    error = fields.Text(readonly=True)
    line_ids = fields.One2many("calendar.sync.run.line", "run_id", readonly=True)


class CalendarSyncRunLine(models.Model):
    _name = "calendar.sync.run.line"
    _description = "Synchronisation Journal Line"
    _order = "id"

    run_id = fields.Many2one(
        "calendar.sync.run", required=True, index=True, ondelete="cascade"
    )
    user_id = fields.Many2one(related="run_id.user_id", store=True, index=True)
    calendar_id = fields.Many2one(
        "calendar.sync.calendar", index="btree_not_null", ondelete="set null"
    )
    event_id = fields.Many2one(
        "calendar.event", index="btree_not_null", ondelete="set null"
    )
    remote_id = fields.Char()
    kind = fields.Selection(
        [
            ("created", "Created in Odoo"),
            ("updated", "Updated in Odoo"),
            ("deleted", "Archived in Odoo"),
            ("declined", "Declined in Odoo"),
            ("pushed_insert", "Created remotely"),
            ("pushed_patch", "Updated remotely"),
            ("pushed_delete", "Deleted remotely"),
            ("conflict", "Conflict"),
            ("skipped", "Skipped"),
            ("held", "Held back"),
            ("failed", "Failed"),
        ],
        required=True,
    )
    # the values before, by field name; and in a conflict the values that lost
    before = fields.Json()
    lost = fields.Json()
    message = fields.Char()
