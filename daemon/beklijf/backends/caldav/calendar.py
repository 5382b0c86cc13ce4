"""A calendar on any CalDAV server (RFC 4791), read by sync token (RFC 6578) or ETags, written by conditional requests.

Sends no mail and compares nothing. Whether the *server* sends invitations (RFC 6638) is only reported, in `may_schedule`:
the header alone proves nothing, since Xandikos has it and mails nobody.

A person's own calendar has the service's account as its delegate, and differs for being somebody else's only: where it is, what
rights there are, in whose name is written.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

from beklijf.backends.caldav import multiget
from beklijf.backends.caldav.dav import Answer, Connection, path_of
from beklijf.backends.caldav.discovery import Collections, find, is_writable, make, personal, schedules
from beklijf.backends.caldav.schedule import Scheduling
from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.ical import ics
from beklijf.ical.parts import mailto
from beklijf.model.errors import Conflict, Down, Exists, Refused, Transient
from beklijf.model.stored import NO_STAMP, NOTHING, Agent, Changes, Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from beklijf.contracts.settings import CalendarSettings
    from beklijf.model.conversation import Busy, Waiting
    from beklijf.model.domain import Event, Person

_MOST_PAGES = 200
"""Of a list of changes: servers that have pages put some hundred objects on one, or thousands."""
_COUNT = re.compile(r'(?:W/)?"?[A-Za-z]{0,8}-?[0-9]{1,9}"?')
"""An ETag that only counts the writes to an object begins anew when the object does (SOGo: ``gcs00000000``)."""
_NO_SUCH_TOKEN = frozenset({400, 403, 409, 410, 412})
"""RFC 6578 has 403 or 409 with DAV:valid-sync-token; the others are what servers answer instead."""


@dataclass(frozen=True, slots=True)
class _Synced:
    """A token where the server has one of its own."""

    sync: str = ""
    again: tuple[str, ...] = ()
    """The hrefs that could not be read, of which the server won't tell once more."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """A token where it has none."""

    etags: Mapping[str, str]
    """By href."""


class CaldavCalendar:
    """One calendar, found by URL and display name; made on the first `create` when it isn't there."""

    def __init__(self, settings: CalendarSettings, owner: str) -> None:
        assert isinstance(settings.maker, CalendarByCaldav)
        self.settings = settings
        self.maker = settings.maker
        self._owner = owner
        self._connected: Connection | None = None
        self._found: Collections | None = None
        self._scheduling: Scheduling | None = None
        self._sends: bool | None = None
        self._syncs = True
        self._headers: dict[str, str] = {}
        """What goes with each write."""
        parts = urlsplit(self.maker.url)
        url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self.target = f"caldav {self.maker.user or owner} {url} {settings.name}".rstrip()
        self.may_schedule: bool | None = None

    def check(self) -> str:
        collections = self._collections()
        name = f'"{self.settings.name}"' if self.settings.name else "the calendar"
        if collections.calendar is None:
            return f"{self.connection.server}: logged in; {name} will be made"
        answer = self.connection.propfind(collections.calendar, "d:getetag", "d:resourcetype", depth=1)
        if answer.status != HTTPStatus.MULTI_STATUS:
            raise Down(f"{self.connection.server}: {name} cannot be read ({answer.status})", hint="share it with this account")
        if is_writable(self.connection, collections.calendar) is False:
            hint = "give this account the right to write there: every change would be refused"
            raise Down(f"{self.connection.server}: {name} at {collections.calendar} may be read, but not written", hint=hint)
        sends = "the server may send invitations" if collections.may_schedule else "the server sends no invitations"
        self.scheduling.waiting()
        why = self.scheduling.deaf or self.scheduling.led_away
        deaf = (f"its schedule inbox can't be read ({why})",) if why else ()
        objects = f"{name} at {collections.calendar}, {len(_etags(answer, collections.calendar))} objects"
        return "; ".join((f"{self.connection.server}: {objects}", sends, *collections.missing, *deaf))

    def changes(self, token: object, known: Mapping[str, str] = NOTHING) -> Changes:
        collections = self._collections()
        if collections.calendar is None:
            return Changes(token=_Synced(), full=True, changed=())
        try:
            if self._syncs:
                changes = self._by_token(collections.calendar, token, known)
                if changes is not None:
                    return changes
            changes = self._by_etags(collections.calendar, token, known)
        except Refused as error:
            raise self._led_away(error) from error
        self._syncs = False
        return changes

    def create(self, event: Event, *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP) -> Stored:
        href = path_of(f"{urlsplit(self._calendar()).path}{quote(event.uid, safe='@')}.ics")
        data = ics.build(event, sequence=sequence, stamp=stamp, agent=agent)
        # Servers that know no If-None-Match (SOGo, Zimbra, Google) overwrite here; the tick has read the calendar just before.
        answer = self._put(href, data, If_None_Match="*")
        if answer.status == HTTPStatus.PRECONDITION_FAILED:
            raise Exists(f"{self.connection.server}: {href} is there already")
        if answer.status in {404, 409} and not answer.preconditions:
            self._found = None
            raise Transient(f"{self.connection.server}: the calendar is not where it was")
        self.connection.refuse(answer, f"writing {event.title!r}")
        if etag := self._as_sent(answer, agent):
            return ics.written(event, href=href, etag=etag, sequence=sequence, agent=agent)
        return self.fetch(href)

    def fetch(self, href: str) -> Stored:
        data, etag = self._load(href)
        return ics.stored(data, href=href, etag=etag)

    def seek(self, hrefs: Iterable[str]) -> Changes:
        calendar = self._collections().calendar
        if calendar is None:
            self._found = None
            name = f'the calendar "{self.settings.name}"' if self.settings.name else "the calendar"
            hint = "nobody is told anything; put it back, or make an empty one of that name if what was in it is really gone"
            raise Down(f"{self.connection.server}: {name} is not there any more", hint=hint)
        wanted = frozenset(hrefs)
        try:
            objects = multiget.read(self.connection, calendar, dict.fromkeys(wanted, ""), alone=True)
        except Refused as error:
            raise self._led_away(error) from error
        gone = wanted.difference((stored.href for stored in objects.read), objects.unreadable)
        return Changes(token=None, full=False, changed=objects.read, gone=tuple(sorted(gone)), unreadable=objects.unreadable)

    def update(
        self, stored: Stored, wanted: Event, fields: frozenset[str], *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP
    ) -> Stored:
        written, invited = self._patch(stored, wanted, fields, sequence, agent, stamp)
        if invited and agent is not Agent.SERVER:
            # Whom it invited before, the server now sends a CANCEL one SEQUENCE further (Cyrus): ours must count for more.
            written, _ = self._patch(self.fetch(stored.href), wanted, frozenset(), sequence + 2, agent, stamp)
        return written

    def delete(self, stored: Stored) -> None:
        condition = if_match(stored.etag)
        if not condition and self._load(stored.href)[1] != stored.etag:
            raise Conflict(f"{stored.href}: changed since it was read")
        answer = self.connection.request("DELETE", self._url(stored.href), "", **condition, **self._headers)
        self.connection.refuse(answer, f"deleting {stored.event.title!r}")

    def waiting(self) -> tuple[Waiting, ...]:
        """Read the inbox of the account; one that can't be read is as none, and `check` says so."""
        return self.scheduling.waiting()

    def take(self, waiting: Waiting) -> None:
        self.scheduling.take(waiting.href)

    def busy(self, people: Sequence[Person], start: datetime, end: datetime) -> dict[str, tuple[Busy, ...]]:
        """Ask the server about all of them, and of whom it doesn't tell, their own calendar where the settings say where that is."""
        return self.scheduling.busy(people, start, end)

    def close(self) -> None:
        if self._connected is not None:
            self._connected.close()
        self._connected = self._found = self._scheduling = self._sends = None

    def of(self, email: str, url: str = "") -> PersonalCalendar:
        """Return somebody else's calendar, through the same login and connection."""
        return PersonalCalendar(self, email, self.maker.url_of(email, url))

    @property
    def sends(self) -> bool:
        """Whether the server sends invitations for those whom it knows, be that us or not."""
        if self._sends is None:
            collections = self._collections()
            self._sends = schedules(self.connection, collections.calendar or collections.home)
        return self._sends

    @property
    def scheduling(self) -> Scheduling:
        if self._scheduling is None:
            self._scheduling = Scheduling(self.connection, self._collections(), self.maker)
        return self._scheduling

    @property
    def connection(self) -> Connection:
        if self._connected is None:
            self._connected = Connection(self.maker, self.settings.deadline)
        return self._connected

    def _collections(self) -> Collections:
        if self._found is None:
            self._found = find(self.connection, self.settings)
            self.may_schedule = self._found.may_schedule
        return self._found

    def _calendar(self) -> str:
        """Return the calendar's URL, made if it wasn't there."""
        collections = self._collections()
        if collections.calendar is None:
            collections = self._found = make(self.connection, self.settings, collections)
        assert collections.calendar is not None
        return collections.calendar

    # -- reading -------------------------------------------------------------------------------------------------------

    def _by_token(self, calendar: str, token: object, known: Mapping[str, str]) -> Changes | None:
        """Read by sync-collection; None when the server has none. A token that it refuses means: read everything."""
        last = token if isinstance(token, _Synced) else _Synced()
        before = last.sync
        answer = self.connection.sync(calendar, before)
        if before and answer.status in _NO_SUCH_TOKEN:
            before = ""
            answer = self.connection.sync(calendar, "")
        if answer.status != HTTPStatus.MULTI_STATUS:
            return None
        etags: dict[str, str] = dict.fromkeys(last.again, "") if before else {}
        gone: set[str] = set()
        after = before
        for pages in range(1, _MOST_PAGES + 1):
            resources = answer.resources()
            for resource in resources:
                href = self.connection.named(resource.href)
                if resource.is_gone:
                    etags.pop(href, None)
                    gone.add(href)
                else:
                    etags[href] = resource.text("d:getetag")
                    gone.discard(href)
            page, after = after, answer.text("d:sync-token")
            # RFC 6578 section 3.6: a 507 among the answers says that there is more.
            if not any(resource.status == HTTPStatus.INSUFFICIENT_STORAGE for resource in resources):
                break
            if after == page or pages == _MOST_PAGES:
                raise Transient(f"{self.connection.server}: its list of changes has no end")
            answer = self.connection.sync(calendar, after)
        etags.pop(path_of(calendar), None)
        if not after or not (before or etags or self._is_empty(calendar)):
            return None
        unchanged = frozenset() if before else _same(etags, known)
        objects = multiget.read(self.connection, calendar, {href: etag for href, etag in etags.items() if href not in unchanged})
        return Changes(
            token=_Synced(after, tuple(objects.again)),
            full=not before,
            changed=objects.read,
            gone=tuple(sorted(gone | objects.away)) if before else (),
            unreadable=objects.unreadable,
            unchanged=unchanged,
        )

    def _by_etags(self, calendar: str, token: object, known: Mapping[str, str]) -> Changes:
        before = token.etags if isinstance(token, _Listed) else None
        answer = self.connection.propfind(calendar, "d:getetag", "d:resourcetype", depth=1)
        if answer.status != HTTPStatus.MULTI_STATUS:
            self._found = None
            raise Down(f"{self.connection.server}: the calendar cannot be read ({answer.status})", hint="check calendar.url and its rights")
        etags = self._listed(answer, calendar)
        same = (
            _same(etags, known) if before is None else frozenset(href for href, etag in etags.items() if etag and before.get(href) == etag)
        )
        objects = multiget.read(self.connection, calendar, {href: etag for href, etag in etags.items() if href not in same})
        etags |= dict.fromkeys(objects.again, "")
        gone = ((before or {}).keys() - etags.keys()) | objects.away
        return Changes(
            token=_Listed(etags),
            full=before is None,
            changed=objects.read,
            gone=tuple(sorted(gone)) if before is not None else (),
            unreadable=objects.unreadable,
            unchanged=same if before is None else frozenset(),
        )

    def _is_empty(self, calendar: str) -> bool:
        """Ask once more, in another way: a first sync-collection may list nothing of what there is (Stalwart)."""
        answer = self.connection.propfind(calendar, "d:getetag", "d:resourcetype", depth=1)
        return answer.status == HTTPStatus.MULTI_STATUS and not self._listed(answer, calendar)

    def _led_away(self, error: Refused) -> Down:
        """Return what it means that the calendar leads elsewhere now, where the password doesn't go."""
        self._found = None
        return Down(str(error), hint=error.hint)

    def _listed(self, answer: Answer, calendar: str) -> dict[str, str]:
        return {self.connection.named(href): etag for href, etag in _etags(answer, calendar).items()}

    def _load(self, href: str) -> tuple[bytes, str]:
        return multiget.load(self.connection, self._calendar(), href)

    # -- writing -------------------------------------------------------------------------------------------------------

    def _url(self, href: str) -> str:
        return urljoin(self._calendar(), self.connection.spelt(href))

    def _patch(
        self, stored: Stored, wanted: Event, fields: frozenset[str], sequence: int, agent: Agent, stamp: datetime
    ) -> tuple[Stored, bool]:
        """Return what the calendar holds after the write, and whether before it the server had invited anybody."""
        data, etag = self._load(stored.href)
        if etag != stored.etag:
            raise Conflict(f"{stored.href}: changed since it was read")
        invited = ics.stored(data, href=stored.href, etag=etag).reached
        new = ics.patch(data, wanted, fields, sequence=sequence, stamp=stamp, agent=agent)
        answer = self._put(stored.href, new, **if_match(etag))
        self.connection.refuse(answer, f"changing {wanted.title!r}")
        if etag := self._as_sent(answer, agent):
            return ics.stored(new, href=stored.href, etag=etag), invited
        return self.fetch(stored.href), invited

    def _put(self, href: str, data: bytes, **condition: str) -> Answer:
        headers = {"Content_Type": "text/calendar; charset=utf-8", **condition, **self._headers}
        return self.connection.request("PUT", self._url(href), data.decode(), **headers)

    def _as_sent(self, answer: Answer, agent: Agent) -> str:
        """Return the ETag if the calendar now holds what we sent; empty: read it again to know.

        An ETag in the answer to a PUT means that the object is as it was sent (RFC 4791 section 5.3.4). Radicale gives one and
        reorders lines nevertheless, which changes no meaning. So a first write is one request an event. Should a server make
        something else of it, the next `changes` shows that: the write came after the token. A server that sends invitations
        is asked at once, for its SCHEDULE-STATUS.
        """
        return "" if agent is Agent.SERVER and self.may_schedule else answer.headers.get("ETag", "")


def if_match(etag: str) -> dict[str, str]:
    """Return the condition of a write; a weak ETag never matches (RFC 9110 section 13.1.1), the comparison before it must do."""
    return {} if not etag or etag.startswith("W/") else {"If_Match": etag}


def _etags(answer: Answer, calendar: str) -> dict[str, str]:
    """Return the ETags in a listing, by href as the server spells it; empty for an object of which the server doesn't tell it now."""
    resources = answer.resources()
    whole = {path_of(r.href).rstrip("/") for r in resources if r.has("d:resourcetype", "d:collection")}
    if not whole or any(r.status == HTTPStatus.INSUFFICIENT_STORAGE and path_of(r.href).rstrip("/") in whole for r in resources):
        # Some of its objects, or none: who isn't listed then is not gone.
        raise Transient(f"{urlsplit(calendar).netloc}: lists only a part of the calendar")
    members = (r for r in resources if not r.is_gone and not r.has("d:resourcetype", "d:collection"))
    return {r.href: r.text("d:getetag") for r in members if path_of(r.href) != path_of(calendar)}


def _same(etags: Mapping[str, str], known: Mapping[str, str]) -> frozenset[str]:
    """Return what is as it was known, by ETags that prove it: those of the server's that it gives to one object only."""
    often = Counter(etags.values())
    return frozenset(
        href for href, etag in etags.items() if etag and known.get(href) == etag and often[etag] == 1 and not _COUNT.fullmatch(etag)
    )


class PersonalCalendar(CaldavCalendar):
    """Somebody else's calendar, in which the service's account may write, and of whose events that person is the organizer.

    Nothing is made that isn't there. The person's own schedule inbox is left to the person's own programs.
    """

    def __init__(self, service: CaldavCalendar, email: str, url: str) -> None:
        super().__init__(service.settings, email)
        self._service = service
        self._at = url
        self._writable: bool | None = None
        # Without it, Cyrus takes what a delegate writes for a copy of that delegate's own, and invites nobody.
        self._headers = {"Schedule_Address": mailto(email)}

    def problem(self) -> str:
        """Return what is wrong with this calendar, in one sentence, without writing anything; empty when it can be used."""
        self._found = None
        try:
            self._collections()
        except Refused as error:
            return "; ".join(filter(None, (str(error), error.hint)))
        return f"{self.connection.server}: {self._at} may be read, but not written" if self._writable is False else ""

    def delete(self, stored: Stored) -> None:
        """Cancel the event first where the server invited to it: of a delegate's DELETE alone Cyrus tells nobody."""
        if self._collections().may_schedule:
            data, etag = self._load(stored.href)
            if etag != stored.etag:
                raise Conflict(f"{stored.href}: changed since it was read")
            if ics.is_invited_by_server(data):
                answer = self._put(stored.href, ics.cancelled(data), **if_match(etag))
                self.connection.refuse(answer, f"cancelling {stored.event.title!r}")
                stored = replace(stored, etag=self._load(stored.href)[1])
        super().delete(stored)

    def waiting(self) -> tuple[Waiting, ...]:
        return ()

    def close(self) -> None:
        self._found = None

    @property
    def connection(self) -> Connection:
        return self._service.connection

    def _collections(self) -> Collections:
        if self._found is None:
            if not self._at:
                raise Refused(
                    f"nothing says where the calendar of {self._owner} is", hint="set [calendar] people, or calendar of that person"
                )
            found = personal(self.connection, self._at, self._owner, sends=self._service.sends)
            self._found = Collections("", found.url, found.may_schedule)
            self._writable, self.may_schedule = found.writable, found.may_schedule
        return self._found

    @property
    def scheduling(self) -> Scheduling:
        return self._service.scheduling
