"""Meetings in a row that one of a pair declined, or that somebody took out of the calendar. Pure.

Says whose turn it is then; what comes of it is for ``silence``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from beklijf.model.conversation import ANSWERS, History, Said
from beklijf.model.domain import Ref, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from beklijf.model.domain import Item, Mentorship

INITIATIVE = frozenset({Said.PROPOSED, Said.MOVED})
"""Who does that is at it: rows begin anew."""

Meeting = tuple[Ref, "datetime | None"]
"""What an answer names it by: the event, and its RECURRENCE-ID."""


@dataclass(frozen=True, slots=True)
class Run:
    since: datetime
    turn: Role
    """Whose turn it is: the other one's."""


def in_order(items: Iterable[Item]) -> dict[Meeting, int]:
    """Return the number of each meeting of a pair, in order of time."""
    meetings = sorted((start.astimezone(UTC), item.ref, bool(item.every)) for item in items for start in item.starts)
    return {(ref, start if series else None): number for number, (start, ref, series) in enumerate(meetings)}


def find_run(pair: Mentorship, history: History, order: Mapping[Meeting, int], enough: int) -> Run | None:
    """Replay what was heard; return since when so many meetings in a row are off, if they still are."""
    off: defaultdict[int, set[str]] = defaultdict(set)
    run: Run | None = None
    for heard in history.heard:
        number = order.get((heard.ref, heard.recurrence_id))
        if heard.said in INITIATIVE:
            off.clear()
        elif number is None:
            continue
        elif heard.said in {Said.DECLINED, Said.CANCELLED}:
            off[number].add(heard.person)
        elif heard.said in ANSWERS.values():
            off[number].discard(heard.person)
        turn = _turn(pair, off, enough)
        run = None if turn is None else run if run and run.turn is turn else Run(heard.at, turn)
    return run


def _turn(pair: Mentorship, off: Mapping[int, set[str]], enough: int) -> Role | None:
    """Return whose turn it is after so many meetings in a row that the other one is not coming to.

    What was taken out of the calendar by nobody knows whom is in everybody's row; a row of nothing else is the mentee's.
    """
    for person, turn in ((pair.mentee, Role.MENTOR), (pair.mentor, Role.MENTEE)):
        length = 0
        for number in sorted(each for each, who in off.items() if who & {person.key, ""}):
            length = length + 1 if off.get(number - 1, set()) & {person.key, ""} else 1
            if length >= enough:
                return turn
    return None
