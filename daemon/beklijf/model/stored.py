"""An event as a calendar holds it, and what happened in a calendar: what backends tell, and everybody else compares."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from beklijf.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beklijf.model.domain import Event
    from beklijf.model.errors import BackendError

REACHED = ("1.", "2.")
UNREACHABLE = ("3.", "5.")
"""How a SCHEDULE-STATUS begins that says: delivered, or not (RFC 6638 section 3.2.9)."""

ANNOUNCED = frozenset({"time", "recurrence", "single", "place", "people", "online"})
"""The fields that people are told about; a changed title, text or alarm rides along in silence."""


def attribute(field: str) -> str:
    """Return what `Event` calls one of its fields: people and the ledger say place, iCalendar says LOCATION."""
    return "location" if field == "place" else field


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
    """The same for each meeting that the object has a word of its own for, by its RECURRENCE-ID (UTC)."""
    proposals: Mapping[tuple[str, datetime | None], tuple[datetime, int]] = field(default_factory=dict)
    """Other times that attendees proposed, where a server notes them in the organizer's copy: by address and RECURRENCE-ID (UTC; None:
    the event) the start (UTC) and minutes. They stay there until the organizer changes the time, so a proposal that is still there is
    no new one."""
    icaluid: str = ""
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

    token: object
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
