"""Each stage of a tick fails alone, whatever is raised in it: the real engine, with one backend that fails as no contract allows.

A tick has five things to do here: a person's edit to take in, an answer that waits in the calendar's server, one in the mailbox,
a changed place to write, and a mail to send. What it does in a tick without trouble is what it must do with one, but for the
stage that fails.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from lxml import etree
from tests.contract.test_answers import Listening, calendar_part, got, letter, propose, said
from tests.contract.test_answers import deliver as post
from tests.contract.test_reconcile import KARIM, SANNE, Town, _folder

from beklijf.backends.folder.calendar import FolderCalendar
from beklijf.backends.folder.inbox import FolderInbox
from beklijf.backends.folder.mailer import FolderMailer
from beklijf.model.conversation import Itip, Waiting
from beklijf.model.errors import ConfigError, Defect, Down, Problem, StateError, Transient
from beklijf.tick.engine import Engine
from beklijf.tick.stages import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from email.message import EmailMessage
    from pathlib import Path

    from beklijf.model.domain import Event
    from beklijf.model.mailbox import Envelope, News
    from beklijf.model.stored import Agent, Changes, Stored

SERVICE_DESK = "servicedesk@voorbeeld.example"
LATER = 9
"""A SEQUENCE: answered is what the place was changed to, whenever it is read."""


def cut_short(data: bytes) -> Exception:
    """Return what lxml raises over an answer whose end is missing."""
    with pytest.raises(etree.XMLSyntaxError) as caught:
        etree.fromstring(data)
    return caught.value


def cut_short_too(data: str) -> Exception:
    with pytest.raises(ET.ParseError) as caught:
        ET.fromstring(data)  # noqa: S314  # our own six bytes
    return caught.value


def no_text(data: bytes) -> Exception:
    with pytest.raises(UnicodeDecodeError) as caught:
        data.decode()
    return caught.value


class OfSomeLibrary(Exception):  # libraries call theirs what they like
    """What a backend should have translated, and didn't."""


RAISED: dict[str, Callable[[], Exception]] = {
    "memory": MemoryError,
    "recursion": RecursionError,
    "no text": lambda: no_text(b"\xff"),
    "xml cut short": lambda: cut_short(b"<d:multi"),
    "xml cut short, read by another library": lambda: cut_short_too("<multi"),
    "an index": lambda: IndexError("string index out of range"),
    "an assertion": AssertionError,
    "a library's own": lambda: OfSomeLibrary("literal too large"),
    "a server that is down": lambda: Transient("no answer"),
    "a server that refuses": lambda: Down("no"),
}


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


def calendar_of(town: Town) -> MoodyCalendar:
    calendar = town.engine.calendar
    assert isinstance(calendar, MoodyCalendar)
    return calendar


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = _folder(tmp_path)
    made.words = Listening()
    for name in ("cur", "new", "tmp"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
    yield made
    made.stop()


@dataclass(frozen=True)
class Done:
    """What of the five things is done."""

    read: bool
    waited: bool
    heard: bool
    written: bool
    mailed: bool


def given(town: Town, mood: Mood) -> None:
    """Let there be all five."""
    town.invited()
    town.words.place = "Zaal 2"
    town.start()
    moody(town, Mood())
    town.engine.reader.forget()
    town.edit("goals", "SUMMARY:[^\r\n]*", "SUMMARY:Even bijpraten")
    series = town.row("series")
    calendar_of(town).message = Itip(
        method="REPLY", uid=series.uid, place=None, attendee=KARIM, partstat="ACCEPTED", sequence=LATER, stamp=town.now
    )
    calendar_of(town).mood = mood
    for backend in (town.engine.delivery.mailer, town.engine.listener.inbox):
        assert isinstance(backend, MoodyMailer | MoodyInbox)
        backend.mood = mood
    mail = letter(town, SANNE, "Accepted: Mentorgesprek", "")
    data = calendar_part(town, "series", SANNE, method="REPLY", partstat="ACCEPTED", sequence=LATER)
    mail.add_alternative(data.encode(), maintype="text", subtype="calendar", params={"method": "REPLY", "charset": "UTF-8"})
    post(town, mail)
    with town.engine.ledger.write():
        payload = {"name": "Servicedesk", "title": "een bericht", "lines": ["Hallo."], "command": ""}
        town.engine.outbox.add_notice("for a test", recipient=SERVICE_DESK, payload=payload, now=town.now)


def done(town: Town, mails: Sequence[tuple[str, str]]) -> Done:
    answers = said(town)
    return Done(
        read=town.event("goals").title == "Even bijpraten",
        waited=("series", "", "karim") in answers,
        heard=("series", "", "sanne") in answers,
        written=town.event("series").place == "Zaal 2",
        mailed=any(who == SERVICE_DESK and "een bericht" in what for who, what in mails),
    )


ALL = Done(read=True, waited=True, heard=True, written=True, mailed=True)

WITHOUT: dict[str, Done] = {
    "calendar": Done(read=False, waited=False, heard=True, written=False, mailed=True),
    "schedule inbox": Done(read=True, waited=False, heard=True, written=True, mailed=True),
    "inbox": Done(read=True, waited=True, heard=False, written=True, mailed=True),
    "writing": Done(read=True, waited=True, heard=True, written=False, mailed=True),
    "mail": Done(read=True, waited=True, heard=True, written=True, mailed=False),
}
"""What is left to do: into a calendar that can't be read nothing is written, and what waits in its server isn't asked for."""


def test_undisturbed_a_tick_does_all_of_it(town: Town) -> None:
    given(town, Mood())

    outcome = town.tick()

    assert done(town, got(town)) == ALL
    assert outcome.errors == []


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("stage", STAGES)
def test_whatever_is_raised_in_one_stage_the_others_go_on_and_it_is_done_afterwards(
    town: Town, stage: str, raised: str, caplog: pytest.LogCaptureFixture
) -> None:
    mood = Mood(stage, RAISED[raised])
    given(town, mood)

    outcome = town.tick()

    assert done(town, got(town)) == WITHOUT[stage]
    assert outcome.errors
    defect = issubclass(type(RAISED[raised]()), Transient | Down) is False
    assert [isinstance(error, Defect) for error in outcome.errors] == [defect] * len(outcome.errors)
    assert caplog.text.count("Traceback") == defect

    mood.at = ""
    town.tick(timedelta(hours=1))

    assert done(town, [(SERVICE_DESK, "een bericht")]) == ALL
    assert town.engine.troubles.now() == {}
    assert stage != "mail" or (SERVICE_DESK, "beklijf: een bericht") in got(town)


@pytest.mark.parametrize("stage", ["calendar", "schedule inbox", "inbox", "writing"])
def test_a_stage_that_stays_down_is_left_alone_for_longer_each_time_and_told_once(
    town: Town, stage: str, caplog: pytest.LogCaptureFixture
) -> None:
    raised = Transient("no room") if stage == "writing" else MemoryError()  # one event's defect is that event's alone
    mood = Mood(stage, lambda: raised)
    given(town, mood)

    for _ in range(48):
        town.tick()

    told = [what for who, what in got(town) if who == SERVICE_DESK and "een bericht" not in what]
    assert len(told) == 1
    assert mood.calls == 6, "after 5, 10, 20, 40, 80 minutes, in four hours"
    assert caplog.text.count("Traceback") == (stage != "writing")
    assert caplog.text.count("is down") == 1
    assert caplog.text.count("is back") == 0
    trouble = town.engine.troubles.now()[stage]
    assert trouble.what.startswith("no room" if stage == "writing" else "MemoryError")
    assert "test_stages" not in trouble.what


def test_while_writing_is_down_people_are_answered_and_the_calendar_is_read(town: Town) -> None:
    mood = Mood("writing", lambda: Down("the calendar is full"))
    given(town, mood)
    town.tick()
    town.mails()

    town.edit("goals", "SUMMARY:[^\r\n]*", "SUMMARY:Iets anders")
    propose(town, "goals", SANNE, datetime(2027, 1, 9, 3, tzinfo=UTC))
    town.tick(timedelta(minutes=1))

    assert mood.calls == 1
    assert town.event("goals").title == "Iets anders"
    assert SANNE in [who for who, _ in got(town)], "the night of a Saturday can't be"


def test_a_secret_that_is_not_there_ends_the_first_tick_and_is_one_stages_trouble_afterwards(town: Town) -> None:
    def missing() -> Exception:
        return ConfigError([Problem(where="inbox.password", what="there is no such file", hint="make it")])

    mood = Mood("inbox", missing)
    given(town, mood)
    with pytest.raises(ConfigError):
        town.tick()

    mood.at = ""
    town.tick()
    mood.at = "inbox"
    outcome = town.tick()

    assert "inbox" in town.engine.troubles.now()
    assert [type(error) for error in outcome.errors] == [Down]


@pytest.mark.parametrize("raised", [lambda: StateError("the disk is full"), lambda: sqlite3.DatabaseError("malformed")])
@pytest.mark.parametrize("stage", STAGES)
def test_without_the_ledger_nothing_goes_on_wherever_that_shows(town: Town, stage: str, raised: Callable[[], Exception]) -> None:
    given(town, Mood(stage, raised))

    with pytest.raises((StateError, sqlite3.DatabaseError)):
        town.tick()

    assert town.engine.troubles.now() == {}
