"""Who leaves the company is missed by the interviews that count on them."""

from odoo import fields, models


class ResUsers(models.Model):
    _inherit = "res.users"

    interview_asked_to_connect = fields.Datetime(
        readonly=True, copy=False, groups="base.group_system"
    )

    def write(self, vals):
        result = super().write(vals)
        if "active" in vals and not vals["active"]:
            self.env["hr.interview"]._trigger_scheduler()
        return result


class HrEmployee(models.Model):
    _inherit = "hr.employee"

    def write(self, vals):
        result = super().write(vals)
        if "active" in vals and not vals["active"] and self.user_id:
            self.env["hr.interview"]._trigger_scheduler()
        return result
