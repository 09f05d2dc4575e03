"""The truth table of the plan, row by row, and what feeds it."""

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest

from calsync.plan import (
    Link,
    Pending,
    Policy,
    alike,
    ended,
    localised,
    plan,
    same_meeting,
    trips,
)
from calsync.values import FIELD_NAMES, Fields, Person, RemoteEvent, When, Window

NOW = datetime(2026, 3, 29, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
BASE = Fields(
    name="Lunch", when=When(NOW, NOW + HOUR), location="Canteen", privacy="public"
)
THEIRS = replace(BASE, name="Brunch")
OURS = replace(BASE, location="Park")
POLICY = Policy(window=Window(NOW - timedelta(days=30), NOW + timedelta(days=365)))
LINK = Link(
    key=1, remote_id="r1", event=7, etag="1", local=BASE, remote=BASE, origin="remote"
)
REMOTE = RemoteEvent(remote_id="r1", etag="2", fields=BASE)
GONE = RemoteEvent(remote_id="r1", status="cancelled")
ME = Person(email="ann@example.com", is_self=True)
DELETED = Pending(fields=None)


def run(remote=None, local=None, link=LINK, policy=POLICY):
    """The actions for one linked event."""
    return plan(
        {"r1": link} if link else {},
        [remote] if remote else [],
        {"r1": local} if local else {},
        policy,
    )


def told(actions):
    """Actions in one word each; a push with its verb and its fields."""
    words = []
    for action in actions:
        if action.kind == "push":
            names = " ".join(sorted(action.write.changed))
            word = f"push {action.write.verb} {names}".strip()
            words.append(f"{word} {action.reason}".strip())
        else:
            words.append(action.kind)
    return words


SAME = replace(REMOTE, etag="1")
CHANGED = replace(REMOTE, fields=THEIRS)
TABLE = [
    # remote, Odoo, actions
    (None, None, []),
    (SAME, None, []),
    (REMOTE, None, ["settle"]),  # a new version, but nothing that is mapped
    (None, Pending(fields=OURS), ["push patch location"]),
    (SAME, Pending(fields=OURS), ["push patch location"]),
    (None, Pending(fields=BASE), ["settle"]),  # touched, but nothing that is mapped
    (None, DELETED, ["push delete"]),
    (REMOTE, DELETED, ["push delete"]),
    (CHANGED, None, ["update"]),
    (CHANGED, Pending(fields=BASE), ["update"]),
    (CHANGED, Pending(fields=OURS), ["update", "push patch location"]),
    (CHANGED, Pending(fields=THEIRS), ["settle"]),  # both changed to the same
    (CHANGED, DELETED, ["restore"]),
    (GONE, None, ["archive"]),
    (GONE, Pending(fields=BASE), ["archive"]),
    (GONE, Pending(fields=OURS), ["push insert anew"]),
    (GONE, DELETED, ["forget"]),
]


@pytest.mark.parametrize("remote, local, expected", TABLE)
def test_the_truth_table(remote, local, expected):
    assert told(run(remote, local)) == expected


@pytest.mark.parametrize("name", FIELD_NAMES)
def test_of_a_field_changed_on_both_sides_the_provider_wins_and_the_loss_is_told(name):
    values = {
        "name": ("Mine", "Theirs"),
        "when": (When(NOW + HOUR, NOW + 2 * HOUR), When(NOW - HOUR, NOW)),
        "description": ("<p>mine</p>", "<p>theirs</p>"),
        "location": ("Mine", "Theirs"),
        "privacy": ("private", "default"),
        "show_as": ("free", "tentative"),
    }
    mine, yours = values[name]
    remote = replace(REMOTE, fields=replace(BASE, **{name: yours}))
    [action] = run(remote, Pending(fields=replace(BASE, **{name: mine})))
    kept = POLICY.default_privacy if name == "privacy" else yours
    assert (action.kind, action.values, action.lost) == (
        "update",
        {name: kept},
        {name: mine},
    )


def test_a_patch_builds_on_the_version_that_was_seen_and_carries_the_merged_fields():
    _update, push = run(CHANGED, Pending(fields=OURS))
    assert push.write.etag == "2"
    assert push.write.fields == replace(OURS, name="Brunch")
    [push] = run(None, Pending(fields=OURS))
    assert push.write.etag == "1"


def test_texts_that_differ_in_markup_and_spaces_are_alike():
    assert alike("description", "<p>a &amp; b</p>", "a &amp; b<br>")
    assert alike("name", "a  b", " a b")
    assert not alike("description", "<p>a</p>", "<p>b</p>")
    assert not alike("show_as", "busy", "free")
    both = replace(BASE, description="<p>new</p>")
    remote = replace(REMOTE, fields=replace(BASE, description="new<br>"))
    assert told(run(remote, Pending(fields=both))) == ["settle"]


# ------------------------------------------------------------------- without versions


def test_without_versions_only_the_values_count():
    link = replace(LINK, etag="")
    for remote, expected in (
        (replace(REMOTE, etag=""), ["settle"]),
        (replace(CHANGED, etag=""), ["update"]),
    ):
        assert told(run(remote, None, link)) == expected
    assert told(run(None, Pending(fields=OURS), link)) == ["push patch location"]


def test_an_occurrence_that_follows_its_master_is_known_by_the_masters_version():
    link = replace(LINK, etag="master:5")
    assert run(replace(REMOTE, etag="master:5"), None, link) == []
    assert told(run(replace(CHANGED, etag="master:6"), None, link)) == ["update"]


# ---------------------------------------------------------------------- lost answers


def test_an_insert_whose_answer_was_lost_is_compared_with_what_was_sent():
    sent = replace(
        BASE, name="Big  lunch", description="<p>a</p><p>b</p>", privacy="default"
    )
    link = replace(LINK, origin="odoo", etag="", local=sent, remote=None)
    kept = replace(sent, name="Big lunch", description="a<br>b")
    remote = replace(REMOTE, fields=kept)
    assert told(run(remote, Pending(fields=sent), link)) == ["settle"]
    # typed since: goes out; changed there since: comes in
    typed = Pending(fields=replace(sent, location="Park"))
    assert told(run(remote, typed, link)) == ["settle", "push patch location"]
    there = replace(remote, fields=replace(kept, show_as="free"))
    update, push = run(there, typed, link)
    assert update.values == {"show_as": "free"}
    assert push.write.changed == {"location"}


def test_what_was_perhaps_written_is_deleted_and_what_never_was_is_forgotten():
    fresh = replace(LINK, origin="odoo", etag="", local=None, remote=None)
    assert told(run(None, DELETED, fresh)) == ["forget"]
    assert told(run(None, DELETED, replace(fresh, local=BASE))) == ["push delete"]
    assert told(run(None, Pending(fields=BASE), fresh)) == ["push insert"]


# ---------------------------------------------------- calendars that cannot be written

READ_ONLY = replace(POLICY, writable=False)


@pytest.mark.parametrize(
    "remote, local, expected",
    [
        (None, Pending(fields=OURS), ["update"]),
        (None, DELETED, ["settle"]),
        (CHANGED, Pending(fields=OURS), ["update"]),
        (CHANGED, DELETED, ["restore"]),
        (GONE, Pending(fields=OURS), ["archive"]),
        (GONE, None, ["archive"]),
    ],
)
def test_a_read_only_calendar_is_never_written_to(remote, local, expected):
    assert told(run(remote, local, policy=READ_ONLY)) == expected


def test_what_cannot_go_out_is_put_back_and_told():
    for remote, policy in ((None, READ_ONLY), (REMOTE, READ_ONLY)):
        [action] = run(remote, Pending(fields=OURS), policy=policy)
        assert action.values == {"location": "Canteen"}
        assert action.lost == {"location": "Park"}
    [action] = run(None, Pending(fields=OURS), replace(LINK, writable=False))
    assert action.values == {"location": "Canteen"}
    [action] = run(replace(REMOTE, writable=False), Pending(fields=OURS))
    assert action.lost == {"location": "Park"}


def test_a_change_that_another_copy_carries_is_not_put_back():
    carried = Pending(fields=OURS, carried=True)
    assert told(run(None, carried, replace(LINK, writable=False))) == ["settle"]
    assert told(run(replace(REMOTE, writable=False), carried)) == ["settle"]


def test_a_protected_copy_is_written_back():
    policy = replace(POLICY, protected=frozenset({"r1"}))
    [push] = run(CHANGED, None, policy=policy)
    assert push.write.verb == "patch"
    assert push.write.changed == {"name"}
    assert push.write.fields == BASE
    assert told(run(replace(CHANGED, writable=False), policy=policy)) == ["settle"]
    assert told(run(REMOTE, policy=policy)) == ["settle"]


# ------------------------------------------------------------------------- new events


@pytest.mark.parametrize(
    "changes, policy, kind, reason",
    [
        ({}, {}, "create", ""),
        ({"status": "cancelled"}, {}, "skip", "cancelled"),
        ({}, {"source": False}, "skip", "not a source"),
        ({"problem": "broken"}, {}, "fail", "broken"),
        ({"fields": None}, {}, "skip", "empty"),
        ({"kind": "workingLocation"}, {}, "skip", "kind"),
        ({"kind": "outOfOffice"}, {}, "create", ""),
        ({"fields": replace(BASE, privacy="private")}, {}, "skip", "private"),
        ({"fields": replace(BASE, privacy="confidential")}, {}, "skip", "private"),
        (
            {"fields": replace(BASE, privacy="private")},
            {"private": True},
            "create",
            "",
        ),
        ({"attendees": (replace(ME, response="declined"),)}, {}, "skip", "declined"),
        ({"attendees": (replace(ME, response="tentative"),)}, {}, "create", ""),
        (
            {"fields": replace(BASE, when=When(NOW - 999 * HOUR, NOW - 998 * HOUR))},
            {},
            "skip",
            "window",
        ),
    ],
)
def test_a_new_event(changes, policy, kind, reason):
    remote = replace(REMOTE, **changes)
    [action] = run(remote, link=None, policy=replace(POLICY, **policy))
    assert (action.kind, action.reason) == (kind, reason)


def test_a_match_is_bound():
    policy = replace(POLICY, matches={"r1": 42})
    [action] = run(REMOTE, link=None, policy=policy)
    assert (action.kind, action.event) == ("bind", 42)


def test_visibility_of_the_calendar_becomes_what_was_chosen_and_is_not_written_back():
    remote = replace(REMOTE, fields=replace(BASE, privacy="default"))
    policy = replace(POLICY, default_privacy="private")
    [action] = run(remote, link=None, policy=policy)
    assert action.fields.privacy == "private"
    link = replace(LINK, local=replace(BASE, privacy="private"), remote=remote.fields)
    assert told(run(remote, None, link, policy)) == ["settle"]
    ours = Pending(fields=replace(link.local, name="Mine"))
    assert told(run(None, ours, link, policy)) == ["push patch name"]


def test_what_is_shown_to_nobody_there_is_not_shown_to_all_colleagues():
    fields = localised(replace(BASE, privacy="confidential"), POLICY)
    assert fields.privacy == "private"


# ------------------------------------------------------- what the user wants no more


@pytest.mark.parametrize("shared, kind", [(False, "withdraw"), (True, "decline")])
def test_declined_there(shared, kind):
    remote = replace(REMOTE, attendees=(replace(ME, response="declined"),))
    assert told(run(remote, None, replace(LINK, shared=shared))) == [kind]


def test_private_events_leave_odoo_when_they_are_not_wanted_any_more():
    private = replace(SAME, fields=replace(BASE, privacy="private"))
    assert told(run(private)) == ["withdraw"]
    assert told(run(private, policy=replace(POLICY, private=True))) == []
    assert told(run(private, None, replace(LINK, origin="odoo"))) == []


def test_an_event_moved_out_of_the_window_is_followed():
    past = replace(BASE, when=When(NOW - 999 * HOUR, NOW - 998 * HOUR))
    assert told(run(replace(REMOTE, fields=past))) == ["update"]


@pytest.mark.parametrize(
    "organized, shared, kind",
    [
        (True, False, "archive"),
        (True, True, "archive"),
        (False, False, "archive"),  # an external organiser cancelled
        (False, True, "decline"),  # a guest removed their own copy
    ],
)
def test_whose_deletion_it_is(organized, shared, kind):
    link = replace(LINK, organized=organized, shared=shared)
    assert told(run(GONE, None, link)) == [kind]


# ------------------------------------------------------------------------- tombstones


def test_an_event_that_is_gone_from_odoo_comes_back_only_with_a_change():
    link = replace(LINK, event=None)
    assert told(run(REMOTE, None, link)) == ["settle"]
    assert told(run(CHANGED, None, link)) == ["create"]
    assert told(run(GONE, None, link)) == ["forget"]
    off = replace(POLICY, source=False)
    assert told(run(CHANGED, None, link, off)) == ["skip"]
    made_here = replace(link, origin="odoo")
    assert told(run(CHANGED, None, made_here, off)) == ["create"]


def test_an_item_with_a_problem_is_shown_and_deletes_nothing():
    [action] = run(replace(REMOTE, problem="broken"))
    assert (action.kind, action.reason) == ("fail", "broken")
    assert told(run(replace(REMOTE, fields=None))) == ["fail"]


def test_of_several_items_with_one_id_the_last_counts():
    assert told(plan({"r1": LINK}, [GONE, CHANGED], {}, POLICY)) == ["update"]
    assert told(plan({"r1": LINK}, [CHANGED, GONE], {}, POLICY)) == ["archive"]


# ---------------------------------------------------------------------------- borders


def test_when_an_event_is_over():
    start = POLICY.window.start
    timed = replace(BASE, when=When(start - HOUR, start))
    assert ended(timed, POLICY.window)
    assert not ended(
        replace(BASE, when=When(start - HOUR, start + HOUR)), POLICY.window
    )
    day = date(2026, 2, 27)  # the window opens on that day
    assert ended(replace(BASE, when=When(day - timedelta(days=1), day)), POLICY.window)
    assert not ended(
        replace(BASE, when=When(day, day + timedelta(days=1))), POLICY.window
    )


@pytest.mark.parametrize(
    "count, linked, asked",
    [(10, 10, False), (11, 11, True), (11, 22, False), (12, 22, True), (0, 0, False)],
)
def test_masses_are_a_question(count, linked, asked):
    assert trips(count, linked) is asked


@pytest.mark.parametrize(
    "one, other, same",
    [
        ({"a@x", "b@x"}, {"a@x", "b@x"}, True),
        ({"b@x"}, {"a@x"}, True),
        ({"a@x"}, {"a@x", "b@x"}, False),
        ({"a@x", "b@x"}, {"b@x"}, False),
        (set(), {"a@x", "b@x"}, False),
        (set(), set(), False),
    ],
)
def test_two_copies_are_one_meeting_only_if_each_names_the_other(one, other, same):
    ann, bob, nobody = frozenset({"a@x"}), frozenset({"b@x"}), frozenset()
    assert same_meeting(frozenset(one), ann, frozenset(other), bob) is same
    assert not same_meeting(frozenset(one), nobody, frozenset(other), nobody)
