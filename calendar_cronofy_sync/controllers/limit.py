"""How often somebody may knock: a sliding window, in memory and per process.

A database table would make every flood a flood of writes. With n workers the limit is n
times as high, which does not matter to its purpose: making guessing and flooding slow.
"""

import threading
import time
from collections import deque

#: keys remembered at most; the oldest are forgotten first
KEYS = 10_000


class Limit:
    """At most ``count`` knocks of the same key within ``seconds``."""

    def __init__(self, count: int, seconds: float) -> None:
        self.count = count
        self.seconds = seconds
        self._knocks: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def knock(self, key: str) -> bool:
        """Note a knock; False when there were too many."""
        now = time.monotonic()
        with self._lock:
            knocks = self._forget(key, now)
            if len(knocks) >= self.count:
                return False
            knocks.append(now)
            return True

    def _forget(self, key: str, now: float) -> deque[float]:
        knocks = self._knocks.pop(key, None) or deque()
        while knocks and knocks[0] <= now - self.seconds:
            knocks.popleft()
        self._knocks[key] = knocks  # at the end: the most recently used
        while len(self._knocks) > KEYS:
            self._knocks.pop(next(iter(self._knocks)))
        return knocks
