"""Free slots against a model that looks at every minute."""

from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from calsync.availability import Group, Member, Step, find_sequences, find_slots

UTC = timezone.utc
MINUTE = timedelta(minutes=1)
# a zone and a day on which something happens to its clock
PLACES = [
    ("UTC", datetime(2024, 5, 6)),
    ("Europe/Berlin", datetime(2024, 3, 31)),
    ("Europe/Berlin", datetime(2024, 10, 27)),
    ("Australia/Lord_Howe", datetime(2024, 4, 7)),
    ("Australia/Lord_Howe", datetime(2024, 10, 6)),
    ("Antarctica/Troll", datetime(2024, 3, 31)),
    ("Antarctica/Troll", datetime(2024, 10, 27)),
    ("America/Havana", datetime(2024, 3, 10)),
    ("America/Havana", datetime(2024, 11, 3)),
    ("Asia/Beirut", datetime(2024, 3, 31)),
    ("Asia/Beirut", datetime(2024, 10, 27)),
    ("Asia/Kathmandu", datetime(2024, 5, 6)),
    ("Pacific/Chatham", datetime(2024, 9, 29)),
]
LENGTH = 26 * 60  # minutes looked at, from two hours before midnight


def minutes(number):
    return timedelta(minutes=number)


MARKS = st.integers(0, LENGTH // 5).map(lambda n: 5 * n) | st.integers(0, LENGTH)
PAIRS = st.tuples(MARKS, MARKS).map(lambda pair: tuple(sorted(pair)))
HOURS = st.none() | st.lists(PAIRS, max_size=3)
MEMBERS = st.tuples(
    st.sampled_from("abcd"),
    HOURS,
    st.lists(
        st.tuples(MARKS, st.integers(0, 90)).map(lambda p: (p[0], sum(p))), max_size=4
    ),
    st.integers(0, 9).map(lambda n: n == 0),
)
GROUPS = st.lists(
    st.tuples(
        st.lists(MEMBERS, max_size=4, unique_by=lambda m: m[0]),
        st.none() | st.integers(0, 3),
    ),
    max_size=3,
)


@st.composite
def questions(draw):
    tz, day = draw(st.sampled_from(PLACES))
    origin = datetime.combine(day, time(), ZoneInfo(tz)).astimezone(UTC) - minutes(120)
    return {
        "tz": tz,
        "origin": origin,
        "groups": draw(GROUPS),
        "window": draw(st.lists(PAIRS, min_size=1, max_size=3)),
        "duration": draw(st.sampled_from([5, 15, 30, 50, 60, 90])),
        "step": draw(st.sampled_from([5, 7, 15, 20, 30, 45, 60, 100])),
        "before": draw(st.sampled_from([0, 0, 5, 30])),
        "after": draw(st.sampled_from([0, 0, 10, 45])),
        "earliest": draw(st.none() | MARKS),
        "overlapping": draw(st.booleans()),
    }


def asked(question):
    """The question as find_slots takes it."""
    origin = question["origin"]

    def pairs(marks):
        return tuple((origin + minutes(a), origin + minutes(b)) for a, b in marks)

    groups = [
        Group(
            tuple(
                Member(
                    key, None if hours is None else pairs(hours), pairs(busy), unknown
                )
                for key, hours, busy, unknown in members
            ),
            required,
        )
        for members, required in question["groups"]
    ]
    earliest = question["earliest"]
    return find_slots(
        groups,
        pairs(question["window"]),
        minutes(question["duration"]),
        step=minutes(question["step"]),
        tz=question["tz"],
        buffer_before=minutes(question["before"]),
        buffer_after=minutes(question["after"]),
        not_before=None if earliest is None else origin + minutes(earliest),
        overlapping=question["overlapping"],
    )


def minutes_of(pairs):
    return {minute for start, stop in pairs for minute in range(start, stop)}


def everyone(question):
    """What is known of each key, wherever it says so: (working, busy, unknown)."""
    people = {}
    for members, _ in question["groups"]:
        for key, hours, busy, unknown in members:
            working, taken, nobody = people.get(key, (None, set(), False))
            if hours is not None:
                mine = minutes_of(hours)
                working = mine if working is None else working & mine
            people[key] = (working, taken | minutes_of(busy), nobody or unknown)
    return people


def model(question, without=()):
    """(start, members) of each slot, minute by minute."""
    zone, origin = ZoneInfo(question["tz"]), question["origin"]
    window = minutes_of(question["window"])
    people = everyone(question)
    found, free_from = [], 0
    for start in sorted(window):
        wall = (origin + minutes(start)).astimezone(zone)
        slot = set(range(start, start + question["duration"]))
        if (
            (wall.hour * 60 + wall.minute) % question["step"]
            or not slot <= window
            or start < (question["earliest"] or 0)
            or start < free_from
        ):
            continue
        clear = set(
            range(
                start - question["before"],
                start + question["duration"] + question["after"],
            )
        )
        free = {
            key
            for key, (working, busy, unknown) in people.items()
            if not unknown and not clear & busy and (working is None or slot <= working)
        }
        if all(
            len(free & {m[0] for m in members}) >= (required or len(members))
            for members, required in question["groups"]
        ):
            found.append((start, frozenset(free)))
            if not question["overlapping"]:
                free_from = start + question["duration"]
    return found


def answer(question):
    found = asked(question)
    length = minutes(question["duration"])
    assert all(slot.stop - slot.start == length for slot in found.slots)
    return [((s.start - question["origin"]) // MINUTE, s.members) for s in found.slots]


@given(questions())
def test_slots_are_those_of_the_minute_by_minute_model(question):
    assert answer(question) == model(question)


@given(questions())
def test_without_slots_there_are_reasons(question):
    found = asked(question)
    assert found.slots or found.reasons
    assert all(0 <= r.starts <= r.total or not r.total for r in found.reasons)
    assert all(str(reason) for reason in found.reasons)


@given(questions())
def test_every_start_is_accounted_for(question):
    """Per member, what the causes take away and what is left make up the whole."""
    alone = [q for q in question["groups"] if len(q[0]) == 1][:1]
    question = {**question, "groups": [(m, None) for m, _ in alone]}
    question["overlapping"] = True
    found = asked(question)
    if alone and found.reasons and found.reasons[-1].kind == "group":
        total = found.reasons[-1].total
        causes = ("unknown", "hours", "busy", "buffer")
        lost = sum(r.starts for r in found.reasons if r.kind in causes)
        assert lost == found.reasons[-1].starts == total - len(found.slots)


@given(questions())
def test_relaxations_keep_their_word(question):
    """Each is asked as a question of its own, and gives as many slots as it said."""
    found = asked(question)
    for relaxation in found.relaxations:
        assert relaxation.slots > len(found.slots)
        assert len(model(relaxed(question, relaxation))) == relaxation.slots
        assert str(relaxation)


def relaxed(question, relaxation):
    groups = question["groups"]
    if relaxation.kind == "buffers":
        return {**question, "before": 0, "after": 0}
    if relaxation.kind == "notice":
        return {**question, "earliest": None}
    if relaxation.kind == "duration":
        return {**question, "duration": relaxation.duration // MINUTE}
    if relaxation.kind == "step":
        return {**question, "step": relaxation.step // MINUTE}
    if relaxation.kind == "required":
        members, _ = groups[relaxation.group]
        groups = list(groups)
        groups[relaxation.group] = (members, relaxation.required)
        return {**question, "groups": groups}
    assert relaxation.kind == "without"
    left = []
    for members, required in groups:
        kept = [m for m in members if m[0] not in relaxation.members]
        assert kept or not members, "nobody would remain in the group"
        left.append((kept, None if required == len(members) else required))
    # whatever else is said of those who stay still holds
    return {**question, "groups": left}


@given(questions(), st.integers(0, 60), st.none() | st.integers(0, 90))
def test_sequences_keep_their_order_and_gaps(question, low, more):
    gap = (minutes(low), None if more is None else minutes(low + more))
    origin = question["origin"]
    window = [(origin + minutes(a), origin + minutes(b)) for a, b in question["window"]]
    groups = [
        Group(
            tuple(
                Member(
                    key,
                    None,
                    tuple((origin + minutes(a), origin + minutes(b)) for a, b in busy),
                )
                for key, _, busy, _ in members
            ),
            1 if members else None,
        )
        for members, _ in question["groups"]
    ]
    steps = [Step([group], minutes(question["duration"]), gap) for group in groups]
    options = {"step": minutes(question["step"]), "tz": question["tz"]}
    ways = find_sequences(steps, window, **options)
    slots = [find_slots(s.groups, window, s.duration, **options).slots for s in steps]
    for way in ways:
        for n, (one, other) in enumerate(zip(way, way[1:], strict=False)):
            assert other in slots[n + 1]
            assert low <= (other.start - one.stop) // MINUTE
            assert more is None or (other.start - one.stop) // MINUTE <= low + more
    if slots:  # and every first slot that can be followed is followed
        assert [way[0] for way in ways] == [
            slot for slot in slots[0] if can_follow(slot, slots[1:], gap)
        ]


def can_follow(slot, rest, gap):
    if not rest:
        return True
    latest = slot.stop + gap[1] if gap[1] is not None else None
    return any(
        can_follow(other, rest[1:], gap)
        for other in rest[0]
        if other.start >= slot.stop + gap[0]
        and (latest is None or other.start <= latest)
    )
