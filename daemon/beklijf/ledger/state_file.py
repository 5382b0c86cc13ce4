"""The ledger as a file: made whole, private, and looked at before anything relies on it. Knows no table but ``meta``.

Who opens it first looks at it; whoever comes while it is open relies on that (a lock beside the file says which).

    there is                                 means
    ---------------------------------------  -------------------------------------------------------------------------
    nothing                                  a new one: filled in memory, written aside, synced, and only then named
    a ``-wal`` alone, an empty file, a link  74 in words: none of them is ever made by us
    a file                                   a quick check
    a file and a ``-wal`` (a crash)          a full check, and whether they fit, on a copy: to open them is to mix them

**Whether a file and a -wal fit.** Every transaction counts ``commits`` up by one, and every ledger has a ``lineage`` of its own;
both are rows of ``meta``. The file alone says up to where it holds everything; the -wal begins with the transaction after
that, or with an earlier one (what was taken over into the file already), and ends with it or with a later one. So::

    first commit in the -wal  <=  commits of the file + 1        else there is a gap: the file is an older back-up
    commits of the file       <=  last commit in the -wal        else the -wal is older than the file
    lineage of both                                              the same

**The count beside the file** (``NAME.count``) is the last commit that was made here. A ledger that has fewer is a back-up that was put
back: that is allowed, and said.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import stat
import struct
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from beklijf.boundary import files
from beklijf.model.errors import Busy, StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

WAL, JOURNAL, SHARED = "-wal", "-journal", "-shm"
_PATIENCE = 60.0
"""Seconds that who comes second waits for the first one's look: a full check of a large ledger takes a few."""

_HEADER = struct.Struct(">6I2I")
"""Of a -wal: magic, format, page size, checkpoint, two salts, two checksums (sqlite.org/walformat.html)."""
_FRAME = struct.Struct(">6I")
"""Page, size of the file after a commit (0: none yet), the two salts, two checksums."""
_MAGIC = frozenset({0x377F0682, 0x377F0683})

DAMAGED = "restore it from a backup, or move it away: the calendar's own events are recognised again"


@dataclass(frozen=True, slots=True)
class Marks:
    """Which ledger it is, and how many transactions it has seen."""

    lineage: str
    commits: int


class Hold:
    """A share in an open ledger: the lock that says so, and the count beside it."""

    def __init__(self, lock: int | None, count: int | None) -> None:
        self._lock, self._count = lock, count

    def note(self, marks: Marks) -> None:
        """Write down what was committed; after a power cut it may be an earlier one, which means nothing."""
        if self._count is not None:
            os.pwrite(self._count, f"{marks.lineage} {marks.commits:020d}\n".encode(), 0)

    def noted(self) -> Marks | None:
        """Return what was committed here last; None where that isn't known."""
        if self._count is None:
            return None
        lineage, _, commits = os.pread(self._count, 200, 0).decode("ascii", "replace").strip().partition(" ")
        return Marks(lineage, int(commits)) if lineage and commits.isdecimal() else None

    def close(self) -> None:
        for descriptor in (self._count, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._lock = self._count = None


def hold(path: Path, *, read_only: bool, image: Callable[[], bytes]) -> Hold:
    """Take a share in the ledger at *path*, after a look at it if nobody else has it open; make it of *image* if it isn't there.

    Raises StateError for what can't be a ledger of ours as it was left, OSError where the folder can't be used, Busy while somebody
    else's look lasts too long.
    """
    with files.folder(path.parent, make=None if read_only else 0o777) as folder:
        lock = _opened(folder, f"{path.name}.open.lock", read_only=read_only)
        try:
            if lock is None or _locked(lock, fcntl.LOCK_EX):
                _look(path, folder, read_only=read_only, image=image)
            if lock is not None:
                _share(lock, path)
            return Hold(lock, _opened(folder, f"{path.name}.count", read_only=read_only))
        except BaseException:
            if lock is not None:
                os.close(lock)
            raise


def _opened(folder: int, name: str, *, read_only: bool) -> int | None:
    """Open a file beside the ledger; None where who only reads finds none, or may not."""
    common = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(name, common | (os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT), files.PRIVATE, dir_fd=folder)
    except (FileNotFoundError, PermissionError):
        if not read_only:
            raise
        return None


def _locked(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _share(lock: int, path: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not _locked(lock, fcntl.LOCK_SH):
        if time.monotonic() >= deadline:
            raise Busy(f"{path} is being looked at by another beklijf", hint="try again; if it lasts, find who holds it with fuser")
        time.sleep(0.05)


# -- the look ----------------------------------------------------------------------------------------------------------


def _look(path: Path, folder: int, *, read_only: bool, image: Callable[[], bytes]) -> None:
    name = path.name
    if not read_only:
        files.tidy(folder)
    left = [beside for beside in (name + WAL, name + JOURNAL) if _size(folder, beside)]
    mode = files.mode_of(folder, name)
    if not mode:
        if left:
            hint = f"put the ledger back that it belongs to; or, to begin without, remove {path.with_name(left[0])} too"
            raise StateError(f"{path} is not there, but {left[0]} is", hint=hint)
        files.write(folder, name, image(), anew=True)
        return
    if stat.S_ISLNK(mode):
        raise StateError(f"{path} is a link", hint="let [service] state name the file itself; a folder on the way may be a link")
    if not stat.S_ISREG(mode):
        raise StateError(f"{path} is not a file", hint="point [service] state at a file of its own")
    if not _size(folder, name):
        hint = (
            "was a disk full, or a copy cut short? put the back-up back; without one, remove it: the calendar's own events are recognised"
        )
        raise StateError(f"{path} is empty, which a ledger never is", hint=hint)
    if not read_only:
        _make_private(folder, name)
    if left:
        _look_at_pair(path, folder, left)
    else:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            _demand_sound(db, path, "quick_check")


def _size(folder: int, name: str) -> int:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0


def _make_private(folder: int, name: str) -> None:
    """Take from others what an earlier version or a restored back-up lets them read; SQLite gives its own files the same mode."""
    for each in (name, name + WAL, name + SHARED):
        with suppress(FileNotFoundError):
            descriptor = os.open(each, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                found = os.fstat(descriptor)
                if found.st_mode & 0o077 and found.st_uid == os.geteuid():
                    os.fchmod(descriptor, files.PRIVATE)
            finally:
                os.close(descriptor)


def _look_at_pair(path: Path, folder: int, left: list[str]) -> None:
    """Look at a ledger and what a crash left beside it, on a copy of both."""
    with _copied(path, folder, left) as copy:
        wal, whole = copy.with_name(copy.name + WAL), copy.with_name("whole")
        alone = first = None
        if wal.exists():
            wal.rename(whole)
            alone = _marks(copy, "immutable=1")
            with whole.open("rb") as frames, wal.open("wb") as cut:
                cut.write(frames.read(_first_commit(frames)))
            first = _marks(copy, "mode=ro")  # who only reads takes nothing over into the file
            copy.with_name(copy.name + SHARED).unlink(missing_ok=True)
            whole.rename(wal)
        with closing(sqlite3.connect(copy)) as db:
            try:
                last = marks(db)
            except sqlite3.DatabaseError as error:
                raise _strangers(path, left[0]) from error
            _demand_sound(db, path, "integrity_check", pair=left[0])
    if alone and first and last:
        fit = alone.lineage == last.lineage and first.commits <= alone.commits + 1 and alone.commits <= last.commits
    else:
        fit = not alone or last is not None  # of a version that counted nothing: the full check has to do
    if not fit:
        raise _strangers(path, left[0])


def _strangers(path: Path, beside: str) -> StateError:
    return StateError(
        f"{path} and {beside} do not belong together",
        hint=f"a back-up, put back beside what another state left? if the back-up is meant, remove {path.with_name(beside)}; "
        f"if not, put back the file that it belongs to. Nothing was written or sent",
    )


@contextmanager
def _copied(path: Path, folder: int, left: list[str]) -> Iterator[Path]:
    """Yield a copy of the ledger with what is beside it, for this account alone."""
    where = path.parent.absolute() if os.access(path.parent, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=files.ASIDE, dir=where) as place:
        for name in (path.name, *left):
            source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            with open(source, "rb") as read, (Path(place) / name).open("wb") as written:  # noqa: PTH123  # a descriptor, no path
                shutil.copyfileobj(read, written, 1 << 20)
        yield Path(place) / path.name


def _first_commit(frames: BinaryIO) -> int:
    """Return where the first transaction in a -wal ends, and go back to its beginning; 0 where there is none."""
    end, head = 0, frames.read(_HEADER.size)
    if len(head) == _HEADER.size:
        magic, _, page, _, *salts = _HEADER.unpack(head)[:6]
        while magic in _MAGIC and page and len(frame := frames.read(_FRAME.size)) == _FRAME.size:
            _, size, *found = _FRAME.unpack(frame)[:4]
            if found != salts:  # of an earlier use of the file
                break
            frames.seek(page, os.SEEK_CUR)
            if size:
                end = frames.tell()
                break
    frames.seek(0)
    return end


def _marks(copy: Path, how: str) -> Marks | None:
    """Return the marks of a copy; None where they can't be read."""
    try:
        with closing(sqlite3.connect(f"{copy.as_uri()}?{how}", uri=True)) as db:
            return marks(db)
    except sqlite3.DatabaseError:
        return None


def marks(db: sqlite3.Connection) -> Marks | None:
    """Return the marks of an open ledger; None in one of a version that had none."""
    try:
        found = dict(db.execute("SELECT name, value FROM meta WHERE name IN ('lineage', 'commits')").fetchall())
    except sqlite3.OperationalError:
        return None
    return Marks(str(found["lineage"]), int(found["commits"])) if len(found) == 2 else None  # noqa: PLR2004  # both


def _demand_sound(db: sqlite3.Connection, path: Path, check: str, *, pair: str = "") -> None:
    try:
        said = [str(row[0]) for row in db.execute(f"PRAGMA {check}(1)")]
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        said = [str(error)]
    if said == ["ok"]:
        return
    if pair:
        raise _strangers(path, pair)
    raise StateError(f"{path}: {said[0]}", hint=DAMAGED)
