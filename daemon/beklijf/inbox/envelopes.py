"""What can be known of a mail before it is read: from some of its headers, and from what a server or a file tells of its parts.

Raises nothing, whatever stands in a mail: anybody can write one. What can't be read is empty. Decides nothing.
"""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.header import decode_header
from email.parser import HeaderParser
from email.policy import compat32
from email.utils import getaddresses
from typing import TYPE_CHECKING

from beklijf.foreign import one_line
from beklijf.inbox import Envelope

if TYPE_CHECKING:
    from email.message import Message

HEADER = 16_384
"""Bytes of headers that are read; what a sane mail says of itself has some hundreds."""

CALENDAR = frozenset({(b"text", b"calendar"), (b"application", b"ics")})

_PART = re.compile(rb"^content-(?:type|disposition):(?:[^\r\n]|\r?\n[ \t])*", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(r"text/calendar|application/ics|\.ics\b", re.IGNORECASE)


def envelope(header: bytes, *, size: int, calendar: bool = False) -> Envelope:
    """Return what headers say; *calendar* is what is known of the parts, and added to what Content-Type says itself."""
    # As UTF-8 before parsing: RFC 6532 allows it, and what isn't becomes a sign that it wasn't.
    message = HeaderParser(policy=compat32).parsestr(header[:HEADER].decode("utf-8", "replace"))
    return Envelope(
        sender=_sender(message),
        subject=_decoded(_field(message, "Subject")),
        content_type=message.get_content_type().lower(),
        calendar=calendar or bool(_FIELD.search(_decoded(_field(message, "Content-Type")))),
        size=size,
    )


def structure_has_calendar(structure: object) -> bool:
    """Look through a BODYSTRUCTURE (RFC 9051 section 7.5.2) as nested tuples, however odd, for a calendar part or file."""
    todo = [structure]
    while todo:
        part = todo.pop()
        if isinstance(part, bytes):
            if _FIELD.search(_decoded(part.decode("utf-8", "replace"))):
                return True
        elif isinstance(part, tuple | list):
            words = [word.lower() for word in part[:2] if isinstance(word, bytes)]
            if tuple(words) in CALENDAR:
                return True
            todo.extend(part)
    return False


def content_has_calendar(content: bytes) -> bool:
    """Look through the headers of all parts in a mail, or in as much of it as there is."""
    return any(_FIELD.search(_decoded(found[0].decode("utf-8", "replace"))) for found in _PART.finditer(content))


def _sender(message: Message) -> str:
    addresses = getaddresses([_field(message, "From")])
    address = addresses[0][1] if addresses else ""
    return address.casefold() if "@" in address and address.isprintable() and " " not in address else ""


def _field(message: Message, name: str) -> str:
    return one_line(str(message.get(name, "")))


def _decoded(text: str) -> str:
    """Return a header's words as they were meant (RFC 2047), and those that are nonsense as they are."""
    if "=?" not in text:
        return text
    try:
        parts = decode_header(text)
    except (HeaderParseError, ValueError):
        return text
    return one_line("".join(part if isinstance(part, str) else _in(part, charset) for part, charset in parts))


def _in(words: bytes, charset: str | None) -> str:
    try:
        return words.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):  # a charset that doesn't exist, or one that is no charset ("rot13", "a\0b")
        return words.decode("latin-1")
