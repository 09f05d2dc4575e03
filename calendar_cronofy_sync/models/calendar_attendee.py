"""Answers to invitations: whoever declines in Odoo loses the copy of an Odoo
meeting."""

from odoo import models


class CalendarAttendee(models.Model):
    _inherit = "calendar.attendee"

    def write(self, vals):
        result = super().write(vals)
        if "state" in vals and not self.env.context.get("calendar_sync_applying"):
            self.event_id._sync_mark({"attendee_ids"})
        return result
