"""Two builds, installed side by side in the same way: that of an older commit, and the one of this folder.

Each has an environment of its own in ``var``, with the same versions of all libraries and the byte code written beforehand; an
environment for developers starts more slowly.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

COMMIT = "5f433d5"
"""The last one before it was made faster."""
_ROOT = Path(__file__).resolve().parent.parent
_VAR = _ROOT / "var" / "baseline"


@cache
def older() -> Path:
    """Return a Python in which that build is installed, from a clone of this repository; made once."""
    place = _VAR / COMMIT
    source, made = place / "source", place / "made"
    if not made.exists():
        _run("git", "clone", "--quiet", "--no-checkout", _ROOT, source)
        _run("git", "-C", source, "checkout", "--quiet", COMMIT)
        _install(place / "venv", source)
        made.touch()
    return _python(place / "venv")


@cache
def todays() -> Path:
    """Return a Python in which this folder is installed as it is now."""
    _install(_VAR / "today", _ROOT)
    return _python(_VAR / "today")


def _install(environment: Path, source: Path) -> None:
    if not environment.exists():
        _run(sys.executable, "-m", "venv", environment)
    same = environment / "versions.txt"
    same.write_text(_run(sys.executable, "-m", "pip", "freeze", "--exclude", "beklijf"), encoding="utf-8")
    pip: list[str | Path] = [_python(environment), "-m", "pip", "--quiet"]
    _run(*pip, "uninstall", "--yes", "beklijf")  # the number of the version says nothing of what is in it
    _run(*pip, "install", "--compile", "--constraint", same, f"{source}[all]")


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


def _run(*command: str | Path) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    print(older(), todays(), sep="\n")
