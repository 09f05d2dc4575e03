"""Events: get, insert, import, patch, update, delete, move."""

import re
import uuid
from datetime import timedelta
from typing import Any

from ..habits import Habits
from ..kit import Response
from . import errors, normal, recurrence
from .calls import Call
from .content import Change, changed_names, check_kind, content, merge_patch
from .guests import Guests
from .moments import Moment, base_id, instance_id, split_instance_id
from .shape import DEFAULTS, PERSONAL, PRIVATE, WRITABLE
from .store import Calendar, Copy, Store
from .views import view

WRITER = "writerWithoutPrivateAccess"
CLIENT_ID = re.compile(r"[a-v0-9]{5,1024}\Z")


def _hiding(fields: dict) -> int:
    """The more, the less can others see."""
    visibility = fields.get("visibility", "default")
    return 2 if visibility in PRIVATE else ("public", "default").index(visibility)


class Events:
    """The methods of the ``events`` collection that treat one event."""

    def __init__(self, store: Store, guests: Guests) -> None:
        self.store = store
        self.guests = guests
        self.habits = Habits()
        self.move_says_cancelled = True
        self.none_delete_leaves_guests = True
        self.tail_addresses = False
        """Is ``<id>_R…_<time>`` an address? Nobody has recorded an answer to it."""

    # ------------------------------------------------------------------------ reading

    def get(self, call: Call) -> Response:
        calendar, role = call.calendar_and_role()
        copy = self.find(calendar, call.path["eventId"])
        if call.if_none_match == copy.etag:
            return Response(304, headers={"ETag": copy.etag})
        return self.answer(call, calendar, copy, role)

    def find(self, calendar: Calendar, event_id: str) -> Copy:
        """The copy with this id, also an instance that is no exception; or 404."""
        copy = calendar.events.get(event_id)
        if copy is None:
            copy = self._instance_by_id(calendar, event_id)
        if copy is None:
            raise errors.not_found()
        return copy

    def _instance_by_id(self, calendar: Calendar, event_id: str) -> Copy | None:
        parts = split_instance_id(event_id)
        for master in self._named(calendar, parts[0]) if parts else ():
            original = parts[1]
            if original.at is not None:
                original = Moment(at=original.at, zone=master.start.zone)
            lines = master.fields["recurrence"]
            if recurrence.contains(lines, master.start, original):
                known = calendar.events.get(instance_id(master.id, original))
                return known or self.instance(master, original)
        return None

    def _named(self, calendar: Calendar, named: str) -> list[Copy]:
        """The series whose occurrences are called so."""
        if base_id(named) != named:
            found = [calendar.events.get(named)] if self.tail_addresses else []
        else:
            found = [
                copy
                for copy in calendar.events.values()
                if copy.id.startswith(named) and base_id(copy.id) == named
            ]
        return [copy for copy in found if copy and copy.is_series]

    def instance(self, master: Copy, original: Moment) -> Copy:
        """The occurrence as a copy of its own, not stored."""
        fields = {**master.fields, "recurringEventId": master.id}
        del fields["recurrence"]
        return Copy(
            id=instance_id(master.id, original),
            calendar=master.calendar,
            fields=fields,
            start=original,
            stop=original.plus(self._length(master, original)),
            original=original,
            bare=master.bare,
            seq=master.seq,
            change=master.change,
            created=master.created,
            updated=master.updated,
        )

    def _length(self, master: Copy, original: Moment) -> timedelta:
        periods = recurrence.lengths(master.fields["recurrence"], master.start)
        return periods.get(original.local(), master.duration)

    def shown_to_owner(self, copy: Copy, calendar: Calendar) -> dict:
        return view(copy, calendar, "owner", calendar.owner)

    def answer(
        self, call: Call, calendar: Calendar, copy: Copy, role: str, **changes: Any
    ) -> Response:
        shown = view(
            copy,
            calendar,
            role,
            call.user,
            tz=call.args.get("timeZone"),
            max_attendees=call.args.get("maxAttendees"),
        )
        return Response(200, {**shown, **changes}, headers={"ETag": copy.etag})

    # ------------------------------------------------------------------------ writing

    def insert(self, call: Call) -> Response:
        calendar = call.calendar(WRITER)
        copy = self.create(call, calendar)
        self.guests.spread(copy, [], call.args, call.user)
        return self.answer(call, calendar, copy, self.store.role(calendar, call.user))

    def create(self, call: Call, calendar: Calendar) -> Copy:
        body = call.body
        event_id = self._new_id(calendar, body)
        kind = body.get("eventType") or "default"
        check_kind(kind, body, calendar)
        fields, start, stop = self._kept(event_id, *content(body, calendar, call.args))
        now_user = self.store.users[call.user]
        creator = {"email": now_user.email}
        organizer = {"email": calendar.id}
        if not calendar.primary:
            organizer["displayName"] = calendar.fields["summary"]
        fields = {
            "status": "confirmed",
            **fields,
            "eventType": kind,
            "iCalUID": body.get("iCalUID") or f"{event_id}@google.com",
            "sequence": int(body.get("sequence") or 0),
            "creator": creator,
            "organizer": organizer,
        }
        return self.store.put(Copy(event_id, calendar.id, fields, start, stop))

    def _new_id(self, calendar: Calendar, body: dict) -> str:
        event_id = body.get("id")
        if not event_id:
            foreign = self.store.users[calendar.owner].outside
            return ("_" if foreign else "") + uuid.uuid4().hex[:26]
        # the same words for both (google-calendar-mcp, notes of a live test;
        # DeskcommCRM #467)
        if not CLIENT_ID.match(event_id) or body.get("iCalUID"):
            raise errors.invalid("Invalid resource id value.")
        if event_id in calendar.events:
            raise errors.refuse(
                409, "duplicate", "The requested identifier already exists."
            )
        return event_id

    def import_(self, call: Call) -> Response:
        calendar = call.calendar(WRITER)
        body = dict(call.body)
        if body.get("id"):
            raise errors.invalid("Invalid resource id value.")
        if not body.get("iCalUID"):
            raise errors.required("Missing iCalUID.")
        body["eventType"] = "default"
        organizer = (body.get("organizer") or {}).get("email") or calendar.id
        emails = [row.get("email") for row in body.get("attendees") or ()]
        if calendar.id not in (organizer, *emails):
            raise errors.refuse(
                400,
                "participantIsNeitherOrganizerNorAttendee",
                "The owner of the calendar must either be the organizer or an"
                " attendee of an event that is imported.",
                "calendar",
            )
        fields, start, stop = content(body, calendar, call.args)
        known = self._by_ical_uid(calendar, body["iCalUID"])
        copy = known or Copy("_" + uuid.uuid4().hex[:25], calendar.id, {}, start, stop)
        copy.start, copy.stop, copy.bare = start, stop, False
        copy.fields = {
            "status": "confirmed",
            **fields,
            "eventType": "default",
            "iCalUID": body["iCalUID"],
            "sequence": int(body.get("sequence") or 0),
            "creator": {"email": call.user},
            "organizer": {**(body.get("organizer") or {}), "email": organizer},
            "privateCopy": organizer != calendar.id,
        }
        self.store.put(copy)
        return self.answer(call, calendar, copy, self.store.role(calendar, call.user))

    def _by_ical_uid(self, calendar: Calendar, uid: str) -> Copy | None:
        for copy in calendar.events.values():
            if copy.fields.get("iCalUID") == uid and not copy.master_id:
                return copy
        return None

    def patch(self, call: Call) -> Response:
        return self._write(call, merge=True)

    def update(self, call: Call) -> Response:
        return self._write(call, merge=False)

    def _write(self, call: Call, merge: bool) -> Response:
        calendar = call.calendar(WRITER)
        copy = self.find(calendar, call.path["eventId"])
        call.check_etag(copy.etag)
        role = self.store.role(calendar, call.user)
        self._check_untouchable(copy, call.body)
        if call.body.get("status") == "cancelled" and not copy.cancelled:
            self._remove(call, copy)
            return self.answer(call, calendar, copy, role)
        body = self._merged(copy, call.body) if merge else call.body
        self._change(call, calendar, copy, body)
        return self.answer(call, calendar, self.find(calendar, copy.id), role)

    def _merged(self, copy: Copy, patch: dict) -> dict:
        base = {name: copy.fields[name] for name in WRITABLE if name in copy.fields}
        tz = self.store.calendars[copy.calendar].timezone
        base["start"], base["end"] = copy.start.json(tz), copy.stop.json(tz)
        if patch.get("attendeesOmitted") and patch.get("attendees"):
            rows = {row["email"]: row for row in base.get("attendees", ())}
            for row in patch["attendees"]:
                email = (row.get("email") or "").lower()
                rows[email] = {**rows.get(email, {}), **row}
            patch = {**patch, "attendees": list(rows.values())}
        return merge_patch(base, patch)

    def _check_untouchable(self, copy: Copy, body: dict) -> None:
        kind = body.get("eventType")
        if kind and kind != copy.fields.get("eventType", "default"):
            raise errors.refuse(
                400,
                "eventTypeRestriction",
                "Event type cannot be changed.",
                "calendar",
            )
        organizer = (body.get("organizer") or {}).get("email")
        if organizer and organizer.lower() != copy.organizer:
            raise errors.refuse(
                403, "cannotChangeOrganizer", "Cannot change the organizer."
            )
        uid = body.get("iCalUID")
        if uid and uid != copy.fields.get("iCalUID"):
            raise errors.invalid("The iCalUID of an event cannot be changed.")
        given = body.get("sequence")
        if given is not None and int(given) < copy.fields.get("sequence", 0):
            raise errors.invalid(
                "Invalid sequence value. The specified sequence number is below the"
                " current sequence number of the resource. Re-fetch the resource and"
                " use its sequence number on the following request."
            )

    def _change(self, call: Call, calendar: Calendar, copy: Copy, body: dict) -> None:
        fields, start, stop = self._kept(
            copy.id, *content(body, calendar, call.args, copy), copy
        )
        fields = self._no_more_visible(copy, fields)
        given = int(body.get("sequence") or 0)
        change = Change(fields, start, stop, changed_names(copy, fields), given)
        if (start, stop) != (copy.start, copy.stop):
            change.names.add("time")
        if given > copy.fields.get("sequence", 0):
            change.names.add("sequence")
        if not change.names:
            return
        if copy.cancelled and copy.bare and not copy.master_id:
            raise errors.refuse(403, "forbidden", "Forbidden")
        if not self.guests.is_guest(copy):
            self._apply(call, copy, change)
        elif self.guests.may_change_all(copy, change):
            self._apply(call, self.guests.organizers(copy) or copy, change)
            self.guests.change_own(copy, change, call)
        else:
            self.guests.change_own(copy, change, call)
        self._hide_series(copy)

    def _kept(
        self,
        event_id: str,
        fields: dict,
        start: Moment,
        stop: Moment,
        copy: Copy | None = None,
    ) -> tuple[dict, Moment, Moment]:
        """What Google makes of the fields that it was sent."""
        before = copy and {**copy.fields, "time": (copy.start, copy.stop)}
        sent = {**fields, "time": (start, stop)}
        kept = self.habits.apply(event_id, sent, before)
        start, stop = kept.pop("time")
        kept = {k: v for k, v in kept.items() if DEFAULTS.get(k) != v}
        return normal.strip_empty(kept), start, stop

    def _no_more_visible(self, copy: Copy, fields: dict) -> dict:
        """One occurrence cannot be more visible than its series: that is ignored."""
        # Google Calendar API, release notes of 2026-07-07
        if not copy.master_id or _hiding(fields) >= _hiding(copy.fields):
            return fields
        kept = {k: v for k, v in fields.items() if k != "visibility"}
        old = copy.fields.get("visibility")
        return {**kept, "visibility": old} if old else kept

    def _hide_series(self, copy: Copy) -> None:
        """One that is less visible takes its series along."""
        # Google Calendar API, release notes of 2026-07-07
        calendar = self.store.calendars[copy.calendar]
        master = calendar.events.get(copy.master_id or "")
        if master and _hiding(copy.fields) > _hiding(master.fields):
            shown = {"visibility": copy.fields.get("visibility")}
            for one in [master, *calendar.exceptions(master.id)]:
                if not one.cancelled:
                    one.fields = normal.strip_empty({**one.fields, **shown})
                    self.store.put(one)

    def change(self, call: Call, calendar: Calendar, copy: Copy, patch: dict) -> None:
        """Patch it, asked or not."""
        self._change(call, calendar, copy, self._merged(copy, patch))

    def _apply(self, call: Call, copy: Copy, change: Change) -> None:
        """Change the organizer's copy, and with it the series and the guests."""
        before = list(copy.fields.get("attendees", ()))
        sequence = max(copy.fields.get("sequence", 0), change.sequence)
        if change.names & {"time", "recurrence"} and "sequence" not in change.names:
            sequence += 1
        was_series = copy.is_series
        kept = {k: v for k, v in copy.fields.items() if k not in WRITABLE}
        copy.fields = {
            "status": "confirmed",
            **kept,
            **change.fields,
            "sequence": sequence,
        }
        copy.start, copy.stop, copy.bare = change.start, change.stop, False
        self.store.put(copy, updated=change.names != {"reminders"})
        if copy.is_series or was_series:
            self._follow_master(copy, change.names)
        if shared := change.names - set(PERSONAL):
            self.guests.spread(copy, before, call.args, call.user, shared)

    def _follow_master(self, master: Copy, changed: set[str]) -> None:
        """Exceptions take over what changed in the series, and lose their place."""
        calendar = self.store.calendars[master.calendar]
        lines = master.fields.get("recurrence", [])
        for copy in calendar.exceptions(master.id):
            moved = changed & {"time", "recurrence"}
            if moved and not recurrence.contains(lines, master.start, copy.original):
                copy.fields = {**copy.fields, "status": "cancelled"}
                copy.bare = True
            else:
                taken = {
                    name: master.fields.get(name)
                    for name in changed - {"time", "recurrence", "status", "reminders"}
                    if name in WRITABLE
                }
                copy.fields = normal.strip_empty({**copy.fields, **taken})
            self.store.put(copy)

    # ----------------------------------------------------------------------- removing

    def delete(self, call: Call) -> Response:
        calendar = call.calendar(WRITER)
        copy = self.find(calendar, call.path["eventId"])
        if copy.cancelled:
            raise errors.refuse(410, "deleted", "Resource has been deleted")
        call.check_etag(copy.etag)
        self._remove(call, copy)
        return Response(204)

    def _remove(self, call: Call, copy: Copy) -> None:
        guest = self.guests.is_guest(copy)
        if guest and copy.attendee(copy.calendar):
            self.guests.decline(copy, call)
        self.cancel(copy, bare=bool(copy.master_id))
        if not guest:
            self.guests.call_off(copy, call, self.none_delete_leaves_guests)

    def cancel(self, copy: Copy, bare: bool) -> None:
        """Make the copy a tombstone, and its exceptions too."""
        copy.fields = {**copy.fields, "status": "cancelled"}
        copy.bare = bare
        self.store.put(copy)
        for exception in self.store.calendars[copy.calendar].exceptions(copy.id):
            if not exception.cancelled:
                exception.fields = {**exception.fields, "status": "cancelled"}
                exception.bare = True
                self.store.put(exception)

    def move(self, call: Call) -> Response:
        source = call.calendar(WRITER)
        target = call.calendar(WRITER, call.args["destination"])
        copy = self.find(source, call.path["eventId"])
        call.check_etag(copy.etag)
        if copy.cancelled:
            raise errors.refuse(410, "deleted", "Resource has been deleted")
        if copy.master_id:
            raise errors.refuse(
                400,
                "cannotChangeOrganizerOfInstance",
                "Cannot change the organizer of an instance.",
                "calendar",
            )
        if copy.fields.get("eventType", "default") != "default":
            raise errors.refuse(
                400, "eventTypeRestriction", "Only default events can be moved."
            )
        if not copy.is_organizers:
            raise self.guests.not_organizer()
        if target is not source:
            self._rehome(copy, source, target)
        role = self.store.role(target, call.user)
        moved = target.events[copy.id]
        said = {"status": "cancelled"} if self.move_says_cancelled else {}
        return self.answer(call, target, moved, role, **said)

    def _rehome(self, copy: Copy, source: Calendar, target: Calendar) -> None:
        organizer = {"email": target.id}
        if not target.primary:
            organizer["displayName"] = target.fields["summary"]
        family = [copy, *source.exceptions(copy.id)]
        for old in family:
            fields = {**old.fields, "organizer": organizer}
            known = target.events.get(old.id)
            new = known or Copy(old.id, target.id, {}, old.start, old.stop)
            new.fields, new.bare, new.original = fields, old.bare, old.original
            new.start, new.stop = old.start, old.stop
            self.store.put(new)
            for other in self.store.copies(old.id, except_on=target.id):
                if other.calendar != source.id:
                    other.fields = {**other.fields, "organizer": organizer}
                    self.store.put(other)
        self.cancel(copy, bare=True)
