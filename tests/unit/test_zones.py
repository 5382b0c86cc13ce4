"""Whose rules of time zones are gone by."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tzdata  # type: ignore[import-untyped]  # it has no types

from beklijf.boundary import zones

PACKAGE = Path(tzdata.__file__).parent / "zoneinfo"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"tzdata.zi": "# version 2025b\n# This zic input file is in the public domain.\n"}, "2025b"),
        ({"tzdata.zi": "# version 2024b-dirty\n"}, "2024b"),
        ({"+VERSION": "2025c\n"}, "2025c"),
        ({"tzdata.zi": "# redo posix_only\n", "+VERSION": "2025c\n"}, "2025c"),
        ({"tzdata.zi": ""}, ""),
        ({}, ""),
    ],
)
def test_the_systems_rules_say_how_old_they_are(files: dict[str, str], found: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    assert zones.version((str(tmp_path / "none"), str(tmp_path))) == found


def test_no_folder_has_no_version() -> None:
    assert zones.version(()) == ""


def path_after(system: Path, **environ: str) -> str:
    """Return where a process that has *system* as its zones looks for them in the end."""
    script = f"import zoneinfo; zoneinfo.reset_tzpath([{str(system)!r}]); from beklijf.boundary import zones; zones.go_by_the_newest()"
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONTZPATH"} | environ
    command = [sys.executable, "-c", f"{script}; print(*zoneinfo.TZPATH)"]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=plain).stdout.strip()


def test_older_rules_of_the_system_give_way_to_those_of_the_package(tmp_path: Path) -> None:
    (tmp_path / "tzdata.zi").write_text("# version 1999z\n")

    assert path_after(tmp_path) == ""


@pytest.mark.parametrize("version", [tzdata.IANA_VERSION, "2199a"])
def test_rules_of_the_system_that_are_as_new_stay(version: str, tmp_path: Path) -> None:
    (tmp_path / "tzdata.zi").write_text(f"# version {version}\n")

    assert path_after(tmp_path) == str(tmp_path)


def test_who_says_where_zones_are_has_chosen(tmp_path: Path) -> None:
    (tmp_path / "tzdata.zi").write_text("# version 1999z\n")

    assert path_after(tmp_path, PYTHONTZPATH=str(tmp_path)) == str(tmp_path)
