"""Who sees and changes what: one table per group."""

import inspect

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import ConnectCase

MODELS = (
    "calendar.sync.account",
    "calendar.sync.calendar",
    "calendar.sync.link",
    "calendar.sync.series",
    "calendar.sync.run",
    "calendar.sync.run.line",
)


@tagged("post_install", "-at_install")
class TestRights(ConnectCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.account = cls.connect(cls, cls.ann)
        account = cls.account.sudo()
        calendar = account.calendar_ids.filtered("is_primary")
        event = cls.env["calendar.event"].create(
            {"name": "Dentist", "start": "2026-03-30 08:00", "stop": "2026-03-30 09:00"}
        )
        env = cls.env
        env["calendar.sync.link"].create(
            {
                "calendar_id": calendar.id,
                "event_id": event.id,
                "remote_id": "dentist",
                "origin": "remote",
            }
        )
        env["calendar.sync.series"].create(
            {"calendar_id": calendar.id, "remote_id": "weekly"}
        )
        run = env["calendar.sync.run"].create({"account_id": account.id})
        env["calendar.sync.run.line"].create({"run_id": run.id, "kind": "created"})

    def test_the_owner_sees_all_of_it(self):
        for model in MODELS:
            with self.subTest(model=model):
                self.assertTrue(
                    self.env[model].with_user(self.ann).search([]), "the owner sees it"
                )

    @mute_logger("odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule")
    def test_a_colleague_sees_nothing(self):
        for model in MODELS:
            with self.subTest(model=model):
                records = self.env[model].with_user(self.colleague)
                theirs = self.env[model].search([]).with_user(self.colleague)
                self.assertFalse(records.search([]) & theirs)
                with self.assertRaises(AccessError):
                    theirs.read(["id", "create_date"])

    def test_an_administrator_sees_states_and_counts(self):
        seen = {"calendar.sync.account", "calendar.sync.run"}
        for model in MODELS:
            with self.subTest(model=model):
                found = self.env[model].with_user(self.admin).search([])
                self.assertEqual(bool(found), model in seen)
        account = self.account.with_user(self.admin)
        self.assertEqual(account.state, "active")
        self.assertEqual(account.imported_count, 1)

    def test_an_administrator_does_not_see_the_name_of_a_calendar(self):
        team = self.calendar(self.account, "ann-team")
        self.account.target_calendar_id = team
        [values] = self.account.with_user(self.admin).web_read(
            {"target_calendar_id": {"fields": {"display_name": {}}}}
        )
        self.assertNotIn("Team", str(values))
        [values] = self.account.web_read(
            {"target_calendar_id": {"fields": {"display_name": {}}}}
        )
        self.assertIn("Team", str(values))

    @mute_logger("odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule")
    def test_a_portal_user_has_no_access_at_all(self):
        for model in MODELS:
            with self.subTest(model=model), self.assertRaises(AccessError):
                self.env[model].with_user(self.portal).search([])

    @mute_logger("odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule")
    def test_what_the_owner_may_write(self):
        team = self.calendar(self.account, "ann-team")
        allowed = [
            (self.account, {"mode": "availability"}),
            (self.account, {"target_calendar_id": team.id}),
            (self.account, {"sync_private": True}),
            (self.account, {"recurrence_policy": "original"}),
            (team, {"is_source": True}),
            (team, {"is_busy": False}),
            (team, {"default_privacy": "private"}),
            (team, {"color": "#00ff00"}),
            (self.account, {"calendar_ids": [(1, team.id, {"is_busy": True})]}),
        ]
        for record, values in allowed:
            with self.subTest(values=values):
                record.write(values)
        forbidden = [
            (self.account, {"state": "active"}),
            (self.account, {"user_id": self.bob.id}),
            (self.account, {"provider": "cronofy"}),
            (self.account, {"email": "bob@example.com"}),
            (self.account, {"next_sync": False}),
            (self.account, {"attention": "x"}),
            (self.account, {"grant": "x"}),
            (self.account, {"claim": "x"}),
            (self.account, {"calendar_ids": [(0, 0, {"remote_id": "x", "name": "x"})]}),
            (self.account, {"calendar_ids": [(2, team.id, 0)]}),
            (self.account, {"calendar_ids": [(1, team.id, {"remote_id": "x"})]}),
            (team, {"remote_id": "bob@example.com"}),
            (team, {"account_id": self.account.id}),
            (team, {"access_role": "owner"}),
            (team, {"active": False}),
            (team, {"sync_token": "x"}),
        ]
        for record, values in forbidden:
            with self.subTest(values=values), self.assertRaises(AccessError):
                record.write(values)

    @mute_logger("odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule")
    def test_nobody_creates_or_deletes_by_hand(self):
        for user in (self.ann, self.admin):
            with self.subTest(user=user.login):
                with self.assertRaises(AccessError):
                    self.env["calendar.sync.account"].with_user(user).create(
                        {"user_id": user.id, "provider": "google"}
                    )
                with self.assertRaises(AccessError):
                    self.account.with_user(user).unlink()

    @mute_logger("odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule")
    def test_only_the_owner_acts(self):
        actions = (
            "action_activate",
            "action_sync_now",
            "action_pause",
            "action_resume",
            "action_refresh_calendars",
            "action_create_target",
            "action_let_go",
            "action_remove_imported",
            "action_revoke",
        )
        for user in (self.colleague, self.admin):
            for action in actions:
                with (
                    self.subTest(user=user.login, action=action),
                    self.assertRaises(AccessError),
                ):
                    getattr(self.account.with_user(user), action)()

    @mute_logger("odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule")
    def test_only_the_owner_revokes(self):
        for user in (self.colleague, self.admin):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.env["calendar.sync.account.revoke"].with_user(user).create(
                    {"account_id": self.account.id, "events": "remove_all"}
                ).action_confirm()
        self.assertEqual(self.account.state, "active")

    def test_what_the_addon_does_inside_is_closed_to_rpc(self):
        # names with an underscore cannot be called through RPC
        public = {
            name
            for model in type(self.account).mro()
            if "calendar_cronofy_sync" in model.__module__
            for name, value in vars(model).items()
            if inspect.isfunction(value) and not name.startswith("_")
        }
        self.assertEqual({n for n in public if not n.startswith("action_")}, {"write"})

    def test_a_revoked_connection_is_not_activated(self):
        self.account.sudo()._revoke("keep")
        for action in ("action_activate", "action_resume", "action_sync_now"):
            with self.subTest(action=action), self.assertRaises(UserError):
                getattr(self.account, action)()
