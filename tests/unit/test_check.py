"""What only shows once everything is planned is told with the line of the pair that it is about."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from beklijf.config import load
from beklijf.config.check import answers_problems, holidays_problems, programme_problems
from beklijf.model.facts import Facts
from beklijf.planning import plan_tracks
from beklijf.planning.days import public_holidays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from beklijf.model.errors import Problem

ROOT = Path(__file__).parents[2]
NOTHING_YET = Facts(joined={}, chosen={}, moved={}, kept={}, begun={}, generations={})

ORGANISATION = """[organisation]
name = "Gemeente Voorbeeld"
time_zone = "Europe/Amsterdam"
language = "nl"
coordinator = { name = "Marieke Smit", email = "opleidingen@voorbeeld.example" }
[calendar]
kind = "folder"
organizer = { name = "Mentorprogramma", email = "mentor@voorbeeld.example" }
[mail]
kind = "folder"
"""


def person(name: str, more: str = "") -> str:
    return f'[[person]]\nname = "{name}"\nemail = "{name.lower()}@voorbeeld.example"\n{more}\n'


def training(name: str, sessions: str = "2027-02-02, 2027-03-02") -> str:
    return f'[[training]]\nid = "{name}"\nname = "{name}"\npurpose = "beter"\nsessions = [{sessions}]\n'


def pair(mentee: str, mentor: str, meets: str = "") -> str:
    hour = f"meets = {{ {meets} }}\n" if meets else ""
    return f'[[training.mentorship]]\nmentee = "{mentee}@voorbeeld.example"\nmentor = "{mentor}@voorbeeld.example"\n{hour}'


def problems_of(path: Path) -> Sequence[Problem]:
    config = load(path)
    holidays = public_holidays(config.organisation.holidays, range(2026, 2029))
    tracks = plan_tracks(config.organisation, config.trainings, NOTHING_YET, holidays)
    return programme_problems(config, tracks)


def check(folder: Path, *parts: str) -> Sequence[Problem]:
    path = folder / "config.toml"
    path.write_text(ORGANISATION + "".join(parts), encoding="utf-8")
    return problems_of(path)


def line_of(folder: Path, mentee: str) -> int:
    """Return the line of the header above a mentee's pair."""
    return (folder / "config.toml").read_text().splitlines().index(f'mentee = "{mentee}@voorbeeld.example"')


def test_the_example_has_no_problems() -> None:
    assert problems_of(ROOT / "config.example.toml") == []


@pytest.mark.parametrize(
    ("first", "second", "when"),
    [
        ("at = 10:00:00", "at = 10:00:00", "10:00"),
        ("at = 10:00:00", "at = 10:45:00", "10:45"),
        ("at = 11:30:00, minutes = 15", "at = 10:00:00, minutes = 120", "11:30"),
    ],
)
def test_a_mentor_who_would_be_in_two_meetings_at_once_is_an_error_that_names_both_pairs(
    tmp_path: Path, first: str, second: str, when: str
) -> None:
    people = person("Sanne") + person("Karim") + person("Ilse")
    pairs = pair("sanne", "ilse", f'day = "tue", {first}') + pair("karim", "ilse", f'day = "tue", {second}')

    [problem] = check(tmp_path, people, training("a", "2027-02-03, 2027-03-03"), pairs)

    assert not problem.warning
    assert problem.what.startswith("Ilse is with ")
    assert f"on Tuesday 9 February 2027 at {when}, training[0].mentorship[" in problem.what
    here, there = sorted([line_of(tmp_path, "sanne"), line_of(tmp_path, "karim")], key=lambda line: line != problem.line)
    assert problem.line == here
    assert problem.what.endswith(f"({tmp_path / 'config.toml'}:{there})")
    assert problem.hint == "give one of the two pairs another hour (meets)"


def test_meetings_that_touch_do_not_overlap(tmp_path: Path) -> None:
    people = person("Sanne") + person("Karim") + person("Ilse")
    pairs = pair("sanne", "ilse", 'day = "tue", at = 10:00:00') + pair("karim", "ilse", 'day = "tue", at = 11:00:00')

    assert check(tmp_path, people, training("a", "2027-02-03, 2027-03-03"), pairs) == []


def test_a_pair_in_two_trainings_is_not_in_its_own_way(tmp_path: Path) -> None:
    hour = 'day = "tue", at = 10:00:00'
    both = training("a", "2027-02-03"), pair("sanne", "ilse", hour), training("b", "2027-02-10"), pair("sanne", "ilse", hour)

    assert check(tmp_path, person("Sanne"), person("Ilse"), *both) == []


def test_an_hour_that_leaves_office_hours_when_one_clock_changes_is_a_warning_with_the_first_day(tmp_path: Path) -> None:
    people = person("Sanne") + person("Gunnar", 'time_zone = "Atlantic/Reykjavik"')

    [problem] = check(tmp_path, people, training("a"), pair("sanne", "gunnar", 'day = "thu", at = 10:00:00'))

    assert problem.warning
    assert problem.what == "Thursday 8 April 2027 at 08:00 in Atlantic/Reykjavik is outside office hours for Gunnar"
    assert problem.hint == "choose an hour between 09:00 and 17:00 for both (meets)"
    assert (problem.where, problem.line) == ("training[0].mentorship[0]", line_of(tmp_path, "sanne"))


def test_an_hour_outside_the_pairs_own_office_hours_is_a_warning_for_each(tmp_path: Path) -> None:
    problems = check(tmp_path, person("Sanne"), person("Ilse"), training("a"), pair("sanne", "ilse", 'day = "thu", at = 16:30:00'))

    assert [problem.what.rpartition(" for ")[2] for problem in problems] == ["Sanne", "Ilse"]


def test_a_series_on_the_weekly_session_day_is_a_warning_that_names_a_better_day(tmp_path: Path) -> None:
    weekly = "2027-01-12, 2027-01-19, 2027-01-26, 2027-02-02, 2027-02-09, 2027-02-16, 2027-02-23, 2027-03-02"

    people = person("Sanne") + person("Ilse", 'works = ["tue", "wed"]')
    problems = check(tmp_path, people, training("a", weekly), pair("sanne", "ilse", 'day = "tue", at = 10:00:00'))

    assert [(problem.what, problem.hint) for problem in problems if "days off" in problem.what] == [
        ("4 of 6 meetings on a Tuesday fall on days off", "on a Wednesday it would be 0")
    ]
    assert all(problem.warning for problem in problems)


def test_what_planning_has_to_say_comes_as_a_warning_at_the_pair(tmp_path: Path) -> None:
    people = person("Sanne", 'works = ["mon", "tue"]') + person("Ilse", 'works = ["thu"]') + person("Karim")

    problems = check(tmp_path, people, training("a"), pair("karim", "ilse"), pair("sanne", "ilse"))

    assert {(problem.where, problem.line, problem.warning) for problem in problems} == {
        ("training[0].mentorship[1]", line_of(tmp_path, "sanne"), True)
    }


def test_a_pair_in_an_included_file_is_pointed_at_there(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text(training("b") + pair("karim", "ilse", 'day = "thu", at = 07:00:00'))
    (tmp_path / "a.toml").write_text(training("a"))
    path = tmp_path / "config.toml"
    people = person("Sanne") + person("Ilse") + person("Karim")
    path.write_text('include = ["?.toml"]\n' + ORGANISATION + people + training("c") + pair("sanne", "ilse", 'day = "mon", at = 10:00:00'))

    problems = problems_of(path)

    assert {(Path(problem.file).name, problem.line, problem.where) for problem in problems} == {("b.toml", 6, "training[0].mentorship[0]")}


def test_a_zone_whose_clock_changes_no_calendar_can_express_is_refused(tmp_path: Path) -> None:
    people = person("Sanne", 'time_zone = "Africa/Casablanca"') + person("Karim", 'time_zone = "Africa/Casablanca"')
    ramadan = training("a", "2025-01-14, 2025-03-18")

    [problem] = [p for p in check(tmp_path, people, ramadan, pair("sanne", "karim", 'day = "thu", at = 10:00:00')) if not p.warning]

    assert "Africa/Casablanca" in problem.what
    assert problem.line == line_of(tmp_path, "sanne")


@pytest.mark.parametrize(("answers", "line"), [("", 0), ("[answers]\nnames = true\n", 11)])
def test_as_long_as_nobody_chose_whether_answers_are_read_check_asks_for_it(tmp_path: Path, answers: str, line: int) -> None:
    path = tmp_path / "config.toml"
    path.write_text(ORGANISATION + answers + person("Sanne"), encoding="utf-8")

    [problem] = answers_problems(load(path))

    assert not problem.warning
    assert (problem.file, problem.line, problem.where) == (str(path), line, "answers.read")
    assert problem.what == "not chosen yet: may answers to invitations be read?"
    for said in ("read = true", "read = false", "personal data", "WOR, art. 27", "nothing is read"):
        assert said in problem.hint


@pytest.mark.parametrize("chosen", ["true", "false"])
def test_a_choice_about_answers_either_way_is_fine(tmp_path: Path, chosen: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"{ORGANISATION}[answers]\nread = {chosen}\n{person('Sanne')}", encoding="utf-8")

    assert answers_problems(load(path)) == []


def test_the_example_has_chosen() -> None:
    assert answers_problems(load(ROOT / "config.example.toml")) == []


def test_a_country_whose_holidays_differ_by_part_is_asked_for_the_part(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    today = date(2026, 11, 30)

    def told(holidays: str) -> Sequence[Problem]:
        path.write_text(ORGANISATION.replace("[calendar]", f'holidays = "{holidays}"\n[calendar]', 1), encoding="utf-8")
        return holidays_problems(load(path), today)

    [warning] = told("GB")

    assert (warning.warning, warning.where, warning.line) == (True, "organisation.holidays", 6)
    assert warning.hint == "name the part: GB-ENG, GB-NIR, GB-SCT, GB-WLS"
    assert "Mon 29 Mar 2027" in warning.what
    assert "CH-ZH" in told("CH")[0].hint
    assert [told(holidays) for holidays in ("GB-ENG", "NL", "")] == [[], [], []]
