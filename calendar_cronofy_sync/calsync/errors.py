"""What can go wrong, named for what the caller should do about it.

::

    SyncError                  anything foreseen; str() is fit for the person concerned
    ├── AuthExpired            the grant is gone: ask the user to connect again
    ├── ScopeMissing           the grant lacks a permission: ask for consent again
    ├── RateLimited            wait ``retry_after`` seconds, then go on
    ├── Unavailable            the provider did not answer properly: try again later
    │   ├── TokenRefused       a fresh token was refused, which passes by itself
    │   └── AnswerLost         sent, no answer: the write may have landed, look first
    │       └── Unconfirmed    accepted, not seen yet: try it again in the next run
    ├── TokenInvalid           the sync token is dead: list everything again
    ├── Conflict               somebody else changed the event: fetch, merge, try again
    ├── Duplicate              the id we chose exists already: fetch, compare, link
    ├── Gone                   confirmed by the provider: there is no such event
    ├── NotFound               the calendar or the resource is not visible
    ├── Forbidden              this account may not change this event or calendar
    ├── Rejected               the provider refuses the content: show it, do not retry
    ├── PlanLimit              the provider's price plan does not include it
    ├── Unsupported            the provider cannot do it for this calendar (e.g. push)
    ├── ServiceOff             the person's account has no calendar service
    ├── Misconfigured          wrong client id, secret or address: for the administrator
    │   ├── NotInstalled       a Python package is missing on the server
    │   └── PlaceRefused       the data would lie where it must not
    ├── RuleUnreadable         a recurrence rule that cannot be expanded
    ├── ItemUnreadable         an item that cannot be understood
    └── KeyUnavailable         the encryption key is missing or does not fit the tokens
"""


class SyncError(Exception):
    """Something foreseen went wrong.

    :param message: what happened, in English, without titles, addresses or tokens
    :param reason: the provider's own word for it (``rateLimitExceeded``), for the log
    """

    def __init__(self, message: str = "", *, reason: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])
        self.reason = reason


class AuthExpired(SyncError):
    """The permission was withdrawn or has expired."""


class ScopeMissing(SyncError):
    """A permission that is needed was not given."""

    def __init__(
        self, message: str = "", *, scopes: tuple[str, ...] = (), reason: str = ""
    ) -> None:
        super().__init__(message, reason=reason)
        self.scopes = scopes


class RateLimited(SyncError):
    """The provider asks us to wait."""

    def __init__(
        self,
        message: str = "",
        *,
        retry_after: float | None = None,
        project: bool = False,
        period: float = 60.0,
        reason: str = "",
    ) -> None:
        super().__init__(message, reason=reason)
        #: seconds to wait as told by the provider, or None when it did not say
        self.retry_after = retry_after
        #: does it concern all users of the registered client, or this account alone?
        self.project = project
        #: seconds after which the limit counts anew: nobody need wait any longer
        self.period = period


class Unavailable(SyncError):
    """The provider did not answer properly."""


class TokenRefused(Unavailable):
    """The provider does not accept the access, although it has just been renewed."""


class AnswerLost(Unavailable):
    """The request was sent and no answer came: it may have been carried out."""


class Unconfirmed(AnswerLost):
    """The provider has accepted the change, but does not show it yet."""


class TokenInvalid(SyncError):
    """The synchronisation token is no longer valid."""


class Conflict(SyncError):
    """The event was changed by somebody else in the meantime."""


class Duplicate(SyncError):
    """An event with this id exists already."""


class Gone(SyncError):
    """The event does not exist any more."""


class NotFound(SyncError):
    """The calendar or event is not visible to this account."""


class Forbidden(SyncError):
    """This account may not do that."""


class Rejected(SyncError):
    """The provider refuses the content."""


class PlanLimit(SyncError):
    """The provider's price plan does not include this."""


class Unsupported(SyncError):
    """The provider cannot do this for this calendar."""


class ServiceOff(SyncError):
    """The calendar service is switched off for this account."""


class Misconfigured(SyncError):
    """The client id, the client secret or an address is wrong."""


class NotInstalled(Misconfigured):
    """A Python package that the service needs is not installed."""


class PlaceRefused(Misconfigured):
    """The data center is none that there is, or none that the company allows."""


class RuleUnreadable(SyncError):
    """The recurrence rule cannot be expanded."""


class ItemUnreadable(SyncError):
    """The item cannot be understood."""


class KeyUnavailable(SyncError):
    """The encryption key is missing or does not fit."""
