"""All that one tick decides by, taken at one moment: the calendar, what people said, the ledger, the config. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from beklijf.planning.groups import merged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from beklijf.contracts.settings import Config
    from beklijf.ledger import Decision, Known, Row
    from beklijf.ledger.holds import Hold
    from beklijf.ledger.outbox import Mail
    from beklijf.model.conversation import Busy, Proposal, Told
    from beklijf.model.domain import Training
    from beklijf.model.facts import Facts
    from beklijf.model.stored import Changes
    from beklijf.planning.correspondence import Sent
    from beklijf.planning.events import Texts
    from beklijf.planning.groups import Groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What the ledger has of one group of pairs: all that its plan depends on, but for what is the same for everybody."""

    trainings: tuple[Training, ...]
    """With the mentorships of this group alone; none for people of whom only events are left."""
    rows: Mapping[str, Row]
    facts: Facts
    sent: tuple[Sent, ...]
    answered: frozenset[str]
    """The names of the answers that were given."""
    bounced: frozenset[str]
    """Addresses that don't exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    now: datetime
    config: Config
    texts: Texts
    trainings: Mapping[str, Training]
    """Those that count: what is live, with the goals that mentees wrote; drafts too where nothing is enforced."""
    holidays: frozenset[date]
    changes: Changes | None
    """What happened in the calendar; None: it could not be read, so only letters go out."""
    rows: Mapping[str, Row]
    groups: Groups
    events: Mapping[str, str]
    """The group of each event that the ledger ever had, by UID."""
    parts: Mapping[str, Part]
    """By group; whoever looks at the next snapshot finds the same object where nothing is new."""
    decisions: tuple[Decision, ...]
    """Those that wait to be taken up, and what somebody only thinks of deciding (``restore`` shows what would come of it)."""
    told_by_calendar: Told
    proposals: Sequence[Proposal]
    mails: Sequence[Mail]
    """Open ones, but for those that were set aside."""
    aside: frozenset[str]
    """The items whose events are left alone: writing them failed by itself, three times."""
    resting: Mapping[str, datetime]
    """Targets that refused, and until when they are left alone."""
    gone_mailboxes: frozenset[str]
    """Of organizers, by address."""
    holds: tuple[Hold, ...]
    """What ticks before this one held, and what of it was approved."""
    known: Mapping[str, Known]
    """What running trainings were planned from."""
    last_tick: datetime | None
    approved: frozenset[str]
    sender: str | None
    """Who invites: server, mail, none; None while that isn't settled."""
    hears: bool
    """Whether answers can be heard at all."""
    ladder: bool
    """Whether silence says something: nothing through which answers come is down just now."""
    enforced: bool = True
    """False: the guard reports and stops nothing (rehearse)."""
    busy: Mapping[str, tuple[Busy, ...]] | None = field(default=None)
    """When people can't, of those who had to be asked; None: nobody was."""

    @property
    def facts(self) -> Facts:
        """Put together what the parts know of what happened."""
        return merged(part.facts for part in self.parts.values())
