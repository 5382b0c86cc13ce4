"""Everybody's agenda while one plan is made: on which days they can meet, when they already do, when they are busy. Pure.

Holds no rule of the method; ``pairs`` and ``meetings`` ask it, and write down what they decide.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from beklijf.planning.busy import BusyTimes
from beklijf.planning.days import WorkingDays

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from beklijf.model.conversation import Busy
    from beklijf.model.domain import Organisation, Person, Training
    from beklijf.planning.days import PersonDays

_LONGEST = 24 * 60
"""Minutes; no meeting lasts longer, so nothing that started earlier can still be going on."""

_NONE: frozenset[date] = frozenset()


def day_of(start: datetime, person: Person) -> date:
    """Return the day that *start* is for this person, who may live in another zone than the pair's hour."""
    return start.date() if start.tzinfo is person.zone else start.astimezone(person.zone).date()


def _minute(start: datetime) -> int:
    return int(start.timestamp()) // 60


class Agendas:
    def __init__(
        self,
        organisation: Organisation,
        holidays: frozenset[date],
        trainings: Iterable[Training],
        busy: Mapping[str, tuple[Busy, ...]] | None = None,
    ) -> None:
        self.organisation = organisation
        self.working = WorkingDays(organisation, holidays)
        self.busy = BusyTimes(busy or {})
        self._booked: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        sessions: defaultdict[str, set[date]] = defaultdict(set)
        for training in trainings:
            days = {session.date for session in training.sessions}
            for mentorship in training.mentorships:
                sessions[mentorship.mentee.key] |= days
        self._days_of: dict[str, tuple[PersonDays, frozenset[date]]] = {}
        self._sessions = {key: frozenset(days) for key, days in sessions.items()}

    def can_meet(self, person: Person, start: datetime) -> bool:
        day = day_of(start, person)
        working, sessions = self._days_of.get(person.key) or self._look_up(person)
        return working.works(day) and day not in sessions

    def both_can_meet(self, people: Iterable[Person], start: datetime) -> bool:
        return all(self.can_meet(person, start) for person in people)

    def _look_up(self, person: Person) -> tuple[PersonDays, frozenset[date]]:
        found = self._days_of[person.key] = (self.working.of(person), self._sessions.get(person.key, _NONE))
        return found

    def why_off(self, person: Person, start: datetime) -> str:
        """Return why this person cannot meet on that day; empty when they can."""
        day = day_of(start, person)
        return "session day" if day in self._sessions.get(person.key, _NONE) else self.working.of(person).why_off(day)

    def free(self, people: Iterable[Person], start: datetime, minutes: int) -> bool:
        """Say whether none of *people* has another meeting then."""
        begin = _minute(start)
        return not any(self._taken(person, begin, begin + minutes) for person in people)

    def _taken(self, person: Person, begin: int, end: int) -> bool:
        booked = self._booked.get(person.key, ())
        index = bisect_left(booked, (end,))
        while index and booked[index - 1][0] > begin - _LONGEST:
            index -= 1
            if booked[index][1] > begin:
                return True
        return False

    def book(self, people: Iterable[Person], start: datetime, minutes: int) -> None:
        begin = _minute(start)
        for person in people:
            insort(self._booked[person.key], (begin, begin + minutes))

    def release(self, people: Iterable[Person], start: datetime, minutes: int) -> None:
        begin = _minute(start)
        for person in people:
            self._booked[person.key].remove((begin, begin + minutes))

    def inside_office_hours(self, person: Person, start: datetime, minutes: int) -> bool:
        hours = self.organisation.office_hours
        local = start.astimezone(person.zone)
        until = local.hour * 60 + local.minute + minutes
        return hours.start <= local.time() and until <= hours.end.hour * 60 + hours.end.minute

    def opening(self, person: Person, day: date, joined: datetime | None, before: datetime | None = None) -> datetime:
        """Return the letter hour of the first working day from *day* and from the day of joining on.

        On the day of joining itself it may have passed: then it opens at once, as a letter that is due then goes out at once.
        Who does not work until the meeting itself is asked all the same: with *before*, a day on which others work will do.
        """
        if joined is not None:
            day = max(day, joined.astimezone(person.zone).date())
        own = self.working.of(person)
        for anybody in (False, True):
            days = replace(own, weekdays=self.organisation.office_hours.days, away=()) if anybody else own
            for candidate in days.from_day(day):
                hour = datetime.combine(candidate, self.organisation.letter_hour, person.zone)
                if before is not None and hour >= before:
                    break
                return hour
        return datetime.combine(day, self.organisation.letter_hour, person.zone)

    def caught_up(self, person: Person, day: date, joined: datetime | None) -> bool:
        """Say whether what opens on *day* had opened already when its people joined."""
        return joined is not None and self.opening(person, day, None) < joined
