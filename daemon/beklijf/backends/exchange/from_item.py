"""From an item of an Exchange calendar, as exchangelib has it, to the `Stored` that it means.

Reads and never writes, and sends nothing. What Exchange and people's programs make of our words (line ends, HTML, the names of
attendees) must not show in the result. When an event is, ``times`` reads.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from exchangelib import CalendarItem, ExtendedProperty, HTMLBody  # type: ignore[import-untyped]  # it has no types
from exchangelib.fields import FieldPath  # type: ignore[import-untyped]

from beklijf.backends.exchange.times import exceptions, held, instant, readable
from beklijf.ical.reader import address_of, is_ours, plain_text
from beklijf.mime.html import to_text
from beklijf.model import canonical
from beklijf.model.domain import Contact, Event
from beklijf.model.errors import Missing
from beklijf.model.stored import Stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beklijf.backends.exchange.times import Item

PROPERTIES = "7b1d2b7e-5d0f-4f3e-9a55-6e1c5c1b9d10"
"""The property set of what we keep in an event beside what everybody sees."""
DELIVERED = "1.2"
ANSWERS = {"Accept": "ACCEPTED", "Decline": "DECLINED", "Tentative": "TENTATIVE"}
"""PARTSTAT by ResponseType; all others mean that nobody answered."""
_THEIRS = frozenset({*ANSWERS, "NoResponseReceived"})
"""What MyResponseType says in an attendee's copy."""


class _Uid(ExtendedProperty):  # type: ignore[misc]  # exchangelib has no types
    property_set_id, property_name, property_type = PROPERTIES, "beklijf-uid", "String"


class _Zone(ExtendedProperty):  # type: ignore[misc]  # as above
    property_set_id, property_name, property_type = PROPERTIES, "beklijf-zone", "String"


class _Before(ExtendedProperty):  # type: ignore[misc]  # as above
    property_set_id, property_name, property_type = PROPERTIES, "beklijf-before", "String"


CalendarItem.register("beklijf_uid", _Uid)
CalendarItem.register("beklijf_zone", _Zone)
CalendarItem.register("beklijf_before", _Before)


def paths(model: Any, *names: str) -> tuple[FieldPath, ...]:  # noqa: ANN401  # exchangelib has no types
    return tuple(FieldPath(field=model.get_field_by_fieldname(name)) for name in names)


IDENTITY = paths(CalendarItem, "uid", "beklijf_uid", "my_response_type")
"""What has to be known of an item to see whether it is ours."""
PEOPLE = paths(CalendarItem, "start", "end", "organizer", "required_attendees", "optional_attendees")
"""What is read of a single meeting."""
WHOLE = (
    *IDENTITY,
    *PEOPLE,
    *paths(
        CalendarItem,
        *("subject", "body", "location", "is_all_day", "is_cancelled", "legacy_free_busy_status", "recurrence"),
        *("modified_occurrences", "deleted_occurrences", "_start_timezone", "appointment_sequence_number", "meeting_request_was_sent"),
        *("reminder_is_set", "reminder_minutes_before_start", "beklijf_zone", "beklijf_before"),
    ),
)
"""... and of an event of ours. Read only by name: of all that there is, some servers don't know some."""


def identity(item: Item) -> str:
    """Return our UID of an item; empty for what is not ours: another's event, and an attendee's copy of one of ours."""
    if item.my_response_type in _THEIRS:
        return ""
    for uid in (item.uid, item.beklijf_uid):
        if uid and is_ours(uid):
            return str(uid)
    return ""


def is_copy(item: Item) -> bool:
    """Tell whether an item has our property, but a UID of the server's: somebody copied an event, or the server takes no UIDs."""
    return not is_ours(item.uid or "")


def stored(item: Item, overrides: Mapping[str, Item]) -> Stored:
    """Return what *item* means; *overrides* are the items of `exceptions`, by id. Raises `Missing` when it is cancelled, `Unreadable`."""
    uid = identity(item)
    if not uid or item.is_cancelled:
        raise Missing(f"{uid or 'an event'}: cancelled, or not ours any more")
    with readable(uid):
        return _stored(item, uid, overrides)


def _stored(item: Item, uid: str, overrides: Mapping[str, Item]) -> Stored:
    event, recurrence_ids = held(item)
    people, answers = _people(item)
    places = {key: canonical.place(at, event.start, event.recurrence) for key, at in exceptions(item).items() if key in overrides}
    event = canonical.load(item.beklijf_before) if item.beklijf_before else event
    own = {at: overrides[key] for key, at in places.items() if at in recurrence_ids}
    return Stored(
        event=_with_words(event, item, uid, people),
        href=item.id,
        etag=item.changekey,
        sequence=item.appointment_sequence_number or 0,
        delivery=dict.fromkeys(answers, DELIVERED) if was_sent(item) else {},
        answers=answers,
        left_to_server=True,
        single_answers={recurrence_id: _people(override)[1] for recurrence_id, override in sorted(own.items())},
        proposals=_proposals(item, own),
        icaluid="" if is_ours(item.uid or "") else str(item.uid or ""),
    )


# -- people and words --------------------------------------------------------------------------------------------------


def was_sent(item: Item) -> bool:
    """Tell whether attendees have an invitation; a server that doesn't say has sent them: it is asked to with the attendees, or never."""
    return item.meeting_request_was_sent is not False and bool(attendees(item))


def attendees(item: Item) -> dict[str, Item]:
    """Return the attendees of *item* by address: people, no rooms, and not the organizer once more."""
    organizer = address_of(item.organizer.email_address or "") if item.organizer else ""
    found: dict[str, Item] = {}
    for each in [*(item.required_attendees or ()), *(item.optional_attendees or ())]:
        if each.mailbox.email_address and (email := address_of(each.mailbox.email_address)) != organizer:
            found.setdefault(email, each)
    return found


def _people(item: Item) -> tuple[tuple[Contact, ...], dict[str, str]]:
    people = {email: each for email, each in sorted(attendees(item).items()) if each.response_type != "Organizer"}
    contacts = tuple(Contact(plain_text(each.mailbox.name or ""), email) for email, each in people.items())
    return contacts, {email: ANSWERS.get(each.response_type, "NEEDS-ACTION") for email, each in people.items()}


def _proposals(item: Item, overrides: Mapping[datetime, Item]) -> dict[tuple[str, datetime | None], tuple[datetime, int]]:
    """Return the times that attendees proposed; one for the whole series shows in its single meetings too, and counts once."""
    found: dict[tuple[str, datetime | None], tuple[datetime, int]] = {}
    whole = {email: proposed for email, each in attendees(item).items() if (proposed := _proposed(each))}
    found |= {(email, None): proposed for email, proposed in whole.items()}
    for recurrence_id, override in overrides.items():
        for email, each in attendees(override).items():
            if (proposed := _proposed(each)) and proposed != whole.get(email):
                found[email, recurrence_id] = proposed
    return found


def _proposed(attendee: Item) -> tuple[datetime, int] | None:
    start, end = attendee.proposed_start, attendee.proposed_end
    if not start or not end:
        return None
    return instant(start), int((instant(end) - instant(start)) / timedelta(minutes=1))


def _with_words(event: Event, item: Item, uid: str, people: tuple[Contact, ...]) -> Event:
    organizer = item.organizer
    body = str(item.body or "")
    minutes = item.reminder_minutes_before_start or 0
    return replace(
        event,
        uid=uid,
        title=plain_text(item.subject or ""),
        text=to_text(body) if isinstance(item.body, HTMLBody) else plain_text(body),
        location=plain_text(item.location or ""),
        organizer=Contact(plain_text(organizer.name or ""), address_of(organizer.email_address or "")) if organizer else Contact("", ""),
        people=people,
        alarms=(minutes,) if item.reminder_is_set else (),
        free=item.legacy_free_busy_status == "Free",
    )


def quietly() -> warnings.catch_warnings[Any]:
    """Keep the library from warning of zones that it can't name: which one is meant, `_zone` decides."""
    return warnings.catch_warnings(action="ignore")
