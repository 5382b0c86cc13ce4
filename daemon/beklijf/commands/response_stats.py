"""What is heard of people: how many pairs answered what, who waits for whom, who paused, which addresses are dead.

A pair counts once its series stands in calendars and lies ahead (while there is none: its next other meeting). Its answer is
that of those of the two who are invited to it; a mentee whose own event it is gives none:

    one of them said         and the others            the pair counts as
    -----------------------  ------------------------  ------------------
    declined                 anything                  declined
    tentative                anything but declined     tentative
    accepted                 accepted, all of them     accepted
    nothing                  accepted or nothing       no answer

Names are told with ``[answers] names = true`` only. Without, a training with fewer than five such pairs is not told by itself
but added up with others like it; and where all of those together are fewer than five, not at all. What the calendar holds (the
next meeting, what people changed in it) is no answer, and stays: without it nobody could run the service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from beklijf.commands.pause import standing_pauses
from beklijf.model import canonical
from beklijf.model.conversation import FEW, History, Said
from beklijf.model.domain import Kind, Override

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from beklijf.decide.plan import Plan
    from beklijf.ledger import Row
    from beklijf.model.conversation import Heard, Pause
    from beklijf.model.domain import Event, Mentorship, MentorshipKey, Person, Ref, Training
    from beklijf.planning.silence import Silence
    from beklijf.tick.engine import Engine

WHOLE = {Kind.SERIES: 0, Kind.MEETING: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How pairs answered; the four answers add up to the pairs."""

    pairs: int = 0
    accepted: int = 0
    tentative: int = 0
    declined: int = 0
    no_answer: int = 0
    moved: int = 0
    """Meetings that people moved, not pairs."""
    silent: int = 0
    """Of the pairs: those that the coordinator may ask."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            pairs=self.pairs + other.pairs,
            accepted=self.accepted + other.accepted,
            tentative=self.tentative + other.tentative,
            declined=self.declined + other.declined,
            no_answer=self.no_answer + other.no_answer,
            moved=self.moved + other.moved,
            silent=self.silent + other.silent,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one person said to one event or meeting, and since when."""

    ref: Ref
    recurrence_id: datetime | None
    person: Person
    said: Said
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What is heard of one mentorship."""

    answers: tuple[Answer, ...] = ()
    silence: Silence | None = None
    counts: Counts = Counts()


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallGroups:
    """The trainings that are told together."""

    trainings: tuple[str, ...]
    pairs: int
    counts: Counts | None
    """None: together they are still too few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    address: str
    mentorship: Mentorship


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is heard of everybody."""

    reads: bool
    """Somebody chose that answers are read."""
    hears: bool
    """... and there is something that tells them."""
    names: bool
    pairs: Mapping[MentorshipKey, Pair]
    trainings: Mapping[str, Counts]
    """By id: those that are told by themselves."""
    small: SmallGroups | None
    paused: tuple[tuple[Person, Pause], ...]
    bounced: tuple[tuple[str, str], ...]
    """Addresses that are still in use, and what their server said."""
    strangers: tuple[Stranger, ...]


def standing(engine: Engine, plan: Plan, rows: Iterable[Row]) -> Standing:
    """Put together what the ledger and the calendar tell of people; *rows* as the next tick will note them."""
    config = engine.config
    pairs: Mapping[MentorshipKey, Pair] = {}
    if plan.hears:
        by_pair = _by_pair(rows)
        tracks = plan.programme.tracks
        pairs = {key: _pair(t.mentorship, by_pair.get(key, []), plan, plan.silences.get(key)) for key, t in tracks.items()}
    told, small = grouped(config.trainings, pairs, names=config.answers.names)
    former = frozenset(a for p in config.persons for a in p.addresses if a != p.email.casefold())
    mentorships = {m.key: m for training in config.trainings for m in training.mentorships}
    persons = {person.key: person for person in config.persons}
    return Standing(
        reads=bool(config.answers.read),
        hears=plan.hears,
        names=config.answers.names,
        pairs=pairs,
        trainings=told,
        small=small,
        paused=tuple((persons[pause.person], pause) for pause in standing_pauses(engine, plan.now) if pause.person in persons),
        bounced=tuple(sorted((a, note) for a, note in engine.conversation.bounced().items() if a not in former)),
        strangers=tuple(
            Stranger(address=address, mentorship=mentorships[key])
            for key, address in engine.conversation.strangers(engine.config.addresses)
            if key in mentorships
        ),
    )


# -- one pair ----------------------------------------------------------------------------------------------------------


def _by_pair(rows: Iterable[Row]) -> dict[MentorshipKey, list[Row]]:
    found: dict[MentorshipKey, list[Row]] = {}
    for row in rows:
        if row.state == "live" and row.kind in WHOLE:
            for key in row.mentorships:
                found.setdefault(key, []).append(row)
    return found


def _pair(mentorship: Mentorship, rows: Sequence[Row], plan: Plan, silent: Silence | None) -> Pair:
    history = plan.facts.heard.get(mentorship.key, History())
    persons = {person.key: person for person in (mentorship.mentee, mentorship.mentor)}
    live = {row.uid: row for row in rows}
    answers = [
        Answer(ref=live[uid].ref, recurrence_id=recurrence_id, person=persons[who], said=heard.said, since=heard.at)
        for (uid, recurrence_id, who), heard in history.answers().items()
        if uid in live and who in persons and _ahead(live[uid], recurrence_id, plan.now)
    ]
    event = _first(rows, plan.now)
    counts = Counts() if event is None else _counts(event, mentorship, history, rows, silent=silent is not None and silent.silent)
    return Pair(answers=tuple(sorted(answers, key=_order)), silence=silent, counts=counts)


def _order(answer: Answer) -> tuple[str, str, str]:
    return answer.ref, "" if answer.recurrence_id is None else answer.recurrence_id.isoformat(), answer.person.key


def _ahead(row: Row, recurrence_id: datetime | None, now: datetime) -> bool:
    event = canonical.load(row.seen)
    return max(canonical.meetings(event) if recurrence_id is None else [recurrence_id], default=now) > now


def _first(rows: Iterable[Row], now: datetime) -> Row | None:
    """Return the event that a pair's answer is about: its series, or else what comes next."""
    ahead = [row for row in rows if _ahead(row, None, now)]
    return min(ahead, key=lambda row: (WHOLE[row.kind], canonical.load(row.seen).start), default=None)


def _counts(row: Row, mentorship: Mentorship, history: History, rows: Iterable[Row], *, silent: bool) -> Counts:
    invited = {contact.email.casefold() for contact in canonical.load(row.seen).people}
    asked = [person for person in (mentorship.mentee, mentorship.mentor) if person.addresses & invited]
    given = history.answers()
    said = said_together([heard.said if (heard := given.get((row.uid, None, person.key))) else None for person in asked])
    return Counts(
        pairs=1,
        accepted=int(said is Said.ACCEPTED),
        tentative=int(said is Said.TENTATIVE),
        declined=int(said is Said.DECLINED),
        no_answer=int(said is None),
        moved=len({*_moved(history.heard), *_elsewhere(rows)}),
        silent=int(silent),
    )


def said_together(answers: Sequence[Said | None]) -> Said | None:
    """Return what several people's answers come to, by the table above; None: no answer."""
    for strongest in (Said.DECLINED, Said.TENTATIVE):
        if strongest in answers:
            return strongest
    return Said.ACCEPTED if answers and all(said is Said.ACCEPTED for said in answers) else None


def _moved(heard: Iterable[Heard]) -> Iterator[tuple[str, datetime | None]]:
    return ((each.uid, each.recurrence_id) for each in heard if each.said is Said.MOVED)


def _elsewhere(rows: Iterable[Row]) -> Iterator[tuple[str, datetime | None]]:
    """Yield what stands at another time in the calendar than we asked for, proposals that were taken over included."""
    for row in rows:
        if row.asked == row.seen:
            continue
        asked, seen = canonical.load(row.asked), canonical.load(row.seen)
        if asked.start != seen.start:
            yield row.uid, None
            continue
        wanted = _overrides(asked)
        yield from ((row.uid, at) for at, override in _overrides(seen).items() if override.start and wanted.get(at) != override)


def _overrides(event: Event) -> dict[datetime, Override]:
    return {override.at: override for override in event.overrides}


# -- groups ------------------------------------------------------------------------------------------------------------


def grouped(
    trainings: Iterable[Training], pairs: Mapping[MentorshipKey, Pair], *, names: bool
) -> tuple[dict[str, Counts], SmallGroups | None]:
    """Return the counts of each training that may be told by itself, and of the others together."""
    each = {t.id: sum((pairs[m.key].counts for m in t.mentorships if m.key in pairs), Counts()) for t in trainings}
    invited = {key: counts for key, counts in each.items() if counts.pairs}
    if names:
        return invited, None
    small = {key: counts for key, counts in invited.items() if counts.pairs < FEW}
    if not small:
        return invited, None
    together = sum(small.values(), Counts())
    told = {key: counts for key, counts in invited.items() if key not in small}
    return told, SmallGroups(trainings=tuple(small), pairs=together.pairs, counts=together if together.pairs >= FEW else None)
