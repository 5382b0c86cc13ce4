"""Groups of pairs that share people: planned apart they are planned as if together, whatever happens in whatever order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.random_programmes import HOLIDAYS, SLOW, busy_worlds, days, fed_back, worlds

from beklijf.model.conversation import Heard, History, Pause, Said
from beklijf.model.domain import Ref
from beklijf.planning import plan_tracks
from beklijf.planning.groups import Planner, whose_group

if TYPE_CHECKING:
    from tests.unit.random_programmes import World


@st.composite
def lived(draw: st.DrawFn) -> World:
    """Return a world of which something was written, heard, moved and paused."""
    world = draw(st.one_of(worlds(), busy_worlds()))
    now = datetime.combine(draw(days), datetime.min.time(), UTC)
    tracks = world.tracks()
    facts = fed_back(world.facts, tracks, now) if draw(st.booleans()) else world.facts
    heard = {}
    for key, track in tracks.items():
        said = draw(st.lists(st.sampled_from([Said.INVITED, Said.ACCEPTED, Said.DECLINED]), max_size=3))
        who = track.mentorship.mentee
        ref = Ref(f"{key}/series")
        heard[key] = History(heard=tuple(Heard(at=now, said=each, uid=key, ref=ref, who=who.email, person=who.key) for each in said))
    people = sorted({person.key for t in world.trainings for m in t.mentorships for person in (m.mentee, m.mentor)})
    paused = st.builds(Pause, person=st.sampled_from(people), kind=st.just("meetings"), first=st.just(now.date()), last=st.just(now.date()))
    facts = replace(facts, heard={key: said for key, said in heard.items() if said.heard}, pauses=tuple(draw(st.lists(paused, max_size=2))))
    return replace(world, facts=facts)


@SLOW
@given(st.lists(lived(), min_size=1, max_size=2), st.booleans())
def test_the_whole_is_the_sum_of_its_groups_whatever_was_planned_before(told: list[World], ladder: bool) -> None:
    planner = Planner()
    for world in [*told, *reversed(told)]:
        whole = plan_tracks(world.organisation, world.trainings, world.facts, HOLIDAYS, ladder=ladder)

        apart = planner.tracks(world.organisation, world.trainings, world.facts, HOLIDAYS, ladder=ladder)

        assert apart == whole
        assert [*apart] == [*whole]


@SLOW
@given(lived(), st.data())
def test_what_changes_for_one_person_is_planned_anew_for_their_group_alone(world: World, data: st.DataObject) -> None:
    planner = Planner()
    before = planner.tracks(world.organisation, world.trainings, world.facts, HOLIDAYS, ladder=True)
    key = data.draw(st.sampled_from(sorted(before)))
    pause = Pause(person=before[key].mentorship.mentee.key, kind="meetings", first=date(2027, 1, 1), last=None)
    changed = replace(world, facts=replace(world.facts, pauses=(*world.facts.pauses, pause)))

    after = planner.tracks(changed.organisation, changed.trainings, changed.facts, HOLIDAYS, ladder=True)

    group = whose_group(world.trainings)
    mine = group[before[key].mentorship.mentee.key]
    others = [each for each in before if group[before[each].mentorship.mentee.key] != mine]
    assert all(after[each] is before[each] for each in others)
    assert after == plan_tracks(changed.organisation, changed.trainings, changed.facts, HOLIDAYS, ladder=True)


@SLOW
@given(worlds())
def test_people_of_one_group_are_joined_by_pairs_and_those_of_two_by_none(world: World) -> None:
    group = whose_group(world.trainings)

    pairs = [m for training in world.trainings for m in training.mentorships]
    assert all(group[m.mentee.key] == group[m.mentor.key] for m in pairs)
    for name in {*group.values()}:
        inside = {person for person, of in group.items() if of == name}
        reached = {name}
        for _ in inside:
            reached |= {p for m in pairs for p in (m.mentee.key, m.mentor.key) if {m.mentee.key, m.mentor.key} & reached}
        assert reached == inside
