"""Files that the program writes: whole or not at all, and never through a link that somebody put there.

The rule: a folder that the config or the command line names may be reached over links, since those are the administrator's.
Nothing below it may be one. So a folder is opened once, and what happens in it happens by its descriptor: a file gets its bytes
under a name that nobody can guess, made by us alone (O_EXCL), and then its own name, which takes the place of a link instead of
following it. A folder where others may write too (a rehearsal in ``/tmp``) has to be ours: `own`.

Everything here raises OSError; what it means is the caller's.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PRIVATE = 0o600
COMMON = 0o666
"""As the account's umask has it."""

ASIDE = ".beklijf-"
_HERE = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextmanager
def folder(path: Path, *, make: int | None = None) -> Iterator[int]:
    """Yield the descriptor of a folder that the administrator named; with *make* it is made with that mode where it isn't there."""
    if make is not None:
        path.mkdir(mode=make, parents=True, exist_ok=True)
    descriptor = os.open(path, _HERE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def below(parent: int, name: str, *, make: int | None = None) -> Iterator[int]:
    """Yield the descriptor of a folder in *parent*, which may be no link."""
    if make is not None:
        with suppress(FileExistsError):
            os.mkdir(name, make, dir_fd=parent)
    descriptor = os.open(name, _HERE | os.O_NOFOLLOW, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def own(path: Path) -> Iterator[int]:
    """Yield the descriptor of a folder that is this account's alone, made where it isn't there; raises PermissionError for others."""
    path = Path(os.path.abspath(path))  # noqa: PTH100  # not resolve(): that would follow the link that is refused here
    path.parent.mkdir(parents=True, exist_ok=True)
    with folder(path.parent) as parent:
        above = os.fstat(parent)
        if above.st_mode & stat.S_IWOTH and not above.st_mode & stat.S_ISVTX:
            raise PermissionError(errno.EPERM, "anybody may replace it there", str(path))
        if path.name and stat.S_ISLNK(mode_of(parent, path.name)):
            raise PermissionError(errno.ELOOP, "is a link, which somebody else may have made", str(path))
        with below(parent, path.name or ".", make=0o700) as descriptor:
            found = os.fstat(descriptor)
            if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise PermissionError(errno.EPERM, "is somebody else's, or others may write in it", str(path))
            yield descriptor


def write(  # one call a file, each part of it named
    into: int,
    name: str,
    data: bytes,
    *,
    mode: int = PRIVATE,
    durable: bool = True,
    aside: int | None = None,
    modified: float | None = None,
    anew: bool = False,
) -> None:
    """Put a whole file into a folder, in the place of one that has its name; with *anew* raise FileExistsError for that.

    *aside* is the folder in which it is made (a Maildir's ``tmp``), *modified* the time that it bears.
    """
    made = into if aside is None else aside
    temporary = f"{ASIDE}{token_hex(16)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=made)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor, no path
            if mode == PRIVATE:
                os.fchmod(descriptor, mode)  # whatever the umask takes away
            file.write(data)
            file.flush()
            if modified is not None:
                os.utime(descriptor, (modified, modified))
            if durable:
                os.fsync(descriptor)
        if anew:
            _rename_anew(made, temporary, into, name)
        else:
            os.rename(temporary, name, src_dir_fd=made, dst_dir_fd=into)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=made)
        raise
    if durable:
        os.fsync(into)


def _rename_anew(made: int, temporary: str, into: int, name: str) -> None:
    try:
        os.link(temporary, name, src_dir_fd=made, dst_dir_fd=into, follow_symlinks=False)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}:
            raise
        if mode_of(into, name):  # a file system without hard links (FAT): not exclusive to the instant, and all there is
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name) from error
        os.rename(temporary, name, src_dir_fd=made, dst_dir_fd=into)
    else:
        os.unlink(temporary, dir_fd=made)


def move(source: int, name: str, into: int, to: str) -> None:
    os.rename(name, to, src_dir_fd=source, dst_dir_fd=into)


def is_file(parent: int, name: str) -> bool:
    """Say whether there is a file of that name that is no link."""
    return stat.S_ISREG(mode_of(parent, name))


def names(descriptor: int) -> set[str]:
    return {*os.listdir(descriptor)}  # a descriptor, no path


def tidy(descriptor: int) -> None:
    """Take away what was being made when a process was killed; whoever writes there has a lock, so nothing is being made now."""
    for name in names(descriptor):
        if name.startswith(ASIDE):
            with suppress(FileNotFoundError):
                if stat.S_ISDIR(mode_of(descriptor, name)):
                    shutil.rmtree(name, dir_fd=descriptor)
                else:
                    os.unlink(name, dir_fd=descriptor)


def mode_of(parent: int, name: str) -> int:
    """Return the mode of what has that name, be it a link; 0 for nothing."""
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0
