"""What the scheduling dialog shows and does."""

from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from .hr_interview_people import aware, naive


class HrInterview(models.Model):
    _inherit = "hr.interview"

    def action_open_schedule(self):
        """The dialog with the week view."""
        self.ensure_one()
        return {
            "type": "ir.actions.client",
            "tag": "calendar_cronofy_sync.interview_schedule",
            "name": self.env._("Schedule interview"),
            "target": "new",
            "params": {"interview_id": self.id},
            "context": {"dialog_size": "extra-large", "footer": False},
        }

    def action_open_event(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "calendar.event",
            "res_id": self.event_id.id,
            "view_mode": "form",
            "views": [[False, "form"]],
        }

    def get_schedule(self):
        """Search now, keep the slots, and return what the week view shows.

        The busy times of the interviewers are in the answer only, and without titles.
        """
        self.ensure_one()
        self.check_access("write")
        search = self._look()
        self._keep_slots(search)
        if self.state == "offered":
            slots = self._open_slots()
        else:
            slots = self.slot_ids.filtered(lambda slot: slot.state == "proposed")
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "tz": self.tz,
            "start": _text(self.start),
            "stop": _text(self.stop),
            "parameters": self._parameters(),
            "people": [
                self._person(user, person, search)
                for user, person in search.people.items()
            ],
            "slots": [
                {
                    "id": slot.id,
                    "start": _text(slot.start),
                    "stop": _text(slot.stop),
                    "names": slot.user_ids.mapped("name"),
                    "state": slot.state,
                }
                for slot in slots.filtered(lambda slot: not slot.parent_id)
            ],
            "reasons": list(search.reasons),
            "relaxations": self._relaxations(search),
        }

    def _parameters(self):
        """What the dialog lets the recruiter change."""
        return {
            "duration": self.duration,
            "step": self.step,
            "buffer_before": self.buffer_before,
            "buffer_after": self.buffer_after,
            "minimum_notice": self.minimum_notice,
            "date_from": _text(self.date_from),
            "date_to": _text(self.date_to),
            "video": self.video,
            "video_kind": self.video_kind,
            "location": self.location or "",
            "hold": self.hold,
            "unknown_policy": self.unknown_policy,
            "left_out": self.left_out_user_ids.ids,
            "is_sequence": bool(self.child_ids),
            "panels": [
                {
                    "id": panel.id,
                    "name": panel.name,
                    "user_ids": panel._members().ids,
                    "required": panel.required,
                }
                for panel in self._steps().panel_ids
            ],
        }

    def _person(self, user, person, search):
        doubtful = not person.knows(aware(self.date_to))
        return {
            "id": user.id,
            "name": user.name,
            "known": person.known,
            "missing": person.missing,
            "left_out": self._is_left_out(user, search.people),
            "problem": person.problem if doubtful else "",
            "until": _text(person.until and naive(person.until)),
            "busy": [[_text(naive(a)), _text(naive(b))] for a, b in person.busy],
            "hours": [[_text(naive(a)), _text(naive(b))] for a, b in person.hours],
        }

    def action_set_panels(self, panels):
        """Replace the panels: a list of ``{"user_ids": […], "required": n}``."""
        self.ensure_one()
        commands = [(5, 0, 0)]
        for panel in panels:
            users = list(panel["user_ids"])
            required = min(int(panel.get("required") or 0), len(users))
            commands.append((0, 0, {"user_ids": [(6, 0, users)], "required": required}))
        self.write({"panel_ids": commands})
        return True

    def action_ask_to_connect(self, user_id):
        """Ask a colleague to connect a calendar: one message with the way there."""
        self.ensure_one()
        self.check_access("write")
        user = self.env["res.users"].browse(user_id).sudo()
        if user not in self._users():
            raise AccessError(self.env._("Only interviewers can be asked."))
        self._ask_once(user)
        url = f"{self.get_base_url()}/odoo/calendar-services"
        env = self.with_context(lang=user.lang).env
        self.sudo().message_notify(
            partner_ids=user.partner_id.ids,
            author_id=self.env.user.partner_id.id,
            subject=env._("Please connect your calendar"),
            body=env._(
                "%(name)s is looking for interview times and cannot see when you are "
                "free. Connect your calendar once, only your busy times are asked for: "
                "%(url)s",
                name=self.env.user.name,
                url=url,
            ),
        )
        return True

    def _ask_once(self, user):
        """Nobody is asked twice a day, whoever asks and for whichever interview."""
        asked = user.interview_asked_to_connect
        now = fields.Datetime.now()
        if asked and asked > now - timedelta(days=1):
            raise UserError(
                self.env._(
                    "%(name)s was asked less than a day ago. Please talk to them.",
                    name=user.name,
                )
            )
        user.interview_asked_to_connect = now


def _text(moment):
    return moment and moment.strftime("%Y-%m-%d %H:%M:%S") or False
