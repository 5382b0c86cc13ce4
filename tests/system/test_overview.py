"""What somebody reads who starts the service on a terminal, and the line that ``systemctl status`` shows."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from beklijf import config
from beklijf.commands.overview import first_screen, span, status_line
from beklijf.config.init import write_example
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from pathlib import Path

    from beklijf.contracts.settings import Config

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.fixture
def example(tmp_path: Path) -> Config:
    """Return the example as it is on Monday 30 November: its first session is on Tuesday 22 December."""
    return config.load(write_example(tmp_path, date(2026, 11, 30)))


def screen_at(now: datetime, example: Config) -> str:
    with opened(example) as engine:
        outcome = engine.tick(now)
        return first_screen(outcome, engine.plan(now), example)


def test_on_a_working_day_letters_and_invitations_are_written_at_once(example: Config) -> None:
    screen = screen_at(datetime(2026, 11, 30, 10, 15, tzinfo=AMSTERDAM), example)

    assert "beklijf runs for Gemeente Voorbeeld. It is Mon 30 Nov 2026 10:15 in Europe/Amsterdam.\n" in screen
    assert "Written now: 3 meetings, 3 series, 6 letters, 12 invitations.\n" in screen
    assert "It looks again every 5 minutes, and when something is due. Ctrl-C stops it.\n" in screen


def test_it_says_where_everything_is(example: Config) -> None:
    screen = screen_at(datetime(2026, 11, 30, 10, 15, tzinfo=AMSTERDAM), example)

    for path in (example.calendar.maker.path, example.mail.maker.path, example.service.state):
        assert f"  {path}\n" in screen


def test_on_a_weekend_it_says_that_nothing_was_due_and_what_goes_out_when(example: Config) -> None:
    saturday = datetime(2026, 11, 28, 20, 0, tzinfo=AMSTERDAM)

    screen = screen_at(saturday, example)

    assert "Nothing to write now: nothing has been due yet.\n" in screen
    coming = screen.partition("Next:\n")[2].splitlines()[0]
    assert coming.startswith("  Mon 30 Nov 09:00  ")
    assert "letters to" in coming


def test_started_again_it_says_what_stands_already(example: Config) -> None:
    monday = datetime(2026, 11, 30, 10, 15, tzinfo=AMSTERDAM)
    with opened(example) as engine:
        engine.tick(monday)
        wednesday = monday + timedelta(days=2)
        engine.tick(wednesday)
        again = engine.tick(wednesday + timedelta(minutes=1))
        screen = first_screen(again, engine.plan(wednesday + timedelta(minutes=1)), example)

    assert "Nothing to write now: there stand 6 events.\n" in screen


def test_it_fits_one_screen_with_some_of_what_comes(example: Config) -> None:
    lines = screen_at(datetime(2026, 11, 30, 10, 15, tzinfo=AMSTERDAM), example).splitlines()

    assert len(lines) <= 24
    coming = lines[lines.index("Next:") + 1 : lines.index("", lines.index("Next:"))]
    assert len(coming) == 5
    assert all(line.strip()[:3] in {"Mon", "Tue", "Wed", "Thu", "Fri"} for line in coming)


NOW = datetime(2026, 12, 2, 10, 0, tzinfo=AMSTERDAM)


def test_the_status_names_the_day_and_what_is_wrong() -> None:
    line = status_line(
        datetime(2026, 12, 9, 9, 0, tzinfo=AMSTERDAM), now=NOW, mails=["waiting", "sending", "failed", "perhaps"], held=2, down=["calendar"]
    )

    assert line == "next: Wed 9 Dec 09:00; 2 waiting; 1 refused; 1 perhaps sent; 2 held; calendar is down"


def test_a_quiet_status_is_short_and_next_year_has_its_year() -> None:
    assert status_line(None, now=NOW, mails=[], held=0, down=[]) == "nothing to come"
    january = datetime(2027, 1, 4, 9, 0, tzinfo=AMSTERDAM)
    assert status_line(january, now=NOW, mails=[], held=0, down=[]) == "next: Mon 4 Jan 2027 09:00"


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=90), "90 seconds"),
        (timedelta(minutes=5), "5 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(days=1), "24 hours"),
    ],
)
def test_a_length_of_time_is_said_in_its_largest_whole_unit(length: timedelta, said: str) -> None:
    assert span(length) == said
