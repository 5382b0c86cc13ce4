"""Events and mails as EWS items, out and in: every property in the order that the schema wants, and only those asked for."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON
from tests.fakes.company import Guest, Rhythm
from tests.fakes.ews.mail import attached, kind_of
from tests.fakes.ews.soap import Refusal, T, all_of, at, find, instant, local, spelt, text, yes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lxml import etree
    from tests.fakes.company import Company, Entry, Message, Single

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SHORT = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
RESPONSES = {"NEEDS-ACTION": "NoResponseReceived", "ACCEPTED": "Accept", "DECLINED": "Decline", "TENTATIVE": "Tentative"}
_WINDOWS = {olson: windows for windows, olson in WINDOWS_TO_OLSON.items()}
_TRUE = ("true", "1")
SEQUENCE = "Appointment:33281:Integer"


@dataclass(frozen=True, slots=True)
class Shape:
    """Which properties a request asks for."""

    uris: frozenset[str]
    extended: tuple[tuple[str, etree._Element], ...] = field(default=())
    """What an extended property is called in an `Entry`, and how it was asked for."""


def shape(request: etree._Element, tag: str) -> Shape:
    asked = find(request, f"m:{tag}/t:AdditionalProperties")
    if asked is None:
        return Shape(frozenset())
    uris = frozenset(str(each.get("FieldURI")) for each in all_of(asked, "t:FieldURI"))
    return Shape(uris, tuple((extended_key(each), each) for each in all_of(asked, "t:ExtendedFieldURI")))


def extended_key(uri: etree._Element) -> str:
    where = uri.get("PropertySetId") or uri.get("DistinguishedPropertySetId") or uri.get("PropertyTag")
    return f"{where}:{uri.get('PropertyName') or uri.get('PropertyId')}:{uri.get('PropertyType')}"


# -- names of things ---------------------------------------------------------------------------------------------------


def name_of(kind: str, *parts: str) -> str:
    """Return an id: opaque to clients, and not like any id of ours."""
    return "AAMk" + base64.urlsafe_b64encode("|".join((kind, *parts)).encode()).decode().rstrip("=")


def parts_of(key: str) -> tuple[str, ...]:
    try:
        plain = key.removeprefix("AAMk")
        return tuple(base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4)).decode().split("|"))
    except (ValueError, UnicodeDecodeError) as error:
        raise Refusal("ErrorInvalidIdMalformed") from error


def event_id(entry: Entry) -> str:
    return name_of("event", entry.id)


def mail_id(message: Message) -> str:
    return name_of("mail", message.id, message.folder)  # a mail that is moved is another item


def single_id(entry: Entry, recurrence_id: datetime) -> str:
    return name_of("single", entry.id, spelt(recurrence_id))


def state_of(version: int) -> str:
    return f"CQAAABYAAAD{version:08}"


# -- events out --------------------------------------------------------------------------------------------------------


def windows(zone: ZoneInfo) -> str:
    return "UTC" if zone.key == "UTC" else _WINDOWS.get(zone.key, "Customized Time Zone")


def event(entry: Entry, wanted: Shape) -> etree._Element:
    item = T.CalendarItem(T.ItemId(Id=event_id(entry), ChangeKey=state_of(entry.version)))
    end = entry.start.astimezone(UTC) + timedelta(minutes=entry.minutes)
    times = (entry.start, end, entry.guests, None)
    _fill(item, entry, times, wanted)
    return item


def single(entry: Entry, recurrence_id: datetime, wanted: Shape) -> etree._Element:
    """Return one meeting of a series, with the words of the series where it has none of its own."""
    own = entry.singles.get(recurrence_id)
    if own is not None and own.start is None:
        raise Refusal("ErrorItemNotFound")
    start, minutes, guests = (own.start, own.minutes, own.guests) if own and own.start else (recurrence_id, entry.minutes, entry.guests)
    item = T.CalendarItem(T.ItemId(Id=single_id(entry, recurrence_id), ChangeKey=state_of(entry.version)))
    _fill(item, entry, (start, start.astimezone(UTC) + timedelta(minutes=minutes), guests, recurrence_id), wanted)
    return item


def _fill(item: etree._Element, entry: Entry, times: tuple[datetime, datetime, list[Guest], datetime | None], wanted: Shape) -> None:
    start, end, guests, recurrence_id = times
    own = entry.singles.get(recurrence_id) if recurrence_id is not None else None
    optional = entry.extra.get("optional", frozenset())
    assert isinstance(optional, frozenset)
    required = [guest for guest in guests if guest.address not in optional]
    others = [guest for guest in guests if guest.address in optional]
    kind = "Single" if entry.rhythm is None else "RecurringMaster" if recurrence_id is None else "Exception" if own else "Occurrence"
    body = str(entry.extra.get("html", "")) or _said(own.text if own else None, entry.text)
    where = _said(own.place if own else None, entry.place)
    properties: tuple[tuple[str, Callable[[], Iterable[etree._Element]]], ...] = (
        ("item:Subject", lambda: [T.Subject(_said(own.title if own else None, entry.title))]),
        ("item:Body", lambda: [T.Body(body.replace("\n", "\r\n"), BodyType="HTML" if "html" in entry.extra else "Text")]),
        ("item:ReminderIsSet", lambda: [T.ReminderIsSet(yes(bool(entry.alarms)))]),
        ("item:ReminderMinutesBeforeStart", lambda: [T.ReminderMinutesBeforeStart(str(min(entry.alarms, default=15)))]),
        ("", lambda: _extended(entry.properties, wanted)),
        ("calendar:UID", lambda: [T.UID(entry.uid)]),
        ("calendar:RecurrenceId", lambda: [T.RecurrenceId(spelt(recurrence_id))] if recurrence_id else []),
        ("calendar:Start", lambda: [T.Start(spelt(start))]),
        ("calendar:End", lambda: [T.End(spelt(end))]),
        ("calendar:OriginalStart", lambda: [T.OriginalStart(spelt(recurrence_id))] if recurrence_id else []),
        ("calendar:IsAllDayEvent", lambda: [T.IsAllDayEvent(yes(entry.all_day))]),
        ("calendar:LegacyFreeBusyStatus", lambda: [T.LegacyFreeBusyStatus("Free" if entry.free else "Busy")]),
        (
            "calendar:Location",
            lambda: [T.Location(where)] if where else [],
        ),
        ("calendar:IsMeeting", lambda: [T.IsMeeting(yes(bool(entry.guests)))]),
        ("calendar:IsCancelled", lambda: [T.IsCancelled(yes(entry.cancelled))]),
        ("calendar:MeetingRequestWasSent", lambda: [T.MeetingRequestWasSent(yes(entry.sent))]),
        ("calendar:CalendarItemType", lambda: [T.CalendarItemType(kind)]),
        ("calendar:MyResponseType", lambda: [T.MyResponseType(_mine(entry, guests))]),
        ("calendar:Organizer", lambda: [T.Organizer(_mailbox(entry.organizer))]),
        ("calendar:RequiredAttendees", lambda: [T.RequiredAttendees(*map(_attendee, required))] if required else []),
        ("calendar:OptionalAttendees", lambda: [T.OptionalAttendees(*map(_attendee, others))] if others else []),
        ("calendar:AppointmentSequenceNumber", lambda: [T.AppointmentSequenceNumber(str(entry.sequence))]),
        ("calendar:Recurrence", lambda: [_recurrence(entry)] if kind == "RecurringMaster" else []),
        ("calendar:ModifiedOccurrences", lambda: _modified(entry) if kind == "RecurringMaster" else []),
        ("calendar:DeletedOccurrences", lambda: _deleted(entry) if kind == "RecurringMaster" else []),
        ("calendar:StartTimeZone", lambda: [T.StartTimeZone(Id=windows(entry.zone), Name="")]),
    )
    for uri, made in properties:
        if uri in wanted.uris or not uri:
            item.extend(made())


def _said(own: str | None, whole: str) -> str:
    return whole if own is None else own


def _extended(properties: dict[str, str], wanted: Shape) -> Iterable[etree._Element]:
    for key, uri in wanted.extended:
        if key in properties:
            yield T.ExtendedProperty(
                T.ExtendedFieldURI(**{str(name): str(value) for name, value in uri.attrib.items()}), T.Value(properties[key])
            )


def _mine(entry: Entry, guests: list[Guest]) -> str:
    if entry.mine:
        return "Organizer" if entry.guests else "Unknown"
    return next((RESPONSES[guest.answer] for guest in guests if guest.address == entry.mailbox), "NoResponseReceived")


def _mailbox(guest: Guest) -> etree._Element:
    return T.Mailbox(T.Name(guest.name), T.EmailAddress(guest.address), T.RoutingType("SMTP"), T.MailboxType("Mailbox"))


def _attendee(guest: Guest) -> etree._Element:
    made = T.Attendee(_mailbox(guest), T.ResponseType(RESPONSES.get(guest.answer, "Unknown")))
    if guest.proposed is not None:
        start, minutes = guest.proposed
        made.extend([T.ProposedStart(spelt(start)), T.ProposedEnd(spelt(start + timedelta(minutes=minutes)))])
    return made


def _recurrence(entry: Entry) -> etree._Element:
    rhythm = entry.rhythm
    assert rhythm is not None
    day = f"{entry.start:%Y-%m-%d}"
    if rhythm.other:
        return T.Recurrence(
            _pattern({part.partition("=")[0]: part.partition("=")[2] for part in rhythm.other.split(";")}),
            T.NoEndRecurrence(T.StartDate(day)),
        )
    pattern = _weekly(rhythm.weeks, [DAYS[entry.start.weekday()]])
    if rhythm.count is not None:
        return T.Recurrence(pattern, T.NumberedRecurrence(T.StartDate(day), T.NumberOfOccurrences(str(rhythm.count))))
    if rhythm.until is None:
        return T.Recurrence(pattern, T.NoEndRecurrence(T.StartDate(day)))
    return T.Recurrence(pattern, T.EndDateRecurrence(T.StartDate(day), T.EndDate(rhythm.until.isoformat())))


def _weekly(weeks: int, days: list[str]) -> etree._Element:
    return T.WeeklyRecurrence(T.Interval(str(weeks)), T.DaysOfWeek(" ".join(days)), T.FirstDayOfWeek("Monday"))


def _pattern(rule: dict[str, str]) -> etree._Element:
    """Return a rule that a person made in a program of theirs, of the kinds that programs offer."""
    interval = T.Interval(rule.get("INTERVAL", "1"))
    days = rule.get("BYDAY", "")
    if rule["FREQ"] == "DAILY":
        return T.DailyRecurrence(interval)
    if rule["FREQ"] == "WEEKLY":
        return _weekly(int(rule.get("INTERVAL", "1")), [DAYS[SHORT.index(each)] for each in days.split(",")])
    numbered = re.fullmatch(r"(-?\d)([A-Z]{2})", days)
    assert numbered, f"no such rule here: {rule}"
    index = ("First", "Second", "Third", "Fourth")[int(numbered[1]) - 1] if int(numbered[1]) > 0 else "Last"
    day = DAYS[SHORT.index(numbered[2])]
    return T.RelativeMonthlyRecurrence(interval, T.DaysOfWeek(day), T.DayOfWeekIndex(index))


def _modified(entry: Entry) -> list[etree._Element]:
    found = []
    for recurrence_id, each in sorted(entry.singles.items()):
        if each.start is not None:
            end = each.start.astimezone(UTC) + timedelta(minutes=each.minutes)
            identity = T.ItemId(Id=single_id(entry, recurrence_id), ChangeKey=state_of(entry.version))
            found.append(T.Occurrence(identity, T.Start(spelt(each.start)), T.End(spelt(end)), T.OriginalStart(spelt(recurrence_id))))
    return [T.ModifiedOccurrences(*found)] if found else []


def _deleted(entry: Entry) -> list[etree._Element]:
    found = [
        T.DeletedOccurrence(T.Start(spelt(recurrence_id))) for recurrence_id, each in sorted(entry.singles.items()) if each.start is None
    ]
    return [T.DeletedOccurrences(*found)] if found else []


# -- mails out ---------------------------------------------------------------------------------------------------------


def mail(message: Message, company: Company, wanted: Shape) -> etree._Element:
    """Return a mail; one with an answer to an invitation is a MeetingResponse."""
    said = message.answer
    raw: Any = message_from_bytes(message.raw, policy=policy.default)
    sender = raw["From"].addresses[0] if raw["From"] else None
    who = Guest(sender.display_name, sender.addr_spec) if sender else Guest("", "")
    item = T.Message() if said is None else T.MeetingResponse()
    identity = T.ItemId(Id=mail_id(message), ChangeKey=state_of(message.version))
    if "item:MimeContent" in wanted.uris:
        item.append(T.MimeContent(base64.b64encode(message.raw).decode(), CharacterSet="UTF-8"))
    item.append(identity)
    kind = kind_of(raw) if said is None else "IPM.Schedule.Meeting.Resp"
    properties: list[tuple[str, Callable[[], Iterable[etree._Element]]]] = [
        ("item:ItemClass", lambda: [T.ItemClass(kind)]),
        ("item:Subject", lambda: [T.Subject(str(raw["Subject"] or ""))]),
        ("item:Attachments", lambda: attached(raw)),
        ("item:DateTimeReceived", lambda: [T.DateTimeReceived(spelt(message.received))]),
        ("item:Size", lambda: [T.Size(str(len(message.raw)))]),
        ("item:HasAttachments", lambda: [T.HasAttachments(yes(any(True for _ in raw.iter_attachments())))]),
        ("", lambda: _extended({SEQUENCE: str(said.sequence)} if said else {}, wanted)),
        ("message:Sender", lambda: [T.Sender(_mailbox(who))] if sender else []),
        ("message:From", lambda: [T.From(_mailbox(who))] if sender else []),
    ]
    if said is not None:
        event_there = company.entries.get(said.entry)
        properties += [
            ("meeting:AssociatedCalendarItemId", lambda: [T.AssociatedCalendarItemId(Id=event_id(event_there))] if event_there else []),
            ("meeting:IsOutOfDate", lambda: [T.IsOutOfDate(yes(event_there is not None and said.sequence < event_there.sequence))]),
            ("meeting:HasBeenProcessed", lambda: [T.HasBeenProcessed(yes(company.attendant))]),
            ("meeting:ResponseType", lambda: [T.ResponseType(RESPONSES.get(said.answer, "Unknown"))]),
            ("calendar:UID", lambda: [T.UID(said.uid)]),
            ("calendar:RecurrenceId", lambda: [T.RecurrenceId(spelt(said.recurrence_id))] if said.recurrence_id else []),
        ]
        if said.proposed is not None:
            start, minutes = said.proposed
            properties += [
                ("meeting:ProposedStart", lambda: [T.ProposedStart(spelt(start))]),
                ("meeting:ProposedEnd", lambda: [T.ProposedEnd(spelt(start + timedelta(minutes=minutes)))]),
            ]
    for uri, made in properties:
        if uri in wanted.uris or not uri:
            item.extend(made())
    return item


# -- events in ---------------------------------------------------------------------------------------------------------


def values(item: etree._Element) -> dict[str, Any]:
    """Return what an item, or the part of it that is set, says of an `Entry`; Sensitivity and the like nobody asks for again."""
    found: dict[str, Any] = {}
    for child in item:
        if local(child) == "ExtendedProperty":
            uri = at(child, "t:ExtendedFieldURI")
            found.setdefault("properties", {})[extended_key(uri)] = text(child, "t:Value")
        elif local(child) in _READ:
            name, read = _READ[local(child)]
            found[name] = read(child)
    return found


def told(change: etree._Element) -> dict[str, Any]:
    """Return what an ItemChange sets and deletes, in the same way."""
    said: dict[str, Any] = {}
    for update in at(change, "t:Updates"):
        if local(update) == "DeleteItemField":
            uri = update[0]
            if local(uri) == "ExtendedFieldURI":
                said.setdefault("properties", {})[extended_key(uri)] = None
            else:
                said[str(uri.get("FieldURI")).removeprefix("calendar:")] = []  # of all others only the lists of attendees may go
        elif local(update) == "SetItemField":
            one = values(update[1])
            said.setdefault("properties", {}).update(one.pop("properties", {}))
            said |= one
        else:
            raise Refusal("ErrorInvalidPropertyAppend")
    return said


def zone(name: str) -> ZoneInfo:
    if name != "UTC" and name not in WINDOWS_TO_OLSON:
        raise Refusal("ErrorCalendarInvalidTimeZone")
    return ZoneInfo(WINDOWS_TO_OLSON.get(name, "UTC"))


def _guest(attendee: etree._Element) -> Guest:
    return Guest(text(attendee, "t:Mailbox/t:Name"), text(attendee, "t:Mailbox/t:EmailAddress").casefold())


def rhythm(element: etree._Element) -> Rhythm:
    pattern, boundary = element[0], element[1]
    until = text(boundary, "t:EndDate")
    count = text(boundary, "t:NumberOfOccurrences")
    weeks = int(text(pattern, "t:Interval", "1"))
    days = text(pattern, "t:DaysOfWeek").split()
    if local(pattern) != "WeeklyRecurrence" or len(days) != 1:
        raise Refusal("ErrorUnsupportedRecurrence")
    return Rhythm(weeks, date.fromisoformat(until[:10]) if until else None, int(count) if count else None)


_READ: dict[str, tuple[str, Callable[[etree._Element], Any]]] = {
    "Subject": ("title", lambda child: child.text or ""),
    "Body": ("text", lambda child: (child.text or "").replace("\r\n", "\n")),
    "Location": ("place", lambda child: child.text or ""),
    "LegacyFreeBusyStatus": ("free", lambda child: child.text == "Free"),
    "UID": ("uid", lambda child: child.text or ""),
    "IsAllDayEvent": ("all_day", lambda child: child.text in _TRUE),
    "ReminderIsSet": ("reminder", lambda child: child.text in _TRUE),
    "ReminderMinutesBeforeStart": ("before", lambda child: int(child.text or 0)),
    "Start": ("start", lambda child: instant(child.text or "")),
    "End": ("end", lambda child: instant(child.text or "")),
    "StartTimeZone": ("zone", lambda child: zone(str(child.get("Id")))),
    "RequiredAttendees": ("RequiredAttendees", lambda child: [_guest(each) for each in child]),
    "OptionalAttendees": ("OptionalAttendees", lambda child: [_guest(each) for each in child]),
    "Recurrence": ("rhythm", rhythm),
}
"""What children of an item say, and what it is called here."""


def crosses(entry: Entry, recurrence_id: datetime, start: datetime) -> bool:
    """Tell whether a meeting would be on or beyond the day of the one before or after it, which Exchange refuses."""
    recurrence_ids = [each for each in entry.places() if (own := entry.singles.get(each)) is None or own.start is not None]
    number = recurrence_ids.index(recurrence_id)

    def day(at: datetime) -> date:
        own: Single | None = entry.singles.get(at)
        return (own.start if own and own.start else at).astimezone(entry.zone).date()

    new = start.astimezone(entry.zone).date()
    return (number > 0 and day(recurrence_ids[number - 1]) >= new) or (
        number + 1 < len(recurrence_ids) and day(recurrence_ids[number + 1]) <= new
    )
