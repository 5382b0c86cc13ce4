"""Takes the logins at Exchange, Microsoft and Google out of a config: tables of their own, shared by calendar, mail and inbox.

Connects to nothing and reveals no secret. Which kinds there are, and what makes no sense with them, is said here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from beklijf.backends.exchange import online
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import ExchangeLogin, GoogleLogin, GraphLogin
from beklijf.toml.locations import existing_file, host_name, host_of, references, secret, warn_unprotected, web_address
from beklijf.toml.values import choice, tabled, text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from beklijf.contracts.settings import CalendarSettings, InboxSettings, MailSettings
    from beklijf.toml.reader import Table

    Settings = CalendarSettings | MailSettings | InboxSettings

VENDORS = ("exchange", "graph", "google")
"""Kinds whose login stands in a table of its own, named like them."""

TOKEN_LOGINS: Sequence[Literal["password", "graph", "google"]] = ("password", "graph", "google")
"""How SMTP and IMAP log in: by password, or by a token of that login (XOAUTH2)."""

NAMES: Mapping[str, str] = {"exchange": "Exchange", "graph": "Exchange Online", "google": "Google"}

_AUTH: Sequence[Literal["basic", "ntlm", "oauth"]] = ("basic", "ntlm", "oauth")
_ACCESS: Sequence[Literal["impersonation", "delegate"]] = ("impersonation", "delegate")
_SIDE_BY_SIDE = {"exchange": "graph", "graph": "exchange"}
"""Mailboxes move in batches for months: a calendar may have both logins, and finds out where each mailbox is now."""

_NOBODY = Secret("env", "")
"""Stands in for a secret that could not be read."""

_GRAPH = GraphLogin(tenant="", client="")
_GOOGLE = GoogleLogin(key=_NOBODY)
"""Where these are unless the config says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    exchange: ExchangeLogin | None = None
    graph: GraphLogin | None = None
    google: GoogleLogin | None = None

    @classmethod
    def of(cls, settings: Settings) -> Logins:
        return cls(exchange=settings.exchange, graph=settings.graph, google=settings.google)


def calendar_logins(table: Table, kind: str, folder: Path, mailbox: str) -> Logins:
    """Read the logins in ``[calendar]``: that of its kind, and perhaps the one that mailboxes move to or come from."""
    beside = {_SIDE_BY_SIDE[kind]} if kind in _SIDE_BY_SIDE else set()
    return _logins(table, {kind} & {*VENDORS}, beside, folder, (), mailbox)


def logins_for(table: Table, kind: str, auth: str, folder: Path, shared: Sequence[Logins], mailbox: str) -> Logins:
    """Read the login in ``[mail]`` or ``[inbox]``; one that doesn't stand there is the first of *shared*."""
    return _logins(table, {kind, auth} & {*VENDORS}, set(), folder, shared, mailbox)


def _logins(table: Table, needed: Collection[str], beside: Collection[str], folder: Path, shared: Sequence[Logins], mailbox: str) -> Logins:
    elsewhere = Logins(
        exchange=next((logins.exchange for logins in shared if logins.exchange), None) if "exchange" in needed else None,
        graph=next((logins.graph for logins in shared if logins.graph), None) if "graph" in needed else None,
        google=next((logins.google for logins in shared if logins.google), None) if "google" in needed else None,
    )
    here = {name: table.table(name) for name in VENDORS if name in table and (name in needed or name in beside)}
    for name in VENDORS:
        if name in table and name not in here:
            table.get(name, tabled, None)
            table.wrong(name, "is a login that nothing here uses", f"it goes with {_used_by(table, name)}")
        elif name in needed and name not in here and getattr(elsewhere, name) is None:
            table.wrong(None, f"there is no login: [{_section(table, name)}] is missing", _WHAT[name])
    return Logins(
        exchange=_exchange(here["exchange"], folder, mailbox) if "exchange" in here else elsewhere.exchange,
        graph=_graph(here["graph"], folder) if "graph" in here else elsewhere.graph,
        google=_google(here["google"], folder) if "google" in here else elsewhere.google,
    )


def _section(table: Table, name: str) -> str:
    return ".".join(map(str, (*table.path, name)))


def _used_by(table: Table, name: str) -> str:
    """Return what a login is for in this part of the config: calendars know no tokens of others, mail no kind of Google's."""
    by_kind, by_token = f'kind = "{name}"', f'auth = "{name}"'
    if table.path == ("calendar",) or name == "exchange":
        return by_kind
    return by_token if name == "google" else f"{by_kind} or {by_token}"


_WHAT = {
    "exchange": "it needs user and password, and the server's url where autodiscover doesn't find it",
    "graph": "it needs tenant, client, and secret or certificate",
    "google": "it needs key, the file of a service account's key",
}


# -- one login each ----------------------------------------------------------------------------------------------------


def _exchange(table: Table, folder: Path, mailbox: str) -> ExchangeLogin:
    login = ExchangeLogin(
        url=table.get("url", web_address("https://mail.organisation.example/EWS/Exchange.asmx"), ""),
        user=table.need("user", text, ""),
        password=_needed_secret(table, "password", folder),
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
    _refuse_exchange_online(table, login, mailbox)
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


def _graph(table: Table, folder: Path) -> GraphLogin:
    tenant, client = table.need("tenant", text, ""), table.need("client", text, "")
    kept = {key: table.get(key, secret(folder, key), None) for key in ("secret", "certificate")}
    if "secret" in table and "certificate" in table:
        table.wrong("certificate", "secret and certificate are two ways to log in", "keep one of them: a certificate can't be copied out")
    if "secret" not in table and "certificate" not in table:
        table.wrong(None, "secret or certificate is missing", references("secret"))
    login = GraphLogin(
        tenant=tenant,
        client=client,
        secret=kept["secret"],
        certificate=kept["certificate"],
        url=table.get("url", web_address(_GRAPH.url), _GRAPH.url),
        authority=table.get("authority", web_address(_GRAPH.authority), _GRAPH.authority),
        ca=table.get("ca", existing_file(folder), None),
    )
    warn_unprotected(table, "url", login.url, "the token")
    warn_unprotected(table, "authority", login.authority, "the secret")
    return login


def _google(table: Table, folder: Path) -> GoogleLogin:
    login = GoogleLogin(
        key=_needed_secret(table, "key", folder) or _NOBODY,
        url=table.get("url", web_address(_GOOGLE.url), _GOOGLE.url),
        ca=table.get("ca", existing_file(folder), None),
    )
    warn_unprotected(table, "url", login.url, "the token")
    return login


def _needed_secret(table: Table, key: str, folder: Path) -> Secret | None:
    found = table.get(key, secret(folder, key), None)
    if key not in table:
        table.wrong(None, f"{key} is missing", references(key))
    return found


# -- what makes no sense with them -------------------------------------------------------------------------------------


def refuse_direct(table: Table, kind: str, keys: Sequence[str]) -> None:
    """Refuse the keys of a login outside its own table."""
    for key in keys:
        if key in table:
            table.wrong(key, f'does not go with kind = "{kind}"', f"what the login needs stands in [{_section(table, kind)}]")


def check_invitations(table: Table, kind: str, invitations: str) -> None:
    if invitations in ("mail", "none"):
        table.wrong("invitations", f"{NAMES[kind]} invites by itself: nothing else can", 'leave it out, or say invitations = "server"')


def refuse_places(table: Table, kind: str, key: str) -> None:
    """Refuse to be told where people's own calendars are: the server knows."""
    if key in table:
        table.wrong(key, f"is not needed: {NAMES[kind]} finds everybody's own calendar by their address", "leave it out")


def check_token_login(table: Table, auth: str) -> None:
    """Check what SMTP and IMAP need to log in by a token: whose mailbox it is, and no password."""
    if "user" not in table:
        table.wrong(None, "user is missing", "the address of the mailbox that the token is used for")
    if "password" in table:
        table.wrong("password", f'does not go with auth = "{auth}"', "the token takes its place: leave it out")
