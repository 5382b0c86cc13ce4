"""People's own programs at a `company`: an event as iCalendar, out and in, as any program would show and edit it.

What a program writes into an organizer's event is sent to the attendees; what it writes into an attendee's copy is an answer.
Uses nothing of ours, so that tests hold our reading of a calendar against another one.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import icalendar
from tests.fakes.company import OPEN, Entry, Guest, Rhythm, Single

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.company import Answer, Company

OURS = frozenset(
    {"UID", "DTSTAMP", "SUMMARY", "DESCRIPTION", "LOCATION", "DTSTART", "DTEND", "DURATION", "RRULE", "EXDATE", "RECURRENCE-ID"}
) | {
    "ORGANIZER",
    "ATTENDEE",
    "STATUS",
    "TRANSP",
    "SEQUENCE",
}


# -- out ---------------------------------------------------------------------------------------------------------------


def read(company: Company, name: str) -> bytes:
    """Return an event as a program exports it; raises KeyError when it isn't there."""
    entry = company.entries[name]
    calendar = _calendar()
    master = _event(entry, entry.start, entry.minutes, entry.guests, (entry.title, entry.text, entry.place))
    for key, value in _kept(entry):
        master.add(key, value)
    if entry.rhythm is not None:
        master.add("RRULE", icalendar.vRecur.from_ical(_rule(entry)))
    calendar.add_component(master)
    for recurrence_id, single in sorted(entry.singles.items()):
        if single.start is None:
            master.add("EXDATE", recurrence_id.astimezone(entry.zone))
            continue
        words = (_own(single.title, entry.title), _own(single.text, entry.text), _own(single.place, entry.place))
        override = _event(entry, single.start, single.minutes, single.guests, words)
        override.add("RECURRENCE-ID", recurrence_id.astimezone(entry.zone))
        calendar.add_component(override)
    data: bytes = calendar.to_ical()
    return data


def reply(said: Answer, entry: Entry, now: datetime, comment: str) -> bytes:
    """Return the mail with which a program answers an invitation; Outlook leaves out ORGANIZER, and so does this."""
    start, minutes = said.proposed or (said.recurrence_id or entry.start.astimezone(UTC), entry.minutes)
    calendar = _calendar()
    method = "COUNTER" if said.proposed else "REPLY"
    calendar.add("METHOD", method)
    event = icalendar.Event()
    event.add("UID", said.uid)
    event.add("DTSTAMP", now)
    event.add("DTSTART", start)
    event.add("DTEND", start + timedelta(minutes=minutes))
    event.add("SEQUENCE", said.sequence)
    if said.recurrence_id is not None:
        event.add("RECURRENCE-ID", said.recurrence_id)
    event.add("ATTENDEE", _address(said.who.name, said.who.address, said.answer))
    calendar.add_component(event)
    mail = EmailMessage()
    mail["From"], mail["To"] = f"{said.who.name} <{said.who.address}>", entry.organizer.address
    mail["Subject"], mail["Date"] = f"{said.answer.title()}: {entry.title}", now
    mail["Message-ID"] = f"<{said.uid}.{said.who.address}.{now.timestamp():.0f}.{method}@server.example>"
    mail.set_content(comment)
    mail.add_alternative(calendar.to_ical(), maintype="text", subtype="calendar", params={"method": method, "charset": "UTF-8"})
    return mail.as_bytes()


def _calendar() -> icalendar.Calendar:
    calendar = icalendar.Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", "-//a program//EN")
    return calendar


def _event(entry: Entry, start: datetime, minutes: int, guests: list[Guest], words: tuple[str, str, str]) -> icalendar.Event:
    event = icalendar.Event()
    event.add("UID", entry.uid)
    event.add("DTSTAMP", entry.changed)
    event.add("SEQUENCE", entry.sequence)
    title, text, place = words
    event.add("SUMMARY", title)
    event.add("DESCRIPTION", text)
    event.add("LOCATION", place)
    event.add("DTSTART", start.date() if entry.all_day else start.astimezone(entry.zone))
    end = start.astimezone(UTC) + timedelta(minutes=minutes)
    event.add("DTEND", start.date() + timedelta(days=1) if entry.all_day else end.astimezone(entry.zone))
    event.add("STATUS", "CANCELLED" if entry.cancelled else "CONFIRMED")
    event.add("TRANSP", "TRANSPARENT" if entry.free else "OPAQUE")
    event.add("ORGANIZER", _address(entry.organizer.name, entry.organizer.address))
    for guest in guests:
        event.add("ATTENDEE", _address(guest.name, guest.address, guest.answer))
    return event


def _kept(entry: Entry) -> Iterator[tuple[str, Any]]:
    kept = entry.extra.get("kept", {})
    assert isinstance(kept, dict)
    yield from kept.items()


def _address(name: str, address: str, answer: str = "") -> icalendar.vCalAddress:
    made = icalendar.vCalAddress(f"mailto:{address}")
    made.params["CN"] = name
    if answer:
        made.params["PARTSTAT"] = answer
    return made


def _own(value: str | None, whole: str) -> str:
    return whole if value is None else value


def _rule(entry: Entry) -> str:
    rhythm = entry.rhythm
    assert rhythm is not None
    if rhythm.other:
        return rhythm.other
    day = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[entry.start.weekday()]
    rule = f"FREQ=WEEKLY;INTERVAL={rhythm.weeks};BYDAY={day}"
    if rhythm.count is not None:
        return f"{rule};COUNT={rhythm.count}"
    if rhythm.until is None:
        return rule
    last = datetime.combine(rhythm.until, entry.start.timetz()).astimezone(UTC)
    return f"{rule};UNTIL={last:%Y%m%dT%H%M%SZ}"


# -- in ----------------------------------------------------------------------------------------------------------------


def write(company: Company, mailbox: str, folder: str, name: str, data: bytes) -> None:
    """Take an event as a program saves it: a new one, an organizer's edit (which is sent), or an attendee's answer."""
    wanted = _entry(data)
    entry = company.entries.get(name)
    if entry is None:
        wanted.id, wanted.mailbox, wanted.folder = name, mailbox.casefold(), folder
        company.add(wanted, send="all" if wanted.guests else "none")
    elif entry.mine:
        _edit(company, entry, wanted)
    else:
        _answer(company, entry, wanted)


def delete(company: Company, name: str) -> None:
    """Delete an event as a program does: the organizer cancels it, an attendee declines it."""
    company.remove(company.entries[name], send="all")


def _edit(company: Company, entry: Entry, wanted: Entry) -> None:
    """Do to the organizer's event what its program does: the whole first, then single meetings; answers are noted, not sent.

    A whole series at another hour has no exceptions any more: Outlook warns of it, and does it.
    """
    words = {name: getattr(wanted, name) for name in ("title", "text", "place", "all_day", "cancelled", "free", "rhythm")}
    times = {name: getattr(wanted, name) for name in ("start", "minutes") if getattr(wanted, name) != getattr(entry, name)}
    guests = {"guests": wanted.guests} if _who(wanted.guests) != _who(entry.guests) else {}
    company.change(entry, send="all", **words, **times, **guests)
    company.change(entry, extra={**entry.extra, "kept": wanted.extra["kept"]})
    if times:
        return
    _note_answers(company, entry, wanted.guests, entry.guests)
    before = deepcopy(entry.singles)
    for recurrence_id, single in sorted(wanted.singles.items()):
        was = before.get(recurrence_id)
        if single.start is None:
            if was is None or was.start is not None:
                company.take_out(entry, recurrence_id, send="all")
        else:
            now = (was.start and was.start.astimezone(UTC), was.minutes) if was else (recurrence_id, entry.minutes)
            if (single.start.astimezone(UTC), single.minutes) != now:
                company.single(entry, recurrence_id, send="all", start=single.start, minutes=single.minutes)
            _note_single(company, entry, recurrence_id, single.guests)
    for recurrence_id in sorted(before.keys() - wanted.singles.keys()):
        _back(company, entry, recurrence_id)


def _back(company: Company, entry: Entry, recurrence_id: datetime) -> None:
    """Let one meeting be as the rhythm has it again; what was taken out, a program brings back by writing the series anew."""
    single = entry.singles.get(recurrence_id)
    if single is not None and single.start is None:
        company.change(entry, send="all", singles={at: each for at, each in entry.singles.items() if at != recurrence_id})
    elif single is not None:
        company.single(entry, recurrence_id, send="all", start=recurrence_id.astimezone(entry.zone), minutes=entry.minutes)


def _note_answers(company: Company, entry: Entry, wanted: list[Guest], guests: list[Guest]) -> None:
    answers = {guest.address: guest.answer for guest in wanted}
    changed = [guest for guest in guests if answers.get(guest.address, guest.answer) != guest.answer]
    for guest in changed:
        guest.answer = answers[guest.address]
    if changed:
        company.touch(entry)


def _note_single(company: Company, entry: Entry, recurrence_id: datetime, wanted: list[Guest]) -> None:
    there = entry.singles[recurrence_id].guests if recurrence_id in entry.singles else entry.guests
    answers = {guest.address: guest.answer for guest in there}
    if any(guest.answer != answers.get(guest.address, OPEN) for guest in wanted):
        if recurrence_id not in entry.singles:
            entry.singles[recurrence_id] = Single(recurrence_id.astimezone(entry.zone), entry.minutes, deepcopy(entry.guests))
        _note_answers(company, entry, wanted, entry.singles[recurrence_id].guests)


def _answer(company: Company, copy: Entry, wanted: Entry) -> None:
    """Send what an attendee's program has changed of the own answer; what else it changes stays in the own copy."""
    mine = _of(wanted.guests, copy.mailbox)
    was = _of(copy.guests, copy.mailbox)
    if mine and was and mine.answer != was.answer:
        company.respond(copy, mine.answer)
    for recurrence_id, single in sorted(wanted.singles.items()):
        said, known = _of(single.guests, copy.mailbox), copy.singles.get(recurrence_id)
        before = _of(known.guests if known else copy.guests, copy.mailbox)
        if said and before and said.answer != before.answer:
            company.respond(copy, said.answer, recurrence_id)


def _of(guests: list[Guest], address: str) -> Guest | None:
    return next((guest for guest in guests if guest.address == address), None)


def _who(guests: list[Guest]) -> set[str]:
    return {guest.address for guest in guests}


def _entry(data: bytes) -> Entry:
    calendar = icalendar.Calendar.from_ical(data)
    events: list[Any] = sorted(calendar.walk("VEVENT"), key=lambda event: "RECURRENCE-ID" in event)
    master = events[0]
    start = _moment(master["DTSTART"].dt)
    rule = master.get("RRULE")
    made = Entry(
        uid=str(master["UID"]),
        organizer=_guest(master["ORGANIZER"]) if "ORGANIZER" in master else Guest("", ""),
        title=str(master.get("SUMMARY", "")),
        text=str(master.get("DESCRIPTION", "")),
        place=str(master.get("LOCATION", "")),
        start=start,
        minutes=_minutes(master),
        all_day=not isinstance(master["DTSTART"].dt, datetime),
        rhythm=None if rule is None else _rhythm(rule, start),
        guests=_guests(master),
        free=str(master.get("TRANSP", "OPAQUE")) == "TRANSPARENT",
        cancelled=str(master.get("STATUS", "")) == "CANCELLED",
        extra={"kept": {key: value for key, value in master.property_items(recursive=False, sorted=False) if _is_kept(key)}},
    )
    for off in master.get("EXDATE", []) if isinstance(master.get("EXDATE"), list) else [master["EXDATE"]] if "EXDATE" in master else []:
        for each in off.dts:
            made.singles[each.dt.astimezone(UTC)] = Single(None, made.minutes, [])
    for event in events[1:]:
        place = event["RECURRENCE-ID"].dt.astimezone(UTC)
        off = str(event.get("STATUS", "")) == "CANCELLED"
        made.singles[place] = Single(None if off else _moment(event["DTSTART"].dt), _minutes(event), _guests(event))
    return made


def _is_kept(key: str) -> bool:
    return key.upper() not in OURS | {"BEGIN", "END"}


def _moment(value: date | datetime) -> datetime:
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=ZoneInfo("Europe/Amsterdam"))
    zone = value.tzinfo
    return value if isinstance(zone, ZoneInfo) else value.astimezone(ZoneInfo("UTC"))


def _minutes(event: Any) -> int:  # noqa: ANN401  # properties of icalendar are of any type
    start, end = event["DTSTART"].dt, event["DTEND"].dt
    return int((end - start).total_seconds()) // 60


def _rhythm(rule: Any, start: datetime) -> Rhythm:  # noqa: ANN401  # as above
    known = (
        rule.keys() <= {"FREQ", "INTERVAL", "BYDAY", "UNTIL", "COUNT", "WKST"}
        and rule["FREQ"] == ["WEEKLY"]
        and len(rule.get("BYDAY", "")) < 2
    )
    if not known:
        return Rhythm(0, other=rule.to_ical().decode())
    until = rule.get("UNTIL", [None])[0]
    if isinstance(until, datetime):
        until = (until.replace(tzinfo=UTC) if until.tzinfo is None else until).astimezone(start.tzinfo).date()
    return Rhythm(rule.get("INTERVAL", [1])[0], until, rule.get("COUNT", [None])[0])


def _guests(event: Any) -> list[Guest]:  # noqa: ANN401  # as above
    found = event.get("ATTENDEE", [])
    return [_guest(each) for each in (found if isinstance(found, list) else [found])]


def _guest(value: Any) -> Guest:  # noqa: ANN401  # as above
    return Guest(str(value.params.get("CN", "")), str(value).partition(":")[2].casefold(), str(value.params.get("PARTSTAT", OPEN)))
