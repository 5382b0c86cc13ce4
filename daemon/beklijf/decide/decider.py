"""From a snapshot to a plan: what a tick would do, to whom and why. Pure, but for what was planned and still holds.

rows, calendar ─► faults ─► what the calendar tells ─► tracks ─► letters ─► draft ─► guard ─► Plan
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from functools import cache
from typing import TYPE_CHECKING

from beklijf.decide import from_calendar, guard, merge
from beklijf.decide.decisions import decided_pauses, restored
from beklijf.decide.draft import draft, together
from beklijf.decide.plan import Current, Found, Plan, Respond, Send, World
from beklijf.model import canonical
from beklijf.model.conversation import Busy, History, Said
from beklijf.model.domain import Kind, Programme, Ref
from beklijf.model.errors import Problem
from beklijf.model.facts import NOTHING
from beklijf.planning import correspondence, events, plan_tracks, silence
from beklijf.planning.busy import SOON, wanted_busy
from beklijf.planning.offers import Times

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from beklijf.decide.plan import Held
    from beklijf.decide.snapshot import Part, Snapshot
    from beklijf.ledger import Decision, Row
    from beklijf.model.conversation import Heard, Proposal
    from beklijf.model.domain import Letter, MentorshipKey, Track, Training
    from beklijf.model.errors import BackendError
    from beklijf.model.facts import Facts
    from beklijf.model.stored import Changes

OFFERING = timedelta(days=1)
"""So long after somebody declined they may still be offered other times."""

OFFERED = timedelta(weeks=8)
"""How far ahead those lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """A snapshot once it was looked at for faults, with what the calendar tells of people."""

    rows: Mapping[str, Row]
    """As people's decisions leave them."""
    current: Current
    unknown: frozenset[str]
    faults: tuple[Held, ...]
    mended: tuple[Row, ...]
    heard: Mapping[str, tuple[Heard, ...]]
    """By group."""
    special: frozenset[str]
    """The groups of which more counts than their part and the time."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was found for a group when there was nothing to do: it stands until its part is another, or time turns something."""

    part: Part
    since: datetime
    until: datetime | None
    found: Found
    to_ask: bool
    """Whether somebody's busy times would have been worth knowing."""

    def holds(self, part: Part, now: datetime) -> bool:
        return self.since <= now and (self.until is None or now < self.until) and (self.part is part or self.part == part)


class Decider:
    """Decides for one installation, tick after tick: group by group, and only for those of which something is new.

    a group is worked out anew when                     as its part of the snapshot tells, or
    ---------------------------------------------------  ------------------------------------------------------------
    something was written about it, or said to it        the same
    an event of theirs begins or ends, a letter is due   `GroupDraft.turns` and `next`; Ladder.turns; a time was offered
    its events changed in the calendar, are resting,     the rest of the snapshot (`_special`): then nothing is kept
    set aside; somebody proposed, decided, is busy
    there was something to do before                     nothing was kept
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._planned: dict[str, tuple[tuple[Training, ...], Facts, dict[MentorshipKey, Track]]] = {}
        self._common: object = None

    def whom_to_ask(self, snapshot: Snapshot) -> dict[str, tuple[datetime, datetime]]:
        """Return whose busy times, by key, from when until when, are needed: where a time is chosen, and where some may be offered."""
        self._begin(snapshot)
        looked = _look(snapshot)
        wanted: dict[str, tuple[datetime, datetime]] = {}
        if any(uid not in looked.rows for uid in looked.current.stored):
            # our own events are busy times as well: before a lost ledger has them back, every pair would be pushed out of its own hour
            return wanted
        for name, part in snapshot.parts.items():
            kept = self._standing(name, part, snapshot, looked)
            if kept is not None and not kept.to_ask:
                continue
            facts = _facts(name, snapshot, looked)
            wanted |= _to_ask(self._tracks(name, part, facts, snapshot), facts, snapshot.proposals, snapshot.now)
        return wanted

    def decide(self, snapshot: Snapshot) -> Plan:
        """Return what a tick would do, and all that it was found by."""
        self._begin(snapshot)
        looked, changes = _look(snapshot), snapshot.changes
        found: dict[str, Found] = {}
        fresh: list[Found] = []
        for name, part in snapshot.parts.items():
            if kept := self._standing(name, part, snapshot, looked):
                found[name] = kept.found
            else:
                found[name] = self._find(name, part, snapshot, looked)
                fresh.append(found[name])
        for of_groups in (self._kept, self._planned):
            for name in of_groups.keys() - found.keys():
                del of_groups[name]
        held = {key: track for each in found.values() for key, track in each.programme.tracks.items()}
        programme = _programme(snapshot, snapshot.trainings, {key: held[key] for key in snapshot.groups.of_pair})
        unknown = [looked.current.stored[uid] for uid in sorted(looked.unknown)]
        drafted = together((each.draft for each in found.values()), snapshot, programme.tracks, looked.rows, unknown)
        judged = guard.guard(drafted, looked.faults, watch(snapshot))
        unreadable = {} if changes is None else changes.unreadable
        called = {row.href: row.ref for row in looked.rows.values() if row.href in unreadable} if unreadable else {}
        blind = changes is None  # then only letters go out, and nothing is noted of events
        return Plan(
            id=judged.id,
            changes=tuple(c for c in judged.changes if isinstance(c.work, Send | Respond)) if blind else judged.changes,
            held=judged.held,
            problems=(*judged.problems, *(_unreadable(error, called.get(href, href)) for href, error in unreadable.items())),
            records=() if blind else (*looked.mended, *drafted.records),  # the mended ones, so that approving a fault counts for good
            adopted=() if blind else drafted.adopted,
            assumed=() if blind else drafted.assumed,
            doubted=judged.doubted,
            next=drafted.next,
            holds=judged.holds,
            clock=judged.clock,
            approvable=judged.approvable,
            now=snapshot.now,
            programme=programme,
            rows=looked.rows,
            decisions=snapshot.decisions,
            heard=from_calendar.of_people((h for each in looked.heard.values() for h in each), looked.rows, looked.current, drafted),
            hears=snapshot.hears,
            found=found,
            fresh=tuple(fresh),
            group_of=snapshot.groups.of_pair,
            holidays=snapshot.holidays,
        )

    def programme(self, snapshot: Snapshot) -> Programme:
        """Plan all trainings that count, by what is known and not by what the calendar tells."""
        self._begin(snapshot)
        tracks = {
            key: track for name, part in snapshot.parts.items() for key, track in self._tracks(name, part, part.facts, snapshot).items()
        }
        return _programme(snapshot, snapshot.trainings, {key: tracks[key] for key in snapshot.groups.of_pair})

    def forget(self) -> None:
        """Work out everybody anew the next time."""
        self._kept = {}

    def _begin(self, snapshot: Snapshot) -> None:
        """Forget everything where something is new that is the same for everybody."""
        config = snapshot.config
        common = (
            _programme(snapshot, {}, {}),
            config.service.installation,
            snapshot.texts.version,
            snapshot.holidays,
            snapshot.sender,
            snapshot.ladder,
        )
        if common != self._common:
            self._kept, self._planned, self._common = {}, {}, common

    def _standing(self, name: str, part: Part, snapshot: Snapshot, looked: _Looked) -> _Kept | None:
        """Return what is kept of a group, where it still stands."""
        kept = self._kept.get(name)
        return kept if kept is not None and name not in looked.special and kept.holds(part, snapshot.now) else None

    def _tracks(self, name: str, part: Part, facts: Facts, snapshot: Snapshot) -> dict[MentorshipKey, Track]:
        before = self._planned.get(name)
        if before is None or before[0] != part.trainings or before[1] != facts:
            tracks = plan_tracks(
                snapshot.config.organisation, part.trainings, facts, snapshot.holidays, ladder=snapshot.hears and snapshot.ladder
            )
            before = self._planned[name] = part.trainings, facts, tracks
        return before[2]

    def _find(self, name: str, part: Part, snapshot: Snapshot, looked: _Looked) -> Found:
        """Work out everything for one group, and keep it where there is nothing to do."""
        rows = {uid: looked.rows[uid] for uid in part.rows if uid in looked.rows} if name in looked.special else part.rows
        facts = _facts(name, snapshot, looked)
        busy = _busy(name, snapshot, rows, looked.current)
        plain = self._tracks(name, part, facts, snapshot)
        asked = replace(facts, busy=busy) if busy else facts
        tracks = self._tracks(name, part, asked, snapshot)
        programme = _programme(snapshot, {training.id: training for training in part.trainings}, tracks)
        actual = as_they_are(programme, rows)
        letters = _letters(part, snapshot, programme, asked)
        ladder = silence.ladder(programme, asked, snapshot.holidays)
        world = World(
            snapshot=snapshot,
            part=part,
            programme=programme,
            writer=events.Writer(
                installation=snapshot.config.service.installation,
                programme=programme,
                texts=snapshot.texts,
                moved_instances=asked.moved_instances,
            ),
            rows=rows,
            current=looked.current,
            unknown=looked.unknown,
            letters=letters,
            facts=asked,
            times=cache(lambda: Times(actual, asked, snapshot.holidays)),
            unsettled=frozenset(key for key in tracks if ladder.unsettled(key, snapshot.now)),
        )
        standing = silence.ladder(actual, asked, snapshot.holidays)
        found = Found(
            tracks=tracks,
            programme=actual,
            facts=asked,
            letters=letters,
            silences={key: s for key in tracks if (s := standing.standing(key, snapshot.now))} if snapshot.hears else {},
            draft=draft(world),
        )
        if name not in looked.special and not busy and _is_settled(found):
            to_ask = bool(_to_ask(plain, facts, (), snapshot.now))
            turns = [at for key in tracks if (at := standing.turns(key, snapshot.now))]
            until = min((*turns, *_turns(found, snapshot.now)), default=None)
            self._kept[name] = _Kept(part, snapshot.now, until, found, to_ask)
        else:
            self._kept.pop(name, None)
        return found


def _unreadable(error: BackendError, name: str) -> Problem:
    """Say of which item an event can't be read, or else which object it is."""
    return Problem(where="calendar", what=str(error) if name in str(error) else f"{name}: {error}", warning=True)


def _programme(snapshot: Snapshot, trainings: Mapping[str, Training], tracks: Mapping[MentorshipKey, Track]) -> Programme:
    config = snapshot.config
    return Programme(
        organisation=config.organisation,
        organizer=config.calendar.organizer,
        trainings=trainings,
        tracks=tracks,
        organized_by=config.calendar.organized_by,
        own_reminders=config.calendar.own_reminders,
        hears=snapshot.hears,
        reads_mail=bool(config.answers.read and config.inbox),
        mentee_proposal=config.answers.mentee_proposal,
        mentor_proposal=config.answers.mentor_proposal,
    )


def _is_settled(found: Found) -> bool:
    """Say whether nothing is to be done for a group, or noted: it has joined, and the ledger has its hours."""
    proposed = any(track.proposed and track.meets and key not in found.facts.chosen for key, track in found.programme.tracks.items())
    return found.draft.is_nothing and not proposed


def _turns(found: Found, now: datetime) -> Iterator[datetime]:
    """Yield when something of a group may be another by itself, with nothing to do before."""
    yield from (at for at in (found.draft.next, found.draft.turns) if at is not None)
    for track in (*found.tracks.values(), *found.programme.tracks.values()):
        yield from (at for at in track.meetings if at > now)
        for item in track.items:
            yield from (at for at in (item.opens - SOON, item.opens) if at > now)
    for history in found.facts.heard.values():
        yield from (end for heard in history.heard if heard.said is Said.DECLINED and (end := heard.at + OFFERING) >= now)


def watch(snapshot: Snapshot) -> guard.Watch:
    """Return what the guard goes by."""
    config = snapshot.config
    return guard.Watch(
        settings=config.guard,
        now=snapshot.now,
        last_tick=snapshot.last_tick,
        known=snapshot.known,
        trainings={training.id: training for training in config.trainings if training.id in snapshot.trainings},
        approved=snapshot.approved | {decision.subject for decision in snapshot.decisions if decision.kind == "approve"},
        enforced=snapshot.enforced,
        holds=snapshot.holds,
        config=config.digest,
        drafts=frozenset(training.id for training in config.trainings if training.id not in snapshot.trainings),
    )


def _look(snapshot: Snapshot) -> _Looked:
    """Look for faults before anything is heard of what may not be so, and then hear what the calendar tells."""
    changing = [decision for decision in snapshot.decisions if decision.kind in {"restore", "pause", "resume"}]
    rows = restored(snapshot.rows, NOTHING, changing, snapshot.now)[0] if changing else snapshot.rows
    first = Current() if snapshot.changes is None else current_state(rows, snapshot.changes, snapshot.config.emails)
    before = rows
    rows, current, faults = guard.look_for_faults(rows, first, watch(snapshot))
    heard = from_calendar.in_calendar(rows, current, snapshot.told_by_calendar, snapshot.now) if snapshot.hears else ()
    by_group: defaultdict[str, list[Heard]] = defaultdict(list)
    whose = snapshot.config.addresses if heard else {}
    for each in heard:
        by_group[snapshot.events[each.uid]].append(replace(each, person=whose.get(each.who, "")))
    unknown = frozenset(current.stored.keys() - rows.keys())
    return _Looked(
        rows=rows,
        current=current,
        unknown=unknown,
        faults=faults,
        mended=tuple(row for uid, row in rows.items() if row is not before[uid]) if faults or rows is not before else (),
        heard={name: tuple(here) for name, here in by_group.items()},
        special=frozenset(_special(snapshot, first, unknown, changing)),
    )


def _special(snapshot: Snapshot, current: Current, unknown: Collection[str], changing: Iterable[Decision]) -> Iterator[str]:
    """Yield the groups of which something else counts than their part: what the calendar, people, servers, staff just did."""
    groups, mark = snapshot.groups, events.mark(snapshot.config.service.installation)
    if any(uid not in snapshot.events and uid.endswith(mark) for uid in unknown):
        yield from snapshot.parts  # anybody's, from a ledger before this one
    yield from (snapshot.events[uid] for uid in (*current.stored, *current.gone) if uid in snapshot.events)
    refs = {*snapshot.aside, *snapshot.resting, *(decision.subject for decision in changing)}
    if refs:
        yield from (snapshot.events[uid] for uid, row in snapshot.rows.items() if row.ref in refs)
        yield from (name for ref in refs if (name := groups.of_ref(Ref(ref))))
    keys = {decision.subject for decision in changing} | {*(snapshot.busy or ())}
    if snapshot.gone_mailboxes:
        keys |= {person.key for person in snapshot.config.persons if person.email.casefold() in snapshot.gone_mailboxes}
    yield from (groups.of_person[key] for key in keys if key in groups.of_person)
    yield from (groups.of_pair[each.mentorship] for each in snapshot.proposals if each.mentorship in groups.of_pair)


def _facts(name: str, snapshot: Snapshot, looked: _Looked) -> Facts:
    """Return a group's facts with what was just decided, and what the calendar just told."""
    part = snapshot.parts[name]
    facts, rows = part.facts, part.rows
    if name in looked.special:
        mine = [d for d in snapshot.decisions if snapshot.groups.of_person.get(d.subject) == name]
        facts = restored(rows, facts, snapshot.decisions, snapshot.now)[1]
        facts = replace(facts, pauses=decided_pauses(facts.pauses, mine), heard=_with(facts.heard, looked.heard.get(name, ()), looked.rows))
        rows = {uid: looked.rows[uid] for uid in rows if uid in looked.rows}
    moved_instances = from_calendar.moved_instances(rows, looked.current)
    return replace(facts, moved_instances=moved_instances) if moved_instances else facts


def _busy(name: str, snapshot: Snapshot, rows: Mapping[str, Row], current: Current) -> Mapping[str, tuple[Busy, ...]]:
    """Return when the people of a group can't, of those who were asked."""
    of_person = snapshot.groups.of_person
    busy = {key: times for key, times in snapshot.busy.items() if of_person.get(key) == name} if snapshot.busy else {}
    return _without_ours(busy, rows, current) if busy else busy


def _with(histories: Mapping[MentorshipKey, History], heard: tuple[Heard, ...], rows: Mapping[str, Row]) -> Mapping[MentorshipKey, History]:
    """Return the histories with what was just heard at their ends."""
    found = dict(histories)
    for each in heard:
        for key in rows[each.uid].mentorships:
            found[key] = History(heard=(*found.get(key, History()).heard, each))
    return found


def _letters(part: Part, snapshot: Snapshot, programme: Programme, facts: Facts) -> tuple[Letter, ...]:
    wishes = (wish for track in programme.tracks.values() for wish in track.wishes)
    return correspondence.schedule(
        [wish for wish in wishes if wish.person.email.casefold() not in part.bounced],
        organisation=snapshot.config.organisation,
        holidays=snapshot.holidays,
        limits={training.id: training.method.limits for training in programme.trainings.values()},
        sent=part.sent,
        now=snapshot.now,
        pauses=facts.pauses,
    )


def current_state(rows: Mapping[str, Row], changes: Changes, emails: Mapping[str, str]) -> Current:
    """Return how the calendar differs from what the ledger saw last; a write of our own that comes back is no difference.

    *emails* are the config's addresses, by every address of a person.
    """
    stored = {}
    for each in changes.changed:
        row = rows.get(each.event.uid)
        event = merge.as_configured(each.event, emails)
        found = replace(each, event=merge.as_named(event, canonical.load(row.asked)) if row else event)
        known = row is not None and row.state == "live" and (row.href, row.etag) == (found.href, found.etag)
        if row and known and canonical.says(row.seen, found.event):
            continue
        stored[found.event.uid] = found
    if changes.full:
        there = {found.href for found in changes.changed} | changes.unreadable.keys() | changes.unchanged
        # what has no place in this calendar (href) is of the past, and stayed where it was when the others moved here
        gone = {uid for uid, row in rows.items() if row.state in {"live", "withdrawing"} and row.href and row.href not in there}
    elif changes.gone:
        gone = {uid for uid, row in rows.items() if row.state in {"live", "withdrawing"} and row.href in changes.gone}
    else:
        gone = set()
    return Current(stored=stored, gone=frozenset(gone - stored.keys()))


def as_they_are(programme: Programme, rows: Mapping[str, Row]) -> Programme:
    """Return *programme* with the meetings where people moved them to: letters name the real day and hour."""
    tracks = dict(programme.tracks)
    for row in rows.values():
        if (row.seen == row.asked and row.state == "live") or row.kind is Kind.REMINDER:
            continue
        asked, seen = canonical.load(row.asked), canonical.load(row.seen)
        gone = row.state == "deleted"
        real = {
            canonical.actual_start(asked, planned): None if gone else canonical.actual_start(seen, found)
            for planned, found in zip(canonical.occurrences(asked), canonical.occurrences(seen), strict=False)
        }
        for mentorship in row.mentorships:
            if track := tracks.get(mentorship):
                meetings = ((real.get(at.astimezone(UTC), at), at.tzinfo) for at in track.meetings)
                # in the zone that the meeting was planned in: a letter says the pair's hour beside the reader's, and UTC is neither
                held = sorted(at.astimezone(zone) for at, zone in meetings if at is not None)
                tracks[mentorship] = replace(track, meetings=tuple(held))
    return replace(programme, tracks=tracks)


def _without_ours(busy: Mapping[str, tuple[Busy, ...]], rows: Mapping[str, Row], current: Current) -> Mapping[str, tuple[Busy, ...]]:
    """Leave out our own meetings where the ledger doesn't know them yet: written and cut off, they would stand in their own way."""
    ours: dict[str, set[Busy]] = {}
    for uid, stored in current.stored.items():
        if uid not in rows:
            continue  # another group's
        row, length = rows[uid], timedelta(minutes=stored.event.minutes)
        for start in set(canonical.meetings(stored.event)) - set(canonical.meetings(canonical.load(row.seen))):
            for person in row.persons:
                ours.setdefault(person, set()).add(Busy(start, start + length))
    return {key: tuple(each for each in times if each not in ours.get(key, ())) for key, times in busy.items()}


def _to_ask(
    tracks: Mapping[MentorshipKey, Track], facts: Facts, proposals: Iterable[Proposal], now: datetime
) -> dict[str, tuple[datetime, datetime]]:
    """Return whose busy times, by key, from when until when, are needed: where a time is chosen, and where some may be offered."""
    wanted = wanted_busy(tracks, facts, now)
    keys = {proposal.mentorship for proposal in proposals}
    keys |= {key for key, said in facts.heard.items() if any(h.said is Said.DECLINED and now - h.at <= OFFERING for h in said.heard)}
    for key in keys & tracks.keys():
        for person in (tracks[key].mentorship.mentee, tracks[key].mentorship.mentor):
            start, end = wanted.get(person.key, (now, now))
            wanted[person.key] = (min(start, now), max(end, now + OFFERED))
    return wanted
