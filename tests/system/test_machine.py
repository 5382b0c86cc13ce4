"""Whatever people, servers and power cuts do in between, the end is right: a search for an order of things that breaks it.

Config edits, human edits, calls that fail before or after they worked, crashes, restarts and clock jumps in any order. Then
everything works again, held changes are approved, and what must be true of any installation at rest is looked at.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from tests.system.machine import MENTEES, Machine, nth

from beklijf.model import canonical
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Iterator


# -- the machine -------------------------------------------------------------------------------------------------------


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=settings().max_examples // 2,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
    derandomize=settings.get_current_profile_name() == "quick",
    database=None,
)


# -- orders of things that once broke it -------------------------------------------------------------------------------


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = Machine()
    made.begin()
    yield made
    made.teardown()


def give_back(machine: Machine, item: str) -> None:
    [row] = [row for row in machine.ledger.rows().values() if row.ref == f"t/{MENTEES[1]}/{item}"]
    machine.wrote.pop(row.uid, None)
    with machine.desk.write():
        machine.desk.decide("restore", row.ref, made=machine.now)


def test_a_meeting_that_is_given_back_leaves_the_moved_series_where_it_was(machine: Machine) -> None:
    machine.move_a_whole_event(which=nth(machine, "series"), days=1, hour=11)
    machine.move_a_whole_event(which=nth(machine, "goals"), days=1, hour=14)
    machine.settle()

    give_back(machine, "goals")
    machine.settle()

    series = machine.events()[nth(machine, "series")].event
    assert (series.start.weekday(), series.start.hour) == (4, 11)


def test_a_deleted_meeting_is_cancelled_though_its_pair_is_taken_out_before_anybody_was_told(machine: Machine) -> None:
    machine.delete(which=nth(machine, "goals"))
    machine.tick()
    machine.take_out(which=1)

    machine.settle()

    assert machine.post.agenda(MENTEES[1]) == {}


def test_a_deleted_meeting_that_is_given_back_before_anybody_was_told_does_not_stand_twice(machine: Machine) -> None:
    machine.delete(which=nth(machine, "goals"))
    machine.tick()
    give_back(machine, "goals")

    machine.settle()

    assert len(machine.post.agenda(MENTEES[1])) == 2  # the goals meeting and the series


def test_a_meeting_that_was_moved_into_the_past_is_cancelled_for_who_has_it_ahead_when_its_pair_is_taken_out(machine: Machine) -> None:
    machine.move_a_whole_event(which=nth(machine, "goals"), days=-2, hour=13)
    machine.now = canonical.meetings(machine.events()[nth(machine, "goals")].event)[0] + timedelta(hours=3)
    machine.take_out(which=1)

    machine.settle()

    assert machine.post.agenda(MENTEES[1]) == {}


def test_a_series_from_the_bin_keeps_what_people_made_of_it_and_alarms_nobody(machine: Machine) -> None:
    machine.move_one_meeting(which=nth(machine, "series"), nth=1, days=1, hour=9, off=False)
    machine.settle()
    machine.delete(which=nth(machine, "series"))
    machine.settle()

    machine.bring_back(which=0)
    outcome = machine.tick()

    assert outcome is not None
    assert outcome.plan is not None
    assert outcome.plan.held == ()


def test_a_meeting_from_the_bin_that_is_moved_at_once_is_not_taken_for_a_restored_server(machine: Machine) -> None:
    machine.delete(which=nth(machine, "goals"))
    machine.settle()
    machine.bring_back(which=0)
    machine.tick()
    stored = machine.events()[nth(machine, "goals")]
    moved = replace(stored.event, start=stored.event.start - timedelta(days=1))
    machine.client.update(stored, moved, frozenset({"time"}), sequence=stored.sequence, agent=Agent.CLIENT, stamp=machine.now)

    outcome = machine.tick()

    assert outcome is not None
    assert outcome.plan is not None
    assert outcome.plan.held == ()
    machine.settle()
    assert machine.events()[nth(machine, "goals")].event.start == moved.start


def test_a_withdrawal_that_a_bad_line_cut_off_is_not_taken_for_a_restored_server(machine: Machine) -> None:
    machine.take_out(which=1)
    machine.calendar_fails(faults=["works", "transient"])
    machine.tick()

    machine.now += timedelta(minutes=6)
    outcome = machine.tick()

    assert outcome is not None
    assert outcome.plan is not None
    assert outcome.plan.held == ()


def test_staff_gets_one_mail_about_a_hold_however_often_the_service_ticks(machine: Machine) -> None:
    machine.change_the_place("Zaal 2")
    machine.now += timedelta(days=12)

    for _ in range(5):
        machine.tick()
        machine.now += timedelta(minutes=5)

    notices = machine.ledger.db.execute("SELECT recipient FROM outbox WHERE kind = 'notice'").fetchall()
    assert sorted(row["recipient"] for row in notices) == ["opleidingen@voorbeeld.example", "servicedesk@voorbeeld.example"]


def test_an_approval_waits_for_a_calendar_that_is_away(machine: Machine) -> None:
    for mentee in MENTEES[:3]:
        machine.change_the_hour(mentee, "fri", 9 + MENTEES.index(mentee))
    machine.edit(replace(machine.words, pairs=machine.words.pairs[:1]))
    held = machine.tick()
    assert held is not None
    assert held.plan is not None
    assert held.plan.held

    with machine.desk.write():
        machine.desk.decide("approve", held.plan.id, made=machine.now)
    machine.calendar_fails(["transient"])
    machine.tick()
    machine.now += timedelta(minutes=6)
    outcome = machine.tick()

    assert outcome is not None
    assert outcome.plan is not None
    assert outcome.plan.held == ()
    assert len(outcome.done) >= 4


def test_what_vanished_is_asked_about_once_also_when_nobody_wants_it_any_more(machine: Machine) -> None:
    machine.edit(replace(machine.words, pairs=machine.words.pairs[:1]))
    machine.now += timedelta(minutes=5)
    while machine.events():
        machine.delete(which=0)

    machine.settle()
