"""Where on a CalDAV server the calendar is, from as little as the host's URL; and making it there.

Reads a handful of properties and decides nothing about events.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from beklijf.backends.caldav.dav import OK, asking, path_of
from beklijf.model.errors import Down, Refused, Transient

if TYPE_CHECKING:
    from beklijf.backends.caldav.dav import Connection
    from beklijf.backends.caldav.multistatus import Resource
    from beklijf.contracts.settings import CalendarSettings

_WHERE = (
    "d:resourcetype",
    "d:displayname",
    "d:current-user-principal",
    "c:calendar-home-set",
    "c:calendar-user-address-set",
    "c:schedule-inbox-URL",
    "c:schedule-outbox-URL",
)
_DECIDES = ("d:resourcetype", "d:current-user-principal", "c:calendar-home-set")
"""Of those: what leads to the calendar. Where the server doesn't tell it now, another calendar would be taken for ours."""
_WHOSE = ("d:resourcetype", "d:current-user-privilege-set", "d:owner")
_MOST_OF_OURS = 100
"""Calendars that one account may have of us."""
_TRIED = 3
_IN_THE_WAY = frozenset({405, 409})
"""What is said of a URL at which something is that isn't listed."""
_WRITES = (frozenset({"d:all"}), frozenset({"d:write"}), frozenset({"d:write-content", "d:bind"}))
"""Privileges of RFC 3744, any of which sets lets us write events."""


@dataclass(frozen=True, slots=True)
class Collections:
    """Where calendars live, and ours if it is there."""

    home: str
    calendar: str | None
    may_schedule: bool
    inbox: str = ""
    """Where messages to the account wait (RFC 6638 section 2.2); empty where there is no such thing."""
    outbox: str = ""
    address: str = ""
    """In whose name the account may ask for free times."""
    missing: tuple[str, ...] = ()
    """What there is, but where the password doesn't go; a sentence each."""


@dataclass(frozen=True, slots=True)
class Personal:
    """Somebody else's calendar, as far as the account may look at it."""

    url: str
    writable: bool | None
    """None where the server doesn't tell."""
    may_schedule: bool


def find(connection: Connection, settings: CalendarSettings) -> Collections:
    """Find the calendar from a URL of the host, the principal, the calendar home, or the calendar itself."""
    try:
        return _find(connection, settings)
    except Refused as error:  # leads to where the password doesn't go
        raise Down(str(error), hint=error.hint) from error


def _find(connection: Connection, settings: CalendarSettings) -> Collections:
    here = _start(connection, settings)
    principal = here
    if not here.hrefs("c:calendar-home-set") and here.hrefs("d:current-user-principal"):
        principal = _look(connection, connection.follow(here.hrefs("d:current-user-principal")[0], here.base)) or here
    homes = principal.hrefs("c:calendar-home-set")
    calendar: str | None
    itself = connection.follow(path_of(here.href), here.base)
    if here.has("d:resourcetype", "c:calendar") and settings.name in {"", here.text("d:displayname")}:
        home, calendar = itself.rstrip("/").rpartition("/")[0] + "/", itself
    elif homes:
        home = connection.follow(homes[0], principal.base).rstrip("/") + "/"
        calendar = _named(connection, home, settings.name)
    else:
        raise Down(f"{connection.server}: no calendars are found at {connection.url}", hint="check calendar.url and calendar.user")
    inbox, no_inbox = _followed(connection, principal, "c:schedule-inbox-URL", "its schedule inbox")
    outbox, no_outbox = _followed(connection, principal, "c:schedule-outbox-URL", "when people can't")
    return Collections(
        home,
        calendar,
        may_schedule=settings.organizer.email.casefold() in _addresses(principal) and schedules(connection, calendar or home),
        inbox=inbox,
        outbox=outbox,
        address=_speaks_for(principal, settings.organizer.email),
        missing=(*no_inbox, *no_outbox),
    )


def _start(connection: Connection, settings: CalendarSettings) -> Resource:
    """Return what is at the URL of the settings, or where the host says that its calendars are (RFC 6764 section 5)."""
    here, elsewhere = _tried(connection, connection.url)
    # A path without a name is the calendar itself. Where that isn't to be seen, another one of the account must not take its place.
    may_be_elsewhere = bool(settings.name) or urlsplit(connection.url).path in {"", "/"}
    if may_be_elsewhere and (here is None or not (here.hrefs("c:calendar-home-set") or here.hrefs("d:current-user-principal"))):
        known, told = _tried(connection, connection.follow("/.well-known/caldav"))
        here, elsewhere = known or here, told or elsewhere
    if here is None:
        raise elsewhere or Down(f"{connection.server}: nothing is found at {connection.url}", hint="check calendar.url")
    return here


def _tried(connection: Connection, url: str) -> tuple[Resource | None, Refused | None]:
    """Return what is at *url*, or why that isn't followed: a web site may stand there, and send on to another one."""
    try:
        return _look(connection, url), None
    except Refused as error:
        return None, error


def _followed(connection: Connection, principal: Resource, name: str, what: str) -> tuple[str, tuple[str, ...]]:
    """Return where a property leads, or what is missing since that isn't followed."""
    try:
        return next((connection.follow(href, principal.base) for href in principal.hrefs(name)), ""), ()
    except Refused as error:
        return "", (f"{what} can't be read: {error}; {error.hint}",)


def make(connection: Connection, settings: CalendarSettings, collections: Collections) -> Collections:
    """Make the calendar under its display name, at a URL that is still free: another of ours may be at the first."""
    name = settings.name or settings.organizer.name
    listing = connection.propfind(collections.home, "d:resourcetype", depth=1)
    taken = {path_of(resource.href).rstrip("/") for resource in (listing.resources() if listing.status in OK else ())}
    every = (urljoin(collections.home, f"beklijf{number}/") for number in ("", *(f"-{n}" for n in range(2, _MOST_OF_OURS))))
    for url in islice((url for url in every if path_of(url).rstrip("/") not in taken), _TRIED):
        answer = connection.make_calendar(url, name)
        if answer.status not in _IN_THE_WAY:
            break
    if answer.status not in OK:
        raise Down(
            f'{connection.server}: the calendar "{name}" could not be made ({answer.status})',
            hint="make it by hand on the server, and give its name in calendar.name or its own URL in calendar.url",
        )
    # Some servers give it another URL than the one asked for (Zimbra, OX).
    return replace(collections, calendar=_named(connection, collections.home, name) or url)


def _look(connection: Connection, url: str) -> Resource | None:
    answer = connection.propfind(url, *_WHERE)
    resources = answer.resources() if answer.status in OK else []
    if not resources:
        return None
    status = resources[0].trouble(*_DECIDES)
    if status is not None and not 400 <= status < 500:  # noqa: PLR2004  # 4xx: it doesn't tell that here, perhaps elsewhere
        raise Transient(f"{connection.server}: says {status} of {url}")
    return resources[0] if resources[0].props and resources[0].trouble("d:resourcetype") is None else None


def _named(connection: Connection, home: str, name: str) -> str | None:
    answer = connection.propfind(home, "d:resourcetype", "d:displayname", "c:supported-calendar-component-set", depth=1)
    if answer.status not in OK:
        raise Down(f"{connection.server}: the calendars at {home} cannot be listed ({answer.status})", hint="check the account's rights")
    components = "c:supported-calendar-component-set"
    unknown = {}
    resources = answer.resources()
    if not any(resource.has("d:resourcetype", "d:collection") for resource in resources):
        raise Transient(f"{connection.server}: lists nothing at {home}, not even that itself")
    for resource in resources:
        is_calendar = resource.has("d:resourcetype", "c:calendar")
        status = resource.trouble("d:resourcetype", *(["d:displayname"] if is_calendar and name else []))
        if status is not None and not resource.is_gone:
            unknown[resource.href] = status
        takes_events = not resource.has(components, "c:comp") or resource.has(components, "c:comp[@name='VEVENT']")
        if is_calendar and takes_events and name in {"", resource.text("d:displayname")}:
            return urljoin(home, path_of(resource.href))
    for href, status in unknown.items():
        # It may be ours: without it, all events would count as deleted, and another calendar would be made.
        raise Transient(f"{connection.server}: says {status} of the calendar at {href}")
    return None


def schedules(connection: Connection, url: str) -> bool:
    """Tell whether the server says that it sends invitations for those whom it knows (RFC 6638 section 2)."""
    features = connection.request("OPTIONS", url).headers.get("DAV", "")
    return "calendar-auto-schedule" in {feature.strip() for feature in features.split(",")}


def personal(connection: Connection, url: str, email: str, *, sends: bool) -> Personal:
    """Look at somebody else's calendar; raises `Refused` when it isn't one, or isn't ours to look at.

    *sends*: the server sends invitations. Whether it does so for *email* stands with that person's principal; where that is
    not ours to read (Cyrus), the first write shows it.
    """
    answer = connection.tried("PROPFIND", url, asking(_WHOSE), Depth="0")
    here = next(iter(answer.resources()), None) if answer.status in OK else None
    status = answer.status if here is None else here.trouble("d:resourcetype")
    if here is None or status is not None:
        raise Refused(f"{connection.server}: {_NOT_OURS.get(status or 0, 'nothing can be read')} at {url} ({status})")
    if not here.has("d:resourcetype", "c:calendar"):
        raise Refused(f"{connection.server}: what is at {url} is no calendar")
    return Personal(
        # The ends of both differ where the server has sent us on: the account's own way to it is what takes writes.
        url=connection.follow(path_of(here.href), here.base).rstrip("/") + "/",
        writable=_may_write(here),
        may_schedule=sends and _is_known(connection, here, email),
    )


def is_writable(connection: Connection, url: str) -> bool | None:
    """Tell whether the account may write events there; None where the server doesn't tell."""
    answer = connection.tried("PROPFIND", url, asking(("d:current-user-privilege-set",)), Depth="0")
    here = next(iter(answer.resources()), None) if answer.status in OK else None
    return None if here is None else _may_write(here)


def _may_write(calendar: Resource) -> bool | None:
    known = calendar.names("d:current-user-privilege-set")
    return any(needed <= known for needed in _WRITES) if known else None


_NOT_OURS = {404: "there is no calendar", 403: "the calendar is not shared with this account,"}


def _is_known(connection: Connection, calendar: Resource, email: str) -> bool:
    for href in calendar.hrefs("d:owner"):
        answer = connection.tried("PROPFIND", connection.follow(href, calendar.base), asking(("c:calendar-user-address-set",)), Depth="0")
        for principal in answer.resources() if answer.status in OK else []:
            if addresses := _addresses(principal):
                return email.casefold() in addresses
    return True


def _addresses(principal: Resource) -> list[str]:
    hrefs = (href.casefold() for href in principal.hrefs("c:calendar-user-address-set"))
    return [href.removeprefix("mailto:") for href in hrefs if "@" in href]


def _speaks_for(principal: Resource, organizer: str) -> str:
    """Return the organizer, or else an address that the account has: a server refuses questions in any other name (Cyrus)."""
    addresses = _addresses(principal)
    return organizer if organizer.casefold() in addresses or not addresses else addresses[0]
