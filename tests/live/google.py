"""What we believe of Google Calendar.

"Reference" and "Guide" are those at https://developers.google.com/workspace/calendar.
Guests are never invited, and nobody is told: no mail is sent.
"""

import uuid
from contextlib import contextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import requests

from calsync.providers.google import GoogleProvider
from calsync.values import Application, Fields, Grant, When, Window, Write

from .facts import NAME, TIMEOUT, Answer, Facts, Service, Unable, answer, quote

VARIABLES = {
    "CALSYNC_LIVE_GOOGLE_CLIENT_ID": "of an OAuth client in your Google Cloud project",
    "CALSYNC_LIVE_GOOGLE_CLIENT_SECRET": "its secret",
    "CALSYNC_LIVE_GOOGLE_REFRESH_TOKEN": "of a person, for the scopes calendar.events, "
    "calendar.calendarlist.readonly, calendar.freebusy and calendar.app.created",
}
OPTIONAL = {
    "CALSYNC_LIVE_GOOGLE_API": "https://www.googleapis.com/calendar/v3/",
    "CALSYNC_LIVE_GOOGLE_TOKEN_URL": "https://oauth2.googleapis.com/token",
}
ZONE = "Europe/Berlin"
BERLIN = ZoneInfo(ZONE)

facts = Facts()
fact = facts


class Google(Service):
    facts = facts
    open = (("POST", "calendars"), ("GET", "users/me/calendarList"))

    def __init__(self, values: dict[str, str]) -> None:
        self.client_id = values["CALSYNC_LIVE_GOOGLE_CLIENT_ID"]
        self.client_secret = values["CALSYNC_LIVE_GOOGLE_CLIENT_SECRET"]
        self.refresh_token = values["CALSYNC_LIVE_GOOGLE_REFRESH_TOKEN"]
        self.token_url = values["CALSYNC_LIVE_GOOGLE_TOKEN_URL"]
        secrets = [self.client_secret, self.refresh_token, self.client_id]
        super().__init__(values["CALSYNC_LIVE_GOOGLE_API"], secrets)
        monday = datetime.now(BERLIN).replace(
            hour=10, minute=0, second=0, microsecond=0
        )
        self.monday = monday + timedelta(days=14 - monday.weekday())
        self.token = ""

    def renew(self, **changes: str) -> Answer:
        """Ask the token endpoint, with something changed."""
        form = {
            "grant_type": "refresh_token",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
            **changes,
        }
        return answer(requests.post(self.token_url, data=form, timeout=TIMEOUT))

    @contextmanager
    def own_calendar(self):
        renewed = self.renew()
        if renewed.status != 200:
            raise Unable(f"Google gives no token: {said(renewed)}")
        self.token = renewed["access_token"]
        self.secrets.append(self.token)
        name = f"{NAME} {uuid.uuid4().hex[:12]}"
        try:
            made = self.request(
                "POST", "calendars", {"summary": name, "timeZone": ZONE}
            )
            if made.status != 200:
                raise Unable(f"Google makes no calendar: {said(made)}")
            self.made.append(made["id"])
            yield
        finally:
            self._remove(name)

    def _remove(self, name: str) -> None:
        if not self.made:  # perhaps only the answer was lost; the name is ours alone
            listed = self.request("GET", "users/me/calendarList", maxResults=250)
            self.made += [
                row["id"] for row in listed["items"] if row.get("summary") == name
            ]
        for made in self.made:
            gone = self.request("DELETE", f"calendars/{quote(made, safe='')}")
            if gone.status not in (200, 204, 404, 410):
                print(f"The calendar {name!r} could not be removed: {said(gone)}")

    def events(self, method: str, event: str = "", body=None, **more) -> Answer:
        """A request at the events of our calendar, which tells nobody."""
        path = f"calendars/{quote(self.calendar, safe='')}/events"
        path += "/" + event if event else ""
        if method != "GET" and event != "watch":
            more["sendUpdates"] = "none"
        return self.request(method, path, body, **more)

    def insert(self, **more) -> Answer:
        return self.events("POST", body={**self.times(), "summary": "Tea", **more})

    def times(self, days: int = 0, **end) -> dict:
        return {
            "start": moment(self.monday + timedelta(days=days)),
            "end": moment(self.monday + timedelta(days=days, hours=1)),
            **end,
        }

    def listed(self, **query) -> Answer:
        """The last page of a listing, with all items."""
        items = []
        page = self.events("GET", **query)
        while page.status == 200:
            items += page["items"]
            if "nextPageToken" not in page.data:
                page.data["items"] = items
                return page
            page = self.events("GET", **query, pageToken=page["nextPageToken"])
        return page

    def provider(self) -> GoogleProvider:
        app = Application(
            client_id=self.client_id,
            client_secret=self.client_secret,
            api_url=self.address,
            auth_url="https://accounts.google.com/o/oauth2/v2/auth",
            token_url=self.token_url,
            revoke_url="https://oauth2.googleapis.com/revoke",
        )
        grant = Grant(
            access_token=self.token,
            refresh_token=self.refresh_token,
            scopes=GoogleProvider.scopes("two_way"),
        )
        return GoogleProvider(app, grant)


def moment(at: datetime, zone: str = ZONE) -> dict:
    return {"dateTime": at.isoformat(), "timeZone": zone}


def said(answer: Answer) -> str:
    """Status, reason and message; "200" where it went well."""
    try:
        error = answer["error"]
        if isinstance(error, str):  # the token endpoint
            parts = [error, answer.data.get("error_subtype", "")]
            parts.append(answer.data.get("error_description", ""))
        else:
            parts = [f"{row['reason']}: {row['message']}" for row in error["errors"]]
    except (TypeError, KeyError):
        parts = []
    return " ".join([str(answer.status), *filter(None, parts)])


# ------------------------------------------------------------------------------- tokens


@fact(
    "token-dead", r"400 invalid_grant.*", "RFC 6749 5.2; google-auth, tests of refresh"
)
def _(google):
    return said(google.renew(refresh_token="1//not-a-token"))


@fact(
    "token-unknown-client",
    r"401 invalid_client.*",
    "googleapis/google-api-nodejs-client",
)
def _(google):
    return said(google.renew(client_id="0-none.apps.googleusercontent.com"))


@fact("api-bad-token", r"401 authError.*", "Guide, errors")
def _(google):
    headers = {"Authorization": "Bearer not-a-token"}
    return said(google.events("GET", headers=headers))


# ------------------------------------------------------------------------------- writes


@fact("insert-answers", r"200 <id>@google.com sequence 0", "Reference, events.insert")
def _(google):
    made = google.insert()
    uid = made["iCalUID"].replace(made["id"], "<id>")
    return f"{said(made)} {uid} sequence {made['sequence']}"


@fact("insert-id-taken", r"409 duplicate.*", "Guide, errors")
def _(google):
    return said(google.insert(id=google.insert()["id"]))


@fact("insert-id-of-deleted", r"409 duplicate.*", "google-api-python-client #210")
def _(google):
    made = google.insert()["id"]
    google.events("DELETE", made)
    return said(google.insert(id=made))


@fact(
    "insert-id-and-icaluid", r"400 invalid: Invalid resource id.*", "Reference, events"
)
def _(google):
    name = uuid.uuid4().hex
    return said(google.insert(id=name, iCalUID=f"{name}@example.com"))


@fact("insert-empty-time", r"400 timeRangeEmpty.*", "Guide, errors; keeper.sh #614")
def _(google):
    return said(google.insert(end=google.times()["start"]))


@fact("insert-no-end", r"400 required: Missing end time.*", "gdata-provider #82")
def _(google):
    return said(google.events("POST", body={"start": google.times()["start"]}))


@fact("insert-series-no-zone", r"400 required.*time zone.*", "gogcli #347")
def _(google):
    ends = {name: {"dateTime": end["dateTime"]} for name, end in google.times().items()}
    return said(google.insert(**ends, recurrence=["RRULE:FREQ=DAILY;COUNT=2"]))


@fact(
    "insert-unknown-zone",
    r"400 invalid: .* for start time. invalid: .* for end time.",
    "n8n #2995; OutlookGoogleCalendarSync #1530",
)
def _(google):
    zone = "Europe/Atlantis"
    ends = {name: {**end, "timeZone": zone} for name, end in google.times().items()}
    return said(google.insert(**ends))


@fact("insert-bad-rule", r"400 invalid: Invalid recurrence rule.*", "gdata-provider")
def _(google):
    return said(google.insert(recurrence=["RRULE:FREQ=SOMETIMES"]))


@fact("insert-date-and-time", r"400 .*", "google-api-java-client #1628")
def _(google):
    return said(google.insert(end={"date": f"{google.monday.date() + timedelta(1)}"}))


@fact("text-too-long", r"8192 of 9000 characters", "OutlookGoogleCalendarSync")
def _(google):
    made = google.insert(description="x" * 9000)
    return f"{len(made['description'])} of 9000 characters"


@fact("empty-title", r"no title", "Reference, events")
def _(google):
    return "a title" if google.insert(summary="").data.get("summary") else "no title"


@fact("patch-old-version", r"412 conditionNotMet.*", "Guide, version-resources")
def _(google):
    made = google.insert()
    google.events("PATCH", made["id"], {"summary": "Coffee"})
    headers = {"If-Match": made["etag"]}
    return said(
        google.events("PATCH", made["id"], {"summary": "Milk"}, headers=headers)
    )


@fact(
    "patch-lower-sequence", r"400 invalid: Invalid sequence value.*", "gdata-provider"
)
def _(google):
    made = google.insert(sequence=5)
    return said(google.events("PATCH", made["id"], {"sequence": 1}))


@fact("delete-twice", r"410 deleted.*", "Guide, errors")
def _(google):
    made = google.insert()["id"]
    google.events("DELETE", made)
    return said(google.events("DELETE", made))


@fact("delete-unknown", r"404 notFound.*", "Guide, errors")
def _(google):
    return said(google.events("DELETE", uuid.uuid4().hex))


@fact("get-deleted", r"200 cancelled", "Reference, events")
def _(google):
    made = google.insert()["id"]
    google.events("DELETE", made)
    return f"200 {google.events('GET', made)['status']}"


@fact("watch-plain-http", r"4\d\d .*", "Guide, push")
def _(google):
    channel = {
        "id": str(uuid.uuid4()),
        "type": "web_hook",
        "address": "http://calendar.example.com/notify",
    }
    return said(google.events("POST", "watch", channel))


# ------------------------------------------------------------------------------- series


def series(google, rule="RRULE:FREQ=DAILY;COUNT=4", **more):
    made = google.insert(recurrence=[rule], **more)
    shown = google.events("GET", made["id"] + "/instances", maxResults=50)
    return made, shown["items"]


@fact("occurrence-id", r"4 times <series>_<start in UTC>Z", "Reference, events")
def _(google):
    made, dates = series(google)
    for date in dates:
        start = datetime.fromisoformat(date["start"]["dateTime"].replace("Z", "+00:00"))
        stamp = start.astimezone(ZoneInfo("UTC")).strftime("%Y%m%dT%H%M%SZ")
        if date["id"] != f"{made['id']}_{stamp}":
            return date["id"].replace(made["id"], "<series>")
    return f"{len(dates)} times <series>_<start in UTC>Z"


@fact(
    "occurrence-deleted",
    r"bare: id, originalStartTime, recurringEventId, status",
    "Reference, events",
)
def _(google):
    made, dates = series(google)
    google.events("DELETE", dates[1]["id"])
    found = google.listed(singleEvents="false", showDeleted="false")["items"]
    [gone] = [item for item in found if item["id"] == dates[1]["id"]]
    return "bare: " + ", ".join(sorted(gone.keys() - {"kind", "etag"}))


@fact(
    "occurrence-deleted-twice",
    r"(403 forbidden|410 deleted).*",
    "Odoo, google_calendar",
)
def _(google):
    _made, dates = series(google)
    google.events("DELETE", dates[1]["id"])
    return said(google.events("DELETE", dates[1]["id"]))


@fact("occurrence-more-public", r"200 private", "Guide, release notes of 7 July 2026")
def _(google):
    _made, dates = series(google, visibility="private")
    answer = google.events("PATCH", dates[1]["id"], {"visibility": "public"})
    seen = google.events("GET", dates[1]["id"]).data.get("visibility", "default")
    return f"{answer.status} {seen}"


@fact("yearly-by-monthday", r"once a year", "gcal_sync, test_yearly_bymonthday_rrule")
def _(google):
    day = google.monday.day
    _made, dates = series(google, f"RRULE:FREQ=YEARLY;BYMONTHDAY={day};COUNT=2")
    months = {date["start"]["dateTime"][5:7] for date in dates}
    return "once a year" if len(months) == 1 else "several times a year"


@fact("master-keeps-etag", r"unchanged", "Musubi, notes of a live test")
def _(google):
    made, dates = series(google)
    google.events("PATCH", dates[1]["id"], {"summary": "Coffee"})
    same = google.events("GET", made["id"])["etag"] == made["etag"]
    return "unchanged" if same else "changed"


# ------------------------------------------------------------------------------ listing


@fact("token-sees-changes", r"changed and cancelled", "Guide, sync")
def _(google):
    changed, deleted = google.insert()["id"], google.insert()["id"]
    token = google.listed()["nextSyncToken"]
    google.events("PATCH", changed, {"summary": "Coffee"})
    google.events("DELETE", deleted)
    found = {i["id"]: i for i in google.listed(syncToken=token)["items"]}
    if set(found) != {changed, deleted}:
        return f"{len(found)} items"
    return "changed and " + found[deleted]["status"]


@fact("token-with-time", r"400 .*", "Reference, events.list")
def _(google):
    token = google.listed()["nextSyncToken"]
    times = {"timeMin": google.monday.isoformat()}
    return said(google.events("GET", syncToken=token, **times))


@fact("token-malformed", r"(400 invalid|410 ).*", "gdata-provider, request.js")
def _(google):
    return said(google.events("GET", syncToken="not-a-token"))


@fact("pages-lose-nothing", r"as many", "Guide, pagination")
def _(google):
    whole, paged = google.listed()["items"], google.listed(maxResults=2)["items"]
    same = {i["id"] for i in whole} == {i["id"] for i in paged}
    return "as many" if same else f"{len(paged)} instead of {len(whole)}"


@fact("token-of-a-deleted-calendar", r"404 notFound.*", "webhookdb #621")
def _(google):
    made = google.request("POST", "calendars", {"summary": f"{NAME} 2"})["id"]
    google.made.append(made)
    path = f"calendars/{quote(made, safe='')}"
    token = google.request("GET", path + "/events")["nextSyncToken"]
    google.request("DELETE", path)
    return said(google.request("GET", path + "/events", syncToken=token))


# --------------------------------------------------------------------------- our client


def _write(google, **more):
    name = uuid.uuid4().hex
    start = google.monday.astimezone(ZoneInfo("UTC"))
    fields = Fields(name="Plans", when=When(start, start + timedelta(hours=1), ZONE))
    return Write(verb="insert", remote_id=name, fields=fields, **more)


@fact("product-writes", r"written, changed, deleted", "this addon")
def _(google):
    provider, seen = google.provider(), []
    write = _write(google)
    try:
        for verb, word in (
            ("insert", "written"),
            ("patch", "changed"),
            ("delete", "deleted"),
        ):
            changed = frozenset({"name"} if verb == "patch" else ())
            step = Write(
                verb=verb,
                remote_id=write.remote_id,
                fields=None if verb == "delete" else write.fields,
                changed=changed,
            )
            [outcome] = provider.push(google.calendar, [step])
            seen.append(f"{outcome.error!r}" if outcome.error else word)
    finally:
        provider.close()
    return ", ".join(seen)


@fact("product-reads", r"all of it, then the one that changed", "this addon")
def _(google):
    provider = google.provider()
    window = Window(google.monday - timedelta(365), google.monday + timedelta(365))
    try:
        pages = list(provider.changes(google.calendar, "", window))
        write = _write(google)
        provider.push(google.calendar, [write])
        after = list(provider.changes(google.calendar, pages[-1].token, window))
    finally:
        provider.close()
    unread = [e.problem for page in pages for e in page.events if e.problem]
    if unread:
        return f"{len(unread)} events could not be read: {unread[0]}"
    ids = [event.remote_id for page in after for event in page.events]
    if ids != [write.remote_id]:
        return f"then {len(ids)} events"
    return "all of it, then the one that changed"
