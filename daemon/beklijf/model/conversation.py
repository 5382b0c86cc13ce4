"""What people say to the service and what it makes of that, as values: answers, proposals, pauses, tokens.

Frozen, without clock, file or network, like ``domain``. Addresses are casefolded; a *recurrence_id* is where the rule of a series
has one meeting, in UTC, and None means the whole event. Instants are aware.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from beklijf.model.domain import Kind, MentorshipKey, Recurrence, Ref


# -- what a calendar or a mail says ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Itip:
    """One iTIP message of an attendee about one event, or one meeting of it (RFC 5546 section 3.2)."""

    method: Literal["REPLY", "COUNTER", "REFRESH"]
    uid: str
    recurrence_id: datetime | None
    attendee: str
    """Empty where none, or more than one, is named: then the sender of the mail is meant."""
    partstat: str
    """As iCalendar spells it (``ACCEPTED``); empty for REFRESH."""
    sequence: int
    stamp: datetime | None
    """DTSTAMP."""
    start: datetime | None = None
    """COUNTER: the proposed start."""
    minutes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that waits in a server's schedule inbox (RFC 6638 section 2.2) until it is taken out."""

    href: str
    said: Itip | Exception
    """An exception, where reading it failed in a way that nobody expected; it is read again the next time."""

    @property
    def message(self) -> Itip:
        """What it says; raises that exception."""
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


@dataclass(frozen=True, slots=True, order=True)
class Busy:
    """A time at which somebody can't; nothing else is ever known of it."""

    start: datetime
    end: datetime


# -- what comes of it: one value for each thing that is noted ----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    uid: str
    recurrence_id: datetime | None
    who: str
    partstat: str
    """``ACCEPTED``, ``TENTATIVE``, ``DECLINED`` or ``NEEDS-ACTION``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    uid: str
    recurrence_id: datetime | None
    who: str
    start: datetime
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Somebody wants the invitation once more (REFRESH)."""

    uid: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """An answer about our event from an address that is not invited: perhaps the same person, which the coordinator knows."""

    uid: str
    recurrence_id: datetime | None
    who: str
    partstat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """An out-of-office: nobody reads there now, so silence means nothing."""

    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounced:
    """The address doesn't exist, or never takes our mail (RFC 3464, a permanent failure)."""

    address: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """A mail that carries one of our tokens."""

    token: str
    who: str
    said: str = ""
    """What follows ``Doel:`` or ``Goal:`` in it, for a token of that kind; one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproved:
    """What a mail asks in the name of somebody, and nothing proves that it is theirs: the coordinator says whether it counts."""

    asked: Answered | Proposed


Happening: TypeAlias = Answered | Proposed | Asked | Stranger | Away | Bounced | Pressed | Unproved


# -- what the ledger keeps ---------------------------------------------------------------------------------------------


class Said(StrEnum):
    """What happened between a pair and us; the silence of a mentorship is counted by these."""

    INVITED = "invited"
    """The first meeting was put into their calendars: day 0."""
    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"
    OPEN = "open"
    """An answer went back to open: the meeting that it was about is at another time now."""
    PROPOSED = "proposed"
    WROTE = "wrote"
    """Somebody used a link of a letter, or sent a goal: they read what we send."""
    MOVED = "moved"
    CANCELLED = "cancelled"
    """A person took a meeting out of the calendar."""
    AWAY = "away"
    STRANGER = "stranger"


Told: TypeAlias = dict[tuple[str, "datetime | None", str], Said]
"""The last answer that the calendar told, by event, meeting and address."""


ANSWERS: Mapping[str, Said] = {
    "ACCEPTED": Said.ACCEPTED,
    "TENTATIVE": Said.TENTATIVE,
    "DECLINED": Said.DECLINED,
    "NEEDS-ACTION": Said.OPEN,
}
"""By PARTSTAT; what else there is (``DELEGATED``, ``IN-PROCESS``) counts as no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One thing that was heard, when, of whom, about which meeting."""

    at: datetime
    said: Said
    uid: str
    ref: Ref
    """Empty for what is about a person and no event (`Said.AWAY`, `Said.WROTE`)."""
    recurrence_id: datetime | None = None
    who: str = ""
    """The address; empty where a calendar doesn't tell who changed it."""
    person: str = ""
    """Whose address that is, by key; empty while nobody knows."""
    source: Literal["calendar", "mail"] = "calendar"


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was heard of one mentorship, oldest first, as the ladder of silence and ``status`` need it."""

    heard: tuple[Heard, ...] = ()

    def answers(self) -> Mapping[tuple[str, datetime | None, str], Heard]:
        """Return the answer that holds, by event (UID), meeting and person (key), as first given: mail and calendar may both tell."""
        found: dict[tuple[str, datetime | None, str], Heard] = {}
        for each in self.heard:
            if each.said in ANSWERS.values() and each.person:
                key = each.uid, each.recurrence_id, each.person
                if key not in found or found[key].said is not each.said:
                    found[key] = each
        return {key: each for key, each in found.items() if each.said is not Said.OPEN}


FEW = 5
"""Pairs; what groups smaller than this answered is only told of several of them together, unless names are switched on."""

PausedKind: TypeAlias = Literal["letters", "reminders", "meetings"]
PAUSABLE: tuple[PausedKind, ...] = ("letters", "reminders", "meetings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A person who wants nothing of one kind, from a day on, until a day (both included) or until they resume."""

    person: str
    kind: PausedKind
    first: date
    last: date | None = None

    def __contains__(self, day: date) -> bool:
        return self.first <= day and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Another time for one meeting or for a series, as somebody proposed it, until it is settled."""

    id: int
    at: datetime
    mentorship: MentorshipKey
    uid: str
    """Empty: the hour of a series that is not written yet."""
    recurrence_id: datetime | None
    who: str
    """The person's key."""
    start: datetime
    """For a whole series its first meeting, in wall time of the zone in which it goes on."""
    minutes: int
    agreed: bool = False
    """By the one whose say it is (taken over by a token): applied, whoever proposed it."""


class TokenKind(StrEnum):
    GOAL = "goal"
    """A goals letter's: what follows ``Doel:`` becomes the goal."""
    PAUSE = "pause"
    """``value["kind"]``: letters, reminders or meetings."""
    RESUME = "resume"
    HOUR = "hour"
    """Another hour for the whole series: ``value`` has ``start`` (its first meeting, ISO with offset), ``zone``, ``minutes``."""
    ONCE = "once"
    """Only this time: nothing is to be done."""
    TIME = "time"
    """Another time for one meeting: ``value`` has ``uid``, ``place`` (ISO or empty), ``start``, ``minutes``."""
    CONFIRM = "confirm"
    """They did ask it by mail: ``value`` has ``partstat`` (empty: a proposal), ``uid``, ``place``, ``start`` and ``minutes``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Something that a person can ask for by sending a mail that carries it; it can't be guessed."""

    token: str
    kind: TokenKind
    mentorship: MentorshipKey
    person: str
    """The key of whom it was made for."""
    value: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """A time that suits both, for one meeting or as the hour of a series from that meeting on."""

    start: datetime
    """In wall time of the pair's zone."""
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """Our event, as far as an answer to it must fit: who is in it, what it is, and its last change of time."""

    uid: str
    kind: Kind
    mentorships: tuple[MentorshipKey, ...]
    people: frozenset[str]
    """The attendees' addresses."""
    sequence: int
    """The highest SEQUENCE that was mailed of the whole; a reply to a lower one is about another time."""
    icaluid: str = ""
    """The UID that answers by mail have, where the inviting server took none of ours."""
    start: datetime | None = None
    recurrence: Recurrence | None = None
    """By which the place of a single meeting is found, whatever rules of its zone an answer spells it by."""
    sequences: Mapping[datetime, int] = field(default_factory=dict)
    """The same of single meetings that were mailed by themselves: of those nobody's copy of the whole has heard."""

    def current(self, recurrence_id: datetime | None) -> int:
        """Return the SEQUENCE that an answer about one meeting, or the whole, must have at least."""
        return self.sequence if recurrence_id is None else max(self.sequence, self.sequences.get(recurrence_id, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What a mail says of an event besides what it is: of which version each part of it is, and who answered what."""

    sequences: Mapping[datetime | None, int]
    """SEQUENCE of the whole (None), and of the meetings that were mailed by themselves, by RECURRENCE-ID."""
    answers: Mapping[tuple[datetime | None, str], str] = field(default_factory=dict)
    """PARTSTAT, by RECURRENCE-ID and address; of a meeting of which nothing stands here it is that of the whole."""

    def sequence(self, recurrence_id: datetime | None) -> int:
        return max(self.sequences[None], self.sequences.get(recurrence_id, 0))

    def partstat(self, recurrence_id: datetime | None, address: str) -> str:
        return self.answers.get((recurrence_id, address)) or self.answers.get((None, address)) or "NEEDS-ACTION"


class About(StrEnum):
    """A letter that answers something that a person did: it goes at once, and no cap counts it. Named as its template."""

    MOVED = "moved"
    """To who proposed: the meeting is at the time that they proposed; of a series also: only this time, or from now on?"""
    IMPOSSIBLE = "impossible"
    """To who proposed (or pressed a token that is outdated): why not, and times that suit both."""
    PROPOSED = "proposed"
    """To the other one, whose say it is: take it over?"""
    HOURS = "hours"
    """To the mentee, when one of the two declined the series or the goals meeting: other hours that suit both."""
    HOURS_MENTOR = "hours-mentor"
    """The line about that to the mentor."""
    DECLINED = "declined"
    """To the other one: a single meeting was declined; the mentee is offered other times."""
    GOAL_NOTED = "goal-noted"
    """To the mentee: the goal, quoted, and how to change it."""
    PAUSED = "paused"
    RESUMED = "resumed"
    MENTOR_PAUSED = "mentor-paused"
    """To each mentee of a mentor who paused meetings: which ones don't take place."""
    MAILBOX_GONE = "mailbox-gone"
    """To the other one: please delete these entries yourself, nobody can do it for you any more."""


class Hindrance(StrEnum):
    """Why a proposed time can't be."""

    PAST = "past"
    NEIGHBOURS = "neighbours"
    """On or beyond the day of the pair's meeting before or after it: calendars don't take that."""
    DAY_OFF = "day-off"
    TAKEN = "taken"
    """One of the two has another mentor meeting then."""
    OVER = "over"
    """The meeting that it is about has been, or is no longer there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What one such letter says, to one person about one mentorship."""

    about: About
    mentorship: MentorshipKey
    person: str
    """The receiver's key."""
    other: str = ""
    """The key of the one who declined, proposed or paused, where that is the other of the two."""
    uid: str = ""
    recurrence_id: datetime | None = None
    series: bool = False
    """It is about a whole series; with a recurrence_id: about one meeting of a series."""
    was: datetime | None = None
    """The meeting's own time, in wall time of the pair's zone."""
    start: datetime | None = None
    """The time that is proposed, or where the meeting is now."""
    minutes: int = 60
    why: Hindrance | None = None
    offers: tuple[Offer, ...] = ()
    goal: str = ""
    kinds: tuple[PausedKind, ...] = ()
    first: date | None = None
    last: date | None = None
    days: tuple[datetime, ...] = ()
    """The meetings that don't take place, or that are to be deleted."""
