"""People's own calendars in Exchange Online, and when they can't, against the fake of Microsoft Graph."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.backends.people_contract import (
    END,
    ORGANIZER,
    START,
    BusyContract,
    OwnersContract,
    Village,
    create,
    entry,
    meeting,
    person,
    series,
)
from tests.fakes import programs
from tests.fakes.graph import Mood

from beklijf.backends.per_person.calendar import Owners
from beklijf.backends.registry import open_calendar
from beklijf.model.conversation import Busy
from beklijf.model.errors import Down, Refused, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.company import Company
    from tests.fakes.graph import Graph

    from beklijf.contracts.settings import CalendarSettings
    from beklijf.model.domain import Person


@pytest.fixture
def village(settings: CalendarSettings, graph: Graph, company: Company) -> Iterator[Village]:
    settings = replace(settings, organized_by="mentee")
    sanne, joris = person("sanne@voorbeeld.example"), person("joris@voorbeeld.example")
    calendars: list[Owners] = []

    def opened(*persons: Person) -> Owners:
        calendar = open_calendar(settings, ORGANIZER.email, persons)
        assert isinstance(calendar, Owners)
        calendars.append(calendar)
        return calendar

    def come_back(whose: Person) -> None:
        company.hire(whose.email, whose.name)

    for one in (sanne, joris):
        come_back(one)
    yield Village(
        settings=settings,
        sanne=sanne,
        joris=joris,
        open=opened,
        read=lambda whose, href: with_our_uid(company, whose, href),
        write=lambda whose, href, data: programs.write(company, whose.email, "main", href, data),
        remove=lambda _, href: programs.delete(company, href),
        leave=lambda whose: company.leave(whose.email),
        come_back=come_back,
        place=lambda whose, name: f"{name}-{whose.email.partition('@')[0]}",
        requests=lambda _: len(graph.requests),
    )
    for calendar in calendars:
        calendar.close()


def with_our_uid(company: Company, whose: Person, href: str) -> bytes:
    """Return what a program exports; the UID in it is Exchange's, so ours is added as a program would show a property."""
    found = company.entries[href]
    assert found.mailbox == whose.email
    [uid] = [value for name, value in found.properties.items() if name.endswith("beklijf-uid")]
    return programs.read(company, href).replace(b"BEGIN:VEVENT", f"BEGIN:VEVENT\r\nX-OURS;X=UID:{uid}".encode(), 1)


class TestGraphOwners(OwnersContract, BusyContract):
    """The contract of everybody's calendars: in the name of each mailbox, by one application."""

    def test_each_event_stands_in_its_organizers_own_calendar(self, village: Village) -> None:
        """As in the contract, but for the UID in the event: that is Exchange's, and ours is beside."""
        calendar = village.calendar
        hers, his = create(calendar, series(village.sanne)), create(calendar, meeting(village.joris))
        ours = create(calendar, meeting(ORGANIZER, "reminder"))

        read = {stored.href: stored for stored in village.calendar.changes(None).changed}

        assert read == {stored.href: stored for stored in (hers, his, ours)}
        assert (hers.event, his.event) == (series(village.sanne), meeting(village.joris))
        assert hers.href.startswith(f"{village.sanne.email}|")
        assert "|" not in ours.href
        assert b"UID:series-12345678@beklijf" in village.read(village.sanne, village.inner(hers))
        assert b"UID:goals-12345678@beklijf" in village.read(village.joris, village.inner(his))


def test_who_organizes_is_the_one_who_invites(village: Village, company: Company) -> None:
    company.hire("karim@voorbeeld.example", "Karim Bakker")

    create(village.calendar, meeting(village.joris))

    [copy] = company.inside("karim@voorbeeld.example", "main")
    assert copy.organizer.address == village.joris.email


def test_nobodys_calendar_is_made_for_them(village: Village) -> None:
    village.leave(village.sanne)

    with pytest.raises(Refused, match=r"sanne@voorbeeld\.example"):
        create(village.calendar, series(village.sanne))


def test_a_mailbox_that_the_application_may_not_enter_is_named_with_what_to_do(village: Village, graph: Graph) -> None:
    graph.closed[village.sanne.email] = Mood(403, "ErrorAccessDenied")

    problems = village.calendar.check_people()

    assert problems.keys() == {village.sanne.email}
    assert "is it in the group" in problems[village.sanne.email]
    assert village.calendar.changes(None).away.keys() == {village.sanne.email}


def test_the_services_own_mailbox_that_is_closed_is_everybodys(village: Village, graph: Graph) -> None:
    graph.closed[ORGANIZER.email] = Mood(403, "ErrorAccessDenied")

    with pytest.raises(Down) as caught:
        village.calendar.changes(None)

    assert "is it in the group" in caught.value.hint


def test_a_calendar_that_may_only_be_read_is_named(village: Village, graph: Graph) -> None:
    create(village.calendar, meeting(ORGANIZER))
    graph.switches.may_write = False

    assert "may be read, but not written" in village.calendar.check_people()[village.sanne.email]
    with pytest.raises(Down, match="may be read, but not written"):
        village.open(village.sanne).check()


def test_all_people_share_one_login(village: Village, graph: Graph, desk: object) -> None:
    calendar = village.calendar
    for event in (series(village.sanne), meeting(village.joris), meeting(ORGANIZER, "reminder")):
        create(calendar, event)
    calendar.changes(None)

    assert len(desk.asked) == 1  # type: ignore[attr-defined]  # the token server, whose class no test here needs
    assert len(graph.requests) > 5


# -- when people can't ---------------------------------------------------------------------------------------------------


def test_busy_times_of_fifty_people_over_four_months_take_one_request(village: Village, company: Company, graph: Graph) -> None:
    people = [person(f"p{n}@voorbeeld.example") for n in range(50)]
    for one in people[:-1]:
        company.hire(one.email)
    programs.write(company, people[30].email, "main", "x", entry(start="20270301T090000Z", end="20270301T100000Z"))
    before = len(graph.requests)

    found = village.calendar.busy(people, datetime(2027, 1, 4, tzinfo=UTC), datetime(2027, 5, 1, tzinfo=UTC))

    assert len(graph.requests) - before == 1
    assert len(graph.parts) == 6  # three times twenty people, two times two months
    assert found.keys() == {one.key for one in people[:-1]}
    assert found[people[30].key] == (Busy(datetime(2027, 3, 1, 9, tzinfo=UTC), datetime(2027, 3, 1, 10, tzinfo=UTC)),)


def test_a_time_across_the_limit_of_a_request_is_one_time(village: Village) -> None:
    limit = datetime(2027, 1, 4, tzinfo=UTC) + timedelta(days=62)
    start, end = limit - timedelta(hours=1), limit + timedelta(hours=2)
    village.write(village.sanne, "x", entry(start=f"{start:%Y%m%dT%H%M%SZ}", end=f"{end:%Y%m%dT%H%M%SZ}"))

    found = village.calendar.busy((village.sanne,), datetime(2027, 1, 4, tzinfo=UTC), datetime(2027, 5, 1, tzinfo=UTC))

    assert found == {village.sanne.key: (Busy(start, end),)}


def test_what_is_taken_in_part_is_taken_to_the_quarter_and_no_further_than_asked(village: Village) -> None:
    village.write(village.sanne, "x", entry(start="20270112T090700Z", end="20270112T102000Z"))

    found = village.calendar.busy((village.sanne,), datetime(2027, 1, 12, 9, 10, tzinfo=UTC), END)

    assert found == {village.sanne.key: (Busy(datetime(2027, 1, 12, 9, 10, tzinfo=UTC), datetime(2027, 1, 12, 10, 30, tzinfo=UTC)),)}


def test_a_throttled_part_of_the_question_is_no_answer_at_all(village: Village, graph: Graph) -> None:
    graph.part_moods = [Mood(429, "ApplicationThrottled", {"Retry-After": "30"})]

    with pytest.raises(Transient) as caught:
        village.calendar.busy((village.sanne,), START, END)

    assert caught.value.retry_after == 30


def test_nobody_is_asked_about_where_nobody_is_named(village: Village, graph: Graph) -> None:
    assert village.calendar.busy((), START, END) == {}
    assert graph.requests == []
