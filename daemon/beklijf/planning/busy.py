"""When people can't, as their servers told, and of whom that must be asked before a time is chosen. Pure.

What nobody told counts as free. Only what is new avoids busy times: our own meetings are among them.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import timedelta
from typing import TYPE_CHECKING

from beklijf.model.domain import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from beklijf.model.conversation import Busy
    from beklijf.model.domain import MentorshipKey, Person, Track
    from beklijf.model.facts import Facts

SOON = timedelta(days=1)
"""So long before an item opens its time counts as being chosen."""
_AROUND = timedelta(weeks=2)
"""No meeting is placed further from where it would be if nobody were busy."""
_FIRST_MEETINGS = timedelta(weeks=6)


class BusyTimes:
    def __init__(self, busy: Mapping[str, tuple[Busy, ...]]) -> None:
        self._of = {key: _merged(times) for key, times in busy.items()}

    def known(self, people: Iterable[Person]) -> bool:
        """Say whether a server told of any of *people*."""
        return bool(self._of) and any(person.key in self._of for person in people)

    def free(self, people: Iterable[Person], start: datetime, minutes: int) -> bool:
        """Say whether none of *people* is known to be busy then."""
        begin = start.timestamp()
        return not any(self._taken(person.key, begin, begin + minutes * 60) for person in people)

    def _taken(self, key: str, begin: float, end: float) -> bool:
        times = self._of.get(key, ())
        index = bisect_left(times, (end,))
        return index > 0 and times[index - 1][1] > begin


def _merged(times: Iterable[Busy]) -> list[tuple[float, float]]:
    """Return the times without overlaps, so that of those which begin before an hour only the last matters."""
    merged: list[tuple[float, float]] = []
    for begin, end in sorted((time.start.timestamp(), time.end.timestamp()) for time in times):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged


def wanted_busy(tracks: Mapping[MentorshipKey, Track], facts: Facts, now: datetime) -> dict[str, tuple[datetime, datetime]]:
    """Return whose busy times, by key, from when until when, matter for what is chosen now or within a day.

    *tracks* are planned without them. An hour that was proposed before and a meeting that stands in a calendar are chosen.
    """
    wanted: dict[str, tuple[datetime, datetime]] = {}
    for people, first, last in _to_choose(tracks, facts, now):
        begin, end = max(now, first - _AROUND), last + _AROUND
        for person in people:
            before = wanted.get(person.key, (begin, end))
            wanted[person.key] = min(begin, before[0]), max(end, before[1])
    return wanted


def _to_choose(
    tracks: Mapping[MentorshipKey, Track], facts: Facts, now: datetime
) -> Iterator[tuple[tuple[Person, ...], datetime, datetime]]:
    for key, track in tracks.items():
        choosing = track.proposed and key not in facts.chosen
        for item in track.items:
            start = next((at for at in item.starts if at > now), None)
            if start is None:
                continue
            if item.kind is Kind.SERIES and choosing:
                yield item.people, start, start + _FIRST_MEETINGS
            if item.kind is Kind.MEETING and item.ref not in facts.kept and item.opens <= now + SOON:
                yield item.people, start, start
