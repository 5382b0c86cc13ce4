"""Whose rules of time zones are gone by: the system's files, or those of the tzdata package."""

from __future__ import annotations

import os
import re
import zoneinfo
from pathlib import Path

import tzdata  # type: ignore[import-untyped]  # it has no types

_VERSION = re.compile(r"(?:# version )?(\d{4}[a-z]+)")


def go_by_the_newest() -> None:
    """Let zoneinfo read the package alone where the system's rules are older, or don't say how old they are.

    It reads the system's files first, whatever their age. Who sets PYTHONTZPATH has chosen.
    """
    if "PYTHONTZPATH" not in os.environ and version(zoneinfo.TZPATH) < tzdata.IANA_VERSION:
        zoneinfo.reset_tzpath(())


def version(folders: tuple[str, ...]) -> str:
    """Return the version (2026f) of the rules in the first of *folders* that has any; empty where it doesn't say."""
    folder = next((Path(each) for each in folders if Path(each).is_dir()), Path(os.devnull))
    for name in ("tzdata.zi", "+VERSION"):
        try:
            with (folder / name).open(encoding="ascii", errors="replace") as file:
                found = _VERSION.match(file.readline(100))
        except OSError:
            continue
        if found:
            return found[1]
    return ""
