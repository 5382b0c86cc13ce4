"""The hour of the week at which a pair meets, and the days of its series that follow from it. Pure.

Chooses between hours, not between pairs: who goes first is for ``planning``; the meetings beside it are for ``meetings``.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from beklijf.model.domain import Meets
from beklijf.planning.days import DAY, on_or_after
from beklijf.planning.pairs import start_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from zoneinfo import ZoneInfo

    from beklijf.model.domain import MeetingRule, SeriesRule
    from beklijf.model.facts import Facts
    from beklijf.planning.agendas import Agendas
    from beklijf.planning.pairs import Pair

_WEEK = timedelta(weeks=1)

_HORIZON = timedelta(weeks=6)
"""From a series' first meeting: further ahead, people's calendars say little yet."""


# -- the days of a series ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Layout:
    """A rhythm as days: what takes place, and what falls on a day off and why."""

    series: tuple[datetime, ...]
    off: dict[datetime, str]


def lay(pair: Pair, meets: Meets, first: date, agendas: Agendas) -> Layout:
    """Walk the rhythm from *first*. What people moved off a day off themselves takes place where they moved it to."""
    step, last = _WEEK * pair.rule.every, max(member.last for member in pair.members)
    mentee, mentor = pair.people
    series: list[datetime] = []
    off: dict[datetime, str] = {}
    for day in _steps(first, step, last):
        start = start_at(meets, day)
        if not pair.carrier.ahead(start):
            continue
        if agendas.both_can_meet(pair.people, start) or (
            start in pair.moved_instances and agendas.both_can_meet(pair.people, pair.actual_start(start))
        ):
            series.append(start)
        else:
            off[start] = agendas.why_off(mentee, start) or agendas.why_off(mentor, start)
    return Layout(tuple(series), off)


def _steps(day: date, step: timedelta, last: date) -> Iterator[date]:
    while day <= last:
        yield day
        day += step


def window_start(pair: Pair) -> date:
    [(anchor, _)] = pair.carrier.timeline.anchors(pair.rule.anchor)
    return anchor + DAY * pair.rule.window[0]


def _first_day(pair: Pair, meets: Meets, moved_to: date | None, agendas: Agendas) -> date:
    """Return where the rhythm begins: where a human put it, where it began, or in its window.

    A series that has begun stays, whatever happens to the first session. Occurrences before that are kept
    while they are days off: their stand-ins are part of the plan.
    """
    begun = pair.carrier.begun
    if moved_to or begun is None:
        return moved_to or on_or_after(window_start(pair), meets.weekday)
    step, first = _WEEK * pair.rule.every, begun
    while first - step >= window_start(pair):
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
    _settle(pair, meets, lay(pair, meets, first, agendas), agendas)
    return True


def choose_hour(pair: Pair, agendas: Agendas) -> None:
    """Propose the hour of the week that suits both in every week of the track; of several the least busy, then the first."""
    mentee, mentor = pair.people
    best: tuple[int, Meets, Layout] | None = None
    for meets in weekly_hours(pair.rule.minutes, mentee.zone, agendas):
        layout = lay(pair, meets, on_or_after(window_start(pair), meets.weekday), agendas)
        if not suits(pair, meets, layout, agendas):
            continue
        hits = collisions(pair, meets, layout, agendas)
        if best is None or hits < best[0]:
            best = hits, meets, layout
        if not hits:
            break
    if best:
        pair.proposed = True
        _settle(pair, best[1], best[2], agendas)
        return
    for member in pair.members:
        what = f"no hour of the week suits both {mentee.first_name} and {mentor.first_name}: no meetings"
        pair.notice(what, "give the pair an hour of its own (meets), or look at their working days", member)


def weekly_hours(minutes: int, zone: ZoneInfo, agendas: Agendas) -> Iterator[Meets]:
    """Yield the whole hours from the office's start on, weekday by weekday, on the clock of *zone*."""
    hours = agendas.organisation.office_hours
    end = hours.end.hour * 60 + hours.end.minute
    for weekday in sorted(hours.days):
        for minute in range(hours.start.hour * 60 + hours.start.minute, end - minutes + 1, 60):
            yield Meets(weekday=weekday, at=time(minute // 60, minute % 60), minutes=minutes, zone=zone)


def collisions(pair: Pair, meets: Meets, layout: Layout, agendas: Agendas) -> int:
    """Count the meetings of the first six weeks at which one of the two is busy, as far as anybody told."""
    if not agendas.busy.known(pair.people) or not layout.series:
        return 0
    soon = [start for start in layout.series if start < layout.series[0] + _HORIZON]
    return sum(not agendas.busy.free(pair.people, start, meets.minutes) for start in soon)


def suits(pair: Pair, meets: Meets, layout: Layout, agendas: Agendas) -> bool:
    """Say whether the hour is both's: mostly working days, no other meeting of either, and office hours for each."""
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


def _settle(pair: Pair, meets: Meets, layout: Layout, agendas: Agendas) -> None:
    pair.meets, pair.series, pair.off = meets, layout.series, layout.off
    for start in layout.series:
        agendas.book(pair.people, start, meets.minutes)
        actual = pair.actual_start(start)
        insort(pair.met, actual.date())
        if actual is not start:  # its own hour stays the pair's too: people may move it back
            agendas.book(pair.people, actual, meets.minutes)
    if layout.off and not layout.series:
        pair.notice("every meeting of the series falls on a day off: there are only stand-ins", "choose another weekday (meets)")
