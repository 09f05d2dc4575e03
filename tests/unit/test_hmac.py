"""A notification counts only with a signature over the very bytes that came."""

import base64
import hashlib
import hmac

import pytest

from calsync.providers.cronofy import secrets_in, verified

# the vector of Cronofy's documentation
SECRET = "pDY0Oi7TJSP2hfNmZNkm5"
BODY = b'{"example":"well-known"}'
SIGNATURE = "6r2/HjBkqymGegX0wOfifieeUXbbHwtV/LohHS+jv6c="


#: those of Cronofy's own clients' tests, with secrets of newer applications
NEWER = (
    (
        "CRN_NggYusqPGLxwjw5FHOJYOqSrTPNXy8WQf14OID",
        "5DxentQi5YSXODEzTVv06sRwJ3pULIz1KrYv20qxEK0=",
    ),
    (
        "CRN_nGlYDFXwfSXgB9rvGNBJyfE454GGPtWIbNuPwr",
        "BmQmWVuZ70ILWjr1CAt5oC7YOolgnku4WZtlrKfx/6k=",
    ),
)


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


@pytest.mark.parametrize(("secret", "signature"), NEWER)
def test_signatures_as_cronofys_clients_make_them(secret, signature):
    both = ",".join(signature for _secret, signature in NEWER)
    for header in (signature, both, f"{SIGNATURE},{signature}"):
        assert verified(BODY, header, [secret])
        assert verified(BODY, header, ["another", secret])
    assert not verified(BODY, SIGNATURE, [secret])


@pytest.mark.parametrize("parting", [",", ", ", " , ", " ", "\n", ",\n", " ,, "])
def test_secrets_in_force_are_parted_however_they_were_pasted(parting):
    (one, first), (two, second) = NEWER
    secrets = secrets_in(f" {one}{parting}{two} ")
    assert secrets == [one, two]
    assert verified(BODY, f"{first},{second}", secrets[1:])


@pytest.mark.parametrize("text", ["", " ", ",", " , \n"])
def test_without_secrets_there_are_none(text):
    assert secrets_in(text) == []


def test_every_pair_is_compared_whatever_matches_first(monkeypatch):
    compared = []

    def digest(one, other):
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", digest)
    assert verified(BODY, f"{SIGNATURE},{sign('b')}", [SECRET, "b", "c"])
    assert len(compared) == 6
