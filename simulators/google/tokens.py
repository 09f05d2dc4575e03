"""Page tokens and sync tokens: opaque to clients, checked when they come back."""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

SECRET = b"simulator of Google Calendar"
NOT_BOUND = ("pageToken", "maxResults", "fields", "prettyPrint", "quotaUser", "alt")


def seal(kind: str, **content: Any) -> str:
    text = json.dumps({"kind": kind, **content}, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sum(text) + text).decode().rstrip("=")


def unseal(kind: str, token: str) -> dict | None:
    """What was sealed; None if it is no token of this kind."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        if _sum(raw[6:]) != raw[:6]:
            return None
        content = json.loads(raw[6:])
    except ValueError:
        return None
    return content if content.get("kind") == kind else None


def digest(resource: str, args: Mapping[str, Any]) -> str:
    """A short name for a query, without what may differ from page to page."""
    bound = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in args.items()
        if name not in NOT_BOUND
    }
    text = json.dumps([resource, bound], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _sum(text: bytes) -> bytes:
    return hashlib.sha256(SECRET + text).digest()[:6]
