"""One synchronisation of one account: its transactions, its errors and its journal.

The work itself stands in two files beside this one: ``calendar_sync_pull`` (in) and
``calendar_sync_push`` (out), which both carry out the same plan with
``calendar_sync_apply``.
"""

import logging
import random
import time
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from psycopg2 import errors as pg

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_datetime

from ..calsync.errors import (
    AuthExpired,
    Forbidden,
    KeyUnavailable,
    Misconfigured,
    NotFound,
    PlanLimit,
    RateLimited,
    Rejected,
    ServiceOff,
    SyncError,
    TokenRefused,
    Unsupported,
)
from ..calsync.plan import Policy
from ..calsync.transport import wait_after
from ..calsync.values import When
from .bulk import insert_rows
from .words import explain, in_words

_logger = logging.getLogger(__name__)

CONCURRENCY = (pg.SerializationFailure, pg.DeadlockDetected, pg.LockNotAvailable)
TRIES = 6
INTERVAL = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=6)
#: passing failures in a row after which the user is told
PATIENCE = 3
#: ... and how long refusals may last that pass by themselves. Where fresh tokens are
#: refused longer, the connection is lost.
QUIET = {TokenRefused: timedelta(hours=6), RateLimited: timedelta(hours=1)}
#: what may be wrong with one event without stopping the others
EVENT_ERRORS = (UserError, ValueError, OverflowError, pg.DataError, pg.IntegrityError)

COUNTED = {
    "created": "created_count",
    "updated": "updated_count",
    "deleted": "deleted_count",
    "declined": "updated_count",
    "pushed_insert": "pushed_count",
    "pushed_patch": "pushed_count",
    "pushed_delete": "pushed_count",
    "conflict": "conflict_count",
    "failed": "failed_count",
}


@dataclass
class Work:
    """What a transaction of a run has in hand."""

    calendar: Any
    policy: Policy
    #: lines for the journal
    lines: list[dict[str, Any]] = field(default_factory=list)
    #: {remote id: names of the fields in which Odoo stays ahead after a merge}
    outgoing: dict[str, frozenset[str]] = field(default_factory=dict)


class Superseded(Exception):
    """Another run has taken the account over, or it is not active any more."""


def ask(method, *args, **kwargs):
    """The answer of a request that may be refused without harm, or the error."""
    try:
        return method(*args, **kwargs)
    except (Forbidden, NotFound, PlanLimit, Rejected, Unsupported) as error:
        return error


class CalendarSyncRun(models.Model):
    _name = "calendar.sync.run"
    _description = "Synchronisation Run"
    _order = "id desc"

    account_id = fields.Many2one(
        "calendar.sync.account", required=True, index=True, ondelete="cascade"
    )
    user_id = fields.Many2one(related="account_id.user_id", store=True, index=True)
    claim = fields.Char(groups=fields.NO_ACCESS)
    started = fields.Datetime(default=fields.Datetime.now, readonly=True)
    finished = fields.Datetime(readonly=True)
    state = fields.Selection(
        [
            ("running", "Running"),
            ("done", "Done"),
            ("partial", "To be continued"),
            ("failed", "Failed"),
            ("undone", "Undone"),
        ],
        default="running",
        readonly=True,
    )
    created_count = fields.Integer("Created", readonly=True)
    updated_count = fields.Integer("Updated", readonly=True)
    deleted_count = fields.Integer("Deleted", readonly=True)
    pushed_count = fields.Integer("Written out", readonly=True)
    conflict_count = fields.Integer("Conflicts", readonly=True)
    failed_count = fields.Integer("Failed", readonly=True)
    request_count = fields.Integer("Requests", readonly=True)
    error = fields.Text(readonly=True)
    line_ids = fields.One2many("calendar.sync.run.line", "run_id", readonly=True)

    @api.depends("started")
    def _compute_display_name(self):
        for run in self:
            run.display_name = format_datetime(self.env, run.started)

    # ------------------------------------------------------------
    # The run
    # ------------------------------------------------------------

    def _steps(self):
        """The run, as :func:`calsync.driver.drive` wants it."""
        self.ensure_one()
        provider = None
        try:
            provider = self.account_id._provider()
            yield from self._pull(provider)
            if self._transact(self._survey, provider):
                try:
                    yield from self._push(provider)
                    self._transact(self._push_went_through)
                except RateLimited as error:
                    # what comes in need not wait for what goes out
                    self._transact(self._delay_push, error)
                yield from self._watch(provider)
                self._transact(self._finish, "done", provider)
        except Superseded:
            self._leave()
        except GeneratorExit:
            # the time is up: what is done is stored, the rest is due again at once
            self._end(self._finish, "partial", provider)
            raise
        except SyncError as error:
            _logger.info("run %s: %s %s", self.id, type(error).__name__, error.reason)
            self._end(self._fail, error, provider)
        except Exception as error:  # a bug must not stop the other accounts
            _logger.exception("run %s failed", self.id)
            self._end(self._fail, error, provider)
        finally:
            if provider:
                provider.close()

    def _end(self, work, *args):
        """Store how the run ended, unless the account is somebody else's by now."""
        try:
            self._transact(work, *args)
        except Superseded:
            self._leave()

    def _leave(self):
        """The account was taken over, stopped, or has to be listed anew."""
        _logger.info("run %s: the account was taken over or stopped", self.id)
        try:
            self.exists()._broke_off()
            self.env.cr.commit()  # pylint: disable=invalid-commit
        except CONCURRENCY:  # the new run has said so itself
            self._rollback()

    def _broke_off(self):
        """These runs were killed, or their account was taken from them: the rest is the
        next one's."""
        going = self.filtered(lambda run: run.state == "running")
        going.write({"state": "partial", "finished": fields.Datetime.now()})

    def _survey(self, provider):
        """Is there anything to write or to ask for? If not, the run ends right here."""
        account = self.account_id
        self._list_new()
        waiting = account.push_after and account.push_after > fields.Datetime.now()
        if (
            account.reconcile
            or self._missing_channels()
            or (not waiting and account._anything_pending())
        ):
            return True
        self._finish("done", provider)
        return False

    def _missing_channels(self):
        """The calendars that should get a channel now."""
        calendars = self.account_id._pulled_calendars()
        return self.env["calendar.sync.channel"]._missing(calendars)

    def _watch(self, provider):
        """See to it that every calendar that is listed tells us when it changes."""
        Channel = self.env["calendar.sync.channel"]
        if self.account_id.reconcile and provider.forgetful:
            yield partial(provider.check, self._transact(self._pulled_ids))
            listed = yield partial(ask, provider.channels)
            for channel in self._transact(self._take_channels, listed):
                yield partial(ask, provider.unwatch, channel)
        for channel, request in self._transact(self._take_openings):
            remote_id = channel.calendar_id.remote_id
            answer = yield partial(ask, provider.watch, remote_id, **request)
            self._transact(channel._opened, answer)
        for channel in self._transact(Channel._superseded, self.account_id):
            answer = yield partial(ask, provider.unwatch, channel._value())
            self._transact(channel._closed, answer)

    def _pulled_ids(self):
        return self.account_id._pulled_calendars().mapped("remote_id")

    def _take_channels(self, listed):
        """The channels to end; ``listed`` may be the refusal to tell them."""
        self.account_id.reconcile = False
        if isinstance(listed, SyncError):
            return []
        return self.env["calendar.sync.channel"]._compare(self.account_id, listed)

    def _take_openings(self):
        Channel = self.env["calendar.sync.channel"]
        return [Channel._prepare(calendar) for calendar in self._missing_channels()]

    def _transact(self, work, *args):
        """Do ``work(*args)`` in a transaction of its own, again if it collides with
        another one. The claim on the account is checked in the same transaction."""
        for attempt in range(1, TRIES + 1):
            try:
                self._hold()
                result = work(*args)
                # the token must be stored with its page, and no lock may be held while
                # the network is waited for
                self.env.cr.commit()  # pylint: disable=invalid-commit
                return result
            except CONCURRENCY:
                self._rollback()
                if attempt == TRIES:
                    raise
                time.sleep(random.uniform(0, 0.05 * 2**attempt))
            except BaseException:
                self._rollback()
                raise

    def _rollback(self):
        self.env.cr.rollback()
        self.env.transaction.reset()

    def _hold(self):
        """Make sure that the account is still ours, and keep it so for the
        transaction."""
        self.env.cr.execute(
            """SELECT 1 FROM calendar_sync_account a
                 JOIN calendar_sync_run r ON r.account_id = a.id AND r.claim = a.claim
                WHERE r.id = %s AND a.state = 'active'
                  FOR NO KEY UPDATE OF a""",
            [self.id],
            log_exceptions=False,
        )
        if not self.env.cr.fetchone():
            raise Superseded

    # ------------------------------------------------------------
    # The end
    # ------------------------------------------------------------

    def _finish(self, state, provider):
        account, now = self.account_id, fields.Datetime.now()
        values = {"claim": False}
        if state == "done":
            values |= {
                "last_sync": now,
                "next_sync": now + INTERVAL,
                "failures": 0,
            }
            if account.sudo().trouble:
                account.sudo().trouble = False
        else:
            values["next_sync"] = now
        account.write(values)
        if provider:
            account._store_grant(provider.grant)
        self._close(state, provider)
        if state == "done":
            account._end_release()
            account._review()

    def _wait_until(self, error, failures):
        """When to try again: as told, else ever later, and not all at the same time."""
        if isinstance(error, RateLimited):
            wait = timedelta(seconds=wait_after(error, failures))
        else:
            wait = min(INTERVAL * 2 ** min(failures - 1, 10), LONGEST_WAIT)
            wait *= random.uniform(1, 1.25)
        return fields.Datetime.now() + wait

    def _delay_push(self, error):
        # sudo: for nobody to see
        account = self.account_id.sudo()
        account.push_refusals += 1
        account.push_after = self._wait_until(error, account.push_refusals)
        self.env["calendar.sync.quota"]._pause(
            account.provider, error, account.push_after
        )
        account._trigger_sync_at(account.push_after)

    def _push_went_through(self):
        account = self.account_id.sudo()
        waits = account.push_after and account.push_after > fields.Datetime.now()
        if account.push_refusals and not waits:
            account.push_refusals = 0

    def _fail(self, error, provider):
        account = self.account_id.sudo()
        now, kind = fields.Datetime.now(), type(error).__name__
        if account.trouble != kind:
            account.write({"trouble": kind, "trouble_since": now})
        lasted = now - (account.trouble_since or now)
        if isinstance(error, TokenRefused) and lasted >= QUIET[TokenRefused]:
            error = AuthExpired(reason=error.reason)
        failures = account.failures + 1
        until = self._wait_until(error, failures)
        account.write({"claim": False, "failures": failures, "next_sync": until})
        if isinstance(error, RateLimited):
            self.env["calendar.sync.quota"]._pause(account.provider, error, until)
            account._trigger_sync_at(until)
        if provider and not isinstance(error, KeyUnavailable):
            account._store_grant(provider.grant)
        self._close("failed", provider, error)
        quiet = next((t for kind, t in QUIET.items() if isinstance(error, kind)), None)
        patient = lasted < quiet if quiet else failures < PATIENCE
        account._report(error, patient=patient)

    def _close(self, state, provider, error=None):
        self.write(
            {
                "state": state,
                "finished": fields.Datetime.now(),
                "request_count": provider.request_count if provider else 0,
                "error": self._error_text(error) if error else False,
            }
        )

    @api.model
    def _error_text(self, error):
        """What happened, for the person concerned; a bug's text stays in the log."""
        if isinstance(error, Misconfigured | ServiceOff):
            return explain(self.env, error, self.account_id._provider_label())
        if isinstance(error, SyncError | UserError):
            return in_words(self.env, str(error))
        return self.env._("Unexpected error: %(kind)s", kind=type(error).__name__)

    # ------------------------------------------------------------
    # The journal
    # ------------------------------------------------------------

    def _note(self, work, kind, *, event=None, remote_id="", **values):
        """Keep a line for the journal; :meth:`_write_journal` stores it with the
        transaction."""
        work.lines.append(
            {
                "run_id": self.id,
                "kind": kind,
                "calendar_id": work.calendar.id,
                "event_id": event.id if event else False,
                "remote_id": remote_id,
                **values,
            }
        )

    def _write_journal(self, work):
        lines = work.lines
        if not lines:
            return
        user = self.account_id.user_id.id
        insert_rows(
            self.env["calendar.sync.run.line"],
            [{**line, "user_id": user} for line in lines],
        )
        counts = {}
        for line in lines:
            if name := COUNTED.get(line["kind"]):
                counts[name] = counts.get(name, 0) + 1
        if counts:
            self.write({name: self[name] + count for name, count in counts.items()})


class CalendarSyncRunLine(models.Model):
    _name = "calendar.sync.run.line"
    _description = "Synchronisation Journal Line"
    _order = "id"

    run_id = fields.Many2one(
        "calendar.sync.run", required=True, index=True, ondelete="cascade"
    )
    user_id = fields.Many2one(related="run_id.user_id", store=True, index=True)
    calendar_id = fields.Many2one(
        "calendar.sync.calendar", index="btree_not_null", ondelete="set null"
    )
    event_id = fields.Many2one(
        "calendar.event", index="btree_not_null", ondelete="set null"
    )
    remote_id = fields.Char()
    kind = fields.Selection(
        [
            ("created", "Created in Odoo"),
            ("updated", "Updated in Odoo"),
            ("deleted", "Archived in Odoo"),
            ("declined", "Declined in Odoo"),
            ("withdrawn", "Taken out of Odoo"),
            ("pushed_insert", "Created remotely"),
            ("pushed_patch", "Updated remotely"),
            ("pushed_delete", "Deleted remotely"),
            ("conflict", "Conflict"),
            ("held", "Held back"),
            ("failed", "Failed"),
            ("closed", "Connection closed"),
        ],
        required=True,
    )
    # the values before and after, and in a conflict the values that lost, by field
    before = fields.Json()
    after = fields.Json()
    lost = fields.Json()
    message = fields.Char()
    # a value that lost was written again by its owner
    taken_back = fields.Boolean()
    name = fields.Char(compute="_compute_event")
    start = fields.Datetime(compute="_compute_event")
    detail = fields.Char(compute="_compute_detail")

    def _compute_event(self):
        """Which appointment it was, also when it is gone."""
        for line in self:
            event = line.event_id
            line.name = event.name or (line.before or {}).get("name", "")
            line.start = event.start or line._start_before()

    def _compute_detail(self):
        for line in self:
            said = [line.message, line._changes_text()]
            if line.kind != "conflict" and line.message:
                said = said[:1]
            line.detail = ": ".join(filter(None, said))

    def action_take_back(self):
        """Write what lost in a conflict to the event after all; it goes out as any
        other edit of its owner."""
        for line in self.filtered(lambda line: line.kind == "conflict"):
            values = {
                name: When.from_json(value) if name == "when" else value
                for name, value in line.lost.items()
            }
            line.event_id.write(line.event_id._sync_values(values))
            # sudo: the journal itself is read-only for its owner
            line.sudo().taken_back = True
