"""Busy times, where servers told of them: what is chosen avoids them, and what is chosen already never minds.

Sanne and Karim as in ``test_planning``: one session on Tuesday 12 January 2027, the goals meeting in the week before.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.unit.programme import (
    AMSTERDAM,
    KARIM,
    KEY,
    METHOD,
    MON,
    NO_HOUR,
    NOTHING,
    SANNE,
    THURSDAY,
    dates,
    day,
    item,
    pair,
    person,
    plan,
    training,
)

from beklijf.model.conversation import Busy
from beklijf.model.domain import Meets, Ref, Span
from beklijf.planning import wanted_busy
from beklijf.planning.busy import BusyTimes

if TYPE_CHECKING:
    from beklijf.model.facts import Facts

MONDAYS_AT_NINE = Meets(weekday=MON, at=time(9), minutes=60, zone=AMSTERDAM)


def busy(text: str, start: int, end: int) -> Busy:
    return Busy(*(datetime.combine(day(text), time(hour), AMSTERDAM) for hour in (start, end)))


def facts(*karims: Busy, sannes: tuple[Busy, ...] | None = None) -> Facts:
    told = {KARIM.key: tuple(sorted(karims))}
    return replace(NOTHING, busy=told if sannes is None else told | {SANNE.key: sannes})


# -- free or not -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "minutes", "free"),
    [(9, 60, True), (9, 61, False), (10, 30, False), (11, 60, False), (12, 60, False), (13, 60, True)],
    ids=["ends when it begins", "runs into it", "inside", "inside a longer one that began earlier", "its last hour", "when it ends"],
)
def test_a_time_is_free_when_it_touches_no_busy_time(start: int, minutes: int, *, free: bool) -> None:
    times = BusyTimes({KARIM.key: (busy("11 Jan", 10, 13), busy("11 Jan", 10, 11), busy("11 Jan", 11, 12))})

    assert times.free((SANNE, KARIM), datetime(2027, 1, 11, start, tzinfo=AMSTERDAM), minutes) is free


def test_nobody_is_busy_of_whom_nobody_told() -> None:
    assert not BusyTimes({}).known((SANNE, KARIM))
    assert BusyTimes({KARIM.key: ()}).known((SANNE, KARIM))
    assert BusyTimes({}).free((SANNE,), datetime(2027, 1, 11, 9, tzinfo=AMSTERDAM), 60)


# -- the pair's hour ---------------------------------------------------------------------------------------------------


def test_the_hour_that_is_proposed_is_the_first_at_which_nobody_is_busy_in_six_weeks() -> None:
    """The series would be on 18 January, 1 and 15 February; Karim is busy on one of those mornings, Sanne on another."""
    told = facts(busy("1 Feb", 8, 10), sannes=(busy("15 Feb", 10, 11),))

    track = plan(training("12 Jan", pairs=(NO_HOUR,)), facts=told)[KEY]

    assert (track.meets, track.proposed) == (Meets(weekday=MON, at=time(11), minutes=60, zone=AMSTERDAM), True)


def test_of_hours_that_are_all_busy_the_least_busy_one_is_proposed_and_of_those_the_first() -> None:
    all_day = [busy(text, 9, 17) for text in ("18 Jan", "19 Jan", "20 Jan", "21 Jan", "22 Jan")]
    mornings = [busy(text, 9, 12) for text in ("1 Feb", "2 Feb")]

    track = plan(training("12 Jan", pairs=(NO_HOUR,)), facts=facts(*all_day, *mornings))[KEY]

    assert track.meets == replace(MONDAYS_AT_NINE, at=time(12))


def test_what_is_busy_beyond_the_first_six_weeks_counts_for_nothing() -> None:
    track = plan(training("12 Jan", "2 Mar", pairs=(NO_HOUR,)), facts=facts(busy("1 Mar", 9, 10)))[KEY]

    assert day("1 Mar") in dates(item(track, "series"))
    assert track.meets == MONDAYS_AT_NINE


def test_an_hour_that_was_proposed_or_written_stays_however_busy_it_is() -> None:
    full = [busy(text, 0, 23) for text in ("18 Jan", "21 Jan", "1 Feb", "4 Feb", "15 Feb", "18 Feb")]
    chosen = replace(facts(*full), chosen={KEY: MONDAYS_AT_NINE})

    assert plan(training("12 Jan", pairs=(NO_HOUR,)), facts=chosen)[KEY].meets == MONDAYS_AT_NINE
    assert plan(training("12 Jan"), facts=facts(*full))[KEY].meets == THURSDAY


# -- single meetings ---------------------------------------------------------------------------------------------------


def test_a_single_meeting_is_rather_on_another_day_at_the_pairs_hour() -> None:
    track = plan(training("12 Jan"), facts=facts(busy("5 Feb", 15, 16)), off=("4 Feb",))[KEY]

    assert item(track, "stand-in:2027-02-04").starts == (datetime(2027, 2, 3, 15, tzinfo=AMSTERDAM),)


def test_a_single_meeting_is_rather_at_another_hour_than_at_a_busy_one_on_all_days() -> None:
    """Within four days of Thursday 4 February that is Friday, Wednesday, Tuesday, Monday, and the Monday after."""
    afternoons = [busy(text, 13, 17) for text in ("1 Feb", "2 Feb", "3 Feb", "5 Feb", "8 Feb")]

    track = plan(training("12 Jan"), facts=facts(*afternoons), off=("4 Feb",))[KEY]

    assert item(track, "stand-in:2027-02-04").starts == (datetime(2027, 2, 5, 12, tzinfo=AMSTERDAM),)


def test_another_hour_is_an_office_hour_of_both() -> None:
    """Ten in London is eleven in Amsterdam: the pair meets at 10:00, and only Tim's day still has an hour after that."""
    tim = person("Tim", zone="Europe/London")
    abroad = pair(SANNE, tim, replace(THURSDAY, at=time(10)))
    told = replace(NOTHING, busy={SANNE.key: tuple(busy(text, 10, 17) for text in ("1 Feb", "2 Feb", "3 Feb", "5 Feb", "8 Feb"))})

    track = plan(training("12 Jan", pairs=(abroad,)), facts=told, off=("4 Feb",))[KEY]

    assert item(track, "stand-in:2027-02-04").starts == (datetime(2027, 2, 5, 10, tzinfo=AMSTERDAM),)


def test_a_single_meeting_is_where_it_would_be_when_there_is_no_better_time() -> None:
    full = [busy(text, 9, 17) for text in ("1 Feb", "2 Feb", "3 Feb", "5 Feb", "8 Feb")]

    assert plan(training("12 Jan"), facts=facts(*full), off=("4 Feb",)) == plan(training("12 Jan"), off=("4 Feb",))


def test_the_goals_meeting_and_an_extra_one_avoid_busy_times_too() -> None:
    course = training("12 Jan", "2 Feb")
    plain = plan(course)[KEY]
    [goals, extra] = item(plain, "goals").starts + item(plain, "extra:2027-02-02").starts
    told = facts(*(Busy(at, at + timedelta(hours=1)) for at in (goals, extra)))

    track = plan(course, facts=told)[KEY]

    assert item(track, "goals").starts == (datetime(2027, 1, 8, 15, tzinfo=AMSTERDAM),)
    assert item(track, "extra:2027-02-02").starts != (extra,)
    assert item(track, "extra:2027-02-02").starts[0].time() == time(15)


def test_what_stands_in_a_calendar_stays_though_it_makes_its_people_busy() -> None:
    kept = {
        Ref(f"{KEY}/stand-in:2027-02-04"): datetime(2027, 2, 5, 14, tzinfo=UTC),
        Ref(f"{KEY}/goals"): datetime(2027, 1, 7, 14, tzinfo=UTC),
    }
    ours = (busy("7 Jan", 15, 16), busy("21 Jan", 15, 16), busy("5 Feb", 15, 16), busy("18 Feb", 15, 16))

    track = plan(training("12 Jan"), facts=replace(facts(*ours, sannes=ours), kept=kept), off=("4 Feb",))

    assert track == plan(training("12 Jan"), off=("4 Feb",))


@pytest.mark.parametrize(
    ("stands", "told"),
    [("22 Feb", (busy("22 Feb", 15, 16),)), ("24 Feb", ())],
    ids=["it makes its people busy itself", "nobody tells any more why it stands there"],
)
def test_a_look_back_that_found_no_place_in_its_week_stays_where_it_stands_whoever_is_busy(stands: str, told: tuple[Busy, ...]) -> None:
    """Karim is away after 2 February until the 21st, and nothing follows: without any facts it would be on the 22nd."""
    short = replace(METHOD, series=replace(METHOD.series, until=0))
    away = person("Karim", away=(Span(day("3 Feb"), day("21 Feb")),))
    course = training("12 Jan", "2 Feb", method=short, pairs=(pair(mentor=away),))
    there = datetime.combine(day(stands), time(15), AMSTERDAM)
    kept = {Ref(f"{KEY}/extra:2027-02-02"): there.astimezone(UTC)}

    track = plan(course, facts=replace(facts(*told, sannes=told), kept=kept))[KEY]

    assert item(track, "extra:2027-02-02").starts == (there,)


# -- what is to be asked -----------------------------------------------------------------------------------------------

EARLY = datetime(2026, 12, 1, 9, tzinfo=UTC)


def test_busy_times_are_asked_of_a_pair_whose_hour_is_to_be_proposed_and_of_nobody_else() -> None:
    noors = pair(person("Noor"), person("Tim"))
    tracks = plan(training("12 Jan", pairs=(NO_HOUR, noors)))

    wanted = wanted_busy(tracks, NOTHING, EARLY)

    assert set(wanted) == {SANNE.key, KARIM.key}
    assert wanted[SANNE.key][0] <= datetime(2027, 1, 17, 23, tzinfo=UTC)
    assert wanted[SANNE.key][1] >= datetime(2027, 1, 24, tzinfo=UTC) + timedelta(weeks=6)


def test_nothing_is_asked_once_an_hour_is_chosen() -> None:
    told = replace(NOTHING, chosen={KEY: MONDAYS_AT_NINE})

    assert wanted_busy(plan(training("12 Jan", pairs=(NO_HOUR,)), facts=told), told, EARLY) == {}


def test_busy_times_are_asked_the_day_before_a_single_meeting_opens_and_no_more_once_it_stands() -> None:
    """The stand-in for 4 February, on the 5th, opens six weeks before that."""
    tracks = plan(training("12 Jan"), off=("4 Feb",))
    opens = item(tracks[KEY], "stand-in:2027-02-04").opens
    stood = replace(NOTHING, kept={Ref(f"{KEY}/goals"): datetime(2027, 1, 7, 14, tzinfo=UTC)})
    stands = replace(stood, kept={**stood.kept, Ref(f"{KEY}/stand-in:2027-02-04"): datetime(2027, 2, 5, 14, tzinfo=UTC)})

    assert opens.date() == day("25 Dec")
    assert wanted_busy(tracks, stood, opens - timedelta(hours=25)) == {}
    assert set(wanted_busy(tracks, stood, opens - timedelta(hours=23))) == {SANNE.key, KARIM.key}
    assert set(wanted_busy(tracks, stood, opens)) == {SANNE.key, KARIM.key}
    assert wanted_busy(tracks, stands, opens) == {}


def test_nothing_is_asked_of_the_past() -> None:
    """On 3 January the goals meeting is four days ahead: what lies before now is nobody's business."""
    now = datetime(2027, 1, 3, 12, tzinfo=UTC)

    assert {begin for begin, _ in wanted_busy(plan(training("12 Jan")), NOTHING, now).values()} == {now}
    assert wanted_busy(plan(training("12 Jan")), NOTHING, datetime(2027, 3, 1, tzinfo=UTC)) == {}
