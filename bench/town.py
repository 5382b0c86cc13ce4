"""A made-up organisation of any size, as the TOML files that its coordinator would keep: one training a file.

Everybody is different in an ordinary way: mentors with three mentees, part-timers, people on holiday, people who read English or
live in another zone, pairs without an hour of their own. The same size gives the same files.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

GROUP = 24
"""Mentorships of one training."""
MENTEES = 3
"""Of one mentor."""
FIRST = date(2027, 2, 2)
JOINING = datetime(2027, 1, 11, 9, 0, tzinfo=UTC)
"""A Monday, three weeks before the first sessions: all are welcomed and invited on this day."""

_MAIN = """include = ["trainings/*.toml"]

[organisation]
name = "Gemeente Voorbeeld"
time_zone = "Europe/Amsterdam"
language = "nl"
holidays = "NL"
office_hours = {{ from = 09:00:00, until = 17:00:00, days = ["mon", "tue", "wed", "thu", "fri"] }}
letter_hour = 09:00:00
coordinator = {{ name = "Marieke Smit", email = "opleidingen@voorbeeld.example" }}

[calendar]
{calendar}
organizer = {{ name = "Mentorprogramma", email = "mentor@voorbeeld.example" }}
invitations = "{invitations}"

[mail]
kind = "folder"
path = "outbox"

[service]
state = "state.sqlite3"

[guard]
max_people = 1000000
max_withdrawals = 1000000
"""
_TRAINING = """[[training]]
id = "training-{number}"
name = "Coachend leidinggeven {number}"
purpose = "leidinggevenden die vragen stellen voordat zij antwoorden geven"
sessions = [{sessions}]
state = "live"
place = "Kies samen een plek"
"""
_DAYS = ("mon", "tue", "wed", "thu", "fri")


def build(folder: Path, mentorships: int, *, calendar: str = 'kind = "folder"\npath = "calendars"', invitations: str = "none") -> Path:
    """Write the organisation into *folder* and return its config."""
    (folder / "trainings").mkdir(parents=True)
    persons = []
    for first in range(0, mentorships, GROUP):
        numbers = range(first, min(first + GROUP, mentorships))
        file = folder / "trainings" / f"{first // GROUP:05}.toml"
        file.write_text(_training(first // GROUP) + "".join(map(_mentorship, numbers)), encoding="utf-8")
        persons += [_person(f"mentee{n}", n) for n in numbers]
        persons += [_person(f"mentor{n}", n) for n in range(first // MENTEES, -(-numbers.stop // MENTEES))]
    config = folder / "config.toml"
    config.write_text(_MAIN.format(calendar=calendar, invitations=invitations) + "".join(persons), encoding="utf-8")
    return config


def _person(name: str, number: int) -> str:
    lines = ["", "[[person]]", f'name = "{name.capitalize()} van Voorbeeld"', f'email = "{name}@voorbeeld.example"']
    if number % 5 == 1:
        lines.append('language = "en"')
    if number % 10 == 2:
        lines.append('works = ["mon", "tue", "wed", "thu"]')
    if number % 10 == 3:
        lines.append("away = [{ from = 2027-02-22, until = 2027-02-26 }]")
    if number % 50 == 4:
        lines.append('time_zone = "Europe/London"')
    return "\n".join([*lines, ""])


def _training(number: int) -> str:
    first = FIRST + timedelta(days=number % 4)
    sessions = (first + timedelta(weeks=5 * n) for n in range(3))
    return _TRAINING.format(number=number, sessions=", ".join(day.isoformat() for day in sessions))


def _mentorship(number: int) -> str:
    mentor, place = divmod(number, MENTEES)
    lines = ["", "[[training.mentorship]]", f'mentee = "mentee{number}@voorbeeld.example"', f'mentor = "mentor{mentor}@voorbeeld.example"']
    if number % 8:  # every eighth pair leaves its hour to us
        lines.append(f'meets = {{ day = "{_DAYS[(mentor + place) % 4]}", at = {10 + 2 * place}:00:00 }}')
    if number % 3:
        lines.append('goals = ["In elk werkoverleg eerst twee vragen stellen, en dan pas iets vinden"]')
    return "\n".join([*lines, ""])
