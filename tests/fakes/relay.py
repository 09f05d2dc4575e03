"""What other people's fakes of Google lack, put in front of them.

Batches are split into single requests (no fake has the batch endpoint), and ``fields``
masks can be left out. Everything else passes as it is, both ways.
"""

import re

import requests

from simulators.google.batch import batch
from simulators.kit import Request, Response, Simulator

HOP = {"host", "content-length", "connection", "accept-encoding", "transfer-encoding"}


class Relay(Simulator):
    """
    :param upstream: the address of the fake
    :param masks: whether it knows every field that Google has
    """

    def __init__(self, upstream: str, *, masks: bool = True) -> None:
        super().__init__()
        self._upstream = upstream
        self._masks = masks
        self._session = requests.Session()

    def _handle(self, request: Request) -> Response:
        if request.path.startswith("/batch/"):
            return batch(self, request)
        target = request.target
        if not self._masks:
            target = re.sub(r"(?<=[?&])fields=[^&]*&?", "", target)
        headers = {k: v for k, v in request.headers.items() if k not in HOP}
        reply = self._session.request(
            request.method,
            self._upstream + target,
            data=request.body or None,
            headers=headers,
            allow_redirects=False,
            timeout=30,
        )
        kept = {
            name: value
            for name, value in reply.headers.items()
            if name.lower() not in HOP | {"content-encoding", "date", "server"}
        }
        return Response(reply.status_code, body=reply.content, headers=kept)
