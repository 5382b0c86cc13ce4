"""Between the core's events and Graph's JSON, as Exchange Online spells it. Uses nothing of ours."""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from functools import cache
from html import escape, unescape
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

from exchangelib.winzone import CLDR_TO_MS_TIMEZONE_MAP  # type: ignore[import-untyped]  # a library without types
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON
from tests.fakes.company import Entry, Guest, Rhythm, Single

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Json: TypeAlias = "dict[str, Any]"

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ANSWERS = {"NEEDS-ACTION": "none", "ACCEPTED": "accepted", "TENTATIVE": "tentativelyAccepted", "DECLINED": "declined"}
SEQUENCE = "integer {00062002-0000-0000-c000-000000000046} id 0x8201"
RENAMED = {"Asia/Kolkata": "Asia/Calcutta", "UTC": "Etc/UTC"}
"""What CLDR has under another name."""
LINE = "_" * 80
BLOB = (
    '<br>\r\n<div style="width:100%"><span style="white-space:nowrap; color:#5F5F5F; opacity:.36">' + LINE + "</span></div>\r\n"
    '<div class="me-email-text" lang="nl-NL" style="color:#252424"><div style="margin-bottom:24px">'
    '<span style="font-size:24px">Deelnemen aan Teams-vergadering</span></div>'
    '<a class="me-email-headline" href="{url}" target="_blank">Hier klikken om deel te nemen</a></div>\r\n'
    '<div style="width:100%"><span style="white-space:nowrap; color:#5F5F5F; opacity:.36">' + LINE + "</span></div>\r\n"
)


class Wrong(Exception):
    """A request that Exchange refuses."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.status, self.code = status, code


# -- out ---------------------------------------------------------------------------------------------------------------


def event(entry: Entry, owner: str, base: str) -> Json:
    """Return an event, or series, with all that a GET tells unasked."""
    first = entry.start.astimezone(UTC)
    return _common(entry, owner, base) | {
        "id": entry.id,
        "type": "seriesMaster" if entry.rhythm else "singleInstance",
        "seriesMasterId": None,
        "occurrenceId": None,
        "iCalUId": entry.uid,
        "recurrence": recurrence(entry),
        "subject": entry.title,
        "body": {"contentType": "html", "content": html_of(entry.text, entry.extra)},
        "location": _location(entry.place),
        "attendees": [attendee(guest) for guest in entry.guests],
        **span(first, entry.minutes),
    }


def occurrence(entry: Entry, recurrence_id: datetime, owner: str, base: str) -> Json:
    """Return one meeting of a series that takes place."""
    single = entry.singles.get(recurrence_id)
    guests = entry.guests if single is None else single.guests
    said = event(entry, owner, base) | {
        "id": occurrence_id(entry, recurrence_id),
        "type": "occurrence" if single is None else "exception",
        "seriesMasterId": entry.id,
        "occurrenceId": oid(entry, recurrence_id),
        "recurrence": None,
        "originalStart": f"{recurrence_id:%Y-%m-%dT%H:%M:%SZ}",
        "attendees": [attendee(guest) for guest in guests],
    }
    if single is None:
        return said | span(recurrence_id, entry.minutes)
    assert single.start is not None
    own = {"subject": single.title} if single.title is not None else {}
    return said | own | span(single.start.astimezone(UTC), single.minutes)


def occurrence_id(entry: Entry, recurrence_id: datetime) -> str:
    """Return the opaque id of one meeting."""
    return f"{entry.id}.{recurrence_id:%Y%m%d%H%M}"


def oid(entry: Entry, recurrence_id: datetime) -> str:
    return f"OID.{entry.id}.{recurrence_id.astimezone(entry.zone):%Y-%m-%d}"


def etag(entry: Entry) -> str:
    return f'W/"{entry.version:08}"'


def span(start: datetime, minutes: int) -> Json:
    return {"start": moment(start), "end": moment(start + timedelta(minutes=minutes))}


def moment(at: datetime) -> Json:
    return {"dateTime": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"}


def attendee(guest: Guest) -> Json:
    answered = "0001-01-01T00:00:00Z" if guest.answer == "NEEDS-ACTION" else "2026-11-24T09:00:00Z"
    said: Json = {
        "type": "required",
        "status": {"response": ANSWERS[guest.answer], "time": answered},
        "emailAddress": {"name": guest.name, "address": wired(guest.address)},
    }
    if guest.proposed is not None:
        start, minutes = guest.proposed
        said["proposedNewTime"] = span(start, minutes)
    return said


def wired(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


def recurrence(entry: Entry) -> Json | None:
    rhythm = entry.rhythm
    if rhythm is None:
        return None
    start = entry.start
    pattern: Json = {
        "type": "daily" if rhythm.other else "weekly",
        "interval": rhythm.weeks or 1,
        "month": 0,
        "dayOfMonth": 0,
        "daysOfWeek": [] if rhythm.other else [DAYS[start.weekday()]],
        "firstDayOfWeek": entry.extra.get("first day", "sunday"),
        "index": "first",
    }
    kind = "noEnd" if rhythm.until is None and rhythm.count is None else "endDate" if rhythm.until else "numbered"
    return {
        "pattern": pattern,
        "range": {
            "type": kind,
            "startDate": start.date().isoformat(),
            "endDate": (rhythm.until or date(1, 1, 1)).isoformat(),
            "recurrenceTimeZone": windows(entry.zone.key),
            "numberOfOccurrences": rhythm.count or 0,
        },
    }


def properties(entry: Entry, wanted: Iterable[str]) -> list[Json]:
    """Return the extended properties asked for that are there; Exchange spells GUIDs in small letters."""
    there = {**entry.properties, SEQUENCE: str(entry.sequence)}
    return [{"id": spelt(name), "value": there[name.casefold()]} for name in wanted if name.casefold() in there]


def spelt(name: str) -> str:
    return re.sub(r"\{.*?\}", lambda guid: guid[0].lower(), name)


@cache
def windows(zone: str) -> str:
    """Return what Exchange calls a zone."""
    return str(CLDR_TO_MS_TIMEZONE_MAP.get(RENAMED.get(zone, zone), ("", ""))[0])


def _common(entry: Entry, owner: str, base: str) -> Json:
    online = bool(entry.extra.get("online"))
    return {
        "@odata.etag": etag(entry),
        "createdDateTime": entry.extra.get("created", "2026-11-01T12:00:00Z"),
        "lastModifiedDateTime": f"{entry.changed:%Y-%m-%dT%H:%M:%SZ}",
        "changeKey": f"{entry.version:08}",
        "categories": entry.extra.get("categories", []),
        "transactionId": entry.extra.get("transactionId"),
        "originalStartTimeZone": windows(entry.zone.key),
        "originalEndTimeZone": windows(entry.zone.key),
        "reminderMinutesBeforeStart": entry.alarms[0] if entry.alarms else 15,
        "isReminderOn": bool(entry.alarms),
        "hasAttachments": False,
        "bodyPreview": entry.text[:255],
        "importance": "normal",
        "sensitivity": "normal",
        "isAllDay": entry.all_day,
        "isCancelled": entry.cancelled,
        "isOrganizer": entry.mine,
        "responseRequested": True,
        "showAs": "free" if entry.free else "busy",
        "webLink": f"https://outlook.office365.com/owa/?itemid={entry.id}",
        "isOnlineMeeting": online,
        "onlineMeetingProvider": "teamsForBusiness" if online else "unknown",
        "onlineMeeting": {"joinUrl": join_url(entry)} if online else None,
        "onlineMeetingUrl": None,
        "allowNewTimeProposals": True,
        "isDraft": False,
        "hideAttendees": False,
        "responseStatus": {"response": "organizer" if entry.mine else "none", "time": "0001-01-01T00:00:00Z"},
        "organizer": {"emailAddress": {"name": entry.organizer.name, "address": wired(entry.organizer.address or owner)}},
        "calendar@odata.navigationLink": f"{base}/users('{owner}')/calendars('{entry.folder}')",
    }


def _location(place: str) -> Json:
    return {"displayName": place, "locationType": "default", "uniqueId": place, "uniqueIdType": "private"}


# -- bodies ------------------------------------------------------------------------------------------------------------


def join_url(entry: Entry) -> str:
    return f"https://teams.microsoft.com/l/meetup-join/19%3ameeting_{entry.id}%40thread.v2/0"


def html_of(text: str, extra: Mapping[str, object]) -> str:
    """Return the body as written, or made of the text where a program has changed that."""
    kept = extra.get("html")
    if isinstance(kept, tuple) and kept[0] == text:
        return str(kept[1])
    lines = "<br>\r\n".join(escape(line, quote=False).replace("  ", " &nbsp;") for line in text.split("\n"))
    return wrapped(f'<font size="2"><span style="font-size:11pt;"><div class="PlainText">{lines}</div></span></font>')


def with_html(entry: Entry, content: str, kind: str, extra: dict[str, object]) -> tuple[str, dict[str, object]]:
    """Return text and all that is kept with a new body; an online meeting without its link in there is none any more."""
    html = wrapped(content if kind == "html" else escape(content, quote=False).replace("\n", "<br>\r\n"))
    online = bool(extra.get("online")) and join_url(entry) in html
    return text_of(html), {**extra, "online": online, "html": (text_of(html), html)}


def wrapped(html: str) -> str:
    if "<body" in html:
        return html
    html = html.replace("</div><div>", "</div>\r\n<div>")
    head = '<html>\r\n<head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\r\n</head>\r\n<body>\r\n'
    return f"{head}{html}\r\n</body>\r\n</html>\r\n"


def with_blob(entry: Entry, text: str, extra: dict[str, object]) -> tuple[str, dict[str, object]]:
    """Return text and all that is kept of what is now an online meeting: Teams puts its part below the text."""
    html = html_of(text, extra).replace("</body>", f"{BLOB.format(url=join_url(entry))}</body>")
    return text_of(html), {**extra, "online": True, "html": (text_of(html), html)}


def text_of(html: str) -> str:
    """Return the text of a body, as plain programs show it."""
    body = re.sub(r"(?s).*<body[^>]*>|</body>.*", "", html)
    body = re.sub(r"[ \r\n]+", " ", body)
    body = re.sub(r"<div>\s*<br>\s*</div>", "\n", body)
    body = re.sub(r"</(?:div|p|li)>\s*|<br>\s*", "\n", body)
    return unescape(re.sub(r"<[^>]*>", "", body)).replace("\u00a0", " ").strip()


# -- in ----------------------------------------------------------------------------------------------------------------


def zone_of(name: str) -> ZoneInfo:
    """Return the zone that Exchange keeps for a name: Windows' own."""
    known = name if name in WINDOWS_TO_OLSON else windows(name)
    if name == "UTC":
        return ZoneInfo("UTC")
    if known not in WINDOWS_TO_OLSON:
        raise Wrong(400, "TimeZoneNotSupportedException", f"A valid TimeZone value must be specified. {name!r} was not recognized.")
    return ZoneInfo(WINDOWS_TO_OLSON[known])


def read_moment(said: Mapping[str, str]) -> datetime:
    try:
        at = datetime.fromisoformat(said["dateTime"][:19])
    except (KeyError, ValueError) as error:
        raise Wrong(400, "ErrorInvalidRequest", "a time that is none") from error
    return at.replace(tzinfo=zone_of(said.get("timeZone", "UTC")))


def read_times(body: Json) -> tuple[datetime, int]:
    start, end = read_moment(body["start"]), read_moment(body["end"])
    minutes = int((end.astimezone(UTC) - start.astimezone(UTC)) / timedelta(minutes=1))
    if minutes < 0:
        raise Wrong(400, "ErrorCalendarEndDateIsEarlierThanStartDate")
    return start, minutes


def read_rhythm(said: Json | None, start: datetime) -> tuple[Rhythm | None, str]:
    """Return the rhythm and the first day of its weeks."""
    if said is None:
        return None, "sunday"
    pattern, span_ = said["pattern"], said["range"]
    if pattern["type"] != "weekly" or pattern["daysOfWeek"] != [DAYS[start.weekday()]]:
        raise Wrong(400, "ErrorInvalidRequest", "this fake knows one day a week")
    if span_["startDate"] != start.date().isoformat() or zone_of(span_["recurrenceTimeZone"]) != start.tzinfo:
        raise Wrong(400, "ErrorInvalidRequest", "the recurrence doesn't begin with its event")
    first = pattern.get("firstDayOfWeek", "sunday")
    if span_["type"] == "numbered":
        return Rhythm(pattern["interval"], None, span_["numberOfOccurrences"]), first
    if span_["type"] == "noEnd":
        return Rhythm(pattern["interval"]), first
    return Rhythm(pattern["interval"], date.fromisoformat(span_["endDate"])), first


def read_guests(said: list[Json], before: Iterable[Guest] = ()) -> list[Guest]:
    names = {guest.address: guest.name for guest in before}
    addresses = [(unwired(each["emailAddress"]["address"]), each["emailAddress"].get("name", "")) for each in said]
    return [Guest(name or names.get(address, ""), address) for address, name in addresses]


def unwired(address: str) -> str:
    local, _, domain = address.casefold().rpartition("@")
    return f"{local}@{domain.encode().decode('idna')}"


def check_boundary(entry: Entry, recurrence_id: datetime, start: datetime) -> None:
    """Refuse a meeting on or beyond the day of its neighbours, as Outlook does."""
    days = {at.astimezone(entry.zone).date(): at for at in _held(entry) if at != recurrence_id}
    own, wanted = recurrence_id.astimezone(entry.zone).date(), start.astimezone(entry.zone).date()
    if any(min(own, wanted) <= day <= max(own, wanted) for day in days):
        raise Wrong(400, "ErrorOccurrenceCrossingBoundary", "Modified occurrence is crossing or overlapping adjacent occurrence.")


def _held(entry: Entry) -> list[datetime]:
    singles: dict[datetime, Single] = deepcopy(entry.singles)
    starts = ((singles[recurrence_id].start if recurrence_id in singles else recurrence_id) for recurrence_id in entry.places())
    return [start for start in starts if start is not None]
