"""Where a video interview meets: a link of one's own, Odoo's room, or the provider's.

The provider's room (Google Meet, or the conferencing service of a Cronofy account)
belongs to the entry in a connected calendar, and exists only when the synchronisation
has put it there. The applicant's mail waits for it, but not for long.
"""

import logging
from datetime import timedelta

from odoo import api, fields, models

from ..calsync.errors import SyncError
from ..calsync.values import Write

_logger = logging.getLogger(__name__)

#: how long the applicant's mail waits for the provider's room
PATIENCE = timedelta(minutes=10)


class HrInterview(models.Model):
    _inherit = "hr.interview"

    video_kind = fields.Selection(
        [
            ("odoo", "Odoo's own room"),
            ("conference", "Google Meet, or the organiser's conferencing service"),
        ],
        "Video room",
        required=True,
        default="odoo",
        help="The provider's room needs a connected calendar of the recruiter or of an "
        "interviewer; without one, Odoo's room is used.",
    )
    booked_at = fields.Datetime(readonly=True, copy=False)
    mail_waiting = fields.Char(
        readonly=True, copy=False, help="The mail that waits for the video link."
    )

    def _set_video(self, event):
        """Give the meeting its link, unless it has to come from the provider."""
        if not self.video:
            return
        if self.video_url:
            event.videocall_location = self.video_url
        elif not self._hosts(event):
            event._set_discuss_videocall_location()
        self._describe(event)

    def _describe(self, event):
        """Put into the entry what an interviewer wants to know, the link included:
        the calendars that are synchronised have no field of its own for it."""
        event.description = self._event_description(event.videocall_location)

    def _hosts(self, event):
        """The connections whose calendar gets the meeting, the organiser's first."""
        accounts = self.env["calendar.sync.account"].sudo()
        if self.video_kind != "conference":
            return accounts
        users = event.user_id | event.partner_ids.user_ids
        domain = [
            ("user_id", "in", users.ids),
            ("mode", "=", "two_way"),
            ("state", "=", "active"),
        ]
        found = accounts.search(domain).filtered(lambda a: a._video_profile())
        return found.sorted(lambda account: account.user_id != event.user_id)

    def _mail_complete(self, kind):
        """Send the mail now, or when the video link is there."""
        self.booked_at = fields.Datetime.now()
        if self._without_link():
            self.mail_waiting = kind
        else:
            self._mail(kind)

    def _without_link(self):
        """The interviews whose room has to come from the provider still."""
        return self._steps().filtered(
            lambda step: (
                step.video
                and step.event_id
                and not step.event_id.sudo().videocall_location
            )
        )

    @api.model
    def _waiting_for_room(self):
        """The interviews whose mails wait for a video link."""
        return self.search([("mail_waiting", "!=", False), ("state", "=", "booked")])

    def _complete(self):
        """Fetch the rooms that are missing and send the mail that waits for them."""
        if not self.mail_waiting or self.state != "booked":
            return
        for step in self._without_link():
            step._fetch_room()
        missing = self._without_link()
        late = fields.Datetime.now() - self.booked_at >= PATIENCE
        if missing and not late:
            self._trigger_scheduler(fields.Datetime.now() + timedelta(minutes=1))
            return
        for step in missing:
            event = step._event_model().browse(step.event_id.id)
            event._set_discuss_videocall_location()
            step._describe(event)
        kind, self.mail_waiting = self.mail_waiting, False
        self._mail(kind)

    def _fetch_room(self):
        """Ask the first connected calendar that holds the meeting for a room."""
        event = self.event_id.sudo()
        for account in self._hosts(event):
            link = event.sync_link_ids.filtered(
                lambda link, account=account: link.account_id == account and link.etag
            )[:1]
            if not link:
                continue
            try:
                url = self._room_of(account, link)
            except SyncError as err:
                _logger.info(
                    "no room for interview %s: %s", self.id, type(err).__name__
                )
                continue
            if url:
                event = self._event_model().browse(event.id)
                event.videocall_location = url
                self._describe(event)
                return

    def _room_of(self, account, link):
        write = Write(
            verb="patch",
            remote_id=link.remote_id,
            fields=link._value().remote,
            video=account._video_profile(),
        )
        provider = account._provider()
        try:
            [outcome] = provider.push(link.calendar_id.remote_id, [write])
        finally:
            account._store_grant(provider.grant)
            provider.close()
        if outcome.error:
            raise outcome.error
        return outcome.event.video if outcome.event else ""
