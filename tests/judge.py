"""What makes a green test red: what Google's own description of its API does not know.

A plugin of pytest (``-p tests.judge``). Every request that the simulator of Google gets
and every answer that it gives, parts of a batch too, is held against the discovery
document that ships with google-api-python-client; fastjsonschema reads its schemas. A
test fails that

* sends what the document does not know (a test of the simulator itself may, where it is
  marked with ``sends_malformed``: then it must be refused), or
* gets an answer that the document does not describe. Of what ``plant_event`` puts there
  against the rules, and of answers spoilt by a fault, nothing is expected.
"""

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import fastjsonschema
import pytest

DOCUMENT = "discovery_cache/documents/calendar.v3.json"
OFFSET = re.compile(r"(?i)(Z|[+-]\d\d:\d\d)\Z")
REVISION = "20261030"
"""The simulator shows Google as it was then; an older document cannot judge it."""
BOTH_TOKENS = {"nextPageToken", "nextSyncToken"}


# ----------------------------------------------------------------------- the document


@cache
def document() -> dict:
    folder = Path(find_spec("googleapiclient").origin).parent
    return json.loads((folder / DOCUMENT).read_text())


@cache
def methods() -> list[tuple[str, re.Pattern, dict]]:
    """HTTP method, pattern of the path, description; the most specific first."""
    found = []
    for resource in document()["resources"].values():
        for spec in resource["methods"].values():
            path = "/" + document()["servicePath"] + spec["path"]
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
            found.append((spec["httpMethod"], re.compile(pattern + r"\Z"), spec))
    return sorted(found, key=lambda entry: entry[2]["path"].count("{"))


def method_of(http: str, path: str) -> dict | None:
    for method, pattern, spec in methods():
        if method == http and pattern.match(path):
            return spec
    return None


@cache
def validator(name: str, *, answer: bool, whole: bool):
    """Checks an instance of a schema.

    :param answer: Google's side, where a time has an offset
    :param whole: nothing was left out by a ``fields`` mask
    """
    schemas = {
        key: _json_schema(spec, whole) for key, spec in document()["schemas"].items()
    }
    formats = {
        "date": _is_date,
        "date-time": _is_moment if answer else _is_time,
        "int64": r"\A-?\d+\Z",
    }
    schema = {"$ref": f"#/definitions/{name}", "definitions": schemas}
    return fastjsonschema.compile(schema, formats=formats, use_default=False)


def _json_schema(spec: dict, whole: bool) -> dict:
    """The dialect of discovery documents as JSON Schema, with nothing unknown."""
    if "$ref" in spec:
        return {"$ref": "#/definitions/" + spec["$ref"]}
    if spec["type"] == "any":
        return {}
    made = {"type": spec["type"]}
    if "items" in spec:
        made["items"] = _json_schema(spec["items"], whole)
    if "additionalProperties" in spec:
        made["additionalProperties"] = _json_schema(spec["additionalProperties"], whole)
    if "properties" in spec:
        properties = spec["properties"]
        made["additionalProperties"] = False
        made["properties"] = {
            name: _json_schema(inner, whole) for name, inner in properties.items()
        }
        if "default" in properties.get("kind", {}):
            made["properties"]["kind"] = {"enum": [properties["kind"]["default"]]}
            made["required"] = ["kind"] if whole else []
    if spec.get("format") in ("date", "date-time", "int64"):
        made["format"] = spec["format"]
    if values := _possible(spec):
        made["enum"] = values
    return made


def _possible(spec: dict) -> list[str]:
    """The values that the text lists: '- "opaque" - …'."""
    _before, found, text = spec.get("description", "").partition("ossible values are:")
    return re.findall(r'^- "([^"]*)" - ', text, re.MULTILINE) if found else []


def _is_date(text: str) -> bool:
    return bool(_parsed(date, text))


def _is_time(text: str) -> bool:
    return bool(re.match(r"\d{4}-\d\d-\d\d[Tt]", text) and _parsed(datetime, text))


def _is_moment(text: str) -> bool:
    """RFC 3339, "with mandatory time zone offset"."""
    return bool(OFFSET.search(text)) and _is_time(text)


def _parsed(kind: type, text: str) -> Any:
    text = re.sub(r"\.\d+", "", re.sub(r"[Zz]\Z", "+00:00", text))
    try:
        return kind.fromisoformat(text)
    except ValueError:
        return None


# -------------------------------------------------------------------- what is checked


def request_faults(spec: dict, query: dict[str, list[str]], body: bytes) -> list[str]:
    """What a request says that the document does not know, or leaves out."""
    return [*_query_faults(spec, query), *_body_faults(spec, body)]


def _query_faults(spec: dict, query: dict[str, list[str]]) -> Iterator[str]:
    known = {**document()["parameters"], **spec.get("parameters", {})}
    known = {name: p for name, p in known.items() if p["location"] == "query"}
    for name, values in query.items():
        described = known.get(name)
        if described is None:
            yield f"there is no parameter {name}"
            continue
        if len(values) > 1 and not described.get("repeated"):
            yield f"the parameter {name} is given twice"
        for value in values:
            if not _fits(described, value):
                yield f"the parameter {name} cannot be {value!r}"
    for name, described in known.items():
        if described.get("required") and name not in query:
            yield f"the parameter {name} is missing"


def _fits(described: dict, value: str) -> bool:
    if "enum" in described:
        return value in described["enum"]
    if described["type"] == "boolean":
        return value in ("true", "false")
    if described["type"] == "integer":
        low = int(described.get("minimum", -(2**31)))
        high = int(described.get("maximum", 2**31 - 1))
        return bool(re.fullmatch(r"-?\d+", value)) and low <= int(value) <= high
    return described.get("format") != "date-time" or _is_moment(value)


def _body_faults(spec: dict, body: bytes) -> Iterator[str]:
    schema = spec.get("request", {}).get("$ref")
    if schema is None:
        if body:
            yield f"{spec['id']} takes no body"
        return
    try:
        value = _without_nulls(json.loads(body or b"{}"))  # null removes a value
        validator(schema, answer=False, whole=False)(value)
    except (ValueError, fastjsonschema.JsonSchemaException) as error:
        yield f"the body: {error}"
        return
    for name, inner in document()["schemas"][schema]["properties"].items():
        required = inner.get("annotations", {}).get("required", ())
        if spec["id"] in required and name not in value:
            yield f"the body: {name} is missing"


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def answer_faults(
    spec: dict, status: int, data: Any, *, whole: bool = True
) -> list[str]:
    """What an answer says that the document does not describe.

    :param data: what the body holds, None where it is empty
    """
    if status == 304:
        return []
    if status >= 400:
        return list(_refusal_faults(status, data))
    schema = spec.get("response", {}).get("$ref")
    if schema is None:
        return [] if data is None else [f"{spec['id']} answers nothing, not {data!r}"]
    # the client libraries know these methods by the schema of what comes back
    faults = [] if status == 200 else [f"{spec['id']} answers 200, not {status}"]
    try:
        validator(schema, answer=True, whole=whole)(data)
    except fastjsonschema.JsonSchemaException as error:
        faults.append(f"the answer: {error}")
    if isinstance(data, dict) and data.keys() >= BOTH_TOKENS:
        # events.list: "Omitted if no further results are available, in which case
        # nextSyncToken is provided."
        faults.append("the answer has a token for the next page and one to sync")
    return faults


def _refusal_faults(status: int, data: Any) -> Iterator[str]:
    # Google Calendar API, guides/errors: the envelope of each error shown there
    try:
        error = data["error"]
        if error["code"] != status:
            yield f"the error says {error['code']} in an answer with {status}"
        for name in ("domain", "reason", "message"):
            if not all(isinstance(entry[name], str) for entry in error["errors"]):
                yield f"{name} of the error is no text"
        if not isinstance(error["message"], str):
            yield "the message of the error is no text"
    except (TypeError, KeyError) as missing:
        yield f"the error is in no envelope: {missing!r}"


# --------------------------------------------------------------------------- the judge


class Judge:
    """Listens to every simulator of Google in this process."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.lenient = False
        """Malformed requests are sent on purpose: enough that they are refused."""
        self.planted: set[str] = set()
        self.seen = 0

    def listen(self, simulator: type) -> None:
        handle, plant = simulator._handle, simulator.plant_event

        def heard(sim, request):
            response = handle(sim, request)
            self.hear(request, response, strict=getattr(sim, "strict", True))
            return response

        def planted(sim, calendar, event_id, raw, updated=True):
            self.planted.add(event_id)
            return plant(sim, calendar, event_id, raw, updated)

        planted.is_control = True
        planted.__doc__ = plant.__doc__
        simulator._handle, simulator.plant_event = heard, planted

    def hear(self, request: Any, response: Any, *, strict: bool = True) -> None:
        prefix = "/" + document()["servicePath"]
        if not request.raw_path.startswith(prefix):
            return
        self.seen += 1
        spec = method_of(request.method, request.raw_path)
        refused = response.status >= 400
        if spec is None:
            if not (self.lenient and refused):
                self._say(request, ["there is no such method"])
            return
        query = {k: v for k, v in request.query.items() if k != "access_token"}
        faults = request_faults(spec, query, request.body)
        if not (self.lenient and (refused or not strict)):
            self._say(request, faults)
        data = self._wild(response.data)
        whole = "fields" not in query
        self._say(request, answer_faults(spec, response.status, data, whole=whole))

    def _wild(self, data: Any) -> Any:
        """The answer without what was planted against the rules."""
        if not isinstance(data, dict) or not self.planted:
            return data
        if self._is_planted(data):
            return {"kind": data.get("kind", "calendar#event")}
        if isinstance(data.get("items"), list):
            items = [item for item in data["items"] if not self._is_planted(item)]
            return {**data, "items": items}
        return data

    def _is_planted(self, item: Any) -> bool:
        return isinstance(item, dict) and bool(
            self.planted & {item.get("id"), item.get("recurringEventId")}
        )

    def _say(self, request: Any, faults: list[str]) -> None:
        where = f"{request.method} {unquote(request.target)}"
        self.faults += [f"{where}\n    {fault}" for fault in faults]

    def take(self) -> list[str]:
        faults, self.faults = self.faults, []
        return faults


_judge = Judge()
_outside_tests: list[str] = []


def pytest_configure():
    from simulators.google import GoogleSimulator

    if document()["revision"] >= REVISION:
        _judge.listen(GoogleSimulator)


@pytest.fixture(autouse=True)
def _as_google_describes_it(request):
    _outside_tests.extend(_judge.take())
    _judge.lenient = request.node.get_closest_marker("sends_malformed") is not None
    yield
    if faults := _judge.take():
        more = f"\n(and {len(faults) - 5} more)" if len(faults) > 5 else ""
        text = "\n".join(faults[:5]) + more
        pytest.fail(f"not as Google describes its API:\n{text}", pytrace=False)


def pytest_sessionfinish(session):
    _outside_tests.extend(_judge.take())
    if session.exitstatus == pytest.ExitCode.OK and _outside_tests:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    if _outside_tests:
        terminalreporter.section("outside of tests, not as Google describes its API")
        terminalreporter.write("\n".join(_outside_tests[:20]) + "\n")
    if document()["revision"] < REVISION:
        terminalreporter.write_line(
            "Google's description is too old here, nothing was held against it"
        )
        return
    terminalreporter.write_line(
        f"{_judge.seen} requests at Google held against its description"
    )
