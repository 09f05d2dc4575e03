"""Four people whose calendars look like a real office's around today."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .server import GoogleSimulator


def seed(sim: "GoogleSimulator") -> None:
    for name in ("ann", "bob", "carla", "dan"):
        sim.create_user(f"{name}@example.com")
    sim.register_client("demo-client", "demo-secret")
