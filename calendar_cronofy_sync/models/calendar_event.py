"""The Odoo side of the synchronisation: what an event tells the links about itself."""

from odoo import fields, models


class CalendarEvent(models.Model):
    _inherit = "calendar.event"

    sync_link_ids = fields.One2many(
        "calendar.sync.link", "event_id", "Synchronised with", copy=False
    )
