"""Which other zone says the same."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest

from calsync.zones import OLD_NAMES, WELL_KNOWN, equivalents

NOW = datetime(2026, 3, 1, 9, tzinfo=timezone.utc)


def test_the_old_name_comes_first():
    assert next(equivalents("Europe/Kyiv", NOW)) == "Europe/Kiev"


def test_a_zone_with_the_same_rules_and_then_a_fixed_distance():
    found = list(equivalents("Europe/Kyiv", NOW))
    assert found == ["Europe/Kiev", "Europe/Athens", "Etc/GMT-2"]
    assert list(equivalents("America/Nuuk", NOW))[-1] == "Etc/GMT+2"
    assert "UTC" in equivalents("Africa/Abidjan", NOW)


@pytest.mark.parametrize("name", sorted(OLD_NAMES))
def test_an_old_name_is_another_name_of_the_same(name):
    clock, old = ZoneInfo(name), ZoneInfo(OLD_NAMES[name])
    for days in range(0, 4000, 10):
        at = datetime(2016, 1, 1, tzinfo=timezone.utc) + timedelta(days)
        assert at.astimezone(clock).utcoffset() == at.astimezone(old).utcoffset()


def test_most_zones_have_an_equivalent_that_is_well_known():
    for name in available_timezones():
        if name.startswith("Europe/") and name not in WELL_KNOWN:
            others = set(equivalents(name, NOW))
            assert others & {*WELL_KNOWN, *OLD_NAMES.values()} or "GMT" in str(others)


def test_a_zone_that_differs_for_two_days_is_another_one():
    assert "Asia/Jerusalem" not in equivalents("Europe/Athens", NOW)
