"""What config.toml says about the installation itself: values only; ``config`` reads them, ``domain`` has the programme."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from beklijf.boundary.deadline import LIMIT_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from beklijf.contracts.maker import CalendarKind, CalendarMaker, InboxKind, InboxMaker, MailKind, MailMaker
    from beklijf.model.domain import Contact, Organisation, Person, Training
    from beklijf.model.errors import Problem


DEADLINE = timedelta(seconds=LIMIT_SECONDS)
"""Of one whole operation with a server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarSettings:
    maker: CalendarMaker
    beside: CalendarMaker | None = None
    """The other system that people's mailboxes may be in while they move in batches."""
    organizer: Contact
    organized_by: Literal["service", "mentee"]
    invitations: Literal["auto", "server", "mail", "none"]
    name: str = ""
    """The calendar's display name, found or made; empty: the account's first one, or what the URL leads to."""
    deadline: timedelta = DEADLINE

    @property
    def kind(self) -> CalendarKind:
        return self.maker.kind

    @property
    def own_reminders(self) -> bool:
        """Whether a mentor's reminders stand in the mentor's own calendar."""
        return self.organized_by == "mentee" and self.kind.finds_everybody


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    maker: MailMaker
    sender: Contact
    per_minute: int = 60
    templates: Path | None = None
    """A folder whose files replace ours one by one."""
    deadline: timedelta = DEADLINE

    @property
    def kind(self) -> MailKind:
        return self.maker.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxSettings:
    """The mailbox in which answers arrive."""

    maker: InboxMaker
    address: str
    """What links in letters are addressed to; invitations are answered to the organizer, whatever this says."""
    folder: str = "INBOX"
    authserv_id: str = ""
    """Whose Authentication-Results to believe (RFC 8601), casefolded; empty: nobody's."""
    filed: str = "beklijf"
    """Where handled mail goes, and is deleted from after ``answers.keep``."""
    deadline: timedelta = DEADLINE

    @property
    def kind(self) -> InboxKind:
        return self.maker.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersSettings:
    read: bool | None
    """None: nobody chose yet, and nothing is read."""
    names: bool
    keep: timedelta
    mentee_proposal: Literal["apply", "ask"]
    """What becomes of another time that a mentee proposes: the meeting moves, or the mentor is asked."""
    mentor_proposal: Literal["apply", "ask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    state: Path
    every: timedelta
    installation: str
    """Names this installation in every key and UID; defaults to the organizer's address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    max_people: int
    max_withdrawals: int


@dataclass(frozen=True, slots=True)
class Source:
    """A file with trainings as it was read, so that what turns out wrong later can still be pointed at."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    path: Path
    organisation: Organisation
    calendar: CalendarSettings
    mail: MailSettings
    inbox: InboxSettings | None
    answers: AnswersSettings
    service: ServiceSettings
    guard: GuardSettings
    persons: tuple[Person, ...]
    trainings: tuple[Training, ...]
    digest: str
    """Of the bytes of every file that was read; what a tick compares to know whether anything was written."""
    warnings: tuple[Problem, ...] = field(default=())
    sources: tuple[Source, ...] = field(default=(), repr=False)
    """The files whose trainings ``trainings`` has, in that order."""

    @property
    def slowest(self) -> timedelta:
        """How long one operation with a server may last; zero where everything is in folders."""
        servers = [each.deadline for each in (self.calendar, self.mail, self.inbox) if each is not None and not each.kind.on_disk]
        return max(*servers, self.mail.maker.final_deadline, timedelta(0))

    @property
    def addresses(self) -> dict[str, str]:
        """Every address of everybody, and whose it is, by key."""
        return {address: person.key for person in self.persons for address in person.addresses}

    @property
    def emails(self) -> dict[str, str]:
        """The address that the config has of somebody, by every address of theirs."""
        return {address: person.email for person in self.persons for address in person.addresses}
