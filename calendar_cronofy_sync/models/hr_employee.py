"""Who leaves the company leaves no open connection behind."""

from odoo import models


class HrEmployee(models.Model):
    _inherit = "hr.employee"

    def write(self, vals):
        # sudo: archiving is for those who manage people, connections are private
        users = self.sudo().user_id
        result = super().write(vals)
        if "active" in vals and not vals["active"]:
            left = users._without_employee()
            left.calendar_sync_account_ids._stop_for_departure()
        return result
