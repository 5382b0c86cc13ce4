"""When something may be erased for good: two looks, on different days, agree that it is over, by a clock that ran steadily.

    the clock                                       what is erased
    ----------------------------------------------  ------------------------------------------------------------------
    runs as it should                               once a day, what was over a day ago already
    jumped, and everything is held                  nothing, until somebody approves
    jumped while nothing was due, so nothing waits  nothing for a week: so long nobody has set it right
    is right again after it was ahead               what is over by it; what the other one noted doesn't count

What is gone can't be brought back, so a day more is nothing; a clock that is a year ahead would forget everybody's answers.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from beklijf.ledger import Ledger

A_DAY = timedelta(days=1)
STEADY = timedelta(days=7)
"""So long after a jump that nobody approved nothing is erased."""

JUMPED = "jumped"
"""The row of ``meta`` with the last tick that could not trust its clock."""


def is_time(ledger: Ledger, look: str, now: datetime) -> bool:
    """Say whether to look for what is over; *look* is the row of ``meta`` with the last look, and is set after this one."""
    jumped, last = ledger.instant(JUMPED), ledger.instant(look)
    if jumped is not None and jumped <= now < jumped + STEADY:
        return False
    return last is None or not timedelta(0) <= now - last < A_DAY


def over_since(ledger: Ledger, look: str, now: datetime) -> datetime | None:
    """Return the last look, if it is of an earlier day: what was over then, and is over now, may be erased."""
    last = ledger.instant(look)
    return last if last is not None and last <= now else None
