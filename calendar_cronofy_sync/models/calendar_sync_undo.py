"""Undoing a run: both sides as they were before it, nobody notified.

Line by line, the last one first. A line whose event was changed since is a reason to
refuse the whole: half an undo would be worse than none.
"""

import hashlib
from base64 import b32hexencode
from contextlib import nullcontext
from dataclasses import replace

from odoo import models
from odoo.exceptions import UserError

from ..calsync.errors import Conflict, SyncError
from ..calsync.mapping import family
from ..calsync.undo import absent, way_back
from ..calsync.values import FIELD_NAMES, Fields, RemoteEvent, When, Write
from .calendar_event import QUIET

#: kinds of lines that changed nothing
NOTES = ("conflict", "failed", "held", "skipped", "closed")
#: kinds of lines that changed the provider's side
PUSHED = ("pushed_insert", "pushed_patch", "pushed_delete")


class CalendarSyncRun(models.Model):
    _inherit = "calendar.sync.run"

    def action_undo(self):
        """Put both sides back as they were before this run.

        What is there now is looked at before anything is written, and Odoo's side is
        written before the provider's: whatever makes Odoo repeat the call comes before
        that, and what a call before has done there already is taken as done.

        :raises UserError: something was changed since, or the provider does not answer
        """
        self.ensure_one()
        account = self.account_id._own()
        account._lock()
        run = self.sudo().with_context(active_test=False)
        lines = run.line_ids.filtered(lambda line: line.kind not in NOTES)
        if run.state == "undone":
            raise UserError(self.env._("This run has been undone already."))
        if run._is_going():
            raise UserError(self.env._("This run is still going on."))
        lines._check_undo()
        writes = lines._writes_back()
        try:
            with account._connected() if writes else nullcontext() as provider:
                steps = run._look(provider, writes)
                run._undo_here(lines)
                run._undo_there(provider, steps)
        except SyncError as error:
            raise UserError(
                self.env._(
                    "The provider could not be brought back: %(error)s Nothing was "
                    "undone in Odoo.",
                    error=error,
                )
            ) from error

    def _is_going(self):
        """A run that was killed is not, whatever its state says."""
        claim = self.claim
        return self.state == "running" and claim and claim == self.account_id.claim

    def _look(self, provider, writes):
        """What is left to do by what is there now: ``{calendar: [(line, write or
        outcome)]}``.

        :raises UserError: somebody made changes there that we have not fetched yet
        """
        steps, changed = {}, []
        for calendar, pairs in writes.items():
            ids = {key for line, write in pairs for key in line._concerned(write)}
            present = provider.get(calendar.remote_id, sorted(ids))
            for line, write in pairs:
                try:
                    step = line._way_back(write, present)
                except Conflict:
                    changed.append(line._title())
                else:
                    steps.setdefault(calendar, []).append((line, step))
        self._refuse(changed)
        return steps

    def _refuse(self, names):
        """Refuse the undo for what was changed since, if anything was."""
        if names:
            raise UserError(
                self.env._(
                    "Changed since, so that the run cannot be undone as a whole: "
                    "%(events)s",
                    events=", ".join(sorted(set(names))[:10]),
                )
            )

    def _undo_here(self, lines):
        # a run that is on its way goes by what was agreed until now: it stops
        self.account_id.claim = False
        for line in lines.sorted("id", reverse=True):
            line._undo()
        self.state = "undone"
        # what is left to write when the provider has answered is nobody else's now
        lines._links().lock_for_update(allow_referencing=True)
        self.env.flush_all()

    def _undo_there(self, provider, steps):
        for calendar, pairs in steps.items():
            writes = [step for _line, step in pairs if isinstance(step, Write)]
            outcomes = provider.push(calendar.remote_id, writes) if writes else []
            done = {outcome.key: outcome for outcome in outcomes}
            for line, step in pairs:
                outcome = done.get(line.id, step)
                if outcome.error:
                    raise outcome.error
                line._undone(outcome.event)


class CalendarSyncRunLine(models.Model):
    _inherit = "calendar.sync.run.line"

    def _link(self):
        return (
            self.env["calendar.sync.link"]
            .sudo()
            .with_context(active_test=False)
            .search(
                [
                    ("calendar_id", "=", self.calendar_id.id),
                    ("remote_id", "=", self.remote_id),
                ]
            )
        )

    def _links(self):
        links = self.env["calendar.sync.link"].sudo()
        return links.union(*(line._link() for line in self))

    def _series(self):
        """The series of which these lines tell, each as a whole."""
        return (
            self.env["calendar.sync.series"]
            .sudo()
            .search(
                [
                    ("calendar_id", "in", self.calendar_id.ids),
                    ("remote_id", "in", self.mapped("remote_id")),
                ]
            )
        )

    def _title(self):
        """The name of the appointment, for its owner, also when it is gone."""
        name = self.name or ((self.before or {}).get("remote") or {}).get("name")
        if not name and (series := self._series()):
            name = series._name_for_owner()
        return name or self.env._("(No title)")

    def _check_undo(self):
        """Refuse when anything that the run touched was changed since."""
        runs = self.run_id
        if any(
            line.kind in ("pushed_patch", "pushed_delete")
            and not (line.before or {}).get("remote")
            for line in self
        ):
            raise UserError(
                self.env._(
                    "The run changed or deleted a whole series at the provider; that "
                    "cannot be undone from here."
                )
            )
        series = self._series() | self._links().series_id
        later = self.search(
            [
                ("run_id", ">", max(runs.ids, default=0)),
                ("kind", "not in", NOTES),
                ("run_id.state", "!=", "undone"),
                # (a copy in another calendar only followed, and will again)
                "|",
                ("run_id.account_id", "=", runs.account_id.id),
                ("kind", "not in", PUSHED),
                "|",
                ("event_id", "in", self.event_id.ids),
                "&",
                ("calendar_id", "in", series.calendar_id.ids),
                ("remote_id", "in", series.mapped("remote_id")),
            ]
        )
        names = [line._title() for line in later]
        for line in self:
            link, event = line._link(), line.event_id
            if not link or not event or link.event_id != event:
                continue
            base = (link.base or {}).get("local")
            if link.state == "pending" or (
                base
                and event.active
                and event._sync_fields(source=link._source()) != Fields.from_json(base)
            ):
                names.append(event.name)
        runs._refuse(names)

    # ------------------------------------------------------------
    # At the provider
    # ------------------------------------------------------------

    def _writes_back(self):
        """What brings every remote event back that these lines changed:
        ``{calendar: [(the event's last line, write)]}``."""
        pushed = self.filtered(lambda line: line.kind in PUSHED).sorted("id")
        inserted = pushed.filtered(lambda line: line.kind == "pushed_insert")
        new = {(line.calendar_id, line.remote_id) for line in inserted}
        result = {}
        groups = pushed.grouped(lambda line: (line.calendar_id, line.remote_id))
        for (calendar, remote_id), lines in groups.items():
            master = family(remote_id)
            if master != remote_id and (calendar, master) in new:
                continue  # it goes with its series
            if write := lines._write_back():
                result.setdefault(calendar, []).append((lines[-1], write))
        return result

    def _write_back(self):
        """The same for one event and its lines in order: what was before the first
        counts; None where a run has undone itself."""
        first, last = self[0], self[-1]
        there = last.kind != "pushed_delete"
        if first.kind == "pushed_insert":
            delete = Write(verb="delete", key=last.id, remote_id=last.remote_id)
            return delete if there else None
        remote_id = last.remote_id
        if not there:  # the id of a deleted event stays taken
            remote_id = last._next_id()
        return Write(
            verb="patch" if there else "insert",
            key=last.id,
            remote_id=remote_id,
            fields=Fields.from_json(first.before["remote"]),
            changed=frozenset(FIELD_NAMES),
        )

    def _next_id(self):
        """The id under which the deleted event is written again: the same whenever the
        undo is repeated, and another after a backup was restored."""
        text = f"undo/{self.remote_id}/{self.id}/{self.create_date.isoformat()}"
        digest = hashlib.sha256(text.encode()).digest()[:20]
        return b32hexencode(digest).decode().lower()

    def _concerned(self, write):
        """The ids of the remote events to look at before the write."""
        occurrences = self._series().link_ids.mapped("remote_id")
        return {write.remote_id, self.remote_id, *occurrences}

    def _way_back(self, write, present):
        """What is left of the write; see :func:`calsync.undo.way_back`.

        :raises Conflict: the event, or an occurrence of the series, was changed since
        """
        deleted = present[self.remote_id]
        if write.verb == "insert" and isinstance(deleted, RemoteEvent):
            if not absent(deleted):
                raise Conflict  # it is there again
        series = self._series()
        for link in series.link_ids:
            one = Write(verb="delete", remote_id=link.remote_id)
            way_back(one, present[link.remote_id], link._knows)
        known = (series or self._link())._knows
        return way_back(write, present[write.remote_id], known)

    def _undone(self, remote):
        """The provider has done its part; ``remote`` is what it has now, or None."""
        link = self._link()
        if remote is None:
            link.write({"etag": False, "base": False, "state": "synced"})
            link._free()
            self._series()._free()
        elif self.kind == "pushed_delete":
            self.env["calendar.sync.link"].sudo().create(
                {
                    "calendar_id": self.calendar_id.id,
                    "remote_id": remote.remote_id,
                    "ical_uid": remote.ical_uid,
                    "etag": remote.etag,
                    "origin": "remote",
                    "base": {
                        "local": (self.before or {}).get("local"),
                        "remote": remote.fields.to_json(),
                    },
                }
            )
        elif link:
            base = {**(link.base or {}), "remote": remote.fields.to_json()}
            link.write({"etag": remote.etag, "base": base})

    # ------------------------------------------------------------
    # In Odoo
    # ------------------------------------------------------------

    def _undo(self):
        """Undo the line in Odoo. Other people's copies follow."""
        self.ensure_one()
        event = self.event_id.with_context(**QUIET)
        link, before = self._link(), self.before or {}
        match self.kind:
            case "created":
                event.write({"active": False})
                # the link stays, so that the event is not taken for a new one
                link.write({"event_id": False, "state": "synced"})
                event._sync_mark(but=link)
            case "updated" if before:
                self._undo_update(event, link, before)
                event._sync_mark(but=link)
            case "deleted" | "withdrawn" if "active" in before:
                event.write({"active": before["active"]})
                event._sync_mark()
            case "declined":
                partner = self.user_id.partner_id
                attendee = event.attendee_ids.filtered(
                    lambda a: a.partner_id == partner
                )
                attendee.write({"state": before.get("answer", "accepted")})

    def _undo_update(self, event, link, before):
        values = {
            name: When.from_json(value) if name == "when" else value
            for name, value in before.items()
            if name in FIELD_NAMES
        }
        event.write(event._sync_values(values))
        if "active" in before:
            event.write({"active": before["active"]})
        base = link.base or {}
        if base.get("local") and values:
            # what Odoo has again is what is agreed: the remote side stays as it is
            local = replace(Fields.from_json(base["local"]), **values)
            link.base = {**base, "local": local.to_json()}
