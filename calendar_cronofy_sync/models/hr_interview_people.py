"""When interviewers are free: what Odoo knows of them, and what their calendars say.

Everything here lives in memory for one request. Of a calendar only the times are read,
and none of it is stored or logged.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone

import pytz

from odoo import models

from ..calsync.intervals import Interval, difference, union
from .calendar_sync_busy import BusyAnswer


def aware(moment: datetime) -> datetime:
    """The ORM's naive UTC as an aware datetime."""
    return moment.replace(tzinfo=timezone.utc)


def naive(moment: datetime) -> datetime:
    """An aware datetime as the ORM's naive UTC."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


#: what an empty calendar would say
NOTHING = BusyAnswer(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What is known of one interviewer for the time in question."""

    #: working hours less time off
    hours: tuple[Interval, ...]
    #: meetings that Odoo knows of
    meetings: tuple[Interval, ...]
    #: what the connected calendars say; None when they could not be asked
    live: tuple[Interval, ...] | None
    #: why they could not be asked, or not for longer, in the reader's language
    problem: str = ""
    #: from then on nothing is known; None: all that was asked for is
    until: datetime | None = None
    #: they do not work here any more, and are never free
    missing: bool = False

    @property
    def known(self) -> bool:
        return self.live is not None

    def knows(self, stop: datetime) -> bool:
        """Is it known when they are busy, up to then?"""
        return self.known and (self.until is None or stop <= self.until)

    @property
    def busy(self) -> tuple[Interval, ...]:
        return tuple(union(self.meetings, self.live or ()))


class HrInterviewPeople(models.AbstractModel):
    _name = "hr.interview.people"
    _description = "Interviewers' Free Time"

    def _people(self, users, start, stop, interviews):
        """What is known of each user between two aware datetimes, {user: Person}.

        :param interviews: what these interviews themselves take is not busy
        """
        present = users - self._missing(users) - self._foreign(users, interviews)
        answers = self.env["calendar.sync.account"].sudo()._busy(present, start, stop)
        return self._known(users, start, stop, interviews, answers)

    def _people_offline(self, users, start, stop, interviews):
        """The same without asking anybody, as if every calendar were empty."""
        answers = {user.id: NOTHING for user in users}
        return self._known(users, start, stop, interviews, answers)

    def _known(self, users, start, stop, interviews, answers):
        users = users.sudo()
        hours = self._hours(users, start, stop, interviews.company_id[:1])
        meetings = self._meetings(users, start, stop, interviews)
        guards = self._guards(users, start, stop, interviews)
        own = self._own_times(users, interviews)
        missing = self._missing(users)
        foreign = self._foreign(users, interviews)
        people = {}
        for user in users:
            if user in missing:
                people[user] = Person(
                    hours=(),
                    meetings=(),
                    live=None,
                    problem=self.env._("does not work here any more"),
                    missing=True,
                )
                continue
            if user in foreign:
                problem = self.env._("works for another company")
                people[user] = Person(hours=(), meetings=(), live=None, problem=problem)
                continue
            answer = answers.get(user.id)
            live = answer.intervals if answer else None
            problem = answer.problem if answer else ""
            if live is None:
                problem = problem or self.env._("not connected")
            else:
                live = tuple(difference(live, own.get(user.id, ())))
            people[user] = Person(
                # the buffers of other interviews are no busy time: a buffer may touch
                # them, an interview may not
                hours=tuple(difference(hours[user.id], guards.get(user.id, ()))),
                meetings=tuple(meetings.get(user.id, ())),
                live=live,
                problem=problem,
                until=answer and answer.until,
            )
        return people

    def _missing(self, users):
        """Those who do not work here any more: archived, as a user or as employee."""
        return users.filtered(lambda user: not user.active) | users._without_employee()

    def _foreign(self, users, interviews):
        """Those of companies that the recruiter has nothing to do with: of their time
        nothing is told."""
        recruiter = self.env.user
        if self.env.su or recruiter._is_public():
            recruiter = interviews[:1].user_id or recruiter
        companies = recruiter.sudo().company_ids | interviews[:1].sudo().company_id
        return users.filtered(lambda user: not user.sudo().company_ids & companies)

    def _hours(self, users, start, stop, company):
        """Working hours less time off, {user id: intervals}."""
        company = company or self.env.company
        employees = (
            self.env["hr.employee"].sudo().search([("user_id", "in", users.ids)])
        )
        result = {}
        for user in users:
            mine = employees.filtered(
                lambda employee, user=user: employee.user_id == user
            )
            employee = (
                mine.filtered(lambda employee: employee.company_id == company) or mine
            )[:1]
            calendar = employee.resource_calendar_id or company.resource_calendar_id
            if not calendar:
                result[user.id] = [Interval(start, stop)]
                continue
            resource = employee.resource_id
            zone = pytz.timezone(resource.tz or calendar.tz or "UTC")
            attendance = calendar.sudo()._attendance_intervals_batch(
                start, stop, tz=zone
            )[False]
            leaves = calendar.sudo()._leave_intervals_batch(
                start, stop, resources=resource, tz=zone
            )[resource.id]
            result[user.id] = difference(
                _whole(_pairs(attendance)),
                _pairs(leaves),
                self._leaves(employee, start, stop),
            )
        return result

    def _leaves(self, employee, start, stop):
        """Approved time off of the app Time Off, where it is installed."""
        if "hr.leave" not in self.env or not employee:
            return []
        domain = [
            ("employee_id", "=", employee.id),
            ("state", "in", ("validate1", "validate")),
            ("date_from", "<", naive(stop)),
            ("date_to", ">", naive(start)),
        ]
        leaves = self.env["hr.leave"].sudo().search(domain)
        return [(aware(leave.date_from), aware(leave.date_to)) for leave in leaves]

    def _meetings(self, users, start, stop, interviews):
        """Odoo's meetings that show as busy and were not declined, private ones too."""
        own = interviews.event_id | interviews.slot_ids.hold_event_id
        domain = [
            ("partner_id", "in", users.partner_id.ids),
            ("state", "!=", "declined"),
            ("event_id", "not in", own.ids),
            ("event_id.active", "=", True),
            ("event_id.show_as", "=", "busy"),
            # an all-day event is stored from 8 to 18 o'clock, whatever the zone
            ("event_id.start", "<", naive(stop) + timedelta(days=1)),
            ("event_id.stop", ">", naive(start) - timedelta(days=1)),
        ]
        user_of = {user.partner_id.id: user for user in users}
        result = {}
        attendees = self.env["calendar.attendee"].sudo().search(domain)
        for attendee in attendees:
            user = user_of[attendee.partner_id.id]
            result.setdefault(user.id, []).append(_span(attendee.event_id, user.tz))
        return result

    def _guards(self, users, start, stop, interviews):
        """What other interviews take, buffers included."""
        domain = [
            ("user_id", "in", users.ids),
            ("interview_id", "not in", interviews.ids),
            ("start", "<", naive(stop)),
            ("stop", ">", naive(start)),
        ]
        result = {}
        for claim in self.env["hr.interview.claim"].sudo().search(domain):
            span = Interval(aware(claim.start), aware(claim.stop))
            result.setdefault(claim.user_id.id, []).append(span)
        return result

    def _own_times(self, users, interviews):
        """What the interviews' own entries take in calendars that Odoo writes to.

        Only there, or where it has written the entry: in a calendar that Odoo merely
        asks, a busy time is somebody else's.
        """
        written = self.env["calendar.sync.account"]._exporting().user_id
        result = {}
        domain = [("interview_id", "in", interviews.ids), ("kind", "=", 0)]
        for claim in self.env["hr.interview.claim"].sudo().search(domain):
            entry = (
                claim.slot_id.hold_event_id
                if claim.held
                else (claim.interview_id.event_id)
            )
            if claim.user_id in written | entry.sync_link_ids.user_id:
                span = Interval(aware(claim.start), aware(claim.stop))
                result.setdefault(claim.user_id.id, []).append(span)
        return result


def _pairs(intervals):
    """Odoo's intervals, whose third element is a recordset, as plain pairs."""
    return [(start, stop) for start, stop, _records in intervals]


def _whole(pairs):
    """To Odoo a working day until 24 o'clock ends a microsecond before midnight."""
    tick = timedelta.resolution
    return [(a, b + tick if b.time() == time.max else b) for a, b in pairs]


def _span(event, tz):
    """The time an event takes; a whole day runs from midnight to midnight in ``tz``."""
    if not event.allday:
        return Interval(aware(event.start), max(aware(event.start), aware(event.stop)))
    zone = pytz.timezone(tz or "UTC")
    first, last = event.start_date, event.stop_date + timedelta(days=1)
    return Interval(
        *(zone.localize(datetime.combine(day, time.min)) for day in (first, last))
    )
