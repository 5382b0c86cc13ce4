"""That whatever is written of a group is noted: by every statement that the ledger uses, and by none that it doesn't."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from beklijf.ledger import Ledger, Row
from beklijf.ledger.conversation import Conversation
from beklijf.ledger.outbox import Outbox
from beklijf.ledger.written import NEVER, Mark
from beklijf.model.conversation import Heard, Said
from beklijf.model.domain import Kind, MentorshipKey, Ref

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
PAIR = MentorshipKey("t/sanne@voorbeeld.example")
SANNE = "sanne@voorbeeld.example"
EVENT = Row(
    uid="1@beklijf",
    ref=Ref(f"{PAIR}/series"),
    generation=1,
    kind=Kind.SERIES,
    training="t",
    mentorships=(PAIR,),
    persons=(SANNE,),
    hour="",
    state="live",
    asked="{}",
    seen="{}",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with closing(Ledger(path)) as opened:
        yield opened


def look(ledger: Ledger, mark: Mark = NEVER) -> Mark:
    """Return how far somebody has looked who looks now."""
    return ledger.written.since(mark)[0]


def written(ledger: Ledger, mark: Mark) -> dict[str, set[str]] | None:
    found = ledger.written.since(mark)[1]
    return None if found is None else {what: set(keys) for what, keys in found.items()}


def test_who_never_looked_is_told_that_everything_may_be_new(ledger: Ledger) -> None:
    assert written(ledger, NEVER) is None


def test_nothing_is_noted_where_nothing_was_written(ledger: Ledger) -> None:
    assert written(ledger, look(ledger)) == {}


def test_an_event_is_noted_when_it_is_put_and_when_it_is_put_again(ledger: Ledger) -> None:
    mark = look(ledger)
    with ledger.write():
        ledger.put(EVENT)
    assert written(ledger, mark) == {"event": {EVENT.uid}}

    mark = look(ledger, mark)
    with ledger.write():
        ledger.put(replace(EVENT, seen="{ }"))
    assert written(ledger, mark) == {"event": {EVENT.uid}}


def test_a_row_that_another_one_replaces_is_noted_as_well(ledger: Ledger) -> None:
    with ledger.write():
        ledger.put(EVENT)
    mark = look(ledger)

    with ledger.write():
        ledger.put(replace(EVENT, uid="2@beklijf"))  # of the same item and generation: there can be one

    assert ledger.rows().keys() == {"2@beklijf"}
    assert written(ledger, mark) == {"event": {EVENT.uid, "2@beklijf"}}


def test_what_is_put_in_unless_it_is_there_is_noted_once(ledger: Ledger) -> None:
    mark = look(ledger)
    with ledger.write():
        ledger.join(PAIR, SANNE, NOW)
    assert written(ledger, mark) == {"mentorship": {PAIR}}

    mark = look(ledger, mark)
    with ledger.write():
        ledger.join(PAIR, SANNE, NOW)
    assert written(ledger, mark) == {}


def test_many_writes_of_one_key_by_statements_that_ignore_a_repetition_all_arrive(ledger: Ledger) -> None:
    mark = look(ledger)
    with ledger.write():
        for person in (SANNE, "karim@voorbeeld.example", SANNE):
            ledger.join(PAIR, person, NOW)  # INSERT OR IGNORE: what its triggers do must not be ignored

    assert written(ledger, mark) == {"mentorship": {PAIR}}
    assert written(ledger, look(ledger, mark)) == {}


def test_what_is_heard_of_an_event_is_noted_by_the_event_and_an_absence_by_the_person(ledger: Ledger) -> None:
    conversation, mark = Conversation(ledger), look(ledger)
    answer = Heard(at=NOW, said=Said.ACCEPTED, uid=EVENT.uid, ref=Ref(""), recurrence_id=None, who=SANNE, source="mail")
    with ledger.write():
        conversation.note(answer)
        conversation.note(replace(answer, said=Said.AWAY, uid=""))

    assert written(ledger, mark) == {"heard": {EVENT.uid}, "away": {SANNE}}


def test_of_the_mails_only_answers_are_noted(ledger: Ledger) -> None:
    outbox, mark = Outbox(ledger), look(ledger)
    with ledger.write():
        outbox.add_answer("answer 1", subject=PAIR, recipient=SANNE, response={}, now=NOW)
        outbox.add_notice("digest", about="digest", recipient=SANNE, payload={}, now=NOW)

    assert written(ledger, mark) == {"answer": {PAIR}}


def test_an_hour_that_is_given_back_is_noted(ledger: Ledger) -> None:
    with ledger.write():
        ledger.db.execute("INSERT INTO slot VALUES (?, 'moved', 3, '15:00', 60, 'Europe/Amsterdam', NULL, '')", (PAIR,))
    mark = look(ledger)

    with ledger.write():
        ledger.forget_moved([PAIR])

    assert written(ledger, mark) == {"slot": {PAIR}}


def test_which_generation_carries_an_item_is_noted_by_the_item(ledger: Ledger) -> None:
    mark = look(ledger)
    with ledger.write():
        ledger.carry(EVENT.ref, 2, NOW)
    assert written(ledger, mark) == {"generation": {EVENT.ref}}

    mark = look(ledger, mark)
    with ledger.write():
        ledger.carry(EVENT.ref, 3, NOW)
    assert written(ledger, mark) == {"generation": {EVENT.ref}}


def test_after_something_was_undone_everything_may_be_new(ledger: Ledger) -> None:
    mark = look(ledger)
    with suppress(RuntimeError), ledger.write():
        ledger.put(EVENT)
        raise RuntimeError

    assert written(ledger, mark) is None
    assert written(ledger, look(ledger)) == {}


def test_a_part_that_is_undone_inside_of_a_transaction_counts_as_undone(ledger: Ledger) -> None:
    mark = look(ledger)
    with ledger.write():
        with suppress(RuntimeError), ledger.write():
            ledger.put(EVENT)
            raise RuntimeError
        ledger.join(PAIR, SANNE, NOW)

    assert written(ledger, mark) is None


def test_what_another_program_wrote_may_be_anything(ledger: Ledger, path: Path) -> None:
    mark = look(ledger)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("INSERT INTO goal VALUES (?, ?, 'minder vergaderen', ?)", (PAIR, SANNE, NOW.isoformat()))

    assert written(ledger, mark) is None


def test_two_who_look_are_each_told_what_is_new_to_them(ledger: Ledger) -> None:
    first = look(ledger)
    with ledger.write():
        ledger.put(EVENT)
    second = look(ledger)
    with ledger.write():
        ledger.join(PAIR, SANNE, NOW)

    assert written(ledger, first) == {"event": {EVENT.uid}, "mentorship": {PAIR}}
    assert written(ledger, second) == {"mentorship": {PAIR}}
