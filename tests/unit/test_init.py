"""The example that ``beklijf init`` writes is near today, as a person would have written it."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.config import load
from beklijf.config.init import shifted, write_example
from beklijf.model.errors import UsageError

EXAMPLE = (Path(__file__).parents[2] / "config.example.toml").read_text(encoding="utf-8")
DATES = re.compile(r"\d{4}-\d\d-\d\d")
A_WEEK = timedelta(weeks=1)


@given(st.dates(date(2024, 1, 1), date(2040, 1, 1)))
def test_all_dates_move_by_the_same_whole_weeks_to_three_weeks_ahead(today: date) -> None:
    text = shifted(EXAMPLE, today)

    before = [date.fromisoformat(found) for found in DATES.findall(EXAMPLE)]
    after = [date.fromisoformat(found) for found in DATES.findall(text)]
    [move] = {new - old for old, new in zip(before, after, strict=True)}
    assert move % A_WEEK == timedelta(0)
    assert 21 <= (date(2026, 12, 8) + move - today).days <= 27
    assert DATES.sub("", text) == DATES.sub("", EXAMPLE)


@pytest.mark.parametrize("week", range(0, 53, 4))
def test_the_example_is_a_good_config_at_any_time_of_year(tmp_path: Path, week: int) -> None:
    path = write_example(tmp_path, date(2026, 1, 1) + week * A_WEEK)

    config = load(path)

    assert path == tmp_path / "config.toml"
    assert all(warning.what.endswith(("a public holiday", "a closed day")) for warning in config.warnings)


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    path = write_example(tmp_path / "a" / "demo", date(2026, 11, 23))

    assert path.read_text(encoding="utf-8").startswith("# beklijf")


def test_what_is_there_already_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("mine")

    with pytest.raises(UsageError, match="is there already"):
        write_example(tmp_path, date(2026, 11, 23))

    assert (tmp_path / "config.toml").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        write_example(tmp_path / "file" / "demo", date(2026, 11, 23))
