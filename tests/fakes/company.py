"""A company whose people have their mail and calendars on one server: the neutral core under our fakes of Exchange, Graph and Google.

It keeps mailboxes, events, invitations, answers and a log of changes, and does what those servers do by themselves:

    what happens                                   what the server does
    ---------------------------------------------  ------------------------------------------------------------------------
    the organizer sends an invitation or update    each attendee's mailbox has the event and gets one message more
    the organizer takes a meeting, or all, out     theirs is cancelled, by one message
    an attendee answers or proposes                noted in the organizer's event (by the attendant, where it runs), and a
                                                   message in the organizer's inbox
    an attendee deletes the own copy               declined
    the time changes                               answers go back to open; the exceptions of a series fall away

It knows no wire: the front-ends do, each with its own words. People's programs come in by ``programs``.
"""

from __future__ import annotations

from bisect import bisect_right
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zoneinfo import ZoneInfo

Send: TypeAlias = Literal["all", "changed", "none"]
"""Who is told of a write: everybody, those who came or went (and everybody, if more than that changed), nobody."""

OPEN = "NEEDS-ACTION"
TOLD = frozenset({"start", "minutes", "rhythm", "place", "title", "text", "guests"})
"""What attendees see: only a change of these is worth a message."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Every so many weeks on the weekday of the start, until a day (in the event's own zone) or so many times."""

    weeks: int
    until: date | None = None
    count: int | None = None
    other: str = ""
    """A rule of another kind, as iCalendar has it: somebody made it by hand."""


@dataclass(slots=True)
class Guest:
    name: str
    address: str
    answer: str = OPEN
    """PARTSTAT."""
    proposed: tuple[datetime, int] | None = None
    """Another start (UTC) and so many minutes."""


@dataclass(slots=True)
class Single:
    """One meeting of a series that has a word of its own."""

    start: datetime | None
    """None: it was taken out."""
    minutes: int
    guests: list[Guest]
    title: str | None = None
    text: str | None = None
    place: str | None = None


@dataclass(slots=True, kw_only=True)
class Entry:
    """An event in one mailbox: the organizer's, or an attendee's copy of it."""

    id: str = ""
    """Given by the server when it is empty; it never changes."""
    uid: str = ""
    mailbox: str = ""
    folder: str = "main"
    organizer: Guest
    title: str = ""
    text: str = ""
    place: str = ""
    start: datetime
    """In wall time of a ZoneInfo."""
    minutes: int = 60
    all_day: bool = False
    rhythm: Rhythm | None = None
    singles: dict[datetime, Single] = field(default_factory=dict)
    """By place in the rhythm (UTC)."""
    guests: list[Guest] = field(default_factory=list)
    alarms: list[int] = field(default_factory=list)
    """Minutes before the start."""
    free: bool = False
    cancelled: bool = False
    sent: bool = False
    """Invitations went out."""
    properties: dict[str, str] = field(default_factory=dict)
    """What a client keeps in it beside: extended properties."""
    extra: dict[str, object] = field(default_factory=dict)
    """What the front-end, or a person's program, keeps in it beside (categories, a body with a link, ...)."""
    original: str = ""
    """An attendee's copy: the organizer's event."""
    sequence: int = 0
    version: int = 0
    """Of the last change, counted over the whole company."""
    changed: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    @property
    def mine(self) -> bool:
        """Whether this is the organizer's own."""
        return not self.original

    @property
    def zone(self) -> ZoneInfo:
        found = self.start.tzinfo
        assert found is not None
        return found  # type: ignore[return-value]  # the core is handed ZoneInfo only

    def places(self) -> Iterator[datetime]:
        """Yield where the rhythm has meetings (UTC), cancelled and moved ones included; a rule of another kind has its first only."""
        rhythm, at = self.rhythm, self.start
        if rhythm is None or rhythm.other:
            yield at.astimezone(UTC)
            return
        for number in count():
            if (
                (rhythm.count is not None and number >= rhythm.count)
                or (rhythm.until is not None and at.date() > rhythm.until)
                or number > 999
            ):
                return
            yield at.astimezone(UTC)
            at += timedelta(weeks=rhythm.weeks)

    def meetings(self) -> Iterator[tuple[datetime, datetime, int]]:
        """Yield place, start (both UTC) and minutes of each meeting that takes place."""
        for recurrence_id in self.places():
            single = self.singles.get(recurrence_id)
            if single is None:
                yield recurrence_id, recurrence_id, self.minutes
            elif single.start is not None:
                yield recurrence_id, single.start.astimezone(UTC), single.minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an attendee sent to the organizer about an event."""

    entry: str
    """The organizer's."""
    uid: str
    who: Guest
    recurrence_id: datetime | None
    answer: str
    proposed: tuple[datetime, int] | None
    sequence: int


@dataclass(slots=True, kw_only=True)
class Message:
    """A mail in somebody's mailbox."""

    id: str
    mailbox: str
    folder: str
    received: datetime
    raw: bytes
    answer: Answer | None = None
    version: int = 0


@dataclass(slots=True)
class Mailbox:
    address: str
    name: str
    folders: dict[str, str] = field(default_factory=lambda: {"main": "Calendar"})
    """Calendars: the server's name of each, and what people call it."""
    mail_folders: dict[str, str] = field(default_factory=lambda: {"inbox": "Inbox", "deleted": "Deleted Items", "sent": "Sent Items"})
    news: list[str] = field(default_factory=list)
    """The iTIP methods of what the server brought, oldest first."""


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the log; what is *gone* is no longer in that folder."""

    version: int
    mailbox: str
    folder: str
    id: str
    gone: bool


class Company:
    """All mailboxes of one server. Front-ends and programs call it; it calls nobody."""

    def __init__(self, *, attendant: bool = True, keeps_singles: bool = True) -> None:
        """Without an *attendant* answers stay in the inbox; *keeps_singles*: a series whose end alone changes keeps its exceptions."""
        self.attendant = attendant
        self.keeps_singles = keeps_singles
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)
        self.mailboxes: dict[str, Mailbox] = {}
        self.aliases: dict[str, str] = {}
        """By another address of a mailbox its first one (both in small letters), by which the server names whoever is invited."""
        self.entries: dict[str, Entry] = {}
        self.messages: dict[str, Message] = {}
        self.log: list[Change] = []
        self.outside: list[tuple[str, str, str]] = []
        """What went to addresses that have no mailbox here: address, method, UID."""
        self.sent: list[tuple[str, str, bytes]] = []
        """Mails of clients: sender, receiver, content."""
        self._numbers = count(1)
        self._copies: dict[tuple[str, str], str] = {}
        """An attendee's copy, by the organizer's event and the attendee."""

    # -- mailboxes -----------------------------------------------------------------------------------------------------

    def hire(self, address: str, name: str = "") -> Mailbox:
        self.mailboxes[address.casefold()] = made = Mailbox(address.casefold(), name or address.partition("@")[0].title())
        return made

    def primary(self, address: str) -> str:
        """Return by which address the server knows somebody."""
        return self.aliases.get(address.casefold(), address)

    def _resolved(self, guests: Iterable[Guest]) -> list[Guest]:
        """Return the guests of a new or changed event as the server keeps them: each mailbox once, by its first address."""
        if not self.aliases:
            return list(guests)
        found: dict[str, Guest] = {}
        for guest in guests:
            guest.address = self.primary(guest.address)
            found.setdefault(guest.address, guest)
        return list(found.values())

    def leave(self, address: str) -> None:
        """Close a mailbox with all that is in it; nobody is told."""
        del self.mailboxes[address.casefold()]
        for entry in [each for each in self.entries.values() if each.mailbox == address.casefold()]:
            del self.entries[entry.id]

    def make_folder(self, address: str, name: str) -> str:
        key = f"folder{self._number()}"
        self.mailboxes[address].folders[key] = name
        return key

    def remove_folder(self, address: str, folder: str) -> None:
        del self.mailboxes[address].folders[folder]
        for entry in [each for each in self.entries.values() if (each.mailbox, each.folder) == (address, folder)]:
            del self.entries[entry.id]

    def inside(self, address: str, folder: str) -> list[Entry]:
        return [each for each in self.entries.values() if (each.mailbox, each.folder) == (address.casefold(), folder)]

    def version(self) -> int:
        """Return the number of the last change."""
        return self.log[-1].version if self.log else 0

    def since(self, version: int, address: str, folder: str) -> dict[str, bool]:
        """Return what changed in a folder (of events or mails) after *version*, by id: whether it is gone."""
        begin = bisect_right(self.log, version, key=lambda each: each.version)
        return {each.id: each.gone for each in self.log[begin:] if (each.mailbox, each.folder) == (address.casefold(), folder)}

    # -- the organizer -------------------------------------------------------------------------------------------------

    def add(self, entry: Entry, *, send: Send = "none") -> Entry:
        """Put a new event into a mailbox; an empty id or UID is given one."""
        entry.id = entry.id or f"e{self._number():05}"
        entry.uid = entry.uid or f"{entry.id}@server.example"
        assert entry.id not in self.entries
        entry.guests = self._resolved(entry.guests)
        self.entries[entry.id] = entry
        self.touch(entry)
        if send != "none":
            self._publish(entry, entry.guests, "REQUEST")
        return entry

    def change(self, entry: Entry, *, send: Send = "none", **values: object) -> None:
        """Set fields of an event as its organizer does; in an attendee's copy it stays there.

        A new start or rhythm throws the exceptions of a series away, as Exchange does, and lets the answers go back to open.
        """
        before = deepcopy(entry)
        for name, value in values.items():
            setattr(entry, name, value)
        if (entry.start, entry.minutes) != (before.start, before.minutes):
            entry.guests = [Guest(guest.name, guest.address) for guest in entry.guests]
        if "guests" in values:
            entry.guests = self._resolved(entry.guests)
        if "singles" not in values:
            self._drop_singles(entry, before)
        if "guests" in values:
            self._people(entry, before)
        if entry == before:
            return
        self.touch(entry)
        if entry.original or send == "none":
            return
        entry.sequence += 1
        told = any(getattr(entry, name) != getattr(before, name) for name in TOLD - {"guests"}) or entry.singles != before.singles
        there, were = {g.address for g in entry.guests}, {g.address for g in before.guests}
        new = [guest for guest in entry.guests if guest.address not in were]
        self._publish(before, [guest for guest in before.guests if guest.address not in there], "CANCEL", whole=True)
        self._publish(entry, entry.guests if told or send == "all" or not entry.sent else new, "REQUEST")

    def single(self, entry: Entry, recurrence_id: datetime, /, *, send: Send = "none", **values: object) -> None:
        """Set fields of one meeting of a series (``start``, ``minutes``, ``title``, ``text``, ``place``, ``guests``)."""
        assert recurrence_id in set(entry.places()), recurrence_id
        single = entry.singles.get(recurrence_id) or Single(recurrence_id.astimezone(entry.zone), entry.minutes, deepcopy(entry.guests))
        assert single.start is not None, "a meeting that was taken out can't be changed"
        before = deepcopy(single)
        for name, value in values.items():
            setattr(single, name, value)
        if "guests" in values:
            single.guests = self._resolved(single.guests)
        if (single.start, single.minutes) != (before.start, before.minutes):
            single.guests = [Guest(guest.name, guest.address) for guest in single.guests]
        entry.singles[recurrence_id] = single
        self.touch(entry)
        if send != "none" and not entry.original:
            entry.sequence += 1
            self._publish(entry, single.guests, "REQUEST", recurrence_id=recurrence_id)

    def take_out(self, entry: Entry, recurrence_id: datetime, *, send: Send = "none") -> None:
        """Cancel one meeting of a series; there is no way back but a new rhythm."""
        assert recurrence_id in set(entry.places()), recurrence_id
        guests = entry.singles[recurrence_id].guests if recurrence_id in entry.singles else entry.guests
        entry.singles[recurrence_id] = Single(None, entry.minutes, [])
        self.touch(entry)
        if send != "none" and not entry.original:
            entry.sequence += 1
            self._publish(entry, guests, "CANCEL", recurrence_id=recurrence_id)

    def remove(self, entry: Entry, *, send: Send = "none") -> None:
        """Delete an event; an attendee's own copy only, which is a no where *send* says so."""
        if entry.original and send != "none":
            self.respond(entry, "DECLINED")
        del self.entries[entry.id]
        self._note(entry.mailbox, entry.folder, entry.id, gone=True)
        if not entry.original and send != "none" and entry.sent:
            self._publish(entry, entry.guests, "CANCEL", whole=True)

    def touch(self, entry: Entry) -> None:
        """Let an event be changed now; call it after setting what is not for `change` to set."""
        entry.version = self._note(entry.mailbox, entry.folder, entry.id)
        entry.changed = self.now

    def _drop_singles(self, entry: Entry, before: Entry) -> None:
        if entry.rhythm is None:
            entry.singles = {}
        elif (entry.start, entry.rhythm) != (before.start, before.rhythm):
            same = entry.start == before.start and before.rhythm is not None and entry.rhythm.weeks == before.rhythm.weeks
            there = set(entry.places()) if same and self.keeps_singles else set()
            entry.singles = {recurrence_id: single for recurrence_id, single in entry.singles.items() if recurrence_id in there}

    def _people(self, entry: Entry, before: Entry) -> None:
        """Let those who stay keep their answers; who comes or goes, does so in single meetings too."""
        known = {guest.address: guest for guest in before.guests}
        moved = (entry.start, entry.minutes) != (before.start, before.minutes)
        entry.guests = [g if moved else known.get(g.address, g) for g in entry.guests]
        there = {guest.address for guest in entry.guests}
        for single in entry.singles.values():
            if single.start is not None:
                has = {guest.address for guest in single.guests}
                single.guests = [g for g in single.guests if g.address in there]
                single.guests += [Guest(g.name, g.address) for g in entry.guests if g.address not in has]

    # -- attendees -----------------------------------------------------------------------------------------------------

    def respond(
        self,
        copy: Entry,
        answer: str,
        recurrence_id: datetime | None = None,
        *,
        proposed: tuple[datetime, int] | None = None,
        comment: str = "",
    ) -> None:
        """Answer from an attendee's own copy, to the whole or one meeting; with *proposed* another time is proposed."""
        me = next(guest for guest in copy.guests if guest.address == copy.mailbox)
        self._mark(copy, me.address, answer, recurrence_id, None)
        self.touch(copy)
        entry = self.entries.get(copy.original)
        if entry is None:
            return
        said = Answer(
            entry=entry.id, uid=entry.uid, who=me, recurrence_id=recurrence_id, answer=answer, proposed=proposed, sequence=copy.sequence
        )
        if self.attendant:
            self.attend(said)
        self.deliver(entry.mailbox, self.mail_of(said, comment), answer=said)

    def attend(self, said: Answer) -> None:
        """Note an answer in the organizer's event, as the calendar attendant does, or whoever opens the message."""
        if (entry := self.entries.get(said.entry)) and any(guest.address == said.who.address for guest in entry.guests):
            self._mark(entry, said.who.address, said.answer, said.recurrence_id, said.proposed)
            self.touch(entry)

    def _mark(self, entry: Entry, who: str, answer: str, recurrence_id: datetime | None, proposed: tuple[datetime, int] | None) -> None:
        if recurrence_id is not None and entry.rhythm is not None:
            if recurrence_id not in entry.singles:
                entry.singles[recurrence_id] = Single(recurrence_id.astimezone(entry.zone), entry.minutes, deepcopy(entry.guests))
            guests = entry.singles[recurrence_id].guests
        else:
            guests = entry.guests
            for single in entry.singles.values():  # a word about the whole is one about each meeting of it
                guests = [*guests, *single.guests]
        for guest in guests:
            if guest.address == who:
                guest.answer, guest.proposed = answer, proposed

    def mail_of(self, said: Answer, comment: str) -> bytes:
        """Return the mail in which an answer comes (iTIP REPLY or COUNTER)."""
        from tests.fakes.programs import reply  # noqa: PLC0415  # programs are built on this module

        return reply(said, self.entries[said.entry], self.now, comment)

    # -- mail ----------------------------------------------------------------------------------------------------------

    def deliver(self, address: str, raw: bytes, *, answer: Answer | None = None, folder: str = "inbox") -> Message:
        """Put a mail into a mailbox."""
        made = Message(id=f"m{self._number():05}", mailbox=address.casefold(), folder=folder, received=self.now, raw=raw, answer=answer)
        self.messages[made.id] = made
        made.version = self._note(made.mailbox, folder, made.id)
        return made

    def send_mail(self, sender: str, receivers: Iterable[str], raw: bytes) -> None:
        """Send a client's mail; who has a mailbox here gets it there."""
        for receiver in receivers:
            self.sent.append((sender, receiver, raw))
            if self.primary(receiver).casefold() in self.mailboxes:
                self.deliver(self.primary(receiver), raw)

    def move_message(self, message: Message, folder: str) -> None:
        self._note(message.mailbox, message.folder, message.id, gone=True)
        message.folder = folder
        message.version = self._note(message.mailbox, folder, message.id)

    def delete_message(self, message: Message) -> None:
        del self.messages[message.id]
        self._note(message.mailbox, message.folder, message.id, gone=True)

    # -- free and busy -------------------------------------------------------------------------------------------------

    def busy(self, address: str, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """Return when somebody can't (UTC), by what stands in their main calendar."""
        found = []
        for entry in self.inside(self.primary(address), "main"):
            mine = next((guest.answer for guest in entry.guests if guest.address == entry.mailbox), "")
            if not entry.free and not entry.cancelled and mine != "DECLINED":
                found += [(at, at + timedelta(minutes=minutes)) for _, at, minutes in entry.meetings()]
        return sorted((max(a, start), min(b, end)) for a, b in found if a < end and b > start)

    # -- what the server does by itself --------------------------------------------------------------------------------

    def _publish(
        self, entry: Entry, guests: Iterable[Guest], method: str, *, recurrence_id: datetime | None = None, whole: bool = False
    ) -> None:
        """Bring an invitation, update or cancellation to each of *guests*, by one message."""
        for guest in list(guests):
            entry.sent = True
            mailbox = self.mailboxes.get(guest.address)
            if mailbox is None:
                self.outside.append((guest.address, method, entry.uid))
                continue
            mailbox.news.append(method)
            copy = self._copy_of(entry, guest)
            if method == "CANCEL" and whole:
                if copy is not None:
                    self.change(copy, cancelled=True)
            else:
                self._copy(entry, guest, copy, recurrence_id)

    def bring(self, entry: Entry) -> None:
        """Bring attendees' copies up to date without a message, as Google does where nobody is to be told."""
        for guest in entry.guests:
            if guest.address in self.mailboxes:
                self._copy(entry, guest, self._copy_of(entry, guest), None)

    def _copy_of(self, entry: Entry, guest: Guest) -> Entry | None:
        return self.entries.get(self._copies.get((entry.id, guest.address), ""))

    def _copy(self, entry: Entry, guest: Guest, copy: Entry | None, recurrence_id: datetime | None) -> None:
        """Bring an attendee's copy up to date; what they keep in it beside stays theirs, and their answers while the time stays."""
        if copy is None:
            copy = deepcopy(entry)
            copy.id, copy.original, copy.mailbox, copy.folder = f"c{self._number():05}", entry.id, guest.address, "main"
            copy.properties, copy.extra, copy.alarms = {}, {}, []
            self.entries[copy.id] = copy
            self._copies[entry.id, guest.address] = copy.id
        elif recurrence_id is not None:
            copy.singles[recurrence_id] = deepcopy(entry.singles[recurrence_id])
        else:
            for name in ("title", "text", "place", "start", "minutes", "rhythm", "singles", "guests", "cancelled", "free"):
                setattr(copy, name, deepcopy(getattr(entry, name)))
        copy.sequence = entry.sequence
        self.touch(copy)

    def _note(self, mailbox: str, folder: str, name: str, *, gone: bool = False) -> int:
        number = self._number()
        self.log.append(Change(number, mailbox, folder, name, gone))
        return number

    def _number(self) -> int:
        return next(self._numbers)
