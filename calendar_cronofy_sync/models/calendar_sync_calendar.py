"""A remote calendar of an account: is it read, does it count as busy, how private is it?"""

from odoo import fields, models


class CalendarSyncCalendar(models.Model):
    _name = "calendar.sync.calendar"
    _description = "Connected Calendar"
    _order = "account_id, is_primary desc, name, id"

    account_id = fields.Many2one(
        "calendar.sync.account", required=True, index=True, ondelete="cascade"
    )
    user_id = fields.Many2one(related="account_id.user_id", store=True, index=True)
    remote_id = fields.Char("Remote id", required=True, readonly=True)
    name = fields.Char(required=True, readonly=True)
    timezone = fields.Char("Time zone", readonly=True)
    access_role = fields.Selection(
        [
            ("owner", "Owner"),
            ("writer", "Writer"),
            ("reader", "Reader"),
            ("freeBusyReader", "Free/busy only"),
        ],
        required=True,
        default="reader",
        readonly=True,
    )
    is_primary = fields.Boolean("Primary", readonly=True)
    is_source = fields.Boolean("Read into Odoo")
    is_busy = fields.Boolean("Counts as busy")
    default_privacy = fields.Selection(
        [("odoo", "My Odoo default"), ("public", "Public"), ("private", "Private")],
        "Default visibility",
        required=True,
        default="odoo",
        help="For appointments whose visibility is the calendar's default.",
    )
    color = fields.Char()
    active = fields.Boolean(default=True)
    link_ids = fields.One2many("calendar.sync.link", "calendar_id")
    series_ids = fields.One2many("calendar.sync.series", "calendar_id")
    # where the next listing of changes begins; empty = list everything
    sync_token = fields.Char(groups=fields.NO_ACCESS, copy=False)
    # what was wrong with this calendar at the last run
    error = fields.Text(readonly=True)

    _account_remote_uniq = models.Constraint(
        "UNIQUE(account_id, remote_id)", "This calendar is listed already."
    )
