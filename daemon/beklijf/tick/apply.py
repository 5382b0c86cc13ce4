"""Do one change: first the calendar, then the ledger with the mails that go with it, in one transaction.

A crash between the two is harmless: an event that was to be made has its row first (``intended``), one that was changed is
found to be agreed by the merge, and who was told is only noted together with the outbox rows. Decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from beklijf.decide import from_calendar, merge, responses
from beklijf.decide.plan import Create, Move, Rehour, Resend, Respond, Send, Withdraw, Write
from beklijf.model import canonical
from beklijf.model.conversation import Heard, Said
from beklijf.model.errors import Missing
from beklijf.model.stored import ANNOUNCED, Agent, Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from beklijf.contracts.calendar import Calendar
    from beklijf.decide.notify import Tell
    from beklijf.decide.plan import Change
    from beklijf.ledger import Ledger, Row
    from beklijf.ledger.conversation import Conversation
    from beklijf.ledger.outbox import Outbox
    from beklijf.model.domain import Event, Meets, MentorshipKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Applier:
    """The edge: one calendar, one ledger, one outbox."""

    calendar: Calendar
    ledger: Ledger
    outbox: Outbox
    conversation: Conversation
    invitations: str
    """``[calendar] invitations``."""
    persons: Mapping[str, str]
    """Everybody's address, by key."""
    emails: Mapping[str, str]
    """The same by every address of theirs."""
    hours: Mapping[MentorshipKey, Meets | None]
    """The hour that the config gives each pair."""

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
            case Move():
                return self._move(change, change.work, now)
            case Rehour():
                self._rehour(change.work, now)
            case Respond():
                with self.ledger.write():
                    self._respond(change.work, change.to[0], now)
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
        invited = Heard(at=now, said=Said.INVITED, uid=row.uid, ref=row.ref)
        self._record(replace(row, state="live"), stored, change.tells, now, then=lambda: self.conversation.note(invited))
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
        telling = bool(change.tells) or (self.sender == "server" and work.fields & ANNOUNCED)
        sequence = row.sequence + 1 if telling or not work.fields else row.sequence
        stored = self.calendar.update(_stored(row), work.event, work.fields, sequence=sequence, agent=self._agent(), stamp=now)
        self._record(replace(row, asked=canonical.dump(work.asked), changed_at=None), stored, change.tells, now)
        return frozenset({stored.href})

    def _move(self, change: Change, work: Move, now: datetime) -> frozenset[str]:
        """Write what somebody proposed; it is theirs from then on, and they have accepted it."""
        row, who = work.row, self.persons[work.proposal.who]
        stored = self.calendar.update(_stored(row), work.event, work.fields, sequence=row.sequence + 1, agent=self._agent(), stamp=now)
        accepted = Heard(
            at=now, said=Said.ACCEPTED, uid=row.uid, ref=row.ref, recurrence_id=work.proposal.recurrence_id, who=who, source="mail"
        )

        def settle() -> None:
            self.conversation.note(accepted)
            self._respond(work.reply, who, now)

        row = replace(row, asked=canonical.dump(work.asked), changed_at=None)
        self._record(row, stored, change.tells, now, accepted=who, then=settle)
        return frozenset({stored.href})

    def _rehour(self, work: Rehour, now: datetime) -> None:
        """Note the hour that a pair has from now on; the next plan brings the calendar to it.

        Single meetings that were moved belong to the hour that is left behind: kept as people's, they would hold on to it.
        """
        with self.ledger.write():
            if row := self.ledger.row(work.uid):
                asked, seen = canonical.load(row.asked), canonical.load(row.seen)
                singles = [field for field in merge.human_fields(asked, seen) if merge.name(field) == "single"]
                self.ledger.put(replace(row, asked=canonical.dump(merge.take(asked, seen, singles))))
            for key in work.mentorships:
                self.ledger.keep_slot(key, "moved", work.meets, config=self.hours.get(key), first=work.first)
            if work.uid:
                who = self.persons[work.proposal.who]
                self.conversation.note(Heard(at=now, said=Said.MOVED, uid=work.uid, ref=work.ref, who=who, source="mail"))
            if work.reply:
                self._respond(work.reply, self.persons[work.proposal.who], now)
            self.conversation.settle(work.proposal)

    def _respond(self, work: Respond, recipient: str, now: datetime) -> None:
        self.outbox.add_answer(work.name, subject=work.subject, recipient=recipient, response=responses.dump(work.response), now=now)
        if work.proposal is not None:
            self.conversation.settle(work.proposal)

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
            event = work.ended or canonical.load(row.announced or row.seen)
            if row.icaluid:
                event = replace(event, uid=row.icaluid)  # by which it is known to whom the server invited
            self._tell(row, event, change.tells, now)
            if work.state == "closed":
                self.ledger.conclude(row, now)
            else:
                self.ledger.put(replace(row, announced=None, changed_at=None))

    def _record(
        self,
        row: Row,
        stored: Stored,
        tells: Sequence[Tell],
        now: datetime,
        *,
        accepted: str = "",
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """Note what the calendar holds now, and put into the outbox what people are to be told about it; *then* in the same go."""
        if self.sender == "server" and stored.unreachable:  # the calendar says that these are ours to invite
            stored = self.calendar.update(stored, stored.event, frozenset(), sequence=stored.sequence, agent=Agent.SERVER, stamp=now)
        event = merge.as_named(stored.event, canonical.load(row.asked))
        stored = replace(stored, event=merge.as_configured(event, self.emails))
        seen, before = canonical.dump(stored.event), row.announced
        unreachable = tuple(sorted(stored.unreachable.union(row.ours)))
        if self.sender == "server":
            tells = [tell for tell in tells if tell.contact.email.casefold() in unreachable]
        elif self.sender == "none":
            tells = []
        announced = seen if tells or self.sender != "mail" else row.announced
        with self.ledger.write():
            row = replace(
                row,
                seen=seen,
                announced=announced,
                href=stored.href,
                etag=stored.etag,
                sequence=stored.sequence,
                ours=unreachable if self.sender == "server" else (),
                icaluid=stored.icaluid,
            )
            row = from_calendar.still_proposed(row, stored)
            self.ledger.put(row)
            self._reopen(row, before, stored, now)
            # who left knows it by the words that it had with them in it
            left = stored.event if before is None else replace(canonical.load(before), people=stored.event.people)
            self._tell(row, stored.event, tells, now, accepted=accepted, left=left)
            then()

    def _reopen(self, row: Row, before: str | None, stored: Stored, now: datetime) -> None:
        """Let answers go back to open for what is at another time now: those by mail, and those that the calendar took back itself.

        Of a series at another hour that is every meeting: none of them is where it was.
        """
        if before is None:
            return
        event, old = stored.event, canonical.load(before)
        changed = merge.differences(old, event)
        recurrence_ids: list[datetime | None] = [None, *canonical.occurrences(old)] if "time" in changed else []
        recurrence_ids += [
            override.at for override in event.overrides if merge.single_field(override.at) in changed and override.start is not None
        ]
        for recurrence_id in recurrence_ids:
            for contact in event.people:
                self.conversation.reopen(row.uid, recurrence_id, contact.email, now)
        for heard in from_calendar.reopened(row, stored, self.conversation.told_by_calendar([row.uid]), now) if recurrence_ids else ():
            self.conversation.note(heard)

    def _tell(self, row: Row, event: Event, tells: Sequence[Tell], now: datetime, *, accepted: str = "", left: Event | None = None) -> None:
        bounced = self.conversation.bounced()
        copies = {at: self.conversation.copy(row, event, at, accepted=accepted) for at in {tell.recurrence_id for tell in tells}}
        for tell in tells:
            if tell.contact.email.casefold() not in bounced:
                self.outbox.add_invitation(
                    row,
                    left if left and tell.about == "left" else event,
                    copies[tell.recurrence_id],
                    to=tell.contact,
                    method=tell.method,
                    about=tell.about,
                    recurrence_id=tell.recurrence_id,
                    now=now,
                )

    def _agent(self, *, settling: bool = False) -> Agent:
        if settling:
            return Agent.SERVER if self.calendar.may_schedule else Agent.CLIENT
        return {"server": Agent.SERVER, "none": Agent.NONE}.get(self.sender or "", Agent.CLIENT)


def sender_seen(events: Iterable[Stored], *, may_schedule: bool = False) -> str:
    """Return who invites, by what the calendar says of deliveries: the server if it delivered anything, else we do.

    Where nothing is said of deliveries any more (Cyrus forgets them once people answered), what an event of ours leaves to a
    server that *may_schedule* counts: where we invite, each attendee says so.
    """
    found = list(events)
    return "server" if any(stored.reached for stored in found) or (may_schedule and any(s.left_to_server for s in found)) else "mail"


def _stored(row: Row) -> Stored:
    return Stored(event=canonical.load(row.seen), href=row.href, etag=row.etag, sequence=row.sequence)
