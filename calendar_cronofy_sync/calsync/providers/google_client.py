"""How Google's libraries reach Google: the service, the connection, the token, consent.

The service is built once for each address; a connection belongs to one provider. Every
request, those for tokens included, travels over a :class:`..transport.Wire`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import httplib2
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp, Request
from google_auth_oauthlib.flow import Flow
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc

from ..errors import AuthExpired, SyncError, Unavailable
from ..transport import (
    UNREADABLE,
    Limiter,
    Reply,
    Wire,
    error_of,
    oauth_error,
    origin,
    pinned,
    shared_limiter,
)
from ..values import Application, Authorization, Grant

#: https://developers.google.com/workspace/calendar/api/guides/quota, per minute
PROJECT_QUOTA, USER_QUOTA = 10_000, 600
QUOTA_HOST = "https://www.googleapis.com"

# ----------------------------------------------------------------------- the connection


@dataclass(frozen=True)
class Service:
    """The methods of the API at one address. They are made once: it takes long."""

    base: str
    batch_uri: str
    calendar_list: Any
    calendars: Any
    channels: Any
    events: Any
    freebusy: Any


_building = threading.Lock()


def service(api_url: str) -> Service:
    with _building:
        return _built(api_url)


@lru_cache(maxsize=8)
def _built(api_url: str) -> Service:
    parts = urlsplit(api_url)
    path = parts.path.rstrip("/") or "/calendar/v3"
    root = urlunsplit(parts._replace(path=path.removesuffix("calendar/v3"), query=""))
    document = json.loads(get_static_doc("calendar", "v3"))
    document |= {"rootUrl": root, "baseUrl": root + document["servicePath"]}
    built = build_from_document(document, http=_NoHttp())
    return Service(
        base=root,
        # new_batch_http_request would ask for it at a fixed address
        batch_uri=root + document["batchPath"],
        calendar_list=built.calendarList(),
        calendars=built.calendars(),
        channels=built.channels(),
        events=built.events(),
        freebusy=built.freebusy(),
    )


def project_limiter(app: Application) -> Limiter:
    host = origin(app.api_url)
    if host != QUOTA_HOST:  # another server has its own limits, and tells them
        return shared_limiter((app.client_id, host))
    return shared_limiter(
        (app.client_id, host),
        lambda: Limiter(project=PROJECT_QUOTA, user=USER_QUOTA),
    )


class _NoHttp:
    """Where the client wants a connection long before there is one."""

    def request(self, *_args: Any, **_options: Any) -> Any:
        raise TypeError("each request is given its connection")


class Sender:
    """A :class:`..transport.Wire` where Google's libraries expect an httplib2.Http."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        #: what the next request counts in the quota
        self.cost = 1

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        **_options: Any,
    ) -> tuple[httplib2.Response, bytes]:
        reply = self._wire.send(method, uri, headers=headers, body=body, cost=self.cost)
        return httplib2.Response({**reply.headers, "status": reply.status}), reply.body

    def close(self) -> None:
        self._wire.close()


class RenewingCredentials(Credentials):
    """Google's credentials, which tell of every new token."""

    def __init__(
        self,
        app: Application,
        grant: Grant,
        sender: Sender,
        renewed: Callable[[Grant], None],
    ) -> None:
        """
        :param sender: what new tokens are fetched with, whoever asks for them
        :param renewed: called with the new grant
        """
        super().__init__(
            token=grant.access_token or None,
            refresh_token=grant.refresh_token or None,
            token_uri=app.token_url,
            client_id=app.client_id,
            client_secret=app.client_secret,
            # asking for a scope that was not granted would spoil every refresh
            scopes=None,
            expiry=grant.expiry
            and grant.expiry.astimezone(timezone.utc).replace(tzinfo=None),
        )
        self._grant, self._sender, self._renewed = grant, sender, renewed

    def refresh(self, request: Any) -> None:
        """Fetch a new token. The request is not used: see ``sender``.

        :raises AuthExpired: the grant is gone
        :raises Misconfigured: the client id or secret is wrong
        """
        request = _Overheard(self._sender)
        try:
            result = super().refresh(request)
        except RefreshError:
            raise request.meaning() from None
        except GoogleAuthError as err:
            raise Unavailable(reason=type(err).__name__) from None
        except UNREADABLE:
            # how google-auth meets an answer that is no JSON object
            raise Unavailable(reason="unreadable answer") from None
        self._grant = replace(
            self._grant,
            access_token=self.token,
            refresh_token=self.refresh_token,
            expiry=self.expiry and self.expiry.replace(tzinfo=timezone.utc),
            scopes=tuple(self.granted_scopes or self._grant.scopes),
        )
        self._renewed(self._grant)
        return result


def authorized(credentials: Credentials, sender: Sender) -> AuthorizedHttp:
    """A connection that sends the token along, renewed once if it is refused."""
    return AuthorizedHttp(credentials, http=sender, max_refresh_attempts=1)


class _Overheard:
    """What google-auth asks the token endpoint with; it keeps what was answered.

    A RefreshError tells less: for ``invalid_rapt`` it is one English sentence.
    """

    def __init__(self, sender: Sender) -> None:
        self._send = Request(sender)
        self._answer: Any = None

    def __call__(self, *args: Any, **options: Any) -> Any:
        self._answer = self._send(*args, **options)
        return self._answer

    def meaning(self) -> SyncError:
        """Why there is no new token."""
        if self._answer is None:  # nothing was sent
            return AuthExpired(reason="no refresh token")
        answer = self._answer
        return _oauth_error(Reply(answer.status, answer.headers, answer.data))


# -------------------------------------------------------------------------------- OAuth


def consent_page(
    app: Application,
    scopes: Sequence[str],
    *,
    redirect_uri: str,
    state: str,
    hint: str,
) -> Authorization:
    """Where Google asks the user, with PKCE."""
    # oauthlib refuses plain http, which a simulator on the loopback speaks
    plain = pinned(app.auth_url, app.auth_url).startswith("http://")
    config = {
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "auth_uri": "https" + app.auth_url[4:] if plain else app.auth_url,
        "token_uri": app.token_url,
    }
    flow = Flow.from_client_config(
        {"web": config},
        scopes,
        redirect_uri=redirect_uri,
        state=state,
        autogenerate_code_verifier=True,
    )
    more = {"login_hint": hint} if hint else {}
    # without the prompt a second consent brings no refresh token
    url, _ = flow.authorization_url(access_type="offline", prompt="consent", **more)
    if plain:
        url = "http" + url.removeprefix("https")
    return Authorization(url=url, verifier=flow.code_verifier)


def exchange_code(
    app: Application, *, code: str, verifier: str, redirect_uri: str
) -> Grant:
    """The grant for the code that the consent page sent back."""
    # not by Flow: it takes a partial consent for an error and refuses plain http
    answer = _post(
        app.token_url,
        grant_type="authorization_code",
        code=code,
        code_verifier=verifier,
        redirect_uri=redirect_uri,
        client_id=app.client_id,
        client_secret=app.client_secret,
    )
    if answer.status != 200:
        raise _oauth_error(answer)
    try:
        return _granted(answer.json())
    except (OverflowError, *UNREADABLE):
        raise Unavailable(reason="unreadable answer") from None


def _granted(data: dict[str, Any]) -> Grant:
    """The grant in an answer of the token endpoint."""
    if not data.get("refresh_token"):
        raise AuthExpired("Google gave no lasting permission.")
    if not all(
        isinstance(data[name], str) for name in ("access_token", "refresh_token")
    ):
        raise TypeError("a token is no text")
    lifetime = timedelta(seconds=int(data.get("expires_in", 0)))
    return Grant(
        access_token=data["access_token"],
        refresh_token=data["refresh_token"],
        expiry=datetime.now(timezone.utc) + lifetime,
        scopes=tuple(data.get("scope", "").split()),
    )


def revoke_grant(app: Application, grant: Grant) -> None:
    """Withdraw the grant; one that is gone already is a success."""
    token = grant.refresh_token or grant.access_token
    if not token:
        return
    answer = _post(app.revoke_url, token=token)
    data = _oauth_answer(answer)
    if answer.status == 200 or data.get("error") == "invalid_token":
        return
    words = (data.get("error", ""), data.get("error_description", ""))
    raise error_of(answer.status, *map(str, words))


def _oauth_error(answer: Reply) -> SyncError:
    """The meaning of a refusal by the token endpoint."""
    data = _oauth_answer(answer)
    words = (data.get("error_subtype"), data.get("error"))
    return oauth_error(answer.status, words, answer.headers.get("retry-after", ""))


def _oauth_answer(answer: Reply) -> dict[str, Any]:
    try:
        data = json.loads(answer.body)
    except UNREADABLE:
        return {}
    return data if isinstance(data, dict) else {}


def _post(url: str, **form: str) -> Reply:
    """One POST to an OAuth endpoint, without any token in a header."""
    wire = Wire(url)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        return wire.send("POST", url, headers=headers, body=urlencode(form))
    finally:
        wire.close()
