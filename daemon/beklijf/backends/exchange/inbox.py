"""An inbox on an Exchange Server on premises (EWS): what is new by SyncFolderItems, mails as MIME, handled ones moved away.

Marks nothing as read, judges nothing. Asks with no restriction, which some servers refuse: what is old enough to be forgotten is
told by its time here. An item that is filed has another id from then on, so the old one is gone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from exchangelib import Message  # type: ignore[import-untyped]  # it has no types
from exchangelib.errors import ErrorInvalidSyncStateData  # type: ignore[import-untyped]
from exchangelib.fields import FieldPath  # type: ignore[import-untyped]
from exchangelib.folders import Folder, Inbox, MsgFolderRoot  # type: ignore[import-untyped]
from exchangelib.items import ALL_OCCURRENCES, HARD_DELETE, ID_ONLY, SEND_TO_NONE  # type: ignore[import-untyped]
from exchangelib.properties import FolderId  # type: ignore[import-untyped]
from exchangelib.services import (  # type: ignore[import-untyped]
    CreateFolder,
    DeleteItem,
    FindFolder,
    GetFolder,
    GetItem,
    MoveItem,
    SyncFolderItems,
)
from exchangelib.services.sync_folder_hierarchy import SyncFolder  # type: ignore[import-untyped]

from beklijf.backends.exchange.account import Connection, Service
from beklijf.backends.exchange.settings import InboxByExchange
from beklijf.backends.rest import synced
from beklijf.backends.rest.synced import PAGE, Page, Told
from beklijf.boundary.pages import Pages
from beklijf.mime.addresses import ascii_address
from beklijf.model.errors import Down, Missing, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from beklijf.contracts.settings import InboxSettings
    from beklijf.model.mailbox import Envelope, News


def _paths(model: Any, *names: str) -> list[FieldPath]:  # noqa: ANN401  # exchangelib has no types
    return [FieldPath(field=model.get_field_by_fieldname(name)) for name in names]


_RECEIVED = _paths(Message, "datetime_received")
_ENVELOPE = _paths(Message, "author", "subject", "item_class", "size", "attachments", "datetime_received")
_CONTENT = _paths(Message, "mime_content")
_NAME = _paths(Folder, "name")
_COUNT = _paths(Folder, "name", "total_count")
_MALFORMED = ": ErrorInvalidId"
_AT_ONCE = 100
_INBOX = "inbox"


class _Read:
    """What is in a mailbox is read as a mail, whatever sort of item it is: all have what is asked for here."""

    account: Any

    def _elem_to_obj(self, elem: Any) -> Any:  # noqa: ANN401  # exchangelib has no types
        return Message.from_xml(elem=elem, account=self.account)


class _Sync(_Read, Service, SyncFolderItems):  # type: ignore[misc]  # exchangelib has no types
    """Yields what came, then how far it came: the sync state; empty where the server doesn't know the one that it was given."""

    def call(self, **arguments: object) -> Iterator[Any]:
        stale = False
        try:
            for each in super().call(**arguments):
                if isinstance(each, ErrorInvalidSyncStateData):
                    stale = True
                elif each is not None:
                    yield each
        except ErrorInvalidSyncStateData:
            stale = True
        yield "" if stale else (self.sync_state or "", self.includes_last_item_in_range is not False)

    def _elem_to_obj(self, elem: Any) -> Any:  # noqa: ANN401  # as above
        created = self.change_types_map[elem.tag] == self.CREATE
        return super()._elem_to_obj(elem[0]) if created else None

    def _get_element_container(self, message: Any, name: str | None = None) -> Any:  # noqa: ANN401  # as above
        if message.get("ResponseClass") == "Error":  # without a sync state, over which the library stumbles
            return super(SyncFolder, self)._get_element_container(message=message, name=name)
        return super()._get_element_container(message=message, name=name)


class _Get(_Read, Service, GetItem):  # type: ignore[misc]  # as above
    pass


class _Move(Service, MoveItem):  # type: ignore[misc]  # as above
    pass


class _Delete(Service, DeleteItem):  # type: ignore[misc]  # as above
    pass


class _GetFolder(Service, GetFolder):  # type: ignore[misc]  # as above
    pass


class _FindFolder(Service, FindFolder):  # type: ignore[misc]  # as above
    pass


class _CreateFolder(Service, CreateFolder):  # type: ignore[misc]  # as above
    pass


class ExchangeInbox:
    """One folder of one mailbox, and the folder for what was handled."""

    def __init__(self, settings: InboxSettings) -> None:
        """Open nothing yet."""
        assert isinstance(settings.maker, InboxByExchange)
        self._settings = settings
        self._mailbox = ascii_address(settings.address)
        self._connection = Connection(settings.maker.login, self._mailbox, settings.deadline)
        self.target = f"exchange {self._connection.target} mailbox {self._mailbox}"
        self._named = f"{self._connection.target} {self._mailbox} {settings.folder}"
        self._folder_id = ""

    def check(self) -> str:
        [folder] = self._get(_GetFolder, "looking at the folder", folders=[self._folder()], additional_fields=_COUNT, shape=ID_ONLY)
        will_be = "" if self._found(self._settings.filed) else ", which will be made"
        there = f"{self._settings.folder} has {folder.total_count} mails"
        return f"{self.target}: {there}; handled mail goes to {self._settings.filed}{will_be}"

    def news(self, mark: str, wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        return synced.news(self, self._named, mark, wanted, since=since)

    def again(self, ids: Sequence[str], wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        return synced.again(self, ids, wanted, since=since)

    def file(self, ids: Sequence[str]) -> None:
        known = [(each, None) for each in dict.fromkeys(ids) if each]
        if not known:
            return
        folder = self._found(self._settings.filed) or self._made(self._settings.filed)
        for begin in range(0, len(known), _AT_ONCE):
            some = known[begin : begin + _AT_ONCE]
            self._done(self._ask(_Move, "filing handled mail", items=some, to_folder=folder))

    def forget(self, before: datetime) -> int:
        folder = self._found(self._settings.filed)
        if folder is None:
            return 0
        old = [mail for mail, at in self._all(folder) if at is not None and at < before]
        gone = 0
        for begin in range(0, len(old), _AT_ONCE):
            gone += self._done(
                self._ask(
                    _Delete,
                    "deleting what was filed",
                    items=[(each, None) for each in old[begin : begin + _AT_ONCE]],
                    delete_type=HARD_DELETE,
                    send_meeting_cancellations=SEND_TO_NONE,
                    affected_task_occurrences=ALL_OCCURRENCES,
                    suppress_read_receipts=True,
                )
            )
        return gone

    def close(self) -> None:
        self._connection.close()

    # -- what `synced` asks for ----------------------------------------------------------------------------------------

    def page(self, cursor: str) -> Page | None:
        return self._page(self._folder(), cursor)

    def told(self, ids: Sequence[str]) -> Mapping[str, Told]:
        found = self._ask(_Get, "reading envelopes", items=[(each, None) for each in ids], additional_fields=_ENVELOPE, shape=ID_ONLY)
        return {each: _told(item) for each, item in zip(ids, found, strict=True) if self._is_there(item)}

    def content(self, mail: str) -> bytes | None:
        [found] = self._ask(_Get, "reading a mail", items=[(mail, None)], additional_fields=_CONTENT, shape=ID_ONLY)
        if not self._is_there(found):
            return None
        if not isinstance(found.mime_content, bytes):
            raise Refused(f"{self.target}: a mail came without its content")
        return found.mime_content

    def _page(self, folder: Any, cursor: str) -> Page | None:  # noqa: ANN401  # as above
        *found, reached = self._ask(
            _Sync,
            "reading what is new",
            folder=folder,
            shape=ID_ONLY,
            additional_fields=_RECEIVED,
            sync_state=cursor or None,
            ignore=None,
            max_changes_returned=PAGE,
            sync_scope=None,
        )
        if not reached:
            return None
        for each in found:
            if isinstance(each, Exception):
                raise each
        state, last = reached
        return Page(came={item.id: _instant(item.datetime_received) for item in found}, cursor=state, last=last or state == cursor)

    def _all(self, folder: Any) -> Iterator[tuple[str, datetime | None]]:  # noqa: ANN401  # as above
        """Yield all mails of a folder with their times."""
        cursor, last, read = "", False, Pages(self.target)
        while not last:
            page = self._page(folder, cursor)
            if page is None:
                return
            yield from page.came.items()
            cursor, last = page.cursor, page.last
            read.turn((), "" if last else cursor)

    # -- folders -------------------------------------------------------------------------------------------------------

    def _folder(self) -> Any:  # noqa: ANN401  # as above
        """Return the folder that is read; one that not every mailbox has is looked for once."""
        if self._settings.folder.casefold() == _INBOX:
            return self._connection.folder(self._mailbox, Inbox, _INBOX)
        if not self._folder_id:
            found = self._found(self._settings.folder)
            if found is None:
                raise Down(f"{self.target}: there is no folder {self._settings.folder}", hint="check [inbox] folder")
            self._folder_id = found.id
        return self._by_id(self._folder_id)

    def _found(self, name: str) -> Any:  # noqa: ANN401  # as above
        """Return a folder by its name, or by its way through several (``INBOX/handled``); None when it isn't there."""
        folder = self._top()
        for number, part in enumerate(name.split("/")):
            if number == 0 and part.casefold() == _INBOX:
                folder = self._connection.folder(self._mailbox, Inbox, _INBOX)
            elif folder is not None:
                folder = self._below(folder, part)
        return folder

    def _below(self, parent: Any, name: str) -> Any:  # noqa: ANN401  # as above
        arguments = {"restriction": None, "shape": ID_ONLY, "depth": "Shallow", "max_items": None, "offset": 0}
        found = self._get(_FindFolder, f'looking for the folder "{name}"', folders=[parent], additional_fields=_NAME, **arguments)
        there = next((each.id for each in found if (each.name or "").casefold() == name.casefold()), None)
        return None if there is None else self._by_id(there)

    def _made(self, name: str) -> Any:  # noqa: ANN401  # as above
        above, _, own = name.rpartition("/")
        parent = (self._found(above) or self._made(above)) if above else self._top()
        wanted = Folder(root=parent.root, name=own)
        [made] = self._get(_CreateFolder, f'making the folder "{name}"', parent_folder=parent, folders=[wanted])
        return self._by_id(made.id)

    def _top(self) -> Any:  # noqa: ANN401  # as above
        return self._connection.folder(self._mailbox, MsgFolderRoot, "msgfolderroot")

    def _by_id(self, folder: str) -> Any:  # noqa: ANN401  # as above
        return Folder(root=self._top().root, _id=FolderId(id=folder))

    # -- requests ------------------------------------------------------------------------------------------------------

    def _ask(self, service: type[Service], about: str, **arguments: Any) -> list[Any]:  # noqa: ANN401  # as above
        return self._connection.ask(service, self._mailbox, f"{about} in {self._mailbox}", **arguments)

    def _get(self, service: type[Service], about: str, **arguments: Any) -> list[Any]:  # noqa: ANN401  # as above
        return self._connection.get(service, self._mailbox, f"{about} in {self._mailbox}", **arguments)

    def _done(self, answers: Sequence[Any]) -> int:
        """Return how many were there to be done; what is gone already is fine."""
        return sum([self._is_there(each) for each in answers])

    def _is_there(self, answer: Any) -> bool:  # noqa: ANN401  # as above
        """Tell whether an item was found; raises what else the server says of it."""
        if isinstance(answer, Missing) or (isinstance(answer, Refused) and _MALFORMED in str(answer)):
            return False
        if isinstance(answer, Exception):
            raise answer
        return True


def _told(item: Any) -> Told:  # noqa: ANN401  # exchangelib has no types
    sender = item.author.email_address if item.author else ""
    attached = [str(word or "") for part in item.attachments or () for word in (part.name, part.content_type)]
    size = item.size if isinstance(item.size, int) else 0
    return Told(
        envelope=synced.envelope(sender or "", item.subject or "", item.item_class or "", size=size, attached=attached),
        at=_instant(item.datetime_received),
    )


def _instant(value: datetime | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value.timestamp(), UTC)
