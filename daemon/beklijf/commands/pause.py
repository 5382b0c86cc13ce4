"""Read who pauses what and when, and find what would come of it. Decides nothing, writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from beklijf.commands.names import letter_called
from beklijf.commands.narrow import known
from beklijf.commands.plan_json import entry
from beklijf.commands.report import counted, single_lines, wrapped
from beklijf.decide.decisions import decided_pauses
from beklijf.ledger import Decision
from beklijf.model.conversation import PAUSABLE
from beklijf.model.domain import Anchor, Kind
from beklijf.model.errors import UsageError
from beklijf.model.words import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from beklijf.commands.plan_json import Entry
    from beklijf.commands.report import Words
    from beklijf.contracts.settings import Config
    from beklijf.decide.plan import Plan
    from beklijf.model.conversation import Pause, PausedKind
    from beklijf.model.domain import Letter, Person
    from beklijf.tick.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """The difference that a decision makes."""

    off: tuple[tuple[datetime, str], ...] = ()
    """Meetings and reminders that fall out: when, and what it is."""
    on: tuple[tuple[datetime, str], ...] = ()
    """Those that take place after all."""
    letters: tuple[tuple[Letter, Letter | None], ...] = ()
    """Letters that go out on another day, before and after; None: not sent at all."""
    again: tuple[Letter, ...] = ()
    """Letters that are sent after all."""
    changes: tuple[Entry, ...] = ()
    """What the next tick does because of it."""


# -- what is asked -----------------------------------------------------------------------------------------------------


def find_person(config: Config, address: str) -> Person:
    """Return whose address it is; raises UsageError with the one that was probably meant."""
    everybody = {each: person for person in config.persons for each in sorted(person.addresses)}
    known(address.casefold(), [*everybody], "person")
    return everybody[address.casefold()]


def asked(person: Person, kinds: Sequence[PausedKind], first: date | None, last: date | None, now: datetime) -> list[Decision]:
    """Return the decisions of a pause, one a kind (none named: all); days are the person's own, *first* is today by default.

    Raises UsageError for a pause that is over, or ends before it begins.
    """
    today = now.astimezone(person.zone).date()
    begin = first or today
    if last is not None and last < begin:
        raise UsageError("--until lies before --from", hint="both days belong to the pause")
    if last is not None and last < today:
        raise UsageError(f"--until lies in the past: today is {today}", hint="leave it out for a pause until they resume")
    fields = (f"{kind} {begin} {last or ''}".strip() for kind in _kinds(kinds))
    return [Decision(id=0, kind="pause", subject=person.key, field=field, made=now) for field in fields]


def ended(engine: Engine, person: Person, kinds: Sequence[PausedKind], now: datetime) -> list[Decision]:
    """Return the decisions that end what *person* paused, of some kinds; none where nothing is paused."""
    paused = {pause.kind for pause in standing_pauses(engine, now) if pause.person == person.key}
    return [Decision(id=0, kind="resume", subject=person.key, field=kind, made=now) for kind in _kinds(kinds) if kind in paused]


def standing_pauses(engine: Engine, now: datetime) -> list[Pause]:
    """Return the pauses that are on or to come, with those that no tick has taken up yet."""
    pauses = decided_pauses(engine.conversation.pauses(), engine.ledger.decisions())
    zones = {person.key: person.zone for person in engine.config.persons}
    default = engine.config.organisation.zone
    return [p for p in pauses if p.last is None or p.last >= now.astimezone(zones.get(p.person, default)).date()]


def _kinds(kinds: Sequence[PausedKind]) -> Iterator[PausedKind]:
    return (kind for kind in PAUSABLE if not kinds or kind in kinds)


# -- what comes of it --------------------------------------------------------------------------------------------------


def coming(engine: Engine, decisions: Sequence[Decision], now: datetime) -> Coming:
    """Return what is different with *decisions* than without them."""
    before, after = engine.plan(now), engine.plan(now, decided=decisions)
    met, meets = _dates(before), _dates(after)
    installation = engine.config.service.installation
    there = [*_entries(before, installation)]
    return Coming(
        off=tuple(sorted(met - meets)),
        on=tuple(sorted(meets - met)),
        letters=tuple(_letters(before, after)),
        again=tuple(now for now, then in _letters(after, before) if then is None),
        changes=tuple(each for each in _entries(after, installation) if each not in there),
    )


def _entries(plan: Plan, installation: str) -> Iterator[Entry]:
    for change in (*plan.changes, *(held.change for held in plan.held)):
        yield entry(change, installation=installation, now=plan.now)


def _dates(plan: Plan) -> set[tuple[datetime, str]]:
    """Return every meeting and reminder that lies ahead, with whose it is."""
    found: set[tuple[datetime, str]] = set()
    for track in plan.programme.tracks.values():
        pair = track.mentorship
        found |= {(at, f"{pair.mentee.name} with {pair.mentor.name}") for at in track.meetings if at > plan.now}
        for item in track.items:
            if item.kind is Kind.REMINDER:
                found |= {(at, f"a reminder for {item.people[0].name}") for at in item.starts if at > plan.now}
    return found


def _letters(before: Plan, after: Plan) -> Iterator[tuple[Letter, Letter | None]]:
    """Yield the letters that go out before, and at another time or not at all after."""
    now = {letter.wishes[0].ref: letter for letter in after.letters}
    for letter in before.letters:
        if letter.wishes[0].rule.anchor is Anchor.SILENCE:
            continue  # who is waited for is said by ``status`` alone, if at all
        other = now.get(letter.wishes[0].ref)
        if not letter.lapsed and (other is None or other.lapsed or other.at != letter.at):
            yield letter, None if other is None or other.lapsed else other


# -- lines -------------------------------------------------------------------------------------------------------------


def lines(found: Coming, words: Words) -> Iterator[str]:
    """Yield what will come of it, on 80 columns."""
    if found.off:
        yield f"{counted(len(found.off), 'date falls', 'dates fall')} out:"
        yield from _each(found.off, words)
    if found.on:
        yield f"{counted(len(found.on), 'date is', 'dates are')} there again:"
        yield from _each(found.on, words)
    if found.letters or found.again:
        yield "Letters:"
    for letter, later in found.letters:
        after = "is not sent" if later is None else f"waits until {words.day(later.at)}"
        yield from wrapped(f"{words.day(letter.at)}  {letter_called(letter)}, {letter.person.name}: {after}", "  ", "      ")
    for letter in found.again:
        yield from wrapped(f"{words.day(letter.at)}  {letter_called(letter)}, {letter.person.name}: is sent after all", "  ", "      ")
    if found.changes:
        yield "With the next tick:"
        yield from single_lines(found.changes, words)
    if found == Coming():
        yield "Nothing that is planned changes by it."


def _each(dates: Iterable[tuple[datetime, str]], words: Words) -> Iterator[str]:
    for at, what in dates:
        yield from wrapped(f"{words.moment(at)}  {what}", "  ", "      ")


def told(decisions: Sequence[Decision], person: Person) -> Iterator[str]:
    """Yield what was recorded."""
    letter = f"The next tick takes it up, and sends {person.first_name} a letter about it."
    kinds = listed([decision.field.split()[0] for decision in decisions], "en")
    if decisions[0].kind == "resume":
        yield from wrapped(f"{person.name} gets {kinds} again. {letter}", "", "")
        return
    _, first, *last = (date.fromisoformat(word) if word[0].isdigit() else word for word in decisions[0].field.split())
    until = f"until {last[0]:%a %-d %b %Y}" if last else "until they resume"
    yield from wrapped(f"{person.name} pauses {kinds}, from {first:%a %-d %b %Y} {until}. {letter}", "", "")
