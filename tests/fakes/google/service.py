"""The methods of the Calendar API that there are here: what each does to the company, and what it answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from tests.fakes.company import Entry, Guest, Single
from tests.fakes.google.items import WORDS, exception, exdates, guests, instance, place_id, recurrence, span, stamp
from tests.fakes.google.patching import No, beside, patch_event, patch_meeting
from tests.fakes.google.shelves import Shelf, Shelves

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.company import Company, Send
    from tests.fakes.google.items import Item
    from tests.fakes.tokens import TokenServer

SCOPE = "https://www.googleapis.com/auth/calendar"
LONGEST = timedelta(days=90)
_LISTING = {"fields", "maxResults", "pageToken", "syncToken", "showDeleted", "iCalUID", "privateExtendedProperty"}
_INSTANCE = re.compile(r"(.+)_(\d{8}T\d{6}Z)")


@dataclass(frozen=True)
class Call:
    """A request: who asks for what."""

    method: str
    path: str
    query: dict[str, str]
    body: Item
    subject: str
    etag: str = ""
    """If-Match."""


@dataclass
class Google:
    """The service, and all that can be switched about it."""

    company: Company
    tokens: TokenServer
    page: int = 2500
    """Events a page, whatever is asked for."""
    follows: bool = True
    """Exceptions take over what changes in the whole (words, people)."""
    deleted_first: bool = False
    """A deleted event is 410, whatever If-Match says; else that is judged first."""
    stuck: Literal["", "page", "token"] = ""
    """Pages don't end: the same again and again behind other tokens, or empty ones that lead to themselves."""
    switched_off: set[str] = field(default_factory=set)
    """Who has no Google Calendar."""
    closed: set[str] = field(default_factory=set)
    """Whose free/busy nobody sees."""
    roles: dict[str, str] = field(default_factory=dict)
    """The role in a calendar where it isn't owner, by the calendar's id."""
    oldest: int = 0
    """Sync tokens of before this version are too old."""

    def __post_init__(self) -> None:
        self.shelves = Shelves(self.company)
        self._turned = 0

    # -- what tests do -------------------------------------------------------------------------------------------------

    def hire(self, address: str, name: str = "") -> None:
        self.company.hire(address, name)
        self.tokens.users.add(address)

    def leave(self, address: str) -> None:
        """Delete a user with all calendars."""
        self.company.leave(address)
        self.tokens.users.discard(address)
        self.shelves.forget(address)

    def core(self, mailbox: str, name: str, folder: str = "main") -> str:
        """Return what the company calls an event in a calendar."""
        return self.shelves.at(mailbox, folder).cores.get(name, f"{mailbox}/{folder}/{name}")

    def forget_tokens(self) -> None:
        """Let all sync tokens be too old from now on."""
        self.oldest = self.shelves.turn()

    # -- calls ---------------------------------------------------------------------------------------------------------

    def answer(self, call: Call) -> tuple[int, Item | None]:
        """Do what is asked; raises `No`."""
        if call.subject in self.switched_off:
            raise No(403, "notACalendarUser", "The user must be signed up for Google Calendar.")
        parts = [unquote(part) for part in call.path.strip("/").split("/")]
        handlers: dict[tuple[str, int, str], Callable[[Call, list[str]], Item | None]] = {
            ("GET", 3, "calendarList"): self._calendars,
            ("GET", 4, "calendarList"): self._calendar,
            ("POST", 1, "calendars"): self._make_calendar,
            ("GET", 3, "events"): self._list,
            ("POST", 3, "events"): self._insert,
            ("GET", 4, "events"): self._get,
            ("PATCH", 4, "events"): self._patch,
            ("DELETE", 4, "events"): self._delete,
            ("GET", 5, "events"): self._instances,
            ("POST", 1, "freeBusy"): self._busy,
        }
        what = parts[2] if len(parts) > 2 else parts[0]
        handler = handlers.get((call.method, len(parts), what))
        if handler is None:
            raise No(404, "notFound", "Not Found")
        found = handler(call, parts)
        return (200 if found is not None else 204), found

    # -- calendars -----------------------------------------------------------------------------------------------------

    def _calendars(self, call: Call, _: list[str]) -> Item:
        entries = [self._entry(call.subject, folder) for folder in self.company.mailboxes[call.subject].folders]
        return {"kind": "calendar#calendarList", "etag": '"1"', **self._paged(call, entries)}

    def _calendar(self, call: Call, parts: list[str]) -> Item:
        mailbox, folder = self._place(call, parts[3])
        return self._entry(mailbox, folder)

    def _entry(self, mailbox: str, folder: str) -> Item:
        place, name = place_id(mailbox, folder), self.company.mailboxes[mailbox].folders[folder]
        return {
            "kind": "calendar#calendarListEntry",
            "etag": '"1"',
            "id": place,
            "summary": mailbox if folder == "main" else name,
            "timeZone": "Europe/Amsterdam",
            "accessRole": self.roles.get(place, "owner"),
            **({"primary": True} if folder == "main" else {}),
        }

    def _make_calendar(self, call: Call, _: list[str]) -> Item:
        folder = self.company.make_folder(call.subject, call.body["summary"])
        return {
            "kind": "calendar#calendar",
            "etag": '"1"',
            "id": place_id(call.subject, folder),
            "summary": call.body["summary"],
            "timeZone": "UTC",
        }

    def _place(self, call: Call, place: str) -> tuple[str, str]:
        """Return mailbox and folder of a calendar of the one who asks."""
        if place in {"primary", call.subject}:
            return call.subject, "main"
        folder = place.removesuffix("@group.calendar.google.com")
        if folder == place or folder not in self.company.mailboxes[call.subject].folders:
            raise No(404, "notFound", "Not Found")
        return call.subject, folder

    def _shelf(self, call: Call, parts: list[str]) -> Shelf:
        return self.shelves.at(*self._place(call, parts[1]))

    def _may_write(self, call: Call, parts: list[str]) -> None:
        if self.roles.get(place_id(*self._place(call, parts[1])), "owner") not in {"owner", "writer"}:
            raise No(403, "requiredAccessLevel", "You need to have writer access to this calendar.")

    # -- reading -------------------------------------------------------------------------------------------------------

    def _list(self, call: Call, parts: list[str]) -> Item:
        shelf, query = self._shelf(call, parts), call.query
        if strange := query.keys() - _LISTING:
            raise No(501, "notImplemented", f"the fake knows no {', '.join(sorted(strange))}")
        place = place_id(*self._place(call, parts[1]))
        token = query.get("syncToken")
        if token is not None:
            found = re.fullmatch(rf"sync:{re.escape(place)}:(\d+)", token)
            if found is None:
                raise No(400, "invalid", "Invalid sync token value.")
            if int(found[1]) < max(self.oldest, shelf.born):
                raise No(410, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.")
            items = shelf.since(int(found[1]))
        elif "iCalUID" in query:
            items = shelf.of_uid(query["iCalUID"])
        else:
            items = [shelf.items[name] for name in sorted(shelf.items)]
        if "privateExtendedProperty" in query:
            name, _, value = query["privateExtendedProperty"].partition("=")
            items = [item for item in items if item.get("extendedProperties", {}).get("private", {}).get(name) == value]
        if token is None and query.get("showDeleted") != "true":
            items = [item for item in items if item["status"] != "cancelled" or "recurringEventId" in item]
        page = self._paged(call, items)
        if "nextPageToken" not in page and not {"iCalUID", "privateExtendedProperty"} & query.keys():
            page["nextSyncToken"] = f"sync:{place}:{self.shelves.version}"
        return {
            "kind": "calendar#events",
            "etag": f'"p{self.shelves.version}"',
            "summary": place,
            "updated": stamp(self.company.now),
            "timeZone": "Europe/Amsterdam",
            "accessRole": self.roles.get(place, "owner"),
            "defaultReminders": [],
            **page,
        }

    def _paged(self, call: Call, items: list[Item]) -> Item:
        token = call.query.get("pageToken", "from:0")
        first = int(token.removeprefix("from:")) if token.startswith("from:") else 0
        last = first + min(self.page, int(call.query.get("maxResults", "250")))
        if self.stuck:
            self._turned += 1
            return {"items": items if self.stuck == "page" else [], "nextPageToken": f"X{self._turned if self.stuck == 'page' else ''}"}
        return {"items": items[first:last], **({"nextPageToken": f"from:{last}"} if last < len(items) else {})}

    def _get(self, call: Call, parts: list[str]) -> Item:
        return self._item(self._shelf(call, parts), parts[3])

    def _item(self, shelf: Shelf, name: str) -> Item:
        if name in shelf.items:
            return shelf.items[name]
        entry, recurrence_id = self._meeting(shelf, name)
        return {**exception(self.company, entry, recurrence_id, None), "etag": shelf.items[name.rpartition("_")[0]]["etag"]}

    def _instances(self, call: Call, parts: list[str]) -> Item:
        shelf = self._shelf(call, parts)
        entry = self._whole(shelf, parts[3])
        asked = call.query.get("originalStart")
        off = exdates(entry)
        recurrence_ids = [
            p for p in entry.places() if p not in off and (asked is None or p == datetime.fromisoformat(asked).astimezone(UTC))
        ]
        items = [self._item(shelf, instance(parts[3], recurrence_id)) for recurrence_id in recurrence_ids]
        if call.query.get("showDeleted") != "true":
            items = [item for item in items if item["status"] != "cancelled"]
        return {
            "kind": "calendar#events",
            "etag": '"i"',
            "summary": parts[1],
            "updated": stamp(self.company.now),
            "timeZone": "Europe/Amsterdam",
            "accessRole": "owner",
            "defaultReminders": [],
            **self._paged(call, items),
        }

    def _whole(self, shelf: Shelf, name: str) -> Entry:
        if name not in shelf.items:
            raise No(404, "notFound", "Not Found")
        entry = self.company.entries.get(shelf.cores.get(name, ""))
        if entry is None or entry.cancelled:
            raise No(410, "deleted", "Resource has been deleted")
        return entry

    def _meeting(self, shelf: Shelf, name: str) -> tuple[Entry, datetime]:
        """Return the series and the place of a meeting, by the name of the meeting."""
        found = _INSTANCE.fullmatch(name)
        if found is None:
            raise No(404, "notFound", "Not Found")
        entry, recurrence_id = self._whole(shelf, found[1]), datetime.strptime(found[2], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if recurrence_id not in set(entry.places()) or recurrence_id in exdates(entry):
            raise No(404, "notFound", "Not Found")
        return entry, recurrence_id

    # -- writing -------------------------------------------------------------------------------------------------------

    def _insert(self, call: Call, parts: list[str]) -> Item:
        self._may_write(call, parts)
        mailbox, folder = self._place(call, parts[1])
        shelf, body = self.shelves.at(mailbox, folder), call.body
        name = body.get("id") or f"made{self.shelves.version:012}"
        if name in shelf.items:
            raise No(409, "duplicate", "The requested identifier already exists.")
        start, minutes = span(body)
        rhythm, off = recurrence(body.get("recurrence", []), start)
        entry = Entry(
            id=f"{mailbox}/{folder}/{name}",
            uid=f"{name}@google.com",
            mailbox=mailbox,
            folder=folder,
            organizer=Guest(self.company.mailboxes[mailbox].name, mailbox),
            start=start,
            minutes=minutes,
            rhythm=rhythm,
            singles={recurrence_id: Single(None, minutes, []) for recurrence_id in off},
            guests=guests(body.get("attendees", [])),
            free=body.get("transparency") == "transparent",
            properties=dict(body.get("extendedProperties", {}).get("private", {})),
            **{name: body.get(key, "") for key, name in WORDS.items()},
        )
        entry.extra = {"exdates": off, **beside(entry, body)}
        send = self._send(call)
        self.company.add(entry, send=send)
        if send == "none":
            self.company.bring(entry)
        return self._item(self.shelves.at(mailbox, folder), name)

    def _patch(self, call: Call, parts: list[str]) -> Item:
        self._may_write(call, parts)
        shelf = self._shelf(call, parts)
        self._check(shelf, call, parts[3])
        if parts[3] in shelf.cores:
            patch_event(self.company, self._whole(shelf, parts[3]), call.body, self._send(call), follows=self.follows)
            if "sequence" in call.body:
                self.shelves.mark(parts[3])
        else:
            patch_meeting(self.company, *self._meeting(shelf, parts[3]), call.body, self._send(call))
        return self._item(self._shelf(call, parts), parts[3])

    def _delete(self, call: Call, parts: list[str]) -> None:
        self._may_write(call, parts)
        shelf = self._shelf(call, parts)
        self._check(shelf, call, parts[3])
        if parts[3] in shelf.cores:
            self.company.remove(self._whole(shelf, parts[3]), send=self._send(call))
            return
        entry, recurrence_id = self._meeting(shelf, parts[3])
        if (single := entry.singles.get(recurrence_id)) is not None and single.start is None:
            raise No(410, "deleted", "Resource has been deleted")
        self.company.take_out(entry, recurrence_id, send=self._send(call))

    def _check(self, shelf: Shelf, call: Call, name: str) -> None:
        """Judge If-Match, and whether the event is still there; in which order depends."""
        item = self._item(shelf, name)
        gone = item["status"] == "cancelled" and "recurringEventId" not in item
        if gone and (self.deleted_first or not call.etag):
            raise No(410, "deleted", "Resource has been deleted")
        if call.etag and call.etag != item["etag"]:
            raise No(412, "conditionNotMet", "Precondition Failed")
        if gone:
            raise No(403, "forbidden", "Forbidden")

    def _send(self, call: Call) -> Send:
        return "all" if call.query["sendUpdates"] == "all" else "none"

    # -- free and busy -------------------------------------------------------------------------------------------------

    def _busy(self, call: Call, _: list[str]) -> Item:
        first, last = (datetime.fromisoformat(call.body[name]) for name in ("timeMin", "timeMax"))
        if last - first > LONGEST:
            raise No(400, "timeRangeTooLong", "The requested time range is too long.")
        if len(call.body["items"]) > 50:
            raise No(400, "tooManyCalendarsRequested", "Too many calendars requested.")
        calendars = {}
        for asked in call.body["items"]:
            address = asked["id"]
            if address.casefold() not in self.company.mailboxes or address.casefold() in self.closed:
                calendars[address] = {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}
            else:
                times = self.company.busy(address, first, last)
                calendars[address] = {"busy": [{"start": stamp(a), "end": stamp(b)} for a, b in times]}
        return {"kind": "calendar#freeBusy", "timeMin": stamp(first), "timeMax": stamp(last), "calendars": calendars}
