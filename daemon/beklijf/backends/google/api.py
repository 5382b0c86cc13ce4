"""One calendar behind Google's Calendar API as one user has it: requests and pages in, items out, and what a refusal means there.

Knows no `Event`: what an item means, and what to send, is ``from_json``'s and ``to_json``'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import quote

from beklijf.backends.google.account import CALENDAR, ServiceAccount
from beklijf.backends.google.from_json import FIELDS
from beklijf.backends.rest.http import Http
from beklijf.backends.rest.service import Rest, reply_of
from beklijf.boundary.pages import Pages
from beklijf.model.errors import Conflict, Down, Missing, Refused, Transient

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from beklijf.backends.google.from_json import Item
    from beklijf.backends.google.settings import GoogleLogin
    from beklijf.backends.rest.service import Reply

Send: TypeAlias = Literal["all", "none"]
Params: TypeAlias = "Mapping[str, str | int | bool]"
Listed: TypeAlias = "tuple[list[Item], str]"
"""Events, and the sync token after them."""

PAGE = 2500
"""Events a page, the most there may be; fewer come where Google likes it."""
PRIMARY = "primary"

_EXPIRED = frozenset({400, 410})
"""What a sync token may be answered with that is too old, or none of theirs: then everything is read."""
_NO_CALENDAR = frozenset({"notACalendarUser", "requiredAccessLevel"})
_WRITERS = frozenset({"writer", "owner"})
_DELEGATION = "grant the service account's client the calendar scope under domain-wide delegation, in the Admin console"


class Account:
    """The service account, and the one connection for all whom it acts for."""

    def __init__(self, login: GoogleLogin, limit: timedelta) -> None:
        self.login = login
        self._tokens = ServiceAccount(login, limit=limit)
        self._http = Http(called=f"google {login.url}", ca=login.ca, limit=limit)

    def acting_for(self, subject: str) -> Rest:
        token = self._tokens.tokens(subject, CALENDAR)
        return Rest(self.login.url, token, called=f"google {subject}", hint=_DELEGATION, http=self._http)

    def close(self) -> None:
        self._http.close()
        self._tokens.close()


class Api:
    """A calendar of *subject*: by its id, or a secondary one by its name; *personal*: a no hits nobody else's."""

    def __init__(self, account: Account, subject: str, *, calendar_id: str = "", name: str = "", personal: bool = False) -> None:
        self._rest = account.acting_for(subject)
        self._subject = subject
        self._given = calendar_id or ("" if name else PRIMARY)
        self._name = name
        self._personal = personal
        self._found = self._given
        self.called = self._rest.called

    # -- the calendar itself -------------------------------------------------------------------------------------------

    @property
    def calendar_id(self) -> str:
        """The calendar's id, looked for by its name once; empty where there is none of that name yet."""
        if not self._found:
            wanted: dict[str, str | int] = {"maxResults": 250, "minAccessRole": "writer", "showHidden": True}
            listed = self._pages("/users/me/calendarList", wanted | {"fields": "kind,nextPageToken,items(id,summary)"})
            found = listed[0] if listed else []
            self._found = next((str(item["id"]) for item in found if item.get("summary") == self._name), "")
        return self._found

    def make(self) -> None:
        """Make the calendar of the wanted name if it isn't there."""
        if not self.calendar_id:
            self._found = str(self._said(self.ask("POST", "/calendars", json={"summary": self._name}), "id")["id"])

    def checked(self) -> str:
        """Return what there is in one line, having written nothing; raises where it can't be written."""
        if not self.calendar_id:
            return f'{self.called}: logged in; the calendar "{self._name}" will be made; Google sends invitations'
        fields = {"fields": "summary,accessRole,timeZone"}
        try:
            entry = self._said(self.ask("GET", f"/users/me/calendarList/{quote(self.calendar_id, safe='')}", params=fields), "summary")
        except Missing as error:
            raise self._lost() from error
        title = f'{self.called}: "{entry.get("summary")}"'
        if entry.get("accessRole") not in _WRITERS:
            raise self._no(f"{title} may be read, but not written", hint='it must be shared with "Make changes to events"')
        return f"{title} may be written ({entry.get('timeZone')}); Google sends invitations"

    # -- events --------------------------------------------------------------------------------------------------------

    def events(self, fields: str, **params: str | bool) -> Listed | None:
        """Return events; None where the sync token that was sent is known no more."""
        try:
            return self._pages(self._path(), {"maxResults": PAGE, "fields": f"kind,nextPageToken,nextSyncToken,items({fields})", **params})
        except Missing as error:
            raise self._lost() from error

    def instances(self, name: str) -> list[Item]:
        """Return every meeting of a series, cancelled ones included, by id and place alone."""
        params: dict[str, str | int] = {"showDeleted": True, "maxResults": PAGE}
        params |= {"fields": "kind,nextPageToken,items(id,originalStartTime)"}
        listed = self._pages(f"{self._path(name)}/instances", params)
        return listed[0] if listed else []

    def get(self, name: str, fields: str = FIELDS) -> Item:
        return self._item("GET", name, params={"fields": fields})

    def insert(self, body: Mapping[str, Any], send: Send) -> Item:
        """Make an event; raises `Conflict` when its id is taken."""
        try:
            return self._item("POST", "", json=body, params={"sendUpdates": send, "fields": FIELDS}, repeatable="id" in body)
        except Missing as error:
            raise self._lost() from error

    def patch(self, name: str, body: Mapping[str, Any], *, etag: str, send: Send) -> Item:
        """Change an event if it still has this *etag*; without one, whatever it has."""
        headers = {"If-Match": etag} if etag else {}
        params = {"sendUpdates": send, "fields": FIELDS}
        return self._item("PATCH", name, json=body, params=params, headers=headers)

    def delete(self, name: str, *, etag: str, send: Send) -> None:
        headers = {"If-Match": etag} if etag else {}
        self.ask("DELETE", self._path(name), params={"sendUpdates": send}, headers=headers)

    def busy(self, body: Mapping[str, object]) -> Mapping[str, Any]:
        return self._said(self.ask("POST", "/freeBusy", json=body, repeatable=True), "calendars")

    # -- requests ------------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, **more: Any) -> Reply:  # noqa: ANN401  # what `Rest.request` takes
        """Return the answer; a no to the service's own user is one to everything, one to a person that person's alone."""
        try:
            return self._rest.request(method, path, **more)
        except (Conflict, Missing):
            raise
        except Refused as error:
            reply = reply_of(error)
            if self._personal or (reply is not None and reply.code not in _NO_CALENDAR):
                raise
            raise Down(str(error), hint=error.hint or f"has {self._subject} a Google Calendar, and is it switched on?") from error

    def _item(self, method: str, name: str, **more: Any) -> Item:  # noqa: ANN401  # as above
        return self._said(self.ask(method, self._path(name), **more), "id")

    def _said(self, reply: Reply, *always: str) -> Item:
        """Return the body, in which *always* stand; an empty answer of somebody in between must not look like an empty calendar."""
        if not isinstance(reply.body, dict) or not {*always} <= reply.body.keys():
            raise Transient(f"{self.called}: an answer that is none of Google's ({reply.status})", hint="does a proxy stand in between?")
        return reply.body

    def _pages(self, path: str, params: Params) -> Listed | None:
        found: list[Item] = []
        read = Pages(self.called)
        page: dict[str, str] = {}
        while True:
            reply = self.ask("GET", path, params={**params, **page}, allowed=_EXPIRED if "syncToken" in params else ())
            if reply.status in _EXPIRED:
                return None
            said = self._said(reply, "kind")
            items, after = said.get("items") or [], str(said.get("nextPageToken") or "")
            if not isinstance(items, list) or not all(isinstance(item, dict) and isinstance(item.get("id"), str) for item in items):
                raise Transient(f"{self.called}: a list that can't be read", hint="does a proxy stand in between?")
            read.turn(items, after)
            found += items
            if not after:
                return found, str(said.get("nextSyncToken", ""))
            page = {"pageToken": after}

    def _path(self, name: str = "") -> str:
        if not self.calendar_id:
            raise self._lost()
        events = f"/calendars/{quote(self.calendar_id, safe='')}/events"
        return f"{events}/{quote(name, safe='')}" if name else events

    def _lost(self) -> Down | Refused:
        lost, self._found = self._name or self._found, self._given
        return self._no(f'{self.called}: there is no calendar "{lost}" (any more)', hint="was it deleted, or is it somebody else's?")

    def _no(self, what: str, *, hint: str) -> Down | Refused:
        return (Refused if self._personal else Down)(what, hint=hint)
