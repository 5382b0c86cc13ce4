"""What config.toml says about the installation itself: values only; ``config`` reads them, ``domain`` has the programme."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from beklijf.boundary.deadline import LIMIT_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from beklijf.boundary.credentials import Secret
    from beklijf.model.domain import Contact, Organisation, Person, Training
    from beklijf.model.errors import Problem


DEADLINE = timedelta(seconds=LIMIT_SECONDS)
"""Of one whole operation with a server."""

FINAL_DEADLINE = timedelta(minutes=10)
"""Of a mail server's answer to a whole message (RFC 5321 section 4.5.3.2.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeLogin:
    """How we log in at an Exchange Server on premises (EWS)."""

    url: str = ""
    """The endpoint, ``https://mail.organisation.example/EWS/Exchange.asmx``; empty: found by autodiscover."""
    user: str = ""
    """``DOMAIN\\name`` or an address; with OAuth the client's id."""
    password: Secret | None = None
    """With OAuth the client's secret."""
    auth: Literal["basic", "ntlm", "oauth"] = "ntlm"
    access: Literal["impersonation", "delegate"] = "impersonation"
    tenant: str = ""
    """OAuth only; for AD FS what stands in the token's address."""
    authority: str = ""
    """OAuth only: where tokens come from, if not from the usual place."""
    hosts: tuple[str, ...] = ()
    """Servers outside of the mailbox's domain to which autodiscover may lead, ``host`` or ``host:port``."""
    ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphLogin:
    """How we log in at Exchange Online (Microsoft Graph): as an application, with a secret or a certificate."""

    tenant: str
    client: str
    secret: Secret | None = None
    certificate: Secret | None = None
    """A PEM text with the certificate and its private key."""
    url: str = "https://graph.microsoft.com/v1.0"
    authority: str = "https://login.microsoftonline.com"
    """Both differ in national clouds."""
    ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleLogin:
    """How we log in at Google Workspace: as a service account with domain-wide delegation."""

    key: Secret
    """The JSON file of the service account's key."""
    url: str = "https://www.googleapis.com/calendar/v3"
    ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarSettings:
    kind: Literal["folder", "caldav", "exchange", "graph", "google"]
    organizer: Contact
    organized_by: Literal["service", "mentee"]
    invitations: Literal["auto", "server", "mail", "none"]
    path: Path | None = None
    """folder only"""
    url: str = ""
    user: str = ""
    password: Secret | None = None
    """For bearer authentication: the token."""
    auth: Literal["basic", "digest", "bearer"] = "basic"
    ca: Path | None = None
    """A PEM file that is trusted instead of the system's."""
    name: str = ""
    """The calendar's display name, found or made; empty: the URL is the calendar itself, or the account's first one."""
    people: str = ""
    """Where each person's own calendar is: a URL (folder: a path) with {email}, {local} or {domain} in it; empty: not known."""
    hosts: tuple[str, ...] = ()
    """caldav only: other hosts than that of *url* which may have the password, ``host`` or ``host:port``, by https."""
    deadline: timedelta = DEADLINE
    exchange: ExchangeLogin | None = None
    graph: GraphLogin | None = None
    google: GoogleLogin | None = None

    @property
    def reaches_everybody(self) -> bool:
        """Whether everybody's mailbox is found by its address."""
        return self.kind in {"exchange", "graph", "google"}

    @property
    def own_reminders(self) -> bool:
        """Whether a mentor's reminders stand in the mentor's own calendar."""
        return self.organized_by == "mentee" and self.reaches_everybody


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    kind: Literal["folder", "smtp", "exchange", "graph"]
    sender: Contact
    path: Path | None = None
    host: str = ""
    port: int = 0
    security: Literal["tls", "starttls"] = "starttls"
    user: str = ""
    password: Secret | None = None
    ca: Path | None = None
    per_minute: int = 60
    templates: Path | None = None
    """A folder whose files replace ours one by one."""
    auth: Literal["password", "graph", "google"] = "password"
    """smtp: log in by password, or by a token of that login (XOAUTH2)."""
    deadline: timedelta = DEADLINE
    final_deadline: timedelta = FINAL_DEADLINE
    """smtp: of the answer to a whole message. Giving up early means sending twice."""
    exchange: ExchangeLogin | None = None
    graph: GraphLogin | None = None
    google: GoogleLogin | None = None


EXCHANGE_ONLINE = "mx.microsoft.com"
"""What Exchange Online calls itself, where it does (ARC-Authentication-Results)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxSettings:
    """The mailbox in which answers arrive."""

    kind: Literal["folder", "imap", "exchange", "graph"]
    address: str
    """What links in letters are addressed to; invitations are answered to the organizer, whatever this says."""
    path: Path | None = None
    """folder only: a Maildir"""
    host: str = ""
    port: int = 0
    security: Literal["tls", "starttls"] = "tls"
    user: str = ""
    password: Secret | None = None
    ca: Path | None = None
    folder: str = "INBOX"
    authserv_id: str = ""
    """Whose Authentication-Results to believe (RFC 8601), casefolded; empty: nobody's."""
    filed: str = "beklijf"
    """Where handled mail goes, and is deleted from after ``answers.keep``."""
    auth: Literal["password", "graph", "google"] = "password"
    """imap: as for smtp."""
    deadline: timedelta = DEADLINE
    exchange: ExchangeLogin | None = None
    graph: GraphLogin | None = None
    google: GoogleLogin | None = None


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
        deadlines = [each.deadline for each in (self.calendar, self.mail, self.inbox) if each is not None and each.kind != "folder"]
        return max([*deadlines, *([self.mail.final_deadline] if self.mail.kind == "smtp" else [])], default=timedelta(0))
