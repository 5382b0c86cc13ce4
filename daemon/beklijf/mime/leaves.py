"""Takes a mail apart, whatever state it is in: headers, and leaves with their bytes. Knows nothing of what they mean.

The library's own parser follows every boundary as deep as it goes, and looks at each line once for each of them; a mail of a
megabyte, made for it, keeps it busy for minutes or ends it. So parts are found here, in one pass for each of a few levels,
and the library reads headers and decodes bodies. A message in a message is one leaf: what is in it somebody else wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import TYPE_CHECKING

from beklijf.boundary.foreign import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_PARTS = 200
_DEEPEST = 8
_LARGEST_HEADERS = 100_000
MOST_HEADER_LINES = 2_000
"""A mail that came through a company's filters and two others has three hundred."""
_LONGEST_HEADER = 20_000
_LONGEST_CONTENT_HEADER = 2_000
"""The library looks through a header once for each semicolon in it."""
_MOST_VALUES = 20
_CONTENT = ("Content-Type", "Content-Disposition", "Content-Transfer-Encoding")

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_CODEC = re.compile(r"(utf|ascii|us-ascii|iso|windows|cp|koi8|gb|big5|shift|euc|latin|mac)[a-z0-9_-]*", re.IGNORECASE)
"""Character sets; what Python calls codecs is much more."""


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf of a mail, or the mail itself: its headers, and what follows them as it came."""

    headers: Message
    raw: bytes

    @property
    def type(self) -> str:
        return self.headers.get_content_type()

    @property
    def is_attachment(self) -> bool:
        return self.headers.get_content_disposition() == "attachment"

    @property
    def filename(self) -> str:
        try:
            return (self.headers.get_filename("") or "").strip()
        except (ValueError, LookupError, TypeError, AttributeError):
            return ""  # RFC 2231 gone wrong, on which the library falls

    def parameter(self, name: str) -> str:
        """Return a parameter of Content-Type, or an empty string."""
        try:
            found = self.headers.get_param(name, "")
        except (ValueError, LookupError, TypeError, AttributeError):
            return ""
        return (found[2] if isinstance(found, tuple) else str(found or "")).strip()

    def body(self, largest: int) -> bytes:
        """Return what the transfer encoding stands for, made from no more than *largest* bytes."""
        bare = Message(policy=compat32)
        bare["Content-Transfer-Encoding"] = value(self.headers, "Content-Transfer-Encoding").strip().lower()
        bare.set_payload(self.raw[:largest].decode("ascii", "surrogateescape"))
        decoded = bare.get_payload(decode=True)
        return decoded if isinstance(decoded, bytes) else b""

    def text(self, largest: int) -> str:
        """Return the body by its charset; in whole lines, where it is longer."""
        data = self.body(largest)
        whole = data if len(self.raw) <= largest else data[: data.rfind(b"\n") + 1] or data
        return as_text(whole, self.parameter("charset"))


def open_mail(content: bytes) -> Part:
    """Return the mail's own headers and what follows them; there may be none of either."""
    if content[:1] in {b"\r", b"\n"}:
        head, body = b"", content
    else:
        end = _BLANK_LINE.search(content)
        head, body = (content[: end.start()], content[end.end() :]) if end else (content, b"")
    lines = head[:_LARGEST_HEADERS].replace(b"\x00", b"").splitlines(keepends=True)[:MOST_HEADER_LINES]
    headers = BytesHeaderParser(policy=compat32).parsebytes(b"".join(lines) + b"\n\n")
    for name in _CONTENT:
        given = value(headers, name)
        del headers[name]
        if given:
            headers[name] = given[:_LONGEST_CONTENT_HEADER]
    return Part(headers, body)


def leaves(mail: Part) -> Iterator[Part]:
    """Yield the parts that hold something, in order; of no more than `MOST_PARTS`, and none below eight levels."""
    waiting = [(mail, 0)]
    seen = 0
    while waiting and seen < MOST_PARTS:
        part, depth = waiting.pop()
        seen += 1
        boundary = part.parameter("boundary").encode("utf-8", "replace")
        if not part.type.startswith("multipart/") or not boundary:
            yield part
        elif depth < _DEEPEST:
            waiting += [(open_mail(each), depth + 1) for each in reversed(split(part.raw, boundary))]


def split(raw: bytes, boundary: bytes) -> list[bytes]:
    """Return what stands between the boundaries; where the last one is missing, the mail's end stands for it."""
    found: list[bytes] = []
    text, delimiter = b"\n" + raw + b"\n", b"\n--" + boundary
    start, at = -1, text.find(delimiter)
    while at >= 0:
        end = text.find(b"\n", at + 1)
        rest = text[at + len(delimiter) : end].rstrip(b" \t\r")
        if rest in {b"", b"--"}:
            if start >= 0:
                found.append(text[start:at].removesuffix(b"\r"))
            start = end + 1
            if rest or len(found) >= MOST_PARTS:
                return found
        at = text.find(delimiter, end)
    return [*found, text[start:-1]] if start >= 0 else found


# -- headers -----------------------------------------------------------------------------------------------------------


def value(headers: Message, name: str) -> str:
    """Return a header as it came, unfolded; empty where there is none."""
    return next(iter(values(headers, name)), "")


def values(headers: Message, name: str) -> list[str]:
    given = [str(each) for key, each in headers.raw_items() if key.lower() == name.lower()]
    plain = (each.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for each in given[:_MOST_VALUES])
    return [re.sub(r"[\r\n]+", "", each[:_LONGEST_HEADER]) for each in plain]


def words(header: str) -> str:
    """Return a header with its encoded words read (RFC 2047), on one line."""
    try:
        pieces = decode_header(header)
    except (HeaderParseError, ValueError):
        return one_line(header)
    return one_line("".join(p if isinstance(p, str) else as_text(p, c or "utf-8") for p, c in pieces))


# -- text --------------------------------------------------------------------------------------------------------------


def as_text(data: bytes, charset: str) -> str:
    """Return *data* by *charset* where it fits; else by UTF-8, else by what Windows writes in the west."""
    for name in (charset.strip(), "utf-8"):
        if not _CODEC.fullmatch(name):
            continue
        try:
            return data.decode(name)
        except (UnicodeError, LookupError):
            continue
    return data.decode("cp1252", "replace")
