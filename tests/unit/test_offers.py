"""Times that suit both, and why a proposed time can't be.

Sanne and Karim as in ``test_planning``: the goals meeting on Thursday 7 January 2027 at 15:00, the series on 21 January, 4 and
18 February at that hour.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from tests.unit.programme import (
    AMSTERDAM,
    FRI,
    KARIM,
    KEY,
    MON,
    NOTHING,
    ORGANISATION,
    SANNE,
    SOMEBODY,
    THU,
    THURSDAY,
    TUE,
    WED,
    day,
    days,
    pair,
    person,
    plan,
    training,
)

from beklijf.model.conversation import Busy, Hindrance, Offer, Pause
from beklijf.model.domain import Contact, Event, Meets, MentorshipKey, Override, Programme, Recurrence, Ref, Span, Training
from beklijf.model.facts import Facts, Generation, Moved
from beklijf.planning.offers import Times

NOW = datetime(2027, 1, 14, 12, tzinfo=AMSTERDAM)
"""A Thursday, a week before the first meeting of the series."""
COURSE = training("12 Jan")
NOORS = MentorshipKey("coachen/noor@voorbeeld.example")
LONG = training("12 Jan", "13 Apr")


def at(text: str, hour: int = 15, minute: int = 0) -> datetime:
    return datetime.combine(day(text), time(hour, minute), AMSTERDAM)


def times(*trainings: Training, facts: Facts = NOTHING, off: tuple[str, ...] = ()) -> Times:
    trainings = trainings or (COURSE,)
    tracks = plan(*trainings, facts=facts, off=off)
    programme = Programme(organisation=ORGANISATION, organizer=SOMEBODY, trainings={each.id: each for each in trainings}, tracks=tracks)
    return Times(programme, facts, frozenset(days(*off)))


def starts(offers: tuple[Offer, ...]) -> list[datetime]:
    return [offer.start for offer in offers]


def near(found: Times, text: str = "4 Feb", *, hour: int = 15, now: datetime = NOW, count: int = 3) -> list[datetime]:
    return starts(found.near(KEY, at(text, hour), 60, now=now, count=count))


def busy(text: str, start: int, end: int) -> Busy:
    return Busy(at(text, start), at(text, end))


# -- one meeting -------------------------------------------------------------------------------------------------------


def test_one_meeting_is_offered_another_hour_of_its_day_and_its_hour_on_the_days_around_it() -> None:
    assert near(times()) == [at("4 Feb", 14), at("5 Feb"), at("3 Feb")]
    assert times().near(KEY, at("4 Feb"), 45, now=NOW)[0].minutes == 45


def test_as_many_times_are_offered_as_are_asked_for_each_once_and_never_its_own() -> None:
    found = near(times(), count=200)

    assert len(found) == len(set(found)) > 100
    assert at("4 Feb") not in found


def test_a_time_that_is_offered_is_a_working_day_and_an_office_hour_of_both() -> None:
    part_timer = person("Karim", works=frozenset({MON, TUE, WED, THU}), away=(Span(day("1 Feb"), day("3 Feb")),))

    found = near(times(training("12 Jan", pairs=(pair(mentor=part_timer),)), off=("8 Feb",)))

    assert found == [at("4 Feb", 14), at("9 Feb"), at("10 Feb")]


def test_office_hours_are_those_of_each_ones_own_clock() -> None:
    """Nine to five in London is ten to six in Amsterdam: in common they have ten to five there."""
    tim = person("Tim", zone="Europe/London")
    found = near(times(training("12 Jan", pairs=(pair(mentor=tim),))), count=500)

    assert {start.hour for start in found} == set(range(10, 17))


def test_a_session_day_of_the_mentee_is_not_offered() -> None:
    assert at("3 Feb") in near(times(), count=200)
    assert day("3 Feb") not in {start.date() for start in near(times(training("12 Jan", "3 Feb")), count=200)}


def test_no_time_is_offered_at_which_one_of_the_two_has_another_mentor_meeting() -> None:
    other = training("12 Jan", pairs=(pair(person("Noor"), KARIM, replace(THURSDAY, weekday=FRI)),), name="schrijven")

    assert at("5 Feb") not in near(times(COURSE, other), count=200)
    assert at("5 Feb", 14) in near(times(COURSE, other), count=200)


def test_no_time_is_offered_at_which_one_of_the_two_is_busy_or_paused() -> None:
    told = replace(
        NOTHING,
        busy={SANNE.key: (busy("4 Feb", 9, 17),), KARIM.key: (busy("5 Feb", 14, 16),)},
        pauses=(Pause(person=KARIM.key, kind="meetings", first=day("3 Feb"), last=day("3 Feb")),),
    )

    assert near(times(facts=told)) == [at("2 Feb"), at("1 Feb"), at("8 Feb")]


def test_offers_begin_tomorrow() -> None:
    """On the morning of the meeting nothing of today is offered, and nothing of before."""
    assert near(times(), now=at("4 Feb", 8)) == [at("5 Feb"), at("8 Feb"), at("9 Feb")]
    assert near(times(), now=at("3 Feb", 8)) == [at("4 Feb", 14), at("5 Feb"), at("8 Feb")]


def test_offers_lie_between_the_pairs_meetings_before_and_after() -> None:
    found = {start.date() for start in near(times(), count=500)}

    assert (min(found), max(found)) == (day("22 Jan"), day("17 Feb"))


def test_an_hour_that_overlaps_its_own_is_offered_for_one_meeting_too() -> None:
    half_past = pair(meets=replace(THURSDAY, at=time(15, 30)))

    found = times(training("12 Jan", pairs=(half_past,))).near(KEY, at("4 Feb", 15, 30), 60, now=NOW)

    assert starts(found) == [at("4 Feb", 15), at("5 Feb", 15, 30), at("3 Feb", 15, 30)]


def test_the_hour_that_a_meeting_was_moved_away_from_is_free_for_others() -> None:
    moved = replace(NOTHING, moved_instances={Ref(f"{KEY}/series"): {at("4 Feb").astimezone(UTC): at("9 Feb", 10).astimezone(UTC)}})
    noor = pair(person("Noor"), KARIM, replace(THURSDAY, at=time(11)))
    found = times(training("12 Jan", pairs=(pair(), noor)), facts=moved)

    offers = starts(found.near(NOORS, at("4 Feb", 11), 60, now=NOW, count=500))

    assert at("4 Feb") in offers
    assert at("9 Feb", 10) not in offers


def test_several_times_of_one_day_are_offered_only_when_there_is_no_other_day() -> None:
    away = person("Karim", away=(Span(day("22 Jan"), day("3 Feb")), Span(day("6 Feb"), day("17 Feb"))))
    found = times(training("12 Jan", pairs=(pair(mentor=away),))).near(KEY, at("4 Feb"), 60, now=NOW)

    assert starts(found) == [at("4 Feb", 14), at("5 Feb"), at("4 Feb", 16)]


def test_offers_keep_away_from_where_people_moved_meetings() -> None:
    moved = replace(NOTHING, moved_instances={Ref(f"{KEY}/series"): {at("18 Feb").astimezone(UTC): at("10 Feb", 10).astimezone(UTC)}})

    assert max(near(times(facts=moved), count=500)).date() == day("9 Feb")


def test_a_meeting_that_people_moved_is_offered_times_around_where_it_is_held() -> None:
    moved = replace(NOTHING, moved_instances={Ref(f"{KEY}/series"): {at("4 Feb").astimezone(UTC): at("9 Feb", 10).astimezone(UTC)}})

    assert near(times(facts=moved), "9 Feb", hour=10) == [at("9 Feb", 9), at("10 Feb", 10), at("8 Feb", 10)]


def test_a_pair_without_an_hour_or_without_a_track_is_offered_nothing() -> None:
    never = training("12 Jan", pairs=(pair(person("Sanne", works=frozenset({MON})), person("Karim", works=frozenset({TUE})), None),))

    assert near(times(never)) == []
    assert times(never).hours(KEY, now=NOW) == ()
    assert near(times(training("12 Jan", name="elders"))) == []


# -- the hour of a series ----------------------------------------------------------------------------------------------


def hours(found: Times, *, now: datetime = NOW, count: int = 3) -> list[datetime]:
    return starts(found.hours(KEY, now=now, count=count))


def test_other_hours_of_a_series_that_has_not_begun_are_offered_from_its_first_days_on() -> None:
    """From 17 to 23 January, five to eleven days after the session: the same hour of other weekdays."""
    assert hours(times()) == [at("18 Jan"), at("19 Jan"), at("20 Jan")]


def test_the_hour_that_they_have_is_never_offered() -> None:
    found = hours(times(), count=200)

    assert len(found) == 5 * 8 - 1
    assert (THU, time(15)) not in {(start.weekday(), start.time()) for start in found}


def test_other_hours_of_a_series_that_has_begun_go_on_from_its_next_meeting() -> None:
    assert hours(times(), now=at("25 Jan", 12)) == [at("1 Feb"), at("2 Feb"), at("3 Feb")]


def test_a_series_that_goes_on_as_another_event_has_begun_all_the_same() -> None:
    generations = {Ref(f"{KEY}/series"): Generation(number=2, since=at("22 Jan"))}
    facts = replace(NOTHING, generations=generations, begun={Ref(f"{KEY}/series"): day("21 Jan")})

    assert hours(times(facts=facts), now=at("25 Jan", 12)) == [at("1 Feb"), at("2 Feb"), at("3 Feb")]


def test_an_hour_is_offered_from_the_first_meeting_that_nobody_paused() -> None:
    pause = Pause(person=KARIM.key, kind="meetings", first=day("18 Jan"), last=day("19 Jan"))

    assert hours(times(facts=replace(NOTHING, pauses=(pause,)))) == [at("20 Jan"), at("22 Jan"), at("1 Feb")]


def test_other_hours_begin_tomorrow() -> None:
    """On Tuesday 2 February the meeting is two days away: Monday and Tuesday come a week later."""
    assert hours(times(), now=at("2 Feb", 12), count=4) == [at("3 Feb"), at("5 Feb"), at("8 Feb"), at("9 Feb")]


def test_the_least_busy_hours_are_offered_first_and_on_other_weekdays_where_that_is_possible() -> None:
    full = tuple(busy(text, 9, 17) for text in ("18 Jan", "19 Jan", "20 Jan", "1 Feb", "2 Feb"))
    told = replace(NOTHING, busy={KARIM.key: tuple(sorted(full))})

    found = hours(times(facts=told), count=4)

    assert found == [at("22 Jan"), at("21 Jan", 14), at("20 Jan"), at("18 Jan")]


def test_the_hour_that_a_series_has_is_in_nobodys_way_but_anothers_is() -> None:
    noor = pair(person("Noor"), KARIM, replace(THURSDAY, weekday=MON, at=time(15)))

    found = hours(times(training("12 Jan", pairs=(pair(), noor))), count=200)

    assert at("21 Jan", 14) in found
    assert at("18 Jan") not in found


def test_an_hour_that_overlaps_their_own_is_offered_all_the_same() -> None:
    half_past = pair(meets=replace(THURSDAY, at=time(15, 30)))

    assert at("21 Jan", 15) in hours(times(training("12 Jan", pairs=(half_past,))), count=200)


def test_an_hour_that_falls_mostly_on_days_off_is_not_offered() -> None:
    found = hours(times(off=("18 Jan", "1 Feb", "19 Jan")), count=200)

    assert MON not in {start.weekday() for start in found}
    assert min(start for start in found if start.weekday() == TUE).date() == day("2 Feb")


def test_other_hours_are_counted_to_the_end_of_the_longer_of_two_trainings() -> None:
    """Karim guides Sanne in both; on Mondays from 1 March on he has Noor."""
    later = training("16 Feb", name="vervolg")
    noor = training("9 Mar", pairs=(pair(person("Noor"), KARIM, replace(THURSDAY, weekday=MON)),), name="anders")

    assert at("18 Jan") in hours(times(COURSE, later), count=200)
    assert at("18 Jan") not in hours(times(COURSE, later, noor), count=200)
    assert at("18 Jan") in hours(times(COURSE, noor), count=200)


def test_a_moved_series_is_offered_other_hours_than_the_one_it_was_moved_to() -> None:
    moved = Moved(meets=Meets(weekday=WED, at=time(11), minutes=45, zone=AMSTERDAM), first=day("27 Jan"))

    found = times(facts=replace(NOTHING, moved={KEY: moved})).hours(KEY, now=NOW, count=200)

    assert {offer.minutes for offer in found} == {45}
    assert (WED, time(11)) not in {(offer.start.weekday(), offer.start.time()) for offer in found}


def test_a_series_that_is_over_is_offered_no_hours() -> None:
    assert hours(times(), now=at("19 Feb")) == []


# -- a time that somebody proposes -------------------------------------------------------------------------------------


def series(*overrides: Override) -> Event:
    return Event(
        uid="series-12345678@beklijf",
        start=at("21 Jan"),
        minutes=60,
        recurrence=Recurrence(2, at("18 Feb").astimezone(UTC)),
        overrides=overrides,
        title="Mentorgesprek",
        text="",
        location="",
        organizer=SOMEBODY,
        people=(Contact(SANNE.name, SANNE.email), Contact(KARIM.name, KARIM.email)),
        alarms=(),
        free=False,
    )


def single(text: str) -> Event:
    return replace(series(), start=at(text), recurrence=None)


PLACE = at("4 Feb").astimezone(UTC)


def why(start: datetime, found: Times | None = None, *, event: Event | None = None, now: datetime = NOW, minutes: int = 60) -> object:
    """Return why the meeting of 4 February can't be at *start*."""
    return (found or times()).hindrance(KEY, event or series(), PLACE, start, minutes, now=now)


@pytest.mark.parametrize(
    "start",
    [at("4 Feb", 15, 30), at("5 Feb"), at("3 Feb", 7), at("22 Jan"), at("17 Feb", 20)],
    ids=["half an hour later", "a day later", "before office hours", "the day after the one before", "the day before the next"],
)
def test_a_time_between_the_meetings_before_and_after_is_possible(start: datetime) -> None:
    assert why(start) is None
    assert why(start.astimezone(UTC)) is None


@pytest.mark.parametrize(
    ("start", "hindrance"),
    [
        (at("13 Jan"), Hindrance.PAST),
        (at("21 Jan", 10), Hindrance.NEIGHBOURS),
        (at("20 Jan"), Hindrance.NEIGHBOURS),
        (at("18 Feb", 17), Hindrance.NEIGHBOURS),
        (at("19 Feb"), Hindrance.NEIGHBOURS),
        (at("6 Feb"), Hindrance.DAY_OFF),
    ],
)
def test_a_time_that_is_past_beyond_its_neighbours_or_on_a_day_off_is_not(start: datetime, hindrance: Hindrance) -> None:
    assert why(start) is hindrance


def test_a_neighbour_is_where_it_is_held_and_one_that_is_cancelled_is_none() -> None:
    moved = Override(at("18 Feb").astimezone(UTC), at("10 Feb"), 60)
    cancelled = Override(at("18 Feb").astimezone(UTC), None)

    assert why(at("10 Feb", 9), event=series(moved)) is Hindrance.NEIGHBOURS
    assert why(at("9 Feb"), event=series(moved)) is None
    assert why(at("23 Feb"), event=series(cancelled)) is None


def test_a_single_meeting_has_no_neighbours() -> None:
    assert times().hindrance(KEY, single("4 Feb"), None, at("19 Feb"), 60, now=NOW) is None


def test_a_meeting_that_has_been_or_is_gone_goes_nowhere() -> None:
    gone = series(Override(PLACE, None))

    assert why(at("12 Feb"), now=at("4 Feb", 16)) is Hindrance.OVER
    assert why(at("12 Feb"), event=gone) is Hindrance.OVER
    assert times().hindrance(KEY, series(), PLACE + timedelta(hours=1), at("12 Feb"), 60, now=NOW) is Hindrance.OVER
    assert times().hindrance(KEY, single("7 Jan"), None, at("19 Jan"), 60, now=NOW) is Hindrance.OVER
    assert times(training("12 Jan", name="elders")).hindrance(KEY, series(), PLACE, at("5 Feb"), 60, now=NOW) is Hindrance.OVER


@pytest.mark.parametrize(
    "found",
    [
        times(off=("5 Feb",)),
        times(training("12 Jan", "5 Feb")),
        times(training("12 Jan", pairs=(pair(mentor=person("Karim", works=frozenset({THU}))),))),
        times(training("12 Jan", pairs=(pair(mentor=person("Karim", away=(Span(day("5 Feb"), day("5 Feb")),))),))),
        times(facts=replace(NOTHING, pauses=(Pause(person=SANNE.key, kind="meetings", first=day("5 Feb")),))),
    ],
    ids=["a holiday", "a session day", "a day on which he never works", "a day on which he is away", "a pause"],
)
def test_a_day_on_which_one_of_the_two_can_not_meet_is_a_day_off(found: Times) -> None:
    assert why(at("5 Feb"), found) is Hindrance.DAY_OFF


def test_a_time_is_taken_when_one_of_the_two_has_another_mentor_meeting_then() -> None:
    other = training("12 Jan", pairs=(pair(person("Noor"), KARIM, replace(THURSDAY, weekday=FRI)),), name="schrijven")

    assert why(at("5 Feb"), times(COURSE, other)) is Hindrance.TAKEN
    assert why(at("5 Feb", 14), times(COURSE, other)) is None
    assert why(at("5 Feb", 14), times(COURSE, other), minutes=61) is Hindrance.TAKEN


def test_what_people_propose_may_be_busy_in_their_own_calendar() -> None:
    told = replace(NOTHING, busy={SANNE.key: (busy("5 Feb", 9, 17),)})

    assert why(at("5 Feb"), times(facts=told)) is None


def test_an_hour_for_the_series_is_held_against_everything_but_the_series_itself() -> None:
    noor = pair(person("Noor"), KARIM, replace(THURSDAY, at=time(11)))
    found = times(training("12 Jan", pairs=(pair(), noor)))

    assert found.hindrance(KEY, None, None, at("21 Jan", 15, 30), 60, now=NOW) is None
    assert found.hindrance(KEY, None, None, at("21 Jan", 11, 30), 60, now=NOW) is Hindrance.TAKEN
    assert found.hindrance(KEY, None, None, at("23 Jan"), 60, now=NOW) is Hindrance.DAY_OFF
    assert found.hindrance(KEY, None, None, at("11 Jan"), 60, now=NOW) is Hindrance.PAST


def test_asking_changes_nothing() -> None:
    found = times()

    first = [near(found), hours(found), why(at("4 Feb", 15, 30), found)]

    assert [near(found), hours(found), why(at("4 Feb", 15, 30), found)] == first
    assert why(at("4 Feb", 15, 30), found, event=series()) is None


def test_every_offer_could_be_proposed() -> None:
    found = times(LONG)
    event = replace(series(), recurrence=Recurrence(2, at("13 May").astimezone(UTC)))

    assert {found.hindrance(KEY, event, PLACE, start, 60, now=NOW) for start in near(found, count=500)} == {None}
