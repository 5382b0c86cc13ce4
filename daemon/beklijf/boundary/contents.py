"""What is in a file that other people and programs put there: a plain file, up to a size, and never waited for.

    what has the name                          what comes of it
    -----------------------------------------  -----------------------------------------------------------------------------
    a plain file                               its content
    a link that leads to one                   the same, unless the caller takes no links
    a folder, a FIFO, a socket, a device       `NoContent`: nothing is opened, which might wait for somebody, or do something
    a link that leads nowhere, or in a circle  `NoContent`
    more than *largest*                        `NoContent`
    what this account may not read             `NoContent`
    nothing, or nothing any more               FileNotFoundError

All else that goes wrong (no more descriptors, a broken disk) is no fault of the file, and stays the OSError that it is.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_Named: TypeAlias = "Path | os.DirEntry[str]"
"""A file by its name, or as a listing has it."""

LARGEST = 10 * 2**20
"""Bytes of one file: an event has two thousand, a config of ten thousand pairs has some three million."""

_KINDS = {
    stat.S_IFDIR: os.strerror(errno.EISDIR),
    stat.S_IFIFO: "Is a FIFO",
    stat.S_IFSOCK: "Is a socket",
    stat.S_IFCHR: "Is a device",
    stat.S_IFBLK: "Is a device",
    stat.S_IFLNK: "Is a link",
}
_THE_FILES_OWN = frozenset({errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ENOTDIR, errno.ENXIO, errno.EISDIR})


class NoContent(OSError):
    """This one file is not to be read; ``strerror`` says why, as the system's own words do."""


def read(path: Path, *, largest: int = LARGEST, links: bool = True) -> bytes:
    """Return the content of a file; raises `NoContent` or FileNotFoundError."""
    with opened(path, largest=largest, links=links) as file:
        content = file.read(largest + 1)
    if len(content) > largest:  # it grew since
        raise _too_large(path, largest)
    return content


@contextmanager
def opened(path: Path, *, largest: int = LARGEST, links: bool = True) -> Iterator[BinaryIO]:
    """Yield a file to read from, as far as the caller likes; raises `NoContent` or FileNotFoundError."""
    with _meant(path):
        _check(path, path.stat(follow_symlinks=links), largest)
        # Not waiting, in case that it was exchanged for a FIFO since.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW)
        descriptor = os.open(path, flags)
    with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor, no path
        _check(path, os.fstat(descriptor), largest)
        yield file


def status(path: _Named, *, largest: int = LARGEST) -> os.stat_result:
    """Return the status of a file that may be read, without opening it; raises as reading it would."""
    try:
        found = path.stat()
    except OSError as error:  # no context manager: it costs more than the asking, and folders have many files
        raise _its_own(path, error) from error
    _check(path, found, largest)
    return found


def _check(path: _Named, status: os.stat_result, largest: int = LARGEST) -> None:
    """Raise `NoContent` for what by its status is no file to read."""
    if not stat.S_ISREG(status.st_mode):
        raise NoContent(errno.EINVAL, _KINDS.get(stat.S_IFMT(status.st_mode), "Is no file"), os.fspath(path))
    if status.st_size > largest:
        raise _too_large(path, largest)


@contextmanager
def _meant(path: _Named) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _its_own(path, error) from error


def _its_own(path: _Named, error: OSError) -> OSError:
    """Return what is wrong with this one file, if it is."""
    if isinstance(error, NoContent):
        return error
    if isinstance(error, FileNotFoundError):
        return NoContent(errno.ENOENT, "Is a link that leads nowhere", os.fspath(path)) if path.is_symlink() else error
    if error.errno not in _THE_FILES_OWN:
        return error
    said = "Is a link that leads in a circle" if error.errno == errno.ELOOP and path.is_symlink() else error.strerror
    return NoContent(error.errno, said, os.fspath(path))


def _too_large(path: _Named, largest: int) -> NoContent:
    return NoContent(errno.EFBIG, f"Has more than {largest:,} bytes", os.fspath(path))
