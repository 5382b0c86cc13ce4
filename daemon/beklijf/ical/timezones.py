"""The VTIMEZONE of a zone: one STANDARD and one DAYLIGHT, each with a yearly rule, made from tzdata.

Clients take a recurring event's clock from the VTIMEZONE that comes with it. Outlook and Exchange accept exactly one
component of each sort with a yearly RRULE, and Radicale keeps only the first date of an RDATE list, so the lists of dates
that iCalendar libraries write are no use. The rule itself stands in the last line of each TZif file, as a POSIX TZ string:
``CET-1CEST,M3.5.0,M10.5.0/3``. Knows no events, and writes no rule that it has not compared with zoneinfo.
"""

from __future__ import annotations

import re
import zoneinfo
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path

from beklijf.ical import icalendar
from beklijf.model.errors import Refused

_NAME = r"[A-Za-z]{3,}|<[A-Za-z0-9+-]+>"
_CLOCK = r"[+-]?\d{1,3}(?::\d\d){0,2}"
_NAMES = re.compile(rf"(?P<name>{_NAME})(?P<offset>{_CLOCK})(?:(?P<other>{_NAME})(?P<other_offset>{_CLOCK})?)?")
_CHANGES = re.compile(rf"M(\d+)\.(\d)\.(\d)(?:/({_CLOCK}))?")
_LAST = 5
"""POSIX's number of a month's last week."""
_FEBRUARY = 2
_DAY = timedelta(days=1)
_ALWAYS = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)
_WEEKDAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")


class NoYearlyRule(Refused):
    """The zone changes its clock by something else than a yearly rule (Morocco: by the moon); a series there can't be written."""


@dataclass(frozen=True, slots=True)
class _Change:
    """On one day a year, at ``clock`` as the old offset has it: the ``week``-th ``weekday`` (0 is Sunday, week 5 the last)."""

    month: int
    week: int
    weekday: int
    clock: timedelta


@dataclass(frozen=True, slots=True)
class _Observance:
    name: str
    before: timedelta
    after: timedelta
    change: _Change | None


@cache
def vtimezone(zone: str) -> icalendar.Timezone:
    """Return the component of *zone* by the rule that is in force from now on; raises `NoYearlyRule`.

    Shared by all callers: treat it as read-only.
    """
    component = icalendar.Component.from_ical(text(zone))
    assert isinstance(component, icalendar.Timezone)
    return component


@cache
def text(zone: str) -> bytes:
    """Return the same as it stands in an iCalendar object."""
    lines = ["BEGIN:VTIMEZONE", f"TZID:{zone}"]
    for kind, observance in zip(("STANDARD", "DAYLIGHT"), _observances(zone), strict=False):
        lines += [f"BEGIN:{kind}", *_lines(observance), f"END:{kind}"]
    return "\r\n".join([*lines, "END:VTIMEZONE", ""]).encode()


def check(zone: str, year: int, first: datetime = _ALWAYS[0], last: datetime = _ALWAYS[1]) -> None:
    """Raise `NoYearlyRule` unless the rule of *zone* gives every offset that zoneinfo has for it in *year*, from *first* to *last*.

    A series that stretches over days for which tzdata lists other changes (a country that follows the moon, leaves out a change,
    or is about to give its clock another rule) would be an hour off in people's calendars for a part of it.
    """
    wrong = next((at for at in _wrong(zone, year) if first - _DAY < at < last + _DAY), None)
    if wrong is not None:
        end = wrong
        for at in (*_wrong(zone, year), *_wrong(zone, year + 1)):
            end = at if end < at <= end + _DAY else end
        days = " to ".join(f"{at.astimezone(zoneinfo.ZoneInfo(zone)):%-d %B %Y}" for at in (wrong, end))
        raise NoYearlyRule(
            f"{zone}: from {days} its clock doesn't follow its yearly rule, which is all that calendars know, "
            "so a series over these days would be off",
            hint="let it begin after that or end before, or give these people another time zone with the same clock",
        )


@lru_cache(maxsize=4096)
def _wrong(zone: str, year: int) -> tuple[datetime, ...]:
    """Return the instants of *year*, one a day and some around each change, at which the rule and zoneinfo don't agree."""
    observances = _observances(zone)
    clock = zoneinfo.ZoneInfo(zone)
    changes = sorted((_instant(o, year), o.after) for o in observances if o.change is not None)
    begin, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    probes = [begin + _DAY * day for day in range((end - begin).days)]
    probes += [at + step for at, _ in changes for step in (timedelta(seconds=-2), timedelta(seconds=2)) if begin <= at + step < end]

    def expected(probe: datetime) -> timedelta:
        # changes[-1] before the first change of the year: the offset that last year ended with
        return next((after for at, after in reversed(changes) if at <= probe), changes[-1][1] if changes else observances[0].after)

    return tuple(probe for probe in sorted(probes) if probe.astimezone(clock).utcoffset() != expected(probe))


@cache
def _observances(zone: str) -> tuple[_Observance, ...]:
    """Return the lower offset (STANDARD) and, where there is one, the higher (DAYLIGHT).

    By offset and not by what tzdata calls it: Dublin's law has summer as the standard and winter as an exception to it.
    """
    text = _footer(zone)
    names, *rest = text.split(",")
    match, changes = _NAMES.fullmatch(names), [found for each in rest if (found := _CHANGES.fullmatch(each))]
    if match is None or len(changes) != len(rest) or len(rest) != (0 if match["other"] is None else 2):
        raise NoYearlyRule(f"{zone}: its rule ({text or 'none'}) is not one that calendars understand", hint="choose another time zone")
    standard = -_clock(match["offset"])
    name = match["name"].strip("<>")
    if match["other"] is None:
        return (_Observance(name, standard, standard, None),)
    other = -_clock(match["other_offset"]) if match["other_offset"] else standard + timedelta(hours=1)
    to_other, to_standard = (_change(*found.groups()) for found in changes)
    pair = (
        _Observance(name, other, standard, to_standard),
        _Observance(match["other"].strip("<>"), standard, other, to_other),
    )
    return tuple(sorted(pair, key=lambda o: o.after))


def _footer(zone: str) -> str:
    """Return the POSIX rule at the end of the same file that ZoneInfo reads: in its path, or in the tzdata package."""
    for folder in zoneinfo.TZPATH:
        path = Path(folder, zone)
        if path.is_file():
            data = path.read_bytes()
            break
    else:
        try:
            data = resources.files("tzdata.zoneinfo").joinpath(zone).read_bytes()
        except OSError as error:
            raise NoYearlyRule(f"{zone}: there is no such time zone", hint="names look like Europe/Amsterdam") from error
    return data.rstrip(b"\n").rpartition(b"\n")[2].decode("ascii", "replace")


def _change(month: str, week: str, weekday: str, clock: str | None) -> _Change:
    return _Change(int(month), int(week), int(weekday), _clock(clock or "2"))


def _clock(text: str) -> timedelta:
    sign = -1 if text.startswith("-") else 1
    hours, minutes, seconds = ([int(n) for n in text.lstrip("+-").split(":")] + [0, 0])[:3]
    return sign * timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _lines(observance: _Observance) -> list[str]:
    lines = [
        f"TZOFFSETFROM:{_offset(observance.before)}",
        f"TZOFFSETTO:{_offset(observance.after)}",
        f"TZNAME:{observance.name}",
    ]
    if observance.change is None:
        return ["DTSTART:19700101T000000", *lines]
    days, clock, rule = _yearly(observance.change)
    first = _day(1970, observance.change) + timedelta(days=days) + clock
    return [f"DTSTART:{first:%Y%m%dT%H%M%S}", *lines, f"RRULE:{rule}"]


def _yearly(change: _Change) -> tuple[int, timedelta, str]:
    """Return by how many days the change is shifted, its hour on that day, and the RRULE.

    An hour outside the day belongs to a neighbouring day: Jerusalem's fourth Thursday at 26:00 is the Friday from the 23rd to
    the 29th at 02:00. Midnight at the end of a day (Cairo, Santiago) becomes 23:59:59, as Windows has it: the same change
    but for a second, and a rule that Exchange takes, where the day after may lie in another month.
    """
    if change.clock == timedelta(hours=24):
        days, clock = 0, timedelta(hours=24, seconds=-1)
    else:
        days, clock = change.clock.days, change.clock - timedelta(days=change.clock.days)
    weekday = _WEEKDAYS[(change.weekday + days) % 7]
    if not days:
        return 0, clock, f"FREQ=YEARLY;BYMONTH={change.month};BYDAY={-1 if change.week == _LAST else change.week}{weekday}"
    length = monthrange(1970, change.month)[1]
    first = (length - 6 if change.week == _LAST else 7 * change.week - 6) + days
    if first < 1 or first + 6 > length or change.month == _FEBRUARY:
        raise NoYearlyRule(f"a clock change in month {change.month} that may fall in the next one has no yearly rule")
    monthdays = ",".join(str(first + n) for n in range(7))
    return days, clock, f"FREQ=YEARLY;BYMONTH={change.month};BYMONTHDAY={monthdays};BYDAY={weekday}"


def _day(year: int, change: _Change) -> datetime:
    """Return midnight of the day, written in UTC for want of a zone: the clock and the offset come on top."""
    if change.week == _LAST:
        last = datetime(year, change.month, monthrange(year, change.month)[1], tzinfo=UTC)
        return last - timedelta(days=(last.isoweekday() - change.weekday) % 7)
    first = datetime(year, change.month, 1, tzinfo=UTC)
    return first + timedelta(days=(change.weekday - first.isoweekday()) % 7 + 7 * (change.week - 1))


def _instant(observance: _Observance, year: int) -> datetime:
    assert observance.change is not None
    return _day(year, observance.change) + observance.change.clock - observance.before


def _offset(offset: timedelta) -> str:
    seconds = int(abs(offset).total_seconds())
    text = f"{'-' if offset < timedelta() else '+'}{seconds // 3600:02}{seconds % 3600 // 60:02}"
    return text + (f"{seconds % 60:02}" if seconds % 60 else "")
