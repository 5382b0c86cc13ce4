"""What nobody expected in one object of a calendar: that object's own trouble, and none of the others'."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from beklijf.model.errors import BackendError, Transient
from beklijf.model.stored import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator


class Unforeseen(Unreadable):
    """Nobody expected how an object can't be read; the cause is for the journal."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}: can't be read, for a reason that nobody expected", hint="it stays as it is; the journal has more")


class Astray(Transient):
    """Nobody expected how a whole calendar can't be read; the cause is for the journal."""


@contextmanager
def whole_by_itself(owner: str) -> Iterator[None]:
    """Read one person's calendar; whatever nobody expected is raised as `Astray`, which is no trouble of the others'."""
    try:
        yield
    except BackendError:
        raise
    except Exception as error:
        raise Astray(f"the calendar of {owner} can't be read, for a reason that nobody expected") from error


@contextmanager
def by_itself(name: str) -> Iterator[None]:
    """Read one object; whatever nobody expected in it is raised as `Unforeseen`."""
    try:
        yield
    except BackendError:
        raise
    except Exception as error:
        raise Unforeseen(name) from error
