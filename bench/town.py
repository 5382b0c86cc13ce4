"""A made-up organisation of any size, as the TOML files that its coordinator would keep: one training a file.

Everybody is different in an ordinary way: mentors with three mentees, part-timers, people on holiday, people who read English or
live in another zone, pairs without an hour of their own. The same size and shape give the same files.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

GROUP = 24
"""Mentorships of one training."""
FIRST = date(2027, 2, 2)
ALONE = date(2027, 1, 28)
"""The session of whoever joins later."""
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
_HEARS = """
[answers]
read = true

[inbox]
kind = "folder"
path = "inbox"
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


@dataclass(frozen=True, slots=True)
class Shape:
    """Who is with whom."""

    mentees: int = 3
    """Of one mentor."""
    shared: Literal["nobody", "mentees", "chain"] = "nobody"
    """Who is in two trainings: everybody who learns, or one mentee of each mentor, with the next mentor; so all hang together."""


SHAPES = {
    "threes": Shape(),
    "sixes": Shape(mentees=6),
    "twice": Shape(shared="mentees"),
    "one": Shape(shared="chain"),
}


@dataclass(frozen=True, slots=True)
class _Pair:
    training: int
    mentor: int
    mentee: int
    number: int
    place: int
    """Which one of its mentor's it is."""


def build(
    folder: Path,
    mentorships: int,
    *,
    shape: Shape = SHAPES["threes"],
    calendar: str = 'kind = "folder"\npath = "calendars"',
    invitations: str = "none",
    hears: bool = False,
) -> Path:
    """Write the organisation into *folder* and return its config; *hears*: answers are read, from a Maildir beside it."""
    (folder / "trainings").mkdir(parents=True)
    pairs = sorted((_pair(shape, number) for number in range(mentorships)), key=lambda pair: (pair.training, pair.number))
    for training, members in groupby(pairs, lambda pair: pair.training):
        _training_file(folder, training).write_text(_training(training) + "".join(map(_mentorship, members)), encoding="utf-8")
    persons = [_person(f"mentee{n}", n) for n in sorted({pair.mentee for pair in pairs})]
    persons += [_person(f"mentor{n}", n) for n in sorted({pair.mentor for pair in pairs})]
    config = folder / "config.toml"
    main = _MAIN.format(calendar=calendar, invitations=invitations) + (_HEARS if hears else "")
    config.write_text(main + "".join(persons), encoding="utf-8")
    return config


def add_pair(config: Path) -> datetime:
    """Let somebody join a training of their own, with a mentor whom others have too; return when a letter comes due for them alone."""
    number = 1_000_000
    with config.open("a", encoding="utf-8") as main:
        main.write(_person(f"mentee{number}", number))
    text = _TRAINING.format(number=number, sessions=ALONE.isoformat())
    pair = f'mentee = "mentee{number}@voorbeeld.example"\nmentor = "mentor0@voorbeeld.example"\nmeets = {{ day = "thu", at = 16:00:00 }}\n'
    _training_file(config.parent, number).write_text(f"{text}\n[[training.mentorship]]\n{pair}", encoding="utf-8")
    return datetime.combine(ALONE - timedelta(days=14), time(8), UTC)  # the letter about goals, at nine o'clock in Amsterdam


def _training_file(folder: Path, number: int) -> Path:
    return folder / "trainings" / f"{number:05}.toml"


def _pair(shape: Shape, number: int) -> _Pair:
    mentor, place = divmod(number, shape.mentees)
    training, mentee = number // GROUP, number
    if shape.shared == "mentees":  # of each two trainings, the second is for the people of the first
        mentee -= GROUP * (training % 2)
    elif shape.shared == "chain":  # a mentor's last mentee is the next one's first; both in one training they could not be
        mentee -= mentor
        training = training // 2 * 2 + mentor % 2
    return _Pair(training=training, mentor=mentor, mentee=mentee, number=number, place=place)


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


def _mentorship(pair: _Pair) -> str:
    mentee, mentor = f"mentee{pair.mentee}@voorbeeld.example", f"mentor{pair.mentor}@voorbeeld.example"
    lines = ["", "[[training.mentorship]]", f'mentee = "{mentee}"', f'mentor = "{mentor}"']
    if pair.number % 8:  # every eighth pair leaves its hour to us
        again = (pair.number - pair.mentee) // GROUP  # who is in two trainings has another day in the second
        day, hour = _DAYS[(pair.mentor + pair.place + again) % 4], 10 + 2 * (pair.place % 3)
        lines.append(f'meets = {{ day = "{day}", at = {hour}:00:00 }}')
    if pair.number % 3:
        lines.append('goals = ["In elk werkoverleg eerst twee vragen stellen, en dan pas iets vinden"]')
    return "\n".join([*lines, ""])
