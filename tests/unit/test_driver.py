"""Many runs at once: waits overlap, nothing is lost, and nobody stops the others."""

import threading
import time
from contextlib import contextmanager
from unittest import TestCase

import pytest

from calsync.driver import drive
from calsync.errors import Unavailable


def run(name, log, steps=2, wait=0.0):
    """A run that notes what it was answered and how it ended."""
    try:
        for number in range(steps):

            def step(number=number):
                time.sleep(wait)
                return f"{name}{number}"

            log.append((yield step))
        log.append(f"{name} done")
    except GeneratorExit:
        log.append(f"{name} closed")
        raise


def test_all_runs_come_to_their_end():
    log = []
    assert drive([run("a", log), run("b", log, steps=0), run("c", log)]) is True
    assert sorted(log) == ["a done", "a0", "a1", "b done", "c done", "c0", "c1"]


def test_the_steps_of_one_run_come_in_order():
    log = []
    drive([run("a", log, steps=5, wait=0.001)], workers=4)
    assert log == ["a0", "a1", "a2", "a3", "a4", "a done"]


def test_waits_overlap():
    """Each of the requests waits until all of them are on their way."""
    meeting = threading.Barrier(8, timeout=20)

    def one():
        yield meeting.wait

    assert drive([one() for _ in range(8)], workers=8)


def test_no_more_requests_on_the_way_than_workers():
    now, most, lock = 0, 0, threading.Lock()

    def step():
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.002)
        with lock:
            now -= 1

    def one():
        yield step

    drive((one() for _ in range(20)), workers=3)
    assert most <= 3


def test_runs_are_taken_only_as_places_become_free():
    taken, log = [], []

    def runs():
        for name in "abcdef":
            taken.append(name)
            yield run(name, log, steps=1)

    source = runs()
    assert drive(source, workers=2, proceed=iter([True, True, False]).__next__) is False
    assert len(taken) <= 3


def test_a_run_that_comes_up_while_others_go_on_starts_beside_them():
    """The first one ends only when the second one has been started."""
    started = threading.Event()

    def first():
        assert (yield lambda: started.wait(20))

    def second():
        yield started.set

    def runs():
        yield first()
        yield None
        yield second()

    assert drive(runs()) is True


def test_none_just_now_is_asked_again_until_the_end_is_told():
    log = []
    assert drive([None, None, run("a", log), None]) is True
    assert log == ["a0", "a1", "a done"]


def test_waiting_for_runs_ends_when_the_time_is_up():
    def runs():
        while True:
            yield None

    left = iter([True] * 3)
    assert drive(runs(), proceed=lambda: next(left, False)) is False


def test_the_work_between_two_requests_is_done_in_the_callers_thread():
    threads = set()

    def one():
        yield lambda: None
        threads.add(threading.current_thread())

    drive([one() for _ in range(4)])
    assert threads == {threading.current_thread()}


def test_an_error_is_thrown_into_the_run_whose_request_it_was():
    log = []

    def fail():
        raise Unavailable("down")

    def one():
        try:
            yield fail
        except Unavailable as error:
            log.append(str(error))
        log.append((yield lambda: "went on"))

    drive([one(), run("b", log, steps=1)])
    assert sorted(log) == ["b done", "b0", "down", "went on"]


@contextmanager
def logged(text):
    """The driver says so in the log, as an error."""
    with TestCase().assertLogs("calsync.driver", "ERROR") as records:
        yield
    assert text in records.output[0]


@pytest.mark.parametrize("when", ["at once", "after an answer", "on an error"])
def test_a_run_that_breaks_does_not_stop_the_others(when):
    log = []

    def broken():
        if when == "at once":
            raise RuntimeError("a bug")
        if when == "on an error":
            yield lambda: 1 / 0
        yield lambda: None
        raise RuntimeError("a bug")

    runs = [run("a", log), broken(), run("b", log), run("c", log)]
    with logged("broke off"):
        assert drive(runs, workers=2) is True
    assert {"a done", "b done", "c done"} <= set(log)


def test_when_the_time_is_up_runs_are_closed_and_no_request_follows():
    log, sent = [], []
    left = iter([True, True, True])

    def proceed():
        return next(left, False)

    def on_step(moment):
        sent.append(moment)

    runs = [run(name, log, steps=9) for name in "abc"]
    assert drive(runs, workers=3, proceed=proceed, on_step=on_step) is False
    assert sum(entry.endswith("closed") for entry in log) == 3
    assert not any(entry.endswith("done") for entry in log)
    assert sent.count("before") == sent.count("after"), "those on the way are awaited"


def test_a_run_that_breaks_when_it_is_closed_does_not_keep_the_others_open():
    log = []

    def stubborn():
        try:
            yield lambda: None
        except GeneratorExit:
            raise RuntimeError("a bug") from None

    left = iter([True])
    runs = [stubborn(), run("b", log, steps=9)]
    with logged("broke off"):
        drive(runs, workers=2, proceed=lambda: next(left, False))
    assert log == ["b closed"]


def test_every_point_is_told_before_and_after():
    told, log = [], []
    drive([run("a", log, steps=2)], on_step=told.append)
    assert told == ["before", "after", "before", "after"]


def test_a_killed_driver_closes_what_is_on_its_way():
    log = []

    class Killed(BaseException):
        pass

    def on_step(moment):
        if moment == "after":
            raise Killed

    with pytest.raises(Killed):
        drive([run("a", log), run("b", log)], on_step=on_step)
    assert not any(entry.endswith("done") for entry in log)
