"""Routes that only their own methods reach.

Odoo lets OPTIONS through to every route that names its methods, and calls the endpoint
for it (``ir.http._generate_routing_rules``): a link that acts by POST alone would also
act by OPTIONS, which RFC 9110 (9.2.1) calls safe and which anybody may send. The
refusals of other methods would come without the headers that a page here has.
"""

from functools import wraps

from odoo import http
from odoo.http import request

#: a page without anything in it
EMPTY = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


def route(path, *, methods, **options):
    """:func:`odoo.http.route` that answers OPTIONS by itself (204), and other methods
    than its own (405), both with what is allowed and nothing else."""

    implied = {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    allowed = ", ".join(sorted({*methods} | implied))

    def decorate(endpoint):
        @http.route(path, **options)
        @wraps(endpoint)
        def checked(self, *args, **params):
            method = request.httprequest.method
            if method in methods or (method == "HEAD" and "GET" in methods):
                return endpoint(self, *args, **params)
            response = request.make_response("", headers=[("Allow", allowed)])
            response.status_code = 204 if method == "OPTIONS" else 405
            response.headers.update(EMPTY)
            return response

        return checked

    return decorate
