"""How long one whole operation with a server may take, whatever the server sends meanwhile.

A socket's time-out counts each read, so a server that answers in drops holds its reader for ever. Here the operation is
counted: a timer (SIGALRM) raises in the middle of whatever goes on, be it a library's read, a parser or a wait, and on the
way out everybody's ``finally`` closes what is open. So it is one thing for all libraries; no thread is left behind, and
nothing writes afterwards.

    what passes                          what follows
    -----------------------------------  -----------------------------------------------------------------------------
    the operation's own time             Transient, as of a server that doesn't answer
    a longer operation's around it       the same, for that one
    the few seconds after SIGTERM        the same, for whatever is under way or is begun then

What it raises on its way is no `Exception`, since libraries catch those and read on; and it is raised again each second for
those that catch everything. So tidying up after it may take a second, and says no goodbye to a server. Signals reach the
main thread only: elsewhere nothing is limited.
"""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from threading import current_thread, main_thread
from traceback import clear_frames
from typing import TYPE_CHECKING

from beklijf.model.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta
    from types import FrameType

LIMIT_SECONDS = 120
"""Of an operation, where the config says nothing else."""

RATE = 2 * 2**20
"""Bytes a minute: what brings its content at least that fast may go on."""

AGAIN = 1.0
"""Seconds after which it is raised once more."""

SOONEST = 0.001
"""Zero would switch the timer off."""


class _Over(BaseException):
    def __init__(self, deadline: Deadline) -> None:
        super().__init__("over its deadline")
        self.deadline = deadline


@dataclass(slots=True, eq=False)
class Deadline:
    ends: float
    """By the monotonic clock, in seconds."""
    open: bool = True

    def received(self, size: int) -> None:
        """Allow the time that so many bytes may take; whoever reads a long body tells after each piece."""
        self.ends += size * 60 / RATE
        _arm()
        if _after is not None:
            _after()  # as alive as after an operation


_running: list[Deadline] = []
_last = float("inf")
"""When everything has to be over, since somebody asked us to stop."""
_after: Callable[[], None] | None = None


@contextmanager
def within(limit: timedelta, what: str) -> Iterator[Deadline]:
    """Do one operation within *limit*; raises `Transient` when it is over, in which *what* names server and operation."""
    mine = Deadline(time.monotonic() + limit.total_seconds())
    if current_thread() is not main_thread():
        yield mine
        return
    try:
        try:
            _running.append(mine)
            _arm()
            yield mine
        finally:
            mine.open = False  # from here on nothing is raised for it: the answer is there, or the error
    except _Over as over:
        if over.deadline is not mine:
            raise
        clear_frames(over.__traceback__)  # they hold what the library had just opened, which ends with them
        if time.monotonic() >= _last:
            raise Transient(f"{what}: cut short, since beklijf stops") from None
        hint = "does it answer at all, and does nothing on the way hold it up? it is tried again by itself"
        raise Transient(f"{what}: not done within {limit.total_seconds():g} seconds", hint=hint) from None
    finally:
        mine.open = False
        _running.remove(mine)
        _arm()
        if _after is not None:
            _after()


def hurry(seconds: float | None) -> None:
    """Let everything be over within *seconds*, what is begun meanwhile too; None: there is no hurry any more."""
    global _last  # noqa: PLW0603  # one process, one timer
    _last = float("inf") if seconds is None else time.monotonic() + seconds
    _arm()


def hurrying() -> bool:
    """Say whether somebody asked us to stop: what isn't done then says nothing about a server."""
    return _last != float("inf")


def after_each(call: Callable[[], None] | None) -> None:
    """Have *call* called when an operation has ended, well or not: whoever watches us may know that we live."""
    global _after  # noqa: PLW0603  # one process, one watcher
    _after = call


def _arm() -> None:
    """Set the timer to whichever ends first; its handler is ours for as long as something runs."""
    if current_thread() is not main_thread():
        return
    ends = min((deadline.ends for deadline in _running if deadline.open), default=None)
    if ends is None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return
    signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, max(min(ends, _last) - time.monotonic(), SOONEST), AGAIN)


def _ring(_number: int, _frame: FrameType | None) -> None:
    now = time.monotonic()
    running = [deadline for deadline in _running if deadline.open]
    if now >= _last and running:
        raise _Over(running[-1])
    for deadline in running:  # the outermost first: what is inside of it is over with it
        if now >= deadline.ends:
            raise _Over(deadline)
