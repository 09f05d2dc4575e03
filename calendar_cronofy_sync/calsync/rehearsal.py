"""A provider that answers reads truly and only pretends to write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from .errors import SyncError, TokenInvalid
from .providers.base import Provider
from .values import FIELD_NAMES, Outcome, Page, RemoteEvent, Window, Write


class Rehearsal:
    """Everything that is read comes from ``provider``; writes succeed without being
    sent.

    Listings can be fetched beforehand, so that nobody waits for the network later. What
    was "written" is remembered, so that a later read of it in the same rehearsal
    agrees.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._written: dict[str, RemoteEvent] = {}
        #: what was fetched: {(calendar, token): pages, and what ended them}
        self._fetched: dict[tuple[str, str], tuple[list[Page], SyncError | None]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def fetch(self, calendar_id: str, token: str, window: Window) -> SyncError | None:
        """Fetch a listing for :meth:`changes`, that of everything too where the token
        is dead.

        :return: what ended it early; :meth:`changes` raises that in its place
        """
        pages: list[Page] = []
        error = None
        try:
            for page in self._provider.changes(calendar_id, token, window):
                pages.append(page)  # those before an error count
        except SyncError as err:
            error = err
        self._fetched[calendar_id, token] = pages, error
        if token and isinstance(error, TokenInvalid):
            return self.fetch(calendar_id, "", window)
        return error

    def changes(self, calendar_id: str, token: str, window: Window) -> Iterator[Page]:
        if (calendar_id, token) not in self._fetched:
            yield from self._provider.changes(calendar_id, token, window)
            return
        pages, error = self._fetched[calendar_id, token]
        yield from pages
        if error:
            raise error

    def push(self, calendar_id: str, writes: Sequence[Write]) -> list[Outcome]:
        return [
            Outcome(key=write.key, event=self._pretend(calendar_id, write))
            for write in writes
        ]

    def _pretend(self, calendar_id: str, write: Write) -> RemoteEvent | None:
        if write.verb == "delete" or write.fields is None:
            return None
        known = self._written.get(write.remote_id)
        known = known or RemoteEvent(remote_id=write.remote_id, fields=write.fields)
        names = FIELD_NAMES if write.verb == "insert" else write.changed
        values = {name: getattr(write.fields, name) for name in names}
        event = replace(
            known,
            etag=f"rehearsed-{len(self._written)}",
            fields=replace(known.fields, **values),
            recurrence=write.recurrence or known.recurrence,
        )
        self._written[write.remote_id] = event
        return event
