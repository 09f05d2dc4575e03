"""Which methods reach a public route: those that it names, found by looking."""

import re

from odoo import http
from odoo.tests import HttpCase, tagged

ADDON = "calendar_cronofy_sync"


@tagged("post_install", "-at_install")
class TestMethods(HttpCase):
    def test_options_is_answered_by_every_public_route_and_does_nothing(self):
        found = 0
        for address, endpoint in http._generate_routing_rules([ADDON], False):
            if endpoint.routing["auth"] != "public":
                continue
            found += 1
            with self.subTest(address=address):
                url = re.sub("<.*?>", "none", address)
                answer = self.url_open(url, method="OPTIONS")
                self.assertEqual(answer.status_code, 204)
                self.assertRegex(answer.headers["Allow"], "GET|POST")
                self.assertFalse(answer.content)
                refused = self.url_open(url, method="DELETE")
                self.assertEqual(refused.status_code, 405)
                for headers in (answer.headers, refused.headers):
                    self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
                    self.assertIn("'none'", headers["Content-Security-Policy"])
        self.assertGreaterEqual(found, 8)
