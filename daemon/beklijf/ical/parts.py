"""The parts of a VEVENT, written one by one: words, people, alarms, times, recurrence.

Each function makes one part say what is wanted and leaves the rest of the component alone; which parts, ``ics`` decides.
"""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, TypeAlias
from zoneinfo import ZoneInfo

from beklijf.ical import icalendar, timezones
from beklijf.ical.reader import WEEKDAYS, address, alarms, attendees, minutes_before, plain_text, text
from beklijf.model.addresses import ascii_domain
from beklijf.model.domain import Contact
from beklijf.model.errors import Refused
from beklijf.model.stored import UNREACHABLE, Agent, attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import tzinfo

    from icalendar import Calendar, Component, vCalAddress, vDDDTypes

    from beklijf.ical.parser import Property
    from beklijf.model.domain import Event, Override, Recurrence

Clock: TypeAlias = "tuple[tzinfo, str]"
WORDS = {"title": "SUMMARY", "text": "DESCRIPTION", "place": "LOCATION"}


def whole(event: Event) -> Component:
    """Return the VEVENT without recurrence; `icalendar.Event.new` would add a random UID and read the clock."""
    component = icalendar.Event()
    component["UID"] = icalendar.vText(event.uid)
    set_span(component, event.start, event.minutes, *clock_of(event.start))
    for field in WORDS:
        set_words([component], field, getattr(event, attribute(field)))
    if event.people:
        component["ORGANIZER"] = _calendar_address(event.organizer)
        set_people(component, event)
    component["TRANSP"] = icalendar.vText("TRANSPARENT" if event.free else "OPAQUE")
    set_alarms(component, event.alarms)
    return component


def meeting(event: Event, override: Override, master: Component, clock: Clock) -> Component:
    """Return one meeting of a series as a component of its own, with all else as *master* has it."""
    component = deepcopy(master)
    for name in ("RRULE", "RDATE", "EXRULE", "EXDATE"):
        component.pop(name, None)
    component["RECURRENCE-ID"] = _when(override.at, *clock)
    set_span(component, override.start or override.at, override.minutes or event.minutes, *clock)
    return component


def finish(component: Component, *, sequence: int, stamp: datetime, agent: Agent) -> None:
    component["SEQUENCE"] = icalendar.vInt(sequence)
    component["DTSTAMP"] = icalendar.vDDDTypes(stamp.astimezone(UTC).replace(microsecond=0))
    if "LAST-MODIFIED" in component:
        component["LAST-MODIFIED"] = icalendar.vDDDTypes(stamp.astimezone(UTC).replace(microsecond=0))
    component.pop("X-MICROSOFT-CDO-APPT-SEQUENCE", None)  # Exchange believes it rather than SEQUENCE
    for person in _listed(component, "ATTENDEE"):
        # The server sends unless told otherwise. NONE is written as CLIENT, since sabre servers (Nextcloud, Baikal) take NONE
        # for SERVER. Whom the server said it can't reach is ours to write to.
        unreachable = str(person.params.get("SCHEDULE-STATUS", "")).startswith(UNREACHABLE)
        if agent is not Agent.SERVER or unreachable:
            person.params["SCHEDULE-AGENT"] = "CLIENT"
            if not unreachable:
                person.params.pop("SCHEDULE-STATUS", None)  # what the server delivered once is no longer so
        else:
            person.params.pop("SCHEDULE-AGENT", None)


def set_words(components: list[Component], field: str, value: str) -> None:
    """Write a text into the master (the first) and into those overrides that had the master's."""
    name = WORDS[field]
    before = text(components[0], name)
    for component in components:
        if text(component, name) != before:
            continue
        component.pop(name, None)
        if field == "text":
            component.pop("X-ALT-DESC", None)  # the same in HTML, which Outlook would go on showing
        if value:
            component[name] = icalendar.vText(plain_text(value))


def set_people(component: Component, wanted: Event) -> None:
    """Make the attendees those of *wanted*: who stays keeps what the calendar knows of them, rooms stay."""
    present = attendees(component)
    keys = {contact.email.casefold() for contact in wanted.people}
    kept = [person for person in _listed(component, "ATTENDEE") if address(person) in keys or address(person) not in present]
    new = [_attendee(contact, rsvp=not wanted.free) for contact in wanted.people if contact.email.casefold() not in present]
    _put_list(component, "ATTENDEE", kept + new)


def _attendee(contact: Contact, *, rsvp: bool) -> vCalAddress:
    person = _calendar_address(contact)
    # Without RSVP=TRUE some clients show no buttons.
    params = {"CUTYPE": "INDIVIDUAL", "ROLE": "REQ-PARTICIPANT", "PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE" if rsvp else "FALSE"}
    for name, value in params.items():
        person.params[name] = value
    return person


def set_answers(component: Component, partstat: Callable[[str], str]) -> None:
    """Write what each attendee answered, by their address; who answered isn't asked again."""
    for where, person in attendees(component).items():
        person.params["PARTSTAT"] = said = partstat(where)
        if said != "NEEDS-ACTION":
            person.params["RSVP"] = "FALSE"


def mailto(email: str) -> str:
    """Return an address as calendars write it, an international domain in its ASCII form."""
    local, at, domain = email.rpartition("@")
    return f"mailto:{local}{at}{domain if domain.isascii() else ascii_domain(domain)}"


def _calendar_address(somebody: Contact) -> vCalAddress:
    person = icalendar.vCalAddress(mailto(somebody.email))
    if name := contact(somebody).name:
        person.params["CN"] = name
    return person


def set_sender(component: Component, address: str) -> None:
    """Say who writes in the organizer's name, where that is somebody else."""
    organizer = component.get("ORGANIZER")
    if organizer is not None and address and str(organizer).casefold() != mailto(address).casefold():
        organizer.params["SENT-BY"] = mailto(address)


def contact(somebody: Contact) -> Contact:
    """Return name and address as they come back.

    A quote in a name would become ``^'``, which not every client reads, and a backslash swallows what stands behind it.
    """
    name = re.sub(r"\s+", " ", re.sub(r'["\\]', "", plain_text(somebody.name))).strip()
    return Contact(name, somebody.email.casefold())


def set_alarms(component: Component, wanted: tuple[int, ...]) -> None:
    """Make the alarms before the start those of *wanted*; others (fixed moments, snoozes) stay as they came."""
    present = {minutes for alarm in alarms(component) if (minutes := minutes_before(alarm)) is not None}
    component.subcomponents = [
        c for c in component.subcomponents if c.name != "VALARM" or (before := minutes_before(c)) is None or before in wanted
    ]
    for minutes in sorted(set(wanted) - present):
        alarm = icalendar.Alarm()
        alarm["ACTION"] = icalendar.vText("DISPLAY")
        alarm["DESCRIPTION"] = icalendar.vText(text(component, "SUMMARY"))
        alarm["TRIGGER"] = icalendar.vDuration(-timedelta(minutes=minutes))
        component.subcomponents.append(alarm)


def reopen(component: Component, *, rsvp: bool) -> None:
    for person in attendees(component).values():
        person.params["PARTSTAT"] = "NEEDS-ACTION"
        person.params["RSVP"] = "TRUE" if rsvp else "FALSE"


def set_span(component: Component, start: datetime, minutes: int, clock: tzinfo, tzid: str) -> None:
    component.pop("DURATION", None)
    component["DTSTART"] = _when(start, clock, tzid)
    component["DTEND"] = _when(start.astimezone(UTC) + timedelta(minutes=minutes), clock, tzid)


def set_recurrence(master: Component, recurrence: Recurrence | None, start: datetime) -> None:
    if recurrence is not None:
        master["RRULE"] = icalendar.vRecur.from_ical(rule(recurrence, start))


def rule(recurrence: Recurrence, start: datetime) -> str:
    """Return the RRULE, until the end of the day of the last meeting.

    Until its very start, who has other rules for the zone loses the last meeting, and so does a program that moves the
    series and leaves its end.
    """
    if " " in recurrence.other or recurrence.other.startswith("RDATE"):
        raise Refused("a recurrence of several rules or single dates can be kept, but not written anew")
    if recurrence.other:
        return recurrence.other
    until = datetime.combine(recurrence.last.astimezone(start.tzinfo), time(23, 59, 59), start.tzinfo).astimezone(UTC)
    return f"FREQ=WEEKLY;INTERVAL={recurrence.every};BYDAY={WEEKDAYS[start.weekday()]};WKST=MO;UNTIL={until:%Y%m%dT%H%M%SZ}"


def set_exdates(master: Component, overrides: Iterable[Override], clock: Clock) -> None:
    """Write one line a date: of a list some readers keep the first date only."""
    dates = [_when(override.at, *clock) for override in overrides if override.start is None]
    _put_list(master, "EXDATE", dates)


def clock_of(start: datetime, tzid: str = "") -> Clock:
    """Return the clock and TZID in which a whole event is written: other zones in its parts make duplicates in some clients."""
    clock = start.tzinfo or UTC
    return clock, tzid or (clock.key if isinstance(clock, ZoneInfo) else "UTC")


def _when(at: datetime, clock: tzinfo, tzid: str) -> vDDDTypes:
    if tzid == "UTC":
        return icalendar.vDDDTypes(at.astimezone(UTC))
    value = icalendar.vDDDTypes(at.astimezone(clock))
    value.params["TZID"] = tzid
    return value


def zone_of(event: Event) -> str:
    """Return the zone that *event* is written in, empty for UTC; raises `NoYearlyRule`."""
    zone = event.start.tzinfo
    if not isinstance(zone, ZoneInfo) or zone.key == "UTC":
        return ""
    last = event.recurrence.last if event.recurrence and not event.recurrence.other else event.start
    for year in range(event.start.year, last.year + 1):
        timezones.check(zone.key, year, event.start, last)
    return zone.key


def _listed(component: Component, name: str) -> list[Property]:
    values = component.get(name, [])
    return values if isinstance(values, list) else [values]


def _put_list(component: Component, name: str, values: list[Property]) -> None:
    component.pop(name, None)
    if values:
        component[name] = values


def drop(calendar: Calendar, components: Iterable[Component]) -> None:
    gone = {id(component) for component in components}
    calendar.subcomponents = [c for c in calendar.subcomponents if id(c) not in gone]
