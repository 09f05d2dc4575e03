"""Days with a connected calendar, in the browser: both sides, and what they show."""

import re

import pytest
from playwright.sync_api import expect

from .connected import google_event, next_week

LANGUAGES = ["en_US", "de_DE"]


def open_meeting(page, event_id):
    page.goto(f"/odoo/calendar/{event_id}")
    page.wait_for_selector(".o_form_view [name=name] input")


def rename(page, name):
    page.fill(".o_form_view div[name=name] input", name)
    page.click(".o_form_button_save")
    expect(page.locator(".o_form_status_indicator_buttons.invisible")).to_be_attached()


def open_in_google(page, google, person, name):
    page.goto(f"{google.url}/ui/week?user={person.email}&date={next_week():%Y-%m-%d}")
    page.click(f"a.event:has-text('{name}')")
    page.wait_for_selector("#edit")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_edit_on_both_sides(lang, person, google, new_page, shot):
    ann = person("ann", lang=lang)
    google.insert_event(ann.email, google_event("Lunch", next_week(1, 12)))
    ann.connect()
    ann.sync()
    [lunch] = ann.in_odoo()
    page = new_page(ann.login, lang)
    open_meeting(page, lunch["id"])
    rename(page, "Lunch with Bob")
    page.click(".o_notebook_headers a[name=sync]")
    shot(page, "1-odoo")
    open_in_google(page, google, ann, "Lunch")
    page.fill("#location", "Canteen")
    shot(page, "2-google")
    page.click("#save")
    ann.sync()
    open_in_google(page, google, ann, "Lunch with Bob")
    expect(page.locator("#location")).to_have_value("Canteen")
    open_meeting(page, lunch["id"])
    expect(page.locator("[name=location] input").first).to_have_value("Canteen")
    page.click(".o_notebook_headers a[name=sync]")
    expect(page.locator("[name=sync_link_ids] .o_data_row")).to_have_count(1)
    shot(page, "3-agreed")
    assert ann.differences() == ({}, {})


def test_create_and_delete_on_both_sides(person, google, new_page):
    ann = person("ann")
    ann.connect()
    ann.sync()
    page = new_page(ann.login)
    page.goto(f"{google.url}/ui/week?user={ann.email}&date={next_week():%Y-%m-%d}")
    page.fill("#new #summary", "Made there")
    page.click("#add")
    page.goto("/odoo/calendar/new")
    page.fill(".o_form_view div[name=name] input", "Made here")
    page.click(".o_form_button_save")
    page.wait_for_url(re.compile(r"/odoo/calendar/\d+$"))
    ann.sync()
    assert ann.names_in_google() == ["Made here", "Made there"]
    assert ann.differences() == ({}, {})
    [made_there] = ann.in_odoo(("name", "=", "Made there"))
    ann.session.call("calendar.event", "unlink", [made_there["id"]])
    [made_here] = [e for e in ann.in_google() if e["summary"] == "Made here"]
    google.delete_event(ann.email, made_here["id"], ann.calendars()["Odoo"])
    ann.sync()
    assert ann.names_in_google() == ann.names_in_odoo() == []


def test_private_appointments(person, google, admin, new_page, shot):
    """Off: they stay where they are. On: here as well, and no colleague reads them."""
    ann, bob = person("ann"), person("bob")
    google.insert_event(
        ann.email, google_event("Therapy", next_week(1, 10), visibility="private")
    )
    ann.connect()
    ann.sync()
    assert ann.names_in_odoo() == []
    page = new_page(ann.login)
    page.goto(f"/odoo/calendar-connections/{ann.account}")
    page.check("[name=sync_private] input")
    page.click(".o_form_button_save")
    shot(page, "1-settings")
    expect(page.locator(".o_form_status_indicator_buttons.invisible")).to_be_attached()
    admin.run_cron()
    [therapy] = ann.in_odoo()
    assert (therapy["name"], therapy["privacy"]) == ("Therapy", "private")
    bob.session.create(
        "calendar.filters",
        user_id=bob.uid,
        partner_id=ann.partner,
        partner_checked=True,
    )
    theirs = new_page(bob.login)
    theirs.goto("/odoo/calendar")
    theirs.click(".o_calendar_button_next")
    expect(theirs.locator(".fc-event")).to_have_count(1)
    shot(theirs, "2-colleague")
    assert "Therapy" not in theirs.content()
    [seen] = bob.session.search(
        "calendar.event", [("id", "=", therapy["id"])], ["name", "display_name"]
    )
    assert "Therapy" not in str(seen)
    # without the box it leaves Odoo and stays in Google
    page.uncheck("[name=sync_private] input")
    page.click(".o_form_button_save")
    expect(page.locator(".o_form_status_indicator_buttons.invisible")).to_be_attached()
    admin.run_cron()
    assert ann.names_in_odoo() == []
    assert ann.names_in_google() == ["Therapy"]


def test_conflict(person, google, new_page, shot):
    """Google wins; what lost is shown on the event and comes back with a click."""
    ann = person("ann")
    google.insert_event(ann.email, google_event("Lunch", next_week(1, 12)))
    ann.connect()
    ann.sync()
    [lunch] = ann.in_odoo()
    page = new_page(ann.login)
    open_meeting(page, lunch["id"])
    rename(page, "Lunch at the lake")
    open_in_google(page, google, ann, "Lunch")
    page.fill("#summary", "Lunch in town")
    page.click("#save")
    ann.sync()
    assert ann.names_in_odoo() == ann.names_in_google() == ["Lunch in town"]
    open_meeting(page, lunch["id"])
    page.click(".o_notebook_headers a[name=sync]")
    lost = page.locator("[name=sync_conflict_ids] .o_data_row")
    expect(lost).to_contain_text("Lunch at the lake")
    shot(page, "1-lost")
    lost.locator("button[name=action_take_back]").click()
    expect(lost).to_have_count(0)
    expect(page.locator(".o_form_view div[name=name] input")).to_have_value(
        "Lunch at the lake"
    )
    shot(page, "2-taken-back")
    ann.sync()
    assert ann.names_in_odoo() == ann.names_in_google() == ["Lunch at the lake"]


def test_undo_a_run(person, google, new_page, shot):
    """Both sides as they were before the run; the journal says what it did."""
    ann = person("ann")
    lunch = google.insert_event(ann.email, google_event("Lunch", next_week(1, 12)))
    ann.connect()
    ann.sync()
    google.patch_event(ann.email, lunch["id"], {"summary": "Dinner"})
    ann.meet("Board meeting", next_week(3, 11))
    ann.sync()
    page = new_page(ann.login)
    page.goto(f"/odoo/calendar-connections/{ann.account}")
    page.click("button[name=action_view_runs]")
    page.wait_for_selector(".o_list_view .o_data_row")
    shot(page, "1-runs")
    page.click(".o_list_view .o_data_row >> nth=0")
    expect(page.locator("[name=line_ids] .o_data_row")).to_have_count(2)
    shot(page, "2-run")
    page.click("button[name=action_undo]")
    page.click(".modal footer .btn-primary")
    expect(page.locator("button[name=action_undo]")).to_be_hidden()
    shot(page, "3-undone")
    for _again in range(2):  # and it stays so
        assert ann.names_in_odoo() == ["Board meeting", "Lunch"]
        assert ann.names_in_google() == ["Dinner"]
        ann.sync()


def test_health_without_titles(person, google, admin, new_page, shot):
    """The administrator sees how the connections stand, nothing of what is in them."""
    ann = person("ann")
    google.insert_event(ann.email, google_event("Job at a rival", next_week(1, 12)))
    ann.connect()
    ann.sync()
    page = new_page("admin")
    page.goto("/odoo/calendar-connections-health")
    expect(
        page.locator(".o_data_row").filter(has_text=ann.login.capitalize())
    ).to_be_visible()
    shot(page, "1-list")
    assert "Job at a rival" not in page.content()
    page.click(".o_switch_view.o_graph")
    page.wait_for_selector(".o_graph_renderer canvas")
    shot(page, "2-graph")
    for model in ("calendar.sync.link", "calendar.sync.run.line"):
        assert admin.search(model, [("user_id", "=", ann.uid)]) == []
