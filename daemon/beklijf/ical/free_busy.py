"""When somebody can't: from what servers answer (VFREEBUSY) and from files with events. Pure; only times come out of it.

Anybody may have written what is read here. What can't be understood is left out, and what would take long isn't begun with.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

from beklijf.ical import icalendar
from beklijf.ical.parser import LIMITS, WITHOUT_SUMMER, Limits, Property, clock_of, parse
from beklijf.ical.parts import mailto
from beklijf.ical.reader import address
from beklijf.model.conversation import Busy
from beklijf.model.stored import NO_STAMP, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import tzinfo
    from zoneinfo import ZoneInfo

    from icalendar import Calendar, Component

LARGEST = 500_000
"""Of one file of events, or one answer about a person; people's own programs write one event a file."""
_MOST = 2_000
"""Times that are taken out of one object."""
_FREE = "FREE"
_DAY = timedelta(days=1)
_PERIODS = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 28, "YEARLY": 365}
"""Days; what recurs faster is no meeting."""
_OLDEST = 1990
MOST_TIMES = 100_000
"""That the rules in one object may come to, from their beginning to the end of the window: 35 years of ten meetings a day take a second."""
_LAST_WEEK = 5
_COMMON_YEAR = 2027
_UNTIL_THE_END = 8_000 * 365
"""Days from now to the year 9999, where a search for a date that never comes ends."""
_TIMES = ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE")
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


def of_events(
    data: bytes,
    addresses: frozenset[str],
    zone: ZoneInfo,
    start: datetime,
    end: datetime,
    *,
    limits: Limits = LIMITS,
    most: int = MOST_TIMES,
) -> tuple[Busy, ...]:
    """Return when the events in *data* keep the person with *addresses* busy; what is shown as free, cancelled or declined doesn't.

    Whole days, and times without a zone, are meant in *zone*. Data that makes no sense keeps nobody busy.
    """
    if len(data) > LARGEST or b"BEGIN:VEVENT" not in data.upper():
        return ()
    try:
        calendar = parse(data, limits=limits)
        _leave_out_endless(calendar, end, most)
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
    read: Callable[[str], tuple[datetime, datetime | timedelta]] = icalendar.vPeriod.from_ical
    start, end = read(value)
    return _instant(start, UTC), end if isinstance(end, timedelta) else _instant(end, UTC)


def _leave_out_endless(calendar: Calendar, end: datetime, most: int) -> None:
    """Drop what would keep us busy ourselves: series by the hour or finer, or from long ago, or more of them than *most* times.

    What stays has clocks that are ours, or worked out for the years that are asked about.
    """
    kept: list[Component] = []
    for component in calendar.subcomponents:
        if component.name == "VEVENT":
            try:
                _set_clocks(calendar, component)
                most -= (cost := _cost(component, end))
            except _WRONG:
                continue
            if most < 0:
                most += cost
                continue
        kept.append(component)
    calendar.subcomponents = kept


def _set_clocks(calendar: Calendar, event: Component) -> None:
    """Give the times of a zone that only its VTIMEZONE explains their clock, which the library doesn't know any more."""
    for name in _TIMES:
        values: Property = event.get(name, [])
        for value in values if isinstance(values, list) else [values]:
            tzid = str(value.params.get("TZID", ""))
            for each in getattr(value, "dts", [value]):
                if isinstance(each.dt, datetime) and (tzid in WITHOUT_SUMMER or (tzid and each.dt.tzinfo is None)):
                    each.dt = each.dt.replace(tzinfo=clock_of(calendar, tzid))
    start: Property = event["DTSTART"]
    for rule in _rules(event, "RRULE") + _rules(event, "EXRULE"):
        if "UNTIL" in rule and isinstance(start.dt, datetime):
            rule["UNTIL"] = [_whole_day(until, start.dt) for until in rule["UNTIL"]]


def _rules(event: Component, name: str) -> list[Property]:
    rules: Property = event.get(name, [])
    return rules if isinstance(rules, list) else [rules]


def _whole_day(until: date, start: datetime) -> date:
    """Return the end of a rule; a date means that whole day where the series is."""
    if isinstance(until, datetime):
        return until
    end = datetime.combine(until, time(23, 59, 59), start.tzinfo)
    return end if start.tzinfo is None else end.astimezone(UTC)


def _cost(event: Component, end: datetime) -> int:
    """Return how many times there are to look at; raises `Unreadable` for rules that get nowhere."""
    start: Property = event["DTSTART"]
    rules = _rules(event, "RRULE") + _rules(event, "EXRULE")
    if isinstance(start, list) or (rules and start.dt.year < _OLDEST):
        raise Unreadable("a series from long ago")
    begins = start.dt if isinstance(start.dt, datetime) else datetime.combine(start.dt, time())
    days = max(0, (end.replace(tzinfo=None) - begins.replace(tzinfo=None)).days)
    return 1 + sum(_count(rule, days) for rule in rules)


def _count(rule: Property, days: int) -> int:
    """Return how many times a rule comes to within so many days, or a little more; a long search for the next one is counted too."""
    given = {name.upper(): [str(each).upper() for each in values] for name, values in rule.items() if name.upper() != "UNTIL"}
    period, interval = _PERIODS.get(given["FREQ"][0], 0), int(given.get("INTERVAL", ["1"])[0])
    if not period or interval < 1 or any(len(given.get(name, [])) > 1 for name in ("FREQ", "BYHOUR", "BYMINUTE", "BYSECOND")):
        raise Unreadable("a rule by the hour, or one that stands still")
    steps = (days if _is_plain(given, interval) else _UNTIL_THE_END) // (period * interval) + 1
    if "COUNT" in given and _is_plain(given, interval):
        steps = min(steps, int(given["COUNT"][0]))
    return steps * min(max(1, len(given.get("BYDAY", []))) * max(1, len(given.get("BYMONTHDAY", []))), 31)


def _is_plain(given: Mapping[str, list[str]], interval: int) -> bool:
    """Say whether the next time is never far away; else a search for a date that never comes goes on until the year 9999.

    FREQ              what it may have beside BYMONTH, BYDAY and one hour, every time      every second time or less
    DAILY             -                                                                    nothing
    WEEKLY            -                                                                    BYDAY
    MONTHLY, YEARLY   BYMONTHDAY, or BYSETPOS among days of the week                       BYDAY; BYMONTHDAY to the 28th, or with its month
    """
    months, monthdays = [int(n) for n in given.get("BYMONTH", [])], [int(n) for n in given.get("BYMONTHDAY", [])]
    ordinals, positions = [int(d[:-2] or 0) for d in given.get("BYDAY", [])], [int(n) for n in given.get("BYSETPOS", [])]
    frequency = given["FREQ"][0]
    if not set(months) <= set(range(1, 13)) or any(abs(n) > _LAST_WEEK for n in ordinals) or {"BYYEARDAY", "BYWEEKNO"} & given.keys():
        return False
    if positions and (monthdays or not ordinals or any(ordinals) or any(not 0 < abs(n) < _LAST_WEEK for n in positions)):
        return False
    lengths = [monthrange(_COMMON_YEAR, month)[1] for month in months] or [28 if interval > 1 else 31]
    if monthdays and not any(0 < abs(n) <= length for n in monthdays for length in lengths):
        return False
    if frequency in {"DAILY", "WEEKLY"}:
        return not monthdays and not positions and (interval == 1 or not (months or (ordinals and frequency == "DAILY")))
    return interval == 1 or (not positions and not (monthdays and ordinals) and (not months or frequency == "YEARLY"))


def _times(calendar: Calendar, addresses: frozenset[str], zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Busy]:
    import recurring_ical_events  # noqa: PLC0415  # wanted only where calendars are files

    def between(events: Calendar) -> list[Component]:
        found: list[Component] = recurring_ical_events.of(events, skip_bad_series=True).between(start - _DAY, end + _DAY)
        return found[:_MOST]

    left_out = {_place(event, zone) for event in between(_exceptions(calendar))}
    for event in between(calendar):
        if _is_busy(event, addresses) and _place(event, zone) not in left_out:
            first: Property = event["DTSTART"]
            begins = _instant(first.dt, zone)
            yield Busy(begins, _end(event, begins, zone))


def _exceptions(calendar: Calendar) -> Calendar:
    """Return what the EXRULEs in *calendar* leave out, which the library doesn't know, as events."""
    found = icalendar.Calendar()
    for event in calendar.walk("VEVENT"):
        for rule in _rules(event, "EXRULE") if "RECURRENCE-ID" not in event else ():
            out = icalendar.Event()
            for name in ("UID", "DTSTART", "DTEND", "DURATION"):
                if name in event:
                    out[name] = event[name]
            out["RRULE"] = rule
            found.add_component(out)
    return found


def _place(event: Component, zone: ZoneInfo) -> tuple[str, datetime]:
    place: Property = event.get("RECURRENCE-ID", event["DTSTART"])
    return str(event.get("UID", "")), _instant(place.dt, zone)


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
