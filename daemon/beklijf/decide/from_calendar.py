"""What a calendar tells of people's answers and moves, and what a mail means for the ledger. Pure.

    the calendar says                              noted as
    ---------------------------------------------  --------------------------------------------------------------------
    PARTSTAT of an attendee is another             their answer; NEEDS-ACTION after an answer: open again
    PARTSTAT in one meeting differs from the whole  their answer to that meeting
    no word any more of a meeting answered by itself  open again: what they say to the whole holds
    one meeting is elsewhere, or the event is      moved, by nobody in particular: a calendar doesn't tell who did it
    one meeting is taken out, or the event is gone  cancelled, likewise
    another time that somebody proposes            proposed; their answer says no more than that, and is not noted

A PARTSTAT is a fact and never a change to write back.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from beklijf.decide import merge
from beklijf.decide.plan import Move, Write
from beklijf.model import canonical
from beklijf.model.conversation import ANSWERS, Heard, Proposed, Said, Told
from beklijf.model.domain import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from beklijf.decide.plan import Current, Draft
    from beklijf.ledger import Row
    from beklijf.model.domain import Event, Ref
    from beklijf.model.stored import Stored

Proposals: TypeAlias = "Mapping[tuple[str, datetime | None], tuple[datetime, int]]"


def in_calendar(rows: Mapping[str, Row], current: Current, told: Told, now: datetime) -> tuple[Heard, ...]:
    """Return what the calendar tells that wasn't known: answers, moves, meetings taken out."""
    found: list[Heard] = []
    known: defaultdict[str, Told] = defaultdict(dict)
    for (uid, at, who), said in told.items() if current.stored else ():
        event = current.stored[uid].event if at is not None and uid in current.stored else None
        placed = canonical.place(at, event.start, event.recurrence) if at is not None and event is not None else at
        known[uid][uid, placed, who] = said
    for uid, stored in sorted(current.stored.items()):
        row = rows.get(uid)
        if row is None or row.kind is Kind.REMINDER:
            continue
        found += _answers(row, stored, known.get(uid, {}), now)
        if row.state == "live":
            found += _moves(row, stored, now)
    for uid in sorted(current.gone):
        if rows[uid].state == "live" and rows[uid].kind is not Kind.REMINDER:
            found.append(Heard(at=now, said=Said.CANCELLED, uid=uid, ref=rows[uid].ref))
    return tuple(found)


def _answers(row: Row, stored: Stored, told: Told, now: datetime) -> Iterator[Heard]:
    for address, partstat in sorted(stored.answers.items()):
        if (address, None) in stored.proposals:
            continue
        said = ANSWERS.get(partstat, Said.OPEN)
        if said is not told.get((row.uid, None, address), Said.OPEN):
            yield Heard(at=now, said=said, uid=row.uid, ref=row.ref, who=address)
    for recurrence_id, answers in sorted(stored.single_answers.items()):
        for address, partstat in sorted(answers.items()):
            if (address, recurrence_id) in stored.proposals:
                continue
            whole = ANSWERS.get(stored.answers.get(address, ""), Said.OPEN)
            said = ANSWERS.get(partstat, Said.OPEN)
            if said is not told.get((row.uid, recurrence_id, address), whole):
                yield Heard(at=now, said=said, uid=row.uid, ref=row.ref, recurrence_id=recurrence_id, who=address)

    for (uid, instance, address), before in told.items():
        if uid == row.uid and instance and instance not in stored.single_answers and before is not Said.OPEN:
            yield Heard(at=now, said=Said.OPEN, uid=uid, ref=row.ref, recurrence_id=instance, who=address)


def proposed(row: Row, stored: Stored) -> tuple[Proposed, ...]:
    """Return the other times that people proposed since the calendar was last read; it keeps them until the organizer does something."""
    known = {_spelt(key, said) for key, said in _proposals(row).items()}
    return tuple(
        Proposed(uid=row.uid, recurrence_id=key[1], who=key[0], start=said[0], minutes=said[1])
        for key, said in sorted(stored.proposals.items(), key=str)
        if _spelt(key, said) not in known
    )


def is_told(row: Row, proposed: Proposed) -> bool:
    """Say whether the calendar has this proposal too."""
    return _proposals(row).get((proposed.who.casefold(), proposed.recurrence_id)) == (proposed.start, proposed.minutes)


def with_proposals(row: Row, proposals: Proposals) -> Row:
    """Return *row* with what is proposed in the calendar now."""
    return replace(row, proposals=json.dumps(sorted(_spelt(key, said) for key, said in proposals.items())))


def still_proposed(row: Row, stored: Stored) -> Row:
    """Return *row* without the proposals that our own write settled; one that came in meanwhile is left to the next reading."""
    return with_proposals(row, {key: said for key, said in _proposals(row).items() if stored.proposals.get(key) == said})


def _proposals(row: Row) -> Proposals:
    return {
        (who, datetime.fromisoformat(recurrence_id) if recurrence_id else None): (datetime.fromisoformat(start), minutes)
        for who, recurrence_id, start, minutes in json.loads(row.proposals)
    }


def _spelt(key: tuple[str, datetime | None], said: tuple[datetime, int]) -> tuple[str, str, str, int]:
    return key[0], key[1].isoformat() if key[1] else "", said[0].isoformat(), said[1]


def reopened(row: Row, stored: Stored, told: Told, now: datetime) -> tuple[Heard, ...]:
    """Return the answers that what we wrote ourselves took back, which no later reading tells; none of whom nothing was told."""
    known = {(uid, who) for uid, _, who in told}
    return tuple(each for each in _answers(row, stored, told, now) if each.said is Said.OPEN and (each.uid, each.who) in known)


def _moves(row: Row, stored: Stored, now: datetime) -> Iterator[Heard]:
    """Yield what people did with the event since it was last seen."""
    seen, asked = canonical.load(row.seen), canonical.load(row.asked)
    fields = merge.differences(seen, stored.event)
    if fields & {"time", "recurrence"} and merge.are_elsewhere(stored.event, asked):
        yield Heard(at=now, said=Said.MOVED, uid=row.uid, ref=row.ref)
        return
    before, after = ({override.at: override for override in event.overrides} for event in (seen, stored.event))
    for at in sorted(before.keys() | after.keys()):
        if merge.single_field(at) in fields and at > now:
            override = after.get(at)
            said = Said.CANCELLED if override is not None and override.start is None else Said.MOVED
            yield Heard(at=now, said=said, uid=row.uid, ref=row.ref, recurrence_id=at)


def of_people(heard: Iterable[Heard], rows: Mapping[str, Row], current: Current, draft: Draft) -> tuple[Heard, ...]:
    """Leave out what we wrote ourselves: cut off before it was noted, it looks as if a person had done it, until it is merged."""
    wanted = {row.uid: canonical.load(row.asked) for row in draft.records}
    for change in draft.changes:
        if isinstance(change.work, Write):
            wanted[change.work.row.uid] = change.work.asked
        elif isinstance(change.work, Move):
            wanted[change.work.row.uid] = change.work.event
    return tuple(h for h in heard if not (h.uid in wanted and _is_ours(h, rows[h.uid], current.stored.get(h.uid), wanted[h.uid])))


def _is_ours(heard: Heard, row: Row, stored: Stored | None, wanted: Event) -> bool:
    """Say whether the calendar holds what we want and hadn't noted as asked for."""
    if stored is None or heard.said not in {Said.MOVED, Said.CANCELLED}:
        return False
    fields = {"time", "recurrence"} if heard.recurrence_id is None else {merge.single_field(heard.recurrence_id)}
    asked = canonical.load(row.asked)
    return bool(fields & merge.differences(asked, stored.event)) and not fields & merge.differences(wanted, stored.event)


def moved_instances(rows: Mapping[str, Row], current: Current) -> dict[Ref, dict[datetime, datetime]]:
    """Return the meetings of each series that people moved: where the rhythm has them, and where they are held."""
    found: dict[Ref, dict[datetime, datetime]] = {}
    for row in rows.values():
        if row.kind is not Kind.SERIES or row.state != "live":
            continue
        stored = current.stored.get(row.uid)
        if stored is None and row.seen == row.asked:
            continue
        seen, asked = stored.event if stored else canonical.load(row.seen), canonical.load(row.asked)
        planned = {override.at: override.start for override in asked.overrides}
        moved = {s.at: s.start.astimezone(UTC) for s in seen.overrides if s.start is not None and planned.get(s.at) != s.start}
        if moved:
            found.setdefault(row.ref, {}).update(moved)
    return found
