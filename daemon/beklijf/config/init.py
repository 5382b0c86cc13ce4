"""Writes the example config with dates near today; prints nothing and never overwrites."""

from __future__ import annotations

import re
import tomllib
from datetime import date, timedelta
from pathlib import Path

from beklijf.boundary import files
from beklijf.model.errors import UsageError

SOONEST = timedelta(days=21)
"""The first session lies this far ahead or up to six days more, so that letters and invitations are due at once."""

_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")


def write_example(directory: Path, today: date) -> Path:
    """Write the example as ``config.toml``, all its dates shifted by the same whole weeks; raises UsageError."""
    path = directory / "config.toml"
    text = shifted(_example().read_text(encoding="utf-8"), today)
    try:
        with files.folder(directory, make=0o777) as folder:
            files.write(folder, path.name, text.encode(), mode=files.COMMON, anew=True)
    except FileExistsError:
        raise UsageError(f"{path} is there already, and stays as it is", hint="name another folder: beklijf init DIR") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="name another folder: beklijf init DIR") from error
    return path


def shifted(text: str, today: date) -> str:
    """Return a config with every date moved, those in comments too; whole weeks keep every weekday as it was."""
    first = min(session for training in tomllib.loads(text)["training"] for session in training["sessions"])
    weeks = -((first - today - SOONEST) // timedelta(weeks=1))
    move = timedelta(weeks=weeks)
    return _DATE.sub(lambda match: str(date.fromisoformat(match.group()) + move), text)


def _example() -> Path:
    """Return the example of this version: beside the package in a wheel, at the top of a checkout."""
    installed = Path(__file__).parents[1] / "config.example.toml"
    return installed if installed.is_file() else Path(__file__).parents[3] / "config.example.toml"
