"""What happens to a booked interview elsewhere: moved, cancelled, declined, overbooked.

Whoever does it and wherever (Odoo, a synchronised calendar, the applicant), interview,
meeting and claims stay together; the applicant gets one mail and the chatter one line.
"""

from odoo import Command, models
from odoo.exceptions import UserError

from .hr_interview_claim import SlotTaken
from .hr_interview_people import aware


class HrInterview(models.Model):
    _inherit = "hr.interview"

    # ------------------------------------------------------------------ the meeting

    def _follow_event(self, old_times):
        """The meeting was written to by somebody else: do what follows from it.

        :param old_times: {interview: (start, stop)} as it was before
        """
        for interview in self.filtered(lambda i: i.state == "booked"):
            event = interview.event_id.sudo()
            if not event.active:
                interview._event_gone()
                continue
            moved = old_times[interview] != (event.start, event.stop)
            interview._follow_claims(event)
            if moved:
                interview._follow_slot(event)
                root = interview._root()
                root.revision += 1
                root._mail("moved")
                root._tell(root.env._("Interview moved to %(time)s", time=root._when()))

    def _follow_claims(self, event):
        """Claim what the meeting takes now; people decide, a collision is only told."""
        wanted = self._users().filtered(
            lambda user: user.partner_id in event.attendee_ids.partner_id
        )
        self._claims().unlink()
        for user in wanted:
            try:
                self._take(user, event.start, event.stop)
            except SlotTaken:
                self._warn(user, self.env._("has another interview at that time"))

    def _follow_slot(self, event):
        """The booked slot is when the meeting really takes place."""
        slot = self.slot_ids.filtered(lambda slot: slot.state == "booked")
        slot.write({"start": event.start, "stop": event.stop})
        if whole := slot.parent_id:
            whole.start = min(whole.part_ids.mapped("start"))
            whole.stop = max(whole.part_ids.mapped("stop"))

    def _event_gone(self):
        """The meeting was deleted or archived: the interview is cancelled."""
        root = self._root()
        if root.state != "booked":
            return
        root._cancel()

    # ------------------------------------------------------------------ interviewers

    def _take(self, user, start, stop, **options):
        claims = self.env["hr.interview.claim"]
        return claims._take(self, user, start, stop, **options)

    def _warn(self, user, what):
        """An activity for the recruiter: who cannot come, and who could instead."""
        if self.state != "booked":
            return
        names = ", ".join(self._substitutes(user).mapped("name"))
        note = (
            self.env._(
                "Free as far as Odoo knows, from the same panel: %(names)s. Swap them "
                "on the interview; the applicant keeps the appointment.",
                names=names,
            )
            if names
            else self.env._("Nobody else of the same panel is free at that time.")
        )
        summary = self.env._("%(name)s %(what)s", name=user.name, what=what)
        self._ask_recruiter(summary, note)

    def _ask_recruiter(self, summary, note, user=None):
        """An activity for whoever looks after the interview, once."""
        root = self._root().sudo()
        person = user or root.user_id or root.applicant_id.user_id
        if not person or summary in root.activity_ids.mapped("summary"):
            return
        root.activity_schedule(
            "mail.mail_activity_data_todo",
            summary=summary,
            note=note,
            user_id=person.id,
        )

    def _substitutes(self, user):
        """Who of the same panel could come instead, as far as Odoo knows."""
        self.ensure_one()
        taking_part = self.interviewer_ids
        panels = self.panel_ids.filtered(lambda panel: user in panel._members())
        others = panels._members()
        others -= self._missing(others) | taking_part | self.left_out_user_ids | user
        if not others:
            return others
        people = self._people_offline(others, aware(self.start), aware(self.stop), self)
        free = others.filtered(
            lambda other: self._is_free(people[other], self.start, self.stop)
        )
        return self._by_load(free)

    def action_swap(self, user_id, substitute_id):
        """Let a substitute take part instead; the applicant notices nothing.

        The substitute's calendar is asked live, as for a booking.
        """
        self.ensure_one()
        self.check_access("write")
        users = self.env["res.users"].browse([user_id, substitute_id]).sudo()
        leaving, coming = users
        if self.state != "booked" or leaving not in self.interviewer_ids:
            raise UserError(
                self.env._("%(name)s takes no part in it.", name=leaving.name)
            )
        self._lock()
        people = self._people(coming, *self._around(self.start, self.stop), self)
        person = people[coming]
        known = person.knows(aware(self.stop) + self._buffers()[1])
        if not known and self.unknown_policy != "odoo":
            raise UserError(self._not_asked(coming, people))
        if not self._is_free(person, self.start, self.stop):
            raise SlotTaken(
                self.env._("%(name)s is not free at that time.", name=coming.name)
            )
        self._take(coming, self.start, self.stop)
        self._claims().filtered(lambda claim: claim.user_id == leaving).unlink()
        panel = self.panel_ids.filtered(lambda panel: leaving in panel._members())[:1]
        if coming not in panel.user_ids:
            panel.user_ids = [Command.link(coming.id)]
        event = self._event_model().browse(self.event_id.id)
        event.write(
            {
                "partner_ids": [
                    Command.unlink(leaving.partner_id.id),
                    Command.link(coming.partner_id.id),
                ]
            }
        )
        self._notify_unconnected(event, "calendar_template_meeting_invitation")
        self._root()._tell(
            self.env._(
                "%(new)s takes the interview instead of %(old)s",
                new=coming.name,
                old=leaving.name,
            )
        )
        return True

    # ------------------------------------------------------------------ conflicts

    def _watch_panels(self):
        """Tell the recruiter of those without whom nothing can be chosen any more."""
        self.ensure_one()
        for panel in self._steps().panel_ids:
            members = panel._members().filtered(
                lambda user: not self._is_left_out(user)
            )
            missing = self._missing(members)
            if len(members - missing) >= (panel.required or len(members)):
                continue
            for user in missing:
                self._ask_recruiter(
                    self.env._("%(name)s is missing for an interview", name=user.name),
                    self.env._(
                        "%(name)s does not work here any more, so that the applicant "
                        "finds no time. Choose somebody else, or leave them out.",
                        name=user.name,
                    ),
                )

    def _watch_meetings(self):
        """Tell the recruiter of interviewers who have become busy meanwhile, or do not
        work here any more."""
        self.ensure_one()
        missing = self._missing(self.interviewer_ids)
        for user in missing:
            self._warn(user, self.env._("does not work here any more"))
        interviewers = self.interviewer_ids - missing
        start, stop = aware(self.start), aware(self.stop)
        people = self._people_offline(interviewers, start, stop, self)
        for user in interviewers:
            if any(a < stop and start < b for a, b in people[user].meetings):
                self._warn(user, self.env._("has another meeting at that time"))
