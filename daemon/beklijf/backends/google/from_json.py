"""From the events of Google's Calendar API to what they mean for us: which are ours, and what a series with its exceptions says.

Our UID is spelt in the event's id, which we choose (base32hex), so even a deleted event, of which Google tells the id alone, is
known; and it stands in a private property, which copies of it in other people's calendars don't have. Series are read by the
same rules as iCalendar's (`reader`): Google keeps rules and days off as such lines, and each meeting that has a word of
its own as an event apart. Pure; writes nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from beklijf.backends.google.text import to_text
from beklijf.ical.reader import address_of, is_ours, lasting, plain_text, read
from beklijf.model.canonical import occurrences, place
from beklijf.model.domain import Contact, Event
from beklijf.model.errors import Missing
from beklijf.model.stored import Stored, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Item: TypeAlias = dict[str, Any]
"""An event as the API has it: ``schemas.Event`` of the discovery document."""

UID = "beklijf-uid"
"""Private property: our UID."""
INVITED = "beklijf-invited"
"""Private property: Google was told to invite the attendees."""

FIELDS = (
    "id,etag,status,iCalUID,sequence,summary,description,location,start,end,recurrence,recurringEventId,originalStartTime,"
    "organizer(email,displayName,self),attendees,reminders,transparency,extendedProperties/private"
)
"""What we read of an event."""
BRIEF = "id,etag,status,recurringEventId,organizer/self,extendedProperties/private"
"""What is enough to know which are ours: of a person's own calendar nothing else is read."""

_ANSWERS = {"needsAction": "NEEDS-ACTION", "declined": "DECLINED", "tentative": "TENTATIVE", "accepted": "ACCEPTED"}
_APART = "\0"
_SPLIT = re.compile(r"([0-9a-v]+)_R(\d{8})(?:T\d{6}Z?)?")
"""What Google calls the second half of a series: by the first, and where it begins."""


@dataclass(frozen=True, slots=True)
class Held:
    """An event with the exceptions of its series, as the API gives them."""

    master: Item
    exceptions: tuple[Item, ...] = ()

    @property
    def href(self) -> str:
        return str(self.master["id"])

    @property
    def etag(self) -> str:
        """The event's own ETag; of a series one of all its parts, since an exception's change leaves the whole's as it was."""
        own = str(self.master.get("etag", ""))
        if not self.exceptions:
            return own
        parts = sorted(f"{each['id']} {each.get('etag', '')}" for each in self.exceptions)
        return f"{own}+{sha256(' '.join(parts).encode()).hexdigest()[:16]}"


# -- which are ours ----------------------------------------------------------------------------------------------------


def event_id(uid: str, copy: int = 0) -> str:
    """Return the id of the event with our *uid*; *copy* counts those of before that were deleted, whose ids stay taken."""
    name = f"{uid}{_APART}{copy}" if copy else uid
    return base64.b32hexencode(name.encode()).decode().rstrip("=").lower()


def uid_of(name: str) -> str:
    """Return our UID that an event's id spells; empty when it spells none."""
    try:
        spelt = base64.b32hexdecode(name.upper() + "=" * (-len(name) % 8)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
    uid = spelt.partition(_APART)[0]
    return uid if is_ours(uid) else ""


def is_own(item: Item) -> bool:
    """Tell whether an event is ours: not an attendee's copy of it (which has the same id), nor one that a person made of it."""
    uid = uid_of(item["id"])
    return bool(uid and _object(item, "organizer").get("self") and private(item).get(UID) == uid)


def split_off(item: Item) -> str:
    """Return the id of our series that an item was split off from: a person changed "this and following events" of it."""
    found = _SPLIT.fullmatch(item["id"])
    series = found[1] if found and not series_of(item) and item.get("status") != "cancelled" else ""
    return series if uid_of(series) and _object(item, "organizer").get("self") else ""


def said_of_split(item: Item) -> str:
    """Return what is wrong with a series of which a part was split off, and what to do about it."""
    found = _SPLIT.fullmatch(item["id"])
    assert found is not None
    uid, day = uid_of(found[1]), datetime.strptime(found[2], "%Y%m%d").replace(tzinfo=UTC)
    return (
        f"{uid} was split by a person in Google Calendar: from {day:%Y-%m-%d} on it is another event, which is not kept up to date; "
        "undo that there, or delete that one and set the end of the first one back"
    )


def private(item: Item) -> Mapping[str, str]:
    return _object(_object(item, "extendedProperties"), "private")


def series_of(item: Item) -> str:
    """Return the id of the series of which an item is one meeting; empty for what is none."""
    series = item.get("recurringEventId")
    return series if isinstance(series, str) else ""


def _object(item: Item, name: str) -> Item:
    """Return an object in an item; empty for what is none: a trouble of this one, and of no other."""
    found = item.get(name)
    return found if isinstance(found, dict) else {}


def grouped(items: Iterable[Item]) -> dict[str, Held]:
    """Return what of *items* is ours and not deleted, by id."""
    masters: dict[str, Item] = {}
    exceptions: dict[str, list[Item]] = {}
    for item in items:
        if series := series_of(item):
            exceptions.setdefault(series, []).append(item)
        elif item.get("status") != "cancelled" and is_own(item):
            masters[item["id"]] = item
    return {name: Held(master, _in_order(exceptions.get(name, ()))) for name, master in masters.items()}


def merged(held: Held, items: Iterable[Item]) -> Held:
    """Return *held* with those of its exceptions that changed."""
    parts = {each["id"]: each for each in held.exceptions} | {each["id"]: each for each in items}
    return Held(held.master, _in_order(parts.values()))


def _in_order(exceptions: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(sorted(exceptions, key=lambda item: str(item["id"])))


# -- what they mean ----------------------------------------------------------------------------------------------------


def stored(held: Held, owner: Contact) -> Stored:
    """Return what *held* means in the calendar of *owner*, whose name is Google's where we have none.

    Raises `Unreadable`, and `Missing` for one that was cancelled.
    """
    try:
        return _stored(held, owner)
    except Unreadable as error:
        raise Unreadable(f"{uid_of(held.href)}: {error}", hint=error.hint) from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise Unreadable(f"{uid_of(held.href)}: cannot be read ({type(error).__name__}: {error})") from error


def _stored(held: Held, owner: Contact) -> Stored:
    master, uid = held.master, uid_of(held.href)
    if master.get("status") == "cancelled":
        raise Missing(f"{uid}: cancelled")
    people = attendees(master, owner)
    answers = _answers(people)
    event = Event(
        uid=uid,
        start=moment(master["start"]),
        minutes=lasts(master),
        recurrence=None,
        overrides=(),
        title=plain_text(master.get("summary", "")),
        text=to_text(master.get("description", "")),
        location=plain_text(master.get("location", "")),
        organizer=owner if owner.name else Contact(plain_text(master["organizer"].get("displayName", "")), owner.email),
        people=tuple(Contact(plain_text(who.get("displayName", "")), address) for address, who in sorted(people.items())),
        alarms=_alarms(master),
        free=master.get("transparency") == "transparent",
    )
    said: dict[datetime, Mapping[str, str]] = {}
    if master.get("recurrence"):
        series = _series(held)
        event = replace(event, recurrence=series.recurrence, overrides=series.overrides)
        said = {at: _answers(attendees(item, owner)) for at, item in sorted(own_meetings(held, event).items())}
    return Stored(
        event=event,
        href=held.href,
        etag=held.etag,
        sequence=int(master.get("sequence", 0)),
        delivery=dict.fromkeys(answers, "1.2") if INVITED in private(master) else {},
        answers=answers,
        left_to_server=bool(people),
        single_answers=said,
        icaluid=master["iCalUID"],
    )


def own_meetings(held: Held, event: Event) -> dict[datetime, Item]:
    """Return the exceptions that take place, by their place in the rhythm (UTC); Google keeps some of rhythms that are past."""
    recurrence_ids = None if event.recurrence and event.recurrence.other else set(occurrences(event))
    found = {
        place(recurrence_id_of(item), event.start, event.recurrence): item for item in held.exceptions if item.get("status") != "cancelled"
    }
    return {at: item for at, item in found.items() if recurrence_ids is None or at in recurrence_ids}


def days_off(master: Item) -> frozenset[datetime]:
    """Return the places (UTC) that the lines of a recurrence leave out, whatever its exceptions say."""
    return frozenset(override.at for override in _series(Held(master)).overrides)


def _series(held: Held) -> Event:
    """Return recurrence and single meetings of *held* (and nothing else), read as the iCalendar object that Google exports."""
    start, minutes = moment(held.master["start"]), lasts(held.master)
    zone = start.tzinfo
    assert isinstance(zone, ZoneInfo)
    if zone.key != held.master["start"].get("timeZone"):
        raise Unreadable(f"a series in a time zone that is not known here ({held.master['start'].get('timeZone')})")
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:series", f"DTSTART;TZID={zone.key}:{start:%Y%m%dT%H%M%S}"]
    lines += [f"DURATION:PT{minutes}M", *held.master["recurrence"], "END:VEVENT"]
    for item in held.exceptions:
        off = item.get("status") == "cancelled"
        at, length = (recurrence_id_of(item), minutes) if off else held_at(item, zone)
        begins = f"DTSTART;TZID={zone.key}:{at.astimezone(zone):%Y%m%dT%H%M%S}"
        lines += ["BEGIN:VEVENT", "UID:series", f"RECURRENCE-ID:{_utc(recurrence_id_of(item))}", begins]
        lines += [f"DURATION:PT{length}M", f"STATUS:{'CANCELLED' if off else 'CONFIRMED'}", "END:VEVENT"]
    return read("\r\n".join([*lines, "END:VCALENDAR", ""]).encode()).event


def attendees(item: Item, owner: Contact) -> dict[str, Item]:
    """Return the people in an event by address: no rooms, and not the organizer once more."""
    return {
        address: who
        for who in item.get("attendees", ())
        if not who.get("resource") and not who.get("organizer") and (address := address_of(who["email"])) != owner.email.casefold()
    }


def _answers(people: Mapping[str, Item]) -> dict[str, str]:
    return {address: _ANSWERS.get(who.get("responseStatus", ""), "NEEDS-ACTION") for address, who in people.items()}


def _alarms(item: Item) -> tuple[int, ...]:
    """Return the alarms of this event alone; those that the owner has for all of them are not ours to know."""
    overrides = item.get("reminders", {}).get("overrides", ())
    return tuple(sorted({int(each["minutes"]) for each in overrides if each.get("method") == "popup"}))


# -- time --------------------------------------------------------------------------------------------------------------


def moment(value: Mapping[str, str]) -> datetime:
    """Return a start or end in wall time; raises `Unreadable` for a whole day."""
    if "dateTime" not in value:
        raise Unreadable("a whole day where a time was expected")
    zone = _zone(value.get("timeZone", "UTC"))
    at = datetime.fromisoformat(value["dateTime"])
    return at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)


def _zone(name: str) -> ZoneInfo:
    """Return the zone; UTC for a name that tzdata has not: the instant is right nevertheless."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def held_at(item: Item, zone: ZoneInfo) -> tuple[datetime, int]:
    """Return start and minutes of one meeting of a series; one that a person made a whole day is from midnight on in *zone*."""
    if not is_whole_day(item):
        return moment(item["start"]), lasts(item)
    first, last = (date.fromisoformat(item[name]["date"]) for name in ("start", "end"))
    return datetime(first.year, first.month, first.day, tzinfo=zone), (last - first) // timedelta(minutes=1)


def is_whole_day(item: Item) -> bool:
    return "dateTime" not in item["start"]


def lasts(item: Item) -> int:
    start, end = moment(item["start"]).astimezone(UTC), moment(item["end"]).astimezone(UTC)
    return lasting(start, end)


def recurrence_id_of(item: Item) -> datetime:
    """Return where the rhythm has the meeting of an exception, in UTC; one of a whole day is at its midnight."""
    original = item["originalStartTime"]
    if "dateTime" in original:
        return moment(original).astimezone(UTC)
    day = date.fromisoformat(original["date"])
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
