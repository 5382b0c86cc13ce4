"""Lines between us and a real server that garble some of its answers while they are told to."""

from __future__ import annotations

import http.client
import http.server
import socket
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.thorough.garbling import HTTP, IMAP, SMTP, Answer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator

    from tests.thorough.garbling import Wire

DRIP = 0.05
LONGEST = 30.0
"""Seconds after which a drip ends by itself, should nobody leave."""


@dataclass
class Line:
    port: int = 0
    share: float = 0.0
    """Of all answers that many are garbled."""
    dice: Random = field(default_factory=Random)
    habits: Counter[str] = field(default_factory=Counter)
    """How often an answer was garbled in which way."""

    def spoils(self) -> bool:
        """Say whether the answer at hand is garbled."""
        return self.dice.random() < self.share

    def habit(self, habits: Iterable[str]) -> str:
        name = self.dice.choice(list(habits))
        self.habits[name] += 1
        return name


def say(connection: socket.socket, wire: Wire) -> None:
    """Send what is on the wire; a drip lasts until the other side leaves."""
    if not wire.drip:
        connection.sendall(wire.data)
        return
    ends = time.monotonic() + LONGEST
    for byte in wire.data:
        if time.monotonic() > ends:
            return
        connection.sendall(bytes([byte]))
        time.sleep(DRIP)


@contextmanager
def http_line(url: str) -> Iterator[Line]:
    """Stand before the HTTP server at *url*, on a port of our own."""
    backend, line = urlsplit(url), Line()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two packets, and the second would wait for the first one's echo

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection = http.client.HTTPConnection(backend.hostname or "", backend.port, timeout=30)
            try:
                connection.request(self.command, self.path, body, dict(self.headers))
                response = connection.getresponse()
                answer = Answer(response.status, tuple(response.getheaders()), response.read())
            finally:
                connection.close()
            with suppress(OSError):
                if line.spoils():
                    wire = HTTP[line.habit(HTTP)](answer, line.dice)
                    self.close_connection = self.close_connection or wire.close
                    say(self.connection, wire)
                else:
                    self.connection.sendall(answer.wire())

        do_GET = do_PUT = do_DELETE = do_POST = do_PATCH = do_PROPFIND = do_REPORT = do_OPTIONS = do_MKCALENDAR = do  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Whoever hangs up, as children that were cut off do, is no error of the line."""

    with Server(("127.0.0.1", 0), Handler) as proxy:
        line.port = proxy.server_port
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield line
        finally:
            proxy.shutdown()
            thread.join()


@contextmanager
def text_line(port: int, tls: ssl.SSLContext, *, smtp: bool) -> Iterator[Line]:
    """Stand with TLS before a server on loopback that speaks in lines; what it sends in one go is an answer."""
    line, over, habits = Line(), threading.Event(), SMTP if smtp else IMAP

    def serve(outside: socket.socket) -> None:
        with (
            suppress(OSError),
            outside,
            tls.wrap_socket(outside, server_side=True) as front,
            socket.create_connection(("127.0.0.1", port)) as back,
        ):
            front.settimeout(LONGEST)
            upstream = threading.Thread(target=forward, args=(front, back), daemon=True)
            upstream.start()
            while data := back.recv(1 << 16):
                if not line.spoils():
                    front.sendall(data)
                    continue
                wire = habits[line.habit(habits)](data, line.dice)
                say(front, wire)
                if wire.close:
                    return

    def forward(front: socket.socket, back: socket.socket) -> None:
        with suppress(OSError):
            while data := front.recv(1 << 16):
                back.sendall(data)
        with suppress(OSError):
            back.shutdown(socket.SHUT_RDWR)

    def accept(door: socket.socket) -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                threading.Thread(target=serve, args=(door.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(0.1)
        line.port = door.getsockname()[1]
        thread = threading.Thread(target=accept, args=(door,))
        thread.start()
        try:
            yield line
        finally:
            over.set()
            thread.join()
