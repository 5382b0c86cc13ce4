"""Inputs that failed by themselves, as the ledger counts them: a mail that can't be read, an event that can't be written.

    failed at one or two ticks    tried again at the next one, while everything else goes on
    failed at three               set aside: left where it is and named in ``status``
    told to, or in another        tried again as if it had failed at none
    version of beklijf

Call the writing methods inside ``ledger.write()``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from beklijf import __version__
from beklijf.ledger import stamp

if TYPE_CHECKING:
    from beklijf.ledger import Ledger

TICKS = 3
"""A machine short of memory, or a server in a bad mood, fails once or twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """One input that failed."""

    stage: str
    name: str
    arrived: datetime | None
    what: str
    ticks: int
    since: datetime
    last: datetime
    version: str

    @property
    def is_set_aside(self) -> bool:
        return self.ticks >= TICKS and self.version == __version__


class Asides:
    def __init__(self, ledger: Ledger) -> None:
        self._db = ledger.db

    def all(self, stage: str = "") -> list[Aside]:
        """Return all that failed, set aside or not yet; those of one stage, if one is named."""
        found = self._db.execute("SELECT * FROM aside WHERE ?1 IN ('', stage) ORDER BY stage, since, name", (stage,))
        return [
            Aside(
                stage=row["stage"],
                name=row["name"],
                arrived=None if row["arrived"] is None else datetime.fromisoformat(row["arrived"]),
                what=row["what"],
                ticks=row["ticks"],
                since=datetime.fromisoformat(row["since"]),
                last=datetime.fromisoformat(row["last"]),
                version=row["version"],
            )
            for row in found
        ]

    def set_aside(self, stage: str = "") -> list[Aside]:
        return [each for each in self.all(stage) if each.is_set_aside]

    def names(self, stage: str) -> frozenset[str]:
        """Return what a stage leaves alone."""
        return frozenset(each.name for each in self.set_aside(stage))

    def failed(self, stage: str, name: str, what: str, now: datetime, *, arrived: datetime | None = None) -> Aside:
        """Count a failure, once a tick, and return how it stands with that input."""
        self._db.execute(
            """INSERT INTO aside VALUES (:stage, :name, :arrived, :what, 1, :now, :now, :version) ON CONFLICT DO UPDATE SET
               ticks = CASE WHEN version != excluded.version THEN 1 WHEN last = excluded.last THEN ticks ELSE ticks + 1 END,
               what = excluded.what, last = excluded.last, version = excluded.version""",
            {
                "stage": stage,
                "name": name,
                "arrived": None if arrived is None else stamp(arrived),
                "what": what,
                "now": stamp(now),
                "version": __version__,
            },
        )
        return next(each for each in self.all(stage) if each.name == name)

    def settled(self, stage: str, name: str) -> None:
        """Forget that an input failed: it went well, or is gone."""
        self._db.execute("DELETE FROM aside WHERE stage = ? AND name = ?", (stage, name))

    def again(self, stage: str = "", name: str = "") -> None:
        """Let what was set aside be tried as if it had failed at no tick; all of it, if none is named."""
        self._db.execute("UPDATE aside SET ticks = 0, since = last WHERE ?1 IN ('', stage) AND ?2 IN ('', name)", (stage, name))
