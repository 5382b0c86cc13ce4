"""Two events of ours on the CalDAV server of `tests.fakes.dav`, and how a test reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.fakes.dav import CALENDAR

from beklijf.ical import ics
from beklijf.model.domain import Contact, Event
from beklijf.model.stored import Agent, Stored

if TYPE_CHECKING:
    from beklijf.contracts.calendar import Calendar

STAMP = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ORGANIZER = Contact("Mentorprogramma", "mentor@voorbeeld.example")
KARIM = Contact("Karim Bakker", "karim@voorbeeld.example")
ONE = Event(
    uid="one-12345678@beklijf",
    start=datetime(2027, 1, 7, 15, tzinfo=UTC),
    minutes=60,
    recurrence=None,
    overrides=(),
    title="Gesprek",
    text="",
    location="Zaal 1",
    organizer=ORGANIZER,
    people=(KARIM,),
    alarms=(),
    free=False,
)
TWO = replace(ONE, uid="two-12345678@beklijf")
FIRST, SECOND = f"{CALENDAR}{ONE.uid}.ics", f"{CALENDAR}{TWO.uid}.ics"


def written(event: Event, place: str = "Zaal 1") -> bytes:
    return ics.build(replace(event, location=place), sequence=0, stamp=STAMP, agent=Agent.CLIENT)


def read(calendar: Calendar) -> tuple[object, tuple[Stored, ...]]:
    """Read everything, and return the token with what was there."""
    changes = calendar.changes(None)
    assert changes.full
    return changes.token, changes.changed
