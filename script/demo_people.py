"""Connect the demo's interviewers: python -m script.demo_people ODOO GOOGLE

Each of the four logs in, gives the consent that a person would click, and lets the
calendar be synchronised. Who is connected already stays so.
"""

import os
import sys
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

from .odoo_server import Session

#: login, address at the simulator, mode: Dan's calendar is only asked when he is busy
PEOPLE = [
    ("ann.weber", "ann@example.com", "two_way"),
    ("bob.martin", "bob@example.com", "two_way"),
    ("carla.rossi", "carla@example.com", "two_way"),
    ("dan.miller", "dan@example.com", "availability"),
]


def connect(odoo: str, google: str, login: str, email: str, mode: str) -> None:
    """Let one user connect Google in this mode."""
    name = os.environ.get("CALENDAR_SYNC_DEMO", "demo")
    server = SimpleNamespace(url=odoo, database=SimpleNamespace(name=name))
    user = Session(server, login, login)
    mine = [("user_id", "=", user.uid), ("provider", "=", "google")]
    accounts = user.search("calendar.sync.account", mine, ["state"])
    if any(account["state"] in ("active", "paused") for account in accounts):
        return
    begin = user.http.get(
        f"{odoo}/calendar_sync/connect/google?mode={mode}",
        allow_redirects=False,
        timeout=60,
    )
    query = urlsplit(begin.headers["Location"]).query
    consent = {
        "request": query,
        "authuser": email,
        "scope": parse_qs(query)["scope"][0].split(),
        "decision": "allow",
    }
    answer = user.http.post(f"{google}/o/oauth2/v2/auth", data=consent, timeout=60)
    answer.raise_for_status()
    [account] = user.search("calendar.sync.account", mine, ["id"])
    calendars = user.search(
        "calendar.sync.calendar",
        [("account_id", "=", account["id"]), ("is_primary", "=", True)],
        ["id"],
    )
    if mode == "two_way":
        values = {"target_calendar_id": calendars[0]["id"]}
        user.call("calendar.sync.account", "write", [account["id"]], values)
    user.call("calendar.sync.account", "action_activate", [account["id"]])


if __name__ == "__main__":
    for person in PEOPLE:
        connect(*sys.argv[1:3], *person)
