"""Where on a CalDAV server the calendar is, from as little as the host's URL; and making it there.

Reads a handful of properties and decides nothing about events.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from beklijf.calendars.dav import OK, path_of
from beklijf.errors import Down

if TYPE_CHECKING:
    from beklijf.calendars.dav import Connection, Resource
    from beklijf.settings import CalendarSettings

_WHERE = ("d:resourcetype", "d:displayname", "d:current-user-principal", "c:calendar-home-set", "c:calendar-user-address-set")


@dataclass(frozen=True, slots=True)
class Place:
    """Where calendars live, and ours if it is there."""

    home: str
    calendar: str | None
    may_schedule: bool


def find(connection: Connection, settings: CalendarSettings) -> Place:
    """Find the calendar from a URL of the host, the principal, the calendar home, or the calendar itself."""
    here = _look(connection, connection.url)
    if here is None or not (here.hrefs("c:calendar-home-set") or here.hrefs("d:current-user-principal")):
        here = _look(connection, urljoin(connection.url, "/.well-known/caldav")) or here
    if here is None:
        raise Down(f"{connection.server}: nothing is found at {connection.url}", hint="check calendar.url")
    principal = here
    if not here.hrefs("c:calendar-home-set") and here.hrefs("d:current-user-principal"):
        principal = _look(connection, urljoin(connection.url, here.hrefs("d:current-user-principal")[0])) or here
    homes = principal.hrefs("c:calendar-home-set")
    calendar: str | None
    itself = urljoin(connection.url, path_of(here.href))
    if here.has("d:resourcetype", "c:calendar") and settings.name in {"", here.text("d:displayname")}:
        home, calendar = itself.rstrip("/").rpartition("/")[0] + "/", itself
    elif homes:
        home = urljoin(connection.url, homes[0]).rstrip("/") + "/"
        calendar = _named(connection, home, settings.name)
    else:
        raise Down(f"{connection.server}: no calendars are found at {connection.url}", hint="check calendar.url and calendar.user")
    return Place(home, calendar, _sends(connection, principal, calendar or home, settings.organizer.email))


def make(connection: Connection, settings: CalendarSettings, place: Place) -> Place:
    """Make the calendar under its display name."""
    name = settings.name or settings.organizer.name
    url = urljoin(place.home, "beklijf/")
    answer = connection.make_calendar(url, name)
    if answer.status not in OK:
        raise Down(
            f'{connection.server}: the calendar "{name}" could not be made ({answer.status})',
            hint="make it by hand on the server, and give its name in calendar.name or its own URL in calendar.url",
        )
    # Some servers give it another URL than the one asked for (Zimbra, OX).
    return replace(place, calendar=_named(connection, place.home, name) or url)


def _look(connection: Connection, url: str) -> Resource | None:
    answer = connection.propfind(url, *_WHERE)
    resources = answer.resources() if answer.status in OK else []
    return resources[0] if resources else None


def _named(connection: Connection, home: str, name: str) -> str | None:
    answer = connection.propfind(home, "d:resourcetype", "d:displayname", "c:supported-calendar-component-set", depth=1)
    if answer.status not in OK:
        raise Down(f"{connection.server}: the calendars at {home} cannot be listed ({answer.status})", hint="check the account's rights")
    components = "c:supported-calendar-component-set"
    for resource in answer.resources():
        takes_events = not resource.has(components, "c:comp") or resource.has(components, "c:comp[@name='VEVENT']")
        if resource.has("d:resourcetype", "c:calendar") and takes_events and name in {"", resource.text("d:displayname")}:
            return urljoin(home, path_of(resource.href))
    return None


def _sends(connection: Connection, principal: Resource, url: str, organizer: str) -> bool:
    """Tell whether the server says that it sends invitations for *organizer* (RFC 6638 section 2)."""
    addresses = {href.casefold().removeprefix("mailto:") for href in principal.hrefs("c:calendar-user-address-set")}
    if organizer.casefold() not in addresses:
        return False
    features = connection.request("OPTIONS", url).headers.get("DAV", "")
    return "calendar-auto-schedule" in {feature.strip() for feature in features.split(",")}
