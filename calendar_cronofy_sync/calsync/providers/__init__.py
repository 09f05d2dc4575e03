"""The calendar services that an account can be connected to."""

import logging

from .absent import Absent
from .base import Provider
from .cronofy import CronofyProvider

_logger = logging.getLogger(__name__)


def _google() -> type[Provider] | Absent:
    """Packages can vanish long after the installation (a server that was built anew, an
    upgrade of Python): that stops this service, and neither Odoo nor the other one."""
    try:
        from .google import GoogleProvider
    except ImportError as err:
        module = err.name or ""
        if not module or module.startswith(__package__):
            raise
        absent = Absent(module)
        _logger.error("Google is not synchronised: %s is missing", absent.package)
        return absent
    return GoogleProvider


#: the provider class by its name in ``calendar.sync.account``
PROVIDERS: dict[str, type[Provider] | Absent] = {
    "google": _google(),
    "cronofy": CronofyProvider,
}
