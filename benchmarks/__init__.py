"""Named scenarios, measured beside the floor in one run: see ``./run bench``."""
