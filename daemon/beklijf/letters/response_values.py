"""What the template of a response may use, by name: a letter that answers something that a person did.

Like ``template_values``: decides nothing, renders nothing, and every text that people typed is made literal here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beklijf.letters import markup
from beklijf.letters.template_values import common, contact, of_training, offered, pausing
from beklijf.mime.links import Replies
from beklijf.model import words
from beklijf.model.conversation import About, Offer
from beklijf.model.domain import Contact, Role

if TYPE_CHECKING:
    from beklijf.letters.template_values import Value, Values
    from beklijf.mime.links import Links
    from beklijf.model.conversation import Response
    from beklijf.model.domain import Person, Programme

TO_THE_COORDINATOR = frozenset({About.PAUSED, About.RESUMED, About.MENTOR_PAUSED, About.MAILBOX_GONE})
"""Letters that the mentor can't do anything about, or isn't there to answer."""


def receiver(response: Response, programme: Programme) -> Person | None:
    """Return who gets a response; None when the mentorship is over, or that person has left it."""
    track = programme.tracks.get(response.mentorship)
    pair = (track.mentorship.mentee, track.mentorship.mentor) if track else ()
    return next((person for person in pair if person.key == response.person), None)


def reply_to(response: Response, programme: Programme) -> Contact:
    """Return who gets an answer to a response: the mentor where a mentee may want to talk it over, else the coordinator."""
    pair = programme.tracks[response.mentorship].mentorship
    if response.person != pair.mentee.key or response.about in TO_THE_COORDINATOR:
        return programme.organisation.coordinator
    return Contact(pair.mentor.name, pair.mentor.email)


def response(response: Response, programme: Programme, links: Links) -> Values:
    """Return the values of a response. All times are on the reader's clock, with the pair's behind it where that differs."""
    reader = receiver(response, programme)
    if reader is None:
        raise LookupError(f"{response.person} is not in {response.mentorship}: a response to nobody")
    pair = programme.tracks[response.mentorship].mentorship
    mentee = reader.key == pair.mentee.key
    replies = Replies(links, response.mentorship, reader)
    zone, language = reader.zone, reader.language
    was, start = response.was, response.start
    return common(programme, language) | {
        "reader": contact(reader),
        "you": str(Role.MENTEE if mentee else Role.MENTOR),
        "mentee": contact(pair.mentee),
        "mentor": contact(pair.mentor),
        "other": contact(pair.mentor if mentee else pair.mentee),
        "by_other": bool(response.other),
        "training": of_training(programme.trainings[pair.training], language),
        "answer": contact(reply_to(response, programme)) | {"read": False},
        "pause": pausing(replies, still=response.about is not About.PAUSED),
        "whole": _whole(response),
        "one_of_many": response.series and response.recurrence_id is not None,
        "was": words.moment(was, zone, language) if was else "",
        "was_hour": words.weekly(was, zone, language) if was else "",
        "start": words.moment(start, zone, language) if start else "",
        "start_hour": words.weekly(start, zone, language) if start else "",
        "why": str(response.why or ""),
        "goal": markup.literal(response.goal),
        "goal_link": replies.goal() if response.about is About.GOAL_NOTED else "",
        "first": words.day(response.first, language) if response.first else "",
        "last": words.day(response.last, language) if response.last else "",
        "days": [words.moment(day, zone, language) for day in response.days],
        **_kinds(response, replies, language),
        **_choices(response, reader, replies),
    }


def _whole(response: Response) -> bool:
    return response.series and response.recurrence_id is None


def _kinds(response: Response, replies: Replies, language: str) -> Values:
    """Return what is paused or goes on, in words, and for a pause the links that end it."""
    paused = response.about is About.PAUSED
    names = [words.KINDS[language][kind] for kind in response.kinds]
    found: list[Value] = [
        {"kind": kind, "name": name, "link": replies.resume(kind) if paused else ""}
        for kind, name in zip(response.kinds, names, strict=True)
    ]
    return {"kinds": found, "kinds_listed": words.listed(names, language)}


def _choices(response: Response, reader: Person, replies: Replies) -> Values:
    """Return the times to choose from, the one to take over, and the two links about a time: once, or from now on."""
    uid, recurrence_id, start = response.uid, response.recurrence_id, response.start
    hour = _whole(response)

    def link(offer: Offer, *, agreed: bool = False) -> str:
        return replies.hour(offer, agreed=agreed) if hour else replies.time(offer, uid=uid, recurrence_id=recurrence_id, agreed=agreed)

    proposed = Offer(start, response.minutes) if start else None
    moved = response.about is About.MOVED and response.series and recurrence_id is not None
    return {
        "offers": offered(response.offers, reader, link),
        "take": link(proposed, agreed=True) if proposed and response.about is About.PROPOSED else "",
        "once": replies.once(proposed.start, uid=uid, recurrence_id=recurrence_id) if proposed and moved else "",
        "always": replies.hour(proposed) if proposed and moved else "",
    }
