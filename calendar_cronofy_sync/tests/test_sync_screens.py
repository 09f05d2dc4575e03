"""Random histories of what people do in Odoo's own calendar.

``CALSYNC_EXAMPLES`` (or ``./run test properties --examples N``) sets how many are
played, ``CALSYNC_SEED`` the first of them; without them they are always the same ones.
"""

import os
import random
import time
import traceback
from unittest.mock import patch

from odoo.tests import tagged

from ..models import calendar_sync_cron
from .google_case import GoogleCase, needs_simulator
from .histories import HORIZON, Chance, Steps, script
from .test_sync_convergence import in_turn

EXAMPLES = int(os.environ.get("CALSYNC_EXAMPLES", 0))
FIRST = int(os.environ.get("CALSYNC_SEED", 0))
LENGTH = int(os.environ.get("CALSYNC_STEPS", 8))


class ScreensCase(GoogleCase):
    def setUp(self):
        super().setUp()
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("calendar_cronofy_sync.horizon_days", str(HORIZON))
        self.startPatcher(patch.object(calendar_sync_cron, "drive", in_turn))

    def play(self, *steps):
        """A history, and the laws about its end."""
        steps = [(step, {}) if isinstance(step, str) else step for step in steps]
        if steps[0][0] != "begin":
            steps.insert(0, ("begin", {}))
        Steps(self).play(steps)


def failed(case, seed, *, google):
    """Play the history of a seed; what went wrong, or None."""
    steps = list(Chance(random.Random(seed), google=google).history(LENGTH))
    try:
        Steps(case).play(steps)
    except Exception as error:  # an error of any kind is a failure of this history
        where = "".join(traceback.format_exception(error)[-12:])
        return f"seed {seed}, google={google}\n{script(steps)}\n{where}"
    return None


@tagged("post_install", "-at_install")
@needs_simulator
class TestSyncScreens(ScreensCase):
    def histories(self, few, *, google):
        count = EXAMPLES or few
        start, failures = time.monotonic(), []
        for seed in range(FIRST, FIRST + count):
            if text := failed(self, seed, google=google):
                failures.append(text)
                if os.environ.get("CALSYNC_LOG"):
                    with open(os.environ["CALSYNC_LOG"], "a") as log:
                        log.write(text + "\n" + "=" * 79 + "\n")
        seconds = time.monotonic() - start
        said = f"{len(failures)} of {count} histories failed ({seconds:.0f} s)"
        if os.environ.get("CALSYNC_LOG"):
            with open(os.environ["CALSYNC_LOG"], "a") as log:
                log.write(f"google={google}: {said}\n")
        self.assertFalse(failures, "\n\n".join([said, *failures[:3]]))

    def test_what_people_do_in_odoo_stands_at_google(self):
        self.histories(120, google=False)

    def test_what_people_do_on_both_sides_converges(self):
        self.histories(80, google=True)
