"""The judge of Microsoft Graph lets right requests and answers pass and refuses wrong ones."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.judges import Illegal, graph
from tests.fakes.judges.make_graph_schema import PACKAGES

USER = "/users/mentor@voorbeeld.example"
EVENTS = f"{USER}/calendars/AAMkC/events"
EVENT = f"{USER}/events/AAMkE"
VIEW = f"{USER}/calendars/AAMkC/calendarView/delta"
MESSAGES = f"{USER}/mailFolders/inbox/messages"
LINK = "https://graph.microsoft.com/v1.0/users/mentor@voorbeeld.example/calendarView/delta?$deltatoken=R0usm"
PROPERTY = "String {7b1d2b7e-5d0f-4f3e-9a55-6e1c5c1b9d10} Name beklijf-uid"
EXPAND = f"$expand=singleValueExtendedProperties($filter=id eq '{PROPERTY}' or id eq '{PROPERTY.replace('uid', 'zone')}')"

SERIES: dict[str, Any] = {
    "subject": "Mentorgesprek",
    "body": {"contentType": "html", "content": "<p>Agenda</p>"},
    "start": {"dateTime": "2027-03-02T10:00:00", "timeZone": "Europe/Amsterdam"},
    "end": {"dateTime": "2027-03-02T11:00:00", "timeZone": "W. Europe Standard Time"},
    "recurrence": {
        "pattern": {"type": "weekly", "interval": 2, "daysOfWeek": ["tuesday"], "firstDayOfWeek": "monday"},
        "range": {"type": "endDate", "startDate": "2027-03-02", "endDate": "2027-06-01", "recurrenceTimeZone": "Europe/Amsterdam"},
    },
    "attendees": [{"emailAddress": {"address": "sanne@voorbeeld.example", "name": "Sanne"}, "type": "required"}],
    "transactionId": "7f1c",
    "isReminderOn": True,
    "reminderMinutesBeforeStart": 0,
    "singleValueExtendedProperties": [{"id": PROPERTY, "value": "abc@beklijf"}],
}
RECIPIENT = {"emailAddress": {"address": "mentor@voorbeeld.example", "name": "Mentorprogramma"}}
STORED: dict[str, Any] = {name: value for name, value in SERIES.items() if name != "singleValueExtendedProperties"} | {
    "@odata.etag": 'W/"x"',
    "id": "AAMkE",
    "changeKey": "x",
    "iCalUId": "040000008200E00074C5B7101A82E008",
    "createdDateTime": "2027-01-04T09:00:00.0000000Z",
    "lastModifiedDateTime": "2027-01-04T09:00:00.0000000Z",
    "type": "seriesMaster",
    "isAllDay": False,
    "isCancelled": False,
    "isOrganizer": True,
    "organizer": RECIPIENT,
    "seriesMasterId": None,
    "responseStatus": {"response": "organizer", "time": "0001-01-01T00:00:00Z"},
    "location": {"displayName": "Kamer 3", "locationType": "default", "uniqueId": "Kamer 3", "uniqueIdType": "private"},
    "showAs": "busy",
    "webLink": "https://outlook.office365.com/owa/?itemid=AAMkE",
    "start": {"dateTime": "2027-03-02T09:00:00.0000000", "timeZone": "UTC"},
    "end": {"dateTime": "2027-03-02T10:00:00.0000000", "timeZone": "UTC"},
    "calendar@odata.navigationLink": "https://graph.microsoft.com/v1.0/users('x')/calendars('y')",
}
OCCURRENCE = {
    "@odata.type": "#microsoft.graph.event",
    "@odata.etag": 'W/"y"',
    "id": "AAMkO",
    "type": "occurrence",
    "seriesMasterId": "AAMkE",
    "start": STORED["start"],
    "end": STORED["end"],
}
CHANGES: dict[str, Any] = {
    "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(event)",
    "@odata.deltaLink": LINK,
    "value": [STORED, OCCURRENCE, {"@odata.type": "#microsoft.graph.event", "id": "AAMkG", "@removed": {"reason": "deleted"}}],
}
ANSWER: dict[str, Any] = {
    "@odata.type": "#microsoft.graph.eventMessageResponse",
    "@odata.etag": 'W/"z"',
    "id": "AAMkM",
    "subject": "Accepted: Mentorgesprek",
    "from": RECIPIENT,
    "receivedDateTime": "2027-02-01T08:00:00Z",
    "meetingMessageType": "meetingTenativelyAccepted",
    "responseType": "tentativelyAccepted",
    "proposedNewTime": {"start": STORED["start"], "end": STORED["end"]},
}
SCHEDULE: dict[str, Any] = {
    "schedules": ["sanne@voorbeeld.example"],
    "startTime": {"dateTime": "2027-03-01T00:00:00", "timeZone": "UTC"},
    "endTime": {"dateTime": "2027-03-08T00:00:00", "timeZone": "UTC"},
    "availabilityViewInterval": 30,
}
SCHEDULES: dict[str, Any] = {
    "value": [
        {
            "scheduleId": "sanne@voorbeeld.example",
            "availabilityView": "0022",
            "scheduleItems": [{"status": "busy", "start": STORED["start"], "end": STORED["end"]}],
            "workingHours": {
                "daysOfWeek": ["monday"],
                "startTime": "08:00:00.0000000",
                "endTime": "17:00:00.0000000",
                "timeZone": {"@odata.type": "#microsoft.graph.customTimeZone", "bias": -60, "name": "Customized Time Zone"},
            },
        },
        {"scheduleId": "nobody@voorbeeld.example", "error": {"message": "Not found", "responseCode": "ErrorMailRecipientNotFound"}},
    ],
}
BATCH: dict[str, Any] = {
    "requests": [
        {"id": "1", "method": "POST", "url": EVENTS, "headers": {"Content-Type": "application/json"}, "body": SERIES},
        {"id": "2", "method": "DELETE", "url": EVENT, "dependsOn": ["1"]},
    ],
}
BATCHED: dict[str, Any] = {"responses": [{"id": "2", "status": 204}, {"id": "1", "status": 201, "headers": {}, "body": STORED}]}
MAIL = (
    b"From: mentor@voorbeeld.example\r\nTo: sanne@voorbeeld.example\r\nMessage-ID: <1@voorbeeld.example>\r\nSubject: Brief\r\n\r\nHallo\r\n"
)
MIME = base64.b64encode(MAIL).decode()


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
    ("method", "path", "body"),
    [
        ("POST", f"https://graph.microsoft.com/v1.0{EVENTS}", SERIES),
        ("PATCH", EVENT, {"location": {"displayName": "Kamer 4"}, "recurrence": None, "attendees": []}),
        ("DELETE", EVENT, None),
        ("POST", f"{EVENT}/cancel", {"comment": "Het traject is voorbij"}),
        ("POST", f"{EVENT}/cancel", None),
        ("GET", f"{EVENT}?$select=id,cancelledOccurrences&$expand=exceptionOccurrences", None),
        ("GET", f"{EVENTS}?{EXPAND}&$top=50", None),
        ("GET", f"{EVENTS}?$filter=singleValueExtendedProperties/Any(ep: ep/id eq '{PROPERTY}' and ep/value eq 'a''b')", None),
        ("GET", f"{EVENT}/instances?startDateTime=2027-03-01T00:00:00Z&endDateTime=2027-06-01T00:00:00%2B02:00&$select=start,end", None),
        ("GET", f"{VIEW}?startDateTime=2027-03-01T00:00:00Z&endDateTime=2027-06-01T00:00:00Z", None),
        ("GET", f"{VIEW}?$deltatoken=R0usm", None),
        ("POST", f"{USER}/calendar/getSchedule", SCHEDULE),
        ("POST", f"{USER}/calendars", {"name": "Mentorprogramma"}),
        ("POST", f"{USER}/sendMail", MIME),
        ("POST", f"{USER}/sendMail", {"message": {"subject": "Brief", "toRecipients": [RECIPIENT]}, "saveToSentItems": False}),
        ("GET", f"{MESSAGES}/delta?$select=subject,microsoft.graph.eventMessageResponse/responseType&changeType=created", None),
        ("GET", f"{MESSAGES}?$filter=receivedDateTime ge 2027-01-01T00:00:00Z and isRead eq false&$orderby=receivedDateTime desc", None),
        ("PATCH", f"{MESSAGES}/AAMkM", {"isRead": True, "categories": ["Beklijf"]}),
        ("POST", f"{USER}/messages/AAMkM/move", {"destinationId": "deleteditems"}),
        ("GET", f"{USER}/messages/AAMkM/$value", None),
        ("POST", "/v1.0/$batch", BATCH),
    ],
)
def test_right_requests_pass(method: str, path: str, body: object | None) -> None:
    graph.judge_request(method, path, body)


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("POST", EVENTS, 201, STORED),
        ("PATCH", EVENT, 200, STORED),
        ("DELETE", EVENT, 204, None),
        ("GET", f"{EVENTS}?{EXPAND}", 200, {"value": [STORED | {"singleValueExtendedProperties": [{"id": PROPERTY, "value": "abc"}]}]}),
        ("GET", f"{EVENT}?$select=cancelledOccurrences", 200, {"id": "AAMkE", "cancelledOccurrences": ["OID.AAMkE.2027-03-16"]}),
        ("GET", f"{VIEW}?$deltatoken=R0usm", 200, CHANGES),
        ("GET", f"{USER}/events?$top=1", 200, {"value": [], "@odata.nextLink": f"http://127.0.0.1/v1.0{USER}/events?$top=1&$skip=1"}),
        (
            "GET",
            f"{MESSAGES}?$select=subject,from,receivedDateTime,meetingMessageType,responseType,proposedNewTime",
            200,
            {"value": [ANSWER]},
        ),
        ("GET", f"{MESSAGES}/delta?$skiptoken=x", 200, {"@odata.deltaLink": LINK, "value": [ANSWER | {"internetMessageHeaders": []}]}),
        ("GET", f"{USER}/messages/AAMkM/$value", 200, MAIL),
        ("POST", f"{USER}/calendar/getSchedule", 200, SCHEDULES),
        ("POST", f"{USER}/sendMail", 202, None),
        ("GET", EVENT, 404, {"error": {"code": "ErrorItemNotFound", "message": "Not found.", "innerError": {"request-id": "1"}}}),
        ("GET", USER, 200, {"id": "1", "displayName": "Mentor", "mail": None, "userPrincipalName": "mentor@voorbeeld.example"}),
    ],
)
def test_right_answers_pass(method: str, path: str, status: int, body: object | None) -> None:
    graph.judge_response(method, path, status, body)


def test_the_answers_in_a_batch_are_judged_by_their_requests() -> None:
    graph.judge_response("POST", "/$batch", 200, BATCHED, BATCH)

    with pytest.raises(Illegal, match="start"):
        graph.judge_response("POST", "/$batch", 200, changed(BATCHED, "responses/1/body/start", "10:00"), BATCH)
    with pytest.raises(Illegal, match="answers"):
        graph.judge_response("POST", "/$batch", 200, {"responses": BATCHED["responses"][:1]}, BATCH)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("start", ..., "start"),
        ("start", "2027-03-02T10:00:00", "start"),
        ("start/dateTime", "2027-03-02T10:00:00+01:00", "dateTime"),
        ("start/dateTime", "2027-03-02T10:00:00Z", "dateTime"),
        ("start/dateTime", "2027-03-02 10:00", "dateTime"),
        ("start/timeZone", ..., "timeZone"),
        ("start/timeZone", "Amsterdam", "timeZone"),
        ("recurrence/pattern/type", "biweekly", "type"),
        ("recurrence/pattern/interval", 2.5, "interval"),
        ("recurrence/pattern/interval", "2", "interval"),
        ("recurrence/pattern/daysOfWeek/0", "Tuesday", "daysOfWeek"),
        ("recurrence/pattern/firstDayOfWeek", ..., "firstDayOfWeek"),
        ("recurrence/pattern/until", "2027-06-01", "until"),
        ("recurrence/range/endDate", "2027-06-01T00:00:00", "endDate"),
        ("recurrence/range/endDate", "1-6-2027", "endDate"),
        ("recurrence/range/endDate", ..., "endDate"),
        ("recurrence/range", ..., "range"),
        ("attendees/0/emailAddress/address", 7, "address"),
        ("attendees/0/emailAddress/mail", "sanne@voorbeeld.example", "mail"),
        ("attendees/0/emailAddress", ..., "emailAddress"),
        ("attendees/0/type", "chair", "type"),
        ("body/contentType", "HTML5", "contentType"),
        ("summary", "Mentorgesprek", "summary"),
        ("id", "AAMkE", "id"),
        ("iCalUId", "abc", "iCalUId"),
        ("organizer", RECIPIENT, "organizer"),
        ("webLink", "https://example.org", "webLink"),
        ("@odata.etag", "x", "etag"),
        ("singleValueExtendedProperties/0/id", "beklijf-uid", "id"),
        ("singleValueExtendedProperties/0/value", ..., "value"),
        ("singleValueExtendedProperties/0/value", 7, "value"),
        ("showAs", "away", "showAs"),
        ("isReminderOn", "true", "isReminderOn"),
    ],
)
def test_a_wrong_event_is_refused(place: str, value: object, said: str) -> None:
    with pytest.raises(Illegal) as caught:
        graph.judge_request("POST", EVENTS, changed(SERIES, place, value))
    assert said in caught.value.wrong


@pytest.mark.parametrize(
    "name", ["organizer", "iCalUId", "createdDateTime", "changeKey", "webLink", "type", "transactionId", "responseStatus"]
)
def test_what_is_the_servers_cannot_be_patched(name: str) -> None:
    with pytest.raises(Illegal) as caught:
        graph.judge_request("PATCH", EVENT, {name: STORED[name]})
    assert name in caught.value.wrong


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("PUT", EVENT, "PATCH"),
        ("GET", f"{USER}/event/AAMkE", "no such path"),
        ("GET", "/me/events", "no such path"),
        ("GET", f"{EVENTS}?$select=id,summary", "summary"),
        ("GET", f"{EVENTS}?top=5", "takes no top"),
        ("GET", f"{EVENTS}?$top=0", "no value"),
        ("GET", f"{EVENTS}?$expand=extendedProperties", "extendedProperties"),
        ("GET", f"{EVENTS}?$filter=uid eq 'abc'", "uid"),
        ("GET", f"{EVENTS}?$filter=subject eq 'abc", "quote"),
        ("GET", f"{EVENTS}?$filter=startswith(subject, 'abc'", "bracket"),
        ("GET", f"{EVENTS}?$orderby=begin desc", "begin"),
        ("GET", f"{EVENTS}?$top=5&$top=6", "twice"),
        ("GET", f"{EVENT}/instances", "startDateTime"),
        ("GET", f"{EVENT}/instances?startDateTime=2027-03-01&endDateTime=2027-06-01T00:00:00Z", "no date"),
        ("GET", f"{EVENT}/instances?startDateTime=2027-03-01T00:00:00Z&endDateTime=2027-06-01T00:00:00+02:00", "percent"),
        ("GET", f"{VIEW}?startDateTime=2027-03-01T00:00:00Z", "endDateTime"),
        ("GET", f"{VIEW}?$deltatoken=x&startDateTime=2027-03-01T00:00:00Z", "token"),
        ("GET", f"{VIEW}?startDateTime=2027-03-01T00:00:00Z&endDateTime=2027-06-01T00:00:00Z&$select=id", "select"),
        ("GET", f"{MESSAGES}/delta?changeType=new", "no value"),
        ("GET", f"{MESSAGES}?$select=microsoft.graph.event/start", "event"),
        ("PATCH", f"{EVENT}?$select=id", "select"),
    ],
)
def test_a_wrong_path_or_option_is_refused(method: str, path: str, said: str) -> None:
    with pytest.raises(Illegal) as caught:
        graph.judge_request(method, path, {"subject": "Mentorgesprek"} if method == "PATCH" else None)
    assert said in caught.value.wrong


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", EVENTS, None),
        ("GET", EVENTS, {}),
        ("DELETE", EVENT, SERIES),
        ("PATCH", EVENT, {}),
        ("PATCH", EVENT, {"start": {"dateTime": "tomorrow", "timeZone": "UTC"}}),
        ("POST", f"{EVENT}/cancel", {"message": "Het traject is voorbij"}),
        ("POST", f"{USER}/calendars", {"displayName": "Mentorprogramma"}),
        ("POST", f"{USER}/calendar/getSchedule", SCHEDULE | {"availabilityViewInterval": 4}),
        ("POST", f"{USER}/calendar/getSchedule", changed(SCHEDULE, "endTime", ...)),
        ("POST", f"{USER}/calendar/getSchedule", SCHEDULE | {"schedules": ["Sanne"]}),
        ("POST", f"{USER}/sendMail", MAIL),
        ("POST", f"{USER}/sendMail", base64.b64encode(b"Hallo").decode()),
        ("POST", f"{USER}/sendMail", {"message": {"subject": "Brief"}}),
        ("POST", f"{USER}/sendMail", {"message": {"subject": "Brief", "toRecipients": ["sanne@voorbeeld.example"]}}),
        ("PATCH", f"{MESSAGES}/AAMkM", {"read": True}),
        ("POST", f"{MESSAGES}/AAMkM/move", {"destination": "deleteditems"}),
        ("POST", "/$batch", changed(BATCH, "requests/0/body/subject", 7)),
        ("POST", "/$batch", changed(BATCH, "requests/0/headers", {})),
        ("POST", "/$batch", changed(BATCH, "requests/1/id", "1")),
        ("POST", "/$batch", changed(BATCH, "requests/1/dependsOn", ["3"])),
        ("POST", "/$batch", changed(BATCH, "requests/1/url", "https://graph.microsoft.com/v1.0/users/x/events/y")),
        ("POST", "/$batch", {"requests": [{"id": str(n), "method": "GET", "url": EVENT} for n in range(21)]}),
    ],
)
def test_a_wrong_body_is_refused(method: str, path: str, body: object | None) -> None:
    with pytest.raises(Illegal):
        graph.judge_request(method, path, body)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("iCalUId", ..., "iCalUId"),
        ("@odata.etag", ..., "etag"),
        ("uid", "abc", "uid"),
        ("recurrence", None, "recurrence"),
        ("type", "master", "type"),
        ("createdDateTime", "2027-01-04T09:00:00", "createdDateTime"),
        ("start/dateTime", "2027-03-02T09:00:00Z", "dateTime"),
        ("responseStatus/response", "yes", "response"),
        ("attendees/0/status", {"response": "maybe", "time": "0001-01-01T00:00:00Z"}, "response"),
        ("isOrganizer", 1, "isOrganizer"),
        ("singleValueExtendedProperties", [{"id": PROPERTY, "value": "abc"}], "without being asked"),
        ("cancelledOccurrences", ["OID.AAMkE.2027-03-16"], "without being asked"),
        ("location/name", "Kamer 3", "name"),
        ("@odata.type", "#microsoft.graph.message", "message"),
    ],
)
def test_a_wrong_answer_is_refused(place: str, value: object, said: str) -> None:
    with pytest.raises(Illegal) as caught:
        graph.judge_response("GET", EVENT, 200, changed(STORED, place, value))
    assert said in caught.value.wrong


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("@odata.deltaLink", ...),
        ("@odata.deltaLink", "/calendarView/delta?$deltatoken=x"),
        ("@odata.deltaLink", LINK.replace("deltatoken", "skiptoken")),
        ("@odata.nextLink", LINK.replace("deltatoken", "skiptoken")),
        ("syncToken", "x"),
        ("value", ...),
        ("value/0", "AAMkE"),
        ("value/1/start", ...),
        ("value/2/@removed/reason", "gone"),
        ("value/2/subject", "Mentorgesprek"),
    ],
)
def test_wrong_changes_are_refused(place: str, value: object) -> None:
    with pytest.raises(Illegal):
        graph.judge_response("GET", f"{VIEW}?$deltatoken=R0usm", 200, changed(CHANGES, place, value))


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("POST", EVENTS, 200, STORED),
        ("DELETE", EVENT, 200, None),
        ("DELETE", EVENT, 204, {}),
        ("POST", f"{USER}/sendMail", 202, {"id": "AAMkM"}),
        ("GET", EVENTS, 200, [STORED]),
        ("GET", EVENTS, 200, {"value": [STORED], "@odata.deltaLink": LINK}),
        ("GET", f"{EVENTS}?$select=subject", 200, {"value": [STORED]}),
        ("GET", EVENT, 404, {"error": "Not found"}),
        ("GET", EVENT, 404, {"error": {"code": "ErrorItemNotFound"}}),
        ("GET", EVENT, 429, None),
        ("GET", f"{MESSAGES}?$select=subject", 200, {"value": [changed(ANSWER, "@odata.type", "#microsoft.graph.event")]}),
        ("GET", f"{MESSAGES}?$select=responseType", 200, {"value": [{"id": "AAMkM", "responseType": "accepted"}]}),
        ("GET", f"{USER}/messages/AAMkM/$value", 200, {"value": MIME}),
        ("POST", f"{USER}/calendar/getSchedule", 200, changed(SCHEDULES, "value/0/availabilityView", "busy")),
        ("POST", f"{USER}/calendar/getSchedule", 200, changed(SCHEDULES, "value/0/scheduleItems/0/status", "blocked")),
        ("POST", f"{USER}/calendar/getSchedule", 200, changed(SCHEDULES, "value/0/workingHours/startTime", "8:00")),
        ("GET", f"{EVENT}?$select=cancelledOccurrences", 200, {"id": "AAMkE", "cancelledOccurrences": ["2027-03-16"]}),
    ],
)
def test_a_wrong_status_or_collection_is_refused(method: str, path: str, status: int, body: object | None) -> None:
    with pytest.raises(Illegal):
        graph.judge_response(method, path, status, body)


def test_the_schema_is_of_the_versions_that_the_script_asks_for() -> None:
    schema = json.loads(Path(graph.__file__).with_name("graph.schema.json").read_text("utf-8"))

    assert all(package in schema["$comment"] for package in PACKAGES)
    assert "MIT License" in schema["x-licence"]
