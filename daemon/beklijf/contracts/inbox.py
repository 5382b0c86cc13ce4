"""The contract of a mailbox in which people's answers arrive.

A backend reads, files and deletes; what a mail means it doesn't know. Errors as everywhere: `Transient` for what may pass,
`Down` for a no to everything (login, TLS, no such folder), `Refused` for a no to one mail. Nothing else leaves a backend.

The mailbox may be shared and full of other mail. So only what is *wanted* by its envelope is ever downloaded, never more than
`LARGEST` bytes of it, and never more than `AT_ONCE` mails a tick; where reading stopped is a *mark* that the ledger keeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from beklijf.model.mailbox import Envelope, News


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
