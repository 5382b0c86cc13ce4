"""The fake of the Calendar API, one for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.backends.examples import OWNER
from tests.backends.google.desk import Desk, settings_of
from tests.fakes.company import Company
from tests.fakes.google import GoogleServer, google_server
from tests.fakes.tokens import Pair, TokenServer, token_server

from beklijf.backends.google.calendar import GoogleCalendar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.backends.calendar_contract import Opener


@pytest.fixture
def tokens(tmp_path: Path, pair: Pair) -> Iterator[TokenServer]:
    with token_server(tmp_path, pair) as server:
        yield server


@pytest.fixture
def google(tokens: TokenServer) -> Iterator[GoogleServer]:
    """Run the service for a company in which everybody has a mailbox; nothing illegal may go over the wire."""
    company = Company()
    with google_server(company, tokens) as server:
        for address, name in ((OWNER, "Mentor"), ("sanne@voorbeeld.example", "Sanne"), ("karim@voorbeeld.example", "Karim")):
            server.service.hire(address, name)
        yield server
    assert server.illegal == []


@pytest.fixture
def desk(opened: Opener, google: GoogleServer) -> Desk:
    def opener() -> GoogleCalendar:
        calendar = opened(settings_of(google))
        assert isinstance(calendar, GoogleCalendar)
        return calendar

    return Desk(google, opener)
