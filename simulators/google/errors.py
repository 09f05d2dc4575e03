"""Google's refusals: the envelope, and every named fault that can be set."""

from ..kit import Refusal, Response

USAGE = "usageLimits"


def body(
    code: int,
    reason: str,
    message: str,
    domain: str = "global",
    location: str | None = None,
    location_type: str | None = None,
) -> dict:
    """The error envelope of Calendar v3."""
    detail = {"domain": domain, "reason": reason, "message": message}
    if location:
        detail["locationType"] = location_type or "parameter"
        detail["location"] = location
    return {"error": {"errors": [detail], "code": code, "message": message}}


def refuse(code: int, reason: str, message: str, *where: str | None) -> Refusal:
    """An exception; `where` is domain, location, location type."""
    return Refusal(Response(code, body(code, reason, message, *where)))


def invalid(message: str, location: str | None = None) -> Refusal:
    return refuse(400, "invalid", message, "global", location)


def required(message: str) -> Refusal:
    return refuse(400, "required", message)


def not_found() -> Refusal:
    return refuse(404, "notFound", "Not Found")


def unauthenticated() -> Refusal:
    """No token at all (front-end error with the newer fields)."""
    message = "Login Required."
    answer = body(401, "required", message, "global", "Authorization", "header")
    answer["error"]["status"] = "UNAUTHENTICATED"
    answer["error"]["details"] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "CREDENTIALS_MISSING",
            "domain": "googleapis.com",
        }
    ]
    headers = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'}
    return Refusal(Response(401, answer, headers=headers))


def bad_token() -> Refusal:
    return refuse(
        401, "authError", "Invalid Credentials", "global", "Authorization", "header"
    )


def missing_scope() -> Refusal:
    message = "Request had insufficient authentication scopes."
    answer = body(403, "insufficientPermissions", "Insufficient Permission")
    answer["error"]["message"] = message
    answer["error"]["status"] = "PERMISSION_DENIED"
    answer["error"]["details"] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "domain": "googleapis.com",
        }
    ]
    return Refusal(Response(403, answer))


def role_too_low(role: str) -> Refusal:
    return refuse(
        403, "requiredAccessLevel", f"You need to have {role} access to this calendar."
    )


def full_sync_required() -> Refusal:
    message = "Sync token is no longer valid, a full sync is required."
    return refuse(
        410, "fullSyncRequired", message, "calendar", "syncToken", "parameter"
    )


#: Inky-Calendar-Server 104, easyappointments 995: the reason names no user, the text
#: does
_QUOTA = (
    "Quota exceeded for quota metric 'Queries' and limit 'Queries per {}' of service"
    " 'calendar-json.googleapis.com' for consumer 'project_number:0'."
)

FAULTS: dict[str, tuple] = {
    "perUser": (403, "rateLimitExceeded", _QUOTA.format("minute per user"), USAGE),
    "perProject": (403, "rateLimitExceeded", _QUOTA.format("minute"), USAGE),
    "perDay": (403, "rateLimitExceeded", _QUOTA.format("day"), USAGE),
    # kewisch/gdata-provider, request code
    "dailyLimitExceededUnreg": (
        403,
        "dailyLimitExceededUnreg",
        "Daily Limit for Unauthenticated Use Exceeded. Continued use requires signup.",
        USAGE,
    ),
    "variableTermLimitExceeded": (
        403,
        "variableTermLimitExceeded",
        "Variable Term Limit Exceeded",
        USAGE,
    ),
    # webhookdb 624: the Workspace has switched Calendar off
    "notACalendarUser": (
        403,
        "notACalendarUser",
        "The user must be signed up for Google Calendar.",
        "calendar",
    ),
    "forbiddenForNonCreator": (
        403,
        "forbiddenForNonCreator",
        "Forbidden",
        "calendar",
    ),
    # gcal_sync: a 410 without any of the usual reasons
    "gone": (410, "gone", "Gone"),
    "rateLimitExceeded": (403, "rateLimitExceeded", "Rate Limit Exceeded", USAGE),
    "userRateLimitExceeded": (
        403,
        "userRateLimitExceeded",
        "User Rate Limit Exceeded",
        USAGE,
    ),
    "quotaExceeded": (403, "quotaExceeded", "Calendar usage limits exceeded.", USAGE),
    "dailyLimitExceeded": (403, "dailyLimitExceeded", "Daily Limit Exceeded", USAGE),
    "accessNotConfigured": (
        403,
        "accessNotConfigured",
        "Google Calendar API has not been used in this project or it is disabled.",
        USAGE,
    ),
    "tooManyRequests": (429, "rateLimitExceeded", "Rate Limit Exceeded", USAGE),
    "backendError": (500, "backendError", "Backend Error"),
    "serviceUnavailable": (503, "serviceNotAvailable", "Service Unavailable"),
    "authError": (
        401,
        "authError",
        "Invalid Credentials",
        "global",
        "Authorization",
        "header",
    ),
    "fullSyncRequired": (
        410,
        "fullSyncRequired",
        "Sync token is no longer valid, a full sync is required.",
        "calendar",
        "syncToken",
    ),
    "conditionNotMet": (
        412,
        "conditionNotMet",
        "Precondition Failed",
        "global",
        "If-Match",
        "header",
    ),
    "conflict": (409, "conflict", "Conflict"),
    "duplicate": (409, "duplicate", "The requested identifier already exists."),
    "notFound": (404, "notFound", "Not Found"),
    "deleted": (410, "deleted", "Resource has been deleted"),
    "forbidden": (403, "forbidden", "Forbidden"),
    "forbiddenForNonOrganizer": (
        403,
        "forbiddenForNonOrganizer",
        "Shared properties can only be changed by the organizer of the event.",
        "calendar",
    ),
    "insufficientPermissions": (
        403,
        "insufficientPermissions",
        "Insufficient Permission",
    ),
    "badRequest": (400, "badRequest", "Bad Request"),
    "invalid": (400, "invalid", "Invalid Value"),
}

OAUTH_FAULTS = {
    # AutoRclone 98, gdrive 646
    "deleted_client": (401, "The OAuth client was deleted."),
    "disabled_client": (401, "The OAuth client was disabled."),
    "invalid_grant": (400, "Token has been expired or revoked."),
    "invalid_client": (401, "Unauthorized"),
    "unauthorized_client": (400, "Unauthorized"),
    "invalid_scope": (400, "Bad Request"),
    "temporarily_unavailable": (503, "Try again later"),
}


def oauth_error(status: int, name: str, text: str) -> Refusal:
    answer = {"error": name, "error_description": text}
    return Refusal(Response(status, answer))


def fault_response(name: str) -> Response:
    """The answer for a fault's name; ValueError if there is none of that name."""
    if name in FAULTS:
        return Response(FAULTS[name][0], body(*FAULTS[name]))
    if name == "invalid_rapt":
        # gogcli 338, salto 5872: the Workspace ends sessions after some hours
        rapt = oauth_error(400, "invalid_grant", "reauth related error (invalid_rapt)")
        rapt.response.data |= {
            "error_subtype": "invalid_rapt",
            "error_uri": "https://support.google.com/a/answer/9368756",
        }
        return rapt.response
    if name in OAUTH_FAULTS:
        status, text = OAUTH_FAULTS[name]
        return oauth_error(status, name, text).response
    if name.isdigit():
        return Response(int(name), body(int(name), "backendError", "Backend Error"))
    raise ValueError(f"unknown fault {name!r}")
