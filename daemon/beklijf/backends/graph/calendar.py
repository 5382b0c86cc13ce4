"""A calendar in Exchange Online, through Microsoft Graph v1.0: the service's own, or a person's.

    question                 answer
    -----------------------  -----------------------------------------------------------------------------------------------
    whose event is it        ours stands in a property (`from_json.UID`), and in ``transactionId``, for retries
    what happened            delta of a view of some years; results lack our property, so what is unknown is looked up in one
                             request for all of ours, and what is ours is read, twenty at a time
    what of single meetings  told by a series read by its id alone; where that is missing, by its instances
    who invites              Exchange, of every write; it can't be asked not to. Hence: only what differs, days off first, people
                             last, and DELETE, which tells people just as /cancel does, but is conditional

Exchange tells no answer twice: all of them show in the organizer's copy, so nothing waits in an inbox.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from beklijf.backends.graph import free_busy, from_json, to_json
from beklijf.backends.graph.account import open_rest
from beklijf.backends.graph.contents import READ, RIGHTS, Contents
from beklijf.backends.graph.settings import CalendarByGraph
from beklijf.backends.graph.to_json import Step
from beklijf.backends.graph.wire import Wire, query
from beklijf.model.errors import Conflict, Down, Exists, Missing, Refused, Transient
from beklijf.model.stored import NO_STAMP, NOTHING, Changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from beklijf.backends.graph.contents import News
    from beklijf.backends.graph.from_json import Json
    from beklijf.backends.rest.service import Reply, Rest
    from beklijf.contracts.settings import CalendarSettings
    from beklijf.model.conversation import Busy, Waiting
    from beklijf.model.domain import Event, Person
    from beklijf.model.stored import Agent, Stored

_BACK, _AHEAD = timedelta(days=365), timedelta(days=1277)
"""The view in which changes are seen, around today; Exchange has at most 1825 days."""
_ENOUGH = timedelta(days=548)
"""With less than this ahead, the view is opened anew."""
_USED = "ErrorDuplicateTransactionId"
_CONFLICT, _NOT_FOUND = 409, 404


@dataclass(frozen=True, slots=True)
class _Token:
    link: str
    """Where changes of the view are asked for; empty where there was no calendar."""
    until: datetime | None
    """The end of the view."""


class GraphCalendar:
    """One calendar of one mailbox, found by its name; made on the first `create` when it isn't there."""

    def __init__(self, settings: CalendarSettings, owner: str, rest: Rest | None = None) -> None:
        """With *rest* it is a person's own calendar, behind the service's login: always their first one, never made."""
        assert isinstance(settings.maker, CalendarByGraph)
        self._settings = settings
        self._personal = rest is not None
        self._wire = Wire(rest or open_rest(settings.maker.login, settings.deadline), owner)
        self._contents = Contents(self._wire, "" if self._personal else settings.name, personal=self._personal)
        self.target = f"graph {owner} {settings.maker.login.url} {self._contents.name}".rstrip()

    may_schedule: bool | None = True
    """Exchange sends every invitation."""

    # -- looking -------------------------------------------------------------------------------------------------------

    def check(self) -> str:
        place = self._contents.look()
        if place is None:
            return f"{self._called} will be made; Exchange sends the invitations"
        if not place.get("canEdit", True):
            raise Down(f"{self._called} may be read, but not written", hint=RIGHTS)
        return f"{self._called}, {len(self._contents.listed())} events of ours; Exchange sends the invitations"

    def problem(self) -> str:
        """Return what is wrong with a person's calendar, in one sentence, without writing anything; empty when it can be used."""
        try:
            place = self._contents.look()
        except Refused as error:
            return f"{error}; {error.hint}" if error.hint else str(error)
        return "" if place and place.get("canEdit", True) else f"{self._called} may be read, but not written"

    def fetch(self, href: str) -> Stored:
        return self._contents.read(self._wire.ask("GET", self._wire.event(href) + READ))[1]

    def seek(self, hrefs: Iterable[str]) -> Changes:
        if self._contents.look() is None:
            raise Down(f"{self._called} is not there any more", hint="was it renamed or deleted?")
        return self._contents.sought(frozenset(hrefs))

    def changes(self, token: object, known: Mapping[str, str] = NOTHING) -> Changes:
        """Ask what happened; everything is read anew for a token that isn't known any more, or whose view comes near its end."""
        if not isinstance(token, _Token) or not token.link:
            return self._everything(known, lost=False)
        news = self._contents.delta(token.link)
        now = self._wire.now
        if news is not None and (now is None or token.until is None or token.until - now > _ENOUGH):
            return self._since(news, token)
        return self._everything(known, lost=True)

    def waiting(self) -> tuple[Waiting, ...]:
        return ()

    def take(self, waiting: Waiting) -> None:
        """Do nothing: nothing ever waits here."""

    def busy(self, people: Sequence[Person], start: datetime, end: datetime) -> dict[str, tuple[Busy, ...]]:
        return free_busy.busy(self._wire, people, start, end)

    def close(self) -> None:
        if not self._personal:
            self._wire.rest.close()

    def of(self, email: str, calendar: str = "", /) -> GraphCalendar:
        """Return a person's own calendar; *calendar* says nothing here: the address does."""
        del calendar
        return GraphCalendar(self._settings, email, self._wire.rest)

    # -- writing -------------------------------------------------------------------------------------------------------

    def create(self, event: Event, *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP) -> Stored:
        """Write a new event: one request; two for a series with days off, whose attendees come last.

        Before the first of a process, all of ours are listed (a request for five hundred of them), so that none is written twice.
        """
        del sequence, agent, stamp  # all of them Exchange's own business
        if not self._contents.complete:
            self._contents.listed()
        self._refuse_second(event)
        body = to_json.whole(event)
        wanted = to_json.aim(event, event, frozenset({"time", "recurrence", "single"}))
        reply = self._post(event, body | {"attendees": []} if wanted.overrides else body)
        made = self._wire.said(reply, "id") | {"singleValueExtendedProperties": to_json.properties(event)}
        self._contents.learn(made["id"], event.uid)
        if not wanted.overrides:
            return self._contents.remember(from_json.read(made))
        steps = to_json.overrides(made["id"], from_json.read(made).event, wanted)
        return self._finish(made, steps, wanted, people=bool(event.people))[1]

    def update(
        self, stored: Stored, wanted: Event, fields: frozenset[str], *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP
    ) -> Stored:
        """Write what differs: two requests, three where single meetings change too.

        Exchange tells all attendees of each write but that of attendees or an alarm alone; a text or title can't be changed in silence.
        """
        del sequence, agent, stamp  # as above
        said, held = self._contents.read(self._wire.ask("GET", self._wire.event(stored.href) + READ))
        if held.etag != stored.etag:
            raise Conflict(f"{self._wire.rest.called}: {held.event.title!r} changed since it was read")
        aim = to_json.aim(held.event, wanted, fields)
        # An event that nobody is invited to yet can be cut without anybody hearing of it.
        late = "people" in fields and not held.event.people and bool(aim.people)
        body = to_json.patch(said, held.event, aim, fields - {"people"} if late else fields)
        if not fields:
            body = to_json.announcement(held.event)
        if body:
            step = Step(method="PATCH", id=stored.href, body=body, etag=held.etag, what=f"changing {held.event.title!r}")
            said, held = self._chain([step], stored.href)
        said, held = self._brought_back(said, held, aim)
        steps = to_json.overrides(stored.href, held.event, aim) if aim.recurrence and not aim.recurrence.other else []
        return self._finish(said, steps, aim, people=late)[1] if steps or late else held

    def delete(self, stored: Stored) -> None:
        self._wire.ask("DELETE", self._wire.event(stored.href), etag=stored.etag)
        self._contents.forget(stored.href)

    def _refuse_second(self, event: Event) -> None:
        """Raise `Exists` for what is there; that a person has deleted it meanwhile is seen by asking."""
        there = self._contents.ids.get(event.uid)
        if there is None:
            return
        reply = self._wire.ask("GET", self._wire.event(there) + query(select="id"), allowed={_NOT_FOUND})
        if reply.status != _NOT_FOUND and self._wire.said(reply, "id"):
            raise Exists(f"{self._wire.rest.called}: {event.title!r} is there already")
        self._contents.forget(there)

    def _post(self, event: Event, body: Json) -> Reply:
        path = f"{self._contents.made()}/events"
        reply = self._wire.ask("POST", path, json=body, allowed={_CONFLICT}, repeatable="transactionId" in body)
        if reply.status == _CONFLICT and reply.code == _USED:
            # Written by a call whose answer was lost, or deleted since: Exchange remembers the id of either.
            self._contents.listed()
            self._refuse_second(event)
            reply = self._wire.ask("POST", path, json={name: value for name, value in body.items() if name != "transactionId"})
        return self._wire.rest.judge(reply, f"writing {event.title!r}")

    def _finish(self, said: Json, steps: Sequence[Step], wanted: Event, *, people: bool) -> tuple[Json, Stored]:
        """Write single meetings, then *people*, who get one invitation with all of it."""
        last = [Step(method="PATCH", id=said["id"], body=to_json.people(said, wanted), what=f"inviting to {wanted.title!r}")]
        return self._chain([*steps, *(last if people else [])], said["id"])

    def _brought_back(self, said: Json, held: Stored, wanted: Event) -> tuple[Json, Stored]:
        """Write the rhythm anew where a meeting that was taken out is wanted again."""
        if wanted.recurrence is None or wanted.recurrence.other or not to_json.lost(held.event, wanted):
            return said, held
        for bodies in to_json.anew(said, wanted):
            what = f"writing the rhythm of {wanted.title!r} anew"
            said, held = self._chain([Step(method="PATCH", id=held.href, body=body, what=what) for body in bodies], held.href)
            if not to_json.lost(held.event, wanted):
                return said, held
        raise Refused(f"{self._wire.rest.called}: meetings that were taken out of {wanted.title!r} don't come back")

    def _chain(self, steps: Sequence[Step], href: str) -> tuple[Json, Stored]:
        try:
            return self._contents.read(self._wire.chain(steps, self._wire.event(href) + READ))
        except Missing as error:
            if len(steps) == 1 and steps[0].id == href:
                raise
            raise Conflict(f"{error}: a meeting of it changed since it was read") from error

    # -- reading -------------------------------------------------------------------------------------------------------

    def _since(self, news: News, token: _Token) -> Changes:
        if not news.touched and not news.removed:
            return Changes(token=token, full=False, changed=())
        wanted, gone = self._contents.sort_out(news)
        read = self._contents.fetched(wanted)
        return Changes(
            token=replace(token, link=news.link),
            full=False,
            changed=read.changed,
            gone=tuple(sorted(gone.union(read.gone))),
            unreadable=read.unreadable,
        )

    def _everything(self, known: Mapping[str, str], *, lost: bool) -> Changes:
        """Read all of ours: those of the past, and of times far ahead, too, of whose changes no view tells."""
        if self._contents.look() is None:
            if lost:
                raise Down(f"{self._called} is not there any more", hint="was it renamed or deleted?")
            return Changes(token=_Token("", None), full=True, changed=())
        if self._wire.now is None:
            raise Down(f"{self._wire.rest.called}: answers without saying when", hint="does a proxy take the Date header away?")
        today = self._wire.now.replace(hour=0, minute=0, second=0, microsecond=0)
        news = self._contents.opened(today - _BACK, today + _AHEAD)
        if news is None:
            raise Transient(f"{self._called}: changes can't be asked for just now")
        etags = self._contents.listed()
        same = frozenset(href for href, etag in etags.items() if known.get(href) == etag)
        read = self._contents.fetched(etags.keys() - same)
        token = _Token(news.link, today + _AHEAD)
        return Changes(token=token, full=True, changed=read.changed, unreadable=read.unreadable, unchanged=same)

    @property
    def _called(self) -> str:
        return f"{self._wire.rest.called}: {self._contents.called}"
