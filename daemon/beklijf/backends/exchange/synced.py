"""A folder in one mailbox at an Exchange server: what is new in it, items by id, deleting. Reads no meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exchangelib.errors import ErrorInvalidSyncStateData  # type: ignore[import-untyped]  # it has no types
from exchangelib.fields import FieldPath  # type: ignore[import-untyped]
from exchangelib.folders import BaseFolder  # type: ignore[import-untyped]
from exchangelib.items import (  # type: ignore[import-untyped]
    ALL_OCCURRENCES,
    HARD_DELETE,
    ID_ONLY,
    SEND_TO_ALL_AND_SAVE_COPY,
    SEND_TO_NONE,
)
from exchangelib.services import DeleteItem, GetFolder, GetItem, SyncFolderItems  # type: ignore[import-untyped]
from exchangelib.services.sync_folder_hierarchy import SyncFolder  # type: ignore[import-untyped]

from beklijf.backends.exchange.account import Service
from beklijf.backends.exchange.from_item import quietly
from beklijf.backends.exchange.times import readable
from beklijf.boundary.pages import Pages
from beklijf.model.errors import Transient
from beklijf.model.stored import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from beklijf.backends.exchange.account import Connection
    from beklijf.backends.exchange.times import Item

AT_ONCE = 512
"""The most changes that a server tells of in one answer."""


class _Sync(Service, SyncFolderItems):  # type: ignore[misc]  # exchangelib has no types
    """Tells at the end how far it came; and of an answer without a sync state what it says, where the library stumbles."""

    def call(self, **arguments: object) -> Iterator[Any]:
        stale = False
        try:
            for each in super().call(**arguments):
                stale = stale or isinstance(each, ErrorInvalidSyncStateData)
                yield each
        except ErrorInvalidSyncStateData:
            stale = True
        if stale:
            yield Reached("", last=True, stale=True)
        else:
            yield Reached(self.sync_state or "", last=self.includes_last_item_in_range is not False)

    def _elem_to_obj(self, elem: Any) -> Any:  # noqa: ANN401
        """Pass over items of kinds that the library doesn't know: none of them is ours."""
        kind = self.change_types_map[elem.tag]
        known = kind not in {self.CREATE, self.UPDATE} or elem[0].tag in BaseFolder.ITEM_MODEL_MAP
        return super()._elem_to_obj(elem) if known else ("unknown", None)

    def _get_element_container(self, message: Any, name: str | None = None) -> Any:  # noqa: ANN401
        if message.get("ResponseClass") == "Error":
            return super(SyncFolder, self)._get_element_container(message=message, name=name)
        return super()._get_element_container(message=message, name=name)


class _Get(Service, GetItem):  # type: ignore[misc]  # as above
    """Tells of an item that the library stumbles over as of one that can't be had: it is no trouble of the others."""

    def _elem_to_obj(self, elem: Any) -> Any:  # noqa: ANN401
        try:
            with readable("an item"):
                return super()._elem_to_obj(elem)
        except Unreadable as error:
            return error


class _Delete(Service, DeleteItem):  # type: ignore[misc]  # as above
    pass


class _GetFolder(Service, GetFolder):  # type: ignore[misc]  # as above
    pass


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a reading of changes came."""

    state: str
    last: bool
    stale: bool = False
    """The server doesn't know the state any more that was begun with."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What happened in a folder since a state."""

    state: str
    items: Mapping[str, Item]
    """What is there anew, or otherwise than before, by id."""
    gone: frozenset[str]

    @property
    def quiet(self) -> bool:
        return not self.items and not self.gone


class SyncedFolder:
    """A folder that can be asked for what is new in it, by one request when nothing is."""

    def __init__(
        self, connection: Connection, mailbox: str, kind: type, name: str, fields: Sequence[FieldPath], *, alone: bool = False
    ) -> None:
        """Take as *name* what every mailbox calls it; *alone*: what goes wrong in it is no trouble of the whole mailbox."""
        self._alone = alone
        self.connection = connection
        self.mailbox = mailbox
        self._kind = kind
        self._name = name
        self._fields = fields

    def folder(self) -> Any:  # noqa: ANN401  # exchangelib has no types
        """Return the folder as the library has it; costs no request where it is one of those that each mailbox has."""
        return self.connection.folder(self.mailbox, self._kind, self._name)

    def listing(self, state: str) -> Listing | None:
        """Return what happened since *state*, empty for all that is there; None when the server doesn't know that state any more."""
        items: dict[str, Item] = {}
        gone: set[str] = set()
        reached, read = Reached(state, last=False), Pages(self.connection.server)
        while not reached.last:
            before = reached.state
            for each in self._changes(before):
                if isinstance(each, Reached):
                    reached = each
                elif each[0] == "delete":
                    gone.add(each[1].id)
                    items.pop(each[1].id, None)
                elif each[0] in {"create", "update"}:
                    items[each[1].id] = each[1]
                    gone.discard(each[1].id)
            if reached.stale:
                return None
            if reached.state == before:
                break  # a server that says that there is more, and has none
            if not reached.last:
                read.turn((), reached.state)
        return Listing(reached.state, items, frozenset(gone))

    def _changes(self, state: str) -> list[Any]:
        found = self.connection.ask(
            _Sync,
            self.mailbox,
            f"reading what is new in the {self._name} of {self.mailbox}",
            alone=self._alone,
            folder=self.folder(),
            shape=ID_ONLY,
            additional_fields=list(self._fields),
            sync_state=state or None,
            ignore=None,
            max_changes_returned=AT_ONCE,
            sync_scope=None,
        )
        reached = found[-1]
        if isinstance(reached, Reached) and reached.stale:
            return [reached]
        for each in found:
            if isinstance(each, Exception):
                raise each
        return found

    def get(self, ids: Iterable[str], fields: Sequence[FieldPath]) -> dict[str, Item | Exception]:
        """Return items by id; an error of ours in place of one that can't be had."""
        wanted = [(each, None) for each in ids]
        if not wanted:
            return {}
        with quietly():
            about = f"reading items in the {self._name} of {self.mailbox}"
            arguments = {"items": wanted, "additional_fields": list(fields), "shape": ID_ONLY}
            found = self.connection.ask(_Get, self.mailbox, about, alone=self._alone, **arguments)
        if len(found) != len(wanted):
            raise Transient(f"{self.connection.server}: {about}: {len(found)} answers to {len(wanted)} questions")
        return {key: item for (key, _), item in zip(wanted, found, strict=True)}

    def rights(self) -> Any:  # noqa: ANN401  # exchangelib has no types
        """Return the folder with its name, its size, and what we may do in it."""
        kind = type(self.folder())
        fields = [FieldPath(field=kind.get_field_by_fieldname(name)) for name in ("name", "total_count", "effective_rights")]
        asked = {"folders": [self.folder()], "additional_fields": fields, "shape": ID_ONLY}
        about = f"looking at the {self._name} of {self.mailbox}"
        return self.connection.get(_GetFolder, self.mailbox, about, alone=self._alone, **asked)[0]

    def remove(self, ids: Iterable[Any], *, told: bool, how: str = HARD_DELETE) -> list[Exception]:
        """Delete items, or single meetings of a series; return what went wrong, but for those that are gone already."""
        found = self.connection.ask(
            _Delete,
            self.mailbox,
            f"deleting in the {self._name} of {self.mailbox}",
            alone=self._alone,
            items=list(ids),
            delete_type=how,
            send_meeting_cancellations=SEND_TO_ALL_AND_SAVE_COPY if told else SEND_TO_NONE,
            affected_task_occurrences=ALL_OCCURRENCES,
            suppress_read_receipts=True,
        )
        return [each for each in found if isinstance(each, Exception)]
