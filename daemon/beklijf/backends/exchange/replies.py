"""What attendees answered, where it waits in the organizer's inbox: the meeting responses that no attendant has worked in.

Most servers work answers into the organizer's copy by themselves, which `changes` then tells; looking into the inbox as well
would cost a request a tick. So as soon as one answer was seen that was worked in, the inbox is looked into only once after each
reading of everything (daily, and at every start); where one waits nevertheless, it is looked into each time from then on.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from exchangelib import CalendarItem, ExtendedProperty  # type: ignore[import-untyped]  # it has no types
from exchangelib.fields import DateTimeField, TextField  # type: ignore[import-untyped]
from exchangelib.folders import Inbox  # type: ignore[import-untyped]
from exchangelib.items import MOVE_TO_DELETED_ITEMS, MeetingResponse  # type: ignore[import-untyped]

from beklijf.backends.exchange.from_item import ANSWERS, paths
from beklijf.backends.exchange.synced import SyncedFolder
from beklijf.backends.exchange.times import instant, readable
from beklijf.ical.reader import address_of, is_ours
from beklijf.model.conversation import Itip, Waiting
from beklijf.model.errors import BackendError, Missing, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from beklijf.backends.exchange.account import Connection
    from beklijf.model.stored import Stored

log = logging.getLogger("beklijf")

NEWEST = 1_000_000
"""The SEQUENCE of an answer that doesn't say to which invitation it is: it counts as being about the last."""


class _Sequence(ExtendedProperty):  # type: ignore[misc]  # exchangelib has no types
    """PidLidAppointmentSequence: to which update of the meeting this is an answer ([MS-OXOCAL] 2.2.1.1)."""

    distinguished_property_set_id, property_id, property_type = "Appointment", 0x8201, "Integer"


MeetingResponse.register("beklijf_sequence", _Sequence)
# The library leaves out what all meeting messages have: which event, and which meeting of it.
MeetingResponse.add_field(DateTimeField("recurrence_id", field_uri="calendar:RecurrenceId", is_read_only=True), "response_type")
MeetingResponse.add_field(TextField("uid", field_uri="calendar:UID", is_read_only=True), "response_type")

_SAMPLE = 100
"""Events in which an answer is looked for; one request."""
_ANSWERED = paths(CalendarItem, "required_attendees")
_FIELDS = paths(
    MeetingResponse,
    *("uid", "recurrence_id", "response_type", "sender", "author", "datetime_received", "has_been_processed", "is_out_of_date"),
    *("associated_calendar_item_id", "proposed_start", "proposed_end", "beklijf_sequence"),
)


class Answers:
    """The answers in one inbox."""

    def __init__(self, connection: Connection, mailbox: str) -> None:
        self._connection = connection
        self._folder = SyncedFolder(connection, mailbox, Inbox, "inbox", (), alone=True)
        self._state = ""
        self._waiting: dict[str, Waiting] = {}
        self._events: dict[str, str] = {}
        """Our UIDs by the ids of events, for responses that name no UID."""
        self._attended = False
        """Somebody at the server works answers in."""
        self._unattended = False
        """One was found waiting, so nobody does; that holds for good."""
        self._due = True
        """Look once, however sure we are that nothing waits there."""
        self._unread: tuple[str, ...] = ()
        """Events that are as we know them, and may have answers in them."""
        self._deaf = ""
        """Why the inbox can't be read; until everything is read again."""
        self._logged = ""

    def check(self) -> str:
        try:
            self._folder.rights()
        except Refused as error:
            return f"its inbox can't be read ({error})"
        if self._deaf:
            return f"answers that wait in its inbox are not read ({self._deaf}), which is tried again after the next reading of everything"
        return "answers that wait in its inbox are read"

    def seen(self, stored: Stored) -> None:
        """Take in what an organizer's copy shows."""
        self._events[stored.href] = stored.event.uid
        answers = [stored.answers, *stored.single_answers.values()]
        self._attended = self._attended or any(answer != "NEEDS-ACTION" for each in answers for answer in each.values())

    def begin(self, unread: Iterable[str]) -> None:
        """Look once more; *unread* are events that weren't read again."""
        self._due = True
        self._deaf = ""
        self._unread = tuple(sorted(unread))[:_SAMPLE]

    def waiting(self) -> tuple[Waiting, ...]:
        if self._deaf:
            return ()
        try:
            self._look_for_answers()
            if self._attended and not self._unattended and not self._due:
                return ()
            self._read()
        except Refused as error:
            self._deaf = str(error)
            if self._logged != self._deaf:
                log.warning("answers that wait in the inbox of %s can't be read: %s", self._folder.mailbox, error)
            self._logged = self._deaf
            return ()
        self._due = False
        self._unattended = self._unattended or bool(self._waiting)
        return tuple(self._waiting.values())

    def take(self, href: str) -> None:
        """Put a message where deleted ones are: it may have a word in it that people want to read."""
        self._waiting.pop(href, None)
        for error in self._folder.remove([(href, None)], told=False, how=MOVE_TO_DELETED_ITEMS):
            if not isinstance(error, Missing):
                raise error

    def _look_for_answers(self) -> None:
        """Find out, once after each reading of everything, whether events have answers in them already."""
        if self._unread and not self._attended:
            found = self._folder.get(self._unread, _ANSWERED).values()
            self._attended = any(not isinstance(item, Exception) and _has_answers(item) for item in found)
        self._unread = ()

    def _read(self) -> None:
        listing = self._folder.listing(self._state) or self._folder.listing("")
        if listing is None:
            return
        responses = [key for key, item in listing.items.items() if isinstance(item, MeetingResponse)]
        responses += [key for key, each in self._waiting.items() if isinstance(each.said, Exception) and key not in listing.items]
        for key, item in self._folder.get(responses, _FIELDS).items():
            try:
                self._take_in(key, item)
            except Missing:
                continue
            except Refused as error:  # a no to one message, and none to the others
                log.warning("an answer in the inbox of %s can't be read: %s", self._folder.mailbox, error)
            except BackendError:
                raise
            except Exception as error:  # noqa: BLE001  # whatever is in one message, the others are read
                self._waiting[key] = Waiting(href=key, said=error)
        for key in listing.gone:
            self._waiting.pop(key, None)
        self._state = listing.state  # last of all: what failed until here is read once more

    def _take_in(self, key: str, item: Any) -> None:  # noqa: ANN401  # exchangelib has no types
        if isinstance(item, Exception):
            raise item
        self._attended = self._attended or bool(item.has_been_processed)
        with readable("an answer"):
            message = None if item.has_been_processed or item.is_out_of_date else self._message(item)
        self._waiting.pop(key, None)
        if message is not None:
            self._waiting[key] = Waiting(href=key, said=message)

    def _message(self, item: Any) -> Itip | None:  # noqa: ANN401  # exchangelib has no types
        event = item.associated_calendar_item_id
        uid = str(item.uid or (self._events.get(event.id, "") if event else ""))
        sender = item.author or item.sender
        if not is_ours(uid) or sender is None or not sender.email_address:
            return None
        proposed = item.proposed_start is not None and item.proposed_end is not None
        return Itip(
            method="COUNTER" if proposed else "REPLY",
            uid=uid,
            recurrence_id=item.recurrence_id and instant(item.recurrence_id),
            attendee=address_of(sender.email_address),
            partstat=ANSWERS.get(item.response_type, "NEEDS-ACTION"),
            sequence=NEWEST if item.beklijf_sequence is None else int(item.beklijf_sequence),
            stamp=item.datetime_received and instant(item.datetime_received),
            start=instant(item.proposed_start) if proposed else None,
            minutes=int((item.proposed_end - item.proposed_start) / timedelta(minutes=1)) if proposed else 0,
        )


def _has_answers(item: Any) -> bool:  # noqa: ANN401  # exchangelib has no types
    return any(attendee.response_type in ANSWERS for attendee in item.required_attendees or ())
