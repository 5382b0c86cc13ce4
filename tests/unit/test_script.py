"""The file that says what people do in a rehearsal: every mistake at once, each with its line."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from beklijf import config
from beklijf.config.init import write_example
from beklijf.model.errors import ConfigError
from beklijf.rehearse import script

if TYPE_CHECKING:
    from pathlib import Path

    from beklijf.contracts.settings import Config

SANNE = "sanne.devries@voorbeeld.example"


@pytest.fixture
def example(tmp_path: Path) -> Config:
    return config.load(write_example(tmp_path, date(2026, 11, 16)))


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "answers.toml"
    path.write_text(text, encoding="utf-8")
    return path


def wrong(tmp_path: Path, example: Config, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        script.read(written(tmp_path, text), example)
    return [f"{problem.line}: {problem.where}: {problem.what}" for problem in caught.value.problems]


def test_what_people_do_comes_in_order_of_time_on_the_organisations_clock(tmp_path: Path, example: Config) -> None:
    later, sooner = script.read(
        written(
            tmp_path,
            f"""
            [[answer]]
            at = 2027-01-12 10:00:00
            who = "{SANNE}"
            what = "move"
            item = "series"
            meeting = 2027-01-21
            to = 2027-01-22T13:00:00Z

            [[answer]]
            at = 2026-11-12 10:00:00
            who = "{SANNE.title()}"
            what = "pause"
            kind = "reminders"
            """,
        ),
        example,
    )[::-1]

    assert sooner.at == datetime(2026, 11, 12, 9, 0, tzinfo=UTC)
    assert (sooner.what, sooner.kind, sooner.person.email) == ("pause", "reminders", SANNE)
    assert later.to == datetime(2027, 1, 22, 13, 0, tzinfo=UTC)
    assert (later.item, later.meeting) == ("series", date(2027, 1, 21))
    assert (later.line, later.where) == (2, "answer[0]")


def test_all_mistakes_are_told_at_once_with_their_lines(tmp_path: Path, example: Config) -> None:
    found = wrong(
        tmp_path,
        example,
        """[[answer]]
at = 2026-11-12
who = "sane.devries@voorbeeld.example"
what = "refuse"
[[answer]]
at = 2026-11-12 10:00:00
who = "sanne.devries@voorbeeld.example"
what = "propose"
meting = 2027-01-21
[[answer]]
at = 2026-11-12 10:00:00
who = "sanne.devries@voorbeeld.example"
what = "goal"
text = "Vragen"
kind = "letters"
""",
    )

    assert found == [
        "2: answer[0].at: must be a date with a time like 2027-01-19 10:00:00, not a date",
        '3: answer[0].who: there is no person "sane.devries@voorbeeld.example" in the config',
        (
            '4: answer[0].what: must be "accept", "tentative", "decline", "propose", "choose", "move", "delete", "away", "goal", '
            '"pause", "resume" or "bounce", not "refuse"'
        ),
        "5: answer[1]: item is missing",
        "5: answer[1]: to is missing",
        "9: answer[1].meting: unknown key",
        '15: answer[2].kind: means nothing with what = "goal"',
    ]


@pytest.mark.parametrize("what", script.KEYS)
def test_each_thing_to_do_can_be_written_with_all_that_it_may_have(tmp_path: Path, example: Config, what: script.What) -> None:
    values = {"item": '"series"', "meeting": "2027-01-21", "to": "2027-01-22 14:00:00", "text": '"Vragen"', "kind": '"letters"'}
    _, known = script.KEYS[what]
    keys = "".join(f"{key} = {values[key]}\n" for key in sorted(known))

    [act] = script.read(
        written(tmp_path, f'[[answer]]\nat = 2026-11-12 10:00:00\nwho = "{SANNE}"\nwhat = "{what}"\n{keys}'),
        example,
    )

    assert act.what == what


def test_an_empty_file_is_silence_and_one_that_is_not_there_an_error(tmp_path: Path, example: Config) -> None:
    assert script.read(written(tmp_path, ""), example) == ()

    with pytest.raises(ConfigError, match="there is no such file"):
        script.read(tmp_path / "nowhere.toml", example)
