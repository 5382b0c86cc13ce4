"""What a maker says of itself, as data, and how it reads its part of the config; imports no library and no maker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from beklijf.contracts.maker import Login

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from beklijf.contracts.maker import CalendarKind, CalendarMaker, InboxKind, InboxMaker, Kind, MailKind, MailMaker
    from beklijf.toml.reader import Table

L_co = TypeVar("L_co", bound=Login, covariant=True)
L = TypeVar("L", bound=Login)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPart(Generic[L_co]):
    """A login in a table of its own, which calendar, mail and inbox may share."""

    type: type[L_co]
    read: Callable[[Section, Table], L_co]
    needs: str
    """What has to stand in the table, for whom it is missing."""
    stopgap: L_co
    """Stands in for one that is missing."""


@dataclass(slots=True, kw_only=True)
class Section:
    """One of [calendar], [mail] and [inbox] while it is read."""

    table: Table
    folder: Path
    """The config's own."""
    mailbox: str
    """The address that it is about."""
    logins: dict[str, Login]
    """Those that were read so far, by name: the first one of a name is for all who have none of their own."""
    tokens: Mapping[str, LoginPart[Login]] = field(default_factory=dict)
    """Logins whose token may take the place of a password here."""
    used: set[str] = field(default_factory=set)
    """The logins that something here needs."""

    def login(self, part: LoginPart[L]) -> L:
        """Return the login that stands here, or else the one that stands elsewhere; without either that is a problem."""
        name = part.type.kind.name
        self.used.add(name)
        if name in self.table:
            login = part.read(self, self.table.table(name))
            self.logins.setdefault(name, login)
            return login
        elsewhere = self.logins.get(name)
        if isinstance(elsewhere, part.type):
            return elsewhere
        self.table.wrong(None, f"there is no login: [{self.called(name)}] is missing", part.needs)
        return part.stopgap

    def called(self, name: str) -> str:
        """Return the heading of a table in this one."""
        return ".".join(map(str, (*self.table.path, name)))


def nothing(section: Section) -> None:
    """Ask for no keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a maker has to say about one kind."""

    kind: Kind
    keys: tuple[str, ...] = ()
    """Those that mean something to it, of what not every kind has."""
    ask: Callable[[Section], object] = nothing
    """Takes its values where another kind is meant: what is wrong with them is said all the same, and misspelt keys are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarPart(Part):
    kind: CalendarKind
    read: Callable[[Section], CalendarMaker]
    check_address: Callable[[Table, CalendarMaker, str], None] | None = None
    """Judges the URL of one person's own calendar; None where the config doesn't say where that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPart(Part):
    kind: MailKind
    read: Callable[[Section], MailMaker]


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPart(Part):
    kind: InboxKind
    read: Callable[[Section], InboxMaker]


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """All that a maker has; its line in the registry."""

    login: LoginPart[Login] | None = None
    calendar: CalendarPart | None = None
    mail: MailPart | None = None
    inbox: InboxPart | None = None
