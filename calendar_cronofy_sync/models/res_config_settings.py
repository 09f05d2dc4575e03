"""General settings: the clients that an administrator registered with providers."""

from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..calsync.errors import PlaceRefused
from ..calsync.providers.cronofy import hosts as data_center_hosts
from .calendar_sync_grant import DATA_CENTER, DEFAULT_MODES
from .calendar_sync_place import PLACES

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
        PLACES,
        "Cronofy data center",
        config_parameter=f"{PREFIX}cronofy_data_center",
        default=DATA_CENTER,
    )
    calendar_sync_cronofy_place_ids = fields.Many2many(
        related="company_id.cronofy_place_ids", readonly=False
    )
    calendar_sync_cronofy_hosts = fields.Char(
        compute="_compute_calendar_sync_cronofy_hosts"
    )
    calendar_sync_past_days = fields.Integer(
        "Days back", config_parameter=f"{PREFIX}past_days", default=30
    )
    calendar_sync_horizon_days = fields.Integer(
        "Days ahead for series", config_parameter=f"{PREFIX}horizon_days", default=365
    )

    @api.depends("calendar_sync_cronofy_data_center")
    def _compute_calendar_sync_cronofy_hosts(self):
        """The only hosts to which anything is sent."""
        chosen = self.calendar_sync_cronofy_data_center or DATA_CENTER
        hosts = [urlsplit(url).netloc for url in data_center_hosts(chosen)]
        self.calendar_sync_cronofy_hosts = ", ".join(hosts)

    @api.depends_context("lang")
    def _compute_calendar_sync_hints(self):
        accounts = self.env["calendar.sync.account"]
        base = accounts._base_url()
        for provider in DEFAULT_MODES:
            stored = accounts._parameter(f"{provider}_client_secret")
            prefix = f"calendar_sync_{provider}_"
            self[prefix + "redirect_uri"] = f"{base}/calendar_sync/callback/{provider}"
            self[prefix + "secret_hint"] = (
                self.env._("Stored. Enter a new one to replace it.")
                if stored
                else self.env._("Not entered yet")
            )

    @api.model
    def default_get(self, fields_list):
        """A data center that there is not, set by other means, is shown as none."""
        values = super().default_get(fields_list)
        name = "calendar_sync_cronofy_data_center"
        if values.get(name) not in (None, False, *dict(PLACES)):
            values[name] = False
        return values

    def _check_calendar_sync_place(self):
        """The one application of this database serves all companies: its data center
        must be allowed by each."""
        accounts = self.env["calendar.sync.account"]
        # sudo: companies that the administrator is not working in have a say, too
        for company in self.env["res.company"].sudo().search([("active", "=", True)]):
            try:
                accounts._check_place("cronofy", company)
            except PlaceRefused as err:
                raise ValidationError(
                    self.env._(
                        "%(company)s does not allow calendars to be kept in this data "
                        "center of Cronofy: “%(place)s”. Choose another data center, "
                        "or allow this one.",
                        company=company.name,
                        place=dict(PLACES).get(accounts._data_center(), err.reason),
                    )
                ) from err

    def set_values(self):
        result = super().set_values()
        if self.calendar_sync_cronofy_client_id:
            self._check_calendar_sync_place()
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
