"""Look at everything and plan: read the calendar and the ledger, let planning and the guard speak. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from functools import cache
from typing import TYPE_CHECKING

from beklijf import planning
from beklijf.config import check
from beklijf.decide import guard, merge
from beklijf.decide.decisions import decided_pauses, restored
from beklijf.decide.draft import draft
from beklijf.decide.plan import Current, Plan, Respond, Send, World
from beklijf.ledger.aside import Asides
from beklijf.ledger.facts import read_facts
from beklijf.ledger.holds import Holds
from beklijf.model import canonical
from beklijf.model.conversation import Busy, History, Said
from beklijf.model.domain import Kind, Person, Programme
from beklijf.model.errors import ConfigError, Problem
from beklijf.planning import correspondence, events, silence
from beklijf.planning.days import public_holidays
from beklijf.planning.offers import Times
from beklijf.replies import from_calendar
from beklijf.tick.collector import uncollected
from beklijf.tick.outages import gone_mailboxes
from beklijf.tick.stages import CALENDAR, INBOX, MAIL, SCHEDULE, WRITING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from beklijf.contracts.settings import Config
    from beklijf.ledger import Decision, Ledger, Row
    from beklijf.ledger.conversation import Conversation
    from beklijf.ledger.outbox import Outbox
    from beklijf.model.conversation import Heard, Proposal
    from beklijf.model.domain import Letter, MentorshipKey, Training
    from beklijf.model.facts import Facts
    from beklijf.model.stored import Changes
    from beklijf.planning.silence import Silence

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
    heard: tuple[Heard, ...]
    """What the calendar tells of people and the ledger doesn't know yet."""
    hears: bool
    """Whether answers can be heard at all."""
    silences: Mapping[MentorshipKey, Silence]
    """The pairs of which something is waited for; none where answers can't be heard."""
    times: Callable[[], Times]
    """When people can; made on first use, since few ticks need it."""


Look = Callable[[Sequence[Person], "datetime", "datetime"], Mapping[str, tuple[Busy, ...]]]
"""Asks a calendar when people can't."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyor:
    config: Config
    ledger: Ledger
    outbox: Outbox
    conversation: Conversation
    texts: events.Texts
    enforced: bool = True
    """False: the guard stops nothing and drafts count as live (rehearse)."""
    ladder: bool = True
    """False: nobody answers, and nothing is concluded from that (a rehearsal without answers)."""

    def including_drafts(self) -> Surveyor:
        """Return one that sees drafts as live, for what is only looked at."""
        return replace(self, enforced=False)

    def programme(self, now: datetime, facts: Facts) -> Programme:
        """Plan all live trainings; raises ConfigError for what only planning can see, such as meetings that overlap."""
        config = self.config
        trainings = {t.id: _with_goals(t, facts.goals) for t in config.trainings if t.live or not self.enforced}
        ladder = self.hears and not {CALENDAR, SCHEDULE, INBOX} & self.ledger.troubles().keys()  # who answered now would not be heard
        tracks = planning.plan_tracks(config.organisation, tuple(trainings.values()), facts, self.holidays(now), ladder=ladder)
        if wrong := [p for p in check.programme_problems(config, tracks, facts.moved) if not p.warning]:
            raise ConfigError(wrong)
        return Programme(
            organisation=config.organisation,
            organizer=config.calendar.organizer,
            trainings=trainings,
            tracks=tracks,
            organized_by=config.calendar.organized_by,
            own_reminders=config.calendar.own_reminders,
            hears=self.hears,
            reads_mail=bool(config.answers.read and config.inbox),
            mentee_proposal=config.answers.mentee_proposal,
            mentor_proposal=config.answers.mentor_proposal,
        )

    @property
    def sender(self) -> str | None:
        """Who invites: server, mail, none; None while that isn't settled."""
        invitations = self.config.calendar.invitations
        return self.ledger.get("sender") if invitations == "auto" else invitations

    @property
    def hears(self) -> bool:
        """Whether people's answers can be heard: somebody chose so, and there is a mailbox or a calendar that tells."""
        config = self.config
        return (
            self.ladder
            and bool(config.answers.read)
            and (config.inbox is not None or config.calendar.kind == "folder" or self.sender == "server")
        )

    def addresses(self) -> dict[str, str]:
        """Return every address of everybody, and whose it is, by key."""
        return {address: person.key for person in self.config.persons for address in person.addresses}

    def emails(self) -> dict[str, str]:
        """Return the address that the config has of somebody, by every address of theirs."""
        return {address: person.email for person in self.config.persons for address in person.addresses}

    def holidays(self, now: datetime) -> frozenset[date]:
        years = {session.date.year for t in self.config.trainings for session in t.sessions} | {now.year}
        return public_holidays(self.config.organisation.holidays, range(min(years) - 1, max(years) + YEARS_AHEAD))

    def facts(self, now: datetime) -> Facts:
        """Return the ledger's facts; a mentorship that is live and not known yet joins now."""
        mentorships = [m for t in self.config.trainings if t.live or not self.enforced for m in t.mentorships]
        facts = read_facts(self.ledger.db, {m.key: m.meets for m in mentorships}, now)
        arrived = {(m.key, p.key): facts.arrived.get((m.key, p.key), now) for m in mentorships for p in (m.mentee, m.mentor)}
        return replace(
            facts,
            joined={m.key: facts.joined.get(m.key, now) for m in mentorships},
            arrived=arrived,
            goals=self.conversation.goals({m.key: m.mentee.key for m in mentorships}),
            pauses=self.conversation.pauses(),
            heard=self.conversation.histories(self.addresses(), self.ledger.get("hears") or "") if self.hears else {},
        )

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
        look: Look | None = None,
    ) -> Survey:
        """Plan from what the calendar said; None: it could not be read, so only letters go out.

        *decided* is what somebody only thinks of deciding: ``restore`` shows what would come of it.
        *supposed*: now is made up (``plan --at``), so its distance from the last tick is no reason to worry.
        *look* asks when people can't, where a time is to be chosen; None: nobody is asked.
        """
        decisions = (*self.ledger.decisions(), *decided)
        rows, facts = restored(self.ledger.rows(), self.facts(now), decisions, now)
        facts = replace(facts, pauses=decided_pauses(facts.pauses, decisions))
        current = Current() if changes is None else current_state(rows, changes, self.emails())
        watch = self.watch(now, {*approved, *(d.subject for d in decisions if d.kind == "approve")})
        if supposed:
            watch = replace(watch, last_tick=None)
        before = rows
        rows, current, faults = guard.look_for_faults(rows, current, watch)  # before anything is heard of what may not be so
        mended = tuple(row for uid, row in rows.items() if row is not before[uid])
        heard = from_calendar.in_calendar(rows, current, self.conversation.told_by_calendar(), now) if self.hears else ()
        facts = replace(facts, strayed=from_calendar.strayed(rows, current), heard=self._with(facts.heard, heard, rows))
        programme = self.programme(now, facts)
        proposals = self.conversation.proposals() if self.hears else ()
        # our own events are busy times as well: before a lost ledger has them back, every pair would be pushed out of its own hour
        known = not current.stored.keys() - rows.keys()
        if look is not None and known and (wanted := _to_ask(programme, facts, proposals, now)):
            facts = replace(facts, busy=_without_ours(self._ask(look, wanted), rows, current))
            programme = self.programme(now, facts)
        letters = self.letters(programme, facts, now)
        asides = Asides(self.ledger)
        left = asides.names(MAIL)
        held, troubles = as_held(programme, rows), tuple(self.ledger.troubles().values())
        times = cache(lambda: Times(held, facts, self.holidays(now)))
        world = World(
            now=now,
            programme=programme,
            writer=events.Writer(
                installation=self.config.service.installation, programme=programme, texts=self.texts, strayed=facts.strayed
            ),
            rows=rows,
            current=current,
            letters=letters,
            mails=[mail for mail in self.outbox.open_mails() if mail.label not in left],
            sender=self.sender,
            aside=asides.names(WRITING),
            resting={t.target: t.retry_at for t in troubles} if patient else {},
            facts=facts,
            times=times,
            proposals=proposals,
            answered=self.outbox.answers(),
            bounced=frozenset(self.conversation.bounced()),
            unsettled=silence.unsettled_pairs(programme, facts, self.holidays(now), now),
            gone_mailboxes=gone_mailboxes(troubles, now),
        )
        drafted = draft(world)
        plan = guard.guard(drafted, faults, watch)
        heard = from_calendar.of_people(heard, rows, current, drafted)
        plan = replace(plan, records=(*mended, *plan.records))  # so that approving a fault counts for good
        if changes is not None and changes.unreadable:
            unreadable = (Problem(where="calendar", what=str(error), warning=True) for error in changes.unreadable.values())
            plan = replace(plan, problems=(*plan.problems, *unreadable))
        if changes is None:
            only = tuple(c for c in plan.changes if isinstance(c.work, Send | Respond))
            plan = replace(plan, changes=only, records=(), adopted=(), assumed=())
        return Survey(
            now=now,
            plan=plan,
            programme=held,
            facts=facts,
            rows=rows,
            letters=letters,
            decisions=decisions,
            heard=heard,
            hears=self.hears,
            silences=silence.standing(held, facts, self.holidays(now), now) if self.hears else {},
            times=times,
        )

    def _with(
        self, histories: Mapping[MentorshipKey, History], heard: tuple[Heard, ...], rows: Mapping[str, Row]
    ) -> Mapping[MentorshipKey, History]:
        """Return the histories with what was just heard at their ends."""
        found, whose = dict(histories), self.addresses() if heard else {}
        for each in heard:
            known = replace(each, person=whose.get(each.who, ""))
            for key in rows[each.uid].mentorships:
                found[key] = History(heard=(*found.get(key, History()).heard, known))
        return found

    def _ask(self, look: Look, wanted: Mapping[str, tuple[datetime, datetime]]) -> Mapping[str, tuple[Busy, ...]]:
        people = [person for person in self.config.persons if person.key in wanted]
        return look(people, min(start for start, _ in wanted.values()), max(end for _, end in wanted.values()))

    def letters(self, programme: Programme, facts: Facts, now: datetime) -> tuple[Letter, ...]:
        bounced = self.conversation.bounced()
        wishes = [w for track in programme.tracks.values() for w in track.wishes if w.person.email.casefold() not in bounced]
        return correspondence.schedule(
            wishes,
            organisation=self.config.organisation,
            holidays=self.holidays(now),
            limits={t.id: t.method.limits for t in programme.trainings.values()},
            sent=self.outbox.letters(),
            now=now,
            pauses=facts.pauses,
        )

    def distrust(self, now: datetime) -> str:
        """Return why the clock can't be trusted; in a rehearsal it jumps from one thing to the next."""
        return guard.distrust(now, self.ledger.instant("last_tick")) if self.enforced else ""

    def watch(self, now: datetime, approved: Iterable[str]) -> guard.Watch:
        live = {t.id: t for t in self.config.trainings if t.live or not self.enforced}
        return guard.Watch(
            settings=self.config.guard,
            now=now,
            last_tick=self.ledger.instant("last_tick"),
            known=self.ledger.known_trainings(),
            trainings=live,
            approved=frozenset(approved),
            enforced=self.enforced,
            holds=Holds(self.ledger).standing(),
            config=self.config.digest,
            drafts=frozenset(t.id for t in self.config.trainings if t.id not in live),
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
    wanted = planning.wanted_busy(programme.tracks, facts, now)
    keys = {proposal.mentorship for proposal in proposals}
    keys |= {key for key, said in facts.heard.items() if any(h.said is Said.DECLINED and now - h.at <= OFFERING for h in said.heard)}
    for key in keys & programme.tracks.keys():
        for person in (programme.tracks[key].mentorship.mentee, programme.tracks[key].mentorship.mentor):
            start, end = wanted.get(person.key, (now, now))
            wanted[person.key] = (min(start, now), max(end, now + OFFERED))
    return wanted


OFFERING = timedelta(days=1)
"""So long after somebody declined they may still be offered other times."""

OFFERED = timedelta(weeks=8)
"""How far ahead those lie."""


def _with_goals(training: Training, goals: Mapping[MentorshipKey, tuple[str, ...]]) -> Training:
    """Return the training with the goals that its mentees wrote themselves."""
    if not any(mentorship.key in goals for mentorship in training.mentorships):
        return training
    return replace(training, mentorships=tuple(replace(m, goals=goals.get(m.key, m.goals)) for m in training.mentorships))


SOON = timedelta(seconds=30)
"""When something happened under our hands: look again soon."""
