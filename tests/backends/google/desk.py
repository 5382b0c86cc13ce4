"""The service's calendar at Google, and what the two people in it get."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.backends.examples import ORGANIZER as US
from tests.backends.examples import OWNER, SERIES, utc

from beklijf.backends.google.settings import CalendarByGoogle
from beklijf.contracts.settings import CalendarSettings
from beklijf.model.domain import Override
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.company import Entry
    from tests.fakes.google import GoogleServer

    from beklijf.backends.google.calendar import GoogleCalendar
    from beklijf.model.domain import Event
    from beklijf.model.stored import Stored


def settings_of(google: GoogleServer, name: str = "") -> CalendarSettings:
    login = google.service.tokens.google(google.url)
    return CalendarSettings(maker=CalendarByGoogle(login=login), organizer=US, organized_by="service", invitations="auto", name=name)


MENTOR, MENTEE = "karim@voorbeeld.example", "sanne@voorbeeld.example"
OFF = replace(SERIES, overrides=(Override(utc("2027-04-13"), None), Override(utc("2027-05-11"), None)))
"""A series with days off, as it is planned."""


@dataclass
class Desk:
    """The service's calendar, and what the two people in it get."""

    google: GoogleServer
    open: Callable[[], GoogleCalendar]

    def __post_init__(self) -> None:
        self.calendar = self.open()
        self.company = self.google.service.company

    def create(self, event: Event, agent: Agent = Agent.SERVER) -> Stored:
        return self.calendar.create(event, sequence=0, agent=agent)

    def update(self, stored: Stored, wanted: Event, *fields: str, agent: Agent = Agent.SERVER) -> Stored:
        return self.calendar.update(stored, wanted, frozenset(fields), sequence=1, agent=agent)

    def news(self) -> dict[str, list[str]]:
        """Return what the server brought to each since the last look."""
        found = {}
        for address in (MENTOR, MENTEE):
            mailbox = self.company.mailboxes[address]
            found[address], mailbox.news = mailbox.news, []
        return found

    def entry(self, stored: Stored) -> Entry:
        """Return the event as the company has it."""
        return self.company.entries[self.google.service.core(OWNER, stored.href)]

    def copy(self, who: str, stored: Stored) -> Entry:
        [found] = [each for each in self.company.inside(who, "main") if each.original == self.entry(stored).id]
        return found

    def asked(self, since: int = 0) -> list[str]:
        """Return the methods and ends of paths of what was asked."""
        return [re.sub(r"/calendars/[^/]+|\?.*", "", each) for each in self.google.requests[since:]]
