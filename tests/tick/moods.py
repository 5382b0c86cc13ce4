"""Backends that fail as they are told to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from beklijf.backends.folder.calendar import FolderCalendar
from beklijf.backends.folder.inbox import FolderInbox
from beklijf.backends.folder.mailer import FolderMailer
from beklijf.model.conversation import Itip, Waiting
from beklijf.tick.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from email.message import EmailMessage

    from tests.town import Town

    from beklijf.model.domain import Event
    from beklijf.model.mailbox import Envelope, News
    from beklijf.model.stored import Agent, Changes, Stored

SERVICE_DESK = "servicedesk@voorbeeld.example"


@dataclass
class Mood:
    """What is raised, and where."""

    at: str = ""
    make: Callable[[], Exception] = RuntimeError
    only: Callable[[str], bool] = lambda _: True
    """Over which input."""
    calls: int = 0

    def meet(self, place: str, what: str = "") -> None:
        if place == self.at and self.only(what):
            self.calls += 1
            raise self.make()


class MoodyCalendar(FolderCalendar):
    """A folder whose reading, waiting answers and writing fail as they are told to."""

    mood = Mood()
    message: Itip | None = None
    """What waits, as in the schedule inbox of a server."""

    def changes(self, token: object, known: Mapping[str, str] | None = None) -> Changes:
        self.mood.meet("calendar")
        return super().changes(token, known or {})

    def waiting(self) -> tuple[Waiting, ...]:
        self.mood.meet("schedule inbox")
        return () if self.message is None else (Waiting(href="one.ics", said=self.message),)

    def take(self, waiting: Waiting) -> None:
        assert waiting.href == "one.ics"
        self.message = None

    def update(
        self, stored: Stored, wanted: Event, fields: frozenset[str], *, sequence: int, agent: Agent, stamp: datetime | None = None
    ) -> Stored:
        self.mood.meet("writing", stored.href)
        assert stamp is not None
        return super().update(stored, wanted, fields, sequence=sequence, agent=agent, stamp=stamp)


class MoodyInbox(FolderInbox):
    mood = Mood()

    def news(self, mark: str, wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        self.mood.meet("inbox")
        return super().news(mark, wanted, since=since)


def unheard() -> None:
    """Hear that a mail is handed over, and do nothing about it."""


class MoodyMailer(FolderMailer):
    mood = Mood()

    def send(self, message: EmailMessage, *, recipient: str, handing_over: Callable[[], None] = unheard) -> None:
        self.mood.meet("mail", recipient)
        handing_over()
        super().send(message, recipient=recipient)
        self.mood.meet("mail, afterwards", recipient)


def moody(town: Town, mood: Mood) -> None:
    """Put the town's engine on backends of that mood, as a restart would."""
    config, plain = town.engine.config, town.engine
    assert config.inbox is not None
    calendar, inbox, mailer = (
        MoodyCalendar(config.calendar, config.calendar.organizer.email),
        MoodyInbox(config.inbox),
        MoodyMailer(config.mail),
    )
    calendar.mood = inbox.mood = mailer.mood = mood
    town.engine = Engine(config, ledger=plain.ledger, calendar=calendar, mailer=mailer, letters=plain.delivery.letters, inbox=inbox)
