"""Revoke: what becomes of the events, of the permission and of the tokens."""

import os
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from ..calsync.errors import Unavailable
from ..calsync.providers import PROVIDERS
from ..calsync.values import Channel, Fields, RemoteEvent, When
from ..hooks import _installed_in, uninstall_hook
from ..models.calendar_event import QUIET
from ..models.calendar_sync_grant import KEY_FILE
from .common import ConnectCase


@tagged("post_install", "-at_install")
class TestRevoke(ConnectCase):
    def setUp(self):
        super().setUp()
        self.account = self.connect(self.ann)
        self.primary = self.calendar(self.account, "ann@example.com")
        self.partner = self.ann.partner_id

    def event(self, name, origin, *, account=None, **values):
        """An Odoo event with its link to a remote one that exists."""
        account = account or self.account
        primary = account.sudo().calendar_ids.filtered("is_primary")
        event = (
            self.env["calendar.event"]
            .with_context(**QUIET)
            .create(
                {
                    "name": name,
                    "start": "2030-03-30 08:00",
                    "stop": "2030-03-30 09:00",
                    "user_id": account.user_id.id,
                    "partner_ids": [(6, 0, account.user_id.partner_id.ids)],
                    **values,
                }
            )
        )
        remote_id = f"{origin}{event.id:06}"
        when = When(
            fields.Datetime.to_datetime("2030-03-30 08:00").astimezone(),
            fields.Datetime.to_datetime("2030-03-30 09:00").astimezone(),
        )
        self.server.put(
            primary.remote_id,
            RemoteEvent(remote_id=remote_id, fields=Fields(name=name, when=when)),
        )
        self.link(event, primary, remote_id, origin)
        return event

    def link(self, event, calendar, remote_id, origin):
        return (
            self.env["calendar.sync.link"]
            .sudo()
            .create(
                {
                    "event_id": event.id,
                    "calendar_id": calendar.id,
                    "remote_id": remote_id,
                    "etag": "1",
                    "origin": origin,
                }
            )
        )

    def revoke(self, events="keep", account=None):
        account = account or self.account
        wizard = (
            self.env["calendar.sync.account.revoke"]
            .with_user(account.user_id)
            .create({"account_id": account.id, "events": events})
        )
        mails = self.env["mail.mail"].search_count([])
        action = wizard.action_confirm()
        self.assertEqual(self.env["mail.mail"].search_count([]), mails, "no mail, ever")
        return action

    def test_the_tokens_and_the_permission_are_gone(self):
        self.account._needs_attention("Something.")
        action = self.revoke()
        account = self.account.sudo()
        self.assertEqual((account.state, account.next_sync), ("revoked", False))
        self.assertFalse(account.grant)
        self.assertFalse(account.attention)
        self.assertEqual(self.server.revoked, {"ann@example.com"})
        self.assertEqual(action["params"]["type"], "success")

    def test_a_run_on_its_way_is_stopped(self):
        self.account.sudo().claim = "a run"
        self.revoke()
        self.assertNotEqual(self.account.sudo().claim, "a run")

    def test_keep(self):
        ours, theirs = self.event("Ours", "odoo"), self.event("Theirs", "remote")
        self.revoke("keep")
        self.assertTrue(ours.exists() and theirs.exists())
        self.assertEqual(len(self.server.events("ann@example.com")), 2)

    def test_remove_what_came_from_there(self):
        ours, theirs = self.event("Ours", "odoo"), self.event("Theirs", "remote")
        self.revoke("remove_imported")
        self.assertTrue(ours.exists())
        self.assertFalse(theirs.exists())
        self.assertEqual(len(self.server.events("ann@example.com")), 2)

    def test_what_was_in_odoo_before_and_was_only_recognised_stays(self):
        partners = self.partner + self.bob.partner_id
        both = self.event("On both sides", "remote", partner_ids=[(6, 0, partners.ids)])
        other = self.connect(self.bob)
        self.link(both, self.calendar(other, "bob@example.com"), "copy00", "odoo")
        theirs = self.event("Theirs", "remote")
        self.env.cr.execute(
            "UPDATE calendar_event SET create_date = '2020-01-01' WHERE id = %s",
            [both.id],
        )
        both.invalidate_recordset()
        self.revoke("remove_all")
        self.assertFalse(theirs.exists())
        self.assertTrue(both.exists(), "made in Odoo")
        self.assertEqual(both.partner_ids, partners)
        self.assertEqual(len(self.server.events("ann@example.com")), 2)

    def test_what_a_colleague_kept_when_revoking_is_left(self):
        other = self.connect(self.bob)
        partners = self.partner + self.bob.partner_id
        both = self.event("Both's", "remote", partner_ids=[(6, 0, partners.ids)])
        self.link(both, self.calendar(other, "bob@example.com"), "copy00", "remote")
        other.sudo()._revoke("keep")
        self.revoke("remove_imported")
        self.assertTrue(both.exists())
        self.assertEqual(both.partner_ids, self.bob.partner_id)

    def test_what_a_colleagues_connection_brought_first_is_left(self):
        other = self.connect(self.bob)
        partners = self.partner + self.bob.partner_id
        theirs = self.event(
            "Theirs", "remote", account=other, partner_ids=[(6, 0, partners.ids)]
        )
        link = self.link(theirs, self.primary, "copy00", "remote")
        self.env.cr.execute(
            "UPDATE calendar_sync_link SET create_date = '2999-01-01' WHERE id = %s",
            [link.id],
        )
        link.invalidate_recordset()
        self.revoke("remove_imported")
        self.assertEqual(theirs.partner_ids, self.bob.partner_id)

    def test_remove_both_sides_copies(self):
        ours, theirs = self.event("Ours", "odoo"), self.event("Theirs", "remote")
        self.revoke("remove_all")
        self.assertTrue(ours.exists(), "a meeting made in Odoo stays in Odoo")
        self.assertFalse(theirs.exists())
        left = self.server.events("ann@example.com").values()
        self.assertEqual([event.fields.name for event in left], ["Theirs"])

    def test_archived_imported_events_go_as_well(self):
        theirs = self.event("Theirs", "remote", active=False)
        self.revoke("remove_imported")
        self.assertFalse(theirs.exists())

    def test_many_copies_go_in_batches(self):
        for number in range(60):
            self.event(f"Ours {number}", "odoo")
        self.server.requests.clear()
        self.revoke("remove_all")
        self.assertFalse(self.server.events("ann@example.com"))
        self.assertLessEqual(self.server.requests.count("push"), 2)

    def test_shared_with_a_connected_colleague(self):
        theirs = self.event(
            "Theirs",
            "remote",
            partner_ids=[(6, 0, (self.partner + self.bob.partner_id).ids)],
        )
        other = self.connect(self.bob)
        self.link(theirs, self.calendar(other, "bob@example.com"), "copy00", "remote")
        self.revoke("remove_imported")
        self.assertTrue(theirs.exists())
        self.assertEqual(theirs.partner_ids, self.bob.partner_id)

    def test_what_people_tied_to_something_else_stays(self):
        applicant = self.env["hr.applicant"].create({"partner_name": "Sam"})
        interview = self.event("Interview", "remote", applicant_id=applicant.id)
        todo = self.event("With activity", "remote")
        todo.activity_ids = self.env["mail.activity"].create(
            {
                "res_model_id": self.env["ir.model"]._get_id("hr.applicant"),
                "res_id": applicant.id,
                "user_id": self.ann.id,
            }
        )
        plain = self.event("Plain", "remote")
        self.revoke("remove_all")
        self.assertTrue(interview.exists() and todo.exists())
        self.assertFalse(plain.exists())

    def test_the_provider_cannot_be_reached(self):
        theirs = self.event("Theirs", "remote")
        self.event("Ours", "odoo")
        self.server.fail(Unavailable(), times=10)

        def unreachable(app, grant):
            raise Unavailable("no route to token")

        provider = type(self.account._provider())
        self.patch(provider, "revoke", staticmethod(unreachable))
        action = self.revoke("remove_all")
        account = self.account.sudo()
        self.assertEqual(account.state, "revoked")
        self.assertFalse(account.grant)
        self.assertFalse(theirs.exists())
        for words in (
            "1 of Odoo's meetings could not be deleted",
            "could not be withdrawn",
            "https://myaccount.google.com/connections",
        ):
            self.assertIn(words, account.attention)
            self.assertIn(words, action["params"]["message"])
        self.assertNotIn("token", account.attention.replace("tokens", ""))

    def test_a_permission_that_was_withdrawn_there_is_no_problem(self):
        self.server.revoked.add("ann@example.com")
        self.event("Ours", "odoo")
        action = self.revoke("keep")
        self.assertEqual(action["params"]["type"], "success")

    def test_without_the_key_it_still_ends(self):
        self.account.sudo().grant = "damaged"
        self.revoke("remove_all")
        self.assertEqual(self.account.state, "revoked")
        self.assertIn("could not be withdrawn", self.account.attention)

    def test_two_users_on_one_remote_account(self):
        other = self.connect(self.bob, email="ANN@example.com")
        self.server.revoked.clear()
        self.revoke(account=self.account)
        self.assertFalse(self.server.revoked, "bob still needs the permission")
        self.assertIn("The permission stays", self.account.closed_note)
        self.assertFalse(self.account.sudo().grant)
        self.assertEqual(other.state, "active")
        self.revoke(account=other)
        self.assertTrue(self.server.revoked, "the last one withdraws it")
        self.assertIn("Permission withdrawn.", other.closed_note)

    def test_an_address_that_only_looks_alike(self):
        self.server.add_account("a_n@example.com")
        account = self.connect(self.colleague, email="a_n@example.com")
        self.revoke(account=account)
        self.assertEqual(self.server.revoked, {"a_n@example.com"})

    def test_the_same_account_at_another_provider_does_not_count(self):
        self.connect(self.bob, provider="cronofy", email="ann@example.com")
        self.revoke()
        self.assertEqual(self.server.revoked, {"ann@example.com"})

    def test_uninstalling_withdraws_every_permission(self):
        self.connect(self.bob)
        self.account.sudo().grant = "damaged"
        with self.assertLogs(
            "odoo.addons.calendar_cronofy_sync.hooks", "WARNING"
        ) as log:
            uninstall_hook(self.env)
        self.assertEqual(self.server.revoked, {"bob@example.com"})
        self.assertIn(str(self.account.id), log.output[0])
        parameters = self.env["ir.config_parameter"].sudo()
        self.assertFalse(
            parameters.search([("key", "=like", "calendar_cronofy_sync.%")])
        )

    def test_uninstalling_leaves_no_to_do_and_no_key(self):
        self.account.sudo()._needs_attention("Something is wrong.")
        activity = self.account.sudo().attention_activity_id
        self.assertTrue(activity)
        self.account.sudo().state = "revoked"
        with (
            self.data_dir() as folder,
            patch("odoo.addons.calendar_cronofy_sync.hooks._installed_in") as installed,
        ):
            path = os.path.join(folder, KEY_FILE)
            for elsewhere, left in ((True, True), (False, False)):
                with open(path, "w") as file:
                    file.write("key")
                installed.return_value = elsewhere
                uninstall_hook(self.env)
                self.env.cr.postcommit.run()
                self.assertEqual(os.path.exists(path), left)
        self.assertFalse(activity.exists())

    def test_a_database_that_cannot_be_asked_may_need_the_key(self):
        self.assertTrue(_installed_in(self.env.cr.dbname))
        self.assertFalse(_installed_in("postgres"), "that is none of Odoo's")
        self.assertTrue(_installed_in("there is none of this name"))

    def test_uninstalling_asks_a_silent_provider_once(self):
        self.connect(self.bob)
        self.server.add_account("cy@example.com")
        self.connect(self.colleague, provider="cronofy", email="cy@example.com")
        google, asked = type(self.account._provider()), []

        def revoke(app, grant):
            asked.append(grant.refresh_token)
            raise Unavailable

        silent = type("Silent", (google,), {"revoke": staticmethod(revoke)})
        self.startPatcher(patch.dict(PROVIDERS, google=silent))
        with self.assertLogs(
            "odoo.addons.calendar_cronofy_sync.hooks", "WARNING"
        ) as log:
            uninstall_hook(self.env)
        self.assertEqual(len(asked), 1)
        self.assertEqual(len(log.output), 2, "both are named")
        self.assertEqual(self.server.revoked, {"cy@example.com"})

    def test_a_silent_provider_is_asked_to_end_one_channel(self):
        channels = self.env["calendar.sync.channel"].sudo()
        for calendar in self.account.sudo().calendar_ids:
            channel, _request = channels._prepare(calendar)
            channel._opened(Channel(channel_id=channel.name))
        self.server.fail(Unavailable(), "unwatch", times=9)
        self.server.requests.clear()
        self.assertFalse(self.account.sudo()._silence())
        self.assertEqual(self.server.requests, ["unwatch"])
        self.assertFalse(channels.search([("account_id", "=", self.account.id)]))

    def test_deleting_a_user_withdraws_the_permission(self):
        self.connect(self.bob)
        self.connect(self.colleague, email="bob@example.com")
        (self.ann | self.bob).unlink()
        self.assertFalse(self.account.exists())
        self.assertFalse(self.server.revoked, "not before it is certain")
        self.env.cr.postcommit.run()
        self.assertEqual(
            self.server.revoked, {"ann@example.com"}, "the colleague needs bob's"
        )

    def test_a_deleted_users_permission_that_cannot_be_withdrawn_is_logged(self):
        def unreachable(app, grant):
            raise Unavailable

        provider = type(self.account._provider())
        self.patch(provider, "revoke", staticmethod(unreachable))
        self.ann.unlink()
        with self.assertLogs("odoo.addons.calendar_cronofy_sync", "WARNING") as log:
            self.env.cr.postcommit.run()
        self.assertIn("by hand", log.output[0])

    def test_availability_only_clears_what_an_earlier_mode_left(self):
        theirs = self.event("Theirs", "remote")
        self.account.mode = "availability"
        self.assertEqual(self.account.imported_count, 1)
        self.account.action_remove_imported()
        self.assertFalse(theirs.exists())
        self.assertEqual(self.account.imported_count, 0)
        self.assertEqual(self.account.state, "active")
