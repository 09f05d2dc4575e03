"""What a newcomer does in the first two minutes: start the demo, connect, look."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from script.odoo_server import Database, artefacts, free_port

from .connected import preferences

ROOT = Path(__file__).parents[2]
PATIENCE = 240


class Demo:
    """``./run demo`` on a database of its own, and what it prints."""

    def __init__(self, name):
        self.name = name
        self.log = artefacts("e2e") / "test_demo.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [ROOT / "run", "demo", "--port", str(free_port())],
                env=os.environ | {"CALENDAR_SYNC_DEMO": name},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def address(self, of):
        """The address printed for Odoo, Google or Cronofy, once all is ready."""
        deadline = time.monotonic() + PATIENCE
        while "Ctrl-C" not in (text := self.log.read_text()):
            assert self.process.poll() is None, text
            assert time.monotonic() < deadline, text
            time.sleep(0.5)
        return text.partition(f"  {of} ")[2].split()[0]

    def stop(self):
        """Ctrl-C."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


@pytest.fixture
def demo():
    demo = Demo("demo_of_tests")
    yield demo
    demo.stop()
    Database.maintain(f'DROP DATABASE IF EXISTS "{demo.name}" WITH (FORCE)')


def test_the_first_two_minutes(demo, browser, shot):
    odoo, google = demo.address("Odoo"), demo.address("Google")
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(odoo + "/web/login")
    page.fill("input[name=login]", "demo")
    page.fill("input[name=password]", "demo")
    page.click("button[type=submit]")
    page.wait_for_selector(".o_main_navbar")
    row = preferences(page)
    shot(page, "1-preferences")
    row.locator("a[href*=connect]:visible").click()
    assert page.url.startswith(google)
    page.click("#accounts button >> nth=0")
    page.click("#allow")
    page.wait_for_url("**/odoo/calendar-connections/*")
    page.click("button[name=action_create_target]")
    page.click("button[name=action_activate]")
    expect(page.locator("button[name=action_sync_now]")).to_be_visible()
    shot(page, "2-active")
    # the demo has a cron of its own: nothing else is to be clicked
    for _attempt in range(30):
        page.goto(odoo + "/odoo/calendar")
        page.wait_for_selector(".o_calendar_view .fc")
        if page.locator(".fc-event:has-text('Interview preparation')").count():
            break
        time.sleep(1)
    expect(page.locator(".fc-event:has-text('Interview preparation')")).to_be_visible()
    shot(page, "3-calendar")
    page.context.close()
    demo.stop()
    for address in (odoo, google):  # nothing is left running
        with pytest.raises(requests.ConnectionError):
            requests.get(address, timeout=5)
