"""An interview: whom it needs, the slots it may take, the one it got."""

import logging
import re
import secrets
from datetime import date, datetime, time, timedelta

import pytz

from odoo import Command, api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import consteq
from odoo.tools.misc import hmac

from odoo.addons.base.models.res_partner import _tz_get

from .calendar_sync_run import CONCURRENCY
from .hr_interview_claim import SlotTaken
from .hr_interview_people import naive

_logger = logging.getLogger(__name__)

#: what an offer promises: when one of them changes, its slots are void
PROMISED = {"duration", "step", "panel_ids", "child_ids"}
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

VIDEO_URL = re.compile(r"https?://[!-~]+", re.IGNORECASE)
WEEK, YEAR = 7 * 24 * 60, 366 * 24
#: the most that is understood: minutes, but hours for the last two
MOST = {
    "duration": WEEK,
    "step": WEEK,
    "buffer_before": WEEK,
    "buffer_after": WEEK,
    "gap_min": WEEK,
    "gap_max": WEEK,
    "minimum_notice": YEAR,
    "deadline": YEAR,
}
#: the least, in minutes: a finer grid would show busy times to the minute
LEAST = {"step": 5}
#: days for which a link still says what became of an interview that is over
LINK_DAYS = 30
#: far enough from the ends of the calendar to reckon with
YEARS = range(2000, 2200)


class HrInterview(models.Model):
    _name = "hr.interview"
    _description = "Interview"
    _inherit = [
        "hr.interview.rights",
        "mail.thread",
        "mail.activity.mixin",
        "hr.interview.people",
    ]
    _order = "start desc, id desc"
    _mail_post_access = "read"
    _by_methods = frozenset({"state", "access_token", "event_id"})

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
        group_expand=True,
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
        context={"active_test": False},
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
        "res.users",
        string="Interviewers",
        compute="_compute_interviewer_ids",
        context={"active_test": False},
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
            events = interview._events().with_context(active_test=False)
            partners = events.partner_ids
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

    @api.constrains(*MOST)
    def _check_sizes(self):
        for interview in self:
            for name, most in MOST.items():
                least = LEAST.get(name, 0)
                if not least <= interview[name] <= most:
                    raise ValidationError(
                        self.env._(
                            '"%(field)s" must be between %(least)s and %(most)s.',
                            field=self._fields[name]._description_string(self.env),
                            least=least,
                            most=most,
                        )
                    )

    @api.constrains("video_url")
    def _check_video_url(self):
        for url in filter(None, self.mapped("video_url")):
            if not VIDEO_URL.fullmatch(url.strip()):
                raise ValidationError(
                    self.env._("A video link begins with https:// and has no spaces.")
                )

    @api.constrains("date_from", "date_to", "expires_at")
    def _check_range(self):
        for interview in self:
            if not interview.date_from or not interview.date_to:
                raise ValidationError(
                    self.env._("Choose from when and until when slots are searched.")
                )
            ends = interview.date_from, interview.date_to, interview.expires_at
            if any(end and end.year not in YEARS for end in ends):
                raise ValidationError(
                    self.env._(
                        "Choose dates between the years %(first)s and %(last)s.",
                        first=YEARS[0],
                        last=YEARS[-1],
                    )
                )
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
        return super().create([self._whole_days(vals) for vals in vals_list])

    def write(self, vals):
        broken = self.filtered(lambda interview: interview._breaks_offer(vals))
        result = super().write(self._whole_days(vals))
        for interview in broken:
            interview._root()._void_offer()
        if PARAMETERS & vals.keys():
            drafts = (self | self.parent_id).filtered(lambda i: i.state == "draft")
            drafts.slot_ids.unlink()
        if vals.get("expires_at"):
            self._trigger_scheduler(fields.Datetime.to_datetime(vals["expires_at"]))
        return result

    def _breaks_offer(self, vals):
        """Is this offered, and would no longer be what was offered?"""
        changed = {
            name
            for name in PROMISED & vals.keys()
            if name.endswith("_ids") or vals[name] != self[name]
        }
        return bool(changed) and self._root().state == "offered"

    def _void_offer(self):
        """The offered slots are not what is looked for any more."""
        slots = self._open_slots()
        if not slots:
            return
        slots._release()
        slots.sudo().state = "gone"
        self._tell(
            self.env._(
                "What the interview needs has changed, so the slots offered before are "
                "void. The applicant's page looks for others."
            )
            if self.refill
            else self.env._(
                "What the interview needs has changed, so the slots offered before are "
                "void. Withdraw the offer, find free slots and offer them."
            )
        )

    def _whole_days(self, vals):
        """Read a date without a time as the whole day in the interview's zone."""
        vals = dict(vals)
        tz = vals.get("tz") or self[:1].tz or self._default_tz()
        if tz not in pytz.all_timezones_set:
            raise ValidationError(
                self.env._(
                    '"%(name)s" is no time zone: choose one like Europe/Berlin.',
                    name=tz,
                )
            )
        zone = pytz.timezone(tz)
        for name, days in (("date_from", 0), ("date_to", 1)):
            day = vals.get(name)
            if isinstance(day, str) and len(day) == 10:
                day = self._to_date(day)
            if not isinstance(day, date) or isinstance(day, datetime):
                continue
            if day.year in YEARS:  # of others is said later what is wrong
                midnight = datetime.combine(day + timedelta(days=days), time.min)
                vals[name] = naive(zone.localize(midnight))
        return vals

    def _to_date(self, text):
        try:
            return date.fromisoformat(text)
        except ValueError as err:
            raise ValidationError(
                self.env._('"%(text)s" is no date like 2026-11-30.', text=text)
            ) from err

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
        """Everybody on the panels, those too who do not work here any more."""
        return self._steps().panel_ids._members()

    def _events(self):
        return self.event_id | self.child_ids.event_id

    def _recruiters(self):
        applicant = self.applicant_id.sudo()
        return self.user_id | applicant.user_id | applicant.job_id.user_id

    def _for_recruiter(self):
        """The interview in the language of whoever looks after it, for what an
        applicant or the scheduler leaves them to read."""
        person = self.user_id or self.applicant_id.user_id
        return self.with_context(lang=person.lang or self.env.lang)

    def _open_slots(self):
        return self.slot_ids.filtered(lambda slot: slot.state in ("proposed", "held"))

    def _slots_by_id(self, slot_ids):
        """The slots of this interview with these ids, as somebody outside has sent
        them: one id or several."""
        ids = [slot_ids] if isinstance(slot_ids, int) else slot_ids
        if not isinstance(ids, list | tuple) or {*map(type, ids)} - {int}:
            raise UserError(
                self.env._("A slot is chosen by its id, several by a list of ids.")
            )
        slots = self.slot_ids.filtered(lambda slot: slot.id in ids)
        if len(slots) < len(set(ids)):
            raise SlotTaken(
                self.env._(
                    "What was chosen is not there any more. Find free slots again and "
                    "choose from those."
                )
            )
        return slots

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
        return interview.filtered(lambda interview: not interview._link_over())

    def _link_over(self):
        """A link ends some time after what it was for."""
        over = fields.Datetime.now() - timedelta(days=LINK_DAYS)
        ended = self.stop or self.expires_at or self.date_to
        return self.state in ("done", "cancelled", "expired") and ended < over

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
        self._note_search()
        slots = self._open_slots().filtered(lambda slot: not slot.parent_id)
        if self.state == "offered":
            free = self._free_as_known(search)
            for slot in slots.filtered(lambda s: (s.start, s.stop) not in free):
                slot._release()
                slot.sudo().state = "gone"
            return
        found = {(slot.start, slot.stop): slot for slot in search.slots}
        gone = slots.browse()
        for slot in slots:
            match = found.get((slot.start, slot.stop))
            if match and match.users == slot.user_ids and not slot.part_ids:
                del found[slot.start, slot.stop]
            else:
                gone |= slot
        gone.unlink()
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

    # ------------------------------------------------------------------ the scheduler

    def _trigger_scheduler(self, at=None):
        cron = self.env.ref(
            "calendar_cronofy_sync.ir_cron_interview", raise_if_not_found=False
        )
        if cron:
            cron.sudo()._trigger(at)

    @api.model
    def _cron_interviews(self):
        """Expire offers, close what is over, forget searches, send waiting offers, look
        for conflicts."""
        self._expire_offers()
        self._forget_searches()
        now = fields.Datetime.now()
        over = [("state", "=", "booked"), ("stop", "<=", now)]
        self.search(over).write({"state": "done"})
        waiting = self.search([("auto_offer", "=", True), ("state", "=", "draft")])
        upcoming = Domain("state", "=", "booked") & Domain("start", ">", now)
        upcoming &= Domain("event_id", "!=", False)
        booked = self.search(upcoming, order="start", limit=500)
        roomless = self._waiting_for_room()
        work = [(interview, "_offer_by_itself") for interview in waiting]
        work += [(interview, "_complete") for interview in roomless]
        cron = self.env["ir.cron"]
        cron._commit_progress(remaining=len(work) + 1)
        for interview, method in work:  # each of them waits for the network
            interview._each(method)
            if not cron._commit_progress(1):
                return
            self.env.invalidate_all()  # meanwhile people go on
        booked._each("_watch_meetings")
        self.search([("state", "=", "offered")], limit=500)._each("_watch_panels")
        cron._commit_progress(1)

    def _each(self, method):
        """Let one interview after the other do it: what goes wrong with one stops no
        other, and is tried again the next time."""
        for interview in self:
            try:
                with self.env.cr.savepoint():
                    getattr(interview._for_recruiter(), method)()
            except CONCURRENCY:
                _logger.info("interview %s: somebody is changing it", interview.id)
            except Exception:
                _logger.exception("interview %s: %s", interview.id, method)

    def _expire(self):
        self.slot_ids._release()
        self.slot_ids.unlink()
        self.sudo().state = "expired"
        self._tell(self.env._("The offer of interview slots has expired"))

    @api.model
    def _expire_offers(self):
        now = fields.Datetime.now()
        due = [("state", "=", "offered"), ("expires_at", "<=", now)]
        self.search(due)._each("_expire")

    def _offer_by_itself(self):
        """Offer what is free to an applicant who reached the stage for it."""
        if not self.auto_offer or self.state != "draft":
            return
        self.auto_offer = False
        try:
            self._keep_slots(self._look())
            if self.slot_ids:
                with self.env.cr.savepoint():
                    self._offer()
        except UserError as err:  # nobody was chosen for it, or too many are to be held
            self.reasons = str(err)
        if self.state == "offered":
            self._mail("offer")
            return
        self._ask_recruiter(
            self.env._("No free slot to offer"), self.reasons or "", self.user_id
        )
