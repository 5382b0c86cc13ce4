"""An event of a folder calendar as a person's program edits it: bytes in, bytes out. For rehearsals; pure.

It knows nothing of how we write events, and takes the file as any program would: so what we make of such an edit is what we
make of a person's.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import icalendar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_OF_THE_WHOLE = ("RRULE", "RDATE", "EXDATE", "EXRULE")


def move(data: bytes, recurrence_id: datetime | None, by: timedelta) -> bytes:
    """Return the event with the one meeting that its rhythm has at *recurrence_id*, or all of it, moved in wall time."""
    calendar = icalendar.Calendar.from_ical(data)
    if recurrence_id is None:
        for event in calendar.walk("VEVENT"):
            _shift(event, by)
    else:
        _shift(_override(calendar, recurrence_id), by, keep="RECURRENCE-ID")
    return _saved(calendar)


def take_out(data: bytes, recurrence_id: datetime) -> bytes:
    """Return the series without the meeting that its rhythm has at *recurrence_id*."""
    calendar = icalendar.Calendar.from_ical(data)
    for event in [each for each in calendar.walk("VEVENT") if _recurrence_id(each) == recurrence_id]:
        calendar.subcomponents.remove(event)
    master = _master(calendar)
    master.add("EXDATE", recurrence_id.astimezone(master["DTSTART"].dt.tzinfo))
    return _saved(calendar)


def answer(data: bytes, recurrence_id: datetime | None, address: str, partstat: str) -> bytes:
    """Return the event with an attendee's answer, as the organizer's program notes it."""
    calendar = icalendar.Calendar.from_ical(data)
    event = _master(calendar) if recurrence_id is None else _override(calendar, recurrence_id)
    attendees = event.get("ATTENDEE", [])
    for attendee in attendees if isinstance(attendees, list) else [attendees]:
        if attendee.casefold() == f"mailto:{address}".casefold():
            attendee.params["PARTSTAT"] = partstat
    return _saved(calendar)


def _saved(calendar: icalendar.Calendar) -> bytes:
    saved: bytes = calendar.to_ical()
    return saved


def _master(calendar: icalendar.Calendar) -> Any:  # noqa: ANN401  # properties of icalendar are of any type
    return next(event for event in calendar.walk("VEVENT") if "RECURRENCE-ID" not in event)


def _recurrence_id(event: Any) -> datetime | None:  # noqa: ANN401  # as above
    return event["RECURRENCE-ID"].dt.astimezone(UTC) if "RECURRENCE-ID" in event else None


def _override(calendar: icalendar.Calendar, recurrence_id: datetime) -> Any:  # noqa: ANN401  # as above
    """Return the component of one meeting, made where there is none: the whole with a time of its own."""
    for event in calendar.walk("VEVENT"):
        if _recurrence_id(event) == recurrence_id:
            return event
    master = _master(calendar)
    start, length = master["DTSTART"].dt, master["DTEND"].dt - master["DTSTART"].dt
    own = recurrence_id.astimezone(start.tzinfo)
    made = master.copy(recursive=True)
    for name in _OF_THE_WHOLE:
        made.pop(name, None)
    for name, at in (("RECURRENCE-ID", own), ("DTSTART", own), ("DTEND", own + length)):
        made.pop(name, None)
        made.add(name, at)
    calendar.add_component(made)
    return made


def _shift(event: Any, by: timedelta, *, keep: str = "") -> None:  # noqa: ANN401  # as above
    zone = event["DTSTART"].dt.tzinfo
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        if name in event and name != keep:
            event.add(name, event.pop(name).dt + by)
    off = list(_dates(event.pop("EXDATE", [])))
    for at in off:
        event.add("EXDATE", at + by)
    if "RRULE" in event and "UNTIL" in event["RRULE"]:
        rule = event.pop("RRULE")
        rule["UNTIL"] = [(at.astimezone(zone) + by).astimezone(UTC) for at in rule["UNTIL"]]
        rule.pop("BYDAY", None)  # DTSTART says it
        event.add("RRULE", rule)


def _dates(value: Any) -> Iterator[datetime]:  # noqa: ANN401  # as above
    for each in value if isinstance(value, list) else [value]:
        yield from (date.dt for date in each.dts)
