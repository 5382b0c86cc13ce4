"""What moving into another calendar does with each event. Pure: rows and both calendars in, steps out.

    the event                                         what happens                           what people get
    ------------------------------------------------  -------------------------------------  -----------------------------
    is there already, by our UID                      adopted as it is there                 nothing
    all its meetings have been                        stays in the old one, as a memory      nothing
    goes on under the invitation that people have     copied whole, its past and what        nothing where we invite; where
    (our UID, the same organizer)                     people moved or took out included      the new server does, an update
    gets another invitation (a server that invites    what lies ahead begins anew as the     a new invitation; the old one
    under its own UID, another organizer)             next generation; the old one ends,     is cancelled, or ends and
                                                      or goes if nothing of it has been      keeps its past
    a person deleted it                               stays deleted                          nothing

The same invitation is never cancelled. A server that invited sends a cancellation when its event is deleted, so there the old
event stays where it is: nobody but the service looks into that calendar. Copying a series with its past writes the past
into no other calendar: its people have it, and an update of a shorter one would take it away from them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from beklijf.decide import merge, notify
from beklijf.ledger.moves import Leaving
from beklijf.model import canonical
from beklijf.model.domain import Override
from beklijf.planning import events

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from beklijf.decide.notify import Tell
    from beklijf.ledger import Row
    from beklijf.model.domain import Event, Ref
    from beklijf.model.stored import Stored


class How(StrEnum):
    ADOPTED = "adopted"
    COPIED = "copied"
    ANEW = "anew"
    STAYS = "stays"
    ENDS = "ends"
    """It was being withdrawn: that is finished, and it goes nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What is known of the two calendars."""

    old: str
    """Who invited in the old calendar: server, mail, none; empty: nobody was invited yet."""
    new: str | None
    """Who invites in the new one; None: that shows with the first event."""
    renames: bool
    """The new server invites under its own UIDs."""
    reach: bool
    """The old calendar can be reached; otherwise nothing is taken out of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is done about one event."""

    how: How
    row: Row
    """As it stood in the old calendar."""
    new: Row | None = None
    """As it is to be noted, but for what the new calendar makes of it."""
    event: Event | None = None
    """To be written there."""
    there: Stored | None = None
    """What is there already."""
    sequence: int = 0
    since: datetime | None = None
    """Another generation: from when on."""
    leaving: Leaving | None = None
    invites: tuple[Tell, ...] = ()
    """Mails of ours about the new invitation."""


def draft(
    rows: Mapping[str, Row],
    there: Mapping[str, Stored],
    done: Iterable[str],
    *,
    desired: Mapping[Ref, Event],
    sides: Sides,
    installation: str,
    now: datetime,
) -> tuple[Step, ...]:
    """Return what is still to be done, in the order of the events' names.

    *rows* have in ``seen`` what the old calendar holds now; *there* is what the new one holds, by UID; *done* are the UIDs that
    need nothing more; *desired* is what planning wants of each item, of which only whose it is counts here.
    """
    finished = set(done)
    standing: dict[Ref, int] = {}
    for row in rows.values():
        standing[row.ref] = min(row.generation, standing.get(row.ref, row.generation))
    found = []
    for row in sorted(rows.values(), key=lambda row: (row.ref, row.generation)):
        if row.uid in finished or row.generation > standing[row.ref]:  # a next generation was made by a move that was cut off
            continue
        if row.state == "withdrawing":
            found.append(Step(how=How.ENDS, row=row, leaving=Leaving(row=row, cancel=True, keep=False, close=True)))
        elif row.state == "live":
            found.append(_step(row, there, desired.get(row.ref), sides, installation, now))
    return tuple(found)


def _step(row: Row, there: Mapping[str, Stored], desired: Event | None, sides: Sides, installation: str, now: datetime) -> Step:
    asked, seen = canonical.load(row.asked), canonical.load(row.seen)
    if stored := there.get(row.uid):
        return _adopted(row, stored, sides)
    if is_past(seen, now):
        return Step(how=How.STAYS, row=row, new=replace(row, href="", etag="", announced=None, changed_at=None))
    other = desired is not None and desired.organizer.email.casefold() != asked.organizer.email.casefold()
    if not (sides.renames or row.icaluid or other):
        return _copied(row, seen, sides)
    whose = desired if other else None
    uid = events.uid(installation, row.ref, row.generation + 1)
    event = _as_of(ahead(seen, now), uid, whose)
    wanted = _as_of(_asked(asked, seen, event, now), uid, whose)
    new = replace(
        row,
        uid=uid,
        generation=row.generation + 1,
        state="intended",
        asked=canonical.dump(wanted),
        seen=canonical.dump(event),
        announced=None,
    )
    new = replace(new, href="", etag="", sequence=0, changed_at=None, icaluid="", ours=(), proposals="[]")
    return Step(
        how=How.ANEW,
        row=row,
        new=new,
        event=event,
        there=there.get(uid),
        since=min(now, event.start, wanted.start),
        leaving=Leaving(row=row, cancel=True, keep=False, close=True),
        invites=notify.by_us(notify.tells(None, event, now=now), sides.new),
    )


def _adopted(row: Row, stored: Stored, sides: Sides) -> Step:
    """Take what is there. The very same object, or a faithful copy, is never taken out of the old calendar: it might be one."""
    same_object = (stored.href, stored.etag) == (row.href, row.etag)
    # under our own UID a server with its own has only what came with its mailbox, invitation and all: here, a move makes generations
    another = not (same_object or sides.renames) and (stored.icaluid or row.uid) != (row.icaluid or row.uid)
    keep = same_object or not row.href or (not another and sides.old == "server")
    new = replace(row, seen=canonical.dump(stored.event))
    leaving = Leaving(row=row, cancel=another, keep=keep)
    return Step(how=How.ADOPTED, row=row, new=new, there=stored, leaving=leaving)


def _copied(row: Row, seen: Event, sides: Sides) -> Step:
    """Write the same once more; a server that invites sends an update of what people have, which must count for more."""
    announced = None if sides.old == "none" and sides.new == "mail" else row.announced
    return Step(
        how=How.COPIED,
        row=row,
        new=replace(row, announced=announced),
        event=seen,
        sequence=row.sequence + (sides.new in {None, "server"}),
        leaving=Leaving(row=row, cancel=False, keep=sides.old == "server"),
    )


def farewells(row: Row, sides: Sides, now: datetime) -> tuple[Tell, ...]:
    """Return the mails of ours that take the old invitation back; of a begun series, what lies ahead."""
    if row.announced is None:
        return ()
    announced, left = canonical.load(row.announced), merge.ended(canonical.load(row.seen), now)
    tells = notify.tells(announced, left, now=now) if left else notify.cancels(announced)
    return notify.by_us(tells, sides.old, row.ours)


# -- events ------------------------------------------------------------------------------------------------------------


def is_past(event: Event, now: datetime) -> bool:
    """Say whether all of *event* has been; of a rhythm that isn't ours nobody knows."""
    if event.recurrence is not None and event.recurrence.other:
        return False
    return max((*canonical.occurrences(event), *canonical.meetings(event))) <= now


def ahead(event: Event, now: datetime) -> Event:
    """Return *event* from its next meeting on, as it stands; one that was moved from a past day to one ahead comes along."""
    recurrence = event.recurrence
    if recurrence is None or recurrence.other:
        return event
    recurrence_ids = canonical.occurrences(event)
    actual = {recurrence_id: canonical.actual_start(event, recurrence_id) for recurrence_id in recurrence_ids}
    first = next((recurrence_id for recurrence_id in recurrence_ids if (at := actual[recurrence_id]) is not None and at > now), None)
    if first is None:
        first = next((recurrence_id for recurrence_id in recurrence_ids if recurrence_id > now), recurrence_ids[-1])
    overrides = {override.at: override for override in event.overrides if override.at >= first}
    for recurrence_id in recurrence_ids:
        if first < recurrence_id <= now and (at := actual[recurrence_id]) is not None and at <= now:
            overrides[recurrence_id] = Override(recurrence_id, None)
    weeks = timedelta(weeks=recurrence.every) * recurrence_ids.index(first)
    return replace(event, start=event.start + weeks, overrides=tuple(overrides[at] for at in sorted(overrides)))


def _asked(asked: Event, seen: Event, event: Event, now: datetime) -> Event:
    """Return *event* as planning had asked for it: what people changed stays theirs.

    A series at another hour is not among that: its hour is kept as a fact, and planning asks for it itself.
    """
    series = seen.recurrence is not None
    theirs = merge.human_fields(asked, seen)
    if not series:
        return merge.take(event, asked, theirs)
    places = {merge.single_field(recurrence_id) for recurrence_id in canonical.occurrences(event)}
    singles = {field for field in theirs if merge.name(field) == "single" and field in places and not merge.past(field, now)}
    return merge.take(event, asked, singles | (theirs & {"place", "people", "title", "text", "alarms", "online"}))


def _as_of(event: Event, uid: str, whose: Event | None) -> Event:
    if whose is None:
        return replace(event, uid=uid)
    return replace(event, uid=uid, organizer=whose.organizer, people=whose.people)


# -- the mails ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Post:
    """One mail that a step brings."""

    sender: str
    """``beklijf``, ``old`` or ``new`` (that calendar's server), ``first``: who of the two that is shows with the first event."""
    what: str
    """``invitation``, ``update``, ``cancellation``, ``end``."""
    to: str


def post(step: Step, sides: Sides, now: datetime) -> Iterator[Post]:
    """Yield the mails that a step brings, as far as anybody can know before."""
    event = step.event
    if event is not None and step.there is None and sides.new != "none":
        what = "update" if step.how is How.COPIED and step.row.announced else "invitation"
        if sides.new != "mail":
            sender = "new" if sides.new == "server" else "first"
            yield from (Post(sender, what, contact.email) for contact in event.people)
        elif step.how is How.COPIED and step.new is not None and step.new.announced is None:
            yield from (Post("beklijf", "invitation", contact.email) for contact in event.people)
    yield from (Post("beklijf", "invitation", tell.contact.email) for tell in step.invites if sides.new == "mail")
    if step.leaving is None or not step.leaving.cancel:
        return
    seen = canonical.load(step.row.seen)
    begun = merge.ended(seen, now) is not None
    yield from (
        Post("beklijf", "cancellation" if tell.method == "CANCEL" else "end", tell.contact.email)
        for tell in farewells(step.row, sides, now)
    )
    if sides.old == "server" and sides.reach:
        ours = {address.casefold() for address in step.row.ours}
        yield from (Post("old", "end" if begun else "cancellation", c.email) for c in seen.people if c.email.casefold() not in ours)


def twice(step: Step, sides: Sides) -> tuple[str, ...]:
    """Return who keeps the old invitation beside the new one, because the server that sent it can't be asked any more."""
    if sides.old != "server" or sides.reach or step.leaving is None or not step.leaving.cancel:
        return ()
    return tuple(contact.email for contact in canonical.load(step.row.seen).people)


def next_meeting(event: Event, now: datetime) -> datetime:
    return next((at for at in canonical.meetings(event) if at > now), event.start.astimezone(UTC))
