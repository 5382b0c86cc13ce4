"""What becomes of another time that somebody proposed. Pure: a world in, changes out.

    whose say it is                             possible         what happens
    ------------------------------------------  ---------------  -------------------------------------------------------
    theirs ([answers], or agreed by a token)    yes              the meeting moves, both get the update, who proposed has
                                                                 accepted; of a series: "only this time, or from now on?"
    theirs, about a whole series                yes              that is the pair's hour from then on
    the other one's                             yes              put to the other one, who takes it over by a token
    anybody's                                   no               a letter that says why, with times that suit both

A proposal is settled together with what comes of it, so that it is answered once, whenever the power fails.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from beklijf.decide import notify
from beklijf.decide.plan import Action, Cause, Change, Move, Rehour, Respond
from beklijf.model import canonical
from beklijf.model.conversation import About, Hindrance, Response
from beklijf.model.domain import Kind, Meets, Override, Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from beklijf.decide.plan import World
    from beklijf.ledger import Row
    from beklijf.model.conversation import Offer, Proposal
    from beklijf.model.domain import Event, Mentorship, Person, Track


def settle(world: World) -> Iterator[Change]:
    """Yield one change for each proposal that can be settled now; one whose event rests stays for later."""
    taken: set[str] = set()
    for proposal in world.snapshot.proposals:
        track = world.programme.tracks.get(proposal.mentorship)
        row = _row(world, proposal)
        about = row.uid if row else proposal.mentorship
        if track is None or about in taken or proposal.who not in {track.mentorship.mentee.key, track.mentorship.mentor.key}:
            continue  # who left the pair has no say in it any more
        change = _settle(world, proposal, track)
        if change is not None:
            taken.add(about)
            yield change


def _settle(world: World, proposal: Proposal, track: Track) -> Change | None:
    pair = track.mentorship
    who, other = _sides(pair, proposal)
    row = _row(world, proposal)
    if row is not None and (row.ref in world.snapshot.aside or world.snapshot.resting.get(row.ref, world.now) > world.now):
        return None
    if proposal.recurrence_id is None and (not proposal.uid or (row is not None and row.kind is Kind.SERIES)):
        return _series(world, proposal, track, row)
    if row is not None and proposal.recurrence_id and _goes_elsewhere(world, proposal, row):
        return None
    event = _event(world, row) if row else None
    why = Hindrance.OVER if row is None or event is None else _hindrance(world, proposal, event)
    if row is None or event is None or why is not None:
        return _respond(world, proposal, who, _told(pair, proposal, About.IMPOSSIBLE, who, other, event), why=why or Hindrance.OVER)
    if proposal.agreed or _may(world, pair, who):
        return _move(world, proposal, row, event, pair)
    return _respond(world, proposal, other, _told(pair, proposal, About.PROPOSED, other, who, event))


def _may(world: World, pair: Mentorship, who: Person) -> bool:
    rule = world.programme.mentee_proposal if who.key == pair.mentee.key else world.programme.mentor_proposal
    return rule == "apply"


def _sides(pair: Mentorship, proposal: Proposal) -> tuple[Person, Person]:
    """Return who proposed, and the other one."""
    return (pair.mentor, pair.mentee) if proposal.who == pair.mentor.key else (pair.mentee, pair.mentor)


def _row(world: World, proposal: Proposal) -> Row | None:
    """Return the event that is meant; the series by its name where the proposal is about an hour."""
    if proposal.uid:
        row = world.rows.get(proposal.uid)
        return row if row is not None and row.state == "live" else None
    live = (row for row in world.rows.values() if row.state == "live" and row.kind is Kind.SERIES)
    return next((row for row in live if proposal.mentorship in row.mentorships), None)


def _goes_elsewhere(world: World, proposal: Proposal, row: Row) -> bool:
    """Say whether the pair chose another hour that the calendar doesn't have yet: a meeting that moves before would hold on to the old."""
    moved = world.facts.moved.get(proposal.mentorship)
    if moved is None or row.kind is not Kind.SERIES:
        return False
    starts = (canonical.load(text).start.astimezone(moved.meets.zone) for text in (row.asked, row.seen))
    return (moved.meets.weekday, moved.meets.at) not in {(start.weekday(), start.time()) for start in starts}


def _event(world: World, row: Row) -> Event | None:
    if row.uid in world.current.gone:
        return None
    stored = world.current.stored.get(row.uid)
    return stored.event if stored else canonical.load(row.seen)


def _hindrance(world: World, proposal: Proposal, event: Event) -> Hindrance | None:
    """Return why the meeting can't be at that time; whether it still lies ahead comes first."""
    recurrence_id = proposal.recurrence_id
    if recurrence_id is not None and recurrence_id not in canonical.occurrences(event):
        return Hindrance.OVER
    actual = canonical.actual_start(event, recurrence_id) if recurrence_id else event.start.astimezone(UTC)
    if (actual or recurrence_id or event.start) <= world.now:
        return Hindrance.OVER
    return world.times().hindrance(proposal.mentorship, event, recurrence_id, proposal.start, proposal.minutes, now=world.now)


# -- what comes of it --------------------------------------------------------------------------------------------------


def _move(world: World, proposal: Proposal, row: Row, event: Event, pair: Mentorship) -> Change:
    who, other = _sides(pair, proposal)
    start = proposal.start.astimezone(canonical.clock(event.start, pair.zone))
    # moved before the power failed: what it was stands in the ledger alone
    before = canonical.load(row.seen) if _hour(event, proposal, pair) == start else event
    minutes = proposal.minutes or event.minutes
    if proposal.recurrence_id is None:
        moved, fields = replace(event, start=start, minutes=minutes), frozenset({"time"})
    else:
        overrides = {override.at: override for override in event.overrides}
        overrides[proposal.recurrence_id] = Override(proposal.recurrence_id, start, minutes)
        if start.astimezone(UTC) == proposal.recurrence_id and minutes == event.minutes:
            del overrides[proposal.recurrence_id]
        moved, fields = replace(event, overrides=tuple(overrides[at] for at in sorted(overrides))), frozenset({"single"})
    announced, asked = None if row.announced is None else canonical.load(row.announced), canonical.load(row.asked)
    if proposal.recurrence_id and (text := _words(world, row, event, {proposal.recurrence_id: start.astimezone(UTC)})) is not None:
        moved, asked, fields = replace(moved, text=text), replace(asked, text=text), fields | {"text"}
    if stored := world.current.stored.get(row.uid):
        sequence = max(row.sequence, stored.sequence)
        row = replace(row, href=stored.href, etag=stored.etag, sequence=sequence, seen=canonical.dump(event))
    response = replace(_told(pair, proposal, About.MOVED, who, other, before), start=start)
    return Change(
        action=Action.UPDATE,
        kind=row.kind,
        training=row.training,
        mentorships=row.mentorships,
        ref=row.ref,
        start=start,
        at=world.now,
        to=tuple(contact.email for contact in event.people),
        why=f"{who.first_name} proposed another time",
        cause=Cause.HUMAN,
        work=Move(row=row, event=moved, fields=fields, asked=asked, proposal=proposal, reply=_answer(response, proposal)),
        tells=notify.by_us(notify.tells(announced, moved, now=world.now), world.sender, row.ours),
    )


def _words(world: World, row: Row, event: Event, moved: Mapping[datetime, datetime]) -> str | None:
    """Return the text of a series after a meeting moved, with its questions on their new day; None where a human wrote it."""
    if event.text != canonical.load(row.asked).text:
        return None
    items = (item for track in world.programme.tracks.values() for item in track.items if item.ref == row.ref)
    item = next((item for item in items if item.generation == row.generation), None)
    if item is None:
        return None
    moved_instances = {**world.writer.moved_instances, row.ref: {**world.writer.moved_instances.get(row.ref, {}), **moved}}
    text = replace(world.writer, moved_instances=moved_instances).event(item).text
    return None if text == event.text else text


def _series(world: World, proposal: Proposal, track: Track, row: Row | None) -> Change:
    """Make it the pair's hour, unless it is not theirs to say or no longer possible."""
    pair = track.mentorship
    who, other = _sides(pair, proposal)
    event = _event(world, row) if row else None
    response = _told(pair, proposal, About.IMPOSSIBLE, who, other, event)
    if proposal.start <= world.now:
        return _respond(world, proposal, who, response, why=Hindrance.PAST)
    if not (proposal.agreed or _may(world, pair, who)):
        return _respond(world, proposal, other, _told(pair, proposal, About.PROPOSED, other, who, event))
    if why := world.times().hindrance(proposal.mentorship, None, None, proposal.start, proposal.minutes, now=world.now):
        return _respond(world, proposal, who, response, why=why)
    start = _first(world, proposal, event)
    start = start.astimezone(canonical.clock(start, pair.zone))
    meets = Meets(weekday=start.weekday(), at=start.time(), minutes=proposal.minutes or 60, zone=canonical.clock(start))
    ref = row.ref if row else Ref(f"{pair.key}/{world.programme.trainings[pair.training].method.series.id}")
    return Change(
        action=Action.UPDATE,
        kind=Kind.SERIES,
        training=pair.training,
        mentorships=row.mentorships if row else (pair.key,),
        ref=ref,
        start=start,
        at=world.now,
        to=(pair.mentee.email, pair.mentor.email),
        why=f"{who.first_name} chose another hour for the series",
        cause=Cause.HUMAN,
        work=Rehour(
            meets=meets,
            first=start.date(),
            mentorships=row.mentorships if row else (pair.key,),
            uid=row.uid if row else "",
            ref=ref,
            proposal=proposal,
            reply=None if row else _answer(replace(response, about=About.MOVED, start=start), proposal),
        ),
    )


def _first(world: World, proposal: Proposal, event: Event | None) -> datetime:
    """Return the first meeting at the new hour: of the rhythm that leads to *start*, the one in place of the next meeting.

    Who moves the third meeting to Wednesday and says "from now on" has the first two on Wednesday as well.
    """
    start = proposal.start
    if event is None or event.recurrence is None or not event.recurrence.every:
        return start
    ahead = [at for at in canonical.meetings(event) if at > world.now]
    if not ahead:
        return start
    earliest = max(
        ahead[0].astimezone(start.tzinfo).date() - timedelta(days=6), world.now.astimezone(start.tzinfo).date() + timedelta(days=1)
    )
    step = timedelta(weeks=event.recurrence.every)
    while (start - step).date() >= earliest:
        start -= step
    return start


def _respond(world: World, proposal: Proposal, to: Person, response: Response, *, why: Hindrance | None = None) -> Change:
    offers = _offers(world, proposal, response) if why else ()
    response = replace(response, why=why, offers=offers)
    return Change(
        action=Action.SEND,
        kind=Kind.LETTER,
        training=world.programme.tracks[proposal.mentorship].mentorship.training,
        mentorships=(proposal.mentorship,),
        ref=Ref(f"{proposal.mentorship}/letter:{response.about}"),
        start=None,
        at=world.now,
        to=(to.email,),
        why="the proposed time isn't possible" if why else "the other one proposed another time",
        cause=Cause.HUMAN,
        work=_answer(response, proposal),
    )


def _answer(response: Response, proposal: Proposal) -> Respond:
    name = f"answer {response.about} {response.mentorship} {proposal.uid} {proposal.recurrence_id or ''} {proposal.start} {proposal.at}"
    return Respond(response=response, name=name, subject=response.mentorship, proposal=proposal)


def _offers(world: World, proposal: Proposal, response: Response) -> tuple[Offer, ...]:
    if response.series and response.recurrence_id is None:
        return world.times().hours(proposal.mentorship, now=world.now)
    if response.was is None:
        return ()
    return world.times().near(proposal.mentorship, response.was, response.minutes, now=world.now)


def _told(pair: Mentorship, proposal: Proposal, about: About, to: Person, other: Person, event: Event | None) -> Response:
    """Return the answer about a proposal, without what depends on its outcome."""
    was: datetime | None = None
    if event is not None:
        was = _hour(event, proposal, pair)
    return Response(
        about=about,
        mentorship=pair.key,
        person=to.key,
        other=other.key,
        uid=proposal.uid,
        recurrence_id=proposal.recurrence_id,
        series=event is None or event.recurrence is not None,
        was=was,
        start=proposal.start if was is None else proposal.start.astimezone(was.tzinfo),
        minutes=proposal.minutes,
    )


def _hour(event: Event, proposal: Proposal, pair: Mentorship) -> datetime:
    """Return when the meeting that is meant is held, in wall time."""
    at = canonical.actual_start(event, proposal.recurrence_id) or proposal.recurrence_id if proposal.recurrence_id else event.start
    return at.astimezone(canonical.clock(event.start, pair.zone))
