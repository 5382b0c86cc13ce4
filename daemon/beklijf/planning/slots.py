"""Where a single meeting of a pair fits: a day and an hour that suit both, away from their other meetings. Pure.

Looks for a slot; which meetings are wanted, and near which day, is for ``meetings``.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import replace
from typing import TYPE_CHECKING

from beklijf.planning.hours import weekly_hours
from beklijf.planning.pairs import Member, Pair, start_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date, datetime

    from beklijf.model.domain import Meets
    from beklijf.planning.agendas import Agendas


class Slots:
    def __init__(self, agendas: Agendas) -> None:
        self._agendas = agendas

    def take(self, pair: Pair, start: datetime, minutes: int) -> None:
        self._agendas.book(pair.people, start, minutes)
        insort(pair.met, start.date())

    def free(self, pair: Pair, start: datetime, minutes: int) -> None:
        """Give back what was taken."""
        self._agendas.release(pair.people, start, minutes)
        pair.met.remove(start.date())

    def both_can(self, pair: Pair, start: datetime, minutes: int) -> bool:
        return self._agendas.both_can_meet(pair.people, start) and self._agendas.free(pair.people, start, minutes)

    def in_office_hours(self, pair: Pair, start: datetime, minutes: int) -> bool:
        return all(self._agendas.inside_office_hours(person, start, minutes) for person in pair.people)

    def find(self, member: Member, pair: Pair, minutes: int, days: Iterable[date], apart: int) -> Iterator[datetime]:
        """Yield where a meeting can be on *days*, which come best first.

        That is at the pair's hour. Where it is known that one of the two is busy then on all of them: at another hour of the
        same days, and failing that at the pair's hour all the same.
        """
        meets = pair.meets
        if meets is None:
            return
        usual = self._at(meets, member, pair, minutes, days, apart)
        if self._agendas.busy.known(pair.people):
            possible = list(usual)
            usual = iter(self._undisturbed(pair, possible, minutes) or self._elsewhere(member, pair, minutes, possible) or possible)
        yield from usual

    def _at(self, meets: Meets, member: Member, pair: Pair, minutes: int, days: Iterable[date], apart: int) -> Iterator[datetime]:
        """Yield an hour on those of *days* that suit both and leave room between their meetings."""
        for day in days:
            start = start_at(meets, day)
            if pair.distance(day) >= apart and self.both_can(pair, start, minutes) and member.ahead(start):
                yield start

    def _undisturbed(self, pair: Pair, starts: Iterable[datetime], minutes: int) -> list[datetime]:
        return [start for start in starts if self._agendas.busy.free(pair.people, start, minutes)]

    def _elsewhere(self, member: Member, pair: Pair, minutes: int, usual: list[datetime]) -> list[datetime]:
        """Return other office hours of the same days at which nobody is busy, nearest to the pair's own hour first."""
        meets = pair.meets
        assert meets is not None  # asked for days at the pair's hour
        own = meets.at.hour * 60 + meets.at.minute
        hours = {each.at for each in weekly_hours(minutes, meets.zone, self._agendas)}
        near = [replace(meets, at=at) for at in sorted(hours, key=lambda at: (abs(at.hour * 60 + at.minute - own), at))]
        days = [start.date() for start in usual]
        found = (start for day in days for other in near for start in self._at(other, member, pair, minutes, (day,), 0))
        return self._undisturbed(pair, (start for start in found if self.in_office_hours(pair, start, minutes)), minutes)
