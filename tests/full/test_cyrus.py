"""Calendars on Cyrus, a server that really sends invitations (RFC 6638): who invites, once, and what reaches each attendee.

The organizer, the mentee and the mentor have accounts there; the attendees' own programs are plain requests.
"""

from __future__ import annotations

import base64
import imaplib
import re
import urllib.request
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.contract.test_calendars import MEETING, SERIES, STAMP, CaldavContract, World, opened
from tests.contract.test_calendars import _world as world_on  # what is shown there of every server is shown here of one more
from tests.contract.test_reconcile import INVITED, KARIM, QUIET, SANNE, WELCOME, Town, _calendar_part
from tests.fakes.settings import said_to, with_maker

from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import CalendarSettings
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.contract.test_calendars import Opener

    from beklijf.model.domain import Event
    from beklijf.model.stored import Stored

pytestmark = pytest.mark.full

__all__ = ["opened"]  # a fixture of the inherited tests

PACKAGES = "cyrus-imapd,cyrus-caldav,cyrus-admin,sasl2-bin,libsasl2-modules,busybox-syslogd"
PASSWORD = "mentorpw"
ACCOUNTS = ("mentor", "sanne", "karim", "dienst", "cyrus")
GUEST = "guest@elders.example"


class Serve(Protocol):
    """What ``conftest`` gives to run a server."""

    def __call__(self, script: str, root: Path, arguments: list[str], ports: list[int]) -> Path: ...


@dataclass(frozen=True, slots=True)
class Cyrus:
    """A running server with an account for each of `ACCOUNTS`, all in voorbeeld.example."""

    url: str
    imap: int
    files: Path
    log: Path

    def ask(self, user: str, method: str, path: str, data: bytes | None = None) -> bytes:
        call = urllib.request.Request(self.url + path, data, method=method)  # noqa: S310  # our own server on loopback
        call.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{PASSWORD}".encode()).decode())
        call.add_header("Content-Type", "text/calendar; charset=utf-8")
        call.add_header("Depth", "1")
        with urllib.request.urlopen(call, timeout=60) as answer:  # noqa: S310  # as above
            body: bytes = answer.read()
            return body

    def join(self, user: str) -> None:
        """Make the mailbox by a first login, and the calendars by a first look."""
        with imaplib.IMAP4("127.0.0.1", self.imap, timeout=60) as mailbox:
            mailbox.login(user, PASSWORD)
        self.ask(user, "PROPFIND", f"/dav/calendars/user/{user}/")

    def events(self, user: str, collection: str = "Default") -> dict[str, str]:
        """Return what the person's programs show of that calendar, by href."""
        listed = self.ask(user, "PROPFIND", f"/dav/calendars/user/{user}/{collection}/").decode()
        hrefs = re.findall(r"<D:href>([^<]+\.ics)</D:href>", listed)
        return {href: re.sub(r"\r\n[ \t]", "", self.ask(user, "GET", href).decode()).replace("\r", "") for href in hrefs}

    def deliveries(self) -> list[str]:
        """Return to whom the server carried something so far, once for each time."""
        said = self.log.read_text(encoding="utf-8", errors="replace")
        return sorted(re.findall(r"scheduling delivery to (\S+)", said))

    def mails(self) -> list[tuple[str, str]]:
        """Return to whom the server mailed which iTIP method."""
        sent = self.files / "var/spool/imip/sent"
        lines = sent.read_text(encoding="utf-8").splitlines() if sent.exists() else []
        return [(re.findall(r'"recipient": *"(?:mailto:)?([^"]+)"', line)[0], re.findall(r"METHOD:([A-Z]+)", line)[0]) for line in lines]

    def turn_away(self, user: str, status: str) -> None:
        """Let the server fail to reach a person, so that it says *status*."""
        inbox = f'"user/{user}/#calendars/Inbox"'
        with imaplib.IMAP4("127.0.0.1", self.imap, timeout=60) as admin:
            admin.login("cyrus", PASSWORD)
            if status == "3.8":
                admin.deleteacl(inbox, "anyone")
            else:
                admin.setacl(inbox, "cyrus", "lrswipkxtecda")
                admin.delete(inbox)


@pytest.fixture
def cyrus(
    debian: Callable[[str, str], Path],
    serve: Serve,
    free_ports: Callable[[int], list[int]],
    tmp_path: Path,
) -> Cyrus:
    ports = free_ports(2)
    users = [f"{name}:{PASSWORD}" for name in ACCOUNTS]
    files = serve("cyrus.sh", debian("cyrus", PACKAGES), [*map(str, ports), *users], ports)
    server = Cyrus(f"http://127.0.0.1:{ports[0]}", ports[1], files, tmp_path / "cyrus.log")
    for name in ("mentor", "sanne", "karim", "dienst"):
        server.join(name)
    return server


# -- the contract of a calendar ----------------------------------------------------------------------------------------


class Scheduled(World):
    """The same, with the server told to invite: what it writes into our events by itself must do no harm."""

    __slots__ = ()

    def create(self, event: Event, *, sequence: int = 0) -> Stored:
        return self.calendar.create(event, sequence=sequence, agent=Agent.SERVER, stamp=STAMP)

    def update(self, stored: Stored, wanted: Event, *fields: str, sequence: int = 1) -> Stored:
        return self.calendar.update(stored, wanted, frozenset(fields), sequence=sequence, agent=Agent.SERVER, stamp=STAMP)


class CyrusContract(CaldavContract):
    @pytest.fixture
    def settings(self, cyrus: Cyrus, tmp_path: Path) -> CalendarSettings:
        (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
        return CalendarSettings(
            maker=CalendarByCaldav(url=f"{cyrus.url}/", user="mentor", password=Secret("file", str(tmp_path / "password"))),
            organizer=MEETING.organizer,
            organized_by="service",
            invitations="auto",
            name="Mentor & meer",
        )

    def test_the_calendar_is_found_from_the_host_the_home_and_itself(
        self, opened: Opener, settings: CalendarSettings, world: World
    ) -> None:
        created = world.create(MEETING)
        itself = created.href.rpartition("/")[0] + "/"

        for path, name in [
            ("", settings.name),
            ("dav/", settings.name),
            ("dav/calendars/user/mentor/", settings.name),
            ("dav/principals/user/mentor/", settings.name),
            (itself.removeprefix("/"), ""),
        ]:
            [read] = (
                opened(replace(with_maker(settings, url=said_to(CalendarByCaldav, settings).url + path), name=name)).changes(None).changed
            )
            assert read == created

    def test_creating_takes_one_request_an_event(self, world: World) -> None:
        """It takes two here: a server that writes into what it gets says no ETag, so what became of it is read."""
        world.create(MEETING)
        before = world.requests()

        world.create(SERIES)

        assert world.requests() - before == 2

    def test_these_servers_send_no_invitations_for_us(self, world: World) -> None:
        """Unlike the others, this one does, and says so."""
        world.create(MEETING)

        said = world.calendar.check()

        assert said.endswith("1 objects; the server may send invitations")
        assert world.calendar.may_schedule is True


class TestCyrusWhereWeInvite(CyrusContract):
    @pytest.fixture
    def world(self, opened: Opener, settings: CalendarSettings) -> World:
        return world_on(opened, settings)


class TestCyrusWhereTheServerInvites(CyrusContract):
    @pytest.fixture
    def world(self, opened: Opener, settings: CalendarSettings) -> World:
        world = world_on(opened, settings)
        return Scheduled(**{one.name: getattr(world, one.name) for one in fields(world)})


# -- the whole engine --------------------------------------------------------------------------------------------------


@dataclass
class Region(Town):
    """A town whose calendar is on Cyrus, and what its people see there."""

    cyrus: Cyrus = field(kw_only=True)

    def copy(self, person: str, item: str) -> str:
        """Return the person's own copy of an event, without the zones (and their RRULEs)."""
        uid = self.row(item).uid
        [text] = [text for text in self.cyrus.events(_name(person)).values() if f"UID:{uid}" in text]
        return re.sub(r"BEGIN:VTIMEZONE.*END:VTIMEZONE\n", "", text, flags=re.DOTALL)

    def own(self, item: str) -> str:
        """Return the organizer's."""
        return re.sub(rb"\r\n[ \t]", b"", self.read(self.row(item).href)).decode().replace("\r", "")

    def answer(self, person: str, item: str, said: str) -> None:
        """Answer an invitation as the person's own program does."""
        uid = self.row(item).uid
        [(href, text)] = [(h, t) for h, t in self.cyrus.events(_name(person)).items() if f"UID:{uid}" in t]
        answered = re.sub(rf"(?m)^(ATTENDEE.*)PARTSTAT=[A-Z-]+(.*{person})$", rf"\1PARTSTAT={said}\2", text)
        assert answered != text
        self.cyrus.ask(_name(person), "PUT", href, answered.replace("\n", "\r\n").encode())

    def quiet(self) -> None:
        """Nothing is left to do, and nothing more goes out."""
        before = self.cyrus.deliveries(), self.cyrus.mails()
        assert self.plan().changes == ()
        outcome = self.tick(QUIET)
        assert (outcome.done, outcome.errors, self.mails()) == ([], [], [])
        assert (self.cyrus.deliveries(), self.cyrus.mails()) == before


@pytest.fixture
def town(request: pytest.FixtureRequest, cyrus: Cyrus, tmp_path: Path) -> Iterator[Region]:
    made = _region(cyrus, tmp_path, getattr(request, "param", "mentor"))
    yield made
    made.stop()


def _region(cyrus: Cyrus, folder: Path, account: str) -> Region:
    (folder / "password").write_text(PASSWORD, encoding="utf-8")

    def write(href: str, data: bytes) -> None:
        cyrus.ask(account, "PUT", href, data)

    def remove(href: str) -> None:
        cyrus.ask(account, "DELETE", href)

    words = ['kind = "caldav"', f'url = "{cyrus.url}/"', f'user = "{account}"', 'name = "Mentorprogramma"']
    return Region(
        folder=folder,
        calendar="\n".join([*words, 'password = { file = "password" }']),
        read=lambda href: cyrus.ask(account, "GET", href),
        write=write,
        remove=remove,
        cyrus=cyrus,
    )


def _name(person: str) -> str:
    return person.partition("@")[0]


def _sequence(text: str) -> int:
    return int(re.findall(r"(?m)^SEQUENCE:(\d+)", text)[0])


def _attendee(text: str, person: str) -> str:
    """Return the line of one attendee."""
    [line] = re.findall(rf"(?m)^ATTENDEE.*{person}$", text)
    return str(line)


def test_the_server_invites_once_and_we_send_letters_only(town: Region) -> None:
    town.start()

    town.at(WELCOME)
    letters = town.mails()
    town.at(INVITED)

    assert len(letters) == 2
    assert town.engine.applier.sender == "server"
    assert town.mails() == []
    for person in (SANNE, KARIM):
        assert "RRULE:FREQ=WEEKLY" in town.copy(person, "series")
        assert "LOCATION:Zaal 1" in town.copy(person, "goals")
        assert len(town.cyrus.events(_name(person), "Inbox")) == 2
    assert town.cyrus.deliveries() == [KARIM, KARIM, SANNE, SANNE]
    assert town.cyrus.mails() == []
    assert "SCHEDULE-AGENT" not in town.own("goals")
    town.quiet()


def test_an_attendee_elsewhere_gets_the_servers_mail_and_none_of_ours(town: Region) -> None:
    town.words.persons[GUEST] = ("Gast", "")
    town.words.pairs = ((SANNE, GUEST),)

    town.invited()

    assert town.engine.applier.sender == "server"
    assert town.told() == []
    assert town.cyrus.mails() == [(GUEST, "REQUEST"), (GUEST, "REQUEST")]
    assert town.cyrus.deliveries().count(SANNE) == 2
    town.quiet()


@pytest.mark.parametrize("status", ["5.3", "3.8"])
def test_whom_the_server_cannot_reach_hears_everything_from_us_and_nobody_else_does(town: Region, status: str) -> None:
    town.cyrus.turn_away("karim", status)
    town.start()
    town.at(WELCOME)
    town.mails()

    town.at(INVITED)
    invited = town.told()
    agents = {item: [_attendee(town.own(item), person) for person in (KARIM, SANNE)] for item in ("goals", "series")}
    town.quiet()
    town.words.place = "Zaal 2"
    town.changed()
    moved = town.told()
    town.quiet()
    town.words.closed = "2027-02-04"
    town.changed()
    closed = [told for told in town.told() if told[1] == "CANCEL"]
    town.quiet()
    town.words.pairs = ()
    town.changed()
    withdrawn = town.told()
    town.quiet()

    assert invited == [(KARIM, "REQUEST", ""), (KARIM, "REQUEST", "")]
    for karim, sanne in agents.values():
        assert "SCHEDULE-AGENT=CLIENT" in karim
        assert "SCHEDULE-AGENT" not in sanne
    assert moved == [(KARIM, "REQUEST", ""), (KARIM, "REQUEST", "")]
    assert closed == [(KARIM, "CANCEL", "20270204")]
    assert set(withdrawn) == {(KARIM, "CANCEL", "")}
    assert len(withdrawn) == 2


def test_a_changed_place_reaches_each_copy_and_resets_no_answer(town: Region) -> None:
    town.invited()
    town.answer(SANNE, "goals", "ACCEPTED")
    town.tick()

    town.words.place = "Zaal 2"
    town.changed()

    assert town.told() == []
    for person in (SANNE, KARIM):
        assert "LOCATION:Zaal 2" in town.copy(person, "goals")
        assert "LOCATION:Zaal 2" in town.copy(person, "series")
    assert "PARTSTAT=ACCEPTED" in _attendee(town.own("goals"), SANNE)
    assert "PARTSTAT=ACCEPTED" in _attendee(town.copy(SANNE, "goals"), SANNE)
    town.quiet()


def test_a_closed_day_is_taken_out_of_each_copy_and_gets_a_stand_in(town: Region) -> None:
    town.invited()
    before = town.cyrus.deliveries()

    town.words.closed = "2027-02-04"
    town.changed()
    closed = town.cyrus.deliveries()
    town.at(datetime(2026, 12, 31, 9, 0, tzinfo=UTC))

    assert town.told() == []
    for person in (SANNE, KARIM):
        assert "EXDATE;TZID=Europe/Amsterdam:20270204T150000" in town.copy(person, "series")
        assert "DTSTART;TZID=Europe/Amsterdam:20270205T150000" in town.copy(person, "stand-in:2027-02-04")
    assert closed == sorted([*before, SANNE, KARIM])
    assert town.cyrus.deliveries() == sorted([*closed, SANNE, KARIM])
    town.quiet()


def test_a_withdrawn_mentorship_is_cancelled_in_each_copy(town: Region) -> None:
    town.invited()
    copies = [(person, town.row(item).uid) for person in (SANNE, KARIM) for item in ("goals", "series")]

    town.words.pairs = ()
    town.changed()

    assert town.told() == []
    for person, uid in copies:
        [text] = [text for text in town.cyrus.events(_name(person)).values() if f"UID:{uid}" in text]
        assert "STATUS:CANCELLED" in text
    assert town.cyrus.deliveries().count(SANNE) == 4
    town.quiet()


def test_a_mentorship_withdrawn_half_way_keeps_its_past_in_each_copy(town: Region) -> None:
    town.invited()
    town.at(datetime(2027, 2, 1, 9, 0, tzinfo=UTC))
    town.mails()

    town.words.pairs = ()
    row = town.row("series")
    town.changed()

    assert town.told() == []
    [text] = [text for text in town.cyrus.events("karim").values() if f"UID:{row.uid}" in text]
    assert "STATUS:CANCELLED" not in text
    assert re.search(r"UNTIL=202701\d\dT", text), text
    town.quiet()


@pytest.mark.parametrize("said", ["ACCEPTED", "DECLINED"])
def test_an_answer_makes_no_plan_and_is_neither_written_back_nor_reset(town: Region, said: str) -> None:
    town.invited()

    town.answer(SANNE, "goals", said)

    assert town.plan().changes == ()
    outcome = town.tick()
    assert (outcome.done, outcome.errors, town.told()) == ([], [], [])
    assert f"PARTSTAT={said}" in _attendee(town.own("goals"), SANNE)
    town.quiet()


def test_an_attendee_who_throws_the_copy_away_makes_no_plan(town: Region) -> None:
    town.invited()
    uid = town.row("goals").uid
    [href] = [href for href, text in town.cyrus.events("sanne").items() if f"UID:{uid}" in text]

    town.cyrus.ask("sanne", "DELETE", href)

    assert town.plan().changes == ()
    assert town.tick().done == []
    assert "PARTSTAT=DECLINED" in _attendee(town.own("goals"), SANNE)
    town.quiet()


def test_what_a_person_moved_in_the_organizers_calendar_stays_and_the_server_tells(town: Region) -> None:
    town.invited()
    town.answer(KARIM, "goals", "ACCEPTED")
    town.tick()

    text = town.own("goals").replace("T150000", "T110000").replace("T160000", "T120000")
    town.write(town.row("goals").href, text.replace("\n", "\r\n").encode())
    town.tick()
    town.tick(QUIET)

    assert town.event("goals").start.hour == 11
    assert town.told() == []
    assert "T110000" in town.copy(SANNE, "goals")
    assert "T110000" in town.copy(KARIM, "goals")
    town.quiet()


def test_whom_the_server_cannot_reach_hears_of_a_persons_move_from_us_after_ten_minutes(town: Region) -> None:
    town.cyrus.turn_away("karim", "5.3")
    town.invited()

    text = town.own("goals").replace("T150000", "T110000").replace("T160000", "T120000")
    town.write(town.row("goals").href, text.replace("\n", "\r\n").encode())
    town.tick()
    early = town.told()
    town.tick(QUIET)

    assert early == []
    assert town.told() == [(KARIM, "REQUEST", "")]
    assert "T110000" in town.copy(SANNE, "goals")
    assert "T110000" in town.own("goals")
    town.quiet()


def test_a_deleted_event_is_cancelled_by_the_server_and_by_us_where_it_cannot(town: Region) -> None:
    town.cyrus.turn_away("karim", "5.3")
    town.invited()

    town.remove(town.row("goals").href)
    town.tick()
    town.tick(QUIET)

    assert town.told() == [(KARIM, "CANCEL", "")]
    town.quiet()


def test_a_new_mentor_whom_the_server_cannot_reach_hears_from_us(town: Region) -> None:
    town.invited()
    town.cyrus.turn_away("dienst", "5.3")
    town.words.persons["dienst@voorbeeld.example"] = ("Diederik", "")
    town.words.pairs = ((SANNE, "dienst@voorbeeld.example"),)

    town.changed()
    town.tick(QUIET)
    town.tick(QUIET)

    told = [told for told in town.told() if told[0] != SANNE]
    assert told == [("dienst@voorbeeld.example", "REQUEST", ""), ("dienst@voorbeeld.example", "REQUEST", "")]
    assert "STATUS:CANCELLED" in town.copy(KARIM, "goals")
    town.quiet()


def test_a_lost_ledger_finds_out_again_who_invites_whom(town: Region) -> None:
    town.cyrus.turn_away("karim", "5.3")
    town.invited()
    before = town.cyrus.deliveries()
    town.stop()
    (town.folder / "state.sqlite3").unlink()

    town.start()
    town.tick()
    town.mails()

    assert town.engine.applier.sender == "server"
    assert town.cyrus.deliveries() == before
    town.words.place = "Zaal 2"
    town.changed()
    assert town.told() == [(KARIM, "REQUEST", ""), (KARIM, "REQUEST", "")]
    assert "LOCATION:Zaal 2" in town.copy(SANNE, "goals")
    town.quiet()


def test_a_crash_right_after_the_very_first_write_invites_nobody_twice(town: Region) -> None:
    town.invited()
    before = town.cyrus.deliveries()
    ledger = town.engine.ledger
    with ledger.write():  # as it is when the event has been written, and the answer has not been
        ledger.db.execute("DELETE FROM meta WHERE name = 'sender'")
        for row in ledger.rows().values():
            ledger.put(replace(row, state="intended", told=None, href="", etag="", sequence=0))

    town.start()
    town.tick()

    assert town.engine.applier.sender == "server"
    assert town.told() == []
    assert town.cyrus.deliveries() == before
    town.quiet()


def test_who_is_unreachable_is_told_after_a_crash_too(town: Region) -> None:
    town.cyrus.turn_away("karim", "5.3")
    town.invited()
    ledger = town.engine.ledger
    with ledger.write():  # as it is when the event has been written, and the answer has not been
        row = town.row("goals")
        ledger.put(replace(row, state="intended", told=None, href="", etag="", sequence=0, ours=()))

    town.start()
    town.tick()

    assert town.told() == [(KARIM, "REQUEST", "")]
    town.quiet()


@pytest.mark.parametrize("invitations", ["mail", "none"])
def test_the_config_has_the_last_word_on_who_invites(town: Region, invitations: str) -> None:
    town.words.invitations = invitations
    town.start()
    town.at(WELCOME)
    town.mails()

    town.at(INVITED)

    assert [told[0] for told in town.told()] == ([KARIM, KARIM, SANNE, SANNE] if invitations == "mail" else [])
    assert (town.cyrus.deliveries(), town.cyrus.mails()) == ([], [])
    town.quiet()


def test_invitations_pass_from_the_server_to_us_and_back(town: Region) -> None:
    """Taking over, our REQUEST must count for more than the CANCEL that the server sends to whom it had invited."""
    town.invited()

    town.words.invitations, town.words.place = "mail", "Zaal 2"
    town.changed()
    ours = sorted((str(mail["To"].addresses[0].addr_spec), _sequence(_calendar_part(mail))) for mail in town.mails())
    cancelled = _sequence(town.copy(SANNE, "goals"))
    town.quiet()
    town.words.invitations, town.words.place = "server", "Zaal 3"
    town.changed()

    assert [to for to, _ in ours] == [KARIM, KARIM, SANNE, SANNE]
    assert min(sequence for _, sequence in ours) > cancelled
    assert town.told() == []
    for person in (SANNE, KARIM):
        assert "LOCATION:Zaal 3" in town.copy(person, "goals")
        assert "STATUS:CONFIRMED" in town.copy(person, "goals")
    town.quiet()


@pytest.mark.parametrize("town", ["dienst"], indirect=True)
def test_where_the_organizer_is_not_the_accounts_we_invite(town: Region) -> None:
    town.start()  # dienst@voorbeeld.example writes for mentor@voorbeeld.example
    town.at(WELCOME)
    town.mails()

    town.at(INVITED)

    assert town.engine.applier.sender == "mail"
    assert town.told() == [(KARIM, "REQUEST", ""), (KARIM, "REQUEST", ""), (SANNE, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert (town.cyrus.deliveries(), town.cyrus.mails()) == ([], [])
    assert "SCHEDULE-AGENT=CLIENT" in _attendee(town.own("goals"), SANNE)
    town.quiet()
