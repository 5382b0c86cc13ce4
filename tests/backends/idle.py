"""A forwarder in front of a server that does to connections what servers and networks do: closes them unasked, or forgets them."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Forwarder:
    target: int
    """The server's port on loopback."""
    port: int = 0
    dies: bool = False
    """A connection dies once another request comes by it."""
    forgets: bool = False
    """What comes by one that was there before disappears, and nobody says so."""
    opened: int = 0
    requests: list[bytes] = field(default_factory=list)
    """The first line of each request that came, also of those that died."""

    def serve(self, client: socket.socket) -> None:
        with closing(client), closing(socket.create_connection(("127.0.0.1", self.target))) as server:
            back = threading.Thread(target=self._back, args=(server, client), daemon=True)
            back.start()
            first, lost = True, False
            with suppress(OSError):
                while data := client.recv(65536):
                    if data.split(b" ")[0].isalpha() and b" HTTP/1.1\r\n" in data[:2000]:
                        self.requests.append(data.split(b"\r\n")[0])
                        if self.dies and not first:
                            return  # without an answer, as if it had been closed the moment before
                        lost, first = self.forgets and not first, False
                    if not lost:
                        server.sendall(data)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)


@contextmanager
def forwarder(target: int) -> Iterator[Forwarder]:
    """Yield one that is served until the end of the block."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        made = Forwarder(target, listening.getsockname()[1])

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    made.opened += 1
                    threading.Thread(target=made.serve, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield made
