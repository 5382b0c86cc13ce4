"""What a tick comes to, and how it is watched while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from beklijf.tick.stages import CALENDAR, MAIL, WRITING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from beklijf.decide.plan import Change, Plan
    from beklijf.ledger.outbox import Mail
    from beklijf.model.errors import BackendError, Problem, Refused


PERHAPS = "ask whether it came, or look for its Message-ID in the log of the mail server"
SAME_FOR_ALL = 3
"""So many refusals in the same words, and nothing sent: no coincidence."""


@dataclass(slots=True, kw_only=True)
class Delivered:
    """What became of one pass over the outbox."""

    sent: list[Mail] = field(default_factory=list)
    failed: list[tuple[Mail, Refused]] = field(default_factory=list)
    perhaps: list[tuple[Mail, Problem]] = field(default_factory=list)
    """What was handed over for the second time without an answer."""
    problems: list[Problem] = field(default_factory=list)
    down: BackendError | None = None
    doubt: BackendError | None = None
    """The last failure, when nothing worked since."""
    doubted: list[tuple[Mail, BackendError]] = field(default_factory=list)
    """The failures since the last that worked: the server's, if another one follows."""
    put_off: list[tuple[Mail, BackendError]] = field(default_factory=list)
    """What waits for another try because of itself: others went out after it."""
    aside: list[Mail] = field(default_factory=list)
    """What met `Down` first: a relay may mean one mailbox when it speaks of policy."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a tick did, and what it left."""

    plan: Plan | None = None
    """None: nothing had changed since the last tick, so nothing was planned."""
    done: list[Change] = field(default_factory=list)
    delivered: Delivered = field(default_factory=Delivered)
    problems: list[Problem] = field(default_factory=list)
    """Everything that needs a person or another try."""
    errors: list[BackendError] = field(default_factory=list)
    calendar: BackendError | None = None
    """Why the calendar could not be used at all."""
    next: datetime | None = None
    """When there is something to do again, if nothing changes before."""

    def fails(self, stage: str, error: BackendError) -> None:
        """Take up that a stage failed."""
        self.errors.append(error)
        self.problems += error.problems
        if stage in {CALENDAR, WRITING}:
            self.calendar = error
        elif stage == MAIL:
            self.delivered.down = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a tick is watched: *stop* is asked between two changes, *done* is called after each; patient: servers may rest."""

    patient: bool
    stop: Callable[[], bool] = lambda: False
    done: Callable[[], None] = lambda: None
