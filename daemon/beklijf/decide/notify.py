"""Who is told what: the difference between what the attendees know of an event and what it is now. Pure.

    what changed since they were told            who gets what (RFC 5546)
    -------------------------------------------  -----------------------------------------------------------------------
    nothing was told yet                         everybody: REQUEST
    somebody came                                that person: REQUEST; the others only when it is another person
    somebody left                                that person: CANCEL
    time, rhythm, end or place                   everybody who stays: REQUEST of the whole
    one meeting of a series                      everybody who stays: REQUEST about that meeting, with the whole series in it
    several meetings that take place after all   everybody who stays: REQUEST of the whole, once (a pause is over)
    title, text, alarms                          nobody

Where a server invites, it does all this itself and nothing of here is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from beklijf.decide import merge
from beklijf.model.stored import ANNOUNCED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from beklijf.model.domain import Contact, Event

About = Literal["invitation", "update", "cancelled", "left"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """One message to one attendee."""

    method: Literal["REQUEST", "CANCEL"]
    contact: Contact
    about: About
    recurrence_id: datetime | None = None
    """Where the rhythm had the one meeting that it is about."""


def announced_fields(fields: Iterable[str], now: datetime) -> frozenset[str]:
    """Return those of *fields* that people are told about; what became of a past meeting is nobody's news."""
    return frozenset(f for f in fields if merge.name(f) in ANNOUNCED and not merge.past(f, now))


def tells(announced: Event | None, event: Event, *, now: datetime, same_persons: bool = False, anew: bool = False) -> tuple[Tell, ...]:
    """Return what brings the attendees from *announced* to *event*; *same_persons*: only an address is new.

    *anew*: the clocks of its zone follow other rules than everybody was told.
    """
    if announced is None:
        return tuple(Tell(method="REQUEST", contact=contact, about="invitation") for contact in event.people)
    changed = announced_fields(merge.differences(announced, event) | ({"time"} if anew else frozenset()), now)
    if not changed:
        return ()
    before = {c.email.casefold(): c for c in announced.people}
    after = {c.email.casefold(): c for c in event.people}
    found = [Tell(method="CANCEL", contact=before[address], about="left") for address in before if address not in after]
    found += [Tell(method="REQUEST", contact=after[address], about="invitation") for address in after if address not in before]
    staying = [after[address] for address in after if address in before]
    whole = changed & {"time", "recurrence", "place"} or ("people" in changed and not same_persons) or _are_back(announced, event, changed)
    if whole:
        found += [Tell(method="REQUEST", contact=contact, about="update") for contact in staying]
    else:
        found += [tell for contact in staying for tell in _of_meetings(announced, event, contact, changed)]
    return tuple(found)


def _are_back(announced: Event, event: Event, changed: frozenset[str]) -> bool:
    """Say whether more than one meeting that was off takes place again on its own hour."""
    off = {override.at for override in announced.overrides if override.start is None} - {override.at for override in event.overrides}
    return sum(merge.single_field(at) in changed for at in off) > 1


def cancels(announced: Event | None) -> tuple[Tell, ...]:
    """Return what tells everybody who knows of the event that it is off."""
    return () if announced is None else tuple(Tell(method="CANCEL", contact=contact, about="cancelled") for contact in announced.people)


def by_us(tells: tuple[Tell, ...], sender: str | None, ours: Collection[str] = ()) -> tuple[Tell, ...]:
    """Leave out whom a server tells; whether it can reach somebody new, only the write itself shows (``apply``)."""
    if sender == "server":
        return tuple(tell for tell in tells if tell.about == "invitation" or tell.contact.email.casefold() in ours)
    return () if sender == "none" else tells


def _of_meetings(announced: Event, event: Event, contact: Contact, changed: frozenset[str]) -> Iterable[Tell]:
    off = {override.at for override in event.overrides if override.start is None}
    for at in sorted({override.at for override in (*announced.overrides, *event.overrides)}):
        if merge.single_field(at) in changed:
            yield Tell(method="REQUEST", contact=contact, about="cancelled" if at in off else "update", recurrence_id=at)
