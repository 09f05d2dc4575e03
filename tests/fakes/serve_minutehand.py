"""Minutehand's Google, served alone: runs in its own Python, imports nothing of ours.

``serve_minutehand.py PORT FOLDER``: ann and bob have calendars; every token is ann's.
"""

import sys
from datetime import datetime, timezone
from pathlib import Path

import uvicorn
from minutehand.adapters.providers.google_workspace.provider import build
from minutehand.adapters.store.sqlite import SqliteStore
from minutehand.application.run_clock import RunClock
from minutehand.domain.scenario import Scenario

START = datetime(2026, 3, 2, 8, tzinfo=timezone.utc)

SEED = {
    "unknown_credentials_act_as": "ann",
    "time_zones": {"ann": "Europe/Berlin", "bob": "Europe/Berlin"},
}


def main(port: int, folder: Path) -> None:
    clock = RunClock(START)
    people = [
        {"key": name, "name": name.capitalize(), "email": f"{name}@example.com"}
        for name in ("ann", "bob")
    ]
    scenario = Scenario.model_validate(
        {
            "name": "calendar",
            "starts_at": START,
            "people": people,
            "provider_seeds": [{"provider": "google_workspace", "body": SEED}],
        }
    )
    provider, store = build(), SqliteStore(folder / "world.db", "calendar", clock)
    provider.seed(scenario, store)
    uvicorn.run(provider.app(store, clock), port=port, log_level="warning")


main(int(sys.argv[1]), Path(sys.argv[2]))
