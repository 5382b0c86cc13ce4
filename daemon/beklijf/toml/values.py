"""Takes single values out of a config, with errors in plain words: texts, dates, hours, amounts, zones.

Each function gets what TOML gives, and returns the value or raises `Wrong`; where it stood is for `reading` to know.
"""

from __future__ import annotations

import difflib
import re
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from beklijf.boundary.foreign import line
from beklijf.model.domain import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

W = TypeVar("W", bound=str)

_LONGEST = 1000
_YEARS = range(2000, 2101)


class Wrong(Exception):
    """A value that cannot be taken: what is wrong with it, and what to do."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


_ALIKE = 0.7
"""How much of two words must agree: a slip of the finger in a word of four letters just does."""


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return a hint with the known word that is closest, or all of them when they are few."""
    by_fold = {word.casefold(): word for word in known}
    if close := difflib.get_close_matches(given.casefold(), by_fold, n=1, cutoff=_ALIKE):
        return f"did you mean {by_fold[close[0]]}?"
    few = 12
    return f"known here: {', '.join(sorted(by_fold.values()))}" if 0 < len(by_fold) <= few else ""


def in_words(value: object) -> str:
    """Say what kind of TOML value this is, for people who never heard of types."""
    for kind, words in _WORDS:
        if isinstance(value, kind):
            return words
    raise AssertionError("unreachable")


_WORDS: Sequence[tuple[type, str]] = (
    (str, "a text"),
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (datetime, "a date with a time"),
    (date, "a date"),
    (time, "a time"),
    (list, "a list"),
    (dict, "a table"),
)


def text(value: object) -> str:
    """Take a text of one line that says something; line breaks could forge headers of mails and calendars."""
    if not isinstance(value, str):
        raise Wrong(f"must be a text in quotes, not {in_words(value)}")
    if line(value) != value:
        raise Wrong("holds a line break or another control character", "write it on one line, without tabs")
    if not value.strip():
        raise Wrong("is empty")
    if len(value) > _LONGEST:
        raise Wrong(f"is longer than {_LONGEST} characters")
    return value.strip()


def optional_text(value: object) -> str:
    return "" if value == "" else text(value)


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"must be true or false, not {in_words(value)}", "without quotes" if isinstance(value, str) else "")
    return value


def whole(low: int, high: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Wrong(f"must be a whole number, not {in_words(value)}")
        if not low <= value <= high:
            raise Wrong(f"must be {low} to {high}, not {value}")
        return value

    return parse


def day(value: object) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        hint = "leave out the quotes" if isinstance(value, str) else ""
        raise Wrong(f"must be a date like 2027-01-19, not {in_words(value)}", hint)
    if value.year not in _YEARS:
        raise Wrong(f"{value} is not a date of this age", "is the year right?")
    return value


def clock(value: object) -> time:
    if not isinstance(value, time):
        hint = "leave out the quotes, and write the seconds too" if isinstance(value, str) else ""
        raise Wrong(f"must be a time like 09:00:00, not {in_words(value)}", hint)
    if value.second or value.microsecond:
        raise Wrong("must be a whole minute")
    return value


def choice(*words: W) -> Callable[[object], W]:
    def parse(value: object) -> W:
        given = text(value)
        for word in words:
            if word == given:
                return word
        *others, last = (f'"{word}"' for word in words)
        raise Wrong(f'must be {", ".join(others)}{" or " if others else ""}{last}, not "{given}"')

    return parse


def amount(units: Mapping[str, int], low: int, high: int) -> Callable[[object], int]:
    """Take a text like ``13 weeks``; *units* says how much one of each is, *low* and *high* are in the smallest."""

    def parse(value: object) -> int:
        match = re.fullmatch(r"([+-]?\d{1,6}) (.+?)s?", value) if isinstance(value, str) else None
        if match is None or match[2] not in units:
            given = f'"{value}"' if isinstance(value, str) else in_words(value)
            raise Wrong(f'must be a text like "2 {next(iter(units))}s", not {given}', f"in {' or '.join(f'{unit}s' for unit in units)}")
        found = int(match[1]) * units[match[2]]
        if not low <= found <= high:
            unit = min(units, key=lambda name: units[name])
            raise Wrong(f"must be {low} to {high} {unit}s, not {value}")
        return found

    return parse


def deadline(value: object) -> timedelta:
    """Take how long one operation with a server may last."""
    return timedelta(seconds=_DEADLINE(value))


_DEADLINE = amount({"minute": 60, "second": 1, "hour": 3600}, 5, 3600)


def span(value: object) -> Span:
    return Span(day(value), day(value))


def zone(value: object) -> ZoneInfo:
    name = text(value)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a path out of the zones, or a folder of them
        raise Wrong(f'there is no time zone "{name}"', did_you_mean(name, available_timezones())) from None


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def weekday(value: object) -> int:
    return WEEKDAYS.index(choice(*WEEKDAYS)(value))


def weekdays(value: object) -> frozenset[int]:
    days = [weekday(element) for element in listed(value)]
    if not days:
        raise Wrong("is empty", "name at least one day")
    return frozenset(days)


def listed(value: object) -> Sequence[object]:
    if not isinstance(value, list):
        raise Wrong(f"must be a list in [ ], not {in_words(value)}")
    return value


def tabled(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Wrong(f"must be a table in {{ }} or under a [heading], not {in_words(value)}")
    return value
