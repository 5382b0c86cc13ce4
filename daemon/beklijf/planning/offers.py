"""Times that suit both of a pair, and why a time that somebody proposes can't be. Pure.

Looks at a programme as it is held now; what is offered is taken by nobody until somebody chooses it.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from beklijf.model import canonical
from beklijf.model.conversation import Hindrance, Offer
from beklijf.model.domain import Kind
from beklijf.planning.agendas import Agendas
from beklijf.planning.days import DAY, around, on_or_after
from beklijf.planning.hours import collisions, lay, suits, weekly_hours, window_start
from beklijf.planning.pairs import make_pairs, start_at
from beklijf.planning.pauses import Pauses
from beklijf.planning.timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date

    from beklijf.model.domain import Event, Meets, Mentorship, MentorshipKey, Person, Programme, Track
    from beklijf.model.facts import Facts
    from beklijf.planning.pairs import Pair

_REACH = 14
"""Days around a meeting in which it is offered other times: the rhythm of two weeks has the next one then."""


class Times:
    """Everybody's agenda as it is held, made once for a tick and asked for any pair of *programme*."""

    def __init__(self, programme: Programme, facts: Facts, holidays: frozenset[date]) -> None:
        self._tracks = programme.tracks
        self._trainings = programme.trainings
        self._facts = facts
        self._pauses = Pauses(facts.pauses)
        self._agendas = Agendas(programme.organisation, holidays, programme.trainings.values(), facts.busy)
        self._held = _held(programme, facts)
        people = {_couple(track): _people(track) for track in programme.tracks.values()}
        for couple, meetings in self._held.items():
            for start, minutes in meetings.items():
                self._agendas.book(people[couple], start, minutes)

    # -- one meeting -------------------------------------------------------------------------------------------------

    def near(self, key: MentorshipKey, at: datetime, minutes: int, *, now: datetime, count: int = 3) -> tuple[Offer, ...]:
        """Return other times for the meeting that is held at *at*, nearest first, on different days where that is possible.

        The same hour of other days, and other office hours, from tomorrow on; on the days between the pair's meetings before and
        after it.
        """
        track = self._tracks.get(key)
        if track is None or track.meets is None:
            return ()
        at = at.astimezone(track.meets.zone)
        today = now.astimezone(track.meets.zone).date()
        others = sorted({start.astimezone(track.meets.zone).date() for start in self._held[_couple(track)]} - {at.date()})
        first, last = _neighbours(others, at.date())
        middle = max(at.date(), today + DAY)
        days = [day for day in (middle, *around(middle, _REACH)) if max(first, today + DAY) <= day <= last]
        with self._setting_aside(track, [at]):
            found = [start for start in _other_times(at, days, self._hours(track, minutes)) if self._fits(_people(track), start, minutes)]
        return tuple(Offer(start, minutes) for start in _spread(found, count, datetime.date))

    def _hours(self, track: Track, minutes: int) -> list[Meets]:
        """Return one weekly hour for each hour of an office day."""
        assert track.meets is not None  # who has no hour is offered none
        return list({each.at: each for each in weekly_hours(minutes, track.meets.zone, self._agendas)}.values())

    def _fits(self, people: tuple[Person, Person], start: datetime, minutes: int) -> bool:
        agendas = self._agendas
        return (
            self._can_meet(people, start)
            and agendas.free(people, start, minutes)
            and all(agendas.inside_office_hours(person, start, minutes) for person in people)
            and agendas.busy.free(people, start, minutes)
        )

    def _can_meet(self, people: tuple[Person, Person], start: datetime) -> bool:
        return self._agendas.both_can_meet(people, start) and not self._pauses.hold("meetings", people, start)

    # -- the hour of a series ----------------------------------------------------------------------------------------

    def hours(self, key: MentorshipKey, *, now: datetime, count: int = 3) -> tuple[Offer, ...]:
        """Return other weekly hours for the rest of a pair's series, each as the first meeting that would take place at it.

        The least busy of the first six weeks come first, then those near to the hour that they have; on different weekdays
        where that is possible.
        """
        track = self._tracks.get(key)
        if track is None or track.meets is None:
            return ()
        pair, own, series = self._pair(track), track.meets, self._series(track)
        ahead = [start for start in series if start > now]
        if not ahead:
            return ()
        begun = len(ahead) < len(series) or pair.carrier.begun is not None
        tomorrow = now.astimezone(own.zone).date() + DAY
        base = ahead[0].astimezone(own.zone).date() - DAY * 3 if begun else window_start(pair)
        ranked: list[tuple[int, int, datetime]] = []
        with self._setting_aside(track, ahead):
            for meets in weekly_hours(own.minutes, own.zone, self._agendas):
                first = on_or_after(max(base, tomorrow), meets.weekday)
                layout = lay(pair, meets, first, self._agendas)
                start = next((at for at in layout.series if not self._pauses.hold("meetings", pair.people, at)), None)
                taken = (meets.weekday, meets.at) == (own.weekday, own.at)
                if start and not taken and suits(pair, meets, layout, self._agendas):
                    ranked.append((collisions(pair, meets, layout, self._agendas), abs(_minute(meets) - _minute(own)), start))
        return tuple(Offer(start, own.minutes) for start in _spread([start for *_, start in sorted(ranked)], count, datetime.weekday))

    def _pair(self, track: Track) -> Pair:
        """Return the two with all that they have together while this series runs."""
        ours = [(training, _of(_couple(track), training.mentorships)) for training in self._trainings.values()]
        lines = [timeline(replace(training, mentorships=mentorships)) for training, mentorships in ours if mentorships]
        pairs = make_pairs(filter(None, lines), self._facts, self._agendas)
        return next(pair for pair in pairs if any(member.key == track.mentorship.key for member in pair.members))

    def _series(self, track: Track) -> list[datetime]:
        """Return the meetings of the series that serves this mentorship, as they are held."""
        items = (item for other in self._tracks.values() if _couple(other) == _couple(track) for item in other.items)
        item = next((item for item in items if item.kind is Kind.SERIES and track.mentorship.key in item.mentorships), None)
        moved = self._facts.moved_instances.get(item.ref, {}) if item else {}
        return sorted(moved.get(start, start) for start in item.starts) if item else []

    # -- a time that somebody proposes -------------------------------------------------------------------------------

    def hindrance(
        self, key: MentorshipKey, event: Event | None, recurrence_id: datetime | None, start: datetime, minutes: int, *, now: datetime
    ) -> Hindrance | None:
        """Return why *event* (with a *recurrence_id*: that meeting of it) can't be held at *start*; None when it can.

        Without an event it is about the hour of the pair's series, of which *start* is the first meeting. What somebody
        proposes may be outside office hours, and where a calendar says busy: they know better.
        """
        track = self._tracks.get(key)
        if track is None:
            return Hindrance.OVER
        own = self._about(track, event, recurrence_id)
        if event and not any(at > now for at in own):
            return Hindrance.OVER
        if start <= now:
            return Hindrance.PAST
        if event and not self._stays_near(track, event, recurrence_id, start):
            return Hindrance.NEIGHBOURS
        people = _people(track)
        if not self._can_meet(people, start):
            return Hindrance.DAY_OFF
        with self._setting_aside(track, own):
            return None if self._agendas.free(people, start, minutes or (event.minutes if event else 60)) else Hindrance.TAKEN

    def _stays_near(self, track: Track, event: Event, recurrence_id: datetime | None, start: datetime) -> bool:
        """Say whether a meeting of a series stays between its neighbours, and one by itself not far beyond all that the two have."""
        if recurrence_id:
            return _keeps_order(event, recurrence_id, start)
        last = max([*self._held[_couple(track)], *canonical.meetings(event)])
        return bool(event.recurrence) or start.date() <= last.date() + 2 * _REACH * DAY

    def _about(self, track: Track, event: Event | None, recurrence_id: datetime | None) -> list[datetime]:
        """Return the meetings that would go elsewhere, as they are held now."""
        if event is None:
            return self._series(track)
        if recurrence_id is None:
            return list(canonical.meetings(event))
        actual = canonical.actual_start(event, recurrence_id) if recurrence_id in canonical.occurrences(event) else None
        return [actual] if actual else []

    @contextmanager
    def _setting_aside(self, track: Track, starts: Iterable[datetime]) -> Iterator[None]:
        """Take meetings of the pair out of the agendas for a moment: what moves is in nobody's way."""
        held = self._held[_couple(track)]
        aside = [(start, held[start]) for start in dict.fromkeys(starts) if start in held]
        for start, minutes in aside:
            self._agendas.release(_people(track), start, minutes)
        try:
            yield
        finally:
            for start, minutes in aside:
                self._agendas.book(_people(track), start, minutes)


# -- what is held ------------------------------------------------------------------------------------------------------


def _people(track: Track) -> tuple[Person, Person]:
    return track.mentorship.mentee, track.mentorship.mentor


def _couple(track: Track) -> tuple[str, str]:
    return track.mentorship.mentee.key, track.mentorship.mentor.key


def _held(programme: Programme, facts: Facts) -> dict[tuple[str, str], dict[datetime, int]]:
    """Return the meetings of each two people where they are held, with their minutes.

    The tracks may say already where people moved them, or not yet.
    """
    minutes: defaultdict[tuple[str, str], dict[datetime, int]] = defaultdict(dict)
    moved_instances: defaultdict[tuple[str, str], dict[datetime, datetime]] = defaultdict(dict)
    starts: defaultdict[tuple[str, str], set[datetime]] = defaultdict(set)
    for track in programme.tracks.values():
        couple = _couple(track)
        starts[couple].update(track.meetings)
        for item in track.items:
            if item.kind is not Kind.REMINDER:
                minutes[couple] |= dict.fromkeys(item.starts, item.minutes)
                moved_instances[couple] |= facts.moved_instances.get(item.ref, {})
    usual = {_couple(track): track.meets.minutes for track in programme.tracks.values() if track.meets}
    return {
        couple: {
            start.astimezone(UTC): minutes[couple].get(start, usual.get(couple, 60))
            for start in chain(moved_instances[couple].values(), found - moved_instances[couple].keys())
        }
        for couple, found in starts.items()
    }


def _of(couple: tuple[str, str], mentorships: Iterable[Mentorship]) -> tuple[Mentorship, ...]:
    return tuple(each for each in mentorships if (each.mentee.key, each.mentor.key) == couple)


def _neighbours(days: list[date], day: date) -> tuple[date, date]:
    """Return the first and the last day between the meetings before and after *day*."""
    before = [other for other in days if other < day]
    after = [other for other in days if other > day]
    return (before[-1] + DAY if before else day - DAY * 2 * _REACH, after[0] - DAY if after else day + DAY * 2 * _REACH)


def _keeps_order(event: Event, recurrence_id: datetime, start: datetime) -> bool:
    """Say whether that meeting of a series stays on a day between those before and after it: Exchange takes no other."""
    zone = event.start.tzinfo
    actual = [(at, canonical.actual_start(event, at)) for at in canonical.occurrences(event)]
    before = [there.astimezone(zone).date() for at, there in actual if there and at < recurrence_id]
    after = [there.astimezone(zone).date() for at, there in actual if there and at > recurrence_id]
    day = start.astimezone(zone).date()
    return all(other < day for other in before[-1:]) and all(day < other for other in after[:1])


# -- which come first --------------------------------------------------------------------------------------------------


def _minute(meets: Meets) -> int:
    return meets.at.hour * 60 + meets.at.minute


def _other_times(at: datetime, days: list[date], hours: list[Meets]) -> Iterator[datetime]:
    """Yield the same hour of *days*, and the other *hours* of the nearest, then of all of them; never *at* itself."""
    own = at.hour * 60 + at.minute
    nearest = sorted(hours, key=lambda meets: (abs(_minute(meets) - own), meets.at))
    same_day = (start_at(meets, day) for day in days if day == at.date() for meets in nearest)
    same_hour = (at.replace(year=day.year, month=day.month, day=day.day) for day in days)
    others = (start_at(meets, day) for day in days for meets in nearest)
    yield from (start for start in dict.fromkeys(chain(same_day, same_hour, others)) if start != at)


def _spread(starts: list[datetime], count: int, by: Callable[[datetime], object]) -> list[datetime]:
    """Return the first of *starts*, of each day (or weekday) one before any has a second."""
    firsts: dict[object, datetime] = {}
    for start in starts:
        firsts.setdefault(by(start), start)
    return [*firsts.values(), *(start for start in starts if start not in firsts.values())][:count]
