"""Booking, moving and cancelling: claims, meeting and messages in one transaction."""

from markupsafe import Markup, escape

from odoo import Command, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .hr_interview_claim import SlotTaken
from .hr_interview_people import aware


class CalendarUnreachable(UserError):
    """A calendar that is needed could not be asked; nothing was written."""


class HrInterview(models.Model):
    _inherit = "hr.interview"

    def action_book(self, slot_id):
        """Book one of the slots, or move the booked interview to it.

        Everybody is asked once more; raises an error that says why, when the slot is
        not free any longer.
        """
        self.ensure_one()
        self.check_access("write")
        self._book(self._slots_by_id(slot_id))
        return True

    def _book(self, slot, *, author=None):
        """Book ``slot`` or raise :class:`SlotTaken` or :class:`CalendarUnreachable`.

        :param author: the partner who chose it, for the chatter; None for the user
        """
        self._lock()
        if self.parent_id or self.state in ("cancelled", "done"):
            raise UserError(self.env._("This interview can no longer be booked."))
        moved = self.state == "booked"
        if (
            slot not in self._open_slots()
            or slot.parent_id
            or slot.start <= fields.Datetime.now()
        ):
            raise SlotTaken(self.env._("This slot is no longer free."))
        with self.env.cr.savepoint():
            notes = self._claim(slot)
        others = self._open_slots() - slot
        (others | slot)._release()
        others.unlink()
        old = self.slot_ids.filtered(lambda other: other.state == "booked")
        old.sudo().state = "gone"
        (slot | slot.part_ids).sudo().state = "booked"
        for part in slot._parts():
            part.interview_id._enter(part)
        (self | self.child_ids).sudo().write({"state": "booked"})
        self._ensure_token()
        self.revision += 1
        self._mail_complete("moved" if moved else "booked")
        self._tell(
            self.env._("Interview moved to %(time)s", time=self._when())
            if moved
            else self.env._("Interview booked: %(time)s", time=self._when()),
            *notes,
            author=author,
        )
        self._trigger_scheduler()

    def _claim(self, slot):
        """Ask everybody live, choose who takes part, and claim their time."""
        people = self._people(
            self._users(),
            *self._around(slot.start, slot.stop),
            self | self.child_ids,
        )
        trusting = self.company_id.interview_unreachable == "odoo"
        notes = []
        old = self._claims()
        for part in slot._parts():
            interview = part.interview_id
            asked = interview._silent(people, part)

            def free(user, interview=interview, part=part, asked=asked):
                if user in asked and not trusting:
                    return False
                return interview._is_free(people[user], part.start, part.stop)

            try:
                choice = interview._choose(part, free, people=people)
            except SlotTaken as err:
                missing = asked & set(interview._users())
                if missing and not trusting:
                    raise CalendarUnreachable(self._not_asked(missing, people)) from err
                raise
            interview.choice_reason = choice.why
            doubtful = asked & set(choice.users)
            if doubtful:
                notes.append(
                    self._not_asked(doubtful, people)
                    + " "
                    + self.env._("Booked on what Odoo knows.")
                )
            if choice.why:
                notes.append(choice.why)
            part.user_ids = choice.users
        old.unlink()
        return notes

    def _silent(self, people, slot):
        """Those of whom it is not known, and should be, whether they are free."""
        if self.unknown_policy == "odoo":
            return set()
        stop = aware(slot.stop) + self._buffers()[1]
        return {
            user
            for user in people
            if not people[user].knows(stop)
            and not people[user].missing
            and not self._is_left_out(user, people)
        }

    def _not_asked(self, users, people):
        return "\n".join(
            self.env._(
                "The calendar of %(name)s could not be asked: %(problem)s.",
                name=user.name,
                problem=people[user].problem.rstrip("."),
            )
            for user in sorted(users, key=lambda user: user.name)
        )

    def _claims(self):
        domain = [("interview_id", "in", (self | self.child_ids).ids)]
        return self.env["hr.interview.claim"].sudo().search(domain)

    def _lock(self):
        """One change of an interview at a time; the later one starts again."""
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                "SELECT id FROM hr_interview WHERE id IN %s FOR UPDATE", tuple(self.ids)
            ),
            log_exceptions=False,  # to be the later one is no error
        )

    # ------------------------------------------------------------------ the meeting

    def _event_model(self):
        """Meetings as the organiser, without Odoo's mails and without our own hooks."""
        return (
            self.env["calendar.event"]
            .with_user(self.user_id or self.env.user)
            .sudo()
            .with_context(
                interview_writing=True,
                no_mail_to_attendees=True,
                skip_contact_description=True,
                mail_create_nosubscribe=True,
            )
        )

    def _enter(self, slot):
        """Put the booked slot into the calendar of everybody who takes part."""
        partners = slot.user_ids.partner_id
        times = {"start": slot.start, "stop": slot.stop}
        event = self.event_id.sudo().exists()
        if event:
            event = self._event_model().browse(event.id)
            event.write(
                times | {"partner_ids": [Command.set(partners.ids)], "active": True}
            )
            self._notify_unconnected(event, "calendar_template_meeting_changedate")
            return
        event = self._event_model().create(
            times
            | {
                "name": self.name,
                "user_id": self.user_id.id,
                "applicant_id": self.applicant_id.id,
                "partner_ids": [Command.set(partners.ids)],
                "location": self.location,
                "description": self._event_description(),
                "privacy": self._event_privacy(),
                # from the first moment: what is not an interview's stays private
                "interview_ids": [Command.link(self.id)],
            }
        )
        self._set_video(event)
        self._notify_unconnected(event, "calendar_template_meeting_invitation")

    def _event_privacy(self):
        """Private: the applicant concerns those who take part, and no colleague."""
        company = self.company_id.sudo() or self.env.company
        return "private" if company.interview_private else False

    def _event_description(self, video=""):
        applicant = self.applicant_id
        lines = [applicant.partner_name, self.job_id.name, video]
        lines.append(f"{self.get_base_url()}/odoo/hr.applicant/{applicant.id}")
        return Markup("<br/>").join(escape(line) for line in lines if line)

    def _notify_unconnected(self, event, template):
        """Odoo's own mail for interviewers whose calendar the sync does not reach."""
        self._unreached(event).with_context(
            no_mail_to_attendees=False
        )._notify_attendees(
            self.env.ref(f"calendar.{template}", raise_if_not_found=False),
            force_send=True,
        )

    def _notify_cancelled(self, event):
        template = self.env.ref(
            "calendar.calendar_template_delete_event", raise_if_not_found=False
        )
        partners = self._unreached(event).partner_id
        if template and partners:
            values = {"recipient_ids": [Command.set(partners.ids)], "email_to": False}
            template.sudo().send_mail(event.id, email_values=values)

    def _unreached(self, event):
        """The guests to whose calendar the sync does not write the meeting."""
        reached = self.env["calendar.sync.account"]._exporting().user_id.partner_id
        return event.attendee_ids.filtered(
            lambda attendee: attendee.partner_id not in reached
        )

    # ------------------------------------------------------------------ cancel

    def action_cancel(self):
        """Cancel the interview, or take its offer back for good."""
        for interview in self:
            interview.check_access("write")
            interview._root()._cancel()
        return True

    def _cancel(self, *, author=None):
        self._lock()
        if self.state in ("cancelled", "done"):
            return
        booked = self.state == "booked"
        events = self._events().sudo().exists().filtered("active")
        self.slot_ids._release()
        self.slot_ids.unlink()
        self._claims().unlink()
        (self | self.child_ids).sudo().write(
            {"state": "cancelled", "auto_offer": False, "mail_waiting": False}
        )
        self.revision += 1
        for event in self._event_model().browse(events.ids):
            self._notify_cancelled(event)
            event.active = False
        if booked:
            self._mail("cancelled")
        self._tell(self.env._("Interview cancelled"), author=author)

    def action_draft(self):
        """Start again with a cancelled or expired interview, under a new link."""
        for interview in self:
            interview.check_access("write")
            if interview.state not in ("cancelled", "expired"):
                continue
            interview.slot_ids.unlink()
            interview.sudo().access_token = False
            (interview | interview.child_ids).sudo().write(
                {"state": "draft", "event_id": False, "expires_at": False}
            )
        return True
