"""The simulator itself: routes, authorisation, quotas, and the controls."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlencode

from ..kit import (
    Fault,
    Request,
    Response,
    Route,
    Simulator,
    SlidingWindow,
    control,
)
from . import demo, discovery, errors
from .batch import batch
from .calendars import Acl, CalendarList, Calendars, Others
from .calls import Call
from .discovery import Method
from .events import Events
from .freebusy import FreeBusy
from .guests import Guests
from .listing import EventLists, Lister
from .oauth import Client, OAuth, Token
from .pages import Pages
from .splits import Splits
from .store import Store
from .watch import Watch

COSTS = {"events.patch": 3}
"""Quota units; everything else costs one."""


class GoogleSimulator(Simulator):
    """Google OAuth 2.0 and Calendar v3; see the package's docstring."""

    def __init__(
        self, *, port: int = 0, latency: float = 0.0, strict: bool = True
    ) -> None:
        super().__init__(port=port, latency=latency)
        self.strict = self._strict = strict
        self._clients: dict[str, Client] = {}
        self.register_client("demo-client", "demo-secret")
        self.per_user = SlidingWindow(None, 60, self.clock)
        self.per_project = SlidingWindow(None, 60, self.clock)
        self._build()

    def _build(self) -> None:
        self.store = store = Store(self.clock)
        self.oauth = OAuth(store, self._clients)
        self.lister = lister = Lister(store)
        self.guests = Guests(store)
        self.events = Events(store, self.guests)
        self.splits = Splits(self.events)
        self.event_lists = EventLists(store, self.events, lister)
        self.calendars = Calendars(store, self.events)
        self.calendar_list = CalendarList(store, lister)
        self.acl = Acl(store, lister)
        self.others = Others(store, lister)
        self.free_busy = FreeBusy(store, self.event_lists)
        self.watch = Watch(store)
        self.pages = Pages(self)
        self.methods = self._methods()

    def _methods(self) -> dict[str, Callable[[Call], Response]]:
        """What answers each method of the API; what is missing answers 501."""
        found = {
            "events.import": self.events.import_,
            "events.list": self.event_lists.listing,
            "events.instances": self.event_lists.instances,
            "freebusy.query": self.free_busy.query,
            "colors.get": self.others.colors,
            "settings.list": self.others.settings,
            "settings.get": self.others.setting,
            "channels.stop": self.watch.stop,
            "acl.list": self.acl.listing,
            "acl.update": self.acl.patch,
            "calendarList.list": self.calendar_list.listing,
        }
        whole = {
            "events": (self.events, "get insert patch update delete move"),
            "calendars": (self.calendars, "get insert patch update delete clear"),
            "calendarList": (
                self.calendar_list,
                "get insert patch update delete",
            ),
            "acl": (self.acl, "get insert patch delete"),
        }
        for resource, (owner, names) in whole.items():
            for name in names.split():
                found[f"{resource}.{name}"] = getattr(owner, name)
        for resource in ("events", "calendarList", "acl", "settings"):
            found[f"{resource}.watch"] = self.watch.starter(resource)
        return found

    # ------------------------------------------------------------------------- routes

    def routes(self) -> list[Route]:
        oauth = [
            Route("GET", "/o/oauth2/v2/auth", lambda r: self.oauth.authorize(r)),
            Route("POST", "/o/oauth2/v2/auth", lambda r: self.oauth.decide(r)),
            Route("POST", "/token", lambda r: self.oauth.token(r)),
            Route("POST", "/revoke", lambda r: self.oauth.revoke(r)),
            Route("GET", "/tokeninfo", lambda r: self.oauth.tokeninfo(r)),
            *(
                Route("GET", path, lambda r: self.oauth.userinfo(r))
                for path in (
                    "/v1/userinfo",
                    "/oauth2/v2/userinfo",
                    "/oauth2/v3/userinfo",
                )
            ),
            Route("POST", "/batch/calendar/v3", lambda r: batch(self, r), locked=False),
        ]
        api = [
            Route(method.http, method.path, self._endpoint(method))
            for method in discovery.methods().values()
        ]
        # /events/import and the like before /events/{eventId}
        api.sort(key=lambda route: route.pattern.count("{"))
        pages = [
            Route(method, path, lambda r, name=name: getattr(self.pages, name)(r))
            for method, path, name in Pages.ROUTES
        ]
        return oauth + api + pages

    def backstage(self, path: str) -> bool:
        return path == "/" or path.startswith("/ui/")

    def prepare(self, request: Request) -> Request:
        """Undo the method override, and name the user for faults and journal."""
        if (
            request.method == "POST"
            and request.header("X-HTTP-Method-Override") == "GET"
        ):
            target = f"{request.raw_path}?{request.body.decode()}"
            request = replace(request, method="GET", target=target, body=b"")
        token = self.oauth.bearer(request)
        request.user = token.user if token else None
        return request

    def fault_response(self, fault: Fault, request: Request) -> Response:
        return errors.fault_response(fault.fault)

    def not_found(self, request: Request) -> Response:
        return Response(404, errors.body(404, "notFound", "Not Found"))

    def method_not_allowed(self, request: Request) -> Response:
        return Response(
            405, errors.body(405, "httpMethodNotAllowed", "Method not allowed")
        )

    # ---------------------------------------------------------------------- API calls

    def _endpoint(self, method: Method) -> Callable[[Request], Response]:
        def handle(request: Request) -> Response:
            token = self._authorise(request, method)
            self._charge(token, method)
            call = Call(
                store=self.store,
                method=method,
                user=token.user,
                path=request.params,
                args=discovery.arguments(method, request.query),
                body=self._body(request, method),
                scopes=token.scopes,
                project=token.project,
                client=token.client,
                if_match=request.header("If-Match"),
                if_none_match=request.header("If-None-Match"),
            )
            response = self._run(call)
            if call.args.get("fields") and response.data and response.status == 200:
                response.data = discovery.select(call.args["fields"], response.data)
            response.pretty = bool(call.args.get("prettyPrint"))
            return response

        return handle

    def _authorise(self, request: Request, method: Method) -> Token:
        token = self.oauth.bearer(request)
        if token is None:
            if self.oauth.presented(request):
                raise errors.bad_token()
            raise errors.unauthenticated()
        if not token.scopes & method.scopes:
            raise errors.missing_scope()
        return token

    def _charge(self, token: Token, method: Method) -> None:
        cost = COSTS.get(method.id, 1)
        if self.per_project.take(token.project, cost):
            raise errors.refuse(*errors.FAULTS["rateLimitExceeded"])
        if self.per_user.take(f"{token.project}/{token.user}", cost):
            raise errors.refuse(*errors.FAULTS["userRateLimitExceeded"])

    def _body(self, request: Request, method: Method) -> dict:
        if method.body is None:
            return {}
        try:
            body = request.json()
        except ValueError:
            raise errors.refuse(400, "parseError", "Parse Error") from None
        return discovery.check_body(method, body) if self.strict else body or {}

    def _run(self, call: Call) -> Response:
        handler = self.methods.get(call.method.id)
        if handler is None:
            return Response(
                501, errors.body(501, "notImplemented", "Not in this simulator")
            )
        try:
            return handler(call)
        finally:
            self.watch.tell()

    def call(self, user: str, method_id: str, **arguments: Any) -> Any:
        """Do as `user` what the API method does, as if over HTTP with all scopes.

        :param arguments: path and query parameters by name, and ``body``
        :raise Refusal: with the answer that a client would get
        """
        method = discovery.methods()[method_id]
        body = json.loads(json.dumps(arguments.pop("body", None)))
        if_match = arguments.pop("if_match", None)
        path = {
            name: arguments.pop(name)
            for name, spec in method.parameters.items()
            if spec["location"] == "path" and name in arguments
        }
        query = {
            name: [
                _text(item) for item in (value if isinstance(value, list) else [value])
            ]
            for name, value in arguments.items()
        }
        with self.lock:
            response = self._run(
                Call(
                    store=self.store,
                    method=method,
                    user=user,
                    path=path,
                    args=discovery.arguments(method, query),
                    body=discovery.check_body(method, body) if self.strict else body,
                    project="simulator",
                    if_match=if_match,
                )
            )
        return response.data

    # ----------------------------------------------------------------------- controls

    def clear(self) -> None:
        """Registered clients stay."""
        self.watch.courier.stop()
        self.set_quota()
        self.per_user.reset()
        self.per_project.reset()
        self.strict = self._strict
        self._build()

    def stopping(self) -> None:
        self.watch.courier.stop()

    @control
    def register_client(
        self,
        client_id: str,
        client_secret: str,
        redirect_uris: list[str] | None = None,
        name: str = "Odoo",
        project: str | None = None,
    ) -> None:
        """Without `redirect_uris` any address on the loopback is accepted."""
        self._clients[client_id] = Client(
            id=client_id,
            secret=client_secret,
            name=name,
            project=project or client_id,
            redirect_uris=tuple(redirect_uris or ()),
            any_loopback=not redirect_uris,
        )

    @control
    def create_user(
        self, email: str, name: str | None = None, timezone: str = "Europe/Berlin"
    ) -> str:
        """Whoever is there already stays as they are."""
        with self.lock:
            if email not in self.store.users:
                name = name or email.split("@")[0].capitalize()
                self.store.add_user(email, name, timezone)
            return email

    @control
    def create_outsider(self, email: str, timezone: str = "Europe/Berlin") -> str:
        """Somebody without a Google account, whose invitations arrive by mail.

        Their events are made, changed and called off as everybody's, with
        ``insert_event`` and so on; on the guests' calendars the ids look foreign.
        """
        with self.lock:
            name = email.split("@")[0].capitalize()
            return self.store.add_user(email, name, timezone, outside=True).email

    @control
    def create_calendar(
        self,
        user: str,
        summary: str,
        timezone: str | None = None,
        calendar_id: str | None = None,
        pushes: bool = True,
    ) -> str:
        """Its id; `pushes` False as for holiday calendars."""
        with self.lock:
            fields = {"summary": summary}
            if timezone:
                fields["timeZone"] = timezone
            if calendar_id:
                calendar = self.store.add_calendar(user, calendar_id, fields)
            else:
                made = self.call(user, "calendars.insert", body=fields)
                calendar = self.store.calendars[made["id"]]
            calendar.pushes = pushes
            return calendar.id

    @control
    def share(
        self, calendar: str, user: str, role: str = "reader", subscribe: bool = True
    ) -> None:
        """Give `user` a role ("none" takes it away) and show it in their list."""
        with self.lock:
            found = self.store.calendars[calendar]
            self.store.grant(found, "user", user, role)
            entry = self.store.entries.get((user, calendar))
            if role != "none" and subscribe and (entry is None or entry.deleted):
                self.store.subscribe(user, calendar, {"selected": True})
            self.watch.tell()

    @control
    def delete_calendar(self, user: str, calendar: str) -> None:
        self.call(user, "calendars.delete", calendarId=calendar)

    @control
    def insert_event(
        self, user: str, event: dict, calendar: str = "primary", **query: Any
    ) -> dict:
        return self.call(
            user, "events.insert", calendarId=calendar, body=event, **query
        )

    @control
    def insert_events(
        self, user: str, events: list[dict], calendar: str = "primary"
    ) -> list[str]:
        """Many at once, e.g. for a benchmark; their ids."""
        with self.lock:
            return [self.insert_event(user, body, calendar)["id"] for body in events]

    @control
    def import_event(
        self, user: str, event: dict, calendar: str = "primary", **query: Any
    ) -> dict:
        """E.g. an invitation by somebody outside."""
        return self.call(
            user, "events.import", calendarId=calendar, body=event, **query
        )

    @control
    def patch_event(
        self,
        user: str,
        event_id: str,
        changes: dict,
        calendar: str = "primary",
        **query: Any,
    ) -> dict:
        return self.call(
            user,
            "events.patch",
            calendarId=calendar,
            eventId=event_id,
            body=changes,
            **query,
        )

    @control
    def delete_event(
        self, user: str, event_id: str, calendar: str = "primary", **query: Any
    ) -> None:
        self.call(user, "events.delete", calendarId=calendar, eventId=event_id, **query)

    @control
    def split_series(
        self,
        user: str,
        event_id: str,
        changes: dict | None = None,
        calendar: str = "primary",
    ) -> dict:
        """Change an occurrence "and all following" on the web page; the new series."""
        with self.lock:
            call = Call(
                store=self.store,
                method=discovery.methods()["events.patch"],
                user=user,
                path={"calendarId": calendar, "eventId": event_id},
                body=changes or {},
            )
            tail = self.splits.split(call)
            self.watch.tell()
            return self.events.shown_to_owner(tail, self.store.calendars[tail.calendar])

    @control
    def get_event(self, user: str, event_id: str, calendar: str = "primary") -> dict:
        return self.call(user, "events.get", calendarId=calendar, eventId=event_id)

    @control
    def list_events(
        self, user: str, calendar: str = "primary", **query: Any
    ) -> list[dict]:
        """All pages."""
        query, items = {"maxResults": 2500, **query}, []
        while True:
            page = self.call(user, "events.list", calendarId=calendar, **query)
            items += page["items"]
            if "nextPageToken" not in page:
                return items
            query["pageToken"] = page["nextPageToken"]

    @control
    def respond(
        self, user: str, event_id: str, answer: str, calendar: str = "primary"
    ) -> dict:
        """Answer an invitation: accepted, declined, tentative."""
        row = {"email": user, "responseStatus": answer}
        changes = {"attendees": [row], "attendeesOmitted": True}
        return self.patch_event(user, event_id, changes, calendar)

    @control
    def plant_event(
        self, calendar: str, event_id: str, raw: dict, updated: bool = True
    ) -> None:
        """Overwrite stored fields without any check, to make malformed items.

        The fields of `raw` are shown exactly as they are given, whoever asks;
        null removes a field from the answer.
        """
        with self.lock:
            copy = self.store.calendars[calendar].events[event_id]
            copy.raw = raw
            self.store.put(copy, updated)
            self.watch.tell()

    @control
    def shrink_event(self, calendar: str, event_id: str) -> None:
        """Let an event end when it starts, as Google's own web page can."""
        with self.lock:
            copy = self.store.calendars[calendar].events[event_id]
            copy.stop = copy.start
            self.store.put(copy)
            self.watch.tell()

    @control
    def purge_tombstones(self, calendar: str | None = None) -> int:
        """Let deleted events disappear for good, as they eventually do."""
        with self.lock:
            doomed = [
                copy
                for found in self.store.calendars.values()
                for copy in found.events.values()
                if copy.cancelled and calendar in (None, found.id)
            ]
            for copy in doomed:
                self.store.forget(copy)
            return len(doomed)

    @control
    def set_paging(self, **switches: Any) -> dict:
        """See :class:`simulators.google.listing.Paging`."""
        self.lister.paging = replace(self.lister.paging, **switches)
        return asdict(self.lister.paging)

    @control
    def set_policy(self, **switches: Any) -> dict:
        """See :class:`simulators.google.oauth.Policy`."""
        self.oauth.policy = replace(self.oauth.policy, **switches)
        return asdict(self.oauth.policy)

    @control
    def set_quota(
        self,
        per_user: int | None = None,
        per_project: int | None = None,
        calendars: int | None = None,
    ) -> None:
        """Units a minute (Google: 600 and 10,000), secondary calendars a user."""
        self.per_user.limit, self.per_project.limit = per_user, per_project
        self.calendars.usage_limit = calendars

    @control
    def set_behaviour(self, **switches: bool) -> None:
        """Where Google's behaviour is unsure or changes.

        ``move_says_cancelled``, ``none_delete_leaves_guests``,
        ``tail_addresses`` (``<id>_R…_<time>`` names an occurrence), ``tail_first``
        (of the parts of a split the later one is told first),
        ``report_surplus`` (freeBusy beyond calendarExpansionMax), ``strict``,
        ``http_loopback`` (watch addresses without TLS on the loopback)
        """
        homes = {
            "move_says_cancelled": self.events,
            "none_delete_leaves_guests": self.events,
            "tail_addresses": self.events,
            "tail_first": self.splits,
            "report_surplus": self.free_busy,
            "strict": self,
            "http_loopback": self.watch,
        }
        for name, value in switches.items():
            setattr(homes[name], name, bool(value))

    @control
    def forget_zone(self, name: str) -> None:
        """A zone that Google has not learnt yet, as Europe/Kyiv until March 2023
        (phw198/OutlookGoogleCalendarSync#1530)."""
        for calendar in self.store.calendars.values():
            calendar.unknown_zones.add(name)

    @control
    def treat(self, event_id: str, field: str, habit: str) -> None:
        """Let Google deal with a field of an event in a way of its own: see
        :mod:`simulators.habits`. ``field`` as in the API; ``time`` is start and end."""
        self.events.habits.set(event_id, field, habit)

    @control
    def set_notifications(self, **weather: Any) -> dict:
        """drop, duplicate (numbers), delay (seconds), hold, reorder."""
        return self.watch.courier.set(**weather)

    @control
    def release_notifications(self) -> int:
        return self.watch.courier.release()

    @control
    def notifications(self) -> list[dict]:
        """What was sent to the channels, and what became of it."""
        return [asdict(delivery) for delivery in self.watch.courier.deliveries]

    @control
    def expire_tokens(self, kind: str, user: str | None = None) -> int:
        """`kind`: access, refresh, code or sync (then a full sync is required)."""
        with self.lock:
            if kind == "sync":
                self.store.token_epoch += 1
                return 1
            if kind not in ("access", "refresh", "code"):
                raise ValueError("kind is access, refresh, code or sync")
            return self.oauth.expire(kind, user)

    @control
    def revoke_grant(self, user: str, client_id: str) -> None:
        """The user removes the application in their Google account."""
        with self.lock:
            self.oauth.drop_grant(user, self.oauth.clients[client_id].project)

    @control
    def authorize(
        self,
        url: str,
        user: str,
        scopes: list[str] | None = None,
        deny: bool = False,
    ) -> str:
        """Do what a person does with the consent page; the address they end up at.

        :param url: the address the client sent them to
        :param scopes: what they leave ticked; None = everything
        """
        query = Request("GET", url, {}).query_string
        asked = Request("GET", url, {}).arg("scope") or ""
        form = {
            "request": query,
            "authuser": user,
            "scope": asked.split() if scopes is None else scopes,
            "decision": "deny" if deny else "allow",
        }
        body = urlencode(form, doseq=True).encode()
        response = self.answer(Request("POST", "/o/oauth2/v2/auth", {}, body))
        if response.status != 302:
            raise ValueError(response.body)
        return response.headers["Location"]

    @control
    def grant_tokens(
        self, user: str, client_id: str, scopes: list[str]
    ) -> dict[str, Any]:
        """Tokens without any page: what the token endpoint would have answered."""
        with self.lock:
            client = self.oauth.clients[client_id]
            wanted = frozenset(scopes)
            known = self.oauth.grants.get((user, client.project), frozenset())
            self.oauth.grants[user, client.project] = known | wanted
            return self.oauth.issue_all(client, user, wanted)

    @control
    def outbox(self) -> list[dict]:
        """The mails that Google would have sent."""
        with self.lock:
            return list(self.store.outbox)

    @control
    def clear_outbox(self) -> None:
        with self.lock:
            self.store.outbox.clear()

    @control
    def channels(self) -> list[dict]:
        with self.lock:
            return self.watch.dump()

    @control
    def seed_demo(self) -> None:
        """Four people with several calendars and weeks around today."""
        demo.seed(self)

    def state(self) -> Any:
        store = self.store
        return {
            "users": {
                user.email: {"name": user.name, "timezone": user.timezone}
                for user in store.users.values()
            },
            "calendars": {
                calendar.id: {
                    **calendar.fields,
                    "owner": calendar.owner,
                    "deleted": calendar.deleted,
                    "roles": {rule.id: rule.role for rule in calendar.rules.values()},
                    "events": [
                        self.events.shown_to_owner(copy, calendar)
                        for copy in calendar.events.values()
                    ],
                }
                for calendar in store.calendars.values()
            },
            "outbox": store.outbox,
            "channels": self.watch.dump(),
        }


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
