"""The letters that a track wants, each on its own day; caps, merging and order are for ``correspondence``. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beklijf.model.domain import Ref, Role, Wish
from beklijf.planning.agendas import day_of
from beklijf.planning.days import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from beklijf.model.domain import LetterRule, Mentorship, Session
    from beklijf.model.facts import Facts
    from beklijf.planning.days import WorkingDays
    from beklijf.planning.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Planned:
    """One letter of a training, the same for all its mentorships but for the days on which people work."""

    rule: LetterRule
    name: str
    anchor: date
    session: Session | None
    variant: int
    """Counted by template, before anybody's joining: so all mentees of a session read the same one."""


def planned_letters(timeline: Timeline) -> tuple[Planned, ...]:
    rules = timeline.training.method.letters
    planned = [(day, number, rule, session) for number, rule in enumerate(rules) for day, session in timeline.anchors(rule.anchor)]
    seen: Counter[str] = Counter()
    letters = []
    for day, _, rule, session in sorted(planned, key=lambda letter: (letter[0] + DAY * letter[2].at.days, letter[1])):
        seen[rule.template] += 1
        name = f"letter:{rule.id}:{session.key}" if session else f"letter:{rule.id}"
        letters.append(Planned(rule, name, day, session, seen[rule.template]))
    return tuple(letters)


def wishes(letters: tuple[Planned, ...], mentorship: Mentorship, facts: Facts, working: WorkingDays) -> Iterator[Wish]:
    """Yield the letters of one mentorship: what lies ahead when their receiver joins it, and what is always sent on joining."""
    for letter in letters:
        rule = letter.rule
        person = mentorship.mentee if rule.role is Role.MENTEE else mentorship.mentor
        joined = facts.arrived.get((mentorship.key, person.key), facts.joined.get(mentorship.key))
        days = rule.at.days
        due = working.of(person).after(letter.anchor, days) if rule.at.working else letter.anchor + DAY * days
        if joined is not None and due < (day := day_of(joined, person)):
            if not rule.on_joining:
                continue
            due = day
        yield Wish(
            ref=Ref(f"{mentorship.key}/{letter.name}"),
            rule=rule,
            training=mentorship.training,
            mentorship=mentorship.key,
            person=person,
            due=due,
            session=letter.session.date if letter.session else None,
            variant=letter.variant,
        )
