"""Whom a tick works out anew, and that nothing is kept for longer than it holds: two groups in one town, and time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.town import INVITED, KARIM, NOOR, QUIET, SANNE, WELCOME, Town, Wording, folder_town

from beklijf.decide.decider import Decider
from beklijf.decide.plan import Action
from beklijf.ledger import Decision
from beklijf.letters import Letters
from beklijf.model.conversation import Busy, Proposal
from beklijf.model.domain import MentorshipKey
from beklijf.model.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from beklijf.decide.plan import Plan
    from beklijf.decide.snapshot import Part, Snapshot

OMAR = "omar@voorbeeld.example"
LIZ = "liz@voorbeeld.example"
PERSONS = {SANNE: "Sanne de Vries", KARIM: "Karim Bakker", NOOR: "Noor Jansen", OMAR: "Omar Haddad", LIZ: "Liz de Boer"}
DRAFT = f"""
[[training]]
id = "concept"
name = "Coachend leidinggeven"
purpose = "Vragen voor antwoorden"
sessions = [2027-05-12, 2027-06-16]
state = "draft"
[[training.mentorship]]
mentee = "{NOOR}"
mentor = "{KARIM}"
"""


class Words(Wording):
    """A config with a draft in it: for as long as it is one, nobody is in two groups because of it."""

    def toml(self, calendar: str) -> str:
        return super().toml(calendar) + DRAFT


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Yield two pairs that share nobody, and somebody in none; nothing went out yet."""
    made = folder_town(tmp_path)
    made.words = Words(persons={email: (name, "") for email, name in PERSONS.items()}, pairs=((SANNE, KARIM), (NOOR, OMAR)))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def rested(town: Town) -> Town:
    """Let them have their invitations, until nothing is left to do."""
    town.at(WELCOME)
    town.at(INVITED)
    town.tick()
    town.tick()
    town.plan()
    return town


def snapshot(town: Town) -> Snapshot:
    return town.engine.taker.take(town.now, town.engine.reader.everything())


def mentees(plan: Plan) -> set[str]:
    """Return the mentees whose pairs were worked out anew."""
    return {key.rpartition("/")[2] for found in plan.fresh for key in found.tracks}


def told(plan: Plan) -> tuple[object, ...]:
    return plan.changes, plan.records, plan.next, plan.letters, plan.silences, plan.programme, plan.problems


def parts(town: Town, now: datetime | None = None) -> Mapping[str, Part]:
    return dict(town.engine.taker.parts.take(now or town.now, hears=town.engine.taker.hears))


# -- who is worked out anew --------------------------------------------------------------------------------------------


def test_nobody_is_of_whom_nothing_is_new(rested: Town) -> None:
    assert mentees(rested.plan()) == set()
    rested.now += timedelta(hours=1)
    assert mentees(rested.plan()) == set()


def test_what_changes_in_the_calendar_concerns_the_group_whose_it_is(rested: Town) -> None:
    rested.edit("goals", r"T150000", "T110000")
    rested.edit("goals", r"T160000", "T120000")

    assert mentees(rested.plan()) == {SANNE}


def test_what_was_decided_about_somebody_concerns_their_group_and_of_somebody_in_none_nobody(rested: Town) -> None:
    def decided(subject: str) -> set[str]:
        pause = Decision(id=1, kind="pause", subject=subject, field="meetings 2027-02-01", made=rested.now)
        return mentees(rested.engine.plan(rested.now, decided=[pause]))

    assert decided(LIZ) == set()
    assert decided(OMAR) == {NOOR}
    assert mentees(rested.plan()) == {NOOR}  # it isn't so, and nothing of it was kept


def test_whoever_looks_at_drafts_too_takes_nothing_from_what_is_kept_of_what_is_live(rested: Town) -> None:
    rested.engine.taker.including_drafts().plan(rested.now, rested.engine.reader.everything())

    assert mentees(rested.plan()) == set()


def test_everybody_is_where_something_is_new_that_is_the_same_for_all(rested: Town, tmp_path: Path) -> None:
    (tmp_path / "texts" / "nl").mkdir(parents=True)
    (tmp_path / "texts" / "nl" / "nudge.md.j2").write_bytes((Letters().folders[0] / "nl" / "nudge.md.j2").read_bytes())
    now, settings = snapshot(rested), rested.engine.config
    news = [
        replace(now, holidays=frozenset({date(2027, 1, 1)})),
        replace(now, texts=Letters(tmp_path / "texts")),
        replace(now, sender="none"),
        replace(now, ladder=not now.ladder),
        replace(now, config=replace(settings, service=replace(settings.service, installation="another"))),
        replace(now, config=replace(settings, organisation=replace(settings.organisation, name="Gemeente Elders"))),
    ]
    for new in news:
        decider = Decider()
        decider.decide(now)

        assert mentees(decider.decide(now)) == set()
        assert mentees(decider.decide(new)) == {SANNE, NOOR}


def test_whom_to_ask_is_found_by_what_is_so_now_whoever_was_asked_before(town: Town) -> None:
    town.at(WELCOME)
    town.now = INVITED - timedelta(hours=1)
    decider, now = Decider(), snapshot(town)
    [goals] = [item for item in decider.programme(now).tracks[MentorshipKey(f"leiding/{SANNE}")].items if item.ref.endswith("/goals")]
    asked = decider.whom_to_ask(now)
    closed = replace(now, holidays=frozenset({goals.starts[0].date()}))

    assert SANNE in asked
    assert decider.whom_to_ask(closed) == Decider().whom_to_ask(closed) != asked


def test_when_somebody_cannot_is_nothing_to_the_other_group(town: Town) -> None:
    town.at(WELCOME)
    town.now = INVITED - timedelta(hours=1)
    now = snapshot(town)

    def goals(snapshot: Snapshot) -> dict[str, datetime]:
        tracks = Decider().decide(snapshot).programme.tracks
        return {
            key.rpartition("/")[2]: item.starts[0] for key, track in tracks.items() for item in track.items if item.ref == f"{key}/goals"
        }

    free = goals(now)
    busy = {SANNE: (Busy(free[SANNE], free[SANNE] + timedelta(hours=1)),)}
    found = goals(replace(now, busy=busy))

    assert found[SANNE] != free[SANNE]
    assert found[NOOR] == free[NOOR]


def test_what_only_planning_can_see_is_said_each_time_and_not_once(town: Town) -> None:
    town.now = WELCOME - timedelta(days=30)
    town.words.pairs = ((SANNE, KARIM), (NOOR, KARIM))  # at one hour
    town.start()

    for _ in range(3):
        with pytest.raises(ConfigError, match="Karim Bakker is with"):
            town.plan()


def test_who_proposes_another_time_is_asked_about_from_now_on_for_weeks_and_so_is_the_other_one(rested: Town) -> None:
    now, key = snapshot(rested), MentorshipKey(f"leiding/{SANNE}")
    proposal = Proposal(
        id=1,
        at=now.now,
        mentorship=key,
        uid=rested.row("goals").uid,
        recurrence_id=None,
        who=SANNE,
        start=now.now,
        minutes=60,
        agreed=False,
    )

    asked = rested.engine.taker.decider.whom_to_ask(replace(now, proposals=(proposal,)))

    assert asked == {who: (now.now, now.now + timedelta(weeks=8)) for who in (SANNE, KARIM)}


# -- what is read again ------------------------------------------------------------------------------------------------


def test_the_part_of_a_group_is_read_again_where_something_is_written_of_it_and_only_there(rested: Town) -> None:
    taker, row = rested.engine.taker, rested.row("goals")
    with rested.engine.ledger.write():
        taker.conversation.bounce(LIZ, "550 no such user", rested.now)
    before = parts(rested)
    assert {name for name, part in parts(rested).items() if part is not before[name]} == set()

    with rested.engine.ledger.write():
        rested.engine.ledger.put(replace(row, refused=("place",)))

    after = parts(rested)
    assert {name for name, part in after.items() if part is not before[name]} == {taker.parts.events[row.uid]}
    with rested.engine.ledger.write():
        taker.conversation.bounce(OMAR, "550 no such user", rested.now)
    last = parts(rested)
    assert {name for name, part in last.items() if part is not after[name]} == {taker.parts.groups.of_person[OMAR]}
    assert {name for name, part in parts(rested).items() if part is not last[name]} == set()


def test_an_event_that_is_new_to_the_ledger_is_of_its_group_from_then_on(rested: Town) -> None:
    row = rested.row("goals")
    new = replace(row, uid=f"new-{row.uid}", generation=row.generation + 1)
    parts(rested)
    with rested.engine.ledger.write():
        rested.engine.ledger.put(new)

    assert parts(rested)[rested.engine.taker.parts.events[row.uid]].rows.keys() >= {row.uid, new.uid}


def test_a_goal_in_somebodys_own_words_is_that_of_their_mentorship(rested: Town) -> None:
    key = MentorshipKey(f"leiding/{SANNE}")
    with rested.engine.ledger.write():
        rested.engine.conversation.set_goal(key, SANNE, "Minder vergaderen", rested.now)

    goals = {m.key: m.goals for m in rested.plan().programme.trainings["leiding"].mentorships}

    assert goals == {key: ("Minder vergaderen",), MentorshipKey(f"leiding/{NOOR}"): ("Eerst twee vragen stellen",)}
    [part] = [part for name, part in parts(rested).items() if name == rested.engine.taker.parts.groups.of_pair[key]]
    assert [m.goals for training in part.trainings for m in training.mentorships] == [("Minder vergaderen",)]


def test_what_has_been_has_not_been_yet_where_the_clock_went_back(rested: Town) -> None:
    times = [rested.now + timedelta(days=days) for days in (0, 30, 60, 45, 3, 90, 30, 0)]

    found = [rested.engine.taker.facts(now) for now in times]

    assert found == [replace(rested.engine.taker, decider=Decider()).facts(now) for now in times]
    assert found[0] == found[-1] != found[2]


# -- how long it is kept -----------------------------------------------------------------------------------------------


def test_what_falls_due_is_found_at_that_very_instant(town: Town) -> None:
    town.now = WELCOME - timedelta(days=3)
    instants = 0
    while town.now < datetime(2027, 3, 1, tzinfo=WELCOME.tzinfo):
        town.engine.tick(town.now)
        due = town.plan().next
        if due is None:
            break
        town.now = due - timedelta(seconds=1)
        town.plan()
        town.now = due
        assert told(town.plan()) == told(replace(town.engine.taker, decider=Decider()).plan(due, town.engine.reader.everything()))
        instants += 1
    assert instants > 5


# -- a calendar that can't be read, and what stands in one ------------------------------------------------------------


def test_no_event_is_made_while_the_calendar_cannot_be_read(town: Town) -> None:
    town.at(WELCOME)
    town.now = INVITED

    seen, blind = town.plan(), town.engine.taker.plan(town.now, None)

    assert {change.action for change in seen.changes} == {Action.CREATE}
    assert blind.changes == ()


def test_nothing_is_noted_of_events_while_the_calendar_cannot_be_read(rested: Town) -> None:
    rested.at(datetime(2027, 8, 2, 9, tzinfo=WELCOME.tzinfo))
    rested.words.pairs = ((NOOR, OMAR),)
    rested.start()

    seen, blind = rested.plan(), rested.engine.taker.plan(rested.now, None)

    assert {row.mentorships[0] for row in seen.records} == {f"leiding/{SANNE}"}
    assert (blind.records, blind.adopted, blind.assumed) == ((), (), ())


def test_a_deleted_event_that_is_put_back_as_it_was_stands_again(rested: Town) -> None:
    row = rested.row("goals")
    was = rested.read(row.href)
    rested.remove(row.href)
    rested.tick()
    gone = rested.row("goals").state
    rested.write(row.href, was)
    rested.tick()

    assert (gone, rested.row("goals").state) == ("deleted", "live")
    rested.tick(QUIET)
    assert "CANCEL" not in {method for _, method, _ in rested.told()}


def test_a_plan_has_a_meeting_where_people_moved_it_to_and_none_that_they_deleted(rested: Town) -> None:
    def meetings() -> list[str]:
        track = rested.plan().programme.tracks[MentorshipKey(f"leiding/{SANNE}")]
        return [f"{at:%d %b %H:%M}" for at in track.meetings]

    first, *others = meetings()
    rested.edit("goals", r"T150000", "T110000")
    rested.edit("goals", r"T160000", "T120000")
    rested.tick()
    moved = meetings()
    rested.remove(rested.row("goals").href)
    rested.tick()

    assert moved == [first.replace("15:00", "11:00"), *others] != [first, *others]
    assert meetings() == others


def test_an_older_state_that_was_approved_is_noted_of_that_event_before_it_is_written_over(rested: Town) -> None:
    row, old = rested.row("goals"), rested.read(rested.row("goals").href)
    rested.words.place = "Zaal 2"
    rested.changed()
    rested.tick()
    rested.write(row.href, old)

    held = rested.plan()
    approved = rested.engine.plan(rested.now, approve=[held.id])

    assert ([each.change.ref for each in held.held], approved.held) == ([row.ref], ())
    assert [(each.ref, each.asked) for each in approved.records] == [(row.ref, row.asked)]


def test_events_of_ours_that_nobody_asks_for_are_named_in_one_order(rested: Town) -> None:
    uid, text = rested.row("goals").uid, rested.read(rested.row("goals").href)
    for number in range(8):
        rested.write(f"{number}.ics", text.replace(uid.encode(), f"{number}-{uid}".encode()))

    problems = [problem.where for problem in rested.plan().problems]

    assert problems == [f"calendar event {number}-{uid}" for number in range(8)]
