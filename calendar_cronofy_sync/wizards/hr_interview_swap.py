"""Let somebody else take a booked interview."""

from odoo import api, fields, models


class HrInterviewSwap(models.TransientModel):
    _name = "hr.interview.swap"
    _description = "Swap an Interviewer"

    interview_id = fields.Many2one("hr.interview", required=True, readonly=True)
    interviewer_ids = fields.Many2many(
        "res.users", compute="_compute_interviewer_ids", string="Taking part"
    )
    user_id = fields.Many2one(
        "res.users",
        "Instead of",
        required=True,
        domain="[('id', 'in', interviewer_ids)]",
        compute="_compute_user_id",
        store=True,
        precompute=True,
        readonly=False,
    )
    substitute_id = fields.Many2one(
        "res.users",
        "Takes part",
        required=True,
        domain="[('share', '=', False), ('id', 'not in', interviewer_ids)]",
        compute="_compute_substitute_id",
        store=True,
        precompute=True,
        readonly=False,
        help="Proposed are those of the same panel who are free as far as Odoo knows, "
        "the one with the fewest interviews first. Their calendar is asked when you "
        "confirm.",
    )

    @api.depends("interview_id")
    def _compute_interviewer_ids(self):
        for wizard in self:
            wizard.interviewer_ids = wizard.interview_id.interviewer_ids

    @api.depends("interview_id")
    def _compute_user_id(self):
        """Who has declined, if anybody has."""
        for wizard in self:
            event = wizard.interview_id.event_id.sudo()
            declined = event.attendee_ids.filtered(lambda a: a.state == "declined")
            users = wizard.interview_id.interviewer_ids
            wizard.user_id = (
                users.filtered(lambda u, d=declined: u.partner_id in d.partner_id)
                or users
            )[:1]

    @api.depends("user_id")
    def _compute_substitute_id(self):
        for wizard in self:
            candidates = wizard.interview_id._substitutes(wizard.user_id._origin)
            wizard.substitute_id = candidates[:1]

    def action_confirm(self):
        self.ensure_one()
        self.interview_id.action_swap(self.user_id.id, self.substitute_id.id)
        return {"type": "ir.actions.act_window_close"}
