"""The ledger in parts, one a group of pairs: each is read again where something of it was written, or time has made a fact of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from beklijf.decide.snapshot import Part
from beklijf.ledger.facts import read_facts
from beklijf.ledger.written import NEVER
from beklijf.model.domain import MentorshipKey, Ref
from beklijf.model.facts import NOTHING
from beklijf.planning.groups import NOBODY, Groups, group

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Mapping
    from datetime import datetime

    from beklijf.contracts.settings import Config
    from beklijf.ledger import Ledger, Row
    from beklijf.ledger.conversation import Conversation
    from beklijf.ledger.outbox import Outbox
    from beklijf.model.conversation import Pause
    from beklijf.model.domain import Training


class Parts:
    """All parts of one installation, from one reading to the next; one that stays as it was is the same object."""

    def __init__(self, config: Config, ledger: Ledger, outbox: Outbox, conversation: Conversation, *, drafts: bool) -> None:
        self.groups = Groups({}, {}, {}, {})
        self.events: Mapping[str, str] = {}
        """The group of each event that the ledger has, closed ones included, by UID."""
        self.trainings: Mapping[str, Training] = {}
        """Those that count, with the goals that mentees wrote."""
        self._found: dict[str, Part] = {}
        self._valid: dict[str, tuple[datetime, datetime | None]] = {}
        """Since when, and until when nothing becomes a fact by itself."""
        self._live = tuple(training for training in config.trainings if training.live or drafts)
        self._persons, self._emails = config.addresses, {person.key: person.email.casefold() for person in config.persons}
        self._ledger = ledger
        self._outbox = outbox
        self._conversation = conversation
        self._mark = NEVER
        self._listens: str | None = None
        self._pauses: tuple[Pause, ...] = ()
        self._bounced: frozenset[str] = frozenset()
        self._goals: dict[MentorshipKey, tuple[str, ...]] = {}
        self._answered: dict[str, set[str]] = {}

    def take(self, now: datetime, *, hears: bool) -> Mapping[str, Part]:
        """Return every part as it is now, by group."""
        listens = (self._ledger.get("hears") or "") if hears else None
        if listens != self._listens:
            self._mark, self._listens = NEVER, listens
        self._mark, written = self._ledger.written.since(self._mark)
        stale = self._begin() if written is None else self._touched(written)
        stale |= self._of_people()
        stale |= {name for name, (since, until) in self._valid.items() if now < since or (until is not None and now >= until)}
        if stale:
            self._read(stale, now)
        return self._found

    # -- what is to be read ------------------------------------------------------------------------------------------------

    def _begin(self) -> set[str]:
        """Look at everything from scratch."""
        self._answered = self._outbox.answers()
        parties = self._ledger.parties()
        self.groups = group(self._live, parties.values())
        self.events = {uid: min(self.groups.of_party(party)) for uid, party in parties.items()}
        self._found, self._valid, self._goals = {}, {}, {}
        self.trainings = {training.id: training for training in self._live}
        return {*self.groups.of_person.values(), NOBODY}

    def _touched(self, written: Mapping[str, Collection[str]]) -> set[str]:
        """Return the groups about which something was written; who is together in an event for the first time makes groups anew."""
        if not written:
            return set()
        uids, answered, groups, stale = written.get("event", ()), written.get("answer", ()), self.groups, set[str | None]()
        if uids:
            parties = self._ledger.parties(uids)
            found = {uid: groups.of_party(party) for uid, party in parties.items()}
            if any(len(each) != 1 or not each <= self._found.keys() for each in found.values()):
                return self._begin()
            stale |= {self.events.get(uid) for uid in uids}  # in which they were
            self.events = {uid: name for uid, name in self.events.items() if uid not in uids} | {
                uid: min(each) for uid, each in found.items()
            }
        stale |= {self.events.get(uid) for uid in (*uids, *written.get("heard", ()))}
        if answered:
            self._answered |= self._outbox.answers(answered)
            stale |= {self._of(subject) for subject in answered}
        stale |= {groups.of_ref(Ref(ref)) for ref in written.get("generation", ())}
        stale |= {groups.of_person.get(person) for person in written.get("letter", ())}
        stale |= {groups.of_person.get(self._persons.get(address, "")) for address in written.get("away", ())}
        for table in ("goal", "mentorship", "slot"):
            stale |= {groups.of_pair.get(MentorshipKey(key)) for key in written.get(table, ())}
        return {name for name in stale if name is not None}

    def _of(self, subject: str) -> str | None:
        """Return the group of what an answer is about: an event by its UID, a mentorship; none of a person."""
        return self.events.get(subject) or self.groups.of_pair.get(MentorshipKey(subject))

    def _of_people(self) -> set[str]:
        """Return the groups of those who paused, or whose address doesn't exist, since the last time; or no longer."""
        pauses, bounced = self._conversation.pauses(), frozenset(self._conversation.bounced())
        persons = {pause.person for pause in {*pauses} ^ {*self._pauses}}
        persons |= {self._persons.get(address, "") for address in bounced ^ self._bounced}
        self._pauses, self._bounced = pauses, bounced
        return {self.groups.of_person[person] for person in persons if person in self.groups.of_person}

    # -- reading -----------------------------------------------------------------------------------------------------------

    def _read(self, stale: set[str], now: datetime) -> None:
        """Read the parts of some groups, in as many queries as for one."""
        groups = self.groups
        pairs = {m.key: m for name in stale for training in groups.trainings.get(name, ()) for m in training.mentorships}
        people = [(key, person.key) for key, m in pairs.items() for person in (m.mentee, m.mentor)]
        uids = [uid for uid, name in self.events.items() if name in stale]
        owners = [owner for owner, name in groups.of_owner.items() if name in stale]
        noted, begins = read_facts(self._ledger.db, {key: m.meets for key, m in pairs.items()}, now, uids=uids, owners=owners)
        facts = replace(
            noted,
            joined={key: noted.joined.get(key, now) for key in pairs},
            arrived={each: noted.arrived.get(each, now) for each in people},
            goals=self._conversation.goals({key: m.mentee.key for key, m in pairs.items()}),
            pauses=tuple(pause for pause in self._pauses if groups.of_person.get(pause.person) in stale),
            heard={} if self._listens is None else self._conversation.histories(self._persons, self._listens, uids),
        )
        turns: dict[str, datetime] = {}
        for ref, at in begins.items():
            if name := groups.of_ref(ref):
                turns[name] = min(at, turns.get(name, at))
        # who arrives now does so at every reading, until that is noted
        turns |= {groups.of_pair[key]: now for key, person in people if (key, person) not in noted.arrived}
        self._take_goals(pairs, facts.goals)
        by_group, rows, answered = groups.facts(facts), self._rows(stale), self._answered_in(stale)
        sent = self._outbox.letters(person for _, person in people)
        found = dict(self._found)
        for name in sorted(stale):
            trainings = tuple(with_goals(training, facts.goals) for training in groups.trainings.get(name, ()))
            mine = dict.fromkeys(person.key for t in trainings for m in t.mentorships for person in (m.mentee, m.mentor))
            found[name] = Part(
                trainings=trainings,
                rows=rows[name],
                facts=by_group.get(name, NOTHING),
                sent=tuple(letter for person in mine for letter in sent.get(person, ())),
                answered=frozenset(answered[name]),
                bounced=self._bounced & {self._emails.get(person, person) for person in mine},
            )
            self._valid[name] = now, turns.get(name)
        self._found = found

    def _rows(self, stale: Container[str]) -> Mapping[str, Mapping[str, Row]]:
        found: defaultdict[str, dict[str, Row]] = defaultdict(dict)
        for uid, row in self._ledger.rows().items():
            if (name := self.events[uid]) in stale:
                found[name][uid] = row
        return found

    def _answered_in(self, stale: Container[str]) -> Mapping[str, set[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for subject, names in self._answered.items():
            if names and (name := self._of(subject)) is not None and name in stale:
                found[name] |= names
        return found

    def _take_goals(self, pairs: Iterable[MentorshipKey], goals: Mapping[MentorshipKey, tuple[str, ...]]) -> None:
        """Let the trainings have the goals that their mentees wrote themselves."""
        before = {key: self._goals[key] for key in pairs if key in self._goals}
        if before == goals:
            return
        self._goals = {key: goal for key, goal in self._goals.items() if key not in before} | {**goals}
        self.trainings = {training.id: with_goals(training, self._goals) for training in self._live}


def with_goals(training: Training, goals: Mapping[MentorshipKey, tuple[str, ...]]) -> Training:
    """Return the training with the goals that its mentees wrote themselves."""
    if not any(mentorship.key in goals for mentorship in training.mentorships):
        return training
    return replace(training, mentorships=tuple(replace(m, goals=goals.get(m.key, m.goals)) for m in training.mentorships))
