"""A user of Odoo with a calendar at the simulated Google: both sides of one person."""

import html
import re
from collections import Counter
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
UTC = timezone.utc


def next_week(day: int = 0, hour: int = 0, minute: int = 0) -> datetime:
    """A time of next week in Berlin; day 0 is the Monday."""
    today = date.today()
    monday = today - timedelta(days=today.weekday()) + timedelta(weeks=1)
    return datetime.combine(monday + timedelta(days=day), time(hour, minute), BERLIN)


def google_event(summary: str, start: datetime, minutes: int = 60, **values) -> dict:
    """The body of an appointment, as Google takes it."""
    return {
        "summary": summary,
        "start": {"dateTime": start.isoformat(), "timeZone": "Europe/Berlin"},
        "end": {
            "dateTime": (start + timedelta(minutes=minutes)).isoformat(),
            "timeZone": "Europe/Berlin",
        },
        **values,
    }


def odoo_event(name: str, start: datetime, minutes: int = 60, **values) -> dict:
    """The values of a meeting, as Odoo takes them."""
    start = start.astimezone(UTC).replace(tzinfo=None)
    stop = start + timedelta(minutes=minutes)
    return {"name": name, "start": str(start), "stop": str(stop), **values}


class Connected:
    """One person on both sides. Each test has its own, so that tests keep apart."""

    def __init__(self, odoo, google, admin, login, **user):
        self.odoo, self.google, self.admin = odoo, google, admin
        self.login, self.email = login, f"{login}@example.com"
        self.uid = admin.new_user(login, **user)
        google.create_user(self.email)
        self.session = odoo.login(login)
        [row] = admin.search("res.users", [("id", "=", self.uid)], ["partner_id"])
        self.partner = row["partner_id"][0]

    # -- what a person does, without a browser

    def connect(self, **settings) -> int:
        """Give the consent, have a calendar named Odoo made, activate."""
        get = self.session.http.get
        page = self.odoo.url + "/calendar_sync/connect/google"
        consent = get(page, allow_redirects=False, timeout=60).headers["Location"]
        back = self.google.authorize(consent, self.email)
        answer = get(back, allow_redirects=False, timeout=60)
        assert answer.status_code in (302, 303), answer.text
        self._account("action_create_target")
        if settings:
            self.session.call(
                "calendar.sync.account", "write", [self.account], settings
            )
        self._account("action_activate")
        return self.account

    @property
    def account(self) -> int:
        [found] = self.session.search(
            "calendar.sync.account", [("state", "!=", "revoked")]
        )
        return found["id"]

    def _account(self, method):
        return self.session.call("calendar.sync.account", method, [self.account])

    def sync(self) -> None:
        """What happens five minutes later at the latest."""
        self.again()
        self.admin.run_cron()

    def again(self) -> None:
        """Be due; the cron does the rest."""
        self._account("action_sync_now")

    def last_sync(self) -> str | bool:
        [account] = self.session.search(
            "calendar.sync.account", [("id", "=", self.account)], ["last_sync"]
        )
        return account["last_sync"]

    def meet(self, name, start, minutes=60, **values) -> int:
        """A meeting of one's own in Odoo."""
        return self.session.create(
            "calendar.event", **odoo_event(name, start, minutes, **values)
        )

    # -- what stands on each side

    def calendars(self) -> dict[str, str]:
        """Name → id of the person's own calendars at Google."""
        listed = self.google.call(self.email, "calendarList.list")["items"]
        return {c["summary"]: c["id"] for c in listed if c["accessRole"] == "owner"}

    def in_google(self) -> list[dict]:
        """All appointments, each occurrence of a series for itself."""
        return [
            event
            for calendar in self.calendars().values()
            for event in self.google.list_events(
                self.email, calendar, singleEvents=True
            )
        ]

    def in_odoo(self, *domain) -> list[dict]:
        names = ["name", "start", "stop", "allday", "start_date", "stop_date"]
        names += ["location", "description", "privacy", "show_as"]
        return self.session.search(
            "calendar.event",
            [("partner_ids", "in", [self.partner]), *domain],
            names,
            order="start, name",
        )

    def names_in_odoo(self) -> list[str]:
        return sorted(event["name"] for event in self.in_odoo())

    def names_in_google(self) -> list[str]:
        return sorted(event["summary"] for event in self.in_google())

    def differences(self) -> tuple[Counter, Counter]:
        """What only Google has and what only Odoo has, by every mapped field.

        Appointments are counted, so that a duplicate is a difference, too.
        """
        there = Counter(map(_from_google, self.in_google()))
        here = Counter(map(_from_odoo, self.in_odoo()))
        return there - here, here - there


def _from_google(event):
    if "date" in event["start"]:
        last = date.fromisoformat(event["end"]["date"]) - timedelta(days=1)
        when = (event["start"]["date"], last.isoformat())
    else:
        when = tuple(
            datetime.fromisoformat(event[end]["dateTime"].replace("Z", "+00:00"))
            .astimezone(UTC)
            .strftime("%Y-%m-%d %H:%M:%S")
            for end in ("start", "end")
        )
    return (
        event.get("summary", ""),
        when,
        event.get("location", ""),
        _text(event.get("description", "")),
        event.get("visibility", "default") in ("private", "confidential"),
        event.get("transparency", "opaque") == "opaque",
    )


def _from_odoo(event):
    ends = ("start_date", "stop_date") if event["allday"] else ("start", "stop")
    return (
        event["name"],
        tuple(event[end] for end in ends),
        event["location"] or "",
        _text(event["description"] or ""),
        event["privacy"] in ("private", "confidential"),
        event["show_as"] == "busy",
    )


def _text(description: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", description)).strip()


# -- in the browser


def preferences(page):
    """Open the calendar page of the user's preferences; returns Google's row."""
    page.click(".o_user_menu button")
    page.click("[data-menu=preferences]")
    page.click(".o_notebook_headers a[name=calendar]")
    return page.locator("[name=calendar_sync_google]")


def to_consent(page, person):
    """From the preferences to Google's consent page."""
    preferences(page).locator("a[href*=connect]:visible").click()
    page.click(f"#accounts button[value='{person.email}']")
    page.wait_for_selector("#consent")
