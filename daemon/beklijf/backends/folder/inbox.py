"""A Maildir as mailbox: a person or a script drops mails into its ``new``, any mail program reads it.

Judges nothing, and marks nothing as read. A mail is known by the name, time and size of its file, so the mark is the list of
those that were looked at: files come in any order of time and name, and a mark that is only a time would miss some. The folder
for handled mail is the Maildir++ folder beside: ``.beklijf``.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from beklijf.backends.folder.settings import InboxInFolder
from beklijf.boundary import contents, files, maildir
from beklijf.mime.envelopes import HEADER, content_has_calendar, envelope
from beklijf.model.errors import Down
from beklijf.model.mailbox import AT_ONCE, LARGEST, Failed, News, Received

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from beklijf.contracts.settings import InboxSettings
    from beklijf.model.mailbox import Envelope

LOOKED_AT = 500
"""Mails whose files one call opens."""

MOST_BYTES = 20 * LARGEST
"""What one call takes in altogether: the mails of a call are in memory together."""

_KEY = 6
"""Bytes of a digest: among a hundred thousand mails, one in three billion is taken for one that was seen."""

_LATEST = 253_402_300_799 * 10**9
"""The end of the year 9999; a file may say it is later."""

_PLACES = ("new", "cur")
_NAMED = 5
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True, order=True)
class _File:
    time: int
    """Nanoseconds since 1970: mail programs take the time of the file for the time of arrival."""
    name: str
    size: int
    path: Path

    @property
    def key(self) -> bytes:
        """Stays the same when a mail program moves the file from ``new`` to ``cur`` and writes flags behind its name."""
        return blake2b(f"{self.time}:{self.size}:{self.name}".encode(errors="surrogateescape"), digest_size=_KEY).digest()

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.time / 1e9, UTC)


class FolderInbox:
    """One Maildir, made when it isn't there, so that there is a place to drop mails in."""

    def __init__(self, settings: InboxSettings) -> None:
        """Open nothing yet."""
        assert isinstance(settings.maker, InboxInFolder)
        self.path = settings.maker.path
        self.target = f"folder {self.path}"
        self._filed = self.path / f".{settings.filed.replace('/', '.')}"

    def check(self) -> str:
        """Look whether mails can be read and filed, without making anything."""
        with self._as_down():
            handled = f"handled mail goes to {self._filed.name}"
            if not self.path.exists():
                self._demand(next(folder for folder in self.path.absolute().parents if folder.exists()))
                return f"Maildir {self.path}: will be made; {handled}"
            for folder in (self.path, *(self.path / place for place in _PLACES), self._filed):
                if folder.exists():
                    self._demand(folder)
            odd = sorted(entry.name for entry, _, status in self._entries(self.path) if not stat.S_ISREG(status.st_mode))
            passed_over = f"; passed over: {', '.join(odd[:_NAMED])}{' and others' if len(odd) > _NAMED else ''}" if odd else ""
            return f"Maildir {self.path}: {len(self._files(self.path))} mails{passed_over}; {handled}"

    def news(self, mark: str, wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        with self._as_down():
            maildir.make(self.path)
            found = {file.key: file for file in self._files(self.path)}
            seen = _unpacked(mark)
            known = seen is not None
            kept = (seen or frozenset()) & found.keys()
            unseen = sorted(file for key, file in found.items() if key not in kept)
            if known and not unseen:
                return News(mark=mark)
            mails: list[Received] = []
            failed: list[Failed] = []
            looked: set[bytes] = set()
            opened = 0
            for file in unseen:
                full = len(mails) >= AT_ONCE or sum(len(mail.content) for mail in mails) >= MOST_BYTES
                if full or opened >= LOOKED_AT:
                    break
                if known or file.at >= since:
                    opened += 1
                    try:
                        mail = _taken(file, wanted)
                    except FileNotFoundError:  # gone, or a mail program has just moved it to cur: there it is next time
                        continue
                    except Exception as error:  # noqa: BLE001  # whatever is in one file, the others are read
                        failed.append(Failed(id=file.key.hex(), at=file.at, error=error))
                        mail = None
                    mails += [mail] if mail else []
                looked.add(file.key)
            return News(mark=_packed(kept | looked), mails=tuple(mails), more=len(looked) < len(unseen), failed=tuple(failed))

    def again(self, ids: Sequence[str], wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        del since  # each file has its time
        with self._as_down():
            there = {file.key.hex(): file for file in self._files(self.path)}
            mails: list[Received] = []
            failed: list[Failed] = []
            for file in [there[each] for each in ids if each in there]:
                try:
                    mail = _taken(file, wanted)
                except FileNotFoundError:
                    continue
                except Exception as error:  # noqa: BLE001  # as above
                    failed.append(Failed(id=file.key.hex(), at=file.at, error=error))
                else:
                    mails += [mail] if mail else []
            return News(mark="", mails=tuple(mails), failed=tuple(failed))

    def file(self, ids: Sequence[str]) -> None:
        with self._as_down():
            wanted = set(ids)
            handled = [file for file in self._files(self.path) if file.key.hex() in wanted] if wanted else []
            if handled:
                self._file(handled)

    def _file(self, handled: Sequence[_File]) -> None:
        with files.folder(self.path) as box, files.below(box, self._filed.name, make=0o700) as filed:
            for place in maildir.PLACES:
                with files.below(filed, place, make=0o700):
                    pass
            for file in handled:
                place = file.path.parent.name
                # under a name that no other mail has: somebody may drop "answer.eml" every week
                name = file.path.name.replace(file.name, f"{file.name}.{file.key.hex()}", 1)
                with files.below(box, place) as here, files.below(filed, place) as there:
                    files.move(here, file.path.name, there, name)

    def forget(self, before: datetime) -> int:
        with self._as_down():
            old = [file for file in self._files(self._filed) if file.at < before]
            for file in old:
                file.path.unlink(missing_ok=True)
            return len(old)

    def close(self) -> None:
        """Have nothing to close."""

    def _files(self, folder: Path) -> list[_File]:
        """Return the mails in a Maildir that nobody has marked as deleted."""
        return [
            _File(min(status.st_mtime_ns, _LATEST), name, status.st_size, Path(entry.path))
            for entry, name, status in self._entries(folder)
            if stat.S_ISREG(status.st_mode)
        ]

    def _entries(self, folder: Path) -> Iterator[tuple[os.DirEntry[str], str, os.stat_result]]:
        """Yield what is in it, under which name without flags; what is no file (a link, a FIFO) is no mail."""
        for place in (folder / name for name in _PLACES):
            if not place.exists():
                continue
            with os.scandir(place) as entries:
                for entry in entries:
                    name, _, flags = entry.name.partition(":2,")
                    if name.startswith(".") or "T" in flags:
                        continue
                    try:
                        yield entry, name, entry.stat(follow_symlinks=False)
                    except FileNotFoundError:  # moved by a mail program since it was listed
                        continue

    def _demand(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NotADirectoryError(20, "is not a folder", str(folder))
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(13, "may not be read and written by this account", str(folder))

    @contextmanager
    def _as_down(self) -> Iterator[None]:
        """Say what the file system says."""
        try:
            yield
        except OSError as error:
            raise Down(
                f"{self.target}: {error.strerror or error} ({error.filename or self.path})",
                hint="[inbox] path must be a Maildir whose files the account of beklijf can read and move",
            ) from error


def _taken(file: _File, wanted: Callable[[Envelope], bool]) -> Received | None:
    """Return the mail if it is wanted."""
    # of whatever size: only as much is read as is wanted
    with contents.opened(file.path, largest=sys.maxsize, links=False) as opened:
        content = opened.read(HEADER)
        header = _END_OF_HEADER.split(content, maxsplit=1)[0]
        known = envelope(header, size=file.size)
        # where a server would be asked for BODYSTRUCTURE
        if known.content_type.startswith("multipart/") and not known.calendar:
            content += opened.read(LARGEST - len(content))
            known = envelope(header, size=file.size, calendar=content_has_calendar(content))
        if not wanted(known):
            return None
        content += opened.read(LARGEST - len(content))
        cut = bool(opened.read(1))
        if b"\r\n" not in content:
            content = content.replace(b"\n", b"\r\n")  # a Maildir keeps mail with the system's line ends; a mail has its own
        return Received(id=file.key.hex(), at=file.at, content=content, cut=cut)


def _packed(keys: frozenset[bytes]) -> str:
    return "seen:" + urlsafe_b64encode(b"".join(sorted(keys))).decode("ascii")


def _unpacked(mark: str) -> frozenset[bytes] | None:
    """Return what was looked at; None for a mark that is none of ours."""
    kind, _, packed = mark.partition(":")
    if kind != "seen":
        return None
    try:
        keys = urlsafe_b64decode(packed)
    except ValueError:
        return None
    return frozenset(keys[start : start + _KEY] for start in range(0, len(keys), _KEY))
