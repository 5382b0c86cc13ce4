"""A server of HTTP that says what a test wants it to, byte by byte: drops, floods, nothing at all."""

from __future__ import annotations

import gzip
import socket
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator

STEP = 0.05
"""Seconds that an empty piece stands for."""


@dataclass(slots=True)
class Stubborn:
    url: str
    acts: list[Iterable[bytes] | Callable[[bytes], Iterable[bytes]]] = field(default_factory=list)
    """What is sent for each request, in order, piece by piece; afterwards `answer`."""
    answer: Callable[[bytes], bytes] = lambda _: b""
    """What a healthy server says to a request."""
    asked: list[bytes] = field(default_factory=list)
    left: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Raised by one for each connection that the client has ended."""
    over: threading.Event = field(default_factory=threading.Event)

    def serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while request := _request(connection):
                self.asked.append(request)
                act = self.acts.pop(0) if self.acts else [self.answer(request)]
                for piece in act(request) if callable(act) else act:
                    if piece:
                        connection.sendall(piece)
                    elif self.over.wait(STEP) or _is_left(connection):
                        break
        self.left.release()

    @property
    def was_left(self) -> bool:
        """Whether the client has ended one more connection by now, or does within ten seconds."""
        return self.left.acquire(timeout=10)


@contextmanager
def stubborn(tls: ssl.SSLContext | None = None) -> Iterator[Stubborn]:
    """Run one on loopback; with *tls* under the name localhost."""
    plain = socket.create_server(("127.0.0.1", 0))
    with closing(tls.wrap_socket(plain, server_side=True) if tls else plain) as listening:
        server = Stubborn(f"{'https://localhost' if tls else 'http://127.0.0.1'}:{listening.getsockname()[1]}")
        threads: list[threading.Thread] = []
        connections: list[socket.socket] = []

        def accept() -> None:
            while not server.over.is_set():
                with suppress(OSError):  # TLS that somebody broke off, or the end
                    connection, _ = listening.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # no piece waits for the echo of the one before
                    connections.append(connection)
                    threads.append(threading.Thread(target=server.serve, args=[connection]))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            server.over.set()
            for each in (listening, *connections):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            for thread in [accepting, *threads]:
                thread.join()


def said(body: bytes, *headers: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """Return an answer as it goes over the wire."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def head(*headers: str) -> bytes:
    """Return the head of an answer whose end is that of the connection."""
    return "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: application/json", *headers, "", ""]).encode()


def drops(begin: bytes = b"") -> Iterator[bytes]:
    """Yield a byte every twentieth of a second, for ever."""
    yield begin
    while True:
        yield from (b" ", b"")


def silence() -> Iterator[bytes]:
    yield from repeat(b"")


def flood(piece: bytes, begin: bytes = b"") -> Iterator[bytes]:
    """Yield the same again and again as fast as it is taken, for ever."""
    yield begin
    yield from repeat(piece)


def packed(body: bytes, *, kind: str = "application/json") -> bytes:
    return said(gzip.compress(body), "Content-Encoding: gzip", kind=kind)


def _request(connection: socket.socket) -> bytes:
    """Return a whole request; empty when the client is gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65536)):
            return b""
        data += more
    lines, _, body = data.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in lines.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < lengths[0]:
        body += connection.recv(65536)
    return lines + b"\r\n\r\n" + body


def _is_left(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    finally:
        connection.setblocking(True)
