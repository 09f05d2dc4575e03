"""Connecting Google in the browser: the way there, and the ways that end before."""

import pytest
from playwright.sync_api import expect

from .connected import google_event, next_week, preferences, to_consent

LANGUAGES = ["en_US", "de_DE"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_connect(lang, person, google, admin, new_page, shot):
    """From the preferences to the appointments in Odoo's calendar."""
    ann = person("ann", lang=lang)
    family = google.create_calendar(ann.email, "Family")
    google.insert_event(ann.email, google_event("Dentist", next_week(1, 10)))
    google.insert_event(ann.email, google_event("Zoo", next_week(5, 14)), family)
    ann.meet("Board meeting", next_week(3, 11))
    page = new_page(ann.login, lang)
    row = preferences(page)
    shot(page, "1-preferences")
    row.locator("a[href*=connect]:visible").click()
    page.click(f"#accounts button[value='{ann.email}']")
    shot(page, "2-consent")
    page.click("#allow")
    page.wait_for_url("**/odoo/calendar-connections/*")
    expect(page.locator("[name=calendar_ids] .o_data_row")).to_have_count(2)
    shot(page, "3-form")
    english = page.get_by_role("button", name="Save and activate")
    expect(english).to_have_count(1 if lang == "en_US" else 0)
    second = page.locator("[name=calendar_ids] .o_data_row:has-text('Family')")
    second.locator("[name=is_source] input").click()
    page.click("button[name=action_create_target]")
    expect(page.locator("[name=target_calendar_id] input")).to_have_value("Odoo")
    shot(page, "4-target")
    page.click("button[name=action_activate]")
    expect(page.locator("button[name=action_sync_now]")).to_be_visible()
    shot(page, "5-active")
    admin.run_cron()
    page.goto("/odoo/calendar")
    page.click(".o_calendar_button_next")
    for name in ("Dentist", "Zoo", "Board meeting"):
        expect(page.locator(f".fc-event:has-text('{name}')")).to_be_visible()
    shot(page, "6-calendar")
    preferences(page)
    expect(page.locator("[name=calendar_sync_google_email]")).to_have_text(ann.email)
    shot(page, "7-connected")
    page.goto(f"{google.url}/ui/week?user={ann.email}&date={next_week():%Y-%m-%d}")
    expect(page.locator("a.event")).to_have_count(3)
    shot(page, "8-google")
    assert ann.differences() == ({}, {})


@pytest.mark.parametrize("lang", LANGUAGES)
def test_deny(lang, person, new_page, shot):
    """Who refuses comes back to the preferences, and is told that nothing happened."""
    ann = person("ann", lang=lang)
    page = new_page(ann.login, lang)
    to_consent(page, ann)
    page.click("#deny")
    expect(page.locator(".o_notification").filter(has_text="Google")).to_be_visible()
    expect(page.locator("[name=calendar_sync_google] a:visible")).to_be_visible()
    shot(page, "denied")
    assert not ann.session.search("calendar.sync.account")


def test_partial_consent(person, new_page, shot):
    """A box that was not ticked is explained, and asked for again."""
    ann = person("ann")
    page = new_page(ann.login)
    to_consent(page, ann)
    page.uncheck("[id='scope-calendar.events']")
    page.click("#allow")
    expect(page.get_by_role("heading", level=1)).to_contain_text("permission")
    shot(page, "1-explained")
    assert not ann.session.search("calendar.sync.account")
    page.click("a[href*='mode=two_way']")
    page.click(f"#accounts button[value='{ann.email}']")
    page.click("#allow")
    page.wait_for_url("**/odoo/calendar-connections/*")
    expect(page.locator("button[name=action_activate]")).to_be_visible()


def test_availability_only(person, google, new_page, shot):
    """The other answer to a missing box: less is asked for, and nothing is stored."""
    ann = person("ann")
    google.insert_event(ann.email, google_event("Dentist", next_week(1, 10)))
    page = new_page(ann.login)
    to_consent(page, ann)
    page.uncheck("[id='scope-calendar.events']")
    page.click("#allow")
    page.click("a[href*='mode=availability']")
    page.click(f"#accounts button[value='{ann.email}']")
    expect(page.locator("[id='scope-calendar.events']")).to_have_count(0)
    shot(page, "1-consent")
    page.click("#allow")
    page.wait_for_url("**/odoo/calendar-connections/*")
    page.click("button[name=action_activate]")
    expect(page.locator("button[name=action_pause]")).to_be_visible()
    shot(page, "2-form")
    ann.admin.run_cron()
    assert ann.names_in_odoo() == []


def test_preview_before_activation(person, google, new_page, shot):
    """What would happen is listed, and nothing happens until the user says so."""
    ann = person("ann")
    google.insert_event(ann.email, google_event("Dentist", next_week(1, 10)))
    google.insert_event(
        ann.email, google_event("Therapy", next_week(2, 10), visibility="private")
    )
    ann.meet("Board meeting", next_week(3, 11))
    page = new_page(ann.login)
    to_consent(page, ann)
    page.click("#allow")
    page.click("button[name=action_create_target]")
    expect(page.locator("[name=target_calendar_id] input")).to_have_value("Odoo")
    page.click("button[name=action_preview]")
    lines = page.locator(".modal [name=line_ids] .o_data_row")
    for name in ("Dentist", "Board meeting", "Therapy"):
        expect(lines.filter(has_text=name)).to_have_count(1)
    shot(page, "preview")
    assert ann.names_in_odoo() == ["Board meeting"]
    assert ann.names_in_google() == ["Dentist", "Therapy"]
    page.click(".modal button[name=action_activate]")
    expect(page.locator("button[name=action_sync_now]")).to_be_visible()
    ann.admin.run_cron()
    assert ann.names_in_odoo() == ["Board meeting", "Dentist"]
    assert ann.names_in_google() == ["Board meeting", "Dentist", "Therapy"]
