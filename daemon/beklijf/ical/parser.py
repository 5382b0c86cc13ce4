"""From bytes to an iCalendar object as the library has it, within limits, and with clocks that are worked out when they are needed.

Anybody may have written it. What its parts mean, ``reader`` says.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from beklijf.ical import icalendar
from beklijf.ical.clocks import MOST_STEPS, Budget, Clock
from beklijf.model.stored import Unreadable

if TYPE_CHECKING:
    from datetime import tzinfo

    from icalendar import Calendar

Property: TypeAlias = Any
"""A property as the library has it; its thirty classes share no base with a value and parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an object may have; a series of a year in which everything was changed has a tenth of it."""

    lines: int = 20_000
    components: int = 5_000
    depth: int = 5
    values: int = 5_000
    """Of EXDATE and RDATE, those of time zones included."""
    steps: int = MOST_STEPS
    """To work out the clocks of its zones."""


LIMITS = Limits()

WITHOUT_SUMMER = frozenset({"GMT", "EST", "MST", "HST"})
"""Zones of tzdata that some programs (vobject) take for names of what their VTIMEZONE says, with summer time."""
_TIMES = frozenset({"DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE"})
_TZID = re.compile(r';TZID=("[^"]*"|[^;:"]*)', re.IGNORECASE)


def parse(data: bytes, *, limits: Limits = LIMITS, budget: Budget | None = None, lean: bool = False) -> Calendar:
    """Return the object with each VTIMEZONE as it came, and the clock that it describes beside it: not yet worked out.

    *lean* leaves out the zones that are known by name: a third of an object, and reading goes by the name anyway. One *budget*
    may be for several objects.
    """
    content = "\r\n".join(_lines(data, limits, lean=lean))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # guessed zones of vendors: `_in_zone` decides about them
        calendar = icalendar.Calendar.from_ical(content)
    if not isinstance(calendar, icalendar.Calendar):
        raise Unreadable("no VCALENDAR")
    steps = budget or Budget(limits.steps)
    for zone in calendar.walk("VTIMEZONE"):
        described: Property = zone
        described.clock = Clock(zone, steps)
    return calendar


def _lines(data: bytes, limits: Limits, *, lean: bool) -> list[str]:
    """Return the unfolded lines, within *limits*.

    At the end of a VTIMEZONE the library would work out all of it, for as long as that takes, and keep it for the life of the
    process. It goes by the last line, and takes any END for the end of what was begun.
    """
    kept: list[str] = []
    depth = components = values = 0
    zone, tzid = -1, ""
    for line in icalendar.parser.Contentlines.from_ical(data):  # type: ignore[no-untyped-call]  # it has none there
        named, _, value = line.partition(":")
        name = named.partition(";")[0].upper()
        if name == "BEGIN":
            depth, components = depth + 1, components + 1
            if value.strip().upper() == "VTIMEZONE":
                zone, tzid = len(kept), ""
        elif name == "END":
            depth -= 1
            if line.upper().rstrip().endswith("VTIMEZONE"):
                if lean and zone >= 0 and tzid not in WITHOUT_SUMMER and named_clock(tzid):
                    del kept[zone:]
                    zone = -1
                    continue
                zone, line = -1, "END:ZONE"  # noqa: PLW2901  # the same line, as the library is to see it
        elif name == "TZID":
            tzid = tzid or value.strip()
        elif name in {"EXDATE", "RDATE"}:
            values += 1 + value.count(",")
        kept.append(_without_zone(line) if name in _TIMES else line)
        if depth > limits.depth or components > limits.components or values > limits.values or len(kept) > limits.lines:
            raise Unreadable("an object with more in it than an event has")
    return kept


def _without_zone(line: str) -> str:
    """Return the line of a time; of an instant (Z) no zone that stands beside it counts."""
    return _TZID.sub("", line, count=1) if line.endswith(("Z", "z")) else line


@lru_cache(maxsize=1024)
def named_clock(tzid: str, location: str = "") -> ZoneInfo | None:
    """Return the clock that a zone has by its name: tzdata's or Windows', with what some programs put before it or beside it."""
    parts = tzid.strip("/").split("/")
    for name in (
        location,
        icalendar.timezone.windows_to_olson.WINDOWS_TO_OLSON.get(tzid, ""),
        *("/".join(parts[n:]) for n in range(len(parts))),
    ):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return None


def clock_of(calendar: Calendar, tzid: str) -> tzinfo:
    """Return the clock of a TZID in *calendar*; raises `Unreadable` where it has none."""
    own: Property = next((z for z in calendar.walk("VTIMEZONE") if str(z.get("TZID")) == tzid), None)
    found = named_clock(tzid, str(own.get("X-LIC-LOCATION", "")) if own is not None else "")
    with_summer = own is not None and tzid in WITHOUT_SUMMER and any(part.name == "DAYLIGHT" for part in own.subcomponents)
    if found is not None and not with_summer:
        return found
    if own is None:
        raise Unreadable(f"a time without a known time zone ({tzid or 'none'})")
    clock: tzinfo = own.clock
    return clock
