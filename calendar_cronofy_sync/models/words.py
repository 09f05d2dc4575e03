"""The sentences of the pure layer in the reader's language.

What knows nothing of Odoo says what is wrong in English; a person reads it in theirs.
A sentence that is not listed here (the provider's own words, details of a rule) stays
as it is.
"""

from odoo.tools.translate import LazyTranslate

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
