"""When people can't, by Google's free/busy query: many at once, times only, never what they do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from beklijf.calendars.freebusy import merged
from beklijf.calendars.ics_parts import mailto
from beklijf.conversation import Busy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from beklijf.domain import Person

BATCH = 50
"""Calendars a query (``calendarExpansionMax``)."""
LONGEST = timedelta(days=90)
"""A longer window is refused (``timeRangeTooLong``)."""


class Query(Protocol):
    def __call__(self, body: Mapping[str, object], /) -> Mapping[str, Any]:
        """Ask ``freebusy.query``, and return what it answers."""
        ...


def ask_busy(query: Query, people: Sequence[Person], start: datetime, end: datetime) -> dict[str, tuple[Busy, ...]]:
    """Return the busy times of each of *people* within the window, by key; of whom Google has an error only, nothing."""
    found: dict[str, list[Busy]] = {person.key: [] for person in people}
    for first in range(0, len(people), BATCH):
        batch = {mailto(person.email).removeprefix("mailto:").casefold(): person.key for person in people[first : first + BATCH]}
        for begin, until in _windows(start, end):
            asked = {"timeMin": _spelt(begin), "timeMax": _spelt(until), "items": [{"id": address} for address in batch]}
            said = {name.casefold(): calendar for name, calendar in query(asked).get("calendars", {}).items()}
            for address, key in batch.items():
                calendar = said.get(address)
                if calendar is None or calendar.get("errors"):
                    found.pop(key, None)
                elif key in found:
                    found[key] += (Busy(_instant(each["start"]), _instant(each["end"])) for each in calendar.get("busy", ()))
    return {key: merged(times, start, end) for key, times in found.items()}


def _windows(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        yield start, min(start + LONGEST, end)
        start += LONGEST


def _spelt(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _instant(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)
