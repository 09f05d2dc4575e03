"""A browser, a real Odoo and simulated providers, for the stories in this folder.

Each module has its own database, Odoo process and simulators; tests of one module keep
apart by making users of their own (``admin.new_user``).
"""

import re
import shutil

import pytest
from playwright.sync_api import sync_playwright

from script.odoo_server import Database, OdooServer, artefacts
from simulators.cronofy import CronofySimulator
from simulators.google import GoogleSimulator
from tests.e2e.connected import Connected
from tests.guard import complaints

QUIET = [  # without them Chromium looks up hosts of its maker
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
LOCALES = {"en_US": "en-US", "de_DE": "de-DE"}


@pytest.fixture(scope="module")
def google():
    """The simulator of Google, in a thread of this process, spoken to over HTTP."""
    with GoogleSimulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def cronofy():
    """The simulator of Cronofy, likewise."""
    with CronofySimulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def database(google, cronofy):
    """A database of the module's own, whose addon talks to the simulators."""
    database = Database()
    database.set_parameters(
        google_client_id="demo-client",
        google_client_secret="demo-secret",
        google_api_url=f"{google.url}/calendar/v3/",
        google_auth_url=f"{google.url}/o/oauth2/v2/auth",
        google_token_url=f"{google.url}/token",
        google_revoke_url=f"{google.url}/revoke",
        cronofy_client_id="demo-client",
        cronofy_client_secret="demo-secret",
        cronofy_api_url=cronofy.url,
        cronofy_app_url=cronofy.url,
    )
    yield database
    database.drop()


@pytest.fixture(scope="module")
def odoo(request, database):
    """A running Odoo; of our code it logs no warning but those ``expect`` names."""
    name = request.module.__name__.rpartition(".")[2]
    log = artefacts("e2e") / f"{name}.log"
    log.unlink(missing_ok=True)
    with OdooServer(database, log) as server:
        yield server
    unexpected = [
        entry
        for entry in complaints(log.read_text())
        if not any(re.search(pattern, entry) for pattern in server.expected)
    ]
    assert not unexpected, "\n".join(unexpected)


@pytest.fixture(scope="module")
def admin(odoo):
    """A session of the administrator."""
    return odoo.login("admin")


@pytest.fixture
def person(request, odoo, google, admin):
    """``person(name)``: a user of this test's own, with a calendar at Google."""
    test = re.sub(r"\W+", ".", request.node.name.removeprefix("test_")).strip(".")

    def make(name, **user):
        return Connected(odoo, google, admin, f"{name}.{test}".lower(), **user)

    return make


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=QUIET
        )
        yield browser
        browser.close()


@pytest.fixture
def shot(request):
    """``shot(page, name)`` keeps a screenshot among the artefacts."""
    folder = artefacts("e2e", re.sub(r"\W+", "-", request.node.name).strip("-"))

    def take(page, name):
        path = folder / f"{name}.png"
        page.screenshot(path=path, full_page=True, animations="disabled")

    return take


@pytest.fixture
def new_page(request, odoo, browser, shot):
    """``new_page(login, lang)``: a page in a fresh browser; without a login a guest's.

    The last view of every page is kept as a screenshot, and an error that a script of
    Odoo raises or writes to the console fails the test.
    """
    pages, errors = [], []

    def note(message):
        ours = message.type == "error" and message.location["url"].startswith(odoo.url)
        # (an offer that has ended answers 410, which Chromium notes as an error)
        if ours and "status of 410" not in message.text:
            errors.append(message.text)

    def open_page(login="", lang="en_US", **options):
        options = {"viewport": {"width": 1280, "height": 900}, **options}
        context = browser.new_context(
            base_url=odoo.url,
            locale=LOCALES[lang],
            **{"timezone_id": "Europe/Berlin", **options},
        )
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", note)
        pages.append(page)
        if login:
            page.goto("/web/login")
            page.fill("input[name=login]", login)
            page.fill("input[name=password]", login)
            page.click("button[type=submit]")
            page.wait_for_selector(".o_web_client .o_main_navbar")
        return page

    yield open_page
    for number, page in enumerate(pages, 1):
        shot(page, f"last-{number}")
        page.context.close()
    assert not errors
