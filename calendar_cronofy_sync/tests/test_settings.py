"""General settings: what an administrator enters, and what never comes out again."""

from odoo.exceptions import AccessError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import ConnectCase


@tagged("post_install", "-at_install")
class TestSettings(ConnectCase):
    def parameter(self, name):
        parameters = self.env["ir.config_parameter"].sudo()
        return parameters.get_param(f"calendar_cronofy_sync.{name}")

    def save(self, **values):
        settings = self.env["res.config.settings"].with_user(self.admin).create(values)
        settings.execute()
        return settings

    def test_what_is_entered_counts(self):
        self.save(
            calendar_sync_google_client_id="g-id",
            calendar_sync_google_client_secret=" g-secret ",
            calendar_sync_cronofy_client_id="c-id",
            calendar_sync_cronofy_client_secret="c-secret",
            calendar_sync_cronofy_data_center="uk",
            calendar_sync_past_days=7,
            calendar_sync_horizon_days=90,
        )
        accounts = self.env["calendar.sync.account"]
        google = accounts._application_of("google")
        cronofy = accounts._application_of("cronofy")
        self.assertEqual((google.client_id, google.client_secret), ("g-id", "g-secret"))
        self.assertEqual(
            (cronofy.client_id, cronofy.client_secret), ("c-id", "c-secret")
        )
        self.assertEqual(self.parameter("cronofy_data_center"), "uk")
        self.assertEqual(self.parameter("past_days"), "7")
        self.assertEqual(self.parameter("horizon_days"), "90")

    def test_a_secret_goes_in_and_never_comes_out(self):
        settings = self.save(
            calendar_sync_google_client_id="g-id",
            calendar_sync_google_client_secret="g-secret",
        )
        self.assertFalse(settings.calendar_sync_google_client_secret)
        with Form(self.env["res.config.settings"].with_user(self.admin)) as form:
            self.assertFalse(form.calendar_sync_google_client_secret)
            self.assertIn("Stored", form.calendar_sync_google_secret_hint)
        self.env.flush_all()
        self.cr.execute("SELECT s::text FROM res_config_settings s")
        self.assertNotIn("g-secret", str(self.cr.fetchall()))

    def test_saving_again_keeps_the_secret(self):
        self.save(calendar_sync_google_client_id="client", calendar_sync_past_days=3)
        self.assertEqual(self.parameter("google_client_secret"), "secret")

    def test_without_a_client_there_is_no_secret(self):
        self.save(calendar_sync_google_client_id=False)
        self.assertFalse(self.parameter("google_client_secret"))
        self.assertEqual(self.parameter("cronofy_client_secret"), "secret")

    def test_the_redirect_uris_are_shown(self):
        self.env["ir.config_parameter"].set_param("web.base.url", "https://o.example/")
        settings = self.env["res.config.settings"].with_user(self.admin).create({})
        for provider in ("google", "cronofy"):
            self.assertEqual(
                settings[f"calendar_sync_{provider}_redirect_uri"],
                f"https://o.example/calendar_sync/callback/{provider}",
            )

    def test_germany_is_the_default(self):
        self.env["ir.config_parameter"].set_param(
            "calendar_cronofy_sync.cronofy_data_center", False
        )
        settings = self.env["res.config.settings"].with_user(self.admin).create({})
        self.assertEqual(settings.calendar_sync_cronofy_data_center, "de")
        self.assertEqual(settings.calendar_sync_past_days, 30)
        self.assertEqual(settings.calendar_sync_horizon_days, 365)

    @mute_logger("odoo.addons.base.models.ir_model")
    def test_users_do_not_come_here(self):
        with self.assertRaises(AccessError):
            self.env["res.config.settings"].with_user(self.ann).create({})
        with self.assertRaises(AccessError):
            self.env["ir.config_parameter"].with_user(self.ann).search([])
