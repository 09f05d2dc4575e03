"""The same meeting in several places: recognised, not copied."""

import re
from collections import defaultdict
from datetime import timezone

from odoo import models
from odoo.tools import SQL

from ..calsync.errors import RuleUnreadable
from ..calsync.plan import same_meeting, unwanted
from ..calsync.series import dates
from ..calsync.values import When, Write, moment

# Before an occurrence's time, what names the tail of a split series: Odoo's own
# connector has it there, Google has not (odoo/odoo pull request 120798).
TAIL = r"_R\d{8}(T\d{6}Z?)?(?=_)"


def google_name(remote_id):
    return re.sub(TAIL, "", remote_id)


def plain(when):
    """As Odoo can hold it: whole seconds, in UTC."""
    if when.allday:
        return when
    start, stop = (
        side.astimezone(timezone.utc).replace(microsecond=0)
        for side in (when.start, when.stop)
    )
    return When(start, stop)


class CalendarSyncRun(models.Model):
    _inherit = "calendar.sync.run"

    # ------------------------------------------------------------
    # Single meetings
    # ------------------------------------------------------------

    def _matches(self, work, new, *, first):
        """{remote id: Odoo event} of events that are in Odoo already."""
        result = self._own_doubles(work, new) if first else {}
        by_uid = {e.ical_uid: [] for e in new if e.ical_uid}
        for event in new:
            if event.ical_uid:
                by_uid[event.ical_uid].append(event)
        if not by_uid:
            return result
        others = self.env["calendar.sync.link"].search(
            [
                ("ical_uid", "in", list(by_uid)),
                ("account_id", "!=", self.account_id.id),
                ("user_id", "!=", self.user_id.id),
                ("event_id.active", "=", True),
            ]
        )
        for link in others:
            named = frozenset((link.base or {}).get("people") or link._guests())
            for event in by_uid[link.ical_uid]:
                if (link.original_start or "") != self._moment(event.original_start):
                    continue
                if link.event_id.sync_link_ids.account_id & self.account_id:
                    continue
                mine = self._addresses(
                    self.account_id, self._aliases(work.calendar, event)
                )
                theirs = self._addresses(
                    link.account_id, (link.base or {}).get("own", ())
                )
                if same_meeting(event.emails, mine, named, theirs):
                    result[event.remote_id] = link.event_id.id
        return result

    def _addresses(self, account, aliases):
        """Those that are known to be the account's, in lower case."""
        return frozenset({(account.email or "").lower(), *aliases} - {""})

    def _aliases(self, calendar, remote):
        """The addresses that the provider itself marks as the owner's in a copy.

        Only in the primary calendar: elsewhere the mark means the calendar, not the
        account, and a colleague's calendar that is shared with the user would make them
        the colleague (mmedum/google-calendar-mcp, probe 50).
        """
        if not calendar.is_primary:
            return []
        people = [*remote.attendees, *filter(None, [remote.organizer])]
        marked = {p.email.lower() for p in people if p.is_self and not p.is_resource}
        return sorted(marked - {"", (calendar.account_id.email or "").lower()})

    def _own_doubles(self, work, new):
        """At the first listing: meetings that are on both sides already. They are
        bound, not copied."""
        free = self._own_meetings(new).filtered(lambda e: not self._is_bound(e))
        named = self._named_by_google(work.calendar, free)
        alike = defaultdict(list)
        for event in free:
            alike[event.name, event._sync_when()].append(event)
        result, taken = {}, set()
        for remote in new:
            twins = alike[self._title(remote.fields), plain(remote.fields.when)]
            if not remote.series_id:
                # a series that is not laid out is compared as a whole
                twins = [event for event in twins if not event.recurrence_id]
            double = named.get(google_name(remote.remote_id))
            for event in [double, *twins]:
                if event and event not in taken:
                    taken.add(event)
                    result[remote.remote_id] = event.id
                    break
        return result

    def _own_meetings(self, new):
        """The user's meetings with the title and the start of one of these, or that
        Odoo's own connector took from Google."""
        times = [plain(e.fields.when) for e in new]
        self.env.flush_all()
        # (a search by thousands of times takes the ORM longer than the answer)
        rows = self.env.execute_query(
            SQL(
                """SELECT e.id FROM calendar_event e
                    WHERE e.active AND (%(named)s OR e.name = ANY(%(titles)s) AND (
                              NOT e.allday AND e.start = ANY(%(starts)s) OR
                              e.allday AND COALESCE(e.start_date, e.start::date)
                                           = ANY(%(days)s)))
                      AND (e.user_id = %(user)s OR EXISTS (
                           SELECT 1 FROM calendar_event_res_partner_rel r
                            WHERE r.calendar_event_id = e.id
                              AND r.res_partner_id = %(partner)s))
                 ORDER BY e.id""",
                named=self._google_id_among([google_name(e.remote_id) for e in new]),
                titles=list({self._title(e.fields) for e in new}),
                starts=[w.start.replace(tzinfo=None) for w in times if not w.allday],
                days=[w.start for w in times if w.allday],
                user=self.user_id.id,
                partner=self.user_id.partner_id.id,
            )
        )
        return self.env["calendar.event"].browse(row[0] for row in rows)

    def _title(self, fields):
        return self.env["calendar.event"]._sync_values({"name": fields.name})["name"]

    def _is_bound(self, event):
        """To a copy of this account? (Then it is no double of another one.)"""
        links = event.sync_link_ids
        return any(link.base for link in links if link.account_id == self.account_id)

    def _google_id_among(self, ids):
        if "google_id" not in self.env["calendar.event"]._fields:
            return SQL("FALSE")
        return SQL("regexp_replace(e.google_id, %s, '') = ANY(%s)", TAIL, ids)

    def _named_by_google(self, calendar, events):
        """{id at Google: event} of those that Odoo's own connector took from this
        calendar; it knows the main one only.

        An id alone proves nothing of a meeting that a colleague leads: whoever invites
        the user knows it.
        """
        main = calendar.is_primary and self.account_id.provider == "google"
        if not main or "google_id" not in events._fields:
            return {}
        mine = events.filtered(
            lambda e: e.user_id in (self.user_id, e.user_id.browse())
        )
        return {google_name(e.google_id): e for e in mine if e.google_id}

    # ------------------------------------------------------------
    # Series
    # ------------------------------------------------------------

    def _own_series(self, work, master, exceptions):
        """At the first listing: the recurrence of Odoo that is on both sides already,
        with the same title and dates, as a series whose home is this calendar; None
        when there is none.

        :param exceptions: those of the series that were listed with it
        """
        policy = work.policy
        if not (policy.writable and master.writable and master.organized_by_self):
            return None
        if unwanted(master, policy) not in ("", "window"):
            return None
        gone = {moment(e.original_start) for e in exceptions if e.cancelled}
        for recurrence in self._free_recurrences(master.fields.name):
            series = self.env["calendar.sync.series"].create(
                {
                    "calendar_id": work.calendar.id,
                    "remote_id": master.remote_id,
                    "recurrence_id": recurrence.id,
                    "origin": "odoo",
                }
            )
            if self._recognise(series, master, gone, policy.window):
                self._note(
                    work,
                    "updated",
                    event=recurrence.base_event_id,
                    remote_id=master.remote_id,
                    message=self.env._("Recognised as the same meeting"),
                )
                return series
            series.unlink()
        return None

    def _free_recurrences(self, name):
        """The user's own recurrences with meetings of this title that are not bound to
        any calendar of theirs yet."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT e.recurrence_id FROM calendar_event e
                    WHERE e.active AND e.name = %(name)s AND e.user_id = %(user)s
                      AND e.recurrence_id IS NOT NULL AND NOT EXISTS (
                          SELECT 1 FROM calendar_event o
                            JOIN calendar_sync_link l ON l.event_id = o.id
                           WHERE o.recurrence_id = e.recurrence_id
                             AND l.user_id = %(user)s AND l.base IS NOT NULL)
                 GROUP BY e.recurrence_id ORDER BY e.recurrence_id""",
                name=name,
                user=self.user_id.id,
            )
        )
        return self.env["calendar.recurrence"].browse(row[0] for row in rows)

    def _recognise(self, series, master, gone, window):
        """Bind a series to its recurrence if it takes place at the same times, of which
        neither side lacks any; answers whether it does."""
        events = series._own_events()
        if not events:
            return False
        when = master.fields.when
        try:
            ours, layout = series._lay_out_events(events)
            here = dates(layout.recurrence, ours.when, window)
            there = dates(master.recurrence, when, window) - gone
        except RuleUnreadable:
            return False
        lengths = {ours.when.stop - ours.when.start, when.stop - when.start}
        if not here or here != there or len(lengths) > 1:
            return False
        # a copy that was to be made is not needed any more
        copies = series.search(
            [
                ("recurrence_id", "=", series.recurrence_id.id),
                ("account_id", "=", self.account_id.id),
                ("id", "!=", series.id),
            ]
        )
        copies.filtered(lambda copy: not copy.base).unlink()
        series.base = {"fields": ours.to_json(), "lines": list(layout.recurrence)}
        series._place(events, layout)
        series._take_written(Write(verb="insert", remote_id=master.remote_id), master)
        people = {p.email.lower(): p.response for p in self._named(master)}
        for link in series.link_ids:
            link.base = {**link.base, "people": people}
        return True
