"""The service as a process: what systemd, a terminal, signals and a second instance see of it.

Most tests give it a clock that stands where a file says, so that what is due doesn't depend on the day they run on.
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.system.waiting import DEADLINE, until

from beklijf.ledger.locks import locked
from beklijf.service.heartbeat import pause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


WEDNESDAY = datetime(2026, 12, 2, 10, 30, tzinfo=UTC)
"""Thirteen days before the first session: the welcome letters are due, and the invitations the morning after."""

WITH_A_CLOCK = """
import itertools, sys, time
from datetime import datetime
from pathlib import Path
from beklijf.service import heartbeat

config, instant, broken = map(Path, sys.argv[1:])
calls = itertools.count()

def clock():
    if next(calls) and broken.exists():  # the first call is made when the config is taken up
        if broken.read_text():
            print("hanging", file=sys.stderr, flush=True)
            time.sleep(60)
        raise RuntimeError("the clock is broken")
    return datetime.fromisoformat(instant.read_text())

sys.exit(heartbeat.run(config, clock=clock))
"""


def config_of(pairs: int, *, every: str = "1 hour", state: str = "var/beklijf.sqlite3") -> str:
    lines = [
        '[organisation]\nname = "Gemeente Voorbeeld"\ntime_zone = "Europe/Amsterdam"\nlanguage = "nl"',
        'coordinator = { name = "Marieke Smit", email = "opleidingen@voorbeeld.example" }',
        '[calendar]\nkind = "folder"\npath = "var/calendars"',
        'organizer = { name = "Mentorprogramma", email = "mentor@voorbeeld.example" }',
        '[mail]\nkind = "folder"\npath = "var/outbox"',
        f'[service]\nstate = "{state}"\nevery = "{every}"',
        "[guard]\nmax_people = 1000",
        '[[training]]\nid = "t"\nname = "Helder schrijven"\npurpose = "brieven die iedereen begrijpt"',
        'sessions = [2026-12-15, 2027-01-19]\nstate = "live"\nmeets = { day = "thu", at = 10:00:00 }',
    ]
    for n in range(pairs):
        lines.append(f'[[training.mentorship]]\nmentee = "mentee{n}@voorbeeld.example"\nmentor = "mentor{n}@voorbeeld.example"')
        lines += [f'[[person]]\nname = "Persoon {who} {n}"\nemail = "{who}{n}@voorbeeld.example"' for who in ("mentee", "mentor")]
    return "\n".join([*lines, "[answers]\nread = false"]) + "\n"


@dataclass
class Place:
    """A folder with a config and everything that the service makes of it."""

    folder: Path

    def __post_init__(self) -> None:
        self.config = self.folder / "config.toml"
        self.instant = self.folder / "instant"
        self.broken = self.folder / "clock-is-broken"
        self.at(WEDNESDAY)

    def at(self, instant: datetime) -> None:
        new = self.folder / "instant.new"
        new.write_text(instant.isoformat(), encoding="ascii")
        new.replace(self.instant)

    def letters(self) -> int:
        """Count the letters; an invitation carries a calendar."""
        return sum(b"text/calendar" not in path.read_bytes() for path in (self.folder / "var/outbox/new").glob("*"))

    def events(self) -> int:
        return len(list((self.folder / "var/calendars").glob("*/*.ics")))


@dataclass
class Service:
    """A service that runs as a child, as systemd would run it: with a socket that it notifies."""

    process: subprocess.Popen[bytes]
    notified: socket.socket
    stderr: Path

    def hears(self, wanted: str) -> str:
        """Return the next message that has *wanted* in it."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            if (message := self.message(0.1)) and wanted in message:
                return message
            assert self.process.poll() is None, f"it ended: {self.log()}"
        raise AssertionError(f"never said {wanted}: {self.log()}")

    def message(self, seconds: float) -> str:
        return self.notified.recv(4096).decode() if select.select([self.notified], [], [], seconds)[0] else ""

    def ends(self) -> int:
        """Return the exit code; keeps reading what it says meanwhile, as systemd does."""
        deadline = time.monotonic() + DEADLINE
        while self.process.poll() is None and time.monotonic() < deadline:
            self.message(0.05)
        return self.process.wait(0)

    def log(self) -> str:
        return self.stderr.read_text(encoding="utf-8")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def start(place: Place) -> Iterator[Callable[..., Service]]:
    """Start services that are killed when the test ends; *real* is the command itself, on the real clock."""
    services: list[Service] = []

    def starting(*, real: bool = False, **environment: str) -> Service:
        number = len(services)
        notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = place.folder / f"notify{number}"
        notified.bind(str(address))
        command = ["-m", "beklijf", "--config", str(place.config), "run"]
        if not real:
            command = ["-c", WITH_A_CLOCK, str(place.config), str(place.instant), str(place.broken)]
        log = place.folder / f"stderr{number}"
        with log.open("wb") as stderr:
            found = os.fstat(stderr.fileno())
            environment.setdefault("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
            process = subprocess.Popen(
                [sys.executable, *command], stderr=stderr, env={**os.environ, "NOTIFY_SOCKET": str(address), **environment}
            )
        services.append(Service(process, notified, log))
        return services[-1]

    yield starting
    for service in services:
        service.process.kill()
        service.process.wait()
        service.notified.close()


# -- ready, work, stop -------------------------------------------------------------------------------------------------


def test_the_command_says_ready_and_ends_well_on_sigterm(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1), encoding="utf-8")

    service = start(real=True)
    service.hears("READY=1")
    service.hears("STATUS=n")
    service.process.terminate()

    service.hears("STOPPING=1")
    assert service.ends() == 0


def test_the_status_says_what_comes_next_and_when(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1), encoding="utf-8")

    service = start()

    assert "STATUS=looking at everything" in service.hears("READY=1")
    assert service.hears("next") == "STATUS=next: Wed 16 Dec 09:00"


def test_what_a_stop_cuts_short_is_finished_by_the_next_start(place: Place, start: Callable[..., Service]) -> None:
    pairs = 40
    place.config.write_text(config_of(pairs), encoding="utf-8")
    service = start(WATCHDOG_USEC="900000000")
    for _ in range(5):
        service.hears("WATCHDOG=1")  # it can't run far ahead: the queue of the socket is short

    service.process.terminate()
    stopped = time.monotonic()
    code = service.ends()

    assert code == 0
    assert time.monotonic() - stopped < 5
    assert "Traceback" not in service.log()
    assert place.letters() < 2 * pairs

    again = start()
    again.hears("next")

    assert place.letters() == 2 * pairs
    assert "sending once more" not in again.log()


def test_a_second_signal_ends_it_whatever_it_is_doing(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1), encoding="utf-8")
    place.broken.write_text("hangs", encoding="ascii")
    service = start()
    until(lambda: "hanging" in service.log())

    service.process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):  # two signals at the same time would be one
        service.process.wait(0.5)
    service.process.terminate()

    assert service.process.wait(5) == -signal.SIGTERM


def test_what_falls_due_between_two_heartbeats_is_not_waited_for(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1), encoding="utf-8")
    thursday = WEDNESDAY.replace(day=3, hour=8, minute=0)
    place.at(thursday - timedelta(days=1) + timedelta(hours=23, minutes=59, seconds=58))
    service = start()
    service.hears("next")
    assert place.events() == 0

    place.at(thursday)

    until(lambda: place.events() == 2)


def test_an_exception_nobody_expected_is_logged_and_survived(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1, every="1 second"), encoding="utf-8")
    place.broken.touch()
    service = start(WATCHDOG_USEC="900000000")
    service.hears("READY=1")
    until(lambda: "the clock is broken" in service.log())

    assert service.message(0) == ""  # the watchdog isn't fed
    traceback = [line for line in service.log().splitlines() if "starts with" not in line]
    assert "<3>a defect of beklijf" in traceback[0]
    assert all(line.startswith("<3>") for line in traceback)

    place.broken.unlink()
    service.hears("WATCHDOG=1")
    place.broken.touch()
    until(lambda: "the same defect for the 2th time" in service.log())
    assert service.log().count("Traceback") == 1

    place.broken.unlink()
    service.hears("WATCHDOG=1")

    until(lambda: place.letters() == 2)


class Deaf(socketserver.ThreadingTCPServer):
    """A server that takes connections and says nothing."""

    calls = 0

    def finish_request(self, _request: object, _address: object) -> None:
        self.calls += 1


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    with Deaf(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield server
        server.shutdown()


def test_a_server_that_stays_down_is_one_line_and_is_left_alone_for_a_while(
    place: Place, start: Callable[..., Service], deaf: Deaf
) -> None:
    url = f"http://127.0.0.1:{deaf.server_address[1]}/"
    caldav = f'kind = "caldav"\nurl = "{url}"\nuser = "mentor"\npassword = {{ env = "CALENDAR" }}'
    config = config_of(1, every="1 second").replace('kind = "folder"\npath = "var/calendars"', caldav)
    place.config.write_text(config, encoding="utf-8")

    service = start(CALENDAR="s3cret")
    assert "calendar is down" in service.hears("STATUS=next")
    calls = deaf.calls
    service.hears("STATUS=next")
    service.hears("STATUS=next")
    assert deaf.calls == calls > 0

    place.at(WEDNESDAY + timedelta(minutes=6))
    until(lambda: deaf.calls > calls)
    service.hears("STATUS=next")
    service.hears("STATUS=next")

    assert service.log().count("is down") == 1
    assert "s3cret" not in service.log()


# -- the watchdog ------------------------------------------------------------------------------------------------------


def test_the_watchdog_is_fed_by_work_alone(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1), encoding="utf-8")

    service = start(WATCHDOG_USEC="900000000")
    service.hears("READY=1")
    fed = 0
    while (message := service.message(2)) or not fed:
        fed += message == "WATCHDOG=1"

    # two letters queued, two sent, two events written, four invitations sent, and the tick itself
    assert fed == 11


def test_the_watchdog_is_more_patient_than_the_heartbeat(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1, every="2 hours"), encoding="utf-8")

    service = start(WATCHDOG_USEC="900000000")

    assert f"WATCHDOG_USEC={6 * 3600 * 1_000_000}" in service.hears("READY=1")


def test_the_watchdog_is_more_patient_than_the_slowest_answer_of_a_server(place: Place, start: Callable[..., Service]) -> None:
    smtp = 'kind = "smtp"\nhost = "127.0.0.1"\nport = 9\nfinal_deadline = "1 hour"'
    place.config.write_text(config_of(1).replace('kind = "folder"\npath = "var/outbox"', smtp), encoding="utf-8")

    service = start(WATCHDOG_USEC="900000000")

    assert f"WATCHDOG_USEC={3 * 3600 * 1_000_000}" in service.hears("READY=1")

    place.config.write_text(place.config.read_text(encoding="utf-8").replace('every = "1 hour"', 'every = "1 minute"'), encoding="utf-8")
    service.process.send_signal(signal.SIGHUP)

    assert f"WATCHDOG_USEC={61 * 60 * 1_000_000}" in service.hears("READY=1")


def test_without_a_watchdog_none_is_fed(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1), encoding="utf-8")

    service = start()

    assert "WATCHDOG" not in service.hears("READY=1") + service.hears("STATUS=next")


# -- another config ----------------------------------------------------------------------------------------------------


def test_sighup_reads_the_config_again(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1), encoding="utf-8")
    service = start()
    service.hears("next")

    place.config.write_text(config_of(2), encoding="utf-8")
    service.process.send_signal(signal.SIGHUP)

    assert "MONOTONIC_USEC=" in service.hears("RELOADING=1")
    service.hears("READY=1")
    until(lambda: place.letters() == 4)
    assert "<6>works by the config as it is now" in service.log()


def test_a_broken_config_leaves_the_old_one_in_force(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1), encoding="utf-8")
    service = start()
    service.hears("next")
    before = service.log()

    broken = config_of(1).replace("2026-12-15", '"soon"').replace("Europe/Amsterdam", "Europe/Amsterdm")
    place.config.write_text(broken, encoding="utf-8")
    service.process.send_signal(signal.SIGHUP)
    service.hears("READY=1")
    place.at(WEDNESDAY + timedelta(days=1))
    service.process.send_signal(signal.SIGHUP)

    until(lambda: place.events() == 2)
    said = service.log().removeprefix(before).splitlines()[:3]
    assert [line[:3] for line in said] == ["<3>", "<3>", "<4>"]
    assert "config.toml:3)" in said[0]
    assert "config.toml:22)" in said[1]
    assert said[2] == "<4>the config from before stays in force"


def test_what_only_planning_can_see_keeps_a_new_config_out_as_well(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1), encoding="utf-8")
    service = start()
    service.hears("next")

    overlapping = config_of(2).replace("mentor1@", "mentor0@", 1)
    place.config.write_text(overlapping, encoding="utf-8")
    service.process.send_signal(signal.SIGHUP)
    service.hears("READY=1")

    until(lambda: "stays in force" in service.log())
    assert place.letters() == 2


def test_what_the_guard_holds_is_said_with_the_way_out(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(2), encoding="utf-8")
    service = start()
    service.hears("next")
    place.at(WEDNESDAY + timedelta(days=1))
    service.process.send_signal(signal.SIGHUP)
    until(lambda: place.events() == 4)
    service.hears("STATUS=next")

    cautious = config_of(1).replace("max_people = 1000", "max_withdrawals = 0")
    place.config.write_text(cautious, encoding="utf-8")
    service.process.send_signal(signal.SIGHUP)

    assert "2 held" in service.hears("held")
    held = [line for line in service.log().splitlines() if line.startswith("<4>held: t: ")]
    assert len(held) == 1
    assert "beklijf apply --approve " in held[0]
    assert place.events() == 4


def test_another_state_file_needs_a_restart(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1), encoding="utf-8")
    service = start()
    service.hears("next")

    place.config.write_text(config_of(1, state="var/other.sqlite3"), encoding="utf-8")
    service.process.send_signal(signal.SIGHUP)
    service.hears("READY=1")

    assert "<3>another state file needs a restart" in service.log()
    assert not (place.folder / "var/other.sqlite3").exists()


# -- what cannot start, and who is in the way ----------------------------------------------------------------------------


def test_a_second_instance_is_refused(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1), encoding="utf-8")
    start().hears("READY=1")

    second = start()

    assert second.ends() == 75
    assert second.log().startswith("<3>another beklijf holds the service lock")


def test_a_config_that_is_wrong_ends_the_start(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1).replace("2026-12-15", '"soon"'), encoding="utf-8")

    service = start()

    assert service.ends() == 78
    assert service.log().startswith("<3>training[0].sessions[0]: ")
    assert "Traceback" not in service.log()
    assert not (place.folder / "var").exists()


def test_a_state_file_of_another_program_ends_the_start(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1), encoding="utf-8")
    (place.folder / "var").mkdir()
    (place.folder / "var/beklijf.sqlite3").write_bytes(b"not a database, and longer than its header is" * 10)

    service = start()

    assert service.ends() == 74
    assert "Traceback" not in service.log()


def test_a_tick_by_hand_is_waited_for_and_not_run_into(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1, every="1 second"), encoding="utf-8")
    with locked(place.folder / "var/beklijf.sqlite3", "tick"):
        service = start()
        until(lambda: "<6>not now: " in service.log())
        assert place.letters() == 0

    until(lambda: place.letters() == 2)


# -- who reads along -----------------------------------------------------------------------------------------------------


def test_the_journal_gets_a_priority_and_no_time_a_line(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(2), encoding="utf-8")

    service = start()
    service.hears("next")

    lines = service.log().splitlines()
    assert len(lines) > 4
    assert all(line.startswith("<6>") for line in lines)
    assert "2026" not in lines[0]


def test_the_start_names_secrets_others_can_read_and_folders_it_cannot_write(place: Place, start: Callable[..., Service]) -> None:
    inbox = '[inbox]\nkind = "imap"\nhost = "127.0.0.1"\nuser = "m"\npassword = { file = "password" }\n'
    place.config.write_text(config_of(1) + inbox, encoding="utf-8")
    (place.folder / "password").write_text("tulpen", encoding="utf-8")
    (place.folder / "password").chmod(0o644)
    (place.folder / "var").mkdir()
    (place.folder / "var/outbox").write_text("no folder", encoding="utf-8")

    service = start()
    service.hears("READY")

    assert re.search(r"(?m)^<4>inbox\.password: .*password can be read by everybody", service.log())
    assert re.search(r"(?m)^<3>mail\.path: .*/outbox can't be written", service.log())
    assert "tulpen" not in service.log()


def test_no_letter_and_no_goal_is_in_the_log(place: Place, start: Callable[..., Service]) -> None:
    goal = "Zinnen van hooguit vijftien woorden"
    place.config.write_text(config_of(1).replace("[[person]]", f'goals = ["{goal}"]\n[[person]]', 1), encoding="utf-8")

    service = start()
    service.hears("next")

    assert place.letters() == 2
    assert goal not in service.log()


def test_a_file_gets_the_time_and_words(place: Place, start: Callable[..., Service]) -> None:
    place.config.write_text(config_of(1), encoding="utf-8")

    service = start(JOURNAL_STREAM="1:1")
    service.hears("next")

    assert datetime.strptime(service.log().partition(" ")[0], "%Y-%m-%dT%H:%M:%S%z")


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    for end in (ours, theirs):
        try:
            os.close(end)
        except OSError:
            continue  # the test closed it


def on_terminal(place: Place, theirs: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WITH_A_CLOCK, str(place.config), str(place.instant), str(place.broken)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    return process


def read_until(terminal: int, wanted: str) -> str:
    said = b""
    deadline = time.monotonic() + DEADLINE
    while wanted.encode() not in said:
        assert time.monotonic() < deadline, said
        if select.select([terminal], [], [], 0.1)[0]:
            said += os.read(terminal, 4096)
    return said.decode().replace("\r\n", "\n")


def test_a_terminal_gets_one_screen_and_ctrl_c_stops(place: Place, terminal: tuple[int, int]) -> None:
    place.config.write_text(config_of(20), encoding="utf-8")
    ours, theirs = terminal

    process = on_terminal(place, theirs)
    screen = read_until(ours, "Ctrl-C stops it.")

    assert "Written now: 20 meetings, 20 series, 40 letters, 80 invitations." in screen
    assert "Wed 16 Dec 09:00  " in screen
    assert str(place.folder / "var/calendars") in screen
    assert len(screen.splitlines()) < 24

    process.send_signal(signal.SIGINT)
    read_until(ours, "beklijf stops")

    assert process.wait(DEADLINE) == 0


def test_it_ends_with_the_terminal_that_it_runs_on(place: Place, terminal: tuple[int, int]) -> None:
    place.config.write_text(config_of(1), encoding="utf-8")
    ours, theirs = terminal
    process = on_terminal(place, theirs)
    read_until(ours, "Ctrl-C stops it.")

    os.close(ours)
    process.send_signal(signal.SIGHUP)

    assert process.wait(DEADLINE) == 0


# -- how long to wait ----------------------------------------------------------------------------------------------------

MINUTE = timedelta(minutes=1)


def test_it_waits_for_the_heartbeat_or_for_what_is_due_before() -> None:
    assert pause(idle=4 * MINUTE, every=5 * MINUTE, due=None, defects=0) == 4 * MINUTE
    assert pause(idle=4 * MINUTE, every=5 * MINUTE, due=9 * MINUTE, defects=0) == 4 * MINUTE
    assert pause(idle=4 * MINUTE, every=5 * MINUTE, due=2 * MINUTE, defects=0) == 2 * MINUTE


def test_an_hour_set_back_does_not_stretch_the_heartbeat() -> None:
    assert pause(idle=65 * MINUTE, every=5 * MINUTE, due=None, defects=0) == 5 * MINUTE


def test_what_is_overdue_is_taken_up_in_a_second_and_not_in_a_spin() -> None:
    assert pause(idle=4 * MINUTE, every=5 * MINUTE, due=-MINUTE, defects=0) == timedelta(seconds=1)


def test_a_missed_heartbeat_is_made_up_at_once() -> None:
    assert pause(idle=-MINUTE, every=5 * MINUTE, due=None, defects=0) == timedelta(0)


@pytest.mark.parametrize(("defects", "minutes"), [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (5000, 60)])
def test_after_defects_it_waits_longer_each_time(defects: int, minutes: int) -> None:
    assert pause(idle=MINUTE, every=5 * MINUTE, due=MINUTE, defects=defects) == minutes * MINUTE
