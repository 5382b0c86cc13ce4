"""Take a snapshot: everything that a plan is made from, read at one moment. Writes nothing and decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from beklijf.config.check import programme_errors, unwritable
from beklijf.decide import guard
from beklijf.decide.decider import Decider
from beklijf.decide.snapshot import Snapshot
from beklijf.ledger.aside import Asides
from beklijf.ledger.holds import Holds
from beklijf.model.conversation import Busy
from beklijf.model.domain import Person
from beklijf.model.errors import ConfigError
from beklijf.planning.days import public_holidays
from beklijf.planning.groups import merged
from beklijf.tick.collector import uncollected
from beklijf.tick.outages import gone_mailboxes
from beklijf.tick.parts import Parts
from beklijf.tick.stages import CALENDAR, INBOX, MAIL, SCHEDULE, WRITING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from beklijf.contracts.settings import Config
    from beklijf.decide.plan import Plan
    from beklijf.ledger import Decision, Ledger
    from beklijf.ledger.conversation import Conversation
    from beklijf.ledger.outbox import Outbox
    from beklijf.model.domain import MentorshipKey, Programme, Track
    from beklijf.model.facts import Facts
    from beklijf.model.stored import Changes
    from beklijf.planning import events

YEARS_AHEAD = 3
"""A track lasts well under two years; its holidays must be known."""

Look = Callable[[Sequence[Person], "datetime", "datetime"], Mapping[str, tuple[Busy, ...]]]
"""Asks a calendar when people can't."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taker:
    """Where a snapshot comes from, for one installation; and who decides by it."""

    config: Config
    ledger: Ledger
    outbox: Outbox
    conversation: Conversation
    texts: events.Texts
    enforced: bool = True
    """False: the guard stops nothing and drafts count as live (rehearse)."""
    ladder: bool = True
    """False: nobody answers, and nothing is concluded from that (a rehearsal without answers)."""
    decider: Decider = field(default_factory=Decider)
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        parts = Parts(self.config, self.ledger, self.outbox, self.conversation, drafts=not self.enforced)
        object.__setattr__(self, "parts", parts)  # frozen: whose parts they are doesn't change

    def including_drafts(self) -> Taker:
        """Return one that sees drafts as live, for what is only looked at."""
        return replace(self, enforced=False, decider=Decider())

    @uncollected()
    def take(
        self,
        now: datetime,
        changes: Changes | None,
        *,
        approved: Iterable[str] = (),
        patient: bool = True,
        decided: Iterable[Decision] = (),
        supposed: bool = False,
        look: Look | None = None,
    ) -> Snapshot:
        """Return what there is; *changes* None: the calendar could not be read.

        *decided* is what somebody only thinks of deciding. *supposed*: now is made up (``plan --at``), so its distance from the last
        tick is no reason to worry. *look* asks when people can't, where a time is to be chosen; None: nobody is asked.
        """
        asides, outages, rows = Asides(self.ledger), self.ledger.outages(), self.ledger.rows()
        left, parts = asides.names(MAIL), self.parts.take(now, hears=self.hears)
        snapshot = Snapshot(
            now=now,
            config=self.config,
            texts=self.texts,
            trainings=self.parts.trainings,
            holidays=self.holidays(now),
            changes=changes,
            rows=rows,
            groups=self.parts.groups,
            events=self.parts.events,
            parts=parts,
            decisions=(*self.ledger.decisions(), *decided),
            told_by_calendar=self.conversation.told_by_calendar(found.event.uid for found in changes.changed) if changes else {},
            proposals=self.conversation.proposals() if self.hears else (),
            mails=[mail for mail in self.outbox.open_mails() if mail.label not in left],
            aside=asides.names(WRITING),
            resting={outage.target: outage.retry_at for outage in outages.values()} if patient else {},
            gone_mailboxes=gone_mailboxes(outages.values(), now),
            holds=Holds(self.ledger).standing(),
            known=self.ledger.known_trainings(),
            last_tick=None if supposed else self.ledger.instant("last_tick"),
            approved=frozenset(approved),
            sender=self.sender,
            hears=self.hears,
            ladder=not {CALENDAR, SCHEDULE, INBOX} & outages.keys(),  # who answered now would not be heard
            enforced=self.enforced,
        )
        if look is None or not (wanted := self.decider.whom_to_ask(snapshot)):
            return snapshot
        people = [person for person in self.config.persons if person.key in wanted]
        busy = look(people, min(start for start, _ in wanted.values()), max(end for _, end in wanted.values()))
        return replace(snapshot, busy=busy)

    def plan(
        self,
        now: datetime,
        changes: Changes | None,
        *,
        approved: Iterable[str] = (),
        patient: bool = True,
        decided: Iterable[Decision] = (),
        supposed: bool = False,
        look: Look | None = None,
    ) -> Plan:
        """Take a snapshot and decide by it; raises ConfigError for what only planning can see, such as meetings that overlap."""
        return self.decide(self.take(now, changes, approved=approved, patient=patient, decided=decided, supposed=supposed, look=look))

    @uncollected()
    def decide(self, snapshot: Snapshot) -> Plan:
        """Decide by a snapshot; raises ConfigError likewise."""
        plan = self.decider.decide(snapshot)
        self._demand_sound(
            {key: track for found in plan.fresh for key, track in found.programme.tracks.items()},
            merged(found.facts for found in plan.fresh),
        )
        wrong = unwritable(self.config, plan.programme.tracks, snapshot.now)
        return replace(plan, problems=(*plan.problems, *wrong)) if wrong else plan

    def programme(self, now: datetime, *, joining: datetime | None = None) -> Programme:
        """Plan all trainings that count; raises ConfigError likewise. Who is not known yet joins at *joining*, or now."""
        snapshot = self.take(now, None)
        if joining is not None:
            snapshot = replace(snapshot, parts=self.parts.take(joining, hears=self.hears))
        programme = self.decider.programme(snapshot)
        self._demand_sound(programme.tracks, snapshot.facts)
        return programme

    def _demand_sound(self, tracks: Mapping[MentorshipKey, Track], facts: Facts) -> None:
        if wrong := programme_errors(self.config, tracks, facts.moved):
            self.decider.forget()  # else it would be found once
            raise ConfigError(wrong)

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
            and (config.inbox is not None or config.calendar.kind.on_disk or self.sender == "server")
        )

    def holidays(self, now: datetime) -> frozenset[date]:
        years = {session.date.year for t in self.config.trainings for session in t.sessions} | {now.year}
        return public_holidays(self.config.organisation.holidays, range(min(years) - 1, max(years) + YEARS_AHEAD))

    def facts(self, now: datetime) -> Facts:
        """Return the ledger's facts; a mentorship that is live and not known yet joins now."""
        return merged(part.facts for part in self.parts.take(now, hears=self.hears).values())

    def distrust(self, now: datetime) -> str:
        """Return why the clock can't be trusted; in a rehearsal it jumps from one thing to the next."""
        return guard.distrust(now, self.ledger.instant("last_tick")) if self.enforced else ""
