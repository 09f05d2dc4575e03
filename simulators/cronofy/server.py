"""The simulator: routes, switches and what a person does in their own calendar."""

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from fnmatch import fnmatch
from typing import Any
from urllib.parse import urlencode

from simulators.courier import Courier, Delivery, Letter
from simulators.kit import (
    Fault,
    Request,
    Response,
    Route,
    Simulator,
    SlidingWindow,
    control,
)

from . import scopes, writes
from .api import Api
from .errors import refused
from .moments import DAY, entered, utc_text, zone
from .oauth import OAuth, conferencing_profile
from .store import (
    READ_WRITE,
    Account,
    Authorization,
    Calendar,
    Channel,
    Event,
    Profile,
    Store,
)
from .web import Web
from .writes import Writes

DEMO_CLIENT, DEMO_SECRET = "demo-client", "demo-secret"
DATA_CENTERS = ("us", "de", "uk", "au", "ca", "sg")
PER_SECOND, PER_MINUTE = 50, 500
#: after so long without an answer a channel is closed
GIVEN_UP = timedelta(hours=24)


@dataclass
class Client:
    """An application as its owner registered it."""

    name: str
    secrets: list[str]
    redirect_uris: list[str] = field(default_factory=lambda: ["*"])
    """Patterns; ``*`` matches anything."""


class CronofySimulator(Simulator):
    """One data center of Cronofy; see the package's docstring.

    :param data_center: only a name: another instance is another data center, and
        neither knows the other's tokens
    """

    def __init__(self, *, data_center: str = "de", **kit: Any) -> None:
        super().__init__(**kit)
        if data_center not in DATA_CENTERS:
            raise ValueError(f"unknown data center {data_center!r}")
        self.data_center = data_center
        self.store = Store(self.clock)
        self.writes = Writes(self.store, self.clock)
        # whatever is not 2xx within five seconds: the documentation of push
        # notifications, as hookdeck's webhook-skills (cronofy-webhooks) tell it
        self.courier = Courier(failed=lambda status: not 200 <= status < 300)
        self.oauth, self.api, self.web = OAuth(self), Api(self), Web(self)
        self.limits: list[SlidingWindow] = []
        self.clear()

    def clear(self) -> None:
        self.clients = {DEMO_CLIENT: Client("Odoo", [DEMO_SECRET])}
        self.page_size = 100
        self.token_lifetime = 3600.0
        self.rotating = self.old_tokens = False
        self.missing_features: set[str] = set()
        self.limits.clear()
        self.store.clear()
        self.writes.clear()
        self.oauth.clear()
        self.api.clear()
        self.courier.clear()

    def stopping(self) -> None:
        self.courier.stop()

    def state(self) -> Any:
        return self.store.snapshot() | {"pending_writes": len(self.writes)}

    # the kit's seams

    def routes(self) -> list[Route]:
        return self.oauth.routes() + self.api.routes() + self.web.routes()

    def backstage(self, path: str) -> bool:
        return self.web.owns(path)

    def prepare(self, request: Request) -> Request:
        with self.lock:
            self.writes.settle()
            self.close_dead_channels()
        return request

    def not_found(self, request: Request) -> Response:
        return Response(404)

    def method_not_allowed(self, request: Request) -> Response:
        return Response(405)

    def fault_response(self, fault: Fault, request: Request) -> Response:
        """A status; 400 as the token endpoint gives it, 422 with an error list."""
        if not fault.fault.isdigit():
            raise ValueError(f"unknown fault {fault.fault!r}")
        status = int(fault.fault)
        if status == 400:
            return Response(400, {"error": "invalid_grant"})
        if status == 422:
            error = {"key": "errors.invalid", "description": "refused on request"}
            return Response(422, {"errors": {"summary": [error]}})
        return Response(status)

    def spend(self, client: str, request: Request) -> None:
        """Count a request against the application's limits; a batch is one."""
        if request.batched:
            return
        if any(limit.take(client) for limit in self.limits):
            raise refused(429)

    def redirect_allowed(self, address: str) -> bool:
        if not address.startswith(("http://", "https://")):
            return False
        return any(
            fnmatch(address, pattern)
            for client in self.clients.values()
            for pattern in client.redirect_uris
        )

    # notifications

    def signature(self, client: str, body: bytes) -> str:
        """The header's value: one signature for each secret in force."""
        return ",".join(
            base64.b64encode(
                hmac.new(secret.encode(), body, hashlib.sha256).digest()
            ).decode()
            for secret in self.clients[client].secrets
        )

    def notify(self, channel: Channel, kind: str, **more: Any) -> None:
        data = {"notification": {"type": kind} | more, "channel": channel.json()}
        body = json.dumps(data).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Cronofy-HMAC-SHA256": self.signature(channel.client, body),
        }

        def done(delivery: Delivery) -> None:
            if 200 <= delivery.status < 300:
                channel.failing = None
            elif delivery.attempts:
                channel.failing = channel.failing or self.clock.now()

        self.courier.send(Letter(channel.callback_url, headers, body, channel.id), done)

    def close_dead_channels(self) -> None:
        """A notification is tried again for 24 hours, then its channel is closed for
        good (hookdeck's webhook-skills, cronofy-webhooks)."""
        for channel in self.store.channels.values():
            if channel.failing and self.clock.now() - channel.failing > GIVEN_UP:
                channel.closed = True

    def changed(self, calendar: Calendar, event: Event) -> None:
        """Tell those who watch that a person changed an event."""
        for channel in list(self.store.channels.values()):
            if channel.closed or calendar not in channel.account.calendars:
                continue
            if channel.calendar_ids and calendar.id not in channel.calendar_ids:
                continue
            if channel.only_managed and not event.managed_by(channel.client):
                continue
            since = utc_text(event.updated - timedelta(seconds=1))
            self.notify(channel, "change", changes_since=since)

    def _tell_account(self, profile: Profile, kind: str) -> None:
        account = self.store.account_of(profile)
        for channel in list(self.store.channels.values()):
            if channel.account is account and not channel.closed:
                self.notify(channel, kind)

    def disconnect(self, profile: Profile) -> None:
        profile.connected = False
        self._tell_account(profile, "profile_disconnected")

    def withdraw(self, granted: Authorization) -> None:
        """End an authorization; its channels fall silent."""
        granted.revoked = True
        if not any(
            other.account is granted.account
            and other.client == granted.client
            and not other.revoked
            for other in self.store.authorizations
        ):
            for channel in self.store.channels.values():
                if channel.account is granted.account:
                    channel.closed = True

    def add_conferencing_profile(self, account: Account, name: str) -> dict:
        profile = conferencing_profile(account.person.email, name)
        account.conferencing.append(profile)
        return profile

    # switches

    @control
    def set_write_delay(self, seconds: float) -> None:
        """So long after its 202 a write arrives in the calendar."""
        with self.lock:
            self.writes.delay = float(seconds)

    @control
    def fail_writes(self, times: int = 1) -> None:
        """The next writes are accepted with 202 and then lost."""
        with self.lock:
            self.writes.failing = int(times)

    @control
    def treat(
        self, event_id: str, field: str, habit: str, noticed: bool = True
    ) -> None:
        """Let the calendar service deal with a field of an event in a way of its own:
        see :mod:`simulators.habits`. ``field`` as in the store; ``time`` is start and
        end. A write of which nothing is kept is a change, if ``noticed``."""
        self.writes.habits.set(event_id, field, habit, noticed=noticed)

    @control
    def apply_writes(self) -> int:
        """Let everything that was accepted arrive now; how many."""
        with self.lock:
            return self.writes.settle(everything=True)

    @control
    def set_page_size(self, size: int) -> None:
        self.page_size = max(1, int(size))

    @control
    def set_token_lifetime(self, seconds: float) -> None:
        self.token_lifetime = float(seconds)

    @control
    def set_tokens(self, rotating: bool = False, old: bool = False) -> None:
        """``rotating``: each refresh ends the refresh token and gives another.
        ``old``: answers without sub, account_id and linking_profile."""
        self.rotating, self.old_tokens = bool(rotating), bool(old)

    @control
    def forget_pages(self) -> None:
        """Addresses of further pages that were told so far answer 404 (pycronofy,
        test_pagination)."""
        with self.lock:
            self.api.clear()

    @control
    def request_erasure(self, person: str) -> None:
        """The person asks Cronofy to be forgotten: applications are told, and their
        permissions end (hookdeck's webhook-skills, cronofy-webhooks)."""
        with self.lock:
            for profile in self.store.person(person).profiles:
                self._tell_account(profile, "gdpr_requested")
            for granted in self.store.authorizations:
                if granted.account.person.key == person and not granted.revoked:
                    self.withdraw(granted)

    @control
    def expire_tokens(self, person: str | None = None) -> None:
        """Access tokens given so far stop working; refreshing helps."""
        with self.lock:
            for granted in self.store.authorizations:
                if person in (None, granted.account.person.key):
                    granted.access_tokens.clear()

    @control
    def set_limits(
        self, per_second: int | None = PER_SECOND, per_minute: int | None = PER_MINUTE
    ) -> None:
        """Answer 429 beyond so many requests of one application; None = no limit."""
        self.limits[:] = [
            SlidingWindow(per_second, 1, self.clock),
            SlidingWindow(per_minute, 60, self.clock),
        ]

    @control
    def set_plan(self, missing: list[str] = ()) -> None:
        """Features that answer 402: push, availability, conferencing, geo, batch,
        permissions."""
        unknown = set(missing) - {
            "push",
            "availability",
            "conferencing",
            "geo",
            "batch",
            "permissions",
        }
        if unknown:
            raise ValueError(f"unknown features {sorted(unknown)}")
        self.missing_features = set(missing)

    @control
    def set_mail(self, **weather: Any) -> dict:
        """How unreliable notifications are; see :class:`simulators.courier.Weather`."""
        return self.courier.set(**weather)

    @control
    def wait_for_mail(self, seconds: float = 5.0) -> bool:
        return self.courier.wait(seconds)

    @control
    def deliveries(self) -> list[dict]:
        return [asdict(delivery) for delivery in self.courier.deliveries]

    @control
    def add_client(
        self, client_id: str, secret: str, name: str = "", redirect_uris: list = ("*",)
    ) -> None:
        self.clients[client_id] = Client(
            name or client_id, [secret], list(redirect_uris)
        )

    @control
    def rotate_secret(self, secret: str, client: str = DEMO_CLIENT) -> None:
        """A second secret comes into force beside the first."""
        self.clients[client].secrets.append(secret)

    @control
    def retire_secret(self, secret: str, client: str = DEMO_CLIENT) -> None:
        self.clients[client].secrets.remove(secret)

    # people

    @control
    def add_person(
        self,
        key: str,
        name: str = "",
        email: str = "",
        service: str = "office365",
        tz: str = "Europe/Berlin",
        calendars: list[str] = ("Calendar",),
    ) -> dict:
        """A person with one profile; the ids of the calendars by name."""
        with self.lock:
            zone(tz)
            person = self.store.add_person(
                key, name or key.title(), email or f"{key}@example.com", tz
            )
            profile = self.store.add_profile(person, service)
            found = {c: self.store.add_calendar(profile, c).id for c in calendars}
            return {"profile_id": profile.id, "calendars": found}

    @control
    def add_profile(
        self, person: str, service: str, calendars: list[str] = ("Calendar",)
    ) -> dict:
        with self.lock:
            profile = self.store.add_profile(self.store.person(person), service)
            found = {c: self.store.add_calendar(profile, c).id for c in calendars}
            return {"profile_id": profile.id, "calendars": found}

    @control
    def add_calendar(self, person: str, name: str, readonly: bool = False) -> str:
        with self.lock:
            profile = self.store.person(person).profiles[0]
            return self.store.add_calendar(profile, name, readonly=readonly).id

    @control
    def set_calendar(
        self, calendar: str, person: str | None = None, **values: bool
    ) -> None:
        """``readonly`` or ``deleted``."""
        with self.lock:
            found = self.store.calendar(person, calendar)
            for name, value in values.items():
                if name not in ("readonly", "deleted"):
                    raise ValueError(f"calendars have no switch {name!r}")
                setattr(found, name, bool(value))

    @control
    def calendar_ids(self, person: str) -> dict[str, str]:
        with self.lock:
            return {c.name: c.id for c in self.store.person(person).calendars}

    @control
    def disconnect_profile(self, person: str) -> None:
        """The person changed their password: reading goes stale, writing gives 423."""
        with self.lock:
            for profile in self.store.person(person).profiles:
                self.disconnect(profile)

    @control
    def reconnect_profile(self, person: str) -> None:
        with self.lock:
            for profile in self.store.person(person).profiles:
                profile.connected, profile.initial_sync_required = True, False
                self._tell_account(profile, "profile_connected")

    @control
    def set_initial_sync(self, person: str, required: bool = True) -> None:
        """The first synchronisation has not happened (yet)."""
        with self.lock:
            for profile in self.store.person(person).profiles:
                done = profile.initial_sync_required and not required
                profile.initial_sync_required = bool(required)
                if done:
                    self._tell_account(profile, "profile_initial_sync_completed")

    @control
    def set_mode(self, person: str, mode: str) -> None:
        """read_write, free_busy or no_access."""
        with self.lock:
            for profile in self.store.person(person).profiles:
                if mode not in profile.modes:
                    raise ValueError(f"{profile.label} has no mode {mode!r}")
                profile.mode = mode

    # grants

    @control
    def grant(
        self, person: str, scope: str = "read_write", client: str = DEMO_CLIENT
    ) -> dict:
        """What the two pages and the exchange of the code come to: the token answer."""
        with self.lock:
            names = tuple(scope.split())
            if not names or not all(scopes.known(name) for name in names):
                raise ValueError(f"unknown scope in {scope!r}")
            profile = self.store.person(person).profiles[0]
            account = self.store.link(profile)
            granted = self.store.authorize(account, client, names, profile)
            return self.oauth.token_data(granted)

    @control
    def issue_code(
        self,
        person: str,
        scope: str,
        redirect_uri: str,
        client: str = DEMO_CLIENT,
    ) -> str:
        """A code as the consent page would send back."""
        with self.lock:
            profile = self.store.person(person).profiles[0]
            account = self.store.link(profile)
            names = tuple(scope.split())
            granted = self.store.authorize(account, client, names, profile)
            return self.oauth.new_code(granted, redirect_uri)

    @control
    def authorize(
        self, url: str, person: str, mode: str = READ_WRITE, deny: bool = False
    ) -> str:
        """Click through the pages behind ``url`` as this person: where that leads."""
        asked = self.oauth.authorize(Request("GET", url, {}))
        if asked.status != 200:
            return asked.headers.get("Location", "")
        key = list(self.oauth.asking)[-1]
        profile = self.store.person(person).profiles[0]
        for path, answer in (
            ("/oauth/authorize/calendar", {"profile": profile.id, "mode": mode}),
            ("/oauth/authorize/consent", {"do": "deny" if deny else "allow"}),
        ):
            form = urlencode({"asking": key, **answer}).encode()
            handler = self.oauth.choose if "profile" in answer else self.oauth.consent
            response = handler(Request("POST", path, {}, form))
        return response.headers["Location"]

    @control
    def withdraw_grants(self, person: str) -> int:
        """The person revokes every application; how many grants that ended."""
        with self.lock:
            mine = [
                granted
                for granted in self.store.authorizations
                if granted.account.person.key == person and not granted.revoked
            ]
            for granted in mine:
                self.withdraw(granted)
            return len(mine)

    @control
    def elevate(self, person: str, calendar: str | None = None) -> None:
        """What the page for more rights comes to, for one calendar."""
        with self.lock:
            found = self.store.calendar(person, calendar)
            self.store.unrestricted.add((DEMO_CLIENT, found.id))

    @control
    def restrict(self, person: str) -> None:
        """The person takes the further rights back."""
        with self.lock:
            mine = {calendar.id for calendar in self.store.person(person).calendars}
            kept = {row for row in self.store.unrestricted if row[1] not in mine}
            self.store.unrestricted = kept

    @control
    def disconnect_conferencing(self, person: str) -> None:
        with self.lock:
            profile = self.store.person(person).profiles[0]
            for row in self.store.link(profile).conferencing:
                row["profile_connected"] = False
                # Cronofy, developers/api/identity/userinfo; cronofy-csharp
                row["profile_relink_url"] = f"{self.url}/relink/{profile.id}"
            self._tell_account(profile, "conferencing_profile_disconnected")

    @control
    def connect_conferencing(self, person: str, provider_name: str = "zoom") -> str:
        """The id of the new conferencing profile."""
        with self.lock:
            account = self.store.link(self.store.person(person).profiles[0])
            return self.add_conferencing_profile(account, provider_name)["profile_id"]

    # what people do in their own calendars

    @control
    def add_event(
        self,
        person: str | None = None,
        calendar: str | None = None,
        summary: str = "",
        start: str = "",
        end: str = "",
        **more: Any,
    ) -> str:
        """The uid. Times without an offset are the person's own (or ``tz``)."""
        with self.lock:
            found = self.store.calendar(person, calendar)
            event = self.store.put(found, summary, start, end, **more)
            self.changed(found, event)
            return event.uid

    @control
    def put_event(
        self,
        person: str,
        body: dict,
        calendar: str | None = None,
        client: str = DEMO_CLIENT,
    ) -> None:
        """An event of an application, as if it had been upserted long ago."""
        with self.lock:
            found = self.store.calendar(person, calendar)
            account = self.store.link(found.profile)
            writes.upsert(self.store, account, found, client, body)()

    @control
    def outbox(self) -> list[str]:
        """Addresses that the calendar services have sent an invitation to."""
        with self.lock:
            return [
                guest["email"]
                for calendar in self.store.calendars.values()
                for event in calendar.events.values()
                if event.event_id
                for guest in event.attendees
            ] + self.store.mailed

    @control
    def add_series(
        self,
        person: str | None = None,
        calendar: str | None = None,
        summary: str = "",
        start: str = "",
        end: str = "",
        every: int = 7,
        count: int = 4,
        **more: Any,
    ) -> list[str]:
        """``count`` occurrences, ``every`` so many days at the same local time."""
        with self.lock:
            found = self.store.calendar(person, calendar)
            tz = more.pop("tz", None) or found.profile.person.tz
            first = self.store.put(found, summary, start, end, tz=tz, **more)
            first.series = f"series-{first.uid[-12:]}"
            uids = [first.uid]
            for number in range(1, count):
                shifted = [
                    _shifted(value, timedelta(days=every * number), tz)
                    for value in (start, end)
                ]
                event = self.store.put(
                    found, summary, *shifted, tz=tz, series=first.series, **more
                )
                uids.append(event.uid)
            self.changed(found, first)
            return uids

    @control
    def change_event(self, uid: str, **values: Any) -> None:
        """By uid or event_id; start, end, summary, … as of :class:`.store.Event`."""
        with self.lock:
            calendar, event = self.store.event(uid)
            tz = values.pop("tz", None) or calendar.profile.person.tz
            self.store.change(event, tz, **values)
            self.changed(calendar, event)

    @control
    def plant_event(self, uid: str, values: dict) -> None:
        """Show these values to applications, whatever they are."""
        with self.lock:
            _calendar, event = self.store.event(uid)
            event.planted |= values
            event.updated = self.clock.now()

    @control
    def delete_event(self, uid: str) -> None:
        with self.lock:
            calendar, event = self.store.event(uid)
            self.store.change(event, "UTC", deleted=True)
            self.changed(calendar, event)

    @control
    def events(
        self, person: str | None = None, calendar: str | None = None
    ) -> list[dict]:
        """What is in a calendar now, as an application would read it."""
        with self.lock:
            self.writes.settle()
            found = self.store.calendar(person, calendar)
            return [
                event.json(event.client, False, found.profile.person.tz)
                for event in found.events.values()
                if not event.deleted
            ]


def _shifted(value: Any, span: timedelta, tz: str) -> date | datetime:
    """The same wall-clock time some days later."""
    if isinstance(value, str) and DAY.match(value):
        return date.fromisoformat(value) + span
    local = entered(value, tz).at.astimezone(zone(tz)).replace(tzinfo=None)
    return local + span
