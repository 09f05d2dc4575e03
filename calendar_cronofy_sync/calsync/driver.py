"""Many runs at once: their network waits overlap, their database work does not.

A run is a generator. It yields a function that crosses the network, and is resumed with
what the function returned (or with the :class:`.errors.SyncError` that it raised). The
functions run in threads, everything else in the caller's: a run may use the database
freely between two yields, and must hold no lock across one.

Every point at which a run can be killed is one of these yields, which is why tests
count them here (``on_step``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

_logger = logging.getLogger(__name__)

Step = Callable[[], Any]
Run = Generator[Step, Any, None]

#: requests on the way at the same time
WORKERS = 16
#: seconds until runs are asked for again where there was none just now
PAUSE = 0.3


def drive(
    runs: Iterable[Run | None],
    *,
    workers: int = WORKERS,
    proceed: Callable[[], bool] = lambda: True,
    on_step: Callable[[str], None] = lambda moment: None,
) -> bool:
    """Bring the runs to their end; answer False when ``proceed`` said to stop before.

    :param runs: taken one by one as places become free; None in the place of a run says
        that there is none just now, and to ask again in a moment
    :param proceed: asked before each new request; once False, no further request is
        made, those on the way are awaited, and the runs are closed at their yields
    :param on_step: told ``before`` each request is sent and ``after`` its answer came
    """
    source = _Source(runs)
    going = True
    with ThreadPoolExecutor(max_workers=workers) as pool:
        pending: dict[Future[Any], Run] = {}

        def advance(run: Run, resume: Callable[[], Step]) -> None:
            try:
                step = resume()
            except StopIteration:
                return
            except Exception:  # a run's own bug must not stop the others
                _logger.exception("a run broke off")
                return
            on_step("before")
            pending[pool.submit(step)] = run

        try:
            while True:
                going = going and proceed()
                while going and len(pending) < workers:
                    run = source.take(at_once=not pending)
                    if run is None:
                        break
                    advance(run, run.__next__)
                if not pending:
                    if not going or source.ended:
                        return going
                    time.sleep(PAUSE)
                    continue
                done, _ = wait(
                    pending,
                    timeout=None if source.ended else PAUSE,
                    return_when=FIRST_COMPLETED,
                )
                for future in done:
                    run = pending.pop(future)
                    on_step("after")
                    going = going and proceed()
                    if not going:
                        _close(run)
                        continue
                    error = future.exception()
                    if error is None:
                        answer = future.result()
                        advance(run, lambda run=run, answer=answer: run.send(answer))
                    else:
                        advance(run, lambda run=run, error=error: run.throw(error))
        finally:
            for run in pending.values():
                _close(run)


class _Source:
    """Where runs come from: asked at most once a moment while it has none."""

    def __init__(self, runs: Iterable[Run | None]) -> None:
        self._runs = iter(runs)
        self._next = 0.0
        #: no further run will come
        self.ended = False

    def take(self, *, at_once: bool) -> Run | None:
        if self.ended or not at_once and time.monotonic() < self._next:
            return None
        try:
            run = next(self._runs)
        except StopIteration:
            self.ended = True
            return None
        if run is None:
            self._next = time.monotonic() + PAUSE
        return run


def _close(run: Run) -> None:
    try:
        run.close()
    except Exception:  # as above
        _logger.exception("a run broke off when it was closed")
