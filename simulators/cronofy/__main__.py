"""``python -m simulators.cronofy --port 8090 --demo``"""

import argparse

from . import CronofySimulator
from .demo import seed
from .server import DATA_CENTERS


def main() -> None:
    parser = argparse.ArgumentParser(description="A simulated Cronofy.")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--data-center", choices=DATA_CENTERS, default="de")
    parser.add_argument(
        "--demo", action="store_true", help="with people, appointments and limits"
    )
    options = parser.parse_args()
    sim = CronofySimulator(
        port=options.port, latency=options.latency, data_center=options.data_center
    )
    if options.demo:
        seed(sim)
        sim.set_limits()
    print(
        f"Cronofy ({options.data_center}) on http://{sim.host}:{options.port}",
        flush=True,
    )
    sim.serve()


if __name__ == "__main__":
    main()
