"""What is left to do to bring a remote event back, as a table."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from calsync.errors import Conflict, Gone, NotFound, Unavailable
from calsync.undo import way_back
from calsync.values import FIELD_NAMES, Fields, Outcome, RemoteEvent, When, Write

START = datetime(2026, 3, 30, 9, tzinfo=timezone.utc)
BEFORE = Fields(name="Lunch", when=When(START, START + timedelta(hours=1)))
KNOWN = RemoteEvent(
    remote_id="lunch", etag='"2"', fields=replace(BEFORE, name="Late lunch")
)
OTHER = replace(KNOWN, etag='"3"')
BACK = replace(OTHER, fields=BEFORE)
DELETED = replace(KNOWN, status="cancelled")

DELETE = Write(verb="delete", key=1, remote_id="lunch")
INSERT = Write(verb="insert", key=1, remote_id="lunch", fields=BEFORE)
PATCH = replace(INSERT, verb="patch", changed=frozenset(FIELD_NAMES))
DONE = Outcome(key=1)


@pytest.mark.parametrize(
    "write, present, expected",
    [
        (DELETE, KNOWN, replace(DELETE, etag='"2"')),
        (DELETE, OTHER, Conflict),
        (DELETE, BACK, Conflict),
        (DELETE, DELETED, DONE),
        (DELETE, Gone(), DONE),
        (DELETE, NotFound(), NotFound),
        (DELETE, Unavailable(), Unavailable),
        (PATCH, KNOWN, replace(PATCH, etag='"2"', changed=frozenset({"name"}))),
        (PATCH, OTHER, Conflict),
        (PATCH, replace(OTHER, fields=None), Conflict),
        (PATCH, BACK, Outcome(key=1, event=BACK)),
        (PATCH, DELETED, Conflict),
        (PATCH, Gone(), Conflict),
        (PATCH, NotFound(), NotFound),
        (PATCH, Unavailable(), Unavailable),
        (INSERT, Gone(), INSERT),
        (INSERT, NotFound(), INSERT),
        (INSERT, BACK, Outcome(key=1, event=BACK)),
        (INSERT, KNOWN, Conflict),
        (INSERT, OTHER, Conflict),
        (INSERT, Unavailable(), Unavailable),
    ],
)
def test_what_is_left_to_do(write, present, expected):
    def known(event):
        return event.etag == '"2"'

    if isinstance(expected, type):
        with pytest.raises(expected):
            way_back(write, present, known)
    else:
        assert way_back(write, present, known) == expected
