"""Google Calendar, through Google's own Python client.

The client builds and reads the requests, google-auth refreshes the token, and our
:class:`..transport.Wire` carries both: it is the one place that knows time limits,
quota and which hosts may be spoken to. Google's errors are translated in
:func:`..transport.google_error`, its items in :mod:`..mapping`.

Facts about the API that the code relies on are told where they matter. "Reference" is
https://developers.google.com/workspace/calendar/api/v3/reference.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import httplib2
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp, Request
from google_auth_oauthlib.flow import Flow
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import BatchError, HttpError
from googleapiclient.http import BatchHttpRequest, HttpRequest

from ..errors import (
    AnswerLost,
    AuthExpired,
    Forbidden,
    Gone,
    Misconfigured,
    NotFound,
    RateLimited,
    ScopeMissing,
    SyncError,
    TokenInvalid,
    Unavailable,
)
from ..intervals import Interval, union
from ..mapping import GOOGLE_ITEM, family, google_body, google_event, read_datetime
from ..transport import (
    TIMEOUT,
    Limiter,
    Reply,
    Wire,
    error_of,
    google_error,
    insist,
    is_loopback,
    origin,
    shared_limiter,
)
from ..values import (
    Application,
    Authorization,
    Channel,
    Grant,
    Outcome,
    Page,
    RemoteCalendar,
    RemoteEvent,
    Window,
    Write,
)

#: parts of one batch: https://developers.google.com/workspace/calendar/api/guides/batch
BATCH = 50
PAGE_SIZE = 2500
#: calendars and days that one free/busy query may ask for
BUSY_CALENDARS = 50
BUSY_SPAN = timedelta(days=89)

#: https://developers.google.com/workspace/calendar/api/guides/quota, per minute
PROJECT_QUOTA, USER_QUOTA = 10_000, 600
QUOTA_HOST = "https://www.googleapis.com"
#: a patch counts thrice (Reference, events.patch); everything else once
COSTS = {"patch": 3}
#: seconds of silence when Google asks us to slow down and does not say for how long
PENALTY = 2.0

_SCOPE = "https://www.googleapis.com/auth/calendar"
EVENTS = _SCOPE + ".events"
CALENDAR_LIST = _SCOPE + ".calendarlist.readonly"
FREE_BUSY = _SCOPE + ".freebusy"
#: to create a calendar of our own; everything else works without it
APP_CREATED = _SCOPE + ".app.created"
SCOPES = {
    "two_way": (EVENTS, CALENDAR_LIST, FREE_BUSY, APP_CREATED),
    "availability": (CALENDAR_LIST, FREE_BUSY),
}
#: broader scopes that authorise the methods we use a scope for, from the discovery
#: document
COVERED_BY = {
    EVENTS: {EVENTS, _SCOPE},
    CALENDAR_LIST: {
        CALENDAR_LIST,
        _SCOPE,
        _SCOPE + ".readonly",
        _SCOPE + ".calendarlist",
    },
    FREE_BUSY: {FREE_BUSY, _SCOPE, _SCOPE + ".readonly", _SCOPE + ".events.freebusy"},
    APP_CREATED: {APP_CREATED, _SCOPE, _SCOPE + ".calendars"},
}
ROLES = ("owner", "writer", "reader", "freeBusyReader")
_PAGE_FIELDS = f"nextPageToken,nextSyncToken,timeZone,items({GOOGLE_ITEM})"


class GoogleProvider:
    """One Google account."""

    def __init__(
        self,
        app: Application,
        grant: Grant,
        *,
        limiter: Limiter | None = None,
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        """
        :param limiter: None = the one that all accounts of the project share
        :param timeout: seconds to connect, and between two pieces of an answer
        """
        self.grant = grant
        self._limiter = limiter or _project_limiter(app)
        self._user = hash(grant.refresh_token or grant.access_token)
        self._service = _service(app.api_url)
        self._wire = Wire(
            self._service.base,
            app.token_url,
            timeout=timeout,
            limiter=self._limiter,
            user=self._user,
        )
        self._sender = _Sender(self._wire)
        self._http = AuthorizedHttp(
            _Credentials(app, self), http=self._sender, max_refresh_attempts=1
        )

    @property
    def request_count(self) -> int:
        return self._wire.count

    # ------------------------------------------------------------------------- consent

    @staticmethod
    def scopes(mode: str) -> tuple[str, ...]:
        return SCOPES[mode]

    @staticmethod
    def missing_scopes(mode: str, granted: Iterable[str]) -> tuple[str, ...]:
        """Without ``calendar.app.created``: only creating a calendar needs that."""
        granted = set(granted)
        return tuple(
            scope
            for scope in SCOPES[mode]
            if scope != APP_CREATED and not granted & COVERED_BY[scope]
        )

    @staticmethod
    def authorize(
        app: Application, mode: str, *, redirect_uri: str, state: str, hint: str = ""
    ) -> Authorization:
        """The consent page, with PKCE.

        Scopes that were granted to the project before are not asked to come along
        (``include_granted_scopes``): a token for availability must not read events.
        """
        # oauthlib refuses plain http, which a simulator on the loopback speaks
        plain = app.auth_url.startswith("http://") and is_loopback(app.auth_url)
        config = {
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "auth_uri": "https" + app.auth_url[4:] if plain else app.auth_url,
            "token_uri": app.token_url,
        }
        flow = Flow.from_client_config(
            {"web": config},
            SCOPES[mode],
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

    @staticmethod
    def exchange(
        app: Application, *, code: str, verifier: str, redirect_uri: str
    ) -> Grant:
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
            raise _oauth_error(answer.status, *_oauth_words(answer))
        data = answer.json()
        if not isinstance(data, dict) or not data.get("access_token"):
            raise Unavailable(reason="no token")
        if not data.get("refresh_token"):
            raise AuthExpired("Google gave no lasting permission.")
        lifetime = timedelta(seconds=int(data.get("expires_in") or 0))
        return Grant(
            access_token=data["access_token"],
            refresh_token=data["refresh_token"],
            expiry=datetime.now(timezone.utc) + lifetime,
            scopes=tuple(data.get("scope", "").split()),
        )

    @staticmethod
    def revoke(app: Application, grant: Grant) -> None:
        """Withdraw everything that the user granted to the project of ``app``.

        Google does not do less: every other grant of the same user to the same project
        dies with this one.
        """
        token = grant.refresh_token or grant.access_token
        if not token:
            return
        answer = _post(app.revoke_url, token=token)
        if answer.status == 200 or _oauth_words(answer)[0] == "invalid_token":
            return
        raise error_of(answer.status, *_oauth_words(answer))

    # ----------------------------------------------------------------------- calendars

    def identity(self) -> str:
        """The id of the primary calendar is the address of the account."""
        get = self._service.calendar_list.get
        return self._send(get(calendarId="primary", fields="id"))["id"]

    def calendars(self) -> list[RemoteCalendar]:
        found: list[RemoteCalendar] = []
        page_token = None
        while True:
            # by hand: list_next fails on repeated parameters
            # (https://github.com/googleapis/google-api-python-client/issues/2178)
            answer = self._send(
                self._service.calendar_list.list(
                    maxResults=250, showHidden=True, pageToken=page_token
                )
            )
            items = answer.get("items", ())
            found += [_calendar(item) for item in items if not item.get("deleted")]
            page_token = answer.get("nextPageToken")
            if not page_token:
                return found

    def create_calendar(self, name: str, timezone: str) -> RemoteCalendar:
        granted = set(self.grant.scopes)
        if granted and not granted & COVERED_BY[APP_CREATED]:
            raise ScopeMissing(scopes=(APP_CREATED,))
        body = {"summary": name, "timeZone": timezone}
        item = self._send(self._service.calendars.insert(body=body), write=True)
        return _calendar({**item, "accessRole": "owner"})

    # ------------------------------------------------------------------------- reading

    def changes(self, calendar_id: str, token: str, window: Window) -> Iterator[Page]:
        """What changed; see :class:`.base.Provider`.

        Series come as masters and exceptions (``singleEvents`` is off). Of a calendar
        of which only free/busy is visible come single events without names.
        """
        query = {
            "calendarId": calendar_id,
            "maxResults": PAGE_SIZE,
            "fields": _PAGE_FIELDS,
            # a token excludes every filter but those of the listing it came from
            **({"syncToken": token} if token else {"timeMin": _rfc3339(window.start)}),
        }
        while True:
            try:
                answer = self._send(self._service.events.list(**query))
            except Gone as err:
                raise TokenInvalid(reason=err.reason) from err
            tz = answer.get("timeZone", "")
            events = [
                google_event(item, calendar_tz=tz) for item in answer.get("items", ())
            ]
            page_token = answer.get("nextPageToken")
            yield Page(
                events=tuple(sorted(events, key=_is_exception)),
                token="" if page_token else answer.get("nextSyncToken", ""),
                full=not token,
                timezone=tz,
            )
            if not page_token:  # an empty page says nothing: others may follow
                return
            query["pageToken"] = page_token

    def get(
        self, calendar_id: str, remote_ids: Sequence[str]
    ) -> Mapping[str, RemoteEvent | SyncError]:
        found = self._items(calendar_id, remote_ids, GOOGLE_ITEM)
        return {
            remote_id: item
            if isinstance(item, SyncError)
            else google_event(item, calendar_tz="UTC")
            for remote_id, item in found.items()
        }

    def busy(
        self, calendar_ids: Sequence[str], start: datetime, stop: datetime
    ) -> Mapping[str, tuple[Interval, ...] | SyncError]:
        """Busy times; a request that fails as a whole raises its error."""
        times: dict[str, list[tuple[datetime, datetime]]] = {}
        errors: dict[str, SyncError] = {}
        for begin, end in _spans(start, stop):
            for chunk in _chunks(calendar_ids, BUSY_CALENDARS):
                body = {
                    "timeMin": _rfc3339(begin),
                    "timeMax": _rfc3339(end),
                    "items": [{"id": calendar_id} for calendar_id in chunk],
                }
                query = self._service.freebusy.query(body=body)
                answer = self._send(query).get("calendars", {})
                for calendar_id in chunk:
                    try:
                        found = _busy_times(answer.get(calendar_id))
                        times.setdefault(calendar_id, []).extend(found)
                    except SyncError as err:
                        errors[calendar_id] = err
        return {
            calendar_id: errors.get(calendar_id)
            or tuple(union(times.get(calendar_id, ())))
            for calendar_id in calendar_ids
        }

    # ------------------------------------------------------------------------- writing

    def push(self, calendar_id: str, writes: Sequence[Write]) -> list[Outcome]:
        """Carry out the writes; see :class:`.base.Provider`.

        Google carries out the parts of a batch in any order. A write that builds on an
        earlier one of the same event or series goes in a later batch, and not at all if
        that one failed. Nothing is raised: when a request fails as a whole, or Google
        asks us to slow down, all that is left has the error.
        """
        outcomes: dict[int, Outcome] = {}
        rows = self._answer_rows(calendar_id, writes)
        stop: SyncError | None = None
        for step in _steps(writes):
            for chunk in _chunks(step, BATCH):
                failed = {
                    writes[at].remote_id for at, done in outcomes.items() if done.error
                }
                ready = []
                for at in chunk:
                    write = writes[at]
                    error = stop or _obstacle(write, rows, failed)
                    if error:
                        outcomes[at] = Outcome(key=write.key, error=error)
                    else:
                        ready.append(at)
                answers, stop = self._carry_out(
                    calendar_id, [writes[at] for at in ready], rows, stop
                )
                outcomes.update(zip(ready, answers, strict=True))
        return [outcomes[at] for at in range(len(writes))]

    def _carry_out(
        self,
        calendar_id: str,
        writes: Sequence[Write],
        rows: Mapping[str, Any],
        stop: SyncError | None,
    ) -> tuple[list[Outcome], SyncError | None]:
        """One batch; and why it is better to send no further one, if so."""
        requests = [self._request(calendar_id, write, rows) for write in writes]
        cost = sum(COSTS.get(write.verb, 1) for write in writes)
        try:
            answers = self._batch(requests, cost=cost, write=True)
        except SyncError as err:
            lost = isinstance(err, AnswerLost)
            return [Outcome(key=write.key, error=err) for write in writes], (
                Unavailable(reason=err.reason) if lost else err
            )
        outcomes = [
            self._outcome(calendar_id, write, answer)
            for write, answer in zip(writes, answers, strict=True)
        ]
        for outcome in outcomes:
            if isinstance(outcome.error, _STOPPING):
                stop = outcome.error
        return outcomes, stop

    def _request(
        self, calendar_id: str, write: Write, rows: Mapping[str, Any]
    ) -> HttpRequest:
        events = self._service.events
        where = {"calendarId": calendar_id, "sendUpdates": "none"}
        if write.verb == "delete":
            request = events.delete(eventId=write.remote_id, **where)
        else:
            body = google_body(write)
            where["fields"] = GOOGLE_ITEM
            if write.verb == "insert":
                request = events.insert(body=body, **where)
            else:
                if write.response:
                    row = {
                        "email": rows[write.remote_id],
                        "responseStatus": write.response,
                    }
                    # the others stay as they are: arrays are replaced whole otherwise
                    body |= {"attendees": [row], "attendeesOmitted": True}
                request = events.patch(eventId=write.remote_id, body=body, **where)
        if write.etag:
            request.headers["If-Match"] = write.etag
        return request

    def _outcome(
        self, calendar_id: str, write: Write, answer: dict[str, Any] | SyncError
    ) -> Outcome:
        if not isinstance(answer, SyncError):
            if write.verb == "delete":
                return Outcome(key=write.key)
            event = google_event(answer, calendar_tz="UTC")
            if (
                event.cancelled
            ):  # Google patches deleted events, and leaves them deleted
                return Outcome(key=write.key, error=Gone(reason="cancelled"))
            return Outcome(key=write.key, event=event)
        if write.verb == "insert":
            return Outcome(key=write.key, error=answer)
        if isinstance(answer, NotFound):
            answer = self._absence(calendar_id, answer)
        if isinstance(answer, Gone) and write.verb == "delete":
            return Outcome(key=write.key)
        return Outcome(key=write.key, error=answer)

    def _answer_rows(
        self, calendar_id: str, writes: Sequence[Write]
    ) -> dict[str, str | SyncError]:
        """Under which address the account was invited, for the answers to send."""
        wanted = [write.remote_id for write in writes if write.response]
        if not wanted:
            return {}
        fields = "attendees(email,self)"
        items = self._items(calendar_id, wanted, fields)
        return {
            remote_id: item
            if isinstance(item, SyncError)
            else _own_address(item, calendar_id)
            for remote_id, item in items.items()
        }

    # ------------------------------------------------------------------- notifications

    def watch(
        self, calendar_id: str, *, address: str, channel_id: str, secret: str
    ) -> Channel:
        body = {
            "id": channel_id,
            "type": "web_hook",
            "address": address,
            "token": secret,
        }
        request = self._service.events.watch(calendarId=calendar_id, body=body)
        answer = self._send(request, write=True)
        expires = answer.get("expiration")  # a text of milliseconds
        return Channel(
            channel_id=answer["id"],
            resource_id=answer.get("resourceId", ""),
            expires=expires
            and datetime.fromtimestamp(int(expires) // 1000, timezone.utc),
        )

    def unwatch(self, channel: Channel) -> None:
        body = {"id": channel.channel_id, "resourceId": channel.resource_id}
        try:
            self._send(self._service.channels.stop(body=body))
        except NotFound:
            pass

    def close(self) -> None:
        self._wire.close()

    # ---------------------------------------------------------------- crossing the wire

    def _send(self, request: HttpRequest, *, write: bool = False) -> Any:
        """The answer to one request.

        :param write: carrying it out twice would do harm
        """

        def once() -> Any:
            try:
                return request.execute(http=self._http)
            except HttpError as err:
                raise self._meaning(err, write) from None
            except ValueError:
                raise _unreadable(write) from None

        return insist(once, repeatable=not write)

    def _batch(
        self, requests: Sequence[HttpRequest], *, cost: int, write: bool = False
    ) -> list[Any]:
        """The answer to each request, or its error; all in one request, sent once.

        :raises SyncError: the request as a whole failed
        """
        if not requests:
            return []
        answers: dict[str, Any] = {}

        def note(request_id: str, answer: Any, error: Exception | None) -> None:
            if isinstance(error, HttpError):
                answers[request_id] = self._meaning(error, write)
            else:
                answers[request_id] = answer

        batch = BatchHttpRequest(callback=note, batch_uri=self._service.batch_uri)
        for number, request in enumerate(requests):
            batch.add(request, request_id=str(number))
        try:
            self._sender.cost = cost
            batch.execute(http=self._http)
        except HttpError as err:
            raise self._meaning(err, write) from None
        except (BatchError, LookupError, ValueError, TypeError, AttributeError):
            # how the client meets an answer that is no batch
            if not answers:
                raise _unreadable(write) from None
        finally:
            self._sender.cost = 1
        lost = _unreadable(write)
        return [answers.get(str(number), lost) for number in range(len(requests))]

    def _items(
        self, calendar_id: str, remote_ids: Sequence[str], fields: str
    ) -> dict[str, dict[str, Any] | SyncError]:
        """The items with these ids."""
        found: dict[str, dict[str, Any] | SyncError] = {}
        for chunk in _chunks(list(dict.fromkeys(remote_ids)), BATCH):
            requests = [
                self._service.events.get(
                    calendarId=calendar_id, eventId=remote_id, fields=fields
                )
                for remote_id in chunk
            ]
            try:
                answers = insist(partial(self._batch, requests, cost=len(chunk)))
            except SyncError as err:
                found |= dict.fromkeys(chunk, err)
                continue
            for remote_id, answer in zip(chunk, answers, strict=True):
                if isinstance(answer, NotFound):
                    answer = self._absence(calendar_id, answer)
                found[remote_id] = answer
        return found

    def _absence(self, calendar_id: str, error: NotFound) -> SyncError:
        """What a 404 of an event means: it is gone only if its calendar is there."""
        try:
            self._send(
                self._service.events.list(
                    calendarId=calendar_id, maxResults=1, fields="timeZone"
                )
            )
        except SyncError as err:
            return err
        return Gone(reason=error.reason)

    def _meaning(self, error: HttpError, write: bool) -> SyncError:
        meaning = google_error(
            error.resp.status, error.resp, error.content, write=write
        )
        if isinstance(meaning, RateLimited) and meaning.reason != "quotaExceeded":
            own = meaning.reason == "userRateLimitExceeded"
            wait = PENALTY if meaning.retry_after is None else meaning.retry_after
            self._limiter.penalise(wait, self._user if own else None)
        return meaning


# ----------------------------------------------------------------------- the connection


@dataclass(frozen=True)
class _Service:
    """The methods of the API at one address. They are made once: it takes long."""

    base: str
    batch_uri: str
    calendar_list: Any
    calendars: Any
    channels: Any
    events: Any
    freebusy: Any


_building = threading.Lock()


def _service(api_url: str) -> _Service:
    with _building:
        return _built(api_url)


@lru_cache(maxsize=8)
def _built(api_url: str) -> _Service:
    parts = urlsplit(api_url)
    path = parts.path.rstrip("/") or "/calendar/v3"
    root = urlunsplit(parts._replace(path=path.removesuffix("calendar/v3"), query=""))
    document = json.loads(get_static_doc("calendar", "v3"))
    document |= {"rootUrl": root, "baseUrl": root + document["servicePath"]}
    service = build_from_document(document, http=_NoHttp())
    return _Service(
        base=root,
        # new_batch_http_request would ask for it at a fixed address
        batch_uri=root + document["batchPath"],
        calendar_list=service.calendarList(),
        calendars=service.calendars(),
        channels=service.channels(),
        events=service.events(),
        freebusy=service.freebusy(),
    )


def _project_limiter(app: Application) -> Limiter:
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


class _Sender:
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


class _Credentials(Credentials):
    """Google's credentials, which tell their provider of every new token."""

    def __init__(self, app: Application, provider: GoogleProvider) -> None:
        grant = provider.grant
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
        self._provider = provider

    def refresh(self, request: Any) -> None:
        """Fetch a new token, always over the provider's own wire."""
        provider = self._provider
        try:
            super().refresh(Request(provider._sender))
        except RefreshError as err:
            raise _refresh_error(err) from None
        except GoogleAuthError as err:
            raise Unavailable(reason=type(err).__name__) from None
        provider.grant = replace(
            provider.grant,
            access_token=self.token,
            refresh_token=self.refresh_token,
            expiry=self.expiry and self.expiry.replace(tzinfo=timezone.utc),
            scopes=tuple(self.granted_scopes or provider.grant.scopes),
        )


def _refresh_error(error: RefreshError) -> SyncError:
    answer = error.args[1] if len(error.args) > 1 else None
    if error.retryable:
        return Unavailable(reason="token")
    if not isinstance(answer, dict):
        if answer is None:  # nothing was sent: there is no refresh token
            return AuthExpired(reason="no refresh token")
        return Unavailable(reason="token")
    return _oauth_error(
        400, answer.get("error", ""), answer.get("error_description", "")
    )


# -------------------------------------------------------------------------------- OAuth

#: https://www.rfc-editor.org/rfc/rfc6749#section-5.2 and Google's own words. Only these
#: may cost a user the grant: a wrong client secret is not the users' fault.
OAUTH_ERRORS: dict[str, type[SyncError]] = {
    "invalid_grant": AuthExpired,
    "access_denied": AuthExpired,
    "admin_policy_enforced": AuthExpired,
    "org_internal": AuthExpired,
    "invalid_scope": ScopeMissing,
    "invalid_client": Misconfigured,
    "unauthorized_client": Misconfigured,
    "redirect_uri_mismatch": Misconfigured,
    "unsupported_grant_type": Misconfigured,
    "invalid_request": Misconfigured,
}


def _oauth_error(status: int, word: str, sentence: str) -> SyncError:
    kind = OAUTH_ERRORS.get(word)
    if kind is None:
        return Unavailable(reason=word or str(status))
    if kind is Misconfigured:
        return Misconfigured(f"Google refuses the client: {word}.", reason=word)
    return kind(reason=word)


def _oauth_words(answer: Reply) -> tuple[str, str]:
    """The error and its description in an answer of an OAuth endpoint."""
    try:
        data = json.loads(answer.body)
        return str(data["error"]), str(data.get("error_description", ""))
    except (ValueError, TypeError, LookupError, AttributeError):
        return "", ""


def _post(url: str, **form: str) -> Reply:
    """One POST to an OAuth endpoint, without any token in a header."""
    wire = Wire(url)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        return wire.send("POST", url, headers=headers, body=urlencode(form))
    finally:
        wire.close()


# ------------------------------------------------------------------------------ details


def _calendar(item: Mapping[str, Any]) -> RemoteCalendar:
    role = item.get("accessRole")
    return RemoteCalendar(
        remote_id=item["id"],
        name=item.get("summaryOverride") or item.get("summary") or item["id"],
        timezone=item.get("timeZone", ""),
        # e.g. writerWithoutPrivateAccess: what we do not know, we only read
        access_role=role if role in ROLES else "reader",
        is_primary=item.get("primary") is True,
        color=item.get("backgroundColor", ""),
    )


def _busy_times(answer: Mapping[str, Any] | None) -> list[tuple[datetime, datetime]]:
    """The busy times of one calendar; a missing answer is unknown, never free."""
    if answer is None:
        raise Unavailable(reason="missing")
    for error in answer.get("errors", ()):
        reason = str(error.get("reason", ""))
        raise (NotFound if reason == "notFound" else Unavailable)(reason=reason)
    return [
        (read_datetime(row["start"]), read_datetime(row["end"]))
        for row in answer.get("busy", ())
    ]


def _spans(start: datetime, stop: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The range in pieces that a query takes; beyond, Google may say "free"."""
    while start < stop:
        end = min(start + BUSY_SPAN, stop)
        yield start, end
        start = end


def _steps(writes: Sequence[Write]) -> list[list[int]]:
    """The positions of the writes, in steps that must be taken one after another.

    A write to a series waits for all earlier ones of its occurrences, one to an
    occurrence for those of its series and of itself.
    """
    steps: list[list[int]] = []
    series: dict[str, int] = {}
    anybody: dict[str, int] = {}
    single: dict[str, int] = {}
    for at, write in enumerate(writes):
        root = family(write.remote_id)
        if root == write.remote_id:
            step = series[root] = anybody.get(root, -1) + 1
        else:
            last = max(series.get(root, -1), single.get(write.remote_id, -1))
            step = single[write.remote_id] = last + 1
        anybody[root] = max(step, anybody.get(root, -1))
        if step == len(steps):
            steps.append([])
        steps[step].append(at)
    return steps


#: errors of one write after which it makes no sense to send others
_STOPPING = (AuthExpired, Misconfigured, RateLimited, ScopeMissing)


def _obstacle(
    write: Write, rows: Mapping[str, str | SyncError], failed: set[str]
) -> SyncError | None:
    """Why a write cannot even be sent."""
    if {write.remote_id, family(write.remote_id)} & failed:
        return Unavailable(reason="waits for an earlier write")
    row = rows.get(write.remote_id)
    return row if write.response and isinstance(row, SyncError) else None


def _own_address(item: Mapping[str, Any], calendar_id: str) -> str | SyncError:
    """Under which address the owner of the calendar is among the guests."""
    rows = item.get("attendees", ())
    for row in rows:
        if row.get("self") or row.get("email") == calendar_id:
            return row["email"]
    return Forbidden(reason="not invited")


def _unreadable(write: bool) -> SyncError:
    return (AnswerLost if write else Unavailable)(reason="unreadable answer")


def _is_exception(event: RemoteEvent) -> bool:
    return bool(event.master_id)


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[at : at + size] for at in range(0, len(items), size))


def _rfc3339(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
