"""Between an `Event` and an iCalendar object: read, build, and patch what changed into an object as it came.

The one writer for calendars and for invitations by mail. Pure: *stamp* (DTSTAMP) and *sequence* are arguments, and who
sends to whom is not decided here. What it writes is the form that every client takes: weekly rule with BYDAY, WKST=MO and
UNTIL in UTC, no RDATE, days off as EXDATE, everything in the zone of the master, and that zone's VTIMEZONE.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

from beklijf.ical import icalendar, parts, timezones
from beklijf.ical.parser import parse
from beklijf.ical.reader import Reading, is_cancelled, is_ours, length, members, moment, plain_text, read, reading, stored, uid_of
from beklijf.model.canonical import occurrences
from beklijf.model.domain import Contact, Override, Recurrence
from beklijf.model.stored import Agent, Stored, attribute

if TYPE_CHECKING:
    from icalendar import Calendar, Component

    from beklijf.model.conversation import Copy
    from beklijf.model.domain import Event

__all__ = [
    "Reading",
    "build",
    "cancelled",
    "canonical",
    "is_invited_by_server",
    "is_ours",
    "patch",
    "plain_text",
    "read",
    "stored",
    "uid_of",
    "written",
]


def build(
    event: Event,
    *,
    sequence: int,
    stamp: datetime,
    agent: Agent = Agent.SERVER,
    method: Literal["", "REQUEST", "CANCEL"] = "",
    about: datetime | None = None,
    copy: Copy | None = None,
    status: str = "CONFIRMED",
    sent_by: str = "",
) -> bytes:
    """Return *event* as an iCalendar object.

    For a calendar leave *method* out; for mail it is REQUEST or CANCEL. A message *about* one meeting (where the rhythm has it)
    has the whole series all the same, with that meeting as a component of its own if it takes place: there are readers for whom
    it takes the place of all that they have (sabre/vobject 4.6). *copy* has what differs by meeting: SEQUENCE, and who answered.
    An empty *status* is none. *sent_by* is the address that mails it for an organizer who is somebody else (RFC 5545 section
    3.2.18); nothing for an organizer who mails by itself.
    """
    clock, master = parts.clock_of(event.start), parts.whole(event)
    overrides = {override.at: override for override in event.overrides}
    if about is not None:
        overrides.setdefault(about.astimezone(UTC), Override(about.astimezone(UTC), about.astimezone(UTC), event.minutes))
    moved = {at: override for at, override in sorted(overrides.items()) if override.start is not None and method != "CANCEL"}
    events = {None: master} | {at: parts.meeting(event, override, master, clock) for at, override in moved.items()}
    parts.set_recurrence(master, event.recurrence, event.start)
    parts.set_exdates(master, event.overrides, clock)
    for at, component in events.items():
        if status:
            component["STATUS"] = icalendar.vText(status)
        if copy is not None:
            parts.set_answers(component, partial(copy.partstat, at))
        parts.set_sender(component, sent_by)
        parts.finish(component, sequence=sequence if copy is None else copy.sequence(at), stamp=stamp, agent=agent)
    zone = parts.zone_of(event)
    return b"".join(
        [
            b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//beklijf//beklijf//EN\r\n",
            f"METHOD:{method}\r\n".encode() if method else b"",
            timezones.text(zone) if zone else b"",
            *(component.to_ical(sorted=False) for component in events.values()),
            b"END:VCALENDAR\r\n",
        ]
    )


def canonical(event: Event) -> Event:
    """Return *event* as `read` gives it back after `build`: what a calendar that changes no meaning holds."""
    recurrence_ids = set(occurrences(event))
    overrides = (
        replace(override, minutes=0) if override.start is None else replace(override, minutes=override.minutes or event.minutes)
        for override in event.overrides
        if event.recurrence is not None and (event.recurrence.other or override.at in recurrence_ids)
    )
    return replace(
        event,
        overrides=tuple(sorted((s for s in overrides if (s.start, s.minutes) != (s.at, event.minutes)), key=lambda s: s.at)),
        title=plain_text(event.title),
        text=plain_text(event.text),
        location=plain_text(event.location),
        organizer=parts.contact(event.organizer) if event.people else Contact("", ""),
        people=tuple(sorted(map(parts.contact, event.people), key=lambda contact: contact.email)),
        alarms=tuple(sorted(set(event.alarms))),
    )


def written(event: Event, *, href: str, etag: str, sequence: int, agent: Agent) -> Stored:
    """Return *event* as `stored` gives it back after `build`, where the calendar is known to hold what was sent."""
    held = canonical(event)
    answers = {person.email: "NEEDS-ACTION" for person in held.people}
    recurrence_ids = set(occurrences(event))
    own = (s.at for s in event.overrides if s.start is not None and event.recurrence and (event.recurrence.other or s.at in recurrence_ids))
    moved = {at.astimezone(UTC): answers for at in own}
    return Stored(
        event=held,
        href=href,
        etag=etag,
        sequence=sequence,
        answers=answers,
        left_to_server=agent is Agent.SERVER and bool(held.people),
        single_answers=moved,
    )


def patch(data: bytes, wanted: Event, fields: frozenset[str], *, sequence: int, stamp: datetime, agent: Agent) -> bytes:
    """Return *data* with only *fields* as *wanted* has them; all that we do not model goes back as it came.

    A re-timed series (``time``) loses its old exceptions for those of *wanted*: they belonged to occurrences that are no more.
    A single meeting keeps words and answers of its own. With ``time`` all answers go back to open; a single meeting that
    changes its time reopens its own. With ``recurrence`` alone nobody is asked again: what remains is when it was.
    """
    calendar = parse(data)
    master, overrides = members(calendar)
    before = _event(calendar)
    components = [master, *overrides.values()]
    for field in fields & parts.WORDS.keys():
        parts.set_words(components, field, getattr(wanted, attribute(field)))
    for component in components:
        if "people" in fields:
            parts.set_people(component, wanted)
        if "alarms" in fields:
            parts.set_alarms(component, wanted.alarms)
    if fields & {"time", "recurrence", "single"}:
        _set_times(calendar, before, wanted, fields)
    for component in (c for c in calendar.subcomponents if c.name == "VEVENT"):
        if "time" in fields:
            parts.reopen(component, rsvp=not before.free)
        parts.finish(component, sequence=sequence, stamp=stamp, agent=agent)
    return bytes(calendar.to_ical(sorted=False))


def cancelled(data: bytes) -> bytes:
    """Return *data* as an event that does not take place, one SEQUENCE further: what a server tells the attendees of."""
    calendar = parse(data)
    for component in (c for c in calendar.subcomponents if c.name == "VEVENT"):
        component["STATUS"] = icalendar.vText("CANCELLED")
        component["SEQUENCE"] = icalendar.vInt(int(component.get("SEQUENCE", 0)) + 1)
    return bytes(calendar.to_ical(sorted=False))


def is_invited_by_server(data: bytes) -> bool:
    """Tell whether a scheduling server, if there is one, is to tell anybody of what happens to *data*."""
    return reading(parse(data)).left_to_server


def _event(calendar: Calendar) -> Event:
    """Return the event by the object's own clock, even where that has no name that tzdata knows: a rhythm lives in it."""
    return replace(reading(calendar).event, start=moment(calendar, members(calendar)[0], "DTSTART"))


def _set_times(calendar: Calendar, before: Event, wanted: Event, fields: frozenset[str]) -> None:
    master, components = members(calendar)
    recurrence = wanted.recurrence if "recurrence" in fields else before.recurrence
    start, minutes = (wanted.start, wanted.minutes) if "time" in fields else (before.start, before.minutes)
    if "time" in fields:
        parts.drop(calendar, components.values())
        components = {}
        parts.set_span(master, start, minutes, *parts.clock_of(start))
        zone = parts.zone_of(wanted)
        # one that is there may be by the rules of before
        calendar.subcomponents = [c for c in calendar.subcomponents if c.name != "VTIMEZONE" or str(c.get("TZID")) != zone]
        if zone:
            calendar.subcomponents.insert(0, timezones.vtimezone(zone))
        if "recurrence" not in fields and recurrence is not None and not recurrence.other:
            # A human's length of the series, at our new time: as many meetings as before.
            steps = len(occurrences(before)) - 1
            recurrence = Recurrence(recurrence.every, (start + timedelta(weeks=recurrence.every * steps)).astimezone(UTC))
    if fields & {"time", "recurrence"} and not (recurrence and recurrence.other and recurrence == before.recurrence):
        for name in ("RRULE", "RDATE", "EXRULE"):
            master.pop(name, None)
        parts.set_recurrence(master, recurrence, start)
    overrides = wanted.overrides if fields & {"time", "single"} else before.overrides
    _set_overrides(calendar, master, components, overrides, minutes=minutes, recurrence=recurrence)


def _set_overrides(
    calendar: Calendar,
    master: Component,
    components: dict[datetime, Component],
    overrides: tuple[Override, ...],
    *,
    minutes: int,
    recurrence: Recurrence | None,
) -> None:
    """Make EXDATE and the overrides say *overrides*; an override beyond the end of the series would still show, so it goes."""
    event = _event(calendar)
    recurrence_ids = set(occurrences(event))
    inside = {s.at: s for s in overrides if recurrence is not None and (recurrence.other or s.at in recurrence_ids)}
    clock = parts.clock_of(moment(calendar, master, "DTSTART"), str(master["DTSTART"].params.get("TZID", "")))
    parts.set_exdates(master, inside.values(), clock)
    for at, component in components.items():
        override = inside.pop(at, Override(at, at, minutes))
        if recurrence is None or override.start is None or is_cancelled(component) or not (recurrence.other or at in recurrence_ids):
            parts.drop(calendar, [component])
            if override.start is not None:
                inside[at] = override
            continue
        lasts = override.minutes or minutes
        if (moment(calendar, component, "DTSTART"), length(calendar, component)) != (override.start, lasts):
            parts.set_span(component, override.start, lasts, *clock)
            parts.reopen(component, rsvp=not event.free)
    for at, override in inside.items():
        if override.start is not None and (override.start, override.minutes or minutes) != (at, minutes):
            component = parts.meeting(event, override, master, clock)
            parts.reopen(component, rsvp=not event.free)
            calendar.subcomponents.append(component)
