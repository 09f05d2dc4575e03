"""``python -m simulators.google --port N [--demo]``."""

import argparse

from . import GoogleSimulator


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulators.google")
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument(
        "--demo", action="store_true", help="four people, and the client demo-client"
    )
    options = parser.parse_args()
    simulator = GoogleSimulator(port=options.port, latency=options.latency)
    if options.demo:
        simulator.seed_demo()
        simulator.set_behaviour(http_loopback=True)
    print(f"Google simulator on http://127.0.0.1:{options.port}/", flush=True)
    simulator.serve()


if __name__ == "__main__":
    main()
