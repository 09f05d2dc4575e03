"""What we believe of Cronofy.

Sources "developers/…" are pages of https://docs.cronofy.com; the others are the tests
of Cronofy's own clients. A calendar cannot be deleted over the API: the run takes all
its events out again and says which calendar is left.
"""

import time
import uuid
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import requests

from calsync.providers.cronofy import CronofyProvider, hosts
from calsync.values import Application, Fields, Grant, When, Write

from .facts import NAME, TIMEOUT, Answer, Facts, Service, Unable, answer, quote

VARIABLES = {
    "CALSYNC_LIVE_CRONOFY_CLIENT_ID": "of an application at Cronofy",
    "CALSYNC_LIVE_CRONOFY_CLIENT_SECRET": "its secret",
    "CALSYNC_LIVE_CRONOFY_REFRESH_TOKEN": "of a person, for read_events, create_event, "
    "delete_event, create_calendar, list_calendars and read_account",
}
OPTIONAL = {
    "CALSYNC_LIVE_CRONOFY_DATA_CENTER": "de",
    "CALSYNC_LIVE_CRONOFY_API": "",
}
PATIENCE = 60
"""Seconds until something that was written has to be there."""

facts = Facts()
fact = facts


class Cronofy(Service):
    facts = facts
    open = (
        ("GET", r"calendars|userinfo"),
        ("POST", r"calendars"),
        ("GET", r"events"),  # of our calendar alone, see listed
        ("GET", r"events/pages/[\w=.-]+"),
        ("DELETE", r"events"),  # of our calendar alone, see _remove
        ("POST", r"batch"),  # to our calendar alone, see batch
    )

    def __init__(self, values: dict[str, str]) -> None:
        self.client_id = values["CALSYNC_LIVE_CRONOFY_CLIENT_ID"]
        self.client_secret = values["CALSYNC_LIVE_CRONOFY_CLIENT_SECRET"]
        self.refresh_token = values["CALSYNC_LIVE_CRONOFY_REFRESH_TOKEN"]
        api, self.app_url = hosts(values["CALSYNC_LIVE_CRONOFY_DATA_CENTER"])
        self.api_url = values["CALSYNC_LIVE_CRONOFY_API"].rstrip("/") or api
        secrets = [self.client_secret, self.refresh_token, self.client_id]
        super().__init__(self.api_url + "/v1", secrets)
        self.token, self.scope, self.renewed = "", "", None
        day = datetime.now(timezone.utc) + timedelta(days=7)
        self.start = day.replace(hour=9, minute=0, second=0, microsecond=0)
        self.name = f"{NAME} {uuid.uuid4().hex[:12]}"

    def renew(self, **changes: str) -> Answer:
        form = {
            "grant_type": "refresh_token",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
            **changes,
        }
        url = self.api_url + "/oauth/token"
        return answer(requests.post(url, json=form, timeout=TIMEOUT))

    @contextmanager
    def own_calendar(self):
        self.renewed = self.renew()
        if self.renewed.status != 200:
            raise Unable(f"Cronofy gives no token: {said(self.renewed)}")
        self.token = self.renewed["access_token"]
        self.refresh_token = self.renewed.data.get("refresh_token", self.refresh_token)
        self.secrets += [self.token, self.refresh_token]
        self.profile = self.request("GET", "calendars")["calendars"][0]["profile_id"]
        made = self.new_calendar()
        if made.status != 200:
            raise Unable(f"Cronofy makes no calendar: {said(made)}")
        self.made.append(made["calendar"]["calendar_id"])
        try:
            yield
        finally:
            self._remove()

    def new_calendar(self) -> Answer:
        body = {"profile_id": self.profile, "name": self.name}
        return self.request("POST", "calendars", body)

    def _remove(self) -> None:
        gone = self.request("DELETE", "events", {"calendar_ids": self.made})
        if gone.status != 202:
            print(f"The events could not be removed: {said(gone)}")
        print(
            f"The calendar {self.name!r} is left, empty: Cronofy deletes none, please "
            "do it where it is."
        )

    @property
    def events(self) -> str:
        return f"calendars/{quote(self.calendar, safe='')}/events"

    def write(self, **more) -> Answer:
        return self.request("POST", self.events, self.body(**more))

    def body(self, **more) -> dict:
        return {
            "event_id": uuid.uuid4().hex,
            "summary": "Tea",
            "description": "",
            "start": text(self.start),
            "end": text(self.start + timedelta(hours=1)),
            **more,
        }

    def batch(self, *parts: tuple[str, dict]) -> Answer:
        url = f"/v1/{self.events}"
        body = [{"method": m, "relative_url": url, "data": data} for m, data in parts]
        return self.request("POST", "batch", {"batch": body})

    def listed(self, **more) -> Answer:
        """The first page of the events of our calendar."""
        query = {
            "calendar_ids[]": self.calendar,
            "from": f"{self.start.date() - timedelta(1)}",
            "to": f"{self.start.date() + timedelta(5)}",
            "tzid": "Etc/UTC",
            "include_managed": "true",
            **more,
        }
        return self.request("GET", "events", **query)

    def seen(self, event_id: str, **more) -> dict:
        """An event as it is listed, as soon as it is there."""
        end = time.monotonic() + PATIENCE
        while True:
            for event in self.listed(**more)["events"]:
                if event.get("event_id") == event_id:
                    return event
            if time.monotonic() > end:
                raise TimeoutError(f"not listed after {PATIENCE} seconds")
            time.sleep(1)

    def provider(self) -> CronofyProvider:
        app = Application(
            client_id=self.client_id,
            client_secret=self.client_secret,
            api_url=self.api_url,
            auth_url=self.app_url,
            token_url=f"{self.api_url}/oauth/token",
            revoke_url=f"{self.api_url}/oauth/token/revoke",
        )
        scopes = tuple(self.renewed.data.get("scope", "read_write").split())
        grant = Grant(
            access_token=self.token, refresh_token=self.refresh_token, scopes=scopes
        )
        return CronofyProvider(app, grant)


def text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def said(answer: Answer) -> str:
    """Status and error; the keys of a 422."""
    parts = [str(answer.status)]
    if isinstance(answer.data, dict):
        parts.append(str(answer.data.get("error", "")))
        errors = answer.data.get("errors", {})
        if isinstance(errors, dict):
            parts += [
                f"{name}: {row['key']}" for name, rows in errors.items() for row in rows
            ]
    return " ".join(filter(None, parts))


# ------------------------------------------------------------------------------- tokens


@fact("token-renewed", r"200 with a refresh token", "pycronofy, cronofy-ruby: refresh")
def _(cronofy):
    renewed = cronofy.renewed
    word = "with a" if renewed.data.get("refresh_token") else "without"
    return f"{renewed.status} {word} refresh token"


@fact("token-dead", r"400 invalid_grant", "cronofy-csharp, RevokeToken")
def _(cronofy):
    return said(cronofy.renew(refresh_token="not-a-token"))


@fact(
    "token-unknown-client", r"400 invalid_client", "cronofy-csharp, RevokeToken tests"
)
def _(cronofy):
    return said(cronofy.renew(client_id="none", client_secret="none"))


@fact(
    "userinfo-has-profiles", r"200 with connected profiles", "developers/api/identity"
)
def _(cronofy):
    info = cronofy.request("GET", "userinfo")
    profiles = info["cronofy.data"]["profiles"]
    word = "connected" if profiles[0]["profile_connected"] else "disconnected"
    return f"{info.status} with {word} profiles"


@fact(
    "calendar-name-taken", r"422 name: errors.duplicate_calendar_name", "cronofy-ruby"
)
def _(cronofy):
    made = cronofy.new_calendar()
    if made.status == 200:  # where names may be doubled
        cronofy.made.append(made["calendar"]["calendar_id"])
    return said(made)


# ------------------------------------------------------------------------------- writes


@fact("write-answers", r"202 and nothing", "developers/api/events/upsert-event")
def _(cronofy):
    wrote = cronofy.write()
    return f"{wrote.status} and {'nothing' if wrote.data is None else 'a body'}"


@fact(
    "write-empty-title", r"422 summary: .*", "cronofy-csharp, UpsertEventRequestBuilder"
)
def _(cronofy):
    return said(cronofy.write(summary=""))


@fact("write-no-title", r"422 summary: errors.required", "cronofy-node, batch tests")
def _(cronofy):
    body = cronofy.body()
    del body["summary"]
    return said(cronofy.request("POST", cronofy.events, body))


@fact("delete-unknown", r"202", "developers/api/events/delete-event")
def _(cronofy):
    return said(
        cronofy.request("DELETE", cronofy.events, {"event_id": uuid.uuid4().hex})
    )


@fact(
    "foreign-wrong-id",
    r"422 .*errors.must_be_external_event_uid|403.*",
    "cronofy-csharp",
)
def _(cronofy):
    return said(cronofy.write(event_id=None, event_uid="not-a-uid"))


@fact("batch-answers", r"207 with 202, 202", "developers/api/batch")
def _(cronofy):
    return _batch(cronofy, ("POST", cronofy.body()), ("POST", cronofy.body()))


@fact("batch-keeps-order", r"207 with 202, 422, 202", "cronofy-node, batch tests")
def _(cronofy):
    bad = cronofy.body()
    del bad["summary"]
    good = cronofy.body()
    return _batch(cronofy, ("POST", good), ("POST", bad), ("POST", cronofy.body()))


def _batch(cronofy, *parts):
    answer = cronofy.batch(*parts)
    statuses = [str(part["status"]) for part in answer["batch"]]
    return f"{answer.status} with {', '.join(statuses)}"


# -------------------------------------------------------------------------------- reads


@fact(
    "read-what-was-written",
    r"Tea, confirmed, options",
    "developers/api/events/read-events",
)
def _(cronofy):
    body = cronofy.body()
    cronofy.request("POST", cronofy.events, body)
    event = cronofy.seen(body["event_id"])
    options = "options" if "options" in event else "no options"
    return f"{event['summary']}, {event.get('status', 'no status')}, {options}"


@fact(
    "read-whole-days", r"plain dates, the last one exclusive", "pycronofy, cronofy-ruby"
)
def _(cronofy):
    days = [f"{cronofy.start.date() + timedelta(n)}" for n in (0, 2)]
    body = cronofy.body(start=days[0], end=days[1])
    cronofy.request("POST", cronofy.events, body)
    event = cronofy.seen(body["event_id"], localized_times="true")
    if [event["start"], event["end"]] == days:
        return "plain dates, the last one exclusive"
    return f"{event['start']} to {event['end']}"


@fact(
    "read-local-times",
    r"a time with an offset, and its zone",
    "pycronofy, cronofy-ruby",
)
def _(cronofy):
    body = cronofy.body()
    cronofy.request("POST", cronofy.events, body)
    event = cronofy.seen(body["event_id"], localized_times="true")
    start = event["start"]
    if set(start) == {"time", "tzid"} and datetime.fromisoformat(
        start["time"].replace("Z", "+00:00")
    ):
        return "a time with an offset, and its zone"
    return str(start)


@fact(
    "read-deleted",
    r"not listed, then listed as deleted",
    "developers/api/events/read-events",
)
def _(cronofy):
    body = cronofy.body()
    cronofy.request("POST", cronofy.events, body)
    cronofy.seen(body["event_id"])
    cronofy.request("DELETE", cronofy.events, {"event_id": body["event_id"]})
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if body["event_id"] not in str(cronofy.listed()["events"]):
            break
        time.sleep(1)
    else:
        return "still listed"
    gone = cronofy.seen(body["event_id"], include_deleted="true")
    return f"not listed, then listed as {'deleted' if gone['deleted'] else 'there'}"


@fact("last-page", r"no next page", "pycronofy, test_pagination")
def _(cronofy):
    pages = cronofy.listed()["pages"]
    return "a next page" if pages.get("next_page") else "no next page"


# --------------------------------------------------------------------------- our client


@fact("product-writes", r"written, deleted", "this addon")
def _(cronofy):
    provider, seen = cronofy.provider(), []
    when = When(cronofy.start, cronofy.start + timedelta(hours=1), "Europe/Berlin")
    write = Write(
        verb="insert",
        remote_id=uuid.uuid4().hex,
        fields=Fields(name="Plans", when=when),
    )
    delete = Write(verb="delete", remote_id=write.remote_id)
    try:
        for step, word in ((write, "written"), (delete, "deleted")):
            [outcome] = provider.push(cronofy.calendar, [step])
            seen.append(f"{outcome.error!r}" if outcome.error else word)
    finally:
        provider.close()
    return ", ".join(seen)
