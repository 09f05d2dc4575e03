"""One authorised call of the API, and what it may touch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import errors
from .discovery import PREFIX, Method
from .store import Calendar, Store, at_least

FREE_BUSY_ONLY = {PREFIX + "calendar.events.freebusy"}
OWNED = {
    PREFIX + "calendar.events.owned",
    PREFIX + "calendar.events.owned.readonly",
}
APP_CREATED = {PREFIX + "calendar.app.created"}
PUBLIC = {PREFIX + "calendar.events.public.readonly"}


@dataclass
class Call:
    """`scopes` None = everything is granted (the web page, the control API)."""

    store: Store
    method: Method
    user: str
    path: Mapping[str, str] = field(default_factory=dict)
    args: Mapping[str, Any] = field(default_factory=dict)
    body: dict = field(default_factory=dict)
    scopes: frozenset[str] | None = None
    project: str = ""
    client: str = ""
    if_match: str | None = None
    if_none_match: str | None = None

    def calendar(self, wanted: str, calendar_id: str | None = None) -> Calendar:
        """The calendar of the path if the user has that role on it, else a Refusal."""
        calendar, role = self.calendar_and_role(calendar_id)
        if not at_least(role, wanted):
            raise errors.role_too_low(wanted)
        return calendar

    def calendar_and_role(self, calendar_id: str | None = None) -> tuple[Calendar, str]:
        """404 if the user, or this token, does not see the calendar at all."""
        wanted = calendar_id or self.path["calendarId"]
        calendar = self.store.calendar(wanted, self.user)
        if calendar is None:
            raise errors.not_found()
        role = self._limited(calendar, self.store.role(calendar, self.user))
        if role == "none":
            raise errors.not_found()
        return calendar, role

    def _limited(self, calendar: Calendar, role: str) -> str:
        """The role that is left under the narrowest reading of the scopes."""
        if self.scopes is None:
            return role
        usable = set(self.scopes & self.method.scopes)
        if calendar.made_by != self.project:
            usable -= APP_CREATED
        if calendar.owner != self.user:
            usable -= OWNED
        if "default" not in calendar.rules:
            usable -= PUBLIC
        if not usable:
            return "none"
        if usable <= FREE_BUSY_ONLY:
            return "freeBusyReader"
        return role

    def check_etag(self, etag: str) -> None:
        """If-Match."""
        if self.if_match and self.if_match not in ("*", etag):
            raise errors.refuse(
                412,
                "conditionNotMet",
                "Precondition Failed",
                "global",
                "If-Match",
                "header",
            )
