"""A calendar at Google Workspace, by the Calendar API v3: a service account acts for the organizer (domain-wide delegation).

Google invites: ``sendUpdates`` is said with every write, ``all`` for what people are told of and ``none`` otherwise. Decides
nothing. Another time that somebody proposes is not in this API: it comes by mail (iTIP COUNTER), under `Stored.icaluid`.

    what is done                 requests
    ---------------------------  ------------------------------------------------------------------------------------------
    a quiet `changes`            1, whatever others did in the calendar
    a full reading               1 for each 2,500 events
    `create`                     1: the id is ours, so a second one is refused (409); 2 more where one of that id was deleted
    ... with moved meetings      without attendees, the meetings moved, the attendees last: one invitation
    `update`, `delete`           1 or 2 (what a write needs to know, and it); for each single meeting that changes 1 more,
                                 1 for their names and 1 to read all of it again; deleting a series, 1 for halves split off it

An id stays taken when its event was deleted. Bringing that one back is refused by Google for some (403), and would bring back
its old answers and exceptions too; so what is wanted again is another event, with the next id of our UID.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beklijf.backends.google import from_json, to_json
from beklijf.backends.google.api import Account, Api
from beklijf.backends.google.free_busy import ask_busy
from beklijf.backends.google.from_json import BRIEF, FIELDS, UID, Held, event_id, is_own, uid_of
from beklijf.backends.google.settings import CalendarByGoogle
from beklijf.contracts.unforeseen import by_itself
from beklijf.model.canonical import place
from beklijf.model.domain import Contact
from beklijf.model.errors import Conflict, Exists, Missing, Refused
from beklijf.model.stored import ANNOUNCED, NO_STAMP, NOTHING, Agent, Changes, Stored, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from beklijf.backends.google.api import Send
    from beklijf.backends.google.from_json import Item
    from beklijf.backends.google.to_json import Part
    from beklijf.contracts.settings import CalendarSettings
    from beklijf.model.conversation import Busy, Waiting
    from beklijf.model.domain import Event, Person


_COPIES = 100
"""How often an event may have been deleted and made again."""


@dataclass(frozen=True, slots=True)
class _Token:
    calendar_id: str
    """Of the calendar: Google takes a token of another one."""
    sync: str
    """Google's own."""


class GoogleCalendar:
    """The organizer's primary calendar, or a secondary one of the given name; that one is made on the first `create`."""

    may_schedule: bool | None = True
    _fields = FIELDS
    """All of an event is read right away: in the service's own calendar nearly everything is ours."""

    def __init__(self, settings: CalendarSettings, owner: str) -> None:
        assert isinstance(settings.maker, CalendarByGoogle)
        self.account = Account(settings.maker.login, settings.deadline)
        self._begin(Api(self.account, owner, name=settings.name), Contact(settings.organizer.name, owner.casefold()))
        self.target = f"google {owner} {settings.name}".rstrip()

    def _begin(self, api: Api, owner: Contact) -> None:
        self._api, self._owner = api, owner
        self._held: dict[str, Held] = {}
        self._synced = ""
        """The sync token that ``_held`` has everything up to."""

    def check(self) -> str:
        return self._api.checked()

    # -- reading -------------------------------------------------------------------------------------------------------

    def changes(self, token: object, known: Mapping[str, str] = NOTHING) -> Changes:
        if not self._api.calendar_id:
            return Changes(token=_Token("", ""), full=True, changed=())
        before = token.sync if isinstance(token, _Token) and token.calendar_id == self._api.calendar_id else ""
        listed = self._api.events(self._fields, syncToken=before) if before else None
        if listed is None:
            return self._everything(known)
        items, after = listed
        if not items:
            return Changes(token=token, full=False, changed=())
        return self._since(before, items, after)

    def _everything(self, known: Mapping[str, str]) -> Changes:
        items, token = self._api.events(self._fields) or ([], "")
        there = from_json.grouped(items)
        unchanged = frozenset(name for name, held in there.items() if known.get(name) == held.etag)
        whole = self._fields == FIELDS
        self._held, self._synced = (there, token) if whole else ({}, "")
        found = _Found()
        for name, held in there.items():
            if name not in unchanged:
                found.take(name, self, held if whole else None)
        found.split(items)
        return found.changes(_Token(self._api.calendar_id, token), unchanged)

    def _since(self, before: str, items: list[Item], after: str) -> Changes:
        if before != self._synced:
            self._held = {}
        found = _Found()
        found.split(items)
        masters: dict[str, Item] = {}
        parts: dict[str, list[Item]] = {}
        for item in items:
            name = from_json.series_of(item) or item["id"]
            if not uid_of(name):
                continue
            if from_json.series_of(item):
                parts.setdefault(name, []).append(item)
            elif item.get("status") == "cancelled":
                self._held.pop(name, None)
                found.gone.append(name)
            elif is_own(item):
                masters[name] = item
        for name in sorted((masters.keys() | parts.keys()) - {*found.gone}):
            found.take(name, self, self._brought_up(name, masters.get(name), parts.get(name, [])))
        self._synced = after
        return found.changes(_Token(self._api.calendar_id, after))

    def _brought_up(self, name: str, master: Item | None, parts: list[Item]) -> Held | None:
        """Return what there is after these changes, if what was read before is enough to know; None: it must be read."""
        if self._fields != FIELDS:
            return None
        known = self._held.get(name)
        if master is not None and not master.get("recurrence"):
            held = Held(master)
        elif known and (master is None or _same_rhythm(master, known.master)):
            held = from_json.merged(Held(master or known.master, known.exceptions), parts)
        else:
            return None
        self._held[name] = held
        return held

    def fetch(self, href: str) -> Stored:
        return self.stored(self.read(href))

    def seek(self, hrefs: Iterable[str]) -> Changes:
        found = _Found()
        for name in hrefs:
            found.take(name, self, None)  # asks the calendar first, and raises where that isn't there
        return Changes(token=None, full=False, changed=tuple(found.changed), gone=tuple(found.gone), unreadable=found.unreadable)

    def read(self, name: str) -> Held:
        """Read one event, and what there is of its series, in one request; raises `Missing`."""
        held = self._by_uid(name, f"{name}@google.com")
        if held is None:  # deleted long ago, or with a UID that somebody's import gave it
            master = self._api.get(name)
            held = (self._by_uid(name, master["iCalUID"]) if "iCalUID" in master else None) or Held(master)
        if held.master.get("status") == "cancelled" or not is_own(held.master):
            self._held.pop(name, None)
            raise Missing(f"{self._api.called}: the event {uid_of(name) or name} is not there")
        self._held[name] = held
        return held

    def _by_uid(self, name: str, uid: str) -> Held | None:
        items, _ = self._api.events(FIELDS, iCalUID=uid, showDeleted=True) or ([], "")
        master = next((item for item in items if item["id"] == name), None)
        return None if master is None else from_json.merged(Held(master), (i for i in items if i.get("recurringEventId") == name))

    def stored(self, held: Held) -> Stored:
        return from_json.stored(held, self._owner)

    # -- writing -------------------------------------------------------------------------------------------------------

    def create(self, event: Event, *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP) -> Stored:
        """Write a new event; Google numbers and dates what it sends by itself, so *sequence* and *stamp* are not asked for."""
        del sequence, stamp
        send = _send(agent)
        moved = event.recurrence is not None and any(override.start is not None for override in event.overrides)
        first = to_json.without_people(event) if moved else event
        held = Held(self._insert(first, "none" if moved else send))
        if moved:
            held = self._apply(held, first, frozenset({"single"}), "none")
            held = self._apply(held, event, frozenset({"people"}), send) if event.people else held
        self._held[held.href] = held
        return self.stored(held)

    def update(
        self, stored: Stored, wanted: Event, fields: frozenset[str], *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP
    ) -> Stored:
        """Write *fields*: the event itself first, then single meetings; but whom nobody told yet, last of all and once."""
        del sequence, stamp
        send = _send(agent) if not fields or fields & ANNOUNCED else "none"
        held = self._held.get(stored.href)
        if held is None or held.etag != stored.etag or held.master.get("recurrence"):
            held = self.read(stored.href)
        if held.etag != stored.etag:
            raise Conflict(f"{stored.href}: changed since it was read")
        if {"people", "single"} <= fields and not self.stored(held).event.people:
            held = self._apply(held, wanted, fields - {"people"}, "none")
            fields = frozenset({"people"})
        if fields & ANNOUNCED == {"single"} != fields:  # words are nobody's news: with them, people would get one mail more
            held = self._apply(held, wanted, fields - ANNOUNCED, "none")
            fields &= ANNOUNCED
        held = self._apply(held, wanted, fields, send)
        self._held[held.href] = held
        return self.stored(held)

    def delete(self, stored: Stored) -> None:
        """Delete the event, of which Google tells the attendees; before it, what a person split off it."""
        if stored.event.recurrence is not None:
            if self.read(stored.href).etag != stored.etag:
                raise Conflict(f"{stored.href}: changed since it was read")
            for half in self._halves(stored.href):
                with suppress(Missing):  # of the half, which is no word about the whole
                    self._api.delete(str(half["id"]), etag=str(half["etag"]), send="all")
        try:
            self._api.delete(stored.href, etag=stored.etag.partition("+")[0], send="all")
        except (Conflict, Missing):
            self._reread(stored.href)
            raise
        self._held.pop(stored.href, None)

    def _halves(self, name: str) -> list[Item]:
        """Return what persons split off a series; Google copies our properties along."""
        items, _ = self._api.events(BRIEF, privateExtendedProperty=f"{UID}={uid_of(name)}") or ([], "")
        return [item for item in items if from_json.split_off(item) == name]

    def _insert(self, event: Event, send: Send) -> Item:
        self._api.make()
        for copy in range(_COPIES):
            name = event_id(event.uid, copy)
            try:
                return self._api.insert(to_json.whole(event, name, invited=send == "all"), send)
            except Conflict as error:
                if self._api.get(name, "id,status").get("status") != "cancelled":
                    raise Exists(f"{self._api.called}: {event.uid} is there already") from error
        raise Refused(f"{self._api.called}: {event.uid} can't be made: {_COPIES} events of its id are said to be deleted")

    def _apply(self, held: Held, wanted: Event, fields: frozenset[str], send: Send) -> Held:
        """Bring *held* to *wanted* in *fields*, and return what there is then."""
        name, before, was = held.href, self.stored(held).event, held.master
        after = to_json.target(before, wanted, fields)
        body = to_json.changes(held, before, after, fields, invited=send == "all")
        try:
            if body:
                held = Held(self._api.patch(name, body, etag=str(was["etag"]), send=send), held.exceptions)
            if after.recurrence is None:
                return Held(held.master)
            if body and held.exceptions:
                held = self.read(name)
            todo = list(to_json.parts(held, was, before, after, fields))
            names = self._names(name, after) if any(part.item is None for part in todo) else {}
            for part in todo:
                self._do(part, names, send)
        except (Conflict, Missing):
            self._reread(name)
            raise
        return self.read(name) if todo else held

    def _do(self, part: Part, names: Mapping[datetime, str], send: Send) -> None:
        if part.item is None and part.at not in names:
            raise Conflict(f"there is no meeting at {part.at:%a %d %b %Y %H:%M} UTC any more")
        name = names[part.at] if part.item is None else str(part.item["id"])
        etag = "" if part.item is None else str(part.item["etag"])
        if part.body is None:
            self._api.delete(name, etag=etag, send=send)
        else:
            self._api.patch(name, part.body, etag=etag, send=send)

    def _names(self, name: str, event: Event) -> dict[datetime, str]:
        """Return what Google calls each meeting of a series, by its RECURRENCE-ID (UTC)."""
        named = ((from_json.recurrence_id_of(item), str(item["id"])) for item in self._api.instances(name))
        return {place(at, event.start, event.recurrence): each for at, each in named}

    def _reread(self, name: str) -> None:
        """Raise what is really the matter where a write was refused: the event is gone, or the whole calendar."""
        self.read(name)

    # -- the calendar itself -------------------------------------------------------------------------------------------

    def waiting(self) -> tuple[Waiting, ...]:
        """Return nothing: the organizer's copy tells what people answered."""
        return ()

    def take(self, waiting: Waiting) -> None:
        del waiting

    def busy(self, people: Sequence[Person], start: datetime, end: datetime) -> Mapping[str, tuple[Busy, ...]]:
        return ask_busy(self._api.busy, people, start, end)

    def of(self, email: str, calendar: str = "") -> PersonalGoogleCalendar:
        """Return somebody's own calendar, which the service account opens in that person's name."""
        return PersonalGoogleCalendar(self.account, email, calendar)

    def close(self) -> None:
        self.account.close()


class PersonalGoogleCalendar(GoogleCalendar):
    """Somebody's own calendar: of what is not ours in it, ids alone are read, and its failing is that person's alone."""

    _fields = BRIEF

    def __init__(self, account: Account, email: str, calendar: str) -> None:  # it shares the service's connection
        self.account = account
        self._begin(Api(account, email, calendar_id=calendar or "primary", personal=True), Contact("", email.casefold()))
        self.target = f"google {email} {calendar}".rstrip()

    def problem(self) -> str:
        """Return what is wrong with this calendar, in one sentence, having written nothing; empty when it can be used."""
        try:
            self._api.checked()
        except Refused as error:
            return f"{error} ({error.hint})" if error.hint else str(error)
        return ""

    def close(self) -> None:
        """Leave the connection to the service, whose it is."""


class _Found:
    """What one reading found so far."""

    def __init__(self) -> None:
        self.changed: list[Stored] = []
        self.gone: list[str] = []
        self.unreadable: dict[str, Refused] = {}

    def take(self, name: str, calendar: GoogleCalendar, held: Held | None) -> None:
        try:
            with by_itself(name):
                self.changed.append(calendar.stored(held or calendar.read(name)))
        except Missing:
            self.gone.append(name)
        except Unreadable as error:
            self.unreadable[name] = error

    def split(self, items: Iterable[Item]) -> None:
        """Tell of the halves that persons split off our series: they go on without us."""
        halves = (item for item in items if from_json.split_off(item))
        self.unreadable |= {str(item["id"]): Refused(from_json.said_of_split(item)) for item in halves}

    def changes(self, token: _Token, unchanged: frozenset[str] | None = None) -> Changes:
        """Return it all; *unchanged* where it was a full reading."""
        return Changes(
            token=token,
            full=unchanged is not None,
            changed=tuple(self.changed),
            gone=tuple(self.gone) if unchanged is None else (),
            unreadable=self.unreadable,
            unchanged=unchanged or frozenset(),
        )


def _send(agent: Agent) -> Send:
    return "all" if agent is Agent.SERVER else "none"


def _same_rhythm(one: Item, other: Item) -> bool:
    """Tell whether the exceptions of the one are those of the other: with another rhythm, Google may have dropped some."""
    return all(one.get(name) == other.get(name) for name in ("start", "end", "recurrence"))
