"""Who is taken when: the table in which PostgreSQL decides between two bookings."""

import psycopg2
from psycopg2 import errors

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL
from odoo.tools.sql import constraint_definition


class SlotTaken(UserError):
    """The slot is no longer free; nothing was written."""


#: the two rows of a claim
CORE, GUARD = 0, 1


class HrInterviewClaim(models.Model):
    """A person's time, taken by a booked or held interview.

    Each claim is two rows: ``core`` is the interview, ``guard`` the interview with its
    buffers. Two interviews collide when the core of one meets the guard of the other:
    buffers keep others away, but two buffers may share the same minutes. Claims of one
    interview never collide, so that the slots of an offer can be held side by side.
    """

    _name = "hr.interview.claim"
    _description = "Interviewer's time taken by an interview"
    _log_access = False

    user_id = fields.Many2one(
        "res.users", required=True, index=True, ondelete="cascade"
    )
    interview_id = fields.Many2one(
        "hr.interview", required=True, index=True, ondelete="cascade"
    )
    slot_id = fields.Many2one("hr.interview.slot", index=True, ondelete="cascade")
    start = fields.Datetime(required=True)
    stop = fields.Datetime(required=True)
    kind = fields.Integer(required=True, help="0 the interview, 1 with its buffers")
    held = fields.Boolean(help="Held for an offer, not booked yet.")

    def init(self):
        """Create what the ORM has no words for: an exclusion constraint."""
        name = "hr_interview_claim_one_at_a_time"
        if constraint_definition(self.env.cr, self._table, name):
            return
        try:
            with self.env.cr.savepoint(flush=False):
                self.env.cr.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
        except psycopg2.Error as err:
            raise UserError(
                self.env._(
                    "Interviews need the PostgreSQL extension btree_gist, and the role "
                    "Odoo connects with may not create it (%(error)s). Let a database "
                    "administrator run CREATE EXTENSION btree_gist; in the database "
                    "%(database)s, and install again.",
                    error=str(err).strip(),
                    database=self.env.cr.dbname,
                )
            ) from err
        self.env.cr.execute(
            SQL(
                """ALTER TABLE %s ADD CONSTRAINT %s EXCLUDE USING gist (
                    user_id WITH =, interview_id WITH <>, kind WITH <>,
                    tsrange(start, stop) WITH &&)""",
                SQL.identifier(self._table),
                SQL.identifier(name),
            )
        )

    def _take(self, interview, user, start, stop, *, slot=None, held=False):
        """Claim the time for the user, or raise :class:`SlotTaken`.

        Waits for a booking that is about to be committed, and then knows its outcome.
        """
        before, after = interview._buffers()
        row = (user.id, interview.id, slot.id if slot else None, held)
        rows = [(*row, CORE, start, stop), (*row, GUARD, start - before, stop + after)]
        # by hand: a lost race is no error in the log
        insert = SQL(
            "INSERT INTO hr_interview_claim"
            " (user_id, interview_id, slot_id, held, kind, start, stop) VALUES %s",
            SQL(", ").join(SQL("%s", values) for values in rows),
        )
        try:
            with self.env.cr.savepoint():
                self.env.cr.execute(insert, log_exceptions=False)
        except errors.ExclusionViolation as err:
            raise SlotTaken(
                self.env._("%(name)s is no longer free at that time.", name=user.name)
            ) from err
        self.invalidate_model()
