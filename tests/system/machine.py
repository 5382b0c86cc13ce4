"""An installation to which anything may happen, in any order, and what must hold after all of it."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections import Counter, defaultdict
from contextlib import ExitStack, closing
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from beklijf import config
from beklijf.backends.folder.calendar import FolderCalendar
from beklijf.backends.folder.mailer import FolderMailer
from beklijf.contracts.mailer import nothing
from beklijf.decide import merge
from beklijf.decide.decider import Decider
from beklijf.decide.plan import Cause
from beklijf.ical import parser, reader
from beklijf.ledger import Ledger
from beklijf.ledger.holds import HoldKind, Holds
from beklijf.letters import Letters
from beklijf.mime import messages
from beklijf.model import canonical
from beklijf.model.domain import Override, Recurrence
from beklijf.model.errors import ConfigError, Conflict, Down, Refused, Transient, Unanswered
from beklijf.model.stored import NO_STAMP, NOTHING, Agent
from beklijf.tick.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from email.message import EmailMessage

    from beklijf.contracts.inbox import Inbox
    from beklijf.contracts.settings import Config
    from beklijf.model.conversation import Busy, Waiting
    from beklijf.model.domain import Event, Person
    from beklijf.model.stored import Changes, Stored
    from beklijf.tick.outcome import Outcome

T = TypeVar("T")
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
START = datetime(2026, 12, 14, 9, 0, tzinfo=UTC)
FIRST, LAST = date(2027, 1, 12), date(2027, 2, 16)
MENTEES = ("anna@voorbeeld.example", "bram@voorbeeld.example", "carla@voorbeeld.example", "dirk@voorbeeld.example")
MENTORS = ("xaver@voorbeeld.example", "yara@voorbeeld.example")
DAYS = ("mon", "tue", "wed", "thu", "fri")
FOREIGN = {
    "lunch.ics": b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:lunch@elsewhere\r\nDTSTAMP:20261201T120000Z\r\n"
    b"DTSTART:20270107T120000Z\r\nDTEND:20270107T130000Z\r\nSUMMARY:Lunch\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    "broken.ics": b"this is no calendar at all",
}
ORGANISATION = """
[organisation]
name = "Gemeente Voorbeeld"
time_zone = "Europe/Amsterdam"
language = "nl"
holidays = ""
closed = [{closed}]
office_hours = {{ from = 09:00:00, until = 17:00:00, days = ["mon", "tue", "wed", "thu", "fri"] }}
letter_hour = 09:00:00
coordinator = {{ name = "Marieke Smit", email = "opleidingen@voorbeeld.example" }}
administrator = {{ name = "Servicedesk", email = "servicedesk@voorbeeld.example" }}
[calendar]
kind = "folder"
path = "calendars"
organizer = {{ name = "Mentorprogramma", email = "mentor@voorbeeld.example" }}
[mail]
kind = "folder"
path = "outbox"
[service]
state = "state.sqlite3"
[guard]
max_people = 5
max_withdrawals = 3
"""


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the coordinator wrote; each edit is a new value."""

    closed: frozenset[date] = frozenset()
    away: frozenset[tuple[str, date]] = frozenset()
    sessions: tuple[tuple[date, date], ...] = ((FIRST, FIRST), (LAST, LAST))
    """Where each is now, and the first date that it ever had."""
    pairs: tuple[tuple[str, str], ...] = ((MENTEES[0], MENTORS[0]), (MENTEES[1], MENTORS[0]), (MENTEES[2], MENTORS[1]))
    meets: tuple[tuple[str, str, int], ...] = (("anna@voorbeeld.example", "tue", 10), ("bram@voorbeeld.example", "thu", 15))
    place: str = "Zaal 1"

    def toml(self) -> str:
        parts = [ORGANISATION.format(closed=", ".join(map(str, sorted(self.closed))))]
        for email in (*MENTEES, *MENTORS):
            away = ", ".join(f"{{ from = {day}, until = {day + timedelta(days=4)} }}" for who, day in sorted(self.away) if who == email)
            parts.append(f'[[person]]\nname = "{email.partition("@")[0].title()} Jansen"\nemail = "{email}"\naway = [{away}]\n')
        sessions = ", ".join(f"{{ date = {day}, was = {key} }}" if day != key else str(day) for day, key in sorted(self.sessions))
        parts.append(
            f'[[training]]\nid = "t"\nname = "Coachend leidinggeven"\npurpose = "Vragen voor antwoorden"\nsessions = [{sessions}]\n'
        )
        parts.append(f'state = "live"\nplace = "{self.place}"\n')
        own = {mentee: (day, hour) for mentee, day, hour in self.meets}
        for mentee, mentor in self.pairs:
            parts.append(f'[[training.mentorship]]\nmentee = "{mentee}"\nmentor = "{mentor}"\ngoals = ["Eerst twee vragen stellen"]\n')
            if mentee in own:
                parts.append(f'meets = {{ day = "{own[mentee][0]}", at = {own[mentee][1]:02}:00:00, minutes = 60 }}\n')
        return "".join(parts)


_NOTED = ("records", "adopted", "assumed", "holds", "heard", "rows")
PLANNED = ("id", "changes", "held", "problems", "next", "programme", "facts", "letters", "silences", *_NOTED)
"""Of a plan, all that counts."""


OFTEN = 10 if settings.get_current_profile_name() == "quick" else 1
"""At so many ticks once that is looked at: it takes more than the tick."""


class Crash(BaseException):
    """The process ends here: nothing may catch it, as nothing catches SIGKILL."""


@dataclass
class Faults:
    """What goes wrong with the next calls, one by one: nothing, or an error before or after the call worked."""

    coming: list[str] = field(default_factory=list)

    def around(self, call: Callable[[], T], *, meanwhile: Callable[[], object] = lambda: None) -> T:
        fault = self.coming.pop(0) if self.coming else "works"
        match fault:
            case "crash before":
                raise Crash
            case "crash after":
                call()
                meanwhile()
                raise Crash
            case "lost after":
                call()
                meanwhile()
                raise Unanswered("the connection was lost after the call had worked")
            case "refused":
                raise Refused("no, not this one")
            case "conflict":
                raise Conflict("somebody was faster")
            case "transient":
                raise Transient("try again later")
            case "down":
                raise Down("no to everything")
        return call()


CALENDAR_FAULTS = ("works", "transient", "down", "refused", "conflict", "lost after", "crash before", "crash after")
MAIL_FAULTS = ("works", "transient", "down", "refused", "lost after", "crash before", "crash after")


class FaultyCalendar:
    """A folder calendar behind a bad line."""

    may_schedule: bool | None = False

    def __init__(self, real: FolderCalendar, faults: Faults) -> None:
        self.real, self.faults, self.target = real, faults, real.target

    def check(self) -> str:
        return self.real.check()

    def changes(self, token: object, known: Mapping[str, str] = NOTHING) -> Changes:
        if self.faults.coming and self.faults.coming[0] in {"refused", "conflict"}:
            self.faults.coming.pop(0)  # nobody says that of a reading
        return self.faults.around(lambda: self.real.changes(token, known))

    def create(self, event: Event, *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP) -> Stored:
        return self.faults.around(lambda: self.real.create(event, sequence=sequence, agent=agent, stamp=stamp))

    def fetch(self, href: str) -> Stored:
        return self.faults.around(lambda: self.real.fetch(href))

    def seek(self, hrefs: Iterable[str]) -> Changes:
        return self.faults.around(lambda: self.real.seek(hrefs))

    def update(
        self, stored: Stored, wanted: Event, fields: frozenset[str], *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP
    ) -> Stored:
        return self.faults.around(lambda: self.real.update(stored, wanted, fields, sequence=sequence, agent=agent, stamp=stamp))

    def delete(self, stored: Stored) -> None:
        self.faults.around(lambda: self.real.delete(stored))

    def waiting(self) -> tuple[Waiting, ...]:
        return self.real.waiting()

    def take(self, waiting: Waiting) -> None:
        self.real.take(waiting)

    def busy(self, people: Sequence[Person], start: datetime, end: datetime) -> Mapping[str, tuple[Busy, ...]]:
        return self.faults.around(lambda: self.real.busy(people, start, end))

    def close(self) -> None:
        self.real.close()


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """One iTIP message as its receiver's program reads it."""

    recipient: str
    message_id: str
    subject: str
    method: str
    sequence: int
    """Of the whole."""
    newest: int
    """The highest of it and its meetings."""
    stamp: datetime
    event: Event

    @property
    def uid(self) -> str:
        return self.event.uid


class FaultyMailer:
    """A Maildir behind a bad line, which remembers what it handed over, to whom, and in what order."""

    def __init__(self, real: FolderMailer, faults: Faults, post: Post) -> None:
        self.real, self.faults, self.post, self.target = real, faults, post, real.target

    def check(self) -> str:
        return self.real.check()

    def send(self, message: EmailMessage, *, recipient: str, handing_over: Callable[[], None] = nothing) -> None:
        name = str(message["Message-ID"])

        def take() -> None:
            handing_over()
            self.real.send(message, recipient=recipient)
            self.post.take(message, recipient)

        try:
            self.faults.around(take, meanwhile=lambda: self.post.excuses.update([name]))
        except Refused:
            self.post.bounced.add(recipient)
            raise

    def close(self) -> None:
        self.real.close()


@dataclass
class Post:
    """What arrived at people."""

    taken: Counter[str] = field(default_factory=Counter)
    excuses: Counter[str] = field(default_factory=Counter)
    """Message-IDs whose hand-over was cut off when the other side had it already: once more is right, and no more than that."""
    bounced: set[str] = field(default_factory=set)
    invitations: dict[str, Invitation] = field(default_factory=dict)

    def take(self, message: EmailMessage, recipient: str) -> None:
        name = str(message["Message-ID"])
        self.taken[name] += 1
        parts = [*messages.parse(message.as_bytes(policy=messages.WIRE)).walk()]  # one that is kept has only its headers read
        passed_on = {id(part) for each in parts if each.get_content_type() == "message/rfc822" for part in each.walk()}
        for part in parts:
            if part.get_content_type() == "text/calendar" and id(part) not in passed_on:
                self.invitations[name] = _invitation(message, part.get_content().encode(), recipient)

    def agenda(self, recipient: str) -> dict[str, Event]:
        """Return what stands in the receiver's own calendar: messages in the order that RFC 5546 gives them."""
        found: dict[str, Event] = {}
        mine = [i for i in self.invitations.values() if i.recipient == recipient]
        for said in sorted(mine, key=lambda i: (i.sequence, i.stamp)):
            found.pop(said.uid, None)
            if said.method == "REQUEST":
                found[said.uid] = said.event
        return found


def _invitation(message: EmailMessage, data: bytes, recipient: str) -> Invitation:
    calendar = parser.parse(data)
    whole = next(c for c in calendar.subcomponents if c.name == "VEVENT")
    return Invitation(
        recipient=recipient,
        message_id=str(message["Message-ID"]),
        subject=str(message["Subject"]),
        method=str(calendar["METHOD"]),
        sequence=int(str(whole["SEQUENCE"])),
        newest=max(int(str(event["SEQUENCE"])) for event in calendar.walk("VEVENT")),
        stamp=reader.moment(calendar, whole, "DTSTAMP"),
        event=reader.read(data).event,
    )


LETTERS = Letters(None)


class Machine(RuleBasedStateMachine):
    first_days: ClassVar[tuple[int, ...]] = (0, 1)
    """When the service looked before an example begins, in days from `START`."""
    begun: ClassVar[list[tuple[Path, Post]]] = []
    """A copy of the first days, which are the same for every example."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.decider = Decider()
        self.ticks = count()
        self.folder = Path(tempfile.mkdtemp(prefix="beklijf-machine-"))
        self.place = self.folder / "calendars" / "mentor@voorbeeld.example"
        self.calendar_faults, self.mail_faults = Faults(), Faults()
        self.post = Post()
        self.words = self.good = Words()
        self.wrote: defaultdict[str, dict[str, object]] = defaultdict(dict)
        self.bin: dict[str, bytes] = {}
        self.now = self.latest = START

    @initialize()
    def begin(self) -> None:
        """Start after the first days: the first invitations have gone out by then. Every example gets a copy of them."""
        self.now = START + timedelta(days=self.first_days[-1])
        if self.begun:
            copied, post = self.begun[0]
            shutil.copytree(copied, self.folder, dirs_exist_ok=True)
            self.post = deepcopy(post)
            self.restart()
            return
        self.place.mkdir(parents=True)
        for name, data in FOREIGN.items():
            (self.place / name).write_bytes(data)
        self.restart()
        for days in self.first_days:
            self.engine.tick(START + timedelta(days=days))
        self.stack.close()
        copied = Path(tempfile.mkdtemp(prefix="beklijf-machine-begun-"))
        atexit.register(shutil.rmtree, copied)
        shutil.copytree(self.folder, copied, dirs_exist_ok=True)
        self.begun.append((copied, deepcopy(self.post)))
        self.restart()

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.stack.close()
            shutil.rmtree(self.folder)

    # -- the installation ----------------------------------------------------------------------------------------------

    def load(self) -> Config:
        path = self.folder / "config.toml"
        path.write_text(self.toml(), encoding="utf-8")
        return config.load(path)

    def toml(self) -> str:
        return self.words.toml()

    def inbox(self, settings: Config) -> Inbox | None:
        assert settings.inbox is None
        return None

    @rule()
    def restart(self) -> None:
        self.stack.close()
        settings = self.load()
        self.ledger = self.stack.enter_context(closing(Ledger(settings.service.state, durable=False)))
        self.desk = self.stack.enter_context(closing(Ledger(settings.service.state, durable=False)))
        real = FolderCalendar(settings.calendar, settings.calendar.organizer.email, durable=False)
        self.client = FolderCalendar(settings.calendar, settings.calendar.organizer.email, durable=False)
        mailer = FaultyMailer(FolderMailer(settings.mail, durable=False), self.mail_faults, self.post)
        calendar = FaultyCalendar(real, self.calendar_faults)
        self.engine = Engine(
            settings,
            ledger=self.ledger,
            calendar=calendar,
            mailer=mailer,
            letters=LETTERS,
            inbox=self.inbox(settings),
            decider=self.decider,  # one that outlives restarts and other configs, as it does a reload
        )

    def held(self) -> set[str]:
        """Return what may not go on in the next tick: nobody has approved it, and the config is the one that it was held under."""
        if any(decision.kind == "approve" for decision in self.ledger.decisions()):
            return set()
        holds = [h for h in Holds(self.ledger).standing() if h.kind in {HoldKind.WISH, HoldKind.QUESTION} and not h.approved]
        return {change.ref for hold in holds if hold.config == self.engine.config.digest for change in hold.changes}

    def tick(self) -> Outcome | None:
        held = self.held()
        try:
            outcome = self.engine.tick(self.now)
        except Crash:
            self.restart()
            return None
        except ConfigError:
            assert self.words != self.good, "a config that was good is good whatever people do"
            self.words = self.good
            self.restart()
            return self.tick()
        self.good = self.words
        if not next(self.ticks) % OFTEN:
            self.what_is_kept_is_what_would_be_found_anew()
        assert {change.ref for change in outcome.done if change.cause is Cause.CHANGE} & held == set()
        return outcome

    def what_is_kept_is_what_would_be_found_anew(self) -> None:
        """Decide by all that was kept from tick to tick, and by nothing but the files."""
        taker, changes = self.engine.taker, self.client.changes(None, self.ledger.etags())
        anew = replace(taker, decider=Decider())
        kept, fresh = (each.take(self.now, changes) for each in (taker, anew))
        assert (kept.facts, kept.trainings, kept.rows) == (fresh.facts, fresh.trainings, fresh.rows)
        assert self.decider.whom_to_ask(kept) == anew.decider.whom_to_ask(fresh)
        kept_plan, fresh_plan = self.decider.decide(kept), anew.decider.decide(fresh)
        for name in PLANNED:
            assert getattr(kept_plan, name) == getattr(fresh_plan, name), name

    @rule(later=st.one_of(st.integers(1, 60), st.integers(60, 3 * 24 * 60), st.integers(3 * 24 * 60, 12 * 24 * 60)))
    def time_passes(self, later: int) -> None:
        self.now += timedelta(minutes=later)
        self.tick()

    @rule(minutes=st.one_of(st.integers(1, 4), st.integers(5, 2 * 24 * 60)))
    def the_clock_goes_back(self, minutes: int) -> None:
        self.latest = max(self.latest, self.now)  # what waits for another try waits for that long
        self.now = max(self.now - timedelta(minutes=minutes), START + timedelta(days=self.first_days[-1]))
        self.tick()

    @rule(faults=st.lists(st.sampled_from(CALENDAR_FAULTS), min_size=1, max_size=6))
    def calendar_fails(self, faults: list[str]) -> None:
        self.calendar_faults.coming = faults

    @rule(faults=st.lists(st.sampled_from(MAIL_FAULTS), min_size=1, max_size=6))
    def mail_fails(self, faults: list[str]) -> None:
        self.mail_faults.coming = faults

    # -- the coordinator -----------------------------------------------------------------------------------------------

    def edit(self, words: Words) -> None:
        """Take a changed config up, unless ``check`` says no to it."""
        if words == self.words:
            return
        before, self.words = self.words, words
        try:
            self.load()
        except ConfigError:
            self.words = before
        self.restart()

    @rule(mentee=st.sampled_from(MENTEES), mentor=st.sampled_from(MENTORS))
    def give_a_mentor(self, mentee: str, mentor: str) -> None:
        pairs = dict(self.words.pairs) | {mentee: mentor}
        self.edit(replace(self.words, pairs=tuple(sorted(pairs.items()))))

    @precondition(lambda self: len(self.words.pairs) > 1)
    @rule(which=st.integers(0, 3))
    def take_out(self, which: int) -> None:
        pairs = list(self.words.pairs)
        pairs.pop(which % len(pairs))
        self.edit(replace(self.words, pairs=tuple(pairs)))

    @rule(which=st.integers(0, 1), days=st.sampled_from([-21, -7, -1, 1, 7, 28]), was=st.booleans())
    def move_a_session(self, which: int, days: int, was: bool) -> None:
        sessions = list(self.words.sessions)
        day, key = sessions[which]
        moved = day + timedelta(days=days)
        sessions[which] = (moved, key if was else moved)
        self.edit(replace(self.words, sessions=tuple(sessions)))

    @rule(place=st.sampled_from(["Zaal 1", "Zaal 2", "Kies samen"]))
    def change_the_place(self, place: str) -> None:
        self.edit(replace(self.words, place=place))

    @rule(mentee=st.sampled_from(MENTEES), day=st.sampled_from(DAYS), hour=st.integers(9, 15))
    def change_the_hour(self, mentee: str, day: str, hour: int) -> None:
        others = tuple(each for each in self.words.meets if each[0] != mentee)
        self.edit(replace(self.words, meets=(*others, (mentee, day, hour))))
        for row in self.ledger.rows().values():
            if mentee in row.ref and row.kind == "series":
                self.wrote.pop(row.uid, None)  # the pair's hour is what the config says again

    @rule(days=st.integers(0, 70))
    def close_a_day(self, days: int) -> None:
        day = self.now.date() + timedelta(days=days)
        self.edit(replace(self.words, closed=self.words.closed ^ {day}))

    @rule(who=st.sampled_from((*MENTEES, *MENTORS)), days=st.integers(0, 70))
    def go_on_leave(self, who: str, days: int) -> None:
        self.edit(replace(self.words, away=self.words.away ^ {(who, self.now.date() + timedelta(days=days))}))

    @rule(which=st.integers(0, 30))
    def restore(self, which: int) -> None:
        rows = sorted(self.ledger.rows().values(), key=lambda row: row.uid)
        wanted = [r for r in rows if r.state == "deleted" or merge.human_fields(canonical.load(r.asked), canonical.load(r.seen))]
        if wanted:
            row = wanted[which % len(wanted)]
            self.wrote.pop(row.uid, None)
            with self.desk.write():  # another process, as the command is
                self.desk.decide("restore", row.ref, made=self.now)

    # -- people in their calendar --------------------------------------------------------------------------------------

    def events(self) -> list[Stored]:
        """Return our events that stand in the calendar and have a meeting to come."""
        found = self.client.changes(None).changed
        return sorted((s for s in found if max(canonical.meetings(s.event) or (self.now,)) > self.now), key=lambda s: s.event.uid)

    def write(self, stored: Stored, event: Event, *fields: str) -> None:
        raised = stored.sequence + (len(stored.event.title) + len(self.wrote)) % 2  # some programs raise SEQUENCE, some don't
        self.client.update(stored, event, frozenset(fields), sequence=raised, agent=Agent.CLIENT, stamp=self.now)

    def remember(self, event: Event, **values: object) -> None:
        """Note what a person wrote, unless somebody has just asked for the event as the config has it."""
        given_back = {decision.subject for decision in self.ledger.decisions()}
        row = self.ledger.rows().get(event.uid)
        if row is None or row.ref not in given_back:
            self.wrote[event.uid] |= values

    @rule(which=st.integers(0, 30), days=st.integers(-3, 6), hour=st.integers(8, 17))
    def move_a_whole_event(self, which: int, days: int, hour: int) -> None:
        if not (found := self.events()):
            return
        stored = found[which % len(found)]
        event = stored.event
        start = (event.start.astimezone(AMSTERDAM) + timedelta(days=days)).replace(hour=hour)
        if start <= self.now or start == event.start or canonical.occurrences(event)[0] <= self.now:
            return
        recurrence = None
        if event.recurrence:
            steps = len(canonical.occurrences(event)) - 1
            recurrence = Recurrence(event.recurrence.every, (start + timedelta(weeks=event.recurrence.every * steps)).astimezone(UTC))
        self.write(stored, replace(event, start=start, recurrence=recurrence, overrides=()), "time", "recurrence")
        self.wrote[event.uid] = {name: value for name, value in self.wrote[event.uid].items() if merge.name(name) != "single"}
        self.remember(event, time=(start.astimezone(UTC), event.minutes))

    @rule(which=st.integers(0, 30), nth=st.integers(0, 6), days=st.integers(-3, 3), hour=st.integers(8, 17), off=st.booleans())
    def move_one_meeting(self, which: int, nth: int, days: int, hour: int, off: bool) -> None:
        if not (found := [s for s in self.events() if s.event.recurrence]):
            return
        stored = found[which % len(found)]
        event = stored.event
        ahead = [at for at in canonical.occurrences(event) if at > self.now]
        if len(ahead) < 2:
            return
        at = ahead[nth % len(ahead)]
        start = (at.astimezone(AMSTERDAM) + timedelta(days=days)).replace(hour=hour).astimezone(UTC)
        if start <= self.now or start == at:
            return
        override = Override(at, None) if off else Override(at, start, 45)
        if override in event.overrides:
            return
        overrides = {s.at: s for s in event.overrides} | {at: override}
        self.write(stored, replace(event, overrides=tuple(overrides[key] for key in sorted(overrides))), "single")
        self.remember(event, **{merge.single_field(at): (override.start, None if off else 45)})

    @rule(which=st.integers(0, 30), place=st.sampled_from(["De tuin", "Koffiehoek"]))
    def edit_the_place(self, which: int, place: str) -> None:
        if found := self.events():
            stored = found[which % len(found)]
            if stored.event.location == place:
                return
            self.write(stored, replace(stored.event, location=place), "place")
            self.remember(stored.event, place=place)

    @rule(which=st.integers(0, 30))
    def edit_the_text(self, which: int) -> None:
        if found := self.events():
            stored = found[which % len(found)]
            if stored.event.text == "Neem je boek mee":
                return
            self.write(stored, replace(stored.event, text="Neem je boek mee"), "text")
            self.remember(stored.event, text="Neem je boek mee")

    @rule(which=st.integers(0, 30))
    def delete(self, which: int) -> None:
        if found := self.events():
            stored = found[which % len(found)]
            path = self.place / stored.href
            self.bin[stored.href] = path.read_bytes()
            path.unlink()

    @precondition(lambda self: self.bin)
    @rule(which=st.integers(0, 30))
    def bring_back(self, which: int) -> None:
        href = sorted(self.bin)[which % len(self.bin)]
        data = self.bin.pop(href)
        if not (self.place / href).exists():
            (self.place / href).write_bytes(data)

    # -- at rest -------------------------------------------------------------------------------------------------------

    @rule()
    def settle(self) -> None:
        """Let everything work again until there is nothing to do, approve what is held, and look."""
        self.all_works_again()
        for _ in range(60):
            outcome = self.tick()
            assert outcome is not None
            if outcome.plan and outcome.plan.held:
                with self.desk.write():
                    self.desk.decide("approve", outcome.plan.id, made=self.now)
                self.now += timedelta(minutes=1)
            elif outcome.next and outcome.next <= max(self.now, self.latest) + timedelta(hours=5):
                self.now = max(outcome.next, self.now + timedelta(seconds=1))
            elif outcome.done or outcome.delivered.sent or outcome.errors or (outcome.plan and outcome.plan.records):
                self.now += timedelta(minutes=1)
            else:
                break
        else:
            raise AssertionError(f"never comes to rest: {_short(outcome)}")
        self.at_rest()

    def all_works_again(self) -> None:
        self.calendar_faults.coming = []
        self.mail_faults.coming = []

    def at_rest(self) -> None:
        plan = self.engine.plan(self.now)
        assert not plan.changes, [f"{c.action} {c.ref}: {c.why}" for c in plan.changes]
        assert [f"{h.change.action} {h.change.ref}: {h.reason}" for h in plan.held] == []
        rows = self.ledger.rows()
        found = [stored for stored in self.events() if stored.event.uid in rows]
        said = " ".join(map(str, plan.problems))
        orphans = [s.event for s in self.events() if s not in found and max(canonical.meetings(s.event), default=self.now) > self.now]
        assert [event.uid for event in orphans if event.uid not in said] == [], "an orphan nobody hears of"
        assert {name: (self.place / name).read_bytes() for name in FOREIGN} == FOREIGN
        self.each_item_stands_once(found)
        self.nothing_went_out_twice()
        self.human_edits_stand()

        self.people_know_what_stands(found)
        waiting = self.ledger.db.execute("SELECT name, state, note FROM outbox WHERE state IN ('waiting', 'sending')").fetchall()
        assert [tuple(row) for row in waiting] == []
        delivered = {
            row["message_id"] for row in self.ledger.db.execute("SELECT message_id FROM outbox WHERE state IN ('sent', 'perhaps')")
        }
        assert delivered <= self.post.taken.keys()

    def each_item_stands_once(self, found: list[Stored]) -> None:
        rows = self.ledger.rows()
        live = Counter((rows[s.event.uid].ref) for s in found if s.event.uid in rows)
        assert [ref for ref, times in live.items() if times > 1] == []
        there = {s.event.uid for s in found}
        for row in rows.values():
            if row.state == "live" and max(canonical.meetings(canonical.load(row.seen)) or (self.now,)) > self.now:
                assert row.uid in there, f"{row.ref} is live in the ledger and not in the calendar"

    def nothing_went_out_twice(self) -> None:
        twice = {name: times for name, times in self.post.taken.items() if times > 1 + min(self.post.excuses[name], 1)}
        assert twice == {}
        told = Counter((i.method, i.uid, i.recipient, i.newest, i.subject) for i in self.post.invitations.values())
        assert [what for what, times in told.items() if times > 1] == []

    def human_edits_stand(self) -> None:
        rows = self.ledger.rows()
        for stored in self.events():
            if stored.event.uid in rows:
                values = merge.fields(stored.event)
                for name, value in self.wrote.get(stored.event.uid, {}).items():
                    if name == "time" and stored.event.recurrence:
                        assert self.same_rhythm(stored.event, value), f"time of {rows[stored.event.uid].ref}, which a person wrote"
                    elif not merge.past(name, self.now) and not self.beyond(stored.event, name):
                        where = f"{name} of {rows[stored.event.uid].ref}, which a person wrote"
                        assert values.get(name) == value, where

    def beyond(self, event: Event, name: str) -> bool:
        """Tell whether a single meeting was of a place that the series no longer has: one that is shorter took it along."""
        return merge.name(name) == "single" and name not in {merge.single_field(at) for at in canonical.occurrences(event)}

    def same_rhythm(self, event: Event, wrote: object) -> bool:
        """Tell whether a series takes place at the hour that a person chose; its first meeting may have become a day off."""
        assert isinstance(wrote, tuple)
        start, minutes = wrote
        apart = event.start.replace(tzinfo=None) - start.astimezone(event.start.tzinfo).replace(tzinfo=None)
        return bool(event.minutes == minutes and apart % timedelta(weeks=2) == timedelta())

    def people_know_what_stands(self, found: list[Stored]) -> None:
        for person in (*MENTEES, *MENTORS):
            if person in self.post.bounced:
                continue
            knows = {
                uid: (ahead, event.location)
                for uid, event in self.post.agenda(person).items()
                if (ahead := [at for at in canonical.meetings(event) if at > self.now])
            }
            stands = {
                s.event.uid: ([at for at in canonical.meetings(s.event) if at > self.now], s.event.location)
                for s in found
                if person in {contact.email for contact in s.event.people}
            }
            assert knows == stands, person


def _short(outcome: Outcome | None) -> str:
    plan = outcome and outcome.plan
    return "nothing planned" if not plan else f"{[c.ref for c in plan.changes]} {[(h.change.ref, h.reason) for h in plan.held]} {plan.next}"


def nth(machine: Machine, item: str) -> int:
    """Return the place of an item of Bram's among the events."""
    rows = machine.ledger.rows()
    return next(n for n, s in enumerate(machine.events()) if rows[s.event.uid].ref == f"t/{MENTEES[1]}/{item}")
