"""The last meeting of an event, whoever made its rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from beklijf.ical import free_busy, ics
from beklijf.ical.reader import FOREVER
from beklijf.model.canonical import meetings
from beklijf.model.errors import Refused
from beklijf.model.stored import NO_STAMP

if TYPE_CHECKING:
    from datetime import datetime

    from beklijf.model.domain import Event

_NEAR = timedelta(days=400)
"""Before its end a rule has a last meeting, if it has any that people wait for."""


def last_meeting(event: Event) -> datetime | None:
    """Return the start of the last meeting that takes place; None where there is none, no end, or a rule that is not iCalendar's."""
    recurrence = event.recurrence
    if recurrence is None or not recurrence.other:
        return max(meetings(event), default=None)
    if recurrence.last >= FOREVER - _NEAR or "FREQ=" not in recurrence.other or " " in recurrence.other:
        return None
    if "UNTIL=" not in recurrence.other and "COUNT=" not in recurrence.other:
        return recurrence.last  # the rule has no end of its own
    end = recurrence.last + timedelta(minutes=1)
    try:
        data = ics.build(replace(event, people=(), alarms=(), free=False), sequence=0, stamp=NO_STAMP)
    except (Refused, ValueError):
        return None
    start = max(event.start.astimezone(UTC), end - _NEAR)
    found = free_busy.of_events(data, frozenset(), ZoneInfo("UTC"), start, end)
    return found[-1].start if found else None
