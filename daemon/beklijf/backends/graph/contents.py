"""What a calendar in Exchange Online holds: where it is, what of it is ours, and what is known of that already.

Asks and remembers; writes nothing but the calendar itself. What the answers mean, `from_json` says.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from beklijf.backends.graph import from_json
from beklijf.backends.graph.wire import Part, Wire, query
from beklijf.contracts.unforeseen import by_itself
from beklijf.model import canonical
from beklijf.model.errors import Down, Missing, Refused, Transient
from beklijf.model.stored import Changes, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from beklijf.backends.graph.from_json import Json
    from beklijf.backends.rest.service import Reply
    from beklijf.model.stored import Stored

READ = query(select=from_json.SELECTED, expand=f"{from_json.PROPERTIES},exceptionOccurrences")
RIGHTS = "give the application Calendars.ReadWrite for this mailbox (RBAC for Applications)"
_PAGE = 500
_LISTED = query(
    filter=f"singleValueExtendedProperties/Any(ep: ep/id eq '{from_json.UID}' and ep/value ne null)",
    select="id,createdDateTime,isOrganizer",
    expand=f"singleValueExtendedProperties($filter=id eq '{from_json.UID}')",
    top=_PAGE,
)
_INSTANCES = "id,type,subject,body,start,end,isCancelled,location,attendees,organizer,originalStart,occurrenceId"
_NO_SUCH_TOKEN = frozenset({400, 410})
"""SyncStateNotFound, resyncRequired, and what a link that was never Graph's is answered with."""
_DAY = timedelta(days=1)
_MARGIN, _ENDLESS = timedelta(days=370), timedelta(days=1277)
"""Around a series, since meetings may be moved out of its span; and of one that has no end."""


@dataclass(slots=True)
class News:
    """What a delta told."""

    link: str
    touched: dict[str, str] = field(default_factory=dict)
    """Events that changed, or whose meetings did, with their ETags where those are told."""
    removed: set[str] = field(default_factory=set)


class Contents:
    """One calendar of one mailbox, found by its name; without a name the mailbox's first one."""

    def __init__(self, wire: Wire, name: str, *, personal: bool) -> None:
        self.wire = wire
        self.name = name
        self.called = f'"{name}" of {wire.owner}' if name else f"the calendar of {wire.owner}"
        self.ids: dict[str, str] = {}
        """By UID, what is there of ours."""
        self.complete = False
        """Whether that is all of it."""
        self._personal = personal
        self._path: str | None = None if name else f"{wire.root}/calendar"
        self._ours: dict[str, str] = {}
        """The same by id."""
        self._foreign: set[str] = set()
        """What isn't ours."""
        self._gone: set[str] = set()
        """What was told of as gone, and is again to whoever asks the same once more."""
        self._held: dict[str, Stored] = {}
        """By id, as it was read or written last: what has that ETag still is not read again."""

    # -- where it is ---------------------------------------------------------------------------------------------------

    def look(self) -> Json | None:
        """Return what Graph says of the calendar itself; None where it isn't there, which only one that has a name can be."""
        wanted = query(select="id,name,canEdit")
        try:
            if not self.name:
                return self.wire.said(self.wire.ask("GET", f"{self.wire.root}/calendar{wanted}"), "id")
            found = list(self.wire.items(f"{self.wire.root}/calendars{wanted}", "id"))
        except Refused as error:
            raise self.closed(error) from error
        place: Json | None = next((each for each in found if each.get("name") == self.name), None)
        self._path = None if place is None else f"{self.wire.root}/calendars/{quote(place['id'], safe='')}"
        return place

    def path(self) -> str | None:
        if self._path is None:
            self.look()
        return self._path

    def made(self) -> str:
        """Return the calendar's path, made if it wasn't there."""
        if self.path() is None:
            made = self.wire.said(self.wire.ask("POST", f"{self.wire.root}/calendars", json={"name": self.name}), "id")
            self._path = f"{self.wire.root}/calendars/{quote(made['id'], safe='')}"
        assert self._path is not None
        return self._path

    def closed(self, error: Refused) -> Refused | Down:
        """Return what a no to the whole calendar means: of a person's own theirs alone, of the service's own everybody's."""
        what, hint = f"there is no calendar of {self.wire.owner} that we may read: {error}", error.hint or RIGHTS
        return Refused(what, hint=hint) if self._personal else Down(what, hint=hint)

    # -- reading -------------------------------------------------------------------------------------------------------

    def listed(self) -> dict[str, str]:
        """Return the ETags of all events of ours; of two with one UID, which is a copy that a person made, those of the first."""
        etags: dict[str, str] = {}
        found: list[Json] = []
        if self.path() is not None:
            try:
                found = list(self.wire.items(f"{self._path}/events{_LISTED}", "id"))
            except Refused as error:
                raise self.closed(error) from error
        self.ids, self._ours = {}, {}
        if found:
            for each in sorted(found, key=lambda each: str(each.get("createdDateTime") or "")):
                etag = str(each.get("@odata.etag") or "")
                try:
                    uid = from_json.uid_of(each)
                except Unreadable:  # it may be ours: to be read by itself
                    etags[each["id"]] = ""
                    continue
                if uid and uid not in self.ids:
                    self.learn(each["id"], uid)
                    etags[each["id"]] = etag
        self._held = {href: stored for href, stored in self._held.items() if etags.get(href) == stored.etag}
        self.complete = True
        return etags

    def opened(self, start: datetime, end: datetime) -> News | None:
        """Open a view of what is between two instants, and return all that stands in it."""
        return self.delta(f"{self.path()}/calendarView/delta?startDateTime={_iso(start)}&endDateTime={_iso(end)}")

    def delta(self, link: str) -> News | None:
        """Return what a delta tells, to its last page; None for a link that Graph doesn't know any more."""
        news = News(link)
        try:
            for reply in self.wire.pages(link, page=_PAGE, allowed=_NO_SUCH_TOKEN):
                if reply.status in _NO_SUCH_TOKEN:
                    return None
                for item in self.wire.values(reply):
                    if "@removed" in item:
                        news.removed.add(item["id"])
                    elif isinstance(series := item.get("seriesMasterId"), str):
                        news.touched.setdefault(series, "")
                    else:
                        news.touched[item["id"]] = item.get("@odata.etag", "")
                news.link = self.wire.said(reply).get("@odata.deltaLink") or news.link
        except Refused as error:
            raise self.closed(error) from error
        return news

    def sort_out(self, news: News) -> tuple[set[str], set[str]]:
        """Return what is to be read, and what is gone, finding out by one listing what of it is ours where that isn't known.

        The listing also tells what else has another ETag by now.
        """
        self.doubt(news)
        told = news.touched.keys() | news.removed
        # What was foreign may have been one of ours, deleted while it was looked up: that nobody was told of.
        gone = (news.removed & (self._gone | self._foreign)) - news.touched.keys()
        unknown = told - self._ours.keys() - self._foreign - gone
        self._foreign -= gone
        wanted = told & self._ours.keys()
        if unknown:
            before = {href: stored.etag for href, stored in self._held.items()}
            gone |= self._ours.keys() if self.complete else news.removed
            etags = self.listed()
            # What is removed may be brought back under the same id, and is then to be looked up again.
            self._foreign |= unknown - etags.keys() - news.removed
            self._gone -= self._foreign
            gone -= etags.keys()
            wanted = (told & etags.keys()) | {href for href, etag in etags.items() if before.get(href, etag) != etag}
        self._gone |= gone
        return wanted, gone

    def fetched(self, hrefs: Iterable[str]) -> Changes:
        """Return those events, read in batches unless they are held; the token is empty."""
        wanted = sorted(hrefs)
        unread = [href for href in wanted if href not in self._held]
        replies = self.wire.batch([Part(method="GET", path=self.wire.event(href) + READ) for href in unread])
        answers = dict(zip(unread, replies, strict=True))
        changed, gone = [], []
        unreadable: dict[str, Refused] = {}
        for href in wanted:
            try:
                reply = answers.get(href)
                with by_itself(href):
                    changed.append(self._held[href] if reply is None else self.read(self.wire.rest.judge(reply, "reading"))[1])
            except Missing:
                gone.append(href)
                self.forget(href)
            except Refused as error:
                unreadable[href] = error
        return Changes(token="", full=False, changed=tuple(changed), gone=tuple(gone), unreadable=unreadable)

    def sought(self, hrefs: frozenset[str]) -> Changes:
        """Read events by id, as `fetched` does; of those that can be read, what no view of the calendar has is gone all the same.

        What somebody deleted may be read by its immutable id for a while, from where it lies now.
        """
        for href in hrefs & self._held.keys():
            del self._held[href]
        read = self.fetched(hrefs)
        meetings = [at for stored in read.changed for at in (stored.event.start, *canonical.meetings(stored.event))]
        if not meetings:
            return read
        view = self.opened(min(meetings).astimezone(UTC) - _DAY, max(meetings).astimezone(UTC) + _DAY)
        if view is None:
            raise Transient(f"{self.called}: can't be looked at just now")
        deleted = [stored.href for stored in read.changed if stored.href not in view.touched]
        for href in deleted:
            self.forget(href)
        return replace(read, changed=tuple(s for s in read.changed if s.href in view.touched), gone=(*read.gone, *deleted))

    def read(self, reply: Reply) -> tuple[Json, Stored]:
        """Return what Graph said of one event, with all that became of single meetings, and what it means."""
        said = self.wire.said(reply, "id")
        if not from_json.is_whole(said):
            said = from_json.completed(said, self._instances(said))
        following = said.get("exceptionOccurrences@odata.nextLink")
        if following:
            said = {**said, "exceptionOccurrences": [*(said.get("exceptionOccurrences") or ()), *self.wire.items(following, "id")]}
        if not from_json.uid_of(said):
            raise Missing(f"{self.wire.rest.called}: an event that isn't ours any more")
        stored = from_json.read(said)
        self.learn(stored.href, stored.event.uid)
        return said, self.remember(stored)

    def _instances(self, said: Json) -> list[Json]:
        """Read the meetings of a series one by one, over all of it."""
        with from_json.understood(said):
            start = from_json.moment(said["start"])
            last = said["recurrence"]["range"].get("endDate")
            until = datetime.fromisoformat(last).replace(tzinfo=start.tzinfo) if last and last > "0001-01-01" else start + _ENDLESS
            window = f"&startDateTime={_iso(start - _MARGIN)}&endDateTime={_iso(until + _MARGIN)}"
        path = self.wire.event(said["id"]) + "/instances" + query(select=_INSTANCES, top=_PAGE) + window
        return list(self.wire.items(path, "id"))

    # -- what is known -------------------------------------------------------------------------------------------------

    def learn(self, href: str, uid: str) -> None:
        self._ours[href] = uid
        self._foreign.discard(href)
        self._gone.discard(href)
        self.ids.setdefault(uid, href)

    def remember(self, stored: Stored) -> Stored:
        self._held[stored.href] = stored
        return stored

    def doubt(self, news: News) -> None:
        """Forget what was held of all that may have changed."""
        for href in (news.touched.keys() | news.removed) & self._held.keys():
            if href in news.removed or news.touched[href] != self._held[href].etag:
                del self._held[href]

    def forget(self, href: str) -> None:
        self._held.pop(href, None)
        self._gone.add(href)
        uid = self._ours.pop(href, "")
        if self.ids.get(uid) == href:
            del self.ids[uid]


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
