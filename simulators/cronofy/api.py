"""The endpoints below ``/v1``."""

import json
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from simulators.kit import Request, Response, Route

from . import availability, scopes, writes
from .errors import Problems, invalid, refused
from .moments import parse, utc_text, zone
from .oauth import bearer
from .store import (
    FREE_BUSY,
    READ_WRITE,
    Account,
    Authorization,
    Calendar,
    Channel,
    Event,
    new_id,
)

if TYPE_CHECKING:
    from .server import CronofySimulator

MAX_BATCH = 50
#: what a batch may consist of: writing events and available periods
BATCHED = re.compile(r"/v1/(calendars/[^/]+/events|available_periods)")
MAX_CHANNELS = 128
MAX_CALLBACK_URL = 128


@dataclass
class Page:
    """What a ``next_page`` address stands for."""

    granted: Authorization
    kind: str
    items: list[dict]
    number: int
    total: int
    base: str
    """The address under which the client knows this service."""


def base_url(request: Request) -> str:
    """What absolute addresses in an answer begin with: the host that was asked."""
    return f"http://{request.header('host')}"


class Api:
    def __init__(self, sim: "CronofySimulator") -> None:
        self.sim = sim
        self.clear()

    def clear(self) -> None:
        self.pages: dict[str, Page] = {}

    @property
    def store(self):
        return self.sim.store

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/v1/userinfo", self.userinfo),
            Route("GET", "/v1/account", self.account),
            Route("GET", "/v1/profiles", self.profiles),
            Route("POST", "/v1/profiles/{profile}/revoke", self.revoke_profile),
            Route("GET", "/v1/calendars", self.calendars),
            Route("POST", "/v1/calendars", self.create_calendar),
            Route("POST", "/v1/permissions", self.permissions),
            Route("POST", "/v1/application_calendars", self.application_calendar),
            Route("GET", "/v1/events", self.events),
            Route("GET", "/v1/events/pages/{page}", self.events_page),
            Route("DELETE", "/v1/events", self.delete_events),
            Route("GET", "/v1/free_busy", self.free_busy),
            Route("GET", "/v1/free_busy/pages/{page}", self.free_busy_page),
            Route("POST", "/v1/calendars/{calendar}/events", self.upsert),
            Route("DELETE", "/v1/calendars/{calendar}/events", self.delete),
            Route(
                "POST",
                "/v1/calendars/{calendar}/events/{uid}/participation_status",
                self.participation_status,
            ),
            Route("POST", "/v1/batch", self.batch, locked=False),
            Route("POST", "/v1/availability", self.availability),
            Route("POST", "/v1/sequenced_availability", self.sequenced_availability),
            Route("POST", "/v1/availability_rules", self.upsert_rule),
            Route("GET", "/v1/availability_rules", self.rules),
            Route("GET", "/v1/availability_rules/{rule}", self.rule),
            Route("DELETE", "/v1/availability_rules/{rule}", self.delete_rule),
            Route("POST", "/v1/available_periods", self.upsert_period),
            Route("GET", "/v1/available_periods", self.available_periods),
            Route("DELETE", "/v1/available_periods", self.delete_period),
            Route("POST", "/v1/channels", self.create_channel),
            Route("GET", "/v1/channels", self.channels),
            Route("DELETE", "/v1/channels/{channel}", self.close_channel),
            Route(
                "POST",
                "/v1/conferencing_service_authorizations",
                self.conferencing_authorization,
            ),
        ]

    # who asks

    def _granted(self, request: Request, right: str | None = None) -> Authorization:
        """The authorization behind the token; 401 or 403 otherwise."""
        granted = self.store.by_access_token(bearer(request))
        if granted is None:
            raise refused(401)
        request.user = granted.account.person.key
        self.sim.spend(granted.client, request)
        if right and right not in scopes.allowed(granted.scope):
            raise refused(403)
        return granted

    def _client(self, request: Request) -> str:
        """The application: by its API key, or by one of its access tokens."""
        token = bearer(request)
        for client_id, client in self.sim.clients.items():
            if token in client.secrets:
                self.sim.spend(client_id, request)
                return client_id
        return self._granted(request).client

    @staticmethod
    def _json(request: Request) -> dict:
        try:
            data = request.json()
        except ValueError:
            raise refused(422) from None
        return data if isinstance(data, dict) else {}

    def _calendar(self, granted: Authorization, calendar_id: str) -> Calendar:
        for calendar in granted.account.calendars:
            if calendar.id == calendar_id and not calendar.deleted:
                return calendar
        raise refused(404)

    def _writable(self, granted: Authorization, calendar_id: str) -> Calendar:
        calendar = self._calendar(granted, calendar_id)
        if not calendar.profile.connected:
            raise refused(423)
        if calendar.readonly:
            raise invalid("calendar_id", "calendar_readonly", "calendar is read only")
        return calendar

    # identity

    def userinfo(self, request: Request) -> Response:
        granted = self._granted(request)
        account = granted.account
        listed = "list_calendars" in scopes.allowed(granted.scope)
        profiles = [
            profile.status_json(base_url(request))
            | {
                "profile_calendars": [
                    self._calendar_json(granted, calendar)
                    for calendar in profile.visible
                    if listed
                ]
            }
            for profile in account.profiles
        ]
        return Response(
            200,
            {
                "sub": account.sub,
                "email": account.person.email,
                "name": account.person.name,
                "zoneinfo": account.person.tz,
                "cronofy.type": account.kind,
                "cronofy.data": {
                    "authorization": {
                        "scope": " ".join(granted.scope),
                        "status": "active",
                    },
                    "profiles": profiles,
                    "conferencing_profiles": account.conferencing,
                },
            },
        )

    def account(self, request: Request) -> Response:
        granted = self._granted(request, "read_account")
        account = granted.account
        return Response(
            200,
            {
                "account": {
                    "account_id": account.sub,
                    "email": account.person.email,
                    "name": account.person.name,
                    "scope": " ".join(granted.scope),
                    "default_tzid": account.person.tz,
                },
                "sub": account.sub,
            },
        )

    def profiles(self, request: Request) -> Response:
        granted = self._granted(request, "list_calendars")
        profiles = [
            profile.status_json(base_url(request))
            for profile in granted.account.profiles
        ]
        return Response(200, {"profiles": profiles})

    def revoke_profile(self, request: Request) -> Response:
        granted = self._granted(request)
        for profile in granted.account.profiles:
            if profile.id == request.params["profile"]:
                self.sim.disconnect(profile)
                return Response(202)
        raise refused(404)

    def calendars(self, request: Request) -> Response:
        granted = self._granted(request, "list_calendars")
        calendars = [
            calendar.profile.json() | self._calendar_json(granted, calendar)
            for calendar in granted.account.calendars
        ]
        return Response(200, {"calendars": calendars})

    def _calendar_json(self, granted: Authorization, calendar: Calendar) -> dict:
        return calendar.json((granted.client, calendar.id) in self.store.unrestricted)

    def permissions(self, request: Request) -> Response:
        """Cronofy, developers/api/authorization/extended-permissions."""
        granted = self._granted(request)
        if "permissions" in self.sim.missing_features:
            raise refused(402)
        data = self._json(request)
        rows = data.get("permissions")
        problems = Problems()
        if not isinstance(rows, list) or not rows:
            problems.required("permissions")
            rows = []
        if any(row.get("permission_level") != "unrestricted" for row in rows):
            problems.add("permissions", "invalid", "unrestricted is all there is")
        if not self.sim.redirect_allowed(data.get("redirect_uri") or ""):
            problems.required("redirect_uri")
        problems.check()
        calendars = [self._calendar(granted, row.get("calendar_id")) for row in rows]
        key = self.sim.oauth.elevation(granted.client, calendars, data["redirect_uri"])
        url = f"{base_url(request)}/permissions/{key}"
        return Response(200, {"permissions_request": {"url": url}})

    def application_calendar(self, request: Request) -> Response:
        """Cronofy, developers/api/calendars/application-calendars: one that nobody has
        elsewhere, with the client's own secret."""
        data = self._json(request)
        client = data.get("client_id", "")
        self.sim.oauth.check_client(client, data.get("client_secret"))
        key = data.get("application_calendar_id")
        if not key:
            raise invalid("application_calendar_id", "required", "required")
        granted = self.store.application_calendar(client, key)
        answer = self.sim.oauth.token_data(granted)
        return Response(200, answer | {"application_calendar_id": key})

    def create_calendar(self, request: Request) -> Response:
        granted = self._granted(request, "create_calendar")
        data = self._json(request)
        problems = Problems()
        for name in ("profile_id", "name"):
            if not data.get(name):
                problems.required(name)
        problems.check()
        for profile in granted.account.profiles:
            if profile.id == data["profile_id"]:
                break
        else:
            raise invalid("profile_id", "invalid", "unknown profile")
        if not profile.connected:
            raise refused(423)
        if any(calendar.name == data["name"] for calendar in profile.calendars):
            # Cronofy, developers/api/calendars/create-calendar; cronofy-csharp
            raise invalid(
                "name",
                "duplicate_calendar_name",
                "A calendar with this name already exists and the provider does not "
                "allow duplicates",
            )
        calendar = self.store.add_calendar(
            profile, data["name"], color=data.get("color")
        )
        return Response(200, {"calendar": profile.json() | calendar.json()})

    # reading

    def _filter(self, request: Request, granted: Authorization) -> list[Calendar]:
        calendars = [c for c in granted.account.calendars if not c.deleted]
        wanted = request.query.get("calendar_ids[]")
        if wanted is None:
            return calendars
        known = {calendar.id: calendar for calendar in calendars}
        if any(calendar_id not in known for calendar_id in wanted):
            raise refused(404)
        return [known[calendar_id] for calendar_id in dict.fromkeys(wanted)]

    @staticmethod
    def _flag(request: Request, name: str) -> bool:
        return (request.arg(name) or "").lower() == "true"

    def _window(self, request: Request) -> tuple[str, datetime | None, datetime | None]:
        """tzid, from, to; a day means midnight in tzid."""
        problems = Problems()
        tzid = request.arg("tzid") or ""
        found: list[datetime | None] = []
        try:
            zone(tzid)
        except ValueError:
            problems.required("tzid")
        problems.check()
        for name in ("from", "to"):
            text = request.arg(name)
            try:
                found.append(parse(text).instant(tzid) if text else None)
            except ValueError as error:
                problems.add(name, "invalid", str(error))
        problems.check()
        start, stop = found
        if start and stop and stop <= start:
            raise invalid("to", "invalid", "must be after from")
        oldest, newest = self.store.cached()
        day = 24 * 3600  # the limits are days, so that any zone's midnight may pass
        if start and (oldest - start).total_seconds() > day:
            raise invalid("from", "invalid", "must be within 42 days")
        if stop and (stop - newest).total_seconds() > day:
            raise invalid("to", "invalid", "must be within 201 days")
        return tzid, start, stop

    def events(self, request: Request) -> Response:
        granted = self._granted(request)
        own_only = self._flag(request, "only_managed")
        if "read_events" not in scopes.allowed(granted.scope) and not (
            own_only and "create_event" in scopes.allowed(granted.scope)
        ):
            raise refused(403)
        if self._flag(request, "include_geo") and "geo" in self.sim.missing_features:
            raise refused(402)
        tzid, start, stop = self._window(request)
        since = self._moment(request, "last_modified")
        own_too = own_only or self._flag(request, "include_managed")
        deleted_too = self._flag(request, "include_deleted")
        localized = self._flag(request, "localized_times")
        found = [
            event
            for event in self.store.seen(
                self._filter(request, granted),
                granted.client,
                tzid,
                start,
                stop,
                moved=self._flag(request, "include_moved"),
            )
            if (deleted_too or not event.deleted)
            and (since is None or event.updated.replace(microsecond=0) >= since)
            and (own_too if event.managed_by(granted.client) else not own_only)
        ]
        found.sort(key=lambda event: (event.start.instant(tzid), event.uid))
        geo = self._flag(request, "include_geo")
        items = [event.json(granted.client, localized, tzid, geo) for event in found]
        return self._first(granted, "events", items, base_url(request))

    @staticmethod
    def _moment(request: Request, name: str) -> datetime | None:
        text = request.arg(name)
        if not text:
            return None
        try:
            return parse(text).instant("Etc/UTC")
        except ValueError as error:
            raise invalid(name, "invalid", str(error)) from None

    def free_busy(self, request: Request) -> Response:
        granted = self._granted(request, "read_free_busy")
        tzid, start, stop = self._window(request)
        own_too = self._flag(request, "include_managed")
        localized = self._flag(request, "localized_times")
        found = [
            event
            for event in self.store.seen(
                self._filter(request, granted),
                granted.client,
                tzid,
                start,
                stop,
                modes=(READ_WRITE, FREE_BUSY),
            )
            if not event.deleted and (own_too or not event.managed_by(granted.client))
        ]
        found.sort(key=lambda event: (event.start.instant(tzid), event.uid))
        items = [
            {
                "calendar_id": event.calendar_id,
                "start": event.start.json(localized, tzid),
                "end": event.end.json(localized, tzid),
                "free_busy_status": event.blocks(),
            }
            for event in found
        ]
        return self._first(granted, "free_busy", items, base_url(request))

    def _first(
        self, granted: Authorization, kind: str, items: list, base: str
    ) -> Response:
        size = self.sim.page_size
        total = max(1, -(-len(items) // size))
        return self._page(Page(granted, kind, items, 1, total, base))

    def _page(self, page: Page) -> Response:
        size = self.sim.page_size
        shown, rest = page.items[:size], page.items[size:]
        about: dict[str, Any] = {"current": page.number, "total": page.total}
        if rest:
            key = secrets.token_urlsafe(16)
            self.pages[key] = Page(
                page.granted, page.kind, rest, page.number + 1, page.total, page.base
            )
            about["next_page"] = f"{page.base}/v1/{page.kind}/pages/{key}"
        elif page.number > 1:
            # there, and empty, or (below) missing: pycronofy, test_pagination;
            # cronofy-ruby
            about["next_page"] = ""
        return Response(200, {"pages": about, page.kind: shown})

    def events_page(self, request: Request) -> Response:
        return self._later(request, "events")

    def free_busy_page(self, request: Request) -> Response:
        return self._later(request, "free_busy")

    def _later(self, request: Request, kind: str) -> Response:
        granted = self._granted(request)
        page = self.pages.get(request.params["page"])
        if page is None or page.kind != kind or page.granted is not granted:
            raise refused(404)
        return self._page(page)

    # writing

    def upsert(self, request: Request) -> Response:
        granted = self._granted(request, "create_event")
        data = self._json(request)
        calendar = self._writable(granted, request.params["calendar"])
        self._check_external(granted, calendar, data)
        if data.get("conferencing") and "conferencing" in self.sim.missing_features:
            raise refused(402)
        action = writes.upsert(
            self.store,
            granted.account,
            calendar,
            granted.client,
            data,
            self.sim.writes.habits,
        )
        self.sim.writes.accept(action)
        return Response(202)

    def delete(self, request: Request) -> Response:
        granted = self._granted(request, "delete_event")
        data = self._json(request)
        calendar = self._writable(granted, request.params["calendar"])
        self._check_external(granted, calendar, data)
        self.sim.writes.accept(
            writes.delete(self.store, calendar, granted.client, data)
        )
        return Response(202)

    def _check_external(
        self, granted: Authorization, calendar: Calendar, data: dict
    ) -> None:
        """Events of others take elevated access: Cronofy, developers/api/events/
        edit-external-events. How it is refused it does not say; 403 is the status for
        rights that are too small."""
        external = "event_uid" in data and not data.get("event_id")
        level = (granted.client, calendar.id)
        known = str(data.get("event_uid")).startswith("evt_external_")
        if external and known and level not in self.store.unrestricted:
            raise refused(403)

    def delete_events(self, request: Request) -> Response:
        granted = self._granted(request, "delete_event")
        data = self._json(request)
        wanted = data.get("calendar_ids") or request.query.get("calendar_ids[]")
        # Cronofy, developers/api/events/bulk-delete-events; tests of cronofy-csharp
        if data.get("delete_all") not in (None, True, False):
            raise invalid("delete_all", "must_be_boolean", "must be true or false")
        known = {calendar.id for calendar in granted.account.calendars}
        if set(wanted or ()) - known:
            raise invalid("calendar_ids", "invalid_calendar_ids", "unknown calendar")
        everything = data.get("delete_all") or self._flag(request, "delete_all")
        if not wanted and not everything:
            raise invalid("delete_all", "required", "required")
        for calendar in granted.account.calendars:
            if everything or calendar.id in wanted:
                for event in calendar.events.values():
                    if event.managed_by(granted.client) and not event.deleted:
                        event.deleted, event.updated = True, self.sim.clock.now()
        return Response(202)

    def participation_status(self, request: Request) -> Response:
        granted = self._granted(request, "change_participation_status")
        calendar = self._writable(granted, request.params["calendar"])
        event = calendar.events.get(request.params["uid"])
        if event is None or event.deleted:
            raise refused(404)
        status = self._json(request).get("status")
        if status not in ("accepted", "tentative", "declined"):
            raise invalid("status", "invalid", "unknown status")
        event.participation_status, event.updated = status, self.sim.clock.now()
        return Response(202)

    def batch(self, request: Request) -> Response:
        with self.sim.lock:
            self._granted(request)
        if "batch" in self.sim.missing_features:
            raise refused(402)
        entries = self._json(request).get("batch")
        if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_BATCH:
            raise invalid("batch", "invalid", f"1 to {MAX_BATCH} entries")
        # 207 also when every part is 202: Cronofy, developers/api/batch; batch tests
        # of cronofy-csharp, cronofy-ruby, pycronofy, cronofy-node and cronofy-php
        return Response(207, {"batch": [self._part(request, e) for e in entries]})

    def _part(self, request: Request, entry: Any) -> dict[str, Any]:
        entry = entry if isinstance(entry, dict) else {}
        method = str(entry.get("method", "")).upper()
        target = str(entry.get("relative_url", ""))
        if method not in ("POST", "DELETE") or not BATCHED.fullmatch(
            urlsplit(target).path
        ):
            # which requests may be parts: Cronofy, developers/api/batch; how others are
            # refused it does not say
            return {"status": 422, "data": {"errors": {}}}
        part = Request(
            method,
            target,
            {
                "authorization": request.header("authorization") or "",
                "content-type": "application/json",
            },
            json.dumps(entry.get("data")).encode(),
            batched=True,
        )
        response = self.sim.answer(part)
        answer: dict[str, Any] = {"status": response.status}
        if response.data is not None:
            answer["data"] = response.data
        return answer

    # availability

    def _reader(self, client: str) -> availability.Reader:
        def account(sub: str) -> Account | None:
            found = self.store.accounts.get(sub)
            granted = any(
                g.account is found and g.client == client and not g.revoked
                for g in self.store.authorizations
            )
            return found if granted else None

        def events(account: Account, calendar_ids: list[str] | None) -> list[Event]:
            calendars = [
                calendar
                for calendar in account.calendars
                if not calendar.deleted
                and (calendar_ids is None or calendar.id in calendar_ids)
            ]
            seen = self.store.seen(
                calendars,
                client,
                account.person.tz,
                None,
                None,
                modes=(READ_WRITE, FREE_BUSY),
            )
            return [event for event in seen if not event.deleted]

        return availability.Reader(account, events, client)

    def availability(self, request: Request) -> Response:
        client = self._client(request)
        if "availability" in self.sim.missing_features:
            raise refused(402)
        return Response(
            200, availability.answer(self._json(request), self._reader(client))
        )

    def sequenced_availability(self, request: Request) -> Response:
        client = self._client(request)
        if "availability" in self.sim.missing_features:
            raise refused(402)
        return Response(
            200, availability.sequences(self._json(request), self._reader(client))
        )

    def upsert_rule(self, request: Request) -> Response:
        granted = self._granted(request)
        data = self._json(request)
        problems = Problems()
        if not data.get("availability_rule_id"):
            problems.required("availability_rule_id")
        try:
            zone(data.get("tzid") or "")
        except ValueError:
            problems.add("tzid", "invalid", "unknown time zone")
        if data.get("calendar_ids") == []:
            problems.add("calendar_ids", "invalid", "at least one when provided")
        for period in data.get("weekly_periods") or ():
            if period.get("day") not in availability.WEEKDAYS:
                problems.add("weekly_periods", "invalid", "unknown day")
        problems.check()
        names = ("availability_rule_id", "tzid", "calendar_ids", "weekly_periods")
        rule = {name: data[name] for name in names if name in data}
        rule.setdefault("weekly_periods", [])
        granted.account.rules[rule["availability_rule_id"]] = rule
        return Response(200, {"availability_rule": rule})

    def rules(self, request: Request) -> Response:
        rules = list(self._granted(request).account.rules.values())
        return Response(200, {"availability_rules": rules})

    def rule(self, request: Request) -> Response:
        rule = self._granted(request).account.rules.get(request.params["rule"])
        if rule is None:
            raise refused(404)
        return Response(200, {"availability_rule": rule})

    def delete_rule(self, request: Request) -> Response:
        rules = self._granted(request).account.rules
        if rules.pop(request.params["rule"], None) is None:
            raise refused(404)
        return Response(202)

    def upsert_period(self, request: Request) -> Response:
        granted = self._granted(request)
        data = self._json(request)
        key = data.get("available_period_id")
        if not key:
            raise invalid("available_period_id", "required", "required")
        granted.account.periods[key] = availability.spans([data], "start", 1)[0]
        return Response(202)

    def available_periods(self, request: Request) -> Response:
        granted = self._granted(request)
        _tzid, start, stop = self._window(request)
        return Response(
            200,
            {
                "available_periods": [
                    {
                        "available_period_id": key,
                        "start": utc_text(low),
                        "end": utc_text(high),
                    }
                    for key, (low, high) in granted.account.periods.items()
                    if (stop is None or low < stop) and (start is None or high >= start)
                ]
            },
        )

    def delete_period(self, request: Request) -> Response:
        periods = self._granted(request).account.periods
        data = self._json(request)
        if data.get("delete_all"):
            periods.clear()
        elif periods.pop(data.get("available_period_id"), None) is None:
            raise refused(404)
        return Response(202)

    # notifications, conferencing

    def create_channel(self, request: Request) -> Response:
        granted = self._granted(request)
        if "push" in self.sim.missing_features:
            raise refused(402)
        data = self._json(request)
        address = data.get("callback_url") or ""
        filters = data.get("filters") or {}
        problems = Problems()
        if urlsplit(address).scheme not in ("http", "https"):
            problems.required("callback_url")
        elif len(address) > MAX_CALLBACK_URL:
            problems.add("callback_url", "too_long", f"at most {MAX_CALLBACK_URL}")
        wanted = filters.get("calendar_ids")
        known = {calendar.id for calendar in granted.account.calendars}
        if wanted is not None and (not wanted or set(wanted) - known):
            problems.add("filters.calendar_ids", "invalid", "unknown or empty")
        if len(self._open_channels(granted)) >= MAX_CHANNELS:
            problems.add("base", "too_many_channels", f"at most {MAX_CHANNELS}")
        problems.check()
        channel = Channel(
            id=new_id("chn_"),
            account=granted.account,
            client=granted.client,
            callback_url=address,
            calendar_ids=tuple(wanted or ()),
            only_managed=bool(filters.get("only_managed", False)),
        )
        self.store.channels[channel.id] = channel
        self.sim.notify(channel, "verification")
        return Response(200, {"channel": channel.json()})

    def _open_channels(self, granted: Authorization) -> list[Channel]:
        return [
            channel
            for channel in self.store.channels.values()
            if channel.account is granted.account
            and channel.client == granted.client
            and not channel.closed
        ]

    def channels(self, request: Request) -> Response:
        granted = self._granted(request)
        channels = [channel.json() for channel in self._open_channels(granted)]
        return Response(200, {"channels": channels})

    def close_channel(self, request: Request) -> Response:
        for channel in self._open_channels(self._granted(request)):
            if channel.id == request.params["channel"]:
                channel.closed = True
                return Response(202)
        raise refused(404)

    def conferencing_authorization(self, request: Request) -> Response:
        granted = self._granted(request)
        if "conferencing" in self.sim.missing_features:
            raise refused(402)
        data = self._json(request)
        if not self.sim.redirect_allowed(data.get("redirect_uri") or ""):
            raise invalid("redirect_uri", "required", "required")
        key = self.sim.oauth.conferencing_request(granted.account.sub, data)
        url = f"{base_url(request)}/conferencing/authorize/{key}"
        return Response(200, {"authorization_request": {"url": url}})
