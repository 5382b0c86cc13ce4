"""A calendar as a folder of .ics files, ``<path>/<owner>/<uid>.ics``: the vdir layout that khal and vdirsyncer read and write.

People and programs edit these files behind our back, and that is the point. Decides nothing and locks nothing; each write
is whole or not there at all.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from beklijf.backends.folder.settings import CalendarInFolder
from beklijf.boundary import contents, files
from beklijf.contracts.people import safe_name
from beklijf.contracts.unforeseen import by_itself
from beklijf.ical import free_busy, ics
from beklijf.model.errors import BackendError, Conflict, Down, Exists, Missing, Refused, Transient
from beklijf.model.stored import NO_STAMP, NOTHING, Agent, Changes, Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from beklijf.contracts.settings import CalendarSettings
    from beklijf.model.conversation import Busy, Waiting
    from beklijf.model.domain import Event, Person

_RACY = 2_000_000_000
"""Nanoseconds after a write in which another one may get the same time stamp (FAT; the kernel's own tick is 4 ms)."""
_MARK = "displayname"
"""The file by which vdir programs know how a folder is called; an emptied calendar still has it."""
_MOST_FILES = 20_000
_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a token remembers of one file."""

    state: str
    digest: str
    """Of the content, for a file that was so new that its time stamp proves nothing; otherwise empty."""
    ours: bool


_UNKNOWN = _Seen("", "", ours=True)
"""Of a file that was never read; if it goes, an event of ours may have gone with it."""


@dataclass(frozen=True, slots=True)
class _Token:
    seen: Mapping[str, _Seen]
    """By name."""


class FolderCalendar:
    """One owner's folder."""

    may_schedule: bool | None = False

    def __init__(self, settings: CalendarSettings, owner: str, *, durable: bool = True, folder: Path | None = None) -> None:
        """Take *durable* away only where the files may be lost in a power cut: a rehearsal. *folder* is another place than usual."""
        assert isinstance(settings.maker, CalendarInFolder)
        self._settings = settings
        self._maker = settings.maker
        self._folder = folder or self._maker.path / safe_name(owner)
        self._title = owner if folder else settings.organizer.name
        self._personal = folder is not None
        self._durable = durable
        self._tidied = False
        self.target = f"folder {self._folder}"

    def of(self, email: str, _calendar: str = "") -> FolderCalendar:
        """Return the calendar of a person, which this programme makes if it isn't there."""
        return FolderCalendar(self._settings, email, durable=self._durable, folder=self._maker.folder_of(email))

    def check(self) -> str:
        with self._translated():
            place = next(p for p in (self._folder, *self._folder.parents) if p.exists())
        if not os.access(place, os.W_OK | os.X_OK):
            raise Down(f"{place}: may not be written", hint="make it writable for the account that runs beklijf")
        listing, wrong = self._listing()
        named = "; not read: " + ", ".join(f"{name} ({said})" for name, said in sorted(wrong.items())[:_NAMED]) if wrong else ""
        return f"{self.target}: {len(listing)} files{named}{' and others' if len(wrong) > _NAMED else ''}"

    def changes(self, token: object, known: Mapping[str, str] = NOTHING) -> Changes:
        """Compare the folder with what the token remembers of it; a quiet reading opens no file.

        Two programs may write a file within one tick of the file system's clock. A time stamp younger than that proves nothing
        about what comes next, so the token keeps such a file's digest, and the next reading opens it once more.
        """
        before = token.seen if isinstance(token, _Token) else None
        listing, wrong = self._listing()
        if self._personal and not (listing or wrong) and (known or before) and not self._folder.is_dir():
            raise Missing(f"{self._folder}: the folder is gone")  # with its owner, perhaps; nobody deleted those events one by one
        recently = time.time_ns() - _RACY  # the file system's clock, not the programme's: how far its stamps can be trusted
        now: dict[str, _Seen] = {}
        changed: list[Stored] = []
        gone = [name for name, seen in (before or {}).items() if seen.ours and name not in listing and name not in wrong]
        unreadable = {name: Refused(f"{name}: {said}") for name, said in wrong.items()}
        unchanged: set[str] = set()
        for name, (state, modified) in listing.items():
            seen = before.get(name) if before else None
            if seen and seen.state == state and not seen.digest and modified < recently:
                now[name] = seen
                continue
            data = self._tried(name, unreadable)
            if data is None:
                gone += [name] if seen and seen.ours and name not in unreadable else []
                continue
            uid, digest = ics.uid_of(data), _digest(data)
            ours = ics.is_ours(uid) and not (name != _file_name(uid) and (_file_name(uid) in listing or _file_name(uid) in wrong))
            now[name] = _Seen(state, digest if modified >= recently else "", ours)
            if seen and seen.state == state and seen.digest == digest:
                continue
            if ours and before is None and known.get(name) == digest:
                unchanged.add(name)
            elif ours:
                _sort(name, data, changed=changed, gone=gone, unreadable=unreadable)
            elif seen and seen.ours:
                gone.append(name)
        # What can't be read counts as it was, and is looked at each time; whose it is, only its name could tell.
        now |= {name: (before or {}).get(name) or _UNKNOWN for name in unreadable if name not in now}
        return Changes(
            token=_Token(now),
            full=before is None,
            changed=tuple(changed),
            gone=() if before is None else tuple(gone),
            unreadable=unreadable,
            unchanged=frozenset(unchanged),
        )

    def create(self, event: Event, *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP) -> Stored:
        name = _file_name(event.uid)
        data = ics.build(event, sequence=sequence, stamp=stamp, agent=agent)
        with self._translated():
            if self._is_bare():
                self._folder.mkdir(parents=True, exist_ok=True)
                self._write(_MARK, self._title.encode())
            if (self._folder / name).exists():
                raise Exists(f"{name} is there already")
            self._write(name, data)
        return ics.written(event, href=name, etag=_digest(data), sequence=sequence, agent=agent)

    def fetch(self, href: str) -> Stored:
        return _stored(href, self._existing(href))

    def seek(self, hrefs: Iterable[str]) -> Changes:
        """Look for each file; a folder that isn't there, or has nothing at all in it, is a disk that isn't mounted."""
        with self._translated():
            if self._is_bare():
                hint = f"is a disk not mounted? if it is meant to be empty, put an empty file into it: {_MARK}"
                raise Down(f"{self._folder}: the folder is gone, or has nothing in it any more", hint=hint)
        changed: list[Stored] = []
        gone: list[str] = []
        unreadable: dict[str, Refused] = {}
        for name in hrefs:
            if (data := self._tried(name, unreadable)) is not None and ics.is_ours(ics.uid_of(data)):
                _sort(name, data, changed=changed, gone=gone, unreadable=unreadable)
            elif name not in unreadable:
                gone.append(name)
        return Changes(token=None, full=False, changed=tuple(changed), gone=tuple(gone), unreadable=unreadable)

    def update(
        self, stored: Stored, wanted: Event, fields: frozenset[str], *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP
    ) -> Stored:
        data = self._unchanged(stored)
        new = ics.patch(data, wanted, fields, sequence=sequence, stamp=stamp, agent=agent)
        with self._translated():
            self._write(self._called(stored.href), new)
        return _stored(stored.href, new)

    def delete(self, stored: Stored) -> None:
        self._unchanged(stored)
        with self._translated(), files.folder(self._folder) as folder:
            os.unlink(self._called(stored.href), dir_fd=folder)
            if self._durable:
                os.fsync(folder)

    def waiting(self) -> tuple[Waiting, ...]:
        return ()

    def take(self, waiting: Waiting) -> None:
        """Do nothing: nothing ever waits here."""

    def busy(self, people: Sequence[Person], start: datetime, end: datetime) -> dict[str, tuple[Busy, ...]]:
        """Read people's own folders, whole; who has none, or whose can't be read, is not in the result.

        The service's own folder says nothing about anybody: it has everybody's meetings in it.
        """
        found = {}
        for person in people:
            folder = self._maker.folder_of(person.email)
            if folder != self._folder:
                found[person.key] = _busy(folder, person, start, end)
        return {key: times for key, times in found.items() if times is not None}

    def problem(self) -> str:
        """Return what is wrong with this folder; empty when events can be written into it."""
        try:
            self.check()
        except BackendError as error:
            return str(error)
        return ""

    def close(self) -> None:
        pass

    def _listing(self) -> tuple[dict[str, tuple[str, int]], dict[str, str]]:
        """Return the state and time stamp of every event file by name, and of what is none what it is.

        What vdir readers ignore, so do we.
        """
        found: dict[str, tuple[str, int]] = {}
        wrong: dict[str, str] = {}
        with self._translated():
            if not self._folder.is_dir():
                return found, wrong
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".ics") and not entry.name.startswith("."):
                        try:
                            status = contents.status(entry)
                        except FileNotFoundError:  # gone since it was listed
                            continue
                        except contents.NoContent as error:
                            wrong[_href(entry.name)] = str(error.strerror)
                            continue
                        found[_href(entry.name)] = (f"{status.st_mtime_ns:x}.{status.st_size:x}.{status.st_ino:x}", status.st_mtime_ns)
        return found, wrong

    def _is_bare(self) -> bool:
        return not self._folder.is_dir() or not any(self._folder.iterdir())

    def _read(self, name: str) -> bytes | None:
        """Return what is in a file, None if it is gone; raises `Refused` for one that is not to be read."""
        with self._translated():
            try:
                return contents.read(self._folder / self._called(name))
            except FileNotFoundError:
                return None
            except contents.NoContent as error:
                raise Refused(f"{name}: {error.strerror}") from error

    def _tried(self, name: str, unreadable: dict[str, Refused]) -> bytes | None:
        try:
            return self._read(name)
        except Refused as error:
            unreadable[name] = error
            return None

    def _called(self, href: str) -> str:
        """Return the name of a file by its href."""
        spelt = os.fsdecode(unquote_to_bytes(href))
        return href if spelt == href or os.path.lexists(self._folder / href) else spelt

    def _existing(self, href: str) -> bytes:
        data = self._read(href)
        if data is None:
            raise Missing(f"{href}: there is no such file")
        return data

    def _unchanged(self, stored: Stored) -> bytes:
        data = self._existing(stored.href)
        if _digest(data) != stored.etag:
            raise Conflict(f"{stored.href}: changed since it was read")
        return data

    def _write(self, name: str, data: bytes) -> None:
        """Replace the file as a whole: after a power cut there is the old one or the new one."""
        with files.folder(self._folder) as folder:
            if not self._tidied:
                files.tidy(folder)
                self._tidied = True
            files.write(folder, name, data, mode=files.COMMON, durable=self._durable)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise Down(f"{error.filename}: may not be read or written", hint="give it to the account that runs beklijf") from error
        except OSError as error:
            hint = "make room on that disk" if error.errno in {errno.ENOSPC, errno.EDQUOT} else ""
            raise Transient(f"{self._folder}: {error.strerror or error}", hint=hint) from error


def _busy(folder: Path, person: Person, start: datetime, end: datetime) -> tuple[Busy, ...] | None:
    """Return None for a folder that can't be looked into; a file that can't be is left out."""
    found: list[Busy] = []
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".ics" and not path.name.startswith("."))
    except OSError:
        return None
    for path in paths[:_MOST_FILES]:
        try:
            data = contents.read(path, largest=free_busy.LARGEST)
            found += free_busy.of_events(data, person.addresses, person.zone, start, end)
        except OSError:
            continue
    return free_busy.merged(found, start, end)


def _sort(name: str, data: bytes, *, changed: list[Stored], gone: list[str], unreadable: dict[str, Refused]) -> None:
    try:
        with by_itself(name):
            changed.append(_stored(name, data))
    except Missing:
        gone.append(name)
    except Refused as error:
        unreadable[name] = error


def _stored(name: str, data: bytes) -> Stored:
    return ics.stored(data, href=name, etag=_digest(data))


def _href(name: str) -> str:
    """Return what the ledger calls a file: its name, or the bytes of that, percent-encoded, where they are no UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return quote(os.fsencode(name))
    return name


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:32]


def _file_name(uid: str) -> str:
    return f"{safe_name(uid)}.ics"
