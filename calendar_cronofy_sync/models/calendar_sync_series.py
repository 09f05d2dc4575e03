"""A remote series: its rule and its exceptions, kept so that the horizon can roll on."""

from odoo import fields, models


class CalendarSyncSeries(models.Model):
    _name = "calendar.sync.series"
    _description = "Synchronised Series"

    calendar_id = fields.Many2one(
        "calendar.sync.calendar", required=True, index=True, ondelete="cascade"
    )
    account_id = fields.Many2one(related="calendar_id.account_id", store=True, index=True)
    user_id = fields.Many2one(related="calendar_id.user_id", store=True, index=True)
    remote_id = fields.Char(required=True)
    # the native recurrence, for a series made in Odoo
    recurrence_id = fields.Many2one(
        "calendar.recurrence", index="btree_not_null", ondelete="set null"
    )
    link_ids = fields.One2many("calendar.sync.link", "series_id")
    # RemoteEvent.to_json() of the master; empty until it has been seen
    master = fields.Json(groups=fields.NO_ACCESS)
    # {moment(original start): RemoteEvent.to_json()} of the exceptions
    exceptions = fields.Json(groups=fields.NO_ACCESS)
    # occurrences exist in Odoo up to here
    horizon = fields.Datetime()
    state = fields.Selection(
        [("synced", "Synchronised"), ("pending", "Pending"), ("failed", "Failed")],
        required=True,
        default="synced",
    )
    error = fields.Text()

    _calendar_remote_uniq = models.Constraint(
        "UNIQUE(calendar_id, remote_id)", "This series is known already."
    )
