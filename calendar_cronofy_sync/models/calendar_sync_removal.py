"""The end of a connection: what becomes of events, permission and tokens."""

import logging
import uuid
from contextlib import suppress
from functools import partial

from odoo import api, fields, models
from odoo.fields import Command

from ..calsync.errors import AuthExpired, KeyUnavailable, SyncError
from ..calsync.providers import PROVIDERS
from ..calsync.values import Write
from .calendar_event import QUIET

_logger = logging.getLogger(__name__)

#: fields by which people tie an event to something else in Odoo
TIES = ("res_id", "applicant_id", "opportunity_id", "activity_ids")

#: models whose rows belong to an event and do not keep it
PARTS = (
    "calendar.attendee",
    "calendar.recurrence",
    "calendar.sync.link",
    "calendar.sync.run.line",
    "mail.activity",
)


def _withdraw_deleted(kind, app, grant, account_id):
    try:
        kind.revoke(app, grant)
    except SyncError:
        _logger.warning(
            "account %s, deleted: the permission has to be withdrawn by hand",
            account_id,
        )


class CalendarSyncAccount(models.Model):
    _inherit = "calendar.sync.account"

    closed_on = fields.Datetime("Revoked on", readonly=True, copy=False)
    closed_note = fields.Text(
        "What was done", readonly=True, copy=False, help="Kept as a proof."
    )

    def _revoke(self, events="keep", *, reason="", erase=False):
        """End the connection for good: notifications, events, permission, tokens, in
        this order, because each takes the next one to be there. (Availability rules are
        never made at Cronofy, so there are none to delete.)

        The settings, and with ``keep`` the links, stay with the revoked connection, so
        that the same account connected again later finds its events and doubles none.

        :param events: ``keep``, ``remove_imported`` or ``remove_all``
        :param reason: why it ends, where that is not its owner's own wish
        :param erase: have the provider delete what it keeps of the person, too
        :return: what could not be done at the provider, for the owner
        """
        self.ensure_one()
        account = self.sudo()
        account.claim = uuid.uuid4().hex  # a run that is on its way stops here
        silent, alone = account._silence(), account._alone()
        problems = [account._remove(events), account._withdraw(erase)]
        account._clear_attention()
        text = "\n".join(problem for problem in problems if problem)
        account.calendar_ids.write({"sync_token": False})
        account.write(
            {
                "state": "revoked",
                "grant": False,
                "next_sync": False,
                "failures": 0,
                "attention": text or False,
            }
        )
        done = {"silent": silent, "alone": alone, "withdrawn": not problems[1]}
        account._prove(reason, erase=erase, **done)
        _logger.info("account %s: revoked (%s)", account.id, events)
        return text

    def _forget(self):
        """The person has asked the provider to be forgotten: the connection ends, and
        what is stored of it is deleted. Nothing is sent, because the permission ended
        there; that a connection was there, and what was done, stays as a proof.

        What Odoo made stays, and so do appointments that others share or that are tied
        to an applicant, an activity or a document in Odoo.
        """
        for account in self.sudo():
            account.claim = uuid.uuid4().hex  # a run that is on its way stops here
            account._remove("remove_imported")
            account.with_context(active_test=False).calendar_ids.unlink()
            account.run_ids.unlink()
            account.invalidate_recordset()
            account._clear_attention()
            account.write(
                {
                    "state": "revoked",
                    "email": False,
                    "grant": False,
                    "conferencing": False,
                    "last_sync": False,
                    "next_sync": False,
                    "failures": 0,
                }
            )
            account._say_forgotten()
            _logger.info("account %s: forgotten", account.id)

    def _say_forgotten(self):
        """Tell the owner and the administrators, who answer for erasure."""
        env, provider = self._in_owners_language().env, self._provider_label()
        self._keep_proof(
            env._(
                "The person asked %(provider)s to be forgotten. The tokens, the list "
                "of calendars, the journal and the appointments that came from there "
                "are deleted.",
                provider=provider,
            )
        )
        self._needs_attention(
            env._(
                "You asked %(provider)s to forget you, so the connection has ended. "
                "Odoo has deleted its tokens, the list of your calendars, and the "
                "appointments that came from there, except those that colleagues share "
                "or that are tied to something else in Odoo.",
                provider=provider,
            )
        )
        for admin in self.env.ref("base.group_system").sudo().all_user_ids:
            if admin.active and admin != self.user_id:
                env = self.with_context(lang=admin.lang or self.env.lang).env
                note = env._(
                    "%(user)s asked %(provider)s to be forgotten. Their connection has "
                    "ended, and what it had brought into Odoo is deleted. Please see "
                    "whether more has to be erased.",
                    user=self.user_id.name,
                    provider=provider,
                )
                self._todo(admin, env._("A person asked to be forgotten"), note)

    def _silence(self):
        """End the notifications, which takes the permission that is withdrawn later.

        :return: whether the provider confirmed it
        """
        channels = self.env["calendar.sync.channel"].search(
            [("account_id", "in", self.ids)]
        )
        if not channels:
            return True
        try:
            with self._connected() as provider:
                return self._stop_channels(provider)
        except SyncError:
            channels.exists().unlink()
            return False

    def _prove(self, reason, *, silent, alone, withdrawn, erase=False):
        """Keep a line on what was done: on the connection, which administrators see,
        and in its journal. It names nothing of what was in the calendars."""
        env = self._in_owners_language().env
        if not alone:
            permission = env._(
                "The permission stays: another user here is connected to the same "
                "account."
            )
        elif withdrawn:
            permission = env._("Permission withdrawn.")
        else:
            permission = env._("The permission could not be withdrawn there.")
        note = " ".join(
            (
                reason,
                env._("Notifications ended.")
                if silent
                else env._("Notifications could not be ended; they are not heard."),
                permission,
                env._(
                    "%(provider)s was asked to delete what it keeps.",
                    provider=self._provider_label(),
                )
                if erase and alone and withdrawn
                else "",
                env._("Tokens deleted."),
            )
        )
        self._keep_proof(" ".join(note.split()))

    def _keep_proof(self, note):
        now = fields.Datetime.now()
        self.write({"closed_on": now, "closed_note": note})
        run = self.env["calendar.sync.run"].create(
            {"account_id": self.id, "state": "done", "started": now, "finished": now}
        )
        self.env["calendar.sync.run.line"].create(
            {"run_id": run.id, "kind": "closed", "message": note}
        )

    def _withdraw(self, erase=False):
        """Take the permission back at the provider.

        :return: why it could not be done, for the owner; empty when it was
        """
        try:
            self._give_back(erase)
        except SyncError as err:
            _logger.info("account %s: not revoked (%s)", self.id, type(err).__name__)
            return self._in_owners_language().env._(
                "The permission could not be withdrawn at %(provider)s, which did not "
                "accept it or did not answer. The tokens are deleted here. You can "
                "withdraw the permission yourself: %(url)s",
                provider=self._provider_label(),
                url=self._permissions_page(),
            )
        return ""

    def _give_back(self, erase=False):
        """Take the permission back at the provider.

        Google ends every permission that the person gave to the project, so where
        another user of this Odoo is connected to the same account, only our tokens go.

        :raises SyncError: it has to be withdrawn by hand
        """
        self._silence()
        if self._alone():
            kind = PROVIDERS[self.provider]
            how = {"erase": True} if erase and kind.erases else {}
            with suppress(AuthExpired):
                kind.revoke(self._application(), self._grant(), **how)

    def _alone(self, leaving=()):
        """Does nobody else here need the permission?

        :param leaving: accounts that do not need it any more either
        """
        others = self.sudo().search(
            [
                ("id", "not in", [self.id, *(account.id for account in leaving)]),
                ("provider", "=", self.provider),
                ("state", "!=", "revoked"),
                ("grant", "!=", False),
            ]
        )
        return not others._of_address(self.email)

    def _withdraw_later(self):
        """Take the permissions back once the transaction that deletes their rows has
        succeeded."""
        for account in self.filtered(lambda one: one.state != "revoked" and one.grant):
            if account._alone(self):
                try:
                    app, grant = account._application(), account._grant()
                except SyncError as err:  # nobody can read it: it runs out by itself
                    _logger.info("account %s: %s", account.id, type(err).__name__)
                    continue
                kind = PROVIDERS[account.provider]
                withdraw = partial(_withdraw_deleted, kind, app, grant, account.id)
                self.env.cr.postcommit.add(withdraw)

    # -------------------------------------------- the events

    def _remove(self, events):
        """Remove what the connection brought, as its owner chose.

        :return: what could not be removed at the provider, for the owner
        """
        account = self.sudo().with_context(active_test=False, **QUIET)
        problem = ""
        if events == "remove_all":
            problem = account._remove_copies()
        if events in ("remove_imported", "remove_all"):
            account._remove_imported()
        return problem

    def _remove_copies(self):
        """Delete the copies of Odoo's meetings at the provider, links included."""

        def remote_id(link):
            return link.series_id.remote_id or link.remote_id

        links = self.link_ids.filtered(lambda link: link.origin == "odoo")
        left = 0
        for calendar, own in links.grouped("calendar_id").items():
            ids = sorted(set(own.mapped(remote_id)))
            writes = [Write(verb="delete", remote_id=i, key=i) for i in ids]
            try:
                with self._connected() as provider:
                    outcomes = provider.push(calendar.remote_id, writes)
                failed = {outcome.key for outcome in outcomes if outcome.error}
            except SyncError as err:
                _logger.info("account %s: %s", self.id, type(err).__name__)
                failed = set(ids)
            left += len(failed)
            gone = own.filtered(lambda link, f=failed: remote_id(link) not in f)
            # an occurrence of a series that is not there can never be written again
            series = gone.series_id
            gone.unlink()
            series.filtered(lambda one: not one.link_ids).unlink()
        if not left:
            return ""
        return self._in_owners_language().env._(
            "%(count)s of Odoo's meetings could not be deleted at %(provider)s. They "
            "are not synchronised any more: please delete them there.",
            count=left,
            provider=self._provider_label(),
        )

    def _remove_imported(self):
        """Remove from Odoo what came from the provider.

        Kept are events that another connection still carries (this user does not take
        part any more), those that people tied to something else in Odoo, and those that
        were in Odoo already and were only recognised.
        """
        links = self.link_ids.filtered(lambda link: link.origin == "remote")
        events = links.event_id - links._recognised().event_id
        events |= links.former_event_id.filtered(lambda event: not event.active)
        shared = (
            self.env["calendar.sync.link"]
            .search(
                [
                    ("event_id", "in", events.ids),
                    ("account_id", "not in", self.ids),
                    # (a colleague who revoked and kept the appointments keeps them)
                    "|",
                    ("account_id.state", "!=", "revoked"),
                    ("user_id", "!=", self.user_id.id),
                ]
            )
            .event_id
        )
        partner = self.user_id.partner_id
        shared.write({"partner_ids": [Command.unlink(partner.id)]})
        series = links.series_id.filtered(lambda series: not series.recurrence_id)
        links.unlink()
        series.unlink()
        (events - shared - self._tied(events)).unlink()

    def _tied(self, events):
        """Those of the events that something else in Odoo refers to, or they to it."""
        present = [name for name in TIES if name in events._fields]
        tied = events.filtered(lambda event: any(event[name] for name in present))
        for model, fields_by_name in self._referring_fields().items():
            for name in fields_by_name:
                found = self.env[model].search([(name, "in", events.ids)])
                tied |= found[name]
        return tied & events

    def _referring_fields(self):
        """The stored fields of other models that point to events, by model."""
        found = {}
        for name, model in self.env.registry.items():
            if model._abstract or model._transient or not model._auto or name in PARTS:
                continue
            names = [
                field.name
                for field in model._fields.values()
                if field.type == "many2one"
                and field.comodel_name == "calendar.event"
                and field.store
            ]
            if names and name != "calendar.event":
                found[name] = names
        return found

    # -------------------------------------------- once a day

    @api.model
    def _renew_keys(self):
        """Have everything sealed with the newest key, and say what cannot be read."""
        try:
            unreadable = self._rotate_key()
        except KeyUnavailable as err:
            _logger.error("the permissions cannot be read: %s", err)
            return
        if unreadable:
            _logger.warning(
                "%s permissions cannot be decrypted: their owners connect again",
                unreadable,
            )

    @api.model
    def _revoke_departed(self):
        """Close the connections of users who were archived or made portal users, and
        of those whose employee was archived and who have not connected again since."""
        # sudo: the permissions of people who left are everybody's concern
        open_ones = self.sudo().search([("state", "!=", "revoked")])
        for account in open_ones:
            try:
                with self.env.cr.savepoint():
                    account._revoke_if_departed()
            except Exception:  # one account must not keep the others open
                _logger.exception("account %s: not revoked", account.id)

    def _revoke_if_departed(self):
        user = self.user_id
        env = self._in_owners_language().env
        if not user.active:
            self._revoke("keep", reason=env._("The user was archived."))
        elif user.share:  # who could not even see it any more
            reason = env._("The user is not an internal one any more.")
            self._revoke("keep", reason=reason)
        elif self.state == "paused" and user._without_employee():
            self._revoke("keep", reason=env._("The employee was archived."))
