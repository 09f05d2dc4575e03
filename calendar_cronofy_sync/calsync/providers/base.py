"""The few verbs by which the engine speaks to any calendar service.

A provider lives for one run in one thread: it holds a grant, an HTTP connection and
nothing else. It raises the errors of :mod:`..errors` and no others. It never retries a
permanent error; waiting and retrying of passing ones is :mod:`..transport`'s work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ..errors import SyncError
from ..intervals import Interval
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


class Provider(Protocol):
    """One account at one calendar service."""

    #: the grant as it stands; replaced whenever a token was refreshed, so that the
    #: caller can store it after the call
    grant: Grant
    #: requests sent so far
    request_count: int
    #: does it know series? Otherwise every occurrence is an event of its own, both ways
    series: bool
    #: may its deltas and notifications miss something? Then everything is listed, and
    #: the channels are compared with ours (``channels``), once a day
    forgetful: bool
    #: what :attr:`..values.Write.video` asks for: the name of the only service there
    #: is, ``profiles`` where the account has its own choice (``conferencing_url``,
    #: ``conferencing_profiles``), "" where there are no video links
    conferencing: str
    #: can the person's data there go with a withdrawn grant (``revoke(erase=True)``)?
    erases: bool

    @staticmethod
    def scopes(mode: str) -> tuple[str, ...]:
        """The smallest scopes that mode ``two_way`` or ``availability`` needs."""

    @staticmethod
    def missing_scopes(mode: str, granted: Iterable[str]) -> tuple[str, ...]:
        """The scopes that ``mode`` needs and ``granted`` does not cover."""

    @staticmethod
    def authorize(
        app: Application, mode: str, *, redirect_uri: str, state: str, hint: str = ""
    ) -> Authorization:
        """The address of the consent page."""

    @staticmethod
    def exchange(
        app: Application, *, code: str, verifier: str, redirect_uri: str
    ) -> Grant:
        """The grant for a code that the consent page sent back.

        :raises AuthExpired: the code is used, expired or not ours
        :raises Misconfigured: wrong client id or secret
        """

    @staticmethod
    def revoke(app: Application, grant: Grant) -> None:
        """Withdraw the grant at the provider. An already withdrawn one is a success."""

    def identity(self) -> str:
        """The address of the connected account."""

    def calendars(self) -> list[RemoteCalendar]:
        """All calendars that the account sees."""

    def create_calendar(self, name: str, timezone: str) -> RemoteCalendar:
        """A new, empty calendar that belongs to the account."""

    def changes(self, calendar_id: str, token: str, window: Window) -> Iterator[Page]:
        """What changed since ``token``, page by page; everything with ``token=""``.

        Each page costs one request, sent when the page is asked for. The last page
        carries the next token, and no other does. Items that cannot be read arrive with
        ``problem`` set.

        :raises TokenInvalid: list everything again (may come on any page)
        """

    def get(
        self, calendar_id: str, remote_ids: Sequence[str]
    ) -> Mapping[str, RemoteEvent | SyncError]:
        """The present state of each event; ``Gone`` where it is confirmed that it is
        not there any more, another error where nothing is known."""

    def push(self, calendar_id: str, writes: Sequence[Write]) -> list[Outcome]:
        """Carry out the writes, in requests of at most 50, nobody being notified.

        One outcome per write, in the same order. A write that failed in passing (rate
        limit, no answer) is reported with that error and not retried here.
        """

    def busy(
        self, calendar_ids: Sequence[str], start: datetime, stop: datetime
    ) -> Mapping[str, tuple[Interval, ...] | SyncError]:
        """The busy times of each calendar, merged; an error where nothing is known."""

    def busy_until(self) -> tuple[datetime, SyncError] | None:
        """Up to when ``busy`` can tell, and why no further; None: as far as asked."""

    def watch(
        self, calendar_id: str, *, address: str, channel_id: str, secret: str
    ) -> Channel:
        """Ask for change notifications.

        :raises Unsupported: this calendar (or this address) has none: poll it
        """

    def unwatch(self, channel: Channel) -> None:
        """End a subscription. An unknown one is a success."""

    def check(self, calendar_ids: Sequence[str]) -> None:
        """Is what is listed of these calendars up to date (only where ``forgetful``)?

        :raises AuthExpired: the provider itself cannot reach one of them any more
        """

    def channels(self) -> list[Channel]:
        """The open subscriptions of this application (only where ``forgetful``)."""

    def permissions_url(self, calendar_ids: Sequence[str], *, redirect_uri: str) -> str:
        """Where the person allows that appointments of their own in these calendars are
        changed; "" where nobody has to be asked (only where some are ``restricted``).
        """

    def conferencing_url(self, *, redirect_uri: str, provider_name: str = "") -> str:
        """Where the person connects a video service (only with ``profiles``)."""

    def conferencing_profiles(self) -> dict[str, str]:
        """{profile id: service} of what is connected (only with ``profiles``)."""

    def close(self) -> None:
        """Give the connection back."""
