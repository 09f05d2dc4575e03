"""A group of interviewers, and how many of them an interview needs."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class HrInterviewPanel(models.Model):
    _name = "hr.interview.panel"
    _description = "Interview Panel"
    _inherit = ["hr.interview.rights"]
    _order = "sequence, id"

    interview_id = fields.Many2one(
        "hr.interview", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(default=10)
    name = fields.Char(compute="_compute_name", store=True, readonly=False)
    user_ids = fields.Many2many(
        "res.users",
        "hr_interview_panel_user_rel",
        string="Interviewers",
        domain="[('share', '=', False)]",
    )
    required = fields.Integer(
        "Needed",
        help="How many of these interviewers take part. 0 means all of them.",
    )

    def _members(self):
        """Who was chosen, also those who have been archived since."""
        members = self.with_context(active_test=False).user_ids
        return members.with_env(self.env)

    @api.depends("user_ids", "required")
    def _compute_name(self):
        """A name in words, for those who gave none."""
        for panel in self.filtered(lambda panel: not panel.name):
            count = len(panel._members())
            panel.name = (
                self.env._(
                    "%(needed)s of these %(count)s", needed=panel.required, count=count
                )
                if 0 < panel.required < count
                else self.env._("All of them")
            )

    @api.constrains("required", "user_ids")
    def _check_required(self):
        for panel in self:
            count = len(panel._members())
            if panel.required < 0 or (count and panel.required > count):
                raise ValidationError(
                    self.env._(
                        "A panel of %(count)s cannot send %(needed)s interviewers.",
                        count=count,
                        needed=panel.required,
                    )
                )
