"""Two calendars to move between, and a line that breaks in the middle."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.town import Wording

if TYPE_CHECKING:
    from collections.abc import Callable

    from beklijf.model.domain import Event
    from beklijf.model.stored import Stored


@dataclass
class Hearing(Wording):
    sessions: str = "2027-01-12, 2027-03-16"

    def toml(self, calendar: str) -> str:
        return f'{super().toml(calendar)}\n[inbox]\nkind = "folder"\npath = "inbox"\n[answers]\nread = true\n'


def override(event: Event, recurrence_id: datetime, start: datetime) -> str:
    """Return what a program adds to a series when somebody drags one meeting of it."""
    return (
        f"BEGIN:VEVENT\r\nUID:{event.uid}\r\nDTSTAMP:20261215T100000Z\r\nRECURRENCE-ID;TZID=Europe/Amsterdam:{recurrence_id:%Y%m%dT%H%M%S}\r\n"
        f"DTSTART;TZID=Europe/Amsterdam:{start:%Y%m%dT%H%M%S}\r\nDTEND;TZID=Europe/Amsterdam:{start + timedelta(hours=1):%Y%m%dT%H%M%S}\r\n"
        f"SUMMARY:{event.title}\r\nEND:VEVENT\r\nEND:VCALENDAR"
    )


def place(event: Event, number: int) -> datetime:
    """Return where the rhythm has the meeting of that number, in wall time."""
    return event.start + timedelta(days=14) * (number - 1)


class Cut(BaseException):
    """The process ends here, as nothing catches SIGKILL."""


@dataclass
class Line:
    """Counts calls of both calendars that write, and cuts the power around one of them."""

    at: int
    after: bool
    calls: int = field(default=0)

    def around(self, call: Callable[[], Stored | None]) -> Stored | None:
        self.calls += 1
        if self.calls == self.at and not self.after:
            raise Cut
        found = call()
        if self.calls == self.at:
            raise Cut
        return found
