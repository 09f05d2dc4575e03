"""Which slots an interview can take, why so few, and who takes part."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import pytz
from babel.dates import format_skeleton

from odoo import Command, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import babel_locale_parse, format_date

from ..calsync.availability import Group, Member, Step, find_sequences, find_slots
from ..calsync.intervals import Interval, widen
from .hr_interview_claim import CORE, SlotTaken
from .hr_interview_people import aware, naive

#: stands in a panel for those who are missing: never free
NOBODY = Member("", unknown=True)
#: days behind the range that are looked at for "Friday too"
FURTHER = 7
#: slots that are kept of one search; more than anybody reads
MOST_SLOTS = 2_000
#: days back in which interviews count for who comes next
FAIRNESS_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Found:
    """A free slot: naive UTC as in the ORM, and who is free."""

    start: Any
    stop: Any
    users: Any
    interview: Any
    #: the interviews of a sequence, in order
    parts: tuple = ()


@dataclass(frozen=True)
class Raw:
    """What the engine found: for each interview by itself, and in a row."""

    singles: list
    #: None when there is but one interview
    ways: list | None


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a search found, for one request."""

    slots: tuple
    #: sentences for the recruiter
    reasons: tuple
    #: users who could not be asked
    unknown: Any
    #: {user: Person}
    people: dict = field(repr=False)
    raw: Raw


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Who takes part, and why they and not others ("" when there was no choice)."""

    users: Any
    why: str = ""


class Load(NamedTuple):
    """How much somebody has had to do; who has less comes first."""

    #: interviews of the rolling period
    count: int
    #: number of the latest booking: the lower, the longer ago, 0 for none
    latest: int


class HrInterview(models.Model):
    _inherit = "hr.interview"

    # ------------------------------------------------------------------ search

    def _look(self):
        """Ask everybody and find the slots; nothing is written."""
        people, window = self._ask()
        raw = self._run(people, window)
        unknown = self.env["res.users"].browse(
            user.id for user, person in people.items() if not person.known
        )
        found = self._found(raw)
        reasons = list(dict.fromkeys(self._reasons(raw, people)))
        if len(found) > MOST_SLOTS:
            reasons.insert(0, self._too_many(found))
        return Search(
            slots=tuple(found[:MOST_SLOTS]),
            reasons=tuple(reasons),
            unknown=unknown,
            people=people,
            raw=raw,
        )

    def _too_many(self, found):
        return self.env._(
            "These are the first %(most)s of %(count)s slots: choose a shorter range "
            "or a coarser grid",
            most=MOST_SLOTS,
            count=len(found),
        )

    def _ask(self):
        """What is known of everybody who may be needed, and the range to search."""
        self.ensure_one()
        if not self._users():
            raise UserError(self.env._("Choose the interviewers first."))
        window = self._window()
        margin = timedelta(minutes=max(self.buffer_before, self.buffer_after))
        people = self._people(
            self._users(),
            window.start - margin,
            window.stop + margin + timedelta(days=FURTHER),
            self | self.child_ids,
        )
        return people, window

    def _window(self):
        """The range, or what is left of it."""
        now = fields.Datetime.now().replace(second=0)
        start = min(max(self.date_from, now), self.date_to)
        return Interval(aware(start), aware(self.date_to))

    def _further(self, window):
        """The days after the range, each by itself."""
        days = [window.stop + timedelta(days=n) for n in range(FURTHER + 1)]
        return list(map(Interval, days, days[1:]))

    def _run(self, people, window, lenient=False):
        """Let the engine search: a SlotSearch, or for a sequence one of each interview.

        :param lenient: count those who could not be asked as Odoo knows them
        """
        options = {
            "step": timedelta(minutes=self.step),
            "tz": self.tz,
            "buffer_before": self._buffers()[0],
            "buffer_after": self._buffers()[1],
            "not_before": aware(
                fields.Datetime.now() + timedelta(hours=self.minimum_notice)
            ),
        }
        steps = [
            Step(
                step._groups(people, lenient),
                timedelta(minutes=step.duration),
                gap=(timedelta(minutes=step.gap_min), timedelta(minutes=step.gap_max)),
            )
            for step in self._steps()
        ]
        singles = [
            find_slots(
                step.groups,
                [window],
                step.duration,
                further=self._further(window),
                **options,
            )
            for step in steps
        ]
        ways = find_sequences(steps, [window], **options) if self.child_ids else None
        return Raw(singles, ways)

    def _found(self, raw):
        """The slots of a search in the ORM's words."""
        if raw.ways is None:
            return [self._found_slot(slot) for slot in raw.singles[0].slots]
        found = []
        for way in raw.ways:
            parts = tuple(map(lambda i, s: i._found_slot(s), self._steps(), way))
            users = self.env["res.users"].union(*(part.users for part in parts))
            found.append(
                Found(
                    start=parts[0].start,
                    stop=parts[-1].stop,
                    users=users,
                    interview=self,
                    parts=parts,
                )
            )
        return found

    def _found_slot(self, slot):
        return Found(
            start=naive(slot.start),
            stop=naive(slot.stop),
            users=self.env["res.users"].browse(sorted(map(int, slot.members))),
            interview=self,
        )

    def _groups(self, people, lenient=False):
        """The panels in the engine's words."""
        groups = []
        for panel in self.panel_ids:
            members = [
                self._member(user, people[user], lenient)
                for user in panel._members()
                if not self._is_left_out(user, people)
            ]
            groups.append(Group(members or [NOBODY], panel.required))
        return groups

    def _member(self, user, person, lenient):
        if person.missing:
            return Member(str(user.id), unknown=True)
        unknown = not person.known and self.unknown_policy == "unknown" and not lenient
        trusting = lenient or self.unknown_policy == "odoo"
        until = None if trusting else person.until
        return Member(str(user.id), person.hours, person.busy, unknown, until)

    def _is_left_out(self, user, people=None):
        left_out = user in self.left_out_user_ids or user in (
            self.parent_id.left_out_user_ids
        )
        if left_out or not people or user not in people:
            return left_out
        silent = not people[user].known and not people[user].missing
        return silent and self.unknown_policy == "leave_out"

    # ------------------------------------------------------------------ why so few

    def _doubtful(self, people):
        """Those of whom not all is known up to the end of the range, and who are not
        left out for it."""
        end = aware(self.date_to)
        return self.env["res.users"].browse(
            user.id
            for user, person in people.items()
            if not person.knows(end) and not self._is_left_out(user, people)
        )

    def _reasons(self, raw, people):
        """Why there are few slots or none; first those who could not be asked."""
        for user, person in people.items():
            if user in self._doubtful(people):
                yield self._unknown_reason(user, person)
        for step, search in zip(self._steps(), raw.singles, strict=True):
            prefix = f"{step.name}: " if self.child_ids else ""
            for reason in search.reasons:
                if reason.kind != "unknown":
                    yield prefix + step._reason(reason)
        if raw.ways is not None and not raw.ways and all(s.slots for s in raw.singles):
            yield self.env._(
                "Each of the interviews has times, but not one after the other with "
                "these breaks."
            )

    def _unknown_reason(self, user, person):
        if person.missing:
            return self.env._(
                "%(name)s is missing: does not work here any more. Choose somebody "
                "else, or leave them out",
                name=user.name,
            )
        values = {"name": user.name, "problem": person.problem.rstrip(".")}
        if person.known:
            values["day"] = self._day(naive(person.until))
            if self.unknown_policy == "odoo":
                return self.env._(
                    "%(name)s: unknown from %(day)s on (%(problem)s); counts as free "
                    "then when Odoo knows of no meeting",
                    **values,
                )
            return self.env._(
                "%(name)s: unknown from %(day)s on (%(problem)s); does not count as "
                "free then",
                **values,
            )
        if self.unknown_policy == "odoo":
            return self.env._(
                "%(name)s: unknown, could not be asked (%(problem)s); counts as free "
                "when Odoo knows of no meeting",
                **values,
            )
        return self.env._(
            "%(name)s: unknown, could not be asked (%(problem)s); does not count as "
            "free",
            **values,
        )

    def _reason(self, reason):
        """A reason of the engine in the reader's language."""
        panel = "" if reason.group is None else self.panel_ids[reason.group].name
        user = self.env["res.users"].browse(int(reason.member or 0))
        values = {
            "name": user.sudo().name if user else "",
            "panel": panel,
            "starts": reason.starts,
            "total": reason.total,
            "required": reason.required,
            "size": reason.size,
        }
        texts = {
            "no_range": self.env._("The range is over"),
            "range_short": self.env._("The range is shorter than the interview"),
            "off_grid": self.env._("No start on the grid lies in the range"),
            "notice": self.env._("%(starts)s of %(total)s starts are too soon"),
            "impossible": self.env._(
                'Panel "%(panel)s" needs %(required)s and has %(size)s'
            ),
            "hours": self.env._(
                "%(name)s: %(starts)s of %(total)s starts are outside the working hours"
            ),
            "busy": self.env._(
                "%(name)s: %(starts)s of %(total)s starts fall on busy times"
            ),
            "buffer": self.env._(
                "%(name)s: %(starts)s of %(total)s starts are too close to busy times"
            ),
            "group": self.env._(
                'Panel "%(panel)s": not enough are free at %(starts)s of %(total)s '
                "starts"
            ),
            "together": self.env._("Every panel has times, but none at the same time"),
        }
        return texts[reason.kind] % values

    def _relaxations(self, search):
        """What would give more slots: a text, how many, and the values to write."""
        if self.child_ids:
            return []
        trusting = self._trusting(search)
        return trusting + [
            {
                "text": self._relaxation(relaxation),
                "slots": relaxation.slots,
                "values": self._relaxed(relaxation),
            }
            for relaxation in search.raw.singles[0].relaxations
        ]

    def _trusting(self, search):
        """What it would give to rely on Odoo alone for those who cannot be asked."""
        doubtful = self._doubtful(search.people).filtered(
            lambda user: not search.people[user].missing
        )
        if self.unknown_policy != "unknown" or not doubtful:
            return []
        raw = self._run(search.people, self._window(), lenient=True)
        slots = len(self._found(raw))
        if slots <= len(search.slots):
            return []
        names = ", ".join(doubtful.sudo().mapped("name"))
        text = self.env._("relying on Odoo alone for %(names)s", names=names)
        values = {"unknown_policy": "odoo"}
        return [{"text": text, "slots": slots, "values": values}]

    def _relaxation(self, change):
        users = self.env["res.users"].browse(map(int, change.members))
        panel = "" if change.group is None else self.panel_ids[change.group].name
        values = {
            "names": ", ".join(users.sudo().mapped("name")),
            "minutes": (change.duration or change.step) // timedelta(minutes=1),
            "panel": panel,
            "required": change.required,
            "size": change.size,
            "day": change.range and self._short_day(change.range.start),
        }
        texts = {
            "buffers": self.env._("without buffers"),
            "step": self.env._("on a grid of %(minutes)s minutes"),
            "duration": self.env._("%(minutes)s minutes long"),
            "range": self.env._("%(day)s too"),
            "required": self.env._(
                "%(required)s of %(size)s instead of more: %(panel)s"
            ),
            "without": self.env._("without %(names)s"),
            "notice": self.env._("at shorter notice"),
        }
        return texts[change.kind] % values

    def _day(self, moment):
        """The date of a moment (naive UTC) in the interview's zone, for reading."""
        return format_date(
            self.env, aware(moment).astimezone(pytz.timezone(self.tz)).date()
        )

    def _short_day(self, moment):
        """Day of the week and date, in the order the reader's language has them."""
        return format_skeleton(
            "MMMEd",
            moment,
            tzinfo=pytz.timezone(self.tz),
            locale=babel_locale_parse(self.env.lang),
        )

    def _relaxed(self, change):
        """The values to write on the interview for a relaxation."""
        minutes = (change.duration or change.step) // timedelta(minutes=1)
        match change.kind:
            case "buffers":
                return {"buffer_before": 0, "buffer_after": 0}
            case "step":
                return {"step": minutes}
            case "duration":
                return {"duration": minutes}
            case "range":
                stop = naive(change.range.stop)
                return {"date_to": fields.Datetime.to_string(stop)}
            case "required":
                panel = self.panel_ids[change.group]
                command = Command.update(panel.id, {"required": change.required})
                return {"panel_ids": [command]}
            case "without":
                return {
                    "left_out_user_ids": [Command.link(int(k)) for k in change.members]
                }
            case _:
                return {"minimum_notice": 0}

    # ------------------------------------------------------------------ who

    def _around(self, start, stop):
        """The days around a slot, aware: enough for its buffers and working hours."""
        return aware(start) - timedelta(days=1), aware(stop) + timedelta(days=1)

    def _is_free(self, person, start, stop):
        """May this person take the slot, buffers included?"""
        slot = Interval(aware(start), aware(stop))
        if not any(a <= slot.start and slot.stop <= b for a, b in person.hours):
            return False
        before, after = self._buffers()
        # a buffer after the slot keeps it away from what comes later
        busy = widen(person.busy, after, before)
        return not any(a < slot.stop and slot.start < b for a, b in busy)

    def _choose(self, slot, free, *, people=None, held=False):
        """Choose who takes part in the slot and claim their time.

        Of a panel that needs only some of its members those with the fewest interviews
        are asked first (:meth:`_by_load`). Fewer than it needs are never taken: who
        does not work here any more is missing. Raises :class:`SlotTaken`.

        :param free: says of a user whether they are free for the slot
        """
        chosen = self.env["res.users"]
        why = []
        for panel in self.panel_ids:
            members = panel._members().filtered(
                lambda user: not self._is_left_out(user, people)
            )
            needed = panel.required or len(members)
            picked = chosen & members
            here = members - self._missing(members) - chosen
            for user in self._by_load(here.filtered(free)):
                if len(picked) >= needed:
                    break
                try:
                    self._take(user, slot.start, slot.stop, slot=slot, held=held)
                except SlotTaken:
                    continue
                picked |= user
            if len(picked) < needed or not picked:
                raise SlotTaken(
                    self.env._(
                        "The slot is no longer free for the interviewers needed."
                    )
                )
            if needed < len(members):
                why.append(self._why(panel, picked, members))
            chosen |= picked
        return Choice(users=chosen, why="\n".join(why))

    def _loads(self, users):
        """{user: :class:`Load`} over the rolling period: some days back (a parameter)
        and all that is to come."""
        days = self.env["calendar.sync.account"]._days("fairness_days", FAIRNESS_DAYS)
        since = fields.Datetime.now() - timedelta(days=days)
        claims = self.env["hr.interview.claim"].sudo()
        booked = claims.search(
            [
                ("user_id", "in", users.ids),
                ("kind", "=", CORE),
                ("held", "=", False),
                ("interview_id", "not in", self.ids),
            ]
        ).grouped("user_id")
        loads = {}
        for user in users:
            mine = booked.get(user, claims)
            counted = mine.filtered(lambda claim: claim.start >= since)
            loads[user] = Load(len(counted), max(mine.ids, default=0))
        return loads

    def _by_load(self, users):
        """The one with the fewest interviews first, among equals whoever was booked
        longest ago."""
        loads = self._loads(users)
        return users.sorted(lambda user: (*loads[user], user.name, user.id))

    def _why(self, panel, picked, members):
        """The sentence that explains a choice."""
        loads = self._loads(members)
        days = self.env["calendar.sync.account"]._days("fairness_days", FAIRNESS_DAYS)
        count = self.env._("%(name)s (%(count)s)")

        def listed(users):
            return ", ".join(
                count % {"name": user.name, "count": loads[user].count}
                for user in self._by_load(users)
            )

        values = {
            "panel": panel.name,
            "chosen": listed(picked),
            "others": listed(members - picked),
            "days": days,
        }
        if self._was_a_tie(loads, picked, members):
            return self.env._(
                "%(panel)s: %(chosen)s, booked longest ago of those free with equally "
                "few interviews in the last %(days)s days and ahead; not needed: "
                "%(others)s",
                **values,
            )
        return self.env._(
            "%(panel)s: %(chosen)s, who had the fewest interviews of those free in the "
            "last %(days)s days and ahead; not needed: %(others)s",
            **values,
        )

    def _was_a_tie(self, loads, picked, members):
        """Had somebody who was not chosen as few interviews?"""
        others = members - picked
        most = max(loads[user].count for user in picked)
        return any(loads[user].count == most for user in others)
