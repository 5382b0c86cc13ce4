"""The contract of a mailer.

A mailer takes one finished message to one address. It renders nothing, retries nothing and remembers nothing: the outbox does.
Errors: `Transient` for what may pass (4xx, no connection), `Unanswered` where the whole message was handed over and no answer
came, so that nobody knows; `Refused` for a no to this address, `Down` for a no to everything (AUTH, MAIL FROM, 5.7.x, STARTTLS
not offered).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage


def nothing() -> None:
    """Do nothing: nobody keeps a record of when a message is handed over."""


class Mailer(Protocol):
    """Where mail goes out. Not thread-safe; opening it costs nothing before the first call."""

    target: str
    """What logs and ``check`` call it; no secrets in it."""

    def check(self) -> str:
        """Connect and log in without sending, and return one line that says what was found."""
        ...

    def send(self, message: EmailMessage, *, recipient: str, handing_over: Callable[[], None] = nothing) -> None:
        """Hand over one message; returning means that the other side has taken it for good.

        *handing_over* is called when from here on it may arrive, whatever becomes of us. A folder has no use for it: the same
        Message-ID again is the same file. Whether it is sent again is the outbox's decision.
        """
        ...

    def close(self) -> None:
        """End the connection politely; the mailer may be used again afterwards."""
        ...
