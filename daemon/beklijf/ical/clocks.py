"""The clock of a time zone that only its VTIMEZONE explains: which offset holds when, for the years that are asked about.

Anybody may have written the zone. The library expands all of it, keeps it for the life of the process, and takes rules by
the second. Here a rule of a zone is one by the year, as every exporter writes them; what is worked out are the years around the
times that are read, each once; and each step is counted. Programs write the whole history of a zone (Thunderbird: since 1892), or
each change up to 2087 (Morocco's go by the moon): that is some hundreds of steps.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from beklijf.model.stored import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalendar import Component

MOST_STEPS = 10_000
"""A twentieth of a second, or less."""

_KNOWN = {"FREQ", "INTERVAL", "BYMONTH", "BYMONTHDAY", "BYDAY", "WKST", "UNTIL", "COUNT"}
_MOST_DAYS = 7
"""Entries of BYDAY; a change is on one day of the week."""
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY = timedelta(days=1)
_NEVER = datetime(9998, 12, 31)  # noqa: DTZ001  # wall time

Property: TypeAlias = Any
"""As in ics_reader."""


class TooMuch(Unreadable):
    """What would have to be worked out is more than anybody's clock takes."""


@dataclass(slots=True)
class Budget:
    """So many steps may be taken for one message or object, whatever is in it."""

    left: int = MOST_STEPS

    def spend(self, steps: int = 1) -> None:
        self.left -= steps
        if self.left < 0:
            raise TooMuch("a time zone that takes more than any clock")


@dataclass(frozen=True, slots=True, order=True)
class _Onset:
    """The instant (in UTC, naive) from which an offset holds, and which one held before."""

    at: datetime
    before: timedelta
    after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """A yearly RRULE; its onsets are in wall time as the offset before has it."""

    before: timedelta
    after: timedelta
    start: datetime
    until: datetime
    interval: int
    months: tuple[int, ...]
    monthdays: frozenset[int]
    weekdays: tuple[tuple[int, int], ...]
    """The day of the week (Monday is 0), and which one of the month: -1 is the last, 0 each."""

    def onsets(self, year: int, budget: Budget) -> list[_Onset]:
        budget.spend(len(self.months))
        if not self.start.year <= year <= self.until.year or (year - self.start.year) % self.interval:
            return []
        walls = [datetime.combine(day, self.start.time()) for day in self._days(year)]
        budget.spend(len(walls))
        return [_Onset(wall - self.before, self.before, self.after) for wall in walls if self.start <= wall <= self.until]

    def last_before(self, year: int, budget: Budget) -> list[_Onset]:
        for each in range(min(year - 1, self.until.year), self.start.year - 1, -1):
            if found := self.onsets(each, budget):
                return found[-1:]
        return []

    def _days(self, year: int) -> Iterator[datetime]:
        for month in self.months:
            first, length = monthrange(year, month)
            for day in range(1, length + 1):
                nth = ((day - 1) // 7 + 1, -((length - day) // 7 + 1), 0)
                fits = not self.monthdays or day in self.monthdays or day - length - 1 in self.monthdays
                if fits and (not self.weekdays or any(w == (first + day - 1) % 7 and n in nth for w, n in self.weekdays)):
                    yield datetime(year, month, day)  # noqa: DTZ001  # wall time


@dataclass(frozen=True, slots=True)
class _Table:
    """The onsets around one year, by instant, and by wall time for the first and the second of two equal ones (PEP 495)."""

    onsets: list[_Onset]
    walls: tuple[list[datetime], list[datetime]] = field(init=False)

    def __post_init__(self) -> None:
        walls = ([o.at + o.before for o in self.onsets], [o.at + min(o.before, o.after) for o in self.onsets])
        object.__setattr__(self, "walls", walls)

    def offset(self, number: int) -> timedelta:
        """Return what holds after so many onsets; before the first of all, what that one says was before."""
        if not self.onsets:
            raise Unreadable("a time zone without a clock")
        return self.onsets[number - 1].after if number else self.onsets[0].before


class Clock(tzinfo):
    """The clock of one VTIMEZONE; raises `Unreadable` where that describes none, `TooMuch` beyond the budget."""

    def __init__(self, zone: Component, budget: Budget) -> None:
        self._zone = zone
        self._budget = budget
        self._tables: dict[int, _Table] = {}

    def __deepcopy__(self, memo: dict[int, object]) -> Clock:
        return self

    def utcoffset(self, at: datetime | None) -> timedelta | None:
        if at is None:
            return None
        table = self._table(at.year)
        return table.offset(bisect_right(table.walls[at.fold], at.replace(tzinfo=None, fold=0)))

    def fromutc(self, at: datetime) -> datetime:
        instant = at.replace(tzinfo=None)
        table = self._table(instant.year)
        number = bisect_right([onset.at for onset in table.onsets], instant)
        wall = instant + table.offset(number)
        again = number and table.offset(number) < table.offset(number - 1) and wall < table.walls[0][number - 1]
        return wall.replace(tzinfo=self, fold=1 if again else 0)

    def dst(self, at: datetime | None) -> None:
        """Return nothing: which of its offsets a zone calls summer time matters to nobody."""
        del at

    def tzname(self, at: datetime | None) -> str:
        del at
        return str(self._zone.get("TZID", ""))

    def _table(self, year: int) -> _Table:
        if year not in self._tables:
            fixed, rules = self._described
            years = range(max(year - 1, 1), min(year + 1, _NEVER.year) + 1)
            first, last = (datetime(each, 1, 1) for each in (years[0], years[-1] + 1))  # noqa: DTZ001  # near enough to UTC
            begin = max(0, bisect_left(fixed, first, key=lambda onset: onset.at) - 1)
            found = fixed[begin : bisect_left(fixed, last, key=lambda onset: onset.at)]
            self._budget.spend(len(found))
            for rule in rules:
                found += rule.last_before(years[0], self._budget)
                found += [onset for each in years for onset in rule.onsets(each, self._budget)]
            self._tables[year] = _Table(sorted(found))
        return self._tables[year]

    @cached_property
    def _described(self) -> tuple[list[_Onset], list[_Rule]]:
        """Return the onsets that stand in the zone, in order, and its rules."""
        fixed: list[_Onset] = []
        rules: list[_Rule] = []
        try:
            for part in (each for each in self._zone.subcomponents if each.name in {"STANDARD", "DAYLIGHT"}):
                before, after = _offset(part, "TZOFFSETFROM"), _offset(part, "TZOFFSETTO")
                start = _wall(_listed(part, "DTSTART")[0].dt, before)
                walls = [start, *(_wall(each.dt, before) for dates in _listed(part, "RDATE") for each in dates.dts)]
                self._budget.spend(len(walls))
                fixed += [_Onset(wall - before, before, after) for wall in walls]
                rules += [_rule(rule, start, before, after, self._budget) for rule in _listed(part, "RRULE")]
        except Unreadable:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise Unreadable(f"a time zone that cannot be read ({error})") from error
        return sorted(fixed), rules


def _rule(rule: Property, start: datetime, before: timedelta, after: timedelta, budget: Budget) -> _Rule:
    plain = {name.upper(): [str(each).upper() for each in given] for name, given in rule.items() if name.upper() != "UNTIL"}
    weekdays = tuple(map(_weekday, plain.get("BYDAY", [])))
    months = tuple(sorted({int(each) for each in plain.get("BYMONTH", [])}))
    monthdays = frozenset(map(int, plain.get("BYMONTHDAY", [])))
    interval = int(plain.get("INTERVAL", ["1"])[0])
    if (
        plain.get("FREQ") != ["YEARLY"]
        or not {name.upper() for name in rule} <= _KNOWN
        or len(weekdays) > _MOST_DAYS
        or not set(months) <= set(range(1, 13))
        or ((weekdays or monthdays) and not months)
        or interval < 1
    ):
        raise Unreadable("a time zone that changes its clock by no rule of the year")
    if not weekdays and not monthdays:
        months, monthdays = months or (start.month,), frozenset({start.day})
    until = _until(rule["UNTIL"][0], before) if "UNTIL" in rule else _NEVER
    found = _Rule(
        before=before,
        after=after,
        start=start,
        until=until,
        interval=interval,
        months=months,
        monthdays=monthdays,
        weekdays=weekdays,
    )
    return found if "COUNT" not in plain else _counted(found, int(plain["COUNT"][0]), budget)


def _counted(rule: _Rule, count: int, budget: Budget) -> _Rule:
    """Return the rule with its end as a time: that of its last onset."""
    year, last = rule.start.year, rule.start
    while count > 0 and year < _NEVER.year:
        onsets = rule.onsets(year, budget)[:count]
        count -= len(onsets)
        last = onsets[-1].at + rule.before if onsets else last
        year += 1
    return _Rule(**{name: getattr(rule, name) for name in rule.__slots__} | {"until": last})


def _weekday(day: str) -> tuple[int, int]:
    return _WEEKDAYS.index(day[-2:]), int(day[:-2] or "0")


def _until(until: Property, before: timedelta) -> datetime:
    """Return the last wall time; a date means that whole day."""
    return _wall(until, before) if isinstance(until, datetime) else datetime.combine(until, time.max)


def _wall(at: Property, before: timedelta) -> datetime:
    if not isinstance(at, datetime):
        raise Unreadable("a time zone that begins on a whole day")
    return (at.astimezone(UTC) + before).replace(tzinfo=None) if at.tzinfo else at


def _offset(part: Component, name: str) -> timedelta:
    value: Property = part[name]
    offset: timedelta = value.td
    if not -_DAY < offset < _DAY:
        raise Unreadable("a time zone more than a day from ours")
    return offset


def _listed(part: Component, name: str) -> list[Property]:
    values = part.get(name, [])
    return values if isinstance(values, list) else [values]
