"""The batch endpoint: many requests in one multipart body, answered in any order."""

import random
import re
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING

from ..kit import Request, Response
from . import errors

if TYPE_CHECKING:
    from .server import GoogleSimulator

LIMIT = 1000
BOUNDARY = re.compile(r'multipart/mixed;.*boundary="?([^";]+)"?', re.I | re.S)


def batch(simulator: "GoogleSimulator", request: Request) -> Response:
    match = BOUNDARY.match(request.header("Content-Type") or "")
    if not match:
        raise errors.refuse(400, "badRequest", "Missing multipart boundary.")
    parts = _parts(request.body, match[1].encode())
    if not parts or len(parts) > LIMIT:
        raise errors.refuse(
            400, "badRequest", f"The batch must hold 1 to {LIMIT} requests."
        )
    inner = [_request(part, request) for part in parts]
    random.shuffle(inner)
    answers = [(name, simulator.answer(each)) for name, each in inner]
    boundary = "batch_" + uuid.uuid4().hex
    body = b"".join(_answer(boundary, name, answer) for name, answer in answers)
    return Response(
        200,
        body=body + f"--{boundary}--\r\n".encode(),
        headers={"Content-Type": f"multipart/mixed; boundary={boundary}"},
    )


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """The parts between the boundary lines, whatever ends a line."""
    pieces = re.split(
        rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(?:--)?\r?\n?", body
    )
    return [piece for piece in pieces if piece.strip()]


def _request(part: bytes, outer: Request) -> tuple[str, Request]:
    """The Content-ID of a part and the request in it."""
    head, content = _split(part)
    line, _newline, rest = content.lstrip().partition(b"\n")
    fields, body = _split(rest) if rest.strip() else (b"", b"")
    try:
        method, target, _version = line.decode().split()
    except ValueError:
        raise errors.refuse(400, "badRequest", "Failed to parse batch part.") from None
    shared = {k: v for k, v in outer.headers.items() if not k.startswith("content-")}
    headers = {**shared, **_headers(fields)}
    if "content-length" in headers:
        body = body[: int(headers["content-length"])]
    request = Request(method, target, headers, body, batched=True)
    return _headers(head).get("content-id", ""), request


def _split(text: bytes) -> tuple[bytes, bytes]:
    """Head and body at the first empty line."""
    pieces = re.split(rb"\r?\n\r?\n", text, maxsplit=1)
    return (pieces[0], pieces[1]) if len(pieces) > 1 else (pieces[0], b"")


def _headers(text: bytes) -> dict[str, str]:
    found = {}
    for line in text.decode().splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found[name.strip().lower()] = value.strip()
    return found


def _answer(boundary: str, name: str, response: Response) -> bytes:
    content = response.encode()
    reason = (
        HTTPStatus(response.status).phrase
        if response.status in HTTPStatus.__members__.values()
        else "Unknown"
    )
    headers = {**response.headers, "Content-Length": str(len(content))}
    inner = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    answered = name.replace("<", "<response-", 1)
    head = (
        f"--{boundary}\r\nContent-Type: application/http\r\n"
        f"Content-ID: {answered}\r\n\r\n"
        f"HTTP/1.1 {response.status} {reason}\r\n{inner}\r\n"
    )
    return head.encode() + content + b"\r\n"
