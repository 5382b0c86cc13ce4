"""Requests about one mailbox in Exchange Online: one by one, page by page, and twenty at a time.

A batch costs one request, and its parts are carried out four at a time, which is as many as Exchange allows an application; a
chain is a batch whose parts wait for each other, and whose first no is the answer to all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from beklijf.backends.graph.to_json import wired
from beklijf.backends.rest.service import Reply, Rest, part_of
from beklijf.boundary.pages import Pages
from beklijf.model.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from beklijf.backends.graph.from_json import Json
    from beklijf.backends.graph.to_json import Step

BATCH = 20
"""learn.microsoft.com/graph/json-batching."""
_FAILED_DEPENDENCY = 424
_PREFERENCES = 'IdType="ImmutableId", outlook.timezone="UTC", outlook.body-content-type="html"'
"""Ids that stay while an event is moved about; times and texts as `from_json` reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One request of a batch; paths begin behind the service's root."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    etag: str = ""


class Wire:
    """One mailbox; several share a `Rest`, and with it connection and token."""

    def __init__(self, rest: Rest, owner: str) -> None:
        self.rest = rest
        self.owner = owner
        self.root = f"/users/{quote(wired(owner.casefold()), safe='@')}"
        self.now: datetime | None = None
        """When the server last answered, by its own clock."""

    def ask(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        etag: str = "",
        page: int = 0,
        allowed: Collection[int] = (),
        repeatable: bool = False,
    ) -> Reply:
        headers = _headers(etag=etag, page=page)
        reply = self.rest.request(method, path, json=json, headers=headers, allowed=allowed, repeatable=repeatable)
        self.now = reply.date or self.now
        return reply

    def said(self, reply: Reply, *always: str) -> Json:
        """Return the object that was answered, in which *always* stand; an empty yes must not look like an event that is gone."""
        if not isinstance(reply.body, dict) or any(not reply.body.get(name) for name in always):
            raise self._unreadable()
        return reply.body

    def values(self, reply: Reply, *always: str, name: str = "value") -> list[Json]:
        """Return the list of objects that was answered, in each of which *always* stand."""
        found = self.said(reply).get(name)
        if not isinstance(found, list):
            raise self._unreadable()
        if any(not isinstance(each, dict) or any(not each.get(key) for key in always) for each in found):
            raise self._unreadable()
        if "id" in always and any(not isinstance(each["id"], str) for each in found):
            raise self._unreadable()
        return found

    def items(self, path: str, *always: str) -> Iterator[Json]:
        """Yield what stands in a collection, in each of which *always* stand, over all of its pages."""
        for reply in self.pages(path):
            yield from self.values(reply, *always)

    def pages(self, path: str, *, page: int = 0, allowed: Collection[int] = ()) -> Iterator[Reply]:
        """Yield a collection's pages, of objects with ids; an answer that is *allowed* is the last one.

        Raises `Transient` for an answer that can't be read, and for pages without an end.
        """
        read, following = Pages(self.rest.called), path
        while following:
            reply = self.ask("GET", following, page=page, allowed=allowed)
            if reply.status in allowed:
                yield reply
                return
            found = self.values(reply, "id")
            following = str(self.said(reply).get("@odata.nextLink") or "")
            read.turn(found, following)
            yield reply

    def batch(self, parts: Sequence[Part], *, in_order: bool = False) -> list[Reply]:
        """Return the answers in the order of *parts*, whatever they say; one request for each twenty of them.

        With *in_order* each waits for the one before, and those behind a no are not done (424), also of the next twenty.
        """
        found: list[Reply] = []
        for begin in range(0, len(parts), BATCH):
            if in_order and any(not _went_well(reply) for reply in found):
                break
            found += self._batch(parts[begin : begin + BATCH], in_order=in_order)
        return found

    def chain(self, steps: Sequence[Step], last: str) -> Reply:
        """Carry out *steps* one after the other, then return what *last* (a path) answers; raises what the first no means."""
        parts = [Part(method=step.method, path=self.event(step.id), body=step.body, etag=step.etag) for step in steps]
        replies = self.batch([*parts, Part(method="GET", path=last)], in_order=True)
        for reply, what in zip(replies, [*(step.what for step in steps), "reading it back"], strict=False):
            if reply.status != _FAILED_DEPENDENCY:
                self.rest.judge(reply, what)
        if len(replies) <= len(steps):
            raise Transient(f"{self.rest.called}: a chain of requests broke off")
        return replies[-1]

    def event(self, id: str) -> str:  # noqa: A002  # Graph's word
        """Return the path of an event, or of one meeting of a series."""
        return f"{self.root}/events/{quote(id, safe='')}"

    def _batch(self, parts: Sequence[Part], *, in_order: bool) -> list[Reply]:
        asked = [_part(number, part, in_order=in_order) for number, part in enumerate(parts)]
        reply = self.ask("POST", "/$batch", json={"requests": asked}, repeatable=all(map(_only_reads, parts)))
        told = {each["id"]: each for each in self.values(reply, "id", "status", name="responses")}
        if missing := [each["id"] for each in asked if each["id"] not in told]:
            raise Transient(f"{self.rest.called}: a batch said nothing about {len(missing)} of {len(asked)} requests")
        return [part_of(told[each["id"]], reply) for each in asked]

    def _unreadable(self) -> Transient:
        return Transient(f"{self.rest.called}: an answer that can't be read", hint="does a proxy stand in between?")


def query(**options: str | int) -> str:
    """Return OData options as a query; blanks as %20, since not all that is Microsoft's reads a plus as one."""
    return "?" + "&".join(f"${name}={quote(str(value), safe='')}" for name, value in options.items())


def _headers(*, etag: str = "", page: int = 0) -> dict[str, str]:
    prefer = f"{_PREFERENCES}, odata.maxpagesize={page}" if page else _PREFERENCES
    return {"Prefer": prefer, **({"If-Match": etag} if etag else {})}


def _part(number: int, part: Part, *, in_order: bool) -> Json:
    headers = _headers(etag=part.etag)
    asked: Json = {"id": str(number), "method": part.method, "url": part.path, "headers": headers}
    if part.body is not None:
        asked["body"] = part.body
        headers["Content-Type"] = "application/json"
    if in_order and number:
        asked["dependsOn"] = [str(number - 1)]
    return asked


def _only_reads(part: Part) -> bool:
    return part.method == "GET" or part.path.endswith("/getSchedule")


def _went_well(reply: Reply) -> bool:
    return 200 <= reply.status < 300  # noqa: PLR2004  # HTTP's yes
