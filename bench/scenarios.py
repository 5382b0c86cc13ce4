"""What one build does with one organisation, as JSON: ``python bench/scenarios.py changes FOLDER``; a process for each, in any build.

It knows of a build only what all of them have: the config, the engine with its ticks, and the files that people would edit. So it
runs in the environment of an older build too, on a ledger and a calendar which that build has made.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import icalendar
import town
from measure import peak_memory, resident_memory, timed

from beklijf import config as configs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from beklijf.tick.engine import Engine

IS_OLDER = find_spec("beklijf.tick") is None
HEARTBEAT = timedelta(minutes=5)
SOON = timedelta(minutes=15)
"""An edit is told to the others when it stood for ten minutes."""
DAY = timedelta(days=1)
ROUNDS = 3
QUIET_TICKS = 7
NIGHT = 5
"""In a night, one answer for so many mentorships."""


def main() -> None:
    name, folder = sys.argv[1:]
    print(json.dumps(SCENARIOS[name](Path(folder))))


@dataclass(frozen=True, slots=True)
class Spent:
    cpu: float
    ticks: int


class Service:
    """An engine that stays open, as in the service, on a clock of ours."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self.config = folder / "config.toml"
        self.now = now
        self.done = 0
        """Changes and mails."""
        self._stack = ExitStack()
        self.engine = self._open()

    def _open(self) -> Engine:
        wiring = import_module("beklijf.reconcile.opening" if IS_OLDER else "beklijf.tick.wiring")
        before = {} if IS_OLDER or not self.done else {"decider": self.engine.taker.decider}
        engine: Engine = self._stack.enter_context(wiring.opened(configs.load(self.config), **before))
        return engine

    def close(self) -> None:
        self._stack.close()

    def reload(self) -> None:
        """Take up another config, as at SIGHUP: it is planned once before it is believed."""
        self.close()
        self.engine = self._open()
        if IS_OLDER:
            older: Any = self.engine
            older.surveyor.programme(self.now, older.surveyor.facts(self.now))
        else:
            self.engine.taker.programme(self.now)

    def settle(self, at: datetime | None = None) -> Spent:
        """Tick until one has nothing to do and nothing is due soon."""
        self.now = at or self.now + HEARTBEAT
        costs: list[float] = []
        while True:
            outcome, cost = timed(partial(self.engine.tick, self.now))
            if outcome.errors:
                raise outcome.errors[0]
            costs.append(cost.cpu)
            self.done += len(outcome.done) + len(outcome.delivered.sent)
            if outcome.plan is None and (outcome.next is None or outcome.next > self.now + SOON):
                return Spent(sum(costs), len(costs))
            self.now += HEARTBEAT


def invitations(folder: Path) -> dict[str, float]:
    """Let everybody be welcomed and invited; this makes what the other scenarios begin with."""
    service = Service(folder, town.JOINING)
    cost = service.settle(town.JOINING)
    service.close()
    events = sum(1 for _ in (folder / "calendars").glob("*/*.ics"))
    mails = sum(1 for _ in (folder / "outbox" / "new").iterdir())
    return {**_report("invitations", cost), "peak of invitations": peak_memory(), "events": events, "mails": mails}


def changes(folder: Path) -> dict[str, float]:
    """Let one thing after the other happen, each when nothing is left to do of the one before."""
    service, people = Service(folder, town.JOINING + DAY), People(folder)
    found = _report("start", service.settle(service.now))
    found |= _report("quiet", *(service.settle() for _ in range(QUIET_TICKS)))
    if found["ticks of quiet"] != 1:
        raise AssertionError("a tick that should have been quiet was not")

    def after(act: Callable[[], None]) -> Spent:
        act()
        return service.settle()

    found |= _report("answer", *(after(lambda: people.answer(service.now, "ACCEPTED")) for _ in range(ROUNDS)))
    found |= _report("refusal", *(after(lambda: people.answer(service.now, "DECLINED")) for _ in range(ROUNDS)))
    found |= _report("move", *(after(people.move) for _ in range(ROUNDS)))
    letter_due = town.add_pair(service.config)
    _, reloading = timed(service.reload)
    joining = service.settle()
    found |= _report("pair", Spent(reloading.cpu + joining.cpu, joining.ticks))
    service.settle(letter_due - 4 * SOON)  # once a day everything is read
    before = service.done
    found |= _report("letter", service.settle(letter_due))
    if service.done == before:
        raise AssertionError("no letter was due")
    service.settle(letter_due + DAY / 2)
    answers = people.mentorships() // NIGHT
    for _ in range(answers):
        people.answer(service.now, "ACCEPTED")
    found |= _report("night", service.settle())
    service.close()
    return found | {"answers": answers, "peak of changes": peak_memory()}


def rest(folder: Path) -> dict[str, float]:
    """Let people answer for two days, every half an hour from nine to five; the second day tells whether it grows."""
    with suppress(ModuleNotFoundError):  # in the older build it is all of beklijf.service
        import_module("beklijf.service.heartbeat")  # with what a service has in memory besides
    service, people = Service(folder, town.JOINING + DAY), People(folder)
    found: dict[str, float] = {}
    for day in range(1, 3):
        morning = town.JOINING + day * DAY
        service.settle(morning)
        for half_hour in range(1, 17):
            people.answer(service.now, "ACCEPTED")
            service.settle(morning + half_hour * timedelta(minutes=30))
        found |= {f"peak of day {day}": peak_memory(), f"resident on day {day}": resident_memory()}
    service.close()
    return found


def plan(folder: Path) -> dict[str, float]:
    """Plan everything from nothing, in memory, as `beklijf plan` does."""
    service = Service(folder, town.JOINING)
    _, cost = timed(partial(service.engine.plan, town.JOINING))
    service.close()
    return {"plan": cost.cpu, "peak of plan": peak_memory()}


SCENARIOS = {"invitations": invitations, "changes": changes, "rest": rest, "plan": plan}


def _report(name: str, *costs: Spent) -> dict[str, float]:
    return {name: median(cost.cpu for cost in costs), f"ticks of {name}": median(cost.ticks for cost in costs)}


# -- people ------------------------------------------------------------------------------------------------------------


class People:
    """Answers by mail, and edits of the calendar, as programs make them; each is about another meeting."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._inbox = folder / "inbox"
        self._number = count()
        self._meetings = self._find()

    def mentorships(self) -> int:
        return sum(file.read_text(encoding="utf-8").count("[[training.mentorship]]") for file in (self._folder / "trainings").iterdir())

    def answer(self, at: datetime, partstat: str) -> None:
        """Mail what somebody answers to an invitation (RFC 6047)."""
        calendar, event = _opened(next(self._meetings))
        attendee = event.pop("ATTENDEE")[0]
        attendee.params = icalendar.Parameters({"PARTSTAT": partstat})
        event.add("ATTENDEE", attendee)
        event["DTSTAMP"] = icalendar.vDDDTypes(at.astimezone(UTC))
        calendar["METHOD"] = "REPLY"
        mail = EmailMessage()
        number = next(self._number)
        mail["From"], mail["To"] = attendee.email, event["ORGANIZER"].email
        mail["Subject"] = f"{partstat.capitalize()}: {event['SUMMARY']}"
        mail["Date"], mail["Message-ID"] = at, f"<{number}@voorbeeld.example>"
        mail.set_content("")
        mail.add_alternative(calendar.to_ical().decode(), subtype="calendar", params={"method": "REPLY"})
        file = self._inbox / "new" / f"{number}.bench"
        file.write_bytes(mail.as_bytes())
        os.utime(file, (at.timestamp(), at.timestamp()))

    def move(self) -> None:
        """Let a meeting begin an hour later."""
        file = next(self._meetings)
        calendar, event = _opened(file)
        for name in ("DTSTART", "DTEND"):
            event.add(name, event.pop(name).dt + timedelta(hours=1))
        file.write_bytes(calendar.to_ical())

    def _find(self) -> Iterator[Path]:
        """Yield the files of single meetings of two people."""
        for file in sorted((self._folder / "calendars").glob("*/*.ics")):
            event = file.read_bytes().partition(b"BEGIN:VEVENT")[2]  # before it are the rules of the time zone
            if b"\nRRULE" not in event and event.count(b"\nATTENDEE") == 2:
                yield file


def _opened(file: Path) -> tuple[icalendar.Calendar, Any]:
    """Return a calendar and the one event in it, whose properties are of any type."""
    calendar = icalendar.Calendar.from_ical(file.read_bytes())
    [event] = calendar.walk("VEVENT")
    return calendar, event


if __name__ == "__main__":
    main()
