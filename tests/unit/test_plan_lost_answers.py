"""A patch whose answer never came: what arrived of it is ours, no change of theirs."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from calsync.plan import Link, Pending, Policy, plan
from calsync.values import Fields, RemoteEvent, When, Window

NINE = datetime(2026, 3, 3, 9, tzinfo=timezone.utc)
ONE = Fields(
    name="One",
    when=When(NINE, NINE + timedelta(hours=1)),
    description="text",
    privacy="public",
)
TWO = replace(ONE, name="Two", description="<p>text</p>")
POLICY = Policy(window=Window(NINE - timedelta(days=30), NINE + timedelta(days=365)))


def decide(there, here, sent=TWO):
    link = Link(
        key=1, remote_id="m1", event=5, etag="v1", local=ONE, remote=ONE, sent=sent
    )
    remote = RemoteEvent(remote_id="m1", etag="v2", fields=there)
    return plan({"m1": link}, [remote], {"m1": Pending(fields=here)}, POLICY)


@pytest.mark.parametrize(
    ("there", "here", "pushed", "updated", "lost"),
    [
        # it arrived, nobody did anything since
        (replace(TWO, description="<b>text</b>"), TWO, None, {}, {}),
        # it arrived, and somebody went on typing here
        (TWO, replace(TWO, name="Three"), {"name": "Three"}, {}, {}),
        # it arrived, and was taken back here
        (TWO, ONE, {"name": "One"}, {}, {}),
        # it arrived, and another field was changed there
        (replace(TWO, location="Room"), TWO, None, {"location": "Room"}, {}),
        # it arrived, and was changed there
        (replace(TWO, name="Their"), TWO, None, {"name": "Their"}, {"name": "Two"}),
        # it did not arrive, and another field was changed there
        (replace(ONE, location="Room"), TWO, {"name": "Two"}, {"location": "Room"}, {}),
    ],
)
def test_what_arrived_of_a_lost_patch(there, here, pushed, updated, lost):
    first, *pushes = decide(there, here)
    assert first.kind == ("update" if updated else "settle")
    assert (dict(first.values), dict(first.lost)) == (updated, lost)
    assert bool(pushes) is bool(pushed)
    for push in pushes:
        assert {n: getattr(push.write.fields, n) for n in pushed} == pushed
        assert push.write.etag == "v2"
        assert push.write.verb == "patch"


def test_without_a_lost_patch_the_provider_wins():
    [update] = decide(TWO, replace(ONE, name="Three"), sent=None)
    assert (update.values["name"], update.lost["name"]) == ("Two", "Three")


NEW = Link(key=1, remote_id="m1", event=5, local=TWO, origin="odoo")


@pytest.mark.parametrize(
    ("link", "there", "here", "kinds"),
    [
        # a new event arrived, and was deleted here before anybody knew
        (NEW, replace(TWO, description="<b>text</b>"), None, ["push"]),
        # the same, but somebody changed it there: a change wins over a deletion
        (NEW, replace(TWO, name="Their"), None, ["restore"]),
        # an occurrence of our own series, of which nothing was agreed by itself
        (replace(NEW, local=None), replace(TWO, privacy="default"), TWO, ["settle"]),
        (replace(NEW, local=None), replace(TWO, name="Their"), TWO, ["update"]),
    ],
)
def test_what_arrived_of_a_lost_insert(link, there, here, kinds):
    remote = RemoteEvent(remote_id="m1", etag="v1", fields=there)
    actions = plan({"m1": link}, [remote], {"m1": Pending(fields=here)}, POLICY)
    assert [action.kind for action in actions] == kinds
    if kinds == ["push"]:
        assert actions[0].write.verb == "delete"
    if kinds == ["update"]:
        assert actions[0].lost == {"name": "Two"}
