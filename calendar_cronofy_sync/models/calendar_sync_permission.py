"""May appointments that a person made elsewhere be changed from Odoo? Where the service
asks for a permission of its own, the person gives it calendar by calendar."""

from odoo import api, fields, models
from odoo.tools import SQL

from ..calsync.providers import PROVIDERS


class CalendarSyncCalendar(models.Model):
    _inherit = "calendar.sync.calendar"

    restricted = fields.Boolean(
        "Only Odoo's own appointments can be changed", readonly=True
    )

    def _say_read_only(self):
        """Why an appointment of it cannot be changed from here, and what helps."""
        provider = self.account_id._provider_label()
        why = self.env._(
            "This appointment was not made in Odoo, and is read-only here: change it "
            "in your calendar."
        )
        more = ""
        if self.restricted:
            more = self.env._(
                "On your connection to %(provider)s you can allow Odoo to change such "
                "appointments.",
                provider=provider,
            )
        elif self.access_role in ("owner", "writer"):
            more = self.env._(
                "Through %(provider)s Odoo changes neither meetings with guests nor "
                "those of a series.",
                provider=provider,
            )
        return f"{why} {more}".strip()


class CalendarSyncAccount(models.Model):
    _inherit = "calendar.sync.account"

    restricted = fields.Boolean(
        "Appointments made elsewhere are read-only", compute="_compute_restricted"
    )

    @api.depends("mode", "calendar_ids.restricted", "calendar_ids.is_source")
    def _compute_restricted(self):
        for account in self:
            # sudo: an administrator sees the state, not the calendars
            account.restricted = bool(account.sudo()._restricted_calendars())

    def _restricted_calendars(self):
        """The calendars that are read, and whose appointments are not Odoo's to
        change."""
        if self.mode != "two_way":
            return self.calendar_ids.browse()
        return self.calendar_ids.filtered(lambda c: c.is_source and c.restricted)

    def action_allow_changes(self):
        """Send the user to the page where they allow it, and back."""
        account = self._own()
        back = f"{self._base_url()}/calendar_sync/permissions/{account.provider}"
        ids = account._restricted_calendars().mapped("remote_id")
        url = ""
        with account._explained():
            if ids:
                with account._connected() as provider:
                    url = provider.permissions_url(ids, redirect_uri=back)
            if not url:  # an administrator there has allowed it for everybody
                account._look_at_permissions()
                return True
        return {"type": "ir.actions.act_url", "url": url, "target": "self"}

    def _look_at_permissions(self):
        """Ask the provider what may be changed now.

        :return: the calendars in which it is more than before
        """
        before = self._restricted_calendars()
        self._fetch_calendars()
        return before - self._restricted_calendars()

    def _store_calendar(self, remote):
        before = self.sudo().calendar_ids.filtered(
            lambda calendar: calendar.remote_id == remote.remote_id
        )
        known = before.restricted
        calendar = super()._store_calendar(remote)
        calendar.restricted = remote.restricted
        if before and known != remote.restricted and calendar.is_source:
            # what may be done with an appointment stands with its link
            calendar._list_again()
            self._make_due()
        return calendar


class CalendarEvent(models.Model):
    _inherit = "calendar.event"

    sync_read_only = fields.Text(
        compute="_compute_sync_read_only",
        help="Why the appointment can only be changed where it was made.",
    )

    @api.depends("sync_link_ids.state", "sync_link_ids.user_id")
    @api.depends_context("uid", "lang")
    def _compute_sync_read_only(self):
        found, texts = self._sync_read_only_links(), {False: False}
        for event in self:
            link = found.get(event._origin.id)
            calendar = link and link.calendar_id
            if calendar and calendar not in texts:
                texts[calendar] = calendar._say_read_only()
            event.sync_read_only = texts[calendar or False]

    def _sync_read_only_links(self):
        """{event id: the user's own link}, of those that are at home where nothing of
        them can be changed from here."""
        asking = [
            name for name, kind in PROVIDERS.items() if hasattr(kind, "permissions_url")
        ]
        if not self.ids or not asking:
            return {}
        self.env["calendar.sync.link"].flush_model()
        self.env["calendar.sync.account"].flush_model(["provider", "state"])
        rows = self.env.execute_query(
            SQL(
                """SELECT max(l.id)
                     FROM calendar_sync_link l
                     JOIN calendar_sync_account a ON a.id = l.account_id
                    WHERE l.event_id IN %s AND l.user_id = %s AND l.origin = 'remote'
                      AND a.state != 'revoked' AND a.provider IN %s
                 GROUP BY l.event_id
                   HAVING bool_and(l.base->>'writable' = 'false')""",
                tuple(self.ids),
                self.env.uid,
                tuple(asking),
            )
        )
        # sudo: they are the reader's own
        links = self.env["calendar.sync.link"].sudo().browse(row[0] for row in rows)
        return {link.event_id.id: link for link in links}

    def action_open_sync_account(self):
        """The connection through which the appointment came."""
        self.ensure_one()
        link = self._sync_read_only_links().get(self.id)
        return link and {
            "type": "ir.actions.act_window",
            "res_model": "calendar.sync.account",
            "res_id": link.account_id.id,
            "view_mode": "form",
        }

    @api.depends("sync_read_only", "privacy")
    def _compute_user_can_edit(self):
        """What would be put back in the next minutes cannot be typed. (Odoo opens a
        private appointment only for who may edit it.)"""
        result = super()._compute_user_can_edit()
        for event in self:
            if event.sync_read_only and event.effective_privacy != "private":
                event.user_can_edit = False
        return result
