"""Our search for slots, and Cronofy's as the simulator reads its documentation, agree.

The busy times that ours works on come through the provider, as they do in Odoo. The
examples are those of Cronofy's documentation and of its official clients; E1 to E11 are
their numbers in our notes.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from calsync.availability import Group, Member, Step, find_sequences, find_slots
from calsync.intervals import union
from calsync.providers.cronofy import CronofyProvider
from calsync.transport import Limiter
from calsync.values import Application, Grant
from simulators.cronofy import DEMO_CLIENT, DEMO_SECRET, CronofySimulator
from simulators.cronofy import availability as theirs

UTC = timezone.utc
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
D1, D2, D3 = "2026-12-01", "2026-12-02", "2026-12-03"  # a Tuesday and what follows
MINUTE = timedelta(minutes=1)


def utc(day, clock):
    return datetime.fromisoformat(f"{day}T{clock}+00:00")


def text(at):
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class World:
    sim: CronofySimulator
    subs: dict = field(default_factory=dict)
    tokens: dict = field(default_factory=dict)
    providers: dict = field(default_factory=dict)
    calendars: dict = field(default_factory=dict)

    def person(self, key, *busy, scope="read_write", **more):
        """Somebody who is busy at these times: (day, from, to) or (from, to)."""
        self.calendars[key] = self.sim.add_person(key, tz="UTC", **more)["calendars"]
        answer = self.sim.grant(key, scope)
        self.subs[key], self.tokens[key] = answer["sub"], answer["access_token"]
        for day, start, stop in busy:
            self.sim.add_event(key, None, "x", f"{day} {start}", f"{day} {stop}")
        app = Application(
            client_id=DEMO_CLIENT,
            client_secret=DEMO_SECRET,
            api_url=self.sim.url,
            auth_url=self.sim.url,
            token_url=f"{self.sim.url}/oauth/token",
            revoke_url=f"{self.sim.url}/oauth/token/revoke",
        )
        grant = Grant(access_token=answer["access_token"])
        self.providers[key] = CronofyProvider(
            app, grant, limiter=Limiter(), now=self.sim.clock.now
        )

    def post(self, path, data, token=DEMO_SECRET):
        answer = requests.post(
            f"{self.sim.url}/v1/{path}",
            json=data,
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        )
        answer.raise_for_status()
        return answer.json() if answer.text else None

    # one question in both languages

    def query(self, groups, periods, minutes, **more):
        return {
            "participants": [
                {
                    "members": [
                        {"sub": self.subs[key], **options}
                        for key, options in _members(members)
                    ],
                    "required": required,
                }
                for members, required in groups
            ],
            "required_duration": {"minutes": minutes},
            "query_periods": [
                {"start": text(low), "end": text(high)} for low, high in periods
            ],
            **more,
        }

    def member(self, key, periods, hours=None):
        low = min(low for low, _high in periods) - timedelta(days=1)
        high = max(high for _low, high in periods) + timedelta(days=1)
        ids = list(self.calendars[key].values())
        answers = self.providers[key].busy(ids, low, high)
        known = [value for value in answers.values() if isinstance(value, tuple)]
        return Member(
            key,
            hours=hours,
            busy=tuple(union(*known)),
            unknown=len(known) < len(ids),
        )

    def groups(self, groups, periods, hours=None):
        return [
            Group(
                [
                    self.member(key, periods, (hours or {}).get(key))
                    for key, _options in _members(members)
                ],
                None if required == "all" else required,
            )
            for members, required in groups
        ]

    def read(self, slots):
        """Slots of an answer, people by their keys."""
        keys = {sub: key for key, sub in self.subs.items()}
        return [
            (
                slot["start"],
                slot["end"],
                {keys[person["sub"]] for person in slot["participants"]},
            )
            for slot in slots
        ]


def _members(members):
    return [(m, {}) if isinstance(m, str) else m for m in members]


def said(slots):
    return [(text(s.start), text(s.stop), set(s.members)) for s in slots]


@pytest.fixture(scope="module")
def running():
    with CronofySimulator() as sim:
        yield sim


@pytest.fixture
def world(running):
    running.reset()
    running.set_clock(NOW.isoformat())
    yield (world := World(running))
    for provider in world.providers.values():
        provider.close()


NINE_TO_SIX = [
    (utc(D1, "09:00"), utc(D1, "18:00")),
    (utc(D2, "09:00"), utc(D2, "18:00")),
]


def compare(world, groups, periods, minutes, *, step=None, hours=None, **buffers):
    """Ask both for slots, one after another and overlapping; the former ones."""
    buffer = {side: {"minutes": number} for side, number in buffers.items()}
    ours = {
        f"buffer_{side}": timedelta(minutes=number) for side, number in buffers.items()
    }
    answers = {}
    for name, overlapping in (("slots", False), ("overlapping_slots", True)):
        query = world.query(
            groups, periods, minutes, response_format=name, buffer=buffer
        )
        if step or overlapping:
            query["start_interval"] = {"minutes": step or minutes}
        answer = world.read(world.post("availability", query)["available_slots"])
        found = find_slots(
            world.groups(groups, periods, hours),
            periods,
            timedelta(minutes=minutes),
            step=timedelta(minutes=step or minutes),
            tz="UTC",
            overlapping=overlapping,
            **ours,
        )
        assert said(found.slots) == answer, name
        answers[name] = answer
    return answers["slots"]


# ------------------------------------------------------------------------- the examples


def test_e1_two_people_and_one_of_three_rooms_with_buffers(world):
    world.person(
        "a", (D1, "10:15", "18:00"), (D2, "08:00", "09:30"), (D2, "12:15", "18:00")
    )
    world.person("b")
    for room in ("r1", "r2"):
        world.person(room, (D2, "09:00", "18:00"))
    world.person("r3", (D1, "09:00", "18:00"))
    groups = [(["a", "b"], "all"), (["r1", "r2", "r3"], 1)]
    found = compare(world, groups, NINE_TO_SIX, 60, before=30, after=15)
    assert [(start[8:13], people) for start, _stop, people in found] == [
        ("01T09", {"a", "b", "r1", "r2"}),
        ("02T10", {"a", "b", "r3"}),
        ("02T11", {"a", "b", "r3"}),
    ]


def test_e2_periods_hold_the_same_people_all_through(world):
    world.person("one", (D1, "11:00", "18:00"))
    world.person("two", (D2, "09:00", "18:00"))
    groups = [(["one", "two"], "all")]
    query = world.query(groups, NINE_TO_SIX, 30)
    periods = world.read(world.post("availability", query)["available_periods"])
    assert periods == [(f"{D1}T09:00:00Z", f"{D1}T11:00:00Z", {"one", "two"})]
    found = find_slots(
        world.groups(groups, NINE_TO_SIX),
        NINE_TO_SIX,
        timedelta(minutes=30),
        step=5 * MINUTE,
        tz="UTC",
    )
    covered = union((slot.start, slot.stop) for slot in found.slots)
    assert [(text(low), text(high)) for low, high in covered] == [
        p[:2] for p in periods
    ]


def test_e3_slots_name_everybody_who_is_free(world):
    world.person("one", (D1, "10:00", "18:00"))
    world.person("two", (D1, "11:00", "18:00"))
    groups = [(["one", "two"], 1)]
    found = compare(world, groups, NINE_TO_SIX[:1], 60)
    assert [people for _start, _stop, people in found] == [{"one", "two"}, {"two"}]


def test_e4_buffers_on_both_sides(world):
    world.person("one", (D1, "12:00", "13:00"))
    world.person("two", (D1, "15:00", "15:30"), (D2, "09:00", "16:00"))
    found = compare(
        world, [(["one", "two"], "all")], NINE_TO_SIX, 60, step=30, before=30, after=30
    )
    assert [start[8:16] for start, _stop, _people in found] == [
        "01T09:00",
        "01T10:00",
        "01T13:30",
        "01T16:00",
        "01T17:00",
        "02T16:30",
    ]


def test_e5_starts_that_are_asked_for(world):
    world.person("one", (D2, "10:00", "11:00"))
    starts = [utc(D1, "09:00"), utc(D2, "09:00")]
    query = world.query([(["one"], "all")], NINE_TO_SIX, 30, response_format="slots")
    del query["query_periods"]
    for after, expected in ((45, starts[:1]), (30, starts)):
        query |= {
            "query_slots": [{"start": text(start)} for start in starts],
            "start_interval": {"minutes": 30},
            "buffer": {"before": {"minutes": 30}, "after": {"minutes": after}},
        }
        answer = world.read(world.post("availability", query)["available_slots"])
        windows = [(start, start + 30 * MINUTE) for start in starts]
        found = find_slots(
            world.groups([(["one"], "all")], windows),
            windows,
            30 * MINUTE,
            step=30 * MINUTE,
            tz="UTC",
            buffer_before=30 * MINUTE,
            buffer_after=after * MINUTE,
        )
        assert said(found.slots) == answer
        assert [start for start, _stop, _people in answer] == [
            text(s) for s in expected
        ]


def test_e6_no_more_than_so_many_in_a_day_or_week(world):
    """Quotas are no part of our search: who is full is left out of the window."""
    world.person("one")
    calendar = world.calendars["one"]["Calendar"]
    for number, day in enumerate((D1, D1, D2)):
        body = {
            "event_id": f"i{number}",
            "summary": "Interview",
            "description": "",
            "start": f"{day}T{9 + number:02}:00:00Z",
            "end": f"{day}T{10 + number:02}:00:00Z",
            "tags": {"private": [{"value": "interview"}]},
        }
        path = f"calendars/{calendar}/events"
        world.post(path, body, token=world.tokens["one"])

    def days(constraint):
        query = world.query(
            [([("one", {"availability_constraints": [constraint]})], "all")],
            NINE_TO_SIX,
            60,
            response_format="slots",
        )
        slots = world.post("availability", query)["available_slots"]
        return {slot["start"][:10] for slot in slots}

    tags = {"tags": {"private": [{"value": "interview"}]}}
    assert days({"limit": 2, "period": "day", "tzid": "Europe/London"}) == {D2}
    assert days({"limit": 10, "period": "week"}) == {D1, D2}
    assert days({"limit": 3, "period": "week", **tags}) == set()
    other = {"tags": {"private": [{"value": "lunch"}]}}
    assert days({"limit": 1, "period": "week", **other}) == {D1, D2}
    compare(world, [(["one"], "all")], NINE_TO_SIX, 60)


def test_e7_the_next_slot_lies_on_the_clock(world):
    world.person("one", (D1, "10:00", "11:00"))
    found = compare(
        world, [(["one"], "all")], NINE_TO_SIX[:1], 60, step=60, before=10, after=10
    )
    # 9 to 10 ends without ten minutes before the meeting, 11 begins without
    assert [start[11:16] for start, _stop, _people in found][:1] == ["12:00"]


@pytest.mark.parametrize(
    ("rule_ids", "hours"),
    [(["houston-office"], True), (None, True), (["no-such-rule"], False)],
)
def test_e8_managed_hours_of_one_of_two(world, rule_ids, hours):
    world.person("a", (D1, "16:00", "17:00"))
    world.person("b", (D2, "15:00", "16:00"))
    rule = {
        "availability_rule_id": "houston-office",
        "tzid": "America/Chicago",
        "weekly_periods": [
            {"day": day, "start_time": "09:00", "end_time": "12:00"}
            for day in ("tuesday", "wednesday")
        ],
    }
    world.post("availability_rules", rule, token=world.tokens["b"])
    periods = [(utc(D1, "00:00"), utc(D3, "23:59"))]
    managed = {"managed_availability": True}
    if rule_ids:
        managed["availability_rule_ids"] = rule_ids
    groups = [(["a", ("b", managed)], "all")]
    # nine to twelve in Chicago
    office = [(utc(day, "15:00"), utc(day, "18:00")) for day in (D1, D2)]
    found = compare(
        world, groups, periods, 60, step=60, hours={"b": office if hours else []}
    )
    starts = [start[8:13] for start, _stop, _people in found]
    assert starts == (["01T15", "01T17", "02T16", "02T17"] if hours else [])


def test_e9_weekly_rules_keep_their_clock_over_the_change_of_the_clocks(world):
    world.sim.set_clock("2026-10-20T08:00:00+00:00")
    world.person("one")
    week = [
        ("monday", "09:30", "12:30"),
        ("monday", "14:00", "17:00"),
        ("wednesday", "09:30", "12:30"),
    ]
    rule = {
        "availability_rule_id": "default",
        "tzid": "America/Chicago",
        "weekly_periods": [
            {"day": day, "start_time": start, "end_time": stop}
            for day, start, stop in week
        ],
    }
    world.post("availability_rules", rule, token=world.tokens["one"])
    chicago = ZoneInfo("America/Chicago")
    numbers = {"monday": 0, "wednesday": 2}
    first = datetime(2026, 10, 26)  # the clocks change on the Sunday after
    hours = [
        tuple(
            (first + timedelta(days=7 * w + numbers[day])).replace(
                hour=int(clock[:2]), minute=int(clock[3:]), tzinfo=chicago
            )
            for clock in (start, stop)
        )
        for w in (0, 1)
        for day, start, stop in week
    ]
    periods = [(utc("2026-10-26", "00:00"), utc("2026-11-07", "00:00"))]
    groups = [([("one", {"managed_availability": True})], "all")]
    found = compare(world, groups, periods, 60, step=30, hours={"one": hours})
    starts = [start[5:16] for start, _stop, _people in found]
    assert (starts[0], starts[9]) == ("10-26T14:30", "11-02T15:30")


def test_e10_who_cannot_be_asked_is_not_free_with_us(world):
    """Cronofy answers from stale data and says so only on request: ours does not."""
    for key in ("active", "pending", "disconnected"):
        world.person(key)
    world.sim.set_initial_sync("pending")
    world.sim.disconnect_profile("disconnected")
    query = world.query(
        [(["active", "pending", "disconnected"], 1)],
        NINE_TO_SIX,
        60,
        response_format="slots",
        include_member_statuses=True,
    )
    answer = world.post("availability", query)
    statuses = {row["sub"]: row["sync_status"] for row in answer["member_statuses"]}
    assert statuses == {world.subs[key]: key for key in world.subs}
    known = {sub for sub, status in statuses.items() if status == "active"}
    found = find_slots(
        world.groups([(list(world.subs), 1)], NINE_TO_SIX),
        NINE_TO_SIX,
        60 * MINUTE,
        step=60 * MINUTE,
        tz="UTC",
        overlapping=False,
    )
    assert [s.members for s in found.slots] == [frozenset({"active"})] * 18
    theirs_known = [
        (start, stop, {key for key in people if world.subs[key] in known})
        for start, stop, people in world.read(answer["available_slots"])
    ]
    assert said(found.slots) == theirs_known


def test_e11_two_in_a_row(world):
    day = D1
    world.person("one", (day, "10:00", "11:00"), (day, "12:00", "18:00"))
    world.person(
        "two", (day, "09:00", "10:00"), (day, "11:00", "12:00"), (day, "13:00", "18:00")
    )
    periods = NINE_TO_SIX[:1]
    steps = [("123", 1, "one"), ("456", 2, "two")]
    query = {
        "query_periods": [{"start": text(a), "end": text(b)} for a, b in periods],
        "sequence": [
            {
                "sequence_id": name,
                "ordinal": ordinal,
                "participants": [
                    {"members": [{"sub": world.subs[key]}], "required": "all"}
                ],
                "required_duration": {"minutes": 60},
                "start_interval": {"minutes": 60},
                "buffer": {
                    side: {"minimum": {"minutes": 0}, "maximum": {"minutes": 30}}
                    for side in ("before", "after")
                },
            }
            for name, ordinal, key in steps
        ],
    }
    answer = world.post("sequenced_availability", query)["sequences"]
    shown = [
        [(step["sequence_id"], step["start"][11:16]) for step in chain["sequence"]]
        for chain in answer
    ]
    assert shown == [
        [("123", "09:00"), ("456", "10:00")],
        [("123", "11:00"), ("456", "12:00")],
    ]
    ours = find_sequences(
        [
            Step(
                world.groups([([key], "all")], periods),
                60 * MINUTE,
                gap=(timedelta(), 30 * MINUTE),
            )
            for _name, _ordinal, key in steps
        ],
        periods,
        step=60 * MINUTE,
        tz="UTC",
    )
    assert [said(way) for way in ours] == [
        world.read(chain["sequence"]) for chain in answer
    ]


# -------------------------------------------------------------- what blocks, and chance


@pytest.mark.parametrize(
    ("more", "blocks"),
    [
        ({}, True),
        ({"transparency": "transparent"}, False),
        ({"extended_transparency": "out_of_office"}, True),
        ({"extended_transparency": "tentative"}, True),
        ({"extended_transparency": "working_elsewhere"}, False),
        ({"transparency": "unknown"}, True),
        ({"status": "tentative"}, True),
        ({"participation_status": "declined"}, False),
        ({"private": True}, True),
    ],
)
def test_what_blocks_a_slot(world, more, blocks):
    world.person("one")
    world.sim.add_event("one", None, "x", f"{D1} 09:00", f"{D1} 18:00", **more)
    found = compare(world, [(["one"], "all")], NINE_TO_SIX[:1], 60)
    assert (found == []) is blocks


def test_a_whole_day_blocks_all_of_it(world):
    world.person("one")
    world.sim.add_event("one", None, "Off", D1, D2)
    found = compare(world, [(["one"], "all")], NINE_TO_SIX, 60)
    assert {start[:10] for start, _stop, _people in found} == {D2}


START = datetime(2026, 12, 1, 6, tzinfo=UTC)
spans = st.tuples(st.integers(0, 600), st.integers(1, 180)).map(
    lambda p: (START + p[0] * MINUTE, START + (p[0] + p[1]) * MINUTE)
)
people = st.lists(
    st.tuples(
        st.lists(spans, max_size=5), st.none() | st.lists(spans, min_size=1, max_size=3)
    ),
    min_size=1,
    max_size=4,
)


@given(
    people=people,
    split=st.integers(0, 4),
    required=st.integers(1, 4),
    window=st.lists(spans, min_size=1, max_size=2),
    duration=st.integers(1, 90),
    step=st.sampled_from([5, 10, 15, 30, 60]),
    before=st.integers(0, 45),
    after=st.integers(0, 45),
    overlapping=st.booleans(),
)
def test_both_find_the_same_slots_in_any_world(
    people, split, required, window, duration, step, before, after, overlapping
):
    """Theirs tries every minute, ours does not."""
    window = union(window)  # two periods that touch are two for theirs, one for ours
    members = [
        (f"p{number}", busy, hours) for number, (busy, hours) in enumerate(people)
    ]
    parts = [part for part in (members[:split], members[split:]) if part]
    counts = [min(required, len(part)) for part in parts]
    mine = [
        Group([Member(key, hours, busy) for key, busy, hours in part], count)
        for part, count in zip(parts, counts, strict=True)
    ]
    other = [
        theirs.Group(
            [theirs.Member(key, None, hours, busy) for key, busy, hours in part], count
        )
        for part, count in zip(parts, counts, strict=True)
    ]
    found = find_slots(
        mine,
        window,
        duration * MINUTE,
        step=step * MINUTE,
        tz="UTC",
        buffer_before=before * MINUTE,
        buffer_after=after * MINUTE,
        overlapping=overlapping,
    )
    answer = theirs.slots(
        other,
        window,
        duration * MINUTE,
        theirs.Buffers(before * MINUTE, after * MINUTE),
        step * MINUTE,
        overlapping,
    )
    assert [tuple(slot) for slot in found.slots] == list(answer)
