"""Reads how one installation is set up: which calendar, which mail server, where the state is, when to stop and ask.

Opens nothing and reveals no secret: a password in the config is a reference, and a literal one is refused without being shown.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urlsplit

from beklijf.config.addresses import contact, mailbox
from beklijf.config.values import Wrong, amount, choice, text, whole
from beklijf.credentials import Secret
from beklijf.settings import CalendarSettings, GuardSettings, MailSettings, ServiceSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from beklijf.config.reading import Table
    from beklijf.domain import Contact

W = TypeVar("W", bound=str)

_INVITATIONS: Sequence[Literal["auto", "server", "mail", "none"]] = ("auto", "server", "mail", "none")
_AUTH: Sequence[Literal["basic", "digest", "bearer"]] = ("basic", "digest", "bearer")
_SECURITY: Sequence[Literal["tls", "starttls"]] = ("tls", "starttls")
_SECRETS: Sequence[Literal["file", "env", "credential"]] = ("file", "env", "credential")
_LATER = ("exchange", "graph", "google")
_PORTS = {"tls": 465, "starttls": 587}
_PERIODS = {"minute": 60, "second": 1, "hour": 3600}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_REFERENCES = 'name where it is kept: password = { file = ".." }, { env = ".." } or { credential = ".." }'


def read_calendar(table: Table, folder: Path) -> CalendarSettings:
    kind: Literal["folder", "caldav"] = table.need("kind", _kind("folder", "caldav"), "folder")
    organizer = contact(table.table("organizer"))
    table.get("organized_by", _organized_by, "service")
    path = table.get("path", _path(folder), folder / "var" / "calendars")
    settings = CalendarSettings(
        kind=kind,
        organizer=organizer,
        organized_by="service",
        invitations=table.get("invitations", choice(*_INVITATIONS), "auto"),
        path=path if kind == "folder" else None,
        url=table.get("url", _address_of_calendar, ""),
        user=table.get("user", text, ""),
        password=table.get("password", _secret(folder), None),
        auth=table.get("auth", choice(*_AUTH), "basic"),
        ca=table.get("ca", _existing_file(folder), None),
        name=table.get("name", text, ""),
    )
    if kind == "folder":
        _only_with("caldav", table, ("url", "user", "password", "auth", "ca", "name"))
        return settings
    _only_with("folder", table, ("path",))
    if "url" not in table:
        table.wrong(None, "url is missing", "the address of the CalDAV server or calendar")
    if "password" not in table:
        table.wrong(None, "password is missing", _REFERENCES)
    if settings.auth != "bearer" and "user" not in table:
        table.wrong(None, "user is missing")
    if urlsplit(settings.url).scheme == "http" and urlsplit(settings.url).hostname not in _LOOPBACK:
        table.warn("url", "the password would travel unprotected", "use https")
    return settings


def read_mail(table: Table, folder: Path, organizer: Contact) -> MailSettings:
    kind: Literal["folder", "smtp"] = table.need("kind", _kind("folder", "smtp"), "folder")
    security: Literal["tls", "starttls"] = table.get("security", choice(*_SECURITY), "starttls")
    path = table.get("path", _path(folder), folder / "var" / "outbox")
    settings = MailSettings(
        kind=kind,
        sender=table.get("from", mailbox, organizer),
        path=path if kind == "folder" else None,
        host=table.get("host", text, ""),
        port=table.get("port", whole(1, 65535), _PORTS[security]),
        security=security,
        user=table.get("user", text, ""),
        password=table.get("password", _secret(folder), None),
        ca=table.get("ca", _existing_file(folder), None),
        per_minute=table.get("per_minute", whole(1, 10_000), 60),
        templates=table.get("templates", _existing_folder(folder), None),
    )
    if kind == "folder":
        _only_with("smtp", table, ("host", "port", "security", "user", "password", "ca", "per_minute"))
        return settings
    _only_with("folder", table, ("path",))
    if "host" not in table:
        table.wrong(None, "host is missing", "the name of the SMTP server")
    if ("user" in table) != ("password" in table):
        table.wrong(None, f"{'password' if 'user' in table else 'user'} is missing", "a server that asks for a login needs both")
    return settings


def read_service(table: Table, folder: Path, organizer: Contact) -> ServiceSettings:
    return ServiceSettings(
        state=table.get("state", _path(folder), folder / "var" / "beklijf.sqlite3"),
        every=timedelta(seconds=table.get("every", amount(_PERIODS, 1, 24 * 3600), 300)),
        installation=table.get("installation", text, organizer.email.casefold()),
    )


def read_guard(table: Table) -> GuardSettings:
    return GuardSettings(
        max_people=table.get("max_people", whole(0, 1_000_000), 60),
        max_withdrawals=table.get("max_withdrawals", whole(0, 1_000_000), 10),
    )


def _only_with(kind: str, table: Table, keys: Sequence[str]) -> None:
    for key in keys:
        if key in table:
            table.wrong(key, f'only goes with kind = "{kind}"')


def _kind(*kinds: W) -> Callable[[object], W]:
    def parse(value: object) -> W:
        if value in _LATER:
            raise Wrong(f'"{value}" comes with a later version', f"use {' or '.join(kinds)}")
        return choice(*kinds)(value)

    return parse


def _organized_by(value: object) -> str:
    if value == "mentee":
        raise Wrong('"mentee" comes with a later version', 'use organized_by = "service"')
    return choice("service")(value)


def _secret(folder: Path) -> Callable[[object], Secret]:
    def parse(value: object) -> Secret:
        if not isinstance(value, dict):
            raise Wrong("a secret does not belong in this file", _REFERENCES)
        for kind in _SECRETS:
            if value.keys() == {kind}:
                name = text(value[kind])
                return Secret(kind, str(folder / name) if kind == "file" else name)
        raise Wrong("must be one reference", _REFERENCES)

    return parse


def _address_of_calendar(value: object) -> str:
    """Take a URL, or the bare domain or mail address from which RFC 6764 discovers one."""
    given = text(value)
    try:
        parts = urlsplit(given)
        _ = parts.port
    except ValueError:
        raise Wrong("is not a web address") from None
    if parts.password is not None:
        raise Wrong("a secret does not belong in this file", _REFERENCES)
    if "://" in given and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise Wrong("must be a web address like https://cloud.organisation.example/")
    return given


def _path(folder: Path) -> Callable[[object], Path]:
    def parse(value: object) -> Path:
        given = text(value)
        if given.startswith("~"):
            raise Wrong("cannot start with ~", "write the whole path, or one that counts from the config's folder")
        return folder / given

    return parse


def _existing_file(folder: Path) -> Callable[[object], Path]:
    def parse(value: object) -> Path:
        path = _path(folder)(value)
        if not path.is_file():
            raise Wrong(f'there is no file "{value}"', f"it counts from {folder.absolute()}")
        return path

    return parse


def _existing_folder(folder: Path) -> Callable[[object], Path]:
    def parse(value: object) -> Path:
        path = _path(folder)(value)
        if not path.is_dir():
            raise Wrong(f'there is no folder "{value}"', f"it counts from {folder.absolute()}")
        return path

    return parse
