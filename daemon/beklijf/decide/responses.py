"""Answers to what people did, each given once: who is told when somebody declines, pauses, or is gone. Pure.

    what happened                                     who gets what
    ------------------------------------------------  -----------------------------------------------------------------
    the series or the goals meeting was declined      the mentee other hours that suit both, the mentor a line
    a single meeting was declined                     the other one a note, the mentee with other times; a mentee who organizes
                                                      sees it in their own calendar; no server passes answers on to the other
    a mentor paused meetings                          each mentee: which ones fall out
    an organizer's mailbox is gone                    the other one: please delete these entries yourself

What a proposal brings about is in ``proposals``. An answer has a name that is a function of what it answers, and the outbox
takes each name once: so nothing is noted beside it.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from beklijf.decide.plan import Action, Cause, Change, Respond
from beklijf.model import canonical
from beklijf.model.conversation import About, Hindrance, Offer, Response, Said
from beklijf.model.domain import Kind, MentorshipKey, Ref
from beklijf.planning import silence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from beklijf.decide.plan import World
    from beklijf.ledger import Row
    from beklijf.model.conversation import Heard
    from beklijf.model.domain import Event, Mentorship, Person, Track


def due(world: World) -> Iterator[Change]:
    """Yield what is to be answered now."""
    rows = {row.uid: row for row in world.rows.values() if row.kind in {Kind.MEETING, Kind.SERIES}}
    for track in world.programme.tracks.values():
        pair = track.mentorship
        for reply, why in (*_declined(world, track, rows), *_paused(world, track, rows), *_gone(world, track, rows)):
            to = pair.mentee if reply.response.person == pair.mentee.key else pair.mentor
            if reply.name not in world.part.answered and to.email.casefold() not in world.part.bounced:
                yield _change(world, track, reply, why, to)


def _change(world: World, track: Track, reply: Respond, why: str, to: Person) -> Change:
    return Change(
        action=Action.SEND,
        kind=Kind.LETTER,
        training=track.mentorship.training,
        mentorships=(track.mentorship.key,),
        ref=Ref(f"{track.mentorship.key}/letter:{reply.response.about}"),
        start=None,
        at=world.now,
        to=(to.email,),
        why=why,
        cause=Cause.HUMAN,
        work=reply,
    )


# -- declined ----------------------------------------------------------------------------------------------------------


def _declined(world: World, track: Track, rows: Mapping[str, Row]) -> Iterator[tuple[Respond, str]]:
    pair = track.mentorship
    history = world.facts.heard.get(pair.key)
    if history is None:
        return
    offered: set[str] = set()
    for heard in sorted(history.answers().values(), key=lambda heard: heard.at):
        row = rows.get(heard.uid)
        if heard.said is not Said.DECLINED or row is None or row.state != "live" or row.mentorships[0] != pair.key:
            continue
        who, other = (pair.mentee, pair.mentor) if heard.person == pair.mentee.key else (pair.mentor, pair.mentee)
        if heard.person not in {pair.mentee.key, pair.mentor.key}:
            continue
        event = _event(world, row)
        if heard.recurrence_id is None and silence.is_arrangement(row.ref, track, world.programme.trainings[pair.training].method):
            if not _over(event, world.now) and row.uid not in offered:  # where both said no, the first one's brought the hours
                offered.add(row.uid)
                yield from _hours(world, track, row, event, heard, who)
        elif _unseen(world, heard, pair) and (at := _actual_start(event, heard.recurrence_id)) is not None and at > world.now:
            yield _note(world, track, row, event, heard, at, who, other)


def _unseen(world: World, heard: Heard, pair: Mentorship) -> bool:
    """Say whether the other one can't see that a single meeting was declined: only an organizer's own calendar shows that."""
    seen = world.programme.organized_by == "mentee" and heard.person == pair.mentor.key
    return world.sender != "none" and not seen


def _hours(world: World, track: Track, row: Row, event: Event, heard: Heard, who: Person) -> Iterator[tuple[Respond, str]]:
    """Offer the mentee other hours, whoever declined, and let the mentor know."""
    pair, series = track.mentorship, row.kind is Kind.SERIES
    start = next((at for at in canonical.meetings(event) if at > world.now), event.start).astimezone(
        canonical.clock(event.start, pair.zone)
    )
    other = "" if who.key == pair.mentee.key else who.key
    for about, to in ((About.HOURS, pair.mentee), (About.HOURS_MENTOR, pair.mentor)):
        name = f"answer hours {row.uid} {heard.person} {heard.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S} {to.key}"
        if name in world.part.answered:  # each by itself: a power cut may come between the two
            continue
        offers: tuple[Offer, ...] = ()
        if about is About.HOURS:
            times = world.times()
            offers = times.hours(pair.key, now=world.now) if series else times.near(pair.key, start, event.minutes, now=world.now)
        response = Response(
            about=about,
            mentorship=pair.key,
            person=to.key,
            other=other if about is About.HOURS else pair.mentee.key,
            uid=row.uid,
            series=series,
            was=start,
            minutes=event.minutes,
            offers=offers,
        )
        yield (
            Respond(response=response, name=name, subject=row.uid),
            f"{who.first_name} declined {'the series' if series else 'the meeting'}",
        )


def _note(
    world: World, track: Track, row: Row, event: Event, heard: Heard, at: datetime, who: Person, other: Person
) -> tuple[Respond, str]:
    """Tell the other one, who can't see it where we invite; the mentee gets times to choose from."""
    pair, start = track.mentorship, at.astimezone(canonical.clock(event.start, track.mentorship.zone))
    name = f"answer declined {row.uid} {heard.recurrence_id or ''} {heard.person} {heard.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
    offers: tuple[Offer, ...] = ()
    if other.key == pair.mentee.key and name not in world.part.answered:
        offers = world.times().near(pair.key, start, event.minutes, now=world.now)
    response = Response(
        about=About.DECLINED,
        mentorship=pair.key,
        person=other.key,
        other=who.key,
        uid=row.uid,
        recurrence_id=heard.recurrence_id,
        series=row.kind is Kind.SERIES,
        was=start,
        minutes=event.minutes,
        offers=offers,
    )
    return Respond(response=response, name=name, subject=row.uid), f"{who.first_name} declined this meeting"


# -- paused, gone ------------------------------------------------------------------------------------------------------


def _paused(world: World, track: Track, rows: Mapping[str, Row]) -> Iterator[tuple[Respond, str]]:
    pair = track.mentorship
    for pause in world.facts.pauses:
        if pause.person != pair.mentor.key or pause.kind != "meetings":
            continue
        days = tuple(at for at in _ahead(world, pair.key, rows) if at.astimezone(pair.mentor.zone).date() in pause)
        name = f"answer mentor-paused {pair.key} {pause.first} {pause.last}"
        if days:
            response = Response(
                about=About.MENTOR_PAUSED,
                mentorship=pair.key,
                person=pair.mentee.key,
                other=pair.mentor.key,
                kinds=("meetings",),
                first=pause.first,
                last=pause.last,
                days=days,
            )
            yield Respond(response=response, name=name, subject=pair.key), f"{pair.mentor.first_name} paused meetings"


def _gone(world: World, track: Track, rows: Mapping[str, Row]) -> Iterator[tuple[Respond, str]]:
    pair = track.mentorship
    if pair.mentee.email.casefold() in world.snapshot.gone_mailboxes:
        days = tuple(_ahead(world, pair.key, rows))
        if days:
            response = Response(about=About.MAILBOX_GONE, mentorship=pair.key, person=pair.mentor.key, other=pair.mentee.key, days=days)
            name = f"answer mailbox-gone {pair.key} {pair.mentee.email}"
            yield Respond(response=response, name=name, subject=pair.key), f"the mailbox of {pair.mentee.first_name} is gone"


def _ahead(world: World, key: MentorshipKey, rows: Mapping[str, Row]) -> Iterator[datetime]:
    """Yield the meetings that stand in calendars and lie ahead, in wall time, in order."""
    found = {
        at.astimezone(canonical.clock(event.start, world.programme.tracks[key].mentorship.zone))
        for row in rows.values()
        if row.state == "live" and key in row.mentorships
        for event in (_event(world, row),)
        for at in canonical.meetings(event)
        if at > world.now
    }
    yield from sorted(found)


def _event(world: World, row: Row) -> Event:
    stored = world.current.stored.get(row.uid)
    return stored.event if stored else canonical.load(row.seen)


def _over(event: Event, now: datetime) -> bool:
    return max(canonical.meetings(event) or (now,)) <= now


def _actual_start(event: Event, recurrence_id: datetime | None) -> datetime | None:
    if recurrence_id is None:
        return event.start.astimezone(UTC)
    return canonical.actual_start(event, recurrence_id) if recurrence_id in canonical.occurrences(event) else None


# -- as text, for the outbox -------------------------------------------------------------------------------------------


def dump(response: Response) -> dict[str, Any]:
    """Return *response* as JSON has it; wall times keep their zone."""
    plain: dict[str, Any] = {}
    for each in fields(Response):
        value = getattr(response, each.name)
        if isinstance(value, datetime):
            value = canonical.spelt(value)
        elif isinstance(value, date):
            value = value.isoformat()
        elif each.name == "offers":
            value = [[canonical.spelt(offer.start), offer.minutes] for offer in value]
        elif each.name == "days":
            value = [canonical.spelt(day) for day in value]
        plain["place" if each.name == "recurrence_id" else each.name] = value  # the outbox has it under that name
    return plain


def load(plain: Mapping[str, Any]) -> Response:
    """Return the response that `dump` spelt."""
    values = {"recurrence_id" if name == "place" else name: value for name, value in plain.items()}
    for name in ("recurrence_id", "was", "start"):
        values[name] = None if values[name] is None else canonical.unspelt(values[name])
    for name in ("first", "last"):
        values[name] = None if values[name] is None else date.fromisoformat(values[name])
    return Response(
        **values
        | {
            "about": About(values["about"]),
            "mentorship": MentorshipKey(values["mentorship"]),
            "why": None if values["why"] is None else Hindrance(values["why"]),
            "offers": tuple(Offer(canonical.unspelt(start), minutes) for start, minutes in values["offers"]),
            "kinds": tuple(values["kinds"]),
            "days": tuple(map(canonical.unspelt, values["days"])),
        }
    )
