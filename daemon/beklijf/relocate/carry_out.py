"""Do one step of a move: the new event first, then the ledger, then the old event, then the ledger. Decides nothing.

killed after               the next run finds                                 and goes on with
-------------------------  -------------------------------------------------  ----------------------------------------------
the new event was written  our UID in the new calendar                        adopting it: nobody is invited twice
that was noted             ``leaving`` with what the old one was              the old event
the old event went         that it is gone, or has ended                      noting that; mails have names, so once
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from beklijf.decide import merge, notify
from beklijf.model import canonical
from beklijf.model.conversation import Heard, Said
from beklijf.model.errors import Conflict, Down, Exists, Missing, Refused
from beklijf.model.stored import Agent, Stored
from beklijf.relocate import decide
from beklijf.relocate.decide import How
from beklijf.tick.apply import Applier, sender_seen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from beklijf.contracts.calendar import Calendar
    from beklijf.decide.notify import Tell
    from beklijf.ledger.moves import Leaving, Moves
    from beklijf.relocate.decide import Sides, Step

_AGENTS = {"server": Agent.SERVER, "none": Agent.NONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover(Applier):
    """The edge: an applier of the new calendar that knows the old one; *old* is None where it can't be reached."""

    old: Calendar | None
    moves: Moves
    sides: Sides

    def move(self, step: Step, now: datetime) -> str:
        """Do *step*; return what a person has to look at, if anything. Raises BackendError, and then the next run goes on."""
        if step.how is How.STAYS:
            assert step.new is not None
            with self.ledger.write():
                self.ledger.put(step.new)
                self.moves.leave(step.row.uid, None)
            return ""
        assert step.leaving is not None
        leaving = step.leaving if step.how is How.ENDS else self._bring(step, step.leaving, now)
        return self.part(leaving, now)

    # -- the new side --------------------------------------------------------------------------------------------------

    def _bring(self, step: Step, leaving: Leaving, now: datetime) -> Leaving:
        """Have the event in the new calendar, note that it is there, and return what becomes of the old one."""
        assert step.new is not None
        stored = self._write_there(step, now) if step.there is None else self._as_found(step.there, now)
        sender, unreachable = self.sender, tuple(sorted(stored.unreachable))
        if sender == "server" and unreachable:  # these are ours to invite, and the calendar says so
            stored = self.calendar.update(stored, stored.event, frozenset(), sequence=stored.sequence, agent=Agent.SERVER, stamp=now)
        invites = self._invites(step, stored, unreachable, now)
        seen = canonical.dump(stored.event)
        all_told = bool(invites) or sender == "server" or (step.how is How.ANEW and sender == "none")
        row = replace(
            step.new,
            state="live",
            seen=seen,
            announced=seen if all_told else step.new.announced,
            changed_at=None if all_told else step.new.changed_at,
            href=stored.href,
            etag=stored.etag,
            sequence=stored.sequence,
            icaluid=stored.icaluid,
            ours=unreachable if sender == "server" else (),
        )
        if step.how is How.COPIED and row.icaluid:
            leaving = replace(leaving, cancel=True, keep=False)  # another invitation, whatever was expected of that server
        with self.ledger.write():
            self.ledger.put(row)
            self.moves.leave(step.row.uid, leaving)
            if step.how is How.ANEW:
                self.moves.leave(row.uid, None)
                self.moves.hand_over(step.row.uid, row.uid)
                self.conversation.note(Heard(at=now, said=Said.INVITED, uid=row.uid, ref=row.ref))
            if step.how is How.COPIED:
                self.moves.keep_answers([row.uid])
            if step.since is not None:
                self.ledger.carry(row.ref, row.generation, step.since)
            self._tell(row, stored.event, invites, now)
        return leaving

    def _invites(self, step: Step, stored: Stored, unreachable: Sequence[str], now: datetime) -> Sequence[Tell]:
        """Return the invitations that are ours to send, now that it is known who invites there."""
        assert step.new is not None
        fresh = step.how is How.ANEW or (step.how is How.COPIED and step.new.announced is None and self.sides.old == "none")
        if not fresh:
            return ()
        tells = notify.by_us(notify.tells(None, stored.event, now=now), self.sender)
        return [tell for tell in tells if self.sender == "mail" or tell.contact.email.casefold() in unreachable]

    def _write_there(self, step: Step, now: datetime) -> Stored:
        assert step.event is not None
        settling = self.sender is None
        self._about_to_write(step.event.uid)
        sequence = step.sequence if settling or self.sender == "server" else min(step.sequence, step.row.sequence)
        try:
            stored = self.calendar.create(step.event, sequence=sequence, agent=self._agent(settling=settling), stamp=now)
        except (Refused, Down) as error:
            if not isinstance(error, Exists):
                self._about_to_write("")  # a no: nothing of it is there
            raise
        return self._settle(step.event, stored, now) if settling else stored

    def _about_to_write(self, uid: str) -> None:
        if move := self.moves.under_way():
            with self.ledger.write():
                self.moves.begin(replace(move, settling=uid))

    def _as_found(self, stored: Stored, now: datetime) -> Stored:
        """Find out who invites by the event with which that was about to be found out when the power failed."""
        move = self.moves.under_way()
        if self.sender is None and move is not None and move.settling == stored.event.uid:
            return self._settle(stored.event, stored, now)
        return stored

    def settle_by(self, there: Sequence[Stored]) -> None:
        """Find out who invites where all events were there already; none of them: the first event will tell."""
        if self.sender is None and there:
            with self.ledger.write():
                self.ledger.set("sender", sender_seen(there, may_schedule=bool(self.calendar.may_schedule)))

    # -- the old side --------------------------------------------------------------------------------------------------

    def part(self, leaving: Leaving, now: datetime) -> str:
        """Take the event out of the old calendar, and tell people where it was another invitation; twice does no more than once."""
        row, said = leaving.row, ""
        if self.old is not None and row.href and not leaving.keep:  # without a place it is not in that calendar either
            said = self._take_out(self.old, leaving, now)
        farewells = decide.farewells(row, self.sides, now) if leaving.cancel else ()
        left = merge.ended(canonical.load(row.seen), now) or canonical.load(row.announced or row.seen)
        with self.ledger.write():
            self._tell(replace(row, sequence=row.sequence + 1), left, farewells, now)
            if row.state == "withdrawing":
                self.ledger.conclude(row, now)
            elif leaving.close:
                self.ledger.put(replace(row, state="closed"))
            self.moves.leave(row.uid, None)
        return said

    def _take_out(self, old: Calendar, leaving: Leaving, now: datetime) -> str:
        row = leaving.row
        stored = Stored(event=canonical.load(row.seen), href=row.href, etag=row.etag, sequence=row.sequence)
        try:
            try:
                self._remove(old, stored, leaving, now)
            except Conflict:  # somebody wrote it meanwhile, be it only an answer; or we did, and the power failed before it was noted
                fresh = old.fetch(row.href)
                if leaving.cancel and decide.is_past(fresh.event, now):
                    return ""
                if merge.differences(stored.event, fresh.event):
                    return f"{row.ref} was changed in the old calendar during the move, and stays there: look at both"
                self._remove(old, fresh, leaving, now)
        except Missing:
            pass
        return ""

    def _remove(self, old: Calendar, stored: Stored, leaving: Leaving, now: datetime) -> None:
        """Delete the event; one that has begun, and goes on under another invitation, ends and keeps its past."""
        ended = merge.ended(stored.event, now) if leaving.cancel else None
        if ended is None:
            old.delete(stored)
            return
        names = frozenset(merge.name(field) for field in merge.differences(stored.event, ended))
        agent = _AGENTS.get(self.sides.old, Agent.CLIENT)
        old.update(stored, ended, names, sequence=stored.sequence + 1, agent=agent, stamp=now)
