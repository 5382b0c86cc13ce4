"""Mail of Graph v1.0 as Exchange Online does it, on the core: sending, folders, messages and what is new among them.

Like Exchange it knows the class of each mail, and hands over no mail that it can't make a MIME message of.
"""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import getaddresses
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

from tests.fakes.graph.shapes import Json, Wrong, unwired
from tests.fakes.graph.views import Asked, Said

if TYPE_CHECKING:
    from email.message import Message as Parsed

    from tests.fakes.company import Company, Mailbox, Message

WELL_KNOWN = {"inbox": "inbox", "deleteditems": "deleted", "sentitems": "sent"}
ROOT = "msgfolderroot"
CLASS, SIZE = "String 0x001a", "Integer 0x0e08"
"""As Exchange spells them in answers."""
METHODS = {"REPLY": "Resp.Pos", "COUNTER": "Resp.Tent", "REQUEST": "Request", "CANCEL": "Canceled"}


@dataclass(frozen=True, slots=True)
class Known:
    """What a delta link stands for."""

    folder: str
    version: int
    there: frozenset[str]
    options: Json


@dataclass(slots=True)
class Mails:
    company: Company
    base: str = ""
    refused: dict[str, Wrong] = field(default_factory=dict)
    """Receivers to whom nothing can be sent."""
    unreadable: set[str] = field(default_factory=set)
    """Mails (ids of the core) that no MIME can be made of."""
    tells_updates: bool = False
    """A delta tells what else was changed too, whatever was asked for: with the changed property alone."""
    largest_page: int = 1000
    links: dict[str, Known] = field(default_factory=dict)
    rests: dict[str, tuple[list[Json], str]] = field(default_factory=dict)
    _tokens: count[int] = field(default_factory=lambda: count(1))

    def handle(self, asked: Asked) -> Said | None:
        """Return the answer; None for a path that is none of ours."""
        for pattern, method, answer in ROUTES:
            match = pattern.fullmatch(asked.path)
            if match and method == asked.method:
                groups = {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
                mailbox = self.company.mailboxes.get(unwired(groups.pop("mailbox")))
                if mailbox is None:
                    raise Wrong(404, "ErrorInvalidUser", "The requested user is invalid.")
                said: Said = getattr(self, answer)(asked, mailbox, **groups)
                return said
        return None

    # -- sending -------------------------------------------------------------------------------------------------------

    def send(self, asked: Asked, mailbox: Mailbox) -> Said:
        assert asked.header("Content-Type") == "text/plain", "MIME is sent as text/plain"
        raw = base64.b64decode(asked.body, validate=True)
        read: Any = message_from_bytes(raw, policy=policy.default)
        if read["From"].addresses[0].addr_spec.casefold() != mailbox.address:
            raise Wrong(403, "ErrorSendAsDenied", "The user account which was used to submit this request does not have the right to send.")
        receivers = [each.addr_spec for name in ("To", "Cc", "Bcc") for header in read.get_all(name, []) for each in header.addresses]
        if not receivers:
            raise Wrong(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.")
        for receiver in receivers:
            if receiver in self.refused:
                raise self.refused[receiver]
        self.company.send_mail(mailbox.address, receivers, raw)
        return Said(202)

    def send_draft(self, asked: Asked, mailbox: Mailbox, message: str) -> Said:
        del asked
        self._message(mailbox, message)
        raise Wrong(400, "ErrorInvalidRequest", "this fake keeps no drafts")

    # -- folders -------------------------------------------------------------------------------------------------------

    def folders(self, asked: Asked, mailbox: Mailbox, folder: str = ROOT) -> Said:
        parent = self._key(mailbox, folder)
        below = [key for key in mailbox.mail_folders if key.rpartition("/")[0] == parent]
        return self._pages([_chosen(self._folder(mailbox, key), asked) for key in below], asked)

    def folder(self, asked: Asked, mailbox: Mailbox, folder: str) -> Said:
        return Said(200, _chosen(self._folder(mailbox, self._key(mailbox, folder)), asked))

    def make_folder(self, asked: Asked, mailbox: Mailbox, folder: str = ROOT) -> Said:
        parent, name = self._key(mailbox, folder), asked.body["displayName"]
        if any(key.rpartition("/")[0] == parent and there == name for key, there in mailbox.mail_folders.items()):
            raise Wrong(409, "ErrorFolderExists", "A folder with the specified name already exists.")
        key = f"{parent}/" * bool(parent) + f"made{next(self._tokens)}"
        mailbox.mail_folders[key] = name
        return Said(201, self._folder(mailbox, key))

    def _folder(self, mailbox: Mailbox, key: str) -> Json:
        inside = self._inside(mailbox, key)
        return {
            "id": _folder_id(key),
            "displayName": mailbox.mail_folders[key],
            "parentFolderId": _folder_id(key.rpartition("/")[0]),
            "childFolderCount": 0,
            "totalItemCount": len(inside),
            "unreadItemCount": len(inside),
        }

    def _key(self, mailbox: Mailbox, folder: str) -> str:
        if folder.casefold() == ROOT:
            return ""
        key = WELL_KNOWN.get(folder.casefold(), folder.removeprefix("AAkFold").removesuffix("="))
        if key not in mailbox.mail_folders:
            raise Wrong(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return key

    # -- messages ------------------------------------------------------------------------------------------------------

    def messages(self, asked: Asked, mailbox: Mailbox, folder: str) -> Said:
        found = self._inside(mailbox, self._key(mailbox, folder))
        before = re.fullmatch(r"receivedDateTime lt (\S+)", asked.options.get("$filter", ""))
        if before:
            found = [each for each in found if each.received < datetime.fromisoformat(before[1])]
        return self._pages([_chosen(_shown(each), asked) for each in found], asked)

    def message(self, asked: Asked, mailbox: Mailbox, message: str) -> Said:
        return Said(200, _chosen(_shown(self._message(mailbox, message)), asked))

    def content(self, asked: Asked, mailbox: Mailbox, message: str) -> Said:
        del asked
        found = self._message(mailbox, message)
        parsed = message_from_bytes(found.raw)
        if found.id in self.unreadable or parsed.defects or not parsed.get("From"):
            raise Wrong(500, "ErrorMimeContentConversionFailed", "The MIME content conversion failed.")
        return Said(200, found.raw, {"Content-Type": "text/plain"})

    def attachments(self, asked: Asked, mailbox: Mailbox, message: str) -> Said:
        found = _attached(message_from_bytes(self._message(mailbox, message).raw))
        return self._pages([_chosen(each, asked) for each in found], asked)

    def move(self, asked: Asked, mailbox: Mailbox, message: str) -> Said:
        found = self._message(mailbox, message)
        self.company.move_message(found, self._key(mailbox, asked.body["destinationId"]))
        return Said(201, _chosen(_shown(found), asked))

    def delete(self, asked: Asked, mailbox: Mailbox, message: str) -> Said:
        del asked
        self.company.delete_message(self._message(mailbox, message))
        return Said(204)

    def _message(self, mailbox: Mailbox, message: str) -> Message:
        known = re.fullmatch(r"AAkMail(m\d+)=", message)
        if known is None:
            raise Wrong(400, "ErrorInvalidIdMalformed", "Id is malformed.")
        found = self.company.messages.get(known[1])
        if found is None or found.mailbox != mailbox.address:
            raise Wrong(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return found

    def _inside(self, mailbox: Mailbox, key: str) -> list[Message]:
        return [each for each in self.company.messages.values() if (each.mailbox, each.folder) == (mailbox.address, key)]

    # -- what is new ---------------------------------------------------------------------------------------------------

    def delta(self, asked: Asked, mailbox: Mailbox, folder: str) -> Said:
        if "$skiptoken" in asked.options:
            return self._page(asked.options["$skiptoken"], asked)
        key = self._key(mailbox, folder)
        inside = {each.id: each for each in self._inside(mailbox, key)}
        known = self.links.get(asked.options.get("$deltatoken", ""))
        if "$deltatoken" in asked.options and (known is None or known.folder != key):
            raise Wrong(410, "SyncStateNotFound", "The sync state generation is not found.")
        options = known.options if known else asked.options
        if known is None:
            items = [_chosen(_shown(each), asked, options) for each in inside.values()]
        else:
            changed = self.company.since(known.version, mailbox.address, key)
            items = [each for name, gone in changed.items() for each in self._told(name, known, inside, gone=gone)]
        token, rest = f"D{next(self._tokens)}", f"S{next(self._tokens)}"
        self.links[token] = Known(key, self.company.version(), frozenset(inside), options)
        self.rests[rest] = (items, f"{self.base}{asked.path}?{urlencode({'$deltatoken': token})}")
        return self._page(rest, asked)

    def _told(self, name: str, known: Known, inside: dict[str, Message], *, gone: bool) -> list[Json]:
        kind = "deleted" if gone or name not in inside else "updated" if name in known.there else "created"
        if known.options.get("changeType", kind) != kind and not (self.tells_updates and kind == "updated"):
            return []
        if kind == "deleted":
            return [{"id": _id(name), "@removed": {"reason": "deleted"}}] if name in known.there else []
        if kind == "updated":
            return [{"id": _id(name), "@odata.type": "#microsoft.graph.message"}]
        return [_chosen(_shown(inside[name]), None, known.options)]

    def _page(self, rest: str, asked: Asked) -> Said:
        items, link = self.rests[rest]
        size = min(asked.page, self.largest_page)
        if len(items) <= size:
            return Said(200, {"value": items, "@odata.deltaLink": link})
        token = f"S{next(self._tokens)}"
        self.rests[token] = (items[size:], link)
        return Said(200, {"value": items[:size], "@odata.nextLink": f"{self.base}{asked.path}?{urlencode({'$skiptoken': token})}"})

    def _pages(self, items: list[Json], asked: Asked) -> Said:
        begin, size = int(asked.options.get("$skip", "0")), asked.page
        body: Json = {"value": items[begin : begin + size]}
        if begin + size < len(items):
            following = {**asked.options, "$skip": str(begin + size)}
            body["@odata.nextLink"] = f"{self.base}{asked.path}?{urlencode(following)}"
        return Said(200, body)


# -- a mail, as Graph tells of it --------------------------------------------------------------------------------------


def _id(name: str) -> str:
    return f"AAkMail{name}="


def _folder_id(key: str) -> str:
    return f"AAkFold{key}="


def kind_of(message: Message) -> str:
    """Return the class that Exchange gives a mail when it takes it apart."""
    parsed = message_from_bytes(message.raw)
    for part in parsed.walk():
        if part.get_content_type() == "text/calendar":
            return f"IPM.Schedule.Meeting.{METHODS.get(str(part.get_param('method', '')).upper(), 'Request')}"
    return "REPORT.IPM.Note.NDR" if parsed.get_content_type() == "multipart/report" else "IPM.Note"


def _shown(message: Message) -> Json:
    parsed, kind = message_from_bytes(message.raw), kind_of(message)
    at = f"{message.received:%Y-%m-%dT%H:%M:%SZ}"
    [(name, address)] = getaddresses([_text(parsed, "From")])[:1] or [("", "")]
    meeting = "#microsoft.graph.eventMessageResponse" if "Resp" in kind else "#microsoft.graph.eventMessage"
    told: Json = {
        "@odata.type": meeting if "Schedule" in kind else "#microsoft.graph.message",
        "@odata.etag": f'W/"{message.version}"',
        "id": _id(message.id),
        "changeKey": str(message.version),
        "receivedDateTime": at,
        "sentDateTime": at,
        "internetMessageId": _text(parsed, "Message-ID"),
        "subject": _text(parsed, "Subject") or None,
        "hasAttachments": bool(_attached(parsed)),
        "isRead": False,
        "isDraft": False,
        "conversationId": "C1",
        "parentFolderId": _folder_id(message.folder),
        "toRecipients": [],
        "body": {"contentType": "text", "content": ""},
        "singleValueExtendedProperties": [{"id": CLASS, "value": kind}, {"id": SIZE, "value": str(len(message.raw))}],
    }
    who = {"emailAddress": {"name": name, "address": address}} if address else None
    return {**told, "from": who, "sender": who}


def _text(parsed: Parsed, name: str) -> str:
    """Return a header, of whatever is in it what can be told."""
    given = str(parsed.get(name, ""))
    with suppress(ValueError, LookupError):
        given = _named(given)
    return " ".join(given.encode("utf-8", "replace").decode().split())[:255]


def _attached(parsed: Parsed) -> list[Json]:
    found = []
    for number, part in enumerate(parsed.walk()):
        name = part.get_filename() or part.get_param("name")
        if part.is_multipart() or part.get_content_maintype() == "text":
            continue
        told = str(name[2] if isinstance(name, tuple) else name or "")
        shown = _named(told) if "=?" in told else told
        found.append(
            {
                "@odata.type": "#microsoft.graph.fileAttachment",
                "id": f"AAkAtt{number}=",
                "name": shown,
                "contentType": part.get_content_type(),
                "size": 1,
                "isInline": False,
            }
        )
    return found


def _named(name: str) -> str:
    """Return words as they were meant (RFC 2047)."""
    return str(make_header(decode_header(name)))


def _chosen(item: Json, asked: Asked | None, options: Json | None = None) -> Json:
    """Return of a thing what was asked for."""
    given = options if options is not None else asked.options if asked else {}
    expanded = given.get("$expand", "").partition("(")[0]
    hidden = {"singleValueExtendedProperties"} - {expanded}
    if "$select" not in given:
        return {name: value for name, value in item.items() if name not in hidden}
    names = {*given["$select"].split(","), "id", "@odata.type", "@odata.etag", expanded}
    return {name: value for name, value in item.items() if name in names}


_MAILBOX = "/users/(?P<mailbox>[^/]+)"
_FOLDER = f"{_MAILBOX}/mailFolders/(?P<folder>[^/]+)"
_MESSAGE = f"{_MAILBOX}/messages/(?P<message>[^/]+)"
ROUTES = [
    (re.compile(pattern), method, name)
    for pattern, method, name in (
        (rf"{_MAILBOX}/sendMail", "POST", "send"),
        (rf"{_MAILBOX}/mailFolders", "GET", "folders"),
        (rf"{_MAILBOX}/mailFolders", "POST", "make_folder"),
        (_FOLDER, "GET", "folder"),
        (rf"{_FOLDER}/childFolders", "GET", "folders"),
        (rf"{_FOLDER}/childFolders", "POST", "make_folder"),
        (rf"{_FOLDER}/messages", "GET", "messages"),
        (rf"{_FOLDER}/messages/delta", "GET", "delta"),
        (_MESSAGE, "GET", "message"),
        (_MESSAGE, "DELETE", "delete"),
        (rf"{_MESSAGE}/\$value", "GET", "content"),
        (rf"{_MESSAGE}/attachments", "GET", "attachments"),
        (rf"{_MESSAGE}/move", "POST", "move"),
        (rf"{_MESSAGE}/send", "POST", "send_draft"),
    )
]
