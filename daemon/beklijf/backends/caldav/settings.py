"""CalDAV servers: what the config says about them, and what they can do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import quote, urlsplit

from beklijf.backends.maker import CalendarPart, Maker
from beklijf.contracts.maker import CalendarKind, CalendarMaker, account_at
from beklijf.contracts.people import filled
from beklijf.toml.locations import (
    REFERENCES,
    calendar_pattern,
    check_server,
    existing_file,
    host_name,
    secret,
    server_address,
    warn_unprotected,
)
from beklijf.toml.values import choice, text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from beklijf.backends.maker import Section
    from beklijf.boundary.credentials import Secret
    from beklijf.toml.reader import Table

_AUTH: Sequence[Literal["basic", "digest", "bearer"]] = ("basic", "digest", "bearer")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarByCaldav(CalendarMaker):
    kind: ClassVar[CalendarKind] = CalendarKind(name="caldav", opens="beklijf.backends.caldav.calendar:CaldavCalendar")
    url: str
    user: str = ""
    password: Secret | None = None
    """For bearer authentication: the token."""
    auth: Literal["basic", "digest", "bearer"] = "basic"
    ca: Path | None = None
    """A PEM file that is trusted instead of the system's."""
    hosts: tuple[str, ...] = ()
    """Other hosts than that of *url* which may have the password, ``host`` or ``host:port``, by https."""

    @property
    def where(self) -> str:
        return self.url

    @property
    def account(self) -> object:
        return account_at(urlsplit(self.url).hostname or self.url, self.user)

    def url_of(self, email: str, calendar: str = "") -> str:
        """Return the URL of a person's calendar: *calendar* if that is given, else by the pattern; empty where nothing says."""
        return calendar or filled(self.people, email, lambda value: quote(value, safe=""))


def _asked(section: Section) -> CalendarByCaldav:
    table, folder = section.table, section.folder
    return CalendarByCaldav(
        url=table.get("url", server_address, ""),
        user=table.get("user", text, ""),
        password=table.get("password", secret(folder), None),
        auth=table.get("auth", choice(*_AUTH), "basic"),
        ca=table.get("ca", existing_file(folder), None),
        hosts=tuple(table.each("hosts", host_name).values()),
    )


def _read(section: Section) -> CalendarByCaldav:
    table = section.table
    found = replace(_asked(section), people=table.get("people", calendar_pattern, ""))
    if "url" not in table:
        table.wrong(None, "url is missing", "the address of the CalDAV server or calendar")
    if "password" not in table:
        table.wrong(None, "password is missing", REFERENCES)
    if found.auth != "bearer" and "user" not in table:
        table.wrong(None, "user is missing")
    warn_unprotected(table, "url", found.url)
    _check_address(table, found, found.people, key="people")
    return found


def _check_address(table: Table, maker: CalendarMaker, url: str, *, key: str = "calendar") -> None:
    assert isinstance(maker, CalendarByCaldav)
    check_server(table, key, url, maker.url, maker.hosts)


CALDAV = Maker(
    calendar=CalendarPart(
        kind=CalendarByCaldav.kind,
        read=_read,
        ask=_asked,
        keys=("url", "user", "password", "auth", "ca", "name", "hosts", "people"),
        check_address=_check_address,
    )
)
