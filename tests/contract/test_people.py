"""What every calendar backend does with people's own calendars: writes in them, looks when they are busy, hears their answers.

The service has one account, each person another; what people do in their calendars, their own programs do.
"""

from __future__ import annotations

import base64
import re
import ssl
import urllib.request
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

import pytest
from tests.fakes.settings import with_maker

from beklijf.backends.caldav.schedule import Scheduling
from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.backends.folder.settings import CalendarInFolder
from beklijf.backends.per_person.calendar import Owners, Token
from beklijf.backends.registry import open_calendar
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import CalendarSettings
from beklijf.model.conversation import Busy
from beklijf.model.domain import Contact, Event, Person, Recurrence, Single
from beklijf.model.errors import Conflict, Missing, Refused
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from beklijf.backends.caldav.calendar import CaldavCalendar
    from beklijf.contracts.calendar import Calendar
    from beklijf.model.stored import Changes, Stored

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
STAMP = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ORGANIZER = Contact("Mentorprogramma", "mentor@voorbeeld.example")
KARIM = Contact("Karim Bakker", "karim@voorbeeld.example")
START, END = datetime(2027, 1, 4, tzinfo=UTC), datetime(2027, 2, 15, tzinfo=UTC)


def at(day: str, hour: int = 10) -> datetime:
    value = date.fromisoformat(day)
    return datetime(value.year, value.month, value.day, hour, tzinfo=AMSTERDAM)


def utc(day: str, hour: int = 10) -> datetime:
    return at(day, hour).astimezone(UTC)


def person(email: str, calendar: str = "") -> Person:
    name = email.partition("@")[0].title()
    return Person(key=f"was-{email}", name=name, email=email, language="nl", zone=AMSTERDAM, works=frozenset(range(5)), calendar=calendar)


def meeting(organizer: Person | Contact, name: str = "goals") -> Event:
    return Event(
        uid=f"{name}-12345678@beklijf",
        start=at("2027-01-07", 15),
        minutes=60,
        recurrence=None,
        singles=(),
        title="Kennismaking",
        text="Waar wil je aan werken?",
        place="Zaal 1",
        organizer=Contact(organizer.name, organizer.email),
        people=(KARIM,),
        alarms=(),
        free=False,
    )


def series(organizer: Person | Contact, name: str = "series") -> Event:
    return replace(
        meeting(organizer, name),
        start=at("2027-03-02"),
        recurrence=Recurrence(2, utc("2027-06-22")),
        singles=(Single(utc("2027-04-13"), None), Single(utc("2027-04-27"), utc("2027-04-28", 11), 45)),
    )


def entry(*lines: str, name: str = "dentist", start: str = "20270112T090000Z", end: str = "20270112T103000Z") -> bytes:
    """Return something else that a person has in their calendar."""
    said = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//somebody//EN", "BEGIN:VEVENT", f"UID:{name}@elsewhere.example"]
    said += ("DTSTAMP:20261101T120000Z", f"DTSTART:{start}", f"DTEND:{end}", "SUMMARY:Geheim", *lines, "END:VEVENT", "END:VCALENDAR", "")
    return "\r\n".join(said).encode()


LISTING = b'<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/></d:prop></d:propfind>'
MAKING = b'<c:mkcalendar xmlns:c="urn:ietf:params:xml:ns:caldav"/>'

DENTIST = Busy(datetime(2027, 1, 12, 9, 0, tzinfo=UTC), datetime(2027, 1, 12, 10, 30, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Village:
    """The service's calendar, and those of two mentees; what their own programs do there."""

    settings: CalendarSettings
    sanne: Person
    joris: Person
    open: Callable[..., Owners]
    """With other people than these two."""
    read: Callable[[Person, str], bytes]
    write: Callable[[Person, str, bytes], None]
    remove: Callable[[Person, str], None]
    leave: Callable[[Person], None]
    """The person's calendar is no more."""
    come_back: Callable[[Person], None]
    """... and is there again, empty."""
    place: Callable[[Person, str], str]
    """What an object of that name is called in the person's calendar."""
    requests: Callable[[Owners], int]

    @property
    def calendar(self) -> Owners:
        return self.open(self.sanne, self.joris)

    def inner(self, stored: Stored) -> str:
        return stored.href.partition("|")[2]

    def edit(self, whose: Person, stored: Stored, old: str, new: str) -> None:
        text = self.read(whose, self.inner(stored)).replace(b"\r\n ", b"").decode()
        assert old in text, text
        self.write(whose, self.inner(stored), text.replace(old, new).encode())


def create(calendar: Calendar, event: Event) -> Stored:
    return calendar.create(event, sequence=0, agent=Agent.CLIENT, stamp=STAMP)


def by_href(changes: Changes) -> dict[str, Stored]:
    return {stored.href: stored for stored in changes.changed}


class OwnersContract:
    """Events in the calendars of those who organize them."""

    def test_each_event_stands_in_its_organizers_own_calendar(self, village: Village) -> None:
        calendar = village.calendar
        hers, his = create(calendar, series(village.sanne)), create(calendar, meeting(village.joris))
        ours = create(calendar, meeting(ORGANIZER, "reminder"))

        read = by_href(village.calendar.changes(None))

        assert read == {stored.href: stored for stored in (hers, his, ours)}
        assert (hers.event, his.event) == (series(village.sanne), meeting(village.joris))
        assert hers.href.startswith(f"{village.sanne.email}|")
        assert "|" not in ours.href
        assert b"UID:series-12345678@beklijf" in village.read(village.sanne, village.inner(hers))
        assert b"UID:goals-12345678@beklijf" in village.read(village.joris, village.inner(his))
        assert calendar.fetch(hers.href) == hers

    def test_nothing_new_takes_one_request_a_calendar(self, village: Village) -> None:
        calendar = village.calendar
        for event in (series(village.sanne), meeting(village.joris), meeting(ORGANIZER, "reminder")):
            create(calendar, event)
        token = calendar.changes(None).token
        before = village.requests(calendar)

        changes = calendar.changes(token)

        assert village.requests(calendar) - before <= 3
        assert (changes.full, changes.changed, changes.gone, changes.away) == (False, (), (), {})
        assert changes.token == token

    def test_what_people_do_in_their_own_calendars_is_seen(self, village: Village) -> None:
        calendar = village.calendar
        hers, his = create(calendar, series(village.sanne)), create(calendar, meeting(village.joris))
        token = calendar.changes(None).token
        village.edit(village.sanne, hers, "Zaal 1", "Kantine")
        village.remove(village.joris, village.inner(his))

        changes = village.calendar.changes(token)  # by another process, with the token of this one

        assert not changes.full
        assert {href: stored.event.place for href, stored in by_href(changes).items()} == {hers.href: "Kantine"}
        assert changes.gone == (his.href,)
        with pytest.raises(Missing):
            calendar.fetch(his.href)

    def test_what_is_known_by_its_etag_is_not_read_again(self, village: Village) -> None:
        calendar = village.calendar
        hers, his = create(calendar, series(village.sanne)), create(calendar, meeting(village.joris))
        known = {stored.href: stored.etag for stored in calendar.changes(None).changed}
        village.edit(village.sanne, hers, "Zaal 1", "Kantine")

        changes = village.calendar.changes(None, known)

        assert set(by_href(changes)) == {hers.href}
        assert changes.unchanged == {his.href}

    def test_updates_and_deletes_go_where_the_event_is(self, village: Village) -> None:
        calendar = village.calendar
        hers, his = create(calendar, series(village.sanne)), create(calendar, meeting(village.joris))

        updated = calendar.update(hers, replace(hers.event, place="Zaal 9"), frozenset({"place"}), sequence=1, agent=Agent.CLIENT)
        calendar.delete(his)

        assert updated.href == hers.href
        assert by_href(village.calendar.changes(None)) == {hers.href: updated}

    def test_a_write_over_what_a_person_changed_is_a_conflict(self, village: Village) -> None:
        calendar = village.calendar
        hers = create(calendar, series(village.sanne))
        village.edit(village.sanne, hers, "Zaal 1", "Kantine")

        with pytest.raises(Conflict):
            calendar.update(hers, replace(hers.event, place="Zaal 9"), frozenset({"place"}), sequence=1, agent=Agent.CLIENT)
        with pytest.raises(Conflict):
            calendar.delete(hers)

    def test_other_things_in_peoples_calendars_are_never_returned(self, village: Village) -> None:
        calendar = village.calendar
        village.write(village.sanne, village.place(village.sanne, "dentist"), entry())
        token = calendar.changes(None).token
        village.write(village.sanne, village.place(village.sanne, "doctor"), entry(name="doctor"))

        assert calendar.changes(None).changed == calendar.changes(token).changed == ()

    def test_a_calendar_that_is_gone_is_away_and_hides_nobody_elses(self, village: Village) -> None:
        calendar = village.calendar
        hers, his = create(calendar, series(village.sanne)), create(calendar, meeting(village.joris))
        first = calendar.changes(None)
        known = {stored.href: stored.etag for stored in first.changed}
        village.leave(village.sanne)
        village.edit(village.joris, his, "Zaal 1", "Kantine")

        since, full = calendar.changes(first.token), village.calendar.changes(None, known)

        for changes in (since, full):
            assert changes.away.keys() == {village.sanne.email}
            assert set(by_href(changes)) == {his.href}
        assert since.gone == ()
        assert full.unchanged == {hers.href}
        assert isinstance(full.away[village.sanne.email], Refused)

    @pytest.mark.parametrize("full", [False, True])
    def test_when_it_is_back_what_is_missing_from_it_is_gone(self, village: Village, full: bool) -> None:
        calendar = village.calendar
        hers = create(calendar, series(village.sanne))
        first = calendar.changes(None)
        village.leave(village.sanne)
        away = calendar.changes(None, {hers.href: hers.etag}) if full else calendar.changes(first.token)
        village.come_back(village.sanne)

        changes = calendar.changes(away.token)

        assert (changes.full, changes.away, changes.gone) == (False, {}, (hers.href,))

    def test_a_calendar_that_forgot_its_token_is_compared_with_what_was_known(self, village: Village) -> None:
        calendar = village.calendar
        hers, his = create(calendar, series(village.sanne)), create(calendar, meeting(village.joris))
        token = calendar.changes(None).token
        assert isinstance(token, Token)
        forgotten = Token({**token.known, village.sanne.email: replace(token.known[village.sanne.email], token="of another time")})
        village.remove(village.sanne, village.inner(hers))
        village.edit(village.joris, his, "Zaal 1", "Kantine")

        changes = calendar.changes(forgotten)

        assert (changes.full, changes.gone, set(by_href(changes))) == (False, (hers.href,), {his.href})

    def test_a_new_mentee_makes_nobody_elses_calendar_be_read_anew(self, village: Village) -> None:
        alone = village.open(village.sanne)
        create(alone, series(village.sanne))
        token = alone.changes(None).token
        both = village.calendar
        his = create(both, meeting(village.joris))

        changes = both.changes(token)

        assert (changes.full, set(by_href(changes))) == (False, {his.href})

    def test_who_left_the_config_is_asked_as_long_as_events_are_there(self, village: Village) -> None:
        hers = create(village.calendar, series(village.sanne))

        changes = village.open(village.joris).changes(None, {hers.href: hers.etag})

        assert changes.unchanged == {hers.href}
        village.open(village.joris).delete(hers)
        assert village.open(village.joris).changes(None, {hers.href: hers.etag}).unchanged == frozenset()

    def test_a_token_of_another_kind_gives_a_full_reading(self, village: Village) -> None:
        hers = create(village.calendar, series(village.sanne))

        for token in ("nonsense", {"sync": "1"}):
            changes = village.calendar.changes(token)
            assert (changes.full, set(by_href(changes))) == (True, {hers.href})

    def test_checking_names_whose_calendar_does_not_work_and_writes_nothing(self, village: Village) -> None:
        calendar = village.calendar
        assert calendar.check_people() == {}
        village.leave(village.sanne)

        problems, said = village.calendar.check_people(), village.calendar.check()

        assert problems.keys() == self.broken(village)
        assert "\n" not in said
        assert f"{2 - len(problems)} of 2 people's own calendars" in said
        assert village.open(village.joris).changes(None).changed == ()

    def broken(self, village: Village) -> set[str]:
        return {village.sanne.email}

    def test_closing_is_not_the_end(self, village: Village) -> None:
        calendar = village.calendar
        hers = create(calendar, series(village.sanne))

        calendar.close()

        assert calendar.fetch(hers.href) == hers


class BusyContract:
    """When people can't, and nothing else about it."""

    def test_busy_times_of_each_person_come_by_key_in_order_and_within_the_window(self, village: Village) -> None:
        for number, data in enumerate(
            (
                entry("RRULE:FREQ=WEEKLY;COUNT=3"),
                entry(name="late", start="20270214T230000Z", end="20270215T010000Z"),
                entry(name="after", start="20270401T090000Z", end="20270401T100000Z"),
                entry("TRANSP:TRANSPARENT", name="free", start="20270113T090000Z", end="20270113T100000Z"),
                entry("STATUS:CANCELLED", name="off", start="20270114T090000Z", end="20270114T100000Z"),
                entry(name="too", start="20270112T100000Z", end="20270112T110000Z"),
            )
        ):
            village.write(village.sanne, village.place(village.sanne, f"n{number}"), data)

        found = village.calendar.busy((village.sanne, village.joris), START, END)

        week = timedelta(weeks=1)
        longer = replace(DENTIST, end=DENTIST.end + timedelta(minutes=30))
        assert found == {
            village.sanne.key: (
                longer,
                *(Busy(DENTIST.start + n * week, DENTIST.end + n * week) for n in (1, 2)),
                Busy(datetime(2027, 2, 14, 23, tzinfo=UTC), END),
            ),
            village.joris.key: (),
        }

    def test_our_own_meetings_count_like_all_others(self, village: Village) -> None:
        calendar = village.calendar
        create(calendar, meeting(village.joris))

        assert calendar.busy((village.joris,), START, END) == {village.joris.key: (Busy(utc("2027-01-07", 15), utc("2027-01-07", 16)),)}

    def test_who_is_not_known_is_not_in_the_result(self, village: Village) -> None:
        village.write(village.sanne, village.place(village.sanne, "dentist"), entry())

        found = village.calendar.busy((village.sanne, person("niemand@voorbeeld.example")), START, END)

        assert found == {village.sanne.key: (DENTIST,)}


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
        _raw(radicale, name)("MKCALENDAR", f"/{name}/shown/", MAKING)
        calendar = village.open(reader)

        assert "may be read, but not written" in calendar.check_people()[reader.email]
        assert calendar.busy((reader,), START, END) == {reader.key: ()}

    def test_a_closed_calendar_is_named_and_tells_nothing(self, village: Village, radicale: Server) -> None:
        name = radicale.account()
        closed = person(f"{name}@voorbeeld.example", f"{radicale.url}{name}/closed/")
        _raw(radicale, name)("MKCALENDAR", f"/{name}/closed/", MAKING)
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
        place = replace(service._place(), inbox=f"{service.maker.url}nothing/here/")
        scheduling = Scheduling(service.connection, place, service.maker)
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
        assert (message.method, message.uid, message.place, message.partstat) == ("REPLY", mailed.event.uid, None, "ACCEPTED")
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
    ask = {name: _raw(xandikos, name) for name in (us, them)}
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
    yield Mailed(calendar, made, attendee, answer, invite_us, lambda: hrefs(us, "inbox"), lambda: _requests(calendar))
    calendar.close()


class Server(Protocol):
    """What conftest.py starts; tests can't import from there."""

    @property
    def url(self) -> str: ...
    @property
    def ca(self) -> Path | None: ...

    def account(self) -> str: ...


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
    ask = {one.key: _raw(server, writer) for one, writer in zip((sanne, joris), writers[1:], strict=True)}
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
        requests=lambda calendar: _requests(calendar._service),
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


def _raw(server: Server, account: str) -> Callable[[str, str, bytes | None], bytes]:
    token = base64.b64encode(f"{account}:mentorpw".encode()).decode()
    context = ssl.create_default_context(cafile=server.ca) if server.ca else None

    def ask(method: str, path: str, data: bytes | None) -> bytes:
        request = urllib.request.Request(server.url.rstrip("/") + path, data=data, method=method)  # noqa: S310 (loopback)
        request.add_header("Authorization", f"Basic {token}")
        request.add_header("Content-Type", "text/calendar; charset=utf-8" if method == "PUT" else "application/xml")
        request.add_header("Depth", "1")
        with urllib.request.urlopen(request, timeout=30, context=context) as response:  # noqa: S310 (loopback)
            content: bytes = response.read()
            return content

    return ask


def _requests(calendar: object) -> int:
    """Return how many requests went out since this was asked first."""
    session = calendar.connection._client.session  # type: ignore[attr-defined]  # the wire is not in the contract
    counting = [hook for hook in session.hooks["response"] if isinstance(hook, _Counting)]
    if not counting:
        counting.append(_Counting())
        session.hooks["response"].append(counting[0])
    return counting[0].count


def void(_: object) -> None:
    """Make nothing of what a program was told."""


class _Counting:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *_: object, **__: object) -> None:
        self.count += 1
