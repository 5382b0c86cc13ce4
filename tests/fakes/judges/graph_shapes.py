"""Shapes of Microsoft Graph's resources, for requests and for answers, made from graph.schema.json.

The types say names, values and nulls. Added here, from the reference of each resource: formats of dates, times and properties,
annotations of OData, what may be written, what an answer always has, and the few things that have no type (batches, errors, actions).
"""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

from tests.fakes.judges import graph_reference as reference
from tests.fakes.judges.shapes import Schema, Shape

_KINDS = {
    "Attachment": ("FileAttachment", "ItemAttachment"),
    "Extension": ("OpenTypeExtension",),
    "TimeZoneBase": ("TimeZoneBase", "CustomTimeZone"),
}
_PROPERTY_ID = (
    r"^(Binary|Boolean|Currency|Double|Float|Guid|Integer|Long|Short|String|SystemTime)"
    r" (0x[0-9A-Fa-f]{4}|\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\} (Name \S.*|Id 0x[0-9A-Fa-f]{4}))$"
)
_TIME_OF_DAY = r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,7})?$"
_MEASURES = {"OutlookGeoCoordinates"}  # the one place with numbers that aren't whole


@cache
def names(resource: str) -> frozenset[str]:
    """Name the properties of a resource."""
    return frozenset(_definitions()[resource]["properties"])


@cache
def plain_names(resource: str) -> frozenset[str]:
    """Name the properties that an answer may have without being asked by $select or $expand."""
    properties = _definitions()[resource]["properties"]
    return frozenset(name for name, schema in properties.items() if not schema.get("x-asked") and not _leads_elsewhere(schema))


@cache
def written(resource: str, method: str) -> Shape:
    """Compile what a client may send: everything that isn't the server's at POST, the documented table at PATCH."""
    definitions = copy.deepcopy(_definitions())
    body = definitions[resource]["properties"]
    ours = {name for name, schema in body.items() if not schema.get("readOnly")} - reference.BY_THE_SERVER[resource]
    kept = ours | reference.CREATABLE[resource] if method == "POST" else reference.UPDATABLE[resource]
    top: Schema = {"type": "object", "properties": {name: body[name] for name in kept & body.keys()}, "additionalProperties": False}
    top["properties"]["@odata.type"] = {"enum": [f"#microsoft.graph.{_camel(resource)}"]}
    if method == "POST":
        top["required"] = reference.NEEDED[resource]
    else:
        top["minProperties"] = 1
    definitions["Attendee"]["required"] = ["emailAddress"]
    return Shape(top, _annotated(definitions, "^@odata\\.type$", "^@odata\\.type$"))


@cache
def answered(resource: str, manner: str) -> Shape:
    """Compile an item of an answer; manner: whole, selected ($select), or changed (an item of a delta)."""
    family = "Message" if resource in reference.EVENT_MESSAGES else resource
    needed = {"whole": reference.ALWAYS, "selected": reference.SELECTED, "changed": reference.CHANGED}[manner][family]
    complex_ = r"^@odata\.type$"
    entity = r"^(@odata\.(type|etag|id|context|editLink)|[A-Za-z]+@odata\.(context|navigationLink|associationLink|type|count|nextLink))$"
    definitions = _annotated(copy.deepcopy(_definitions()), entity, complex_)
    if resource in reference.WITHOUT_ETAG:
        definitions[resource]["properties"]["@odata.etag"] = False
    rules: list[Schema] = [{"$ref": f"#/definitions/{resource}"}, {"required": sorted(needed)}]
    if resource == "Event" and manner == "whole":
        rules += [
            _when("type", ("seriesMaster",), {"recurrence": {"type": "object"}}),
            _when("type", ("occurrence", "exception"), {"seriesMasterId": {"type": "string"}, "recurrence": {"type": "null"}}),
            _when("type", ("singleInstance",), {"seriesMasterId": {"type": "null"}, "recurrence": {"type": "null"}}),
        ]
    return Shape({"allOf": rules}, definitions)


@cache
def of(name: str) -> Shape:
    """Compile what has no type of Microsoft's: errors, batches and the parameters of actions, by their reference pages."""
    return Shape(_BY_HAND[name], _annotated(copy.deepcopy(_definitions()), r"^@odata\.type$", r"^@odata\.type$"))


def _when(name: str, values: tuple[str, ...], properties: Schema | None = None, required: frozenset[str] = frozenset()) -> Schema:
    """Ask for more where a property has one of these values."""
    then = {"properties": properties or {}, "required": sorted(required)}
    return {"if": {"properties": {name: {"enum": [*values]}}, "required": [name]}, "then": then}


@cache
def _definitions() -> dict[str, Schema]:
    """Read the types, with the formats that TypeScript has no words for."""
    text = Path(__file__).with_name("graph.schema.json").read_text("utf-8")
    definitions: dict[str, Any] = json.loads(text)["definitions"]
    for name, schema in definitions.items():
        for key, value in schema.get("properties", {}).items():
            _give_format(name, key, value)
    definitions["Event"]["properties"]["occurrenceId"] = {"type": ["string", "null"], "x-asked": True}  # in the reference, not in the types
    definitions["Event"]["properties"]["cancelledOccurrences"]["items"]["pattern"] = r"^OID\..+\.\d{4}-\d\d-\d\d$"
    definitions["DateTimeTimeZone"]["required"] = ["dateTime", "timeZone"]
    definitions["PatternedRecurrence"]["required"] = ["pattern", "range"]
    for name, table in (("RecurrencePattern", reference.PATTERNS), ("RecurrenceRange", reference.RANGES)):
        definitions[name]["required"] = ["type"]
        definitions[name]["allOf"] = [_when("type", (kind,), required=needed) for kind, needed in table.items()]
    for name in reference.EXTENDED:
        item = definitions[f"{name[0].upper()}{name[1 : -len('ExtendedProperties')]}LegacyExtendedProperty"]
        item["properties"]["id"]["pattern"] = _PROPERTY_ID
        item["required"] = ["id", "value"]
    return definitions


def _give_format(name: str, key: str, value: Schema) -> None:
    text = "string" in (value.get("type") or ())
    if (name, key) == ("DateTimeTimeZone", "dateTime"):
        value["format"] = "local-date-time"
    elif (name, key) in {("DateTimeTimeZone", "timeZone"), ("RecurrenceRange", "recurrenceTimeZone")}:
        value["format"] = "zone"
    elif name == "RecurrenceRange" and text and key.endswith("Date"):
        value["format"] = "date"
    elif text and (key.endswith("DateTime") or key == "originalStart" or (name, key) == ("ResponseStatus", "time")):
        value["format"] = "date-time"
    elif name == "WorkingHours" and key in {"startTime", "endTime"}:
        value["pattern"] = _TIME_OF_DAY
    elif key == "availabilityView":
        value["pattern"] = "^[0-4]*$"
    if "number" in (value.get("type") or ()) and name not in _MEASURES:
        value["type"] = ["integer", "null"] if "null" in value["type"] else "integer"


def _annotated(definitions: dict[str, Schema], entity: str, complex_: str) -> dict[str, Schema]:
    """Let OData's annotations stand beside the properties, and name the kinds of what comes in several."""
    for schema in definitions.values():
        if schema.get("type") == "object":
            schema["patternProperties"] = {entity if "id" in schema["properties"] else complex_: {"type": ["string", "integer"]}}
    for base, kinds in _KINDS.items():
        for kind in kinds:
            definitions[kind]["properties"]["@odata.type"] = {"enum": [f"#microsoft.graph.{_camel(kind)}"]}
            if kind != base:
                definitions[kind]["required"] = ["@odata.type"]
        branches = [{"$ref": f"#/definitions/{kind}"} for kind in kinds if kind != base]
        plain = [definitions[base]] if base in kinds else []
        definitions[base] = {"anyOf": [*branches, *plain]}
    definitions["OpenTypeExtension"] |= {"additionalProperties": True}
    return definitions


def _leads_elsewhere(schema: Schema) -> bool:
    """Tell whether this is a navigation property: one to things with an id of their own."""
    if "$ref" in schema:
        target = _definitions()[schema["$ref"].removeprefix("#/definitions/")]
        return "id" in target.get("properties", {})
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]
    return any(_leads_elsewhere(branch) for branch in inner)


def _camel(name: str) -> str:
    return name[0].lower() + name[1:]


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


_TEXT: Schema = {"type": "string"}
_ID: Schema = {"type": "string", "minLength": 1}
_TIME: Schema = {"$ref": "#/definitions/DateTimeTimeZone"}
_HEADERS: Schema = {"type": "object", "additionalProperties": _TEXT}
_ERROR = _object(
    ["code", "message"],
    code=_ID,
    message=_TEXT,
    target=_TEXT,
    details={"type": "array"},
    innerError={"type": "object"},
    innererror={"type": "object"},
)
_BY_HAND: dict[str, Schema] = {
    "error": _object(["error"], error=_ERROR),
    "cancel": _object([], comment=_TEXT),
    "move": _object(["destinationId"], destinationId=_ID),
    "sendMail": _object(["message"], message={"type": "object"}, saveToSentItems={"type": "boolean"}),
    "getSchedule": _object(
        ["schedules", "startTime", "endTime"],
        schedules={"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^[^@ ]+@[^@ ]+$"}},
        startTime=_TIME,
        endTime=_TIME,
        availabilityViewInterval={"type": "integer", "minimum": 5, "maximum": 1440},
    ),
    "removed": {
        "type": "object",
        "required": ["id", "@removed"],
        "properties": {
            "id": _ID,
            "@odata.type": _TEXT,
            "@odata.etag": _TEXT,
            "@removed": _object(["reason"], reason={"enum": ["deleted", "changed"]}),
        },
        "additionalProperties": False,
    },
    "batch": _object(
        ["requests"],
        requests={
            "type": "array",
            "minItems": 1,
            "maxItems": 20,
            "items": _object(
                ["id", "method", "url"],
                id=_ID,
                method={"enum": ["GET", "POST", "PATCH", "PUT", "DELETE"]},
                url={"type": "string", "pattern": "^/?[^/:]+(/|$)"},
                headers=_HEADERS,
                body={},
                dependsOn={"type": "array", "items": _TEXT},
            ),
        },
    ),
    "batched": _object(
        ["responses"],
        responses={
            "type": "array",
            "items": _object(
                ["id", "status"], id=_ID, status={"type": "integer", "minimum": 100, "maximum": 599}, headers=_HEADERS, body={}
            ),
        },
    ),
}
