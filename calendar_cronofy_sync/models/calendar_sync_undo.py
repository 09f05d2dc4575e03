"""Undoing a run: both sides as they were before it, nobody notified.

Line by line, the last one first. A line whose event was changed since is a reason to
refuse the whole: half an undo would be worse than none.
"""

from dataclasses import replace

from odoo import models
from odoo.exceptions import UserError

from ..calsync.errors import SyncError
from ..calsync.values import FIELD_NAMES, Fields, When, Write
from .calendar_event import QUIET

#: kinds of lines that changed nothing
NOTES = ("conflict", "failed", "held", "skipped", "closed")


class CalendarSyncRun(models.Model):
    _inherit = "calendar.sync.run"

    def action_undo(self):
        """Put both sides back as they were before this run.

        :raises UserError: something was changed since, or the provider does not answer
        """
        self.ensure_one()
        account = self.account_id._own()
        run = self.sudo().with_context(active_test=False)
        lines = run.line_ids.filtered(lambda line: line.kind not in NOTES)
        if run.state == "undone":
            raise UserError(self.env._("This run has been undone already."))
        if run.state == "running":
            raise UserError(self.env._("This run is still going on."))
        lines._check_undo()
        writes = {}
        for line in lines.sorted("id", reverse=True):
            if write := line._undo():
                writes.setdefault(line.calendar_id, []).append((line, write))
        run.state = "undone"
        if writes:
            run._undo_remotely(account, writes)

    def _undo_remotely(self, account, writes):
        try:
            with account._connected() as provider:
                for calendar, pairs in writes.items():
                    outcomes = provider.push(
                        calendar.remote_id, [write for _line, write in pairs]
                    )
                    for (line, write), outcome in zip(pairs, outcomes, strict=True):
                        if outcome.error:
                            raise outcome.error
                        line._undone(write, outcome.event)
        except SyncError as error:
            raise UserError(
                self.env._(
                    "The provider could not be brought back: %(error)s Nothing was "
                    "undone in Odoo.",
                    error=error,
                )
            ) from error


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
        later = self.search(
            [
                ("run_id", ">", max(runs.ids, default=0)),
                ("kind", "not in", NOTES),
                ("event_id", "in", self.event_id.ids),
                ("run_id.state", "!=", "undone"),
            ]
        )
        names = later.event_id.mapped("name")
        for line in self:
            link, event = line._link(), line.event_id
            if not link or not event or link.event_id != event:
                continue
            base = (link.base or {}).get("local")
            if link.state == "pending" or (
                base and event.active and event._sync_fields() != Fields.from_json(base)
            ):
                names.append(event.name)
        if names:
            raise UserError(
                self.env._(
                    "Changed since, so that the run cannot be undone as a whole: "
                    "%(events)s",
                    events=", ".join(sorted(set(names))[:10]),
                )
            )

    def _undo(self):
        """Undo the line in Odoo; what has to be undone at the provider is the
        answer."""
        self.ensure_one()
        event = self.event_id.with_context(**QUIET)
        link, before = self._link(), self.before or {}
        match self.kind:
            case "created":
                event.write({"active": False})
                # the link stays, so that the event is not taken for a new one
                link.write({"event_id": False, "state": "synced"})
            case "updated":
                self._undo_update(event, link, before)
            case "deleted" | "withdrawn":
                event.write({"active": before.get("active", event.active)})
            case "declined":
                partner = self.user_id.partner_id
                attendee = event.attendee_ids.filtered(
                    lambda a: a.partner_id == partner
                )
                attendee.write({"state": before.get("answer", "accepted")})
            case "pushed_insert":
                return Write(verb="delete", key=self.id, remote_id=self.remote_id)
            case "pushed_patch":
                fields = Fields.from_json(before["remote"])
                return Write(
                    verb="patch",
                    key=self.id,
                    remote_id=self.remote_id,
                    fields=fields,
                    changed=frozenset(FIELD_NAMES),
                )
            case "pushed_delete":
                fields = Fields.from_json(before["remote"])
                remote_id = event._sync_remote_id(
                    "undo", f"{self.id}/{self.remote_id}", self.calendar_id
                )
                return Write(
                    verb="insert", key=self.id, remote_id=remote_id, fields=fields
                )
        return None

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

    def _undone(self, write, remote):
        """The provider has done its part."""
        link = self._link()
        if self.kind == "pushed_insert":
            link.write({"etag": False, "base": False, "state": "synced"})
            link._free()
        elif self.kind == "pushed_patch" and link:
            link.write(
                {
                    "etag": remote.etag,
                    "base": {**link.base, "remote": remote.fields.to_json()},
                }
            )
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
