"""SIGKILL at random points of a tick, a hundred times: what remains is finished, and nothing is there, or heard, twice.

A tick runs in a child of a process that has everything loaded, so that a kill lands in the work and not in imports. Every
town is compared with one that nobody disturbed.
"""

from __future__ import annotations

import mailbox
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import TYPE_CHECKING, Protocol, TypeAlias

import pytest

from beklijf import config
from beklijf.ical.parser import parse as parse_calendar
from beklijf.ical.reader import moment
from beklijf.mime.messages import parse
from beklijf.model import canonical
from beklijf.model.conversation import TokenKind
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from beklijf.model.conversation import Pause
    from beklijf.tick.engine import Engine

    class Taken(Protocol):
        recipient: str
        content: bytes
        message_id: str

    class Post(Protocol):
        taken: list[Taken]

    class Office(Protocol):
        """A mail server as ``conftest`` starts it."""

        toml: str
        post: Post


KILLS = 100
KILLS_ON_SERVERS = 12
PAIRS, PAIRS_ON_SERVERS = 20, 6

NURSERY = """
import logging, os, signal, sys, time, traceback
from datetime import datetime, timedelta
from pathlib import Path
from beklijf import config
from beklijf.tick.wiring import opened
import beklijf.backends.caldav.calendar, beklijf.backends.folder.calendar, beklijf.backends.folder.mailer, beklijf.backends.smtp_imap.mailer

def tick(path, now, log):
    logging.basicConfig(filename=log, level=logging.INFO)
    with opened(config.load(Path(path))) as engine:
        at = datetime.fromisoformat(now)
        outcome = engine.tick(at, patient=False)
        soon = outcome.next is not None and outcome.next - at < timedelta(hours=1)
        return bool(outcome.done or outcome.delivered.sent or soon)

for line in sys.stdin:
    budget, *arguments = line.rstrip().split("\\t")
    child = os.fork()
    if child == 0:
        try:
            os._exit(tick(*arguments))
        except BaseException:
            traceback.print_exc()
            os._exit(70)
    while not (ended := os.wait4(child, os.WNOHANG))[0]:
        if time.clock_gettime(~child << 3 | 2) > float(budget):  # its own CPU clock (clock_getcpuclockid), whatever else runs
            os.kill(child, signal.SIGKILL)
            ended = os.wait4(child, 0)
            break
        time.sleep(0.001)
    print(os.waitstatus_to_exitcode(ended[1]), ended[2].ru_utime + ended[2].ru_stime, flush=True)
"""


class Nursery:
    """The process whose children tick."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.say, self.hear = self.process.stdin, self.process.stdout

    def tick(self, town: Town, *, kill_after: float = float("inf")) -> tuple[int, float]:
        """Let a child tick, and return how it ended and how much CPU it took; *kill_after* so many seconds of that it is killed.

        It ends with 1 when it did something or will soon, with 0 when there was nothing to do.
        """
        self.say.write(f"{kill_after}\t{town.folder / 'config.toml'}\t{town.now.isoformat()}\t{town.folder / 'log'}\n")
        self.say.flush()
        code, seconds = self.hear.readline().split()
        assert int(code) in {0, 1, -signal.SIGKILL}
        return int(code), float(seconds)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.say.close()
    made.process.wait(10)
    made.hear.close()


@dataclass(frozen=True, kw_only=True)
class Words:
    pairs: int
    place: str = "Zaal 1"
    closed: str = ""

    def toml(self, backends: str) -> str:
        parts = [
            '[organisation]\nname = "Gemeente Voorbeeld"\ntime_zone = "Europe/Amsterdam"\nlanguage = "nl"\nholidays = ""',
            f"closed = [{self.closed}]\nletter_hour = 09:00:00",
            'coordinator = { name = "Marieke Smit", email = "opleidingen@voorbeeld.example" }',
            f'{backends}\n[service]\nstate = "state.sqlite3"\n[guard]\nmax_people = 1000\nmax_withdrawals = 1000',
            '[inbox]\nkind = "folder"\npath = "inbox"\nauthserv_id = "mx.voorbeeld.example"\n[answers]\nread = true',
        ]
        for n in range(PAIRS):
            parts += [f'[[person]]\nname = "{who.title()} {n}"\nemail = "{who}{n}@voorbeeld.example"' for who in ("mentee", "mentor")]
        parts.append('[[training]]\nid = "t"\nname = "Helder schrijven"\npurpose = "brieven die iedereen begrijpt"')
        parts.append(
            f'sessions = [2027-01-12, 2027-02-16]\nstate = "live"\nmeets = {{ day = "thu", at = 10:00:00 }}\nplace = "{self.place}"'
        )
        for n in range(self.pairs):
            parts.append(f'[[training.mentorship]]\nmentee = "mentee{n}@voorbeeld.example"\nmentor = "mentor{n}@voorbeeld.example"')
        return "\n".join(parts) + "\n"


WELCOME = datetime(2026, 12, 14, 9, 0, tzinfo=UTC)
Chapter: TypeAlias = "tuple[timedelta, Words, Callable[[Town], Iterator[EmailMessage]] | None]"
"""How much later, what the config says then, and what people say."""
Story: TypeAlias = tuple[Chapter, ...]


def story(pairs: int) -> Story:
    """Return when the config says what, for so many pairs, and what people answer to it."""
    first = Words(pairs=pairs)
    moved = replace(first, place="Zaal 2")
    closed = replace(moved, closed="2027-02-04")
    return (
        (timedelta(), first, None),  # two welcome letters each
        (timedelta(days=1), first, None),  # two events each, and their invitations
        (timedelta(days=2), first, answers),
        (timedelta(days=3), first, choices),
        (timedelta(days=4), moved, None),  # all events updated and told again
        (timedelta(days=5), closed, None),  # a meeting of each series cancelled, later a stand-in for it
        (timedelta(days=6), replace(closed, pairs=pairs - pairs // 3), None),  # a third of the pairs taken out
    )


SECOND = datetime(2027, 2, 4, 9, tzinfo=UTC)
"""The second meeting of each series."""


def answers(town: Town) -> Iterator[EmailMessage]:
    """Yield what people say when they were invited: each pair in one of six ways."""
    with opened(config.load(town.folder / "config.toml")) as engine:
        series = {row.mentorships[0]: row for row in engine.ledger.rows().values() if row.kind == "series"}
        for n, row in enumerate(series[key] for key in sorted(series)):
            mentee, mentor = (next(p for p in row.persons if p.startswith(who)) for who in ("mentee", "mentor"))
            match n % 6:
                case 0:
                    yield _itip(town, engine, row.uid, mentee, "REPLY", "ACCEPTED")
                    yield _letter(town, mentor, "Vraagje", "Hoe werkt dit?")
                case 1:
                    yield _itip(town, engine, row.uid, mentee, "REPLY", "DECLINED", place=SECOND)
                    away = _letter(town, mentor, "Automatisch antwoord", "Ik ben er niet.")
                    away["Auto-Submitted"] = "auto-replied"
                    yield away
                case 2:
                    yield _itip(town, engine, row.uid, mentee, "COUNTER", "TENTATIVE", place=SECOND, start=SECOND - timedelta(days=1))
                case 3:
                    yield _itip(town, engine, row.uid, mentor, "COUNTER", "TENTATIVE", place=SECOND, start=SECOND + timedelta(days=1))
                case 4:
                    yield _pressed(town, engine, mentee, TokenKind.HOUR)
                case _:
                    yield _itip(town, engine, row.uid, mentor, "REPLY", "DECLINED")
                    yield _itip(town, engine, row.uid, mentee, "COUNTER", "TENTATIVE", place=SECOND, start=SECOND + timedelta(days=2))


def choices(town: Town) -> Iterator[EmailMessage]:
    """Yield what people make of the answers that they got."""
    with opened(config.load(town.folder / "config.toml")) as engine:
        for n, key in enumerate(sorted({token.mentorship for token in engine.conversation.tokens().values()})):
            mentee = key.removeprefix("t/")
            if n % 6 in {2, 5}:
                yield _pressed(town, engine, mentee, TokenKind.TIME if n % 12 == 5 else TokenKind.HOUR)
            elif n % 6 == 3:
                yield _pressed(town, engine, mentee, TokenKind.TIME)
            elif n % 6 == 1:
                yield _pressed(town, engine, mentee, TokenKind.PAUSE)


def _letter(town: Town, sender: str, subject: str, text: str) -> EmailMessage:
    mail = EmailMessage()
    mail["Authentication-Results"] = f"mx.voorbeeld.example; dmarc=pass header.from={sender.rpartition('@')[2]}"
    mail["From"], mail["To"], mail["Subject"] = sender, "mentor@voorbeeld.example", subject
    mail["Message-ID"] = f"<{sender}.{town.now:%d}@client.example>"
    mail.set_content(text)
    return mail


def _itip(
    town: Town,
    engine: Engine,
    uid: str,
    who: str,
    method: str,
    partstat: str,
    *,
    place: datetime | None = None,
    start: datetime | None = None,
) -> EmailMessage:
    """Return what a calendar program sends back of the invitation that it got: after a crash that may have a higher SEQUENCE."""
    sequence = engine.conversation.invited(uid)[uid].current(place)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//a client//EN", f"METHOD:{method}", "BEGIN:VEVENT", f"UID:{uid}"]
    lines += [f"DTSTAMP:{town.now:%Y%m%dT%H%M%SZ}", f"SEQUENCE:{sequence}", f"ATTENDEE;PARTSTAT={partstat}:mailto:{who}"]
    lines += [f"RECURRENCE-ID:{place:%Y%m%dT%H%M%SZ}"] if place else []
    lines += [f"DTSTART:{start or SECOND:%Y%m%dT%H%M%SZ}", f"DTEND:{(start or SECOND) + timedelta(hours=1):%Y%m%dT%H%M%SZ}"]
    mail = _letter(town, who, f"{partstat.title()}: Mentorgesprek", "")
    data = "\r\n".join([*lines, "END:VEVENT", "END:VCALENDAR", ""])
    mail.add_alternative(data.encode(), maintype="text", subtype="calendar", params={"method": method, "charset": "UTF-8"})
    return mail


def _pressed(town: Town, engine: Engine, who: str, kind: TokenKind) -> EmailMessage:
    """Return the mail that a link opens: of that kind the one that sorts first, in every town the same."""
    found = [token for token in engine.conversation.tokens().values() if (token.person, token.kind) == (who, kind)]
    token = min(found, key=lambda token: sorted(token.value.items()))
    return _letter(town, who, f"Graag [{token.token}]", "")


FOLDERS = (
    '[calendar]\nkind = "folder"\npath = "calendars"\norganizer = { name = "Mentorprogramma", email = "mentor@voorbeeld.example" }\n'
    '[mail]\nkind = "folder"\npath = "outbox"'
)


@dataclass(kw_only=True)
class Town:
    folder: Path
    backends: str = FOLDERS
    now: datetime = WELCOME
    story: Story
    said: int = 0
    """Mails that people wrote."""
    kills: int = 0

    def begin(self, chapter: Chapter) -> None:
        """Let a day come: the config says something, and mails lie in the mailbox."""
        later, words, say = chapter
        self.now = WELCOME + later
        self.folder.mkdir(exist_ok=True)
        (self.folder / "config.toml").write_text(words.toml(self.backends), encoding="utf-8")
        for number, mail in enumerate(say(self) if say else ()):
            path = self.folder / "inbox" / "new" / f"{self.now:%d}-{number}.client"
            path.write_bytes(mail.as_bytes())
            os.utime(path, (self.now.timestamp(), self.now.timestamp()))
            self.said += 1

    def finish(self, nursery: Nursery) -> float:
        """Tick until nothing is left to do, and return what such a tick takes; a change that was cut in half is told after ten minutes."""
        for _ in range(10):
            self.now += timedelta(minutes=11)
            done, seconds = nursery.tick(self)
            if not done:
                return seconds
        raise AssertionError("there is always something left to do")

    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")


Pace = list[tuple[float, float]]
"""What each tick of the story takes: with all its work, and with nothing to do."""


def undisturbed(town: Town, nursery: Nursery) -> Pace:
    pace = []
    for chapter in town.story:
        town.begin(chapter)
        _, whole = nursery.tick(town)
        pace.append((whole, town.finish(nursery)))
    return pace


def disturbed(town: Town, nursery: Nursery, pace: Pace, dice: random.Random, *, kills: int) -> None:
    """Live through the story with kills all over each tick: each child gets on with a few times its share of the work."""
    share = -(-kills // len(town.story))
    for chapter, (whole, quiet) in zip(town.story, pace, strict=True):
        town.begin(chapter)
        for _ in range(share):
            code, _ = nursery.tick(town, kill_after=dice.uniform(0.5 * quiet, quiet + 3 * (whole - quiet) / share))
            if code >= 0:
                break
            town.kills += 1
        town.finish(nursery)


@dataclass(frozen=True)
class End:
    """What a town comes to: events as people see them, letters, what was told to whom, and what was heard of whom."""

    events: dict[str, str]
    letters: Counter[tuple[str, str, str]]
    """Receiver, subject, text without its links: the secret behind their tokens is each town's own."""
    told: Counter[tuple[str, str, str, str]]
    """Method, UID, meeting, receiver."""
    heard: Counter[tuple[str, ...]]
    hours: frozenset[tuple[str, ...]]
    pauses: tuple[Pause, ...]


def end_of(town: Town, mails: list[EmailMessage]) -> End:
    with opened(config.load(town.folder / "config.toml")) as engine:
        stored = engine.calendar.changes(None).changed
        assert engine.plan(town.now).changes == ()
        refs = Counter(row.ref for row in engine.ledger.rows().values() if row.state == "live")
        uids = {row.uid for row in engine.ledger.rows().values()}
        assert set(refs.values()) == {1}
        assert engine.ledger.db.execute("SELECT count(*) FROM outbox WHERE state NOT IN ('sent', 'dropped')").fetchone()[0] == 0
        assert engine.conversation.proposals() == ()
        heard = Counter(map(tuple, engine.ledger.db.execute("SELECT said, uid, place, who, source FROM heard")))
        hours = frozenset(map(tuple, engine.ledger.db.execute("SELECT mentorship, kind, weekday, at, first FROM slot")))
        pauses = engine.conversation.pauses()
    assert [*(town.folder / "inbox" / "new").iterdir(), *(town.folder / "inbox" / "cur").iterdir()] == []
    assert len([*(town.folder / "inbox" / ".beklijf").rglob("*.client*")]) == town.said
    events = {s.event.uid: canonical.dump(s.event) for s in stored}
    assert len(events) == len(stored)
    assert events.keys() == uids
    told = [said for mail in mails if (said := _told(mail))]
    letters = Counter(_read(mail) for mail in mails if not _told(mail))
    return End(events=events, letters=letters, told=Counter(told), heard=heard, hours=hours, pauses=pauses)


def _read(mail: EmailMessage) -> tuple[str, str, str]:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(mail["To"]), str(mail["Subject"]), re.sub(r"<mailto:[^>]*>", "", body.get_content())


def _told(mail: EmailMessage) -> tuple[str, str, str, str] | None:
    for part in mail.walk():
        if part.get_content_type() == "text/calendar":
            calendar = parse_calendar(part.get_content().encode())
            event = next(c for c in calendar.subcomponents if c.name == "VEVENT")
            single = str(moment(calendar, event, "RECURRENCE-ID")) if "RECURRENCE-ID" in event else ""
            return str(calendar["METHOD"]), str(event["UID"]), single, str(mail["To"].addresses[0].addr_spec)
    return None


def maildir(town: Town) -> list[EmailMessage]:
    box = mailbox.Maildir(town.folder / "outbox", factory=None)
    return [parse(box.get_bytes(key)) for key in box.iterkeys()]


def repeated(town: Town) -> list[str]:
    """Return the rows that the log says were found ``sending``."""
    return re.findall(r"sending once more under the same Message-ID, since it may have arrived: (.*)", town.log())


def test_a_hundred_kills_leave_each_event_and_each_mail_once(
    tmp_path: Path, nursery: Nursery, record_property: Callable[[str, object], None]
) -> None:
    calm = Town(folder=tmp_path / "calm", story=story(PAIRS))
    pace = undisturbed(calm, nursery)
    wanted = end_of(calm, maildir(calm))
    dice = random.Random(40)  # noqa: S311  # a search, not a secret
    kills, found_sending, rounds = 0, 0, 0

    while kills < KILLS:
        rounds += 1
        town = Town(folder=tmp_path / f"town{rounds}", story=story(PAIRS))
        disturbed(town, nursery, pace, dice, kills=KILLS - kills)
        mails = maildir(town)
        end = end_of(town, mails)
        kills += town.kills
        found_sending += len(repeated(town))

        assert end.events == wanted.events
        assert end.letters == wanted.letters
        assert end.told == wanted.told
        assert end.heard == wanted.heard
        assert end == wanted
        names = [str(mail["Message-ID"]) for mail in mails]
        assert len(names) == len(set(names))
        assert len(repeated(town)) <= town.kills
        shutil.rmtree(town.folder)

    record_property("kills", kills)
    record_property("rows found sending", found_sending)


def test_kills_between_real_servers_send_at_most_the_one_mail_twice_that_was_on_its_way(
    tmp_path: Path, nursery: Nursery, radicale: str, office: Office
) -> None:
    def on_servers(name: str) -> Town:
        login = f'url = "{radicale}{name}/"\nuser = "{name}"\npassword = {{ file = "password" }}\nname = "Mentorprogramma"'
        organizer = 'organizer = { name = "Mentorprogramma", email = "mentor@voorbeeld.example" }'
        town = Town(
            folder=tmp_path / name,
            backends=f'[calendar]\nkind = "caldav"\n{login}\n{organizer}\n{office.toml}',
            story=story(PAIRS_ON_SERVERS),
        )
        town.folder.mkdir()
        (town.folder / "password").write_text("any\n", encoding="utf-8")
        return town

    calm, town = on_servers("calm"), on_servers("town")
    pace = undisturbed(calm, nursery)
    wanted = end_of(calm, [parse(taken.content) for taken in office.post.taken])
    office.post.taken.clear()

    disturbed(town, nursery, pace, random.Random(40), kills=KILLS_ON_SERVERS)  # noqa: S311  # as above

    first = {taken.message_id: taken for taken in reversed(office.post.taken)}
    end = end_of(town, [parse(taken.content) for taken in first.values()])
    twice = Counter(taken.message_id for taken in office.post.taken) - Counter(first.keys())
    assert end == wanted
    assert town.kills > 0
    assert sum(twice.values()) <= len(repeated(town)) <= town.kills
    for name in twice:
        assert len({taken.content for taken in office.post.taken if taken.message_id == name}) == 1
