"""A user's connection to a calendar service: its state, its settings, its rights."""

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

#: settings that the owner may write; nothing else is written but by the addon itself
OWN_SETTINGS = frozenset(
    ("mode", "target_calendar_id", "sync_private", "recurrence_policy")
)

#: settings after which every event has to be looked at once more
LIST_AGAIN = frozenset(("mode", "sync_private", "recurrence_policy"))

#: the name of the calendar that is made for Odoo's meetings
TARGET = "Odoo"


def _is_target(calendar):
    """Is it one that was made for Odoo's meetings, by its name and its owner?"""
    own = calendar.access_role == "owner" and not calendar.is_primary
    return own and calendar.name == TARGET


#: Odoo's own connectors that may be at work on the same calendars (Cronofy reaches
#: those of either service): where a user's token is, and whether they stopped it
COMPETITORS = {
    "google": {
        "google": ("google_calendar_rtoken", "google_synchronization_stopped"),
    },
    "cronofy": {
        "microsoft": ("microsoft_calendar_rtoken", "microsoft_synchronization_stopped"),
        "google": ("google_calendar_rtoken", "google_synchronization_stopped"),
    },
}


class CalendarSyncAccount(models.Model):
    _name = "calendar.sync.account"
    _description = "Calendar Connection"
    _order = "user_id, provider"
    _rec_name = "email"

    user_id = fields.Many2one(
        "res.users", required=True, index=True, ondelete="cascade", readonly=True
    )
    provider = fields.Selection(
        [("google", "Google"), ("cronofy", "Cronofy")], required=True, readonly=True
    )
    mode = fields.Selection(
        [("two_way", "Two-way"), ("availability", "Availability only")],
        required=True,
        default="two_way",
        help="Two-way: the calendars are synchronised with Odoo. Availability only: "
        "busy times are asked live when slots are searched, and nothing of them is "
        "stored.",
    )
    state = fields.Selection(
        [
            ("setup", "Set up"),
            ("active", "Active"),
            ("paused", "Paused"),
            ("reconnect", "Connection lost"),
            ("revoked", "Revoked"),
        ],
        required=True,
        default="setup",
        index=True,
        readonly=True,
    )
    email = fields.Char("Account", readonly=True)
    calendar_ids = fields.One2many("calendar.sync.calendar", "account_id")
    target_calendar_id = fields.Many2one(
        "calendar.sync.calendar",
        "Calendar for Odoo's meetings",
        domain="[('account_id', '=', id), ('access_role', 'in', ('owner', 'writer'))]",
        ondelete="set null",
        help="Meetings made in Odoo are written to this calendar. A separate one can "
        "be hidden on holiday.",
    )
    sync_private = fields.Boolean(
        "Private appointments",
        help="Synchronise private and confidential appointments too.",
    )
    recurrence_policy = fields.Selection(
        [("series", "All occurrences"), ("original", "The original appointment only")],
        "Series",
        required=True,
        default="series",
    )
    last_sync = fields.Datetime("Last synchronised", readonly=True)
    next_sync = fields.Datetime("Next synchronisation", index=True, readonly=True)
    attention = fields.Text(
        compute="_compute_attention",
        inverse="_inverse_attention",
        search="_search_attention",
        readonly=True,
        help="What the user has to know or to do.",
    )
    # what is said there; it names calendars and series, which are its owner's
    attention_text = fields.Text(groups=fields.NO_ACCESS, copy=False)
    link_ids = fields.One2many("calendar.sync.link", "account_id")
    run_ids = fields.One2many("calendar.sync.run", "account_id")
    # the encrypted grant (tokens and scopes): nobody reads it through the ORM
    grant = fields.Text(groups=fields.NO_ACCESS, copy=False)
    # the run that holds the account; a later claim makes an earlier one stop
    claim = fields.Char(groups=fields.NO_ACCESS, copy=False)
    # passing failures in a row, for the waiting time
    failures = fields.Integer(readonly=True)
    # the activity by which the owner was told about the attention
    attention_activity_id = fields.Many2one(
        "mail.activity", groups=fields.NO_ACCESS, copy=False, ondelete="set null"
    )
    # figures without content, for the settings form and the administrator's list
    lag = fields.Float(
        "Lag (minutes)",
        compute="_compute_lag",
        help="Minutes since an active two-way connection was last synchronised.",
    )
    pending_count = fields.Integer("Pending", compute="_compute_link_counts")
    failed_count = fields.Integer("Failed", compute="_compute_link_counts")
    imported_count = fields.Integer("Imported", compute="_compute_link_counts")
    run_count = fields.Integer("Runs", compute="_compute_run_count")
    competing = fields.Selection(
        [("google", "Google Calendar"), ("microsoft", "Outlook Calendar")],
        compute="_compute_competing",
    )
    vanished = fields.Boolean(
        "Calendars that are not there any more", compute="_compute_vanished"
    )

    _user_provider_uniq = models.UniqueIndex(
        "(user_id, provider) WHERE state != 'revoked'",
        "This user is already connected to this calendar service.",
    )

    # -------------------------------------------- computes

    @api.depends("provider", "email")
    @api.depends_context("uid", "lang")
    def _compute_display_name(self):
        """With the address for those who may read it: whoever points to a record is
        told its name."""
        reader = self.env.user
        every = self.env.uid == api.SUPERUSER_ID or reader._is_system()
        for account in self:
            label = account.provider and account._provider_label()
            shown = account.email and (every or account.user_id == reader)
            account.display_name = f"{label} ({account.email})" if shown else label

    @api.depends("state", "mode", "last_sync")
    def _compute_lag(self):
        now = fields.Datetime.now()
        for account in self:
            counts = account.state == "active" and account.mode == "two_way"
            account.lag = (
                (now - account.last_sync).total_seconds() / 60
                if counts and account.last_sync
                else 0
            )

    @api.depends("attention_text")
    @api.depends_context("uid", "lang")
    def _compute_attention(self):
        """The words for the owner; administrators see that there are some."""
        for account in self:
            text = account.sudo().attention_text
            own = self.env.su or account.user_id == self.env.user
            account.attention = (
                text if own or not text else self.env._("The owner has been told why.")
            )

    def _inverse_attention(self):
        for account in self:
            account.sudo().attention_text = account.attention

    def _search_attention(self, operator, value):
        """Is there something? What it says cannot be searched for."""
        if not self.env.su and (operator not in ("in", "not in") or any(value)):
            raise UserError(self.env._("What is said there cannot be searched for."))
        # sudo: the text itself is closed to everybody
        found = self.sudo()._search([("attention_text", operator, value)])
        return [("id", "in", found)]

    def _compute_link_counts(self):
        # sudo: administrators see the counts, never the links
        links = self.env["calendar.sync.link"].sudo()
        groups = links._read_group(
            [("account_id", "in", self.ids)],
            ["account_id", "state", "origin"],
            ["__count"],
        )
        for account in self:
            own = [group for group in groups if group[0].id == account.id]
            account.pending_count = sum(
                n for *_, state, _o, n in own if state == "pending"
            )
            account.failed_count = sum(
                n for *_, state, _o, n in own if state == "failed"
            )
            account.imported_count = sum(
                n for *_, origin, n in own if origin == "remote"
            )

    def _compute_run_count(self):
        groups = self.env["calendar.sync.run"]._read_group(
            [("account_id", "in", self.ids)], ["account_id"], ["__count"]
        )
        counts = {account.id: count for account, count in groups}
        for account in self:
            account.run_count = counts.get(account.id, 0)

    def _compute_competing(self):
        """Which of Odoo's own connectors synchronises the same user?"""
        for account in self:
            # sudo: the token is for administrators only; we just look whether it is set
            user = account.user_id.sudo()
            account.competing = next(
                (
                    name
                    for name, (token, stopped) in COMPETITORS[account.provider].items()
                    if token in user._fields and user[token] and not user[stopped]
                ),
                False,
            )

    def _compute_vanished(self):
        for account in self:
            # sudo: an administrator sees the state, not the calendars
            account.vanished = bool(account.sudo()._vanished())

    # -------------------------------------------- rights and rules

    @api.constrains("target_calendar_id")
    def _check_target(self):
        for account in self:
            # sudo: somebody else's calendar is refused with a word, too
            target = account.sudo().target_calendar_id
            if target and target.account_id.id != account.id:
                raise ValidationError(
                    self.env._("This calendar belongs to another connection.")
                )
            if target and target.access_role not in ("owner", "writer"):
                raise ValidationError(
                    self.env._(
                        "%(calendar)s cannot be written to. Choose a calendar of your "
                        "own, or one in which you may make changes.",
                        calendar=target.name,
                    )
                )

    def write(self, vals):
        if not self.env.su and not set(vals) <= OWN_SETTINGS | {"calendar_ids"}:
            raise AccessError(
                self.env._("These values of a calendar connection cannot be changed.")
            )
        before = {account: {f: account[f] for f in OWN_SETTINGS} for account in self}
        result = super().write(vals)
        if not OWN_SETTINGS.isdisjoint(vals):
            for account, values in before.items():
                changed = {f for f in OWN_SETTINGS if account[f] != values[f]}
                if changed:
                    account.sudo()._settings_changed(changed)
        return result

    def _settings_changed(self, changed):
        """Make the new settings count from the next run on."""
        if not LIST_AGAIN.isdisjoint(changed):
            self.calendar_ids._list_again()
        if "sync_private" in changed and not self.sync_private:
            # what was written out before leaves the calendar
            copies = self.link_ids.filtered(lambda link: link.origin == "odoo")
            copies.event_id.filtered(lambda e: e._sync_hidden())._sync_mark()
        if "target_calendar_id" in changed and self.target_calendar_id:
            self.with_context(active_test=False).calendar_ids.was_target = False
        if "mode" in changed:
            self._check_scopes()
        self._make_due()

    # -------------------------------------------- what a user does

    def action_activate(self):
        """From setup to active, and synchronise at once."""
        account = self._own()
        if account.state not in ("setup", "active"):
            raise UserError(
                self.env._("This connection is not being set up. Resume or connect it.")
            )
        account._start()
        if account.mode == "availability":
            return account._notice(
                self.env._("Others can see now when you are free, and nothing else.")
            )
        return account._notice(self.env._("The calendars are being synchronised now."))

    def action_sync_now(self):
        account = self._own()
        if account.state != "active":
            raise UserError(self.env._("Only an active connection is synchronised."))
        account._make_due()
        return account._notice(self.env._("The calendars are being synchronised now."))

    def action_pause(self):
        account = self._own()
        if account.state != "active":
            raise UserError(self.env._("Only an active connection can be paused."))
        account.write({"state": "paused", "next_sync": False})
        return True

    def action_resume(self):
        account = self._own()
        if account.state != "paused":
            raise UserError(self.env._("Only a paused connection can be resumed."))
        account._start()
        return True

    def action_reconnect(self):
        """Ask the user for the permission once more."""
        return {
            "type": "ir.actions.act_url",
            "url": f"/calendar_sync/connect/{self.provider}?mode={self.mode}",
            "target": "self",
        }

    def action_refresh_calendars(self):
        account = self._own()
        with account._explained():
            account._fetch_calendars()
        return True

    def action_let_go(self):
        """Do without the calendars that are not there any more; their appointments stay
        in Odoo as they are."""
        account = self._own()
        account._vanished().write({"is_source": False, "was_target": False})
        if account.state != "reconnect":  # that has words of its own
            account._review()
        return True

    def action_create_target(self):
        """Have a calendar named Odoo there, and write Odoo's meetings to it. Clicked
        twice, or after an answer that was lost, it is the same one."""
        account = self._own()
        account._lock()
        with account._explained(), account._connected() as provider:
            remote = next(filter(_is_target, provider.calendars()), None)
            if not remote:
                remote = provider.create_calendar(TARGET, account.user_id.tz or "UTC")
        calendar = account._store_calendar(remote)
        # what is entered there is read, too; what Odoo wrote is busy in Odoo already
        calendar.write({"is_source": True, "is_busy": False})
        account.target_calendar_id = calendar
        return True

    def action_revoke(self):
        account = self._own()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Revoke the connection"),
            "res_model": "calendar.sync.account.revoke",
            "view_mode": "form",
            "target": "new",
            "context": {"default_account_id": account.id},
        }

    def action_view_runs(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "calendar.sync.run",
            "view_mode": "list,form",
            "domain": [("account_id", "=", self.id)],
            # every five minutes there is one in which nothing happened
            "context": {"search_default_changes": 1},
            "name": self.env._("Synchronisation runs"),
        }

    def action_remove_imported(self):
        """Remove what an earlier two-way connection left in Odoo."""
        account = self._own()
        if account.mode != "availability":
            raise UserError(
                self.env._("These appointments are being synchronised: revoke instead.")
            )
        account._remove("remove_imported")
        return True

    def _own(self):
        """This one account, with every right, for its owner alone."""
        self.ensure_one()
        self.check_access("write")
        return self.sudo()

    def _lock(self):
        """Have the account to oneself until the end of the transaction. Whoever comes
        second waits, and starts anew if the first one has changed it."""
        self.env.cr.execute(
            "SELECT 1 FROM calendar_sync_account WHERE id = %s FOR NO KEY UPDATE",
            [self.id],
            log_exceptions=False,
        )

    def _notice(self, message):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": message,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    # -------------------------------------------- the state

    def _start(self):
        if not self.grant:
            raise UserError(self.env._("Connect the account first."))
        self.write({"state": "active", "failures": 0})
        self._clear_attention()
        if self._check_scopes():
            self._make_due()

    def _make_due(self):
        """Have the next run of the cron, which starts at once, treat these accounts."""
        active = self.filtered(lambda account: account.state == "active")
        if active:
            active.sudo().write({"next_sync": fields.Datetime.now()})
            active._trigger_sync()

    def _needs_attention(self, text, *, state=None):
        """Say on the account what its owner has to know or do, and tell them once.

        :param text: for the owner, in their language, without titles of appointments
        :param state: the new state, where it changes
        """
        for account in self.sudo():
            values = {"attention": text}
            if state:
                values["state"] = state
                if state != "active":
                    values["next_sync"] = False
            if text != account.attention and account.user_id.active:
                values["attention_activity_id"] = account._tell(text).id
            account.write(values)

    def _tell(self, text):
        """A to-do in the owner's own list; nothing is mailed."""
        owner = self._in_owners_language()
        link = Markup('<p>{}</p><p><a href="/odoo/calendar-connections/{}">{}</a></p>')
        summary = owner.env._(
            "Calendar connection: %(account)s", account=owner.display_name
        )
        note = link.format(text, self.id, owner.env._("Open the connection"))
        activity = self.attention_activity_id
        if activity and activity.active:
            activity.write({"summary": summary, "note": note})
            return activity
        return self._todo(self.user_id, summary, note)

    def _todo(self, user, summary, note):
        """A to-do in the list of a user; nothing is mailed."""
        kind = self.env.ref("mail.mail_activity_data_warning", raise_if_not_found=False)
        return (
            self.env["mail.activity"]
            .sudo()
            .with_context(mail_activity_quick_update=True)
            .create(
                {
                    "summary": summary,
                    "note": note,
                    "user_id": user.id,
                    "activity_type_id": kind.id if kind else False,
                    "date_deadline": fields.Date.context_today(
                        self.with_context(tz=user.sudo().tz)
                    ),
                }
            )
        )

    def _clear_attention(self):
        for account in self.sudo().filtered("attention"):
            account.attention_activity_id.unlink()
            account.attention = False

    def _in_owners_language(self):
        self.ensure_one()
        return self.with_context(
            lang=self.user_id.sudo().lang or self.env.lang, tz=self.user_id.sudo().tz
        )

    # -------------------------------------------- calendars

    def _fetch_calendars(self):
        """Bring the list of calendars up to date with the provider's."""
        with self._connected() as provider:
            listed = provider.calendars()
            if self.can_confer:
                self._store_conferencing(provider.conferencing_profiles())
        self._store_calendars(listed)

    def _store_calendars(self, listed):
        account = self.sudo()
        known = account.with_context(active_test=False).calendar_ids
        first = not known
        stored = known.browse()
        for remote in listed:
            stored |= account._store_calendar(remote)
        if first:
            stored.filtered("is_primary").write({"is_source": True, "is_busy": True})
            # where nothing but busy times is shown, nobody knows whose a calendar is
            owned = stored.filtered(lambda c: c.access_role == "owner") or stored
            owned.is_busy = True
        # An empty list is an outage rather than an account without any calendar.
        elif listed:
            account._retire(known - stored)

    def _store_calendar(self, remote):
        """The row of one remote calendar, created or brought up to date."""
        values = {
            "name": remote.name or remote.remote_id,
            "timezone": remote.timezone,
            "access_role": remote.access_role,
            "is_primary": remote.is_primary,
            "active": True,
        }
        account = self.sudo()
        known = account.with_context(active_test=False).calendar_ids.filtered(
            lambda calendar: calendar.remote_id == remote.remote_id
        )
        if known:
            hidden = remote.access_role == "freeBusyReader"
            if hidden and known.link_ids:
                # what was typed waits, as it does for one that is gone
                values["error"] = account._in_owners_language().env._(
                    "Nothing but its busy times is shown to you any more."
                )
            elif not known.active or known.access_role == "freeBusyReader":
                values["error"] = False
            known.write(values)
            if known.was_target and not account.target_calendar_id:
                account.target_calendar_id = known
            return known.with_context(active_test=True)
        return account.env["calendar.sync.calendar"].create(
            {
                **values,
                "account_id": account.id,
                "remote_id": remote.remote_id,
                "color": remote.color,
            }
        )

    def _vanished(self):
        """The calendars that are to be read, or got Odoo's meetings, and are not there
        any more."""
        calendars = self.with_context(active_test=False).calendar_ids
        return calendars.filtered(
            lambda one: not one.active and (one.is_source or one.was_target)
        )

    def _lost(self):
        """Those, and the ones of which nothing but busy times is shown any more."""
        used = self.calendar_ids.filtered("is_source") | self.target_calendar_id
        hidden = used.filtered(lambda one: one.access_role == "freeBusyReader")
        return self._vanished() | hidden

    def _retire(self, calendars):
        """Calendars that are not listed any more: nothing is deleted for it."""
        gone = calendars.filtered("active")
        if not gone:
            return
        env = self._in_owners_language().env
        gone.write(
            {"active": False, "error": env._("This calendar is not there any more.")}
        )
        used = gone.filtered("is_source") | (gone & self.target_calendar_id)
        if self.target_calendar_id in gone:
            self.target_calendar_id.was_target = True
            self.target_calendar_id = False
        if used:
            self._needs_attention(
                env._(
                    "%(count)s calendars that were synchronised are not there any "
                    "more, or are not shared with you any more. Their appointments "
                    "stay in Odoo as they are. Please look at the settings.",
                    count=len(used),
                )
            )
