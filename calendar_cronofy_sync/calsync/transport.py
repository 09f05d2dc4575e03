"""How a request travels: where to, how long it may take, what its answer means.

* :class:`Wire` sends requests to pinned hosts, with time limits, and never repeats one;
* :func:`error_of` gives an HTTP status and the provider's reason their meaning;
* :func:`pause` decides whether to try again, and :func:`insist` does;
* :class:`Limiter` keeps all accounts of a project within its quota;
* :func:`mask` takes secrets out of text that is going to be logged.
"""

from __future__ import annotations

import json
import logging
import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import requests

from .errors import (
    AnswerLost,
    AuthExpired,
    Conflict,
    Duplicate,
    Forbidden,
    Gone,
    Misconfigured,
    NotFound,
    PlanLimit,
    RateLimited,
    Rejected,
    ScopeMissing,
    ServiceOff,
    SyncError,
    TokenInvalid,
    TokenRefused,
    Unavailable,
    Unsupported,
)

T = TypeVar("T")

#: seconds to connect, and between two pieces of an answer
TIMEOUT = (5.0, 30.0)
#: a passing error is tried again this often, ...
RETRIES = 2
#: ... and only if the wait is at most this many seconds: a cron must not block
PATIENCE = 5.0
#: the longest pause that backing off leads to
LONGEST_PAUSE = 64.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
#: jitter spreads those who were told the same moment over at most so many seconds
LONGEST_JITTER = 300.0

# ------------------------------------------------------------- what an answer means

#: what a status means where no reason says more
STATUSES: dict[int, type[SyncError]] = {
    400: Rejected,
    # only the token endpoint ends a grant: APIs refuse good tokens now and then
    # (googleapis/google-api-nodejs-client 2665, google-api-php-client 2356)
    401: TokenRefused,
    402: PlanLimit,
    403: Forbidden,
    404: NotFound,
    408: Unavailable,
    409: Duplicate,
    410: Gone,
    412: Conflict,
    413: Rejected,
    422: Rejected,
    423: AuthExpired,  # Cronofy: the profile must be linked again
    429: RateLimited,
}

#: what a provider's own word means, whatever the status
REASONS: dict[str, type[SyncError]] = {
    "authError": TokenRefused,
    "rateLimitExceeded": RateLimited,
    "userRateLimitExceeded": RateLimited,
    "RATE_LIMIT_EXCEEDED": RateLimited,
    "quotaExceeded": RateLimited,
    "dailyLimitExceeded": RateLimited,
    "variableTermLimitExceeded": RateLimited,
    # the call counts for no project (kewisch/gdata-provider, request code)
    "dailyLimitExceededUnreg": Misconfigured,
    "accessNotConfigured": Misconfigured,
    "SERVICE_DISABLED": Misconfigured,
    "insufficientPermissions": ScopeMissing,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": ScopeMissing,
    # "The user must be signed up for Google Calendar." (webhookdb 624)
    "notACalendarUser": ServiceOff,
    "fullSyncRequired": TokenInvalid,
    "updatedMinTooLongAgo": TokenInvalid,
    "deleted": Gone,
    "duplicate": Duplicate,
    "conditionNotMet": Conflict,
    # two parts of one batch met: nothing is decided yet
    "conflict": Unavailable,
    "pushNotSupportedForRequestedResource": Unsupported,
    "push.webhookUrlNotHttps": Unsupported,
    "push.webhookUrlUnauthorized": Unsupported,
}

#: how an answer is met that is not what it should be; the last one: nested without end
UNREADABLE = (AttributeError, LookupError, TypeError, ValueError, RecursionError)

_TOLD = (Rejected, Misconfigured, Unsupported, PlanLimit)


@dataclass(frozen=True)
class Limit:
    """Whose limit it is, and after how many seconds it counts anew."""

    period: float = MINUTE
    project: bool = False


#: what a refusal's reason says of the limit. A bare ``rateLimitExceeded`` is the user's
#: (https://developers.google.com/workspace/calendar/api/guides/errors).
LIMITS = {
    "dailyLimitExceeded": Limit(DAY, project=True),
    "quotaExceeded": Limit(HOUR),
    "variableTermLimitExceeded": Limit(HOUR),
}
#: ... and what its text does: "limit 'Queries per minute per user' of service …", in
#: newer details also "1/min/{project}/{user}" (Inky-Calendar-Server 104)
_PERIOD = re.compile(
    r"per ?(?P<count>\d+)? ?(?P<unit>second|minute|hour|day)"
    r"|\d/(?P<short>s|min|h|d)/\{",
    re.IGNORECASE,
)
_PERIODS = {"s": 1.0, "m": MINUTE, "h": HOUR, "d": DAY}
_USER = re.compile(r"per ?user|\{user\}", re.IGNORECASE)


def limit_of(reason: str, told: str) -> Limit:
    """The limit that a refusal is about.

    :param told: everything that the provider said
    """
    known = LIMITS.get(reason, Limit())
    named = _PERIOD.search(told)
    if not named:
        return known
    unit = (named["unit"] or named["short"])[0].lower()
    period = _PERIODS[unit] * max(1, int(named["count"] or 1))
    personal = reason == "userRateLimitExceeded" or _USER.search(told)
    return Limit(min(period, DAY), project=not personal)


def error_of(
    status: int,
    reason: str = "",
    message: str = "",
    *,
    told: str = "",
    retry_after: float | None = None,
    write: bool = False,
) -> SyncError:
    """The meaning of an answer that is not a success.

    :param reason: the provider's word for it, if it gave one
    :param message: the provider's sentence; shown where the provider judged the content
    :param told: everything else that it said
    :param write: with an error of the server a write may have landed all the same
    """
    if not 400 <= status < 500:
        # whatever the reason: the server itself does not know what became of it
        return (AnswerLost if write else Unavailable)(reason=reason or str(status))
    kind = REASONS.get(reason) or STATUSES.get(status, Rejected)
    if kind is Rejected and "sync token" in message.lower():
        kind = TokenInvalid
    if kind is RateLimited:
        return _limited(reason, f"{message} {told}", retry_after)
    shown = message if issubclass(kind, _TOLD) else ""
    return kind(shown[:500], reason=reason or str(status))


def _limited(reason: str, told: str, retry_after: float | None) -> RateLimited:
    limit = limit_of(reason, told)
    if limit.period >= DAY:
        reason = "dailyLimitExceeded"
    if retry_after is None and limit.period >= HOUR:
        # to ask again from one second on would only add to what is too much
        retry_after = _day_left() if limit.period >= DAY else limit.period
    return RateLimited(
        retry_after=retry_after,
        project=limit.project,
        period=limit.period,
        reason=reason,
    )


#: where Google's days begin: "resets at midnight Pacific Time"
#: (https://developers.google.com/workspace/calendar/api/guides/quota)
PACIFIC = "America/Los_Angeles"


def _day_left() -> float:
    """Seconds until Google's day is over."""
    zone = ZoneInfo(PACIFIC)
    now = datetime.now(zone)
    midnight = datetime.combine(now.date() + timedelta(1), datetime.min.time(), zone)
    return midnight.timestamp() - now.timestamp()


def google_error(
    status: int, headers: Mapping[str, str], body: bytes, *, write: bool = False
) -> SyncError:
    """The meaning of a refusal in the JSON shape of Google's APIs."""
    reason, message, told = _google_words(body)
    return error_of(
        status,
        reason,
        message,
        told=told,
        retry_after=retry_after(headers.get("retry-after", "")),
        write=write,
    )


def _google_words(body: bytes) -> tuple[str, str, str]:
    """The reason that we know, else the first one; the sentence; and all the rest."""
    try:
        error = json.loads(body)["error"]
        rows = [*error.get("errors", ()), *error.get("details", ())]
        found = [row["reason"] for row in rows if "reason" in row]
        known = next((reason for reason in found if reason in REASONS), None)
        told = " ".join(
            str(text)
            for row in rows
            for text in (row.get("message", ""), *(row.get("metadata") or {}).values())
        )
        message = str(error.get("message", ""))
        return str(known or (found or [""])[0]), message, told
    except UNREADABLE:
        return "", "", ""


#: https://www.rfc-editor.org/rfc/rfc6749#section-5.2 and Google's own words. Only these
#: may cost a user the grant: a wrong client is the administrator's business.
OAUTH_ERRORS: dict[str, type[SyncError]] = {
    "invalid_grant": AuthExpired,
    # subtypes of it: the Workspace has everybody sign in again from time to time
    # (https://support.google.com/a/answer/9368756; gogcli 338, salto 5872)
    "invalid_rapt": AuthExpired,
    "rapt_required": AuthExpired,
    "access_denied": AuthExpired,
    "admin_policy_enforced": AuthExpired,
    "org_internal": AuthExpired,
    "invalid_scope": ScopeMissing,
    "invalid_client": Misconfigured,
    # AutoRclone 98, gdrive 646
    "deleted_client": Misconfigured,
    "disabled_client": Misconfigured,
    "unauthorized_client": Misconfigured,
    "redirect_uri_mismatch": Misconfigured,
    "unsupported_grant_type": Misconfigured,
    "invalid_request": Misconfigured,
}


def oauth_error(status: int, words: Sequence[Any], wait: str = "") -> SyncError:
    """The meaning of a refusal by a token endpoint.

    :param words: its names for the error, the most exact one first
    :param wait: the header Retry-After
    """
    found = [str(word) for word in words if word]
    word = next((one for one in found if one in OAUTH_ERRORS), "")
    if word and 400 <= status < 500:
        kind = OAUTH_ERRORS[word]
        told = f"The client is refused: {word}." if kind is Misconfigured else ""
        return kind(told, reason=word)
    reason = (found or [str(status)])[0]
    if status == 429:
        return RateLimited(retry_after=retry_after(wait), reason=reason)
    return Unavailable(reason=reason)


def retry_after(value: str, now: datetime | None = None) -> float | None:
    """The seconds that a Retry-After header asks for; None when it does not say."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), DAY)  # no limit of these services lasts longer
    try:
        at = parsedate_to_datetime(value)
        wait = (at - (now or datetime.now(timezone.utc))).total_seconds()
        return min(max(0.0, wait), DAY)
    except (TypeError, ValueError, OverflowError):
        return None


# ---------------------------------------------------------------------- trying again


def backoff(attempt: int, chance: Callable[[], float] = random.random) -> float:
    """Seconds to wait after failure number ``attempt`` (from 0): doubling, jittered."""
    longest = min(LONGEST_PAUSE, 2.0 ** min(attempt, 10))
    return longest * (0.5 + chance() / 2)


def pause(
    error: SyncError,
    attempt: int,
    *,
    repeatable: bool = True,
    chance: Callable[[], float] = random.random,
) -> float | None:
    """Seconds until the request may be tried again; None: give up for now.

    :param attempt: how often it was tried again already
    :param repeatable: carrying it out twice does no harm
    """
    if attempt >= RETRIES or not isinstance(error, (RateLimited, Unavailable)):
        return None
    if isinstance(error, AnswerLost) and not repeatable:
        return None
    told = getattr(error, "retry_after", None)
    wait = backoff(attempt, chance) if told is None else told
    return wait if wait <= PATIENCE else None


def wait_after(
    error: RateLimited,
    refusals: int,
    chance: Callable[[], float] = random.random,
) -> float:
    """Seconds until the next run after so many refusals in a row: as told, else
    doubling from a second up to the limit's own period, and jittered.

    :param refusals: from 1
    """
    if error.retry_after is not None:
        told = max(error.retry_after, 1.0)
        return told + min(told / 4, LONGEST_JITTER) * chance()
    longest = max(error.period / 1.25, 1.0)
    return min(2.0 ** min(refusals - 1, 20), longest) * (1 + chance() / 4)


def insist(
    call: Callable[[], T],
    *,
    repeatable: bool = True,
    sleep: Callable[[float], None] | None = None,
) -> T:
    """The answer of ``call``, tried again as :func:`pause` says."""
    attempt = 0
    while True:
        try:
            return call()
        except (RateLimited, Unavailable) as error:
            wait = pause(error, attempt, repeatable=repeatable)
            if wait is None:
                raise
        (sleep or time.sleep)(wait)
        attempt += 1


# ----------------------------------------------------------------------------- quota


@dataclass
class _Spent:
    """What was spent within the last period, against a limit (None: no limit)."""

    limit: int | None
    period: float
    total: int = 0
    entries: deque[tuple[float, int]] = field(default_factory=deque)
    #: nothing goes before this moment
    barred: float = 0.0

    def delay(self, now: float, cost: int) -> float:
        """Seconds until ``cost`` more may be spent."""
        while self.entries and self.entries[0][0] <= now - self.period:
            self.total -= self.entries.popleft()[1]
        barred = max(0.0, self.barred - now)
        if self.limit is None:
            return barred
        excess = self.total + min(cost, self.limit) - self.limit
        for at, spent in self.entries:
            if excess <= 0:
                break
            excess -= spent
            barred = max(barred, at + self.period - now)
        return barred

    def spend(self, now: float, cost: int) -> None:
        if self.limit is not None:
            self.total += cost
            self.entries.append((now, cost))


class Limiter:
    """Keeps a project and each of its users within what a provider allows per minute.

    Google counts in a sliding window, and so does this. Safe to share among threads.
    """

    def __init__(
        self,
        *,
        project: int | None = None,
        user: int | None = None,
        period: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        :param project: requests per period of all users together; None: no known limit
        :param user: requests per period of one user; None: no known limit
        """
        self._user_limit, self._period = user, period
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._project = _Spent(project, period)
        self._users: dict[Any, _Spent] = {}

    def wait(
        self, cost: int = 1, user: Any = None, *, at_most: float = PATIENCE
    ) -> None:
        """Return when ``cost`` more requests may be sent, and count them as sent.

        :raises RateLimited: that would take more than ``at_most`` seconds
        """
        deadline = self._clock() + at_most
        while True:
            all_wait, user_waits = self._take(cost, user)
            delay = max(all_wait, user_waits)
            if not delay:
                return
            if self._clock() + delay > deadline:
                raise RateLimited(
                    retry_after=delay,
                    project=all_wait >= user_waits,
                    period=self._period,
                    reason="limiter",
                )
            self._sleep(delay)

    def penalise(self, seconds: float, user: Any = None) -> None:
        """Send nothing for ``seconds``, of this user or (None) of the whole project."""
        with self._lock:
            account = self._project if user is None else self._account(user)
            account.barred = max(account.barred, self._clock() + seconds)

    def _take(self, cost: int, user: Any) -> tuple[float, float]:
        """Seconds for which everybody has to wait, and this user; spent if none."""
        with self._lock:
            now = self._clock()
            account = self._account(user)
            waits = self._project.delay(now, cost), account.delay(now, cost)
            if not any(waits):
                self._project.spend(now, cost)
                account.spend(now, cost)
            return waits

    def _account(self, user: Any) -> _Spent:
        if user not in self._users:
            self._users[user] = _Spent(self._user_limit, self._period)
        return self._users[user]


_limiters: dict[Any, Limiter] = {}
_limiters_lock = threading.Lock()


def shared_limiter(project: Any, make: Callable[[], Limiter] = Limiter) -> Limiter:
    """The limiter that everybody in this process uses for ``project``."""
    with _limiters_lock:
        if project not in _limiters:
            _limiters[project] = make()
        return _limiters[project]


# ---------------------------------------------------------------------------- sending


def origin(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def pinned(url: str, *addresses: str) -> str:
    """``url``, if it leads to the same host as one of ``addresses``, and safely.

    :raises Misconfigured: it does not; nothing secret may be sent there
    """
    if origin(url) not in map(origin, addresses):
        raise Misconfigured("A request would have left for a host that is not allowed.")
    if not url.lower().startswith("https://") and not is_loopback(url):
        raise Misconfigured(
            "The address of the calendar service must begin with https."
        )
    return url


class Reply(NamedTuple):
    """What came back. The names of the headers are compared without case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON.

        :raises Unavailable: it is none
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            # the chain is cut: the error quotes the answer, which may hold tokens
            raise Unavailable(reason="no JSON") from None


class Wire:
    """A connection to the hosts of one provider, for one thread.

    A request is sent once. What becomes of it is either a :class:`Reply` of any status
    or an error that says whether it can have arrived.
    """

    def __init__(
        self,
        *addresses: str,
        timeout: tuple[float, float] = TIMEOUT,
        limiter: Limiter | None = None,
        user: Any = None,
    ) -> None:
        """
        :param addresses: requests go to the hosts of these URLs and nowhere else
        :param user: whom the limiter counts the requests for
        """
        self._addresses, self._timeout = addresses, timeout
        self._limiter, self._user = limiter, user
        self._session = requests.Session()
        # requests would put a password from ~/.netrc in the place of our token
        self._session.auth = _leave_alone
        #: requests sent so far
        self.count = 0

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        cost: int = 1,
    ) -> Reply:
        """Send one request.

        :param cost: what it counts in the provider's quota
        :raises RateLimited: the quota is used up for longer than we wait
        :raises AnswerLost: it was sent, and may have been carried out
        :raises Unavailable: it did not arrive
        """
        pinned(url, *self._addresses)
        if self._limiter:
            self._limiter.wait(cost, self._user)
        self.count += 1
        if isinstance(body, str):
            body = body.encode()
        try:
            answer = self._session.request(
                method,
                url,
                headers=dict(headers or {}),
                data=body,
                timeout=self._timeout,
                allow_redirects=False,
                proxies=_around_proxies(url),
            )
        except (
            requests.exceptions.ConnectTimeout,
            requests.exceptions.SSLError,
            requests.exceptions.ProxyError,
        ) as err:
            raise Unavailable(reason=type(err).__name__) from None
        except requests.exceptions.ConnectionError as err:
            # the chain is cut: the texts below contain the address with its query
            kind = Unavailable if _never_connected(err) else AnswerLost
            raise kind(reason=type(err).__name__) from None
        except requests.exceptions.RequestException as err:
            raise AnswerLost(reason=type(err).__name__) from None
        if _cut_short(answer):
            raise AnswerLost(reason="cut short")
        return Reply(answer.status_code, answer.headers, answer.content)

    def close(self) -> None:
        self._session.close()


def _leave_alone(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _around_proxies(url: str) -> dict[str, str] | None:
    """A proxy of the environment is for the outside, not for this machine."""
    return {"no_proxy": urlsplit(url).hostname} if is_loopback(url) else None


def _cut_short(answer: requests.Response) -> bool:
    """Did less come than was announced? urllib3 before version 2 does not notice."""
    announced = (answer.headers.get("content-length") or "").partition(",")[0].strip()
    bodiless = answer.request.method == "HEAD" or answer.status_code in (204, 304)
    if bodiless or not announced.isdecimal():
        return False
    # what came over the wire, not unpacked
    return answer.raw.tell() < int(announced)


def _never_connected(error: requests.exceptions.ConnectionError) -> bool:
    inner = error.args[0] if error.args else None
    names = {type(inner).__name__, type(getattr(inner, "reason", None)).__name__}
    return bool(names & {"NewConnectionError", "NameResolutionError"})


# ---------------------------------------------------------------------------- secrets

_SECRET_NAMES = (
    "access_token|refresh_token|id_token|client_secret|code_verifier|assertion"
    "|x-goog-channel-token|authorization|password|code|token"
)
_SECRETS = (
    # name=value, "name": "value", name: value
    (
        re.compile(
            rf"(?<![\w-])({_SECRET_NAMES})(['\"]?\s*[=:]\s*['\"]?)"
            r"((?:bearer|basic)\s+)?[^\s'\"&,;}]{4,}",
            re.IGNORECASE,
        ),
        r"\1\2\3***",
    ),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), r"\1 ***"),
    # Google's access and refresh tokens, and client secrets, wherever they stand
    # (Cronofy's: the test vectors of its clients)
    (re.compile(r"\bya29\.[\w.-]+|\b1//[\w-]{8,}|\b(GOCSPX-|CRN_)[\w-]+"), "***"),
)


def mask(text: str) -> str:
    """The text without tokens, codes and client secrets."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class Masking(logging.Filter):
    """Lets every record pass, without its secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


#: loggers of libraries that see our requests; filters are not inherited
LOGGERS = (
    "google.auth._default",
    "google.auth.transport.requests",
    "google.oauth2.credentials",
    "google_auth_httplib2",
    "google_auth_oauthlib.flow",
    "googleapiclient.discovery",
    "googleapiclient.http",
    "googleapiclient.model",
    "oauthlib.oauth2.rfc6749.clients.base",
    "requests_oauthlib.oauth2_session",
    "urllib3.connectionpool",
)
for _name in LOGGERS:
    logging.getLogger(_name).addFilter(Masking())
