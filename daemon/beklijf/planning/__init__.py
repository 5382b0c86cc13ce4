"""The whole track of every mentorship: meetings, reminders and letter wishes, from config, method, holidays and facts.

Pure: no clock, no network, no logger, no chance; the same input gives the same answer in whatever order it comes.
Does not know what stands in a calendar but through ``Facts``, and does not decide what is written now.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from beklijf.model.domain import Item, Kind, LeftOut, Notice, Track
from beklijf.planning.agendas import Agendas
from beklijf.planning.busy import wanted_busy
from beklijf.planning.days import DAY
from beklijf.planning.hours import choose_hour, settle_known_hour
from beklijf.planning.meetings import Meetings, ask_at_first_meeting, name_long_gaps
from beklijf.planning.pairs import make_pairs
from beklijf.planning.pauses import Pauses, take_out, without
from beklijf.planning.reminders import reminders
from beklijf.planning.silence import Ladder
from beklijf.planning.timeline import timeline
from beklijf.planning.wishes import planned_letters, wishes

__all__ = ["plan_tracks", "wanted_busy"]

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from beklijf.model.domain import Mentorship, MentorshipKey, Organisation, Topic, Training, Wish
    from beklijf.model.facts import Facts
    from beklijf.planning.pairs import Meeting, Member, Pair
    from beklijf.planning.timeline import Timeline


def plan_tracks(
    organisation: Organisation, trainings: Iterable[Training], facts: Facts, holidays: frozenset[date], *, ladder: bool = False
) -> dict[MentorshipKey, Track]:
    """Return the track of every mentorship in *trainings*, by key.

    Trainings of one call share people's hours, and a pair in two of them shares one series; so a draft that must not
    touch what is live belongs in a call of its own. A mentorship that has not joined is planned as if it always had.
    *ladder*: answers can be heard, so silence says something, and brings the letters that the method has for it.
    """
    trainings = sorted(trainings, key=lambda training: training.id)
    agendas = Agendas(organisation, holidays, trainings, facts.busy)
    lines: dict[str, Timeline] = {training.id: line for training in trainings if (line := timeline(training))}
    pairs = _place(make_pairs(lines.values(), facts, agendas), facts, agendas)
    by_key = {member.key: (pair, member) for pair in pairs for member in pair.members}
    items: defaultdict[MentorshipKey, list[Item]] = defaultdict(list)
    for pair in pairs:
        for item in _items(pair, facts, agendas):
            items[item.mentorships[0]].append(item)
    hours = {key: pair.meets for key, (pair, _) in by_key.items()}
    for line in lines.values():
        for key, item in reminders(line, hours, facts, agendas):
            items[key].append(item)
    tracks: dict[MentorshipKey, Track] = {}
    for training in trainings:
        line = lines.get(training.id)
        letters = planned_letters(line) if line else ()
        for mentorship in training.mentorships:
            key = mentorship.key
            wanted = tuple(wishes(letters, mentorship, facts, agendas.working))
            tracks[key] = _track(*by_key[key], items[key], wanted) if line else _undated(mentorship)
    return _with_rungs(tracks, trainings, facts, agendas) if ladder and facts.heard else tracks


def _with_rungs(
    tracks: dict[MentorshipKey, Track], trainings: Iterable[Training], facts: Facts, agendas: Agendas
) -> dict[MentorshipKey, Track]:
    ladder = Ladder(tracks, {training.id: training for training in trainings}, facts, agendas.working)
    rungs = {key: tuple(ladder.rungs(key)) for key in tracks}
    return {key: replace(track, wishes=(*track.wishes, *rungs[key])) if rungs[key] else track for key, track in tracks.items()}


def _place(pairs: list[Pair], facts: Facts, agendas: Agendas) -> list[Pair]:
    """Give every pair its hour and its meetings; what is fixed comes before what can still choose.

    First the series whose hours are known, with what stands in calendars already; then hours are chosen around those;
    then the single meetings, which can best give way.
    """
    meetings = Meetings(agendas, facts)
    without_hour = [pair for pair in pairs if not settle_known_hour(pair, facts, agendas)]
    for pair in pairs:
        meetings.reserve(pair)
    for pair in without_hour:
        choose_hour(pair, agendas)
        meetings.reserve(pair)
    unasked = meetings.place_meetings(pairs)
    meetings.place_stand_ins(pairs)
    meetings.place_look_backs(pairs)
    ask_at_first_meeting(unasked)
    for pair in pairs:
        name_long_gaps(pair)
    pauses = Pauses(facts.pauses)
    for pair in pairs:
        take_out(pair, pauses)
    return pairs


def _undated(mentorship: Mentorship) -> Track:
    notice = Notice(training=mentorship.training, mentorship=mentorship.key, what="no session dates yet: nothing is planned")
    return Track(mentorship=mentorship, meets=mentorship.meets, proposed=False, items=(), wishes=(), meetings=(), notices=(notice,))


def _track(pair: Pair, member: Member, items: list[Item], wanted: tuple[Wish, ...]) -> Track:
    return Track(
        mentorship=member.mentorship,
        meets=pair.meets,
        proposed=pair.proposed,
        items=tuple(sorted(items, key=lambda item: (item.starts[0].timestamp(), item.ref))),
        wishes=wanted,
        meetings=_meetings(pair, member),
        notices=tuple(notice for notice in pair.notices if notice.mentorship == member.key),
    )


def _items(pair: Pair, facts: Facts, agendas: Agendas) -> Iterable[Item]:
    if pair.series and (series := _series(pair, facts, agendas)):
        yield series
    for meeting in pair.meetings.values():
        generation = facts.generations.get(meeting.ref)
        if generation is None or meeting.start >= generation.since:
            yield _meeting(pair, meeting, generation.number if generation else 1, agendas)


def _series(pair: Pair, facts: Facts, agendas: Agendas) -> Item | None:
    """Return the recurring event; after the past stayed behind in an earlier generation, only what is still to come."""
    member, rule, meets = pair.carrier, pair.rule, pair.meets
    assert meets is not None  # there is no series without an hour
    generation = facts.generations.get(member.ref)
    since = generation.since if generation else None
    starts = tuple(start for start in pair.series if since is None or start >= since)
    if not starts:
        return None
    opens = member.timeline.first + DAY * rule.opens
    off = {start: why for start, why in pair.off.items() if since is None or start >= since}
    left_out = (LeftOut(day=start.date(), why=why, stand_in=_stand_in_day(pair, start)) for start, why in off.items())
    return Item(
        ref=member.ref,
        kind=Kind.SERIES,
        rule=rule.id,
        training=member.training.id,
        mentorships=tuple(member.key for member in pair.members),
        people=pair.people,
        starts=starts,
        without=without(starts, off, pair.paused & off.keys()),
        every=rule.every,
        minutes=meets.minutes,
        location=member.training.location,
        online=member.training.online,
        opens=agendas.opening(pair.people[0], opens, member.joined, starts[0]),
        topics=_topics(pair, starts),
        left_out=tuple(left_out),
        instead_of=None,
        questions=rule.questions,
        generation=generation.number if generation else 1,
        why=f"every {rule.every} weeks until {rule.until} days after the last session",
        caught_up=agendas.caught_up(pair.people[0], opens, member.joined),
    )


def _stand_in_day(pair: Pair, start: datetime) -> date | None:
    stand_in = pair.stand_ins.get(start.date())
    return stand_in.date() if stand_in else None


def _meeting(pair: Pair, meeting: Meeting, generation: int, agendas: Agendas) -> Item:
    member = meeting.member
    if meeting.opens is None:  # nobody is invited to a stand-in before the series that it is part of
        opens = max(meeting.start.date() - DAY * member.training.method.limits.ahead, member.timeline.first + DAY * pair.rule.opens)
    else:
        opens = member.timeline.first + DAY * meeting.opens
    return Item(
        ref=meeting.ref,
        kind=Kind.MEETING,
        rule=meeting.rule,
        training=member.training.id,
        mentorships=tuple(member.key for member in pair.members) if meeting.instead_of else (member.key,),
        people=pair.people,
        starts=(meeting.start,),
        without=(),
        every=0,
        minutes=meeting.minutes,
        location=member.training.location,
        online=member.training.online,
        opens=agendas.opening(pair.people[0], opens, member.joined, meeting.start),
        topics=_topics(pair, (meeting.start,)),
        left_out=(),
        instead_of=meeting.instead_of,
        questions=meeting.questions,
        generation=generation,
        why=meeting.why,
        caught_up=agendas.caught_up(pair.people[0], opens, member.joined),
    )


def _topics(pair: Pair, starts: tuple[datetime, ...]) -> dict[datetime, tuple[Topic, ...]]:
    return {start: tuple(pair.topics[start]) for start in sorted(pair.topics) if start in starts}


def _meetings(pair: Pair, member: Member) -> tuple[datetime, ...]:
    """Return all meetings of one mentorship: its own, and those of the shared series while its own would run."""
    own = {meeting.start for meeting in pair.meetings.values() if meeting.member is member}
    own |= {start for start, topics in pair.topics.items() if any(topic.training == member.training.id for topic in topics)}
    if member is pair.carrier:
        return tuple(sorted({*own, *pair.series}))
    return tuple(sorted({*own, *(start for start in pair.starts() if member.first <= start.date() <= member.last)}))
