"""The official discovery document: which requests are well formed, and what they need.

The document is the one that ships with google-api-python-client.
"""

import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from .errors import invalid, refuse

DOCUMENT = "discovery_cache/documents/calendar.v3.json"
PREFIX = "https://www.googleapis.com/auth/"
POSSIBLE = re.compile(r'- "(\w+)" - ')


@dataclass(frozen=True)
class Method:
    """One method of the API, such as ``events.list``."""

    id: str
    http: str
    path: str
    parameters: dict[str, dict]
    body: str | None
    """Name of the schema of the request's body."""
    scopes: frozenset[str]


@cache
def document() -> dict:
    package = importlib.util.find_spec("googleapiclient")
    if package is None:
        raise ImportError("the simulator of Google needs google-api-python-client")
    return json.loads((Path(package.origin).parent / DOCUMENT).read_text())


@cache
def methods() -> dict[str, Method]:
    return {method.id: method for method in _methods()}


def _methods() -> Iterator[Method]:
    for resource, described in document()["resources"].items():
        for name, spec in described["methods"].items():
            yield Method(
                id=f"{resource}.{name}",
                http=spec["httpMethod"],
                path="/" + document()["servicePath"] + spec["path"],
                parameters={**document()["parameters"], **spec.get("parameters", {})},
                body=spec.get("request", {}).get("$ref"),
                scopes=frozenset(spec["scopes"]),
            )


@cache
def scopes() -> dict[str, str]:
    """Scope → what the consent page says about it."""
    described = document()["auth"]["oauth2"]["scopes"]
    return {scope: text["description"] for scope, text in described.items()}


# --------------------------------------------------------------------- query string


def arguments(method: Method, query: dict[str, list[str]]) -> dict[str, Any]:
    """The typed arguments of a query; a Refusal for what the document does not know."""
    found: dict[str, Any] = {}
    for name, values in query.items():
        spec = method.parameters.get(name)
        if spec is None or spec["location"] != "query":
            if name == "access_token":
                continue
            raise refuse(
                400,
                "invalidParameter",
                f"Unknown parameter: {name}",
                "global",
                name,
            )
        typed = [_typed(name, spec, value) for value in values]
        if len(typed) > 1 and not spec.get("repeated"):
            raise invalid(f"Parameter {name} is given twice.", name)
        found[name] = typed if spec.get("repeated") else typed[0]
    for name, spec in method.parameters.items():
        if spec.get("required") and spec["location"] == "query" and name not in found:
            raise refuse(400, "required", f"Required parameter: {name}", "global", name)
    return found


def _typed(name: str, spec: dict, text: str) -> Any:
    if "enum" in spec and text not in spec["enum"]:
        raise invalid(f"Invalid value for: {text} is not a valid value", name)
    try:
        if spec["type"] == "integer":
            number = int(text)
            low, high = spec.get("minimum"), spec.get("maximum")
            if (low and number < int(low)) or (high and number > int(high)):
                raise ValueError
            return number
        if spec["type"] == "boolean":
            return {"true": True, "false": False}[text.lower()]
        if spec.get("format") == "date-time":
            return timestamp(text)
    except (ValueError, KeyError):
        message = f"Invalid value for: Invalid format: {text!r}"
        raise refuse(400, "badRequest", message, "global", name) from None
    return text


def timestamp(text: str) -> datetime:
    """An aware datetime from RFC 3339; ValueError without an offset."""
    moment = datetime.fromisoformat(python_iso(text))
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def python_iso(text: str) -> str:
    """What Python 3.10 can read: no Z, fractions of three or six digits."""
    text = re.sub(r"[zZ]\Z", "+00:00", text)
    return re.sub(r"\.(\d+)", lambda m: "." + m[1][:6].ljust(6, "0"), text)


# ----------------------------------------------------------------------------- body


def check_body(method: Method, body: Any) -> dict:
    """`body` if it is an instance of the method's schema, else a Refusal."""
    if method.body is None:
        return {}
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise refuse(400, "parseError", "Parse Error")
    _check(document()["schemas"][method.body], body, "")
    return body


def _check(spec: dict, value: Any, path: str) -> None:
    if value is None:
        return
    if "$ref" in spec:
        spec = document()["schemas"][spec["$ref"]]
    kind = spec.get("type")
    if kind == "object":
        _check_object(spec, value, path)
    elif kind == "array":
        _expect(isinstance(value, list), path, value)
        for number, item in enumerate(value):
            _check(spec["items"], item, f"{path}[{number}]")
    elif kind == "boolean":
        _expect(isinstance(value, bool) or value in ("true", "false"), path, value)
    elif kind == "integer":
        _expect(_is_integer(value), path, value)
    elif kind == "string":
        _check_string(spec, value, path)


def _check_object(spec: dict, value: Any, path: str) -> None:
    _expect(isinstance(value, dict), path, value)
    properties = spec.get("properties", {})
    extra = spec.get("additionalProperties")
    for name, item in value.items():
        inner = properties.get(name, extra)
        where = f"{path}.{name}" if path else name
        if inner is None:
            message = f'Invalid JSON payload received. Unknown name "{where}"'
            raise refuse(400, "badRequest", message)
        _check(inner, item, where)


def _check_string(spec: dict, value: Any, path: str) -> None:
    if spec.get("format") == "int64":
        _expect(_is_integer(value), path, value)
        return
    _expect(isinstance(value, str), path, value)
    possible = _possible(spec)
    _expect(not possible or value in possible, path, value)
    try:
        if spec.get("format") == "date" and value:
            date.fromisoformat(value)
        elif spec.get("format") == "date-time" and value:
            datetime.fromisoformat(python_iso(value))
    except ValueError:
        raise refuse(400, "parseError", f"Invalid value at {path}: {value}") from None


def _possible(spec: dict) -> list[str]:
    text = spec.get("description", "")
    if "Possible values are:" not in text:
        return []
    # Later lists in the same text speak of something else.
    return POSSIBLE.findall(text.split("Possible values are:")[1].split("\n\n")[0])


def _is_integer(value: Any) -> bool:
    if isinstance(value, str):
        return bool(re.fullmatch(r"-?\d+", value))
    return isinstance(value, int) and not isinstance(value, bool)


def _expect(holds: bool, path: str, value: Any) -> None:
    if not holds:
        raise invalid(f"Invalid value at {path}: {str(value)[:80]}", path)


# ------------------------------------------------------------------- partial answers


def select(mask: str, value: Any) -> Any:
    """The part of `value` that a ``fields`` mask such as ``items(id),etag`` names."""
    tree, rest = _parse(mask)
    if rest:
        raise refuse(
            400, "invalidParameter", "Invalid field selection", "global", "fields"
        )
    return _cut(tree, value)


def _parse(text: str) -> tuple[dict, str]:
    """A tree of names (an empty branch = everything below), and what was not read."""
    tree: dict = {}
    while text:
        match = re.match(r"[\w*/.-]+", text)
        if not match:
            break
        text = text[match.end() :]
        branch = tree
        for name in match[0].split("/"):
            branch = branch.setdefault(name, {})
        if text.startswith("("):
            inner, text = _parse(text[1:])
            branch.update(inner)
            if not text.startswith(")"):
                return tree, text or "("
            text = text[1:]
        if not text.startswith(","):
            break
        text = text[1:]
    return tree, text


def _cut(tree: dict, value: Any) -> Any:
    if not tree or "*" in tree and not tree["*"]:
        return value
    if isinstance(value, list):
        return [_cut(tree, item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _cut(tree.get(name, tree.get("*", {})), item)
        for name, item in value.items()
        if name in tree or "*" in tree
    }
