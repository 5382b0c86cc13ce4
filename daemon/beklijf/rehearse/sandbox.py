"""What a rehearsal takes place in: folders for calendars, letters and answers, and a config that knows nothing else. Plays nothing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, cast

from beklijf.backends.folder.calendar import FolderCalendar
from beklijf.backends.folder.settings import CalendarInFolder, InboxInFolder, MailInFolder
from beklijf.backends.per_person.calendar import Owners
from beklijf.boundary import files
from beklijf.contracts.settings import InboxSettings
from beklijf.model.errors import UsageError
from beklijf.model.stored import NOTHING, Changes
from beklijf.rehearse import client_mail

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from beklijf.contracts.calendar import Calendar
    from beklijf.contracts.settings import Config

MARK = ".beklijf-rehearsal"
"""A file that says: all this may be thrown away."""


def on_folders(config: Config, into: Path, *, answered: bool = False) -> Config:
    """Return *config* with folders in *into* for its servers: nothing of it needs a secret or a network.

    *answered*: answers are read, whatever the config says about that, from a Maildir in *into*.
    """
    invitations: Literal["none", "mail"] = "none" if config.calendar.invitations == "none" else "mail"
    calendar = replace(config.calendar, maker=CalendarInFolder(path=into / "calendars"), beside=None, invitations=invitations)
    inbox = None
    if config.inbox or answered:
        address = config.inbox.address if config.inbox else config.calendar.organizer.email
        inbox = InboxSettings(maker=InboxInFolder(path=into / "inbox"), address=address, authserv_id=client_mail.RECEIVER)
    return replace(
        config,
        calendar=calendar,
        mail=replace(config.mail, maker=MailInFolder(path=into / "outbox")),
        inbox=inbox,
        answers=replace(config.answers, read=True) if answered else config.answers,
    )


class Undisturbed(FolderCalendar):
    """A folder that nobody else writes to while the rehearsal lasts: there is never anything new in it."""

    def of(self, email: str, _calendar: str = "") -> Undisturbed:
        return Undisturbed(self._settings, email, durable=False, folder=self._maker.folder_of(email))

    def changes(self, token: object, known: Mapping[str, str] = NOTHING) -> Changes:  # noqa: ARG002  # the contract's
        return Changes(token=token or "rehearsal", full=False, changed=())


def calendar(config: Config, *, answered: bool) -> Calendar:
    """Return the folders that stand for everybody's calendars; nobody looks into them as long as nobody edits them."""
    settings, organizer = config.calendar, config.calendar.organizer.email
    service = (FolderCalendar if answered else Undisturbed)(settings, organizer, durable=False)
    if settings.organized_by == "service":
        return service
    mentees = {m.mentee.key: m.mentee for training in config.trainings for m in training.mentorships}
    return cast("Calendar", Owners(service, organizer, tuple(mentees.values())))  # it may not be told that it schedules


def empty(into: Path) -> None:
    """Make room for a rehearsal; only an earlier one is thrown away."""
    hint = "name a new folder, or one that an earlier rehearsal made"
    try:
        with files.own(into) as folder:
            there = files.names(folder)
            if there and not files.is_file(folder, MARK):
                raise UsageError(f"{into} holds other files", hint=hint)
            for name in {"calendars", "inbox", "outbox"} & there:
                shutil.rmtree(name, dir_fd=folder)
            files.write(folder, MARK, b"Made by beklijf rehearse; the next one there replaces it.\n", mode=files.COMMON)
    except OSError as error:
        raise UsageError(f"{into}: {error.strerror or error}", hint=hint) from error
