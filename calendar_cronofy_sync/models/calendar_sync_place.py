"""Where Cronofy keeps its copy of the calendars, and where a company allows it to."""

from odoo import api, fields, models

#: the data centers in plain words
PLACES = [
    ("de", "Germany: the data lies in the European Union"),
    ("uk", "United Kingdom: outside the European Union"),
    ("us", "United States: outside the European Union"),
    ("ca", "Canada: outside the European Union"),
    ("au", "Australia: outside the European Union"),
    ("sg", "Singapore: outside the European Union"),
]


class CalendarSyncPlace(models.Model):
    _name = "calendar.sync.place"
    _description = "Data Center of Cronofy"
    _rec_name = "code"

    code = fields.Selection(PLACES, required=True, readonly=True)

    _code_uniq = models.Constraint("UNIQUE(code)", "This data center is known already.")

    @api.depends("code")
    @api.depends_context("lang")
    def _compute_display_name(self):
        labels = dict(self._fields["code"]._description_selection(self.env))
        for place in self:
            place.display_name = labels[place.code]


class ResCompany(models.Model):
    _inherit = "res.company"

    cronofy_place_ids = fields.Many2many(
        "calendar.sync.place",
        string="Allowed data centers",
        help="Where Cronofy may keep a copy of the calendars of this company's users. "
        "None chosen: anywhere.",
    )

    def _cronofy_places(self):
        """The names of the allowed data centers; none means that all are."""
        return set(self.cronofy_place_ids.mapped("code"))
