"""Bodies of HTTP answers, read piece by piece: never larger than they may be, packed or unpacked.

Libraries unpack whatever is sent, one packing inside another and each a thousand times its size, before anybody can count. So
we ask for gzip alone, and unpack it ourselves: no byte more than there is room for. Knows no HTTP library.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from beklijf.model.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LARGEST = 32 * 2**20
"""Bytes of an answer, unpacked: a full page of 2,500 events has some five million."""

PIECE = 2**16

ASKED = {"Accept-Encoding": "gzip"}

_PLAIN = frozenset({"", "identity"})
_GZIP = frozenset({"gzip", "x-gzip"})


class TooLarge(Transient):
    """An answer had more bytes than it may have; what was asked may have been done."""


def whole(pieces: Iterable[bytes], coding: str, *, called: str, received: Callable[[int], object], largest: int = LARGEST) -> bytes:
    """Return a body that came in *pieces*, with *coding* as its Content-Encoding; each piece is told to *received*.

    Raises `TooLarge` without taking more in, and `Transient` for what can't be unpacked.
    """
    packed = coding.strip().casefold()
    if packed not in _PLAIN | _GZIP:
        raise Transient(f"{called}: an answer that is packed in a way that nobody asked for", hint="does a proxy stand in between?")
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS) if packed in _GZIP else None
    content = bytearray()
    for piece in pieces:
        received(len(piece))
        room = largest + 1 - len(content)
        try:
            content += unpacking.decompress(piece, room) if unpacking else piece[:room]
        except zlib.error as error:
            raise Transient(f"{called}: an answer broke off in the middle, or can't be unpacked") from error
        if len(content) > largest:
            raise TooLarge(f"{called}: an answer of more than {largest:,} bytes", hint="no answer is that large: what stands in between?")
    return bytes(content)
