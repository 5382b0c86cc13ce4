"""People's own calendars on Cyrus: what a delegate writes there, who is told of it, what answers come back, and by which way.

The service's account is a delegate in the mentees' calendars; what the mentees and the mentor do, their own programs do.
"""

from __future__ import annotations

import imaplib
import re
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.backends.examples import declining
from tests.backends.people_contract import (
    KARIM,
    ORGANIZER,
    STAMP,
    BusyContract,
    OwnersContract,
    Village,
    at,
    create,
    meeting,
    person,
    requests_sent,
    series,
    utc,
)
from tests.full.cyrus import PACKAGES, PASSWORD, Cyrus, Serve

from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.backends.per_person.calendar import Owners
from beklijf.backends.registry import open_calendar
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import CalendarSettings
from beklijf.model.domain import Contact, Override, Person
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from beklijf.model.stored import Stored

pytestmark = pytest.mark.full

ACCOUNTS = ("dienst", "sanne", "joris", "karim", "cyrus")
SERVICE = Contact("Mentorprogramma", "dienst@voorbeeld.example")
RIGHTS = "lrswipkxtecd"


@pytest.fixture
def cyrus(debian: Callable[[str, str], Path], serve: Serve, free_ports: Callable[[int], list[int]], tmp_path: Path) -> Cyrus:
    ports = free_ports(2)
    files = serve("cyrus.sh", debian("cyrus", PACKAGES), [*map(str, ports), *(f"{name}:{PASSWORD}" for name in ACCOUNTS)], ports)
    server = Cyrus(f"http://127.0.0.1:{ports[0]}", ports[1], files, tmp_path / "cyrus.log")
    for name in ACCOUNTS[:-1]:
        server.join(name)
    return server


def share(cyrus: Cyrus, owner: str, rights: str) -> None:
    """Let the service into a person's calendar, or (no rights) no longer."""
    with imaplib.IMAP4("127.0.0.1", cyrus.imap, timeout=60) as admin:
        admin.login("cyrus", PASSWORD)
        box = f'"user/{owner}/#calendars/Default"'
        assert (admin.setacl(box, "dienst", rights) if rights else admin.deleteacl(box, "dienst"))[0] == "OK"


def _settings(cyrus: Cyrus, tmp_path: Path, organizer: Contact) -> CalendarSettings:
    (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
    return CalendarSettings(
        maker=CalendarByCaldav(
            url=f"{cyrus.url}/",
            user="dienst",
            password=Secret("file", str(tmp_path / "password")),
            people=f"{cyrus.url}/dav/calendars/user/{{local}}/Default/",
        ),
        organizer=organizer,
        organized_by="mentee",
        invitations="auto",
        name="Mentor & meer",
    )


@pytest.fixture
def village(cyrus: Cyrus, tmp_path: Path) -> Iterator[Village]:
    settings = _settings(cyrus, tmp_path, ORGANIZER)
    calendars: list[Owners] = []

    def opened(*persons: Person) -> Owners:
        calendar = open_calendar(settings, ORGANIZER.email, persons)
        assert isinstance(calendar, Owners)
        calendars.append(calendar)
        return calendar

    def own(whose: Person, href: str) -> str:
        """Return what the owner's own programs call what a delegate finds elsewhere."""
        return f"/dav/calendars/user/{_name(whose)}/Default/{href.rpartition('/')[2]}"

    def write(whose: Person, href: str, data: bytes) -> None:
        cyrus.ask(_name(whose), "PUT", own(whose, href), data)

    def remove(whose: Person, href: str) -> None:
        cyrus.ask(_name(whose), "DELETE", own(whose, href))

    def come_back(whose: Person) -> None:
        for href in cyrus.events(_name(whose)):
            cyrus.ask(_name(whose), "DELETE", href)
        share(cyrus, _name(whose), RIGHTS)

    for name in ("sanne", "joris"):
        share(cyrus, name, RIGHTS)
    yield Village(
        settings=settings,
        sanne=person("sanne@voorbeeld.example"),
        joris=person("joris@voorbeeld.example"),
        open=opened,
        read=lambda whose, href: cyrus.ask(_name(whose), "GET", own(whose, href)),
        write=write,
        remove=remove,
        leave=lambda whose: share(cyrus, _name(whose), ""),
        come_back=come_back,
        place=lambda whose, name: own(whose, f"{name}.ics"),
        requests=lambda calendar: requests_sent(calendar._service),
    )
    for calendar in calendars:
        calendar.close()


def _name(whose: Person | Contact) -> str:
    return whose.email.partition("@")[0]


class TestCyrus(OwnersContract, BusyContract):
    """With a delegate's rights, under the address to which the server sends a delegate on."""


# -- invitations of the mentee -----------------------------------------------------------------------------------------


def invite(calendar: Owners, village: Village) -> Stored:
    return calendar.create(series(village.sanne), sequence=0, agent=Agent.SERVER, stamp=STAMP)


def copy(cyrus: Cyrus) -> tuple[str, str]:
    """Return what the mentor's programs show of it."""
    [(href, text)] = cyrus.events("karim").items()
    return href, re.sub(r"BEGIN:VTIMEZONE.*END:VTIMEZONE\n", "", text, flags=re.DOTALL)


def answer(cyrus: Cyrus, user: str, said: str) -> None:
    """Answer the one invitation that a person has."""
    [(href, text)] = cyrus.events(user).items()
    answered = re.sub(rf"(?m)^(ATTENDEE.*)PARTSTAT=[A-Z-]+(.*{user}@)", rf"\1PARTSTAT={said}\2", text)
    assert answered != text
    cyrus.ask(user, "PUT", href, answered.replace("\n", "\r\n").encode())


def test_the_server_invites_the_mentor_in_the_mentees_name(village: Village, cyrus: Cyrus) -> None:
    calendar = village.calendar

    stored = invite(calendar, village)

    assert (stored.reached, stored.delivery) == (True, {KARIM.email: "1.2"})
    _, text = copy(cyrus)
    assert "ORGANIZER" in text
    assert "mailto:sanne@voorbeeld.example" in text
    assert cyrus.deliveries() == [KARIM.email]


def test_a_change_of_ours_reaches_the_mentor(village: Village, cyrus: Cyrus) -> None:
    calendar = village.calendar
    stored = invite(calendar, village)

    wanted = replace(stored.event, location="Zaal 9")
    calendar.update(stored, wanted, frozenset({"place"}), sequence=1, agent=Agent.SERVER, stamp=STAMP)

    assert "LOCATION:Zaal 9" in copy(cyrus)[1]


def test_the_mentee_moves_a_meeting_for_both_without_us(village: Village, cyrus: Cyrus) -> None:
    calendar = village.calendar
    stored = calendar.create(meeting(village.sanne), sequence=0, agent=Agent.SERVER, stamp=STAMP)
    token = calendar.changes(None).token

    village.edit(village.sanne, stored, ":20270107T1", ":20270108T1")

    [moved] = calendar.changes(token).changed
    assert moved.event == replace(stored.event, start=at("2027-01-08", 15))
    assert "20270108T150000" in copy(cyrus)[1]


@pytest.mark.parametrize("said", ["", "ACCEPTED"])
def test_what_we_take_back_is_cancelled_in_the_mentors_copy_and_gone_from_the_mentees(village: Village, cyrus: Cyrus, said: str) -> None:
    calendar = village.calendar
    stored = invite(calendar, village)
    if said:
        answer(cyrus, "karim", said)

    calendar.delete(calendar.fetch(stored.href))

    assert "STATUS:CANCELLED" in copy(cyrus)[1]
    assert cyrus.events("sanne") == {}


def test_where_we_invite_the_server_tells_nobody(village: Village, cyrus: Cyrus) -> None:
    calendar = village.calendar
    stored = create(calendar, series(village.sanne))

    calendar.delete(stored)

    assert cyrus.events("karim") == {}
    assert cyrus.deliveries() == []


def test_the_mentors_answers_show_in_the_mentees_calendar_and_are_no_edit(village: Village, cyrus: Cyrus) -> None:
    calendar = village.calendar
    stored = invite(calendar, village)
    token = calendar.changes(None).token
    answer(cyrus, "karim", "ACCEPTED")
    href, _ = copy(cyrus)
    cyrus.ask("karim", "PUT", href, declining(cyrus.ask("karim", "GET", href), at("2027-03-16"), KARIM))

    [heard] = calendar.changes(token).changed

    assert heard.event == stored.event
    assert heard.answers == {KARIM.email: "ACCEPTED"}
    assert heard.single_answers[utc("2027-03-16")] == {KARIM.email: "DECLINED"}


def test_a_moved_meeting_asks_the_mentor_about_itself_alone(village: Village, cyrus: Cyrus) -> None:
    calendar = village.calendar
    stored = invite(calendar, village)
    answer(cyrus, "karim", "ACCEPTED")
    overrides = (Override(utc("2027-03-16"), utc("2027-03-17", 9), 60), *stored.event.overrides)

    updated = calendar.update(
        calendar.fetch(stored.href), replace(stored.event, overrides=overrides), frozenset({"single"}), sequence=1, agent=Agent.SERVER
    )

    assert updated.answers == {KARIM.email: "ACCEPTED"}
    assert updated.single_answers[utc("2027-03-16")] == {KARIM.email: "NEEDS-ACTION"}


def test_rights_to_read_alone_are_named(village: Village, cyrus: Cyrus) -> None:
    share(cyrus, "sanne", "lrs")

    assert "may be read, but not written" in village.calendar.check_people()[village.sanne.email]


# -- answers in the service's inbox ------------------------------------------------------------------------------------


def test_answers_wait_in_the_inbox_until_they_are_taken_out(cyrus: Cyrus, tmp_path: Path) -> None:
    settings = replace(_settings(cyrus, tmp_path, SERVICE), organized_by="service")
    with closing(open_calendar(settings, SERVICE.email)) as calendar:
        stored = calendar.create(series(SERVICE), sequence=0, agent=Agent.SERVER, stamp=STAMP)
        assert calendar.waiting() == ()
        href, _ = copy(cyrus)
        both = declining(cyrus.ask("karim", "GET", href).replace(b"NEEDS-ACTION", b"ACCEPTED"), at("2027-03-16"), KARIM)
        cyrus.ask("karim", "PUT", href, both)

        waiting = calendar.waiting()

        said = {(each.message.recurrence_id, each.message.partstat, each.message.attendee) for each in waiting}
        assert {(None, "ACCEPTED", KARIM.email), (utc("2027-03-16"), "DECLINED", KARIM.email)} <= said
        assert len({each.href for each in waiting}) == 1  # one message says both
        assert {each.message.uid for each in waiting} == {stored.event.uid}
        for each in waiting:
            calendar.take(each)
        before = requests_sent(calendar)
        assert calendar.waiting() == ()
        assert requests_sent(calendar) - before == 1
        assert calendar.fetch(stored.href).single_answers[utc("2027-03-16")] == {KARIM.email: "DECLINED"}
