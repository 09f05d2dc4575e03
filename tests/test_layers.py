"""Imports run one way: the layers of the house, read from the sources."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ADDON = ROOT / "calendar_cronofy_sync"
CALSYNC = ADDON / "calsync"
PURE = "calendar_cronofy_sync.calsync"
SIMULATORS = ROOT / "simulators"

# Each name may import those on lines above it, and its own subpackage. A name that is
# missing here is a new module of calsync: give it its place.
LAYERS = [
    {"values", "errors", "zones"},
    {"intervals", "recurrence", "mapping", "mapping_cronofy", "transport", "vault"},
    {"providers", "plan", "series", "availability"},
    {"rehearsal", "driver", "undo"},  # run the layers below
]
STDLIB = sys.stdlib_module_names
# The libraries that calsync is built on; all are in requirements.txt.
LIBRARIES = {
    "cryptography",
    "dateutil",
    "google",
    "google_auth_httplib2",
    "google_auth_oauthlib",
    "googleapiclient",
    "httplib2",
    "lxml",
    "requests",
}


def imports(path: Path, package: str) -> set[str]:
    """The dotted names that a file imports, relative ones resolved."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *filter(None, [node.module])])
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def sources(folder: Path) -> list:
    """(file, dotted package it is in) for every Python file below the folder."""
    return [
        pytest.param(path, ".".join(name.parent.parts), id=str(name))
        for path in sorted(folder.rglob("*.py"))
        for name in [path.relative_to(ROOT)]
    ]


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def layer(module: str) -> int:
    found = [i for i, modules in enumerate(LAYERS) if module in modules]
    assert found, f"calsync.{module} has no place in LAYERS"
    return found[0]


@pytest.mark.parametrize("path, package", sources(CALSYNC))
def test_calsync_imports_plain_python_only(path, package):
    """And itself by relative imports, so that it also works outside of Odoo."""
    assert not {
        name
        for name in imports(path, package)
        if name.split(".")[0] not in STDLIB | LIBRARIES and not within(name, PURE)
    }


@pytest.mark.parametrize("path, package", sources(CALSYNC))
def test_calsync_imports_lower_layers_only(path, package):
    module = path.relative_to(CALSYNC).parts[0].removesuffix(".py")
    names = imports(path, package)
    inner = {n.split(".")[2] for n in names if n.startswith(PURE + ".")}
    if module == "__init__":
        assert not inner, "the package itself imports nothing"
        return
    wrong = {other for other in inner - {module} if layer(other) > layer(module)}
    siblings = {other for other in inner - {module} if layer(other) == layer(module)}
    assert not wrong
    # plan decides on values alone; providers only carry them
    assert not ({module, *siblings} >= {"plan", "providers"})


@pytest.mark.parametrize("path, package", sources(SIMULATORS))
def test_simulators_know_nothing_of_the_addon(path, package):
    known = {"calendar_cronofy_sync", "calsync", "odoo"}
    assert not {n for n in imports(path, package) if n.split(".")[0] in known}


@pytest.mark.parametrize("path, package", sources(ADDON))
def test_nobody_imports_the_internals_of_odoo(path, package):
    assert not {n for n in imports(path, package) if within(n, "odoo.orm")}


@pytest.mark.parametrize("path, package", sources(ADDON))
def test_addon_layers(path, package):
    """calsync <- models <- wizards, controllers; and the addon stands alone."""
    part = path.relative_to(ADDON).parts[0]
    names = imports(path, package)
    above = {
        "calsync": {"models", "wizards", "controllers", "tests", "hooks"},
        "models": {"wizards", "controllers", "tests"},
        "wizards": {"controllers", "tests"},
        "controllers": {"wizards", "tests"},
    }.get(part, set())
    assert not {
        n for n in names for up in above if within(n, f"calendar_cronofy_sync.{up}")
    }
    if part != "tests":  # the addon is complete alone
        assert not {n for n in names if n.split(".")[0] in {"simulators", "benchmarks"}}
