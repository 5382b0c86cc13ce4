"""What the server does for each operation, on the company's mailboxes; no more of EWS than is asked of it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from itertools import count
from typing import TYPE_CHECKING, Any

from tests.fakes.company import Entry, Guest
from tests.fakes.ews import availability, items
from tests.fakes.ews.soap import Fault, M, Refusal, T, at, find, instant, local, refused, response, success, text, yes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from zoneinfo import ZoneInfo

    from lxml import etree
    from tests.fakes.company import Company, Mailbox, Message, Send

PAGE = 512
_SENDS: dict[str, Send] = {
    "SendToNone": "none",
    "SendOnlyToAll": "all",
    "SendToAllAndSaveCopy": "all",
    "SendOnlyToChanged": "changed",
    "SendToChangedAndSaveCopy": "changed",
}
_MAIL_FOLDERS = {"inbox": "inbox", "deleteditems": "deleted", "sentitems": "sent"}


@dataclass(slots=True)
class Operations:
    company: Company
    shared: dict[str, dict[str, str]] = field(default_factory=dict)
    """By mailbox and who acts: ``editor`` or ``reviewer``; who isn't in it sees nothing."""
    takes_uids: bool = True
    """Events have the UID that their creator gives them."""
    endless: bool = False
    """Listings never come to an end, each time with another state."""
    _turns: Iterator[int] = field(default_factory=count)
    spoilt: dict[str, str] = field(default_factory=dict)
    """What is said, by id, of items that can be listed but not read."""
    seen: dict[str, int] = field(default_factory=dict)
    """By id the first change of an item."""
    latest: dict[str, int] = field(default_factory=dict)
    """... and the last."""
    mails: set[str] = field(default_factory=set)
    stores: list[Mailbox] = field(default_factory=list)
    """Mailboxes in the order of their first use: who comes back to an address has another one."""
    read: int = 0
    """How much of the log is in these."""

    def do(self, request: etree._Element, acting: str) -> etree._Element:
        name = local(request)
        if name == "GetUserAvailabilityRequest":
            return availability.answer(self.company, request)
        done = getattr(self, "_" + re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower(), None)
        if done is None:
            raise Fault("ErrorInvalidOperation", f"{name} is not among what this server can")
        answer: etree._Element = done(request, acting)
        return answer

    # -- folders -------------------------------------------------------------------------------------------------------

    def _folder(self, element: Iterable[etree._Element], acting: str, *, write: bool = False) -> tuple[Mailbox, str]:
        """Return whose folder is meant, and what the company calls it."""
        [place] = [child for child in element if local(child) in {"FolderId", "DistinguishedFolderId"}]
        if local(place) == "FolderId":
            _, address, folder = items.parts_of(str(place.get("Id")))
        else:
            address = text(place, "t:Mailbox/t:EmailAddress", acting).casefold()
            name = str(place.get("Id"))
            folder = "main" if name == "calendar" else _MAIL_FOLDERS.get(name, name)
        mailbox = self._mailbox(address, acting, write=write, calendar=folder not in _MAIL_FOLDERS.values())
        if folder not in mailbox.folders and folder not in mailbox.mail_folders:
            raise Refusal("ErrorFolderNotFound")
        return mailbox, folder

    def _mailbox(self, address: str, acting: str, *, write: bool, calendar: bool = True) -> Mailbox:
        found = self.company.mailboxes.get(address)
        if found is None:
            raise Refusal("ErrorNonExistentMailbox")
        rights = "editor" if address == acting else self.shared.get(address, {}).get(acting, "") if calendar else ""
        if rights not in ({"editor"} if write else {"editor", "reviewer"}):
            raise Refusal("ErrorAccessDenied")
        return found

    def _get_folder(self, request: etree._Element, acting: str) -> etree._Element:
        return response("GetFolder", self._each(request, "m:FolderIds", "GetFolder", lambda one: self._shown(one, acting)))

    def _shown(self, one: etree._Element, acting: str) -> etree._Element:
        mailbox, folder = self._folder([one], acting)
        calendar = folder in mailbox.folders
        name = mailbox.folders[folder] if calendar else mailbox.mail_folders[folder]
        rights = "editor" if mailbox.address == acting else self.shared.get(mailbox.address, {}).get(acting, "")
        made = T.CalendarFolder() if calendar else T.Folder()
        made.append(T.FolderId(Id=items.name_of("folder", mailbox.address, folder), ChangeKey="AQ"))
        made.append(T.DisplayName(name))
        made.append(T.TotalCount(str(len(self.company.inside(mailbox.address, folder)))))
        names = ("CreateAssociated", "CreateContents", "CreateHierarchy", "Delete", "Modify")
        made.append(T.EffectiveRights(*(getattr(T, each)(yes(rights == "editor")) for each in names), T.Read("true")))
        return M.Folders(made)

    def _find_folder(self, request: etree._Element, acting: str) -> etree._Element:
        self._no_restriction(request)
        mailbox, folder = self._folder(at(request, "m:ParentFolderIds"), acting)
        below = (
            {**mailbox.folders, **mailbox.mail_folders}
            if folder == "msgfolderroot"
            else {key: name for key, name in mailbox.folders.items() if key != "main"}
        )
        made = [
            T.CalendarFolder(T.FolderId(Id=items.name_of("folder", mailbox.address, key), ChangeKey="AQ"), T.DisplayName(name))
            for key, name in below.items()
        ]
        paging = {"TotalItemsInView": str(len(made)), "IncludesLastItemInRange": "true", "IndexedPagingOffset": str(len(made))}
        return response("FindFolder", [success("FindFolder", M.RootFolder(T.Folders(*made), **paging))])

    def _create_folder(self, request: etree._Element, acting: str) -> etree._Element:
        mailbox, parent = self._folder(at(request, "m:ParentFolderId"), acting, write=True)
        wanted = at(request, "m:Folders")[0]
        name = text(wanted, "t:DisplayName")
        if parent in mailbox.mail_folders:
            key = name.casefold()
            mailbox.mail_folders[key] = name
            made = T.Folder(T.FolderId(Id=items.name_of("folder", mailbox.address, key), ChangeKey="AQ"))
        else:
            key = self.company.make_folder(mailbox.address, name)
            made = T.CalendarFolder(T.FolderId(Id=items.name_of("folder", mailbox.address, key), ChangeKey="AQ"))
        return response("CreateFolder", [success("CreateFolder", M.Folders(made))])

    def _no_restriction(self, request: etree._Element) -> None:
        if find(request, "m:Restriction") is not None:
            raise Fault("ErrorInvalidRestriction", "The restriction is not valid.")

    # -- reading -------------------------------------------------------------------------------------------------------

    def _sync_folder_items(self, request: etree._Element, acting: str) -> etree._Element:
        try:
            mailbox, folder = self._folder(at(request, "m:SyncFolderId"), acting)
            state = text(request, "m:SyncState").partition("~")[0]
            place = f"{mailbox.address}|{self._store(mailbox)}|{folder}"
            before = _version(state, place)
        except Refusal as no:
            return response("SyncFolderItems", [refused("SyncFolderItems", no)])
        self._index()
        changed = self.company.since(before, mailbox.address, folder)
        log = sorted((self.latest[name], name, gone) for name, gone in changed.items() if before or not gone)
        most = min(PAGE, int(text(request, "m:MaxChangesReturned")))
        page, rest = log[:most], log[most:]
        wanted = items.shape(request, "ItemShape")
        changes = [self._change(name, gone, before, folder, wanted) for _, name, gone in page]
        now = page[-1][0] if page else before
        content = (
            M.SyncState(f"{_state(now, place)}~{next(self._turns)}" if self.endless else _state(now, place)),
            M.IncludesLastItemInRange(yes(not rest and not self.endless)),
            M.Changes(*(each for each in changes if each is not None)),
        )
        return response("SyncFolderItems", [success("SyncFolderItems", *content)])

    def _store(self, mailbox: Mailbox) -> int:
        known = next((number for number, each in enumerate(self.stores) if each is mailbox), len(self.stores))
        if known == len(self.stores):
            self.stores.append(mailbox)
        return known

    def _index(self) -> None:
        """Note of each thing its first change and its last."""
        for change in self.company.log[self.read :]:
            self.seen.setdefault(change.id, change.version)
            self.latest[change.id] = change.version
            if change.id in self.company.messages:
                self.mails.add(change.id)
        self.read = len(self.company.log)

    def _change(self, name: str, gone: bool, before: int, folder: str, wanted: items.Shape) -> etree._Element | None:
        entry, message = self.company.entries.get(name), self.company.messages.get(name)
        if gone or (entry is None and message is None):
            key = items.name_of("mail", name, folder) if name in self.mails else items.name_of("event", name)
            return T.Delete(T.ItemId(Id=key)) if before else None
        if entry is not None:
            item = items.event(entry, wanted)
        else:
            assert message is not None
            item = items.mail(message, self.company, wanted)
        return (T.Update if self.seen[name] <= before else T.Create)(item)

    def _get_item(self, request: etree._Element, acting: str) -> etree._Element:
        wanted = items.shape(request, "ItemShape")

        def read(one: etree._Element) -> etree._Element:
            found, recurrence_id = self._named(one, acting)
            if (code := self.spoilt.get(str(one.get("Id")))) is not None:
                raise Refusal(code)
            if not isinstance(found, Entry):
                return M.Items(items.mail(found, self.company, wanted))
            return M.Items(items.event(found, wanted) if recurrence_id is None else items.single(found, recurrence_id, wanted))

        return response("GetItem", self._each(request, "m:ItemIds", "GetItem", read, M.Items))

    def _named(self, one: etree._Element, acting: str, *, write: bool = False) -> tuple[Entry | Message, datetime | None]:
        """Return what an id means: an event, one meeting of it, or a mail."""
        occurrence = local(one) == "OccurrenceItemId"
        kind, *parts = items.parts_of(str(one.get("RecurringMasterId" if occurrence else "Id")))
        if kind == "mail":
            message = self.company.messages.get(parts[0])
            if message is None or message.folder != parts[1]:
                raise Refusal("ErrorItemNotFound")
            self._mailbox(message.mailbox, acting, write=write, calendar=False)
            return message, None
        entry = self.company.entries.get(parts[0])
        if entry is None:
            raise Refusal("ErrorItemNotFound")
        self._mailbox(entry.mailbox, acting, write=write)
        if kind == "single":
            return entry, instant(parts[1])
        if not occurrence:
            return entry, None
        recurrence_ids = list(entry.places())
        number = int(str(one.get("InstanceIndex")))
        if number > len(recurrence_ids):
            raise Refusal("ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange")
        recurrence_id = recurrence_ids[number - 1]
        if recurrence_id in entry.singles and entry.singles[recurrence_id].start is None:
            raise Refusal("ErrorCalendarOccurrenceIsDeletedFromRecurrence")
        return entry, recurrence_id

    # -- writing -------------------------------------------------------------------------------------------------------

    def _create_item(self, request: etree._Element, acting: str) -> etree._Element:
        send = _SENDS[str(request.get("SendMeetingInvitations", "SendToNone"))]

        def create(one: etree._Element) -> etree._Element:
            if local(one) == "Message":
                return self._send(one, request, acting)
            mailbox, folder = self._folder(at(request, "m:SavedItemFolderId"), acting, write=True)
            entry = self._entry(items.values(one), mailbox, folder)
            self.company.add(entry, send=send)
            return M.Items(T.CalendarItem(T.ItemId(Id=items.event_id(entry), ChangeKey=items.state_of(entry.version))))

        return response("CreateItem", self._each(request, "m:Items", "CreateItem", create, M.Items))

    def _entry(self, said: dict[str, Any], mailbox: Mailbox, folder: str) -> Entry:
        if not self.takes_uids:
            said.pop("uid")
        zone: ZoneInfo = said.pop("zone")
        start, end = said.pop("start"), said.pop("end")
        entry = Entry(
            organizer=Guest(mailbox.name, mailbox.address),
            mailbox=mailbox.address,
            folder=folder,
            start=start.astimezone(zone),
            minutes=int((end - start) / timedelta(minutes=1)),
        )
        for name, value in self._told(entry, said).items():
            setattr(entry, name, value)
        return entry

    def _told(self, entry: Entry, said: dict[str, Any]) -> dict[str, Any]:
        """Return what was said in EWS's way as values of an entry's own fields."""
        found: dict[str, Any] = {
            name: said[name] for name in ("title", "text", "place", "free", "uid", "all_day", "rhythm") if name in said
        }
        if "reminder" in said or "before" in said:
            before = said.get("before", min(entry.alarms, default=15))
            found["alarms"] = [before] if said.get("reminder", bool(entry.alarms)) else []
        extra = dict(entry.extra)
        if "text" in said:
            extra.pop("html", None)
        if "RequiredAttendees" in said or "OptionalAttendees" in said:
            optional = extra.get("optional", frozenset())
            assert isinstance(optional, frozenset)
            required = said.get("RequiredAttendees", [guest for guest in entry.guests if guest.address not in optional])
            others = said.get("OptionalAttendees", [guest for guest in entry.guests if guest.address in optional])
            extra["optional"] = frozenset(self.company.primary(guest.address) for guest in others)
            found["guests"] = [*required, *others]
        if extra != entry.extra:
            found["extra"] = extra
        if "properties" in said:
            found["properties"] = {name: each for name, each in {**entry.properties, **said["properties"]}.items() if each is not None}
        return found

    def _update_item(self, request: etree._Element, acting: str) -> etree._Element:
        send = _SENDS[str(request.get("SendMeetingInvitationsOrCancellations", "SendToNone"))]
        resolution = str(request.get("ConflictResolution"))

        def update(change: etree._Element) -> etree._Element:
            entry, recurrence_id = self._named(change[0], acting, write=True)
            assert isinstance(entry, Entry)
            state = change[0].get("ChangeKey")
            if resolution != "AlwaysOverwrite" and not state:
                raise Refusal("ErrorChangeKeyRequiredForWriteOperations")
            if resolution != "AlwaysOverwrite" and state != items.state_of(entry.version):
                raise Refusal("ErrorIrresolvableConflict")
            said = items.told(change)
            if recurrence_id is None:
                self._write(entry, said, send)
            else:
                self._write_single(entry, recurrence_id, said, send)
            key = items.event_id(entry) if recurrence_id is None else items.single_id(entry, recurrence_id)
            return M.Items(T.CalendarItem(T.ItemId(Id=key, ChangeKey=items.state_of(entry.version))))

        messages = self._each(request, "m:ItemChanges", "UpdateItem", update, M.Items)
        for message in messages:
            if message.get("ResponseClass") == "Success":
                message.append(M.ConflictResults(T.Count("0")))
        return response("UpdateItem", messages)

    def _write(self, entry: Entry, said: dict[str, Any], send: Send) -> None:
        wanted = self._told(entry, said)
        wanted.pop("uid", None)
        if "start" in said or "end" in said:
            zone = said.get("zone", entry.zone)
            start = said.get("start", entry.start).astimezone(zone)
            end = said.get("end", entry.start + timedelta(minutes=entry.minutes))
            wanted |= {"start": start, "minutes": int((end - start) / timedelta(minutes=1))}
        number = entry.extra.get("updates", 0)
        assert isinstance(number, int)
        wanted["extra"] = {**wanted.get("extra", entry.extra), "updates": number + 1}  # an update that changes nothing is one all the same
        self.company.change(entry, send=send, **wanted)

    def _write_single(self, entry: Entry, recurrence_id: datetime, said: dict[str, Any], send: Send) -> None:
        wanted: dict[str, Any] = {name: said[name] for name in ("title", "text", "place") if name in said}
        if "start" in said and "end" in said:
            if items.crosses(entry, recurrence_id, said["start"]):
                raise Refusal("ErrorOccurrenceCrossingBoundary")
            wanted |= {"start": said["start"].astimezone(entry.zone), "minutes": int((said["end"] - said["start"]) / timedelta(minutes=1))}
        self.company.single(entry, recurrence_id, send=send, **wanted)

    def _delete_item(self, request: etree._Element, acting: str) -> etree._Element:
        send = _SENDS[str(request.get("SendMeetingCancellations", "SendToNone"))]

        def delete(one: etree._Element) -> None:
            found, recurrence_id = self._named(one, acting, write=True)
            if not isinstance(found, Entry):
                if request.get("DeleteType") == "MoveToDeletedItems":
                    self.company.move_message(found, "deleted")
                else:
                    self.company.delete_message(found)
            elif recurrence_id is None:
                self.company.remove(found, send=send)
            else:
                self.company.take_out(found, recurrence_id, send=send)

        return response("DeleteItem", self._each(request, "m:ItemIds", "DeleteItem", delete))

    def _move_item(self, request: etree._Element, acting: str) -> etree._Element:
        _, folder = self._folder(at(request, "m:ToFolderId"), acting, write=True)

        def move(one: etree._Element) -> etree._Element:
            found, _ = self._named(one, acting, write=True)
            assert not isinstance(found, Entry)
            self.company.move_message(found, folder)
            return M.Items(T.Message(T.ItemId(Id=items.mail_id(found), ChangeKey=items.state_of(found.version))))

        return response("MoveItem", self._each(request, "m:ItemIds", "MoveItem", move, M.Items))

    def _send(self, message: etree._Element, request: etree._Element, acting: str) -> etree._Element:
        raw = base64.b64decode(text(message, "t:MimeContent"))
        read: Any = message_from_bytes(raw, policy=policy.default)
        receivers = [each.addr_spec for name in ("To", "Cc", "Bcc") for header in read.get_all(name, []) for each in header.addresses]
        if not receivers:
            raise Refusal("ErrorMissingRecipients")
        if request.get("MessageDisposition") != "SendOnly":
            raise Refusal("ErrorInvalidRequest")
        self.company.send_mail(acting, receivers, raw)
        return M.Items()

    # -- batches -------------------------------------------------------------------------------------------------------

    def _each(
        self,
        request: etree._Element,
        path: str,
        name: str,
        do: Callable[[etree._Element], etree._Element | None],
        empty: Callable[[], etree._Element] | None = None,
    ) -> list[etree._Element]:
        """Do each thing of a request by itself: a no to one is no no to the others."""
        found = []
        for one in at(request, path):
            try:
                content = do(one)
                found.append(success(name, *([] if content is None else [content])))
            except Refusal as no:
                if isinstance(no, Fault):
                    raise
                found.append(refused(name, no, *([empty()] if empty else [M.Folders()] if "Folder" in name else [])))
        return found


def _state(version: int, place: str) -> str:
    return base64.b64encode(f"{place}|{version}".encode()).decode()


def _version(state: str, place: str) -> int:
    if not state:
        return 0
    try:
        there, _, version = base64.b64decode(state, validate=True).decode().rpartition("|")
    except ValueError as error:
        raise Refusal("ErrorInvalidSyncStateData") from error
    if there != place:
        raise Refusal("ErrorInvalidSyncStateData")
    return int(version)
