"""The judge knows what Google's own description of its API knows, and nothing else."""

import json

import pytest

from simulators.google import GoogleSimulator
from simulators.kit import Request
from tests.judge import Judge, answer_faults, method_of, request_faults

EVENTS = "/calendar/v3/calendars/primary/events"
TIMES = {
    "start": {"dateTime": "2026-03-09T10:00:00", "timeZone": "Europe/Berlin"},
    "end": {"dateTime": "2026-03-09T11:00:00+01:00"},
}
EVENT = {"kind": "calendar#event", "id": "tea", "status": "confirmed"}
LISTED = {"kind": "calendar#events", "items": [EVENT]}
ANN = "ann@example.com"
TOKENS = {"nextPageToken": "1", "nextSyncToken": "2"}


NOON = "2026-03-09T12:00:00"


def asks(**query):
    return "GET", {name: value.split(",") for name, value in query.items()}, None


def writes(**fields):
    return "POST", {}, {**TIMES, **fields}


@pytest.mark.parametrize(
    "request_, fault",
    [
        (asks(), None),
        (asks(maxResults="5", eventTypes="default,birthday"), None),
        (asks(timeMin=NOON + "Z", prettyPrint="false"), None),
        (asks(timeMin=NOON), "timeMin cannot be"),
        (asks(timemin=NOON + "Z"), "no parameter timemin"),
        (asks(q="a,b"), "q is given twice"),
        (asks(maxResults="0"), "maxResults cannot be '0'"),
        (asks(singleEvents="True"), "singleEvents cannot be 'True'"),
        (asks(orderBy="start"), "orderBy cannot be 'start'"),
        (("GET", {}, {}), "takes no body"),
        (writes(), None),
        (writes(location=None), None),
        (("POST", {}, {"start": TIMES["start"]}), "end is missing"),
        (writes(end=None), "end is missing"),
        (writes(summry="Tea"), "summry"),
        (writes(summary=3), "summary must be string"),
        (writes(visibility="secret"), "visibility must be one of"),
        (writes(start={"date": "9 March"}), "start.date must be date"),
        (writes(start={"dateTime": "2026-03-09"}), "must be date-time"),
    ],
)
def test_a_request_says_what_the_document_knows(request_, fault):
    http, query, body = request_
    sent = b"" if body is None else json.dumps(body).encode()
    found = request_faults(method_of(http, EVENTS), query, sent)
    assert not found if fault is None else fault in "; ".join(found)


@pytest.mark.parametrize(
    "status, data, fault",
    [
        (200, LISTED, None),
        (201, LISTED, "answers 200, not 201"),
        (200, None, "must be object"),
        (200, {"items": []}, "'kind'"),
        (200, {**LISTED, "kind": "calendar#event"}, "kind must be one of"),
        (200, {**LISTED, "items": [{**EVENT, "summary": None}]}, "must be string"),
        (200, {**LISTED, "items": [{**EVENT, "sumary": "Tea"}]}, "sumary"),
        (200, {**LISTED, "items": [{**EVENT, "start": TIMES["start"]}]}, "date-time"),
        (200, {**LISTED, "items": [{**EVENT, "end": TIMES["end"]}]}, None),
        (200, {**LISTED, "updated": "yesterday"}, "updated must be date-time"),
        (200, {**LISTED, **TOKENS}, "one to sync"),
        (404, {"error": "not_found"}, "in no envelope"),
        (404, {"error": {"errors": [{}], "code": 404, "message": ""}}, "no envelope"),
        (304, None, None),
    ],
)
def test_an_answer_says_what_the_document_describes(status, data, fault):
    found = answer_faults(method_of("GET", EVENTS), status, data)
    assert not found if fault is None else fault in "; ".join(found)


def test_an_answer_that_was_cut_by_a_mask_may_lack_its_kind():
    assert not answer_faults(method_of("GET", EVENTS), 200, {"items": []}, whole=False)


@pytest.fixture
def heard():
    """Sends one request to a simulator that a judge listens to; what it found."""

    class Listened(GoogleSimulator):
        pass

    judge = Judge()
    judge.listen(Listened)
    sim = Listened()
    sim.create_user(ANN)
    sim.judge = judge
    scopes = ["https://www.googleapis.com/auth/calendar"]
    token = sim.grant_tokens(ANN, "demo-client", scopes)["access_token"]

    def send(method, target, body=None):
        sent = b"" if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {token}"}
        return sim.answer(Request(method, target, headers, sent)), judge.take()

    send.sim = sim
    return send


@pytest.mark.sends_malformed
def test_what_is_malformed_is_told_though_it_was_refused(heard):
    answer, faults = heard("GET", f"{EVENTS}?timemin=x")
    assert answer.status == 400 and len(faults) == 1
    assert heard("GET", "/calendar/v3/calendars/primary/meetings")[1]


@pytest.mark.sends_malformed
def test_it_may_be_sent_on_purpose_where_it_is_refused(heard):
    heard.sim.judge.lenient = True
    assert heard("GET", f"{EVENTS}?timemin=x")[1] == []


def test_what_was_planted_against_the_rules_is_not_the_simulators_fault(heard):
    answer, faults = heard("POST", EVENTS, TIMES)
    assert answer.status == 200 and not faults
    heard.sim.plant_event(ANN, answer.data["id"], {"summary": 3})
    answer, faults = heard("GET", EVENTS)
    assert answer.data["items"][0]["summary"] == 3 and not faults
