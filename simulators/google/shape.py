"""Which fields an event has, whose they are, and when they are shown."""

PRIVATE = ("private", "confidential")
"""Values of visibility that hide the details."""

DEFAULTS = {
    "visibility": "default",
    "transparency": "opaque",
    "guestsCanInviteOthers": True,
    "guestsCanModify": False,
    "guestsCanSeeOtherGuests": True,
    "anyoneCanAddSelf": False,
    "endTimeUnspecified": False,
    "attendeesOmitted": False,
    "locked": False,
    "privateCopy": False,
}
"""Not sent back while they have this value."""

WRITABLE = (
    "summary",
    "description",
    "location",
    "colorId",
    "eventLabelId",
    "recurrence",
    "transparency",
    "visibility",
    "attendees",
    "guestsCanInviteOthers",
    "guestsCanModify",
    "guestsCanSeeOtherGuests",
    "anyoneCanAddSelf",
    "reminders",
    "extendedProperties",
    "conferenceData",
    "source",
    "attachments",
    "eventType",
    "birthdayProperties",
    "focusTimeProperties",
    "outOfOfficeProperties",
    "workingLocationProperties",
    "status",
    "gadget",
)
PERSONAL = (
    "reminders",
    "colorId",
    "eventLabelId",
    "transparency",
    "visibility",
)
"""Each copy has its own; so it is with ``extendedProperties.private``."""

HIDDEN_KEEPS = (
    "id",
    "status",
    "visibility",
    "eventType",
    "iCalUID",
    "recurrence",
    "recurringEventId",
    "transparency",
)
