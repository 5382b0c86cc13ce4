"""Where the ledger's events are, and whether the config still leads there: another calendar is not an emptied one.

Compares and says so; what is done about it is ``carry_out``'s, on demand. The identity of a calendar is made from its `target` by
taking away what may be spelt in two ways, so that a changed password, certificate or trailing slash is no move.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from beklijf.backends.registry import is_on_disk, open_calendar
from beklijf.ledger.moves import CalendarAddress, Moves
from beklijf.model.errors import Down, StateError

if TYPE_CHECKING:
    from pathlib import Path

    from beklijf.contracts.settings import CalendarSettings, Config
    from beklijf.ledger import Ledger
    from beklijf.ledger.moves import Move

ELSEWHERE = "the config leads to another calendar than the events are in"
UNFINISHED = "a move into another calendar is not finished"
FRESH = "this ledger is of a trial, on a folder and a Maildir: what it counts as sent, nobody has got"
BEGIN_AFRESH = (
    "begin with a new state file: another [service] state, or move this one away; to go on with the trial, put [calendar] back as it was"
)
_PORTS = {"http": 80, "https": 443}


class Whereabouts:
    """One config against one ledger."""

    def __init__(self, config: Config, ledger: Ledger) -> None:
        self._config = config
        self._ledger = ledger
        self.moves = Moves(ledger)

    @cached_property
    def here(self) -> CalendarAddress:
        """Where the config leads."""
        return address_of(self._config.calendar, self._ledger.path)

    def problem(self) -> Down | None:
        """Return why the calendar may not be touched; None if it is the one in which the events are, or there are none yet.

        Raises StateError where nothing at all may be done with this ledger: a trial never becomes the real thing, since people
        would be counted as welcomed and invited whom nobody ever wrote to.
        """
        if self._ledger.path is None:  # a rehearsal: it begins and ends with its calendar
            return None
        move = self.moves.under_way()
        if move and not self._is_back(move):
            said = f"{UNFINISHED}: from {described(move.origin)} to {described(move.to)}, begun {move.begun[:16]}"
            back = "" if self.moves.has_moved() else "; nothing was moved yet, so putting [calendar] back is enough as well"
            return Down(said, hint=f"beklijf move-calendar goes on with it; until then only letters go out{back}")
        before = self._elsewhere()
        if before is None:
            return None
        if self.moves.is_trial() and is_on_disk(before.kind) and not is_on_disk(self.here.kind):
            raise StateError(f"{ELSEWHERE}, and {FRESH}", hint=BEGIN_AFRESH)
        said = f"{ELSEWHERE}: they are in {described(before)}, and it says {described(self.here)}"
        return Down(said, hint="beklijf move-calendar moves them, if that is meant; else put [calendar] back as it was")

    def settle(self) -> None:
        """Note where the events are, when they are about to be written or were read there."""
        if self._ledger.path is None:
            return
        if (move := self.moves.under_way()) and self._is_back(move):
            with self._ledger.write():
                self.moves.give_up(move)
        known = self.moves.address()
        is_trial = not self.moves.is_trial() and self._is_a_trial()
        if known == self.here and not is_trial:
            return
        with self._ledger.write():
            self.moves.settle(self.here)
            if is_trial:
                self.moves.is_a_trial()

    def _is_back(self, move: Move) -> bool:
        """Say whether the config leads again to where a move was to begin, of which nothing was done."""
        return is_same(move.origin, self.here, people=True) and not self.moves.has_moved()

    def _elsewhere(self) -> CalendarAddress | None:
        """Return the house that the events are in, if the config leads to another one."""
        known = self.moves.address()
        if known is None or not self.moves.has_events():
            return None
        theirs = known.people != self.here.people and self._ledger.has_others(self._config.calendar.organizer.email)
        return None if is_same(known, self.here, people=theirs) else known

    def _is_a_trial(self) -> bool:
        """Say whether something lies in a Maildir that the ledger takes for sent.

        A folder may well be somebody's real calendar, read by other programs; what tells is whether anybody got mail about it.
        """
        return self._config.calendar.kind.on_disk and self._config.mail.kind.on_disk and self.moves.has_sent()


def is_same(one: CalendarAddress, other: CalendarAddress, *, people: bool) -> bool:
    """Say whether both are one calendar; *people*: there are events in people's own as well."""
    if one.kind != other.kind or (people and one.people != other.people):
        return False
    return one.target == other.target or bool(one.beside and one.beside == other.beside)


def address_of(settings: CalendarSettings, state: Path | None) -> CalendarAddress:
    """Return the calendar that *settings* lead to; opens and asks nothing."""
    target = open_calendar(replace(settings, organized_by="service"), settings.organizer.email).target
    kind, people = settings.kind, settings.maker.people
    target = target.removeprefix(f"{kind.name} ")
    if not kind.on_disk:
        return CalendarAddress(kind=kind.name, target=spelt(target), people=spelt(people), invitations=settings.invitations)
    path = os.path.realpath(target)
    people = people and os.path.realpath(people)
    beside = "" if state is None else os.path.relpath(path, os.path.realpath(state.parent))
    return CalendarAddress(kind=kind.name, target=path, people=people, beside=beside, invitations=settings.invitations)


def spelt(target: str) -> str:
    """Return *target* in the one spelling of many: case, default ports, scheme and slashes at the end don't tell calendars apart."""
    return " ".join(_address(word) if "://" in word else word.casefold() for word in target.split())


def _address(url: str) -> str:
    parts = urlsplit(url)
    port = "" if parts.port in {None, _PORTS.get(parts.scheme.casefold())} else f":{parts.port}"
    path = re.sub(r"/+", "/", unquote(parts.path)).rstrip("/")
    return f"//{(parts.hostname or '').casefold()}{port}{path}"


def described(address: CalendarAddress) -> str:
    return f"{address.kind} {address.target}"
