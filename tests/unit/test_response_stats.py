"""What may be told of who answered what: counts that add up, and groups that are too small to be told."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.commands.response_stats import Counts, Pair, grouped, said_together
from beklijf.config.method import load_method
from beklijf.model.conversation import FEW, Said
from beklijf.model.domain import Mentorship, MentorshipKey, Person, Session, Training

if TYPE_CHECKING:
    from collections.abc import Sequence

METHOD, _ = load_method("default", Path())
ZONE = ZoneInfo("Europe/Amsterdam")
GIVEN = st.sampled_from([None, Said.ACCEPTED, Said.TENTATIVE, Said.DECLINED])


def person(name: str) -> Person:
    return Person(key=name, name=name, email=name, language="nl", zone=ZONE, works=frozenset(range(5)))


def training(name: str, pairs: int) -> Training:
    keys = [MentorshipKey(f"{name}/{number}@a.example") for number in range(pairs)]
    return Training(
        id=name,
        name=name,
        purpose="",
        sessions=(Session(date=date(2026, 12, 8), key=date(2026, 12, 8)),),
        more_sessions=False,
        live=True,
        method=METHOD,
        location="",
        online="",
        mentorships=tuple(
            Mentorship(
                key=key,
                training=name,
                mentee=person(key.partition("/")[2]),
                mentor=person("mentor@a.example"),
                meets=None,
                goals=(),
            )
            for key in keys
        ),
    )


@pytest.mark.parametrize(
    ("answers", "together"),
    [
        ([Said.ACCEPTED, Said.ACCEPTED], Said.ACCEPTED),
        ([Said.ACCEPTED, None], None),
        ([None, None], None),
        ([Said.ACCEPTED, Said.TENTATIVE], Said.TENTATIVE),
        ([None, Said.TENTATIVE], Said.TENTATIVE),
        ([Said.TENTATIVE, Said.DECLINED], Said.DECLINED),
        ([None, Said.DECLINED], Said.DECLINED),
        ([Said.ACCEPTED], Said.ACCEPTED),  # the mentee's own event: only the mentor answers
        ([], None),
    ],
)
def test_a_pair_says_yes_together_and_no_alone(answers: Sequence[Said | None], together: Said | None) -> None:
    assert said_together(answers) is together


@given(st.lists(GIVEN, max_size=2))
def test_what_two_people_said_does_not_depend_on_who_said_it_first(answers: list[Said | None]) -> None:
    assert said_together(answers) is said_together(answers[::-1])


SIZES = st.lists(st.integers(0, 9), max_size=6)


def pairs_of(trainings: Sequence[Training]) -> dict[MentorshipKey, Pair]:
    silent = Pair(counts=Counts(pairs=1, no_answer=1))
    return {m.key: silent for each in trainings for m in each.mentorships}


@given(SIZES)
def test_no_number_is_told_of_fewer_than_five_pairs(sizes: list[int]) -> None:
    trainings = [training(f"t{number}", size) for number, size in enumerate(sizes)]

    told, small = grouped(trainings, pairs_of(trainings), names=False)

    shown = [*told.values(), *([small.counts] if small and small.counts else [])]
    assert all(counts.pairs >= FEW for counts in shown)
    assert all(counts.pairs == counts.accepted + counts.tentative + counts.declined + counts.no_answer for counts in shown)
    assert sum(counts.pairs for counts in told.values()) + (small.pairs if small else 0) == sum(sizes)


@given(SIZES)
def test_with_names_each_training_is_told_by_itself_however_small(sizes: list[int]) -> None:
    trainings = [training(f"t{number}", size) for number, size in enumerate(sizes)]

    told, small = grouped(trainings, pairs_of(trainings), names=True)

    assert small is None
    assert {key: counts.pairs for key, counts in told.items()} == {f"t{n}": size for n, size in enumerate(sizes) if size}


def test_a_small_group_that_stays_alone_is_not_told_at_all() -> None:
    trainings = [training("large", 6), training("small", 4)]

    told, small = grouped(trainings, pairs_of(trainings), names=False)

    assert [*told] == ["large"]
    assert small is not None
    assert small.trainings == ("small",)
    assert small.counts is None
