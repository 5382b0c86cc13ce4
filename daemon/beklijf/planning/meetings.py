"""The meetings beside the series: about the goals, in place of one on a day off, and to look back on a block. Pure.

What stands in a calendar already keeps its place while that is possible (both can, and it is still needed): those are
reserved before anything new is placed, so that a newcomer never pushes a meeting that people have in their agendas.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, pairwise
from typing import TYPE_CHECKING

from beklijf.model.domain import Anchor, MeetingRule, Ref, Topic
from beklijf.planning.agendas import day_of
from beklijf.planning.days import DAY, around, named, on_or_after
from beklijf.planning.pairs import Meeting, Member, Pair
from beklijf.planning.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from beklijf.model.domain import Meets, Session
    from beklijf.model.facts import Facts
    from beklijf.planning.agendas import Agendas

STAND_IN = "stand-in"
EXTRA = "extra"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A rule that asks a meeting of one mentorship, counted from one day."""

    day: date
    ref: Ref
    pair: Pair
    meets: Meets
    member: Member
    rule: MeetingRule
    session: Session | None

    @property
    def minutes(self) -> int:
        """As long as the pair's hour, unless the method makes this kind of meeting longer or shorter than the series."""
        return self.meets.minutes if self.rule.minutes == self.pair.rule.minutes else self.rule.minutes

    @property
    def window(self) -> tuple[date, date]:
        return self.day + DAY * self.rule.window[0], self.day + DAY * self.rule.window[1]

    @property
    def latest(self) -> date:
        """The last day on which a meeting that finds no place in its window is still of use, where no other follows."""
        return self.window[1] + DAY * self.pair.limits.gap

    @property
    def topic(self) -> Topic:
        return Topic(questions=self.rule.questions, training=self.member.training.id, session=self.session.date if self.session else None)

    def meeting(self, start: datetime, why: str, opens: int | None = None) -> Meeting:
        rule = self.rule
        return Meeting(
            ref=self.ref,
            rule=rule.id,
            member=self.member,
            start=start,
            minutes=self.minutes,
            questions=rule.questions,
            why=why,
            opens=opens,
        )


class Meetings:
    """Places the meetings beside the series one by one, in the order in which ``planning`` calls."""

    def __init__(self, agendas: Agendas, facts: Facts) -> None:
        self._slots = Slots(agendas)
        self._facts = facts
        self._standing: dict[Ref, tuple[datetime, int]] = {}

    # -- what stands already

    def reserve(self, pair: Pair) -> None:
        """Hold the places of what stands in calendars already, for as far as it may still be wanted.

        Facts keep it only while the pair's own hour is what it was; at another hour it stands because somebody was busy.
        """
        if pair.meets is None or not self._facts.kept:
            return
        wanted = [(want.ref, want.minutes) for member in pair.members for want in _wanted(pair, member)]
        wanted += [(_stand_in_ref(pair, start), pair.meets.minutes) for start in pair.off]
        for ref, minutes in sorted(wanted):
            if ref not in self._facts.kept:
                continue
            start = self._facts.kept[ref].astimezone(pair.meets.zone)
            own = pair.moved or start.time() == pair.meets.at
            if (own or self._slots.in_office_hours(pair, start, minutes)) and self._slots.both_can(pair, start, minutes):
                self._standing[ref] = (start, minutes)
                self._slots.take(pair, start, minutes)

    def _stands(self, pair: Pair, ref: Ref, first: date, last: date) -> datetime | None:
        """Return where *ref* stands if that is within the days given; elsewhere its place is free again."""
        if ref not in self._standing:
            return None
        start, minutes = self._standing.pop(ref)
        if first <= start.date() <= last:
            return start
        self._slots.free(pair, start, minutes)
        return None

    # -- goals and closing

    def place_meetings(self, pairs: Iterable[Pair]) -> list[tuple[Pair, Member, Topic]]:
        """Place the meetings that are counted from the first or the last day; return what found no place before F."""
        wanted = [want for pair in pairs for member in pair.members for want in _wanted(pair, member) if want.session is None]
        wanted.sort(key=lambda want: (want.window[0], want.ref))
        return [(want.pair, want.member, want.topic) for want in wanted if not self._place_meeting(want)]

    def _place_meeting(self, want: _Wanted) -> bool:
        pair, member, (first, last) = want.pair, want.member, want.window
        before = want.day if last < want.day else date.max
        if start := self._stands(pair, want.ref, date.min, before - DAY):
            pair.meetings[want.ref] = want.meeting(start, want.rule.why, want.rule.opens)
            return True
        shared = next((at for at in pair.series if first <= at.date() <= last and member.ahead(at)), None)
        if shared:  # the two meet in that week for another training: one hour, one meeting
            pair.topics[shared].append(want.topic)
            return True
        nominal, limits = on_or_after(first, want.meets.weekday), pair.limits
        days = (day for day in (nominal, *around(nominal, limits.stand_in)) if day < before and _after_joining(member, day))
        if start := next(self._slots.find(member, pair, want.minutes, days, limits.apart), None):
            self._slots.take(pair, start, want.minutes)
            pair.meetings[want.ref] = want.meeting(start, want.rule.why, want.rule.opens)
            return True
        if _after_joining(member, nominal):
            hint = "" if before == date.max else "the first meeting of the series asks its questions"
            pair.notice(f"no {want.rule.id} meeting: no day near {named(nominal)} suits both", hint, member)
        return before == date.max

    # -- stand-ins

    def place_stand_ins(self, pairs: Iterable[Pair]) -> None:
        wanted = [(start.date(), _stand_in_ref(pair, start), pair, start) for pair in pairs for start in pair.off]
        for _, ref, pair, start in sorted(wanted, key=lambda want: want[:2]):
            self._place_stand_in(pair, ref, start)

    def _place_stand_in(self, pair: Pair, ref: Ref, instead_of: datetime) -> None:
        meets, limits, day = pair.meets, pair.limits, instead_of.date()
        assert meets is not None  # only a pair with an hour has places in a rhythm
        reach = DAY * limits.stand_in
        start = self._stands(pair, ref, day - reach, day + reach)
        if start is None:
            candidates = list(self._slots.find(pair.carrier, pair, meets.minutes, around(day, limits.stand_in), limits.apart))
            if not candidates:
                return
            starts = pair.starts()
            near = (at for at in candidates if _since_previous(starts, at) <= limits.gap)
            start = next(near, candidates[0])
            self._slots.take(pair, start, meets.minutes)
        pair.stand_ins[day] = start
        pair.meetings[ref] = Meeting(
            ref=ref,
            rule=STAND_IN,
            member=pair.carrier,
            start=start,
            minutes=meets.minutes,
            questions=pair.rule.questions,
            why=f"stand-in for {named(day)}: {pair.off[instead_of]}",
            instead_of=day,
        )

    # -- look-backs

    def place_look_backs(self, pairs: Iterable[Pair]) -> None:
        wanted = [want for pair in pairs for member in pair.members for want in _wanted(pair, member) if want.session]
        for want in sorted(wanted, key=lambda want: (want.day, want.ref)):
            if _after_joining(want.member, want.window[1]):
                self._look_back(want)

    def _look_back(self, want: _Wanted) -> None:
        """Find the meeting that looks back on a block: one of the series, an extra one, or the next of the series."""
        pair, member, (first, last) = want.pair, want.member, want.window
        starts = [start for start in pair.starts() if start.date() >= first and member.ahead(start)]
        extras = [start for start in pair.look_backs if start.date() >= first and member.ahead(start)]
        following = starts[0] if starts else None
        stands = self._stands(pair, want.ref, first, last if following else want.latest)
        serving = next((start for start in sorted({*starts, *extras}) if start.date() <= last), None)
        if serving is None and self._has_just_looked_back(want):
            serving = following
        if serving and stands:  # not needed any more
            self._slots.free(pair, stands, want.minutes)
        if serving is None:
            extra = stands or self._extra(want, pair.limits.apart, want.window)
            if extra is None and following is None:
                extra = self._extra_after_all(want)
            if extra:
                pair.meetings[want.ref] = want.meeting(extra, f"look-back on {named(want.day)}")
            serving = extra or following
        if serving is None:
            pair.notice(f"no day to look back on {named(want.day)} suits both", member=member)
            return
        pair.topics[serving].append(want.topic)
        pair.look_backs.append(serving)

    def _has_just_looked_back(self, want: _Wanted) -> bool:
        if want.rule.extra is None:
            return True
        day = on_or_after(want.day + DAY * want.rule.extra[0], want.meets.weekday)
        return any(0 <= (day - start.date()).days <= want.rule.unless_within for start in want.pair.look_backs)

    def _extra(self, want: _Wanted, apart: int, window: tuple[date, date]) -> datetime | None:
        """Take the pair's weekday within the extra window, else the nearest day of *window* on which both can."""
        if want.rule.extra is None:
            return None
        (first, last), day = window, on_or_after(want.day + DAY * want.rule.extra[0], want.meets.weekday)
        reach = max((last - day).days, (day - first).days)
        days = (near for near in (day, *around(day, reach)) if first <= near <= last)
        start = next(self._slots.find(want.member, want.pair, want.minutes, days, apart), None)
        if start:
            self._slots.take(want.pair, start, want.minutes)
        return start

    def _extra_after_all(self, want: _Wanted) -> datetime | None:
        """Look nearer to other meetings, then later: nothing follows any more, and every block has its look-back."""
        return self._extra(want, 1, want.window) or self._extra(want, 1, (want.window[0], want.latest))


def ask_at_first_meeting(unasked: Iterable[tuple[Pair, Member, Topic]]) -> None:
    """Give the first meeting of the series the questions for which there was no meeting before F."""
    for pair, member, topic in unasked:
        meetings = [*pair.starts(), *(meeting.start for meeting in pair.meetings.values())]
        if first := next((start for start in meetings if member.ahead(start)), None):
            pair.topics[first].append(topic)


def name_long_gaps(pair: Pair) -> None:
    """Say where stand-ins had to stand so far apart that more than the limit lies between; left-out ones are named anyway."""
    if not pair.look_backs:
        return
    talks = [start for start in sorted({*pair.starts(), *pair.look_backs}) if start >= min(pair.look_backs)]
    left_out = [start for start in pair.off if start.date() not in pair.stand_ins]
    longest = max(pair.limits.gap, timedelta(weeks=pair.rule.every).days)
    for one, other in pairwise(talks):
        days = (other.date() - one.date()).days
        if days > longest and not any(one < start < other for start in left_out):
            pair.notice(f"{days} days lie between the meetings of {named(one.date())} and {named(other.date())}: no nearer day suits both")


# -- which meetings are wanted, and the days around one ----------------------------------------------------------------


def _wanted(pair: Pair, member: Member) -> Iterator[_Wanted]:
    if pair.meets is None:
        return
    extras = count(1)
    for rule in member.training.method.meetings:
        if not rule.enabled:
            continue
        name = rule.id
        if rule.anchor is Anchor.BLOCK:
            number = next(extras)
            name = EXTRA if number == 1 else f"{EXTRA}-{number}"
        for day, session in member.timeline.anchors(rule.anchor):
            ref = Ref(f"{member.key}/{name}:{session.key}" if session else f"{member.key}/{name}")
            yield _Wanted(day, ref, pair, pair.meets, member, rule, session)


def _stand_in_ref(pair: Pair, instead_of: datetime) -> Ref:
    return Ref(f"{pair.carrier.key}/{STAND_IN}:{instead_of.date()}")


def _since_previous(starts: list[datetime], start: datetime) -> int:
    """Return the days since the meeting before; 0 when there is none."""
    index = bisect_left(starts, start)
    return (start.date() - starts[index - 1].date()).days if index else 0


def _after_joining(member: Member, day: date) -> bool:
    return member.joined is None or day > day_of(member.joined, member.mentorship.mentee)
