"""A Debian with systemd as PID 1, and the real unit in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROJECT = Path(__file__).parents[2]
NEEDED = ("mmdebstrap", "systemd-nspawn", "nsenter", "pgrep")
SYSTEMD = "systemd,systemd-sysv,dbus,libnss-systemd,python3,python3-venv,ca-certificates,procps,sudo"
BOOKWORM = (3, 11)
NEEDS = [
    pytest.mark.full,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a machine"),
    pytest.mark.skipif(any(shutil.which(name) is None for name in NEEDED), reason=f"needs {', '.join(NEEDED)}"),
    pytest.mark.skipif(sys.version_info[:2] != BOOKWORM, reason="the wheels must be for the Python of Debian 12"),
]
CONFIG = """
[organisation]
name = "Gemeente Voorbeeld"
time_zone = "Europe/Amsterdam"
language = "nl"
coordinator = { name = "Marieke Smit", email = "opleidingen@voorbeeld.example" }

[calendar]
kind = "folder"
path = "/var/lib/beklijf/calendars"
organizer = { name = "Mentorprogramma", email = "mentor@voorbeeld.example" }

[mail]
kind = "folder"
path = "/var/lib/beklijf/outbox"

[service]
state = "/var/lib/beklijf/beklijf.sqlite3"
every = "1 second"

[[person]]
name = "Sanne de Vries"
email = "sanne@voorbeeld.example"

[[person]]
name = "Karim Bakker"
email = "karim@voorbeeld.example"

[[training]]
id = "helder-schrijven"
name = "Helder schrijven"
purpose = "brieven die iedereen begrijpt"
sessions = [2030-01-15]
state = "live"
meets = { day = "thu", at = 10:00:00 }

[[training.mentorship]]
mentee = "sanne@voorbeeld.example"
mentor = "karim@voorbeeld.example"
"""
QUICKER = "[Service]\nRestartSec=100ms\nWatchdogSec=3s\nTimeoutAbortSec=1s\nLoadCredential=calendar:/etc/beklijf/calendar.password\n"
"""What the tests relax of the unit, the way an administrator would."""


@dataclass(frozen=True)
class Machine:
    """A running Debian; commands run inside it, as root unless said otherwise."""

    leader: str
    root: Path

    def run(self, *command: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(shutil.which("nsenter")), "-t", self.leader, "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--", *command],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if check and done.returncode:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}{self.journal()}")
        return done

    def write(self, path: str, text: str) -> None:
        self.run("tee", path, stdin=text)

    def show(self, name: str) -> str:
        return self.run("systemctl", "show", "beklijf", "--value", "-p", name).stdout.strip()

    def journal(self, *options: str) -> list[dict[str, Any]]:
        """Return the service's own lines since the last start of a test."""
        command = ["journalctl", "-u", "beklijf", "-o", "json", "--no-pager", *options]
        lines = self.run(*command, check=False).stdout.splitlines()
        return [entry for entry in map(json.loads, lines) if entry.get("_SYSTEMD_UNIT") == "beklijf.service"]


def booted(root: Path, lab: Path) -> Iterator[Machine]:
    wheels = lab / "wheels"
    _do(sys.executable, "-m", "pip", "wheel", "-q", "--wheel-dir", str(wheels), f"{PROJECT}[caldav,imap]")
    with (lab / "console").open("wb") as console:
        nspawn = subprocess.Popen(
            [
                *("systemd-nspawn", "-q", "-b", "-D", str(root), f"--machine=beklijf{os.getpid()}", "--volatile=overlay"),
                *("--register=no", "--keep-unit", "--console=pipe", "--capability=all", "--system-call-filter=bpf"),
                *(f"--bind-ro={wheels}:/wheels", f"--bind-ro={PROJECT / 'systemd'}:/units"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            start_new_session=True,
        )
    try:
        leader = _leader(nspawn, lab / "console")
        machine = Machine(leader, root)
        until(lambda: machine.run("systemctl", "is-system-running", check=False).stdout.strip() in {"running", "degraded"})
        _install(machine)
        yield machine
    finally:
        nspawn.terminate()
        nspawn.wait(30)


def _do(*command: str) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("SSL_CERT_")
    }  # pip trusts whom the machine does
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr


def _leader(nspawn: subprocess.Popen[bytes], console: Path) -> str:
    found = ""

    def booted() -> bool:
        nonlocal found
        assert nspawn.poll() is None, console.read_text(encoding="utf-8", errors="replace")
        found = subprocess.run(
            [str(shutil.which("pgrep")), "-P", str(nspawn.pid), "-x", "systemd"], capture_output=True, text=True, check=False
        ).stdout.strip()
        return bool(found)

    until(booted)
    return found


def _install(machine: Machine) -> None:
    """Put everything where the Debian package will."""
    machine.run("python3", "-m", "venv", "/opt/beklijf")
    machine.run("/opt/beklijf/bin/pip", "install", "-q", "--no-index", "--find-links=/wheels", "beklijf[caldav,imap]")
    machine.run("ln", "-s", "/opt/beklijf/bin/beklijf", "/usr/bin/beklijf")
    machine.run("cp", "/units/beklijf.service", "/usr/lib/systemd/system/beklijf.service")
    machine.run("cp", "/units/beklijf.sysusers.conf", "/usr/lib/sysusers.d/beklijf.conf")
    machine.run("cp", "/units/beklijf.tmpfiles.conf", "/usr/lib/tmpfiles.d/beklijf.conf")
    machine.run("systemd-sysusers")
    machine.run("systemd-tmpfiles", "--create", "beklijf.conf")
    machine.run("mkdir", "-p", "/etc/systemd/system/beklijf.service.d")
    machine.write("/etc/systemd/system/beklijf.service.d/override.conf", QUICKER)
    machine.write("/etc/beklijf/calendar.password", "s3cret\n")
    machine.run("chmod", "600", "/etc/beklijf/calendar.password")
    machine.write("/etc/beklijf/config.toml", CONFIG)
    machine.run("systemctl", "daemon-reload")


def until(true: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)
