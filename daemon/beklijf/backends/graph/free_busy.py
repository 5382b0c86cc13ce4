"""When people can't, by Graph's ``getSchedule``: of its answer only the view of free and taken slots is read, which has no titles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from beklijf.backends.graph.to_json import wired
from beklijf.backends.graph.wire import Part
from beklijf.model.conversation import Busy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from beklijf.backends.graph.from_json import Json
    from beklijf.backends.graph.wire import Wire
    from beklijf.model.domain import Person

AT_ONCE = 20
"""People a request, as documented; more are refused from a hundred on."""
LONGEST = timedelta(days=62)
_SLOT = timedelta(minutes=15)
"""What is taken in part is taken whole; meetings of ours begin at a quarter."""
_FREE = frozenset("04")
"""Free, and working elsewhere; taken are tentative (what is not answered is that, too), busy, away."""


def busy(wire: Wire, people: Sequence[Person], start: datetime, end: datetime) -> dict[str, tuple[Busy, ...]]:
    """Return by key who can't when; who is missing, the server doesn't tell of. One request for 400 people and two months."""
    groups = [people[n : n + AT_ONCE] for n in range(0, len(people), AT_ONCE)]
    windows = list(_windows(start.astimezone(UTC), end.astimezone(UTC)))
    asked = [(group, window) for group in groups for window in windows]
    parts = [Part(method="POST", path=f"{wire.root}/calendar/getSchedule", body=_question(*each)) for each in asked]
    told: dict[str, list[Busy] | None] = {}
    for (group, window), reply in zip(asked, wire.batch(parts), strict=True):
        views = {str(each.get("scheduleId")).casefold(): each for each in wire.values(wire.rest.judge(reply, "asking who is busy"))}
        for person in group:
            taken = _taken(views.get(wired(person.email.casefold()), {}), *window)
            before = told.get(person.key, [])
            told[person.key] = None if taken is None or before is None else before + taken
    return {key: tuple(_joined(times, start, end)) for key, times in told.items() if times is not None}


def _windows(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    at = start - (start - datetime.min.replace(tzinfo=UTC)) % _SLOT
    while at < end:
        until = min(at + LONGEST, end + (datetime.min.replace(tzinfo=UTC) - end) % _SLOT)
        yield at, until
        at = until


def _question(people: Sequence[Person], window: tuple[datetime, datetime]) -> Mapping[str, object]:
    return {
        "schedules": [wired(person.email.casefold()) for person in people],
        "startTime": _utc(window[0]),
        "endTime": _utc(window[1]),
        "availabilityViewInterval": _SLOT // timedelta(minutes=1),
    }


def _utc(at: datetime) -> Json:
    return {"dateTime": f"{at:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"}


def _taken(said: Json, start: datetime, end: datetime) -> list[Busy] | None:
    """Return the taken times of one person between two instants; None where there is an error instead, or no such view."""
    view = said.get("availabilityView")
    if said.get("error") or not view or not isinstance(view, str) or len(view) > (end - start) // _SLOT:
        return None
    found, at = [], start
    for taken, slots in groupby(view, key=lambda slot: slot not in _FREE):
        until = at + _SLOT * sum(1 for _ in slots)
        if taken:
            found.append(Busy(at, until))
        at = until
    return found


def _joined(times: list[Busy], start: datetime, end: datetime) -> Iterator[Busy]:
    """Yield *times* within the window, those that a limit of the server cut in two as one again."""
    last: Busy | None = None
    for each in times:
        one = Busy(max(each.start, start), min(each.end, end))
        if one.start >= one.end:
            continue
        if last is not None and last.end == one.start:
            last = Busy(last.start, one.end)
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last
