"""What the guard holds, as the ledger keeps it from one tick to the next. It stores; ``standing_holds`` and ``guard`` decide."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from beklijf.ledger import stamp
from beklijf.model.domain import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable

    from beklijf.ledger import Ledger


class HoldKind(StrEnum):
    WISH = "wish"
    QUESTION = "question"
    """A wish that looks like a mistake, of which the config can say that it is none."""
    FAULT = "fault"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldChange:
    """One change that is held, without the day on which it was first asked for."""

    action: str
    ref: Ref
    to: tuple[str, ...]
    """Everybody whom it concerns: who gets it now, and who is in the event as it stands."""
    takes: tuple[str, ...] = ()
    """What the event would have no more: instants of meetings as `stamp` spells them, and ``place Zaal 1``."""
    gives: tuple[str, ...] = ()
    """What it would have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What waits in one training for one reason; all that was held at once has the same id."""

    id: str
    kind: HoldKind
    training: str
    reason: str
    """As it was when it was held: numbers in it don't shrink with it."""
    since: datetime
    config: str
    """The digest of the config that asks for it."""
    changes: tuple[HeldChange, ...]
    approved: datetime | None = None
    """Since then its changes pass, until the last of them is done."""


class Holds:
    """The holds of one ledger; call `keep` inside ``ledger.write()``."""

    def __init__(self, ledger: Ledger) -> None:
        self._db = ledger.db

    def standing(self) -> tuple[Hold, ...]:
        """Return everything that is held, or approved and not all done, oldest first."""
        return tuple(
            Hold(
                id=row["id"],
                kind=HoldKind(row["kind"]),
                training=row["training"],
                reason=row["reason"],
                since=datetime.fromisoformat(row["since"]),
                config=row["config"],
                changes=tuple(
                    HeldChange(action=action, ref=Ref(ref), to=tuple(to), takes=tuple(takes), gives=tuple(gives))
                    for action, ref, to, takes, gives in json.loads(row["changes"])
                ),
                approved=None if row["approved"] is None else datetime.fromisoformat(row["approved"]),
            )
            for row in self._db.execute("SELECT * FROM hold ORDER BY since, id, training, reason")
        )

    def keep(self, holds: Iterable[Hold]) -> None:
        """Let exactly these be what is held."""
        self._db.execute("DELETE FROM hold")
        self._db.executemany(
            "INSERT INTO hold VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    hold.id,
                    hold.kind,
                    hold.training,
                    hold.reason,
                    stamp(hold.since),
                    hold.config,
                    json.dumps([[c.action, c.ref, c.to, c.takes, c.gives] for c in hold.changes], ensure_ascii=False),
                    None if hold.approved is None else stamp(hold.approved),
                )
                for hold in holds
            ],
        )
