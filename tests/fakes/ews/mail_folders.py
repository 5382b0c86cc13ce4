"""The folders of mail in a mailbox, as a tree, and the mails in them, beside what `operations` has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes.ews import items
from tests.fakes.ews.operations import Operations
from tests.fakes.ews.soap import M, Refusal, T, at, local, response, success, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxml import etree
    from tests.fakes.company import Mailbox, Message

TOP = "msgfolderroot"


@dataclass(slots=True)
class MailFolders(Operations):
    """The same server, whose mailboxes may have folders of people's own."""

    refused: dict[str, str] = field(default_factory=dict)
    """Receivers to whom nothing can be sent, and the code that says so."""
    unreadable: set[str] = field(default_factory=set)
    """Mails that no MIME can be made of."""

    def _folder(self, element: Iterable[etree._Element], acting: str, *, write: bool = False) -> tuple[Mailbox, str]:
        [place] = [child for child in element if local(child) in {"FolderId", "DistinguishedFolderId"}]
        if place.get("Id") == TOP:
            address = text(place, "t:Mailbox/t:EmailAddress", acting).casefold()
            return self._mailbox(address, acting, write=write, calendar=False), TOP
        return Operations._folder(self, [place], acting, write=write)

    def _shown(self, one: etree._Element, acting: str) -> etree._Element:
        mailbox, folder = self._folder([one], acting)
        if folder not in mailbox.mail_folders:
            return Operations._shown(self, one, acting)
        inside = [each for each in self.company.messages.values() if (each.mailbox, each.folder) == (mailbox.address, folder)]
        key = T.FolderId(Id=items.name_of("folder", mailbox.address, folder), ChangeKey="AQ")
        return M.Folders(T.Folder(key, T.DisplayName(mailbox.mail_folders[folder]), T.TotalCount(str(len(inside)))))

    def _find_folder(self, request: etree._Element, acting: str) -> etree._Element:
        self._no_restriction(request)
        mailbox, parent = self._folder(at(request, "m:ParentFolderIds"), acting)
        if parent != TOP and parent not in mailbox.mail_folders:
            return Operations._find_folder(self, request, acting)
        above = "" if parent == TOP else parent
        found = {key: name for key, name in mailbox.mail_folders.items() if key.rpartition("/")[0] == above}
        made = [
            T.Folder(T.FolderId(Id=items.name_of("folder", mailbox.address, key), ChangeKey="AQ"), T.DisplayName(name))
            for key, name in found.items()
        ]
        paging = {"TotalItemsInView": str(len(made)), "IncludesLastItemInRange": "true", "IndexedPagingOffset": str(len(made))}
        return response("FindFolder", [success("FindFolder", M.RootFolder(T.Folders(*made), **paging))])

    def _create_folder(self, request: etree._Element, acting: str) -> etree._Element:
        mailbox, parent = self._folder(at(request, "m:ParentFolderId"), acting, write=True)
        if parent != TOP and parent not in mailbox.mail_folders:
            return Operations._create_folder(self, request, acting)
        name = text(at(request, "m:Folders")[0], "t:DisplayName")
        key = ("" if parent == TOP else f"{parent}/") + name.casefold()
        mailbox.mail_folders[key] = name
        made = T.Folder(T.FolderId(Id=items.name_of("folder", mailbox.address, key), ChangeKey="AQ"))
        return response("CreateFolder", [success("CreateFolder", M.Folders(made))])

    def _get_item(self, request: etree._Element, acting: str) -> etree._Element:
        if "item:MimeContent" in items.shape(request, "ItemShape").uris and self._unreadable(request, acting):
            raise Refusal("ErrorContentConversionFailed")
        return Operations._get_item(self, request, acting)

    def _unreadable(self, request: etree._Element, acting: str) -> bool:
        asked: list[Message | object] = [self._named(one, acting)[0] for one in at(request, "m:ItemIds")]
        return any(getattr(each, "id", "") in self.unreadable for each in asked)

    def _send(self, message: etree._Element, request: etree._Element, acting: str) -> etree._Element:
        before = len(self.company.sent)
        made = Operations._send(self, message, request, acting)
        for _, receiver, _ in self.company.sent[before:]:
            if receiver in self.refused:
                del self.company.sent[before:]
                raise Refusal(self.refused[receiver])
        return made
