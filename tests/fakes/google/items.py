"""An event of the company as Google's Calendar API has it (``schemas.Event``), and what a client writes as values of the company.

Days off in the lines of the recurrence are kept apart from exceptions that were cancelled: ``Entry.extra["exdates"]``. What a
client or a person keeps in an event beside (colours, video calls) is in ``Entry.extra["google"]``.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import icalendar
from tests.fakes.company import OPEN, Guest, Rhythm
from tests.fakes.programs import _rhythm, _rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.company import Company, Entry, Single

Item = dict[str, Any]

ANSWERS = {"needsAction": OPEN, "accepted": "ACCEPTED", "tentative": "TENTATIVE", "declined": "DECLINED"}
SPELT = {partstat: word for word, partstat in ANSWERS.items()}
WORDS = {"summary": "title", "description": "text", "location": "place"}
MODELLED = frozenset(WORDS) | {
    "kind", "etag", "id", "status", "created", "updated", "htmlLink", "creator", "organizer", "start", "end", "recurrence", "iCalUID",
    "sequence", "attendees", "reminders", "transparency", "extendedProperties", "recurringEventId", "originalStartTime",
}  # fmt: skip


def stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def place_id(mailbox: str, folder: str) -> str:
    """Return what the API calls a calendar."""
    return mailbox if folder == "main" else f"{folder}@group.calendar.google.com"


def event_name(company: Company, entry: Entry) -> str:
    """Return the event's id: an attendee's copy has that of the organizer's."""
    original = company.entries.get(entry.original)
    return (entry.original if original is None else original.id).rpartition("/")[2] if entry.original else entry.id.rpartition("/")[2]


def instance(name: str, recurrence_id: datetime) -> str:
    return f"{name}_{recurrence_id:%Y%m%dT%H%M%SZ}"


def exdates(entry: Entry) -> set[datetime]:
    """Return the places that the lines of the recurrence leave out: those which are still out."""
    kept = entry.extra.get("exdates", set())
    assert isinstance(kept, set)
    return {place for place in kept if (single := entry.singles.get(place)) is not None and single.start is None}


def whole_days(entry: Entry) -> set[datetime]:
    """Return the places of the meetings that a person dragged into the row of whole days."""
    kept = entry.extra.get("whole days", set())
    assert isinstance(kept, set)
    return kept


def rendered(company: Company, entry: Entry) -> Iterator[Item]:
    """Yield the event, and each meeting of it that has a word of its own, without ETags."""
    name = event_name(company, entry)
    master = _item(company, entry, name)
    if entry.rhythm is not None:
        master["recurrence"] = [f"RRULE:{_rule(entry)}", *_exdate_lines(entry)]
    yield master
    off = exdates(entry)
    for recurrence_id, single in sorted(entry.singles.items()):
        if recurrence_id not in off:
            yield exception(company, entry, recurrence_id, single)


def exception(company: Company, entry: Entry, recurrence_id: datetime, single: Single | None) -> Item:
    """Return one meeting of a series; of a cancelled one the least that Google promises to tell."""
    name = event_name(company, entry)
    which = {
        "id": instance(name, recurrence_id),
        "recurringEventId": name,
        "originalStartTime": _moment(recurrence_id.astimezone(entry.zone)),
    }
    if single is None:
        return {**_item(company, entry, name), **_span(entry, recurrence_id, entry.minutes), **which}
    if single.start is None:
        return {"kind": "calendar#event", "status": "cancelled", **which}
    item = {**_item(company, entry, name), **which, **_span(entry, single.start, single.minutes)}
    if recurrence_id in whole_days(entry):
        item |= {"start": {"date": f"{single.start:%Y-%m-%d}"}, "end": {"date": f"{single.start + timedelta(days=1):%Y-%m-%d}"}}
    words = {"summary": single.title, "description": single.text, "location": single.place}
    item |= {key: own for key, own in words.items() if own is not None}
    item["attendees"] = _attendees(entry, single.guests)
    return item


def _item(company: Company, entry: Entry, name: str) -> Item:
    organizer = {"email": entry.organizer.address, "displayName": entry.organizer.name}
    if entry.mine and entry.folder != "main":
        organizer = {"email": place_id(entry.mailbox, entry.folder), "displayName": company.mailboxes[entry.mailbox].folders[entry.folder]}
    item: Item = {
        "kind": "calendar#event",
        "id": name,
        "status": "cancelled" if entry.cancelled else "confirmed",
        "htmlLink": f"https://www.google.com/calendar/event?eid={name}",
        "created": stamp(entry.changed),
        "updated": stamp(entry.changed),
        "creator": {"email": entry.organizer.address},
        "organizer": {**organizer, "self": True} if entry.mine else organizer,
        **_span(entry, entry.start, entry.minutes),
        "iCalUID": entry.uid,
        "sequence": entry.sequence,
        "reminders": entry.extra.get("reminders", {"useDefault": True}),
        "eventType": "default",
        **{key: value for key, field in WORDS.items() if (value := getattr(entry, field))},
    }
    if entry.guests:
        item["attendees"] = _attendees(entry, entry.guests)
    if entry.free:
        item["transparency"] = "transparent"
    if entry.properties:
        item["extendedProperties"] = {"private": dict(entry.properties)}
    kept = entry.extra.get("google", {})
    assert isinstance(kept, dict)
    return item | kept


def _attendees(entry: Entry, guests: list[Guest]) -> list[Item]:
    kept = entry.extra.get("attendees", {})
    assert isinstance(kept, dict)
    found = []
    for guest in guests:
        who = {"email": guest.address, "displayName": guest.name, "responseStatus": SPELT[guest.answer], **kept.get(guest.address, {})}
        found.append({**who, "self": True} if guest.address == entry.mailbox else who)
    return [{key: value for key, value in who.items() if value != ""} for who in found]


def _span(entry: Entry, start: datetime, minutes: int) -> Item:
    if entry.all_day:
        return {"start": {"date": f"{start:%Y-%m-%d}"}, "end": {"date": f"{start + timedelta(days=1):%Y-%m-%d}"}}
    start = start.astimezone(entry.zone)
    return {"start": _moment(start), "end": _moment((start.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(entry.zone))}


def _moment(at: datetime) -> Item:
    assert isinstance(at.tzinfo, ZoneInfo)
    return {"dateTime": at.isoformat(timespec="seconds"), "timeZone": at.tzinfo.key}


def _exdate_lines(entry: Entry) -> list[str]:
    """Return one line for all of them, whatever lines a client sent."""
    days = ",".join(f"{recurrence_id.astimezone(entry.zone):%Y%m%dT%H%M%S}" for recurrence_id in sorted(exdates(entry)))
    return [f"EXDATE;TZID={entry.zone.key}:{days}"] if days else []


# -- in ----------------------------------------------------------------------------------------------------------------


def moment(value: Item) -> datetime:
    """Return a start or end in wall time of its zone."""
    if value.get("date"):
        day = date.fromisoformat(value["date"])
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("Europe/Amsterdam"))
    zone = ZoneInfo(value.get("timeZone", "UTC"))
    at = datetime.fromisoformat(value["dateTime"])
    return at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)


def span(body: Item) -> tuple[datetime, int]:
    start = moment(body["start"])
    return start, int((moment(body["end"]).astimezone(UTC) - start.astimezone(UTC)) / timedelta(minutes=1))


def recurrence(lines: list[str], start: datetime) -> tuple[Rhythm | None, set[datetime]]:
    """Return what lines of a recurrence say: the rule, and the places (UTC) that are left out."""
    rules = [line.partition(":")[2] for line in lines if line.startswith("RRULE:")]
    rhythm = _rhythm(icalendar.vRecur.from_ical(rules[0]), start) if rules else None
    off: set[datetime] = set()
    for line in lines:
        head, _, values = line.partition(":")
        if head.startswith("EXDATE"):
            zone = ZoneInfo(head.partition("TZID=")[2] or "UTC")
            off |= {datetime.strptime(v.rstrip("Z"), "%Y%m%dT%H%M%S").replace(tzinfo=zone).astimezone(UTC) for v in values.split(",")}
    return rhythm, off


def guests(attendees: list[Item]) -> list[Guest]:
    return [
        Guest(who.get("displayName", ""), who["email"].casefold(), ANSWERS[who.get("responseStatus", "needsAction")]) for who in attendees
    ]


def attendees_beside(attendees: list[Item]) -> dict[str, Item]:
    """Return what is kept of attendees that the company doesn't know: comments, rooms, ..."""
    known = {"email", "displayName", "responseStatus", "self"}
    return {who["email"].casefold(): rest for who in attendees if (rest := {k: v for k, v in who.items() if k not in known})}
