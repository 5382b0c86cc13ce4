"""A calendar on an Exchange Server on premises, by Exchange Web Services. The server is the one sender of invitations.

A new series with days off is made without attendees, the days are cut, and the attendees come last: one invitation, no
cancellation. How a series is changed, ``series`` has. Compares only to find out what to send.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from beklijf.backends.exchange import from_item, series, to_item
from beklijf.backends.exchange.account import Connection
from beklijf.backends.exchange.errors import RIGHTS
from beklijf.backends.exchange.folder import EventFolder
from beklijf.backends.exchange.free_busy import busy
from beklijf.backends.exchange.replies import Answers
from beklijf.backends.exchange.settings import CalendarByExchange
from beklijf.contracts.unforeseen import by_itself
from beklijf.model.errors import Conflict, Down, Exists, Missing, Refused
from beklijf.model.stored import ANNOUNCED, NO_STAMP, NOTHING, Agent, Changes, Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from beklijf.backends.exchange.synced import Listing
    from beklijf.backends.exchange.times import Item
    from beklijf.contracts.settings import CalendarSettings
    from beklijf.model.conversation import Busy, Waiting
    from beklijf.model.domain import Event, Person


@dataclass(frozen=True, slots=True)
class _Token:
    state: str
    """The server's own; empty where there was no calendar."""


class ExchangeCalendar:
    """The service's own calendar: the main one of its mailbox, or the one of a name below that, made on the first `create`."""

    may_schedule = True

    def __init__(self, settings: CalendarSettings, owner: str) -> None:
        assert isinstance(settings.maker, CalendarByExchange)
        connection = Connection(settings.maker.login, owner, settings.deadline)
        self._open(connection, owner, settings.name)

    def _open(self, connection: Connection, mailbox: str, name: str = "") -> None:
        self.connection = connection
        self.mailbox = mailbox
        self.target = f"exchange {mailbox} {connection.target} {name}".rstrip()
        self._folder = EventFolder(connection, mailbox, name)
        self._answers = Answers(connection, mailbox)
        self._state = ""
        self._uids: dict[str, str] | None = None
        """By our UID the ids of what is there, as of that state; None until all was listed."""

    def check(self) -> str:
        if not self._folder.there():
            return f'{self.connection.server}: logged in; the calendar "{self._folder.called}" will be made in the mailbox {self.mailbox}'
        found = self._folder.rights()
        if not _may_write(found):
            raise Down(f"{self.connection.server}: the calendar of {self.mailbox} may be read, but not written", hint=RIGHTS)
        said = f'{self.connection.server}: the calendar "{found.name}" of {self.mailbox} may be written, {found.total_count or 0} items'
        return f"{said}; the server sends invitations; {self._answers.check()}"

    # -- reading -------------------------------------------------------------------------------------------------------

    def changes(self, token: object, known: Mapping[str, str] = NOTHING) -> Changes:
        if not self._folder.there():
            return Changes(token=_Token(""), full=True, changed=())
        before = token.state if isinstance(token, _Token) else ""
        listing = self._folder.listing(before) if before else None
        full = listing is None
        if listing is None:
            listing = self._all()
        self._note(before, listing, full=full)
        ours = self._ours(listing)
        unchanged = frozenset(key for key in ours if known.get(key) == listing.items[key].changekey) if full else frozenset()
        read, away, unreadable = self._read(key for key in ours if key not in unchanged)
        for stored in read:
            self._answers.seen(stored)
        if full:
            self._answers.begin(unchanged)
        return Changes(
            token=token if listing.quiet and not full else _Token(listing.state),
            full=full,
            changed=tuple(read),
            gone=() if full else tuple(sorted(listing.gone | away)),
            unreadable=unreadable,
            unchanged=unchanged,
        )

    def fetch(self, href: str) -> Stored:
        found = self._folder.read([href])[href]
        if isinstance(found, Exception):
            raise found
        return from_item.stored(*found)

    def seek(self, hrefs: Iterable[str]) -> Changes:
        if not self._folder.there():
            raise Down(
                f'{self.connection.server}: the calendar "{self._folder.called}" of {self.mailbox} is not there any more', hint=RIGHTS
            )
        if self._folder.called:
            self._folder.rights()  # raises for one that was there, and is no more
        read, away, unreadable = self._read(hrefs)
        return Changes(token=None, full=False, changed=tuple(read), gone=tuple(sorted(away)), unreadable=unreadable)

    def _all(self) -> Listing:
        listing = self._folder.listing("")
        if listing is None:
            raise Refused(f"{self.connection.server}: refuses a sync state that it was not given")
        return listing

    def _note(self, before: str, listing: Listing, *, full: bool) -> None:
        """Keep the index of UIDs up to date with what was read."""
        if full:
            self._uids = {}
        elif self._uids is None or before != self._state:
            return
        self._state = listing.state
        changed = listing.gone | listing.items.keys()
        there = {uid: key for uid, key in (self._uids or {}).items() if key not in changed}
        for key, item in listing.items.items():
            uid = from_item.identity(item)
            if uid and not (uid in there and from_item.is_copy(item)):
                there[uid] = key
        self._uids = there

    def _ours(self, listing: Listing) -> list[str]:
        """Return the ids of our events among what changed; of an event and its copy that has a UID of its own, the event."""
        found = {}
        for key, item in listing.items.items():
            uid = from_item.identity(item)
            if uid and not (from_item.is_copy(item) and self._known(uid) not in {"", key}):
                found[uid] = key
        return list(found.values())

    def _known(self, uid: str) -> str:
        """Return the id of the event that has *uid*; a copy is seldom enough to list everything once."""
        if self._uids is None:
            self._note("", self._all(), full=True)
        return (self._uids or {}).get(uid, "")

    def _read(self, ids: Iterable[str]) -> tuple[list[Stored], frozenset[str], dict[str, Refused]]:
        read, away = [], set()
        unreadable: dict[str, Refused] = {}
        for key, found in self._folder.read(ids).items():
            try:
                with by_itself(key):
                    read.append(_stored(found))
            except Missing:
                away.add(key)
            except Refused as error:  # the server's no to this one, or one that nobody can read
                unreadable[key] = error
        return read, frozenset(away), unreadable

    # -- writing -------------------------------------------------------------------------------------------------------

    def create(self, event: Event, *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP) -> Stored:
        """Take three requests: what is there by now, the event, how it is read; for a series with days off up to four more.

        SEQUENCE is the server's own, and so is the moment of writing.
        """
        del sequence, stamp
        if not self._folder.there():
            self._folder.make()
        if self._there(event.uid):
            raise Exists(f"{self.connection.server}: {event.uid} is there already")
        about, told = f"writing {event.title!r}", agent is Agent.SERVER and bool(event.people)
        if not event.overrides:
            return self.fetch(self._folder.create(to_item.whole(event, people=True), told=told, about=about))
        key = self._folder.create(to_item.whole(event, people=False), told=False, about=about)
        series.write_overrides(self._folder, key, replace(event, overrides=()), event, told=False, about=about)
        if event.people:
            self._folder.change((key, ""), to_item.values(event, frozenset({"people"})), told=told, about=about)
        return self.fetch(key)

    def update(
        self, stored: Stored, wanted: Event, fields: frozenset[str], *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP
    ) -> Stored:
        """Take three requests; for a series with single meetings up to six more."""
        del sequence, stamp
        item = self._current(stored)
        told = agent is Agent.SERVER and (not fields or bool(fields & ANNOUNCED))
        about = f"changing {wanted.title!r}"
        if item.recurrence is None:
            series.finish(self._folder, (item.id, item.changekey), wanted, fields, item, told=told, about=about)
        else:
            series.update(self._folder, item, stored, wanted, fields, told=told, about=about)
        return self.fetch(stored.href)

    def delete(self, stored: Stored) -> None:
        item = self._current(stored)
        for error in self._folder.remove([(item.id, item.changekey)], told=from_item.was_sent(item)):
            raise error

    def _current(self, stored: Stored) -> Item:
        item = self._folder.current(stored.href)
        if item.changekey != stored.etag:
            raise Conflict(f"{self.connection.server}: {stored.event.title!r} changed since it was read")
        return item

    def _there(self, uid: str) -> bool:
        """Tell whether an event of ours is there by now: one request for what is new since the last time, once for all that is there."""
        listing = self._folder.listing(self._state) if self._uids is not None else None
        self._note(self._state, listing or self._all(), full=listing is None)
        return uid in (self._uids or {})

    # -- people --------------------------------------------------------------------------------------------------------

    def waiting(self) -> tuple[Waiting, ...]:
        return self._answers.waiting()

    def take(self, waiting: Waiting) -> None:
        self._answers.take(waiting.href)

    def busy(self, people: Sequence[Person], start: datetime, end: datetime) -> Mapping[str, tuple[Busy, ...]]:
        return busy(self.connection, self.mailbox, people, start, end)

    def of(self, email: str, calendar: str = "", /) -> PersonalExchange:
        """Return the main calendar of a person, through the same login and connection."""
        del calendar
        return PersonalExchange(self.connection, email)

    def close(self) -> None:
        self.connection.close()


class PersonalExchange(ExchangeCalendar):
    """A person's own calendar, in which the login acts as that person (impersonation), or as one who may write there (delegate)."""

    def __init__(self, connection: Connection, email: str) -> None:
        self._open(connection, email)

    def problem(self) -> str:
        try:
            found = self._folder.rights()
        except Refused as error:
            return f"{error}; {error.hint}" if error.hint else str(error)
        return "" if _may_write(found) else f"the calendar of {self.mailbox} may be read, but not written; {RIGHTS}"

    def waiting(self) -> tuple[Waiting, ...]:
        return ()  # the person's own inbox is theirs

    def close(self) -> None:
        """Leave the connection to the service, whose it is."""


def _may_write(folder: Any) -> bool:  # noqa: ANN401  # exchangelib has no types
    rights = folder.effective_rights
    return rights is None or bool(rights.create_contents and rights.modify)


def _stored(found: tuple[Item, dict[str, Item]] | Exception) -> Stored:
    if isinstance(found, Exception):
        raise found
    return from_item.stored(*found)
