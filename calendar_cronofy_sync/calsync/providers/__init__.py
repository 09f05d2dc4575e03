"""The calendar services that an account can be connected to."""

#: the provider class by its name in ``calendar.sync.account``
PROVIDERS: dict = {}
