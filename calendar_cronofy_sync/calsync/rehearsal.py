"""A provider that answers reads truly and only pretends to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .providers.base import Provider
from .values import FIELD_NAMES, Outcome, RemoteEvent, Write


class Rehearsal:
    """Everything that is read comes from ``provider``; writes succeed without being
    sent.

    What was "written" is remembered, so that a later read of it in the same rehearsal
    agrees.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._written: dict[str, RemoteEvent] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

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
