"""A user's connection to a calendar service: its state, its settings, its rights."""

from odoo import fields, models


class CalendarSyncAccount(models.Model):
    _name = "calendar.sync.account"
    _description = "Calendar Connection"
    _order = "user_id, provider"
    _rec_name = "email"

    user_id = fields.Many2one(
        "res.users", required=True, index=True, ondelete="cascade", readonly=True
    )
    provider = fields.Selection(
        [("google", "Google"), ("cronofy", "Cronofy")], required=True, readonly=True
    )
    mode = fields.Selection(
        [("two_way", "Two-way"), ("availability", "Availability only")],
        required=True,
        default="two_way",
        help="Two-way: the calendars are synchronised with Odoo. Availability only: busy "
        "times are asked live when slots are searched, and nothing of them is stored.",
    )
    state = fields.Selection(
        [
            ("setup", "Set up"),
            ("active", "Active"),
            ("paused", "Paused"),
            ("reconnect", "Connect again"),
            ("revoked", "Revoked"),
        ],
        required=True,
        default="setup",
        index=True,
        readonly=True,
    )
    email = fields.Char("Account", readonly=True)
    calendar_ids = fields.One2many("calendar.sync.calendar", "account_id")
    target_calendar_id = fields.Many2one(
        "calendar.sync.calendar",
        "Calendar for Odoo's meetings",
        domain="[('account_id', '=', id), ('access_role', 'in', ('owner', 'writer'))]",
        help="Meetings made in Odoo are written to this calendar. A separate one can be "
        "hidden on holiday.",
    )
    sync_private = fields.Boolean(
        "Private appointments",
        help="Synchronise private and confidential appointments too.",
    )
    recurrence_policy = fields.Selection(
        [("series", "All occurrences"), ("original", "The original appointment only")],
        "Series",
        required=True,
        default="series",
    )
    last_sync = fields.Datetime("Last synchronised", readonly=True)
    next_sync = fields.Datetime("Next synchronisation", index=True, readonly=True)
    attention = fields.Text(readonly=True, help="What the user has to know or to do.")
    link_ids = fields.One2many("calendar.sync.link", "account_id")
    run_ids = fields.One2many("calendar.sync.run", "account_id")
    # the encrypted grant (tokens and scopes): nobody reads it through the ORM
    grant = fields.Text(groups=fields.NO_ACCESS, copy=False)
    # the run that holds the account; a later claim makes an earlier one stop
    claim = fields.Char(groups=fields.NO_ACCESS, copy=False)
    # passing failures in a row, for the waiting time
    failures = fields.Integer(readonly=True)

    _user_provider_uniq = models.UniqueIndex(
        "(user_id, provider) WHERE state != 'revoked'",
        "This user is already connected to this calendar service.",
    )
