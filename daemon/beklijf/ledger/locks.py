"""Who may work on a state file: one tick at a time, one service at all. The kernel frees a lock when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from beklijf.boundary import files
from beklijf.model.errors import Busy, StateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locked(state: Path, name: str, *, wait: float = 0) -> Iterator[None]:
    """Hold the lock *name* of *state*; raises Busy when another process holds it after *wait* seconds."""
    path = state.with_name(f"{state.name}.{name}.lock")
    try:
        with files.folder(path.parent, make=0o777) as folder:
            handle = os.open(path.name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, files.PRIVATE, dir_fd=folder)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}", hint="run it as the account that owns the state file") from error
    try:
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() >= deadline:
                    raise Busy(
                        f"another beklijf holds the {name} lock of {state}", hint="wait for it, or stop it; nothing was done"
                    ) from error
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)
