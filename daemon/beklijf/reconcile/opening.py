"""Put one installation together from its config: ledger, calendar, mailer, texts, engine; and take it apart again."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from beklijf.calendars import open_calendar
from beklijf.inbox import open_inbox
from beklijf.ledger import Ledger, translated
from beklijf.letters import Letters
from beklijf.mailers import open_mailer
from beklijf.reconcile.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from beklijf.domain import Person
    from beklijf.settings import Config


@contextmanager
def opened(config: Config, *, read_only: bool = False) -> Iterator[Engine]:
    """Yield the engine of *config*; read-only never makes or changes the state file. Connects to nobody yet."""
    ledger = Ledger(config.service.state, read_only=read_only)
    ours = config.calendar.organizer.email
    with translated(config.service.state):
        calendar = open_calendar(config.calendar, ours, organizers(config), others=ledger.has_others(ours))
    mailer = open_mailer(config.mail)
    inbox = open_inbox(config.inbox) if config.inbox and config.answers.read else None
    try:
        letters = Letters(config.mail.templates)
        yield Engine(config, ledger=ledger, calendar=calendar, mailer=mailer, letters=letters, inbox=inbox)
    except sqlite3.DatabaseError as error:  # a damaged file may show only when it is read
        with translated(config.service.state):
            raise error from None
    finally:
        mailer.close()
        if inbox is not None:
            inbox.close()
        calendar.close()
        ledger.close()


def organizers(config: Config) -> tuple[Person, ...]:
    """Return whose own calendars hold events with ``organized_by = "mentee"``: who learns; mentors, if their reminders are their own."""
    pairs = [m for training in config.trainings for m in training.mentorships]
    found = {m.mentee.key: m.mentee for m in pairs}
    if config.calendar.own_reminders:
        found |= {m.mentor.key: m.mentor for m in pairs}
    return tuple(found[key] for key in sorted(found))
