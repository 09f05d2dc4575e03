"""The two layers of authorisation as two pages, and the token endpoints.

First the person lets Cronofy into their calendar (and chooses how far), then they let
the application use what Cronofy knows. Conferencing has a page of the first kind only.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from simulators.kit import Refusal, Request, Response, Route, redirect

from . import pages, scopes
from .errors import grant_error, refused
from .store import (
    FREE_BUSY,
    NO_ACCESS,
    READ_WRITE,
    Authorization,
    Calendar,
    Profile,
    new_id,
)

if TYPE_CHECKING:
    from .server import CronofySimulator

CODE_LIFETIME = timedelta(minutes=5)
COOKIE = "cronofy_account"

#: what ``provider_name`` preselects: the services, and an access mode or None
HINTS = {
    "google": (("google", "gsuite"), None),
    "office365": (("office365",), None),
    "exchange": (("exchange",), None),
    "apple": (("icloud",), None),
    "outlook_com": (("outlook_com",), None),
    "live_connect": (("outlook_com",), None),
    "google_free_busy": (("google", "gsuite"), FREE_BUSY),
    "ms_graph_free_busy": (("office365",), FREE_BUSY),
    "cronofy": (None, NO_ACCESS),
}
MODE_WORDS = {
    READ_WRITE: "Read-Write: Cronofy keeps a copy of your calendar",
    FREE_BUSY: "Free/Busy: Cronofy only learns when you are busy; new events reach you "
    "as an invitation by mail",
    NO_ACCESS: "No Access: Cronofy sees nothing; new events reach you by mail",
}
CONFERENCING = {
    "zoom": "Zoom",
    "ms_teams": "Microsoft Teams",
    "google_meet": "Google Meet",
    "go_to": "GoTo",
    "webex": "Webex",
}


@dataclass
class Asking:
    """A consent that is on its way through the pages."""

    client: str
    redirect_uri: str
    scope: tuple[str, ...]
    state: str
    provider_name: str
    avoid_linking: bool
    profile: Profile | None = None


@dataclass
class Code:
    granted: Authorization
    redirect_uri: str
    expires: datetime


@dataclass
class Meeting:
    """A conferencing authorisation that is on its way."""

    sub: str
    redirect_uri: str
    provider_name: str | None


@dataclass
class Elevation:
    """A request for more rights in some calendars that is on its way."""

    client: str
    calendars: list[Calendar]
    redirect_uri: str


class OAuth:
    def __init__(self, sim: "CronofySimulator") -> None:
        self.sim = sim
        self.clear()

    def clear(self) -> None:
        self.asking: dict[str, Asking] = {}
        self.codes: dict[str, Code] = {}
        self.meetings: dict[str, Meeting] = {}
        self.elevations: dict[str, Elevation] = {}

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/oauth/authorize", self.authorize),
            Route("POST", "/oauth/authorize/calendar", self.choose),
            Route("GET", "/oauth/authorize/consent", self.consent_page),
            Route("POST", "/oauth/authorize/consent", self.consent),
            Route("POST", "/oauth/token", self.token),
            Route("POST", "/oauth/token/revoke", self.revoke),
            Route("GET", "/conferencing/authorize/{key}", self.conferencing_page),
            Route("POST", "/conferencing/authorize/{key}", self.conferencing),
            Route("GET", "/permissions/{key}", self.permissions_page),
            Route("POST", "/permissions/{key}", self.permissions),
        ]

    # layer 1: the person and Cronofy

    def authorize(self, request: Request) -> Response:
        client = request.arg("client_id", "")
        redirect_uri = request.arg("redirect_uri", "")
        if client not in self.sim.clients:
            return self._stop("Unknown application", "There is no such client_id.")
        if not self.sim.redirect_allowed(redirect_uri):
            return self._stop("Wrong address", "This redirect_uri is not permitted.")
        scope = tuple((request.arg("scope") or "").split())
        unknown = [one for one in scope if not scopes.known(one)]
        state = request.arg("state", "")
        if request.arg("response_type") != "code":
            return self._back(redirect_uri, state, error="unsupported_response_type")
        if not scope or unknown:
            return self._back(redirect_uri, state, error="invalid_scope")
        asking = Asking(
            client=client,
            redirect_uri=redirect_uri,
            scope=scope,
            state=state,
            provider_name=request.arg("provider_name") or "",
            avoid_linking=(request.arg("avoid_linking") or "").lower() == "true",
        )
        key = secrets.token_urlsafe(12)
        self.asking[key] = asking
        return Response(200, body=self._calendar_page(key, asking))

    def _calendar_page(self, key: str, asking: Asking, note: str = "") -> str:
        services, mode = HINTS.get(asking.provider_name, (None, None))
        people = [
            pages.radio(
                "profile",
                profile.id,
                f"<b>{escape(person.name)}</b> {escape(person.email)} "
                f"<span class='chip'>{escape(profile.label)}</span>",
            )
            for person in self.sim.store.people.values()
            for profile in person.profiles
            if services is None or profile.service in services
        ]
        return pages.page(
            "Connect your calendar to Cronofy",
            (f"<p role='alert'>{escape(note)}</p>" if note else "")
            + pages.form(
                "/oauth/authorize/calendar",
                pages.hidden(asking=key),
                "<fieldset><legend>Who are you, and where is your calendar?</legend>",
                *people,
                "</fieldset>",
                self._modes(asking, mode),
                pages.button("Connect calendar", "do", "connect"),
                " ",
                pages.button("Cancel", "do", "cancel", plain=True),
            ),
        )

    def _modes(self, asking: Asking, mode: str | None) -> str:
        if not scopes.OFFERS_MODES & set(asking.scope):
            return ""
        choices = [
            pages.radio("mode", name, escape(words), name == (mode or READ_WRITE))
            for name, words in MODE_WORDS.items()
        ]
        return (
            "<fieldset><legend>How much may Cronofy see?</legend>"
            + "".join(choices)
            + "</fieldset>"
        )

    def choose(self, request: Request) -> Response:
        answer = request.form()
        asking = self.asking.get(answer.get("asking", ""))
        if asking is None:
            return self._stop("Too late", "Start again from the application.")
        if answer.get("do") == "cancel":
            del self.asking[answer["asking"]]
            return self._back(asking.redirect_uri, asking.state, error="access_denied")
        mode = answer.get("mode", READ_WRITE)
        try:
            profile = self.sim.store.profile(answer.get("profile", ""))
        except ValueError:
            profile = None
        if profile is None or mode not in profile.modes:
            note = (
                "Please choose a calendar."
                if profile is None
                else (f"{profile.label} does not offer this way of access.")
            )
            page = self._calendar_page(answer["asking"], asking, note)
            return Response(200, body=page)
        profile.mode, profile.connected = mode, True
        asking.profile = profile
        return redirect(
            "/oauth/authorize/consent?" + urlencode({"asking": answer["asking"]}), 303
        )

    # layer 2: the person and the application

    def consent_page(self, request: Request) -> Response:
        key = request.arg("asking", "")
        asking = self.asking.get(key)
        if asking is None or asking.profile is None:
            return self._stop("Too late", "Start again from the application.")
        rights = sorted({scopes.WORDS[one] for one in asking.scope})
        body = (
            f"<p><b>{escape(self.sim.clients[asking.client].name)}</b> asks "
            f"{escape(asking.profile.person.name)} for permission to:</p><ul>"
            + "".join(f"<li>{escape(words)}</li>" for words in rights)
            + "</ul>"
            + pages.form(
                "/oauth/authorize/consent",
                pages.hidden(asking=key),
                pages.button("Allow", "do", "allow"),
                " ",
                pages.button("Deny", "do", "deny", plain=True),
            )
        )
        return Response(200, body=pages.page("Allow access?", body))

    def consent(self, request: Request) -> Response:
        answer = request.form()
        asking = self.asking.pop(answer.get("asking", ""), None)
        if asking is None or asking.profile is None:
            return self._stop("Too late", "Start again from the application.")
        if answer.get("do") != "allow":
            return self._back(asking.redirect_uri, asking.state, error="access_denied")
        into = None
        if not asking.avoid_linking:  # the browser's earlier account takes this one in
            into = self.sim.store.accounts.get(cookie(request, COOKIE))
        account = self.sim.store.link(asking.profile, into)
        granted = self.sim.store.authorize(
            account, asking.client, asking.scope, asking.profile
        )
        code = self.new_code(granted, asking.redirect_uri)
        response = self._back(asking.redirect_uri, asking.state, code=code)
        response.headers["Set-Cookie"] = f"{COOKIE}={account.sub}; Path=/; HttpOnly"
        return response

    def new_code(self, granted: Authorization, redirect_uri: str) -> str:
        code = secrets.token_hex(16)
        expires = self.sim.clock.now() + CODE_LIFETIME
        self.codes[code] = Code(granted, redirect_uri, expires)
        return code

    # tokens

    def token(self, request: Request) -> Response:
        data = body(request)
        client = data.get("client_id", "")
        self.check_client(client, data.get("client_secret"))
        kind = data.get("grant_type")
        if kind == "authorization_code":
            return self._exchange(client, data)
        if kind == "refresh_token":
            return self._refresh(client, data)
        raise grant_error("unsupported_grant_type")

    def check_client(self, client: str, secret: Any) -> None:
        known = self.sim.clients.get(client)
        if known is None or secret not in known.secrets:
            # 400, not 401: tests of cronofy-csharp (RevokeToken) and cronofy-ruby
            raise grant_error("invalid_client")

    def _exchange(self, client: str, data: dict) -> Response:
        code = self.codes.pop(data.get("code", ""), None)
        if (
            code is None
            or code.granted.client != client
            or code.expires < self.sim.clock.now()
            or code.redirect_uri != data.get("redirect_uri")
        ):
            errors = {"code": [{"key": "errors.unknown_or_used"}]}
            raise Refusal(Response(400, {"error": "invalid_grant", "errors": errors}))
        return self._tokens(self.token_data(code.granted))

    def _refresh(self, client: str, data: dict) -> Response:
        token = data.get("refresh_token")
        for granted in self.sim.store.authorizations:
            if granted.refresh_token == token and granted.client == client:
                if not granted.revoked:
                    if self.sim.rotating:
                        granted.refresh_token = secrets.token_hex(16)
                    data = self.token_data(granted)
                    data.pop("linking_profile", None)
                    return self._tokens(data)
        raise grant_error("invalid_grant")

    @staticmethod
    def _tokens(data: dict) -> Response:
        return Response(200, data, headers={"Cache-Control": "no-store"})

    def token_data(self, granted: Authorization) -> dict[str, Any]:
        lifetime = self.sim.token_lifetime
        # every answer has one, to be kept: tests of pycronofy, cronofy-ruby and
        # cronofy-csharp. Whether it is ever another one is not said; see ``rotating``
        data = {
            "token_type": "bearer",
            "access_token": self.sim.store.access_token(granted, lifetime),
            "expires_in": int(lifetime),
            "refresh_token": granted.refresh_token,
            "scope": " ".join(granted.scope),
        }
        if self.sim.old_tokens:  # fixtures of cronofy-ruby and cronofy-csharp
            return data
        return data | {
            "account_id": granted.account.sub,
            "sub": granted.account.sub,
            "linking_profile": {
                "provider_name": granted.profile.provider_name,
                "provider_service": granted.profile.provider_service,
                "profile_id": granted.profile.id,
                "profile_name": granted.profile.person.email,
            },
        }

    def revoke(self, request: Request) -> Response:
        """Always 200 for a known client, whatever the token is worth."""
        data = body(request)
        client = data.get("client_id", "")
        self.check_client(client, data.get("client_secret"))
        token, sub = data.get("token"), data.get("sub")
        for granted in self.sim.store.authorizations:
            if granted.client != client:
                continue
            meant = sub == granted.account.sub
            if token:
                meant = token == granted.refresh_token or token in granted.access_tokens
            if meant:
                # cronofy-csharp, RevokeTokenRequest
                granted.erased |= data.get("request_pii_erasure") is True
                self.sim.withdraw(granted)
        return Response(200)

    # conferencing

    def conferencing_request(self, sub: str, data: dict) -> str:
        """The key of the page."""
        key = secrets.token_urlsafe(12)
        self.meetings[key] = Meeting(
            sub, data["redirect_uri"], data.get("provider_name")
        )
        return key

    def conferencing_page(self, request: Request) -> Response:
        meeting = self.meetings.get(request.params["key"])
        if meeting is None:
            return self._stop("Too late", "Start again from the application.")
        choices = [
            pages.radio("provider_name", name, escape(label), name == chosen)
            for name, label in CONFERENCING.items()
            for chosen in [meeting.provider_name or "zoom"]
            if meeting.provider_name in (None, name)
        ]
        return Response(
            200,
            body=pages.page(
                "Connect your video conferencing to Cronofy",
                pages.form(
                    request.path,
                    *choices,
                    pages.button("Connect", "do", "allow"),
                    " ",
                    pages.button("Cancel", "do", "deny", plain=True),
                ),
            ),
        )

    def conferencing(self, request: Request) -> Response:
        meeting = self.meetings.pop(request.params["key"], None)
        if meeting is None:
            return self._stop("Too late", "Start again from the application.")
        answer = request.form()
        name = answer.get("provider_name", "")
        if answer.get("do") != "allow" or name not in CONFERENCING:
            return self._back(meeting.redirect_uri, "", error="access_denied")
        account = self.sim.store.accounts[meeting.sub]
        self.sim.add_conferencing_profile(account, name)
        return redirect(meeting.redirect_uri, 303)

    # more rights in some calendars: developers/api/authorization/extended-permissions

    def elevation(
        self, client: str, calendars: list[Calendar], redirect_uri: str
    ) -> str:
        """The key of the page."""
        key = secrets.token_urlsafe(12)
        self.elevations[key] = Elevation(client, calendars, redirect_uri)
        return key

    def permissions_page(self, request: Request) -> Response:
        asked = self.elevations.get(request.params["key"])
        if asked is None:
            return self._stop("Too late", "Start again from the application.")
        names = "".join(f"<li>{escape(one.name)}</li>" for one in asked.calendars)
        application = escape(self.sim.clients[asked.client].name)
        body = f"<p><b>{application}</b> asks to change everything in:</p>"
        form = pages.form(
            request.path,
            pages.button("Allow", "do", "allow"),
            " ",
            pages.button("Deny", "do", "deny", plain=True),
        )
        return Response(
            200, body=pages.page("Allow full access?", f"{body}<ul>{names}</ul>{form}")
        )

    def permissions(self, request: Request) -> Response:
        """Back to the application either way; what it is told there is not documented,
        so that it has to look."""
        asked = self.elevations.pop(request.params["key"], None)
        if asked is None:
            return self._stop("Too late", "Start again from the application.")
        if request.form().get("do") == "allow":
            self.sim.store.unrestricted |= {
                (asked.client, calendar.id) for calendar in asked.calendars
            }
        return redirect(asked.redirect_uri, 303)

    # helpers

    @staticmethod
    def _stop(title: str, text: str) -> Response:
        return Response(400, body=pages.page(title, f"<p>{escape(text)}</p>"))

    @staticmethod
    def _back(address: str, state: str, **values: str) -> Response:
        if state:
            values["state"] = state
        mark = "&" if "?" in address else "?"
        return redirect(address + mark + urlencode(values), 303)


def body(request: Request) -> dict:
    """JSON or a form, as the endpoint takes both."""
    if "json" in (request.header("content-type") or ""):
        try:
            data = request.json()
        except ValueError:
            raise grant_error("invalid_request") from None
        return data if isinstance(data, dict) else {}
    return request.form()


def cookie(request: Request, name: str) -> str:
    for part in (request.header("cookie") or "").split(";"):
        key, _sign, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def bearer(request: Request) -> str:
    kind, _blank, token = (request.header("authorization") or "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise refused(401)
    return token


def conferencing_profile(person_email: str, name: str) -> dict[str, Any]:
    return {
        "provider_name": name,
        "profile_id": new_id("pro_", 10),
        "profile_name": person_email,
        "profile_connected": True,
    }
