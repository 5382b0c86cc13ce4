"""Finds what no reading of the config shows: what is wrong with a programme once it is planned, and what nobody chose. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from beklijf.ical import timezones
from beklijf.model.domain import Item, Kind
from beklijf.model.errors import Problem
from beklijf.model.words import day as in_words
from beklijf.model.words import weekday as weekday_in_words
from beklijf.planning.agendas import Agendas
from beklijf.planning.days import named, on_or_after, only_in_parts, public_holidays
from beklijf.planning.timeline import timeline
from beklijf.toml.lines import lines_of
from beklijf.toml.reader import nearest_line, spelt

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import date

    from beklijf.contracts.settings import Config
    from beklijf.model.domain import Meets, MentorshipKey, Person, Track, Training

_HOLD_BOTH = (Kind.MEETING, Kind.SERIES)
"""A reminder is shown as free: it takes nobody's hour."""


class _Finding(NamedTuple):
    about: str
    """The key of a mentorship, or the id of a training."""
    what: str
    hint: str
    warning: bool = True
    other: str = ""
    """A second mentorship whose position belongs behind *what*."""


class _Position(NamedTuple):
    file: str
    line: int
    where: str


class _Meeting(NamedTuple):
    begin: float
    """As a timestamp: two datetimes of one zone compare by their clocks, which in October say the same hour twice."""
    end: float
    ref: str
    start: datetime
    item: Item

    @classmethod
    def of(cls, item: Item, start: datetime) -> _Meeting:
        begin = start.timestamp()
        return cls(begin, begin + 60 * item.minutes, item.ref, start, item)


def programme_problems(config: Config, tracks: Mapping[MentorshipKey, Track], moved: Collection[str] = ()) -> list[Problem]:
    """Return overlapping meetings as errors; hours outside office hours, unlucky weekdays and notices as warnings.

    An overlap with a pair in *moved* is a warning: people chose that hour in their calendar, and nobody may be stopped by it.
    """
    agendas = _agendas(config)
    trainings = {training.id: training for training in config.trainings}
    findings = [*_impossible(tracks, moved), *_unwritable_zones(tracks)]
    for key, track in tracks.items():
        findings += _outside_office_hours(key, track, agendas)
        findings += _unlucky_weekday(key, track, trainings[track.mentorship.training], agendas)
        findings += (_Finding(notice.mentorship or notice.training, notice.what, notice.hint) for notice in track.notices)
    return _as_problems(config, findings)


def programme_errors(config: Config, tracks: Mapping[MentorshipKey, Track], moved: Collection[str] = ()) -> list[Problem]:
    """Return what of `programme_problems` is an error by which nothing may be done."""
    return _as_problems(config, [found for found in _impossible(tracks, moved) if not found.warning])


def unwritable(config: Config, tracks: Mapping[MentorshipKey, Track], now: datetime) -> list[Problem]:
    """Return whose series no calendar can hold, while all others go on: rules of zones change without anybody's doing.

    What costs little is asked first, since this is asked at each plan.
    """
    zones = {track.meets.zone.key for track in tracks.values() if track.meets}
    strange = {zone for zone in zones if not all(_is_writable(zone, now.year + ahead) for ahead in _AHEAD)}
    if not strange:
        return []
    theirs = ({key: track} for key, track in tracks.items() if track.meets and track.meets.zone.key in strange)
    return _as_problems(config, [found for each in theirs for found in islice(_unwritable_zones(each), 1)])


_AHEAD = range(-1, 4)
"""The years of running tracks, by this one."""


def _is_writable(zone: str, year: int) -> bool:
    try:
        timezones.check(zone, year)
    except timezones.NoYearlyRule:
        return False
    return True


def _impossible(tracks: Mapping[MentorshipKey, Track], moved: Collection[str]) -> Iterator[_Finding]:
    for found in _overlaps(tracks):
        yield found._replace(warning=bool({found.about, found.other} & {*moved}))


def _as_problems(config: Config, findings: Collection[_Finding]) -> list[Problem]:
    if not findings:
        return []
    positions = _positions(config)
    return sorted((_problem(finding, positions) for finding in dict.fromkeys(findings)), key=lambda problem: (problem.file, problem.line))


_SHOWN = 5
_READ_OR_NOT = (
    "say read = true or read = false under [answers]. true: who accepts, declines, proposes or stays silent is noted, acted on, "
    "and forgotten again; false: none of that, and all else works. Reading answers is processing of personal data, so this is "
    "yours to decide (in the Netherlands the works council has a say: WOR, art. 27). Until then nothing is read"
)


def answers_problems(config: Config) -> list[Problem]:
    """Return an error as long as nobody chose whether answers are read; it stops nothing but ``check``."""
    if config.answers.read is not None:
        return []
    where = ("answers", "read")
    line = nearest_line(lines_of(config.sources[0].text), where) if config.sources else 0
    what = "not chosen yet: may answers to invitations be read?"
    return [Problem(file=str(config.path), line=line, where=spelt(where), what=what, hint=_READ_OR_NOT)]


def holidays_problems(config: Config, today: date) -> list[Problem]:
    """Return a warning where a country is named whose public holidays differ by part: meetings would stand on those of the part."""
    country = config.organisation.holidays
    parts = only_in_parts(country, (today.year, today.year + 1))
    if not parts:
        return []
    where = ("organisation", "holidays")
    line = nearest_line(lines_of(config.sources[0].text), where) if config.sources else 0
    missed = sorted(day for day in frozenset().union(*parts.values()) if day >= today)
    days = f"{', '.join(f'{named(day)} {day.year}' for day in missed[:_SHOWN])}{', ..' if len(missed) > _SHOWN else ''}"
    what = f'public holidays differ by part of {country}, and "{country}" has none of those of a part, such as {days}'
    return [
        Problem(file=str(config.path), line=line, where=spelt(where), what=what, hint=f"name the part: {', '.join(parts)}", warning=True)
    ]


def _agendas(config: Config) -> Agendas:
    years = {session.date.year + ahead for training in config.trainings for session in training.sessions for ahead in (-1, 0, 1)}
    return Agendas(config.organisation, public_holidays(config.organisation.holidays, years), config.trainings)


def _problem(finding: _Finding, positions: Mapping[str, _Position]) -> Problem:
    position = positions[finding.about]
    other = positions.get(finding.other)
    what = f"{finding.what}, {other.where} ({other.file}:{other.line})" if other else finding.what
    return Problem(file=position.file, line=position.line, where=position.where, what=what, hint=finding.hint, warning=finding.warning)


def _positions(config: Config) -> Mapping[str, _Position]:
    """Return where each training and mentorship stands; trainings stand in the config in the order of its files."""
    found: dict[str, _Position] = {}
    trainings = iter(config.trainings)
    for source in config.sources:
        lines = lines_of(source.text)
        number = 0
        while ("training", number) in lines:
            training = next(trainings)
            path = ("training", number)
            found[training.id] = _Position(source.name, lines[path], spelt(path))
            for inner, mentorship in enumerate(training.mentorships):
                below = (*path, "mentorship", inner)
                found[mentorship.key] = _Position(source.name, lines[below], spelt(below))
            number += 1
    return found


# -- two meetings at one hour ------------------------------------------------------------------------------------------


def _overlaps(tracks: Mapping[MentorshipKey, Track]) -> Iterator[_Finding]:
    """Yield each two mentorships that want one person at the same moment, with the first such moment."""
    agendas: defaultdict[str, dict[str, Item]] = defaultdict(dict)
    people: dict[str, Person] = {}
    for track in tracks.values():
        for item in track.items:
            if item.kind in _HOLD_BOTH:
                for person in item.people:
                    agendas[person.key][item.ref] = item
                    people[person.key] = person
    for key, items in agendas.items():
        if len({_pair(item) for item in items.values()}) > 1:
            yield from _overlaps_of(people[key], list(items.values()))


def _overlaps_of(person: Person, items: list[Item]) -> Iterator[_Finding]:
    meetings = sorted(_Meeting.of(item, start) for item in items for start in item.starts)
    seen: set[tuple[str, str]] = set()
    for index, first in enumerate(meetings):
        for second in islice(meetings, index + 1, None):
            if second.begin >= first.end:
                break
            keys = (first.item.mentorships[0], second.item.mentorships[0])
            if _pair(first.item) == _pair(second.item) or keys in seen:
                continue
            seen |= {keys, keys[::-1]}
            together = f"{_others(second.item, person)} and with {_others(first.item, person)}"
            what = f"{person.name} is with {together} on {_moment(second.start)}"
            yield _Finding(keys[1], what, "give one of the two pairs another hour (meets)", warning=False, other=keys[0])


def _pair(item: Item) -> frozenset[str]:
    return frozenset(person.key for person in item.people)


def _others(item: Item, person: Person) -> str:
    return " and ".join(other.name for other in item.people if other.key != person.key)


def _moment(start: datetime) -> str:
    return f"{in_words(start, 'en', year=True)} at {start:%H:%M}"


# -- hours and weekdays that don't suit --------------------------------------------------------------------------------


def _unwritable_zones(tracks: Mapping[MentorshipKey, Track]) -> Iterator[_Finding]:
    """Yield, once a zone, the pair whose meetings no calendar program would show at the right hour."""
    named: set[str] = set()
    for key, track in tracks.items():
        if track.meets is None or not track.meetings or track.meets.zone.key in named:
            continue
        zone, first, last = track.meets.zone.key, track.meetings[0], track.meetings[-1]
        try:
            for year in range(first.year, last.year + 1):
                timezones.check(zone, year, first, last)
        except timezones.NoYearlyRule as error:
            named.add(zone)
            yield _Finding(key, str(error), error.hint, warning=False)


def _outside_office_hours(key: MentorshipKey, track: Track, agendas: Agendas) -> Iterator[_Finding]:
    hours = agendas.organisation.office_hours
    meetings = sorted((start, item.minutes) for item in track.items if item.kind in _HOLD_BOTH for start in item.starts)
    for person in (track.mentorship.mentee, track.mentorship.mentor):
        outside = next((start for start, minutes in meetings if not agendas.inside_office_hours(person, start, minutes)), None)
        if outside is not None:
            local = outside.astimezone(person.zone)
            what = f"{_moment(local)} in {person.zone.key} is outside office hours for {person.name}"
            yield _Finding(key, what, f"choose an hour between {hours.start:%H:%M} and {hours.end:%H:%M} for both (meets)")


def _unlucky_weekday(key: MentorshipKey, track: Track, training: Training, agendas: Agendas) -> Iterator[_Finding]:
    if track.meets is None:
        return
    off, total = _days_off(track, track.meets.weekday, track.meets, training, agendas)
    if off <= training.method.limits.off_share * total:
        return
    mentee, mentor = track.mentorship.mentee, track.mentorship.mentor
    days = agendas.working.of(mentee).weekdays & agendas.working.of(mentor).weekdays
    better = sorted((_days_off(track, day, track.meets, training, agendas)[0], day) for day in days)
    what = f"{off} of {total} meetings on a {_weekday(track.meets.weekday)} fall on days off"
    hint = f"on a {_weekday(better[0][1])} it would be {better[0][0]}" if better and better[0][0] < off else "no weekday is better"
    yield _Finding(key, what, hint)


def _days_off(track: Track, weekday: int, meets: Meets, training: Training, agendas: Agendas) -> tuple[int, int]:
    """Return how many meetings of a series on *weekday* would fall on days off, and of how many."""
    rule, when = training.method.series, timeline(training)
    if when is None:
        return 0, 0
    [(anchor, _)] = when.anchors(rule.anchor)
    day, last = on_or_after(anchor + timedelta(days=rule.window[0]), weekday), when.last + timedelta(days=rule.until)
    met: Counter[bool] = Counter()
    while day <= last:
        start = datetime.combine(day, meets.at, meets.zone)
        met[all(agendas.can_meet(person, start) for person in (track.mentorship.mentee, track.mentorship.mentor))] += 1
        day += timedelta(weeks=rule.every)
    return met[False], met.total()


def _weekday(number: int) -> str:
    return weekday_in_words(number, "en")
