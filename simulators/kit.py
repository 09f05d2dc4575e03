"""What every simulator is made of: an HTTP server, faults, a journal and a clock.

A simulator is a subclass of :class:`Simulator` with a routing table::

    class Weather(Simulator):
        def routes(self):
            return [Route("GET", "/v1/towns/{town}", self.show)]

        def show(self, request):
            if request.params["town"] == "Atlantis":
                raise Refusal(Response(404, {"error": "not_found"}))
            return Response(200, {"rain": request.arg("unit", "mm")})

        @control
        def set_rain(self, town, amount):
            ...

    with Weather() as sim:                  # a thread, a free port of the loopback
        requests.get(sim.url + "/v1/towns/Ulm")
        sim.set_rain("Ulm", 3)              # the same as POST /control/set_rain

How one request runs:

1. the *outer* request sleeps for the latency (no lock is held);
2. :meth:`Simulator.answer` looks for a fault, calls the handler, writes the journal.
   A batch endpoint calls :meth:`Simulator.answer` again for each of its parts;
3. a handler runs under ``self.lock`` (unless its route says ``locked=False``) and
   returns a :class:`Response` whose ``data`` is its own: encoding and compression
   happen afterwards, without the lock.

Paths under ``/control/`` and those for which :meth:`Simulator.backstage` is true know
neither latency nor faults nor journal.

Control API (``POST /control/NAME`` with a JSON object = ``sim.NAME(**object)``; the
answer is ``{"result": …}``, a wrong call is a 400 with ``{"error": …}``):

=================  ====================================================================
``set_fault``      ``match`` {method, path, query, body, user: regular expressions,
                   searched in the decoded path etc.; method whole}, ``fault`` (a name
                   below or one the simulator knows), ``times`` (1; 0 = for ever),
                   ``skip`` (let so many matching requests pass first), ``when``
                   ("before" the handler = nothing happened, "after" = it was applied
                   and only the answer is spoilt), ``retry_after``, ``seconds``
``clear_faults``   forget all of them
``set_latency``    ``seconds`` before each answer
``advance_clock``  ``seconds`` (or days=…, hours=…); ``set_clock`` with ``now`` in ISO
                   format, ``frozen`` to stop it
``journal``        ``method``, ``path`` (regex), ``status``, ``user`` filter the entries
``counters``       requests by "METHOD status" and in total
``clear_journal``
``reset``          state as after construction; the address stays
``dump``           the whole state as JSON values
=================  ====================================================================

Faults of every simulator: ``drop`` closes the connection without an answer, ``stall``
waits ``seconds`` (default 30, at most 60) and then does the same, ``slow`` waits and
answers, ``truncate`` sends
half of the body under the full Content-Length, ``garbage`` a body that is no JSON, and
a number such as ``"503"`` that status with :meth:`Simulator.fault_response`'s body.
"""

import gzip
import json
import logging
import re
import socket
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_logger = logging.getLogger(__name__)

UTC = timezone.utc
GZIP_FROM = 512  # bytes; a smaller body is sent as it is
MAX_BODY = 64 * 1024 * 1024
MAX_STALL = 60.0


# --------------------------------------------------------------------------- values


@dataclass
class Request:
    """One request, whether it came over the wire or as a part of a batch."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    params: dict[str, str] = field(default_factory=dict)
    """What the ``{names}`` of the route matched, percent-decoded."""
    user: str | None = None
    """Set by the simulator once it knows who asks; shown in the journal."""
    batched: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    """Free for the simulator, e.g. what authorisation found out."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)
        self.raw_path = parts.path
        self.path = unquote(parts.path)
        self.query_string = parts.query
        self.query: dict[str, list[str]] = parse_qs(parts.query, keep_blank_values=True)

    def header(self, name: str, default: str | None = None) -> str | None:
        return self.headers.get(name.lower(), default)

    def arg(self, name: str, default: str | None = None) -> str | None:
        """The last value of a query parameter."""
        return self.query.get(name, [default])[-1]

    def json(self) -> Any:
        """The body as JSON; ValueError if it is none."""
        return json.loads(self.body or b"null")

    def form(self) -> dict[str, str]:
        """The body as an HTML form, the last value of each field."""
        return {name: values[-1] for name, values in self.forms().items()}

    def forms(self) -> dict[str, list[str]]:
        text = self.body.decode("utf-8", "replace")
        return parse_qs(text, keep_blank_values=True)


@dataclass
class Response:
    """One answer: ``data`` becomes JSON, ``body`` is sent as it is."""

    status: int = 200
    data: Any = None
    body: bytes | str = b""
    headers: dict[str, str] = field(default_factory=dict)
    pretty: bool = False
    broken: bool = False
    """Send only half of the body and hang up."""

    def encode(self) -> bytes:
        """The bytes of the body; sets Content-Type where it is missing."""
        if self.data is not None:
            self.headers.setdefault("Content-Type", "application/json; charset=UTF-8")
            if self.pretty:
                return json.dumps(self.data, indent=2, ensure_ascii=False).encode()
            return json.dumps(self.data, ensure_ascii=False).encode()
        if isinstance(self.body, str):
            self.headers.setdefault("Content-Type", "text/html; charset=UTF-8")
            return self.body.encode()
        return self.body


def redirect(address: str, status: int = 302) -> Response:
    return Response(status, headers={"Location": address})


class Refusal(Exception):
    """Raised anywhere below a handler to answer with `response`."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class HangUp(Exception):
    """Raised to close the connection without any answer."""


@dataclass(frozen=True)
class Route:
    """`pattern` is a path whose ``{name}`` matches one segment."""

    method: str
    pattern: str
    handler: Callable[[Request], Response]
    locked: bool = True
    """False for handlers that call :meth:`Simulator.answer` or wait."""

    def matcher(self) -> re.Pattern[str]:
        escaped = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(self.pattern))
        return re.compile(escaped + r"\Z")


# ---------------------------------------------------------------------------- clock


class Clock:
    """The simulator's idea of the time: real time plus an offset, or standing still."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        """Aware UTC."""
        return self._frozen or datetime.now(UTC) + self._offset

    def advance(self, seconds: float = 0, **parts: float) -> datetime:
        step = timedelta(seconds=seconds, **parts)
        self._offset += step
        if self._frozen:
            self._frozen += step
        return self.now()

    def set(self, now: datetime, frozen: bool = False) -> None:
        now = now if now.tzinfo else now.replace(tzinfo=UTC)
        self._offset = now.astimezone(UTC) - datetime.now(UTC)
        self._frozen = now.astimezone(UTC) if frozen else None


class SlidingWindow:
    """At most `limit` units per `seconds` and key; None = no limit."""

    def __init__(self, limit: int | None, seconds: float, clock: Clock) -> None:
        self.limit, self.seconds, self.clock = limit, seconds, clock
        self._spent: dict[str, deque[float]] = defaultdict(deque)

    def take(self, key: str, units: int = 1) -> float:
        """Spend `units`; the seconds to wait if there is no room (nothing is spent)."""
        if self.limit is None:
            return 0.0
        now = self.clock.now().timestamp()
        spent = self._spent[key]
        while spent and spent[0] <= now - self.seconds:
            spent.popleft()
        if len(spent) + units > self.limit:
            return max(0.001, spent[0] + self.seconds - now) if spent else self.seconds
        spent.extend([now] * units)
        return 0.0

    def reset(self) -> None:
        self._spent.clear()


# --------------------------------------------------------------------------- faults


@dataclass
class Fault:
    """Something that goes wrong with the next `times` requests that match."""

    fault: str
    match: dict[str, str] = field(default_factory=dict)
    times: int = 1
    skip: int = 0
    when: str = "before"
    retry_after: float | None = None
    seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.when not in ("before", "after"):
            raise ValueError("when is 'before' or 'after'")
        unknown = set(self.match) - {"method", "path", "query", "body", "user"}
        if unknown:
            raise ValueError(f"cannot match {sorted(unknown)}")
        self._left = self.times or None

    def concerns(self, request: Request) -> bool:
        wanted = self.match
        if "method" in wanted and not re.fullmatch(wanted["method"], request.method):
            return False
        seen = {
            "path": request.path,
            "query": unquote(request.query_string),
            "body": request.body.decode("utf-8", "replace"),
            "user": request.user or "",
        }
        return all(
            re.search(wanted[name], text)
            for name, text in seen.items()
            if name in wanted
        )

    def spend(self) -> bool:
        """Whether it strikes this time."""
        if self.skip:
            self.skip -= 1
            return False
        if self._left is not None:
            self._left -= 1
        return True

    @property
    def exhausted(self) -> bool:
        return self._left == 0


class Faults:
    """The faults that are set, in the order in which they were set."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def take(self, request: Request) -> Fault | None:
        """The fault that strikes this request; it is spent by that."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.concerns(request) and fault.spend():
                    if fault.exhausted:
                        self._faults.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def __len__(self) -> int:
        return len(self._faults)


# -------------------------------------------------------------------------- journal


@dataclass(frozen=True)
class Entry:
    """One answered request."""

    time: str
    method: str
    path: str
    query: str
    status: int
    user: str | None
    fault: str | None
    batched: bool
    duration: float


class Journal:
    """What was asked and answered, oldest first; the last 200,000 requests."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=200_000)
        self._counters: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)
            self._counters["total"] += 1
            self._counters["batched" if entry.batched else "wire"] += 1
            self._counters[f"{entry.method} {entry.status}"] += 1

    def entries(
        self,
        method: str | None = None,
        path: str | None = None,
        status: int | None = None,
        user: str | None = None,
    ) -> list[Entry]:
        """Those that match; `path` is a regular expression."""
        with self._lock:
            entries = list(self._entries)
        return [
            entry
            for entry in entries
            if (method is None or entry.method == method)
            and (path is None or re.search(path, entry.path))
            and (status is None or entry.status == status)
            and (user is None or entry.user == user)
        ]

    def count(self, **wanted: Any) -> int:
        return len(self.entries(**wanted))

    def counters(self) -> dict[str, int]:
        """``total``, ``wire`` (round trips), ``batched`` (parts), "METHOD status"."""
        with self._lock:
            return dict(self._counters)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._counters.clear()


# ------------------------------------------------------------------------ simulator


def control(method: Callable) -> Callable:
    """Make a method of a simulator callable as ``POST /control/<its name>``."""
    method.is_control = True
    return method


class Simulator:
    """An HTTP server on the loopback; see the module's docstring."""

    host = "127.0.0.1"

    def __init__(self, *, port: int = 0, latency: float = 0.0) -> None:
        self.clock = Clock()
        self.lock = threading.RLock()
        self.latency = latency
        self.faults = Faults()
        self.requests = Journal()
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._routes: list[tuple[re.Pattern[str], Route]] | None = None

    # what a simulator overrides

    def routes(self) -> list[Route]:
        """The endpoints; the first that matches wins."""
        return []

    def backstage(self, path: str) -> bool:
        """Is this path no part of the simulated service (its own web page)?"""
        return False

    def prepare(self, request: Request) -> Request:
        """Called first, e.g. to name the user or to undo a method override."""
        return request

    def not_found(self, request: Request) -> Response:
        return Response(404, {"error": "not_found"})

    def method_not_allowed(self, request: Request) -> Response:
        return Response(405, {"error": "method_not_allowed"})

    def fault_response(self, fault: Fault, request: Request) -> Response:
        """The answer for a fault that has no meaning of its own in the kit."""
        if not fault.fault.isdigit():
            raise ValueError(f"unknown fault {fault.fault!r}")
        return Response(int(fault.fault), {"error": "fault"})

    def state(self) -> Any:
        """JSON values for :meth:`dump`."""
        return {}

    def clear(self) -> None:
        """Forget all state of the simulated service; for :meth:`reset`."""

    def stopping(self) -> None:
        """Called before the server closes, e.g. to end background threads."""

    # life

    def start(self) -> "Simulator":
        self._server = _Server((self.host, self._port), self)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name=f"{type(self).__name__}:{self._port}",
            daemon=True,
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._server is None:
            return
        self.stopping()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join(5)
        self._server = self._thread = None

    def __enter__(self) -> "Simulator":
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def serve(self) -> None:
        """Serve until interrupted; for ``python -m``."""
        self.start()
        try:
            while self._thread.is_alive():
                self._thread.join(0.5)
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://{self.host}:{self._port}"

    # one request

    def receive(self, request: Request) -> Response:
        """Answer a request that came over the wire."""
        if request.path.startswith("/control/"):
            return self._control(request)
        if self.backstage(request.path):
            return self._handle(request)
        if self.latency:
            time.sleep(self.latency)
        return self.answer(request)

    def answer(self, request: Request) -> Response:
        """Answer one logical request: the handler between the faults, journalled."""
        started = time.monotonic()
        request = self.prepare(request)
        fault = self.faults.take(request)
        status = 0
        try:
            if fault and fault.when == "before":
                response = self._strike(fault, request, None)
            else:
                response = self._handle(request)
                if fault:
                    response = self._strike(fault, request, response)
            status = response.status
            return response
        finally:
            self.requests.add(
                Entry(
                    time=self.clock.now().isoformat(),
                    method=request.method,
                    path=request.path,
                    query=request.query_string,
                    status=status,  # 0 = no answer was given
                    user=request.user,
                    fault=fault.fault if fault else None,
                    batched=request.batched,
                    duration=round(time.monotonic() - started, 6),
                )
            )

    def _strike(
        self, fault: Fault, request: Request, response: Response | None
    ) -> Response:
        if fault.fault == "drop":
            raise HangUp
        if fault.fault == "stall":
            time.sleep(min(fault.seconds, MAX_STALL))
            raise HangUp
        if fault.fault == "slow":
            time.sleep(min(fault.seconds, MAX_STALL))
            return response or self._handle(request)
        if fault.fault == "truncate":
            response = response or self._handle(request)
            response.broken = True
            return response
        if fault.fault == "garbage":
            return Response(200, body="<html>Service busy</html>")
        response = self.fault_response(fault, request)
        if fault.retry_after is not None:
            response.headers["Retry-After"] = f"{fault.retry_after:g}"
        return response

    def _handle(self, request: Request) -> Response:
        try:
            route = self._route(request)
            if isinstance(route, Response):
                return route
            if not route.locked:
                return route.handler(request)
            with self.lock:
                return route.handler(request)
        except Refusal as refusal:
            return refusal.response

    def _route(self, request: Request) -> Route | Response:
        if self._routes is None:
            self._routes = [(route.matcher(), route) for route in self.routes()]
        method = "GET" if request.method == "HEAD" else request.method
        known = False
        for matcher, route in self._routes:
            if match := matcher.match(request.raw_path):
                known = True
                if route.method == method:
                    request.params = {
                        k: unquote(v) for k, v in match.groupdict().items()
                    }
                    return route
        return self.method_not_allowed(request) if known else self.not_found(request)

    # control

    def controls(self) -> dict[str, Callable]:
        """What ``/control/`` offers, by name."""
        return {
            name: getattr(self, name)
            for name in dir(type(self))
            if getattr(getattr(type(self), name), "is_control", False)
        }

    def _control(self, request: Request) -> Response:
        name = request.path.removeprefix("/control/").strip("/")
        method = self.controls().get(name)
        if method is None:
            return Response(404, {"error": f"no control {name!r}"})
        try:
            arguments = request.json() or {}
            result = method(**arguments)
        except Refusal as refusal:
            return Response(400, {"error": refusal.response.data})
        except (TypeError, ValueError, KeyError, LookupError) as error:
            return Response(400, {"error": f"{type(error).__name__}: {error}"})
        return Response(200, {"result": result})

    @control
    def set_fault(self, fault: str, match: dict | None = None, **how: Any) -> None:
        fault = Fault(str(fault), match or {}, **how)
        generic = ("drop", "stall", "slow", "truncate", "garbage")
        if fault.fault not in generic:  # a misspelt name must not wait until it strikes
            self.fault_response(fault, Request("GET", "/", {}))
        self.faults.add(fault)

    @control
    def clear_faults(self) -> None:
        self.faults.clear()

    @control
    def set_latency(self, seconds: float) -> None:
        self.latency = float(seconds)

    @control
    def advance_clock(self, seconds: float = 0, **parts: float) -> str:
        return self.clock.advance(seconds, **parts).isoformat()

    @control
    def set_clock(self, now: str, frozen: bool = False) -> str:
        self.clock.set(datetime.fromisoformat(now.replace("Z", "+00:00")), frozen)
        return self.clock.now().isoformat()

    @control
    def journal(self, **wanted: Any) -> list[dict]:
        return [asdict(entry) for entry in self.requests.entries(**wanted)]

    @control
    def counters(self) -> dict[str, int]:
        return self.requests.counters()

    @control
    def clear_journal(self) -> None:
        self.requests.clear()

    @control
    def reset(self) -> None:
        with self.lock:
            self.faults.clear()
            self.requests.clear()
            self.clock.set(datetime.now(UTC))
            self.latency = 0.0
            self.clear()

    @control
    def dump(self) -> Any:
        with self.lock:
            return self.state()


# --------------------------------------------------------------------------- server


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], simulator: Simulator) -> None:
        self.simulator = simulator
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: socket.socket, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Close what keep-alive left open, so that clients notice the end."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        _logger.debug("connection of %s ended", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one segment
    timeout = 120

    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        _logger.debug(format, *args)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header tells the simulator's time, not the machine's."""
        if timestamp is None:
            timestamp = self.server.simulator.clock.now().timestamp()
        return super().date_time_string(timestamp)

    def _serve(self) -> None:
        try:
            response = self.server.simulator.receive(self._request())
            self._send(response)
        except (HangUp, ConnectionError):
            self.close_connection = True
        except Exception:
            _logger.exception("%s %s failed", self.command, self.path)
            self._send(Response(500, {"error": "the simulator has a bug, see its log"}))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve

    def _request(self) -> Request:
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, self.path, headers, b"".join(self._body()))

    def _body(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        elif length := int(self.headers.get("Content-Length") or 0):
            yield self.rfile.read(min(length, MAX_BODY))

    def _send(self, response: Response) -> None:
        body = response.encode()
        headers = dict(response.headers)
        if len(body) >= GZIP_FROM and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers["Content-Encoding"] = "gzip"
            headers["Vary"] = "Accept-Encoding"
        reason = "" if response.status in HTTPStatus.__members__.values() else "Unknown"
        self.send_response(response.status, reason or None)
        for name, value in headers.items():
            self.send_header(name, value)
        if response.status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        if response.broken:
            body = body[: len(body) // 2]
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD" and response.status not in (204, 304):
            self.wfile.write(body)
        self.wfile.flush()
