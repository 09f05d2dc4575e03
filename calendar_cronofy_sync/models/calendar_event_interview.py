"""What a meeting tells the interview it belongs to, and those it gets in the way of."""

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

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

    interview_ids = fields.One2many("hr.interview", "event_id", readonly=True)

    @api.model_create_multi
    def create(self, vals_list):
        events = super().create(vals_list)
        events._warn_interviews()
        return events

    def write(self, vals):
        self._check_interview_rights()
        if self.env.context.get("interview_writing") or not WATCHED & vals.keys():
            return super().write(vals)
        interviews = self._booked_interviews()
        times = {i: (i.event_id.start, i.event_id.stop) for i in interviews}
        holds = self._held_slots() if vals.get("active") is False else None
        result = super().write(vals)
        interviews._follow_event(times)
        if holds:
            holds._release()
        # (what was held is deleted now)
        (self.exists() if holds else self)._warn_interviews()
        return result

    def unlink(self):
        self._check_interview_rights()
        # (each write of Odoo's own deletes an empty set)
        if not self or self.env.context.get("interview_writing"):
            return super().unlink()
        holds = self._held_slots()
        self._booked_interviews()._event_gone()
        holds.hold_event_id = False
        holds._release()
        return super().unlink()

    def _check_interview_rights(self):
        """The meeting of an interview is changed by those who take part in it, and by
        those who may plan it."""
        if self.env.su:
            return
        me = self.env.user
        for event in self.sudo():
            interviews = event.interview_ids.with_env(self.env)
            taking_part = me.partner_id in event.partner_ids or me == event.user_id
            if interviews and not taking_part and not interviews.has_access("write"):
                raise AccessError(
                    self.env._(
                        "This is the meeting of an interview: only those who take part "
                        "in it or plan it change it."
                    )
                )

    def _sync_hidden(self):
        """The meeting of an interview is private towards colleagues, and no private
        appointment of those who take part."""
        return super()._sync_hidden() and not self.sudo().interview_ids

    @api.model
    def _sync_hidden_sql(self):
        return SQL(
            "(%s AND NOT EXISTS"
            " (SELECT 1 FROM hr_interview i WHERE i.event_id = e.id))",
            super()._sync_hidden_sql(),
        )

    def _booked_interviews(self):
        # through the relation: one query for all the events that are read together
        return self.sudo().interview_ids.filtered(lambda i: i.state == "booked")

    def _held_slots(self):
        slots = self.env["hr.interview.slot"].sudo()
        return slots.search([("hold_event_id", "in", self.ids)]) if self.ids else slots

    def _warn_interviews(self):
        """Tell recruiters when one of these meetings overlaps a booked interview."""
        if self.env.context.get("interview_writing") or not self:
            return
        if self.env.context.get("calendar_sync_applying"):
            # thousands may come in at once: the scheduler looks when they are there
            self._watch_later()
            return
        claims = self.env["hr.interview.claim"].sudo()
        domain = [
            ("kind", "=", 0),
            ("held", "=", False),
            ("stop", ">", fields.Datetime.now()),
        ]
        events = self.sudo().filtered(lambda e: e.active and e.show_as == "busy")
        if not events or not claims.search_count(domain, limit=1):
            return
        domain += [
            ("user_id.partner_id", "in", events.attendee_ids.partner_id.ids),
            ("start", "<", max(events.mapped("stop"))),
            ("stop", ">", min(events.mapped("start"))),
        ]
        taken = claims.search(domain).grouped(lambda claim: claim.user_id.partner_id)
        for event in events:
            for attendee in event.attendee_ids:
                for claim in taken.get(attendee.partner_id, ()):
                    if claim.start < event.stop and event.start < claim.stop:
                        claim.interview_id._watch_meetings()

    def _watch_later(self):
        """Let the scheduler look for conflicts, once for the whole transaction."""
        waiting = self.env.cr.precommit.data
        if not waiting.get("calendar_cronofy_sync.watch"):
            waiting["calendar_cronofy_sync.watch"] = True
            if (
                self.env["hr.interview"]
                .sudo()
                .search_count([("state", "=", "booked")], limit=1)
            ):
                self.env["hr.interview"]._trigger_scheduler()


class CalendarAttendee(models.Model):
    _inherit = "calendar.attendee"

    def write(self, vals):
        result = super().write(vals)
        if vals.get("state") == "declined":
            events = self.event_id
            for interview in events._booked_interviews():
                for attendee in self.filtered(
                    lambda attendee, event=interview.event_id: (
                        attendee.event_id == event
                    )
                ):
                    user = interview._users().filtered(
                        lambda user, who=attendee: user.partner_id == who.partner_id
                    )
                    if user:
                        interview._warn(user, self.env._("has declined the interview"))
        return result
