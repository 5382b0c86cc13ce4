"""Look at everything and plan: read the calendar and the ledger, let planning and the guard speak. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from beklijf import canonical, events, planning
from beklijf.collector import uncollected
from beklijf.config import check
from beklijf.domain import Generation, Kind, Programme
from beklijf.errors import ConfigError, Problem
from beklijf.ledger.facts import read_facts
from beklijf.planning import correspondence
from beklijf.planning.days import public_holidays
from beklijf.reconcile import guard, merge
from beklijf.reconcile.drafting import draft
from beklijf.reconcile.plan import Current, Plan, Send, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from beklijf.calendars import Changes
    from beklijf.domain import Facts, Letter, Training
    from beklijf.ledger import Decision, Ledger, Row
    from beklijf.ledger.outbox import Outbox
    from beklijf.settings import Config

YEARS_AHEAD = 3
"""A track lasts well under two years; its holidays must be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was seen, and the plan that follows."""

    now: datetime
    plan: Plan
    programme: Programme
    facts: Facts
    rows: Mapping[str, Row]
    """As people's decisions leave them; what differs from the ledger is noted by the tick."""
    letters: tuple[Letter, ...]
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyor:
    config: Config
    ledger: Ledger
    outbox: Outbox
    texts: events.Texts
    enforced: bool = True
    """False: the guard stops nothing and drafts count as live (rehearse)."""

    def including_drafts(self) -> Surveyor:
        """Return one that sees drafts as live, for what is only looked at."""
        return replace(self, enforced=False)

    def programme(self, now: datetime, facts: Facts) -> Programme:
        """Plan all live trainings; raises ConfigError for what only planning can see, such as meetings that overlap."""
        organisation = self.config.organisation
        trainings = {t.id: t for t in self.config.trainings if t.live or not self.enforced}
        tracks = planning.plan_tracks(organisation, tuple(trainings.values()), facts, self.holidays(now))
        if wrong := [p for p in check.programme_problems(self.config, tracks, facts.moved) if not p.warning]:
            raise ConfigError(wrong)
        return Programme(organisation=organisation, organizer=self.config.calendar.organizer, trainings=trainings, tracks=tracks)

    def holidays(self, now: datetime) -> frozenset[date]:
        years = {session.date.year for t in self.config.trainings for session in t.sessions} | {now.year}
        return public_holidays(self.config.organisation.holidays, range(min(years) - 1, max(years) + YEARS_AHEAD))

    def facts(self, now: datetime) -> Facts:
        """Return the ledger's facts; a mentorship that is live and not known yet joins now."""
        mentorships = [m for t in self.config.trainings if t.live or not self.enforced for m in t.mentorships]
        facts = read_facts(self.ledger.db, {m.key: m.meets for m in mentorships}, now)
        arrived = {(m.key, p.key): facts.arrived.get((m.key, p.key), now) for m in mentorships for p in (m.mentee, m.mentor)}
        return replace(facts, joined={m.key: facts.joined.get(m.key, now) for m in mentorships}, arrived=arrived)

    @uncollected()
    def survey(
        self,
        now: datetime,
        changes: Changes | None,
        *,
        approved: Iterable[str] = (),
        patient: bool = True,
        decided: Iterable[Decision] = (),
        supposed: bool = False,
    ) -> Survey:
        """Plan from what the calendar said; None: it could not be read, so only letters go out.

        *decided* is what somebody only thinks of deciding: ``restore`` shows what would come of it.
        *supposed*: now is made up (``plan --at``), so its distance from the last tick is no reason to worry.
        """
        decisions = (*self.ledger.decisions(), *decided)
        rows, facts = restored(self.ledger.rows(), self.facts(now), decisions, now)
        programme = self.programme(now, facts)
        letters = self.letters(programme, now)
        watch = self.watch(now, programme.trainings, {*approved, *(d.subject for d in decisions if d.kind == "approve")})
        if supposed:
            watch = replace(watch, last_tick=None)
        current = Current() if changes is None else current_state(rows, changes)
        rows, current, faults = guard.look_for_faults(rows, current, watch)
        world = World(
            now=now,
            programme=programme,
            writer=events.Writer(installation=self.config.service.installation, programme=programme, texts=self.texts),
            rows=rows,
            current=current,
            letters=letters,
            mails=self.outbox.open_mails(),
            sender=self.ledger.get("sender") if self.config.calendar.invitations == "auto" else self.config.calendar.invitations,
            resting={t.target: t.retry_at for t in self.ledger.troubles().values()} if patient else {},
        )
        plan = guard.guard(draft(world), faults, watch)
        if changes is not None and changes.unreadable:
            unreadable = (Problem(where="calendar", what=said, warning=True) for said in changes.unreadable.values())
            plan = replace(plan, problems=(*plan.problems, *unreadable))
        if changes is None:
            plan = replace(plan, changes=tuple(c for c in plan.changes if isinstance(c.work, Send)), records=(), adopted=(), assumed=())
        return Survey(now=now, plan=plan, programme=as_held(programme, rows), facts=facts, rows=rows, letters=letters, decisions=decisions)

    def letters(self, programme: Programme, now: datetime) -> tuple[Letter, ...]:
        wishes = [wish for track in programme.tracks.values() for wish in track.wishes]
        return correspondence.schedule(
            wishes,
            organisation=self.config.organisation,
            holidays=self.holidays(now),
            limits={t.id: t.method.limits for t in programme.trainings.values()},
            sent=self.outbox.letters(),
            now=now,
        )

    def watch(self, now: datetime, trainings: Mapping[str, Training], approved: Iterable[str]) -> guard.Watch:
        return guard.Watch(
            settings=self.config.guard,
            now=now,
            last_tick=self.ledger.instant("last_tick"),
            known=self.ledger.known_trainings(),
            trainings=trainings,
            approved=frozenset(approved),
            enforced=self.enforced,
        )


def current_state(rows: Mapping[str, Row], changes: Changes) -> Current:
    """Return how the calendar differs from what the ledger saw last; a write of our own that comes back is no difference."""
    stored = {}
    for found in changes.changed:
        row = rows.get(found.event.uid)
        if row and row.state == "live" and row.etag == found.etag and canonical.dump(found.event) == row.seen:
            continue
        stored[found.event.uid] = found
    if changes.full:
        there = {found.href for found in changes.changed} | changes.unreadable.keys() | changes.unchanged
        gone = {uid for uid, row in rows.items() if row.state in {"live", "withdrawing"} and row.href not in there}
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
                meetings = (real.get(at.astimezone(UTC), at) for at in track.meetings)
                tracks[mentorship] = replace(track, meetings=tuple(sorted(at for at in meetings if at is not None)))
    return replace(programme, tracks=tracks)


def restored(rows: Mapping[str, Row], facts: Facts, decisions: Iterable[Decision], now: datetime) -> tuple[dict[str, Row], Facts]:
    """Return rows and facts as they are after people asked for events or fields back.

    A field is given back by taking the human's value for asked: then ours differs from it, and is written. A deleted event
    comes back as the next generation.
    """
    rows = dict(rows)
    generations, moved = dict(facts.generations), dict(facts.moved)
    for decision in decisions:
        if decision.kind != "restore":
            continue
        for row in [row for row in rows.values() if row.ref == decision.subject]:
            if row.state == "deleted":
                if row.told is None:  # else it stays until its attendees have been told that this one is off
                    del rows[row.uid]
                generations[row.ref] = Generation(number=row.generation + 1, since=now)
                continue
            asked, seen = canonical.load(row.asked), canonical.load(row.seen)
            back = [f for f in merge.human_fields(asked, seen) if decision.field in {"", merge.name(f)}]
            rows[row.uid] = replace(row, asked=canonical.dump(merge.take(asked, seen, back)), refused=())
            if "time" in back and row.kind is Kind.SERIES:
                for mentorship in row.mentorships:
                    moved.pop(mentorship, None)
    return rows, replace(facts, generations=generations, moved=moved)


SOON = timedelta(seconds=30)
"""When something happened under our hands: look again soon."""
