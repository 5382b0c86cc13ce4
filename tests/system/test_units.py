"""What systemd itself says of our units, wherever its tools are."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"

MOST_EXPOSURE = "11"
"""1.1 of 10, in tenths, as ``--threshold`` takes it: as good as the best network services in Debian."""


def command(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine")
    return found


def installed(folder: Path) -> Path:
    """Return a copy of the unit whose command exists here: ``verify`` looks for it."""
    text = (UNITS / "beklijf.service").read_text(encoding="utf-8")
    unit = folder / "beklijf.service"
    unit.write_text(text.replace("/usr/bin/beklijf ", f"{shutil.which('true')} "), encoding="utf-8")
    return unit


def test_the_unit_has_nothing_that_systemd_does_not_understand(tmp_path: Path) -> None:
    done = subprocess.run(
        [command("systemd-analyze"), "verify", installed(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_unit_exposes_little() -> None:
    done = subprocess.run(
        [
            command("systemd-analyze"),
            "security",
            "--offline=true",
            "--no-pager",
            f"--threshold={MOST_EXPOSURE}",
            UNITS / "beklijf.service",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stdout


def test_the_account_can_be_made(tmp_path: Path) -> None:
    done = subprocess.run(
        [command("systemd-sysusers"), "--dry-run", f"--root={tmp_path}", UNITS / "beklijf.sysusers.conf"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert "beklijf" in done.stdout + done.stderr


def test_unit_account_and_folder_speak_of_the_same_things() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their case, as the library's own documentation does it
    unit.read(UNITS / "beklijf.service", encoding="utf-8")
    service = unit["Service"]
    account = service["User"]

    assert f"\nu {account} - " in (UNITS / "beklijf.sysusers.conf").read_text(encoding="utf-8")
    assert f"\nd /etc/beklijf 0750 root {service['Group']}\n" in (UNITS / "beklijf.tmpfiles.conf").read_text(encoding="utf-8")
    assert service["ExecStart"] == "/usr/bin/beklijf --config /etc/beklijf/config.toml run"


def test_every_line_that_locks_something_up_says_why() -> None:
    """An administrator who must relax one finds the reason above it; settings that belong together share one."""
    text = (UNITS / "beklijf.service").read_text(encoding="utf-8")
    lines = text.partition("# --- who it is")[2].partition("[Install]")[0].splitlines()[1:]
    unexplained = []
    together = 0
    for line in lines:
        together = together + 1 if line and not line.startswith("#") else 0
        if together > 3:
            unexplained.append(line)

    assert unexplained == []
    assert sum(line.startswith("#") for line in lines) > 25
