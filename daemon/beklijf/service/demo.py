"""The demo's own clock: it starts when letters and invitations are due, and from there on goes as fast as any other.

Letters go out on working days from the letter hour on. Who tries the service out on a Sunday would see an empty folder; so a
demo's clock is set ahead once, before anything was written, by as much as it takes. After more than a week in a drawer it
goes on where it stopped: an installation would be held then, and a demo has nobody to ask. What runs is the real service.

How far it is ahead is kept in the ledger, so that a second start and every other command have the same time. Nobody real may
get Monday's letter on a Sunday: where calendar or mail is a server, there is no such clock, whatever the ledger says.
"""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

from beklijf.decide import guard
from beklijf.decide.plan import Create, Send
from beklijf.ledger import Ledger
from beklijf.model.errors import Problem, UsageError
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from datetime import datetime

    from beklijf.contracts.settings import Config
    from beklijf.tick.engine import Engine

LOOKS = 50
"""So many moments are looked at for the first one; with the example it is the second at most."""

_MOMENT = timedelta(seconds=1)


def shift(config: Config) -> timedelta:
    """Return how far this installation's clock is ahead of the real one; only a demo's is."""
    if not _on_folders(config) or not config.service.state.exists():
        return timedelta(0)
    with closing(Ledger(config.service.state, read_only=True)) as ledger:
        return timedelta(seconds=int(ledger.get("demo_clock") or 0))


def shown(config: Config, now: datetime) -> tuple[datetime, tuple[Problem, ...]]:
    """Return what time it is for this installation, by the real *now*; and a word on a demo's clock, since no other shows it."""
    if not (ahead := shift(config)):
        return now, ()
    local = (now + ahead).astimezone(config.organisation.zone)
    return now + ahead, (Problem(what=f"this is the demo's own clock, on which it is {local:%a %-d %b %H:%M}", warning=True),)


def start_clock(config: Config, now: datetime) -> None:
    """Set a demo's clock, at the start of the service; *now* is by the real one. Raises UsageError where a server is used."""
    if not _on_folders(config):
        raise UsageError("--demo is for calendar and mail in folders, where nobody gets anything", hint="leave out --demo")
    ours = now + shift(config)
    with opened(config) as engine:
        begun = engine.ledger.rows() or engine.outbox.has_letters()
        starts = _where_it_stopped(engine, ours) if begun else _first_due(engine, ours)
        if starts != ours:
            with engine.ledger.write():
                engine.ledger.set("demo_clock", str(round((starts - now + _MOMENT).total_seconds())))


def _on_folders(config: Config) -> bool:
    return config.calendar.kind.on_disk and config.mail.kind.on_disk


def _where_it_stopped(engine: Engine, now: datetime) -> datetime:
    last = engine.ledger.instant("last_tick")
    return last if last and now - last > guard.SILENCE else now


def _first_due(engine: Engine, now: datetime) -> datetime:
    """Return the first moment at which a tick would both send letters and write events; *now* where there is none."""
    at: datetime | None = now
    for _ in range(LOOKS):
        if at is None:
            break
        plan = engine.plan(at, supposed=True)
        if {Send, Create} <= {type(change.work) for change in plan.changes}:
            return at
        at = plan.next
    return now
