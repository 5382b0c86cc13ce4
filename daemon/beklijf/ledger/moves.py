"""Which calendar the ledger's events stand in, and a move into another one, as ``meta`` keeps them. Decides nothing.

    meta row              holds
    --------------------  ------------------------------------------------------------------------------------------------
    calendar              the `CalendarAddress` at which the events are
    trial                 set once something that nobody got was counted as sent: a folder calendar with a Maildir
    move                  the `Move` that is under way; until it is finished nothing else touches a calendar
    leaving UID           an event that stands in the new calendar (or stays behind for good); what is still to be done about
                          the old one, and nothing once that is done

Call the writing methods inside ``ledger.write()``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from beklijf.ledger import Row
from beklijf.model.domain import Kind, MentorshipKey, Ref

if TYPE_CHECKING:
    from collections.abc import Iterable

    from beklijf.ledger import Ledger

_LEAVING = "leaving "

_STORED = {"announced": "told", "icaluid": "known_as"}
"""Fields of `Row` as the JSON of an event that is leaving has them from before they got their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarAddress:
    """One calendar, spelt so that it stays the same when only its spelling changes."""

    kind: str
    target: str
    people: str = ""
    """Where people's own calendars are."""
    beside: str = ""
    """folder only: the way to it from the state file, which is the same after both were copied to another machine."""
    invitations: str = "auto"
    """Who invites there, by the config; what ``auto`` came to is ``sender``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A move that has begun."""

    origin: CalendarAddress
    to: CalendarAddress
    begun: str
    sender: str
    """Who invited in the old calendar: server, mail, none; empty: nothing was written there yet."""
    settling: str = ""
    """The UID of the event that was about to be written there last; by the first it is found out who invites there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What the old calendar has still to do about one event."""

    row: Row
    """As it stood there."""
    cancel: bool
    """Its invitation is another one than the new calendar's, so people must hear that it is off, or ends."""
    keep: bool
    """It stays there: it is the very event that the new calendar holds, or taking it out would cancel that one."""
    close: bool = False
    """Its row ends with it: another one goes on, or none."""


class Moves:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    # -- where the events are ------------------------------------------------------------------------------------------

    def address(self) -> CalendarAddress | None:
        """Return where the events are; None in a ledger that nobody has asked to remember it."""
        text = self._ledger.get("calendar")
        return CalendarAddress(**json.loads(text)) if text else None

    def settle(self, address: CalendarAddress) -> None:
        self._ledger.set("calendar", json.dumps(asdict(address)))

    def has_events(self) -> bool:
        """Say whether there is an event that another calendar would have to have."""
        return self._ledger.db.execute("SELECT 1 FROM event WHERE state != 'closed' LIMIT 1").fetchone() is not None

    def has_sent(self) -> bool:
        return self._ledger.db.execute("SELECT 1 FROM outbox WHERE state = 'sent' LIMIT 1").fetchone() is not None

    def is_trial(self) -> bool:
        return bool(self._ledger.get("trial"))

    def is_a_trial(self) -> None:
        """Note that this ledger takes for sent what lies in a Maildir; that can't be taken back."""
        self._ledger.set("trial", "1")

    # -- a move --------------------------------------------------------------------------------------------------------

    def under_way(self) -> Move | None:
        text = self._ledger.get("move")
        if not text:
            return None
        plain = json.loads(text)
        return Move(**{**plain, "origin": CalendarAddress(**plain["origin"]), "to": CalendarAddress(**plain["to"])})

    def begin(self, move: Move) -> None:
        """Note that *move* begins, or has come further; who invites in the new calendar is an open question from here on."""
        if self.under_way() is None:
            self._unset("sender")
        self._ledger.set("move", json.dumps(asdict(move)))

    def finish(self, move: Move) -> None:
        self.settle(move.to)
        self._end()

    def has_moved(self) -> bool:
        """Say whether anything may stand in the new calendar, or was told to people; meetings that stay behind are neither."""
        move = self.under_way()
        written = """SELECT 1 FROM meta LEFT JOIN event ON meta.name = 'leaving ' || event.uid
                     WHERE meta.name GLOB 'leaving *' AND (meta.value != '' OR event.uid IS NULL OR event.href != '') LIMIT 1"""
        return bool(move and move.settling) or self._ledger.db.execute(written).fetchone() is not None

    def give_up(self, move: Move) -> None:
        """Let it be as if *move*, of which nothing was done, had never begun."""
        if move.sender:
            self._ledger.set("sender", move.sender)
        self._end()

    def leave(self, uid: str, leaving: Leaving | None) -> None:
        """Note that *uid* stands in the new calendar, and what becomes of the old event; None: nothing is to be done any more."""
        self._ledger.set(f"{_LEAVING}{uid}", "" if leaving is None else _dump(leaving))

    def leavings(self) -> dict[str, Leaving | None]:
        """Return by UID all that was brought over, with what is still to be done about it."""
        found = self._ledger.db.execute("SELECT name, value FROM meta WHERE name GLOB 'leaving *'")
        return {row["name"].removeprefix(_LEAVING): _load(row["value"]) if row["value"] else None for row in found}

    def keep_answers(self, uids: Iterable[str]) -> None:
        """Let what the old calendar told of people's answers stay what they said, and no longer be what the calendar says.

        The new one has their answers as open: compared with it, everybody would seem to have taken theirs back.
        """
        self._ledger.db.executemany(
            "UPDATE heard SET source = 'mail' WHERE source = 'calendar' AND who != '' AND uid = ?", [(uid,) for uid in uids]
        )

    def hand_over(self, old: str, new: str) -> None:
        """Let what people proposed, and the links that they got, be about the event that takes the place of *old*."""
        self._ledger.db.execute("UPDATE proposal SET uid = ? WHERE uid = ?", (new, old))
        self._ledger.db.execute("UPDATE token SET value = json_set(value, '$.uid', ?) WHERE json_extract(value, '$.uid') = ?", (new, old))

    def _end(self) -> None:
        self._unset("move")
        self._ledger.db.execute("DELETE FROM meta WHERE name GLOB 'leaving *'")

    def _unset(self, name: str) -> None:
        self._ledger.db.execute("DELETE FROM meta WHERE name = ?", (name,))


def _dump(leaving: Leaving) -> str:
    plain = asdict(leaving)
    plain["row"] = {_STORED.get(name, name): value for name, value in plain["row"].items()}
    return json.dumps(plain, default=datetime.isoformat, ensure_ascii=False)


def _load(text: str) -> Leaving:
    plain = json.loads(text)
    row: dict[str, Any] = {each.name: plain["row"][_STORED.get(each.name, each.name)] for each in fields(Row)}
    row |= {name: tuple(row[name]) for name in ("persons", "refused", "ours")}
    row |= {"ref": Ref(row["ref"]), "kind": Kind(row["kind"]), "mentorships": tuple(map(MentorshipKey, row["mentorships"]))}
    row["changed_at"] = None if row["changed_at"] is None else datetime.fromisoformat(row["changed_at"])
    return Leaving(row=Row(**row), cancel=plain["cancel"], keep=plain["keep"], close=plain["close"])
