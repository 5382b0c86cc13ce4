"""What every calendar backend does with people's own calendars: writes in them, looks when they are busy, hears their answers.

The service has one account, each person another; what people do in their calendars, their own programs do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from tests.backends.people_contract import (
    DENTIST,
    END,
    LISTING,
    ORGANIZER,
    STAMP,
    START,
    BusyContract,
    OwnersContract,
    Village,
    create,
    entry,
    meeting,
    person,
    raw_requests,
    requests_sent,
    series,
    utc,
)
from tests.fakes.settings import with_maker

from beklijf.backends.caldav.schedule import Scheduling
from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.backends.folder.settings import CalendarInFolder
from beklijf.backends.per_person.calendar import Owners
from beklijf.backends.registry import open_calendar
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import CalendarSettings
from beklijf.model.conversation import Busy
from beklijf.model.domain import Contact, Event, Person
from beklijf.model.errors import Refused
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.caldav_servers import Server

    from beklijf.backends.caldav.calendar import CaldavCalendar
    from beklijf.contracts.calendar import Calendar


MAKING = b'<c:mkcalendar xmlns:c="urn:ietf:params:xml:ns:caldav"/>'


class TestFolder(OwnersContract, BusyContract):
    @pytest.fixture
    def village(self, tmp_path: Path) -> Village:
        return _in_folders(tmp_path, "")

    def broken(self, village: Village) -> set[str]:
        """Nobody's: a folder that isn't there is made."""
        assert village.settings.kind.on_disk
        return set()

    def test_a_pattern_leads_to_another_place(self, tmp_path: Path) -> None:
        village = _in_folders(tmp_path / "ours", str(tmp_path / "people" / "{domain}" / "{local}"))

        hers = create(village.calendar, series(village.sanne))

        assert (tmp_path / "people" / "voorbeeld.example" / "sanne" / village.inner(hers)).is_file()

    def test_an_address_with_a_path_in_it_stays_in_the_folder(self, tmp_path: Path) -> None:
        village = _in_folders(tmp_path / "ours", str(tmp_path / "people" / "{local}"))

        create(village.calendar, meeting(person("../../etc@voorbeeld.example")))

        [path] = (tmp_path / "people").rglob("*.ics")
        assert path.parent.parent == tmp_path / "people"

    def test_broken_files_do_not_hide_what_can_be_read(self, village: Village, tmp_path: Path) -> None:
        village.write(village.sanne, "a.ics", b"\xff\x00")
        village.write(village.sanne, "b.ics", entry("RRULE:FREQ=SECONDLY", name="b"))
        village.write(village.sanne, "c.ics", entry())
        (tmp_path / village.sanne.email / "d.ics").mkdir()
        (tmp_path / village.sanne.email / "e.ics").symlink_to(tmp_path / "nowhere")

        assert village.calendar.busy((village.sanne,), START, END) == {village.sanne.key: (DENTIST,)}

    def test_what_a_person_declined_under_any_address_keeps_nobody_busy(self, village: Village) -> None:
        sanne = replace(village.sanne, other_addresses=frozenset({"s@voorbeeld.example"}))
        village.write(sanne, "a.ics", entry("ATTENDEE;PARTSTAT=DECLINED:mailto:s@voorbeeld.example"))

        assert village.calendar.busy((sanne,), START, END) == {sanne.key: ()}

    def test_the_services_own_folder_says_nothing_about_anybody(self, village: Village) -> None:
        create(village.calendar, meeting(ORGANIZER))

        assert village.calendar.busy((person(ORGANIZER.email),), START, END) == {}

    def test_a_meeting_of_the_mentee_is_one_that_the_server_never_invites_to(self, village: Village) -> None:
        calendar = village.calendar
        calendar.changes(None)

        assert calendar.may_schedule is False


class ServerContract(OwnersContract, BusyContract):
    def test_a_server_that_is_gone_is_everybodys_and_not_theirs(self, village: Village) -> None:
        calendar = open_calendar(with_maker(village.settings, url="http://127.0.0.1:1/"), ORGANIZER.email, (village.sanne,))

        with pytest.raises(Exception, match=r"127\.0\.0\.1:1"):
            calendar.changes(None)

        calendar.close()

    def test_nobodys_calendar_is_made_for_them(self, village: Village) -> None:
        village.leave(village.sanne)

        with pytest.raises(Refused, match="there is no calendar"):
            create(village.calendar, series(village.sanne))

    def test_the_password_goes_to_no_other_server(self, village: Village) -> None:
        stranger = person("vreemd@voorbeeld.example", "http://127.0.0.2:9/calendar/")
        calendar = village.open(stranger)

        assert "another server" in calendar.check_people()[stranger.email]
        assert calendar.busy((stranger,), START, END) == {}

    def test_nothing_is_asked_where_nothing_says_whom(self, village: Village) -> None:
        settings = replace(with_maker(village.settings, people=""), organized_by="service")
        calendar = open_calendar(settings, ORGANIZER.email)

        assert calendar.busy((village.sanne,), START, END) == {}
        calendar.close()


class TestRadicale(ServerContract):
    """No scheduling: each person's calendar is asked by itself, where it is shared."""

    @pytest.fixture
    def village(self, radicale: Server, password: Path) -> Iterator[Village]:
        accounts = [radicale.account() for _ in range(3)]
        yield from _on_server(radicale, password, accounts, f"{radicale.url}{{local}}/shared/", accounts)

    def test_what_may_only_be_read_is_named(self, village: Village, radicale: Server) -> None:
        name = radicale.account()
        reader = person(f"{name}@voorbeeld.example", f"{radicale.url}{name}/shown/")
        raw_requests(radicale, name)("MKCALENDAR", f"/{name}/shown/", MAKING)
        calendar = village.open(reader)

        assert "may be read, but not written" in calendar.check_people()[reader.email]
        assert calendar.busy((reader,), START, END) == {reader.key: ()}

    def test_a_closed_calendar_is_named_and_tells_nothing(self, village: Village, radicale: Server) -> None:
        name = radicale.account()
        closed = person(f"{name}@voorbeeld.example", f"{radicale.url}{name}/closed/")
        raw_requests(radicale, name)("MKCALENDAR", f"/{name}/closed/", MAKING)
        calendar = village.open(closed, village.sanne)

        assert calendar.check_people().keys() == {closed.email}
        assert calendar.busy((closed, village.sanne), START, END) == {village.sanne.key: ()}
        assert calendar.changes(None).away.keys() == {closed.email}

    def test_a_server_without_an_inbox_costs_no_request(self, village: Village) -> None:
        calendar = village.calendar
        calendar.changes(None)
        before = village.requests(calendar)

        assert calendar.waiting() == ()
        assert calendar.busy((person("x@voorbeeld.example", "http://127.0.0.2:9/"),), START, END) == {}
        assert village.requests(calendar) == before

    def test_an_inbox_that_cannot_be_read_is_as_none_and_is_asked_once(self, village: Village) -> None:
        calendar = village.open()
        service: CaldavCalendar = calendar._service  # type: ignore[assignment]  # what is behind it, on this server
        collections = replace(service._collections(), inbox=f"{service.maker.url}nothing/here/")
        scheduling = Scheduling(service.connection, collections, service.maker)
        before = village.requests(calendar)

        assert (scheduling.waiting(), scheduling.waiting()) == ((), ())
        assert scheduling.deaf in {403, 404}
        assert village.requests(calendar) - before == 1


class TestXandikos(ServerContract):
    """Scheduling; of other accounts it tells nothing, so people's calendars are in the service's own home here."""

    @pytest.fixture
    def village(self, xandikos: Server, password: Path) -> Iterator[Village]:
        account = xandikos.account()
        accounts = [account, xandikos.account(), xandikos.account()]
        pattern = f"{xandikos.url}{account}/calendars/{{local}}/"
        yield from _on_server(xandikos, password, accounts, pattern, [account] * 3)

    def test_an_answer_waits_in_the_inbox_where_the_organizers_copy_does_not_show_it(self, mailed: Mailed) -> None:
        """This server looks for the event in the account's default calendar only, and ours stands in one of its own."""
        mailed.calendar.create(mailed.event, sequence=0, agent=Agent.SERVER, stamp=STAMP)
        token = mailed.calendar.changes(None).token
        assert mailed.calendar.waiting() == ()

        mailed.answer("ACCEPTED")

        [waiting] = mailed.calendar.waiting()
        message = waiting.message
        assert (message.method, message.uid, message.recurrence_id, message.partstat) == ("REPLY", mailed.event.uid, None, "ACCEPTED")
        assert message.attendee == mailed.attendee
        assert mailed.calendar.changes(token).changed == ()

    def test_what_is_taken_out_is_gone_and_may_be_taken_twice(self, mailed: Mailed) -> None:
        mailed.calendar.create(mailed.event, sequence=0, agent=Agent.SERVER, stamp=STAMP)
        mailed.answer("DECLINED")
        [waiting] = mailed.calendar.waiting()

        mailed.calendar.take(waiting)
        mailed.calendar.take(waiting)

        assert mailed.calendar.waiting() == ()

    def test_what_is_not_for_us_is_left_alone_and_read_once(self, mailed: Mailed) -> None:
        mailed.calendar.create(mailed.event, sequence=0, agent=Agent.SERVER, stamp=STAMP)
        mailed.invite_us()
        assert mailed.calendar.waiting() == ()
        before = mailed.requests()

        assert mailed.calendar.waiting() == ()
        assert mailed.requests() - before == 1
        assert len(mailed.inbox()) == 1

    def test_busy_times_of_the_account_itself_are_told_by_the_outbox(self, mailed: Mailed) -> None:
        mailed.calendar.create(mailed.event, sequence=0, agent=Agent.SERVER, stamp=STAMP)
        us, other = person(mailed.event.organizer.email), person(mailed.attendee)

        found = mailed.calendar.busy((us, other), START, END)

        assert found == {us.key: (Busy(utc("2027-01-07", 15), utc("2027-01-07", 16)),)}  # of others it says: no authority


@dataclass(frozen=True, slots=True)
class Mailed:
    """Two accounts of a scheduling server: ours, and one whose program answers."""

    calendar: Calendar
    event: Event
    attendee: str
    answer: Callable[[str], None]
    invite_us: Callable[[], None]
    inbox: Callable[[], list[str]]
    requests: Callable[[], int]


@pytest.fixture
def mailed(xandikos: Server, password: Path) -> Iterator[Mailed]:
    us, them = xandikos.account(), xandikos.account()
    ask = {name: raw_requests(xandikos, name) for name in (us, them)}
    addresses = (
        '<d:propertyupdate xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop><c:calendar-user-address-set>'
        "<d:href>mailto:{}@voorbeeld.example</d:href></c:calendar-user-address-set></d:prop></d:set></d:propertyupdate>"
    )
    for name in (us, them):
        ask[name]("PROPPATCH", f"/{name}/", addresses.format(name).encode())
    organizer, attendee = Contact("Mentorprogramma", f"{us}@voorbeeld.example"), f"{them}@voorbeeld.example"
    settings = replace(_caldav(xandikos, password, us, ""), organizer=organizer, organized_by="service")
    calendar = open_calendar(settings, organizer.email)

    def hrefs(name: str, place: str) -> list[str]:
        listed = ask[name]("PROPFIND", f"/{name}/{place}/", LISTING).decode()
        return re.findall(r"<\w+:href>([^<]+\.ics)</", listed)

    def answer(said: str) -> None:
        [copy] = hrefs(them, "calendars/calendar")
        text = ask[them]("GET", copy, None).replace(b"\r\n ", b"").decode()
        answered = re.sub(rf"(?m)^(ATTENDEE.*)PARTSTAT=[A-Z-]+(.*{attendee})", rf"\1PARTSTAT={said}\2", text)
        assert answered != text
        ask[them]("PUT", copy, answered.encode())

    def invite_us() -> None:
        lines = f"ORGANIZER:mailto:{attendee}", f"ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:{organizer.email}"
        ask[them]("PUT", f"/{them}/calendars/calendar/lunch.ics", entry(*lines, name="lunch"))

    made = replace(meeting(organizer), people=(Contact("", attendee),))
    yield Mailed(calendar, made, attendee, answer, invite_us, lambda: hrefs(us, "inbox"), lambda: requests_sent(calendar))
    calendar.close()


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("mentorpw\n", encoding="utf-8")
    return path


def _in_folders(path: Path, people: str) -> Village:
    settings = CalendarSettings(
        maker=CalendarInFolder(path=path, people=people), organizer=ORGANIZER, organized_by="mentee", invitations="auto"
    )

    def opened(*persons: Person) -> Owners:
        calendar = open_calendar(settings, ORGANIZER.email, persons)
        assert isinstance(calendar, Owners)
        return calendar

    def write(whose: Person, href: str, data: bytes) -> None:
        (path / whose.email).mkdir(exist_ok=True, parents=True)
        (path / whose.email / href).write_bytes(data)

    for name in ("sanne", "joris"):
        (path / f"{name}@voorbeeld.example").mkdir(parents=True)
    return Village(
        settings=settings,
        sanne=person("sanne@voorbeeld.example"),
        joris=person("joris@voorbeeld.example"),
        open=opened,
        read=lambda whose, href: (path / whose.email / href).read_bytes(),
        write=write,
        remove=lambda whose, href: (path / whose.email / href).unlink(),
        leave=lambda whose: void((path / whose.email).rename(path / "away")),
        come_back=lambda whose: (path / whose.email).mkdir(),
        place=lambda _, name: f"{name}.ics",
        requests=lambda _: 0,
    )


def _on_server(server: Server, password: Path, accounts: list[str], pattern: str, writers: list[str]) -> Iterator[Village]:
    """Yield a village whose people write by the accounts *writers*."""
    settings = _caldav(server, password, accounts[0], pattern)
    sanne, joris = (person(f"{name}@voorbeeld.example") for name in accounts[1:])
    places = {
        one.key: pattern.replace("{local}", name).removeprefix(server.url.rstrip("/"))
        for one, name in zip((sanne, joris), accounts[1:], strict=True)
    }
    ask = {one.key: raw_requests(server, writer) for one, writer in zip((sanne, joris), writers[1:], strict=True)}
    calendars: list[Owners] = []

    def opened(*persons: Person) -> Owners:
        calendar = open_calendar(settings, ORGANIZER.email, persons)
        assert isinstance(calendar, Owners)
        calendars.append(calendar)
        return calendar

    def come_back(whose: Person) -> None:
        ask[whose.key]("MKCALENDAR", places[whose.key], MAKING)

    for one in (sanne, joris):
        come_back(one)
    yield Village(
        settings=settings,
        sanne=sanne,
        joris=joris,
        open=opened,
        read=lambda whose, href: ask[whose.key]("GET", href, None),
        write=lambda whose, href, data: void(ask[whose.key]("PUT", href, data)),
        remove=lambda whose, href: void(ask[whose.key]("DELETE", href, None)),
        leave=lambda whose: void(ask[whose.key]("DELETE", places[whose.key], None)),
        come_back=come_back,
        place=lambda whose, name: f"{places[whose.key]}{name}.ics",
        requests=lambda calendar: requests_sent(calendar._service),
    )
    for calendar in calendars:
        calendar.close()


def _caldav(server: Server, password: Path, account: str, pattern: str) -> CalendarSettings:
    return CalendarSettings(
        maker=CalendarByCaldav(url=server.url, user=account, password=Secret("file", str(password)), ca=server.ca, people=pattern),
        organizer=ORGANIZER,
        organized_by="mentee",
        invitations="auto",
        name="Mentor & meer",
    )


def void(_: object) -> None:
    """Make nothing of what a program was told."""
