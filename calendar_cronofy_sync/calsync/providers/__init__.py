"""The calendar services that an account can be connected to."""
