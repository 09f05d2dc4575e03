"""What the applicant and the chatter are told of an interview."""

import base64

import pytz
from markupsafe import Markup

from odoo import fields, models
from odoo.tools import format_date, format_time

from .hr_interview_people import aware

STAMP = "%Y%m%dT%H%M%SZ"


class HrInterview(models.Model):
    _inherit = "hr.interview"

    def _notify_get_reply_to(self, default=None, author_id=False):
        """Answers to our mails belong to the applicant's thread."""
        result = {}
        for interview in self:
            applicant = interview.applicant_id
            reply_to = applicant._notify_get_reply_to(default, author_id)
            result[interview.id] = reply_to.get(applicant.id)
        return result

    def _message_add_default_recipients(self):
        """The applicant, whatever the template."""
        return {
            interview.id: {
                "partners": interview.applicant_id.partner_id,
                "email_to_lst": [],
                "email_cc_lst": [],
            }
            for interview in self
        }

    # ------------------------------------------------------------------ who reads them

    def _mail_get_operation_for_mail_message_operation(self, message_operation):
        """Mails to the applicant hold the link by which they act: whoever only takes
        part reads none of them."""
        operations = super()._mail_get_operation_for_mail_message_operation(
            message_operation
        )
        if message_operation == "read":
            return dict.fromkeys(operations, "write")
        return operations

    def _notify_get_recipients(self, message, msg_vals=False, **kwargs):
        """Followers who may not plan the interview are sent nothing; whoever a mail is
        addressed to gets it."""
        recipients = super()._notify_get_recipients(message, msg_vals, **kwargs)
        addressed = (msg_vals or {}).get("partner_ids", message.sudo().partner_ids.ids)
        return [who for who in recipients if who["id"] in addressed or self._plans(who)]

    def _plans(self, recipient):
        user = self.env["res.users"].browse(recipient["uid"] or 0)
        return bool(user) and self.sudo(False).with_user(user).has_access("write")

    # ------------------------------------------------------------------ mails

    def _template(self, kind):
        return self.env.ref(
            f"calendar_cronofy_sync.hr_interview_template_{kind}",
            raise_if_not_found=False,
        )

    def _compose(self, kind):
        """The action that opens the composer with one of our templates."""
        self.ensure_one()
        template = self._template(kind)
        context = {}
        if partner := self.applicant_id.partner_id:
            # and not the recruiter, whom the composer would suggest
            context["default_partner_ids"] = partner.ids
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Mail to the applicant"),
            "res_model": "mail.compose.message",
            "view_mode": "form",
            "views": [[False, "form"]],
            "target": "new",
            "context": {
                "default_model": "hr.interview",
                "default_res_ids": self.ids,
                "default_template_id": template.id if template else False,
                "default_composition_mode": "comment",
                "default_email_layout_xmlid": "mail.mail_notification_light",
                "force_email": True,
                **context,
            },
        }

    def action_compose_offer(self):
        """Write the invitation to choose a slot (again)."""
        return self._compose("offer")

    def _mail(self, kind):
        """Send one of our templates to the applicant, with the calendar entry."""
        self.ensure_one()
        root = self._root().sudo().with_context(lang=self.lang)
        template = root._template(kind)
        applicant = root.applicant_id
        if not template or not (applicant.partner_id.email or applicant.email_from):
            return
        values = {}
        if kind != "offer":
            method = "CANCEL" if kind == "cancelled" else "REQUEST"
            attachment = root.env["ir.attachment"].create(
                {
                    "name": "interview.ics",
                    "datas": base64.b64encode(root._ics(method).encode()),
                    "mimetype": "text/calendar",
                    "res_model": "mail.compose.message",
                    "res_id": 0,
                }
            )
            values["attachment_ids"] = [(4, attachment.id)]
        mail_id = template.with_context(lang=None).send_mail(
            root.id,
            email_values=values,
            email_layout_xmlid="mail.mail_notification_light",
        )
        root.env["mail.mail"].browse(mail_id).send_after_commit()

    def _tell(self, *lines, author=None):
        """A note in the applicant's chatter, line by line."""
        lines = [line for text in lines for line in text.splitlines()]
        root = self._root().sudo()
        root.applicant_id.with_context(mail_notrack=False).message_post(
            body=Markup("<br/>").join(lines),
            message_type="notification",
            subtype_xmlid="mail.mt_note",
            author_id=author.id if author else root._author().id,
        )

    def _author(self):
        """Who did it: the user, or the recruiter when it was nobody in particular."""
        user = self.env.user
        if user._is_public() or user._is_superuser():
            user = self.user_id or user
        return user.partner_id

    # ------------------------------------------------------------------ times in words

    def _when(self, tz=None):
        """When the interview takes place, in the interview's zone, as a text."""
        zone = pytz.timezone(tz or self.tz)
        moments = [
            aware(event.start).astimezone(zone)
            for event in self._events().sudo().sorted("start")
        ]
        return "; ".join(
            f"{format_date(self.env, moment.date(), date_format='full')}, "
            f"{format_time(self.env, moment.time(), time_format='short')}"
            for moment in moments
        )

    # ------------------------------------------------------------------ iCalendar

    def _ics(self, method="PUBLISH"):
        """The interview as an iCalendar file; of the interviewers no address."""
        self.ensure_one()
        recruiter = self.user_id
        applicant = self.applicant_id
        events = self._events().sudo().sorted("start")
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"METHOD:{method}"]
        lines.append("PRODID:-//calendar_cronofy_sync//Interview//EN")
        database = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        for event in events:
            lines += [
                "BEGIN:VEVENT",
                f"UID:interview-{event.id}-{database}",
                f"SEQUENCE:{self.revision}",
                f"DTSTAMP:{aware(fields.Datetime.now()).strftime(STAMP)}",
                f"DTSTART:{aware(event.start).strftime(STAMP)}",
                f"DTEND:{aware(event.stop).strftime(STAMP)}",
                f"SUMMARY:{_text(self._public_title())}",
                f"STATUS:{'CANCELLED' if method == 'CANCEL' else 'CONFIRMED'}",
                f"DESCRIPTION:{_text(self._public_description())}",
            ]
            if event.location:
                lines.append(f"LOCATION:{_text(event.location)}")
            if event.videocall_location:
                # a URI, and no text: nothing of it may end the line (RFC 5545, 3.3.13)
                lines.append(f"URL:{''.join(event.videocall_location.split())}")
            if recruiter.email_normalized:
                name = _parameter(self.company_id.name or recruiter.name)
                lines.append(
                    f'ORGANIZER;CN="{name}":mailto:{recruiter.email_normalized}'
                )
            # what is published invites nobody (RFC 5546, 3.2.1)
            if applicant.email_normalized and method != "PUBLISH":
                name = _parameter(applicant.partner_name or "")
                lines.append(
                    f'ATTENDEE;CN="{name}";PARTSTAT=ACCEPTED:'
                    f"mailto:{applicant.email_normalized}"
                )
            lines.append("END:VEVENT")
        lines.append("END:VCALENDAR")
        return "".join(_fold(line) + "\r\n" for line in lines)

    def _public_title(self):
        """The title that an applicant reads: the job and the company."""
        job = self.job_id.sudo().name
        company = self.company_id.sudo().name or ""
        if job:
            return self.env._(
                "Interview: %(job)s, %(company)s", job=job, company=company
            )
        return self.env._("Interview, %(company)s", company=company)

    def _public_description(self):
        lines = []
        video = self._events().sudo().filtered("videocall_location")[:1]
        if video:
            url = video.videocall_location
            lines.append(self.env._("Video call: %(url)s", url=url))
        if self.show_names:
            names = ", ".join(self.sudo()._interviewers().mapped("name"))
            lines.append(self.env._("You will meet: %(names)s", names=names))
        lines.append(self.env._("Move or cancel: %(url)s", url=self.sudo().share_url))
        return "\n".join(lines)

    def _interviewers(self):
        return self._steps().interviewer_ids


def _text(value):
    """Escape a text value (RFC 5545, 3.3.11)."""
    for char in "\\;,":
        value = value.replace(char, f"\\{char}")
    return "\\n".join(value.splitlines())


def _parameter(value):
    """A value in quotes may hold anything but quotes and control characters."""
    return "".join(char for char in value if char != '"' and char.isprintable())


def _fold(line):
    """Break a line after 75 bytes, between characters (RFC 5545, 3.1)."""
    parts, size = [""], 0
    for char in line:
        width = len(char.encode())
        if size + width > 74:
            parts.append("")
            size = 0
        parts[-1] += char
        size += width
    return "\r\n ".join(parts)
