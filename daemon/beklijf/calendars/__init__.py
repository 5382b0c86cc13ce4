"""The contract of a calendar, and the register of its backends.

Glossary: *UID* is our name of an object, the same everywhere; *href* is what the backend calls it; *etag* changes whenever
the object changes, and perhaps when it doesn't; *token* stands for the state of a whole calendar at one moment;
*owner* is the address whose calendar it is. A backend executes. It compares nothing, decides nothing and sends no mail.

Errors, translated once per backend: `Transient` for anything that may pass (no connection, time-out, 5xx, 429),
`Conflict` when the object is not as it was read, `Refused` for a no to this object, `Exists` / `Missing` by their names,
`Down` for a no to everything (login, TLS, no such calendar). Nothing else leaves a backend.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from beklijf.errors import Refused
from beklijf.extras import named, needed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from beklijf.conversation import Busy, Waiting
    from beklijf.domain import Event, Person
    from beklijf.errors import BackendError
    from beklijf.settings import CalendarSettings

REACHED = ("1.", "2.")
UNREACHABLE = ("3.", "5.")
"""How a SCHEDULE-STATUS begins that says: delivered, or not (RFC 6638 section 3.2.9)."""

TOLD = frozenset({"time", "recurrence", "single", "place", "people", "online"})
"""The fields that people are told about; a changed title, text or alarm rides along in silence."""

NOTHING: Mapping[str, str] = MappingProxyType({})

NO_STAMP = datetime(2026, 1, 1, tzinfo=UTC)
"""DTSTAMP where the caller has no clock: the same event then gives the same bytes."""


_LONGEST = 500


class Unreadable(Refused):
    """The object says nothing that we could act on; it counts as unchanged."""

    def __init__(self, what: str, *, hint: str = "") -> None:
        """Keep of *what* no more than some lines: libraries quote what they stumble over, all of it."""
        super().__init__(what if len(what) <= _LONGEST else f"{what[:_LONGEST]}..", hint=hint)


class Agent(StrEnum):
    """Who sends the invitations of an event: RFC 6638 section 7.1's SCHEDULE-AGENT."""

    SERVER = "server"
    CLIENT = "client"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An event as a calendar holds it now."""

    event: Event
    href: str
    etag: str
    sequence: int
    delivery: Mapping[str, str] = field(default_factory=dict)
    """SCHEDULE-STATUS by attendee address, where a server sends invitations (``1.2``, ``3.7``)."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """PARTSTAT by attendee address."""
    left_to_server: bool = False
    """The object leaves it to a scheduling server, if there is one, to tell the attendees."""
    single_answers: Mapping[datetime, Mapping[str, str]] = field(default_factory=dict)
    """The same for each meeting that the object has a word of its own for, by its place in the rhythm (UTC)."""
    proposals: Mapping[tuple[str, datetime | None], tuple[datetime, int]] = field(default_factory=dict)
    """Other times that attendees proposed, where a server notes them in the organizer's copy: by address and place (UTC; None: the
    event) the start (UTC) and minutes. They stay there until the organizer changes the time, so a proposal that is still there is
    no new one."""
    known_as: str = ""
    """The UID under which the server invites, and people answer by mail, where it takes none of ours (Graph, Google)."""

    @property
    def reached(self) -> bool:
        """Whether the server said of anybody that it delivered."""
        return any(status.startswith(REACHED) for status in self.delivery.values())

    @property
    def unreachable(self) -> frozenset[str]:
        """Whom the server said it can't reach: theirs are ours to send."""
        return frozenset(address for address, status in self.delivery.items() if status.startswith(UNREACHABLE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What happened in a calendar since a token; with ``full`` it is all of ours that is there."""

    token: str
    full: bool
    changed: tuple[Stored, ...]
    gone: tuple[str, ...] = ()
    """Hrefs that are no longer there (never used when ``full``)."""
    unreadable: Mapping[str, BackendError] = field(default_factory=dict)
    """By href, why an object of ours cannot be understood; it counts as unchanged. One object never stops the reading of others."""
    unchanged: frozenset[str] = frozenset()
    """When ``full``: the hrefs that are there with the ETag by which they were known."""
    away: Mapping[str, BackendError] = field(default_factory=dict)
    """By owner's address: calendars that could not be read this time (``organized_by = "mentee"``); theirs counts as unchanged."""


class Calendar(Protocol):
    """One calendar of one owner. Not thread-safe; opening it costs nothing before the first call.

    Objects whose UID is not ours (does not end in ``@beklijf``) are never touched and never returned.
    """

    target: str
    """What the ledger remembers, so that another calendar is not taken for an emptied one; no secrets in it."""

    @property
    def may_schedule(self) -> bool | None:
        """Whether the server says it sends invitations for our organizer (RFC 6638); None before ``check``/``changes``."""
        ...

    def check(self) -> str:
        """Connect, read-only, and return one line that says what was found."""
        ...

    def changes(self, token: str | None, known: Mapping[str, str] = NOTHING) -> Changes:
        """Return what happened since ``token``; one request when nothing did.

        None, or a token that the backend no longer knows, gives a full reading, in which objects that still have the ETag
        by which they are ``known`` (by href) are not read again. Creates the calendar never.
        """
        ...

    def create(self, event: Event, *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP) -> Stored:
        """Write a new event and return it as the calendar now holds it; makes the calendar when it isn't there.

        *stamp* is the moment of writing (DTSTAMP).

        Raises `Exists` when the UID is there already, which after a crash means that our own write succeeded.
        """
        ...

    def fetch(self, href: str) -> Stored:
        """Read one event again; raises `Missing`."""
        ...

    def update(
        self, stored: Stored, wanted: Event, fields: frozenset[str], *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP
    ) -> Stored:
        """Write only ``fields`` of ``wanted`` into the object as it is now, keeping all else as it came.

        Fields are named by ``beklijf.reconcile.merge``: time, recurrence, single (all singles are written), place, people, title, text,
        alarms, online. An empty set only raises SEQUENCE (an announcement). Attendees whom the server said
        it can't reach get SCHEDULE-AGENT=CLIENT, whatever *agent* is. Raises `Conflict` when the etag is no longer
        ``stored.etag``, `Missing` when it is gone. People who stay keep their answers, to single meetings too. With ``time``
        all answers go back to open; a single meeting that changes its time reopens its own; another end, or rhythm, none.
        """
        ...

    def delete(self, stored: Stored) -> None:
        """Remove the event (a scheduling server tells the attendees); raises `Conflict` or `Missing`."""
        ...

    def waiting(self) -> tuple[Waiting, ...]:
        """Return the attendees' messages about our events in the server's schedule inbox; none where there is no such thing.

        What a server has worked into the organizer's copy already shows in ``changes`` as well: hearing it twice is harmless.
        One message may say several things, which then share an href: take it out when all of them are noted. A server whose
        inbox can't be read has none, which `check` says; nothing of that stops a tick.
        """
        ...

    def take(self, waiting: Waiting) -> None:
        """Take a message out of the schedule inbox; one that is gone already is fine."""
        ...

    def busy(self, people: Sequence[Person], start: datetime, end: datetime) -> Mapping[str, tuple[Busy, ...]]:
        """Return when *people* can't between two instants, in order, by key; who is missing, the server doesn't tell of.

        Titles, places and people of what they do are never read, or forgotten at once where a file has to be opened. Our own
        events count like all others: that a meeting doesn't stand in its own way is the caller's care.
        """
        ...

    def close(self) -> None:
        """Close connections; the calendar may be used again afterwards."""
        ...


BACKENDS = {
    "folder": "beklijf.calendars.folder:FolderCalendar",
    "caldav": "beklijf.calendars.caldav:CaldavCalendar",
    "exchange": "beklijf.calendars.exchange:ExchangeCalendar",
    "graph": "beklijf.calendars.graph:GraphCalendar",
    "google": "beklijf.calendars.google:GoogleCalendar",
}
"""By ``[calendar] kind``; imported on first use, so that a missing extra hurts only who asked for it."""

_OWNERS = "beklijf.calendars.owners:Owners"
_HOUSES = "beklijf.calendars.houses:Houses"


def open_calendar(settings: CalendarSettings, owner: str, people: Sequence[Person] = (), *, others: bool = False) -> Calendar:
    """Return the calendar of *owner*, the service's mailbox; with ``organized_by = "mentee"``, and those of *people* (the mentees).

    *others*: there are events in people's own calendars, whoever organizes new ones.

    Raises ConfigError with the pip line when the backend's extra is not installed.
    """
    systems = {}
    for kind in (settings.kind, *_beside(settings)):
        with needed(kind, where="calendar.kind" if kind == settings.kind else f"calendar.{kind}"):
            systems[kind] = named(BACKENDS[kind])(settings, owner)
    service = systems[settings.kind] if len(systems) == 1 else named(_HOUSES)(systems)
    calendar: Calendar = service if settings.organized_by == "service" and not others else named(_OWNERS)(service, owner, people)
    return calendar


def _beside(settings: CalendarSettings) -> list[str]:
    """Return the other system that people's mailboxes may be in while they move in batches: both have a login then."""
    logins = {"exchange": settings.exchange, "graph": settings.graph}
    return [kind for kind, login in logins.items() if login is not None and kind != settings.kind and settings.kind in logins]
