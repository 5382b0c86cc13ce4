"""Mail through an Exchange Server on premises (EWS): the whole message as MIME, so that our Message-ID and headers stay.

Retries nothing and remembers nothing but when our turn is by the pace; keeps no copy. What is said means what `backends.exchange.errors`
has in its table, and besides:

    no right to send as From, sending switched off     Down: it is the same for every message
    a limit on what is sent                            Transient
    a recipient, the message itself                    Refused
    nothing, after the message was handed over         Unanswered: it may have arrived all the same
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from exchangelib import Message  # type: ignore[import-untyped]  # it has no types
from exchangelib.fields import FieldPath  # type: ignore[import-untyped]
from exchangelib.folders import Inbox  # type: ignore[import-untyped]
from exchangelib.items import ID_ONLY, SEND_ONLY, SEND_TO_NONE  # type: ignore[import-untyped]
from exchangelib.services import CreateItem, GetFolder  # type: ignore[import-untyped]

from beklijf.backends.exchange.account import Connection, Service
from beklijf.backends.exchange.settings import MailByExchange
from beklijf.boundary.pace import Pace
from beklijf.contracts.mailer import nothing
from beklijf.mime.addresses import ascii_address
from beklijf.mime.by_header import GATEWAY, MAY_HAVE_ARRIVED, content_for, sender_of
from beklijf.model.errors import BackendError, Down, Refused, Transient, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

    from beklijf.contracts.settings import MailSettings

_EVERYBODY = {
    "ErrorSendAsDenied": "give the login the right Send As on this mailbox, or let From be the mailbox's own address",
    "ErrorAccountDisabled": "the account of this mailbox is disabled",
}
_LIMIT = "ErrorSubmissionQuotaExceeded"
_CODE = re.compile(r": (Error\w+)")
_ANSWERED = re.compile(r": answers (\d{3})")
_NO_CONNECTION = ("Failed to establish a new connection", "Failed to resolve", "Connection refused", "ConnectTimeoutError")


class _Create(Service, CreateItem):  # type: ignore[misc]  # exchangelib has no types
    pass


class _GetFolder(Service, GetFolder):  # type: ignore[misc]  # as above
    pass


class ExchangeMailer:
    """Hand messages to one Exchange server as the mailbox that is in From."""

    def __init__(
        self,
        settings: MailSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Open nothing yet; ``sleep`` waits for our turn by the pace."""
        assert isinstance(settings.maker, MailByExchange)
        self._sender = ascii_address(settings.sender.email)
        self._connection = Connection(settings.maker.login, self._sender, settings.deadline)
        self.target = f"exchange {self._connection.target} as {self._sender}"
        self._pace = Pace(settings.per_minute, clock=clock, sleep=sleep)

    def check(self) -> str:
        """Log in and look at the sender's mailbox; whether it may send, only a mail can show."""
        inbox = self._connection.folder(self._sender, Inbox, "inbox")
        asked = {"folders": [inbox], "additional_fields": [FieldPath(field=Inbox.get_field_by_fieldname("name"))], "shape": ID_ONLY}
        self._connection.get(_GetFolder, self._sender, f"looking at the mailbox {self._sender}", **asked)
        return f"{self.target}: logged in, the mailbox is open to us; whether it may send, the first mail will show"

    def send(self, message: EmailMessage, *, recipient: str, handing_over: Callable[[], None] = nothing) -> None:
        """Send the message from the mailbox in From; returns when Exchange has accepted the whole of it."""
        content, sender = content_for(message, recipient), sender_of(message)
        self._pace.wait(self.target)
        item = Message(account=self._connection.account(sender), mime_content=content)
        handing_over()
        try:
            self._connection.get(
                _Create,
                sender,
                f"sending to {recipient}",
                items=[item],
                folder=None,
                message_disposition=SEND_ONLY,
                send_meeting_invitations=SEND_TO_NONE,
            )
        except BackendError as error:
            raise _meant(error, recipient) from error.__cause__

    def close(self) -> None:
        """Close the connection; the mailer may be used again afterwards."""
        self._connection.close()


def _meant(error: BackendError, recipient: str) -> BackendError:
    """Return what an error of the connection means for who sends a mail."""
    found = _CODE.search(str(error))
    code = found[1] if found else ""
    if isinstance(error, Transient):
        if not code and _is_lost(error):
            return Unanswered(f"{error}; the message to {recipient} {MAY_HAVE_ARRIVED}", hint=error.hint, retry_after=error.retry_after)
        return Transient(str(error), hint=error.hint, retry_after=error.retry_after)
    if code == _LIMIT:
        return Transient(str(error), hint="spread the letters, or raise the limit of this mailbox")
    if code in _EVERYBODY:
        return Down(str(error), hint=_EVERYBODY[code])
    return error if isinstance(error, Down | Refused) else Refused(str(error), hint=error.hint)


def _is_lost(error: Transient) -> bool:
    """Tell whether the message may be with the server: there was a connection, and then no answer, or that of something before it."""
    if answered := _ANSWERED.search(str(error)):
        return int(answered[1]) in GATEWAY
    return not any(said in str(error) for said in _NO_CONNECTION)
