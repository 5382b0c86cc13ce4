"""Events on a CalDAV server, read by calendar-multiget: what the server says of each stays that one's (see `multistatus`)."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from beklijf.backends.caldav.dav import PASSING, path_of
from beklijf.boundary.bodies import TooLarge
from beklijf.contracts.unforeseen import by_itself
from beklijf.ical import ics
from beklijf.model.errors import Missing, Refused, Transient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beklijf.backends.caldav.dav import Connection
    from beklijf.backends.caldav.multistatus import Resource
    from beklijf.model.errors import BackendError
    from beklijf.model.stored import Stored

_BATCH = 100
"""Objects a multiget; servers have limits on the answer, and nobody on the number of requests."""


@dataclass(frozen=True, slots=True)
class Objects:
    """Those of ours, of all that were asked for."""

    read: tuple[Stored, ...]
    away: frozenset[str]
    unreadable: Mapping[str, BackendError]
    again: tuple[str, ...]
    """Those of the unreadable ones that the server had no content of: it may have it the next time, under the same ETag."""


@dataclass(frozen=True, slots=True)
class _Object:
    """What the server says of one object: its content, that it is gone, or what is wrong with it."""

    data: bytes = b""
    etag: str = ""
    wrong: BackendError | None = None
    silent: bool = False
    """Nothing at all was said of it."""

    def content(self) -> tuple[bytes, str]:
        if self.wrong is not None:
            raise self.wrong
        return self.data, self.etag


def read(connection: Connection, calendar: str, etags: Mapping[str, str], *, alone: bool = False) -> Objects:
    """Read those of the objects that are ours; *alone*: each of which nothing is said is asked about by itself, at its own URL."""
    read: list[Stored] = []
    away: set[str] = set()
    unreadable: dict[str, BackendError] = {}
    again: list[str] = []
    hrefs = sorted(etags)
    for n in range(0, len(hrefs), _BATCH):
        for href, found in _multiget(connection, calendar, hrefs[n : n + _BATCH]).items():
            try:
                if alone and found.silent and connection.is_gone(urljoin(calendar, connection.spelt(href))):
                    raise Missing(href)  # noqa: TRY301  # as one of which it is said
                data, etag = found.content()
                if ics.is_ours(ics.uid_of(data)):
                    with by_itself(href):
                        read.append(ics.stored(data, href=href, etag=etag or etags[href]))
            except Missing:
                away.add(href)
            except (Refused, Transient) as error:
                unreadable[href] = error
                again += [] if found.wrong is None else [href]
    return Objects(tuple(read), frozenset(away), unreadable, tuple(again))


def load(connection: Connection, calendar: str, href: str) -> tuple[bytes, str]:
    """Return content and ETag of one object; raises what the server says of it."""
    return _multiget(connection, calendar, [href])[href].content()


def _multiget(connection: Connection, calendar: str, hrefs: list[str]) -> dict[str, _Object]:
    """Return what the server says of each of the objects.

    By REPORT even for one object: the ETag header of a GET is altered by proxies that compress.
    """
    try:
        answer = connection.multiget(calendar, hrefs)
    except TooLarge as error:
        # One object may be, and the others of its batch are not: half a batch at a time comes to it.
        if len(hrefs) == 1:
            return {hrefs[0]: _Object(wrong=error)}
        half = len(hrefs) // 2
        return _multiget(connection, calendar, hrefs[:half]) | _multiget(connection, calendar, hrefs[half:])
    if answer.status != HTTPStatus.MULTI_STATUS:
        raise Transient(f"{connection.server}: objects could not be read ({answer.status})")
    told = {path_of(resource.href): _object(connection.server, resource) for resource in answer.resources()}
    # Silence is not the same as gone: taking it for that would tell people that their meeting is cancelled.
    silent = f"{connection.server}: said nothing about"
    silence = {href: _Object(wrong=Transient(f"{silent} {href}", failing=True), silent=True) for href in hrefs}
    found = silence | {href: told[path_of(href)] for href in hrefs if path_of(href) in told}
    return found | _otherwise_spelt(connection, calendar, [href for href in hrefs if isinstance(found[href].wrong, Missing)])


def _otherwise_spelt(connection: Connection, calendar: str, hrefs: list[str]) -> dict[str, _Object]:
    """Return what is there, of what isn't under a name of which the server never said that it is one."""
    others = {href: other for href in hrefs if (other := connection.other(href))}
    found = _multiget(connection, calendar, [*others.values()]) if others else {}
    there = {href: found[other] for href, other in others.items() if not isinstance(found[other].wrong, Missing)}
    for href in there:
        connection.named(others[href])
    return there


def _object(server: str, resource: Resource) -> _Object:
    if resource.is_gone:
        return _Object(wrong=Missing(f"{server}: {resource.href} is not there"))
    if (status := resource.trouble("d:getetag", "c:calendar-data")) is not None:
        said = f"{server}: says {status} of {resource.href}"
        to_it = 400 <= status < 500 and status not in PASSING  # noqa: PLR2004  # no to this object, or to now
        return _Object(wrong=Refused(said) if to_it else Transient(said, failing=True))
    if data := resource.text("c:calendar-data"):
        return _Object(data.encode(), resource.text("d:getetag"))
    return _Object(wrong=Transient(f"{server}: sends nothing of {resource.href}", failing=True))
