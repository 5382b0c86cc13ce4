"""Absence is believed only when it is sure: what seems gone is asked for by its own name before anybody hears of it.

    a reading says of an event       asked for by its own name    what follows
    -------------------------------  ---------------------------  ----------------------------------------------------------
    it is gone, or is not among all  it is gone (404, 410)        it is gone: the guard counts, and people are told
    that there is                    it is there                  it is there, as it is now
                                     no word of it (5xx, 403)     it counts as unchanged, and all is read again
    there is nothing at all          all are gone                 they are gone, as above
                                     any is there, or no word     a trouble of the calendar, and nobody's doing
    anything                         there is no calendar         the same trouble

What each server says to that, its calendar's `seek` knows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from beklijf.model.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beklijf.contracts.calendar import Calendar
    from beklijf.model.stored import Changes


def sure(changes: Changes, calendar: Calendar, known: Mapping[str, str]) -> Changes:
    """Return *changes* in which nothing is gone but what is gone by its own name, too.

    *known* are the events that were there: their UIDs by href. Raises BackendError, for a calendar whose word on this counts for nothing.
    """
    missing = _missing(changes, known)
    if not missing:
        return changes
    asked = calendar.seek(missing)
    doubted = asked.unreadable.keys() | asked.unchanged
    back = {stored.href for stored in asked.changed} | doubted
    if changes.full and back and not there(changes):
        raise Transient(
            f"{calendar.target}: lists nothing, and of {len(missing)} events of ours {len(back)} can't be said to be gone",
            hint="nobody is told anything; if people should hear that these are off, delete them one by one",
        )
    return replace(
        changes,
        changed=(*changes.changed, *asked.changed),
        gone=tuple(href for href in changes.gone if href not in back),
        unreadable={**changes.unreadable, **asked.unreadable},
        unchanged=changes.unchanged | asked.unchanged,
        away={**changes.away, **asked.away},
    )


def there(changes: Changes) -> frozenset[str]:
    """Return the hrefs of which a reading has a word."""
    return changes.unchanged.union((stored.href for stored in changes.changed), changes.unreadable)


def _missing(changes: Changes, known: Mapping[str, str]) -> list[str]:
    """Return the hrefs of what seems gone; what has another one now isn't."""
    if not changes.full:
        return sorted(known.keys() & set(changes.gone))
    told, found = there(changes), {stored.event.uid for stored in changes.changed}
    return sorted(href for href, uid in known.items() if href not in told and uid not in found)
