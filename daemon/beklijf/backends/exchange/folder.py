"""One folder of events in one mailbox at an Exchange server, request by request. Decides nothing and reads no meaning.

Every write says who is told of it, since the library's own answer is nobody; every write to an item names the state that it was
read in, so that a person's edit in between is a `Conflict`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exchangelib import CalendarItem  # type: ignore[import-untyped]  # it has no types
from exchangelib.fields import FieldPath  # type: ignore[import-untyped]
from exchangelib.folders import Calendar as CalendarFolder  # type: ignore[import-untyped]
from exchangelib.folders import Folder
from exchangelib.items import (  # type: ignore[import-untyped]
    ALWAYS_OVERWRITE,
    ID_ONLY,
    NEVER_OVERWRITE,
    SAVE_ONLY,
    SEND_TO_ALL_AND_SAVE_COPY,
    SEND_TO_NONE,
)
from exchangelib.properties import FolderId  # type: ignore[import-untyped]
from exchangelib.services import CreateFolder, CreateItem, FindFolder, UpdateItem  # type: ignore[import-untyped]

from beklijf.backends.exchange.account import Service
from beklijf.backends.exchange.from_item import IDENTITY, PEOPLE, WHOLE
from beklijf.backends.exchange.synced import SyncedFolder
from beklijf.backends.exchange.times import exceptions
from beklijf.model.errors import Missing, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from beklijf.backends.exchange.account import Connection
    from beklijf.backends.exchange.times import Item


class _Create(Service, CreateItem):  # type: ignore[misc]  # exchangelib has no types
    pass


class _Update(Service, UpdateItem):  # type: ignore[misc]  # as above
    pass


class _FindFolder(Service, FindFolder):  # type: ignore[misc]  # as above
    pass


class _CreateFolder(Service, CreateFolder):  # type: ignore[misc]  # as above
    pass


class EventFolder(SyncedFolder):
    """The calendar of one mailbox, or the one of a name below it."""

    def __init__(self, connection: Connection, mailbox: str, name: str = "") -> None:
        super().__init__(connection, mailbox, CalendarFolder, "calendar", IDENTITY)
        self.called = name
        self._id = ""

    def folder(self) -> Any:  # noqa: ANN401  # exchangelib has no types
        main = super().folder()
        if not self.called:
            return main
        if not self._id and not self.there():
            raise Refused(f'{self.connection.server}: there is no calendar "{self.called}" in the mailbox {self.mailbox}')
        return CalendarFolder(root=main.root, _id=FolderId(id=self._id))

    def there(self) -> bool:
        """Tell whether the folder is there; each mailbox has its main calendar, and one of a name is looked for once."""
        if self.called and not self._id:
            found = self.connection.get(
                _FindFolder,
                self.mailbox,
                f'looking for the calendar "{self.called}"',
                folders=[super().folder()],
                additional_fields=[FieldPath(field=Folder.get_field_by_fieldname("name"))],
                restriction=None,
                shape=ID_ONLY,
                depth="Shallow",
                max_items=None,
                offset=0,
            )
            self._id = next((each.id for each in found if (each.name or "").casefold() == self.called.casefold()), "")
        return not self.called or bool(self._id)

    def make(self) -> None:
        main = super().folder()
        wanted = CalendarFolder(root=main.root, name=self.called)
        about = f'making the calendar "{self.called}"'
        [made] = self.connection.get(_CreateFolder, self.mailbox, about, parent_folder=main, folders=[wanted])
        self._id = made.id

    def read(self, ids: Iterable[str]) -> dict[str, tuple[Item, dict[str, Item]] | Exception]:
        """Return events with those of their single meetings that have a word of their own; one request, and one more for these.

        An event of which a part can't be had is one that can't be had itself: an error stands in its place.
        """
        found = self.get(ids, WHOLE)
        items = {key: item for key, item in found.items() if not isinstance(item, Exception)}
        wanted = [each for item in items.values() if item.required_attendees or item.optional_attendees for each in exceptions(item)]
        overrides = {key: one for key, one in self.get(wanted, PEOPLE).items() if not isinstance(one, Missing)}
        return {key: item if isinstance(item, Exception) else _with_overrides(item, overrides) for key, item in found.items()}

    def current(self, key: str) -> Item:
        """Return an event as it is now, with none of its single meetings; raises `Missing` when it is gone or cancelled."""
        found = self.get([key], WHOLE)[key]
        if isinstance(found, Exception):
            raise found
        if found.is_cancelled:
            raise Missing(f"{self.connection.server}: {found.subject!r} is cancelled")
        return found

    def create(self, values: Mapping[str, Any], *, told: bool, about: str) -> str:
        """Write a new event, and return its id."""
        made = self.connection.get(
            _Create,
            self.mailbox,
            about,
            items=[CalendarItem(account=self.connection.account(self.mailbox), **values)],
            folder=self.folder(),
            message_disposition=SAVE_ONLY,
            send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY if told else SEND_TO_NONE,
        )
        return str(made[0].id)

    def change(self, item: tuple[str, str], values: Mapping[str, Any], *, told: bool, about: str) -> tuple[str, str]:
        """Set some fields of an event that still is as it was read; return its id and its new state.

        With an empty state whatever is there now: what we began a moment ago is ours to finish.
        """
        key, state = item
        target = CalendarItem(account=self.connection.account(self.mailbox), id=key, changekey=state or None, **values)
        conflicts = NEVER_OVERWRITE if state else ALWAYS_OVERWRITE
        [changed] = self._update([(target, list(values))], conflicts, told=told, about=about)
        return changed[0], changed[1]

    def move(self, meetings: Sequence[CalendarItem], *, told: bool, about: str) -> None:
        """Set the times of single meetings."""
        self._update([(each, ["start", "end"]) for each in meetings], ALWAYS_OVERWRITE, told=told, about=about)

    def _update(self, items: Sequence[Any], conflicts: str, *, told: bool, about: str) -> list[Any]:
        return self.connection.get(
            _Update,
            self.mailbox,
            about,
            items=items,
            conflict_resolution=conflicts,
            message_disposition=SAVE_ONLY,
            send_meeting_invitations_or_cancellations=SEND_TO_ALL_AND_SAVE_COPY if told else SEND_TO_NONE,
            suppress_read_receipts=True,
        )


def _with_overrides(item: Item, overrides: Mapping[str, Item | Exception]) -> tuple[Item, dict[str, Item]] | Exception:
    own = {each: overrides[each] for each in exceptions(item) if each in overrides}
    return next((one for one in own.values() if isinstance(one, Exception)), (item, own))
