"""A town in which people edit their calendars while config changes."""

from __future__ import annotations

import mailbox
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from beklijf import config
from beklijf.ledger.holds import Holds
from beklijf.mime.messages import parse
from beklijf.model import canonical
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from beklijf.decide.plan import Plan
    from beklijf.ledger.holds import Hold
    from beklijf.tick.engine import Engine
    from beklijf.tick.outcome import Outcome

ORGANISATION = """
[organisation]
name = "Gemeente Voorbeeld"
time_zone = "Europe/Amsterdam"
language = "nl"
holidays = ""
closed = [{closed}]
office_hours = {{ from = 09:00:00, until = 17:00:00, days = ["mon", "tue", "wed", "thu", "fri"] }}
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
max_people = {people}
max_withdrawals = {withdrawals}
"""
NAMES = ("anna", "bram", "carla", "dirk", "els", "frank", "gerda", "hugo")
BEGIN = datetime(2026, 9, 24, 8, tzinfo=UTC)
"""A month before the first session."""
DAY = timedelta(days=1)


@dataclass
class Words:
    """What the coordinator wrote."""

    pairs: int = 4
    """Of people who learn; each has a mentor of their own."""
    state: str = "live"
    training: str = "leiding"
    """Its id; empty: it isn't there."""
    sessions: str = "2026-10-27, 2026-12-08"
    place: str = "Zaal 1"
    closed: str = ""
    people: int = 4
    withdrawals: int = 10
    more: str = ""

    def toml(self) -> str:
        parts = [ORGANISATION.format(closed=self.closed, people=self.people, withdrawals=self.withdrawals)]
        people = [(name, f"{role}{name}@voorbeeld.example") for name in NAMES for role in ("", "mentor-van-")]
        parts += [f'[[person]]\nname = "{name.title()} Jansen"\nemail = "{email}"\n' for name, email in people]
        if self.training:
            parts.append(f'[[training]]\nid = "{self.training}"\nname = "Coachend leidinggeven"\npurpose = "Vragen voor antwoorden"\n')
            parts.append(f'sessions = [{self.sessions}]\nstate = "{self.state}"\nplace = "{self.place}"\n')
        for number, name in enumerate(NAMES[: self.pairs] if self.training else ()):
            day, hour = ("tue", "wed", "thu", "fri")[number % 4], 9 + number // 4
            parts.append(f'[[training.mentorship]]\nmentee = "{name}@voorbeeld.example"\nmentor = "mentor-van-{name}@voorbeeld.example"\n')
            parts.append(f'goals = ["Eerst twee vragen stellen"]\nmeets = {{ day = "{day}", at = {hour:02}:00:00, minutes = 60 }}\n')
        return "".join([*parts, self.more])


@dataclass
class Town:
    folder: Path
    words: Words = field(default_factory=Words)
    stack: ExitStack = field(default_factory=ExitStack)
    now: datetime = BEGIN
    engine: Engine = field(init=False)

    def start(self) -> None:
        self.stack.close()
        path = self.folder / "config.toml"
        path.write_text(self.words.toml(), encoding="utf-8")
        self.engine = self.stack.enter_context(opened(config.load(path)))

    def edit(self, **words: object) -> Outcome:
        """Take up a changed config, as a reload does."""
        for name, value in words.items():
            setattr(self.words, name, value)
        self.start()
        return self.tick()

    def tick(self, later: timedelta = timedelta(minutes=5), *, approve: tuple[str, ...] = ()) -> Outcome:
        self.now += later
        return self.engine.tick(self.now, approve=approve, patient=False)

    def until(self, now: datetime) -> Iterator[Outcome]:
        """Let the service tick every day until *now*."""
        while self.now < now:
            yield self.tick(min(DAY, now - self.now))

    def plan(self) -> Plan:
        return self.engine.plan(self.now)

    def holds(self) -> tuple[Hold, ...]:
        return Holds(self.engine.ledger).standing()

    def calendar(self) -> dict[str, bytes]:
        """Return every event as it stands."""
        return {path.name: path.read_bytes() for path in (self.folder / "calendars").rglob("*.ics")}

    def mails(self) -> list[tuple[str, str]]:
        """Return to whom which mails came since the last look, and take them out."""
        box = mailbox.Maildir(self.folder / "outbox", factory=None)
        found = []
        for key in [*box.iterkeys()]:
            mail = parse(box.get_bytes(key))
            method = [p.get_content_type() for p in mail.walk() if p.get_content_type() == "text/calendar"]
            found.append((str(mail["To"].addresses[0].addr_spec), "invitation" if method else str(mail["Subject"])))
            box.remove(key)
        return found

    def invitations(self) -> list[str]:
        """Return who got anything about an event since the last look: invited, changed or cancelled."""
        return [to for to, what in self.mails() if what == "invitation"]

    def ahead(self) -> int:
        """Return how many meetings and reminders are to come in the calendar."""
        rows = self.engine.ledger.rows().values()
        return sum(at > self.now for row in rows if row.state == "live" for at in canonical.meetings(canonical.load(row.seen)))

    def meeting(self, name: str) -> str:
        """Return the day of somebody's third meeting of the series."""
        [row] = [row for row in self.engine.ledger.rows().values() if row.ref == f"leiding/{name}@voorbeeld.example/series"]
        return f"{canonical.meetings(canonical.load(row.seen))[2]:%Y-%m-%d}"
