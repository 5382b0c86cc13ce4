"""The library's connection to an IMAP server, which takes in no more than what was asked for may have.

imaplib reads every literal as it is announced and keeps every line, asked for or not. What goes beyond is taken for a connection
that is lost: nothing after it can be read.
"""

from __future__ import annotations

import imaplib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imapclient import IMAPClient  # type: ignore[import-untyped]  # has annotations, but doesn't say so (no py.typed)

from beklijf.boundary.sockets import abort, connected
from beklijf.model.mailbox import LARGEST

if TYPE_CHECKING:
    import socket
    import ssl

LARGEST_NUMBER = 2**32 - 1
"""Of a mail, and of how many there are (RFC 3501 section 9: nz-number)."""


@dataclass(slots=True)
class Allowance:
    """What a server may say before it has said too much."""

    size: int
    lines: int

    def take(self, size: int, lines: int = 0) -> bool:
        """Count what was said; False when that was too much."""
        self.size -= size
        self.lines -= lines
        return self.size >= 0 and self.lines >= 0


def a_command() -> Allowance:
    """Return what one command may be answered with: the headers of a hundred mails, or fifty thousand numbers, and much else."""
    return Allowance(4 * LARGEST, 20_000)


def a_folder() -> Allowance:
    """Return what may be said altogether until a folder is opened again; what nobody asked for is kept until then."""
    return Allowance(32 * LARGEST, 100_000)


class Wire(imaplib.IMAP4):
    """imaplib's connection, in clear until STARTTLS."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, timeout: float | None) -> None:
        self._tls, self._patience = tls, timeout
        self._command_allowance, self._folder_allowance = a_command(), a_folder()
        super().__init__(host, port)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        del timeout  # the library hands on none
        made = connected(self.host, self.port, self._patience)
        return self._tls.wrap_socket(made, server_hostname=self.host) if self._tls else made

    def _connect(self) -> None:
        """Be greeted; who interrupts that has nobody else to close what was opened, and a goodbye is a lost connection."""
        try:
            super()._connect()  # type: ignore[misc]  # not in the stubs
        except BaseException as error:
            abort(self.sock)
            self.file.close()
            if isinstance(error, self.error) and "BYE" in self.untagged_responses:
                raise self.abort(str(error)) from error
            raise

    def readline(self) -> bytes:
        try:
            line = super().readline()
        except self.abort:
            raise
        except self.error as error:  # a line of more than a million bytes
            raise self.abort(str(error)) from error
        self._count(len(line), 1)
        announced = line[line.rfind(b"{") + 1 : -3] if line.endswith(b"}\r\n") else b""
        if announced.isdigit() and (len(announced) > len(str(LARGEST)) or int(announced) > LARGEST):
            raise self.abort(f"{announced[:20].decode()} bytes are announced, where {LARGEST} are the most that was asked for")
        return line

    def read(self, size: int) -> bytes:
        data = super().read(size)
        if len(data) < size:
            raise self.abort("cut off in the middle")
        self._count(size)
        return data

    def select(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401  # imaplib's own
        self._folder_allowance = a_folder()
        return super().select(*arguments, **named)

    def _new_tag(self) -> bytes:
        self._command_allowance = a_command()
        tag: bytes = super()._new_tag()  # type: ignore[misc]  # not in the stubs
        return tag

    def _count(self, size: int, lines: int = 0) -> None:
        if not (self._command_allowance.take(size, lines) and self._folder_allowance.take(size, lines)):
            raise self.abort("the server says more than was asked for")


class Client(IMAPClient):  # type: ignore[misc]  # as above
    """The library's client on such a connection."""

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)
        self._imap.debug = 0  # else each line is put into words for a log that nobody keeps, three times

    def _create_IMAP4(self) -> Wire:  # noqa: N802  # the library's name
        return Wire(self.host, self.port, self.ssl_context if self.ssl else None, self._timeout.connect)
