"""Rendered text -> the message that goes over the wire: headers, addresses, the multipart around text and HTML.

Writes no text and sends nothing. The same arguments give the same bytes, so that a row of the outbox that is sent again
after a crash is the same message, and a mail server or client that has it already can see so.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.headerregistry import Address, BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import EmailPolicy
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from beklijf.boundary import foreign
from beklijf.boundary.foreign import one_line
from beklijf.mime.addresses import ascii_address
from beklijf.model.addresses import ascii_domain

if TYPE_CHECKING:
    from datetime import datetime
    from email.policy import Policy

    from beklijf.model.domain import Contact

    _Policy = EmailPolicy[EmailMessage]
else:
    _Policy = EmailPolicy  # can't be subscripted when it runs


class OneWord(BaseHeader):
    """A header whose value is one long word: the email package would fold it by encoding it, and then it is no link."""

    max_count = 1

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        kwds["parse_tree"], kwds["decoded"] = None, value

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


class Wire(_Policy):
    """Writes what was parsed as it stood; Python adds a blank behind the name of a header that is folded right there."""

    def fold_binary(self, name: str, value: str) -> bytes:
        folded = super().fold_binary(name, value)
        start = f"{name}:".encode()
        return folded.replace(b" ", b"", 1) if folded.startswith(start + b" \r\n") else folded


_headers = HeaderRegistry()
_headers.map_to_type("list-unsubscribe", OneWord)
WIRE = Wire(linesep="\r\n", cte_type="7bit", refold_source="none", header_factory=_headers)
"""CRLF, and nothing but ASCII: not every relay between us and the reader has 8BITMIME. What was parsed stays as it was folded."""

SUPPRESSED = "OOF, AutoReply, DR, RN, NRN"
"""What Exchange must not answer us with. Non-delivery reports are not in it: bounces are wanted."""

LONGEST = 998
"""The octets of a line without its end (RFC 5322 section 2.1.1)."""
ATTACHED = "mail.eml"

SPECIALS = re.compile(r'["\\<>()\[\]:;,@]|=\?|\?=')
"""What has a meaning of its own in an address header. The email package folds a long header without its quotes, and then
``"Smit <a@b.example>, Jan"`` is two other addresses; a name without them can't be misread, folded or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What ``letters`` makes of a template: one subject, and the same words as text and as HTML."""

    subject: str
    text: str
    html: str
    language: str = ""
    """For Content-Language, which screen readers and translators go by; empty: no such header."""


def build(
    rendered: Rendered,
    *,
    sender: Contact,
    to: Contact,
    reply_to: Contact | None,
    message_id: str,
    date: datetime,
    auto: bool,
    unsubscribe: str = "",
    attached: bytes | None = None,
) -> EmailMessage:
    """Return a message to one person; ``auto`` marks a letter as machine-made (RFC 3834), which an invitation must not be.

    *unsubscribe* is the value of List-Unsubscribe (RFC 2369), *attached* a mail that is passed on, byte for byte.

    There is no List-Id and no Precedence: a letter to one person about their own goal is no list mail, and mail programs
    sort both among the newsletters. Who wants a rule for these mails has the sender's address for it.
    """
    message = EmailMessage(policy=WIRE)
    message["From"] = address(sender)
    message["To"] = address(to)
    if reply_to:
        message["Reply-To"] = address(reply_to)
    message["Subject"] = one_line(rendered.subject)
    message["Date"] = date
    message["Message-ID"] = message_id
    if auto:
        message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = SUPPRESSED
    if unsubscribe:
        message["List-Unsubscribe"] = one_line(unsubscribe)
    message.set_content(foreign.lines(rendered.text))
    message.add_alternative(foreign.lines(rendered.html), subtype="html")
    if rendered.language:
        message["Content-Language"] = rendered.language  # after the content, which clears all headers of that family
    if attached is not None:
        _attach(message, attached)
    fix_boundaries(message)
    return message


def _attach(message: EmailMessage, original: bytes) -> None:
    """Attach a mail as it came, whatever is wrong with it.

    As message/rfc822 it may not be encoded (RFC 2046 section 5.2.1). So one that needs it (8-bit, NUL, lines too long, bare
    line ends) goes as a file of that name, which mail programs open just the same. It is never parsed: what is broken
    or hostile in it can't break this.
    """
    lines = original.split(b"\r\n")
    fits = original.isascii() and max(map(len, lines)) <= LONGEST and not any(sign in line for line in lines for sign in b"\0\r\n")
    if not fits:
        message.add_attachment(original, maintype="application", subtype="octet-stream", filename=ATTACHED)
    else:
        message.make_mixed()
        part = EmailMessage(policy=WIRE)
        part["Content-Type"] = "message/rfc822"
        part.add_header("Content-Disposition", "attachment", filename=ATTACHED)
        part.set_payload(original.decode("ascii"))
        message.attach(part)


def parse(content: bytes) -> EmailMessage:
    """Return the message of bytes that were kept; written again, they are the same."""
    return message_from_bytes(content, EmailMessage, policy=WIRE)


def kept(content: bytes) -> EmailMessage:
    """Return the message of bytes that `build` made, to be sent again byte for byte: only its headers are read.

    A mail that is passed on stands in it as it came, and taking that apart is more than Python's parser can be trusted with.
    """
    return BytesParser(EmailMessage, policy=WIRE).parsebytes(content, headersonly=True)


_OURS = "<bk."
"""How a Message-ID begins that has the secret in it; up to 0.2.0 they were hashes of what anybody may know."""


def message_id(secret: bytes, row_key: str, domain: str) -> str:
    """Return the Message-ID of a row of the outbox: always the same one, so that what is sent twice can be seen to be.

    Who names it has had the mail, since nobody can work it out without the installation's *secret*.
    """
    return f"{_OURS}{hmac.digest(secret, f'mail {row_key}'.encode(), sha256).hex()[:32]}@{ascii_domain(domain)}>"


def is_secret(message_id: str) -> bool:
    """Say whether a Message-ID of ours proves anything."""
    return message_id.startswith(_OURS)


def fix_boundaries(message: EmailMessage) -> None:
    """Derive every boundary from the Message-ID, where the email package would draw lots.

    ``=_`` is in no quoted-printable or base64 body (RFC 2045 section 6.7), the rest in no letter.
    """
    name = message["Message-ID"]
    for number, part in enumerate(message.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_{uuid5(NAMESPACE_URL, f'mid:{name}/{number}').hex}")


def address(contact: Contact) -> Address:
    """Return the contact as a header takes it; raises `Refused` for an address that mail can't be sent to."""
    user, _, domain = ascii_address(contact.email).rpartition("@")
    return Address(display_name=one_line(SPECIALS.sub(" ", contact.name)), username=user, domain=domain)
