"""The video conferencing services behind a connection, and which one makes the
links."""

from odoo import fields, models

from ..calsync.providers import PROVIDERS

#: services in people's words; one that is not here is shown by the provider's word
SERVICES = {
    "zoom": "Zoom",
    "ms_teams": "Microsoft Teams",
    "teams_integrated": "Microsoft Teams",
    "google_meet": "Google Meet",
    "go_to": "GoTo Meeting",
    "webex": "Webex",
}


class CalendarSyncAccount(models.Model):
    _inherit = "calendar.sync.account"

    # [[profile id, name of the service], …] as the provider told last
    conferencing = fields.Json("Video services", readonly=True, copy=False)
    conferencing_note = fields.Char(
        "Video conferences", compute="_compute_conferencing_note"
    )
    can_confer = fields.Boolean(compute="_compute_can_confer")

    def _compute_can_confer(self):
        for account in self:
            kind = PROVIDERS.get(account.provider)
            account.can_confer = bool(kind) and kind.conferencing == "profiles"

    def _compute_conferencing_note(self):
        for account in self:
            names = [
                SERVICES.get(name, name) for _id, name in account.conferencing or ()
            ]
            account.conferencing_note = ", ".join(dict.fromkeys(names))

    def action_connect_conferencing(self):
        """Send the user to the page where video services are connected, and back."""
        account = self._own()
        back = f"{self._base_url()}/calendar_sync/conferencing/{account.provider}"
        with account._explained(), account._connected() as provider:
            url = provider.conferencing_url(redirect_uri=back)
        return {"type": "ir.actions.act_url", "url": url, "target": "self"}

    def action_refresh_conferencing(self):
        """Ask which video services are connected now."""
        account = self._own()
        with account._explained(), account._connected() as provider:
            account._store_conferencing(provider.conferencing_profiles())
        return True

    def _store_conferencing(self, profiles):
        self.sudo().conferencing = [list(row) for row in profiles.items()] or False

    def _video_profile(self):
        """What to ask this connection for a video link with; "" where it makes none."""
        self.ensure_one()
        account = self.sudo()
        if account.mode != "two_way" or not account.target_calendar_id:
            return ""
        kind = PROVIDERS[account.provider].conferencing
        if kind != "profiles":
            return kind
        return account.conferencing[0][0] if account.conferencing else ""
