"""The actions of a plan, carried out on the events of Odoo.

Everything here is an ordinary quiet write (``QUIET``): nobody is mailed, no copy is
marked but those of other people, and the values before go to the journal.
"""

from dataclasses import replace

from odoo import Command, models
from odoo.tools import email_normalize

from ..calsync.plan import HIDDEN, localised
from ..calsync.values import FIELD_NAMES, When
from .bulk import insert_rows
from .calendar_event import QUIET
from .calendar_sync_run import EVENT_ERRORS
from .words import in_words

#: events made in one call of create()
BATCH = 1000


class CalendarSyncRun(models.Model):
    _inherit = "calendar.sync.run"

    def _apply(self, work, actions):
        """Carry out all actions but pushes, which become pending links.

        One action that fails is noted on its link and does not stop the others.
        """
        creates = [action for action in actions if action.kind == "create"]
        for start in range(0, len(creates), BATCH):
            self._apply_creates(work, creates[start : start + BATCH])
        for action in actions:
            method = self._APPLY.get(action.kind)
            if method:
                self._guarded(work, action, getattr(self, method))

    _APPLY = {
        "bind": "_apply_bind",
        "update": "_apply_update",
        "restore": "_apply_restore",
        "settle": "_apply_settle",
        "archive": "_apply_archive",
        "decline": "_apply_decline",
        "withdraw": "_apply_withdraw",
        "forget": "_apply_forget",
        "push": "_apply_push",
        "skip": "_apply_skip",
        "fail": "_apply_fail",
    }

    def _guarded(self, work, action, method):
        kept = len(work.lines)
        try:
            with self.env.cr.savepoint():
                method(work, action)
        except EVENT_ERRORS as error:
            del work.lines[kept:]
            self._apply_fail(work, replace(action, reason=self._error_text(error)))

    # ------------------------------------------------------------
    # New events
    # ------------------------------------------------------------

    def _apply_creates(self, work, actions):
        people = self._participants(action.remote for action in actions)
        try:
            with self.env.cr.savepoint():
                self._create_events(work, actions, people)
        except EVENT_ERRORS as error:
            if len(actions) == 1:
                reason = self._error_text(error)
                self._apply_fail(work, replace(actions[0], reason=reason))
                return
            for action in actions:
                self._apply_creates(work, [action])

    def _create_events(self, work, actions, people):
        Event = self.env["calendar.event"].with_context(**QUIET)
        revived = [action for action in actions if self._former_event(action)]
        for action in revived:
            self._apply_restore(work, action)
        actions = [action for action in actions if action not in revived]
        events = Event.create(
            [self._creation_values(action, people) for action in actions]
        )
        links = self.env["calendar.sync.link"]
        new = []
        for action, event in zip(actions, events, strict=True):
            values = self._link_values(work, action, event)
            link = action.link and links.browse(action.link.key)
            if link:
                link.write(values)
            else:
                new.append(values)
            self._note(work, "created", event=event, remote_id=action.remote_id)
        account, user = self.account_id, self.account_id.user_id
        place = {"account_id": account.id, "user_id": user.id, "generation": 0}
        insert_rows(links, [{**values, **place} for values in new])

    def _former_event(self, action):
        """The archived event of a link whose remote side changed after all, or is
        wanted again."""
        if not action.link:
            return None
        link = self._record(action)
        former = link.former_event_id
        elsewhere = former.sync_link_ids.account_id & self.account_id
        if not link.event_id and former and not elsewhere:
            link.write({"event_id": former.id, "former_event_id": False})
        return link.event_id

    def _creation_values(self, action, people):
        remote = action.remote
        user = self.account_id.user_id
        answers = {user.partner_id.id: remote.response}
        for person in self._named(remote):
            if partner := people.get(email_normalize(person.email)):
                answers.setdefault(partner, person.response)
        values = {name: getattr(action.fields, name) for name in FIELD_NAMES}
        return {
            **self._values_from_outside(values, remote.organized_by_self),
            "user_id": user.id if remote.organized_by_self else False,
            "partner_ids": [Command.set(list(answers))],
            "attendee_ids": [
                Command.create({"partner_id": partner, "state": state})
                for partner, state in answers.items()
            ],
        }

    def _values_from_outside(self, values, leader):
        """Values to write. In Odoo a meeting without a visibility has that of its
        organiser; where it has none of its users as such, the owner's is written."""
        values = self.env["calendar.event"]._sync_values(values, outside=True)
        default = self.account_id.user_id.calendar_default_privacy
        if values.get("privacy") is False and not leader and default in HIDDEN:
            values["privacy"] = default
        return values

    def _link_values(self, work, action, event):
        remote = action.remote
        link = action.link and self._record(action)
        values = self._agreement(work.calendar, link, event, remote)
        return {
            "event_id": event.id,
            "calendar_id": work.calendar.id,
            "remote_id": remote.remote_id,
            "ical_uid": remote.ical_uid,
            "origin": "remote",
            **self._place(work.calendar, remote),
            **values,
        }

    def _place(self, calendar, remote):
        """The place in a series, for an occurrence."""
        if not remote.master_id or remote.original_start is None:
            return {}
        series = self._series_of(calendar, remote.master_id)
        return {
            "series_id": series.id,
            "original_start": self._moment(remote.original_start),
        }

    # ------------------------------------------------------------
    # Agreement
    # ------------------------------------------------------------

    def _agreement(self, calendar, link, event, remote, *, outgoing=(), policy=None):
        """What a link keeps once both sides agree.

        :param outgoing: fields in which Odoo is ahead: they stay different from the
            base, which is what makes them pending
        """
        came = not link or link.origin == "remote"
        ours = event._sync_fields(
            remote.fields.when.tz, source=remote.fields if came else None
        )
        aliases = self._aliases(calendar, remote)
        if outgoing:
            theirs = localised(remote.fields, policy)
            ours = replace(ours, **{name: getattr(theirs, name) for name in outgoing})
        return {
            "etag": remote.etag,
            "state": "pending" if outgoing else "synced",
            "error": False,
            "base": {
                "local": ours.to_json(),
                "remote": remote.fields.to_json(),
                "people": self._people(link, remote),
                **({"own": aliases} if aliases else {}),
                "organized": remote.organized_by_self,
                "writable": remote.writable,
                **({"series": remote.series_id} if remote.series_id else {}),
            },
        }

    def _record(self, action):
        return self.env["calendar.sync.link"].browse(action.link.key)

    def _event(self, action):
        return self._record(action).event_id.with_context(**QUIET)

    def _apply_bind(self, work, action):
        event = self.env["calendar.event"].with_context(**QUIET).browse(action.event)
        user = self.account_id.user_id
        if user.partner_id not in event.partner_ids:
            event.write({"partner_ids": [Command.link(user.partner_id.id)]})
        if action.remote.organized_by_self and not event.user_id:
            event.write({"user_id": user.id})
        self._answer(event, user.partner_id, action.remote.response)
        # a copy that was to be made is not needed any more
        event.sync_link_ids.filtered(
            lambda link: link.account_id == self.account_id and not link.base
        ).unlink()
        values = self._link_values(work, action, event)
        if action.link:
            self._record(action).write(values)
        else:
            self.env["calendar.sync.link"].create(values)
        self._note(
            work,
            "updated",
            event=event,
            remote_id=action.remote_id,
            message=self.env._("Recognised as the same meeting"),
        )

    def _apply_settle(self, work, action):
        link, event = self._record(action), self._event(action)
        if action.remote is None:
            values = {"state": "synced", "error": False}
            if action.fields and link.base:
                values["base"] = {**link.base, "local": action.fields.to_json()}
            link.write(values)
        elif not event:
            link.write({"etag": action.remote.etag, "state": "synced"})
        else:
            self._apply_people(link, event, action.remote)
            outgoing = work.outgoing.get(action.remote_id, frozenset())
            link.write(
                self._agreement(
                    work.calendar,
                    link,
                    event,
                    action.remote,
                    outgoing=outgoing,
                    policy=work.policy,
                )
            )

    def _apply_update(self, work, action):
        link, event = self._record(action), self._event(action)
        before = self._values_of(event, action.values)
        event.write(self._values_from_outside(action.values, event.user_id))
        if "when" in action.values and event.alarm_ids:
            event.with_context(dont_notify=False)._setup_alarms()
        event._sync_mark(but=link)
        if action.remote is None:
            link.write({"state": "synced", "error": False})
        else:
            self._apply_people(link, event, action.remote)
            outgoing = work.outgoing.get(action.remote_id, frozenset())
            link.write(
                self._agreement(
                    work.calendar,
                    link,
                    event,
                    action.remote,
                    outgoing=outgoing,
                    policy=work.policy,
                )
            )
        about = {"event": event, "remote_id": action.remote_id}
        after = self._values_of(event, action.values)
        self._note(work, "updated", before=before, after=after, **about)
        if action.lost:
            self._note(work, "conflict", lost=self._to_json(action.lost), **about)

    def _apply_restore(self, work, action):
        link, event = self._record(action), self._event(action)
        if not event:
            self._create_events(
                work,
                [replace(action, kind="create")],
                self._participants([action.remote]),
            )
            return
        values = {name: getattr(action.fields, name) for name in FIELD_NAMES}
        before = {"active": event.active, **self._values_of(event, values)}
        values = self._values_from_outside(values, event.user_id)
        event.write({"active": True, **values})
        event._sync_mark(but=link)
        link.write(self._agreement(work.calendar, link, event, action.remote))
        self._note(
            work,
            "updated",
            event=event,
            remote_id=action.remote_id,
            before=before,
            message=self.env._("Deleted here, changed there: brought back"),
        )

    # ------------------------------------------------------------
    # Endings
    # ------------------------------------------------------------

    def _apply_archive(self, work, action):
        link, event = self._record(action), self._event(action)
        link.unlink()
        event.write({"active": False})
        event._sync_mark()
        self._note(
            work,
            "deleted",
            event=event,
            remote_id=action.remote_id,
            before={"active": True},
        )

    def _apply_decline(self, work, action):
        link, event = self._record(action), self._event(action)
        partner = self.account_id.user_id.partner_id
        answer = event.attendee_ids.filtered(lambda a: a.partner_id == partner).state
        self._answer(event, partner, "declined")
        if action.remote.cancelled:
            link.unlink()
        else:
            link.write(self._agreement(work.calendar, link, event, action.remote))
        self._note(
            work,
            "declined",
            event=event,
            remote_id=action.remote_id,
            before={"answer": answer},
        )

    def _apply_withdraw(self, work, action):
        link, event = self._record(action), self._event(action)
        shared = action.link.shared
        if shared:
            link.unlink()
        else:
            link._set_aside()
            event.write({"active": False})
        self._note(
            work,
            "withdrawn",
            event=event,
            remote_id=action.remote_id,
            before={} if shared else {"active": True},
            message=action.reason,
        )

    def _apply_forget(self, work, action):
        self._record(action).unlink()

    def _apply_push(self, work, action):
        """Leave it to the push, which plans again from the link and the event."""
        link = self._record(action)
        if action.reason == "anew":
            link._renew()
        elif action.remote is not None:
            link.write(
                self._agreement(
                    work.calendar,
                    link,
                    link.event_id,
                    action.remote,
                    outgoing=action.write.changed,
                    policy=work.policy,
                )
            )
        else:
            # with the version that was seen: a later one is somebody's change
            etag = action.write.etag or False
            link.write({"state": "pending", "etag": etag})

    def _apply_skip(self, work, action):
        """What could not be read, and is not wanted now that it can, is no failure."""
        if action.link:
            self._record(action).write({"state": "synced", "error": False})

    def _apply_fail(self, work, action):
        remote = action.remote
        link = action.link and self._record(action)
        text = in_words(self.env, action.reason)
        values = {"state": "failed", "error": text}
        if link:
            link.write(values)
        elif remote is not None:
            link = self.env["calendar.sync.link"].create(
                {
                    "calendar_id": work.calendar.id,
                    "remote_id": remote.remote_id,
                    "ical_uid": remote.ical_uid,
                    "origin": "remote",
                    **values,
                }
            )
        self._note(
            work,
            "failed",
            event=link and link.event_id,
            remote_id=action.remote_id,
            message=text,
        )

    # ------------------------------------------------------------
    # People
    # ------------------------------------------------------------

    def _named(self, remote):
        """Everybody whom a copy names: guests, and the organiser if not among them."""
        people = [p for p in remote.attendees if p.email and not p.is_resource]
        organizer = remote.organizer
        addresses = {person.email.lower() for person in people}
        if organizer and organizer.email and organizer.email.lower() not in addresses:
            people.append(replace(organizer, response="accepted"))
        return people

    def _people(self, link, remote):
        """{address: answer} of everybody whom a copy names. Of whom a list that is cut
        says nothing, what was known counts: they have not left.

        :param link: of the copy, or nothing
        """
        known = (link.base or {}).get("people", {}) if link and remote.cut else {}
        now = {p.email.lower(): p.response for p in self._named(remote)}
        return {**known, **now}

    def _participants(self, remotes):
        """{address: partner id} for the people that may become participants.

        Those whose address is that of exactly one existing contact, or of exactly one
        user; but not of users with a connection of their own, whose own copy counts.
        """
        addresses = {
            email_normalize(person.email)
            for remote in remotes
            if remote.fields is not None
            for person in self._named(remote)
            if not person.is_self
        }
        addresses.discard(False)
        if not addresses:
            return {}
        found = {}
        Partner = self.env["res.partner"].with_context(active_test=True)
        companies = self.account_id.user_id.company_ids.ids
        domain = [
            ("email_normalized", "in", list(addresses)),
            ("company_id", "in", [False, *companies]),
        ]
        for partner in Partner.search(domain):
            found.setdefault(partner.email_normalized, []).append(partner)
        connected = (
            self.env["calendar.sync.account"]
            .search([("state", "!=", "revoked"), ("mode", "=", "two_way")])
            .user_id.partner_id
        )
        result = {}
        for address, partners in found.items():
            if len(partners) > 1:
                partners = [partner for partner in partners if partner.user_ids]
            if len(partners) == 1 and partners[0] not in connected:
                result[address] = partners[0].id
        return result

    def _apply_people(self, link, event, remote):
        """Bring participants and answers up to date where the copy's own changed."""
        user_partner = self.account_id.user_id.partner_id
        before = (link.base or {}).get("people", {})
        now = self._people(link, remote)
        if before == now:
            return
        self._answer(event, user_partner, remote.response)
        if not remote.organized_by_self and link.origin == "odoo":
            return
        partners = self._participants([remote])
        for address, response in now.items():
            partner = self.env["res.partner"].browse(partners.get(address))
            if not partner:
                continue
            if partner not in event.partner_ids:
                event.write({"partner_ids": [Command.link(partner.id)]})
            if before.get(address) != response:
                self._answer(event, partner, response)
        gone = set(before) - set(now)
        leavers = event.partner_ids.filtered(
            lambda p: p.email_normalized in gone and p != user_partner
        )
        leavers -= event.sync_link_ids.user_id.partner_id
        if leavers and link.origin == "remote":
            event.write({"partner_ids": [Command.unlink(p.id) for p in leavers]})

    def _answer(self, event, partner, response):
        attendee = event.attendee_ids.filtered(lambda a: a.partner_id == partner)
        attendee = attendee.filtered(lambda a: a.state != response)
        if attendee:
            attendee.with_context(**QUIET).write({"state": response})

    # ------------------------------------------------------------
    # Values for the journal
    # ------------------------------------------------------------

    def _values_of(self, event, names):
        ours = event._sync_fields()
        return self._to_json({name: getattr(ours, name) for name in names})

    def _to_json(self, values):
        return {
            name: value.to_json() if isinstance(value, When) else value
            for name, value in values.items()
        }
