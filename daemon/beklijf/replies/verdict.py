"""From a mail, whoever wrote it, to what it means for us. Pure: bytes and what is known in, values out; it raises nothing.

    mail ─► reading (what is in it) ─► judging (whose it is, what counts) ─► Verdict

A mail proves nothing about who wrote it: what an answer may do is bounded by what its (pretended) writer may do anyway, and
nobody is written to but people of the config and attendees of our events.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beklijf.model.conversation import Happening, Invited, Token


K_contra = TypeVar("K_contra", contravariant=True)
V_co = TypeVar("V_co", covariant=True)


class ByKey(Protocol[K_contra, V_co]):
    """A mapping of which a mail needs a few keys: the ledger is asked for those, and not read whole."""

    def get(self, key: K_contra, /) -> V_co | None: ...

    def __getitem__(self, key: K_contra, /) -> V_co: ...

    def __contains__(self, key: object, /) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a mail is held against."""

    events: ByKey[str, Invited]
    """By UID, those that are over or withdrawn included as long as the ledger has them."""
    persons: Mapping[str, str]
    """Every address of everybody in the config (casefolded), and whose it is, by key."""
    domains: frozenset[str]
    """The organisation's: as it says, or those of its service mailbox and staff; never one in which anybody can have an address."""
    ours: frozenset[str]
    """The addresses that the service itself writes from; their mail is never an answer."""
    tokens: ByKey[str, Token]
    sent: ByKey[str, str]
    """The mails of ours that may still bounce: to whom each went, by Message-ID."""
    staff: frozenset[str] = frozenset()
    """Whom the service writes about others: that such a mail was refused can't be told by one more of them."""
    goal_letters: ByKey[str, str] = field(default_factory=dict)
    """The goals letters that went out: the token of each, by Message-ID, so that a plain reply to one is understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a mail."""

    happenings: tuple[Happening, ...] = ()
    forward: bool = False
    """It goes to the coordinator as it came, unread: a person wrote something that fits nothing."""
    filed: bool = True
    """It is handled and leaves the inbox; False: not meant for us, and left where it is."""
    why: str = ""
    """What it was taken for, in a few words, for the log: never what is in it."""
