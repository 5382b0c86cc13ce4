"""Move all events into another calendar: look at both, say what would be done, do it, and have the ledger know it.

How the old calendar is reached: by the config as it was. Where it was (an account, a folder, a login by reference) stands in no
ledger, since secrets don't belong there, and a part of it would lead nowhere; the file as it was has everything, and what
its secrets refer to is still there. Where the old calendar is gone, it is left as it is, by name: that needs no config.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from beklijf.decide import decider, guard
from beklijf.ledger import stamp
from beklijf.ledger.moves import Move
from beklijf.model import canonical
from beklijf.model.errors import Held, Problem, Refused, UsageError
from beklijf.planning import events
from beklijf.relocate import decide
from beklijf.relocate.carry_out import Mover
from beklijf.relocate.decide import Sides
from beklijf.tick import absence
from beklijf.tick.record import record
from beklijf.tick.target import address_of, described, is_same

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from beklijf.contracts.settings import CalendarSettings
    from beklijf.decide.plan import Plan
    from beklijf.decide.snapshot import Snapshot
    from beklijf.ledger import Row
    from beklijf.ledger.moves import CalendarAddress, Leaving
    from beklijf.model.domain import Event, Ref
    from beklijf.model.stored import Changes, Stored
    from beklijf.relocate.decide import Step
    from beklijf.tick.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a move would do now."""

    now: datetime
    origin: CalendarAddress
    to: CalendarAddress
    sides: Sides
    steps: tuple[Step, ...]
    parting: tuple[Leaving, ...]
    """Events that an earlier run brought over, of which the old ones are still there."""
    there: tuple[Stored, ...]
    """What the new calendar holds already."""
    snapshot: Snapshot | None
    """Of the old calendar, where that is looked at."""
    plan: Plan | None
    """What the old calendar says; None where it is left as it is."""
    problems: tuple[Problem, ...]


def origin_of(engine: Engine) -> CalendarAddress | None:
    """Return where the events are now; None when the config leads there: then there is nothing to move.

    Raises StateError for the ledger of a trial.
    """
    whereabouts = engine.reader.whereabouts
    if whereabouts.problem() is None:
        return None
    if move := whereabouts.moves.under_way():
        if not is_same(move.to, whereabouts.here, people=False):
            raise UsageError(
                f"the move that is under way leads to {described(move.to)}, and the config to {described(whereabouts.here)}",
                hint="put [calendar] to where that move leads, and finish it; then move on",
            )
        return move.origin
    return whereabouts.moves.address()


def check_origin(origin: CalendarAddress, settings: CalendarSettings, engine: Engine) -> None:
    """Refuse an old config that leads to a third calendar."""
    found = address_of(settings, engine.ledger.path)
    if not is_same(origin, found, people=False):
        raise UsageError(
            f"the old config leads to {described(found)}, and the events are in {described(origin)}",
            hint="--from names the config as it was when they were written",
        )


class Removal:
    """One move, from *origin* into the calendar of *engine*; *old* is an engine on the old calendar, None to leave that as it is.

    *renames*: the new server invites under UIDs of its own; by default what is known of its kind.
    """

    def __init__(self, engine: Engine, old: Engine | None, origin: CalendarAddress, *, renames: bool | None = None) -> None:
        self._renames = engine.config.calendar.kind.own_uids if renames is None else renames
        self._engine = engine
        self.old = old
        self._origin = origin
        self._moves = engine.reader.whereabouts.moves

    def look(self, now: datetime) -> Looked:
        """Read both calendars and return what is to be done; writes nothing.

        Raises Held when something is wrong with the old calendar: what vanished there must not be taken for deleted.
        """
        leavings = self._moves.leavings()
        ledger, calendar = self._engine.ledger, self._engine.calendar
        snapshot, plan, changes, rows = None, None, None, ledger.rows()
        if self.old is not None:
            changes = _without(leavings, rows, self.old.calendar.changes(None, ledger.etags()))
            changes = absence.sure(changes, self.old.calendar, ledger.places())
            snapshot = self.old.taker.take(now, changes, patient=False, supposed=True)
            plan = self.old.taker.decide(snapshot)
            self._demand_sound(snapshot, changes)
            rows = _as_seen({**rows} | {row.uid: row for row in (*plan.adopted, *plan.records)}, changes)
        found = calendar.changes(None)
        there = {stored.event.uid: stored for stored in found.changed}
        sides = self._sides()
        steps = decide.draft(
            rows,
            there,
            leavings,
            desired=self._desired(now),
            sides=sides,
            installation=self._engine.config.service.installation,
            now=now,
        )
        away = (Problem(where=owner, what=f"their calendar can't be read: {error}") for owner, error in found.away.items())
        return Looked(
            now=now,
            origin=self._origin,
            to=self._engine.reader.whereabouts.here,
            sides=sides,
            steps=steps,
            parting=tuple(each for each in leavings.values() if each),
            there=found.changed,
            snapshot=snapshot,
            plan=plan,
            problems=(*away, *(Problem(where="calendar", what=f"{href}: {error}") for href, error in found.unreadable.items())),
        )

    def do(self, looked: Looked, *, stop: Callable[[], bool], done: Callable[[], None]) -> list[Problem]:
        """Do what was found; return what is left for a person, or for another run.

        Servers that fail raise, with everything done so far noted: the same command goes on from there.
        """
        self._begin(looked)
        engine, now = self._engine, looked.now
        mover = Mover(
            calendar=engine.calendar,
            ledger=engine.ledger,
            outbox=engine.outbox,
            conversation=engine.conversation,
            invitations=engine.applier.invitations,
            persons=engine.applier.persons,
            emails=engine.applier.emails,
            hours=engine.applier.hours,
            old=self.old.calendar if self.old else None,
            moves=self._moves,
            sides=looked.sides,
        )
        said: list[Problem] = []
        refused: list[Problem] = []
        work: list[tuple[Ref, Callable[[], str]]] = [(each.row.ref, _parting(mover, each, now)) for each in looked.parting]
        work += [(step.row.ref, _moving(mover, step, now)) for step in looked.steps]
        for ref, act in work:
            if stop():
                return [*said, *refused]
            try:
                if words := act():
                    said.append(Problem(what=words, warning=True))
            except Refused as error:
                refused += [replace(problem, where=ref) for problem in error.problems]
            done()
        if not refused:
            mover.settle_by(looked.there)
            self._finish()
        return [*said, *refused]

    def is_finished(self) -> bool:
        return self._moves.under_way() is None

    # -- around it -----------------------------------------------------------------------------------------------------

    def _begin(self, looked: Looked) -> None:
        """Note what people did in the old calendar up to now, and from here on let nothing but a move touch either of them."""
        if looked.plan is not None and looked.snapshot is not None and self.old is not None:
            engine, plan = self.old, replace(looked.plan, decisions=())  # those the first tick in the new calendar takes up
            record(
                replace(looked.snapshot, sender=looked.sides.old),
                plan,
                ledger=engine.ledger,
                outbox=engine.outbox,
                conversation=engine.conversation,
                may_schedule=bool(engine.calendar.may_schedule),
            )
        if self._moves.under_way() is None:
            move = Move(origin=looked.origin, to=looked.to, begun=stamp(looked.now), sender=looked.sides.old)
            with self._engine.ledger.write():
                self._moves.begin(move)

    def _finish(self) -> None:
        move = self._moves.under_way()
        assert move is not None
        with self._engine.ledger.write():
            self._moves.finish(move)
            self._engine.ledger.end_outage("calendar")

    def _sides(self) -> Sides:
        move, ledger = self._moves.under_way(), self._engine.ledger
        calendar, settings = self._engine.calendar, self._engine.config.calendar
        if move is not None:
            old, settled = move.sender, ledger.get("sender")
        else:
            explicit = self._origin.invitations
            old, settled = (ledger.get("sender") or "") if explicit == "auto" else explicit, None
        new: str | None = settings.invitations
        if new == "auto":
            new = settled or ("server" if settings.kind.invites else None if calendar.may_schedule else "mail")
        return Sides(old=old, new=new, renames=self._renames, reach=self.old is not None)

    def _desired(self, now: datetime) -> Mapping[Ref, Event]:
        """Return each item as planning wants it by the config as it is now."""
        engine = self._engine
        programme = engine.taker.programme(now)
        writer = events.Writer(installation=engine.config.service.installation, programme=programme, texts=engine.taker.texts)
        return {item.ref: writer.event(item) for track in programme.tracks.values() for item in track.items}

    def _demand_sound(self, snapshot: Snapshot, changes: Changes) -> None:
        watch = replace(decider.watch(snapshot), approved=frozenset())
        current = decider.current_state(snapshot.rows, changes, self._engine.config.emails)
        _, _, faults = guard.look_for_faults(snapshot.rows, current, watch)
        if faults:
            raise Held(
                f"the old calendar is not as it was left: {faults[0].reason} ({len(faults)} in all), so nothing was moved",
                hint="put it right there first; or --leave-old, to go by what the ledger saw last",
            )


def _without(leavings: Mapping[str, Leaving | None], rows: Mapping[str, Row], changes: Changes) -> Changes:
    """Return *changes* of the old calendar without what has been brought over already: it counts as unchanged."""
    first: dict[Ref, int] = {}
    for row in rows.values():
        first[row.ref] = min(row.generation, first.get(row.ref, row.generation))
    moved = leavings.keys() | {row.uid for row in rows.values() if row.generation > first[row.ref]}
    return replace(
        changes,
        changed=tuple(stored for stored in changes.changed if stored.event.uid not in moved),
        unchanged=changes.unchanged | {rows[uid].href for uid in moved if uid in rows},
    )


def _as_seen(rows: Mapping[str, Row], changes: Changes) -> dict[str, Row]:
    """Return the rows with what the old calendar holds now, also where a tick would do something about it instead of noting it."""
    found = dict(rows)
    for stored in changes.changed:
        row = found.get(stored.event.uid)
        if row is not None and row.state == "live":
            seen, sequence = canonical.dump(stored.event), max(row.sequence, stored.sequence)
            found[row.uid] = replace(row, seen=seen, href=stored.href, etag=stored.etag, sequence=sequence)
    return found


def _parting(mover: Mover, leaving: Leaving, now: datetime) -> Callable[[], str]:
    return lambda: mover.part(leaving, now)


def _moving(mover: Mover, step: Step, now: datetime) -> Callable[[], str]:
    return lambda: mover.move(step, now)
