"""The values that the rest of the program speaks in: frozen, without clock, file or network.

Three families, in the order in which they come about: what people wrote (organisation, persons, trainings, method),
what planning makes of it (items, wishes, tracks, letters), and what a calendar holds (events).
All instants are aware. A day is a ``date`` in the zone that its field names. Addresses are compared casefolded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NewType

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping
    from datetime import date, datetime, time
    from zoneinfo import ZoneInfo


TEAMS = "teams"
"""What a training says to be ``online`` where the calendar server is to make an online meeting of each of its own."""

MentorshipKey = NewType("MentorshipKey", str)
"""``<training id>/<mentee's key>``: a swapped mentor keeps it."""

Ref = NewType("Ref", str)
"""Our name of an item, as people may type it: ``<mentorship>/series``, ``<mentorship>/stand-in:2027-05-06``."""


# -- what people wrote -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """Days from ``first`` to ``last``, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Contact:
    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeHours:
    start: time
    end: time
    days: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    name: str
    zone: ZoneInfo
    language: str
    holidays: str
    """A country code of the holidays library, or empty for none."""
    closed: tuple[Span, ...]
    open: frozenset[date]
    office_hours: OfficeHours
    letter_hour: time
    coordinator: Contact
    administrator: Contact
    domains: frozenset[str] = frozenset()
    """In which colleagues have their addresses (casefolded); empty: nobody said, so those of the service and its staff are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    key: str
    """The first address that this person ever had (casefolded); survives a new address."""
    name: str
    email: str
    language: str
    zone: ZoneInfo
    works: frozenset[int]
    away: tuple[Span, ...] = ()
    other_addresses: frozenset[str] = frozenset()
    """Casefolded: former ones (``was``) and aliases (``also``), from which answers come too."""
    calendar: str = ""
    """The URL of this person's own calendar, where ``[calendar] people`` doesn't lead to it."""

    @property
    def addresses(self) -> frozenset[str]:
        return self.other_addresses | {self.key, self.email.casefold()}

    @property
    def first_name(self) -> str:
        return self.name.split()[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meets:
    """A pair's weekday (Monday is 0) and wall-clock hour in ``zone``."""

    weekday: int
    at: time
    minutes: int
    zone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    date: dt.date
    key: dt.date
    """The first date that this session ever had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentorship:
    key: MentorshipKey
    training: str
    mentee: Person
    mentor: Person
    meets: Meets | None
    """None: nobody chose an hour; planning proposes one, and the ledger keeps it."""
    goals: tuple[str, ...]

    @property
    def zone(self) -> ZoneInfo:
        """The clock that the pair's hours are on."""
        return self.meets.zone if self.meets else self.mentee.zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    id: str
    name: str
    purpose: str
    sessions: tuple[Session, ...]
    """In order of date."""
    more_sessions: bool
    live: bool
    method: Method
    location: str
    online: str
    mentorships: tuple[Mentorship, ...]


# -- the method --------------------------------------------------------------------------------------------------------


class Anchor(StrEnum):
    """What a rule's days are counted from (method.md section 2)."""

    FIRST = "first"
    """F: the first day of the first block."""
    FIRST_BLOCK = "first-block"
    """S1: the last day of the first block."""
    BLOCK = "block"
    """S: the last day of each block in turn."""
    LAST = "last"
    """L: the last session day."""
    SILENCE = "silence"
    """Letters only: the first invitation of a mentorship that gave no sign of life since; days on which both work."""


class Role(StrEnum):
    MENTEE = "mentee"
    MENTOR = "mentor"


@dataclass(frozen=True, slots=True)
class Offset:
    """So many days after the anchor (before it when negative); ``working`` counts the receiver's working days only."""

    days: int
    working: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingRule:
    """One ``[[meeting]]``: a window of days in which the pair's own weekday falls once.

    Anchored on blocks it is the look-back: a meeting of the series within ``window`` serves; failing that, one extra
    meeting in ``extra``, unless another look-back lies within the ``unless_within`` days before that.
    """

    id: str
    anchor: Anchor
    window: tuple[int, int]
    extra: tuple[int, int] | None
    unless_within: int
    minutes: int
    opens: int | None
    """Days from F at which it may be written (negative: before); None: ``Limits.ahead`` days before it takes place."""
    questions: str
    """Names the block of questions in the templates."""
    enabled: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRule:
    """One ``[[series]]``: the recurring meeting, first within ``window`` of S1, until ``until`` days after L."""

    id: str
    anchor: Anchor
    window: tuple[int, int]
    every: int
    """Weeks between two meetings."""
    until: int
    minutes: int
    opens: int
    questions: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderRule:
    """One ``[[reminder]]``: a short recurring event for one person, shown as free."""

    id: str
    role: Role
    anchor: Anchor
    window: tuple[int, int]
    """Days after the anchor of the first reminder (the rest follows ``every`` weeks apart) and the last possible day."""
    every: int
    count: int
    minutes: int
    questions: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterRule:
    id: str
    role: Role
    anchor: Anchor
    at: Offset
    template: str
    order: int
    """Which letter keeps its day when two of one person's meet: the lower number."""
    late: int
    """Working days of the receiver after which the letter lapses."""
    not_on: frozenset[int]
    """Weekdays on which it never goes out."""
    on_joining: bool
    """Sent on joining when its own day has passed (the welcome letter); other letters of the past are dropped."""
    merge: bool
    """The receiver's letters of this rule, training and day become one, with a paragraph per mentee."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    block_gap: int
    """Session days fewer days apart than this are one block."""
    stand_in: int
    """A stand-in is at most so many days off the meeting that it stands in for."""
    apart: int
    """... and at least so many days from the pair's other meetings."""
    gap: int
    """The most days between two meetings that planning aims for."""
    ahead: int
    """Stand-ins, extra meetings and reminders are written at most so many days ahead."""
    letters_per_day: int
    letters_per_week: int
    off_share: float
    """``check`` names a better weekday when more than this share of a series falls on days off."""
    silent: int = 21
    """Days on which both work without a sign of life, after which the coordinator sees a count."""
    absence: int = 7
    """Days for which one out-of-office stops that clock."""
    in_a_row: int = 2
    """So many declined or cancelled meetings in a row are silence of another kind: the other one gets a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """The rules that turn a training into meetings, reminders and letters; every number with its reason in the file."""

    name: str
    series: SeriesRule
    meetings: tuple[MeetingRule, ...]
    reminders: tuple[ReminderRule, ...]
    letters: tuple[LetterRule, ...]
    limits: Limits
    digest: str
    """Of the values, not of the bytes: a changed comment is no changed method."""


# -- what planning makes of it -----------------------------------------------------------------------------------------


class Kind(StrEnum):
    MEETING = "meeting"
    SERIES = "series"
    REMINDER = "reminder"
    LETTER = "letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What one meeting is about beyond the usual: the block of questions, for a training, maybe for a session."""

    questions: str
    training: str
    session: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A meeting that does not take place on its day, and what became of it."""

    day: date
    why: str
    stand_in: date | None
    """None: left out altogether; the series' text and the plan say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One event that should exist, whole or in part, some time on the track."""

    ref: Ref
    kind: Kind
    rule: str
    training: str
    """The training that carries it; a pair in two trainings has one series, in ``topics`` of both."""
    mentorships: tuple[MentorshipKey, ...]
    people: tuple[Person, ...]
    """Mentee first; a reminder has the mentor alone."""
    starts: tuple[datetime, ...]
    """Every meeting that takes place in this event, in order, in wall time of the pair's zone."""
    without: tuple[datetime, ...]
    """Occurrences that hold no meeting (they become EXDATE), between the first and the last start; paused ones also beyond."""
    every: int
    """Weeks; 0 for a single meeting."""
    minutes: int
    location: str
    online: str
    opens: datetime
    """The earliest instant at which it may be written, by the method's portions (a letter hour of a working day)."""
    topics: Mapping[datetime, tuple[Topic, ...]]
    """By start; a start that is missing has only the usual questions of ``rule``."""
    left_out: tuple[LeftOut, ...]
    instead_of: date | None
    """The day that a stand-in stands in for."""
    questions: str
    generation: int
    why: str
    caught_up: bool = False
    """Its own day of opening had passed when the mentorship joined: somebody's change brings it about, not the calendar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A letter as the track wants it, before caps, merging and order."""

    ref: Ref
    """``<mentorship>/letter:<rule>[:<session key>]``; the rule says whose it is."""
    rule: LetterRule
    training: str
    mentorship: MentorshipKey
    person: Person
    due: date
    """In the receiver's zone."""
    session: date | None
    variant: int
    """1 for the first letter of this rule to this mentorship, 2 for the second, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something planning could not do as asked, in words for the coordinator."""

    training: str
    mentorship: MentorshipKey | None
    what: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """All that one mentorship should have, from welcome to closing."""

    mentorship: Mentorship
    meets: Meets | None
    """The hour that the pair has after all: its own, moved, or chosen. None: there is none."""
    proposed: bool
    """The hour is our proposal, and the welcome letter calls it that."""
    items: tuple[Item, ...]
    wishes: tuple[Wish, ...]
    meetings: tuple[datetime, ...]
    """All meetings of the mentorship in order, those in another training's items included."""
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail to one person: one wish, or the merged wishes of a mentor."""

    wishes: tuple[Wish, ...]
    at: datetime
    """When it goes out; for a lapsed one, when it lapsed."""
    lapsed: bool = False

    @property
    def person(self) -> Person:
        return self.wishes[0].person


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """Everything planning says, in one value: what letters, event texts, the merge and the plan are made from."""

    organisation: Organisation
    organizer: Contact
    trainings: Mapping[str, Training]
    tracks: Mapping[MentorshipKey, Track]
    organized_by: Literal["service", "mentee"] = "service"
    own_reminders: bool = False
    """A mentor's reminders stand in the mentor's own calendar, with nobody invited."""
    hears: bool = False
    """What people answer is read, be it only what a calendar tells."""
    reads_mail: bool = False
    """Answers by mail are read: times proposed from a calendar count, and the links in letters work."""
    mentee_proposal: Literal["apply", "ask"] = "apply"
    mentor_proposal: Literal["apply", "ask"] = "ask"


# -- what a calendar holds ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Override:
    """What became of one meeting of a series: moved to ``start``, or cancelled when that is None."""

    at: datetime
    """Where the rhythm had it, in UTC."""
    start: datetime | None
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Weekly, until the last start; ``other`` holds the RRULE of a human who wanted something else."""

    every: int
    last: datetime
    """The start of the last meeting by the rhythm (cancelled or not), in UTC: UNTIL as it acts, not as it is spelt."""
    other: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event in canonical form: two that mean the same are equal, whoever wrote them."""

    uid: str
    start: datetime
    """In wall time of a ZoneInfo; compared as an instant, since servers rename zones."""
    minutes: int
    recurrence: Recurrence | None
    overrides: tuple[Override, ...]
    """By ``at``; EXDATE and a cancelled override are the same."""
    title: str
    text: str
    location: str
    organizer: Contact
    people: tuple[Contact, ...]
    """The attendees by casefolded address; names are not compared."""
    alarms: tuple[int, ...]
    """Minutes before the start."""
    free: bool
    online: bool = False
    """An online meeting of the calendar server's own kind (Teams), which puts its link into the text by itself."""
    clock: str = field(default="", compare=False)
    """The rules of its zone by which it was written (`canonical.reckoned`); empty where nobody noted them."""
