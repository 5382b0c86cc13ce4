"""Exchange Server on premises: how we log in there, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from beklijf.backends.exchange import online
from beklijf.backends.maker import CalendarPart, InboxPart, LoginPart, MailPart, Maker
from beklijf.contracts.maker import CalendarKind, CalendarMaker, InboxKind, InboxMaker, Login, LoginKind, MailKind, MailMaker
from beklijf.toml.locations import existing_file, host_name, host_of, needed_secret, warn_unprotected, web_address
from beklijf.toml.values import choice, text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from beklijf.backends.maker import Section
    from beklijf.boundary.credentials import Secret
    from beklijf.toml.reader import Table

_AUTH: Sequence[Literal["basic", "ntlm", "oauth"]] = ("basic", "ntlm", "oauth")
_ACCESS: Sequence[Literal["impersonation", "delegate"]] = ("impersonation", "delegate")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeLogin(Login):
    """How we log in at an Exchange Server on premises (EWS)."""

    kind: ClassVar[LoginKind] = LoginKind(name="exchange")
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
class CalendarByExchange(CalendarMaker):
    kind: ClassVar[CalendarKind] = CalendarKind(
        name="exchange",
        opens="beklijf.backends.exchange.calendar:ExchangeCalendar",
        called="Exchange",
        invites=True,
        finds_everybody=True,
        tells_answers=True,
        family="exchange",
    )
    login: ExchangeLogin


@dataclass(frozen=True, slots=True, kw_only=True)
class MailByExchange(MailMaker):
    kind: ClassVar[MailKind] = MailKind(name="exchange", opens="beklijf.backends.exchange.mailer:ExchangeMailer")
    login: ExchangeLogin


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxByExchange(InboxMaker):
    kind: ClassVar[InboxKind] = InboxKind(name="exchange", opens="beklijf.backends.exchange.inbox:ExchangeInbox", is_exchange=True)
    login: ExchangeLogin


def _login(section: Section, table: Table) -> ExchangeLogin:
    folder = section.folder
    login = ExchangeLogin(
        url=table.get("url", web_address("https://mail.organisation.example/EWS/Exchange.asmx"), ""),
        user=table.need("user", text, ""),
        password=needed_secret(table, "password", folder),
        auth=table.get("auth", choice(*_AUTH), "ntlm"),
        access=table.get("access", choice(*_ACCESS), "impersonation"),
        tenant=table.get("tenant", text, ""),
        authority=table.get("authority", web_address("https://adfs.organisation.example/adfs"), ""),
        hosts=tuple(table.each("hosts", host_name).values()),
        ca=table.get("ca", existing_file(folder), None),
    )
    if "hosts" in table and "url" in table:
        table.wrong("hosts", "does not go with url", "where url leads is known; hosts says where autodiscover may lead")
    if login.auth == "oauth" and "url" not in table:
        table.wrong(None, 'url is missing with auth = "oauth"', "the tokens are for one server, whose address is in them")
    if login.auth == "oauth" and "tenant" not in table and "authority" not in table:
        table.wrong(None, 'tenant or authority is missing with auth = "oauth"', "where the tokens come from: the directory, or AD FS")
    if login.auth != "oauth":
        for key in ("tenant", "authority"):
            if key in table:
                table.wrong(key, 'only goes with auth = "oauth"')
    warn_unprotected(table, "url", login.url)
    warn_unprotected(table, "authority", login.authority, "the secret")
    _refuse_exchange_online(table, login, section.mailbox)
    return login


def _refuse_exchange_online(table: Table, login: ExchangeLogin, mailbox: str) -> None:
    """Refuse what is no server of one's own; without a url it is autodiscover that leads there, by the address's domain."""
    host = host_of(login.url)
    if host:
        found, key = online.is_host(host), "url"
    else:
        found, key = any(online.is_host(address.rpartition("@")[2]) for address in (login.user, mailbox)), None
    if found:
        table.wrong(key, online.BLOCKED, online.INSTEAD)


_LOGIN = LoginPart(
    type=ExchangeLogin,
    read=_login,
    needs="it needs user and password, and the server's url where autodiscover doesn't find it",
    stopgap=ExchangeLogin(),
)

EXCHANGE = Maker(
    login=_LOGIN,
    calendar=CalendarPart(
        kind=CalendarByExchange.kind, read=lambda section: CalendarByExchange(login=section.login(_LOGIN)), keys=("name", "people")
    ),
    mail=MailPart(kind=MailByExchange.kind, read=lambda section: MailByExchange(login=section.login(_LOGIN)), keys=("per_minute",)),
    inbox=InboxPart(kind=InboxByExchange.kind, read=lambda section: InboxByExchange(login=section.login(_LOGIN)), keys=("folder",)),
)
