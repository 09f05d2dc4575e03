"""From the provider into Odoo: listings, series laid out, deletions with a second
look."""

import logging
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from odoo import models
from odoo.tools import SQL

from ..calsync import series as serieses
from ..calsync.errors import (
    AuthExpired,
    Forbidden,
    Gone,
    Misconfigured,
    NotFound,
    RateLimited,
    RuleUnreadable,
    ScopeMissing,
    ServiceOff,
    SyncError,
    TokenInvalid,
    Unavailable,
)
from ..calsync.plan import Action, Pending, Policy, plan, trips
from ..calsync.recurrence import unreadable
from ..calsync.values import FIELD_NAMES, RemoteEvent, Write, base_id, moment
from .calendar_sync_run import CONCURRENCY, Superseded, Work, ask
from .words import in_words

_logger = logging.getLogger(__name__)

#: these concern the account as a whole, not one calendar
ACCOUNT_ERRORS = (
    AuthExpired,
    Misconfigured,
    RateLimited,
    ScopeMissing,
    ServiceOff,
    Superseded,
    Unavailable,
    *CONCURRENCY,
)


#: how a series that cannot be laid out says so
UNREADABLE = (RuleUnreadable, OverflowError, ValueError)


@dataclass(frozen=True)
class Source:
    """A calendar to list, as it was when the run began: nothing is read from the
    database while the network is waited for."""

    calendar: Any
    remote_id: str
    token: str
    #: it has been listed completely before
    listed: bool


@dataclass
class Listing:
    """What is remembered between the pages of one listing."""

    #: everything is listed, not only what changed
    full: bool
    #: the calendar has never been listed before
    first: bool = False
    #: the newest link when the listing began: what is older was bound before
    newest: int = 0
    token: str = ""
    #: ids of the items that were listed, and of the occurrences of series
    seen: set[str] = field(default_factory=set)
    #: masters of exceptions that were listed, where they should be listed, too
    orphans: set[str] = field(default_factory=set)
    #: exceptions by their master's id, where only original appointments are wanted
    strays: dict[str, list[RemoteEvent]] = field(default_factory=dict)
    #: deletions wait for the end: a few are carried out, masses are asked about
    deletions: dict[str, Action] = field(default_factory=dict)


class CalendarSyncRun(models.Model):
    _inherit = "calendar.sync.run"

    def _pull(self, provider):
        if self._transact(self.account_id._lost):
            # they may be back
            listed = yield partial(ask, provider.calendars)
            self._transact(self._take_list, listed)
        sources, window, newest = self._transact(self._begin)
        for source in sources:
            calendar = source.calendar
            try:
                yield from self._pull_calendar(provider, source, window, newest)
            except ACCOUNT_ERRORS:
                raise
            except NotFound as error:
                yield from self._look_for(provider, calendar, error)
            except Exception as error:  # one calendar must not stop the others
                if not isinstance(error, SyncError):
                    _logger.exception("run %s: calendar %s", self.id, calendar.id)
                self._transact(self._note_calendar, calendar, error)

    def _look_for(self, provider, calendar, error):
        """A calendar is not found, wherever that was met: the list of calendars tells
        whether it is gone, or was only not found this time.

        (A list with a sync token answers 404, and not 410, when the calendar was
        deleted: lithictech/webhookdb#621.)
        """
        listed = yield partial(ask, provider.calendars)
        self._transact(self._note_calendar, calendar, error)
        self._transact(self._take_list, listed)

    def _take_list(self, listed):
        if not isinstance(listed, SyncError):
            self.account_id._store_calendars(listed)

    def _note_calendar(self, calendar, error):
        work = Work(calendar, None)
        text = self._error_text(error)
        if isinstance(error, NotFound | Forbidden):
            text = self.env._("This calendar is not accessible any more: %s", text)
        if calendar.error != text:
            self._note(work, "failed", message=text)
        calendar.error = text
        self._write_journal(work)

    def _begin(self):
        """The calendars to list, the window, and the newest link there is."""
        calendars = self.account_id._pulled_calendars()
        self.env["calendar.sync.channel"]._listed(calendars)
        self._roll(calendars)
        sources = [
            Source(
                calendar,
                calendar.remote_id,
                calendar.sync_token or "",
                calendar.listed,
            )
            for calendar in calendars
        ]
        newest = self.env["calendar.sync.link"]._newest()
        return sources, self.account_id._window(), newest

    def _pull_calendar(self, provider, source, window, newest):
        try:
            yield from self._list(provider, source, source.token, window, newest)
        except TokenInvalid:
            if not source.token:
                raise
            yield from self._list(provider, source, "", window, newest)

    def _list(self, provider, source, token, window, newest):
        calendar = source.calendar
        listing = Listing(full=not token, first=not source.listed, newest=newest)
        if listing.full:
            self._transact(self._drop_series, calendar)
        pages, questions = provider.changes(source.remote_id, token, window), []
        while not listing.token:
            page = yield partial(next, pages, None)
            if page is None:
                raise Unavailable("The listing ended without a token")
            listing.token = page.token
            questions = self._transact(self._take_page, calendar, listing, page)
        if questions:
            answers = yield partial(provider.get, source.remote_id, questions)
            self._transact(self._take_answers, calendar, listing, answers)

    # ------------------------------------------------------------
    # One page
    # ------------------------------------------------------------

    def _take_page(self, calendar, listing, page):
        """Take what is listed, and close the listing with its last page unless there
        are questions left, which are returned."""
        self._check_role(calendar, page.access_role)
        listing.seen.update(item.remote_id for item in page.events)
        self._take_all(calendar, page.events, listing)
        questions = self._questions(calendar, listing)
        if listing.token and not questions:
            self._close_listing(calendar, listing)
        return questions

    def _take_all(self, calendar, items, listing):
        """Take the items together; if that breaks, one by one, so that the one that
        broke it is shown and the others arrive."""
        if not items:
            return
        try:
            with self.env.cr.savepoint():
                self._take(calendar, items, listing)
        except (SyncError, Superseded, *CONCURRENCY):
            raise
        except Exception as error:
            if len(items) > 1:
                for item in items:
                    self._take_all(calendar, [item], listing)
                return
            _logger.exception("run %s: an item of calendar %s", self.id, calendar.id)
            work, [item] = self._work(calendar), items
            link = self._links(calendar, [item.remote_id])
            about = {"remote_id": item.remote_id, "remote": item}
            reason = self._error_text(error)
            value = link and link._value()
            self._apply_fail(
                work, Action(kind="fail", link=value or None, reason=reason, **about)
            )
            self._write_journal(work)

    def _check_role(self, calendar, role):
        """Follow the rights on a calendar. One that shows only when one is busy lists
        its events without their contents, which must not be taken for changes."""
        if role == "freeBusyReader":
            raise Forbidden(self.env._("Only free and busy times are shared."))
        if role in ("owner", "writer", "reader") and role != calendar.access_role:
            calendar.access_role = role

    def _take_answers(self, calendar, listing, answers):
        """Items that were missing from a listing, asked for one by one: only what the
        provider confirms to be gone is gone. Without an answer the listing stays
        open."""
        items = []
        for remote_id, answer in answers.items():
            if isinstance(answer, RemoteEvent):
                items.append(answer)
            elif isinstance(answer, Gone):
                items.append(RemoteEvent(remote_id=remote_id, status="cancelled"))
            elif isinstance(answer, ACCOUNT_ERRORS):
                raise answer
        self._take(calendar, items, listing)
        self._close_listing(calendar, listing)

    def _take(self, calendar, items, listing=None):
        """Plan for some remote items and carry it out; deletions are left to the end of
        the listing where there is one."""
        if not items:
            return
        work = self._work(calendar)
        flat = self._unfold(work, items, listing)
        calendar._not_gone({event.remote_id for event in flat if not event.cancelled})
        actions = self._decide(work, flat, first=bool(listing and listing.first))
        work.outgoing = {
            action.remote_id: action.write.changed
            for action in actions
            if action.kind == "push" and action.reason != "anew"
        }
        now = [action for action in actions if not self._is_deletion(action)]
        later = [action for action in actions if self._is_deletion(action)]
        if listing is None:
            now, later = actions, []
        else:
            listing.seen.update(event.remote_id for event in flat)
            for event in flat:  # a later page knows better
                listing.deletions.pop(event.remote_id, None)
            listing.deletions.update({action.remote_id: action for action in later})
        self._apply(work, now)
        self._write_journal(work)

    def _is_deletion(self, action):
        return action.kind in ("archive", "decline") and action.remote.cancelled

    def _work(self, calendar):
        account, user = self.account_id, self.account_id.user_id
        privacy = calendar.default_privacy
        follows = privacy == "odoo"
        if follows:
            privacy = user.calendar_default_privacy or "public"
        return Work(
            calendar,
            Policy(
                window=account._window(),
                source=calendar.is_source,
                writable=calendar.access_role in ("owner", "writer"),
                private=account.sync_private,
                default_privacy=privacy,
                follows_default=follows,
            ),
        )

    def _decide(self, work, flat, *, first=False):
        calendar = work.calendar
        rows = self._links(calendar, [event.remote_id for event in flat])
        links = {row.remote_id: row._value() for row in rows}
        # (what failed may be behind on either side)
        pending = self._pending(rows.filtered(lambda row: row.state != "synced"))
        new = [e for e in flat if e.remote_id not in links and e.fields]
        work.policy = replace(
            work.policy,
            matches=self._matches(work, new, first=first) if new else {},
            protected=self._protected(rows),
            ours=frozenset() if calendar.is_source else self._made_here(calendar, new),
        )
        return plan(links, flat, pending, work.policy)

    def _made_here(self, calendar, events):
        """Those that are dates of series which Odoo made, whatever they are now."""
        masters = {event.master_id for event in events} - {""}
        rows = self.env["calendar.sync.link"].search(
            [
                ("calendar_id", "=", calendar.id),
                ("series_id.remote_id", "in", list(masters)),
                ("origin", "=", "odoo"),
            ]
        )
        ours = set(rows.series_id.mapped("remote_id"))
        return frozenset(e.remote_id for e in events if e.master_id in ours)

    def _links(self, calendar, remote_ids):
        Link = self.env["calendar.sync.link"]
        if not remote_ids:
            return Link
        return Link.search(
            [("calendar_id", "=", calendar.id), ("remote_id", "in", remote_ids)]
        ).with_context(active_test=False)

    def _pending(self, rows):
        """What became of these links' events in Odoo: {remote id: Pending}."""
        return {
            row.remote_id: Pending(
                fields=self._local(row),
                wanted=self._wanted(row),
                carried=self._carried(row),
            )
            for row in rows
            # without an event and a base there is nothing of ours: to be fetched again
            if row.event_id or row.base
        }

    def _local(self, row):
        event, user = row.event_id, self.account_id.user_id
        if not event.active:
            return None
        tz = row._zone() or user.tz or "UTC"
        return event._sync_fields(tz, source=row._source())

    def _wanted(self, row):
        """Should the event have this copy?"""
        event, account = row.event_id, self.account_id
        if row.origin == "remote" or not event.active:
            return event.active
        return event._sync_belongs(account.user_id, private=account.sync_private)

    def _carried(self, row):
        """Does another copy of the event take Odoo's changes to the provider, be it
        only when its account is connected again? (A copy that Odoo made of an imported
        event does not reach where that is at home.)"""
        return any(
            other.origin == row.origin
            and (other.base or {}).get("writable")
            and other.account_id.state != "revoked"
            for other in row.event_id.sync_link_ids - row
        )

    def _protected(self, rows):
        """The remote ids whose Odoo event the user may not edit."""
        user = self.account_id.user_id
        return frozenset(
            row.remote_id
            for row in rows
            if row.event_id.active
            and row.event_id.user_id
            and row.event_id.user_id != user
            and user.partner_id not in row.event_id.partner_ids
        )

    # ------------------------------------------------------------
    # Series
    # ------------------------------------------------------------

    def _unfold(self, work, items, listing=None):
        """The items with series laid out as occurrences, as the policy wants them."""
        if self.account_id.recurrence_policy == "original":
            return self._originals(work.calendar, self._singles(work, items, listing))
        known = self._known_series(work, items)
        single = self._single_here(work, items)
        flat, touched, ended, alone = [], {}, {}, []
        exceptions = defaultdict(list)
        for item in items:
            if item.remote_id in single or item.master_id in single:
                # a series only there, and about to end there, too
                flat += [] if item.master_id else [item]
            elif item.master_id and item.original_start is not None:
                exceptions[item.master_id].append(item)
            elif item.recurrence and not item.cancelled:
                unknown = item.remote_id not in known
                foreign = not self._read(work) and not self._parts(work, item.remote_id)
                if item.problem or (unknown and foreign):
                    flat.append(item)
                elif unknown and self._is_own_series(work, item, items, listing, known):
                    touched[known[item.remote_id]] = None
                else:
                    self._take_master(work, item, known, touched)
            elif (
                item.remote_id in known
                and not item.cancelled
                and known[item.remote_id]._is_single_still()
            ):
                known.pop(item.remote_id)._back_to_single()
                flat.append(item)
            elif item.remote_id in known:
                ended[known[item.remote_id]] = item
            else:
                flat.append(item)
        for master_id, group in exceptions.items():
            if master_id not in known and not self._read(work):
                continue
            series = self._series_of(work.calendar, master_id, known)
            kept = dict(series.exceptions or {})
            kept.update({moment(e.original_start): e.to_json() for e in group})
            series.exceptions = kept
            if series._alive() and series not in ended:
                touched.setdefault(series, series._remote_master())
            elif series.master:
                alone += group
            if listing is not None and (listing.full or not series.master):
                listing.orphans.add(master_id)
        return flat + self._lay_out(work, touched, ended, alone)

    def _singles(self, work, items, listing):
        """Original appointments, and the occurrences of series that cannot be seen."""
        found = [serieses.original(item) for item in items if not item.master_id]
        occurrences = {item.remote_id: item for item in items if item.master_id}
        bound = set(self._links(work.calendar, list(occurrences)).mapped("remote_id"))
        alone = [occurrences.pop(remote_id) for remote_id in bound]
        if listing is not None:
            for item in occurrences.values():
                if not item.cancelled:
                    listing.strays.setdefault(item.master_id, []).append(item)
            masters = self._links(work.calendar, list(listing.strays))
            listing.orphans.update(listing.strays)
            listing.orphans.difference_update(masters.mapped("remote_id"))
            for item in found:
                if item.cancelled:  # not there, or not for us
                    alone += listing.strays.pop(item.remote_id, ())
        return [*found, *(replace(i, master_id="", original_start=None) for i in alone)]

    def _is_own_series(self, work, master, items, listing, known):
        """Is it one that Odoo has, too? Asked at the first listing."""
        if not (listing and listing.first):
            return False
        exceptions = [i for i in items if i.master_id == master.remote_id]
        if series := self._own_series(work, master, exceptions):
            known[master.remote_id] = series
        return bool(series)

    def _take_master(self, work, item, known, touched):
        """Note what the series is now, and in ``touched`` what it was."""
        series = self._series_of(work.calendar, item.remote_id, known)
        if series.base and not series.master:
            self._take_sent(series, item)
        if not series.master or not series.master["recurrence"]:
            self._first_of(series, item)
        elif series._said_ourselves(item):
            series._take_written(
                Write(
                    verb="patch",
                    remote_id=item.remote_id,
                    changed=frozenset(FIELD_NAMES),
                    recurrence=item.recurrence,
                ),
                item,
            )
        touched[series] = series._remote_master()
        series.master = item.to_json()

    def _first_of(self, series, master):
        """A single event that became a series is its first occurrence from now on."""
        link = self._links(series.calendar_id, [master.remote_id])
        if link:
            start = master.fields.when.start
            link.write(
                {
                    "remote_id": serieses.instance_of(master, start),
                    "series_id": series.id,
                    "original_start": moment(start),
                }
            )

    def _read(self, work):
        return work.calendar.is_source

    def _known_series(self, work, items):
        ids = {item.remote_id for item in items} | {item.master_id for item in items}
        found = self.env["calendar.sync.series"].search(
            [("calendar_id", "=", work.calendar.id), ("remote_id", "in", list(ids))]
        )
        return {series.remote_id: series for series in found}

    def _single_here(self, work, items):
        """The ids of series that have become single appointments in Odoo."""
        ids = {item.remote_id for item in items} | {item.master_id for item in items}
        links = self._links(work.calendar, list(ids - {""}))
        return {link.remote_id for link in links if (link.base or {}).get("repeating")}

    def _series_of(self, calendar, master_id, known=None):
        Series = self.env["calendar.sync.series"]
        series = known.get(master_id) if known is not None else None
        series = series or Series.search(
            [("calendar_id", "=", calendar.id), ("remote_id", "=", master_id)]
        )
        if not series:
            series = Series.create({"calendar_id": calendar.id, "remote_id": master_id})
        if known is not None:
            known[master_id] = series
        return series

    def _ended_series(self, series, item, alone):
        """The series was deleted, or is no series any more: so are its occurrences. Of
        one that cannot be seen those that were listed are appointments of their own."""
        if item.cancelled and series.origin == "odoo" and series.state == "pending":
            series._renew()  # changed here meanwhile, which wins
            return []
        if item.fields and not item.cancelled and series._alive():
            self._last_one(series, item)
        listed = {event.remote_id for event in alone if not event.cancelled}
        kept = {}
        if item.cancelled and not series.base:
            kept = {
                key: exception
                for key, exception in (series.exceptions or {}).items()
                if exception["status"] != "cancelled"
                and (not series._alive() or exception["remote_id"] in listed)
            }
        exceptions = map(RemoteEvent.from_json, kept.values())
        own = [] if series.master else list(exceptions)
        series.write({"master": item.to_json(), "exceptions": kept})
        ids = {exception["remote_id"] for exception in kept.values()}
        cancelled = [
            RemoteEvent(
                remote_id=link.remote_id,
                status="cancelled",
                organizer=item.organizer,
                attendees=item.attendees,
            )
            for link in series.link_ids
            if link.remote_id not in ids
        ]
        return [*cancelled, *own] if item.cancelled else [*cancelled, item]

    def _last_one(self, series, item):
        """A series that stops repeating is its first occurrence, or the first one that
        is left."""
        links = series.link_ids.filtered("event_id").sorted("original_start")
        start = moment(item.fields.when.start)
        same = links.filtered(lambda link: link.original_start == start)
        if series.origin == "odoo":
            series._changed_remotely(series._remote_master(), item)
        if (link := (same or links)[:1]) and not self._links(
            series.calendar_id, [item.remote_id]
        ):
            link.write(
                {
                    "remote_id": item.remote_id,
                    "series_id": False,
                    "original_start": False,
                }
            )

    def _lay_out(self, work, touched, ended, alone=()):
        """The occurrences of series that changed, and what they left behind.

        :param touched: {series: what its master was before}
        :param ended: {series: the item that says so}
        :param alone: occurrences of series that have ended or cannot be seen
        """
        laid = {}
        for series, before in touched.items():
            master = series._remote_master()
            if series not in ended and master and series._alive() and master.recurrence:
                window = self._reach(work, series, before, master)
                laid[series] = (before, window, *self._dates(work, series, window))
        # who takes over what, before anything is given up
        for series, (before, _window, events, _whole) in laid.items():
            if series.origin != "odoo" or series._moved_remotely(before):
                self._keep_records(work, series, before, events, ended)
        flat = []
        for series, item in ended.items():
            flat += self._ended_series(series, item, alone)
        for series, (before, window, events, whole) in laid.items():
            if series.origin == "odoo" and before is not None:
                series._changed_remotely(before, series._remote_master())
            if series.origin == "odoo":
                flat += self._already_here(series, events)
                continue
            flat += events
            if whole:
                flat += self._left_behind(series, events, window)
        return [*flat, *alone]

    def _dates(self, work, series, window):
        """The occurrences of a series, and whether these are all: what cannot be read
        of its rule is shown, and takes nothing away."""
        master, exceptions = series._remote_master(), series._remote_exceptions()
        when = master.fields.when
        try:
            errors = unreadable(master.recurrence, when.start, tz=when.tz or "UTC")
            events = list(serieses.occurrences(master, exceptions, window))
        except UNREADABLE as error:
            errors, events = [error], []
            with suppress(*UNREADABLE):  # (dates at the end of time)
                events = list(serieses.first(master, exceptions, window))
        series.horizon = window.horizon.replace(tzinfo=None)
        text = "\n".join(in_words(self.env, str(error)) for error in errors)
        if text and text != series.error:
            self._note(work, "failed", remote_id=series.remote_id, message=text)
        if text:
            series.write({"state": "failed", "error": text})
        elif series.state == "failed":
            series.write({"state": "synced", "error": False})
        return events, not errors

    def _already_here(self, series, result):
        """Which dates there are, Odoo says where it leads: what it does not have (any
        more) is no news, unless somebody has changed it there since."""
        links = {link.remote_id for link in series.link_ids}
        waiting = series.state == "pending"
        return [
            event
            for event in result
            if event.remote_id in links
            or not (waiting or event.etag.startswith(serieses.DERIVED))
        ]

    def _reach(self, work, series, before, master):
        """The window, as far as the series has occurrences here: a recurrence of Odoo
        has them for years."""
        keys = set(series.link_ids.filtered("original_start").mapped("original_start"))
        if before is not None and before.recurrence:
            keys.update(serieses.moved(before, master, keys).values())
        return serieses.reaching(work.policy.window, keys)

    # ------------------------------------------------------------
    # Which record is which occurrence
    # ------------------------------------------------------------

    def _keep_records(self, work, series, before, events, ended):
        """Let the links of occurrences keep their events, whatever their series has
        become: renamed, moved, by another rule, all-day, cut in two."""
        at = {moment(event.original_start): event for event in events}
        ids = [event.remote_id for event in events]
        named = {link.remote_id: link for link in self._links(series.calendar_id, ids)}
        own = {link.original_start: link for link in series.link_ids}
        fresh = not own
        for key, event in at.items():
            link = named.get(event.remote_id) or own.get(key)
            if link and (link.series_id, link.original_start, link.remote_id) != (
                series,
                key,
                event.remote_id,
            ):
                self._give(link, series, event)
        if before is not None and before.recurrence:
            left = [link for link in series.link_ids if link.original_start not in at]
            self._hand_down(series, left, at, before)
        elif fresh:
            for part, left in self._cut_off(work, series, ended).items():
                first = min((link.original_start for link in left), default="")
                self._hand_down(series, left, at, part._remote_master(), pivot=first)

    def _give(self, link, series, event):
        link.write(
            {
                "series_id": series.id,
                "original_start": moment(event.original_start),
                "remote_id": event.remote_id,
                "ical_uid": event.ical_uid,
            }
        )

    def _hand_down(self, series, left, at, before, pivot=""):
        """:param left: links to dates that are no more
        :param at: {original start: occurrence} of those that are"""
        links = {link.original_start: link for link in left}
        free = set(at) - set(series.link_ids.mapped("original_start"))
        if not links or not free or not before.recurrence:
            return
        after = series._remote_master()
        for old, new in serieses.heirs(links, free, before, after, pivot).items():
            self._give(links[old], series, at[new])

    def _parts(self, work, remote_id):
        """The parts of the split series of which this is the id of a later one."""
        Series, base = self.env["calendar.sync.series"], base_id(remote_id)
        if base == remote_id:
            return Series
        return Series.search(
            [
                ("calendar_id", "=", work.calendar.id),
                "|",
                ("remote_id", "=", base),
                ("remote_id", "=like", f"{base}\\_R%"),
            ]
        )

    def _cut_off(self, work, tail, ended):
        """What the other parts of a series that was split have to give to a new part:
        {series: links} to the dates that they do not have any more; where none has been
        cut yet, those that will be lost once that is told."""
        first = tail._remote_master().fields.when
        gone, later = {}, {}
        for part in self._parts(work, tail.remote_id) - tail:
            master = part._remote_master()
            if master is None or master.fields is None:
                continue
            when, kept = master.fields.when, frozenset()
            if part not in ended and part._alive():
                window = self._reach(work, part, None, master)
                try:
                    kept = serieses.dates(master.recurrence, when, window)
                except UNREADABLE:
                    continue
            gone[part] = self._not_in(part, kept, work)
            later[part] = self._not_in(part, serieses.before(kept, when, first), work)
        return gone if any(gone.values()) else later

    def _not_in(self, series, dates, work):
        begin = moment(work.policy.window.start)[:10]
        return [
            link
            for link in series.link_ids
            if link.original_start not in dates and link.original_start > begin
        ]

    def _left_behind(self, series, result, window):
        """Links to occurrences that the rule does not have any more."""
        ids = {event.remote_id for event in result}
        return [
            RemoteEvent(remote_id=link.remote_id, status="cancelled")
            for link in series.link_ids
            if link.remote_id not in ids
            and link.event_id.active
            and link.event_id.stop > window.start.replace(tzinfo=None)
        ]

    def _roll(self, calendars):
        """Lay out further occurrences as the horizon moves on, day by day."""
        if self.account_id.recurrence_policy == "original":
            return
        horizon = self.account_id._window().horizon.replace(tzinfo=None)
        due = self.env["calendar.sync.series"].search(
            [
                ("calendar_id", "in", calendars.ids),
                ("horizon", "<", horizon - timedelta(days=1)),
            ],
            limit=200,
        )
        for calendar, group in due.grouped("calendar_id").items():
            work = self._work(calendar)
            for series in group:
                flat = self._lay_out(work, {series: None}, {})
                fresh = self._links(calendar, [event.remote_id for event in flat])
                known = set(fresh.mapped("remote_id"))
                flat = [event for event in flat if event.remote_id not in known]
                self._apply(work, self._decide(work, flat))
            self._write_journal(work)

    def _originals(self, calendar, items):
        """Of every series that the provider has laid out one occurrence: the one that
        is bound already, else the earliest listed. Which was the original, it does not
        tell."""
        laid_out = [i for i in items if i.series_id and i.fields and not i.cancelled]
        if not laid_out:
            return items
        chosen = {
            link.base["series"]: link.remote_id for link in self._laid_out(calendar)
        }
        for item in sorted(laid_out, key=lambda i: moment(i.fields.when.start)):
            chosen.setdefault(item.series_id, item.remote_id)
        return [
            item
            for item in items
            if item.remote_id == chosen.get(item.series_id, item.remote_id)
            or item.cancelled
        ]

    def _laid_out(self, calendar):
        """The links to occurrences of series that the provider has laid out, the first
        one of each series last."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT id FROM calendar_sync_link
                    WHERE calendar_id = %s AND base->>'series' IS NOT NULL
                 ORDER BY base->'local'->'when'->>0 DESC, id""",
                calendar.id,
            )
        )
        return self.env["calendar.sync.link"].browse([row[0] for row in rows])

    def _drop_series(self, calendar):
        """Where the user wants original appointments only, occurrences leave Odoo
        again."""
        if self.account_id.recurrence_policy != "original":
            return
        work = self._work(calendar)
        laid_out = self._laid_out(calendar)
        first = {link.base["series"]: link.id for link in laid_out}
        extra = laid_out.filtered(lambda link: link.id not in first.values())
        series = self.env["calendar.sync.series"].search(
            [("calendar_id", "=", calendar.id), ("origin", "=", "remote")]
        )
        self._apply(
            work,
            [
                Action(
                    kind="withdraw",
                    remote_id=link.remote_id,
                    link=link._value(),
                    reason=self.env._("Only original appointments are wanted"),
                )
                for link in series.link_ids | extra
            ],
        )
        series.unlink()
        self._write_journal(work)

    def _moment(self, start):
        return moment(start) if start is not None else ""

    # ------------------------------------------------------------
    # The end of a listing
    # ------------------------------------------------------------

    def _questions(self, calendar, listing):
        """Ids to ask for one by one before the listing can be closed: masters of
        orphaned exceptions, and in a full listing what should have been there and was
        not, or may have changed here."""
        questions = listing.orphans - listing.seen
        if listing.full and listing.token:
            window = self.account_id._window()
            links = self.env["calendar.sync.link"].search(
                [
                    ("calendar_id", "=", calendar.id),
                    ("etag", "!=", False),
                    ("remote_id", "not in", list(listing.seen)),
                    "|",
                    ("state", "!=", "synced"),
                    "&",
                    ("event_id.active", "=", True),
                    ("event_id.stop", ">", window.start.replace(tzinfo=None)),
                ]
            )
            questions |= {
                link.series_id.remote_id if link.series_id._alive() else link.remote_id
                for link in links
            }
        return sorted(questions - {""}) if listing.token else []

    def _close_listing(self, calendar, listing):
        if listing.deletions:
            self._close_deletions(calendar, listing)
        calendar.write({"sync_token": listing.token, "error": False, "listed": True})

    def _close_deletions(self, calendar, listing):
        """Carry out the deletions of a listing, or ask when they are many."""
        work = self._work(calendar)
        deletions = list(listing.deletions.values())
        count = self._units(deletions)
        linked = calendar._linked_units(listing.newest)
        if trips(count, linked) and not calendar.release:
            calendar._hold_deletions(deletions, linked)
            self._note(
                work,
                "held",
                message=self.env._(
                    "%(count)s of %(linked)s events were deleted remotely",
                    count=count,
                    linked=linked,
                ),
            )
        else:
            # decided again: somebody may have gone on typing since their page
            self._apply(work, self._decide(work, [a.remote for a in deletions]))
        self._write_journal(work)

    def _units(self, actions):
        """How many appointments these actions concern."""
        links = self.env["calendar.sync.link"]
        return links.browse(a.link.key for a in actions if a.link)._units()
