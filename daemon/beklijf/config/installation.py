"""Reads how one installation is set up: which calendar, which mail server, where the state is, when to stop and ask.

Connects to nothing; the mailbox for answers is `inbox`'s, and what a kind alone knows its maker's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from beklijf.backends.maker import Section
from beklijf.backends.registry import CALENDARS, MAILERS, TOKENS
from beklijf.config.addresses import contact, mailbox
from beklijf.config.sections import part_of, refuse_others
from beklijf.contracts.settings import DEADLINE, CalendarSettings, GuardSettings, MailSettings, ServiceSettings
from beklijf.toml.locations import existing_folder, path_from
from beklijf.toml.values import amount, choice, deadline, text, whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from beklijf.backends.maker import CalendarPart
    from beklijf.contracts.maker import CalendarKind, CalendarMaker, Login
    from beklijf.model.domain import Contact
    from beklijf.toml.reader import Table

    _Invitations = Literal["auto", "server", "mail", "none"]

_INVITATIONS: Sequence[_Invitations] = ("auto", "server", "mail", "none")
_ORGANIZED_BY: Sequence[Literal["service", "mentee"]] = ("service", "mentee")
_PERIODS = {"minute": 60, "second": 1, "hour": 3600}


def read_calendar(table: Table, folder: Path, logins: dict[str, Login]) -> CalendarSettings:
    part = part_of(table, CALENDARS)
    organizer = contact(table.table("organizer"))
    section = Section(table=table, folder=folder, mailbox=organizer.email, logins=logins)
    settings = CalendarSettings(
        maker=part.read(section),
        beside=_beside(section, part),
        organizer=organizer,
        organized_by=table.get("organized_by", choice(*_ORGANIZED_BY), "service"),
        invitations=_invitations(table, part.kind),
        name=table.get("name", text, ""),
        deadline=table.get("deadline", deadline, DEADLINE),
    )
    refuse_others(section, part, CALENDARS)
    if part.kind.finds_everybody:
        table.get("people", str, "")
        refuse_address(table, part.kind, "people")
    return settings


def _beside(section: Section, part: CalendarPart) -> CalendarMaker | None:
    """Read the other login of one family of systems, where there is one."""
    for name, other in CALENDARS.items():
        if part.kind.family and other.kind.family == part.kind.family and other is not part and name in section.table:
            return other.read(section)
    return None


def _invitations(table: Table, kind: CalendarKind) -> _Invitations:
    invitations: _Invitations = table.get("invitations", choice(*_INVITATIONS), "auto")
    if not kind.invites:
        return invitations
    if invitations in ("mail", "none"):
        table.wrong("invitations", f"{kind.called} invites by itself: nothing else can", 'leave it out, or say invitations = "server"')
    return "server"


def refuse_address(table: Table, kind: CalendarKind, key: str) -> None:
    """Refuse to be told where people's own calendars are: the server knows."""
    if key in table:
        table.wrong(key, f"is not needed: {kind.called} finds everybody's own calendar by their address", "leave it out")


def read_mail(table: Table, folder: Path, organizer: Contact, logins: dict[str, Login]) -> MailSettings:
    part = part_of(table, MAILERS)
    sender = table.get("from", mailbox, organizer)
    section = Section(table=table, folder=folder, mailbox=sender.email, logins=logins, tokens=TOKENS)
    settings = MailSettings(
        maker=part.read(section),
        sender=sender,
        per_minute=table.get("per_minute", whole(1, 10_000), 60),
        templates=table.get("templates", existing_folder(folder), None),
        deadline=table.get("deadline", deadline, DEADLINE),
    )
    refuse_others(section, part, MAILERS)
    return settings


def read_service(table: Table, folder: Path, organizer: Contact) -> ServiceSettings:
    return ServiceSettings(
        state=table.get("state", path_from(folder), folder / "var" / "beklijf.sqlite3"),
        every=timedelta(seconds=table.get("every", amount(_PERIODS, 1, 24 * 3600), 300)),
        installation=table.get("installation", text, organizer.email.casefold()),
    )


def read_guard(table: Table) -> GuardSettings:
    return GuardSettings(
        max_people=table.get("max_people", whole(0, 1_000_000), 60),
        max_withdrawals=table.get("max_withdrawals", whole(0, 1_000_000), 10),
    )
