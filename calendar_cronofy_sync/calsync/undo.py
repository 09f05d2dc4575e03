"""Bringing a remote event back: what is left to do, and what stands in the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .errors import Conflict, Gone, NotFound, SyncError
from .plan import alike
from .values import FIELD_NAMES, Outcome, RemoteEvent, Write, changed

Present = RemoteEvent | SyncError


def way_back(
    write: Write, present: Present, known: Callable[[RemoteEvent], bool]
) -> Write | Outcome:
    """The write, for the version that is there now; its outcome where the event is as
    it should be already (a write before may have lost its answer).

    :param present: what the provider says about ``write.remote_id``
    :param known: is this version the one that we know?
    :raises Conflict: the event was changed by somebody else
    :raises SyncError: nothing is known of the event
    """
    if absent(present):
        if write.verb == "patch":
            raise Conflict
        return write if write.verb == "insert" else Outcome(key=write.key)
    if isinstance(present, SyncError):
        if write.verb == "insert" and isinstance(present, NotFound):
            return write  # an id of ours that was never seen
        raise present
    if write.verb != "delete" and _says(present, write):
        return Outcome(key=write.key, event=present)
    if write.verb == "insert" or not known(present):
        raise Conflict
    names = frozenset[str]()
    if write.verb == "patch":
        names = changed(present.fields, write.fields)
    return replace(write, etag=present.etag, changed=names)


def absent(present: Present) -> bool:
    """Is it confirmed that there is no such event?"""
    if isinstance(present, RemoteEvent):
        return present.cancelled
    return isinstance(present, Gone)


def _says(present: RemoteEvent, write: Write) -> bool:
    """Does the event say what is to be written?"""
    return present.fields is not None and all(
        alike(name, getattr(present.fields, name), getattr(write.fields, name))
        for name in FIELD_NAMES
    )
