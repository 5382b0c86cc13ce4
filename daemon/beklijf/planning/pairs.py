"""Two people and the mentorships for which they share one series. Pure.

A pair that is in two trainings at the same time has one series: each ``Pair`` here is one such series, with all the
mentorships that it serves. Decides no day: that is for ``hours`` (the series) and ``meetings`` (what comes in between).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from beklijf.model.domain import Notice, Ref
from beklijf.planning.agendas import day_of
from beklijf.planning.days import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from beklijf.model.domain import Limits, Meets, Mentorship, MentorshipKey, Person, SeriesRule, Topic, Training
    from beklijf.model.facts import Facts
    from beklijf.planning.agendas import Agendas
    from beklijf.planning.timeline import Timeline


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
class Meeting:
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
    moved_instances: Mapping[datetime, datetime] = field(default_factory=dict)
    """The meetings of the series that people moved: from where the rule has them to when they take place."""
    series: tuple[datetime, ...] = ()
    """The occurrences that hold a meeting, wherever people moved it."""
    off: dict[datetime, str] = field(default_factory=dict)
    """The occurrences that hold no meeting, and why, in order."""
    paused: frozenset[datetime] = frozenset()
    """Which of those do so because somebody paused: they stay in the event, even at its ends."""
    stand_ins: dict[date, datetime] = field(default_factory=dict)
    meetings: dict[Ref, Meeting] = field(default_factory=dict)
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

    def starts(self) -> list[datetime]:
        """Return the meetings of the series and those that stand in for one, in order."""
        return sorted((*self.series, *self.stand_ins.values()))

    def actual_start(self, start: datetime) -> datetime:
        """Return when the meeting that the rhythm has at *start* is held, in the pair's zone."""
        actual = self.moved_instances.get(start) if self.moved_instances else None
        return actual.astimezone(start.tzinfo) if actual else start

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
        them = map(_carrier_first, _overlapping(members))
        pairs += (Pair(members=each, people=people, met=met, moved_instances=facts.moved_instances.get(each[0].ref, {})) for each in them)
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
