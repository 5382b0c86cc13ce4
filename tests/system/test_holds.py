"""The life of a hold: what is held stays held, whatever passes, until somebody approves it or the config takes it back.

Whole installations in folders, months of them, with the time passed in.
"""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.system.town import BEGIN, DAY, NAMES, Town

from beklijf.commands import report as reports
from beklijf.commands import status, status_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from beklijf.decide.plan import Plan


class Crash(BaseException):
    """The process ends here: nothing may catch it, as nothing catches SIGKILL."""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an installation of two weeks, of which each test goes on with a copy."""
    made = Town(tmp_path_factory.mktemp("lived"))
    with closing(made.stack):
        made.start()
        for _ in made.until(BEGIN + 14 * DAY):
            pass
        assert len(made.calendar()) >= 8, "everybody has the goals meeting and the series by now"
        made.mails()
    return made.folder


@pytest.fixture
def town(tmp_path: Path, lived: Path) -> Iterator[Town]:
    shutil.copytree(lived, tmp_path, dirs_exist_ok=True)
    made = Town(tmp_path, now=BEGIN + 14 * DAY)
    with closing(made.stack):
        made.start()
        yield made


def held(plan: Plan | None) -> set[str]:
    assert plan is not None
    return {each.change.ref for each in plan.held}


# -- what passes does not let go of the rest ---------------------------------------------------------------------------


def test_the_cancellations_of_a_deleted_training_go_out_on_no_day_by_themselves(town: Town) -> None:
    for _ in town.until(datetime(2026, 11, 12, 8, tzinfo=UTC)):
        pass
    town.mails()
    outcome = town.edit(training="")
    assert outcome.plan is not None
    name, stood = outcome.plan.id, town.calendar()
    assert len(held(outcome.plan)) >= 4

    while town.ahead():
        outcome = town.tick(DAY)
        plan = town.plan()
        assert (plan.id, bool(plan.held)) == ((name, True) if town.ahead() else (plan.id, False)), town.now
        assert town.calendar() == stood
    assert town.now > datetime(2026, 12, 2, tzinfo=UTC)

    town.tick()
    assert town.holds() == ()
    assert town.invitations() == []


@pytest.mark.parametrize(("edited", "reason"), [({"training": ""}, "gone from the config"), ({"state": "draft"}, "a draft again")])
def test_a_running_training_that_is_gone_or_a_draft_again_is_held_however_small(town: Town, edited: dict[str, str], reason: str) -> None:
    town.edit(pairs=1, people=1000, withdrawals=1000)
    town.mails()
    stood = town.calendar()

    plan = town.edit(**edited).plan
    assert plan is not None

    assert [reason in each.reason for each in plan.held] == [True, True], "the goals meeting and the series"
    assert town.calendar() == stood
    assert town.invitations() == []
    town.tick(approve=(plan.id,))
    assert sorted(set(town.invitations())) == ["anna@voorbeeld.example", "mentor-van-anna@voorbeeld.example"]


def test_a_draft_that_is_live_again_goes_on_as_if_nothing_had_been(town: Town) -> None:
    town.edit(state="draft")
    town.mails()
    stood = town.calendar()

    plan = town.edit(state="live").plan

    assert plan is not None
    assert plan.held == ()
    assert town.calendar() == stood
    assert town.invitations() == []


def test_a_plan_says_of_no_draft_that_nothing_is_sent_while_its_events_stand(town: Town) -> None:
    town.edit(state="draft")
    words = reports.Words.of(town.engine.config, town.now)

    def said() -> str:
        planned = reports.planned(town.engine, town.engine.plan(town.now), chosen=lambda _: True, until=None)
        return "\n".join(reports.plan_lines(planned, words, narrowed=False))

    while_held = said()
    standing = "\n".join(status_report.lines(status.status(town.engine, town.engine.plan(town.now), words), words))
    town.tick(approve=(town.plan().id,))

    assert "is a draft again while meetings are still to come" in " ".join(while_held.split())
    assert "nothing is sent" not in while_held + standing
    assert "leiding is a draft: nothing is sent" in said()


def test_status_names_what_is_held_of_a_training_that_is_gone(town: Town) -> None:
    town.edit(training="")
    words = reports.Words.of(town.engine.config, town.now)

    staff = status.status(town.engine, town.engine.plan(town.now), words).staff

    assert len(staff.held) == 8
    assert "anna@voorbeeld.example" in {to for each in staff.held for to in each.to}


def test_a_pair_that_is_taken_out_of_a_training_that_stays_is_held_by_the_numbers_alone(town: Town) -> None:
    plan = town.edit(pairs=3).plan

    assert plan is not None
    assert plan.held == ()
    assert sorted(set(town.invitations())) == ["dirk@voorbeeld.example", "mentor-van-dirk@voorbeeld.example"]


def test_a_training_under_another_id_gives_nobody_a_second_series_beside_the_first(town: Town) -> None:
    plan = town.edit(training="leidinggeven", people=1000, withdrawals=1000).plan
    assert plan is not None
    for _ in town.until(town.now + 3 * DAY):
        pass
    plan = town.plan()

    assert len({row.ref for row in town.engine.ledger.rows().values()}) == 8
    assert {each.change.training for each in plan.held} == {"leiding", "leidinggeven"}
    town.mails()
    town.tick(approve=(plan.id,))
    assert town.plan().held == ()
    assert {row.training for row in town.engine.ledger.rows().values()} == {"leidinggeven"}


def test_a_closure_of_which_a_part_passed_is_held_as_long_as_anything_of_it_lies_ahead(town: Town) -> None:
    outcome = town.edit(closed="{ from = 2026-12-14, until = 2027-01-01 }")
    assert outcome.plan is not None
    name, before = outcome.plan.id, held(outcome.plan)
    assert len(before) == 4
    stood = town.calendar()

    seen: set[frozenset[str]] = set()
    for outcome in town.until(datetime(2026, 12, 30, 20, tzinfo=UTC)):
        plan = town.plan()
        seen.add(frozenset(held(plan) & before))
        assert {each.hold for each in plan.held} <= {name}
        assert not [change for change in outcome.done if change.action in {"update", "withdraw"}]

    assert len(seen) > 2, "it shrank from day to day"
    assert min(map(len, seen)) <= 2, "to fewer people than max_people"
    made = {file: data for file, data in town.calendar().items() if file not in stood}
    assert {file: data for file, data in town.calendar().items() if file not in made} == stood
    assert not [file for file in made if b"stand-in" in made[file]]


def test_a_stand_in_waits_for_the_meeting_that_it_stands_in_for(town: Town) -> None:
    town.edit(closed="{ from = 2026-12-14, until = 2026-12-24 }")
    standing_in = {f"stand-in:{at:%Y-%m-%d}" for at in (datetime(2026, 12, 14, tzinfo=UTC) + n * DAY for n in range(11))}

    made = [change.ref for outcome in town.until(datetime(2026, 12, 10, tzinfo=UTC)) for change in outcome.done]
    waiting = {ref.rpartition("/")[2] for ref in held(town.plan())} & standing_in

    assert not {ref.rpartition("/")[2] for ref in made} & standing_in
    assert waiting
    town.tick(approve=(town.plan().id,))
    assert town.plan().held == ()
    stands = {row.ref.rpartition("/")[2] for row in town.engine.ledger.rows().values()}
    assert waiting <= stands


def test_higher_numbers_in_the_config_let_nothing_go_that_is_held(town: Town) -> None:
    name = town.edit(place="Zaal 2").plan.id  # type: ignore[union-attr]  # nothing else ticks

    outcome = town.edit(people=1000)

    assert outcome.plan is not None
    assert {each.hold for each in outcome.plan.held} == {name}
    assert town.invitations() == []


# -- the config takes it back ------------------------------------------------------------------------------------------


def test_what_the_config_takes_back_is_held_no_more_and_nobody_hears_of_it(town: Town) -> None:
    town.edit(place="Zaal 2")
    assert len(town.mails()) == 2, "coordinator and administrator"

    outcome = town.edit(place="Zaal 1")

    assert outcome.plan is not None
    assert outcome.plan.held == ()
    assert town.holds() == ()
    assert town.mails() == []


def test_what_is_asked_for_again_after_it_was_taken_back_is_told_to_staff_again(town: Town) -> None:
    town.edit(place="Zaal 2")
    town.edit(place="Zaal 1")
    town.mails()

    town.edit(place="Zaal 2")

    assert sorted(to for to, _ in town.mails()) == ["opleidingen@voorbeeld.example", "servicedesk@voorbeeld.example"]


def test_another_edit_of_the_config_keeps_the_name_of_what_is_held(town: Town) -> None:
    name = town.edit(place="Zaal 2").plan.id  # type: ignore[union-attr]  # nothing else ticks
    town.mails()

    outcome = town.edit(withdrawals=9)

    assert outcome.plan is not None
    assert outcome.plan.id == name
    assert town.mails() == []


def test_something_else_in_its_place_is_not_what_was_approved(town: Town) -> None:
    first = town.edit(place="Zaal 2").plan
    second = town.edit(place="Zaal 3").plan
    assert first is not None
    assert second is not None

    assert second.id != first.id
    town.tick(approve=(first.id,))
    assert town.invitations() == []
    town.tick(approve=(second.id,))
    assert len(set(town.invitations())) == 8


def test_more_is_a_hold_of_its_own_however_small_and_the_first_can_be_approved_alone(town: Town) -> None:
    first = town.edit(place="Zaal 2").plan
    assert first is not None

    grown = town.edit(closed=town.meeting("bram")).plan  # one meeting of one pair, whose place is held already

    assert grown is not None
    names = {each.hold for each in grown.held}
    assert len(names) == 2
    assert first.id in names
    assert grown.id not in names, "all of it together"
    town.tick(approve=(first.id,))
    told = town.invitations()
    assert len(told) == 14, "of two events each, all but the one of which more is asked"
    assert [told.count(f"{name}@voorbeeld.example") for name in NAMES[:4]] == [2, 1, 2, 2]
    assert {each.hold for each in town.plan().held} == names - {first.id}
    town.tick(approve=tuple(names - {first.id}))
    assert town.plan().held == ()


def test_two_holds_are_approved_together_under_the_name_of_both(town: Town) -> None:
    town.edit(place="Zaal 2")
    grown = town.edit(closed=town.meeting("bram")).plan
    assert grown is not None

    town.tick(approve=(grown.id,))

    assert town.plan().held == ()
    assert len(set(town.invitations())) == 8


# -- an approval counts until it is done -------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 1, 3, 6])
def test_an_approval_counts_though_the_power_fails_in_the_tick_that_carries_it_out(town: Town, after: int) -> None:
    name = town.edit(place="Zaal 2").plan.id  # type: ignore[union-attr]  # nothing else ticks
    town.mails()
    left = iter(range(after))

    def done() -> None:
        if next(left, None) is None:
            raise Crash

    town.now += timedelta(minutes=5)
    with pytest.raises(Crash):
        town.engine.tick(town.now, approve=[name], patient=False, done=done)
    town.start()
    for _ in range(3):
        outcome = town.tick()
        assert outcome.plan is None or outcome.plan.held == ()

    assert sorted(town.invitations()) == sorted(2 * [f"{role}{n}@voorbeeld.example" for n in NAMES[:4] for role in ("", "mentor-van-")])
    assert town.holds() == ()


def test_an_approval_counts_though_the_power_fails_before_the_first_of_it_is_done(town: Town) -> None:
    name = town.edit(place="Zaal 2").plan.id  # type: ignore[union-attr]  # nothing else ticks
    town.mails()

    def stop() -> bool:
        if any(hold.approved for hold in town.holds()):  # after everything was noted, and before each change
            raise Crash
        return False

    with pytest.raises(Crash):
        town.engine.tick(town.now, approve=[name], patient=False, stop=stop)
    town.start()
    outcome = town.tick()

    assert outcome.plan is not None
    assert outcome.plan.held == ()
    assert len(town.invitations()) == 16


def test_an_approval_by_a_decision_counts_through_any_number_of_crashes(town: Town) -> None:
    name = town.edit(place="Zaal 2").plan.id  # type: ignore[union-attr]  # nothing else ticks
    town.mails()
    with town.engine.ledger.write():
        town.engine.ledger.decide("approve", name, made=town.now)
    chance = random.Random(8)  # noqa: S311  # no secret

    def done() -> None:
        if chance.random() < 0.4:
            raise Crash

    for _ in range(40):
        town.now += timedelta(minutes=5)
        try:
            outcome = town.engine.tick(town.now, patient=False, done=done)
        except Crash:
            town.start()
        else:
            assert outcome.plan is None or outcome.plan.held == ()
    assert len(town.invitations()) == 16
    assert town.holds() == ()


def test_what_is_asked_for_after_an_approval_is_not_approved_with_it(town: Town) -> None:
    name = town.edit(place="Zaal 2").plan.id  # type: ignore[union-attr]  # nothing else ticks

    def done() -> None:
        raise Crash

    with pytest.raises(Crash):
        town.engine.tick(town.now, approve=[name], patient=False, done=done)

    plan = town.edit(place="Zaal 3").plan

    assert plan is not None
    assert len({each.hold for each in plan.held}) == 1
    assert plan.id != name


# -- faults and the clock ----------------------------------------------------------------------------------------------


def test_vanished_events_stay_held_when_most_of_them_are_back(town: Town) -> None:
    town.edit(withdrawals=2)
    place = town.folder / "calendars" / "mentor@voorbeeld.example"
    files = sorted(place.glob("*.ics"))[:5]
    taken = {path: path.read_bytes() for path in files}
    for path in files:
        path.unlink()
    name = town.tick().plan.id  # type: ignore[union-attr]  # a read-through
    for path in files[1:]:
        path.write_bytes(taken[path])

    for _ in range(4):
        town.tick()
    plan = town.plan()

    assert len(plan.held) == 1
    assert plan.id == name
    assert town.invitations() == []
    town.tick(approve=(name,))
    town.tick(timedelta(minutes=11))
    assert len(town.invitations()) == 2, "it counts as deleted by a person, and the two hear of it"


def test_of_vanished_events_nothing_is_heard_before_they_count_as_deleted(town: Town) -> None:
    town.edit(withdrawals=2, more="[answers]\nread = true\n")
    for path in (town.folder / "calendars" / "mentor@voorbeeld.example").glob("*.ics"):
        path.unlink()
    name = town.tick().plan.id  # type: ignore[union-attr]  # a read-through
    town.tick()
    before = cancelled(town)

    town.tick(approve=(name,))

    assert before == []
    assert len(cancelled(town)) == len(set(cancelled(town))) > 2


def cancelled(town: Town) -> list[str]:
    """Return of which events the ledger believes that people cancelled them."""
    return [row["uid"] for row in town.engine.ledger.db.execute("SELECT uid FROM heard WHERE said = 'cancelled'")]


def test_vanished_events_that_are_all_back_are_held_no_more(town: Town) -> None:
    town.edit(withdrawals=2)
    place = town.folder / "calendars" / "mentor@voorbeeld.example"
    taken = {path: path.read_bytes() for path in place.glob("*.ics")}
    for path in taken:
        path.unlink()
    assert held(town.tick().plan)
    for path, data in taken.items():
        path.write_bytes(data)

    outcome = town.tick()

    assert outcome.plan is not None
    assert outcome.plan.held == ()
    assert town.holds() == ()
    assert town.invitations() == []


def test_after_a_silence_what_came_due_since_is_a_hold_of_its_own(town: Town) -> None:
    first = town.tick(20 * DAY).plan  # a day on which a letter is due
    assert first is not None
    second = town.edit(place="Zaal 2").plan
    assert second is not None
    names = {each.hold for each in second.held}
    assert first.id in names
    assert len(names) == 2
    town.mails()

    third = town.tick(approve=(first.id,)).plan

    assert third is not None
    assert {each.hold for each in third.held} == names - {first.id}
    town.tick(approve=(third.id,))
    assert town.plan().held == ()
    town.tick()
    assert town.holds() == ()


def test_a_clock_that_is_right_again_lets_go_of_what_it_held(town: Town) -> None:
    right = town.now
    jumped = town.tick(62 * DAY).plan  # a day on which a letter is due
    assert jumped is not None
    assert jumped.held
    town.now = right

    outcome = town.tick(DAY)

    assert outcome.plan is not None
    assert outcome.plan.held == ()
    assert town.holds() == ()
