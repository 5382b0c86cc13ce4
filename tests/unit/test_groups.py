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
from beklijf.model.facts import NOTHING
from beklijf.planning import plan_tracks
from beklijf.planning.groups import group, merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.unit.random_programmes import World

    from beklijf.model.domain import MentorshipKey, Track


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


def apart(world: World, *, ladder: bool) -> Mapping[MentorshipKey, Track]:
    """Plan each group by itself."""
    groups = group(world.trainings)
    facts = groups.facts(world.facts)
    found: dict[MentorshipKey, Track] = {}
    for name, trainings in groups.trainings.items():
        found |= plan_tracks(world.organisation, trainings, facts.get(name, NOTHING), HOLIDAYS, ladder=ladder)
    return {key: found[key] for key in groups.of_pair}


@SLOW
@given(lived(), st.booleans())
def test_the_whole_is_the_sum_of_its_groups(world: World, ladder: bool) -> None:
    whole = plan_tracks(world.organisation, world.trainings, world.facts, HOLIDAYS, ladder=ladder)

    assert apart(world, ladder=ladder) == whole
    assert [*apart(world, ladder=ladder)] == [*whole]


@SLOW
@given(lived())
def test_the_facts_of_all_groups_are_all_facts_about_those_who_are_planned_for(world: World) -> None:
    groups = group(world.trainings)
    known = merged(groups.facts(world.facts).values())

    assert (known.joined, known.kept, known.begun) == (world.facts.joined, world.facts.kept, world.facts.begun)
    assert known.heard == world.facts.heard
    assert {*known.pauses} == {*world.facts.pauses}
    pause = Pause(person="of-nobody@voorbeeld.example", kind="meetings", first=date(2027, 1, 4))
    assert groups.facts(replace(world.facts, pauses=(*world.facts.pauses, pause))) == groups.facts(world.facts)


@SLOW
@given(worlds())
def test_groups_are_the_same_in_whatever_order_the_config_has_its_trainings(world: World) -> None:
    there, back = group(world.trainings), group([*reversed(world.trainings)])

    assert there == back
    assert [*there.of_pair] == [*back.of_pair]


@SLOW
@given(worlds())
def test_people_of_one_group_are_joined_by_pairs_and_those_of_two_by_none(world: World) -> None:
    of_person = group(world.trainings).of_person

    pairs = [m for training in world.trainings for m in training.mentorships]
    assert all(of_person[m.mentee.key] == of_person[m.mentor.key] for m in pairs)
    for name in {*of_person.values()}:
        inside = {person for person, of in of_person.items() if of == name}
        reached = {name}
        for _ in inside:
            reached |= {p for m in pairs for p in (m.mentee.key, m.mentor.key) if {m.mentee.key, m.mentor.key} & reached}
        assert reached == inside


@SLOW
@given(worlds(), st.data())
def test_who_was_together_in_an_event_stays_in_one_group(world: World, data: st.DataObject) -> None:
    people = sorted({person.key for t in world.trainings for m in t.mentorships for person in (m.mentee, m.mentor)})
    one, other = (data.draw(st.sampled_from(people)) for _ in range(2))

    groups = group(world.trainings, [((), (one, other)), ((), ("gone@voorbeeld.example", other))])

    assert groups.of_person[one] == groups.of_person[other] == groups.of_person["gone@voorbeeld.example"]
    assert groups.of_party(((), (one, other))) == {groups.of_person[one]}
