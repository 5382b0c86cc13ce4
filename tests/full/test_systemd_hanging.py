"""On a real systemd: a server that answers in drops is said to be down, the rest goes on, and a stop takes seconds."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.full.hanging import caldav, hanging, imap, smtp
from tests.full.machine import CONFIG, NEEDS, Machine, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.certificates import Certificates
    from tests.full.hanging import Talk


pytestmark = NEEDS

FOLDER_CALENDAR = 'kind = "folder"\npath = "/var/lib/beklijf/calendars"'
FOLDER_MAIL = 'kind = "folder"\npath = "/var/lib/beklijf/outbox"'
DEADLINE = 'deadline = "5 seconds"'
PATIENT = "[Service]\nWatchdogSec=30s\n"
"""More than a deadline of five seconds, and less than these servers would take."""


def soon() -> str:
    """Return the config of a training so near that letters and invitations are due at any hour of any day."""
    first = datetime.now(UTC).date() + timedelta(days=21)  # noqa: TID251  # the service's clock is the real one
    everyday = 'works = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]'
    at_any_hour = f"letter_hour = 00:00:00\noffice_hours = {{ {ALL_DAYS} }}\n"
    config = CONFIG.replace("2030-01-15", f"{first}").replace("coordinator", f"{at_any_hour}coordinator")
    return config.replace('voorbeeld.example"\n\n[[', f'voorbeeld.example"\n{everyday}\n\n[[')


ALL_DAYS = 'from = 00:00:00, until = 23:59:00, days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]'


@pytest.fixture
def unit(running: Machine, certificates: Certificates) -> Iterator[Machine]:
    """Yield the machine with nothing done yet, and a watchdog that waits for one deadline."""
    running.run("systemctl", "stop", "beklijf")
    running.run("sh", "-c", "rm -rf /var/lib/beklijf/*")
    running.write("/etc/systemd/system/beklijf.service.d/patient.conf", PATIENT)
    running.write("/etc/beklijf/ca.pem", certificates.ca.read_text(encoding="utf-8"))
    running.run("systemctl", "daemon-reload")
    yield running
    running.run("systemctl", "stop", "beklijf")
    running.run("rm", "/etc/systemd/system/beklijf.service.d/patient.conf")
    running.run("sh", "-c", "rm -rf /var/lib/beklijf/*")
    running.run("systemctl", "daemon-reload")


@contextmanager
def working_by(unit: Machine, config: str) -> Iterator[None]:
    unit.write("/etc/beklijf/config.toml", config)
    unit.run("systemctl", "restart", "beklijf")
    yield
    begun = time.monotonic()
    unit.run("systemctl", "stop", "beklijf")
    assert time.monotonic() - begun < 5.5  # and what systemctl itself takes
    assert unit.show("Result") == "success"
    assert unit.show("NRestarts") == "0"
    assert not any("Traceback" in entry["MESSAGE"] for entry in unit.journal())


def says(unit: Machine, words: str) -> None:
    """Wait until STATUS has *words* in it; what it has instead, and the journal, is the failure."""
    try:
        until(lambda: words in unit.show("StatusText"))
    except AssertionError:
        said = [entry["MESSAGE"] for entry in unit.journal()][-15:]
        raise AssertionError(f"{words!r} not in {unit.show('StatusText')!r}; the journal: {said}") from None


def files(unit: Machine, folder: str) -> list[str]:
    return unit.run("sh", "-c", f"find /var/lib/beklijf/{folder} -type f ! -name displayname 2>/dev/null || true").stdout.split()


def rooms(unit: Machine, place: str) -> bool:
    found = files(unit, "calendars")
    return len(found) > 1 and unit.run("grep", "-L", f"LOCATION.*{place}", *found, check=False).stdout.strip() == ""


@pytest.mark.parametrize("at", ["head", "body"])
def test_a_calendar_server_that_drips_is_down_and_letters_go_out(unit: Machine, at: str) -> None:
    with hanging(caldav(at=at)) as port:
        server = f'kind = "caldav"\nurl = "http://127.0.0.1:{port}/"\nuser = "mentor"\npassword = {{ credential = "calendar" }}\n{DEADLINE}'
        with working_by(unit, soon().replace(FOLDER_CALENDAR, server)):
            says(unit, "calendar is down")
            until(lambda: len(files(unit, "outbox")) >= 2)
            status = unit.run("sudo", "-u", "beklijf", "beklijf", "status", check=False)
            assert "calendar is down since" in status.stdout


@pytest.mark.parametrize("at", ["greeting", "EHLO", "message"])
def test_a_mail_server_that_drips_is_down_and_the_calendar_is_kept_right(unit: Machine, certificates: Certificates, at: str) -> None:
    with working_by(unit, soon()):
        until(lambda: len(files(unit, "calendars")) >= 2)
    with hanging(smtp(at=at), tls=certificates.server) as port:
        server = f'kind = "smtp"\nhost = "127.0.0.1"\nport = {port}\nsecurity = "tls"\nca = "/etc/beklijf/ca.pem"\n{DEADLINE}'
        config = soon().replace(FOLDER_MAIL, f'{server}\nfinal_deadline = "5 seconds"')
        with working_by(unit, config.replace('state = "live"', 'state = "live"\nplace = "Zaal 9"')):
            until(lambda: rooms(unit, "Zaal 9"))
            says(unit, "mail is down")


@pytest.mark.parametrize("at", ["greeting", "SEARCH"])
def test_a_mailbox_that_drips_is_down_and_the_rest_is_done(unit: Machine, certificates: Certificates, at: str) -> None:
    with hanging(imap(at=at), tls=certificates.server) as port, working_by(unit, reading(port)):
        says(unit, "inbox is down")
        until(lambda: len(files(unit, "outbox")) >= 2)
        until(lambda: len(files(unit, "calendars")) >= 2)


def test_the_one_mail_over_which_a_mailbox_drips_is_set_aside_and_the_rest_is_done(unit: Machine, certificates: Certificates) -> None:
    with hanging(imap(at="FETCH"), tls=certificates.server) as port, working_by(unit, reading(port)):
        until(lambda: len(files(unit, "outbox")) >= 2)
        until(lambda: len(files(unit, "calendars")) >= 2)
        until(lambda: "1 set aside" in unit.show("StatusText"), seconds=90)


def reading(port: int) -> str:
    """Return the config with a mailbox at *port*."""
    login = 'user = "mentor"\npassword = { credential = "calendar" }\nca = "/etc/beklijf/ca.pem"'
    inbox = f'[inbox]\nkind = "imap"\nhost = "127.0.0.1"\nport = {port}\n{login}\n{DEADLINE}\n\n[answers]\nread = true\n\n[service]'
    return soon().replace("[service]", inbox)


@pytest.mark.parametrize("talk", [caldav(at="body")], ids=["a listing"])
def test_a_stop_in_the_middle_of_an_answer_takes_seconds(unit: Machine, talk: Talk) -> None:
    with hanging(talk) as port:
        server = f'kind = "caldav"\nurl = "http://127.0.0.1:{port}/"\nuser = "mentor"\npassword = {{ credential = "calendar" }}'
        with working_by(unit, soon().replace(FOLDER_CALENDAR, server)):  # with a deadline of two minutes
            time.sleep(3)
