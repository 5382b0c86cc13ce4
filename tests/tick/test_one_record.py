"""What is wrong with one pair, one zone or one event is that one's: it is named, and everybody else goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.town import INVITED, KARIM, NOOR, SANNE, WELCOME, Town, folder_town

from beklijf import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIET = "piet@voorbeeld.example"
IN_HAVANA = timedelta(hours=8)
"""So much later letters go out there, and invitations after them. Its winter of 2026 to 2027 follows no yearly rule."""


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = folder_town(tmp_path)
    yield made
    made.stop()


def test_a_zone_whose_rules_no_calendar_can_hold_stops_nobody_elsewhere(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    by_no_rule = 'time_zone = "America/Havana"'
    town.words.persons |= {NOOR: ("Noor Jansen", by_no_rule), PIET: ("Piet Smit", by_no_rule)}
    town.words.pairs = ((SANNE, KARIM), (NOOR, PIET))
    town.start()
    town.at(WELCOME + IN_HAVANA)
    outcome = town.at(INVITED + IN_HAVANA)

    assert town.event("series").location == "Zaal 1"
    [named] = {problem.where for problem in outcome.problems if "America/Havana" in problem.what and problem.line}
    assert named == "training[0].mentorship[1]"
    assert "writing" not in town.engine.outages.now()
    series = [ref for ref in town.engine.outages.now() if ref.startswith(f"leiding/{NOOR}/")]
    assert series
    assert any("America/Havana" in problem.what for problem in town.plan().problems)
    town.stop()

    cli.main(["--config", str(town.folder / "config.toml"), "status"])
    said = capsys.readouterr()
    assert "America/Havana" in said.out + said.err

    town.words.place = "Zaal 2"
    town.start()
    town.tick()
    assert town.event("series").location == "Zaal 2"


@pytest.mark.parametrize("broken", ["DTSTART;VALUE=DATE:20270114", "DTSTART:nonsense"])
def test_an_event_that_cannot_be_read_is_named_by_its_item(town: Town, broken: str) -> None:
    town.invited()
    town.edit("goals", r"DTSTART;TZID[^\r\n]*|DTSTART:2027[^\r\n]*", broken)

    outcome = town.tick()

    [problem] = [problem for problem in outcome.problems if problem.where == "calendar"]
    assert problem.what.startswith(f"leiding/{SANNE}/goals: ")
    assert town.tick(timedelta(minutes=1)).errors == []
