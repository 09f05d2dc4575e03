"""Interviews as an applicant's form shows and starts them."""

from datetime import timedelta

from odoo import Command, api, fields, models


class HrApplicant(models.Model):
    _inherit = "hr.applicant"

    interview_ids = fields.One2many(
        "hr.interview",
        "applicant_id",
        domain=[("parent_id", "=", False)],
    )
    interview_display_text = fields.Char(compute="_compute_interview_display")
    interview_display_date = fields.Date(compute="_compute_interview_display")

    @api.depends("interview_ids.state", "interview_ids.start")
    def _compute_interview_display(self):
        """What the button says: the next interview, else what is going on."""
        today = fields.Datetime.now()
        for applicant in self:
            booked = applicant.interview_ids.filtered(
                lambda i: i.state == "booked" and i.start and i.start >= today
            ).sorted("start")[:1]
            offered = applicant.interview_ids.filtered(lambda i: i.state == "offered")
            applicant.interview_display_date = booked.start
            if booked:
                applicant.interview_display_text = self.env._("Interview booked")
            elif offered:
                applicant.interview_display_text = self.env._("Slots offered")
            elif applicant.interview_ids:
                applicant.interview_display_text = self.env._("Interviews")
            else:
                applicant.interview_display_text = self.env._("Schedule interview")

    def write(self, vals):
        result = super().write(vals)
        if vals.get("stage_id"):
            for applicant in self:
                applicant._offer_at_stage()
        if vals.get("active") is False:
            offered = self.sudo().interview_ids.filtered(lambda i: i.state == "offered")
            for interview in offered:
                interview._cancel()
        return result

    def _offer_at_stage(self):
        """Prepare the offer the job wants at this stage; the scheduler sends it."""
        job = self.sudo().job_id
        if job.interview_stage_id != self.stage_id or not job.interview_stage_id:
            return
        going_on = self.sudo().interview_ids.filtered(
            lambda i: i.state in ("draft", "offered", "booked")
        )
        interviewers = self.sudo().interviewer_ids or job.interviewer_ids
        if going_on or not interviewers:
            return
        interview = self.env["hr.interview"].sudo()
        interview.create(self._interview_values() | {"auto_offer": True})
        interview._trigger_scheduler()

    def _interview_values(self):
        """A new interview as the job and the applicant suggest it."""
        self.ensure_one()
        job = self.sudo().job_id
        interviewers = self._proposed_interviewers()
        now = fields.Datetime.now()
        panel = {
            "user_ids": [Command.set(interviewers.ids)],
            "required": min(job.interview_required, len(interviewers)),
        }
        return {
            "applicant_id": self.id,
            "user_id": (self.user_id or self.env.user).id,
            "duration": job.interview_duration or 60,
            "date_from": now,
            "date_to": now + timedelta(days=job.interview_days or 14),
            "video": job.interview_video,
            "location": False if job.interview_video else _address(job.address_id),
            "panel_ids": [Command.create(panel)],
        }

    def _proposed_interviewers(self):
        """The applicant's interviewers, else the job's, else the department's head."""
        job = self.sudo().job_id
        return (
            self.sudo().interviewer_ids
            or job.interviewer_ids
            or self.sudo().department_id.manager_id.user_id
            or self.user_id
            or self.env.user
        )

    def action_schedule_interview(self):
        """Open the dialog on the interview in preparation, or on a new one."""
        self.ensure_one()
        draft = self.interview_ids.filtered(lambda i: i.state == "draft")[:1]
        interview = draft or self.env["hr.interview"].create(self._interview_values())
        return interview.action_open_schedule()

    def action_open_interviews(self):
        """The applicant's interviews; straight to the dialog when there is none yet."""
        self.ensure_one()
        if not self.interview_ids:
            return self.action_schedule_interview()
        return {
            "type": "ir.actions.act_window",
            "res_model": "hr.interview",
            "view_mode": "list,form,calendar",
            "domain": [("applicant_id", "=", self.id), ("parent_id", "=", False)],
            "name": self.env._("Interviews"),
            "context": {"default_applicant_id": self.id},
        }


def _address(partner):
    """The address on one line, or False."""
    lines = partner._display_address(without_company=True).splitlines()
    return ", ".join(line.strip() for line in lines if line.strip()) or False
