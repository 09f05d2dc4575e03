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

    # ------------------------------------------------------------
    # Which series a recurrence of Odoo is
    # ------------------------------------------------------------

    @api.model
    def _enlist(self, account, recurrence_ids):
        """See to it that these recurrences of Odoo are series of the account: one that
        is there already, the single appointment that became one, or else a new one."""
        for recurrence in self.env["calendar.recurrence"].browse(
            sorted(recurrence_ids)
        ):
            series = self._led_by(account, recurrence)
            if series:
                series.state = "pending"
            elif not self._arrives_by_others(account, recurrence):
                self._begin(account, recurrence)

    def _led_by(self, account, recurrence):
        """The series of the account that this recurrence leads; one whose own is gone
        goes on with the recurrence that its appointments have now."""
        domain = [("account_id", "=", account.id), ("calendar_id.active", "=", True)]
        series = self.search([*domain, ("recurrence_id", "=", recurrence.id)], limit=1)
        if not series:
            left = recurrence.calendar_event_ids.sync_link_ids.series_id
            series = left.filtered(
                lambda one: (
                    one.account_id == account
                    and one.origin == "odoo"
                    and one.calendar_id.active
                    and not one.recurrence_id
                )
            )[:1]
            series.recurrence_id = recurrence
        return series

    def _arrives_by_others(self, account, recurrence):
        """Is it the series of somebody else's appointment that this account holds a
        guest's copy of? Then the provider brings the copies of the others, too."""
        links = recurrence.calendar_event_ids.sync_link_ids
        mine = links.filtered(
            lambda link: (
                link.account_id == account and link.ical_uid and not link._organized()
            )
        )
        return any(
            link.ical_uid in mine.mapped("ical_uid")
            and link.account_id.state != "revoked"
            and link._organized()
            for link in links - mine
        )

    def _begin(self, account, recurrence):
        """A new series, which begins as the single appointment that became one."""
        links = recurrence.calendar_event_ids.sync_link_ids.filtered(
            lambda link: link.account_id == account and not link.series_id
        )
        links.filtered(lambda link: not link.base and not link.etag).unlink()
        links = links.exists()
        if any(not link.etag for link in links):
            return  # on its way, and nobody knows yet whether it arrived
        links = links.filtered(
            lambda link: link._may_repeat() and link.event_id.follow_recurrence
        )
        first = recurrence.base_event_id
        link = links.filtered(lambda link: link.event_id == first)[:1] or links[:1]
        calendar = link.calendar_id or account.target_calendar_id
        values = {
            "calendar_id": calendar.id,
            "recurrence_id": recurrence.id,
            "origin": "odoo",
            "state": "pending",
        }
        if not link:
            remote_id = self.env["calendar.event"]._sync_remote_id()
            self.create({**values, "remote_id": remote_id})
            return
        base = link.base
        single = RemoteEvent(
            remote_id=link.remote_id,
            ical_uid=link.ical_uid or "",
            etag=link.etag,
            fields=Fields.from_json(base["remote"]),
        )
        series = self.create(
            {
                **values,
                "remote_id": link.remote_id,
                "generation": link.generation,
                "master": single.to_json(),
                "base": {"fields": base["local"], "lines": []},
            }
        )
        start = single.fields.when.start
        link.write(
            {
                "series_id": series.id,
                "original_start": moment(start),
                "remote_id": series._instance(start),
                "state": "pending",
            }
        )

    @api.model
    def _settle(self, account):
        """Let the series of the account follow their appointments: what left a series
        is none of it any more, and what is left of one that ended goes on in its
        place."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT s.id, l.id
                     FROM calendar_sync_series s
                     JOIN calendar_sync_link l ON l.series_id = s.id
                     JOIN calendar_event e ON e.id = l.event_id
                    WHERE s.account_id = %s AND s.origin = 'odoo'
                      AND (s.recurrence_id IS NULL
                           OR e.recurrence_id IS DISTINCT FROM s.recurrence_id)
                 ORDER BY s.id, e.active DESC, e.start, l.id""",
                account.id,
            )
        )
        left = {}
        for series_id, link_id in rows:
            left.setdefault(series_id, []).append(link_id)
        for series_id, link_ids in left.items():
            series = self.browse(series_id)
            links = self.env["calendar.sync.link"].browse(link_ids)
            series._follow(links)

    def _follow(self, left):
        """:param left: links to appointments that are in another recurrence, or none"""
        account = self.account_id
        heirs = left.filtered(
            lambda link: (
                link.event_id.active
                and link.event_id._sync_belongs(
                    account.user_id, private=account.sync_private
                )
            )
        )
        if self.master and heirs and not self._own_events():
            heir = heirs[0]
            recurrence = heir.event_id.recurrence_id
            if not recurrence:
                self._end_in(heir)
                return
            if not self.search(
                [
                    ("account_id", "=", account.id),
                    ("recurrence_id", "=", recurrence.id),
                ]
            ):
                self.write({"recurrence_id": recurrence.id, "state": "pending"})
                return
        left.unlink()
        self.state = "pending"

    def _end_in(self, link, *, repeating=True):
        """The series is a single appointment now: this one.

        :param repeating: it still is a series at the provider
        """
        master = self._remote_master()
        base = self._agreed_here().to_json()
        (self.link_ids - link).unlink()
        remote_id = self.remote_id
        link.write(
            {
                "series_id": False,
                "original_start": False,
                "remote_id": remote_id,
                "generation": self.generation,
                "etag": master.etag,
                "ical_uid": master.ical_uid,
                "state": "pending",
                "error": False,
                "base": {
                    "local": base,
                    "remote": master.fields.to_json(),
                    "people": (link.base or {}).get("people", {}),
                    "organized": True,
                    "writable": True,
                    **({"repeating": True} if repeating else {}),
                },
            }
        )
        self.unlink()

    def _is_single_still(self):
        """Was it a single appointment when both sides last agreed?"""
        return bool(self.base) and not self.base["lines"]

    def _back_to_single(self):
        """What became a series here is a single appointment at the provider still, and
        was changed there: as such it is looked at once more."""
        first = self.link_ids.filtered("event_id").sorted("id")[:1]
        if first:
            self._end_in(first, repeating=False)
        else:
            self.unlink()

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

        def elsewhere(event):
            return any(
                link.series_id != self
                and not link._left_behind()
                # (a copy in a calendar that is gone is none)
                and (link.calendar_id.active or link.origin == "remote")
                and (
                    link.account_id == account
                    or (link.user_id == self.user_id and link.origin == "remote")
                )
                for link in event.sync_link_ids
            )

        return self.recurrence_id.calendar_event_ids.filtered(
            lambda event: (
                event._sync_belongs(account.user_id, private=account.sync_private)
                and not elsewhere(event)
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
        if not base.get("lines"):
            names |= {"when"}  # a series is repeated on the clock of a zone
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
        allday = recurrence._is_allday()  # as Odoo decides it: single ones may differ
        alike = following.filtered(lambda event: event.allday == allday) or following
        first = self._first(recurrence, [values[event].when for event in alike], tz)
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
        earliest = min(times, key=lambda when: moment(when.start))
        base = self.base or {}
        if base and base["lines"]:
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
                # (what was written to the old place alone does not come along)
                link.write(
                    {
                        "original_start": key,
                        "remote_id": self._instance(start),
                        "etag": False,
                        "base": False,
                    }
                )
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
                        "ical_uid": (self.master or {}).get("ical_uid"),
                        "original_start": key,
                        "origin": links[:1].origin or "odoo",
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
                "remote_id": event._sync_remote_id(),
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
        own. Those that do not follow take over what was changed in the master; whether
        their times do as well, nobody says: so they are written once more."""
        self.ensure_one()
        if write.verb == "delete":
            self.link_ids.unlink()
            self.unlink()
            return
        new, before = write.verb == "insert", self.base
        after = self.base.get("next") or self.base
        sent = Fields.from_json(after["fields"])
        names = changed(None if new else self._agreed_here(), sent)
        moved = new or "when" in names or before["lines"] != after["lines"]
        self.base = after
        exceptions = {} if new else self._remote_exceptions()
        if moved and not new:
            places = set(self.link_ids.mapped("original_start"))
            exceptions = {
                key: exception if key in places else self._cancelled(key)
                for key, exception in exceptions.items()
            }
        self.write(
            {
                "master": master.to_json(),
                # somebody may have gone on typing while the request was on its way
                "state": "synced" if self._as_agreed() else "pending",
                "error": False,
                "exceptions": {key: one.to_json() for key, one in exceptions.items()},
            }
        )
        for link in self.link_ids:
            self._take_place(link, sent, names, moved, exceptions, new=new)

    def _take_place(self, link, sent, names, moved, exceptions, *, new):
        """What a link knows after its master was written."""
        master = self._remote_master()
        start = from_moment(link.original_start)
        ours, theirs = fields_at(sent, start), fields_at(master.fields, start)
        base = {} if new else link.base or {}
        exception = exceptions.get(link.original_start)
        there = exception.fields if exception else None
        if there is None and base.get("remote") and self._follows_not(link):
            there = Fields.from_json(base["remote"])
        if there is not None:
            here = Fields.from_json(base["local"]) if base.get("local") else there
            ours = replace(here, **{name: getattr(ours, name) for name in names})
            then = theirs.when
            theirs = replace(there, **{name: getattr(theirs, name) for name in names})
            if moved and link.event_id:
                now = link.event_id._sync_fields().when
                when = then if now == there.when else there.when
                ours, theirs = replace(ours, when=when), replace(theirs, when=when)
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
                    "people": base.get("people") or self._people(),
                    "organized": True,
                    "writable": True,
                },
            }
        )

    def _people(self):
        """The guests of the series and their answers, as a link keeps them."""
        master = self._remote_master()
        guests = master.attendees if master else ()
        return {
            guest.email.lower(): guest.response
            for guest in guests
            if guest.email and not guest.is_resource
        }

    def _follows_not(self, link):
        """Was something written to this occurrence alone, or may have been?"""
        own = link.etag and not link.etag.startswith(DERIVED)
        return own or "sent" in (link.base or {})

    def _cancelled(self, key):
        """A place that has no occurrence any more, and gets none."""
        start = from_moment(key)
        return RemoteEvent(
            remote_id=self._instance(start),
            status="cancelled",
            master_id=self.remote_id,
            original_start=start,
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

    def _moved_remotely(self, before):
        """Has it another rule there, or other times, than when it was seen last?"""
        master = self._remote_master()
        return before is not None and (
            before.recurrence != master.recurrence
            or before.fields.when != master.fields.when
        )

    def _changed_remotely(self, before, master):
        """A series made in Odoo was changed at the provider. When its rule or its times
        changed, Odoo's own recurrence cannot follow: the meetings stay, one by one, and
        the provider's rule leads from now on."""
        if self._moved_remotely(before):
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
            series.write(
                {
                    "generation": series.generation + 1,
                    "remote_id": self.env["calendar.event"]._sync_remote_id(),
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
