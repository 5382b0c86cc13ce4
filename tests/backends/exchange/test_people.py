"""People's own calendars on an Exchange server, and when they can't: the cases of every backend, by impersonation and as delegate."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.backends.people_contract import (
    DENTIST,
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
from tests.fakes.company import Company
from tests.fakes.ews import items
from tests.fakes.ews.server import running
from tests.fakes.ews.site import entry_of, login, served
from tests.fakes.ews.soap import Refusal

from beklijf.backends.per_person.calendar import Owners
from beklijf.backends.registry import open_calendar
from beklijf.boundary.credentials import Secret
from beklijf.model.conversation import Busy
from beklijf.model.errors import Refused, Transient
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.ews.server import EwsServer

    from beklijf.model.domain import Person

SVC = "svc@voorbeeld.example"


@pytest.fixture
def server() -> Iterator[EwsServer]:
    made = served(Company())
    for name in ("joris@voorbeeld.example", "sanne@voorbeeld.example"):
        made.company.hire(name)
        made.share(name, SVC)
    with running(made):
        yield made
    assert made.illegal == []


@pytest.fixture(params=["impersonation", "delegate"])
def village(request: pytest.FixtureRequest, server: EwsServer, tmp_path: Path) -> Iterator[Village]:
    password = tmp_path / "password"
    password.write_text("mentorpw", encoding="utf-8")
    server.impersonates = request.param == "impersonation"
    account = {"user": "VOORBEELD\\svc", "access": request.param}
    settings = replace(login(server, Secret("file", str(password)), **account), organized_by="mentee")
    company = server.company
    calendars: list[Owners] = []

    def opened(*persons: Person) -> Owners:
        calendar = open_calendar(settings, ORGANIZER.email, persons)
        assert isinstance(calendar, Owners)
        calendars.append(calendar)
        return calendar

    yield Village(
        settings=settings,
        sanne=person("sanne@voorbeeld.example"),
        joris=person("joris@voorbeeld.example"),
        open=opened,
        read=lambda _, href: programs.read(company, entry_of(href)),
        write=lambda whose, href, data: programs.write(company, whose.email, "main", entry_of(href), data),
        remove=lambda _, href: programs.delete(company, entry_of(href)),
        leave=lambda whose: company.leave(whose.email),
        come_back=lambda whose: nothing(company.hire(whose.email)),
        place=lambda _, name: items.name_of("event", name),
        requests=lambda _: len(server.requests),
    )
    for calendar in calendars:
        calendar.close()


def nothing(_: object) -> None:
    """Make nothing of what the company says."""


class TestExchange(OwnersContract, BusyContract):
    def test_the_mentee_is_the_organizer_and_the_server_invites_for_them(self, village: Village, server: EwsServer) -> None:
        calendar = village.calendar

        made = calendar.create(series(village.sanne), sequence=0, agent=Agent.SERVER)

        assert made.event.organizer.email == village.sanne.email
        assert server.company.mailboxes["karim@voorbeeld.example"].news == ["REQUEST"]
        assert calendar.may_schedule is True

    def test_a_calendar_without_rights_is_that_persons_alone(self, village: Village, server: EwsServer) -> None:
        calendar = village.calendar
        his = create(calendar, meeting(village.joris))
        if server.impersonates:
            server.mood = [None, Refusal("ErrorAccessDenied")]
        else:
            server.share(village.sanne.email, SVC, "")

        changes = calendar.changes(None)

        away = changes.away[village.joris.email if server.impersonates else village.sanne.email]
        assert isinstance(away, Refused)
        assert "editor of this calendar" in away.hint
        assert changes.changed == (() if server.impersonates else (his,))

    def test_who_lets_us_read_only_is_named(self, village: Village, server: EwsServer) -> None:
        if server.impersonates:
            return  # who may act as somebody may do what they may
        server.share(village.sanne.email, SVC, "reviewer")

        assert "may be read, but not written" in village.calendar.check_people()[village.sanne.email]

    def test_many_people_are_asked_at_once_and_a_long_time_in_parts(self, village: Village, server: EwsServer) -> None:
        people = [person(f"n{number}@voorbeeld.example") for number in range(150)]
        for one in people:
            server.company.hire(one.email)
        calendar = village.open(village.sanne)
        village.write(village.sanne, village.place(village.sanne, "dentist"), entry())
        server.requests.clear()

        found = calendar.busy((village.sanne, *people), START, START + timedelta(days=100))

        assert len(found) == 151
        assert found[village.sanne.key] == (DENTIST,)
        assert server.requests == ["GetUserAvailability"] * 4

    def test_a_time_across_two_questions_is_one(self, village: Village) -> None:
        start, end = START + timedelta(days=59, hours=23), START + timedelta(days=60, hours=1)
        lunch = entry(name="long", start=f"{start:%Y%m%dT%H%M%SZ}", end=f"{end:%Y%m%dT%H%M%SZ}")
        village.write(village.sanne, village.place(village.sanne, "long"), lunch)

        found = village.calendar.busy((village.sanne,), START, START + timedelta(days=100))

        assert found == {village.sanne.key: (Busy(start, end),)}

    def test_a_server_that_is_busy_tells_of_nobody_and_says_so(self, village: Village, server: EwsServer) -> None:
        calendar = village.calendar
        server.mood = [Refusal("ErrorServerBusy")]

        with pytest.raises(Transient):
            calendar.busy((village.sanne,), START, END)

    def test_people_in_one_login_share_one_connection(self, village: Village, server: EwsServer) -> None:
        calendar = village.calendar
        for whose in (village.sanne, village.joris):
            create(calendar, meeting(whose))
        calendar.busy((village.sanne,), START, END)

        assert server.connections == 1
