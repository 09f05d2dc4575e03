"""Busy times, asked live from every connected calendar and forgotten at once."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from traceback import extract_tb

from odoo import SUPERUSER_ID, api, models

from ..calsync.errors import AuthExpired, ScopeMissing, SyncError, Unsupported
from ..calsync.intervals import Interval, union
from ..calsync.providers.base import Provider
from ..calsync.values import Grant
from .words import in_words

_logger = logging.getLogger(__name__)

#: seconds for all answers together
TIME_LIMIT = 8
#: requests on the way at the same time
WORKERS = 16
#: what the owner alone can mend: by connecting again
LOST = (AuthExpired, ScopeMissing)


@dataclass(frozen=True, slots=True)
class BusyAnswer:
    """When somebody is busy; ``intervals`` is None when nobody knows, and why.

    What lies behind ``until`` (None: nothing that was asked for) is unknown as well.
    """

    intervals: tuple[Interval, ...] | None
    problem: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Reply:
    """What one account's provider said, and the grant as it stands after that."""

    busy: tuple[Interval, ...] | None
    error: Exception | None
    grant: Grant
    #: up to when it can tell, and why no further, if that is less than was asked for
    limit: tuple[datetime, SyncError] | None = None


def _ask(provider: Provider, calendars: list[str], start, stop) -> _Reply:
    """One conversation with one provider; runs in a thread, away from any database."""
    try:
        with closing(provider):
            limit = provider.busy_until()
            if limit and start < limit[0] < stop:
                stop = limit[0]
            else:  # of what lies there as a whole busy() says it
                limit = None
            answers = provider.busy(calendars, start, stop)
        missing = [c for c in calendars if c not in answers]
        error = next((a for a in answers.values() if isinstance(a, SyncError)), None)
        if missing and not error:
            error = SyncError("no answer for a calendar")
        if error:
            return _Reply(None, error, provider.grant)
        busy = tuple(union(*answers.values()))
        return _Reply(busy, None, provider.grant, limit)
    except Exception as err:  # a bug makes one person unknown, and stops no search
        return _Reply(None, err, provider.grant)


def _place(error: Exception) -> str:
    """Where an error comes from; its own words may tell of somebody's calendar."""
    frame = extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}, {frame.filename}:{frame.lineno}"


class CalendarSyncAccount(models.Model):
    _inherit = "calendar.sync.account"

    @api.model
    def _busy(self, users, start, stop):
        """When each of the users is busy, by what their connected calendars say now.

        Nothing of the answers is stored or logged. What cannot be asked is unknown,
        never free.

        :param start, stop: aware datetimes
        :return: :class:`BusyAnswer` by user id
        """
        # sudo: recruiters ask for others' busy times, and see nothing else of them
        accounts = self.sudo().search(
            [("user_id", "in", users.ids), ("state", "!=", "revoked")]
        )
        problems, replies = accounts._ask_all(start, stop)
        result = {}
        for user in users:
            own = accounts.filtered(lambda account, user=user: account.user_id == user)
            wrong = [problems[account] for account in own if account in problems]
            if not own:
                result[user.id] = BusyAnswer(
                    None, self.env._("No calendar is connected.")
                )
            elif wrong:
                result[user.id] = BusyAnswer(None, wrong[0])
            else:
                told = {a: replies[a] for a in own if a in replies}
                result[user.id] = self._together(told)
        return result

    def _together(self, told):
        """The answer that the replies of all the accounts of one person make."""
        busy = tuple(union(*(reply.busy for reply in told.values())))
        limits = {a: reply.limit for a, reply in told.items() if reply.limit}
        if not limits:
            return BusyAnswer(busy)
        account, (until, error) = min(limits.items(), key=lambda item: item[1][0])
        return BusyAnswer(busy, self._in_words(account, error), until)

    def _ask_all(self, start, stop):
        """Ask the providers of all accounts at the same time.

        :return: what went wrong by account, and the :class:`_Reply` of the others
        """
        problems, tasks, replies, answers = {}, {}, {}, {}
        for account in self:
            calendars = account.calendar_ids.filtered("is_busy").mapped("remote_id")
            if account.state != "active":
                problems[account] = account._why_not_asked(account.state)
            elif calendars:
                try:
                    provider = account._provider()
                except SyncError as err:
                    problems[account] = self._in_words(account, err)
                    continue
                tasks[account] = partial(_ask, provider, calendars, start, stop)
        pool = ThreadPoolExecutor(max_workers=WORKERS)
        futures = {account: pool.submit(task) for account, task in tasks.items()}
        deadline = time.monotonic() + TIME_LIMIT
        for account, future in futures.items():
            try:
                reply = future.result(timeout=max(0, deadline - time.monotonic()))
            except FutureTimeout:
                problems[account] = self.env._(
                    "%(provider)s did not answer in time.",
                    provider=account._provider_label(),
                )
                continue
            answers[account.id] = reply
            if reply.error:
                problems[account] = self._in_words(account, reply.error)
            else:
                replies[account] = reply
        pool.shutdown(wait=False, cancel_futures=True)
        self._settle_later(answers)
        return problems, replies

    def _why_not_asked(self, state):
        label = self._provider_label()
        return {
            "setup": self.env._(
                "%(provider)s is not set up completely.", provider=label
            ),
            "paused": self.env._(
                "The connection to %(provider)s is paused.", provider=label
            ),
            "reconnect": self.env._(
                "%(provider)s has to be connected again.", provider=label
            ),
        }[state]

    def _in_words(self, account, error):
        if isinstance(error, SyncError):
            kind = type(error).__name__
            _logger.info("account %s: busy times unknown (%s)", account.id, kind)
        else:
            _logger.error(
                "account %s: busy times unknown (%s)", account.id, _place(error)
            )
        if isinstance(error, LOST):
            return account._why_not_asked("reconnect")
        if isinstance(error, Unsupported):
            return in_words(self.env, str(error))
        return self.env._(
            "%(provider)s could not be asked.", provider=account._provider_label()
        )

    def _settle_later(self, answers):
        """Do what the answers ask for after this transaction, which it never disturbs:
        keep refreshed tokens, tell the owners of lost connections.

        Nobody else would notice those that are only asked and never synchronised.

        :param answers: :class:`_Reply` by account id
        """
        news = {}
        for account in self.browse(answers):
            reply = answers[account.id]
            try:
                asked = account._grant()
            except SyncError:
                continue
            if reply.grant != asked or isinstance(reply.error, LOST):
                news[account.id] = asked, reply
        if not news:
            return
        registry = self.env.registry

        def settle():
            with registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                accounts = env["calendar.sync.account"].browse(news).exists()
                for account in accounts.try_lock_for_update(allow_referencing=True):
                    account._settle(*news[account.id])

        self.env.cr.postcommit.add(settle)

    def _settle(self, asked, reply):
        """:param asked: the grant with which was asked; a newer one is let alone"""
        if self.state != "active" or self._grant() != asked:
            return
        self._store_grant(reply.grant)
        if isinstance(reply.error, LOST):
            self._in_owners_language()._report(reply.error, patient=True)
