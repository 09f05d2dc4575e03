"""A remote series: its rule and its exceptions, kept so that the horizon can roll
on."""

import re
from collections import Counter
from dataclasses import replace
from datetime import datetime, timezone
from itertools import islice
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.tools import SQL

from ..calsync.plan import kept
from ..calsync.recurrence import expand, instance_id
from ..calsync.series import DERIVED, fields_at, lay_out
from ..calsync.values import (
    FIELD_NAMES,
    Fields,
    RemoteEvent,
    When,
    Write,
    changed,
    from_moment,
    moment,
)
from .calendar_event import QUIET


class CalendarSyncSeries(models.Model):
    _name = "calendar.sync.series"
    _description = "Synchronised Series"

    calendar_id = fields.Many2one(
        "calendar.sync.calendar", required=True, index=True, ondelete="cascade"
    )
    account_id = fields.Many2one(
        related="calendar_id.account_id", store=True, index=True
    )
    user_id = fields.Many2one(related="calendar_id.user_id", store=True, index=True)
    remote_id = fields.Char(required=True)
    origin = fields.Selection(
        [("odoo", "Odoo"), ("remote", "Remote")], required=True, default="remote"
    )
    # the native recurrence of a series that was made in Odoo
    recurrence_id = fields.Many2one(
        "calendar.recurrence", index="btree_not_null", ondelete="set null"
    )
    link_ids = fields.One2many("calendar.sync.link", "series_id")
    # RemoteEvent.to_json() of the master; empty until it has been seen
    master = fields.Json(groups=fields.NO_ACCESS)
    # {moment(original start): RemoteEvent.to_json()} of the exceptions
    exceptions = fields.Json(groups=fields.NO_ACCESS)
    # the master's fields as last sent or laid out, for a series made in Odoo
    base = fields.Json(groups=fields.NO_ACCESS)
    # occurrences exist in Odoo up to here
    horizon = fields.Datetime()
    state = fields.Selection(
        [("synced", "Synchronised"), ("pending", "Pending"), ("failed", "Failed")],
        required=True,
        default="synced",
    )
    error = fields.Text()
    # as that of a link
    held = fields.Boolean(readonly=True)
    # how often the id had to be chosen anew
    generation = fields.Integer()

    _calendar_remote_uniq = models.Constraint(
        "UNIQUE(calendar_id, remote_id)", "This series is known already."
    )

    def _remote_master(self):
        self.ensure_one()
        return RemoteEvent.from_json(self.master) if self.master else None

    def _alive(self):
        """Is there a series that we see?"""
        return bool(self.master) and self.master["status"] != "cancelled"

    def _remote_exceptions(self):
        self.ensure_one()
        return {
            key: RemoteEvent.from_json(value)
            for key, value in (self.exceptions or {}).items()
        }

    @api.model
    def _mark_made_here(self, ids, events):
        """Mark the series made in Odoo that these events belong to, or whose ids these
        are. Answers whether there were any."""
        events.flush_recordset(["recurrence_id"])
        self.env.cr.execute(
            SQL(
                """UPDATE calendar_sync_series s
                      SET state = 'pending', error = NULL, held = NULL
                    WHERE s.origin = 'odoo' AND (s.id IN %s OR s.recurrence_id IN (
                          SELECT recurrence_id FROM calendar_event WHERE id IN %s))
                RETURNING s.id""",
                tuple(ids) or (0,),
                tuple(events.ids) or (0,),
            )
        )
        marked = self.env.cr.fetchall()
        if marked:
            self.invalidate_model(["state", "error"])
        return bool(marked)

    @api.model
    def _enlist(self, vals_list):
        """Create what is not there yet; mark what is."""
        for vals in vals_list:
            known = self.search(
                [
                    ("calendar_id", "=", vals["calendar_id"]),
                    ("recurrence_id", "=", vals["recurrence_id"]),
                ]
            )
            if known:
                known.state = "pending"
            else:
                self.create(vals)

    def _made_here_and_alive(self, user):
        """Is the series led by Odoo, and has it appointments of the user left?"""
        return self.origin == "odoo" and any(
            event._sync_belongs(user, private=True)
            for event in self.recurrence_id.calendar_event_ids
        )

    # ------------------------------------------------------------
    # Series made in Odoo
    # ------------------------------------------------------------

    def _own_events(self):
        """The events of the recurrence that the user has in their calendar."""
        account = self.account_id
        return self.recurrence_id.calendar_event_ids.filtered(
            lambda event: event._sync_belongs(
                account.user_id, private=account.sync_private
            )
        )

    def _plan_write(self):
        """The write that brings the remote series to what the recurrence in Odoo is
        now; None when it is there already. Which event is which occurrence is
        stored."""
        self.ensure_one()
        events = self._own_events()
        if not events:
            if not self.base:  # never sent
                self.unlink()
                return None
            return Write(verb="delete", key=self.id, remote_id=self.remote_id)
        if self.base and not self.master:
            # sent, and nobody knows whether it arrived: the same once more, and what
            # was changed since is a change to it
            return self._insertion()
        fields_now, layout = self._lay_out_events(events)
        self._place(events, layout)
        base = self.base or {}
        before = self._agreed_here() if base else None
        names = changed(before, fields_now)
        lines = list(layout.recurrence)
        content = {"fields": fields_now.to_json(), "lines": lines}
        if not self.master:
            self.base = content
            return self._insertion()
        if not names and lines == base.get("lines"):
            self.write({"state": "synced", "error": False})
            return None
        # agreed only once it is written; until then the answer may be lost
        self.base = {**base, "next": content}
        rule_changed = lines != base.get("lines") or "when" in names
        return Write(
            verb="patch",
            key=self.id,
            remote_id=self.remote_id,
            etag=self._remote_master().etag,
            fields=fields_now,
            changed=names,
            known=self._remote_master().fields,
            recurrence=tuple(lines) if rule_changed else None,
        )

    def _agreed_here(self):
        """The master's fields as Odoo holds them. What came from the provider is there
        as its occurrences have agreed on it: in Odoo's words."""
        fields_here = Fields.from_json(self.base["fields"])
        followers = [
            Fields.from_json(link.base["local"])
            for link in self.link_ids
            if (link.etag or "").startswith(DERIVED) and (link.base or {}).get("local")
        ]
        for name in self.base.get("theirs", ()) if followers else ():
            value = getattr(followers[0], name)
            fields_here = replace(fields_here, **{name: value})
        return fields_here

    def _insertion(self):
        return Write(
            verb="insert",
            key=self.id,
            remote_id=self.remote_id,
            fields=Fields.from_json(self.base["fields"]),
            recurrence=tuple(self.base["lines"]),
            mark=self._mark_text(),
        )

    def _lay_out_events(self, events):
        """The fields of the master and the :class:`Layout` of the events."""
        recurrence = self.recurrence_id
        tz = recurrence.event_tz or self.user_id.tz or "UTC"
        values = {event: event._sync_fields(tz) for event in events}
        following = events.filtered("follow_recurrence") or events
        first = self._first(recurrence, [values[event].when for event in following], tz)
        common = {
            name: Counter(
                getattr(values[event], name) for event in following
            ).most_common(1)[0][0]
            for name in FIELD_NAMES
            if name != "when"
        }
        layout = lay_out(
            self._rule(recurrence, first),
            first,
            [(event.id, values[event].when) for event in events],
            self._gone().keys(),
        )
        return Fields(when=first, **common), layout

    def _gone(self):
        """The exceptions that are deletions, by their original start."""
        return {
            key: exception
            for key, exception in (self.exceptions or {}).items()
            if exception["status"] == "cancelled"
        }

    def _first(self, recurrence, times, tz):
        """When the rule begins. It stays where it was while occurrences still follow
        it:
        the first one may have been moved or deleted by itself."""
        earliest = min(times, key=lambda when: when.start)
        base = self.base or {}
        if base:
            old = When.from_json(base["fields"]["when"])
            rule = base["lines"][0]
            if old.allday == earliest.allday and rule == self._rule(recurrence, old):
                starts = {moment(when.start) for when in times}
                until = datetime.max.replace(year=9000, tzinfo=timezone.utc)
                for place in islice(expand([rule], old.start, tz=tz, until=until), 750):
                    if moment(place.start) in starts:
                        return When(old.start, old.stop, tz)
        return earliest

    def _rule(self, recurrence, first):
        """The RRULE line of a recurrence, with UNTIL as RFC 5545 wants it."""
        line = next(
            line
            for line in recurrence._rrule_serialize().splitlines()
            if "FREQ=" in line
        )
        rule = line.removeprefix("RRULE:")

        def until(match):
            if first.allday:
                return f"UNTIL={match[1]}"
            local = datetime.strptime(match[1] + match[2][:7], "%Y%m%dT%H%M%S")
            local = local.replace(tzinfo=ZoneInfo(first.tz or "UTC"))
            return "UNTIL=" + local.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")

        return "RRULE:" + re.sub(r"UNTIL=(\d{8})(T\d{6}Z?)?", until, rule)

    def _place(self, events, layout):
        """Let each event have the link of its occurrence."""
        links = self.link_ids
        at = {link.original_start: link for link in links}
        of = {link.event_id.id: link for link in links if link.event_id}
        kept, new = set(), []
        for event in events:
            start = layout.places.get(event.id)
            if start is None:
                continue
            key = moment(start)
            link = at.get(key)
            if link and link.event_id and link.event_id != event:
                link.event_id = False  # given to the event that has the place now
            if (
                not link
                and event.id in of
                and of[event.id].original_start
                not in {moment(place) for place in layout.places.values()}
            ):
                link = of[event.id]
                link.write({"original_start": key, "remote_id": self._instance(start)})
            if link:
                link.write({"event_id": event.id, "state": "pending"})
                kept.add(link.id)
            else:
                new.append(
                    {
                        "event_id": event.id,
                        "calendar_id": self.calendar_id.id,
                        "series_id": self.id,
                        "remote_id": self._instance(start),
                        "original_start": key,
                        "origin": "odoo",
                        "state": "pending",
                    }
                )
        links.filtered(lambda link: link.id not in kept).unlink()
        links.create(new)
        strays = events.browse(layout.strays)
        singles = [
            {
                "event_id": event.id,
                "calendar_id": self.calendar_id.id,
                "remote_id": event._sync_remote_id("event", event.id, self.calendar_id),
                "origin": "odoo",
                "state": "pending",
            }
            for event in strays
            if self.calendar_id not in event.sync_link_ids.calendar_id
        ]
        links._enlist(singles)

    def _instance(self, start):
        return instance_id(self.remote_id, start)

    def _take_written(self, write, master):
        """The master was written: occurrences that follow it need no write of their
        own."""
        self.ensure_one()
        if write.verb == "delete":
            self.link_ids.unlink()
            self.unlink()
            return
        self.base = self.base.get("next") or self.base
        sent = Fields.from_json(self.base["fields"])
        moved = write.verb == "insert" or write.recurrence is not None
        # what was deleted stays so as long as the dates are counted from the same start
        gone = {} if write.verb == "insert" or "when" in write.changed else self._gone()
        names = frozenset(FIELD_NAMES) if moved else write.changed
        self.write(
            {
                "master": master.to_json(),
                # somebody may have gone on typing while the request was on its way
                "state": "synced" if self._as_agreed() else "pending",
                "error": False,
                "exceptions": gone if moved else self.exceptions,
            }
        )
        for link in self.link_ids:
            start = from_moment(link.original_start)
            ours, theirs = fields_at(sent, start), fields_at(master.fields, start)
            base = link.base or {}
            if base.get("local") and not moved:
                ours = replace(
                    Fields.from_json(base["local"]),
                    **{name: getattr(ours, name) for name in names},
                )
                theirs = replace(
                    Fields.from_json(base["remote"]),
                    **{name: getattr(theirs, name) for name in names},
                )
            own = link.etag and not link.etag.startswith(DERIVED)
            etag = link.etag if own and not moved else f"{DERIVED}{master.etag}"
            same = link.event_id and link.event_id._sync_fields() == ours
            link.write(
                {
                    "etag": etag,
                    "ical_uid": master.ical_uid,
                    "state": "synced" if same else "pending",
                    "base": {
                        "local": ours.to_json(),
                        "remote": theirs.to_json(),
                        "people": {},
                        "organized": True,
                        "writable": True,
                    },
                }
            )

    def _as_agreed(self):
        events = self._own_events()
        if not events:
            return False
        now, layout = self._lay_out_events(events)
        same = not changed(Fields.from_json(self.base["fields"]), now)
        return same and list(layout.recurrence) == self.base["lines"]

    def _said_ourselves(self, master):
        """Is this what we wrote last, the answer to which never came?"""
        said = (self.base or {}).get("next")
        if not said or list(master.recurrence) != said["lines"]:
            return False
        sent = Fields.from_json(said["fields"])
        return all(
            kept(name, getattr(sent, name), getattr(master.fields, name))
            for name in FIELD_NAMES
        )

    def _changed_remotely(self, before, master):
        """A series made in Odoo was changed at the provider. When its rule or its times
        changed, Odoo's own recurrence cannot follow: the meetings stay, one by one, and
        the provider's rule leads from now on."""
        rule = before.recurrence != master.recurrence
        if rule or before.fields.when != master.fields.when:
            events = self.recurrence_id.calendar_event_ids.with_context(**QUIET)
            recurrence = self.recurrence_id
            state = "failed" if self.state == "failed" else "synced"
            self.write({"origin": "remote", "recurrence_id": False, "state": state})
            events.write({"recurrency": False, "recurrence_id": False})
            recurrence.unlink()
        elif self.base:
            fields_now = Fields.from_json(self.base["fields"])
            names = changed(before.fields, master.fields)
            fields_now = replace(
                fields_now, **{name: getattr(master.fields, name) for name in names}
            )
            # what Odoo makes of these is known once they are there: see _agreed_here
            self.base = {
                **self.base,
                "fields": fields_now.to_json(),
                "theirs": sorted(names),
            }

    def _knows(self, remote):
        """Is this the version of the master that was seen last?"""
        return bool(self.master) and remote.etag == self.master["etag"]

    def _free(self):
        """Give the remote id free: the series is gone there, and is written anew only
        when somebody changes it."""
        for series in self:
            links = series.link_ids
            series._choose_id()
            series.state = "synced"
            for link in links:
                link.write(
                    {
                        "remote_id": series._instance(from_moment(link.original_start)),
                        "etag": False,
                        "base": False,
                        "state": "synced",
                        "error": False,
                    }
                )

    def _renew(self):
        """Choose another id: the series is gone remotely, or the id was taken."""
        for series in self:
            series.link_ids.unlink()
            series._choose_id()

    def _choose_id(self):
        for series in self:
            generation = series.generation + 1
            series.write(
                {
                    "generation": generation,
                    "remote_id": self.env["calendar.event"]._sync_remote_id(
                        "series",
                        series.recurrence_id.id,
                        series.calendar_id,
                        generation,
                    ),
                    "master": False,
                    "exceptions": False,
                    "base": False,
                    "state": "pending",
                }
            )

    def _mark_text(self):
        uuid = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        return f"{uuid}:series:{self.recurrence_id.id}"

    def _name_for_owner(self):
        master = self._remote_master()
        return master.fields.name if master and master.fields else ""

    @api.model
    def _forget_ended(self):
        """Drop series that ended remotely and have no occurrence left here."""
        ended = self.search([("link_ids", "=", False), ("origin", "=", "remote")])
        ended.filtered(
            lambda series: series.master and series.master["status"] == "cancelled"
        ).unlink()
