"""Named scenarios, measured beside the floor or beside Odoo's own ``google_calendar``
in one run: see ``./run bench``."""
