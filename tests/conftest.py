"""What all suites share: the pure layer by its own name, and Hypothesis's profiles."""

import importlib.util
import sys
from pathlib import Path

import hypothesis

ROOT = Path(__file__).parents[1]


def _load_calsync():
    """Make ``import calsync`` work without the addon's package, which imports Odoo."""
    folder = ROOT / "calendar_cronofy_sync" / "calsync"
    spec = importlib.util.spec_from_file_location(
        "calsync", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["calsync"] = module
    spec.loader.exec_module(module)


_load_calsync()


def pytest_addoption(parser):
    parser.addoption(
        "--examples",
        type=int,
        metavar="N",
        help="run this many random examples of each property instead of the fixed few",
    )


def pytest_configure(config):
    config.addinivalue_line(
        "markers",
        "sends_malformed: asks for what Google's description does not know, on purpose",
    )
    quiet = {
        "deadline": None,
        "suppress_health_check": list(hypothesis.HealthCheck),
        "print_blob": True,
    }
    examples = config.getoption("--examples")
    if examples:
        hypothesis.settings.register_profile("long", max_examples=examples, **quiet)
        hypothesis.settings.load_profile("long")
    else:  # the same examples in every run
        hypothesis.settings.register_profile("fixed", derandomize=True, **quiet)
        hypothesis.settings.load_profile("fixed")
