"""Google Workspace: how we log in there, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from beklijf.backends.maker import CalendarPart, LoginPart, Maker
from beklijf.boundary.credentials import Secret
from beklijf.contracts.maker import CalendarKind, CalendarMaker, Login, LoginKind
from beklijf.toml.locations import existing_file, needed_secret, warn_unprotected, web_address

if TYPE_CHECKING:
    from pathlib import Path

    from beklijf.backends.maker import Section
    from beklijf.toml.reader import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleLogin(Login):
    """How we log in at Google Workspace: as a service account with domain-wide delegation."""

    kind: ClassVar[LoginKind] = LoginKind(
        name="google",
        tokens="beklijf.backends.google.account:mail_token",
        rights_of_smtp="user must be the address of a user of the Workspace, whom Gmail lets send by SMTP",
        rights_of_imap="user must be the address of a user of the Workspace, who has IMAP switched on in Gmail",
    )
    key: Secret
    """The JSON file of the service account's key."""
    url: str = "https://www.googleapis.com/calendar/v3"
    ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarByGoogle(CalendarMaker):
    kind: ClassVar[CalendarKind] = CalendarKind(
        name="google",
        opens="beklijf.backends.google.calendar:GoogleCalendar",
        called="Google",
        invites=True,
        finds_everybody=True,
        tells_answers=True,
        own_uids=True,
    )
    login: GoogleLogin


_NOBODY = GoogleLogin(key=Secret("env", ""))


def _login(section: Section, table: Table) -> GoogleLogin:
    login = GoogleLogin(
        key=needed_secret(table, "key", section.folder) or _NOBODY.key,
        url=table.get("url", web_address(_NOBODY.url), _NOBODY.url),
        ca=table.get("ca", existing_file(section.folder), None),
    )
    warn_unprotected(table, "url", login.url, "the token")
    return login


_LOGIN = LoginPart(type=GoogleLogin, read=_login, needs="it needs key, the file of a service account's key", stopgap=_NOBODY)

GOOGLE = Maker(
    login=_LOGIN,
    calendar=CalendarPart(
        kind=CalendarByGoogle.kind, read=lambda section: CalendarByGoogle(login=section.login(_LOGIN)), keys=("name", "people")
    ),
)
