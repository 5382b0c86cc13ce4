"""When each letter goes out. January 2027: the 4th, 11th and 18th are Mondays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from beklijf.config.method import load_method
from beklijf.model.domain import Contact, LetterRule, MentorshipKey, OfficeHours, Organisation, Person, Ref, Role, Span, Wish
from beklijf.planning.correspondence import Sent, schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from beklijf.model.domain import Letter, Limits

METHOD, _ = load_method("default", Path())
RULES = {rule.id: rule for rule in METHOD.letters}
AMSTERDAM, NEW_YORK = ZoneInfo("Europe/Amsterdam"), ZoneInfo("America/New_York")
SOMEBODY = Contact("Marieke Smit", "opleidingen@voorbeeld.example")
ORGANISATION = Organisation(
    name="Gemeente Voorbeeld",
    zone=AMSTERDAM,
    language="nl",
    holidays="NL",
    closed=(),
    open=frozenset(),
    office_hours=OfficeHours(start=time(9), end=time(17), days=frozenset(range(5))),
    letter_hour=time(9),
    coordinator=SOMEBODY,
    administrator=SOMEBODY,
)
LONG_BEFORE = datetime(2026, 12, 1, tzinfo=UTC)


def person(name: str, *, works: frozenset[int] = frozenset(range(5)), zone: ZoneInfo = AMSTERDAM, away: tuple[Span, ...] = ()) -> Person:
    email = f"{name.lower()}@voorbeeld.example"
    return Person(key=email, name=name, email=email, language="nl", zone=zone, works=works, away=away)


SANNE, KARIM = person("Sanne"), person("Karim")


def wish(rule: str | LetterRule, due: int, *, to: Person = SANNE, training: str = "coachen", mentee: str = "sanne", month: int = 1) -> Wish:
    found = RULES[rule] if isinstance(rule, str) else rule
    key = MentorshipKey(f"{training}/{mentee}@voorbeeld.example")
    return Wish(
        ref=Ref(f"{key}/letter:{found.id}"),
        rule=found,
        training=training,
        mentorship=key,
        person=to,
        due=date(2027 if month == 1 else 2026, month, due),
        session=None,
        variant=1,
    )


def letters(
    *wishes: Wish,
    now: datetime = LONG_BEFORE,
    sent: Sequence[Sent] = (),
    limits: Limits = METHOD.limits,
    holidays: frozenset[date] = frozenset(),
) -> tuple[Letter, ...]:
    by_training = {wish.training: limits for wish in wishes}
    return schedule(wishes, organisation=ORGANISATION, holidays=holidays, limits=by_training, sent=sent, now=now)


def days(found: Sequence[Letter]) -> dict[str, int]:
    """Return the day in January of each letter that goes out, by rule."""
    return {letter.wishes[0].rule.id: letter.at.day for letter in found if not letter.lapsed}


def sent(day: int, *refs: str, to: Person = SANNE) -> Sent:
    return Sent(person=to.key, at=datetime(2027, 1, day, 9, tzinfo=AMSTERDAM), wishes=tuple(map(Ref, refs)))


def test_a_letter_goes_out_at_the_letter_hour_in_the_receivers_zone() -> None:
    [at_home, abroad] = letters(wish("progress", 12), wish("progress", 12, to=person("Tim", zone=NEW_YORK), mentee="tim"))

    assert at_home.at == datetime(2027, 1, 12, 9, tzinfo=AMSTERDAM)
    assert abroad.at == datetime(2027, 1, 12, 9, tzinfo=NEW_YORK)
    assert not at_home.lapsed


def test_a_letter_waits_for_a_day_on_which_its_receiver_works() -> None:
    part_timer = person("Sanne", works=frozenset({2, 3}), away=(Span(date(2027, 1, 13), date(2027, 1, 13)),))

    assert days(letters(wish("progress", 9))) == {"progress": 11}
    assert days(letters(wish("progress", 9), holidays=frozenset({date(2027, 1, 11)}))) == {"progress": 12}
    assert days(letters(wish("progress", 9, to=part_timer))) == {"progress": 14}


def test_of_two_letters_on_one_day_the_order_says_which_moves() -> None:
    assert days(letters(wish("repetition-1", 12), wish("session-mentee", 12))) == {"session-mentee": 12, "repetition-1": 13}


def test_of_two_letters_of_one_order_the_one_that_is_due_first_keeps_its_day() -> None:
    assert days(letters(wish("progress", 10), wish("repetition-1", 9))) == {"repetition-1": 11, "progress": 12}


def test_a_third_letter_in_a_week_moves_to_the_next_over_all_trainings() -> None:
    found = letters(wish("repetition-1", 11), wish("session-mentee", 12, training="schrijven"), wish("goals", 14, training="vergaderen"))

    assert days(found) == {"session-mentee": 12, "goals": 14, "repetition-1": 18}


def test_a_week_runs_from_monday_to_sunday_also_over_new_year() -> None:
    before = [replace(sent(1), at=datetime(2026, 12, day, 9, tzinfo=AMSTERDAM)) for day in (28, 30)]

    assert days(letters(wish("progress", 31, month=12), sent=before)) == {"progress": 4}


def test_a_letter_that_was_sent_is_not_sent_again_and_counts_for_its_day_and_week() -> None:
    welcome, progress = wish("welcome-mentee", 11), wish("progress", 11)

    once = letters(welcome, progress, sent=[sent(11, welcome.ref)])
    twice = letters(welcome, progress, sent=[sent(11, welcome.ref), sent(12, "schrijven/sanne@voorbeeld.example/letter:goals")])

    assert days(once) == {"progress": 12}
    assert days(twice) == {"progress": 18}


def test_what_somebody_else_got_does_not_count() -> None:
    assert days(letters(wish("progress", 11), sent=[sent(11, to=KARIM)])) == {"progress": 11}


def test_a_mentors_letters_of_one_rule_training_and_day_become_one() -> None:
    wishes = [wish("session-mentor", 12, to=KARIM, mentee=mentee) for mentee in ("tim", "noor", "sanne")]

    [letter] = letters(*wishes)

    assert [found.mentorship for found in letter.wishes] == [f"coachen/{mentee}@voorbeeld.example" for mentee in ("noor", "sanne", "tim")]
    assert letter.person == KARIM


def test_a_mentors_letters_of_another_training_day_or_rule_stay_apart() -> None:
    found = letters(
        wish("session-mentor", 11, to=KARIM),
        wish("session-mentor", 11, to=KARIM, training="schrijven"),
        wish("session-mentor", 18, to=KARIM, mentee="noor"),
        wish("closing-mentor", 18, to=KARIM),
    )

    assert [letter.at.day for letter in found] == [11, 12, 18, 19]


def test_a_mentees_letters_never_become_one() -> None:
    merging = replace(RULES["goals"], merge=True)
    assert merging.role is Role.MENTEE

    found = letters(wish(merging, 11), wish(merging, 11, mentee="sanne-again"))

    assert [(len(letter.wishes), letter.at.day) for letter in found] == [(1, 11), (1, 12)]


def test_a_session_letter_never_goes_out_on_a_friday_neither_when_due_nor_when_moved() -> None:
    on_thursday = [sent(14, "schrijven/sanne@voorbeeld.example/letter:goals")]

    assert days(letters(wish("session-mentee", 15))) == {"session-mentee": 18}
    assert days(letters(wish("session-mentee", 14), sent=on_thursday)) == {"session-mentee": 18}
    assert days(letters(wish("repetition-1", 14), sent=on_thursday)) == {"repetition-1": 15}


def test_a_letter_may_go_out_later_on_its_own_day() -> None:
    [letter] = letters(wish("session-mentee", 12), now=datetime(2027, 1, 12, 16, 30, tzinfo=AMSTERDAM))

    assert (letter.at, letter.lapsed) == (datetime(2027, 1, 12, 9, tzinfo=AMSTERDAM), False)


def test_it_is_the_receivers_day_that_counts() -> None:
    in_new_york = wish("session-mentee", 11, to=person("Sanne", zone=NEW_YORK))
    night = datetime(2027, 1, 12, 3, tzinfo=UTC)

    assert days(letters(in_new_york, now=night)) == {"session-mentee": 11}
    assert days(letters(wish("session-mentee", 11), now=night)) == {"session-mentee": 12}


def test_a_letter_of_a_day_gone_by_goes_out_today_while_it_is_not_too_late() -> None:
    noon = datetime(2027, 1, 14, 12, tzinfo=AMSTERDAM)

    assert days(letters(wish("session-mentee", 11), now=noon)) == {"session-mentee": 14}


def test_a_letter_that_is_too_late_lapses() -> None:
    """Due on Monday and three working days of grace: Thursday would have been the last."""
    [letter] = letters(wish("session-mentee", 11), now=datetime(2027, 1, 18, 8, tzinfo=AMSTERDAM))

    assert (letter.lapsed, letter.at) == (True, datetime(2027, 1, 15, tzinfo=AMSTERDAM))


def test_only_working_days_make_a_letter_late() -> None:
    away = person("Sanne", away=(Span(date(2027, 1, 12), date(2027, 1, 29)),))

    assert days(letters(wish("session-mentee", 12, to=away), now=datetime(2027, 1, 29, tzinfo=UTC))) == {"session-mentee": 1}


def test_a_letter_that_finds_no_room_in_time_lapses_and_takes_no_place() -> None:
    impatient = replace(RULES["progress"], late=0)
    full = [sent(11), sent(12)]

    [lapsed, other] = letters(wish(impatient, 13), wish("repetition-1", 18), sent=full)

    assert (lapsed.lapsed, lapsed.at) == (True, datetime(2027, 1, 14, tzinfo=AMSTERDAM))
    assert (other.lapsed, other.at.day) == (False, 18)


def test_a_method_of_ones_own_allows_more_letters() -> None:
    generous = replace(METHOD.limits, letters_per_day=2, letters_per_week=3)

    found = letters(wish("repetition-1", 11), wish("session-mentee", 11), wish("goals", 11), limits=generous)

    assert days(found) == {"session-mentee": 11, "goals": 11, "repetition-1": 12}


def test_letters_to_somebody_who_never_works_lapse() -> None:
    [letter] = letters(wish("progress", 12, to=person("Sanne", works=frozenset({6}))))

    assert letter.lapsed


def test_letters_come_by_person_and_then_in_order_of_time() -> None:
    found = letters(wish("progress", 12), wish("session-mentor", 13, to=KARIM), wish("welcome-mentee", 4))

    assert [(letter.person.name, letter.at.day) for letter in found] == [("Karim", 13), ("Sanne", 4), ("Sanne", 12)]
