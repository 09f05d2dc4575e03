"""Cronofy over real HTTP: hosted pages, API and notifications of one data center.

``python -m simulators.cronofy --port N --demo`` serves it; in a test
``with CronofySimulator() as sim:``. The application ``demo-client`` / ``demo-secret``
is known from the start, people come with ``sim.add_person`` or the demo.

==========================  ===========================================================
two layers of consent       ``/oauth/authorize``: the person connects a calendar to
                            Cronofy in one of the access modes, then allows the scopes
tokens                      exchange, refresh, revoke by token or sub, expiry
identity                    userinfo, account, profiles, calendars (and creating one)
reading                     events (window of 42 days back to 201 ahead, last_modified,
                            deleted, managed), free_busy, pages by absolute address
writing                     upsert and delete answer 202 and arrive after a delay that
                            can be set, or never; batches of up to 50, answered with
                            207; external events by ``event_uid``; 422 with fields
availability                availability, sequenced_availability, rules, periods
notifications               channels; ``verification``, ``change``,
                            ``profile_connected``, ``profile_disconnected``,
                            ``profile_initial_sync_completed``, ``gdpr_requested``, …;
                            signed with every secret in force; tried again until the
                            answer is 2xx, the channel closed after 24 hours without
rights                      ``permissions``: the page on which a person lets external
                            events be changed in some calendars
conferencing                authorisation page; profiles; links on events
refusals                    401, 402 (``set_plan``), 403, 404, 422, 423, 429
                            (``set_limits``), any status as a fault
==========================  ===========================================================

Both hosts (app and api) are one address. Besides the kit's controls there are those of
:mod:`.server`; the page at ``/`` lets a person add, move and delete appointments.

Left out: service accounts and resources, link tokens, smart invites, real-time
scheduling and sequencing, bookable events, UI elements, attachments, subscriptions of
an event, coalescing of notifications.

Where the documentation is silent the choice is a constant or a comment at its place:
presets and listing rights (:mod:`.scopes`), event_id's length (:mod:`.writes`), grid
and periods (:mod:`.availability`), empty error bodies (:mod:`.errors`).
"""

from .server import DEMO_CLIENT, DEMO_SECRET, CronofySimulator

__all__ = ["DEMO_CLIENT", "DEMO_SECRET", "CronofySimulator"]
