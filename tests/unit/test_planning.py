"""The rules of method.md section 2, one by one, on programmes small enough to check with a calendar in hand.

Most have one session, on Tuesday 12 January 2027, and a pair that meets on Thursdays at 15:00: the goals meeting is on
7 January, the series on 21 January, 4 and 18 February, and the last day of the series is Sunday 21 February.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.unit.programme import (
    AMSTERDAM,
    FRI,
    GOALS,
    KARIM,
    KEY,
    METHOD,
    MON,
    NO_HOUR,
    NOOR,
    NOTHING,
    SANNE,
    THU,
    THURSDAY,
    TUE,
    WED,
    dates,
    day,
    days,
    item,
    joined,
    look_back_on,
    pair,
    parts,
    person,
    plan,
    training,
)

from beklijf.model.domain import (
    Anchor,
    Kind,
    LeftOut,
    Meets,
    MentorshipKey,
    Ref,
    Session,
    Span,
    Topic,
    Training,
)
from beklijf.model.facts import Facts, Generation, Moved
from beklijf.planning.timeline import timeline

# -- blocks ------------------------------------------------------------------------------------------------------------


def test_session_days_less_than_five_days_apart_are_one_block() -> None:
    line = timeline(training("11 Jan", "12 Jan", "16 Jan", "21 Jan"))

    assert line
    assert [(block.first.date, block.last.date) for block in line.blocks] == [
        (day("11 Jan"), day("16 Jan")),
        (day("21 Jan"), day("21 Jan")),
    ]
    assert (line.first, line.first_block, line.last) == (day("11 Jan"), day("16 Jan"), day("21 Jan"))


def test_a_training_without_session_dates_plans_nothing_and_says_so() -> None:
    track = plan(training(more_sessions=True))[KEY]

    assert (track.items, track.wishes, track.meetings) == ((), (), ())
    assert track.notices[0].what.startswith("no session dates yet")


# -- the series --------------------------------------------------------------------------------------------------------


def test_the_series_begins_on_the_pairs_weekday_5_to_11_days_after_the_first_block_and_goes_on_every_two_weeks() -> None:
    track = plan(training("11 Jan", "12 Jan"))[KEY]

    series = item(track, "series")

    assert dates(series) == days("21 Jan", "4 Feb", "18 Feb")
    assert series.starts[0] == datetime(2027, 1, 21, 15, tzinfo=AMSTERDAM)
    assert (series.kind, series.every, series.minutes, series.location, series.generation) == (Kind.SERIES, 2, 60, "Kamer 1", 1)
    assert (series.without, series.left_out) == ((), ())
    assert [who.name for who in series.people] == ["Sanne", "Karim"]
    assert series.why == "every 2 weeks until 40 days after the last session"


@pytest.mark.parametrize(("last", "until"), [("20 Jan", "1 Mar"), ("19 Jan", "15 Feb")])
def test_the_series_ends_at_most_40_days_after_the_last_session(last: str, until: str) -> None:
    mondays = pair(meets=replace(THURSDAY, weekday=MON))

    series = item(plan(training("13 Jan", last, pairs=(mondays,)))[KEY], "series")

    assert dates(series)[0] == day("18 Jan")
    assert dates(series)[-1] == day(until)


@pytest.mark.parametrize(
    ("zone", "sessions", "first", "before", "after"),
    [
        ("Europe/Amsterdam", ("2 Mar",), "11 Mar", 9, 8),
        ("Europe/Amsterdam", ("6 Oct",), "15 Oct", 8, 9),
        ("America/New_York", ("23 Feb",), "4 Mar", 15, 14),
        ("America/New_York", ("6 Oct",), "15 Oct", 14, 15),
    ],
)
def test_the_hour_on_the_wall_stays_over_both_changes_of_the_clock(
    zone: str, sessions: tuple[str], first: str, before: int, after: int
) -> None:
    """Amsterdam changes on 25 October and 28 March, New York on 1 November and 14 March."""
    meets = Meets(weekday=THU, at=time(10), minutes=60, zone=ZoneInfo(zone))

    series = item(plan(training(*sessions, pairs=(pair(meets=meets),)))[KEY], "series")

    assert dates(series)[:3] == [day(first) + timedelta(weeks=weeks) for weeks in (0, 2, 4)]
    assert {start.time() for start in series.starts} == {time(10)}
    assert (series.starts[0].astimezone(UTC).hour, series.starts[2].astimezone(UTC).hour) == (before, after)


# -- days off ----------------------------------------------------------------------------------------------------------


def test_a_meeting_on_a_holiday_gets_a_stand_in_on_the_nearest_day_and_of_two_on_the_later() -> None:
    track = plan(training("12 Jan"), off=("4 Feb",))[KEY]

    series, stand_in = item(track, "series"), item(track, "stand-in:2027-02-04")

    assert dates(series) == days("21 Jan", "18 Feb")
    assert [start.date() for start in series.without] == days("4 Feb")
    assert series.left_out == (LeftOut(day=day("4 Feb"), why="public holiday", stand_in=day("5 Feb")),)
    assert stand_in.starts == (datetime(2027, 2, 5, 15, tzinfo=AMSTERDAM),)
    assert (stand_in.kind, stand_in.rule, stand_in.every, stand_in.instead_of) == (Kind.MEETING, "stand-in", 0, day("4 Feb"))
    assert stand_in.why == "stand-in for Thu 4 Feb: public holiday"
    assert [start.date() for start in track.meetings] == days("7 Jan", "21 Jan", "5 Feb", "18 Feb")


def test_nobody_is_invited_to_a_stand_in_before_the_series_that_it_belongs_to() -> None:
    track = plan(training("12 Jan"), off=("21 Jan",))[KEY]

    assert item(track, "stand-in:2027-01-21").opens == item(track, "series").opens


def test_a_stand_in_falls_where_both_work() -> None:
    without_fridays = pair(mentor=person("Karim", works=frozenset({MON, TUE, WED, THU})))

    track = plan(training("12 Jan", pairs=(without_fridays,)), off=("4 Feb",))[KEY]

    assert dates(item(track, "stand-in:2027-02-04")) == days("3 Feb")


def test_a_meeting_is_left_out_when_no_day_within_four_suits_both() -> None:
    away = person("Karim", away=(Span(day("31 Jan"), day("8 Feb")),))

    track = plan(training("12 Jan", pairs=(pair(mentor=away),)))[KEY]

    assert item(track, "series").left_out == (LeftOut(day=day("4 Feb"), why="Karim is away", stand_in=None),)
    assert not [part for part in parts(track) if part.startswith("stand-in")]


def test_a_stand_in_keeps_its_distance_from_the_pairs_other_meetings() -> None:
    far_apart = replace(METHOD, limits=replace(METHOD.limits, apart=14))

    track = plan(training("12 Jan", method=far_apart), off=("4 Feb",))[KEY]

    assert item(track, "series").left_out[0].stand_in is None


def tuesdays_with_gaps(*more: Span) -> Training:
    """Return a series on 19 Jan, 2 and 16 Feb, of which the second can only be on 29 Jan."""
    away = person("Karim", away=(Span(day("30 Jan"), day("8 Feb")), *more))
    return training("12 Jan", pairs=(pair(mentor=away, meets=replace(THURSDAY, weekday=TUE)),))


def test_a_stand_in_rather_stands_where_no_more_than_18_days_pass_since_the_meeting_before() -> None:
    track = plan(tuesdays_with_gaps(), off=("16 Feb",))[KEY]

    assert dates(item(track, "stand-in:2027-02-02")) == days("29 Jan")
    assert dates(item(track, "stand-in:2027-02-16")) == days("15 Feb")
    assert track.notices == ()


def test_more_days_between_two_meetings_than_the_limit_are_named() -> None:
    track = plan(tuesdays_with_gaps(Span(day("10 Feb"), day("15 Feb"))), off=("16 Feb",))[KEY]

    assert dates(item(track, "stand-in:2027-02-16")) == days("17 Feb")
    assert [notice.what for notice in track.notices] == [
        "19 days lie between the meetings of Fri 29 Jan and Wed 17 Feb: no nearer day suits both"
    ]


def test_a_series_neither_starts_nor_ends_on_a_day_off() -> None:
    track = plan(training("12 Jan"), off=("21 Jan", "18 Feb"))[KEY]

    series = item(track, "series")

    assert (dates(series), series.without) == (days("4 Feb"), ())
    assert dates(item(track, "stand-in:2027-01-21")) == days("22 Jan")
    assert dates(item(track, "stand-in:2027-02-18")) == days("19 Feb")


def test_a_series_wholly_on_days_off_leaves_its_stand_ins_and_a_notice() -> None:
    track = plan(training("12 Jan"), off=("21 Jan", "4 Feb", "18 Feb"))[KEY]

    assert "series" not in parts(track)
    assert [start.date() for start in track.meetings] == days("7 Jan", "22 Jan", "5 Feb", "19 Feb")
    assert track.notices[0].what.startswith("every meeting of the series falls on a day off")


def test_the_session_days_of_another_training_are_days_off_also_for_who_is_a_mentor_here() -> None:
    karims_own = training("12 Nov", "4 Feb", pairs=(pair(KARIM, NOOR, replace(THURSDAY, weekday=FRI)),), name="schrijven")

    track = plan(training("12 Jan"), karims_own)[KEY]

    assert item(track, "series").left_out == (LeftOut(day=day("4 Feb"), why="session day", stand_in=day("5 Feb")),)


def test_the_hour_of_a_stand_in_that_somebody_has_taken_is_no_place_for_it() -> None:
    fridays = pair(NOOR, KARIM, replace(THURSDAY, weekday=FRI))

    tracks = plan(training("12 Jan", pairs=(pair(), fridays)), off=("4 Feb",))

    assert day("5 Feb") in dates(item(tracks[MentorshipKey("coachen/noor@voorbeeld.example")], "series"))
    assert dates(item(tracks[KEY], "stand-in:2027-02-04")) == days("3 Feb")


def test_a_day_off_counts_in_each_ones_own_zone() -> None:
    """Tuesday 9:00 in Auckland is Monday evening in Amsterdam: Karim's free Monday is in the way, his Tuesday isn't."""
    karim = person("Karim", works=frozenset({TUE, WED, THU, FRI}))
    in_auckland = pair(
        person("Sanne", zone="Pacific/Auckland"), karim, Meets(weekday=WED, at=time(9), minutes=60, zone=ZoneInfo("Pacific/Auckland"))
    )

    track = plan(training("12 Jan", pairs=(in_auckland,)))[KEY]
    a_day_earlier = replace(in_auckland, meets=Meets(weekday=TUE, at=time(9), minutes=60, zone=ZoneInfo("Pacific/Auckland")))
    without = plan(training("12 Jan", pairs=(a_day_earlier,)))[KEY]

    assert dates(item(track, "series")) == days("20 Jan", "3 Feb", "17 Feb")
    assert "series" not in parts(without)


# -- look-backs --------------------------------------------------------------------------------------------------------


def test_the_first_meeting_3_to_11_days_after_a_block_looks_back_on_it() -> None:
    series = item(plan(training("12 Jan", "9 Feb"))[KEY], "series")

    assert {start.date(): topics for start, topics in series.topics.items()} == {
        day("21 Jan"): (look_back_on("12 Jan"),),
        day("18 Feb"): (look_back_on("9 Feb"),),
    }


def test_a_stand_in_looks_back_too() -> None:
    stand_in = item(plan(training("12 Jan"), off=("21 Jan",))[KEY], "stand-in:2027-01-21")

    assert stand_in.topics == {stand_in.starts[0]: (look_back_on("12 Jan"),)}


def test_without_such_a_meeting_an_extra_one_looks_back_on_the_pairs_weekday() -> None:
    track = plan(training("12 Jan", "2 Feb"))[KEY]

    extra = item(track, "extra:2027-02-02")

    assert dates(item(track, "series"))[:3] == days("21 Jan", "4 Feb", "18 Feb")
    assert dates(extra) == days("11 Feb")
    assert extra.topics == {extra.starts[0]: (look_back_on("2 Feb"),)}
    assert (extra.rule, extra.questions, extra.why) == ("look-back", "look-back", "look-back on Tue 2 Feb")


def test_an_extra_meeting_on_a_day_off_goes_to_the_nearest_day() -> None:
    track = plan(training("12 Jan", "2 Feb"), off=("11 Feb",))[KEY]

    assert dates(item(track, "extra:2027-02-02")) == days("12 Feb")


def test_a_block_soon_after_another_look_back_waits_for_the_next_meeting_of_the_series() -> None:
    track = plan(training("12 Jan", "19 Jan"))[KEY]

    series = item(track, "series")

    assert parts(track) == ["goals", "reminder", "series"]
    assert series.topics[series.starts[0]] == (look_back_on("12 Jan"),)
    assert series.topics[series.starts[1]] == (look_back_on("19 Jan"),)


def test_the_last_block_has_its_look_back_even_when_nothing_follows_and_nobody_can_in_its_week() -> None:
    short = replace(METHOD, series=replace(METHOD.series, until=0))
    away = person("Karim", away=(Span(day("3 Feb"), day("20 Feb")),))

    track = plan(training("12 Jan", "2 Feb", method=short, pairs=(pair(mentor=away),)))[KEY]

    assert dates(item(track, "series")) == days("21 Jan")
    assert dates(item(track, "extra:2027-02-02")) == days("22 Feb")


def test_a_block_nobody_can_ever_look_back_on_is_named() -> None:
    short = replace(METHOD, series=replace(METHOD.series, until=0))
    away = person("Karim", away=(Span(day("3 Feb"), day("3 Jun")),))

    track = plan(training("12 Jan", "2 Feb", method=short, pairs=(pair(mentor=away),)))[KEY]

    assert [notice.what for notice in track.notices] == ["no day to look back on Tue 2 Feb suits both"]


def test_a_method_without_extra_meetings_looks_back_in_the_series_or_says_that_it_cannot() -> None:
    plain = replace(METHOD, meetings=tuple(replace(rule, extra=None) for rule in METHOD.meetings))
    short = replace(plain, series=replace(METHOD.series, until=0))

    track, ending = (plan(training("12 Jan", "2 Feb", method=method))[KEY] for method in (plain, short))

    assert item(track, "series").topics[datetime(2027, 2, 18, 15, tzinfo=AMSTERDAM)] == (look_back_on("2 Feb"),)
    assert [notice.what for notice in ending.notices] == ["no day to look back on Tue 2 Feb suits both"]


# -- the goals meeting -------------------------------------------------------------------------------------------------


def test_the_goals_meeting_is_on_the_pairs_weekday_11_to_5_days_before_the_first_session() -> None:
    goals = item(plan(training("12 Jan"))[KEY], "goals")

    assert goals.starts == (datetime(2027, 1, 7, 15, tzinfo=AMSTERDAM),)
    assert (goals.minutes, goals.questions, goals.topics) == (60, "goals", {})


def test_a_goals_meeting_on_a_day_off_goes_to_the_nearest_day_before_the_first_session() -> None:
    away = person("Karim", away=(Span(day("8 Jan"), day("11 Jan")),))

    assert dates(item(plan(training("12 Jan"), off=("7 Jan",))[KEY], "goals")) == days("8 Jan")
    assert dates(item(plan(training("12 Jan", pairs=(pair(mentor=away),)), off=("7 Jan",))[KEY], "goals")) == days("6 Jan")


def test_who_joins_after_the_day_of_the_goals_meeting_has_it_a_little_later_if_there_is_time() -> None:
    track = plan(training("12 Jan"), facts=joined("8 Jan"))[KEY]

    assert dates(item(track, "goals")) == days("11 Jan")


def test_without_time_before_the_first_session_the_first_meeting_of_the_series_asks_for_the_goals() -> None:
    track = plan(training("12 Jan"), facts=joined("11 Jan"))[KEY]

    series = item(track, "series")

    assert parts(track) == ["reminder", "series"]
    assert set(series.topics[series.starts[0]]) == {GOALS, look_back_on("12 Jan")}


def test_where_no_day_before_the_first_session_suits_both_that_is_said() -> None:
    away = person("Karim", away=(Span(day("1 Jan"), day("11 Jan")),))

    track = plan(training("12 Jan", pairs=(pair(mentor=away),)))[KEY]

    series = item(track, "series")
    assert "goals" not in parts(track)
    assert GOALS in series.topics[series.starts[0]]
    assert track.notices[0].what == "no goals meeting: no day near Thu 7 Jan suits both"


def test_the_closing_meeting_is_off_until_an_organisation_switches_it_on() -> None:
    meetings = tuple(replace(rule, enabled=True) for rule in METHOD.meetings)

    default, switched_on = plan(training("12 Jan"))[KEY], plan(training("12 Jan", method=replace(METHOD, meetings=meetings)))[KEY]

    assert "closing" not in parts(default)
    assert dates(item(switched_on, "closing")) == days("15 Jul")


# -- reminders ---------------------------------------------------------------------------------------------------------


def test_a_mentor_has_one_reminder_series_for_all_mentees_of_a_training() -> None:
    noors = MentorshipKey("coachen/noor@voorbeeld.example")

    tracks = plan(training("12 Jan", pairs=(pair(), pair(NOOR, KARIM, replace(THURSDAY, weekday=MON, at=time(11))))))

    reminder = item(tracks[noors], "reminder")
    assert reminder.ref == "coachen/karim@voorbeeld.example/reminder"
    assert dates(reminder) == days("23 Mar", "20 Apr", "18 May", "15 Jun", "13 Jul")
    assert {start.time() for start in reminder.starts} == {time(11)}
    assert (reminder.kind, reminder.every, reminder.minutes) == (Kind.REMINDER, 4, 15)
    assert reminder.people == (KARIM,)
    assert reminder.mentorships == (noors, KEY)
    assert "reminder" not in parts(tracks[KEY])
    assert reminder.starts[0] not in tracks[noors].meetings


def test_reminders_go_to_a_weekday_on_which_none_is_on_a_day_off_or_after_half_a_year() -> None:
    reminder = item(plan(training("12 Jan"), off=("18 May",))[KEY], "reminder")

    assert dates(reminder) == days("22 Mar", "19 Apr", "17 May", "14 Jun", "12 Jul")


def test_reminders_that_fall_on_days_off_on_any_weekday_are_left_out() -> None:
    away = person("Karim", away=(Span(day("10 May"), day("28 May")),))

    reminder = item(plan(training("12 Jan", pairs=(pair(mentor=away),)))[KEY], "reminder")

    assert dates(reminder) == days("23 Mar", "20 Apr", "15 Jun", "13 Jul")
    assert [start.date() for start in reminder.without] == days("18 May")
    assert reminder.left_out == (LeftOut(day=day("18 May"), why="Karim is away", stand_in=None),)


def test_a_reminder_stands_at_the_offices_start_where_the_pairs_hour_is_outside_the_mentors_office_hours() -> None:
    mornings = Meets(weekday=THU, at=time(9), minutes=60, zone=AMSTERDAM)
    in_new_york = pair(mentor=person("Karim", zone="America/New_York"), meets=mornings)

    reminder = item(plan(training("12 Jan", pairs=(in_new_york,)))[KEY], "reminder")

    assert reminder.starts[0] == datetime(2027, 3, 23, 9, tzinfo=ZoneInfo("America/New_York"))


def test_nothing_that_counts_from_the_last_session_goes_out_while_more_are_to_come() -> None:
    track = plan(training("12 Jan", more_sessions=True))[KEY]

    assert parts(track) == ["goals", "series"]
    assert dates(item(track, "series")) == days("21 Jan", "4 Feb", "18 Feb")
    assert all(wish.rule.anchor is not Anchor.LAST for wish in track.wishes)


# -- portions ----------------------------------------------------------------------------------------------------------


def test_series_and_goals_open_four_weeks_ahead_and_the_rest_six_weeks_before_it_takes_place() -> None:
    track = plan(training("12 Jan", "2 Feb"), off=("18 Feb",))[KEY]

    opens = {part: item(track, part).opens for part in parts(track)}

    assert opens == {
        "goals": datetime(2026, 12, 15, 9, tzinfo=AMSTERDAM),
        "series": datetime(2026, 12, 15, 9, tzinfo=AMSTERDAM),
        "extra:2027-02-02": datetime(2026, 12, 31, 9, tzinfo=AMSTERDAM),
        "stand-in:2027-02-18": datetime(2027, 1, 8, 9, tzinfo=AMSTERDAM),
        "reminder": datetime(2027, 3, 2, 9, tzinfo=AMSTERDAM),
    }


def test_a_portion_opens_on_the_next_working_day_in_the_mentees_zone() -> None:
    new_york = pair(mentee=person("Sanne", zone="America/New_York"))

    track = plan(training("12 Jan", pairs=(new_york,)), off=("15 Dec", "16 Dec"))[KEY]

    assert item(track, "series").opens == datetime(2026, 12, 17, 9, tzinfo=ZoneInfo("America/New_York"))


def test_what_is_late_opens_on_the_day_of_joining_even_when_its_hour_has_passed() -> None:
    track = plan(training("12 Jan"), facts=joined("1 Jan"))[KEY]

    assert item(track, "series").opens == datetime(2027, 1, 1, 9, tzinfo=AMSTERDAM)


def test_what_had_opened_when_people_joined_is_caught_up_and_the_rest_comes_with_time() -> None:
    course = training("12 Jan", "2 Feb")

    caught_up = {found.ref.rpartition("/")[2] for found in plan(course, facts=joined("16 Dec"))[KEY].items if found.caught_up}

    assert caught_up == {"goals", "series"}
    assert not any(found.caught_up for found in plan(course, facts=joined("14 Dec"))[KEY].items)
    assert not any(found.caught_up for found in plan(course)[KEY].items)


def test_who_is_away_until_the_meeting_itself_is_asked_all_the_same() -> None:
    away = person("Sanne", away=(Span(day("1 Dec"), day("6 Jan")),))

    track = plan(training("12 Jan", pairs=(pair(mentee=away, meets=replace(THURSDAY, at=time(9))),)))[KEY]

    assert item(track, "goals").opens == datetime(2026, 12, 15, 9, tzinfo=AMSTERDAM)


def test_what_would_open_in_a_closure_that_lasts_until_the_meeting_opens_on_its_own_day() -> None:
    closure = [(day("15 Dec") + timedelta(days=number)).strftime("%d %b") for number in range(23)]

    track = plan(training("12 Jan", pairs=(pair(meets=replace(THURSDAY, at=time(9))),)), off=tuple(closure))[KEY]

    assert item(track, "goals").opens == datetime(2026, 12, 15, 9, tzinfo=AMSTERDAM)


# -- joining late ------------------------------------------------------------------------------------------------------


def test_who_joins_late_gets_what_lies_ahead_in_the_same_rhythm() -> None:
    track = plan(training("12 Jan"), facts=joined("29 Jan"))[KEY]

    series = item(track, "series")

    assert dates(series) == days("4 Feb", "18 Feb")
    assert series.topics == {series.starts[0]: (GOALS,)}


def test_who_joins_within_days_of_a_block_still_looks_back_on_it() -> None:
    track = plan(training("12 Jan"), facts=joined("20 Jan"))[KEY]

    assert item(track, "series").topics[datetime(2027, 1, 21, 15, tzinfo=AMSTERDAM)] == (look_back_on("12 Jan"), GOALS)


def test_who_joins_after_everything_gets_nothing_but_a_welcome() -> None:
    track = plan(training("12 Jan"), facts=joined("31 Aug"))[KEY]

    assert track.items == ()
    assert {(wish.rule.id, wish.due) for wish in track.wishes} == {("welcome-mentee", day("31 Aug")), ("welcome-mentor", day("31 Aug"))}


# -- the pair's hour ---------------------------------------------------------------------------------------------------


def test_pairs_without_an_hour_get_the_first_of_the_week_that_is_free_for_both() -> None:
    tim, eva = person("Tim"), person("Eva")
    pairs = (
        NO_HOUR,
        pair(NOOR, KARIM, None),
        pair(tim, eva, None),
        pair(eva, KARIM, Meets(weekday=MON, at=time(9, 30), minutes=60, zone=AMSTERDAM)),
    )

    tracks = plan(training("12 Jan", pairs=pairs))

    hours = {
        track.mentorship.mentee.name: (track.meets and (track.meets.weekday, track.meets.at), track.proposed) for track in tracks.values()
    }
    assert hours == {
        "Eva": ((MON, time(9, 30)), False),
        "Noor": ((MON, time(11)), True),
        "Sanne": ((MON, time(12)), True),
        "Tim": ((MON, time(11)), True),
    }


def test_a_weekday_with_more_than_half_of_the_meetings_on_days_off_is_not_proposed() -> None:
    mondays = ("4 Jan", "11 Jan", "18 Jan", "25 Jan", "1 Feb", "8 Feb", "15 Feb", "22 Feb", "1 Mar", "8 Mar")

    track = plan(training(*mondays, pairs=(NO_HOUR,)))[KEY]

    assert track.meets == Meets(weekday=TUE, at=time(9), minutes=60, zone=AMSTERDAM)


def test_a_proposed_hour_is_inside_the_office_hours_of_both_zones() -> None:
    atlantic = pair(mentor=person("Karim", zone="America/New_York"), meets=None)

    track = plan(training("12 Jan", pairs=(atlantic,)))[KEY]

    assert track.meets == Meets(weekday=MON, at=time(15), minutes=60, zone=AMSTERDAM)


@pytest.mark.parametrize(("session", "hour"), [("11 May", time(9)), ("9 Mar", None), ("12 Jan", None)])
def test_a_proposed_hour_is_inside_office_hours_in_every_week_also_after_the_clock_changes(session: str, hour: time | None) -> None:
    """9:00 in Amsterdam is 16:00 in Tokyo in summer and 17:00 in winter: only a track wholly in summer has an hour."""
    tokyo = pair(mentor=person("Karim", zone="Asia/Tokyo"), meets=None)

    track = plan(training(session, pairs=(tokyo,)))[KEY]

    assert (track.meets.at if track.meets else None) == hour


def test_a_pair_that_never_works_on_the_same_day_has_letters_but_no_meetings() -> None:
    never = pair(person("Sanne", works=frozenset({MON})), person("Karim", works=frozenset({TUE})), None)

    track = plan(training("12 Jan", pairs=(never,)))[KEY]

    assert (track.meets, track.proposed, track.meetings) == (None, False, ())
    assert parts(track) == ["reminder"]
    assert track.notices[0].what == "no hour of the week suits both Sanne and Karim: no meetings"
    assert track.wishes


def test_a_goals_meeting_gives_way_to_a_series_at_that_hour() -> None:
    noors = training("10 Dec", pairs=(pair(NOOR, KARIM, THURSDAY),), name="schrijven")

    tracks = plan(training("12 Jan"), noors, off=("24 Dec",))

    assert day("7 Jan") not in dates(item(tracks[MentorshipKey("schrijven/noor@voorbeeld.example")], "series"))
    shifted = plan(training("12 Jan"), replace(noors, sessions=(Session(date=day("17 Dec"), key=day("17 Dec")),)))
    assert day("7 Jan") in dates(item(shifted[MentorshipKey("schrijven/noor@voorbeeld.example")], "series"))
    assert dates(item(shifted[KEY], "goals")) == days("8 Jan")


# -- one pair in two trainings -----------------------------------------------------------------------------------------


def test_a_pair_in_two_trainings_at_once_has_one_series_with_both_trainings_questions() -> None:
    later = MentorshipKey("afronden/sanne@voorbeeld.example")

    tracks = plan(training("12 Jan"), training("9 Feb", name="afronden"))

    series = item(tracks[KEY], "series")
    assert dates(series) == days("21 Jan", "4 Feb", "18 Feb", "4 Mar", "18 Mar")
    assert series.mentorships == (KEY, later)
    assert series.topics[datetime(2027, 2, 18, 15, tzinfo=AMSTERDAM)] == (
        Topic(questions="look-back", training="afronden", session=day("9 Feb")),
    )
    assert parts(tracks[later]) == ["reminder"]
    assert [start.date() for start in tracks[later].meetings] == days("4 Feb", "18 Feb", "4 Mar", "18 Mar")


def test_a_meeting_of_the_shared_series_in_the_goals_week_asks_for_the_goals_of_the_later_training() -> None:
    tracks = plan(training("12 Jan"), training("9 Feb", name="afronden"))

    series = item(tracks[KEY], "series")

    assert series.topics[datetime(2027, 2, 4, 15, tzinfo=AMSTERDAM)] == (Topic(questions="goals", training="afronden"),)


def test_a_pair_in_two_trainings_one_after_the_other_has_two_series() -> None:
    later = MentorshipKey("afronden/sanne@voorbeeld.example")

    tracks = plan(training("12 Jan"), training("9 Mar", name="afronden"))

    assert dates(item(tracks[KEY], "series")) == days("21 Jan", "4 Feb", "18 Feb")
    assert dates(item(tracks[later], "series")) == days("18 Mar", "1 Apr", "15 Apr")


def test_a_training_that_is_added_later_does_not_take_over_a_series_that_has_begun() -> None:
    earlier = MentorshipKey("aanloop/sanne@voorbeeld.example")
    facts = replace(NOTHING, begun={Ref(f"{KEY}/series"): day("21 Jan")})

    tracks = plan(training("12 Jan"), training("5 Jan", name="aanloop"), facts=facts)

    assert dates(item(tracks[KEY], "series"))[0] == day("21 Jan")
    assert "series" not in parts(tracks[earlier])


# -- facts -------------------------------------------------------------------------------------------------------------


def test_a_series_that_a_human_moved_goes_on_at_that_hour_and_what_stood_elsewhere_stays() -> None:
    moved = Moved(meets=Meets(weekday=WED, at=time(11), minutes=45, zone=AMSTERDAM), first=day("27 Jan"))
    kept = {Ref(f"{KEY}/goals"): datetime(2027, 1, 7, 14, tzinfo=UTC)}

    track = plan(training("12 Jan"), facts=replace(NOTHING, moved={KEY: moved}, kept=kept))[KEY]

    assert (track.meets, track.proposed) == (moved.meets, False)
    assert dates(item(track, "series")) == days("27 Jan", "10 Feb")
    assert item(track, "series").minutes == 45
    assert item(track, "goals").starts == (datetime(2027, 1, 7, 15, tzinfo=AMSTERDAM),)


def test_a_proposed_hour_stays_once_it_was_proposed() -> None:
    chosen = Meets(weekday=WED, at=time(13), minutes=60, zone=AMSTERDAM)

    track = plan(training("12 Jan", pairs=(NO_HOUR,)), facts=replace(NOTHING, chosen={KEY: chosen}))[KEY]

    assert (track.meets, track.proposed) == (chosen, True)


def test_a_new_pair_chooses_its_hour_around_the_single_meetings_that_stand_already() -> None:
    """Noor's series would be on 18 January and 1 and 15 February; Karim has a stand-in on the second at nine."""
    coachen = training("12 Jan", pairs=(pair(meets=replace(THURSDAY, at=time(9))),))
    new = training("12 Jan", pairs=(pair(NOOR, KARIM, None),), name="schrijven")
    stands = {Ref(f"{KEY}/stand-in:2027-02-04"): datetime(2027, 2, 1, 9, tzinfo=AMSTERDAM)}

    tracks = plan(coachen, new, facts=replace(NOTHING, kept=stands), off=("4 Feb",))

    assert dates(item(tracks[KEY], "stand-in:2027-02-04")) == days("1 Feb")
    assert tracks[MentorshipKey("schrijven/noor@voorbeeld.example")].meets == Meets(weekday=MON, at=time(10), minutes=60, zone=AMSTERDAM)


def test_a_moved_first_session_moves_the_series_only_while_none_of_it_has_been() -> None:
    moved = training("26 Jan")
    begun = replace(NOTHING, begun={Ref(f"{KEY}/series"): day("21 Jan")})

    assert dates(item(plan(moved)[KEY], "series")) == days("4 Feb", "18 Feb", "4 Mar")
    assert dates(item(plan(moved, facts=begun)[KEY], "series")) == days("21 Jan", "4 Feb", "18 Feb", "4 Mar")
    assert dates(item(plan(training("29 Dec", "12 Jan"), facts=begun)[KEY], "series")) == days("21 Jan", "4 Feb", "18 Feb")


def test_a_series_that_begins_with_a_stand_in_stays_so_once_it_has_begun() -> None:
    begun = replace(NOTHING, begun={Ref(f"{KEY}/series"): day("4 Feb")})

    assert plan(training("12 Jan"), facts=begun, off=("21 Jan",)) == plan(training("12 Jan"), off=("21 Jan",))


def test_reminders_that_have_begun_keep_their_days() -> None:
    begun = replace(NOTHING, begun={Ref("coachen/karim@voorbeeld.example/reminder"): day("23 Mar")})

    reminder = item(plan(training("14 Jan"), facts=begun)[KEY], "reminder")

    assert dates(reminder) == days("23 Mar", "20 Apr", "18 May", "15 Jun", "13 Jul")


def test_a_moved_last_session_lengthens_the_series() -> None:
    begun = replace(NOTHING, begun={Ref(f"{KEY}/series"): day("21 Jan")})

    assert dates(item(plan(training("12 Jan", "9 Feb"), facts=begun)[KEY], "series"))[-1] == day("18 Mar")
    assert dates(item(plan(training("12 Jan", "23 Feb"), facts=begun)[KEY], "series"))[-1] == day("1 Apr")


def test_a_later_generation_holds_only_what_was_still_to_come() -> None:
    since = datetime(2027, 2, 1, tzinfo=UTC)
    facts = replace(NOTHING, generations={Ref(f"{KEY}/series"): Generation(number=2, since=since)})

    track = plan(training("12 Jan"), facts=facts)[KEY]

    assert (item(track, "series").generation, dates(item(track, "series"))) == (2, days("4 Feb", "18 Feb"))
    assert [start.date() for start in track.meetings] == days("7 Jan", "21 Jan", "4 Feb", "18 Feb")


def test_a_generation_with_nothing_left_to_come_is_no_event_any_more() -> None:
    later = Generation(number=2, since=datetime(2027, 3, 1, tzinfo=UTC))
    refs = [Ref(f"{KEY}/series"), Ref(f"{KEY}/goals")]

    track = plan(training("12 Jan"), facts=replace(NOTHING, generations=dict.fromkeys(refs, later)))[KEY]

    assert parts(track) == ["reminder"]
    assert [start.date() for start in track.meetings] == days("7 Jan", "21 Jan", "4 Feb", "18 Feb")


@pytest.mark.parametrize(
    ("stands", "then"),
    [
        (datetime(2027, 2, 3, 14, tzinfo=UTC), "3 Feb"),
        (datetime(2027, 2, 8, 14, tzinfo=UTC), "8 Feb"),
        (datetime(2027, 2, 6, 14, tzinfo=UTC), "5 Feb"),
        (datetime(2027, 2, 9, 14, tzinfo=UTC), "5 Feb"),
        (datetime(2027, 2, 3, 17, tzinfo=UTC), "5 Feb"),
    ],
    ids=["still possible", "four days off", "a Saturday", "too far off", "at an hour that is nobody's"],
)
def test_a_stand_in_stays_where_it_stands_while_it_may(stands: datetime, then: str) -> None:
    facts = replace(NOTHING, kept={Ref(f"{KEY}/stand-in:2027-02-04"): stands})

    track = plan(training("12 Jan"), facts=facts, off=("4 Feb",))[KEY]

    assert item(track, "stand-in:2027-02-04").starts == (datetime.combine(day(then), time(15), AMSTERDAM),)


def test_a_stand_in_that_was_put_at_another_hour_because_somebody_was_busy_stays_there() -> None:
    """The ledger keeps it only while the config's hour is what it was, so that hour was chosen for a reason."""
    facts = replace(NOTHING, kept={Ref(f"{KEY}/stand-in:2027-02-04"): datetime(2027, 2, 3, 10, tzinfo=UTC)})

    track = plan(training("12 Jan"), facts=facts, off=("4 Feb",))[KEY]

    assert item(track, "stand-in:2027-02-04").starts == (datetime(2027, 2, 3, 11, tzinfo=AMSTERDAM),)


def test_an_extra_meeting_that_is_no_longer_needed_is_gone_and_its_hour_free() -> None:
    kept = {Ref(f"{KEY}/extra:2027-01-12"): datetime(2027, 1, 22, 14, tzinfo=UTC)}

    track = plan(training("12 Jan"), facts=replace(NOTHING, kept=kept))[KEY]

    assert parts(track) == ["goals", "reminder", "series"]


def test_an_extra_meeting_that_stands_after_its_week_returns_to_it_where_the_series_goes_on() -> None:
    kept = {Ref(f"{KEY}/extra:2027-02-02"): datetime(2027, 2, 22, 14, tzinfo=UTC)}

    track = plan(training("12 Jan", "2 Feb"), facts=replace(NOTHING, kept=kept))[KEY]

    assert dates(item(track, "extra:2027-02-02")) == days("11 Feb")


def test_a_new_meeting_never_takes_the_hour_of_one_that_stands() -> None:
    noors = MentorshipKey("coachen/noor@voorbeeld.example")
    kept = {Ref(f"{KEY}/stand-in:2027-02-04"): datetime(2027, 2, 5, 14, tzinfo=UTC)}
    both = training("12 Jan", pairs=(pair(), pair(NOOR, KARIM, replace(THURSDAY, at=time(15, 30)))))

    first = plan(both, off=("4 Feb",))
    again = plan(both, off=("4 Feb",), facts=replace(NOTHING, kept=kept))

    assert dates(item(first[noors], "stand-in:2027-02-04")) == days("5 Feb")
    assert dates(item(first[KEY], "stand-in:2027-02-04")) == days("3 Feb")
    assert dates(item(again[KEY], "stand-in:2027-02-04")) == days("5 Feb")
    assert dates(item(again[noors], "stand-in:2027-02-04")) == days("3 Feb")


# -- meetings that people moved ----------------------------------------------------------------------------------------


def moved_instances(place: str, to: str) -> Facts:
    """Return that people moved one meeting of the series to another day, to eleven o'clock."""
    there = datetime.combine(day(to), time(11), AMSTERDAM).astimezone(UTC)
    return replace(
        NOTHING, moved_instances={Ref(f"{KEY}/series"): {datetime.combine(day(place), time(15), AMSTERDAM).astimezone(UTC): there}}
    )


def test_a_meeting_that_people_moved_off_a_day_off_themselves_needs_no_stand_in() -> None:
    facts = replace(moved_instances("4 Feb", "9 Feb"), kept={Ref(f"{KEY}/stand-in:2027-02-04"): datetime(2027, 2, 5, 14, tzinfo=UTC)})

    track = plan(training("12 Jan"), facts=facts, off=("4 Feb",))[KEY]

    series = item(track, "series")
    assert (dates(series), series.without, series.left_out) == (days("21 Jan", "4 Feb", "18 Feb"), (), ())
    assert parts(track) == ["goals", "reminder", "series"]


def test_a_meeting_that_people_moved_to_another_day_off_keeps_its_stand_in() -> None:
    track = plan(training("12 Jan"), facts=moved_instances("4 Feb", "9 Feb"), off=("4 Feb", "9 Feb"))[KEY]

    assert item(track, "series").left_out == (LeftOut(day=day("4 Feb"), why="public holiday", stand_in=day("5 Feb")),)


def test_a_meeting_that_people_moved_keeps_the_block_that_it_looks_back_on() -> None:
    plain = plan(training("12 Jan", "26 Jan"))[KEY]

    moved = plan(training("12 Jan", "26 Jan"), facts=moved_instances("4 Feb", "17 Feb"))[KEY]

    assert item(plain, "series").topics[datetime(2027, 2, 4, 15, tzinfo=AMSTERDAM)] == (look_back_on("26 Jan"),)
    assert item(moved, "series") == item(plain, "series")


def test_other_meetings_keep_away_from_where_a_moved_one_is_held() -> None:
    """The holiday's stand-in would be on Friday 19 February; that is too near to a meeting on Monday the 22nd."""
    plain = plan(training("12 Jan", "26 Jan"), off=("18 Feb",))[KEY]
    moved = plan(training("12 Jan", "26 Jan"), facts=moved_instances("4 Mar", "22 Feb"), off=("18 Feb",))[KEY]

    assert item(plain, "series").left_out[0].stand_in == day("19 Feb")
    assert item(moved, "series").left_out[0].stand_in == day("17 Feb")


def test_nobody_else_is_planned_at_the_hour_to_which_people_moved_a_meeting() -> None:
    """Sanne and Karim meet on Monday 1 February at nine instead of Thursday; Noor's series would be at that hour."""
    recurrence_id, there = datetime(2027, 2, 4, 14, tzinfo=UTC), datetime(2027, 2, 1, 8, tzinfo=UTC)
    new = training("12 Jan", pairs=(pair(NOOR, KARIM, None),), name="schrijven")

    tracks = plan(training("12 Jan"), new, facts=replace(NOTHING, moved_instances={Ref(f"{KEY}/series"): {recurrence_id: there}}))

    assert tracks[MentorshipKey("schrijven/noor@voorbeeld.example")].meets == Meets(weekday=MON, at=time(10), minutes=60, zone=AMSTERDAM)


# -- letters -----------------------------------------------------------------------------------------------------------


def test_every_letter_of_the_method_is_wished_on_its_day() -> None:
    track = plan(training("12 Jan"))[KEY]

    assert {(wish.rule.id, wish.person.name, wish.due) for wish in track.wishes} == {
        ("welcome-mentee", "Sanne", day("12 Dec")),
        ("welcome-mentor", "Karim", day("12 Dec")),
        ("goals", "Sanne", day("29 Dec")),
        ("session-mentee", "Sanne", day("13 Jan")),
        ("session-mentor", "Karim", day("13 Jan")),
        ("repetition-1", "Sanne", day("19 Jan")),
        ("repetition-2", "Sanne", day("28 Jan")),
        ("repetition-3", "Sanne", day("21 Feb")),
        ("progress", "Sanne", day("13 Apr")),
        ("closing-mentee", "Sanne", day("13 Jul")),
        ("closing-mentor", "Karim", day("13 Jul")),
    }


def test_a_session_letter_is_due_on_the_receivers_first_working_day_after_the_block() -> None:
    part_timer = pair(mentor=person("Karim", works=frozenset({MON, THU})))

    track = plan(training("12 Jan", pairs=(part_timer,)))[KEY]

    due = {wish.ref: wish.due for wish in track.wishes if wish.session}
    assert due == {
        f"{KEY}/letter:session-mentee:2027-01-12": day("13 Jan"),
        f"{KEY}/letter:session-mentor:2027-01-12": day("14 Jan"),
    }


def test_letters_from_one_template_are_numbered_in_order_of_their_days() -> None:
    track = plan(training("12 Jan", "9 Feb"))[KEY]

    numbered = {
        wish.ref.rpartition("letter:")[2]: wish.variant for wish in track.wishes if wish.rule.template in {"session-mentee", "repetition"}
    }
    assert numbered == {
        "session-mentee:2027-01-12": 1,
        "session-mentee:2027-02-09": 2,
        "repetition-1": 1,
        "repetition-2": 2,
        "repetition-3": 3,
    }


def test_a_session_that_moved_keeps_its_name() -> None:
    course = training("12 Jan", "2 Feb")
    moved = replace(course, sessions=(course.sessions[0], replace(course.sessions[1], date=day("3 Feb"))))

    track = plan(moved)[KEY]

    assert "extra:2027-02-02" in parts(track)
    assert f"{KEY}/letter:session-mentee:2027-02-02" in {wish.ref for wish in track.wishes}


def test_who_joins_late_is_welcomed_on_that_day_and_hears_no_more_of_what_has_been() -> None:
    track = plan(training("12 Jan"), facts=joined("20 Jan"))[KEY]

    assert {(wish.rule.id, wish.due) for wish in track.wishes if wish.person == SANNE} == {
        ("welcome-mentee", day("20 Jan")),
        ("repetition-2", day("28 Jan")),
        ("repetition-3", day("21 Feb")),
        ("progress", day("13 Apr")),
        ("closing-mentee", day("13 Jul")),
    }
