"""What can be known of a mail before it is read: from some of its headers, and from what a server or a file tells of its parts.

Raises nothing, whatever stands in a mail: anybody can write one. What can't be read is empty. Decides nothing.
"""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.header import decode_header
from email.parser import HeaderParser
from email.policy import compat32
from typing import TYPE_CHECKING

from beklijf.boundary.foreign import one_line
from beklijf.model.addresses import kept_domain
from beklijf.model.mailbox import Envelope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from email.message import Message

HEADER = 16_384
"""Bytes of headers that are read; what a sane mail says of itself has some hundreds."""

CALENDAR = frozenset({(b"text", b"calendar"), (b"application", b"ics")})

_LONGEST_SENDER = 1_000
_DEEPEST_COMMENT = 3
_ADDRESS = re.compile(r"[^\s<>@,;:\"()\[\]\\]{1,64}@[^\s<>@,;:\"()\[\]\\]{1,255}")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*(?:(")|\\?$)', re.DOTALL)
"""With its end, or the rest where it has none."""
_COMMENT = re.compile(r"\([^()]*\)")
_POINTED = re.compile(r"<([^<>]*)>")
_PART = re.compile(rb"^content-(?:type|disposition):(?:[^\r\n]|\r?\n[ \t])*", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(r"text/calendar|application/ics|\.ics\b", re.IGNORECASE)


def envelope(header: bytes, *, size: int, calendar: bool = False) -> Envelope:
    """Return what headers say; *calendar* is what is known of the parts, and added to what Content-Type says itself."""
    # As UTF-8 before parsing: RFC 6532 allows it, and what isn't becomes a sign that it wasn't.
    message = HeaderParser(policy=compat32).parsestr(header[:HEADER].decode("utf-8", "replace"))
    return Envelope(
        sender=sender([one_line(str(given)) for given in message.get_all("From", [])]),
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


def sender(given: Sequence[str]) -> str:
    """Return the one address in the From fields of a mail; more than one, however it is written, is nobody.

    Read here, since the library follows comments in comments until it falls, raises over some addresses in brackets, and takes a
    name that looks like an address for one.
    """
    if len(given) != 1 or len(given[0]) > _LONGEST_SENDER:
        return ""
    bare = _QUOTED.sub(lambda found: " " if found[1] else found[0], given[0])
    for _ in range(_DEEPEST_COMMENT):
        bare = _COMMENT.sub(" ", bare)
    mailboxes = [each for each in bare.split(",") if "@" in each]  # a comma in a name that nobody quoted has no @ before it
    pointed = [_POINTED.findall(each) or [each] for each in mailboxes]
    found = {address(each) for one in pointed for each in one}
    return found.pop() if len(found) == 1 else ""


def address(text: str) -> str:
    """Return an address in the form in which we know it, or nothing when it is none."""
    local, _, domain = text.strip().strip("<>").rpartition("@")
    found = f"{local}@{kept_domain(domain)}".casefold()
    return found if _ADDRESS.fullmatch(found) else ""


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
