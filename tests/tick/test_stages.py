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
from tests.mailroom import Listening, calendar_part, got, letter, propose, said
from tests.mailroom import deliver as post
from tests.tick.moods import SERVICE_DESK, Mood, MoodyCalendar, MoodyInbox, MoodyMailer, moody
from tests.town import KARIM, SANNE, Town, folder_town

from beklijf.model.conversation import Itip
from beklijf.model.errors import ConfigError, Defect, Down, Problem, StateError, Transient
from beklijf.tick.stages import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


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


def calendar_of(town: Town) -> MoodyCalendar:
    calendar = town.engine.calendar
    assert isinstance(calendar, MoodyCalendar)
    return calendar


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = folder_town(tmp_path)
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
        method="REPLY", uid=series.uid, recurrence_id=None, attendee=KARIM, partstat="ACCEPTED", sequence=LATER, stamp=town.now
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
        town.engine.outbox.add_notice("for a test", about="test", recipient=SERVICE_DESK, payload=payload, now=town.now)


def done(town: Town, mails: Sequence[tuple[str, str]]) -> Done:
    answers = said(town)
    return Done(
        read=town.event("goals").title == "Even bijpraten",
        waited=("series", "", "karim") in answers,
        heard=("series", "", "sanne") in answers,
        written=town.event("series").location == "Zaal 2",
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
    assert town.engine.outages.now() == {}
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
    outage = town.engine.outages.now()[stage]
    assert outage.what.startswith("no room" if stage == "writing" else "MemoryError")
    assert "test_stages" not in outage.what


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

    assert "inbox" in town.engine.outages.now()
    assert [type(error) for error in outcome.errors] == [Down]


@pytest.mark.parametrize("raised", [lambda: StateError("the disk is full"), lambda: sqlite3.DatabaseError("malformed")])
@pytest.mark.parametrize("stage", STAGES)
def test_without_the_ledger_nothing_goes_on_wherever_that_shows(town: Town, stage: str, raised: Callable[[], Exception]) -> None:
    given(town, Mood(stage, raised))

    with pytest.raises((StateError, sqlite3.DatabaseError)):
        town.tick()

    assert town.engine.outages.now() == {}
