"""Calendars on Cyrus, a server that really sends invitations (RFC 6638): who invites, once, and what reaches each attendee.

The organizer, the mentee and the mentor have accounts there; the attendees' own programs are plain requests.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.backends.calendar_contract import CaldavContract, World
from tests.backends.calendar_contract import caldav_world as world_on
from tests.backends.examples import MEETING, SERIES, STAMP
from tests.fakes.settings import said_to, with_maker
from tests.full.cyrus import PASSWORD, Cyrus, Region, _name, region_of
from tests.town import INVITED, KARIM, QUIET, SANNE, WELCOME, itip_part

from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import CalendarSettings
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.backends.calendar_contract import Opener

    from beklijf.model.domain import Event
    from beklijf.model.stored import Stored

pytestmark = pytest.mark.full


GUEST = "guest@elders.example"


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


@pytest.fixture
def town(request: pytest.FixtureRequest, cyrus: Cyrus, tmp_path: Path) -> Iterator[Region]:
    made = region_of(cyrus, tmp_path, getattr(request, "param", "mentor"))
    yield made
    made.stop()


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
            ledger.put(replace(row, state="intended", announced=None, href="", etag="", sequence=0))

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
        ledger.put(replace(row, state="intended", announced=None, href="", etag="", sequence=0, ours=()))

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
    ours = sorted((str(mail["To"].addresses[0].addr_spec), _sequence(itip_part(mail))) for mail in town.mails())
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
