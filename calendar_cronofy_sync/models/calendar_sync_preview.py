"""A run that is only rehearsed: everything is planned and nothing is kept.

The rehearsal is the run itself, carried out in a savepoint that is rolled back, with a
provider that has fetched everything before and writes nothing. What the journal would
say is the preview.
"""

from datetime import datetime, timezone

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date, format_datetime, html2plaintext

from ..calsync.errors import SyncError
from ..calsync.rehearsal import Rehearsal
from ..calsync.values import When
from .calendar_sync_pull import ACCOUNT_ERRORS
from .words import in_words

#: lines kept for reading; the counts are complete
LONGEST = 500


class _Undone(Exception):
    """Ends the savepoint of a rehearsal."""


class CalendarSyncAccount(models.Model):
    _inherit = "calendar.sync.account"

    def action_preview(self):
        """Show what a run would do now, event by event, without doing it."""
        account = self._own()
        if account.mode != "two_way":
            # of the others nothing is read, and nothing is kept for a dialog
            raise UserError(self.env._("Only a two-way connection is synchronised."))
        with account._explained():
            preview = self.env["calendar.sync.preview"].create(account._preview())
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Preview"),
            "res_model": preview._name,
            "res_id": preview.id,
            "view_mode": "form",
            "target": "new",
            "context": {"dialog_size": "extra-large"},
        }

    def _preview(self):
        """The values of a preview."""
        lines, error = self._rehearse()
        # what is left alone is read last
        lines.sort(key=lambda line: line["kind"] == "skipped")
        shown = lines[:LONGEST]
        kind = self.env["calendar.sync.preview.line"]._fields["kind"]
        labels = dict(kind._description_selection(self.env))
        counts = {}
        for line in lines:
            counts[line["kind"]] = counts.get(line["kind"], 0) + 1
        texts = [f"{labels[kind]}: {counts[kind]}" for kind in labels if kind in counts]
        if error:
            texts.append(error)
        # what waits for an answer is not planned again, and still not agreed
        calendars = self.with_context(active_test=False).calendar_ids
        texts += filter(None, (calendar._question() for calendar in calendars))
        if not texts:
            texts.append(self.env._("Nothing to do: both sides agree."))
        return {
            "account_id": self.id,
            "summary": "\n".join(texts),
            "more": len(lines) - len(shown),
            "line_ids": [fields.Command.create(line) for line in shown],
        }

    def _rehearse(self):
        """The lines that the journal of a run would have, and what stopped it."""
        lines, error = [], ""
        provider = Rehearsal(self._provider())
        try:
            self._fetch_listings(provider)
            with self.env.cr.savepoint():
                self.write({"state": "active"})
                run = (
                    self.env["calendar.sync.run"]
                    .with_context(calendar_sync_rehearsal=True)
                    .create({"account_id": self.id})
                )
                try:
                    _perform(run._rehearsal_steps(provider))
                except SyncError as err:
                    error = in_words(self.env, str(err))
                lines = [line._preview_values() for line in run.line_ids]
                raise _Undone
        except _Undone:
            self.env.invalidate_all()
        finally:
            provider.close()
        self._store_grant(provider.grant)  # a token may have been refreshed
        return lines, error

    def _fetch_listings(self, provider):
        """Wait for the network while nothing is locked yet: what the rehearsal writes
        before it is rolled back keeps others from writing to the same events."""
        window = self._window()
        for calendar in self._pulled_calendars():
            token = calendar.sync_token or ""
            error = provider.fetch(calendar.remote_id, token, window)
            if isinstance(error, ACCOUNT_ERRORS):
                return  # the rehearsal ends there as well


def _perform(steps):
    """Carry out a run alone, one request after the other."""
    step = next(steps, None)
    while step is not None:
        try:
            answer = step()
        except SyncError as error:
            resume = lambda error=error: steps.throw(error)  # noqa: E731 one of two ways on
        else:
            resume = lambda answer=answer: steps.send(answer)  # noqa: E731 the other one
        try:
            step = resume()
        except StopIteration:
            return


class CalendarSyncRun(models.Model):
    _inherit = "calendar.sync.run"

    def _rehearsal_steps(self, provider):
        yield from self._pull(provider)
        self._list_new()
        yield from self._push(provider)

    def _transact(self, work, *args):
        if not self.env.context.get("calendar_sync_rehearsal"):
            return super()._transact(work, *args)
        return work(*args)

    def _apply(self, work, actions):
        if self.env.context.get("calendar_sync_rehearsal"):
            for action in actions:
                if action.kind == "skip" and not action.remote.cancelled:
                    self._note(
                        work,
                        "skipped",
                        remote_id=action.remote_id,
                        message=self._skip_text(action.reason),
                        before=self._preview_of(action.remote),
                    )
        return super()._apply(work, actions)

    def _preview_of(self, remote):
        if remote.fields is None:
            return {}
        return {"name": remote.fields.name, "when": remote.fields.when.to_json()}

    @api.model
    def _skip_text(self, reason):

        return {
            "kind": self.env._("Not an appointment (working location, birthday)"),
            "declined": self.env._("You have declined it"),
            "private": self.env._(
                "Private, and private appointments are not synchronised"
            ),
            "window": self.env._("It ended before the time that is synchronised"),
            "empty": self.env._("It has no readable content"),
            "not a source": self.env._("This calendar is not read into Odoo"),
        }.get(reason, reason)


class CalendarSyncRunLine(models.Model):
    _inherit = "calendar.sync.run.line"

    kind = fields.Selection(
        selection_add=[("skipped", "Left out")], ondelete={"skipped": "cascade"}
    )

    def _preview_values(self):
        return {
            "kind": self.kind,
            "calendar": self.calendar_id.name,
            "name": self.name,
            "start": self.start,
            "detail": self.detail,
        }

    def _start_before(self):
        """When an event takes place that is not in Odoo."""
        when = (self.before or {}).get("when")
        if not when:
            return False
        start = When.from_json(when).start
        if isinstance(start, datetime):
            return start.replace(tzinfo=None)
        return datetime.combine(start, datetime.min.time())

    def _changes_text(self):
        """Field by field: what it was, and what it became."""
        if self.kind == "conflict":
            return ", ".join(
                f"{self._label(name)}: {self._shown(name, value)}"
                for name, value in self.lost.items()
            )
        if self.kind != "updated" or not self.before or not self.event_id:
            return ""
        now = self.after or self.event_id._sync_fields().to_json()
        return ", ".join(
            f"{self._label(name)}: {self._shown(name, value)} → "
            f"{self._shown(name, now[name])}"
            for name, value in self.before.items()
            if name in now
        )

    def _label(self, name):
        """A mapped field as the form of an event calls it."""
        name = {"when": "start"}.get(name, name)
        return self.env["calendar.event"].fields_get([name], ["string"])[name]["string"]

    def _shown(self, name, value):
        """A value, as :meth:`Fields.to_json` writes it, for a person to read."""
        if name == "when":
            start = When.from_json(value).start
            if isinstance(start, datetime):
                start = start.astimezone(timezone.utc).replace(tzinfo=None)
                return format_datetime(self.env, start, dt_format="short")
            return format_date(self.env, start)
        if name == "description":
            return html2plaintext(value or "").strip() or "–"
        if name in ("privacy", "show_as"):
            field = self.env["calendar.event"]._fields[name]
            return dict(field._description_selection(self.env)).get(value, "–")
        return value or "–"
