"""Listings with their pages and sync tokens, for events and everything else."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..kit import Response
from . import errors, recurrence
from .calls import Call
from .discovery import timestamp
from .events import Events
from .moments import instance_id
from .store import Calendar, Copy, Store, at_least, rfc3339
from .tokens import digest, seal, unseal
from .views import view

HORIZON = timedelta(days=730)  # how far an endless series is expanded
UPDATED_MIN_REACH = timedelta(days=28)
NOT_WITH_TOKEN = (
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
)
SAME_WITH_TOKEN = ("singleEvents", "eventTypes", "showHiddenInvitations")
NO_TOKEN_WITH = ("iCalUID", "orderBy", "q", "updatedMin") + tuple(
    name for name in NOT_WITH_TOKEN if name.endswith("ExtendedProperty")
)
MAX_EVENTS, MAX_OTHERS = 2500, 250


@dataclass
class Paging:
    """Switches that all listings obey."""

    page_size: int | None = None
    """No page is longer than this, whatever the client asks for."""
    empty_pages: int = 0
    """So many empty pages come before the first item of every listing."""
    scrambled: bool = False
    """A full listing comes in an order in which exceptions may precede masters."""
    window_in_token: bool = False
    """The sync token remembers timeMin and timeMax of the first listing."""
    token_lifetime: float | None = None
    """Seconds after which a sync token is answered with 410."""
    blank: bool = False
    """Every listing is empty, as after a mishap of the server."""
    tombstones: bool = False
    """Full lists carry deleted single events, too, with nothing but id and status
    (fixtures of gcal_sync and Home Assistant)."""
    query_in_token: bool = False
    """Later pages may leave out the query, which the documentation has clients repeat:
    there are some that do not, and live on it."""


Row = tuple[list, Any]
"""A sort key that JSON can carry, and what is listed there."""


class Lister:
    """Cuts rows into pages and ends with a sync token."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.paging = Paging()
        self._queries: dict[str, Mapping[str, Any]] = {}
        """The arguments behind each digest in a page token."""

    def resumed(self, call: Call) -> Call:
        """The call with what it left out of the query that its page token continues."""
        state = unseal("page", call.args.get("pageToken", ""))
        if not state or not self.paging.query_in_token:
            return call
        left_out = self._queries.get(state["query"], {})
        return replace(call, args={**left_out, **call.args})

    def page(
        self,
        call: Call,
        resource: str,
        rows: Callable[[int], Iterable[Row]],
        cap: int,
        default: int,
        sync: dict | None = None,
    ) -> tuple[list, dict]:
        """The things on this page, and the token fields of the answer.

        :param rows: from the highest change number to be listed to the rows
        :param sync: what the sync token is to remember; None = there is none
        """
        query = digest(f"{call.user}/{resource}", call.args)
        if self.paging.query_in_token:
            self._queries[query] = call.args
        state = {"upto": self.store.changes, "empty": self.paging.empty_pages}
        after = None
        if token := call.args.get("pageToken"):
            state = unseal("page", token)
            if state is None or state["query"] != query:
                raise errors.invalid("Invalid page token value.", "pageToken")
            after = state["after"]
        ordered = sorted(
            (row for row in rows(state["upto"]) if after is None or row[0] > after),
            key=lambda row: row[0],
        )
        if self.paging.blank:
            ordered = []
        if state["empty"]:
            token = seal(
                "page",
                query=query,
                after=after,
                upto=state["upto"],
                empty=state["empty"] - 1,
            )
            return [], {"nextPageToken": token}
        size = min(call.args.get("maxResults") or default, cap)
        size = min(size, self.paging.page_size or size)
        page, rest = ordered[:size], ordered[size:]
        if rest:
            token = seal(
                "page", query=query, after=page[-1][0], upto=state["upto"], empty=0
            )
            return [thing for _key, thing in page], {"nextPageToken": token}
        ending = {}
        if sync is not None:
            ending["nextSyncToken"] = self._sync_token(
                call, resource, state["upto"], sync
            )
        return [thing for _key, thing in page], ending

    def _sync_token(self, call: Call, resource: str, upto: int, sync: dict) -> str:
        return seal(
            "sync",
            of=f"{call.user}/{resource}",
            change=upto,
            epoch=self.store.token_epoch,
            at=self.store.clock.now().timestamp(),
            **sync,
        )

    def since(self, call: Call, resource: str, epoch: int = 0) -> dict | None:
        """What the request's sync token remembers; None without one; or a Refusal."""
        token = call.args.get("syncToken")
        if token is None:
            return None
        known = unseal("sync", token)
        if known is None or known["of"] != f"{call.user}/{resource}":
            raise errors.invalid("Invalid sync token value.", "syncToken")
        age = self.store.clock.now().timestamp() - known["at"]
        too_old = self.paging.token_lifetime and age > self.paging.token_lifetime
        if (
            too_old
            or known["epoch"] != self.store.token_epoch
            or known.get("calendar_epoch", 0) != epoch
        ):
            raise errors.full_sync_required()
        return known

    def refuse_with_token(self, call: Call, names: Iterable[str]) -> None:
        given = [name for name in names if name in call.args]
        if given and "syncToken" in call.args:
            raise errors.refuse(
                400,
                "invalid",
                "Sync token cannot be used with other request restrictions.",
                "global",
                given[0],
            )


class EventLists:
    """events.list and events.instances."""

    def __init__(self, store: Store, events: Events, lister: Lister) -> None:
        self.store, self.events, self.lister = store, events, lister

    # --------------------------------------------------------------------------- list

    def listing(self, call: Call) -> Response:
        calendar, role = call.calendar_and_role()
        call = self.lister.resumed(call)
        self._check(call)
        resource = f"events/{calendar.id}"
        known = self.lister.since(call, resource, calendar.token_epoch)
        singles = role == "freeBusyReader" or call.args.get("singleEvents", False)
        if known and known["same"] != self._same(call):
            raise errors.refuse(
                400,
                "invalid",
                "Sync token cannot be used with other request restrictions.",
                "global",
                "syncToken",
            )
        wanted = _Wanted(self.store, calendar, call, known, singles)
        wanted.tombstones = self.lister.paging.tombstones
        sync = None
        if not any(name in call.args for name in NO_TOKEN_WITH):
            sync = {
                "same": self._same(call),
                "calendar_epoch": calendar.token_epoch,
                "window": known["window"] if known else self._window(call),
            }
        page, ending = self.lister.page(
            call,
            resource,
            lambda upto: self._rows(calendar, wanted, upto),
            MAX_EVENTS,
            250,
            sync,
        )
        items = [self._show(copy, calendar, role, call, wanted) for copy in page]
        return Response(200, {**self._head(call, calendar, role, items), **ending})

    def _same(self, call: Call) -> dict:
        return {name: call.args.get(name) or None for name in SAME_WITH_TOKEN}

    def _window(self, call: Call) -> list | None:
        if not self.lister.paging.window_in_token:
            return None
        ends = (call.args.get("timeMin"), call.args.get("timeMax"))
        return [end and end.isoformat() for end in ends]

    def _check(self, call: Call) -> None:
        self.lister.refuse_with_token(call, NOT_WITH_TOKEN)
        if call.args.get("showDeleted") is False:
            self.lister.refuse_with_token(call, ["showDeleted"])
        if call.args.get("orderBy") == "startTime" and not call.args.get(
            "singleEvents"
        ):
            raise errors.refuse(
                400,
                "badRequest",
                "The requested ordering is not available for the particular query.",
                "calendar",
                "orderBy",
            )
        low, high = call.args.get("timeMin"), call.args.get("timeMax")
        if low and high and low >= high:
            raise errors.refuse(
                400,
                "timeRangeEmpty",
                "The specified time range is empty.",
                "calendar",
                "timeMax",
            )
        reach = self.store.clock.now() - UPDATED_MIN_REACH
        if call.args.get("updatedMin") and call.args["updatedMin"] < reach:
            raise errors.refuse(
                410,
                "updatedMinTooLongAgo",
                "The requested minimum modification time lies too far in the past.",
                "calendar",
                "updatedMin",
            )

    def _rows(self, calendar: Calendar, wanted: "_Wanted", upto: int) -> Iterator[Row]:
        key = self._key(calendar, wanted)
        for copy in wanted.candidates(upto):
            if not (copy.is_series and wanted.singles):
                if wanted.has(copy):
                    yield key(copy), copy
                continue
            for instance in self.expand(copy, wanted.low, wanted.high):
                if wanted.has(instance):
                    yield key(instance), instance

    def _key(
        self, calendar: Calendar, wanted: "_Wanted"
    ) -> Callable[[Copy], list[Any]]:
        if wanted.order == "startTime":
            tz = calendar.timezone
            return lambda copy: [copy.start.instant(tz).timestamp(), copy.id]
        if wanted.order == "updated":
            return lambda copy: [copy.updated.timestamp(), copy.id]
        if wanted.since is not None:
            return lambda copy: [copy.change, copy.id]
        if self.lister.paging.scrambled:
            return lambda copy: [zlib.crc32(copy.id.encode()), copy.id]
        return lambda copy: [copy.seq, copy.id]

    def expand(
        self, master: Copy, low: datetime | None, high: datetime | None
    ) -> Iterator[Copy]:
        """The occurrences that are no exceptions, overlapping [low, high)."""
        calendar = self.store.calendars[master.calendar]
        family = calendar.families.get(master.id, {})
        high = high or self.store.clock.now() + HORIZON
        tz = calendar.timezone
        for start in recurrence.starts(master.fields["recurrence"], master.start):
            if start.instant(tz) >= high:
                return
            if low and start.plus(master.duration).instant(tz) <= low:
                continue
            if instance_id(master.id, start) not in family:
                yield self.events.instance(master, start)

    def _show(
        self, copy: Copy, calendar: Calendar, role: str, call: Call, wanted: "_Wanted"
    ) -> dict:
        bare = copy.cancelled and not wanted.show_deleted
        bare = bare and (wanted.since is not None or not copy.is_series)
        return view(
            copy,
            calendar,
            role,
            call.user,
            tz=call.args.get("timeZone"),
            max_attendees=call.args.get("maxAttendees"),
            bare=bare,
        )

    def _head(self, call: Call, calendar: Calendar, role: str, items: list) -> dict:
        entry = self.store.entries.get((call.user, calendar.id))
        last = calendar.events[next(reversed(calendar.log))] if calendar.log else None
        head = {
            "kind": "calendar#events",
            "etag": f'"list-{last.change if last else 0}"',
            "summary": calendar.fields.get("summary", ""),
            "updated": rfc3339(last.updated if last else self.store.clock.now()),
            "timeZone": call.args.get("timeZone") or calendar.timezone,
            "accessRole": role,
            "defaultReminders": entry.fields.get("defaultReminders", [])
            if entry
            else [],
            "items": items,
        }
        if calendar.fields.get("description"):
            head["description"] = calendar.fields["description"]
        return head

    # ---------------------------------------------------------------------- instances

    def instances(self, call: Call) -> Response:
        calendar, role = call.calendar_and_role()
        copy = self.events.find(calendar, call.path["eventId"])
        found = sorted(
            self._instances(copy, calendar, call),
            key=lambda c: (c.original or c.start).instant(calendar.timezone),
        )
        rows = [[[number], instance] for number, instance in enumerate(found)]
        page, ending = self.lister.page(
            call, f"instances/{copy.id}", lambda _upto: rows, MAX_EVENTS, 250
        )
        items = [
            view(
                instance,
                calendar,
                role,
                call.user,
                tz=call.args.get("timeZone"),
                max_attendees=call.args.get("maxAttendees"),
            )
            for instance in page
        ]
        return Response(200, {**self._head(call, calendar, role, items), **ending})

    def _instances(self, copy: Copy, calendar: Calendar, call: Call) -> Iterator[Copy]:
        low, high = call.args.get("timeMin"), call.args.get("timeMax")
        deleted = call.args.get("showDeleted", False)
        if copy.master_id:
            family = [copy]
        else:
            family = calendar.exceptions(copy.id)
            if copy.is_series and (deleted or not copy.cancelled):
                family += self.expand(copy, low, high)
        wanted = call.args.get("originalStart")
        tz = calendar.timezone
        for instance in family:
            if instance.cancelled and not deleted:
                continue
            if wanted and not _starts_at(instance, wanted):
                continue
            start, stop = instance.start.instant(tz), instance.stop.instant(tz)
            if (low and stop < low) or (high and start >= high):
                continue
            yield instance


class _Wanted:
    """Which copies a listing is about."""

    def __init__(
        self,
        store: Store,
        calendar: Calendar,
        call: Call,
        known: dict | None,
        singles: bool,
    ) -> None:
        args = call.args
        self.store, self.calendar, self.user = store, calendar, call.user
        self.singles, self.tombstones = singles, False
        self.since = known["change"] if known else None
        self.low, self.high = args.get("timeMin"), args.get("timeMax")
        if known and known["window"]:
            self.low, self.high = (at and timestamp(at) for at in known["window"])
        self.show_deleted = args.get("showDeleted", False)
        self.updated_min = args.get("updatedMin")
        self.with_deleted = (
            self.show_deleted or self.since is not None or bool(self.updated_min)
        )
        self.order = args.get("orderBy")
        self.kinds = args.get("eventTypes")
        self.uid = args.get("iCalUID")
        self.text = (args.get("q") or "").lower()
        self.properties = [
            (kind, *text.split("=", 1))
            for kind in ("private", "shared")
            for text in args.get(f"{kind}ExtendedProperty", ())
            if "=" in text
        ]
        self.hides = not at_least(store.role(calendar, call.user), "reader")

    def candidates(self, upto: int) -> Iterable[Copy]:
        """Cheap first cut; what changes after `upto` comes with the next token."""
        if self.since is None:
            return list(self.calendar.events.values())
        changed = self.calendar.changed_since(self.since)
        return [copy for copy in changed if copy.change <= upto]

    def has(self, copy: Copy) -> bool:
        return (
            self._alive_enough(copy)
            and self._in_window(copy)
            and (not self.kinds or copy.fields.get("eventType") in self.kinds)
            and (not self.uid or copy.fields.get("iCalUID") == self.uid)
            and (not self.updated_min or copy.updated >= self.updated_min)
            and (not self.text or self._speaks_of(copy))
            and (not self.properties or self._carries(copy))
        )

    def _alive_enough(self, copy: Copy) -> bool:
        if not copy.cancelled:
            return True
        if self.with_deleted:
            return not (self.singles and copy.is_series)
        if self.singles:
            return False
        if not copy.master_id:
            # since May 2025 cancelled series come, whatever was asked for
            # (OutlookGoogleCalendarSync #2123, #2124; issuetracker 421559834)
            return copy.is_series or self.tombstones
        master = self.calendar.events.get(copy.master_id)
        return master is not None and not master.cancelled

    def _in_window(self, copy: Copy) -> bool:
        if not (self.low or self.high) or (
            copy.cancelled
            and (self.since is not None or copy.is_series or self.tombstones)
        ):
            return True
        start, stop = self.store.span(copy)
        return not (self.low and stop <= self.low) and not (
            self.high and start >= self.high
        )

    def _speaks_of(self, copy: Copy) -> bool:
        fields = copy.fields
        texts = [
            fields.get(name, "") for name in ("summary", "description", "location")
        ]
        for person in (*fields.get("attendees", ()), fields.get("organizer", {})):
            texts += [person.get("email", ""), person.get("displayName", "")]
        return not self.hides and self.text in " ".join(texts).lower()

    def _carries(self, copy: Copy) -> bool:
        extended = copy.fields.get("extendedProperties") or {}
        return all(
            (extended.get(kind) or {}).get(key) == value
            for kind, key, value in self.properties
        )


def _starts_at(copy: Copy, text: str) -> bool:
    """Is this the instance that originally starts at `text` (date or date-time)?"""
    original = copy.original or copy.start
    if original.day is not None:
        return original.day.isoformat() == text[:10]
    try:
        return original.at == timestamp(text)
    except ValueError:
        raise errors.invalid("Invalid original start.", "originalStart") from None
