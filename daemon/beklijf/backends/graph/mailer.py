"""Mail through Microsoft Graph: the whole message as MIME, so that our Message-ID and headers stay; sent as one mailbox.

Retries nothing and remembers nothing but when our turn is by the pace. Exchange keeps a copy under Sent Items. What is said means:

    said                                                         means
    202                                                          taken
    no connection, cut off, 429, 5xx, limits on what is sent     Transient, with what Retry-After says
    ... after the message was handed over: no answer, 502, 504   Unanswered: it may have arrived all the same
    no right to the mailbox or to its address, no such mailbox   Down: they are ours, and the same for every message
    login, mailbox full, TLS                                     Down
    this recipient, this message                                 Refused
"""

from __future__ import annotations

import time
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx

from beklijf.backends.graph.account import open_rest
from beklijf.backends.graph.settings import MailByGraph
from beklijf.backends.rest.service import reply_of
from beklijf.boundary.pace import Pace
from beklijf.contracts.mailer import nothing
from beklijf.mime.addresses import ascii_address
from beklijf.mime.by_header import GATEWAY, MAY_HAVE_ARRIVED, content_for, sender_of
from beklijf.model.errors import BackendError, Down, Refused, Transient, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

    from beklijf.contracts.settings import MailSettings

NO_MESSAGE = "none"
"""An id that no message has."""

_NO_MESSAGE_CODES = frozenset({"ErrorInvalidIdMalformed", "ErrorItemNotFound"})

_NOT_OURS = "the application needs Mail.Send for the mailbox {}, by its role in Exchange or with an administrator's consent"
_EVERYBODY = {
    "ErrorSendAsDenied": "From must be the mailbox's own address or an alias of it",
    "ErrorAccessDenied": _NOT_OURS,
    "ErrorMessageSubmissionBlocked": "the administrator has to lift the block on this sender",
    "ErrorAccountSuspend": "the administrator has to lift the block on this sender",
}
_LIMITS = frozenset({"ErrorExceededMessageLimit", "ErrorSubmissionQuotaExceeded"})
"""Limits on how much a mailbox sends in a day or a minute."""

_FORBIDDEN, _NOT_FOUND, _BAD = 403, 404, 400


class GraphMailer:
    """Hand messages to Exchange Online as the mailbox that is in From."""

    def __init__(
        self,
        settings: MailSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Open nothing yet; ``sleep`` waits for our turn by the pace."""
        assert isinstance(settings.maker, MailByGraph)
        self._sender = ascii_address(settings.sender.email)
        self._rest = open_rest(settings.maker.login, settings.deadline)
        self.target = f"{self._rest.called} as {self._sender}"
        self._pace = Pace(settings.per_minute, clock=clock, sleep=sleep)

    def check(self) -> str:
        """Log in and ask to send a message that isn't there: the one question that the right to send alone has an answer to."""
        reply = None
        try:
            reply = self._rest.request("POST", f"{_root(self._sender)}/messages/{NO_MESSAGE}/send", allowed=(_BAD, _NOT_FOUND))
        except BackendError as error:
            raise self._meant(error, self._sender) from error.__cause__
        if reply.code not in _NO_MESSAGE_CODES:
            said = f"{self.target}: {reply.status} {reply.code} {reply.message}".rstrip()
            raise Down(said, hint=f"is {self._sender} a mailbox there?")
        return f"{self.target}: logged in, and asked to send what isn't there it did not deny the right to send; no mail was sent"

    def send(self, message: EmailMessage, *, recipient: str, handing_over: Callable[[], None] = nothing) -> None:
        """Send the message from the mailbox in From; returns when Exchange has accepted the whole of it."""
        content, sender = content_for(message, recipient), sender_of(message)
        self._pace.wait(self.target)
        try:
            self._rest.log_in()
        except BackendError as error:
            raise self._meant(error, sender) from error.__cause__
        handing_over()
        try:
            self._rest.request("POST", f"{_root(sender)}/sendMail", content=b64encode(content), headers={"Content-Type": "text/plain"})
        except BackendError as error:
            raise self._meant(error, sender, recipient) from error.__cause__

    def close(self) -> None:
        """Close connections; the mailer may be used again afterwards."""
        self._rest.close()

    def _meant(self, error: BackendError, sender: str, recipient: str = "") -> BackendError:
        """Return what an error of the service means for who sends a mail."""
        reply = reply_of(error)
        code = reply.code if reply else ""
        if isinstance(error, Transient):
            if recipient and _is_lost(error, reply.status if reply else 0):
                return Unanswered(f"{error}; the message to {recipient} {MAY_HAVE_ARRIVED}", hint=error.hint, retry_after=error.retry_after)
            return Transient(str(error), hint=error.hint, retry_after=error.retry_after)
        if code in _LIMITS:
            return Transient(
                str(error), hint="spread the letters, or raise the mailbox's limit", retry_after=reply.retry_after if reply else None
            )
        if code in _EVERYBODY or (reply and reply.status == _FORBIDDEN):
            return Down(str(error), hint=_EVERYBODY.get(code, error.hint or _NOT_OURS).format(sender))
        if reply and reply.status == _NOT_FOUND:
            return Down(str(error), hint=f"is {sender} a mailbox there?")
        return error if isinstance(error, Down | Refused) else Refused(str(error), hint=error.hint)


def _root(mailbox: str) -> str:
    return f"/users/{quote(mailbox, safe='@')}"


def _is_lost(error: Transient, status: int) -> bool:
    """Tell whether the message may be with the server: it was under way, and nobody who knows has answered."""
    if status:
        return status in GATEWAY
    return not isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
