"""Moving between makers' servers in the middle of a track, by the command, as an administrator does it; and what people then have.

One company, on which two servers stand: its people keep their mailboxes, the service's calendar moves. What their programs show is
read from those mailboxes, in which also arrives what we send by mail. The machine's clock is in the middle of the track: its first
meeting has been, and people moved, took out, declined, accepted, deleted and proposed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.conversation import DAY, INVITED, SOON, Speaking, at_once, offers
from tests.fakes import programs
from tests.fakes.company import Company
from tests.fakes.makers import MAKERS
from tests.firm import PEOPLE, Firm, firm_on
from tests.mailroom import AMSTERDAM, ORGANIZER, press, propose, reply
from tests.town import KARIM, NOOR, QUIET, SANNE, WELCOME, Town, caldav_town, itip_part

from beklijf.model import canonical
from beklijf.model.conversation import Said
from beklijf.service import clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

    from tests.fakes.makers import Maker
    from tests.fakes.tokens import Pair

    from beklijf.model.conversation import Heard

START = INVITED - 42 * DAY
"""The machine's clock is then 42 to 50 days into the track: after the first meeting of the series, before the second one."""
NOT_AGREED = 2
SESSIONS = (START + 28 * DAY, START + 63 * DAY)


def day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def on(days: int, hour: int) -> datetime:
    return (START + days * DAY).replace(hour=hour)


FIRST, SECOND, THIRD, FOURTH, FIFTH = (on(days, 15) for days in (37, 51, 65, 79, 93))
MOVED = on(64, 11)
"""Where people put the third."""
EXTRA = on(72, 15)
"""After the second session."""
STAND = at_once(FIRST, SECOND, MOVED, EXTRA, FIFTH)
"""What everybody's calendar has, the fourth being taken out, and the goals meeting deleted."""
WANTED = on(92, 11)
"""Where the mentor would like to have the fifth; the mentee was asked, and hasn't said anything yet."""
ANSWERS = {(None, SANNE, Said.ACCEPTED), (SECOND.astimezone(UTC), KARIM, Said.DECLINED)}


@dataclass
class Crossing(Firm):
    """A firm whose service's calendar moves from one server to another; *mail*: on the first one it invites by mail."""

    mail: bool = False
    asked: str = ""
    """The link by which the mentee takes the mentor's proposal."""

    # -- what people do

    def begin(self) -> None:
        """Bring the town to the machine's clock."""
        self.now = START - DAY
        self.start()
        self.at(START - DAY)
        self.at(START)
        self.receive()
        self.tick(DAY)

    def lived(self) -> None:
        """Let people do everything that people do, and all of it be told."""
        self.begin()
        self.remove(self.row("goals").href)
        self.tick(SOON)
        self.tick(QUIET)
        self.move("series", MOVED - THIRD, THIRD)
        self.tick(SOON)
        self.tick(QUIET)
        self.take_out("series", FOURTH)
        self.tick(SOON)
        self.tick(QUIET)
        self.say(SANNE, "ACCEPTED")
        self.tick(SOON)
        self.say(KARIM, "DECLINED", SECOND)
        self.tick(SOON)
        self.at(clock() - timedelta(hours=1))
        self.receive()
        self.want(KARIM, WANTED, FIFTH)
        self.tick(SOON)
        [put] = [mail for mail in self.mails() if "Karim stelt" in str(mail["Subject"])]
        self.asked = offers(put)[0]
        self.tick(QUIET)
        self.receive()
        self.got()

    def say(self, who: str, partstat: str, meeting: datetime | None = None) -> None:
        if self.mail:
            reply(self, "series", who, partstat, meeting=meeting)
        else:
            self.answer(who, "series", partstat, meeting)

    def want(self, who: str, start: datetime, meeting: datetime) -> None:
        if self.mail:
            propose(self, "series", who, start, meeting=meeting)
        else:
            self.propose(who, "series", start, meeting=meeting)

    # -- what they have

    def receive(self) -> list[EmailMessage]:
        """Let the mails that we sent arrive: a server takes invitations into calendars by itself. Return them."""
        found = self.mails()
        for mail in found:
            if data := itip_part(mail):
                take(self.company, to(mail), data)
        return found

    def agenda(self, who: str) -> tuple[datetime, ...]:
        """Return all that somebody's program shows; what stands there twice, twice."""
        entries = self.company.inside(who, "main")
        return tuple(sorted(at for each in entries if not each.cancelled for _, at, _ in each.meetings()))

    # -- the administrator

    def leads_to(self, other: Town) -> None:
        self.stop()
        shutil.copy(self.folder / "config.toml", self.folder / "before.toml")
        self.mail = not isinstance(other, Firm)
        if isinstance(other, Firm):
            self.maker = other.maker
        self.calendar, self.read, self.write, self.remove = other.calendar, other.read, other.write, other.remove
        (self.folder / "config.toml").write_text(self.words.toml(self.calendar), encoding="utf-8")

    def move_calendar(self, *arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "beklijf", "--config", str(self.folder / "config.toml"), "move-calendar", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        return done.returncode, done.stdout + done.stderr

    def moved(self) -> str:
        """Move, and return what the list said; everybody got exactly what it said."""
        before = str(self.folder / "before.toml")
        assert self.counted() == {}
        code, said = self.move_calendar("--from", before)
        assert code == NOT_AGREED, said
        assert self.counted() == {}
        code, done = self.move_calendar("--from", before, "--yes")
        assert code == 0, done
        assert done.startswith(said.partition("Nothing was done")[0])
        self.now = clock()
        self.start()
        assert self.tick(SOON).errors == []
        assert self.counted() == listed(said)
        return said

    def counted(self) -> Counter[tuple[str, str]]:
        """Return how many messages about meetings each got since the last look, of servers and of us; letters go by the clock."""
        said = [(to(mail), re.findall(r"METHOD:(\w+)", itip_part(mail))) for mail in self.receive()]
        found = Counter((who.partition("@")[0], methods[0]) for who, methods in said if methods)
        return found + Counter((who.partition("@")[0], what) for who, desk in self.desks.items() for what in desk.news())

    def rests(self) -> None:
        """See that nothing is to be done, and nobody gets anything more."""
        for later in (SOON, QUIET):
            assert self.tick(later).errors == []
        assert self.plan().changes == ()
        assert self.counted() == {}
        assert self.agenda(SANNE) == self.agenda(KARIM)

    def in_status(self) -> dict[tuple[str, str, str], Said]:
        """Return the answers that ``status`` tells of; ledger and status agree, about when people meet too."""
        rows = [row for row in self.engine.ledger.rows().values() if row.state == "live"]
        ahead = sorted(at for row in rows for at in canonical.meetings(canonical.load(row.seen)) if at > self.now)
        assert ahead == [at for at in self.agenda(SANNE) if at > self.now]
        status = self.command("status")
        [pair] = status["trainings"][0]["mentorships"]
        assert datetime.fromisoformat(pair["next_meeting"]) == ahead[0]
        assert (pair["waiting"], pair["failed"], pair["held"], status["servers"]) == ([], [], [], [])
        found = {
            (each["item"].rpartition("/")[2], (each["place"] or "")[:10], each["person"].partition("@")[0]): Said(each["said"])
            for each in pair["answers"]
        }
        assert found == self.heard()
        return found

    def answers(self) -> set[tuple[datetime | None, str, Said]]:
        """Return what people answered to the series, under whichever invitation."""
        [history] = self.engine.conversation.histories(self.engine.config.addresses).values()
        return {(recurrence_id, person, heard.said) for (_, recurrence_id, person), heard in history.answers().items()}


def listed(said: str) -> Counter[tuple[str, str]]:
    """Return how many mails each gets, as the command tells it; all of one kind go to each of its people."""
    found: Counter[tuple[str, str]] = Counter()
    for number, what, names in re.findall(r"^  (\d+) (\w+).*, sent by .*, to (.*)$", said, re.MULTILINE):
        people = [name.split()[0].casefold() for name in names.split(", ")]
        method = "CANCEL" if what.startswith("cancellation") else "REQUEST"
        found += Counter({(person, method): int(number) // len(people) for person in people})
    assert found or "Mails: none." in said
    return found


def to(mail: EmailMessage) -> str:
    return str(mail["To"].addresses[0].addr_spec)


def take(company: Company, who: str, data: str) -> None:
    """Do with an invitation, update or cancellation what a mail server does with it for the receiver."""
    method = re.findall(r"METHOD:(\w+)", data)[0]
    wanted = programs._entry(data.encode())
    there = [each for each in company.inside(who, "main") if each.uid == wanted.uid]
    places = [single for single in re.findall(r"RECURRENCE-ID[^:]*:(\w+)", data) if not wanted.rhythm]
    if places:
        [copy] = there
        local = datetime.strptime(places[0], "%Y%m%dT%H%M%S").replace(tzinfo=AMSTERDAM)
        if method == "CANCEL":
            company.take_out(copy, local.astimezone(UTC))
        else:
            company.single(copy, local.astimezone(UTC), start=wanted.start, minutes=wanted.minutes)
    elif method == "CANCEL":
        [copy] = there
        company.change(copy, cancelled=True)
    elif there:
        [copy] = there
        values = {name: getattr(wanted, name) for name in ("title", "text", "place", "start", "minutes", "rhythm", "singles", "guests")}
        company.change(copy, **values)
    else:
        wanted.mailbox, wanted.original = who, "by mail"
        company.add(wanted)


@dataclass
class Makers:
    """Servers on one company."""

    folder: Path
    pair: Pair
    stack: ExitStack
    company: Company
    made: list[Maker]
    request: pytest.FixtureRequest

    def maker(self, kind: str, name: str = "") -> Maker:
        made = MAKERS[kind](self.folder, self.company, self.pair, self.stack)
        self.made.append(made)
        if not name:
            return made

        def core(who: str, href: str) -> str:
            """Return what the company calls an event in that calendar."""
            plain = made.core(who, href)
            return plain if plain in self.company.entries else next(key for key in self.company.entries if key.endswith(f"/{href}"))

        return replace(made, calendar=f'{made.calendar}\nname = "{name}"', core=core)

    def firm(self, maker: Maker, words: Speaking) -> Crossing:
        firm = firm_on(self.folder, maker, words)
        return Crossing(
            **{name: getattr(firm, name) for name in ("folder", "calendar", "read", "write", "remove", "words", "desks", "maker")}
        )

    def town(self, kind: str, words: Speaking | None = None) -> Crossing:
        words = words or Speaking(sessions=", ".join(f"{at:%Y-%m-%d}" for at in SESSIONS))
        if kind == "caldav":
            made = self.firm(self.maker("graph"), words)
            caldav = caldav_town(self.folder, self.request.getfixturevalue("radicale"))
            made.calendar, made.read, made.write, made.remove, made.mail = caldav.calendar, caldav.read, caldav.write, caldav.remove, True
        else:
            made = self.firm(self.maker(kind), words)
        self.stack.callback(made.stop)
        return made

    def lead(self, town: Crossing, maker: Maker) -> None:
        """Let the config lead to *maker*."""
        place = self.folder / f"at{len(self.made)}"
        place.mkdir()
        town.leads_to(firm_on(place, maker, town.words))


@pytest.fixture
def makers(tmp_path: Path, pair: Pair, request: pytest.FixtureRequest) -> Iterator[Makers]:
    company = Company()
    for address, name in PEOPLE.items():
        company.hire(address, name)
    with ExitStack() as stack:
        made = Makers(tmp_path, pair, stack, company, [], request)
        yield made
    assert [wrong for maker in made.made for wrong in maker.illegal] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [("caldav", "graph"), ("exchange", "graph"), ("graph", "google"), ("google", "exchange")],
    ids=["caldav to graph", "exchange to graph", "graph to google", "google to exchange"],
)
def test_in_the_middle_of_a_track_what_lies_ahead_goes_on_under_one_new_invitation_each(makers: Makers, old: str, new: str) -> None:
    town = makers.town(old)
    town.lived()
    assert town.agenda(SANNE) == town.agenda(KARIM) == STAND
    answers = town.answers()
    assert answers >= ANSWERS

    makers.lead(town, makers.maker(new, "Mentorgesprekken"))
    said = town.moved()

    assert "4 invitations, sent by the server of the new calendar" in said
    assert town.agenda(SANNE) == town.agenda(KARIM) == STAND
    town.rests()
    assert town.answers() == answers
    assert town.in_status() == {}
    goes_on(town)


def know_by_both_names(company: Company) -> None:
    """Let either fake have the extended properties that were written through the other: they are one mailbox's."""
    for entry in company.entries.values():
        for key, value in [*entry.properties.items()]:
            guid, name, *_ = key.split(":") if ":" in key else re.findall(r"{(.*)} name (.*)", key)[0]
            entry.properties |= {f"{guid}:{name}:String": value, f"string {{{guid}}} name {name}": value}


def goes_on(town: Crossing) -> None:
    """Let people answer and choose in the new calendar."""
    before = town.heard()
    town.answer(KARIM, "series", "DECLINED", SECOND)
    town.answer(SANNE, "series", "ACCEPTED")
    town.tick(SOON)

    heard = before | {("series", day(SECOND), "karim"): Said.DECLINED, ("series", "", "sanne"): Said.ACCEPTED}
    assert town.heard() == heard
    town.counted()
    press(town, SANNE, town.asked)
    town.tick(SOON)
    town.tick(QUIET)

    updates = {who: number for (who, what), number in town.counted().items() if what == "REQUEST"}
    assert updates.keys() == {"karim", "sanne"}
    assert set(updates.values()) <= ({1, 2} if town.tells_all else {1})  # words that go with it are a write of their own there
    town.rests()
    assert town.agenda(SANNE) == at_once(FIRST, SECOND, MOVED, EXTRA, WANTED)


def test_to_a_server_of_ours_the_invitation_of_exchange_goes_on_and_nobody_hears_of_it(makers: Makers) -> None:
    town = makers.town("exchange")
    town.lived()
    heard = town.heard()
    assert len(heard) == len(ANSWERS)

    town.leads_to(caldav_town(makers.folder, makers.request.getfixturevalue("radicale")))
    said = town.moved()

    assert "Mails: none." in said
    assert "would cancel the invitation that goes on" in said
    assert town.agenda(SANNE) == town.agenda(KARIM) == STAND
    town.rests()
    assert town.in_status() == heard


@pytest.mark.parametrize("new", ["graph", "exchange"])
def test_a_mailbox_that_was_migrated_with_its_events_is_adopted_and_nobody_gets_anything(makers: Makers, new: str) -> None:
    """Exchange takes the events along, our property and all: the people have the invitations that they had."""
    town = makers.town("exchange" if new == "graph" else "graph")
    town.lived()
    heard, uids = town.heard(), {row.uid for row in town.engine.ledger.rows().values()}
    assert len(heard) == len(ANSWERS)

    makers.lead(town, makers.maker(new))
    know_by_both_names(makers.company)
    said = town.moved()

    assert "2 events: there already" in said
    assert "Mails: none." in said
    assert town.agenda(SANNE) == town.agenda(KARIM) == STAND
    town.rests()
    assert (town.heard(), {row.uid for row in town.engine.ledger.rows().values()}) == (heard, uids)
    assert town.in_status() == heard
    goes_on(town)


# -- mailboxes that move in batches ------------------------------------------------------------------------------------

FATIMA = "fatima@voorbeeld.example"


@dataclass
class Batches:
    """An Exchange Server and Exchange Online side by side, and mentees whose mailboxes are on the one or the other."""

    town: Town
    here: Company
    online: Company

    def tick(self, later: timedelta = timedelta(minutes=5)) -> None:
        outcome = self.town.tick(later)
        assert (outcome.errors, outcome.problems, outcome.calendar) == ([], [], None)

    def migrate(self, who: str) -> None:
        """Move a mailbox with all that is in it."""
        self.online.hire(who)
        moved = self.here.inside(who, "main")
        self.here.leave(who)
        for entry in moved:
            self.online.add(replace(entry, id="", uid=entry.uid))
        know_by_both_names(self.online)

    def got(self) -> list[tuple[str, str]]:
        """Return who got what of the servers since the last look."""
        found = [(address, method) for company in (self.here, self.online) for address, method, _ in company.outside]
        for company in (self.here, self.online):
            company.outside.clear()
            for mailbox in company.mailboxes.values():
                found += [(mailbox.address, method) for method in mailbox.news]
                mailbox.news = []
        return sorted(found)


@pytest.fixture
def batches(tmp_path: Path, pair: Pair) -> Iterator[Batches]:
    here, online = Company(), Company()
    for company, people in ((here, (ORGANIZER, SANNE, KARIM)), (online, (NOOR,))):
        company.now = WELCOME
        for address in people:
            company.hire(address)
    with ExitStack() as stack:
        exchange, graph = (MAKERS[kind](tmp_path, company, pair, stack) for kind, company in (("exchange", here), ("graph", online)))
        words = Speaking(owner="mentee", inbox=False, sessions="2027-01-12, 2027-02-16", pairs=((SANNE, KARIM), (NOOR, FATIMA)))
        words.persons[FATIMA] = ("Fatima el Amrani", "")
        calendar = "\n".join([exchange.calendar, *(line for line in graph.calendar.splitlines() if not line.startswith("kind"))])
        town = Town(folder=tmp_path, calendar=calendar, read=_nowhere, write=_never, remove=_never, words=words)
        stack.callback(town.stop)
        yield Batches(town, here, online)
    assert exchange.illegal + graph.illegal == []


def histories(town: Town) -> list[list[tuple[tuple[str, datetime | None, str], Heard]]]:
    return [[*each.answers().items()] for each in town.engine.conversation.histories(town.engine.config.addresses).values()]


def _nowhere(_: str) -> bytes:
    raise AssertionError("people's programs work on their own company")


def _never(*_: object) -> None:
    raise AssertionError("as above")


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
def test_side_by_side_a_mailbox_that_moves_takes_its_meetings_along_and_nobody_hears_of_it(batches: Batches, restarted: bool) -> None:
    town = batches.town
    town.invited()
    assert batches.got() == [(FATIMA, "REQUEST")] * 2 + [(KARIM, "REQUEST")] * 2
    assert town.row("series").href.startswith(f"{SANNE}|exchange>")
    assert town.row("series", NOOR).href.startswith(f"{NOOR}|graph>")
    [copy] = [each for each in batches.here.inside(KARIM, "main") if each.rhythm]
    batches.here.respond(copy, "ACCEPTED")
    batches.tick()
    before = {row.uid: (row.seen, row.state) for row in town.engine.ledger.rows().values()}

    batches.migrate(SANNE)
    if restarted:
        town.start()
    batches.tick()
    batches.tick(QUIET)

    rows = town.engine.ledger.rows().values()
    assert {row.uid: (row.seen, row.state) for row in rows} == before
    assert town.row("series").href.startswith(f"{SANNE}|graph>")
    assert len(batches.online.inside(SANNE, "main")) == 2
    assert (batches.got(), town.told()) == ([], [])
    assert town.plan().changes == ()
    assert (None, KARIM, Said.ACCEPTED) in {
        (recurrence_id, who, heard.said) for history in histories(town) for (_, recurrence_id, who), heard in history
    }

    town.words.place = "Zaal 2"
    town.start()
    batches.tick()
    batches.tick(QUIET)

    assert {each.place for who in (SANNE, NOOR) for each in batches.online.inside(who, "main")} == {"Zaal 2"}
    assert batches.got() == [(FATIMA, "REQUEST")] * 2 + [(KARIM, "REQUEST")] * 2
    assert town.plan().changes == ()
