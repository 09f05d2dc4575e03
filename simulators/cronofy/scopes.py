"""What each scope allows."""

#: everything the presets are made of
FINE = frozenset(
    {
        "read_account",
        "list_calendars",
        "read_events",
        "read_free_busy",
        "create_event",
        "delete_event",
        "create_calendar",
        "change_participation_status",
    }
)
#: Not documented: whether the free/busy presets let an application list calendars and
#: read the account. Here they do not, so that a client has to ask for both.
PRESETS = {
    "read_events": {"read_events", "read_free_busy"},
    "free_busy": {"read_free_busy"},
    "free_busy_write": {"read_free_busy", "create_event", "delete_event"},
    "read_only": {"read_account", "list_calendars", "read_events", "read_free_busy"},
    "write_only": {"create_event", "delete_event"},
    "read_write": FINE - {"create_calendar", "change_participation_status"},
}
#: asking for one of these offers the lower access modes to the person
OFFERS_MODES = frozenset({"free_busy_write", "free_busy", "read_free_busy"})

WORDS = {
    "read_account": "see your name and address",
    "list_calendars": "see the names of your calendars",
    "read_events": "read the events in your calendars",
    "read_free_busy": "see when you are busy, without any details",
    "free_busy": "see when you are busy, without any details",
    "free_busy_write": "see when you are busy, and add and change its own events",
    "create_event": "add and change its own events in your calendars",
    "delete_event": "delete its own events from your calendars",
    "create_calendar": "create a calendar",
    "change_participation_status": "answer invitations for you",
    "read_only": "read your calendars",
    "write_only": "add, change and delete its own events",
    "read_write": "read your calendars; add, change and delete its own events",
}


def known(scope: str) -> bool:
    return scope in FINE or scope in PRESETS


def allowed(scopes: tuple[str, ...]) -> frozenset[str]:
    """The fine-grained rights that a scope comes to."""
    return frozenset().union(*(PRESETS.get(scope, {scope}) for scope in scopes))
