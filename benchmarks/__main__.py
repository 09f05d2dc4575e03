"""``./run bench [SCENARIO …]``: all scenarios, or those named."""

import sys

from . import availability, peer, sync

SCENARIOS = {
    **sync.SCENARIOS,
    "availability": availability.main,
    "peer": peer.main,
}


def main(names):
    unknown = set(names) - set(SCENARIOS)
    if unknown:
        sys.exit(
            f"no such scenario: {', '.join(sorted(unknown))} ({', '.join(SCENARIOS)})"
        )
    for name in names or SCENARIOS:
        SCENARIOS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
