"""Where the data lies: which data centers a company allows, and what is said of it."""

from markupsafe import escape

from odoo import models
from odoo.exceptions import UserError, ValidationError
from odoo.tests import HttpCase, tagged

from ..calsync.errors import PlaceRefused
from ..calsync.providers.cronofy import hosts
from ..calsync.values import RemoteCalendar
from ..models.calendar_sync_privacy import TABLES
from .common import ConnectCase, ConnectMixin


@tagged("post_install", "-at_install")
class TestPlaces(ConnectCase):
    def choose(self, code):
        self.env["ir.config_parameter"].sudo().set_param(
            "calendar_cronofy_sync.cronofy_data_center", code
        )

    def allow(self, *codes, company=None):
        places = self.env["calendar.sync.place"].search([("code", "in", codes)])
        self.assertEqual(len(places), len(codes))
        (company or self.env.company).cronofy_place_ids = places

    def settings(self, **values):
        values = {"calendar_sync_cronofy_client_id": "client", **values}
        return self.env["res.config.settings"].with_user(self.admin).create(values)

    def test_every_data_center_is_in_the_list(self):
        places = self.env["calendar.sync.place"].search([])
        for code in places.mapped("code"):
            hosts(code)
        self.assertEqual(len(places), 6)
        self.assertIn("European Union", places[0].display_name)

    def test_an_unknown_data_center_is_an_error_and_never_another_one(self):
        account = self.connect(self.ann, provider="cronofy")
        self.choose("mars")
        for provider in (account.sudo()._application, account.sudo()._provider):
            with self.assertRaises(PlaceRefused):
                provider()
        with self.assertRaisesRegex(UserError, "data center"):
            account.action_refresh_calendars()
        self.assertEqual(
            self.env["calendar.sync.account"]._application_of("google").client_id,
            "client",
            "the other provider goes on",
        )

    def test_the_settings_open_with_an_unknown_data_center(self):
        self.choose("mars")
        settings = self.settings()
        self.assertFalse(settings.calendar_sync_cronofy_data_center)
        settings.calendar_sync_cronofy_data_center = "uk"
        settings.execute()
        self.assertEqual(self.env["calendar.sync.account"]._data_center(), "uk")

    def test_a_data_center_that_is_not_allowed_cannot_be_chosen(self):
        self.allow("de", "uk")
        self.settings(calendar_sync_cronofy_data_center="uk").execute()
        with self.assertRaisesRegex(ValidationError, "United States"):
            self.settings(calendar_sync_cronofy_data_center="us").execute()

    def test_every_company_has_a_say(self):
        other = self.env["res.company"].create({"name": "Careful"})
        self.allow("de", company=other)
        with self.assertRaisesRegex(ValidationError, "Careful"):
            self.settings(calendar_sync_cronofy_data_center="uk").execute()

    def test_allowed_places_and_data_center_are_chosen_in_one_go(self):
        self.allow("de")
        uk = self.env["calendar.sync.place"].search([("code", "=", "uk")])
        self.settings(
            calendar_sync_cronofy_data_center="uk",
            calendar_sync_cronofy_place_ids=[(6, 0, uk.ids)],
        ).execute()
        self.assertEqual(self.env.company._cronofy_places(), {"uk"})

    def test_calendars_that_show_only_busy_times_all_count(self):
        account = self.connect(self.ann, provider="cronofy", mode="availability")
        account.sudo().with_context(active_test=False).calendar_ids.unlink()
        listed = [
            RemoteCalendar(remote_id=n, name=n, access_role="freeBusyReader")
            for n in ("one", "two")
        ]
        account.sudo()._store_calendars(listed)
        account.invalidate_recordset()
        self.assertEqual(account.calendar_ids.mapped("is_busy"), [True, True])

    def test_the_hosts_are_shown(self):
        settings = self.settings(calendar_sync_cronofy_data_center="de")
        self.assertEqual(
            settings.calendar_sync_cronofy_hosts,
            "api-de.cronofy.com, app-de.cronofy.com",
        )

    def test_a_connection_to_a_forbidden_place_rests_and_can_be_revoked(self):
        account = self.connect(self.ann, provider="cronofy").sudo()
        self.allow("uk")
        with self.assertRaises(PlaceRefused):
            account._provider()
        with self.assertRaisesRegex(UserError, "does not allow"):
            account.action_sync_now() and account.action_refresh_calendars()
        account._revoke("keep")
        self.assertEqual(account.state, "revoked")
        self.assertIn("ann@example.com", self.server.revoked)

    def test_the_note_names_the_place(self):
        account = self.connect(self.ann, provider="cronofy")
        self.assertIn("Germany: the data lies", account.storage_note)
        self.choose("us")
        account.invalidate_recordset()
        self.assertIn("United States", account.storage_note)

    def test_every_stored_field_is_named(self):
        account = self.connect(self.ann, provider="cronofy")
        account.mode = "two_way"
        for mode, names in TABLES.items():
            account.sudo().mode = mode
            details = str(account.storage_details)
            auto = models.MAGIC_COLUMNS
            for name in names:
                for field in self.env[name]._fields.values():
                    if field.store and field.column_type and field.name not in auto:
                        label = field._description_string(self.env)
                        self.assertIn(escape(label), details, f"{name}.{field.name}")
        self.assertIn("encrypted", details)

    def test_availability_alone_fills_no_table_of_appointments(self):
        account = self.connect(self.ann, provider="cronofy", mode="availability")
        details = str(account.storage_details)
        for name in TABLES["two_way"]:
            self.assertNotIn(f"<dt>{self.env[name]._description}</dt>", details)
            self.assertFalse(
                self.env[name].search([("account_id", "=", account.id)])
                if "account_id" in self.env[name]._fields
                else self.env[name].search([("run_id.account_id", "=", account.id)])
            )


@tagged("post_install", "-at_install")
class TestPlacesInTheBrowser(ConnectMixin, HttpCase):
    def test_connecting_to_a_forbidden_place_is_refused_with_a_word(self):
        places = self.env["calendar.sync.place"].search([("code", "=", "uk")])
        self.env.company.cronofy_place_ids = places
        self.ann.password = "ann_password_1"
        self.authenticate(self.ann.login, "ann_password_1")
        answer = self.url_open("/calendar_sync/connect/cronofy", allow_redirects=False)
        self.assertIn("/odoo/calendar-services", answer.headers["Location"])
        self.assertFalse(
            self.env["calendar.sync.account"].search([("user_id", "=", self.ann.id)])
        )
