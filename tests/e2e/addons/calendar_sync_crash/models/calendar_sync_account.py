"""Counts the steps of the synchronisation, and ends the process at one of them.

``CALENDAR_SYNC_CRASH`` names a folder: a letter is added to the file ``steps`` for each
step, and when as many have been made as the file ``at`` says, nothing comes after.
"""

import os
import signal
from pathlib import Path

from odoo import api, models


class CalendarSyncAccount(models.Model):
    _inherit = "calendar.sync.account"

    @api.model
    def _on_step(self, moment):
        super()._on_step(moment)
        folder = Path(os.environ["CALENDAR_SYNC_CRASH"])
        with (folder / "steps").open("a") as steps:
            steps.write(moment[0])
        if (folder / "steps").stat().st_size == int((folder / "at").read_text()):
            os.kill(os.getpid(), signal.SIGKILL)
