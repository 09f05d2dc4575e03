"""One Odoo event bound to one remote event, and the values on which both last
agreed."""

from odoo import api, fields, models

from ..calsync.plan import Link
from ..calsync.series import DERIVED
from ..calsync.values import Fields


class CalendarSyncLink(models.Model):
    _name = "calendar.sync.link"
    _description = "Calendar Link"

    event_id = fields.Many2one("calendar.event", index=True, ondelete="set null")
    # the archived event of an appointment that its owner does not want in Odoo now: it
    # comes back as this one when it is wanted again
    former_event_id = fields.Many2one(
        "calendar.event",
        index="btree_not_null",
        ondelete="set null",
        groups=fields.NO_ACCESS,
    )
    calendar_id = fields.Many2one(
        "calendar.sync.calendar", required=True, index=True, ondelete="cascade"
    )
    account_id = fields.Many2one(
        related="calendar_id.account_id", store=True, index=True
    )
    user_id = fields.Many2one(related="calendar_id.user_id", store=True, index=True)
    remote_id = fields.Char("Remote id", required=True)
    ical_uid = fields.Char("iCalUID", index="btree_not_null")
    etag = fields.Char("Version", help="Empty until the event exists remotely.")
    state = fields.Selection(
        [("synced", "Synchronised"), ("pending", "Pending"), ("failed", "Failed")],
        required=True,
        default="synced",
    )
    error = fields.Text()
    # not written until the owner has answered the question of the calendar
    held = fields.Boolean(readonly=True)
    series_id = fields.Many2one(
        "calendar.sync.series", index="btree_not_null", ondelete="cascade"
    )
    # moment() of the place in the series, empty for single events
    original_start = fields.Char()
    origin = fields.Selection(
        [("odoo", "Odoo"), ("remote", "Calendar service")],
        required=True,
        help="Where the event was made.",
    )
    # {"local": Fields, "remote": Fields, "people": {address: answer}, "own": [further
    # addresses of the owner], "organized": bool, "writable": bool, "series": where
    # occurrences come without a rule} at the last agreement; "sent": Fields of a patch
    # whose answer has not come
    base = fields.Json(groups=fields.NO_ACCESS)
    # how often the remote id had to be chosen anew
    generation = fields.Integer()

    _calendar_remote_uniq = models.Constraint(
        "UNIQUE(calendar_id, remote_id)", "This remote event is linked already."
    )
    _pending = models.Index("(account_id) WHERE state = 'pending'")

    def action_retry(self):
        """Try again what failed."""
        failed = self.filtered(lambda link: link.state == "failed")
        failed.check_access("read")
        failed.sudo().write({"state": "pending", "error": False})
        failed.account_id._trigger_sync()

    @api.model
    def _enlist(self, vals_list):
        """Create the links of events that have none."""
        return self.create(vals_list)

    def _value(self):
        """The link as the plan knows it."""
        self.ensure_one()
        base = self.base or {}
        event = self.event_id
        others = event.sync_link_ids - self
        return Link(
            key=self.id,
            remote_id=self.remote_id,
            event=event.id if event.active else None,
            etag=self.etag or "",
            local=Fields.from_json(base["local"]) if base.get("local") else None,
            remote=Fields.from_json(base["remote"]) if base.get("remote") else None,
            sent=Fields.from_json(base["sent"]) if base.get("sent") else None,
            # (written anew it is Odoo's)
            origin="odoo" if self.generation else self.origin,
            organized=self._organized(),
            shared=bool(others.filtered(lambda link: link.user_id != self.user_id))
            or (bool(event.user_id) and event.user_id != self.user_id),
            writable=base.get("writable", True),
            repeating=base.get("repeating", False),
        )

    def _recognised(self):
        """Those bound to an event that was in Odoo before: no connection brought it.
        (What is imported is made together with its link.)"""
        return self.filtered(
            lambda link: (
                link.event_id
                and all(
                    link.event_id.create_date < other.create_date
                    for other in link.event_id.sync_link_ids
                    if other.origin == "remote"
                )
            )
        )

    def _free(self):
        """Give the remote id free: the next write needs another, because the id of a
        deleted event stays taken."""
        for link in self:
            state = link.state
            link._renew()
            link.state = state

    def _set_aside(self):
        """The event leaves Odoo, where its owner does not want it, and stays at the
        provider."""
        for link in self:
            link.write(
                {
                    "former_event_id": link.event_id.id,
                    "event_id": False,
                    "etag": False,
                    "base": False,
                    "state": "synced",
                    "error": False,
                }
            )

    def _guests(self):
        """Whom the series names of which this is to be an occurrence."""
        return self.series_id._people() if self.series_id else {}

    def _left_behind(self):
        """Is it the place of an appointment in a series that it has left here?"""
        series = self.series_id
        if series.origin != "odoo":
            return False
        leader = series.recurrence_id
        return not leader or leader != self.event_id.recurrence_id

    def _may_repeat(self):
        """May the remote event be made a series?"""
        calendar = self.calendar_id
        return (
            calendar.active
            and calendar.access_role in ("owner", "writer")
            and (self.origin == "odoo" or self._organized())
            and bool((self.base or {}).get("remote"))
            and self.base.get("writable", True)
        )

    def _organized(self):
        """Is the user the organiser? Of the copy of an Odoo meeting everybody is,
        there."""
        if self.origin == "odoo":
            return self.event_id.user_id.id in (False, self.user_id.id)
        return (self.base or {}).get("organized", True)

    def _renew(self):
        """The remote event is gone: write it anew, under another id, because the id of
        a deleted event stays taken."""
        for link in self:
            link.write(
                {
                    "generation": link.generation + 1,
                    "remote_id": self.env["calendar.event"]._sync_remote_id(),
                    "etag": False,
                    "base": False,
                    "state": "pending",
                    "error": False,
                    "series_id": False,
                    "original_start": False,
                }
            )

    @api.model
    def _newest(self):
        self.env.cr.execute("SELECT COALESCE(max(id), 0) FROM calendar_sync_link")
        return self.env.cr.fetchone()[0]

    def _knows(self, remote):
        """Is this the version of the event on which both sides agreed? An occurrence
        that merely follows its series has none of its own: what it says counts."""
        if (self.etag or "").startswith(DERIVED):
            return remote.fields == Fields.from_json(self.base["remote"])
        return remote.etag == self.etag

    def _units(self):
        """How many appointments these are: a series counts once."""
        singles = self.filtered(lambda link: not link.series_id)
        return len(singles) + len(self.series_id)

    def _source(self):
        """The fields that the event was made of, as they were last seen; None where
        Odoo made the copy."""
        theirs = (self.base or {}).get("remote")
        return Fields.from_json(theirs) if theirs and self.origin == "remote" else None

    def _zone(self):
        """The zone in which the remote side keeps the event, "" when unknown."""
        remote = (self.base or {}).get("remote")
        return remote["when"][2] if remote else ""
