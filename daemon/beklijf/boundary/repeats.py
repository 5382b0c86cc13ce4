"""When a request is made once more: a connection that died while it rested says nothing about the server behind it.

    the connection        the request                        what follows when it dies before an answer
    --------------------  ---------------------------------  ----------------------------------------------------------
    is new                any                                that is the server
    was used before, or   reads, or carries the condition    once more on a new one, before anything is concluded
    rested (`RESTED`)     under which it may happen
    was used before       any other                          the same as on a new one: perhaps it was taken
    rested for `KEPT`     any                                none: it is closed, and a new one is used

Knows no protocol but by the names of its methods and headers, and opens nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KEPT = 4.0
"""Seconds for which a connection may rest. Apache closes it after five; a NAT forgets it later, and lets what comes then disappear."""

RESTED = 1.0
"""Seconds after which a connection counts as one that rested, for servers that keep what is in use."""

_READS = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"})
_CONDITIONS = frozenset({"if-match", "if-none-match"})


def is_repeatable(method: str, headers: Iterable[str]) -> bool:
    """Tell whether it is the same to make a request once or twice; *headers* by name."""
    return method.upper() in _READS or any(name.casefold() in _CONDITIONS for name in headers)


class Use:
    """How a connection, or a pool of them, was used so far."""

    def __init__(self, kept: float = KEPT, rested: float = RESTED, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept = kept
        self._rested = rested
        self._clock = clock
        self._last: float | None = None

    @property
    def has_been(self) -> bool:
        """Whether an answer has come by it, so that it may be an old one."""
        return self._last is not None

    @property
    def has_rested(self) -> bool:
        """Whether nothing came by it for so long that it may have died unseen."""
        return self._last is not None and self._clock() - self._last >= self._rested

    @property
    def is_over(self) -> bool:
        """Whether it rested for too long."""
        return self._last is not None and self._clock() - self._last >= self._kept

    def answered(self) -> None:
        self._last = self._clock()

    def ends(self) -> None:
        self._last = None
