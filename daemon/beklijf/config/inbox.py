"""Reads whether people's answers are read, and in which mailbox; says where nothing could be heard. Connects to nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from beklijf.backends.maker import Section
from beklijf.backends.registry import INBOXES, TOKENS
from beklijf.config.addresses import address
from beklijf.config.sections import part_of, refuse_others
from beklijf.contracts.settings import DEADLINE, AnswersSettings, InboxSettings
from beklijf.toml.values import Wrong, amount, choice, deadline, flag, text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from beklijf.config.people import People
    from beklijf.contracts.maker import Login
    from beklijf.contracts.settings import CalendarSettings, MailSettings
    from beklijf.model.domain import Contact
    from beklijf.toml.reader import Table

_PROPOSAL: Sequence[Literal["apply", "ask"]] = ("apply", "ask")
_KEEP = amount({"day": 1, "week": 7}, 1, 366)
_FILED = "beklijf"
_SERVER_NAME = re.compile(r"[a-z0-9_.:-]{1,255}")


def read_answers(table: Table) -> AnswersSettings:
    """Read ``[answers]``; what nobody chose stays open, and counts as no."""
    return AnswersSettings(
        read=table.get("read", flag, None),
        names=table.get("names", flag, False),
        keep=timedelta(days=table.get("keep", _KEEP, 30)),
        mentee_proposal=table.get("mentee_proposal", choice(*_PROPOSAL), "apply"),
        mentor_proposal=table.get("mentor_proposal", choice(*_PROPOSAL), "ask"),
    )


def read_inbox(table: Table, folder: Path, calendar: CalendarSettings, mail: MailSettings, logins: dict[str, Login]) -> InboxSettings:
    part = part_of(table, INBOXES)
    mailbox = table.get("address", address, calendar.organizer.email)
    section = Section(table=table, folder=folder, mailbox=mailbox, logins=logins, tokens=TOKENS)
    settings = InboxSettings(
        maker=part.read(section),
        address=mailbox,
        folder=table.get("folder", text, "INBOX"),
        authserv_id=table.get("authserv_id", _server_name, part.kind.authserv_id),
        filed=table.get("filed", _one_folder if part.kind.on_disk else text, _FILED),
        deadline=table.get("deadline", deadline, DEADLINE),
    )
    refuse_others(section, part, INBOXES)
    if part.kind.on_disk:
        if settings.maker.path == mail.maker.path:
            table.wrong("path" if "path" in table else None, "is the folder that letters go out to", "answers come in somewhere else")
    elif _known_as(settings.filed) == _known_as(settings.folder):
        place = "filed" if "filed" in table else "folder"
        table.wrong(place, "handled mail would stay in the folder that is read", "filed needs a folder of its own")
    return settings


def _server_name(value: object) -> str:
    """Take the name by which a server calls itself in Authentication-Results: one word."""
    given = text(value).casefold()
    if not _SERVER_NAME.fullmatch(given):
        raise Wrong(
            f'must be the name of one server, not "{given}"', "it stands first in the Authentication-Results of mail in that mailbox"
        )
    return given


def _one_folder(value: object) -> str:
    """Take the name of a folder in a Maildir, which becomes the name of a folder on disk."""
    given = text(value)
    if "/" in given or given.startswith("."):
        raise Wrong(f'must be the name of one folder, not "{given}"')
    return given


def _known_as(folder: str) -> str:
    """Return a name of an IMAP folder to compare: INBOX alone is the same in small letters (RFC 3501 section 5.1)."""
    return folder.upper() if folder.upper() == "INBOX" else folder


def check_mailbox(root: Table, inbox: InboxSettings | None, organizer: Contact, people: People) -> None:
    """Refuse to read in somebody's own mailbox: what comes from the service's address is never taken for an answer."""
    address_of = inbox.address.casefold() if inbox else ""
    if address_of and address_of != organizer.email.casefold() and (owner := people.by_address.get(address_of)):
        root.document.found(("inbox", "address"), f"is the mailbox of {owner.name}", "the service reads a mailbox of its own only")


def check_hearing(root: Table, calendar: CalendarSettings, inbox: InboxSettings | None, answers: AnswersSettings) -> None:
    """Warn of an inbox that nobody reads, and of answers that nothing reads; says only what is certain before any event."""
    we_organize = calendar.organized_by == "service" and calendar.organizer.email
    if inbox is not None and not answers.read:
        reason = "not chosen yet" if answers.read is None else "false"
        root.warn("inbox", f"nothing is read from it: answers.read is {reason}", "say read = true in [answers], or take [inbox] out")
    if inbox is not None and we_organize and inbox.address.casefold() != calendar.organizer.email.casefold():
        organizer = calendar.organizer.email
        hint = f"fine if mail to {organizer} arrives in this mailbox too"
        root.document.found(("inbox", "address"), f"answers to invitations go to {organizer}", hint, warning=True)
    if inbox is not None and answers.read and not inbox.authserv_id:
        root.warn("inbox", _UNTRUSTED, "authserv_id = what stands first in the Authentication-Results that your mail server writes")
    if inbox is None and answers.read and we_organize and not calendar.kind.on_disk and calendar.invitations in _BY_MAIL:
        what, hint = _BY_MAIL[calendar.invitations]
        root.document.found(("answers", "read"), what, hint, warning=True)


_UNTRUSTED = (
    "nothing says whose Authentication-Results to believe: who declines a series or proposes a time without answering our mail "
    "itself is put to the coordinator"
)

_BY_MAIL = {
    "mail": (
        'no answer can be heard: with invitations = "mail" they come by mail, and there is no [inbox]',
        "add an [inbox] with the organizer's mailbox",
    ),
    "auto": (
        "if the calendar server leaves the invitations to beklijf, answers come by mail, and there is no [inbox]",
        "say who invites (invitations in [calendar]), or add an [inbox] with the organizer's mailbox",
    ),
}
