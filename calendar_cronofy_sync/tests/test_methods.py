"""Which methods reach a public route: those that it names, found by looking."""

from odoo import http
from odoo.tests import HttpCase, tagged

ADDON = "calendar_cronofy_sync"


@tagged("post_install", "-at_install")
class TestMethods(HttpCase):
    def test_options_is_answered_by_every_public_route_and_does_nothing(self):
        found = 0
        for address, endpoint in http._generate_routing_rules([ADDON], False):
            routing = endpoint.routing
            if routing["auth"] != "public":
                continue
            found += 1
            with self.subTest(address=address):
                url = address.replace("<string:token>", "none")
                answer = self.url_open(url, method="OPTIONS")
                self.assertEqual(answer.status_code, 204)
                named = set(routing["methods"]) - {"OPTIONS"}
                self.assertLessEqual(named, set(answer.headers["Allow"].split(", ")))
                self.assertFalse(answer.content)
        self.assertGreaterEqual(found, 8)
