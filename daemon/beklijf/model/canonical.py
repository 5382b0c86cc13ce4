"""Events as text and back: one value, one spelling, so that equal events are equal strings in the ledger.

Knows nothing of iCalendar: that is ``ical.ics``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from beklijf.model.domain import Contact, Event, Override, Recurrence

_UTC = ZoneInfo("UTC")
_OTHER_RULES = timedelta(hours=1)
"""By how much an hour is another instant where other rules of its zone hold."""


def dump(event: Event) -> str:
    """Return the one spelling of *event*; wall time and zone are kept, since a rhythm lives in wall time."""
    recurrence = event.recurrence
    last = recurrence and (_utc(recurrence.last) if recurrence.other else _hour(recurrence.last, event.start))
    return json.dumps(
        {
            "uid": event.uid,
            "start": _wall(event.start),
            "minutes": event.minutes,
            "recurrence": None if recurrence is None else [recurrence.every, last, recurrence.other],
            "singles": [[_hour(s.at, event.start), s.start and _moved(s.start, event.start), s.minutes] for s in event.overrides],
            "title": event.title,
            "text": event.text,
            "place": event.location,
            "organizer": [event.organizer.name, event.organizer.email],
            "people": [[c.name, c.email] for c in event.people],
            "alarms": list(event.alarms),
            "free": event.free,
            **({"online": True} if event.online else {}),
            **({"clock": event.clock} if event.clock else {}),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def says(text: str, event: Event) -> bool:
    """Tell whether *text* is *event*, be it as a ledger of before spelt it."""
    return kept(text, event) == text


def kept(text: str, event: Event) -> str:
    """Return the spelling of *event*: *text*, where it says that already."""
    spelt = dump(event)
    return text if spelt in {text, dump(load(text))} else spelt


@lru_cache(maxsize=512)  # those of one group, and then some
def load(text: str) -> Event:
    """Return the event that `dump` wrote."""
    raw: dict[str, Any] = json.loads(text)
    recurrence = raw["recurrence"]
    start = _unwall(raw["start"])
    weekly = recurrence is not None and not recurrence[2]
    return Event(
        uid=raw["uid"],
        start=start,
        minutes=raw["minutes"],
        recurrence=None if recurrence is None else Recurrence(recurrence[0], _at(recurrence[1], start, weekly=weekly), recurrence[2]),
        overrides=tuple(_override(single, start, weekly=weekly) for single in raw["singles"]),
        title=raw["title"],
        text=raw["text"],
        location=raw["place"],
        organizer=Contact(*raw["organizer"]),
        people=tuple(Contact(*c) for c in raw["people"]),
        alarms=tuple(raw["alarms"]),
        free=raw["free"],
        online=raw.get("online", False),
        clock=raw.get("clock", ""),
    )


def occurrences(event: Event) -> tuple[datetime, ...]:
    """Return where the rule of *event* has its meetings, cancelled and moved ones included, as instants in UTC.

    Steps in wall time, so a meeting at ten stays at ten over both DST changes. A human's own RRULE is none of ours:
    it counts as its first meeting only.
    """
    recurrence = event.recurrence
    if recurrence is None or recurrence.other or not recurrence.every:
        return (event.start.astimezone(UTC),)
    step = timedelta(weeks=recurrence.every)
    found, at = [], event.start
    while (instant := at.astimezone(UTC)) <= recurrence.last:
        found.append(instant)
        at += step
    return tuple(found)


def place(at: datetime, start: datetime, recurrence: Recurrence | None) -> datetime:
    """Return the place (UTC) that is called *at* in a series that begins at *start*: its hour on that day, by today's rules.

    Who spells a place as an instant may go by other rules of the zone than we do: an hour too early or too late it is the same
    meeting. What is further off is left as it is, and so is what a human's rule has.
    """
    if recurrence is None or recurrence.other:
        return at.astimezone(UTC)
    return _by_todays_rules(at, start)


def _by_todays_rules(at: datetime, start: datetime) -> datetime:
    local = at.astimezone(start.tzinfo)
    near = (datetime.combine(local.date() + timedelta(days=n), start.time(), start.tzinfo).astimezone(UTC) for n in (0, -1, 1))
    return next((each for each in near if abs(each - at) <= _OTHER_RULES), at.astimezone(UTC))


def reckoned(event: Event) -> str:
    """Return the rules of the zone of *event* over its days: from which day on which offset, and the last day; empty in UTC."""
    zone = event.start.tzinfo
    if not isinstance(zone, ZoneInfo) or zone.key == _UTC.key:
        return ""
    starts = [at.astimezone(zone) for at in occurrences(event)]
    first, *later = starts
    said = [f"{first:%Y-%m-%d %z}"]
    said += [f"{at:%Y-%m-%d %z}" for before, at in pairwise(starts) if at.utcoffset() != before.utcoffset()]
    return ", ".join([*said, f"{later[-1]:%Y-%m-%d}"] if later else said)


def is_reckoned_anew(event: Event, now: datetime) -> bool:
    """Tell whether a meeting of *event* that lies ahead is at another instant than by the rules by which it was written."""
    if not event.clock:
        return False
    said = [each.partition(" ") for each in event.clock.split(", ")]
    for at in occurrences(event) if event.clock != reckoned(event) else ():
        local = at.astimezone(event.start.tzinfo)
        day = f"{local:%Y-%m-%d}"
        offset = next((offset for since, _, offset in reversed(said) if offset and since <= day), "")
        if at > now and day <= said[-1][0] and offset not in {"", f"{local:%z}"}:
            return True
    return False


def actual_start(event: Event, recurrence_id: datetime) -> datetime | None:
    """Return when the meeting that the rhythm has at *recurrence_id* really takes place; None when it is cancelled."""
    override = next((override for override in event.overrides if override.at == recurrence_id), None)
    if override is None:
        return recurrence_id
    return None if override.start is None else override.start.astimezone(UTC)


def meetings(event: Event) -> tuple[datetime, ...]:
    """Return the instants at which *event* really takes place, in order."""
    overrides = {s.at: s for s in event.overrides}
    starts = (overrides[at].start if at in overrides else at for at in occurrences(event))
    return tuple(sorted(at.astimezone(UTC) for at in starts if at is not None))


def clock(at: datetime, own: ZoneInfo = _UTC) -> ZoneInfo:
    """Return the zone in whose wall time *at* is kept; *own*, the pair's, where a program wrote UTC, which is nobody's wall time."""
    return at.tzinfo if isinstance(at.tzinfo, ZoneInfo) and at.tzinfo.key != _UTC.key else own


def spelt(at: datetime) -> list[str]:
    """Return wall time and zone as text: a meeting is at an hour, not at an instant."""
    return _wall(at)


def unspelt(pair: list[str]) -> datetime:
    return _unwall(pair)


def _wall(at: datetime) -> list[str]:
    # an offset without a zone name (a foreign VTIMEZONE) is kept as the instant that it means
    if not isinstance(at.tzinfo, ZoneInfo):
        at = at.astimezone(UTC)
    zone = at.tzinfo
    return [at.replace(tzinfo=None).isoformat(), zone.key if isinstance(zone, ZoneInfo) else "UTC"]


def _unwall(pair: list[str]) -> datetime:
    zone = UTC if pair[1] == "UTC" else ZoneInfo(pair[1])
    return datetime.fromisoformat(pair[0]).replace(tzinfo=zone)


def _hour(at: datetime, start: datetime) -> str:
    """Return a place in a series that begins at *start* as the wall time that it is there, whatever rules its zone may get."""
    zone = start.tzinfo if isinstance(start.tzinfo, ZoneInfo) else UTC
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def _moved(at: datetime, start: datetime) -> list[str]:
    return _wall(at.astimezone(clock(at, start.tzinfo if isinstance(start.tzinfo, ZoneInfo) else _UTC)))


def _at(text: str, start: datetime, *, weekly: bool) -> datetime:
    """Return the instant of a place; ledgers of before 0.4 have it as an instant by the rules of then (with a Z)."""
    if not text.endswith("Z"):
        return datetime.fromisoformat(text).replace(tzinfo=start.tzinfo).astimezone(UTC)
    return _by_todays_rules(_instant(text), start) if weekly else _instant(text)


def _override(single: tuple[str, list[str] | None, int], start: datetime, *, weekly: bool) -> Override:
    text, moved, minutes = single
    at = _at(text, start, weekly=weekly)
    if moved is None:
        return Override(at, None, minutes)
    shifted = at - _instant(text) if text.endswith("Z") and moved[1] == "UTC" else timedelta()
    return Override(at, _unwall(moved) + shifted, minutes)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


@lru_cache(maxsize=8192)
def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
