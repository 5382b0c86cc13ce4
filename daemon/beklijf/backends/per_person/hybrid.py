"""Two systems side by side while mailboxes move from one to the other in batches: each person's calendar where that is now.

The service's own calendar is in the first one. Of everybody else each is asked who has the mailbox, once a process, and again when
it is gone from where it was. Hrefs and tokens say which system they are of, so that what was known of the one is never
asked of the other; the events themselves are found again by our UID, which moves along with a mailbox.
Knows no protocol and chooses by nothing but what a calendar says of itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from beklijf.model.errors import BackendError, Conflict, Missing, Refused
from beklijf.model.stored import NO_STAMP, NOTHING, Agent, Changes, Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from beklijf.backends.per_person.calendar import Personal, Service
    from beklijf.model.conversation import Busy, Waiting
    from beklijf.model.domain import Event, Person

_MARK = ">"


@dataclass(frozen=True, slots=True)
class _Token:
    system: str
    inner: object
    """Of the calendar there."""


class Houses:
    """The service's calendar in the first of *systems*, and everybody else's in whichever has it."""

    def __init__(self, systems: Mapping[str, Service]) -> None:
        """Take the systems by name, in the order in which they are asked."""
        self._systems = dict(systems)
        self._first = next(iter(self._systems.values()))
        self.target = self._first.target

    @property
    def may_schedule(self) -> bool | None:
        return self._first.may_schedule

    def of(self, email: str, calendar: str = "", /) -> Lodger:
        return Lodger({name: system.of(email, calendar) for name, system in self._systems.items()}, email)

    def check(self) -> str:
        return f"{self._first.check()}; people's own also by {', '.join([*self._systems][1:])}"

    def changes(self, token: object, known: Mapping[str, str] = NOTHING) -> Changes:
        return self._first.changes(token, known)

    def fetch(self, href: str) -> Stored:
        return self._first.fetch(href)

    def seek(self, hrefs: Iterable[str]) -> Changes:
        return self._first.seek(hrefs)

    def create(self, event: Event, *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP) -> Stored:
        return self._first.create(event, sequence=sequence, agent=agent, stamp=stamp)

    def update(
        self, stored: Stored, wanted: Event, fields: frozenset[str], *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP
    ) -> Stored:
        return self._first.update(stored, wanted, fields, sequence=sequence, agent=agent, stamp=stamp)

    def delete(self, stored: Stored) -> None:
        self._first.delete(stored)

    def waiting(self) -> tuple[Waiting, ...]:
        return self._first.waiting()

    def take(self, waiting: Waiting) -> None:
        self._first.take(waiting)

    def busy(self, people: Sequence[Person], start: datetime, end: datetime) -> Mapping[str, tuple[Busy, ...]]:
        """Ask the first about all, and the next about whom it doesn't tell of; one that fails has told of nobody, unless all do."""
        found: dict[str, tuple[Busy, ...]] = {}
        failed: list[BackendError] = []
        for system in self._systems.values():
            if missing := [person for person in people if person.key not in found]:
                try:
                    found |= system.busy(missing, start, end)
                except BackendError as error:
                    failed.append(error)
        if len(failed) == len(self._systems):
            raise failed[0]
        return found

    def close(self) -> None:
        for system in self._systems.values():
            system.close()


class Lodger:
    """One person's calendar, wherever it is."""

    def __init__(self, rooms: Mapping[str, Personal], email: str) -> None:
        self._rooms = rooms
        self._email = email
        self._name = ""
        """Of the system that has it; empty: not asked yet."""
        self.target = " or ".join(room.target for room in rooms.values())

    @property
    def may_schedule(self) -> bool | None:
        return self._rooms[self._name].may_schedule if self._name else None

    def problem(self) -> str:
        """Ask everywhere, whatever was found before; the first that has it counts."""
        self._name, said = "", []
        for name, room in self._rooms.items():
            if not (problem := room.problem()):
                self._name = name
                return ""
            said.append(f"{name}: {problem}")
        return "; ".join(said)

    def check(self) -> str:
        return self._room().check()

    def changes(self, token: object, known: Mapping[str, str] = NOTHING) -> Changes:
        """Ask where it is; a token of the other system means that everything is read."""
        knew = bool(self._name)
        try:
            return self._changes(token, known)
        except Refused:
            if not knew:
                raise
            self._name = ""  # it was there a moment ago: has it moved?
            return self._changes(token, known)

    def _changes(self, token: object, known: Mapping[str, str]) -> Changes:
        room = self._room()
        inner = token.inner if isinstance(token, _Token) and token.system == self._name else None
        ours = {_inner(href): etag for href, etag in known.items() if _system(href) == self._name}
        found = room.changes(inner, ours)
        return replace(self._spelt(found), token=_Token(self._name, found.token))

    def _spelt(self, found: Changes) -> Changes:
        return replace(
            found,
            changed=tuple(self._named(stored) for stored in found.changed),
            gone=tuple(map(self._put, found.gone)),
            unreadable={self._put(href): said for href, said in found.unreadable.items()},
            unchanged=frozenset(map(self._put, found.unchanged)),
        )

    def fetch(self, href: str) -> Stored:
        room = self._room()
        if _system(href) != self._name:
            raise Missing(f"the mailbox of {self._email} is not in {_system(href)} any more")
        return self._named(room.fetch(_inner(href)))

    def seek(self, hrefs: Iterable[str]) -> Changes:
        """Ask where the mailbox is; what was in the other system isn't anywhere, or was found by its UID."""
        wanted = frozenset(hrefs)
        room = self._room()
        here = {href for href in wanted if _system(href) == self._name}
        found = room.seek(sorted(map(_inner, here)))
        return replace(self._spelt(found), gone=(*map(self._put, found.gone), *sorted(wanted - here)))

    def create(self, event: Event, *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP) -> Stored:
        return self._named(self._room().create(event, sequence=sequence, agent=agent, stamp=stamp))

    def update(
        self, stored: Stored, wanted: Event, fields: frozenset[str], *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP
    ) -> Stored:
        room, plain = self._holding(stored)
        return self._named(room.update(plain, wanted, fields, sequence=sequence, agent=agent, stamp=stamp))

    def delete(self, stored: Stored) -> None:
        room, plain = self._holding(stored)
        room.delete(plain)

    def waiting(self) -> tuple[Waiting, ...]:
        return ()

    def take(self, waiting: Waiting) -> None:
        """Do nothing: the person's own inbox is theirs."""

    def busy(self, people: Sequence[Person], start: datetime, end: datetime) -> Mapping[str, tuple[Busy, ...]]:
        return self._room().busy(people, start, end)

    def close(self) -> None:
        for room in self._rooms.values():
            room.close()

    def _room(self) -> Personal:
        if not self._name and (problem := self.problem()):
            raise Refused(f"none of the systems has the mailbox of {self._email}: {problem}")
        return self._rooms[self._name]

    def _holding(self, stored: Stored) -> tuple[Personal, Stored]:
        """Return where an event that is to be written is; moved away since it was read, it has to be read anew."""
        room = self._room()
        if _system(stored.href) != self._name:
            raise Conflict(f"the mailbox of {self._email} moved to {self._name} since it was read")
        return room, replace(stored, href=_inner(stored.href))

    def _put(self, inner: str) -> str:
        return f"{self._name}{_MARK}{inner}"

    def _named(self, stored: Stored) -> Stored:
        return replace(stored, href=self._put(stored.href))


def _system(href: str) -> str:
    return href.partition(_MARK)[0]


def _inner(href: str) -> str:
    return href.partition(_MARK)[2]
