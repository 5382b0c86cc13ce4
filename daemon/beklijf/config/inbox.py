"""Reads whether people's answers are read, and in which mailbox; says where nothing could be heard. Connects to nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from beklijf.config.addresses import address
from beklijf.config.logins import TOKEN_LOGINS, VENDORS, Logins, check_token_login, logins_for, refuse_direct
from beklijf.contracts.settings import DEADLINE, EXCHANGE_ONLINE, AnswersSettings, InboxSettings
from beklijf.toml.locations import REFERENCES, existing_file, only_with, path_from, secret
from beklijf.toml.values import Wrong, amount, choice, deadline, flag, text, whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from beklijf.config.people import People
    from beklijf.contracts.settings import CalendarSettings, MailSettings
    from beklijf.model.domain import Contact
    from beklijf.toml.reader import Table

_INBOXES: Sequence[Literal["folder", "imap", "exchange", "graph"]] = ("folder", "imap", "exchange", "graph")
_SECURITY: Sequence[Literal["tls", "starttls"]] = ("tls", "starttls")
_PORTS = {"tls": 993, "starttls": 143}
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


def read_inbox(table: Table, folder: Path, calendar: CalendarSettings, mail: MailSettings) -> InboxSettings:
    kind: Literal["folder", "imap", "exchange", "graph"] = table.need("kind", choice(*_INBOXES), "folder")
    auth: Literal["password", "graph", "google"] = table.get("auth", choice(*TOKEN_LOGINS), "password")
    mailbox = table.get("address", address, calendar.organizer.email)
    logins = logins_for(table, kind, auth if kind == "imap" else "", folder, (Logins.of(calendar), Logins.of(mail)), mailbox)
    security: Literal["tls", "starttls"] = table.get("security", choice(*_SECURITY), "tls")
    path = table.get("path", path_from(folder), folder / "var" / "inbox")
    settings = InboxSettings(
        kind=kind,
        address=mailbox,
        path=path if kind == "folder" else None,
        host=table.get("host", text, ""),
        port=table.get("port", whole(1, 65535), _PORTS[security]),
        security=security,
        user=table.get("user", text, ""),
        password=table.get("password", secret(folder), None),
        ca=table.get("ca", existing_file(folder), None),
        folder=table.get("folder", text, "INBOX"),
        authserv_id=table.get("authserv_id", _server_name, EXCHANGE_ONLINE if kind == "graph" else ""),
        filed=table.get("filed", _one_folder if kind == "folder" else text, _FILED),
        auth=auth,
        deadline=table.get("deadline", deadline, DEADLINE),
        exchange=logins.exchange,
        graph=logins.graph,
        google=logins.google,
    )
    if kind == "folder":
        only_with("imap", table, ("host", "port", "security", "user", "password", "auth", "ca", "folder"))
        if settings.path == mail.path:
            table.wrong("path" if "path" in table else None, "is the folder that letters go out to", "answers come in somewhere else")
        return settings
    only_with("folder", table, ("path",))
    if kind in VENDORS:
        refuse_direct(table, kind, ("host", "port", "security", "user", "password", "auth", "ca"))
    else:
        _check_imap(table, auth)
    if _known_as(settings.filed) == _known_as(settings.folder):
        place = "filed" if "filed" in table else "folder"
        table.wrong(place, "handled mail would stay in the folder that is read", "filed needs a folder of its own")
    return settings


def _check_imap(table: Table, auth: str) -> None:
    if "host" not in table:
        table.wrong(None, "host is missing", "the name of the IMAP server")
    if auth != "password":
        check_token_login(table, auth)
        return
    if "user" not in table:
        table.wrong(None, "user is missing")
    if "password" not in table:
        table.wrong(None, "password is missing", REFERENCES)


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
    if inbox is None and answers.read and we_organize and calendar.kind == "caldav" and calendar.invitations in _BY_MAIL:
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
