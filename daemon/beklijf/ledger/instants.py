"""Instants that can't be: what a clock that ran ahead wrote down, set right once the clock is. Says nothing of which clock is.

    what                                   too far ahead is            becomes, and when
    -------------------------------------  --------------------------  ---------------------------------------------------
    when something is tried again          the longest back-off        now, whatever the clock: trying early harms nobody
    when something happened or was noted   five minutes                now, by a clock that is trusted
    when things were looked at             five minutes                now, so: nothing is erased for a day (``erasure``)
    the last tick                          -                           untouched: by it the guard sees that the clock went back

What lies ahead by its nature stays as it is: meetings, pauses, hours, the days of sessions.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from beklijf.ledger import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from beklijf.ledger import Ledger

LONGEST_WAIT = timedelta(hours=4)
"""Nothing waits longer than this for another try."""

SLACK = timedelta(minutes=5)
"""A clock may be corrected by so much."""

TRIED_AGAIN = (("outage", "retry_at"), ("outbox", "retry_at"))  # few rows have one: it is looked at in every tick
HAPPENED = (
    ("mentorship", "joined"),
    ("generation", "since"),
    ("event", "changed_at"),
    ("letter", "at"),
    ("outbox", "queued"),
    ("outage", "since"),
    ("decision", "made"),
    ("decision", "done"),
    ("hold", "since"),
    ("hold", "approved"),
    ("heard", "at"),
    ("proposal", "at"),
    ("token", "made"),
    ("goal", "at"),
    ("bounced", "at"),
)
LOOKED = ("erased", "forgot", "hears")


def set_waits_right(ledger: Ledger, now: datetime) -> bool:
    """Let nothing wait for another try longer than the longest back-off; return whether anything did."""
    return _set_right(ledger, TRIED_AGAIN, now, now + LONGEST_WAIT)


def set_right(ledger: Ledger, now: datetime) -> bool:
    """Let nothing have happened after *now*, and return whether anything had; call it when the clock is trusted."""
    ahead = [name for name in LOOKED if (at := ledger.instant(name)) and at > now + SLACK]
    if ahead:
        with ledger.write():
            for name in ahead:
                ledger.set(name, stamp(now))
    return _set_right(ledger, HAPPENED, now, now + SLACK) or bool(ahead)


def _set_right(ledger: Ledger, columns: Iterable[tuple[str, str]], now: datetime, latest: datetime) -> bool:
    wrong = [
        (table, column)
        for table, column in columns
        if ledger.db.execute(f"SELECT 1 FROM {table} WHERE {column} > ? LIMIT 1", (stamp(latest),)).fetchone()  # noqa: S608  # our own names
    ]
    if wrong:
        with ledger.write():
            for table, column in wrong:
                ledger.db.execute(f"UPDATE {table} SET {column} = ? WHERE {column} > ?", (stamp(now), stamp(latest)))  # noqa: S608  # as above
    return bool(wrong)
