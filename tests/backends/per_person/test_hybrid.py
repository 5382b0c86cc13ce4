"""Two systems side by side, and mailboxes that move from one to the other while tracks run (``organized_by = "mentee"``)."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.town import KARIM, NOOR, QUIET, SANNE, Own, Town

from beklijf import config
from beklijf.backends.exchange.settings import CalendarByExchange, ExchangeLogin
from beklijf.backends.folder.calendar import FolderCalendar
from beklijf.backends.folder.mailer import FolderMailer
from beklijf.backends.graph.settings import CalendarByGraph, GraphLogin
from beklijf.backends.per_person.calendar import Owners
from beklijf.backends.per_person.hybrid import Houses
from beklijf.backends.registry import open_calendar
from beklijf.boundary.credentials import Secret
from beklijf.contracts.people import safe_name
from beklijf.contracts.settings import CalendarSettings
from beklijf.ledger import Ledger
from beklijf.letters import Letters
from beklijf.model.domain import Contact
from beklijf.model.errors import Conflict, Missing, Refused
from beklijf.model.stored import NOTHING
from beklijf.tick.engine import Engine
from beklijf.tick.wiring import organizers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from beklijf.model.stored import Changes


class Mailbox(FolderCalendar):
    """A person's folder that is only there if somebody made it, as a mailbox is."""

    def __init__(self, settings: CalendarSettings, email: str, place: Path) -> None:
        super().__init__(settings, email, folder=place)
        self._place, self._email = place, email

    def problem(self) -> str:
        return "" if self._place.is_dir() else f"no such mailbox: {self._email}"

    def changes(self, token: object, known: Mapping[str, str] = NOTHING) -> Changes:
        if self.problem():
            raise Refused(self.problem())
        return super().changes(token, known)


class System(FolderCalendar):
    """An account on one of the two systems; its people's mailboxes lie beside it."""

    def __init__(self, settings: CalendarSettings, owner: str, place: Path) -> None:
        super().__init__(settings, owner, folder=place / safe_name(owner))
        self._all, self._given = place, settings

    def of(self, email: str, _calendar: str = "") -> Mailbox:
        return Mailbox(self._given, email, self._all / safe_name(email))


@dataclass
class Moving(Town):
    """A town whose mentees' mailboxes are on ``old`` or ``new``."""

    systems: dict[str, Path] = field(default_factory=dict)

    def start(self) -> None:
        self.stop()
        path = self.folder / "config.toml"
        path.write_text(self.words.toml(self.calendar), encoding="utf-8")
        loaded = config.load(path)
        ledger = Ledger(self.folder / "state.sqlite3")
        self.stack.callback(ledger.close)
        ours = loaded.calendar.organizer.email
        houses = Houses({name: System(loaded.calendar, ours, place) for name, place in self.systems.items()})
        calendar = Owners(houses, ours, organizers(loaded))
        self.engine = Engine(loaded, ledger=ledger, calendar=calendar, mailer=FolderMailer(loaded.mail), letters=Letters(None))

    def migrate(self, email: str) -> None:
        """Move a mailbox with all that is in it."""
        shutil.move(self.systems["old"] / email, self.systems["new"] / email)

    def path(self, href: str) -> Path:
        owner, _, inner = href.partition("|")
        system, _, name = inner.partition(">")
        return self.systems[system] / owner / name


@pytest.fixture
def town(tmp_path: Path) -> Moving:
    systems = {"old": tmp_path / "old", "new": tmp_path / "new"}
    for place, email in ((systems["old"], SANNE), (systems["new"], NOOR)):
        (place / email).mkdir(parents=True)
    made = Moving(
        folder=tmp_path,
        calendar='kind = "folder"\npath = "calendars"',
        read=lambda href: made.path(href).read_bytes(),
        write=lambda href, data: void(made.path(href).write_bytes(data)),
        remove=lambda href: made.path(href).unlink(),
        words=Own(pairs=((SANNE, KARIM), (NOOR, "fatima@voorbeeld.example"))),
        systems=systems,
    )
    made.words.persons["fatima@voorbeeld.example"] = ("Fatima el Amrani", "")
    return made


def void(_: object) -> None:
    """Forget what a write returns."""


def test_each_meeting_stands_where_the_mailbox_of_its_mentee_is(town: Moving) -> None:
    town.invited()

    assert len([*(town.systems["old"] / SANNE).glob("*.ics")]) == 2
    assert len([*(town.systems["new"] / NOOR).glob("*.ics")]) == 2
    assert town.row("series").href.startswith(f"{SANNE}|old>")
    assert town.row("series", NOOR).href.startswith(f"{NOOR}|new>")
    assert town.plan().changes == ()
    town.tick()
    assert town.tick().plan is None
    town.stop()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_mailbox_that_moves_takes_its_meetings_along_and_nobody_hears_of_it(town: Moving, restarted: bool) -> None:
    town.invited()
    before = {row.uid: row.seen for row in town.engine.ledger.rows().values()}

    town.migrate(SANNE)
    if restarted:
        town.start()
    town.tick()
    town.tick(QUIET)

    assert {row.uid: row.seen for row in town.engine.ledger.rows().values()} == before
    assert {row.state for row in town.engine.ledger.rows().values()} == {"live"}
    assert town.row("series").href.startswith(f"{SANNE}|new>")
    assert town.mails() == []
    assert town.plan().changes == ()
    assert not [trouble for trouble in town.engine.ledger.outages() if trouble.startswith("mailbox")]
    town.stop()


def test_what_people_do_in_a_mailbox_that_moved_is_noticed_there(town: Moving) -> None:
    town.invited()
    town.migrate(SANNE)
    town.tick()

    town.edit("goals", r"T150000", "T110000")
    town.edit("goals", r"T160000", "T120000")
    town.tick()
    town.tick(QUIET)

    assert town.event("goals").start.hour == 11
    assert town.told() == [(KARIM, "REQUEST", "")]
    town.words.place = "Zaal 2"
    town.changed()
    assert b"Zaal 2" in town.read(town.row("series").href)
    town.stop()


def test_a_mailbox_that_is_in_neither_is_one_persons_trouble(town: Moving) -> None:
    town.invited()
    shutil.move(town.systems["old"] / SANNE, town.folder / "on-its-way")

    outcome = town.tick()
    town.tick(timedelta(minutes=10))

    assert outcome.calendar is None
    [outage] = [each for each in town.engine.ledger.outages().values() if each.target.startswith("mailbox")]
    assert "none of the systems has the mailbox" in outage.what
    assert "old: no such mailbox" in outage.what
    assert {row.state for row in town.engine.ledger.rows().values()} == {"live"}
    shutil.move(town.folder / "on-its-way", town.systems["new"] / SANNE)
    town.tick(timedelta(hours=1))
    assert town.row("series").href.startswith(f"{SANNE}|new>")
    assert (SANNE, "CANCEL", "") not in town.told()
    town.stop()


def test_what_was_read_in_the_one_system_is_not_written_in_the_other(town: Moving) -> None:
    town.invited()
    row = town.row("series")
    [stored] = [each for each in town.engine.calendar.changes(None).changed if each.event.uid == row.uid]
    town.migrate(SANNE)
    loaded = town.engine.config
    fresh = Owners(
        Houses({name: System(loaded.calendar, "mentor@voorbeeld.example", place) for name, place in town.systems.items()}),
        "mentor@voorbeeld.example",
        organizers(loaded),
    )

    with pytest.raises(Conflict, match="moved to new"):
        fresh.delete(stored)
    with pytest.raises(Missing):
        fresh.fetch(stored.href)
    assert town.path(stored.href.replace("|old>", "|new>")).is_file()
    town.stop()


def test_both_logins_make_one_calendar_of_both_systems() -> None:
    settings = CalendarSettings(
        maker=CalendarByExchange(
            login=ExchangeLogin(url="https://mail.voorbeeld.example/EWS/Exchange.asmx", user="svc", password=Secret("env", "PATH"))
        ),
        beside=CalendarByGraph(login=GraphLogin(tenant="t", client="c", secret=Secret("env", "PATH"))),
        organizer=Contact("Mentorprogramma", "mentor@voorbeeld.example"),
        organized_by="mentee",
        invitations="server",
    )

    calendar = open_calendar(settings, "mentor@voorbeeld.example")
    alone = open_calendar(replace(settings, beside=None), "mentor@voorbeeld.example")

    assert calendar.target == alone.target  # a second login is no move
    houses = open_calendar(replace(settings, organized_by="service"), "mentor@voorbeeld.example")
    assert isinstance(houses, Houses)
    assert {"exchange", "graph"} < {*houses.of(SANNE).target.split()}
