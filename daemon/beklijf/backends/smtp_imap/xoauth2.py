"""Logging in at SMTP and IMAP by a token instead of a password (XOAUTH2, as Microsoft and Google take it).

Speaks neither protocol: it says whose token it is, how it is written, and what to do when it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from beklijf.backends.extras import named, needed
from beklijf.backends.registry import TOKENS
from beklijf.boundary.credentials import remember

if TYPE_CHECKING:
    from beklijf.contracts.settings import InboxSettings, MailSettings
    from beklijf.contracts.token import Token

SWITCHED_OFF = (
    "an administrator of Exchange Online can allow it for this mailbox alone: Set-CASMailbox -SmtpClientAuthenticationDisabled $false; "
    'or let mail go out by kind = "graph"'
)

_HINTS = {
    ("graph", "mail"): "the application needs SMTP.SendAsApp with an administrator's consent",
    ("graph", "inbox"): "the application needs IMAP.AccessAsApp with an administrator's consent",
    ("google", "mail"): "user must be the address of a user of the Workspace, whom Gmail lets send by SMTP",
    ("google", "inbox"): "user must be the address of a user of the Workspace, who has IMAP switched on in Gmail",
}
_AND_EXCHANGE = (
    "a service principal in Exchange Online (New-ServicePrincipal, with the object id of the enterprise application), and the mailbox "
    "(Add-MailboxPermission .. -AccessRights FullAccess)"
)


class TokenLogin:
    """One mailbox at one server; opening it costs nothing before the first token."""

    def __init__(self, settings: MailSettings | InboxSettings, section: Literal["mail", "inbox"]) -> None:
        """Take the login that ``auth`` names; raises ConfigError with the pip line when its extra is not installed."""
        self.user = settings.user
        self._vendor, self._section = settings.auth, section
        with needed(settings.auth, where=f"{section}.auth"):
            self._token: Token = named(TOKENS[settings.auth])(settings)

    def response(self, *, fresh: bool = False) -> bytes:
        """Return what is said to the server."""
        token = self._token(fresh=True) if fresh else self._token()
        remember(f"token {self._vendor} {self.user}", token, user=self.user)
        return f"user={self.user}\x01auth=Bearer {token}\x01\x01".encode()

    def hint(self, said: str) -> str:
        """Return what to do about a token that was taken nowhere, by the server's words."""
        if is_switched_off(said):
            return SWITCHED_OFF
        right = _HINTS[self._vendor, self._section]
        return f"{right}, {_AND_EXCHANGE}" if self._vendor == "graph" else right


def is_switched_off(said: str) -> bool:
    """Tell whether Exchange Online takes no login by SMTP at all (535 5.7.139), for the mailbox or for the whole tenant."""
    return "smtpclientauthentication is disabled" in said.casefold()
