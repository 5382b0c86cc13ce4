"""A folder has whatever people put there: what is no event file is named, and stops nothing."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from beklijf.backends.folder.settings import CalendarInFolder, InboxInFolder
from beklijf.backends.registry import open_calendar, open_inbox
from beklijf.boundary import contents
from beklijf.boundary.credentials import Secret
from beklijf.config import load
from beklijf.contracts.settings import CalendarSettings, InboxSettings
from beklijf.letters import Letters
from beklijf.model.domain import Contact, Event, Person
from beklijf.model.errors import ConfigError, Missing, Refused
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from beklijf.contracts.calendar import Calendar

STAMP = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ORGANIZER = Contact("Mentorprogramma", "mentor@voorbeeld.example")
KARIM = Person(
    key="karim@voorbeeld.example",
    name="Karim Bakker",
    email="karim@voorbeeld.example",
    language="nl",
    zone=ZoneInfo("Europe/Amsterdam"),
    works=frozenset({0}),
)
ONE = Event(
    uid="one-12345678@beklijf",
    start=datetime(2027, 1, 7, 15, tzinfo=UTC),
    minutes=60,
    recurrence=None,
    overrides=(),
    title="Gesprek",
    text="",
    location="Zaal 1",
    organizer=ORGANIZER,
    people=(Contact(KARIM.name, KARIM.email),),
    alarms=(),
    free=False,
)
TWO = replace(ONE, uid="two-12345678@beklijf")


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(contents.LARGEST + 1)


ODD: dict[str, Callable[[Path], None]] = {
    "a folder": lambda path: path.mkdir(),
    "a FIFO": os.mkfifo,
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "much": large,
}
odd_files = pytest.mark.parametrize("odd", ODD)


@pytest.fixture
def calendar(tmp_path: Path) -> Calendar:
    settings = CalendarSettings(maker=CalendarInFolder(path=tmp_path), organizer=ORGANIZER, organized_by="service", invitations="auto")
    return open_calendar(settings, ORGANIZER.email)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ORGANIZER.email


# -- the calendar ------------------------------------------------------------------------------------------------------


@odd_files
def test_what_is_no_event_file_is_named_and_skipped(calendar: Calendar, folder: Path, odd: str) -> None:
    one = calendar.create(ONE, sequence=0, agent=Agent.CLIENT, stamp=STAMP)
    token = calendar.changes(None).token
    two = calendar.create(TWO, sequence=0, agent=Agent.CLIENT, stamp=STAMP)
    ODD[odd](folder / "x.ics")

    since, full = calendar.changes(token), calendar.changes(None)

    assert (since.changed, since.gone, [*since.unreadable]) == ((two,), (), ["x.ics"])
    assert ({s.href for s in full.changed}, [*full.unreadable]) == ({one.href, two.href}, ["x.ics"])
    assert "x.ics" in calendar.check()
    assert [*calendar.changes(since.token).unreadable] == ["x.ics"]


@odd_files
def test_an_event_in_whose_place_something_else_stands_is_unreadable_and_not_gone(calendar: Calendar, folder: Path, odd: str) -> None:
    one = calendar.create(ONE, sequence=0, agent=Agent.CLIENT, stamp=STAMP)
    token = calendar.changes(None).token
    (folder / one.href).rename(folder / "kept")
    ODD[odd](folder / one.href)

    changes = calendar.changes(token)

    assert (changes.changed, changes.gone, [*changes.unreadable]) == ((), (), [one.href])
    with pytest.raises(Refused) as caught:
        calendar.fetch(one.href)
    assert type(caught.value) is Refused
    with pytest.raises(Refused):
        calendar.update(one, replace(ONE, location="Zaal 2"), frozenset({"place"}), sequence=1, agent=Agent.CLIENT)
    with pytest.raises(Refused):
        calendar.delete(one)


@odd_files
def test_when_it_is_put_right_it_is_read_and_when_it_goes_it_is_gone(calendar: Calendar, folder: Path, odd: str) -> None:
    one = calendar.create(ONE, sequence=0, agent=Agent.CLIENT, stamp=STAMP)
    token = calendar.changes(None).token
    path = folder / one.href
    path.rename(folder / "kept")
    ODD[odd](path)
    token = calendar.changes(token).token
    path.rmdir() if odd == "a folder" else path.unlink()

    assert calendar.changes(token).gone == (one.href,)
    (folder / "kept").write_bytes((folder / "kept").read_bytes().replace(b"Zaal 1", b"Zaal 2"))
    (folder / "kept").rename(path)
    assert [s.event.location for s in calendar.changes(token).changed] == ["Zaal 2"]


@odd_files
def test_after_a_full_reading_an_unreadable_event_that_goes_is_gone(calendar: Calendar, folder: Path, odd: str) -> None:
    folder.mkdir()
    path = folder / f"{ONE.uid}.ics"
    ODD[odd](path)
    token = calendar.changes(None).token
    path.rmdir() if odd == "a folder" else path.unlink()

    assert calendar.changes(token).gone == (path.name,)


def test_a_file_that_comes_and_goes_while_the_folder_is_read_stops_no_other(calendar: Calendar, folder: Path) -> None:
    one = calendar.create(ONE, sequence=0, agent=Agent.CLIENT, stamp=STAMP)
    data = (folder / one.href).read_bytes().replace(b"one-12345678", b"two-12345678")
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            (folder / "two.ics").write_bytes(data)
            (folder / "two.ics").unlink()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(300):
            changes = calendar.changes(None)
            assert one in changes.changed
            assert not changes.unreadable
    finally:
        over.set()
        thread.join()


def test_an_event_through_a_link_is_read(calendar: Calendar, folder: Path, tmp_path: Path) -> None:
    one = calendar.create(ONE, sequence=0, agent=Agent.CLIENT, stamp=STAMP)
    (folder / one.href).rename(tmp_path / "elsewhere")
    (folder / one.href).symlink_to(tmp_path / "elsewhere")

    assert calendar.changes(None).changed == (one,)


@pytest.mark.parametrize("name", [b"caf\xe9.ics", b"\xff 100%25 \xfe.ics", b"caf%E9.ics"], ids=repr)
def test_an_event_under_a_name_that_is_no_utf_8_is_read_written_and_taken_away(calendar: Calendar, folder: Path, name: bytes) -> None:
    stored = calendar.create(ONE, sequence=0, agent=Agent.CLIENT, stamp=STAMP)
    (folder / stored.href).rename(folder / os.fsdecode(name))

    [found] = calendar.changes(None).changed
    moved = calendar.update(found, replace(ONE, location="Zaal 2"), frozenset({"place"}), sequence=1, agent=Agent.CLIENT, stamp=STAMP)

    assert found.event == ONE
    assert found.href.encode()  # the ledger keeps it as text
    assert calendar.fetch(found.href).event.location == "Zaal 2"
    assert b"Zaal 2" in (folder / os.fsdecode(name)).read_bytes()
    calendar.delete(moved)
    assert calendar.changes(None).changed == ()
    assert not (folder / os.fsdecode(name)).exists()


def test_what_is_gone_is_missing(calendar: Calendar) -> None:
    calendar.create(ONE, sequence=0, agent=Agent.CLIENT, stamp=STAMP)

    with pytest.raises(Missing):
        calendar.fetch("two.ics")


@odd_files
def test_busy_times_are_read_past_what_is_no_event_file(calendar: Calendar, tmp_path: Path, odd: str) -> None:
    theirs = tmp_path / KARIM.email
    theirs.mkdir()
    ODD[odd](theirs / "a.ics")
    (theirs / "b.ics").write_bytes(
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:x\r\nDTSTART:20270105T090000Z\r\nDTEND:20270105T100000Z\r\n"
        b"END:VEVENT\r\nEND:VCALENDAR\r\n"
    )

    busy = calendar.busy([KARIM], datetime(2027, 1, 4, tzinfo=UTC), datetime(2027, 1, 11, tzinfo=UTC))

    assert [times.start.hour for times in busy[KARIM.key]] == [9]


# -- other folders -----------------------------------------------------------------------------------------------------


@odd_files
def test_a_mailbox_is_read_past_what_is_no_mail(tmp_path: Path, odd: str) -> None:
    inbox = open_inbox(InboxSettings(maker=InboxInFolder(path=tmp_path / "box"), address=ORGANIZER.email))
    inbox.news("", lambda _: True, since=STAMP - timedelta(days=1))
    new = tmp_path / "box" / "new"
    (new / "1.mail").write_bytes(b"From: sanne@voorbeeld.example\r\nSubject: x\r\n\r\nhallo\r\n")
    if odd != "much":
        ODD[odd](new / "2.mail")

    news = inbox.news("", lambda _: True, since=datetime(2020, 1, 1, tzinfo=UTC))

    assert [b"hallo" in mail.content for mail in news.mails] == [True]
    assert not news.more
    assert ("passed over: 2.mail" in inbox.check()) is (odd != "much")


@odd_files
def test_an_included_file_that_is_none_is_a_problem_of_the_config(tmp_path: Path, odd: str) -> None:
    (tmp_path / "trainings").mkdir()
    ODD[odd](tmp_path / "trainings" / "x.toml")
    (tmp_path / "config.toml").write_text('include = ["trainings/*.toml"]\n', encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "config.toml")

    assert any("x.toml" in problem.file and "cannot be read" in problem.what for problem in caught.value.problems)


@odd_files
def test_a_template_that_is_none_is_named(tmp_path: Path, odd: str) -> None:
    (tmp_path / "nl").mkdir()
    ODD[odd](tmp_path / "nl" / "welcome-mentee.md.j2")

    with pytest.raises(ConfigError) as caught:
        Letters(tmp_path)

    assert [problem.file for problem in caught.value.problems] == [str(tmp_path / "nl" / "welcome-mentee.md.j2")]


@odd_files
def test_a_secret_that_is_no_file_is_not_waited_for(tmp_path: Path, odd: str) -> None:
    ODD[odd](tmp_path / "password")

    with pytest.raises(ConfigError, match="secret file"):
        Secret("file", str(tmp_path / "password")).reveal()
