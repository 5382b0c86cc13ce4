"""The unit for real: beklijf installed from its wheel in a Debian 12 whose PID 1 is systemd.

Needs root, an x86 machine's namespaces, ``apt-get install mmdebstrap systemd-container``, and Debian's and Python's package
servers. $BEKLIJF_LAB names a folder that keeps the Debian from one run to the next.
"""

from __future__ import annotations

import fcntl
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
PACKAGES = "systemd,systemd-sysv,dbus,libnss-systemd,python3,python3-venv,ca-certificates,procps,sudo"
BOOKWORM = (3, 11)

pytestmark = [
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

CALDAV = """kind = "caldav"
url = "http://localhost:9/"
user = "mentor"
password = { credential = "calendar" }"""

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


@pytest.fixture(scope="module")
def machine(debian: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    root, lab = debian("systemd", PACKAGES), tmp_path_factory.mktemp("machine")
    with root.with_suffix(".busy").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # one machine at a time runs on this root
        yield from _booted(root, lab)


def _booted(root: Path, lab: Path) -> Iterator[Machine]:
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
    done = subprocess.run(command, capture_output=True, text=True, check=False)
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


@pytest.fixture
def running(machine: Machine) -> Machine:
    """Start afresh on the good config, with a journal of its own."""
    machine.run("systemctl", "stop", "beklijf")
    machine.run("systemctl", "reset-failed", "beklijf", check=False)
    machine.run("journalctl", "--rotate")
    machine.run("journalctl", "--vacuum-time=1s")
    machine.write("/etc/beklijf/config.toml", CONFIG)
    machine.run("systemctl", "start", "beklijf")
    return machine


def until(true: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_it_runs_as_its_own_account_and_says_what_comes_next(running: Machine) -> None:
    until(lambda: running.show("StatusText").startswith("next: "))

    assert running.show("ActiveState") == "active"
    assert running.run("stat", "-c", "%U %a", "/var/lib/beklijf", "/var/lib/beklijf/beklijf.sqlite3").stdout.split("\n")[:2] == [
        "beklijf 750",
        "beklijf 600",
    ]


def test_people_plan_on_the_live_state_as_that_account(running: Machine) -> None:
    until(lambda: running.show("StatusText").startswith("next: "))

    done = running.run("sudo", "-u", "beklijf", "beklijf", "plan", check=False)

    assert done.returncode in {0, 2}, done.stderr
    assert "error:" not in done.stderr


def test_nobody_else_reads_config_or_state(running: Machine) -> None:
    for path in ("/etc/beklijf/config.toml", "/var/lib/beklijf/beklijf.sqlite3"):
        assert running.run("sudo", "-u", "daemon", "cat", path, check=False).returncode != 0


def test_the_credential_is_there_for_the_unit_and_for_commands_of_its_account(running: Machine) -> None:
    path = "/run/credentials/beklijf.service/calendar"

    assert running.run("sudo", "-u", "beklijf", "cat", path).stdout == "s3cret\n"
    assert running.run("sudo", "-u", "daemon", "cat", path, check=False).returncode != 0


def test_the_watchdog_is_content_with_a_quiet_service(running: Machine) -> None:
    time.sleep(8)  # more than two of its terms

    assert running.show("NRestarts") == "0"
    assert running.show("ActiveState") == "active"


def test_the_watchdog_grows_with_the_heartbeat(running: Machine) -> None:
    running.write("/etc/beklijf/config.toml", CONFIG.replace("1 second", "4 seconds"))

    running.run("systemctl", "restart", "beklijf")
    time.sleep(6)  # twice what the unit grants it

    assert running.show("WatchdogUSec") == "12s"
    assert running.show("NRestarts") == "0"


def test_one_that_hangs_is_started_afresh(running: Machine) -> None:
    running.run("kill", "-STOP", running.show("MainPID"))

    until(lambda: running.show("NRestarts") == "1")
    until(lambda: running.show("ActiveState") == "active")


def test_one_that_was_killed_is_started_afresh(running: Machine) -> None:
    running.run("kill", "-KILL", running.show("MainPID"))

    until(lambda: running.show("NRestarts") == "1" and running.show("ActiveState") == "active")


def test_it_stops_within_seconds_and_well(running: Machine) -> None:
    begun = time.monotonic()

    running.run("systemctl", "stop", "beklijf")

    assert time.monotonic() - begun < 5
    assert running.show("Result") == "success"


def test_reload_takes_up_a_good_config(running: Machine) -> None:
    running.write("/etc/beklijf/config.toml", CONFIG.replace("1 second", "2 seconds"))

    running.run("systemctl", "reload", "beklijf")

    until(lambda: any("as it is now" in entry["MESSAGE"] for entry in running.journal()))
    assert running.show("ActiveState") == "active"


def test_reload_leaves_a_broken_config_alone_and_the_journal_says_why(running: Machine) -> None:
    running.write("/etc/beklijf/config.toml", CONFIG.replace("2030-01-15", '"soon"'))

    running.run("systemctl", "reload", "beklijf")

    until(lambda: bool(running.journal("-p", "err")))
    assert running.journal("-p", "err")[0]["MESSAGE"].startswith("training[0].sessions[0]: ")
    assert running.show("ActiveState") == "active"


def test_a_broken_config_is_not_tried_again_and_again(running: Machine) -> None:
    running.write("/etc/beklijf/config.toml", CONFIG.replace("2030-01-15", '"soon"'))

    assert running.run("systemctl", "restart", "beklijf", check=False).returncode != 0

    assert running.show("ActiveState") == "failed"
    assert running.show("ExecMainStatus") == "78"
    assert running.show("NRestarts") == "0"


def test_a_calendar_server_is_reached_for_from_inside_the_cage(running: Machine) -> None:
    folder = 'kind = "folder"\npath = "/var/lib/beklijf/calendars"'
    running.write("/etc/beklijf/config.toml", CONFIG.replace(folder, CALDAV))

    running.run("systemctl", "restart", "beklijf")

    until(lambda: any("calendar" in entry["MESSAGE"] and "is down" in entry["MESSAGE"] for entry in running.journal("-p", "err")))
    said = [entry["MESSAGE"] for entry in running.journal()]
    assert not any("Traceback" in message or "s3cret" in message for message in said)
    assert sum("is down" in message for message in said) == 1
