"""Google's OAuth 2.0: who consented to what, and which tokens are worth something."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from ..kit import Request, Response, redirect
from . import consent
from .discovery import scopes as calendar_scopes
from .errors import oauth_error, unauthenticated
from .store import Store

SIGN_IN = {
    "openid": "Associate you with your personal info on Google",
    "email": "See your primary Google Account email address",
    "profile": "See your personal info, including any you've made public",
    "https://www.googleapis.com/auth/userinfo.email": (
        "See your primary Google Account email address"
    ),
    "https://www.googleapis.com/auth/userinfo.profile": (
        "See your personal info, including any you've made public"
    ),
}
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass
class Client:
    """A registered application; `project` is what a revocation is about."""

    id: str
    secret: str
    name: str
    project: str
    redirect_uris: tuple[str, ...] = ()
    any_loopback: bool = False

    def accepts(self, address: str) -> bool:
        if address in self.redirect_uris:
            return True
        parts = urlsplit(address)
        return self.any_loopback and parts.hostname in LOOPBACK


@dataclass
class Code:
    client: str
    user: str
    redirect_uri: str
    scopes: frozenset[str]
    challenge: str | None
    plain: bool
    refreshable: bool
    expires: datetime
    nonce: str | None


@dataclass
class Token:
    """An access or refresh token; `expires` None = it does not."""

    value: str
    refresh: bool
    client: str
    project: str
    user: str
    scopes: frozenset[str]
    expires: datetime | None


@dataclass
class Policy:
    """Switches."""

    access_lifetime: float = 3599
    code_lifetime: float = 600
    refresh_lifetime: float | None = None
    """E.g. 7 days, as for consent screens left in "Testing"."""
    rotate_refresh_tokens: bool = False
    max_refresh_tokens: int = 100


class OAuth:
    """The endpoints, and the questions that the API asks of a token."""

    def __init__(self, store: Store, clients: dict[str, Client]) -> None:
        self.store = store
        self.policy = Policy()
        self.clients = clients
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, Token] = {}
        self.grants: dict[tuple[str, str], frozenset[str]] = {}

    def known_scopes(self) -> dict[str, str]:
        return {**SIGN_IN, **calendar_scopes()}

    # ---------------------------------------------------------------------- authorize

    def authorize(self, request: Request) -> Response:
        """GET: account chooser, then consent page, then back to the client."""
        query = dict(parse_qsl(request.query_string, keep_blank_values=True))
        client, scopes = self._checked(query)
        user = query.get("authuser") or query.get("login_hint")
        if user not in self.store.users:
            return consent.account_chooser(
                client.name,
                query,
                [user for user in self.store.users.values() if not user.outside],
            )
        request.user = user
        granted = self.grants.get((user, client.project), frozenset())
        if scopes <= granted and "consent" not in query.get("prompt", "").split():
            return self._back_with_code(query, client, user, scopes)
        texts = self.known_scopes()
        return consent.consent_page(
            client.name,
            self.store.users[user],
            request.query_string,
            [(scope, texts[scope], scope in SIGN_IN) for scope in sorted(scopes)],
            warning=self.policy.refresh_lifetime is not None,
        )

    def decide(self, request: Request) -> Response:
        """POST of the consent page's form."""
        form = request.forms()
        asked_for = form.get("request", [""])[-1]
        query = dict(parse_qsl(asked_for, keep_blank_values=True))
        client, asked = self._checked(query)
        user = request.user = form.get("authuser", [""])[-1]
        if user not in self.store.users:
            raise consent.blocked(400, "invalid_request", "Nobody is signed in.")
        ticked = asked & ({*form.get("scope", ())} | {*SIGN_IN})
        if form.get("decision") != ["allow"] or not ticked:
            return self._back(query, {"error": "access_denied"})
        return self._back_with_code(query, client, user, frozenset(ticked))

    def _checked(self, query: dict[str, str]) -> tuple[Client, frozenset[str]]:
        """Client and scopes, or the error page that Google shows without redirect."""
        client = self.clients.get(query.get("client_id", ""))
        if client is None:
            raise consent.blocked(
                401, "invalid_client", "The OAuth client was not found."
            )
        if not client.accepts(query.get("redirect_uri", "")):
            raise consent.blocked(
                400,
                "redirect_uri_mismatch",
                "The redirect URI in the request does not match the ones authorized"
                " for the OAuth client.",
            )
        if query.get("response_type") != "code":
            raise consent.blocked(
                400, "invalid_request", "Required parameter is missing: response_type"
            )
        scopes = frozenset(query.get("scope", "").split())
        unknown = scopes - set(self.known_scopes())
        if unknown or not scopes:
            raise consent.blocked(
                400, "invalid_scope", f"Some requested scopes were invalid: {unknown}"
            )
        if query.get("code_challenge_method", "S256") not in ("S256", "plain"):
            raise consent.blocked(
                400, "invalid_request", "Invalid code_challenge_method"
            )
        return client, scopes

    def _back_with_code(
        self, query: dict, client: Client, user: str, scopes: frozenset[str]
    ) -> Response:
        granted = self.grants.get((user, client.project), frozenset())
        first = not any(
            token.refresh and token.user == user and token.client == client.id
            for token in self.tokens.values()
        )
        offline = query.get("access_type") == "offline"
        if query.get("include_granted_scopes") == "true":
            scopes |= granted
        self.grants[user, client.project] = granted | scopes
        code = "4/0" + secrets.token_urlsafe(32)
        self.codes[code] = Code(
            client=client.id,
            user=user,
            redirect_uri=query["redirect_uri"],
            scopes=scopes,
            challenge=query.get("code_challenge"),
            plain=query.get("code_challenge_method") == "plain",
            refreshable=offline
            and (first or "consent" in query.get("prompt", "").split()),
            expires=self._in(self.policy.code_lifetime),
            nonce=query.get("nonce"),
        )
        return self._back(query, {"code": code, "scope": " ".join(sorted(scopes))})

    def _back(self, query: dict, answer: dict) -> Response:
        if "state" in query:
            answer = {"state": query["state"], **answer}
        address = query["redirect_uri"]
        return redirect(address + ("&" if "?" in address else "?") + urlencode(answer))

    # -------------------------------------------------------------------------- token

    def token(self, request: Request) -> Response:
        form = request.form()
        client = self._client(request, form)
        kind = form.get("grant_type")
        grants: dict[str | None, Callable] = {
            "authorization_code": self._exchange,
            "refresh_token": self._refresh,
        }
        if kind not in grants:
            raise oauth_error(
                400, "unsupported_grant_type", f"Invalid grant_type: {kind}"
            )
        answer = grants[kind](request, client, form)
        return Response(200, answer, headers={"Cache-Control": "no-store"})

    def _client(self, request: Request, form: dict[str, str]) -> Client:
        """Client credentials as HTTP Basic or in the body."""
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        header = request.header("Authorization") or ""
        if header.startswith("Basic "):
            try:
                pair = base64.b64decode(header[6:]).decode().split(":", 1)
                name, secret = (unquote(part) for part in pair)
            except ValueError:
                raise oauth_error(401, "invalid_client", "Unauthorized") from None
        client = self.clients.get(name)
        if client is None:
            raise oauth_error(401, "invalid_client", "The OAuth client was not found.")
        if not hmac.compare_digest(client.secret.encode(), secret.encode()):
            raise oauth_error(401, "invalid_client", "Unauthorized")
        return client

    def _exchange(self, request: Request, client: Client, form: dict) -> dict:
        code = self.codes.pop(form.get("code", ""), None)  # a code works once
        if code is None or code.client != client.id:
            raise oauth_error(400, "invalid_grant", "Malformed auth code.")
        request.user = code.user
        if code.expires < self.store.clock.now():
            raise oauth_error(400, "invalid_grant", "Bad Request")
        if form.get("redirect_uri") != code.redirect_uri:
            raise oauth_error(400, "redirect_uri_mismatch", "Bad Request")
        self._verify(code, form.get("code_verifier"))
        answer = self._issue(client, code.user, code.scopes)
        if code.refreshable:
            answer["refresh_token"] = self._new_refresh(client, code.user, code.scopes)
            if self.policy.refresh_lifetime:
                answer["refresh_token_expires_in"] = int(self.policy.refresh_lifetime)
        if "openid" in code.scopes:
            answer["id_token"] = self._id_token(client, code)
        return answer

    def _verify(self, code: Code, verifier: str | None) -> None:
        """RFC 7636."""
        if code.challenge is None:
            return
        if not verifier:
            raise oauth_error(400, "invalid_grant", "Missing code verifier.")
        made = verifier
        if not code.plain:
            digest = hashlib.sha256(verifier.encode()).digest()
            made = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if not hmac.compare_digest(made, code.challenge.rstrip("=")):
            raise oauth_error(400, "invalid_grant", "Invalid code verifier.")

    def _refresh(self, request: Request, client: Client, form: dict) -> dict:
        token = self.tokens.get(form.get("refresh_token", ""))
        if token:
            request.user = token.user
        if (
            token is None
            or not token.refresh
            or token.client != client.id
            or self._expired(token)
        ):
            raise oauth_error(
                400, "invalid_grant", "Token has been expired or revoked."
            )
        scopes = token.scopes
        if form.get("scope"):
            scopes = frozenset(form["scope"].split())
            if not scopes <= token.scopes:
                raise oauth_error(400, "invalid_scope", "Bad Request")
        answer = self._issue(client, token.user, scopes)
        if self.policy.rotate_refresh_tokens:
            del self.tokens[token.value]
            answer["refresh_token"] = self._new_refresh(
                client, token.user, token.scopes
            )
        return answer

    def issue_all(self, client: Client, user: str, scopes: frozenset[str]) -> dict:
        """Access and refresh token without any page."""
        answer = self._issue(client, user, scopes)
        answer["refresh_token"] = self._new_refresh(client, user, scopes)
        return answer

    def _issue(self, client: Client, user: str, scopes: frozenset[str]) -> dict:
        """A fresh access token."""
        lifetime = self.policy.access_lifetime
        value = "ya29." + secrets.token_urlsafe(48)
        self._keep(value, False, client, user, scopes, lifetime)
        return {
            "access_token": value,
            "expires_in": int(lifetime),
            "scope": " ".join(sorted(scopes)),
            "token_type": "Bearer",
        }

    def _new_refresh(self, client: Client, user: str, scopes: frozenset[str]) -> str:
        """One more refresh token; the oldest beyond the limit dies silently."""
        value = "1//0" + secrets.token_urlsafe(48)
        self._keep(value, True, client, user, scopes, self.policy.refresh_lifetime)
        mine = [
            token
            for token in self.tokens.values()
            if token.refresh and (token.user, token.client) == (user, client.id)
        ]
        for token in mine[: -self.policy.max_refresh_tokens]:
            del self.tokens[token.value]
        return value

    def _keep(
        self,
        value: str,
        refresh: bool,
        client: Client,
        user: str,
        scopes: frozenset[str],
        lifetime: float | None,
    ) -> None:
        expires = self._in(lifetime) if lifetime is not None else None
        self.tokens[value] = Token(
            value, refresh, client.id, client.project, user, scopes, expires
        )

    def _id_token(self, client: Client, code: Code) -> str:
        """A JWT signed with the client's secret (HS256; Google signs with RS256)."""
        now = int(self.store.clock.now().timestamp())
        user = self.store.users[code.user]
        claims = {
            "iss": "https://accounts.google.com",
            "azp": client.id,
            "aud": client.id,
            "sub": user.subject,
            "iat": now,
            "exp": now + 3600,
            **self._claims(code.user, code.scopes),
        }
        if code.nonce:
            claims["nonce"] = code.nonce
        text = ".".join(
            _b64(json.dumps(part).encode())
            for part in (
                {"alg": "HS256", "typ": "JWT"},
                claims,
            )
        )
        signature = hmac.new(client.secret.encode(), text.encode(), hashlib.sha256)
        return f"{text}.{_b64(signature.digest())}"

    def _claims(self, email: str, scopes: frozenset[str]) -> dict:
        found: dict = {}
        if any(scope.endswith("email") for scope in scopes):
            found.update(email=email, email_verified=True)
        if any(scope.endswith("profile") for scope in scopes):
            found["name"] = self.store.users[email].name
        return found

    # --------------------------------------------------------------- revoke, userinfo

    def revoke(self, request: Request) -> Response:
        """Access or refresh token; the whole grant of user and project goes."""
        value = request.form().get("token") or request.arg("token") or ""
        token = self.tokens.get(value)
        if token is None or self._expired(token):
            raise oauth_error(400, "invalid_token", "Token expired or revoked")
        request.user = token.user
        self.drop_grant(token.user, token.project)
        return Response(200, {})

    def drop_grant(self, user: str, project: str) -> None:
        """What happens when a user removes the app in their Google account."""
        self.grants.pop((user, project), None)
        for token in list(self.tokens.values()):
            if (token.user, token.project) == (user, project):
                del self.tokens[token.value]

    def userinfo(self, request: Request) -> Response:
        token = self.bearer(request)
        if token is None:
            raise unauthenticated()
        user = self.store.users[token.user]
        return Response(
            200,
            {"sub": user.subject, "id": user.subject}
            | self._claims(token.user, token.scopes),
        )

    def tokeninfo(self, request: Request) -> Response:
        value = request.arg("access_token") or request.form().get("access_token", "")
        token = self.tokens.get(value)
        if token is None or token.refresh or self._expired(token):
            raise oauth_error(400, "invalid_token", "Invalid Value")
        left = (token.expires - self.store.clock.now()).total_seconds()
        return Response(
            200,
            {
                "azp": token.client,
                "aud": token.client,
                "scope": " ".join(sorted(token.scopes)),
                "expires_in": str(int(left)),
                "access_type": "offline",
                **self._claims(token.user, token.scopes),
            },
        )

    # ------------------------------------------------------------------------- asking

    def bearer(self, request: Request) -> Token | None:
        """The request's live access token."""
        header = request.header("Authorization") or ""
        value = header[7:] if header.lower().startswith("bearer ") else None
        value = value or request.arg("access_token") or request.arg("oauth_token")
        token = self.tokens.get(value or "")
        if token is None or token.refresh or self._expired(token):
            return None
        return token

    def presented(self, request: Request) -> bool:
        """Did the request carry any token at all?"""
        return bool(request.header("Authorization") or request.arg("access_token"))

    def expire(self, kind: str, user: str | None = None) -> int:
        """Make tokens of a kind (access, refresh, code) worthless; how many."""
        if kind == "code":
            found = len(self.codes)
            self.codes.clear()
            return found
        doomed = [
            token
            for token in self.tokens.values()
            if token.refresh == (kind == "refresh") and user in (None, token.user)
        ]
        for token in doomed:
            del self.tokens[token.value]
        return len(doomed)

    def _expired(self, token: Token) -> bool:
        return token.expires is not None and token.expires <= self.store.clock.now()

    def _in(self, seconds: float) -> datetime:
        return self.store.clock.now() + timedelta(seconds=seconds)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
