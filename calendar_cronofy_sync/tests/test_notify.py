"""Notifications over HTTP: who is heard, who is not, and what a flood of them costs."""

import base64
import hashlib
import hmac
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
                header = {HMAC_HEADER: f"bm9uZQ==, {signature(BODY, secret)}"}
                path = CRONOFY + channel.name
                self.assertTrue(request["address"].endswith(path))
                self.assertEqual(self.post(path, BODY, **header).status_code, 200)
                self.assertTrue(self.heard(channel))

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
            (CRONOFY + "unknown", BODY, right),
            (CRONOFY + "%25", BODY, right),
            (CRONOFY + "%00", BODY, right),
        ):
            with self.subTest(where=where, header=header):
                headers = {} if header is None else {HMAC_HEADER: header}
                self.assertEqual(self.post(where, body, **headers).status_code, 404)
        self.assertFalse(self.heard(channel))

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
