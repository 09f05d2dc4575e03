"""Many runs at once: who waits for whom."""

import threading

from calsync.driver import drive
from calsync.errors import Unavailable


def run(name, steps, log, *, work=lambda: None):
    """A run of so many requests, which notes each answer."""
    for number in range(steps):
        yield work
        log.append((name, number))


def test_a_long_run_holds_up_nobody():
    """One user with ten thousand events beside fifty with little to do, and two places
    at the counter: all are served while the long run is still at its beginning."""
    log = []
    runs = [run("long", 400, log), *(run(n, 2, log) for n in range(50))]
    assert drive(runs, workers=2)
    last = max(at for at, (name, _number) in enumerate(log) if name != "long")
    long_before = sum(name == "long" for name, _number in log[:last])
    assert len(log) == 500
    assert long_before < 200, "they took turns"


def test_a_request_that_hangs_holds_up_nobody():
    release, log = threading.Event(), []

    def rest():
        for number in range(30):
            yield from run(number, 1, log)
        release.set()

    hanging = run("hanging", 1, log, work=lambda: release.wait(10))
    assert drive([hanging, rest()], workers=2)
    assert [name for name, _number in log] == [*range(30), "hanging"]


def test_when_the_time_is_up_no_further_request_is_made():
    log, asked = [], iter([True] * 6)
    runs = [run(name, 100, log) for name in range(4)]
    assert not drive(runs, workers=2, proceed=lambda: next(asked, False))
    assert len(log) < 6


def test_one_that_breaks_off_holds_up_nobody(caplog):
    def broken():
        yield lambda: None
        raise ZeroDivisionError

    def unlucky(log):
        try:
            yield lambda: (_ for _ in ()).throw(Unavailable())
        except Unavailable:
            log.append("told")

    log = []
    with caplog.at_level("CRITICAL"):
        assert drive([broken(), unlucky(log), run("other", 3, log)], workers=2)
    assert log.count("told") == 1
    assert [entry for entry in log if entry != "told"] == [
        ("other", n) for n in range(3)
    ]
