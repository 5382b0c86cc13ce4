"""What becomes of stdout when it takes nothing more. Prints nothing itself."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Unwritable(Exception):
    """What a command says can't be written: the disk is full, say."""


@contextmanager
def writing() -> Iterator[None]:
    """Tell an error of the output itself from those of what a command does; a reader who has gone stays a BrokenPipeError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unwritable(error.strerror or str(error)) from error


def give_up_stdout() -> None:
    """Send the rest nowhere; without this Python complains once more on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
