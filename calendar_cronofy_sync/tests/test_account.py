"""The connection: what it starts with, what its owner may do and is told."""

import os
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo import Command, fields
from odoo.exceptions import RedirectWarning, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import config, mute_logger

from ..calsync import errors
from ..calsync.errors import AnswerLost, KeyUnavailable, Unavailable
from ..calsync.values import Grant
from ..calsync.vault import new_key
from .common import KEY, ConnectCase


@tagged("post_install", "-at_install")
class TestAccount(ConnectCase):
    def test_first_choice_of_calendars(self):
        account = self.connect(self.ann, state="setup", target_calendar_id=False)
        chosen = {c.remote_id: (c.is_source, c.is_busy) for c in account.calendar_ids}
        self.assertEqual(
            chosen,
            {
                "ann@example.com": (True, True),
                "ann-team": (False, True),
                "ann-holidays": (False, False),
            },
        )
        self.assertFalse(
            account.target_calendar_id, "the target is chosen, not guessed"
        )

    @mute_logger("odoo.sql_db")
    def test_one_connection_per_user_and_provider(self):
        self.connect(self.ann)
        with self.assertRaises(IntegrityError), self.cr.savepoint():
            self.env["calendar.sync.account"].create(
                {"user_id": self.ann.id, "provider": "google"}
            )

    def test_connecting_again_keeps_what_was_chosen(self):
        account = self.connect(self.ann, sync_private=True)
        self.calendar(account, "ann-team").is_source = True
        account.sudo().write({"state": "reconnect", "last_sync": "2026-03-29 01:00:00"})
        again = self.connect(self.ann, state="active")
        self.assertEqual(again, account)
        self.assertTrue(again.sync_private)
        self.assertTrue(self.calendar(again, "ann-team").is_source)

    def test_a_revoked_connection_to_the_same_account_comes_back(self):
        account = self.connect(self.ann)
        account.sudo()._revoke("keep")
        self.assertEqual(self.connect(self.ann), account)
        account.sudo()._revoke("keep")
        other = self.connect(self.ann, email="bob@example.com")
        self.assertNotEqual(other, account)

    def test_target_belongs_to_the_account_and_can_be_written(self):
        account, foreign = self.connect(self.ann), self.connect(self.bob)
        for calendar in (
            self.calendar(account, "ann-holidays"),
            foreign.sudo().calendar_ids[0],
        ):
            with self.assertRaises(ValidationError):
                account.target_calendar_id = calendar

    def test_activating_synchronises_at_once(self):
        account = self.connect(self.ann, state="setup")
        account.sudo().next_sync = False
        triggers = self.env["ir.cron.trigger"].sudo()
        before = triggers.search_count([])
        account.action_activate()
        self.assertEqual(account.state, "active")
        self.assertLessEqual(account.next_sync, fields.Datetime.now())
        self.assertGreater(triggers.search_count([]), before)

    def test_a_preview_goes_on_from_any_state(self):
        account = self.connect(self.ann)
        for before in ("setup", "active", "paused"):
            with self.subTest(state=before):
                account.sudo().write({"state": before, "next_sync": False})
                values = {"account_id": account.id}
                preview = self.env["calendar.sync.preview"].sudo().create(values)
                preview.with_user(self.ann).sudo(False).action_activate()
                self.assertEqual(account.state, "active")
                self.assertTrue(account.next_sync)

    def test_the_states_a_user_leads_it_through(self):
        account = self.connect(self.ann, state="setup")
        cases = [
            ("action_pause", "setup", None),
            ("action_activate", "setup", "active"),
            ("action_sync_now", "active", "active"),
            ("action_resume", "active", None),
            ("action_pause", "active", "paused"),
            ("action_sync_now", "paused", None),
            ("action_activate", "paused", None),
            ("action_resume", "paused", "active"),
        ]
        for action, before, after in cases:
            with self.subTest(action=action, state=before):
                self.assertEqual(account.state, before)
                if after is None:
                    with self.assertRaises(UserError):
                        getattr(account, action)()
                else:
                    getattr(account, action)()
                    self.assertEqual(account.state, after)

    def test_a_paused_connection_is_not_due(self):
        account = self.connect(self.ann)
        account.action_pause()
        account.sync_private = True
        self.assertFalse(account.next_sync)

    def test_changed_settings_count_at_once(self):
        account = self.connect(self.ann)
        primary, team = (
            self.calendar(account, name) for name in ("ann@example.com", "ann-team")
        )
        cases = [
            (account, {"sync_private": True}, True),
            (account, {"recurrence_policy": "original"}, True),
            (account, {"target_calendar_id": team.id}, False),
            (primary, {"default_privacy": "private"}, True),
            (primary, {"color": "#112233"}, None),
            (primary, {"is_busy": False}, None),
        ]
        for record, values, lists_again in cases:
            with self.subTest(values=values):
                account.sudo().next_sync = False
                primary.sudo().sync_token = "token"
                record.write(values)
                self.assertEqual(bool(account.next_sync), lists_again is not None)
                self.assertEqual(not primary.sudo().sync_token, bool(lists_again))

    def test_a_new_source_is_listed_completely(self):
        account = self.connect(self.ann)
        team = self.calendar(account, "ann-team")
        team.sudo().sync_token = "from before it was switched off"
        team.is_source = True
        self.assertFalse(team.sudo().sync_token)

    def test_two_way_without_the_permission_asks_for_it(self):
        account = self.connect(self.ann, mode="availability")
        account.sudo()._store_grant(Grant(refresh_token="x", scopes=("busy",)))
        account.mode = "two_way"
        self.assertEqual(account.state, "reconnect")
        self.assertIn("connect again", account.attention)
        self.assertIn("mode=two_way", account.action_reconnect()["url"])

    def test_create_a_calendar_named_odoo(self):
        account = self.connect(self.ann, target_calendar_id=False)
        account.action_create_target()
        target = account.target_calendar_id
        self.assertEqual(target.name, "Odoo")
        self.assertTrue(target.is_source)
        self.assertFalse(target.is_busy, "Odoo knows its own meetings")
        self.assertIn(target.remote_id, self.server.calendars)

    def test_the_calendar_named_odoo_is_created_once(self):
        account = self.connect(self.ann, target_calendar_id=False)
        self.server.add_calendar("ann@example.com", "lent", name="Odoo", role="writer")
        self.server.fail(AnswerLost(), "create_calendar", after=True)
        with self.assertRaises(UserError):
            account.action_create_target()
        for _click in range(2):
            account.action_create_target()
        own = [
            calendar.remote_id
            for calendar in self.server.calendars.values()
            if calendar.name == "Odoo" and calendar.remote_id != "lent"
        ]
        self.assertEqual(own, [account.target_calendar_id.remote_id])

    def test_what_goes_wrong_there_is_said_in_words(self):
        account = self.connect(self.ann)
        self.server.fail(Unavailable(), "calendars")
        with self.assertRaisesRegex(UserError, "Google does not answer"):
            account.action_refresh_calendars()

    def test_a_lost_permission_offers_to_connect_again(self):
        account = self.connect(self.ann)
        self.server.revoked.add("ann@example.com")
        with self.assertRaises(RedirectWarning) as caught:
            account.action_refresh_calendars()
        text, action, button = caught.exception.args[:3]
        self.assertIn("does not accept the permission", text)
        self.assertEqual(action["url"], "/calendar_sync/connect/google?mode=two_way")
        self.assertEqual(button, "Connect again")

    def test_the_list_of_calendars_follows_the_provider(self):
        account = self.connect(self.ann)
        team = self.calendar(account, "ann-team")
        team.write({"is_source": True})
        self.server.calendars["ann-team"].name = "Crew"
        self.server.calendars["ann-holidays"].roles.clear()
        account.action_refresh_calendars()
        self.assertEqual(team.name, "Crew")
        self.assertTrue(team.is_source)
        self.assertFalse(self.calendar(account, "ann-holidays"))
        self.assertFalse(account.attention, "nobody used the vanished one")

    def test_a_vanished_source_is_told_and_deletes_nothing(self):
        account = self.connect(self.ann)
        team = self.calendar(account, "ann-team")
        team.is_source = True
        account.target_calendar_id = team
        roles = dict(self.server.calendars["ann-team"].roles)
        self.server.calendars["ann-team"].roles.clear()
        account.action_refresh_calendars()
        self.assertTrue(team.exists())
        self.assertFalse(team.active)
        self.assertFalse(account.target_calendar_id)
        self.assertIn("not there any more", account.attention)
        self.server.calendars["ann-team"].roles.update(roles)
        account.action_refresh_calendars()
        self.assertTrue(team.active)
        self.assertFalse(team.error)

    def test_the_owner_goes_on_without_a_vanished_calendar(self):
        account = self.connect(self.ann)
        team = self.calendar(account, "ann-team")
        team.is_source = True
        link = self.env["calendar.sync.link"].sudo()
        link = link.create(
            {
                "event_id": self.env["calendar.event"].create({"name": "Lunch"}).id,
                "calendar_id": team.id,
                "remote_id": "lunch",
                "origin": "remote",
            }
        )
        self.assertFalse(account.vanished)
        self.server.calendars["ann-team"].roles.clear()
        account.action_refresh_calendars()
        account.sudo()._review()
        account.invalidate_recordset(["vanished"])
        self.assertTrue(account.vanished)
        self.assertIn("not there any more", account.attention)
        account.action_let_go()
        account.sudo()._review()
        account.invalidate_recordset(["vanished"])
        self.assertFalse(account.vanished)
        self.assertFalse(account.attention)
        self.assertTrue(link.event_id.active)

    def test_an_empty_list_is_an_outage(self):
        account = self.connect(self.ann)
        before = account.calendar_ids
        account._store_calendars([])
        self.assertEqual(account.calendar_ids, before)

    def test_attention_is_told_once_and_never_mailed(self):
        account = self.connect(self.ann)
        todo = self.env["mail.activity"].search([("user_id", "=", self.ann.id)])
        mails = self.env["mail.mail"].search_count([])
        for text in ("Something happened.", "Something happened.", "Another thing."):
            account._needs_attention(text)
        new = self.env["mail.activity"].search([("user_id", "=", self.ann.id)]) - todo
        self.assertEqual(len(new), 1)
        self.assertIn("Another thing.", new.note)
        self.assertEqual(account.attention, "Another thing.")
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)
        account._clear_attention()
        self.assertFalse(new.exists())
        self.assertFalse(account.attention)

    def test_done_and_still_the_same_is_not_told_again(self):
        account = self.connect(self.ann)
        account._needs_attention("Something happened.")
        account.sudo().attention_activity_id.action_feedback()
        account._needs_attention("Something happened.")
        self.assertFalse(
            self.env["mail.activity"].search([("user_id", "=", self.ann.id)])
        )

    def test_reconnect_keeps_everything_and_is_not_due(self):
        account = self.connect(self.ann)
        account._needs_attention("Connect again.", state="reconnect")
        self.assertEqual((account.state, account.next_sync), ("reconnect", False))
        self.assertTrue(account.calendar_ids)

    def test_every_error_has_words(self):
        account = self.connect(self.ann)
        kinds = [
            kind
            for kind in vars(errors).values()
            if isinstance(kind, type) and issubclass(kind, errors.SyncError)
        ]
        self.assertGreater(len(kinds), 10)
        for kind in kinds:
            with self.subTest(kind=kind.__name__):
                text = account._explain(kind("secret-token"))
                self.assertTrue(text.endswith("."))
                self.assertNotIn("secret-token", text)

    def test_lag_is_counted_for_active_two_way_connections(self):
        account = self.connect(self.ann)
        account.sudo().last_sync = fields.Datetime.now() - timedelta(minutes=7)
        self.assertAlmostEqual(account.lag, 7, delta=0.5)
        account.action_pause()
        self.assertEqual(account.lag, 0)

    def test_window(self):
        account = self.connect(self.ann)
        parameters = self.env["ir.config_parameter"].sudo()
        for past, ahead, days in [
            (False, False, (30, 365)),
            ("7", "90", (7, 90)),
            ("nonsense", "-3", (30, 0)),
        ]:
            parameters.set_param("calendar_cronofy_sync.past_days", past)
            parameters.set_param("calendar_cronofy_sync.horizon_days", ahead)
            window = account._window()
            self.assertEqual(
                window.horizon - window.start, timedelta(days=sum(days)), (past, ahead)
            )

    def test_the_journal_is_kept_for_days_whatever_the_parameter_says(self):
        account = self.connect(self.ann)
        for value, days in [(False, 30), ("7", 7), ("a month", 30)]:
            parameters = self.env["ir.config_parameter"].sudo()
            parameters.set_param("calendar_cronofy_sync.journal_days", value)
            self.assertEqual(account._keep_days(), days)
            account.invalidate_recordset()
            self.assertIn(f"after {days} days", account.storage_note)

    def test_a_preview_keeps_a_refreshed_token(self):
        account = self.connect(self.ann)
        provider = type(account.sudo()._provider())
        changes = provider.changes

        def refreshing(remote, *args):
            remote.grant = replace(remote.grant, access_token="fresh")
            return changes(remote, *args)

        with patch.object(provider, "changes", refreshing):
            account.action_preview()
        self.assertEqual(account.sudo()._grant().access_token, "fresh")

    def test_no_preview_without_a_permission_or_of_busy_times(self):
        account = self.connect(self.ann)
        account.sudo().grant = "damaged"
        with self.assertRaises(RedirectWarning):
            account.action_preview()
        account = self.connect(self.bob, mode="availability")
        with self.assertRaises(UserError):
            account.action_preview()

    def test_hosts_of_the_data_centers(self):
        accounts = self.env["calendar.sync.account"]
        parameters = self.env["ir.config_parameter"].sudo()
        for name in ("cronofy_api_url", "cronofy_app_url"):
            parameters.set_param(f"calendar_cronofy_sync.{name}", False)
        for zone, host in [
            (False, "-de"),
            ("de", "-de"),
            ("us", ""),
            ("uk", "-uk"),
            ("au", "-au"),
            ("ca", "-ca"),
            ("sg", "-sg"),
        ]:
            parameters.set_param("calendar_cronofy_sync.cronofy_data_center", zone)
            app = accounts._application_of("cronofy")
            self.assertEqual(app.api_url, f"https://api{host}.cronofy.com")
            self.assertEqual(app.auth_url, f"https://app{host}.cronofy.com")
            self.assertEqual(
                app.token_url, f"https://api{host}.cronofy.com/oauth/token"
            )
            self.assertEqual(
                app.revoke_url, f"https://api{host}.cronofy.com/oauth/token/revoke"
            )

    def test_hosts_of_google(self):
        parameters = self.env["ir.config_parameter"].sudo()
        for name in ("api", "auth", "token", "revoke"):
            parameters.set_param(f"calendar_cronofy_sync.google_{name}_url", False)
        app = self.env["calendar.sync.account"]._application_of("google")
        self.assertEqual(app.api_url, "https://www.googleapis.com/calendar/v3/")
        self.assertEqual(app.token_url, "https://oauth2.googleapis.com/token")

    def test_an_archived_user_stops_and_is_revoked_later(self):
        account = self.connect(self.ann)
        self.ann.with_user(self.admin).action_archive()
        self.assertEqual((account.state, account.next_sync), ("paused", False))
        account.sudo()._revoke_departed()
        self.assertEqual(account.state, "revoked")
        self.assertFalse(account.sudo().grant)
        self.assertIn("ann@example.com", self.server.revoked)
        self.assertIn("archived", account.sudo().closed_note)

    def test_a_user_who_becomes_a_portal_user_is_revoked(self):
        account = self.connect(self.ann)
        portal = self.env.ref("base.group_portal")
        self.ann.group_ids = [Command.set(portal.ids)]
        account.sudo()._revoke_departed()
        self.assertEqual(account.sudo().state, "revoked")
        self.assertIn("ann@example.com", self.server.revoked)
        self.assertIn("internal", account.sudo().closed_note)

    def watch(self, account):
        """Open a channel for the account's primary calendar."""
        account = account.sudo()
        channels = self.env["calendar.sync.channel"].sudo()
        primary = account.calendar_ids.filtered("is_primary")
        channel, request = channels._prepare(primary)
        channel._opened(account._provider().watch(primary.remote_id, **request))
        return channel

    def test_channels_end_where_nothing_is_read_any_more(self):
        account = self.connect(self.ann)
        for values, ends in (
            ({"state": "active", "mode": "two_way"}, False),
            ({"state": "active", "mode": "availability"}, True),
            ({"state": "paused", "mode": "two_way"}, True),
            ({"state": "reconnect", "mode": "two_way"}, True),
        ):
            with self.subTest(**values):
                account.sudo().write({"state": "active", "mode": "two_way"})
                channel = self.watch(account)
                account.sudo().write(values)
                account.sudo()._end_unwanted_channels()
                self.assertEqual(not channel.exists(), ends)
                self.assertEqual(not self.server.channels, ends)
                channel.exists().unlink()
                self.server.channels.clear()

    def test_channels_that_cannot_be_ended_stop_nothing(self):
        lost = self.connect(self.colleague, email="bob@example.com")
        paused, away = self.connect(self.ann), self.connect(self.bob)
        channels = [self.watch(account) for account in (lost, paused, away)]
        (lost | paused | away).sudo().write({"state": "paused"})
        lost.sudo().grant = False
        self.server.fail(Unavailable(), "unwatch", times=9)
        self.server.requests.clear()
        account = self.env["calendar.sync.account"]
        account._cron_housekeeping()
        self.assertEqual(self.server.requests, ["unwatch"], "who is silent, once")
        left = [bool(channel.exists()) for channel in channels]
        self.assertEqual(left, [False, True, True])
        self.server.mend()
        account._cron_housekeeping()
        self.assertFalse(channels[1].exists() or channels[2].exists())

    def test_what_fails_in_housekeeping_stops_nothing_else(self):
        stuck, account = self.connect(self.bob), self.connect(self.ann)
        (self.ann | self.bob).active = False
        accounts = self.env.registry["calendar.sync.account"]
        revoke = accounts._revoke

        def failing(one, *args, **options):
            if one == stuck:
                raise ZeroDivisionError
            return revoke(one, *args, **options)

        def broken(_accounts):
            raise ZeroDivisionError

        self.patch(accounts, "_revoke", failing)
        self.patch(accounts, "_prune_journal", broken)
        with self.assertLogs("odoo.addons.calendar_cronofy_sync", "ERROR") as log:
            self.env["calendar.sync.account"]._cron_housekeeping()
        self.assertEqual(len(log.records), 2)
        self.assertEqual(account.state, "revoked")
        self.assertEqual(stuck.state, "paused")

    def test_a_deleted_user_takes_the_connection_along(self):
        account = self.connect(self.colleague, email="bob@example.com")
        self.colleague.with_user(self.admin).unlink()
        self.assertFalse(account.sudo().exists())


@tagged("post_install", "-at_install")
class TestSecrets(ConnectCase):
    def test_no_token_in_any_column(self):
        account = self.connect(self.ann)
        account.sudo()._store_grant(
            Grant(access_token="A-1234", refresh_token="R-5678")
        )
        account.flush_recordset()
        self.cr.execute("SELECT a::text FROM calendar_sync_account a")
        rows = " ".join(row for (row,) in self.cr.fetchall())
        self.assertNotIn("A-1234", rows)
        self.assertNotIn("R-5678", rows)
        self.assertEqual(account.sudo()._grant().refresh_token, "R-5678")

    def test_nobody_reads_the_grant(self):
        account = self.connect(self.ann)
        for user in (self.ann, self.admin, self.colleague):
            mine = account.with_user(user)
            for call in (
                lambda mine=mine: mine.read(["grant"]),
                lambda mine=mine: mine.search_read([], ["grant"]),
                lambda mine=mine: mine.export_data(["grant"]),
                lambda mine=mine: mine.search([("grant", "like", "g")]),
                lambda mine=mine: mine.formatted_read_group([], ["grant"]),
                lambda mine=mine: mine.web_read({"grant": {}}),
            ):
                # AccessError is one, too; who may not export at all is told that
                with self.subTest(user=user.login), self.assertRaises(UserError):
                    call()
        self.assertNotIn("grant", account.with_user(self.admin).fields_get())

    def test_a_wrong_key_asks_to_connect_again(self):
        account = self.connect(self.ann)
        with patch.dict(config.options, calendar_sync_key=new_key()):
            with self.assertRaises(KeyUnavailable):
                account._grant()
            self.assertFalse(account.sudo()._check_scopes())
            self.assertEqual(account.state, "reconnect")
            self.assertIn("key", account.attention)
            account.sudo()._store_grant(Grant(refresh_token="new"))
            self.assertEqual(account._grant().refresh_token, "new")

    def test_a_malformed_key_is_no_traceback(self):
        account = self.connect(self.ann)
        with (
            patch.dict(config.options, calendar_sync_key="not a key"),
            self.assertRaisesRegex(RedirectWarning, "key"),
        ):
            account.action_refresh_calendars()

    def test_the_key_file_is_made_once_and_closed(self):
        accounts = self.env["calendar.sync.account"]
        with self.data_dir() as folder:
            sealed = accounts._vault().seal({"a": 1})
            [name] = os.listdir(folder)
            path = os.path.join(folder, name)
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            self.assertEqual(accounts._vault().open(sealed), {"a": 1})
            self.assertEqual(os.listdir(folder), [name])

    def test_of_two_workers_that_make_a_key_the_first_one_counts(self):
        accounts = self.env["calendar.sync.account"]
        with self.data_dir() as folder:
            key = accounts._key_of_file()
            [name] = os.listdir(folder)
            self.assertEqual(accounts._create_key_file(os.path.join(folder, name)), key)

    def test_an_unwritable_data_directory_is_no_crash(self):
        accounts = self.env["calendar.sync.account"]
        with (
            patch.dict(
                config.options, calendar_sync_key="", data_dir="/nonexistent/folder"
            ),
            self.assertRaises(KeyUnavailable),
        ):
            accounts._vault()

    def test_the_key_is_changed(self):
        account = self.connect(self.ann)
        old, fresh = account.sudo().grant, new_key()
        with patch.dict(config.options, calendar_sync_key=f"{fresh}, {KEY}"):
            self.assertEqual(account.sudo()._rotate_key(), 0)
            renewed = account.sudo().grant
            account.sudo()._rotate_key()
            self.assertEqual(account.sudo().grant, renewed, "once is enough")
        self.assertNotEqual(renewed, old)
        with patch.dict(config.options, calendar_sync_key=fresh):
            self.assertEqual(account._grant().refresh_token, "ann@example.com")

    def test_housekeeping_without_a_usable_key_is_no_crash(self):
        self.connect(self.ann)
        for key in ("not a key", new_key()):
            with (
                self.subTest(key=len(key)),
                patch.dict(config.options, calendar_sync_key=key),
                self.assertLogs("odoo.addons.calendar_cronofy_sync", "WARNING"),
            ):
                self.env["calendar.sync.account"]._renew_keys()

    def test_a_grant_that_no_key_opens_is_counted_and_kept(self):
        account = self.connect(self.ann)
        kept = account.sudo().grant
        with patch.dict(config.options, calendar_sync_key=new_key()):
            self.assertEqual(account.sudo()._rotate_key(), 1)
        self.assertEqual(account.sudo().grant, kept)

    def test_a_grant_shows_no_token(self):
        account = self.connect(self.ann)
        self.assertNotIn("ann@example.com", repr(account._grant()))
        self.assertNotIn("'secret'", repr(account._application()))
