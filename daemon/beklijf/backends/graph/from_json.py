"""From what Microsoft Graph says of an event to the `Event` that it means. Pure; asks nothing and writes nothing.

All times are asked for in UTC. Zones go by their clocks, never by their names: Exchange calls Amsterdam ``W. Europe Standard
Time``, so ours stands in a property beside, and counts as long as both have the same clock.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from beklijf.ical.parts import contact
from beklijf.ical.reader import FOREVER, address_of, is_ours, lasting, plain_text
from beklijf.mime.html import to_text
from beklijf.model.canonical import occurrences, place
from beklijf.model.domain import Contact, Event, Override, Recurrence
from beklijf.model.errors import Missing
from beklijf.model.stored import Stored, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Json: TypeAlias = "dict[str, Any]"
"""An object of Graph's."""

_OURS = "{7b1d2b7e-5d0f-4f3e-9a55-6e1c5c1b9d10}"
UID = f"String {_OURS} Name beklijf-uid"
ZONE = f"String {_OURS} Name beklijf-zone"
SEQUENCE = "Integer {00062002-0000-0000-C000-000000000046} Id 0x8201"
"""What Exchange counts by itself, and puts into the invitations it sends (PidLidAppointmentSequence, MS-OXOCAL 2.2.1.1)."""

PROPERTIES = "singleValueExtendedProperties($filter={})".format(" or ".join(f"id eq '{name}'" for name in (UID, ZONE, SEQUENCE)))
SELECTED = (
    "id,iCalUId,type,subject,body,start,end,isAllDay,isCancelled,isOrganizer,isOnlineMeeting,location,attendees,organizer,recurrence,"
    "isReminderOn,reminderMinutesBeforeStart,showAs,originalStart,originalStartTimeZone,occurrenceId,cancelledOccurrences,"
    "exceptionOccurrences"
)
"""``exceptionOccurrences`` come with what is selected here, and with nothing else."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MOST_STEPS = 520
"""A series with more meetings than this is endless in all but name."""
_ANSWERS = {"accepted": "ACCEPTED", "tentativelyAccepted": "TENTATIVE", "declined": "DECLINED"}


def uid_of(said: Json) -> str:
    """Return our UID of an event in whose calendar we (or who organizes it) are the organizer; empty for all others.

    People's programs copy properties along: an attendee's copy, and a mail about it, may have ours.
    """
    with understood(said):
        uid = _properties(said).get(UID.casefold(), "")
        return uid if is_ours(uid) and said.get("isOrganizer", True) else ""


@contextmanager
def understood(said: Json) -> Iterator[None]:
    """Turn whatever goes wrong with reading what was *said* of an event into `Unreadable`."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Unreadable(f"the event {said.get('subject') or said.get('id')!r} cannot be read ({error!r})") from error


def read(said: Json) -> Stored:
    """Return an event of ours; raises `Missing` for one that is cancelled as a whole, and `Unreadable`."""
    with understood(said):
        properties = _properties(said)
        event = _event(said, properties)
        exceptions = [each for each in said.get("exceptionOccurrences") or () if not each.get("isCancelled")]
        placed = {_recurrence_id(each, event): each for each in exceptions} if event.recurrence else {}
        return Stored(
            event=replace(event, overrides=tuple(_overrides(said, placed, event))),
            href=said["id"],
            etag=said["@odata.etag"],
            sequence=int(properties.get(SEQUENCE.casefold()) or 0),
            delivery={person.email: "1.2" for person in event.people},
            answers=_answers(said),
            left_to_server=bool(event.people),
            single_answers={recurrence_id: _answers(each) for recurrence_id, each in sorted(placed.items())},
            proposals=_proposals(said, placed),
            icaluid=said.get("iCalUId") or "",
        )


def is_whole(said: Json) -> bool:
    """Tell whether an answer about a series says what became of its single meetings."""
    return said.get("type") != "seriesMaster" or ("cancelledOccurrences" in said and "exceptionOccurrences" in said)


def completed(said: Json, instances: Iterable[Json]) -> Json:
    """Return a series with what its *instances* tell of its single meetings: those that are missing are cancelled."""
    with understood(said):
        event = _event(said, _properties(said))
        found = list(instances)
        left = {_recurrence_id(each, event) for each in found}
        exceptions = [each for each in found if each.get("type") == "exception"]
        gone = [occurrence(said["id"], recurrence_id, event) for recurrence_id in occurrences(event) if recurrence_id not in left]
    return {**said, "exceptionOccurrences": exceptions, "cancelledOccurrences": gone}


def occurrence(master: str, recurrence_id: datetime, event: Event) -> str:
    """Return the id of one meeting of a series: by its day in the zone of the series."""
    return f"OID.{master}.{recurrence_id.astimezone(event.start.tzinfo):%Y-%m-%d}"


def moment(value: Json) -> datetime:
    """Return a ``dateTimeTimeZone`` in UTC."""
    zone = _zone_named(value.get("timeZone", "UTC")) or ZoneInfo("UTC")
    return datetime.fromisoformat(value["dateTime"][:19]).replace(tzinfo=zone).astimezone(UTC)


def _properties(said: Json) -> dict[str, str]:
    return {each["id"].casefold(): each.get("value") or "" for each in said.get("singleValueExtendedProperties") or ()}


def _event(said: Json, properties: Mapping[str, str]) -> Event:
    if said.get("isCancelled"):
        raise Missing(f"{properties.get(UID.casefold(), 'an event')}: cancelled")
    if said.get("isAllDay"):
        name = properties.get(UID.casefold()) or said.get("subject") or said.get("id")
        raise Unreadable(f"{name}: a whole day where a time was expected")
    begins = moment(said["start"])
    start = begins.astimezone(_zone(properties.get(ZONE.casefold(), ""), said.get("originalStartTimeZone") or "", begins))
    online = bool(said.get("isOnlineMeeting"))
    return Event(
        uid=properties.get(UID.casefold(), ""),
        start=start,
        minutes=_minutes(said),
        recurrence=_recurrence(said.get("recurrence"), start),
        overrides=(),
        title=plain_text(said.get("subject") or ""),
        text=to_text(said["body"]["content"], online=online),
        location=plain_text((said.get("location") or {}).get("displayName") or ""),
        organizer=_organizer(said),
        people=tuple(sorted((_contact(each) for each in attendees(said)), key=lambda person: person.email)),
        alarms=(said["reminderMinutesBeforeStart"],) if said.get("isReminderOn") else (),
        free=said.get("showAs") == "free",
        online=online,
    )


# -- time --------------------------------------------------------------------------------------------------------------


def _minutes(said: Json) -> int:
    return lasting(moment(said["start"]), moment(said["end"]))


def _zone(ours: str, theirs: str, begins: datetime) -> ZoneInfo:
    """Return our zone as long as theirs has the same clock over the year from *begins* on: else a person has changed it."""
    own, held = _zone_named(ours), _zone_named(theirs)
    if own is None or held is None:
        return own or held or ZoneInfo("UTC")
    probes = [begins + timedelta(days=days) for days in range(0, 371, 7)]
    return own if all(at.astimezone(own).utcoffset() == at.astimezone(held).utcoffset() for at in probes) else held


def _zone_named(name: str) -> ZoneInfo | None:
    for known in (name, WINDOWS_TO_OLSON.get(name, "")):
        try:
            return ZoneInfo(known)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return None  # none at all, or tzone://Microsoft/Custom


def _recurrence(said: Json | None, start: datetime) -> Recurrence | None:
    if not said:
        return None
    pattern, span = said["pattern"], said["range"]
    weeks = timedelta(weeks=int(pattern.get("interval") or 1))
    steps = _steps(span, start, weeks)
    plain = (pattern["type"], list(pattern.get("daysOfWeek") or ())) == ("weekly", [WEEKDAYS[start.weekday()]])
    if not plain or steps is None or steps > _MOST_STEPS or span["startDate"] != start.date().isoformat():
        until = span.get("endDate") if span["type"] == "endDate" else None
        last = datetime.combine(date.fromisoformat(until), start.timetz()).astimezone(UTC) if until else FOREVER
        return Recurrence(every=0, last=last, other=json.dumps({"pattern": pattern, "range": span}, sort_keys=True))
    return Recurrence(every=weeks.days // 7, last=(start + weeks * steps).astimezone(UTC))


def _steps(span: Json, start: datetime, weeks: timedelta) -> int | None:
    """Return how many meetings follow the first one; None: there is no end."""
    match span["type"]:
        case "endDate":
            return max(0, (date.fromisoformat(span["endDate"]) - start.date()) // weeks)
        case "numbered":
            return int(span["numberOfOccurrences"]) - 1
        case _:
            return None


def _recurrence_id(said: Json, event: Event) -> datetime:
    """Return where the rhythm has a single meeting, in UTC."""
    if original := said.get("originalStart"):
        return place(datetime.fromisoformat(original[:19]).replace(tzinfo=UTC), event.start, event.recurrence)
    return _dated(said["occurrenceId"], event)


def _dated(name: str, event: Event) -> datetime:
    return datetime.combine(date.fromisoformat(name.rpartition(".")[2]), event.start.timetz()).astimezone(UTC)


def _overrides(said: Json, placed: Mapping[datetime, Json], event: Event) -> Iterator[Override]:
    if event.recurrence is None:
        return
    recurrence_ids = None if event.recurrence.other else set(occurrences(event))
    gone = {_dated(name, event) for name in said.get("cancelledOccurrences") or ()}
    gone |= {_recurrence_id(each, event) for each in said.get("exceptionOccurrences") or () if each.get("isCancelled")}
    for recurrence_id in sorted(gone | placed.keys()):
        if recurrence_ids is not None and recurrence_id not in recurrence_ids:
            continue
        if recurrence_id in gone:
            yield Override(recurrence_id, None)
        elif (moment(placed[recurrence_id]["start"]), _minutes(placed[recurrence_id])) != (recurrence_id, event.minutes):
            held = moment(placed[recurrence_id]["start"]).astimezone(event.start.tzinfo)
            yield Override(recurrence_id, held, _minutes(placed[recurrence_id]))


# -- people ------------------------------------------------------------------------------------------------------------


def attendees(said: Json) -> list[Json]:
    """Return the attendees that are people: no rooms, and not the organizer once more."""
    organizer = _organizer(said).email
    found = {address(each): each for each in said.get("attendees") or () if each.get("type") != "resource"}
    return [each for key, each in found.items() if key and key != organizer and _response(each) != "organizer"]


def address(said: Json) -> str:
    """Return the casefolded address of an attendee, organizer or sender."""
    return address_of((said.get("emailAddress") or {}).get("address") or "")


def _contact(said: Json) -> Contact:
    return contact(Contact((said.get("emailAddress") or {}).get("name") or "", address(said)))


def _organizer(said: Json) -> Contact:
    return _contact(said.get("organizer") or {})


def _response(attendee: Json) -> str:
    return str((attendee.get("status") or {}).get("response") or "none")


def _answers(said: Json) -> dict[str, str]:
    return {address(each): _ANSWERS.get(_response(each), "NEEDS-ACTION") for each in attendees(said)}


def _proposals(said: Json, placed: Mapping[datetime, Json]) -> dict[tuple[str, datetime | None], tuple[datetime, int]]:
    """Return the times that attendees proposed; one for the whole is none for each meeting once more."""
    whole = {(address(each), None): _slot(each) for each in attendees(said)}
    single = {(address(each), recurrence_id): _slot(each) for recurrence_id, meeting in placed.items() for each in attendees(meeting)}
    found: dict[tuple[str, datetime | None], tuple[datetime, int]] = {key: slot for key, slot in whole.items() if slot}
    found |= {key: slot for key, slot in single.items() if slot and slot != whole.get((key[0], None))}
    return found


def _slot(attendee: Json) -> tuple[datetime, int] | None:
    slot = attendee.get("proposedNewTime")
    return (moment(slot["start"]), _minutes(slot)) if slot else None
