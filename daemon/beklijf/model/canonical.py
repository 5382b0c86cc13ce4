"""Events as text and back: one value, one spelling, so that equal events are equal strings in the ledger.

Knows nothing of iCalendar: that is ``ical.ics``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from beklijf.model.domain import Contact, Event, Override, Recurrence

_UTC = ZoneInfo("UTC")


def dump(event: Event) -> str:
    """Return the one spelling of *event*; wall time and zone are kept, since a rhythm lives in wall time."""
    recurrence = event.recurrence
    return json.dumps(
        {
            "uid": event.uid,
            "start": _wall(event.start),
            "minutes": event.minutes,
            "recurrence": None if recurrence is None else [recurrence.every, _utc(recurrence.last), recurrence.other],
            "singles": [[_utc(s.at), None if s.start is None else _wall(s.start), s.minutes] for s in event.overrides],
            "title": event.title,
            "text": event.text,
            "place": event.location,
            "organizer": [event.organizer.name, event.organizer.email],
            "people": [[c.name, c.email] for c in event.people],
            "alarms": list(event.alarms),
            "free": event.free,
            **({"online": True} if event.online else {}),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


@lru_cache(maxsize=512)  # those of one group, and then some
def load(text: str) -> Event:
    """Return the event that `dump` wrote."""
    raw: dict[str, Any] = json.loads(text)
    recurrence = raw["recurrence"]
    return Event(
        uid=raw["uid"],
        start=_unwall(raw["start"]),
        minutes=raw["minutes"],
        recurrence=None if recurrence is None else Recurrence(recurrence[0], _instant(recurrence[1]), recurrence[2]),
        overrides=tuple(
            Override(_instant(at), None if start is None else _unwall(start), minutes) for at, start, minutes in raw["singles"]
        ),
        title=raw["title"],
        text=raw["text"],
        location=raw["place"],
        organizer=Contact(*raw["organizer"]),
        people=tuple(Contact(*c) for c in raw["people"]),
        alarms=tuple(raw["alarms"]),
        free=raw["free"],
        online=raw.get("online", False),
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


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


@lru_cache(maxsize=8192)
def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
