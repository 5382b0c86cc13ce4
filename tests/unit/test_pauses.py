"""Pauses: what falls in one is taken away, everything else stays where it is.

Sanne and Karim as in ``test_planning``: the goals meeting on 7 January 2027, the series on 21 January, 4 and 18 February.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import pytest
from tests.unit.programme import (
    AMSTERDAM,
    GOALS,
    KARIM,
    KEY,
    MON,
    NOTHING,
    ORGANISATION,
    SANNE,
    SOMEBODY,
    THURSDAY,
    TUE,
    dates,
    day,
    days,
    item,
    look_back_on,
    pair,
    parts,
    person,
    plan,
    training,
)

from beklijf.model import canonical
from beklijf.model.conversation import Pause
from beklijf.model.domain import Kind, LeftOut, Programme, Ref
from beklijf.planning.correspondence import schedule
from beklijf.planning.events import Writer

if TYPE_CHECKING:
    from beklijf.model.conversation import PausedKind
    from beklijf.model.domain import Event, Item, Letter, Person
    from beklijf.model.facts import Facts


def paused(first: str, last: str | None, who: Person = KARIM, kind: PausedKind = "meetings") -> Facts:
    until = None if last is None else day(last)
    return replace(NOTHING, pauses=(Pause(person=who.key, kind=kind, first=day(first), last=until),))


class Plain:
    version = ""

    def event(self, item: Item, programme: Programme) -> tuple[str, str]:
        return item.rule, programme.organisation.name


def written(made: Item) -> Event:
    """Return the event that a calendar gets."""
    programme = Programme(organisation=ORGANISATION, organizer=SOMEBODY, trainings={}, tracks={})
    return Writer(installation="Voorbeeld", programme=programme, texts=Plain()).event(made)


def held(event: Event) -> list[date]:
    return [at.date() for at in canonical.meetings(event)]


# -- meetings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [SANNE, KARIM], ids=["the mentee", "the mentor"])
def test_a_meeting_of_the_series_in_a_pause_of_either_is_off_without_a_stand_in(who: Person) -> None:
    track = plan(training("12 Jan"), facts=paused("1 Feb", "7 Feb", who))[KEY]

    series = item(track, "series")

    assert dates(series) == days("21 Jan", "18 Feb")
    assert [start.date() for start in series.without] == days("4 Feb")
    assert series.left_out == (LeftOut(day=day("4 Feb"), why="paused", stand_in=None),)
    assert parts(track) == ["goals", "reminder", "series"]
    assert [start.date() for start in track.meetings] == days("7 Jan", "21 Jan", "18 Feb")
    assert track.notices == ()


def test_a_pause_includes_its_first_and_its_last_day() -> None:
    assert dates(item(plan(training("12 Jan"), facts=paused("21 Jan", "4 Feb"))[KEY], "series")) == days("18 Feb")
    assert dates(item(plan(training("12 Jan"), facts=paused("22 Jan", "3 Feb"))[KEY], "series")) == days("21 Jan", "4 Feb", "18 Feb")


def test_a_pause_is_of_the_day_that_it_is_for_who_paused() -> None:
    """Nine on Tuesday morning in Auckland is Monday evening for Karim."""
    sanne = person("Sanne", zone="Pacific/Auckland")
    abroad = training("12 Jan", pairs=(pair(sanne, KARIM, replace(THURSDAY, weekday=TUE, at=time(9), zone=sanne.zone)),))

    assert dates(item(plan(abroad, facts=paused("2 Feb", "2 Feb"))[KEY], "series")) == days("19 Jan", "2 Feb", "16 Feb")
    assert dates(item(plan(abroad, facts=paused("1 Feb", "1 Feb"))[KEY], "series")) == days("19 Jan", "16 Feb")


@pytest.mark.parametrize(
    ("first", "last", "left"),
    [
        ("18 Jan", "24 Jan", ("4 Feb", "18 Feb")),
        ("10 Feb", None, ("21 Jan", "4 Feb")),
        ("1 Feb", "7 Feb", ("21 Jan", "18 Feb")),
        ("1 Feb", None, ("21 Jan",)),
    ],
    ids=["the first", "the last", "one between", "all but the first"],
)
def test_the_event_keeps_its_ends_and_what_is_paused_is_cancelled_one_by_one(first: str, last: str | None, left: tuple[str, ...]) -> None:
    before = written(item(plan(training("12 Jan"))[KEY], "series"))

    event = written(item(plan(training("12 Jan"), facts=paused(first, last))[KEY], "series"))

    assert (event.start, event.recurrence) == (before.start, before.recurrence)
    assert held(event) == days(*left)
    assert all(override.start is None for override in event.overrides)


def test_a_day_off_between_a_paused_first_meeting_and_the_next_is_cancelled_too() -> None:
    made = item(plan(training("12 Jan"), facts=paused("18 Jan", "24 Jan"), off=("4 Feb",))[KEY], "series")

    assert held(written(made)) == days("18 Feb")
    assert [(out.why, out.stand_in) for out in made.left_out] == [("paused", None), ("public holiday", day("5 Feb"))]


def test_a_series_of_which_every_meeting_is_paused_is_no_event() -> None:
    track = plan(training("12 Jan"), facts=paused("1 Jan", None))[KEY]

    assert parts(track) == ["reminder"]
    assert track.meetings == ()


def test_single_meetings_in_a_pause_are_not_planned() -> None:
    course = training("12 Jan", "2 Feb")
    plain = plan(course, off=("18 Feb",))[KEY]
    assert {"goals", "extra:2027-02-02", "stand-in:2027-02-18"} <= set(parts(plain))
    singles = [made.starts[0].date() for made in plain.items if made.kind is Kind.MEETING]

    for when in singles:
        pause = Pause(person=KARIM.key, kind="meetings", first=when, last=when)
        track = plan(course, facts=replace(NOTHING, pauses=(pause,)), off=("18 Feb",))[KEY]
        assert [made.starts[0].date() for made in track.items if made.kind is Kind.MEETING] == [other for other in singles if other != when]
        assert when not in {start.date() for start in track.meetings}


def test_a_paused_stand_in_leaves_its_day_without_one() -> None:
    plain = item(plan(training("12 Jan"), off=("4 Feb",))[KEY], "series")

    made = item(plan(training("12 Jan"), facts=paused("5 Feb", "5 Feb"), off=("4 Feb",))[KEY], "series")

    assert made == replace(plain, left_out=(LeftOut(day=day("4 Feb"), why="public holiday", stand_in=None),))


def test_the_questions_of_a_paused_meeting_are_asked_at_the_next_one_that_takes_place() -> None:
    """The meeting of 21 January would look back on the session of the 12th."""
    made = item(plan(training("12 Jan"), facts=paused("18 Jan", "24 Jan"))[KEY], "series")

    assert made.topics == {datetime(2027, 2, 4, 15, tzinfo=AMSTERDAM): (look_back_on("12 Jan"),)}


def test_the_questions_of_a_paused_goals_meeting_are_asked_at_the_first_of_the_series() -> None:
    track = plan(training("12 Jan"), facts=paused("4 Jan", "8 Jan"))[KEY]

    assert set(item(track, "series").topics[datetime(2027, 1, 21, 15, tzinfo=AMSTERDAM)]) == {GOALS, look_back_on("12 Jan")}


def test_questions_for_which_no_meeting_is_left_are_not_asked() -> None:
    track = plan(training("12 Jan"), facts=paused("18 Jan", None))[KEY]

    assert parts(track) == ["goals", "reminder"]
    assert [start.date() for start in track.meetings] == days("7 Jan")


def test_a_pair_that_pauses_keeps_its_hour_and_nobody_else_gets_it() -> None:
    noor = pair(person("Noor"), KARIM, None)
    course = training("12 Jan", pairs=(pair(meets=replace(THURSDAY, weekday=MON, at=time(9))), noor))
    resting = paused("1 Jan", None, SANNE)

    tracks = plan(course, facts=resting)

    noors = tracks[next(key for key in tracks if key != KEY)]
    assert noors.meets == plan(course)[noors.mentorship.key].meets
    assert noors.meets == replace(THURSDAY, weekday=MON, at=time(10))


def test_a_meeting_that_people_moved_out_of_a_pause_takes_place() -> None:
    recurrence_id, there = datetime(2027, 2, 4, 14, tzinfo=UTC), datetime(2027, 2, 9, 14, tzinfo=UTC)
    moved = replace(paused("1 Feb", "7 Feb"), moved_instances={Ref(f"{KEY}/series"): {recurrence_id: there}})

    assert dates(item(plan(training("12 Jan"), facts=moved)[KEY], "series")) == days("21 Jan", "4 Feb", "18 Feb")


def test_a_meeting_that_people_moved_into_a_pause_is_off() -> None:
    recurrence_id, there = datetime(2027, 2, 4, 14, tzinfo=UTC), datetime(2027, 2, 9, 14, tzinfo=UTC)
    moved = replace(paused("8 Feb", "12 Feb"), moved_instances={Ref(f"{KEY}/series"): {recurrence_id: there}})

    assert dates(item(plan(training("12 Jan"), facts=moved)[KEY], "series")) == days("21 Jan", "18 Feb")


@pytest.mark.parametrize(
    "pause",
    [paused("1 Jan", None, person("Noor")), paused("1 Jan", None, KARIM, "letters"), paused("1 Sep", "1 Dec"), paused("22 Jan", "3 Feb")],
    ids=["of somebody else", "of letters", "long before", "between two meetings"],
)
def test_a_pause_in_which_nothing_falls_changes_nothing(pause: Facts) -> None:
    assert plan(training("12 Jan"), facts=pause) == plan(training("12 Jan"))


# -- reminders ---------------------------------------------------------------------------------------------------------


def test_reminders_in_a_pause_are_left_out_and_the_others_stay() -> None:
    plain = item(plan(training("12 Jan"))[KEY], "reminder")
    assert dates(plain) == days("23 Mar", "20 Apr", "18 May", "15 Jun", "13 Jul")

    made = item(plan(training("12 Jan"), facts=paused("1 Mar", "30 Apr", kind="reminders"))[KEY], "reminder")

    assert dates(made) == days("18 May", "15 Jun", "13 Jul")
    assert [(out.day, out.why) for out in made.left_out] == [(day("23 Mar"), "paused"), (day("20 Apr"), "paused")]
    assert (written(made).start, written(made).recurrence) == (written(plain).start, written(plain).recurrence)


def test_a_pause_of_reminders_is_of_the_one_who_gets_them() -> None:
    assert plan(training("12 Jan"), facts=paused("1 Jan", None, SANNE, "reminders")) == plan(training("12 Jan"))
    assert "reminder" not in parts(plan(training("12 Jan"), facts=paused("1 Jan", None, KARIM, "reminders"))[KEY])


# -- letters -----------------------------------------------------------------------------------------------------------


def sent_to_sanne(*pauses: Pause) -> dict[str, Letter]:
    course = training("12 Jan")
    wishes = [wish for wish in plan(course)[KEY].wishes if wish.person == SANNE]
    letters = schedule(
        wishes,
        organisation=ORGANISATION,
        holidays=frozenset(),
        limits={course.id: course.method.limits},
        sent=(),
        now=datetime(2026, 12, 1, tzinfo=UTC),
        pauses=pauses,
    )
    return {letter.wishes[0].rule.id: letter for letter in letters}


def letters_paused(first: str, last: str | None, who: Person = SANNE, kind: PausedKind = "letters") -> Pause:
    return Pause(person=who.key, kind=kind, first=day(first), last=None if last is None else day(last))


def test_a_letter_waits_until_its_receivers_pause_is_over() -> None:
    """The session letter is due on Wednesday 13 January, and may be three working days late."""
    letters = sent_to_sanne(letters_paused("11 Jan", "14 Jan"))

    assert sent_to_sanne()["session-mentee"].at.date() == day("13 Jan")
    assert (letters["session-mentee"].at.date(), letters["session-mentee"].lapsed) == (day("18 Jan"), False)


def test_a_letter_that_would_come_too_late_after_the_pause_lapses() -> None:
    letters = sent_to_sanne(letters_paused("11 Jan", "18 Jan"))

    assert letters["session-mentee"].lapsed
    assert {name for name, letter in letters.items() if letter.lapsed} == {"session-mentee"}


def test_who_paused_letters_gets_no_welcome_either() -> None:
    letters = sent_to_sanne(letters_paused("1 Dec", None))

    assert letters
    assert all(letter.lapsed for letter in letters.values())


@pytest.mark.parametrize(
    "pause",
    [letters_paused("1 Dec", None, KARIM), letters_paused("1 Dec", None, kind="meetings"), letters_paused("14 Jan", "18 Jan")],
    ids=["of somebody else", "of meetings", "after the letter"],
)
def test_other_pauses_hold_no_letter_up(pause: Pause) -> None:
    assert sent_to_sanne(pause)["session-mentee"] == sent_to_sanne()["session-mentee"]
