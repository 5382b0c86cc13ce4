"""The unit for real: beklijf installed from its wheel in a Debian 12 whose PID 1 is systemd.

Needs root, an x86 machine's namespaces, ``apt-get install mmdebstrap systemd-container``, and Debian's and Python's package
servers. $BEKLIJF_LAB names a folder that keeps the Debian from one run to the next.
"""

from __future__ import annotations

import time

from tests.full.machine import CONFIG, NEEDS, Machine, until

pytestmark = NEEDS

CALDAV = """kind = "caldav"
url = "http://localhost:9/"
user = "mentor"
password = { credential = "calendar" }"""


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
