"""Pairs that share people, so that what changes for one group is nothing to all others. Pure.

Two pairs that share no person, also not by way of others, cannot influence each other's plan: an hour, a day, a letter are somebody's.
Who was together in an event that the ledger still has stays connected by it. So the plan of all is that of each group by itself.

    a group's plan depends on
    ------------------------------------------------------------------------------------------------------------------
    its pairs and their trainings    the organisation    the public holidays    whether silence says anything just now
    the facts of its pairs: joined, arrived, chosen, moved, heard, goals
    the facts of its items, by their refs: kept, begun, generations, moved_instances
    the facts of its people: pauses, busy times
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from beklijf.model.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from beklijf.model.domain import MentorshipKey, Ref, Training

Party = tuple["Collection[MentorshipKey]", "Collection[str]"]
"""Whom an event is about: mentorships and persons, by key."""

NOBODY = ""
"""The group of events that nobody is in."""

_BY_PAIR = ("joined", "chosen", "moved", "heard", "goals")
_BY_REF = ("kept", "begun", "generations", "moved_instances")


@dataclass(frozen=True, slots=True)
class Groups:
    """Who hangs together; a group is called by the first of its people."""

    of_person: Mapping[str, str]
    """By key; people are in it whom only an event still knows."""
    of_pair: Mapping[MentorshipKey, str]
    of_owner: Mapping[str, str]
    """By what refs begin with: a pair, or a mentor in a training."""
    trainings: Mapping[str, tuple[Training, ...]]
    """By group, each with the mentorships of that group alone; none for people without a pair."""

    def of_ref(self, ref: Ref) -> str | None:
        return self.of_owner.get(ref.rpartition("/")[0])

    def of_party(self, party: Party) -> frozenset[str]:
        """Return the groups that the people of an event are in: one, or it connects them."""
        pairs, persons = party
        found = {self.of_pair[key] for key in pairs if key in self.of_pair}
        return frozenset(found | {self.of_person.get(person, person) for person in persons}) or frozenset({NOBODY})

    def facts(self, facts: Facts) -> Mapping[str, Facts]:
        """Return the facts of each group that has any; what is about nobody who is planned for is left out."""
        about: dict[str, Callable[[Any], str | None]] = dict.fromkeys(_BY_PAIR, self.of_pair.get)
        about |= dict.fromkeys(_BY_REF, self.of_ref)
        about |= {"busy": self.of_person.get, "arrived": lambda key: self.of_pair.get(key[0])}
        slices: defaultdict[str, dict[str, Any]] = defaultdict(_nothing)
        for name, group_of in about.items():
            for key, value in getattr(facts, name).items():
                if (found := group_of(key)) is not None:
                    slices[found][name][key] = value
        for pause in facts.pauses:
            if pause.person in self.of_person:
                slices[self.of_person[pause.person]]["pauses"] += (pause,)
        return {name: Facts(**values) for name, values in slices.items()}


def group(trainings: Iterable[Training], parties: Iterable[Party] = ()) -> Groups:
    """Find the groups of all pairs in *trainings*, and of the people of events that were made."""
    trainings = sorted(trainings, key=lambda training: training.id)
    leads: dict[str, str] = {}

    def lead(person: str) -> str:
        while (above := leads.setdefault(person, person)) != person:
            leads[person] = leads[above]
            person = above
        return person

    def connect(persons: Iterable[str]) -> None:
        first, *others = sorted({lead(person) for person in persons})
        for other in others:
            leads[other] = first

    mentees: dict[MentorshipKey, str] = {}
    for training in trainings:
        for mentorship in training.mentorships:
            mentees[mentorship.key] = mentorship.mentee.key
            connect((mentorship.mentee.key, mentorship.mentor.key))
    for pairs, persons in parties:
        if everybody := [*(mentees[key] for key in pairs if key in mentees), *persons]:
            connect(everybody)
    of_person = {person: lead(person) for person in leads}
    return _by_group(trainings, of_person)


def _by_group(trainings: Iterable[Training], of_person: Mapping[str, str]) -> Groups:
    of_pair: dict[MentorshipKey, str] = {}
    of_owner: dict[str, str] = {}
    by_group: defaultdict[str, list[Training]] = defaultdict(list)
    for training in trainings:
        members = defaultdict(list)
        for mentorship in training.mentorships:
            name = of_person[mentorship.mentee.key]
            members[name].append(mentorship)
            of_pair[mentorship.key] = name
            of_owner |= {mentorship.key: name, f"{training.id}/{mentorship.mentor.key}": name}
        for name, here in members.items():
            by_group[name].append(training if len(here) == len(training.mentorships) else replace(training, mentorships=tuple(here)))
    return Groups(of_person, of_pair, of_owner, {name: tuple(here) for name, here in by_group.items()})


def merged(parts: Iterable[Facts]) -> Facts:
    """Return the facts of several groups as one."""
    whole = _nothing()
    for facts in parts:
        for each in fields(Facts):
            if each.name != "pauses":
                whole[each.name].update(getattr(facts, each.name))
        whole["pauses"] += facts.pauses
    whole["pauses"] = tuple(sorted(whole["pauses"], key=lambda pause: (pause.person, pause.kind)))
    return Facts(**whole)


def _nothing() -> dict[str, Any]:
    return {each.name: () if each.name == "pauses" else {} for each in fields(Facts)}
