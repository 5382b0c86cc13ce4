"""What planning and correspondence promise for every programme, tried on random ones: people, sessions, absence, joining."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.random_programmes import (
    AMSTERDAM,
    DAY,
    HOLIDAYS,
    METHOD,
    NOBODY,
    SLOW,
    World,
    busy_worlds,
    days,
    fed_back,
    items,
    worlds,
)

from beklijf.model.conversation import Busy, Heard, History, Pause, Said
from beklijf.model.domain import (
    Event,
    Kind,
    Meets,
    MentorshipKey,
    Programme,
    Ref,
)
from beklijf.model.facts import Moved
from beklijf.planning.correspondence import Sent, schedule
from beklijf.planning.days import WorkingDays
from beklijf.planning.offers import Times
from beklijf.planning.timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from beklijf.model.domain import Item, Letter, Topic, Track

LIMITS = METHOD.limits
EARLY = datetime(2026, 6, 1, tzinfo=UTC)


def thoroughly(test: Callable[[World], None]) -> Callable[[], None]:
    return SLOW(given(worlds())(test))


def talks(tracks: Mapping[MentorshipKey, Track]) -> list[tuple[Item, datetime]]:
    return [(item, start) for item in items(tracks, Kind.MEETING, Kind.SERIES) for start in item.starts]


def look_backs(tracks: Mapping[MentorshipKey, Track]) -> list[tuple[Item, datetime, Topic]]:
    """Return each meeting that looks back with its topic, once for every topic."""
    found = [(item, start, topic) for item in items(tracks) for start, topics in item.topics.items() for topic in topics]
    return [(item, start, topic) for item, start, topic in found if topic.questions == "look-back"]


@thoroughly
def test_no_meeting_and_no_reminder_is_on_a_day_off(world: World) -> None:
    working = WorkingDays(world.organisation, HOLIDAYS)
    sessions: defaultdict[str, set[date]] = defaultdict(set)
    for training in world.trainings:
        for mentorship in training.mentorships:
            sessions[mentorship.mentee.key] |= {session.date for session in training.sessions}

    tracks = world.tracks()

    for item in items(tracks):
        for start in item.starts:
            for person in item.people:
                day = start.astimezone(person.zone).date()
                assert working.of(person).works(day), item.ref
                assert day not in sessions[person.key], item.ref


@thoroughly
def test_nobody_has_two_meetings_at_once(world: World) -> None:
    tracks = world.tracks()

    busy: defaultdict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for item, start in talks(tracks):
        for person in item.people:
            busy[person.key].append((start.astimezone(UTC), start.astimezone(UTC) + timedelta(minutes=item.minutes)))
    for meetings in busy.values():
        for (_, end), (start, _) in pairwise(sorted(meetings)):
            assert end <= start


@thoroughly
def test_from_the_first_look_back_on_no_more_days_pass_than_the_limit_or_the_plan_says_so(world: World) -> None:
    tracks = world.tracks()

    for series in items(tracks, Kind.SERIES):
        keys = set(series.mentorships)
        starts = sorted(start for item, start in talks(tracks) if keys & set(item.mentorships) and item.rule != "goals")
        first = min(
            (start for item, start, _ in look_backs(tracks) if keys & set(item.mentorships)), default=datetime.max.replace(tzinfo=UTC)
        )
        left_out = [out.day for out in series.left_out if out.stand_in is None]
        told = [notice.what for key in keys for notice in tracks[key].notices]
        for one, other in pairwise(start for start in starts if start >= first):
            days = (other.date() - one.date()).days
            named = any(one.date() < day < other.date() for day in left_out)
            assert days <= LIMITS.gap or named or any(what.startswith(f"{days} days lie between") for what in told)


@thoroughly
def test_every_block_that_lies_ahead_has_its_look_back(world: World) -> None:
    tracks = world.tracks()

    for training in world.trainings:
        line = timeline(training)
        assert line
        for mentorship in training.mentorships:
            track, pair = tracks[mentorship.key], (mentorship.mentee, mentorship.mentor)
            joined = world.facts.joined.get(mentorship.key)
            since = joined.astimezone(mentorship.mentee.zone).date() - DAY * 11 if joined else date.min
            ahead = {block.last.date for block in line.blocks if block.last.date > since and track.meets}
            looks = {topic.session for item, _, topic in look_backs(tracks) if topic.training == training.id and item.people == pair}
            told = [notice for notice in track.notices if notice.what.startswith("no day to look back")]
            assert looks <= ahead
            assert len(ahead - looks) == len(told)


@thoroughly
def test_a_stand_in_is_near_its_day_and_away_from_the_other_meetings_of_the_pair(world: World) -> None:
    tracks = world.tracks()

    for item, start in talks(tracks):
        if item.instead_of:
            # An extra one comes nearer when nothing else is left: every block has its look-back.
            others = [at.date() for other, at in talks(tracks) if other.people == item.people and at != start and other.rule != "look-back"]
            assert 1 <= abs((start.date() - item.instead_of).days) <= LIMITS.stand_in
            assert all(abs((other - start.date()).days) >= LIMITS.apart for other in others)


@thoroughly
def test_everything_opens_at_a_letter_hour_on_a_working_day_before_it_starts_and_after_joining(world: World) -> None:
    working = WorkingDays(world.organisation, HOLIDAYS)

    for item in items(world.tracks()):
        person = item.people[0]
        joined = min(world.facts.joined.get(key, datetime(2000, 1, 1, tzinfo=UTC)) for key in item.mentorships)
        assert item.opens.time() == time(9)
        assert item.opens.tzinfo is person.zone
        hours = (item.opens + DAY * number for number in range((item.starts[0] - item.opens).days + 1))
        away = not any(working.of(person).works(hour.date()) for hour in hours if hour < item.starts[0])
        shut = item.opens.date() in working.of(person).shut
        assert working.of(person).works(item.opens.date()) or (away and (shut or item.opens.weekday() in range(5)))
        assert item.opens.date() >= joined.astimezone(person.zone).date()
        if item.kind is not Kind.REMINDER:
            assert item.starts[0] > item.opens


@thoroughly
def test_a_rhythm_holds_its_starts_and_gaps_and_begins_and_ends_with_a_meeting(world: World) -> None:
    for item in items(world.tracks(), Kind.SERIES, Kind.REMINDER):
        recurrence_ids = sorted((*item.starts, *item.without))

        assert not set(item.starts) & set(item.without)
        assert (recurrence_ids[0], recurrence_ids[-1]) == (item.starts[0], item.starts[-1])
        assert all((other.date() - one.date()).days == 7 * item.every for one, other in pairwise(recurrence_ids))
        assert len({start.time() for start in recurrence_ids}) == 1


@thoroughly
def test_a_track_lists_all_its_meetings_and_every_name_is_given_once(world: World) -> None:
    tracks = world.tracks()

    refs = [item.ref for item in items(tracks)]
    assert len(refs) == len(set(refs))
    for track in tracks.values():
        own = {start for item in track.items if item.kind is not Kind.REMINDER for start in item.starts}
        assert own <= set(track.meetings)
        assert list(track.meetings) == sorted(set(track.meetings))


@thoroughly
def test_the_order_of_trainings_and_mentorships_does_not_matter(world: World) -> None:
    turned = tuple(replace(training, mentorships=training.mentorships[::-1]) for training in world.trainings[::-1])

    assert replace(world, trainings=turned).tracks() == world.tracks() == world.tracks()


@thoroughly
def test_what_was_written_stays_where_it_is_whenever_one_plans_again(world: World) -> None:
    first = world.tracks()

    for weeks in (0, 8, 16, 30, 100):
        now = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(weeks=weeks)
        assert world.tracks(fed_back(world.facts, first, now)) == first


# -- what people said, paused, moved, and when they are busy -----------------------------------------------------------


@thoroughly
def test_what_concerns_nobody_changes_nothing(world: World) -> None:
    """Facts about others, of other years, or of the night are looked at, and come to nothing."""
    everybody = {person.key for t in world.trainings for m in t.mentorships for person in (m.mentee, m.mentor)}
    long_ago = Pause(person=min(everybody), kind="meetings", first=date(2020, 1, 1), last=date(2020, 12, 31))
    nights = tuple(Busy(at := datetime(2026, 9, 1, 22, tzinfo=AMSTERDAM) + DAY * n, at + timedelta(hours=2)) for n in range(0, 700, 5))
    said = Heard(at=EARLY, said=Said.INVITED, uid="x", ref=Ref("x"))

    told = replace(
        world.facts,
        pauses=(long_ago, Pause(person="nobody@voorbeeld.example", kind="meetings", first=date(2026, 1, 1))),
        busy=dict.fromkeys(everybody, nights),
        moved_instances={Ref(f"{key}/series"): {EARLY: EARLY + DAY} for key in world.tracks()},
        heard={key: History(heard=(said,)) for key in world.tracks()},
    )

    assert world.tracks(told) == world.tracks()


@SLOW
@given(worlds(), days, st.integers(0, 120))
def test_a_pause_takes_meetings_away_and_moves_none(world: World, first: date, length: int) -> None:
    mentor = world.trainings[0].mentorships[0].mentor
    pause = Pause(person=mentor.key, kind="meetings", first=first, last=first + DAY * length)
    plain = world.tracks()

    tracks = world.tracks(replace(world.facts, pauses=(pause,)))

    def paused(item: Item, start: datetime) -> bool:
        return mentor in item.people and start.astimezone(mentor.zone).date() in pause

    assert {(item.ref, start) for item, start in talks(tracks)} == {
        (item.ref, start) for item, start in talks(plain) if not paused(item, start)
    }
    before = {item.ref: item for item in items(plain)}
    for item in items(tracks, Kind.SERIES):
        assert places(item) == places(before[item.ref])


def places(item: Item) -> list[datetime]:
    return sorted((*item.starts, *item.without))


@SLOW
@given(busy_worlds())
def test_whoever_is_busy_no_two_meetings_are_at_once_and_what_was_written_stays(world: World) -> None:
    """Also when the servers tell nothing the next time, or that our own meetings make people busy."""
    first = world.tracks()

    taken: defaultdict[str, list[Busy]] = defaultdict(list)
    for item, start in talks(first):
        for person in item.people:
            taken[person.key].append(Busy(start.astimezone(UTC), start.astimezone(UTC) + timedelta(minutes=item.minutes)))
    for meetings in taken.values():
        assert all(one.end <= other.start for one, other in pairwise(sorted(meetings)))
    written = fed_back(world.facts, first, datetime(2029, 1, 1, tzinfo=UTC))
    assert world.tracks(written) == first
    assert world.tracks(replace(written, busy={})) == first
    assert world.tracks(replace(written, busy={key: tuple(sorted(meetings)) for key, meetings in taken.items()})) == first


@SLOW
@given(busy_worlds(), days)
def test_whatever_is_offered_can_be_chosen(world: World, today: date) -> None:
    """A time for one meeting meets no hindrance; an hour for a series is free for both as long as it runs."""
    now = datetime.combine(today, time(12), UTC)
    first = world.tracks()
    facts = fed_back(world.facts, first, now)
    programme = Programme(
        organisation=world.organisation, organizer=NOBODY, trainings={training.id: training for training in world.trainings}, tracks=first
    )
    times = Times(programme, facts, HOLIDAYS)

    for key, track in first.items():
        for at in [at for at in track.meetings if at > now][:2]:
            for offer in times.near(key, at, 60, now=now):
                assert offer.start.date() > today
                assert times.hindrance(key, alone(at), None, offer.start, offer.minutes, now=now) is None
        for offer in times.hours(key, now=now):
            assert times.hindrance(key, None, None, offer.start, offer.minutes, now=now) is None
            zone = offer.start.tzinfo
            assert isinstance(zone, ZoneInfo)
            meets = Meets(weekday=offer.start.weekday(), at=offer.start.time(), minutes=offer.minutes, zone=zone)
            series = next(item for item in items(first, Kind.SERIES) if key in item.mentorships)
            moved = dict.fromkeys(series.mentorships, Moved(meets=meets, first=offer.start.date()))
            after = world.tracks(replace(facts, moved=moved))
            new = next(item for item in items(after, Kind.SERIES) if key in item.mentorships)
            assert new.starts[0] == offer.start
            assert not overlapping(after, new)


def alone(at: datetime) -> Event:
    return Event(
        uid="x",
        start=at,
        minutes=60,
        recurrence=None,
        overrides=(),
        title="",
        text="",
        location="",
        organizer=NOBODY,
        people=(),
        alarms=(),
        free=False,
    )


def overlapping(tracks: Mapping[MentorshipKey, Track], series: Item) -> list[tuple[Ref, datetime]]:
    """Return the meetings of either of its people that are at the same time as one of *series*."""

    def at_once(item: Item, start: datetime, mine: datetime) -> bool:
        return start < mine + timedelta(minutes=series.minutes) and mine < start + timedelta(minutes=item.minutes)

    return [
        (item.ref, start)
        for item, start in talks(tracks)
        if item.ref != series.ref and set(item.people) & set(series.people) and any(at_once(item, start, mine) for mine in series.starts)
    ]


# -- letters -----------------------------------------------------------------------------------------------------------


def letters(world: World, now: datetime, sent: Iterable[Sent] = ()) -> tuple[Letter, ...]:
    return schedule(
        [wish for track in world.tracks().values() for wish in track.wishes],
        organisation=world.organisation,
        holidays=HOLIDAYS,
        limits={training.id: training.method.limits for training in world.trainings},
        sent=sent,
        now=now,
    )


@thoroughly
def test_every_letter_goes_out_once_or_lapses(world: World) -> None:
    wished = sorted(wish.ref for track in world.tracks().values() for wish in track.wishes)

    assert sorted(wish.ref for letter in letters(world, EARLY) for wish in letter.wishes) == wished


@thoroughly
def test_letters_keep_to_the_caps_to_working_days_and_to_their_time(world: World) -> None:
    working = WorkingDays(world.organisation, HOLIDAYS)
    per_day: defaultdict[tuple[str, date], int] = defaultdict(int)
    per_week: defaultdict[tuple[str, int, int], int] = defaultdict(int)

    for letter in letters(world, EARLY):
        person, rule = letter.person, letter.wishes[0].rule
        assert letter.at.tzinfo is person.zone
        assert {(wish.person.key, wish.rule.id, wish.training, wish.due) for wish in letter.wishes} == {
            (person.key, rule.id, letter.wishes[0].training, letter.wishes[0].due)
        }
        assert rule.merge or len(letter.wishes) == 1
        if letter.lapsed:
            continue
        day = letter.at.date()
        year, week, _ = day.isocalendar()
        per_day[person.key, day] += 1
        per_week[person.key, year, week] += 1
        due = letter.wishes[0].due
        assert letter.at.time() == time(9)
        assert day >= due
        assert day.weekday() not in rule.not_on
        assert working.of(person).works(day)
        between = (due + DAY * number for number in range((day - due).days))
        assert sum(working.of(person).works(other) for other in between) <= rule.late
    assert max(per_day.values(), default=0) <= LIMITS.letters_per_day
    assert max(per_week.values(), default=0) <= LIMITS.letters_per_week


@thoroughly
def test_letters_that_wait_keep_their_day_while_others_go_out(world: World) -> None:
    planned = letters(world, EARLY)

    for weeks in (10, 20, 40):
        now = EARLY + timedelta(weeks=weeks)
        gone = [letter for letter in planned if letter.at <= now]
        sent = [Sent(person=letter.person.key, at=letter.at, wishes=refs(letter)) for letter in gone if not letter.lapsed]
        waiting = [letter for letter in letters(world, now, sent) if letter.at > now]
        assert waiting == [letter for letter in planned if letter.at > now]


def refs(letter: Letter) -> tuple[Ref, ...]:
    return tuple(wish.ref for wish in letter.wishes)
