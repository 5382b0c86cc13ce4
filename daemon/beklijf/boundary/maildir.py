"""A Maildir as it is written: a mail is made in ``tmp`` and moved to ``new``, so that no reader ever sees half of one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from beklijf.boundary import files

if TYPE_CHECKING:
    from pathlib import Path

PLACES = ("tmp", "new", "cur")


def make(path: Path, *, durable: bool = True) -> None:
    """Make what of it isn't there, for this account only: mails are nobody else's business."""
    with files.folder(path, make=0o700) as box:
        for name in PLACES:
            with files.below(box, name, make=0o700) as place:
                if name == "tmp":
                    files.tidy(place)
        if durable:
            os.fsync(box)


def deliver(path: Path, name: str, content: bytes, *, at: float, durable: bool = True) -> None:
    """Put one mail into ``new``, as of the time *at*."""
    with files.folder(path) as box, files.below(box, "tmp") as tmp, files.below(box, "new") as new:
        files.write(new, name, content, aside=tmp, modified=at, durable=durable)
