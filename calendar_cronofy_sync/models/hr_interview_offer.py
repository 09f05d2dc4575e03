"""Offering slots to an applicant, holding them, and taking the offer back."""

from datetime import timedelta

from odoo import Command, fields, models
from odoo.exceptions import UserError

from .hr_interview_claim import SlotTaken

#: more tentative entries than this would wall up the interviewers' weeks
MAX_HELD = 30


class HrInterview(models.Model):
    _inherit = "hr.interview"

    def action_offer(self, slot_ids=None, hold=None):
        """Offer slots to the applicant and open the invitation, ready to be sent.

        :param slot_ids: ids of the slots to offer, or one id; all proposed ones when
            None
        :param hold: keep them free with tentative entries; None: as the field says
        :return: the action of the mail composer
        """
        self.ensure_one()
        self.check_access("write")
        self._offer(slot_ids, hold)
        return self._compose("offer")

    def _offer(self, slot_ids=None, hold=None):
        if self.parent_id or self.state not in ("draft", "offered", "expired"):
            raise UserError(self.env._("Only a draft can be offered."))
        if self.state == "expired":
            self.expires_at = False
        chosen = self._open_slots().filtered(lambda slot: not slot.parent_id)
        if slot_ids is not None:
            chosen &= self._slots_by_id(slot_ids)
        soonest = fields.Datetime.now() + timedelta(hours=self.minimum_notice)
        chosen = chosen.filtered(lambda slot: slot.start >= soonest)
        if not chosen:
            raise UserError(
                self.env._("There is no slot to offer. Find free slots first.")
            )
        hold = self.hold if hold is None else bool(hold)
        (self._open_slots() - chosen).unlink()
        self._ensure_token()
        self.sudo().write(
            {
                "state": "offered",
                "hold": hold,
                "auto_offer": False,
                "expires_at": self.expires_at or self.date_to,
            }
        )
        if hold:
            self._hold(chosen)
        self._tell(
            self.env._("%(count)s interview slots offered", count=self.slot_count)
        )

    def _hold(self, slots):
        """Claim the slots for the offer and enter them tentatively."""
        if len(slots) > MAX_HELD:
            raise UserError(
                self.env._(
                    "At most %(count)s slots can be held: choose fewer, or offer them "
                    "without holding them.",
                    count=MAX_HELD,
                )
            )
        for slot in slots:
            try:
                with self.env.cr.savepoint():
                    for part in slot._parts():
                        part.interview_id._hold_part(part)
                slot.sudo().state = "held"
            except SlotTaken:
                slot.sudo().state = "gone"
        if not self._open_slots():
            raise SlotTaken(
                self.env._("These slots have just been taken. Search again.")
            )

    def _hold_part(self, slot):
        choice = self._choose(slot, lambda user: user in slot.user_ids, held=True)
        slot.sudo().hold_event_id = self._event_model().create(
            {
                "name": self.env._("Held for an interview"),
                "start": slot.start,
                "stop": slot.stop,
                "user_id": self.user_id.id,
                "privacy": "public",
                "attendee_ids": [
                    Command.create({"partner_id": partner.id, "state": "tentative"})
                    for partner in choice.users.partner_id
                ],
                "partner_ids": [Command.set(choice.users.partner_id.ids)],
            }
        )

    def action_withdraw(self):
        """Take the offer back; its link says so."""
        for interview in self:
            interview.check_access("write")
            interview._lock()
            if interview.state in ("offered", "expired"):
                interview.slot_ids._release()
                interview.slot_ids.unlink()
                interview.sudo().state = "draft"
                interview._tell(
                    self.env._("The offer of interview slots was withdrawn")
                )
        return True
