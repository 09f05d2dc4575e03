"""A remote calendar of an account: is it read, is it busy time, how private is it?"""

from odoo import api, fields, models
from odoo.exceptions import AccessError

#: what the owner may change; nothing else is written but by the addon itself
OWN_SETTINGS = frozenset(("is_source", "is_busy", "default_privacy", "color"))


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
    # it got Odoo's meetings until it was gone, and no other does since
    was_target = fields.Boolean(groups=fields.NO_ACCESS, copy=False)
    # what was wrong with this calendar at the last run
    error = fields.Text(readonly=True)

    _account_remote_uniq = models.Constraint(
        "UNIQUE(account_id, remote_id)", "This calendar is listed already."
    )

    @api.depends("name")
    @api.depends_context("uid")
    def _compute_display_name(self):
        """The name for the owner; a number for others, who see it as a target."""
        for calendar in self:
            own = (
                calendar.user_id.id == self.env.uid or self.env.uid == api.SUPERUSER_ID
            )
            calendar.display_name = (
                calendar.name if own else self.env._("Calendar %(id)s", id=calendar.id)
            )

    def write(self, vals):
        if not self.env.su and not OWN_SETTINGS.issuperset(vals):
            raise AccessError(
                self.env._("These values of a connected calendar cannot be changed.")
            )
        read = ("is_source", "default_privacy")
        before = {calendar: [calendar[name] for name in read] for calendar in self}
        result = super().write(vals)
        changed = self.sudo().filtered(
            lambda calendar: [calendar[name] for name in read] != before[calendar]
        )
        if changed:
            # What was left out or read otherwise so far is found by listing everything.
            changed.filtered("is_source")._list_again()
            changed.account_id._make_due()
        return result

    def _list_again(self):
        """Have everything listed in the next run. One that is on its way, under what
        counted until now, stops."""
        self.write({"sync_token": False})
        self.account_id.write({"claim": False})
