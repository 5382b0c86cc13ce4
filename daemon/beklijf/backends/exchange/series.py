"""Changing a series in an Exchange calendar, where one request can't do it all.

Exchange throws single meetings away when a series gets other times, keeps them or not when its end alone changes, and brings a
cancelled one back with a new rhythm only. So that nobody is told anything that isn't so, and a power cut loses nothing:

    single meetings alone      each by itself: it is told as that meeting, and what a power cut leaves undone is done next time
    all else                   1. a note in the event of when it was before, with the new times if there are any: nobody is told
                               2. the single meetings, whatever the server made of them: nobody is told
                               3. the rest, without the note: everybody is told, once

As long as the note is there, the event counts as what it was before (`from_item.stored`), and is written again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from beklijf.backends.exchange import from_item, times, to_item
from beklijf.model import canonical
from beklijf.model.errors import Missing, Refused

if TYPE_CHECKING:
    from beklijf.backends.exchange.folder import EventFolder
    from beklijf.backends.exchange.times import Item
    from beklijf.model.domain import Event
    from beklijf.model.stored import Stored


def update(folder: EventFolder, item: Item, stored: Stored, wanted: Event, fields: frozenset[str], *, told: bool, about: str) -> None:
    """Make the *fields* of a series those of *wanted*; *item* is what the server holds, *stored* what it counts as."""
    held, _ = times.held(item)
    goal = _goal(stored.event, wanted, fields)
    if goal.overrides != held.overrides and held.recurrence is not None and held.recurrence.other:
        raise Refused(f"{about}: single meetings of a rhythm that a person made can't be written")
    at, noted = (item.id, item.changekey), bool(item.beklijf_before)
    retimed = "time" in fields or _rhythm(goal) != _rhythm(held)
    differ = to_item.overrides(held, goal)
    rest = fields - {"single"}
    if (retimed or differ.back) and (held.overrides or goal.overrides):
        _retime(folder, at, stored, goal, again=differ.back and not retimed, about=about)
        at, noted, rest = (item.id, ""), True, rest - {"time", "recurrence"}
    elif retimed:
        rest |= {"time", "recurrence"}
        wanted = replace(wanted, start=goal.start, minutes=goal.minutes, recurrence=goal.recurrence)
    elif differ:
        alone = fields == {"single"} and not noted
        if told and stored.event.people and not alone and not noted:
            at, noted = folder.change(at, {"beklijf_before": to_item.before(stored.event)}, told=False, about=about), True
        write_overrides(folder, item.id, held, goal, told=told and alone and from_item.was_sent(item), about=about)
        at = (item.id, "")
    if noted or rest or not fields:
        finish(folder, at, wanted, rest, item, noted=noted, told=told, about=about)


def finish(
    folder: EventFolder,
    at: tuple[str, str],
    wanted: Event,
    fields: frozenset[str],
    item: Item,
    *,
    noted: bool = False,
    told: bool,
    about: str,
) -> None:
    """Write what one request can write, and let it be the one that people hear of."""
    values: dict[str, Any] = to_item.values(wanted, fields, item)
    if noted:
        values["beklijf_before"] = None
    if not values:  # an announcement says the same once more
        values["beklijf_uid"] = wanted.uid
    folder.change(at, values, told=told and bool(wanted.people or item.required_attendees), about=about)


def write_overrides(folder: EventFolder, key: str, held: Event, goal: Event, *, told: bool, about: str) -> None:
    """Make the single meetings those of *goal*, where none is to be brought back."""
    differ = to_item.overrides(held, goal)
    if differ.cut:
        for error in folder.remove([to_item.occurrence(key, number) for number in differ.cut], told=told):
            if not isinstance(error, Missing):
                raise error
    if differ.moved:
        folder.move([to_item.moved(key, number, override, goal) for number, override in differ.moved], told=told, about=about)


def _retime(folder: EventFolder, at: tuple[str, str], stored: Stored, goal: Event, *, again: bool, about: str) -> None:
    """Note what was before, give a series its times, and then its single meetings."""
    assert goal.recurrence is not None
    values = to_item.values(goal, frozenset({"time", "recurrence"}))
    note = {"beklijf_before": to_item.before(stored.event)}
    if again:  # the same rhythm once more changes nothing, so it is another one for a moment
        other = to_item.rule(replace(goal.recurrence, every=goal.recurrence.every + 1), goal.start)
        at = folder.change(at, note | {"recurrence": other}, told=False, about=about)
    folder.change(at, note | values, told=False, about=about)
    held, _ = times.held(folder.current(at[0]))
    if to_item.overrides(held, goal).back and not again:
        _retime(folder, (at[0], ""), stored, goal, again=True, about=about)
    else:
        write_overrides(folder, at[0], held, goal, told=False, about=about)


def _goal(stored: Event, wanted: Event, fields: frozenset[str]) -> Event:
    """Return *stored* with the *fields* of when it takes place as *wanted* has them."""
    found = stored
    if "time" in fields:
        found = replace(found, start=wanted.start, minutes=wanted.minutes)
    if "recurrence" in fields:
        found = replace(found, recurrence=wanted.recurrence or stored.recurrence)
    overrides = wanted.overrides if fields & {"time", "single"} else stored.overrides
    if found.recurrence is not None and found.recurrence.other:
        return replace(found, overrides=overrides)
    recurrence_ids = set(canonical.occurrences(found))
    return replace(found, overrides=tuple(override for override in overrides if override.at in recurrence_ids))


def _rhythm(event: Event) -> object:
    return event.start.timestamp(), event.minutes, event.recurrence
