"""What a company has decided about its interviews."""

from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    interview_unreachable = fields.Selection(
        [
            ("refuse", "Refuse, and ask to try again"),
            ("odoo", "Book on what Odoo knows, and say so"),
        ],
        "Calendar unreachable while booking",
        required=True,
        default="refuse",
        help="What happens when an interviewer's calendar cannot be asked in the "
        "moment a slot is confirmed.",
    )
    interview_show_names = fields.Boolean("Show the interviewers' names", default=True)
    interview_private = fields.Boolean(
        "Meetings of interviews are private",
        default=True,
        help="Only those who take part see what the meeting is about; other colleagues "
        "see that they are busy.",
    )
    interview_deadline = fields.Integer(
        "Applicants may change until",
        default=24,
        help="Hours before an interview until which the applicant may move or cancel.",
    )
