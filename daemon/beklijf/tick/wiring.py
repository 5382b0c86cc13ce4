"""Put one installation together from its config: ledger, calendar, mailer, texts, engine; and take it apart again."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from beklijf.backends.registry import open_calendar, open_inbox, open_mailer
from beklijf.ledger import Ledger
from beklijf.ledger.transactions import translated
from beklijf.letters import Letters
from beklijf.model.errors import StateError
from beklijf.planning.events import mark
from beklijf.tick.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from beklijf.contracts.settings import Config
    from beklijf.decide.decider import Decider
    from beklijf.model.domain import Person

log = logging.getLogger("beklijf")

_SENDERS: Mapping[str, Literal["server", "mail", "none"]] = {"server": "server", "mail": "mail", "none": "none"}


@contextmanager
def opened(config: Config, *, read_only: bool = False, decider: Decider | None = None) -> Iterator[Engine]:
    """Yield the engine of *config*; read-only never makes or changes the state file. Connects to nobody yet.

    *decider* is that of the engine before, where only the config is another.
    """
    ledger = _ledger(config, read_only=read_only)
    ours = config.calendar.organizer.email
    with translated(config.service.state):
        calendar = open_calendar(config.calendar, ours, organizers(config), others=ledger.has_others(ours))
    mailer = open_mailer(config.mail)
    inbox = open_inbox(config.inbox) if config.inbox and config.answers.read else None
    try:
        letters = Letters(config.mail.templates)
        yield Engine(config, ledger=ledger, calendar=calendar, mailer=mailer, letters=letters, inbox=inbox, decider=decider)
    except sqlite3.DatabaseError as error:  # a damaged file may show only when it is read
        with translated(config.service.state):
            raise error from None
    finally:
        mailer.close()
        if inbox is not None:
            inbox.close()
        calendar.close()
        ledger.close()


def _ledger(config: Config, *, read_only: bool) -> Ledger:
    """Open the ledger of this installation; raises StateError for that of another one."""
    ledger = Ledger(config.service.state, read_only=read_only)
    try:
        with translated(config.service.state):
            _demand_own(ledger, config)
            if not read_only and ledger.get("installation") != config.service.installation:
                with ledger.write():
                    ledger.set("installation", config.service.installation)
    except BaseException:
        ledger.close()
        raise
    if ledger.older:
        log.warning("%s; %s", older(config), OLDER_HINT)
    return ledger


def _demand_own(ledger: Ledger, config: Config) -> None:
    """Tell another installation's ledger from this one's under another name.

    the name in it     its trainings     means
    ours, or none yet  any               ours
    another            some are ours     ours: somebody gave it another organizer, which is the guard's to hold
    another            none is ours      another's: a path that was copied along with a config
    """
    name = ledger.get("installation")
    ours = config.service.installation
    if name is None:
        uids = ledger.rows()
        named = not uids or any(uid.endswith(mark(ours)) for uid in uids)
    else:
        named = name.casefold() == ours.casefold()
    trainings = ledger.trainings()
    if named or not trainings or trainings & {training.id for training in config.trainings}:
        return
    way = f'if it is meant: installation = "{name}" in [service]' if name else "if it is meant: set [service] installation to what it was"
    raise StateError(
        f"{ledger.path} is the ledger of {name or 'another installation'}, not of {ours}",
        hint=f"point [service] state at this installation's own file; {way}",
    )


OLDER_HINT = "what was made since is recognised in the calendar; letters and invitations since then may go out once more"


def older(config: Config) -> str:
    return f"{config.service.state} is older than what was here last: a back-up that was put back, it seems"


@contextmanager
def beside(engine: Engine, before: Config) -> Iterator[Engine]:
    """Yield an engine on the calendar that *before* leads to, which is the same as *engine* in everything else."""
    ours = before.calendar.organizer.email
    move = engine.reader.whereabouts.moves.under_way()
    calendar = open_calendar(before.calendar, ours, organizers(before), others=engine.ledger.has_others(ours))
    # while a move is under way, the ledger's own word on who invites is about the new calendar
    invitations = _SENDERS.get(move.sender if move else "", before.calendar.invitations)
    settings = replace(before.calendar, invitations=invitations)
    config = replace(engine.config, calendar=settings)
    try:
        yield Engine(config, ledger=engine.ledger, calendar=calendar, mailer=engine.mailer, letters=engine.letters)
    finally:
        calendar.close()


def organizers(config: Config) -> tuple[Person, ...]:
    """Return whose own calendars hold events with ``organized_by = "mentee"``: who learns; mentors, if their reminders are their own."""
    pairs = [m for training in config.trainings for m in training.mentorships]
    found = {m.mentee.key: m.mentee for m in pairs}
    if config.calendar.own_reminders:
        found |= {m.mentor.key: m.mentor for m in pairs}
    return tuple(found[key] for key in sorted(found))
