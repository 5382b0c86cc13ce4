"""A whole installation on one calendar, by its config: what a tick does, and what people get."""

from __future__ import annotations

import base64
import mailbox
import re
import ssl
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from beklijf import config
from beklijf.mime.messages import parse
from beklijf.model import canonical
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage
    from pathlib import Path

    from tests.caldav_servers import Server

    from beklijf.decide.plan import Plan
    from beklijf.ledger import Row
    from beklijf.model.domain import Event
    from beklijf.tick.engine import Engine
    from beklijf.tick.outcome import Outcome

WELCOME = datetime(2026, 12, 14, 9, 0, tzinfo=UTC)  # Mon 10:00 in Amsterdam: 29 days before the first session
INVITED = datetime(2026, 12, 15, 9, 0, tzinfo=UTC)
QUIET = timedelta(minutes=11)
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
{calendar}
organizer = {{ name = "Mentorprogramma", email = "mentor@voorbeeld.example" }}
invitations = "{invitations}"

[mail]
kind = "folder"
path = "outbox"

[service]
state = "state.sqlite3"

[guard]
max_people = 60
max_withdrawals = {withdrawals}
"""
PERSON = """
[[person]]
name = "{name}"
email = "{email}"
{more}
"""
TRAINING = """
[[training]]
id = "leiding"
name = "Coachend leidinggeven"
purpose = "Vragen voor antwoorden"
sessions = [{sessions}]
state = "live"
meets = {{ day = "{day}", at = {at}, minutes = 60 }}
place = "{place}"
"""
MENTORSHIP = """
[[training.mentorship]]
mentee = "{mentee}"
mentor = "{mentor}"
goals = ["Eerst twee vragen stellen"]
"""
PASSWORD = "mentorpw"
SANNE, KARIM, NOOR = "sanne@voorbeeld.example", "karim@voorbeeld.example", "noor@voorbeeld.example"


@dataclass
class Wording:
    """A config that tests change a word of."""

    closed: str = ""
    invitations: str = "auto"
    withdrawals: int = 10
    sessions: str = "2027-01-12, 2027-02-16"
    day: str = "thu"
    at: str = "15:00:00"
    place: str = "Zaal 1"
    persons: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {SANNE: ("Sanne de Vries", ""), KARIM: ("Karim Bakker", ""), NOOR: ("Noor Jansen", "")}
    )
    pairs: tuple[tuple[str, str], ...] = ((SANNE, KARIM),)

    def toml(self, calendar: str) -> str:
        parts = [ORGANISATION.format(closed=self.closed, calendar=calendar, invitations=self.invitations, withdrawals=self.withdrawals)]
        parts += [PERSON.format(name=name, email=email, more=more) for email, (name, more) in self.persons.items()]
        parts.append(TRAINING.format(sessions=self.sessions, day=self.day, at=self.at, place=self.place))
        parts += [MENTORSHIP.format(mentee=mentee, mentor=mentor) for mentee, mentor in self.pairs]
        return "".join(parts)


@dataclass
class Town:
    """One installation, the people in it, and a clock."""

    folder: Path
    calendar: str
    read: Callable[[str], bytes]
    write: Callable[[str, bytes], None]
    remove: Callable[[str], None]
    words: Wording = field(default_factory=Wording)
    stack: ExitStack = field(default_factory=ExitStack)
    engine: Engine = field(init=False)
    now: datetime = WELCOME

    def start(self) -> None:
        """Read the config and open everything anew, as after a restart."""
        self.stop()
        path = self.folder / "config.toml"
        path.write_text(self.words.toml(self.calendar), encoding="utf-8")
        self.engine = self.stack.enter_context(opened(config.load(path)))

    def stop(self) -> None:
        self.stack.close()

    def tick(self, later: timedelta = timedelta(minutes=5)) -> Outcome:
        self.now += later
        return self.engine.tick(self.now)

    def at(self, now: datetime) -> Outcome:
        """Let the service tick every few days until *now*: a longer silence would make the guard ask."""
        while now - self.now > timedelta(days=6):
            self.tick(timedelta(days=6))
        self.now = now
        return self.engine.tick(now)

    def plan(self) -> Plan:
        return self.engine.plan(self.now)

    def invited(self) -> None:
        """Bring the town to the day on which the invitations have gone out, and empty the mailboxes."""
        self.start()
        self.at(WELCOME)
        outcome = self.at(INVITED)
        assert {change.ref.rpartition("/")[2] for change in outcome.done} == {"series", "goals"}
        self.mails()

    def changed(self) -> Outcome:
        """Take up a changed config in the next tick."""
        self.start()
        return self.tick()

    def row(self, item: str, pair: str = SANNE) -> Row:
        [row] = [r for r in self.engine.ledger.rows().values() if r.ref == f"leiding/{pair}/{item}"]
        return row

    def event(self, item: str, pair: str = SANNE) -> Event:
        return canonical.load(self.row(item, pair).seen)

    def edit(self, item: str, old: str, new: str) -> None:
        """Change an event as a person's program would."""
        href = self.row(item).href
        text = re.sub(rb"\r\n[ \t]", b"", self.read(href)).decode()
        assert re.search(old, text), text
        self.write(href, re.sub(old, new, text, count=1).encode())

    def mails(self) -> list[EmailMessage]:
        """Return what came in since the last look, oldest first, and take it out of the mailbox."""
        box = mailbox.Maildir(self.folder / "outbox", factory=None)
        found = sorted(box.iterkeys(), key=lambda key: (box.get_message(key)["Date"], box.get_message(key)["Message-ID"]))
        mails = []
        for key in found:
            mails.append(parse(box.get_bytes(key)))
            box.remove(key)
        return mails

    def told(self) -> list[tuple[str, str, str]]:
        """Return to whom which iTIP message went, and about which meeting."""
        return sorted(told_by(mail) for mail in self.mails() if itip_part(mail))


def itip_part(mail: EmailMessage) -> str:
    for part in mail.walk():
        if part.get_content_type() == "text/calendar":
            text: str = part.get_content()
            return text.replace("\r\n ", "")
    return ""


def told_by(mail: EmailMessage) -> tuple[str, str, str]:
    """Return receiver, method, and which meeting changed alone: the one with a higher SEQUENCE than the whole that it is in."""
    head, *events = itip_part(mail).split("BEGIN:VEVENT")
    [method] = re.findall(r"METHOD:(\w+)", head)
    whole, *meetings = [(int(*re.findall(r"\nSEQUENCE:(\d+)", event)), event) for event in events]
    newest, event = max(meetings, default=whole)
    day = re.findall(r"RECURRENCE-ID[^:]*:(\d{8})", event)[0] if newest > whole[0] else ""
    return str(mail["To"].addresses[0].addr_spec), method, day


def folder_town(tmp_path: Path) -> Town:
    place = tmp_path / "calendars" / "mentor@voorbeeld.example"

    def write(href: str, data: bytes) -> None:
        (place / href).write_bytes(data)

    return Town(
        folder=tmp_path,
        calendar='kind = "folder"\npath = "calendars"',
        read=lambda href: (place / href).read_bytes(),
        write=write,
        remove=lambda href: (place / href).unlink(),
    )


def caldav_town(tmp_path: Path, server: Server) -> Town:
    """Return a town on a real server; people's programs are plain HTTP requests."""
    account = server.account()
    (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
    context = ssl.create_default_context(cafile=server.ca) if server.ca else None
    login = base64.b64encode(f"{account}:{PASSWORD}".encode()).decode()

    def ask(method: str, href: str, data: bytes | None = None) -> bytes:
        url = urljoin(server.url, href)
        headers = {"Authorization": f"Basic {login}", "Content-Type": "text/calendar; charset=utf-8"}
        call = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  # our own server on loopback
        with urllib.request.urlopen(call, context=context, timeout=10) as answer:  # noqa: S310  # as above
            body: bytes = answer.read()
            return body

    def write(href: str, data: bytes) -> None:
        ask("PUT", href, data)

    def remove(href: str) -> None:
        ask("DELETE", href)

    words = ['kind = "caldav"', f'url = "{server.url}{account}/"', f'user = "{account}"', 'name = "Mentorprogramma"']
    words += ['password = { file = "password" }', *([f'ca = "{server.ca}"'] if server.ca else [])]
    return Town(folder=tmp_path, calendar="\n".join(words), read=lambda href: ask("GET", href), write=write, remove=remove)


@dataclass
class Own(Wording):
    """A config in which the meetings are the mentee's own."""

    organizer: str = "mentee"

    def toml(self, calendar: str) -> str:
        return super().toml(f'{calendar}\norganized_by = "{self.organizer}"') + "\n[answers]\nread = true\n"
