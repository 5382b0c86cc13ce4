"""The outbox as a Maildir: what mutt, Thunderbird and Python's ``mailbox`` read.

Knows one mail by its Message-ID and never looks into the folder for anything else.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from beklijf.backends.folder.settings import MailInFolder
from beklijf.boundary import maildir
from beklijf.contracts.mailer import nothing
from beklijf.mime.addresses import ascii_address
from beklijf.model.errors import Down

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage
    from pathlib import Path

    from beklijf.contracts.settings import MailSettings


class FolderMailer:
    """Write each message as one file: finished in ``tmp``, then moved to ``new``, so that no reader ever sees half a mail."""

    def __init__(self, settings: MailSettings, *, durable: bool = True) -> None:
        """Take the folder from the settings; without ``durable`` a power cut may lose mail (rehearsals are quicker so)."""
        assert isinstance(settings.maker, MailInFolder)
        self.path = settings.maker.path
        self.target = f"folder {self.path}"
        self._durable = durable
        self._ready = False

    def check(self) -> str:
        """Look whether the folder can be written, without making anything."""
        with self._as_down():
            if not self.path.exists():
                parent = next(folder for folder in self.path.absolute().parents if folder.exists())
                self._demand_writable(parent)
                return f"Maildir {self.path}: will be made"
            for name in ("", "tmp", "new", "cur"):
                if (self.path / name).exists():
                    self._demand_writable(self.path / name)
            return f"Maildir {self.path}: writable"

    def send(self, message: EmailMessage, *, recipient: str, handing_over: Callable[[], None] = nothing) -> None:
        """Write the message; one that is there already is the same file again, or left alone where a person has read it."""
        from beklijf.mime.messages import WIRE  # noqa: PLC0415  # with the first mail: docs/decisions/0010-start.md

        del handing_over  # nobody has to know of it: see above
        ascii_address(recipient)
        name = uuid5(NAMESPACE_URL, f"mid:{message['Message-ID']}").hex
        with self._as_down():
            self._make()
            if self._was_read(name):
                return
            # the line ends of the machine: CRLF shows as ``^M`` in some readers; a mail that is kept has it in its body all the same
            content = message.as_bytes(policy=WIRE.clone(linesep="\n")).replace(b"\r\n", b"\n")
            # mail programs take the time of the file for the time of arrival, and a rehearsal happens in another year
            sent = message["Date"].datetime.timestamp()
            maildir.deliver(self.path, name, content, at=sent, durable=self._durable)

    def close(self) -> None:
        """Have nothing to close: every message was finished when it was sent."""

    def _make(self) -> None:
        if self._ready:
            return
        maildir.make(self.path, durable=self._durable)
        self._ready = True

    def _was_read(self, name: str) -> bool:
        """Look in ``cur``, where readers put a mail under its name and their flags: ``name:2,S``."""
        return any(self.path.joinpath("cur").glob(f"{name}*"))

    def _demand_writable(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NotADirectoryError(20, "is not a folder", str(folder))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "may not be written by this account", str(folder))

    @contextmanager
    def _as_down(self) -> Iterator[None]:
        """Say what the file system says: a folder that takes no file takes none for anybody."""
        try:
            yield
        except OSError as error:
            raise Down(
                f"{self.target}: {error.strerror or error} ({error.filename or self.path})",
                hint="[mail] path must be a folder that the account of beklijf can write, on a disk with room",
            ) from error
