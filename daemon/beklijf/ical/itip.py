"""From an attendee's iTIP message (RFC 5546) to what it says: which event, which meeting of it, who, and what.

Reads `REPLY`, `COUNTER` and `REFRESH` about events of ours, from a mail or from a server's schedule inbox; it knows nobody
and decides nothing. Anybody may have written the message. So only the few lines that are needed reach the library, each of
them short: no rule of an event is parsed, let alone expanded, and what people write (COMMENT, DESCRIPTION, SUMMARY) is
dropped before anything looks at it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from beklijf.ical import reader
from beklijf.ical.clocks import MOST_STEPS, Budget
from beklijf.ical.parser import named_clock, parse
from beklijf.model.conversation import Itip
from beklijf.model.stored import Unreadable

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from icalendar import Calendar, Component

    from beklijf.ical.parser import Property

MOST = 60
"""Answers that are taken out of one message: a series of half a year has 13 meetings."""

_LARGEST = 1_000_000
_LONGEST_LINE = 2_000
_MOST_LINES = 500
_LONGEST_ZONE = 5_000
"""Lines: Morocco's changes up to 2087, or Amsterdam's since 1892, written one by one, are a thousand."""
_MOST_ZONES = 20
_DEEPEST = 5
_HIGHEST_SEQUENCE = 2**31 - 1
_LONGEST_MEETING = 24 * 60
_YEARS = range(2000, 2200)
"""Of a meeting; the first and the last year that there is can't be told in every zone, nor spelt and read again."""

_METHODS: dict[str, Literal["REPLY", "COUNTER", "REFRESH"]] = {"REPLY": "REPLY", "COUNTER": "COUNTER", "REFRESH": "REFRESH"}
_EVENT = {"UID", "RECURRENCE-ID", "ATTENDEE", "DTSTART", "DTEND", "DURATION", "DTSTAMP", "SEQUENCE"}
_DISPENSABLE = {"DTSTART", "DTEND", "DURATION", "DTSTAMP", "SEQUENCE"}
_ZONE = {"TZID", "X-LIC-LOCATION"}
_ONSET = {"BEGIN", "END", "DTSTART", "RRULE", "RDATE", "TZOFFSETFROM", "TZOFFSETTO"}
_EVENT_PATH, _ZONE_PATH = ("VCALENDAR", "VEVENT"), ("VCALENDAR", "VTIMEZONE")
_BLOCKS = {_EVENT_PATH, _ZONE_PATH}
_KEPT: dict[tuple[str, ...], set[str]] = {
    _EVENT_PATH: _EVENT,
    _ZONE_PATH: _ZONE,
    (*_ZONE_PATH, "STANDARD"): _ONSET,
    (*_ZONE_PATH, "DAYLIGHT"): _ONSET,
}
_FOLD = re.compile(r"\r?\n[ \t]")
_UID = re.compile(r"(?:^|\n)UID[;:][^\r\n]*", re.IGNORECASE)
_NAME = re.compile(r"([A-Za-z0-9-]+)[ \t]*[;:]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")
_ADDRESS = re.compile(r"[^\s<>@,;:\"()\[\]\\]{1,64}@[^\s<>@,;:\"()\[\]\\]{1,255}")
_PARTSTAT = re.compile(r"[A-Z0-9-]{1,40}")


_WRONG = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, OSError)
"""As in ics_reader: the library raises all of these, most of them only when a value is looked at; OSError for a TZID that is no
file name, or a folder's."""


def read(data: bytes, method: str = "", *, known: Container[str] | None = None, steps: int = MOST_STEPS) -> tuple[Itip, ...]:
    """Return what *data* says about events of ours; nothing when it is no answer, or about other people's events.

    *method* is the parameter of the MIME part, for messages that don't say it themselves (RFC 6047 section 2.4: what is
    inside decides). *known* are the UIDs of our events, those that servers gave to them included; without it each that looks
    like ours is one. Raises `Unreadable` when it is an answer about an event of ours and not one VEVENT can be understood, or
    its time zones take more than *steps* to work out.
    """
    text = _FOLD.sub("", _text(data))
    if not any(_is_ours(line.partition(":")[2].strip(), known) for line in _UID.findall(text)):
        return ()
    said, zones, events = _lean(text, known)
    kind = _METHODS.get((said or method).strip().upper())
    if kind is None:
        return ()
    clocks = _clocks(zones, events, Budget(steps))
    found: list[Itip] = []
    trouble: Unreadable | None = None
    for event in events:
        try:
            found += _message(kind, event, clocks)
        except Unreadable as error:
            trouble = error
        except _WRONG as error:
            trouble = Unreadable(f"an answer that cannot be read ({error})")
            trouble.__cause__ = error
    if trouble is not None and not found:
        raise trouble
    return tuple(found)


# -- only the lines that are needed ------------------------------------------------------------------------------------


def _text(data: bytes) -> str:
    if len(data) > _LARGEST:
        raise Unreadable(f"an answer of {len(data)} bytes")
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    raise AssertionError("unreachable")


def _is_ours(uid: str, known: Container[str] | None) -> bool:
    return reader.is_ours(uid) if known is None else uid in known


def _lean(text: str, known: Container[str] | None) -> tuple[str, dict[str, list[str]], list[list[str]]]:
    """Return the first object's METHOD, its zones by TZID, and its first `MOST` events that are ours, as lines."""
    method = ""
    zones: dict[str, list[str]] = {}
    events: list[list[str]] = []
    block: list[str] = []
    for path, name, line in _walk(text):
        if path in _BLOCKS and name == "BEGIN":
            block = []
        elif path == _EVENT_PATH and name == "END":
            events += [block] if _is_ours(_value(block, "UID"), known) and len(events) < MOST else []
        elif path == _ZONE_PATH and name == "END":
            zones |= {_value(block, "TZID"): block} if len(block) <= _LONGEST_ZONE and len(zones) < _MOST_ZONES else {}
        elif name in _KEPT.get(path, ()) and len(block) <= (_MOST_LINES if path == _EVENT_PATH else _LONGEST_ZONE):
            block.append(line)
        elif path == ("VCALENDAR",) and name == "METHOD":
            method = method or line.partition(":")[2]
    return method, zones, events


def _walk(text: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield each line of the first object with its name and where it stands; BEGIN and END stand inside what they enclose."""
    path: tuple[str, ...] = ()
    for raw in text.split("\n"):
        match = _NAME.match(raw)
        if match is None:
            continue
        name, line = match[1].upper(), _CONTROL.sub("", raw).strip()
        value = line.partition(":")[2].strip().upper() if name in {"BEGIN", "END"} else ""
        if name == "BEGIN":
            path = (*path, value)
            if path[0] != "VCALENDAR" or len(path) > _DEEPEST:
                raise Unreadable("no iCalendar object, or one in one in one")
        elif name == "END" and path[-1:] != (value,):
            raise Unreadable("an object that ends what it did not begin")
        yield path, name, line
        if name == "END":
            path = path[:-1]
            if not path:
                return


def _value(block: Iterable[str], name: str) -> str:
    return next((line.partition(":")[2].strip() for line in block if line.upper().startswith((f"{name}:", f"{name};"))), "")


def _clocks(zones: dict[str, list[str]], events: list[list[str]], budget: Budget) -> list[Component]:
    """Return the zones that our events name and that no name explains, each read once; none that can't be read."""
    found: list[Component] = []
    for tzid, zone in zones.items():
        if tzid and not named_clock(tzid) and any(tzid in line for event in events for line in event):
            with suppress(Unreadable, *_WRONG):
                budget.spend(len(zone))
                found += parse(_object("VTIMEZONE", zone), budget=budget).subcomponents
    return found


def _object(kind: str, lines: list[str]) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", f"BEGIN:{kind}", *lines, f"END:{kind}", "END:VCALENDAR", ""]).encode()


# -- one event ---------------------------------------------------------------------------------------------------------


def _message(method: Literal["REPLY", "COUNTER", "REFRESH"], block: list[str], clocks: list[Component]) -> list[Itip]:
    if len(block) > _MOST_LINES or any(len(line) > _LONGEST_LINE for line in block):
        raise Unreadable(f"{_value(block, 'UID')}: an answer without end")
    calendar = parse(_object("VEVENT", block))
    calendar.subcomponents += clocks
    event = calendar.walk("VEVENT")[0]
    if any(name not in _DISPENSABLE for name, _ in event.errors):
        raise Unreadable(f"{_value(block, 'UID')}: an answer with a line that is none")  # lost, it would mean something else
    attendees = _attendees(event)
    if not attendees and "ATTENDEE" in event:
        return []  # a room's answer
    addresses, partstats = {address for address, _ in attendees}, {partstat for _, partstat in attendees}
    start, minutes = _proposed(calendar, event) if method == "COUNTER" else (None, 0)
    return [
        Itip(
            method=method,
            uid=_uid(event),
            recurrence_id=_recurrence_id(calendar, event),
            attendee=addresses.pop() if len(addresses) == 1 else "",
            partstat=partstats.pop() if len(partstats) == 1 and method != "REFRESH" else "",
            sequence=_sequence(event),
            stamp=_instant(calendar, event, "DTSTAMP"),
            start=start,
            minutes=minutes,
        )
    ]


def _uid(event: Component) -> str:
    uid = event["UID"]
    if isinstance(uid, list):
        raise Unreadable("an answer with two UIDs")
    return str(uid).strip()


def _attendees(event: Component) -> list[tuple[str, str]]:
    """Return address and PARTSTAT of each person; the address is empty where it is none (Exchange has such)."""
    values: Property = event.get("ATTENDEE", [])
    found = []
    for value in values if isinstance(values, list) else [values]:
        if str(value.params.get("CUTYPE", "")).upper() in {"ROOM", "RESOURCE"}:
            continue
        address, partstat = reader.address(value), str(value.params.get("PARTSTAT", "")).strip().upper()
        found.append((address if _ADDRESS.fullmatch(address) else "", partstat if _PARTSTAT.fullmatch(partstat) else ""))
    return found


def _recurrence_id(calendar: Calendar, event: Component) -> datetime | None:
    if "RECURRENCE-ID" not in event:
        return None
    value: Property = event["RECURRENCE-ID"]
    if "RANGE" in value.params:
        raise Unreadable(f"{event.get('UID')}: an answer from one meeting on, which few programs understand")
    recurrence_id = reader.moment(calendar, event, "RECURRENCE-ID").astimezone(UTC)
    if recurrence_id.year not in _YEARS:
        raise Unreadable(f"{event.get('UID')}: an answer about the year {recurrence_id.year}")
    return recurrence_id


def _sequence(event: Component) -> int:
    try:
        return min(max(int(event.get("SEQUENCE", 0)), 0), _HIGHEST_SEQUENCE)
    except (ValueError, TypeError, AttributeError):
        return 0  # as if it weren't there (RFC 5545 section 3.8.7.4)


def _instant(calendar: Calendar, event: Component, name: str) -> datetime | None:
    if name not in event:
        return None
    try:
        found = reader.moment(calendar, event, name).astimezone(UTC)
    except (Unreadable, ValueError, TypeError, AttributeError, OverflowError):
        return None
    return found if found.year in _YEARS else None


def _proposed(calendar: Calendar, event: Component) -> tuple[datetime | None, int]:
    """Return the proposed start and the length; None where there is no time to go by, 0 where the length is not told or none."""
    start = _instant(calendar, event, "DTSTART")
    if start is None:
        return None, 0
    try:
        minutes = reader.length(calendar, event)
    except (Unreadable, ValueError, TypeError, AttributeError, OverflowError):
        return start, 0
    return start, minutes if 0 < minutes <= _LONGEST_MEETING else 0
