"""A real Odoo process on a clone of the prepared database, and how to talk to it.

For what must not run inside a test's transaction: the tests in a browser, those that
kill the process, and the benchmarks. ``./run`` prepares the database and says in the
environment where it is.
"""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg2
import requests

_numbers = itertools.count(1)


def environment(name: str) -> str:
    """What ``./run`` prepared; None of it is there when a file is run without it."""
    try:
        return os.environ[name]
    except KeyError:
        raise RuntimeError(f"{name} is not set: start this with ./run") from None


def artefacts(*parts: str) -> Path:
    """A folder for what a run leaves behind: logs, screenshots, figures."""
    folder = Path(environment("CALSYNC_ARTEFACTS"), *parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Database:
    """A clone of the prepared database, or of ``template``; dropped by ``drop``."""

    def __init__(self, template: str | None = None):
        source = template or environment("CALSYNC_DATABASE")
        self.name = f"{source}_{os.getpid()}_{next(_numbers)}"
        self.maintain(f'CREATE DATABASE "{self.name}" TEMPLATE "{source}"')

    def connect(self):
        """A connection of psycopg2 (PGHOST and PGUSER are set by ``./run``)."""
        return psycopg2.connect(dbname=self.name)

    def query(self, statement: str, *values) -> list[tuple]:
        """Run one statement, commit, and return its rows if it has any."""
        with closing(self.connect()) as connection, connection:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall() if cursor.description else []

    def set_parameters(self, **values: str) -> None:
        """Set the addon's system parameters, before Odoo starts on the database."""
        for key, value in values.items():
            self.query(
                "INSERT INTO ir_config_parameter (key, value) VALUES (%s, %s)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                f"calendar_cronofy_sync.{key}",
                value,
            )

    def drop(self) -> None:
        self.maintain(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    @staticmethod
    def maintain(statement: str) -> None:
        with closing(psycopg2.connect(dbname="postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)


class OdooServer:
    """An Odoo process; its log is kept in ``log``.

    :param options: further command line options, e.g. ``("--max-cron-threads=2",)``
    :param env: further environment variables of the process
    """

    def __init__(self, database: Database, log: Path, *, options=(), env=None):
        self.database = database
        self.log = log
        self.options = tuple(options)
        self.env = dict(env or {})
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.process: subprocess.Popen | None = None
        self.expected: list[str] = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_error):
        self.stop()

    def start(self, patience: float = 60) -> None:
        """Start the process and wait until it answers."""
        command = [sys.executable, "-m", "odoo", "-c", environment("CALSYNC_CONF")]
        command += ["-d", self.database.name, f"--db-filter=^{self.database.name}$"]
        command += [f"--http-port={self.port}", *self.options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=os.environ | self.env
            )
        deadline = time.monotonic() + patience
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                tail = "\n".join(self.log.read_text().splitlines()[-30:])
                raise RuntimeError(f"Odoo does not start:\n{tail}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return requests.get(self.url + "/web/health", timeout=10).ok
        except requests.RequestException:
            return False

    def stop(self, patience: float = 20) -> None:
        """Stop it as an administrator would; kill it when it does not listen."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """SIGKILL: the process can tidy up nothing."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def expect(self, pattern: str) -> None:
        """Log entries that match this regular expression are no complaint."""
        self.expected.append(pattern)

    def login(self, login: str = "admin", password: str | None = None) -> "Session":
        return Session(self, login, password or login)


class Session:
    """A user's session: calls models as the web client does."""

    def __init__(self, server: OdooServer, login: str, password: str):
        self.url = server.url
        self.http = requests.Session()
        credentials = {"login": login, "password": password}
        self.info = self._post(
            "/web/session/authenticate", db=server.database.name, **credentials
        )
        self.uid = self.info["uid"]

    def call(self, model: str, method: str, *args, **kwargs):
        """Call a method; the first of ``args`` is the list of ids for a record's."""
        return self._post(
            f"/web/dataset/call_kw/{model}/{method}",
            model=model,
            method=method,
            args=list(args),
            kwargs=kwargs,
        )

    def search(self, model: str, domain=(), fields=("display_name",), **options):
        """The matching records as dictionaries."""
        return self.call(
            model, "search_read", domain=list(domain), fields=list(fields), **options
        )

    def create(self, model: str, **values) -> int:
        return self.call(model, "create", [values])[0]

    def ref(self, xmlid: str) -> int:
        module, name = xmlid.split(".")
        domain = [("module", "=", module), ("name", "=", name)]
        return self.search("ir.model.data", domain, ["res_id"])[0]["res_id"]

    def new_user(self, login: str, *, lang="en_US", tz="Europe/Berlin", groups=()):
        """Create an internal user whose password is the login; returns the id."""
        groups = ["base.group_user", *groups]
        return self.create(
            "res.users",
            name=login.capitalize(),
            login=login,
            password=login,
            email=f"{login}@example.com",
            lang=lang,
            tz=tz,
            group_ids=[(6, 0, [self.ref(group) for group in groups])],
        )

    def run_cron(self, xmlid: str = "calendar_cronofy_sync.ir_cron_sync") -> None:
        """Run a scheduled action now, in this call (as an administrator)."""
        self.call("ir.cron", "method_direct_trigger", [self.ref(xmlid)])

    def _post(self, path: str, **params):
        answer = self.http.post(
            self.url + path,
            json={"jsonrpc": "2.0", "method": "call", "id": 1, "params": params},
            timeout=120,
        )
        answer.raise_for_status()
        body = answer.json()
        if "error" in body:
            raise RpcError(body["error"]["data"])
        return body["result"]


class RpcError(Exception):
    """What Odoo raised: ``name`` is the class of the exception."""

    def __init__(self, data: dict):
        super().__init__(data["message"])
        self.name = data["name"]
        self.debug = data["debug"]
