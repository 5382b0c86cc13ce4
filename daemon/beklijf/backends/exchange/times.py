"""When an event of an Exchange calendar is: zones, rhythms, single meetings. Reads items as exchangelib has them, and writes nothing.

Zones go by instants: Exchange knows its own kind only, and hands back another one of the same hours.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from exchangelib.recurrence import EndDatePattern, NumberedPattern, WeeklyPattern  # type: ignore[import-untyped]  # it has no types

from beklijf.backends.exchange.errors import STUMBLES
from beklijf.ical.reader import FOREVER, WEEKDAYS, lasting
from beklijf.model import canonical
from beklijf.model.domain import Contact, Event, Override, Recurrence
from beklijf.model.stored import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

Item: TypeAlias = Any
"""A `CalendarItem`, or one of its parts; exchangelib has no types."""

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MOST_STEPS = 520
"""A rule with more meetings than this is endless in all but name."""


def exceptions(item: Item) -> dict[str, datetime]:
    """Return the ids of the single meetings that have a word of their own, with their RECURRENCE-IDs (UTC)."""
    return {each.id: instant(each.original_start) for each in item.modified_occurrences or () if each.id and each.original_start}


def instant(value: datetime) -> datetime:
    """Return a time of the library's own kind as any other one; those can't be asked for another zone than its own."""
    return datetime.fromtimestamp(value.timestamp(), UTC)


@contextmanager
def readable(name: object) -> Iterator[None]:
    """Let what nobody expected in an item of that name be `Unreadable`: it is no trouble of the others."""
    try:
        yield
    except STUMBLES as error:
        raise Unreadable(f"{name or 'an event'}: cannot be read ({error!r:.300})") from error


def held(item: Item) -> tuple[Event, frozenset[datetime]]:
    """Return when *item* takes place, and all places of its rhythm (UTC), whatever a cut off update says that it was before.

    Raises `Unreadable`.
    """
    with readable(item.uid):
        return _held(item)


def _held(item: Item) -> tuple[Event, frozenset[datetime]]:
    if item.is_all_day or not isinstance(item.start, datetime) or not isinstance(item.end, datetime):
        raise Unreadable(f"{item.uid}: a whole day where a time was expected")
    start = instant(item.start)
    minutes = lasting(start, instant(item.end))
    zone, recurrence = _rhythm(item, start)
    event = Event(
        uid="",
        start=start.astimezone(zone),
        minutes=minutes,
        recurrence=recurrence,
        overrides=(),
        title="",
        text="",
        location="",
        organizer=Contact("", ""),
        people=(),
        alarms=(),
        free=False,
    )
    if recurrence is None:
        return event, frozenset()
    recurrence_ids = _known_recurrence_ids(item) if recurrence.other else frozenset(canonical.occurrences(event))
    return replace(event, overrides=tuple(_overrides(item, event, recurrence_ids))), recurrence_ids


def _rhythm(item: Item, start: datetime) -> tuple[ZoneInfo, Recurrence | None]:
    """Return the zone in whose wall time the event is kept, and its recurrence.

    That is the pair's own zone, which we noted, as long as it has the hours of the one that the server goes by: a person
    may have moved the series by a clock elsewhere.
    """
    theirs, noted = _zone(item._start_timezone.key if item._start_timezone else ""), _zone(item.beklijf_zone or "")  # noqa: SLF001
    zone = theirs or noted or ZoneInfo("UTC")
    if item.recurrence is None:
        return noted or zone, None
    recurrence = _recurrence(item, start.astimezone(zone))
    if noted and not recurrence.other and _same_hours(noted, start.astimezone(zone), recurrence):
        zone = noted
    return zone, recurrence


def _same_hours(zone: ZoneInfo, start: datetime, recurrence: Recurrence) -> bool:
    """Tell whether all meetings of a rhythm that begins at *start* are at the same hours in *zone*."""
    at = start
    while at.astimezone(UTC) <= recurrence.last:
        if at.astimezone(zone).replace(tzinfo=None) != at.replace(tzinfo=None):
            return False
        at += timedelta(weeks=recurrence.every)
    return True


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None  # a zone of a later tzdata, or none at all


def _recurrence(item: Item, start: datetime) -> Recurrence:
    pattern, boundary = item.recurrence.pattern, item.recurrence.boundary
    if getattr(pattern, "interval", 1) < 1:  # a yearly rule has none
        raise Unreadable(f"{item.uid}: a rule without an interval")
    if isinstance(pattern, WeeklyPattern) and not pattern.weekdays:  # the library passes over days that it doesn't know
        raise Unreadable(f"{item.uid}: a weekly rule without days")
    if isinstance(pattern, WeeklyPattern) and _days(pattern) == (WEEKDAYS[start.weekday()],):
        steps = _MOST_STEPS + 1
        if isinstance(boundary, EndDatePattern):
            steps = max(0, (_date(boundary.end) - start.date()).days // (7 * pattern.interval))
        elif isinstance(boundary, NumberedPattern):
            steps = boundary.number - 1
        if steps <= _MOST_STEPS:
            return Recurrence(every=pattern.interval, last=(start + timedelta(weeks=pattern.interval * steps)).astimezone(UTC))
    return Recurrence(every=0, last=_bound(item, start), other=_spelt(item))


def _days(pattern: Item) -> tuple[str, ...]:
    return tuple(WEEKDAYS[(day if isinstance(day, int) else _DAYS.index(day) + 1) - 1] for day in pattern.weekdays or ())


def _date(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def _bound(item: Item, start: datetime) -> datetime:
    """Return an instant after which a person's rule has no meeting any more, maybe later than needed."""
    boundary = item.recurrence.boundary
    if isinstance(boundary, EndDatePattern) and _date(boundary.end) < FOREVER.date():
        return datetime.combine(_date(boundary.end) + timedelta(days=1), datetime.min.time(), start.tzinfo).astimezone(UTC)
    if isinstance(boundary, NumberedPattern) and 366 * boundary.number < (FOREVER - start).days:
        return (start + timedelta(days=366 * boundary.number)).astimezone(UTC)
    return FOREVER


def _spelt(item: Item) -> str:
    """Return a rule that is not ours as text: the same for the same rule, and for nothing else."""
    parts = [f"{name}={value}" for part in (item.recurrence.pattern, item.recurrence.boundary) for name, value in _values(part)]
    return ";".join(parts).upper()


def _values(part: Item) -> Iterator[tuple[str, str]]:
    yield "RULE", type(part).__name__.removesuffix("Pattern")
    for field in type(part).FIELDS:
        if field.name != "start":
            value = getattr(part, field.name)
            yield field.name, ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _known_recurrence_ids(item: Item) -> frozenset[datetime]:
    """Return the places that a rule of another kind is known to have: those of the meetings with a word of their own."""
    return frozenset(exceptions(item).values()) | {instant(each.start) for each in item.deleted_occurrences or () if each.start}


def _overrides(item: Item, event: Event, recurrence_ids: frozenset[datetime]) -> Iterator[Override]:
    """Yield what became of single meetings; of one that only has an answer of its own, nothing did."""
    by_day = {recurrence_id.astimezone(event.start.tzinfo).date(): recurrence_id for recurrence_id in recurrence_ids}
    found: dict[datetime, Override] = {}
    for each in item.modified_occurrences or ():
        recurrence_id = by_day.get(instant(each.original_start).astimezone(event.start.tzinfo).date()) if each.original_start else None
        if recurrence_id is None or not each.start or not each.end:
            continue
        start = instant(each.start)
        minutes = lasting(start, instant(each.end))
        if (start, minutes) != (recurrence_id, event.minutes):
            found[recurrence_id] = Override(recurrence_id, start.astimezone(event.start.tzinfo), minutes)
    for each in item.deleted_occurrences or ():
        if each.start and (recurrence_id := by_day.get(instant(each.start).astimezone(event.start.tzinfo).date())):
            found[recurrence_id] = Override(recurrence_id, None)
    yield from (found[recurrence_id] for recurrence_id in sorted(found))
