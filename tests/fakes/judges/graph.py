"""Judge requests and responses of Microsoft Graph (v1.0) by Microsoft's own types, and by the reference where types have no words.

By the path: which methods it takes, which options of OData, which body, which status and which answer. Paths may be whole URLs, with
or without ``/v1.0``, always with their query. Only ``/users/{id}``: an application that signs in as itself has no ``/me``.
Not judged: headers, what a filter finds, business rules.
"""

from __future__ import annotations

import base64
import binascii
import email
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.judges import Illegal, graph_shapes
from tests.fakes.judges.graph_options import TOKENS, chosen, judge_options, options
from tests.fakes.judges.graph_reference import ATTACHMENTS, EVENT_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGED = ("$select", "$top", "$skip", "$skiptoken", "$count", "$filter", "$orderby", "$expand")
_WINDOW = ("startDateTime", "endDateTime")


@dataclass(frozen=True, slots=True)
class Call:
    """What one method on one path takes and gives."""

    status: int
    resource: str = ""
    gives: str = "nothing"  # one, many, changes, mime, schedules, batch
    takes: str = "nothing"  # resource, mime, message, or the name of a shape by hand
    options: frozenset[str] = frozenset()


def _reads(resource: str, gives: str, *known: str) -> Call:
    return Call(200, resource, gives, options=frozenset(known))


def _kept(resource: str, *expand: str) -> dict[str, Call]:
    """Say what something that can be read, changed and removed takes."""
    return {
        "GET": _reads(resource, "one", "$select", *expand),
        "PATCH": Call(200, resource, "one", "resource"),
        "DELETE": Call(204, resource),
    }


def _listed(resource: str, gives: str = "many") -> dict[str, Call]:
    return {"GET": _reads(resource, gives, *_PAGED), "POST": Call(201, resource, "one", "resource")}


def _folders() -> dict[str, Call]:
    listed = _reads("MailFolder", "many", *_PAGED, "includeHiddenFolders")
    return {"GET": listed, "POST": Call(201, "MailFolder", "one", "resource")}


_USER = "users/[^/]+"
_CALENDAR = f"{_USER}(/calendar|/calendars/[^/]+)"
_EVENT = f"{_USER}(/calendar|/calendars/[^/]+)?/events/[^/]+"
_MESSAGE = f"{_USER}(/mailFolders/[^/]+)?/messages/[^/]+"
_ROUTES: dict[str, dict[str, Call]] = {
    r"\$batch": {"POST": Call(200, "", "batch", "batch")},
    _USER: {"GET": _reads("User", "one", "$select")},
    f"{_USER}/calendars": _listed("Calendar"),
    _CALENDAR: _kept("Calendar", "$expand"),
    f"{_USER}(/calendar|/calendars/[^/]+)?/events": _listed("Event"),
    _EVENT: _kept("Event", "$expand"),
    f"{_EVENT}/instances": {"GET": _reads("Event", "many", *_WINDOW, *_PAGED)},
    f"{_EVENT}/cancel": {"POST": Call(202, "Event", takes="cancel")},
    f"{_USER}(/calendar|/calendars/[^/]+)?/calendarView": {"GET": _reads("Event", "many", *_WINDOW, *_PAGED)},
    f"{_USER}(/calendar|/calendars/[^/]+)?/calendarView/delta": {
        "GET": _reads("Event", "changes", *_WINDOW, "$deltatoken", "$skiptoken"),
    },
    f"{_USER}/calendar/getSchedule": {"POST": Call(200, "ScheduleInformation", "schedules", "getSchedule")},
    f"{_USER}/sendMail": {"POST": Call(202, "Message", takes="message")},
    f"{_USER}/mailFolders": _folders(),
    f"{_USER}/mailFolders/[^/]+": {"GET": _reads("MailFolder", "one", "$select", "$expand")},
    f"{_USER}/mailFolders/[^/]+/childFolders": _folders(),
    f"{_USER}(/mailFolders/[^/]+)?/messages": {
        "GET": _reads("Message", "many", *_PAGED, "$search"),
        "POST": Call(201, "Message", "one", "draft"),
    },
    f"{_USER}/mailFolders/[^/]+/messages/delta": {
        "GET": _reads("Message", "changes", "$select", "$expand", "$top", "$filter", "$orderby", "changeType", "$deltatoken", "$skiptoken"),
    },
    _MESSAGE: _kept("Message", "$expand"),
    f"{_MESSAGE}/attachments": {"GET": _reads("Attachment", "many", *_PAGED)},
    f"{_MESSAGE}/move": {"POST": Call(201, "Message", "one", "move")},
    f"{_MESSAGE}/send": {"POST": Call(202, "Message")},
    rf"{_MESSAGE}/\$value": {"GET": Call(200, "Message", "mime")},
}
_PATHS = [(re.compile(pattern), methods) for pattern, methods in sorted(_ROUTES.items(), key=lambda route: route[0].count("[^/]"))]


def judge_request(method: str, path: str, body: object | None) -> None:
    """Raise Illegal unless Graph has this call, with these options and this body (text or bytes for MIME, else JSON's values)."""
    call, given = _call(method, path)
    where = f"{method} {path}"
    judge_options(given, call.options, call.resource, where)
    if call.takes == "nothing":
        if body is not None:
            raise Illegal(where, "takes no body")
    elif body is None and call.takes != "cancel":
        raise Illegal(where, "needs a body")
    elif call.takes == "resource":
        graph_shapes.written(call.resource, method).judge(body, where)
    elif call.takes in {"message", "draft"}:
        _judge_mail(call.takes, body, where)
    elif body is not None:
        graph_shapes.of(call.takes).judge(body, where)
        if call.takes == "batch":
            _judge_batch(body, where)


def judge_response(method: str, path: str, status: int, body: object | None, asked: object | None = None) -> None:
    """Raise Illegal unless this answers that call. ``asked`` is the request's body: with it the answers in a batch are judged too."""
    call, given = _call(method, path)
    where = f"{status} to {method} {path}"
    if status >= 400:
        graph_shapes.of("error").judge(body, where)
        return
    if status != call.status:
        raise Illegal(where, f"answers {call.status}")
    if call.gives == "nothing":
        if body is not None:
            raise Illegal(where, "answers without a body")
    elif call.gives == "mime":
        _judge_mime(body, where)
    elif call.gives == "batch":
        graph_shapes.of("batched").judge(body, where)
        _judge_batched(body, asked, where)
    elif not isinstance(body, dict):
        raise Illegal(where, f"answers an object, not {type(body).__name__}")
    elif call.gives == "one":
        _judge_item({name: value for name, value in body.items() if name != "@odata.context"}, call, given, where)
    else:
        _judge_collection(body, call, given, where)


def _call(method: str, path: str) -> tuple[Call, dict[str, str]]:
    parts = urlsplit(path)
    plain = re.sub(r"^.*?/v1\.0(?=/)", "", parts.path).strip("/")
    for pattern, methods in _PATHS:
        if pattern.fullmatch(plain):
            if method not in methods:
                raise Illegal(f"{method} {path}", f"the path takes {', '.join(methods)}")
            return methods[method], options(parts.query, f"{method} {path}")
    raise Illegal(f"{method} {path}", "no such path among those judged")


def _judge_collection(body: dict[str, Any], call: Call, given: Mapping[str, str], where: str) -> None:
    links = {"@odata.nextLink"} | ({"@odata.deltaLink"} if call.gives == "changes" else set())
    if strange := body.keys() - links - {"value", "@odata.context", "@odata.count"}:
        raise Illegal(where, f"a collection has no {', '.join(sorted(strange))}")
    if not isinstance(body.get("value"), list):
        raise Illegal(where, "a collection needs its value, a list")
    followed = links & body.keys()
    if call.gives == "changes" and len(followed) != 1:
        raise Illegal(where, "changes end in one link, nextLink or deltaLink")
    if "@odata.count" in body and not isinstance(body["@odata.count"], int):
        raise Illegal(where, "@odata.count is a number")
    for link in followed:
        _judge_link(link, body[link], call, where)
    for place, item in enumerate(body["value"]):
        _judge_item(item, call, given, f"{where}, value.{place}")


def _judge_link(name: str, link: object, call: Call, where: str) -> None:
    if not isinstance(link, str) or not link.startswith(("http://", "https://")):
        raise Illegal(where, f"{name} is an absolute URL, not {link!r}")
    inside = dict(parse_qsl(urlsplit(link).query))
    wanted = {"@odata.deltaLink": {"$deltatoken"}}.get(name, {"$skiptoken"} if call.gives == "changes" else {"$skiptoken", "$skip"})
    if not wanted & inside.keys():
        raise Illegal(where, f"{name} carries {' or '.join(sorted(wanted))}, not {link!r}")


def _judge_item(item: object, call: Call, given: Mapping[str, str], where: str) -> None:
    if not isinstance(item, dict):
        raise Illegal(where, f"is an object, not {item!r}")
    if call.gives == "changes" and "@removed" in item:
        graph_shapes.of("removed").judge(item, where)
        return
    resource = _kind(item, call.resource, where)
    selected, expanded = chosen(given)
    token = any(name in given for name in TOKENS)  # hides what was asked for at first
    manner = "changed" if call.gives == "changes" else "selected" if token or selected is not None else "whole"
    graph_shapes.answered(resource, manner).judge(item, where)
    if token and "$select" in call.options:
        return
    allowed = (graph_shapes.plain_names(resource) if selected is None else selected | {"id"}) | expanded
    if unasked := [name for name in item if "@" not in name and name not in allowed]:
        raise Illegal(where, f"{', '.join(unasked)} came without being asked by $select or $expand")


def _kind(item: dict[str, Any], resource: str, where: str) -> str:
    """Say which type an item is of: the collection's, or the one that it names."""
    named = item.get("@odata.type")
    if named is None or (resource == "Attachment" and named in ATTACHMENTS):
        return resource
    kinds: tuple[str, ...] = (resource, *(EVENT_MESSAGES if resource == "Message" else ()))
    for kind in kinds:
        if named == f"#microsoft.graph.{kind[0].lower()}{kind[1:]}":
            return kind
    raise Illegal(where, f"{named!r} is no {resource}")


def _judge_mail(takes: str, body: object, where: str) -> None:
    if isinstance(body, (str, bytes)):
        try:
            _judge_mime(base64.b64decode(body, validate=True), where)
        except (binascii.Error, ValueError) as problem:
            raise Illegal(where, f"MIME is sent in base64: {problem}") from problem
        return
    if takes == "draft":
        graph_shapes.written("Message", "POST").judge(body, where)
        return
    graph_shapes.of("sendMail").judge(body, where)
    if isinstance(body, dict):
        graph_shapes.written("Message", "POST").judge(body["message"], f"{where}, message")
        if not body["message"].get("toRecipients"):
            raise Illegal(where, "a message needs toRecipients")


def _judge_mime(body: object, where: str) -> None:
    raw = body.encode() if isinstance(body, str) else body
    if not isinstance(raw, bytes):
        raise Illegal(where, f"is MIME, not {type(body).__name__}")
    message = email.message_from_bytes(raw)
    if message.defects or not message.get("From"):
        raise Illegal(where, f"is no mail: {message.defects or 'no From'}")


def _judge_batch(body: object, where: str) -> None:
    requests = body["requests"] if isinstance(body, dict) else []
    ids = [request["id"] for request in requests]
    if len(set(ids)) != len(ids):
        raise Illegal(where, "an id is given twice")
    for request in requests:
        inner = f"{where}, {request['id']}"
        if request["url"].lstrip("/").startswith("$batch"):
            raise Illegal(inner, "a batch in a batch")
        if unknown := set(request.get("dependsOn", ())) - set(ids):
            raise Illegal(inner, f"depends on {', '.join(unknown)}, which isn't there")
        kinds = {name.lower(): value for name, value in request.get("headers", {}).items()}
        if "body" in request and "content-type" not in kinds:
            raise Illegal(inner, "a body needs its Content-Type")
        judge_request(request["method"], f"/{request['url'].lstrip('/')}", request.get("body"))


def _judge_batched(body: object, asked: object | None, where: str) -> None:
    answers = {answer["id"]: answer for answer in body["responses"]} if isinstance(body, dict) else {}
    if not isinstance(asked, dict):
        return
    requests = {request["id"]: request for request in asked["requests"]}
    if answers.keys() != requests.keys():
        raise Illegal(where, f"answers {sorted(answers)} to {sorted(requests)}")
    for number, request in requests.items():
        answer = answers[number]
        judge_response(request["method"], f"/{request['url'].lstrip('/')}", answer["status"], answer.get("body"))
