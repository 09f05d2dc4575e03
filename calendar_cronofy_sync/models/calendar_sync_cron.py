"""The five minutes: which accounts are due, who takes them, and what becomes of
errors."""

import inspect
import logging
import time
import uuid
from datetime import timedelta

from odoo import api, fields, models

from ..calsync.driver import drive
from ..calsync.errors import (
    AuthExpired,
    KeyUnavailable,
    Misconfigured,
    RateLimited,
    ScopeMissing,
    ServiceOff,
    SyncError,
)
from ..calsync.providers import PROVIDERS
from ..calsync.transport import HOUR
from .calendar_sync_run import CONCURRENCY, INTERVAL, TRIES
from .words import explain, in_words

_logger = logging.getLogger(__name__)

#: seconds after which a cron call starts no further request; the rest goes on next time
TIME_LIMIT = 50
#: seconds after an account was taken in which notifications are only collected: of a
#: flood the first one is heard at once, and all the others together
HUSH = 5
#: days for which the journal is kept
KEEP_DAYS = 30


#: what only a new connection mends
LOST = (AuthExpired, KeyUnavailable, ScopeMissing)
#: what does not pass by itself: the user is told the first time
AT_ONCE = (*LOST, Misconfigured, ServiceOff)


def _takes_hours(error):
    return isinstance(error, RateLimited) and (error.retry_after or 0) >= HOUR


def _going(run):
    return inspect.getgeneratorstate(run) != inspect.GEN_CLOSED


class CalendarSyncAccount(models.Model):
    _inherit = "calendar.sync.account"

    # until then the provider takes no writes from this account; reading goes on
    push_after = fields.Datetime(readonly=True)
    # how often in a row it has refused them
    push_refusals = fields.Integer(groups=fields.NO_ACCESS, copy=False)
    # the kind of error with which every run has ended since then
    trouble = fields.Char(groups=fields.NO_ACCESS, copy=False)
    trouble_since = fields.Datetime(groups=fields.NO_ACCESS, copy=False)
    # the next run compares the channels there with ours
    reconcile = fields.Boolean(readonly=True)
    # by the clock of the database; notifications that come before then wait for it
    hushed_until = fields.Datetime(
        "Notifications collected until", groups=fields.NO_ACCESS, copy=False
    )

    # ------------------------------------------------------------
    # The cron
    # ------------------------------------------------------------

    @api.model
    def _cron_sync(self):
        """Synchronise every account that is due or has something pending.

        Any number of workers may do this at once: each claims an account by a row lock
        that the others skip. Network waits of different accounts overlap, and what
        becomes due meanwhile joins them.
        """
        started, seen, begun = time.monotonic(), [], []

        def runs():
            while True:
                if run := self._claim(seen):
                    seen.append(run.account_id.id)
                    begun.append(run._steps())
                    yield begun[-1]
                elif any(map(_going, begun)) or self._anybody_hushed():
                    yield None
                else:
                    return

        def proceed():
            return time.monotonic() - started < TIME_LIMIT

        complete = drive(runs(), proceed=proceed, on_step=self._on_step)
        # tells the scheduler whether to call again at once
        self.env["ir.cron"]._commit_progress(len(seen), remaining=0 if complete else 1)

    @api.model
    def _on_step(self, moment):
        """Called ``before`` a request is sent and ``after`` its answer came: the points
        at which a run can be killed. Tests count and kill here."""

    @api.model
    def _claim(self, but=()):
        """Take the next due account and open a run for it; None when there is none.

        The claim ends with the run. If the process is killed, the account is due again
        after the usual interval, and a later claim makes a forgotten run stop.

        :param but: accounts not to take again, unless they were notified since
        """
        for _attempt in range(TRIES):
            try:
                return self._claim_next(but)
            except CONCURRENCY:
                # another worker was quicker: look again at what it has left
                self.env.cr.rollback()
                self.env.transaction.reset()
        return None

    def _claim_next(self, but):
        claim = uuid.uuid4().hex
        self.env.cr.execute(
            """
            WITH due AS MATERIALIZED (
                   SELECT a.id, a.claim FROM calendar_sync_account a
                    WHERE a.state = 'active' AND a.mode = 'two_way'
                      AND NOT EXISTS (SELECT 1 FROM calendar_sync_quota q
                                       WHERE q.provider = a.provider
                                         AND q.paused_until > %(now)s)
                      AND (-- its time has come
                           a.next_sync <= %(now)s AND a.id != ALL(%(but)s)
                        OR a.claim IS NULL AND a.failures = 0 AND (
                           -- something changed there
                           COALESCE(a.hushed_until, '-infinity')
                               <= clock_timestamp() AT TIME ZONE 'UTC'
                           AND EXISTS (SELECT 1 FROM calendar_sync_channel h
                                        WHERE h.account_id = a.id AND h.notified)
                           -- something waits to be written
                        OR a.id != ALL(%(but)s)
                           AND COALESCE(a.push_after, %(now)s) <= %(now)s AND (
                           EXISTS (SELECT 1 FROM calendar_sync_link l
                                     JOIN calendar_sync_calendar c
                                       ON c.id = l.calendar_id
                                    WHERE l.account_id = a.id AND l.state = 'pending'
                                      AND l.held IS NOT TRUE AND c.error IS NULL)
                        OR EXISTS (SELECT 1 FROM calendar_sync_series s
                                    WHERE s.account_id = a.id AND s.origin = 'odoo'
                                      AND s.state = 'pending'
                                      AND s.held IS NOT TRUE))))
                 ORDER BY a.next_sync NULLS FIRST
                    LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
            UPDATE calendar_sync_account account
               SET claim = %(claim)s, next_sync = %(next)s,
                   hushed_until = clock_timestamp() AT TIME ZONE 'UTC'
                                  + %(hush)s * INTERVAL '1 second'
              FROM due WHERE account.id = due.id
         RETURNING account.id, account.user_id, due.claim, (
                   SELECT p.lang FROM res_users u
                     JOIN res_partner p ON p.id = u.partner_id
                    WHERE u.id = account.user_id)
            """,
            {
                "claim": claim,
                "now": fields.Datetime.now(),
                "next": fields.Datetime.now() + INTERVAL,
                "but": list(but),
                "hush": HUSH,
            },
            log_exceptions=False,
        )
        row = self.env.cr.fetchone()
        run = None
        if row:
            self.invalidate_model(["claim", "next_sync"])
            account_id, user_id, former, lang = row
            # what the run writes down is read by its owner
            Run = self.env["calendar.sync.run"].with_context(lang=lang or self.env.lang)
            run = Run.create(
                {"account_id": account_id, "user_id": user_id, "claim": claim}
            )
            if former:
                Run.search([("claim", "=", former)])._broke_off()
        # from here on a failure of the run can be stored
        self.env.cr.commit()  # pylint: disable=invalid-commit
        return run

    @api.model
    def _anybody_hushed(self):
        """Is there an account whose notifications are being collected, or were until a
        moment ago, after the last look for one that is due?"""
        self.env.cr.execute(
            """SELECT EXISTS (
                   SELECT 1 FROM calendar_sync_account a
                     JOIN calendar_sync_channel h ON h.account_id = a.id
                    WHERE a.state = 'active' AND a.mode = 'two_way'
                      AND a.claim IS NULL AND a.failures = 0 AND h.notified
                      AND a.hushed_until > clock_timestamp() AT TIME ZONE 'UTC'
                                           - INTERVAL '1 second')"""
        )
        [found] = self.env.cr.fetchone()
        # the next look must not see what this one saw
        self.env.cr.commit()  # pylint: disable=invalid-commit
        return found

    @api.model
    def _trigger_sync_at(self, at):
        """Have the cron run then, if that is before its own time."""
        if at < fields.Datetime.now() + INTERVAL:
            self.env.ref("calendar_cronofy_sync.ir_cron_sync").sudo()._trigger(at)

    @api.model
    def _trigger_sync(self):
        """Have the cron run as soon as this transaction is committed, once."""
        done = self.env.cr.precommit.data
        if not done.get("calendar_sync_triggered"):
            done["calendar_sync_triggered"] = True
            self.env.ref("calendar_cronofy_sync.ir_cron_sync").sudo()._trigger()

    @api.model
    def _cron_housekeeping(self):
        """Once a day: prune the journal, forget what nothing points to any more, look
        again, close up. What fails is logged and stops nothing else."""
        for step in (
            # first, while nothing is locked: the network is waited for
            self._end_unwanted_channels,
            self._prune_journal,
            self.env["calendar.sync.series"]._forget_ended,
            self.env["calendar.sync.channel"]._forget_ended,
            # those that the scheduler of the interviews has missed
            self.env["hr.interview"]._expire_offers,
            self._look_again,
            self._revoke_departed,
            self._renew_keys,
        ):
            try:
                with self.env.cr.savepoint():
                    step()
            except Exception:
                _logger.exception("housekeeping: %s", step.__name__)

    @api.model
    def _prune_journal(self):
        before = fields.Datetime.now() - timedelta(days=self._keep_days())
        Run = self.env["calendar.sync.run"]
        Run.search([("started", "<", before)]).unlink()
        yesterday = fields.Datetime.now() - timedelta(days=1)
        Run.search(
            [
                ("started", "<", yesterday),
                ("state", "in", ("done", "running")),
                ("line_ids", "=", False),
            ]
        ).unlink()

    @api.model
    def _look_again(self):
        """Have everything listed, and the channels compared, where the provider's
        deltas and notifications may have missed something."""
        forgetful = [name for name, kind in PROVIDERS.items() if kind.forgetful]
        accounts = self.sudo().search(
            [
                ("provider", "in", forgetful),
                ("state", "=", "active"),
                ("mode", "=", "two_way"),
                ("last_sync", "!=", False),
            ]
        )
        accounts.calendar_ids._list_again()
        accounts.write({"reconcile": True})
        accounts._make_due()

    @api.model
    def _keep_days(self):
        return self._days("journal_days", KEEP_DAYS)

    # ------------------------------------------------------------
    # What belongs to a run
    # ------------------------------------------------------------

    @api.model
    def _exporting(self):
        """The accounts to whose target meetings of Odoo are written."""
        return self.sudo().search(
            [
                ("state", "=", "active"),
                ("mode", "=", "two_way"),
                ("target_calendar_id", "!=", False),
            ]
        )

    def _pulled_calendars(self):
        """The calendars to ask for changes: sources, the target, and those to which
        events are still bound."""
        self.ensure_one()
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT c.id FROM calendar_sync_calendar c
                 JOIN calendar_sync_account a ON a.id = c.account_id
                WHERE a.id = %s AND c.access_role != 'freeBusyReader' AND c.active
                  AND (c.is_source OR c.id = a.target_calendar_id OR EXISTS (
                       SELECT 1 FROM calendar_sync_link l
                        WHERE l.calendar_id = c.id AND l.event_id IS NOT NULL))
             ORDER BY c.is_primary DESC, c.id""",
            [self.id],
        )
        ids = [row[0] for row in self.env.cr.fetchall()]
        return self.env["calendar.sync.calendar"].browse(ids)

    def _anything_pending(self):
        """Does anything wait to be written, or a channel to be ended?"""
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT EXISTS (SELECT 1 FROM calendar_sync_link
                               WHERE account_id = %(id)s AND state = 'pending')
                   OR EXISTS (SELECT 1 FROM calendar_sync_series
                               WHERE account_id = %(id)s AND state = 'pending')
                   OR (SELECT count(*) > count(DISTINCT calendar_id)
                         FROM calendar_sync_channel
                        WHERE account_id = %(id)s AND state = 'open')""",
            {"id": self.id},
        )
        return self.env.cr.fetchone()[0]

    # ------------------------------------------------------------
    # Errors and questions
    # ------------------------------------------------------------

    def _report(self, error, *, patient):
        """Tell the owner about an error that concerns the whole account, once, with the
        way out. Passing errors are kept quiet for a while."""
        provider = self._provider_label()
        if isinstance(error, AT_ONCE) or _takes_hours(error):
            state = "reconnect" if isinstance(error, LOST) else None
            self._needs_attention(explain(self.env, error, provider), state=state)
            return
        if patient:
            return
        if isinstance(error, SyncError):
            text = self.env._(
                "%(provider)s could not be reached several times: %(error)s "
                "Everything is kept; the synchronisation goes on by itself.",
                provider=provider,
                error=in_words(self.env, str(error)),
            )
        else:
            text = self.env._(
                "The synchronisation fails for an error of the program. Your "
                "administrator finds it in the log."
            )
        self._needs_attention(text)

    def _review(self):
        """After a successful run: what is left for the owner to know or to decide?"""
        self.ensure_one()
        if not self.attention and not self._anything_wrong():
            return

        texts = []
        for calendar in self.with_context(active_test=False).calendar_ids:
            used = calendar.is_source or calendar == self.target_calendar_id
            used = used or calendar.was_target
            # (of a calendar that is gone nothing can be applied or restored)
            if calendar.active and (question := calendar._question()):
                texts.append(question)
            if calendar.error and used:
                texts.append(f"{calendar.name}: {calendar.error}")
        series = self.env["calendar.sync.series"].search(
            [("account_id", "=", self.id), ("state", "=", "failed")]
        )
        texts += [
            self.env._(
                "The series “%(name)s” cannot be read: %(error)s",
                name=one._name_for_owner(),
                error=one.error,
            )
            for one in series
        ]
        failed = self.env["calendar.sync.link"].search_count(
            [("account_id", "=", self.id), ("state", "=", "failed")]
        )
        if failed:
            texts.append(
                self.env._("%(count)s events could not be synchronised.", count=failed)
            )
        if texts:
            self._needs_attention("\n".join(texts))
        else:
            self._clear_attention()

    def _anything_wrong(self):
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT EXISTS (SELECT 1 FROM calendar_sync_link
                               WHERE account_id = %(id)s AND state = 'failed')
                   OR EXISTS (SELECT 1 FROM calendar_sync_series
                               WHERE account_id = %(id)s AND state = 'failed')
                   OR EXISTS (SELECT 1 FROM calendar_sync_calendar
                               WHERE account_id = %(id)s
                                 AND (error IS NOT NULL OR held IS NOT NULL
                                      OR held_push IS NOT NULL))""",
            {"id": self.id},
        )
        return self.env.cr.fetchone()[0]
