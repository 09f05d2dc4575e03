"""Calendars, the calendar list, access control, colours and settings."""

import uuid
import zlib
from typing import Any

from ..kit import Response
from . import errors
from .calls import Call
from .content import merge_patch
from .discovery import PREFIX
from .events import Events
from .listing import MAX_OTHERS, Lister, Row
from .moments import zone
from .store import ROLES, Calendar, Entry, Rule, Store, at_least

EVENT_COLORS = (
    "a4bdfc 7ae7bf dbadff ff887c fbd75b ffb878 46d6db e1e1e1 5484ed 51b749 dc2127"
)
CALENDAR_COLORS = (
    "ac725e d06b64 f83a22 fa573c ff7537 ffad46 42d692 16a765 7bd148 b3dc6c fbe983"
    " fad165 92e1c0 9fe1e7 9fc6e7 4986e7 9a9cff b99aff c2c2c2 cabdbf cca6ac f691b2"
    " cd74e6 a47ae2"
)
WRITABLE = (
    "summary",
    "description",
    "location",
    "timeZone",
    "conferenceProperties",
    "labelProperties",
    "autoAcceptInvitations",
    "workingHours",
)
LISTED = (
    "colorId",
    "backgroundColor",
    "foregroundColor",
    "summaryOverride",
    "selected",
    "hidden",
    "defaultReminders",
    "notificationSettings",
)


class Calendars:
    """The ``calendars`` collection."""

    def __init__(self, store: Store, events: Events) -> None:
        self.store, self.events = store, events
        self.usage_limit: int | None = None
        """More secondary calendars per user than this → quotaExceeded."""

    def get(self, call: Call) -> Response:
        calendar, _role = call.calendar_and_role()
        if call.if_none_match == calendar.etag:
            return Response(304, headers={"ETag": calendar.etag})
        return self._answer(calendar)

    def insert(self, call: Call) -> Response:
        fields = _fields(call.body, {})
        if self.usage_limit is not None:
            made = [
                c
                for c in self.store.calendars.values()
                if c.owner == call.user and not c.primary  # deleted ones count too
            ]
            if len(made) >= self.usage_limit:
                raise errors.refuse(*errors.FAULTS["quotaExceeded"])
        calendar_id = f"c_{uuid.uuid4().hex}@group.calendar.google.com"
        calendar = self.store.add_calendar(call.user, calendar_id, fields)
        calendar.made_by = call.project
        return self._answer(calendar)

    def patch(self, call: Call) -> Response:
        return self._write(call, merge=True)

    def update(self, call: Call) -> Response:
        return self._write(call, merge=False)

    def _write(self, call: Call, merge: bool) -> Response:
        calendar = call.calendar("owner")
        call.check_etag(calendar.etag)
        fields = _fields(call.body, calendar.fields if merge else {})
        fields.setdefault("timeZone", calendar.timezone)
        if fields != calendar.fields:
            calendar.fields = fields
            calendar.change = self.store.tick()
        return self._answer(calendar)

    def delete(self, call: Call) -> Response:
        calendar = call.calendar("owner")
        if calendar.primary:
            raise errors.refuse(
                403, "cannotDeletePrimaryCalendar", "Cannot delete primary calendar."
            )
        call.check_etag(calendar.etag)
        calendar.deleted = True
        for (user, calendar_id), entry in self.store.entries.items():
            if calendar_id == calendar.id and not entry.deleted:
                entry.deleted = True
                self.store.touch_entry(user, entry)
        self.store.dirty.add(("events", calendar.id))
        return Response(204)

    def clear(self, call: Call) -> Response:
        calendar = call.calendar("owner")
        if not calendar.primary:
            raise errors.refuse(
                400, "invalid", "Only primary calendars can be cleared."
            )
        for copy in list(calendar.events.values()):
            if not copy.cancelled and not copy.master_id:
                self.events.cancel(copy, bare=True)
        return Response(204)

    def _answer(self, calendar: Calendar) -> Response:
        shown = {
            "kind": "calendar#calendar",
            "etag": calendar.etag,
            "id": calendar.id,
            "dataOwner": calendar.owner,
            **calendar.fields,
        }
        return Response(200, shown, headers={"ETag": calendar.etag})


def _fields(body: dict, base: dict) -> dict:
    given = {name: value for name, value in body.items() if name in WRITABLE}
    fields = merge_patch(base, given)
    if not fields.get("summary"):
        raise errors.required("Missing summary.")
    if fields.get("timeZone"):
        zone(fields["timeZone"])
    return fields


class CalendarList:
    """The ``calendarList`` collection."""

    def __init__(self, store: Store, lister: Lister) -> None:
        self.store, self.lister = store, lister

    def listing(self, call: Call) -> Response:
        self.lister.refuse_with_token(
            call, ("minAccessRole", "showOwnOrganizationOnly")
        )
        for name in ("showDeleted", "showHidden"):
            if call.args.get(name) is False:
                self.lister.refuse_with_token(call, (name,))
        known = self.lister.since(call, "calendarList")
        page, ending = self.lister.page(
            call,
            "calendarList",
            lambda upto: self._rows(call, known["change"] if known else None, upto),
            MAX_OTHERS,
            100,
            {},
        )
        user = self.store.users[call.user]
        last = max(user.list_log.values(), default=0)
        head = {"kind": "calendar#calendarList", "etag": f'"cl-{last}"'}
        return Response(200, {**head, "items": page, **ending})

    def _rows(self, call: Call, since: int | None, upto: int) -> list[Row]:
        rows: list[Row] = []
        for entry, calendar in self.store.list_of(call.user):
            role = self.store.role(calendar, call.user)
            gone = entry.deleted or role == "none"
            if since is not None:
                if not since < entry.change <= upto:
                    continue
            elif gone and not call.args.get("showDeleted"):
                continue
            elif entry.fields.get("hidden") and not call.args.get("showHidden"):
                continue
            lowest = call.args.get("minAccessRole")
            if lowest and not at_least(role, lowest):
                continue
            rows.append(([entry.change], self._shown(entry, calendar, role)))
        return rows

    def _shown(self, entry: Entry, calendar: Calendar, role: str) -> dict:
        shown: dict[str, Any] = {
            "kind": "calendar#calendarListEntry",
            "etag": f'"entry-{entry.change}"',
            "id": calendar.id,
        }
        if entry.deleted or role == "none":
            return {**shown, "deleted": True}
        fields = {
            name: value
            for name, value in calendar.fields.items()
            if name in ("summary", "description", "location", "timeZone")
        }
        shown |= {
            **fields,
            **_colours(entry),
            "defaultReminders": [],
            **entry.fields,
            "accessRole": role,
            "dataOwner": calendar.owner,
            "conferenceProperties": {
                "allowedConferenceSolutionTypes": ["hangoutsMeet"]
            },
        }
        if calendar.primary and calendar.id == calendar.owner:
            shown["primary"] = True
        return {k: v for k, v in shown.items() if v is not False}

    def get(self, call: Call) -> Response:
        entry, calendar, role = self._mine(call)
        shown = self._shown(entry, calendar, role)
        if call.if_none_match == shown["etag"]:
            return Response(304, headers={"ETag": shown["etag"]})
        return Response(200, shown, headers={"ETag": shown["etag"]})

    def _mine(self, call: Call) -> tuple[Entry, Calendar, str]:
        calendar, role = call.calendar_and_role()
        entry = self.store.entries.get((call.user, calendar.id))
        if entry is None or entry.deleted:
            raise errors.not_found()
        return entry, calendar, role

    def insert(self, call: Call) -> Response:
        calendar, role = call.calendar_and_role(call.body.get("id") or "?")
        fields = {k: v for k, v in call.body.items() if k in LISTED}
        known = self.store.entries.get((call.user, calendar.id))
        if known is None or known.deleted:
            known = self.store.subscribe(call.user, calendar.id, fields)
        return Response(200, self._shown(known, calendar, role))

    def patch(self, call: Call) -> Response:
        return self._write(call, merge=True)

    def update(self, call: Call) -> Response:
        return self._write(call, merge=False)

    def _write(self, call: Call, merge: bool) -> Response:
        entry, calendar, role = self._mine(call)
        call.check_etag(f'"entry-{entry.change}"')
        given = {k: v for k, v in call.body.items() if k in LISTED}
        rgb = {"backgroundColor", "foregroundColor"} & set(given)
        if rgb and not call.args.get("colorRgbFormat"):
            given = {k: v for k, v in given.items() if k not in rgb}
        fields = merge_patch(entry.fields if merge else {}, given)
        if fields != entry.fields:
            entry.fields = fields
            self.store.touch_entry(call.user, entry)
        return Response(200, self._shown(entry, calendar, role))

    def delete(self, call: Call) -> Response:
        entry, calendar, _role = self._mine(call)
        if calendar.owner == call.user:
            raise errors.refuse(
                403,
                "cannotUnsubscribeFromOwnedCalendar",
                "The data owner of a calendar cannot remove such a calendar from their"
                " calendar list.",
            )
        entry.deleted = True
        self.store.touch_entry(call.user, entry)
        return Response(204)


def _default_colour(calendar_id: str) -> str:
    return str(zlib.crc32(calendar_id.encode()) % 24 + 1)


def _colours(entry: Entry) -> dict:
    palette = CALENDAR_COLORS.split()
    number = entry.fields.get("colorId") or _default_colour(entry.calendar)
    colour = palette[(int(number) - 1) % 24]
    return {
        "colorId": number,
        "backgroundColor": f"#{colour}",
        "foregroundColor": "#1d1d1d",
    }


class Acl:
    """The ``acl`` collection of a calendar."""

    def __init__(self, store: Store, lister: Lister) -> None:
        self.store, self.lister = store, lister

    def listing(self, call: Call) -> Response:
        calendar = call.calendar("writer")
        if call.args.get("showDeleted") is False:
            self.lister.refuse_with_token(call, ("showDeleted",))
        resource = f"acl/{calendar.id}"
        known = self.lister.since(call, resource)

        def rows(upto: int) -> list[Row]:
            return [
                ([rule.change], self._shown(rule))
                for rule in calendar.rules.values()
                if (known["change"] < rule.change <= upto if known else True)
                and (known or rule.role != "none" or call.args.get("showDeleted"))
            ]

        page, ending = self.lister.page(call, resource, rows, MAX_OTHERS, 100, {})
        last = max(rule.change for rule in calendar.rules.values())
        head = {"kind": "calendar#acl", "etag": f'"acl-{last}"'}
        return Response(200, {**head, "items": page, **ending})

    def _shown(self, rule: Rule) -> dict:
        return {
            "kind": "calendar#aclRule",
            "etag": f'"rule-{rule.change}"',
            "id": rule.id,
            "scope": rule.scope,
            "role": rule.role,
        }

    def get(self, call: Call) -> Response:
        return Response(200, self._shown(self._rule(call)))

    def _rule(self, call: Call) -> Rule:
        full = call.scopes is None or PREFIX + "calendar.readonly" not in call.scopes
        calendar = call.calendar("writer" if full else "reader")
        rule = calendar.rules.get(call.path["ruleId"])
        if rule is None:
            raise errors.not_found()
        return rule

    def insert(self, call: Call) -> Response:
        calendar = call.calendar("owner")
        scope = call.body.get("scope") or {}
        if not scope.get("type") or call.body.get("role") not in ROLES:
            raise errors.required("Missing scope or role.")
        rule = self.store.grant(
            calendar, scope["type"], scope.get("value", ""), call.body["role"]
        )
        self._tell(call, calendar, rule, "sendNotifications")
        return Response(200, self._shown(rule))

    def patch(self, call: Call) -> Response:
        calendar = call.calendar("owner")
        rule = self._rule(call)
        call.check_etag(f'"rule-{rule.change}"')
        if call.body.get("role") not in ROLES:
            raise errors.required("Missing role.")
        rule = self._set(calendar, rule, call.body["role"])
        self._tell(call, calendar, rule, "sendNotifications")
        return Response(200, self._shown(rule))

    def delete(self, call: Call) -> Response:
        calendar = call.calendar("owner")
        rule = self._rule(call)
        call.check_etag(f'"rule-{rule.change}"')
        self._set(calendar, rule, "none")
        return Response(204)

    def _set(self, calendar: Calendar, rule: Rule, role: str) -> Rule:
        scope = rule.scope
        return self.store.grant(calendar, scope["type"], scope.get("value", ""), role)

    def _tell(self, call: Call, calendar: Calendar, rule: Rule, switch: str) -> None:
        """Sharing is announced by mail unless the client says otherwise."""
        if call.args.get(switch, True) and rule.scope.get("value"):
            self.store.outbox.append(
                {
                    "kind": "share",
                    "to": rule.scope["value"],
                    "from": call.user,
                    "calendar": calendar.id,
                    "time": self.store.clock.now().isoformat(),
                }
            )


class Others:
    """Colours and settings."""

    def __init__(self, store: Store, lister: Lister) -> None:
        self.store, self.lister = store, lister

    def colors(self, call: Call) -> Response:
        return Response(
            200,
            {
                "kind": "calendar#colors",
                "updated": "2012-02-14T00:00:00.000Z",
                "calendar": _palette(CALENDAR_COLORS),
                "event": _palette(EVENT_COLORS),
            },
        )

    def settings(self, call: Call) -> Response:
        user = self.store.users[call.user]
        self.lister.since(call, "settings")
        known = call.args.get("syncToken")
        rows = [
            ([name], self._setting(name, value))
            for name, value in sorted(user.settings.items())
            if not known
        ]
        page, ending = self.lister.page(
            call, "settings", lambda _upto: rows, MAX_OTHERS, 100, {}
        )
        head = {"kind": "calendar#settings", "etag": '"settings"'}
        return Response(200, {**head, "items": page, **ending})

    def setting(self, call: Call) -> Response:
        name = call.path["setting"]
        settings = self.store.users[call.user].settings
        if name not in settings:
            raise errors.not_found()
        return Response(200, self._setting(name, settings[name]))

    def _setting(self, name: str, value: str) -> dict:
        return {
            "kind": "calendar#setting",
            "etag": f'"setting-{name}-{value}"',
            "id": name,
            "value": value,
        }


def _palette(colours: str) -> dict:
    return {
        str(number): {"background": f"#{colour}", "foreground": "#1d1d1d"}
        for number, colour in enumerate(colours.split(), 1)
    }
