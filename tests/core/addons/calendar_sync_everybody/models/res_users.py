"""Every user has a calendar at a service in this process, and is connected to it."""

from odoo import api, fields, models

from odoo.addons.calendar_cronofy_sync.calsync.providers import PROVIDERS
from odoo.addons.calendar_cronofy_sync.calsync.providers.memory import (
    MemoryProvider,
    MemoryServer,
)
from odoo.addons.calendar_cronofy_sync.calsync.values import Grant

server = MemoryServer()


class NearbyProvider(MemoryProvider):
    """The memory provider, made as the account makes the real ones."""

    def __init__(self, app, grant, **options):
        # a new process knows nothing of those who connected in an earlier one
        if grant.refresh_token not in server.calendars:
            server.add_account(grant.refresh_token, "Europe/Brussels")
        super().__init__(server, grant.refresh_token)
        self.grant = grant


PROVIDERS["google"] = NearbyProvider


class ResUsers(models.Model):
    _inherit = "res.users"

    @api.model_create_multi
    def create(self, vals_list):
        users = super().create(vals_list)
        users.filtered(lambda user: not user.share)._connect_for_test()
        return users

    def _connect_for_test(self):
        for user in self:
            address = f"user{user.id}@example.com"
            grant = Grant(
                access_token=address,
                refresh_token=address,
                scopes=NearbyProvider.scopes("two_way"),
            )
            accounts = self.env["calendar.sync.account"].with_user(user).sudo()
            app = accounts._application_of("google")
            listed = NearbyProvider(app, grant).calendars()
            account = accounts._connect("google", "two_way", address, grant, listed)
            target = account.calendar_ids.filtered("is_primary")
            account.write(
                {
                    "target_calendar_id": target.id,
                    "state": "active",
                    "next_sync": fields.Datetime.now(),
                }
            )
