"""What `proof` prints besides letters: answers to made-up people, with every way of moving a meeting and of answering."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from beklijf.mime.links import Links
from beklijf.model.conversation import PAUSABLE, About, Hindrance, Offer, Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from beklijf.model.domain import Programme

OFFERS: Final = (0, 1, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How an organisation has set up who moves what, and whether answers are read."""

    organized_by: Literal["service", "mentee"] = "service"
    reads_mail: bool = False
    mentee_proposal: Literal["apply", "ask"] = "apply"
    mentor_proposal: Literal["apply", "ask"] = "ask"

    def of(self, made: Programme) -> Programme:
        return replace(
            made,
            organized_by=self.organized_by,
            reads_mail=self.reads_mail,
            mentee_proposal=self.mentee_proposal,
            mentor_proposal=self.mentor_proposal,
        )

    def links(self) -> Links:
        return Links("mentor@voorbeeld.example", b"specimen") if self.reads_mail else Links()


READ: Final = Setting(reads_mail=True)
CASES: Final = (
    *((Setting(), count) for count in OFFERS),
    *((READ, count) for count in OFFERS),
    (Setting(reads_mail=True, mentee_proposal="ask"), 3),
    (Setting(reads_mail=True, mentor_proposal="apply"), 1),
    (Setting(reads_mail=True, mentee_proposal="ask", mentor_proposal="apply"), 1),
    (Setting(organized_by="mentee"), 0),
    (Setting(organized_by="mentee", reads_mail=True), 3),
)
"""Settings, and how many times there are to choose from."""


def offers(count: int, zone: ZoneInfo) -> tuple[Offer, ...]:
    """Return that many times that would suit both."""
    return tuple(Offer(datetime(2027, 1, 18, 10, tzinfo=zone) + timedelta(days=index, hours=index), 60) for index in range(count))


def responses(made: Programme, count: int) -> Iterator[Response]:
    """Yield each letter about something that the programme's first pair did, with *count* times to choose from."""
    pair = next(iter(made.tracks.values())).mentorship
    mentee, mentor = pair.mentee.key, pair.mentor.key
    was = datetime(2027, 1, 14, 15, tzinfo=pair.mentee.zone)
    basic = Response(
        about=About.MOVED, mentorship=pair.key, person=mentee, other=mentor, uid="specimen@beklijf", was=was, start=was + timedelta(days=1)
    )
    one = replace(basic, series=True, recurrence_id=was.astimezone(UTC))
    whole = replace(basic, series=True)
    times = offers(count, pair.mentee.zone)
    for each in (basic, one, whole, replace(one, person=mentor, other=mentee)):
        yield each
    for why, each in zip(Hindrance, (basic, one, whole, replace(one, person=mentor, other=mentee), replace(whole, was=None)), strict=True):
        yield replace(each, about=About.IMPOSSIBLE, why=why, offers=times)
    for each in (one, whole, replace(whole, person=mentor, other=mentee, was=None)):
        yield replace(each, about=About.PROPOSED)
    for each in (whole, replace(whole, other=""), basic):
        yield replace(each, about=About.HOURS, start=None, offers=times)
    for each in (whole, basic):
        yield replace(each, about=About.HOURS_MENTOR, person=mentor, other=mentee, start=None)
    for each in (one, basic):
        yield replace(each, about=About.DECLINED, start=None, offers=times)
        yield replace(each, about=About.DECLINED, start=None, person=mentor, other=mentee)
    yield from _others(Response(about=About.GOAL_NOTED, mentorship=pair.key, person=mentee), mentor, was, count)


def _others(basic: Response, mentor: str, was: datetime, count: int) -> Iterator[Response]:
    first, last = date(2027, 1, 11), date(2027, 2, 5)
    days: Sequence[datetime] = tuple(was + timedelta(weeks=2 * index) for index in range(max(count, 1)))
    yield replace(basic, goal="Eerst *vragen*, <dan> antwoorden & luisteren", first=first)
    for person, kinds in ((basic.person, PAUSABLE[:1]), (mentor, PAUSABLE)):
        paused = replace(basic, about=About.PAUSED, person=person, kinds=kinds, first=first)
        yield paused
        yield replace(paused, last=last)
        yield replace(paused, about=About.RESUMED, first=last)
    away = replace(basic, about=About.MENTOR_PAUSED, other=mentor, kinds=("meetings",), first=first, days=tuple(days))
    yield away
    yield replace(away, last=last)
    yield replace(basic, about=About.MAILBOX_GONE, other=mentor, days=tuple(days))
    yield replace(basic, about=About.MAILBOX_GONE, person=mentor, other=basic.person, days=tuple(days))
