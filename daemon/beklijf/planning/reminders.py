"""The reminders in somebody's own agenda: one series for all that they have in a training, shown as free. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from beklijf.model.domain import Item, Kind, LeftOut, Meets, Ref, Role
from beklijf.planning.days import DAY, around
from beklijf.planning.pairs import start_at
from beklijf.planning.pauses import PAUSED, Pauses, without

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from beklijf.model.domain import Mentorship, MentorshipKey, Person, ReminderRule, Training
    from beklijf.model.facts import Facts
    from beklijf.planning.agendas import Agendas
    from beklijf.planning.timeline import Timeline


def reminders(
    timeline: Timeline, hours: Mapping[MentorshipKey, Meets | None], facts: Facts, agendas: Agendas
) -> Iterator[tuple[MentorshipKey, Item]]:
    """Yield each reminder series of a training with the mentorship in whose track it stands."""
    pauses = Pauses(facts.pauses)
    for rule in timeline.training.method.reminders:
        people: dict[str, list[Mentorship]] = {}
        for mentorship in sorted(timeline.training.mentorships, key=lambda mentorship: mentorship.key):
            people.setdefault(_receiver(rule, mentorship).key, []).append(mentorship)
        for anchor, _ in timeline.anchors(rule.anchor):
            for mentorships in people.values():
                hour = next((meets for mentorship in mentorships if (meets := hours.get(mentorship.key))), None)
                wanted = _Wanted(timeline.training, rule, anchor, _receiver(rule, mentorships[0]), tuple(mentorships))
                if item := _item(wanted, hour, facts, agendas, pauses):
                    yield mentorships[0].key, item


def _receiver(rule: ReminderRule, mentorship: Mentorship) -> Person:
    return mentorship.mentor if rule.role is Role.MENTOR else mentorship.mentee


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One rule for one person, for all that they have in one training."""

    training: Training
    rule: ReminderRule
    anchor: date
    person: Person
    mentorships: tuple[Mentorship, ...]

    @property
    def ref(self) -> Ref:
        return Ref(f"{self.training.id}/{self.person.key}/{self.rule.id}")

    @property
    def nominal(self) -> date:
        return self.anchor + DAY * self.rule.window[0]

    def days(self, first: date) -> list[date]:
        step, last = timedelta(weeks=self.rule.every), self.anchor + DAY * self.rule.window[1]
        return [day for day in (first + step * number for number in range(self.rule.count)) if day <= last]


def _item(wanted: _Wanted, hour: Meets | None, facts: Facts, agendas: Agendas, pauses: Pauses) -> Item | None:
    person, rule, ahead = wanted.person, wanted.rule, wanted.training.method.limits.ahead
    joinings = [facts.joined.get(mentorship.key) for mentorship in wanted.mentorships]
    joined = min((at for at in joinings if at), default=None) if all(joinings) else None
    generation = facts.generations.get(wanted.ref)
    since = [at for at in (joined, generation.since if generation else None) if at]
    meets = _meets(wanted, hour, agendas)
    days = wanted.days(_first(wanted, meets, facts.begun.get(wanted.ref), agendas))
    nominal = [start for start in (start_at(meets, day) for day in days) if all(start >= at for at in since)]
    possible = [start for start in nominal if agendas.can_meet(person, start)]
    paused = [start for start in possible if pauses.hold("reminders", (person,), start)]
    starts = tuple(start for start in possible if start not in paused)
    if not starts:
        return None
    off = {start: PAUSED if start in paused else agendas.why_off(person, start) for start in nominal if start not in starts}
    opens = starts[0].date() - DAY * ahead
    return Item(
        ref=wanted.ref,
        kind=Kind.REMINDER,
        rule=rule.id,
        training=wanted.training.id,
        mentorships=tuple(mentorship.key for mentorship in wanted.mentorships),
        people=(person,),
        starts=starts,
        without=without(starts, off, paused),
        every=rule.every,
        minutes=rule.minutes,
        location="",
        online="",
        opens=agendas.opening(person, opens, joined),
        topics={},
        left_out=tuple(LeftOut(day=start.date(), why=why, stand_in=None) for start, why in off.items()),
        instead_of=None,
        questions=rule.questions,
        generation=generation.number if generation else 1,
        why=rule.why,
        caught_up=agendas.caught_up(person, opens, joined),
    )


def _meets(wanted: _Wanted, hour: Meets | None, agendas: Agendas) -> Meets:
    """Return the first pair's hour as this person's clock shows it, or the office's start where that is no office hour."""
    person, minutes = wanted.person, wanted.rule.minutes
    at = agendas.organisation.office_hours.start
    if hour:
        start = start_at(hour, wanted.nominal)
        if agendas.inside_office_hours(person, start, minutes):
            at = start.astimezone(person.zone).time()
    return Meets(weekday=wanted.nominal.weekday(), at=at, minutes=minutes, zone=person.zone)


def _first(wanted: _Wanted, meets: Meets, begun: date | None, agendas: Agendas) -> date:
    """Return where the rhythm begins: the nearest day on which fewest reminders fall on a day off or too late.

    A rhythm that has begun stays as it is, the occurrences before its first reminder included.
    """
    step, nominal, reach = timedelta(weeks=wanted.rule.every), wanted.nominal, wanted.training.method.limits.stand_in
    if begun:
        return begun - step * max(0, (begun - (nominal - DAY * reach)) // step)

    def held(first: date) -> int:
        return sum(agendas.can_meet(wanted.person, start_at(meets, day)) for day in wanted.days(first))

    candidates = [nominal, *around(nominal, reach)]
    return next((day for day in candidates if held(day) == wanted.rule.count), None) or max(candidates, key=held)
