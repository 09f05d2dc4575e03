"""The synchronisation at 50 ms per request: time, requests, SQL statements, memory."""

import os
import time
from statistics import median

from .world import LATENCY, Odoo, Simulator, measured, quiet_create, remote_events

IMPORTED, EXPORTED, USERS, TOUCHED = 5_000, 500, 100, 100


def report(name, figures, floor=None, *, promise=""):
    parts = [f"{name:<34}", str(figures)]
    if floor:
        parts.append(f"floor {floor:.2f} s  ratio {figures.seconds / floor:.2f}")
    if promise:
        parts.append(f"[{promise}]")
    print("  ".join(parts), flush=True)


def first_import():
    """5,000 events into an empty Odoo, beside one quiet create of the same rows."""
    with Simulator() as simulator:
        odoo = Odoo(os.environ["CALSYNC_DATABASE"])
        odoo.point_at(simulator)
        warm = odoo.connect(simulator, f"warm{time.time_ns()}")
        with odoo.env() as env:
            quiet_create(env, warm, 10)
        odoo.sync()
        floors, times = [], []
        for attempt in range(3):
            user = odoo.connect(simulator, f"import{attempt}_{time.time_ns()}")
            with odoo.env() as env:
                login = env["res.users"].browse(user).email
            simulator.control(
                "insert_events", user=login, events=remote_events(IMPORTED)
            )
            with measured() as floor, odoo.env() as env:
                quiet_create(env, user, IMPORTED)
                env.flush_all()
            floors.append(floor.seconds)
            simulator.control("set_latency", seconds=LATENCY)
            with measured(odoo) as figures:
                odoo.sync()
            simulator.control("set_latency", seconds=0)
            times.append(figures)
        best = sorted(times, key=lambda figures: figures.seconds)[len(times) // 2]
        report(
            f"first import of {IMPORTED:,} events",
            best,
            median(floors),
            promise="at most 4 requests, 2 x the floor",
        )
        # memory, apart because measuring it slows everything down
        peaks = []
        for count in (IMPORTED, 2 * IMPORTED):
            user = odoo.connect(simulator, f"memory{count}_{time.time_ns()}")
            with odoo.env() as env:
                login = env["res.users"].browse(user).email
            simulator.control("insert_events", user=login, events=remote_events(count))
            with measured(odoo, memory=True) as figures:
                odoo.sync()
            peaks.append(figures.memory)
        print(
            f"  peak memory: {peaks[0] / 1e6:.1f} MB for {IMPORTED:,} events, "
            f"{peaks[1] / 1e6:.1f} MB for {2 * IMPORTED:,}  [flat]"
        )


def export():
    """500 meetings made in Odoo to an empty calendar."""
    with Simulator() as simulator:
        odoo = Odoo(os.environ["CALSYNC_DATABASE"])
        odoo.point_at(simulator)
        user = odoo.connect(simulator, f"export{time.time_ns()}", target=True)
        with odoo.env() as env:
            quiet_create(env, user, EXPORTED, name="Export")
        simulator.control("set_latency", seconds=LATENCY)
        with measured(odoo) as figures:
            odoo.sync()
        report(f"export of {EXPORTED} meetings", figures, promise="at most 12 requests")


def idle():
    """100 users, nothing changed anywhere."""
    with Simulator() as simulator:
        odoo = Odoo(os.environ["CALSYNC_DATABASE"])
        odoo.point_at(simulator)
        stamp = time.time_ns()
        for n in range(USERS):
            odoo.connect(simulator, f"idle{n}_{stamp}")
        for _warm in range(3):
            odoo.make_due()
            odoo.sync()
        odoo.make_due()
        simulator.control("set_latency", seconds=LATENCY)
        with measured(odoo) as figures:
            odoo.sync()
        report(
            f"nothing changed for {USERS} users",
            figures,
            promise=f"a tenth of {USERS * LATENCY:.0f} s of waiting: the waits overlap",
        )
        simulator.control("set_latency", seconds=0)
        odoo.make_due()
        with measured(odoo) as busy:
            odoo.sync()
        waited = max(figures.seconds - busy.seconds, 0)
        print(
            f"  of which work {busy.seconds:.2f} s, waiting {waited:.2f} s "
            f"= {waited / (USERS * LATENCY):.3f} of one after the other  [at most 0.1]"
        )


def write():
    """One user's write on 100 synchronised meetings, beside Odoo without the addon."""
    with Simulator() as simulator:
        odoo = Odoo(os.environ["CALSYNC_DATABASE"])
        odoo.point_at(simulator)
        user = odoo.connect(simulator, f"write{time.time_ns()}", target=True)
        with odoo.env() as env:
            events = quiet_create(env, user, TOUCHED, name="Touched").ids
        odoo.sync()
        plain = Odoo(os.environ["CALSYNC_PLAIN_DATABASE"])
        with plain.env() as env:
            other = env.ref("base.user_admin").id
            theirs = _plain_create(env, other, TOUCHED).ids
        odoo = Odoo(odoo.database)
        with measured(odoo) as figures:
            pairs = [
                (_timed(odoo, user, events, n), _timed(plain, other, theirs, n))
                for n in range(15)
            ]
        ours, floor = (median(times[3:]) for times in zip(*pairs, strict=True))
        figures.seconds, figures.queries = ours, 0
        report(
            f"a write on {TOUCHED} meetings",
            figures,
            floor,
            promise="0 requests, 1.15 x without the addon",
        )


def _plain_create(env, user_id, count):
    return (
        env["calendar.event"]
        .with_context(no_mail_to_attendees=True)
        .create(
            [
                {
                    "name": f"Plain {n}",
                    "start": "2030-01-01 08:00",
                    "stop": "2030-01-01 09:00",
                }
                for n in range(count)
            ]
        )
    )


def _timed(odoo, user, ids, n):
    """The time of one write as a user's form does it, one event after the other."""
    started = time.perf_counter()
    with odoo.env(user) as env:
        for event in env["calendar.event"].browse(ids):
            event.write({"name": f"Title {n}", "location": f"Room {n}"})
    return time.perf_counter() - started


SCENARIOS = {"import": first_import, "export": export, "idle": idle, "write": write}
