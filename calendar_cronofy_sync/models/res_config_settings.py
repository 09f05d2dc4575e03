"""General settings: the clients that an administrator registered with providers."""

from odoo import api, fields, models

from .calendar_sync_grant import DEFAULT_MODES

PREFIX = "calendar_cronofy_sync."


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    calendar_sync_google_client_id = fields.Char(
        "Google client id", config_parameter=f"{PREFIX}google_client_id"
    )
    # A secret goes in and never comes out: the field is always empty when it is shown.
    calendar_sync_google_client_secret = fields.Char("Google client secret")
    calendar_sync_google_secret_hint = fields.Char(
        compute="_compute_calendar_sync_hints"
    )
    calendar_sync_google_redirect_uri = fields.Char(
        "Google redirect URI", compute="_compute_calendar_sync_hints"
    )
    calendar_sync_cronofy_client_id = fields.Char(
        "Cronofy client id", config_parameter=f"{PREFIX}cronofy_client_id"
    )
    calendar_sync_cronofy_client_secret = fields.Char("Cronofy client secret")
    calendar_sync_cronofy_secret_hint = fields.Char(
        compute="_compute_calendar_sync_hints"
    )
    calendar_sync_cronofy_redirect_uri = fields.Char(
        "Cronofy redirect URI", compute="_compute_calendar_sync_hints"
    )
    calendar_sync_cronofy_data_center = fields.Selection(
        [
            ("de", "Germany: the data lies in the European Union"),
            ("uk", "United Kingdom"),
            ("us", "United States"),
            ("ca", "Canada"),
            ("au", "Australia"),
            ("sg", "Singapore"),
        ],
        "Cronofy data center",
        config_parameter=f"{PREFIX}cronofy_data_center",
        default="de",
    )
    calendar_sync_past_days = fields.Integer(
        "Days back", config_parameter=f"{PREFIX}past_days", default=30
    )
    calendar_sync_horizon_days = fields.Integer(
        "Days ahead for series", config_parameter=f"{PREFIX}horizon_days", default=365
    )

    @api.depends_context("lang")
    def _compute_calendar_sync_hints(self):
        accounts = self.env["calendar.sync.account"]
        base = accounts._base_url()
        for provider in DEFAULT_MODES:
            stored = accounts._application_of(provider).client_secret
            prefix = f"calendar_sync_{provider}_"
            self[prefix + "redirect_uri"] = f"{base}/calendar_sync/callback/{provider}"
            self[prefix + "secret_hint"] = (
                self.env._("Stored. Enter a new one to replace it.")
                if stored
                else self.env._("Not entered yet")
            )

    def set_values(self):
        result = super().set_values()
        icp = self.env["ir.config_parameter"].sudo()
        for provider in DEFAULT_MODES:
            name = f"{PREFIX}{provider}_client_secret"
            secret = (self[f"calendar_sync_{provider}_client_secret"] or "").strip()
            if not self[f"calendar_sync_{provider}_client_id"]:
                icp.set_param(name, False)
            elif secret:
                icp.set_param(name, secret)
        # The settings are a table of their own: the secret must not stay in it either.
        self.write({f"calendar_sync_{p}_client_secret": False for p in DEFAULT_MODES})
        return result
