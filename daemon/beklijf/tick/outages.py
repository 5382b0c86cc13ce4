"""Targets that fail: since when, when they are tried again, and who is told. A target is a server, an item, or one mailbox."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from beklijf.ledger import Outage
from beklijf.ledger.instants import LONGEST_WAIT
from beklijf.model import words
from beklijf.model.errors import Down, Theirs, Transient

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from beklijf.contracts.settings import Config
    from beklijf.ledger import Ledger
    from beklijf.ledger.outbox import Outbox
    from beklijf.model.errors import BackendError

SERVERS = {"calendar": "down", "schedule inbox": "schedule-down", "inbox": "inbox-down", "writing": "writing-down"}
"""The stages of which the administrator is told by mail, under which title; a mail server can't be complained of by mail."""

PATIENCE = timedelta(hours=1)
"""A server may be restarted; after so long the administrator gets a mail, and at once when it refuses us."""

MAILBOX = "mailbox "
"""How the outage of one organizer's calendar begins: the address follows."""

FIRST_RETRY = timedelta(minutes=5)
LAST_RETRY = LONGEST_WAIT


def back_off(attempts: int) -> timedelta:
    """Return how long to wait after so many failed attempts."""
    doubled = min(max(attempts - 1, 0), 16)  # what fails for a week has a number of attempts that no date takes
    return min(FIRST_RETRY * (1 << doubled), LAST_RETRY)


GONE_AFTER = timedelta(days=1)
"""So long a mailbox must have refused us before people are told that it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outages:
    config: Config
    ledger: Ledger
    outbox: Outbox

    def now(self) -> dict[str, Outage]:
        return self.ledger.outages()

    def begin(self, target: str, error: BackendError, now: datetime, *, rests: bool = True) -> None:
        """Note that *target* failed, the first time or again, and when it is tried next; one that doesn't rest is tried all the time.

        Whoever waits to be told of it doesn't wait longer for a pause that goes beyond that.
        """
        before = self.ledger.outages().get(target)
        attempts, since = (before.attempts + 1, before.since) if before else (1, now)
        wait = back_off(attempts)
        if now < since + PATIENCE < now + wait:
            wait = since + PATIENCE - now
        if isinstance(error, Transient | Theirs) and error.retry_after:
            wait = max(wait, timedelta(seconds=min(error.retry_after, LAST_RETRY.total_seconds())))
        retry_at = now + wait if rests else now
        with self.ledger.write():
            self.ledger.note_outage(Outage(target=target, what=str(error), attempts=attempts, since=since, retry_at=retry_at))
            if target in SERVERS and (isinstance(error, Down) or now - since >= PATIENCE):
                self._tell(target, error, since, now)

    def end(self, target: str) -> None:
        with self.ledger.write():
            self.ledger.end_outage(target)

    def soon(self, refs: Iterable[str], since: datetime, now: datetime) -> bool:
        """Let be tried again at once what began to fail *since* then; return whether there is any."""
        outages = self.now()
        found = [outages[ref] for ref in refs if ref in outages and outages[ref].since >= since and outages[ref].retry_at > now]
        with self.ledger.write():
            for each in found:
                self.ledger.note_outage(replace(each, retry_at=now))
        return bool(found)

    def _tell(self, target: str, error: BackendError, since: datetime, now: datetime) -> None:
        """Mail the administrator, once an outage."""
        organisation = self.config.organisation
        payload = {
            "name": organisation.administrator.name,
            "title": words.NOTICES[SERVERS[target]][organisation.language],
            "lines": [line for line in (str(error), error.hint) if line],
            "command": "",
        }
        name = f"{target} down since {since:%Y-%m-%dT%H:%M}"
        self.outbox.add_notice(name, about="down", recipient=organisation.administrator.email, payload=payload, now=now)


def gone_mailboxes(outages: Iterable[Outage], now: datetime) -> frozenset[str]:
    """Return the organizers whose calendars have refused us for so long that nobody is at home."""
    return frozenset(t.target.removeprefix(MAILBOX) for t in outages if t.target.startswith(MAILBOX) and now - t.since >= GONE_AFTER)
