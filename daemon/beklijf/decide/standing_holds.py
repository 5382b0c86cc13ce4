"""What is held stays held: the changes of this tick, matched with what ticks before held. Pure.

    what a hold has of an event, this tick      what becomes of it
    ------------------------------------------  -----------------------------------------------------------------------
    asked for as it was, or less of it          stays in the hold, under its id
    asked for by other means (a series began)   stays in the hold, under its id
    can't be done now (its target rests)        stays in the hold, unseen
    not asked for                               drops out: it passed, somebody did it, or the config took it back
    asked for, and more, or for more people     a new hold, however small
    something else is asked for instead         looked at as if nothing had been held
    approved, and asked for as it was           passes, until it is done
    approved, and more is asked for             looked at as if nothing had been approved

A hold that has nothing left is over. Under the config that made it, a hold is known by its events and the people alone: how a
wish is carried out changes with time. Under another config it must ask for no more, too.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING

from beklijf.decide.plan import Cause, Create, Resend, Withdraw, Write
from beklijf.ledger import stamp
from beklijf.ledger.holds import HeldChange, Hold, HoldKind
from beklijf.model import canonical
from beklijf.model.domain import Kind
from beklijf.planning.meetings import STAND_IN

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Mapping, Sequence
    from datetime import datetime

    from beklijf.decide.plan import Change, Held
    from beklijf.ledger import Row
    from beklijf.model.domain import Event, Ref


@dataclass(frozen=True, slots=True)
class Matched:
    """The changes that a hold knows, by their position in the draft."""

    stays: Mapping[int, Hold]
    passes: Mapping[int, Hold]
    """Approved, and not done yet."""
    grown: Mapping[int, Hold]
    """In a hold, and more is asked for now."""


def match(changes: Sequence[Change], holds: Iterable[Hold], *, config: str, now: datetime) -> Matched:
    """Find what *holds* have of *changes*."""
    stays: dict[int, Hold] = {}
    passes: dict[int, Hold] = {}
    grown: dict[int, Hold] = {}
    by_ref: defaultdict[Ref, list[int]] = defaultdict(list)
    for i, change in enumerate(changes):
        by_ref[change.ref].append(i)
    for hold in sorted(holds, key=lambda hold: hold.approved is None):  # who is in two is held
        for ref in dict.fromkeys(each.ref for each in hold.changes):
            positions = [i for i in by_ref.get(ref, ()) if _concerns(hold, changes[i])]
            asked = [changes[i] for i in positions]
            if _is_same(hold, ref, asked, config=config, now=now):
                (passes if hold.approved else stays).update(dict.fromkeys(positions, hold))
            elif not hold.approved and (hold.config == config or _is_in(hold, ref, asked, now)):
                grown |= dict.fromkeys(positions, hold)
    return Matched(stays, {i: hold for i, hold in passes.items() if i not in stays and i not in grown}, grown)


def _concerns(hold: Hold, change: Change) -> bool:
    return not isinstance(change.work, Resend) if hold.kind is HoldKind.CLOCK else change.cause is Cause.CHANGE


def _is_same(hold: Hold, ref: Ref, changes: Iterable[Change], *, config: str, now: datetime) -> bool:
    """Say whether *changes* ask for what *hold* has of an event, or for less; nothing is less than anything."""
    before = [each for each in hold.changes if each.ref == ref]
    after = [spell(change, now) for change in changes]
    if not {to for each in after for to in each.to} <= {to for each in before for to in each.to}:
        return False
    return hold.config == config or _net(after, now) <= _net(before, now)


def _is_in(hold: Hold, ref: Ref, changes: Iterable[Change], now: datetime) -> bool:
    """Say whether *changes* still ask for any of what *hold* has of an event."""
    return bool(_net([each for each in hold.changes if each.ref == ref], now) & _net([spell(change, now) for change in changes], now))


def _net(changes: Iterable[HeldChange], now: datetime) -> frozenset[str]:
    """Return what would differ in the end: a series that ends, and goes on as a new event, loses nothing that the new one has."""
    found, past = list(changes), stamp(now)
    takes = {what for each in found for what in each.takes if not (what[0].isdigit() and what <= past)}
    gives = {what for each in found for what in each.gives if not (what[0].isdigit() and what <= past)}
    return frozenset({f"- {what}" for what in takes - gives} | {f"+ {what}" for what in gives - takes})


def spell(change: Change, now: datetime) -> HeldChange:
    """Return *change* as a hold keeps it."""
    people, takes, gives = set(change.to), frozenset[str](), frozenset[str]()
    match change.work:
        case Create(event=event):
            gives = _traits(event, now)
            people |= {contact.email for contact in event.people}
        case Write(row=row, event=event, asked=asked):
            takes, gives = _traits(canonical.load(row.asked), now), _traits(asked, now)
            people |= {contact.email for each in (canonical.load(row.seen), event, asked) for contact in each.people}
        case Withdraw(row=row):
            takes = _traits(canonical.load(row.asked), now)
            people |= {contact.email for contact in canonical.load(row.seen).people}
        case _:
            pass
    both = takes & gives
    return HeldChange(
        action=change.action, ref=change.ref, to=tuple(sorted(people)), takes=tuple(sorted(takes - both)), gives=tuple(sorted(gives - both))
    )


def _traits(event: Event, now: datetime) -> frozenset[str]:
    """Return what people are told of an event, one by one, as we asked for it: what they made of it themselves is no wish of ours."""
    found = {stamp(at) for at in canonical.meetings(event) if at > now}
    found |= {f"length {event.minutes}", f"place {event.location}", f"online {event.online}", f"organizer {event.organizer.email}"}
    return frozenset(found | {f"with {contact.email}" for contact in event.people})


# -- names -------------------------------------------------------------------------------------------------------------


def identify(changes: Iterable[Change]) -> str:
    """Return the PLAN-ID of *changes*: what would be done to what and whom, without times."""
    return _digest(sorted(f"{c.action} {c.ref} {' '.join(sorted(c.to))}" for c in changes))


def fresh_name(changes: Iterable[Change], taken: Container[str]) -> str:
    """Return the PLAN-ID of a new hold: where it has the name of one that stands, what is held under that is something else."""
    name = identify(changes)
    while name in taken:
        name = _digest([name])
    return name


def together(names: Collection[str]) -> str:
    """Return the one PLAN-ID of several holds."""
    return next(iter(names)) if len(names) == 1 else _digest(sorted(names))


def _digest(lines: Iterable[str]) -> str:
    return sha256("\n".join(lines).encode()).hexdigest()[:8]


# -- what hangs on it --------------------------------------------------------------------------------------------------


def hanging(changes: Iterable[Change], held: Iterable[Held]) -> dict[int, Held]:
    """Return which new events have to wait, by their position: they would stand beside what they take the place of.

    A stand-in waits while the meeting that it stands in for is still to be taken out; an event of the same two people under
    another training (its ``id`` was changed, say) waits while theirs is still to be withdrawn.
    """
    series: dict[str, tuple[Row, Held]] = {}
    leaving: dict[tuple[frozenset[str], str], Held] = {}
    for each in held:
        carrier, _, item = each.change.ref.rpartition("/")
        work = each.change.work
        if isinstance(work, Write | Withdraw) and each.change.kind is Kind.SERIES:
            series[carrier] = work.row, each
        if isinstance(work, Withdraw):
            leaving[frozenset(work.row.persons), item] = each
    found: dict[int, Held] = {}
    for i, change in enumerate(changes if series or leaving else ()):
        if isinstance(change.work, Create):
            carrier, _, item = change.ref.rpartition("/")
            if waits := leaving.get((frozenset(change.work.row.persons), item)) or _stood_in_for(item, series.get(carrier)):
                found[i] = waits
    return found


def _stood_in_for(item: str, series: tuple[Row, Held] | None) -> Held | None:
    """Return what is held of *series*, if *item* stands in for a meeting that it still has in the calendar."""
    kind, _, day = item.partition(":")
    if series is None or kind != STAND_IN:
        return None
    row, held = series
    seen = canonical.load(row.seen)
    there = {at.astimezone(canonical.clock(seen.start)).date() for at in canonical.meetings(seen)}
    return held if date.fromisoformat(day) in there else None


# -- what is kept ------------------------------------------------------------------------------------------------------


def kept(
    held: Iterable[Held],
    known: Sequence[Hold],
    *,
    approved: Container[str],
    resting: frozenset[Ref],
    certain: bool,
    config: str,
    now: datetime,
) -> tuple[Hold, ...]:
    """Return the holds as the ledger should have them after this tick; *held* includes what passes because it was approved.

    Nothing drops out unless that is *certain*: by a clock that is ahead everything has passed.
    """
    before = {(hold.id, hold.training, hold.reason): hold for hold in known}
    found: defaultdict[tuple[str, HoldKind, str, str], list[HeldChange]] = defaultdict(list)
    for each in held:
        found[each.hold, each.kind, each.change.training, each.reason].append(spell(each.change, now))
    drafted = {each.ref for changes in found.values() for each in changes}
    unseen = []
    for hold in known:
        rests = resting if hold.kind is not HoldKind.FAULT else ()  # the calendar says what is wrong with it
        left = tuple(c for c in hold.changes if c.ref not in drafted and (c.ref in rests or not certain))
        unseen += [replace(hold, changes=left)] if left else []
    holds = {(hold.id, hold.training, hold.reason): hold for hold in unseen}
    for (name, kind, training, reason), changes in found.items():
        key = (name, training, reason)
        made = Hold(id=name, kind=kind, training=training, reason=reason, since=now, config=config, changes=())
        # what is unseen was not compared with this config yet
        hold = holds.get(key) or replace(before.get(key, made), config=config, changes=())
        holds[key] = replace(hold, changes=(*hold.changes, *changes))
    decided = [replace(h, approved=now) if h.id in approved and h.approved is None else h for h in holds.values()]
    return tuple(sorted(decided, key=lambda hold: (hold.since, hold.id, hold.training, hold.reason)))
