"""Two people, their hour, and the days of the one series that they share. Pure.

A pair that is in two trainings at the same time has one series: each ``Pair`` here is one such series, with all the
mentorships that it serves. Places series only; what comes in between is for ``singles``.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from beklijf.domain import Meets, Notice, Ref
from beklijf.planning.agendas import day_of
from beklijf.planning.days import DAY, on_or_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from beklijf.domain import Facts, Limits, MeetingRule, Mentorship, MentorshipKey, Person, SeriesRule, Topic, Training
    from beklijf.planning.agendas import Agendas
    from beklijf.planning.timeline import Timeline

_WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One mentorship of a pair, with the days between which its series runs."""

    mentorship: Mentorship
    timeline: Timeline
    joined: datetime | None
    earliest: datetime | None
    """The first instant at which something may be written for it; what would begin earlier lies in the past."""
    first: date
    last: date
    begun: date | None

    @property
    def key(self) -> MentorshipKey:
        return self.mentorship.key

    @property
    def training(self) -> Training:
        return self.timeline.training

    @property
    def ref(self) -> Ref:
        return Ref(f"{self.key}/{self.training.method.series.id}")

    def ahead(self, start: datetime) -> bool:
        return self.earliest is None or start > self.earliest


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """A meeting beside the series, as decided; it becomes an item once all topics are known."""

    ref: Ref
    rule: str
    member: Member
    start: datetime
    minutes: int
    questions: str
    why: str
    instead_of: date | None = None
    opens: int | None = None
    """Days from F; None: so many days ahead as the limits say."""


@dataclass(slots=True, kw_only=True)
class Pair:
    """One series of two people; filled in while the plan is made."""

    members: tuple[Member, ...]
    """The first one carries the series."""
    people: tuple[Person, Person]
    """Mentee and mentor."""
    met: list[date]
    """All days on which these two meet, in order, those of their earlier and later series included."""
    meets: Meets | None = None
    proposed: bool = False
    moved: bool = False
    """A human moved the series: what is in the calendar already keeps its old hour."""
    series: tuple[datetime, ...] = ()
    off: dict[datetime, str] = field(default_factory=dict)
    """The places of the rhythm that hold no meeting, and why."""
    stand_ins: dict[date, datetime] = field(default_factory=dict)
    singles: dict[Ref, Single] = field(default_factory=dict)
    topics: defaultdict[datetime, list[Topic]] = field(default_factory=lambda: defaultdict(list))
    look_backs: list[datetime] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    @property
    def carrier(self) -> Member:
        return self.members[0]

    @property
    def limits(self) -> Limits:
        return self.carrier.training.method.limits

    @property
    def rule(self) -> SeriesRule:
        return self.carrier.training.method.series

    def rhythm(self) -> list[datetime]:
        """Return the meetings of the series and those that stand in for one, in order."""
        return sorted((*self.series, *self.stand_ins.values()))

    def distance(self, day: date) -> int:
        """Return how many days *day* is from the nearest day on which these two meet."""
        index = bisect_left(self.met, day)
        return min((abs((day - near).days) for near in self.met[max(index - 1, 0) : index + 1]), default=date.max.toordinal())

    def notice(self, what: str, hint: str = "", member: Member | None = None) -> None:
        member = member or self.carrier
        self.notices.append(Notice(training=member.training.id, mentorship=member.key, what=what, hint=hint))


def start_at(meets: Meets, day: date) -> datetime:
    return datetime.combine(day, meets.at, meets.zone)


# -- who shares a series -----------------------------------------------------------------------------------------------


def make_pairs(timelines: Iterable[Timeline], facts: Facts, agendas: Agendas) -> list[Pair]:
    """Return the pairs by the key of the mentorship that carries them, without hours yet."""
    couples: defaultdict[tuple[str, str], list[Member]] = defaultdict(list)
    for timeline in timelines:
        for mentorship in timeline.training.mentorships:
            couples[mentorship.mentee.key, mentorship.mentor.key].append(_member(mentorship, timeline, facts, agendas))
    pairs: list[Pair] = []
    for members in couples.values():
        met: list[date] = []
        people = members[0].mentorship.mentee, members[0].mentorship.mentor
        pairs += (Pair(members=_carrier_first(group), people=people, met=met) for group in _overlapping(members))
    return sorted(pairs, key=lambda pair: pair.carrier.key)


def _member(mentorship: Mentorship, timeline: Timeline, facts: Facts, agendas: Agendas) -> Member:
    rule = timeline.training.method.series
    joined, mentee = facts.joined.get(mentorship.key), mentorship.mentee
    earliest = _earliest(mentee, joined, agendas) if joined else None
    [(anchor, _)] = timeline.anchors(rule.anchor)
    first = anchor + DAY * rule.window[0]
    return Member(
        mentorship=mentorship,
        timeline=timeline,
        joined=joined,
        earliest=earliest,
        first=max(first, earliest.date()) if earliest else first,
        last=timeline.last + DAY * rule.until,
        begun=facts.begun.get(Ref(f"{mentorship.key}/{rule.id}")),
    )


def _earliest(mentee: Person, joined: datetime, agendas: Agendas) -> datetime:
    """Return the first letter hour after the joining: nobody is invited in the morning for the afternoon."""
    day = day_of(joined, mentee)
    hour = agendas.opening(mentee, day, None)
    return hour if hour >= joined else agendas.opening(mentee, day + DAY, None)


def _overlapping(members: list[Member]) -> Iterator[list[Member]]:
    """Yield the members in groups whose series overlap, if only through a third one."""
    group: list[Member] = []
    for member in sorted(members, key=lambda member: (member.first, member.training.id)):
        if group and member.first > max(earlier.last for earlier in group):
            yield group
            group = []
        group.append(member)
    if group:
        yield group


def _carrier_first(group: list[Member]) -> tuple[Member, ...]:
    """Put in front whose series has begun already, else whose starts first: a training that joins takes over nothing."""
    return tuple(sorted(group, key=lambda member: (member.begun or date.max, member.first, member.training.id)))


# -- the days of a series ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Layout:
    series: tuple[datetime, ...]
    off: dict[datetime, str]


def _lay(pair: Pair, meets: Meets, first: date, agendas: Agendas) -> _Layout:
    """Walk the rhythm from *first*: what takes place, and what falls on a day off."""
    step, last = _WEEK * pair.rule.every, max(member.last for member in pair.members)
    mentee, mentor = pair.people
    series: list[datetime] = []
    off: dict[datetime, str] = {}
    for day in _steps(first, step, last):
        start = start_at(meets, day)
        if not pair.carrier.ahead(start):
            continue
        if agendas.both_can_meet(pair.people, start):
            series.append(start)
        else:
            off[start] = agendas.why_off(mentee, start) or agendas.why_off(mentor, start)
    return _Layout(tuple(series), off)


def _steps(day: date, step: timedelta, last: date) -> Iterator[date]:
    while day <= last:
        yield day
        day += step


def _window_start(pair: Pair) -> date:
    [(anchor, _)] = pair.carrier.timeline.anchors(pair.rule.anchor)
    return anchor + DAY * pair.rule.window[0]


def _first_day(pair: Pair, meets: Meets, moved_to: date | None, agendas: Agendas) -> date:
    """Return where the rhythm begins: where a human put it, where it began, or in its window.

    A series that has begun stays, whatever happens to the first session. Places of its rhythm before that are kept
    while they are days off: their stand-ins are part of the plan.
    """
    begun = pair.carrier.begun
    if moved_to or begun is None:
        return moved_to or on_or_after(_window_start(pair), meets.weekday)
    step, first = _WEEK * pair.rule.every, begun
    while first - step >= _window_start(pair):
        start = start_at(meets, first - step)
        if agendas.both_can_meet(pair.people, start):
            break
        first -= step
    return first


# -- the pair's hour ---------------------------------------------------------------------------------------------------


def settle_known_hour(pair: Pair, facts: Facts, agendas: Agendas) -> bool:
    """Place the series of a pair whose hour is known: moved by a human, written by one, or proposed earlier."""
    keys = [member.key for member in pair.members]
    moved = next((facts.moved[key] for key in keys if key in facts.moved), None)
    written = next((member.mentorship.meets for member in pair.members if member.mentorship.meets), None)
    proposed = next((facts.chosen[key] for key in keys if key in facts.chosen), None)
    meets = moved.meets if moved else written or proposed
    if meets is None:
        return False
    pair.moved, pair.proposed = moved is not None, not moved and not written
    first = _first_day(pair, meets, moved.first if moved else None, agendas)
    _settle(pair, meets, _lay(pair, meets, first, agendas), agendas)
    return True


def choose_hour(pair: Pair, agendas: Agendas) -> None:
    """Propose the first hour of the week that suits both, in every week of the track."""
    for meets in _hours(pair, agendas):
        layout = _lay(pair, meets, on_or_after(_window_start(pair), meets.weekday), agendas)
        if _suits(pair, meets, layout, agendas):
            pair.proposed = True
            _settle(pair, meets, layout, agendas)
            return
    mentee, mentor = pair.people
    for member in pair.members:
        what = f"no hour of the week suits both {mentee.first_name} and {mentor.first_name}: no meetings"
        pair.notice(what, "give the pair an hour of its own (meets), or look at their working days", member)


def _hours(pair: Pair, agendas: Agendas) -> Iterator[Meets]:
    """Yield the whole hours from the office's start on, weekday by weekday, in the mentee's zone."""
    hours, zone = agendas.organisation.office_hours, pair.people[0].zone
    end = hours.end.hour * 60 + hours.end.minute
    for weekday in sorted(hours.days):
        for minute in range(hours.start.hour * 60 + hours.start.minute, end - pair.rule.minutes + 1, 60):
            yield Meets(weekday=weekday, at=time(minute // 60, minute % 60), minutes=pair.rule.minutes, zone=zone)


def _suits(pair: Pair, meets: Meets, layout: _Layout, agendas: Agendas) -> bool:
    total = len(layout.series) + len(layout.off)
    if total and (not layout.series or len(layout.off) > pair.limits.off_share * total):
        return False
    if not all(agendas.free(pair.people, start, meets.minutes) for start in layout.series):
        return False
    foreign = [person for person in pair.people if person.zone is not meets.zone]
    return all(agendas.inside_office_hours(person, start, meets.minutes) for person in foreign for start in _weeks(pair, meets))


def _weeks(pair: Pair, meets: Meets) -> Iterator[datetime]:
    """Yield the hour in every week of the track, the weeks before the series included: DST differs from week to week."""
    firsts = []
    for member in pair.members:
        method = member.training.method
        rules: tuple[SeriesRule | MeetingRule, ...] = (method.series, *method.meetings)
        firsts += [day + DAY * rule.window[0] for rule in rules for day, _ in member.timeline.anchors(rule.anchor)]
    last = max(member.last for member in pair.members)
    return (start_at(meets, day) for day in _steps(on_or_after(min(firsts), meets.weekday), _WEEK, last))


def _settle(pair: Pair, meets: Meets, layout: _Layout, agendas: Agendas) -> None:
    pair.meets, pair.series, pair.off = meets, layout.series, layout.off
    for start in layout.series:
        agendas.book(pair.people, start, meets.minutes)
        insort(pair.met, start.date())
    if layout.off and not layout.series:
        pair.notice("every meeting of the series falls on a day off: there are only stand-ins", "choose another weekday (meets)")
