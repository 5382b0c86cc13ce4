"""An inbox in Exchange Online, through Microsoft Graph: what is new by delta, mails as MIME, handled ones moved away.

Marks nothing as read, judges nothing. The delta names only what came and when (it can't be trusted with more: told to expand, it
answers with errors); envelopes are asked for by twenties, and mails only where they are wanted. Ids are immutable ones, which a
mail keeps when it is filed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from beklijf.backends.graph.account import open_rest
from beklijf.backends.graph.settings import InboxByGraph
from beklijf.backends.rest import synced
from beklijf.backends.rest.service import Reply, part_of, reply_of
from beklijf.backends.rest.synced import PAGE, Page, Told
from beklijf.boundary.pages import Pages
from beklijf.mime.addresses import ascii_address
from beklijf.model.errors import BackendError, Down, Missing, Refused, Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from beklijf.contracts.settings import InboxSettings
    from beklijf.model.mailbox import Envelope, News

BATCH = 20
"""Requests in one: learn.microsoft.com/graph/json-batching."""

_CLASS, _SIZE = "String 0x001A", "Integer 0x0E08"
"""PidTagMessageClass and PidTagMessageSize, which Graph has no names for."""
_EXTENDED = quote(f"($filter=id eq '{_CLASS}' or id eq '{_SIZE}')", safe="()$=")
_ENVELOPE = f"?$select=from,subject,hasAttachments,receivedDateTime&$expand=singleValueExtendedProperties{_EXTENDED}"
_IMMUTABLE = 'IdType="ImmutableId"'
_FORGOTTEN = frozenset({"SyncStateNotFound", "SyncStateInvalid", "resyncRequired", "ErrorInvalidSyncStateData"})
_NO_CONTENT = frozenset({"ErrorMimeContentConversionFailed", "ErrorContentConversionFailed", "ErrorMimeContentInvalid"})
_OUT_OF_DATE, _BAD = 410, 400
_NO_SUCH_ID = "ErrorInvalidIdMalformed"
_ROOT, _INBOX = "msgfolderroot", "inbox"
_LONGEST_SIZE = 15
"""Digits of a size."""


class GraphInbox:
    """One folder of one mailbox, and the folder for what was handled."""

    def __init__(self, settings: InboxSettings) -> None:
        """Open nothing yet."""
        assert isinstance(settings.maker, InboxByGraph)
        self._settings = settings
        self._rest = open_rest(settings.maker.login, settings.deadline)
        mailbox = ascii_address(settings.address)
        self._root = f"/users/{quote(mailbox, safe='@')}"
        self.target = f"{self._rest.called} mailbox {mailbox}"
        self._named = f"{self._rest.base}{self._root} {settings.folder}"
        self._read_folder = ""

    def check(self) -> str:
        with_count = self._object(self._ask("GET", f"{self._folder_path()}?$select=displayName,totalItemCount"))
        filed = self._found(self._settings.filed)
        will_be = "" if filed else ", which will be made"
        there = f"{self._settings.folder} has {with_count.get('totalItemCount', 0)} mails"
        return f"{self.target}: {there}; handled mail goes to {self._settings.filed}{will_be}"

    def news(self, mark: str, wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        return synced.news(self, self._named, mark, wanted, since=since)

    def again(self, ids: Sequence[str], wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        return synced.again(self, ids, wanted, since=since)

    def file(self, ids: Sequence[str]) -> None:
        known = [each for each in dict.fromkeys(ids) if each]
        if not known:
            return
        to = self._found(self._settings.filed) or self._made(self._settings.filed)
        moves = [("POST", f"{self._mail(each)}/move", {"destinationId": to}) for each in known]
        self._all_done(self._batch(moves), "filing a mail")

    def forget(self, before: datetime) -> int:
        folder = self._found(self._settings.filed)
        if folder is None:
            return 0
        old = f"receivedDateTime lt {before.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        path = f"{self._root}/mailFolders/{quote(folder, safe='')}/messages?$select=receivedDateTime&$top={PAGE}&$filter={quote(old)}"
        ids = [each["id"] for each in self._pages(path)]
        return self._all_done(self._batch([("DELETE", self._mail(each), None) for each in ids]), "deleting what was filed")

    def close(self) -> None:
        self._rest.close()

    # -- what `synced` asks for ----------------------------------------------------------------------------------------

    def page(self, cursor: str) -> Page | None:
        start = f"{self._folder_path()}/messages/delta?changeType=created&$select=receivedDateTime"
        reply = self._ask("GET", cursor or start, page=PAGE, allowed=(_OUT_OF_DATE, _BAD))
        if reply.status == _OUT_OF_DATE or (reply.status == _BAD and reply.code in _FORGOTTEN):
            return None
        if reply.status == _BAD:
            raise Refused(f"{self.target}: {reply.status} {reply.code} {reply.message}")
        body, lines = self._object(reply), self._values(reply)
        # a line without its time is no new mail, whatever was asked for: somebody has read it, or put a category on it
        came = {each["id"]: _instant(each["receivedDateTime"]) for each in lines if each.get("receivedDateTime")}
        following, end = (str(body.get(f"@odata.{name}Link") or "") for name in ("next", "delta"))
        if not following and not end:
            raise Transient(f"{self.target}: a list that doesn't say where to go on")
        return Page(came=came, cursor=following or end, last=not following or following == cursor)

    def told(self, ids: Sequence[str]) -> Mapping[str, Told]:
        replies = self._batch([("GET", f"{self._mail(each)}{_ENVELOPE}", None) for each in ids])
        there = ((each, reply) for each, reply in zip(ids, replies, strict=True) if self._is_there(reply, "reading an envelope"))
        found = {each: _object(reply.body) for each, reply in there}
        more = [each for each, body in found.items() if body.get("hasAttachments") and not _is_meeting(body)]
        lists = self._batch([("GET", f"{self._mail(each)}/attachments?$select=name,contentType", None) for each in more])
        attached = {
            each: [str(part.get(key) or "") for part in _objects(_object(reply.body).get("value")) for key in ("name", "contentType")]
            for each, reply in zip(more, lists, strict=True)
            if self._is_there(reply, "reading an envelope")
        }
        return {each: _told(body, attached.get(each, [])) for each, body in found.items()}

    def content(self, mail: str) -> bytes | None:
        try:
            return self._ask("GET", f"{self._mail(mail)}/$value").content
        except Missing:
            return None
        except Transient as error:
            if _code(error) in _NO_CONTENT:
                raise Refused(str(error)) from error
            raise

    # -- folders -------------------------------------------------------------------------------------------------------

    def _folder_path(self) -> str:
        """Return the path of the folder that is read; one that isn't known by every mailbox is looked for once."""
        if not self._read_folder:
            found = self._found(self._settings.folder)
            if found is None:
                raise Down(f"{self.target}: there is no folder {self._settings.folder}", hint="check [inbox] folder")
            self._read_folder = f"{self._root}/mailFolders/{quote(found, safe='')}"
        return self._read_folder

    def _found(self, name: str) -> str | None:
        """Return the id of a folder by its name, or by its way through several (``INBOX/handled``)."""
        folder: str | None = _ROOT
        for number, part in enumerate(name.split("/")):
            if number == 0 and part.casefold() == _INBOX:
                folder = _INBOX
            elif folder is not None:
                folder = self._below(folder, part)
        return folder

    def _below(self, parent: str, name: str) -> str | None:
        path = f"{self._children(parent)}?$select=displayName&$top={PAGE}"
        return next((each["id"] for each in self._pages(path) if str(each.get("displayName")).casefold() == name.casefold()), None)

    def _made(self, name: str) -> str:
        above, _, own = name.rpartition("/")
        parent = (self._found(above) or self._made(above)) if above else _ROOT
        try:
            made = self._ask("POST", self._children(parent), json={"displayName": own})
        except Refused as error:
            hint = "the application needs Mail.ReadWrite for this mailbox; or make it by hand, or choose another name in [inbox] filed"
            raise Down(f"{self.target} makes no folder {name}: {error}", hint=hint) from error
        return str(self._object(made).get("id", ""))

    def _children(self, parent: str) -> str:
        below = "" if parent == _ROOT else f"/{quote(parent, safe='')}/childFolders"
        return f"{self._root}/mailFolders{below}"

    # -- requests ------------------------------------------------------------------------------------------------------

    def _mail(self, mail: str) -> str:
        return f"{self._root}/messages/{quote(mail, safe='')}"

    def _ask(self, method: str, path: str, *, json: object = None, page: int = 0, allowed: Sequence[int] = ()) -> Reply:
        """Ask; a no to the mailbox is one to everything."""
        prefer = f"{_IMMUTABLE}, odata.maxpagesize={page}" if page else _IMMUTABLE
        try:
            return self._rest.request(method, path, json=json, headers={"Prefer": prefer}, allowed=allowed)
        except Missing:
            raise
        except Refused as error:
            raise self._as_down(error) from error

    def _as_down(self, error: Refused) -> BackendError:
        reply = reply_of(error)
        if reply is not None and reply.status in {403, 404}:
            hint = "the application needs Mail.ReadWrite for this mailbox, by its role in Exchange or with an administrator's consent"
            return Down(str(error), hint=error.hint or hint)
        return error

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        read, following = Pages(self.target), path
        while following:
            reply = self._ask("GET", following)
            found, following = self._values(reply), str(self._object(reply).get("@odata.nextLink") or "")
            read.turn(found, following)
            yield from found

    def _batch(self, parts: Sequence[tuple[str, str, object]]) -> list[Reply]:
        """Return the answers in the order of *parts*, whatever they say; one request for each twenty of them."""
        found: list[Reply] = []
        for begin in range(0, len(parts), BATCH):
            some = parts[begin : begin + BATCH]
            asked = [_part(number, *part) for number, part in enumerate(some)]
            reply = self._ask("POST", "/$batch", json={"requests": asked})
            told = {each["id"]: each for each in self._values(reply, "responses")}
            if missing := [each["id"] for each in asked if each["id"] not in told]:
                raise Transient(f"{self.target}: a batch said nothing about {len(missing)} of {len(asked)} requests")
            found += [part_of(told[each["id"]], reply) for each in asked]
        return found

    def _is_there(self, reply: Reply, what: str) -> bool:
        """Tell whether a part of a batch found its mail; raises what else it says."""
        if reply.status == _BAD and reply.code == _NO_SUCH_ID:
            return False
        try:
            self._rest.judge(reply, f"{what} of {self._settings.address}")
        except Missing:
            return False
        except Refused as error:
            raise self._as_down(error) from error
        return True

    def _all_done(self, replies: Sequence[Reply], what: str) -> int:
        """Return how many were there to be done; what is gone already is fine."""
        return sum([self._is_there(reply, what) for reply in replies])

    def _object(self, reply: Reply) -> dict[str, Any]:
        if not isinstance(reply.body, dict):
            raise Transient(f"{self.target}: answers {reply.status} without saying anything")
        return reply.body

    def _values(self, reply: Reply, name: str = "value") -> list[dict[str, Any]]:
        """Return the list of objects with ids that was answered; what is none can't be told from an answer of somebody in between."""
        found = self._object(reply).get(name)
        if not isinstance(found, list) or not all(isinstance(each, dict) and isinstance(each.get("id"), str) for each in found):
            raise Transient(f"{self.target}: a list that can't be read")
        return found


def _told(body: Mapping[str, Any], attached: Sequence[str]) -> Told:
    extended = _extended(body)
    size = extended.get(_SIZE.casefold(), "")
    sender = _object(_object(body.get("from")).get("emailAddress")).get("address") or ""
    return Told(
        envelope=synced.envelope(
            str(sender),
            str(body.get("subject") or ""),
            extended.get(_CLASS.casefold(), ""),
            size=int(size) if size.isascii() and size.isdecimal() and len(size) <= _LONGEST_SIZE else 0,
            attached=attached,
        ),
        at=_instant(body.get("receivedDateTime")),
    )


def _is_meeting(body: Mapping[str, Any]) -> bool:
    """Tell whether the kind of a mail says already that there is a calendar in it."""
    return synced.envelope("", "", _extended(body).get(_CLASS.casefold(), ""), size=0).calendar


def _extended(body: Mapping[str, Any]) -> dict[str, str]:
    # Exchange writes the number of a property in small letters, or without its zeros
    found = _objects(body.get("singleValueExtendedProperties"))
    return {_spelt(str(each.get("id"))): str(each.get("value")) for each in found}


def _object(value: object) -> dict[str, Any]:
    """Return an object of a mail; empty for what is none, which is a trouble of this field alone."""
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _spelt(key: str) -> str:
    kind, _, number = key.partition(" ")
    try:
        return f"{kind} 0x{int(number, 16):04x}".casefold()
    except ValueError:
        return key.casefold()


def _instant(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _part(number: int, method: str, path: str, body: object) -> dict[str, Any]:
    headers = {"Prefer": _IMMUTABLE}
    part: dict[str, Any] = {"id": str(number), "method": method, "url": path, "headers": headers}
    if body is not None:
        part["body"] = body
        headers["Content-Type"] = "application/json"
    return part


def _code(error: BackendError) -> str:
    reply = reply_of(error)
    return reply.code if reply else ""
