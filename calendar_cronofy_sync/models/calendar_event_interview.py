"""What a meeting tells the interview it belongs to, and those it gets in the way of."""

from odoo import api, fields, models

#: written fields that may concern an interview
WATCHED = {
    "active",
    "start",
    "stop",
    "start_date",
    "stop_date",
    "allday",
    "duration",
    "partner_ids",
    "attendee_ids",
    "show_as",
}


class CalendarEvent(models.Model):
    _inherit = "calendar.event"

    interview_ids = fields.One2many(
        "hr.interview", "event_id", "Interview", readonly=True
    )

    @api.model_create_multi
    def create(self, vals_list):
        events = super().create(vals_list)
        if not self.env.context.get("interview_writing"):
            events._warn_interviews()
        return events

    def write(self, vals):
        if self.env.context.get("interview_writing") or not WATCHED & vals.keys():
            return super().write(vals)
        interviews = self._booked_interviews()
        times = {i: (i.event_id.start, i.event_id.stop) for i in interviews}
        holds = self._held_slots() if vals.get("active") is False else None
        result = super().write(vals)
        interviews._follow_event(times)
        if holds:
            holds._release()
        self._warn_interviews()
        return result

    def unlink(self):
        if self.env.context.get("interview_writing"):
            return super().unlink()
        interviews = self._booked_interviews()
        holds = self._held_slots()
        interviews._event_gone()
        holds.hold_event_id = False
        holds._release()
        return super().unlink()

    def _booked_interviews(self):
        domain = [("event_id", "in", self.ids), ("state", "=", "booked")]
        return self.env["hr.interview"].sudo().search(domain) if self.ids else (
            self.env["hr.interview"].sudo()
        )

    def _held_slots(self):
        slots = self.env["hr.interview.slot"].sudo()
        return slots.search([("hold_event_id", "in", self.ids)]) if self.ids else slots

    def _warn_interviews(self):
        """Tell recruiters when one of these meetings overlaps a booked interview."""
        claims = self.env["hr.interview.claim"].sudo()
        now = fields.Datetime.now()
        domain = [("kind", "=", 0), ("held", "=", False), ("stop", ">", now)]
        booked = claims.search(domain) if self.ids else claims
        if not booked:
            return
        taken = {}
        for claim in booked:
            taken.setdefault(claim.user_id.partner_id.id, []).append(claim)
        for event in self.sudo():
            if not event.active or event.show_as != "busy":
                continue
            for attendee in event.attendee_ids:
                if attendee.state == "declined":
                    continue
                for claim in taken.get(attendee.partner_id.id, ()):
                    interview = claim.interview_id
                    if (
                        interview.event_id != event
                        and claim.start < event.stop
                        and event.start < claim.stop
                    ):
                        interview._watch_meetings()


class CalendarAttendee(models.Model):
    _inherit = "calendar.attendee"

    def write(self, vals):
        result = super().write(vals)
        if vals.get("state") == "declined":
            events = self.event_id
            for interview in events._booked_interviews():
                for attendee in self.filtered(
                    lambda attendee, event=interview.event_id: attendee.event_id == event
                ):
                    user = interview._users().filtered(
                        lambda user, who=attendee: user.partner_id == who.partner_id
                    )
                    if user:
                        interview._warn(user, self.env._("has declined the interview"))
        return result
