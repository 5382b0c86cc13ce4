"""What pauses take out of a plan: meetings and reminders that somebody wants none of for a time. Pure.

A pause takes away and moves nothing: it is applied to what is planned as if there were none, hours stay the pair's own, and what
it took is back in its place once it ends. Only questions go elsewhere: to the next meeting that takes place.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from beklijf.model.domain import Topic
from beklijf.planning.agendas import day_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from beklijf.model.conversation import Pause, PausedKind
    from beklijf.model.domain import Person
    from beklijf.planning.pairs import Pair

PAUSED = "paused"
"""Why an occurrence holds no meeting; who of the two paused is nobody else's business."""


class Pauses:
    def __init__(self, pauses: Iterable[Pause]) -> None:
        self._of: defaultdict[tuple[str, str], list[Pause]] = defaultdict(list)
        for pause in pauses:
            self._of[pause.person, pause.kind].append(pause)

    def concern(self, kind: PausedKind, people: Iterable[Person]) -> bool:
        """Say whether any of *people* ever paused that."""
        return bool(self._of) and any((person.key, kind) in self._of for person in people)

    def on(self, kind: PausedKind, person: Person, day: date) -> bool:
        """Say whether *person* wants nothing of that kind on a day of their own."""
        return any(day in pause for pause in self._of.get((person.key, kind), ()))

    def hold(self, kind: PausedKind, people: Iterable[Person], start: datetime) -> bool:
        """Say whether one of *people* wants nothing of that kind on the day that *start* is for them."""
        return bool(self._of) and any(self.on(kind, person, day_of(start, person)) for person in people)


def without(starts: tuple[datetime, ...], off: Iterable[datetime], paused: Iterable[datetime]) -> tuple[datetime, ...]:
    """Return the occurrences that an event holds without a meeting.

    It begins and ends with a meeting, or with one that is paused: those are cancelled one by one, and the event keeps its ends.
    """
    ends = (starts[0], starts[-1], *paused)
    first, last = min(ends), max(ends)
    return tuple(start for start in off if first <= start <= last)


def take_out(pair: Pair, pauses: Pauses) -> None:
    """Take a pair's meetings on paused days out of what was planned for it; the occurrences of its series stay in its event."""
    if not pauses.concern("meetings", pair.people):
        return
    paused = [start for start in pair.series if pauses.hold("meetings", pair.people, pair.actual_start(start))]
    pair.paused = frozenset(paused)
    pair.series = tuple(start for start in pair.series if start not in pair.paused)
    pair.off = dict(sorted((pair.off | dict.fromkeys(paused, PAUSED)).items()))
    unasked = [(start, pair.topics.pop(start)) for start in paused if start in pair.topics]
    for meeting in [meeting for meeting in pair.meetings.values() if pauses.hold("meetings", pair.people, meeting.start)]:
        del pair.meetings[meeting.ref]
        own = Topic(questions=meeting.questions, training=meeting.member.training.id)
        unasked.append((meeting.start, pair.topics.pop(meeting.start, [] if meeting.instead_of else [own])))
        if meeting.instead_of:
            del pair.stand_ins[meeting.instead_of]
    starts = pair.starts()
    for start, topics in sorted(unasked, key=lambda each: each[0]):
        following = next((at for at in starts if at > start), None)
        if topics and following:
            pair.topics[following] += topics
