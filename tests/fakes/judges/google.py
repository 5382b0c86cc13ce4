"""Judge requests and responses of Google's Calendar API by its own discovery document, calendar.v3.json.

google-api-python-client ships it; the file is read where pip put it, the package stays unimported.
Beyond names, types and enumerations: what the document says in words only (values, kinds, what is required), and dates.
"""

from __future__ import annotations

import importlib.util
import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.judges import Illegal
from tests.fakes.judges.shapes import Schema, Shape, is_instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ROOT = "/calendar/v3"
_VALUES = re.compile(r"^- \"([^\"]+)\"", re.MULTILINE)
_RECURRENCE = r"^((RRULE|EXRULE):[A-Z]+=[^;=]+(;[A-Z]+=[^;=]+)*|(RDATE|EXDATE)(;[A-Z]+=[^:]+)?:[0-9TZ,/P]+)$"
_INT32 = {"minimum": -(2**31), "maximum": 2**31 - 1}
_NOT_WITH_SYNC_TOKEN = ("iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin")

# The document doesn't say what an answer always has; these a client may count on, by the reference of each resource.
_ALWAYS = {
    "Event": ("kind", "etag", "id", "status"),
    "Events": ("kind", "etag", "summary", "updated", "timeZone", "accessRole", "defaultReminders", "items"),
    "Calendar": ("kind", "etag", "id", "summary"),
    "CalendarListEntry": ("kind", "etag", "id", "summary", "accessRole"),
    "CalendarList": ("kind", "etag", "items"),
    "FreeBusyResponse": ("kind", "timeMin", "timeMax", "calendars"),
}
_ALWAYS_ALIVE = ("created", "updated", "iCalUID", "organizer", "creator", "start", "end", "htmlLink", "sequence")


def judge_request(method: str, path: str, query: Mapping[str, str | list[str]], body: object | None) -> None:
    """Raise Illegal unless the discovery document has this call, with these parameters and this body."""
    call, _ = _call(method, path)
    where = f"{method} {path}"
    _judge_query(call, query, where)
    if "request" not in call:
        if body is not None:
            raise Illegal(where, f"{call['id']} takes no body")
        return
    if body is None:
        raise Illegal(where, f"{call['id']} needs a body")
    _request_shape(call["id"]).judge(body, where)
    if isinstance(body, dict) and call["id"].startswith("calendar.events."):
        _judge_recurring(body, where)


def judge_response(method: str, path: str, status: int, body: object | None) -> None:
    """Raise Illegal unless this answers that call; the path may carry its query, whose ``fields`` thins the answer out."""
    call, fields = _call(method, path)
    where = f"{status} to {method} {path}"
    if status >= 400:  # HTTP's own line between answers and errors
        _error_shape(status).judge(body, where)
        return
    if status == 304 and body is None:  # HTTP's own: not modified
        return
    if "response" not in call:
        if (status, body) != (204, None):
            raise Illegal(where, f"{call['id']} answers 204 and no body")
        return
    if status != 200:  # the one success with a body that this API has
        raise Illegal(where, f"{call['id']} answers 200")
    _response_shape(call["response"]["$ref"], thinned=fields).judge(body, where)


def _call(method: str, path: str) -> tuple[dict[str, Any], bool]:
    """Find the call by method and path, and whether its answer is thinned out by ``fields``."""
    parts = urlsplit(path)
    plain = parts.path.removeprefix(_ROOT).strip("/")
    others = []
    for template, found in _calls():
        if template.fullmatch(plain):
            if found["httpMethod"] == method:
                return found, "fields" in parse_qs(parts.query)
            others.append(found["httpMethod"])
    raise Illegal(f"{method} {path}", f"the path takes {', '.join(others)}" if others else "no such path in the Calendar API")


def _judge_query(call: dict[str, Any], query: Mapping[str, str | list[str]], where: str) -> None:
    known: dict[str, Any] = _document()["parameters"] | {n: p for n, p in call.get("parameters", {}).items() if p["location"] == "query"}
    for name, given in query.items():
        if name not in known:
            raise Illegal(where, f"{call['id']} has no parameter {name}")
        values = [given] if isinstance(given, str) else given
        if len(values) != 1 and not known[name].get("repeated"):
            raise Illegal(where, f"{name} can be given once, not {len(values)} times")
        for value in values:
            _judge_parameter(known[name], value, f"{where}, {name}")
    for name, parameter in known.items():
        if parameter.get("required") and name not in query:
            raise Illegal(where, f"{call['id']} needs {name}")
    if "syncToken" in query and (clash := [name for name in _NOT_WITH_SYNC_TOKEN if name in query]):
        raise Illegal(where, f"syncToken can't go with {', '.join(clash)}")
    if "syncToken" in query and query.get("showDeleted") == "false":
        raise Illegal(where, "syncToken can't go with showDeleted=false")
    if query.get("orderBy") == "startTime" and query.get("singleEvents") != "true":
        raise Illegal(where, "orderBy=startTime wants singleEvents=true")


def _judge_parameter(parameter: dict[str, Any], value: str, where: str) -> None:
    if not isinstance(value, str):
        raise Illegal(where, f"a parameter is text, not {value!r}")
    kind = parameter["type"]
    if "enum" in parameter and value not in parameter["enum"]:
        raise Illegal(where, f"{value!r} is none of {', '.join(parameter['enum'])}")
    if kind == "boolean" and value not in {"true", "false"}:
        raise Illegal(where, f"{value!r} is neither true nor false")
    if kind == "integer":
        low, high = int(parameter.get("minimum", _INT32["minimum"])), int(parameter.get("maximum", _INT32["maximum"]))
        if not re.fullmatch(r"-?\d+", value) or not low <= int(value) <= high:
            raise Illegal(where, f"{value!r} is no whole number from {low} to {high}")
    if parameter.get("format") == "date-time" and not is_instant(value):
        raise Illegal(where, f"{value!r} is no date and time with offset")
    if where.endswith("ExtendedProperty") and "=" not in value:
        raise Illegal(where, f"{value!r} is not name=value")


def _judge_recurring(event: dict[str, Any], where: str) -> None:
    if event.get("recurrence"):
        for side in ("start", "end"):
            if event.get(side) and "dateTime" in event[side] and "timeZone" not in event[side]:
                raise Illegal(where, f"{side}: a recurring event needs its timeZone")


@cache
def _document() -> dict[str, Any]:
    found = importlib.util.find_spec("googleapiclient")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("Google's discovery document is missing: pip install google-api-python-client")
    text = (Path(found.origin).parent / "discovery_cache" / "documents" / "calendar.v3.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


@cache
def _calls() -> tuple[tuple[re.Pattern[str], dict[str, Any]], ...]:
    """List every call with its path as a pattern, those with fewer placeholders first."""

    def under(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield from resource.get("methods", {}).values()
        for inner in resource.get("resources", {}).values():
            yield from under(inner)

    calls = sorted(under(_document()), key=lambda call: str(call["path"]).count("{"))
    return tuple((re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(call["path"]))), call) for call in calls)


@cache
def _request_shape(identity: str) -> Shape:
    """Compile what a call takes: what it requires at every depth, and null for what a patch takes away."""
    call = next(call for _, call in _calls() if call["id"] == identity)
    definitions = {name: _schema(schema, identity) for name, schema in _document()["schemas"].items()}
    _by_its_words(definitions)
    definitions["FreeBusyRequest"]["required"] = ["timeMin", "timeMax", "items"]
    if identity.endswith((".insert", ".import")):
        definitions["Event"]["properties"]["id"] = {"type": "string", "pattern": r"^[a-v0-9]{5,1024}$"}
    return Shape({"$ref": f"#/definitions/{call['request']['$ref']}"}, definitions)


@cache
def _response_shape(name: str, *, thinned: bool) -> Shape:
    definitions = {name: _schema(schema, "") for name, schema in _document()["schemas"].items()}
    _by_its_words(definitions)
    if not thinned:
        for resource, always in _ALWAYS.items():
            definitions[resource]["required"] = list(always)
        cancelled = {"properties": {"status": {"const": "cancelled"}}}
        definitions["Event"] |= {"if": cancelled, "else": {"required": list(_ALWAYS_ALIVE)}}
    return Shape({"$ref": f"#/definitions/{name}"}, definitions)


def _schema(described: dict[str, Any], identity: str) -> Schema:
    """Make JSON Schema of a schema of the discovery document, for the body of this call or for answers."""
    if "$ref" in described:
        reference = {"$ref": f"#/definitions/{described['$ref']}"}
        return {"anyOf": [reference, {"type": "null"}]} if identity.endswith(".patch") else reference
    kind = described.get("type", "any")
    made: Schema = {} if kind == "any" else {"type": kind}
    if kind == "object":
        inner: dict[str, Any] = described.get("properties", {})
        made["properties"] = {name: _schema(value, identity) for name, value in inner.items()}
        made["required"] = [name for name, value in inner.items() if _required(value, identity)]
        more = described.get("additionalProperties")
        made["additionalProperties"] = _schema(more, identity) if more else False
    elif kind == "array":
        made["items"] = _schema(described["items"], identity.removesuffix(".patch"))
    elif kind == "integer":
        made |= _INT32
    elif kind == "string":
        made |= _text(described)
    if identity.endswith(".patch") and kind != "any":
        made["type"] = [kind, "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    return made


def _required(described: dict[str, Any], identity: str) -> bool:
    if identity in described.get("annotations", {}).get("required", ()):
        return True
    return bool(identity) and "Required when adding" in described.get("description", "")


def _text(described: dict[str, Any]) -> Schema:
    """Read what a string may be: its format, and the values that the description lists in words."""
    words = described.get("description", "")
    if described.get("default", "").startswith("calendar#"):
        return {"enum": [described["default"]]}
    if "ossible values are" in words and "in the future" not in words and (values := _VALUES.findall(words)):
        return {"enum": [*values]}
    if described.get("format") == "int64":
        return {"pattern": r"^-?\d+$"}
    return {"format": described["format"]} if "format" in described else {}


def _by_its_words(definitions: dict[str, Schema]) -> None:
    """Ask for what the descriptions say: a day or a time, an offset unless there is a zone, lines of a recurrence."""
    time = definitions["EventDateTime"]
    time["properties"]["dateTime"]["format"] = "any-date-time"
    time["properties"]["timeZone"]["format"] = "iana"
    time["if"] = {"required": ["timeZone"], "properties": {"timeZone": {"type": "string"}}}
    time["else"] = {"properties": {"dateTime": {"format": "date-time"}}}
    time["oneOf"] = [{"required": [name], "properties": {name: {"type": "string"}}} for name in ("date", "dateTime")]
    definitions["Event"]["properties"]["recurrence"]["items"]["pattern"] = _RECURRENCE


@cache
def _error_shape(status: int) -> Shape:
    reason = {
        "type": "object",
        "required": ["domain", "reason", "message"],
        "properties": {"reason": {"type": "string", "pattern": "^[a-zA-Z]+$"}},
    }
    error = {
        "type": "object",
        "required": ["code", "message", "errors"],
        "properties": {
            "code": {"const": status},
            "message": {"type": "string"},
            "status": {"type": "string"},
            "details": {"type": "array"},
            "errors": {"type": "array", "minItems": 1, "items": reason},
        },
        "additionalProperties": False,
    }
    return Shape({"type": "object", "required": ["error"], "properties": {"error": error}, "additionalProperties": False}, {})
