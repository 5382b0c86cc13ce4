"""Which days people work: weekdays, holidays, closed days, absence.

Knows nothing of trainings, meetings or hours: a day on which somebody works may still be a session day.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING

from beklijf.model.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from beklijf.model.domain import Organisation, Person, Span

DAY = timedelta(days=1)

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_LONGEST = 400
"""Days to look for the next working day before concluding that there is none."""


def public_holidays(country: str, years: Iterable[int]) -> frozenset[date]:
    """Return the public holidays of a country (``NL``) or a part of it (``DE-BY``); none for an empty name."""
    return _holidays(country, tuple(sorted(years))) if country else frozenset()


@lru_cache(maxsize=256)
def _holidays(country: str, years: tuple[int, ...]) -> frozenset[date]:
    import holidays  # noqa: PLC0415 (on first use: where there are none to look up, nothing of it is read)

    _leave_others_unread()
    state, _, part = country.partition("-")
    try:
        return frozenset(holidays.country_holidays(state, subdiv=part or None, years=years))
    except NotImplementedError as error:
        hint = 'a country code such as "NL", or "" for none'
        raise ConfigError([Problem(where="organisation.holidays", what=f'no holidays are known for "{country}"', hint=hint)]) from error


def only_in_parts(country: str, years: Iterable[int]) -> dict[str, frozenset[date]]:
    """Return the public holidays that each part of a country (``GB-ENG``) has beside those of all of it.

    None where the country was named with its part, or where some part has no others: then a country's name may well mean that one.
    """
    import holidays  # noqa: PLC0415  # as above

    _leave_others_unread()
    if not country or "-" in country:
        return {}
    wanted = tuple(sorted(years))
    shared = _holidays(country, wanted)
    parts = holidays.country_holidays(country).subdivisions
    found = {f"{country}-{part}": _holidays(f"{country}-{part}", wanted) - shared for part in sorted(parts)}
    return found if all(found.values()) else {}


def _leave_others_unread() -> None:
    """Have one country read: the package of them reads all 250, 8 MB and a tenth of a start (findings/holidays-reads-the-world.sh)."""
    if spec := find_spec("holidays.countries"):
        sys.modules.setdefault(spec.name, module_from_spec(spec))


def named(day: date) -> str:
    """Write a day for a person to read, in no locale: ``Tue 27 Apr``."""
    return f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"


def on_or_after(day: date, weekday: int) -> date:
    return day + timedelta(days=(weekday - day.weekday()) % 7)


def around(day: date, reach: int) -> Iterator[date]:
    """Yield the days at most *reach* days from *day*, nearest first, the later of two first."""
    for off in range(1, reach + 1):
        yield day + DAY * off
        yield day - DAY * off


@dataclass(frozen=True, slots=True)
class PersonDays:
    """The working days of one person."""

    name: str
    weekdays: frozenset[int]
    shut: Mapping[date, str]
    """The days on which nobody works, and why."""
    away: tuple[Span, ...]

    def works(self, day: date) -> bool:
        return day.weekday() in self.weekdays and day not in self.shut and not (self.away and any(day in span for span in self.away))

    def why_off(self, day: date) -> str:
        """Return why this person does not work on *day*, in a few words; empty when they do.

        What holds for everybody is named first: nobody asks whether Karim works on a holiday.
        """
        if day in self.shut:
            return self.shut[day]
        if any(day in span for span in self.away):
            return f"{self.name} is away"
        return "" if day.weekday() in self.weekdays else f"{self.name} doesn't work"

    def from_day(self, day: date) -> Iterator[date]:
        """Yield the working days from *day* on, for as long as there is one within a year or so."""
        idle = 0
        while idle < _LONGEST:
            if self.works(day):
                idle = 0
                yield day
            idle += 1
            day += DAY

    def after(self, day: date, count: int) -> date:
        """Return the working day that lies *count* working days after *day* (before it when negative).

        For 0 it is *day* itself, or the first working day after it. Somebody who never works gets plain days.
        """
        step, left, there = (DAY, count, day) if count >= 0 else (-DAY, -count, day)
        if not left:
            return next(self.from_day(day), day)
        for _ in range(_LONGEST):
            there += step
            left -= self.works(there)
            if not left:
                return there
        return day + timedelta(days=count)


class WorkingDays:
    """The working days of everybody in one organisation; each person is worked out once."""

    def __init__(self, organisation: Organisation, holidays: frozenset[date]) -> None:
        self._office_days = organisation.office_hours.days
        closed = (span.first + DAY * n for span in organisation.closed for n in range((span.last - span.first).days + 1))
        self._shut = dict.fromkeys(closed, "closed") | dict.fromkeys(holidays - organisation.open, "public holiday")
        self._people: dict[str, PersonDays] = {}

    def of(self, person: Person) -> PersonDays:
        days = self._people.get(person.key)
        if days is None:
            days = PersonDays(person.first_name, person.works & self._office_days, self._shut, person.away)
            self._people[person.key] = days
        return days
