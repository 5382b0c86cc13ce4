"""The whole conversation on Xandikos with scheduling switched on: it invites, and has ways of its own about answers.

The organizer, the mentee and the mentor have accounts there; their programs are plain requests, and what they propose comes by
mail. Each case says what each of them gets, and holds three against each other: what every program shows, the ledger, and the
command ``status``. Also what every scheduling server is shown with (``tests/full/test_conversation_cyrus.py``).

The command looks at the machine's clock, so the town's clock is behind it by some hours, or days: on the last Tuesday people
were invited. Nothing becomes due between the two, and nothing depends on the day of the week on which the tests run.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

import icalendar
import pytest
import recurring_ical_events
from tests.contract.test_answers import AMSTERDAM, ORGANIZER, _said, links, press, propose
from tests.contract.test_people import LISTING, _raw
from tests.contract.test_reconcile import KARIM, QUIET, SANNE, Town, Wording, _caldav

from beklijf.model import canonical
from beklijf.model.conversation import Said
from beklijf.rehearse import client_edits
from beklijf.service import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from email.message import EmailMessage
    from pathlib import Path

    from tests.contract.test_reconcile import Server

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
        found = [(str(mail["To"].addresses[0].addr_spec), _said(mail)) for mail in (*mails, *self.mails())]
        found += [(who, what) for who, desk in self.desks.items() for what in desk.news()]
        return sorted((who.partition("@")[0], what) for who, what in found)

    # -- what is told of it

    def command(self, *arguments: str) -> Any:  # noqa: ANN401  # JSON
        """Run a command as an administrator does; nothing may be wrong."""
        command = [sys.executable, "-m", "beklijf", "--config", str(self.folder / "config.toml"), *arguments, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

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
        [history] = self.engine.conversation.histories(self.engine.taker.addresses()).values()
        return {
            (live[uid], f"{place:%Y-%m-%d}" if place else "", person.partition("@")[0]): answer.said
            for (uid, place, person), answer in history.answers().items()
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


# -- Xandikos ----------------------------------------------------------------------------------------------------------

ADDRESSES = {"sanne": SANNE, "karim": KARIM}
OTHER = {"sanne": "karim", "karim": "sanne"}
INBOX = pytest.mark.parametrize("invited", [True, False], indirect=True, ids=["inbox", "no-inbox"])
BOTH = pytest.mark.parametrize("name", ["sanne", "karim"])
SERVER = [("karim", "server"), ("sanne", "server")]
"""The server brings a message to both."""

_ADDRESS = (
    '<d:propertyupdate xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop><c:calendar-user-address-set>'
    "<d:href>mailto:{}</d:href></c:calendar-user-address-set></d:prop></d:set></d:propertyupdate>"
)


@dataclass
class Account:
    """One account on Xandikos, whose program shows its first calendar."""

    name: str
    ask: Callable[[str, str, bytes | None], bytes]
    read: set[str] = field(default_factory=set)

    def entries(self) -> dict[str, bytes]:
        return {href: self.ask("GET", href, None) for href in self._hrefs("calendars/calendar")}

    def put(self, href: str, data: bytes) -> None:
        self.ask("PUT", href, data)

    def delete(self, href: str) -> None:
        self.ask("DELETE", href, None)

    def news(self) -> list[str]:
        found = set(self._hrefs("inbox")) - self.read
        self.read |= found
        return ["server"] * len(found)

    def _hrefs(self, place: str) -> list[str]:
        return re.findall(r"<\w+:href>([^<]+\.ics)</", self.ask("PROPFIND", f"/{self.name}/{place}/", LISTING).decode())


@pytest.fixture(params=["default", "own"])
def town(request: pytest.FixtureRequest, xandikos: Server, tmp_path: Path) -> Iterator[Office]:
    """Return a town whose service writes in its account's first calendar, where the server notes answers, or in another."""
    made = _caldav(tmp_path, xandikos)
    [service] = re.findall(r'user = "(\w+)"', made.calendar)
    people = {SANNE: xandikos.account(), KARIM: xandikos.account()}
    asking = {name: _raw(xandikos, name) for name in (service, *people.values())}
    for name, address in ((service, ORGANIZER), *((name, who) for who, name in people.items())):
        asking[name]("PROPPATCH", f"/{name}/", _ADDRESS.format(address).encode())
    calendar = made.calendar
    if request.param == "default":
        calendar = calendar.replace(f"/{service}/", f"/{service}/calendars/calendar/").replace('name = "Mentorprogramma"', "")
    for name in ("cur", "new", "tmp"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
    office = Office(
        folder=tmp_path,
        calendar=calendar,
        read=made.read,
        write=made.write,
        remove=made.remove,
        words=Speaking(),
        desks={who: Account(name, asking[name]) for who, name in people.items()},
        noted=request.param == "default",
    )
    yield office
    office.stop()
    for name, ask in asking.items():  # the next test's people have the same addresses
        ask("PROPPATCH", f"/{name}/", _ADDRESS.format(f"{name}@voorbeeld.example").encode())


@pytest.fixture
def invited(town: Office, request: pytest.FixtureRequest) -> Office:
    town.words.inbox = getattr(request, "param", True)
    town.invited()
    assert town.engine.applier.sender == "server"
    assert town.got() == sorted(SERVER * 2)
    return town


@INBOX
@BOTH
@pytest.mark.parametrize("partstat", ["ACCEPTED", "TENTATIVE"])
def test_an_answer_is_heard_and_brings_nobody_anything(invited: Office, name: str, partstat: str) -> None:
    town = invited
    town.answer(ADDRESSES[name], "series", partstat)
    town.answer(ADDRESSES[name], "goals", "ACCEPTED")

    town.tick(SOON)

    assert town.got() == []
    story = town.settled()
    assert story.answers == {("series", "", name): Said(partstat.lower()), ("goals", "", name): Said.ACCEPTED}
    assert (story.waiting, story.moved) == (None, 0)


@BOTH
def test_a_declined_series_brings_other_hours_and_the_chosen_one_moves_it(invited: Office, name: str) -> None:
    town = invited
    town.answer(ADDRESSES[OTHER[name]], "series", "ACCEPTED")
    town.tick(SOON)
    town.answer(ADDRESSES[name], "series", "DECLINED")
    town.tick(SOON)

    letters = town.letters()
    assert town.got(*letters) == [("karim", "Een andere tijd"), ("sanne", "Een andere tijd")]
    story = town.settled()
    assert story.waiting == (SANNE, "declined-series")
    assert story.answers == {("series", "", name): Said.DECLINED, ("series", "", OTHER[name]): Said.ACCEPTED}
    [hours] = [letter for letter in letters if SANNE in str(letter["To"])]

    press(town, SANNE, offers(hours)[1])
    town.tick(SOON)  # it is the pair's hour from now on,
    town.tick(SOON)  # to which the calendar is brought, as to any other change of what is planned

    assert town.got() == SERVER
    story = town.settled()
    assert (story.answers, story.waiting) == ({}, None)
    assert story.meetings["series"] == at_once(*(on(days, 15) for days in (35, 49, 77, 91)))  # day 63 is a session's
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


@BOTH
def test_of_one_meeting_an_attendee_can_say_nothing_here(invited: Office, name: str) -> None:
    """The server refuses it to their program, so nothing is heard that they would believe to have said."""
    with pytest.raises(urllib.error.HTTPError, match="412"):
        invited.answer(ADDRESSES[name], "series", "DECLINED", SECOND)

    invited.tick(SOON)

    assert invited.got() == []
    story = invited.settled()
    assert (story.answers, story.meetings["series"]) == ({}, at_once(*SERIES))


@BOTH
def test_who_throws_their_copy_away_says_nothing_here(invited: Office, name: str) -> None:
    """The server tells the organizer nothing of it; to us it is silence, after which the ladder asks."""
    invited.throw_away(ADDRESSES[name], "goals")

    invited.tick(SOON)

    assert invited.got() == []
    story = invited.settled()
    assert (story.answers, story.waiting) == ({}, (SANNE, "no-answer"))
    assert invited.shown(ADDRESSES[OTHER[name]]) == story.meetings


def test_one_meeting_is_moved_in_the_services_calendar_and_its_questions_follow(invited: Office) -> None:
    """Two ticks: the text of the series waits ten minutes, since people drag twice."""
    town = invited
    town.answer(KARIM, "series", "ACCEPTED")
    town.tick(SOON)

    town.move("series", timedelta(days=-1, hours=-4), SERIES[0])
    town.tick(SOON)
    moved = town.got()
    town.tick(QUIET)

    assert (moved, town.got()) == (SERVER, SERVER)
    story = town.settled()
    assert story.meetings["series"] == at_once(on(36, 11), *SERIES[1:])
    assert (story.answers, story.moved) == ({("series", "", "karim"): Said.ACCEPTED}, 1)
    for name in (SANNE, KARIM):
        assert town.shown(name) == story.meetings
        assert f"woensdag {on(36, 11).day} " in town.copy(name, "series")[1].replace(b"\r\n ", b"").decode().casefold()


def test_the_series_is_moved_in_the_services_calendar(invited: Office) -> None:
    town = invited
    town.move("series", timedelta(days=1, hours=-2))
    town.tick(SOON)
    moved = town.got()
    town.tick(QUIET)

    assert (moved, town.got()) == (SERVER, SERVER)
    story = town.settled()
    assert story.meetings["series"] == tuple(at + timedelta(days=1, hours=-2) for at in at_once(*SERIES))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert (story.answers, story.moved) == ({}, 1)


@pytest.mark.parametrize("item", ["series", "goals"])
def test_an_event_is_deleted_in_the_services_calendar(invited: Office, item: str) -> None:
    town = invited
    town.answer(SANNE, item, "ACCEPTED")
    town.tick(SOON)
    town.remove(town.row(item).href)

    town.tick(SOON)

    assert town.got() == SERVER
    story = town.settled()
    assert item not in story.meetings
    assert story.answers == {}
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


def test_the_mentee_proposes_another_time_for_one_meeting_and_then_for_all(invited: Office) -> None:
    town = invited
    town.answer(KARIM, "series", "ACCEPTED")
    town.tick(SOON)
    propose(town, "series", SANNE, on(50, 11), meeting=SECOND)
    town.tick(SOON)

    [confirmation] = town.mails()
    assert town.got(confirmation) == sorted([*SERVER, ("sanne", "Verzet naar woensdag")])
    proposed = {("series", f"{SECOND:%Y-%m-%d}", "sanne"): Said.ACCEPTED}  # who proposes a time needn't answer
    story = town.settled(elsewhere=proposed)
    assert story.meetings["series"] == at_once(SERIES[0], on(50, 11), *SERIES[2:])
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert story.answers == {("series", "", "karim"): Said.ACCEPTED, **proposed}

    press(town, SANNE, next(each for each in offers(confirmation) if "Voortaan" in unquote(each)))
    town.tick(SOON)
    town.tick(SOON)

    assert town.got() == sorted(SERVER * 2)  # a new invitation, and the end of the old one with its moved meeting
    story = town.settled()
    assert story.meetings["series"] == at_once(*(on(days, 11) for days in (36, 50, 64, 78, 92)))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert story.answers == {}


def test_the_mentor_proposes_and_the_mentee_takes_it_over(invited: Office) -> None:
    town = invited
    propose(town, "goals", KARIM, on(22, 10))
    town.tick(SOON)
    [put] = town.mails()
    assert town.got(put) == [("sanne", "Karim stelt woensdag")]
    assert town.settled().meetings["goals"] == at_once(GOALS)

    press(town, SANNE, offers(put)[0])
    town.tick(SOON)

    assert town.got() == sorted([*SERVER, ("sanne", "Verzet naar woensdag")])
    story = town.settled(elsewhere={("goals", "", "sanne"): Said.ACCEPTED})
    assert story.meetings["goals"] == at_once(on(22, 10))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


def test_a_series_that_begins_later_still_ends_where_it_did(invited: Office) -> None:
    town = invited
    town.words.closed = f"{SERIES[0]:%Y-%m-%d}"

    town.changed()

    assert town.got() == sorted(SERVER * 2)  # the series, and the stand-in
    story = town.settled()
    assert story.meetings["series"] == at_once(*SERIES[1:])
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
