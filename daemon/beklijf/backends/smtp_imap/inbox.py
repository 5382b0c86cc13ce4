"""A mailbox read over IMAP (RFC 3501): what is new by UID, filed by MOVE, without marking anything as seen.

Judges nothing. Work is bounded whatever arrives: a call makes `SEARCHES` searches at most, looks at `LOOKED_AT` mails, takes in
`AT_ONCE`, and begins nothing that can wait once the deadline of one command has passed since it began.
One mail can't stop the reading: what the server, the library or we can't make sense of is taken for what is known of it, and a
mail over which the server hangs up, or thinks for ever, is passed by. Only where nothing can be read any more is it an error.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from beklijf.backends.smtp_imap.imap_connection import LOST, Connection, IMAPClientError, ProtocolError, is_passing, said_in
from beklijf.boundary import deadline
from beklijf.mime.envelopes import HEADER, envelope, structure_has_calendar
from beklijf.model.errors import BackendError, Down, Transient
from beklijf.model.mailbox import AT_ONCE, LARGEST, Failed, News, Received

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from beklijf.backends.smtp_imap.imap_connection import Selected
    from beklijf.contracts.settings import InboxSettings
    from beklijf.model.mailbox import Envelope

LOOKED_AT = 500
"""Mails whose envelopes one call asks for."""

MOST_BYTES = 20 * LARGEST
"""What one call takes in altogether: the mails of a call are in memory together."""

_BATCH = 100
"""Mails a command."""

_WINDOW = 50_000
"""Numbers that one search may find: its answer is one line, and the library takes no line over a million bytes."""

SEARCHES = 20
"""A call; the next one goes on where it ended."""

FORGOTTEN = 5_000
"""Mails that one call deletes."""

_LOSSES = 3
"""Connections that a call may lose over single mails before it leaves the rest for the next call."""

_HEADER = [f"BODY.PEEK[HEADER.FIELDS (FROM SUBJECT CONTENT-TYPE)]<0.{HEADER}>", "RFC822.SIZE", "INTERNALDATE"]
_ALL = [*_HEADER, "BODYSTRUCTURE"]


@dataclass(frozen=True, slots=True)
class _Found:
    """What was asked of a mail before reading it."""

    said: Mapping[bytes, Any]
    at: datetime | None
    header: bytes

    def known(self) -> Envelope:
        """Return what that tells; raises whatever nobody expected in it, which is this mail's own trouble."""
        calendar = structure_has_calendar(self.said.get(b"BODYSTRUCTURE"))
        return envelope(self.header, size=self.size, calendar=calendar)

    @property
    def size(self) -> int:
        size = self.said.get(b"RFC822.SIZE")
        return size if isinstance(size, int) else 0


_UNKNOWN = _Found({}, None, b"")


class ImapInbox:
    """One folder of one account, and the folder beside it for what was handled."""

    def __init__(self, settings: InboxSettings) -> None:
        """Open nothing yet."""
        self._settings = settings
        self._connection = Connection(settings)
        self.target = self._connection.target
        self._validity = 0
        self._losses = 0
        self._ends = 0.0

    def check(self) -> str:
        self.close()
        with self._connection.translated():
            selected = self._connection.select(self._settings.folder, readonly=True)
            filed = self._filed()
            will_be = "" if filed else ", which will be made"
        self.close()
        there = f"{self._settings.folder} has {selected.mails} mails"
        return f"{self.target}: {there}; handled mail goes to {filed or self._settings.filed}{will_be}"

    def news(self, mark: str, wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        with self._connection.translated():
            selected = self._connection.select(self._settings.folder, readonly=True)
            self._validity, self._losses = selected.validity, 0
            self._begin()
            validity, start = _numbers(mark)
            known = validity == selected.validity and start <= selected.next  # numbers never go back (RFC 3501 section 2.3.1.1)
            # The server's day may be another one than ours: a day more, and then by the hour.
            criteria: list[object] = ["UNDELETED"] if known else ["UNDELETED", "SINCE", (since - timedelta(days=1)).date()]
            uids, stop = self._first(start if known else 1, selected, criteria)
            news = self._read(uids, stop, wanted, since, everything=known)
            return replace(news, more=news.more or stop < selected.next)

    def again(self, ids: Sequence[str], wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        with self._connection.translated():
            selected = self._connection.select(self._settings.folder, readonly=True)
            self._validity, self._losses = selected.validity, 0
            self._begin()
            uids = sorted(uid for validity, uid in map(_numbers, ids) if validity == selected.validity)
            found = self._connection.search(["UID", ",".join(map(str, uids)), "UNDELETED"]) if uids else []
            there = [uid for uid in found if uid in uids]
            return replace(self._read(there, selected.next, wanted, since, everything=True), mark="")

    def file(self, ids: Sequence[str]) -> None:
        if not ids:
            return
        with self._connection.translated():
            selected = self._connection.select(self._settings.folder, readonly=False)
            uids = [uid for validity, uid in map(_numbers, ids) if validity == selected.validity]
            for some in _batches(uids):
                # Asked first: not every server takes a number that is gone for nothing to do. Deleted: filed without UIDPLUS.
                found = self._connection.search(["UID", ",".join(map(str, some)), "UNDELETED"])
                if there := [uid for uid in found if uid in some]:  # whatever else a server names is not ours to move
                    self._move(there, self._filed() or self._make_filed())

    def forget(self, before: datetime) -> int:
        gone = 0
        with self._connection.translated():
            self._connection.select(self._settings.folder, readonly=True)  # is the connection still good?
            filed = self._filed()
            if filed is None:
                return 0
            selected, ask = self._connection.select(filed, readonly=False), self._connection.ask
            self._begin()
            uids, _ = self._first(1, selected, ["BEFORE", (before + timedelta(days=2)).date()])
            for some in _batches(uids[:FORGOTTEN]):
                if self._late and gone:
                    break
                answer = ask("fetch", some, ["INTERNALDATE"])
                old = [uid for uid, said in answer.items() if (at := _instant(said)) and at < before]
                if old:
                    ask("add_flags", old, [rb"\Deleted"], silent=True)
                    # without UIDPLUS all that is flagged goes, which in this folder is handled mail too
                    ask("uid_expunge", old) if ask("has_capability", "UIDPLUS") else ask("expunge")
                gone += len(old)
        return gone

    def close(self) -> None:
        self._connection.close()

    def _begin(self) -> None:
        self._ends = time.monotonic() + self._settings.deadline.total_seconds()

    @property
    def _late(self) -> bool:
        """Whether the call has lasted so long that what can wait is left for the next one."""
        return time.monotonic() >= self._ends

    def _first(self, start: int, selected: Selected, criteria: list[object]) -> tuple[list[int], int]:
        """Return the first numbers that fit, in order, and where the search ended.

        One search where there are so few mails that it can find no more than a line holds; else one window of numbers after the
        other. The upper end is never ``*``, which names the last mail also when its number is lower than the first.
        """
        stop = selected.next
        size = _WINDOW if selected.mails > _WINDOW else max(stop - start, 1)
        for low in range(start, selected.next, size)[:SEARCHES]:
            stop = min(low + size, selected.next)
            found = self._connection.search(["UID", f"{low}:{stop - 1}", *criteria])
            if uids := [uid for uid in found if low <= uid < stop]:  # a server that names others would lead us back and forth
                return uids, stop
            if self._late:
                break
        return [], stop

    def _read(self, uids: list[int], stop: int, wanted: Callable[[Envelope], bool], since: datetime, *, everything: bool) -> News:
        """Look at mails in their order, and take the wanted ones in, until there is enough; the mark is the first that is left."""
        mails: list[Received] = []
        failed: list[Failed] = []
        for batch in _batches(uids[:LOOKED_AT]):
            found = self._of_many(batch)
            for uid in batch:
                full = len(mails) >= AT_ONCE or sum(len(mail.content) for mail in mails) >= MOST_BYTES
                if full or (self._late and uid != uids[0]) or self._losses >= _LOSSES:
                    return News(mark=f"{self._validity}:{uid}", mails=tuple(mails), more=True, failed=tuple(failed))
                one = found.get(uid)
                try:
                    one = one or self._single(uid)
                    if one is _UNKNOWN:
                        taken, untold = self._unknown(uid, since)
                        mails, failed = [*mails, *taken], [*failed, *untold]
                        continue
                    if one is None or not (everything or one.at is None or one.at >= since):
                        continue
                    if wanted(one.known()) and (mail := self._taken(uid, one, since)):
                        mails.append(mail)
                except (BackendError, *LOST, IMAPClientError):
                    raise
                except Exception as error:  # noqa: BLE001  # whatever is in one mail, the others are read
                    failed.append(Failed(id=f"{self._validity}:{uid}", at=None if one is None else one.at, error=error))
        left = uids[LOOKED_AT:]
        mark = f"{self._validity}:{left[0] if left else stop}"
        return News(mark=mark, mails=tuple(mails), more=bool(left), failed=tuple(failed))

    def _of_many(self, uids: list[int]) -> dict[int, _Found]:
        """Ask about several at once; nothing where that fails over one of them, which is then asked about by itself."""
        try:
            return self._described(uids, _ALL) or {}
        except (BackendError, *LOST, IMAPClientError):
            raise
        except Exception:  # noqa: BLE001  # whatever it is, it is met again with the one mail that it is about
            return {}

    def _single(self, uid: int) -> _Found | None:
        """Return what can be known of a mail that is not in the answer about many: the least, if need be nothing; None: gone."""
        for items in (_ALL, _HEADER):
            if found := self._described([uid], items):
                return found.get(uid)
        return _UNKNOWN if found is None else None

    def _unknown(self, uid: int, since: datetime) -> tuple[list[Received], list[Failed]]:
        """Take in a mail of which nothing is told but perhaps its content: whether it is wanted, only that can tell."""
        mail = self._taken(uid, _UNKNOWN, since)
        if mail is None or mail.content:
            return [mail] if mail else [], []
        nothing = Transient(f"{self.target}: the server tells nothing about mail {uid}")
        return [], [Failed(id=mail.id, at=None, error=nothing)]

    def _described(self, uids: list[int], items: list[str]) -> dict[int, _Found] | None:
        """Return what the server tells of mails, without those that are gone meanwhile; None where it can't be had or read."""
        answer = self._fetch(uids, items)
        return None if answer is None else {uid: _found(said) for uid, said in answer.items()}

    def _taken(self, uid: int, one: _Found, since: datetime) -> Received | None:
        """Return a mail as it is, or its headers alone where the server can't hand it over; None when it is gone."""
        content: object = None
        for _ in range(2):  # the connection may have been lost by chance
            answer = self._fetch([uid], [f"BODY.PEEK[]<0.{LARGEST}>"])
            if answer is not None:
                if uid not in answer:
                    return None
                content = next((value for key, value in answer[uid].items() if key.startswith(b"BODY[]")), None)
                break
        cut = not isinstance(content, bytes) or (len(content) >= LARGEST and one.size != LARGEST)
        mail = content if isinstance(content, bytes) else one.header
        return Received(id=f"{self._validity}:{uid}", at=one.at or since, content=mail[:LARGEST], cut=cut)

    def _fetch(self, uids: list[int], items: list[str]) -> Mapping[int, Mapping[bytes, Any]] | None:
        """Ask about mails; None where no answer can be had about these, though the server is there."""
        if not self._connection.is_open:
            selected = self._connection.select(self._settings.folder, readonly=True)
            if selected.validity != self._validity:
                raise Transient(f"{self.target}: {self._settings.folder} was made anew while it was read")
        try:
            answer: Mapping[int, Mapping[bytes, Any]] = self._connection.ask("fetch", uids, items)
        except ProtocolError:
            return None
        except (*LOST, IMAPClientError, Transient) as error:
            # what is lost may quote the mail, which may say anything
            if isinstance(error, Transient):
                if deadline.hurrying():  # it is us who can't wait
                    raise
            elif not isinstance(error, LOST) and is_passing(error):
                raise
            self._losses += 1
            self._connection.drop()
            return None
        except Exception:
            self._connection.drop()  # nobody knows what the server would say next
            raise
        return answer

    def _move(self, uids: list[int], folder: str) -> None:
        ask = self._connection.ask
        if ask("has_capability", "MOVE"):
            ask("move", uids, folder)
            return
        ask("copy", uids, folder)
        ask("add_flags", uids, [rb"\Deleted"], silent=True)
        if ask("has_capability", "UIDPLUS"):
            ask("uid_expunge", uids)
        # Else it stays flagged: EXPUNGE would take along what others have flagged here, and may want back.

    def _filed(self) -> str | None:
        """Return the name that the folder for handled mail has on this server, if it is there."""
        for name in self._names():
            for flags, _, found in self._connection.ask("list_folders", "", name):
                if found == name and not {rb"\Noselect", rb"\NonExistent"} & set(flags):
                    return name
        return None

    def _make_filed(self) -> str:
        refused: list[str] = []
        for name in self._names():
            try:
                self._connection.ask("create_folder", name)
            except (*LOST, ProtocolError):
                raise
            except IMAPClientError as error:
                refused.append(f"{name}: {said_in(error)}")
                continue
            with suppress(IMAPClientError):  # else many mail programs don't show it; not every server knows of it
                self._connection.ask("subscribe_folder", name)
            return name
        raise Down(f"{self.target} makes no folder {'; '.join(refused)}", hint="make it by hand, or choose another name in [inbox] filed")

    def _names(self) -> Iterator[str]:
        """Yield the name of the configuration, and what it is where all folders of an account are beneath INBOX (RFC 2342)."""
        filed, ask = self._settings.filed, self._connection.ask
        yield filed
        if ask("has_capability", "NAMESPACE"):
            prefix = (ask("namespace").personal or (("", ""),))[0][0]
        else:
            prefix = "INBOX" + next((separator.decode() for _, separator, _ in ask("list_folders", "", "") if separator), ".")
        if prefix and not filed.startswith(prefix):
            yield prefix + filed


def _found(said: Mapping[bytes, Any]) -> _Found:
    header = next((value for key, value in said.items() if key.startswith(b"BODY[HEADER") and isinstance(value, bytes)), b"")
    return _Found(said, _instant(said), header)


def _instant(said: Mapping[bytes, Any]) -> datetime | None:
    at = said.get(b"INTERNALDATE")
    try:
        return at.astimezone(UTC) if isinstance(at, datetime) else None
    except (OverflowError, ValueError):  # the first or the last day that there is, or a zone beyond all zones
        return None


def _numbers(text: str) -> tuple[int, int]:
    """Return UIDVALIDITY and number of a mark or an id; two zeros for what is none of ours, which no mail has."""
    validity, _, number = text.partition(":")
    return (int(validity), int(number)) if validity.isdecimal() and number.isdecimal() else (0, 0)


def _batches(uids: list[int]) -> Iterator[list[int]]:
    return (uids[start : start + _BATCH] for start in range(0, len(uids), _BATCH))
