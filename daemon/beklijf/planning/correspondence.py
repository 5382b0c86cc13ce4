"""The letters' second stage: from what all tracks wish and what was sent, when each letter goes out. Pure.

Sees one person at a time; knows no meetings. Decides a day for every letter, also for those that lie far ahead, so that
the plan can show them; a letter's day changes only when what is wished or sent changes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from beklijf.model.domain import Letter, Role
from beklijf.planning.days import DAY, WorkingDays

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from beklijf.model.conversation import Pause
    from beklijf.model.domain import Limits, Organisation, Person, Ref, Wish
    from beklijf.planning.days import PersonDays


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A letter that went out: it is not sent again, and it counts for what its receiver gets in a day and a week."""

    person: str
    """The receiver's key."""
    at: datetime
    wishes: tuple[Ref, ...]


def schedule(
    wishes: Iterable[Wish],
    *,
    organisation: Organisation,
    holidays: frozenset[date],
    limits: Mapping[str, Limits],
    sent: Iterable[Sent],
    now: datetime,
    pauses: Iterable[Pause] = (),
) -> tuple[Letter, ...]:
    """Return every letter that is not sent yet, by receiver and then in order of time; *limits* are by training.

    No letter goes out on a day on which its receiver paused letters, the welcome included; those days count for its lateness.
    """
    working, pauses = WorkingDays(organisation, holidays), tuple(pauses)
    got: defaultdict[str, list[Sent]] = defaultdict(list)
    for letter in sent:
        got[letter.person].append(letter)
    wished: defaultdict[str, list[Wish]] = defaultdict(list)
    for wish in wishes:
        wished[wish.person.key].append(wish)
    letters: list[Letter] = []
    for key in sorted(wished):
        person = wished[key][0].person
        paused = tuple(pause for pause in pauses if pause.person == key and pause.kind == "letters")
        box = _Letterbox(person, working.of(person), limits, paused, _counts(got[key], person))
        gone = {ref for letter in got[key] for ref in letter.wishes}
        bundles = _bundles(wish for wish in wished[key] if wish.ref not in gone)
        mine = [box.put(bundle, organisation, now.astimezone(person.zone).date()) for bundle in bundles]
        letters += sorted(mine, key=lambda letter: (letter.at, letter.wishes[0].ref))
    return tuple(letters)


def _bundles(wishes: Iterable[Wish]) -> list[tuple[Wish, ...]]:
    """Make one letter of what a mentor gets of one rule, training and day; first whoever keeps its day when two meet."""
    bundles: defaultdict[tuple[object, ...], list[Wish]] = defaultdict(list)
    for wish in wishes:
        merges = wish.rule.merge and wish.rule.role is Role.MENTOR
        bundles[(wish.rule.id, wish.training, wish.due) if merges else (wish.ref,)].append(wish)
    merged = (tuple(sorted(bundle, key=lambda wish: wish.ref)) for bundle in bundles.values())
    return sorted(merged, key=lambda bundle: (bundle[0].rule.order, bundle[0].due, bundle[0].ref))


def _week(day: date) -> int:
    """Return a number for the week from Monday to Sunday; ISO's starts again every year."""
    return (day.toordinal() - 1) // 7


def _counts(sent: Iterable[Sent], person: Person) -> tuple[Counter[date], Counter[int]]:
    days = [letter.at.astimezone(person.zone).date() for letter in sent]
    return Counter(days), Counter(map(_week, days))


@dataclass(slots=True)
class _Letterbox:
    """What one person gets on each day and in each week, filled letter by letter."""

    person: Person
    working: PersonDays
    limits: Mapping[str, Limits]
    pauses: tuple[Pause, ...] = ()
    counts: tuple[Counter[date], Counter[int]] = field(default_factory=lambda: (Counter(), Counter()))

    def put(self, wishes: tuple[Wish, ...], organisation: Organisation, today: date) -> Letter:
        """Give a letter the first day with room for it; it lapses when that comes too late."""
        limits, rule = self.limits[wishes[0].training], wishes[0].rule
        by_day, by_week = self.counts
        late = wishes[0].due
        for day in self._days(wishes[0]):
            late = day
            if day < today or day.weekday() in rule.not_on or any(day in pause for pause in self.pauses):
                continue
            if by_day[day] < limits.letters_per_day and by_week[_week(day)] < limits.letters_per_week:
                by_day[day] += 1
                by_week[_week(day)] += 1
                return Letter(wishes=wishes, at=datetime.combine(day, organisation.letter_hour, self.person.zone))
        return Letter(wishes=wishes, at=datetime.combine(late + DAY, datetime.min.time(), self.person.zone), lapsed=True)

    def _days(self, wish: Wish) -> Iterator[date]:
        """Yield the days on which a letter still makes sense: when it is due, and so many working days later."""
        for number, day in enumerate(self.working.from_day(wish.due)):
            if number > wish.rule.late:
                return
            yield day
