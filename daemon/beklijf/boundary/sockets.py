"""Connections to mail servers that are closed when somebody interrupts them half way: TCP, and TLS on it.

The standard library closes what it has opened after an OSError only. A deadline interrupts it with something else.
"""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from beklijf.model.errors import Down

if TYPE_CHECKING:
    from pathlib import Path


class _TlsSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:  # ssl's own
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def trusting(ca: Path | None, section: str) -> ssl.SSLContext:
    """Return what certificates are judged by: the system's authorities, or only the one that ``ca`` of *section* names."""
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except OSError as error:
        raise Down(f"[{section}] ca {ca}: {error.strerror or error}", hint="it must be a readable PEM file") from error
    context.sslsocket_class = _TlsSocket
    return context


def host_name(host: str, section: str) -> str:
    """Return *host* if it can be looked up at all."""
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise Down(f"[{section}] host {host!r} is no host name", hint="check its spelling") from error
    return host


def abort(sock: socket.socket | None) -> None:
    """Leave at once: nothing that the other side hasn't taken yet is sent after this."""
    if sock is not None:
        with suppress(OSError):  # it is closed already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


def connected(host: str, port: int, timeout: float | None) -> socket.socket:
    """Return a connection to the first of the host's addresses that takes one."""
    refused: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(timeout)
            made.connect(address)
        except OSError as error:
            made.close()
            refused = error
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise refused or OSError(f"{host} has no address")
