"""The web page: everybody's week, and forms to add, edit, move and delete."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ..kit import Refusal, Request, Response, redirect
from .layout import face, hidden, page
from .moments import zone
from .store import User, at_least

if TYPE_CHECKING:
    from .server import GoogleSimulator

REPEAT = {
    "": "Does not repeat",
    "RRULE:FREQ=DAILY": "Every day",
    "RRULE:FREQ=WEEKLY": "Every week",
    "RRULE:FREQ=WEEKLY;COUNT=6": "Every week, six times",
    "RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR": "Every weekday",
    "RRULE:FREQ=MONTHLY": "Every month",
}
VISIBILITY = {"default": "Default visibility", "public": "Public", "private": "Private"}
BUSY = {"opaque": "Busy", "transparent": "Free"}
ANSWERS = {"accepted": "Yes", "declined": "No", "tentative": "Maybe"}


class Pages:
    """See "The web page" in the package's docstring for the names in the forms."""

    ROUTES = (
        ("GET", "/", "home"),
        ("GET", "/ui/week", "week"),
        ("GET", "/ui/event", "event"),
        ("POST", "/ui/save", "save"),
        ("POST", "/ui/delete", "delete"),
        ("POST", "/ui/respond", "respond"),
        ("POST", "/ui/revoke", "revoke"),
    )

    def __init__(self, simulator: "GoogleSimulator") -> None:
        self.simulator = simulator

    # -------------------------------------------------------------------------- pages

    def home(self, request: Request) -> Response:
        users = [u for u in self.simulator.store.users.values() if not u.outside]
        cards = "".join(self._person(user) for user in users)
        body = (
            '<div class="card"><h1>Calendars</h1><p class="soft">What the simulated'
            " Google knows. Choose a person to see and change their week.</p></div>"
            f"{cards or '<p>Nobody yet.</p>'}"
        )
        return Response(200, body=page("Google Calendar simulator", body))

    def _person(self, user: User) -> str:
        listed = self.simulator.call(user.email, "calendarList.list")["items"]
        names = ", ".join(escape(_name(entry)) for entry in listed)
        link = _address("/ui/week", user=user.email)
        return (
            f'<div class="card row spread"><div class="row">{face(user.name)}'
            f"<div><b>{escape(user.name)}</b> "
            f'<span class="soft">{escape(user.email)}</span><br>'
            f'<span class="small soft">{names}</span></div></div>'
            f'<div class="row">{self._grants(user)}'
            f'<a class="button primary" data-user="{escape(user.email)}"'
            f' href="{link}">Open week</a></div></div>'
        )

    def _grants(self, user: User) -> str:
        """A button for each application that has access, as in a Google account."""
        oauth = self.simulator.oauth
        found = [
            client
            for client in oauth.clients.values()
            if (user.email, client.project) in oauth.grants
        ]
        return "".join(
            '<form method="post" action="/ui/revoke">'
            f"{hidden({'user': user.email, 'client': client.id})}"
            f'<button class="danger" name="revoke">Remove access of'
            f" {escape(client.name)}</button></form>"
            for client in found
        )

    def week(self, request: Request, notice: str = "", error: str = "") -> Response:
        user = self._user(request)
        today = self.simulator.clock.now().astimezone(zone(user.timezone)).date()
        wanted = request.arg("date")
        first = date.fromisoformat(wanted) if wanted else today
        first -= timedelta(days=first.weekday())
        days = [first + timedelta(days=number) for number in range(7)]
        shown: dict[date, list[str]] = {day: [] for day in days}
        for _begin, day, html in sorted(self._entries(user, days)):
            shown[day].append(html)
        grid = "".join(
            f'<section class="day{" today" if day == today else ""}"'
            f' id="day-{day.isoformat()}"><h3>{day:%a %d %b}</h3>'
            f"{''.join(shown[day])}</section>"
            for day in days
        )
        before, after = first - timedelta(days=7), first + timedelta(days=7)
        body = (
            f'<p><a href="/">← Everybody</a></p><div class="row spread">'
            f'<h1 class="row">{face(user.name)}{escape(user.name)}</h1>'
            '<nav class="row">'
            f"{self._turn(user, before, 'previous', '‹ Previous')}"
            f"{self._turn(user, today, 'today', 'Today')}"
            f"{self._turn(user, after, 'next', 'Next ›')}</nav></div>"
            f"{_message(notice, error)}"
            f'<p class="soft">Week of {first:%d %B %Y}, {escape(user.timezone)}</p>'
            f'<div class="week">{grid}</div>{self._new_form(user, first, today)}'
        )
        title = f"{user.name} – simulated Google Calendar"
        return Response(400 if error else 200, body=page(title, body))

    def _turn(self, user: User, day: date, name: str, text: str) -> str:
        link = _address("/ui/week", user=user.email, date=day.isoformat())
        return f'<a class="button" id="{name}" href="{link}">{text}</a>'

    def _entries(self, user: User, days: list[date]) -> Iterator[tuple[str, date, str]]:
        """Sort key, day and HTML of everything in these days."""
        tz = zone(user.timezone)
        low = datetime.combine(days[0], time(), tz)
        high = datetime.combine(days[-1] + timedelta(days=1), time(), tz)
        for entry in self.simulator.call(user.email, "calendarList.list")["items"]:
            found = self.simulator.list_events(
                user.email,
                entry["id"],
                singleEvents=True,
                timeMin=low.isoformat(),
                timeMax=high.isoformat(),
                timeZone=user.timezone,
            )
            for event in found:
                try:
                    for day in _days(event, days):
                        begin = event["start"].get("dateTime", "")
                        yield begin, day, self._entry(user, entry, event)
                except (KeyError, TypeError, ValueError, AttributeError):
                    continue  # planted by a test, and malformed on purpose

    def _entry(self, user: User, entry: dict, event: dict) -> str:
        link = _address(
            "/ui/event", user=user.email, calendar=entry["id"], id=event["id"]
        )
        mine = _own_row(event)
        kinds = ["event"]
        if mine and mine["responseStatus"] == "declined":
            kinds.append("declined")
        if event.get("transparency") == "transparent":
            kinds.append("free")
        private = event.get("visibility") in ("private", "confidential")
        return (
            f'<a class="{" ".join(kinds)}" href="{link}"'
            f' style="--c:{entry["backgroundColor"]}" title="{escape(_name(entry))}">'
            f'<span class="when">{_when(event)}{" · private" if private else ""}</span>'
            f"<b>{escape(_title(event))}</b></a>"
        )

    def event(self, request: Request, error: str = "") -> Response:
        user = self._user(request)
        calendar, event_id = request.arg("calendar"), request.arg("id")
        event = self.simulator.get_event(user.email, event_id, calendar)
        if event["status"] == "cancelled":
            return redirect(_address("/ui/week", user=user.email))
        keys = {"user": user.email, "calendar": calendar, "id": event_id}
        back = _address(
            "/ui/week",
            user=user.email,
            date=(event["start"].get("dateTime") or event["start"]["date"])[:10],
        )
        body = (
            f'<p><a href="{back}">← Week</a></p>{_message("", error)}'
            '<div class="card">'
            f"<h1>{escape(_title(event))}</h1>"
            f"{self._answers(event, keys)}"
            '<form method="post" action="/ui/save" class="grid" id="edit">'
            f"{hidden(keys)}{self._fields(user, event)}{_scope(event)}"
            '<p class="wide row"><button class="primary" name="action" value="save"'
            ' id="save">Save</button></p></form>'
            '<form method="post" action="/ui/delete" class="row" id="remove">'
            f"{hidden(keys)}{_delete_scope(event)}"
            '<button class="danger" name="action" value="delete" id="delete">Delete'
            "</button></form></div>"
        )
        return Response(400 if error else 200, body=page("Appointment", body, True))

    def _answers(self, event: dict, keys: dict[str, str]) -> str:
        mine = _own_row(event)
        if mine is None:
            return ""
        buttons = "".join(
            f'<button name="answer" value="{value}" id="answer-{value}"'
            f"{' class=primary' if mine['responseStatus'] == value else ''}>"
            f"{text}</button>"
            for value, text in ANSWERS.items()
        )
        return (
            '<form method="post" action="/ui/respond" class="row" id="respond">'
            f"{hidden(keys)}<span>Going?</span>{buttons}</form>"
        )

    # -------------------------------------------------------------------------- forms

    def _new_form(self, user: User, first: date, today: date) -> str:
        day = today if first <= today < first + timedelta(days=7) else first
        start = datetime.combine(day, time(14))
        event = {
            "start": {"dateTime": start.isoformat()},
            "end": {"dateTime": (start + timedelta(hours=1)).isoformat()},
        }
        choices = "".join(
            f'<option value="{escape(entry["id"])}">{escape(_name(entry))}</option>'
            for entry in self.simulator.call(user.email, "calendarList.list")["items"]
            if at_least(entry["accessRole"], "writer")
        )
        repeat = "".join(
            f'<option value="{escape(value)}">{text}</option>'
            for value, text in REPEAT.items()
        )
        return (
            '<div class="card"><h2>New appointment</h2>'
            '<form method="post" action="/ui/save" class="grid" id="new">'
            f"{hidden({'user': user.email})}"
            '<label for="calendar">Calendar</label>'
            f'<select name="calendar" id="calendar">{choices}</select>'
            f"{self._fields(user, event)}"
            '<label for="repeat">Repeat</label>'
            f'<select name="repeat" id="repeat">{repeat}</select>'
            '<p class="wide"><button class="primary" name="action" value="add"'
            ' id="add">Add</button></p></form></div>'
        )

    def _fields(self, user: User, event: dict) -> str:
        all_day = "date" in event["start"]
        guests = ", ".join(row["email"] for row in event.get("attendees", ()))
        texts = {
            "summary": ("Title", event.get("summary", "")),
            "location": ("Place", event.get("location", "")),
            "guests": ("Guests", guests),
        }
        start, stop = (_local(event[end], end, user) for end in ("start", "end"))
        rows = [
            f'<label for="{name}">{label}</label><input type="text" name="{name}"'
            f' id="{name}" value="{escape(value)}">'
            for name, (label, value) in texts.items()
        ]
        rows.insert(
            1,
            '<label for="start">From</label><input type="datetime-local" name="start"'
            f' id="start" value="{start}"><label for="stop">To</label>'
            f'<input type="datetime-local" name="stop" id="stop" value="{stop}">'
            '<span></span><label class="inline"><input type="checkbox" name="all_day"'
            f' id="all_day" value="1"{" checked" if all_day else ""}> All day</label>',
        )
        rows.append(
            '<label for="description">Description</label><textarea name="description"'
            f' id="description" rows="3">{escape(event.get("description", ""))}'
            "</textarea>"
        )
        rows.append(_select("visibility", "Visibility", VISIBILITY, event))
        rows.append(_select("transparency", "Show as", BUSY, event))
        return "".join(rows)

    # ------------------------------------------------------------------------ actions

    def save(self, request: Request) -> Response:
        form = request.form()
        user = self.simulator.store.users[form["user"]]
        event_id = form.get("id")
        if event_id and form.get("scope") == "series":
            event_id = self._series(user, form)
        try:
            body = self._body(user, form, event_id)
            if event_id:
                self.simulator.patch_event(
                    user.email, event_id, body, form["calendar"], sendUpdates="all"
                )
            else:
                self.simulator.insert_event(
                    user.email, body, form["calendar"], sendUpdates="all"
                )
        except (Refusal, ValueError) as error:
            return self._again(form, error)
        return redirect(
            _address("/ui/week", user=user.email, date=form["start"][:10]), 303
        )

    def _again(self, form: dict[str, str], error: Exception) -> Response:
        """The same page with what is wrong."""
        text = str(error)
        if isinstance(error, Refusal):
            text = error.response.data["error"]["message"]
        names = ("user", "calendar", "id") if form.get("id") else ("user",)
        target = _address("/ui/event", **{name: form[name] for name in names})
        again = self.event if form.get("id") else self.week
        return again(Request("GET", target, {}), error=text)

    def _body(self, user: User, form: dict[str, str], event_id: str | None) -> dict:
        start = datetime.fromisoformat(form["start"])
        stop = datetime.fromisoformat(form["stop"])
        if event_id and form.get("scope") == "series":
            start, stop = self._shifted(user, form, event_id, start, stop)
        body: dict = {
            name: form.get(name) or None
            for name in ("summary", "location", "description")
        }
        body["visibility"] = form.get("visibility", "default")
        body["transparency"] = form.get("transparency", "opaque")
        for name, moment in (("start", start), ("end", stop)):
            if form.get("all_day"):
                day = moment.date() + timedelta(days=name == "end")
                body[name] = {
                    "date": day.isoformat(),
                    "dateTime": None,
                    "timeZone": None,
                }
            else:
                body[name] = {
                    "date": None,
                    "dateTime": moment.isoformat(timespec="seconds"),
                    "timeZone": user.timezone,
                }
        emails = [text.strip() for text in form.get("guests", "").split(",")]
        known = self._known_rows(user, form, event_id)
        body["attendees"] = [
            known.get(email.lower(), {"email": email}) for email in emails if email
        ]
        if form.get("repeat"):
            body["recurrence"] = [form["repeat"]]
        return body

    def _known_rows(
        self, user: User, form: dict[str, str], event_id: str | None
    ) -> dict[str, dict]:
        """Guests that are invited already, with their answers."""
        if not event_id:
            return {}
        event = self.simulator.get_event(user.email, event_id, form["calendar"])
        return {row["email"]: row for row in event.get("attendees", ())}

    def _shifted(
        self,
        user: User,
        form: dict[str, str],
        series: str,
        start: datetime,
        stop: datetime,
    ) -> tuple[datetime, datetime]:
        """The series' own start, moved as far as the edited occurrence was."""
        one = self.simulator.get_event(user.email, form["id"], form["calendar"])
        whole = self.simulator.get_event(user.email, series, form["calendar"])
        was, first = (
            datetime.fromisoformat(_local(event["start"], "start", user))
            for event in (one, whole)
        )
        begin = first + (start - was)
        return begin, begin + (stop - start)

    def _series(self, user: User, form: dict[str, str]) -> str:
        event = self.simulator.get_event(user.email, form["id"], form["calendar"])
        return event.get("recurringEventId", form["id"])

    def delete(self, request: Request) -> Response:
        form = request.form()
        user = self.simulator.store.users[form["user"]]
        event_id = form["id"]
        if form.get("scope") == "series":
            event_id = self._series(user, form)
        try:
            self.simulator.delete_event(
                user.email, event_id, form["calendar"], sendUpdates="all"
            )
        except Refusal as error:
            return self._again(form, error)
        return redirect(_address("/ui/week", user=user.email), 303)

    def respond(self, request: Request) -> Response:
        form = request.form()
        self.simulator.respond(
            form["user"], form["id"], form["answer"], form["calendar"]
        )
        return redirect(_address("/ui/week", user=form["user"]), 303)

    def revoke(self, request: Request) -> Response:
        form = request.form()
        self.simulator.revoke_grant(form["user"], form["client"])
        return redirect("/", 303)

    def _user(self, request: Request) -> User:
        user = self.simulator.store.users.get(request.arg("user") or "")
        if user is None:
            raise Refusal(redirect("/"))
        return user


def _address(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"


def _name(entry: dict) -> str:
    return entry.get("summaryOverride") or entry.get("summary") or entry["id"]


def _title(event: dict) -> str:
    """Who may not see the details sees that the person is busy."""
    hidden_from_us = "creator" not in event
    return event.get("summary") or ("Busy" if hidden_from_us else "(No title)")


def _message(notice: str, error: str) -> str:
    if error:
        return f'<p class="error" id="error" role="alert">{escape(error)}</p>'
    return f'<p class="notice">{escape(notice)}</p>' if notice else ""


def _own_row(event: dict) -> dict | None:
    return next((row for row in event.get("attendees", ()) if row.get("self")), None)


def _when(event: dict) -> str:
    if "date" in event["start"]:
        return "All day"
    return f"{event['start']['dateTime'][11:16]} – {event['end']['dateTime'][11:16]}"


def _days(event: dict, days: list[date]) -> list[date]:
    """Those of `days` that the event touches."""
    first = date.fromisoformat(
        (event["start"].get("dateTime") or event["start"]["date"])[:10]
    )
    if "date" in event["end"]:
        last = date.fromisoformat(event["end"]["date"]) - timedelta(days=1)
    else:
        end = datetime.fromisoformat(event["end"]["dateTime"].replace("Z", "+00:00"))
        last = (end - timedelta(seconds=1)).date()
    return [day for day in days if first <= day <= last]


def _local(value: dict, end: str, user: User) -> str:
    """What a datetime-local field takes; the last day of an all-day event included."""
    if "date" in value:
        day = date.fromisoformat(value["date"]) - timedelta(days=end == "end")
        return datetime.combine(day, time(9 if end == "start" else 10)).isoformat()
    at = datetime.fromisoformat(value["dateTime"].replace("Z", "+00:00"))
    if at.tzinfo:
        at = at.astimezone(zone(user.timezone)).replace(tzinfo=None)
    return at.isoformat(timespec="minutes")


def _select(name: str, label: str, options: dict[str, str], event: dict) -> str:
    chosen = event.get(name, next(iter(options)))
    texts = "".join(
        f'<option value="{value}"{" selected" if value == chosen else ""}>{text}'
        "</option>"
        for value, text in options.items()
    )
    return (
        f'<label for="{name}">{label}</label>'
        f'<select name="{name}" id="{name}">{texts}</select>'
    )


def _scope(event: dict) -> str:
    if "recurringEventId" not in event:
        return ""
    return (
        '<label for="scope">Change</label><select name="scope" id="scope">'
        '<option value="one">This appointment</option>'
        '<option value="series">All appointments of the series</option></select>'
    )


def _delete_scope(event: dict) -> str:
    if "recurringEventId" not in event:
        return ""
    return (
        '<label class="inline">Delete <select name="scope" id="delete-scope">'
        '<option value="one">this appointment</option>'
        '<option value="series">the whole series</option></select></label>'
    )
