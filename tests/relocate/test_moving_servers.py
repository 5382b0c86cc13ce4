"""Moving house between servers that invite by themselves: every mail counted, by whom and about which invitation.

The servers here are folders that keep a book of the mails that they would send: what an Exchange Server (it takes our UID) and
Exchange Online or Google (they invite under their own) do on create, update and delete, by the contract of a calendar.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Literal

import pytest
from tests.relocate.moves import Cut, Hearing, Line, override, place
from tests.town import KARIM, QUIET, SANNE, Town, folder_town

from beklijf import config
from beklijf.backends.folder.calendar import FolderCalendar
from beklijf.backends.folder.mailer import FolderMailer
from beklijf.commands.report import Words
from beklijf.ledger import Ledger
from beklijf.letters import Letters
from beklijf.model import canonical
from beklijf.model.conversation import Proposal
from beklijf.model.stored import NO_STAMP, NOTHING, Agent
from beklijf.relocate import preview
from beklijf.relocate.relocation import Removal, origin_of
from beklijf.tick.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from beklijf.model.conversation import Busy, Waiting
    from beklijf.model.domain import Event, Person
    from beklijf.model.stored import Changes, Stored
    from beklijf.relocate.relocation import Looked

ONE = timedelta(days=1)


@dataclass
class Inviting:
    """A calendar whose server invites, with the book of its mails: what, to whom, under which UID."""

    names: bool = False
    """It invites under UIDs of its own."""
    book: list[tuple[str, str, str]] = field(default_factory=list)
    line: Line = field(default_factory=lambda: Line(0, after=False))
    may_schedule: bool | None = True
    real: FolderCalendar = field(init=False)
    target: str = ""

    def check(self) -> str:
        return self.real.check()

    def changes(self, token: object, known: Mapping[str, str] = NOTHING) -> Changes:
        found = self.real.changes(token, known)
        return replace(found, changed=tuple(map(self._told, found.changed)))

    def fetch(self, href: str) -> Stored:
        return self._told(self.real.fetch(href))

    def seek(self, hrefs: Iterable[str]) -> Changes:
        found = self.real.seek(hrefs)
        return replace(found, changed=tuple(map(self._told, found.changed)))

    def create(self, event: Event, *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP) -> Stored:
        def write() -> Stored:
            stored = self.real.create(event, sequence=sequence, agent=agent, stamp=stamp)
            self._mail("REQUEST", stored.event, agent)
            return self._told(stored)

        return self._around(write)

    def update(
        self, stored: Stored, wanted: Event, fields: frozenset[str], *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP
    ) -> Stored:
        def write() -> Stored:
            found = self.real.update(stored, wanted, fields, sequence=sequence, agent=agent, stamp=stamp)
            self._mail("UPDATE", found.event, agent)
            return self._told(found)

        return self._around(write)

    def delete(self, stored: Stored) -> None:
        def write() -> None:
            self.real.delete(stored)
            self._mail("CANCEL", stored.event, Agent.SERVER)

        self.line.around(write)

    def waiting(self) -> tuple[Waiting, ...]:
        return ()

    def take(self, waiting: Waiting) -> None:
        """Do nothing: nothing waits."""

    def busy(self, people: Sequence[Person], start: datetime, end: datetime) -> Mapping[str, tuple[Busy, ...]]:
        return self.real.busy(people, start, end)

    def close(self) -> None:
        self.real.close()

    def _around(self, write: Callable[[], Stored]) -> Stored:
        found = self.line.around(write)
        assert found is not None
        return found

    def _called(self, uid: str) -> str:
        return f"own-{uid}" if self.names else uid

    def _told(self, stored: Stored) -> Stored:
        delivery = {contact.email: "1.2" for contact in stored.event.people}
        return replace(stored, delivery=delivery, icaluid=self._called(stored.event.uid) if self.names else "", left_to_server=True)

    def _mail(self, what: str, event: Event, agent: Agent) -> None:
        if agent is Agent.SERVER:
            self.book += [(what, contact.email, self._called(event.uid)) for contact in event.people]


@dataclass
class Street(Town):
    """A town whose calendar is any object that keeps the contract."""

    house: Inviting | None = None
    """None: a plain folder, and beklijf invites by mail."""
    behind: Inviting | None = None
    """Where it was before it moved."""

    def start(self) -> None:
        self.stop()
        path = self.folder / "config.toml"
        path.write_text(self.words.toml(self.calendar), encoding="utf-8")
        self.engine = self._engine("config.toml", self.house, Ledger(self.folder / "state.sqlite3"))
        self.stack.callback(self.engine.ledger.close)

    def move_to(self, house: Inviting | None) -> None:
        """Let the config lead to *house*."""
        self.stop()
        shutil.copy(self.folder / "config.toml", self.folder / "before.toml")
        self.behind, self.house = self.house, house
        other = folder_town(self.folder / "other")
        self.read, self.write, self.remove = other.read, other.write, other.remove
        self.calendar = 'kind = "folder"\npath = "other/calendars"'
        self.start()

    def removal(self, *, leave_old: bool = False) -> Removal:
        origin = origin_of(self.engine)
        assert origin is not None
        old = self._engine("before.toml", self.behind, self.engine.ledger)
        if move := self.engine.reader.whereabouts.moves.under_way():
            settled: Literal["server", "mail"] = "server" if move.sender == "server" else "mail"
            old = self._engine("before.toml", self.behind, self.engine.ledger, invitations=settled)
        return Removal(self.engine, None if leave_old else old, origin, renames=bool(self.house and self.house.names))

    def look(self, *, leave_old: bool = False) -> Looked:
        return self.removal(leave_old=leave_old).look(self.now)

    def move(self, *, leave_old: bool = False) -> list[str]:
        removal = self.removal(leave_old=leave_old)
        return [str(said) for said in removal.do(removal.look(self.now), stop=lambda: False, done=lambda: None)]

    def said(self, *, leave_old: bool = False) -> str:
        """Return what the command lists."""
        return "\n".join(preview.lines(self.look(leave_old=leave_old), Words.of(self.engine.config, self.now)))

    def left(self) -> dict[str, Event]:
        return {s.event.uid: s.event for s in self._engine("before.toml", None, self.engine.ledger).calendar.changes(None).changed}

    def there(self) -> dict[str, Event]:
        return {stored.event.uid: stored.event for stored in self.engine.calendar.changes(None).changed}

    def _engine(
        self, name: str, house: Inviting | None, ledger: Ledger, *, invitations: Literal["auto", "server", "mail"] = "auto"
    ) -> Engine:
        loaded = config.load(self.folder / name)
        loaded = replace(loaded, calendar=replace(loaded.calendar, invitations=invitations))
        folder = FolderCalendar(loaded.calendar, loaded.calendar.organizer.email)
        if house is not None:
            house.real, house.target = folder, folder.target
        mailer = FolderMailer(loaded.mail)
        return Engine(loaded, ledger=ledger, calendar=house or folder, mailer=mailer, letters=Letters(None))


def street(tmp_path: Path, house: Inviting | None) -> Street:
    plain = folder_town(tmp_path)
    return Street(
        folder=tmp_path, calendar=plain.calendar, read=plain.read, write=plain.write, remove=plain.remove, words=Hearing(), house=house
    )


def server(*, names: bool = False) -> Inviting:
    return Inviting(names=names)


def begun(town: Street) -> Event:
    """Bring the town to the day after the first meeting of the series, of which people moved the third and took out the fourth."""
    town.invited()
    series = town.event("series")
    town.edit("series", "END:VCALENDAR", override(series, place(series, 3), place(series, 3).replace(hour=9)))
    town.edit("series", r"(RRULE:FREQ=WEEKLY[^\r]*\r\n)", rf"\1EXDATE;TZID=Europe/Amsterdam:{place(series, 4):%Y%m%dT%H%M%S}\r\n")
    town.tick()
    town.tick(QUIET)
    town.at(series.start + ONE)
    town.tick()
    town.mails()
    clear(town)
    return town.event("series")


def clear(town: Street) -> None:
    if town.house:
        town.house.book.clear()


def mails(book: list[tuple[str, str, str]]) -> Counter[tuple[str, str]]:
    return Counter((what, uid) for what, _, uid in book)


def in_calendar(town: Street) -> list[str]:
    return [change.ref for change in town.plan().changes if change.kind != "letter"]


OLD = {"a server that takes our UID": server, "a server with its own": lambda: server(names=True), "mail": lambda: None}


@pytest.mark.parametrize("old", [*OLD.values()], ids=[*OLD])
def test_to_a_server_with_uids_of_its_own_a_begun_series_ends_there_and_goes_on_here(
    tmp_path: Path, old: Callable[[], Inviting | None]
) -> None:
    town = street(tmp_path, old())
    before = begun(town)
    first, later = place(before, 1).astimezone(UTC), [at for at in canonical.meetings(before) if at > town.now]

    town.move_to(server(names=True))
    said = town.said()
    assert town.move() == []
    town.start()
    town.tick()

    assert town.house
    [(uid, event)] = town.there().items()
    assert uid == town.row("series").uid != before.uid
    assert event.start == place(before, 2)
    assert list(canonical.meetings(event)) == later
    assert mails(town.house.book) == {("REQUEST", f"own-{uid}"): 2}
    if town.behind:
        called = f"own-{before.uid}" if town.behind.names else before.uid
        assert mails(town.behind.book) == {("UPDATE", called): 2}
        assert town.told() == []
    else:
        assert town.told() == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert canonical.meetings(town.left()[before.uid]) == (first,)
    assert "2 updates that end old series" in said
    assert "2 invitations, sent by the server of the new calendar" in said.replace(
        ", if it turns out to invite (its first event tells)", ""
    )
    assert town.row("series").generation == 2
    assert in_calendar(town) == []
    town.tick(QUIET)
    assert town.told() == []
    assert mails(town.house.book) == {("REQUEST", f"own-{uid}"): 2}


@pytest.mark.parametrize("old", [*OLD.values()], ids=[*OLD])
def test_to_a_server_with_uids_of_its_own_what_has_not_begun_is_cancelled_there_and_invited_to_here(
    tmp_path: Path, old: Callable[[], Inviting | None]
) -> None:
    town = street(tmp_path, old())
    town.invited()
    clear(town)
    before = {row.uid for row in town.engine.ledger.rows().values()}

    town.move_to(server(names=True))
    town.move()
    town.start()
    town.tick()

    assert town.house
    assert sorted(mails(town.house.book).values()) == [2, 2]
    assert {what for what, _, _ in town.house.book} == {"REQUEST"}
    assert town.left() == {}
    assert not before & town.there().keys()
    if town.behind:
        assert mails(town.behind.book) == {("CANCEL", f"own-{uid}" if town.behind.names else uid): 2 for uid in before}
        assert town.told() == []
    else:
        assert town.told() == [(KARIM, "CANCEL", "")] * 2 + [(SANNE, "CANCEL", "")] * 2
    assert in_calendar(town) == []
    assert town.tick(ONE).problems == []
    assert sorted(mails(town.house.book).values()) == [2, 2]


def test_a_server_that_takes_our_uid_updates_what_people_have_and_nothing_is_cancelled(tmp_path: Path) -> None:
    town = street(tmp_path, None)
    before = begun(town)
    sequence = town.row("series").sequence

    town.move_to(server())
    town.move()
    town.start()
    town.tick()

    assert town.house
    assert town.house.book == [("REQUEST", KARIM, before.uid), ("REQUEST", SANNE, before.uid)]
    assert town.row("series").sequence > sequence
    assert town.there() == {before.uid: before}
    assert before.uid not in town.left()
    assert town.told() == []
    assert town.engine.applier.sender == "server"
    assert in_calendar(town) == []


@pytest.mark.parametrize("new", [None, "a server that takes our UID"])
def test_what_a_server_invited_to_is_never_cancelled_while_its_invitation_goes_on(tmp_path: Path, new: str | None) -> None:
    town = street(tmp_path, server())
    before = begun(town)

    town.move_to(server() if new else None)
    said = town.said()
    town.move()
    town.start()
    town.tick()

    assert town.behind
    assert town.behind.book == []
    assert town.left()[before.uid] == before
    assert town.there() == {before.uid: before}
    assert "would cancel the invitation that goes on" in said
    assert town.told() == []
    assert not town.house or mails(town.house.book) == {("REQUEST", before.uid): 2}
    assert in_calendar(town) == []


def test_a_server_that_turns_out_to_name_its_invitations_itself_has_the_old_ones_cancelled(tmp_path: Path) -> None:
    town = street(tmp_path, server())
    town.invited()
    clear(town)
    uids = [row.uid for row in town.engine.ledger.rows().values()]
    town.move_to(server())
    assert town.house
    removal, town.house.names = town.removal(), True

    removal.do(removal.look(town.now), stop=lambda: False, done=lambda: None)

    assert town.behind
    assert mails(town.behind.book) == {("CANCEL", uid): 2 for uid in uids}
    assert mails(town.house.book) == {("REQUEST", f"own-{uid}"): 2 for uid in uids}


def test_a_mailbox_that_was_moved_with_all_its_events_is_adopted_without_any_mail(tmp_path: Path) -> None:
    town = street(tmp_path, server())
    before = begun(town)
    shutil.copytree(tmp_path / "calendars", tmp_path / "other" / "calendars")

    town.move_to(server())
    town.move(leave_old=True)
    town.start()
    town.tick()

    assert town.house
    assert town.behind
    assert town.house.book == town.behind.book == []
    assert town.row("series").uid == before.uid
    assert town.engine.applier.sender == "server"
    assert town.told() == []
    assert in_calendar(town) == []


def test_who_keeps_an_old_invitation_beside_the_new_one_is_named(tmp_path: Path) -> None:
    town = street(tmp_path, server())
    begun(town)
    town.move_to(server(names=True))

    said = town.said(leave_old=True)
    town.move(leave_old=True)

    assert f"keep them beside the new ones: {KARIM}, {SANNE}" in said
    assert town.behind
    assert town.behind.book == []


def test_a_proposal_that_waits_is_about_the_event_that_goes_on(tmp_path: Path) -> None:
    town = street(tmp_path, None)
    before = begun(town)
    proposal = Proposal(
        id=0,
        at=town.now,
        mentorship=town.row("series").mentorships[0],
        uid=before.uid,
        recurrence_id=place(before, 5).astimezone(UTC),
        who=KARIM,
        start=place(before, 5) + ONE,
        minutes=60,
    )
    with town.engine.ledger.write():
        town.engine.conversation.propose(proposal)
    town.move_to(server(names=True))

    town.move()

    assert [each.uid for each in town.engine.conversation.proposals()] == [town.row("series").uid]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("old", [*OLD.values()], ids=[*OLD])
def test_killed_around_any_write_nobody_is_invited_cancelled_or_told_twice(
    tmp_path: Path, old: Callable[[], Inviting | None], after: bool
) -> None:
    cuts = 0
    for at in range(1, 50):
        home = tmp_path / str(at)
        home.mkdir()
        town = street(home, old())
        town.invited()
        clear(town)
        before = [row.uid for row in town.engine.ledger.rows().values()]
        town.move_to(server(names=True))
        line = Line(at, after)
        assert town.house
        town.house.line = line
        if town.behind:
            town.behind.line = line

        try:
            town.move()
        except Cut:
            cuts += 1
            town.start()
            assert "not finished" in str(town.tick().calendar)
            assert town.move() == []
        town.start()
        town.tick()

        assert len(town.there()) == 2, at
        assert sorted(mails(town.house.book).values()) == [2, 2], at
        assert town.left() == {}
        told = town.told()
        if town.behind:
            assert mails(town.behind.book) == {("CANCEL", f"own-{uid}" if town.behind.names else uid): 2 for uid in before}, at
            assert told == []
        else:
            assert told == [(KARIM, "CANCEL", "")] * 2 + [(SANNE, "CANCEL", "")] * 2, at
        assert in_calendar(town) == []
        town.stop()
        if line.calls < at:
            break
    assert cuts >= (4 if old() else 2)
