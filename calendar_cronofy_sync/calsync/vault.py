"""How tokens are kept: encrypted with a key that does not lie beside them.

The first key encrypts, every key decrypts. To change the key put the new one in front,
:meth:`Vault.renew` what is stored, and take the old one away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from .errors import KeyUnavailable


def new_key() -> str:
    """A fresh random key, as text for a configuration file."""
    return Fernet.generate_key().decode()


class Vault:
    """Seals dictionaries into text and opens them again."""

    def __init__(self, keys: Sequence[str]) -> None:
        """
        :param keys: made by :func:`new_key`, the newest first
        :raises KeyUnavailable: there is none, or one of them is no key
        """
        if not keys:
            raise KeyUnavailable("There is no encryption key.")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            # not chained: the original error may quote the key
            raise KeyUnavailable("An encryption key is malformed.") from None

    def seal(self, secrets: Mapping[str, Any]) -> str:
        """The secrets as text that says nothing without the key."""
        clear = json.dumps(secrets, separators=(",", ":"))
        return self._fernet.encrypt(clear.encode()).decode()

    def open(self, sealed: str) -> dict[str, Any]:
        """What :meth:`seal` was given.

        :raises KeyUnavailable: sealed with another key, or damaged
        """
        try:
            return json.loads(self._fernet.decrypt(bytes(sealed, "utf-8")))
        except (InvalidToken, TypeError, ValueError):
            raise KeyUnavailable from None

    def renew(self, sealed: str) -> str:
        """The same secrets under the first key.

        :raises KeyUnavailable: sealed with another key, or damaged
        """
        try:
            return self._fernet.rotate(bytes(sealed, "utf-8")).decode()
        except (InvalidToken, TypeError, ValueError):
            raise KeyUnavailable from None

    def __repr__(self) -> str:
        return "Vault(...)"
