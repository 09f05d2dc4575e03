"""With the addon installed the calendar opens, in each language."""

import pytest
from playwright.sync_api import expect


@pytest.mark.parametrize("lang, word", [("en_US", "Today"), ("de_DE", "Heute")])
def test_calendar_opens(admin, new_page, shot, lang, word):
    login = f"opener_{lang[:2]}"
    admin.new_user(login, lang=lang)
    page = new_page(login, lang)
    page.goto("/odoo/calendar")
    expect(page.get_by_role("button", name=word, exact=True)).to_be_visible()
    shot(page, "calendar")
