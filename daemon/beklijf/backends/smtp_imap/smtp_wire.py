"""smtplib's connections, which read no reply that is too large, and leave nothing open when they are interrupted.

smtplib bounds a line, and neither the number of lines of a reply nor that of the extensions in it: a server that says
``250-`` for ever fills the memory.
"""

from __future__ import annotations

import smtplib
from typing import TYPE_CHECKING, Any

from beklijf.boundary.sockets import abort, connected

if TYPE_CHECKING:
    import io
    import socket

LARGEST_REPLY = 64 * 1024
"""Bytes. A line has 512 (RFC 5321 section 4.5.3.1.5), and the longest EHLO some dozen lines."""


class _Replies:
    """What a server says, one reply after another."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.left = LARGEST_REPLY

    def readline(self, most: int) -> bytes:
        """Return a line, which no larger reply has; smtplib closes the connection over an OSError, and says so."""
        line = self._file.readline(min(most, self.left + 1))
        self.left -= len(line)
        if self.left < 0 or len(line) == most:
            raise OSError(f"a reply of more than {LARGEST_REPLY} bytes, or a line of more than {most}")
        return line

    def close(self) -> None:
        self._file.close()


class Smtp(smtplib.SMTP):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return connected(host, port, timeout)

    def connect(self, *arguments: Any, **named: Any) -> tuple[int, bytes]:  # noqa: ANN401  # smtplib's own
        """Connect and be greeted; who interrupts that has nobody else to close what was opened."""
        try:
            return super().connect(*arguments, **named)
        except BaseException:
            abort(self.sock)
            self.close()
            raise

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Replies(self.sock.makefile("rb"))
        if self.file is not None:
            self.file.left = LARGEST_REPLY
        return super().getreply()


class SmtpOverTls(smtplib.SMTP_SSL, Smtp):
    """The same, with TLS from the first byte on."""
