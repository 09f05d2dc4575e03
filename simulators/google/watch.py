"""Watch channels: start, stop, and telling them that something changed."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote, urlsplit

from ..courier import LOOPBACK, Courier, Letter
from ..kit import Response
from . import errors
from .calls import Call
from .moments import UTC
from .store import Store

DEFAULT_TTL = 604_800
MAX_TTL = 2_592_000


@dataclass
class Channel:
    id: str
    resource: tuple[str, str]
    """Collection, and the calendar's id or the user's address."""
    resource_id: str
    uri: str
    address: str
    token: str | None
    expires: datetime
    user: str
    client: str
    number: int = 0


class Watch:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.courier = Courier()
        self.http_loopback = False
        """Accept http:// on the loopback, which the real one never does."""
        self._channels: dict[tuple[str, str], Channel] = {}

    def starter(self, resource: str) -> Callable[[Call], Response]:
        return lambda call: self.start(resource, call)

    def start(self, resource: str, call: Call) -> Response:
        body = call.body
        about = call.user
        if "calendarId" in call.path:
            calendar, _role = call.calendar_and_role()
            about = calendar.id
            if not calendar.pushes:
                raise errors.refuse(
                    400,
                    "pushNotSupportedForRequestedResource",
                    "Push notifications are not supported by this resource.",
                    "calendar",
                )
        self._check(call, body)
        uri = (
            f"https://www.googleapis.com/calendar/v3/calendars/{quote(about, safe='')}"
            f"/events?alt=json"
            if resource == "events"
            else f"https://www.googleapis.com/calendar/v3/{resource}?alt=json"
        )
        channel = Channel(
            id=body["id"],
            resource=(resource, about),
            resource_id=_resource_id(call.project, resource, about),
            uri=uri,
            address=body["address"],
            token=body.get("token"),
            expires=self._expiration(body),
            user=call.user,
            client=call.client,
        )
        self._channels[call.project, channel.id] = channel
        self._send(channel, "sync")
        return Response(200, self._shown(channel))

    def _check(self, call: Call, body: dict) -> None:
        name, address = body.get("id") or "", body.get("address") or ""
        if not re.fullmatch(r"[A-Za-z0-9\-_+/=]{1,64}", name):
            raise errors.refuse(400, "channelIdInvalid", "Invalid channel id.", "push")
        if body.get("type") not in ("web_hook", "webhook"):
            raise errors.refuse(
                400, "channelTypeUnknown", "Unknown channel type.", "push"
            )
        if len(body.get("token") or "") > 256:
            raise errors.invalid("Channel token is too long.", "token")
        parts = urlsplit(address)
        allowed = self.http_loopback and parts.hostname in LOOPBACK
        if parts.scheme != "https" and not (parts.scheme == "http" and allowed):
            raise errors.refuse(
                400,
                "push.webhookUrlNotHttps",
                f"WebHook callback must be HTTPS: {address}",
            )
        known = self._channels.get((call.project, name))
        if known and self._alive(known):
            raise errors.refuse(
                400, "channelIdNotUnique", f"Channel id {name} not unique"
            )

    def _expiration(self, body: dict) -> datetime:
        now = self.store.clock.now()
        seconds = float(DEFAULT_TTL)
        ttl = (body.get("params") or {}).get("ttl")
        if ttl:
            seconds = float(ttl)
        if body.get("expiration"):
            wanted = datetime.fromtimestamp(int(body["expiration"]) / 1000, UTC)
            seconds = (wanted - now).total_seconds()
        if seconds <= 0:
            raise errors.invalid("Channel expiration lies in the past.", "expiration")
        return now + timedelta(seconds=min(seconds, MAX_TTL))

    def _shown(self, channel: Channel) -> dict:
        shown = {
            "kind": "api#channel",
            "id": channel.id,
            "resourceId": channel.resource_id,
            "resourceUri": channel.uri,
            "expiration": str(int(channel.expires.timestamp() * 1000)),
        }
        if channel.token:
            shown["token"] = channel.token
        return shown

    def stop(self, call: Call) -> Response:
        """Only for the same user and client, and with the right resource."""
        channel = self._channels.get((call.project, call.body.get("id") or ""))
        if (
            channel is None
            or channel.resource_id != call.body.get("resourceId")
            or (channel.user, channel.client) != (call.user, call.client)
            or not self._alive(channel)
        ):
            raise errors.refuse(
                404,
                "notFound",
                f"Channel '{call.body.get('id')}' not found for project"
                f" '{call.project}'",
            )
        del self._channels[call.project, channel.id]
        return Response(204)

    def tell(self) -> None:
        """Send a notification to whoever watches what changed since the last time."""
        changed, self.store.dirty = self.store.dirty, set()
        if not changed:
            return
        for channel in list(self._channels.values()):
            if channel.resource in changed and self._alive(channel):
                self._send(channel, "exists")

    def _send(self, channel: Channel, state: str) -> None:
        # numbers grow, but not by one
        channel.number = 1 if state == "sync" else channel.number + 2
        # google-api-nodejs-client 3202: no Content-Type
        headers = {
            "Accept": "*/*",
            "User-Agent": "APIs-Google; (+https://developers.google.com/webmasters"
            "/APIs-Google.html)",
            "Content-Length": "0",
            "X-Goog-Channel-ID": channel.id,
            "X-Goog-Channel-Expiration": format_datetime(channel.expires, usegmt=True),
            "X-Goog-Message-Number": str(channel.number),
            "X-Goog-Resource-ID": channel.resource_id,
            "X-Goog-Resource-State": state,
            "X-Goog-Resource-URI": channel.uri,
        }
        if channel.token:
            headers["X-Goog-Channel-Token"] = channel.token
        self.courier.send(Letter(channel.address, headers, about=channel.id))

    def _alive(self, channel: Channel) -> bool:
        return channel.expires > self.store.clock.now()

    def dump(self) -> list[dict]:
        return [
            {
                **self._shown(channel),
                "address": channel.address,
                "user": channel.user,
                "resource": list(channel.resource),
                "alive": self._alive(channel),
            }
            for channel in self._channels.values()
        ]


def _resource_id(*names: str) -> str:
    return hashlib.sha256("/".join(names).encode()).hexdigest()[:27]
