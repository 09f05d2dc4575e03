"""Routes that only their own methods reach.

Odoo lets OPTIONS through to every route that names its methods, and calls the endpoint
for it (``ir.http._generate_routing_rules``): a link that acts by POST alone would also
act by OPTIONS, which RFC 9110 (9.2.1) calls safe and which anybody may send.
"""

from functools import wraps

from odoo import http
from odoo.http import request


def route(path, *, methods, **options):
    """:func:`odoo.http.route`, answering OPTIONS by itself: 204 and what is allowed."""

    implied = {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    allowed = ", ".join(sorted({*methods} | implied))

    def decorate(endpoint):
        @http.route(path, methods=methods, **options)
        @wraps(endpoint)
        def checked(self, *args, **params):
            if request.httprequest.method == "OPTIONS":
                response = request.make_response("", headers=[("Allow", allowed)])
                response.status_code = 204
                return response
            return endpoint(self, *args, **params)

        return checked

    return decorate
