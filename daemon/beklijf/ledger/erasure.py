"""Forgetting: what the ledger knows of pairs that left the config goes some time after all that concerns them is over.

While a pair stands in the config, who was invited and written to is needed, so that nobody is a second time. What people
*said* goes earlier, with the end of their track: see ``conversation``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from beklijf.ledger import stamp
from beklijf.model import canonical

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from beklijf.ledger import Ledger

_OF_PAIRS = ("slot", "token", "goal", "proposal")


def forget_pairs(ledger: Ledger, known: Collection[str], addresses: Collection[str], before: datetime) -> int:
    """Delete all there is of pairs (by mentorship) that are not *known* and had nothing since *before*; return how many went.

    *addresses* are those of the config: what is noted of other ones, that they bounce, goes too. Call it in ``ledger.write()``.
    """
    db = ledger.db
    keys = _over(ledger, {row["key"] for row in db.execute("SELECT DISTINCT key FROM mentorship")} - set(known), before)
    for row in db.execute("SELECT uid, ref, mentorships FROM event").fetchall():
        if set(json.loads(row["mentorships"])) <= keys:
            for table in ("heard", "outbox", "event"):
                db.execute(f"DELETE FROM {table} WHERE uid = ?", (row["uid"],))  # noqa: S608  # our own names
            db.execute("DELETE FROM generation WHERE ref = ?", (row["ref"],))
    for key in sorted(keys):
        _forget_letters(ledger, key)
        for table in _OF_PAIRS:
            db.execute(f"DELETE FROM {table} WHERE mentorship = ?", (key,))  # noqa: S608  # our own names
        db.execute("DELETE FROM mentorship WHERE key = ?", (key,))
    for row in db.execute("SELECT address FROM bounced").fetchall():
        if row["address"] not in addresses:
            db.execute("DELETE FROM bounced WHERE address = ?", (row["address"],))
    db.execute(
        """DELETE FROM outbox WHERE kind = 'notice' AND state IN ('sent', 'perhaps', 'failed', 'dropped') AND queued < ?
           AND about NOT IN ('held', 'down')""",
        (stamp(before),),
    )  # those two are about plans and servers, and what is still held must not be mailed once more
    return len(keys)


def _over(ledger: Ledger, keys: set[str], before: datetime) -> set[str]:
    """Return those of *keys* of which no event goes on and no letter went out since *before*."""
    for row in ledger.db.execute("SELECT mentorships, state, seen FROM event"):
        pairs = set(json.loads(row["mentorships"]))
        if pairs & keys:
            last = max(canonical.meetings(canonical.load(row["seen"])), default=before)
            if row["state"] != "closed" or last >= before or not pairs <= keys:
                keys = keys - pairs
    fresh = ledger.db.execute("SELECT DISTINCT mentorship FROM letter WHERE at >= ?", (stamp(before),))
    return keys - {row["mentorship"] for row in fresh}


def _forget_letters(ledger: Ledger, key: str) -> None:
    """Delete the letters about one pair, and the mails that were about no other; and what answered them."""
    db = ledger.db
    mails = [row["outbox"] for row in db.execute("SELECT DISTINCT outbox FROM letter WHERE mentorship = ?", (key,))]
    db.execute("DELETE FROM letter WHERE mentorship = ?", (key,))
    for mail in mails:
        db.execute("DELETE FROM outbox WHERE id = ? AND NOT EXISTS (SELECT 1 FROM letter WHERE outbox = ?)", (mail, mail))
    db.execute("DELETE FROM outbox WHERE about = 'answer' AND subject = ?", (key,))
