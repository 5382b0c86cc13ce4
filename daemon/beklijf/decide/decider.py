"""From a snapshot to a plan: what a tick would do, to whom and why. Pure, but for what was planned and still holds.

rows, calendar ─► faults ─► what the calendar tells ─► tracks ─► letters ─► draft ─► guard ─► Plan
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from functools import cache
from typing import TYPE_CHECKING

from beklijf.decide import from_calendar, guard, merge
from beklijf.decide.decisions import decided_pauses, restored
from beklijf.decide.draft import draft
from beklijf.decide.plan import Current, Plan, Respond, Send, World
from beklijf.model import canonical
from beklijf.model.conversation import Busy, History, Said
from beklijf.model.domain import Kind, Programme
from beklijf.model.errors import Problem
from beklijf.planning import correspondence, events, silence
from beklijf.planning.busy import wanted_busy
from beklijf.planning.groups import Planner
from beklijf.planning.offers import Times

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from beklijf.decide.plan import Held
    from beklijf.decide.snapshot import Snapshot
    from beklijf.ledger import Row
    from beklijf.model.conversation import Heard, Proposal
    from beklijf.model.domain import Letter, MentorshipKey
    from beklijf.model.facts import Facts
    from beklijf.model.stored import Changes

OFFERING = timedelta(days=1)
"""So long after somebody declined they may still be offered other times."""

OFFERED = timedelta(weeks=8)
"""How far ahead those lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A snapshot once it was looked at for faults, with what the calendar tells of people."""

    rows: Mapping[str, Row]
    """As people's decisions leave them."""
    current: Current
    faults: tuple[Held, ...]
    mended: tuple[Row, ...]
    heard: tuple[Heard, ...]
    facts: Facts


class Decider:
    """Decides for one installation, tick after tick; what was planned for a group of pairs stays until something about it is new."""

    def __init__(self) -> None:
        self._planner = Planner()

    def whom_to_ask(self, snapshot: Snapshot) -> dict[str, tuple[datetime, datetime]]:
        """Return whose busy times, by key, from when until when, are needed: where a time is chosen, and where some may be offered."""
        known = _look(snapshot)
        if known.current.stored.keys() - known.rows.keys():
            # our own events are busy times as well: before a lost ledger has them back, every pair would be pushed out of its own hour
            return {}
        return _to_ask(self.programme(snapshot, known.facts), known.facts, snapshot.proposals, snapshot.now)

    def decide(self, snapshot: Snapshot) -> Plan:
        """Return what a tick would do, and all that it was found by."""
        known, now, changes = _look(snapshot), snapshot.now, snapshot.changes
        programme = self.programme(snapshot, known.facts)
        letters, held = _letters(snapshot, programme, known.facts), as_held(programme, known.rows)
        times = cache(lambda: Times(held, known.facts, snapshot.holidays))
        installation = snapshot.config.service.installation
        world = World(
            snapshot=snapshot,
            programme=programme,
            writer=events.Writer(installation=installation, programme=programme, texts=snapshot.texts, strayed=known.facts.strayed),
            rows=known.rows,
            current=known.current,
            letters=letters,
            facts=known.facts,
            times=times,
            unsettled=silence.unsettled_pairs(programme, known.facts, snapshot.holidays, now),
        )
        drafted = draft(world)
        judged = guard.guard(drafted, known.faults, watch(snapshot))
        unreadable = () if changes is None else changes.unreadable.values()
        blind = changes is None  # then only letters go out, and nothing is noted of events
        return Plan(
            id=judged.id,
            changes=tuple(c for c in judged.changes if isinstance(c.work, Send | Respond)) if blind else judged.changes,
            held=judged.held,
            problems=(*judged.problems, *(Problem(where="calendar", what=str(error), warning=True) for error in unreadable)),
            records=() if blind else (*known.mended, *drafted.records),  # the mended ones, so that approving a fault counts for good
            adopted=() if blind else drafted.adopted,
            assumed=() if blind else drafted.assumed,
            doubted=judged.doubted,
            next=drafted.next,
            holds=judged.holds,
            clock=judged.clock,
            approvable=judged.approvable,
            now=now,
            programme=held,
            facts=known.facts,
            rows=known.rows,
            letters=letters,
            decisions=snapshot.decisions,
            heard=from_calendar.of_people(known.heard, known.rows, known.current, drafted),
            hears=snapshot.hears,
            silences=silence.standing(held, known.facts, snapshot.holidays, now) if snapshot.hears else {},
            times=times,
        )

    def programme(self, snapshot: Snapshot, facts: Facts) -> Programme:
        """Plan all trainings that count."""
        config = snapshot.config
        tracks = self._planner.tracks(
            config.organisation, snapshot.trainings.values(), facts, snapshot.holidays, ladder=snapshot.hears and snapshot.ladder
        )
        return Programme(
            organisation=config.organisation,
            organizer=config.calendar.organizer,
            trainings=snapshot.trainings,
            tracks=tracks,
            organized_by=config.calendar.organized_by,
            own_reminders=config.calendar.own_reminders,
            hears=snapshot.hears,
            reads_mail=bool(config.answers.read and config.inbox),
            mentee_proposal=config.answers.mentee_proposal,
            mentor_proposal=config.answers.mentor_proposal,
        )


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


def _look(snapshot: Snapshot) -> _Known:
    """Look for faults before anything is heard of what may not be so, and then hear what the calendar tells."""
    rows, facts = restored(snapshot.rows, snapshot.facts, snapshot.decisions, snapshot.now)
    facts = replace(facts, pauses=decided_pauses(facts.pauses, snapshot.decisions))
    current = Current() if snapshot.changes is None else current_state(rows, snapshot.changes, snapshot.config.emails)
    before = rows
    rows, current, faults = guard.look_for_faults(rows, current, watch(snapshot))
    heard = from_calendar.in_calendar(rows, current, snapshot.told_by_calendar, snapshot.now) if snapshot.hears else ()
    facts = replace(facts, strayed=from_calendar.strayed(rows, current), heard=_with(facts.heard, heard, rows, snapshot))
    if snapshot.busy is not None:
        facts = replace(facts, busy=_without_ours(snapshot.busy, rows, current))
    mended = tuple(row for uid, row in rows.items() if row is not before[uid])
    return _Known(rows=rows, current=current, faults=faults, mended=mended, heard=heard, facts=facts)


def _with(
    histories: Mapping[MentorshipKey, History], heard: tuple[Heard, ...], rows: Mapping[str, Row], snapshot: Snapshot
) -> Mapping[MentorshipKey, History]:
    """Return the histories with what was just heard at their ends."""
    found, whose = dict(histories), snapshot.config.addresses if heard else {}
    for each in heard:
        known = replace(each, person=whose.get(each.who, ""))
        for key in rows[each.uid].mentorships:
            found[key] = History(heard=(*found.get(key, History()).heard, known))
    return found


def _letters(snapshot: Snapshot, programme: Programme, facts: Facts) -> tuple[Letter, ...]:
    wishes = (wish for track in programme.tracks.values() for wish in track.wishes)
    return correspondence.schedule(
        [wish for wish in wishes if wish.person.email.casefold() not in snapshot.bounced],
        organisation=snapshot.config.organisation,
        holidays=snapshot.holidays,
        limits={training.id: training.method.limits for training in programme.trainings.values()},
        sent=snapshot.sent,
        now=snapshot.now,
        pauses=facts.pauses,
    )


def current_state(rows: Mapping[str, Row], changes: Changes, emails: Mapping[str, str]) -> Current:
    """Return how the calendar differs from what the ledger saw last; a write of our own that comes back is no difference.

    *emails* are the config's addresses, by every address of a person.
    """
    stored = {}
    for each in changes.changed:
        found = replace(each, event=merge.as_configured(each.event, emails))
        row = rows.get(found.event.uid)
        known = row is not None and row.state == "live" and (row.href, row.etag) == (found.href, found.etag)
        if row and known and canonical.dump(found.event) == row.seen:
            continue
        stored[found.event.uid] = found
    if changes.full:
        there = {found.href for found in changes.changed} | changes.unreadable.keys() | changes.unchanged
        # what has no place in this calendar (href) is of the past, and stayed where it was when the others moved here
        gone = {uid for uid, row in rows.items() if row.state in {"live", "withdrawing"} and row.href and row.href not in there}
    else:
        gone = {uid for uid, row in rows.items() if row.state in {"live", "withdrawing"} and row.href in changes.gone}
    return Current(stored=stored, gone=frozenset(gone - stored.keys()))


def as_held(programme: Programme, rows: Mapping[str, Row]) -> Programme:
    """Return *programme* with the meetings where people moved them to: letters name the real day and hour."""
    tracks = dict(programme.tracks)
    for row in rows.values():
        if (row.seen == row.asked and row.state == "live") or row.kind is Kind.REMINDER:
            continue
        asked, seen = canonical.load(row.asked), canonical.load(row.seen)
        gone = row.state == "deleted"
        real = {
            canonical.held(asked, planned): None if gone else canonical.held(seen, found)
            for planned, found in zip(canonical.rhythm(asked), canonical.rhythm(seen), strict=False)
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
        row, length = rows[uid], timedelta(minutes=stored.event.minutes)
        for start in set(canonical.meetings(stored.event)) - set(canonical.meetings(canonical.load(row.seen))):
            for person in row.persons:
                ours.setdefault(person, set()).add(Busy(start, start + length))
    return {key: tuple(each for each in times if each not in ours.get(key, ())) for key, times in busy.items()}


def _to_ask(programme: Programme, facts: Facts, proposals: Iterable[Proposal], now: datetime) -> dict[str, tuple[datetime, datetime]]:
    """Return whose busy times, by key, from when until when, are needed: where a time is chosen, and where some may be offered."""
    wanted = wanted_busy(programme.tracks, facts, now)
    keys = {proposal.mentorship for proposal in proposals}
    keys |= {key for key, said in facts.heard.items() if any(h.said is Said.DECLINED and now - h.at <= OFFERING for h in said.heard)}
    for key in keys & programme.tracks.keys():
        for person in (programme.tracks[key].mentorship.mentee, programme.tracks[key].mentorship.mentor):
            start, end = wanted.get(person.key, (now, now))
            wanted[person.key] = (min(start, now), max(end, now + OFFERED))
    return wanted
