"""What a run will do, decided from values alone.

:func:`plan` compares what both sides last agreed on (the base, kept with each link)
with what changed remotely (the delta) and in Odoo (pending), and answers with actions.
It performs none of them. The decision is this table; everything else feeds or carries
it out.

=========  =========  =============================================================
remote     Odoo       action
=========  =========  =============================================================
same       same       nothing
same       changed    push the changed fields
same       deleted    push the deletion
changed    same       update Odoo
changed    changed    merge per field; where both differ the provider wins, and what
                      lost is reported in ``lost``
changed    deleted    restore in Odoo (a change wins over a deletion)
deleted    same       archive in Odoo (an attendee's own copy: decline)
deleted    changed    push it anew (a change wins over a deletion)
deleted    deleted    forget the link
=========  =========  =============================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from unicodedata import normalize

from .mapping import plain_words, shortened
from .values import FIELD_NAMES, Fields, RemoteEvent, Window, Write

#: event types that are appointments; the others (workingLocation, birthday) are not
APPOINTMENTS = frozenset({"default", "outOfOffice", "focusTime", "fromGmail"})
HIDDEN = frozenset({"private", "confidential"})
TEXTS = frozenset({"name", "description", "location"})

# The guard against mass changes: DESIGN §5, "Deletions".
GUARD_COUNT = 10
GUARD_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What is known of one bound pair of events."""

    key: Any
    remote_id: str
    #: the Odoo event; None when it is gone from Odoo
    event: Any = None
    etag: str = ""
    #: the Odoo side at the last agreement, None before the first
    local: Fields | None = None
    #: the remote side at the last agreement, None before the first
    remote: Fields | None = None
    #: what a patch has said whose answer never came
    sent: Fields | None = None
    #: "odoo" or "remote": where the event was made
    origin: str = "remote"
    #: is the user the organiser of this copy?
    organized: bool = True
    #: do other users take part in the Odoo event?
    shared: bool = False
    #: may this copy carry changes to the provider, as far as is known?
    writable: bool = True
    #: is it a series at the provider still, which has become this single event here?
    repeating: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A linked event that was touched in Odoo."""

    #: the values now; None when it is deleted or archived
    fields: Fields | None
    #: is it the user's, and may it be shown to the provider? Otherwise its copy goes
    wanted: bool = True
    #: another copy of the same event can carry the change to the provider
    carried: bool = False

    @property
    def gone(self) -> bool:
        return self.fields is None or not self.wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the user and the calendar allow."""

    window: Window
    #: read new events of this calendar into Odoo
    source: bool = True
    #: remote ids that are read from any calendar: dates of series that Odoo made
    ours: frozenset[str] = frozenset()
    #: may the account write to the calendar?
    writable: bool = True
    private: bool = False
    #: what "default" visibility means in Odoo, as chosen for this calendar
    default_privacy: str = "public"
    #: does "default" stay what it is, so that it follows the user's own in Odoo?
    follows_default: bool = False
    #: our mark for new remote events, by link key
    marks: Mapping[Any, str] = field(default_factory=dict)
    #: {remote id: Odoo event} that a new remote event is a copy of
    matches: Mapping[str, Any] = field(default_factory=dict)
    #: remote ids whose Odoo event the user may not edit: their copies are written back
    protected: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do.

    ``kind`` is one of:

    ========  ===============================================================
    create    make an Odoo event of ``remote`` with ``fields``
    bind      bind ``remote`` to the existing Odoo ``event``
    update    write ``values`` to the Odoo event (``lost``: what they replace
              though a person had typed it)
    restore   bring the Odoo event back, with ``fields``
    settle    both sides agree: note ``remote`` as the new base
    archive   archive the Odoo event: it was deleted remotely
    decline   the user's attendance is declined: they removed their own copy
    withdraw  take the event out of Odoo without touching the provider
    forget    drop the link: both sides are gone
    push      carry out ``write``
    skip      leave ``remote`` alone, because of ``reason``
    fail      ``remote`` cannot be synchronised, because of ``reason``
    ========  ===============================================================
    """

    kind: str
    remote_id: str
    link: Link | None = None
    remote: RemoteEvent | None = None
    event: Any = None
    fields: Fields | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    lost: Mapping[str, Any] = field(default_factory=dict)
    write: Write | None = None
    reason: str = ""


def plan(
    links: Mapping[str, Link],
    delta: Iterable[RemoteEvent],
    pending: Mapping[str, Pending],
    policy: Policy,
) -> list[Action]:
    """The actions that bring both sides to agree.

    :param links: the links of one calendar, by remote id (at least those that ``delta``
        and ``pending`` name)
    :param delta: remote events, series already laid out as occurrences; of several
        items with one id the last counts
    :param pending: what was touched in Odoo, by remote id of the link
    """
    latest = {event.remote_id: event for event in delta}
    actions: list[Action] = []
    for remote_id, remote in latest.items():
        link = links.get(remote_id)
        if link is None:
            actions.append(_plan_new(remote, policy))
        else:
            actions += _plan_linked(link, remote, pending.get(remote_id), policy)
    for remote_id, local in pending.items():
        if remote_id not in latest:
            actions += _plan_local(links[remote_id], local, policy)
    return actions


def unwanted(remote: RemoteEvent, policy: Policy) -> str:
    """Why a remote event does not belong into Odoo; "" when it does."""
    if remote.kind not in APPOINTMENTS:
        return "kind"
    if remote.response == "declined":
        return "declined"
    if remote.fields is None:
        return "empty"
    if not policy.private and remote.fields.privacy in HIDDEN:
        return "private"
    if ended(remote.fields, policy.window):
        return "window"
    return ""


def ended(fields: Fields, window: Window) -> bool:
    """Was the event over before the window opens? All-day events count to their day."""
    if fields.when.allday:
        return fields.when.stop <= window.start.date()
    return fields.when.stop <= window.start


def localised(fields: Fields, policy: Policy) -> Fields:
    """The remote fields as Odoo should hold them."""
    return replace(fields, privacy=_privacy(fields, policy))


def trips(count: int, linked: int) -> bool:
    """Is this many deletions (or rewritings) of ``linked`` events a question to ask?"""
    return count > GUARD_COUNT and count > linked * GUARD_SHARE


def agreed(
    write: Write,
    known: Fields | None,
    told: Fields,
    unkept: Mapping[str, Any] | None = None,
) -> Fields:
    """The remote side as a write leaves it agreed on; where it differs from ``told``
    is still to be planned.

    That is what somebody has changed there meanwhile, in fields that a patch did not
    carry, unless it is what we have; and what the service made of what it did not keep.

    :param known: the remote side at the last agreement, None for an insert
    :param told: the remote side as the answer shows it
    :param unkept: see :func:`unkept`
    """
    foreign = {
        name: getattr(known, name)
        for name in FIELD_NAMES
        if write.verb == "patch"
        and name not in write.changed
        and getattr(told, name) != getattr(write.fields, name)
    }
    return replace(told, **foreign, **(unkept or {}))


def unkept(write: Write, sent: Fields, told: Fields, policy: Policy) -> dict[str, Any]:
    """What was sent of the fields that the service accepted and did not keep.

    To shorten a text, or to say it in other words, is to keep it.

    :param sent: the write as the provider said it
    """
    names = [
        name for name in FIELD_NAMES if write.verb == "insert" or name in write.changed
    ]
    one, other = _meant(sent, policy), _meant(told, policy)
    return {name: getattr(sent, name) for name in names if not _kept(name, one, other)}


def _meant(fields: Fields, policy: Policy) -> Fields:
    privacy = fields.privacy
    privacy = policy.default_privacy if privacy == "default" else privacy
    return replace(fields, privacy=privacy)


def same_meeting(
    one: frozenset[str],
    owner_of_one: frozenset[str],
    other: frozenset[str],
    owner_of_other: frozenset[str],
) -> bool:
    """Are two copies with one iCalUID the same meeting?

    Only if each names the owner of the other: an iCalUID alone proves nothing, because
    whoever can write a calendar can forge it.

    :param one: the addresses in the one copy, in lower case
    :param owner_of_one: those that are known to be its owner's
    """
    return not one.isdisjoint(owner_of_other) and not other.isdisjoint(owner_of_one)


def _privacy(fields: Fields, policy: Policy) -> str:
    """What a remote visibility is in Odoo, where "confidential" is for all
    colleagues."""
    default = "default" if policy.follows_default else policy.default_privacy
    meant = {"default": default, "confidential": "private"}
    return meant.get(fields.privacy, fields.privacy)


def _plan_new(remote: RemoteEvent, policy: Policy) -> Action:
    about = {"remote_id": remote.remote_id, "remote": remote}
    if remote.cancelled:
        return Action(kind="skip", reason="cancelled", **about)
    if not policy.source and remote.remote_id not in policy.ours:
        return Action(kind="skip", reason="not a source", **about)
    if remote.problem:
        return Action(kind="fail", reason=remote.problem, **about)
    if reason := unwanted(remote, policy):
        return Action(kind="skip", reason=reason, **about)
    fields = localised(remote.fields, policy)
    if remote.remote_id in policy.matches:
        event = policy.matches[remote.remote_id]
        return Action(kind="bind", event=event, fields=fields, **about)
    return Action(kind="create", fields=fields, **about)


def _plan_linked(
    link: Link, remote: RemoteEvent, local: Pending | None, policy: Policy
) -> list[Action]:
    about = {"remote_id": link.remote_id, "link": link, "remote": remote}
    if remote.cancelled:
        return _plan_remote_deletion(link, remote, local, policy)
    if remote.problem or remote.fields is None:
        reason = remote.problem or "empty"
        return [Action(kind="fail", reason=reason, **about)]
    if link.event is None and local is None:
        # deleted in Odoo where the calendar is read-only, or never made for an error
        if link.remote is not None and not _difference(link.remote, remote.fields):
            return [Action(kind="settle", **about)]
        # (what Odoo made comes back from any calendar)
        policy = replace(policy, source=policy.source or link.origin == "odoo")
        return [replace(_plan_new(remote, policy), link=link)]
    known = bool(link.etag) and remote.etag == link.etag
    if link.origin == "remote":
        # the user's own wishes may have changed, even if the event has not
        reason = unwanted(remote, policy)
        if reason == "declined" and link.shared and not known:
            return [Action(kind="decline", reason=reason, **about)]
        if reason in ("private", "kind", "declined") and not link.shared:
            return [Action(kind="withdraw", reason=reason, **about)]
    if known:
        return _plan_local(link, local, policy) if local else []
    if local is None or not local.gone:
        return _merge(link, remote, local, policy)
    if not _their_changes(link, remote, link.local):
        return _plan_local(replace(link, etag=remote.etag), local, policy)
    if local.fields is None:
        fields = localised(remote.fields, policy)
        return [Action(kind="restore", fields=fields, **about)]
    return _plan_last_merge(link, remote, local, policy)


def _plan_last_merge(
    link: Link, remote: RemoteEvent, local: Pending, policy: Policy
) -> list[Action]:
    """The event lives on in Odoo, its copy goes: what was changed in the copy comes in
    before, where it counts."""
    link = replace(link, etag=remote.etag)
    if link.remote_id in policy.protected or not policy.writable:
        return _plan_local(link, local, policy)
    first, *patches = _merge(link, remote, local, policy)
    # (should it be wanted again by then, Odoo is still ahead in these)
    ahead = frozenset().union(*(patch.write.changed for patch in patches))
    return [first, _push("delete", link, None, policy, ahead)]


def _plan_remote_deletion(
    link: Link, remote: RemoteEvent, local: Pending | None, policy: Policy
) -> list[Action]:
    about = {"remote_id": link.remote_id, "link": link, "remote": remote}
    if link.event is None or (local is not None and local.gone):
        return [Action(kind="forget", **about)]
    if local is not None and policy.writable and _difference(link.local, local.fields):
        return [_push("anew", link, local.fields, policy)]
    if link.shared and not link.organized:
        return [Action(kind="decline", reason="cancelled", **about)]
    return [Action(kind="archive", **about)]


def _plan_local(link: Link, local: Pending, policy: Policy) -> list[Action]:
    """Only Odoo moved."""
    writable = policy.writable and link.writable
    if local.gone:
        if not link.etag and link.local is None:
            return [Action(kind="forget", remote_id=link.remote_id, link=link)]
        if not policy.writable:
            return [Action(kind="settle", remote_id=link.remote_id, link=link)]
        return [_push("delete", link, None, policy)]
    if link.remote is None:
        return [_push("insert", link, local.fields, policy)]
    names = _our_changes(link, local.fields)
    if not names:
        return [Action(kind="settle", remote_id=link.remote_id, link=link)]
    if writable:
        return [_push("patch", link, local.fields, policy, names)]
    if local.carried:
        return [
            Action(
                kind="settle",
                remote_id=link.remote_id,
                link=link,
                fields=local.fields,
            )
        ]
    # the copy cannot be changed from here: the provider's view is the truth
    return [
        Action(
            kind="update",
            remote_id=link.remote_id,
            link=link,
            values={name: getattr(link.local, name) for name in names},
            lost={name: getattr(local.fields, name) for name in names},
            reason="read-only",
        )
    ]


def _merge(
    link: Link, remote: RemoteEvent, local: Pending | None, policy: Policy
) -> list[Action]:
    """Both sides live, the remote one is new: three-way merge, field by field."""
    theirs = localised(remote.fields, policy)
    ours = local.fields if local else link.local
    their_changes = _their_changes(link, remote, link.local or ours)
    our_changes = frozenset()
    if local:  # without a base everything that differs was changed by both
        our_changes = _our_changes(link, ours) if link.local else their_changes
    if link.sent and local:
        # what we have said ourselves is no change of theirs
        sent, now = localised(link.sent, policy), localised(ours, policy)
        said = {n for n in their_changes if _kept(n, sent, theirs)}
        more = {n for n in said if not _alike(n, sent, now)}
        their_changes, our_changes = their_changes - said, our_changes - said | more
    writable = policy.writable and remote.writable
    about = {"remote_id": link.remote_id, "link": link, "remote": remote}
    if link.remote_id in policy.protected and their_changes:
        # the user may not edit the event in Odoo: their copy is put back
        if writable:
            names = their_changes | our_changes
            return [_push("patch", link, ours, policy, names, remote)]
        return [Action(kind="settle", **about)]

    values, lost = {}, {}
    for name in FIELD_NAMES:
        mine, yours = getattr(ours, name), getattr(theirs, name)
        if name not in their_changes or mine == yours:
            continue
        if name in our_changes and alike(name, mine, yours):
            continue
        values[name] = yours
        if name in our_changes or _longer_here(link, name):
            lost[name] = mine
    outgoing = our_changes - their_changes
    if outgoing and not writable:
        if not (local and local.carried):
            # the copy cannot be changed from here: the provider's view is the truth
            values |= {name: getattr(theirs, name) for name in outgoing}
            lost |= {name: getattr(ours, name) for name in outgoing}
        outgoing = frozenset()
    first = "update" if values else "settle"
    actions = [Action(kind=first, values=values, lost=lost, **about)]
    if outgoing:
        merged = replace(ours, **values)
        actions.append(_push("patch", link, merged, policy, outgoing, remote))
    return actions


def _our_changes(link: Link, fields: Fields) -> frozenset[str]:
    """What was changed in Odoo; where it stopped to repeat, its time was."""
    names = _difference(link.local, fields)
    return names | {"when"} if link.repeating else names


def _their_changes(
    link: Link, remote: RemoteEvent, sent: Fields | None
) -> frozenset[str]:
    """What was changed remotely since the last agreement.

    :param sent: what our own insert said, whose answer may never have come; for an
        occurrence of our own series that is what stands here
    """
    if link.remote is not None or sent is None:
        return _difference(link.remote, remote.fields)
    names = _difference(sent, remote.fields)
    return frozenset(name for name in names if not _kept(name, sent, remote.fields))


def _longer_here(link: Link, name: str) -> bool:
    """Has the service only a part of the text that stands here?"""
    if name not in TEXTS or link.local is None or link.remote is None:
        return False
    return shortened(
        _words(name, getattr(link.local, name)),
        _words(name, getattr(link.remote, name)),
    )


def alike(name: str, one: Any, other: Any) -> bool:
    """Do two values of a field say the same? Texts do when their words are the same:
    providers rewrite markup and spaces. What has no length is sent a minute long."""
    if name == "when":
        return one.lasting() == other.lasting()
    if name in TEXTS:
        return _words(name, one) == _words(name, other)
    return one == other


def kept(name: str, sent: Any, told: Any) -> bool:
    """Does a service show what it was sent, be it in other words or shortened?"""
    if alike(name, sent, told):
        return True
    return name in TEXTS and shortened(_words(name, sent), _words(name, told))


def _alike(name: str, one: Fields, other: Fields) -> bool:
    return alike(name, getattr(one, name), getattr(other, name))


def _kept(name: str, sent: Fields, told: Fields) -> bool:
    return kept(name, getattr(sent, name), getattr(told, name))


def _words(name: str, text: str) -> str:
    words = plain_words(text) if name == "description" else " ".join(text.split())
    return normalize("NFC", words)


def _push(
    verb: str,
    link: Link,
    fields: Fields | None,
    policy: Policy,
    names: frozenset[str] = frozenset(),
    remote: RemoteEvent | None = None,
) -> Action:
    write = Write(
        verb="insert" if verb == "anew" else verb,
        key=link.key,
        remote_id=link.remote_id,
        etag=remote.etag if remote else link.etag,
        fields=fields,
        changed=names,
        known=(remote.fields if remote else link.remote) if verb == "patch" else None,
        recurrence=() if link.repeating and verb == "patch" else None,
        mark=policy.marks.get(link.key, ""),
    )
    return Action(
        kind="push",
        remote_id=link.remote_id,
        link=link,
        remote=remote,
        fields=fields,
        write=write,
        reason="anew" if verb == "anew" else "",
    )


def _difference(before: Fields | None, after: Fields) -> frozenset[str]:
    return frozenset(
        name
        for name in FIELD_NAMES
        if before is None or getattr(before, name) != getattr(after, name)
    )
