"""Transactions of SQLite, and parts of them; and its errors as ours."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from beklijf.ledger.state_file import DAMAGED
from beklijf.model.errors import Busy, StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_WHOLE = ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",))
_PART = ("SAVEPOINT part", "RELEASE part", ("ROLLBACK TO part", "RELEASE part"))
"""How a transaction begins, ends, and is undone; and a part of one."""


@contextmanager
def transaction(db: sqlite3.Connection, path: Path | None, ending: Callable[[], Callable[[], None]]) -> Iterator[None]:
    """Make everything inside one transaction, or a part of the one that goes on, which fails by itself.

    *ending* is called at the end of a whole one, inside of it, and what it returns is called afterwards.
    """
    inside = db.in_transaction
    begin, end, undo = _PART if inside else _WHOLE
    with translated(path):
        db.execute(begin)
    try:
        yield
    except sqlite3.Error:
        with translated(path):
            _undone(db, undo)
            raise
    except BaseException:  # an OSError of whoever writes, say: it tells nothing about this file
        _undone(db, undo)
        raise
    with translated(path):
        afterwards = None if inside else ending()
        db.execute(end)
        if afterwards is not None:
            afterwards()


def _undone(db: sqlite3.Connection, steps: tuple[str, ...]) -> None:
    for step in steps if db.in_transaction else ():  # some errors end the transaction by themselves
        db.execute(step)


@contextmanager
def translated(path: Path | None) -> Iterator[None]:
    """Turn SQLite's errors into ours: locked is 'later', everything else is a state file that needs a person."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise Busy(f"{path} is in use by another program", hint="try again; if it lasts, find who holds it with fuser") from error
        raise StateError(
            f"{path}: {error}", hint="check that the account that runs beklijf may write there, and that the disk isn't full"
        ) from error
    except sqlite3.DatabaseError as error:
        raise StateError(f"{path}: {error}", hint=DAMAGED) from error
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}", hint="check the rights on that folder") from error
