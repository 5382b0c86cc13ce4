"""A person's own calendar on a CalDAV server, with the service's account as its delegate.

Only what differs from `caldav` for being somebody else's: where it is, what rights there are, in whose name is written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from beklijf.calendars import ics
from beklijf.calendars.caldav import CaldavCalendar, if_match
from beklijf.calendars.discovery import Place, personal
from beklijf.calendars.ics_parts import mailto
from beklijf.errors import Conflict, Refused

if TYPE_CHECKING:
    from beklijf.calendars import Stored
    from beklijf.calendars.dav import Connection
    from beklijf.calendars.schedule import Scheduling
    from beklijf.conversation import Waiting


class PersonalCalendar(CaldavCalendar):
    """Somebody else's calendar, in which the service's account may write, and of whose events that person is the organizer.

    Nothing is made that isn't there. The person's own schedule inbox is left to the person's own programs.
    """

    def __init__(self, service: CaldavCalendar, email: str, url: str) -> None:
        super().__init__(service.settings, email)
        self._service = service
        self._at = url
        self._writable: bool | None = None
        # Without it, Cyrus takes what a delegate writes for a copy of that delegate's own, and invites nobody.
        self._headers = {"Schedule_Address": mailto(email)}

    def problem(self) -> str:
        """Return what is wrong with this calendar, in one sentence, without writing anything; empty when it can be used."""
        self._found = None
        try:
            self._place()
        except Refused as error:
            return "; ".join(filter(None, (str(error), error.hint)))
        return f"{self.connection.server}: {self._at} may be read, but not written" if self._writable is False else ""

    def delete(self, stored: Stored) -> None:
        """Cancel the event first where the server invited to it: of a delegate's DELETE alone Cyrus tells nobody."""
        if self._place().may_schedule:
            data, etag = self._load(stored.href)
            if etag != stored.etag:
                raise Conflict(f"{stored.href}: changed since it was read")
            if ics.is_invited_by_server(data):
                answer = self._put(stored.href, ics.cancelled(data), **if_match(etag))
                self.connection.refuse(answer, f"cancelling {stored.event.title!r}")
                stored = replace(stored, etag=self._load(stored.href)[1])
        super().delete(stored)

    def waiting(self) -> tuple[Waiting, ...]:
        return ()

    def close(self) -> None:
        self._found = None

    @property
    def connection(self) -> Connection:
        return self._service.connection

    def _place(self) -> Place:
        if self._found is None:
            if not self._at:
                raise Refused(
                    f"nothing says where the calendar of {self._owner} is", hint="set [calendar] people, or calendar of that person"
                )
            found = personal(self.connection, self._at, self._owner, sends=self._service.sends)
            self._found = Place("", found.url, found.may_schedule)
            self._writable, self.may_schedule = found.writable, found.may_schedule
        return self._found

    @property
    def scheduling(self) -> Scheduling:
        return self._service.scheduling
