"""Sent is not stored: what the answer to a write says about it."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from calsync.mapping import google_said
from calsync.mapping_cronofy import cronofy_said
from calsync.plan import Link, Policy, agreed, kept, plan, unkept
from calsync.providers.memory import HABITS
from calsync.values import FIELD_NAMES, Fields, RemoteEvent, When, Window, Write

NINE = datetime(2026, 3, 3, 9, tzinfo=timezone.utc)
WINDOW = Window(NINE - timedelta(days=30), NINE + timedelta(days=365))
OLD = Fields(name="Old", when=When(NINE, NINE + timedelta(hours=1)))
TEXT = "Bring the minutes of last time, and two pens"
NEW = Fields(
    name=f"Budget. {TEXT}",
    when=When(NINE + timedelta(hours=2), NINE + timedelta(hours=3)),
    description=f"<p><b>Agenda</b></p><p>{TEXT}</p>",
    location=f"Room. {TEXT}",
    privacy="private",
    show_as="free",
)
TEXTS = ("name", "description", "location")
#: {habit: the fields that are kept all the same}
KEPT = {
    "shortened": FIELD_NAMES,
    "normalised": FIELD_NAMES,
    "dropped": ("when",),
    "replaced": (),
    "ignored": (),
}


def policy(privacy="public"):
    return Policy(window=WINDOW, private=True, default_privacy=privacy)


@pytest.mark.parametrize("name", FIELD_NAMES)
@pytest.mark.parametrize("habit", HABITS)
@pytest.mark.parametrize("verb", ["insert", "patch"])
@pytest.mark.parametrize("said", [None, google_said, cronofy_said])
def test_what_a_service_does_to_a_field(name, habit, verb, said):
    write = Write(
        verb=verb,
        remote_id="e1",
        fields=NEW,
        changed=frozenset({name}),
        known=OLD if verb == "patch" else None,
    )
    sent = said(write) if said else NEW
    value = HABITS[habit](name, getattr(sent, name), getattr(OLD, name))
    before = OLD if verb == "patch" else sent
    told = replace(before, **{name: value})
    lost = unkept(write, sent, told, policy())
    assert lost == ({} if name in KEPT[habit] else {name: getattr(sent, name)})
    # what is left is planned as a change of the provider's, once
    believed = agreed(write, OLD if verb == "patch" else None, told, lost)
    link = Link(key=1, remote_id="e1", event=5, local=NEW, remote=believed)
    remote = RemoteEvent(remote_id="e1", etag="v2", fields=told)
    [action] = plan({"e1": link}, [remote], {}, policy())
    assert action.kind == ("update" if lost else "settle")
    assert set(action.values) == set(lost)
    settled = replace(link, remote=told, local=replace(NEW, **action.values))
    assert plan({"e1": settled}, [remote], {}, policy())[0].kind == "settle"


@pytest.mark.parametrize(
    ("name", "sent", "told", "same"),
    [
        ("name", "A long title", "A long…", True),
        ("name", "A long title", "A long...", True),
        ("name", "A long title", "", False),
        ("name", "A long title", "A long title!", False),
        ("name", "Cafe\u0301", "Caf\u00e9", True),
        ("description", "<p>one</p><p>two</p>", "one\ntwo", True),
        ("description", "<p>one &amp; two</p>", "one &am", True),
        ("description", '<p>one <a href="https://x">x</a></p>', 'one <a hr', True),
        ("description", "Dear &lt;Name&gt;", "Dear <Name>", True),
        ("description", "Dear &lt;Name&gt;, hello", "Dear , hello", False),
        ("show_as", "free", "busy", False),
        ("privacy", "confidential", "private", False),
    ],
)  # fmt: skip
def test_what_is_kept(name, sent, told, same):
    assert kept(name, sent, told) is same


@pytest.mark.parametrize(
    ("sent", "told", "default", "same"),
    [
        ("public", "default", "public", True),
        ("public", "default", "private", False),
        ("default", "private", "private", True),
        ("private", "default", "public", False),
        ("confidential", "private", "public", False),
    ],
)
def test_default_visibility_means_what_was_chosen(sent, told, default, same):
    write = Write(verb="insert", remote_id="e1", fields=NEW)
    one, other = replace(NEW, privacy=sent), replace(NEW, privacy=told)
    assert (not unkept(write, one, other, policy(default))) is same


def test_what_cronofy_cannot_say_is_kept():
    """It knows private or not, and plain text."""
    link = '<a href="https://x.example/">here</a>'
    fields = replace(NEW, privacy="public", description=f"<ul><li>{link}</li></ul>")
    write = Write(verb="insert", remote_id="e1", fields=fields)
    told = replace(fields, privacy="default", description="- here (https://x.example/)")
    assert not unkept(write, cronofy_said(write), told, policy("private"))


def test_the_rest_of_a_shortened_text_is_kept_where_it_is_replaced():
    local, remote = replace(OLD, name="A long title"), replace(OLD, name="A long")
    link = Link(key=1, remote_id="e1", event=5, local=local, remote=remote)
    changed = RemoteEvent(remote_id="e1", etag="v2", fields=replace(OLD, name="Other"))
    [action] = plan({"e1": link}, [changed], {}, policy())
    assert action.values == {"name": "Other"}
    assert action.lost == {"name": "A long title"}
