"""A running simulator for tests inside Odoo."""

from unittest.mock import patch

from ..calsync.transport import Wire


class SimulatorMixin:
    """A running simulator, and requests that Odoo's tests let through to it.

    Set ``simulator`` to its class.
    """

    simulator = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sim = cls.simulator().start()
        cls.addClassCleanup(cls.sim.stop)
        make = Wire.__init__

        def one_limit(wire, *addresses, **options):
            make(wire, *addresses, **options)
            # Odoo's guard of its tests does not understand a pair of time limits
            wire._timeout = 15

        cls.startClassPatcher(patch.object(Wire, "__init__", one_limit))
