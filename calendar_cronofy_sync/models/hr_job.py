"""What a job says of its interviews."""

from odoo import fields, models


class HrJob(models.Model):
    _inherit = "hr.job"

    interview_stage_id = fields.Many2one(
        "hr.recruitment.stage",
        "Offer interviews at stage",
        domain="['|', ('job_ids', '=', False), ('job_ids', 'in', id)]",
        groups="hr_recruitment.group_hr_recruitment_interviewer",
        help="An applicant who reaches this stage is offered every free slot by mail, "
        "by itself.",
    )
    interview_duration = fields.Integer(
        "Duration of interviews",
        default=60,
        groups="hr_recruitment.group_hr_recruitment_interviewer",
        help="In minutes.",
    )
    interview_days = fields.Integer(
        "Days to choose from",
        default=14,
        groups="hr_recruitment.group_hr_recruitment_interviewer",
    )
    interview_required = fields.Integer(
        "Interviewers needed",
        groups="hr_recruitment.group_hr_recruitment_interviewer",
        help="How many of the job's interviewers take part. 0 means all of them.",
    )
    interview_video = fields.Boolean(
        "Interviews by video call",
        groups="hr_recruitment.group_hr_recruitment_interviewer",
    )
