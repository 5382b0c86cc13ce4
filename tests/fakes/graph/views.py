"""What answers of Graph's calendars have in common: what $select and Prefer ask for, pages, and views with their changes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlencode

from tests.fakes.graph import shapes
from tests.fakes.graph.shapes import Json, Wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.company import Company, Entry, Mailbox

LONGEST_VIEW = timedelta(days=1825)


@dataclass(slots=True)
class Asked:
    """A request, or a part of a batch."""

    method: str
    path: str
    options: dict[str, str]
    headers: dict[str, str]
    body: Any

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers.items() if key.casefold() == name.casefold()), "")

    @property
    def prefers(self) -> dict[str, str]:
        found = (each.strip().partition("=") for each in self.header("Prefer").split(","))
        return {name.strip().casefold(): value.strip().strip('"') for name, _, value in found}

    @property
    def page(self) -> int:
        return int(self.prefers.get("odata.maxpagesize") or self.options.get("$top") or 10)


@dataclass(slots=True)
class Said:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """What a delta link stands for."""

    mailbox: Mailbox
    folder: str
    start: datetime
    end: datetime
    version: int


@dataclass(slots=True)
class Switches:
    """How this server differs from others."""

    whole_series: bool = True
    """``exceptionOccurrences`` and ``cancelledOccurrences`` are known."""
    masters_in_delta: bool = True
    removed_occurrences: bool = False
    """A delta names meetings that were taken out by ids of their own, and not their series."""
    first_day_is_new: bool = True
    """Another first day of the week is another rhythm."""
    largest_page: int = 100
    empty_pages: int = 0
    """How many pages without anything come before the next ones that have something."""
    stuck: Literal["", "page", "link"] = ""
    """Pages don't end: the same again and again behind others (msgraph-sdk-dotnet issue 3082), or empty ones that lead to themselves."""
    may_write: bool = True
    """The application has Calendars.ReadWrite, not Calendars.Read alone."""


class Views:
    """Answers, and what stands behind the links in them."""

    def __init__(self, company: Company, switches: Switches) -> None:
        self.company = company
        self.switches = switches
        self.base = ""
        self.views: dict[str, View] = {}
        self.rests: dict[str, tuple[list[Json], str]] = {}
        """What a delta has still to tell, by skip token; with the link behind the last of it."""
        self.seen: dict[tuple[str, str], set[str]] = {}
        """The meetings of a series that a delta told of, by calendar and event."""
        self._tokens = count(1)

    # -- a view, and its changes ---------------------------------------------------------------------------------------

    def delta(self, asked: Asked, mailbox: Mailbox, folder: str) -> Said:
        if "$skiptoken" in asked.options:
            return self._page(asked.options["$skiptoken"], asked)
        if "$deltatoken" in asked.options:
            view = self.views.get(asked.options["$deltatoken"])
            if view is None or view.mailbox is not mailbox or view.folder != folder:
                raise Wrong(410, "SyncStateNotFound", "The sync state is not found. Please sync from scratch.")
            changed = self.company.since(view.version, mailbox.address, folder)
        else:
            start, end = window(asked)
            if end - start > LONGEST_VIEW:
                raise Wrong(400, "ErrorInvalidRequest", "the range is greater than the allowed range. Maximum number of days: 1825")
            view = View(mailbox, folder, start, end, 0)
            changed = {entry.id: False for entry in self.company.inside(mailbox.address, folder)}
        items = [item for name, gone in changed.items() for item in self._told(name, gone, view, mailbox, asked)]
        token = f"D{next(self._tokens)}"
        self.views[token] = View(view.mailbox, view.folder, view.start, view.end, self.company.version())
        rest = f"S{next(self._tokens)}"
        self.rests[rest] = (items, f"{self.base}{asked.path}?$deltatoken={token}")
        return self._page(rest, asked)

    def _told(self, name: str, gone: bool, view: View, mailbox: Mailbox, asked: Asked) -> Iterator[Json]:
        key = (view.folder, name)
        entry = self.company.entries.get(name)
        if gone or entry is None:
            for each in [name, *sorted(self.seen.pop(key, set()))]:
                yield {"id": each, "@removed": {"reason": "deleted"}}
            return
        inside = [recurrence_id for recurrence_id, at, _ in entry.meetings() if view.start <= at < view.end]
        if not inside:
            yield {"id": name, "@removed": {"reason": "deleted"}}
            return
        if entry.rhythm is None:
            yield self.shown(shapes.event(entry, mailbox.address, self.base), entry, asked)
            return
        before = self.seen.get(key, set())
        there = {shapes.occurrence_id(entry, recurrence_id) for recurrence_id in inside}
        self.seen[key] = there
        if self.switches.removed_occurrences and before - there:
            for each in sorted(before - there):
                yield {"id": each, "@removed": {"reason": "deleted"}}
            return
        if self.switches.masters_in_delta:
            yield self.shown(shapes.event(entry, mailbox.address, self.base), entry, asked)
        for recurrence_id in inside:
            said = shapes.occurrence(entry, recurrence_id, mailbox.address, self.base)
            if said["type"] == "occurrence":
                said = {part: said[part] for part in ("@odata.etag", "id", "seriesMasterId", "type", "start", "end")}
            yield self.shown(said, entry, asked)

    # -- what an answer holds ------------------------------------------------------------------------------------------

    def shown(self, said: Json, entry: Entry, asked: Asked) -> Json:
        if asked.prefers.get("outlook.body-content-type") == "text" and "body" in said:
            said = {**said, "body": {"contentType": "text", "content": shapes.text_of(said["body"]["content"])}}
        wanted = re.findall(r"id eq '([^']*)'", asked.options.get("$expand", ""))
        chosen = self.chosen(said, asked)
        if wanted and (found := shapes.properties(entry, wanted)):
            chosen["singleValueExtendedProperties"] = found
        return chosen

    def chosen(self, said: Json, asked: Asked) -> Json:
        """Return what $select asks for; ids are others where immutable ones are not asked for."""
        chosen = asked.options.get("$select", "")
        names = {*chosen.split(","), "id", "@odata.etag"} if chosen else said.keys() - {"occurrenceId"}
        said = {name: value for name, value in said.items() if name in names}
        if asked.prefers.get("idtype") != "ImmutableId" and "type" in said:
            said = {**said, "id": f"AAMk-{said['id']}"}
        return said

    def pages(self, found: list[Json], asked: Asked) -> Said:
        """Return one page of a collection, with a link to the next."""
        begin, size = int(asked.options.get("$skip", 0)), min(asked.page, self.switches.largest_page)
        if self.switches.stuck:
            again = found[:size] if self.switches.stuck == "page" else []
            options = urlencode({**asked.options, "$skip": begin + len(again)}, quote_via=quote)
            return Said(200, {"value": again, "@odata.nextLink": f"{self.base}{asked.path}?{options}"})
        body: Json = {"value": found[begin : begin + size]}
        if found[begin + size :]:
            options = urlencode({**asked.options, "$skip": begin + size}, quote_via=quote)
            body["@odata.nextLink"] = f"{self.base}{asked.path}?{options}"
        return Said(200, body)

    def _page(self, token: str, asked: Asked) -> Said:
        """Return the page of a delta that *token* leads to; it may be asked for again."""
        items, link = self.rests[token]
        size = min(asked.page, self.switches.largest_page)
        body: Json = {"value": items[:size]}
        if self.switches.stuck or self.switches.empty_pages:
            self.switches.empty_pages = max(0, self.switches.empty_pages - 1)
            rest = token if self.switches.stuck == "link" else f"S{next(self._tokens)}"
            self.rests[rest] = (items, link)
            body["value"] = items[:size] if self.switches.stuck == "page" else []
            body["@odata.nextLink"] = f"{self.base}{asked.path}?$skiptoken={rest}"
        elif items[size:]:
            rest = f"S{next(self._tokens)}"
            self.rests[rest] = (items[size:], link)
            body["@odata.nextLink"] = f"{self.base}{asked.path}?$skiptoken={rest}"
        else:
            body["@odata.deltaLink"] = link
        return Said(200, body)


def window(asked: Asked) -> tuple[datetime, datetime]:
    try:
        start, end = (datetime.fromisoformat(asked.options[name]) for name in ("startDateTime", "endDateTime"))
    except (KeyError, ValueError) as error:
        raise Wrong(400, "ErrorInvalidParameter", "This request requires a time window") from error
    return (start if start.tzinfo else start.replace(tzinfo=UTC)), (end if end.tzinfo else end.replace(tzinfo=UTC))
