"""How plans are put into words and JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from beklijf.commands.names import called
from beklijf.commands.plan_json import Entry, Stopped, entry_json
from beklijf.commands.report import Report, Words, as_json, grouped_lines, plan_lines, single_lines
from beklijf.decide.plan import Action
from beklijf.model.domain import Kind, MentorshipKey, Ref, Role
from beklijf.model.errors import Problem

if TYPE_CHECKING:
    from beklijf.commands.plan_json import Json

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 12, 7, 12, 0, tzinfo=AMSTERDAM)
WORDS = Words(
    AMSTERDAM,
    {"sanne@voorbeeld.example": "Sanne de Vries", "karim@voorbeeld.example": "Karim Bakker"},
    {"lead": "Coachend leidinggeven"},
    NOW,
)
SERIES = Entry(
    action=Action.CREATE,
    kind=Kind.SERIES,
    training="lead",
    mentorships=(MentorshipKey("lead/sanne@voorbeeld.example"),),
    item=Ref("lead/sanne@voorbeeld.example/series"),
    key="2c1d",
    start=datetime(2026, 12, 17, 15, 0, tzinfo=AMSTERDAM),
    at=NOW,
    to=("sanne@voorbeeld.example", "karim@voorbeeld.example"),
    why="an hour every two weeks",
    called="series",
)
LETTER = replace(
    SERIES,
    action=Action.SEND,
    kind=Kind.LETTER,
    item=Ref("lead/sanne@voorbeeld.example/letter:session-mentee:2026-12-08"),
    start=None,
    at=datetime(2026, 12, 9, 9, 0, tzinfo=AMSTERDAM),
    to=("sanne@voorbeeld.example",),
    why="one plan makes it likelier",
    called="session letter",
    role=Role.MENTEE,
)


def letters(number: int) -> list[Entry]:
    return [replace(LETTER, to=(f"mentee{n}@voorbeeld.example",)) for n in range(number)]


def test_letters_that_go_out_together_are_one_line_and_one_reason() -> None:
    assert list(grouped_lines(letters(24), WORDS)) == [
        "  Wed 9 Dec 09:00    session letter, 24 mentees",
        "                     why: one plan makes it likelier",
    ]


def test_mentees_and_mentors_are_counted_apart() -> None:
    mentor = replace(LETTER, to=("karim@voorbeeld.example",), role=Role.MENTOR)

    said = list(grouped_lines([*letters(2), mentor], WORDS, why=False))

    assert said == ["  Wed 9 Dec 09:00    session letter, 2 mentees", "  Wed 9 Dec 09:00    session letter, Karim Bakker"]


def test_an_event_says_when_it_begins_and_pairs_are_counted() -> None:
    other = replace(SERIES, to=("noor@voorbeeld.example", "bram@voorbeeld.example"), start=datetime(2026, 12, 15, 9, tzinfo=AMSTERDAM))

    assert list(grouped_lines([SERIES], WORDS, why=False)) == [
        "  Mon 7 Dec 12:00    new series, Sanne de Vries and Karim Bakker, from Thu 17",
        "                     Dec 15:00",
    ]
    assert list(grouped_lines([SERIES, other], WORDS, why=False)) == [
        "  Mon 7 Dec 12:00    new series, 2 pairs, first Tue 15 Dec to Thu 17 Dec",
    ]


def test_a_letter_stands_before_the_event_of_the_same_moment_that_it_announces() -> None:
    made = replace(SERIES, at=LETTER.at)

    said = list(grouped_lines([made, LETTER], WORDS, why=False))

    assert [line[21:].partition(",")[0] for line in said if line.startswith("  Wed")] == ["session letter", "new series"]


def test_narrowed_each_thing_has_a_line_of_its_own() -> None:
    assert list(single_lines([LETTER], WORDS)) == [
        "  Wed 9 Dec 09:00    session letter: Sanne de Vries (one plan makes it likelier)",
    ]


def test_instants_are_told_on_the_organisations_clock_with_their_weekday() -> None:
    assert WORDS.moment(datetime(2026, 12, 9, 8, 0, tzinfo=UTC)) == "Wed 9 Dec 09:00"
    assert WORDS.moment(datetime(2027, 7, 1, 8, 0, tzinfo=UTC)) == "Thu 1 Jul 10:00"


def test_a_day_far_away_carries_its_year() -> None:
    assert WORDS.day(datetime(2027, 12, 9, 8, 0, tzinfo=UTC)) == "Thu 9 Dec 2027"
    assert WORDS.day(datetime(2025, 12, 9, 8, 0, tzinfo=UTC)) == "Tue 9 Dec 2025"


def test_a_plan_says_first_what_would_be_done_then_what_is_held_then_what_comes_next() -> None:
    held = Stopped(
        entry=replace(SERIES, action=Action.WITHDRAW, why="no longer planned"), reason="it withdraws 12 events", until="approved"
    )
    report = Report(plan="3f9a1c2e", now=NOW, changes=(SERIES,), held=(held,), next=LETTER.at, drafts=("schrijven",))

    said = list(plan_lines(report, WORDS, narrowed=False))

    assert said[0] == "Plan 3f9a1c2e, Mon 7 Dec 12:00 (Europe/Amsterdam)"
    text = "\n".join(said)
    assert (
        text.index("new series")
        < text.index("HELD until somebody approves it:\nCoachend leidinggeven: it withdraws 12 events\n")
        < text.index("withdrawn series")
        < text.index("To let it go on: beklijf apply --approve 3f9a1c2e")
        < text.index("schrijven is a draft: nothing is sent")
        < text.index("Next: Wed 9 Dec 09:00, or when something changes.")
    )


def test_nothing_to_do_is_said_also_when_later_things_are_shown() -> None:
    report = Report(plan="e3b0c442", now=NOW, changes=(LETTER,), next=LETTER.at)

    said = list(plan_lines(report, WORDS, narrowed=False))

    assert said[2] == "Nothing to do now."
    assert any("session letter" in line for line in said)
    assert not any("beklijf apply" in line for line in said)


def test_the_json_of_a_change_is_the_documented_one() -> None:
    assert entry_json(SERIES) == {
        "action": "create",
        "kind": "series",
        "training": "lead",
        "mentorships": ["lead/sanne@voorbeeld.example"],
        "item": "lead/sanne@voorbeeld.example/series",
        "key": "2c1d",
        "start": "2026-12-17T14:00:00+00:00",
        "at": "2026-12-07T11:00:00+00:00",
        "to": ["sanne@voorbeeld.example", "karim@voorbeeld.example"],
        "why": "an hour every two weeks",
    }


def test_the_json_of_a_plan_is_the_documented_one() -> None:
    held = Stopped(entry=LETTER, reason="the clock went back", until="approved")
    problem = Problem(where="mail", what="refused", hint="mend it", file="config.toml", line=3)
    report = Report(plan="3f9a1c2e", now=NOW, changes=(SERIES,), held=(held,), problems=(problem,), next=None)

    found = json.loads(json.dumps(as_json(report)))

    expected: dict[str, Json] = {
        "plan": "3f9a1c2e",
        "changes": [entry_json(SERIES)],
        "held": [{**entry_json(LETTER), "reason": "the clock went back", "until": "approved"}],
        "problems": [{"what": "refused", "where": "mail", "file": "config.toml", "line": 3, "hint": "mend it", "warning": False}],
        "next": None,
    }
    assert found == expected


def test_items_are_called_what_people_call_them() -> None:
    pair = "lead/sanne@voorbeeld.example"

    names = {
        "goals": "goals meeting",
        "series": "series",
        "stand-in:2027-05-06": "stand-in",
        "extra:2027-01-19": "look-back",
        "reminder": "reminder",
        "letter:welcome-mentor": "welcome letter",
        "letter:session-mentee:2026-12-08": "session letter",
        "letter:repetition-2": "repetition letter",
    }

    assert {name: called(Ref(f"{pair}/{name}")) for name in names} == names


entries = st.builds(
    replace,
    st.sampled_from([SERIES, LETTER]),
    called=st.text("abcdefgh -", min_size=1, max_size=30).filter(str.strip),
    why=st.text("abcdefgh ijk", max_size=200),
    at=st.integers(-500, 500).map(lambda days: NOW + timedelta(days=days)),
    to=st.lists(st.sampled_from([f"person{n}@voorbeeld.example" for n in range(9)]), min_size=1, max_size=4).map(tuple),
)


@given(st.lists(entries, max_size=12), st.booleans())
def test_no_line_is_wider_than_80_columns_and_nothing_is_left_out(found: list[Entry], narrowed: bool) -> None:
    report = Report(plan="3f9a1c2e", now=NOW, changes=tuple(found))

    said = list(plan_lines(report, WORDS, narrowed=narrowed))

    assert all(len(line) <= 80 for line in said)
    days: set[date] = {each.at.date() for each in found}
    assert all(any(f"{day:%a %-d %b}" in line for line in said) for day in days)
