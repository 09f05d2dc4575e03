"""Notifications over HTTP: who is heard, who is not, and what a flood of them costs."""

import base64
import hashlib
import hmac
import json
from types import SimpleNamespace
from unittest.mock import patch

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..calsync.providers.cronofy import HMAC_HEADER
from ..controllers import notify
from ..controllers.limit import Limit
from ..models import calendar_sync_channel as channels
from .common import ConnectMixin

GOOGLE = "/calendar_sync/notify/google"
CRONOFY = "/calendar_sync/notify/cronofy/"
#: the client secrets in force: the second one is on its way out
SECRETS = ("secret-one", "secret-two")
BODY = b'{"notification": {"type": "change"}, "channel": {"channel_id": "x"}}'


def signature(body, secret):
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def channel_of(request):
    """Where a request had notifications sent."""
    return SimpleNamespace(name=request["address"].rpartition("/")[2])


@tagged("post_install", "-at_install")
class TestNotify(ConnectMixin, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].sudo().set_param(
            "calendar_cronofy_sync.cronofy_client_secret", ",".join(SECRETS)
        )

    def setUp(self):
        super().setUp()
        self.patch(notify, "FORGED", Limit(600, 60))
        self.opener.cookies.clear()
        self.triggered = []

    def channel(self, provider="google"):
        """An open channel, and what it has to prove."""
        account = self.connect(self.ann, provider=provider).sudo()
        calendar = account.calendar_ids.filtered("is_primary")
        channel, request = self.env["calendar.sync.channel"]._prepare(calendar)
        channel.state = "open"
        self.env.flush_all()
        return channel, request

    def post(self, path, body=b"", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.url_open(path, data=body, headers=headers, method="POST")

    def google(self, name, secret, state="exists"):
        return self.post(
            GOOGLE,
            X_Goog_Channel_ID=name,
            X_Goog_Channel_Token=secret,
            X_Goog_Resource_State=state,
        )

    def heard(self, channel):
        channel.invalidate_recordset()
        return channel.notified

    # ------------------------------------------------------------ who is heard

    def test_google_is_heard_with_the_channels_secret(self):
        channel, request = self.channel()
        answer = self.google(request["channel_id"], request["secret"])
        self.assertEqual((answer.status_code, answer.text), (204, ""))
        self.assertTrue(self.heard(channel))

    def test_the_first_word_of_a_channel_starts_nothing(self):
        channel, request = self.channel()
        answer = self.google(request["channel_id"], request["secret"], "sync")
        self.assertEqual(answer.status_code, 204)
        self.assertFalse(self.heard(channel))

    @mute_logger("odoo.http")
    def test_google_is_not_heard_otherwise(self):
        channel, request = self.channel()
        other = self.env["calendar.sync.channel"].create(
            {
                "calendar_id": channel.calendar_id.id,
                "name": "a" * 32,
                "secret": "b" * 64,
            }
        )
        name, secret = request["channel_id"], request["secret"]
        for given in (
            (name, "wrong"),
            (name, ""),
            (name, secret + "x"),
            (name, secret[:-1]),
            (name, channel.secret),  # what the database holds is not what is proved
            (other.name, secret),
            ("unknown", secret),
            ("", ""),
            ("%", secret),
            (name.upper(), secret),
        ):
            with self.subTest(given=given):
                self.assertEqual(self.google(*given).status_code, 404)
        self.assertEqual(self.post(GOOGLE).status_code, 404)
        self.assertFalse(self.heard(channel))
        self.assertFalse(self.heard(other))

    def test_cronofy_is_heard_with_a_signature_of_any_secret_in_force(self):
        for secret in SECRETS:
            with self.subTest(secret=secret):
                channel, request = self.channel("cronofy")
                header = {HMAC_HEADER: f"bm9uZQ==,{signature(BODY, secret)}"}
                path = CRONOFY + channel.name
                self.assertTrue(request["address"].endswith(path))
                self.assertEqual(self.post(path, BODY, **header).status_code, 200)
                self.assertTrue(self.heard(channel))

    def test_secrets_in_force_may_be_parted_in_any_way(self):
        channel, _request = self.channel("cronofy")
        icp = self.env["ir.config_parameter"].sudo()
        for parting in (",", ", ", " ", "\n", " ,\n"):
            icp.set_param(
                "calendar_cronofy_sync.cronofy_client_secret", parting.join(SECRETS)
            )
            for secret in SECRETS:
                with self.subTest(parting=parting, secret=secret):
                    header = {HMAC_HEADER: signature(BODY, secret)}
                    answer = self.post(CRONOFY + channel.name, BODY, **header)
                    self.assertEqual(answer.status_code, 200)

    @mute_logger("odoo.http")
    def test_cronofy_is_not_heard_otherwise(self):
        channel, _request = self.channel("cronofy")
        path = CRONOFY + channel.name
        right = signature(BODY, SECRETS[0])
        for where, body, header in (
            (path, BODY, None),
            (path, BODY, ""),
            (path, BODY, signature(BODY, "")),
            (path, BODY, signature(BODY, "another secret")),
            (path, BODY + b" ", right),
            (path, b"", right),
            (CRONOFY + "unknown", BODY, signature(BODY, "another secret")),
            (CRONOFY + "unknown", BODY, None),
        ):
            with self.subTest(where=where, header=header):
                headers = {} if header is None else {HMAC_HEADER: header}
                self.assertEqual(self.post(where, body, **headers).status_code, 404)
        self.assertFalse(self.heard(channel))

    def test_a_signed_one_for_a_channel_that_is_not_known_is_answered_well(self):
        """Else it is delivered again for a day, and more of them for a closed one."""
        channel, _request = self.channel("cronofy")
        header = {HMAC_HEADER: signature(BODY, SECRETS[0])}
        for name in ("unknown", "%25", "%00", "a" * 32, "%C3%BC"):
            with self.subTest(name=name):
                answer = self.post(CRONOFY + name, BODY, **header)
                self.assertEqual((answer.status_code, answer.text), (200, ""))
        self.assertFalse(self.heard(channel))

    # ------------------------------------------------------------ who is forgotten

    def tell(self, channel, data, **more):
        body = json.dumps(data).encode()
        header = {HMAC_HEADER: signature(body, SECRETS[0])}
        return self.post(CRONOFY + channel.name, body, **header)

    def forget(self, channel, address="", kind="gdpr_requested"):
        told = {"callback_url": address} if address else {"channel_id": "chn_1"}
        return self.tell(channel, {"notification": {"type": kind}, "channel": told})

    def imported(self, account):
        """What the connection has brought, and what was made here."""
        account = account.sudo()
        events = self.env["calendar.event"].create(
            [
                {
                    "name": name,
                    "start": "2030-03-30 08:00",
                    "stop": "2030-03-30 09:00",
                    "user_id": account.user_id.id,
                    "partner_ids": [(6, 0, account.user_id.partner_id.ids)],
                }
                for name in ("Theirs", "Ours")
            ]
        )
        calendar = account.calendar_ids.filtered("is_primary")
        events.sync_link_ids.sudo().unlink()
        for event, origin in zip(events, ("remote", "odoo"), strict=True):
            self.env["calendar.sync.link"].sudo().create(
                {
                    "event_id": event.id,
                    "calendar_id": calendar.id,
                    "remote_id": f"{origin}{event.id}",
                    "origin": origin,
                    "etag": "1",
                }
            )
        run = self.env["calendar.sync.run"].sudo().create({"account_id": account.id})
        self.env["calendar.sync.run.line"].sudo().create(
            {"run_id": run.id, "kind": "created", "before": {"name": "Theirs"}}
        )
        return events

    def test_who_asks_to_be_forgotten_is_forgotten(self):
        channel, request = self.channel("cronofy")
        account = channel.account_id.sudo()
        theirs, ours = self.imported(account)
        self.env.flush_all()
        self.server.requests.clear()
        self.assertEqual(self.forget(channel, request["address"]).status_code, 200)
        self.env.invalidate_all()
        self.assertFalse(self.server.requests, "nothing is sent while Cronofy waits")
        self.assertEqual(account.state, "revoked")
        self.assertFalse(account.grant or account.email or account.next_sync)
        self.assertFalse(account.with_context(active_test=False).calendar_ids)
        self.assertFalse(account.link_ids)
        self.assertFalse(channel.exists() or theirs.exists())
        self.assertTrue(ours.exists())
        self.assertEqual(account.run_ids.line_ids.mapped("kind"), ["closed"])
        self.assertIn("asked", account.closed_note)
        self.assertIn("forget", account.attention)
        todos = self.env["mail.activity"].search([]).filtered("note")
        told = {todo.user_id for todo in todos if "forg" in str(todo.note)}
        self.assertIn(self.ann, told)
        self.assertIn(self.admin, told)
        self.assertNotIn(self.bob, told)
        # told again, there is nobody left
        self.assertEqual(self.forget(channel_of(request)).status_code, 200)

    def test_nobody_is_forgotten_for_a_notification_that_was_meant_for_another(self):
        channel, _request = self.channel("cronofy")
        elsewhere = "https://odoo.example" + CRONOFY + "f" * 32
        self.assertEqual(self.forget(channel, elsewhere).status_code, 200)
        self.env.invalidate_all()
        self.assertEqual(channel.account_id.state, "active")
        self.assertFalse(self.heard(channel))

    def test_any_other_kind_leads_to_a_look(self):
        for data in (
            {"notification": {"type": "profile_disconnected"}},
            {"notification": {"type": "verification"}, "channel": {"filters": {}}},
            {"notification": {"type": "something new"}, "channel": None},
            {"notification": "gdpr_requested"},
            {"notification": {"type": ["gdpr_requested"]}},
            ["gdpr_requested"],
            "gdpr_requested",
            None,
        ):
            with self.subTest(data=data):
                channel, _request = self.channel("cronofy")
                self.assertEqual(self.tell(channel, data).status_code, 200)
                self.assertTrue(self.heard(channel))
                self.assertEqual(channel.account_id.state, "active")

    @mute_logger("odoo.http")
    def test_without_a_client_secret_nobody_is_heard(self):
        channel, _request = self.channel("cronofy")
        for stored in ("", ",", " , "):
            self.env["ir.config_parameter"].sudo().set_param(
                "calendar_cronofy_sync.cronofy_client_secret", stored
            )
            for secret in ("", " ", ","):
                header = {HMAC_HEADER: signature(BODY, secret)}
                answer = self.post(CRONOFY + channel.name, BODY, **header)
                self.assertEqual(answer.status_code, 404)
        self.assertFalse(self.heard(channel))

    # ------------------------------------------------------------ what it costs

    def test_a_thousand_notifications_cost_one_run(self):
        channel, request = self.channel()
        with patch.object(
            type(self.env["calendar.sync.account"]), "_trigger_sync", self.note
        ):
            for _ in range(30):
                self.google(request["channel_id"], request["secret"])
            self.assertEqual(len(self.triggered), 1)
            for _ in range(970):
                channel._heard()
            self.assertEqual(len(self.triggered), 1)
            channel._listed(channel.calendar_id)
            channel._heard()
            self.assertEqual(len(self.triggered), 2)

    def note(self, *_account):
        self.triggered.append(1)

    @mute_logger("odoo.http")
    def test_a_flood_of_forged_ones_meets_a_limit_and_genuine_ones_do_not(self):
        channel, request = self.channel()
        self.patch(notify, "FORGED", Limit(5, 60))
        found = [self.google("a" * 32, "wrong").status_code for _ in range(7)]
        self.assertEqual(found, [404] * 5 + [429] * 2)
        answer = self.google(request["channel_id"], request["secret"])
        self.assertEqual(answer.status_code, 204)
        self.assertTrue(self.heard(channel))

    @mute_logger("odoo.http")
    def test_no_session_no_cookie_and_no_other_method(self):
        channel, request = self.channel("cronofy")
        self.opener.cookies.clear()
        header = {HMAC_HEADER: signature(BODY, SECRETS[0])}
        answers = [
            self.post(CRONOFY + channel.name, BODY, **header),
            self.post(CRONOFY + channel.name, BODY),
            self.google("a" * 32, "wrong"),
        ]
        for answer in answers:
            self.assertNotIn("Set-Cookie", answer.headers)
        for path in (GOOGLE, CRONOFY + channel.name):
            self.assertEqual(self.url_open(path).status_code, 405)
        large = self.post(CRONOFY + channel.name, b"x" * (notify.LONGEST + 1), **header)
        self.assertEqual(large.status_code, 413)

    def test_every_comparison_is_in_constant_time_and_always_made(self):
        """For unknown names as for wrong secrets, one comparison of equal lengths."""
        channel, request = self.channel()
        lengths = []

        def consteq(one, other):
            lengths.append((len(one), len(other)))
            return hmac.compare_digest(one, other)

        with patch.object(channels, "consteq", consteq):
            for name in (request["channel_id"], "unknown", "", None, "\x00"):
                for secret in (request["secret"], "wrong", "", None):
                    self.env["calendar.sync.channel"]._verified(name, secret)
        self.assertEqual(lengths, [(64, 64)] * 20)
