"""The guard turns a green run red for warnings of ours and unexplained skips."""

import pytest

from tests.guard import complaints

pytest_plugins = ["pytester"]


def entry(level, logger, text):
    return f"2026-11-21 12:00:00,000 42 {level} db {logger}: {text}\n"


@pytest.mark.parametrize(
    "log, expected",
    [
        (entry("INFO", "odoo.addons.calendar_cronofy_sync.models.x", "fine"), 0),
        (entry("WARNING", "odoo.addons.calendar_cronofy_sync.models.x", "oh"), 1),
        (entry("WARNING", "odoo.addons.mail", "not ours"), 0),
        (entry("WARNING", "odoo.registry", "calendar.sync.link has no access rule"), 1),
        (
            entry("ERROR", "odoo.http", "Exception")
            + "Traceback (most recent call last):\n"
            + '  File "…/calendar_cronofy_sync/controllers/oauth.py", line 1\n'
            + entry("INFO", "odoo.http", "next"),
            1,
        ),
    ],
)
def test_complaints_are_those_our_code_causes(log, expected):
    assert len(complaints(log)) == expected


def run(pytester, source):
    pytester.makepyfile(source)
    return pytester.runpytest_subprocess("-p", "no:odoo", "-p", "tests.guard", "-q")


def test_a_warning_of_ours_fails_its_test(pytester):
    result = run(
        pytester,
        """
        import logging
        import unittest

        logger = logging.getLogger("odoo.addons.calendar_cronofy_sync.models.x")

        class Case(unittest.TestCase):
            def test_loud(self):
                logger.warning("oh")

            def test_expected(self):
                with self.assertLogs("odoo.addons.calendar_cronofy_sync"):
                    logger.warning("oh")

            def test_quiet(self):
                logger.info("fine")
                logging.getLogger("odoo.addons.mail").warning("not ours")
        """,
    )
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of Case.test_loud*"])
    assert result.ret == 1


def test_a_warning_outside_of_tests_fails_the_run(pytester):
    result = run(
        pytester,
        """
        import logging

        logging.getLogger("odoo.registry").error("calendar.sync.link: broken")

        def test_fine():
            pass
        """,
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*calendar.sync.link: broken*"])
    assert result.ret == 1


@pytest.mark.parametrize(
    "mark, code",
    [
        ("pytest.mark.skip", 1),
        ("unittest.skip('')", 1),
        ("pytest.mark.xfail", 1),
        ("unittest.skip('needs the module hr_holidays')", 0),
        ("pytest.mark.xfail(reason='the remote cannot')", 0),
    ],
)
def test_a_skip_must_say_why(pytester, mark, code):
    result = run(
        pytester,
        f"""
        import unittest

        import pytest

        @{mark}
        def test_skipped():
            assert False

        def test_fine():
            pass
        """,
    )
    assert result.ret == code
