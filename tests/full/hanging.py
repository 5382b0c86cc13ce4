"""Servers that answer in drops from one moment on, so that no read ever times out: for each of the protocols, at each of its moments."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

Talk: TypeAlias = "Callable[[BinaryIO, Callable[[bytes], None], Callable[[bytes], None]], None]"
"""Reads, says, and says in drops until nobody listens any more."""

EVERY = 0.3
"""Seconds between two drops."""


@contextmanager
def hanging(talk: Talk, *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve *talk* on loopback, and yield the port."""
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        def drip(data: bytes) -> None:
            for byte in data:
                connection.sendall(bytes([byte]))
                if over.wait(EVERY):
                    return

        with suppress(OSError), connection:
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)  # the same line, made safe
            with connection, connection.makefile("rb") as heard:
                talk(heard, connection.sendall, drip)

    def accept(door: socket.socket) -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                threading.Thread(target=serve, args=(door.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(0.1)
        thread = threading.Thread(target=accept, args=(door,))
        thread.start()
        try:
            yield door.getsockname()[1]
        finally:
            over.set()
            thread.join()


LONG = b"a" * 10_000


def caldav(*, at: str) -> Talk:
    """Hang in the ``head`` of every answer, or in its ``body``."""

    def talk(heard: BinaryIO, say: Callable[[bytes], None], drip: Callable[[bytes], None]) -> None:
        while heard.readline().strip():
            pass
        if at == "body":
            say(b"HTTP/1.1 207 Multi-Status\r\nContent-Type: application/xml\r\nContent-Length: 100000\r\n\r\n")
        drip((b"HTTP/1.1 207 Multi-Status\r\nX-A: " if at == "head" else b"<a>") + LONG)

    return talk


def smtp(*, at: str) -> Talk:
    """Hang in the ``greeting``, in the answer to ``EHLO``, or in that to the whole ``message``."""

    def talk(heard: BinaryIO, say: Callable[[bytes], None], drip: Callable[[bytes], None]) -> None:
        if at == "greeting":
            drip(b"220-" + LONG)
        say(b"220 post\r\n")
        for line in heard:
            word = line.split(None, 1)[0].upper() if line.strip() else b""
            if word == b"EHLO" and at == "EHLO":
                drip(b"250-" + LONG)
            elif word == b"DATA":
                say(b"354 go on\r\n")
                while heard.readline() not in {b".\r\n", b""}:
                    pass
                drip(b"250-" + LONG)
            else:
                say(b"250 yes\r\n")

    return talk


def imap(*, at: str) -> Talk:
    """Hang in the ``greeting``, in the answer to ``SEARCH``, or in that to ``FETCH``."""
    said = {
        b"CAPABILITY": b"* CAPABILITY IMAP4rev1 UIDPLUS MOVE\r\n",
        b"SELECT": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 2] ok\r\n",
        b"EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 2] ok\r\n",
        b"SEARCH": b"* SEARCH 1\r\n",
        b"LIST": b'* LIST () "/" INBOX\r\n',
    }

    def talk(heard: BinaryIO, say: Callable[[bytes], None], drip: Callable[[bytes], None]) -> None:
        if at == "greeting":
            drip(b"* OK " + LONG)
        say(b"* OK ready\r\n")
        for line in heard:
            if not (found := re.match(rb"(\S+) (?:UID )?(\w+)", line)):
                return
            tag, word = found[1], found[2].upper()
            if word.decode() == at:
                drip(b"* " + word + b" " + LONG)
            say(said.get(word, b"") + tag + b" OK done\r\n")

    return talk
