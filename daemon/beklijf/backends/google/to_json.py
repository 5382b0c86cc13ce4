"""What to send to Google's Calendar API so that an event, and each meeting of its series, says what is wanted. Pure.

Days off that are known when a series is made stand in it as EXDATE lines: one insert, one invitation. What changes about one
meeting later is written into that meeting alone, so that people are told of it and not of a new series.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from beklijf.backends.google.from_json import INVITED, UID, attendees, days_off, held_at, is_whole_day, own_meetings, recurrence_id_of
from beklijf.backends.google.text import to_description, to_text
from beklijf.ical.parts import contact, mailto, rule
from beklijf.ical.reader import plain_text
from beklijf.model.canonical import clock, occurrences, place
from beklijf.model.domain import Override, Recurrence
from beklijf.model.stored import attribute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zoneinfo import ZoneInfo

    from beklijf.backends.google.from_json import Held, Item
    from beklijf.model.domain import Contact, Event

_WORDS = {"title": "summary", "text": "description", "place": "location"}
_TIMES = frozenset({"time", "recurrence", "single"})
_OPEN = "needsAction"


@dataclass(frozen=True, slots=True)
class Part:
    """What is to become of one meeting of a series."""

    at: datetime
    """Its place in the rhythm (UTC)."""
    item: Item | None
    """The exception that there is."""
    body: dict[str, Any] | None
    """What to change in it; None: it is taken out."""


def whole(event: Event, name: str, *, invited: bool) -> dict[str, Any]:
    """Return a new event with the id *name*; meetings that were moved are for `parts`."""
    marks = {UID: event.uid} | ({INVITED: "yes"} if invited and event.people else {})
    made: dict[str, Any] = {
        "id": name,
        **{key: _worded(field, event) for field, key in _WORDS.items()},
        **_span(event.start, event.minutes, clock(event.start)),
        "transparency": "transparent" if event.free else "opaque",
        "reminders": _reminders({}, event.alarms),
        "extendedProperties": {"private": marks},
        "attendees": [_invited(person) for person in event.people],
    }
    if event.recurrence is not None:
        made["recurrence"] = _lines(event, (s.at for s in event.overrides if s.start is None))
    return made


def without_people(event: Event) -> Event:
    return replace(event, people=())


def target(before: Event, wanted: Event, fields: frozenset[str]) -> Event:
    """Return *before* with *fields* as *wanted* has them: what the calendar is to hold."""
    changes: dict[str, Any] = {
        attribute(field): getattr(wanted, attribute(field)) for field in fields & {"title", "text", "place", "people", "alarms"}
    }
    recurrence = wanted.recurrence if "recurrence" in fields else before.recurrence
    if "time" in fields:
        changes |= {"start": wanted.start, "minutes": wanted.minutes}
        if "recurrence" not in fields and recurrence is not None and not recurrence.other:
            # a person's length of the series, at our new time: as many meetings as before
            steps = len(occurrences(before)) - 1
            recurrence = Recurrence(recurrence.every, (wanted.start + timedelta(weeks=recurrence.every * steps)).astimezone(UTC))
    overrides = wanted.overrides if fields & {"time", "single"} else before.overrides
    made = replace(before, recurrence=recurrence, **changes)
    recurrence_ids = set(occurrences(made))
    kept = (s for s in overrides if recurrence is not None and (recurrence.other or s.at in recurrence_ids))
    return replace(made, overrides=tuple(sorted(kept, key=lambda override: override.at)))


def changes(held: Held, before: Event, after: Event, fields: frozenset[str], *, invited: bool) -> dict[str, Any]:
    """Return what to change in the event itself; nothing where only single meetings differ. No *fields*: its number rises."""
    master = held.master
    body: dict[str, Any] = {_WORDS[field]: _worded(field, after) for field in fields & _WORDS.keys()}
    if "time" in fields:
        body |= _span(after.start, after.minutes, clock(after.start))
    if fields & {"time", "people"}:
        body["attendees"] = _people(master, before, after.people, reopened="time" in fields)
    if "alarms" in fields:
        # a patch merges objects: what there was would stay beside the default, and both together are refused
        body["reminders"] = {"overrides": []} | _reminders(master.get("reminders", {}), after.alarms)
    if fields & _TIMES and (lines := _recurrence(master, before, after, fields)) is not None:
        body["recurrence"] = lines
    if not fields:
        body["sequence"] = int(master.get("sequence", 0)) + 1
    if body and invited and after.people and INVITED not in master.get("extendedProperties", {}).get("private", {}):
        body["extendedProperties"] = {"private": {INVITED: "yes"}}
    return body


def parts(held: Held, was: Item, before: Event, after: Event, fields: frozenset[str]) -> Iterator[Part]:
    """Yield what is to be done to single meetings; *held* is read after *was*, the event itself, was changed.

    Google may keep exceptions of a rhythm that is past, or words and people of before in those that take place: both are
    brought to what is wanted. What a person worded in one meeting stays.
    """
    wanted = {override.at: override for override in after.overrides}
    off = days_off(held.master)
    items = {place(recurrence_id_of(item), after.start, after.recurrence): item for item in held.exceptions}
    confirmed = own_meetings(held, after)
    free_rule = after.recurrence is not None and after.recurrence.other
    recurrence_ids = wanted.keys() | items.keys() if free_rule else set(occurrences(after))
    for at in sorted(recurrence_ids) if fields & _TIMES else sorted(confirmed):
        item, override = items.get(at), wanted.get(at, Override(at, at, after.minutes))
        stands = item is None or item.get("status") != "cancelled"
        if override.start is None:
            if stands and at not in off:
                yield Part(at, item, None)
        elif body := _of_meeting(item, was, before, after, override, fields):
            yield Part(at, item, body)
    if fields & {"time", "recurrence"} and not free_rule:
        for at in sorted(items.keys() - recurrence_ids):
            if items[at].get("status") != "cancelled":
                yield Part(at, items[at], None)


def _of_meeting(item: Item | None, was: Item, before: Event, after: Event, override: Override, fields: frozenset[str]) -> dict[str, Any]:
    """Return what to change in one meeting that takes place."""
    assert override.start is not None
    start, minutes = override.start.astimezone(UTC), override.minutes or after.minutes
    if item is None or item.get("status") == "cancelled":
        if item is None and (start, minutes) == (override.at, after.minutes):
            return {}
        body = _span(start, minutes, clock(after.start))
        return body if item is None else {**body, "status": "confirmed"}
    here = held_at(item, clock(after.start))
    body = {}
    if fields & _TIMES and (here[0].astimezone(UTC), here[1]) != (start, minutes):
        body = _span(start, minutes, clock(after.start))
        if is_whole_day(item):  # a patch merges objects: the date would stay beside the time
            body = {name: {**value, "date": None} for name, value in body.items()}
        body["attendees"] = _people(item, after, after.people, reopened=True)
    for field in fields & _WORDS.keys():
        key, said = _WORDS[field], _said(field, item)
        if said == _said(field, was) != getattr(after, attribute(field)):
            body[key] = _worded(field, after)
    others = set(attendees(item, after.organizer)) != {person.email.casefold() for person in after.people}
    if "people" in fields and "attendees" not in body and others:
        body["attendees"] = _people(item, before, after.people, reopened=False)
    return body


# -- words and people --------------------------------------------------------------------------------------------------


def _worded(field: str, event: Event) -> str:
    value: str = getattr(event, attribute(field))
    return to_description(value) if field == "text" else plain_text(value)


def _said(field: str, item: Item) -> str:
    value = item.get(_WORDS[field], "")
    return to_text(value) if field == "text" else plain_text(value)


def _people(item: Item, event: Event, wanted: Iterable[Contact], *, reopened: bool) -> list[dict[str, Any]]:
    """Return the attendees of *item* as they are to be: who stays keeps what Google knows of them, rooms stay."""
    present = attendees(item, event.organizer)
    kept, new = [], []
    for person in wanted:
        who = present.pop(person.email.casefold(), None)
        if who is None:
            new.append(_invited(person))
        else:
            kept.append({**who, "responseStatus": _OPEN} if reopened else who)
    gone = {id(who) for who in present.values()}
    here = {id(who) for who in attendees(item, event.organizer).values()}
    others = [who for who in item.get("attendees", ()) if id(who) not in gone | here]
    return [*others, *kept, *new]


def _invited(person: Contact) -> dict[str, Any]:
    known = contact(person)
    name = {"displayName": known.name} if known.name else {}
    return {"email": mailto(known.email).removeprefix("mailto:"), **name, "responseStatus": _OPEN}


def _reminders(now: Item, wanted: tuple[int, ...]) -> dict[str, Any]:
    """Return the alarms of one event; without one of ours the owner's usual ones apply, and those by mail stay."""
    mails = [each for each in now.get("overrides", ()) if each.get("method") != "popup"]
    if not wanted and not mails:
        return {"useDefault": True}
    return {"useDefault": False, "overrides": [*mails, *({"method": "popup", "minutes": minutes} for minutes in wanted)]}


# -- times -------------------------------------------------------------------------------------------------------------


def _span(start: datetime, minutes: int, zone: ZoneInfo) -> dict[str, Any]:
    end = start.astimezone(UTC) + timedelta(minutes=minutes)
    return {
        name: {"dateTime": at.astimezone(zone).isoformat(timespec="seconds"), "timeZone": zone.key}
        for name, at in (("start", start), ("end", end))
    }


def _recurrence(master: Item, before: Event, after: Event, fields: frozenset[str]) -> list[str] | None:
    """Return the lines of the recurrence where they are to change."""
    if after.recurrence is None:
        return [] if before.recurrence is not None else None
    cancelled = {override.at for override in after.overrides if override.start is None}
    if fields & {"time", "recurrence"}:
        if after.recurrence == before.recurrence and after.recurrence.other:
            return None  # a person's own rule, which stays as it is spelt
        return _lines(after, cancelled)
    there = days_off(master)
    if there <= cancelled:
        return None
    return [*(line for line in master["recurrence"] if not line.startswith("EXDATE")), *_exdate_lines(after, there & cancelled)]


def _lines(event: Event, off: Iterable[datetime]) -> list[str]:
    assert event.recurrence is not None
    return [f"RRULE:{rule(event.recurrence, event.start)}", *_exdate_lines(event, off)]


def _exdate_lines(event: Event, off: Iterable[datetime]) -> Iterator[str]:
    zone = clock(event.start)
    for at in sorted(off):
        yield f"EXDATE:{at:%Y%m%dT%H%M%SZ}" if zone.key == "UTC" else f"EXDATE;TZID={zone.key}:{at.astimezone(zone):%Y%m%dT%H%M%S}"
