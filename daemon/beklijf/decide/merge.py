"""The three-way merge of one event, field by field. Pure: it compares values and decides; it writes nothing.

*asked* is what planning last wanted, *seen* what the calendar held after the last tick, *server* what it holds now,
*desired* what planning wants now.

    ours changed        theirs changed     field is a human's   what happens
    desired != asked    server != seen     seen != asked
    ------------------  -----------------  -------------------  ------------------------------------------------------
    desired == server   (either)           (either)             agreed: asked, seen := that
    no                  no                 -                    nothing
    yes                 no                 no                   written: asked, seen := desired
    no                  yes                -                    theirs stays: seen := server
    yes                 yes or no          yes, or just now     theirs stays, asked := desired, reported as *refused*

The first row is what makes a crash harmless: a write that was made and not recorded is found to be agreed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from beklijf.model import canonical
from beklijf.model.canonical import occurrences
from beklijf.model.domain import Override
from beklijf.model.stored import attribute

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, tzinfo

    from beklijf.model.domain import Event


_CHANGE = timedelta(hours=2)
"""The most that a clock is changed by at once."""
_MOST_WEEKS = 520
"""Of which the clocks are compared: a longer series is endless in all but name."""


def name(field: str) -> str:
    """Return the field's name in the calendars' contract: every ``single:<instant>`` is written as ``single``."""
    return field.partition(":")[0]


def single_field(at: datetime) -> str:
    """Return the name of the field that is one meeting of a series."""
    return f"single:{at.astimezone(UTC):%Y%m%dT%H%MZ}"


def past(field: str, now: datetime) -> bool:
    """Tell whether *field* is a single meeting that has been."""
    return name(field) == "single" and field.partition(":")[2] <= f"{now.astimezone(UTC):%Y%m%dT%H%MZ}"


def fields(event: Event, until: datetime | None = None) -> dict[str, object]:
    """Return *event* as comparable values by field; each single meeting of a series is a field of its own.

    With *until* its clock from its start until then is part of its time.
    """
    values: dict[str, object] = {
        "time": (_hours(event, until) if until else event.start.astimezone(UTC), event.minutes),
        "recurrence": event.recurrence,
        "place": event.location,
        "people": frozenset(c.email.casefold() for c in event.people),
        "title": event.title,
        "text": event.text,
        "alarms": event.alarms,
        "online": event.online,
    }
    for override in event.overrides:
        values[single_field(override.at)] = (override.start and override.start.astimezone(UTC), override.start and override.minutes)
    return values


def differences(one: Event, other: Event) -> frozenset[str]:
    """Return the fields in which the two differ."""
    if one == other and one.start.tzinfo == other.start.tzinfo:
        return frozenset()
    until = _end(one, other)
    a, b = fields(one, until), fields(other, until)
    return frozenset(field for field in a.keys() | b.keys() if a.get(field) != b.get(field))


def are_elsewhere(one: Event, other: Event) -> bool:
    """Tell whether the two begin at another instant, or go by another clock from there on."""
    until = _end(one, other)
    return _hours(one, until) != _hours(other, until)


def _end(*events: Event) -> datetime:
    """Return when the last of these series ends, a human's rule left aside."""
    ends = (event.recurrence.last for event in events if event.recurrence is not None and not event.recurrence.other)
    return max(ends, default=events[0].start)


def _hours(event: Event, until: datetime) -> tuple[datetime, tuple[timedelta, ...]]:
    """Return when *event* begins, and how its clock goes from there; zones of the same clock have the same, whatever their names."""
    if event.recurrence is None:
        return event.start.astimezone(UTC), ()
    return event.start.astimezone(UTC), _clock(event.start.replace(tzinfo=None), event.start.tzinfo, until.astimezone(UTC))


@lru_cache(maxsize=4096)
def _clock(start: datetime, zone: tzinfo | None, until: datetime) -> tuple[timedelta, ...]:
    """Return by how much each week is off from the first; by wall time and zone, since equal instants are one key."""
    first = start.replace(tzinfo=zone)
    last = min((until - first.astimezone(UTC) + _CHANGE) // timedelta(weeks=1), _MOST_WEEKS)
    began = first.utcoffset() or timedelta()
    return tuple((each.utcoffset() or timedelta()) - began for each in (first + timedelta(weeks=n) for n in range(1, last + 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What the merge decided: the new asked and seen, and which fields to write into the calendar to get there."""

    asked: Event
    seen: Event
    write: frozenset[str]
    """Our fields, by the names of the calendars' contract; empty when nothing is to be written."""
    theirs: frozenset[str]
    """What humans changed since the last tick."""
    refused: frozenset[str]
    """What we wanted changed but a human owns; told in ``status`` until restored."""


def merge(*, asked: Event, seen: Event, server: Event, desired: Event, now: datetime) -> Merged:
    """Merge one event that is in the ledger and in the calendar; the past of a series is left as it is."""
    until = _end(desired, asked, seen, server)
    d, a, s, v = (fields(event, until) for event in (desired, asked, seen, server))
    ours: set[str] = set()
    agreed: set[str] = set()
    theirs = {f for f in s.keys() | v.keys() if s.get(f) != v.get(f)}
    refused: set[str] = set()
    for field in d.keys() | a.keys():
        if d.get(field) == a.get(field) or past(field, now):
            continue
        if d.get(field) == v.get(field):
            agreed.add(field)
        elif field in theirs or s.get(field) != a.get(field):
            refused.add(field)
        else:
            ours.add(field)
    if "time" in ours and _people_moved(asked, server, now):
        # Re-timing a series would throw away the meetings that people moved by hand.
        refused |= ours & {"time", "recurrence"} | {f for f in ours if name(f) == "single"}
        ours -= refused
    if "time" in ours and desired.recurrence is not None and desired.recurrence == server.recurrence:
        ours.add("recurrence")  # it ends where it did: a calendar that is told of the time alone keeps the number of meetings
    return Merged(
        asked=take(asked, desired, ours | agreed | refused),
        seen=take(server, desired, ours),
        write=frozenset(name(field) for field in ours),
        theirs=frozenset(theirs),
        refused=frozenset(refused),
    )


def take(base: Event, other: Event, wanted: Iterable[str]) -> Event:
    """Return *base* with the *wanted* fields as *other* has them."""
    changes: dict[str, object] = {}
    overrides = {override.at: override for override in base.overrides}
    theirs = {override.at: override for override in other.overrides}
    names = set(wanted)
    for field in names:
        match name(field):
            case "time":
                changes |= {"start": other.start, "minutes": other.minutes}
            case "single":
                pass
            case plain:
                changes[attribute(plain)] = getattr(other, attribute(plain))
    if "time" in names:
        overrides = theirs
    else:
        for at in overrides.keys() | theirs.keys():
            if single_field(at) in names:
                _put(overrides, at, theirs.get(at))
    ordered = tuple(overrides[at] for at in sorted(overrides))
    return replace(base, overrides=ordered, **changes)  # type: ignore[arg-type]  # the names are Event's own, from `fields`


def as_configured(event: Event, emails: Mapping[str, str]) -> Event:
    """Return *event* with its attendees under the addresses of the config; *emails* has those by every address of a person.

    Exchange hands back a mailbox's main address, whatever alias was invited: that is nobody's edit.
    """
    there = {contact.email.casefold() for contact in event.people}
    people = [
        replace(contact, email=email) if (email := emails.get(contact.email.casefold())) and email.casefold() not in there else contact
        for contact in event.people
    ]
    return replace(event, people=tuple(sorted(people, key=lambda contact: contact.email.casefold())))


def as_named(event: Event, asked: Event) -> Event:
    """Return *event* in the zone that was asked for, where it has a clock of its own without a name, and that has the same hours.

    With the rules by which it was written, which no calendar tells.
    """
    event = replace(event, clock=asked.clock)
    if isinstance(event.start.tzinfo, ZoneInfo):
        return event
    named = replace(event, start=event.start.astimezone(asked.start.tzinfo))
    return replace(event, start=event.start.astimezone(ZoneInfo("UTC"))) if are_elsewhere(event, named) else named


def reckoned(merged: Merged, *, anew: bool) -> Merged:
    """Return *merged* with the rules by which it will be written, if it is; *anew*: they are others, and that is all that it takes."""
    write = merged.write | ({"time"} if anew else frozenset())
    return replace(merged, write=write, asked=replace(merged.asked, clock=canonical.reckoned(merged.asked)) if write else merged.asked)


def half_made(asked: Event, server: Event) -> Event | None:
    """Return *asked* as far as it came, where its making was cut off; None when the calendar has all of it.

    Some servers are given the days off first and the attendees last (Exchange). Nobody knows of such an event yet: what is
    missing in it was nobody's edit.
    """
    if not asked.people or server.people:
        return None
    return take(asked, server, {"people", *(field for field in differences(asked, server) if name(field) == "single")})


def human_fields(asked: Event, seen: Event) -> frozenset[str]:
    """Return the fields that belong to a human: what the calendar holds is not what we asked for."""
    return differences(asked, seen)


def rebase(desired: Event, onto: Event, now: datetime) -> Event | None:
    """Return *desired* as a continuation of the begun series *onto*, or None when it can't be one.

    The past stays: a series of which a meeting has been keeps its start and what happened to its past meetings. Only what
    lies ahead may differ, and only in which meetings are held and in where it ends.
    """
    if onto.recurrence is None or onto.recurrence.other or onto.minutes != desired.minutes:
        return None
    taking_place = set(occurrences(desired)) - {override.at for override in desired.overrides}
    ahead = sorted(at for at in taking_place if at > now)
    every = desired.recurrence.every if desired.recurrence else onto.recurrence.every
    to_come = [at for at in occurrences(desired) if at > now]  # the last may be cancelled: a paused one is, and shortens nothing
    last = to_come[-1] if to_come else max((at for at in occurrences(onto) if at <= now), default=onto.recurrence.last)
    carrier = replace(onto, recurrence=replace(onto.recurrence, every=every, last=last))
    recurrence_ids = occurrences(carrier)
    if not set(ahead) <= set(recurrence_ids):
        return None
    past = tuple(override for override in onto.overrides if override.at <= now)
    # a series that had ended and goes on longer gets no meetings in between after the fact
    off = tuple(Override(at, None) for at in recurrence_ids if (at > now and at not in taking_place) or onto.recurrence.last < at <= now)
    return replace(desired, start=onto.start, recurrence=carrier.recurrence, overrides=past + off)


def ended(event: Event, now: datetime) -> Event | None:
    """Return *event* without what lies ahead; None when nothing of it has been."""
    past = [at for at in occurrences(event) if at <= now]
    if not past:
        return None
    if event.recurrence is None:
        return event
    kept = tuple(override for override in event.overrides if override.at <= now)
    return replace(event, recurrence=replace(event.recurrence, last=past[-1]), overrides=kept)


def _put(overrides: dict[datetime, Override], at: datetime, override: Override | None) -> None:
    if override is None:
        overrides.pop(at, None)
    else:
        overrides[at] = override


def _people_moved(asked: Event, server: Event, now: datetime) -> bool:
    ours = set(asked.overrides)
    return any(override not in ours and override.at > now for override in server.overrides)
