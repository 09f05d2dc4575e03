"""The sentences of the pure layer in the reader's language, and what errors mean.

What knows nothing of Odoo says what is wrong in English; a person reads it in theirs.
A sentence that is not listed here (the provider's own words, details of a rule) stays
as it is.
"""

from odoo.tools.translate import LazyTranslate

from ..calsync.errors import (
    AuthExpired,
    Forbidden,
    KeyUnavailable,
    Misconfigured,
    NotFound,
    NotInstalled,
    PlaceRefused,
    PlanLimit,
    RateLimited,
    ScopeMissing,
    ServiceOff,
    TokenRefused,
    Unavailable,
    Unsupported,
)

_lt = LazyTranslate(__name__)

SENTENCES = (
    # of appointments
    _lt("A text of the event is not a text."),
    _lt("A text of the event is too long."),
    _lt("The event ends before it starts."),
    _lt("The event has no end."),
    _lt("The event has no id."),
    _lt("The event has no original start."),
    _lt("The event has no start."),
    _lt("The event is not in the form that Cronofy documents."),
    _lt("The event is not in the form that Google documents."),
    _lt("The event starts at a time of day and ends without one."),
    _lt("The end of the event cannot be read."),
    _lt("The original start of the event cannot be read."),
    _lt("The recurrence of the event cannot be read."),
    _lt("The rule has far too many occurrences, or none."),
    _lt("The start of the event cannot be read."),
    # of services
    _lt("A request would have left for a host that is not allowed."),
    _lt("A write without fields."),
    _lt("Cronofy does not know this client id and secret."),
    _lt("Cronofy does not list the event."),
    _lt("Cronofy has lost the connection to the calendar: connect it again."),
    _lt("Cronofy has not read the calendar yet."),
    _lt("Cronofy knows no series, only their occurrences."),
    _lt("Cronofy tells busy times no further than 201 days ahead."),
    _lt("Cronofy tells no busy times from so long ago."),
    _lt("Cronofy was not given access to the calendar."),
    _lt("Google gave no lasting permission."),
    _lt("Only events that were made in Odoo can be changed."),
    _lt(
        "The Cronofy plan of this installation does not include this: your "
        "administrator can have it extended."
    ),
    _lt("The address for notifications is too long for Cronofy."),
    _lt("The address of the calendar service must begin with https."),
    _lt("The calendar was connected in a way that does not let us create one."),
    # of keys
    _lt("An encryption key is malformed."),
    _lt("There is no encryption key."),
    # what the kinds of errors say when nobody said more
    _lt("A Python package that the service needs is not installed."),
    _lt("A permission that is needed was not given."),
    _lt("An event with this id exists already."),
    _lt("Something foreseen went wrong."),
    _lt("The calendar or event is not visible to this account."),
    _lt("The calendar service is switched off for this account."),
    _lt("The client id, the client secret or an address is wrong."),
    _lt("The data center is none that there is, or none that the company allows."),
    _lt("The encryption key is missing or does not fit."),
    _lt("The event does not exist any more."),
    _lt("The event was changed by somebody else in the meantime."),
    _lt("The item cannot be understood."),
    _lt("The permission was withdrawn or has expired."),
    _lt("The provider asks us to wait."),
    _lt("The provider cannot do this for this calendar."),
    _lt("The provider did not answer properly."),
    _lt("The provider does not accept the access, although it has just been renewed."),
    _lt("The provider has accepted the change, but does not show it yet."),
    _lt("The provider refuses the content."),
    _lt("The provider's price plan does not include this."),
    _lt("The recurrence rule cannot be expanded."),
    _lt("The request was sent and no answer came: it may have been carried out."),
    _lt("The synchronisation token is no longer valid."),
    _lt("This account may not do that."),
)
BY_TEXT = {sentence._source: sentence for sentence in SENTENCES}


def in_words(env, text):
    """A sentence of the pure layer in the language of ``env``."""
    sentence = BY_TEXT.get(text)
    return env._(sentence) if sentence else text


_SIGN_IN_AGAIN = _lt(
    "Your organisation has everybody sign in to %(provider)s again after some hours, "
    "for this connection, too. Everything is kept: please connect again. If that "
    "happens every day, ask the administrator of your organisation at %(provider)s to "
    "exempt this app from the session control."
)
_NOT_ENABLED = _lt(
    "The calendar interface of %(provider)s is not switched on for this Odoo. Your "
    "administrator can enable it in the project of the client, in the console of "
    "%(provider)s."
)

#: what an error means for the person and what to do about it: the first row counts
#: that names the reason the provider gave, or else the kind of the error
EXPLANATIONS = (
    ("invalid_rapt", _SIGN_IN_AGAIN),
    ("rapt_required", _SIGN_IN_AGAIN),
    (
        "deleted_client",
        _lt(
            "The client with which this Odoo reaches %(provider)s was deleted there. "
            "Your administrator can restore it in the console of %(provider)s, or "
            "enter another one in the settings. Everything is kept until then."
        ),
    ),
    (
        "disabled_client",
        _lt(
            "The client with which this Odoo reaches %(provider)s was disabled there. "
            "Your administrator can enable it in the console of %(provider)s, or "
            "enter another one in the settings. Everything is kept until then."
        ),
    ),
    (
        "unauthorized_client",
        _lt(
            "%(provider)s does not let the client of this Odoo connect calendars. Your "
            "administrator should check in the console of %(provider)s that it is a "
            "client for web applications, and that its consent page is published."
        ),
    ),
    ("accessNotConfigured", _NOT_ENABLED),
    ("SERVICE_DISABLED", _NOT_ENABLED),
    ("dailyLimitExceededUnreg", _NOT_ENABLED),
    (
        "dailyLimitExceeded",
        _lt(
            "This Odoo has asked %(provider)s as often as it may on one day. The "
            "synchronisation goes on by itself when the day is over (midnight Pacific "
            "Time). Your administrator can ask %(provider)s for more."
        ),
    ),
    (
        "quotaExceeded",
        _lt(
            "%(provider)s accepts no further changes to your calendars for some hours, "
            "because there were too many of them. Nothing is lost: they are written as "
            "soon as it does."
        ),
    ),
    (
        AuthExpired,
        _lt(
            "%(provider)s does not accept the permission any more. Everything is kept: "
            "please connect again."
        ),
    ),
    (
        KeyUnavailable,
        _lt(
            "The stored permission cannot be decrypted, because the key of this Odoo "
            "server is missing or was changed. Please connect again, or have your "
            "administrator restore the key (the option calendar_sync_key)."
        ),
    ),
    (
        ScopeMissing,
        _lt(
            "The connection needs more permissions at %(provider)s than it has. "
            "Connect again and leave all boxes ticked. Everything is kept until you "
            "connect again."
        ),
    ),
    (
        ServiceOff,
        _lt(
            "The calendar of %(provider)s is switched off for your account. If the "
            "account belongs to an organisation, its administrator at %(provider)s can "
            "switch it on; then the synchronisation goes on by itself."
        ),
    ),
    (
        PlaceRefused,
        _lt(
            "Your company does not allow data to lie in the data center of "
            "%(provider)s that is set, or there is none of that name. Nothing is "
            "exchanged until your administrator has corrected it in the settings."
        ),
    ),
    (
        NotInstalled,
        _lt(
            "%(provider)s is not synchronised, because the Python package "
            "“%(package)s” is missing on the Odoo server. Everything is kept; it goes "
            "on when your administrator has installed the package and restarted Odoo."
        ),
    ),
    (
        Misconfigured,
        _lt(
            "%(provider)s does not accept this Odoo as a client: the client id, the "
            "client secret or an address is wrong. Your administrator can correct it "
            "in the settings."
        ),
    ),
    (
        RateLimited,
        _lt(
            "%(provider)s asks us to wait, because too much was asked at once. Try "
            "again in a few minutes."
        ),
    ),
    (
        TokenRefused,
        _lt(
            "%(provider)s did not accept the connection just now. That passes by "
            "itself: try again later."
        ),
    ),
    (
        Unavailable,
        _lt("%(provider)s does not answer at the moment. Try again later."),
    ),
    (
        NotFound,
        _lt(
            "%(provider)s does not show this calendar to you any more. Refresh the "
            "list of calendars."
        ),
    ),
    (
        Forbidden,
        _lt("%(provider)s does not allow you to do this in this calendar."),
    ),
    (
        PlanLimit,
        _lt(
            "Your organisation's plan at %(provider)s does not include this. Ask your "
            "administrator."
        ),
    ),
    (Unsupported, _lt("%(provider)s cannot do this for this calendar.")),
)
_UNFORESEEN = _lt("%(provider)s answered in an unforeseen way. Try again later.")


def explain(env, error, provider):
    """What an error means for a person and what to do about it."""
    sentence = next(
        (
            sentence
            for about, sentence in EXPLANATIONS
            if (
                error.reason == about
                if isinstance(about, str)
                else isinstance(error, about)
            )
        ),
        _UNFORESEEN,
    )
    # (a text that is translated late takes no values in env._)
    text = env._(sentence)
    return text % {"provider": provider, "package": error.reason}
