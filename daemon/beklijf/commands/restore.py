"""Find what people changed and somebody wants back, and what giving it back would do. Decides nothing, writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from beklijf.commands.edits import restorable
from beklijf.commands.plan_json import entry
from beklijf.commands.status import noted
from beklijf.ledger import Decision
from beklijf.model.errors import Busy, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from beklijf.commands.plan_json import Entry
    from beklijf.commands.report import Words
    from beklijf.decide.plan import Plan
    from beklijf.model.domain import Ref
    from beklijf.tick.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be given back: an item, or one field of it."""

    ref: Ref
    field: str
    edits: tuple[str, ...]


def find(plan: Plan, item: str, field: str, words: Words) -> Wanted:
    """Return the item that *item* names, by its whole name or by a part that only it has."""
    there = restorable(noted(plan).values(), words)
    ref = _one(item, [*there], {row.ref for row in plan.rows.values()})
    edits = [edit for edit in there[ref] if not field or edit.field in {field, ""}]
    if not edits:
        changed = ", ".join(dict.fromkeys(edit.field for edit in there[ref]))
        raise UsageError(f"the {field} of {ref} is as the config asks", hint=f"people changed its {changed}")
    before = restorable(plan.rows.values(), words)
    if any(edit not in before.get(ref, []) for edit in edits):
        raise Busy(f"{ref} was changed after the last tick, which has to take note of it first", hint="beklijf apply, then again")
    return Wanted(ref=ref, field=field, edits=tuple(edit.what for edit in edits))


def coming(engine: Engine, wanted: Wanted, now: datetime) -> list[Entry]:
    """Return what the next tick would do to the item."""
    decision = Decision(id=0, kind="restore", subject=wanted.ref, field=wanted.field, made=now)
    plan = engine.plan(now, decided=[decision])
    changes = [*plan.changes, *(held.change for held in plan.held)]
    found = (entry(change, installation=engine.config.service.installation, now=now) for change in changes)
    return [each for each in found if each.item == wanted.ref]


def _one(item: str, changed: list[Ref], all_refs: set[Ref]) -> Ref:
    for matches in (
        [ref for ref in changed if ref == item],
        [ref for ref in changed if f"/{ref}".casefold().endswith(f"/{item}".casefold())],
        [ref for ref in changed if item.casefold() in ref.casefold()],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UsageError(f'"{item}" may be any of: {", ".join(sorted(matches))}', hint="name one of them in full")
    if any(item.casefold() in ref.casefold() for ref in all_refs):
        raise UsageError(f'nobody changed "{item}": it is as the config asks', hint=_changed(changed))
    raise UsageError(f'there is no event "{item}"', hint=_changed(changed))


def _changed(changed: list[Ref]) -> str:
    return f"people changed: {', '.join(sorted(changed))}" if changed else "people changed nothing"
