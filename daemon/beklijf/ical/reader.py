"""From an iCalendar object, whoever wrote it, to the `Event` that it means.

Reads and never writes. What servers and clients change by themselves (the order of lines and of RRULE's parts, UNTIL's
spelling, the name of a zone, EXDATE in place of a cancelled override, blanks at line ends) must not show in the result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from beklijf.boundary.foreign import ACTING
from beklijf.ical.parser import WITHOUT_SUMMER, Property, clock_of, parse
from beklijf.model.addresses import kept_domain, seen
from beklijf.model.canonical import occurrences, place
from beklijf.model.domain import Contact, Event, Override, Recurrence
from beklijf.model.errors import Missing
from beklijf.model.stored import Stored, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icalendar import Calendar, Component

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_UTC = ZoneInfo("UTC")
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
_MOST_STEPS = 520
"""A rule with more meetings than this is endless in all but name, and is not expanded."""
_INSTANT = timedelta(minutes=1)
"""Less than any meeting lasts."""
_PERIODS = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 31, "YEARLY": 366}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    event: Event
    sequence: int
    """The highest of the master and its overrides."""
    cancelled: bool
    """STATUS:CANCELLED on the whole: for us that is an event which is gone."""
    delivery: Mapping[str, str]
    answers: Mapping[str, str]
    single_answers: Mapping[datetime, Mapping[str, str]]
    left_to_server: bool


def lasting(start: datetime, end: datetime) -> int:
    """Return the minutes between two instants; raises `Unreadable` for what ends before it begins."""
    if end < start:
        raise Unreadable("it ends before it begins")
    return int((end - start) / timedelta(minutes=1))


def is_ours(uid: str) -> bool:
    return uid.endswith("@beklijf")


def uid_of(data: bytes) -> str:
    """Return the first UID without parsing the rest; empty when there is none.

    A folder or server holds mostly events that are not ours, and those are read no further than this.
    """
    for line in re.sub(rb"\r?\n[ \t]", b"", data).split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon and name.partition(b";")[0].upper() == b"UID":
            return value.strip().decode("utf-8", "replace")
    return ""


def read(data: bytes) -> Reading:
    """Return what *data* means; raises `Unreadable`."""
    try:
        return reading(parse(data, lean=True))
    except Unreadable as error:
        uid = uid_of(data)
        if not uid or uid in str(error):
            raise
        raise Unreadable(f"{uid}: {error}", hint=error.hint) from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, OSError) as error:
        # The library raises all of these for malformed values, most of them only when a value is looked at; OSError comes of a
        # TZID that is a folder of tzdata, or longer than a file's name may be.
        raise Unreadable(f"{uid_of(data) or 'an event'}: cannot be read ({error})") from error


def stored(data: bytes, *, href: str, etag: str) -> Stored:
    """Return *data* as an event of a calendar; raises `Missing` for one that is cancelled as a whole, and `Unreadable`."""
    found = read(data)
    if found.cancelled:
        raise Missing(f"{found.event.uid}: cancelled")
    return Stored(
        event=found.event,
        href=href,
        etag=etag,
        sequence=found.sequence,
        delivery=found.delivery,
        answers=found.answers,
        single_answers=found.single_answers,
        left_to_server=found.left_to_server,
    )


def members(calendar: Calendar) -> tuple[Component, dict[datetime, Component]]:
    """Return the event itself, and the overrides of its single meetings by where the rhythm had them, in UTC."""
    events = [c for c in calendar.subcomponents if c.name == "VEVENT"]
    masters = [e for e in events if "RECURRENCE-ID" not in e]
    if len(masters) != 1:
        raise Unreadable(f"{events[0].get('UID', '?') if events else 'an object'}: {len(masters)} events where one was expected")
    master = masters[0]
    start = moment(calendar, master, "DTSTART")
    recurrence = _recurrence(master, start)
    overrides = {}
    for event in events:
        if event is not master:
            if "RANGE" in event["RECURRENCE-ID"].params:
                raise Unreadable(f"{master.get('UID')}: changed from one meeting on, in a way that few programs understand")
            overrides[_place(moment(calendar, event, "RECURRENCE-ID"), start, recurrence)] = event
    return master, overrides


def _place(at: datetime, start: datetime, recurrence: Recurrence | None) -> datetime:
    """Return a place in a series; one in UTC is spelt by the rules that somebody's programs have for its zone."""
    in_utc = at.utcoffset() == timedelta() and at.tzinfo in {UTC, _UTC}
    return place(at, start, recurrence) if in_utc else at.astimezone(UTC)


def reading(calendar: Calendar) -> Reading:
    master, overrides = members(calendar)
    start = moment(calendar, master, "DTSTART")
    people = attendees(master)
    event = Event(
        uid=str(master["UID"]),
        start=start,
        minutes=length(calendar, master),
        recurrence=_recurrence(master, start),
        overrides=(),
        title=text(master, "SUMMARY"),
        text=text(master, "DESCRIPTION"),
        location=text(master, "LOCATION"),
        organizer=Contact(_name(master["ORGANIZER"]), address(master["ORGANIZER"])) if "ORGANIZER" in master else Contact("", ""),
        people=tuple(Contact(_name(person), key) for key, person in sorted(people.items())),
        alarms=tuple(sorted({minutes for alarm in alarms(master) if (minutes := minutes_before(alarm)) is not None})),
        free=str(master.get("TRANSP", "")).upper() == "TRANSPARENT",
    )
    if event.recurrence is not None:
        event = replace(event, overrides=tuple(_overrides(calendar, master, overrides, event)))
    return Reading(
        event=event,
        sequence=max(int(e.get("SEQUENCE", 0)) for e in (master, *overrides.values())),
        cancelled=is_cancelled(master),
        delivery={key: str(p.params["SCHEDULE-STATUS"]) for key, p in people.items() if "SCHEDULE-STATUS" in p.params},
        answers=_answers(master),
        single_answers=_single_answers(overrides, event),
        left_to_server=any(str(p.params.get("SCHEDULE-AGENT", "")).upper() not in {"CLIENT", "NONE"} for p in people.values()),
    )


# -- time --------------------------------------------------------------------------------------------------------------


def moment(calendar: Calendar, component: Component, name: str) -> datetime:
    value: Property = component[name]
    return _in_zone(calendar, value.dt, str(value.params.get("TZID", "")))


def _in_zone(calendar: Calendar, value: object, tzid: str) -> datetime:
    """Return *value* with a clock that we trust: tzdata's where the name leads to one, else the object's own VTIMEZONE.

    The library would keep one clock per TZID for the whole process, so that two events with a "Customized Time Zone" of
    different rules shared the first one's; therefore the object's own is made here.
    """
    if not isinstance(value, datetime):
        raise Unreadable("a whole day where a time was expected")
    if isinstance(value.tzinfo, ZoneInfo) and tzid not in WITHOUT_SUMMER:
        return value
    return value.replace(tzinfo=clock_of(calendar, tzid))


def length(calendar: Calendar, component: Component) -> int:
    start = moment(calendar, component, "DTSTART").astimezone(UTC)
    if "DTEND" in component:
        return lasting(start, moment(calendar, component, "DTEND").astimezone(UTC))
    value: Property = component.get("DURATION")
    duration = value.dt if value is not None else timedelta()
    if not isinstance(duration, timedelta):
        raise Unreadable("a length that is none")
    return int(duration / timedelta(minutes=1))


def _recurrence(master: Component, start: datetime) -> Recurrence | None:
    if "RRULE" not in master and "RDATE" not in master:
        return None
    rule: Property = master.get("RRULE", {})
    if isinstance(rule, list) or "RDATE" in master or "EXRULE" in master or not _is_plain(rule, start):
        return Recurrence(every=0, last=_bound(rule, start), other=_spelt(master))
    every = int(rule.get("INTERVAL", [1])[0])
    weeks = timedelta(weeks=every)
    steps = int(rule["COUNT"][0]) - 1 if "COUNT" in rule else max(0, (_last_day(rule, start) - start.date()) // weeks)
    if steps > _MOST_STEPS:
        return Recurrence(every=0, last=_bound(rule, start), other=_spelt(master))
    return Recurrence(every=every, last=(start + weeks * steps).astimezone(UTC))


def _is_plain(rule: Property, start: datetime) -> bool:
    return (
        [str(f).upper() for f in rule.get("FREQ", [])] == ["WEEKLY"]
        and set(rule) <= {"FREQ", "INTERVAL", "BYDAY", "WKST", "UNTIL", "COUNT"}
        and [str(d).upper() for d in rule.get("BYDAY", [])] in ([], [WEEKDAYS[start.weekday()]])
        and ("UNTIL" in rule or "COUNT" in rule)
    )


def _last_day(rule: Property, start: datetime) -> date:
    """Return the day of UNTIL in the zone of the series, whatever the hour: programs and servers write many.

    Midnight ends the day before; and just before a start ends what a program cut off there (Android: "this and all future").
    """
    until = _until(rule, start).astimezone(start.tzinfo).replace(tzinfo=None)
    begins = datetime.combine(until, start.time())
    cut_off = until < begins and (begins - until <= _INSTANT or until.time() == time())
    return (until - timedelta(days=cut_off)).date()


def _until(rule: Property, start: datetime) -> datetime:
    """Return UNTIL as an instant: a date means that whole day, a time without zone is a clock at the start's place."""
    until = rule["UNTIL"][0]
    if not isinstance(until, datetime):
        return datetime(until.year, until.month, until.day, 23, 59, 59, tzinfo=start.tzinfo)
    return until if until.tzinfo else until.replace(tzinfo=start.tzinfo)


def _bound(rule: Property, start: datetime) -> datetime:
    """Return an instant after which a human's rule has no meeting any more, maybe later than needed."""
    if isinstance(rule, dict) and "UNTIL" in rule:
        return _until(rule, start).astimezone(UTC)
    if isinstance(rule, dict) and "COUNT" in rule:
        days = _PERIODS.get(str(rule["FREQ"][0]).upper(), 366) * int(rule.get("INTERVAL", [1])[0])
        return (start + timedelta(days=days * int(rule["COUNT"][0]))).astimezone(UTC)
    return FOREVER


def _spelt(master: Component) -> str:
    lines = []
    for name in ("RRULE", "RDATE", "EXRULE"):
        values = master.get(name, [])
        for value in values if isinstance(values, list) else [values]:
            parts = value.to_ical().decode().upper().split(";")
            lines.append(";".join(sorted(parts)) if name != "RDATE" else f"RDATE={','.join(sorted(parts))}")
    return " ".join(sorted(lines))


def _overrides(calendar: Calendar, master: Component, overrides: dict[datetime, Component], event: Event) -> Iterator[Override]:
    """Yield what became of single meetings; occurrences outside the rule mean nothing to anybody and are left out."""
    recurrence_ids = None if event.recurrence and event.recurrence.other else set(occurrences(event))
    skipped = {_place(at, event.start, event.recurrence) for at in exdates(calendar, master, event.start)}
    skipped |= {at for at, override in overrides.items() if is_cancelled(override)}
    for at in sorted(skipped | set(overrides)):
        if recurrence_ids is not None and at not in recurrence_ids:
            continue
        if at in skipped:
            yield Override(at, None)
            continue
        moved, minutes = moment(calendar, overrides[at], "DTSTART"), length(calendar, overrides[at])
        if (moved, minutes) != (at, event.minutes):
            yield Override(at, moved, minutes)


def _single_answers(overrides: dict[datetime, Component], event: Event) -> dict[datetime, dict[str, str]]:
    """Return what people said of single meetings.

    A server writes an override that says the same as the series for nothing else: somebody answered for that day alone.
    """
    if event.recurrence is None:
        return {}
    recurrence_ids = None if event.recurrence.other else set(occurrences(event))
    return {
        at: _answers(override)
        for at, override in sorted(overrides.items())
        if not is_cancelled(override) and (recurrence_ids is None or at in recurrence_ids)
    }


def exdates(calendar: Calendar, master: Component, start: datetime) -> Iterator[datetime]:
    """Yield the instants of EXDATE; a date means the meeting of that day (some clients write only that)."""
    values = master.get("EXDATE", [])
    for dates in values if isinstance(values, list) else [values]:
        tzid = str(dates.params.get("TZID", ""))
        for entry in dates.dts:
            if isinstance(entry.dt, date) and not isinstance(entry.dt, datetime):
                yield datetime.combine(entry.dt, start.timetz())
            else:
                yield _in_zone(calendar, entry.dt, tzid)


# -- words, people, alarms ---------------------------------------------------------------------------------------------


def plain_text(value: str) -> str:
    """Return *value* as every server hands it back: one sort of line end, no blanks at line ends, no control characters."""
    lines = ACTING.sub("", value.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def text(component: Component, name: str) -> str:
    value = component.get(name, "")
    return plain_text(str(value[0] if isinstance(value, list) else value))


def address(person: Property) -> str:
    """Return the casefolded address; iCloud names people by a path and puts the address in EMAIL."""
    value = str(person)
    if not value.casefold().startswith("mailto:") and "EMAIL" in person.params:
        value = str(person.params["EMAIL"])
    return address_of(value)


def address_of(value: str) -> str:
    """Return the address in a ``mailto:``, casefolded, in the form in which the config has it."""
    local, at, domain = re.sub(r"(?i)^mailto:", "", seen(value).strip()).rpartition("@")
    return local.casefold() + at + kept_domain(domain).casefold()


def attendees(component: Component) -> dict[str, Property]:
    """Return the ATTENDEE properties of people by address: no rooms, no resources, and not the organizer once more."""
    values = component.get("ATTENDEE", [])
    organizer = address(component["ORGANIZER"]) if "ORGANIZER" in component else ""
    return {
        address(person): person
        for person in (values if isinstance(values, list) else [values])
        if str(person.params.get("CUTYPE", "")).upper() not in {"ROOM", "RESOURCE"} and address(person) != organizer
    }


def _answers(component: Component) -> dict[str, str]:
    return {key: str(p.params.get("PARTSTAT", "NEEDS-ACTION")).upper() for key, p in attendees(component).items()}


def _name(person: Property) -> str:
    return plain_text(str(person.params.get("CN", "")))


def alarms(component: Component) -> list[Component]:
    return [c for c in component.subcomponents if c.name == "VALARM"]


def minutes_before(alarm: Component) -> int | None:
    """Return how long before the start it rings; None for alarms that we don't model (fixed moments, snoozes, after the end)."""
    trigger = alarm.get("TRIGGER")
    if trigger is None or str(alarm.get("ACTION", "")).upper() == "NONE" or str(trigger.params.get("RELATED", "")).upper() == "END":
        return None
    before = trigger.dt
    return int(-before / timedelta(minutes=1)) if isinstance(before, timedelta) and before <= timedelta() else None


def is_cancelled(component: Component) -> bool:
    return str(component.get("STATUS", "")).upper() == "CANCELLED"
