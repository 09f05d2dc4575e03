"""Random histories once more, with Google itself simulated over HTTP: its own way of
sharing meetings, its faults, and notifications that are lost, doubled or late."""

from datetime import timedelta
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from odoo.tests import tagged

from ..calsync.mapping import family
from ..calsync.values import When
from ..models import calendar_sync_cron
from .google_case import GoogleCase, GoogleServer, needs_simulator
from .test_sync_convergence import (
    PRIMARIES,
    TEXTS,
    Convergence,
    indexes,
    people,
    run_histories,
    times,
)

EVENTS = "/calendars/[^/]+/events"
#: (fault, the requests that it may strike, whether it may come after the work was done)
FAULTS = (
    ("serviceUnavailable", {}, True),
    ("backendError", {"path": "^/batch/"}, True),
    ("backendError", {"method": "POST", "path": EVENTS}, True),
    ("backendError", {"method": "PATCH"}, True),
    ("backendError", {"method": "DELETE"}, True),
    ("drop", {}, True),
    ("rateLimitExceeded", {}, False),
    ("userRateLimitExceeded", {"path": EVENTS}, False),
    ("authError", {}, False),
    ("conditionNotMet", {"method": "PATCH"}, False),
    ("fullSyncRequired", {"method": "GET", "path": EVENTS + "$"}, False),
)


class GoogleConvergence(Convergence):
    def __init__(self):
        super().__init__()
        #: notifications that Google has sent and nobody delivered yet
        self.letters = []

    def empty_service(self):
        self.case.server = GoogleServer(self.case.sim)
        return self.case.server

    def compared(self, remote):
        """Whether one is busy belongs to each copy of a shared meeting."""
        shared = remote.remote_id.startswith("shared")
        return (*TEXTS, "when") if shared else super().compared(remote)

    def carry(self):
        """Google does that itself."""

    def mails(self):
        return self.server.mails()

    def edit_there(self, calendar, remote_id, **values):
        self.server.edit(calendar, remote_id, **values)

    # ----------------------------------------------------------- people at the provider

    @precondition(Convergence.room)
    @rule(organizer=people, time=times)
    def make_shared(self, organizer, time):
        self.made += 1
        self.case.put(
            organizer,
            remote_id=f"shared{next(self.numbers)}",
            name=self.text(),
            when=self.case.at(*time),
            attendees=tuple(map(self.case.person, PRIMARIES)),
        )

    @rule(
        index=indexes,
        number=st.integers(1, 4),
        how=st.sampled_from(("", "name", "when", "allday")),
        time=times,
    )
    def split_there(self, index, number, how, time):
        """This and following, on Google's own page."""
        masters = [(c, e) for c, e in self.remotes() if e.recurrence]
        if not masters:
            return
        calendar, master = masters[index % len(masters)]
        instance = self.instance(master, number)
        occurrence = self.server._present(calendar, instance)
        if (
            occurrence.cancelled
            or occurrence.original_start == master.fields.when.start
        ):
            return
        self.deleted = (
            True  # what was deleted, or changed, of the dates after it is not
        )
        self.removed.add(family(master.remote_id))
        self.forget_occurrences(calendar, master)
        self.server.split(calendar, instance, **self.from_there_on(how, time))

    def from_there_on(self, how, time):
        when = self.case.at(*time)
        match how:
            case "name":
                return {"name": self.text()}
            case "when":
                return {"when": when}
            case "allday":
                day = when.start.date()
                return {"when": When(day, day + timedelta(days=1))}
        return {}

    @rule(
        index=indexes,
        guest=people,
        answer=st.sampled_from(("accepted", "tentative", "declined")),
    )
    def answer_there(self, index, guest, answer):
        invitations = [
            event for event in self.case.remote(guest) if not event.organized_by_self
        ]
        if invitations:
            if answer == "declined":
                self.deleted = True
            event = invitations[index % len(invitations)]
            self.server.answer(guest, event.remote_id, answer)

    # ------------------------------------------------------------ the provider's side

    @rule(fault=st.sampled_from(FAULTS), skip=st.integers(0, 6), after=st.booleans())
    def sync_with_a_fault(self, fault, skip, after):
        name, match, may_be_late = fault
        when = "after" if after and may_be_late else "before"
        self.case.sim.set_fault(name, match, skip=skip, when=when)
        self.sync()
        self.server.mend()
        self.wait()

    @rule()
    def expire_access(self):
        """The next request needs a new access token."""
        self.case.sim.expire_tokens("access")

    # ------------------------------------------------------------ notifications

    def collect(self):
        self.letters += self.case.sim.watch.courier.collect()
        return bool(self.letters)

    @precondition(collect)
    @rule(index=indexes, copies=st.integers(0, 3))
    def deliver(self, index, copies):
        """One of them arrives (in any order), perhaps more than once or never."""
        headers = self.letters.pop(index % len(self.letters)).headers
        for _copy in range(copies):
            channel = self.env["calendar.sync.channel"]._verified(
                headers["X-Goog-Channel-ID"], headers["X-Goog-Channel-Token"]
            )
            if headers["X-Goog-Resource-State"] != "sync":
                channel._heard()

    @rule()
    def sync_what_was_heard(self):
        """Only those run that were notified, or that have something to write."""
        self.case.cron(due=False)


@tagged("post_install", "-at_install")
@needs_simulator
class TestSyncConvergenceGoogle(GoogleCase):
    def test_random_histories_converge_with_google(self):
        # (what is heard meanwhile need not be waited for)
        with patch.object(calendar_sync_cron, "HUSH", 0):
            run_histories(self, GoogleConvergence, few=15)
