"""The organizer's calendar in Exchange Online."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.backends.examples import OWNER

from beklijf.backends.graph.calendar import GraphCalendar
from beklijf.backends.registry import open_calendar
from beklijf.model.domain import Contact

if TYPE_CHECKING:
    from tests.fakes.company import Company

    from beklijf.contracts.settings import CalendarSettings

ORGANIZER = Contact("Mentorprogramma", OWNER)
NAME = "Mentor & meer"


@dataclass(slots=True)
class Opened:
    """Calendars that a test opened, and closes."""

    settings: CalendarSettings
    calendars: list[GraphCalendar] = field(default_factory=list)

    def __call__(self) -> GraphCalendar:
        calendar = open_calendar(self.settings, OWNER)
        assert isinstance(calendar, GraphCalendar)
        self.calendars.append(calendar)
        return calendar


def news(company: Company, person: Contact) -> list[str]:
    """Return what the server brought to somebody, and forget it."""
    found = list(company.mailboxes[person.email].news)
    company.mailboxes[person.email].news.clear()
    return found
