"""What we believe of a service, fact by fact, and a calendar to try it in.

A fact is a function that asks the service something and says in a few words what it
did; what we expect is a regular expression for these words.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import requests

NAME = "calendar_cronofy_sync live test"
TIMEOUT = 60


class Refused(Exception):
    """We were about to touch something that this run did not make."""


class Unable(Exception):
    """Nothing can be tried; the text says why."""


@dataclass(frozen=True)
class Fact:
    name: str
    expected: str
    """A regular expression for the whole of what is seen."""
    source: str
    look: Callable[[Any], str]


@dataclass
class Facts:
    """The facts of one service, in the order in which they are tried."""

    facts: list[Fact] = field(default_factory=list)

    def __call__(self, name: str, expected: str, source: str) -> Callable:
        def note(look: Callable[[Any], str]) -> Callable[[Any], str]:
            self.facts.append(Fact(name, expected, source, look))
            return look

        return note

    def __iter__(self) -> Iterator[Fact]:
        return iter(self.facts)


@dataclass(frozen=True)
class Finding:
    fact: Fact
    seen: str

    @property
    def as_we_think(self) -> bool:
        return re.fullmatch(self.fact.expected, self.seen, re.DOTALL) is not None

    def __str__(self) -> str:
        if self.as_we_think:
            return f"as we think  {self.fact.name}: {self.seen}"
        return (
            f"OTHERWISE    {self.fact.name}\n"
            f"             we think: {self.fact.expected}   ({self.fact.source})\n"
            f"             it did:   {self.seen}"
        )


@dataclass(frozen=True)
class Answer:
    status: int
    data: Any
    headers: Any

    def __getitem__(self, name: str) -> Any:
        return self.data[name]


class Service:
    """The account of one person; below are the requests, all through :meth:`request`.

    Only what this run made is written to, or read: an address with another calendar in
    it is refused before it is sent.
    """

    facts: Facts
    #: paths without a calendar that may be asked for: (method, regular expression)
    open: tuple[tuple[str, str], ...] = ()

    def __init__(self, address: str, secrets: list[str]) -> None:
        self.address = address.rstrip("/") + "/"
        self.secrets = [secret for secret in secrets if secret]
        self.made: list[str] = []
        self.session = requests.Session()

    @property
    def calendar(self) -> str:
        return self.made[0]

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict | None = None,
        **query: Any,
    ) -> Answer:
        """One request below the API's address, with the token of the account."""
        self._check(method, path)
        address = self.address + path + ("?" + urlencode(query, True) if query else "")
        reply = self.session.request(
            method,
            address,
            json=body,
            headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
            timeout=TIMEOUT,
            allow_redirects=False,
        )
        return answer(reply)

    def _check(self, method: str, path: str) -> None:
        ours = (f"calendars/{quote(made, safe='')}" for made in self.made)
        if any(path == own or path.startswith(own + "/") for own in ours):
            return
        if not any(m == method and re.fullmatch(p, path) for m, p in self.open):
            raise Refused(f"{method} {path.split('/')[0]}: not made by this run")

    def masked(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    @contextmanager
    def own_calendar(self) -> Iterator[None]:
        """A calendar of this run's own; removed, whatever happens."""
        raise NotImplementedError

    def findings(self) -> Iterator[Finding]:
        """Try every fact; one that cannot be tried does not hinder the others."""
        with self.own_calendar():
            for fact in self.facts:
                try:
                    seen = fact.look(self)
                except Exception as error:
                    seen = f"could not be tried: {type(error).__name__}: {error}"
                yield Finding(fact, self.masked(seen))


def answer(reply: requests.Response) -> Answer:
    try:
        data = reply.json() if reply.content else None
    except ValueError:
        data = reply.text[:200]
    return Answer(reply.status_code, data, reply.headers)
