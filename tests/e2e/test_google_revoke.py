"""Ending a connection in the browser, and what becomes of the events."""

import pytest
from playwright.sync_api import expect

from .connected import google_event, next_week, preferences


def revoke(page, shot, choice):
    preferences(page).locator("button[name=action_calendar_sync_revoke]").click()
    page.wait_for_selector(".modal [name=events] input")
    page.check(f".modal [name=events] input[data-value={choice}]")
    shot(page, f"1-{choice}")
    page.click(".modal button[name=action_confirm]")


@pytest.fixture
def ann(request, person, google):
    """Connected, with an appointment of each side."""
    lang = getattr(request, "param", "en_US")
    ann = person("ann", lang=lang)
    google.insert_event(ann.email, google_event("Dentist", next_week(1, 10)))
    ann.meet("Board meeting", next_week(3, 11))
    ann.connect()
    ann.sync()
    assert ann.names_in_odoo() == ann.names_in_google() == ["Board meeting", "Dentist"]
    return ann


def granted(google, person):
    """Do the person's tokens still open anything at Google?"""
    return (person.email, "demo-client") in google.oauth.grants


@pytest.mark.parametrize(
    "choice, here, there",
    [
        ("keep", ["Board meeting", "Dentist"], ["Board meeting", "Dentist"]),
        ("remove_imported", ["Board meeting"], ["Board meeting", "Dentist"]),
        ("remove_all", ["Board meeting"], ["Dentist"]),
    ],
)
def test_revoke(choice, here, there, ann, google, odoo, new_page, shot):
    page = new_page(ann.login)
    assert granted(google, ann)
    revoke(page, shot, choice)
    expect(page.locator(".o_notification")).to_be_visible()
    expect(page.locator("[name=calendar_sync_google] a:visible")).to_be_visible()
    shot(page, "2-revoked")
    assert ann.names_in_odoo() == here
    assert ann.names_in_google() == there
    assert not granted(google, ann)
    [[grant]] = odoo.database.query(
        'SELECT "grant" FROM calendar_sync_account WHERE user_id = %s', ann.uid
    )
    assert grant is None


@pytest.mark.parametrize("ann", ["de_DE"], indirect=True)
def test_revoke_in_german(ann, new_page, shot):
    page = new_page(ann.login, "de_DE")
    revoke(page, shot, "keep")
    expect(page.locator("[name=calendar_sync_google] a:visible")).to_be_visible()
    shot(page, "2-revoked")


def test_revoke_while_google_is_away(ann, google, odoo, new_page, shot):
    """The tokens are deleted here all the same, and the user learns what is left."""
    page = new_page(ann.login)
    google.set_fault("drop", times=0)
    try:
        revoke(page, shot, "keep")
        notice = page.locator(".o_notification")
        expect(notice).to_contain_text("myaccount.google.com")
        shot(page, "2-told")
    finally:
        google.clear_faults()
    [[state, grant]] = odoo.database.query(
        'SELECT state, "grant" FROM calendar_sync_account WHERE user_id = %s', ann.uid
    )
    assert (state, grant) == ("revoked", None)


def test_removed_at_google(ann, google, new_page, shot):
    """Access taken away in the Google account: told once, and mended with one click."""
    page = new_page(ann.login)
    google.revoke_grant(ann.email, "demo-client")
    ann.sync()
    row = preferences(page)
    expect(row.locator("a[href*=connect]:visible")).to_be_visible()
    shot(page, "1-told")
    row.locator("a[href*=connect]:visible").click()
    page.click("#allow")
    page.wait_for_url("**/odoo/calendar-connections/*")
    expect(page.locator("button[name=action_sync_now]")).to_be_visible()
    shot(page, "2-again")
    google.insert_event(ann.email, google_event("Later", next_week(4, 10)))
    ann.sync()
    assert ann.differences() == ({}, {})
