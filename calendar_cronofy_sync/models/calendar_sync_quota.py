"""What a provider's limits mean for everybody: one project, one pause.

The limits count for all accounts of the registered client together. So does a refusal:
whoever meets it, in whatever worker, stops the others too.
"""

from odoo import api, fields, models


class CalendarSyncQuota(models.Model):
    _name = "calendar.sync.quota"
    _description = "Pause Asked for by a Calendar Service"

    provider = fields.Char(required=True)
    paused_until = fields.Datetime(required=True)

    _provider_uniq = models.Constraint("UNIQUE(provider)", "One pause per provider.")

    @api.model
    def _pause(self, provider, error, until):
        """Keep all accounts of a provider from sending before ``until``, if the refusal
        concerned the project."""
        if not error.project:
            return
        self.env.cr.execute(
            """INSERT INTO calendar_sync_quota (provider, paused_until)
               VALUES (%s, %s)
               ON CONFLICT (provider) DO UPDATE SET paused_until =
                  GREATEST(calendar_sync_quota.paused_until, EXCLUDED.paused_until)""",
            [provider, until],
        )
