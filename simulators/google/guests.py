"""The copies of one event on several people's calendars, and the mails about it."""

import copy as copying
from collections.abc import Mapping
from typing import Any

from . import errors
from .calls import Call
from .content import Change
from .normal import strip_empty
from .shape import PERSONAL
from .store import Copy, Store

MANY = 200  # above this number of guests an answer is not passed on


class Guests:
    def __init__(self, store: Store) -> None:
        self.store = store

    # ------------------------------------------------------------- from the organizer

    def spread(
        self,
        copy: Copy,
        before: list[dict],
        args: Mapping[str, Any],
        actor: str,
        changed: set[str] | None = None,
    ) -> None:
        """Bring the organizer's copy to everybody who is, or was, invited."""
        now = [row["email"] for row in copy.fields.get("attendees", ())]
        gone = {row["email"] for row in before} - set(now)
        for email in now:
            self._deliver(copy, email)
        for email in gone:
            self._withdraw(copy.id, email, copy)
        new = set(now) - {row["email"] for row in before}
        self.mail("invitation", copy, sorted(new), args, actor)
        self.mail("cancellation", copy, sorted(gone), args, actor)
        if changed and changed != {"attendees"}:
            self.mail("update", copy, sorted(set(now) - new), args, actor)

    def _deliver(self, copy: Copy, email: str) -> None:
        calendar = self.store.calendars.get(email)
        if calendar is None or email == copy.calendar:
            return
        own = calendar.events.get(copy.id)
        shared = {k: v for k, v in copy.fields.items() if k not in PERSONAL}
        properties = _properties(copy.fields, "shared")
        shared.pop("extendedProperties", None)
        if own is None:
            own = Copy(copy.id, email, {}, copy.start, copy.stop)
            personal = {
                "reminders": {"useDefault": True},
                **{
                    name: copy.fields[name]
                    for name in ("visibility", "transparency")
                    if name in copy.fields
                },
            }
            private = None
        else:
            personal = {k: v for k, v in own.fields.items() if k in PERSONAL}
            private = _properties(own.fields, "private")
        extended = {
            kind: values
            for kind, values in (("private", private), ("shared", properties))
            if values
        }
        if own.cancelled and not own.bare and not copy.cancelled:
            personal["status"] = "cancelled"  # the guest removed it, and it stays so
        own.fields = {**copying.deepcopy(shared), **personal}
        if extended:
            own.fields["extendedProperties"] = extended
        own.start, own.stop, own.original = copy.start, copy.stop, copy.original
        own.bare = copy.bare
        self.store.put(own)
        if copy.is_series:
            for exception in self.store.calendars[copy.calendar].exceptions(copy.id):
                if exception.attendee(email) or exception.cancelled:
                    self._deliver(exception, email)
            self._refresh_own_exceptions(own, copy)

    def _refresh_own_exceptions(self, own: Copy, organizers: Copy) -> None:
        """Exceptions that only the guest has follow the series as well."""
        theirs = self.store.calendars[organizers.calendar].events
        for exception in self.store.calendars[own.calendar].exceptions(own.id):
            if exception.id not in theirs and not exception.cancelled:
                kept = {k: v for k, v in exception.fields.items() if k in PERSONAL}
                fields = {k: v for k, v in own.fields.items() if k != "recurrence"}
                exception.fields = {**fields, **kept, "recurringEventId": own.id}
                self.store.put(exception)

    def _withdraw(self, event_id: str, email: str, source: Copy) -> None:
        """The guest is no longer invited: only the id remains on their calendar."""
        calendar = self.store.calendars.get(email)
        if calendar is None or email == source.calendar:
            return
        own = calendar.events.get(event_id)
        if own is None and source.master_id in calendar.events:
            own = Copy(
                event_id,
                email,
                dict(source.fields),
                source.start,
                source.stop,
                source.original,
            )
        if own is None or own.cancelled:
            return
        for copy in [own, *calendar.exceptions(own.id)]:
            copy.fields = {**copy.fields, "status": "cancelled"}
            copy.bare = True
            self.store.put(copy)

    def call_off(self, copy: Copy, call: Call, none_leaves: bool) -> None:
        """The organizer deleted the event."""
        wanted = sending(call.args)
        emails = [row["email"] for row in copy.fields.get("attendees", ())]
        if wanted != "none" or not none_leaves:
            for email in emails:
                self._withdraw(copy.id, email, copy)
        self.mail("cancellation", copy, emails, call.args, call.user)

    # --------------------------------------------------------------------- from a guest

    def is_guest(self, copy: Copy) -> bool:
        return not (copy.is_organizers or copy.fields.get("privateCopy"))

    def organizers(self, copy: Copy) -> Copy | None:
        """The copy on the organizer's calendar."""
        home = self.store.calendars.get(copy.organizer)
        return home.events.get(copy.id) if home else None

    def may_change_all(self, copy: Copy, change: Change) -> bool:
        """False if only the guest's own things are touched.

        True if shared things are and guestsCanModify allows it, a Refusal if not.
        """
        shared = change.names - {*PERSONAL, "attendees", "extendedProperties", "status"}
        if "attendees" in change.names and not self._only_mine(copy, change.fields):
            shared.add("attendees")
        if _properties(copy.fields, "shared") != _properties(change.fields, "shared"):
            shared.add("extendedProperties")
        if not shared:
            return False
        if copy.fields.get("locked") or not copy.fields.get("guestsCanModify"):
            raise self.not_organizer()
        self._materialise(copy)
        return True

    def _only_mine(self, copy: Copy, fields: dict) -> bool:
        """Is the guest's own row the only one that differs, and still there?"""
        old = {row["email"]: row for row in copy.fields.get("attendees", ())}
        new = {row["email"]: row for row in fields.get("attendees", ())}
        if set(old) != set(new):
            return False
        return all(old[email] == new[email] for email in old if email != copy.calendar)

    def change_own(self, copy: Copy, change: Change, call: Call) -> None:
        """What a guest may change on their own copy, the answer included."""
        fields = {k: v for k, v in copy.fields.items() if k not in PERSONAL}
        for name in (*PERSONAL, "status"):
            if name in change.fields:
                fields[name] = change.fields[name]
        fields["extendedProperties"] = {
            kind: values
            for kind, values in (
                ("private", _properties(change.fields, "private")),
                ("shared", _properties(fields, "shared")),
            )
            if values
        }
        copy.fields = strip_empty(fields)
        copy.bare = False
        self.store.put(copy, updated=change.names != {"reminders"})
        mine = [
            r for r in change.fields.get("attendees", ()) if r["email"] == copy.calendar
        ]
        if mine and mine[0] != copy.attendee(copy.calendar):
            self.respond(copy, mine[0], call)

    def respond(self, copy: Copy, row: dict, call: Call) -> None:
        """Carry the guest's own row to every copy, the organizer's first."""
        self._set_row(copy, row)
        self.store.put(copy)
        if len(copy.fields.get("attendees", ())) > MANY:
            return
        self._materialise(copy)
        for other in self.store.copies(copy.id, except_on=copy.calendar):
            if other.attendee(row["email"]) and not other.fields.get("privateCopy"):
                self._set_row(other, row)
                self.store.put(other)
        self.mail("response", copy, [copy.organizer], call.args, call.user)

    def _materialise(self, copy: Copy) -> None:
        """A guest's exception becomes one on the organizer's calendar too."""
        home = self.store.calendars.get(copy.organizer)
        if not home or not copy.master_id or copy.id in home.events:
            return
        if copy.master_id in home.events:
            master = home.events[copy.master_id]
            fields = {**master.fields, "recurringEventId": master.id}
            fields.pop("recurrence", None)
            self.store.put(
                Copy(copy.id, home.id, fields, copy.start, copy.stop, copy.original)
            )

    def _set_row(self, copy: Copy, row: dict) -> None:
        copy.fields = {
            **copy.fields,
            "attendees": [
                dict(row) if old["email"] == row["email"] else old
                for old in copy.fields.get("attendees", ())
            ],
        }

    def decline(self, copy: Copy, call: Call) -> None:
        """A guest deletes their own copy: the organizer learns that they decline."""
        row = {**copy.attendee(copy.calendar), "responseStatus": "declined"}
        self.respond(copy, row, call)

    def not_organizer(self) -> Exception:
        return errors.refuse(
            403,
            "forbiddenForNonOrganizer",
            "Shared properties can only be changed by the organizer of the event.",
            "calendar",
        )

    # ---------------------------------------------------------------------------- mails

    def mail(
        self,
        kind: str,
        copy: Copy,
        emails: list[str],
        args: Mapping[str, Any],
        actor: str,
    ) -> None:
        wanted = sending(args)
        for email in emails:
            user = self.store.users.get(email)
            outside = user is None or user.outside
            if email == actor or wanted == "none":
                continue
            if wanted == "externalOnly" and not outside:
                continue
            self.store.outbox.append(
                {
                    "kind": kind,
                    "to": email,
                    "from": actor,
                    "calendar": copy.calendar,
                    "event": copy.id,
                    "summary": copy.fields.get("summary", ""),
                    "sendUpdates": wanted,
                    "time": self.store.clock.now().isoformat(),
                }
            )


def _properties(fields: dict, kind: str) -> dict:
    return (fields.get("extendedProperties") or {}).get(kind) or {}


def sending(args: Mapping[str, Any]) -> str:
    """all, externalOnly or none; without a word nobody is told."""
    if args.get("sendUpdates"):
        return args["sendUpdates"]
    return "all" if args.get("sendNotifications") else "none"
