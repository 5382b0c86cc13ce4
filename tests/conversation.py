"""The whole conversation, told once for every server that it is held on."""

from __future__ import annotations

import json
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from io import StringIO
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

import icalendar
import pytest
import recurring_ical_events
from tests.mailroom import AMSTERDAM, gist, links
from tests.town import KARIM, QUIET, SANNE, Town, Wording

from beklijf import cli
from beklijf.model import canonical
from beklijf.model.conversation import Said
from beklijf.rehearse import client_edits
from beklijf.service import clock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import EmailMessage

SOON = timedelta(minutes=1)
DAY = timedelta(days=1)


def _invited() -> datetime:
    """Return the last Tuesday at ten that is far enough in the past for all that a test does after it."""
    now = clock().astimezone(AMSTERDAM) - timedelta(hours=12)
    at = now.replace(hour=10, minute=0, second=0, microsecond=0)
    at -= DAY * ((at.weekday() - 1) % 7)
    return at if at <= now else at - 7 * DAY


INVITED = _invited()
SESSIONS = (INVITED + 28 * DAY, INVITED + 63 * DAY)


def on(days: int, hour: int) -> datetime:
    return datetime.combine((INVITED + days * DAY).date(), clock_time(hour), AMSTERDAM)


GOALS, SERIES = on(23, 15), tuple(on(days, 15) for days in (37, 51, 65, 79, 93))
"""Thursdays, all of them; the first session is on the Tuesday after the goals meeting."""
SECOND = SERIES[1]


@dataclass
class Speaking(Wording):
    """A config in which answers are read, from the calendar and, where there is an inbox, from mail."""

    inbox: bool = True
    owner: str = "service"
    hour: bool = True
    """The config says when the pair meets."""
    sessions: str = ", ".join(f"{at:%Y-%m-%d}" for at in SESSIONS)

    def toml(self, calendar: str) -> str:
        inbox = '\n[inbox]\nkind = "folder"\npath = "inbox"\nauthserv_id = "mx.voorbeeld.example"\n' if self.inbox else ""
        text = super().toml(f'{calendar}\norganized_by = "{self.owner}"')
        text = text if self.hour else re.sub("(?m)^meets = .*$", "", text)
        return text + f"{inbox}\n[answers]\nread = true\nnames = true\n"


class Desk(Protocol):
    """A person's calendar account, as the person's program uses it."""

    def entries(self) -> dict[str, bytes]:
        """Return what the program shows, by href."""
        ...

    def put(self, href: str, data: bytes) -> None: ...

    def delete(self, href: str) -> None: ...

    def news(self) -> list[str]:
        """Return what the server brought since the last look, one for each message."""
        ...


@dataclass(frozen=True, kw_only=True)
class Story:
    """How things stand, as calendars, ledger and command agree."""

    meetings: dict[str, tuple[datetime, ...]]
    """By item."""
    answers: dict[tuple[str, str, str], Said]
    """By item, meeting and person."""
    waiting: tuple[str, str] | None
    """Who is waited for, and why."""
    moved: int


@dataclass
class Office(Town):
    """A town whose people have accounts on a server that invites them."""

    words: Speaking = field(default_factory=Speaking)
    desks: Mapping[str, Desk] = field(kw_only=True)
    noted: bool = True
    """The server notes answers in the organizer's copy; else they wait in the inbox alone."""

    def __post_init__(self) -> None:
        self.now = INVITED - DAY

    def invited(self) -> None:
        self.start()
        self.at(INVITED - DAY)
        assert self.got() == [("karim", "Je wordt mentor"), ("sanne", "Karim wordt je")]
        self.at(INVITED)

    # -- what people do

    def copy(self, who: str, item: str) -> tuple[str, bytes]:
        """Return somebody's own copy of an event; their program shows one, or none."""
        uid = self.row(item).uid.encode()
        [found] = [(href, data) for href, data in self.desks[who].entries().items() if uid in data.replace(b"\r\n ", b"")]
        return found

    def answer(self, who: str, item: str, partstat: str, meeting: datetime | None = None) -> None:
        href, data = self.copy(who, item)
        answered = client_edits.answer(data, meeting and meeting.astimezone(UTC), who, partstat)
        assert f"PARTSTAT={partstat}".encode() in answered
        self.desks[who].put(href, answered)

    def throw_away(self, who: str, item: str) -> None:
        self.desks[who].delete(self.copy(who, item)[0])

    def move(self, item: str, by: timedelta, meeting: datetime | None = None) -> None:
        """Move it in the service's calendar, as the program of somebody with access to it does."""
        href = self.row(item).href
        self.write(href, client_edits.move(self.read(href), meeting and meeting.astimezone(UTC), by))

    def take_out(self, item: str, meeting: datetime) -> None:
        href = self.row(item).href
        self.write(href, client_edits.take_out(self.read(href), meeting.astimezone(UTC)))

    # -- what people get

    def letters(self) -> list[EmailMessage]:
        return self.mails()

    def got(self, *mails: EmailMessage) -> list[tuple[str, str]]:
        """Return who got what since the last look: of the server, iTIP of ours, and the first words of letters."""
        found = [(str(mail["To"].addresses[0].addr_spec), gist(mail)) for mail in (*mails, *self.mails())]
        found += [(who, what) for who, desk in self.desks.items() for what in desk.news()]
        return sorted((who.partition("@")[0], what) for who, what in found)

    # -- what is told of it

    def command(self, *arguments: str) -> Any:  # noqa: ANN401  # JSON
        """Run a command as an administrator does; nothing may be wrong."""
        code, said, complaints = self.run(*arguments, "--json")
        assert code == 0, said + complaints
        return json.loads(said)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Return how a command ends, and what it prints and complains of."""
        said, complaints = StringIO(), StringIO()
        with redirect_stdout(said), redirect_stderr(complaints):
            code = cli.main(["--config", str(self.folder / "config.toml"), *arguments])
        return code, said.getvalue(), complaints.getvalue()

    def story(self, *, elsewhere: Mapping[tuple[str, str, str], Said] | None = None) -> Story:
        """Hold what each of them tells against the others, and see that a further plan is empty.

        *elsewhere*: answers that the organizer's copy doesn't show, because they came another way.
        """
        assert self.plan().changes == ()
        rows = {_item(row.ref): row for row in self.engine.ledger.rows().values() if row.state == "live"}
        copies = {item: self.read(row.href) for item, row in rows.items()}
        stands = {item: meetings(data) for item, data in copies.items()}
        assert stands == {item: canonical.meetings(canonical.load(row.seen)) for item, row in rows.items()}
        heard = self.heard()
        marked = {(item, *key): answer for item, data in copies.items() for key, answer in marks(data).items()}
        assert heard == {**(marked if self.noted else heard), **(elsewhere or {})}
        assert self.noted or not marked
        status = self.command("status")
        [pair] = status["trainings"][0]["mentorships"]
        assert heard == {
            (_item(each["item"]), (each["place"] or "")[:10], each["person"].partition("@")[0]): Said(each["said"])
            for each in pair["answers"]
        }
        next_meeting = min((at for found in stands.values() for at in found if at > clock()), default=None)
        assert (pair["next_meeting"] and datetime.fromisoformat(pair["next_meeting"])) == next_meeting
        assert (pair["waiting"], pair["failed"], pair["held"], status["servers"]) == ([], [], [], [])
        return Story(
            meetings=stands,
            answers=heard,
            waiting=(pair["waiting_for"], pair["because"]) if pair["waiting_for"] else None,
            moved=status["trainings"][0]["answers"]["moved"],
        )

    def heard(self) -> dict[tuple[str, str, str], Said]:
        """Return what the ledger holds of answers to what is live, by item, meeting and person."""
        live = {row.uid: _item(row.ref) for row in self.engine.ledger.rows().values() if row.state == "live"}
        [history] = self.engine.conversation.histories(self.engine.config.addresses).values()
        return {
            (live[uid], f"{recurrence_id:%Y-%m-%d}" if recurrence_id else "", person.partition("@")[0]): answer.said
            for (uid, recurrence_id, person), answer in history.answers().items()
            if uid in live
        }

    def shown(self, who: str) -> dict[str, tuple[datetime, ...]]:
        """Return when a person's own program has our meetings; those that were cancelled aren't."""
        rows = {row.uid.encode(): _item(row.ref) for row in self.engine.ledger.rows().values() if row.kind != "reminder"}
        found = {}
        for data in self.desks[who].entries().values():
            for uid, item in rows.items():
                if uid in data.replace(b"\r\n ", b"") and (times := meetings(data)):
                    found[item] = times
        return found

    def settled(self, *, elsewhere: Mapping[tuple[str, str, str], Said] | None = None) -> Story:
        """Let everything come to rest: nobody gets anything more, and then the story is told, by the command too."""
        before = self.heard()
        for later in (SOON, QUIET):
            assert self.tick(later).errors == []
        assert self.got() == []
        assert self.heard() == before
        return self.story(elsewhere=elsewhere)


def meetings(data: bytes) -> tuple[datetime, ...]:
    """Return when an event takes place, as another library reads it."""
    events: Any = recurring_ical_events.of(icalendar.Calendar.from_ical(data)).between(INVITED - DAY, INVITED + 400 * DAY)
    return tuple(sorted(event["DTSTART"].dt.astimezone(UTC) for event in events if event.get("STATUS") != "CANCELLED"))


def marks(data: bytes) -> dict[tuple[str, str], Said]:
    """Return what the organizer's copy says that people answered, by meeting (or the whole) and person."""
    found: dict[tuple[str, str], Said] = {}
    whole: dict[str, str] = {}
    events: Any = sorted(icalendar.Calendar.from_ical(data).walk("VEVENT"), key=lambda event: "RECURRENCE-ID" in event)
    for event in events:
        place = event["RECURRENCE-ID"].dt.astimezone(UTC) if "RECURRENCE-ID" in event else None
        people = event.get("ATTENDEE", [])
        for person in people if isinstance(people, list) else [people]:
            name, partstat = person.removeprefix("mailto:").partition("@")[0], person.params.get("PARTSTAT", "NEEDS-ACTION")
            if place is None:
                whole[name] = partstat
            if partstat != "NEEDS-ACTION" and (place is None or partstat != whole[name]):
                found[f"{place:%Y-%m-%d}" if place else "", name] = Said(partstat.lower())
    return found


def _item(ref: str) -> str:
    return ref.rpartition("/")[2]


def offers(mail: EmailMessage) -> list[str]:
    """Return the links of a letter that choose a time."""
    return [each for each in links(mail) if "pauz" not in unquote(each).casefold()]


def at_once(*times: datetime) -> tuple[datetime, ...]:
    return tuple(at.astimezone(UTC) for at in times)


ADDRESSES = {"sanne": SANNE, "karim": KARIM}
OTHER = {"sanne": "karim", "karim": "sanne"}
INBOX = pytest.mark.parametrize("invited", [True, False], indirect=True, ids=["inbox", "no-inbox"])
BOTH = pytest.mark.parametrize("name", ["sanne", "karim"])
SERVER = [("karim", "server"), ("sanne", "server")]
"""The server brings a message to both."""
