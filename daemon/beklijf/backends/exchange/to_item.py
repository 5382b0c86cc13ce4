"""From an `Event` to what Exchange is told of it: the values of an item's fields, and which single meetings differ. Sends nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from exchangelib import Attendee, Body, CalendarItem, EWSDate, EWSDateTime, EWSTimeZone, Mailbox  # type: ignore[import-untyped]  # it has no types
from exchangelib.errors import UnknownTimeZone  # type: ignore[import-untyped]
from exchangelib.properties import OccurrenceItemId  # type: ignore[import-untyped]
from exchangelib.recurrence import EndDatePattern, WeeklyPattern  # type: ignore[import-untyped]
from exchangelib.recurrence import Recurrence as Rule

from beklijf.backends.exchange.from_item import attendees
from beklijf.ical.parts import contact, mailto
from beklijf.ical.reader import plain_text
from beklijf.model import canonical
from beklijf.model.domain import Override
from beklijf.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from beklijf.backends.exchange.times import Item
    from beklijf.model.domain import Contact, Event, Recurrence

LONGEST_TITLE = 255
"""Characters of a subject that Exchange takes."""


def whole(event: Event, *, people: bool) -> dict[str, Any]:
    """Return all fields of a new item, by the library's names; without *people* nobody is invited to it yet."""
    return {
        "uid": event.uid,
        "beklijf_uid": event.uid,
        "legacy_free_busy_status": "Free" if event.free else "Busy",
        "is_response_requested": not event.free,
        **values(event, frozenset({"time", "recurrence", "place", "title", "text", "alarms", *({"people"} if people else ())})),
    }


def values(event: Event, fields: frozenset[str], item: Item = None) -> dict[str, Any]:
    """Return what says *fields* of *event*, by the library's names; single meetings are items of their own."""
    found: dict[str, Any] = {}
    if "title" in fields:
        found["subject"] = plain_text(event.title)[:LONGEST_TITLE]
    if "text" in fields:
        found["body"] = Body(plain_text(event.text))
    if "place" in fields:
        found["location"] = plain_text(event.location)
    if "alarms" in fields:
        found |= {"reminder_is_set": bool(event.alarms), "reminder_minutes_before_start": min(event.alarms, default=0)}
    if "people" in fields:
        found |= _people(event.people, attendees(item) if item is not None else {}, item)
    if "time" in fields:
        found |= span(event.start, event.minutes, _clock(event.start))
        found["beklijf_zone"] = canonical.clock(event.start).key
    if event.recurrence is not None and fields & {"time", "recurrence"}:
        found["recurrence"] = rule(event.recurrence, event.start)
    return found


def before(event: Event) -> str:
    """Return what `from_item` takes for the times of an event whose update was cut off."""
    return canonical.dump(replace(event, title="", text="", location="", people=(), alarms=()))


def span(start: datetime, minutes: int, clock: EWSTimeZone) -> dict[str, Any]:
    end = start.astimezone(UTC) + timedelta(minutes=minutes)
    return {"start": _moment(start, clock), "end": _moment(end, clock)}


def rule(recurrence: Recurrence, start: datetime) -> Rule:
    """Return a rhythm as Exchange has it, with the day of its last meeting as the end."""
    if recurrence.other:
        raise Refused("a rhythm that a person made can be kept, but not written anew")
    last = recurrence.last.astimezone(start.tzinfo)
    return Rule(
        pattern=WeeklyPattern(interval=recurrence.every, weekdays=[start.isoweekday()], first_day_of_week="Monday"),
        boundary=EndDatePattern(start=EWSDate(start.year, start.month, start.day), end=EWSDate(last.year, last.month, last.day)),
    )


def _people(wanted: Iterable[Contact], present: Mapping[str, Item], item: Item) -> dict[str, Any]:
    """Return the lists of attendees: who stays, stays in the list where they are, with what the server knows of them."""
    optional = {each.mailbox.email_address for each in (item.optional_attendees if item is not None else None) or ()}
    lists: dict[str, list[Attendee]] = {"required_attendees": [], "optional_attendees": []}
    for somebody in wanted:
        known = present.get(somebody.email.casefold())
        name = "optional_attendees" if known is not None and known.mailbox.email_address in optional else "required_attendees"
        lists[name].append(_attendee(somebody) if known is None else Attendee(mailbox=known.mailbox, response_type=known.response_type))
    return lists if optional else {"required_attendees": lists["required_attendees"]}


def _attendee(somebody: Contact) -> Attendee:
    plain = contact(somebody)
    return Attendee(mailbox=Mailbox(name=plain.name or None, email_address=mailto(plain.email).removeprefix("mailto:")))


def _clock(start: datetime) -> EWSTimeZone:
    """Return the zone as Exchange knows it; for one that it doesn't know, the event is refused rather than held at other hours."""
    zone = canonical.clock(start)
    try:
        return EWSTimeZone(zone.key)
    except UnknownTimeZone as error:
        raise Refused(f"Windows, and so Exchange, knows no time zone {zone.key}", hint="give the pair a zone of a larger city") from error


def _moment(at: datetime, clock: EWSTimeZone) -> EWSDateTime:
    wall = at.astimezone(ZoneInfo(clock.key))
    return EWSDateTime(wall.year, wall.month, wall.day, wall.hour, wall.minute, wall.second, tzinfo=clock)


# -- single meetings ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Overrides:
    """What is to be done to single meetings, by number in the rhythm (from 1); a cancelled one can't be brought back by itself."""

    cut: tuple[int, ...]
    moved: tuple[tuple[int, Override], ...]
    back: bool
    """One that is cancelled is wanted again: only a new rhythm brings it."""

    def __bool__(self) -> bool:
        return bool(self.cut or self.moved)


def overrides(held: Event, wanted: Event) -> Overrides:
    """Return what makes the single meetings of *held* those of *wanted*, which has the same rhythm."""
    now = {override.at: override for override in held.overrides}
    then = {override.at: override for override in wanted.overrides}
    recurrence_ids = canonical.occurrences(wanted)
    cut, moved, back = [], [], False
    for number, recurrence_id in enumerate(recurrence_ids, 1):
        is_now, to_be = now.get(recurrence_id), then.get(recurrence_id)
        if is_now == to_be or (is_now and to_be and _times(is_now) == _times(to_be)):
            continue
        if is_now is not None and is_now.start is None:
            back = True
        elif to_be is not None and to_be.start is None:
            cut.append(number)
        else:
            moved.append((number, to_be or _as_planned(recurrence_id, wanted)))
    return Overrides(tuple(cut), tuple(moved), back)


def occurrence(master: str, number: int) -> OccurrenceItemId:
    return OccurrenceItemId(id=master, instance_index=number)


def moved(master: str, number: int, override: Override, wanted: Event) -> CalendarItem:
    """Return one meeting at its own time, as an item that has nothing else."""
    assert override.start is not None
    times = span(override.start, override.minutes or wanted.minutes, _clock(wanted.start))
    return CalendarItem(_id=occurrence(master, number), **times)


def _times(override: Override) -> tuple[datetime | None, int]:
    return override.start and override.start.astimezone(UTC), override.minutes if override.start else 0


def _as_planned(recurrence_id: datetime, event: Event) -> Override:
    return Override(recurrence_id, recurrence_id, event.minutes)
