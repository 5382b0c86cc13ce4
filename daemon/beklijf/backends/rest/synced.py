"""News of a mailbox whose server itself keeps count of what is new in a folder, and tells it page by page (Graph, EWS).

    mark ─► where reading stopped, and who of that page is left ─► envelopes ─► the wanted ones ─► mark

Knows no server: a `Source` does. Judges nothing. Work is bounded whatever arrives, as over IMAP; one mail can't stop the reading.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import TYPE_CHECKING, Protocol

from beklijf.boundary.foreign import one_line
from beklijf.mime.envelopes import structure_has_calendar
from beklijf.mime.messages import WIRE
from beklijf.model.errors import BackendError, Refused, Transient
from beklijf.model.mailbox import AT_ONCE, LARGEST, Envelope, Failed, News, Received

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

LOOKED_AT = 500
"""Mails whose envelopes one call asks for."""

PAGE = 100
"""Mails a page: of no more than these the ids are in a mark."""

PAGES = 50
"""Pages that one call reads: at the beginning a full mailbox has many with nothing on them but old mail."""

MOST_BYTES = 20 * LARGEST
"""What one call takes in altogether: the mails of a call are in memory together."""

TOO_LARGE = 30 * LARGEST
"""These servers hand over a mail as a whole or not at all; of one that is larger only the envelope is taken."""

_BATCH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What came into the folder since a cursor, as much of it as the server tells at once."""

    came: Mapping[str, datetime | None]
    """When the mailbox got each mail, by id."""
    cursor: str
    """Where to go on; never empty."""
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What can be known of a mail before it is read."""

    envelope: Envelope
    at: datetime | None


class Source(Protocol):
    """One folder of a mailbox."""

    def page(self, cursor: str) -> Page | None:
        """Return what came since a cursor, empty for all that is there; None when the server doesn't know that one any more."""
        ...

    def told(self, ids: Sequence[str]) -> Mapping[str, Told]:
        """Return what can be known of mails without reading them; what is gone is missing."""
        ...

    def content(self, mail: str) -> bytes | None:
        """Return a mail as it is; None when it is gone. Raises `Refused` where the server can't make one of it."""
        ...


@dataclass(slots=True)
class _Reading:
    """How far the reading of a folder came."""

    folder: str
    cursor: str = ""
    first: bool = True
    """It wasn't read to its end yet, so what is older than asked for is none of our business."""
    left: list[str] = field(default_factory=list)
    """Of the page before the cursor, what wasn't looked at yet."""

    def mark(self) -> str:
        kept = {"folder": self.folder, "place": self.cursor, "first": self.first, "left": self.left}
        return json.dumps(kept, separators=(",", ":"))


@dataclass(slots=True)
class _Taking:
    """The mails that one call takes in."""

    source: Source
    wanted: Callable[[Envelope], bool]
    since: datetime
    mails: list[Received] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    looked: int = 0

    @property
    def has_room(self) -> bool:
        size = sum(len(mail.content) for mail in self.mails)
        return len(self.mails) < AT_ONCE and size < MOST_BYTES and self.looked < LOOKED_AT

    def look(self, ids: Sequence[str]) -> int:
        """Look at mails in their order while there is room; return at how many."""
        told = self._told(ids)
        for done, mail in enumerate(ids):
            if not self.has_room:
                return done
            if mail in told:
                self.looked += 1
                try:
                    if self.wanted(told[mail].envelope):
                        self._take(mail, told[mail])
                except BackendError:
                    raise
                except Exception as error:  # noqa: BLE001  # whatever is in one mail, the others are read
                    self._fails(mail, told[mail].at, error)
        return len(ids)

    def _told(self, ids: Sequence[str]) -> Mapping[str, Told]:
        """Ask about several at once, and one by one where nobody expected what was said of one of them."""
        try:
            return self.source.told(ids)
        except BackendError:
            raise
        except Exception as error:  # noqa: BLE001  # as above
            if len(ids) > 1:
                return {mail: told for each in ids for mail, told in self._told([each]).items()}
            self._fails(ids[0], None, error)
            return {}

    def _fails(self, mail: str, at: datetime | None, error: Exception) -> None:
        self.looked += 1
        self.failed.append(Failed(id=mail, at=at, error=error))

    def _take(self, mail: str, told: Told) -> None:
        content: bytes | None = b""
        whole = told.envelope.size <= TOO_LARGE
        if whole:
            try:
                content = self.source.content(mail)
            except Refused:  # an item that somebody's program made, and that Exchange can make no mail of
                whole = False
        if content is None:
            return
        content = content if whole else _header(told.envelope)
        cut = not whole or len(content) > LARGEST
        self.mails.append(Received(id=mail, at=told.at or self.since, content=content[:LARGEST], cut=cut))


def news(source: Source, folder: str, mark: str, wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
    """Return what came in after *mark*; a mark of another *folder*, or one that the server has forgotten, begins anew."""
    reading = _read(mark, folder)
    taking = _Taking(source, wanted, since)
    pages, last, quiet = 0, False, not reading.left
    while True:
        while reading.left and taking.has_room:
            del reading.left[: taking.look(reading.left[:_BATCH])]
        if last or reading.left or not taking.has_room or pages >= PAGES:
            break
        page = source.page(reading.cursor)
        pages += 1
        if page is None:
            reading = _forgotten(reading)
            continue
        known = not reading.first
        came = sorted((at is None, at.timestamp() if at else 0.0, mail) for mail, at in page.came.items())
        reading.left = [mail for _, _, mail in came if known or (at := page.came[mail]) is None or at >= since]
        quiet = quiet and known and not came
        reading.cursor, reading.first, last = page.cursor, reading.first and not page.last, page.last
    if quiet and last and pages == 1:
        return News(mark=mark)
    mails = sorted(taking.mails, key=lambda mail: mail.at)
    return News(mark=reading.mark(), mails=tuple(mails), more=bool(reading.left) or not last, failed=tuple(taking.failed))


def again(source: Source, ids: Sequence[str], wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
    """Look once more at mails that failed."""
    taking, left = _Taking(source, wanted, since), list(ids)
    while left and taking.has_room:
        del left[: taking.look(left[:_BATCH])]
    return News(mark="", mails=tuple(taking.mails), more=bool(left), failed=tuple(taking.failed))


def envelope(sender: str, subject: str, item_class: str, *, size: int, attached: Iterable[str] = ()) -> Envelope:
    """Return an envelope of what Exchange tells of a mail; *attached* are names and types of what is attached.

    Exchange takes mails apart when they arrive, and tells their class (MS-OXCMSG) instead of their Content-Type: a mail with an
    answer to a meeting is of one for meetings, and any report on a delivery is of one for reports.
    """
    kind = item_class.casefold()
    meeting = kind.startswith("ipm.schedule.meeting")
    address = sender.casefold()
    is_address = "@" in address and address.isprintable() and " " not in address
    return Envelope(
        sender=address if is_address else "",
        subject=one_line(subject),
        content_type="multipart/report" if kind.startswith("report.") else "text/calendar" if meeting else "",
        calendar=meeting or structure_has_calendar(tuple(name.encode() for name in attached)),
        size=size,
    )


def _forgotten(reading: _Reading) -> _Reading:
    if not reading.cursor:
        raise Transient(f"{reading.folder}: the server loses its place at the beginning of the folder")
    return _Reading(reading.folder)


def _header(known: Envelope) -> bytes:
    """Return a mail that has nothing but what its envelope says."""
    message = EmailMessage(policy=WIRE)
    message["From"], message["Subject"] = known.sender, known.subject
    return message.as_bytes()


def _read(mark: str, folder: str) -> _Reading:
    """Return where a mark is; the beginning for one that is none of ours, or of another folder."""
    try:
        kept = json.loads(mark)
        place, first, left = kept["place"], kept["first"], kept["left"]
    except (ValueError, TypeError, KeyError):
        return _Reading(folder)
    if kept.get("folder") != folder or not isinstance(place, str) or not isinstance(left, list):
        return _Reading(folder)
    return _Reading(folder, place, first is True, [mail for mail in left if isinstance(mail, str)])
