"""One Odoo event bound to one remote event, and the values on which both last agreed."""

from odoo import fields, models


class CalendarSyncLink(models.Model):
    _name = "calendar.sync.link"
    _description = "Calendar Link"

    event_id = fields.Many2one("calendar.event", index=True, ondelete="set null")
    calendar_id = fields.Many2one(
        "calendar.sync.calendar", required=True, index=True, ondelete="cascade"
    )
    account_id = fields.Many2one(related="calendar_id.account_id", store=True, index=True)
    user_id = fields.Many2one(related="calendar_id.user_id", store=True, index=True)
    remote_id = fields.Char("Remote id", required=True)
    ical_uid = fields.Char("iCalUID", index="btree_not_null")
    etag = fields.Char("Version", help="Empty until the event exists remotely.")
    state = fields.Selection(
        [("synced", "Synchronised"), ("pending", "Pending"), ("failed", "Failed")],
        required=True,
        default="synced",
    )
    error = fields.Text()
    series_id = fields.Many2one(
        "calendar.sync.series", index="btree_not_null", ondelete="cascade"
    )
    # moment() of the place in the series, "" for single events
    original_start = fields.Char()
    # was the event made here or there?
    origin = fields.Selection([("odoo", "Odoo"), ("remote", "Remote")], required=True)
    # {"local": Fields, "remote": Fields, "people": [addresses]} at the last agreement
    base = fields.Json(groups=fields.NO_ACCESS)

    _calendar_remote_uniq = models.Constraint(
        "UNIQUE(calendar_id, remote_id)", "This remote event is linked already."
    )
    _pending = models.Index("(account_id) WHERE state = 'pending'")
