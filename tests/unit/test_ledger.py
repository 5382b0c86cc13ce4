"""The ledger: a file that says what it is, whole transactions, facts that hold as long as the config's own word."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from beklijf.ledger import APPLICATION_ID, Known, Ledger, Row
from beklijf.ledger.facts import read_facts
from beklijf.ledger.holds import HeldChange, Hold, HoldKind, Holds
from beklijf.ledger.lookup import Lookup
from beklijf.model.canonical import dump
from beklijf.model.domain import Contact, Event, Kind, Meets, MentorshipKey, Recurrence, Ref
from beklijf.model.errors import Busy, StateError
from beklijf.model.facts import Generation, Moved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from beklijf.model.facts import Facts

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
PAIR = MentorshipKey("t/sanne@voorbeeld.example")
THURSDAY = Meets(weekday=3, at=time(15), minutes=60, zone=AMSTERDAM)
FRIDAY = Meets(weekday=4, at=time(9), minutes=60, zone=AMSTERDAM)

HOLD = Hold(
    id="1a2b3c4d",
    kind=HoldKind.WISH,
    training="t",
    reason="it touches 70 people (guard.max_people = 60)",
    since=NOW,
    config="abc",
    changes=(
        HeldChange(action="update", ref=Ref(f"{PAIR}/series"), to=("sanne@voorbeeld.example",), takes=("place Café",), gives=("place 2",)),
    ),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "beklijf.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with closing(Ledger(path)) as opened:
        yield opened


def row(*, item: str = "series", start: datetime = datetime(2027, 1, 21, 15, tzinfo=AMSTERDAM), generation: int = 1) -> Row:
    recurrence = Recurrence(2, (start + timedelta(weeks=8)).astimezone(UTC)) if item == "series" else None
    event = Event(
        uid=f"{item}-{generation}@beklijf",
        start=start,
        minutes=60,
        recurrence=recurrence,
        overrides=(),
        title="Mentorgesprek",
        text="",
        location="",
        organizer=Contact("Mentorprogramma", "mentor@voorbeeld.example"),
        people=(Contact("Sanne", "sanne@voorbeeld.example"),),
        alarms=(),
        free=False,
    )
    return Row(
        uid=event.uid,
        ref=Ref(f"{PAIR}/{item}"),
        generation=generation,
        kind=Kind.SERIES if recurrence else Kind.MEETING,
        training="t",
        mentorships=(PAIR,),
        persons=("sanne@voorbeeld.example", "karim@voorbeeld.example"),
        hour="",
        state="live",
        asked=dump(event),
        seen=dump(event),
        announced=dump(event),
        href="1.ics",
        etag="e",
        sequence=2,
        changed_at=NOW,
        refused=("place",),
        ours=("sanne@voorbeeld.example",),
    )


# -- the file ----------------------------------------------------------------------------------------------------------


def test_what_was_written_is_there_when_it_is_opened_again(path: Path) -> None:
    with closing(Ledger(path)) as ledger, ledger.write():
        ledger.put(row())

    with closing(Ledger(path)) as again:
        assert again.rows() == {row().uid: row()}


def test_a_state_of_a_newer_version_is_left_alone(path: Path) -> None:
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    before = path.read_bytes()

    with pytest.raises(StateError, match="newer beklijf") as caught:
        Ledger(path)

    assert "install the newer version" in caught.value.hint
    assert path.read_bytes() == before


def test_a_ledger_of_version_2_gets_a_place_for_what_is_held(path: Path) -> None:
    path.parent.mkdir()
    script = (Path(__file__).parents[1] / "golden" / "state" / "version-2.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"{script} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 2;")

    with closing(Ledger(path, read_only=True)) as reader:
        assert Holds(reader).standing() == ()
    with closing(Ledger(path)) as ledger, ledger.write():
        Holds(ledger).keep([HOLD])
        assert Holds(ledger).standing() == (HOLD,)


def test_what_is_held_is_there_when_it_is_opened_again(path: Path) -> None:
    other = replace(HOLD, training="other", kind=HoldKind.CLOCK, approved=NOW, changes=())
    with closing(Ledger(path)) as ledger, ledger.write():
        Holds(ledger).keep([HOLD, other])

    with closing(Ledger(path)) as again:
        assert Holds(again).standing() == (other, HOLD)
        with again.write():
            Holds(again).keep([])
        assert Holds(again).standing() == ()


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()

    with pytest.raises(StateError, match="another program"):
        Ledger(path)

    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is a letter to my aunt, and a rather long one at that, so that it fills a header" * 20)

    with pytest.raises(StateError, match="not a database") as caught:
        Ledger(path)

    assert caught.value.hint


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file", encoding="utf-8")

    with pytest.raises(StateError) as caught:
        Ledger(tmp_path / "state" / "beklijf.sqlite3")

    assert "rights" in caught.value.hint


def test_reading_makes_no_file_and_changes_none(path: Path) -> None:
    with closing(Ledger(path, read_only=True)) as nothing_yet:
        assert nothing_yet.rows() == {}
    assert not path.exists()

    with closing(Ledger(path)) as ledger, ledger.write():
        ledger.put(row())
    with closing(Ledger(path, read_only=True)) as reader:
        assert [*reader.rows()] == [row().uid]
        with pytest.raises(StateError), reader.write():
            reader.put(row(generation=2))


def test_a_ledger_that_somebody_else_is_writing_is_busy(path: Path, ledger: Ledger) -> None:
    ledger.db.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(Busy, match="in use") as caught, ledger.write():
            ledger.put(row())

    assert caught.value.exit_code == 75


def test_one_may_read_while_another_writes(path: Path, ledger: Ledger) -> None:
    with ledger.write():
        ledger.put(row())
        with closing(Ledger(path, read_only=True)) as reader:
            assert reader.rows() == {}


def test_a_write_that_fails_leaves_nothing_behind(ledger: Ledger) -> None:
    def half() -> None:
        with ledger.write():
            ledger.put(row())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()

    assert ledger.rows() == {}


def test_only_another_process_changes_the_foreign_revision(path: Path, ledger: Ledger) -> None:
    before = ledger.foreign_revision()
    with ledger.write():
        ledger.set("a", "b")
    assert ledger.foreign_revision() == before

    with closing(Ledger(path)) as other, other.write():
        other.decide("approve", "1234", made=NOW)

    assert ledger.foreign_revision() != before
    assert [decision.subject for decision in ledger.decisions()] == ["1234"]


# -- facts -------------------------------------------------------------------------------------------------------------


def facts_of(ledger: Ledger, config: Meets | None = None, now: datetime = NOW) -> Facts:
    return read_facts(ledger.db, {PAIR: config}, now, uids=ledger.parties(), owners=[PAIR])[0]


def test_who_joined_is_noted_once(ledger: Ledger) -> None:
    with ledger.write():
        ledger.join(PAIR, "sanne@voorbeeld.example", NOW)
        ledger.join(PAIR, "sanne@voorbeeld.example", NOW + timedelta(days=3))
        ledger.join(PAIR, "noor@voorbeeld.example", NOW + timedelta(days=5))

    facts = facts_of(ledger)

    assert facts.joined == {PAIR: NOW}
    assert facts.arrived[PAIR, "noor@voorbeeld.example"] == NOW + timedelta(days=5)


def test_a_chosen_or_moved_hour_holds_until_the_config_says_another(ledger: Ledger) -> None:
    with ledger.write():
        ledger.keep_slot(PAIR, "chosen", THURSDAY, config=None)
        ledger.keep_slot(PAIR, "moved", FRIDAY, config=None, first=date(2027, 1, 22))

    unchanged = facts_of(ledger)
    changed = facts_of(ledger, THURSDAY)

    assert unchanged.chosen == {PAIR: THURSDAY}
    assert unchanged.moved == {PAIR: Moved(meets=FRIDAY, first=date(2027, 1, 22))}
    assert (changed.chosen, changed.moved) == ({}, {})


def test_a_restored_series_forgets_that_it_was_moved(ledger: Ledger) -> None:
    with ledger.write():
        ledger.keep_slot(PAIR, "moved", FRIDAY, config=None, first=date(2027, 1, 22))
        ledger.forget_moved([PAIR])

    assert facts_of(ledger).moved == {}


def test_a_series_has_begun_once_its_first_meeting_has_been(ledger: Ledger) -> None:
    with ledger.write():
        ledger.put(row())

    assert facts_of(ledger).begun == {}
    assert facts_of(ledger, now=datetime(2027, 1, 22, tzinfo=UTC)).begun == {row().ref: date(2027, 1, 21)}


def test_where_a_meeting_stands_is_kept_in_wall_time(ledger: Ledger) -> None:
    start = datetime(2027, 3, 30, 15, tzinfo=AMSTERDAM)
    with ledger.write():
        ledger.put(row(item="goals", start=start))

    assert facts_of(ledger).kept == {Ref(f"{PAIR}/goals"): start}


def test_a_meeting_to_come_stands_where_it_was_put_until_the_config_says_another_hour_and_one_that_has_been_for_good(
    ledger: Ledger,
) -> None:
    goals = row(item="goals")
    with ledger.write():
        ledger.put(goals)
    before, after = (datetime(2027, 1, day, tzinfo=UTC) for day in (21, 22))

    assert facts_of(ledger, THURSDAY, now=before).kept == {}
    assert facts_of(ledger, THURSDAY, now=after).kept == {goals.ref: datetime(2027, 1, 21, 15, tzinfo=AMSTERDAM)}


def test_a_concluded_event_is_gone_and_the_next_generation_carries_its_item(ledger: Ledger) -> None:
    with ledger.write():
        ledger.put(row())
        ledger.conclude(row(), NOW)

    assert ledger.rows() == {}
    assert facts_of(ledger).generations == {row().ref: Generation(number=2, since=NOW)}
    assert facts_of(ledger, now=NOW + timedelta(days=60)).begun == {}


def test_of_events_that_are_not_asked_about_nothing_is_a_fact(ledger: Ledger) -> None:
    with ledger.write():
        ledger.put(row())
        ledger.put(row(item="goals"))

    facts, begins = read_facts(ledger.db, {PAIR: None}, NOW, uids=["goals-1@beklijf"], owners=[PAIR])

    assert ([*facts.kept], [*begins]) == ([row(item="goals").ref], [row(item="goals").ref])


def test_what_is_looked_up_by_key_is_asked_for_once_also_where_there_is_nothing() -> None:
    asked: list[str] = []

    def find(key: str) -> int | None:
        asked.append(key)
        return {"one": 1}.get(key)

    lookup = Lookup(find)

    assert ([lookup.get("one"), lookup["one"], lookup.get("none")], "one" in lookup, "none" in lookup) == ([1, 1, None], True, False)
    assert asked == ["one", "none"]


def test_two_generations_of_an_item_may_stand_side_by_side_and_one_never_twice(ledger: Ledger) -> None:
    with ledger.write():
        ledger.put(row())
        ledger.put(row(generation=2))
        ledger.put(row(generation=2))

    assert sorted(r.generation for r in ledger.rows().values()) == [1, 2]


def test_what_a_training_was_planned_from_is_known(ledger: Ledger) -> None:
    known = Known(method="abc", sessions=frozenset({date(2027, 1, 12), date(2027, 2, 16)}))

    with ledger.write():
        ledger.know_training("t", known)

    assert ledger.known_trainings() == {"t": known}


def test_a_decision_waits_until_it_is_taken_up(ledger: Ledger) -> None:
    with ledger.write():
        ledger.decide("restore", row().ref, field="place", made=NOW)
    [decision] = ledger.decisions()
    assert (decision.kind, decision.subject, decision.field, decision.made) == ("restore", row().ref, "place", NOW)

    with ledger.write():
        ledger.taken_up(decision, NOW)

    assert ledger.decisions() == ()


def test_the_secret_of_an_installation_is_drawn_once_and_is_in_its_back_up(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    first, other = Ledger(path), Ledger(tmp_path / "other.sqlite3")
    secret = first.secret()
    with first.write():
        assert first.secret() == secret
    copy = sqlite3.connect(tmp_path / "copy.sqlite3")
    first.db.backup(copy)
    copy.close()
    first.close()

    again, restored = Ledger(path), Ledger(tmp_path / "copy.sqlite3")
    assert again.secret() == restored.secret() == secret
    assert len(secret) == 32
    assert other.secret() != secret
    for each in (again, restored, other):
        each.close()


# -- a part of a transaction -------------------------------------------------------------------------------------------


def test_a_part_of_a_transaction_that_fails_is_undone_and_the_rest_stays(path: Path) -> None:
    ledger = Ledger(path)
    with ledger.write():
        ledger.set("before", "1")
        with suppress(LookupError), ledger.write():
            ledger.set("inside", "1")
            raise LookupError
        with ledger.write():
            ledger.set("after", "1")

    assert (ledger.get("before"), ledger.get("inside"), ledger.get("after")) == ("1", None, "1")
    ledger.close()


def test_with_the_whole_transaction_its_parts_are_undone(path: Path) -> None:
    ledger = Ledger(path)
    with suppress(LookupError), ledger.write():
        with ledger.write():
            ledger.set("inside", "1")
        raise LookupError

    assert ledger.get("inside") is None
    ledger.close()


def test_an_error_of_whoever_writes_is_not_the_state_files(path: Path) -> None:
    ledger = Ledger(path)
    with pytest.raises(FileNotFoundError), ledger.write():
        raise FileNotFoundError(2, "no such file")
    with pytest.raises(StateError), ledger.write():
        ledger.db.execute("SELECT * FROM nowhere")

    with ledger.write():
        ledger.set("goes on", "1")
    assert ledger.get("goes on") == "1"
    ledger.close()
