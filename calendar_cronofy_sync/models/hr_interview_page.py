"""What the applicant's page asks and does; its controller calls in superuser mode."""

from datetime import timedelta

from markupsafe import escape

from odoo import fields, models
from odoo.tools import SQL

from .hr_interview_claim import SlotTaken

#: how often one link may do what writes or mails, and in which time
DEEDS = {
    "book": (6, timedelta(hours=1)),
    "move": (6, timedelta(hours=1)),
    "none": (6, timedelta(days=1)),
}


class HrInterview(models.Model):
    _inherit = "hr.interview"

    deeds = fields.Json(copy=False, groups="base.group_system")

    def _alone(self, what):
        """May this transaction do it, or does another one at this moment, in whatever
        worker? Nobody waits."""
        self.ensure_one()
        name = f"calendar_cronofy_sync.interview.{what}"
        self.env.cr.execute(
            SQL("SELECT pg_try_advisory_xact_lock(hashtext(%s), %s)", name, self.id)
        )
        return self.env.cr.fetchone()[0]

    def _may(self, deed):
        """Has the link done this less often than is allowed in a time?"""
        return len(self._done_lately(deed)) < DEEDS[deed][0]

    def _did(self, deed):
        """Count it, in the transaction that does it: whatever the number of workers."""
        now = fields.Datetime.to_string(fields.Datetime.now())
        self.deeds = {**(self.deeds or {}), deed: [*self._done_lately(deed), now]}

    def _done_lately(self, deed):
        since = fields.Datetime.now() - DEEDS[deed][1]
        done = (self.deeds or {}).get(deed, ())
        return [when for when in done if when > fields.Datetime.to_string(since)]

    def _slots_for_page(self, moving=False):
        """The slots an applicant may choose from now, everybody asked live.

        A calendar that does not answer right now hides no slot: it is asked again when
        the slot is confirmed.
        """
        if not self._users():  # nobody was chosen
            return self.slot_ids.browse()
        if moving:
            self._keep_slots(self._look())
            return self._choosable()
        people, window = self._ask()
        lenient = {
            (slot.start, slot.stop)
            for slot in self._found(self._run(people, window, lenient=True))
        }
        slots = self._choosable().filtered(
            lambda slot: (slot.start, slot.stop) in lenient
        )
        if not slots and self.refill:
            fresh = list(self._found(self._run(people, window)))
            known = {(slot.start, slot.stop) for slot in self._open_slots()}
            self._add_slots(s for s in fresh if (s.start, s.stop) not in known)
            times = {(slot.start, slot.stop) for slot in fresh}
            slots = self._choosable().filtered(
                lambda slot: (slot.start, slot.stop) in times
            )
        return slots

    def _choosable(self):
        """The slots that are offered and not too soon, nobody asked."""
        soonest = fields.Datetime.now() + timedelta(hours=self.minimum_notice)
        return (
            self._open_slots()
            .filtered(lambda slot: not slot.parent_id and slot.start >= soonest)
            .sorted("start")
        )

    def _applicant_books(self, slot):
        """Book or move as the applicant, who has to keep the minimum notice."""
        soonest = fields.Datetime.now() + timedelta(hours=self.minimum_notice)
        if slot.start < soonest:
            raise SlotTaken(self.env._("This slot is no longer free."))
        author = self.applicant_id.partner_id
        self._for_recruiter()._book(slot, author=author)

    def _slot_lost(self, slot):
        """Somebody else was faster."""
        slot._release()
        slot.state = "gone"

    def _applicant_cancels(self, message):
        name = self.applicant_id.partner_name or ""
        if message:
            self.applicant_note = message
        told = self._for_recruiter()
        told._ask_recruiter(
            told.env._("%(name)s has cancelled the interview", name=name),
            escape(message),
        )
        told._cancel(author=self.applicant_id.partner_id)

    def _none_suits(self, message):
        """Pass on that no slot suits, once per message."""
        if not message or message == self.applicant_note:
            return
        self._did("none")
        self.applicant_note = message
        name = self.applicant_id.partner_name or ""
        told = self._for_recruiter()
        told._ask_recruiter(
            told.env._("None of the offered times suits %(name)s", name=name),
            escape(message),
        )
        told._tell(
            told.env._("None of the offered times suits: %(message)s", message=message),
            author=self.applicant_id.partner_id,
        )
