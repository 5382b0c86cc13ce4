"""What a scheduling CalDAV server (RFC 6638) knows beside calendars: messages that wait, and when people can't.

Asks, and remembers what the server wouldn't answer, so that it is asked once a connection. What messages mean, `itip` says;
what becomes of them, the caller does.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from beklijf.backends.caldav.dav import OK, XMLNS, asking, getting, path_of
from beklijf.backends.caldav.multistatus import GONE, NAMES
from beklijf.ical import free_busy, ics, itip
from beklijf.ical.reader import address_of
from beklijf.model.conversation import Waiting
from beklijf.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from beklijf.backends.caldav.dav import Answer, Connection
    from beklijf.backends.caldav.discovery import Collections
    from beklijf.backends.caldav.settings import CalendarByCaldav
    from beklijf.model.conversation import Busy, Itip
    from beklijf.model.domain import Person

_BATCH = 50
_MOST = 1_000
"""Messages that are read at once; the rest is for the next time."""


class Scheduling:
    """The schedule inbox and outbox of one account, as long as its connection lasts."""

    def __init__(self, connection: Connection, collections: Collections, maker: CalendarByCaldav) -> None:
        self._connection = connection
        self._maker = maker
        self._inbox, self._outbox, self._address = collections.inbox, collections.outbox, collections.address
        self._left: dict[str, str] = {}
        """ETags of messages that are not for us, which are not read again."""
        self.deaf = 0
        """What the server said when it wouldn't show its inbox."""
        self.led_away = ""
        """Why the inbox isn't read, where it is sent on to where the password doesn't go."""

    def waiting(self) -> tuple[Waiting, ...]:
        """Return the answers to our events in the inbox, one request where nothing new is there.

        No to the question itself (4xx, or 500, as Xandikos says to other questions here) counts as no inbox from then on.
        """
        etags = self._listed()
        self._left = {href: etag for href, etag in self._left.items() if etags.get(href) == etag}
        found: list[Waiting] = []
        unread = [href for href in etags if href not in self._left][:_MOST]
        for n in range(0, len(unread), _BATCH):
            for href, data in self._read(unread[n : n + _BATCH]):
                try:
                    messages = _ours(data)
                except Exception as error:  # noqa: BLE001  # whatever is in one message, the others are read
                    found.append(Waiting(href=href, said=error))
                    continue
                found += [Waiting(href=href, said=message) for message in messages]
                if not messages and etags.get(href):
                    self._left[href] = etags[href]
        return tuple(found)

    def take(self, href: str) -> None:
        answer = self._connection.request("DELETE", urljoin(self._inbox, href))
        if answer.status not in GONE:
            self._connection.refuse(answer, "taking an answer out of the inbox")

    def busy(self, persons: Sequence[Person], start: datetime, end: datetime) -> dict[str, tuple[Busy, ...]]:
        """Return who can't when, by key: first as the server tells of everybody, then by each one's own calendar."""
        found: dict[str, tuple[Busy, ...]] = {}
        for n in range(0, len(persons), _BATCH):
            if self._outbox:
                found |= self._asked(persons[n : n + _BATCH], start, end)
        for person in persons:
            url = self._maker.url_of(person.email, person.calendar)
            if person.key not in found and url and (times := self._queried(url, start, end)) is not None:
                found[person.key] = times
        return found

    # -- the inbox -----------------------------------------------------------------------------------------------------

    def _listed(self) -> dict[str, str]:
        if not self._inbox or self.deaf:
            return {}
        try:
            answer = self._connection.tried("PROPFIND", self._inbox, asking(("d:getetag", "d:resourcetype")), Depth="1")
        except Refused as error:
            self._inbox, self.led_away = "", f"{error}; {error.hint}"
            return {}
        if answer.status != HTTPStatus.MULTI_STATUS:
            self.deaf = answer.status
        return {path_of(r.href): r.text("d:getetag") for r in answer.resources() if not r.has("d:resourcetype", "d:collection")}

    def _read(self, hrefs: list[str]) -> Iterator[tuple[str, bytes]]:
        answer = self._connection.tried("REPORT", self._inbox, getting(hrefs), Depth="1")
        if answer.status != HTTPStatus.MULTI_STATUS:
            self.deaf = answer.status
        for resource in answer.resources():
            if data := resource.text("c:calendar-data"):
                yield path_of(resource.href), data.encode()

    # -- free and busy -------------------------------------------------------------------------------------------------

    def _asked(self, persons: Sequence[Person], start: datetime, end: datetime) -> dict[str, tuple[Busy, ...]]:
        """Ask the server about several at once (RFC 6638 section 5); who isn't in the result, it doesn't know or tell."""
        question = free_busy.request(self._address, {person.email for person in persons}, start, end)
        try:
            answer = self._connection.tried("POST", self._outbox, question, Content_Type="text/calendar; charset=utf-8")
        except Refused:
            answer = None
        if answer is None or answer.status not in OK:
            self._outbox = ""
            return {}
        told = {address: text for address, text in _responses(answer) if "VFREEBUSY" in text}
        keys = {person.email.casefold(): person.key for person in persons}
        return {key: free_busy.told(told[email], start, end) for email, key in keys.items() if email in told}

    def _queried(self, url: str, start: datetime, end: datetime) -> tuple[Busy, ...] | None:
        """Ask one calendar (RFC 4791 section 7.10); None where that isn't known or not allowed."""
        try:
            answer = self._connection.tried("REPORT", url, _query(start, end), Depth="1")
        except Refused:  # is or leads elsewhere, where the password doesn't go
            return None
        return free_busy.told(answer.body, start, end) if answer.status in OK and "VFREEBUSY" in answer.body else None


def _responses(answer: Answer) -> Iterator[tuple[str, str]]:
    for response in () if answer.tree is None else answer.tree.iterfind(".//c:response", NAMES):
        if response.findtext("c:request-status", "", NAMES).strip().startswith("2."):
            href = response.findtext("c:recipient/d:href", "", NAMES)
            recipient = href or response.findtext("c:recipient", "", NAMES)  # SOGo has it without DAV:href
            yield address_of(recipient.strip()), response.findtext("c:calendar-data", "", NAMES)


def _query(start: datetime, end: datetime) -> str:
    window = f'start="{free_busy.utc(start)}" end="{free_busy.utc(end)}"'
    return f"<c:free-busy-query {XMLNS}><c:time-range {window}/></c:free-busy-query>"


def _ours(data: bytes) -> tuple[Itip, ...]:
    try:
        return tuple(message for message in itip.read(data) if ics.is_ours(message.uid))
    except Refused:
        return ()  # about an event of ours, but nobody could tell what; the organizer's copy has what the server made of it
