"""What of a search is kept, and for how long: offered and booked slots stay, proposals
and reasons go after an hour.

The slots that are free tell by their complement when somebody is busy, and so do those
that an offer has lost.
"""

from datetime import timedelta

from odoo import api, fields, models

KEPT = timedelta(hours=1)


class HrInterview(models.Model):
    _inherit = "hr.interview"

    searched = fields.Datetime("Last search", readonly=True, copy=False)

    def _note_search(self):
        """From now on the hour runs."""
        self.sudo().searched = fields.Datetime.now()
        self._trigger_scheduler(fields.Datetime.now() + KEPT)

    def action_forget_search(self):
        """Drop what a search has found and nobody has used."""
        self.check_access("write")
        self._forget_search()
        return True

    def _forget_search(self):
        for interview in self:
            slots = interview.slot_ids.filtered(lambda slot: not slot.parent_id)
            used = {"booked", "held"}
            if interview.state == "offered" and not interview._expired():
                used |= {"proposed"}
            slots.filtered(lambda slot, used=used: slot.state not in used).unlink()
        self.sudo().write(
            {"reasons": False, "unknown_user_ids": [(5,)], "searched": False}
        )

    @api.model
    def _forget_searches(self):
        """What is older than an hour, of all interviews."""
        old = [("searched", "<=", fields.Datetime.now() - KEPT)]
        self.search(old, limit=1000)._each("_forget_search")
