"""For mailers that hand over a whole message, whose headers and not an envelope say who gets it. Sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beklijf.mime.addresses import ascii_address
from beklijf.mime.messages import WIRE
from beklijf.model.errors import Refused

if TYPE_CHECKING:
    from email.headerregistry import Address
    from email.message import EmailMessage

_RECEIVING = ("To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc")

MAY_HAVE_ARRIVED = "may have arrived all the same"
"""Said of a message behind which the connection was lost: nobody knows, and sending it again is the caller's decision."""


GATEWAY = frozenset({502, 504})
"""What stands before a server says so when it heard nothing from it."""


def content_for(message: EmailMessage, recipient: str) -> bytes:
    """Return the bytes of a message whose headers send it to *recipient* and to nobody else; raises `Refused` for any other."""
    to = ascii_address(recipient)
    named = [address.addr_spec for header in _RECEIVING for value in message.get_all(header, []) for address in _addresses(value)]
    if [each.casefold() for each in named] != [to.casefold()]:
        raise Refused(
            f"the message for {to} names {', '.join(named) or 'nobody'} as who gets it",
            hint="by Exchange, a mail goes to whom its headers name: use SMTP for one that goes to somebody else",
        )
    return message.as_bytes(policy=WIRE)


def sender_of(message: EmailMessage) -> str:
    """Return the address in From, whose mailbox the message is sent from."""
    return str(_addresses(message["From"])[0].addr_spec)


def _addresses(header: object) -> tuple[Address, ...]:
    found: tuple[Address, ...] = getattr(header, "addresses", ())
    return found
