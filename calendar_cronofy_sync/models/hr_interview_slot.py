"""A time at which an interview can take place."""

from odoo import api, fields, models
from odoo.tools import format_datetime


class HrInterviewSlot(models.Model):
    _name = "hr.interview.slot"
    _description = "Interview Slot"
    _inherit = ["hr.interview.rights"]
    _by_methods = frozenset({"state", "hold_event_id"})
    _order = "start, id"

    interview_id = fields.Many2one(
        "hr.interview", required=True, index=True, ondelete="cascade"
    )
    parent_id = fields.Many2one(
        "hr.interview.slot",
        "Part of",
        index="btree_not_null",
        ondelete="cascade",
        help="The slot of the whole sequence, of which this is one interview.",
    )
    part_ids = fields.One2many("hr.interview.slot", "parent_id", "Parts")
    start = fields.Datetime(required=True, index=True)
    stop = fields.Datetime(required=True)
    user_ids = fields.Many2many(
        "res.users", "hr_interview_slot_user_rel", string="Free", readonly=True
    )
    state = fields.Selection(
        [
            ("proposed", "Proposed"),
            ("held", "Held"),
            ("booked", "Booked"),
            ("gone", "Gone"),
        ],
        required=True,
        default="proposed",
        readonly=True,
    )
    hold_event_id = fields.Many2one(
        "calendar.event",
        "Tentative entry",
        index="btree_not_null",
        ondelete="set null",
        copy=False,
        readonly=True,
    )

    @api.depends("start", "interview_id.tz")
    def _compute_display_name(self):
        for slot in self:
            slot.display_name = slot.start and format_datetime(
                self.env, slot.start, tz=slot.interview_id.tz
            )

    def _parts(self):
        """The interviews that this slot consists of: itself, or those of a sequence."""
        return self.part_ids.sorted("start") or self

    def _release(self):
        """Let go of what was held, on the interviewers' calendars too."""
        slots = (self | self.part_ids).sudo()
        claims = self.env["hr.interview.claim"].sudo()
        claims.search([("slot_id", "in", slots.ids), ("held", "=", True)]).unlink()
        events = slots.hold_event_id
        slots.hold_event_id = False
        events.with_context(interview_writing=True).unlink()
        slots.filtered(lambda slot: slot.state == "held").state = "proposed"

    @api.ondelete(at_uninstall=False)
    def _unlink_release(self):
        self._release()
