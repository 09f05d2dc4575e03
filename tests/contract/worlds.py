"""One world per provider: a service with people in it, for the suite of all providers.

A world makes what happens at the service itself (somebody edits an event there, a token
dies, the service is down), so that a test can be written once. To add a provider write
its world and put it into :data:`WORLDS`.
"""

import itertools
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from calsync import errors
from calsync.mapping import google_body, normal
from calsync.mapping_cronofy import cronofy_body, cronofy_event
from calsync.providers.cronofy import CronofyProvider
from calsync.providers.google import GoogleProvider
from calsync.providers.memory import MemoryProvider, MemoryServer
from calsync.recurrence import instance_id
from calsync.transport import Limiter
from calsync.values import Application, Fields, Grant, Person, RemoteEvent, When, Write
from simulators.cronofy import DEMO_CLIENT, DEMO_SECRET, CronofySimulator
from simulators.google import GoogleSimulator

UTC = timezone.utc
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
ANN, BOB = "ann@example.com", "bob@example.com"
BERLIN = "Europe/Berlin"
CALLBACK = "http://localhost:8069/callback"


class Clock:
    """Sleeping costs nothing, and is noted."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.slept.append(seconds)

    def limiter(self):
        return Limiter(clock=self.monotonic, sleep=self.sleep)


class World:
    """What every world can do.

    ``features`` names what a provider has beyond the common:

    ==============  ==============================================================
    ``series``      rules, and ids of their occurrences
    ``versions``    a write can insist on one
    ``duplicates``  an id is taken once and for all
    ``strict``      an event without length is refused
    ``answers``     an invitation can be answered
    ``calendars``   calendars can be created, or be there for reading only
    ``silence``     some calendars have no notifications
    ``lists``       what ended before the window is not listed
    ``video``       a video conference comes with the answer to the write
    ``uids``        events have an iCalUID
    ``tokens``      the service itself gives synchronisation tokens
    ``absence``     what is not there is confirmed to be gone
    ``patches``     a patch leaves alone what it does not name
    ``far``         busy times reach as far as one likes
    ==============  ==============================================================
    """

    name = ""
    provider_class = None
    features = frozenset(
        (
            "series versions duplicates strict answers calendars silence lists "
            "uids tokens absence patches far video"
        ).split()
    )
    #: who is connected, and the calendar the tests use
    account = calendar = ANN
    application = None

    def __init__(self):
        self.clock = Clock()
        self._numbers = itertools.count()

    def kept(self, fields):
        """What is left of some fields once the service has had them."""
        return normal(fields)

    def requests_for(self, writes):
        """How many requests so many writes in one push take."""
        return -(-writes // 50)

    def mark_of(self, write):
        """The mark that a written event carries afterwards."""
        return write.mark

    def new_id(self):
        """An id that nobody used yet."""
        return f"event{next(self._numbers):05}"

    def provider(self):
        """A fresh connection of the account."""
        raise NotImplementedError

    # what a person does there

    def put(self, fields, *, recurrence=()):
        """Somebody types an event into the calendar; its id."""
        raise NotImplementedError

    def edit(self, remote_id, fields, *names):
        """Somebody sets the named fields."""
        raise NotImplementedError

    def remove(self, remote_id):
        """Somebody deletes it."""
        raise NotImplementedError

    def invite(self, fields):
        """Bob invites the account: the id of its copy."""
        raise NotImplementedError

    def spoil(self, remote_id):
        """Make the event unreadable."""
        raise NotImplementedError

    def new_calendar(self, *, role="owner", silent=False):
        """A further calendar of the account; its id."""
        raise NotImplementedError

    # what the service does

    def set_page_size(self, size):
        raise NotImplementedError

    def expire_tokens(self):
        """No synchronisation token is good any more."""
        raise NotImplementedError

    def withdraw(self):
        """The person removes our application."""
        raise NotImplementedError

    def fail(self, what, verb, *, times=1, after=False):
        """Let the next requests fail.

        :param what: ``limit`` (and wait an hour), ``down``, ``lost`` (no answer)
        :param verb: ``changes``, ``push``, or ``insert`` for a single write
        :param after: it is carried out all the same
        """
        raise NotImplementedError

    def mails(self):
        """How many mails were sent to anybody."""
        return 0

    def consent(self, url, *, deny=False, scopes=None):
        """The code that a person comes back with from the consent page, "" without."""
        raise NotImplementedError

    def wrong_client(self):
        """The application with a client secret that is wrong."""
        return replace(self.application, client_secret="wrong")


class MemoryWorld(World):
    name = "memory"
    provider_class = MemoryProvider

    def __init__(self):
        super().__init__()
        self.server = MemoryServer()
        for email in (ANN, BOB):
            self.server.add_account(email, BERLIN)
        self.application = self.server.application

    def provider(self):
        return MemoryProvider(self.server, ANN)

    def put(self, fields, *, recurrence=()):
        event = RemoteEvent(
            remote_id=self.new_id(),
            fields=fields,
            recurrence=recurrence,
            organizer=Person(email=ANN, is_self=True),
        )
        return self.server.put(ANN, event).remote_id

    def edit(self, remote_id, fields, *names):
        self.server.edit(
            ANN, remote_id, **{name: getattr(fields, name) for name in names}
        )

    def remove(self, remote_id):
        self.server.remove(ANN, remote_id)

    def invite(self, fields):
        event = RemoteEvent(
            remote_id=self.new_id(),
            fields=fields,
            organizer=Person(email=BOB),
            attendees=(Person(email=BOB), Person(email=ANN, is_self=True)),
            writable=False,
        )
        return self.server.put(ANN, event).remote_id

    def spoil(self, remote_id):
        event = self.server.events(ANN)[remote_id]
        problem = "The event has no start."
        self.server.put(ANN, replace(event, fields=None, problem=problem))

    def new_calendar(self, *, role="owner", silent=False):
        remote_id = self.server.add_calendar(
            ANN, f"more{next(self._numbers)}", role=role
        )
        if silent:
            self.server.silent.add(remote_id)
        return remote_id

    def set_page_size(self, size):
        self.server.page_size = size

    def expire_tokens(self):
        self.server.expire_tokens()

    def withdraw(self):
        self.server.revoked.add(ANN)

    def fail(self, what, verb, *, times=1, after=False):
        error = {
            "limit": errors.RateLimited(retry_after=3600),
            "down": errors.Unavailable(),
            "lost": errors.AnswerLost(),
        }[what]
        self.server.fail(error, verb, times=times, after=after)

    def consent(self, url, *, deny=False, scopes=None):
        return "" if deny else ANN


class GoogleWorld(World):
    name = "google"
    provider_class = GoogleProvider
    #: a simulator that is started once
    server = None

    def __init__(self):
        super().__init__()
        sim = self.sim = self.server
        sim.reset()
        sim.set_clock(NOW.isoformat())
        for email in (ANN, BOB):
            sim.create_user(email, timezone=BERLIN)
        sim.register_client("client", "secret")
        self.application = Application(
            client_id="client",
            client_secret="secret",
            api_url=f"{sim.url}/calendar/v3/",
            auth_url=f"{sim.url}/o/oauth2/v2/auth",
            token_url=f"{sim.url}/token",
            revoke_url=f"{sim.url}/revoke",
        )

    @classmethod
    @contextmanager
    def running(cls):
        with GoogleSimulator() as cls.server:
            yield

    def grant(self, mode="two_way"):
        scopes = GoogleProvider.scopes(mode)
        tokens = self.sim.grant_tokens(ANN, "client", list(scopes))
        return Grant(
            access_token=tokens["access_token"],
            refresh_token=tokens["refresh_token"],
            scopes=scopes,
        )

    def provider(self):
        limiter = self.clock.limiter()
        return GoogleProvider(self.application, self.grant(), limiter=limiter)

    def put(self, fields, *, recurrence=()):
        write = Write(
            verb="insert",
            remote_id=self.new_id(),
            fields=fields,
            recurrence=recurrence or None,
        )
        return self.sim.insert_event(ANN, google_body(write))["id"]

    def edit(self, remote_id, fields, *names):
        write = Write(
            verb="patch", remote_id=remote_id, fields=fields, changed=frozenset(names)
        )
        self.sim.patch_event(ANN, remote_id, google_body(write))

    def remove(self, remote_id):
        self.sim.delete_event(ANN, remote_id)

    def invite(self, fields):
        write = Write(verb="insert", remote_id=self.new_id(), fields=fields)
        body = {**google_body(write), "attendees": [{"email": ANN}, {"email": BOB}]}
        remote_id = self.sim.insert_event(BOB, body, sendUpdates="none")["id"]
        self.sim.clear_outbox()
        return remote_id

    def spoil(self, remote_id):
        self.sim.plant_event(ANN, remote_id, {"start": None})

    def new_calendar(self, *, role="owner", silent=False):
        number = next(self._numbers)
        if role == "owner":
            return self.sim.create_calendar(ANN, f"More {number}", pushes=not silent)
        remote_id = self.sim.create_calendar(BOB, f"Bob's {number}", pushes=not silent)
        self.sim.share(remote_id, ANN, role)
        return remote_id

    def set_page_size(self, size):
        self.sim.set_paging(page_size=size)

    def expire_tokens(self):
        self.sim.expire_tokens("sync")

    def withdraw(self):
        self.sim.revoke_grant(ANN, "client")

    def fail(self, what, verb, *, times=1, after=False):
        fault = {"limit": "rateLimitExceeded", "down": "503", "lost": "drop"}[what]
        match = {
            "changes": {"method": "GET", "path": "/events$"},
            "push": {"path": "^/batch/"},
            "insert": {"method": "POST", "path": "/events$"},
        }[verb]
        self.sim.set_fault(
            match=match,
            fault=fault,
            times=times,
            when="after" if after else "before",
            retry_after=3600 if what == "limit" else None,
        )

    def mails(self):
        return len(self.sim.outbox())

    def consent(self, url, *, deny=False, scopes=None):
        back = self.sim.authorize(url, ANN, scopes=scopes, deny=deny)
        return parse_qs(urlsplit(back).query).get("code", [""])[0]


class CronofyWorld(World):
    """The events of this world are our own ones: others cannot be written at all."""

    name = "cronofy"
    provider_class = CronofyProvider
    features = frozenset({"versions", "strict", "calendars", "lists"})
    #: a simulator that is started once
    server = None

    def __init__(self):
        super().__init__()
        sim = self.sim = self.server
        sim.reset()
        sim.set_clock(NOW.isoformat())
        self.calendar = sim.add_person("ann", email=ANN, tz=BERLIN)["calendars"][
            "Calendar"
        ]
        self.application = Application(
            client_id=DEMO_CLIENT,
            client_secret=DEMO_SECRET,
            api_url=sim.url,
            auth_url=sim.url,
            token_url=f"{sim.url}/oauth/token",
            revoke_url=f"{sim.url}/oauth/token/revoke",
        )

    @classmethod
    @contextmanager
    def running(cls):
        with CronofySimulator() as cls.server:
            yield

    def grant(self, mode="two_way"):
        scopes = CronofyProvider.scopes(mode)
        tokens = self.sim.grant("ann", " ".join(scopes))
        return Grant(
            access_token=tokens["access_token"],
            refresh_token=tokens["refresh_token"],
            scopes=scopes,
        )

    def provider(self, mode="two_way"):
        return CronofyProvider(
            self.application,
            self.grant(mode),
            limiter=self.clock.limiter(),
            now=self.sim.clock.now,
            sleep=self.clock.sleep,
        )

    def kept(self, fields):
        """Cronofy knows plain text, and private or not."""
        written = cronofy_body(Write(verb="insert", remote_id="x", fields=fields))
        return normal(cronofy_event(written).fields)

    def requests_for(self, writes):
        """One look before, then the batches, then the pages that confirm them."""
        return 1 + super().requests_for(writes) + -(-writes // self.sim.page_size)

    def mark_of(self, write):
        return write.remote_id

    def put(self, fields, *, recurrence=()):
        assert not recurrence
        remote_id = self.new_id()
        body = cronofy_body(Write(verb="insert", remote_id=remote_id, fields=fields))
        self.sim.put_event("ann", body)
        return remote_id

    def edit(self, remote_id, fields, *names):
        body = cronofy_body(Write(verb="patch", remote_id=remote_id, fields=fields))
        values = {
            "name": {"summary": body["summary"]},
            "description": {"description": body["description"]},
            "location": {"location": body["location"]["description"]},
            "when": {"start": body["start"], "end": body["end"]},
        }
        for name in names:
            self.sim.change_event(remote_id, **values[name])

    def remove(self, remote_id):
        self.sim.delete_event(remote_id)

    def spoil(self, remote_id):
        self.sim.plant_event(remote_id, {"start": None})

    def new_calendar(self, *, role="owner", silent=False):
        if role == "freeBusyReader":
            pytest.skip("cronofy: such calendars are written to by invitation")
        name = f"More {next(self._numbers)}"
        return self.sim.add_calendar("ann", name, readonly=role == "reader")

    def set_page_size(self, size):
        self.sim.set_page_size(size)

    def withdraw(self):
        self.sim.withdraw_grants("ann")

    def fail(self, what, verb, *, times=1, after=False):
        match = {
            "changes": {"method": "GET", "path": "/v1/events$"},
            "push": {"path": "/v1/batch$"},
            "insert": {"method": "POST", "path": "/events$"},
        }[verb]
        self.sim.set_fault(
            {"limit": "429", "down": "503", "lost": "drop"}[what],
            match=match,
            times=times,
            when="after" if after else "before",
            retry_after=3600 if what == "limit" else None,
        )

    def mails(self):
        return len(self.sim.outbox())

    def consent(self, url, *, deny=False, scopes=None):
        back = self.sim.authorize(url, "ann", deny=deny)
        return parse_qs(urlsplit(back).query).get("code", [""])[0]


WORLDS = [MemoryWorld, GoogleWorld, CronofyWorld]

# ----------------------------------------------------------- the cast of the tests

NINE = datetime(2026, 3, 3, 8, tzinfo=UTC)  # on the clock of Berlin
TIMED = Fields(
    name="Planning",
    when=When(NINE, NINE + timedelta(hours=1), BERLIN),
    description="Bring <b>paper</b>",
    location="Room 1",
)
ALLDAY = Fields(
    name="Fair", when=When(NINE.date(), NINE.date() + timedelta(days=2)), show_as="free"
)
WEEKLY = ("RRULE:FREQ=WEEKLY;COUNT=8",)


def at(days, hours=0, *, length=1):
    """The time of TIMED, so much later."""
    start = NINE + timedelta(days=days, hours=hours)
    return When(start, start + timedelta(hours=length), BERLIN)


def occurrence(master_id, days):
    """The id of an occurrence of a series that started like TIMED."""
    return instance_id(master_id, at(days).start)


def without_waiting(clock):
    """The module ``time``, for those who would sleep."""
    return SimpleNamespace(sleep=clock.sleep, monotonic=time.monotonic, time=time.time)
