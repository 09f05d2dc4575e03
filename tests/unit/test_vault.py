"""Tokens at rest: sealed, opened, and re-sealed under a new key."""

import pytest

from calsync.errors import KeyUnavailable
from calsync.vault import Vault, new_key

SECRETS = {"refresh_token": "1//very-secret", "scopes": ["a", "b"], "expiry": None}


def test_what_is_sealed_can_be_opened_and_says_nothing():
    vault = Vault([new_key()])
    sealed = vault.seal(SECRETS)
    assert vault.open(sealed) == SECRETS
    assert "secret" not in sealed
    assert sealed != vault.seal(SECRETS)


def test_every_key_opens_and_the_first_one_seals():
    old, new = new_key(), new_key()
    sealed = Vault([old]).seal(SECRETS)
    both = Vault([new, old])
    assert both.open(sealed) == SECRETS
    renewed = both.renew(sealed)
    assert Vault([new]).open(renewed) == SECRETS
    with pytest.raises(KeyUnavailable):
        Vault([old]).open(renewed)


@pytest.mark.parametrize("keys", [[], [""], ["not a key"], [new_key(), "short"]])
def test_without_usable_keys_there_is_no_vault(keys):
    with pytest.raises(KeyUnavailable) as caught:
        Vault(keys)
    assert "short" not in str(caught.value)


@pytest.mark.parametrize("action", [Vault.open, Vault.renew])
@pytest.mark.parametrize("damage", ["", "nonsense", None, "Ünsinn", "another key"])
def test_a_strange_text_is_an_unavailable_key(action, damage):
    vault = Vault([new_key()])
    if damage == "another key":
        damage = Vault([new_key()]).seal(SECRETS)
    with pytest.raises(KeyUnavailable):
        action(vault, damage)


def test_a_vault_does_not_show_its_keys():
    key = new_key()
    assert key not in repr(Vault([key]))
