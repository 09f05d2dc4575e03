"""The same meeting in several places: recognised, not copied."""

from odoo import models
from odoo.tools import SQL

from ..calsync.errors import RuleUnreadable
from ..calsync.plan import same_meeting, unwanted
from ..calsync.series import dates
from ..calsync.values import Write, moment


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
            named = frozenset((link.base or {}).get("people", {}))
            for event in by_uid[link.ical_uid]:
                if (link.original_start or "") != self._moment(event.original_start):
                    continue
                if link.event_id.sync_link_ids.account_id & self.account_id:
                    continue
                mine, theirs = self.account_id.email, link.account_id.email
                if same_meeting(event.emails, mine or "", named, theirs or ""):
                    result[event.remote_id] = link.event_id.id
        return result

    def _own_doubles(self, work, new):
        """At the first listing: meetings that are on both sides already, with the same
        title and times. They are bound, not copied."""
        user = self.account_id.user_id
        values = {
            e.remote_id: self.env["calendar.event"]._sync_time_values(e.fields.when)
            for e in new
        }
        # (a search by thousands of times takes the ORM longer than the answer)
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT e.id FROM calendar_event e
                WHERE e.active AND e.name = ANY(%s) AND e.start = ANY(%s)
                  AND (e.user_id = %s OR EXISTS (
                       SELECT 1 FROM calendar_event_res_partner_rel r
                        WHERE r.calendar_event_id = e.id AND r.res_partner_id = %s))
             ORDER BY e.id""",
            [
                list({e.fields.name for e in new}),
                list({v["start"] for v in values.values()}),
                user.id,
                user.partner_id.id,
            ],
        )
        mine = self.env["calendar.event"].browse(
            row[0] for row in self.env.cr.fetchall()
        )
        # an event that is bound to a copy of this account already is not a double
        free = {}
        for event in mine:
            links = event.sync_link_ids.filtered(
                lambda link: link.account_id == self.account_id
            )
            if not any(link.base for link in links) and not event.recurrence_id:
                free.setdefault(
                    (event.name, event.start, event.stop, event.allday), event
                )
        result = {}
        for event in new:
            time = values[event.remote_id]
            key = (event.fields.name, time["start"], time["stop"], time["allday"])
            if double := free.pop(key, None):
                result[event.remote_id] = double.id
        return result

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
