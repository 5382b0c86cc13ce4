"""Exchange Online (Microsoft Graph): how we log in there, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from beklijf.backends.maker import CalendarPart, InboxPart, LoginPart, MailPart, Maker
from beklijf.contracts.maker import CalendarKind, CalendarMaker, InboxKind, InboxMaker, Login, LoginKind, MailKind, MailMaker
from beklijf.model.mailbox import EXCHANGE_ONLINE
from beklijf.toml.locations import existing_file, references, secret, warn_unprotected, web_address
from beklijf.toml.values import text

if TYPE_CHECKING:
    from pathlib import Path

    from beklijf.backends.maker import Section
    from beklijf.boundary.credentials import Secret
    from beklijf.toml.reader import Table

_AND_EXCHANGE = (
    "a service principal in Exchange Online (New-ServicePrincipal, with the object id of the enterprise application), and the mailbox "
    "(Add-MailboxPermission .. -AccessRights FullAccess)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphLogin(Login):
    """How we log in at Exchange Online (Microsoft Graph): as an application, with a secret or a certificate."""

    kind: ClassVar[LoginKind] = LoginKind(
        name="graph",
        tokens="beklijf.backends.graph.account:mail_token",
        rights_of_smtp=f"the application needs SMTP.SendAsApp with an administrator's consent, {_AND_EXCHANGE}",
        rights_of_imap=f"the application needs IMAP.AccessAsApp with an administrator's consent, {_AND_EXCHANGE}",
    )
    tenant: str
    client: str
    secret: Secret | None = None
    certificate: Secret | None = None
    """A PEM text with the certificate and its private key."""
    url: str = "https://graph.microsoft.com/v1.0"
    authority: str = "https://login.microsoftonline.com"
    """Both differ in national clouds."""
    ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarByGraph(CalendarMaker):
    kind: ClassVar[CalendarKind] = CalendarKind(
        name="graph",
        opens="beklijf.backends.graph.calendar:GraphCalendar",
        called="Exchange Online",
        invites=True,
        finds_everybody=True,
        tells_answers=True,
        own_uids=True,
        makes_meetings_online=True,
        family="exchange",
    )
    login: GraphLogin


@dataclass(frozen=True, slots=True, kw_only=True)
class MailByGraph(MailMaker):
    kind: ClassVar[MailKind] = MailKind(name="graph", opens="beklijf.backends.graph.mailer:GraphMailer")
    login: GraphLogin


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxByGraph(InboxMaker):
    kind: ClassVar[InboxKind] = InboxKind(
        name="graph", opens="beklijf.backends.graph.inbox:GraphInbox", is_exchange=True, authserv_id=EXCHANGE_ONLINE
    )
    login: GraphLogin


_NOBODY = GraphLogin(tenant="", client="")


def _login(section: Section, table: Table) -> GraphLogin:
    folder = section.folder
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
        url=table.get("url", web_address(_NOBODY.url), _NOBODY.url),
        authority=table.get("authority", web_address(_NOBODY.authority), _NOBODY.authority),
        ca=table.get("ca", existing_file(folder), None),
    )
    warn_unprotected(table, "url", login.url, "the token")
    warn_unprotected(table, "authority", login.authority, "the secret")
    return login


_LOGIN = LoginPart(type=GraphLogin, read=_login, needs="it needs tenant, client, and secret or certificate", stopgap=_NOBODY)

GRAPH = Maker(
    login=_LOGIN,
    calendar=CalendarPart(
        kind=CalendarByGraph.kind, read=lambda section: CalendarByGraph(login=section.login(_LOGIN)), keys=("name", "people")
    ),
    mail=MailPart(kind=MailByGraph.kind, read=lambda section: MailByGraph(login=section.login(_LOGIN)), keys=("per_minute",)),
    inbox=InboxPart(kind=InboxByGraph.kind, read=lambda section: InboxByGraph(login=section.login(_LOGIN)), keys=("folder",)),
)
