"""A request for consent that is on its way: kept until the user comes back, once."""

import hashlib
from datetime import timedelta

from odoo import api, fields, models
from odoo.http import STORED_SESSION_BYTES
from odoo.tools import SQL

from ..calsync.errors import KeyUnavailable

#: after this nobody comes back any more
KEPT = timedelta(hours=1)


class CalendarSyncConsent(models.Model):
    """Not in the session itself: a request of the same browser that began before, and
    ends after, would store the session without it."""

    _name = "calendar.sync.consent"
    _description = "Request for Consent"

    # SHA-256 of the part of the session's id that stays when the session is rotated
    session = fields.Char(required=True, groups=fields.NO_ACCESS)
    provider = fields.Char(required=True)
    # encrypted like the tokens: it could be exchanged for some
    value = fields.Text(groups=fields.NO_ACCESS)

    _session_provider_uniq = models.Constraint(
        "UNIQUE(session, provider)", "This session has asked already."
    )

    @api.model
    def _keep(self, session, provider, value):
        """Let a request wait in the session; it replaces an earlier one.

        :raises KeyUnavailable: it cannot be encrypted
        """
        sealed = self.env["calendar.sync.account"]._vault().seal(value)
        self._take(session, provider)
        consents = self.sudo()
        before = fields.Datetime.now() - KEPT
        consents.search([("create_date", "<", before)]).unlink()
        consents.create(
            {"session": _hash(session), "provider": provider, "value": sealed}
        )

    @api.model
    def _take(self, session, provider):
        """What waits in the session, which waits no longer; None when nothing does."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """DELETE FROM calendar_sync_consent
                    WHERE session = %s AND provider = %s RETURNING value""",
                _hash(session),
                provider,
            )
        )
        self.invalidate_model()
        if not rows:
            return None
        try:
            return self.env["calendar.sync.account"]._vault().open(rows[0][0])
        except KeyUnavailable:
            return None


def _hash(session):
    return hashlib.sha256(session.sid[:STORED_SESSION_BYTES].encode()).hexdigest()
