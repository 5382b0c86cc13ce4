"""A story that a town lives through, tick by tick, in processes that can be killed."""

from __future__ import annotations

import mailbox
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import TYPE_CHECKING, TypeAlias

from beklijf import config
from beklijf.ical.parser import parse as parse_calendar
from beklijf.ical.reader import moment
from beklijf.mime.messages import parse
from beklijf.model.conversation import TokenKind
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from beklijf.tick.engine import Engine

PAIRS, PAIRS_ON_SERVERS = 8, 6
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
                    yield _itip(town, engine, row.uid, mentee, "REPLY", "DECLINED", recurrence_id=SECOND)
                    away = _letter(town, mentor, "Automatisch antwoord", "Ik ben er niet.")
                    away["Auto-Submitted"] = "auto-replied"
                    yield away
                case 2:
                    yield _itip(
                        town, engine, row.uid, mentee, "COUNTER", "TENTATIVE", recurrence_id=SECOND, start=SECOND - timedelta(days=1)
                    )
                case 3:
                    yield _itip(
                        town, engine, row.uid, mentor, "COUNTER", "TENTATIVE", recurrence_id=SECOND, start=SECOND + timedelta(days=1)
                    )
                case 4:
                    yield _pressed(town, engine, mentee, TokenKind.HOUR)
                case _:
                    yield _itip(town, engine, row.uid, mentor, "REPLY", "DECLINED")
                    yield _itip(
                        town, engine, row.uid, mentee, "COUNTER", "TENTATIVE", recurrence_id=SECOND, start=SECOND + timedelta(days=2)
                    )


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
    recurrence_id: datetime | None = None,
    start: datetime | None = None,
) -> EmailMessage:
    """Return what a calendar program sends back of the invitation that it got: after a crash that may have a higher SEQUENCE."""
    sequence = engine.conversation.invited(uid).current(recurrence_id)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//a client//EN", f"METHOD:{method}", "BEGIN:VEVENT", f"UID:{uid}"]
    lines += [f"DTSTAMP:{town.now:%Y%m%dT%H%M%SZ}", f"SEQUENCE:{sequence}", f"ATTENDEE;PARTSTAT={partstat}:mailto:{who}"]
    lines += [f"RECURRENCE-ID:{recurrence_id:%Y%m%dT%H%M%SZ}"] if recurrence_id else []
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


def letter_of(mail: EmailMessage) -> tuple[str, str, str]:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(mail["To"]), str(mail["Subject"]), re.sub(r"<mailto:[^>]*>", "", body.get_content())


def itip_of(mail: EmailMessage) -> tuple[str, str, str, str] | None:
    for part in mail.walk():
        if part.get_content_type() == "text/calendar":
            calendar = parse_calendar(part.get_content().encode())
            event = next(c for c in calendar.subcomponents if c.name == "VEVENT")
            recurrence_id = str(moment(calendar, event, "RECURRENCE-ID")) if "RECURRENCE-ID" in event else ""
            return str(calendar["METHOD"]), str(event["UID"]), recurrence_id, str(mail["To"].addresses[0].addr_spec)
    return None


def maildir(town: Town) -> list[EmailMessage]:
    box = mailbox.Maildir(town.folder / "outbox", factory=None)
    return [parse(box.get_bytes(key)) for key in box.iterkeys()]
