"""The contract of a calendar.

Glossary: *UID* is our name of an object, the same everywhere; *href* is what the backend calls it; *etag* changes whenever
the object changes, and perhaps when it doesn't; *token* stands for the state of a whole calendar at one moment,
and is a value of the backend's own: whoever holds it looks at nothing but whether two are equal, and it never leaves the process;
*owner* is the address whose calendar it is. A backend executes. It compares nothing, decides nothing and sends no mail.

Errors, translated once per backend: `Transient` for anything that may pass (no connection, time-out, 5xx, 429),
`Conflict` when the object is not as it was read, `Refused` for a no to this object, `Exists` / `Missing` by their names,
`Down` for a no to everything (login, TLS, no such calendar). Nothing else leaves a backend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from beklijf.model.stored import NO_STAMP, NOTHING, Agent, Changes, Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from beklijf.model.conversation import Busy, Waiting
    from beklijf.model.domain import Event, Person


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

    def changes(self, token: object, known: Mapping[str, str] = NOTHING) -> Changes:
        """Return what happened since ``token``; one request when nothing did.

        None, or a token that is not this backend's or that it no longer knows, gives a full reading, in which objects that still
        have the ETag by which they are ``known`` (by href) are not read again. Creates the calendar never.
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

    def seek(self, hrefs: Iterable[str]) -> Changes:
        """Ask for events that seem to be gone, each by its own name, in another way than `changes` does; the token is None.

        ``gone`` is what the server says isn't there (404, 410), and that alone. Raises `Down` when the calendar itself isn't there:
        then nobody deleted anything. Of somebody's own calendar that can't be asked, everything is ``unchanged``, and it is ``away``.
        """
        ...

    def update(
        self, stored: Stored, wanted: Event, fields: frozenset[str], *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP
    ) -> Stored:
        """Write only ``fields`` of ``wanted`` into the object as it is now, keeping all else as it came.

        Fields are named by ``beklijf.decide.merge``: time, recurrence, single (all singles are written), place, people, title, text,
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
