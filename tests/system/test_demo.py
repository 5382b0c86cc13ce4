"""What ``make run`` shows on whatever day and hour somebody tries it: the real service, on a clock of the demo's own."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from beklijf import cli, config, service
from beklijf.config.init import write_example
from beklijf.model.errors import UsageError
from beklijf.service import demo
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from pathlib import Path

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
SUNDAY = datetime(2026, 11, 29, 15, 44, tzinfo=AMSTERDAM)
CHRISTMAS = datetime(2026, 12, 25, 11, 0, tzinfo=AMSTERDAM)
EARLY = datetime(2026, 12, 2, 7, 0, tzinfo=AMSTERDAM)
AT_WORK = datetime(2026, 12, 2, 10, 15, tzinfo=AMSTERDAM)
DEADLINE = 30.0

ON_A_CLOCK = """
import sys
from datetime import datetime
from pathlib import Path
from beklijf.service import heartbeat

now = datetime.fromisoformat(sys.argv[2])
sys.exit(heartbeat.run(Path(sys.argv[1]), clock=lambda: now, demo=True))
"""


class Demo:
    """The example in a folder, begun on a day, and started and stopped as often as one likes."""

    def __init__(self, folder: Path, day: datetime) -> None:
        self.config = write_example(folder, day.date())
        self.folder = folder

    def run(self, now: datetime) -> list[str]:
        """Start the service at *now*, read its screen out of a file as a pipe would have it, and stop it."""
        log = self.folder / "stderr"
        with log.open("wb") as stderr:
            process = subprocess.Popen([sys.executable, "-c", ON_A_CLOCK, str(self.config), now.isoformat()], stderr=stderr)
        try:
            deadline = time.monotonic() + DEADLINE
            while "Ctrl-C stops it." not in log.read_text(encoding="utf-8"):
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.terminate()
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()
        return log.read_text(encoding="utf-8").splitlines()

    def files(self) -> set[str]:
        """Return the names of all events and mails."""
        return {str(path) for path in (self.folder / "var").rglob("*") if path.parent.name == "new" or path.suffix == ".ics"}


@pytest.mark.parametrize(
    ("now", "shown"),
    [
        (SUNDAY, "Mon 30 Nov 2026 09:00"),
        (CHRISTMAS, "Mon 28 Dec 2026 09:00"),  # the 26th is a holiday too, and a Saturday; the example's closed days have moved along
        (EARLY, "Wed 2 Dec 2026 09:00"),
    ],
    ids=["a Sunday", "25 December", "07:00"],
)
def test_meetings_letters_and_invitations_are_shown_when_nobody_works_and_the_screen_says_by_which_clock(
    tmp_path: Path, now: datetime, shown: str
) -> None:
    screen = Demo(tmp_path, now).run(now)

    first = screen.index(f"beklijf runs for Gemeente Voorbeeld. It is {shown} in Europe/Amsterdam.")
    real = f"{now:%a %-d %b %H:%M}"
    assert screen[first + 1] == f"That is the demo's own clock, which starts when letters are due; the real one says {real}."
    [written] = [line for line in screen if line.startswith("Written now: ")]
    assert all(word in written for word in (" meetings, ", " series, ", " letters, ", " invitations."))


def test_when_people_work_the_demo_has_the_clock_of_everybody(tmp_path: Path) -> None:
    screen = Demo(tmp_path, AT_WORK).run(AT_WORK)

    assert "beklijf runs for Gemeente Voorbeeld. It is Wed 2 Dec 2026 10:15 in Europe/Amsterdam." in screen
    assert not any("own clock" in line for line in screen)
    assert any(line.startswith("Written now: ") for line in screen)


@pytest.mark.parametrize("later", [timedelta(minutes=1), timedelta(days=20)], ids=["at once", "after weeks in a drawer"])
def test_started_again_it_goes_on_and_does_nothing_twice(tmp_path: Path, later: timedelta) -> None:
    shown = Demo(tmp_path, SUNDAY)
    shown.run(SUNDAY)
    before = shown.files()

    screen = shown.run(SUNDAY + later)

    assert "Nothing to write now: there stand 6 events." in screen
    assert any(line.startswith("beklijf runs for Gemeente Voorbeeld. It is Mon 30 Nov 2026 09:0") for line in screen)
    assert not any("held" in line for line in screen)
    assert shown.files() == before


def test_the_days_go_by_on_the_demos_clock_as_on_any_other(tmp_path: Path) -> None:
    shown = Demo(tmp_path, SUNDAY)
    shown.run(SUNDAY)
    before = shown.files()

    screen = shown.run(SUNDAY + timedelta(days=2))

    assert any("It is Wed 2 Dec 2026 09:00" in line for line in screen)
    assert before <= shown.files()


def test_a_folder_in_which_nothing_was_due_before_begins_as_well(tmp_path: Path) -> None:
    shown = Demo(tmp_path, SUNDAY)
    with opened(config.load(shown.config)) as engine:
        engine.tick(SUNDAY)

    screen = shown.run(SUNDAY + timedelta(minutes=5))

    assert any(line.startswith("Written now: ") for line in screen)


@pytest.mark.parametrize("hours", range(0, 21 * 24, 37))
def test_at_any_hour_of_three_weeks_over_christmas_the_first_tick_has_letters_and_events(tmp_path: Path, hours: int) -> None:
    now = datetime(2026, 12, 14, tzinfo=AMSTERDAM) + timedelta(hours=hours)
    loaded = config.load(write_example(tmp_path, now.date()))

    demo.start_clock(loaded, now)

    with opened(loaded) as engine:
        outcome = engine.tick(now + demo.shift(loaded))
        assert {"letter", "invitation"} <= {mail.kind for mail in outcome.delivered.sent}
        assert engine.ledger.rows()
        assert not outcome.problems


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a demo whose clock is a month ahead."""
    path = write_example(tmp_path, service.clock().date())
    with opened(config.load(path)) as engine, engine.ledger.write():
        engine.ledger.set("demo_clock", str(30 * 24 * 3600))
    monkeypatch.chdir(tmp_path)
    return path


@pytest.mark.usefixtures("begun")
def test_every_command_has_the_demos_clock_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    in_a_month = service.clock().astimezone(AMSTERDAM) + timedelta(days=30)

    cli.main(["status"])

    captured = capsys.readouterr()
    assert captured.out.startswith(f"{in_a_month:%a %-d %b}")
    assert captured.err.startswith(f"warning: this is the demo's own clock, on which it is {in_a_month:%a %-d %b}")


def test_where_a_server_is_used_there_is_no_other_clock(begun: Path) -> None:
    text = begun.read_text(encoding="utf-8")
    begun.write_text(text.replace('kind = "folder"\npath = "var/outbox"', 'kind = "smtp"\nhost = "mail.example"'), encoding="utf-8")
    loaded = config.load(begun)

    assert demo.shift(loaded) == timedelta(0)
    with pytest.raises(UsageError, match="in folders"):
        demo.start_clock(loaded, SUNDAY)
