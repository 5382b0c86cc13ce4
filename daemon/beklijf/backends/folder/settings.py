"""Folders: what the config says about them, and what they can do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from beklijf.backends.maker import CalendarPart, InboxPart, MailPart, Maker
from beklijf.contracts.maker import CalendarKind, CalendarMaker, InboxKind, InboxMaker, MailKind, MailMaker
from beklijf.contracts.people import filled, safe_name
from beklijf.toml.locations import path_from, path_pattern

if TYPE_CHECKING:
    from beklijf.backends.maker import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarInFolder(CalendarMaker):
    kind: ClassVar[CalendarKind] = CalendarKind(name="folder", opens="beklijf.backends.folder.calendar:FolderCalendar", on_disk=True)
    path: Path

    def folder_of(self, email: str) -> Path:
        """Return the folder of a person's calendar: by the pattern, or beside the service's own."""
        return Path(filled(self.people, email, safe_name)) if self.people else self.path / safe_name(email.casefold())


@dataclass(frozen=True, slots=True, kw_only=True)
class MailInFolder(MailMaker):
    kind: ClassVar[MailKind] = MailKind(name="folder", opens="beklijf.backends.folder.mailer:FolderMailer", on_disk=True)
    path: Path
    """A Maildir."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxInFolder(InboxMaker):
    kind: ClassVar[InboxKind] = InboxKind(name="folder", opens="beklijf.backends.folder.inbox:FolderInbox", on_disk=True)
    path: Path
    """A Maildir."""


def _calendars(section: Section) -> Path:
    return section.table.get("path", path_from(section.folder), section.folder / "var" / "calendars")


def _outbox(section: Section) -> Path:
    return section.table.get("path", path_from(section.folder), section.folder / "var" / "outbox")


def _inbox(section: Section) -> Path:
    return section.table.get("path", path_from(section.folder), section.folder / "var" / "inbox")


def _calendar(section: Section) -> CalendarInFolder:
    path = _calendars(section)
    people = section.table.get("people", path_pattern(section.folder), None)
    return CalendarInFolder(path=path, people=str(people) if people else "")


FOLDER = Maker(
    calendar=CalendarPart(kind=CalendarInFolder.kind, read=_calendar, ask=_calendars, keys=("path", "people")),
    mail=MailPart(
        kind=MailInFolder.kind,
        read=lambda section: MailInFolder(path=_outbox(section)),
        ask=_outbox,
        keys=("path",),
    ),
    inbox=InboxPart(
        kind=InboxInFolder.kind,
        read=lambda section: InboxInFolder(path=_inbox(section)),
        ask=_inbox,
        keys=("path",),
    ),
)
