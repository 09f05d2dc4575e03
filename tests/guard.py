"""What makes a green test run red: warnings of ours, and skips without a reason.

A plugin of pytest (``-p tests.guard``), and a check of Odoo's log files
(``python -m tests.guard FILE…``). A test that expects a warning says so with
``assertLogs`` or ``mute_logger``: the record then never gets here.
"""

import logging
import re
import sys
from pathlib import Path

import pytest

OURS = re.compile(r"calendar_cronofy_sync|calendar\.sync\.\w|hr\.interview\b")
ENTRY = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ \d+ (?P<level>[A-Z]+) \S+ ", re.MULTILINE
)
NO_REASON = {"", "unconditional skip"}


def complaints(log: str) -> list[str]:
    """The entries of an Odoo log, tracebacks included, that our code must not cause."""
    starts = [match.start() for match in ENTRY.finditer(log)]
    entries = [
        log[i:j].strip() for i, j in zip(starts, [*starts[1:], None], strict=True)
    ]
    return [entry for entry in entries if _is_bad(entry) and OURS.search(entry)]


def _is_bad(entry: str) -> bool:
    return ENTRY.match(entry)["level"] in {"WARNING", "ERROR", "CRITICAL"}


class _Records(logging.Handler):
    """Keeps what our code logs as a warning or worse."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        self.texts = []

    def emit(self, record):
        text = self.format(record)
        if OURS.search(text):
            self.texts.append(text)

    def take(self):
        texts, self.texts = self.texts, []
        return texts


_records = _Records()
_outside_tests: list[str] = []
_unexplained_skips: list[str] = []


@pytest.hookimpl(tryfirst=True)
def pytest_configure():
    logging.getLogger().addHandler(_records)


@pytest.fixture(autouse=True)
def _no_warning_of_ours():
    _outside_tests.extend(_records.take())
    yield
    texts = _records.take()
    if texts:
        pytest.fail("logged, and not expected:\n" + "\n".join(texts), pytrace=False)


def pytest_runtest_logreport(report):
    if not report.skipped:
        return
    if hasattr(report, "wasxfail"):
        reason = report.wasxfail.removeprefix("reason: ")
    else:
        reason = report.longrepr[2].removeprefix("Skipped").lstrip(": ")
    if reason.strip() in NO_REASON:
        _unexplained_skips.append(report.nodeid)


def pytest_sessionfinish(session):
    _outside_tests.extend(_records.take())
    if session.exitstatus == pytest.ExitCode.OK and (
        _outside_tests or _unexplained_skips
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    for title, lines in (
        ("logged outside of tests", _outside_tests),
        ("skipped without a reason", _unexplained_skips),
    ):
        if lines:
            terminalreporter.section(title, red=True)
            terminalreporter.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    found = [
        text for name in sys.argv[1:] for text in complaints(Path(name).read_text())
    ]
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
