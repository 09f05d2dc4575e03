"""Asking twice before destroying: masses of deletions, or of events to write anew.

Nothing of a mass change is carried out before the owner has decided; everything else of
the calendar goes on.
"""

from odoo import fields, models

from ..calsync.values import RemoteEvent


class CalendarSyncCalendar(models.Model):
    _inherit = "calendar.sync.calendar"

    # the calendar has been listed completely at least once
    listed = fields.Boolean(readonly=True)
    # {"ids": remote ids that were deleted remotely, "count": …, "linked": …}
    held = fields.Json(groups=fields.NO_ACCESS)
    held_pull = fields.Integer(
        "Deletions held back", compute="_compute_held_pull", compute_sudo=True
    )
    held_push = fields.Selection(
        [("delete", "Deletions"), ("anew", "Events to write anew")], readonly=True
    )
    held_push_text = fields.Char(readonly=True)
    # the owner said yes: the next run does not ask again
    release = fields.Boolean(groups=fields.NO_ACCESS)

    def _compute_held_pull(self):
        for calendar in self:
            calendar.held_pull = (calendar.held or {}).get("count", 0)

    def _linked_units(self, newest):
        """How many appointments were bound when link ``newest`` was the newest."""
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT count(*) FILTER (WHERE series_id IS NULL)
                    + count(DISTINCT series_id)
                 FROM calendar_sync_link
                WHERE calendar_id = %s AND id <= %s AND etag IS NOT NULL""",
            [self.id, newest],
        )
        return self.env.cr.fetchone()[0]

    def _hold_deletions(self, actions, linked):
        self.ensure_one()
        earlier = (self.held or {}).get("ids", [])
        self._hold({*earlier, *(action.remote_id for action in actions)}, linked)

    def _hold(self, ids, linked):
        links = self.env["calendar.sync.link"].search(
            [("calendar_id", "=", self.id), ("remote_id", "in", list(ids))]
        )
        held = {"ids": sorted(ids), "count": links._units(), "linked": linked}
        self.held = held if links else False

    def _not_gone(self, remote_ids):
        """These events are there after all."""
        if self.held and not remote_ids.isdisjoint(self.held["ids"]):
            self._hold(set(self.held["ids"]) - remote_ids, self.held["linked"])

    def _hold_pushes(self, kind, links, linked):
        self.ensure_one()
        links.held = True
        links.series_id.filtered(lambda series: series.origin == "odoo").held = True
        self.held_push = kind
        self.held_push_text = f"{links._units()}/{linked}"

    def _held_links(self):
        Link = self.env["calendar.sync.link"].sudo().with_context(active_test=False)
        return Link.search([("calendar_id", "=", self.id), ("held", "=", True)])

    def _question(self):
        """What the owner is asked about this calendar, in words; "" when nothing."""
        self.ensure_one()

        if self.held:
            return self.env._(
                "%(count)s of %(linked)s events of “%(calendar)s” were deleted at the "
                "provider. Nothing has been deleted in Odoo yet: apply, or restore "
                "them from Odoo?",
                count=self.held["count"],
                linked=self.held["linked"],
                calendar=self.name,
            )
        if self.held_push:
            count, linked = self.held_push_text.split("/")
            if self.held_push == "delete":
                text = self.env._(
                    "%(count)s of %(linked)s events of “%(calendar)s” were deleted in "
                    "Odoo. Nothing has been deleted at the provider yet: apply, or "
                    "restore them in Odoo?",
                    count=count,
                    linked=linked,
                    calendar=self.name,
                )
            else:
                text = self.env._(
                    "%(count)s of %(linked)s events of “%(calendar)s” would be written "
                    "anew to the provider. Nothing has been written yet: apply, or "
                    "restore, which takes them out of Odoo?",
                    count=count,
                    linked=linked,
                    calendar=self.name,
                )
            return text
        return ""

    # ------------------------------------------------------------
    # The two buttons
    # ------------------------------------------------------------

    def action_apply_held(self):
        """Carry out what was held back."""
        self.check_access("write")
        for calendar in self.sudo():
            if calendar.held:
                links = self.env["calendar.sync.link"].sudo()
                links = links.search(
                    [
                        ("calendar_id", "=", calendar.id),
                        ("remote_id", "in", calendar.held["ids"]),
                    ]
                )
                calendar._delete_held(links)
                calendar.held = False
            if calendar.held_push:
                calendar._held_links().held = False
                calendar.series_ids.filtered("held").held = False
                calendar.write({"held_push": False, "release": True})
        self._decided()

    def action_restore_held(self):
        """Bring back what was deleted, from the side that still has it."""
        self.check_access("write")
        Link = self.env["calendar.sync.link"].sudo().with_context(active_test=False)
        for calendar in self.sudo():
            if calendar.held:
                links = Link.search(
                    [
                        ("calendar_id", "=", calendar.id),
                        ("remote_id", "in", calendar.held["ids"]),
                    ]
                )
                calendar._restore_remotely(links)
                calendar.write({"held": False, "release": True})
            if calendar.held_push:
                calendar._restore_in_odoo(calendar._held_links())
                calendar.held_push = False
        self._decided()

    def _delete_held(self, links):
        """The deletions of a listing that were kept, as if they came only now."""
        run = (
            self.env["calendar.sync.run"]
            .sudo()
            .create({"account_id": self.account_id.id, "state": "done"})
        )
        run._take(
            self,
            [
                RemoteEvent(remote_id=link.remote_id, status="cancelled")
                for link in links
            ],
        )
        run.finished = fields.Datetime.now()

    def _restore_remotely(self, links):
        for link in links:
            link._renew()

    def _restore_in_odoo(self, links):
        """Events of Odoo that were deleted come back from what was agreed last."""
        links.held = False
        # without its recurrence a series can only be led by the provider
        series = self.series_ids.filtered("held")
        series.write({"held": False, "state": "synced"})
        series.filtered(lambda one: not one.link_ids.event_id).write(
            {"origin": "remote", "recurrence_id": False}
        )
        for link in links:
            if link.event_id.active:
                if self.held_push == "anew":
                    link.event_id.with_context(
                        calendar_sync_applying=True
                    ).active = False
                    link.unlink()
            elif link.event_id:
                link.event_id.with_context(calendar_sync_applying=True).active = True
                link.write({"state": "synced", "error": False})
            elif link.base and link.etag:
                # the row is gone: forget the base, and it is fetched and made again
                link.write({"base": False, "etag": False})

    def _decided(self):
        accounts = self.sudo().account_id
        accounts.write({"next_sync": fields.Datetime.now()})
        for account in accounts:
            account._review()
        accounts._trigger_sync()


class CalendarSyncAccount(models.Model):
    _inherit = "calendar.sync.account"

    held = fields.Boolean("Something is held back", compute="_compute_held")

    def _compute_held(self):
        for account in self:
            # sudo: an administrator sees the state, not the calendars
            calendars = account.sudo().calendar_ids
            account.held = any(c.held or c.held_push for c in calendars)

    def _end_release(self):
        """A yes of the owner counts for one run."""
        self.env.cr.execute(
            """UPDATE calendar_sync_calendar SET release = FALSE
                WHERE account_id = %s AND release RETURNING id""",
            [self.id],
        )
        if self.env.cr.fetchone():
            self.calendar_ids.invalidate_recordset(["release"])

    def action_apply_held(self):
        """Carry out what was held back in any of the calendars."""
        self.check_access("write")
        self.calendar_ids.action_apply_held()
        return self._notice(self.env._("The changes are carried out now."))

    def action_restore_held(self):
        """Bring back what was deleted in any of the calendars."""
        self.check_access("write")
        self.calendar_ids.action_restore_held()
        return self._notice(self.env._("What was there before is restored now."))
