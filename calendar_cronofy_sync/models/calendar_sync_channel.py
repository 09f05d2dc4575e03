"""A subscription to change notifications of one calendar, and what a notification does.

A notification carries no content; it only makes the account due. Polling goes on beside
it, so that a lost one costs five minutes and nothing else.
"""

import hashlib
import logging
import re
import secrets
import uuid
from contextlib import contextmanager
from datetime import timedelta

from odoo import api, fields, models
from odoo.sql_db import Cursor
from odoo.tools import consteq

from ..calsync.errors import RateLimited, SyncError, Unavailable
from ..calsync.values import Channel

_logger = logging.getLogger(__name__)

#: what we name channels (uuid4().hex)
NAME = re.compile(r"[0-9a-f]{32}")
#: a channel is followed by a new one so long before it ends; both are heard meanwhile
OVERLAP = timedelta(days=1)
#: a calendar that has no notifications is asked again after this time
REFUSED = timedelta(days=1)
#: the person has asked the provider to be forgotten
FORGET = "gdpr_requested"
#: the provider cannot reach the calendar any more; what it lists is out of date
LOST = "profile_disconnected"
#: it has read the calendar: what is in it was changed before, and is new all the same
READ = "profile_initial_sync_completed"
ADDRESSES = {
    "google": "/calendar_sync/notify/google",
    "cronofy": "/calendar_sync/notify/cronofy/{token}",
}


class CalendarSyncChannel(models.Model):
    _name = "calendar.sync.channel"
    _description = "Calendar Notification Channel"

    calendar_id = fields.Many2one(
        "calendar.sync.calendar", required=True, index=True, ondelete="cascade"
    )
    account_id = fields.Many2one(
        related="calendar_id.account_id", store=True, index=True
    )
    # what a notification names: Google's channel id, the token in Cronofy's address
    name = fields.Char(required=True, groups=fields.NO_ACCESS)
    # SHA-256 of what it has to prove
    secret = fields.Char(required=True, groups=fields.NO_ACCESS)
    # the provider's own names, for ending it
    channel_ref = fields.Char(groups=fields.NO_ACCESS)
    resource_ref = fields.Char(groups=fields.NO_ACCESS)
    expires = fields.Datetime()
    state = fields.Selection(
        [("opening", "Opening"), ("open", "Open"), ("refused", "Refused")],
        required=True,
        default="opening",
    )
    # set by the first notification, cleared when the calendar is listed
    notified = fields.Boolean()

    _name_uniq = models.Constraint("UNIQUE(name)", "This channel is known already.")

    # ------------------------------------------------------------
    # Opening and closing
    # ------------------------------------------------------------

    @api.model
    def _missing(self, calendars):
        """The calendars that should get a (new) channel now; those with an error have
        to wait."""
        now = fields.Datetime.now()
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT c.id FROM calendar_sync_calendar c
                WHERE c.id IN %(ids)s AND c.error IS NULL AND NOT EXISTS (
                      SELECT 1 FROM calendar_sync_channel h
                       WHERE h.calendar_id = c.id AND (
                             h.state = 'open'
                             AND (h.expires IS NULL OR h.expires > %(soon)s)
                          OR h.state = 'refused' AND h.expires > %(now)s))
             ORDER BY c.is_primary DESC, c.id""",
            {"ids": tuple(calendars.ids) or (0,), "now": now, "soon": now + OVERLAP},
        )
        return calendars.browse(row[0] for row in self.env.cr.fetchall())

    @api.model
    def _prepare(self, calendar):
        """A channel about to be opened, with what to send: stored before it is asked
        for, because the first notification may come before the answer."""
        name, secret = uuid.uuid4().hex, secrets.token_urlsafe(32)
        channel = self.create(
            {"calendar_id": calendar.id, "name": name, "secret": _hash(secret)}
        )
        base = calendar.account_id._base_url()
        path = ADDRESSES[calendar.account_id.provider].format(token=name)
        return channel, {"address": base + path, "channel_id": name, "secret": secret}

    def _opened(self, answer):
        """Note the provider's answer: a :class:`Channel`, or why there is none."""
        self.ensure_one()
        if isinstance(answer, Channel):
            expires = answer.expires
            self.write(
                {
                    "state": "open",
                    "channel_ref": answer.channel_id,
                    "resource_ref": answer.resource_id,
                    "expires": expires and expires.replace(tzinfo=None),
                }
            )
        else:
            self.write({"state": "refused", "expires": fields.Datetime.now() + REFUSED})

    def _closed(self, answer):
        """The older of two channels was ended, or the provider will not end it: then it
        runs out by itself and what it says is not heard any more."""
        self.unlink()

    def _value(self):
        return Channel(channel_id=self.channel_ref, resource_id=self.resource_ref or "")

    @api.model
    def _superseded(self, account):
        """The channels of an account that a newer one has followed."""
        channels = self.search(
            [("account_id", "=", account.id), ("state", "=", "open")], order="id desc"
        )
        newest = {channel.calendar_id: channel for channel in reversed(channels)}
        return channels.filtered(lambda c: newest[c.calendar_id] != c)

    @api.model
    def _ours_address(self, account):
        """What the addresses begin with to which this database had notices sent."""
        return account._base_url() + ADDRESSES[account.provider].partition("{")[0]

    @api.model
    def _compare(self, account, listed):
        """Ours that the provider does not list are forgotten, and opened again; those
        it lists and we do not know are returned, to be ended.

        Only those that come to this Odoo's address: another one with the same client
        has its own.
        """
        known = self.search([("account_id", "=", account.id), ("state", "=", "open")])
        open_there = {channel.channel_id for channel in listed}
        known.filtered(lambda channel: channel.channel_ref not in open_there).unlink()
        names = set(known.exists().mapped("channel_ref"))
        ours = self._ours_address(account)
        return [
            channel
            for channel in listed
            if channel.channel_id not in names and channel.address.startswith(ours)
        ]

    @api.model
    def _forget_ended(self):
        now = fields.Datetime.now()
        self.search([("expires", "<", now)]).unlink()
        self.search(
            [("state", "=", "opening"), ("create_date", "<", now - OVERLAP)]
        ).unlink()

    # ------------------------------------------------------------
    # Hearing
    # ------------------------------------------------------------

    @api.model
    def _named(self, name):
        """The channel of this name; a name that is none of ours is not searched for,
        because not every text can be."""
        name = name if NAME.fullmatch(name or "") else ""
        return self.sudo().search([("name", "=", name)], limit=1)

    @api.model
    def _verified(self, name, secret):
        """The channel of this name if the secret is its own, else none.

        Takes the same time for unknown names as for wrong secrets.
        """
        channel = self._named(name)
        right = consteq(channel.secret or _hash(""), _hash(secret or ""))
        return channel if channel and right else self.browse()

    @contextmanager
    def _on_its_own(self):
        """The channel in a transaction that waits for others and then sees what they
        did. In the usual isolation the second of two notifications, or one that comes
        while the cron begins, could not be serialized."""
        with self.env.registry.cursor() as cr:
            if isinstance(cr, Cursor):  # (that of a test is within a transaction)
                cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            yield self.with_env(self.env(cr=cr))

    def _told(self, kind):
        """What a notification of this kind leads to: a look, whatever it says, but for
        the one after which there is nothing left to look at."""
        if kind == FORGET:
            self.account_id._forget()
            return
        if kind == LOST:
            self.account_id.reconcile = True
        if kind == READ:
            self.calendar_id._list_again()
        self._heard()

    def _heard(self):
        """Make the account due. Of a thousand notifications the first one counts."""
        self.env.cr.execute(
            """UPDATE calendar_sync_channel SET notified = TRUE
                WHERE id IN %s AND notified IS NOT TRUE RETURNING id""",
            [tuple(self.ids) or (0,)],
        )
        if self.env.cr.fetchone():
            self.invalidate_recordset(["notified"])
            self.env["calendar.sync.account"]._trigger_sync()

    @api.model
    def _listed(self, calendars):
        """What is notified from now on belongs to the next listing."""
        self.env.cr.execute(
            """UPDATE calendar_sync_channel SET notified = FALSE
                WHERE calendar_id IN %s AND notified""",
            [tuple(calendars.ids) or (0,)],
            log_exceptions=False,  # the run tries again
        )


def _hash(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


class CalendarSyncAccount(models.Model):
    _inherit = "calendar.sync.account"

    def _stop_channels(self, provider):
        """End all notifications, before the permission that ending them needs is gone.

        :return: whether the provider confirmed the end of all of them
        """
        channels = self.env["calendar.sync.channel"].search(
            [("account_id", "in", self.ids)]
        )
        confirmed = True
        for channel in channels.filtered("channel_ref"):
            try:
                provider.unwatch(channel._value())
            except SyncError as err:
                # they end by themselves; the caller says so
                confirmed = False
                if isinstance(err, Unavailable):
                    break
        channels.unlink()
        return confirmed

    @api.model
    def _end_unwanted_channels(self):
        """End the notifications of connections that nothing is read from at present:
        those of availability only, and those that are not active.

        They are opened again when the connection is synchronised again. What cannot be
        ended today is tried again tomorrow; who does not answer is asked only once.
        """
        unwanted = self.env["calendar.sync.channel"].search(
            [
                "|",
                ("account_id.mode", "!=", "two_way"),
                ("account_id.state", "!=", "active"),
            ]
        )
        down = set()
        for account in unwanted.account_id:
            try:
                with self.env.cr.savepoint():
                    if account.provider not in down and not account._end_channels():
                        down.add(account.provider)
            except Exception:  # one account must not keep the others' open
                _logger.exception("account %s: its channels stay open", account.id)

    def _end_channels(self):
        """End the notifications of an account.

        :return: whether the provider answered; they are kept where it did not
        """
        channels = self.env["calendar.sync.channel"].search(
            [("account_id", "=", self.id)]
        )
        try:
            with self._connected() as provider:
                for channel in channels.filtered("channel_ref"):
                    provider.unwatch(channel._value())
        except (RateLimited, Unavailable):
            return False
        except SyncError as err:
            # without the permission nobody can end them; they are not heard any more
            _logger.info("account %s: %s", self.id, type(err).__name__)
        channels.unlink()
        return True
