"""Do one change: first the calendar, then the ledger with the mails that go with it, in one transaction.

A crash between the two is harmless: an event that was to be made has its row first (``intended``), one that was changed is
found to be agreed by the merge, and who was told is only noted together with the outbox rows. Decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING, assert_never

from beklijf import canonical
from beklijf.calendars import Agent, Stored
from beklijf.errors import Missing
from beklijf.reconcile import merge
from beklijf.reconcile.plan import Create, Resend, Send, Withdraw, Write

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from beklijf.calendars import Calendar
    from beklijf.domain import Event
    from beklijf.ledger import Ledger, Row
    from beklijf.ledger.outbox import Outbox
    from beklijf.reconcile.plan import Change
    from beklijf.reconcile.telling import Tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Applier:
    """The edge: one calendar, one ledger, one outbox."""

    calendar: Calendar
    ledger: Ledger
    outbox: Outbox
    invitations: str
    """``[calendar] invitations``."""

    @property
    def sender(self) -> str | None:
        """Who invites in this calendar; None while ``auto`` isn't settled, which the first event does."""
        return self.ledger.get("sender") if self.invitations == "auto" else self.invitations

    def apply(self, change: Change, now: datetime) -> frozenset[str]:
        """Do *change* and return the hrefs that were written; raises BackendError, and then nothing is recorded but an intent."""
        match change.work:
            case Create():
                return self._create(change, change.work, now)
            case Write():
                return self._write(change, change.work, now)
            case Withdraw():
                self._withdraw(change, change.work, now)
            case Send(letter=letter):
                with self.ledger.write():
                    self.outbox.add_letter(letter, recipient=letter.person.email, now=now)
            case Resend():
                pass  # the outbox has it; ``delivery`` takes what is due
            case unknown:
                assert_never(unknown)
        return frozenset()

    def _create(self, change: Change, work: Create, now: datetime) -> frozenset[str]:
        row = work.row
        with self.ledger.write():
            self.ledger.put(row)
        settling = self.sender is None
        stored = self.calendar.create(work.event, sequence=0, agent=self._agent(settling=settling), stamp=now)
        if settling:
            stored = self._settle(work.event, stored, now)
        self._record(replace(row, state="live"), stored, change.tells, now)
        return frozenset({stored.href})

    def _settle(self, event: Event, stored: Stored, now: datetime) -> Stored:
        """Find out who invites: the server does if it says that it delivered, whatever it advertises (some only pretend)."""
        sender = sender_seen([stored])
        with self.ledger.write():
            self.ledger.set("sender", sender)
        if sender == "server":
            return stored
        return self.calendar.update(stored, event, frozenset(), sequence=stored.sequence, agent=Agent.CLIENT, stamp=now)

    def _write(self, change: Change, work: Write, now: datetime) -> frozenset[str]:
        row = work.row
        telling = bool(change.tells) or (self.sender == "server" and work.fields & merge.TOLD)
        sequence = row.sequence + 1 if telling or not work.fields else row.sequence
        stored = self.calendar.update(_stored(row), work.event, work.fields, sequence=sequence, agent=self._agent(), stamp=now)
        self._record(replace(row, asked=canonical.dump(work.asked), changed_at=None), stored, change.tells, now)
        return frozenset({stored.href})

    def _withdraw(self, change: Change, work: Withdraw, now: datetime) -> None:
        row = replace(work.row, state="withdrawing" if work.state == "closed" else work.state, sequence=work.row.sequence + 1)
        if not work.gone:
            with self.ledger.write():
                self.ledger.put(row)
            try:
                if work.ended is None:
                    self.calendar.delete(_stored(work.row))
                else:
                    fields = merge.differences(canonical.load(row.seen), work.ended)
                    names = frozenset(merge.name(field) for field in fields)
                    self.calendar.update(_stored(work.row), work.ended, names, sequence=row.sequence, agent=self._agent(), stamp=now)
            except Missing:
                pass  # a human was faster; what remains is to tell the others
        with self.ledger.write():
            event = work.ended or canonical.load(row.told or row.seen)
            self._tell(row, event, change.tells, now)
            if work.state == "closed":
                self.ledger.conclude(row, now)
            else:
                self.ledger.put(replace(row, told=None, changed_at=None))

    def _record(self, row: Row, stored: Stored, tells: Sequence[Tell], now: datetime) -> None:
        """Note what the calendar holds now, and put into the outbox what people are to be told about it."""
        if self.sender == "server" and stored.unreachable:  # the calendar says that these are ours to invite
            stored = self.calendar.update(stored, stored.event, frozenset(), sequence=stored.sequence, agent=Agent.SERVER, stamp=now)
        seen = canonical.dump(stored.event)
        unreachable = tuple(sorted(stored.unreachable.union(row.ours)))
        if self.sender == "server":
            tells = [tell for tell in tells if tell.contact.email.casefold() in unreachable]
        elif self.sender == "none":
            tells = []
        told = seen if tells or self.sender != "mail" else row.told
        with self.ledger.write():
            row = replace(
                row,
                seen=seen,
                told=told,
                href=stored.href,
                etag=stored.etag,
                sequence=stored.sequence,
                ours=unreachable if self.sender == "server" else (),
            )
            self.ledger.put(row)
            self._tell(row, stored.event, tells, now)

    def _tell(self, row: Row, event: Event, tells: Sequence[Tell], now: datetime) -> None:
        for tell in tells:
            single = "" if tell.single is None else tell.single.astimezone(UTC).isoformat()
            self.outbox.add_invitation(
                uid=row.uid,
                single=single,
                recipient=tell.contact.email,
                sequence=row.sequence,
                payload={
                    "method": tell.method,
                    "about": tell.about,
                    "single": single,
                    "contact": [tell.contact.name, tell.contact.email],
                    "ref": row.ref,
                    "kind": row.kind,
                    "training": row.training,
                    "sequence": row.sequence,
                    "event": canonical.dump(event),
                },
                now=now,
            )

    def _agent(self, *, settling: bool = False) -> Agent:
        if settling:
            return Agent.SERVER if self.calendar.may_schedule else Agent.CLIENT
        return {"server": Agent.SERVER, "none": Agent.NONE}.get(self.sender or "", Agent.CLIENT)


def sender_seen(events: Iterable[Stored]) -> str:
    """Return who invites, by what the calendar says of deliveries: the server if it delivered anything, else we do."""
    return "server" if any(stored.reached for stored in events) else "mail"


def _stored(row: Row) -> Stored:
    return Stored(event=canonical.load(row.seen), href=row.href, etag=row.etag, sequence=row.sequence)
