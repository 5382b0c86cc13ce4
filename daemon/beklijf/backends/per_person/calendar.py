"""Many people's own calendars as one: each event stands in the calendar of whoever organizes it (``organized_by = "mentee"``).

Hrefs say whose calendar they are in (``sanne@voorbeeld.example|/dav/..``), those of the service's own calendar say nothing. A
person whose calendar fails is away, with everything in it counting as unchanged; the service's own failing is everybody's.
Knows no protocol: a backend opens the calendars. The people's own schedule inboxes are theirs, only the service's is read.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from beklijf.contracts.calendar import Calendar
from beklijf.contracts.unforeseen import whole_by_itself
from beklijf.model.errors import BackendError, Conflict, Down, Theirs, Transient
from beklijf.model.stored import NO_STAMP, NOTHING, Agent, Changes, Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from beklijf.model.conversation import Busy, Waiting
    from beklijf.model.domain import Event, Person

_MARK = "|"
IN_A_ROW = 3


class Personal(Calendar, Protocol):
    """One person's own calendar."""

    def problem(self) -> str:
        """Return what is wrong with it, in one sentence, having written nothing; empty when it can be used."""
        ...


class Service(Calendar, Protocol):
    """The service's own calendar, which leads to everybody else's."""

    def of(self, email: str, calendar: str = "", /) -> Personal:
        """Return the calendar of *email*; *calendar* says where it is, if the settings don't."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    """What a token remembers of one calendar; the hrefs, since a calendar that must be read anew says nothing of what is gone."""

    token: object
    """Its own."""
    hrefs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Token:
    known: Mapping[str, _Known]
    """By owner; empty: the service's own."""


@dataclass(slots=True)
class _Found:
    """What the calendars said so far."""

    changed: list[Stored] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    unreadable: dict[str, BackendError] = field(default_factory=dict)
    unchanged: set[str] = field(default_factory=set)
    away: dict[str, BackendError] = field(default_factory=dict)
    known: dict[str, _Known] = field(default_factory=dict)


class Owners:
    """The calendars of the service and of everybody who organizes meetings."""

    def __init__(self, service: Service, organizer: str, people: Sequence[Person]) -> None:
        """Take the mentees as *people*; *organizer* is the service's mailbox, whose events stand in its own calendar."""
        self._service = service
        self._organizer = organizer.casefold()
        self._places = {person.email.casefold(): person.calendar for person in people}
        self._opened: dict[str, Personal] = {}
        self._silent: dict[str, None] = {}
        """Whose calendar gave no answer when it was last asked; who was asked longest ago comes first."""
        self._own: object = None
        """The token of the service's own calendar when it was last read."""
        self._unwritten: dict[str, Transient] = {}
        """Whose calendar took nothing since then, and why."""
        self._unheard = 0
        """So many of them, one after the other, gave no answer at all."""
        self.target = f"{service.target}, and people's own"

    @property
    def may_schedule(self) -> bool | None:
        """Whether the server sends for all whose calendars were looked at."""
        said = [calendar.may_schedule for calendar in (*self._opened.values(), self._service) if calendar.may_schedule is not None]
        return all(said) if said else None

    def check(self) -> str:
        problems = self.check_people()
        return f"{self._service.check()}; {len(self._places) - len(problems)} of {len(self._places)} people's own calendars can be used"

    def check_people(self) -> Mapping[str, str]:
        """Return what is wrong with people's calendars, by address: not there, not shared, not to be written. Writes nothing.

        Raises what makes all of them fail (login, TLS, no connection).
        """
        found = {email: self._personal(email).problem() for email in self._places if email != self._organizer}
        return {email: problem for email, problem in found.items() if problem}

    # -- reading -------------------------------------------------------------------------------------------------------

    def changes(self, token: object, known: Mapping[str, str] = NOTHING) -> Changes:
        """Ask each calendar; one request each when nothing happened.

        Asked are the people of the config, and everybody who has events of ours. A calendar that has to be read anew, while
        the others tell of changes only, is compared with what the token remembers. Who gave no answer the last time is asked
        last, and after `IN_A_ROW` without an answer nobody else is: each of them may take a minute to say nothing.
        """
        before = token.known if isinstance(token, Token) else None
        found = _Found()
        ours = _by_owner(known) if before is None else {}
        own = self._ask("", before, ours, found)
        self._own, self._unheard = own.token, 0
        self._unwritten.clear()
        in_a_row = 0
        for owner in self._in_order({*self._places, *(before or {}), *ours} - {"", self._organizer}):
            try:
                if in_a_row >= IN_A_ROW:
                    raise Transient(f"{owner}: not asked, since others on that server gave no answer, or took no login")
                self._silent.pop(owner, None)
                with whole_by_itself(owner):
                    self._ask(owner, before, ours, found)
                in_a_row = 0
            except BackendError as error:
                if isinstance(error, Down) and error.login:
                    in_a_row = IN_A_ROW  # each other one may be a try too many
                    self._silent[owner] = None
                elif isinstance(error, Transient) and in_a_row < IN_A_ROW:
                    if not in_a_row:
                        self._service.changes(own.token)  # raises where it isn't theirs but everybody's: the server is down
                    in_a_row += 1
                    self._silent[owner] = None
                found.away[owner] = error
                last = (before or {}).get(owner)
                found.known[owner] = last or _Known(None, frozenset(ours.get(owner, NOTHING)))
                if before is None:
                    found.unchanged |= {_href(owner, href) for href in found.known[owner].hrefs}
        return Changes(
            token=Token(found.known),
            full=before is None,
            changed=tuple(found.changed),
            gone=() if before is None else tuple(found.gone),
            unreadable=found.unreadable,
            unchanged=frozenset(found.unchanged) if before is None else frozenset(),
            away=found.away,
        )

    def _in_order(self, owners: set[str]) -> list[str]:
        return [*sorted(owners - self._silent.keys()), *(owner for owner in self._silent if owner in owners)]

    def _ask(self, owner: str, before: Mapping[str, _Known] | None, ours: Mapping[str, Mapping[str, str]], found: _Found) -> _Known:
        last = (before or {}).get(owner) or _Known(None, frozenset())
        changes = self._of(owner).changes(last.token, ours.get(owner, NOTHING))
        there = {stored.href for stored in changes.changed} | changes.unreadable.keys()
        gone = last.hrefs - there if changes.full else set(changes.gone)
        now = _Known(changes.token, frozenset(there | changes.unchanged if changes.full else (last.hrefs - gone) | there))
        found.changed += (_named(owner, stored) for stored in changes.changed)
        found.gone += (_href(owner, href) for href in sorted(gone))
        found.unreadable |= {_href(owner, href): said for href, said in changes.unreadable.items()}
        found.unchanged |= {_href(owner, href) for href in changes.unchanged}
        found.known[owner] = now
        return now

    def fetch(self, href: str) -> Stored:
        owner, inner = _split(href)
        return _named(owner, self._of(owner).fetch(inner))

    def seek(self, hrefs: Iterable[str]) -> Changes:
        found = _Found()
        for owner, inner in _by_owner(dict.fromkeys(hrefs, "")).items():
            try:
                with whole_by_itself(owner):
                    asked = self._of(owner).seek(inner)
            except BackendError as error:
                if not owner:
                    raise
                found.away[owner] = error
                found.unchanged |= {_href(owner, href) for href in inner}
            else:
                found.changed += (_named(owner, stored) for stored in asked.changed)
                found.gone += (_href(owner, href) for href in asked.gone)
                found.unreadable |= {_href(owner, href): said for href, said in asked.unreadable.items()}
        return Changes(
            token=None,
            full=False,
            changed=tuple(found.changed),
            gone=tuple(found.gone),
            unreadable=found.unreadable,
            unchanged=frozenset(found.unchanged),
            away=found.away,
        )

    # -- writing -------------------------------------------------------------------------------------------------------

    def create(self, event: Event, *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP) -> Stored:
        """Write into the calendar of the event's organizer."""
        owner = self._owner(event.organizer.email)
        with self._theirs(owner):
            return _named(owner, self._of(owner).create(event, sequence=sequence, agent=agent, stamp=stamp))

    def update(
        self, stored: Stored, wanted: Event, fields: frozenset[str], *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP
    ) -> Stored:
        """Write into the calendar that the event stands in, whoever *wanted* names as its organizer."""
        owner, inner = _split(stored.href)
        plain = replace(stored, href=inner)
        with self._theirs(owner):
            return _named(owner, self._of(owner).update(plain, wanted, fields, sequence=sequence, agent=agent, stamp=stamp))

    def delete(self, stored: Stored) -> None:
        owner, inner = _split(stored.href)
        with self._theirs(owner):
            self._of(owner).delete(replace(stored, href=inner))

    @contextmanager
    def _theirs(self, owner: str) -> Iterator[None]:
        """Make of what one person's calendar says to a write, or doesn't, that one's own: the others' are not hit.

        It is left alone until the next reading, unless it answers and fails over that one event. After `IN_A_ROW` without an answer
        nobody else's is tried, since each of them may take a minute to say nothing; nor is anybody's if the server is down.
        """
        if not owner:
            yield
            return
        if owner in self._unwritten:
            raise self._of_theirs(owner, self._unwritten[owner])
        if self._unheard >= IN_A_ROW:
            raise Transient(f"{owner}: nothing was written, since others on that server gave no answer, or took no login")
        try:
            yield
        except Conflict:
            raise
        except Down as error:
            self._unheard = IN_A_ROW if error.login else self._unheard
            raise self._of_theirs(owner, error) from error
        except Transient as error:
            if not error.failing:
                if not error.retry_after:
                    self._unheard += 1
                    if self._own is not None:
                        self._service.changes(self._own)  # raises where it isn't theirs but everybody's: the server is down
                self._unwritten[owner] = error
            raise self._of_theirs(owner, error) from error
        self._unheard = 0

    def _of_theirs(self, owner: str, error: BackendError) -> Theirs:
        wait = error.retry_after if isinstance(error, Transient) else None
        return Theirs(f"the calendar of {owner}: {error}", hint=error.hint, retry_after=wait)

    # -- what the service's own account hears and may ask ----------------------------------------------------------------

    def waiting(self) -> tuple[Waiting, ...]:
        return self._service.waiting()

    def take(self, waiting: Waiting) -> None:
        self._service.take(waiting)

    def busy(self, people: Sequence[Person], start: datetime, end: datetime) -> Mapping[str, tuple[Busy, ...]]:
        return self._service.busy(people, start, end)

    def close(self) -> None:
        for calendar in (*self._opened.values(), self._service):
            calendar.close()

    def _owner(self, organizer: str) -> str:
        """Return whose calendar holds what *organizer* organizes; empty for the service's own."""
        address = organizer.casefold()
        return "" if address == self._organizer else address

    def _of(self, owner: str) -> Calendar:
        return self._personal(owner) if owner else self._service

    def _personal(self, owner: str) -> Personal:
        if owner not in self._opened:
            self._opened[owner] = self._service.of(owner, self._places.get(owner, ""))
        return self._opened[owner]


def _href(owner: str, href: str) -> str:
    return f"{owner}{_MARK}{href}" if owner else href


def _split(href: str) -> tuple[str, str]:
    """Return whose calendar an href is in, and what it is called there; a plain one is in the service's own."""
    owner, mark, inner = href.partition(_MARK)
    return (owner, inner) if mark and "@" in owner and "/" not in owner else ("", href)


def _by_owner(known: Mapping[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for href, etag in known.items():
        owner, inner = _split(href)
        found.setdefault(owner, {})[inner] = etag
    return found


def _named(owner: str, stored: Stored) -> Stored:
    return replace(stored, href=_href(owner, stored.href))
