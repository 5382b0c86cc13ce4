"""The events that every calendar is tried with, and the people in them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar

from beklijf.model.domain import Contact, Event, Override, Recurrence

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
STAMP = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OWNER = "mentor@voorbeeld.example"
ORGANIZER = Contact("Mentorprogramma", OWNER)
SANNE = Contact("Sanne de Vries", "sanne@voorbeeld.example")
KARIM = Contact("Karim Bakker", "karim@voorbeeld.example")
NOOR = Contact("Noor Jansen", "noor@voorbeeld.example")


def at(day: str, hour: int = 10, minute: int = 0) -> datetime:
    """Return a wall-clock time in Amsterdam."""
    value = date.fromisoformat(day)
    return datetime(value.year, value.month, value.day, hour, minute, tzinfo=AMSTERDAM)


def utc(day: str, hour: int = 10, minute: int = 0) -> datetime:
    return at(day, hour, minute).astimezone(UTC)


def uid(name: str) -> str:
    return f"{name}-12345678@beklijf"


MEETING = Event(
    uid=uid("goals"),
    start=at("2027-01-07", 15),
    minutes=60,
    recurrence=None,
    overrides=(),
    title="Kennismaking mentor en Sanne",
    text="Waar wil je aan werken?\n\nWie merkt het?",
    location="Zaal 1",
    organizer=ORGANIZER,
    people=(KARIM, SANNE),
    alarms=(),
    free=False,
)
SERIES = replace(
    MEETING,
    uid=uid("series"),
    start=at("2027-03-02"),
    recurrence=Recurrence(2, utc("2027-06-22")),
    overrides=(Override(utc("2027-04-13"), None), Override(utc("2027-04-27"), utc("2027-04-28", 11), 45)),
)
REMINDER = replace(
    MEETING, uid=uid("reminder"), start=at("2027-05-04", 9), minutes=15, people=(KARIM,), alarms=(0,), free=True, title="Hoe gaat het?"
)
FOREIGN = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//somebody//EN\r\nBEGIN:VEVENT\r\nUID:lunch@elsewhere.example\r\n"
    b"DTSTAMP:20261101T120000Z\r\nDTSTART:20270107T120000Z\r\nDTEND:20270107T130000Z\r\nSUMMARY:Lunch\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
WHOLE_DAY = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//somebody//EN\r\nBEGIN:VEVENT\r\nUID:series-12345678@beklijf\r\n"
    b"DTSTAMP:20261101T120000Z\r\nDTSTART;VALUE=DATE:20270107\r\nDTEND;VALUE=DATE:20270108\r\nSUMMARY:Hele dag\r\n"
    b"END:VEVENT\r\nEND:VCALENDAR\r\n"
)


def unfolded(data: bytes) -> bytes:
    return data.replace(b"\r\n ", b"").replace(b"\n ", b"")


def declining(data: bytes, recurrence_id: datetime, person: Contact, said: str = "DECLINED") -> bytes:
    """Return a series in which one person answered for one meeting alone: an override that says nothing else of its own."""
    calendar = icalendar.Calendar.from_ical(data)
    [master] = [event for event in calendar.walk("VEVENT") if "RECURRENCE-ID" not in event]
    override = deepcopy(master)
    for name in ("RRULE", "EXDATE"):
        override.pop(name, None)
    for name, when in (("RECURRENCE-ID", recurrence_id), ("DTSTART", recurrence_id), ("DTEND", recurrence_id + timedelta(hours=1))):
        override.pop(name, None)
        override.add(name, when)
    people = override["ATTENDEE"]
    for attendee in people if isinstance(people, list) else [people]:
        if isinstance(attendee, icalendar.vCalAddress) and person.email in attendee:
            attendee.params["PARTSTAT"] = said
    calendar.add_component(override)
    written: bytes = calendar.to_ical(sorted=False)
    return written
