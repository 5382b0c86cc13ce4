"""Calendars and events of Graph v1.0 as Exchange Online does them, on the core."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.fakes.company import Entry, Guest
from tests.fakes.graph import shapes
from tests.fakes.graph.shapes import Json, Wrong
from tests.fakes.graph.views import Asked, Said, Switches, Views, window

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.company import Company, Mailbox

QUIET = frozenset({"categories", "isReminderOn", "reminderMinutesBeforeStart", "singleValueExtendedProperties", "showAs", "importance"})
"""Of a change of these alone nobody is told."""
SINGLE_ONLY = ("cancelledOccurrences", "exceptionOccurrences")


class Calendars:
    def __init__(self, company: Company, switches: Switches) -> None:
        self.company = company
        self.switches = switches
        self.views = Views(company, switches)
        self.used: dict[tuple[str, str], str] = {}
        """Events by mailbox and transaction id, deleted ones as well."""
        self._numbers = count(1)

    @property
    def base(self) -> str:
        return self.views.base

    def handle(self, asked: Asked) -> Said | None:
        """Return the answer; None for a path that is none of ours."""
        for pattern, method, answer in ROUTES:
            match = pattern.fullmatch(asked.path)
            if match and method == asked.method:
                groups = {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
                mailbox = self.company.mailboxes.get(shapes.unwired(groups.pop("mailbox")))
                if mailbox is None:
                    raise Wrong(404, "ErrorInvalidUser", "The requested user is invalid.")
                said: Said = getattr(self, answer)(asked, mailbox, **groups)
                return said
        return None

    # -- calendars -----------------------------------------------------------------------------------------------------

    def calendar(self, asked: Asked, mailbox: Mailbox) -> Said:
        return Said(200, self.views.chosen(self._calendar(mailbox, "main"), asked))

    def calendars(self, asked: Asked, mailbox: Mailbox) -> Said:
        return self.views.pages([self.views.chosen(self._calendar(mailbox, key), asked) for key in mailbox.folders], asked)

    def make_calendar(self, asked: Asked, mailbox: Mailbox) -> Said:
        name = asked.body["name"]
        if name in mailbox.folders.values():
            raise Wrong(409, "ErrorFolderExists", "A folder with the specified name already exists.")
        return Said(201, self._calendar(mailbox, self.company.make_folder(mailbox.address, name)))

    def _calendar(self, mailbox: Mailbox, key: str) -> Json:
        return {
            "id": f"cal-{key}",
            "name": mailbox.folders[key],
            "color": "auto",
            "isDefaultCalendar": key == "main",
            "changeKey": "1",
            "canShare": True,
            "canViewPrivateItems": True,
            "canEdit": self.switches.may_write,
            "owner": {"name": mailbox.name, "address": mailbox.address},
        }

    def _folder(self, mailbox: Mailbox, calendar: str) -> str:
        key = calendar.removeprefix("cal-") if calendar else "main"
        if key not in mailbox.folders:
            raise Wrong(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return key

    # -- events --------------------------------------------------------------------------------------------------------

    def events(self, asked: Asked, mailbox: Mailbox, calendar: str = "") -> Said:
        folder = self._folder(mailbox, calendar)
        found = [entry for entry in self.company.inside(mailbox.address, folder) if _fits(entry, asked.options.get("$filter", ""))]
        shown = (self.views.shown(shapes.event(entry, mailbox.address, self.base), entry, asked) for entry in found)
        return self.views.pages(list(shown), asked)

    def make_event(self, asked: Asked, mailbox: Mailbox, calendar: str = "") -> Said:
        folder, body = self._folder(mailbox, calendar), asked.body
        transaction = (mailbox.address, body.get("transactionId") or "")
        if transaction[1] and transaction in self.used:
            before = self.company.entries.get(self.used[transaction])
            if before is None or before.title != body.get("subject", ""):
                said = "The TransactionId specified in the request has already been used to create a different event."
                raise Wrong(409, "ErrorDuplicateTransactionId", f"Your request can't be completed. {said}")
            return Said(201, self.views.shown(shapes.event(before, mailbox.address, self.base), before, asked))
        start, minutes = shapes.read_times(body)
        rhythm, first = shapes.read_rhythm(body.get("recurrence"), start)
        number = next(self._numbers)
        entry = Entry(
            id=f"AAkALg{number:06}",
            uid=f"040000008200E00074C5B7101A82E008{number:032X}",
            mailbox=mailbox.address,
            folder=folder,
            organizer=Guest(mailbox.name, mailbox.address),
            title=body.get("subject", ""),
            place=(body.get("location") or {}).get("displayName", ""),
            start=start,
            minutes=minutes,
            rhythm=rhythm,
            guests=shapes.read_guests(body.get("attendees", [])),
            alarms=_alarms(body, [15]),
            free=body.get("showAs") == "free",
            properties=_properties(body),
        )
        entry.extra = {"first day": first, "transactionId": transaction[1] or None, "created": f"2026-11-01T12:00:00.{number:07}Z"}
        content = body.get("body", {"contentType": "text", "content": ""})
        entry.text, entry.extra = shapes.with_html(entry, content["content"], content["contentType"], entry.extra)
        if body.get("isOnlineMeeting"):
            entry.text, entry.extra = shapes.with_blob(entry, entry.text, entry.extra)
        self.company.add(entry, send="all" if entry.guests else "none")
        self.used[transaction] = entry.id
        return Said(201, self.views.shown(shapes.event(entry, mailbox.address, self.base), entry, asked))

    def event(self, asked: Asked, mailbox: Mailbox, event: str) -> Said:
        entry, recurrence_id = self._found(mailbox, event, asked)
        if recurrence_id is not None:
            return Said(200, self.views.shown(shapes.occurrence(entry, recurrence_id, mailbox.address, self.base), entry, asked))
        said = shapes.event(entry, mailbox.address, self.base)
        if entry.rhythm is not None and self.switches.whole_series:
            said |= self._singles(entry, mailbox, asked)
        return Said(200, self.views.shown(said, entry, asked))

    def change_event(self, asked: Asked, mailbox: Mailbox, event: str) -> Said:
        entry, recurrence_id = self._found(mailbox, event, asked)
        if not entry.mine:
            raise Wrong(403, "ErrorAccessDenied", "this fake lets attendees change nothing")
        if recurrence_id is not None:
            self._change_single(entry, recurrence_id, asked.body)
            return Said(200, self.views.shown(shapes.occurrence(entry, recurrence_id, mailbox.address, self.base), entry, asked))
        _unchanged(entry, asked)
        self._change(entry, asked.body)
        return Said(200, self.views.shown(shapes.event(entry, mailbox.address, self.base), entry, asked))

    def delete_event(self, asked: Asked, mailbox: Mailbox, event: str) -> Said:
        entry, recurrence_id = self._found(mailbox, event, asked)
        if recurrence_id is None:
            _unchanged(entry, asked)
            self.company.remove(entry, send="all")
        else:
            self.company.take_out(entry, recurrence_id, send="all")
        return Said(204)

    def cancel_event(self, asked: Asked, mailbox: Mailbox, event: str) -> Said:
        entry, recurrence_id = self._found(mailbox, event, asked)
        if not entry.guests or not entry.mine:
            raise Wrong(400, "ErrorInvalidRequest", "Your request can't be completed. You need to be an organizer to cancel a meeting.")
        if recurrence_id is None:
            self.company.remove(entry, send="all")
        else:
            self.company.take_out(entry, recurrence_id, send="all")
        return Said(202)

    def instances(self, asked: Asked, mailbox: Mailbox, event: str) -> Said:
        entry, _ = self._found(mailbox, event, asked)
        start, end = window(asked)
        found = [
            shapes.occurrence(entry, recurrence_id, mailbox.address, self.base)
            for recurrence_id, at, _ in entry.meetings()
            if start <= at < end
        ]
        return self.views.pages([self.views.shown(each, entry, asked) for each in found], asked)

    def _found(self, mailbox: Mailbox, event: str, asked: Asked) -> tuple[Entry, datetime | None]:
        """Return an event, or a series and which meeting of it is meant."""
        if asked.prefers.get("idtype") != "ImmutableId":
            event = event.removeprefix("AAMk-")
        dated = event.startswith("OID.")
        name, _, day = event.removeprefix("OID.").partition(".")
        entry = self.company.entries.get(name)
        if entry is None or entry.mailbox != mailbox.address:
            raise Wrong(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        if not day:
            return entry, None
        spelt = shapes.oid if dated else shapes.occurrence_id
        for recurrence_id, _, _ in entry.meetings():
            if spelt(entry, recurrence_id) == event:
                return entry, recurrence_id
        raise Wrong(404, "ErrorItemNotFound", "The specified object was not found in the store.")

    def _change(self, entry: Entry, body: Json) -> None:
        """Do what a PATCH asks, and tell people: those who came or went, where it is about people alone, else all of them."""
        told = body.keys() - QUIET
        send = "none" if not told else "changed" if told == {"attendees"} else "all"
        values = self._times(entry, body)
        extra = {**entry.extra, **values.pop("extra", {})}
        entry.properties = {**entry.properties, **_properties(body)}
        for name, (part, value) in CHANGES.items():
            if name in body:
                values[part] = value(body, entry)
        if "categories" in body:
            extra["categories"] = body["categories"]
        if "body" in body:
            values["text"], extra = shapes.with_html(entry, body["body"]["content"], body["body"]["contentType"], extra)
        if body.get("isOnlineMeeting") and not extra.get("online"):
            values["text"], extra = shapes.with_blob(entry, values.get("text", entry.text), extra)
        if send == "all":
            extra["told"] = self.company.version()  # of a write that changes nothing, too
        self.company.change(entry, send=send, extra=extra, **values)  # type: ignore[arg-type]  # one of the three

    def _times(self, entry: Entry, body: Json) -> Json:
        values: Json = {}
        start = entry.start
        if "start" in body or "end" in body:
            start, minutes = shapes.read_times(body)
            values |= {"start": start, "minutes": minutes}
        if "recurrence" in body:
            values["rhythm"], first = shapes.read_rhythm(body["recurrence"], start)
            values["extra"] = {"first day": first}
            if values["rhythm"] is not None and first != entry.extra.get("first day") and self.switches.first_day_is_new:
                values["singles"] = {}
        return values

    def _change_single(self, entry: Entry, recurrence_id: datetime, body: Json) -> None:
        values: Json = {}
        if "start" in body:
            start, minutes = shapes.read_times(body)
            if start.tzinfo != entry.start.tzinfo:
                raise Wrong(400, "ErrorInvalidRequest", "another time zone than that of the series")
            shapes.check_boundary(entry, recurrence_id, start)
            values |= {"start": start, "minutes": minutes}
        if "subject" in body:
            values["title"] = body["subject"]
        self.company.single(entry, recurrence_id, send="all", **values)

    def _singles(self, entry: Entry, mailbox: Mailbox, asked: Asked) -> Json:
        """Return what is only told when one series is asked for by its id, and by name."""
        told: Json = {}
        if "cancelledOccurrences" in asked.options.get("$select", ""):
            told["cancelledOccurrences"] = [shapes.oid(entry, at) for at, each in sorted(entry.singles.items()) if each.start is None]
        if "exceptionOccurrences" in asked.options.get("$expand", ""):
            exceptions = [at for at, each in sorted(entry.singles.items()) if each.start is not None]
            shown = (shapes.occurrence(entry, at, mailbox.address, self.base) for at in exceptions)
            told["exceptionOccurrences"] = [self.views.chosen(each, asked) for each in shown]
        return told

    # -- changes, and when people can't ------------------------------------------------------------------------------

    def delta(self, asked: Asked, mailbox: Mailbox, calendar: str = "") -> Said:
        return self.views.delta(asked, mailbox, self._folder(mailbox, calendar))

    def schedule(self, asked: Asked, mailbox: Mailbox) -> Said:
        del mailbox
        body = asked.body
        start, end = (shapes.read_moment(body[name]).astimezone(UTC) for name in ("startTime", "endTime"))
        if end - start > timedelta(days=62):
            raise Wrong(400, "ErrorTimeIntervalTooBig", "The requested time duration is too long. The allowed limit = 62 days")
        if len(body["schedules"]) > 20:
            raise Wrong(400, "ErrorMailboxDataArrayTooBig", "There are too many target users in the EmailAddress array.")
        slot = timedelta(minutes=body.get("availabilityViewInterval", 30))
        return Said(200, {"value": [self._schedule(address, start, end, slot) for address in body["schedules"]]})

    def _schedule(self, address: str, start: datetime, end: datetime, slot: timedelta) -> Json:
        plain = shapes.unwired(address)
        if plain not in self.company.mailboxes:
            error = {
                "message": "Unable to resolve e-mail address to an Active Directory object.",
                "responseCode": "ErrorMailRecipientNotFound",
            }
            return {"scheduleId": address, "scheduleItems": [], "availabilityView": "", "error": error}
        times = self.company.busy(plain, start, end)
        view = "".join(
            "2" if any(a < at + slot and b > at for a, b in times) else "0"
            for at in (start + n * slot for n in range((end - start) // slot))
        )
        items = [
            {"status": "busy", "subject": "Geheim", "location": "Thuis", "start": shapes.moment(a), "end": shapes.moment(b)}
            for a, b in times
        ]
        return {"scheduleId": address, "availabilityView": view, "scheduleItems": items}


def _fits(entry: Entry, wanted: str) -> bool:
    if not wanted:
        return True
    match = re.fullmatch(r"singleValueExtendedProperties/Any\(ep: ep/id eq '([^']*)' and ep/value (ne null|eq '([^']*)')\)", wanted)
    if match is None:
        raise Wrong(400, "ErrorInvalidUrlQueryFilter", f"The query filter contains one or more invalid nodes: {wanted}")
    value = entry.properties.get(match[1].casefold())
    return value is not None and (match[3] is None or value.casefold() == match[3].casefold())


def _properties(body: Json) -> dict[str, str]:
    return {each["id"].casefold(): each["value"] for each in body.get("singleValueExtendedProperties") or ()}


def _alarms(body: Json, before: list[int]) -> list[int]:
    if body.get("isReminderOn") is False:
        return []
    return [body["reminderMinutesBeforeStart"]] if "reminderMinutesBeforeStart" in body else before


def _unchanged(entry: Entry, asked: Asked) -> None:
    wanted = asked.header("If-Match")
    if wanted and wanted != shapes.etag(entry):
        said = "The send or update operation could not be performed because the change key passed in the request does not match"
        raise Wrong(412, "ErrorIrresolvableConflict", f"{said} the current change key for the item.")


CHANGES: dict[str, tuple[str, Callable[[Json, Entry], object]]] = {
    "subject": ("title", lambda body, _: body["subject"]),
    "location": ("place", lambda body, _: body["location"].get("displayName", "")),
    "attendees": ("guests", lambda body, entry: shapes.read_guests(body["attendees"], entry.guests)),
    "showAs": ("free", lambda body, _: body["showAs"] == "free"),
    "isReminderOn": ("alarms", lambda body, entry: _alarms(body, entry.alarms)),
}
"""By what stands in a PATCH: what of the event changes, and to what."""

_MAILBOX = r"/users/(?P<mailbox>[^/]+)"
_CALENDAR = rf"{_MAILBOX}/(?:calendar|calendars/(?P<calendar>[^/]+))"
_EVENT = rf"{_MAILBOX}/events/(?P<event>[^/]+)"
ROUTES = [
    (re.compile(pattern), method, name)
    for pattern, method, name in (
        (rf"{_MAILBOX}/calendar", "GET", "calendar"),
        (rf"{_MAILBOX}/calendars", "GET", "calendars"),
        (rf"{_MAILBOX}/calendars", "POST", "make_calendar"),
        (rf"{_CALENDAR}/events", "GET", "events"),
        (rf"{_CALENDAR}/events", "POST", "make_event"),
        (rf"{_CALENDAR}/calendarView/delta", "GET", "delta"),
        (rf"{_MAILBOX}/calendar/getSchedule", "POST", "schedule"),
        (_EVENT, "GET", "event"),
        (_EVENT, "PATCH", "change_event"),
        (_EVENT, "DELETE", "delete_event"),
        (rf"{_EVENT}/cancel", "POST", "cancel_event"),
        (rf"{_EVENT}/instances", "GET", "instances"),
    )
]
