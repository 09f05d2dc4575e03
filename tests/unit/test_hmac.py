"""A notification counts only with a signature over the very bytes that came."""

import base64
import hashlib
import hmac

import pytest

from calsync.providers.cronofy import verified

# the vector of Cronofy's documentation
SECRET = "pDY0Oi7TJSP2hfNmZNkm5"
BODY = b'{"example":"well-known"}'
SIGNATURE = "6r2/HjBkqymGegX0wOfifieeUXbbHwtV/LohHS+jv6c="


def sign(secret, body=BODY):
    return base64.b64encode(
        hmac.new(secret.encode(), body, hashlib.sha256).digest()
    ).decode()


@pytest.mark.parametrize(
    ("body", "header", "secrets", "expected"),
    [
        (BODY, SIGNATURE, [SECRET], True),
        (BODY, f"{sign('new')},{SIGNATURE}", [SECRET], True),
        (BODY, f" {sign('new')} , {SIGNATURE} ", [SECRET], True),
        (BODY, SIGNATURE, ["new", SECRET], True),
        (BODY, sign("new"), ["new", SECRET], True),
        (BODY, SIGNATURE, ["new"], False),
        (BODY + b" ", SIGNATURE, [SECRET], False),
        (b'{"example": "well-known"}', SIGNATURE, [SECRET], False),
        (BODY, SIGNATURE[:-1], [SECRET], False),
        (BODY, SIGNATURE.lower(), [SECRET], False),
        (BODY, "", [SECRET], False),
        (BODY, None, [SECRET], False),
        (BODY, ",,", [SECRET], False),
        (BODY, "übel", [SECRET], False),
        (BODY, SIGNATURE, [], False),
        # no secret configured must not mean that everybody knows it
        (BODY, sign(""), [""], False),
        (b"", sign(SECRET, b""), [SECRET], True),
        (b"\xff\xfe", sign(SECRET, b"\xff\xfe"), [SECRET], True),
    ],
)
def test_signatures(body, header, secrets, expected):
    assert verified(body, header, secrets) is expected


def test_every_pair_is_compared_whatever_matches_first(monkeypatch):
    compared = []

    def digest(one, other):
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", digest)
    assert verified(BODY, f"{SIGNATURE},{sign('b')}", [SECRET, "b", "c"])
    assert len(compared) == 6
