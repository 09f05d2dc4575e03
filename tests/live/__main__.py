"""Hold what we believe of a service against the service itself.

    ./run live google|cronofy        the variables it needs are named when they miss

It works in a calendar that it makes; nothing else in the account is read or written.
"""

import os
import sys

import tests.conftest  # noqa: F401  makes calsync known by its own name

from . import cronofy, google
from .facts import Unable

SERVICES = {"google": (google.Google, google), "cronofy": (cronofy.Cronofy, cronofy)}


def main(arguments: list[str], environment: dict[str, str]) -> int:
    """0 = all is as we think, 1 = something is not, 2 = it could not be tried."""
    if len(arguments) != 1 or arguments[0] not in SERVICES:
        print(f"usage: ./run live {'|'.join(SERVICES)}")
        return 2
    kind, module = SERVICES[arguments[0]]
    values = {**module.OPTIONAL, **{k: v for k, v in environment.items() if v}}
    if missing := [name for name in module.VARIABLES if name not in values]:
        print("Set these variables of the environment first:")
        print(*(f"  {name}  {module.VARIABLES[name]}" for name in missing), sep="\n")
        return 2
    service, counts = kind(values), {True: 0, False: 0}
    try:
        for finding in service.findings():
            print(finding, flush=True)
            counts[finding.as_we_think] += 1
    except Unable as error:
        print(service.masked(str(error)))
        return 2
    print(f"{counts[True]} facts as we think, {counts[False]} otherwise")
    return int(counts[False] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
