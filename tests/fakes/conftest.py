"""Starts other people's fakes of Google, each in its own process; ``./run test fakes``
fetched them and says in the environment where they are."""

import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from script.odoo_server import free_port
from tests.fakes.relay import Relay

HERE = Path(__file__).parent


@contextmanager
def running(command, url, log):
    """The process, once it answers at all."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                requests.get(url, timeout=5)
                break
            except requests.ConnectionError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(log.read_text()[-2000:]) from None
                time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def minutehand(tmp_path_factory):
    """The address of Minutehand's Google, as the product can use it."""
    folder, port = tmp_path_factory.mktemp("minutehand"), free_port()
    python = os.environ["CALSYNC_MINUTEHAND_PYTHON"]
    command = [python, str(HERE / "serve_minutehand.py"), str(port), str(folder)]
    url = f"http://localhost:{port}"
    with (
        running(command, url, folder / "log"),
        # it refuses masks that name fields which it does not have
        Relay(url, masks=False) as relay,
    ):
        yield relay.url


@pytest.fixture(scope="module")
def emulate(tmp_path_factory):
    """The address of emulate's Google, likewise."""
    folder, port = tmp_path_factory.mktemp("emulate"), free_port()
    modules = Path(os.environ["CALSYNC_EMULATE"]) / "node_modules"
    command = [str(modules / ".bin" / "node"), str(modules / "emulate/dist/index.js")]
    command += ["start", "--service", "google", "--port", str(port)]
    command += ["--seed", str(HERE / "emulate.yaml")]
    url = f"http://localhost:{port}"
    with running(command, url, folder / "log"), Relay(url) as relay:
        yield relay.url
