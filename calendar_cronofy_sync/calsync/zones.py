"""Which other zone says the same, for a service that does not know one.

Zones are renamed and added: Europe/Kyiv came in 2022, and Google learnt it months later
(phw198/OutlookGoogleCalendarSync#1530).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

#: new names and the old ones (the file "backward" of the IANA database)
OLD_NAMES = {
    "Africa/Asmara": "Africa/Asmera",
    "America/Atikokan": "America/Coral_Harbour",
    "America/Nuuk": "America/Godthab",
    "Asia/Ho_Chi_Minh": "Asia/Saigon",
    "Asia/Kathmandu": "Asia/Katmandu",
    "Asia/Kolkata": "Asia/Calcutta",
    "Asia/Yangon": "Asia/Rangoon",
    "Atlantic/Faroe": "Atlantic/Faeroe",
    "Europe/Kyiv": "Europe/Kiev",
    "Pacific/Chuuk": "Pacific/Truk",
    "Pacific/Kanton": "Pacific/Enderbury",
    "Pacific/Pohnpei": "Pacific/Ponape",
}
#: zones that everybody has known for decades, most of the world's rules among them
WELL_KNOWN = (
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Europe/Moscow",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Anchorage",
    "America/Halifax",
    "America/Sao_Paulo",
    "America/Mexico_City",
    "America/Bogota",
    "America/Santiago",
    "Africa/Cairo",
    "Africa/Lagos",
    "Africa/Johannesburg",
    "Africa/Nairobi",
    "Asia/Jerusalem",
    "Asia/Dubai",
    "Asia/Karachi",
    "Asia/Calcutta",
    "Asia/Dhaka",
    "Asia/Bangkok",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Australia/Brisbane",
    "Australia/Adelaide",
    "Pacific/Auckland",
    "Pacific/Honolulu",
)
#: how far ahead two zones must agree to be taken for the same, and how closely it is
#: looked: in Jerusalem the clocks are changed two days before those of Athens
AHEAD, STEP = timedelta(days=3 * 366), timedelta(hours=12)


def equivalents(name: str, since: datetime) -> Iterator[str]:
    """Other names under which a clock shows the same as in this zone, the best first.

    :param since: aware; from then on they agree for the next years. The last resort, a
        fixed distance from UTC, may be wrong once the clocks are changed.
    """
    if old := OLD_NAMES.get(name):
        yield old
    clock = ZoneInfo(name)
    moments = [since + STEP * n for n in range(AHEAD // STEP)]
    offsets = [at.astimezone(clock).utcoffset() for at in moments]
    for other in WELL_KNOWN:
        zone = ZoneInfo(other)
        if other != name and all(
            at.astimezone(zone).utcoffset() == offset
            for at, offset in zip(moments, offsets, strict=True)
        ):
            yield other
    hours, rest = divmod(offsets[0], timedelta(hours=1))
    if not rest:  # (in these names east is minus: tz database, file "etcetera")
        yield f"Etc/GMT{-hours:+d}" if hours else "UTC"
