"""A training's sessions as blocks, and the days that the rules of its method are counted from. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from beklijf.model.domain import Anchor

if TYPE_CHECKING:
    from datetime import date

    from beklijf.model.domain import Session, Training


@dataclass(frozen=True, slots=True)
class Block:
    """Session days with too little time between them to practise."""

    first: Session
    last: Session


@dataclass(frozen=True, slots=True)
class Timeline:
    training: Training
    blocks: tuple[Block, ...]
    """At least one."""

    @property
    def first(self) -> date:
        return self.blocks[0].first.date

    @property
    def first_block(self) -> date:
        return self.blocks[0].last.date

    @property
    def last(self) -> date:
        return self.blocks[-1].last.date

    def anchors(self, anchor: Anchor) -> tuple[tuple[date, Session | None], ...]:
        """Return each day that *anchor* stands for, with its session where there is one for every block.

        None for the last session day while more sessions are to come: nothing that counts from it goes out.
        """
        match anchor:
            case Anchor.FIRST:
                return ((self.first, None),)
            case Anchor.FIRST_BLOCK:
                return ((self.first_block, None),)
            case Anchor.BLOCK:
                return tuple((block.last.date, block.last) for block in self.blocks)
            case Anchor.LAST:
                return () if self.training.more_sessions else ((self.last, None),)
            case Anchor.SILENCE:
                return ()  # counted for each mentorship by itself: see ``silence``


def timeline(training: Training) -> Timeline | None:
    """Return the training as blocks; None for one whose sessions have no dates yet."""
    gap = training.method.limits.block_gap
    blocks: list[Block] = []
    for session in sorted(training.sessions, key=lambda session: session.date):
        if blocks and (session.date - blocks[-1].last.date).days < gap:
            blocks[-1] = Block(blocks[-1].first, session)
        else:
            blocks.append(Block(session, session))
    return Timeline(training, tuple(blocks)) if blocks else None
