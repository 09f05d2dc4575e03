"""From the preferences to the consent page and back, over Odoo's own HTTP."""

import random
import time
from unittest.mock import patch
from urllib.parse import parse_qs, urlencode, urlsplit

from odoo.http import root
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..calsync.errors import Misconfigured, Unavailable
from ..calsync.providers import PROVIDERS
from ..controllers import oauth
from .common import ConnectMixin

CALLBACK = "/calendar_sync/callback/google"


@tagged("post_install", "-at_install")
class TestOAuth(ConnectMixin, HttpCase):
    def setUp(self):
        super().setUp()
        for user in (self.ann, self.bob, self.portal):
            user.password = f"{user.login}-password"
        self.login(self.ann)

    def login(self, user):
        self.authenticate(user.login, f"{user.login}-password")

    def get(self, path, **query):
        url = f"{path}?{urlencode(query)}" if query else path
        return self.url_open(url, allow_redirects=False)

    def ask(self, provider="google", **query):
        """Click on connect; the query with which the consent page is opened."""
        response = self.get(f"/calendar_sync/connect/{provider}", **query)
        self.assertEqual(response.status_code, 303, response.text[:500])
        target = response.headers["Location"]
        return {
            name: value for name, [value] in parse_qs(urlsplit(target).query).items()
        }

    def account(self, user=None, provider="google"):
        return self.env["calendar.sync.account"].search(
            [("user_id", "=", (user or self.ann).id), ("provider", "=", provider)]
        )

    def assertAtPreferences(self, response, *words):
        """The user is sent back to the preferences, where the message is shown once."""
        self.assertEqual(response.status_code, 303)
        self.assertTrue(
            response.headers["Location"].endswith("/odoo/calendar-services")
        )
        action = self.open_preferences()
        self.assertEqual(action["tag"], "display_notification")
        for word in words:
            self.assertIn(word, action["params"]["message"])
        self.assertEqual(action["params"]["next"]["res_model"], "res.users")
        self.assertEqual(self.open_preferences()["type"], "ir.actions.act_window")

    def open_preferences(self):
        return self.make_jsonrpc_request(
            "/web/action/run",
            {
                "action_id": self.env.ref(
                    "calendar_cronofy_sync.res_users_action_services"
                ).id
            },
        )

    # ------------------------------------------------------------ the good way

    def test_connect(self):
        asked = self.ask()
        self.assertEqual(asked["redirect_uri"], self.base_url() + CALLBACK)
        response = self.get(CALLBACK, state=asked["state"], code="ann@example.com")
        account = self.account()
        self.assertEqual(response.status_code, 303)
        self.assertTrue(
            response.headers["Location"].endswith(
                f"/odoo/calendar-connections/{account.id}"
            )
        )
        self.assertEqual(account.email, "ann@example.com")
        self.assertEqual((account.state, account.mode), ("setup", "two_way"))
        self.assertEqual(len(account.calendar_ids), 3)
        self.assertEqual(account._grant().refresh_token, "ann@example.com")

    def test_the_mode_can_be_asked_for(self):
        for provider, query, mode in [
            ("google", {"mode": "availability"}, "availability"),
            ("google", {"mode": "two_way"}, "two_way"),
            ("cronofy", {}, "availability"),
            ("cronofy", {"mode": "two_way"}, "two_way"),
        ]:
            with self.subTest(provider=provider, query=query):
                asked = self.ask(provider, **query)
                self.get(
                    f"/calendar_sync/callback/{provider}",
                    state=asked["state"],
                    code="ann@example.com",
                )
                self.assertEqual(self.account(provider=provider).mode, mode)

    def test_an_unknown_mode_is_the_usual_one(self):
        asked = self.ask(mode="'; drop table")
        self.get(CALLBACK, state=asked["state"], code="ann@example.com")
        self.assertEqual(self.account().mode, "two_way")

    def test_connecting_again_keeps_the_connection_and_its_mode(self):
        account = self.connect(self.ann, mode="availability", sync_private=True)
        account._needs_attention("Connect again.", state="reconnect")
        asked = self.ask()
        self.assertEqual(asked["login_hint"], "ann@example.com")
        self.get(CALLBACK, state=asked["state"], code="ann@example.com")
        self.assertEqual(self.account(), account)
        self.assertEqual((account.state, account.mode), ("active", "availability"))
        self.assertTrue(account.sync_private)
        self.assertFalse(account.attention)

    def test_two_tabs_for_two_providers(self):
        google, cronofy = self.ask("google"), self.ask("cronofy")
        self.get(CALLBACK, state=google["state"], code="ann@example.com")
        self.get(
            "/calendar_sync/callback/cronofy",
            state=cronofy["state"],
            code="ann@example.com",
        )
        self.assertTrue(self.account(provider="google"))
        self.assertTrue(self.account(provider="cronofy"))

    # ------------------------------------------------------------ the user says no

    def test_refused_consent_comes_back_with_a_message(self):
        asked = self.ask()
        response = self.get(CALLBACK, state=asked["state"], error="access_denied")
        self.assertAtPreferences(response, "did not give", "Google")
        self.assertFalse(self.account())

    def test_another_refusal(self):
        asked = self.ask()
        response = self.get(CALLBACK, state=asked["state"], error="org_internal")
        self.assertAtPreferences(response, "Google")

    def test_partial_consent_is_explained_and_asked_again(self):
        asked = self.ask()
        response = self.get(
            CALLBACK, state=asked["state"], code="ann@example.com partial"
        )
        self.assertEqual(response.status_code, 200)
        self.assertIn("Not every permission was given", response.text)
        self.assertIn("/calendar_sync/connect/google?mode=two_way", response.text)
        self.assertIn("mode=availability", response.text)
        self.assertFalse(self.account())

    def test_partial_consent_leaves_an_existing_connection_alone(self):
        account = self.connect(self.ann)
        asked = self.ask()
        self.get(CALLBACK, state=asked["state"], code="ann@example.com partial")
        self.assertEqual(account.state, "active")
        self.assertEqual(account._grant().scopes, ("events", "calendars", "busy"))

    def test_another_account_than_before_is_explained(self):
        account = self.connect(self.ann)
        asked = self.ask()
        response = self.get(CALLBACK, state=asked["state"], code="bob@example.com")
        self.assertEqual(response.status_code, 409)
        for text in ("ann@example.com", "bob@example.com", "revoke"):
            self.assertIn(text, response.text)
        self.assertEqual(account.email, "ann@example.com")
        self.assertEqual(account._grant().refresh_token, "ann@example.com")

    # ------------------------------------------------------------ answers nobody awaits

    def assertStale(self, response):
        self.assertEqual(response.status_code, 400)
        self.assertIn("not awaited", response.text)
        self.assertFalse(self.account())
        self.assertFalse(self.account(self.bob))

    def test_wrong_state(self):
        self.ask()
        for state in ("", "x", "ä", "\x00", "a" * 5000):
            with self.subTest(state=state[:5]):
                self.assertStale(
                    self.get(CALLBACK, state=state, code="ann@example.com")
                )

    def test_no_request_at_all(self):
        self.assertStale(self.get(CALLBACK))
        self.assertStale(self.get(CALLBACK, error="access_denied"))

    def test_a_state_is_good_once(self):
        asked = self.ask()
        self.get(CALLBACK, state=asked["state"], error="access_denied")
        self.assertStale(
            self.get(CALLBACK, state=asked["state"], code="ann@example.com")
        )

    def test_a_wrong_guess_uses_the_state_up(self):
        asked = self.ask()
        self.assertStale(self.get(CALLBACK, state="guess", code="ann@example.com"))
        self.assertStale(
            self.get(CALLBACK, state=asked["state"], code="ann@example.com")
        )

    def test_a_state_ends_after_ten_minutes(self):
        asked = self.ask()
        late = time.time() + 601
        with patch.object(oauth.time, "time", return_value=late):
            response = self.get(CALLBACK, state=asked["state"], code="ann@example.com")
        self.assertStale(response)

    def test_a_state_belongs_to_its_session(self):
        asked = self.ask()
        self.login(self.bob)
        self.assertStale(
            self.get(CALLBACK, state=asked["state"], code="bob@example.com")
        )

    def test_another_page_that_is_loading_meanwhile(self):
        """It stores the session as it was before the user asked."""
        before = root.session_store.get(self.session.sid)
        asked = self.ask()
        root.session_store.save(before)
        response = self.get(CALLBACK, state=asked["state"], error="access_denied")
        self.assertAtPreferences(response, "Google")

    def test_a_state_belongs_to_its_provider(self):
        asked = self.ask("google")
        response = self.get(
            "/calendar_sync/callback/cronofy",
            state=asked["state"],
            code="ann@example.com",
        )
        self.assertStale(response)

    def test_whatever_comes_is_answered(self):
        dice = random.Random(4711)
        alphabet = "aZ09 %&=+/\\'\"<>{}[]\x00\r\n\u00e4\u20ac\U0001f4c5\ufffe"

        def text():
            return "".join(dice.choices(alphabet, k=dice.randrange(40)))

        # not "self": Odoo's own wrapper of every route stumbles over that one
        names = ("state", "code", "error", "scope", "provider", "kwargs", "asked")
        for _round in range(300):
            asked = self.ask() if dice.random() < 0.1 else {}
            query = [(dice.choice(names), text()) for _ in range(dice.randrange(5))]
            if asked and dice.random() < 0.8:
                query.append(("state", asked["state"]))
            response = self.url_open(
                f"{CALLBACK}?{urlencode(query)}", allow_redirects=False
            )
            self.assertIn(response.status_code, (303, 400), query)
        self.assertFalse(self.account())

    # ------------------------------------------------------------ what goes wrong

    def test_a_used_code(self):
        asked = self.ask()
        response = self.get(CALLBACK, state=asked["state"], code="nobody@example.com")
        self.assertAtPreferences(response, "Google")
        self.assertFalse(self.account())

    def test_a_provider_that_does_not_answer(self):
        for verb in ("identity", "calendars"):
            with self.subTest(verb=verb):
                self.server.fail(Unavailable("token-in-the-message"), verb)
                asked = self.ask()
                response = self.get(
                    CALLBACK, state=asked["state"], code="ann@example.com"
                )
                self.assertAtPreferences(response, "does not answer")
                self.assertFalse(self.account())

    def test_a_wrong_client_is_for_the_administrator(self):
        with patch.object(
            PROVIDERS["google"], "exchange", side_effect=Misconfigured("client secret")
        ):
            asked = self.ask()
            response = self.get(CALLBACK, state=asked["state"], code="ann@example.com")
        self.assertAtPreferences(response, "administrator")

    def test_nothing_secret_in_the_log(self):
        with self.assertLogs("odoo.addons.calendar_cronofy_sync", "DEBUG") as logs:
            asked = self.ask()
            self.get(CALLBACK, state=asked["state"], code="nobody@example.com")
            asked = self.ask()
            self.get(CALLBACK, state=asked["state"], code="ann@example.com")
        text = "\n".join(logs.output)
        for secret in ("ann@example.com", "nobody@example.com", asked["state"]):
            self.assertNotIn(secret, text)

    def test_no_client_configured(self):
        self.env["ir.config_parameter"].sudo().set_param(
            "calendar_cronofy_sync.google_client_id", ""
        )
        response = self.get("/calendar_sync/connect/google")
        self.assertEqual(response.status_code, 200)
        self.assertIn("Ask your administrator", response.text)
        self.assertNotIn("/odoo/settings", response.text)
        self.admin.password = f"{self.admin.login}-password"
        self.login(self.admin)
        response = self.get("/calendar_sync/connect/google")
        self.assertIn("/odoo/settings", response.text)

    @mute_logger("odoo.http")
    def test_who_may_come_here(self):
        for path in ("connect", "callback"):
            with self.subTest(path=path, who="unknown provider"):
                self.assertEqual(
                    self.get(f"/calendar_sync/{path}/outlook").status_code, 404
                )
        self.login(self.portal)
        for path in ("connect", "callback"):
            with self.subTest(path=path, who="portal"):
                self.assertEqual(
                    self.get(f"/calendar_sync/{path}/google").status_code, 404
                )
        self.authenticate(None, None)
        for path in ("connect", "callback"):
            with self.subTest(path=path, who="nobody"):
                response = self.get(f"/calendar_sync/{path}/google")
                self.assertIn("/web/login", response.headers["Location"])
