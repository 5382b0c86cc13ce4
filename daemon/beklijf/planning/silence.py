"""The ladder of a pair that is not heard of: which letters it brings, and for ``status`` who waits for whom. Pure.

    what is heard of a pair                     what comes of it
    ------------------------------------------  ------------------------------------------------------------------------
    nothing since the first invitation          the rules of ``Anchor.SILENCE``, each on its day, until the first sign of life
    its series or goals meeting declined        no rung: this hour doesn't suit, which is answered elsewhere; nothing new
    so many meetings in a row off, by one       the rung of the other one, at once; any move or proposal begins anew
    an answer of somebody unknown               the ladder stops until the config says whose address it is

Days are counted on which both work; a training day is one: who is in a room with others still reads. Days don't count in a
pause of meetings, nor on the day of an out-of-office and so many after it. Sends nothing, and doesn't know what was sent.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING

from beklijf.model.conversation import ANSWERS, History, Said
from beklijf.model.domain import Anchor, Kind, Ref, Role, Span, Wish
from beklijf.planning.agendas import day_of
from beklijf.planning.days import DAY, WorkingDays
from beklijf.planning.in_a_row import INITIATIVE, Run, find_run, in_order
from beklijf.planning.pauses import Pauses

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import date

    from beklijf.model.conversation import Heard
    from beklijf.model.domain import Item, LetterRule, Mentorship, MentorshipKey, Method, Person, Programme, Track, Training
    from beklijf.model.facts import Facts

_LIFE = frozenset({Said.ACCEPTED, Said.TENTATIVE, Said.DECLINED, Said.PROPOSED, Said.WROTE, Said.MOVED, Said.CANCELLED})
"""Whoever says one of these reads what we send."""
_LONGEST = 400
"""Days to count before concluding that the clock stands still for good."""


class Reason(StrEnum):
    """Why somebody waits."""

    NO_ANSWER = "no-answer"
    AWAY = "away"
    STRANGER = "stranger"
    DECLINED_SERIES = "declined-series"
    DECLINED_IN_A_ROW = "declined-in-a-row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A pair of which something is waited for."""

    reason: Reason
    since: datetime
    waiting_for: str
    """The person's key; empty: the coordinator, who is asked whose an address is."""
    silent: bool
    """So long that the coordinator sees a count (``Limits.silent``)."""


def is_arrangement(ref: Ref, track: Track, method: Method) -> bool:
    """Say whether *ref* is what a pair's meeting hangs on: its series, whichever training carries it, or its goals meeting."""
    owner, _, name = ref.rpartition("/")
    if name == method.series.id:
        return True
    return owner == track.mentorship.key and any(name == rule.id for rule in method.meetings if rule.anchor is Anchor.FIRST)


def unsettled(history: History, arrangements: Collection[Ref], people: Collection[str]) -> Heard | None:
    """Return the no of one of *people* (keys) to a whole series or goals meeting (by ref) after which nothing new goes out.

    Settled is what the same person takes back, what is moved or proposed since, and what goes on as another event.
    """
    current = {heard.ref: heard.uid for heard in history.heard if heard.said is Said.INVITED}
    for number, no in enumerate(history.heard):
        if no.said is not Said.DECLINED or no.recurrence_id is not None or no.ref not in arrangements or no.person not in people:
            continue
        if current.get(no.ref, no.uid) != no.uid:
            continue  # people throw away what went on under another invitation, and their program says no to it
        if not any(_settles(later, no) for later in history.heard[number + 1 :]):
            return no
    return None


def _settles(later: Heard, no: Heard) -> bool:
    if later.said in INITIATIVE:
        return True
    if later.ref == no.ref and later.uid != no.uid:
        return True
    taken_back = later.said in ANSWERS.values() and later.said is not Said.DECLINED
    return taken_back and (later.uid, later.recurrence_id, later.person) == (no.uid, None, no.person)


# -- over a whole programme --------------------------------------------------------------------------------------------


class Ladder:
    """The ladders of all *tracks*; each is climbed when it is asked for."""

    def __init__(
        self, tracks: Mapping[MentorshipKey, Track], trainings: Mapping[str, Training], facts: Facts, working: WorkingDays
    ) -> None:
        self._tracks = tracks
        self._trainings = trainings
        self._facts = facts
        self._working = working
        self._pauses = Pauses(facts.pauses)
        self._items: defaultdict[MentorshipKey, list[Item]] = defaultdict(list)
        for track in tracks.values():
            for item in track.items:
                for key in item.mentorships if item.kind is not Kind.REMINDER else ():
                    self._items[key].append(item)

    def rungs(self, key: MentorshipKey) -> Iterator[Wish]:
        """Yield the letters that silence brings, each once for every time that it sets in."""
        if key not in self._facts.heard or not (track := self._tracks[key]).meetings:
            return
        pair, history = track.mentorship, self._facts.heard[key]
        if _stranger(history):
            return
        clock = self._clock(pair, history)
        if run := self._run(key):
            if unsettled(history, self._arrangements(key, run.since), _keys(pair)):
                return
            rules = [rule for rule in self._rules(pair) if rule.role is run.turn]
            since, name = run.since, f":{day_of(run.since, pair.mentee)}"
        elif not _alive(history) and (invited := _first(history, Said.INVITED)):
            rules, since, name = self._rules(pair), invited.at, ""
        else:
            return
        for rule in rules:
            person = _receiver(rule, pair)
            due = clock.after(day_of(since, person), 0 if name else rule.at.days)
            if due and self._reaches(track, person, due):
                yield Wish(
                    ref=Ref(f"{key}/letter:{rule.id}{name}"),
                    rule=rule,
                    training=pair.training,
                    mentorship=key,
                    person=person,
                    due=due,
                    session=None,
                    variant=1,
                )

    def standing(self, key: MentorshipKey, now: datetime) -> Silence | None:
        """Return who is waited for; None for a pair that was heard of, wasn't asked yet, or whose meetings are over."""
        found = self._standing(key, now)
        return found[0] if found else None

    def turns(self, key: MentorshipKey, now: datetime) -> datetime | None:
        """Return the day on which `standing` may be another by itself: it has lasted long enough, or somebody is back."""
        found = self._standing(key, now)
        if found is None:
            return None
        (silence, enough), pair = found, self._tracks[key].mentorship
        if any(heard.said is Said.AWAY for heard in self._facts.heard[key].heard):
            enough = day_of(now, pair.mentee) + DAY
        elif silence.silent:
            return None
        return None if enough is None else datetime.combine(enough, time(), pair.mentee.zone)

    def _standing(self, key: MentorshipKey, now: datetime) -> tuple[Silence, date | None] | None:
        """Return it with the day on which it has lasted long enough to be counted; None for that: it never will have."""
        track = self._tracks[key]
        if key not in self._facts.heard or not track.meetings or track.meetings[-1] <= now:
            return None
        pair, history = track.mentorship, self._facts.heard[key]
        clock, run, stranger = self._clock(pair, history), self._run(key), _stranger(history)
        invited = _first(history, Said.INVITED)
        if no := unsettled(history, self._arrangements(key, now), _keys(pair)):
            reason, since, waiting = Reason.DECLINED_SERIES, no.at, pair.mentee.key
        elif run and not stranger:
            reason, since, waiting = Reason.DECLINED_IN_A_ROW, run.since, (pair.mentor if run.turn is Role.MENTOR else pair.mentee).key
        elif invited is None or (_alive(history) and not run):
            return None
        elif stranger:
            reason, since, waiting = Reason.STRANGER, stranger.at, ""
        elif away := clock.away_on(now):
            reason, since, waiting = Reason.AWAY, away.at, away.person
        else:
            reason, since, waiting = Reason.NO_ANSWER, invited.at, pair.mentee.key
        begin = invited.at if reason is Reason.AWAY and invited else since
        enough = clock.after(day_of(begin, pair.mentee), self._method(pair).limits.silent)
        silent = enough is not None and enough <= day_of(now, pair.mentee)
        return Silence(reason=reason, since=since, waiting_for=waiting, silent=silent), enough

    def unsettled(self, key: MentorshipKey, now: datetime) -> bool:
        """Say whether an hour was declined that still lies ahead, so that nothing new is to go out for the pair."""
        history = self._facts.heard.get(key)
        return history is not None and unsettled(history, self._arrangements(key, now), _keys(self._tracks[key].mentorship)) is not None

    # -- what it takes

    def _method(self, pair: Mentorship) -> Method:
        return self._trainings[pair.training].method

    def _rules(self, pair: Mentorship) -> list[LetterRule]:
        return [rule for rule in self._method(pair).letters if rule.anchor is Anchor.SILENCE]

    def _arrangements(self, key: MentorshipKey, now: datetime) -> frozenset[Ref]:
        """Return the series and goals meeting of a pair for as far as they lie ahead: nothing is to be settled of what has been."""
        track = self._tracks[key]
        method = self._method(track.mentorship)
        ahead = (item for item in self._items[key] if item.starts[-1] > now)
        return frozenset(item.ref for item in ahead if item.kind is Kind.SERIES or is_arrangement(item.ref, track, method))

    def _clock(self, pair: Mentorship, history: History) -> _Clock:
        absence = DAY * self._method(pair).limits.absence
        away = tuple(
            (Span(day, day + absence), heard)
            for heard in history.heard
            if heard.said is Said.AWAY and heard.person in _keys(pair)
            for day in (day_of(heard.at, pair.mentee if heard.person == pair.mentee.key else pair.mentor),)
        )
        return _Clock((pair.mentee, pair.mentor), self._working, self._pauses, away)

    def _reaches(self, track: Track, person: Person, due: date) -> bool:
        """Say whether a letter still makes sense then: in the track, to somebody who was there and paused none."""
        pair = track.mentorship
        since = self._facts.arrived.get((pair.key, person.key), self._facts.joined.get(pair.key))
        late = due > day_of(track.meetings[-1], person) or (since is not None and due < day_of(since, person))
        return not late and not self._pauses.on("letters", person, due)

    def _run(self, key: MentorshipKey) -> Run | None:
        pair, history = self._tracks[key].mentorship, self._facts.heard[key]
        enough = self._method(pair).limits.in_a_row
        if sum(heard.said in {Said.DECLINED, Said.CANCELLED} for heard in history.heard) < enough:
            return None
        return find_run(pair, history, in_order(self._items[key]), enough)


def ladder(programme: Programme, facts: Facts, holidays: frozenset[date]) -> Ladder:
    """Return the ladders of all tracks of a programme."""
    return Ladder(programme.tracks, programme.trainings, facts, WorkingDays(programme.organisation, holidays))


# -- the history of one pair -------------------------------------------------------------------------------------------


def _keys(pair: Mentorship) -> tuple[str, str]:
    return pair.mentee.key, pair.mentor.key


def _receiver(rule: LetterRule, pair: Mentorship) -> Person:
    return pair.mentee if rule.role is Role.MENTEE else pair.mentor


def _first(history: History, said: Said) -> Heard | None:
    return next((heard for heard in history.heard if heard.said is said), None)


def _stranger(history: History) -> Heard | None:
    return next((heard for heard in history.heard if heard.said is Said.STRANGER and not heard.person), None)


def _alive(history: History) -> bool:
    """Say whether one of the two did anything, or the calendar tells that somebody did; a stranger counts once it is known who it is."""
    return any(
        (heard.said in _LIFE and (heard.person or not heard.who)) or (heard.said is Said.STRANGER and heard.person)
        for heard in history.heard
    )


class _Clock:
    """The days of two people that count."""

    def __init__(self, people: tuple[Person, Person], working: WorkingDays, pauses: Pauses, away: tuple[tuple[Span, Heard], ...]) -> None:
        self._people = people
        self._days = [working.of(person) for person in people]
        self._pauses = pauses if pauses.concern("meetings", people) else None
        self._away = away

    def counts(self, day: date) -> bool:
        if self._away and any(day in span for span, _ in self._away):
            return False
        if self._pauses and any(self._pauses.on("meetings", person, day) for person in self._people):
            return False
        return all(days.works(day) for days in self._days)

    def after(self, day: date, count: int) -> date | None:
        """Return the day on which *count* days that count have passed since *day*; None when they never will have."""
        for _ in range(_LONGEST):
            if not count:
                return day
            day += DAY
            count -= self.counts(day)
        return None

    def away_on(self, now: datetime) -> Heard | None:
        """Return the last out-of-office that stops the clock now."""
        last = [heard for span, heard in self._away if day_of(now, self._people[0]) in span]
        return last[-1] if last else None
