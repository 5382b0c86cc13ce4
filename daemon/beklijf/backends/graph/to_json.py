"""From an `Event` to what Microsoft Graph is asked to do. Pure: it makes requests' bodies, and sends none.

What differs from what is held is sent, and nothing else, since Exchange tells the attendees of nearly every write.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from beklijf.backends.graph.from_json import UID, WEEKDAYS, ZONE, Json, address, attendees, occurrence
from beklijf.ical.parts import contact, mailto
from beklijf.ical.reader import plain_text
from beklijf.mime.html import to_html
from beklijf.model.canonical import clock, occurrences
from beklijf.model.domain import Override, Recurrence
from beklijf.model.stored import attribute

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from beklijf.model.domain import Contact, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A request about one event, or one meeting of it."""

    method: str
    id: str
    body: Mapping[str, Any] | None = None
    etag: str = ""
    """The state that it counts on."""
    what: str = ""
    """For people, of what goes wrong."""


# -- the whole ---------------------------------------------------------------------------------------------------------


def whole(event: Event) -> Json:
    """Return the body that makes *event*, but for its single meetings."""
    return {
        "transactionId": event.uid,
        "singleValueExtendedProperties": properties(event),
        "subject": plain_text(event.title),
        "body": _html(to_html(event.text)),
        "location": {"displayName": plain_text(event.location)},
        **_span(event.start, event.start, event.minutes),
        "recurrence": None if event.recurrence is None else _recurrence(event, event.recurrence),
        "attendees": [_attendee(person) for person in event.people],
        "showAs": "free" if event.free else "busy",
        **_alarm(event.alarms),
        **(_TEAMS if online(event) else {}),
    }


def online(event: Event) -> bool:
    """Tell whether Exchange is to make an online meeting of *event*."""
    return event.online


def properties(event: Event) -> list[Json]:
    """Return what identifies *event*, and in which zone it is, since Exchange has neither."""
    return [{"id": UID, "value": event.uid}, {"id": ZONE, "value": clock(event.start).key}]


_TEAMS = {"isOnlineMeeting": True, "onlineMeetingProvider": "teamsForBusiness"}


# -- what changes ------------------------------------------------------------------------------------------------------


def aim(held: Event, wanted: Event, fields: frozenset[str]) -> Event:
    """Return what is to be held after *fields* are written; what a re-timed series had of single meetings goes with its occurrences."""
    changes: dict[str, Any] = {
        attribute(name): getattr(wanted, attribute(name)) for name in fields & {"title", "text", "place", "people", "alarms", "online"}
    }
    recurrence = wanted.recurrence if "recurrence" in fields else held.recurrence
    if "time" in fields:
        changes |= {"start": wanted.start, "minutes": wanted.minutes}
        if "recurrence" not in fields and recurrence is not None and not recurrence.other:
            # told of the time alone it keeps the number of its meetings
            last = wanted.start + timedelta(weeks=recurrence.every * (len(occurrences(held)) - 1))
            recurrence = replace(recurrence, last=last.astimezone(UTC))
    event = replace(held, recurrence=recurrence, **changes)
    recurrence_ids = set(occurrences(event))
    overrides = wanted.overrides if fields & {"time", "single"} else held.overrides
    kept = (_plain(override, event) for override in overrides if recurrence and (recurrence.other or override.at in recurrence_ids))
    return replace(event, overrides=tuple(sorted((override for override in kept if override), key=lambda override: override.at)))


def patch(said: Json, held: Event, wanted: Event, fields: Iterable[str]) -> Json:
    """Return what of *fields* differs between what is held (and was *said*) and *wanted*."""
    body: Json = {}
    for field in fields:
        body |= _field(said, held, wanted, field)
    return body


def announcement(held: Event) -> Json:
    """Return a write that changes nothing, of which the attendees are told all the same."""
    return {"subject": held.title}


def _field(said: Json, held: Event, wanted: Event, field: str) -> Json:
    body: Json = {}
    match field:
        case "time" | "recurrence":
            body = _times(held, wanted)
        case "title" if held.title != plain_text(wanted.title):
            body = {"subject": plain_text(wanted.title)}
        case "text" if held.text != plain_text(wanted.text):
            body = {"body": _html(to_html(wanted.text, said["body"]["content"], online=held.online))}
        case "place" if held.location != plain_text(wanted.location):
            body = {"location": {"displayName": plain_text(wanted.location)}}
        case "people" if {p.email for p in held.people} != {contact(p).email for p in wanted.people}:
            body = people(said, wanted)
        case "alarms" if held.alarms != wanted.alarms:
            body = _alarm(wanted.alarms)
        case "online" if online(wanted) and not held.online:  # what is an online meeting can't be another one any more
            body = dict(_TEAMS)
    return body


def people(said: Json, wanted: Event) -> Json:
    """Return the attendees as wanted, with the rooms that are there, and those who stay as they are there."""
    known = {address(each): each for each in attendees(said)}
    there = [each for each in said.get("attendees") or () if address(each) not in known]
    stay = {contact(person).email: known.get(contact(person).email) for person in wanted.people}
    kept = [
        {"emailAddress": each["emailAddress"], "type": each.get("type", "required")}
        for each in (*stay.values(), *there)
        if each and each.get("emailAddress")
    ]
    return {"attendees": [*kept, *(_attendee(person) for person in wanted.people if stay[contact(person).email] is None)]}


def _times(held: Event, wanted: Event) -> Json:
    """Return both together: a rhythm that doesn't begin with its event is none."""
    same = (held.start, held.minutes) == (wanted.start, wanted.minutes) and clock(held.start) == clock(wanted.start)
    if same and held.recurrence == wanted.recurrence:
        return {}
    body: Json = {} if same else {**_span(wanted.start, wanted.start, wanted.minutes), "singleValueExtendedProperties": properties(wanted)}
    if wanted.recurrence is None:
        return body | ({"recurrence": None} if held.recurrence else {})
    return body if wanted.recurrence.other else body | {"recurrence": _recurrence(wanted, wanted.recurrence)}


# -- single meetings ---------------------------------------------------------------------------------------------------


def lost(held: Event, wanted: Event) -> bool:
    """Tell whether a meeting was taken out that is wanted: nothing brings it back but a new rhythm."""
    there, then = _by_recurrence_id(held), _by_recurrence_id(wanted)
    return any(
        override.start is None and (recurrence_id not in then or then[recurrence_id].start is not None)
        for recurrence_id, override in there.items()
    )


def overrides(id: str, held: Event, wanted: Event) -> list[Step]:  # noqa: A002  # Graph's word
    """Return what makes the single meetings those of *wanted*: first what falls out, which leaves room for what moves."""
    there, then = _by_recurrence_id(held), _by_recurrence_id(wanted)
    out, moves = [], []
    for recurrence_id in sorted(there.keys() | then.keys()):
        was, now = there.get(recurrence_id), then.get(recurrence_id)
        if was == now:
            continue
        name = occurrence(id, recurrence_id, wanted)
        if now is not None and now.start is None:
            out.append(Step(method="DELETE", id=name, what=f"taking the meeting of {recurrence_id:%Y-%m-%d} out of {wanted.title!r}"))
        else:
            start, minutes = (now.start, now.minutes) if now is not None and now.start is not None else (recurrence_id, wanted.minutes)
            body = _span(start, wanted.start, minutes)
            moves.append(
                Step(method="PATCH", id=name, body=body, what=f"moving the meeting of {recurrence_id:%Y-%m-%d} of {wanted.title!r}")
            )
    return out + moves


def anew(said: Json, event: Event) -> list[list[Json]]:
    """Return ways to write the rhythm of a series anew, which brings back what was taken out of it; the quietest first.

    Another first day of the week changes no meeting of a series with one a week, but is another rhythm: one update. Where that
    doesn't help, a detour by another rhythm: two more.
    """
    assert event.recurrence is not None
    first = "sunday" if said["recurrence"]["pattern"].get("firstDayOfWeek") == "monday" else "monday"
    detour = replace(event.recurrence, every=event.recurrence.every + 1)
    quiet = {"recurrence": _recurrence(event, event.recurrence, first)}
    return [[quiet], [{"recurrence": _recurrence(event, detour)}, {"recurrence": _recurrence(event, event.recurrence)}]]


def _by_recurrence_id(event: Event) -> dict[datetime, Override]:
    plain = (_plain(override, event) for override in event.overrides)
    return {override.at: override for override in plain if override is not None}


def _plain(override: Override, event: Event) -> Override | None:
    """Return *override* in its one spelling; None for a meeting that is where and as long as the rhythm has it."""
    if override.start is None:
        return Override(override.at, None)
    minutes = override.minutes or event.minutes
    return None if (override.start, minutes) == (override.at, event.minutes) else Override(override.at, override.start, minutes)


# -- Graph's types -----------------------------------------------------------------------------------------------------


def _span(start: datetime, like: datetime, minutes: int) -> Json:
    """Return start and end in the zone of *like*: single meetings in another zone than their series' are refused later on."""
    zone = clock(like)
    ends = (start.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(zone)
    return {
        name: {"dateTime": f"{at:%Y-%m-%dT%H:%M:%S}", "timeZone": zone.key}
        for name, at in (("start", start.astimezone(zone)), ("end", ends))
    }


def _recurrence(event: Event, recurrence: Recurrence, first_day: str = "monday") -> Json:
    zone = clock(event.start)
    start = event.start.astimezone(zone)
    return {
        "pattern": {
            "type": "weekly",
            "interval": recurrence.every,
            "daysOfWeek": [WEEKDAYS[start.weekday()]],
            "firstDayOfWeek": first_day,
        },
        "range": {
            "type": "endDate",
            "startDate": start.date().isoformat(),
            "endDate": recurrence.last.astimezone(zone).date().isoformat(),
            "recurrenceTimeZone": zone.key,
        },
    }


def _attendee(person: Contact) -> Json:
    plain = contact(person)
    return {"emailAddress": {"address": wired(plain.email), "name": plain.name or plain.email}, "type": "required"}


def wired(email: str) -> str:
    """Return an address as mail servers have it: of domains in ASCII."""
    return mailto(email).removeprefix("mailto:")


def _html(content: str) -> Json:
    return {"contentType": "html", "content": content}


def _alarm(alarms: tuple[int, ...]) -> Json:
    return {"isReminderOn": True, "reminderMinutesBeforeStart": min(alarms)} if alarms else {"isReminderOn": False}
