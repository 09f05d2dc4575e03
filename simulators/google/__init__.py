"""A simulator of Google OAuth 2.0 and Google Calendar v3, over real HTTP.

::

    with GoogleSimulator() as sim:                  # in this process, a free port
        sim.create_user("ann@example.com")
        sim.insert_event("ann@example.com", {"summary": "Tea", "start": …, "end": …})

    python -m simulators.google --port 8900 --demo  # a program; --demo: four people

It knows nothing of who uses it. Requests are checked against the official discovery
document that ships with google-api-python-client (unknown parameters, fields and values
→ 400; ``strict=False`` turns the check of bodies off), scopes against its method lists.

Addresses below ``sim.url``
    ``/o/oauth2/v2/auth``, ``/token``, ``/revoke``, ``/tokeninfo``,
    ``/oauth2/v3/userinfo``, ``/calendar/v3/…``, ``/batch/calendar/v3``, ``/control/…``,
    and the web page at ``/``. The client ``demo-client`` with the secret
    ``demo-secret`` is always there and may be sent back to any address of the loopback.

Controls
    Those of :mod:`simulators.kit`, and each method of
    :class:`~simulators.google.server.GoogleSimulator` marked ``@control``:
    ``create_user``, ``create_outsider``, ``create_calendar``, ``share``,
    ``delete_calendar``, ``insert_event``, ``insert_events``, ``import_event``,
    ``patch_event``, ``split_series`` ("this and following"), ``delete_event``,
    ``get_event``, ``list_events``, ``respond`` (all as a user, on the way that the API
    takes), ``plant_event`` (an item no client could have made), ``purge_tombstones``,
    ``register_client``, ``authorize`` (what a person does with the consent page),
    ``grant_tokens``, ``revoke_grant``, ``expire_tokens``, ``set_policy`` (lifetimes,
    rotation), ``set_paging`` (page size, empty pages, scrambled order, token lifetime,
    blank lists), ``set_quota``, ``set_behaviour``, ``treat`` (what it makes of a
    field that is written), ``set_notifications``, ``release_notifications``,
    ``notifications``, ``channels``, ``outbox``, ``clear_outbox``, ``seed_demo``.
    In Python ``sim.call(user, "events.move", calendarId=…, …)`` does any API method.

Faults (``set_fault``)
    Those of the kit and, answered as Google words them: ``rateLimitExceeded``,
    ``userRateLimitExceeded``, ``quotaExceeded``, ``dailyLimitExceeded``,
    ``accessNotConfigured`` (403), ``tooManyRequests`` (429), ``backendError`` (500),
    ``serviceUnavailable`` (503), ``authError`` (401), ``fullSyncRequired`` (410),
    ``conditionNotMet`` (412), ``conflict``, ``duplicate`` (409), ``notFound`` (404),
    ``deleted`` (410), ``forbidden``, ``forbiddenForNonOrganizer``,
    ``insufficientPermissions`` (403), ``badRequest``, ``invalid`` (400); for the token
    endpoint ``invalid_grant``, ``invalid_client``, ``unauthorized_client``,
    ``invalid_scope``, ``temporarily_unavailable``. Each part of a batch is matched on
    its own; a part that hangs up takes the whole batch with it.

The consent pages, for people and Playwright
    Account chooser: form ``#accounts``, one ``button[name=authuser][value=ADDRESS]``
    each. Consent: form ``#consent``, a ticked ``input[name=scope]`` for each scope with
    the id ``scope-`` and the scope's last part (``#scope-calendar\\.events``), buttons
    ``#allow`` and ``#deny``. A refusal without a way back: its name in ``#error``.

The web page
    ``/``: a link ``a[data-user=ADDRESS]`` for each person, ``button[name=revoke]`` for
    each application with access. ``/ui/week?user=ADDRESS&date=DAY``: ``#previous``,
    ``#today``, ``#next``, sections ``#day-YYYY-MM-DD`` with links ``a.event``, form
    ``#new`` (``calendar``, ``summary``, ``start``, ``stop``, ``all_day``, ``location``,
    ``guests``, ``description``, ``visibility``, ``transparency``, ``repeat``; button
    ``#add``). ``/ui/event``: form ``#edit`` with the same names and, in a series,
    ``scope`` (one, series); ``#save``, ``#delete``, ``#answer-accepted`` and so on.
    Errors in ``#error``. Times are those of the person's zone.

Decisions where Google's behaviour is unknown or a matter of luck
    * a sync token forgets ``timeMin``/``timeMax`` (``set_paging(window_in_token=True)``
      makes it remember), but binds singleEvents, eventTypes and showHiddenInvitations;
      listings with q, iCalUID, orderBy, updatedMin or property filters get none
    * endless series are expanded for two years; a start that the rule does not hit is
      an occurrence and counts
    * an occurrence of the tail of a split answers to ``<base>_<time>`` alone
      (``set_behaviour(tail_addresses=True)``: also to ``<base>_R…_<time>``)
    * visibility and transparency belong to each copy of an event, as reminders do; an
      occurrence is as visible as its series, or hides it (release notes of 2026-07-07);
      of the two that do not hide, public is the more visible one
    * a description keeps words in angle brackets that are no HTML tag (descriptions of
      Teams invitations arrive with ``<https://...>``), and is HTML only if it has a tag
    * without sendUpdates nobody is told; deletion without telling (``none``) leaves the
      guests' copies (``set_behaviour(none_delete_leaves_guests=False)``)
    * exceptions whose place vanishes when their series moves become cancelled
    * the order of attendees is that of their addresses; descriptions keep the tags
      Google keeps, without attributes other than href
    * answers are pretty-printed only on request, quotas are off until ``set_quota``
    * busy times are clipped to the asked window

Left out, because no client of ours meets it
    events.quickAdd, calendars.transferOwnership (501); groups in freeBusy;
    showHiddenInvitations, gadgets and eventLabels beyond being kept; Workspace
    policies; resources and rooms; labelProperties; notificationSettings beyond being
    kept; propagation to people outside; mail itself (see ``outbox``); RS256 signatures
    (id tokens are signed with the client's secret); the account-wide cap on refresh
    tokens; a grant that dies after six months unused (advance the clock and use
    ``expire_tokens``).
"""

from .server import GoogleSimulator

__all__ = ["GoogleSimulator"]
