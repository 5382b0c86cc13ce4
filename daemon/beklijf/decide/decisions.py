"""What people decided by a command, as it changes what the ledger knows: events given back, pauses. Pure.

A decision is a row that the next tick takes up; ``plan`` and the command itself show with the same functions what will come of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from beklijf.decide import merge
from beklijf.model import canonical
from beklijf.model.conversation import PAUSABLE, Pause, PausedKind
from beklijf.model.domain import Kind
from beklijf.model.facts import Generation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from beklijf.ledger import Decision, Row
    from beklijf.model.facts import Facts


def restored(rows: Mapping[str, Row], facts: Facts, decisions: Iterable[Decision], now: datetime) -> tuple[dict[str, Row], Facts]:
    """Return rows and facts as they are after people asked for events or fields back.

    A field is given back by taking the human's value for asked: then ours differs from it, and is written. A deleted event
    comes back as the next generation.
    """
    rows = dict(rows)
    generations, moved = dict(facts.generations), dict(facts.moved)
    for decision in decisions:
        if decision.kind != "restore":
            continue
        for row in [row for row in rows.values() if row.ref == decision.subject]:
            if row.state == "deleted":
                if row.announced is None:  # else it stays until its attendees have been told that this one is off
                    del rows[row.uid]
                generations[row.ref] = Generation(number=row.generation + 1, since=now)
                continue
            asked, seen = canonical.load(row.asked), canonical.load(row.seen)
            back = [f for f in merge.human_fields(asked, seen) if decision.field in {"", merge.name(f)}]
            rows[row.uid] = replace(row, asked=canonical.dump(merge.take(asked, seen, back)), refused=())
            if "time" in back and row.kind is Kind.SERIES:
                for mentorship in row.mentorships:
                    moved.pop(mentorship, None)
    return rows, replace(facts, generations=generations, moved=moved)


def decided_pauses(pauses: Iterable[Pause], decisions: Iterable[Decision]) -> tuple[Pause, ...]:
    """Return the pauses as people's decisions leave them; a decision's field is ``<kind> <first> <last or nothing>``."""
    found = {(pause.person, pause.kind): pause for pause in pauses}
    for decision in decisions:
        if decision.kind == "pause":
            pause = read_pause(decision)
            found[pause.person, pause.kind] = pause
        elif decision.kind == "resume":
            for key in [key for key in found if key[0] == decision.subject and decision.field in {"", key[1]}]:
                del found[key]
    return tuple(found[key] for key in sorted(found))


def read_pause(decision: Decision) -> Pause:
    kind, first, *last = decision.field.split()
    days = [date.fromisoformat(day) for day in (first, *last)]
    return Pause(person=decision.subject, kind=read_kind(kind), first=days[0], last=days[1] if last else None)


def read_kind(text: str) -> PausedKind:
    return next(kind for kind in PAUSABLE if kind == text)
