"""Reads how one installation is set up: which calendar, which mail server, where the state is, when to stop and ask.

Connects to nothing; the mailbox for answers is `listening`'s.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from beklijf.config.addresses import contact, mailbox
from beklijf.config.logins import (
    TOKEN_LOGINS,
    VENDORS,
    Logins,
    calendar_logins,
    check_invitations,
    check_token_login,
    logins_for,
    refuse_direct,
    refuse_places,
)
from beklijf.contracts.settings import DEADLINE, FINAL_DEADLINE, CalendarSettings, GuardSettings, MailSettings, ServiceSettings
from beklijf.toml.locations import (
    REFERENCES,
    calendar_pattern,
    check_server,
    existing_file,
    existing_folder,
    host_name,
    only_with,
    path_from,
    path_pattern,
    secret,
    server_address,
    warn_unprotected,
)
from beklijf.toml.values import amount, choice, deadline, text, whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from beklijf.model.domain import Contact
    from beklijf.toml.reader import Table

    _CalendarKind = Literal["folder", "caldav", "exchange", "graph", "google"]
    _MailKind = Literal["folder", "smtp", "exchange", "graph"]
    _Invitations = Literal["auto", "server", "mail", "none"]

_CALENDARS: Sequence[_CalendarKind] = ("folder", "caldav", "exchange", "graph", "google")
_MAILS: Sequence[_MailKind] = ("folder", "smtp", "exchange", "graph")
_INVITATIONS: Sequence[_Invitations] = ("auto", "server", "mail", "none")
_AUTH: Sequence[Literal["basic", "digest", "bearer"]] = ("basic", "digest", "bearer")
_ORGANIZED_BY: Sequence[Literal["service", "mentee"]] = ("service", "mentee")
_SECURITY: Sequence[Literal["tls", "starttls"]] = ("tls", "starttls")
_PORTS = {"tls": 465, "starttls": 587}
_PERIODS = {"minute": 60, "second": 1, "hour": 3600}


def read_calendar(table: Table, folder: Path) -> CalendarSettings:
    kind: _CalendarKind = table.need("kind", choice(*_CALENDARS), "folder")
    path = table.get("path", path_from(folder), folder / "var" / "calendars")
    organizer = contact(table.table("organizer"))
    invitations: _Invitations = table.get("invitations", choice(*_INVITATIONS), "auto")
    logins = calendar_logins(table, kind, folder, organizer.email)
    settings = CalendarSettings(
        kind=kind,
        organizer=organizer,
        organized_by=table.get("organized_by", choice(*_ORGANIZED_BY), "service"),
        invitations="server" if kind in VENDORS else invitations,
        path=path if kind == "folder" else None,
        url=table.get("url", server_address, ""),
        user=table.get("user", text, ""),
        password=table.get("password", secret(folder), None),
        auth=table.get("auth", choice(*_AUTH), "basic"),
        ca=table.get("ca", existing_file(folder), None),
        name=table.get("name", text, ""),
        people=_people(table, kind, folder),
        hosts=tuple(table.each("hosts", host_name).values()),
        deadline=table.get("deadline", deadline, DEADLINE),
        exchange=logins.exchange,
        graph=logins.graph,
        google=logins.google,
    )
    if kind == "folder":
        only_with("caldav", table, ("url", "user", "password", "auth", "ca", "name", "hosts"))
        return settings
    only_with("folder", table, ("path",))
    if kind in VENDORS:
        refuse_direct(table, kind, ("url", "user", "password", "auth", "ca", "hosts"))
        refuse_places(table, kind, "people")
        check_invitations(table, kind, invitations)
        return settings
    if "url" not in table:
        table.wrong(None, "url is missing", "the address of the CalDAV server or calendar")
    if "password" not in table:
        table.wrong(None, "password is missing", REFERENCES)
    if settings.auth != "bearer" and "user" not in table:
        table.wrong(None, "user is missing")
    warn_unprotected(table, "url", settings.url)
    check_server(table, "people", settings.people, settings.url, settings.hosts)
    return settings


def _people(table: Table, kind: str, folder: Path) -> str:
    """Read where people's own calendars are; a folder has its own place for them, if nothing is said, and servers know by themselves."""
    if kind in VENDORS:
        return table.get("people", lambda _: "", "")
    if kind == "caldav":
        return table.get("people", calendar_pattern, "")
    path = table.get("people", path_pattern(folder), None)
    return str(path) if path else ""


def read_mail(table: Table, folder: Path, calendar: CalendarSettings) -> MailSettings:
    kind: _MailKind = table.need("kind", choice(*_MAILS), "folder")
    security: Literal["tls", "starttls"] = table.get("security", choice(*_SECURITY), "starttls")
    auth: Literal["password", "graph", "google"] = table.get("auth", choice(*TOKEN_LOGINS), "password")
    path = table.get("path", path_from(folder), folder / "var" / "outbox")
    sender = table.get("from", mailbox, calendar.organizer)
    logins = logins_for(table, kind, auth if kind == "smtp" else "", folder, (Logins.of(calendar),), sender.email)
    settings = MailSettings(
        kind=kind,
        sender=sender,
        path=path if kind == "folder" else None,
        host=table.get("host", text, ""),
        port=table.get("port", whole(1, 65535), _PORTS[security]),
        security=security,
        user=table.get("user", text, ""),
        password=table.get("password", secret(folder), None),
        ca=table.get("ca", existing_file(folder), None),
        per_minute=table.get("per_minute", whole(1, 10_000), 60),
        templates=table.get("templates", existing_folder(folder), None),
        auth=auth,
        deadline=table.get("deadline", deadline, DEADLINE),
        final_deadline=table.get("final_deadline", deadline, FINAL_DEADLINE),
        exchange=logins.exchange,
        graph=logins.graph,
        google=logins.google,
    )
    if kind == "folder":
        only_with("smtp", table, ("host", "port", "security", "user", "password", "auth", "ca", "per_minute", "final_deadline"))
        return settings
    only_with("folder", table, ("path",))
    if kind in VENDORS:
        refuse_direct(table, kind, ("host", "port", "security", "user", "password", "auth", "ca", "final_deadline"))
        return settings
    if "host" not in table:
        table.wrong(None, "host is missing", "the name of the SMTP server")
    if auth != "password":
        check_token_login(table, auth)
    elif ("user" in table) != ("password" in table):
        table.wrong(None, f"{'password' if 'user' in table else 'user'} is missing", "a server that asks for a login needs both")
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
