"""The way to the provider's consent page and back."""

import hmac
import logging
import secrets
import time
from dataclasses import asdict, dataclass
from urllib.parse import urlencode, urlsplit

from odoo import http
from odoo.http import request

from ..calsync.errors import SyncError
from ..calsync.providers import PROVIDERS
from ..models.calendar_sync_grant import DEFAULT_MODES
from ..models.res_users import MESSAGE_KEY
from ..models.words import explain
from .methods import route

_logger = logging.getLogger(__name__)

#: seconds in which the user has to come back from the consent page
PATIENCE = 600
MODES = ("two_way", "availability")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for consent that is on its way; good for one answer."""

    state: str
    verifier: str
    user_id: int
    mode: str
    redirect_uri: str
    expires: float

    def answered_by(self, state: str, user_id: int) -> bool:
        """Does this answer belong to the request? Compared in constant time."""
        same = hmac.compare_digest(self.state.encode(), state.encode())
        return same and self.user_id == user_id and time.time() < self.expires


class CalendarSyncOAuth(http.Controller):
    @route(
        "/calendar_sync/connect/<string:provider>",
        type="http",
        auth="user",
        methods=["GET"],
        website=False,
        sitemap=False,
    )
    def connect(self, provider, mode=None, **kwargs):
        """Send the user to the provider's consent page."""
        self._check_access(provider)
        accounts = request.env["calendar.sync.account"]
        try:
            accounts._check_place(provider, request.env.user.company_id)
            app = accounts._application_of(provider)
        except SyncError as err:
            return self._failure(provider, err)
        if not app.client_id or not app.client_secret:
            return self._page("not_configured", provider)
        account = accounts._current(provider)
        if mode not in MODES:
            mode = account.mode or DEFAULT_MODES[provider]
        state = secrets.token_urlsafe(32)
        redirect_uri = self._redirect_uri(provider)
        try:
            authorization = PROVIDERS[provider].authorize(
                app,
                mode,
                redirect_uri=redirect_uri,
                state=state,
                hint=account.email or "",
            )
            asked = Asked(
                state=state,
                verifier=authorization.verifier,
                user_id=request.env.uid,
                mode=mode,
                redirect_uri=redirect_uri,
                expires=time.time() + PATIENCE,
            )
            request.env["calendar.sync.consent"]._keep(
                request.session, provider, asdict(asked)
            )
        except SyncError as err:
            return self._failure(provider, err)
        return request.redirect(authorization.url, local=False)

    @route(
        "/calendar_sync/callback/<string:provider>",
        type="http",
        auth="user",
        methods=["GET"],
        website=False,
        sitemap=False,
    )
    def callback(self, provider, state="", code="", error="", **kwargs):
        """The user comes back from the consent page."""
        self._check_access(provider)
        asked = self._take(provider)
        if not asked or not asked.answered_by(state, request.env.uid):
            return self._page("stale", provider, status=400)
        if error:
            return self._refused(provider, error)
        accounts = request.env["calendar.sync.account"]
        try:
            accounts._check_place(provider, request.env.user.company_id)
            app = accounts._application_of(provider)
            grant = PROVIDERS[provider].exchange(
                app,
                code=code,
                verifier=asked.verifier,
                redirect_uri=asked.redirect_uri,
            )
        except SyncError as err:
            return self._failure(provider, err)
        missing = PROVIDERS[provider].missing_scopes(asked.mode, grant.scopes)
        if missing:
            return self._partial(provider, asked.mode, grant)
        try:
            with accounts._conversation(provider, grant) as remote:
                email = remote.identity()
                calendars = remote.calendars()
                grant = remote.grant
        except SyncError as err:
            return self._failure(provider, err)
        account = accounts._current(provider)
        if account.email and account.email.lower() != email.lower():
            return self._page(
                "other_account", provider, account=account, email=email, status=409
            )
        account = accounts._connect(provider, asked.mode, email, grant, calendars)
        return request.redirect(f"/odoo/calendar-connections/{account.id}")

    @route(
        "/calendar_sync/conferencing/<string:provider>",
        type="http",
        auth="user",
        methods=["GET"],
        website=False,
        sitemap=False,
    )
    def conferencing(self, provider, error="", **kwargs):
        """The user comes back from the page where video services are connected.

        Nothing of the address is believed: what is connected is asked for.
        """
        self._check_access(provider)
        account = request.env["calendar.sync.account"]._current(provider)
        if not account or not account.can_confer:
            raise request.not_found()
        if error:
            return self._to_preferences(
                request.env._("No video service was connected. Nothing has changed.")
            )
        try:
            with account._connected() as remote:
                account._store_conferencing(remote.conferencing_profiles())
        except SyncError as err:
            return self._failure(provider, err)
        return request.redirect(f"/odoo/calendar-connections/{account.id}")

    @http.route(
        "/calendar_sync/permissions/<string:provider>",
        type="http",
        auth="user",
        methods=["GET"],
        website=False,
        sitemap=False,
    )
    def permissions(self, provider, **kwargs):
        """The user comes back from the page where they let Odoo change appointments
        that were made elsewhere, or did not. What they said there is asked for."""
        self._check_access(provider)
        account = request.env["calendar.sync.account"]._current(provider)
        if not account:
            raise request.not_found()
        try:
            allowed = account._look_at_permissions()
        except SyncError as err:
            return self._failure(provider, err)
        if not allowed:
            return self._to_preferences(
                request.env._(
                    "You did not allow it, so appointments that were made elsewhere "
                    "stay read-only in Odoo. Nothing has changed."
                )
            )
        return request.redirect(f"/odoo/calendar-connections/{account.id}")

    # -------------------------------------------- steps

    def _check_access(self, provider):
        """Internal users and known providers only."""
        if provider not in PROVIDERS or not request.env.user._is_internal():
            raise request.not_found()

    def _take(self, provider):
        """The waiting request for consent, which waits no longer."""
        consents = request.env["calendar.sync.consent"]
        asked = consents._take(request.session, provider)
        return asked and Asked(**asked)

    def _redirect_uri(self, provider):
        """Where the provider sends the user back to, as registered with it.

        On the machine itself any of its names will do; elsewhere it is Odoo's own
        address, whatever the browser called it.
        """
        here = urlsplit(request.httprequest.host_url)
        base = request.env["calendar.sync.account"]._base_url()
        if here.hostname in LOOPBACK and urlsplit(base).hostname in LOOPBACK:
            base = f"{here.scheme}://{here.netloc}"
        return f"{base}/calendar_sync/callback/{provider}"

    # -------------------------------------------- answers

    def _refused(self, provider, error):
        """Back to the preferences, with a word on what happened."""
        label = self._label(provider)
        if error == "access_denied":
            message = request.env._(
                "You did not give the permission, so %(provider)s is not connected. "
                "Nothing was stored.",
                provider=label,
            )
        else:
            message = request.env._(
                "%(provider)s did not grant the permission. Try again later, or ask "
                "your administrator.",
                provider=label,
            )
        return self._to_preferences(message)

    def _failure(self, provider, err):
        _logger.info("connecting %s failed: %s", provider, type(err).__name__)
        return self._to_preferences(explain(request.env, err, self._label(provider)))

    def _to_preferences(self, message):
        request.session[MESSAGE_KEY] = message
        return request.redirect("/odoo/calendar-services")

    def _partial(self, provider, mode, grant):
        """Not every box was ticked: say what does not work then, and ask again."""
        enough = not PROVIDERS[provider].missing_scopes("availability", grant.scopes)
        return self._page(
            "partial",
            provider,
            mode=mode,
            offer_availability=enough and mode != "availability",
        )

    def _page(self, name, provider, status=200, **values):
        """A page of its own for what needs explaining."""
        response = request.render(
            f"calendar_cronofy_sync.connect_{name}",
            {
                "provider": provider,
                "label": self._label(provider),
                "base_url": request.env["calendar.sync.account"]._base_url(),
                "is_system": request.env.user._is_system(),
                "connect_url": f"/calendar_sync/connect/{provider}",
                "again_url": f"/calendar_sync/connect/{provider}?"
                + urlencode({"mode": values.get("mode") or DEFAULT_MODES[provider]}),
                "login_card_classes": "o_calendar_sync_page",
                "disable_footer": True,
                **values,
            },
        )
        response.status_code = status
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def _label(self, provider):
        return request.env["calendar.sync.account"]._label_of(provider)
