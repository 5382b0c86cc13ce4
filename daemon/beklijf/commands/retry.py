"""Have tried again what was set aside: found by its name, and written down as a decision that the next tick takes up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beklijf.model.errors import UsageError
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from beklijf.contracts.settings import Config
    from beklijf.ledger.aside import Aside


def retry(config: Config, name: str, now: datetime) -> list[str]:
    """Decide it of what *name* names, or of all, and return what there is to say."""
    with opened(config, read_only=True) as engine:
        wanted = find(engine.aside.asides.set_aside(), name)
    if not wanted:
        return ["Nothing is set aside."]
    with opened(config) as engine, engine.ledger.write():
        for each in wanted:
            engine.ledger.decide("retry", each.name, made=now, field=each.stage)
    return ["Tried again with the next tick:", *(f"  {each.stage}: {each.name}" for each in wanted)]


def find(aside: Sequence[Aside], name: str) -> list[Aside]:
    """Return what has *name*, or it as a part of its name; all, if nothing is named."""
    found = [each for each in aside if each.name == name] or [each for each in aside if name.casefold() in each.name.casefold()]
    if name and not found:
        there = ", ".join(each.name for each in aside)
        raise UsageError(f'nothing of the name "{name}" is set aside', hint=f"set aside is: {there}" if there else "nothing is set aside")
    return found
