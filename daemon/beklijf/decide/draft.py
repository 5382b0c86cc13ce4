"""The programme held against the ledger and the calendar: what a tick would do. Pure: a world in, a draft out.

    item     ledger        calendar     what happens
    -------  ------------  -----------  --------------------------------------------------------------------------------
    wanted   -             -            created, once it opens
    wanted   -             there        adopted as it is (a lost or restored ledger); nobody is told
    wanted   live          there        merged field by field (``merge``)
    wanted   live          gone         a human deleted it: not made again; the attendees are told
    wanted   deleted       -            nothing, until restored
    wanted   deleted       there        a human brought it back: live again
    -        live          there        what is still to come is withdrawn; a begun series ends and keeps its past
    -        live          gone         closed
    -        -             there        an orphan of ours: reported, never touched

A begun series that would have to be re-timed or re-peopled ends, and its next generation goes on under a new UID; so does one
of which a scheduling server gave people single meetings, which it would leave with them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from beklijf.decide import due_mail, merge, notify, proposals, responses, withdrawals
from beklijf.decide.plan import Action, Cause, Change, Create, Draft, GroupDraft, Move, Rehour, Respond, Write
from beklijf.ledger import Row
from beklijf.model import canonical
from beklijf.model.domain import Kind, MentorshipKey
from beklijf.model.errors import Problem
from beklijf.model.facts import spell
from beklijf.model.stored import ANNOUNCED
from beklijf.planning import events
from beklijf.planning.pauses import PAUSED

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from beklijf.decide.notify import Tell
    from beklijf.decide.plan import World
    from beklijf.decide.snapshot import Snapshot
    from beklijf.model.conversation import Proposal
    from beklijf.model.domain import Event, Item, Ref
    from beklijf.model.stored import Stored

QUIET = timedelta(minutes=10)
"""How long a human's change must have stood before others are told: people drag twice."""


def draft(world: World) -> GroupDraft:
    """Return all that a tick would do now for one group, and what it would note."""
    return _Drafting(world).draft()


def together(
    every: Iterable[GroupDraft], snapshot: Snapshot, tracks: Iterable[MentorshipKey], rows: Iterable[str], unknown: Iterable[Stored]
) -> Draft:
    """Put the drafts of all groups together as if there had been one: settled, by track, taken back, letters, mails, answers."""
    drafts = [*every]
    order = {key: number for number, key in enumerate(tracks)} if any(each.items or each.answers for each in drafts) else {}
    line = {uid: number for number, uid in enumerate(rows)} if any(each.left for each in drafts) else {}
    resent, retried = due_mail.resent(snapshot.mails, snapshot.now)
    adopted = tuple(row for each in drafts for row in each.adopted)
    found = (
        sorted((change for each in drafts for change in each.settled), key=lambda change: _proposal(change).id),
        (change for _, change in sorted((each for d in drafts for each in d.items), key=lambda each: order[each[0]])),
        (change for _, change in sorted((each for d in drafts for each in d.left), key=lambda each: line[each[0]])),
        sorted((change for each in drafts for change in each.letters), key=lambda change: due_mail.receiver(change).key),
        resent,
        sorted((change for each in drafts for change in each.answers), key=lambda change: order[change.mentorships[0]]),
    )
    later = [*retried, *(each.next for each in drafts if each.next is not None)]
    return Draft(
        changes=tuple(chain.from_iterable(found)),
        records=tuple(row for each in drafts for row in each.records),
        adopted=adopted,
        assumed=tuple(letter for each in drafts for letter in each.assumed),
        problems=tuple(_orphans(snapshot, unknown, {row.uid for row in adopted})),
        next=min((at for at in later if at > snapshot.now), default=None),
        resting=frozenset().union(*(each.resting for each in drafts if each.resting)),
    )


def _proposal(change: Change) -> Proposal:
    assert isinstance(change.work, Move | Rehour | Respond)  # nothing else comes of a proposal
    assert change.work.proposal is not None
    return change.work.proposal


def _orphans(snapshot: Snapshot, unknown: Iterable[Stored], adopted: Container[str]) -> Iterator[Problem]:
    """Name the events of ours that nothing asks for."""
    mark = events.mark(snapshot.config.service.installation)
    for event in (stored.event for stored in unknown):
        if event.uid not in adopted and event.uid.endswith(mark) and max(canonical.meetings(event) or (snapshot.now,)) > snapshot.now:
            yield Problem(
                where=f"calendar event {event.uid}",
                what=f'is ours ("{event.title}", from {event.start:%a %-d %b %Y}) but nothing in the config asks for it',
                hint="delete it in the calendar, or put back what asked for it",
                warning=True,
            )


def _other_rules(event: Event) -> str:
    zone = canonical.clock(event.start).key
    return f"the clocks of {zone.rpartition('/')[2].replace('_', ' ')} follow other rules now"


class _Drafting:
    """Collects while it walks over items, rows and letters; the world is only read."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = world.now
        self.items: list[tuple[MentorshipKey, Change]] = []
        self.left: list[tuple[str, Change]] = []
        self.track = MentorshipKey("")
        """Whose items are walked over."""
        self.records: list[Row] = []
        self.adopted: list[Row] = []
        self.later: list[datetime] = []
        self.turns: list[datetime] = []
        self.resting: set[Ref] = set()
        self.unknown = set(world.unknown)
        self.welcome = due_mail.welcomes(world.letters)

    def draft(self) -> GroupDraft:
        by_ref = {(row.ref, row.generation): row for row in self.world.rows.values()}
        settled = tuple(proposals.settle(self.world))
        moving = {change.work.row.uid for change in settled if isinstance(change.work, Move)}
        wanted: set[str] = set()
        for item in self._items():
            self._turn(item.starts, item.without)
            row = by_ref.get((item.ref, item.generation))
            if row is None:
                self._appear(item)
            else:
                wanted.add(row.uid)
                if row.uid not in moving:  # what else there is to do for it waits for the next tick
                    self._keep(item, row)
        for uid, row in self.world.rows.items():
            if uid not in wanted:
                self._leave(row)
        assumed = due_mail.assumed(self.world.letters, {m for row in self.adopted for m in row.mentorships})
        letters, later = due_mail.changes(self.world, assumed)
        self.later += later
        return GroupDraft(
            settled=settled,
            items=tuple(self.items),
            left=tuple(self.left),
            letters=tuple(letters),
            answers=tuple(responses.due(self.world)),
            records=tuple(self.records),
            adopted=tuple(self.adopted),
            assumed=assumed,
            next=min((at for at in self.later if at > self.now), default=None),
            resting=frozenset(self.resting),
            turns=min(self.turns, default=None),
        )

    def _items(self) -> Iterator[Item]:
        for key, track in self.world.programme.tracks.items():
            self.track = key
            yield from track.items

    def _turn(self, *instants: Iterable[datetime]) -> None:
        """Remember what of these comes next: from then on it is of the past."""
        self.turns += [at for each in instants if (at := next((at for at in each if at > self.now), None)) is not None]

    def _event(self, text: str) -> Event:
        """Return an event of the ledger, whose hours may be others than those of its item."""
        event = canonical.load(text)
        self._turn(canonical.occurrences(event), canonical.meetings(event))
        return event

    # -- items -------------------------------------------------------------------------------------------------------

    def _appear(self, item: Item) -> None:
        """Create an item that has no row, or adopt the event that stands for it already."""
        if self.unknown and (found := self._own(item)):
            self._adopt(item, *found)
            return
        if item.starts[-1] <= self.now:
            return
        opens = max(item.opens, self._welcome(item))
        if opens > self.now:
            self.later.append(opens)
        elif self.world.unsettled & set(item.mentorships):
            self.resting.add(item.ref)
        elif not self._rests(item.ref):
            self._create(item)

    def _welcome(self, item: Item) -> datetime:
        """Return when the last of the people in *item* is welcomed; now, when they all have been."""
        return max([self.now, *(self.welcome[m] for m in item.mentorships if m in self.welcome)])

    def _do(self, change: Change) -> None:
        self.items.append((self.track, change))

    def _take_back(self, row: Row, change: Change) -> None:
        self.left.append((row.uid, change))

    def _create(self, item: Item, *, cause: Cause | None = None) -> None:
        event = self.world.writer.event(item)
        self._do(
            self._change(
                Action.CREATE,
                item,
                work=Create(row=self._row(item, event), event=event),
                cause=cause or (Cause.CHANGE if item.caught_up else Cause.DUE),
                tells=notify.by_us(notify.tells(None, event, now=self.now), self.world.sender),
                why=item.why,
            )
        )

    def _own(self, item: Item) -> tuple[int, Stored] | None:
        """Find the event of *item* that a ledger before this one wrote; of several generations, the last."""
        for generation in range(item.generation + 9, item.generation - 1, -1):
            uid = events.uid(self.world.writer.installation, item.ref, generation)
            if uid in self.unknown:
                return generation, self.world.current.stored[uid]
        return None

    def _adopt(self, item: Item, generation: int, stored: Stored) -> None:
        desired = self.world.writer.event(item, generation=generation)
        desired = merge.rebase(desired, stored.event, self.now) or desired
        seen = canonical.dump(stored.event)
        self.unknown.discard(stored.event.uid)
        self.adopted.append(
            replace(
                self._row(item, replace(desired, uid=stored.event.uid)),
                generation=generation,
                state="live",
                seen=seen,
                announced=seen,
                href=stored.href,
                etag=stored.etag,
                sequence=stored.sequence,
                ours=tuple(sorted(stored.unreachable)),
                icaluid=stored.icaluid,
            )
        )

    def _keep(self, item: Item, row: Row) -> None:
        """Hold one item against its row and the calendar."""
        stored = self.world.current.stored.get(row.uid)
        if row.state == "intended" and stored is None:
            if item.starts[-1] > self.now and not self._rests(item.ref):
                self._create(item, cause=Cause.DUE)
            return
        if row.state == "withdrawing":
            self._do(withdrawals.withdrawal(self.world, row, why="was being withdrawn"))
            return
        if row.state == "deleted" and stored is None:
            self._tell_deletion(row)
            return
        if row.uid in self.world.current.gone:
            self._bury(row)
            return
        if self._rests(row.ref):
            return
        desired = self.world.writer.event(replace(item, generation=row.generation))
        if desired.uid != row.uid:
            desired = replace(desired, uid=row.uid)
        if row.seen != row.asked:
            self._event(row.seen)
        quiet = stored is None and row.changed_at is None and row.announced == row.seen  # else somebody is still to be told
        if quiet and canonical.says(row.asked, desired):
            return
        self._merge(item, row, stored, desired)

    def _merge(self, item: Item, row: Row, stored: Stored | None, desired: Event) -> None:
        asked, seen = self._event(row.asked), self._event(row.seen)
        server = stored.event if stored else seen
        if row.state == "intended" and (half := merge.half_made(asked, server)):
            asked = seen = half
            row = replace(row, asked=canonical.dump(half))
        if max(canonical.meetings(server) or (self.now,)) <= self.now >= item.starts[-1]:
            return
        persons = tuple(p.key for p in item.people)
        if persons != row.persons and (welcome := self._welcome(item)) > self.now:
            self.later.append(welcome)  # who takes over is welcomed first; until then it stays with whom it was
            persons, desired = row.persons, merge.take(desired, asked, {"people"})
        if desired.organizer.email.casefold() != asked.organizer.email.casefold():
            # nothing in an event can change whose it is; a reminder is one person's, and nobody is invited anew
            self._next_generation(item, row, server, organizer="" if item.kind is Kind.REMINDER else desired.organizer.email)
            return
        if canonical.occurrences(server)[0] <= self.now:
            going_on = merge.rebase(desired, asked, self.now) or merge.rebase(desired, server, self.now)
            if going_on is None or row.persons != persons or not row.href:
                self._next_generation(item, row, server)
                return
            desired = replace(going_on, clock=canonical.reckoned(going_on))
        quiet = not notify.announced_fields(merge.differences(asked, desired), self.now)
        if self.world.sender != "none" and quiet and not self._announcing(row, server):
            desired = asked  # a changed text alone: it rides along with the next change that people are told about
        merged = merge.merge(asked=asked, seen=seen, server=server, desired=desired, now=self.now)
        if "time" in merged.write and self._leaves_behind(row, server):
            self._next_generation(item, row, server)
            return
        anew = self._is_reckoned_anew(asked, merged.seen)
        merged = merge.reckoned(merged, anew=anew)
        changed_at = row.changed_at
        if notify.announced_fields(merged.theirs, self.now) or (row.state == "deleted"):
            changed_at = self.now
        ours = stored.unreachable.union(row.ours) if stored and self.world.sender == "server" else row.ours
        noted = replace(
            row,
            state="live",
            asked=row.asked if merged.write else canonical.kept(row.asked, merged.asked),
            seen=canonical.kept(row.seen, server),
            href=stored.href if stored else row.href,
            etag=stored.etag if stored else row.etag,
            sequence=max(stored.sequence, row.sequence) if stored else row.sequence,
            changed_at=changed_at,
            refused=tuple(sorted(set(row.refused) & merge.human_fields(merged.asked, merged.seen) | merged.refused)),
            announced=canonical.kept(row.announced or row.seen, server) if self.world.sender == "server" and not ours else row.announced,
            ours=tuple(sorted(ours)),
        )
        self._announce(item, noted, merged, row, persons, anew=anew)

    def _is_reckoned_anew(self, asked: Event, held: Event) -> bool:
        """Say whether the zone has other rules for what lies ahead than when we wrote it; not where a person gave it another zone."""
        same = canonical.clock(asked.start) == canonical.clock(held.start)
        return same and canonical.is_reckoned_anew(replace(held, clock=asked.clock), self.now)

    def _leaves_behind(self, row: Row, server: Event) -> bool:
        """Say whether at another hour people would still have single meetings of the old one.

        A server takes what was moved or answered by itself out of people's copies with the whole event only (Cyrus 3.6).
        """
        if self.world.sender != "server" or server.recurrence is None:
            return False
        heard = (each for key in row.mentorships if (history := self.world.facts.heard.get(key)) for each in history.heard)
        return any(override.start for override in server.overrides) or any(each.uid == row.uid and each.recurrence_id for each in heard)

    def _announcing(self, row: Row, server: Event) -> bool:
        """Say whether people are told now of what a human changed before; where a server told them, our words follow."""
        if row.announced is None or row.changed_at is None or row.changed_at + QUIET > self.now:
            return False
        return self.world.sender == "server" or bool(
            notify.announced_fields(merge.differences(self._event(row.announced), server), self.now)
        )

    def _announce(self, item: Item, noted: Row, merged: merge.Merged, row: Row, persons: tuple[str, ...], *, anew: bool) -> None:
        """Write what is ours, tell what has stood long enough, note the rest."""
        announced = None if noted.announced is None else canonical.load(noted.announced)
        same = noted.persons == persons
        told = notify.tells(announced, merged.seen, now=self.now, same_persons=same, anew=anew)
        tells = notify.by_us(told, self.world.sender, noted.ours)
        settled = noted.changed_at is None or noted.changed_at + QUIET <= self.now
        now_announced = replace(noted, persons=persons, hour=self._hour(item))
        if not tells and not merged.write:
            follow = self.world.sender == "server" and not settled  # what a person changed may change our words, which wait
            noted = now_announced if follow else replace(now_announced, changed_at=None)
            if follow and noted.changed_at:
                self.later.append(noted.changed_at + QUIET)
        if noted != row:
            self.records.append(noted)
        ours = merged.write & ANNOUNCED or (merged.write and not tells)
        if merged.write or (tells and settled):
            self._do(
                self._change(
                    Action.UPDATE,
                    item,
                    work=Write(row=now_announced, event=merged.seen, fields=merged.write, asked=merged.asked),
                    cause=(Cause.DUE if anew and merged.write == {"time"} else Cause.CHANGE) if ours else Cause.HUMAN,
                    tells=tells,
                    why=_other_rules(merged.seen) if anew else item.why if ours else "moved or edited by a person in the calendar",
                )
            )
        elif tells and noted.changed_at:
            self.later.append(noted.changed_at + QUIET)

    def _next_generation(self, item: Item, row: Row, server: Event, *, organizer: str = "") -> None:
        """End a begun series where it is, and go on with a new event for what lies ahead."""
        why = f"ends here; goes on under a new invitation: {item.why}"
        # without a place (href) it stayed in a calendar from before a move: there is nothing here to end
        ending = withdrawals.withdrawal(
            self.world, row, why=why, server=server, gone=not row.href, action=Action.UPDATE, organizer=organizer
        )
        self._do(ending)
        starts = tuple(at for at in item.starts if at > self.now)
        if starts:
            paused = {each.day for each in item.left_out if each.why == PAUSED}
            without = (at for at in item.without if at > starts[0] or (at > self.now and at.date() in paused))
            ahead = replace(item, generation=row.generation + 1, starts=starts, without=tuple(without))
            self._create(ahead, cause=Cause.CHANGE)

    # -- rows --------------------------------------------------------------------------------------------------------

    def _leave(self, row: Row) -> None:
        """Withdraw what nobody wants any more; what is past closes silently."""
        seen = self._event(row.seen)
        stored = self.world.current.stored.get(row.uid)
        to_come = self._is_ahead(stored.event if stored else seen)
        expected = row.announced is not None and self._is_ahead(self._event(row.announced))  # moved into the past, and nobody heard of it
        absent = stored is None and (row.state == "intended" or (row.state == "deleted" and row.announced is None))
        if absent or not (to_come or expected):
            self.records.append(replace(row, state="closed"))
        elif not to_come or row.uid in self.world.current.gone or (row.state == "deleted" and stored is None):
            if to_come and row.state == "live":
                self._bury(row)  # whatever comes of the rest: else it would vanish again at each tick
            self._take_back(row, withdrawals.withdrawal(self.world, row, why="no longer planned", gone=True))
        elif not self._rests(row.ref):
            server = stored.event if stored else seen
            self._take_back(row, withdrawals.withdrawal(self.world, row, why="no longer planned", server=server))

    def _is_ahead(self, event: Event) -> bool:
        return max(canonical.meetings(event) or (self.now,)) > self.now

    def _bury(self, row: Row) -> None:
        """Note that a human deleted the event; the others are told once that has stood for a while."""
        seen = self._event(row.seen)
        deleted = replace(row, state="deleted", changed_at=self.now)
        if max(canonical.meetings(seen) or (self.now,)) <= self.now or (self.world.sender == "server" and not row.ours):
            deleted = replace(deleted, announced=None, changed_at=None)
        self.records.append(deleted)
        if deleted.announced:
            self.later.append(self.now + QUIET)

    def _tell_deletion(self, row: Row) -> None:
        if row.announced is None or row.changed_at is None:
            return
        if row.changed_at + QUIET > self.now:
            self.later.append(row.changed_at + QUIET)
            return
        self._do(withdrawals.deletion(self.world, row))

    def _rests(self, ref: Ref) -> bool:
        if ref in self.world.snapshot.aside:
            return True
        until = self.world.snapshot.resting.get(ref)
        if until is None or until <= self.now:
            return False
        self.later.append(until)
        self.resting.add(ref)
        return True

    def _change(self, action: Action, item: Item, *, work: Create | Write, cause: Cause, tells: tuple[Tell, ...], why: str) -> Change:
        listed = () if self.world.sender == "server" and (isinstance(work, Create) or work.fields) else tells
        return Change(
            action=action,
            kind=item.kind,
            training=item.training,
            mentorships=item.mentorships,
            ref=item.ref,
            start=next((at for at in item.starts if at > self.now), item.starts[0]),
            at=self.now,
            to=tuple(dict.fromkeys(tell.contact.email for tell in listed)) or tuple(p.email for p in item.people),
            why=why,
            cause=cause,
            work=work,
            tells=tells,
        )

    def _row(self, item: Item, event: Event) -> Row:
        """Return the row of an event that is about to be written."""
        text = canonical.dump(event)
        return Row(
            uid=event.uid,
            ref=item.ref,
            generation=item.generation,
            kind=item.kind,
            training=item.training,
            mentorships=item.mentorships,
            persons=tuple(p.key for p in item.people),
            hour=self._hour(item),
            state="intended",
            asked=text,
            seen=text,
        )

    def _hour(self, item: Item) -> str:
        """Return the config's own word on the pair's hour, by which a place that was chosen holds."""
        return spell(self.world.programme.tracks[item.mentorships[0]].mentorship.meets)
