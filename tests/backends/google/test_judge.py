"""The judge of Google's Calendar API lets right calls and answers pass and refuses wrong ones."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.fakes.judges import Illegal, google

EVENTS = "/calendar/v3/calendars/mentor%40voorbeeld.example/events"
EVENT = f"{EVENTS}/beklijf0abc"
SERIES: dict[str, Any] = {
    "id": "bekl1jf0abc",
    "summary": "Mentorgesprek",
    "start": {"dateTime": "2027-03-02T10:00:00", "timeZone": "Europe/Amsterdam"},
    "end": {"dateTime": "2027-03-02T11:00:00", "timeZone": "Europe/Amsterdam"},
    "recurrence": ["RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;WKST=MO;UNTIL=20270601T080000Z", "EXDATE;TZID=Europe/Amsterdam:20270316T100000"],
    "attendees": [{"email": "sanne@voorbeeld.example", "displayName": "Sanne", "responseStatus": "needsAction"}],
    "extendedProperties": {"private": {"beklijf-uid": "abc@beklijf"}},
    "reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": 0}]},
}
STORED: dict[str, Any] = SERIES | {
    "kind": "calendar#event",
    "etag": '"3"',
    "status": "confirmed",
    "htmlLink": "https://www.google.com/calendar/event?eid=x",
    "created": "2027-01-04T09:00:00.000Z",
    "updated": "2027-01-04T09:00:00.000Z",
    "creator": {"email": "mentor@voorbeeld.example", "self": True},
    "organizer": {"email": "mentor@voorbeeld.example", "self": True},
    "iCalUID": "bekl1jf0abc@google.com",
    "sequence": 0,
    "eventType": "default",
}
LIST: dict[str, Any] = {
    "kind": "calendar#events",
    "etag": '"7"',
    "summary": "mentor@voorbeeld.example",
    "updated": "2027-01-04T09:00:00.000Z",
    "timeZone": "Europe/Amsterdam",
    "accessRole": "owner",
    "defaultReminders": [],
    "nextSyncToken": "CPj=",
    "items": [STORED, {"kind": "calendar#event", "etag": '"4"', "id": "gone00", "status": "cancelled"}],
}
FREE = {"timeMin": "2027-03-01T00:00:00Z", "timeMax": "2027-03-08T00:00:00+01:00", "items": [{"id": "sanne@voorbeeld.example"}]}
FREED: dict[str, Any] = {
    "kind": "calendar#freeBusy",
    "timeMin": "2027-03-01T00:00:00.000Z",
    "timeMax": "2027-03-07T23:00:00.000Z",
    "calendars": {
        "sanne@voorbeeld.example": {"busy": [{"start": "2027-03-02T09:00:00Z", "end": "2027-03-02T10:00:00Z"}]},
        "nobody@voorbeeld.example": {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []},
    },
}
GONE = {"error": {"code": 410, "message": "Gone", "errors": [{"domain": "calendar", "reason": "fullSyncRequired", "message": "Gone"}]}}


def changed(original: dict[str, Any], place: str, value: object) -> dict[str, Any]:
    """Copy JSON with one value in it set; ``...`` takes it away."""
    copied: dict[str, Any] = copy.deepcopy(original)
    *path, last = [int(step) if step.isdecimal() else step for step in place.split("/")]
    inner: Any = copied
    for step in path:
        inner = inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return copied


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("POST", EVENTS, {"sendUpdates": "all"}, SERIES),
        ("GET", EVENTS, {"syncToken": "CPj=", "maxResults": "2500"}, None),
        ("GET", EVENTS, {"privateExtendedProperty": ["beklijf-uid=abc@beklijf", "a=b"], "showDeleted": "true"}, None),
        ("GET", f"{EVENT}/instances", {"timeMin": "2027-03-01T00:00:00Z", "originalStart": "2027-03-02T10:00:00+01:00"}, None),
        ("PATCH", EVENT, {"sendUpdates": "none"}, {"location": None, "start": {"date": None, "dateTime": "2027-03-03T10:00:00+01:00"}}),
        ("PATCH", EVENT, {"sendUpdates": "all"}, {"status": "cancelled"}),
        ("DELETE", EVENT, {"sendUpdates": "all"}, None),
        ("POST", "https://www.googleapis.com/calendar/v3/freeBusy", {}, FREE),
        ("GET", "/users/me/calendarList", {"minAccessRole": "writer"}, None),
        ("POST", "/calendars", {}, {"summary": "Mentorprogramma", "timeZone": "Europe/Amsterdam"}),
    ],
)
def test_right_calls_pass(method: str, path: str, query: dict[str, str | list[str]], body: object | None) -> None:
    google.judge_request(method, path, query, body)


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("POST", EVENTS, 200, STORED),
        ("GET", EVENTS, 200, LIST),
        ("GET", EVENTS, 410, GONE),
        ("DELETE", EVENT, 204, None),
        ("GET", f"{EVENT}?fields=id,etag", 200, {"id": "abc", "etag": '"3"'}),
        ("POST", "/freeBusy", 200, FREED),
        (
            "GET",
            "/calendars/primary",
            200,
            {"kind": "calendar#calendar", "etag": '"1"', "id": "mentor@voorbeeld.example", "summary": "Mentor"},
        ),
    ],
)
def test_right_answers_pass(method: str, path: str, status: int, body: object | None) -> None:
    google.judge_response(method, path, status, body)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("start", ..., "start"),
        ("start/dateTime", "2027-03-02 10:00", "start.dateTime"),
        ("start/dateTime", "2027-02-30T10:00:00", "start.dateTime"),
        ("start/timeZone", "W. Europe Standard Time", "start.timeZone"),
        ("start", {"dateTime": "2027-03-02T10:00:00"}, "date-time"),
        ("start", {"dateTime": "2027-03-02T10:00:00+01:00"}, "timeZone"),
        ("start", {"date": "2027-03-02", "dateTime": "2027-03-02T10:00:00Z"}, "start"),
        ("start", {"date": "2-3-2027"}, "date"),
        ("summary", 3, "summary"),
        ("title", "Mentorgesprek", "title"),
        ("id", "beklijf-uid", "id"),
        ("attendees/0/responseStatus", "maybe", "responseStatus"),
        ("attendees/0/email", ..., "email"),
        ("attendees/0/role", "required", "role"),
        ("reminders/overrides/0/minutes", "10", "minutes"),
        ("reminders/overrides/0/method", "sms", "method"),
        ("extendedProperties/private/beklijf-uid", 7, "beklijf-uid"),
        ("recurrence/0", "FREQ=WEEKLY", "recurrence"),
        ("recurrence/1", "DTSTART:20270302T100000", "recurrence"),
        ("visibility", "secret", "visibility"),
        ("kind", "calendar#meeting", "kind"),
        ("sequence", 2**31, "sequence"),
        ("location", None, "location"),
    ],
)
def test_a_wrong_event_is_refused(place: str, value: object, said: str) -> None:
    with pytest.raises(Illegal) as caught:
        google.judge_request("POST", EVENTS, {"sendUpdates": "all"}, changed(SERIES, place, value))
    assert said in caught.value.wrong


@pytest.mark.parametrize(
    ("method", "path", "query", "said"),
    [
        ("PUT", EVENTS, {}, "POST"),
        ("GET", "/calendars/a/event", {}, "no such path"),
        ("GET", EVENTS, {"sendUpdate": "all"}, "no parameter"),
        ("DELETE", EVENT, {"sendUpdates": "true"}, "none of all"),
        ("GET", EVENTS, {"maxResults": "0"}, "whole number"),
        ("GET", EVENTS, {"maxResults": "many"}, "whole number"),
        ("GET", EVENTS, {"singleEvents": "True"}, "neither true"),
        ("GET", EVENTS, {"timeMin": "2027-03-02T10:00:00"}, "offset"),
        ("GET", EVENTS, {"timeMin": ["2027-03-02T10:00:00Z", "2027-03-03T10:00:00Z"]}, "once"),
        ("GET", EVENTS, {"syncToken": "CPj=", "timeMin": "2027-03-02T10:00:00Z"}, "syncToken"),
        ("GET", EVENTS, {"syncToken": "CPj=", "showDeleted": "false"}, "showDeleted"),
        ("GET", EVENTS, {"orderBy": "startTime"}, "singleEvents"),
        ("GET", EVENTS, {"privateExtendedProperty": "beklijf-uid"}, "name=value"),
        ("POST", f"{EVENT}/move", {}, "destination"),
    ],
)
def test_a_wrong_call_is_refused(method: str, path: str, query: dict[str, str | list[str]], said: str) -> None:
    with pytest.raises(Illegal) as caught:
        google.judge_request(method, path, query, None)
    assert said in caught.value.wrong


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", EVENTS, {}),
        ("DELETE", EVENT, SERIES),
        ("POST", EVENTS, None),
        ("POST", EVENTS, [SERIES]),
        ("PATCH", EVENT, {"start": {"date": None, "dateTime": None}}),
        ("PATCH", EVENT, {"attendees": [{"displayName": "Sanne"}]}),
        ("POST", "/freeBusy", FREE | {"items": ["sanne@voorbeeld.example"]}),
        ("POST", "/freeBusy", FREE | {"timeMin": "2027-03-01"}),
        ("POST", "/calendars", {"timeZone": "Europe/Amsterdam"}),
    ],
)
def test_a_wrong_body_is_refused(method: str, path: str, body: object | None) -> None:
    with pytest.raises(Illegal):
        google.judge_request(method, path, {}, body)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("items/0/etag", ...),
        ("items/0/kind", "calendar#events"),
        ("items/0/updated", "2027-01-04T09:00:00"),
        ("items/0/organizer", "mentor@voorbeeld.example"),
        ("items/0/status", "busy"),
        ("items/1/id", ...),
        ("items/0/beklijf", "abc"),
        ("items/0/attendees/0/responseStatus", "ACCEPTED"),
        ("accessRole", "admin"),
        ("nextSyncToken", None),
        ("items", ...),
    ],
)
def test_a_wrong_answer_is_refused(place: str, value: object) -> None:
    with pytest.raises(Illegal):
        google.judge_response("GET", EVENTS, 200, changed(LIST, place, value))


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("DELETE", EVENT, 200, {}),
        ("POST", EVENTS, 201, STORED),
        ("POST", EVENTS, 200, None),
        ("GET", EVENT, 404, None),
        ("GET", EVENT, 404, GONE),
        ("GET", EVENT, 404, {"error": {"code": 404, "message": "Not Found"}}),
        ("GET", EVENT, 404, {"error": {"code": 404, "message": "", "errors": [{"domain": "global", "message": "Not Found"}]}}),
        ("POST", "/freeBusy", 200, changed(FREED, "calendars/sanne@voorbeeld.example/busy/0/start", "09:00")),
        ("GET", EVENT, 200, {"kind": "calendar#event", "etag": '"3"', "id": "abc", "status": "confirmed"}),
    ],
)
def test_a_wrong_status_or_error_is_refused(method: str, path: str, status: int, body: object | None) -> None:
    with pytest.raises(Illegal):
        google.judge_response(method, path, status, body)


def test_a_refusal_names_the_place_also_inside_a_patch() -> None:
    with pytest.raises(Illegal, match=r"start: dateTime: must be any-date-time, not 'tomorrow'"):
        google.judge_request("PATCH", EVENT, {}, {"start": {"dateTime": "tomorrow", "timeZone": "Europe/Amsterdam"}})
