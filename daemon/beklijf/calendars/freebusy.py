"""When somebody can't: from what servers answer (VFREEBUSY) and from files with events. Pure; only times come out of it.

Anybody may have written what is read here. What can't be understood is left out, and what would take long isn't begun with.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

from icalendar import vPeriod

from beklijf.calendars import NO_STAMP
from beklijf.calendars.ics_parts import mailto
from beklijf.calendars.ics_reader import Property, Unreadable, address, parse
from beklijf.conversation import Busy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import tzinfo
    from zoneinfo import ZoneInfo

    from icalendar import Calendar, Component

LARGEST = 500_000
"""Of one file of events, or one answer about a person; people's own programs write one event a file."""
_MOST = 2_000
"""Times that are taken out of one object."""
_FREE = "FREE"
_SLOW = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
_OLDEST = 1990
_LINE = re.compile(r"FREEBUSY((?:;[^:]*)?):(.*)", re.IGNORECASE)
_WRONG = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, ArithmeticError, RecursionError, Unreadable)
"""What the libraries raise for values that make no sense."""


def request(organizer: str, people: Iterable[str], start: datetime, end: datetime) -> str:
    """Return what asks a server's schedule outbox when these addresses can't (RFC 5546 section 3.3.2).

    The same question is the same text, so there is no clock in it.
    """
    asked = sorted(people)
    name = sha256("\n".join((organizer, *asked, utc(start), utc(end))).encode()).hexdigest()[:32]
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//beklijf//beklijf//EN",
        "METHOD:REQUEST",
        "BEGIN:VFREEBUSY",
        f"UID:{name}@beklijf",
        f"DTSTAMP:{utc(NO_STAMP)}",
        f"DTSTART:{utc(start)}",
        f"DTEND:{utc(end)}",
        f"ORGANIZER:{mailto(organizer)}",
        *(f"ATTENDEE:{mailto(person)}" for person in asked),
        "END:VFREEBUSY",
        "END:VCALENDAR",
    )
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def told(text: str, start: datetime, end: datetime) -> tuple[Busy, ...]:
    """Return the busy times in a VFREEBUSY, whatever sort of busy; read line by line, since the library knows no lists there."""
    found: list[Busy] = []
    for line in re.sub(r"\r?\n[ \t]", "", text[:LARGEST]).splitlines():
        said = _LINE.fullmatch(line)
        if said and f";FBTYPE={_FREE};" not in f"{said[1].upper()};":
            found += islice(_periods(said[2]), _MOST - len(found))
    return merged(found, start, end)


def of_events(data: bytes, addresses: frozenset[str], zone: ZoneInfo, start: datetime, end: datetime) -> tuple[Busy, ...]:
    """Return when the events in *data* keep the person with *addresses* busy; what is shown as free, cancelled or declined doesn't.

    Whole days, and times without a zone, are meant in *zone*. Data that makes no sense keeps nobody busy.
    """
    if len(data) > LARGEST or b"BEGIN:VEVENT" not in data.upper():
        return ()
    try:
        calendar = parse(data)
        _leave_out_endless(calendar)
        return merged(_times(calendar, addresses, zone, start, end), start, end)
    except _WRONG:
        return ()


def merged(times: Iterable[Busy], start: datetime, end: datetime) -> tuple[Busy, ...]:
    """Return *times* in order, each within the window, and as one where they touch."""
    found: list[Busy] = []
    for each in sorted(times):
        first, last = max(each.start, start).astimezone(UTC), min(each.end, end).astimezone(UTC)
        if first >= last:
            continue
        if found and first <= found[-1].end:
            found[-1] = Busy(found[-1].start, max(found[-1].end, last))
        else:
            found.append(Busy(first, last))
    return tuple(found)


def _periods(values: str) -> Iterator[Busy]:
    for value in values.split(",")[:_MOST]:
        try:
            start, end = _period(value.strip())
            yield Busy(start, start + end if isinstance(end, timedelta) else end)
        except _WRONG:
            continue


def _period(value: str) -> tuple[datetime, datetime | timedelta]:
    read: Callable[[str], tuple[datetime, datetime | timedelta]] = vPeriod.from_ical
    start, end = read(value)
    return _instant(start, UTC), end if isinstance(end, timedelta) else _instant(end, UTC)


def _leave_out_endless(calendar: Calendar) -> None:
    """Drop series that would keep us busy ourselves: by the hour or finer, or from long ago. No meeting is like that."""
    calendar.subcomponents = [c for c in calendar.subcomponents if c.name != "VEVENT" or _is_sane(c)]


def _is_sane(event: Component) -> bool:
    start: Property = event.get("DTSTART")
    if start is None or isinstance(start, list):
        return False
    rules: Property = event.get("RRULE", [])
    rules = rules if isinstance(rules, list) else [rules]
    return not rules or (start.dt.year >= _OLDEST and all(map(_ends, rules)))


def _ends(rule: Property) -> bool:
    """Tell whether the rule gets anywhere.

    A step of nothing stands still for ever; by the day or week, looking for a date that never comes goes on until the year
    9999; and a list of minutes and seconds makes thousands of meetings a day.
    """
    steps = {str(frequency).upper() for frequency in rule.get("FREQ", [])}
    rare = any(name in rule for name in ("BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"))
    return (
        steps <= (_SLOW - {"DAILY", "WEEKLY"} if rare else _SLOW)
        and all(int(step) > 0 for step in rule.get("INTERVAL", [1]))
        and all(len(rule.get(name, [])) <= 1 for name in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    )


def _times(calendar: Calendar, addresses: frozenset[str], zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Busy]:
    import recurring_ical_events  # noqa: PLC0415  # wanted only where calendars are files

    events = recurring_ical_events.of(calendar, skip_bad_series=True).between(start - timedelta(days=1), end + timedelta(days=1))
    for event in events[:_MOST]:
        if _is_busy(event, addresses):
            first: Property = event["DTSTART"]
            begins = _instant(first.dt, zone)
            yield Busy(begins, _end(event, begins, zone))


def _is_busy(event: Component, addresses: frozenset[str]) -> bool:
    if str(event.get("TRANSP", "")).upper() == "TRANSPARENT" or str(event.get("STATUS", "")).upper() == "CANCELLED":
        return False
    people: Property = event.get("ATTENDEE", [])
    return not any(
        str(person.params.get("PARTSTAT", "")).upper() == "DECLINED" and address(person) in addresses
        for person in (people if isinstance(people, list) else [people])
    )


def _end(event: Component, begins: datetime, zone: ZoneInfo) -> datetime:
    end: Property = event.get("DTEND")
    if end is not None:
        return _instant(end.dt, zone)
    duration: Property = event.get("DURATION")
    if duration is not None:
        length: timedelta = duration.dt
        return begins + length
    start: Property = event["DTSTART"]
    return begins if isinstance(start.dt, datetime) else _instant(start.dt + timedelta(days=1), zone)


def _instant(value: date, zone: tzinfo) -> datetime:
    at = value if isinstance(value, datetime) else datetime.combine(value, time())
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _folded(line: str) -> str:
    return "\r\n ".join(line[n : n + 70] for n in range(0, len(line), 70))


def utc(at: datetime) -> str:
    """Return an instant as iCalendar and CalDAV write it."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
