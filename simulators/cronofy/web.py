"""The page at ``/``: everybody's calendars, for a person to click in."""

from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from simulators.kit import Request, Response, Route, redirect

from . import pages
from .moments import zone
from .store import Calendar, Event, Person

if TYPE_CHECKING:
    from .server import CronofySimulator

DAYS_SHOWN = 14


class Web:
    def __init__(self, sim: "CronofySimulator") -> None:
        self.sim = sim

    @staticmethod
    def owns(path: str) -> bool:
        return path in ("/", "/favicon.ico") or path.startswith(("/web/", "/relink/"))

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/", self.index),
            Route("GET", "/favicon.ico", lambda _request: Response(204)),
            Route("GET", "/relink/{profile}", self.relink_page),
            Route("POST", "/relink/{profile}", self.relink),
            Route("GET", "/web/event/{uid}", self.event_page),
            Route("POST", "/web/event/{uid}", self.change),
            Route("POST", "/web/add", self.add),
        ]

    def index(self, request: Request) -> Response:
        people = self.sim.store.people
        person = people.get(request.arg("person", "")) or next(
            iter(people.values()), None
        )
        if person is None:
            return Response(
                200, body=pages.page("Calendars", "<p>Nobody is here yet.</p>")
            )
        tabs = " · ".join(
            f"<a href='/?{urlencode({'person': one.key})}'>{escape(one.name)}</a>"
            for one in people.values()
        )
        body = f"<p>{tabs}</p>{self._profiles(person)}{self._add_form(person)}"
        for calendar in person.calendars:
            body += self._calendar(person, calendar)
        return Response(200, body=pages.page(person.name, body, wide=True))

    @staticmethod
    def _profiles(person: Person) -> str:
        chips = "".join(
            f"<span class='chip{'' if profile.connected else ' bad'}'>"
            f"{escape(profile.label)}, {escape(profile.mode)}"
            f"{'' if profile.connected else ', disconnected'}</span> "
            for profile in person.profiles
        )
        return (
            f"<p>{escape(person.email)} {chips}<small>{escape(person.tz)}</small></p>"
        )

    def _add_form(self, person: Person) -> str:
        now = self.sim.clock.now().astimezone(zone(person.tz))
        start = (now + timedelta(hours=1)).replace(minute=0)
        calendars = [
            (calendar.id, calendar.name)
            for calendar in person.calendars
            if not calendar.readonly
        ]
        return pages.form(
            "/web/add",
            "<fieldset><legend>New appointment</legend>",
            pages.hidden(person=person.key),
            pages.select("Calendar", "calendar", calendars, ""),
            pages.field("Title", "summary", more="required"),
            pages.field("From", "start", _local(start), "datetime-local"),
            pages.field(
                "To", "end", _local(start + timedelta(hours=1)), "datetime-local"
            ),
            "<label><input type='checkbox' name='private' value='1'> private</label> ",
            pages.button("Add"),
            "</fieldset>",
        )

    def _calendar(self, person: Person, calendar: Calendar) -> str:
        oldest = self.sim.clock.now() - timedelta(days=1)
        newest = oldest + timedelta(days=DAYS_SHOWN + 1)
        shown = sorted(
            (
                event
                for event in calendar.events.values()
                if not event.deleted
                and event.end.instant(person.tz) > oldest
                and event.start.instant(person.tz) < newest
            ),
            key=lambda event: event.start.instant(person.tz),
        )
        rows = "".join(self._row(person, event) for event in shown)
        mark = " <span class='chip'>read only</span>" if calendar.readonly else ""
        rows = rows or "<tr><td><small>nothing in the next two weeks</small></td></tr>"
        return f"<h2>{escape(calendar.name)}{mark}</h2><table>{rows}</table>"

    @staticmethod
    def _row(person: Person, event: Event) -> str:
        tz = zone(person.tz)
        if event.start.all_day:
            when = f"{event.start.day:%a %d %b} all day"
        else:
            start, end = event.start.at.astimezone(tz), event.end.at.astimezone(tz)
            when = f"{start:%a %d %b %H:%M}–{end:%H:%M}"
        chips = ""
        if event.event_id:
            chips += " <span class='chip own'>by application</span>"
        if event.private:
            chips += " <span class='chip'>private</span>"
        if event.series:
            chips += " <span class='chip'>series</span>"
        if event.conferencing:
            link = escape(event.conferencing["join_url"], True)
            chips += f" <a href='{link}'>join</a>"
        place = f"<br><small>{escape(event.location)}</small>" if event.location else ""
        return (
            f"<tr><td>{when}</td><td><a href='/web/event/{event.uid}'>"
            f"{escape(event.summary) or '(no title)'}</a>{chips}{place}</td></tr>"
        )

    def add(self, request: Request) -> Response:
        data = request.form()
        self.sim.add_event(
            person=data["person"],
            calendar=data["calendar"],
            summary=data.get("summary", ""),
            start=data["start"],
            end=data["end"],
            private="private" in data,
        )
        return redirect("/?" + urlencode({"person": data["person"]}), 303)

    def event_page(self, request: Request) -> Response:
        try:
            calendar, event = self.sim.store.event(request.params["uid"])
        except ValueError:
            return Response(404, body=pages.page("Not found", ""))
        person = calendar.profile.person
        body = pages.form(
            f"/web/event/{event.uid}",
            pages.field("Title", "summary", event.summary),
            self._times(event, person.tz),
            pages.field("Place", "location", event.location),
            f"<label>Description<br><textarea name='description' rows='6' cols='60'>"
            f"{escape(event.description)}</textarea></label>",
            pages.button("Save", "do", "save"),
            " ",
            pages.button("Delete", "do", "delete", plain=True),
        )
        return Response(200, body=pages.page(event.summary or "(no title)", body))

    @staticmethod
    def _times(event: Event, tz: str) -> str:
        if event.start.all_day:
            return pages.field(
                "From", "start", event.start.day.isoformat(), "date"
            ) + pages.field("To (exclusive)", "end", event.end.day.isoformat(), "date")
        start, end = (m.at.astimezone(zone(tz)) for m in (event.start, event.end))
        return pages.field(
            "From", "start", _local(start), "datetime-local"
        ) + pages.field("To", "end", _local(end), "datetime-local")

    def change(self, request: Request) -> Response:
        data = request.form()
        uid = request.params["uid"]
        calendar, _event = self.sim.store.event(uid)
        if data.get("do") == "delete":
            self.sim.delete_event(uid)
        else:
            names = ("summary", "start", "end", "location", "description")
            self.sim.change_event(uid, **{n: data[n] for n in names if n in data})
        return redirect("/?" + urlencode({"person": calendar.profile.person.key}), 303)

    def relink_page(self, request: Request) -> Response:
        profile = self.sim.store.profile(request.params["profile"])
        body = f"<p>{escape(profile.person.email)}, {escape(profile.label)}</p>"
        body += pages.form(request.path, pages.button("Connect again"))
        return Response(200, body=pages.page("Connect your calendar again", body))

    def relink(self, request: Request) -> Response:
        profile = self.sim.store.profile(request.params["profile"])
        self.sim.reconnect_profile(profile.person.key)
        return redirect("/?" + urlencode({"person": profile.person.key}), 303)


def _local(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M")
