"""A deleted applicant leaves nothing behind: no meeting, mail, file or journal line."""

from odoo import api, models


class HrApplicant(models.Model):
    _inherit = "hr.applicant"

    @api.ondelete(at_uninstall=False)
    def _unlink_erase_interviews(self):
        """The interviews would go with the applicant by the database alone; what they
        hold in calendars, mails and files would stay."""
        interviews = self.env["hr.interview"].sudo().with_context(active_test=False)
        mine = interviews.search([("applicant_id", "in", self.ids)])
        for interview in mine.filtered(lambda i: not i.parent_id):
            interview._cancel()
        mine._erase_meetings()
        mine._erase_mails()
        mine.unlink()


class HrInterview(models.Model):
    _inherit = "hr.interview"

    def _erase_meetings(self):
        """Their meetings, in every calendar, and what journals tell of them."""
        meetings = self.event_id | self.slot_ids.hold_event_id
        lines = self.env["calendar.sync.run.line"].search(
            [("event_id", "in", meetings.ids)]
        )
        lines.write({"before": False, "after": False, "lost": False, "message": False})
        erase_messages(meetings)
        meetings.with_context(interview_writing=True).unlink()

    def _erase_mails(self):
        """What waits is sent, so that a cancellation is told; then all of it goes."""
        about = [("model", "=", self._name), ("res_id", "in", self.ids)]
        mails = self.env["mail.mail"].search([*about, ("state", "=", "outgoing")])
        mails.send(raise_exception=False)
        composers = self.env["mail.compose.message"].search(
            [("model", "=", self._name)]
        )
        composers.filtered(
            lambda composer: {*composer._evaluate_res_ids()} & {*self.ids}
        ).unlink()
        erase_messages(self)


def erase_messages(records):
    """The messages of these records, with their mails and files."""
    messages = records.env["mail.message"].search(
        [("model", "=", records._name), ("res_id", "in", records.ids)]
    )
    files = messages.attachment_ids | records.env["ir.attachment"].search(
        [("res_model", "=", records._name), ("res_id", "in", records.ids)]
    )
    files.unlink()
    messages.unlink()
