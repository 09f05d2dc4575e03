"""Sets of intervals behave as sets of the whole numbers in them."""

from hypothesis import given
from hypothesis import strategies as st

from calsync.intervals import complement, difference, intersection, union

PAIRS = st.tuples(st.integers(0, 30), st.integers(0, 8)).map(lambda p: (p[0], sum(p)))
SETS = st.lists(PAIRS, max_size=8)


def numbers(pairs):
    return {number for start, stop in pairs for number in range(start, stop)}


def assert_normal(pairs):
    assert all(start < stop for start, stop in pairs)
    assert all(a.stop < b.start for a, b in zip(pairs, pairs[1:], strict=False))


@given(SETS, SETS, SETS)
def test_operations_are_those_of_sets(a, b, c):
    cases = [
        (union(a, b), numbers(a) | numbers(b)),
        (intersection(a, b, c), numbers(a) & numbers(b) & numbers(c)),
        (difference(a, b, c), numbers(a) - numbers(b) - numbers(c)),
        (complement(a, within=b), numbers(b) - numbers(a)),
    ]
    for result, expected in cases:
        assert_normal(result)
        assert numbers(result) == expected


@given(SETS)
def test_the_normal_form_is_stable(a):
    assert union(union(a)) == union(a) == union(a, a) == intersection(a, a)
