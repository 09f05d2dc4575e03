"""Where providers tell that something changed: verified, answered at once, worked
later.

A notification says little but «look again»; whoever forges one gains nothing, and a
flood of them costs one run.
"""

from werkzeug.exceptions import TooManyRequests

from odoo import http
from odoo.http import request

from ..calsync.providers.cronofy import (
    HMAC_HEADER,
    notification,
    secrets_in,
    verified,
)
from .limit import Limit
from .methods import route

#: bytes; Google's are empty, Cronofy's some hundred
LONGEST = 64 * 1024
#: notifications that prove nothing, per address and minute; genuine ones have no limit,
#: because many users' come from few addresses
FORGED = Limit(600, 60)


class NotifyController(http.Controller):
    @route(
        "/calendar_sync/notify/google",
        type="http",
        auth="public",
        methods=["POST"],
        csrf=False,  # proves itself by the channel's secret
        save_session=False,
        max_content_length=LONGEST,
    )
    def google(self):
        headers = request.httprequest.headers
        channel = request.env["calendar.sync.channel"]._verified(
            headers.get("X-Goog-Channel-ID"), headers.get("X-Goog-Channel-Token")
        )
        if not channel:
            self._refuse()
        # "sync" only says that the channel is open
        if headers.get("X-Goog-Resource-State") != "sync":
            with channel._on_its_own() as channel:
                channel._heard()
        return request.make_response("", status=204)

    @route(
        "/calendar_sync/notify/cronofy/<string:token>",
        type="http",
        auth="public",
        methods=["POST"],
        csrf=False,  # proves itself by an HMAC with the client's secret
        save_session=False,
        max_content_length=LONGEST,
    )
    def cronofy(self, token):
        body = request.httprequest.get_data()
        accounts = request.env["calendar.sync.account"]
        secrets = secrets_in(accounts._parameter("cronofy_client_secret"))
        signed = verified(body, request.httprequest.headers.get(HMAC_HEADER), secrets)
        if not signed:
            self._refuse()
        # A channel that is not known any more is thanked for, too: whatever is not 2xx
        # is delivered again for 24 hours, and then the channel is closed (hookdeck's
        # webhook-skills, cronofy-webhooks).
        channel = request.env["calendar.sync.channel"]._named(token)
        kind, address = notification(body)
        # there is no time in it, so that it could be sent once more: to where it was
        # meant for, and nowhere else
        if channel and address.rpartition("/")[2] in ("", token):
            with channel._on_its_own() as channel:
                channel._told(kind)
        return request.make_response("", status=200)

    def _refuse(self):
        """Not ours: the same answer whatever is wrong with it."""
        if not FORGED.knock(request.httprequest.remote_addr or ""):
            raise TooManyRequests(retry_after=60)
        raise request.not_found()
