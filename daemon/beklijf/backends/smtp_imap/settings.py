"""Mail by SMTP and IMAP: what the config says about the two servers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Literal

from beklijf.backends.maker import InboxPart, MailPart, Maker
from beklijf.contracts.maker import InboxKind, InboxMaker, MailKind, MailMaker, account_at
from beklijf.toml.locations import REFERENCES, existing_file, secret
from beklijf.toml.values import choice, deadline, text, whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from beklijf.backends.maker import Section
    from beklijf.boundary.credentials import Secret
    from beklijf.contracts.maker import Login
    from beklijf.toml.reader import Table

FINAL_DEADLINE = timedelta(minutes=10)
"""Of a mail server's answer to a whole message (RFC 5321 section 4.5.3.2.6)."""

_SECURITY: Sequence[Literal["tls", "starttls"]] = ("tls", "starttls")
_SMTP_PORTS = {"tls": 465, "starttls": 587}
_IMAP_PORTS = {"tls": 993, "starttls": 143}
_PASSWORD = "password"  # noqa: S105  # how to log in, beside the names of logins with tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class MailBySmtp(MailMaker):
    kind: ClassVar[MailKind] = MailKind(name="smtp", opens="beklijf.backends.smtp_imap.mailer:SmtpMailer")
    host: str
    port: int = 587
    security: Literal["tls", "starttls"] = "starttls"
    user: str = ""
    password: Secret | None = None
    ca: Path | None = None
    login: Login | None = None
    """Whose token takes the place of a password (XOAUTH2)."""
    final_deadline: timedelta = FINAL_DEADLINE
    """Giving up early means sending twice."""

    @property
    def where(self) -> str:
        return self.host

    @property
    def account(self) -> object:
        return self.login or account_at(self.host, self.user)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxByImap(InboxMaker):
    kind: ClassVar[InboxKind] = InboxKind(name="imap", opens="beklijf.backends.smtp_imap.inbox:ImapInbox")
    host: str
    port: int = 993
    security: Literal["tls", "starttls"] = "tls"
    user: str = ""
    password: Secret | None = None
    ca: Path | None = None
    login: Login | None = None
    """As for SMTP."""

    @property
    def account(self) -> object:
        return self.login or account_at(self.host, self.user)


def _smtp_keys(section: Section, login: Login | None = None) -> MailBySmtp:
    table, folder = section.table, section.folder
    security: Literal["tls", "starttls"] = table.get("security", choice(*_SECURITY), "starttls")
    return MailBySmtp(
        host=table.get("host", text, ""),
        port=table.get("port", whole(1, 65535), _SMTP_PORTS[security]),
        security=security,
        user=table.get("user", text, ""),
        password=table.get("password", secret(folder), None),
        ca=table.get("ca", existing_file(folder), None),
        login=login,
        final_deadline=table.get("final_deadline", deadline, FINAL_DEADLINE),
    )


def _smtp(section: Section) -> MailBySmtp:
    table, auth = section.table, _auth(section)
    login = section.login(section.tokens[auth]) if auth in section.tokens else None
    found = _smtp_keys(section, login)
    if "host" not in table:
        table.wrong(None, "host is missing", "the name of the SMTP server")
    if login is not None:
        _check_token_login(table, login)
    elif ("user" in table) != ("password" in table):
        table.wrong(None, f"{'password' if 'user' in table else 'user'} is missing", "a server that asks for a login needs both")
    return found


def _imap_keys(section: Section, login: Login | None = None) -> InboxByImap:
    table, folder = section.table, section.folder
    security: Literal["tls", "starttls"] = table.get("security", choice(*_SECURITY), "tls")
    return InboxByImap(
        host=table.get("host", text, ""),
        port=table.get("port", whole(1, 65535), _IMAP_PORTS[security]),
        security=security,
        user=table.get("user", text, ""),
        password=table.get("password", secret(folder), None),
        ca=table.get("ca", existing_file(folder), None),
        login=login,
    )


def _imap(section: Section) -> InboxByImap:
    table, auth = section.table, _auth(section)
    login = section.login(section.tokens[auth]) if auth in section.tokens else None
    found = _imap_keys(section, login)
    if "host" not in table:
        table.wrong(None, "host is missing", "the name of the IMAP server")
    if login is not None:
        _check_token_login(table, login)
        return found
    if "user" not in table:
        table.wrong(None, "user is missing")
    if "password" not in table:
        table.wrong(None, "password is missing", REFERENCES)
    return found


def _auth(section: Section) -> str:
    """Return how we log in: by password, or by the token of a login of that name."""
    return section.table.get("auth", choice(_PASSWORD, *section.tokens), _PASSWORD)


def _check_token_login(table: Table, login: Login) -> None:
    """Check what is needed to log in by a token: whose mailbox it is, and no password."""
    if "user" not in table:
        table.wrong(None, "user is missing", "the address of the mailbox that the token is used for")
    if "password" in table:
        table.wrong("password", f'does not go with auth = "{login.kind.name}"', "the token takes its place: leave it out")


_DIRECT = ("host", "port", "security", "user", "password", "auth", "ca")

SMTP_IMAP = Maker(
    mail=MailPart(
        kind=MailBySmtp.kind,
        read=_smtp,
        ask=lambda section: (_auth(section), _smtp_keys(section)),
        keys=(*_DIRECT, "per_minute", "final_deadline"),
    ),
    inbox=InboxPart(
        kind=InboxByImap.kind,
        read=_imap,
        ask=lambda section: (_auth(section), _imap_keys(section)),
        keys=(*_DIRECT, "folder"),
    ),
)
