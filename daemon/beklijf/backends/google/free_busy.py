"""When people can't, by Google's free/busy query: many at once, times only, never what they do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from beklijf.ical.free_busy import merged
from beklijf.ical.parts import mailto
from beklijf.model.conversation import Busy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from beklijf.model.domain import Person

BATCH = 50
"""Calendars a query (``calendarExpansionMax``)."""
LONGEST = timedelta(days=90)
"""A longer window is refused (``timeRangeTooLong``)."""


class Query(Protocol):
    def __call__(self, body: Mapping[str, object], /) -> Mapping[str, Any]:
        """Ask ``free_busy.query``, and return what it answers."""
        ...


def ask_busy(query: Query, people: Sequence[Person], start: datetime, end: datetime) -> dict[str, tuple[Busy, ...]]:
    """Return the busy times of each of *people* within the window, by key; of whom Google has an error only, nothing."""
    found: dict[str, list[Busy]] = {person.key: [] for person in people}
    for first in range(0, len(people), BATCH):
        batch = {mailto(person.email).removeprefix("mailto:").casefold(): person.key for person in people[first : first + BATCH]}
        for begin, until in _windows(start, end):
            asked = {"timeMin": _spelt(begin), "timeMax": _spelt(until), "items": [{"id": address} for address in batch]}
            told = query(asked)["calendars"]
            said = {name.casefold(): calendar for name, calendar in told.items()} if isinstance(told, dict) else {}
            for address, key in batch.items():
                times = _times(said.get(address))
                if times is None:
                    found.pop(key, None)
                elif key in found:
                    found[key] += times
    return {key: merged(times, start, end) for key, times in found.items()}


def _times(calendar: object) -> list[Busy] | None:
    """Return what one calendar says; None for an error in it, and for what can't be read: that is unknown, and nobody else's."""
    try:
        if not isinstance(calendar, dict) or calendar.get("errors"):
            return None
        return [Busy(_instant(each["start"]), _instant(each["end"])) for each in calendar.get("busy", ())]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _windows(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        yield start, min(start + LONGEST, end)
        start += LONGEST


def _spelt(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _instant(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)
