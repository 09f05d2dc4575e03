"""Preferences, Calendar, External services: a row per provider for every user."""

from datetime import timedelta

from lxml import etree

from odoo import fields
from odoo.tests import Form, new_test_user, tagged

from .common import ConnectCase

SIMPLE = "base.view_users_form_simple_modif"
EMPLOYEE = "hr.res_users_view_form_preferences"


@tagged("post_install", "-at_install")
class TestPreferences(ConnectCase):
    def row(self, user, provider="google"):
        """What the user's own preferences say about a provider."""
        names = ("id", "email", "state", "status", "attention")
        prefix = f"calendar_sync_{provider}_"
        me = self.env["res.users"].with_user(user).browse(user.id)
        [values] = me.web_read({prefix + name: {} for name in names})
        return {name: values[prefix + name] for name in names}

    def test_nothing_connected(self):
        self.assertEqual(
            set(self.row(self.ann).values()), {False}, "nothing in any column"
        )

    def test_a_row_per_provider(self):
        google = self.connect(self.ann)
        cronofy = self.connect(self.ann, provider="cronofy", email="bob@example.com")
        self.assertEqual(self.row(self.ann)["id"], google.id)
        self.assertEqual(self.row(self.ann)["email"], "ann@example.com")
        self.assertEqual(self.row(self.ann, "cronofy")["id"], cronofy.id)

    def test_the_last_synchronisation_in_words(self):
        account = self.connect(self.ann)
        now = fields.Datetime.now()
        cases = [
            (False, "Active · not synchronised yet"),
            (now - timedelta(minutes=3), "Active · last synchronised 3 minutes ago"),
            (now - timedelta(hours=2), "Active · last synchronised 2 hours ago"),
            (now - timedelta(days=1), "Active · last synchronised 1 day ago"),
        ]
        for moment, words in cases:
            with self.subTest(words=words):
                account.sudo().last_sync = moment
                self.assertEqual(self.row(self.ann)["status"], words)

    def test_in_german_the_time_is_german(self):
        self.env["res.lang"]._activate_lang("de_DE")
        account = self.connect(self.ann).with_context(lang="de_DE")
        moment = fields.Datetime.now() - timedelta(minutes=3)
        self.assertEqual(account._ago(moment), "vor 3 Minuten")

    def test_availability_only_says_so(self):
        self.connect(self.ann, mode="availability")
        self.assertEqual(self.row(self.ann)["status"], "Active · Availability only")

    def test_attention_is_shown(self):
        account = self.connect(self.ann)
        account._needs_attention("Connect again.", state="reconnect")
        row = self.row(self.ann)
        self.assertEqual(
            (row["state"], row["attention"]), ("reconnect", "Connect again.")
        )

    def test_revoked_is_not_connected(self):
        self.connect(self.ann).sudo()._revoke("keep")
        self.assertFalse(self.row(self.ann)["id"])

    def test_what_revoking_left_to_do_is_shown(self):
        account = self.connect(self.ann).sudo()
        account._revoke("keep")
        account.attention = "Withdraw it yourself."
        row = self.row(self.ann)
        self.assertEqual(
            (row["id"], row["attention"]), (False, "Withdraw it yourself.")
        )
        self.connect(self.ann)
        self.assertFalse(self.row(self.ann)["attention"])

    def test_only_ones_own_row(self):
        self.connect(self.ann)
        ann = self.env["res.users"].with_user(self.admin).browse(self.ann.id)
        self.assertFalse(ann.calendar_sync_google_id)
        self.assertFalse(ann.calendar_sync_google_status)

    def test_settings_and_revoke_open_the_own_connection(self):
        account = self.connect(self.ann)
        self.connect(self.bob)
        me = (
            self.env["res.users"]
            .with_user(self.ann)
            .with_context(calendar_sync_provider="google")
            .browse(self.ann.id)
        )
        action = me.action_calendar_sync_settings()
        self.assertEqual(
            (action["res_model"], action["res_id"]), (account._name, account.id)
        )
        action = me.action_calendar_sync_revoke()
        self.assertEqual(action["res_model"], "calendar.sync.account.revoke")
        self.assertEqual(action["context"]["default_account_id"], account.id)
        wizard = (
            self.env[action["res_model"]]
            .with_user(self.ann)
            .with_context(**action["context"])
            .create({})
        )
        back = wizard.action_confirm()["params"]["next"]
        self.assertEqual(
            (back["res_model"], back["res_id"]), ("res.users", self.ann.id)
        )

    def test_the_rows_are_in_both_forms_of_odoo(self):
        for view in (SIMPLE, EMPLOYEE):
            with self.subTest(view=view):
                arch = (
                    self.env["res.users"]
                    .with_user(self.ann)
                    .get_view(self.env.ref(view).id, "form")["arch"]
                )
                page = etree.fromstring(arch).find(".//page[@name='calendar']")
                links = {
                    a.get("href"): a.text.strip()
                    for a in page.iter("a")
                    if a.get("invisible") == "calendar_sync_google_id"
                }
                self.assertEqual(
                    links,
                    {
                        "/calendar_sync/connect/google": (
                            "Not connected, click to connect Google"
                        )
                    },
                )

    def test_the_labels_of_other_fields_are_left_alone(self):
        # a group within a group of fields makes Odoo drop the labels of the fields
        arch = (
            self.env["res.users"]
            .with_user(self.ann)
            .get_view(self.env.ref(EMPLOYEE).id, "form")["arch"]
        )
        for group in (
            etree.fromstring(arch).find(".//page[@name='calendar']").iter("group")
        ):
            if group.get("name"):
                self.assertFalse(group.findall("group"), group.get("name"))

    def test_a_plain_user_opens_and_saves_the_preferences(self):
        self.connect(self.ann)
        for view in (SIMPLE, EMPLOYEE):
            with self.subTest(view=view):
                me = self.env["res.users"].with_user(self.ann).browse(self.ann.id)
                with Form(me, self.env.ref(view)) as form:
                    form.tz = "Europe/Vienna"
                self.assertEqual(me.tz, "Europe/Vienna")

    def test_the_way_back_opens_the_calendar_page(self):
        employee = new_test_user(self.env, "sync_employee")
        self.env["hr.employee"].create({"name": "E", "user_id": employee.id})
        for user in (self.ann, employee):
            with self.subTest(user=user.login):
                users = self.env["res.users"].with_user(user)
                action = users._calendar_services_action()
                self.assertEqual(action["res_id"], user.id)
                [(view, _kind)] = action["views"]
                arch = etree.fromstring(users.get_view(view, "form")["arch"])
                page = arch.find(".//page[@name='calendar']")
                self.assertEqual(page.get("autofocus"), "autofocus")

    def test_an_administrator_sees_the_state_on_the_users_form(self):
        self.connect(self.ann)
        # with hr installed, it is hr's officers who see this page of the form
        self.admin.group_ids += self.env.ref("hr.group_hr_user")
        users = self.env["res.users"].with_user(self.admin)
        form = self.env.ref("base.view_users_form")
        arch = etree.fromstring(users.get_view(form.id, "form")["arch"])
        shown = arch.find(".//field[@name='calendar_sync_account_ids']")
        names = [field.get("name") for field in shown.iter("field")][1:]
        self.assertEqual(names, ["provider", "mode", "state", "last_sync"])
        [values] = users.browse(self.ann.id).web_read(
            {"calendar_sync_account_ids": {"fields": dict.fromkeys(names, {})}}
        )
        [line] = values["calendar_sync_account_ids"]
        self.assertEqual((line["state"], line["mode"]), ("active", "two_way"))

    def test_the_forms_of_the_connection_work_for_their_owner(self):
        account = self.connect(self.ann)
        with Form(account) as form:
            form.sync_private = True
            form.recurrence_policy = "original"
            form.target_calendar_id = self.calendar(account, "ann-team")
            with form.calendar_ids.edit(1) as line:
                line.is_source = True
                line.default_privacy = "private"
        self.assertTrue(account.sync_private)
        self.assertEqual(account.target_calendar_id.remote_id, "ann-team")
        self.assertEqual(
            account.calendar_ids.filtered(
                lambda c: c.default_privacy == "private"
            ).mapped("is_source"),
            [True],
        )

    def test_the_form_says_what_is_stored(self):
        for provider, mode, words, absent in [
            ("google", "two_way", "Odoo stores the appointments", "Cronofy"),
            ("google", "availability", "and forgotten", "Cronofy"),
            ("cronofy", "availability", "30 days", "what both sides"),
            ("cronofy", "two_way", "90 days", "and forgotten"),
        ]:
            with self.subTest(provider=provider, mode=mode):
                account = self.connect(self.ann, provider=provider, mode=mode)
                self.assertIn(words, account.storage_note)
                self.assertNotIn(absent, account.storage_note)

    def test_a_competing_connector_is_noticed_where_there_is_one(self):
        """That it is seen where it is installed: ``tests/moving``."""
        self.assertFalse(self.connect(self.ann).competing)
        self.assertFalse(self.connect(self.bob, provider="cronofy").competing)
