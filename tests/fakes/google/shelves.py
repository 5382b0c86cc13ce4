"""What the Calendar API remembers of one calendar: an ETag for each event and exception, what was deleted, and since when.

Kept up to date by the company's log, so that what people's programs do shows as well. An exception stays one: put back to where
the rhythm has it, it is an event that says the same; out of the rhythm, it is a cancelled one.
"""

from __future__ import annotations

from bisect import bisect_right
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

from tests.fakes.company import Single
from tests.fakes.google.items import event_name, exdates, rendered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.fakes.company import Company, Entry
    from tests.fakes.google.items import Item


@dataclass
class Shelf:
    """One calendar."""

    items: dict[str, Item] = field(default_factory=dict)
    parts: dict[str, set[str]] = field(default_factory=dict)
    """By event: the ids of its exceptions."""
    log: list[tuple[int, str]] = field(default_factory=list)
    by_uid: dict[str, set[str]] = field(default_factory=dict)
    cores: dict[str, str] = field(default_factory=dict)
    """By event: what the company calls it."""
    born: int = 0

    def since(self, version: int) -> list[Item]:
        names = {name for _, name in self.log[bisect_right(self.log, (version, "~")) :]}
        return [self.items[name] for name in sorted(names)]

    def of_uid(self, uid: str) -> list[Item]:
        names = {part for name in self.by_uid.get(uid, ()) for part in (name, *self.parts.get(name, ()))}
        return [self.items[name] for name in sorted(names)]


class Shelves:
    """All calendars of a company."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._shelves: dict[tuple[str, str], Shelf] = {}
        self._names: dict[str, tuple[str, str, str]] = {}
        self._read = 0
        self._versions = count(1)
        self.version = 0
        self._marked: set[str] = set()

    def mark(self, event: str) -> None:
        """Give an event another ETag at the next look, whatever has changed in it."""
        self._marked.add(event)

    def at(self, mailbox: str, folder: str) -> Shelf:
        """Return the shelf of a calendar, as things are now."""
        self._catch_up()
        return self._shelves.setdefault((mailbox, folder), Shelf(born=self.version))

    def turn(self) -> int:
        """Begin another version of everything, and return its number."""
        self._catch_up()
        self.version = next(self._versions)
        return self.version

    def forget(self, mailbox: str) -> None:
        """Forget a mailbox with all of its calendars, and every token of theirs."""
        self.turn()
        for key in [key for key in self._shelves if key[0] == mailbox]:
            del self._shelves[key]

    def _catch_up(self) -> None:
        news = {change.id: change for change in self._company.log[self._read :]}
        self._read = len(self._company.log)
        for name, change in news.items():
            entry = self._company.entries.get(name)
            if entry is not None:
                self._put(entry)
            elif name in self._names and change.mailbox in self._company.mailboxes:
                mailbox, folder, event = self._names[name]
                self._remove(self._shelves[mailbox, folder], event)

    def _put(self, entry: Entry) -> None:
        name = event_name(self._company, entry)
        shelf = self._shelves.setdefault((entry.mailbox, entry.folder), Shelf())
        self._names[entry.id] = entry.mailbox, entry.folder, name
        shelf.cores[name] = entry.id
        shelf.by_uid.setdefault(entry.uid, set()).add(name)
        known = shelf.parts.setdefault(name, set())
        self._keep_exceptions(entry, (shelf.items[part] for part in known))
        items = {item["id"]: item for item in rendered(self._company, entry)}
        for part in sorted(known - items.keys()):
            self._note(shelf, _cancelled(shelf.items[part]))
        for item in items.values():
            self._note(shelf, item)
        known |= items.keys() - {name}

    def _keep_exceptions(self, entry: Entry, known: Iterable[Item]) -> None:
        recurrence_ids = set(entry.places()) if entry.rhythm is not None else set()
        for item in known:
            recurrence_id = datetime.fromisoformat(item["originalStartTime"]["dateTime"]).astimezone(UTC)
            if recurrence_id in recurrence_ids and recurrence_id not in entry.singles and recurrence_id not in exdates(entry):
                entry.singles[recurrence_id] = Single(recurrence_id.astimezone(entry.zone), entry.minutes, deepcopy(entry.guests))

    def _remove(self, shelf: Shelf, event: str) -> None:
        """Leave of a deleted event what is sure to be left: its id, and that it is taken."""
        for part in sorted(shelf.parts.get(event, ())):
            self._note(shelf, _cancelled(shelf.items[part]))
        self._note(shelf, {"kind": "calendar#event", "id": event, "status": "cancelled"})

    def _note(self, shelf: Shelf, item: Item) -> None:
        before = shelf.items.get(item["id"], {})
        if _meaning(before) == _meaning(item) and item["id"] not in self._marked:
            return
        self._marked.discard(item["id"])
        self.version = next(self._versions)
        shelf.items[item["id"]] = {**item, "etag": f'"{self.version:016}"'}
        shelf.log.append((self.version, item["id"]))


def _meaning(item: Item) -> Item:
    """Return what an ETag is about; an exception that inherits all from the whole is not changed when that is touched."""
    return {key: value for key, value in item.items() if key not in {"etag", "updated", "created", "sequence"}}


def _cancelled(item: Item) -> Item:
    return {key: item[key] for key in ("kind", "id", "recurringEventId", "originalStartTime")} | {"status": "cancelled"}
