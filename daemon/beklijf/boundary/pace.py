"""How fast mail goes out."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from beklijf.boundary import deadline

if TYPE_CHECKING:
    from collections.abc import Callable

MARGIN = timedelta(seconds=10)


class Pace:
    """Keeps an even pace: bursts are what servers punish."""

    def __init__(
        self, per_minute: int, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._every = 60 / per_minute
        self._clock = clock
        self._sleep = sleep
        self._turn = float("-inf")

    def wait(self, target: str) -> None:
        """Return when it is our turn; raises `Transient` when we are asked to stop, which a slow pace mustn't keep us from."""
        now = self._clock()
        if now < self._turn:
            with deadline.within(timedelta(seconds=self._turn - now) + MARGIN, f"{target}: waiting for our turn"):
                self._sleep(self._turn - now)
            now = self._turn
        self._turn = now + self._every
