"""Logging in at SMTP and IMAP by a token instead of a password (XOAUTH2, as Microsoft and Google take it).

Speaks neither protocol: it says whose token it is, how it is written, and what to do when it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from beklijf.backends.extras import named, needed
from beklijf.boundary.credentials import remember

if TYPE_CHECKING:
    from datetime import timedelta

    from beklijf.contracts.maker import Login
    from beklijf.contracts.token import Token

SWITCHED_OFF = (
    "an administrator of Exchange Online can allow it for this mailbox alone: Set-CASMailbox -SmtpClientAuthenticationDisabled $false; "
    'or let mail go out by kind = "graph"'
)


class TokenLogin:
    """One mailbox at one server; opening it costs nothing before the first token."""

    def __init__(self, login: Login, user: str, section: Literal["mail", "inbox"], limit: timedelta) -> None:
        """Take whose login it is; raises ConfigError with the pip line when its extra is not installed."""
        self.user = user
        self._kind, self._section = login.kind, section
        with needed(self._kind.name, where=f"{section}.auth"):
            self._token: Token = named(self._kind.tokens)(login, user, limit=limit)

    def response(self, *, fresh: bool = False) -> bytes:
        """Return what is said to the server."""
        token = self._token(fresh=True) if fresh else self._token()
        remember(f"token {self._kind.name} {self.user}", token, user=self.user)
        return f"user={self.user}\x01auth=Bearer {token}\x01\x01".encode()

    def hint(self, said: str) -> str:
        """Return what to do about a token that was taken nowhere, by the server's words."""
        if is_switched_off(said):
            return SWITCHED_OFF
        return self._kind.rights_of_smtp if self._section == "mail" else self._kind.rights_of_imap


def is_switched_off(said: str) -> bool:
    """Tell whether Exchange Online takes no login by SMTP at all (535 5.7.139), for the mailbox or for the whole tenant."""
    return "smtpclientauthentication is disabled" in said.casefold()
