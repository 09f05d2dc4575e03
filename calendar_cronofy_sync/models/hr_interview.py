"""An interview: whom it needs, the slots it may take, the one it got."""

import secrets
from datetime import date, datetime, time, timedelta

import pytz
from markupsafe import Markup, escape

from odoo import Command, api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, consteq
from odoo.tools.misc import hmac

from odoo.addons.base.models.res_partner import _tz_get

from .hr_interview_claim import SlotTaken
from .hr_interview_people import naive

#: what a search depends on: when one of them changes, the slots found before are void
PARAMETERS = {
    "duration",
    "step",
    "buffer_before",
    "buffer_after",
    "minimum_notice",
    "date_from",
    "date_to",
    "tz",
    "panel_ids",
    "child_ids",
    "unknown_policy",
    "left_out_user_ids",
    "gap_min",
    "gap_max",
}
#: more tentative entries than this would wall up the interviewers' weeks
MAX_HELD = 30


class CalendarUnreachable(UserError):
    """A calendar that is needed could not be asked; nothing was written."""


class HrInterview(models.Model):
    _name = "hr.interview"
    _description = "Interview"
    _inherit = ["mail.thread", "mail.activity.mixin", "hr.interview.people"]
    _order = "start desc, id desc"
    _mail_post_access = "read"

    applicant_id = fields.Many2one(
        "hr.applicant", required=True, index=True, ondelete="cascade"
    )
    name = fields.Char(compute="_compute_name", store=True, readonly=False)
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("offered", "Offered"),
            ("booked", "Booked"),
            ("done", "Done"),
            ("cancelled", "Cancelled"),
            ("expired", "Expired"),
        ],
        required=True,
        default="draft",
        index=True,
        readonly=True,
        copy=False,
        tracking=True,
    )
    user_id = fields.Many2one(
        "res.users",
        "Recruiter",
        default=lambda self: self.env.user,
        domain="[('share', '=', False)]",
        index="btree_not_null",
        help="Organises the meeting and is told what happens to it.",
    )
    job_id = fields.Many2one(related="applicant_id.job_id", store=True)
    company_id = fields.Many2one(related="applicant_id.company_id", store=True)

    # what is looked for
    duration = fields.Integer(default=60, required=True, help="In minutes.")
    step = fields.Integer(
        "Grid", default=30, required=True, help="Minutes between two possible starts."
    )
    buffer_before = fields.Integer(help="Minutes kept free of other meetings before.")
    buffer_after = fields.Integer(help="Minutes kept free of other meetings after.")
    minimum_notice = fields.Integer(
        default=2, help="Hours between now and the earliest slot."
    )
    date_from = fields.Datetime(
        "From",
        required=True,
        default=lambda self: fields.Datetime.now(),
        help="A date alone means the whole day in the interview's time zone.",
    )
    date_to = fields.Datetime(
        "Until",
        required=True,
        default=lambda self: fields.Datetime.now() + timedelta(days=14),
        help="A date alone means the whole day in the interview's time zone.",
    )
    tz = fields.Selection(
        _tz_get, "Time zone", required=True, default=lambda self: self._default_tz()
    )
    panel_ids = fields.One2many("hr.interview.panel", "interview_id", "Panels")
    unknown_policy = fields.Selection(
        [
            ("unknown", "Never count as free"),
            ("odoo", "Count as free when Odoo knows of no meeting"),
            ("leave_out", "Leave out of the interview"),
        ],
        "Who cannot be asked",
        required=True,
        default="unknown",
        help="What becomes of interviewers whose calendar is not connected or does not "
        "answer.",
    )
    left_out_user_ids = fields.Many2many(
        "res.users",
        "hr_interview_left_out_rel",
        string="Left out",
        help="Interviewers who are not needed this time.",
    )

    # several interviews in a row
    parent_id = fields.Many2one(
        "hr.interview", "Sequence", index="btree_not_null", ondelete="cascade"
    )
    child_ids = fields.One2many("hr.interview", "parent_id", "Interviews in a row")
    sequence = fields.Integer("Order", default=10)
    gap_min = fields.Integer(
        "Shortest break", help="Minutes between the interview before and this one."
    )
    gap_max = fields.Integer(
        "Longest break", default=60, help="Minutes. Only within a sequence."
    )

    # what was found
    slot_ids = fields.One2many("hr.interview.slot", "interview_id", "Slots", copy=False)
    slot_count = fields.Integer(compute="_compute_slot_count")
    unknown_user_ids = fields.Many2many(
        "res.users",
        "hr_interview_unknown_rel",
        string="Could not be asked",
        readonly=True,
        copy=False,
    )
    reasons = fields.Text("Why few or no slots", readonly=True, copy=False)

    # the offer
    access_token = fields.Char(
        copy=False, readonly=True, groups="hr_recruitment.group_hr_recruitment_user"
    )
    share_url = fields.Char("Applicant's link", compute="_compute_share_url")
    expires_at = fields.Datetime(
        "Offer ends",
        copy=False,
        help="Until then the applicant can choose. Empty: until the range ends.",
    )
    hold = fields.Boolean(
        "Hold the slots",
        copy=False,
        help="Keep the offered slots free with tentative entries in the interviewers' "
        "calendars until one is taken.",
    )
    refill = fields.Boolean(
        "Offer fresh slots when these are gone", default=True, copy=False
    )
    show_names = fields.Boolean(
        "Show the interviewers' names",
        default=lambda self: self.env.company.interview_show_names,
        help="On the applicant's page and in the invitation.",
    )
    deadline = fields.Integer(
        "Changes until",
        default=lambda self: self.env.company.interview_deadline,
        help="Until so many hours before it begins the applicant may move or cancel.",
    )
    applicant_note = fields.Text(
        "Message from the applicant", readonly=True, copy=False
    )
    auto_offer = fields.Boolean(
        help="Waits to be offered by the scheduler.", readonly=True, copy=False
    )

    # the booking
    event_id = fields.Many2one(
        "calendar.event",
        "Meeting",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
    start = fields.Datetime(compute="_compute_start_stop", store=True)
    stop = fields.Datetime(compute="_compute_start_stop", store=True)
    interviewer_ids = fields.Many2many(
        "res.users", string="Interviewers", compute="_compute_interviewer_ids"
    )
    choice_reason = fields.Text("Why these interviewers", readonly=True, copy=False)
    location = fields.Char("Place")
    video = fields.Boolean("Video call")
    video_url = fields.Char(
        "Video link", help="Empty: Odoo's own meeting room is used."
    )
    revision = fields.Integer(readonly=True, copy=False)
    lang = fields.Char(compute="_compute_lang")

    _duration_positive = models.Constraint(
        "CHECK(duration > 0 AND step > 0)",
        "The duration and the grid must be longer than nothing.",
    )
    _no_negative = models.Constraint(
        "CHECK(buffer_before >= 0 AND buffer_after >= 0 AND minimum_notice >= 0"
        " AND gap_min >= 0 AND gap_max >= 0)",
        "Buffers, breaks and the notice cannot be negative.",
    )

    @api.model
    def _default_tz(self):
        calendar = self.env.company.resource_calendar_id
        return self.env.user.tz or calendar.tz or "UTC"

    # ------------------------------------------------------------------ computes

    @api.depends("applicant_id")
    def _compute_name(self):
        for interview in self:
            interview.name = self.env._(
                "Interview with %(name)s",
                name=interview.applicant_id.partner_name
                or interview.applicant_id.email_from
                or self.env._("an applicant"),
            )

    @api.depends("slot_ids.state")
    def _compute_slot_count(self):
        for interview in self:
            interview.slot_count = len(interview._open_slots())

    @api.depends("access_token", "state")
    @api.depends_context("uid")
    def _compute_share_url(self):
        """The link for those who may pass it on: the recruiter and officers."""
        officer = self.env.user.has_group("hr_recruitment.group_hr_recruitment_user")
        for interview in self:
            token = interview.sudo().access_token
            mine = self.env.su or officer or self.env.user in interview._recruiters()
            interview.share_url = (
                f"{interview.get_base_url()}/interview/{token}"
                if token and mine
                else False
            )

    @api.depends(
        "event_id.start",
        "event_id.stop",
        "child_ids.event_id.start",
        "child_ids.event_id.stop",
    )
    def _compute_start_stop(self):
        for interview in self:
            events = interview._events()
            interview.start = min(events.mapped("start"), default=False)
            interview.stop = max(events.mapped("stop"), default=False)

    @api.depends("event_id.partner_ids", "panel_ids.user_ids", "child_ids")
    def _compute_interviewer_ids(self):
        """Who takes part; before a booking, who may."""
        for interview in self:
            needed = interview._users()
            partners = interview._events().partner_ids
            interview.interviewer_ids = (
                needed.filtered(lambda user, there=partners: user.partner_id in there)
                if partners
                else needed
            )

    @api.depends("applicant_id.partner_id.lang")
    def _compute_lang(self):
        for interview in self:
            interview.lang = (
                interview.applicant_id.sudo().partner_id.lang
                or interview.company_id.sudo().partner_id.lang
                or self.env.lang
            )

    @api.constrains("date_from", "date_to")
    def _check_range(self):
        for interview in self:
            if interview.date_from >= interview.date_to:
                raise ValidationError(self.env._("The range ends before it begins."))
            if interview.date_to - interview.date_from > timedelta(days=366):
                raise ValidationError(
                    self.env._("Slots are searched in a range of at most one year.")
                )

    @api.constrains("parent_id", "child_ids")
    def _check_one_level(self):
        for interview in self:
            if interview.parent_id and interview.child_ids:
                raise ValidationError(
                    self.env._("An interview of a sequence cannot be a sequence.")
                )

    @api.constrains("parent_id", "applicant_id")
    def _check_same_applicant(self):
        """Who takes part in one interview of a sequence sees all of it."""
        for interview in self.sudo():
            parent = interview.parent_id
            if parent and parent.applicant_id != interview.applicant_id:
                raise ValidationError(
                    self.env._("The interviews of a sequence are of one applicant.")
                )

    # ------------------------------------------------------------------ create, write

    @api.model_create_multi
    def create(self, vals_list):
        interviews = super().create([self._whole_days(vals) for vals in vals_list])
        interviews._check_meeting(any(interview.event_id for interview in interviews))
        return interviews

    def write(self, vals):
        self._check_meeting(vals.get("event_id"))
        result = super().write(self._whole_days(vals))
        if PARAMETERS & vals.keys():
            drafts = (self | self.parent_id).filtered(lambda i: i.state == "draft")
            drafts.slot_ids.unlink()
        return result

    def _check_meeting(self, chosen):
        """What becomes of an interview is done to its meeting with every right: nobody
        puts somebody else's meeting there."""
        if chosen and not self.env.su:
            raise AccessError(
                self.env._("The meeting of an interview cannot be chosen by hand.")
            )

    def _whole_days(self, vals):
        """Read a date without a time as the whole day in the interview's zone."""
        vals = dict(vals)
        zone = pytz.timezone(
            vals.get("tz") or (self[:1].tz if self else self._default_tz())
        )
        for name, days in (("date_from", 0), ("date_to", 1)):
            day = vals.get(name)
            if isinstance(day, str) and len(day) == 10:
                day = date.fromisoformat(day)
            if isinstance(day, date) and not isinstance(day, datetime):
                midnight = datetime.combine(day + timedelta(days=days), time.min)
                vals[name] = naive(zone.localize(midnight))
        return vals

    @api.ondelete(at_uninstall=False)
    def _unlink_not_booked(self):
        if any(interview.state == "booked" for interview in self):
            raise UserError(self.env._("Cancel a booked interview before deleting it."))
        self.slot_ids._release()

    # ------------------------------------------------------------------ small answers

    def _root(self):
        """The interview the applicant knows: the sequence, or the interview itself."""
        return self.parent_id or self

    def _steps(self):
        """The interviews in their order: those of a sequence, or the one itself."""
        return self.child_ids.sorted("sequence") or self

    def _users(self):
        return self._steps().panel_ids.user_ids

    def _events(self):
        return self.event_id | self.child_ids.event_id

    def _recruiters(self):
        applicant = self.applicant_id.sudo()
        return self.user_id | applicant.user_id | applicant.job_id.user_id

    def _open_slots(self):
        return self.slot_ids.filtered(lambda slot: slot.state in ("proposed", "held"))

    def _buffers(self):
        return (
            timedelta(minutes=self.buffer_before),
            timedelta(minutes=self.buffer_after),
        )

    def _expired(self):
        """True when the applicant can no longer choose."""
        self.ensure_one()
        end = self.expires_at or self.date_to
        return self.state == "expired" or (
            self.state == "offered" and end <= fields.Datetime.now()
        )

    def _changeable(self):
        """True when the applicant may still move or cancel."""
        self.ensure_one()
        limit = fields.Datetime.now() + timedelta(hours=self.deadline)
        return self.state == "booked" and bool(self.start) and self.start > limit

    # ------------------------------------------------------------------ the link

    def _ensure_token(self):
        for interview in self.sudo():
            if not interview.access_token:
                interview.access_token = interview._new_token()

    def _new_token(self):
        """A secret that can be told from a wrong one without the database."""
        body = f"{self.id}-{secrets.token_hex(8)}"
        return f"{body}-{self._signature(body)}"

    def _signature(self, body):
        return hmac(self.env(su=True), "calendar_cronofy_sync.interview", body)[:40]

    @api.model
    def _from_token(self, token):
        """The interview of a token, in superuser mode; an empty recordset for none."""
        body, _dash, signature = token.rpartition("-")
        if not consteq(signature.encode(), self._signature(body).encode()):
            return self.sudo().browse()
        interview = self.sudo().browse(int(body.partition("-")[0])).exists()
        if not interview or not consteq(interview.access_token or "", token):
            return self.sudo().browse()
        return interview

    # ------------------------------------------------------------------ find

    def action_find_slots(self):
        """Ask everybody's calendars now and keep the free slots as proposals."""
        for interview in self:
            interview.check_access("write")
            interview._keep_slots(interview._look())
        return True

    def _keep_slots(self, search):
        """Make ``slot_ids`` what the search found.

        What was offered stays offered while it is free, and is gone when it is not;
        a draft, and a booked interview that is to be moved, get all slots there are.
        """
        self.ensure_one()
        self.unknown_user_ids = search.unknown
        self.reasons = "\n".join(search.reasons) or False
        slots = self._open_slots().filtered(lambda slot: not slot.parent_id)
        if self.state == "offered":
            free = self._free_as_known(search)
            for slot in slots.filtered(lambda s: (s.start, s.stop) not in free):
                slot._release()
                slot.state = "gone"
            return
        found = {(slot.start, slot.stop): slot for slot in search.slots}
        for slot in slots:
            match = found.get((slot.start, slot.stop))
            if match and match.users == slot.user_ids and not slot.part_ids:
                del found[slot.start, slot.stop]
            else:
                slot.unlink()
        self._add_slots(found.values())

    def _free_as_known(self, search):
        """The times that are free, were those who do not answer as Odoo knows them: an
        offer does not break because a calendar cannot be reached right now."""
        raw = self._run(search.people, self._window(), lenient=True)
        return {(slot.start, slot.stop) for slot in self._found(raw)}

    def _add_slots(self, found):
        booked = {(slot.start, slot.stop) for slot in self._events()}
        values = [
            {
                "interview_id": self.id,
                "start": slot.start,
                "stop": slot.stop,
                "user_ids": [Command.set(slot.users.ids)],
                "part_ids": [
                    Command.create(
                        {
                            "interview_id": part.interview.id,
                            "start": part.start,
                            "stop": part.stop,
                            "user_ids": [Command.set(part.users.ids)],
                        }
                    )
                    for part in slot.parts
                ],
            }
            for slot in found
            if (slot.start, slot.stop) not in booked
        ]
        return self.env["hr.interview.slot"].create(values)

    # ------------------------------------------------------------------ offer

    def action_offer(self, slot_ids=None, hold=False):
        """Offer slots to the applicant and open the invitation, ready to be sent.

        :param slot_ids: ids of the slots to offer; all proposed ones when None
        :param hold: keep them free with tentative entries
        :return: the action of the mail composer
        """
        self.ensure_one()
        self.check_access("write")
        self._offer(slot_ids, hold)
        return self._compose("offer")

    def _offer(self, slot_ids=None, hold=False):
        if self.parent_id or self.state not in ("draft", "offered", "expired"):
            raise UserError(self.env._("Only a draft can be offered."))
        if self.state == "expired":
            self.expires_at = False
        chosen = self._open_slots().filtered(lambda slot: not slot.parent_id)
        if slot_ids is not None:
            chosen = chosen.filtered(lambda slot: slot.id in slot_ids)
        soonest = fields.Datetime.now() + timedelta(hours=self.minimum_notice)
        chosen = chosen.filtered(lambda slot: slot.start >= soonest)
        if not chosen:
            raise UserError(
                self.env._("There is no slot to offer. Find free slots first.")
            )
        (self._open_slots() - chosen).unlink()
        self._ensure_token()
        self.write(
            {
                "state": "offered",
                "hold": hold,
                "auto_offer": False,
                "expires_at": self.expires_at or self.date_to,
            }
        )
        if hold:
            self._hold(chosen)
        self._trigger_scheduler(self.expires_at)
        self._tell(
            self.env._("%(count)s interview slots offered", count=self.slot_count)
        )

    def _hold(self, slots):
        """Claim the slots for the offer and enter them tentatively."""
        if len(slots) > MAX_HELD:
            raise UserError(
                self.env._(
                    "At most %(count)s slots can be held: choose fewer, or offer them "
                    "without holding them.",
                    count=MAX_HELD,
                )
            )
        for slot in slots:
            try:
                with self.env.cr.savepoint():
                    for part in slot._parts():
                        part.interview_id._hold_part(part)
                slot.state = "held"
            except SlotTaken:
                slot.state = "gone"
        if not self._open_slots():
            raise SlotTaken(
                self.env._("These slots have just been taken. Search again.")
            )

    def _hold_part(self, slot):
        choice = self._choose(slot, lambda user: user in slot.user_ids, held=True)
        slot.sudo().hold_event_id = self._event_model().create(
            {
                "name": self.env._("Held for an interview"),
                "start": slot.start,
                "stop": slot.stop,
                "user_id": self.user_id.id,
                "privacy": "public",
                "attendee_ids": [
                    Command.create({"partner_id": partner.id, "state": "tentative"})
                    for partner in choice.users.partner_id
                ],
                "partner_ids": [Command.set(choice.users.partner_id.ids)],
            }
        )

    def action_withdraw(self):
        """Take the offer back; its link says so."""
        for interview in self:
            interview.check_access("write")
            interview._lock()
            if interview.state in ("offered", "expired"):
                interview.slot_ids._release()
                interview.slot_ids.unlink()
                interview.state = "draft"
                interview._tell(
                    self.env._("The offer of interview slots was withdrawn")
                )
        return True

    # ------------------------------------------------------------------ book

    def action_book(self, slot_id):
        """Book one of the slots, or move the booked interview to it.

        Everybody is asked once more; raises an error that says why, when the slot is
        not free any longer.
        """
        self.ensure_one()
        self.check_access("write")
        self._book(self.env["hr.interview.slot"].browse(slot_id))
        return True

    def _book(self, slot, *, author=None):
        """Book ``slot`` or raise :class:`SlotTaken` or :class:`CalendarUnreachable`.

        :param author: the partner who chose it, for the chatter; None for the user
        """
        self._lock()
        if self.parent_id or self.state in ("cancelled", "done"):
            raise UserError(self.env._("This interview can no longer be booked."))
        moved = self.state == "booked"
        if (
            slot not in self._open_slots()
            or slot.parent_id
            or slot.start <= fields.Datetime.now()
        ):
            raise SlotTaken(self.env._("This slot is no longer free."))
        with self.env.cr.savepoint():
            notes = self._claim(slot)
        others = self._open_slots() - slot
        (others | slot)._release()
        others.unlink()
        self.slot_ids.filtered(lambda other: other.state == "booked").state = "gone"
        (slot | slot.part_ids).state = "booked"
        for part in slot._parts():
            part.interview_id._enter(part)
        (self | self.child_ids).write({"state": "booked"})
        self._ensure_token()
        self.revision += 1
        self._mail_complete("moved" if moved else "booked")
        self._tell(
            self.env._("Interview moved to %(time)s", time=self._when())
            if moved
            else self.env._("Interview booked: %(time)s", time=self._when()),
            *notes,
            author=author,
        )
        self._trigger_scheduler()

    def _claim(self, slot):
        """Ask everybody live, choose who takes part, and claim their time."""
        people = self._people(
            self._users(),
            *self._around(slot.start, slot.stop),
            self | self.child_ids,
        )
        trusting = self.company_id.interview_unreachable == "odoo"
        silent = {user for user in people if not people[user].known}
        notes = []
        old = self._claims()
        for part in slot._parts():
            interview = part.interview_id
            if interview.unknown_policy == "unknown":
                asked = silent - set(interview.left_out_user_ids)
            else:
                asked = set()

            def free(user, interview=interview, part=part, asked=asked):
                if user in asked and not trusting:
                    return False
                return interview._is_free(people[user], part.start, part.stop)

            try:
                choice = interview._choose(part, free, people=people)
            except SlotTaken as err:
                missing = asked & set(interview._users())
                if missing and not trusting:
                    raise CalendarUnreachable(self._not_asked(missing, people)) from err
                raise
            interview.choice_reason = choice.why
            doubtful = asked & set(choice.users)
            if doubtful:
                notes.append(
                    self._not_asked(doubtful, people)
                    + " "
                    + self.env._("Booked on what Odoo knows.")
                )
            if choice.why:
                notes.append(choice.why)
            part.user_ids = choice.users
        old.unlink()
        return notes

    def _not_asked(self, users, people):
        return "\n".join(
            self.env._(
                "The calendar of %(name)s could not be asked: %(problem)s.",
                name=user.name,
                problem=people[user].problem.rstrip("."),
            )
            for user in sorted(users, key=lambda user: user.name)
        )

    def _claims(self):
        domain = [("interview_id", "in", (self | self.child_ids).ids)]
        return self.env["hr.interview.claim"].sudo().search(domain)

    def _lock(self):
        """One change of an interview at a time; the later one starts again."""
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                "SELECT id FROM hr_interview WHERE id IN %s FOR UPDATE", tuple(self.ids)
            )
        )

    # ------------------------------------------------------------------ the meeting

    def _event_model(self):
        """Meetings as the organiser, without Odoo's mails and without our own hooks."""
        return (
            self.env["calendar.event"]
            .with_user(self.user_id or self.env.user)
            .sudo()
            .with_context(
                interview_writing=True,
                no_mail_to_attendees=True,
                skip_contact_description=True,
                mail_create_nosubscribe=True,
            )
        )

    def _enter(self, slot):
        """Put the booked slot into the calendar of everybody who takes part."""
        partners = slot.user_ids.partner_id
        times = {"start": slot.start, "stop": slot.stop}
        event = self.event_id.sudo().exists()
        if event:
            event = self._event_model().browse(event.id)
            event.write(
                times | {"partner_ids": [Command.set(partners.ids)], "active": True}
            )
            self._notify_unconnected(event, "calendar_template_meeting_changedate")
            return
        event = self._event_model().create(
            times
            | {
                "name": self.name,
                "user_id": self.user_id.id,
                "applicant_id": self.applicant_id.id,
                "partner_ids": [Command.set(partners.ids)],
                "location": self.location,
                "description": self._event_description(),
            }
        )
        self._set_video(event)
        self.sudo().event_id = event.id
        self._notify_unconnected(event, "calendar_template_meeting_invitation")

    def _event_description(self, video=""):
        applicant = self.applicant_id
        lines = [applicant.partner_name, self.job_id.name, video]
        lines.append(f"{self.get_base_url()}/odoo/hr.applicant/{applicant.id}")
        return Markup("<br/>").join(escape(line) for line in lines if line)

    def _notify_unconnected(self, event, template):
        """Odoo's own mail for interviewers whose calendar the sync does not reach."""
        self._unreached(event).with_context(
            no_mail_to_attendees=False
        )._notify_attendees(
            self.env.ref(f"calendar.{template}", raise_if_not_found=False),
            force_send=True,
        )

    def _notify_cancelled(self, event):
        template = self.env.ref(
            "calendar.calendar_template_delete_event", raise_if_not_found=False
        )
        partners = self._unreached(event).partner_id
        if template and partners:
            values = {"recipient_ids": [Command.set(partners.ids)], "email_to": False}
            template.sudo().send_mail(event.id, email_values=values)

    def _unreached(self, event):
        accounts = self.env["calendar.sync.account"].sudo()
        domain = [("mode", "=", "two_way"), ("state", "=", "active")]
        reached = accounts.search(domain).user_id.partner_id
        return event.attendee_ids.filtered(
            lambda attendee: attendee.partner_id not in reached
        )

    # ------------------------------------------------------------------ cancel

    def action_cancel(self):
        """Cancel the interview, or take its offer back for good."""
        for interview in self:
            interview.check_access("write")
            interview._root()._cancel()
        return True

    def _cancel(self, *, author=None):
        self._lock()
        if self.state in ("cancelled", "done"):
            return
        booked = self.state == "booked"
        events = self._events().sudo().exists().filtered("active")
        self.slot_ids._release()
        self.slot_ids.state = "gone"
        self._claims().unlink()
        (self | self.child_ids).write(
            {"state": "cancelled", "auto_offer": False, "mail_waiting": False}
        )
        self.revision += 1
        for event in self._event_model().browse(events.ids):
            self._notify_cancelled(event)
            event.active = False
        if booked:
            self._mail("cancelled")
        self._tell(self.env._("Interview cancelled"), author=author)

    def action_draft(self):
        """Start again with a cancelled or expired interview, under a new link."""
        for interview in self:
            interview.check_access("write")
            if interview.state not in ("cancelled", "expired"):
                continue
            interview.slot_ids.unlink()
            interview.sudo().access_token = False
            (interview | interview.child_ids).write(
                {"state": "draft", "event_id": False, "expires_at": False}
            )
        return True

    # ------------------------------------------------------------------ the scheduler

    def _trigger_scheduler(self, at=None):
        cron = self.env.ref(
            "calendar_cronofy_sync.ir_cron_interview", raise_if_not_found=False
        )
        if cron:
            cron.sudo()._trigger(at)

    @api.model
    def _cron_interviews(self):
        """Expire offers, close what is over, send waiting ones, look for conflicts."""
        now = fields.Datetime.now()
        due = [("state", "=", "offered"), ("expires_at", "<=", now)]
        for interview in self.search(due):
            interview.slot_ids._release()
            interview.state = "expired"
            interview._tell(self.env._("The offer of interview slots has expired"))
        over = [("state", "=", "booked"), ("stop", "<=", now)]
        self.search(over).write({"state": "done"})
        waiting = self.search([("auto_offer", "=", True), ("state", "=", "draft")])
        upcoming = Domain("state", "=", "booked") & Domain("start", ">", now)
        booked = self.search(upcoming & Domain("event_id", "!=", False), limit=500)
        cron = self.env["ir.cron"]
        cron._commit_progress(remaining=len(waiting) + 1)
        for interview in waiting:
            interview._offer_by_itself()
            if not cron._commit_progress(1):
                return
        self._complete_waiting()
        booked._watch()
        cron._commit_progress(1)

    def _offer_by_itself(self):
        """Offer what is free to an applicant who reached the stage for it."""
        self.auto_offer = False
        self._keep_slots(self._look())
        if not self.slot_ids:
            self._ask_recruiter(
                self.env._("No free slot to offer"), self.reasons or "", self.user_id
            )
            return
        self._offer()
        self._mail("offer")
