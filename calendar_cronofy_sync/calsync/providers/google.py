"""Google Calendar, through Google's own Python client.

The client builds and reads the requests; how they travel is :mod:`.google_client`'s
matter. Google's errors are translated in :func:`..transport.google_error`, its items in
:mod:`..mapping`.

Facts about the API that the code relies on are told where they matter. "Reference" is
https://developers.google.com/workspace/calendar/api/v3/reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, TypeVar

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
    Rejected,
    ScopeMissing,
    ServiceOff,
    SyncError,
    TokenInvalid,
    Unavailable,
)
from ..intervals import Interval, union
from ..mapping import (
    GOOGLE_ITEM,
    family,
    google_body,
    google_event,
    google_said,
    is_occurrence,
    read_datetime,
)
from ..transport import (
    TIMEOUT,
    UNREADABLE,
    Limiter,
    Wire,
    google_error,
    insist,
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
    replace,
)
from ..zones import equivalents
from .google_client import (
    RenewingCredentials,
    Sender,
    authorized,
    consent_page,
    exchange_code,
    project_limiter,
    revoke_grant,
    service,
)

T = TypeVar("T")

#: parts of one batch: https://developers.google.com/workspace/calendar/api/guides/batch
BATCH = 50
PAGE_SIZE = 2500
#: calendars and days that one free/busy query may ask for
BUSY_CALENDARS = 50
BUSY_SPAN = timedelta(days=89)

#: a patch counts thrice (Reference, events.patch); everything else once
COSTS = {"patch": 3}
#: seconds of silence when Google asks us to slow down and does not say for how long
PENALTY = 1.0

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
_PAGE_FIELDS = f"nextPageToken,nextSyncToken,timeZone,accessRole,items({GOOGLE_ITEM})"


class GoogleProvider:
    """One Google account."""

    series = True
    forgetful = False
    erases = False
    conferencing = "hangoutsMeet"

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
        self._limiter = limiter or project_limiter(app)
        self._user = hash(grant.refresh_token or grant.access_token)
        self._service = service(app.api_url)
        self._wire = Wire(
            self._service.base,
            app.token_url,
            timeout=timeout,
            limiter=self._limiter,
            user=self._user,
        )
        self._sender = Sender(self._wire)
        credentials = RenewingCredentials(app, grant, self._sender, self._renewed)
        self._http = authorized(credentials, self._sender)

    @property
    def request_count(self) -> int:
        return self._wire.count

    def _renewed(self, grant: Grant) -> None:
        self.grant = grant

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
        return consent_page(
            app, SCOPES[mode], redirect_uri=redirect_uri, state=state, hint=hint
        )

    @staticmethod
    def exchange(
        app: Application, *, code: str, verifier: str, redirect_uri: str
    ) -> Grant:
        return exchange_code(
            app, code=code, verifier=verifier, redirect_uri=redirect_uri
        )

    @staticmethod
    def revoke(app: Application, grant: Grant) -> None:
        """Withdraw everything that the user granted to the project of ``app``.

        Google does not do less: every other grant of the same user to the same project
        dies with this one.
        """
        revoke_grant(app, grant)

    # ----------------------------------------------------------------------- calendars

    def identity(self) -> str:
        """The id of the primary calendar is the address of the account."""
        get = self._service.calendar_list.get
        answer = self._send(get(calendarId="primary", fields="id"))
        if not (address := _part(answer, "id", "")):
            raise _unreadable(write=False)
        return address

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
            found += [
                _calendar(item)
                for item in _part(answer, "items", [])
                if isinstance(item, dict) and item.get("id") and not item.get("deleted")
            ]
            page_token = _part(answer, "nextPageToken", "")
            if not page_token:
                return found

    def create_calendar(self, name: str, timezone: str) -> RemoteCalendar:
        granted = set(self.grant.scopes)
        if granted and not granted & COVERED_BY[APP_CREATED]:
            raise ScopeMissing(scopes=(APP_CREATED,))
        body = {"summary": name, "timeZone": timezone}
        item = self._send(self._service.calendars.insert(body=body), write=True)
        if not _part(item, "id", ""):
            raise _unreadable(write=True)
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
            tz = _part(answer, "timeZone", "")
            events = [
                google_event(item, calendar_tz=tz, calendar_id=calendar_id)
                for item in _part(answer, "items", [])
            ]
            page_token = _part(answer, "nextPageToken", "")
            yield Page(
                events=tuple(sorted(events, key=_is_exception)),
                token="" if page_token else _part(answer, "nextSyncToken", ""),
                full=not token,
                timezone=tz,
                access_role=_part(answer, "accessRole", ""),
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
            else google_event(item, calendar_tz="UTC", calendar_id=calendar_id)
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
                answer = _part(self._send(query), "calendars", {})
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

    def busy_until(self) -> None:
        """As far as asked."""

    # ------------------------------------------------------------------------- writing

    def push(self, calendar_id: str, writes: Sequence[Write]) -> list[Outcome]:
        """Carry out the writes; see :class:`.base.Provider`.

        Google carries out the parts of a batch in any order. A write that builds on an
        earlier one of the same event or series goes in a later batch, and not at all if
        that one failed: it then has the same error. Nothing is raised: when a request
        fails as a whole, or Google asks us to slow down, all that is left has that
        error.
        """
        outcomes: dict[int, Outcome] = {}
        writes = [write.sendable() for write in writes]
        rows = self._answer_rows(calendar_id, writes)
        stop: SyncError | None = None
        for step in _steps(writes):
            for chunk in _chunks(step, BATCH):
                failed = {
                    _stands_for(writes[at]): done.error
                    for at, done in outcomes.items()
                    if done.error
                }
                ready = []
                for at in chunk:
                    write = writes[at]
                    error = stop or _obstacle(write, rows, failed)
                    if isinstance(error, Gone) and _has_place(write):
                        outcomes[at] = self._by_its_place(calendar_id, write)
                    elif error:
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
            if write.video:  # without it Google ignores the wish
                where["conferenceDataVersion"] = 1
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
            event = google_event(answer, calendar_tz="UTC", calendar_id=calendar_id)
            if event.cancelled:
                # Google patches a deleted event, and leaves it deleted
                return Outcome(key=write.key, error=Gone(reason="cancelled"))
            return Outcome(key=write.key, event=event, sent=google_said(write))
        if _zone_is_unknown(write, answer):
            return self._in_a_known_zone(calendar_id, write, answer)
        if write.verb == "insert":
            return Outcome(key=write.key, error=answer)
        if isinstance(answer, NotFound):
            if _has_place(write):
                return self._by_its_place(calendar_id, write)
            answer = self._absence(calendar_id, answer)
        if write.verb == "delete":
            if isinstance(answer, Forbidden) and self._is_deleted(calendar_id, write):
                return Outcome(key=write.key)
            if isinstance(answer, Gone):
                return Outcome(key=write.key)
        return Outcome(key=write.key, error=answer)

    def _in_a_known_zone(
        self, calendar_id: str, write: Write, refusal: SyncError
    ) -> Outcome:
        """Write it in another zone that says the same; here it keeps its own."""
        when = write.fields.when
        series = write.recurrence is not None
        others = [*equivalents(when.tz, when.start), ""] if series else [""]
        for tz in others:
            fields = replace(write.fields, when=replace(when, tz=tz))
            other = replace(write, fields=fields, response="")
            try:
                answer = self._send(self._request(calendar_id, other, {}), write=True)
            except SyncError as err:
                answer = err
            if not _zone_is_unknown(other, answer):
                return self._outcome(calendar_id, other, answer)
        return Outcome(key=write.key, error=refusal)

    def _by_its_place(self, calendar_id: str, write: Write) -> Outcome:
        """Carry out a write to an occurrence whose id we worked out and Google does not
        know: that says nothing about the occurrence."""
        at, events = write.original_start, self._service.events
        start = _rfc3339(at) if isinstance(at, datetime) else f"{at:%Y-%m-%d}"
        try:
            answer = self._send(
                events.instances(
                    calendarId=calendar_id,
                    eventId=write.master_id,
                    originalStart=start,
                    showDeleted=True,
                    fields=f"items({GOOGLE_ITEM})",
                )
            )
            [item] = _part(answer, "items", []) or [None]
        except NotFound as err:  # there is no such series
            absence = self._absence(calendar_id, err)
            gone = isinstance(absence, Gone) and write.verb == "delete"
            return Outcome(key=write.key, error=None if gone else absence)
        except (SyncError, ValueError) as err:
            error = err if isinstance(err, SyncError) else Unavailable()
            return Outcome(key=write.key, error=error)
        if item is None or item.get("id") == write.remote_id:
            # its series will tell what became of it
            return Outcome(key=write.key, error=Unavailable(reason="no such date"))
        if item.get("status") == "cancelled":
            gone = None if write.verb == "delete" else Gone(reason="cancelled")
            return Outcome(key=write.key, error=gone)
        found = replace(write, remote_id=item["id"], master_id="")
        [outcome] = self.push(calendar_id, [found])
        return outcome

    def _is_deleted(self, calendar_id: str, write: Write) -> bool:
        """Was it deleted before? Then Google may forbid to delete it (cal.diy 7315,
        Odoo's google_calendar)."""
        wanted = "id,status"
        found = self._items(calendar_id, [write.remote_id], wanted)[write.remote_id]
        if isinstance(found, SyncError):
            return isinstance(found, Gone)
        return found.get("status") == "cancelled"

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
        expires = _part(answer, "expiration", "")  # a text of milliseconds
        return Channel(
            channel_id=_part(answer, "id", channel_id),
            resource_id=_part(answer, "resourceId", ""),
            expires=datetime.fromtimestamp(int(expires) // 1000, timezone.utc)
            if expires.isdigit()
            else None,
        )

    def unwatch(self, channel: Channel) -> None:
        body = {"id": channel.channel_id, "resourceId": channel.resource_id}
        with suppress(NotFound):
            self._send(self._service.channels.stop(body=body))

    def close(self) -> None:
        self._wire.close()

    # ---------------------------------------------------------------- crossing the wire

    def _send(self, request: HttpRequest, *, write: bool = False) -> Any:
        """The answer to one request.

        :param write: carrying it out twice would do harm
        """

        def once() -> Any:
            try:
                answer = request.execute(http=self._http)
            except HttpError as err:
                raise self._meaning(err, write) from None
            except UNREADABLE:
                raise _unreadable(write) from None
            if not _plausible(request, answer):
                raise _unreadable(write)
            return answer

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
            elif _plausible(requests[int(request_id)], answer):
                answers[request_id] = answer

        batch = BatchHttpRequest(callback=note, batch_uri=self._service.batch_uri)
        for number, request in enumerate(requests):
            batch.add(request, request_id=str(number))
        try:
            self._sender.cost = cost
            batch.execute(http=self._http)
        # how the client meets an answer that is no batch (BatchError is an HttpError
        # without an answer)
        except (BatchError, *UNREADABLE):
            if not answers:
                raise _unreadable(write) from None
        except HttpError as err:
            raise self._meaning(err, write) from None
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
        # (of a calendar that takes no more writes for hours everything else goes on)
        if isinstance(meaning, RateLimited) and meaning.reason != "quotaExceeded":
            wait = PENALTY if meaning.retry_after is None else meaning.retry_after
            whose = None if meaning.project else self._user
            self._limiter.penalise(wait, whose)
        return meaning


# ------------------------------------------------------------------------------ details


def _calendar(item: Mapping[str, Any]) -> RemoteCalendar:
    role = item.get("accessRole")
    return RemoteCalendar(
        remote_id=str(item["id"]),
        name=str(item.get("summaryOverride") or item.get("summary") or item["id"]),
        timezone=str(item.get("timeZone") or ""),
        # e.g. writerWithoutPrivateAccess: what we do not know, we only read
        access_role=role if role in ROLES else "reader",
        is_primary=item.get("primary") is True,
        color=str(item.get("backgroundColor") or ""),
    )


def _busy_times(answer: Any) -> list[tuple[datetime, datetime]]:
    """The busy times of one calendar; a missing answer is unknown, never free."""
    try:
        reasons = [str(error.get("reason")) for error in answer.get("errors", ())]
        times = [
            (_instant(row["start"]), _instant(row["end"]))
            for row in answer.get("busy", ())
        ]
    except (AttributeError, LookupError, TypeError, ValueError):
        raise Unavailable(reason="unreadable answer") from None
    for reason in reasons:
        raise BUSY_ERRORS.get(reason, Unavailable)(reason=reason)
    return [(start, stop) for start, stop in times if start < stop]


def _instant(text: str) -> datetime:
    return read_datetime(text).astimezone(timezone.utc)


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
        if not is_occurrence(write.remote_id):
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
_STOPPING = (AuthExpired, Misconfigured, RateLimited, ScopeMissing, ServiceOff)


def _stands_for(write: Write) -> str:
    """The id by which a write is known to those that build on it."""
    occurrence = is_occurrence(write.remote_id)
    return write.remote_id if occurrence else family(write.remote_id)


def _zone_is_unknown(write: Write, answer: object) -> bool:
    """Is this how Google refuses a zone that it does not know (n8n #2995)?"""
    return (
        isinstance(answer, Rejected)
        and "time zone definition" in str(answer)
        and write.fields is not None
        and bool(write.fields.when.tz)
    )


def _has_place(write: Write) -> bool:
    return bool(write.master_id) and write.original_start is not None


def _obstacle(
    write: Write,
    rows: Mapping[str, str | SyncError],
    failed: Mapping[str, SyncError],
) -> SyncError | None:
    """Why a write cannot even be sent."""
    for remote_id in (family(write.remote_id), write.remote_id):
        if remote_id in failed:
            return failed[remote_id]
    row = rows.get(write.remote_id)
    return row if write.response and isinstance(row, SyncError) else None


def _own_address(item: Mapping[str, Any], calendar_id: str) -> str | SyncError:
    """Under which address the owner of the calendar is among the guests."""
    try:
        for row in item.get("attendees", ()):
            if row.get("self") or row.get("email") == calendar_id:
                return row["email"]
    except (AttributeError, LookupError, TypeError):
        return Unavailable(reason="unreadable answer")
    return Forbidden(reason="not invited")


#: what the errors inside a free/busy answer mean (webhookdb 624); the others pass
BUSY_ERRORS: dict[str, type[SyncError]] = {
    "notFound": NotFound,
    "forbidden": Forbidden,
    "notACalendarUser": ServiceOff,
}

#: methods that answer with nothing
_SILENT = ("calendar.events.delete", "calendar.channels.stop")


def _plausible(request: HttpRequest, answer: Any) -> bool:
    """Is it an answer of the API, and not the page of some proxy on the way?"""
    return isinstance(answer, dict) or request.methodId in _SILENT


def _part(answer: Mapping[str, Any], key: str, missing: T) -> T:
    """A part of an answer, of the type of what it is when it is missing."""
    value = answer.get(key)
    if value is None:
        return missing
    if not isinstance(value, type(missing)):
        raise Unavailable(reason="unreadable answer")
    return value


def _unreadable(write: bool) -> SyncError:
    return (AnswerLost if write else Unavailable)(reason="unreadable answer")


def _is_exception(event: RemoteEvent) -> bool:
    return bool(event.master_id)


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[at : at + size] for at in range(0, len(items), size))


def _rfc3339(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
