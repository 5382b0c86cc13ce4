"""Pairs that share people, and what was planned for them: kept until something that it depends on changes. Pure but for that.

Two pairs that share no person, also not by way of others, cannot influence each other's plan: an hour, a day, a letter are somebody's.
So the tracks of all are those of each group by itself, and a tick plans the groups of which something is new.

    a group's tracks depend on
    ------------------------------------------------------------------------------------------------------------------
    its pairs and their trainings    the organisation    the public holidays    whether silence says anything just now
    the facts of its pairs: joined, arrived, chosen, moved, heard
    the facts of its items, by their refs: kept, begun, generations, strayed
    the facts of its people: pauses, busy times
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from beklijf import planning
from beklijf.model.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

    from beklijf.model.domain import MentorshipKey, Organisation, Track, Training

_BY_PAIR = ("joined", "chosen", "moved", "heard", "goals")
_BY_REF = ("kept", "begun", "generations", "strayed")


@dataclass(frozen=True, slots=True)
class Group:
    """What planning gets for one group."""

    trainings: tuple[Training, ...]
    """With the mentorships of this group alone."""
    facts: Facts
    organisation: Organisation
    holidays: frozenset[date]
    ladder: bool


@dataclass(slots=True)
class Planner:
    """Plans all trainings, each group when something about it is new."""

    _kept: dict[str, tuple[Group, dict[MentorshipKey, Track]]] = field(default_factory=dict)
    """By the first person of the group."""

    def tracks(
        self, organisation: Organisation, trainings: Iterable[Training], facts: Facts, holidays: frozenset[date], *, ladder: bool = False
    ) -> dict[MentorshipKey, Track]:
        """Return what `planning.plan_tracks` would, in the same order."""
        trainings = sorted(trainings, key=lambda training: training.id)
        whose = whose_group(trainings)
        kept: dict[str, tuple[Group, dict[MentorshipKey, Track]]] = {}
        found: dict[MentorshipKey, Track] = {}
        slices = _facts_of(facts, trainings, whose)
        for name, members in _split(trainings, whose).items():
            group = Group(members, slices[name], organisation, holidays, ladder)
            before = self._kept.get(name)
            if before is not None and before[0] == group:
                kept[name] = before
            else:
                kept[name] = group, planning.plan_tracks(organisation, members, group.facts, holidays, ladder=ladder)
            found |= kept[name][1]
        self._kept = kept
        return {mentorship.key: found[mentorship.key] for training in trainings for mentorship in training.mentorships}


def whose_group(trainings: Iterable[Training]) -> dict[str, str]:
    """Return the group of each person, both by key; a group is called by the first of its people."""
    leads: dict[str, str] = {}

    def lead(person: str) -> str:
        while (above := leads.setdefault(person, person)) != person:
            leads[person] = leads[above]
            person = above
        return person

    for training in trainings:
        for mentorship in training.mentorships:
            one, other = sorted((lead(mentorship.mentee.key), lead(mentorship.mentor.key)))
            leads[other] = one
    return {person: lead(person) for person in leads}


def _split(trainings: Iterable[Training], whose: Mapping[str, str]) -> dict[str, tuple[Training, ...]]:
    found: defaultdict[str, list[Training]] = defaultdict(list)
    for training in trainings:
        members = defaultdict(list)
        for mentorship in training.mentorships:
            members[whose[mentorship.mentee.key]].append(mentorship)
        for name, here in members.items():
            found[name].append(training if len(here) == len(training.mentorships) else replace(training, mentorships=tuple(here)))
    return {name: tuple(here) for name, here in found.items()}


def _facts_of(facts: Facts, trainings: Iterable[Training], whose: Mapping[str, str]) -> dict[str, Facts]:
    """Return the facts of each group; what is about nobody who is planned for is left out."""
    by_pair: dict[str, str] = {}
    by_series: dict[str, str] = {}
    for training in trainings:
        for mentorship in training.mentorships:
            group = whose[mentorship.mentee.key]
            by_pair[mentorship.key] = group
            by_series |= {mentorship.key: group, f"{training.id}/{mentorship.mentor.key}": group}
    about: dict[str, Callable[[Any], str | None]] = dict.fromkeys(_BY_PAIR, by_pair.get)
    about |= dict.fromkeys(_BY_REF, lambda ref: by_series.get(ref.rpartition("/")[0]))
    about |= {"busy": whose.get, "arrived": lambda key: by_pair.get(key[0])}
    slices: defaultdict[str, dict[str, Any]] = defaultdict(_nothing)
    for name, group_of in about.items():
        for key, value in getattr(facts, name).items():
            if (found := group_of(key)) is not None:
                slices[found][name][key] = value
    for pause in facts.pauses:
        if pause.person in whose:
            slices[whose[pause.person]]["pauses"] += (pause,)
    return {name: Facts(**slices[name]) for name in {*whose.values()}}


def _nothing() -> dict[str, Any]:
    return {each.name: () if each.name == "pauses" else {} for each in fields(Facts)}
