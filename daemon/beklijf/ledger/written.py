"""What was written since somebody looked, by key: what was read before need not be read again.

Triggers of this connection note the keys in a temporary table, inside the transaction that writes, so whichever way a row is
written it is noted. What another process writes shows in SQLite's ``data_version``; then, and after something was undone, it
is not known what changed, which is everything.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

_NOTED = (
    # table, what it is called here, key, and of which rows
    ("event", "event", "uid", "1"),
    ("generation", "generation", "ref", "1"),
    ("goal", "goal", "mentorship", "1"),
    ("heard", "heard", "uid", "{row}.uid != ''"),
    ("heard", "away", "who", "{row}.uid = ''"),
    ("letter", "letter", "person", "1"),
    ("mentorship", "mentorship", "key", "1"),
    ("outbox", "answer", "subject", "{row}.about = 'answer'"),
    ("slot", "slot", "mentorship", "1"),
)
_EVENTS = (("INSERT", "NEW"), ("DELETE", "OLD"), ("UPDATE", "OLD"), ("UPDATE", "NEW"))


class Mark(NamedTuple):
    """How far somebody has looked."""

    version: int
    """SQLite's `data_version`."""
    undone: int
    number: int


NEVER = Mark(-1, -1, -1)


class Written:
    """The notes of one connection; they begin when somebody looks for the first time."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._begun = False
        self._undone = 0

    def since(self, mark: Mark) -> tuple[Mark, Mapping[str, frozenset[str]] | None]:
        """Return where we are now, and the keys of what was written since *mark* by what it is; None where that may be anything."""
        if not self._begun:
            self._begin()
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        (number,) = self._db.execute("SELECT coalesce(max(number), 0) FROM written").fetchone()
        now = Mark(version, self._undone, number)
        if (mark.version, mark.undone) != (now.version, now.undone):
            return now, None
        found: defaultdict[str, set[str]] = defaultdict(set)
        if mark.number != number:
            for what, key in self._db.execute("SELECT what, key FROM written WHERE number > ?", (mark.number,)):
                found[what].add(key)
        return now, {what: frozenset(keys) for what, keys in found.items()}

    def undone(self) -> None:
        """Note that something was rolled back: whoever looked meanwhile saw what is not so."""
        self._undone += 1

    def _begin(self) -> None:
        self._db.execute("PRAGMA recursive_triggers = ON")  # else a row that REPLACE takes out goes unnoted
        self._db.execute("CREATE TEMP TABLE written (number INTEGER PRIMARY KEY, what TEXT, key TEXT)")
        self._db.execute("CREATE INDEX temp.written_key ON written (what, key)")
        for table, what, key, which in _NOTED:
            for number, (event, row) in enumerate(_EVENTS):
                self._db.execute(
                    # no OR REPLACE here: the OR IGNORE of the statement that fires a trigger would take its place
                    f"""CREATE TEMP TRIGGER written_{what}_{number} AFTER {event} ON main.{table} WHEN {which.format(row=row)} BEGIN
                        INSERT INTO written (what, key) VALUES ('{what}', {row}.{key});
                        DELETE FROM written WHERE what = '{what}' AND key = {row}.{key} AND number < (SELECT max(number) FROM written);
                        END"""  # noqa: S608  # our own names
                )
        self._begun = True
