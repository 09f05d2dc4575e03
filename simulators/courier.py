"""Notifications that a simulator sends out, with everything that can happen to them."""

import http.client
import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

_logger = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass
class Letter:
    """One notification to be posted to `address`."""

    address: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    about: str = ""
    """What the tests find it by, e.g. the channel's id."""


@dataclass
class Delivery:
    """What became of a letter; `status` 0 = no connection, -1 = dropped on purpose."""

    address: str
    about: str
    status: int
    attempts: int


@dataclass
class Weather:
    """The switches: how unreliable the way is."""

    drop: int = 0
    """So many of the next letters are lost."""
    duplicate: int = 0
    """So many of the next letters arrive twice."""
    delay: float = 0.0
    """Seconds between the event and the delivery."""
    hold: bool = False
    """Collect instead of sending until `release`."""
    reorder: bool = False
    """Shuffle what `release` sends."""


def server_error(status: int) -> bool:
    return status in (500, 502, 503, 504)


class Courier:
    """A thread that posts letters one after another, again where one was not taken.

    A simulator talks to this machine alone: other addresses are noted as unreachable,
    unless `anywhere`.
    """

    def __init__(
        self,
        retry_after: float = 0.2,
        attempts: int = 4,
        anywhere: bool = False,
        failed: Callable[[int], bool] = server_error,
    ) -> None:
        """
        :param failed: is an answer of this status (0: there was none) a failed
            delivery, to be tried again?
        """
        self.failed = failed
        self.weather = Weather()
        self.deliveries: list[Delivery] = []
        self.retry_after, self.attempts = retry_after, attempts
        self.anywhere = anywhere
        self._held: list[tuple[Letter, Callable[[Delivery], None] | None]] = []
        self._queue: queue.Queue = queue.Queue()
        self._thread: threading.Thread | None = None

    def set(self, **weather: object) -> dict:
        """Change switches; the ones now in force."""
        self.weather = Weather(**{**asdict(self.weather), **weather})
        if not self.weather.hold:
            self.release()
        return asdict(self.weather)

    def send(
        self, letter: Letter, done: Callable[[Delivery], None] | None = None
    ) -> None:
        """Queue a letter; `done` is called with what became of it."""
        if self.weather.drop:
            self.weather.drop -= 1
            self._note(Delivery(letter.address, letter.about, -1, 0), done)
            return
        copies = 2 if self.weather.duplicate else 1
        self.weather.duplicate = max(0, self.weather.duplicate - 1)
        for _copy in range(copies):
            if self.weather.hold:
                self._held.append((letter, done))
            else:
                self._post_later(letter, done)

    def release(self) -> int:
        """Send what was held; how many."""
        held, self._held = self._held, []
        if self.weather.reorder:
            random.shuffle(held)
        for letter, done in held:
            self._post_later(letter, done)
        return len(held)

    def collect(self) -> list[Letter]:
        """Take what is held out of the post, to deliver it in another way."""
        held, self._held = self._held, []
        return [letter for letter, _done in held]

    def wait(self, seconds: float = 5.0) -> bool:
        """Wait until nothing is on its way; False if that took too long."""
        deadline = time.monotonic() + seconds
        while self._queue.unfinished_tasks:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def clear(self) -> None:
        self.weather = Weather()
        self.deliveries.clear()
        self._held.clear()

    def stop(self) -> None:
        if self._thread:
            self._queue.put(None)
            self._thread = None

    def _post_later(self, letter: Letter, done: Callable | None) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="courier", daemon=True
            )
            self._thread.start()
        self._queue.put((time.monotonic() + self.weather.delay, letter, done))

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            due, letter, done = item
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                self._note(self._deliver(letter), done)
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _deliver(self, letter: Letter) -> Delivery:
        status = attempt = 0
        if not self.anywhere and urlsplit(letter.address).hostname not in LOOPBACK:
            return Delivery(letter.address, letter.about, 0, 0)
        for attempt in range(1, self.attempts + 1):
            status = post(letter)
            if not self.failed(status):
                break
            time.sleep(self.retry_after * 2 ** (attempt - 1))
        return Delivery(letter.address, letter.about, status, attempt)

    def _note(
        self, delivery: Delivery, done: Callable[[Delivery], None] | None
    ) -> None:
        self.deliveries.append(delivery)
        if done:
            done(delivery)


def post(letter: Letter, timeout: float = 5.0) -> int:
    """The status of the answer, 0 if there was none."""
    parts = urlsplit(letter.address)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", path, letter.body, letter.headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        _logger.debug("no delivery to %s: %s", letter.address, error)
        return 0
    finally:
        connection.close()
