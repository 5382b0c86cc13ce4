"""The values of a plan: what a tick would do, to whom and why. They decide nothing: ``draft`` and ``guard`` do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from beklijf.ledger.holds import HoldKind
from beklijf.planning.groups import merged
from beklijf.planning.offers import Times

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime

    from beklijf.decide.notify import Tell
    from beklijf.decide.snapshot import Part, Snapshot
    from beklijf.ledger import Decision, Row
    from beklijf.ledger.holds import Hold
    from beklijf.ledger.outbox import Mail
    from beklijf.model.conversation import Heard, Proposal, Response
    from beklijf.model.domain import Event, Kind, Letter, Meets, MentorshipKey, Programme, Ref, Track
    from beklijf.model.errors import Problem
    from beklijf.model.facts import Facts
    from beklijf.model.stored import Stored
    from beklijf.planning.events import Writer
    from beklijf.planning.silence import Silence


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    WITHDRAW = "withdraw"
    SEND = "send"


class Cause(StrEnum):
    """Why now; only what a *change* caused is the guard's business."""

    DUE = "due"
    CHANGE = "change"
    HUMAN = "human"


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    row: Row
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Bring the calendar to ``event``; no fields: only SEQUENCE rises, because a human's change is announced."""

    row: Row
    event: Event
    fields: frozenset[str]
    asked: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Take back what is to come: delete it, or end a begun series (``ended``); ``gone``: it isn't there any more."""

    row: Row
    ended: Event | None = None
    gone: bool = False
    state: str = "closed"
    organizer: str = ""
    """Whose event it becomes, where that is why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Bring one meeting, or an event of one meeting, to the time that somebody proposed: from then on it is a human's."""

    row: Row
    event: Event
    fields: frozenset[str]
    asked: Event
    proposal: Proposal
    reply: Respond


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehour:
    """Give a pair another hour, as one of them chose; planning goes by it from the next tick on."""

    meets: Meets
    first: date
    """The day of the first meeting at that hour."""
    mentorships: tuple[MentorshipKey, ...]
    uid: str
    """Of the series that stands in the calendar, if any."""
    ref: Ref
    proposal: Proposal
    reply: Respond | None
    """Where no invitation is out yet that would show the new hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Respond:
    """Answer a person at once, each answer once."""

    response: Response
    name: str
    """What the outbox calls it: the same for the same answer to the same thing."""
    subject: str
    """What it is about: an event's UID, or a mentorship."""
    proposal: Proposal | None = None
    """What it settles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    letter: Letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Resend:
    mail: Mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing a tick would do, as it is reported, with the work that does it."""

    action: Action
    kind: Kind
    training: str
    mentorships: tuple[MentorshipKey, ...]
    ref: Ref
    start: datetime | None
    at: datetime
    to: tuple[str, ...]
    why: str
    cause: Cause
    work: Create | Write | Withdraw | Move | Rehour | Respond | Send | Resend
    tells: tuple[Tell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The calendar as it is now: what differs from the ledger's *seen*; everything else stands as it was seen."""

    stored: Mapping[str, Stored] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One group's part of a snapshot with what was worked out from it: what a draft is made from."""

    snapshot: Snapshot
    part: Part
    programme: Programme
    writer: Writer
    rows: Mapping[str, Row]
    current: Current
    unknown: frozenset[str]
    """What stands in the calendar and in no ledger: adopted, where it is ours."""
    letters: Sequence[Letter]
    facts: Facts
    times: Callable[[], Times]
    """When people can; made on first use, since few ticks need it."""
    unsettled: frozenset[MentorshipKey]
    """Pairs of whom one declined the hour: nothing new until that is settled."""

    @property
    def now(self) -> datetime:
        return self.snapshot.now

    @property
    def sender(self) -> str | None:
        return self.snapshot.sender


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A plan before the guard has looked at it."""

    changes: tuple[Change, ...]
    records: tuple[Row, ...] = ()
    """What the ledger should know without anything being done: humans' changes, what was found to be agreed."""
    adopted: tuple[Row, ...] = ()
    assumed: tuple[Letter, ...] = ()
    """Letters that announced what was adopted: they went out before."""
    problems: tuple[Problem, ...] = ()
    next: datetime | None = None
    """The first instant at which the answer would differ without new input."""
    resting: frozenset[Ref] = frozenset()
    """What there may be to do about these can't be done now: their target refused, or their pair has no hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDraft:
    """What is drafted for one group, in the order in which it is put together with that of the others (`draft.together`)."""

    settled: tuple[Change, ...]
    items: tuple[tuple[MentorshipKey, Change], ...]
    """With the mentorship in whose track the item is."""
    left: tuple[tuple[str, Change], ...]
    """Taken back, with the UID."""
    letters: tuple[Change, ...]
    answers: tuple[Change, ...]
    records: tuple[Row, ...]
    adopted: tuple[Row, ...]
    assumed: tuple[Letter, ...]
    next: datetime | None
    resting: frozenset[Ref]
    turns: datetime | None
    """When an event of theirs begins or is over, which may change more than what is due at `next`."""

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to do now, and nothing that waits for a server."""
        return not (self.settled or self.items or self.left or self.letters or self.answers or self.records or self.adopted or self.resting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A change that the guard stopped, and what lets it go on."""

    change: Change
    reason: str
    until: str = "approved"
    kind: HoldKind = HoldKind.WISH
    hold: str = ""
    """The PLAN-ID of what it belongs to."""

    @property
    def clock(self) -> bool:
        """Because of the clock, or of a long silence: the next tick must not take this one for a good one."""
        return self.kind is HoldKind.CLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A draft once the guard has looked at it."""

    id: str
    """Of what is held, without times, so that it is the same tomorrow; of the changes when nothing is held.

    Of several holds, one for all of them. Faults are approved first, then what the clock holds, then wishes.
    """
    changes: tuple[Change, ...]
    held: tuple[Held, ...]
    problems: tuple[Problem, ...]
    doubted: frozenset[str]
    """Trainings of which a session vanished while another appeared: remembered as they were until somebody says."""
    holds: tuple[Hold, ...] = ()
    """What the ledger should have of holds after this tick: what stands, and what was approved and isn't done."""
    clock: str = ""
    """Why the clock can't be trusted; empty where it can, or somebody approved that it is right."""
    approvable: frozenset[str] = frozenset()
    """Under these names something that is held can be approved now: of all of it, of each hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was worked out for one group."""

    tracks: Mapping[MentorshipKey, Track]
    """As planned."""
    programme: Programme
    """With the meetings where people moved them to."""
    facts: Facts
    letters: tuple[Letter, ...]
    silences: Mapping[MentorshipKey, Silence]
    draft: GroupDraft


@dataclass(frozen=True, kw_only=True)
class Plan(Judged):
    """What a tick does now, and what it doesn't; and all that people may want to know of how that was found."""

    now: datetime
    records: tuple[Row, ...]
    """What the ledger should know without anything being done: humans' changes, what was found to be agreed."""
    adopted: tuple[Row, ...]
    assumed: tuple[Letter, ...]
    """Letters that announced what was adopted: they went out before."""
    next: datetime | None
    """The first instant at which the answer would differ without new input."""
    programme: Programme
    """With the meetings where people moved them to."""
    rows: Mapping[str, Row]
    """As people's decisions leave them; what differs from the ledger is noted by the tick."""
    decisions: tuple[Decision, ...]
    heard: tuple[Heard, ...]
    """What the calendar tells of people and the ledger doesn't know yet."""
    hears: bool
    """Whether answers can be heard at all."""
    found: Mapping[str, Found]
    """By group."""
    fresh: tuple[Found, ...]
    """Those that were worked out anew; of all others nothing is to be noted."""
    group_of: Mapping[MentorshipKey, str]
    holidays: frozenset[date]

    @cached_property
    def facts(self) -> Facts:
        return merged(found.facts for found in self.found.values())

    @cached_property
    def letters(self) -> tuple[Letter, ...]:
        """Every letter that is not sent yet, by receiver and then in order of time."""
        return tuple(sorted((letter for found in self.found.values() for letter in found.letters), key=lambda letter: letter.person.key))

    @cached_property
    def silences(self) -> Mapping[MentorshipKey, Silence]:
        """The pairs of which something is waited for; none where answers can't be heard."""
        return {key: silence for found in self.found.values() for key, silence in found.silences.items()}

    def times(self, mentorship: MentorshipKey) -> Times:
        """Return when the people of a group can: made on first use, since few ticks need it."""
        name = self.group_of[mentorship]
        if name not in self._times:
            found = self.found[name]
            self._times[name] = Times(found.programme, found.facts, self.holidays)
        return self._times[name]

    @cached_property
    def _times(self) -> dict[str, Times]:
        return {}
