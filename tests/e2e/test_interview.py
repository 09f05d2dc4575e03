"""The applicant's page in a browser, and twenty applicants who want the same hour."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from threading import Barrier

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe

RIVALS = 20
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def next_monday() -> date:
    today = date.today()
    return today + timedelta(days=7 - today.weekday())


@pytest.fixture(scope="module")
def recruitment(admin):
    return Recruitment(admin)


class Recruitment:
    """What a recruiter does, by RPC. Every test has interviewers of its own."""

    def __init__(self, admin):
        self.admin = admin
        self.job = admin.create("hr.job", name="Astronomer")
        self.people = 0

    def interviewers(self, count=1):
        self.people += count
        numbers = range(self.people - count, self.people)
        return [self.admin.new_user(f"interviewer{number}") for number in numbers]

    def offer(self, *panels, hold=False, lang="en_US", **values):
        """An offered interview of a new applicant, on next Monday; returns its row."""
        number = self.admin.call("hr.applicant", "search_count", []) + 1
        applicant = self.admin.create(
            "hr.applicant",
            partner_name=f"Applicant {number}",
            email_from=f"applicant{number}@example.com",
            job_id=self.job,
        )
        [row] = self.admin.search(
            "hr.applicant", [("id", "=", applicant)], ["partner_id"]
        )
        self.admin.call("res.partner", "write", [row["partner_id"][0]], {"lang": lang})
        day = next_monday().isoformat()
        defaults = {
            "applicant_id": applicant,
            "date_from": day,
            "date_to": day,
            "tz": "Europe/Berlin",
            "step": 60,
            "unknown_policy": "odoo",  # these interviewers have no connection
            "panel_ids": [
                (0, 0, {"user_ids": [(6, 0, users)], "required": required})
                for required, users in panels
            ],
        }
        interview = self.admin.create("hr.interview", **(defaults | values))
        self.admin.call("hr.interview", "action_find_slots", [interview])
        self.admin.call("hr.interview", "action_offer", [interview], hold=hold)
        return self.read(interview)

    def read(self, interview):
        names = ["access_token", "state", "start", "interviewer_ids", "event_id"]
        return self.admin.search("hr.interview", [("id", "=", interview)], names)[0]

    def slot(self, interview, number=0, **conditions):
        domain = [("interview_id", "=", interview["id"])]
        domain += [(name, "=", value) for name, value in conditions.items()]
        return self.admin.search("hr.interview.slot", domain, ["start", "stop"])[number]

    def meetings(self, users):
        partners = [
            user["partner_id"][0]
            for user in self.admin.search(
                "res.users", [("id", "in", users)], ["partner_id"]
            )
        ]
        return self.admin.search(
            "calendar.event",
            [("partner_ids", "in", partners)],
            ["start", "stop", "partner_ids"],
        )


def race(odoo, choices):
    """Confirm all at the same moment, each on a connection of its own.

    :param choices: (token, slot id) pairs
    """
    gate = Barrier(len(choices))

    def confirm(choice):
        token, slot = choice
        with requests.Session() as session:
            session.get(f"{odoo.url}/interview/{token}", timeout=120)
            gate.wait(120)
            return session.post(
                f"{odoo.url}/interview/{token}/book",
                data={"slot_id": slot},
                allow_redirects=False,
                timeout=120,
            )

    with ThreadPoolExecutor(len(choices)) as pool:
        return list(pool.map(confirm, choices))


def overlapping(meetings):
    """The pairs of meetings that overlap."""
    ordered = sorted((m["start"], m["stop"]) for m in meetings)
    return [(a, b) for a, b in zip(ordered, ordered[1:], strict=False) if b[0] < a[1]]


# -- never a double booking ------------------------------------------------------------


def test_twenty_confirmations_of_one_slot(odoo, recruitment):
    [ann] = recruitment.interviewers()
    offers = [recruitment.offer((0, [ann])) for _n in range(RIVALS)]
    choices = [(o["access_token"], recruitment.slot(o)["id"]) for o in offers]
    answers = race(odoo, choices)
    assert sorted(a.status_code for a in answers) == [303] + [409] * (RIVALS - 1)
    assert len(recruitment.meetings([ann])) == 1
    for answer in answers:
        if answer.status_code == 409:  # the others see fresh slots
            assert 'name="slot_id"' in answer.text
    states = [recruitment.read(offer["id"])["state"] for offer in offers]
    assert states.count("booked") == 1
    assert states.count("offered") == RIVALS - 1


def test_twenty_confirmations_of_one_offer(odoo, recruitment):
    [ann] = recruitment.interviewers()
    offer = recruitment.offer((0, [ann]), step=15)
    slots = [recruitment.slot(offer, n)["id"] for n in range(RIVALS)]
    answers = race(odoo, [(offer["access_token"], slot) for slot in slots])
    assert sorted(a.status_code for a in answers) == [303] + [409] * (RIVALS - 1)
    assert len(recruitment.meetings([ann])) == 1


def test_twenty_confirmations_of_overlapping_slots(odoo, recruitment):
    [ann] = recruitment.interviewers()
    offers = [
        recruitment.offer((0, [ann]), step=5, duration=45 + n, buffer_after=n % 3 * 5)
        for n in range(RIVALS)
    ]
    choices = [
        (offer["access_token"], recruitment.slot(offer, number)["id"])
        for number, offer in enumerate(offers)
    ]
    answers = race(odoo, choices)
    won = [a for a in answers if a.status_code == 303]
    meetings = recruitment.meetings([ann])
    assert 1 <= len(won) == len(meetings) < RIVALS
    assert not overlapping(meetings)


def test_interviews_that_share_one_interviewer(odoo, recruitment):
    """Every panel has members of its own and one in common, in different orders."""
    shared, *others = recruitment.interviewers(RIVALS + 1)
    offers = [
        recruitment.offer((0, [shared, other] if n % 2 else [other, shared]))
        for n, other in enumerate(others)
    ]
    answers = race(
        odoo, [(o["access_token"], recruitment.slot(o, 1)["id"]) for o in offers]
    )
    assert [a.status_code for a in answers].count(303) == 1
    assert len(recruitment.meetings([shared])) == 1
    assert not any(a.status_code >= 500 for a in answers)


def test_two_of_four_serve_two_and_no_more(odoo, recruitment):
    """Four interviewers, two needed: two interviews at the same hour fit."""
    panel = recruitment.interviewers(4)
    offers = [recruitment.offer((2, panel)) for _n in range(RIVALS // 2)]
    answers = race(
        odoo, [(o["access_token"], recruitment.slot(o)["id"]) for o in offers]
    )
    meetings = recruitment.meetings(panel)
    assert 1 <= [a.status_code for a in answers].count(303) == len(meetings) <= 2
    taken = [partner for meeting in meetings for partner in meeting["partner_ids"]]
    assert len(taken) == len(set(taken)) == 2 * len(meetings)


def test_holds_are_respected_by_all_others(odoo, recruitment):
    [ann] = recruitment.interviewers()
    others = [recruitment.offer((0, [ann])) for _n in range(5)]
    slot = recruitment.slot(others[0])
    held = recruitment.offer((0, [ann]), hold=True)
    answers = race(
        odoo, [(o["access_token"], recruitment.slot(o)["id"]) for o in others]
    )
    assert [a.status_code for a in answers] == [409] * 5
    mine = recruitment.slot(held, start=slot["start"])
    [answer] = race(odoo, [(held["access_token"], mine["id"])])
    assert answer.status_code == 303


def test_booking_against_an_incoming_meeting(odoo, admin, recruitment):
    """A meeting and a booking at the same moment: never both without a word."""
    for _round in range(4):
        [ann] = recruitment.interviewers()
        offer = recruitment.offer((0, [ann]))
        slot = recruitment.slot(offer)
        [user] = admin.search("res.users", [("id", "=", ann)], ["partner_id"])

        def come_in(user=user, slot=slot):
            admin.create(
                "calendar.event",
                name="Came in",
                start=slot["start"],
                stop=slot["stop"],
                partner_ids=[(6, 0, [user["partner_id"][0]])],
            )

        with ThreadPoolExecutor(2) as pool:
            booking = pool.submit(race, odoo, [(offer["access_token"], slot["id"])])
            pool.submit(come_in).result()
            [answer] = booking.result()
        if answer.status_code == 303:
            admin.run_cron("calendar_cronofy_sync.ir_cron_interview")
            domain = [("res_model", "=", "hr.interview"), ("res_id", "=", offer["id"])]
            assert admin.search("mail.activity", domain), "the recruiter is told"
        else:
            assert answer.status_code == 409
            assert len(recruitment.meetings([ann])) == 1


# -- the page --------------------------------------------------------------------------


def accessible(page):
    """No violation of WCAG 2.2 AA that axe-core knows of."""
    options = {"runOnly": {"type": "tag", "values": WCAG}}
    results = Axe().run(page, options=options)
    assert not results.response["violations"], results.generate_report()


def watch(page):
    """The hosts that the page loads something from."""
    hosts = set()
    page.on("request", lambda r: hosts.add(re.sub(r"^\w+://([^/:]+).*", r"\1", r.url)))
    return hosts


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_choose_move_and_cancel(device, odoo, new_page, shot, recruitment):
    [ann] = recruitment.interviewers()
    offer = recruitment.offer((0, [ann]), location="Observatory")
    options = {"viewport": {"width": 360, "height": 740}} if device == "phone" else {}
    page = new_page(timezone_id="America/New_York", **options)
    hosts = watch(page)
    page.goto(f"/interview/{offer['access_token']}")
    page.wait_for_url("**tz=America%2FNew_York**")  # found by the small script
    assert "America/New York" in page.inner_text(".ccs-zone")
    accessible(page)
    shot(page, f"choose-{device}")
    # narrow screens need no scrolling sideways
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.check("input[name=slot_id] >> nth=2")
    page.click("text=Confirm this time")
    page.wait_for_selector("text=Your interview is confirmed")
    accessible(page)
    shot(page, f"booked-{device}")
    assert recruitment.read(offer["id"])["state"] == "booked"
    page.click("text=Choose another time")
    accessible(page)
    page.check("input[name=slot_id] >> nth=0")
    page.click("text=Confirm this time")
    page.wait_for_selector("text=Your interview is confirmed")
    page.click("summary:has-text('Cancel')")
    accessible(page)
    page.fill("textarea", "I have found a job, thank you")
    page.click("button:has-text('Cancel the interview')")
    page.wait_for_selector("text=This interview is cancelled")
    accessible(page)
    assert recruitment.read(offer["id"])["state"] == "cancelled"
    assert hosts <= {"localhost", "data:,"}
    assert not page.context.cookies()


def test_by_keyboard_and_without_javascript(new_page, recruitment):
    [ann] = recruitment.interviewers()
    offer = recruitment.offer((0, [ann]))
    page = new_page(java_script_enabled=False, timezone_id="America/New_York")
    page.goto(f"/interview/{offer['access_token']}")
    assert "Europe/Berlin" in page.inner_text(".ccs-zone")
    page.select_option("#tz", "Asia/Kathmandu")
    page.focus("#tz")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**tz=Asia%2FKathmandu**")
    assert "UTC+05:45" in page.inner_text(".ccs-zone")
    for _n in range(30):
        page.keyboard.press("Tab")
        if page.locator("input[name=slot_id]:focus").count():
            break
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Your interview is confirmed")
    second = recruitment.slot(offer, state="booked")
    assert recruitment.read(offer["id"])["start"] == second["start"]


def test_in_the_applicants_language(new_page, shot, recruitment):
    [ann] = recruitment.interviewers()
    offer = recruitment.offer((0, [ann]), lang="de_DE")
    page = new_page(lang="de_DE")
    page.goto(f"/interview/{offer['access_token']}")
    assert page.get_attribute("html", "lang") == "de-DE"
    assert "Montag" in page.inner_text("legend >> nth=0")
    accessible(page)
    shot(page, "choose-de")
    page.click("nav a:has-text('English')")
    assert "Monday" in page.inner_text("legend >> nth=0")


def test_closed_pages(new_page, admin, recruitment):
    [ann] = recruitment.interviewers()
    offer = recruitment.offer((0, [ann]))
    page = new_page()
    past = (datetime.now() - timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S")
    admin.call("hr.interview", "write", [offer["id"]], {"expires_at": past})
    page.goto(f"/interview/{offer['access_token']}")
    page.wait_for_selector("text=This offer has expired")
    accessible(page)
    admin.call("hr.interview", "action_withdraw", [offer["id"]])
    page.reload()
    page.wait_for_selector("text=This offer was withdrawn")
    accessible(page)


# -- the recruiter ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def recruiter(admin):
    groups = ["hr_recruitment.group_hr_recruitment_user"]
    admin.new_user("rita", groups=groups)
    return "rita"


@pytest.fixture
def candidate(admin, recruitment):
    """An applicant for a job with two interviewers, as (id, name, interviewers)."""
    users = recruitment.interviewers(2)
    number = admin.call("hr.applicant", "search_count", []) + 1
    job = admin.create("hr.job", name=f"Job {number}", interviewer_ids=[(6, 0, users)])
    name = f"Candidate {number}"
    applicant = admin.create(
        "hr.applicant",
        partner_name=name,
        email_from=f"candidate{number}@example.com",
        job_id=job,
    )
    return applicant, name, users


def open_dialog(page, applicant):
    page.goto(f"/odoo/hr.applicant/{applicant}")
    page.get_by_role("button", name="Schedule interview", exact=True).first.click()
    page.wait_for_selector(".o_calendar_cronofy_schedule")
    return page.locator(".o_calendar_cronofy_schedule")


def test_recruiter_finds_a_time_and_books(
    new_page, shot, admin, recruiter, candidate, recruitment
):
    applicant, _name, users = candidate
    page = new_page(recruiter)
    dialog = open_dialog(page, applicant)
    # nobody is connected: unknown is shown, never free, and one click decides
    assert dialog.locator(".badge:has-text('unknown')").count() == 2
    assert dialog.locator(".o_calendar_cronofy_slot").count() == 0
    shot(page, "unknown")
    dialog.get_by_role("button", name="Ask to connect").first.click()
    page.wait_for_selector("text=has been asked to connect")
    dialog.get_by_label("Who cannot be asked").select_option("odoo")
    slots = dialog.locator(".o_calendar_cronofy_slot")
    slots.first.wait_for()
    accessible_part(page, ".o_calendar_cronofy_schedule")
    # by keyboard: one stop for all slots, arrows walk
    slots.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert slots.nth(1).get_attribute("aria-pressed") == "true"
    shot(page, "chosen")
    dialog.get_by_role("button", name="Book now").click()
    dialog.wait_for(state="detached")
    page.wait_for_selector("text=Interview booked")
    shot(page, "booked")
    [interview] = admin.search(
        "hr.interview", [("applicant_id", "=", applicant)], ["state", "start"]
    )
    assert interview["state"] == "booked"
    assert len(recruitment.meetings(users)) == 1


def test_recruiter_offers_and_the_composer_opens_first(
    new_page, shot, admin, recruiter, candidate
):
    applicant, name, _users = candidate
    page = new_page(recruiter)
    dialog = open_dialog(page, applicant)
    dialog.get_by_label("Who cannot be asked").select_option("leave_out")
    dialog.get_by_label("Who cannot be asked").select_option("odoo")
    slots = dialog.locator(".o_calendar_cronofy_slot")
    slots.first.wait_for()
    slots.nth(0).click()
    slots.nth(3).click()
    dialog.get_by_label("Hold them").check()
    dialog.get_by_role("button", name="Offer 2 chosen slots").click()
    page.wait_for_selector(".modal .note-editable a:has-text('Choose a time')")
    shot(page, "composer")
    written = [("model", "=", "hr.interview"), ("message_type", "=", "comment")]
    before = admin.call("mail.message", "search_count", written)
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_selector(".modal", state="detached")
    assert admin.call("mail.message", "search_count", written) == before + 1
    [interview] = admin.search(
        "hr.interview",
        [("applicant_id", "=", applicant)],
        ["state", "hold", "slot_count"],
    )
    assert (interview["state"], interview["hold"]) == ("offered", True)
    assert interview["slot_count"] == 2


def accessible_part(page, selector):
    """As ``accessible``, of the dialog less Odoo's own field for choosing people."""
    context = {"include": [selector], "exclude": [".o_multi_record_selector"]}
    options = {"runOnly": {"type": "tag", "values": WCAG}}
    results = Axe().run(page, context=context, options=options)
    assert not results.response["violations"], results.generate_report()


# -- the whole story, with calendars at the provider -----------------------------------


def connect(odoo, google, login, mode="two_way"):
    """The user's Google calendar, connected and synchronised; returns the session."""
    user = odoo.login(login)
    google.create_user(f"{login}@example.com", login.capitalize())
    begin = user.http.get(
        f"{user.url}/calendar_sync/connect/google?mode={mode}", allow_redirects=False
    )
    back = google.authorize(begin.headers["Location"], f"{login}@example.com")
    user.http.get(back, timeout=60).raise_for_status()
    [account] = user.search("calendar.sync.account", [], ["calendar_ids"])
    [primary] = user.search(
        "calendar.sync.calendar", [("is_primary", "=", True)], ["name"]
    )
    values = {"target_calendar_id": primary["id"]} if mode == "two_way" else {}
    user.call(
        "calendar.sync.account", "write", [account["id"]], {"mode": mode, **values}
    )
    user.call(
        "calendar.sync.calendar",
        "write",
        [primary["id"]],
        {"is_source": mode == "two_way"},
    )
    user.call("calendar.sync.account", "action_activate", [account["id"]])
    return user


def busy(google, login, start, stop, **more):
    """An entry on next Monday in the person's own calendar."""
    day = next_monday().isoformat()
    body = {
        "summary": "Something private",
        "start": {"dateTime": f"{day}T{start}:00+01:00"},
        "end": {"dateTime": f"{day}T{stop}:00+01:00"},
        **more,
    }
    return google.insert_event(f"{login}@example.com", body)


def entries(google, login):
    """The titles and beginnings of what stands in the person's calendar."""
    events = google.list_events(f"{login}@example.com")
    items = events["items"] if isinstance(events, dict) else events
    return {event["id"]: event for event in items if event.get("status") != "cancelled"}


def test_the_whole_story(odoo, google, admin, recruitment, new_page, shot):
    for login in ("anna", "bert", "cleo"):
        admin.new_user(login)
    anna, bert, cleo = (
        user["id"]
        for user in admin.search(
            "res.users", [("login", "in", ("anna", "bert", "cleo"))], order="login"
        )
    )
    connect(odoo, google, "anna")
    connect(odoo, google, "bert")
    connect(odoo, google, "cleo", mode="availability")
    busy(google, "anna", "08:00", "11:00")
    busy(google, "bert", "14:00", "15:00")
    busy(google, "cleo", "12:00", "16:00")
    # one of bert and cleo, and anna: free at 11, and again from 15 or 16 o'clock
    offer = recruitment.offer((0, [anna]), (1, [bert, cleo]), unknown_policy="unknown")
    slots = admin.search(
        "hr.interview.slot", [("interview_id", "=", offer["id"])], ["start", "user_ids"]
    )
    hours = {slot["start"][11:13]: set(slot["user_ids"]) for slot in slots}
    assert hours == {  # in UTC
        "10": {anna, bert, cleo},
        "12": {anna, bert},
        "14": {anna, bert},
        "15": {anna, bert, cleo},
    }
    # one hour is taken in Google itself, a moment before it is confirmed
    first = recruitment.slot(offer)
    page = new_page(timezone_id="Europe/Berlin")
    page.goto(f"/interview/{offer['access_token']}")
    assert page.locator(f"input[value='{first['id']}']").count() == 1
    busy(google, "anna", "11:30", "12:00")
    lost = requests.post(
        f"{odoo.url}/interview/{offer['access_token']}/book",
        data={"slot_id": first["id"]},
        timeout=60,
    )
    assert lost.status_code == 409
    assert "Somebody was faster" in lost.text
    page.reload()
    assert page.locator(f"input[value='{first['id']}']").count() == 0
    page.check("input[name=slot_id] >> nth=0")
    page.click("text=Confirm this time")
    page.wait_for_selector("text=Your interview is confirmed")
    assert recruitment.read(offer["id"])["start"][11:13] == "12"
    # on both interviewers' calendars through the sync, and on no one else's
    admin.run_cron()
    title = recruitment.read(offer["id"])["event_id"][1]
    ours = [e for e in entries(google, "anna").values() if e["summary"] == title]
    assert len(ours) == 1
    assert title in [e["summary"] for e in entries(google, "bert").values()]
    assert title not in [e.get("summary") for e in entries(google, "cleo").values()]
    # its own entry does not stand in the way of moving it
    page.click("text=Choose another time")
    assert page.locator("input[name=slot_id]").count() >= 2
    # moved by the organiser in Odoo: all copies follow, the applicant's page too
    later = f"{next_monday()} 15:00:00"
    event = recruitment.read(offer["id"])["event_id"][0]
    admin.call("calendar.event", "write", [event], {"start": later})
    admin.run_cron()
    for login in ("anna", "bert"):
        [copy] = [e for e in entries(google, login).values() if e["summary"] == title]
        assert (
            "T15:00" in copy["start"]["dateTime"]
            or "T16:00" in (copy["start"]["dateTime"])
        )
    assert recruitment.read(offer["id"])["start"] == later
    page.goto(f"/interview/{offer['access_token']}")
    page.wait_for_selector("text=4:00")
    # cancelled by the applicant: gone everywhere
    page.click("summary:has-text('Cancel')")
    page.click("button:has-text('Cancel the interview')")
    page.wait_for_selector("text=This interview is cancelled")
    admin.run_cron()
    for login in ("anna", "bert"):
        assert title not in [e.get("summary") for e in entries(google, login).values()]
    # nobody was mailed by Google, and nothing of cleo's calendar is in Odoo
    assert not google.outbox()
    private = [("name", "=", "Something private"), ("user_id", "=", cleo)]
    assert not admin.search("calendar.event", private)


def test_holds_stand_in_the_calendars_and_vanish(odoo, google, admin, recruitment):
    admin.new_user("hilde")
    [hilde] = admin.search("res.users", [("login", "=", "hilde")])
    connect(odoo, google, "hilde")
    offer = recruitment.offer(
        (0, [hilde["id"]]), hold=True, unknown_policy="unknown", duration=120
    )
    admin.run_cron()
    held = entries(google, "hilde")
    assert len(held) >= 3
    # the held slots are offered on, although the calendar now says busy
    page = requests.get(f"{odoo.url}/interview/{offer['access_token']}", timeout=60)
    assert page.text.count('name="slot_id"') == len(held)
    slot = recruitment.slot(offer)
    [answer] = race(odoo, [(offer["access_token"], slot["id"])])
    assert answer.status_code == 303
    admin.run_cron()
    [entry] = entries(google, "hilde").values()
    assert entry["summary"].startswith("Interview with")


def test_a_room_of_google_meet_comes_before_the_mail(odoo, google, admin, recruitment):
    admin.new_user("vera")
    [vera] = admin.search("res.users", [("login", "=", "vera")])
    connect(odoo, google, "vera")
    offer = recruitment.offer(
        (0, [vera["id"]]),
        unknown_policy="unknown",
        video=True,
        video_kind="conference",
    )
    [answer] = race(odoo, [(offer["access_token"], recruitment.slot(offer)["id"])])
    assert answer.status_code == 303
    mine = [("model", "=", "hr.interview"), ("res_id", "=", offer["id"])]
    mine += [("message_type", "=", "email_outgoing")]
    assert not admin.search("mail.message", mine), "it waits for the link"
    admin.run_cron()
    admin.run_cron("calendar_cronofy_sync.ir_cron_interview")
    [mail] = admin.search("mail.message", mine, ["body"])
    [entry] = entries(google, "vera").values()
    assert entry["hangoutLink"] in mail["body"]
    admin.run_cron()
    [entry] = entries(google, "vera").values()
    assert entry["hangoutLink"] in entry["description"]
    page = requests.get(f"{odoo.url}/interview/{offer['access_token']}", timeout=60)
    assert entry["hangoutLink"] in page.text
