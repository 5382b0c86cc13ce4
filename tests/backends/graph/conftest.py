"""The fake of Microsoft Graph, one for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.backends.calendar_contract import World
from tests.backends.examples import KARIM, NOOR, OWNER, SANNE
from tests.backends.graph.organizer import NAME, ORGANIZER, Opened
from tests.fakes import programs
from tests.fakes.company import Company
from tests.fakes.graph import Graph, serving
from tests.fakes.tokens import Pair, TokenServer, token_server

from beklijf.backends.graph.settings import CalendarByGraph
from beklijf.contracts.settings import CalendarSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path, pair: Pair) -> Iterator[TokenServer]:
    with token_server(tmp_path, pair) as server:
        yield server


@pytest.fixture
def company() -> Company:
    made = Company()
    made.hire(OWNER, "Mentorprogramma")
    for person in (SANNE, KARIM, NOOR):
        made.hire(person.email, person.name)
    return made


@pytest.fixture
def graph(company: Company, desk: TokenServer) -> Iterator[Graph]:
    with serving(company, lambda token: token in desk.issued) as fake:
        yield fake
    assert fake.illegal == []
    assert fake.most_at_once <= 4


@pytest.fixture
def settings(graph: Graph, desk: TokenServer) -> CalendarSettings:
    return CalendarSettings(
        maker=CalendarByGraph(login=desk.graph(graph.url)), organizer=ORGANIZER, organized_by="service", invitations="auto", name=NAME
    )


@pytest.fixture
def opened(settings: CalendarSettings) -> Iterator[Opened]:
    found = Opened(settings)
    yield found
    for calendar in found.calendars:
        calendar.close()


@pytest.fixture
def world(opened: Opened, graph: Graph, company: Company) -> World:
    def folder() -> str:
        folders = company.mailboxes[OWNER].folders
        return next((key for key, name in folders.items() if name == NAME), "main")

    return World(
        calendar=opened(),
        reopened=opened,
        read=lambda href: programs.read(company, href),
        write=lambda href, data: programs.write(company, OWNER, folder(), href, data),
        remove=lambda href: programs.delete(company, href),
        place=lambda name: name,
        requests=lambda: len(graph.requests),
    )
