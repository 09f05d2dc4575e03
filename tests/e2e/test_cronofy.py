"""Cronofy in the browser: both modes, notifications, a mixed panel, video, revoking."""

import json
from datetime import datetime, timedelta

import pytest
import requests
from playwright.sync_api import expect

from .connected import BERLIN, google_event, next_week, odoo_event, preferences


@pytest.fixture
def ann(request, odoo, cronofy, admin):
    """A user with two calendars at Cronofy, not connected yet."""
    return Connecting(odoo, cronofy, admin, request.node.name.partition("[")[0][5:])


class Connecting:
    """One person on both sides; each test has its own."""

    def __init__(self, odoo, cronofy, admin, test, *, groups=()):
        self.odoo, self.cronofy, self.admin = odoo, cronofy, admin
        self.login = f"cro.{test}"[:40]
        self.email = f"{self.login}@example.com"
        self.uid = admin.new_user(self.login, groups=groups)
        cronofy.add_person(
            self.login, service="office365", calendars=["Private", "Work"]
        )
        self.session = odoo.login(self.login)

    def consent(self, page, mode=""):
        """Click through both consent pages: Cronofy's own, and ours."""
        page.locator(f"label:has-text('{self.email}') input").check()
        if mode:
            page.check(f"input[name=mode][value={mode}]")
        page.click("button:has-text('Connect calendar')")
        page.wait_for_selector("h1:has-text('Allow access?')")
        return page.locator("main").inner_text()

    def allow(self, page):
        page.click("button:has-text('Allow')")
        page.wait_for_url("**/odoo/calendar-connections/*")

    def connect(self, mode):
        """The same without a browser; then activated, with Work as the target."""
        get = self.session.http.get
        start = f"{self.odoo.url}/calendar_sync/connect/cronofy?mode={mode}"
        asked = get(start, allow_redirects=False, timeout=60).headers["Location"]
        back = self.cronofy.authorize(asked, self.login)
        answer = get(back, allow_redirects=False, timeout=60)
        assert answer.status_code in (302, 303), answer.text
        calendars = self.calendars()
        if mode == "two_way":
            values = {"target_calendar_id": calendars["Work"]}
            self.session.call(
                "calendar.sync.account", "write", [self.account["id"]], values
            )
        for calendar in calendars.values():
            self.session.call(
                "calendar.sync.calendar",
                "write",
                [calendar],
                {"is_busy": True, "is_source": mode == "two_way"},
            )
        self.session.call(
            "calendar.sync.account", "action_activate", [self.account["id"]]
        )

    def calendars(self):
        rows = self.session.search("calendar.sync.calendar", [], ["name"])
        return {row["name"]: row["id"] for row in rows}

    @property
    def account(self):
        fields = ["state", "mode", "last_sync", "conferencing_note"]
        [row] = self.session.search(
            "calendar.sync.account", [("user_id", "=", self.uid)], fields
        )
        return row

    def sync(self):
        """What happens five minutes later at the latest."""
        self.session.call(
            "calendar.sync.account", "action_sync_now", [self.account["id"]]
        )
        self.admin.run_cron()

    def enter(self, name, start, calendar="Private"):
        times = [at.isoformat() for at in (start, start + timedelta(hours=1))]
        return self.cronofy.add_event(self.login, calendar, name, *times)

    def there(self, calendar="Work"):
        return sorted(e["summary"] for e in self.cronofy.events(self.login, calendar))

    def here(self):
        rows = self.session.search(
            "calendar.event", [("user_id", "=", self.uid)], ["name"]
        )
        return sorted(row["name"] for row in rows)


def test_connect_for_availability(ann, new_page, shot):
    """What one gets without choosing: the smallest permission, and nothing stored."""
    ann.enter("Surgeon", next_week(1, 10))
    page = new_page(ann.login)
    preferences(page)
    row = page.locator("[name=calendar_sync_cronofy]")
    shot(page, "1-preferences")
    row.locator("a[href*=connect]:visible").click()
    page.wait_for_selector("text=Who are you, and where is your calendar?")
    shot(page, "2-cronofy-page")
    rights = ann.consent(page, "free_busy")
    assert "when you are busy, without any details" in rights
    assert "appointments" not in rights
    shot(page, "3-our-page")
    ann.allow(page)
    expect(page.locator("[name=mode] [data-value=availability]")).to_be_checked()
    page.click("summary:has-text('Exactly what is stored')")
    expect(page.locator("[name=privacy]")).to_contain_text("Germany")
    expect(page.locator("[name=privacy]")).to_contain_text("30 days")
    expect(page.locator("[name=storage_details]")).to_contain_text("encrypted")
    shot(page, "4-form")
    page.click("button[name=action_activate]")
    expect(page.locator("button[name=action_pause]")).to_be_visible()
    ann.admin.run_cron()
    assert ann.here() == []
    assert (ann.account["state"], ann.account["mode"]) == ("active", "availability")


def test_from_availability_to_two_way(ann, new_page, shot):
    """More is asked for only when it is needed, and both sides agree then."""
    ann.connect("availability")
    ann.enter("Surgeon", next_week(1, 10))
    ann.session.create("calendar.event", **odoo_event("Board", next_week(2, 9)))
    page = new_page(ann.login)
    page.goto(f"/odoo/calendar-connections/{ann.account['id']}")
    page.locator("[name=mode] input[data-value=two_way]").check()
    page.click(".o_form_button_save")
    again = page.locator("button[name=action_reconnect]:visible")
    expect(again).to_be_visible()
    shot(page, "1-more-is-needed")
    again.click()
    rights = ann.consent(page)
    assert "event" in rights.lower(), rights
    shot(page, "2-our-page")
    ann.allow(page)
    for calendar in ann.calendars().values():
        ann.session.call(
            "calendar.sync.calendar", "write", [calendar], {"is_source": True}
        )
    page.reload()
    page.click("button[name=action_create_target]")
    expect(page.locator("[name=target_calendar_id] input")).to_have_value("Odoo")
    activate = page.locator("button[name=action_activate]:visible")
    if activate.count():
        activate.click()
    expect(page.locator("button[name=action_sync_now]")).to_be_visible()
    ann.sync()
    expect(page.locator("[name=privacy]")).to_contain_text("90 days")
    shot(page, "3-two-way")
    assert ann.here() == ["Board", "Surgeon"]
    assert ann.there("Odoo") == ["Board"]
    assert ann.cronofy.outbox() == []


def test_deny(ann, new_page, shot):
    page = new_page(ann.login)
    preferences(page)
    page.locator("[name=calendar_sync_cronofy] a[href*=connect]:visible").click()
    ann.consent(page)
    page.click("button:has-text('Deny')")
    expect(page.locator(".o_notification").filter(has_text="Cronofy")).to_be_visible()
    shot(page, "denied")


def test_a_notification_makes_the_account_due(ann, odoo, admin, cronofy):
    """Signed by Cronofy and to our address; what is forged is not heard."""
    admin.call("ir.config_parameter", "set_param", "web.base.url", odoo.url)
    ann.connect("two_way")
    ann.sync()  # which asks for the channels, too
    assert cronofy.wait_for_mail()
    due = "SELECT bool_or(notified) FROM calendar_sync_channel h JOIN \
        calendar_sync_account a ON a.id = h.account_id WHERE a.user_id = %s"
    ann.sync()
    assert odoo.database.query(due, ann.uid) == [(False,)]
    [[token]] = odoo.database.query(
        "SELECT h.name FROM calendar_sync_channel h JOIN calendar_sync_account a"
        " ON a.id = h.account_id WHERE a.user_id = %s ORDER BY h.id LIMIT 1",
        ann.uid,
    )
    forged = requests.post(
        f"{odoo.url}/calendar_sync/notify/cronofy/{token}",
        data=json.dumps({"notification": {"type": "change"}}),
        headers={"Cronofy-HMAC-SHA256": "forged"},
        timeout=60,
    )
    assert forged.status_code == 404
    assert odoo.database.query(due, ann.uid) == [(False,)]
    ann.enter("Came in", next_week(3, 15))
    assert cronofy.wait_for_mail()
    assert odoo.database.query(due, ann.uid) == [(True,)]
    admin.run_cron()  # nobody asked for it but the notification
    assert ann.here() == ["Came in"]


def test_who_asks_cronofy_to_be_forgotten(ann, odoo, admin, cronofy, new_page, shot):
    admin.call("ir.config_parameter", "set_param", "web.base.url", odoo.url)
    ann.connect("two_way")
    ann.enter("Lunch", next_week(1, 12))
    ann.sync()
    assert ann.here() == ["Lunch"]
    assert cronofy.wait_for_mail()
    cronofy.request_erasure(ann.login)
    assert cronofy.wait_for_mail(20)
    # two calendars, two channels: the second is not known any more by then
    assert [delivery["status"] for delivery in cronofy.deliveries()][-2:] == [200, 200]
    assert (ann.account["state"], ann.here(), ann.calendars()) == ("revoked", [], {})
    page = new_page(ann.login)
    page.goto(f"/odoo/calendar-connections/{ann.account['id']}")
    expect(page.locator("[name=attention]")).to_contain_text("forget you")
    shot(page, "forgotten")


def test_a_video_service(ann, new_page, shot):
    """Connected from the form, on Cronofy's page and back."""
    ann.connect("two_way")
    page = new_page(ann.login)
    page.goto(f"/odoo/calendar-connections/{ann.account['id']}")
    page.click("button[name=action_connect_conferencing]")
    page.wait_for_selector("text=Connect your video conferencing")
    shot(page, "1-cronofy-page")
    page.check("input[value=zoom]")
    page.click("button:has-text('Connect')")
    page.wait_for_url("**/odoo/calendar-connections/*")
    expect(page.locator("[name=conferencing_note]")).to_have_text("Zoom")
    shot(page, "2-connected")


def test_appointments_made_elsewhere_are_read_only_until_that_is_allowed(
    ann, new_page, shot
):
    ann.connect("two_way")
    ann.enter("Lunch", next_week(1, 12))
    ann.sync()
    [event] = ann.session.search("calendar.event", [("name", "=", "Lunch")], ["name"])
    page = new_page(ann.login)
    page.goto(f"/odoo/calendar.event/{event['id']}")
    expect(page.locator("[name=sync_read_only]")).to_contain_text(
        "allow Odoo to change"
    )
    title = page.locator(".oe_title [name=name]")
    expect(title).to_have_text("Lunch")
    expect(title.locator("input, textarea")).to_have_count(0)
    shot(page, "1-read-only")
    page.click("button[name=action_open_sync_account]")
    page.click("button[name=action_allow_changes]")
    page.wait_for_selector("text=Allow full access?")
    shot(page, "2-cronofy-page")
    page.click("button:has-text('Allow')")
    page.wait_for_url("**/odoo/calendar-connections/*")
    expect(page.locator("button[name=action_sync_now]")).to_be_visible()
    expect(page.locator("button[name=action_allow_changes]")).to_have_count(0)
    shot(page, "3-allowed")
    ann.sync()
    page.goto(f"/odoo/calendar.event/{event['id']}")
    title.locator("input, textarea").fill("Late lunch")
    page.click(".o_form_button_save")
    expect(page.locator(".o_form_saved, .o_form_readonly")).not_to_have_count(0)
    ann.sync()
    assert ann.there("Private") == ["Late lunch"]


def test_a_mixed_panel(ann, odoo, cronofy, google, admin, new_page, shot, person):
    """One at Google, one at Cronofy, one in Odoo alone: one search, and who is
    which."""
    ann.connect("availability")
    bert = person("bert")
    bert.connect()
    carl = admin.new_user("carl.mixed")
    monday = next_week(0, 9)
    ann.enter("Secret", monday)
    google.insert_event(bert.email, google_event("Secret", monday.replace(hour=10)))
    rita = "rita.mixed"
    admin.new_user(rita, groups=["hr_recruitment.group_hr_recruitment_user"])
    job = admin.create(
        "hr.job",
        name="Mixed job",
        interviewer_ids=[(6, 0, [ann.uid, bert.uid, carl])],
    )
    applicant = admin.create(
        "hr.applicant",
        partner_name="Mixed candidate",
        email_from="mixed@example.com",
        job_id=job,
    )
    page = new_page(rita)
    page.goto(f"/odoo/hr.applicant/{applicant}")
    page.get_by_role("button", name="Schedule interview", exact=True).first.click()
    dialog = page.locator(".o_calendar_cronofy_schedule")
    expect(dialog.locator(".badge:has-text('connected')")).to_have_count(2)
    expect(dialog.locator(".badge:has-text('unknown')")).to_have_count(1)
    dialog.get_by_label("From").fill(f"{monday:%Y-%m-%d}")
    dialog.get_by_label("From").press("Tab")
    dialog.get_by_label("Who cannot be asked").select_option("odoo")
    dialog.locator(".o_calendar_cronofy_slot").first.wait_for()
    shot(page, "dialog")
    assert "Secret" not in page.content()
    found = admin.search(
        "hr.interview.slot",
        [("interview_id.applicant_id", "=", applicant), ("state", "=", "proposed")],
        ["start"],
    )
    starts = {row["start"] for row in found}
    for hour in (9, 10):
        busy = datetime.combine(monday.date(), monday.time(), BERLIN).replace(hour=hour)
        assert odoo_event("", busy)["start"] not in starts


def test_revoke(ann, new_page, shot, cronofy):
    ann.connect("two_way")
    ann.session.create("calendar.event", **odoo_event("Board", next_week(2, 9)))
    ann.sync()
    assert ann.there() == ["Board"]
    page = new_page(ann.login)
    preferences(page)
    row = page.locator("[name=calendar_sync_cronofy]")
    row.locator("button[name=action_calendar_sync_revoke]").click()
    page.wait_for_selector(".modal [name=events] input")
    page.check(".modal [name=events] input[data-value=remove_all]")
    page.click(".modal button[name=action_confirm]")
    expect(row.locator("a[href*=connect]:visible")).to_be_visible()
    shot(page, "revoked")
    assert (ann.here(), ann.there()) == (["Board"], [])
    account = cronofy.store.account_of(cronofy.store.person(ann.login).profiles[0])
    mine = [g for g in cronofy.store.authorizations if g.account is account]
    assert mine and all(granted.revoked for granted in mine)
    page.goto(f"/odoo/calendar-connections/{ann.account['id']}")
    expect(page.locator("[name=closed_note]")).to_contain_text("Permission withdrawn.")
    shot(page, "proof")


def test_the_settings_say_where_the_data_lies(admin, new_page, shot):
    page = new_page("admin")
    page.goto("/odoo/settings#calendar_cronofy_sync")
    page.click(".settings_tab [data-key=calendar_cronofy_sync]")
    setting = page.locator("#calendar_sync_cronofy")
    expect(setting).to_contain_text("api-de.cronofy.com")
    expect(setting).to_contain_text("Data centers that your company allows")
    setting.scroll_into_view_if_needed()
    shot(page, "settings")
