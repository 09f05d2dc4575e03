"""Connections in the preferences, and what becomes of them when a user leaves."""

from datetime import datetime, timezone

import babel.dates

from odoo import api, fields, models
from odoo.http import request
from odoo.tools.misc import babel_locale_parse

#: where the OAuth controller leaves a message for the preferences
MESSAGE_KEY = "calendar_sync_message"

#: computed fields of the preferences, per provider
PREFERENCES = ("id", "email", "state", "status", "attention")
PROVIDERS_SHOWN = ("google", "cronofy")
SHOWN_FIELDS = [
    f"calendar_sync_{provider}_{name}"
    for provider in PROVIDERS_SHOWN
    for name in PREFERENCES
]


class ResUsers(models.Model):
    _inherit = "res.users"

    calendar_sync_account_ids = fields.One2many(
        "calendar.sync.account", "user_id", "Calendar connections"
    )
    calendar_sync_google_id = fields.Many2one(
        "calendar.sync.account", "Google", compute="_compute_calendar_sync"
    )
    calendar_sync_google_email = fields.Char(
        "Google account", compute="_compute_calendar_sync"
    )
    calendar_sync_google_state = fields.Char(compute="_compute_calendar_sync")
    calendar_sync_google_status = fields.Char(compute="_compute_calendar_sync")
    calendar_sync_google_attention = fields.Text(compute="_compute_calendar_sync")
    calendar_sync_cronofy_id = fields.Many2one(
        "calendar.sync.account", "Cronofy", compute="_compute_calendar_sync"
    )
    calendar_sync_cronofy_email = fields.Char(
        "Cronofy account", compute="_compute_calendar_sync"
    )
    calendar_sync_cronofy_state = fields.Char(compute="_compute_calendar_sync")
    calendar_sync_cronofy_status = fields.Char(compute="_compute_calendar_sync")
    calendar_sync_cronofy_attention = fields.Text(compute="_compute_calendar_sync")

    @property
    def SELF_READABLE_FIELDS(self):
        return super().SELF_READABLE_FIELDS + SHOWN_FIELDS

    @api.depends(
        "calendar_sync_account_ids.state",
        "calendar_sync_account_ids.mode",
        "calendar_sync_account_ids.last_sync",
        "calendar_sync_account_ids.attention",
    )
    @api.depends_context("uid", "lang")
    def _compute_calendar_sync(self):
        """One row per provider, for the user's own eyes."""
        self.update(dict.fromkeys(SHOWN_FIELDS, False))
        own = self.filtered(lambda user: user._origin.id == self.env.uid)
        if not own:
            return
        for provider in PROVIDERS_SHOWN:
            prefix = f"calendar_sync_{provider}_"
            account = self.env["calendar.sync.account"]._current(provider)
            if not account:
                own[prefix + "attention"] = self._calendar_sync_left_over(provider)
            else:
                own[prefix + "id"] = account
                own[prefix + "email"] = account.email or account.display_name
                own[prefix + "state"] = account.state
                own[prefix + "status"] = account._status_in_words()
                own[prefix + "attention"] = account.attention

    @api.model
    def _calendar_sync_left_over(self, provider):
        """What could not be done when the last connection was revoked."""
        return (
            self.env["calendar.sync.account"]
            .search(
                [
                    ("user_id", "=", self.env.uid),
                    ("provider", "=", provider),
                    ("state", "=", "revoked"),
                ],
                order="write_date desc",
                limit=1,
            )
            .attention
        )

    def action_calendar_sync_settings(self):
        """The settings of the connection named in the context."""
        account = self._calendar_sync_account()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Calendar connection"),
            "res_model": "calendar.sync.account",
            "res_id": account.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    def action_calendar_sync_revoke(self):
        """Ask what becomes of the events, and come back here."""
        action = self._calendar_sync_account().action_revoke()
        action["context"]["calendar_sync_from_preferences"] = True
        return action

    def _calendar_sync_account(self):
        provider = self.env.context.get("calendar_sync_provider")
        return self.env["calendar.sync.account"]._current(provider)

    @api.model
    def _calendar_services_action(self):
        """The user's own preferences, opened at the calendar, with a message if any."""
        # sudo: whether the user has an employee decides which form Odoo itself shows
        employee = self.env.user.sudo().employee_id
        view = self.env.ref(
            "calendar_cronofy_sync.res_users_view_form_services_employee"
            if employee
            else "calendar_cronofy_sync.res_users_view_form_services"
        )
        preferences = {
            **self.env.user.action_get(),
            "id": False,
            "res_id": self.env.uid,
            "target": "main",
            "views": [(view.id, "form")],
        }
        message = request.session.pop(MESSAGE_KEY, None) if request else None
        if not message:
            return preferences
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning",
                "sticky": True,
                "message": message,
                "next": preferences,
            },
        }

    def _without_employee(self):
        """Those of the users who have employees, but no active one any more."""
        # sudo: of the employee only whether there is an active one
        employees = self.env["hr.employee"].sudo().with_context(active_test=False)
        employees = employees.search([("user_id", "in", self.ids)])
        return employees.user_id - employees.filtered("active").user_id

    @api.ondelete(at_uninstall=False)
    def _unlink_withdraw_permissions(self):
        """The connections go with their user, by the database alone: a permission
        whose tokens are lost could be withdrawn by nobody here."""
        # sudo: deleting is for those who manage users, connections are private
        self.sudo().calendar_sync_account_ids._withdraw_later()

    def write(self, vals):
        result = super().write(vals)
        if "active" in vals and not vals["active"]:
            # sudo: archiving is for those who manage users, connections are private
            self.sudo().with_context(
                active_test=False
            ).calendar_sync_account_ids._stop_for_departure()
        return result


class CalendarSyncAccount(models.Model):
    _inherit = "calendar.sync.account"

    def _status_in_words(self):
        """State and last synchronisation, as one reads it out."""
        self.ensure_one()
        state = dict(self._fields["state"]._description_selection(self.env))[self.state]
        if self.mode == "availability":
            mode = dict(self._fields["mode"]._description_selection(self.env))[
                self.mode
            ]
            return f"{state} · {mode}"
        if not self.last_sync:
            return self.env._("%(state)s · not synchronised yet", state=state)
        return self.env._(
            "%(state)s · last synchronised %(ago)s",
            state=state,
            ago=self._ago(self.last_sync),
        )

    def _ago(self, moment):
        """A time that has passed, in words: 3 minutes ago."""
        passed = moment.replace(tzinfo=timezone.utc) - datetime.now(timezone.utc)
        return babel.dates.format_timedelta(
            passed, add_direction=True, locale=babel_locale_parse(self.env.lang)
        )

    def _stop_for_departure(self):
        """Pause what belongs to somebody who left; housekeeping, called at once,
        revokes it: that takes the network, and is no part of archiving."""
        open_ones = self.filtered(lambda account: account.state != "revoked")
        open_ones.filtered(lambda account: account.state != "paused").write(
            {"state": "paused", "next_sync": False}
        )
        if open_ones:
            self.env.ref("calendar_cronofy_sync.ir_cron_housekeeping").sudo()._trigger()
