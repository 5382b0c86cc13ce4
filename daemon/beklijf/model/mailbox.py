"""Mails as a mailbox tells of them and hands them over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

LARGEST = 1_000_000
"""Bytes: an answer to an invitation has some thousands. A larger mail is cut off there."""

EXCHANGE_ONLINE = "mx.microsoft.com"
"""What Exchange Online calls itself in what it says of senders, where it does (ARC-Authentication-Results)."""

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
