"""The addon beside Odoo's own ``google_calendar``: what the same work costs either.

In turn and in one run, on the same machine, against the same simulator in a process of
its own; each in a clone of the same database, with the same rows, warmed up, logging
nothing but errors. Figures are medians of three. Requests are those over HTTP, counted
by the simulator; a batch is one. Mails are what Google would have sent to guests.

What to know when you read them:

* ``google_calendar`` relies on two things that Google does not document, and the
  simulator refuses unless told otherwise. It is told so, for both: numbers are taken
  where the schema wants texts (``strict``), and a next page is given though the query
  is not repeated (``query_in_token``).
* The simulator speaks plain HTTP. ``google_calendar`` opens a connection for every
  request, and is spared the TLS handshake that each costs in the real world.
* ``google_calendar`` speaks to Google after a user's commit, while the user waits. The
  addon notes what is pending and triggers its cron, which is run here right away; a
  cron worker that sleeps takes a few hundredths of a second more.
* ``google_calendar`` leaves invitations to Google (``sendUpdates=all``), with the addon
  Odoo sends its own. Those are switched off on either side (``no_mail_to_attendees``):
  it is not the mail server that is measured.
* Each cron is run once. That of the addon is due every 5 minutes, that of
  ``google_calendar`` every 12 hours and whenever a user opens their calendar.
"""

import os
import time
from contextlib import contextmanager

from .world import (
    LATENCY,
    Odoo,
    Simulator,
    measured,
    meetings,
    new_user,
    quiet_create,
    remote_events,
)

IMPORTED, SERIES, USERS, TOUCHED, EXPORTED = 1_000, 20, 50, 100, 100
WEEKS = 50
WRITE_LATENCY = 0.2
ATTEMPTS = 3
WARM = 10


class Peer(Odoo):
    """A database with ``google_calendar``, driven as its cron and its users do."""

    def point_at(self, simulator):
        """A new world: whom earlier attempts connected takes no part in it."""
        from odoo.addons.google_account.models import google_service

        google_service.GOOGLE_API_BASE_URL = simulator.url
        google_service.GOOGLE_TOKEN_ENDPOINT = f"{simulator.url}/token"
        # the base address is also the default of a parameter, bound at import
        request = google_service.GoogleService._do_request
        before, after = request.__defaults__[:3], request.__defaults__[4:]
        request.__defaults__ = (*before, simulator.url, *after)
        with self.env() as env:
            connected = [("google_calendar_rtoken", "!=", False)]
            env["res.users.settings"].search(connected)._set_google_auth_tokens(
                False, False, 0
            )
            for name, value in {
                "google_calendar_client_id": "demo-client",
                "google_calendar_client_secret": "demo-secret",
            }.items():
                env["ir.config_parameter"].set_param(name, value)

    def connect(self, simulator, login, *, target=False):
        """A user who is ready; there is one calendar, and it is always written to."""
        email = f"{login}@example.com"
        tokens = simulator.grant(email, ["https://www.googleapis.com/auth/calendar"])
        with self.env() as env:
            user = new_user(env, login, email)
            settings = env["res.users.settings"]._find_or_create_for_user(user)
            settings._set_google_auth_tokens(
                tokens["access_token"], tokens["refresh_token"], 3600
            )
            return user.id

    def sync(self):
        with self.env() as env:
            env["res.users"]._sync_all_google_calendar()

    def make_due(self):
        """Its cron takes everybody each time."""

    def deliver(self):
        """It has written to Google by the time that a transaction is over."""


class Addon(Odoo):
    def deliver(self):
        """The cron, which a transaction triggers when it is over."""
        self.sync()


# --- the scenarios: one side's figures by name ---------------------------------------


def first_import(odoo, simulator, count):
    figures = imported(odoo, simulator, remote_events(count), count)
    return {f"first import of {count:,} events": figures}


def series(odoo, simulator, count):
    """Each of them is an event a week, for almost as long as either looks ahead."""
    figures = imported(odoo, simulator, weekly(count), count * WEEKS)
    return {f"first import of {count} series of {WEEKS} events": figures}


def imported(odoo, simulator, items, events):
    login = fresh("import")
    user = odoo.connect(simulator, login)
    simulator.control("insert_events", user=f"{login}@example.com", events=items)
    with latency(simulator), watched(simulator) as figures:
        odoo.sync()
    expect(len(events_of(odoo, user)), events, "events in Odoo")
    return figures


def weekly(count):
    zone = {"timeZone": "Europe/Berlin"}
    rule = [f"RRULE:FREQ=WEEKLY;COUNT={WEEKS}"]
    return [
        {
            **item,
            "start": {**item["start"], **zone},
            "end": {**item["end"], **zone},
            "recurrence": rule,
        }
        for item in remote_events(count)
    ]


def idle(odoo, simulator, count):
    for n in range(count):
        odoo.connect(simulator, fresh(f"idle{n}"))
    for _settle in range(2):
        odoo.make_due()
        odoo.sync()
    odoo.make_due()
    with latency(simulator), watched(simulator) as figures:
        odoo.sync()
    return {f"nothing changed for {count} users": figures}


def export(odoo, simulator, count):
    """A user makes meetings with a guest; then comes a run without any change."""
    login = fresh("export")
    user = odoo.connect(simulator, login, target=True)
    odoo.sync()
    guest = new_guest(odoo, login)
    with latency(simulator), watched(simulator) as arrival:
        with watched(simulator) as wait, odoo.env(user) as env:
            events = env["calendar.event"].with_context(no_mail_to_attendees=True)
            partner = env["res.partner"].browse(guest)
            events.create(meetings(env, user, count, "Export", partner))
        odoo.deliver()
    there = simulator.control("list_events", user=f"{login}@example.com")
    expect(len(there), count, "events at Google")
    odoo.make_due()
    before = row_versions(odoo, user)
    with latency(simulator), watched(simulator) as quiet:
        odoo.sync()
    after = row_versions(odoo, user)
    quiet.rewritten = sum(before[event] != after[event] for event in before)
    return {
        f"{count} meetings made in Odoo: the user waits": wait,
        f"{count} meetings made in Odoo: Google has them": arrival,
        "the next run, in which nothing has changed": quiet,
    }


def write(odoo, simulator, count):
    """A user gives synchronised meetings, each with a guest, a new title and room."""
    login = fresh("write")
    user = odoo.connect(simulator, login, target=True)
    guest = new_guest(odoo, login)
    with odoo.env() as env:
        partner = env["res.partner"].browse(guest)
        events = quiet_create(env, user, count, "Write", partner).ids
    for _settle in range(3):
        odoo.make_due()
        odoo.sync()
    with latency(simulator, WRITE_LATENCY), watched(simulator) as arrival:
        with watched(simulator) as wait, odoo.env(user) as env:
            for event in env["calendar.event"].browse(events):
                event.write({"name": "New title", "location": "New room"})
        odoo.deliver()
    there = simulator.control("list_events", user=f"{login}@example.com")
    titles = [event["summary"] for event in there]
    expect(titles.count("New title"), count, "new titles at Google")
    return {
        f"a write on {count} meetings at 200 ms: the user waits": wait,
        f"a write on {count} meetings at 200 ms: Google has it": arrival,
    }


def fresh(name):
    return f"{name}_{time.time_ns()}"


def new_guest(odoo, login):
    with odoo.env() as env:
        values = {"name": "Guest", "email": f"guest.of.{login}@example.org"}
        return env["res.partner"].create(values).id


def events_of(odoo, user):
    with odoo.env() as env:
        return env["calendar.event"].search([("user_id", "=", user)]).ids


def row_versions(odoo, user):
    """What PostgreSQL changes with every write of an event, whoever does it."""
    with odoo.env() as env:
        env.cr.execute(
            "SELECT id, xmin::text FROM calendar_event WHERE user_id = %s", [user]
        )
        return dict(env.cr.fetchall())


def expect(found, wanted, what):
    """Nobody is fast by leaving work undone."""
    if found != wanted:
        raise RuntimeError(f"{found} {what} instead of {wanted}")


# --- measuring -----------------------------------------------------------------------


@contextmanager
def latency(simulator, seconds=LATENCY):
    simulator.control("set_latency", seconds=seconds)
    yield
    simulator.control("set_latency", seconds=0)


@contextmanager
def watched(simulator):
    """What the block costs, and the mails to guests it makes Google send."""
    mails = simulator.mails()
    with measured(simulator) as figures:
        yield figures
    figures.mails = simulator.mails() - mails


def beside(scenario, count):
    """Either side's figures of a scenario, in turn and once to warm up."""
    sides = [
        Addon(os.environ["CALSYNC_DATABASE"]),
        Peer(os.environ["CALSYNC_PEER_DATABASE"]),
    ]
    taken = ([], [])
    for size in (WARM, *[count] * ATTEMPTS):
        for side, attempts in zip(sides, taken, strict=True):
            with Simulator() as simulator:
                simulator.control("set_behaviour", strict=False)
                simulator.control("set_paging", query_in_token=True)
                side.point_at(simulator)
                attempts.append(scenario(side, simulator, size))
    ours, theirs = (attempts[1:] for attempts in taken)
    for name in ours[0]:
        compare(name, middle(a[name] for a in ours), middle(a[name] for a in theirs))


def middle(figures):
    return sorted(figures, key=lambda one: one.seconds)[ATTEMPTS // 2]


def compare(name, ours, theirs):
    print(name)
    print(f"  {'the addon':<16}  {ours}{extras(ours)}")
    ratio = f"{theirs.seconds / ours.seconds:.1f} x the time"
    print(f"  {'google_calendar':<16}  {theirs}{extras(theirs)}  {ratio}", flush=True)


def extras(figures):
    text = f"  {figures.mails:4d} mails"
    if figures.rewritten is not None:
        text += f"  {figures.rewritten:4d} events rewritten in Odoo"
    return text


def main():
    beside(first_import, IMPORTED)
    beside(series, SERIES)
    beside(idle, USERS)
    beside(export, EXPORTED)
    beside(write, TOUCHED)
