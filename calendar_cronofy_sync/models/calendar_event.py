"""The Odoo side of the synchronisation: what an event says to its links, and hears.

A write to an event only notes that its copies are out of date, in the same transaction.
Nothing here crosses the network; the cron does.
"""

import secrets
from base64 import b32hexencode
from datetime import datetime, time, timedelta, timezone

from odoo import api, fields, models
from odoo.tools import SQL, html_sanitize, is_html_empty

from ..calsync.mapping import shown_html
from ..calsync.plan import HIDDEN
from ..calsync.providers import PROVIDERS
from ..calsync.values import Fields, When

#: the context in which the engine writes: nobody is mailed, nothing is echoed
QUIET = {
    "calendar_sync_applying": True,
    "dont_notify": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notrack": True,
    "no_calendar_sync": True,
    "no_mail_to_attendees": True,
    "skip_attendee_notification": True,
    "skip_contact_description": True,
    "tracking_disable": True,
}
#: what a write must touch to concern the copies
SYNCED_FIELDS = frozenset(
    "name start stop start_date stop_date allday duration description location privacy "
    "show_as active partner_ids attendee_ids user_id recurrence_id rrule".split()
)
#: what a write must touch to concern who has a copy at all
BELONGING_FIELDS = frozenset(
    "partner_ids attendee_ids user_id active privacy recurrence_id "
    "start stop start_date stop_date".split()
)
# all-day events stand at these hours in Odoo
ALLDAY_START, ALLDAY_STOP = time(8), time(18)


def harmless(html):
    """HTML without classes and without styles that place it; what the field itself
    allows, which trusts its authors, is more."""
    if "<" not in html:
        return html
    return html_sanitize(
        html, sanitize_attributes=True, sanitize_style=True, strip_classes=True
    )


class CalendarEvent(models.Model):
    _inherit = "calendar.event"

    sync_link_ids = fields.One2many(
        "calendar.sync.link", "event_id", "Synchronised with", copy=False
    )
    sync_state = fields.Selection(
        [
            ("none", "Not synchronised"),
            ("synced", "Synchronised"),
            ("pending", "Being synchronised"),
            ("failed", "Not synchronised for an error"),
        ],
        compute="_compute_sync_state",
        help="How this meeting stands with your connected calendars.",
    )

    sync_conflict_ids = fields.One2many(
        "calendar.sync.run.line",
        "event_id",
        "Conflicts",
        domain=[("kind", "=", "conflict"), ("taken_back", "=", False)],
    )

    @api.depends_context("uid")
    @api.depends("sync_link_ids.state", "sync_link_ids.user_id")
    def _compute_sync_state(self):
        worst = {"synced": 1, "pending": 2, "failed": 3}
        # sudo: a search, not the field: what it holds is read again with the reader's
        # own rights, who must not be told of others' links
        links = self.env["calendar.sync.link"].sudo()
        links = links.search(
            [
                ("event_id", "in", self.ids),
                ("user_id", "=", self.env.uid),
                ("account_id.state", "!=", "revoked"),
            ]
        ).grouped("event_id")
        for event in self:
            own = links.get(event._origin, self.env["calendar.sync.link"])
            event.sync_state = max(own.mapped("state"), key=worst.get, default="none")

    # ------------------------------------------------------------
    # CRUD
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        events = super().create(vals_list)
        if not self.env.context.get("calendar_sync_applying"):
            events._sync_mark(SYNCED_FIELDS)
        return events

    def write(self, vals):
        names = frozenset(vals)  # super() takes some of them out
        result = super().write(vals)
        if not self.env.context.get("calendar_sync_applying"):
            self._sync_mark(names)
        return result

    def unlink(self):
        if self and not self.env.context.get("calendar_sync_applying"):
            self._sync_mark_deleted()
        return super().unlink()

    # ------------------------------------------------------------
    # Values
    # ------------------------------------------------------------

    def _sync_fields(self, tz="", source=None):
        """The mapped fields of the event, as the engine knows them.

        :param tz: zone in which the event was entered, where that is known
        :param source: the fields of the copy that it came from, when it is for that
            one. Where neither side says a visibility, each side has its own default.
        :rtype: Fields
        """
        self.ensure_one()
        description = self.description
        default = source and source.privacy == "default" and "default"
        return Fields(
            name=self.name or "",
            when=self._sync_when(tz),
            description="" if is_html_empty(description) else str(description),
            location=self.location or "",
            privacy=self.privacy or default or self._sync_default_privacy(),
            show_as=self.show_as,
        )

    def _sync_when(self, tz=""):
        if self.allday:  # the hours say nothing: other connectors write midnight
            start = self.start_date or self.start.date()
            stop = (self.stop_date or self.stop.date()) + timedelta(days=1)
        else:
            start = self.start.replace(microsecond=0, tzinfo=timezone.utc)
            stop = self.stop.replace(microsecond=0, tzinfo=timezone.utc)
        return When(start, stop, tz)

    def _sync_default_privacy(self):
        """What an event without a privacy of its own is elsewhere: never more visible
        than its organiser's default makes it in Odoo."""
        privacy = self.effective_privacy
        return privacy if privacy in HIDDEN else "default"

    def _sync_hidden(self):
        """Is it one of the private appointments, which a connection may leave out?"""
        return self.privacy in HIDDEN

    @api.model
    def _sync_hidden_sql(self):
        """:meth:`_sync_hidden` as a condition on ``calendar_event e``."""
        return SQL("COALESCE(e.privacy, '') IN %s", tuple(HIDDEN))

    def _sync_belongs(self, user, *, private):
        """Should this user have a copy of the event in their calendar?"""
        self.ensure_one()
        if not self.active or (self._sync_hidden() and not private):
            return False
        answer = self.attendee_ids.filtered(lambda a: a.partner_id == user.partner_id)
        if answer:
            return answer[0].state != "declined"
        return self.user_id == user

    @api.model
    def _sync_values(self, values, *, outside=False):
        """Mapped fields as values to write to an event.

        :param values: a mapping of field names of :class:`Fields` to their values
        :param outside: they were written by who knows whom: of their HTML nothing is
            kept that could lay itself over the page
        """
        result = {}
        for name, value in values.items():
            match name:
                case "name":
                    result["name"] = value or self.env._("(No title)")
                case "when":
                    result.update(self._sync_time_values(value))
                case "description":
                    # (what was in Odoo before is HTML already)
                    value = harmless(shown_html(value)) if outside else value
                    result["description"] = value
                case "privacy":
                    result["privacy"] = False if value == "default" else value
                case _:
                    result[name] = value
        return result

    @api.model
    def _sync_time_values(self, when):
        if when.allday:
            last = when.stop - timedelta(days=1)
            return {
                "allday": True,
                "start": datetime.combine(when.start, ALLDAY_START),
                "stop": datetime.combine(last, ALLDAY_STOP),
            }
        naive = {
            name: value.astimezone(timezone.utc).replace(tzinfo=None, microsecond=0)
            for name, value in (("start", when.start), ("stop", when.stop))
        }
        return {"allday": False, **naive}

    # ------------------------------------------------------------
    # Marking
    # ------------------------------------------------------------

    def _sync_mark(self, names=SYNCED_FIELDS, *, but=None):
        """Note that the copies of these events are out of date.

        :param names: the fields that were written
        :param but: a link that is up to date already
        """
        if not self.ids or SYNCED_FIELDS.isdisjoint(names):
            return
        # always a new row version, even of a pending link: a run that is just storing
        # an older agreement must notice
        self.env.cr.execute(
            SQL(
                """UPDATE calendar_sync_link
                      SET state = 'pending', error = NULL, held = NULL
                    WHERE event_id IN %s AND id != %s RETURNING series_id""",
                tuple(self.ids),
                but.id if but else 0,
            )
        )
        rows = self.env.cr.fetchall()
        touched = False
        if rows:
            self.env["calendar.sync.link"].invalidate_model(["state", "error"])
        if self.recurrence_id or any(row[0] for row in rows):
            series = self.env["calendar.sync.series"].sudo()
            touched = series._mark_made_here({row[0] for row in rows if row[0]}, self)
        listed = False
        if not BELONGING_FIELDS.isdisjoint(names):
            listed = self._sync_enlist()
        if rows or touched or listed:
            self.env["calendar.sync.account"]._trigger_sync()

    def _sync_mark_deleted(self):
        links = self.env["calendar.sync.link"].sudo()
        links = links.search([("event_id", "in", self.ids)])
        if links:
            # (an event that was never written out needs no deletion)
            fresh = links.filtered(lambda link: not link.etag and not link.base)
            series = links.series_id
            fresh.unlink()
            (links - fresh).write({"state": "pending", "error": False})
            series._mark_made_here(set(series.ids), self)
            self.env["calendar.sync.account"]._trigger_sync()

    def _sync_enlist(self, account=None):
        """Give each of these events a link to the target calendar of every connected
        participant who has no copy yet. With ``account``: only of that one, and of all
        its events when ``self`` is empty.

        :return: whether there was anything to do
        """
        accounts = account or self.env["calendar.sync.account"].sudo()._exporting()
        if not accounts:
            return False
        self.env.flush_all()
        rows = self._sync_unlisted(accounts)
        if not rows:
            return False
        # whoever gives the same events a copy at this moment comes second: ids are
        # chance, and would not collide
        self.env.cr.execute(
            SQL(
                "UPDATE calendar_event SET id = id WHERE id IN %s",
                tuple({row[0] for row in rows}),
            )
        )
        accounts.fetch(["target_calendar_id", "recurrence_policy", "provider"])
        Link, Series = self.env["calendar.sync.link"], self.env["calendar.sync.series"]
        singles, series = [], {}
        for event_id, account_id, recurrence_id, base_event_id in rows:
            account = accounts.browse(account_id)
            calendar = account.target_calendar_id
            policy = account.recurrence_policy
            laid_out = not PROVIDERS[account.provider].series
            if recurrence_id and policy == "series" and not laid_out:
                series.setdefault(account, set()).add(recurrence_id)
            elif not recurrence_id or policy == "series" or event_id == base_event_id:
                singles.append(
                    {
                        "event_id": event_id,
                        "calendar_id": calendar.id,
                        "remote_id": self._sync_remote_id(),
                        "origin": "odoo",
                        "state": "pending",
                    }
                )
        for account, recurrences in series.items():
            Series.sudo()._enlist(account, recurrences)
        Link.sudo()._enlist(singles)
        # a new event would hold the links of every participant, which only their owners
        # may read
        self.invalidate_model(["sync_link_ids"])
        return bool(singles or series)

    def _sync_unlisted(self, accounts):
        """(event, account, recurrence, base event) that should have a copy and have
        none.

        Organised or attended and not declined, in the window, visible by the rule for
        private appointments, and not at home in any calendar of the same user, nor is
        any date of their series. (A copy in a calendar that is gone is none.)
        """
        window = self.env["calendar.sync.account"]._window()
        only = SQL("AND e.id IN %s", tuple(self.ids)) if self else SQL()
        return self.env.execute_query(
            SQL(
                """
                WITH mine AS (
                    SELECT a.id AS account_id, a.user_id, a.sync_private,
                           a.recurrence_policy, u.partner_id, a.target_calendar_id
                      FROM calendar_sync_account a JOIN res_users u ON u.id = a.user_id
                     WHERE a.id IN %(accounts)s
                ), taking_part AS (
                    SELECT e.id, m.account_id
                      FROM mine m JOIN calendar_event e ON e.user_id = m.user_id
                      %(only)s
                     UNION
                    SELECT r.calendar_event_id, m.account_id
                      FROM mine m
                      JOIN calendar_event_res_partner_rel r
                           ON r.res_partner_id = m.partner_id
                      JOIN calendar_event e ON e.id = r.calendar_event_id %(only)s
                ), recurring AS MATERIALIZED (
                    SELECT DISTINCT e.recurrence_id, t.account_id
                      FROM taking_part t
                      JOIN calendar_event e ON e.id = t.id
                     WHERE e.recurrence_id IS NOT NULL
                ), at_home_there AS MATERIALIZED (
                    SELECT r.recurrence_id, r.account_id
                      FROM recurring r
                      JOIN mine m ON m.account_id = r.account_id
                     WHERE EXISTS (SELECT 1 FROM calendar_event o
                                     JOIN calendar_sync_link l ON l.event_id = o.id
                                LEFT JOIN calendar_sync_series s
                                       ON s.id = l.series_id
                                    WHERE o.recurrence_id = r.recurrence_id
                                      AND l.user_id = m.user_id
                                      AND l.origin = 'remote'
                                      -- (not a single one that became a series)
                                      AND s.origin IS DISTINCT FROM 'odoo'
                                      AND (s.id IS NOT NULL
                                           OR l.base->'remote' IS NULL
                                           OR l.base->>'series' IS NOT NULL))
                )
                SELECT e.id, m.account_id, e.recurrence_id, rec.base_event_id
                  FROM taking_part t
                  JOIN calendar_event e ON e.id = t.id
                  JOIN mine m ON m.account_id = t.account_id
             LEFT JOIN calendar_recurrence rec ON rec.id = e.recurrence_id
                 WHERE e.active AND e.stop > %(start)s
                   AND (m.sync_private OR NOT %(hidden)s)
                   AND NOT EXISTS (SELECT 1 FROM calendar_attendee p
                                    WHERE p.event_id = e.id AND p.state = 'declined'
                                      AND p.partner_id = m.partner_id)
                   AND NOT EXISTS (SELECT 1 FROM calendar_sync_link l
                                     JOIN calendar_sync_calendar c
                                       ON c.id = l.calendar_id
                                    WHERE l.event_id = e.id
                                      AND (c.active OR l.origin = 'remote')
                                      AND (l.account_id = m.account_id
                                           OR l.user_id = m.user_id
                                           AND l.origin = 'remote'))
                   AND NOT EXISTS (SELECT 1 FROM at_home_there h
                                    WHERE h.recurrence_id = e.recurrence_id
                                      AND h.account_id = m.account_id)
                   AND NOT EXISTS (SELECT 1 FROM calendar_sync_series s
                                     JOIN calendar_sync_calendar c
                                       ON c.id = s.calendar_id
                                    WHERE m.recurrence_policy = 'series'
                                      AND s.recurrence_id = e.recurrence_id
                                      AND s.account_id = m.account_id AND c.active
                                      AND s.state != 'synced')
              ORDER BY e.id
                """,
                accounts=tuple(accounts.ids),
                only=only,
                hidden=self._sync_hidden_sql(),
                start=window.start.replace(tzinfo=None),
            )
        )

    @api.model
    def _sync_remote_id(self):
        """An id under which an event of ours will be written, to be stored before the
        first write. It is made of chance alone: the number of a record is given a
        second time after a backup was restored.

        base32hex in lower case, as Google demands (Reference, events.insert).
        """
        return b32hexencode(secrets.token_bytes(20)).decode().lower()

    def _sync_mark_text(self):
        """Our mark on the remote copy: which event of which database it is."""
        uuid = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        return {event: f"{uuid}:{event.id}" for event in self}
