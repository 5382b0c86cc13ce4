"""The contract of a mailbox in which people's answers arrive, and the register of its backends.

A backend reads, files and deletes; what a mail means it doesn't know. Errors as everywhere: `Transient` for what may pass,
`Down` for a no to everything (login, TLS, no such folder), `Refused` for a no to one mail. Nothing else leaves a backend.

The mailbox may be shared and full of other mail. So only what is *wanted* by its envelope is ever downloaded, never more than
`LARGEST` bytes of it, and never more than `AT_ONCE` mails a tick; where reading stopped is a *mark* that the ledger keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from beklijf.extras import named, needed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from beklijf.settings import InboxSettings

LARGEST = 1_000_000
"""Bytes: an answer to an invitation has some thousands. A larger mail is cut off there."""

AT_ONCE = 100
"""Mails that one tick takes in; the rest waits for the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What a mailbox tells of a mail without handing it over."""

    sender: str
    """The address in From, casefolded; empty when there is none that can be read."""
    subject: str
    content_type: str
    """``multipart/report``, in lower case."""
    calendar: bool
    """There is a ``text/calendar`` part in it, or an ``.ics`` file."""
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    id: str
    """What the mailbox calls the mail; means something to the same backend only."""
    at: datetime
    """When the mailbox got it (not the Date header, which anybody can write)."""
    content: bytes
    cut: bool = False
    """It was larger than `LARGEST`, and ends in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A mail over which reading failed, in a way that nobody expected or since the server tells nothing about it."""

    id: str
    at: datetime | None
    """When the mailbox got it, if that is known."""
    error: Exception


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What came in since a mark."""

    mark: str
    """Where to go on; the same as before when nothing came in."""
    mails: tuple[Received, ...] = ()
    """The wanted ones, oldest first."""
    more: bool = False
    """There is more than was taken in at once."""
    failed: tuple[Failed, ...] = ()
    """Those that could not be read. The mark is past them: one mail never stops the reading of others."""


class Inbox(Protocol):
    """One mailbox. Not thread-safe; opening it costs nothing before the first call."""

    target: str
    """What logs and ``check`` call it; no secrets in it."""

    def check(self) -> str:
        """Connect and log in, read-only, and return one line that says what was found."""
        ...

    def news(self, mark: str, wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        """Return what came in after *mark* and is *wanted*; one search when nothing did, whatever the mailbox holds.

        An empty mark, or one of a mailbox that was made anew (UIDVALIDITY), begins with what came in since *since*.
        Reading changes nothing: no mail is marked as seen.
        """
        ...

    def again(self, ids: Sequence[str], wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        """Return once more the mails that failed, if they are still there and *wanted*; there is no mark. With `more`, some are left.

        *since* stands for the time of one of which the mailbox doesn't tell when it came in.
        """
        ...

    def file(self, ids: Sequence[str]) -> None:
        """Move handled mails into the folder for them, which is made when it isn't there; what is gone already is fine."""
        ...

    def forget(self, before: datetime) -> int:
        """Delete what was filed and came in before an instant; return how many. Touches no other folder."""
        ...

    def close(self) -> None:
        """End the connection politely; the mailbox may be used again afterwards."""
        ...


BACKENDS = {
    "folder": "beklijf.inbox.folder:FolderInbox",
    "imap": "beklijf.inbox.imap:ImapInbox",
    "exchange": "beklijf.inbox.exchange:ExchangeInbox",
    "graph": "beklijf.inbox.graph:GraphInbox",
}
"""By ``[inbox] kind``; imported on first use, so that a missing extra hurts only who asked for it."""


def open_inbox(settings: InboxSettings) -> Inbox:
    """Return the mailbox; raises ConfigError with the pip line when the backend's extra is not installed."""
    with needed(settings.kind, where="inbox.kind"):
        inbox: Inbox = named(BACKENDS[settings.kind])(settings)
    return inbox
