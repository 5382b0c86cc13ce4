"""Changes that take something back: an event that nobody wants any more, a series that ends, one that a human deleted. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from beklijf.decide import merge, notify
from beklijf.decide.plan import Action, Cause, Change, Withdraw
from beklijf.model import canonical

if TYPE_CHECKING:
    from beklijf.decide.plan import World
    from beklijf.ledger import Row
    from beklijf.model.domain import Event


def withdrawal(
    world: World,
    row: Row,
    *,
    why: str,
    server: Event | None = None,
    gone: bool = False,
    action: Action = Action.WITHDRAW,
    organizer: str = "",
) -> Change:
    """Return the change that takes back what is still to come; a begun series ends and keeps its past."""
    stored = world.current.stored.get(row.uid)
    if stored:
        row = replace(row, href=stored.href, etag=stored.etag, sequence=max(row.sequence, stored.sequence))
    value = server or canonical.load(row.seen)
    ended = None if gone else merge.ended(value, world.now)
    announced = None if row.announced is None else canonical.load(row.announced)
    tells = notify.tells(announced, ended, now=world.now) if ended else notify.cancels(announced)
    return Change(
        action=action,
        kind=row.kind,
        training=row.training,
        mentorships=row.mentorships,
        ref=row.ref,
        start=next((at for at in canonical.meetings(value) if at > world.now), value.start),
        at=world.now,
        to=tuple(c.email for c in value.people),
        why=why,
        cause=Cause.CHANGE,
        work=Withdraw(row=row, ended=ended, gone=gone, organizer=organizer),
        tells=notify.by_us(tells, world.sender, row.ours),
    )


def deletion(world: World, row: Row) -> Change:
    """Return the change that tells the attendees of an event that a human deleted."""
    assert row.announced is not None  # who knows of nothing is told nothing
    announced = canonical.load(row.announced)
    return Change(
        action=Action.WITHDRAW,
        kind=row.kind,
        training=row.training,
        mentorships=row.mentorships,
        ref=row.ref,
        start=announced.start,
        at=world.now,
        to=tuple(c.email for c in announced.people),
        why="deleted by a person in the calendar; restore brings it back",
        cause=Cause.HUMAN,
        work=Withdraw(row=row, gone=True, state="deleted"),
        tells=notify.by_us(notify.cancels(announced), world.sender, row.ours),
    )
