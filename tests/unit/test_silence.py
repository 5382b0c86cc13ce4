"""The ladder of method.md section 3, on one pair: invited on Friday 18 December 2026, session on Tuesday 12 January 2027.

Without holidays the days that count are weekdays. The goals meeting is on 7 January, the series on 21 January, 4 and 18
February. The nudge goes to Sanne after seven days on which both work, the text to ask with to Karim after fourteen.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.unit.programme import (
    AMSTERDAM,
    KARIM,
    KEY,
    METHOD,
    MON,
    NOTHING,
    ORGANISATION,
    SANNE,
    SOMEBODY,
    THU,
    TUE,
    WED,
    day,
    days,
    joined,
    pair,
    person,
    plan,
    training,
)

from beklijf.model.conversation import Heard, History, Pause, Said
from beklijf.model.domain import Anchor, LetterRule, Offset, Programme, Ref, Role, Span, Training
from beklijf.planning import plan_tracks, silence
from beklijf.planning.silence import Reason, Silence

if TYPE_CHECKING:
    from datetime import date

    from beklijf.model.domain import Person, Wish
    from beklijf.model.facts import Facts


def rule(name: str, role: Role, count: int) -> LetterRule:
    return LetterRule(
        id=name,
        role=role,
        anchor=Anchor.SILENCE,
        at=Offset(count, working=True),
        template=name,
        order=4,
        late=5,
        not_on=frozenset(),
        on_joining=False,
        merge=False,
        why="",
    )


LADDER = replace(
    METHOD,
    letters=(
        *(each for each in METHOD.letters if each.anchor is not Anchor.SILENCE),
        rule("nudge", Role.MENTEE, 7),
        rule("ask", Role.MENTOR, 14),
    ),
    limits=replace(METHOD.limits, silent=21, absence=7, in_a_row=2),
)
COURSE = training("12 Jan", method=LADDER)
SERIES, GOALS, STAND_IN = Ref(f"{KEY}/series"), Ref(f"{KEY}/goals"), Ref(f"{KEY}/stand-in:2027-02-04")


def at(text: str, hour: int = 12) -> datetime:
    return datetime.combine(day(text), time(hour), AMSTERDAM).astimezone(UTC)


def heard(text: str, said: Said, who: Person | None = None, ref: Ref = SERIES, place: str = "", uid: str = "") -> Heard:
    """Return one thing that was heard; *place* is the day of one meeting of the series."""
    return Heard(
        at=at(text),
        said=said,
        uid=uid or ref,
        ref=ref,
        recurrence_id=at(place, 15) if place else None,
        who=who.email if who else "",
        person=who.key if who else "",
    )


INVITED = heard("18 Dec", Said.INVITED)
AWAY = Ref("")


def facts(*told: Heard, pauses: tuple[Pause, ...] = (), invited: bool = True) -> Facts:
    history = sorted([INVITED, *told] if invited else told, key=lambda each: each.at)
    return replace(NOTHING, heard={KEY: History(heard=tuple(history))}, pauses=pauses)


def wishes(found: Facts, course: Training = COURSE, off: tuple[str, ...] = ()) -> list[Wish]:
    track = plan_tracks(ORGANISATION, (course,), found, frozenset(days(*off)), ladder=True)[KEY]
    return [wish for wish in track.wishes if wish.rule.anchor is Anchor.SILENCE]


def rungs(*told: Heard, course: Training = COURSE, off: tuple[str, ...] = (), pauses: tuple[Pause, ...] = ()) -> dict[str, date]:
    """Return the days of the ladder's letters, by what their names end in."""
    return {wish.ref.removeprefix(f"{KEY}/letter:"): wish.due for wish in wishes(facts(*told, pauses=pauses), course, off)}


UNDISTURBED = {"nudge": day("29 Dec"), "ask": day("7 Jan")}


# -- the first ladder --------------------------------------------------------------------------------------------------


def test_a_pair_that_is_silent_gets_a_nudge_and_then_the_mentor_a_text_to_ask_with() -> None:
    nudge, ask = wishes(facts())

    assert (nudge.ref, nudge.person, nudge.due) == (f"{KEY}/letter:nudge", SANNE, day("29 Dec"))
    assert (ask.ref, ask.person, ask.due) == (f"{KEY}/letter:ask", KARIM, day("7 Jan"))
    assert {(wish.training, wish.mentorship, wish.session, wish.variant) for wish in (nudge, ask)} == {("coachen", KEY, None, 1)}


def test_silence_says_nothing_where_answers_cannot_be_heard() -> None:
    assert plan(COURSE, facts=facts()) == plan(COURSE)


def test_without_the_rules_in_the_method_there_is_no_ladder() -> None:
    rules = tuple(each for each in LADDER.letters if each.anchor is not Anchor.SILENCE)

    assert rungs(course=training("12 Jan", method=replace(LADDER, letters=rules))) == {}


def test_the_rest_of_the_plan_is_the_same_with_a_ladder() -> None:
    tracks = plan_tracks(ORGANISATION, (COURSE,), facts(), frozenset(), ladder=True)

    assert replace(tracks[KEY], wishes=tracks[KEY].wishes[:-2]) == plan(COURSE)[KEY]


def test_nobody_is_silent_who_was_not_invited_yet() -> None:
    assert wishes(facts(invited=False)) == []
    assert wishes(NOTHING) == []


def test_the_first_invitation_counts() -> None:
    assert rungs(heard("4 Jan", Said.INVITED, ref=STAND_IN)) == UNDISTURBED


@pytest.mark.parametrize("said", [Said.ACCEPTED, Said.TENTATIVE, Said.DECLINED, Said.PROPOSED, Said.MOVED, Said.CANCELLED])
@pytest.mark.parametrize("who", [SANNE, KARIM], ids=["the mentee", "the mentor"])
def test_any_sign_of_life_of_either_ends_the_ladder(said: Said, who: Person) -> None:
    assert rungs(heard("21 Dec", said, who, place="4 Feb")) == {}
    assert rungs(heard("8 Jan", said, who, place="4 Feb")) == {}


def test_what_nobody_knows_whom_did_in_the_calendar_is_a_sign_of_life() -> None:
    assert rungs(heard("21 Dec", Said.MOVED)) == {}


def test_an_answer_that_is_open_again_is_none() -> None:
    assert rungs(heard("21 Dec", Said.OPEN, SANNE)) == UNDISTURBED


def test_days_on_which_one_of_the_two_does_not_work_are_not_counted() -> None:
    part_time = person("Karim", works=frozenset({MON, TUE, WED, THU}))
    away = person("Sanne", away=(Span(day("21 Dec"), day("22 Dec")),))

    found = rungs(course=training("12 Jan", method=LADDER, pairs=(pair(away, part_time),)), off=("24 Dec",))

    assert found == {"nudge": day("5 Jan"), "ask": day("18 Jan")}


def test_a_training_day_is_counted() -> None:
    assert rungs(course=training("21 Dec", method=LADDER))["nudge"] == day("29 Dec")


def test_an_out_of_office_of_either_stops_the_clock_that_day_and_seven_days_after_it() -> None:
    """From 21 to 28 December nothing counts, so 29 December is the first day."""
    for who in (SANNE, KARIM):
        assert rungs(heard("21 Dec", Said.AWAY, who, ref=AWAY))["nudge"] == day("6 Jan")


def test_an_out_of_office_after_a_letter_was_due_leaves_it_where_it_was() -> None:
    assert rungs(heard("30 Dec", Said.AWAY, SANNE, ref=AWAY)) == {"nudge": day("29 Dec"), "ask": day("15 Jan")}


def test_an_answer_of_somebody_unknown_stops_the_ladder_until_it_is_known_whose_it_is() -> None:
    """Then it was an answer."""
    assert rungs(heard("4 Jan", Said.STRANGER)) == {}
    assert rungs(heard("4 Jan", Said.STRANGER, SANNE)) == {}


def paused(who: Person, kind: str, first: str, last: str | None = None) -> tuple[Pause, ...]:
    assert kind in {"letters", "meetings", "reminders"}
    until = None if last is None else day(last)
    return (Pause(person=who.key, kind="letters" if kind == "letters" else "meetings", first=day(first), last=until),)


def test_who_paused_letters_gets_no_letter_of_the_ladder_and_the_other_one_does() -> None:
    assert rungs(pauses=paused(SANNE, "letters", "28 Dec", "10 Jan")) == {"ask": day("7 Jan")}
    assert rungs(pauses=paused(KARIM, "letters", "1 Jan")) == {"nudge": day("29 Dec")}


def test_days_on_which_either_paused_meetings_are_not_counted() -> None:
    assert rungs(pauses=paused(KARIM, "meetings", "21 Dec", "23 Dec"))["nudge"] == day("1 Jan")
    assert rungs(pauses=paused(SANNE, "meetings", "21 Dec")) == {}


def test_nothing_is_asked_once_the_meetings_are_over() -> None:
    """Invited on 15 February, for the last meeting on the 18th."""
    late = replace(joined("10 Feb"), heard={KEY: History(heard=(heard("15 Feb", Said.INVITED),))})

    assert wishes(late) == []


def test_a_mentor_who_came_later_is_not_asked_for_what_was_before() -> None:
    came = replace(facts(), arrived={(KEY, KARIM.key): at("8 Jan")}, joined={KEY: at("1 Dec")})

    assert [wish.rule.id for wish in wishes(came)] == ["nudge"]


# -- a declined series or goals meeting --------------------------------------------------------------------------------

BOTH = (SANNE.key, KARIM.key)


@pytest.mark.parametrize("ref", [SERIES, GOALS])
@pytest.mark.parametrize("who", [SANNE, KARIM], ids=["the mentee", "the mentor"])
def test_a_declined_series_or_goals_meeting_is_unsettled(ref: Ref, who: Person) -> None:
    no = heard("21 Dec", Said.DECLINED, who, ref=ref)

    assert silence.unsettled(History(heard=(INVITED, no)), {SERIES, GOALS}, BOTH) == no
    assert rungs(no) == {}


@pytest.mark.parametrize(
    "later",
    [
        heard("22 Dec", Said.ACCEPTED, KARIM),
        heard("22 Dec", Said.TENTATIVE, KARIM),
        heard("22 Dec", Said.OPEN, KARIM),
        heard("22 Dec", Said.MOVED),
        heard("22 Dec", Said.PROPOSED, SANNE, ref=GOALS),
    ],
    ids=["accepted after all", "perhaps", "open again", "moved", "proposed"],
)
def test_it_is_settled_by(later: Heard) -> None:
    no = heard("21 Dec", Said.DECLINED, KARIM)

    assert silence.unsettled(History(heard=(no, later)), {SERIES}, BOTH) is None
    assert silence.unsettled(History(heard=(later, no)), {SERIES}, BOTH) == no


@pytest.mark.parametrize("day", ["20 Dec", "22 Dec"], ids=["went on before", "goes on after"])
def test_a_no_to_an_event_that_went_on_under_another_invitation_is_about_nothing_any_more(day: str) -> None:
    no, next_one = heard("21 Dec", Said.DECLINED, KARIM), heard(day, Said.INVITED, uid="the next one")
    in_order = tuple(sorted((INVITED, no, next_one), key=lambda each: each.at))

    assert silence.unsettled(History(heard=in_order), {SERIES}, BOTH) is None


@pytest.mark.parametrize(
    "later",
    [
        heard("22 Dec", Said.ACCEPTED, SANNE),
        heard("22 Dec", Said.ACCEPTED, KARIM, place="4 Feb"),
        heard("22 Dec", Said.ACCEPTED, KARIM, ref=GOALS),
        heard("22 Dec", Said.CANCELLED),
        heard("22 Dec", Said.AWAY, KARIM, ref=AWAY),
        heard("22 Dec", Said.INVITED, ref=GOALS),
    ],
    ids=["the other one's yes", "a yes to one meeting", "a yes to something else", "taken out", "out of office", "another invitation"],
)
def test_it_is_not_settled_by(later: Heard) -> None:
    no = heard("21 Dec", Said.DECLINED, KARIM)

    assert silence.unsettled(History(heard=(no, later)), {SERIES}, BOTH) == no


@pytest.mark.parametrize(
    "no",
    [
        heard("21 Dec", Said.DECLINED, KARIM, place="4 Feb"),
        heard("21 Dec", Said.DECLINED, KARIM, ref=STAND_IN),
        heard("21 Dec", Said.DECLINED, person("Noor")),
    ],
    ids=["of one meeting", "of a stand-in", "of somebody who is no longer one of the two"],
)
def test_other_refusals_leave_the_hour_as_it_is(no: Heard) -> None:
    assert silence.unsettled(History(heard=(no,)), {SERIES, GOALS}, BOTH) is None


def programme(found: Facts, course: Training = COURSE, off: tuple[str, ...] = ()) -> Programme:
    tracks = plan_tracks(ORGANISATION, (course,), found, frozenset(days(*off)), ladder=True)
    return Programme(organisation=ORGANISATION, organizer=SOMEBODY, trainings={course.id: course}, tracks=tracks)


def test_nothing_new_goes_out_for_a_pair_whose_hour_was_declined_as_long_as_it_lies_ahead() -> None:
    goals, series = (facts(heard("21 Dec", Said.DECLINED, SANNE, ref=ref)) for ref in (GOALS, SERIES))

    def open_on(found: Facts, text: str) -> bool:
        return silence.ladder(programme(found), found, frozenset()).unsettled(KEY, at(text))

    assert (open_on(goals, "6 Jan"), open_on(goals, "8 Jan")) == (True, False)
    assert (open_on(series, "8 Jan"), open_on(series, "19 Feb")) == (True, False)
    assert not open_on(facts(), "6 Jan")


def test_a_series_that_another_training_carries_is_the_pairs_all_the_same() -> None:
    track, other = plan(COURSE)[KEY], Ref("anders/sanne@voorbeeld.example/series")

    assert [silence.is_arrangement(ref, track, LADDER) for ref in (SERIES, GOALS, other)] == [True, True, True]
    assert not silence.is_arrangement(STAND_IN, track, LADDER)
    assert not silence.is_arrangement(Ref("anders/sanne@voorbeeld.example/goals"), track, LADDER)
    assert not silence.is_arrangement(Ref(f"{KEY}/extra:2027-01-12"), track, LADDER)


def test_a_declined_series_is_unsettled_whatever_the_method_of_the_training_that_carries_it_calls_it() -> None:
    talks = replace(LADDER, series=replace(LADDER.series, id="talks"))
    carries, shares = training("12 Jan", method=talks), training("19 Jan", method=LADDER, name="schrijven")
    other = shares.mentorships[0].key
    found = facts(heard("21 Dec", Said.DECLINED, SANNE, ref=Ref(f"{KEY}/talks")))
    found = replace(found, heard={**found.heard, other: found.heard[KEY]})
    tracks = plan_tracks(ORGANISATION, (carries, shares), found, frozenset(), ladder=True)
    both = Programme(organisation=ORGANISATION, organizer=SOMEBODY, trainings={t.id: t for t in (carries, shares)}, tracks=tracks)

    ladder = silence.ladder(both, found, frozenset())
    assert {key for key in both.tracks if ladder.unsettled(key, at("8 Jan"))} == {KEY, other}


# -- meetings in a row -------------------------------------------------------------------------------------------------


def no(text: str, place: str, who: Person | None = SANNE, said: Said = Said.DECLINED) -> Heard:
    return heard(text, said, who, place=place)


YES = heard("4 Jan", Said.ACCEPTED, SANNE)


def test_two_meetings_in_a_row_that_the_mentee_declines_are_the_mentors_turn_at_once() -> None:
    assert rungs(YES, no("19 Jan", "21 Jan")) == {}
    assert rungs(YES, no("19 Jan", "21 Jan"), no("2 Feb", "4 Feb")) == {"ask:2027-02-02": day("2 Feb")}


def test_two_meetings_in_a_row_that_the_mentor_declines_are_the_mentees_turn() -> None:
    assert rungs(YES, no("2 Feb", "4 Feb", KARIM), no("3 Feb", "21 Jan", KARIM)) == {"nudge:2027-02-03": day("3 Feb")}


def test_a_meeting_of_any_kind_counts_in_the_row() -> None:
    """4 February is a holiday; its stand-in is on the 5th, between the meetings of 21 January and the 18th."""
    stand_in = heard("2 Feb", Said.DECLINED, SANNE, ref=STAND_IN)

    assert rungs(YES, no("19 Jan", "21 Jan"), stand_in, off=("4 Feb",)) == {"ask:2027-02-02": day("2 Feb")}
    assert rungs(YES, no("19 Jan", "21 Jan"), no("2 Feb", "18 Feb"), off=("4 Feb",)) == {}


@pytest.mark.parametrize(
    "told",
    [
        (no("19 Jan", "21 Jan"), no("2 Feb", "18 Feb")),
        (no("19 Jan", "21 Jan"), no("2 Feb", "4 Feb", KARIM)),
        (no("19 Jan", "21 Jan"), no("2 Feb", "4 Feb"), no("3 Feb", "4 Feb", said=Said.ACCEPTED)),
        (no("19 Jan", "21 Jan"), heard("2 Feb", Said.DECLINED, SANNE, ref=STAND_IN)),
    ],
    ids=["one between them takes place", "one each", "one accepted after all", "one that is no longer planned"],
)
def test_it_is_no_row(told: tuple[Heard, ...]) -> None:
    assert rungs(YES, *told) == {}


@pytest.mark.parametrize("said", [Said.MOVED, Said.PROPOSED])
def test_any_move_or_proposal_begins_the_row_anew(said: Said) -> None:
    one, two, initiative = no("19 Jan", "21 Jan"), no("2 Feb", "4 Feb"), heard("20 Jan", said, KARIM, place="18 Feb")

    assert rungs(YES, one, initiative, two) == {}
    assert rungs(YES, one, two, replace(initiative, at=at("3 Feb"))) == {}
    assert rungs(YES, one, initiative, two, no("4 Feb", "18 Feb")) == {"ask:2027-02-04": day("4 Feb")}


@pytest.mark.parametrize(
    ("first", "second", "turn"),
    [(None, None, "ask"), (SANNE, None, "ask"), (None, KARIM, "nudge"), (KARIM, None, "nudge")],
)
def test_what_nobody_knows_whom_took_out_joins_anybodys_row_and_by_itself_is_the_mentees(
    first: Person | None, second: Person | None, turn: str
) -> None:
    one, two = (Said.DECLINED if who else Said.CANCELLED for who in (first, second))

    assert rungs(YES, no("19 Jan", "21 Jan", first, one), no("2 Feb", "4 Feb", second, two)) == {f"{turn}:2027-02-02": day("2 Feb")}


def test_a_third_meeting_in_the_row_brings_no_second_letter() -> None:
    assert list(rungs(YES, no("19 Jan", "21 Jan"), no("2 Feb", "4 Feb"), no("16 Feb", "18 Feb"))) == ["ask:2027-02-02"]


def test_a_row_that_sets_in_again_is_told_apart_from_the_first() -> None:
    first = (no("19 Jan", "21 Jan"), no("20 Jan", "4 Feb"))
    again = heard("21 Jan", Said.MOVED, place="18 Feb"), no("2 Feb", "4 Feb"), no("3 Feb", "18 Feb")

    assert list(rungs(YES, *first)) == ["ask:2027-01-20"]
    assert list(rungs(YES, *first, *again)) == ["ask:2027-02-03"]


def test_no_letter_goes_out_about_a_row_while_the_hour_itself_is_declined() -> None:
    row = no("19 Jan", "21 Jan"), no("20 Jan", "4 Feb")

    assert rungs(YES, *row, heard("19 Jan", Said.DECLINED, SANNE)) == {}


def test_a_declined_goals_meeting_is_one_of_the_row_and_once_it_is_over_nothing_else() -> None:
    goals = heard("5 Jan", Said.DECLINED, SANNE, ref=GOALS)

    assert list(rungs(goals, no("19 Jan", "21 Jan"))) == ["ask:2027-01-19"]
    assert rungs(goals, no("6 Jan", "21 Jan")) == {}


def test_a_stranger_and_a_pause_stop_the_letter_about_a_row_too() -> None:
    row = YES, no("19 Jan", "21 Jan"), no("2 Feb", "4 Feb")

    assert rungs(*row, heard("1 Feb", Said.STRANGER)) == {}
    assert rungs(*row, pauses=paused(KARIM, "letters", "1 Feb")) == {}


# -- who waits for whom ------------------------------------------------------------------------------------------------


def standing(text: str, *told: Heard, pauses: tuple[Pause, ...] = ()) -> Silence | None:
    found = facts(*told, pauses=pauses)
    return silence.ladder(programme(found), found, frozenset()).standing(KEY, at(text))


def waits(reason: Reason, since: str, who: Person | None, *, silent: bool = False) -> Silence:
    return Silence(reason=reason, since=at(since), waiting_for=who.key if who else "", silent=silent)


def test_an_invited_pair_waits_for_the_mentee_until_somebody_says_something() -> None:
    assert standing("28 Dec") == waits(Reason.NO_ANSWER, "18 Dec", SANNE)
    assert standing("29 Dec") == waits(Reason.NO_ANSWER, "18 Dec", SANNE)
    assert standing("7 Jan") == waits(Reason.NO_ANSWER, "18 Dec", SANNE)
    assert standing("7 Jan", YES) is None


def test_what_an_unknown_address_answers_is_no_sign_of_life_but_a_question_to_the_coordinator() -> None:
    stranger = heard("21 Dec", Said.STRANGER), replace(heard("21 Dec", Said.ACCEPTED), who="s.devries@voorbeeld.example", person="")

    assert standing("29 Dec", *stranger) == waits(Reason.STRANGER, "21 Dec", None)


def test_after_21_days_on_which_both_work_a_pair_counts_as_silent() -> None:
    assert standing("15 Jan") == waits(Reason.NO_ANSWER, "18 Dec", SANNE)
    assert standing("18 Jan") == waits(Reason.NO_ANSWER, "18 Dec", SANNE, silent=True)


def test_nobody_waits_before_the_invitation_or_after_the_last_meeting() -> None:
    assert standing("19 Feb") is None
    assert silence.ladder(programme(NOTHING), NOTHING, frozenset()).standing(KEY, at("4 Jan")) is None
    uninvited = facts(invited=False)
    assert silence.ladder(programme(uninvited), uninvited, frozenset()).standing(KEY, at("4 Jan")) is None


def test_who_is_out_of_office_is_waited_for_as_long_as_that_stops_the_clock() -> None:
    away = heard("4 Jan", Said.AWAY, KARIM, ref=AWAY)

    assert standing("11 Jan", away) == waits(Reason.AWAY, "4 Jan", KARIM)
    assert standing("12 Jan", away) == waits(Reason.NO_ANSWER, "18 Dec", SANNE)
    assert standing("20 Jan", replace(away, at=at("19 Jan"))) == waits(Reason.AWAY, "19 Jan", KARIM, silent=True)


def test_an_unknown_address_waits_for_the_coordinator() -> None:
    assert standing("8 Jan", heard("4 Jan", Said.STRANGER)) == waits(Reason.STRANGER, "4 Jan", None)
    assert standing("8 Jan", heard("4 Jan", Said.STRANGER, SANNE)) is None


def test_a_declined_hour_waits_for_the_mentee_to_choose_another() -> None:
    declined = heard("4 Jan", Said.DECLINED, KARIM)

    assert standing("8 Jan", declined) == waits(Reason.DECLINED_SERIES, "4 Jan", SANNE)
    assert standing("2 Feb", declined) == waits(Reason.DECLINED_SERIES, "4 Jan", SANNE, silent=True)
    assert standing("8 Jan", declined, heard("5 Jan", Said.MOVED)) is None


def test_a_row_of_refusals_waits_for_the_other_one() -> None:
    mentees = no("19 Jan", "21 Jan"), no("2 Feb", "4 Feb")
    mentors = no("19 Jan", "21 Jan", KARIM), no("2 Feb", "4 Feb", KARIM)

    assert standing("3 Feb", YES, *mentees) == waits(Reason.DECLINED_IN_A_ROW, "2 Feb", KARIM)
    assert standing("3 Feb", YES, *mentors) == waits(Reason.DECLINED_IN_A_ROW, "2 Feb", SANNE)
    assert standing("3 Feb", YES, *mentees, heard("1 Feb", Said.STRANGER)) == waits(Reason.STRANGER, "1 Feb", None)


@pytest.mark.parametrize(
    "told",
    [
        (),
        (YES,),
        (heard("4 Jan", Said.AWAY, KARIM, ref=AWAY),),
        (heard("22 Dec", Said.AWAY, SANNE, ref=AWAY), heard("19 Jan", Said.AWAY, KARIM, ref=AWAY)),
        (heard("4 Jan", Said.STRANGER),),
        (heard("4 Jan", Said.DECLINED, KARIM),),
        (heard("21 Dec", Said.DECLINED, SANNE, ref=GOALS),),
        (YES, no("19 Jan", "21 Jan"), no("2 Feb", "4 Feb")),
    ],
)
def test_who_is_waited_for_changes_with_what_is_heard_a_meeting_or_the_day_that_was_foretold(told: tuple[Heard, ...]) -> None:
    found = facts(*told)
    ladder, meetings = silence.ladder(programme(found), found, frozenset()), programme(found).tracks[KEY].meetings
    begin = max(each.at for each in found.heard[KEY].heard)
    hours = [begin + timedelta(hours=number) for number in range(24 * 70)]

    for now, later in pairwise(hours):
        if ladder.standing(KEY, later) != ladder.standing(KEY, now):
            foretold = {ladder.turns(KEY, now), *meetings}
            assert any(at is not None and now < at <= later for at in foretold), now


def test_nothing_is_foretold_of_a_pair_that_counts_as_silent_until_somebody_is_heard_of() -> None:
    found = facts()
    ladder = silence.ladder(programme(found), found, frozenset())

    assert ladder.turns(KEY, at("15 Jan")) == datetime(2027, 1, 18, tzinfo=AMSTERDAM)
    assert ladder.turns(KEY, at("18 Jan")) is None
