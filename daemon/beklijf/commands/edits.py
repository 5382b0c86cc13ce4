"""What people changed, in words: where the calendar holds something else than we asked for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from beklijf.commands.names import called
from beklijf.decide import merge
from beklijf.model import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from beklijf.commands.report import Words
    from beklijf.ledger import Row
    from beklijf.model.domain import Event, Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing about one item, in words."""

    item: str
    what: str
    to: tuple[str, ...] = ()
    at: datetime | None = None
    field: str = ""


def edits(row: Row, words: Words) -> list[Remark]:
    """Return in words what belongs to a human: where the calendar holds something else than we asked for."""
    if row.state == "deleted":
        return [_edit(row, "", "deleted")]
    if row.state != "live":
        return []
    asked, seen = canonical.load(row.asked), canonical.load(row.seen)
    fields = merge.human_fields(asked, seen)
    found = [_edit(row, name, said) for name, said in _plain(asked, seen, words) if name in fields]
    moved = {merge.single_field(s.at): s for s in seen.overrides}
    for each in sorted(f for f in fields if merge.name(f) == "single"):
        override = moved.get(each)
        if override is None:
            if "time" not in fields:  # a moved series has its days off elsewhere
                found.append(_edit(row, "single", "a meeting that was off or moved takes place after all"))
        elif override.start is not None:
            found.append(_edit(row, "single", f"the meeting of {words.moment(override.at)} moved to {words.moment(override.start)}"))
        elif "time" not in fields:
            found.append(_edit(row, "single", f"the meeting of {words.moment(override.at)} is cancelled"))
    return found


def _plain(asked: Event, seen: Event, words: Words) -> Iterator[tuple[str, str]]:
    series = "the series " if seen.recurrence else ""
    if merge.are_elsewhere(asked, seen):
        yield "time", f"{series}moved to {words.moment(seen.start)}"
    else:
        yield "time", f"{series}lasts {seen.minutes} minutes"
    last = "" if seen.recurrence is None else words.day(seen.recurrence.last)
    yield "recurrence", f"repeats otherwise, until {last}" if last else "no longer repeats"
    yield "place", f'place changed to "{seen.location}"'
    yield "people", _people(asked, seen)
    yield "title", f'title changed to "{seen.title}"'
    yield "text", "text changed"
    yield "alarms", "alarm changed"
    yield "online", "online meeting added" if seen.online else "no online meeting any more"


def _people(asked: Event, seen: Event) -> str:
    before = {c.email.casefold(): c.email for c in asked.people}
    after = {c.email.casefold(): c.email for c in seen.people}
    came = [f"{after[key]} added" for key in sorted(after.keys() - before.keys())]
    left = [f"{before[key]} taken out" for key in sorted(before.keys() - after.keys())]
    return ", ".join(came + left)


def _edit(row: Row, field: str, what: str) -> Remark:
    return Remark(item=row.ref, what=f"{called(row.ref)}: {what}", field=field)


def restorable(rows: Iterable[Row], words: Words) -> dict[Ref, list[Remark]]:
    """Return what people changed, by item: what ``restore`` can give back."""
    return {row.ref: found for row in rows if (found := edits(row, words))}
