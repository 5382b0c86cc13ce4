"""Items of a track as events of a calendar: identity, and the one form that every client takes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol
from uuid import UUID, uuid5

from beklijf.model import canonical
from beklijf.model.domain import TEAMS, Contact, Event, Kind, Override, Recurrence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from beklijf.model.domain import Item, Programme, Ref

NAMESPACE = UUID("5b0c7a52-6a55-4c8e-9d60-0e6f4b6d0e0c")
"""Ours; a key is a function of installation, item and generation, so that a lost ledger recognises its own events."""

DOMAIN = "beklijf"


class Texts(Protocol):
    """Whoever words an event: title and text from an item."""

    version: str
    """The same where the words are."""

    def event(self, item: Item, programme: Programme) -> tuple[str, str]: ...


def key(installation: str, ref: Ref, generation: int) -> str:
    """Return our own name of one event."""
    return str(uuid5(NAMESPACE, f"{installation.casefold()}\n{ref}\n{generation}"))


@lru_cache(maxsize=8)
def mark(installation: str) -> str:
    """Return the end of every UID of this installation: what is ours in a calendar that others use too."""
    return f"-{sha256(installation.casefold().encode()).hexdigest()[:8]}@{DOMAIN}"


def uid(installation: str, ref: Ref, generation: int) -> str:
    """Return what the calendar calls the event."""
    return key(installation, ref, generation) + mark(installation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Makes events of items, for one installation and one programme."""

    installation: str
    programme: Programme
    texts: Texts
    moved_instances: Mapping[Ref, Mapping[datetime, datetime]] = field(default_factory=dict)
    """By series: where people moved meetings to. The text names those days: a moved meeting takes its questions along."""

    def event(self, item: Item, *, generation: int | None = None) -> Event:
        """Return *item* as the event that a calendar should hold.

        Weekly, days off as cancelled meetings: no client misreads that. It begins and ends with a meeting, unless that one is
        paused: then it is cancelled like any other, and the event keeps its ends. Never a goal: agendas are open to colleagues.
        """
        title, text = self.texts.event(self._as_held(item), self.programme)
        organizer = self._organizer(item)
        people = sorted((Contact(p.name, p.email) for p in item.people if p.email != organizer.email), key=lambda c: c.email.casefold())
        first, last = min((item.starts[0], *item.without[:1])), max((item.starts[-1], *item.without[-1:]))
        recurrence = Recurrence(item.every, last.astimezone(UTC)) if item.every else None
        event = Event(
            uid=uid(self.installation, item.ref, generation or item.generation),
            start=first,
            minutes=item.minutes,
            recurrence=recurrence,
            overrides=tuple(Override(at.astimezone(UTC), None) for at in item.without),
            title=title,
            text=text,
            location=item.location or ("" if item.online == TEAMS else item.online),
            organizer=organizer,
            people=tuple(people),
            alarms=(0,) if item.kind is Kind.REMINDER else (),
            free=item.kind is Kind.REMINDER,
            online=item.online == TEAMS,
        )
        return replace(event, clock=canonical.reckoned(event))

    def _organizer(self, item: Item) -> Contact:
        """Return whose event it is: where the config says so the mentee's own; a mentor's reminder where we reach every calendar."""
        own = self.programme.own_reminders if item.kind is Kind.REMINDER else self.programme.organized_by == "mentee"
        first = item.people[0]
        return Contact(first.name, first.email) if own else self.programme.organizer

    def _as_held(self, item: Item) -> Item:
        """Return *item* with the topics of its meetings on the days on which they are held."""
        moved = self.moved_instances.get(item.ref)
        if not moved:
            return item
        actual = {at: moved.get(at.astimezone(UTC), at).astimezone(at.tzinfo) for at in item.topics}
        return replace(item, topics={actual[at]: topics for at, topics in sorted(item.topics.items(), key=lambda each: actual[each[0]])})
