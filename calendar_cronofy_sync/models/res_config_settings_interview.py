"""The company's interview settings on the settings page of Recruitment."""

from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    interview_unreachable = fields.Selection(
        related="company_id.interview_unreachable", readonly=False
    )
    interview_show_names = fields.Boolean(
        related="company_id.interview_show_names", readonly=False
    )
    interview_private = fields.Boolean(
        related="company_id.interview_private", readonly=False
    )
    interview_deadline = fields.Integer(
        related="company_id.interview_deadline", readonly=False
    )
