"""Reads trainings and mentorships, and checks what only shows when they are seen together; plans nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from beklijf.config.method import DEFAULT, load_method, locate_method
from beklijf.model.domain import TEAMS, Meets, Mentorship, MentorshipKey, Session, Training
from beklijf.model.errors import ConfigError
from beklijf.model.words import day as in_words
from beklijf.planning.days import public_holidays
from beklijf.toml.values import Wrong, choice, clock, day, flag, listed, optional_text, text, weekday, whole, zone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from beklijf.config.people import People
    from beklijf.model.domain import Method, Organisation
    from beklijf.model.errors import Problem
    from beklijf.toml.reader import Document, Table

_HALF_A_YEAR = timedelta(weeks=27)
_MINUTES = whole(15, 480)
_FAR_APART = timedelta(days=3 * 366)


# -- trainings ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Methods:
    """The methods that trainings name, each read once."""

    folder: Path
    problems: list[Problem] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    _known: dict[str, Method] = field(default_factory=dict)

    def find(self, value: object) -> Method:
        """Take the name or path of a method; problems inside its file are kept, and the default stands in for it."""
        name = text(value)
        if name not in self._known:
            if not locate_method(name, self.folder).is_file():
                raise Wrong(f'there is no method "{name}"', 'it is "default", or the path of a .toml file that counts from the config')
            try:
                self._known[name], data = load_method(name, self.folder)
            except ConfigError as error:
                self.problems += error.problems
                self._known[name], data = load_method(DEFAULT, self.folder)
            self.data.append(data)
        return self._known[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What a training is read against."""

    organisation: Organisation
    people: People
    methods: Methods
    teams: bool


def read_trainings(
    documents: Sequence[Document], organisation: Organisation, people: People, methods: Methods, *, teams: bool
) -> tuple[Training, ...]:
    """Read all trainings; *teams*: the calendar server makes online meetings of its own."""
    around = _Around(organisation=organisation, people=people, methods=methods, teams=teams)
    trainings: dict[str, Training] = {}
    for document in documents:
        for table in document.root.tables_of("training"):
            training = _training(table, around)
            if training.id and trainings.setdefault(training.id.casefold(), training) is not training:
                table.wrong("id", f'a second training with the id "{training.id}"', "every training needs an id of its own")
    return tuple(trainings.values())


def _training(table: Table, around: _Around) -> Training:
    training_id = table.need("id", _id, "")
    sessions = _sessions(table, around.organisation)
    method = table.get("method", around.methods.find, None) or around.methods.find(DEFAULT)
    hour = _hour(table.table("meets"), None) if "meets" in table else None
    days = (sessions[0].date, sessions[-1].date + _HALF_A_YEAR) if sessions else None
    online = table.get("online", optional_text, "")
    if online == TEAMS and not around.teams:
        table.wrong("online", "Exchange Online alone makes Teams meetings by itself", 'put a link here, or kind = "graph" in [calendar]')
    mentorships: dict[MentorshipKey, Mentorship] = {}
    for inner in table.tables_of("mentorship"):
        mentorship = _mentorship(inner, training_id, around.people, hour, method.series.minutes)
        if mentorship is None:
            continue
        if mentorships.setdefault(mentorship.key, mentorship) is not mentorship:
            other = mentorships[mentorship.key].mentor.name
            inner.wrong("mentee", f"{mentorship.mentee.name} has a mentor in this training already: {other}", "one mentor for each mentee")
        if mentorship.meets and days and (missing := _missing_hour(mentorship.meets.at, mentorship.meets.zone, *days)):
            (inner if "meets" in inner else table).wrong("meets", *_no_such_hour(mentorship.meets.at, mentorship.meets.zone, missing))
    return Training(
        id=training_id,
        name=table.need("name", text, ""),
        purpose=table.need("purpose", text, ""),
        sessions=tuple(sessions),
        more_sessions=table.get("more_sessions", flag, False),
        live=table.get("state", choice("draft", "live"), "draft") == "live",
        method=method,
        location=table.get("place", optional_text, ""),
        online=online,
        mentorships=tuple(mentorships.values()),
    )


def _id(value: object) -> str:
    """Take a word that people type in commands, and that stands in names of items and files."""
    given = text(value)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", given):
        raise Wrong(f'must be letters, digits, hyphens, dots and underscores, not "{given}"')
    return given


# -- sessions ----------------------------------------------------------------------------------------------------------


def _sessions(table: Table, organisation: Organisation) -> list[Session]:
    if not table.need("sessions", listed, ["wrong already"]):
        table.wrong("sessions", "is empty", "a training has at least one date; more_sessions = true says that others follow")
    read = table.each("sessions", _session, _moved_session)
    found = {number: session for number, session in read.items() if session.date != date.min}
    _check_twice(table, found)
    for number, session in found.items():
        if reason := _day_off(session.date, organisation):
            table.document.found(
                (*table.path, "sessions", number),
                f"{in_words(session.date, 'en', year=True)} is {reason}",
                "fine if the training really takes place then",
                warning=True,
            )
    return sorted(found.values(), key=lambda session: session.date)


def _session(value: object) -> Session:
    return Session(date=day(value), key=day(value))


def _moved_session(table: Table) -> Session:
    """Read ``{ date = .., was = .. }``; without a date it comes out as the first day of the calendar."""
    return Session(date=table.need("date", day, date.min), key=table.get("was", day, table.get("date", day, date.min)))


def _check_twice(table: Table, sessions: Mapping[int, Session]) -> None:
    dates: set[date] = set()
    keys: set[date] = set()
    for number, session in sessions.items():
        path = (*table.path, "sessions", number)
        said = in_words(session.date, "en", year=True)
        if session.date in dates:
            table.document.found(path, f"a second session on {said}", "a day with several parts is one session")
        elif session.key in keys:
            hint = "a session is known by the first date that it ever had; give only the one that moved a was"
            table.document.found(path, f"two sessions that were first planned on {in_words(session.key, 'en', year=True)}", hint)
        dates.add(session.date)
        keys.add(session.key)
    if dates and max(dates) - min(dates) > _FAR_APART:
        table.wrong("sessions", f"span from {min(dates)} to {max(dates)}", "are the years right?")


def _day_off(when: date, organisation: Organisation) -> str:
    if when.weekday() not in organisation.office_hours.days:
        return "no working day"
    if any(when in closed for closed in organisation.closed):
        return "a closed day"
    if when not in organisation.open and when in _holidays(organisation.holidays, when.year):
        return "a public holiday"
    return ""


@cache
def _holidays(country: str, year: int) -> frozenset[date]:
    return public_holidays(country, [year])


# -- mentorships and their hours ---------------------------------------------------------------------------------------


class _Hour(NamedTuple):
    """What ``meets`` says; the mentee's zone and the method's length fill what it leaves out."""

    weekday: int
    at: time
    minutes: int | None
    zone: ZoneInfo | None


def _mentorship(table: Table, training: str, people: People, usual: _Hour | None, minutes: int) -> Mentorship | None:
    mentee = table.need("mentee", people.find, None)
    mentor = table.need("mentor", people.find, None)
    hour = _hour(table.table("meets"), usual) if "meets" in table else usual
    goals = tuple(table.each("goals", text).values())
    if mentee is None or mentor is None:
        return None
    if mentee is mentor:
        table.wrong("mentor", f"{mentor.name} is the mentee too", "a mentor is somebody else")
    return Mentorship(
        key=MentorshipKey(f"{training}/{mentee.key}"),
        training=training,
        mentee=mentee,
        mentor=mentor,
        meets=hour and Meets(weekday=hour.weekday, at=hour.at, minutes=hour.minutes or minutes, zone=hour.zone or mentee.zone),
        goals=goals,
    )


def _hour(table: Table, usual: _Hour | None) -> _Hour | None:
    """Read ``meets``; a mentorship's may leave out what the training's says."""
    if usual is None:
        usual = _Hour(table.need("day", weekday, 0), table.need("at", clock, time(12)), None, None)
    return _Hour(
        table.get("day", weekday, usual.weekday),
        table.get("at", clock, usual.at),
        table.get("minutes", _MINUTES, usual.minutes),
        table.get("zone", zone, usual.zone),
    )


# -- hours that the clock skips ----------------------------------------------------------------------------------------


def check_letter_hour(root: Table, organisation: Organisation, people: People, trainings: Sequence[Training]) -> None:
    """Refuse a letter hour that the clock of somebody skips on a day of these trainings."""
    dates = [session.date for training in trainings for session in training.sessions]
    if not dates:
        return
    for each in {organisation.zone, *(person.zone for person in people.persons)}:
        if missing := _missing_hour(organisation.letter_hour, each, min(dates), max(dates) + _HALF_A_YEAR):
            root.document.found(("organisation", "letter_hour"), *_no_such_hour(organisation.letter_hour, each, missing))


@cache
def _missing_hour(at: time, zone: ZoneInfo, first: date, last: date) -> date | None:
    """Return the first day on which the clock jumps over *at*: what goes there and back through UTC comes out another."""
    for number in range((last - first).days + 1):
        when = datetime.combine(first + timedelta(days=number), at, zone)
        if when.astimezone(UTC).astimezone(zone).time() != at:
            return when.date()
    return None


def _no_such_hour(at: time, zone: ZoneInfo, missing: date) -> tuple[str, str]:
    what = f"{at:%H:%M} does not exist in {zone.key} on {in_words(missing, 'en', year=True)}, when the clock goes forward"
    return what, "take an hour that every day has"
