"""The calendar services that an account can be connected to."""

from .base import Provider
from .cronofy import CronofyProvider
from .google import GoogleProvider

#: the provider class by its name in ``calendar.sync.account``
PROVIDERS: dict[str, type[Provider]] = {
    "google": GoogleProvider,
    "cronofy": CronofyProvider,
}
