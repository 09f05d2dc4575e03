"""The world of the interview tests: a recruiter, four interviewers, an applicant."""

from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from freezegun import freeze_time

from odoo import Command
from odoo.tests import TransactionCase, new_test_user

from ..calsync.intervals import Interval
from ..models.calendar_sync_busy import BusyAnswer

#: a Monday; working hours are 8-12 and 13-17 o'clock in Brussels (UTC+1)
MONDAY = datetime(2026, 11, 30)
RECRUITER = "hr_recruitment.group_hr_recruitment_user"


def utc(text):
    """``"Mo 09:00"`` in the week of the tests, as naive UTC."""
    day, clock = text.split()
    hours, minutes = map(int, clock.split(":"))
    days = ("Mo", "Tu", "We", "Th", "Fr").index(day)
    return MONDAY + timedelta(days=days, hours=hours, minutes=minutes)


def span(day, start, stop):
    return Interval(
        *(utc(f"{day} {t}").replace(tzinfo=timezone.utc) for t in (start, stop))
    )


class InterviewCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        frozen = freeze_time("2026-11-27 10:00:00")
        frozen.start()
        cls.addClassCleanup(frozen.stop)
        cls.env = cls.env(context=dict(cls.env.context, tracking_disable=False))
        company = cls.env.company
        company.resource_calendar_id = cls.env["resource.calendar"].create(
            {"name": "Forty hours", "tz": "Europe/Brussels", "company_id": company.id}
        )
        options = {"tz": "Europe/Brussels"}
        cls.recruiter = new_test_user(cls.env, "rita", RECRUITER, **options)
        cls.ann, cls.bob, cls.carl, cls.dora = (
            new_test_user(
                cls.env, name, "base.group_user", name=name.capitalize(), **options
            )
            for name in ("ann", "bob", "carl", "dora")
        )
        cls.job = cls.env["hr.job"].create({"name": "Astronomer"})
        cls.applicant = cls.new_applicant("Alex Applicant")
        #: what the connected calendars say; a user who is missing is not connected
        cls.live = {user.id: [] for user in (cls.ann, cls.bob, cls.carl, cls.dora)}
        #: up to when those of somebody are told, in a calendar that does not know more
        cls.until = {}
        cls.asked = []
        case = cls

        def busy(self, users, start, stop):
            case.asked.append(users)
            return {user.id: case.answer(user.id, start, stop) for user in users}

        accounts = cls.env.registry["calendar.sync.account"]
        cls.classPatch(accounts, "_busy", busy)

    @classmethod
    def answer(cls, user_id, start, stop):
        if user_id not in cls.live:
            return BusyAnswer(None, "no connection")
        until = cls.until.get(user_id, stop)
        if until <= start:
            return BusyAnswer(None, "not so far ahead")
        busy = tuple(cls.live[user_id])
        if until < stop:
            return BusyAnswer(busy, "not so far ahead", until)
        return BusyAnswer(busy)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.until.clear)
        live = dict(self.live)
        self.addCleanup(lambda: (self.live.clear(), self.live.update(live)))

    @classmethod
    def new_applicant(cls, name):
        return cls.env["hr.applicant"].create(
            {
                "partner_name": name,
                "email_from": f"{name.split()[0].lower()}@example.com",
                "job_id": cls.job.id,
                "user_id": cls.recruiter.id,
            }
        )

    def new_interview(self, *panels, applicant=None, **values):
        """An interview on the Monday; a panel is users, or (how many, users)."""
        commands = []
        for panel in panels or (self.ann,):
            required, users = panel if isinstance(panel, tuple) else (0, panel)
            commands.append(
                Command.create(
                    {"user_ids": [Command.set(users.ids)], "required": required}
                )
            )
        defaults = {
            "applicant_id": (applicant or self.applicant).id,
            "date_from": "2026-11-30",
            "date_to": "2026-11-30",
            "tz": "Europe/Brussels",
            "step": 60,
            "panel_ids": commands,
        }
        interviews = self.env["hr.interview"].with_user(self.recruiter)
        return interviews.create(defaults | values)

    def starts(self, interview, state="proposed"):
        """The hours (UTC) at which the slots of the Monday start."""
        slots = interview.slot_ids.filtered(lambda slot: slot.state == state)
        return [slot.start.strftime("%H:%M") for slot in slots.sorted("start")]

    def slot(self, interview, clock, day="Mo"):
        start = utc(f"{day} {clock}")
        return interview.slot_ids.filtered(lambda slot: slot.start == start)

    def meeting(self, users, day, start, stop, **values):
        return self.env["calendar.event"].create(
            {
                "name": "Dentist",
                "start": utc(f"{day} {start}"),
                "stop": utc(f"{day} {stop}"),
                "partner_ids": [Command.set(users.partner_id.ids)],
                **values,
            }
        )

    @contextmanager
    def mails(self):
        """The mails to the applicant that are made meanwhile."""
        before = self.env["mail.mail"].sudo().search([])
        found = []
        with patch.object(self.env.registry["mail.mail"], "send", lambda *a, **k: None):
            yield found
        new = self.env["mail.mail"].sudo().search([]) - before
        found += new.filtered(
            lambda mail: (
                self.applicant.partner_id in mail.recipient_ids
                or "alex@" in (mail.email_to or "")
            )
        )
