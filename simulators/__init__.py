"""Stand-ins for the outside world that speak real HTTP and know nothing of the addon.

* :mod:`simulators.kit`: what all are made of (server, faults, journal, clock)
* :mod:`simulators.courier`: notifications that a simulator sends out
* :mod:`simulators.google`: Google OAuth 2.0 and Calendar v3
"""
