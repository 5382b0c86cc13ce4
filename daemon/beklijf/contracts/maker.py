"""What is known of each kind of calendar, mail and inbox before anything is asked of it, and what the config says to its maker.

Each maker has its own of these in its ``settings``; nobody else asks for a kind by its name, but for what it can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path


# -- kinds -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    name: str
    """What stands behind ``kind =``; the extra that brings its libraries is called the same."""
    opens: str
    """``module:class``, imported on first use."""
    on_disk: bool = False
    """Files on this machine: perhaps a trial, of which nobody has got anything; who answers says so in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarKind(Kind):
    called: str = ""
    """The server, in a sentence for people."""
    invites: bool = False
    """The server invites by itself, and nothing else can."""
    finds_everybody: bool = False
    """Everybody's mailbox is found by its address."""
    tells_answers: bool = False
    """The server works every answer into its event, whatever it was sent with."""
    own_uids: bool = False
    """The server invites under UIDs of its own (`Stored.icaluid`)."""
    makes_meetings_online: bool = False
    family: str = ""
    """Kinds of one family may stand side by side, while mailboxes move from one to the other in batches; empty: of none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailKind(Kind):
    """Nothing more is asked of a mailer before it is opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxKind(Kind):
    is_exchange: bool = False
    """Who sent a mail is said in headers that Exchange alone writes."""
    authserv_id: str = ""
    """Whose Authentication-Results to believe unless the config says it; empty: nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginKind:
    name: str
    """Of the table in the config."""
    tokens: str = ""
    """``module:function`` that returns where tokens for SMTP and IMAP come from (XOAUTH2); empty: nowhere."""
    rights_of_smtp: str = ""
    """What to grant where such a token is refused."""
    rights_of_imap: str = ""


# -- what the config says to a maker -----------------------------------------------------------------------------------


class Login:
    """How we log in at one maker's, for its calendar, its mail and its inbox alike."""

    __slots__ = ()
    kind: ClassVar[LoginKind]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfMaker:
    path: Path | None = None
    """The folder, of what is on disk."""
    login: Login | None = None
    """What stands in a table of its own."""

    @property
    def where(self) -> str:
        """Where it is, in a word; empty where nothing but the login says it."""
        return str(self.path or "")

    @property
    def account(self) -> object:
        """Who logs in there, equal for all that log in with one password or key; None for nobody."""
        return self.login


def account_at(host: str, user: str) -> object:
    """Return the account of *user* on a host; None where nobody logs in."""
    return (host.casefold(), user.casefold()) if user else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarMaker(OfMaker):
    kind: ClassVar[CalendarKind]
    people: str = ""
    """Where each person's own calendar is: a URL (folder: a path) with {email}, {local} or {domain} in it; empty: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailMaker(OfMaker):
    kind: ClassVar[MailKind]
    final_deadline: timedelta = timedelta(0)
    """Of the answer to a whole message, where it may last longer than the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxMaker(OfMaker):
    kind: ClassVar[InboxKind]
