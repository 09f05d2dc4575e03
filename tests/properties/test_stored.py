"""What a service keeps otherwise, over the whole engine in plain Python: two runs, one
write, what was typed in the journal, and then rest."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from calsync.driver import drive
from calsync.plan import Policy, kept
from calsync.providers.memory import HABITS, MemoryProvider, MemoryServer
from calsync.values import FIELD_NAMES, Fields, When, Window

from .replica import Replica, Run

ANN = "ann@example.com"
NINE = datetime(2026, 3, 3, 9, tzinfo=timezone.utc)
WINDOW = Window(NINE - timedelta(days=30), NINE + timedelta(days=365))
OLD = Fields(name="Old title", when=When(NINE, NINE + timedelta(hours=1)))
NEW = Fields(
    name="A new title for it",
    when=When(NINE + timedelta(hours=2), NINE + timedelta(hours=3)),
    description="<p>Bring two pens and the minutes</p>",
    location="The room behind the stairs",
    privacy="public",
    show_as="free",
)


@pytest.mark.parametrize("name", FIELD_NAMES)
@pytest.mark.parametrize("habit", HABITS)
@pytest.mark.parametrize("new", [True, False])
def test_two_runs_agree_and_a_third_does_nothing(name, habit, new):
    server = MemoryServer()
    server.add_account(ANN)
    replica = Replica({ANN: Policy(window=WINDOW, default_privacy="public")}, ANN)

    def sync():
        server.requests.clear()
        drive([Run(replica, MemoryProvider(server, ANN), [ANN]).steps()])
        writes = ("insert", "patch", "delete")
        return [verb for verb in server.requests if verb in writes]

    typed = getattr(NEW, name)
    replica.make(replace(OLD, **{name: typed}) if new else OLD)
    if not new:
        sync()
        [number] = replica.events
        replica.edit(number, **{name: typed})
    [row] = replica.rows.values()
    server.treat(row.remote_id, name, habit)
    assert len(sync() + sync()) == 1
    [event], [there] = replica.events.values(), server.events(ANN).values()
    ours, theirs = getattr(event.fields, name), getattr(there.fields, name)
    theirs = "public" if theirs == "default" else theirs
    assert event.active and kept(name, ours, theirs)
    lost = [line.kept for line in replica.journal if line.kind == "conflict"]
    assert ({name: typed} in lost) is (ours != typed)
    journal = list(replica.journal)
    assert sync() == []
    assert replica.journal == journal
